"""Events of one topic, sorted and read again and again, in bounded memory.

Held as objects while they are few; past HOLD they go to disk in sorted runs
that are merged once. Unlike evidence lists these are typed, scratch, and read
several times, so they are msgpack without compression.
"""

import heapq
import itertools
from collections.abc import Iterable, Iterator
from operator import itemgetter
from pathlib import Path
from typing import IO, Any, Generic, TypeVar

import msgspec

from posture.errors import EvidenceError, OutputError
from posture.hunts.events import AuditEvent, SignInEvent
from posture.hunts.when import micros
from posture.snapshot.folder import private_file

HOLD = 20_000
"""Events held in memory before a sorted run goes to disk; about 1 kB each."""
_BLOCK = 1 << 18
_SAME = 2_000_000
"""Microseconds within which two rows of one id are one record: some exports cut times to the second."""

E = TypeVar("E", AuditEvent, SignInEvent)
Entry = tuple[str, int, str, Any]
_order = itemgetter(0, 1, 2)


class Sorted(Generic[E]):
    """Events by group, then time, then id. Add, `close`, then iterate as often as needed.

    A record that came twice (from overlapping exports) is kept once;
    `duplicates` counts the rest.
    """

    def __init__(self, kind: type[E], scratch: Path, name: str, hold: int = HOLD) -> None:
        self._held: list[Entry] = []
        self._runs: list[Path] = []
        self._scratch, self._name, self._hold = scratch, name, hold
        self._encode = msgspec.msgpack.Encoder().encode
        self._decode = msgspec.msgpack.Decoder(tuple[str, int, str, kind]).decode  # type: ignore[valid-type]
        self._merged: Path | None = None
        self._count = 0
        self.duplicates = 0

    def __len__(self) -> int:
        return self._count

    def add(self, group: str, event: E) -> None:
        """Take one event. `group` is what its neighbours share, such as a person."""
        self._held.append((group, micros(event.at), event.id, event))
        if len(self._held) >= self._hold:
            self._spill()

    def _spill(self) -> None:
        self._held.sort(key=_order)
        path = self._scratch / f"{self._name}.{len(self._runs)}"
        self._write(path, self._held)
        self._runs.append(path)
        self._held = []

    def _write(self, path: Path, entries: Iterable[Entry]) -> int:
        written = 0
        try:
            with private_file(path) as out:
                for entry in entries:
                    packed = self._encode(entry)
                    out.write(len(packed).to_bytes(4, "big"))
                    out.write(packed)
                    written += 1
        except OSError as error:
            raise OutputError(f"cannot write {path}: {error.strerror or error}") from error
        return written

    def close(self) -> None:
        """Take no more: sort, merge, drop what came twice."""
        self._held.sort(key=_order)
        if not self._runs:
            self._held = list(self._once(self._held))
            self._count = len(self._held)
            return
        parts: list[Iterable[Entry]] = [self._read(run) for run in self._runs]
        self._merged = self._scratch / f"{self._name}.sorted"
        self._count = self._write(self._merged, self._once(heapq.merge(*parts, self._held, key=_order)))
        self._held = []
        for run in self._runs:
            run.unlink(missing_ok=True)

    def _read(self, path: Path) -> Iterator[Entry]:
        with path.open("rb", buffering=_BLOCK) as source:
            while head := source.read(4):
                yield self._decode(_exactly(source, int.from_bytes(head, "big")))

    def _once(self, entries: Iterable[Entry]) -> Iterator[Entry]:
        group: str | None = None
        recent: dict[Any, int] = {}
        for entry in entries:
            if entry[0] != group:
                group = entry[0]
                recent.clear()
            if entry[2]:
                mark = _mark(entry[3])
                before = recent.get(mark)
                if before is not None and entry[1] - before <= _SAME:
                    self.duplicates += 1
                    continue
                if len(recent) > 1000:
                    recent = {k: at for k, at in recent.items() if entry[1] - at <= _SAME}
                recent[mark] = entry[1]
            yield entry

    def _entries(self) -> Iterator[Entry]:
        return iter(self._held) if self._merged is None else self._read(self._merged)

    def __iter__(self) -> Iterator[E]:
        return (entry[3] for entry in self._entries())

    def groups(self) -> Iterator[tuple[str, Iterator[E]]]:
        """Yield each group with its events in the order of time; read one group before the next."""
        for group, entries in itertools.groupby(self._entries(), key=itemgetter(0)):
            yield group, (entry[3] for entry in entries)


def _exactly(source: IO[bytes], size: int) -> bytes:
    data = source.read(size)
    if len(data) != size:
        raise EvidenceError("a scratch file of the hunts ends early; run again")
    return data


def _mark(event: AuditEvent | SignInEvent) -> Any:
    """Return what makes two rows one record: an id alone is not enough, made-up logs repeat it."""
    if isinstance(event, SignInEvent):
        return event.id, event.app_id, event.error
    return event.id, event.activity, event.details, tuple(t.id for t in event.targets)
