"""A small Graph that lives while it is read: guests come and go between two requests."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import httpx
import orjson

BEGUN = datetime(2020, 1, 1, tzinfo=UTC)
NOW = datetime(2026, 11, 20, 8, 15, tzinfo=UTC)
_DATE = re.compile(r"createdDateTime (ge|le) (\S+)")


@dataclass
class Guest:
    """One account; `created` None is one that a date filter never finds."""

    id: str
    created: datetime | None

    def text(self) -> str | None:
        return self.created.strftime("%Y-%m-%dT%H:%M:%SZ") if self.created else None


@dataclass
class Living(httpx.AsyncBaseTransport):
    """Answers `/users` and `/users/$count`.

    `before_each` is called before each request and may change `guests`. With
    `by_place` pages are counted off, so that a deletion shifts later rows past
    the reader; otherwise a page begins after the last id of the one before.
    `dates` says whether filters by date are taken: "yes", "no", or "counted"
    (by the count alone). `off` is added to every count.
    """

    guests: list[Guest]
    page: int = 3
    by_place: bool = False
    dates: str = "yes"
    off: int = 0
    before_each: Callable[["Living", int], None] = lambda living, number: None
    asked: list[str] = field(default_factory=list)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.before_each(self, len(self.asked))
        parts = urlsplit(str(request.url))
        query = {k: v[0] for k, v in parse_qs(parts.query).items()}
        self.asked.append(f"{parts.path}?{query.get('$filter', '')}")
        counting = parts.path.endswith("/$count")
        where = _DATE.findall(query.get("$filter", ""))
        if where and (self.dates == "no" or (self.dates == "counted" and not counting)):
            return _json({"error": {"code": "Request_UnsupportedQuery", "message": "no such filter"}}, 400)
        if parts.path == "/v1.0/organization":
            return _json({"value": [{"id": "t", "displayName": "Living"}]})
        found = [g for g in self.guests if _lies_within(g, where)]
        if counting:
            return httpx.Response(200, content=str(len(found) + self.off).encode())
        return _json(self._page(request.url, found, query))

    def _page(self, url: httpx.URL, found: list[Guest], query: dict[str, str]) -> dict[str, object]:
        found.sort(key=lambda g: g.id)
        token = query.get("$skiptoken", "")
        if self.by_place:
            start = int(token or 0)
            rest, following = found[start:], str(start + self.page)
        else:
            rest = [g for g in found if g.id > token]
            following = rest[self.page - 1].id if len(rest) >= self.page else ""
        body: dict[str, object] = {
            "value": [
                {"id": g.id, "userType": "Guest", "createdDateTime": g.text(), "displayName": f"Guest {g.id}"}
                for g in rest[: self.page]
            ]
        }
        if len(rest) > self.page:
            body["@odata.nextLink"] = str(url.copy_merge_params({"$skiptoken": following}))
        return body


def _lies_within(guest: Guest, where: list[tuple[str, str]]) -> bool:
    for how, text in where:
        bound = datetime.fromisoformat(text)
        if guest.created is None or (guest.created < bound if how == "ge" else guest.created > bound):
            return False
    return True


def _json(body: object, status: int = 200) -> httpx.Response:
    return httpx.Response(status, content=orjson.dumps(body), headers={"request-id": "r"})


def guest(number: int, days: float | None) -> Guest:
    created = None if days is None else (BEGUN + timedelta(days=days)).replace(microsecond=0)
    return Guest(f"{number:06d}", created)
