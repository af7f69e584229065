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
_PROBES = 23
"""Probes of one round: about as many as the reader asks at once."""
_ROUNDS = 3
_UNEVEN = 3
"""Parts' worth of rows between two probes from which on it is asked more closely."""

Point = tuple[datetime, int]


def extra_requests() -> int:
    """Return what reading in parts adds at most: the probes, and a last page that is not full for each part."""
    return _ROUNDS * _PROBES + PARTS


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

    Asks the service how many rows lie before each of some moments (a bounded
    number of requests), more closely where many came at once, and cuts between
    them.
    """
    joined = f"{where} and " if where else ""
    points: list[Point] = [(_FIRST, 0), (now, total)]
    for _ in range(_ROUNDS):
        moments = _moments(points, total)
        if not moments:
            break
        asked = [graph.count(path, {"$filter": f"{joined}{prop} le {_text(m)}"}) for m in moments]
        points += [(m, count) for m, (count, _) in zip(moments, await asyncio.gather(*asked), strict=True)]
        points.sort()
    edges = _edges(points, total)
    if not edges:
        return [Part(where=where)]
    parts = [f"{joined}{prop} le {_text(edges[0])}"]
    parts += [f"{joined}{prop} ge {_text(a)} and {prop} le {_text(b)}" for a, b in pairwise(edges)]
    parts.append(f"{joined}{prop} ge {_text(edges[-1])}")
    return [Part(where=p) for p in parts]


def _moments(points: list[Point], total: int) -> list[datetime]:
    """Return where to look next: evenly within each stretch that holds many rows, closer where it holds more."""
    crowded = [(a, b, high - low) for (a, low), (b, high) in pairwise(points) if (high - low) * PARTS > _UNEVEN * total]
    within = sum(rows for _, _, rows in crowded)
    found: list[datetime] = []
    for a, b, rows in crowded:
        number = max(1, _PROBES * rows // within)
        step = (b - a) / (number + 1)
        if step > timedelta(seconds=2):
            found += [(a + step * n).replace(microsecond=0) for n in range(1, number + 1)]
    return found


def _edges(points: list[Point], total: int) -> list[datetime]:
    """Return the moments at which about n/PARTS of the rows lie before, by straight lines between probes."""
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
