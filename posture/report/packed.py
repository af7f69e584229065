"""The guest list as text for the page: columns of codes, packed, in an alphabet that means nothing to HTML.

A column is a string with one character a row, the number of a word in its
dictionary. Numbers and days stand in their dictionary in order, each as the
distance from the one before. Names share their first words; an address says
by which words of the name it is made. `page.js` undoes all of it.
"""

import json
import zlib
from base64 import b85encode
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from posture.report.guest_rows import GuestRow
from posture.report.text import marked

BLOCK_LIMIT = 800_000
"""Characters the packed list may take of the page; fewer rows are carried where it would take more."""
PLAIN_LIMIT = 64 * 1024
"""Bytes up to which the list is stored unpacked: zlib's builds differ, small reports have the same bytes everywhere."""
IDS_LIMIT = 2_000
"""Rows up to which object ids travel too: they do not compress and would be half of a long list; guests.csv has all."""
NOT_READ = "not read"
"""Stands among days for a sign-in that was not read; None is one that is not recorded."""
_FIRST_CODE = 48
_NAME_WORDS = "\x7f\x80\x81"
"""Stand in an address for the first words of the name; `marked` leaves none of them in a tenant's text."""
_NAME_LIMIT = 80
_HARMLESS = bytes.maketrans(b"<>&", b",.:")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Block:
    """The packed list: its text, whether gzip is inside, and how many rows it holds."""

    text: str
    packed: bool
    rows: int


def pack(rows: Sequence[GuestRow], queries: Mapping[str, Any]) -> Block:
    """Pack rows, as many as fit the page; where they are compressed, the queries go with them."""
    plain = b"".join(_columns(rows))
    if len(plain) <= PLAIN_LIMIT:
        return Block(_text(plain), False, len(rows))
    block = _packed(rows, queries)
    while len(block) > BLOCK_LIMIT:
        rows = rows[: int(len(rows) * BLOCK_LIMIT / len(block) * 0.97)]
        block = _packed(rows, queries)
    return Block(block, True, len(rows))


def _packed(rows: Sequence[GuestRow], queries: Mapping[str, Any]) -> str:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)  # 31: as gzip does, with the largest window
    # Columns differ in what they are made of: each gets its own code table, which saves a twelfth.
    pieces = [packer.compress(column) + packer.flush(zlib.Z_BLOCK) for column in _columns(rows, queries)]
    return _text(b"".join(pieces) + packer.flush())


def _text(data: bytes) -> str:
    """Return bytes as text in base 85 without the three signs that HTML knows."""
    return b85encode(data).translate(_HARMLESS).decode("ascii")


def _columns(rows: Sequence[GuestRow], queries: Mapping[str, Any] | None = None) -> Iterator[bytes]:
    """Yield the list as the pieces of one JSON object, a column or dictionary each."""
    names = [marked(row.name, _NAME_LIMIT) for row in rows]
    made: dict[str, Any] = {"o": [name.partition(" ")[2] for name in names], "m": list(map(_address, rows, names))}
    made["N"], made["n"] = _coded([name.partition(" ")[0] for name in names])
    made["D"], made["d"] = _coded([marked(row.domain) if row.domain else "" for row in rows])
    made["S"], made["s"] = _coded([marked(row.state, 40) if row.state else "" for row in rows])
    made["R"], made["r"] = _coded([_joined(row.roles) for row in rows])
    made["F"], made["f"] = _coded([row.findings for row in rows])
    made["P"], made["p"], made["i"] = _coded(
        [_joined(row.sponsors) for row in rows],
        ["" if row.inviter is None else marked(row.inviter, _NAME_LIMIT) for row in rows],
    )
    made["C"], made["c"] = _numbered([_day(row.created) for row in rows])
    made["V"], made["v"] = _numbered([_later(row.created, row.state_since) if row.pending else None for row in rows])
    made["L"], made["l"] = _numbered([_day(row.seen) if row.seen_read else NOT_READ for row in rows])
    made["G"], made["g"] = _numbered([row.groups for row in rows])
    made["B"], made["b"] = _numbered([int(row.enabled is False) for row in rows])
    made["id"] = [marked(row.id, 64) for row in rows] if len(rows) <= IDS_LIMIT else []
    made["queries"] = queries or None
    for place, (key, value) in enumerate(made.items()):
        said = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
        yield f'{"," if place else "{"}"{key}":{said}'.encode()
    yield b"}"


def _coded(*columns: Sequence[Any]) -> tuple[Any, ...]:
    """Return a dictionary of the words of columns, the most frequent first, and each column in its codes."""
    words = [word for word, _ in Counter(word for column in columns for word in column).most_common()]
    return (words, *(_codes(column, words) for column in columns))


def _numbered(column: Sequence[int | str | None]) -> tuple[list[Any], str]:
    """Return a column of numbers likewise: words first, then every number as its distance from the one before."""
    numbers = sorted({n for n in column if isinstance(n, int)})
    words = list(dict.fromkeys(n for n in column if not isinstance(n, int)))
    steps = [n - before for n, before in zip(numbers, [0, *numbers], strict=False)]
    return [*words, *steps], _codes(column, [*words, *numbers])


def _codes(column: Iterable[Any], words: Sequence[Any]) -> str:
    """Return a column as one character a row.

    The page carries at most `population.WHOLE_LIMIT` rows, and no dictionary
    serves more than two columns: the characters stay below the surrogates.
    """
    place = {word: chr(number + _FIRST_CODE) for number, word in enumerate(words)}
    return "".join(place[word] for word in column)


def _address(row: GuestRow, name: str) -> str:
    """Return the mail address without what domain and name tell; after an @ where they tell nothing of it."""
    local, _, tail = row.mail.partition("@")
    if not (row.domain and tail == row.domain and row.domain.isascii() and local):
        return "@" + marked(row.mail or row.upn, 2 * _NAME_LIMIT)
    short = marked(local, _NAME_LIMIT)
    for word, sign in zip(name.split(" "), _NAME_WORDS, strict=False):
        if word.isascii() and len(word) > 1:
            short = short.replace(word.lower(), sign, 1)
    return short


def _joined(words: Iterable[str] | None) -> str | None:
    return None if words is None else ", ".join(marked(w, _NAME_LIMIT) for w in words)


def _day(when: datetime | None) -> int | None:
    return None if when is None else (when - _EPOCH).days


def _later(created: datetime | None, changed: datetime | None) -> int | None:
    """Return how many days after it was made an account's state last changed; None for the same day."""
    first, last = _day(created), _day(changed)
    return None if first is None or last is None or first == last else last - first
