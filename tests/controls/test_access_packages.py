"""GUEST-LIF-006: access packages for people from outside."""

import contextlib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from posture.controls.access_packages import days_of, expires_after
from posture.controls.registry import Outcome
from posture.errors import UnknownValueError
from posture.settings import Settings, Severity, Thresholds
from posture.snapshot.types import GapReason
from tests.facts import ABSENT, TAKEN_AT, ago, changed, gap, judge, object_id

ORDER = [Outcome.PASS, Outcome.PARTIAL, Outcome.FAIL]
END_MISSING = {"type": "noExpiration"}


def policy(number: int = 1, **changes: Any) -> dict[str, Any]:
    """Return a policy for named organizations, with approval, for 90 days."""
    return changed(
        {
            "id": object_id(number, 9),
            "displayName": f"Policy {number}",
            "allowedTargetScope": "specificConnectedOrganizationUsers",
            "requestApprovalSettings": {"isApprovalRequiredForAdd": True},
            "expiration": {"type": "afterDuration", "duration": "P90D", "endDateTime": None},
            "reviewSettings": None,
            "accessPackage": {"id": object_id(3, 9), "displayName": "Package"},
        },
        changes,
    )


def lifecycle(action: Any = "blockSignInAndDelete", after: Any = "P30D") -> dict[str, Any]:
    return changed(
        {"id": "singleton"},
        {"externalUserLifecycleAction": action, "durationUntilExternalUserDeletedAfterBlocked": after},
    )


def check(*policies: Any, **facts: Any) -> Any:
    found = {
        "assignment_policies": list(policies),
        "entitlement_settings": lifecycle(),
        "connected_organizations": [],
    }
    return judge("GUEST-LIF-006", **{**found, **facts})


@pytest.mark.parametrize(
    ("text", "days"),
    [
        ("P30D", 30),
        ("P4D", 4),
        ("P1Y", 366),
        ("P6M", 186),
        ("P2W", 14),
        ("P1Y2M3W4D", 366 + 62 + 21 + 4),
        ("PT8H", 1),
        ("P1DT12H30M0.5S", 2),
    ],
)
def test_durations(text: str, days: int) -> None:
    assert days_of(text) == days


@pytest.mark.parametrize("text", ["", "P", "PT", "30D", "P-3D", "P30", "forever", "P1D ", "p30d", "P9999999999D"])
def test_no_durations(text: str) -> None:
    with pytest.raises(UnknownValueError):
        days_of(text)


@given(st.text(max_size=20))
def test_any_text_is_a_duration_or_refused(text: str) -> None:
    with contextlib.suppress(UnknownValueError):
        assert days_of(text) >= 0


def test_an_end_date_is_days_from_the_runs_own_clock() -> None:
    found = policy(expiration={"type": "afterDateTime", "endDateTime": ago(-400)})
    assert expires_after(found, TAKEN_AT) == 400
    assert expires_after(policy(expiration={"type": "afterDateTime", "endDateTime": ago(3)}), TAKEN_AT) == 0


@pytest.mark.parametrize(
    ("found", "outcome", "words"),
    [
        (policy(), Outcome.PASS, "ask for approval"),
        (policy(expiration=END_MISSING, reviewSettings={"isEnabled": True}), Outcome.PASS, ""),
        (policy(expiration={"type": "afterDuration", "duration": "P365D"}), Outcome.PASS, ""),
        (policy(allowedTargetScope="allConfiguredConnectedOrganizationUsers"), Outcome.PASS, ""),
        (policy(allowedTargetScope="allMemberUsers"), Outcome.PASS, "No access package is open"),
        (policy(allowedTargetScope="allDirectoryUsers", expiration=None), Outcome.PASS, "No access package is open"),
        (policy(allowedTargetScope="allExternalUsers"), Outcome.PARTIAL, "Anybody from outside may ask"),
        (policy(expiration={"type": "afterDuration", "duration": "P366D"}), Outcome.PARTIAL, "366 days"),
        (policy(expiration={"type": "afterDateTime", "endDateTime": ago(-400)}), Outcome.PARTIAL, "400 days"),
        (policy(requestApprovalSettings={"isApprovalRequiredForAdd": False}), Outcome.FAIL, "Nobody approves"),
        (policy(expiration=END_MISSING), Outcome.FAIL, "neither ends nor is reviewed"),
        (policy(expiration=END_MISSING, reviewSettings={"isEnabled": False}), Outcome.FAIL, ""),
    ],
)
def test_each_policy(found: dict[str, Any], outcome: Outcome, words: str) -> None:
    finding = check(found)
    assert finding.outcome is outcome, finding.summary
    assert words in finding.summary
    affected = outcome is not Outcome.PASS
    assert finding.affected.count == affected
    assert check(policy(2), found).affected.count == affected


@pytest.mark.parametrize(
    ("settings", "outcome"),
    [
        (lifecycle(), Outcome.PASS),
        (lifecycle(after="P4D"), Outcome.PASS),
        (lifecycle(after="P31D"), Outcome.PARTIAL),
        (lifecycle("blockSignIn", None), Outcome.PARTIAL),
        (lifecycle("none", None), Outcome.FAIL),
        (lifecycle("unknownFutureValue"), Outcome.NOT_ASSESSED),
        (lifecycle(None), Outcome.NOT_ASSESSED),
        (lifecycle(ABSENT), Outcome.NOT_ASSESSED),
        (lifecycle(7), Outcome.NOT_ASSESSED),
        (lifecycle(after=None), Outcome.NOT_ASSESSED),
        (lifecycle(after="soon"), Outcome.NOT_ASSESSED),
        ({}, Outcome.NOT_ASSESSED),
    ],
)
def test_what_happens_to_guests_who_leave(settings: dict[str, Any], outcome: Outcome) -> None:
    assert check(policy(), entitlement_settings=settings).outcome is outcome
    inside = policy(allowedTargetScope="allMemberUsers")
    assert check(inside, entitlement_settings=settings).outcome is Outcome.PASS, "nobody from outside comes this way"
    open_door = policy(requestApprovalSettings={"isApprovalRequiredForAdd": False})
    assert check(open_door, entitlement_settings=settings).outcome is Outcome.FAIL, "a fail stands"


@pytest.mark.parametrize(
    "odd",
    [
        policy(allowedTargetScope="unknownFutureValue"),
        policy(allowedTargetScope=None),
        policy(allowedTargetScope=ABSENT),
        policy(requestApprovalSettings=None),
        policy(requestApprovalSettings=ABSENT),
        policy(requestApprovalSettings={"isApprovalRequiredForAdd": "true"}),
        policy(requestApprovalSettings={}),
        policy(expiration=None),
        policy(expiration=ABSENT),
        policy(expiration={"type": "notSpecified"}),
        policy(expiration={"type": "unknownFutureValue"}),
        policy(expiration={"type": "afterDuration", "duration": None}),
        policy(expiration={"type": "afterDateTime", "endDateTime": "soon"}),
        policy(expiration=END_MISSING, reviewSettings=ABSENT),
        policy(expiration=END_MISSING, reviewSettings={"isEnabled": "yes"}),
        policy(expiration=END_MISSING, reviewSettings=[]),
    ],
)
def test_what_cannot_be_read_is_not_judged(odd: dict[str, Any]) -> None:
    assert check(odd).outcome is Outcome.NOT_ASSESSED
    bad = policy(2, requestApprovalSettings={"isApprovalRequiredForAdd": False})
    assert check(odd, bad).outcome is Outcome.FAIL, "a fail stands"


def test_a_wrong_half_is_proven_though_the_other_cannot_be_read() -> None:
    found = policy(requestApprovalSettings={"isApprovalRequiredForAdd": False}, expiration=None)
    assert check(found).outcome is Outcome.FAIL
    found = policy(requestApprovalSettings=None, expiration=END_MISSING)
    assert check(found).outcome is Outcome.FAIL


def test_guests_may_ask_where_everybody_in_the_directory_may() -> None:
    found = check(policy(allowedTargetScope="allDirectoryUsers"), policy(2, allowedTargetScope="allMemberUsers"))
    assert found.notes == ("Policies for everybody in the directory (1) let guests ask too.",)
    assert check(policy(allowedTargetScope="allMemberUsers")).notes == ()


def test_severities() -> None:
    assert check(policy(expiration=END_MISSING)).severity is Severity.HIGH
    assert check(policy(allowedTargetScope="allExternalUsers")).severity is Severity.LOW


def test_no_policy_at_all() -> None:
    assert check().outcome is Outcome.NOT_APPLICABLE


def test_without_the_licence() -> None:
    refused = gap("assignment_policies", GapReason.LICENCE, licence="Entra ID P2 or ID Governance")
    assert check(assignment_policies=refused).gap.reason is GapReason.LICENCE
    assert check(policy(), entitlement_settings=gap("entitlement_settings")).outcome is Outcome.NOT_ASSESSED


def test_organizations_that_came_about_by_themselves_are_noted() -> None:
    proposed = [{"id": "1", "state": "proposed"}, {"id": "2", "state": "configured"}]
    assert check(policy(), connected_organizations=proposed).notes[0].startswith("1 connected organization ")
    assert "not read" in check(policy(), connected_organizations=gap("connected_organizations")).notes[0]


@pytest.mark.parametrize(
    ("found", "verdicts"),
    [
        (policy(), {"21875": "pass", "21878": "pass", "21929": "pass"}),
        (policy(allowedTargetScope="allExternalUsers"), {"21875": "fail", "21878": "pass", "21929": "pass"}),
        (
            policy(allowedTargetScope="allConfiguredConnectedOrganizationUsers"),
            {"21875": "", "21878": "pass", "21929": "pass"},
        ),
        (policy(expiration=END_MISSING), {"21875": "pass", "21878": "fail", "21929": ""}),
        (
            policy(expiration=END_MISSING, reviewSettings={"isEnabled": True}),
            {"21875": "pass", "21878": "fail", "21929": "pass"},
        ),
        (
            policy(allowedTargetScope="allMemberUsers", expiration=END_MISSING),
            {"21875": "pass", "21878": "fail", "21929": "pass"},
        ),
    ],
)
def test_microsofts_tests_on_the_same_policy(found: dict[str, Any], verdicts: dict[str, str]) -> None:
    assert {a.item[:5]: a.verdict for a in check(found).authorities} == verdicts


def test_the_limits_are_parameters() -> None:
    strict = Settings(thresholds=Thresholds(max_assignment_days=80))
    assert check(policy(), settings=strict).outcome is Outcome.PARTIAL
    strict = Settings(thresholds=Thresholds(max_delete_after_days=20))
    assert check(policy(), settings=strict).outcome is Outcome.PARTIAL


@given(days=st.integers(0, 800), more=st.integers(0, 800))
@settings(max_examples=40, deadline=None)
def test_longer_access_is_never_better(days: int, more: int) -> None:
    before, after = (
        check(policy(expiration={"type": "afterDuration", "duration": f"P{n}D"})).outcome for n in (days, days + more)
    )
    assert ORDER.index(after) >= ORDER.index(before)
