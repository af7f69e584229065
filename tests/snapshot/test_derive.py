"""Derived facts: every stored spelling, and what must never be taken for an answer."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posture.errors import UnknownValueError
from posture.settings import Profile
from posture.snapshot import derive as d
from tests import facts as f

SAMPLES = Path(__file__).parents[3] / "shared" / "graph" / "samples"
BLOCK = {"InvitationsAllowedAndBlockedDomainsPolicy": {"BlockedDomains": ["live.example"]}}


# Guest level


@pytest.mark.parametrize(
    ("role", "level"),
    [
        (f.MEMBER_LEVEL, "member"),
        (f.LIMITED_LEVEL, "limited"),
        (f.RESTRICTED_LEVEL, "restricted"),
        (f.RESTRICTED_LEVEL.upper(), "restricted"),
        ("10DAE51F-b6af-4016-8D66-8c2a99b929b3", "limited"),
    ],
)
def test_guest_level(role: str, level: str) -> None:
    assert d.guest_level({"guestUserRoleId": role}) == level


@pytest.mark.parametrize("wrong", [f.ABSENT, None, "", 7, [], "restricted", "unknownFutureValue", f.MEMBER_LEVEL[:-1]])
def test_a_level_that_is_none_of_the_three_is_unknown(wrong: Any) -> None:
    with pytest.raises(UnknownValueError):
        d.guest_level(f.changed({}, {"guestUserRoleId": wrong}))


# Domain list


def mode(*policies: Any) -> tuple[str, tuple[str, ...]]:
    found = d.invitation_domain_mode(list(policies))
    return found.kind.value, found.domains


def raw(definition: Any, **more: Any) -> dict[str, Any]:
    return {"id": "p", "isOrganizationDefault": True, "definition": definition, **more}


ALLOW = '{"B2BManagementPolicy":{"InvitationsAllowedAndBlockedDomainsPolicy":{"AllowedDomains":["a.example"]}}}'

SPELLINGS = [
    ("single quotes", raw([ALLOW.replace('"', "'")])),
    ("bare text", raw(ALLOW)),
    ("already an object", raw([json.loads(ALLOW)])),
    ("type as a word", raw([ALLOW], type="B2BManagementPolicy")),
    ("type 6", raw([ALLOW], type=6)),
    ("another type", raw([ALLOW], type="something new")),
    ("default as text", raw([ALLOW], isOrganizationDefault="true")),
    ("default as text, capital", raw([ALLOW], isOrganizationDefault="True")),
    ("other letter case of keys", raw([ALLOW.replace("AllowedDomains", "allowedDomains")])),
    ("siblings", f.b2b_policy(["a.example"], inner={"Version": 1, "PreviewPolicy": {"Features": []}})),
    ("a block list beside it", f.b2b_policy(["a.example"], ["b.example"])),
    ("an empty block list beside it", f.b2b_policy(["a.example"], [])),
]


@pytest.mark.parametrize("policy", [s[1] for s in SPELLINGS], ids=[s[0] for s in SPELLINGS])
def test_an_allow_list_is_found_in_every_spelling(policy: dict[str, Any]) -> None:
    assert mode(policy) == ("allow", ("a.example",))


def test_other_policies_are_looked_past() -> None:
    other = raw(['{"TokenLifetimePolicy":{"Version":1}}'], type="TokenLifetimePolicy")
    assert mode(other, f.b2b_policy(["a.example"])) == ("allow", ("a.example",))
    assert mode(other) == ("none", ())


@pytest.mark.parametrize(
    ("policies", "kind"),
    [
        ([], "none"),
        ([f.b2b_policy()], "none"),
        ([f.b2b_policy(blocked=[])], "none"),
        ([raw(["{'B2BManagementPolicy':{'Version':1}}"])], "none"),
        ([f.b2b_policy(blocked=["b.example"])], "block"),
        ([f.b2b_policy([], ["b.example"])], "block"),
        ([f.b2b_policy([])], "empty allow"),
        ([f.b2b_policy([], [])], "empty allow"),
        ([f.b2b_policy(["a.example"], isOrganizationDefault=False)], "none"),
        ([f.b2b_policy(["a.example"], isOrganizationDefault="false")], "none"),
        ([f.b2b_policy(isOrganizationDefault=f.ABSENT)], "none"),
        ([f.b2b_policy(["a.example"], isOrganizationDefault=False), f.b2b_policy(blocked=["b.example"])], "block"),
    ],
)
def test_the_list_in_force(policies: list[Any], kind: str) -> None:
    assert mode(*policies)[0] == kind


UNREADABLE = [
    ("null", None),
    ("no list", {}),
    ("a row that is no object", [None]),
    ("no definition, no type", [{"id": "p", "isOrganizationDefault": True}]),
    ("empty definition", [raw([])]),
    ("null definition", [raw(None)]),
    ("cut short", [raw([ALLOW[:-5]])]),
    ("not JSON, but ours", [raw(["B2BManagementPolicy: allow"], type="TokenLifetimePolicy")]),
    ("our type with another content", [raw(['{"X":{}}'], type="B2BManagementPolicy")]),
    ("no type, with another content", [raw(['{"X":{}}'])]),
    ("no type, an object of another content", [raw([{"X": {}}])]),
    ("inner null", [raw(['{"B2BManagementPolicy":null}'])]),
    ("lists no object", [raw(['{"B2BManagementPolicy":{"InvitationsAllowedAndBlockedDomainsPolicy":[]}}'])]),
    ("allowed null", [f.b2b_policy(None)]),
    ("allowed text", [f.b2b_policy("a.example")]),
    ("allowed numbers", [f.b2b_policy([1])]),
    ("allowed blank", [f.b2b_policy([""])]),
    ("a wildcard", [f.b2b_policy(["*"])]),
    ("a wildcard in a domain", [f.b2b_policy(["*.a.example"])]),
    ("an ending for a domain", [f.b2b_policy(["a.example", "com"])]),
    ("a dotted ending for a domain", [f.b2b_policy([".example."])]),
    ("blocked null", [f.b2b_policy(["a.example"], None)]),
    ("a key twice", [raw([ALLOW.replace("}}}", ',"AllowedDomains":[]}}}')])]),
    ("a key twice in another case", [raw([ALLOW.replace("}}}", ',"alloweddomains":[]}}}')])]),
    ("default absent", [f.b2b_policy(["a.example"], isOrganizationDefault=f.ABSENT)]),
    ("default null", [f.b2b_policy(["a.example"], isOrganizationDefault=None)]),
    ("default a number", [f.b2b_policy(["a.example"], isOrganizationDefault=1)]),
    ("two that disagree", [f.b2b_policy(["a.example"]), f.b2b_policy(["b.example"])]),
]


@pytest.mark.parametrize("policies", [u[1] for u in UNREADABLE], ids=[u[0] for u in UNREADABLE])
def test_what_cannot_be_read_is_unknown(policies: Any) -> None:
    with pytest.raises(UnknownValueError):
        d.invitation_domain_mode(policies)


@given(
    st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda x: st.lists(x, max_size=3), max_leaves=6)
)
def test_no_stored_value_breaks_the_reading(value: Any) -> None:
    for policy in (raw(value), f.b2b_policy(value), f.b2b_policy(["a.example"], isOrganizationDefault=value)):
        try:
            found = d.invitation_domain_mode([policy])
        except UnknownValueError:
            continue
        if found.kind is d.DomainList.ALLOW:
            assert found.domains
            assert all(x.strip() for x in found.domains)


def test_half_a_character_in_a_domain_is_healed() -> None:
    (domain,) = mode(raw([ALLOW.replace("a.example", "\\ud800.example")]))[1]
    assert domain.encode() == "\ufffd.example".encode()


@pytest.mark.parametrize(
    ("policy", "posture", "scuba", "cis", "zta"),
    [
        (f.b2b_policy(["a.example"]), True, True, True, True),
        (f.b2b_policy([]), None, None, True, False),
        (f.b2b_policy(blocked=["b.example"]), False, False, False, False),
        (f.b2b_policy(blocked=[]), False, False, False, False),
    ],
)
def test_profiles_read_the_list(
    policy: Any, posture: bool | None, scuba: bool | None, cis: bool | None, zta: bool | None
) -> None:
    wanted = {
        Profile.POSTURE: posture,
        Profile.SCUBA_AAD: scuba,
        Profile.CIS_M365_V7: cis,
        Profile.MS_ZTA: zta,
    }
    for profile, holds in wanted.items():
        if holds is None:
            with pytest.raises(UnknownValueError, match="portal"):
                d.domain_list_holds(d.invitation_domain_mode([policy]), profile)
        else:
            assert d.domain_list_holds(d.invitation_domain_mode([policy]), profile) is holds


@pytest.mark.parametrize(
    ("file", "kind", "domains"),
    [
        ("b2bManagementPolicies.beta.json", "none", ()),
        ("synthesized/b2bManagementPolicies.blocklist.beta.json", "block", ("live.com",)),
        ("synthesized/legacy.policies.allowlist.beta.json", "allow", ("fabrikam.com", "adatum.com")),
        ("synthesized/legacy.policies.anydomain.beta.json", "none", ()),
    ],
)
def test_published_bodies(file: str, kind: str, domains: tuple[str, ...]) -> None:
    if not SAMPLES.is_dir():
        pytest.skip("Microsoft's published bodies are not beside this checkout")
    assert mode(*json.loads((SAMPLES / file).read_text())["value"]) == (kind, domains)


# Licences

P1, P2, GOVERNANCE = (
    "41781fb2-bc02-4b7c-bd55-b576c07bb09d",
    "EEC0EB4F-6444-4f95-aba0-50c24d67f998",
    "e866a266-3cff-43a3-acca-0c90a7e00c8b",
)


OTHER = "11111111-0000-4000-8000-000000000001"


@pytest.mark.parametrize(
    ("skus", "found"),
    [
        ([], (False, False, False)),
        ([f.sku(OTHER)], (False, False, False)),
        ([f.sku(P1)], (True, False, False)),
        ([f.sku(P2)], (True, True, False)),
        ([f.sku(P1, GOVERNANCE)], (True, False, True)),
        ([f.sku(P1, capabilityStatus="Warning")], (True, False, False)),
        ([f.sku(P1, capabilityStatus="Suspended")], (False, False, False)),
        ([f.sku(P1, capabilityStatus="Deleted")], (False, False, False)),
        ([f.sku(P1, capabilityStatus="unknownFutureValue")], (None, None, None)),
        ([f.sku(P1, capabilityStatus=f.ABSENT)], (None, None, None)),
        ([f.sku(P1, servicePlans=None)], (None, None, None)),
        ([f.sku(P1), f.sku(P2, servicePlans=None)], (True, None, None)),
        ([f.sku(servicePlans=[{"servicePlanId": P1, "provisioningStatus": "Disabled"}])], (False, False, False)),
        (
            [f.sku(servicePlans=[{"servicePlanId": P1, "provisioningStatus": "PendingProvisioning"}])],
            (None, False, False),
        ),
        (
            [f.sku(servicePlans=[{"servicePlanId": P2, "provisioningStatus": "unknownFutureValue"}])],
            (None, None, False),
        ),
        ([f.sku(servicePlans=[{"servicePlanId": OTHER, "provisioningStatus": "Error"}])], (False, False, False)),
        ([f.sku(servicePlans=[{"servicePlanId": P1}])], (None, None, None)),
        ([f.sku(servicePlans=[None])], (None, None, None)),
    ],
)
def test_licences(skus: list[Any], found: tuple[Any, ...]) -> None:
    told = d.licences(skus)
    assert (told.p1, told.p2, told.governance) == found


@pytest.mark.parametrize("wrong", [None, {}, "x", [None]])
def test_no_list_of_subscriptions_is_unknown(wrong: Any) -> None:
    with pytest.raises(UnknownValueError):
        d.licences(wrong)


# Cross-tenant access


@pytest.mark.parametrize(
    ("setting", "users", "applications"),
    [
        (f.OPEN, "all", "all"),
        (f.CLOSED, "none", "none"),
        (f.b2b_setting("allowed", "allowed", applications_target="Office365"), "all", "some"),
        (f.b2b_setting("blocked", "blocked", users_target=f.object_id(1, 1)), "some", "none"),
        (f.b2b_setting("allowed", "blocked", users_target="allusers"), "all", "none"),
    ],
)
def test_access(setting: dict[str, Any], users: str, applications: str) -> None:
    found = d.access(setting)
    assert (found.users.value, found.applications.value) == (users, applications)
    assert found.open == (users == applications == "all")
    assert found.closed == (users == applications == "none")


def broken(**changes: Any) -> dict[str, Any]:
    return {**f.CLOSED, "usersAndGroups": f.changed(f.CLOSED["usersAndGroups"], changes)}


@pytest.mark.parametrize(
    "setting",
    [
        None,
        {},
        f.changed(f.CLOSED, {"applications": f.ABSENT}),
        {**f.CLOSED, "applications": None},
        broken(accessType="unknownFutureValue"),
        broken(accessType=f.ABSENT),
        broken(accessType=None),
        broken(targets=[]),
        broken(targets=None),
        broken(targets=f.ABSENT),
        broken(targets=["AllUsers"]),
        broken(targets=[{"target": "AllExternalUsers", "targetType": "user"}]),
        broken(targets=[{"targetType": "user"}]),
        *(
            broken(targets=[f.changed({"target": "AllUsers"}, {"targetType": kind})])
            for kind in (f.ABSENT, None, "unknownFutureValue", "application", ["user"])
        ),
    ],
)
def test_a_setting_that_cannot_be_read_is_unknown(setting: Any) -> None:
    with pytest.raises(UnknownValueError):
        d.access(setting)


def test_a_partner_inherits_what_is_null_and_only_that() -> None:
    default = f.cross_tenant_default()
    assert d.effective(f.partner(), default, "b2bCollaborationInbound") == f.CLOSED
    own = f.partner(b2bCollaborationInbound=f.OPEN)
    assert d.effective(own, default, "b2bCollaborationInbound") == f.OPEN
    for wrong in (f.ABSENT, "x", []):
        with pytest.raises(UnknownValueError):
            d.effective(f.partner(b2bCollaborationInbound=wrong), default, "b2bCollaborationInbound")


def test_trusts() -> None:
    assert d.trusts(f.inbound_trust(mfa=True)) == {
        "isMfaAccepted": True,
        "isCompliantDeviceAccepted": False,
        "isHybridAzureADJoinedDeviceAccepted": False,
    }
    for wrong in (None, "false", 0):
        with pytest.raises(UnknownValueError):
            d.trusts(f.inbound_trust(compliant=wrong))


# One-time passcode


@pytest.mark.parametrize("state", ["default", "enabled", "disabled"])
def test_otp_state(state: str) -> None:
    assert d.otp_state(f.authentication_methods_policy(state)) == state
    without_marker = f.authentication_methods_policy(state, **{"@odata.type": f.ABSENT})
    assert d.otp_state(without_marker) == state


@pytest.mark.parametrize(
    "policy",
    [
        f.authentication_methods_policy(f.ABSENT),
        f.authentication_methods_policy(None),
        f.authentication_methods_policy(True),
        f.authentication_methods_policy("unknownFutureValue"),
        {"authenticationMethodConfigurations": []},
        {"authenticationMethodConfigurations": [None]},
        {"authenticationMethodConfigurations": None},
        {},
    ],
)
def test_an_unknown_state_of_the_passcode(policy: Any) -> None:
    with pytest.raises(UnknownValueError):
        d.otp_state(policy)
