"""Reading one property: absent, null and another type are never a value."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posture.errors import UnknownValueError
from posture.snapshot import values

JUNK = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=True) | st.text() | st.lists(st.integers())


@pytest.mark.parametrize(
    ("read", "kind"), [(values.text, str), (values.flag, bool), (values.block, dict), (values.items, list)]
)
@given(value=JUNK)
def test_only_its_own_type_is_a_value(read, kind, value):
    if isinstance(value, kind):
        assert read({"x": value}, "x") == value
    else:
        with pytest.raises(UnknownValueError):
            read({"x": value}, "x")
    with pytest.raises(UnknownValueError, match="absent"):
        read({}, "x")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("2026-08-01T07:00:00Z", datetime(2026, 8, 1, 7, tzinfo=UTC)),
        ("2026-08-01T07:00:00.1234567Z", datetime(2026, 8, 1, 7, 0, 0, 123456, tzinfo=UTC)),
        ("2026-08-01T07:00:00.5Z", datetime(2026, 8, 1, 7, 0, 0, 500000, tzinfo=UTC)),
        ("2026-08-01T09:00:00+02:00", datetime(2026, 8, 1, 7, tzinfo=UTC)),
        ("2026-08-01T07:00:00", datetime(2026, 8, 1, 7, tzinfo=UTC)),
        ("0001-01-01T00:00:00Z", None),
        ("20260-01-01T00:00:00Z", None),
        ("yesterday, some time", None),
        ("", None),
        (None, None),
        (7, None),
    ],
)
def test_times(text, found):
    assert values.moment(text) == found


@given(JUNK)
def test_no_time_of_any_kind_breaks(value):
    found = values.moment(value)
    assert found is None or found.tzinfo is UTC
