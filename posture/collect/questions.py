"""Many small questions, 20 a request: what one list cannot tell of each object."""

from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING

from posture.collect.rows import with_related
from posture.errors import GraphError, NoEndpointError, NotFoundError
from posture.graph.links import segment
from posture.snapshot.folder import LINE_LIMIT

if TYPE_CHECKING:
    from posture.collect.source import Source
    from posture.graph.answer import Answer


async def gathered(
    graph: "Source", paths: Sequence[str], *, version: str = "v1.0", eventual: bool = False, may_be_none: bool = False
) -> "AsyncIterator[tuple[str, Answer]]":
    """Yield the answers of many small questions, 20 a request, in the order of their paths.

    What is gone meanwhile (404 in Graph's own words) is left out; any other
    refusal is that of the whole fact, since half of it would read as all of it.
    Where nothing at all is found, the service does not know the question, and
    NotFoundError says so; `may_be_none` is for questions to which "no such
    thing" is an answer.
    """
    missing: list[NotFoundError] = []
    asked = graph.questions(paths)
    async for path, answer in graph.graph.batch(asked, version=version, eventual=eventual):
        if isinstance(answer, NotFoundError) and is_absence(answer):
            missing.append(answer)
        elif isinstance(answer, GraphError):
            raise answer
        else:
            graph.asked(answer)
            yield path, answer
    if missing and len(missing) == len(paths) and not may_be_none:
        raise missing[0]
    if missing:
        graph.notes.append(f"{len(missing)} of {len(asked)} were not found")


def is_absence(error: NotFoundError) -> bool:
    """Return whether a 404 says that one object is gone, not the batch, the endpoint or a stranger's page."""
    return bool(error.code) and not isinstance(error, NoEndpointError) and not error.url.endswith("/$batch")


async def related(
    graph: "Source",
    ids: Sequence[str],
    template: str,
    prop: str,
    *,
    eventual: bool = False,
    version: str = "v1.0",
    may_be_none: bool = False,
) -> AsyncIterator[tuple[str, bytes]]:
    """Yield `{"id": …, "<prop>": [all related objects]}` for each id, as Graph would expand it.

    `template` is the path with `{}` for the id. An object with more related
    ones than a row can hold has no row, and a note; who needs it takes it as
    unknown.
    """
    paths = {template.format(segment(i)): i for i in ids}
    async for path, answer in gathered(graph, list(paths), version=version, eventual=eventual, may_be_none=may_be_none):
        row_id, size = paths[path], 0
        items: dict[bytes, None] = {}
        async with aclosing(graph.graph.rest_of(answer, eventual=eventual)) as rest:
            async for line in rest:
                # What comes twice comes once; a page that shifted while it was read repeats its rows word for word.
                size += len(line) + 1 if line not in items else 0
                items[line] = None
                if size > LINE_LIMIT // 2:
                    break
        if size > LINE_LIMIT // 2:
            graph.notes.append(f"{row_id} has more {prop} than were read ({len(items):,}); it is left out")
        else:
            yield row_id, with_related(row_id, prop, items)
