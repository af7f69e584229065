"""GUEST-AUT-003 and -004: how long guests stay signed in, and their terms."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from posture.controls.guest_sessions import sign_in_hours
from posture.controls.registry import Outcome
from posture.errors import UnknownValueError
from posture.settings import Settings, Severity, Thresholds
from posture.snapshot.types import GapReason
from tests.facts import (
    ABSENT,
    ALL_GUEST_TYPES,
    P1,
    changed,
    gap,
    group,
    guest,
    guest_block,
    guest_policy,
    judge,
    member,
    members_of,
    object_id,
    outsider,
    sku,
)

ORDER = [Outcome.PASS, Outcome.PARTIAL, Outcome.FAIL]
NEVER = {"isEnabled": True, "mode": "never"}
WITHOUT_DIRECT = ALL_GUEST_TYPES.replace("b2bDirectConnectUser,", "")


def frequency(value: Any = 24, kind: Any = "hours", **changes: Any) -> dict[str, Any]:
    found = {
        "isEnabled": True,
        "type": kind,
        "value": value,
        "authenticationType": "primaryAndSecondaryAuthentication",
        "frequencyInterval": "timeBased",
    }
    return changed(found, changes)


def session(again: Any = ABSENT, browser: Any = NEVER, number: int = 1, **changes: Any) -> dict[str, Any]:
    """Return a policy that limits guests' sessions and asks for nothing else."""
    controls = changed({}, {"signInFrequency": frequency() if again is ABSENT else again, "persistentBrowser": browser})
    changes.setdefault("sessionControls", controls)
    return guest_policy(id=object_id(number, 3), grantControls=None, **changes)


def facts(*policies: dict[str, Any], **changes: Any) -> dict[str, Any]:
    found = {
        "conditional_access_policies": list(policies),
        "guests": [guest(1)],
        "privileged_group_members": [members_of(1, member(1)), members_of(2, outsider(1))],
        "groups": [group(1), group(7)],
        "subscribed_skus": [P1],
    }
    return {**found, **changes}


@pytest.mark.parametrize(
    ("controls", "hours"),
    [
        ({}, None),
        ({"signInFrequency": None}, None),
        ({"signInFrequency": frequency(isEnabled=False)}, None),
        ({"signInFrequency": frequency(12)}, 12),
        ({"signInFrequency": frequency(1, "days")}, 24),
        ({"signInFrequency": frequency(None, None, frequencyInterval="everyTime")}, 0),
        ({"signInFrequency": frequency(4, frequencyInterval=None)}, 4),
    ],
)
def test_hours(controls: dict[str, Any], hours: float | None) -> None:
    assert sign_in_hours(controls) == hours


ODD = [
    frequency(None),
    frequency("24"),
    frequency(True),
    frequency(0),
    frequency(-1),
    frequency(24, "weeks"),
    frequency(24, None),
    frequency(frequencyInterval="unknownFutureValue"),
    frequency(isEnabled=None),
    frequency(isEnabled="true"),
    frequency(isEnabled=ABSENT),
    "daily",
    [],
]


@pytest.mark.parametrize("odd", ODD)
def test_frequencies_that_cannot_be_read(odd: Any) -> None:
    with pytest.raises(UnknownValueError):
        sign_in_hours({"signInFrequency": odd})
    assert judge("GUEST-AUT-003", **facts(session(odd))).outcome is Outcome.NOT_ASSESSED
    assert judge("GUEST-AUT-003", **facts(session(odd), session(number=2))).outcome is Outcome.PASS


class TestSessions:
    """GUEST-AUT-003."""

    def judge(self, *policies: dict[str, Any], **changes: Any) -> Any:
        return judge("GUEST-AUT-003", **facts(*policies, **changes))

    @pytest.mark.parametrize(
        ("policies", "outcome"),
        [
            ([session()], Outcome.PASS),
            ([session(frequency(1, "days"))], Outcome.PASS),
            ([session(frequency(None, None, frequencyInterval="everyTime"))], Outcome.PASS),
            ([session(browser=None), session(None, number=2)], Outcome.PASS),
            ([session(users={"includeGuestsOrExternalUsers": guest_block(WITHOUT_DIRECT)})], Outcome.PASS),
            ([session(frequency(25))], Outcome.PARTIAL),
            ([session(frequency(7, "days"))], Outcome.PARTIAL),
            ([session(browser=None)], Outcome.PARTIAL),
            ([session(browser={"isEnabled": True, "mode": "always"})], Outcome.PARTIAL),
            ([session(browser={"isEnabled": False, "mode": "never"})], Outcome.PARTIAL),
            ([session(browser={"isEnabled": True, "mode": "unknownFutureValue"})], Outcome.PARTIAL),
            ([session(browser="never")], Outcome.PARTIAL),
            ([session(frequency(authenticationType="secondaryAuthentication"))], Outcome.PARTIAL),
            ([session(state="enabledForReportingButNotEnforced")], Outcome.PARTIAL),
            ([session(applications={"includeApplications": ["Office365"]})], Outcome.PARTIAL),
            ([session(users={"includeGuestsOrExternalUsers": guest_block("b2bCollaborationGuest")})], Outcome.PARTIAL),
            ([session(users={"excludeGroups": [object_id(2, 1)]})], Outcome.PARTIAL),
            ([], Outcome.FAIL),
            ([guest_policy()], Outcome.FAIL),
            ([session(frequency(8, "days"))], Outcome.FAIL),
            ([session(frequency(isEnabled=False))], Outcome.FAIL),
            ([session(state="disabled")], Outcome.FAIL),
            ([session(state="unknownFutureValue")], Outcome.NOT_ASSESSED),
            ([session(frequency(authenticationType="unknownFutureValue"))], Outcome.NOT_ASSESSED),
            ([session(frequency(authenticationType=None))], Outcome.PASS),
            ([session(sessionControls="strict")], Outcome.NOT_ASSESSED),
            ([session(users={"excludeGroups": [object_id(7, 1)]})], Outcome.NOT_ASSESSED),
        ],
    )
    def test_each_outcome(self, policies: list[Any], outcome: Outcome) -> None:
        found = self.judge(*policies)
        assert found.outcome is outcome, found.summary

    def test_severities(self) -> None:
        assert self.judge().severity is Severity.MEDIUM
        assert self.judge(session(browser=None)).severity is Severity.LOW

    def test_a_tenant_without_the_licence_does_not_fail(self) -> None:
        found = self.judge(subscribed_skus=[sku("something else")])
        assert found.outcome is Outcome.NOT_ASSESSED
        assert found.gap.reason is GapReason.LICENCE
        for unread in (gap("subscribed_skus"), [sku(capabilityStatus="unknownFutureValue")]):
            told = self.judge(subscribed_skus=unread)
            assert told.outcome is Outcome.NOT_ASSESSED, "nobody fails for what was perhaps not bought"
            assert self.judge(guest_policy(), subscribed_skus=unread).outcome is Outcome.FAIL, "there is a policy"

    def test_the_limits_are_parameters(self) -> None:
        strict = Settings(thresholds=Thresholds(sign_in_frequency_max_hours=12))
        assert self.judge(session(), settings=strict).outcome is Outcome.PARTIAL
        loose = Settings(thresholds=Thresholds(sign_in_frequency_partial_max_hours=720))
        assert self.judge(session(frequency(8, "days")), settings=loose).outcome is Outcome.PARTIAL

    @pytest.mark.parametrize(
        ("policies", "verdicts"),
        [
            ([], ("pass", "fail")),
            ([session()], ("pass", "fail")),
            ([session(frequency(2, "days"))], ("fail", "fail")),
            ([session(), guest_policy(id="other")], ("fail", "fail")),
            ([session(users={"includeGuestsOrExternalUsers": None, "includeUsers": ["All"]})], ("pass", "pass")),
            (
                [session(frequency(7, "days"), users={"includeGuestsOrExternalUsers": None, "includeUsers": ["All"]})],
                ("pass", "pass"),
            ),
            (
                [session(frequency(8, "days"), users={"includeGuestsOrExternalUsers": None, "includeUsers": ["All"]})],
                ("pass", "fail"),
            ),
        ],
    )
    def test_others_on_the_same_policies(self, policies: list[Any], verdicts: tuple[str, str]) -> None:
        """Microsoft's 21824 counts only policies that name kinds of guests; CIS 5.2.2.13 only those for all users."""
        assert tuple(a.verdict for a in self.judge(*policies).authorities) == verdicts

    @given(hours=st.integers(1, 400), more=st.integers(0, 400))
    @settings(max_examples=30, deadline=None)
    def test_a_longer_session_is_never_better(self, hours: int, more: int) -> None:
        before, after = (self.judge(session(frequency(n))).outcome for n in (hours, hours + more))
        assert ORDER.index(after) >= ORDER.index(before)


class TestTerms:
    """GUEST-AUT-004."""

    def judge(self, *policies: dict[str, Any], **changes: Any) -> Any:
        return judge("GUEST-AUT-004", **facts(*policies, **changes))

    def terms(self, **changes: Any) -> dict[str, Any]:
        grant = {"builtInControls": [], "termsOfUse": [object_id(1, 4)], **changes.pop("grant", {})}
        return guest_policy(grant=grant, **changes)

    def test_each_outcome(self) -> None:
        assert self.judge(self.terms()).outcome is Outcome.PASS
        assert self.judge(guest_policy()).outcome is Outcome.FAIL
        assert self.judge().outcome is Outcome.FAIL
        assert self.judge(self.terms(state="disabled")).outcome is Outcome.FAIL

    @pytest.mark.parametrize(
        ("changes", "outcome"),
        [
            ({"grant": {"operator": "AND", "builtInControls": ["mfa"]}}, Outcome.PASS),
            # Whoever never opens it is never asked.
            ({"applications": {"includeApplications": ["Office365"]}}, Outcome.PARTIAL),
            ({"users": {"includeGuestsOrExternalUsers": guest_block(WITHOUT_DIRECT)}}, Outcome.PASS),
            ({"grant": {"builtInControls": ["mfa"]}}, Outcome.PARTIAL),
            ({"grant": {"operator": None, "builtInControls": ["mfa"]}}, Outcome.NOT_ASSESSED),
            ({"state": "enabledForReportingButNotEnforced"}, Outcome.PARTIAL),
            ({"users": {"includeGuestsOrExternalUsers": guest_block("internalGuest")}}, Outcome.PARTIAL),
            ({"users": {"excludeGroups": [object_id(7, 1)]}}, Outcome.NOT_ASSESSED),
            ({"state": "unknownFutureValue"}, Outcome.NOT_ASSESSED),
            ({"grantControls": "terms"}, Outcome.NOT_ASSESSED),
        ],
    )
    def test_how_the_terms_are_asked_for(self, changes: dict[str, Any], outcome: Outcome) -> None:
        assert self.judge(self.terms(**changes)).outcome is outcome

    def test_severities(self) -> None:
        assert self.judge().severity is Severity.LOW
        assert self.judge(self.terms(state="enabledForReportingButNotEnforced")).severity is Severity.INFO

    def test_policies_were_not_read(self) -> None:
        refused = gap("conditional_access_policies", GapReason.LICENCE)
        assert self.judge(conditional_access_policies=refused).gap.reason is GapReason.LICENCE
