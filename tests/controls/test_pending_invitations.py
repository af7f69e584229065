"""GUEST-INV-006 and -007: invitations nobody has accepted, and what is attached to them."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from posture.assess.types import Finding
from posture.controls.pending_invitations import invitations_do_not_linger
from posture.controls.registry import Outcome
from posture.settings import Settings, Severity, Thresholds
from posture.snapshot.types import Gap, GapReason
from tests import facts as f

PASS, PARTIAL, FAIL, NOT_ASSESSED = Outcome.PASS, Outcome.PARTIAL, Outcome.FAIL, Outcome.NOT_ASSESSED
RANK = {FAIL: 0, PARTIAL: 1, PASS: 2}


# INV-006

NO_TIME = {"createdDateTime": None, "externalUserStateChangeDateTime": None}
STATELESS = [f.ABSENT, "unknownFutureValue", "InProgress", 7, [], ""]


def lingering(*guests: dict[str, Any], **thresholds: Any) -> Finding:
    return f.judge("GUEST-INV-006", guests=list(guests), settings=Settings(thresholds=Thresholds(**thresholds)))


def old(days: float, *numbers: int) -> list[dict[str, Any]]:
    return [f.pending(n, days) for n in numbers]


@pytest.mark.parametrize(
    ("guests", "outcome"),
    [
        ([], Outcome.NOT_APPLICABLE),
        ([f.guest(1)], PASS),
        ([f.guest(1, externalUserState=None)], PASS),
        (old(30.9, 1), PASS),
        (old(31, 1), PARTIAL),
        (old(90.9, 1), PARTIAL),
        (old(91, 1), FAIL),
        (old(40, 1, 2, 3, 4, 5), PARTIAL),
        (old(40, 1, 2, 3, 4, 5, 6), FAIL),
        (old(-3, 1), PASS),
        ([f.pending(1, **NO_TIME)], NOT_ASSESSED),
        ([f.pending(1, createdDateTime="soon", externalUserStateChangeDateTime="0001-01-01T00:00:00Z")], NOT_ASSESSED),
        ([f.pending(1, **NO_TIME), *old(40, 2)], NOT_ASSESSED),
        ([f.pending(1, **NO_TIME), *old(91, 2)], FAIL),
        *(([f.guest(1, externalUserState=wrong)], NOT_ASSESSED) for wrong in STATELESS),
        *(([f.guest(1, externalUserState=wrong), *old(91, 2)], FAIL) for wrong in STATELESS),
    ],
)
def test_how_long_invitations_wait(guests: list[Any], outcome: Outcome) -> None:
    found = lingering(*guests)
    assert found.outcome is outcome, found.summary
    tally = f.counted("pending_invitations", guests=guests)
    if outcome is not NOT_ASSESSED:
        assert invitations_do_not_linger(tally, Thresholds()).outcome is outcome


def test_the_later_time_counts() -> None:
    renewed = f.pending(1, createdDateTime=f.ago(400), externalUserStateChangeDateTime=f.ago(5))
    odd = f.pending(2, createdDateTime=f.ago(5), externalUserStateChangeDateTime=f.ago(400))
    assert lingering(renewed, odd).outcome is PASS
    ahead = f.pending(1, createdDateTime=f.ago(400), externalUserStateChangeDateTime=f.ago(-400))
    assert lingering(ahead).outcome is NOT_ASSESSED, "a time that lies ahead is no age"
    one_time = f.pending(1, createdDateTime=f.ago(400), externalUserStateChangeDateTime=None)
    assert lingering(one_time).outcome is FAIL


def test_thresholds_are_read() -> None:
    assert lingering(*old(10, 1), pending_days=5, pending_fail_days=20).outcome is PARTIAL
    assert lingering(*old(25, 1), pending_days=5, pending_fail_days=20).outcome is FAIL
    assert lingering(*old(10, 1, 2), pending_days=5, pending_tolerance_count=1).outcome is FAIL


def test_what_is_shown() -> None:
    found = lingering(f.guest(1), *old(2, 2), *old(50, 3), *old(400, 4))
    seen = {o.property: o.value for o in found.observed}
    assert seen["pending guests"] == 3
    assert (seen["pending over 30 days"], seen["pending over 90 days"], seen["oldest, in days"]) == (2, 1, 400)
    assert seen["pending by age"] == {"over 90 days": 1, "up to 30 days": 1, "up to 90 days": 1}
    assert [(r["id"], r["days"]) for r in found.affected.sample] == [(f.object_id(3), 50), (f.object_id(4), 400)]
    assert found.severity is Severity.MEDIUM
    assert "400" in found.summary


def test_a_guest_cannot_write_the_reason() -> None:
    found = lingering(f.pending(1, 100, displayName="<script>\u202e=1+1"))
    assert found.affected.sample[0]["displayName"] == "<script>\u202e=1+1"
    assert "script" not in found.affected.sample[0]["why"] + found.summary


def test_refused() -> None:
    found = f.judge("GUEST-INV-006", f.gap("guests", GapReason.INCOMPLETE))
    assert (found.outcome, found.gap.reason) == (NOT_ASSESSED, GapReason.INCOMPLETE)  # type: ignore[union-attr]


AGES = st.lists(st.integers(0, 200), min_size=1, max_size=8)


@settings(max_examples=60)
@given(AGES, st.integers(0, 7), st.integers(0, 200))
def test_a_younger_or_deleted_invitation_is_never_worse(ages: list[int], which: int, days: int) -> None:
    def rank(found: list[int]) -> int:
        return RANK[lingering(f.guest(99), *(f.pending(n, age) for n, age in enumerate(found))).outcome]

    which %= len(ages)
    assert rank(ages[:which] + ages[which + 1 :]) >= rank(ages)
    assert rank([min(age, days) if n == which else age for n, age in enumerate(ages)]) >= rank(ages)


# INV-007


def member_of(number: int, *entries: tuple[str, int], key: str = "transitiveMemberOf") -> dict[str, Any]:
    kinds = {"group": 1, "directoryRole": 2, "administrativeUnit": 3}
    return {
        "id": f.object_id(number),
        key: [{"@odata.type": f"#microsoft.graph.{kind}", "id": f.object_id(n, kinds[kind])} for kind, n in entries],
    }


ADMIN = {"id": "a", "principalId": f.object_id(90, 5), "roleDefinitionId": "r"}
READ: dict[str, Any] = {
    "guests": [f.pending(1, 5), f.guest(2)],
    "guest_memberships": [member_of(1), member_of(2, ("group", 7))],
    "groups": [f.group(7), f.group(8, isAssignableToRole=True)],
    "role_assignments": [ADMIN],
    "role_eligibilities": [],
    "guest_owned_objects": [{"id": f.object_id(n), "ownedObjects": []} for n in (1, 2)],
    "guest_app_roles": [{"id": f.object_id(n), "appRoleAssignments": []} for n in (1, 2)],
}
IN_GROUP = [member_of(1, ("group", 7))]
APP = [{"id": f.object_id(1), "appRoleAssignments": [{"id": "x", "resourceId": "r"}]}]
LONG = [f.pending(1, 31)]


def attached(**changes: Any) -> Finding:
    return f.judge("GUEST-INV-007", **{**READ, **changes})


def test_a_membership_of_an_unknown_kind_may_be_access() -> None:
    strange = {**member_of(1), "transitiveMemberOf": [{"@odata.type": "#microsoft.graph.circle", "id": "c"}]}
    assert attached(guest_memberships=[strange, member_of(2)]).outcome is NOT_ASSESSED


def test_a_group_that_hides_its_members_may_hold_a_pending_guest() -> None:
    hidden = [f.group(7, visibility="HiddenMembership")]
    assert attached(groups=hidden).outcome is PASS, "a guest's own list names it, so it is told"
    unseen = attached(groups=hidden, guest_memberships=[member_of(1), member_of(2)])
    assert unseen.outcome is NOT_ASSESSED
    assert "1 group hides its members" in unseen.summary
    nobody = attached(groups=hidden, guest_memberships=[member_of(1), member_of(2)], guests=[f.guest(1), f.guest(2)])
    assert nobody.outcome is PASS, "nobody is pending"


@pytest.mark.parametrize(
    ("changes", "outcome"),
    [
        ({"guests": []}, Outcome.NOT_APPLICABLE),
        ({"guests": [f.guest(2)]}, PASS),
        ({}, PASS),
        ({"guest_memberships": [member_of(1, ("administrativeUnit", 1))]}, PASS),
        ({"guest_memberships": [member_of(1, key="memberOf")]}, PASS),
        ({"guests": LONG}, PASS),
        # given with the invitation
        ({"guest_memberships": IN_GROUP}, PARTIAL),
        ({"guest_app_roles": APP}, PARTIAL),
        ({"guest_memberships": IN_GROUP, "guests": [f.pending(1, 30.5)]}, PARTIAL),
        # long ago
        ({"guest_memberships": IN_GROUP, "guests": LONG}, FAIL),
        ({"guest_memberships": [member_of(1, ("group", 7), key="memberOf")], "guests": LONG}, FAIL),
        ({"guest_app_roles": APP, "guests": LONG}, FAIL),
        # power
        ({"guest_memberships": [member_of(1, ("directoryRole", 1))]}, FAIL),
        ({"guest_memberships": [member_of(1, ("group", 8))]}, FAIL),
        ({"role_assignments": [ADMIN, {"id": "b", "principalId": f.object_id(1).upper()}]}, FAIL),
        ({"role_eligibilities": [{"id": "b", "principalId": f.object_id(1)}]}, FAIL),
        (
            {
                "role_assignments": [ADMIN, {"id": "b", "principalId": f.object_id(7, 1)}],
                "guest_memberships": IN_GROUP,
            },
            FAIL,
        ),
        (
            {
                "guest_owned_objects": [
                    {"id": f.object_id(1), "ownedObjects": [{"@odata.type": "#microsoft.graph.group", "id": "g"}]}
                ]
            },
            FAIL,
        ),
        # what is not known
        ({"guest_memberships": []}, NOT_ASSESSED),
        ({"guest_memberships": [{"id": f.object_id(1), "transitiveMemberOf": None}]}, NOT_ASSESSED),
        ({"guest_memberships": [{"id": f.object_id(1), "transitiveMemberOf": [{"id": "x"}]}]}, NOT_ASSESSED),
        (
            {
                "guest_memberships": [
                    {"id": f.object_id(1), "transitiveMemberOf": [], "transitiveMemberOf@odata.nextLink": "more"}
                ]
            },
            NOT_ASSESSED,
        ),
        ({"guest_owned_objects": []}, NOT_ASSESSED),
        ({"guest_app_roles": [{"id": f.object_id(1)}]}, NOT_ASSESSED),
        ({"role_assignments": []}, NOT_ASSESSED),
        ({"role_assignments": None}, NOT_ASSESSED),
        ({"groups": [None]}, NOT_ASSESSED),
        ({"guests": [f.pending(1, **NO_TIME)], "guest_memberships": IN_GROUP}, NOT_ASSESSED),
        ({"guests": [f.guest(1, externalUserState="other")]}, NOT_ASSESSED),
        # a fail that is proven stands
        ({"guest_memberships": IN_GROUP, "guests": LONG, "guest_app_roles": []}, FAIL),
        (
            {
                "guest_memberships": [{"id": f.object_id(1), "transitiveMemberOf": [{"id": "x"}]}],
                "guest_app_roles": APP,
                "guests": LONG,
            },
            FAIL,
        ),
    ],
)
def test_what_waits_for_acceptance(changes: dict[str, Any], outcome: Outcome) -> None:
    found = attached(**changes)
    assert found.outcome is outcome, found.summary


OPTIONAL = ["groups", "role_assignments", "role_eligibilities", "guest_owned_objects", "guest_app_roles"]


@pytest.mark.parametrize("name", [n for n in READ if n != "role_eligibilities"])
def test_only_eligible_roles_may_be_missing_for_their_licence(name: str) -> None:
    assert attached(**{name: f.gap(name, GapReason.LICENCE)}).outcome is Outcome.NOT_ASSESSED


@pytest.mark.parametrize("name", [*OPTIONAL, "guest_memberships"])
def test_a_source_that_was_refused(name: str) -> None:
    refused = f.gap(name, permission="Some.Read.All")
    found = attached(**{name: refused})
    assert found.outcome is NOT_ASSESSED
    assert found.gap is not None
    assert "Some.Read.All" in found.gap.unlock
    assert attached(**{name: refused}, guests=[f.guest(2)]).outcome is (
        NOT_ASSESSED if name == "guest_memberships" else PASS
    )
    if name != "guest_memberships":
        assert attached(**{name: refused}, guest_memberships=IN_GROUP, guests=LONG).outcome is FAIL


def test_without_p2_nobody_is_eligible() -> None:
    unlicensed = Gap("role_eligibilities", GapReason.LICENCE, "no licence", licence="Entra ID P2")
    assert attached(role_eligibilities=unlicensed).outcome is PASS


def test_the_people_concerned_and_why() -> None:
    found = attached(guest_memberships=[member_of(1, ("directoryRole", 1), ("group", 7))])
    assert found.severity is Severity.HIGH
    assert found.affected.sample[0]["why"] == "not accepted, and holds a directory role"
    young = attached(guest_memberships=IN_GROUP)
    assert young.affected.sample[0]["why"] == "pending for 5 days, and in 1 group"
    seen = {o.property: o.value for o in young.observed}
    assert seen["pending up to 30 days with access"] == 1


HELD = st.sets(st.sampled_from(["group", "assignable", "role", "app", "owned"]))


@settings(max_examples=60)
@given(HELD, HELD, st.integers(0, 60), st.integers(0, 60))
def test_taking_access_away_is_never_worse(held: set[str], taken: set[str], days: int, more: int) -> None:
    def rank(has: set[str], age: int) -> int:
        entries = [("group", 7)] * ("group" in has) + [("group", 8)] * ("assignable" in has)
        entries += [("directoryRole", 1)] * ("role" in has)
        found = attached(
            guests=[f.pending(1, age)],
            guest_memberships=[member_of(1, *entries)],
            guest_app_roles=APP if "app" in has else READ["guest_app_roles"],
            guest_owned_objects=[{"id": f.object_id(1), "ownedObjects": [{"id": "o"}] if "owned" in has else []}],
        )
        return RANK[found.outcome]

    assert rank(held - taken, days) >= rank(held, days)
    assert rank(held, days) >= rank(held, days + more)
