"""One gate, one adaptive limit, and the documented limits of a few services."""

import asyncio

import pytest

from posture.graph.answer import Limits
from posture.graph.pacing import AdaptiveLimit, family_of
from tests.graph.faulty import Bench, Say, page, using

G = "https://graph.microsoft.com"


@pytest.mark.parametrize(
    ("url", "name"),
    [
        (f"{G}/v1.0/users?$select=id,signInActivity&$top=500", "sign-in activity"),
        (f"{G}/v1.0/users?$select=id%2CsignInActivity", "sign-in activity"),
        (f"{G}/v1.0/users?$select=id", None),
        (f"{G}/v1.0/auditLogs/signIns?$top=1", "audit logs and reports"),
        (f"{G}/beta/auditLogs/directoryAudits", "audit logs and reports"),
        (f"{G}/v1.0/reports/authenticationMethods/userRegistrationDetails", "audit logs and reports"),
        (f"{G}/v1.0/identity/conditionalAccess/policies", "Conditional Access"),
        (f"{G}/v1.0/identity/identityProviders", None),
    ],
)
def test_families(url: str, name: str | None) -> None:
    found = family_of(url)
    assert (found.name if found else None) == name


def test_sign_in_activity_keeps_ten_a_minute_beside_everything_else() -> None:
    async def test(b: Bench) -> None:
        for n in range(25):
            here = "/v1.0/users?$select=id,signInActivity" if n == 0 else f"/v1.0/users?signInActivity={n}"
            link = b.link(f"signInActivity={n + 1}") if n < 24 else None
            b.server.say(here, Say(page(f"u{n}", link=link)))
        rows = await b.rows("/users", params={"$select": "id,signInActivity"})
        assert len(rows) == 25
        assert b.time.slept == pytest.approx([60.0, 60.0])
        paced = [e for e in b.told.events if e.kind == "pace"]
        assert [e.seconds for e in paced] == pytest.approx([60.0, 60.0])

    using(test, keep_pace=True)


@pytest.mark.parametrize("taken_up", [False, True])
def test_the_pages_of_a_list_keep_its_pace_whatever_their_links_say(taken_up: bool) -> None:
    """Next links are opaque: nothing promises that they name what was selected."""

    async def test(b: Bench) -> None:
        first = "/v1.0/users?$select=id,signInActivity"
        for n in range(13):
            link = b.link(f"%24skiptoken={n + 1}") if n < 12 else None
            b.server.say(f"/v1.0/users?%24skiptoken={n}" if n else first, Say(page(f"u{n}", link=link)))
        start = b.link("%24skiptoken=1") if taken_up else None
        rows = await b.rows("/users", params={"$select": "id,signInActivity"}, start=start)
        assert len(rows) == 13 - taken_up
        assert b.time.slept == pytest.approx([60.0])

    using(test, keep_pace=True)


def test_a_refused_later_page_of_a_paced_list_holds_up_only_its_own() -> None:
    async def test(b: Bench) -> None:
        slow = Say({"error": {"code": "TooManyRequests"}}, 429, {"Retry-After": "40"})
        b.server.say("/v1.0/users?$select=id,signInActivity", Say(page("u0", link=b.link("%24skiptoken=1"))))
        b.server.say("/v1.0/users?%24skiptoken=1", slow, Say(page("u1")))
        b.server.say("/v1.0/domains", Say(page("d")))
        b.time.hold = asyncio.Event()
        paced = asyncio.create_task(b.rows("/users", params={"$select": "id,signInActivity"}))
        while not b.time.slept:  # noqa: ASYNC110
            await asyncio.sleep(0.005)
        async with asyncio.timeout(5):
            assert len(await b.rows("/domains")) == 1
        b.time.hold.set()
        assert len(await paced) == 2

    using(test)


def test_on_loopback_nobody_is_paced() -> None:
    async def test(b: Bench) -> None:
        b.server.say("/v1.0/identity/conditionalAccess/policies", Say(page("a")))
        for _ in range(5):
            await b.rows("/identity/conditionalAccess/policies")
        assert b.time.slept == []

    using(test)


def test_conditional_access_one_a_second() -> None:
    async def test(b: Bench) -> None:
        b.server.say("/v1.0/identity/conditionalAccess/policies", Say(page("a")))
        b.server.say("/v1.0/identity/conditionalAccess/namedLocations", Say({}, 429), Say(page("a")))
        await asyncio.gather(
            *(b.rows(f"/identity/conditionalAccess/{x}") for x in ("policies", "namedLocations", "policies"))
        )
        assert b.time.at - 1000 >= 3

    using(test, keep_pace=True)


def test_one_429_closes_the_gate_for_all() -> None:
    """The others wait out the pause; nobody finds out by being refused as well."""

    async def test(b: Bench) -> None:
        b.time.hold = asyncio.Event()
        b.server.say("/v1.0/users", Say({}, 429, headers={"Retry-After": "20"}), Say(page("a")))
        b.server.say("/v1.0/groups", Say(page("g")))
        users = asyncio.create_task(b.rows())
        await b.told.heard.wait()
        groups = asyncio.create_task(b.rows("/groups"))
        await asyncio.sleep(0.05)
        assert [a.path for a in b.server.asked] == ["/v1.0/users"]
        b.time.hold.set()
        assert len(await users) == len(await groups) == 1
        assert b.time.at >= 1020

    using(test)


def test_a_paced_familys_429_holds_up_only_its_own() -> None:
    async def test(b: Bench) -> None:
        b.time.hold = asyncio.Event()
        slow = "/v1.0/auditLogs/signIns"
        b.server.say(slow, Say({}, 429, headers={"Retry-After": "100"}), Say(page("s")))
        b.server.say("/v1.0/reports/authenticationMethods/x", Say(page("r")))
        b.server.say("/v1.0/groups", Say(page("g")))
        logs = asyncio.create_task(b.rows("/auditLogs/signIns"))
        await b.told.heard.wait()
        reports = asyncio.create_task(b.rows("/reports/authenticationMethods/x"))
        await asyncio.wait_for(b.rows("/groups"), 5)
        await asyncio.sleep(0.05)
        assert [a.path for a in b.server.asked] == [slow, "/v1.0/groups"]
        b.time.hold.set()
        assert len(await logs) == len(await reports) == 1

    using(test)


def test_never_more_at_once_than_allowed() -> None:
    async def test(b: Bench) -> None:
        busy = most = 0
        send = b.reader._exchange._send

        async def counted(*args: object) -> object:
            nonlocal busy, most
            busy += 1
            most = max(most, busy)
            try:
                return await send(*args)  # type: ignore[arg-type]
            finally:
                busy -= 1

        b.reader._exchange._send = counted  # type: ignore[assignment]
        b.server.say("/v1.0/me", Say({"id": "x"}))
        await asyncio.gather(*(b.reader.get("/me") for _ in range(40)))
        assert most == 3

    using(test, limits=Limits(concurrency=3))


def test_the_limit_halves_once_for_one_moment_and_recovers() -> None:
    async def run() -> None:
        limit = AdaptiveLimit(8)
        async with limit.slot() as first, limit.slot() as second:
            limit.throttled(first)
            limit.throttled(second)
            assert limit.allowed == 4
        async with limit.slot() as later:
            limit.throttled(later)
        assert limit.allowed == 2
        for _ in range(3):
            async with limit.slot() as mark:
                limit.throttled(mark)
        assert limit.allowed == 1
        for _ in range(60):
            limit.went_well()
        assert limit.allowed == 8

    asyncio.run(run())


def test_waiters_get_their_turn_and_may_give_up() -> None:
    async def run() -> None:
        limit = AdaptiveLimit(1)
        order: list[str] = []

        async def work(name: str) -> None:
            async with limit.slot():
                order.append(name)
                await asyncio.sleep(0.001)

        tasks = [asyncio.create_task(work(n)) for n in "abcd"]
        await asyncio.sleep(0)
        tasks[1].cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert order == ["a", "c", "d"]
        # One given its place in the very moment it gives up hands the place on.
        async with limit.slot():
            giving_up = asyncio.create_task(work("e"))
            after = asyncio.create_task(work("f"))
            await asyncio.sleep(0)
        giving_up.cancel()
        await asyncio.wait_for(after, 1)
        assert order[-1] == "f"
        # One that gives up just before a place falls free is passed over, not missed.
        async with limit.slot():
            giving_up = asyncio.create_task(work("g"))
            after = asyncio.create_task(work("h"))
            await asyncio.sleep(0)
            giving_up.cancel()
        with pytest.raises(asyncio.CancelledError):
            await giving_up
        await asyncio.wait_for(after, 1)
        assert order[-1] == "h"

    asyncio.run(run())
