"""Accepted risks and attestations: by exact id or value, in their time, never hidden."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest

from posture.assess.accepted import Acceptances
from posture.assess.types import AffectedObjects, Finding, Observed
from posture.controls.registry import Outcome
from posture.errors import SettingsError
from posture.report import words
from posture.settings import AcceptedRisk, Attestation, Settings, Severity
from tests.assess.made import finding
from tests.facts import TAKEN_AT, authorization_policy, guest, guest_policy, judge, pending, security_defaults

CODE = "GUEST-INV-001"
TODAY = TAKEN_AT.date()
FAIL, PARTIAL = Outcome.FAIL, Outcome.PARTIAL


def risk(control: str = CODE, **changes: Any) -> AcceptedRisk:
    return AcceptedRisk(
        **{
            "control": control,
            "reason": "needed until the merger is done",
            "owner": "ana@contoso.example",
            "approved": TODAY - timedelta(days=30),
            "until": TODAY + timedelta(days=30),
            **changes,
        }
    )


def failing(*values: Any, count: int = 0, accepted: int = 0, kind: str = "inventory") -> Finding:
    seen = tuple(Observed("v1.0/x", "p", v, None, "") for v in values)
    return finding(FAIL, observed=seen, affected=AffectedObjects(count, accepted=accepted), control={"kind": kind})


def applied(made: Finding, *risks: AcceptedRisk, now: datetime = TAKEN_AT) -> tuple[Finding, tuple[Any, ...]]:
    acceptances = Acceptances(risks, now)
    found = acceptances.apply(made)
    return found, acceptances.unused([found])


def test_a_whole_control() -> None:
    taken = risk()
    found, unused = applied(failing(count=7), taken)
    assert (found.outcome, found.severity) == (FAIL, Severity.HIGH), "the outcome stays"
    assert found.accepted is not None
    assert (found.accepted.risk, found.accepted.covers, found.accepted.count) == (taken, "all", 7)
    assert unused == ()


@pytest.mark.parametrize("outcome", [o for o in Outcome if o not in (FAIL, PARTIAL)])
def test_only_open_findings_are_accepted(outcome: Outcome) -> None:
    found, unused = applied(finding(outcome), risk())
    assert found.accepted is None
    assert unused[0][1] == "its control has no open finding"


def test_another_control_is_not_touched() -> None:
    found, unused = applied(failing(), risk("GUEST-INV-002"))
    assert found.accepted is None
    assert unused[0][1] == "its control has no open finding"


@pytest.mark.parametrize(
    ("approved", "until", "applies", "why"),
    [
        (TODAY, TODAY, True, ""),
        (TODAY - timedelta(days=1), TODAY, True, ""),
        (TODAY - timedelta(days=9), TODAY - timedelta(days=1), False, f"ended on {TODAY - timedelta(days=1)}"),
        (TODAY + timedelta(days=1), TODAY + timedelta(days=9), False, f"starts on {TODAY + timedelta(days=1)}"),
    ],
)
def test_first_and_last_day_count(approved: date, until: date, applies: bool, why: str) -> None:
    found, unused = applied(failing(), risk(approved=approved, until=until))
    assert (found.accepted is not None) is applies
    assert [w for _, w in unused] == ([why] if why else [])


def test_the_day_is_that_of_utc() -> None:
    late = datetime(2026, 6, 30, 23, 30, tzinfo=timezone(timedelta(hours=-2)))
    taken = risk(approved=date(2026, 6, 1), until=date(2026, 6, 30))
    assert late.astimezone(UTC).date() == date(2026, 7, 1)
    assert applied(failing(), taken, now=late)[0].accepted is None


@pytest.mark.parametrize(
    ("seen", "value", "applies"),
    [
        ("everyone", "everyone", True),
        ("everyone", "Everyone", False),
        ("adminsAndGuestInviters", "everyone", False),
        (True, True, True),
        (True, 1, False),
        (0, False, False),
        (5, 5, True),
        (["a"], ["a"], True),
        (None, "None", False),
    ],
)
def test_a_value_must_still_be_there(seen: Any, value: Any, applies: bool) -> None:
    found, unused = applied(failing(seen), risk(value=value))
    assert (found.accepted is not None) is applies
    assert [w for _, w in unused] == ([] if applies else ["matches nothing"])


def test_single_objects() -> None:
    some = risk(guests=("AAAA",), domains=("Fabrikam.example",))
    acceptances = Acceptances([some], TAKEN_AT)
    covers = acceptances.matcher(CODE)
    assert covers is not None
    assert covers("aaaa", None)
    assert covers("b", "fabrikam.EXAMPLE")
    assert not covers("b", "evil-fabrikam.example")
    assert not covers("b", "sub.fabrikam.example")
    assert not covers("", None)
    abroad = Acceptances([risk(domains=("xn--bcher-kva.example",))], TAKEN_AT).matcher(CODE)
    assert abroad is not None
    assert abroad("b", "Bücher.example"), "posture.toml keeps the DNS form, Graph may not"
    part = acceptances.apply(failing(count=3, accepted=2))
    assert part.accepted is not None
    assert (part.accepted.covers, part.accepted.count) == ("some", 2)
    whole = acceptances.apply(failing(count=2, accepted=2))
    assert whole.accepted is not None
    assert whole.accepted.covers == "all"


def test_accepted_objects_are_not_a_whole_setting() -> None:
    """One guest left out by name is accepted; that nothing asks anybody for MFA is not."""
    policy = guest_policy(state="disabled")
    policy["conditions"]["users"]["excludeUsers"] = [guest(1)["id"]]
    report_only = {**policy, "id": "second", "state": "enabledForReportingButNotEnforced"}
    facts = {"conditional_access_policies": [policy, report_only], "security_defaults": security_defaults()}
    more = {"guests": [guest(1), guest(2)], "external_members": [], "groups": [], "privileged_group_members": []}
    found = judge("GUEST-AUT-001", settings=settings(risk("GUEST-AUT-001", guests=(guest(1)["id"],))), **facts, **more)
    assert found.outcome in (FAIL, PARTIAL), found.summary
    assert found.accepted is not None
    assert (found.affected.count, found.accepted.count, found.accepted.covers) == (1, 1, "some")
    assert words.accepted(found) == "1 accepted, the setting is not"
    assert not words.covered(found)


def test_a_risk_for_objects_that_matches_none_is_reported() -> None:
    acceptances = Acceptances([risk(guests=("a",))], TAKEN_AT)
    covers = acceptances.matcher(CODE)
    assert covers is not None
    assert not covers("b", "fabrikam.example")
    found = acceptances.apply(failing(count=1))
    assert found.accepted is None
    assert acceptances.unused([found])[0][1] == "matches nothing"


def test_no_matcher_where_nothing_could_match() -> None:
    assert Acceptances([risk()], TAKEN_AT).matcher(CODE) is None
    assert Acceptances([risk(guests=("a",))], TAKEN_AT).matcher("GUEST-LIF-001") is None


def test_several_risks_for_one_control() -> None:
    idle, first, second = risk(guests=("z",)), risk(guests=("a",)), risk(domains=("fabrikam.example",))
    acceptances = Acceptances([idle, first, second], TAKEN_AT)
    covers = acceptances.matcher(CODE)
    assert covers is not None
    assert all([covers("a", None), covers("b", "fabrikam.example"), covers("c", "fabrikam.example")])
    found = acceptances.apply(failing(count=4, accepted=3))
    assert found.accepted is not None
    assert (found.accepted.risk, found.accepted.also) == (second, (first,)), "the one that covers most comes first"
    assert found.accepted.risks == ((second, 2), (first, 1)), "each with its own count"
    assert [r for r, _ in acceptances.unused([found])] == [idle]


def test_a_risk_for_the_whole_control_goes_before_one_for_a_guest() -> None:
    some, whole = risk(guests=("a",)), risk()
    acceptances = Acceptances([some, whole], TAKEN_AT)
    covers = acceptances.matcher(CODE)
    assert covers is not None
    assert covers("a", None)
    found = acceptances.apply(failing(count=4, accepted=1))
    assert found.accepted is not None
    assert (found.accepted.risk, found.accepted.covers, found.accepted.also) == (whole, "all", (some,))
    assert found.accepted.risks == ((whole, 4), (some, 1))


@pytest.mark.parametrize(
    ("outcome", "kind", "why"),
    [
        (FAIL, "planned", "planned for {} and overdue"),
        (PARTIAL, "planned", "planned for {} and overdue"),
        (Outcome.PASS, "planned", "ended on {}"),
        (FAIL, "accepted", "ended on {}"),
    ],
)
def test_a_plan_that_was_not_kept_is_overdue(outcome: Outcome, kind: str, why: str) -> None:
    end = TODAY - timedelta(days=1)
    found, unused = applied(finding(outcome), risk(kind=kind, until=end))
    assert found.accepted is None
    assert [w for _, w in unused] == [why.format(end)]


def test_objects_and_a_value_must_both_hold() -> None:
    both = risk(guests=("a",), value="everyone")
    assert Acceptances([both], TAKEN_AT).matcher(CODE, failing("adminsAndGuestInviters").observed) is None
    acceptances = Acceptances([both], TAKEN_AT)
    covers = acceptances.matcher(CODE, failing("everyone").observed)
    assert covers is not None
    assert covers("a", None)
    assert acceptances.apply(failing("everyone", count=1, accepted=1)).accepted is not None


# Through the evaluator


@pytest.mark.parametrize(
    ("value", "holds"),
    [
        (True, True),
        ({"allowedToCreateApps": True, "allowedToCreateTenants": False}, True),
        ({"defaultUserRolePermissions.allowedToCreateApps": True}, True),
        ({"allowedToCreateApps": False}, False),
        ({"allowedToCreateApps": True, "allowedToCreateTenants": True}, False),
        ({"Apps": True}, False),
        ({"allowedToCreateApps": 1}, False),
        ({}, False),
    ],
)
def test_of_several_settings_each_can_be_named(value: Any, holds: bool) -> None:
    rights = {"allowedToCreateApps": True, "allowedToCreateSecurityGroups": False, "allowedToCreateTenants": False}
    settings = Settings(accepted=(risk("GUEST-PER-003", value=value),))
    facts = {"authorization_policy": authorization_policy(defaultUserRolePermissions=rights), "external_members": []}
    found = judge("GUEST-PER-003", settings=settings, **facts)
    assert found.outcome is PARTIAL
    assert (found.accepted is not None) is holds


def settings(*risks: AcceptedRisk, **more: Any) -> Settings:
    return Settings(accepted=risks, **more)


def test_a_setting_is_accepted_while_it_has_the_value() -> None:
    everyone = authorization_policy(allowInvitesFrom="everyone")
    found = judge(CODE, authorization_policy=everyone, settings=settings(risk(value="everyone")))
    assert (found.outcome, found.accepted is not None) == (FAIL, True)
    members = authorization_policy(allowInvitesFrom="adminsGuestInvitersAndAllMembers")
    found = judge(CODE, authorization_policy=members, settings=settings(risk(value="everyone")))
    assert (found.outcome, found.accepted) == (PARTIAL, None)


def test_a_guest_is_accepted_by_id_and_by_domain_and_never_by_name() -> None:
    old = [pending(1, 100), pending(2, 100, displayName="Ana"), pending(3, 100, mail="x@partner.example")]
    chosen = settings(risk("GUEST-INV-006", guests=(old[0]["id"].upper(),), domains=("partner.example",)))
    found = judge("GUEST-INV-006", guests=old, settings=chosen)
    assert (found.affected.count, found.affected.accepted) == (3, 2)
    assert [row.get("accepted", False) for row in found.affected.sample] == [True, False, True]
    by_name = judge("GUEST-INV-006", guests=old, settings=settings(risk("GUEST-INV-006", guests=("Ana",))))
    assert by_name.accepted is None


def test_risks_of_a_control_that_holds_now_are_told() -> None:
    found = judge("GUEST-INV-006", guests=[guest(1)], settings=settings(risk("GUEST-INV-006")))
    assert found.accepted is None


# Attestations


MANUAL = finding(Outcome.MANUAL, Severity.HIGH, "GUEST-PRV-007")


def attestation(value: str = "pass", **changes: Any) -> Attestation:
    told = {"control": "GUEST-PRV-007", "value": value, "who": "Ben", "when": TODAY, "until": TODAY}
    return Attestation(**{**told, **changes})


@pytest.mark.parametrize(
    ("value", "severity"),
    [
        ("pass", Severity.INFO),
        ("partial", MANUAL.control.partial),
        ("fail", Severity.HIGH),
        ("not-applicable", Severity.INFO),
    ],
)
def test_a_manual_control_takes_what_was_attested(value: str, severity: Severity) -> None:
    found = Acceptances([], TAKEN_AT).attest(MANUAL, [attestation(value, control="guest-prv-007")])
    assert (found.outcome.value, found.severity, found.attested) == (value, severity, True)
    assert "Ben" in found.summary


def test_an_attestation_changes_no_other_finding() -> None:
    for outcome in Outcome:
        if outcome is not Outcome.MANUAL:
            made = finding(outcome, code="GUEST-PRV-007")
            assert Acceptances([], TAKEN_AT).attest(made, [attestation()]) == made


@pytest.mark.parametrize(
    "told",
    [
        attestation(control="GUEST-PRV-006"),
        attestation(when=TODAY + timedelta(days=1), until=TODAY + timedelta(days=9)),
    ],
)
def test_an_attestation_out_of_place_does_nothing(told: Attestation) -> None:
    assert Acceptances([], TAKEN_AT).attest(MANUAL, [told]) == MANUAL


def test_an_attestation_that_ended_is_told() -> None:
    over = attestation(when=TODAY - timedelta(days=9), until=TODAY - timedelta(days=1))
    found = Acceptances([], TAKEN_AT).attest(MANUAL, [over])
    assert found == replace(MANUAL, notes=found.notes)
    assert f"ended on {TODAY - timedelta(days=1)}" in found.notes[0]


def test_the_last_word_counts() -> None:
    earlier = attestation("pass", when=TODAY - timedelta(days=5))
    assert Acceptances([], TAKEN_AT).attest(MANUAL, [earlier, attestation("fail")]).outcome is FAIL
    assert Acceptances([], TAKEN_AT).attest(MANUAL, [attestation("fail"), earlier]).outcome is FAIL


def test_every_attestation_is_told_with_what_became_of_it() -> None:
    counts = attestation(evidence="azure-policy.png")
    earlier = attestation(when=TODAY - timedelta(days=5))
    over = attestation(when=TODAY - timedelta(days=9), until=TODAY - timedelta(days=1))
    later = attestation(when=TODAY + timedelta(days=1), until=TODAY + timedelta(days=9))
    read = attestation(control="GUEST-INV-001")
    given = (counts, earlier, over, later, read)
    acceptances = Acceptances([], TAKEN_AT)
    found = acceptances.attest(MANUAL, given)
    assert any("azure-policy.png" in note for note in found.notes), "the evidence stands with the finding"
    told = dict(acceptances.told(given, [found, finding(PARTIAL, code="GUEST-INV-001")]))
    assert told == {
        counts: "",
        earlier: "another one for this control was given later",
        over: f"ended on {TODAY - timedelta(days=1)}",
        later: f"starts on {TODAY + timedelta(days=1)}",
        read: "posture judged this control by what it read",
    }


@pytest.mark.parametrize("value", ["error", "not-assessed", "manual", "yes", ""])
def test_what_nobody_can_attest_is_refused(value: str) -> None:
    with pytest.raises(SettingsError, match="GUEST-PRV-007"):
        Acceptances([], TAKEN_AT).attest(MANUAL, [attestation(value)])


def test_an_attested_fail_can_be_accepted() -> None:
    chosen = settings(risk("GUEST-PRV-007"), attestations=(attestation("fail"),))
    found = judge("GUEST-PRV-007", guests=[guest(1)], settings=chosen)
    assert (found.outcome, found.attested, found.accepted is not None) == (FAIL, True, True)
