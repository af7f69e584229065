"""Streams are sorted and whole whatever they are held in."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from posture.hunts.events import AuditEvent
from posture.hunts.normal import audit_event
from posture.hunts.sorting import Sorted
from posture.hunts.when import micros
from tests.hunts import rows as r

START = datetime(2026, 1, 1, tzinfo=UTC)


def event(number: int, minutes: int | None) -> AuditEvent:
    when = None if minutes is None else (START + timedelta(minutes=minutes)).isoformat()
    return audit_event({**r.audit("Add user"), "activityDateTime": when, "id": f"e{number}"}, f"x:{number}")


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.sampled_from("abcß"), st.none() | st.integers(0, 50)), max_size=40), st.integers(1, 50))
def test_sorted_by_group_and_time(tmp_path: Path, given_rows: list[tuple[str, int | None]], hold: int) -> None:
    stream = Sorted(AuditEvent, tmp_path, "t", hold)
    for number, (group, minutes) in enumerate(given_rows):
        stream.add(group, event(number, minutes))
    stream.close()
    seen = [(group, e.at, e.id) for group, events in stream.groups() for e in events]
    assert seen == sorted(seen, key=lambda s: (s[0], micros(s[1]), s[2]))
    assert len(seen) == len(stream) == len(given_rows)
    assert [e.id for e in stream] == [s[2] for s in seen] == [e.id for e in stream]


def test_doubles_count_once_and_other_records_of_the_same_id_stay(tmp_path: Path) -> None:
    stream = Sorted(AuditEvent, tmp_path, "t", 2)
    first = event(1, 5)
    other = audit_event({**r.invite(to="else@x.example"), "id": "e1", "activityDateTime": first.at.isoformat()}, "y:1")  # type: ignore[union-attr]
    for one in (first, first, other, event(1, 50)):
        stream.add("a", one)
    stream.add("b", first)
    stream.close()
    assert (len(stream), stream.duplicates) == (4, 1)
