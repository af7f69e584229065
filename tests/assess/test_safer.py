"""Properties of judging whole tenants: a safer value, a lost permission, and hunts, over tenants mixed at random."""

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from posture.assess.evaluate import evaluate
from posture.assess.score import VALUES
from posture.assess.types import Assessment
from posture.controls.registry import Outcome
from posture.settings import Profile, Settings
from tests import facts as f
from tests.kept import KEPT, NEGLECTED, kept_tenant, neglected_tenant

KEPT_FACTS, NEGLECTED_FACTS = kept_tenant(), neglected_tenant()
NAMES = sorted(KEPT_FACTS)
RANK = {Outcome.PASS: 2, Outcome.PARTIAL: 1, Outcome.FAIL: 0}
NARROW = f.b2b_setting("allowed", "allowed", users_target=f.object_id(1, 1), applications_target="Office365")
SIDES = [f.OPEN, NARROW, f.CLOSED]
LISTS = [[], [f.b2b_policy(blocked=["rival.example"])], [f.b2b_policy(["fabrikam.example"])]]
CONSENT = "ManagePermissionGrantsForSelf.microsoft-user-default-{}"
SHARING = ["externalUserAndGuestSharing", "externalUserSharingOnly", "existingExternalUserSharingOnly", "disabled"]
INVITERS = ["everyone", "adminsGuestInvitersAndAllMembers", "adminsAndGuestInviters"]
LEVELS = [f.MEMBER_LEVEL, f.LIMITED_LEVEL, f.RESTRICTED_LEVEL]
DOMAIN_LISTS = [
    {"sharingDomainRestrictionMode": "none"},
    {"sharingDomainRestrictionMode": "blockList", "sharingBlockedDomainList": ["rival.example"]},
    {"sharingDomainRestrictionMode": "allowList", "sharingAllowedDomainList": ["fabrikam.example"]},
]
OFF, ON = [True, False], [False, True]

# own control, fact, property, values from the most open to the safest
KNOBS: list[tuple[str, str, str, list[Any]]] = [
    ("GUEST-INV-001", "authorization_policy", "allowInvitesFrom", INVITERS),
    ("GUEST-INV-001", "authorization_policy", "allowInvitesFrom", ["adminsGuestInvitersAndAllMembers", "none"]),
    ("GUEST-INV-002", "b2b_management_policies", "", LISTS),
    ("GUEST-INV-003", "authentication_flows_policy", "selfServiceSignUp.isEnabled", OFF),
    ("GUEST-INV-004", "authorization_policy", "allowEmailVerifiedUsersToJoinOrganization", OFF),
    ("GUEST-INV-004", "authorization_policy", "allowedToSignUpEmailBasedSubscriptions", OFF),
    ("GUEST-PER-001", "authorization_policy", "guestUserRoleId", LEVELS),
    ("GUEST-PER-003", "authorization_policy", "defaultUserRolePermissions.allowedToCreateApps", OFF),
    ("GUEST-PER-003", "authorization_policy", "defaultUserRolePermissions.allowedToCreateSecurityGroups", OFF),
    ("GUEST-PER-003", "authorization_policy", "defaultUserRolePermissions.allowedToCreateTenants", OFF),
    ("GUEST-PER-006", "authorization_policy", "allowUserConsentForRiskyApps", OFF),
    (
        "GUEST-PER-006",
        "authorization_policy",
        "defaultUserRolePermissions.permissionGrantPoliciesAssigned",
        [[CONSENT.format("legacy")], [CONSENT.format("low")], []],
    ),
    ("GUEST-PER-006", "admin_consent_request_policy", "isEnabled", ON),
    ("GUEST-XTA-001", "cross_tenant_default", "b2bCollaborationInbound", SIDES),
    ("GUEST-XTA-002", "cross_tenant_default", "b2bDirectConnectInbound", SIDES),
    ("GUEST-XTA-002", "cross_tenant_default", "b2bDirectConnectOutbound", SIDES),
    ("GUEST-XTA-002", "cross_tenant_default", "b2bCollaborationOutbound", SIDES),
    ("GUEST-XTA-003", "cross_tenant_default", "inboundTrust.isMfaAccepted", OFF),
    ("GUEST-XTA-003", "cross_tenant_default", "inboundTrust.isCompliantDeviceAccepted", OFF),
    ("GUEST-AUT-005", "security_defaults", "isEnabled", ON),
    (
        "GUEST-LIF-006",
        "entitlement_settings",
        "externalUserLifecycleAction",
        ["none", "blockSignIn", "blockSignInAndDelete"],
    ),
    ("GUEST-WRK-002", "sharepoint_settings", "sharingCapability", SHARING),
    ("GUEST-WRK-003", "sharepoint_settings", "*", DOMAIN_LISTS),
    ("GUEST-WRK-004", "sharepoint_settings", "isResharingByExternalUsersEnabled", OFF),
    ("GUEST-WRK-004", "sharepoint_settings", "isRequireAcceptingUserToMatchInvitedUserEnabled", ON),
]


def turned(facts: dict[str, Any], fact: str, path: str, value: Any) -> dict[str, Any]:
    """Return the facts with one property set; "" sets the whole fact, "*" several properties."""
    if not path:
        return {**facts, fact: value}
    if path == "*":
        return {**facts, fact: {**facts[fact], **value}}
    made = deepcopy(facts[fact])
    *parents, last = path.split(".")
    inner = made
    for key in parents:
        inner = inner[key]
    inner[last] = value
    return {**facts, fact: made}


@st.composite
def tenants(draw: st.DrawFn) -> tuple[dict[str, Any], Settings]:
    """Return a tenant whose facts come from the kept or the neglected one, and how it is judged."""
    taken = draw(st.sets(st.sampled_from(NAMES), max_size=len(NAMES) // 2))
    facts = {name: NEGLECTED_FACTS[name] if name in taken else KEPT_FACTS[name] for name in NAMES}
    base = draw(st.sampled_from([KEPT, NEGLECTED]))
    return facts, Settings(draw(st.sampled_from(list(Profile))), base.thresholds)


def judged(facts: dict[str, Any], chosen: Settings) -> Assessment:
    return evaluate(f.snapshot(**facts), chosen, hunts=False)


def applicable(found: Assessment) -> set[str]:
    return {x.control.code for x in found.findings if x.outcome in VALUES}


@settings(max_examples=60)
@given(tenants(), st.sampled_from(KNOBS), st.data())
def test_a_safer_value_is_never_worse_and_never_costs(
    tenant: tuple[dict[str, Any], Settings], knob: tuple[str, str, str, list[Any]], data: st.DataObject
) -> None:
    facts, chosen = tenant
    code, fact, path, values = knob
    steps = data.draw(st.sets(st.integers(0, len(values) - 1), min_size=2, max_size=2))
    open_, safe = (judged(turned(facts, fact, path, values[n]), chosen) for n in sorted(steps))
    was, now = (next(x for x in a.findings if x.control.code == code) for a in (open_, safe))
    if was.outcome in RANK and now.outcome in RANK:
        assert RANK[now.outcome] >= RANK[was.outcome], f"{was.summary} became {now.summary}"
    else:
        assert now.outcome not in (Outcome.FAIL, Outcome.ERROR), now.summary
    if applicable(open_) == applicable(safe):
        assert safe.score.raw is not None
        assert open_.score.raw is not None
        assert safe.score.raw >= open_.score.raw
        if safe.score.value is not None and open_.score.value is not None:
            assert safe.score.value >= open_.score.value


def test_the_knobs_do_turn_something() -> None:
    """From the most open value to the safest, each one betters its own control in some tenant."""
    for code, fact, path, values in KNOBS:
        gains = []
        for facts in (KEPT_FACTS, NEGLECTED_FACTS | {fact: KEPT_FACTS[fact]}):
            for profile in (Profile.POSTURE, Profile.MS_ZTA):
                chosen = Settings(profile, KEPT.thresholds)
                ends = [judged(turned(facts, fact, path, v), chosen) for v in (values[0], values[-1])]
                ranks = [RANK.get(x.outcome) for a in ends for x in a.findings if x.control.code == code]
                gains.append(None not in ranks and ranks[1] > ranks[0])  # type: ignore[operator]
        assert any(gains), f"{code}: {path or fact} changes nothing"


@settings(max_examples=40)
@given(tenants(), st.sets(st.sampled_from(NAMES), max_size=6), st.sampled_from(NAMES))
def test_losing_one_more_source_never_raises_low(
    tenant: tuple[dict[str, Any], Settings], lost: set[str], more: str
) -> None:
    facts, chosen = tenant

    def without(names: set[str]) -> Assessment:
        return judged({**facts, **{n: f.gap(n) for n in names}}, chosen)

    before, after = without(lost), without(lost | {more})
    assert before.score.low is not None
    assert after.score.low is not None
    assert after.score.low <= before.score.low


@pytest.mark.parametrize("tenant", [kept_tenant, neglected_tenant])
def test_hunts_touch_neither_findings_nor_score(tenant: Callable[[], dict[str, Any]]) -> None:
    with_hunts = evaluate(f.snapshot(**tenant()), NEGLECTED)
    without = evaluate(f.snapshot(**tenant()), NEGLECTED, hunts=False)
    assert with_hunts.hunts is not None, "there is a log to hunt in"
    assert with_hunts.score == without.score
    assert with_hunts.findings == without.findings
