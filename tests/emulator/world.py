"""Small tenants for the emulator's tests, and a way to ask them."""

import asyncio
import json
from pathlib import Path
from typing import Any

import httpx

from posture.emulator.app import create_app
from posture.emulator.tenant import load_tenant

CLOCK = "2026-11-20T08:15:00Z"
BEARER = {"Authorization": "Bearer emulated"}
EVENTUAL = {"ConsistencyLevel": "eventual"}


def uid(number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012d}"


def guest(number: int, **more: Any) -> dict[str, Any]:
    return {
        "id": uid(number),
        "displayName": f"Guest {number}",
        "userPrincipalName": f"g{number}_partner.example#EXT#@home.onmicrosoft.com",
        "mail": f"g{number}@partner.example",
        "userType": "Guest",
        "accountEnabled": True,
        "externalUserState": "Accepted",
        "createdDateTime": f"2025-01-{number:02d}T00:00:00Z",
        **more,
    }


def member(number: int, **more: Any) -> dict[str, Any]:
    return guest(number, userType="Member", userPrincipalName=f"m{number}@home.example", **more)


def tenant_at(root: Path, files: dict[str, Any], toml: str = "") -> Path:
    """Write a sample: a list becomes .ndjson, an object .json; `toml` follows the clock line."""
    root.mkdir(parents=True, exist_ok=True)
    head = "" if "clock" in toml else f"clock = {CLOCK}\n"
    licences = "" if "licences" in toml else 'licences = ["P1", "P2", "Governance"]\n'
    (root / "tenant.toml").write_text(head + licences + toml)
    for name, content in files.items():
        path = root / (f"{name}.ndjson" if isinstance(content, list) else f"{name}.json")
        path.parent.mkdir(parents=True, exist_ok=True)
        text = "".join(json.dumps(r) + "\n" for r in content) if isinstance(content, list) else json.dumps(content)
        path.write_text(text)
    return root


def app_of(root: Path, files: dict[str, Any] | None = None, toml: str = "", **options: Any) -> Any:
    return create_app(load_tenant(tenant_at(root, files or {}, toml)), **options)


def ask(app: Any, url: str, method: str = "GET", headers: dict[str, str] | None = None, **more: Any) -> httpx.Response:
    async def once() -> httpx.Response:
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            return await client.request(method, url, headers=BEARER if headers is None else BEARER | headers, **more)

    return asyncio.run(once())


def code(response: httpx.Response) -> tuple[int, str]:
    return response.status_code, response.json()["error"]["code"]


def every(app: Any, url: str, headers: dict[str, str] | None = None) -> list[dict[str, Any]]:
    """Follow all pages."""
    rows: list[dict[str, Any]] = []
    link: str | None = url
    while link:
        body = ask(app, link, headers=headers).json()
        rows += body["value"]
        link = body.get("@odata.nextLink")
    return rows
