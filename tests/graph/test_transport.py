"""Nothing but reading leaves, nothing goes to another host, certificates and proxies are as said."""

import asyncio
import json
import ssl
from pathlib import Path
from typing import Any

import httpx
import pytest

from posture.errors import NetworkError, SettingsError
from posture.graph.answer import Limits
from posture.graph.clouds import CLOUDS
from posture.graph.reader import open_reader
from posture.graph.transport import ReadOnlyTransport, WriteRefusedError, ca_file, network, proxy_for, without_password
from tests.graph.certificates import authority_and_server
from tests.graph.faulty import Bench, FastTime, using

ROOT = "https://graph.microsoft.com"


class Reached(httpx.AsyncBaseTransport):
    """Stands where the network would be and keeps what arrives."""

    def __init__(self) -> None:
        self.requests: list[httpx.Request] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        return httpx.Response(200, json={"ok": True}, request=request)


def send(method: str, url: str, content: Any = None) -> list[httpx.Request]:
    reached = Reached()

    async def run() -> None:
        async with httpx.AsyncClient(transport=ReadOnlyTransport(reached, ROOT, Limits())) as client:
            await client.request(method, url, content=json.dumps(content) if content is not None else None)

    asyncio.run(run())
    return reached.requests


def test_reading_passes() -> None:
    assert send("GET", f"{ROOT}/v1.0/users?$top=1")
    assert send("POST", f"{ROOT}/v1.0/directoryObjects/getByIds", {"ids": ["a"]})
    assert send("POST", f"{ROOT}/beta/$batch", {"requests": [{"id": "1", "method": "GET", "url": "/users"}]})


@pytest.mark.parametrize("method", ["PATCH", "PUT", "DELETE", "POST", "OPTIONS", "HEAD", "get", "TRACE"])
def test_other_methods_do_not(method: str) -> None:
    if method == "get":  # httpx sends methods in capitals
        assert send(method, f"{ROOT}/v1.0/users")[0].method == "GET"
        return
    with pytest.raises(WriteRefusedError, match="only reads"):
        send(method, f"{ROOT}/v1.0/users")


@pytest.mark.parametrize(
    "path",
    [
        "/v1.0/invitations",
        "/v1.0/users/$batch",
        "/$batch",
        "/v1.0/$batch/",
        "/v1.0/directoryObjects/getByIds/x",
        "/v1.0/directoryObjects/getMemberGroups",
        "/v2.0/$batch",
        "/v1.0/%24batch",
    ],
)
def test_other_posts_do_not(path: str) -> None:
    with pytest.raises(WriteRefusedError, match="only reads"):
        send("POST", ROOT + path, {"requests": []})


@pytest.mark.parametrize(
    "requests",
    [
        [{"id": "1", "method": "PATCH", "url": "/users/1"}],
        [{"id": "1", "method": "GET", "url": "/users"}, {"id": "2", "method": "POST", "url": "/invitations"}],
        [{"id": "1", "method": "GET", "url": "https://evil.example/users"}],
        [{"id": "1", "method": "GET", "url": "//evil.example/users"}],
        [{"id": "1", "method": "GET", "url": "/users", "body": {}}],
        [{"id": "1", "url": "/users"}],
        "x",
        None,
    ],
)
def test_a_batch_holds_only_gets_of_this_service(requests: Any) -> None:
    with pytest.raises(WriteRefusedError, match="batch"):
        send("POST", f"{ROOT}/v1.0/$batch", {"requests": requests})


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/v1.0/users",
        "http://graph.microsoft.com/v1.0/users",
        "https://graph.microsoft.com:8443/v1.0/users",
        "https://graph.microsoft.com.evil.example/v1.0/users",
        "https://graph.microsoft.us/v1.0/users",
    ],
)
def test_no_other_host_is_reached(url: str) -> None:
    with pytest.raises(WriteRefusedError, match="another host"):
        send("GET", url)


def test_no_token_goes_to_another_host_even_through_the_sdk() -> None:
    """What the layers above believe does not matter: the reader's root is moved, and nothing leaves."""

    async def test(b: Bench) -> None:
        b.reader.root = "http://127.0.0.1:1"
        with pytest.raises(WriteRefusedError):
            await b.reader.get("/me")
        assert b.server.asked == []

    using(test)


# --- proxies ---


@pytest.fixture
def clean_env(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy", "ssl_cert_file", "requests_ca_bundle"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    return monkeypatch


def test_proxies_come_from_the_environment_and_hide_their_password(clean_env: pytest.MonkeyPatch) -> None:
    assert proxy_for(ROOT) == ""
    clean_env.setenv("HTTPS_PROXY", "proxy.example:3128")
    assert proxy_for(ROOT) == "http://proxy.example:3128"
    clean_env.setenv("NO_PROXY", "graph.microsoft.com")
    assert proxy_for(ROOT) == ""
    assert without_password("http://me:hunter2@proxy.example:3128/x") == "http://proxy.example:3128"
    assert without_password("http://me:hunter2@proxy.example:bad") == "http://proxy.example"


def test_a_proxy_that_cannot_be_used_is_named_without_its_password(clean_env: pytest.MonkeyPatch) -> None:
    clean_env.setenv("HTTPS_PROXY", "gopher://me:hunter2@proxy.example:70")
    with pytest.raises(SettingsError, match=r"gopher://proxy\.example:70") as caught:
        network(ROOT, Limits(), None)
    assert "hunter2" not in str(caught.value)


def test_loopback_ignores_proxies(clean_env: pytest.MonkeyPatch) -> None:
    clean_env.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    clean_env.setenv("ALL_PROXY", "http://127.0.0.1:1")

    async def test(b: Bench) -> None:
        from tests.graph.faulty import Say

        b.server.say("/v1.0/me", Say({"id": "x"}))
        await b.reader.get("/me")

    using(test)


def test_a_real_host_is_reached_through_the_proxy(clean_env: pytest.MonkeyPatch) -> None:
    asked: list[bytes] = []

    async def proxy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n")
        writer.close()
        await writer.wait_closed()

    class Ticket:
        async def get_token(self, *scopes: str, **more: Any) -> Any:
            from azure.core.credentials import AccessToken

            return AccessToken("marked-token", 4102444800)

        async def close(self) -> None:
            """Nothing is open."""

    async def run() -> None:
        listening = await asyncio.start_server(proxy, "127.0.0.1", 0)
        clean_env.setenv("HTTPS_PROXY", f"http://me:pw@127.0.0.1:{listening.sockets[0].getsockname()[1]}")
        reader = open_reader(CLOUDS["global"], Ticket(), timer=FastTime().timer())  # type: ignore[arg-type]
        with pytest.raises(NetworkError, match="proxy refuses"):
            await reader.get("/me")
        await reader.aclose()
        listening.close()
        await listening.wait_closed()

    asyncio.run(run())
    assert len(asked) == 1
    assert asked[0].startswith(b"CONNECT graph.microsoft.com:443 ")
    assert b"marked-token" not in asked[0]


# --- certificates ---


def test_a_ca_bundle_that_is_none_is_refused(tmp_path: Path, clean_env: pytest.MonkeyPatch) -> None:
    assert ca_file(None) is None
    with pytest.raises(SettingsError, match="No such file"):
        ca_file(tmp_path / "missing.pem")
    junk = tmp_path / "junk.pem"
    junk.write_text("no certificate")
    with pytest.raises(SettingsError, match="holds no certificate in PEM form"):
        ca_file(junk)
    clean_env.setenv("SSL_CERT_FILE", str(junk))
    with pytest.raises(SettingsError):
        ca_file(None)


def test_a_server_of_another_authority_is_trusted_only_when_named(
    tmp_path: Path, clean_env: pytest.MonkeyPatch
) -> None:
    ca, certificate, key = authority_and_server(tmp_path, "localhost")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")
            await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        writer.close()

    async def run() -> None:
        listening = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=context)
        root = f"https://localhost:{listening.sockets[0].getsockname()[1]}"
        for bundle in (ca, None):
            inner = network(root, Limits(), bundle)
            async with httpx.AsyncClient(transport=ReadOnlyTransport(inner, root, Limits())) as client:
                if bundle is not None:
                    assert (await client.get(root + "/v1.0/me")).json() == {}
                else:
                    with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
                        await client.get(root + "/v1.0/me")
        listening.close()
        await listening.wait_closed()

    asyncio.run(run())


def test_distrust_is_not_asked_again_and_names_the_remedy() -> None:
    from posture.graph.judge import is_hopeless, network_words

    failure = httpx.ConnectError("[SSL: CERTIFICATE_VERIFY_FAILED] self-signed certificate in certificate chain")
    assert is_hopeless(failure)
    assert "--ca-bundle" in network_words(failure, "https://graph.example/v1.0/me")
    assert not is_hopeless(httpx.ConnectError("refused"))


def test_who_could_not_be_reached_is_named_and_the_proxy_without_its_password(monkeypatch: pytest.MonkeyPatch) -> None:
    from posture.graph.judge import network_words

    for name in ("NO_PROXY", "no_proxy", "https_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HTTPS_PROXY", "http://ana:s3cret@proxy.example:8080")
    words = network_words(httpx.ConnectError("refused"), "https://graph.example/v1.0/me")
    assert words == "no connection to graph.example through the proxy http://proxy.example:8080 (refused)"
    near = network_words(httpx.ConnectError("refused"), "http://127.0.0.1:8400/v1.0/me")
    assert near == "no connection to 127.0.0.1:8400 (refused)"
