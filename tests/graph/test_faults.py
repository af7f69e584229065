"""Whatever goes wrong on the way: asked again within bounds, then one plain error of the right kind."""

import asyncio
import gzip
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from posture.errors import (
    AccessDeniedError,
    AnswerError,
    BadRequestError,
    GraphError,
    NetworkError,
    NoEndpointError,
    NotFoundError,
    NotLicensedError,
    ServerError,
    ThrottledError,
    TokenRefusedError,
)
from posture.graph.answer import Limits
from posture.graph.reader import open_reader
from posture.graph.retry import backoff, jittered, retry_after
from tests.graph.faulty import Bench, FastTime, Say, page, serving, using

GOOD = Say(page("a", "b"))


def cut(number: int, **more: Any) -> Say:
    return Say(page("a", "b"), cut=number, **more)


@pytest.mark.parametrize(
    "fault",
    [
        cut(-1),
        cut(0),
        cut(20),
        cut(30, packed=True),
        Say(page("a"), packed=True, damage=lambda b: b[:-12]),
        Say(page("a"), packed=True, damage=lambda b: b[:14] + b"\xff\xff\xff" + b[17:]),
        Say(page("a"), packed=True, damage=lambda b: b"no gzip"),
        Say(page("a"), damage=lambda b: b[:-4]),
        Say(b""),
        Say({}, 408),
        Say({}, 500),
        Say(b"<html>bad gateway</html>", 502),
        Say({}, 503),
        Say({}, 504),
        Say({}, 509),
        Say({}, 429),
        Say({}, 503, headers={"Retry-After": "2"}),
    ],
)
def test_a_passing_fault_is_survived(fault: Say) -> None:
    async def test(b: Bench) -> None:
        b.server.say("/v1.0/users", fault, GOOD)
        assert [i for i, _ in await b.rows()] == ["a", "b"]
        assert b.reader.requests["retried"] == 1
        assert b.told.kinds()[0] in ("retry", "wait")

    using(test)


def test_a_fault_on_a_later_page_loses_and_doubles_nothing() -> None:
    async def test(b: Bench) -> None:
        b.server.say("/v1.0/users", cut(10), Say({}, 503), Say(page("a", link=b.link("t=1"))))
        b.server.say("/v1.0/users?t=1", Say({}, 429), cut(-1), cut(40, packed=True), Say(page(link=b.link("t=2"))))
        b.server.say("/v1.0/users?t=2", Say(b"{}x"), Say({}, 504), Say(page("b")))
        pages = [p async for p in b.reader.pages("/users")]
        assert [i for p in pages for i, _ in p.rows] == ["a", "b"]
        assert [p.answer.attempts for p in pages] == [3, 4, 3]

    using(test)


@pytest.mark.parametrize(
    ("fault", "kind", "attempts"),
    [
        (cut(-1), NetworkError, 5),
        (cut(15), NetworkError, 5),
        (Say({}, 500), ServerError, 5),
        (Say(b"<html>", 502), ServerError, 5),
        (Say({}, 503), ServerError, 5),
        (Say({}, 504), ServerError, 5),
        (Say({}, 408), ServerError, 5),
        (Say({"error": {"code": "TooManyRequests"}}, 429), ThrottledError, 10),
        (Say({"error": {"code": "TooManyRequests"}}, 429, headers={"Retry-After": "3"}), ThrottledError, 10),
        (Say(page("a"), packed=True, damage=lambda b: b[:-9]), AnswerError, 3),
        (Say(b'{"value":['), AnswerError, 3),
        (Say(b"\xff\xfe"), AnswerError, 3),
    ],
)
def test_a_lasting_fault_ends_within_bounds(fault: Say, kind: type[GraphError], attempts: int) -> None:
    async def test(b: Bench) -> None:
        b.server.say("/v1.0/users", fault)
        with pytest.raises(kind, match=f"after {attempts} attempts") as caught:
            await b.rows()
        assert type(caught.value) is kind
        assert len(b.server.asked) == attempts
        assert sum(b.time.slept) <= Limits().total_wait

    using(test)


@pytest.mark.parametrize(
    "body",
    [
        b"<html>Welcome to the hotel</html>",
        b'{"value":{}}',
        b'{"value":null}',
        b"{}",
        b'{"error":{"code":"x"}}',
        b'{"value":[],"value":[]}',
        b'{"value":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    ],
)
def test_an_answer_that_is_no_page_is_not_asked_for_again(body: bytes) -> None:
    async def test(b: Bench) -> None:
        b.server.say("/v1.0/users", Say(body, headers={"request-id": "r1"}))
        with pytest.raises(AnswerError) as caught:
            await b.rows()
        assert (caught.value.status, caught.value.request_id) == (200, "r1")
        assert len(b.server.asked) == 1

    using(test)


def test_an_oversized_body_is_stopped() -> None:
    async def test(b: Bench) -> None:
        bomb = gzip.compress(b"\0" * 50_000_000)
        b.server.say("/v1.0/users", Say(bomb, headers={"Content-Encoding": "gzip"}))
        b.server.say("/v1.0/groups", Say(b"x" * 1_100_000))
        b.server.say("/v1.0/domains", Say(b"x" * 1_100_000, chunked=True))
        for path in ("/users", "/groups", "/domains"):
            with pytest.raises(AnswerError, match="larger than 1,000,000 bytes"):
                await b.rows(path)
        assert len(b.server.asked) == 3

    using(test, limits=Limits(page_bytes=1_000_000))


def test_an_answer_that_never_begins_is_not_waited_for_for_ever() -> None:
    async def test(b: Bench) -> None:
        b.server.say("/v1.0/users", Say(page("a"), late=30))
        with pytest.raises(NetworkError, match="did not come in time after 2 attempts"):
            await b.rows()

    using(test, limits=Limits(read_seconds=0.2))


def test_a_single_answer_has_a_smaller_limit() -> None:
    async def test(b: Bench) -> None:
        b.server.say("/v1.0/thing", Say({"a": "x" * 2000}))
        with pytest.raises(AnswerError, match="larger than 1,000 bytes"):
            await b.reader.get("/thing")

    using(test, limits=Limits(single_bytes=1000))


def test_an_encoding_not_asked_for_is_refused() -> None:
    async def test(b: Bench) -> None:
        b.server.say("/v1.0/users", Say(page("a"), headers={"Content-Encoding": "br"}))
        with pytest.raises(AnswerError, match="packed as 'br'"):
            await b.rows()

    using(test)


def test_a_slow_drip_is_ended() -> None:
    async def test(b: Bench) -> None:
        b.server.say("/v1.0/users", Say(page("a"), drip=0.05))
        with pytest.raises(NetworkError, match=r"no whole answer within 0\.2 seconds after 2 attempts"):
            await b.rows()

    using(test, limits=Limits(answer_seconds=0.2))


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_redirects_are_not_followed(status: int) -> None:
    async def test(b: Bench) -> None:
        b.server.say("/v1.0/users", Say({}, status, headers={"Location": b.server.root + "/v1.0/other"}))
        with pytest.raises(AnswerError, match="sends us elsewhere"):
            await b.rows()
        assert [a.path for a in b.server.asked] == ["/v1.0/users"]

    using(test)


@pytest.mark.parametrize("status", [201, 202, 204, 206])
def test_other_successes_are_no_answers(status: int) -> None:
    async def test(b: Bench) -> None:
        b.server.say("/v1.0/users", Say({} if status != 204 else b"", status))
        with pytest.raises(AnswerError):
            await b.rows()

    using(test)


def test_nobody_there() -> None:
    async def run() -> None:
        async with serving() as server:
            root = server.root
        time = FastTime()
        reader = open_reader(root, timer=time.timer())
        with pytest.raises(NetworkError, match=r"no connection .* after 5 attempts"):
            await reader.get("/me")
        assert 5 < sum(time.slept) < 12
        await reader.aclose()

    asyncio.run(run())


def test_a_service_that_answered_before_is_waited_for_a_minute() -> None:
    async def run() -> None:
        time = FastTime()
        async with serving() as server:
            server.say("/v1.0/me", Say({"id": "me"}))
            reader = open_reader(server.root, timer=time.timer())
            await reader.get("/me")
        with pytest.raises(NetworkError, match=r"no connection .* after 8 attempts"):
            await reader.get("/me")
        assert 45 < sum(time.slept) < 80
        await reader.aclose()

    asyncio.run(run())


# --- how long to wait ---

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("7", 7.0),
        ("2.128", 2.128),
        ("0", None),
        ("-1", None),
        ("", None),
        (None, None),
        ("soon", None),
        ("nan", None),
        ("inf", None),
        ("1e400", None),
        ("9" * 100, None),
        ("99999999", 99999999.0),
        (format_datetime(NOW + timedelta(seconds=90), usegmt=True), 90.0),
        (format_datetime(NOW - timedelta(days=1), usegmt=True), None),
        ("Mon, 99 Nov 2026 02:15:45 GMT", None),
        ("\x1b[31m", None),
    ],
)
def test_retry_after(header: str | None, seconds: float | None) -> None:
    assert retry_after(header, NOW) == seconds


def test_pauses_of_our_own_grow_and_end() -> None:
    for attempt, base in ((1, 0.5), (2, 1.0), (3, 2.0), (20, 30.0), (5000, 30.0)):
        assert 0.75 * base <= backoff(attempt, throttled=False) <= 1.25 * base
    assert backoff(1, throttled=True) >= 0.75
    assert 10 <= jittered(10) <= 11


@pytest.mark.parametrize(
    ("header", "low", "high"),
    [("7", 7, 7.8), ("2.128", 2.128, 2.4), ("rubbish", 0.75, 1.25), ("-1", 0.75, 1.25), ("DATE", 40, 41.1)],
)
def test_the_pause_asked_for_is_kept(header: str, low: float, high: float) -> None:
    async def test(b: Bench) -> None:
        # The service's clock is years off ours; only the difference between its two times counts.
        headers = {"Retry-After": header, "Date": "Fri, 01 Jan 2021 00:00:00 GMT"}
        if header == "DATE":
            headers["Retry-After"] = "Fri, 01 Jan 2021 00:00:40 GMT"
        b.server.say("/v1.0/users", Say({}, 429, headers=headers), GOOD)
        await b.rows()
        assert low <= b.time.slept[0] <= high
        assert (b.told.events[0].kind, b.told.events[0].seconds) == ("wait", b.time.slept[0])

    using(test)


@pytest.mark.parametrize("header", ["301", "99999999", "Fri, 01 Jan 2100 00:00:00 GMT"])
def test_longer_than_patience_ends_at_once(header: str) -> None:
    async def test(b: Bench) -> None:
        b.server.say("/v1.0/users", Say({"error": {"code": "TooManyRequests"}}, 429, headers={"Retry-After": header}))
        with pytest.raises(ThrottledError, match=r"asks to wait .* posture waits at most 300") as caught:
            await b.rows()
        assert caught.value.code == "TooManyRequests"
        assert len(b.server.asked) == 1
        assert b.time.slept == []
        # Others are not held up by it.
        b.server.say("/v1.0/groups", GOOD)
        await b.rows("/groups")
        assert sum(b.time.slept) < 2

    using(test)


def test_all_waits_together_have_an_end() -> None:
    async def test(b: Bench) -> None:
        b.server.say("/v1.0/users", Say({}, 429, headers={"Retry-After": "250"}))
        with pytest.raises(ThrottledError):
            await b.rows()
        assert sum(b.time.slept) <= 900
        assert len(b.server.asked) == 4

    using(test)


# --- refusals ---


def refusal(code: str, message: str = "No.", inner: str = "innerError", **more: Any) -> dict[str, Any]:
    return {"error": {"code": code, "message": message, inner: {"request-id": "inner-id", **more}}}


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, refusal("Request_UnsupportedQuery"), BadRequestError),
        (400, refusal("AadPremiumLicenseRequired"), NotLicensedError),
        (400, refusal("BadRequest", "Resource not found for the segment 'signIns'."), NoEndpointError),
        (404, refusal("BadRequest", "Resource not found for the segment 'signIns'."), NoEndpointError),
        (403, refusal("Authorization_RequestDenied"), AccessDeniedError),
        (403, refusal("AccessDenied", inner="innererror"), AccessDeniedError),
        (403, refusal("Authentication_MSGraphPermissionMissing"), AccessDeniedError),
        (403, refusal("NoLicense"), NotLicensedError),
        (404, refusal("Request_ResourceNotFound"), NotFoundError),
        (404, b"<html>404</html>", NotFoundError),
        (405, refusal("Request_BadRequest"), BadRequestError),
        (410, refusal("Gone"), BadRequestError),
        (501, refusal("NotImplemented"), ServerError),
        (403, b"<html>blocked by proxy</html>", AnswerError),
        (400, b"", AnswerError),
        (407, b"", NetworkError),
    ],
)
def test_each_refusal_is_its_own_error(status: int, body: Any, kind: type[GraphError]) -> None:
    async def test(b: Bench) -> None:
        b.server.say("/v1.0/thing", Say(body, status, headers={"request-id": ""}))
        wanted = BadRequestError if status == 501 else kind
        with pytest.raises(GraphError) as caught:
            await b.reader.get("/thing")
        error = caught.value
        assert type(error) is wanted
        assert error.status == status
        assert error.url == f"{b.server.root}/v1.0/thing"
        assert str(error).startswith("/v1.0/thing: ")
        assert len(b.server.asked) == 1
        if isinstance(body, dict):
            assert error.code == body["error"]["code"]
            assert error.request_id == "inner-id"

    using(test)


def test_a_code_hidden_in_a_message_is_found() -> None:
    async def test(b: Bench) -> None:
        message = '{"errorCode":"PermissionScopeNotGranted","message":"missing scope X.Read","instanceAnnotations":[]}'
        b.server.say("/v1.0/pim", Say(refusal("UnknownError", message), 403))
        with pytest.raises(AccessDeniedError, match=r"PermissionScopeNotGranted: missing scope X\.Read") as caught:
            await b.reader.get("/pim")
        assert caught.value.code == "PermissionScopeNotGranted"

    using(test)


def test_an_unlicensed_answer_is_asked_once_more_before_it_is_believed() -> None:
    unlicensed = Say(refusal("Authentication_RequestFromNonPremiumTenantOrB2CTenant"), 403)

    async def test(b: Bench) -> None:
        b.server.say("/v1.0/users", unlicensed, GOOD)
        assert len(await b.rows()) == 2
        b.server.say("/v1.0/users", unlicensed)
        with pytest.raises(NotLicensedError):
            await b.rows()
        assert len(b.server.asked) == 4
        assert len(b.time.slept) == 2

    using(test)


def test_a_refused_token_is_renewed_once() -> None:
    async def test(b: Bench) -> None:
        b.server.say("/v1.0/users", Say(refusal("InvalidAuthenticationToken"), 401), GOOD)
        assert len(await b.rows()) == 2
        assert b.told.kinds() == ["token", "page"]
        b.server.say("/v1.0/users", Say(refusal("InvalidAuthenticationToken"), 401))
        with pytest.raises(TokenRefusedError, match="after 2 attempts"):
            await b.rows()

    using(test)


def test_what_a_header_or_message_holds_is_cleaned() -> None:
    async def test(b: Bench) -> None:
        body = refusal("Authorization_RequestDenied", "no \x1b[31m\r\nHTTP/1.1 200\x00 " + "x" * 5000)
        # The latin-1 control 0x9b is a terminal's escape too.
        b.server.say(
            "/v1.0/thing", Say(body, 403, headers={"request-id": ""}, raw_headers=b"x-ms-request-id: a\x9b2Jb\r\n")
        )
        with pytest.raises(AccessDeniedError) as caught:
            await b.reader.get("/thing")
        assert caught.value.request_id == "a2Jb"
        assert str(caught.value).isprintable()
        assert len(str(caught.value)) < 500

    using(test)


def test_published_error_bodies(shared_errors: dict[str, bytes]) -> None:
    wanted: dict[str, type[GraphError]] = {
        "400.pim-license-required.json": NotLicensedError,
        "403.entitlement-nolicense.json": NotLicensedError,
        "403.non-premium-tenant.json": NotLicensedError,
        "429.throttled.json": ThrottledError,
    }

    def kind_of(name: str) -> type[GraphError]:
        by_status: dict[str, type[GraphError]] = {"400": BadRequestError, "403": AccessDeniedError}
        return wanted.get(name) or by_status[name[:3]]

    async def test(b: Bench) -> None:
        for name, body in shared_errors.items():
            b.server.say("/v1.0/x", Say(body, int(name[:3]), headers={"request-id": ""}))
            with pytest.raises(GraphError) as caught:
                await b.reader.get("/x")
            assert type(caught.value) is kind_of(name), name

    using(test)


@pytest.fixture
def shared_errors() -> dict[str, bytes]:
    from tests.shared import shared

    folder = shared("graph", "samples", "errors")
    return {f.name: f.read_bytes() for f in sorted(folder.glob("4*.json"))}
