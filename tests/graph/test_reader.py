"""The reader against a real socket: answers, pages, counts."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

from posture.errors import AnswerError, SettingsError
from posture.graph.answer import Answer, Limits
from posture.graph.clouds import CLOUDS, loopback_root
from posture.graph.reader import open_arm_reader, open_reader
from tests.graph.faulty import Bench, Say, page, serving, using


def test_a_single_answer_comes_whole_with_its_proof() -> None:
    async def test(b: Bench) -> None:
        body = b'{ "allowInvitesFrom": "none",\n "x": 1.0 }'
        b.server.say(
            "/v1.0/policies/authorizationPolicy",
            Say(
                body,
                headers={
                    "request-id": "abc",
                    "Date": "Mon, 23 Nov 2026 02:15:45 GMT",
                    "x-ms-resource-unit": "2",
                    "Set-Cookie": "secret=1",
                },
            ),
        )
        answer = await b.reader.get("/policies/authorizationPolicy", {"$select": "id"})
        assert isinstance(answer, Answer)
        assert answer.body == body
        assert answer.url == f"{b.server.root}/v1.0/policies/authorizationPolicy?$select=id"
        assert (answer.status, answer.request_id, answer.attempts) == (200, "abc", 1)
        assert answer.server_date == "Mon, 23 Nov 2026 02:15:45 GMT"
        assert answer.headers == {"content-type": "application/json", "x-ms-resource-unit": "2"}
        assert answer.started <= answer.ended
        (asked,) = b.server.asked
        assert asked.method == "GET"
        assert asked.target == "/v1.0/policies/authorizationPolicy?$select=id"
        assert asked.headers["authorization"] == "Bearer emulated"
        assert asked.headers["x-ms-throttle-priority"] == "Low"
        assert asked.headers["accept-encoding"] == "gzip"
        assert asked.headers["client-request-id"] == answer.client_request_id
        assert asked.headers["user-agent"].startswith("posture/")
        assert asked.headers["prefer"] == "include-unknown-enum-members"
        assert "consistencylevel" not in asked.headers

    using(test)


def test_all_pages_in_order_with_the_same_headers() -> None:
    async def test(b: Bench) -> None:
        b.server.say("/v1.0/users?$top=2", Say(page("a", "b", link=b.link("$skiptoken=1"), **{"@odata.count": 4})))
        b.server.say("/v1.0/users?$skiptoken=1", Say(page(link=b.link("$skiptoken=2")), packed=True))
        b.server.say("/v1.0/users?$skiptoken=2", Say(page("c", "d"), packed=True, chunked=True))
        pages = [p async for p in b.reader.pages("/users", {"$top": "2"}, eventual=True)]
        assert [[i for i, _ in p.rows] for p in pages] == [["a", "b"], [], ["c", "d"]]
        assert [p.number for p in pages] == [1, 2, 3]
        assert [p.count for p in pages] == [4, None, None]
        assert [p.next for p in pages] == [b.link("$skiptoken=1"), b.link("$skiptoken=2"), ""]
        assert all(p.answer.body == b"" for p in pages)
        assert all(a.headers["consistencylevel"] == "eventual" for a in b.server.asked)
        assert b.reader.requests == {"sent": 3, "pages": 3}
        assert b.told.kinds() == ["page", "page", "page"]

    using(test)


def test_the_next_page_is_fetched_while_this_one_is_looked_at() -> None:
    async def test(b: Bench) -> None:
        b.server.say("/v1.0/users", Say(page("a", link=b.link("$skiptoken=1"))))
        b.server.say("/v1.0/users?$skiptoken=1", Say(page("b")))
        async for found in b.reader.pages("/users"):
            await asyncio.sleep(0.05)
            assert len(b.server.asked) == 2
            if found.number == 1:
                continue

    using(test)


def test_a_list_left_early_leaves_nothing_behind() -> None:
    async def test(b: Bench) -> None:
        b.server.say("/v1.0/users", Say(page("a", link=b.link("$skiptoken=1"))))
        b.server.say("/v1.0/users?$skiptoken=1", Say({}, 500))
        pages = b.reader.pages("/users")
        async for _ in pages:
            break
        await pages.aclose()  # type: ignore[attr-defined]
        assert len(asyncio.all_tasks() - {asyncio.current_task()}) <= 2

    using(test)


def test_a_list_goes_on_from_a_link_kept() -> None:
    async def test(b: Bench) -> None:
        b.server.say("/v1.0/users?$skiptoken=1", Say(page("c")))
        assert await b.rows(start=b.link("$skiptoken=1")) == [("c", b'{"id": "c", "displayName": "name c"}')]
        with pytest.raises(AnswerError, match="points elsewhere"):
            await b.rows(start="https://elsewhere.example/v1.0/users?$skiptoken=1")
        assert len(b.server.asked) == 1

    using(test)


LINKS = [
    ("https://elsewhere.example/v1.0/users?x=1", "points elsewhere"),
    ("http://127.0.0.1.evil.example/v1.0/users", "points elsewhere"),
    ("http://127.0.0.1@evil.example/v1.0/users", "user name"),
    ("ROOT@evil.example/v1.0/users", "user name|not an address"),
    ("http://127.0.0.1:1/v1.0/users", "points elsewhere"),
    ("http://localhost:PORT/v1.0/users?x=1", "points elsewhere"),
    ("https://127.0.0.1:PORT/v1.0/users?x=1", "points elsewhere"),
    ("/v1.0/users?x=1", "not a full address"),
    ("//evil.example/v1.0/users", "not a full address"),
    ("file:///etc/passwd", "not a full address"),
    ("\\\\evil.example\\share", "no address has"),
    ("ROOT/v1.0/me/messages?x=1", "another place"),
    ("ROOT/v1.0/users?x=1#y", "fragment"),
    ("ROOT/v1.0/users?" + "x" * 1_000_000, "characters long"),
    (5, "not text"),
    ([], "not text"),
    ("", "is empty"),
    ("ROOT/v1.0/users", "does not end"),
]


@pytest.mark.parametrize(("link", "words"), LINKS)
def test_no_request_follows_a_link_that_may_not_be_followed(link: Any, words: str) -> None:
    async def test(b: Bench) -> None:
        told = link
        if isinstance(link, str):
            told = link.replace("ROOT", b.server.root).replace("PORT", b.server.root.rpartition(":")[2])
        b.server.say("/v1.0/users", Say(page("a", link=told), headers={"request-id": "r9"}))
        with pytest.raises(AnswerError, match=words) as caught:
            await b.rows()
        assert caught.value.request_id == "r9"
        assert str(caught.value).startswith("/v1.0/users: ")
        assert len(b.server.asked) == 1

    using(test)


def test_a_null_link_ends_the_list() -> None:
    async def test(b: Bench) -> None:
        b.server.say("/v1.0/users", Say({"value": [{"id": "a"}], "@odata.nextLink": None}))
        assert len(await b.rows()) == 1

    using(test)


def test_a_circle_of_links_ends_as_an_error() -> None:
    async def test(b: Bench) -> None:
        b.server.say("/v1.0/users", Say(page("a", link=b.link("t=1"))))
        for here, there in ((1, 2), (2, 3), (3, 1)):
            b.server.say(f"/v1.0/users?t={here}", Say(page("a", link=b.link(f"t={there}"))))
        with pytest.raises(AnswerError, match="does not end"):
            await b.rows()
        assert len(b.server.asked) == 4

    using(test)


def test_a_list_with_ever_new_links_is_stopped() -> None:
    async def test(b: Bench) -> None:
        count = iter(range(1000))
        b.server.say("/v1.0/users", lambda _: Say(page("a", link=b.link(f"t={next(count)}"))))
        with pytest.raises(AnswerError, match="within 5 pages"):
            await b.rows()
        assert len(b.server.asked) == 5

    using(test, limits=Limits(list_pages=5))


def test_a_list_of_ever_more_bytes_is_stopped() -> None:
    async def test(b: Bench) -> None:
        count = iter(range(1000))
        b.server.say("/v1.0/users", lambda _: Say(page("a", link=b.link(f"t={next(count)}"))))
        with pytest.raises(AnswerError, match="within 200 bytes"):
            await b.rows()
        assert 2 < len(b.server.asked) < 50

    using(test, limits=Limits(list_bytes=200))


def test_an_expired_link_is_said() -> None:
    async def test(b: Bench) -> None:
        b.server.say("/v1.0/users", Say(page("a", link=b.link("t=1"))))
        b.server.say("/v1.0/users?t=1", Say({"error": {"code": "Directory_ExpiredPageToken", "message": "x"}}, 400))
        with pytest.raises(AnswerError, match="expired before it was followed") as caught:
            await b.rows()
        assert caught.value.code == "Directory_ExpiredPageToken"

    using(test)


def test_the_services_own_count() -> None:
    async def test(b: Bench) -> None:
        b.server.say("/v1.0/users/$count", Say(b"\xef\xbb\xbf1250", headers={"Content-Type": "text/plain"}))
        number, answer = await b.reader.count("/users", {"$filter": "userType eq 'Guest'"})
        assert number == 1250
        assert answer.request_id == "req-1"
        assert b.server.asked[0].target == "/v1.0/users/$count?$filter=userType%20eq%20'Guest'"
        assert b.server.asked[0].headers["consistencylevel"] == "eventual"

    using(test)


def test_request_ids_and_clock_may_be_given() -> None:
    async def run() -> None:
        moment = datetime(2026, 11, 23, tzinfo=UTC)
        async with serving() as server:
            server.say("/v1.0/me", Say({"id": "x"}))
            reader = open_reader(server.root, clock=lambda: moment, request_ids=lambda url: f"id-of-{len(url)}")
            answer = await reader.get("/me")
            assert answer.started == answer.ended == moment
            assert (
                answer.client_request_id == server.asked[0].headers["client-request-id"] == f"id-of-{len(answer.url)}"
            )
            await reader.aclose()

    asyncio.run(run())


def test_objects_by_id_are_a_reading_post() -> None:
    async def test(b: Bench) -> None:
        b.server.say("/v1.0/directoryObjects/getByIds", Say(page("a")))
        pages = [p async for p in b.reader.by_ids([f"{n}" for n in range(1500)], types=("user",))]
        assert [len(p.rows) for p in pages] == [1, 1]
        assert [a.method for a in b.server.asked] == ["POST", "POST"]
        assert b'"types":["user"]' in b.server.asked[0].body

    using(test)


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1",
        "http://127.0.0.2:80",
        "http://graph.microsoft.com",
        "http://127.0.0.1@evil.example",
        "http://127.0.0.1.evil.example:1",
        "http://localhost.evil.example",
        "http://10.0.0.1:8080",
        "http://127.0.0.1:8080/v1.0",
        "http://127.0.0.1:99999",
        "http://127.0.0.1:0",
        "http://user@localhost",
        "http://localhost\\@evil.example",
        "http://[::2]:1",
        "http://0.0.0.0:1",
        "127.0.0.1:8080",
        "http://",
        "",
    ],
)
def test_only_loopback_is_asked_without_a_token(url: str) -> None:
    with pytest.raises(SettingsError):
        open_reader(url)


@pytest.mark.parametrize(
    ("url", "root"),
    [
        ("http://127.0.0.1:8080/", "http://127.0.0.1:8080"),
        ("http://localhost", "http://localhost"),
        ("HTTP://LOCALHOST:8", "http://localhost:8"),
        ("http://[::1]:8080", "http://[::1]:8080"),
    ],
)
def test_loopback_roots(url: str, root: str) -> None:
    assert loopback_root(url) == root


def test_clouds_have_their_own_places() -> None:
    assert {c.host for c in CLOUDS.values()} == {
        "graph.microsoft.com",
        "graph.microsoft.us",
        "dod-graph.microsoft.us",
        "microsoftgraph.chinacloudapi.cn",
    }
    assert all(c.scope == f"{c.root}/.default" for c in CLOUDS.values())
    assert open_arm_reader(CLOUDS["china"], None) is None  # type: ignore[arg-type]


def test_a_real_cloud_needs_a_credential() -> None:
    with pytest.raises(TypeError):
        open_reader(CLOUDS["global"], None)
