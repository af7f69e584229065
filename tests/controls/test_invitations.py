"""GUEST-INV-001 to -005: who may invite, whom, and how an invitation is accepted."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from posture.assess.types import Finding
from posture.controls.invitations import (
    email_does_not_make_members,
    invitations_are_limited,
    invitations_go_to_approved_domains,
    self_service_sign_up_is_off,
)
from posture.controls.registry import Outcome
from posture.errors import UnknownValueError
from posture.settings import Profile, Settings, Severity, Thresholds
from posture.snapshot.types import GapReason
from tests import facts as f

PASS, PARTIAL, FAIL, NOT_ASSESSED = Outcome.PASS, Outcome.PARTIAL, Outcome.FAIL, Outcome.NOT_ASSESSED
RANK = {FAIL: 0, PARTIAL: 1, PASS: 2}
REFUSED = f.gap("anything")
WRONG = [f.ABSENT, None, "", "unknownFutureValue", 7, True, [], {}]


def verdicts(finding: Finding) -> dict[str, str]:
    """Return the authorities' verdicts by the number of their item."""
    return {f"{a.name} {a.item.split(':')[0].split(' ')[0]}": a.verdict for a in finding.authorities}


# INV-001

INVITERS = ["everyone", "adminsGuestInvitersAndAllMembers", "adminsAndGuestInviters", "none"]


@pytest.mark.parametrize(
    ("setting", "posture", "cis", "scuba", "zta"),
    [
        ("everyone", FAIL, FAIL, FAIL, FAIL),
        ("adminsGuestInvitersAndAllMembers", PARTIAL, FAIL, FAIL, PASS),
        ("adminsAndGuestInviters", PASS, PASS, PASS, PASS),
        ("none", PASS, PASS, PASS, PASS),
    ],
)
def test_who_may_invite(setting: str, posture: Outcome, cis: Outcome, scuba: Outcome, zta: Outcome) -> None:
    policy = f.authorization_policy(allowInvitesFrom=setting)
    for profile, outcome in zip(
        (Profile.POSTURE, Profile.CIS_M365_V7, Profile.SCUBA_AAD, Profile.MS_ZTA),
        (posture, cis, scuba, zta),
        strict=True,
    ):
        assert invitations_are_limited(policy, REFUSED, profile).outcome is outcome
        found = f.judge("GUEST-INV-001", authorization_policy=policy, settings=Settings(profile=profile))
        assert found.outcome is outcome
        assert setting in found.summary


@pytest.mark.parametrize(
    ("setting", "cis_5_1_6_3", "ms_aad_8_2v1", "zta_21791"),
    [
        ("everyone", "fail", "fail", "fail"),
        ("adminsGuestInvitersAndAllMembers", "fail", "fail", "pass"),
        ("adminsAndGuestInviters", "pass", "pass", "pass"),
        ("none", "pass", "fail", "pass"),  # ScubaGear's rule knows one good value
    ],
)
def test_authorities_on_inviters(setting: str, cis_5_1_6_3: str, ms_aad_8_2v1: str, zta_21791: str) -> None:
    found = f.judge("GUEST-INV-001", authorization_policy=f.authorization_policy(allowInvitesFrom=setting))
    assert verdicts(found) == {
        "CIS Microsoft 365 v7.0.0 5.1.6.3": cis_5_1_6_3,
        "CISA SCuBA MS.AAD.8.2v1": ms_aad_8_2v1,
        "Microsoft Zero Trust Assessment 21791": zta_21791,
    }


def test_severities_of_inviters() -> None:
    for setting, severity in (("everyone", Severity.HIGH), ("adminsGuestInvitersAndAllMembers", Severity.MEDIUM)):
        policy = f.authorization_policy(allowInvitesFrom=setting)
        assert f.judge("GUEST-INV-001", authorization_policy=policy).severity is severity


@pytest.mark.parametrize("wrong", [*WRONG, "Everyone", "NONE", "admins"])
def test_an_unknown_inviter_setting(wrong: Any) -> None:
    policy = f.authorization_policy(allowInvitesFrom=wrong)
    with pytest.raises(UnknownValueError):
        invitations_are_limited(policy, REFUSED, Profile.POSTURE)
    found = f.judge("GUEST-INV-001", authorization_policy=policy)
    assert (found.outcome, found.gap.reason) == (NOT_ASSESSED, GapReason.UNKNOWN_VALUE)  # type: ignore[union-attr]
    assert set(verdicts(found).values()) <= {""}


def test_holders_of_guest_inviter_are_counted_as_evidence() -> None:
    rows = [
        {"id": "1", "roleDefinitionId": "95E79109-95c0-4d8e-aee3-d01accf2d47b"},
        {"id": "2", "roleDefinitionId": "x"},
        {"id": "3"},
    ]
    found = f.judge("GUEST-INV-001", authorization_policy=f.authorization_policy(), role_assignments=rows)
    assert {o.property: o.value for o in found.observed}["Guest Inviter assignments"] == 1
    assert found.outcome is PASS


# INV-002

ALLOW, EMPTY, BLOCK, ANY = (
    f.b2b_policy(["a.example"]),
    f.b2b_policy([]),
    f.b2b_policy(blocked=["b.example"]),
    f.b2b_policy(),
)
QUOTED = {**BLOCK, "definition": [BLOCK["definition"][0].replace('"', "'")], "isOrganizationDefault": "true"}


@pytest.mark.parametrize(
    ("policies", "posture", "cis", "scuba", "zta"),
    [
        ([ALLOW], PASS, PASS, PASS, PASS),
        ([{**ALLOW, "type": 6}], PASS, PASS, PASS, PASS),
        ([{**ALLOW, "type": "B2BManagementPolicy"}], PASS, PASS, PASS, PASS),
        ([EMPTY], NOT_ASSESSED, PASS, NOT_ASSESSED, FAIL),
        ([BLOCK], PARTIAL, FAIL, FAIL, FAIL),
        ([QUOTED], PARTIAL, FAIL, FAIL, FAIL),
        ([f.b2b_policy(blocked=[])], FAIL, FAIL, FAIL, FAIL),
        ([ANY], FAIL, FAIL, FAIL, FAIL),
        ([], FAIL, FAIL, FAIL, FAIL),
    ],
)
def test_whom_to_invite(policies: Any, posture: Outcome, cis: Outcome, scuba: Outcome, zta: Outcome) -> None:
    for profile, outcome in zip(
        (Profile.POSTURE, Profile.CIS_M365_V7, Profile.SCUBA_AAD, Profile.MS_ZTA),
        (posture, cis, scuba, zta),
        strict=True,
    ):
        found = f.judge("GUEST-INV-002", b2b_management_policies=policies, settings=Settings(profile=profile))
        assert found.outcome is outcome, found.summary
        if outcome is not NOT_ASSESSED:
            assert invitations_go_to_approved_domains(policies, profile, Thresholds()).outcome is outcome
        else:
            assert "portal" in found.summary


@pytest.mark.parametrize(
    ("policy", "cis_5_1_6_1", "ms_aad_8_3v1", "zta_21822", "zta_21874"),
    [
        (ALLOW, "pass", "pass", "pass", "pass"),
        (BLOCK, "fail", "fail", "fail", "fail"),
        (QUOTED, "fail", "fail", "fail", "fail"),
        (ANY, "fail", "fail", "fail", "fail"),
    ],
)
def test_authorities_on_domains(
    policy: Any, cis_5_1_6_1: str, ms_aad_8_3v1: str, zta_21822: str, zta_21874: str
) -> None:
    assert verdicts(f.judge("GUEST-INV-002", b2b_management_policies=[policy])) == {
        "CIS Microsoft 365 v7.0.0 5.1.6.1": cis_5_1_6_1,
        "CISA SCuBA MS.AAD.8.3v1": ms_aad_8_3v1,
        "Microsoft Zero Trust Assessment 21822": zta_21822,
        "Microsoft Zero Trust Assessment 21874": zta_21874,
    }


def test_authorities_disagree_on_an_empty_allow_list() -> None:
    found = f.judge("GUEST-INV-002", b2b_management_policies=[EMPTY], settings=Settings(profile=Profile.CIS_M365_V7))
    assert verdicts(found) == {
        "CIS Microsoft 365 v7.0.0 5.1.6.1": "pass",
        "CISA SCuBA MS.AAD.8.3v1": "",
        "Microsoft Zero Trust Assessment 21822": "fail",
        "Microsoft Zero Trust Assessment 21874": "",
    }


def test_what_is_shown_of_the_list() -> None:
    seen = {o.property: o.value for o in f.judge("GUEST-INV-002", b2b_management_policies=[ALLOW]).observed}
    assert seen == {"domain list": "allow", "domains in the list": ["a.example"]}


def test_a_list_that_lets_anybody_in_says_so() -> None:
    found = f.judge("GUEST-INV-002", b2b_management_policies=[f.b2b_policy(["a.example", "GMail.com.", "live.at"])])
    assert found.outcome is PASS
    assert found.notes == ("Anybody can have a mailbox at gmail.com, live.at, which the list allows.",)
    assert f.judge("GUEST-INV-002", b2b_management_policies=[ALLOW]).notes == ()


@pytest.mark.parametrize("wrong", [None, {}, "x", [None], [{"id": "p"}], [{**ALLOW, "definition": ["{"]}]])
def test_a_policy_that_cannot_be_read_is_no_list_either_way(wrong: Any) -> None:
    assert f.judge("GUEST-INV-002", b2b_management_policies=wrong).outcome is NOT_ASSESSED


# INV-003


def flow(name: str = "B2X_1_x", **changes: Any) -> dict[str, Any]:
    return f.changed({"id": name, "userFlowType": "signUpOrSignIn"}, changes)


WITH_CONNECTOR = flow(apiConnectorConfiguration={"postFederationSignup": {"id": "c"}, "postAttributeCollection": None})
BARE = flow(apiConnectorConfiguration={"postFederationSignup": None, "postAttributeCollection": None})
ON, OFF = f.authentication_flows_policy(enabled=True), f.authentication_flows_policy()


@pytest.mark.parametrize(
    ("policy", "flows", "posture", "zta"),
    [
        (OFF, REFUSED, PASS, PASS),
        (OFF, [BARE], PASS, PASS),
        (ON, [], PARTIAL, FAIL),
        (ON, [WITH_CONNECTOR], PARTIAL, FAIL),
        (ON, [flow("b2x_1_allowed")], PARTIAL, FAIL),
        (ON, [BARE], FAIL, FAIL),
        (ON, [WITH_CONNECTOR, BARE], FAIL, FAIL),
        (ON, [flow(apiConnectorConfiguration=None)], FAIL, FAIL),
        (ON, [flow()], NOT_ASSESSED, FAIL),
        (ON, [flow(apiConnectorConfiguration={})], NOT_ASSESSED, FAIL),
        (ON, [flow(apiConnectorConfiguration={"postFederationSignup": {}})], NOT_ASSESSED, FAIL),
        (ON, [flow(apiConnectorConfiguration="x")], NOT_ASSESSED, FAIL),
        (ON, REFUSED, NOT_ASSESSED, FAIL),
        (ON, None, NOT_ASSESSED, FAIL),
        (ON, [None], NOT_ASSESSED, FAIL),
    ],
)
def test_self_service(policy: Any, flows: Any, posture: Outcome, zta: Outcome) -> None:
    for profile, outcome in ((Profile.POSTURE, posture), (Profile.MS_ZTA, zta)):
        chosen = Settings(profile=profile, thresholds=Thresholds(allowed_user_flow_ids=("B2X_1_Allowed",)))
        found = f.judge("GUEST-INV-003", authentication_flows_policy=policy, b2x_user_flows=flows, settings=chosen)
        assert found.outcome is outcome, found.summary
        if outcome is not NOT_ASSESSED:
            again = self_service_sign_up_is_off(policy, flows, chosen.thresholds, profile)
            assert again.outcome is outcome
            assert verdicts(found)["Microsoft Zero Trust Assessment 21823"] == ("pass" if policy is OFF else "fail")


def test_the_flows_concerned_are_named() -> None:
    found = f.judge("GUEST-INV-003", authentication_flows_policy=ON, b2x_user_flows=[BARE])
    assert [row["id"] for row in found.affected.sample] == ["B2X_1_x"]
    refused = f.gap("b2x_user_flows", permission="IdentityUserFlow.Read.All")
    lost = f.judge("GUEST-INV-003", authentication_flows_policy=ON, b2x_user_flows=refused)
    assert lost.gap is not None
    assert "IdentityUserFlow.Read.All" in lost.gap.unlock


@pytest.mark.parametrize("wrong", [*WRONG[:1], None, "true", 1, [], {}])
def test_an_unknown_switch_of_self_service(wrong: Any) -> None:
    for policy in (
        {"selfServiceSignUp": f.changed({}, {"isEnabled": wrong})},
        f.changed({}, {"selfServiceSignUp": wrong}),
    ):
        assert f.judge("GUEST-INV-003", authentication_flows_policy=policy, b2x_user_flows=[]).outcome is NOT_ASSESSED


# INV-004


@pytest.mark.parametrize(
    ("joins", "subscribes", "outcome"),
    [
        (False, False, PASS),
        (False, True, PARTIAL),
        (True, False, FAIL),
        (True, True, FAIL),
        *((wrong, False, NOT_ASSESSED) for wrong in (f.ABSENT, None, "false", 0, [])),
        *((False, wrong, NOT_ASSESSED) for wrong in (f.ABSENT, None, "false", 0, [])),
    ],
)
def test_mail_makes_members(joins: Any, subscribes: Any, outcome: Outcome) -> None:
    policy = f.authorization_policy(
        allowEmailVerifiedUsersToJoinOrganization=joins, allowedToSignUpEmailBasedSubscriptions=subscribes
    )
    assert f.judge("GUEST-INV-004", authorization_policy=policy).outcome is outcome
    if outcome is not NOT_ASSESSED:
        assert email_does_not_make_members(policy).outcome is outcome


# INV-005


def redemption(fallback: Any = "emailOneTimePasscode", **changes: Any) -> dict[str, Any]:
    configuration = {
        "primaryIdentityProviderPrecedenceOrder": ["azureActiveDirectory"],
        "fallbackIdentityProvider": fallback,
    }
    return f.cross_tenant_default(**{"invitationRedemptionIdentityProviderConfiguration": configuration, **changes})


def provider(kind: str = "socialIdentityProvider", name: str = "Facebook") -> dict[str, Any]:
    return {"@odata.type": f"#microsoft.graph.{kind}", "id": name, "identityProviderType": name}


GOOD: dict[str, Any] = {
    "authentication_methods_policy": f.authentication_methods_policy("default"),
    "cross_tenant_default": redemption(),
    "identity_providers": [provider("builtInIdentityProvider", "EmailOTP"), provider(name="Google")],
    "conditional_access_policies": [f.guest_policy()],
    "security_defaults": f.security_defaults(),
    "guests": [f.guest(1)],
    "privileged_group_members": [],
    "groups": [],
    "authentication_strengths": [],
}


def redeemed(settings: Settings | None = None, **changes: Any) -> Finding:
    return f.judge("GUEST-INV-005", settings=settings, **{**GOOD, **changes})


STRENGTH = f.guest_policy(
    grant={"builtInControls": [], "authenticationStrength": {"id": "00000000-0000-0000-0000-000000000002"}}
)
BY_CODE = f.guest(1, identities=[{"signInType": "federated", "issuer": "mail"}])


@pytest.mark.parametrize(
    ("changes", "outcome"),
    [
        ({}, PASS),
        ({"authentication_methods_policy": f.authentication_methods_policy("enabled")}, PASS),
        ({"cross_tenant_default": redemption("defaultConfiguredIdp")}, PARTIAL),
        ({"cross_tenant_default": redemption("microsoftAccount")}, PARTIAL),
        ({"authentication_methods_policy": f.authentication_methods_policy("disabled")}, PARTIAL),
        ({"identity_providers": [provider()]}, PARTIAL),
        ({"identity_providers": [provider("appleManagedIdentityProvider", "Apple")]}, PARTIAL),
        ({"identity_providers": [provider("samlOrWsFedExternalDomainFederation", "x")]}, PASS),
        ({"conditional_access_policies": [f.guest_policy(state="enabledForReportingButNotEnforced")]}, PARTIAL),
        ({"conditional_access_policies": [], "security_defaults": f.security_defaults(enabled=True)}, PARTIAL),
        ({"conditional_access_policies": []}, FAIL),
        (
            {
                "conditional_access_policies": [],
                "authentication_methods_policy": f.authentication_methods_policy("disabled"),
            },
            FAIL,
        ),
        ({"conditional_access_policies": [STRENGTH]}, PASS),
        ({"conditional_access_policies": [STRENGTH], "guests": [BY_CODE]}, PARTIAL),
        ({"conditional_access_policies": [f.guest_policy(users={"excludeUsers": [f.object_id(1)]})]}, PARTIAL),
        # what is not known
        ({"authentication_methods_policy": f.authentication_methods_policy(None)}, NOT_ASSESSED),
        ({"cross_tenant_default": redemption("unknownFutureValue")}, NOT_ASSESSED),
        ({"cross_tenant_default": redemption(None)}, NOT_ASSESSED),
        (
            {
                "cross_tenant_default": f.cross_tenant_default(
                    invitationRedemptionIdentityProviderConfiguration=f.ABSENT
                )
            },
            NOT_ASSESSED,
        ),
        ({"identity_providers": f.gap("identity_providers")}, NOT_ASSESSED),
        ({"identity_providers": [provider("newProvider")]}, NOT_ASSESSED),
        ({"identity_providers": [{"id": "x"}]}, NOT_ASSESSED),
        ({"conditional_access_policies": f.gap("conditional_access_policies")}, NOT_ASSESSED),
        ({"conditional_access_policies": [], "security_defaults": f.gap("security_defaults")}, NOT_ASSESSED),
        ({"conditional_access_policies": [STRENGTH], "guests": f.gap("guests")}, NOT_ASSESSED),
        ({"conditional_access_policies": [STRENGTH], "guests": [f.guest(1, identities=None)]}, NOT_ASSESSED),
        # a weak way that is known stands, whatever else could not be read
        (
            {"identity_providers": f.gap("identity_providers"), "cross_tenant_default": redemption("microsoftAccount")},
            PARTIAL,
        ),
    ],
)
def test_redemption(changes: dict[str, Any], outcome: Outcome) -> None:
    assert redeemed(**changes).outcome is outcome


def test_cis_wants_the_passcode_off_and_contradicts_itself() -> None:
    cis = Settings(profile=Profile.CIS_M365_V7)
    off = redeemed(cis, authentication_methods_policy=f.authentication_methods_policy("disabled"))
    assert off.outcome is PASS
    assert "7.2.2" in off.notes[0]
    assert redeemed(cis).outcome is FAIL


@pytest.mark.parametrize(
    ("otp", "state", "cis_5_2_3_7", "prowler"),
    [
        ("default", "disabled", "fail", "pass"),  # the peer's test looks at another property
        ("enabled", "enabled", "fail", "fail"),
        ("disabled", "enabled", "pass", "fail"),
        ("disabled", "disabled", "pass", "pass"),
    ],
)
def test_authorities_on_the_passcode(otp: str, state: str, cis_5_2_3_7: str, prowler: str) -> None:
    found = redeemed(authentication_methods_policy=f.authentication_methods_policy(otp, state=state))
    assert [a.verdict for a in found.authorities] == [cis_5_2_3_7, prowler]
    assert found.authorities[0].item.startswith("5.2.3.7 L2")


# Safer never looks worse


@given(st.sampled_from(INVITERS), st.sampled_from(INVITERS), st.sampled_from(list(Profile)))
def test_fewer_inviters_are_never_worse(one: str, other: str, profile: Profile) -> None:
    wider, narrower = sorted((one, other), key=INVITERS.index)
    ranks = [
        RANK[invitations_are_limited(f.authorization_policy(allowInvitesFrom=s), REFUSED, profile).outcome]
        for s in (wider, narrower)
    ]
    assert ranks[0] <= ranks[1]


@given(st.lists(st.booleans(), min_size=2, max_size=2), st.integers(0, 1))
def test_switching_one_off_is_never_worse(switches: list[bool], which: int) -> None:
    def rank(flags: list[bool]) -> int:
        policy = f.authorization_policy(
            allowEmailVerifiedUsersToJoinOrganization=flags[0], allowedToSignUpEmailBasedSubscriptions=flags[1]
        )
        return RANK[email_does_not_make_members(policy).outcome]

    safer = [False if n == which else flag for n, flag in enumerate(switches)]
    assert rank(safer) >= rank(switches)


DOMAINS = st.lists(st.from_regex(r"[a-z]{1,8}\.example", fullmatch=True), min_size=1, max_size=4)


@settings(max_examples=50)
@given(DOMAINS, st.sampled_from(list(Profile)))
def test_a_tighter_list_is_never_worse(domains: list[str], profile: Profile) -> None:
    ranks = [
        RANK[invitations_go_to_approved_domains([policy], profile, Thresholds()).outcome]
        for policy in (f.b2b_policy(), f.b2b_policy(blocked=domains), f.b2b_policy(domains))
    ]
    assert ranks == sorted(ranks)


@settings(max_examples=50)
@given(
    st.sampled_from(["microsoftAccount", "defaultConfiguredIdp", "emailOneTimePasscode"]),
    st.sampled_from([[], [f.guest_policy(state="enabledForReportingButNotEnforced")], [f.guest_policy()]]),
    st.sampled_from([[provider()], []]),
)
def test_safer_ways_in_are_never_worse(fallback: str, policies: Any, providers: Any) -> None:
    def rank(**changes: Any) -> int:
        given_ = {
            "cross_tenant_default": redemption(fallback),
            "conditional_access_policies": policies,
            "identity_providers": providers,
        }
        return RANK[redeemed(**{**given_, **changes}).outcome]

    base = rank()
    assert rank(cross_tenant_default=redemption()) >= base
    assert rank(conditional_access_policies=[f.guest_policy()]) >= base
    assert rank(identity_providers=[]) >= base


@given(st.text() | st.integers() | st.none() | st.lists(st.text()) | st.booleans())
def test_no_value_of_a_setting_breaks_a_control(value: Any) -> None:
    for code, facts in (
        ("GUEST-INV-001", {"authorization_policy": f.authorization_policy(allowInvitesFrom=value)}),
        (
            "GUEST-INV-004",
            {"authorization_policy": f.authorization_policy(allowedToSignUpEmailBasedSubscriptions=value)},
        ),
        ("GUEST-INV-002", {"b2b_management_policies": [f.b2b_policy(value)]}),
    ):
        found = f.judge(code, **facts)
        assert found.outcome is not Outcome.ERROR, found.summary
        json.dumps([o.value for o in found.observed])
