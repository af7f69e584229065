"""Read a body without building what is in it: rows are cut out raw, single answers only checked.

A page is parsed once by msgspec, which skips over each row; a row stays the
bytes Graph sent. What a page's frame says wrong (no list, two lists, an error
in a 200) is told in plain words. A lone surrogate in one name, which strict
parsers refuse with the whole page, costs nothing here.

Source: https://learn.microsoft.com/graph/paging
"""

import json
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeVar

import msgspec
from msgspec import UNSET, Raw, UnsetType

from posture.errors import AnswerError

T = TypeVar("T")
TRUNCATED = "Input data was truncated"


class UnreadableError(AnswerError):
    """A body that is no JSON at all: damaged on the way, so asking again may help."""


class _Frame(msgspec.Struct, gc=False):
    value: list[Raw]
    error: Raw | UnsetType = UNSET
    count: Raw | UnsetType = msgspec.field(name="@odata.count", default=UNSET)
    link: Raw | UnsetType = msgspec.field(name="@odata.nextLink", default=UNSET)
    plain_link: Raw | UnsetType = msgspec.field(name="nextLink", default=UNSET)


@dataclass(frozen=True, slots=True)
class Listing:
    """A page's frame: its rows with their ids, its count, and its next link as it came (None for none)."""

    rows: list[tuple[str, bytes]]
    count: int | None
    link: object


_frame = msgspec.json.Decoder(_Frame)
_parts = msgspec.json.Decoder(dict[str, Raw])


def listing(body: bytes, *, key: str = "id", max_rows: int = 100_000) -> Listing:
    """Cut a page into its rows.

    Raises UnreadableError where the body is no JSON and AnswerError where it is
    no page.
    """
    _is_text(body)
    try:
        frame, whole = decoded(_frame, body)
    except msgspec.ValidationError:
        raise _no_page(without_lone_surrogates(body)) from None
    if frame.error is not UNSET:
        raise AnswerError("the answer holds an error beside its rows")
    if len(frame.value) > max_rows:
        raise AnswerError(f"the page holds {len(frame.value):,} rows, more than the {max_rows:,} allowed")
    raw = [bytes(row) for row in frame.value]
    _no_twins(whole, raw)
    ids = _ids(raw, key)
    raw = as_sent(body, whole, raw)
    link = frame.link if frame.link is not UNSET else frame.plain_link
    return Listing(
        rows=list(zip(ids, raw, strict=True)),
        count=_count(frame.count),
        link=None if isinstance(link, UnsetType) else _plain(link),
    )


def decoded(decoder: "msgspec.json.Decoder[T]", body: bytes) -> tuple[T, bytes]:
    """Decode a body and return the text that was decoded, where lone surrogates are replaced.

    Raises UnreadableError for what is no JSON, AnswerError for absurd depth and
    msgspec's ValidationError for another shape.
    """
    try:
        try:
            return decoder.decode(body), body
        except msgspec.ValidationError:
            raise
        except msgspec.DecodeError:
            whole = without_lone_surrogates(body)
            return decoder.decode(whole), whole
    except msgspec.ValidationError:
        raise
    except msgspec.DecodeError as error:
        raise UnreadableError(f"the answer is not JSON: {_words(error)}") from None
    except RecursionError:
        raise AnswerError("the answer is nested too deeply to be believed") from None


def single(body: bytes, *, max_bytes: int = 16 * 1024 * 1024) -> None:
    """Check that a body is one JSON object, without an error in it and without a key given twice.

    Raises UnreadableError where it is no JSON and AnswerError where it is
    another thing.
    """
    if len(body) > max_bytes:
        raise AnswerError(f"the answer is larger than {max_bytes:,} bytes")
    _is_text(body)
    try:
        value = json.loads(body.decode(), object_pairs_hook=_pairs, parse_constant=_no_constant, parse_float=_finite)
    except _TwinError as twin:
        raise AnswerError(f"the answer gives {twin.key!r} twice, which is ambiguous") from None
    except RecursionError:
        raise AnswerError("the answer is nested too deeply to be believed") from None
    except ValueError as error:
        if isinstance(error, json.JSONDecodeError):
            raise UnreadableError(f"the answer is not JSON: {error.msg}") from None
        raise AnswerError(f"the answer holds a number no one could mean: {str(error)[:80]}") from None
    if not isinstance(value, dict):
        raise AnswerError(f"the answer is {kind(body)}, not an object")
    if "error" in value:
        raise AnswerError("the answer holds an error although its status says success")


def whole_number(body: bytes) -> int:
    """Return the number a `$count` answers as plain text, with or without a byte order mark."""
    try:
        text = body.decode("utf-8-sig").strip()
    except UnicodeDecodeError:
        text = ""
    if not (text.isascii() and text.isdigit() and len(text) <= 12):
        raise UnreadableError(f"the count is not a number: {body[:40]!r}")
    return int(text)


_KINDS = {b'"': "text", b"{": "an object", b"[": "a list", b"t": "true or false", b"f": "true or false", b"n": "null"}


def kind(raw: bytes) -> str:
    """Say in words what a JSON text is."""
    first = raw[:64].lstrip()[:1]
    return _KINDS.get(first) or ("a number" if first.isdigit() or first == b"-" else "no JSON")


_ESCAPES = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|u([dD][89a-fA-F][0-9a-fA-F]{2})|.)", re.DOTALL
)


def without_lone_surrogates(body: bytes) -> bytes:
    """Return the text with each lone surrogate replaced by U+FFFD, at the same length."""
    return _ESCAPES.sub(lambda m: rb"\ufffd" if m[1] else m[0], body)


def _is_text(body: bytes) -> None:
    start = body[:256].lstrip()[:1]
    if not start and not body.strip():
        raise UnreadableError("the answer is empty")
    if start == b"<":
        raise AnswerError("the answer is a web page, not Graph: something between posture and Graph answered")
    if not body.isascii():
        try:
            body.decode()
        except UnicodeDecodeError:
            raise UnreadableError("the answer is not UTF-8") from None


def _words(error: msgspec.DecodeError) -> str:
    text = str(error)
    return "it ends too early" if text == TRUNCATED else text.removeprefix("JSON is malformed: ")


def _no_page(body: bytes) -> AnswerError:
    """Return the error that says in plain words why JSON of this shape is no page."""
    try:
        parts = _parts.decode(body)
    except msgspec.ValidationError:
        return AnswerError(f"the answer is {kind(body)}, not a page of a list")
    except msgspec.DecodeError as error:
        return UnreadableError(f"the answer is not JSON: {_words(error)}")
    except RecursionError:
        return AnswerError("the answer is nested too deeply to be believed")
    if "error" in parts:
        return AnswerError("the answer holds an error although its status says success")
    if "value" not in parts:
        return AnswerError("the answer holds no list: value is missing")
    return AnswerError(f"the answer holds no list: value is {kind(bytes(parts['value']))}")


def _no_twins(body: bytes, rows: list[bytes]) -> None:
    """Refuse a frame that gives one key twice: parsers keep the last and lose the other silently.

    The usual page has no blanks between its rows. Then all rows are one known
    stretch, and only the short rest is looked at.
    """
    if rows:
        stretch = b",".join(rows)
        start = body.find(rows[0])
        if body.startswith(stretch, start) and _keys_are_single(body[:start] + body[start + len(stretch) :]):
            return
    value = bytes(_parts.decode(body)["value"])
    if not _keys_are_single(body.replace(value, b"null", 1)):
        raise AnswerError("the answer's frame cannot be read without doubt")


def _keys_are_single(frame: bytes) -> bool:
    """Whether the frame is JSON with each key once; AnswerError where a key comes twice."""
    try:
        json.loads(frame, object_pairs_hook=_pairs)
    except _TwinError as twin:
        raise AnswerError(f"the answer gives {twin.key!r} twice, which is ambiguous") from None
    except (ValueError, RecursionError):
        return False
    return True


def as_sent(body: bytes, decoded_text: bytes, pieces: list[bytes]) -> list[bytes]:
    """Return pieces of the decoded text, in order, as they stand in the body; replacing kept every length."""
    if decoded_text is body:
        return pieces
    found, at = [], 0
    for piece in pieces:
        at = decoded_text.index(piece, at)
        found.append(body[at : at + len(piece)])
        at += len(piece)
    return found


@cache
def _id_decoder(key: str) -> msgspec.json.Decoder[Any]:
    shape = msgspec.defstruct(
        "Identified", [("name", Raw | UnsetType, msgspec.field(name=key, default=UNSET))], gc=False
    )
    return msgspec.json.Decoder(shape)


def _ids(rows: list[bytes], key: str) -> list[str]:
    decode: Callable[[bytes], Any] = _id_decoder(key).decode
    found = []
    for number, row in enumerate(rows, 1):
        if row[:1] != b"{":
            raise AnswerError(f"row {number} of the page is {kind(row)}, not an object")
        name = decode(row).name
        found.append(_text_id(name) if name is not UNSET else "")
    return found


def _text_id(raw: Raw) -> str:
    text = bytes(raw)
    if text[:1] != b'"':
        return ""
    if b"\\" not in text:
        return text[1:-1].decode()
    value = msgspec.json.decode(text, type=str)
    return "" if "\ufffd" in value else value


def _count(raw: Raw | UnsetType) -> int | None:
    if isinstance(raw, UnsetType):
        return None
    value = _plain(raw)
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise AnswerError("@odata.count is not a number")
    return value


def _plain(raw: Raw) -> object:
    try:
        return json.loads(bytes(raw))
    except (ValueError, RecursionError):
        raise AnswerError("the page's frame holds something unreadable") from None


class _TwinError(ValueError):
    def __init__(self, key: str) -> None:
        super().__init__(key)
        self.key = key[:60]


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise _TwinError(key)
            seen.add(key)
    return found


def _no_constant(name: str) -> Any:
    raise ValueError(name)


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(text)
    return value
