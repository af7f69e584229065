"""Each hunt: what raises its lead, at which severity, and what does not."""

import json
from pathlib import Path
from typing import Any

import pytest

from posture.hunts.kql.queries import names
from posture.hunts.registry import hunts
from tests.hunts import rows as r
from tests.hunts.rows import (
    ADMIN,
    FRIEND,
    GUEST,
    MEMBER,
    OURS,
    SHELL,
    THEIRS,
    at,
    audit,
    by,
    change,
    hunt,
    invite,
    redeem,
    refused,
    sign_in,
    user,
)

INSIDER = by(MEMBER, "lee@contoso.example")
OUTSIDER = by(GUEST, "bob_fabrikam.example#EXT#@contoso.onmicrosoft.com")


def counts(found: dict[str, Any]) -> dict[str, Any]:
    return {k: v if isinstance(v, str) else v[0] for k, v in found.items()}


def test_the_catalogue() -> None:
    codes = [h.code for h in hunts()]
    assert codes[:8] == [f"GUEST-HUN-00{n}" for n in range(1, 9)]
    assert len(codes) == len(set(codes))
    for one in hunts():
        assert one.query in names(), one.code
        assert one.logs, one.code
        assert all(s.startswith("https://") for s in one.source), one.code
    assert len({h.query for h in hunts()}) == len(codes)


# --- invitations


def test_guests_inviting(tmp_path: Path) -> None:
    rows = [
        invite(initiatedBy=OUTSIDER),
        invite(initiatedBy=by("9", "sam_notcontoso.example#EXT#@contoso.example")),
        invite(initiatedBy=OUTSIDER, result="failure"),
        invite(initiatedBy=INSIDER),
        invite(initiatedBy=by("8", "old@contoso.example", userType="Guest")),
        invite(initiatedBy=r.by_app("a1", "Onboarding Bot", "b1")),
        invite(initiatedBy=r.by_app("a2", "", "810dcf14-1858-4bf2-8134-4c369fa3235b")),
        audit("Invite external user.", initiatedBy=OUTSIDER),
    ]
    found = hunt(tmp_path, "GUEST-HUN-001", rows)
    assert counts(found) == {"high": 4, "high+": 1, "info": 1, "low": 1}
    assert {row["why"] for row in found["high"][1]} == {"in the guest list", "#EXT# in the name", "the log says guest"}
    assert found["high"][1][0]["from"] == "203.0.113.7"


def test_approved_inviters_and_apps(tmp_path: Path) -> None:
    rows = [invite(initiatedBy=OUTSIDER), invite(initiatedBy=r.by_app("a1", "Bot", "b1"))]
    assert hunt(tmp_path, "GUEST-HUN-001", rows, approved_inviter_ids=(GUEST.upper(),), approved_app_ids=("B1",)) == {}


def test_an_invitation_without_a_time_still_counts(tmp_path: Path) -> None:
    assert counts(hunt(tmp_path, "GUEST-HUN-001", [invite(initiatedBy=OUTSIDER, activityDateTime=None)])) == {"high": 1}


def test_new_inviters(tmp_path: Path) -> None:
    rows = [
        invite(at(20), initiatedBy=INSIDER),
        invite(at(2), initiatedBy=INSIDER),
        invite(at(28), initiatedBy=by(ADMIN, "old@contoso.example")),
        invite(at(16), initiatedBy=by(ADMIN, "old@contoso.example")),
        invite(at(3), initiatedBy=by(ADMIN, "old@contoso.example")),
        invite(at(1), initiatedBy=OUTSIDER),
        invite(at(1), initiatedBy=by("7", "x@contoso.example"), result="failure"),
    ]
    found = hunt(tmp_path, "HUNT-NEW-INVITER", rows)
    assert counts(found) == {"low": 1}, "the first log days prove nothing; a pause of 14 days makes new again"
    assert found["low"][1][0]["who"] == "lee@contoso.example"
    assert "does not reach back" in hunt(tmp_path, "HUNT-NEW-INVITER", rows, days=7)["limit"]


def test_refused_inviters(tmp_path: Path) -> None:
    rows = [invite(at(1, minutes=n), initiatedBy=INSIDER, result="failure", to=f"x{n}@b{n}.example") for n in range(5)]
    found = hunt(tmp_path, "HUNT-REFUSED-INVITER", rows)
    assert found["low"][1][0]["failures"] == 5
    assert "b4.example" in found["low"][1][0]["domains"]
    assert hunt(tmp_path, "HUNT-REFUSED-INVITER", rows[:4]) == {}


def test_bursts(tmp_path: Path) -> None:
    def send(count: int, days: float, who: dict[str, Any], gap: float = 1) -> list[dict[str, Any]]:
        return [invite(at(days, minutes=n * gap), initiatedBy=who, to=f"p{n}@f{n % 3}.example") for n in range(count)]

    found = hunt(tmp_path, "GUEST-HUN-005", send(12, 2, OUTSIDER))
    assert counts(found) == {"high": 1}
    row = found["high"][1][0]
    assert (row["invitations"], row["domains"], row["why"]) == (12, 3, "in the guest list")
    assert counts(hunt(tmp_path, "GUEST-HUN-005", send(10, 2, INSIDER))) == {"high": 1}
    assert counts(hunt(tmp_path, "GUEST-HUN-005", [invite(at(9), initiatedBy=INSIDER), *send(10, 2, INSIDER)])) == {
        "low": 1
    }
    assert hunt(tmp_path, "GUEST-HUN-005", send(9, 2, OUTSIDER)) == {}
    assert hunt(tmp_path, "GUEST-HUN-005", send(30, 5, OUTSIDER, gap=7)) == {}
    assert counts(hunt(tmp_path, "GUEST-HUN-005", [*send(10, 5, OUTSIDER), *send(10, 3, OUTSIDER)])) == {"high": 2}
    long = hunt(tmp_path, "GUEST-HUN-005", send(40, 5, OUTSIDER, gap=4))["high"]
    assert (long[0], long[1][0]["invitations"]) == (1, 40), "one long run is one burst"
    job = audit("Bulk invite users - started (bulk)", initiatedBy=INSIDER)
    assert counts(hunt(tmp_path, "GUEST-HUN-005", [job])) == {"low": 1}


def test_guests_without_an_invitation(tmp_path: Path) -> None:
    made = audit("Add user", at(3), targetResources=[user("5", "", change("UserType", "[]", '["Guest"]'))])
    assert counts(hunt(tmp_path, "HUNT-UNLOGGED-INVITE", [made])) == {"low": 1}
    assert hunt(tmp_path, "HUNT-UNLOGGED-INVITE", [made, invite(at(2.5), who="5")]) == {}
    member = audit("Add user", targetResources=[user("6", "", change("UserType", "[]", '["Member"]'))])
    assert hunt(tmp_path, "HUNT-UNLOGGED-INVITE", [member]) == {}


def test_unredeemed(tmp_path: Path) -> None:
    old, young = invite(at(40), who="5"), invite(at(5), who="6")
    assert counts(hunt(tmp_path, "HUNT-UNREDEEMED", [old, young], days=90)) == {"low": 1}
    for over in (redeem(at(39), who="5"), audit("Delete user", at(3), targetResources=[user("5")])):
        assert hunt(tmp_path, "HUNT-UNREDEEMED", [old, over], days=90) == {}
    assert "limit" in hunt(tmp_path, "HUNT-UNREDEEMED", [old], days=30)


# --- sign-ins


def test_shells(tmp_path: Path) -> None:
    rows = [
        sign_in(appId=SHELL, resourceId=r.GRAPH),
        sign_in(appId=SHELL.upper(), appDisplayName="anything"),
        sign_in(userId=FRIEND, appId="04b07795-8ddb-461a-bbee-02f9e1bf7b46"),
        refused(53003, userId="5", appId=SHELL),
        sign_in(userId="6", appDisplayName="Microsoft Graph Command Line Tools"),
        sign_in(userId=MEMBER, appId=SHELL, homeTenantId=OURS),
        sign_in(userId=GUEST, appId=SHELL, resourceTenantId=THEIRS),
    ]
    found = hunt(tmp_path, "GUEST-HUN-002", sign_ins=rows)
    assert counts(found) == {"high": 1, "medium": 1, "low": 1}
    assert found["high"][1][0]["succeeded"] == 2
    assert found["high"][1][0]["client"] == "Microsoft Graph Command Line Tools"
    approved = hunt(tmp_path, "GUEST-HUN-002", sign_ins=rows[:3], approved_guest_ids=(GUEST, FRIEND))
    assert counts(approved) == {"low": 2}


def test_portals(tmp_path: Path) -> None:
    rows = [
        sign_in(),
        sign_in(appId="74658136-14ec-4630-ad9b-26e160ff0fc6"),
        sign_in(userId=FRIEND, location={"countryOrRegion": "SE"}),
        refused(50126, userId="5"),
    ]
    assert counts(hunt(tmp_path, "GUEST-HUN-003", sign_ins=rows)) == {"medium": 2, "low": 1}
    expected = hunt(tmp_path, "GUEST-HUN-003", sign_ins=rows, expected_countries=("no",))
    assert counts(expected) == {"medium": 1, "low": 1, "low+": 1}
    risky = hunt(
        tmp_path, "GUEST-HUN-003", sign_ins=[sign_in(riskLevelDuringSignIn="high")], expected_countries=("NO",)
    )
    assert counts(risky) == {"medium": 1}


def test_failures_before_success(tmp_path: Path) -> None:
    tries = [refused(50126, at(1, minutes=n)) for n in range(5)]
    inside = [sign_in(at(1, minutes=9)), sign_in(at(1, minutes=12))]
    found = hunt(tmp_path, "HUNT-FAILED-THEN-IN", sign_ins=[*tries, *inside])
    assert counts(found) == {"medium": 1}, "a second success is the same story"
    assert found["medium"][1][0]["failures"] == 5
    assert hunt(tmp_path, "HUNT-FAILED-THEN-IN", sign_ins=[*tries[:4], *inside]) == {}
    assert hunt(tmp_path, "HUNT-FAILED-THEN-IN", sign_ins=[*tries, sign_in(at(1, minutes=70))]) == {}
    steps = [refused(50074, at(1, minutes=n)) for n in range(9)]
    assert hunt(tmp_path, "HUNT-FAILED-THEN-IN", sign_ins=[*steps, *inside]) == {}, "a prompt is no refusal"


def test_new_countries(tmp_path: Path) -> None:
    def seen(country: str, days: float, **more: Any) -> dict[str, Any]:
        return sign_in(at(days), location={"countryOrRegion": country}, **more)

    rows = [seen("NO", 25), seen("no", 3), seen("NG", 2), seen("NG", 1), seen("SE", 3, userId=FRIEND)]
    found = hunt(tmp_path, "HUNT-NEW-COUNTRY", sign_ins=rows)
    assert counts(found) == {"low": 1}
    assert (found["low"][1][0]["country"], found["low"][1][0]["known"]) == ("NG", "NO")
    assert "limit" in hunt(tmp_path, "HUNT-NEW-COUNTRY", sign_ins=rows, days=5)


def test_dormant_guests(tmp_path: Path) -> None:
    rows = [sign_in(at(100)), refused(50126, at(50)), sign_in(at(10)), sign_in(at(9))]
    found = hunt(tmp_path, "HUNT-WOKE", sign_ins=rows, days=180)
    assert counts(found) == {"medium": 1}
    assert found["medium"][1][0]["silent_days"] == 90
    assert "needs a log that long" in hunt(tmp_path, "HUNT-WOKE", sign_ins=rows, days=30)["limit"]


def test_refused_by_many_apps(tmp_path: Path) -> None:
    rows = [refused(50105 if n % 2 else 53003, at(1, minutes=n), appId=f"app{n}") for n in range(3)]
    found = hunt(tmp_path, "HUNT-REFUSED-APPS", sign_ins=rows)
    assert found["medium"][1][0]["applications"] == 3
    same = [refused(53003, at(1, minutes=n), appId="app") for n in range(9)]
    assert hunt(tmp_path, "HUNT-REFUSED-APPS", sign_ins=same) == {}
    assert hunt(tmp_path, "HUNT-REFUSED-APPS", sign_ins=[*rows[:2], refused(53003, at(0.5), appId="app9")]) == {}


def test_new_applications(tmp_path: Path) -> None:
    rows = [sign_in(at(29), appId="old"), sign_in(at(2), appId="old"), sign_in(at(3), appId="new", userId=FRIEND)]
    rows += [sign_in(at(2), appId="new"), sign_in(at(2), appId="2793995e-0a7d-40d7-bd35-6968ba142197")]
    found = hunt(tmp_path, "HUNT-NEW-APP", sign_ins=rows)
    assert [(row["application_id"], row["who_id"]) for row in found["low"][1]] == [("new", FRIEND)]
    assert "limit" in hunt(tmp_path, "HUNT-NEW-APP", sign_ins=rows, days=10)


def test_refusals_without_account_and_elsewhere(tmp_path: Path) -> None:
    rows = [
        refused(500213, userId="5"),
        sign_in(userId="6", status={"errorCode": 9, "failureReason": "Blocked by Cross-Tenant Access policy"}),
        refused(50126, userId="7"),
    ]
    assert counts(hunt(tmp_path, "HUNT-CROSS-TENANT-REFUSED", sign_ins=rows)) == {"low": 2}
    ways = [
        sign_in(userId="8", crossTenantAccessType="b2bDirectConnect"),
        sign_in(crossTenantAccessType="b2bCollaboration"),
    ]
    assert counts(hunt(tmp_path, "HUNT-NO-ACCOUNT", sign_ins=ways)) == {"info": 1}
    abroad = [sign_in(userId=MEMBER, homeTenantId=OURS, resourceTenantId=THEIRS) for _ in range(2)]
    found = hunt(tmp_path, "HUNT-ELSEWHERE", sign_ins=[*abroad, sign_in()])
    assert found["info"][1][0]["succeeded"] == 2


# --- changes


def b2b(
    old: dict[str, Any] | None, new: dict[str, Any] | None, activity: str = "Update policy", levels: int = 2
) -> dict[str, Any]:
    def packed(lists: dict[str, Any] | None) -> str | None:
        if lists is None:
            return None
        policy: Any = {"B2BManagementPolicy": {"InvitationsAllowedAndBlockedDomainsPolicy": lists}}
        return json.dumps([json.dumps(policy)] if levels == 2 else [policy] if levels == 1 else policy)

    target = {"id": "p", "type": "Policy", "displayName": "B2BManagementPolicy"}
    return audit(
        activity,
        targetResources=[{**target, "modifiedProperties": [change("PolicyDetails", packed(old), packed(new))]}],
    )


@pytest.mark.parametrize("levels", [0, 1, 2])
@pytest.mark.parametrize(
    ("old", "new", "severity"),
    [
        ({"AllowedDomains": ["a.example"]}, {"BlockedDomains": []}, "high"),
        ({"AllowedDomains": ["a.example"]}, {"AllowedDomains": ["a.example", "b.example"]}, "high"),
        ({"AllowedDomains": ["a.example"]}, {"BlockedDomains": ["b.example"]}, "high"),
        ({"BlockedDomains": ["a.example"]}, {"BlockedDomains": []}, "high"),
        ({"AllowedDomains": ["a.example"]}, {"AllowedDomains": ["b.example"]}, "high"),
        ({"BlockedDomains": []}, {"AllowedDomains": ["a.example"]}, "info"),
        (
            {"AllowedDomains": [], "BlockedDomains": ["a.example"]},
            {"BlockedDomains": ["a.example", "b.example"]},
            "info",
        ),
        ({"BlockedDomains": []}, {"AllowedDomains": []}, "medium"),
    ],
)
def test_domain_lists(old: dict[str, Any], new: dict[str, Any], severity: str, levels: int, tmp_path: Path) -> None:
    assert counts(hunt(tmp_path, "GUEST-HUN-004", [b2b(old, new, levels=levels)])) == {severity: 1}


def test_domain_lists_that_come_go_or_cannot_be_read(tmp_path: Path) -> None:
    allow = {"AllowedDomains": ["a.example"]}
    assert counts(hunt(tmp_path, "GUEST-HUN-004", [b2b(None, allow, "Add policy")])) == {"info": 1}
    assert counts(hunt(tmp_path, "GUEST-HUN-004", [b2b(allow, None, "Delete policy")])) == {"high": 1}
    assert hunt(tmp_path, "GUEST-HUN-004", [b2b(allow, {"AllowedDomains": ["A.example"]})]) == {}
    broken = b2b(allow, allow)
    broken["targetResources"][0]["modifiedProperties"][0]["newValue"] = "<cut> B2BManagementPolicy"
    found = hunt(tmp_path, "GUEST-HUN-004", [broken])
    assert found["medium"][1][0]["after"] == "<cut> B2BManagementPolicy", "what cannot be taken apart is shown raw"
    other = audit(
        "Update policy", targetResources=[{"id": "p", "displayName": "TokenLifetimePolicy", "modifiedProperties": []}]
    )
    assert hunt(tmp_path, "GUEST-HUN-004", [other]) == {}


def features(old: list[str], new: list[str]) -> dict[str, Any]:
    values = [json.dumps([{"EnabledFeatures": f}], indent=2).replace("\n", "\r\n") for f in (old, new)]
    target = {"id": OURS, "displayName": "Company_x", "modifiedProperties": [change("DirectoryFeatures", *values)]}
    return audit("Set directory feature on tenant.", targetResources=[target])


def test_directory_features(tmp_path: Path) -> None:
    base = ["OrgIdBlockWrite", "GroupLicenseAssignment2"]
    opened = hunt(tmp_path, "GUEST-HUN-004", [features([*base, "RestrictInvitations"], base)])
    assert opened["high"][1][0]["after"] == "invitations are possible"
    assert counts(hunt(tmp_path, "GUEST-HUN-004", [features(base, [*base, "restrictinvitations"])])) == {"info": 1}
    assert hunt(tmp_path, "GUEST-HUN-004", [features(base, [*base, "EnableRoleAssignmentsToGroups"])]) == {}


def setting(activity: str, *changes: dict[str, Any], **more: Any) -> dict[str, Any]:
    target = {"id": "t", "displayName": "Policy", "type": "Policy", "modifiedProperties": list(changes)}
    return audit(activity, targetResources=[target], **more)


@pytest.mark.parametrize(
    ("row", "severity"),
    [
        (
            setting(
                "Update authorization policy", change("AllowInvitesFrom", '"adminsAndGuestInviters"', '"everyone"')
            ),
            "high",
        ),
        (setting("Update authorization policy", change("allowInvitesFrom", '["everyone"]', "none")), "info"),
        (
            setting(
                "Update authorization policy",
                change(
                    "GuestUserRoleId", "2AF84B1E-32C8-42B7-82BC-DAA82404023B", "10dae51f-b6af-4016-8d66-8c2a99b929b3"
                ),
            ),
            "high",
        ),
        (setting("Update authorization policy", change("AllowInvitesFrom", '"everyone"', '"somebodyNew"')), "medium"),
        (setting("Update authorization policy", change("BlockMsolPowerShell", "true", "false")), "high"),
        (setting("Update authorization policy", change("SomethingElse", '"a"', '"b"')), "medium"),
        (setting("Update authentication flows policy", change("isEnabled", "false", "true")), "high"),
        (setting("Update security defaults", change("isEnabled", "true", "false")), "high"),
        (setting("Update group settings", change("AllowToAddGuests", "true", "false")), "info"),
        (setting("Add a partner to cross-tenant access setting", change("tenantId", None, f'"{THEIRS}"')), "high"),
        (setting("Delete partner specific cross-tenant access setting"), "medium"),
        (
            setting(
                "Update a partner cross-tenant access setting",
                change(
                    "b2bCollaborationInbound",
                    '{"usersAndGroups":{"accessType":2}}',
                    '{"usersAndGroups":{"accessType":1}}',
                ),
            ),
            "high",
        ),
        (
            setting(
                "Update a partner cross-tenant access setting",
                change("inboundTrust", '{"isMfaAccepted":true}', '{"isMfaAccepted":false}'),
            ),
            "info",
        ),
        (
            setting(
                "Update a partner cross-tenant access setting",
                change(
                    "b2bCollaborationOutbound",
                    '{"usersAndGroups":{"accessType":2}}',
                    '{"usersAndGroups":{"accessType":1}}',
                ),
            ),
            "medium",
        ),
        (setting("Reset the cross-tenant access default setting"), "medium"),
        (setting("Something new", category="CrossTenantAccessSettings"), "medium"),
        (setting("Something new", category="MultiTenantOrgIdentitySyncPolicyUpdate"), "medium"),
        (
            setting(
                "Update authorization policy", change("AllowInvitesFrom", '"none"', '"everyone"'), result="failure"
            ),
            "low",
        ),
    ],
)
def test_settings(row: dict[str, Any], severity: str, tmp_path: Path) -> None:
    assert counts(hunt(tmp_path, "GUEST-HUN-004", [row])) == {severity: 1}


def test_approved_changes(tmp_path: Path) -> None:
    loose = setting("Update authorization policy", change("AllowInvitesFrom", '"none"', '"everyone"'))
    unclear = setting("Reset the cross-tenant access default setting")
    found = hunt(tmp_path, "GUEST-HUN-004", [loose, unclear], approved_change_actors=(ADMIN,))
    assert counts(found) == {"medium": 1}
    partner = setting("Add a partner to cross-tenant access setting", change("tenantId", None, f'"{THEIRS}"'))
    known = hunt(tmp_path, "GUEST-HUN-004", [partner], approved_partner_tenant_ids=(THEIRS.upper(),))
    assert counts(known) == {"medium": 1}


def policy(**changes: Any) -> str:
    users = {"includeGuestsOrExternalUsers": {"guestOrExternalUserTypes": 63}, **changes.pop("users", {})}
    base = {"id": "c", "displayName": "Guests need MFA", "state": "enabled", "conditions": {"users": users}}
    return json.dumps({**base, "grantControls": {"builtInControls": ["mfa"]}, **changes})


@pytest.mark.parametrize(
    ("old", "new", "severity"),
    [
        (policy(), None, "high"),
        (None, policy(), "info"),
        (policy(), policy(state="disabled"), "high"),
        (policy(state="enabledForReportingButNotEnforced"), policy(), "info"),
        (policy(), policy(grantControls={"builtInControls": []}), "high"),
        (policy(), policy(users={"excludeUsers": ["GuestsOrExternalUsers"]}), "high"),
        (
            policy(),
            policy(users={"includeGuestsOrExternalUsers": {"guestOrExternalUserTypes": "internalGuest"}}),
            "high",
        ),
        (
            policy(users={"includeUsers": ["All"]}),
            policy(users={"includeUsers": ["All"]}, displayName="Renamed"),
            "medium",
        ),
        (policy(), "<cut>", "medium"),
    ],
)
def test_conditional_access(old: str | None, new: str | None, severity: str, tmp_path: Path) -> None:
    row = setting("Update Conditional Access policy", change("ConditionalAccessPolicy", old, new))
    assert counts(hunt(tmp_path, "GUEST-HUN-004", [row])) == {severity: 1}


def test_conditional_access_that_concerns_no_guest(tmp_path: Path) -> None:
    staff = {"includeGuestsOrExternalUsers": None, "includeUsers": [MEMBER]}
    row = setting("Update conditional access policy", change("ConditionalAccessPolicy", policy(users=staff), None))
    assert hunt(tmp_path, "GUEST-HUN-004", [row]) == {}


def test_privileged_acts_and_impersonation(tmp_path: Path) -> None:
    rows = [
        audit("Add member to role", initiatedBy=OUTSIDER),
        audit("Reset user password", initiatedBy=OUTSIDER, result="failure"),
        audit("Update application – Certificates and secrets management ", initiatedBy=OUTSIDER),
        audit("Add member to role", initiatedBy=INSIDER),
        audit("Update user", initiatedBy=OUTSIDER),
    ]
    assert counts(hunt(tmp_path, "HUNT-OUTSIDER-ADMIN", rows)) == {"high": 2, "low": 1}
    assert hunt(tmp_path, "HUNT-OUTSIDER-ADMIN", rows, approved_change_actors=(GUEST,)) == {}
    posed = by(ADMIN, "admin@contoso.example", displayName="Office 365 Exchange Online")
    acts = [audit("Add user", initiatedBy=posed), audit("Add member to group", initiatedBy=posed), audit("Add user")]
    acts.append(audit("Update user", initiatedBy=json.dumps({"user": posed["user"]})))
    assert counts(hunt(tmp_path, "HUNT-IMPERSONATION", acts)) == {"high": 2}


# --- chains and lives


def role(
    when: str, who: str = GUEST, activity: str = "Add member to role", name: str = "User Administrator"
) -> dict[str, Any]:
    held = user(who, "bob_fabrikam.example#EXT#@contoso.example", change("Role.DisplayName", None, f'"{name}"'))
    return audit(activity, when, targetResources=[held, {"id": "r", "type": "Role", "displayName": name}])


def group(when: str, who: str = GUEST, group_id: str = "g1") -> dict[str, Any]:
    targets = [user(who), {"id": group_id, "type": "Group", "displayName": "Project"}]
    return audit("Add member to group", when, targetResources=targets)


def test_invited_then_power(tmp_path: Path) -> None:
    chain = [invite(at(5)), redeem(at(4.9), source="One Time Passcode"), role(at(4))]
    found = hunt(tmp_path, "GUEST-HUN-006", chain)
    row = found["critical"][1][0]
    assert (row["invited_by"], row["redeemed_with"], row["hours_to_power"]) == (
        "admin@contoso.example",
        "One Time Passcode",
        24.0,
    )
    assert "role: User Administrator" in row["steps"][0]
    assert len(row["ids"]) == 3
    assert counts(
        {k: v for k, v in hunt(tmp_path, "GUEST-HUN-006", [invite(at(20)), role(at(2))]).items() if k != "limit"}
    ) == {"medium": 1}
    assert "critical" not in hunt(tmp_path, "GUEST-HUN-006", [role(at(6)), invite(at(5))]), (
        "power before the invitation"
    )
    assert "critical" not in hunt(tmp_path, "GUEST-HUN-006", [invite(at(5), result="failure"), role(at(4))])
    eligible = [invite(at(5)), role(at(4), activity="Add eligible member to role in PIM completed (permanent)")]
    assert "critical" in hunt(tmp_path, "GUEST-HUN-006", eligible)
    asked = [invite(at(5)), role(at(4), activity="Add member to role in PIM requested (permanent)")]
    assert "critical" not in hunt(tmp_path, "GUEST-HUN-006", asked)


def test_a_group_that_may_hold_roles(tmp_path: Path) -> None:
    chain = [invite(at(5)), group(at(4))]
    assert counts(hunt(tmp_path, "GUEST-HUN-006", chain, privileged_groups=frozenset({"g1"}))) == {"critical": 1}
    assert counts(hunt(tmp_path, "GUEST-HUN-006", chain, privileged_groups=frozenset())) == {"medium": 1}
    assert "not read" in hunt(tmp_path, "GUEST-HUN-006", chain)["limit"]


def test_power_given(tmp_path: Path) -> None:
    owner = audit(
        "Add owner to application",
        targetResources=[user(GUEST), {"id": "a", "type": "Application", "displayName": "ERP"}],
    )
    rows = [role(at(3)), owner, group(at(2)), role(at(2), who=MEMBER), group(at(1), who=FRIEND, group_id="g9")]
    rows[3]["targetResources"][0]["userPrincipalName"] = "lee@contoso.example"
    found = hunt(tmp_path, "HUNT-GUEST-POWER", rows, privileged_groups=frozenset({"g9"}))
    assert counts(found) == {"high": 1, "high+": 1, "high++": 1, "low": 1}
    assert found["high"][1][0]["given"] == "User Administrator"
    nobody_listed = hunt(tmp_path, "HUNT-GUEST-POWER", [invite(at(3), who="55"), group(at(2), who="55")])
    assert counts(nobody_listed) == {"low": 1}, "who was invited in the log is from outside, listed or not"
    assert hunt(tmp_path, "HUNT-GUEST-POWER", [role(at(3))], approved_guest_admins=(GUEST,)) == {}


def test_invited_then_shell(tmp_path: Path) -> None:
    shell = sign_in(at(4.5), appId=SHELL)
    found = hunt(tmp_path, "HUNT-INVITED-THEN-SHELL", [invite(at(5))], [shell, sign_in(at(4.5))])
    assert found["high"][1][0]["role"] == "invited"
    inviter = hunt(tmp_path, "HUNT-INVITED-THEN-SHELL", [invite(at(5), who="55", initiatedBy=OUTSIDER)], [shell])
    assert inviter["high"][1][0]["role"] == "inviter"
    assert hunt(tmp_path, "HUNT-INVITED-THEN-SHELL", [invite(at(6))], [shell]) == {}
    assert hunt(tmp_path, "HUNT-INVITED-THEN-SHELL", [invite(at(4))], [shell]) == {}
    many = [sign_in(at(4.5), appId=SHELL, userId=f"u{n}") for n in range(9)]
    assert counts(hunt(tmp_path, "HUNT-INVITED-THEN-SHELL", [invite(at(5), who="u7")], many)) == {"high": 1}


def test_deleted_after_sign_in(tmp_path: Path) -> None:
    gone = audit(
        "Delete user", at(2), targetResources=[user(GUEST, "0123456789abcdef0123456789abcdefbob#EXT#@contoso.example")]
    )
    found = hunt(tmp_path, "HUNT-GONE-AFTER-SIGN-IN", [gone], [sign_in(at(9)), sign_in(at(2.5)), sign_in(at(1))])
    assert found["medium"][1][0]["application"] == "Azure Portal"
    assert hunt(tmp_path, "HUNT-GONE-AFTER-SIGN-IN", [gone], [sign_in(at(4))]) == {}


def turned(old: str, new: str, who: str = GUEST, **more: Any) -> dict[str, Any]:
    return audit(
        "Update user", targetResources=[user(who, "bob@contoso.example", change("UserType", old, new))], **more
    )


def test_turned_members(tmp_path: Path) -> None:
    rows = [turned('["Guest"]', '["Member"]'), turned('["Member"]', '["Guest"]'), turned("[]", '["Member"]')]
    found = hunt(tmp_path, "GUEST-HUN-007", rows)
    assert counts(found) == {"high": 1}
    assert found["high"][1][0]["still_external"] == "yes"
    hired = turned('"Guest"', "Member", who="55")
    assert counts(hunt(tmp_path, "GUEST-HUN-007", [hired], approved_change_actors=(ADMIN,))) == {"low": 1}
    assert hunt(tmp_path, "GUEST-HUN-007", [turned('["Guest"]', '["Member"]', result="failure")]) == {}


def test_members_turned_external(tmp_path: Path) -> None:
    renamed = change("UserPrincipalName", '["lee@contoso.example"]', '["lee_gmail.com#EXT#@contoso.example"]')
    rows = [
        audit("Invite internal user to B2B collaboration", targetResources=[user(MEMBER)]),
        audit("Update user", targetResources=[user(MEMBER, "", renamed)]),
        audit(
            "Update user",
            targetResources=[user(GUEST, "", change("UserPrincipalName", '["a#EXT#@b"]', '["c#EXT#@b"]'))],
        ),
    ]
    assert counts(hunt(tmp_path, "HUNT-MEMBER-TO-EXTERNAL", rows)) == {"medium": 2}


def lives(folder: Path, *rows: dict[str, Any], **more: Any) -> dict[str, Any]:
    return counts(
        {k: v for k, v in hunt(folder, "GUEST-HUN-008", list(rows), days=200, **more).items() if k != "limit"}
    )


def test_odd_redemptions(tmp_path: Path) -> None:
    reset = audit("Invite external user with reset invitation status", at(10))
    assert lives(tmp_path, invite(at(60)), redeem(at(10))) == {"low": 1}
    assert lives(tmp_path, invite(at(20)), redeem(at(10))) == {}
    assert lives(tmp_path, invite(at(20)), redeem(at(10), mail="bob@other.example")) == {"medium": 1}
    assert lives(tmp_path, invite(at(20)), reset, redeem(at(9))) == {"medium": 1, "low": 1}
    assert lives(tmp_path, invite(at(20)), reset, redeem(at(9)), approved_reset_actors=(ADMIN,)) == {}
    assert lives(tmp_path, invite(at(20)), audit("Delete external user", at(19.5))) == {"medium": 1}
    assert lives(tmp_path, invite(at(20)), audit("Delete external user", at(18))) == {}
    assert lives(tmp_path, audit("Email not sent, user unsubscribed")) == {"info": 1}
    passcode = redeem(at(9), source="One Time Passcode")
    assert lives(tmp_path, passcode, entra_domains=frozenset({"fabrikam.example"})) == {"medium": 1}
    assert lives(tmp_path, passcode, entra_domains=frozenset()) == {}
    assert "not judged" in hunt(tmp_path, "GUEST-HUN-008", [passcode])["limit"]


def test_redemption_under_either_name_and_service(tmp_path: Path) -> None:
    for name in ("Redeem external user invite", "Redeem extern user invite"):
        for service in ("B2B Auth", "Invited Users"):
            row = {**redeem(at(10)), "activityDisplayName": name, "loggedByService": service}
            assert lives(tmp_path, invite(at(60)), row) == {"low": 1}
