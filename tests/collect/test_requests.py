"""What a run costs: one request per page of each list, and a constant, whatever the tenant."""

import math
from pathlib import Path

import pytest

from posture.collect.partition import extra_requests
from posture.collect.registry import gatherers
from tests.collect.made import made
from tests.collect.world import Told, run

SIZES = {
    "guests": 999,
    "guest_sponsors": 999,
    "guest_memberships": 999,
    "guest_owned_objects": 999,
    "guest_app_roles": 999,
    "guest_sign_in_activity": 500,
}


def _told(root: Path, guests: int, partition_from: int = 20_000) -> Told:
    told = run(made(root / "tenant", guests), root / "evidence", None, partition_from=partition_from)
    assert told.snapshot is not None
    assert len(told.snapshot.facts["guests"].value) == guests
    return told


def _constant(told: Told, guests: int) -> int:
    """Return what was sent beside the pages of the lists of guests."""
    assert told.snapshot is not None
    pages = sum(math.ceil(guests / size) for size in SIZES.values())
    # Its page size is the service's own; its pages stand in the manifest.
    return told.requests["sent"] - pages - told.snapshot.facts["guest_registration_details"].provenance.pages


def test_requests_are_the_pages_and_a_constant(tmp_path: Path) -> None:
    constants = {}
    for guests in (2_000, 9_000):
        told = _told(tmp_path / str(guests), guests)
        assert told.snapshot is not None
        for name, size in SIZES.items():
            assert told.snapshot.facts[name].provenance.pages == math.ceil(guests / size), name
        constants[guests] = _constant(told, guests)
    assert len(set(constants.values())) == 1, constants
    # Counts before and after each list, one page or answer for everything else, questions about 200 domains.
    assert constants[2_000] < 2 * len(gatherers()) + 20


def test_in_parts_the_constant_grows_by_no_more_than_is_said(tmp_path: Path) -> None:
    whole, parts = (_told(tmp_path / str(n), 9_000, partition_from=n) for n in (10**6, 1_000))
    extra = parts.requests["sent"] - whole.requests["sent"]
    lists = sum(size == 999 for size in SIZES.values())
    assert lists < extra <= lists * extra_requests()
    assert parts.value("guests") == whole.value("guests")


@pytest.mark.parametrize("crowded", [0, 0.02])
def test_those_in_many_groups_cost_a_request_for_twenty(tmp_path: Path, crowded: float) -> None:
    told = run(
        made(tmp_path / "tenant", 2_000, crowded=crowded),
        tmp_path / "evidence",
        {"organization", "guest_memberships"},
    )
    assert told.snapshot is not None
    rows = told.snapshot.facts["guest_memberships"].value
    many = sum(len(row["transitiveMemberOf"]) >= 20 for row in rows)
    assert (many > 0) == (crowded > 0)
    assert told.requests["sent"] == 1 + 2 + 3 + math.ceil(many / 20)


def test_no_request_is_about_one_guest(tmp_path: Path) -> None:
    told = _told(tmp_path, 2_000)
    assert not [s.path for s in told.sent if s.path.startswith("/v1.0/users/") and not s.path.endswith("$count")]
