"""A token is fetched once, renewed in time, dropped when refused, and shown nowhere."""

import asyncio
import base64
import json
import logging
import traceback
from typing import Any

import httpx
import pytest

from posture.errors import GraphError, SignInError, TokenRefusedError
from posture.graph.claims import Claims, claims_of
from posture.graph.clouds import CLOUDS
from posture.graph.reader import GraphReader, open_arm_reader, open_reader
from posture.graph.signin import SignIn, credential
from posture.graph.tokens import TokenOnce, beside_the_loop
from tests.graph.faulty import FastTime, Told
from tests.graph.token_service import CLIENT, TENANT, jwt, refusal, token_service

GLOBAL = CLOUDS["global"]


class Inner:
    """Stands where azure-identity is: sync, counting, with a clock of its own."""

    def __init__(self, lifetime: float = 3600) -> None:
        self.now = 1_000_000.0
        self.lifetime = lifetime
        self.asked: list[dict[str, Any]] = []
        self.fail: Exception | None = None
        self.made = self.closed = 0

    def make(self) -> "Inner":
        self.made += 1
        return self

    def get_token(self, *scopes: str, **options: Any) -> Any:
        from azure.core.credentials import AccessToken

        self.asked.append({"scopes": scopes, **options})
        if self.fail is not None:
            raise self.fail
        return AccessToken(f"TOKEN-TEXT-{len(self.asked)}", int(self.now + self.lifetime))

    def close(self) -> None:
        self.closed += 1


def once(inner: Inner, **more: Any) -> TokenOnce:
    return TokenOnce(
        inner.make, lambda e: SignInError(f"plain words ({type(e).__name__})"), now=lambda: inner.now, **more
    )


def test_one_fetch_serves_all_and_is_renewed_in_time() -> None:
    async def run() -> None:
        inner = Inner()
        ticket = once(inner)
        tokens = await asyncio.gather(*(ticket.get_token("s", enable_cae=True) for _ in range(20)))
        assert len({t.token for t in tokens}) == len(inner.asked) == 1
        inner.now += 3299
        await ticket.get_token("s")
        assert len(inner.asked) == 1
        inner.now += 2
        await ticket.get_token("s")
        assert len(inner.asked) == 2
        await ticket.get_token("another scope")
        assert inner.asked[-1]["scopes"] == ("another scope",)
        await ticket.close()
        assert inner.closed == 1

    asyncio.run(run())


def test_a_short_lived_token_is_not_fetched_for_every_request() -> None:
    async def run() -> None:
        inner = Inner(lifetime=200)
        ticket = once(inner)
        for _ in range(10):
            await ticket.get_token("s")
        assert len(inner.asked) == 1
        inner.now += 61
        await ticket.get_token("s")
        assert len(inner.asked) == 2

    asyncio.run(run())


def test_a_renewal_that_fails_leaves_the_old_token_while_it_lasts() -> None:
    async def run() -> None:
        inner = Inner()
        ticket = once(inner)
        first = await ticket.get_token("s")
        inner.now += 3400
        inner.fail = RuntimeError("network TOKEN-TEXT")
        assert await ticket.get_token("s") == first
        assert await ticket.get_token("s") == first
        assert len(inner.asked) == 2
        inner.now += 199
        with pytest.raises(SignInError, match=r"plain words \(RuntimeError\)") as caught:
            await ticket.get_token("s")
        assert caught.value.__cause__ is None
        assert caught.value.__context__ is None
        inner.fail = None
        assert (await ticket.get_token("s")).token != first.token

    asyncio.run(run())


@pytest.mark.parametrize("interactive", [False, True])
def test_forgetting(interactive: bool) -> None:
    from posture.graph.tokens import mark_of

    async def run() -> None:
        inner = Inner()
        ticket = once(inner, interactive=interactive)
        first = await ticket.get_token("s")
        ticket.forget("mark of some older token")
        assert await ticket.get_token("s") == first
        ticket.forget(mark_of(first.token))
        ticket.forget(mark_of(first.token))  # a second request was refused with the same token
        second = await ticket.get_token("s")
        assert second.token != first.token
        # azure-identity keeps its own cache: only a new credential fetches anew, but a person is not asked twice.
        assert inner.made == (1 if interactive else 2)

    asyncio.run(run())


def test_a_challenge_is_answered_once_by_all_who_were_refused() -> None:
    from posture.graph.tokens import mark_of

    async def run() -> None:
        inner = Inner()
        ticket = once(inner)
        first = await ticket.get_token("s")
        for _ in range(3):
            ticket.challenge('{"access_token":{}}', mark_of(first.token))
        await asyncio.gather(*(ticket.get_token("s") for _ in range(5)))
        ticket.challenge('{"access_token":{}}', mark_of(first.token))
        await ticket.get_token("s")
        assert [a.get("claims") for a in inner.asked] == [None, '{"access_token":{}}']

    asyncio.run(run())


def test_blocking_work_neither_blocks_nor_keeps_the_program_alive() -> None:
    import threading
    import time

    async def run() -> None:
        seen: list[bool] = []

        def work() -> str:
            seen.append(threading.current_thread().daemon)
            time.sleep(0.1)
            return "done"

        ticks = 0

        async def tick() -> None:
            nonlocal ticks
            while True:
                await asyncio.sleep(0.01)
                ticks += 1

        ticking = asyncio.create_task(tick())
        assert await beside_the_loop(work) == "done"
        assert ticks > 3
        ticking.cancel()
        assert seen == [True]
        with pytest.raises(ZeroDivisionError):
            await beside_the_loop(lambda: 1 / 0)
        waiting = asyncio.create_task(beside_the_loop(work))
        await asyncio.sleep(0.01)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        await asyncio.sleep(0.15)

    asyncio.run(run())


# --- the reader with tokens ---


class Graph(httpx.AsyncBaseTransport):
    """Stands where the network is and answers in turn."""

    def __init__(self, *answers: httpx.Response) -> None:
        self.answers = list(answers)
        self.tokens: list[str] = []
        self.hosts: list[str] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.tokens.append(request.headers.get("authorization", "")[7:])
        self.hosts.append(request.url.host)
        given = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return httpx.Response(given.status_code, headers=given.headers, stream=httpx.ByteStream(given.content))


OK = httpx.Response(200, json={"id": "x"})
EXPIRED = httpx.Response(401, json={"error": {"code": "InvalidAuthenticationToken", "message": "expired"}})
CLAIMS = '{"access_token":{"nbf":{"essential":true,"value":"1604106651"}}}'
CHALLENGE = httpx.Response(
    401,
    headers={
        "WWW-Authenticate": 'Bearer realm="", error="insufficient_claims", '
        f'claims="{base64.b64encode(CLAIMS.encode()).decode()}"'
    },
    json={"error": {"code": "InvalidAuthenticationToken", "message": "Continuous access evaluation"}},
)


def opened(graph: Graph, ticket: TokenOnce, told: Told | None = None) -> GraphReader:
    return open_reader(GLOBAL, ticket, transport=graph, timer=FastTime().timer(), keep_pace=False, on_event=told)


def test_a_token_that_expires_mid_run_is_renewed_once() -> None:
    async def run() -> None:
        inner, graph, told = Inner(), Graph(OK, EXPIRED, OK), Told()
        reader = opened(graph, once(inner), told)
        for _ in range(3):
            await reader.get("/me")
        assert graph.tokens == ["TOKEN-TEXT-1", "TOKEN-TEXT-1", "TOKEN-TEXT-2", "TOKEN-TEXT-2"]
        assert told.kinds() == ["token"]
        assert inner.asked[0]["scopes"] == (GLOBAL.scope,)
        assert inner.asked[0]["enable_cae"] is True
        closed = inner.closed
        await reader.aclose()
        assert inner.closed == closed + 1

    asyncio.run(run())


def test_a_token_refused_twice_is_an_error_for_its_source() -> None:
    async def run() -> None:
        graph = Graph(EXPIRED)
        reader = opened(graph, once(Inner()))
        with pytest.raises(TokenRefusedError, match="does not accept the token"):
            await reader.get("/me")
        assert len(graph.tokens) == 2
        await reader.aclose()

    asyncio.run(run())


@pytest.mark.parametrize("status", [401, 403])
def test_a_claims_challenge_reaches_the_credential(status: int) -> None:
    async def run() -> None:
        inner = Inner()
        graph = Graph(OK, httpx.Response(status, headers=CHALLENGE.headers, content=CHALLENGE.content), OK)
        reader = opened(graph, once(inner))
        await reader.get("/me")
        await reader.get("/me")
        assert [a.get("claims") for a in inner.asked] == [None, CLAIMS]
        await reader.aclose()

    asyncio.run(run())


def test_a_challenge_that_stays_is_an_error() -> None:
    async def run() -> None:
        graph = Graph(CHALLENGE)
        reader = opened(graph, once(Inner()))
        with pytest.raises(TokenRefusedError, match="asks for more than this sign-in can give"):
            await reader.get("/me")
        assert len(graph.tokens) == 2
        await reader.aclose()

    asyncio.run(run())


@pytest.mark.parametrize(
    "header", ["Bearer", 'Bearer claims=""', 'Bearer claims="%%%"', 'Bearer claims="/w=="', "Basic x", "x" * 9000]
)
def test_a_damaged_challenge_is_none(header: str) -> None:
    async def run() -> None:
        inner = Inner()
        graph = Graph(httpx.Response(401, headers={"WWW-Authenticate": header}, content=EXPIRED.content))
        reader = opened(graph, once(inner))
        with pytest.raises(TokenRefusedError):
            await reader.get("/me")
        assert all("claims" not in a or a["claims"] is None for a in inner.asked)
        await reader.aclose()

    asyncio.run(run())


def test_no_token_at_first_ends_the_run_and_later_only_the_source() -> None:
    async def run() -> None:
        inner = Inner()
        inner.fail = RuntimeError("x")
        reader = opened(Graph(OK), once(inner))
        with pytest.raises(SignInError):
            await reader.get("/me")
        inner.fail = None
        await reader.get("/me")
        inner.fail = RuntimeError("x")
        inner.now += 4000
        with pytest.raises(TokenRefusedError, match="no token could be had: plain words"):
            await reader.get("/me")
        await reader.aclose()

    asyncio.run(run())


def test_resource_manager_gets_its_own_token_and_never_ends_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    graph = Graph(httpx.Response(200, json={"value": []}))
    monkeypatch.setattr("posture.graph.transport.network", lambda *_: graph)

    async def run() -> None:
        inner = Inner()
        ticket = once(inner)
        arm = open_arm_reader(GLOBAL, ticket)
        assert arm is not None
        answer = await arm.get(
            "/providers/microsoft.aadiam/diagnosticSettings", {"api-version": "2017-04-01-preview"}, version=""
        )
        assert answer.url == (
            "https://management.azure.com/providers/microsoft.aadiam/diagnosticSettings?api-version=2017-04-01-preview"
        )
        assert graph.hosts == ["management.azure.com"]
        assert inner.asked[0]["scopes"] == ("https://management.azure.com/.default",)
        inner.fail = RuntimeError("x")
        inner.now += 4000
        with pytest.raises(TokenRefusedError):
            await arm.get("/providers/x", version="")
        await arm.aclose()

    asyncio.run(run())


# --- a token shows nowhere ---


def everything(error: BaseException) -> str:
    """Return all an error could print: its chain, its arguments, its attributes, its traceback."""
    found: list[str] = []
    seen: set[int] = set()
    rest: list[BaseException | None] = [error]
    while rest:
        one = rest.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        found += [str(one), repr(one), repr(one.__dict__), "".join(traceback.format_exception(one))]
        rest += [one.__cause__, one.__context__]
    return "\n".join(found)


class Log(logging.Handler):
    """The log somebody set up for everything, at the finest level."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record) + repr(record.args) + str(record.exc_info))


def test_no_token_shows_in_errors_logs_or_reprs(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    told: list[str] = []
    log = Log()
    monkeypatch.setattr(logging.getLogger(), "handlers", [log])
    for name in ("", "httpx", "httpcore", "urllib3", "azure", "azure.identity", "azure.core", "msal", "asyncio"):
        caplog.set_level(logging.DEBUG, logger=name)
    bad = [
        EXPIRED,
        CHALLENGE,
        httpx.Response(403, json={"error": {"code": "Authorization_RequestDenied", "message": "no"}}),
        httpx.Response(500),
        httpx.Response(200, content=b"<html>"),
        httpx.Response(200, content=b'{"a":1,"a":2}'),
        httpx.Response(302, headers={"Location": "https://evil.example"}),
        httpx.Response(429, headers={"Retry-After": "99999"}),
    ]

    async def run(transport: Any, refusals: list[dict[str, Any]]) -> None:
        environment = {"POSTURE_CLIENT_SECRET": "SECRET-TEXT"}
        options = SignIn("secret", tenant=TENANT, client_id=CLIENT, environment=environment)
        told.append(repr(options))
        for answer in bad:
            ticket = credential(options, GLOBAL, transport=transport)
            reader = open_reader(
                GLOBAL,
                ticket,
                transport=Graph(answer),
                timer=FastTime().timer(),
                keep_pace=False,
                on_event=lambda event: told.append(repr(event)),
            )
            try:
                await reader.get("/me")
            except GraphError as error:
                told.append(everything(error))
            told.extend((repr(ticket), repr(vars(ticket)), str(reader.requests), repr(reader)))
            await reader.aclose()
            await ticket.close()
        ticket = credential(options, GLOBAL, transport=transport)
        refusals.append(refusal(7000222, "sent was SECRET-TEXT"))
        try:
            await ticket.get_token(GLOBAL.scope)
        except SignInError as error:
            told.append(everything(error))
        await ticket.close()

    with token_service() as (service, transport):
        asyncio.run(run(transport, service.refuse))
        marked = jwt(marked="TOKEN-TEXT", tid=TENANT, n=1)
        assert service.issued >= len(bad)
    written = "\n".join(told + log.lines)
    assert len(told) > 20
    assert any("HTTP Request" in line for line in log.lines)
    for secret in ("TOKEN-TEXT", "SECRET-TEXT", marked, marked.split(".")[1][:24]):
        assert secret not in written


# --- what a token says ---


def test_a_delegated_token() -> None:
    token = jwt(
        tid=TENANT,
        upn="ada@contoso.example",
        appid=CLIENT,
        scp="User.Read.All Policy.Read.All User.ReadWrite.All",
        wids=["b", "a", 5],
        exp=4102444800,
        aud="https://graph.microsoft.com/",
        idtyp="user",
    )
    found = claims_of(token)
    assert (found.kind, found.account, found.app_id, found.tenant_id) == (
        "delegated",
        "ada@contoso.example",
        CLIENT,
        TENANT,
    )
    assert found.permissions == ("Policy.Read.All", "User.Read.All", "User.ReadWrite.All")
    assert found.writing == ("User.ReadWrite.All",)
    assert found.roles == ("a", "b")
    assert found.audience == "https://graph.microsoft.com"
    assert found.expires is not None
    assert found.expires.year == 2100


def test_an_application_token() -> None:
    roles = ["User.Read.All", "RoleManagement.Read.Directory"]
    found = claims_of(jwt(appid=CLIENT, app_displayname="posture", roles=roles))
    assert (found.kind, found.account) == ("application", "posture")
    assert found.permissions == ("RoleManagement.Read.Directory", "User.Read.All")
    assert found.writing == ()
    assert claims_of(jwt(appid=CLIENT, idtyp="app")).kind == "application"


@pytest.mark.parametrize(
    "token",
    [
        "",
        "opaque",
        "a.b.c",
        "a.!!!.c",
        "..",
        "a." + base64.urlsafe_b64encode(b"[1]").decode() + ".c",
        "a." + base64.urlsafe_b64encode(b"[" * 20_000).decode() + ".c",
        "a." + "A" * 100_000 + ".c",
        "é.é.é",
    ],
)
def test_what_cannot_be_read_is_unknown(token: str) -> None:
    assert claims_of(token) == Claims()


def test_claims_of_other_types_are_left_out() -> None:
    found = claims_of(jwt(tid=5, scp=["x"], roles="y", exp="soon", aud=None, wids={}))
    assert found == Claims()
    assert claims_of(jwt(exp=10**30)).expires is None
    assert json.dumps(claims_of(jwt(tid="\ud800")).tenant_id)
