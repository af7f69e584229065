"""Settings of two runs side by side."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from posture.errors import EvidenceError
from posture.hunts.since import changed_settings
from posture.settings import Severity
from posture.snapshot.types import Fact, Gap, GapReason, Provenance, Snapshot, Tenant
from tests import facts as f
from tests.hunts import rows as r

LIST = [
    {
        "id": "b",
        "isOrganizationDefault": True,
        "definition": [
            '{"B2BManagementPolicy":{"InvitationsAllowedAndBlockedDomainsPolicy":{"AllowedDomains":["a.example"]}}}'
        ],
    }
]
OPEN = [
    {
        "id": "b",
        "isOrganizationDefault": True,
        "definition": ['{"B2BManagementPolicy":{"InvitationsAllowedAndBlockedDomainsPolicy":{"BlockedDomains":[]}}}'],
    }
]


def snapshot(days: float, tenant: str = r.OURS, **values: Any) -> Snapshot:
    when = r.NOW - timedelta(days=days)
    found = {
        name: Fact(name, value, Provenance(f"GET {name}", "", "", when, (f"{name}-{days:g}",), f"{name}.json"))
        for name, value in values.items()
    }
    return Snapshot(Tenant(tenant, "Contoso"), when, found, {})


def test_what_changed_with_both_request_ids() -> None:
    before = snapshot(30, authorization_policy=f.authorization_policy(), b2b_management_policies=LIST, domains=[])
    after = snapshot(
        0,
        authorization_policy=f.authorization_policy(allowInvitesFrom="everyone"),
        b2b_management_policies=OPEN,
        domains=[],
    )
    result = changed_settings(before, after)
    assert [
        (c.fact, c.change.setting, c.change.before, c.change.after, c.change.direction.value) for c in result.changes
    ] == [
        ("authorization_policy", "allowInvitesFrom", "adminsAndGuestInviters", "everyone", "loosened"),
        ("b2b_management_policies", "domains that may be invited", "only these: a.example", "any domain", "loosened"),
    ]
    first = result.changes[0]
    assert (first.request_before, first.request_after) == ("authorization_policy-30", "authorization_policy-0")
    assert result.compared == ("authorization_policy", "b2b_management_policies", "domains")
    assert ("cross_tenant_default", "not read in the run of 2026-11-20 08:00 UTC") not in result.not_compared
    assert len(result.not_compared) == 14, "what one run lacks is named"


def test_the_log_names_who_did_it() -> None:
    changed = r.audit(
        "Update authorization policy",
        r.at(3),
        targetResources=[{"id": "p", "modifiedProperties": [r.change("AllowInvitesFrom", '"none"', '"everyone"')]}],
    )
    stale = {**changed, "id": "old", "activityDateTime": r.at(40), "initiatedBy": r.by("9", "nobody@contoso.example")}
    before = snapshot(30, authorization_policy=f.authorization_policy())
    after = snapshot(
        0, authorization_policy=f.authorization_policy(allowInvitesFrom="everyone"), directory_audits=[stale, changed]
    )
    (change,) = changed_settings(before, after).changes
    assert (change.who, change.from_ip, change.record) == ("admin@contoso.example", "203.0.113.7", changed["id"])
    (lead,) = changed_settings(before, after).leads()
    assert (lead.hunt, lead.severity, lead.rows[0]["who"]) == ("GUEST-HUN-004", Severity.HIGH, "admin@contoso.example")
    quiet = replace(after, facts={k: v for k, v in after.facts.items() if k != "directory_audits"})
    assert changed_settings(before, quiet).leads()[0].rows[0]["who"] == "the log names nobody"


def test_partners_policies_and_lists() -> None:
    partner = {"tenantId": r.THEIRS, "inboundTrust": {"isMfaAccepted": False}}
    policy = {
        "id": "c1",
        "displayName": "Guests",
        "state": "enabled",
        "conditions": {"users": {"includeUsers": ["GuestsOrExternalUsers"]}},
        "grantControls": {"builtInControls": ["mfa"]},
    }
    before = snapshot(
        9,
        cross_tenant_partners=[partner],
        conditional_access_policies=[policy],
        identity_providers=[],
        group_settings=[{"id": "1", "templateId": "t", "values": [{"name": "AllowToAddGuests", "value": "false"}]}],
        domains=[{"id": "contoso.example", "authenticationType": "Managed"}],
        authentication_methods_policy={
            "authenticationMethodConfigurations": [{"id": "Email", "allowExternalIdToUseEmailOtp": "disabled"}]
        },
        security_defaults={"id": "s", "isEnabled": True},
    )
    trusting = {**partner, "inboundTrust": {"isMfaAccepted": True}}
    after = snapshot(
        0,
        cross_tenant_partners=[trusting, {"tenantId": "new"}],
        conditional_access_policies=[],
        identity_providers=[{"id": "Google-OAUTH"}],
        group_settings=[{"id": "1", "templateId": "t", "values": [{"name": "AllowToAddGuests", "value": "true"}]}],
        domains=[{"id": "contoso.example", "authenticationType": "Federated"}],
        authentication_methods_policy={
            "authenticationMethodConfigurations": [{"id": "Email", "allowExternalIdToUseEmailOtp": "enabled"}]
        },
        security_defaults={"id": "s", "isEnabled": False},
    )
    found = {(c.fact, c.object_id): c.change.direction.value for c in changed_settings(before, after).changes}
    assert found == {
        ("cross_tenant_partners", r.THEIRS): "loosened",
        ("cross_tenant_partners", "new"): "loosened",
        ("conditional_access_policies", "c1"): "loosened",
        ("identity_providers", "Google-OAUTH"): "loosened",
        ("group_settings", "t"): "loosened",
        ("domains", "contoso.example"): "unknown",
        ("authentication_methods_policy", ""): "unknown",
        ("security_defaults", ""): "loosened",
    }
    back = changed_settings(replace(after, taken_at=before.taken_at), replace(before, taken_at=after.taken_at))
    assert {c.change.direction.value for c in back.changes if c.fact != "domains"} == {"tightened", "unknown"}


def test_nothing_changed() -> None:
    same = {"authorization_policy": f.authorization_policy(), "b2b_management_policies": LIST}
    result = changed_settings(snapshot(9, **same), snapshot(0, **same))
    assert result.changes == ()
    assert result.leads() == ()


def test_what_could_not_be_read_is_no_sameness() -> None:
    before = snapshot(
        9, b2b_management_policies=LIST, authorization_policy=f.authorization_policy(), domains={"value": 1}
    )
    broken = [{"id": "b", "isOrganizationDefault": True, "definition": ["B2BManagementPolicy {"]}]
    after = snapshot(0, b2b_management_policies=broken, domains=[])
    gap = Gap("authorization_policy", GapReason.PERMISSION, "Graph refused.")
    result = changed_settings(before, replace(after, gaps={"authorization_policy": gap}))
    said = dict(result.not_compared)
    assert "could not be read" in said["b2b_management_policies"]
    assert said["authorization_policy"] == "Graph refused."
    assert said["domains"] == "one run holds an object and the other a list"


def test_other_tenants_and_wrong_order_are_refused() -> None:
    with pytest.raises(EvidenceError, match="two tenants"):
        changed_settings(snapshot(9), snapshot(0, tenant=r.THEIRS))
    with pytest.raises(EvidenceError, match="newer than this one"):
        changed_settings(snapshot(0), snapshot(9))


@pytest.mark.parametrize("value", [None, 7, "text", [1, None], {"a": None}, []])
def test_odd_values_never_break(value: Any) -> None:
    from posture.hunts.since import _COMPARERS

    names = list(_COMPARERS)
    changed_settings(snapshot(9, **dict.fromkeys(names, value)), snapshot(0, **dict.fromkeys(names, value)))
    changed_settings(snapshot(9, **dict.fromkeys(names, value)), snapshot(0, **{n: [] for n in names}))
    changed_settings(snapshot(9, **{n: {} for n in names}), snapshot(0, **dict.fromkeys(names, value)))
