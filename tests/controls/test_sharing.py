"""GUEST-WRK: SharePoint and OneDrive."""

from typing import Any

import pytest

from posture.controls.registry import Outcome
from posture.settings import Profile, Severity
from tests.facts import (
    ABSENT,
    b2b_policy,
    config,
    gap,
    judge,
    sharepoint_settings,
    verdict,
)


class TestSharing:
    """GUEST-WRK-002."""

    @pytest.mark.parametrize(
        ("capability", "outcome", "scuba", "cis"),
        [
            ("disabled", "pass", "pass", "pass"),
            ("existingExternalUserSharingOnly", "pass", "pass", "pass"),
            ("externalUserSharingOnly", "pass", "fail", "pass"),
            ("externalUserAndGuestSharing", "fail", "fail", "fail"),
            ("unknownFutureValue", "not-assessed", "", ""),
            ("Disabled", "not-assessed", "", ""),
            (None, "not-assessed", "", ""),
            (True, "not-assessed", "", ""),
            (ABSENT, "not-assessed", "", ""),
        ],
    )
    def test_values(self, capability: Any, outcome: str, scuba: str, cis: str) -> None:
        found = judge("GUEST-WRK-002", sharepoint_settings=sharepoint_settings(sharingCapability=capability))
        assert found.outcome == outcome
        if found.outcome is not Outcome.NOT_ASSESSED:
            assert verdict(found, "MS.SHAREPOINT.1.1v1") == scuba
            assert verdict(found, "7.2.3") == cis

    def test_the_tenant_may_decide_on_existing_guests(self) -> None:
        found = judge(
            "GUEST-WRK-002", sharepoint_settings=sharepoint_settings(), settings=config(accept_new_guests=False)
        )
        assert (found.outcome, found.severity) == (Outcome.PARTIAL, Severity.LOW)

    def test_the_scuba_profile_takes_existing_guests_only(self) -> None:
        found = judge("GUEST-WRK-002", sharepoint_settings=sharepoint_settings(), settings=config(Profile.SCUBA_AAD))
        assert (found.outcome, found.severity) == (Outcome.FAIL, Severity.HIGH)

    def test_what_a_pass_rests_on_is_said(self) -> None:
        found = judge("GUEST-WRK-002", sharepoint_settings=sharepoint_settings())
        assert "GUEST-WRK-005" in found.notes[0]


class TestSharingDomains:
    """GUEST-WRK-003."""

    def judge(self, entra: Any = None, profile: Profile = Profile.POSTURE, **changes: Any) -> Any:
        return judge(
            "GUEST-WRK-003",
            sharepoint_settings=sharepoint_settings(**changes),
            b2b_management_policies=[b2b_policy(allowed=["fabrikam.example"])] if entra is None else entra,
            settings=config(profile),
        )

    @pytest.mark.parametrize(
        ("changes", "outcome"),
        [
            ({}, "pass"),
            ({"sharingAllowedDomainList": ["Fabrikam.Example "]}, "pass"),
            ({"sharingAllowedDomainList": ["fabrikam.example", "other.example"]}, "partial"),
            ({"sharingCapability": "externalUserAndGuestSharing"}, "partial"),
            ({"sharingAllowedDomainList": []}, "not-assessed"),
            ({"sharingAllowedDomainList": None}, "not-assessed"),
            ({"sharingAllowedDomainList": [None]}, "not-assessed"),
            ({"sharingDomainRestrictionMode": "blockList", "sharingBlockedDomainList": ["bad.example"]}, "partial"),
            ({"sharingDomainRestrictionMode": "blockList"}, "fail"),
            ({"sharingDomainRestrictionMode": "none"}, "fail"),
            (
                {"sharingDomainRestrictionMode": "none", "sharingCapability": "existingExternalUserSharingOnly"},
                "partial",
            ),
            ({"sharingDomainRestrictionMode": "none", "sharingCapability": "disabled"}, "pass"),
            ({"sharingDomainRestrictionMode": "unknownFutureValue"}, "not-assessed"),
            ({"sharingDomainRestrictionMode": None}, "not-assessed"),
            ({"sharingCapability": "unknownFutureValue"}, "not-assessed"),
        ],
    )
    def test_values(self, changes: dict[str, Any], outcome: str) -> None:
        assert self.judge(**changes).outcome == outcome

    @pytest.mark.parametrize(
        ("entra", "outcome"),
        [
            ([], "pass"),
            ([b2b_policy(blocked=["bad.example"])], "pass"),
            ([b2b_policy(blocked=["fabrikam.example"])], "partial"),
            ([b2b_policy(allowed=["other.example"])], "partial"),
            ([b2b_policy(allowed=[])], "not-assessed"),
            (gap("b2b_management_policies"), "not-assessed"),
        ],
    )
    def test_the_list_is_compared_with_entra(self, entra: Any, outcome: str) -> None:
        assert self.judge(entra).outcome == outcome

    def test_entra_is_needed_for_a_comparison_alone(self) -> None:
        refused = gap("b2b_management_policies")
        assert self.judge(refused, sharingDomainRestrictionMode="none").outcome is Outcome.FAIL

    def test_authorities_and_profile(self) -> None:
        block = {"sharingDomainRestrictionMode": "blockList", "sharingBlockedDomainList": ["bad.example"]}
        found = self.judge(**block)
        assert verdict(found, "7.2.6") == "fail"
        assert verdict(found, "sharepoint_external_sharing_managed") == "pass"
        assert verdict(found, "MS.SHAREPOINT.1.3v1") == ""
        assert self.judge(profile=Profile.CIS_M365_V7, **block).outcome is Outcome.FAIL
        wide = {"sharingAllowedDomainList": ["other.example"]}
        assert self.judge(profile=Profile.CIS_M365_V7, **wide).outcome is Outcome.PASS
        anyone = {"sharingCapability": "externalUserAndGuestSharing"}
        assert self.judge(profile=Profile.CIS_M365_V7, **anyone).outcome is Outcome.PASS


class TestResharing:
    """GUEST-WRK-004."""

    @pytest.mark.parametrize(
        ("reshares", "matches", "outcome", "cis"),
        [
            (False, True, "pass", "pass"),
            (True, True, "partial", "fail"),
            (False, False, "partial", "pass"),
            (True, False, "fail", "fail"),
            (None, True, "not-assessed", ""),
            (False, None, "not-assessed", ""),
            ("false", True, "not-assessed", ""),
            (ABSENT, True, "not-assessed", ""),
            (False, ABSENT, "not-assessed", ""),
        ],
    )
    def test_values(self, reshares: Any, matches: Any, outcome: str, cis: str) -> None:
        found = self.judge(reshares, matches)
        assert found.outcome == outcome
        if found.outcome is not Outcome.NOT_ASSESSED:
            assert verdict(found, "7.2.5") == cis
            assert self.judge(reshares, matches, Profile.CIS_M365_V7).outcome == cis

    def test_cis_does_not_ask_for_the_match(self) -> None:
        assert self.judge(False, ABSENT, Profile.CIS_M365_V7).outcome is Outcome.PASS
        assert self.judge(ABSENT, True, Profile.CIS_M365_V7).outcome is Outcome.NOT_ASSESSED

    def judge(self, reshares: Any, matches: Any, profile: Profile = Profile.POSTURE) -> Any:
        values = {
            "isResharingByExternalUsersEnabled": reshares,
            "isRequireAcceptingUserToMatchInvitedUserEnabled": matches,
        }
        return judge("GUEST-WRK-004", sharepoint_settings=sharepoint_settings(**values), settings=config(profile))


def test_sharepoint_integration_is_for_a_person_to_look_at() -> None:
    found = judge("GUEST-WRK-005", settings=config(max_expire_days=45))
    assert found.outcome is Outcome.MANUAL
    assert "45 days" in found.summary
    assert "Get-SPOTenant" in found.summary
