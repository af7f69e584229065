"""Batches: every item its own answer or its own error."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from posture.errors import AccessDeniedError, AnswerError, GraphError, NotFoundError, ServerError, ThrottledError
from posture.graph.answer import Answer
from tests.graph.faulty import Asked, Bench, Say, using

ItemAnswer = tuple[int, Any, dict[str, str]]


def batch_of(answer: Callable[[str, int], ItemAnswer | None]) -> Callable[[Asked], Say]:
    """Serve `$batch`: `answer(url, how often asked)` gives status, body and headers, None to leave it out."""
    seen: dict[str, int] = {}

    def say(asked: Asked) -> Say:
        assert asked.method == "POST"
        questions = json.loads(asked.body)["requests"]
        assert len(questions) <= 20
        responses = []
        for question in reversed(questions):
            assert question["method"] == "GET"
            url = question["url"]
            seen[url] = seen.get(url, 0) + 1
            given = answer(url, seen[url])
            if given is not None:
                status, body, headers = given
                responses.append({"id": question["id"], "status": status, "headers": headers, "body": body})
        return Say({"responses": responses})

    return say


async def results(b: Bench, paths: list[str], **more: Any) -> dict[str, Answer | GraphError]:
    return {path: result async for path, result in b.reader.batch(paths, **more)}


def test_any_number_of_paths_in_order() -> None:
    async def test(b: Bench) -> None:
        b.server.say("/v1.0/$batch", batch_of(lambda url, _: (200, {"url": url}, {"request-id": f"r{url}"})))
        paths = [f"/groups/{n}/settings" for n in range(205)]
        found = await results(b, paths)
        assert list(found) == paths
        answer = found["/groups/7/settings"]
        assert isinstance(answer, Answer)
        assert json.loads(answer.body) == {"url": "/groups/7/settings"}
        assert answer.request_id == "r/groups/7/settings"
        assert answer.url == f"{b.server.root}/v1.0/groups/7/settings"
        assert len(b.server.asked) == 11
        assert b.reader.requests["batched"] == 205

    using(test)


def test_throttled_and_failed_items_come_again_and_refused_ones_cost_nothing() -> None:
    def answer(url: str, times: int) -> ItemAnswer | None:
        number = int(url.rsplit("/", 1)[1])
        match number % 6:
            case 0 if times < 3:
                return 429, {"error": {"code": "TooManyRequests"}}, {"Retry-After": "2.5"}
            case 1 if times == 1:
                return 503, None, {}
            case 2:
                return 403, {"error": {"code": "Authorization_RequestDenied", "message": "no"}}, {}
            case 3:
                return 404, {"error": {"code": "Request_ResourceNotFound", "message": "gone"}}, {}
            case 4 if times == 1:
                return None
        return 200, {"n": number}, {}

    async def test(b: Bench) -> None:
        b.server.say("/v1.0/$batch", batch_of(answer))
        found = await results(b, [f"/x/{n}" for n in range(45)])
        assert len(found) == 45
        for path, result in found.items():
            kind = {2: AccessDeniedError, 3: NotFoundError}.get(int(path[3:]) % 6, Answer)
            assert type(result) is kind, path
        again = found["/x/0"]
        assert isinstance(again, Answer)
        assert again.attempts == 3
        assert again.request_id == "req-1"  # an item without its own id carries the batch's
        assert max(b.time.slept) >= 2.5

    using(test)


def test_a_throttled_item_lets_fewer_requests_go_at_once() -> None:
    """Graph answers the batch with 200 then; all the same it is being asked too fast."""

    async def test(b: Bench) -> None:
        limit = b.reader._exchange.pace.limit
        most = limit.allowed
        seen: list[int] = []

        def answer(url: str, times: int) -> ItemAnswer:
            seen.append(limit.allowed)
            return (429, {"error": {"code": "TooManyRequests"}}, {}) if times < 3 else (200, {"a": 1}, {})

        b.server.say("/v1.0/$batch", batch_of(answer))
        assert all(isinstance(r, Answer) for r in (await results(b, [f"/x/{n}" for n in range(20)])).values())
        assert [seen[0], seen[20], seen[40]] == [most, most // 2, most // 4]  # once a round, not once an item
        for _ in range(2 * most * most):
            limit.went_well()
        assert limit.allowed == most

    using(test)


@pytest.mark.parametrize(
    ("item", "kind"),
    [
        ((429, {"error": {"code": "x"}}, {}), ThrottledError),
        ((429, None, {"retry-after": "9999"}), ThrottledError),
        ((500, None, {}), ServerError),
        (None, AnswerError),
        ((200, None, {}), AnswerError),
        ((200, "YmFzZTY0", {}), AnswerError),
        ((200, [1], {}), AnswerError),
        ((200, {"error": {}}, {}), AnswerError),
        ((302, {}, {"Location": "https://evil.example"}), AnswerError),
    ],
)
def test_a_lasting_fault_ends_as_that_items_error(item: ItemAnswer | None, kind: type[GraphError]) -> None:
    async def test(b: Bench) -> None:
        good: ItemAnswer = (200, {"a": 1}, {})
        b.server.say("/v1.0/$batch", batch_of(lambda url, _: item if url == "/bad" else good))
        found = await results(b, ["/good", "/bad"])
        assert isinstance(found["/good"], Answer)
        assert type(found["/bad"]) is kind

    using(test)


def test_a_batch_that_fails_as_a_whole_fails_each_of_its_items() -> None:
    async def test(b: Bench) -> None:
        b.server.say("/v1.0/$batch", Say({"error": {"code": "Authorization_RequestDenied"}}, 403))
        found = await results(b, ["/a", "/b"])
        assert [type(r) for r in found.values()] == [AccessDeniedError, AccessDeniedError]
        b.server.say("/v1.0/$batch", Say({"responses": "x"}))
        assert [type(r) for r in (await results(b, ["/a"])).values()] == [AnswerError]
        b.server.say("/v1.0/$batch", Say(b"<html>"))
        assert [type(r) for r in (await results(b, ["/a"])).values()] == [AnswerError]

    using(test)


def test_an_item_answered_twice_answers_nothing() -> None:
    async def test(b: Bench) -> None:
        one = {"id": "0", "status": 200, "body": {"a": 1}}
        b.server.say("/v1.0/$batch", Say({"responses": [one, {**one, "body": {"a": 2}}]}))
        assert type((await results(b, ["/a"]))["/a"]) is AnswerError

    using(test)


def test_a_lone_surrogate_in_one_item_stays_as_sent() -> None:
    async def test(b: Bench) -> None:
        body = (
            rb'{"responses":[{"id":"1","status":200,"body":{"n":"\ud800"}},'
            rb'{"id":"0","status":200,"body":{"n":"\udc00x"}}]}'
        )
        b.server.say("/v1.0/$batch", Say(body))
        found = await results(b, ["/a", "/b"])
        assert [r.body for r in found.values() if isinstance(r, Answer)] == [rb'{"n":"\udc00x"}', rb'{"n":"\ud800"}']

    using(test)


def test_the_advanced_header_and_the_version_go_with_each_item() -> None:
    async def test(b: Bench) -> None:
        b.server.say("/beta/$batch", Say({"responses": [{"id": "0", "status": 200, "body": {}}]}))
        await results(b, ["/users?$top=5&$filter=a eq 'b'"], version="beta", eventual=True)
        (question,) = json.loads(b.server.asked[0].body)["requests"]
        assert question == {
            "id": "0",
            "method": "GET",
            "url": "/users?$top=5&$filter=a%20eq%20'b'",
            "headers": {"Prefer": "include-unknown-enum-members", "ConsistencyLevel": "eventual"},
        }

    using(test)


def test_a_path_that_leaves_its_place_is_our_own_bug() -> None:
    async def test(b: Bench) -> None:
        for path in ("https://evil.example/x", "//evil.example/x", "/users/../me"):
            with pytest.raises(ValueError, match=r"no path|leaves its place"):
                await results(b, [path])
        assert b.server.asked == []

    using(test)


def test_the_rest_of_a_list_that_began_in_a_batch() -> None:
    async def test(b: Bench) -> None:
        path = "/groups/g/transitiveMembers"
        first = {"value": [{"id": "a"}], "@odata.nextLink": f"{b.server.root}/v1.0{path}?$skiptoken=1"}
        b.server.say("/v1.0/$batch", batch_of(lambda *_: (200, first, {})))
        b.server.say(f"/v1.0{path}?$skiptoken=1", Say({"value": [{"id": "b"}]}))
        answer = (await results(b, [path]))[path]
        assert isinstance(answer, Answer)
        assert [json.loads(row)["id"] async for row in b.reader.rest_of(answer)] == ["a", "b"]

        foreign = {"value": [], "@odata.nextLink": "https://evil.example/v1.0/x"}
        b.server.say("/v1.0/$batch", batch_of(lambda *_: (200, foreign, {})))
        answer = (await results(b, [path]))[path]
        assert isinstance(answer, Answer)
        with pytest.raises(AnswerError, match="points elsewhere"):
            _ = [row async for row in b.reader.rest_of(answer)]

    using(test)


def test_leaving_early_stops_what_is_under_way() -> None:
    async def test(b: Bench) -> None:
        b.server.say("/v1.0/$batch", batch_of(lambda url, _: (200, {"url": url}, {})))
        asking = b.reader.batch(f"/x/{n}" for n in range(10_000))
        async for _ in asking:
            break
        await asking.aclose()  # type: ignore[attr-defined]
        assert len(b.server.asked) <= 5

    using(test)
