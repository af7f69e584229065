"""A list is all of it or it is a gap: read in parts or whole, while guests come and go."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from posture.collect.partition import Part, bounds
from posture.collect.run import Plan, collect
from posture.graph.reader import open_reader
from posture.settings import Settings
from posture.snapshot.types import GapReason, Snapshot
from tests.collect.living import BEGUN, NOW, Guest, Living, guest
from tests.graph.faulty import FastTime

QUIET = settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
_BOUND = r"createdDateTime (ge|le) (\S+)"


def _read(service: Living, root: Path, partition_from: int = 10) -> Snapshot:
    async def read() -> Snapshot:
        reader = open_reader("http://127.0.0.1", transport=service, timer=FastTime().timer())
        wanted = frozenset({"organization", "guests"})
        plan = Plan(root, lambda: NOW, Settings(), wanted=wanted, partition_from=partition_from)
        try:
            return await collect(reader, plan)
        finally:
            await reader.aclose()

    return asyncio.run(read())


def _ids(snapshot: Snapshot) -> list[str]:
    return [row["id"] for row in snapshot.facts["guests"].value]


def _many(number: int = 60) -> list[Guest]:
    return [guest(n, n * 30.0) for n in range(number)]


days = st.one_of(st.floats(0, 2400), st.sampled_from([0.0, 700.0, 1500.0]))
churn = st.lists(st.tuples(st.integers(0, 40), st.booleans(), st.integers(0, 59), days), max_size=12)


def _changing(changes: list[tuple[int, bool, int, float]], seen: set[str], steady: set[str]):
    """Return what happens before each request: guests are created and deleted. `steady` loses those that go."""

    def change(service: Living, number: int) -> None:
        for when, creates, which, created in changes:
            if when != number:
                continue
            if creates:
                service.guests.append(guest(1000 + len(seen), created))
                seen.add(service.guests[-1].id)
            elif service.guests:
                gone = service.guests.pop(which % len(service.guests))
                steady.discard(gone.id)

    return change


@QUIET
@given(st.lists(days, min_size=12, max_size=60), churn, st.booleans(), st.sampled_from([10, 10**6]))
def test_what_is_accepted_is_whole_by_the_counts_and_what_is_not_says_all_numbers(made, changes, by_place, parts_from):
    guests = [guest(n, d) for n, d in enumerate(made)]
    seen, steady = {g.id for g in guests}, {g.id for g in guests}
    service = Living(guests, by_place=by_place)
    service.before_each = _changing(changes, seen, steady)
    with TemporaryDirectory() as root:
        found = _read(service, Path(root), parts_from)
        if "guests" in found.gaps:
            gap = found.gaps["guests"]
            assert gap.reason is GapReason.INCOMPLETE
            assert gap.detail.count("rows with an id were read; the service counted") == 2
            return
        ids = _ids(found)
        told = found.facts["guests"].provenance
    assert len(set(ids)) == len(ids)
    assert set(ids) <= seen
    low, high = sorted((told.count_before or 0, told.count_after or 0))
    assert low <= len(ids) <= high
    if not by_place:
        # A service that pages by key skips nobody; then whoever was there all the time is in the list.
        assert steady <= set(ids)


@QUIET
@given(st.lists(days, min_size=10, max_size=80))
def test_parts_leave_no_moment_out_and_share_only_their_bounds(made):
    guests = [guest(n, d) for n, d in enumerate(made)]
    parts = _parts(Living(guests), len(guests))
    assert parts[0].where.count("createdDateTime") == 1 or len(parts) == 1
    for one in guests:
        holding = [p for p in parts if _holds(p, one)]
        assert len(holding) >= 1
        if len(holding) > 1:
            assert any(one.text() in p.where for p in holding)


def _parts(service: Living, total: int) -> list[Part]:
    async def cut() -> list[Part]:
        reader = open_reader("http://127.0.0.1", transport=service)
        try:
            return await bounds(reader, "/users", "userType eq 'Guest'", "createdDateTime", total, NOW)
        finally:
            await reader.aclose()

    return asyncio.run(cut())


def _holds(part: Part, one: Guest) -> bool:
    import re

    return all(
        one.created is not None
        and (one.created >= datetime.fromisoformat(t) if how == "ge" else one.created <= datetime.fromisoformat(t))
        for how, t in re.findall(_BOUND, part.where)
    )


def test_a_guest_at_the_very_bound_comes_once(tmp_path: Path) -> None:
    twin = Living(_many())
    edges = sorted({t for p in _parts(twin, 60) for t in p.where.split() if t.startswith("20")})
    service = Living(_many())

    def once_cut(living: Living, number: int) -> None:
        """The parts are settled by as many counts as the twin was asked for, after that of the whole."""
        if len(living.guests) == 60 and sum("$count" in a for a in living.asked) == len(twin.asked) + 1:
            living.guests += [Guest(f"edge-{n}", datetime.fromisoformat(t)) for n, t in enumerate(edges)]

    service.before_each = once_cut
    found = _read(service, tmp_path)
    assert len(_ids(found)) == len(service.guests)
    notes = found.facts["guests"].provenance.notes
    assert any("came twice under one id" in n for n in notes)
    assert any("parts by createdDateTime" in n for n in notes)


def test_parts_are_of_about_equal_size_where_guests_came_in_waves() -> None:
    waves = [guest(n, 1000 + n / 10) for n in range(4000)] + [guest(5000 + n, 2300 + n / 50) for n in range(2000)]
    parts = _parts(Living(waves), len(waves))
    sizes = [sum(_holds(p, g) for g in waves) for p in parts]
    assert len(parts) > 8
    assert max(sizes) < 3 * len(waves) / len(parts)


@pytest.mark.parametrize("dates", ["no", "counted"])
def test_a_service_that_takes_no_dates_is_read_whole(tmp_path: Path, dates: str) -> None:
    service = Living(_many(), dates=dates)
    found = _read(service, tmp_path)
    assert len(_ids(found)) == 60
    notes = " ".join(found.facts["guests"].provenance.notes)
    assert "refused to be asked by createdDateTime" in notes if dates == "no" else "as a whole" in notes


def test_guests_without_a_date_are_found_by_the_second_reading(tmp_path: Path) -> None:
    service = Living([*_many(), guest(900, None), guest(901, None)])
    found = _read(service, tmp_path)
    assert len(_ids(found)) == 62
    notes = found.facts["guests"].provenance.notes
    assert any("60 rows with an id were read; the service counted 62 before and 62 after" in n for n in notes)


@pytest.mark.parametrize("partition_from", [10, 10**6])
@pytest.mark.parametrize("off", [-2, 2])
def test_a_count_that_never_agrees_is_a_gap_with_all_numbers(tmp_path: Path, off: int, partition_from: int) -> None:
    service = Living(_many(), off=off)
    found = _read(service, tmp_path, partition_from)
    gap = found.gaps["guests"]
    assert gap.reason is GapReason.INCOMPLETE
    words = f"60 rows with an id were read; the service counted {60 + off} before and {60 + off} after"
    assert gap.detail.count(words) == 2
    assert gap.file
    assert "guests" not in found.facts


def test_a_guest_created_and_one_deleted_meanwhile_do_not_matter(tmp_path: Path) -> None:
    def change(service: Living, number: int) -> None:
        if number == 20:
            service.guests.append(guest(2000, 2400.0))
            service.guests.pop(3)

    found = _read(Living(_many(), before_each=change), tmp_path)
    assert "guests" in found.facts


def test_the_clock_of_the_service_may_be_ahead(tmp_path: Path) -> None:
    """The last part is open above: a guest created after our now is in it."""
    late = Guest("late", NOW + timedelta(days=2))
    found = _read(Living([*_many(), late, Guest("early", datetime(2009, 1, 1, tzinfo=UTC))]), tmp_path)
    assert {"late", "early"} <= set(_ids(found))
    assert datetime(2020, 1, 1, tzinfo=UTC) == BEGUN
