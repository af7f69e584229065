"""What the collector lets into the evidence can be read from it again."""

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posture.collect.rows import refuse_unreadable
from posture.errors import AnswerError, EvidenceError
from posture.snapshot.folder import parse

ENDS = ["}", ', "b": 1}', " }", "\t}", "\r}", "]}"]


@given(
    st.sampled_from(["1e400", "1E400", "-9e999", "1e+309", "2.5E+99999", "7e12345", "9" * 5000]),
    st.sampled_from(ENDS),
)
def test_numbers_beyond_meaning_are_found_whatever_ends_them(number: str, end: str) -> None:
    opening = "[1," if end.startswith("]") else ""
    row = f'{{"a": {opening}{number}{end}'.encode()
    with pytest.raises(AnswerError):
        refuse_unreadable([b'{"id":"1"}', row], "/users")


@given(st.sampled_from(["\\ud800", "\\uDBFF", "\\uD83D x", "\\udc00"]))
def test_half_a_surrogate_pair_is_let_through_only_where_the_evidence_reads_it(half: str) -> None:
    row = f'{{"id":"1","displayName":"{half}"}}'.encode()
    with suppress(AnswerError):
        refuse_unreadable([row], "/users")
        parse(row, "a row")


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
        max_leaves=12,
    )
)
def test_whatever_is_let_through_can_be_read(value: object) -> None:
    row = json.dumps({"id": "1", "a": value}).encode()
    try:
        refuse_unreadable([row], "/users")
    except AnswerError:
        return
    if b"NaN" in row or b"Infinity" in row:
        return  # cut into rows by a reader that has refused these
    try:
        parse(row, "a row")
    except EvidenceError as error:
        pytest.fail(f"{row!r} was let through: {error}")
