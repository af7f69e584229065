"""Raw rows as they come off a page: which can be read again, which belong to the answer, which may go on."""

from collections.abc import Callable, Iterable, Sequence

import orjson

from posture.errors import AnswerError, EvidenceError
from posture.snapshot.folder import LINE_LIMIT, parse

EXPAND_CAP = 20
"""Items Graph expands at most. Source: https://learn.microsoft.com/graph/query-parameters#expand"""
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


def is_capped(line: bytes, whole: str) -> bool:
    """Return whether the expanded property of a row may go on where Graph stopped; true where nobody can tell."""
    if line.count(b'"id"') < EXPAND_CAP:
        return False
    try:
        row = parse(line, "a row")  # one odd letter in a name must not make twenty items look like all of them
    except EvidenceError:
        return True
    found = row.get(whole) if isinstance(row, dict) else None
    return isinstance(found, list) and len(found) >= EXPAND_CAP


def with_related(row_id: str, prop: str, items: Iterable[bytes]) -> bytes:
    """Return the row Graph would give for an object whose related ones it expands."""
    return b'{"id":%b,"%b":[%b]}' % (orjson.dumps(row_id), prop.encode(), b",".join(items))


def row_id(line: bytes) -> str:
    """Return the id of a raw row, "" for none."""
    try:
        row = orjson.loads(line)
    except orjson.JSONDecodeError:
        return ""
    found = row.get("id") if isinstance(row, dict) else None
    return found if isinstance(found, str) else ""


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
