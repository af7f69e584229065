"""The emulator over a socket: loopback alone, gzip, streaming, the same bytes as in process."""

import socket
import threading
import time

import httpx
import pytest
import uvicorn

from posture.emulator.faults import Fault
from posture.emulator.serve import bind
from posture.errors import SettingsError
from tests.emulator.world import BEARER, app_of, ask


@pytest.mark.parametrize(
    "host", ["0.0.0.0", "::", "", "192.0.2.1", "example.com", "127.0.0.1.evil.example", "10.0.0.1"]
)
def test_other_addresses_than_loopback_are_refused(host):
    with pytest.raises(SettingsError, match="loopback only"):
        bind(host, 0)


def test_a_port_that_is_taken_or_does_not_exist():
    with bind("127.0.0.1", 0) as place:
        place.listen()
        with pytest.raises(SettingsError, match="cannot listen on 127"):
            bind("127.0.0.1", place.getsockname()[1])
    with pytest.raises(SettingsError, match="does not exist"):
        bind("localhost", 70000)


@pytest.fixture
def served(tmp_path):
    """Serve generated guests as `serve` does, in a thread."""
    app = app_of(tmp_path, {}, "[generate]\nguests = 5000\n", faults=[Fault("latency", query="*late*", seconds=0.2)])
    app.state.compress = app.state.served = True
    place = bind("localhost", 0)
    server = uvicorn.Server(
        uvicorn.Config(app, log_level="warning", date_header=False, server_header=False, lifespan="off")
    )
    thread = threading.Thread(target=server.run, kwargs={"sockets": [place]})
    thread.start()
    while not server.started:
        time.sleep(0.01)
    with httpx.Client(base_url=f"http://127.0.0.1:{place.getsockname()[1]}", headers=BEARER, trust_env=False) as client:
        yield app, client
    server.should_exit = True
    thread.join()
    place.close()


def test_pages_are_packed_kept_and_the_same_as_in_process(served):
    app, client = served
    url = "/v1.0/users?$filter=userType eq 'Guest'&$select=id,displayName&$top=999"
    first, again = client.get(url), client.get(url)
    assert first.headers["content-encoding"] == "gzip"
    assert int(first.headers["content-length"]) < len(first.content) / 2
    assert first.content == again.content
    assert first.headers == again.headers
    assert first.headers["date"] == "Fri, 20 Nov 2026 08:15:00 GMT"
    assert "server" not in first.headers
    plain = client.get(url, headers={"Accept-Encoding": "identity"})
    assert "content-encoding" not in plain.headers
    assert plain.json() == first.json()
    app.state.compress = False
    inside = ask(app, url)
    assert inside.json()["value"] == first.json()["value"]
    assert len(app.state.requests) == 4


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Host": "127.0.0.1.evil.example:8400"},
        {"Host": "evil.example:127.0.0.1"},
        {"Host": "127.0.0.1:1:2"},
        {"Host": ""},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
    ],
)
def test_no_web_page_may_ask(served, headers):
    app, client = served
    found = client.get("/v1.0/users?$top=1", headers=headers)
    assert found.status_code == 403
    assert "value" not in found.json()
    assert not app.state.requests


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "LOCALHOST:8400", "[::1]:8400"])
def test_programs_here_may_ask(served, host):
    _, client = served
    assert client.get("/v1.0/users?$top=1", headers={"Host": host}).status_code == 200


def test_a_kept_page_still_wants_a_token_and_meets_faults(served):
    _, client = served
    url = "/v1.0/users?$select=id&$top=999&late=1"
    started = time.monotonic()
    assert client.get(url).status_code == client.get(url).status_code == 200
    assert time.monotonic() - started >= 0.4
    assert client.get(url, headers={"Authorization": ""}).status_code == 401


def test_small_answers_do_not_wait_for_each_other(served):
    """Nagle's algorithm with delayed acknowledgements would cost 40 ms an answer."""
    _, client = served
    client.get("/v1.0/subscribedSkus")
    started = time.monotonic()
    for _ in range(25):
        client.get("/v1.0/subscribedSkus")
    assert time.monotonic() - started < 0.8


def test_ipv6_where_there_is_any():
    if not socket.has_ipv6:
        pytest.skip("no IPv6 here")
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError as error:
        pytest.skip(f"no IPv6 loopback here: {error}")
    with bind("[::1]", 0) as place:
        assert place.getsockname()[0] == "::1"
