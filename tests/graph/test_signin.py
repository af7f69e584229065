"""Signing in, against a sign-in service on loopback or azure-identity's own errors."""

import asyncio
import base64
import json
import os
import re
import ssl
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from posture.errors import SettingsError, SignInError
from posture.graph.clouds import CLOUDS
from posture.graph.signin import METHODS, SignIn, credential, who
from tests.graph.certificates import authority_and_server, for_signing_in
from tests.graph.token_service import CLIENT, TENANT, TokenService, jwt, refusal, token_service

GLOBAL = CLOUDS["global"]
SECRET = "SECRET-TEXT"


@pytest.fixture
def service() -> Iterator[tuple[TokenService, Any]]:
    with token_service() as running:
        yield running


def app(method: str = "secret", **more: Any) -> SignIn:
    environment = {"POSTURE_CLIENT_SECRET": SECRET, **more.pop("environment", {})}
    return SignIn(method, **{"tenant": TENANT, "client_id": CLIENT, "environment": environment, **more})


def signed_in(options: SignIn, transport: Any, cloud: str = "global", **more: Any) -> Any:
    async def run() -> Any:
        ticket = credential(options, CLOUDS[cloud], transport=transport, **more)
        try:
            return await ticket.get_token(CLOUDS[cloud].scope, enable_cae=True)
        finally:
            await ticket.close()

    return asyncio.run(run())


def refused(options: SignIn, transport: Any = None, **more: Any) -> str:
    with pytest.raises(SignInError) as caught:
        signed_in(options, transport, **more)
    text = str(caught.value)
    assert "\n" not in text
    assert SECRET not in text
    return text


def refused_settings(options: SignIn, transport: Any = None) -> str:
    """Return why options are refused before anybody is asked."""
    with pytest.raises(SettingsError) as caught:
        signed_in(options, transport)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("cloud", list(CLOUDS))
def test_a_secret_in_each_cloud(service: tuple[TokenService, Any], cloud: str) -> None:
    found, transport = service
    token = signed_in(app(), transport, cloud)
    assert "TOKEN-TEXT" in json.dumps(jwt_payload(token.token))
    (form,) = found.forms()
    assert form["client_secret"] == SECRET
    assert form["scope"] == CLOUDS[cloud].scope
    assert {host for host, _, _ in found.asked} == {CLOUDS[cloud].authority.removeprefix("https://")}


def jwt_payload(token: str) -> Any:
    return json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))


def test_a_tenant_by_its_domain(service: tuple[TokenService, Any]) -> None:
    found, transport = service
    signed_in(app(tenant="contoso.example"), transport)
    assert any(path.startswith("/contoso.example/") for _, path, _ in found.asked)


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("password", [None, b"let me in"])
def test_a_certificate(service: tuple[TokenService, Any], tmp_path: Path, password: bytes | None, packed: bool) -> None:
    found, transport = service
    file = for_signing_in(tmp_path, password, packed=packed)
    environment = {"POSTURE_CERTIFICATE_PASSWORD": password.decode()} if password else {}
    signed_in(app("certificate", certificate=file, environment=environment), transport)
    (form,) = found.forms()
    assert form["client_assertion"].count(".") == 2
    assert "client_secret" not in form


@pytest.mark.parametrize("packed", [False, True])
def test_a_certificates_password_missing_or_wrong(tmp_path: Path, packed: bool) -> None:
    file = for_signing_in(tmp_path, b"let me in", packed=packed)
    assert "password" in refused_settings(app("certificate", certificate=file))
    wrong = {"POSTURE_CERTIFICATE_PASSWORD": "wrong-PASSWORD"}
    text = refused_settings(app("certificate", certificate=file, environment=wrong))
    assert "password" in text
    assert "wrong-PASSWORD" not in text


def test_a_certificate_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be read"):
        credential(app("certificate", certificate=tmp_path / "missing.pem"), GLOBAL)
    junk = tmp_path / "junk.pem"
    junk.write_bytes(b"no certificate")
    assert "junk.pem holds no PEM or PKCS#12" in refused_settings(app("certificate", certificate=junk))


def test_a_certificate_that_cannot_serve_is_named_before_anybody_is_asked(tmp_path: Path) -> None:
    whole = for_signing_in(tmp_path).read_bytes()
    key, mark, certificate = whole.partition(b"-----BEGIN CERTIFICATE-----")
    other = for_signing_in(tmp_path).read_bytes().partition(mark)[0]
    file = tmp_path / "given.pem"

    def said(data: bytes, **environment: str) -> str:
        file.write_bytes(data)
        return refused_settings(app("certificate", certificate=file, environment=environment))

    assert "given.pem lacks the private key" in said(mark + certificate)
    assert "given.pem lacks the certificate" in said(key)
    assert "belongs to another certificate" in said(other + mark + certificate)
    assert "holds no PEM" in said(key + mark + b"\nAAAA\n-----END CERTIFICATE-----\n")
    assert "is not encrypted" in said(whole, POSTURE_CERTIFICATE_PASSWORD="needless")
    ended = for_signing_in(tmp_path, ended=datetime(2026, 1, 31, tzinfo=UTC)).read_bytes()
    assert "expired on 2026-01-31" in said(ended)


def test_a_workload_with_a_federated_file(service: tuple[TokenService, Any], tmp_path: Path) -> None:
    found, transport = service
    file = tmp_path / "token"
    file.write_text("FEDERATED-1\n")
    signed_in(app("workload", federated_token=file), transport)
    environment = {
        "AZURE_FEDERATED_TOKEN_FILE": str(file), "AZURE_TENANT_ID": TENANT, "AZURE_CLIENT_ID": CLIENT,
    }  # fmt: skip
    file.write_text("FEDERATED-2")
    signed_in(SignIn("workload", environment=environment), transport)
    assert [f["client_assertion"] for f in found.forms()] == ["FEDERATED-1", "FEDERATED-2"]
    file.write_text("")
    assert "is empty" in refused(app("workload", federated_token=file), transport)
    file.unlink()
    assert "cannot be read" in refused(app("workload", federated_token=file), transport)


def test_a_workload_without_a_source_or_with_an_unsafe_one() -> None:
    assert "id-token: write" in refused_settings(app("workload"))
    environment = {"ACTIONS_ID_TOKEN_REQUEST_URL": "http://127.0.0.1:1/x", "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "TICKET"}
    text = refused(app("workload", environment=dict(environment)))
    assert "not an https address" in text
    environment["ACTIONS_ID_TOKEN_REQUEST_URL"] = "https://127.0.0.1:1/x?y=1"
    text = refused(app("workload", environment=environment))
    assert "GitHub gave no identity token" in text
    assert "TICKET" not in text


@pytest.mark.parametrize(
    ("answer", "good"), [(b'{"value":"GITHUB-1"}', True), (b"{}", False), (b"[]", False), (b"<", False)]
)
def test_a_workload_on_github(
    service: tuple[TokenService, Any], tmp_path: Path, answer: bytes, good: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """GitHub's endpoint, here on loopback under a certificate of our own, gives the assertion for this cloud."""
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    found, transport = service
    with https_server(tmp_path, answer) as (url, ca, asked):
        environment = {"ACTIONS_ID_TOKEN_REQUEST_URL": f"{url}/token?api=1", "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "TICKET"}
        options = app("workload", environment=environment, ca_bundle=ca)
        if good:
            signed_in(options, transport, "usgov")
            assert found.forms()[0]["client_assertion"] == "GITHUB-1"
            assert asked == [("/token?api=1&audience=api%3A%2F%2FAzureADTokenExchangeUSGov", "Bearer TICKET")]
        else:
            assert "GitHub gave no identity token" in refused(options, transport)


@contextmanager
def https_server(folder: Path, answer: bytes) -> Iterator[tuple[str, Path, list[tuple[str, str]]]]:
    ca, certificate, key = authority_and_server(folder, "localhost")
    asked: list[tuple[str, str]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append((self.path, self.headers["Authorization"]))
            self.send_response(200)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *args: object) -> None:
            """Quiet."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield f"https://localhost:{server.server_address[1]}", ca, asked
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_a_device_code(service: tuple[TokenService, Any]) -> None:
    found, transport = service
    found.refuse = [refusal(70016, error="authorization_pending")]
    said: list[str] = []
    token = signed_in(app("device-code"), transport, say=said.append)
    assert token.token
    (line,) = said
    assert line.startswith("To sign in, open https://microsoft.example/devicelogin and enter the code ABCD1234")
    assert [f.get("device_code") for f in found.forms()] == ["device-code-1", "device-code-1"]


def test_a_device_code_not_entered_declined_or_refused(service: tuple[TokenService, Any]) -> None:
    found, transport = service
    quiet: dict[str, Any] = {"say": lambda _: None}
    found.refuse = [{"error": "expired_token", "error_description": "x"}]
    assert "code has expired" in refused(app("device-code"), transport, **quiet)
    found.refuse = [{"error": "authorization_declined"}]
    assert "declined" in refused(app("device-code"), transport, **quiet)
    found.refuse = [refusal(53003, error="access_denied")]
    assert "Conditional Access policy blocks" in refused(app("device-code"), transport, **quiet)
    found.refuse = [{**refusal(7000218), "at": "devicecode"}]
    assert "allow public client flows" in refused(app("device-code"), transport, **quiet)


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (65001, "consented"),
        (650057, "posture setup"),
        (90038, "another Microsoft cloud"),
        (500213, "does not let the account's organization in"),
        (700025, "public client"),
        (50076, "multi-factor"),
        (50079, "multi-factor"),
        (90002, "no such tenant"),
        (50020, "does not belong to this tenant"),
        (7000222, "secret has expired"),
        (7000215, "secret is wrong"),
        (700016, "not known in this tenant"),
        (53003, "Conditional Access"),
        (700027, "certificate is not one"),
        (700213, "federated"),
        (70020, "code has expired"),
        (90094, "administrator must consent"),
        (123456, r"login\.microsoftonline\.com/error\?code=123456"),
    ],
)
def test_each_refusal_is_one_plain_sentence(service: tuple[TokenService, Any], code: int, words: str) -> None:
    found, transport = service
    found.refuse = [refusal(code, f"Quoting what was sent: {SECRET}")]
    text = refused(app(), transport)
    assert re.search(words, text), text
    assert f"AADSTS{code}, correlation id 12345678-1234-4234-8234-123456789abc" in text


def test_a_service_that_speaks_no_sense(service: tuple[TokenService, Any]) -> None:
    found, transport = service
    found.raw = b"<html>TOKEN-TEXT captive</html>"
    text = refused(app(), transport)
    assert "TOKEN-TEXT" not in text
    assert text


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """azure-core tries again after seconds; here at once."""
    from azure.core.pipeline.policies import RetryPolicy

    monkeypatch.setattr(RetryPolicy, "sleep", lambda *_, **__: None)


@pytest.mark.usefixtures("impatient")
def test_an_unreachable_service() -> None:
    import requests
    from azure.core.pipeline.transport import RequestsTransport
    from requests.adapters import HTTPAdapter

    class Nowhere(HTTPAdapter):
        def send(self, request: Any, *args: Any, **kwargs: Any) -> Any:
            raise requests.exceptions.ConnectionError("no route")

    session = requests.Session()
    session.mount("https://", Nowhere())
    text = refused(app(), RequestsTransport(session=session, session_owner=False))
    session.close()
    assert "cannot be reached" in text


def test_programs_that_are_not_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "Azure CLI is not installed" in refused(SignIn("cli"))
    assert "PowerShell is not installed" in refused(SignIn("powershell"))


@pytest.mark.parametrize(
    ("output", "status", "words"),
    [
        ("ERROR: Please run 'az login' to setup account.", 1, "az login"),
        ("ERROR: AADSTS50076: Due to a configuration change made by your administrator", 1, "multi-factor"),
        ("ERROR: AADSTS70043: The refresh token has expired TOKEN-TEXT", 1, "sign in again"),
        ("garbage TOKEN-TEXT", 0, "Signing in by cli failed"),
    ],
)
def test_the_azure_cli_refusing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, output: str, status: int, words: str
) -> None:
    az = tmp_path / "az"
    az.write_text(f"#!/bin/sh\ncat >&{1 if status == 0 else 2} <<'END'\n{output}\nEND\nexit {status}\n")
    az.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    text = refused(SignIn("cli"))
    assert words in text
    assert "TOKEN-TEXT" not in text


def test_the_azure_cli_starts_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    token = jwt(tid=TENANT)
    az, count = tmp_path / "az", tmp_path / "count"
    body = json.dumps({"accessToken": token, "expires_on": 4102444800, "expiresOn": "2100-01-01 00:00:00.000000"})
    az.write_text(f"#!/bin/sh\necho x >> {count}\ncat <<'END'\n{body}\nEND\n")
    az.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")

    async def run() -> None:
        ticket = credential(SignIn("cli"), GLOBAL)
        tokens = await asyncio.gather(*(ticket.get_token(GLOBAL.scope, enable_cae=True) for _ in range(10)))
        assert {t.token for t in tokens} == {token}
        assert (await who(ticket, GLOBAL)).tenant_id == TENANT
        await ticket.close()

    asyncio.run(run())
    assert count.read_text() == "x\n"


@pytest.mark.usefixtures("impatient")
def test_ways_that_find_nothing_here(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(("AZURE_", "IDENTITY_", "MSI_", "IMDS_")):
            monkeypatch.delenv(name)
    assert "AZURE_TENANT_ID and AZURE_CLIENT_ID" in refused_settings(SignIn("environment"))
    half = {"AZURE_TENANT_ID": TENANT, "AZURE_CLIENT_ID": CLIENT}
    assert "must be set" in refused(SignIn("environment", environment=half))
    monkeypatch.setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", "http://127.0.0.1:1")
    assert "no managed identity" in refused(SignIn("managed-identity"))


def test_no_browser_here(service: tuple[TokenService, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    import azure.identity._credentials.browser as module

    servers: list[Any] = []

    def kept(*args: Any, **more: Any) -> Any:
        servers.append(made(*args, **more))
        return servers[-1]

    made = module.AuthCodeRedirectServer
    monkeypatch.setattr(module, "AuthCodeRedirectServer", kept)
    monkeypatch.setattr(module, "_open_browser", lambda _url: False)
    assert "--auth device-code" in refused(app("browser"), service[1])
    for server in servers:
        server.server_close()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (SignIn("magic"), "none of browser, device-code"),
        (SignIn("browser", tenant=TENANT), "needs --client-id"),
        (SignIn("device-code"), "posture setup"),
        (SignIn("secret", client_id=CLIENT), "needs --tenant"),
        (SignIn("secret", client_id=CLIENT, tenant=TENANT), "POSTURE_CLIENT_SECRET"),
        (SignIn("certificate"), "--tenant and --client-id and --certificate"),
        (SignIn("workload"), "needs --tenant and --client-id"),
        (SignIn("token"), "POSTURE_TOKEN"),
        (app("secret", cache=True), "--token-cache is for browser"),
    ],
)
def test_options_that_cannot_be_meant(options: SignIn, words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        credential(options, GLOBAL)


def test_a_tenant_that_is_none() -> None:
    assert "id or a domain" in refused_settings(app(tenant="not a tenant!"))


def test_a_cache_that_cannot_be_encrypted(service: tuple[TokenService, Any], tmp_path: Path) -> None:
    if not sys.platform.startswith("linux"):
        pytest.skip("here the platform encrypts")
    try:
        import gi  # noqa: F401
    except ImportError:
        options = app("device-code", cache=True, environment={"LOCALAPPDATA": str(tmp_path)})
        text = refused(options, service[1])
        assert text == "This computer cannot encrypt a token cache; leave out --token-cache."
        assert list(tmp_path.iterdir()) == []
    else:
        pytest.skip("here a keyring may be at hand")


def test_a_sign_in_kept_is_silent_the_next_time(
    service: tuple[TokenService, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the platform's encryption replaced by a plain file: the record leads back to the kept account."""
    import azure.identity._persistent_cache as persistent
    import msal_extensions

    def plain(allow_unencrypted: bool, account_name: str, cache_name: str) -> Any:
        assert not allow_unencrypted
        return msal_extensions.FilePersistence(str(tmp_path / cache_name))

    monkeypatch.setattr(persistent, "_get_persistence", plain)
    found, transport = service
    said: list[str] = []
    options = app("device-code", cache=True, environment={"LOCALAPPDATA": str(tmp_path)})
    for _ in range(2):
        signed_in(options, transport, say=said.append)
    assert len(said) == 1
    (record,) = (tmp_path / ".IdentityService").glob("posture-*.json")
    assert record.stat().st_mode & 0o077 == 0
    assert "TOKEN-TEXT" not in record.read_text()
    # A record that names another authority is not followed.
    record.write_text(record.read_text().replace("login.microsoftonline.com", "login.evil.example"))
    signed_in(options, transport, say=said.append)
    assert len(said) == 2
    assert {host for host, _, _ in found.asked} == {"login.microsoftonline.com"}


# --- a token from elsewhere ---


def with_token(**claims: Any) -> SignIn:
    return SignIn("token", environment={"POSTURE_TOKEN": f" Bearer {jwt(**claims)}\n"})


@pytest.mark.parametrize("audience", [GLOBAL.root, f"{GLOBAL.root}/", "00000003-0000-0000-c000-000000000000"])
def test_a_token_from_elsewhere(audience: str) -> None:
    token = signed_in(with_token(aud=audience, exp=4102444800, tid=TENANT), None)
    assert token.expires_on == 4102444800
    assert token.token.count(".") == 2


def test_an_opaque_token_is_passed_on() -> None:
    assert signed_in(SignIn("token", environment={"POSTURE_TOKEN": "opaque"}), None).token == "opaque"


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: with_token(aud=GLOBAL.root, exp=1), "expired at 1970-01-01 00:00 UTC"),
        (lambda: with_token(aud="https://management.azure.com", exp=4102444800), "not made out to what is asked"),
        (lambda: with_token(aud=CLOUDS["usgov"].root, exp=4102444800), "not made out"),
    ],
)
def test_a_token_that_cannot_serve(make: Callable[[], SignIn], words: str) -> None:
    assert words in refused(make())


def test_a_token_of_another_tenant() -> None:
    options = SignIn("token", tenant=CLIENT, environment={"POSTURE_TOKEN": jwt(tid=TENANT)})
    with pytest.raises(SignInError, match="another tenant"):
        credential(options, GLOBAL)


@pytest.mark.parametrize("text", ["a b", "töken", "a\x1bb", "Bearer "])
def test_what_is_no_token(text: str) -> None:
    with pytest.raises(SettingsError, match="POSTURE_TOKEN"):
        credential(SignIn("token", environment={"POSTURE_TOKEN": text}), GLOBAL)


def test_all_ten_ways_are_known() -> None:
    assert len(METHODS) == 10
