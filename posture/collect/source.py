"""What a gatherer is given: Graph to ask, with every answer kept as evidence."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from posture.collect.journal import Journal
from posture.collect.lists import ListAsked, read_whole
from posture.collect.partition import LARGE
from posture.collect.rows import refuse_unreadable
from posture.errors import (
    AnswerError,
    EvidenceError,
    NotFoundError,
)
from posture.snapshot.folder import FileRows, Written, parse_strict, relative_path, write_single
from posture.snapshot.spool import RowsWriter
from posture.snapshot.store import stamp, unwrap
from posture.snapshot.types import Provenance

if TYPE_CHECKING:
    from posture.graph.answer import Answer
    from posture.graph.reader import GraphReader


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
        self.graph, self.root, self.journal = graph, root, journal
        self._arm = arm
        self.fact, self._permission = fact, permission
        self._progress = progress
        self.partition_from = partition_from
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
        written = write_single(self.root, relative_path(version, f"{path}/$count"), str(value).encode())
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
        self._set(answer, version, path, write_single(self.root, relative_path(version, path), answer.body))

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
        wanted = ListAsked(path, params, stem, version, eventual, key, count, partition, keep, whole)
        return await read_whole(self, wanted)

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
        writer = RowsWriter(self.root, relative_path(version, path, label), self.journal.spool(self.fact))
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
        return FileRows(self.root, written.file, written.rows)

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
        self.record.value = FileRows(self.root, written.file, written.rows)

    def tell(
        self, rows: int, total: int | None, pages: int, *, done: bool = False, paced_seconds: float | None = None
    ) -> None:
        """Report progress."""
        if self._progress is not None:
            self._progress(Progress(self.fact, rows, total, pages, done, paced_seconds))


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
