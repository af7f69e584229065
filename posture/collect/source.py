"""What a gatherer is given: Graph to ask, with every answer kept as evidence."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from posture.collect.journal import Journal
from posture.collect.partition import LARGE, Part, bounds
from posture.errors import (
    AccessDeniedError,
    AnswerError,
    BadRequestError,
    EvidenceError,
    GraphError,
    NoEndpointError,
    NotFoundError,
    NotLicensedError,
)
from posture.graph.links import segment
from posture.snapshot.folder import LINE_LIMIT, FileRows, Written, parse, parse_strict, relative_path, write_single
from posture.snapshot.spool import RowsWriter
from posture.snapshot.store import stamp, unwrap
from posture.snapshot.types import Provenance

if TYPE_CHECKING:
    from posture.graph.answer import Answer
    from posture.graph.reader import GraphReader

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
class Progress:
    """How far one fact is.

    `total` is None where the service gave no count. `paced_seconds` is what the
    rest takes at least by a documented limit that is kept, None without one.
    """

    fact: str
    rows: int
    total: int | None
    pages: int
    done: bool = False
    paced_seconds: float | None = None


@dataclass
class Record:
    """The evidence of one fact, filled while it is read."""

    provenance: Provenance | None = None
    extra: dict[str, Any] = field(default_factory=dict)
    value: Any = None
    kept: str = ""


class Source:
    """Graph as one gatherer sees it.

    Each call writes evidence and provenance of the gatherer's one fact.
    `graph` is the reader itself, for questions that are no evidence.
    """

    def __init__(
        self,
        graph: "GraphReader",
        root: Path,
        *,
        fact: str,
        permission: str,
        journal: Journal,
        progress: Callable[[Progress], None] | None = None,
        partition_from: int = LARGE,
        lookback_days: int = 30,
        taken_at: datetime,
        arm: "GraphReader | None" = None,
    ) -> None:
        self.graph, self._root, self._journal = graph, root, journal
        self._arm = arm
        self._fact, self._permission = fact, permission
        self._progress = progress
        self._partition_from = partition_from
        self.lookback_days = lookback_days
        self.taken_at = taken_at
        self.record = Record()
        self.notes: list[str] = []
        self._answers: list[Answer] = []

    async def one(self, path: str, *, version: str = "v1.0") -> dict[str, Any]:
        """Read a single answer, keep its bytes, return its object."""
        answer = await self.graph.get(path, version=version)
        value = self._parsed(answer)
        self._keep_single(answer, version, path)
        self.record.value = value
        return value

    async def number(self, path: str, params: Mapping[str, str] | None = None, *, version: str = "v1.0") -> int:
        """Read `<path>/$count` as a fact of its own."""
        value, answer = await self.graph.count(path, params, version=version)
        written = write_single(self._root, relative_path(version, f"{path}/$count"), str(value).encode())
        self._set(answer, version, f"{path}/$count", written)
        self.record.value = {"value": value}
        return value

    async def from_arm(self, path: str, api_version: str) -> FileRows:
        """Read a list of Azure Resource Manager, with the token for it."""
        if self._arm is None:
            raise NotFoundError("Azure Resource Manager is not asked in this cloud")
        rows: list[tuple[str, bytes]] = []
        async for page in self._arm.pages(path, {"api-version": api_version}, version="", key="name"):
            rows += page.rows
            self.asked(page.answer)

        async def each() -> AsyncIterator[tuple[str, bytes]]:
            for row in rows:
                yield row

        return await self.collected(each(), path, version="arm")

    def _keep_single(self, answer: "Answer", version: str, path: str) -> None:
        self._set(answer, version, path, write_single(self._root, relative_path(version, path), answer.body))

    def _set(self, answer: "Answer", version: str, path: str, written: Written) -> None:
        self.record.provenance = Provenance(
            endpoint=f"GET /{version}{path}",
            url=answer.url,
            permission=self._permission,
            retrieved_at=answer.ended,
            request_ids=(answer.request_id,),
            file=written.file,
            sha256=written.sha256,
            notes=tuple(self.notes),
        )
        self.record.extra = _numbers([answer], written)

    def _parsed(self, answer: "Answer") -> dict[str, Any]:
        try:
            value = parse_strict(answer.body, f"the answer of {answer.url}")
        except EvidenceError as error:
            raise AnswerError(str(error), status=answer.status, request_id=answer.request_id, url=answer.url) from None
        if not isinstance(value, dict):
            raise AnswerError(
                "the answer is no JSON object", status=answer.status, request_id=answer.request_id, url=answer.url
            )
        return unwrap(value)

    async def all(
        self,
        path: str,
        shape: type | Sequence[str] = (),
        *,
        where: str = "",
        expand: str = "",
        top: int | None = None,
        order: str = "",
        label: str = "",
        version: str = "v1.0",
        eventual: bool = False,
        key: str = "id",
        count: str | None = None,
        partition: str = "",
        keep: Callable[[bytes], bool] | None = None,
        more: Mapping[str, str] | None = None,
        whole: str = "",
    ) -> FileRows:
        """Read a whole list into evidence, sorted by `key`, and return it.

        `shape` gives `$select`. `count` is the filter for the service's own
        count, asked before and after ("" counts the whole list, None does not
        ask): a list that does not number between the two is read once more,
        as a whole, then it is a ShortListError. `partition` names a date
        property by which very large lists are read in parts at once, where the
        service lets them be asked so. `keep` drops rows that the
        service sent against the filter: Graph may ignore a filter silently.
        `whole` names the expanded property: Graph expands at most 20 items and
        says nothing of the rest, so rows that hold 20 are asked for by id, 20
        ids a request.

        Source: https://learn.microsoft.com/graph/paging,
        https://learn.microsoft.com/graph/query-parameters#expand
        """
        select = tuple(shape.__annotations__) if isinstance(shape, type) else tuple(shape)
        params = {
            "$filter": where,
            "$select": ",".join(select),
            "$expand": expand,
            "$orderby": order,
            "$top": str(top) if top else "",
            **(more or {}),
        }
        params = {k: v for k, v in params.items() if v}
        stem = relative_path(version, path, label)
        wanted = _List(path, params, stem, version, eventual, key, count, partition, keep, whole)
        state = self._journal.load(f"{self._fact}.list")
        if state is not None and state["list"] == wanted.as_json():
            try:
                return await self._read_checked(wanted, state)
            except (BadRequestError, NotFoundError, AnswerError, EvidenceError) as error:
                # A next link kept over a break may have expired, or the spool be gone with a run that
                # was killed just after sorting it: the list is read from its start.
                if isinstance(error, ShortListError):
                    raise
        return await self._read_checked(wanted, None)

    async def _read_checked(self, wanted: "_List", saved: dict[str, Any] | None) -> FileRows:
        said = list(self.notes)
        reading = _Reading(self, wanted, saved)
        try:
            return await reading.run()
        except (BadRequestError, NotFoundError, AnswerError) as error:
            if not (isinstance(error, ShortListError) or reading.in_parts or error.code == EXPIRED):
                raise
            first = error
        self.notes[:] = [*said, f"read once more, as a whole: {first}"]
        try:
            return await _Reading(self, replace(wanted, partition=""), None).run()
        except ShortListError as second:
            raise ShortListError(
                f"{second}; before that: {first}", status=second.status, request_id=second.request_id
            ) from first

    @staticmethod
    def row_id(line: bytes) -> str:
        """Return the id of a raw row, "" for none."""
        try:
            row = orjson.loads(line)
        except orjson.JSONDecodeError:
            return ""
        found = row.get("id") if isinstance(row, dict) else None
        return found if isinstance(found, str) else ""

    def questions(self, paths: Sequence[str]) -> Sequence[str]:
        """Return which of many small questions to ask: all of them."""
        return paths

    def asked(self, answer: "Answer") -> None:
        """Note one of several answers that a list is put together from; its body is not kept."""
        self._answers.append(replace(answer, body=b""))

    async def collected(
        self, rows: AsyncIterator[tuple[str, bytes]], path: str, *, label: str = "", version: str = "v1.0"
    ) -> FileRows:
        """Write rows that a gatherer put together from several answers as one list."""
        writer = RowsWriter(self._root, relative_path(version, path, label), self._journal.spool(self._fact))
        try:
            async for row_id, line in rows:
                refuse_unreadable([line], path)
                writer.add(row_id, line)
                self.tell(writer.added, None, 0)
            written = writer.finish()
        finally:
            writer.discard()
        told = self._answers
        self.list_done(told, f"GET /{version}{path}", told[0].url if told else "", written, pages=len(told))
        return FileRows(self._root, written.file, written.rows)

    def list_done(
        self,
        answers: Sequence["Answer"],
        endpoint: str,
        url: str,
        written: Written,
        *,
        pages: int,
        before: int | None = None,
        after: int | None = None,
        ids: Sequence[str] | None = None,
        retrieved_at: datetime | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> None:
        """Note the provenance of a finished list."""
        if written.duplicates:
            self.notes.append(f"{written.duplicates} rows came twice under one id; the last was kept")
        if written.unidentified:
            self.notes.append(f"{written.unidentified} rows had no id")
        when = retrieved_at or (answers[-1].ended if answers else self.taken_at)
        self.record.provenance = Provenance(
            endpoint=endpoint,
            url=url,
            permission=self._permission,
            retrieved_at=when,
            request_ids=tuple(ids if ids is not None else [a.request_id for a in answers]),
            file=written.file,
            sha256=written.sha256,
            rows=written.rows,
            pages=pages,
            count_before=before,
            count_after=after,
            notes=tuple(self.notes),
        )
        self.record.extra = dict(extra) if extra is not None else _numbers(answers, written)
        self.record.kept = written.file
        self.record.value = FileRows(self._root, written.file, written.rows)

    def tell(
        self, rows: int, total: int | None, pages: int, *, done: bool = False, paced_seconds: float | None = None
    ) -> None:
        """Report progress."""
        if self._progress is not None:
            self._progress(Progress(self._fact, rows, total, pages, done, paced_seconds))


def _numbers(answers: Sequence["Answer"], written: Written) -> dict[str, Any]:
    if not answers:
        return {"bytes": written.bytes}
    return {
        "bytes": written.bytes,
        "started": stamp(min(a.started for a in answers)),
        "attempts": sum(a.attempts for a in answers),
        "client_request_ids": [a.client_request_id for a in answers if a.client_request_id],
        "server_date": answers[-1].server_date,
    }


@dataclass(frozen=True, slots=True)
class _List:
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


class _Reading:
    """One try to read one list: parts, pages, checkpoints, counts."""

    def __init__(self, source: Source, wanted: _List, saved: dict[str, Any] | None) -> None:
        self._source, self._wanted = source, wanted
        if saved is None:
            # What an earlier try left must not be taken for this one's: its rows are about to be overwritten.
            source._journal.forget(f"{source._fact}.list")
        state = saved["writer"] if saved else None
        self._writer = RowsWriter(source._root, wanted.stem, source._journal.spool(source._fact), state)
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
        return FileRows(source._root, written.file, written.rows)

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
        if wanted.partition and self._before is not None and self._before >= source._partition_from:
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
            capped = [row_id for row_id, line in rows if row_id and _is_capped(line, whole)]
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
            if isinstance(answer, NotFoundError) and _is_absence(answer):
                continue  # the object went between the list and this; the count decides
            if isinstance(answer, GraphError):
                raise answer
            # What comes twice comes once; a page that shifted while it was read repeats its rows word for word.
            items = list(dict.fromkeys([line async for line in graph.rest_of(answer)]))
            row_id = paths[path]
            row = b'{"id":%b,"%b":[%b]}' % (orjson.dumps(row_id), wanted.whole.encode(), b",".join(items))
            if len(row) > LINE_LIMIT:
                raise AnswerError(f"{wanted.path}: the {wanted.whole} of {row_id} take more than {LINE_LIMIT:,} bytes")
            self._writer.add(row_id, row)
        rows = "1 row" if len(paths) == 1 else f"{len(paths):,} rows"
        self._source.notes.append(f"{rows} had 20 or more {wanted.whole} and were asked for by id")

    def _checkpoint(self) -> None:
        """Keep what is needed to go on from here after a kill."""
        self._source._journal.save(
            f"{self._source._fact}.list",
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


async def gathered(
    graph: Source, paths: Sequence[str], *, version: str = "v1.0", eventual: bool = False, may_be_none: bool = False
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
        if isinstance(answer, NotFoundError) and _is_absence(answer):
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


def _is_absence(error: NotFoundError) -> bool:
    """Whether a 404 says that one object is not there, rather than the batch, the endpoint or a stranger's page."""
    return bool(error.code) and not isinstance(error, NoEndpointError) and not error.url.endswith("/$batch")


async def related(
    graph: Source,
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
            yield row_id, b'{"id":%b,"%b":[%b]}' % (orjson.dumps(row_id), prop.encode(), b",".join(items))


_FLAT = bytes.maketrans(b"123456789ED}] \t\r\n", b"000000000ed,,,,,,")
"""One sign for all digits, one for all that may end a number, small letters where case says nothing."""
_TRACES = (b"\\ud", b"0" * 300, b"e+000", b"0e000,", b"0e0000,", b"0e00000,")
"""What half a surrogate pair, a number of absurd length and one beyond a float look like then."""


def refuse_unreadable(lines: Sequence[bytes], path: str) -> None:
    """Raise AnswerError where a row could not be read again from the evidence.

    Cutting a page into rows looks at their frame alone. What could spoil a
    reader is rare and leaves a trace that is quick to look for: numbers beyond
    meaning, halves of surrogate pairs, absurd length. Only rows of a page with
    such a trace are taken apart.
    """
    if lines and max(map(len, lines)) > LINE_LIMIT:
        raise AnswerError(f"{path}: a row is longer than {LINE_LIMIT:,} bytes", status=200)
    flat = b"".join(lines).translate(_FLAT)
    if not any(trace in flat for trace in _TRACES):
        return
    for line in lines:
        try:
            parse(line, path)
        except EvidenceError as error:
            raise AnswerError(f"a row cannot be read: {error}", status=200) from None


EXPAND_CAP = 20
"""Items Graph expands at most. Source: https://learn.microsoft.com/graph/query-parameters#expand"""


def _is_capped(line: bytes, whole: str) -> bool:
    if line.count(b'"id"') < EXPAND_CAP:
        return False
    try:
        row = parse(line, "a row")  # one odd letter in a name must not make twenty items look like all of them
    except EvidenceError:
        return True
    found = row.get(whole) if isinstance(row, dict) else None
    return isinstance(found, list) and len(found) >= EXPAND_CAP


def only(prop: str, value: str) -> Callable[[bytes], bool]:
    """Return a test that a raw row holds a property with this text value, for `keep`.

    A row without the property passes: absence is for the reader of the row to judge.
    """
    # Inside a JSON string quotes are escaped, so no guest can type this token.
    token = f'"{prop}":"{value}"'.encode()

    def holds(line: bytes) -> bool:
        if token in line:
            return True
        try:
            row = orjson.loads(line)
        except orjson.JSONDecodeError:
            return True
        found = row.get(prop) if isinstance(row, dict) else None
        return found is None or found == value

    return holds


def unless(prop: str, value: str) -> Callable[[bytes], bool]:
    """Return a test that a raw row does not hold this text value, for `keep`: what is unknown stays."""
    keeps = only(prop, value)

    def holds(line: bytes) -> bool:
        if not keeps(line):
            return True
        try:
            row = orjson.loads(line)
        except orjson.JSONDecodeError:
            return True
        return not isinstance(row, dict) or row.get(prop) != value

    return holds
