"""A token shows nowhere: not in a file, a log, a word on the terminal, an error. Whole commands, marked token."""

import base64
import gzip
import json
import logging
import os
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from posture.emulator.app import create_app
from posture.emulator.faults import Fault
from posture.emulator.tenant import find_sample, load_tenant
from tests.cli.run import Said, posture
from tests.graph.faulty import FastTime

TENANT = "00000000-0000-4000-8000-000000000001"


def _part(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


TOKEN = ".".join(
    (
        _part({"typ": "JWT", "alg": "RS256", "kid": "MARKED-HEAD"}),
        _part(
            {
                "aud": "https://graph.microsoft.com",
                "exp": int(time.time()) + 7200,
                "appid": "11111111-2222-4333-8444-555555555555",
                "idtyp": "app",
                "roles": ["User.Read.All", "Policy.Read.All", "User.ReadWrite.All"],
                "uti": "MARKED-CLAIM",
            }
        ),
        "MARKED-SIGNATURE-0123456789abcdefghijklmnopqrstuvwxyz",
    )
)
SECRETS = [TOKEN, *TOKEN.split("."), "MARKED-", TOKEN[20:60], TOKEN[-30:]]


@pytest.fixture
def logged(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.DEBUG)
    return caplog


@pytest.fixture(autouse=True)
def _signed_in(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Sign in to the real cloud with the marked token; its network leads to an emulator."""
    monkeypatch.chdir(tmp_path)
    for name in [n for n in os.environ if n.startswith("POSTURE_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("POSTURE_TOKEN", TOKEN)
    monkeypatch.setattr("posture.graph.reader.Timer", lambda: FastTime().timer())


def _cloud(monkeypatch: pytest.MonkeyPatch, sample: str, *faults: Fault) -> list[str]:
    """Let the cloud be a sample; returns the words of authorization that came, as the emulator kept them."""
    app = create_app(load_tenant(find_sample(sample)), faults=faults)
    monkeypatch.setattr("posture.graph.transport.network", lambda root, limits, ca: httpx.ASGITransport(app=app))
    return app.state.requests  # type: ignore[no-any-return]


def _nowhere(said: Said, logged: pytest.LogCaptureFixture, folder: Path) -> None:
    heard = "\n".join([said.out, said.err, logged.text, *(str(r.__dict__) for r in logged.records)])
    for secret in SECRETS:
        assert secret not in heard
    for file in folder.rglob("*"):
        if not file.is_file():
            continue
        data = file.read_bytes()
        data += gzip.decompress(data) if file.suffix == ".gz" else b""
        for secret in SECRETS:
            assert secret.encode() not in data, file
            assert secret not in file.name


@pytest.mark.parametrize("sample", ["contoso", "halfblind"])
def test_a_whole_audit(
    monkeypatch: pytest.MonkeyPatch, logged: pytest.LogCaptureFixture, tmp_path: Path, sample: str
) -> None:
    sent = _cloud(monkeypatch, sample)
    said = posture("audit", "--auth", "token", "--verbose", "--include", "all", "--format", "sarif")
    assert said.code in (1, 3), said.err
    assert len(sent) > 50
    _nowhere(said, logged, tmp_path)


def test_doctor_and_the_words_of_its_account(
    monkeypatch: pytest.MonkeyPatch, logged: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    _cloud(monkeypatch, "hardened")
    for more in ([], ["--json"]):
        said = posture("doctor", "--auth", "token", *more)
        assert said.code in (0, 3), said.err
        assert "User.ReadWrite.All" in said.out
        _nowhere(said, logged, tmp_path)


ERRORS = {
    "refused everywhere": [Fault("unauthorized")],
    "refused with a challenge": [Fault("unauthorized", path="v1.0/users*", variant="eyJhIjp7fX0=")],
    "forbidden": [
        Fault("forbidden", path="v1.0/p*", variant="directory"),
        Fault("forbidden", path="beta/*", variant="claims"),
    ],
    "failing": [Fault("status", path="v1.0/groups*", status=500), Fault("throttled", path="v1.0/d*", on=(1,))],
    "leading elsewhere": [
        Fault("redirect", path="v1.0/domains", status=302, variant="https://evil.example/"),
        Fault("foreign-link", path="v1.0/users", variant="other-host"),
        Fault("foreign-link", path="v1.0/groups", variant="userinfo"),
    ],
    "damaged": [Fault("truncated", path="v1.0/*olicies*"), Fault("html", path="v1.0/groups*")],
    "not answering": [Fault("status", status=503)],
}


@pytest.mark.parametrize("words", ERRORS)
def test_every_kind_of_error(
    monkeypatch: pytest.MonkeyPatch, logged: pytest.LogCaptureFixture, tmp_path: Path, words: str
) -> None:
    _cloud(monkeypatch, "hardened", *ERRORS[words])
    said = posture("audit", "--auth", "token", "--verbose")
    assert said.code in (1, 3, 4), said.err
    assert "Traceback" not in said.err
    _nowhere(said, logged, tmp_path)


class Repeating(httpx.AsyncBaseTransport):
    """Says the token it was shown back: in errors, in an answer, in a next link and in the request's id."""

    def __init__(self, inner: httpx.AsyncBaseTransport) -> None:
        self._inner = inner

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        shown = request.headers["authorization"]
        told = {"error": {"code": "Bad", "message": f"Authorization: {shown}", "innerError": {"request-id": shown}}}
        match request.url.path.rpartition("/")[2]:
            case "groupSettings":
                return httpx.Response(403, json=told, headers={"request-id": shown})
            case "domains":
                return httpx.Response(200, json={"value": [{"id": "d.example", "said": shown}]})
            case "subscribedSkus":
                return httpx.Response(200, json={"value": [], "@odata.nextLink": f"https://evil.example/{TOKEN}"})
        answer = await self._inner.handle_async_request(request)
        answer.headers["request-id"] = shown
        return answer


def test_a_service_that_says_it_back(
    monkeypatch: pytest.MonkeyPatch, logged: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    app = create_app(load_tenant(find_sample("hardened")))
    wire = Repeating(httpx.ASGITransport(app=app))
    monkeypatch.setattr("posture.graph.transport.network", lambda root, limits, ca: wire)
    said = posture("audit", "--auth", "token", "--verbose")
    assert said.code == 3, said.err
    _nowhere(said, logged, tmp_path)


def test_a_bug_in_a_gatherer(monkeypatch: pytest.MonkeyPatch, logged: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    """A traceback is logged then; what stands in it is code and never the token."""
    _cloud(monkeypatch, "hardened")

    async def broken(self: Any, path: str, **how: Any) -> Any:
        raise RuntimeError(f"broken at {path}")

    monkeypatch.setattr("posture.collect.source.Source.one", broken)
    said = posture("audit", "--auth", "token")
    assert said.code == 3
    assert "broken at" in logged.text
    _nowhere(said, logged, tmp_path)


@pytest.mark.parametrize(
    "token", [TOKEN + "\n" + TOKEN, "Bearer ", TOKEN.replace(".", " "), f"{TOKEN}\x00", TOKEN[:-5] + "é"]
)
def test_a_token_that_cannot_be_used(
    monkeypatch: pytest.MonkeyPatch, logged: pytest.LogCaptureFixture, tmp_path: Path, token: str
) -> None:
    _cloud(monkeypatch, "hardened")
    monkeypatch.setattr("os.environ", {**os.environ, "POSTURE_TOKEN": token})
    said = posture("audit", "--auth", "token", "--verbose")
    assert said.code in (2, 4)
    _nowhere(said, logged, tmp_path)


def test_the_check_itself_would_see_one(logged: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    (tmp_path / "evidence.ndjson.gz").write_bytes(gzip.compress(f"x {TOKEN} y".encode()))
    with pytest.raises(AssertionError):
        _nowhere(Said(0, "", ""), logged, tmp_path)
