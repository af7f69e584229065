"""GUEST-PRV: each outcome once, and everything that must not pass for an insider."""

from typing import Any

import pytest

from posture.controls.registry import Outcome
from posture.settings import Settings, Severity
from posture.snapshot.types import GapReason
from tests.facts import (
    ABSENT,
    GLOBAL_ADMINISTRATOR,
    GUEST_INVITER,
    REPORTS_READER,
    ROLE_DEFINITIONS,
    ago,
    application,
    config,
    gap,
    group,
    guest,
    guest_policy,
    in_groups,
    judge,
    member,
    members_of,
    object_id,
    outsider,
    owned_by,
    role_row,
    service_principal,
    verdict,
)

FUTURE = ago(-30)
NO_P2 = {
    "role_eligibilities": gap("role_eligibilities", GapReason.LICENCE, "needs P2"),
    "role_assignment_schedules": gap("role_assignment_schedules", GapReason.LICENCE, "needs P2"),
}


class TestRoles:
    """GUEST-PRV-001."""

    def judge(self, *assignments: dict[str, Any], settings: Settings | None = None, **changes: Any) -> Any:
        facts: dict[str, Any] = {
            "guests": [guest(1)],
            "role_definitions": ROLE_DEFINITIONS,
            "role_assignments": [role_row(member()), *assignments],
            "role_eligibilities": [],
            "role_assignment_schedules": [],
            "privileged_group_members": [],
        }
        return judge("GUEST-PRV-001", settings=settings, **{**facts, **changes})

    def test_only_insiders_hold_roles(self) -> None:
        found = self.judge()
        assert found.outcome is Outcome.PASS
        assert found.observed[0].source == "v1.0/role_assignments"

    @pytest.mark.parametrize(
        ("role", "severity"), [(GLOBAL_ADMINISTRATOR, Severity.CRITICAL), (REPORTS_READER, Severity.HIGH)]
    )
    def test_a_guest_with_a_role_fails(self, role: str, severity: Severity) -> None:
        found = self.judge(role_row(outsider(), role))
        assert (found.outcome, found.severity) == (Outcome.FAIL, severity)
        assert found.affected.count == 1
        assert found.affected.sample[0]["id"] == object_id(1)

    def test_an_external_member_with_a_role_fails(self) -> None:
        found = self.judge(role_row(outsider(userType="Member")))
        assert found.outcome is Outcome.FAIL

    def test_a_guest_without_mark_in_the_name_fails(self) -> None:
        assert self.judge(role_row(member(7, userType="Guest"))).outcome is Outcome.FAIL

    def test_an_eligible_guest_fails(self) -> None:
        found = self.judge(role_eligibilities=[role_row(outsider(), endDateTime=FUTURE)])
        assert found.outcome is Outcome.FAIL

    def test_a_guest_inside_a_group_fails(self) -> None:
        holder = {"@odata.type": "#microsoft.graph.group", "id": object_id(1, 1), "displayName": "Admins"}
        found = self.judge(role_row(holder), privileged_group_members=[members_of(1, member(), outsider())])
        assert found.outcome is Outcome.FAIL
        assert "through a group" in found.affected.sample[0]["why"]

    def test_a_nested_group_stands_beside_its_members(self) -> None:
        holder = {"@odata.type": "#microsoft.graph.group", "id": object_id(1, 1)}
        nested = {"@odata.type": "#microsoft.graph.group", "id": object_id(2, 1)}
        found = self.judge(role_row(holder), privileged_group_members=[members_of(1, nested, member())])
        assert found.outcome is Outcome.PASS

    def test_the_spelling_of_a_group_hides_nobody(self) -> None:
        admins = {"@odata.type": "#Microsoft.Graph.Group", "id": object_id(1, 1)}
        found = self.judge(role_row(admins), privileged_group_members=[members_of(1, outsider())])
        assert found.outcome is Outcome.FAIL
        assert self.judge(role_row(admins)).outcome is Outcome.NOT_ASSESSED

    def test_a_group_told_of_twice_hides_nobody(self) -> None:
        admins = {"@odata.type": "#microsoft.graph.group", "id": object_id(1, 1)}
        twice = [members_of(1, outsider()), members_of(1, member())]
        assert self.judge(role_row(admins), privileged_group_members=twice).outcome is Outcome.FAIL

    def test_one_person_with_two_roles_is_one_object(self) -> None:
        found = self.judge(role_row(outsider()), role_row(outsider(), REPORTS_READER))
        assert found.affected.count == 1
        assert "Reports Reader" in found.affected.sample[0]["why"]

    def test_guest_inviter_is_tolerated(self) -> None:
        found = self.judge(role_row(outsider(), GUEST_INVITER))
        assert (found.outcome, found.severity) == (Outcome.PARTIAL, Severity.LOW)

    def test_an_approved_and_eligible_one_is_partial(self) -> None:
        found = self.judge(
            role_eligibilities=[role_row(outsider(), endDateTime=FUTURE)],
            settings=config(approved_guest_admins=(object_id(1).upper(),)),
        )
        assert found.outcome is Outcome.PARTIAL

    @pytest.mark.parametrize(
        ("schedules", "outcome"),
        [
            ([{"principalId": object_id(1), "roleDefinitionId": GLOBAL_ADMINISTRATOR, "endDateTime": None}], "fail"),
            (
                [{"principalId": object_id(1), "roleDefinitionId": GLOBAL_ADMINISTRATOR, "endDateTime": FUTURE}],
                "partial",
            ),
            ([{"principalId": object_id(1), "roleDefinitionId": GLOBAL_ADMINISTRATOR}], "not-assessed"),
            (
                [
                    {"id": "1", "principalId": object_id(1), "roleDefinitionId": GLOBAL_ADMINISTRATOR},
                    {
                        "id": "2",
                        "principalId": object_id(1),
                        "roleDefinitionId": GLOBAL_ADMINISTRATOR,
                        "endDateTime": FUTURE,
                    },
                ],
                "not-assessed",
            ),
            ([], "not-assessed"),
            (gap("role_assignment_schedules"), "not-assessed"),
            (NO_P2["role_assignment_schedules"], "fail"),
        ],
    )
    def test_an_approved_active_one_may_not_last(self, schedules: Any, outcome: str) -> None:
        found = self.judge(
            role_row(outsider()),
            role_assignment_schedules=schedules,
            settings=config(approved_guest_admins=(object_id(1),)),
        )
        assert found.outcome == outcome

    @pytest.mark.parametrize(
        "principal",
        [
            member(userType=ABSENT),
            member(userType=None),
            member(userPrincipalName=ABSENT),
            member(userType="Robot"),
            {"id": object_id(3, 5)},
            {},
        ],
    )
    def test_a_principal_that_does_not_say_is_no_insider(self, principal: dict[str, Any]) -> None:
        assert self.judge(role_row(principal)).outcome is Outcome.NOT_ASSESSED

    def test_a_fail_stands_beside_unknown_principals(self) -> None:
        found = self.judge(role_row({"id": object_id(3, 5)}), role_row(outsider()))
        assert found.outcome is Outcome.FAIL

    def test_members_of_a_role_group_that_were_not_read(self) -> None:
        holder = {"@odata.type": "microsoft.graph.group", "id": object_id(1, 1)}
        assert self.judge(role_row(holder)).outcome is Outcome.NOT_ASSESSED
        refused = gap("privileged_group_members")
        assert self.judge(role_row(holder), privileged_group_members=refused).outcome is Outcome.NOT_ASSESSED
        assert self.judge(privileged_group_members=refused).outcome is Outcome.PASS

    def test_a_service_principal_is_no_person(self) -> None:
        app = {"@odata.type": "#microsoft.graph.servicePrincipal", "id": object_id(1, 6)}
        assert self.judge(role_row(app)).outcome is Outcome.PASS

    def test_without_p2_active_roles_are_judged_and_it_is_said(self) -> None:
        found = self.judge(**NO_P2)
        assert found.outcome is Outcome.PASS
        assert "P2" in found.notes[0]
        assert self.judge(role_row(outsider()), **NO_P2).outcome is Outcome.FAIL

    def test_refused_eligibilities_are_not_fine(self) -> None:
        refused = gap("role_eligibilities")
        assert self.judge(role_eligibilities=refused).outcome is Outcome.NOT_ASSESSED
        assert self.judge(role_row(outsider()), role_eligibilities=refused).outcome is Outcome.FAIL

    @pytest.mark.parametrize("fact", ["role_definitions", "role_assignments"])
    def test_an_empty_list_no_tenant_has(self, fact: str) -> None:
        assert self.judge(**{fact: []}).outcome is Outcome.NOT_ASSESSED

    def test_no_guests(self) -> None:
        assert self.judge(guests=[]).outcome is Outcome.NOT_APPLICABLE
        assert self.judge(role_row(outsider(userType="Member")), guests=[]).outcome is Outcome.FAIL

    def test_the_zero_trust_assessment_looks_at_highly_privileged_roles_only(self) -> None:
        assert verdict(self.judge(), "22128") == "pass"
        assert verdict(self.judge(role_row(outsider())), "22128") == "fail"
        assert verdict(self.judge(role_row(outsider(), REPORTS_READER)), "22128") == "pass"


class TestPrivilegedGroups:
    """GUEST-PRV-002."""

    def judge(self, settings: Settings | None = None, **changes: Any) -> Any:
        facts: dict[str, Any] = {
            "guests": [guest(1)],
            "external_members": [],
            "groups": [group(1, isAssignableToRole=True), group(2)],
            "group_owners": [owned_by(1, member()), owned_by(2, outsider())],
            "privileged_group_members": [members_of(1, member())],
            "group_eligibilities": [],
        }
        return judge("GUEST-PRV-002", settings=settings, **{**facts, **changes})

    def eligible(self, person: str = object_id(1), **changes: Any) -> dict[str, Any]:
        row = {"id": "e", "groupId": object_id(1, 1), "principalId": person, "accessId": "member"}
        return {**row, "endDateTime": FUTURE, **changes}

    def test_outcomes(self) -> None:
        assert self.judge().outcome is Outcome.PASS
        inside = self.judge(privileged_group_members=[members_of(1, member(), outsider())])
        assert (inside.outcome, inside.severity) == (Outcome.FAIL, Severity.CRITICAL)
        assert self.judge(group_owners=[owned_by(1, outsider()), owned_by(2)]).outcome is Outcome.FAIL
        eligible = self.judge(group_eligibilities=[self.eligible()])
        assert eligible.outcome is Outcome.FAIL
        assert eligible.affected.sample[0]["why"] == "eligible as member of Group 1"

    @pytest.mark.parametrize(
        ("end", "outcome"), [(FUTURE, Outcome.PARTIAL), (None, Outcome.FAIL), ("soon", Outcome.FAIL)]
    )
    def test_an_approved_one_may_be_eligible_with_an_end(self, end: Any, outcome: Outcome) -> None:
        approved = config(approved_guest_admins=(object_id(1),))
        assert self.judge(approved, group_eligibilities=[self.eligible(endDateTime=end)]).outcome is outcome

    def test_an_approved_member_still_fails(self) -> None:
        approved = config(approved_guest_admins=(object_id(1),))
        found = self.judge(approved, privileged_group_members=[members_of(1, outsider())])
        assert found.outcome is Outcome.FAIL

    def test_an_eligible_external_member_fails(self) -> None:
        person = outsider(9, userType="Member")
        found = self.judge(group_eligibilities=[self.eligible(object_id(9))], external_members=[person])
        assert found.outcome is Outcome.FAIL
        unread = self.judge(group_eligibilities=[self.eligible(object_id(9))], external_members=gap("external_members"))
        assert unread.outcome is Outcome.NOT_ASSESSED
        insider = self.judge(group_eligibilities=[self.eligible(object_id(1, 5))])
        assert insider.outcome is Outcome.PASS

    def test_who_is_in_a_group_that_is_eligible_is_eligible(self) -> None:
        """Group 2 may join the privileged group 1, and each of its members activates for themselves."""
        joins = [self.eligible(object_id(2, 1).upper())]
        holding = [members_of(1, member()), members_of(2, member(2), outsider())]
        found = self.judge(group_eligibilities=joins, privileged_group_members=holding)
        assert found.outcome is Outcome.FAIL, found.summary
        assert found.affected.sample[0]["why"] == "eligible as member of Group 1 through another group"
        insiders = [members_of(1, member()), members_of(2, member(2))]
        assert self.judge(group_eligibilities=joins, privileged_group_members=insiders).outcome is Outcome.PASS
        unread = self.judge(group_eligibilities=joins, privileged_group_members=insiders[:1])
        assert unread.outcome is Outcome.NOT_ASSESSED, unread.summary
        hidden = [group(1, isAssignableToRole=True), group(2, visibility="HiddenMembership")]
        found = self.judge(group_eligibilities=joins, privileged_group_members=insiders, groups=hidden)
        assert found.outcome is Outcome.NOT_ASSESSED, "whoever may not see the members is shown none"
        unclear = [members_of(1, member()), members_of(2, member(userType=None))]
        assert self.judge(group_eligibilities=joins, privileged_group_members=unclear).outcome is Outcome.NOT_ASSESSED

    def test_no_privileged_group(self) -> None:
        assert self.judge(groups=[group(2, isAssignableToRole=None)]).outcome is Outcome.NOT_APPLICABLE
        assert self.judge(guests=[]).outcome is Outcome.NOT_APPLICABLE

    @pytest.mark.parametrize(
        "changes",
        [
            {"groups": [group(1, isAssignableToRole=ABSENT)]},
            {"groups": [group(1, isAssignableToRole="yes")]},
            {"privileged_group_members": []},
            {"privileged_group_members": gap("privileged_group_members")},
            {"privileged_group_members": [members_of(1, member(userType=None))]},
            {"privileged_group_members": [members_of(1, member(), **{"members@odata.nextLink": "x"})]},
            {"group_owners": []},
            {"group_eligibilities": gap("group_eligibilities")},
            {"group_eligibilities": [{"id": "e", "groupId": object_id(1, 1), "principalId": object_id(2, 1)}]},
            {"group_eligibilities": [{"id": "e", "principalId": object_id(1, 5)}]},
            {"group_eligibilities": [{"id": "e", "groupId": object_id(9, 1), "principalId": object_id(1, 5)}]},
            {"groups": [], "group_eligibilities": [{"id": "e", "groupId": object_id(1, 1), "principalId": "x"}]},
        ],
    )
    def test_what_was_not_read_is_not_fine(self, changes: dict[str, Any]) -> None:
        assert self.judge(**changes).outcome is Outcome.NOT_ASSESSED

    def test_without_p2_nobody_is_eligible(self) -> None:
        licence = gap("group_eligibilities", GapReason.LICENCE, "needs P2")
        assert self.judge(group_eligibilities=licence).outcome is Outcome.PASS


class TestOwnedApplications:
    """GUEST-PRV-003."""

    def judge(self, **changes: Any) -> Any:
        facts: dict[str, Any] = {
            "guests": [guest(1)],
            "applications": [application(1)],
            "service_principals": [service_principal(1), service_principal(2)],
            "owned_app_permissions": [],
            "role_assignments": [role_row(member())],
        }
        return judge("GUEST-PRV-003", **{**facts, **changes})

    def owned(self, **changes: Any) -> Any:
        facts: dict[str, Any] = {
            "applications": [application(1, owners=[outsider()])],
            "owned_app_permissions": [{"id": object_id(1, 6), "appRoleAssignments": []}],
        }
        return self.judge(**{**facts, **changes})

    def test_outcomes(self) -> None:
        assert self.judge().outcome is Outcome.PASS
        assert self.judge(applications=[]).outcome is Outcome.PASS
        assert self.judge(guests=[]).outcome is Outcome.NOT_APPLICABLE
        powerless = self.owned()
        assert (powerless.outcome, powerless.severity) == (Outcome.PARTIAL, Severity.MEDIUM)
        assert powerless.affected.sample[0]["why"] == "owns the application App 1"

    def test_power_makes_it_a_fail(self) -> None:
        credential = self.owned(
            applications=[application(1, owners=[outsider()], passwordCredentials=[{"keyId": "k"}])]
        )
        assert (credential.outcome, credential.severity) == (Outcome.FAIL, Severity.HIGH)
        app = {"@odata.type": "#microsoft.graph.servicePrincipal", "id": object_id(1, 6)}
        assert self.owned(role_assignments=[role_row(app)]).outcome is Outcome.FAIL
        granted = [
            {
                "id": object_id(1, 6),
                "appRoleAssignments": [{"appRoleId": "9E3F62CF-CA93-4989-B6CE-BF83C28F9FE8", "resourceId": "r"}],
            }
        ]
        found = self.owned(owned_app_permissions=granted)
        assert found.outcome is Outcome.FAIL
        assert "RoleManagement.ReadWrite.Directory" in found.summary
        assert found.notes

    def test_an_owned_enterprise_application(self) -> None:
        found = self.judge(
            service_principals=[service_principal(1, owners=[outsider(userType="Member")])],
            owned_app_permissions=[{"id": object_id(1, 6), "appRoleAssignments": []}],
        )
        assert found.outcome is Outcome.PARTIAL
        assert found.affected.sample[0]["ownedType"] == "service principal"

    def test_an_application_without_principal_here_can_do_nothing_here(self) -> None:
        found = self.owned(service_principals=[service_principal(2)], owned_app_permissions=[])
        assert found.outcome is Outcome.PARTIAL

    @pytest.mark.parametrize(
        "changes",
        [
            {"owned_app_permissions": []},
            {"owned_app_permissions": [{"id": object_id(1, 6), "appRoleAssignments": None}]},
            {"role_assignments": gap("role_assignments")},
            {"applications": [application(1, owners=[outsider()], keyCredentials=ABSENT)]},
            {"service_principals": []},
        ],
    )
    def test_unknown_power_is_not_partial(self, changes: dict[str, Any]) -> None:
        assert self.owned(**changes).outcome is Outcome.NOT_ASSESSED

    @pytest.mark.parametrize(
        "owners",
        [
            ABSENT,
            None,
            "somebody",
            [{"id": "x"}],
            ["x"],
            [member(n) for n in range(20)],
        ],
    )
    def test_owners_that_were_not_read_whole(self, owners: Any) -> None:
        assert self.judge(applications=[application(1, owners=owners)]).outcome is Outcome.NOT_ASSESSED

    def test_an_owner_that_is_an_application(self) -> None:
        app = {"@odata.type": "#microsoft.graph.servicePrincipal", "id": object_id(9, 6)}
        assert self.judge(applications=[application(1, owners=[app])]).outcome is Outcome.PASS

    def test_the_zero_trust_assessment_fails_every_owner(self) -> None:
        assert self.owned().authorities[0].verdict == "fail"
        assert self.judge().authorities[0].verdict == "pass"


class TestOwnedGroups:
    """GUEST-PRV-004."""

    def judge(self, **changes: Any) -> Any:
        facts: dict[str, Any] = {
            "guests": [guest(1)],
            "groups": [group(1), group(2)],
            "group_owners": [owned_by(1, member(), outsider()), owned_by(2, member())],
            "conditional_access_policies": [guest_policy()],
            "role_assignments": [role_row(member())],
        }
        return judge("GUEST-PRV-004", **{**facts, **changes})

    def test_outcomes(self) -> None:
        assert self.judge(group_owners=[owned_by(1, member()), owned_by(2)]).outcome is Outcome.PASS
        shared = self.judge()
        assert (shared.outcome, shared.severity) == (Outcome.PARTIAL, Severity.MEDIUM)
        alone = self.judge(group_owners=[owned_by(1, outsider())])
        assert (alone.outcome, alone.severity) == (Outcome.FAIL, Severity.HIGH)
        assert self.judge(guests=[], group_owners=[owned_by(1), owned_by(2)]).outcome is Outcome.NOT_APPLICABLE
        assert self.judge(groups=[], group_owners=[]).outcome is Outcome.NOT_APPLICABLE

    def test_too_few_internal_owners(self) -> None:
        strict = config(min_internal_owners=2)
        assert self.judge(settings=strict).outcome is Outcome.FAIL

    @pytest.mark.parametrize(
        "changes",
        [
            {"groups": [group(1, assignedLicenses=[{"skuId": "s"}]), group(2)]},
            {"groups": [group(1, isAssignableToRole=True), group(2)]},
            {"conditional_access_policies": [guest_policy(users={"excludeGroups": [object_id(1, 1)]})]},
            {"conditional_access_policies": [guest_policy(users={"includeGroups": [object_id(1, 1)]})]},
            {"role_assignments": [role_row({"@odata.type": "#microsoft.graph.group", "id": object_id(1, 1)})]},
        ],
    )
    def test_a_group_in_use_fails(self, changes: dict[str, Any]) -> None:
        assert self.judge(**changes).outcome is Outcome.FAIL

    @pytest.mark.parametrize(
        "changes",
        [
            {"conditional_access_policies": gap("conditional_access_policies")},
            {"conditional_access_policies": [guest_policy(conditions={"users": None})]},
            {"role_assignments": gap("role_assignments")},
            {"groups": [group(1, assignedLicenses=ABSENT), group(2)]},
            {"groups": [group(2)]},
            {"group_owners": [owned_by(1, member())]},
            {"group_owners": []},
            {"group_owners": [owned_by(1, member(userType=ABSENT))]},
            {"group_owners": [owned_by(1, member(), **{"owners@odata.nextLink": "x"})]},
        ],
    )
    def test_what_was_not_read_is_neither_fine_nor_partial(self, changes: dict[str, Any]) -> None:
        assert self.judge(**changes).outcome is Outcome.NOT_ASSESSED

    def test_without_conditional_access_no_policy_names_a_group(self) -> None:
        licence = gap("conditional_access_policies", GapReason.LICENCE, "needs P1")
        assert self.judge(conditional_access_policies=licence).outcome is Outcome.PARTIAL


STAFF = '(user.objectId -ne null) and (user.userType -eq "Member")'
EVERYBODY = "user.objectId -ne null"


class TestDynamicGroups:
    """GUEST-PRV-005."""

    def judge(self, *groups: dict[str, Any], **changes: Any) -> Any:
        facts: dict[str, Any] = {
            "guests": [guest(1), guest(2)],
            "groups": list(groups) or [self.dynamic(EVERYBODY)],
            "guest_memberships": [in_groups(1, 1), in_groups(2)],
            "conditional_access_policies": [guest_policy()],
            "role_assignments": [role_row(member())],
        }
        return judge("GUEST-PRV-005", **{**facts, **changes})

    def dynamic(self, rule: Any, **changes: Any) -> dict[str, Any]:
        return group(1, groupTypes=["DynamicMembership"], membershipRule=rule, **changes)

    def test_outcomes(self) -> None:
        swept = self.judge()
        assert (swept.outcome, swept.severity) == (Outcome.PARTIAL, Severity.LOW)
        assert swept.affected.sample[0]["guests"] == 1
        granting = self.judge(self.dynamic(EVERYBODY, assignedLicenses=[{"skuId": "s"}]))
        assert (granting.outcome, granting.severity) == (Outcome.FAIL, Severity.HIGH)
        assert self.judge(self.dynamic(STAFF)).outcome is Outcome.PASS
        assert self.judge(self.dynamic('user.userType -eq "Guest"')).outcome is Outcome.PASS
        assert self.judge(guest_memberships=[in_groups(1), in_groups(2)]).outcome is Outcome.PASS
        assert self.judge(group(1)).outcome is Outcome.NOT_APPLICABLE
        assert self.judge(guests=[], guest_memberships=[]).outcome is Outcome.NOT_APPLICABLE

    @pytest.mark.parametrize(
        ("rule", "outcome"),
        [
            ('user.department -eq "Sales"', Outcome.FAIL),
            ('user.userType -eq "Guest" -and user.companyName -eq "Fabrikam"', Outcome.FAIL),
            ('user.userType -ne null -and user.department -eq "Sales"', Outcome.FAIL),
            ('(user.userType -eq "Member") -and (user.department -eq "Sales")', Outcome.PASS),
            ('(user.userType -ne "Guest") -and (user.jobTitle -eq "Buyer")', Outcome.PASS),
            ('(user.userType -eq "Member") -or (user.department -eq "Sales")', Outcome.FAIL),
            ('user.extensionAttribute1 -eq "x"', Outcome.PASS),
            ('device.deviceOSType -eq "Windows"', Outcome.NOT_APPLICABLE),
            ('Direct Reports for "00000000-0000-4000-8000-000000000001"', Outcome.PASS),
        ],
    )
    def test_attributes_that_others_choose(self, rule: str, outcome: Outcome) -> None:
        found = self.judge(
            self.dynamic(rule, assignedLicenses=[{"skuId": "s"}]), guest_memberships=[in_groups(1), in_groups(2)]
        )
        assert found.outcome is outcome

    @pytest.mark.parametrize(
        ("rule", "outcome"),
        [
            ("user.userType -ne null", Outcome.FAIL),
            ('user.userType -ne "Partner"', Outcome.FAIL),
            ('(user.userType -eq "Member") -or (user.objectId -ne null)', Outcome.FAIL),
            ('user.userType -ne "Guest" -or user.accountEnabled -eq true', Outcome.FAIL),
            ('user.userType -in ["Member", "Guest"]', Outcome.PASS),
            ('user.usertype -NE "member"', Outcome.PASS),
            ('(user.userType -eq "Guest") -or (user.mail -ne null)', Outcome.PASS),
        ],
    )
    def test_a_rule_that_only_mentions_the_user_type_sweeps_guests_in(self, rule: str, outcome: Outcome) -> None:
        found = self.judge(self.dynamic(rule, assignedLicenses=[{"skuId": "s"}]))
        assert found.outcome is outcome, found.summary

    def test_hidden_members_are_unknown_and_not_none(self) -> None:
        nobody = [in_groups(1), in_groups(2)]
        hidden = self.dynamic(EVERYBODY, visibility="HiddenMembership")
        assert self.judge(hidden, guest_memberships=nobody).outcome is Outcome.NOT_ASSESSED
        assert self.judge(hidden).outcome is Outcome.PARTIAL, "one is seen inside"
        staff = self.dynamic(STAFF, visibility="HiddenMembership")
        assert self.judge(staff, guest_memberships=nobody).outcome is Outcome.PASS

    def test_the_spelling_of_a_dynamic_group_hides_nothing(self) -> None:
        hidden = {**self.dynamic(EVERYBODY), "groupTypes": ["dynamicMembership"]}
        assert self.judge(hidden).outcome is Outcome.PARTIAL

    def test_a_rule_without_attributes_is_judged_by_who_is_inside(self) -> None:
        assert self.judge(self.dynamic('Direct Reports for "x"')).outcome is Outcome.PARTIAL

    def test_intentional_groups_are_left_out(self) -> None:
        intended = config(intentional_guest_groups=(object_id(1, 1),))
        assert self.judge(settings=intended).outcome is Outcome.NOT_APPLICABLE

    @pytest.mark.parametrize(
        "changes",
        [
            {"guest_memberships": [in_groups(1)]},
            {"guest_memberships": [in_groups(1), {"id": object_id(2), "transitiveMemberOf": None}]},
            {"guest_memberships": [in_groups(1), in_groups(2, **{"transitiveMemberOf@odata.nextLink": "x"})]},
            {"guest_memberships": gap("guest_memberships")},
            {"groups": [group(1, groupTypes=["DynamicMembership"], membershipRule=None)]},
            {"groups": [group(1, groupTypes=None)]},
        ],
    )
    def test_what_was_not_read_is_not_fine(self, changes: dict[str, Any]) -> None:
        found = self.judge(self.dynamic(STAFF), **changes)
        assert found.outcome is Outcome.NOT_ASSESSED

    def test_unread_uses_of_a_swept_group(self) -> None:
        found = self.judge(conditional_access_policies=gap("conditional_access_policies"))
        assert found.outcome is Outcome.NOT_ASSESSED

    def test_cis_up_to_v6_wanted_a_guest_group(self) -> None:
        assert self.judge(self.dynamic('(user.userType -eq "Guest")')).authorities[0].verdict == "pass"
        assert self.judge().authorities[0].verdict == "fail"


SKU = object_id(1, 8)


class TestLicences:
    """GUEST-PRV-006."""

    def judge(self, *guests: dict[str, Any], **changes: Any) -> Any:
        skus = [{"id": "s", "skuId": SKU, "skuPartNumber": "SPE_E3"}]
        return judge(
            "GUEST-PRV-006", guests=list(guests), subscribed_skus=changes.pop("subscribed_skus", skus), **changes
        )

    def licensed(self, number: int = 1, by: Any = None, **changes: Any) -> dict[str, Any]:
        state = {"skuId": SKU, "assignedByGroup": by, "state": "Active"}
        return guest(number, assignedLicenses=[{"skuId": SKU}], licenseAssignmentStates=[state], **changes)

    def test_outcomes(self) -> None:
        assert self.judge(guest(1)).outcome is Outcome.PASS
        direct = self.judge(guest(1), self.licensed(2))
        assert (direct.outcome, direct.severity) == (Outcome.FAIL, Severity.LOW)
        assert "SPE_E3 (1)" in direct.summary
        assert direct.affected.count == 1
        one_group = self.judge(self.licensed(1, object_id(1, 1)), self.licensed(2, object_id(1, 1)))
        assert (one_group.outcome, one_group.severity) == (Outcome.PARTIAL, Severity.INFO)
        two_groups = self.judge(self.licensed(1, object_id(1, 1)), self.licensed(2, object_id(2, 1)))
        assert two_groups.outcome is Outcome.FAIL
        assert self.judge().outcome is Outcome.NOT_APPLICABLE

    def test_disabled_guests_and_tolerated_licences(self) -> None:
        assert self.judge(self.licensed(accountEnabled=False)).outcome is Outcome.PASS
        tolerated = config(tolerated_skus=(SKU.upper(),))
        assert self.judge(self.licensed(), settings=tolerated).outcome is Outcome.PASS

    def test_an_unknown_origin_counts_as_direct(self) -> None:
        assert self.judge(guest(1, assignedLicenses=[{"skuId": SKU}])).outcome is Outcome.FAIL

    @pytest.mark.parametrize(
        "changes",
        [{"assignedLicenses": wrong} for wrong in (ABSENT, None, "none", [None], [SKU], [{"skuId": None}], [{}])],
    )
    def test_unread_licences(self, changes: dict[str, Any]) -> None:
        assert self.judge(guest(1, **changes)).outcome is Outcome.NOT_ASSESSED
        assert self.judge(guest(1, **changes), self.licensed(2)).outcome is Outcome.FAIL

    def test_an_unknown_account_state(self) -> None:
        assert self.judge(self.licensed(accountEnabled=None)).outcome is Outcome.NOT_ASSESSED

    def test_names_are_only_for_show(self) -> None:
        assert self.judge(guest(1), subscribed_skus=gap("subscribed_skus")).outcome is Outcome.PASS


def test_azure_is_for_a_person_to_look_at() -> None:
    found = judge("GUEST-PRV-007")
    assert found.outcome is Outcome.MANUAL
    assert "Subscriptions" in found.summary
