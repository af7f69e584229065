"""Lists as the emulator holds them: in memory, on disk, or made up by index."""

import heapq
import tempfile
import weakref
from array import array
from collections.abc import Iterator, Sequence
from typing import IO, Any, Protocol

import orjson

from posture.emulator.odata import Expr, matcher
from posture.snapshot.folder import FileRows


class Rows(Protocol):
    """A list whose rows are got by number, found by key and picked by filter."""

    def __len__(self) -> int: ...

    def row(self, number: int) -> dict[str, Any]:
        """Return one row; the caller must not change it."""
        ...

    def find(self, key: str) -> int | None:
        """Return the number of the row with a key, without regard to letter case."""
        ...

    def pick(self, where: Expr | None) -> Sequence[int]:
        """Return the numbers of the rows a filter lets through, in order."""
        ...

    def render(
        self, numbers: Sequence[int], select: tuple[str, ...] | None, expand: str, nested: tuple[str, ...] | None
    ) -> bytes | None:
        """Return rows as JSON text without brackets where there is a quick way, else None."""
        ...


class MemoryRows:
    """A short list as objects. Writes of tests go here."""

    def __init__(self, rows: list[dict[str, Any]], key: str = "id") -> None:
        self.rows, self.key = rows, key
        self._numbers: dict[str, int] | None = None

    def __len__(self) -> int:
        return len(self.rows)

    def row(self, number: int) -> dict[str, Any]:
        """Return one row."""
        return self.rows[number]

    def find(self, key: str) -> int | None:
        """Return the number of the row with a key."""
        if self._numbers is None:
            self._numbers = {str(r.get(self.key, "")).lower(): i for i, r in enumerate(self.rows)}
        return self._numbers.get(key.lower())

    def pick(self, where: Expr | None) -> Sequence[int]:
        """Return the numbers of the rows a filter lets through."""
        if where is None:
            return range(len(self.rows))
        test = matcher(where)
        return [i for i, r in enumerate(self.rows) if test(r)]

    def render(self, numbers: Sequence[int], select: Any, expand: str, nested: Any) -> None:
        """There is no quicker way than row by row."""
        return

    def changed(self) -> None:
        """Forget what was derived from the rows."""
        self._numbers = None


class DiskRows:
    """A long list sorted by key in a temporary file, with the place of each row in memory."""

    def __init__(self, lines: Iterator[tuple[str, bytes]], key: str) -> None:
        self._key = key
        self._file: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the list
        weakref.finalize(self, self._file.close)
        self._starts = array("Q", [0])
        at = 0
        for _, line in lines:
            self._file.write(line)
            at += len(line)
            self._starts.append(at)
        self._file.flush()

    def __len__(self) -> int:
        return len(self._starts) - 1

    def row(self, number: int) -> dict[str, Any]:
        """Read one row."""
        self._file.seek(self._starts[number])
        found: dict[str, Any] = orjson.loads(self._file.read(self._starts[number + 1] - self._starts[number]))
        return found

    def find(self, key: str) -> int | None:
        """Find a row by halving: the file is sorted by key."""
        low, high = 0, len(self)
        while low < high:
            middle = (low + high) // 2
            if str(self.row(middle).get(self._key, "")) < key:
                low = middle + 1
            else:
                high = middle
        return low if low < len(self) and str(self.row(low).get(self._key, "")).lower() == key.lower() else None

    def pick(self, where: Expr | None) -> Sequence[int]:
        """Return the numbers of the rows a filter lets through; reads the file once."""
        if where is None:
            return range(len(self))
        test = matcher(where)
        return array("L", (i for i in range(len(self)) if test(self.row(i))))

    def render(self, numbers: Sequence[int], select: Any, expand: str, nested: Any) -> None:
        """There is no quicker way than row by row."""
        return


def merged(plain: FileRows | None, labelled: dict[str, FileRows], key: str, navs: frozenset[str]) -> Iterator[Any]:
    """Merge lists of one path by key, all sorted by it, without holding them.

    A row of a list that is labelled by a relationship and is itself an item of
    that relationship (it has a `resourceId` and not the label) is passed over
    here. A row that only such a list knows is left out when there is a plain list.
    """
    streams = [_keyed("", plain, key)] if plain is not None else []
    streams += [_keyed(label, rows, key) for label, rows in labelled.items()]
    current: dict[str, Any] = {}
    at: str | None = None
    known = False
    for row_key, label, row in heapq.merge(*streams, key=lambda item: item[0]):
        side = label in navs
        if side and label not in row:
            continue
        if row_key != at or not row_key:
            if current and (known or plain is None):
                yield at or "", current
            current, at, known = {}, row_key, False
        known = known or not side
        current = {**current, **row} if label else {**row, **current}
    if current and (known or plain is None):
        yield at or "", current


def _keyed(label: str, rows: FileRows, key: str) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for row in rows:
        value = row.get(key)
        yield value if isinstance(value, str) else "", label, row


class ChainRows:
    """A short list in memory followed by one that is made up by index."""

    def __init__(self, first: MemoryRows, second: Rows) -> None:
        self.first, self.second = first, second

    def __len__(self) -> int:
        return len(self.first) + len(self.second)

    def row(self, number: int) -> dict[str, Any]:
        """Return one row."""
        short = len(self.first)
        return self.first.row(number) if number < short else self.second.row(number - short)

    def find(self, key: str) -> int | None:
        """Return the number of the row with a key."""
        found = self.first.find(key)
        if found is not None:
            return found
        later = self.second.find(key)
        return None if later is None else later + len(self.first)

    def pick(self, where: Expr | None) -> Sequence[int]:
        """Return the numbers of the rows a filter lets through."""
        if where is None:
            return range(len(self))
        return Joined(self.first.pick(where), self.second.pick(where), len(self.first))

    def render(
        self, numbers: Sequence[int], select: tuple[str, ...] | None, expand: str, nested: tuple[str, ...] | None
    ) -> bytes | None:
        """Render a page that lies wholly in the second part."""
        short = len(self.first)
        if not numbers or numbers[0] < short:
            return None
        if isinstance(numbers, range):
            return self.second.render(range(numbers.start - short, numbers.stop - short), select, expand, nested)
        return self.second.render([n - short for n in numbers], select, expand, nested)


class Joined(Sequence[int]):
    """Numbers of a first list followed by those of a second, which count on from `shift`."""

    def __init__(self, first: Sequence[int], second: Sequence[int], shift: int) -> None:
        self._first, self._second, self._shift = first, second, shift

    def __len__(self) -> int:
        return len(self._first) + len(self._second)

    def __getitem__(self, at: Any) -> Any:
        if isinstance(at, int):
            return self[at : at + 1 or None][0]
        start, stop, _ = at.indices(len(self))
        short = len(self._first)
        later = self._second[max(0, start - short) : max(0, stop - short)]
        if isinstance(later, range):
            later = range(later.start + self._shift, later.stop + self._shift)
        else:
            later = [n + self._shift for n in later]
        early = list(self._first[start:stop]) if start < short else []
        return [*early, *later] if early else later
