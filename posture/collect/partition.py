"""Cut a very large list into parts that can be read at once, by a date property.

Parts share their bounds (`ge A and le B`, `ge B and le C`): a row created at
the very moment of a bound comes in both and is kept once by its id, none falls
between. The first part is open below, the last above. Completeness is proven
afterwards by the service's count of the whole.

Source: https://learn.microsoft.com/graph/aad-advanced-queries (createdDateTime: eq, ge, le)
"""

import asyncio
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from posture.graph.reader import GraphReader

LARGE = 20_000
"""Rows from which a list is read in parts."""
PARTS = 24
"""Parts of one list. More than are asked at once, so that parts of unequal size even out."""
_FIRST = datetime(2012, 1, 1, tzinfo=UTC)
_PROBES = 16
"""Steps of time between the probes, one fewer: as many as the reader asks at once."""


def extra_requests() -> int:
    """Return what reading in parts adds at most: the probes, and a last page that is not full for each part."""
    return _PROBES - 1 + PARTS


@dataclass
class Part:
    """One part: its whole filter, the link of the next page to read, whether all is read."""

    where: str = ""
    next: str = ""
    done: bool = False

    def as_json(self) -> dict[str, Any]:
        """Return what the journal keeps."""
        return asdict(self)


async def bounds(graph: "GraphReader", path: str, where: str, prop: str, total: int, now: datetime) -> list[Part]:
    """Return parts of about equal size.

    Asks the service how many rows lie before each of some moments (a constant
    number of requests) and cuts between them.
    """
    step = (now - _FIRST) / _PROBES
    moments = [_FIRST + step * n for n in range(1, _PROBES)]
    joined = f"{where} and " if where else ""
    counts = await asyncio.gather(*(graph.count(path, {"$filter": f"{joined}{prop} le {_text(m)}"}) for m in moments))
    edges = _edges([(m, c) for m, (c, _) in zip(moments, counts, strict=True)], total, now)
    if not edges:
        return [Part(where=where)]
    parts = [f"{joined}{prop} le {_text(edges[0])}"]
    parts += [f"{joined}{prop} ge {_text(a)} and {prop} le {_text(b)}" for a, b in pairwise(edges)]
    parts.append(f"{joined}{prop} ge {_text(edges[-1])}")
    return [Part(where=p) for p in parts]


def _edges(probes: list[tuple[datetime, int]], total: int, now: datetime) -> list[datetime]:
    """Return the moments at which about n/PARTS of the rows lie before, by straight lines between probes."""
    points = [(_FIRST, 0), *probes, (now, total)]
    edges: list[datetime] = []
    for n in range(1, PARTS):
        aim = total * n / PARTS
        for (a, low), (b, high) in pairwise(points):
            if low <= aim <= high and high > low:
                edge = (a + (b - a) * ((aim - low) / (high - low))).replace(microsecond=0)
                if not edges or edge > edges[-1] + timedelta(seconds=1):
                    edges.append(edge)
                break
    return edges


def _text(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
