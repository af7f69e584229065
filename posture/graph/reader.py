"""GraphReader: the one way posture asks Graph.

The collector asks for a single answer, all pages of a list, a count, or many
small answers at once. Requests go through the SDK's adapter and come back
raw; waiting, asking again, paging and believing an answer are decided here.
"""

import asyncio
import uuid
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import orjson

from posture.errors import AnswerError, GraphError
from posture.graph.answer import Answer, Event, Limits, Page
from posture.graph.clouds import Cloud, loopback_root
from posture.graph.exchange import Exchange
from posture.graph.judge import Ask
from posture.graph.links import LinkChecker, address, segment
from posture.graph.pacing import AdaptiveLimit, Pace, Timer
from posture.graph.wire import Credential, EmulatedCredential, sdk_sender

if TYPE_CHECKING:
    import httpx

    from posture.graph.bodies import Listing

__all__ = ["Answer", "Event", "GraphReader", "Limits", "Page", "Timer", "open_reader", "segment"]

BY_IDS = 1000
"""Ids in one look-up, Graph's own limit."""


class GraphReader:
    """Asks one Graph, reading only.

    `root` is its address without a trailing slash. `on_event`, if set, hears of
    pages, retries and waits. `requests` counts what went over the wire: `sent`
    all attempts, `retried` those made again, `pages` the pages of lists,
    `batched` the questions inside batches.

    Every method raises a GraphError that says what Graph answered, in words for
    people, with status, code and request id.
    """

    def __init__(
        self, root: str, exchange: Exchange, limits: Limits, close: Sequence[Callable[[], Awaitable[None]]]
    ) -> None:
        self.root = root
        self._exchange, self._limits, self._close = exchange, limits, close

    @property
    def on_event(self) -> Callable[[Event], None] | None:
        """Who hears of events."""
        return self._exchange.on_event

    @on_event.setter
    def on_event(self, listener: Callable[[Event], None] | None) -> None:
        self._exchange.on_event = listener

    @property
    def requests(self) -> Counter[str]:
        """What went over the wire, by kind."""
        return self._exchange.requests

    async def get(
        self, path: str, params: Mapping[str, str] | None = None, *, version: str = "v1.0", eventual: bool = False
    ) -> Answer:
        """Return one answer, known to be a JSON object without an error in it."""
        from posture.graph.bodies import single

        def checked(body: bytes) -> None:
            single(body, max_bytes=self._limits.single_bytes)

        answer, _ = await self._exchange.ask(Ask(self._url(path, params, version), eventual=eventual), checked)
        return answer

    async def count(
        self, path: str, params: Mapping[str, str] | None = None, *, version: str = "v1.0"
    ) -> tuple[int, Answer]:
        """Return the service's own count of a list.

        Source: https://learn.microsoft.com/graph/aad-advanced-queries
        """
        from posture.graph.bodies import whole_number

        ask = Ask(self._url(f"{path}/$count", params, version), eventual=True, accept="text/plain")
        answer, number = await self._exchange.ask(ask, whole_number)
        return number, answer

    async def pages(
        self,
        path: str,
        params: Mapping[str, str] | None = None,
        *,
        version: str = "v1.0",
        eventual: bool = False,
        key: str = "id",
        start: str | None = None,
    ) -> AsyncIterator[Page]:
        """Yield all pages of a list; the next is fetched while this one is looked at.

        `key` names the property that identifies a row. `start` is the `next` of
        a page read earlier, to go on from there; it is checked like any next
        link. An empty page with a next link is followed.

        Source: https://learn.microsoft.com/graph/paging
        """
        async for page in self._list(self._url(path, params, version), start, eventual=eventual, key=key):
            yield page

    async def batch(
        self, paths: Iterable[str], *, version: str = "v1.0", eventual: bool = False
    ) -> AsyncIterator[tuple[str, Answer | GraphError]]:
        """Ask many paths at once, 20 a request; yield each with its answer or its own error, in order.

        Paths are as in `get`, with an encoded query of their own where needed.

        Source: https://learn.microsoft.com/graph/json-batching
        """
        from posture.graph.batch import Batcher

        def url_of(path: str) -> str:
            return self._url(path, None, version)

        batcher = Batcher(self._exchange, f"{self.root}/{version}", url_of, eventual=eventual)
        async for result in batcher.results(paths):
            yield result

    async def rest_of(self, answer: Answer, *, eventual: bool = False, key: str = "id") -> AsyncGenerator[bytes, None]:
        """Yield the raw rows of an answer that is a list's first page, then those of all pages after it."""
        from posture.graph.bodies import listing

        try:
            found = listing(answer.body, key=key, max_rows=self._limits.page_rows)
            following = ""
            if found.link is not None:
                following = LinkChecker(answer.url, self._limits.link_chars).check(found.link)
        except AnswerError as error:
            raise _placed(error, answer) from None
        for _, row in found.rows:
            yield row
        if following:
            async for page in self._list(answer.url, following, eventual=eventual, key=key):
                for _, row in page.rows:
                    yield row

    async def by_ids(
        self, ids: Sequence[str], *, types: Sequence[str] = (), version: str = "v1.0"
    ) -> AsyncIterator[Page]:
        """Look up directory objects by id, 1,000 a request; objects that are gone are left out.

        Source: https://learn.microsoft.com/graph/api/directoryobject-getbyids
        """
        from posture.graph.bodies import listing

        url = self._url("/directoryObjects/getByIds", None, version)
        for number, start in enumerate(range(0, len(ids), BY_IDS), 1):
            question: dict[str, list[str]] = {"ids": list(ids[start : start + BY_IDS])}
            if types:
                question["types"] = list(types)
            ask = Ask(url, method="POST", content=orjson.dumps(question), keep_body=False)
            answer, found = await self._exchange.ask(ask, listing)
            yield Page(answer, found.rows, found.count, number)

    async def _list(self, first: str, start: str | None, *, eventual: bool, key: str) -> AsyncIterator[Page]:
        links = LinkChecker(first, self._limits.link_chars)
        url = links.check(start) if start is not None and start != first else first
        number, size = 1, 0
        coming: asyncio.Task[Page] | None = asyncio.create_task(self._page(url, number, links, eventual, key))
        try:
            while coming is not None:
                page = await coming
                number += 1
                size += sum([len(line) for _, line in page.rows])
                if size > self._limits.list_bytes:
                    told = f"the list does not end within {self._limits.list_bytes:,} bytes"
                    raise _placed(AnswerError(told), page.answer)
                coming = asyncio.create_task(self._page(page.next, number, links, eventual, key)) if page.next else None
                yield page
        finally:
            if coming is not None:
                coming.cancel()
                with suppress(asyncio.CancelledError, GraphError):
                    await coming

    async def _page(self, url: str, number: int, links: LinkChecker, eventual: bool, key: str) -> Page:
        from posture.graph.bodies import listing

        def cut(body: bytes) -> "Listing":
            return listing(body, key=key, max_rows=self._limits.page_rows)

        answer, found = await self._exchange.ask(Ask(url, eventual=eventual, keep_body=False, began=links.began), cut)
        self.requests["pages"] += 1
        following = ""
        if found.link is not None:
            try:
                following = links.check(found.link)
                if number >= self._limits.list_pages:
                    raise AnswerError(f"the list does not end within {self._limits.list_pages:,} pages")
            except AnswerError as error:
                raise _placed(error, answer) from None
        self._exchange.tell(Event("page", urlsplit(url).path, f"{len(found.rows)} rows", attempt=answer.attempts))
        return Page(answer, found.rows, found.count, number, following)

    def requests_a_minute(
        self, path: str, params: Mapping[str, str] | None = None, *, version: str = "v1.0"
    ) -> float | None:
        """Return how often an address may be asked by a documented limit that is kept here; None without one."""
        return self._exchange.pace.requests_a_minute(self._url(path, params, version))

    def _url(self, path: str, params: Mapping[str, str] | None, version: str) -> str:
        return address(self.root, version, path, params)

    async def aclose(self) -> None:
        """Close connections and the credential. A reader that shares the credential would sign in anew."""
        for close in self._close:
            await close()


def _placed(error: AnswerError, answer: Answer) -> AnswerError:
    return AnswerError(
        f"{urlsplit(answer.url).path}: {error}", status=answer.status, request_id=answer.request_id, url=answer.url
    )


def _utc_now() -> datetime:
    return datetime.now(UTC)


def open_reader(
    cloud_or_root: Cloud | str,
    credential: Credential | None = None,
    *,
    transport: "httpx.AsyncBaseTransport | None" = None,
    clock: Callable[[], datetime] = _utc_now,
    limits: Limits | None = None,
    ca_bundle: Path | None = None,
    request_ids: Callable[[str], str] | None = None,
    timer: Timer | None = None,
    keep_pace: bool | None = None,
    on_event: Callable[[Event], None] | None = None,
) -> GraphReader:
    """Return a reader of one cloud, or of a Graph-like server on loopback.

    A loopback root gets the fixed word `emulated` instead of a token, whatever
    `credential` is. `transport` replaces the network (an in-process emulator);
    reading only, one host and all ceilings hold for it too. `clock` gives the
    times of answers, `timer` the pauses. `request_ids` makes our id of a request
    from its address (default: random). `keep_pace` says whether the documented
    limits of a few services are kept; None means: not on loopback.

    Raises SettingsError for a root that is not loopback and for a proxy or CA
    bundle that cannot be used.
    """
    if isinstance(cloud_or_root, Cloud):
        if credential is None:
            raise TypeError("a real cloud needs a credential")
        return _open(
            cloud_or_root.root,
            cloud_or_root.scope,
            credential,
            transport=transport,
            clock=clock,
            limits=limits,
            ca_bundle=ca_bundle,
            request_ids=request_ids,
            timer=timer,
            keep_pace=keep_pace is not False,
            on_event=on_event,
        )
    root = loopback_root(cloud_or_root)
    return _open(
        root,
        f"{root}/.default",
        EmulatedCredential(),
        transport=transport,
        clock=clock,
        limits=limits,
        ca_bundle=None,
        request_ids=request_ids,
        timer=timer,
        keep_pace=bool(keep_pace),
        on_event=on_event,
    )


def open_arm_reader(
    cloud: Cloud, credential: Credential, *, ca_bundle: Path | None = None, limits: Limits | None = None
) -> GraphReader | None:
    """Return a reader of Azure Resource Manager under the same rules; None where this cloud has none for us.

    Ask it with `version=""` and the `api-version` among the parameters. Its
    token is asked for its own scope and goes to its own host.

    Source: https://learn.microsoft.com/rest/api/azure/
    """
    if not cloud.arm_root:
        return None
    return _open(
        cloud.arm_root,
        cloud.arm_scope,
        credential,
        transport=None,
        clock=_utc_now,
        limits=limits,
        ca_bundle=ca_bundle,
        request_ids=None,
        timer=None,
        keep_pace=True,
        on_event=None,
        may_lack_token=True,
    )


def _open(
    root: str,
    scope: str,
    credential: Credential,
    *,
    transport: "httpx.AsyncBaseTransport | None",
    clock: Callable[[], datetime],
    limits: Limits | None,
    ca_bundle: Path | None,
    request_ids: Callable[[str], str] | None,
    timer: Timer | None,
    keep_pace: bool,
    on_event: Callable[[Event], None] | None,
    may_lack_token: bool = False,
) -> GraphReader:
    from posture.graph.transport import ReadOnlyTransport, network

    limits = limits or Limits()
    gate = ReadOnlyTransport(transport or network(root, limits, ca_bundle), root, limits)
    send, close = sdk_sender(gate, credential, root=root, scope=scope, limits=limits)
    exchange = Exchange(
        send,
        credential,
        limits=limits,
        pace=Pace(timer or Timer(), AdaptiveLimit(limits.concurrency), keep=keep_pace),
        clock=clock,
        request_ids=request_ids or (lambda _url: str(uuid.uuid4())),
        on_event=on_event,
        may_lack_token=may_lack_token,
    )
    return GraphReader(root, exchange, limits, [close, credential.close])
