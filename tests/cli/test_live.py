"""The way to a real tenant, whole: sign-in and the wire alone are replaced, and the wire leads to the emulator."""

import base64
import json
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from posture.collect.registry import gatherers
from posture.emulator.app import create_app
from posture.emulator.tenant import find_sample, load_tenant
from posture.graph import signin, transport
from posture.graph.clouds import CLOUDS
from posture.snapshot.types import GapReason
from tests.cli.run import posture
from tests.emulator.world import tenant_at

GRAPH, ARM = "graph.microsoft.com", "management.azure.com"
CONTOSO = load_tenant(find_sample("contoso"))
TENANT = "00000000-0000-4000-8000-000000000001"
SECRET = "not-to-be-seen-anywhere"


class Wire(httpx.AsyncBaseTransport):
    """Azure asks for a pause first, and repeats the token it was shown."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str, str]] = []
        self._emulator = httpx.ASGITransport(app=create_app(CONTOSO))

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        shown = request.headers["authorization"]
        payload = shown.removeprefix("Bearer ").split(".")[1]
        audience = json.loads(base64.urlsafe_b64decode(payload + "=="))["aud"]
        self.seen.append((request.method, request.url.host, audience))
        if request.url.host == ARM and sum(host == ARM for _, host, _ in self.seen) == 1:
            told = {"error": {"code": "TooManyRequests", "message": shown}}
            return httpx.Response(429, headers={"Retry-After": "0.1"}, json=told)
        return await self._emulator.handle_async_request(request)


class Credential:
    """Gives out a token for whatever is asked, made out to it."""

    async def get_token(self, *scopes: str, **options: Any) -> Any:
        from azure.core.credentials import AccessToken

        organization = json.loads((find_sample("contoso") / "v1.0/organization.ndjson").read_text().splitlines()[0])
        claims = {"aud": scopes[0].removesuffix("/.default"), "tid": organization["id"], "scp": "User.Read.All"}
        payload = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()
        return AccessToken(f"e30.{payload}.{SECRET}", int(time.time()) + 3600)

    def forget(self, mark: str = "") -> None: ...

    def challenge(self, claims: str, mark: str = "") -> None: ...

    async def close(self) -> None: ...


@pytest.fixture
def wire(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Wire:
    monkeypatch.chdir(tmp_path)
    found = Wire()
    monkeypatch.setattr(transport, "network", lambda *_: found)
    monkeypatch.setattr(signin, "credential", lambda *_: Credential())
    return found


def test_each_host_has_its_own_token_and_every_pause_is_told(tmp_path: Path, wire: Wire) -> None:
    said = posture("collect", "--auth", "cli", "--include", "log_export", "--out", str(tmp_path / "out"), "--verbose")
    assert said.code == 0, said.err
    assert {(host, audience) for _, host, audience in wire.seen} == {
        (GRAPH, f"https://{GRAPH}"),
        (ARM, f"https://{ARM}"),
    }
    assert "wait: /providers/microsoft.aadiam/diagnosticSettings (try 1): 429, as the service asks" in said.err
    assert {method for method, host, _ in wire.seen if host == ARM} == {"GET"}
    (evidence,) = (tmp_path / "out").glob("*/*/evidence")
    assert list(evidence.glob("arm/providers/microsoft.aadiam/diagnosticSettings*"))
    assert SECRET not in said.out + said.err


def test_azure_is_asked_for_nothing_unless_it_is_wanted(tmp_path: Path, wire: Wire) -> None:
    assert posture("collect", "--auth", "cli", "--out", str(tmp_path / "out"), "--quiet").code == 0
    assert {host for _, host, _ in wire.seen} == {GRAPH}


@pytest.mark.parametrize(("cloud", "host"), [(c.name, c.host) for c in CLOUDS.values()])
def test_a_cloud_has_its_own_host_and_token_and_what_it_lacks_is_not_asked(
    tmp_path: Path, wire: Wire, cloud: str, host: str
) -> None:
    said = posture(
        "collect", "--auth", "cli", "--cloud", cloud, "--include", "all", "--out", str(tmp_path / "out"), "--json"
    )
    lacking = {name for name, g in gatherers().items() if cloud not in g.clouds}
    gaps = {g["source"]: g["reason"] for g in json.loads(said.out)["gaps"]}
    assert gaps == dict.fromkeys(lacking, GapReason.CLOUD.value)
    assert said.code == (3 if lacking else 0)
    expected = {(host, f"https://{host}")}
    assert {(h, audience) for _, h, audience in wire.seen} - {(ARM, f"https://{ARM}")} == expected
    assert (ARM in {h for _, h, _ in wire.seen}) == (cloud == "global")


@pytest.mark.parametrize("command", ["audit", "doctor"])
@pytest.mark.parametrize(
    ("kind", "code"), [("CIAM", 4), ("AAD B2C", 4), ("AAD", 3), ("something new", 3), (["CIAM"], 3)]
)
def test_a_tenant_for_customers_is_not_judged_as_one_of_a_workforce(
    tmp_path: Path, command: str, kind: str | list[str], code: int
) -> None:
    tenant = tenant_at(tmp_path / "tenant", {"v1.0/organization": [{"id": TENANT, "tenantType": kind}]})
    said = posture(command, "--sample", str(tenant), "--quiet", *(["--fail-on", "never"] if command == "audit" else []))
    assert said.code == code, said.err
    assert (code != 4) or f"tenantType {kind}" in said.line


def test_a_tenant_named_by_a_domain_must_have_it(tmp_path: Path, wire: Wire) -> None:
    said = posture("audit", "--auth", "cli", "--tenant", "another.example", "--quiet")
    assert said.code == 4
    assert "another.example is none of them" in said.line
    assert {(h, a) for _, h, a in wire.seen} == {(GRAPH, f"https://{GRAPH}")}
    assert len(wire.seen) == 1
    assert not list(tmp_path.rglob("*.ndjson"))
