"""Before an audit: one cheap question per source, what each will cost, what it unlocks."""

import asyncio
import math
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from posture.collect.journal import Journal
from posture.collect.registry import Gatherer, gatherers
from posture.collect.run import gap_of
from posture.collect.source import Source
from posture.errors import GraphError, NotFoundError
from posture.snapshot.folder import FileRows
from posture.snapshot.types import Gap, GapReason

if TYPE_CHECKING:
    from posture.graph.reader import GraphReader

SIGN_IN_PAGES_A_MINUTE = 10
"""Source: https://learn.microsoft.com/graph/throttling-limits"""
LOG_PAGES_A_MINUTE = 30
"""5 requests in 10 seconds. Source: https://learn.microsoft.com/graph/throttling-limits"""
_SLOW: Mapping[str, int] = {
    "guest_sign_in_activity": SIGN_IN_PAGES_A_MINUTE,
    "directory_audits": LOG_PAGES_A_MINUTE,
    "sign_ins": LOG_PAGES_A_MINUTE,
    "sign_ins_non_interactive": LOG_PAGES_A_MINUTE,
    "guest_registration_details": LOG_PAGES_A_MINUTE,
}
_SECONDS_A_PAGE = 0.4
"""What a page of a directory list takes where no limit binds; a guess that `doctor` names as one."""


@dataclass(frozen=True, slots=True)
class Check:
    """One source: readable or why not, and what reading it whole takes.

    `requests` is None where nobody can know before (the logs of a window).
    `seconds` is a lower bound for those. `rows` is the service's own count.
    """

    gatherer: Gatherer
    gap: Gap | None
    requests: int | None = None
    rows: int | None = None
    seconds: float = 0.0


class _Probe(Source):
    """A source that asks each question once and smallest, and keeps nothing."""

    page_size: int | None = None
    rows: int | None = None
    small: Any = None

    async def one(self, path: str, *, version: str = "v1.0") -> dict[str, Any]:
        answer = await self.graph.get(path, version=version)
        return self._parsed(answer)

    async def number(self, path: str, params: Mapping[str, str] | None = None, *, version: str = "v1.0") -> int:
        value, _ = await self.graph.count(path, params, version=version)
        return value

    async def all(self, path: str, shape: type | Sequence[str] = (), **how: Any) -> FileRows:
        select = tuple(shape.__annotations__) if isinstance(shape, type) else tuple(shape)
        top = how.get("top")
        params = {
            "$filter": how.get("where", ""),
            "$select": ",".join(select),
            "$expand": how.get("expand", ""),
            "$top": "1" if top else "",
            **(how.get("more") or {}),
        }
        pages = self.graph.pages(
            path,
            {k: v for k, v in params.items() if v},
            version=how.get("version", "v1.0"),
            eventual=how.get("eventual", False),
            key=how.get("key", "id"),
        )
        page = await anext(pages, None)
        if isinstance(pages, AsyncGenerator):
            await pages.aclose()
        self.page_size = top
        where = how.get("count")
        if where is not None:
            self.rows, _ = await self.graph.count(
                path, {"$filter": where} if where else None, version=how.get("version", "v1.0")
            )
        import orjson

        self.small = [row for _, line in (page.rows if page else ()) if isinstance(row := orjson.loads(line), dict)]
        return self.small  # type: ignore[no-any-return]

    async def from_arm(self, path: str, api_version: str) -> FileRows:
        if self._arm is not None:
            async for _ in self._arm.pages(path, {"api-version": api_version}, version="", key="name"):
                pass
            return []  # type: ignore[return-value]
        raise NotFoundError("Azure Resource Manager is not asked in this cloud")

    async def collected(self, rows: AsyncIterator[tuple[str, bytes]], path: str, **how: Any) -> FileRows:
        async for _ in rows:
            break
        return []  # type: ignore[return-value]


async def check(
    graph: "GraphReader",
    *,
    cloud: str,
    scratch: Path,
    lookback_days: int,
    taken_at: Any,
    include: frozenset[str] = frozenset(),
    arm: "GraphReader | None" = None,
    told: Callable[[str], None] | None = None,
) -> list[Check]:
    """Ask every source once; `scratch` takes nothing but an empty journal."""
    known = {n: g for n, g in gatherers().items() if not g.optional or n in include}
    ready = {n: asyncio.Event() for n in known}
    small: dict[str, Any] = {}
    results: dict[str, Check] = {}
    journal = Journal(scratch)

    async def one(g: Gatherer) -> None:
        try:
            for name in g.after:
                if name in ready:
                    await ready[name].wait()
            results[g.name] = await _one(
                g, graph, arm, cloud, journal, scratch, lookback_days, taken_at, small, results
            )
            if told is not None:
                told(g.name)
        finally:
            ready[g.name].set()

    async with asyncio.TaskGroup() as group:
        for g in known.values():
            group.create_task(one(g))
    return [results[n] for n in known]


async def _one(
    g: Gatherer,
    graph: "GraphReader",
    arm: "GraphReader | None",
    cloud: str,
    journal: Journal,
    scratch: Path,
    lookback_days: int,
    taken_at: Any,
    small: dict[str, Any],
    results: Mapping[str, Check],
) -> Check:
    if cloud not in g.clouds:
        return Check(
            g, Gap(g.name, GapReason.CLOUD, f"not available in this cloud ({cloud})", g.endpoint, g.permission)
        )
    blocked = next((results[n].gap for n in g.after if n in results and results[n].gap is not None), None)
    if blocked is not None:
        return Check(
            g,
            Gap(
                g.name,
                blocked.reason,
                f"needs {blocked.name}: {blocked.detail}",
                g.endpoint,
                blocked.permission,
                g.licence,
            ),
        )
    probe = _Probe(
        graph,
        scratch,
        fact=g.name,
        permission=g.permission,
        journal=journal,
        lookback_days=lookback_days,
        taken_at=taken_at,
        arm=arm,
    )
    try:
        await g.function(probe, *(small.get(n, []) for n in g.after))
    except GraphError as error:
        return Check(g, gap_of(g, error))
    small[g.name] = probe.small if probe.small is not None else []
    return Check(g, None, *_cost(g, probe))


def _cost(g: Gatherer, probe: _Probe) -> tuple[int | None, int | None, float]:
    rows, page = probe.rows, probe.page_size
    if g.name in _SLOW and rows is None:
        return None, None, 60 / _SLOW[g.name]
    requests = math.ceil(rows / page) + 2 if rows is not None and page else 1
    each = 60 / _SLOW[g.name] if g.name in _SLOW else _SECONDS_A_PAGE
    return requests, rows, requests * each
