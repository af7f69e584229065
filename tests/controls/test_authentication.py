"""GUEST-AUT-001, -002 and -005: MFA, legacy protocols, a baseline."""

from typing import Any

import pytest

from posture.controls.registry import Outcome
from posture.settings import Settings, Severity
from posture.snapshot.types import GapReason
from tests.facts import (
    ABSENT,
    ALL_GUEST_TYPES,
    config,
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
    security_defaults,
)

WITHOUT_TECHNICIANS = ALL_GUEST_TYPES.replace(",serviceProvider", "")
OTP = [{"signInType": "federated", "issuer": "mail"}]
STRENGTH = {"builtInControls": [], "authenticationStrength": {"id": "00000000-0000-0000-0000-000000000002"}}
NO_P1 = gap("conditional_access_policies", GapReason.LICENCE, licence="Entra ID P1")


def legacy(number: int = 2, clients: Any = ("exchangeActiveSync", "other"), **changes: Any) -> dict[str, Any]:
    """Return a policy that blocks legacy clients for every kind of guest."""
    grant = changes.pop("grant", {"builtInControls": ["block"]})
    conditions = {"clientAppTypes": list(clients), **changes.pop("conditions", {})}
    return guest_policy(id=object_id(number, 3), grant=grant, conditions=conditions, **changes)


def facts(*policies: dict[str, Any], **changes: Any) -> dict[str, Any]:
    found = {
        "conditional_access_policies": list(policies),
        "security_defaults": security_defaults(),
        "guests": [guest(1), guest(2)],
        "external_members": [guest(5, userType="Member")],
        "privileged_group_members": [members_of(1, member(1)), members_of(2, outsider(1))],
        "groups": [group(1), group(2), group(7)],
        "authentication_strengths": [],
    }
    return {**found, **changes}


class TestMfa:
    """GUEST-AUT-001."""

    def judge(self, *policies: dict[str, Any], settings: Settings | None = None, **changes: Any) -> Any:
        return judge("GUEST-AUT-001", settings=settings, **facts(*policies, **changes))

    @pytest.mark.parametrize(
        ("policy", "outcome"),
        [
            (guest_policy(), Outcome.PASS),
            (guest_policy(users={"includeGuestsOrExternalUsers": guest_block(WITHOUT_TECHNICIANS)}), Outcome.PASS),
            (guest_policy(users={"includeGuestsOrExternalUsers": None, "includeUsers": ["All"]}), Outcome.PASS),
            (
                guest_policy(users={"includeGuestsOrExternalUsers": None, "includeUsers": ["GuestsOrExternalUsers"]}),
                Outcome.PASS,
            ),
            (
                guest_policy(applications={"excludeApplications": ["810DCF14-1858-4bf2-8134-4c369fa3235b"]}),
                Outcome.PASS,
            ),
            (guest_policy(users={"excludeGroups": [object_id(1, 1)]}), Outcome.PASS),
            (guest_policy(users={"excludeUsers": [object_id(9, 5)]}), Outcome.PASS),
            (guest_policy(grant=STRENGTH), Outcome.PASS),
            (guest_policy(grant={"operator": "AND", "builtInControls": ["mfa", "compliantDevice"]}), Outcome.PASS),
            (guest_policy(state="enabledForReportingButNotEnforced"), Outcome.PARTIAL),
            (guest_policy(grant={"builtInControls": ["mfa", "compliantDevice"]}), Outcome.PARTIAL),
            (guest_policy(applications={"includeApplications": ["Office365"]}), Outcome.PARTIAL),
            (guest_policy(applications={"excludeApplications": ["Office365"]}), Outcome.PARTIAL),
            (
                guest_policy(users={"excludeGuestsOrExternalUsers": guest_block("b2bCollaborationGuest")}),
                Outcome.PARTIAL,
            ),
            (
                guest_policy(users={"includeGuestsOrExternalUsers": guest_block("b2bCollaborationGuest")}),
                Outcome.PARTIAL,
            ),
            (guest_policy(users={"includeGuestsOrExternalUsers": guest_block(tenants=["t"])}), Outcome.PARTIAL),
            (guest_policy(users={"excludeGroups": [object_id(2, 1)]}), Outcome.PARTIAL),
            (guest_policy(users={"excludeUsers": [object_id(1)]}), Outcome.PARTIAL),
            (guest_policy(conditions={"signInRiskLevels": ["high"]}), Outcome.PARTIAL),
            (guest_policy(state="disabled"), Outcome.FAIL),
            (guest_policy(grant={"builtInControls": ["compliantDevice"]}), Outcome.FAIL),
            (
                guest_policy(users={"includeGuestsOrExternalUsers": None, "includeUsers": [object_id(9, 5)]}),
                Outcome.FAIL,
            ),
            (guest_policy(state="unknownFutureValue"), Outcome.NOT_ASSESSED),
            (guest_policy(state=None), Outcome.NOT_ASSESSED),
            (guest_policy(grant={"builtInControls": ["unknownFutureValue"]}), Outcome.NOT_ASSESSED),
            (guest_policy(users={"excludeGroups": [object_id(7, 1)]}), Outcome.NOT_ASSESSED),
            (guest_policy(users={"excludeGroups": [object_id(8, 1)]}), Outcome.PASS),  # no such group any more
            (
                guest_policy(users={"includeGuestsOrExternalUsers": guest_block("unknownFutureValue")}),
                Outcome.NOT_ASSESSED,
            ),
        ],
    )
    def test_each_outcome(self, policy: dict[str, Any], outcome: Outcome) -> None:
        found = self.judge(policy)
        assert found.outcome is outcome, found.summary

    def test_severities(self) -> None:
        assert self.judge().severity is Severity.CRITICAL
        assert self.judge(guest_policy(state="enabledForReportingButNotEnforced")).severity is Severity.MEDIUM

    def test_a_strength_does_not_reach_guests_without_an_entra_account(self) -> None:
        coded = {"guests": [guest(1), guest(2, identities=OTP)]}
        assert self.judge(guest_policy(grant=STRENGTH), **coded).outcome is Outcome.PARTIAL
        assert self.judge(guest_policy(grant=STRENGTH), guests=gap("guests")).outcome is Outcome.NOT_ASSESSED

    def test_security_defaults_alone(self) -> None:
        assert self.judge(security_defaults=security_defaults(enabled=True)).outcome is Outcome.PARTIAL
        without = {"conditional_access_policies": NO_P1}
        assert self.judge(security_defaults=security_defaults(enabled=True), **without).outcome is Outcome.PARTIAL
        found = self.judge(**without)
        assert found.outcome is Outcome.NOT_ASSESSED
        assert found.gap.reason is GapReason.LICENCE

    @pytest.mark.parametrize(
        "defaults", [gap("security_defaults"), {}, security_defaults(enabled=None), {"isEnabled": 1}]
    )
    def test_security_defaults_are_unknown(self, defaults: Any) -> None:
        assert self.judge(security_defaults=defaults).outcome is Outcome.NOT_ASSESSED
        assert self.judge(guest_policy(), security_defaults=defaults).outcome is Outcome.PASS

    def test_guests_left_out_by_name_are_listed(self) -> None:
        found = self.judge(guest_policy(users={"excludeUsers": [object_id(1).upper()]}))
        assert found.outcome is Outcome.PARTIAL
        assert [row["id"] for row in found.affected.sample] == [object_id(1)]

    def test_external_members_left_out_by_name(self) -> None:
        by_name = guest_policy(users={"excludeUsers": [object_id(5)]})
        found = self.judge(by_name)
        assert found.outcome is Outcome.PARTIAL, "an external member is one of the kinds of guests"
        assert [row["id"] for row in found.affected.sample] == [object_id(5)]
        refused = self.judge(by_name, external_members=gap("external_members"))
        assert refused.outcome is Outcome.NOT_ASSESSED
        assert self.judge(guest_policy(), external_members=gap("external_members")).outcome is Outcome.PASS

    def test_parameters(self) -> None:
        for number, outcome in ((7, Outcome.PASS), (2, Outcome.PARTIAL)):  # a guest among them is no emergency account
            left_out = guest_policy(users={"excludeGroups": [object_id(number, 1)]})
            chosen = config(break_glass_ids=(object_id(number, 1).upper(),))
            assert self.judge(left_out, settings=chosen).outcome is outcome
        spared = guest_policy(applications={"excludeApplications": ["Office365"]})
        assert self.judge(spared, settings=config(allowed_excluded_app_ids=("office365",))).outcome is Outcome.PASS

    @pytest.mark.parametrize(
        ("policies", "verdicts"),
        [
            ([], ("fail", "fail", "fail")),
            ([guest_policy()], ("fail", "fail", "pass")),
            (
                [guest_policy(users={"includeGuestsOrExternalUsers": None, "includeUsers": ["All"]})],
                ("pass", "pass", "pass"),
            ),
            (
                [
                    guest_policy(
                        users={
                            "includeGuestsOrExternalUsers": None,
                            "includeUsers": ["All"],
                            "excludeGroups": [object_id(1, 1)],
                        }
                    )
                ],
                ("", "", "pass"),
            ),
            (
                [guest_policy(users={"excludeGuestsOrExternalUsers": guest_block("b2bCollaborationGuest")})],
                ("fail", "fail", "fail"),
            ),
            (
                [guest_policy(users={"includeGuestsOrExternalUsers": guest_block(WITHOUT_TECHNICIANS)})],
                ("fail", "fail", "fail"),
            ),
            ([guest_policy(state="enabledForReportingButNotEnforced")], ("fail", "fail", "fail")),
            ([guest_policy(applications={"includeApplications": ["Office365"]})], ("fail", "fail", "fail")),
            (
                [guest_policy(grant={"operator": "AND", "builtInControls": ["mfa", "passwordChange"]})],
                ("fail", "fail", "fail"),
            ),
        ],
    )
    def test_others_on_the_same_policies(self, policies: list[Any], verdicts: tuple[str, ...]) -> None:
        """CIS 5.2.2.2, SCuBA MS.AAD.3.2v2 and Maester MT.1016, in this order."""
        assert tuple(a.verdict for a in self.judge(*policies).authorities) == verdicts


class TestLegacy:
    """GUEST-AUT-002."""

    def judge(self, *policies: dict[str, Any], **changes: Any) -> Any:
        return judge("GUEST-AUT-002", **facts(*policies, **changes))

    @pytest.mark.parametrize(
        ("policies", "outcome"),
        [
            ([legacy()], Outcome.PASS),
            ([legacy(users={"includeGuestsOrExternalUsers": None, "includeUsers": ["All"]})], Outcome.PASS),
            ([legacy(2, ["exchangeActiveSync"]), legacy(3, ["other"])], Outcome.PASS),
            ([legacy(clients=["all"])], Outcome.PASS),
            ([legacy(clients=["exchangeActiveSync"])], Outcome.PARTIAL),
            ([legacy(clients=["other"])], Outcome.PARTIAL),
            ([legacy(state="enabledForReportingButNotEnforced")], Outcome.PARTIAL),
            ([legacy(applications={"includeApplications": ["Office365"]})], Outcome.PARTIAL),
            ([legacy(users={"includeGuestsOrExternalUsers": guest_block("internalGuest")})], Outcome.PARTIAL),
            ([legacy(users={"excludeGroups": [object_id(2, 1)]})], Outcome.PARTIAL),
            ([], Outcome.FAIL),
            ([guest_policy()], Outcome.FAIL),
            ([legacy(state="disabled")], Outcome.FAIL),
            ([legacy(clients=["browser"])], Outcome.FAIL),
            # A block of some countries keeps nobody's old mail client out.
            ([legacy(clients=["all"], conditions={"locations": {"includeLocations": ["x"]}})], Outcome.FAIL),
            ([legacy(grant={"builtInControls": ["unknownFutureValue"]})], Outcome.NOT_ASSESSED),
            ([legacy(clients=["unknownFutureValue"])], Outcome.NOT_ASSESSED),
            ([legacy(users={"excludeGroups": [object_id(7, 1)]})], Outcome.NOT_ASSESSED),
        ],
    )
    def test_each_outcome(self, policies: list[Any], outcome: Outcome) -> None:
        found = self.judge(*policies)
        assert found.outcome is outcome, found.summary

    def test_severities(self) -> None:
        assert self.judge().severity is Severity.MEDIUM
        assert self.judge(legacy(clients=["other"])).severity is Severity.LOW

    def test_security_defaults(self) -> None:
        on = security_defaults(enabled=True)
        assert self.judge(security_defaults=on).outcome is Outcome.PASS
        assert self.judge(security_defaults=on, conditional_access_policies=NO_P1).outcome is Outcome.PASS
        assert self.judge(conditional_access_policies=NO_P1).gap.reason is GapReason.LICENCE
        refused = gap("security_defaults", permission="Policy.Read.All")
        assert self.judge(security_defaults=refused).gap.reason is GapReason.PERMISSION
        assert self.judge(legacy(), security_defaults=refused).outcome is Outcome.PASS

    @pytest.mark.parametrize("enabled", [None, "true", 1, ABSENT])
    def test_security_defaults_of_another_type(self, enabled: Any) -> None:
        defaults = {} if enabled is ABSENT else security_defaults(enabled=enabled)
        assert self.judge(security_defaults=defaults).outcome is Outcome.NOT_ASSESSED

    @pytest.mark.parametrize(
        ("policy", "verdicts"),
        [
            (legacy(), ("fail", "fail", "fail")),
            (
                legacy(users={"includeGuestsOrExternalUsers": None, "includeUsers": ["All"]}),
                ("pass", "pass", "pass"),
            ),
            (
                legacy(
                    users={"includeGuestsOrExternalUsers": None, "includeUsers": ["All"]},
                    applications={"includeApplications": ["Office365"]},
                ),
                ("fail", "fail", "pass"),
            ),
            (
                legacy(clients=["other"], users={"includeGuestsOrExternalUsers": None, "includeUsers": ["All"]}),
                ("fail", "fail", "fail"),
            ),
        ],
    )
    def test_others_on_the_same_policy(self, policy: dict[str, Any], verdicts: tuple[str, ...]) -> None:
        """CIS 5.2.2.3, SCuBA MS.AAD.1.1v1 and Microsoft's 21796, in this order."""
        assert tuple(a.verdict for a in self.judge(policy).authorities) == verdicts


class TestBaseline:
    """GUEST-AUT-005."""

    def judge(self, *policies: dict[str, Any], **changes: Any) -> Any:
        return judge("GUEST-AUT-005", **facts(*policies, **changes))

    @pytest.mark.parametrize(
        ("policies", "defaults", "outcome"),
        [
            ([], True, Outcome.PASS),
            ([guest_policy(), legacy()], False, Outcome.PASS),
            ([guest_policy()], False, Outcome.PARTIAL),
            ([legacy()], False, Outcome.PARTIAL),
            ([legacy(users={"includeGuestsOrExternalUsers": None, "includeGroups": ["x"]})], False, Outcome.PARTIAL),
            ([], False, Outcome.FAIL),
            ([guest_policy(state="enabledForReportingButNotEnforced")], False, Outcome.FAIL),
            ([guest_policy(state="disabled")], False, Outcome.FAIL),
            ([guest_policy(state="unknownFutureValue")], False, Outcome.NOT_ASSESSED),
            ([], None, Outcome.NOT_ASSESSED),
            ([], "false", Outcome.NOT_ASSESSED),
        ],
    )
    def test_each_outcome(self, policies: list[Any], defaults: Any, outcome: Outcome) -> None:
        found = self.judge(*policies, security_defaults=security_defaults(enabled=defaults))
        assert found.outcome is outcome, found.summary

    def test_severities(self) -> None:
        assert self.judge().severity is Severity.HIGH
        assert self.judge(guest_policy()).severity is Severity.LOW

    def test_one_of_the_two_was_not_read(self) -> None:
        refused = gap("security_defaults", permission="Policy.Read.All")
        assert self.judge(guest_policy(), legacy(), security_defaults=refused).outcome is Outcome.PASS
        for policies in ([], [guest_policy()]):
            found = self.judge(*policies, security_defaults=refused)
            assert found.gap.reason is GapReason.PERMISSION
        on = security_defaults(enabled=True)
        assert self.judge(security_defaults=on, conditional_access_policies=NO_P1).outcome is Outcome.PASS
        assert self.judge(conditional_access_policies=NO_P1).gap.reason is GapReason.LICENCE
        assert self.judge(security_defaults=refused, conditional_access_policies=NO_P1).outcome is Outcome.NOT_ASSESSED

    @pytest.mark.parametrize(("enabled", "verdicts"), [(True, ("fail", "pass")), (False, ("pass", "fail"))])
    def test_two_benchmarks_ask_for_the_opposite(self, enabled: bool, verdicts: tuple[str, str]) -> None:
        """CIS Microsoft 365 5.1.1.1 (v4.0.0) and CIS Azure 5.1.1 (v6.0)."""
        found = self.judge(guest_policy(), legacy(), security_defaults=security_defaults(enabled=enabled))
        assert tuple(a.verdict for a in found.authorities) == verdicts
