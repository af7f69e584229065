"""Single kinds of events out of the audit log."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posture.errors import UnknownValueError
from posture.snapshot.audits import DISABLED, days_covered, events, targets_since, within
from tests.facts import TAKEN_AT, ago

SINCE = TAKEN_AT.replace(month=10)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


def event(**changes: Any) -> dict[str, Any]:
    found = {
        "activityDisplayName": "disable account",
        "activityDateTime": ago(1),
        "result": "Success",
        "initiatedBy": {"user": {"id": "ADMIN"}, "app": None},
        "targetResources": [{"id": "ONE"}, {"id": None}, "two", {"id": "Three"}],
    }
    return {**found, **changes}


def test_an_event() -> None:
    (found,) = events([event(), event(activityDisplayName="Enable account")], DISABLED)
    assert found.actors == ("admin",)
    assert found.targets == ("one", "three")
    assert found.result == "success"


def test_an_application_is_known_by_two_ids() -> None:
    app = {"app": {"appId": "A", "servicePrincipalId": "S"}, "user": None}
    (found,) = events([event(initiatedBy=app)], DISABLED)
    assert found.actors == ("s", "a")


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({}, {"one", "three"}),
        ({"activityDateTime": ago(60)}, set()),
        ({"activityDateTime": None}, set()),
        ({"result": "failure"}, set()),
        ({"result": None}, set()),
        ({"targetResources": None}, set()),
    ],
)
def test_what_was_done_to_whom(changes: dict[str, Any], found: set[str]) -> None:
    assert targets_since([event(**changes)], DISABLED, SINCE) == found


@pytest.mark.parametrize(
    ("times", "days"),
    [
        ([ago(0)], 1),
        ([ago(1), ago(6.5), ago(3)], 7),
        ([ago(1), ago(40)], 1),  # what lies before the window says nothing about it
        ([ago(1), None, 7, "soon", "", "0001-01-01T00:00:00Z"], 1),
        ([None, "soon"], 0),
        ([], 0),
    ],
)
def test_how_far_back_the_log_goes(times: list[Any], days: int) -> None:
    since = TAKEN_AT - timedelta(days=30)
    assert days_covered([event(activityDateTime=t) for t in times], since, TAKEN_AT) == days


def test_the_window_in_words() -> None:
    assert within(30, 30) == within(30, 29) == "within 30 days"
    assert within(30, 7) == "in the 7 days that the audit log goes back"
    assert within(30, 1) == "in the 1 day that the audit log goes back"


@given(value=JSON)
def test_odd_rows_cost_nothing(value: Any) -> None:
    rows = [event(**{key: value}) for key in ("activityDateTime", "result", "initiatedBy", "targetResources")]
    assert all(e.when is None or e.when.tzinfo for e in events(rows, DISABLED))


@pytest.mark.parametrize("rows", [None, "log", {"value": []}, ["row"], [None], [event(activityDisplayName=None)]])
def test_a_log_that_is_none(rows: Any) -> None:
    with pytest.raises(UnknownValueError):
        list(events(rows, DISABLED))
