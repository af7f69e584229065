"""One whole list: its pages and parts, what is kept to go on after a kill, and whether all of it came.

Source: https://learn.microsoft.com/graph/paging
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from posture.collect.partition import Part, bounds
from posture.collect.questions import is_absence
from posture.collect.rows import is_capped, refuse_unreadable, with_related
from posture.errors import (
    AccessDeniedError,
    AnswerError,
    BadRequestError,
    EvidenceError,
    GraphError,
    NotFoundError,
    NotLicensedError,
)
from posture.graph.links import segment
from posture.snapshot.folder import LINE_LIMIT, FileRows, Written
from posture.snapshot.spool import RowsWriter
from posture.snapshot.store import stamp

if TYPE_CHECKING:
    from posture.collect.source import Source
    from posture.graph.answer import Answer

CHECKPOINT_SECONDS = 5.0
"""A kill loses at most this much of a list."""
EXPIRED = "Directory_ExpiredPageToken"
"""The code of a next link that was followed too late: the list is read once more from its start.

Source: https://learn.microsoft.com/graph/paging
"""
PAGE = 999
"""The largest page of directory lists. Source: https://learn.microsoft.com/graph/api/user-list"""


class ShortListError(AnswerError):
    """A list that does not number what the service counted; all numbers are in the text."""


@dataclass(frozen=True, slots=True)
class ListAsked:
    """What a list is asked with; `Source.all` says what each means."""

    path: str
    params: Mapping[str, str]
    stem: str
    version: str
    eventual: bool
    key: str
    count: str | None
    partition: str
    keep: Callable[[bytes], bool] | None
    whole: str

    def as_json(self) -> dict[str, Any]:
        """Return what tells this list from another, for the journal."""
        return {"stem": self.stem, "params": dict(self.params), "version": self.version}


async def read_whole(source: "Source", wanted: ListAsked) -> FileRows:
    """Read a list into evidence, from where a run that was killed had come to.

    Raises ShortListError where it does not number what the service counted, twice.
    """
    state = source.journal.load(f"{source.fact}.list")
    if state is not None and state["list"] == wanted.as_json():
        try:
            return await _read_checked(source, wanted, state)
        except (BadRequestError, NotFoundError, AnswerError, EvidenceError) as error:
            # A next link kept over a break may have expired, or the spool be gone with a run that
            # was killed just after sorting it: the list is read from its start.
            if isinstance(error, ShortListError):
                raise
    return await _read_checked(source, wanted, None)


async def _read_checked(source: "Source", wanted: ListAsked, saved: dict[str, Any] | None) -> FileRows:
    said = list(source.notes)
    reading = _Reading(source, wanted, saved)
    try:
        return await reading.run()
    except (BadRequestError, NotFoundError, AnswerError) as error:
        if not (isinstance(error, ShortListError) or reading.in_parts or error.code == EXPIRED):
            raise
        first = error
    source.notes[:] = [*said, f"read once more, as a whole: {first}"]
    try:
        return await _Reading(source, replace(wanted, partition=""), None).run()
    except ShortListError as second:
        raise ShortListError(
            f"{second}; before that: {first}", status=second.status, request_id=second.request_id
        ) from first


class _Reading:
    """One try to read one list: parts, pages, checkpoints, counts."""

    def __init__(self, source: "Source", wanted: ListAsked, saved: dict[str, Any] | None) -> None:
        self._source, self._wanted = source, wanted
        if saved is None:
            # What an earlier try left must not be taken for this one's: its rows are about to be overwritten.
            source.journal.forget(f"{source.fact}.list")
        state = saved["writer"] if saved else None
        self._writer = RowsWriter(source.root, wanted.stem, source.journal.spool(source.fact), state)
        self._parts = [Part(**p) for p in saved["parts"]] if saved else []
        self._before: int | None = saved["before"] if saved else None
        self._ids: list[str] = list(saved["ids"]) if saved else []
        self._url: str = saved["url"] if saved else ""
        self._attempts = int(saved["attempts"]) if saved else 0
        self._started: str = saved["started"] if saved else ""
        self._dropped = int(saved["dropped"]) if saved else 0
        self._capped: list[str] = list(saved["capped"]) if saved else []
        self._last: Answer | None = None
        self._a_minute = source.graph.requests_a_minute(wanted.path, wanted.params, version=wanted.version)
        self._saved_at = time.monotonic()

    @property
    def in_parts(self) -> bool:
        """Whether the list was cut into parts."""
        return len(self._parts) > 1

    async def run(self) -> FileRows:
        source, wanted = self._source, self._wanted
        try:
            if not self._parts:
                self._before = await self._count()
                self._parts = await self._cut()
            await self._read_parts()
            await self._complete_capped()
            after = await self._count()
            written = self._writer.finish()
        finally:
            self._writer.discard()
        if self._dropped:
            source.notes.append(f"{self._dropped} rows that the filter excludes came all the same and were left out")
        if self.in_parts:
            source.notes.append(f"read in {len(self._parts)} parts by {wanted.partition}")
        source.list_done(
            [self._last] if self._last else [],
            f"GET /{wanted.version}{wanted.path}",
            self._url,
            written,
            pages=len(self._ids),
            before=self._before,
            after=after,
            ids=self._ids,
            extra={
                "bytes": written.bytes,
                "started": self._started,
                "attempts": self._attempts,
                "server_date": self._last.server_date if self._last else "",
            },
        )
        self._check(written, after)
        source.tell(written.rows or 0, written.rows, len(self._ids), done=True)
        return FileRows(source.root, written.file, written.rows)

    async def _count(self) -> int | None:
        where = self._wanted.count
        if where is None:
            return None
        try:
            value, answer = await self._source.graph.count(
                self._wanted.path, {"$filter": where} if where else None, version=self._wanted.version
            )
        except (AccessDeniedError, NotLicensedError):
            raise
        except GraphError as error:
            # The rows may still come; without the service's count nobody can say they are all.
            raise type(error)(
                f"the service's own count could not be read: {error}",
                status=error.status,
                code=error.code,
                request_id=error.request_id,
                url=error.url,
            ) from error
        self._attempts += answer.attempts
        return value

    async def _cut(self) -> list[Part]:
        wanted, source = self._wanted, self._source
        if wanted.partition and self._before is not None and self._before >= source.partition_from:
            try:
                return await bounds(
                    source.graph,
                    wanted.path,
                    wanted.params.get("$filter", ""),
                    wanted.partition,
                    self._before,
                    source.taken_at,
                )
            except (BadRequestError, NotFoundError, AnswerError):
                source.notes.append(f"the service refused to be asked by {wanted.partition}; read page after page")
        return [Part(where=wanted.params.get("$filter", ""))]

    async def _read_parts(self) -> None:
        todo = [p for p in self._parts if not p.done]
        if len(todo) == 1:
            await self._read_part(todo[0])
            return
        try:
            async with asyncio.TaskGroup() as group:
                for part in todo:
                    group.create_task(self._read_part(part))
        except ExceptionGroup as failures:
            # All parts failed or were cancelled together; the first says why.
            raise failures.exceptions[0] from None

    async def _read_part(self, part: Part) -> None:
        wanted, source = self._wanted, self._source
        params = {**wanted.params, "$filter": part.where} if part.where else dict(wanted.params)
        async for page in source.graph.pages(
            wanted.path,
            params,
            version=wanted.version,
            eventual=wanted.eventual,
            key=wanted.key,
            start=part.next or None,
        ):
            answer = page.answer
            self._writer.add_all(self._kept(page.rows))
            self._ids.append(answer.request_id)
            self._attempts += answer.attempts
            self._url = self._url or answer.url
            self._last = answer
            if not self._started:
                self._started = stamp(answer.started)
            part.next, part.done = page.next, not page.next
            source.tell(
                self._writer.added, self._before, len(self._ids), paced_seconds=self._paced_seconds(len(page.rows))
            )
            if time.monotonic() - self._saved_at > CHECKPOINT_SECONDS:
                self._checkpoint()
        part.done = True

    def _kept(self, rows: list[tuple[str, bytes]]) -> list[tuple[str, bytes]]:
        """Return the rows of a page to keep; those whose expanded list may go on are asked for later."""
        keep, whole = self._wanted.keep, self._wanted.whole
        refuse_unreadable([line for _, line in rows], self._wanted.path)
        if keep is not None:
            held = [row for row in rows if keep(row[1])]
            self._dropped += len(rows) - len(held)
            rows = held
        if whole:
            capped = [row_id for row_id, line in rows if row_id and is_capped(line, whole)]
            if capped:
                self._capped += capped
                left = set(capped)
                rows = [row for row in rows if row[0] not in left]
        return rows

    def _paced_seconds(self, page_rows: int) -> float | None:
        if self._a_minute is None or self._before is None:
            return None
        size = max(int(self._wanted.params.get("$top", 0)), page_rows, 1)
        return max(self._before - self._writer.added, 0) / size * 60 / self._a_minute

    async def _complete_capped(self) -> None:
        """Ask for the rows whose expanded list may go on, 20 rows a request."""
        wanted, graph = self._wanted, self._source.graph
        if not self._capped:
            return
        _, _, inner = wanted.params["$expand"].partition("(")
        select = inner.rstrip(")").partition("$select=")[2]
        tail = f"?$select={select}&$top={PAGE}" if select else f"?$top={PAGE}"
        paths = {f"{wanted.path}/{segment(i)}/{wanted.whole}{tail}": i for i in dict.fromkeys(self._capped)}
        async for path, answer in graph.batch(list(paths), version=wanted.version):
            if isinstance(answer, NotFoundError) and is_absence(answer):
                continue  # the object went between the list and this; the count decides
            if isinstance(answer, GraphError):
                raise answer
            # What comes twice comes once; a page that shifted while it was read repeats its rows word for word.
            items = list(dict.fromkeys([line async for line in graph.rest_of(answer)]))
            row_id = paths[path]
            row = with_related(row_id, wanted.whole, items)
            if len(row) > LINE_LIMIT:
                raise AnswerError(f"{wanted.path}: the {wanted.whole} of {row_id} take more than {LINE_LIMIT:,} bytes")
            self._writer.add(row_id, row)
        rows = "1 row" if len(paths) == 1 else f"{len(paths):,} rows"
        self._source.notes.append(f"{rows} had 20 or more {wanted.whole} and were asked for by id")

    def _checkpoint(self) -> None:
        """Keep what is needed to go on from here after a kill."""
        self._source.journal.save(
            f"{self._source.fact}.list",
            {
                "list": self._wanted.as_json(),
                "writer": self._writer.checkpoint(),
                "parts": [p.as_json() for p in self._parts],
                "before": self._before,
                "ids": self._ids,
                "url": self._url,
                "attempts": self._attempts,
                "started": self._started,
                "dropped": self._dropped,
                "capped": self._capped,
            },
        )
        self._saved_at = time.monotonic()

    def _check(self, written: Written, after: int | None) -> None:
        before = self._before
        if before is None or after is None:
            return
        rows = (written.rows or 0) - written.unidentified
        low, high = min(before, after), max(before, after)
        if not low <= rows <= high:
            raise ShortListError(
                f"{rows:,} rows with an id were read; the service counted {before:,} before and {after:,} after",
                status=200,
                request_id=self._ids[-1] if self._ids else "",
            )
