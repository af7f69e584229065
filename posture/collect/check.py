"""Before an audit: one cheap question per source, what each will cost, what it unlocks."""

import asyncio
import math
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from posture.collect.journal import Journal
from posture.collect.partition import LARGE, extra_requests
from posture.collect.registry import Gatherer, gatherers
from posture.collect.run import HOPELESS, NothingReadError, gap_of, needs, refuse_customers
from posture.collect.source import Source
from posture.errors import GraphError, NotFoundError
from posture.graph.refusals import NON_PREMIUM
from posture.snapshot.folder import FileRows
from posture.snapshot.guests import DOMAINS_ASKED
from posture.snapshot.types import Gap, GapReason

if TYPE_CHECKING:
    from posture.graph.reader import GraphReader

BATCH = 20
"""Questions in one request. Source: https://learn.microsoft.com/graph/json-batching"""
_SECONDS_A_PAGE = 0.4
"""What a page of a directory list takes where no limit binds; a guess that `doctor` names as one."""


@dataclass(frozen=True, slots=True)
class Check:
    """One source: readable or why not, and what reading it whole takes.

    `requests` is None where nobody can know before (the logs of a window); with
    `at_most` it is a bound, and `at_least` are sure; of a source that is refused it counts the refusals,
    which an audit gets too. `seconds` is a lower bound where they are unknown.
    `rows` is the service's own count, None where it gives none. `tested` is
    False where there was nothing to ask about, so that a missing permission
    would show in the audit alone. `tops_up` says that rows whose expanded list
    may go on are asked for by id, 20 a request, which nobody can count before.
    `rows_seen` are the rows that came with the
    one question, of the short lists whole.
    """

    gatherer: Gatherer
    gap: Gap | None
    requests: int | None = None
    rows: int | None = None
    seconds: float = 0.0
    at_most: bool = False
    at_least: int = 1
    tested: bool = True
    tops_up: bool = False
    rows_seen: Sequence[Mapping[str, Any]] = ()


class _Probe(Source):
    """A source that asks each question once and smallest, and keeps nothing.

    `whole_page` asks for a full page: others ask about what stands there.
    """

    whole_page = False
    page_size: int | None = None
    rows: int | None = None
    extra = 0
    refused = -1
    goes_on = False
    tested = True
    asked_for = 0
    one_by_one = False
    tops_up = False
    batches = 0
    a_minute: float | None = None
    small: Any = None

    async def one(self, path: str, *, version: str = "v1.0") -> dict[str, Any]:
        self.asked_for += 1
        answer = await self.graph.get(path, version=version)
        return self._parsed(answer)

    async def number(self, path: str, params: Mapping[str, str] | None = None, *, version: str = "v1.0") -> int:
        self.asked_for += 1
        value, _ = await self.graph.count(path, params, version=version)
        return value

    async def all(self, path: str, shape: type | Sequence[str] = (), **how: Any) -> FileRows:
        self.refused += 1  # a gatherer that asks a second list does so because the first was refused
        select = tuple(shape.__annotations__) if isinstance(shape, type) else tuple(shape)
        version, top, where = how.get("version", "v1.0"), how.get("top"), how.get("count")
        params = {
            "$filter": how.get("where", ""),
            "$select": ",".join(select),
            "$expand": how.get("expand", ""),
            "$top": str(top if self.whole_page else 1) if top else "",
            **(how.get("more") or {}),
        }
        params = {k: v for k, v in params.items() if v}
        if where is not None:
            self.asked_for += 1
            self.rows, _ = await self.graph.count(path, {"$filter": where} if where else None, version=version)
        self.asked_for += 1
        pages = self.graph.pages(
            path, params, version=version, eventual=how.get("eventual", False), key=how.get("key", "id")
        )
        page = await anext(pages, None)
        if isinstance(pages, AsyncGenerator):
            await pages.aclose()
        self.page_size = top
        self.tops_up = bool(how.get("whole"))
        self.goes_on = bool(page and page.next)
        self.a_minute = self.graph.requests_a_minute(path, params, version=version)
        if how.get("partition") and (self.rows or 0) >= LARGE:
            self.extra = extra_requests()
        self.small = [row for _, line in (page.rows if page else ()) if isinstance(row := orjson.loads(line), dict)]
        return self.small  # type: ignore[no-any-return]

    async def from_arm(self, path: str, api_version: str) -> FileRows:
        if self._arm is not None:
            async for _ in self._arm.pages(path, {"api-version": api_version}, version="", key="name"):
                pass
            return []  # type: ignore[return-value]
        raise NotFoundError("Azure Resource Manager is not asked in this cloud")

    def questions(self, paths: Sequence[str]) -> Sequence[str]:
        self.tested = bool(paths) or self.batches > 0
        self.one_by_one = True
        self.batches += math.ceil(len(paths) / BATCH)
        self.asked_for += bool(paths)
        return paths[:1]

    async def collected(self, rows: AsyncIterator[tuple[str, bytes]], path: str, **how: Any) -> FileRows:
        async for _ in rows:
            pass
        return []  # type: ignore[return-value]


async def check(
    graph: "GraphReader",
    *,
    cloud: str,
    scratch: Path,
    lookback_days: int,
    taken_at: datetime,
    include: frozenset[str] = frozenset(),
    arm: "GraphReader | None" = None,
    told: Callable[[str], None] | None = None,
) -> list[Check]:
    """Ask every source once; `scratch` takes nothing but an empty journal.

    Raises NothingReadError where nobody answers or the token is refused.
    """
    known = {n: g for n, g in gatherers().items() if not g.optional or n in include}
    checking = _Checking(graph, arm, cloud, scratch, lookback_days, taken_at, known, told)
    await checking.all()
    return [checking.results[n] for n in known]


class _Checking:
    """One round of questions."""

    def __init__(
        self,
        graph: "GraphReader",
        arm: "GraphReader | None",
        cloud: str,
        scratch: Path,
        lookback_days: int,
        taken_at: datetime,
        known: Mapping[str, Gatherer],
        told: Callable[[str], None] | None,
    ) -> None:
        self._graph, self._arm, self._cloud, self._scratch = graph, arm, cloud, scratch
        self._lookback_days, self._taken_at, self._known, self._told = lookback_days, taken_at, known, told
        self._journal = Journal(scratch)
        self._asked_about = {name for g in known.values() for name in g.after}
        self._ready = {n: asyncio.Event() for n in known}
        self._small: dict[str, Any] = {}
        self._goes_on: set[str] = set()
        self.results: dict[str, Check] = {}

    async def all(self) -> None:
        """Ask the organization, then everything else at once."""
        first = self._known["organization"]
        await self._one(first)
        gap = self.results["organization"].gap
        if gap is not None and gap.reason in HOPELESS:
            raise NothingReadError(f"nothing could be read: {gap.detail}. {gap.unlock}", request_id=gap.request_id)
        refuse_customers(self.results["organization"].rows_seen)
        try:
            async with asyncio.TaskGroup() as group:
                for g in self._known.values():
                    if g is not first:
                        group.create_task(self._one(g))
        except ExceptionGroup as failures:
            raise failures.exceptions[0] from None

    async def _one(self, g: Gatherer) -> None:
        try:
            for name in g.after:
                if name in self._ready:
                    await self._ready[name].wait()
            self.results[g.name] = await self._asked(g)
            if self._told is not None:
                self._told(g.name)
        finally:
            self._ready[g.name].set()

    async def _asked(self, g: Gatherer) -> Check:
        if self._cloud not in g.clouds:
            words = f"not available in this cloud ({self._cloud})"
            return Check(g, Gap(g.name, GapReason.CLOUD, words, g.endpoint, g.permission), 0, at_least=0)
        lacking = [gap for n in g.after if n not in g.may_lack and (gap := self._lacks(n)) is not None]
        if lacking:
            return Check(g, needs(g, lacking[0]), 0, at_least=0)
        probe = self._probe(g)
        try:
            await g.function(probe, *(self._lacks(n) or self._small.get(n, []) for n in g.after))
        except GraphError as error:
            again = error.code == NON_PREMIUM  # asked once more before it is believed
            sent = max(probe.asked_for, 1) + again
            return Check(g, gap_of(g, error), sent, at_least=sent)
        self._small[g.name] = probe.small if probe.small is not None else []
        if probe.goes_on:
            self._goes_on.add(g.name)
        return self._cost(g, probe)

    def _lacks(self, name: str) -> Gap | None:
        return self.results[name].gap if name in self.results else None

    def _probe(self, g: Gatherer) -> _Probe:
        probe = _Probe(
            self._graph,
            self._scratch,
            fact=g.name,
            permission=g.permission,
            journal=self._journal,
            lookback_days=self._lookback_days,
            taken_at=self._taken_at,
            arm=self._arm,
        )
        probe.whole_page = g.name in self._asked_about
        return probe

    def _cost(self, g: Gatherer, probe: _Probe) -> Check:
        each = 60 / probe.a_minute if probe.a_minute else _SECONDS_A_PAGE
        requests: int | None = 1
        at_most = probe.one_by_one and not self._goes_on.isdisjoint(g.after)
        if at_most:
            # What stands in the first page of a list may be asked about in batches that are not full.
            bound = self._batches(g.asks_per) if g.asks_per else 1
            requests = None if bound is None else max(bound, probe.batches)
        elif probe.one_by_one:
            requests = probe.batches
        elif probe.rows is not None:
            # The count before and after stand beside the pages; an empty list is a page too.
            requests = max(1, math.ceil(probe.rows / (probe.page_size or probe.rows or 1))) + 2 + probe.extra
        elif probe.goes_on:
            requests = None
        if requests is not None:
            requests += max(probe.refused, 0)
        at_least = probe.batches if probe.one_by_one else 1 if requests is None else requests
        return Check(
            g,
            None,
            requests,
            probe.rows,
            at_least * each,
            at_most,
            at_least,
            probe.tested,
            probe.tops_up,
            self._small[g.name],
        )

    def _batches(self, about: str) -> int | None:
        """Return the most requests that questions about each row of a source take."""
        rows = self.results[about].rows
        if rows is None:
            rows = None if about in self._goes_on else len(self._small.get(about, ()))
        if about == "guests" and rows is not None:
            rows = min(rows, DOMAINS_ASKED)
        return None if rows is None else math.ceil(rows / BATCH)
