"""Sort any number of rows by id on disk, in bounded memory, and survive being killed.

Rows arrive in Graph's order and leave sorted. They are held up to PART_BYTES,
then appended to one spool file as a sorted run; `checkpoint` does the same at
will, so that its return value is all a later process needs to go on.
"""

import heapq
import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import IO, Any

from posture.errors import EvidenceError, OutputError
from posture.snapshot.folder import Written, private_dir, sortable, write_sorted

PART_BYTES = 12 * 1024 * 1024
"""Bytes of rows held in memory before a sorted run goes to disk."""
FAN_IN = 64
"""Runs merged at once; each costs one open file and one buffer."""

Run = tuple[int, int]


class RowsWriter:
    """Take rows with `add` in the order they arrive, then write them as one list with `finish`.

    A row that comes again under the same id replaces the earlier one and is
    counted. Rows without an id are kept, first in the file, and counted.
    """

    def __init__(self, root: Path, stem: str, spool: Path, state: dict[str, Any] | None = None) -> None:
        self._root, self._stem, self._path = root, stem, spool
        self._held: list[bytes] = []
        self._size = 0
        self._runs: list[Run] = []
        self._sequence = 0
        self._file: IO[bytes] | None = None
        if state is not None:
            self._restore(state)

    @property
    def added(self) -> int:
        """Rows taken so far, duplicates included."""
        return self._sequence

    def _restore(self, state: dict[str, Any]) -> None:
        self._runs = [(int(a), int(b)) for a, b in state["runs"]]
        self._sequence = int(state["rows"])
        end = self._runs[-1][1] if self._runs else 0
        if end:
            try:
                if self._path.stat().st_size < end:
                    raise EvidenceError(f"{self._path} is shorter than its journal says")
                os.truncate(self._path, end)
                self._file = self._path.open("r+b")
            except OSError as error:
                raise EvidenceError(f"{self._path} cannot be read: {error.strerror or error}") from error

    def add(self, row_id: str, line: bytes) -> None:
        """Take one row: its id ("" for none) and its JSON text."""
        self.add_all([(row_id, line)])

    def add_all(self, rows: Sequence[tuple[str, bytes]]) -> None:
        """Take rows as `add` does, a page at once."""
        text = b"".join([line for _, line in rows])
        if b"\n" in text or b"\r" in text:
            rows = [(row_id, line.replace(b"\n", b" ").replace(b"\r", b" ")) for row_id, line in rows]
        ids = "".join([row_id for row_id, _ in rows])
        if sortable(ids) != ids:
            rows = [(sortable(row_id), line) for row_id, line in rows]
        # A fixed-width sequence keeps rows of one id in the order they came.
        keyed = [
            b"%b\x00%010d\x00%b\n" % (row_id.encode("utf-8", "replace"), number, line)
            for number, (row_id, line) in enumerate(rows, self._sequence)
        ]
        self._sequence += len(rows)
        self._held += keyed
        self._size += sum(map(len, keyed))
        if self._size > PART_BYTES:
            self._spill()

    def checkpoint(self) -> dict[str, Any]:
        """Put all rows on disk and return what a new writer needs to go on from here."""
        if self._held:
            self._spill()
        return {"runs": [list(r) for r in self._runs], "rows": self._sequence}

    def _spill(self) -> None:
        self._held.sort()
        try:
            if self._file is None:
                private_dir(self._path.parent)
                self._file = self._path.open("w+b")
                self._path.chmod(0o600)
            start = self._file.seek(0, 2)
            self._file.writelines(self._held)
            self._file.flush()
        except OSError as error:
            raise OutputError(f"cannot write {self._path}: {error.strerror or error}") from error
        self._runs.append((start, start + self._size))
        self._held, self._size = [], 0

    def discard(self) -> None:
        """Forget all rows and remove the spool."""
        if self._file is not None:
            with suppress(OSError):  # what a full disk did not take is not wanted any more
                self._file.close()
            self._file = None
            self._path.unlink(missing_ok=True)
        self._held, self._size, self._runs, self._sequence = [], 0, [], 0

    def finish(self) -> Written:
        """Write the sorted list and return what was written. Raises OutputError where the disk does not take it."""
        self._held.sort()
        try:
            with ExitStack() as stack:
                while len(self._runs) > FAN_IN:
                    self._merge_some()
                runs = [self._read(run, stack) for run in self._runs]
                ordered = heapq.merge(*runs, self._held) if runs else iter(self._held)
                return write_sorted(self._root, self._stem, ordered)
        except OSError as error:
            raise OutputError(f"cannot write {self._root / self._stem}: {error.strerror or error}") from error
        finally:
            self.discard()

    def _merge_some(self) -> None:
        """Merge the first FAN_IN runs into one at the end of the spool."""
        if self._file is None:
            raise EvidenceError(f"{self._path} is gone")
        with ExitStack() as stack:
            start = self._file.seek(0, 2)
            self._file.writelines(heapq.merge(*[self._read(run, stack) for run in self._runs[:FAN_IN]]))
            self._file.flush()
            self._runs = [*self._runs[FAN_IN:], (start, self._file.tell())]

    def _read(self, run: Run, stack: ExitStack) -> Iterator[bytes]:
        handle = stack.enter_context(self._path.open("rb"))
        handle.seek(run[0])

        def lines() -> Iterator[bytes]:
            left = run[1] - run[0]
            while left > 0:
                line = handle.readline()
                if not line:
                    raise EvidenceError(f"{self._path} ends early")
                left -= len(line)
                yield line

        return lines()
