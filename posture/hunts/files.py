"""Open an exported log of any container as a stream of rows: never whole in memory, whatever its size.

CSV (comma, semicolon or tab), JSON arrays, Graph pages (`value`), Event Hub
batches (`records`), answers of the Log Analytics query API (`tables`), and one
JSON object a line; gzip or plain; UTF-8, UTF-16, with or without a byte order
mark. What the rows mean is `shapes.py`'s work.
"""

import codecs
import csv
import gzip
import io
import json
import re
import zlib
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any, cast

import orjson

from posture.errors import EvidenceError
from posture.snapshot.folder import LINE_LIMIT

CHUNK = 1 << 20
WRAPPERS = ("value", "records", "tables")
_SNIFF = 1 << 16
_BLANK = re.compile(r"[\s\ufeff]*")
_SPACE = re.compile(r"[\s,]*")
_MAGIC = (
    (b"PK\x03\x04", "a ZIP archive or Excel workbook; unpack it, or save the sheet as CSV"),
    (b"PAR1", "a Parquet file; export CSV or JSON"),
    (b"SQLite format 3", "an SQLite database; export CSV or JSON"),
    (b"ElfFile", "a Windows event log; export the Entra logs as CSV or JSON"),
    (b"%PDF", "a PDF"),
    (b"\x89PNG", "a picture"),
)

Row = tuple[int, dict[str, Any] | None, str]
"""Number from 1, the row, and "" or why it is none."""


def rows(path: Path) -> Iterator[Row]:
    """Yield the rows of a file with their numbers.

    A row that cannot be read comes as None with the reason and the reading
    goes on; where it cannot go on (a broken array, a cut file), EvidenceError
    names the last good row. Raises EvidenceError as well for what is no log.
    """
    try:
        with ExitStack() as stack:
            stream = _text(path, stack)
            head = _peek(stream)
            if not head.strip("\ufeff \r\n\t"):
                raise EvidenceError(f"{path.name} is empty: no log rows in it.")
            first = head.lstrip("\ufeff \r\n\t")[:1]
            if first == "<":
                raise EvidenceError(f"{path.name} is HTML or XML, not a log: export CSV or JSON.")
            yield from _json(path.name, stream) if first in "[{" else _csv(path.name, stream)
    except FileNotFoundError:
        raise EvidenceError(f"{path} does not exist.") from None
    except IsADirectoryError:
        raise EvidenceError(f"{path} is a folder: name the log files in it.") from None
    except (OSError, EOFError, zlib.error) as error:
        raise EvidenceError(f"{path.name} cannot be read to its end: {error}. Export it again.") from error


class _Peeked(io.TextIOWrapper):
    """A text stream whose beginning has been looked at."""

    ahead = ""

    def take(self, size: int) -> str:
        """Return up to `size` characters, what was looked at first."""
        if self.ahead:
            found, self.ahead = self.ahead[:size], self.ahead[size:]
            return found
        return self.read(size)

    def line(self, limit: int) -> str:
        """Return a line of at most `limit` characters; without a line end it is cut or the last."""
        if not self.ahead:
            return self.readline(limit)
        end = self.ahead.find("\n") + 1
        if end:
            return self.take(min(end, limit))
        return self.take(limit) if len(self.ahead) >= limit else self._rest(limit)

    def _rest(self, limit: int) -> str:
        found, self.ahead = self.ahead, ""
        return found + self.readline(limit - len(found))


def _peek(stream: _Peeked) -> str:
    stream.ahead = stream.read(_SNIFF)
    return stream.ahead


def _text(path: Path, stack: ExitStack) -> _Peeked:
    """Open as text by what the file begins with; bytes that are no text become the replacement character."""
    raw = stack.enter_context(path.open("rb"))
    if raw.peek(2)[:2] == b"\x1f\x8b":
        raw = stack.enter_context(io.BufferedReader(cast(Any, gzip.GzipFile(fileobj=raw)), CHUNK))
    head = raw.peek(_SNIFF)[:_SNIFF]
    for magic, words in _MAGIC:
        if head.startswith(magic):
            raise EvidenceError(f"{path.name} is {words}.")
    encoding = "utf-8-sig"
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        encoding = "utf-16"
    elif b"\x00" in head[:64]:
        pair = head[:64]
        if not pair[::2].strip(b"\x00"):
            encoding = "utf-16-be"
        elif not pair[1::2].strip(b"\x00"):
            encoding = "utf-16-le"
        else:
            raise EvidenceError(f"{path.name} is not text: export CSV or JSON.")
    return stack.enter_context(_Peeked(cast(IO[bytes], raw), encoding, errors="replace", newline=""))


# --- JSON ---------------------------------------------------------------------------------------------------------


def _json(name: str, stream: _Peeked) -> Iterator[Row]:
    """Choose between one object a line and anything else, by the first line."""
    head = stream.ahead.lstrip("\ufeff \r\n\t")
    line, end, _ = head.partition("\n")
    if head[0] == "{" and (end or len(stream.ahead) < _SNIFF) and line.rstrip().endswith("}"):
        value = _parsed(line)[0]
        if not (isinstance(value, dict) and isinstance(value.get("tables"), list)):
            return _lines(stream)
    return _Scanner(name, stream).rows()


def _parsed(line: str | bytes) -> tuple[Any, str]:
    """Return a JSON text's value, or why it is none. Lone surrogates are accepted, duplicate keys take the last."""
    try:
        return orjson.loads(line), ""
    except orjson.JSONDecodeError as error:
        try:
            return json.loads(line, parse_constant=_no_constant, parse_int=_bounded), ""
        except (ValueError, RecursionError):
            return None, f"not JSON ({error.msg})"


def _no_constant(word: str) -> Any:
    raise ValueError(word)


def _bounded(digits: str) -> int | float:
    return int(digits) if len(digits) < 40 else float(digits)


def _lines(stream: _Peeked) -> Iterator[Row]:
    number = 0
    while line := stream.line(LINE_LIMIT + 1):
        if len(line) > LINE_LIMIT:
            while line and not line.endswith("\n"):
                line = stream.line(LINE_LIMIT)
            number += 1
            yield number, None, f"longer than {LINE_LIMIT:,} characters"
            continue
        line = line.strip()
        if not line:
            continue
        value, why = _parsed(line)
        if not isinstance(value, dict):
            number += 1
            yield number, None, why or "not a JSON object"
            continue
        for found in _unwrapped(value):
            number += 1
            yield number, found, ""


def _unwrapped(value: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the rows of a batch written on one line, or the row itself."""
    for key in ("records", "value"):
        batch = value.get(key)
        if isinstance(batch, list) and all(isinstance(r, dict) for r in batch):
            return batch
    return [value]


class _Scanner:
    """Take values one by one from JSON of any size: pretty-printed, wrapped, or one after another."""

    def __init__(self, name: str, stream: _Peeked) -> None:
        self._name, self._stream = name, stream
        self._buffer, self._at, self._ended = "", 0, False
        self._decode = json.JSONDecoder(parse_constant=_no_constant, parse_int=_bounded).raw_decode
        self._number = 0

    def rows(self) -> Iterator[Row]:
        """Yield the rows of every value at the top."""
        while self._skip(_BLANK):
            if self._char() == "[":
                yield from self._array()
            elif self._char() == "{":
                yield from self._object()
            else:
                raise self._broken("something that is no row follows")

    def _array(self) -> Iterator[Row]:
        self._at += 1
        while True:
            if not self._skip(_SPACE):
                raise self._broken("the list does not end")
            if self._char() == "]":
                self._at += 1
                return
            yield self._row(self._value())

    def _row(self, value: Any) -> Row:
        self._number += 1
        if isinstance(value, dict):
            return self._number, value, ""
        return self._number, None, "not a JSON object"

    def _object(self) -> Iterator[Row]:
        """Read members until one is a list of rows; an object without one is a row itself."""
        self._at += 1
        members: dict[str, Any] = {}
        wrapper = False
        while True:
            if not self._skip(_SPACE):
                raise self._broken("an object does not end")
            if self._char() == "}":
                self._at += 1
                break
            key = self._value()
            if not isinstance(key, str) or not self._skip(_BLANK) or self._char() != ":":
                raise self._broken("an object has no name for a value")
            self._at += 1
            if not self._skip(_BLANK):
                raise self._broken("an object does not end")
            if key in WRAPPERS and self._char() == "[":
                wrapper = True
                yield from self._tables() if key == "tables" else self._array()
            else:
                members[key] = self._value()
        if not wrapper:
            yield self._row(members)

    def _tables(self) -> Iterator[Row]:
        """Read what the Log Analytics query API answers: columns, then rows of values.

        Source: https://learn.microsoft.com/azure/azure-monitor/logs/api/response-format
        """
        self._at += 1
        while True:
            if not self._skip(_SPACE):
                raise self._broken("the list of tables does not end")
            if self._char() == "]":
                self._at += 1
                return
            if self._char() != "{":
                raise self._broken("a table is no object")
            yield from self._table()

    def _table(self) -> Iterator[Row]:
        self._at += 1
        columns: list[str] = []
        while True:
            if not self._skip(_SPACE):
                raise self._broken("a table does not end")
            if self._char() == "}":
                self._at += 1
                return
            key = self._value()
            self._skip(_BLANK)
            self._at += 1
            self._skip(_BLANK)
            if key == "rows" and self._char() == "[":
                for number, why, value in self._cells():
                    if not columns:
                        raise self._broken("a table's rows come before its columns")
                    right = isinstance(value, list) and len(value) == len(columns)
                    yield number, dict(zip(columns, value, strict=True)) if right else None, "" if right else why
                continue
            value = self._value()
            if key == "columns" and isinstance(value, list):
                columns = [str(c.get("name", "")) if isinstance(c, dict) else "" for c in value]

    def _cells(self) -> Iterator[tuple[int, str, Any]]:
        self._at += 1
        while True:
            if not self._skip(_SPACE):
                raise self._broken("a table does not end")
            if self._char() == "]":
                self._at += 1
                return
            self._number += 1
            yield self._number, "not as many values as columns", self._value()

    def _char(self) -> str:
        return self._buffer[self._at]

    def _skip(self, blank: re.Pattern[str]) -> bool:
        """Go to the next character that counts; False at the end."""
        while True:
            match = blank.match(self._buffer, self._at)
            self._at = match.end() if match else self._at
            if self._at < len(self._buffer):
                return True
            if not self._more():
                return False

    def _more(self) -> bool:
        if self._ended:
            return False
        found = self._stream.take(CHUNK)
        self._ended = not found
        self._buffer, self._at = self._buffer[self._at :] + found, 0
        return bool(found)

    def _value(self) -> Any:
        """Return the next value whole, reading on as long as it is not."""
        while True:
            try:
                value, end = self._decode(self._buffer, self._at)
            except (ValueError, RecursionError) as error:
                if isinstance(error, RecursionError) or len(self._buffer) - self._at > LINE_LIMIT:
                    raise self._broken("a row is too deep or too large") from None
                if not self._more():
                    raise self._broken(getattr(error, "msg", "a value is none")) from None
                continue
            # A number at the very end of the buffer may go on in the next piece.
            if end == len(self._buffer) and not isinstance(value, dict | list | str) and self._more():
                continue
            self._at = end
            return value

    def _broken(self, why: str) -> EvidenceError:
        return EvidenceError(
            f"{self._name}: the JSON breaks after row {self._number:,} ({why}), so the rest cannot be read. "
            "Export it again."
        )


# --- CSV ----------------------------------------------------------------------------------------------------------


def _csv(name: str, stream: _Peeked) -> Iterator[Row]:
    head = stream.ahead.lstrip("\ufeff").partition("\n")[0]
    bare = re.sub(r'"[^"]*"', "", head)
    delimiter = max(",;\t", key=bare.count)
    if not bare.count(delimiter):
        raise EvidenceError(
            f"{name} is neither CSV nor JSON: its first line has no columns. Export CSV with a header, or JSON."
        )
    # Cells of audit logs hold whole JSON documents; the library's default stops at 128 kB.
    csv.field_size_limit(LINE_LIMIT)
    reader = csv.reader(_csv_lines(name, stream), delimiter=delimiter, strict=True)
    try:
        header = [c.strip("\ufeff") for c in next(reader)]
    except csv.Error as error:
        raise EvidenceError(f"{name}: the header cannot be read ({error}).") from None
    number = 0
    while True:
        try:
            cells = next(reader, None)
        except csv.Error as error:
            number += 1
            if "unexpected end" in str(error) or "field larger" in str(error):
                raise EvidenceError(
                    f"{name}: row {number:,} opens a quote that does not close, so the rest cannot be read. "
                    "Export it again."
                ) from None
            yield number, None, str(error)
            continue
        if cells is None:
            return
        if not any(cells):
            continue
        number += 1
        if len(cells) != len(header):
            yield number, None, f"{len(cells)} cells where the header has {len(header)}"
            continue
        row = dict(zip(header, cells, strict=True))
        if len(row) < len(header):
            # Of a column named twice the first counts: the portal repeats "Incoming token type".
            row |= dict(zip(reversed(header), reversed(cells), strict=True))
        yield number, row, ""


def _csv_lines(name: str, stream: _Peeked) -> Iterator[str]:
    number = 0
    while line := stream.line(LINE_LIMIT + 1):
        number += 1
        if len(line) > LINE_LIMIT:
            raise EvidenceError(f"{name}, line {number:,} is longer than {LINE_LIMIT:,} characters: not a log export.")
        yield line
