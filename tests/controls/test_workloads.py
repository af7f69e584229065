"""GUEST-WRK: groups and Teams."""

from typing import Any

import pytest

from posture.controls.registry import Outcome
from posture.settings import Settings, Severity
from tests.facts import (
    ABSENT,
    authorization_policy,
    config,
    gap,
    group,
    group_setting,
    guest,
    in_groups,
    judge,
    team,
    verdict,
)


class TestGroupSettings:
    """GUEST-WRK-001."""

    def judge(self, invites: str = "adminsAndGuestInviters", settings: Settings | None = None, **changes: Any) -> Any:
        facts: dict[str, Any] = {
            "group_settings": [group_setting()],
            "authorization_policy": authorization_policy(allowInvitesFrom=invites),
            "group_setting_overrides": [],
        }
        return judge("GUEST-WRK-001", settings=settings, **{**facts, **changes})

    @pytest.mark.parametrize(
        ("values", "invites", "outcome", "severity"),
        [
            ({}, "everyone", Outcome.PASS, Severity.INFO),
            ({"AllowToAddGuests": "True"}, "none", Outcome.PASS, Severity.INFO),
            ({"AllowToAddGuests": "true"}, "adminsGuestInvitersAndAllMembers", Outcome.PARTIAL, Severity.INFO),
            ({"AllowToAddGuests": "TRUE"}, "everyone", Outcome.FAIL, Severity.MEDIUM),
            ({"AllowGuestsToBeGroupOwner": "True"}, "none", Outcome.FAIL, Severity.MEDIUM),
        ],
    )
    def test_outcomes(self, values: dict[str, str], invites: str, outcome: Outcome, severity: Severity) -> None:
        found = self.judge(invites, group_settings=[group_setting(**values)])
        assert (found.outcome, found.severity) == (outcome, severity)

    @pytest.mark.parametrize(("invites", "outcome"), [("none", Outcome.PASS), ("everyone", Outcome.FAIL)])
    @pytest.mark.parametrize("stored", [[], [{"id": "x", "templateId": "other", "values": []}]])
    def test_no_object_means_the_defaults(self, stored: list[Any], invites: str, outcome: Outcome) -> None:
        found = self.judge(invites, group_settings=stored)
        assert found.outcome is outcome
        assert {o.property: o.value for o in found.observed}["set by the tenant"] is False

    @pytest.mark.parametrize(
        ("decided", "adding", "outcome"),
        [("true", "true", "pass"), ("true", "false", "fail"), ("false", "true", "fail"), ("FALSE", "false", "pass")],
    )
    def test_a_decision_is_compared(self, decided: str, adding: str, outcome: str) -> None:
        found = self.judge(
            "everyone",
            settings=config(expect_allow_to_add_guests=decided),
            group_settings=[group_setting(AllowToAddGuests=adding)],
        )
        assert found.outcome == outcome

    def test_guidelines_may_be_required(self) -> None:
        wanted = config(require_usage_guidelines=True)
        assert self.judge(settings=wanted).outcome is Outcome.PARTIAL
        linked = group_setting(GuestUsageGuidelinesUrl="https://contoso.example/guests")
        assert self.judge(settings=wanted, group_settings=[linked]).outcome is Outcome.PASS

    def test_closed_reach_is_said(self) -> None:
        found = self.judge(group_settings=[group_setting(AllowGuestsToAccessGroups="false")])
        assert found.outcome is Outcome.PASS
        assert found.notes
        assert verdict(found, "ST09") == "fail"
        assert verdict(found, "ST08") == "pass"

    def test_single_groups_are_counted(self) -> None:
        own = {
            "templateId": "08d542b9-071f-4e16-94b0-74abb372e3d9",
            "values": [{"name": "AllowToAddGuests", "value": "False"}],
        }
        found = self.judge(group_setting_overrides=[{"id": "g1", "settings": [own]}, {"id": "g2", "settings": []}])
        assert {o.property: o.value for o in found.observed}["groups that refuse guests"] == 1
        assert self.judge(group_setting_overrides=[{"id": "g1", "settings": None}]).outcome is Outcome.PASS

    @pytest.mark.parametrize(
        "changes",
        [
            {"group_settings": gap("group_settings")},
            {"group_settings": [group_setting(AllowToAddGuests="perhaps")]},
            {"group_settings": [group_setting(AllowToAddGuests="")]},
            {"group_settings": [group_setting(AllowGuestsToBeGroupOwner=ABSENT)]},
            {"group_settings": [{**group_setting(), "values": None}]},
            {"group_settings": [{**group_setting(), "templateId": None}]},
            {"group_settings": [group_setting(), group_setting()]},
            {"authorization_policy": authorization_policy(allowInvitesFrom="unknownFutureValue")},
            {"authorization_policy": authorization_policy(allowInvitesFrom=None)},
        ],
    )
    def test_unknown_values(self, changes: dict[str, Any]) -> None:
        assert self.judge(**changes).outcome is Outcome.NOT_ASSESSED

    @pytest.mark.parametrize(
        "changes",
        [
            {"authorization_policy": authorization_policy(allowInvitesFrom=None)},
            {"group_settings": [group_setting(AllowGuestsToBeGroupOwner="true", AllowToAddGuests=ABSENT)]},
        ],
    )
    def test_a_proven_failure_stands(self, changes: dict[str, Any]) -> None:
        owners = {"group_settings": [group_setting(AllowGuestsToBeGroupOwner="true")]}
        assert self.judge(**{**owners, **changes}).outcome is Outcome.FAIL

    def test_a_value_set_twice_is_unknown(self) -> None:
        twice = group_setting(AllowGuestsToBeGroupOwner="true")
        twice["values"].append({"name": "AllowGuestsToBeGroupOwner", "value": "false"})
        assert self.judge(group_settings=[twice]).outcome is Outcome.NOT_ASSESSED

    def test_an_unknown_decision(self) -> None:
        assert self.judge(settings=config(expect_allow_to_add_guests="maybe")).outcome is Outcome.NOT_ASSESSED


class TestTeams:
    """GUEST-WRK-006."""

    def judge(self, *teams: dict[str, Any], **changes: Any) -> Any:
        facts: dict[str, Any] = {
            "guests": [guest(1)],
            "groups": [group(n, resourceProvisioningOptions=["Team"]) for n in (1, 2)],
            "guest_memberships": [in_groups(1, 1)],
            "teams_guest_settings": list(teams) or [team(1), team(2, True, True)],
        }
        return judge("GUEST-WRK-006", **{**facts, **changes})

    def test_outcomes(self) -> None:
        found = self.judge()
        assert found.outcome is Outcome.PASS
        assert "Teams admin center" in found.notes[0]
        creating = self.judge(team(1, creates=True), team(2))
        assert (creating.outcome, creating.severity) == (Outcome.PARTIAL, Severity.INFO)
        deleting = self.judge(team(1, deletes=True), team(2))
        assert (deleting.outcome, deleting.severity) == (Outcome.FAIL, Severity.LOW)
        assert deleting.affected.sample[0]["guests"] == 1
        assert self.judge(team(1, None, True), team(2)).outcome is Outcome.FAIL, "what is proven stands"
        assert self.judge(guest_memberships=[in_groups(1)]).outcome is Outcome.NOT_APPLICABLE
        assert self.judge(guests=[], guest_memberships=[]).outcome is Outcome.NOT_APPLICABLE

    @pytest.mark.parametrize(
        "changes",
        [
            {"teams_guest_settings": [team(2)]},
            {"teams_guest_settings": []},
            {"teams_guest_settings": [team(1, None)]},
            {"teams_guest_settings": [team(1, False, "no")]},
            {"teams_guest_settings": [team(1, guestSettings=None)]},
            {"teams_guest_settings": gap("teams_guest_settings")},
            {"guest_memberships": [{"id": "x"}]},
            {"guest_memberships": gap("guest_memberships")},
            {"groups": [group(1, resourceProvisioningOptions=ABSENT)]},
        ],
    )
    def test_unknown_values(self, changes: dict[str, Any]) -> None:
        assert self.judge(**changes).outcome is Outcome.NOT_ASSESSED

    def test_a_team_that_hides_its_members_may_have_guests(self) -> None:
        def teams(**changes: Any) -> list[dict[str, Any]]:
            return [group(n, resourceProvisioningOptions=["Team"], **changes) for n in (1, 2)]

        hidden = teams(visibility="HiddenMembership")
        assert self.judge(groups=hidden, guest_memberships=[in_groups(1)]).outcome is Outcome.NOT_ASSESSED
        seen = self.judge(team(1), team(2), groups=hidden, guest_memberships=[in_groups(1, 1, 2)])
        assert seen.outcome is Outcome.PASS, "their guests are told all the same"
        assert self.judge(groups=teams(visibility="Private")).outcome is Outcome.PASS

    def test_ids_in_another_letter_case(self) -> None:
        key = "ABCDEF01-0000-4000-8000-00000000000A"
        team_of_it = {**team(1, deletes=True), "id": key.lower()}
        listed = [{**group(1, resourceProvisioningOptions=["Team"]), "id": key}]
        inside = {**in_groups(1), "transitiveMemberOf": [{"@odata.type": "#microsoft.graph.group", "id": key.title()}]}
        assert self.judge(team_of_it, groups=listed, guest_memberships=[inside]).outcome is Outcome.FAIL

    def test_a_fail_stands_beside_unknown_teams(self) -> None:
        found = self.judge(team(1, None), team(2, deletes=True), guest_memberships=[in_groups(1, 1, 2)])
        assert found.outcome is Outcome.FAIL
