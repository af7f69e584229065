"""Requests go through msgraph-sdk's adapter; its imports wait until they are needed."""

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from posture.graph.reader import open_reader

HOME = Path(__file__).resolve().parent.parent.parent


def loaded(code: str) -> set[str]:
    """Return which heavy packages a fresh interpreter has loaded after some code."""
    names = ["msgraph", "msgraph_core", "kiota_http", "azure.identity", "azure.core", "msal", "httpx", "aiohttp"]
    code += f"\nimport sys; print(*[n for n in {names} if n in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=HOME, capture_output=True, text=True, check=True, timeout=60
    )
    return set(done.stdout.split())


def test_importing_the_reader_and_signing_in_loads_none_of_the_sdk() -> None:
    assert loaded("import posture.graph.reader, posture.graph.signin, posture.graph.clouds") == set()


def test_a_loopback_reader_never_loads_azure_identity() -> None:
    found = loaded("from posture.graph.reader import open_reader; open_reader('http://127.0.0.1:1')")
    assert "msgraph" in found
    assert not found & {"azure.identity", "msal", "aiohttp"}


async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
    body = b'{"id":"x"}'
    await send({"type": "http.response.start", "status": 200, "headers": [(b"request-id", b"in\r\nprocess")]})
    await send({"type": "http.response.body", "body": body})


def test_an_emulator_in_process_takes_the_same_way(monkeypatch: pytest.MonkeyPatch) -> None:
    from kiota_http.httpx_request_adapter import HttpxRequestAdapter

    sent: list[str] = []
    original = HttpxRequestAdapter.send_primitive_async

    async def noted(self: Any, info: Any, kind: str, errors: Any) -> Any:
        sent.append(info.url)
        return await original(self, info, kind, errors)

    monkeypatch.setattr(HttpxRequestAdapter, "send_primitive_async", noted)

    async def run() -> None:
        reader = open_reader("http://127.0.0.1", transport=httpx.ASGITransport(app=app))
        answer = await reader.get("/me")
        assert answer.body == b'{"id":"x"}'
        assert answer.request_id == "in process"
        await reader.aclose()

    asyncio.run(run())
    assert sent == ["http://127.0.0.1/v1.0/me"]
