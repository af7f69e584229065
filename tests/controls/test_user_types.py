"""GUEST-LIF-010: outsiders are guests, and guests sign in elsewhere."""

from typing import Any

import pytest

from posture.controls.registry import Outcome
from posture.settings import Severity
from posture.snapshot.guests import is_internal
from posture.snapshot.types import GapReason
from tests.facts import ABSENT, ago, changed, config, gap, guest, judge, object_id

PARTNER, OWN = object_id(1, 7), object_id(2, 7)
HERE = [{"signInType": "userPrincipalName", "issuer": "contoso.onmicrosoft.com", "issuerAssignedId": "x"}]


def internal(number: int = 1, **changes: Any) -> dict[str, Any]:
    """Return a guest with credentials of the tenant itself."""
    own = {
        "mail": None,
        "userPrincipalName": f"contractor{number}@contoso.example",
        "creationType": None,
        "externalUserState": None,
        "identities": HERE,
    }
    return guest(number, **{**own, **changes})


def outsider(number: int = 50, domain: str = "fabrikam.example", **changes: Any) -> dict[str, Any]:
    """Return a member from outside."""
    own = {"userType": "Member", "mail": f"x@{domain}", "userPrincipalName": f"x_{domain}#EXT#@contoso.onmicrosoft.com"}
    return guest(number, **{**own, **changes})


def signs_in(number: int, days: Any = 3) -> dict[str, Any]:
    activity = {"lastSuccessfulSignInDateTime": None if days is None else ago(days)}
    return {"id": object_id(number), "signInActivity": activity}


def check(*guests: dict[str, Any], members: Any = (), **facts: Any) -> Any:
    found = {
        "guests": list(guests),
        "external_members": list(members) if isinstance(members, tuple | list) else members,
        "guest_sign_in_activity": [{"id": g["id"]} for g in guests],
        "guest_domain_tenants": [
            {"id": "fabrikam.example", "tenantId": PARTNER},
            {"id": "sister.example", "tenantId": OWN.upper()},
            {"id": "other.example", "tenantId": object_id(3, 7)},
        ],
        "partner_tenants": [],
    }
    return judge("GUEST-LIF-010", **{**found, **facts})


@pytest.mark.parametrize(
    ("row", "inside"),
    [
        (internal(), True),
        (internal(creationType=ABSENT, externalUserState=ABSENT), True),
        (internal(identities=[{"signInType": "federated", "issuer": "contoso.example"}, *HERE]), True),
        (internal(identities=[{"signInType": "federated", "issuer": "contoso.onmicrosoft.com"}]), True),
        (guest(), False),
        (guest(userPrincipalName="x_y#ext#@contoso.example"), False),
        (internal(creationType="Invitation"), False),
        (internal(creationType="SelfServiceSignUp"), False),
        (internal(externalUserState="Accepted"), False),
        (internal(identities=[{"signInType": "federated", "issuer": "ExternalAzureAD"}]), False),
        (internal(identities=[{"signInType": "federated", "issuer": "mail"}]), False),
        (internal(identities=[{"signInType": "federated", "issuer": "https://idp.example/x"}]), False),
        (internal(identities=[{"signInType": "federated", "issuer": "partner.example"}]), None),
        (internal(identities=None), None),
        (internal(identities=[]), None),
        (internal(identities=ABSENT), None),
        (internal(identities=["x"]), None),
        (internal(identities=[{"signInType": "federated", "issuer": None}]), None),
        (internal(userPrincipalName=None), None),
        (internal(userPrincipalName=""), None),
        (internal(userPrincipalName=7), None),
        ({}, None),
    ],
)
def test_whose_credentials(row: dict[str, Any], inside: bool | None) -> None:
    assert is_internal(row) is inside


@pytest.mark.parametrize(
    ("guests", "activity", "outcome"),
    [
        ([guest(1)], [], Outcome.PASS),
        ([internal(1)], [signs_in(1)], Outcome.FAIL),
        ([internal(1)], [signs_in(1, None)], Outcome.PARTIAL),
        ([internal(1)], [{"id": object_id(1)}], Outcome.PARTIAL),
        ([internal(1, accountEnabled=False)], [signs_in(1)], Outcome.PARTIAL),
        ([internal(1)], [], Outcome.NOT_ASSESSED),
        ([internal(1)], [{"id": object_id(1), "signInActivity": {"lastSignInDateTime": ago(1)}}], Outcome.NOT_ASSESSED),
        ([internal(1)], [{"id": object_id(1), "signInActivity": "often"}], Outcome.NOT_ASSESSED),
        ([internal(1, accountEnabled=None)], [signs_in(1)], Outcome.NOT_ASSESSED),
        ([internal(1, identities=None)], [signs_in(1)], Outcome.NOT_ASSESSED),
        ([internal(1), internal(2, identities=None)], [signs_in(1)], Outcome.FAIL),
    ],
)
def test_guests_with_credentials_here(guests: list[Any], activity: list[Any], outcome: Outcome) -> None:
    found = check(*guests, guest_sign_in_activity=activity)
    assert found.outcome is outcome, found.summary


def test_sign_ins_were_not_read() -> None:
    refused = gap("guest_sign_in_activity", GapReason.LICENCE, licence="Entra ID P1")
    assert check(guest(1), guest_sign_in_activity=refused).outcome is Outcome.PASS
    found = check(internal(1), guest_sign_in_activity=refused)
    assert found.outcome is Outcome.NOT_ASSESSED
    assert found.gap.reason is GapReason.LICENCE
    asleep = internal(1, accountEnabled=False)
    assert check(asleep, guest_sign_in_activity=refused).outcome is Outcome.PARTIAL


def test_internal_guests_may_be_allowed() -> None:
    allowed = config(allowed_internal_guest_ids=(object_id(1).upper(),))
    assert check(internal(1), guest_sign_in_activity=[signs_in(1)], settings=allowed).outcome is Outcome.PASS


KNOWN = {"own_tenant_ids": (OWN,), "approved_partner_tenant_ids": (PARTNER.upper(),)}


@pytest.mark.parametrize(
    ("domain", "thresholds", "outcome"),
    [
        ("fabrikam.example", {}, Outcome.FAIL),
        ("sister.example", {}, Outcome.FAIL),
        ("unheard.example", {}, Outcome.FAIL),
        ("sister.example", KNOWN, Outcome.PASS),
        ("fabrikam.example", KNOWN, Outcome.PARTIAL),
        ("other.example", KNOWN, Outcome.FAIL),
        ("unheard.example", KNOWN, Outcome.NOT_ASSESSED),
    ],
)
def test_members_from_outside(domain: str, thresholds: dict[str, Any], outcome: Outcome) -> None:
    found = check(guest(1), members=[outsider(50, domain)], settings=config(**thresholds))
    assert found.outcome is outcome, found.summary
    assert found.affected.count == (outcome in (Outcome.FAIL, Outcome.PARTIAL))


def test_severities_and_rows_of_both_lists() -> None:
    found = check(internal(1), members=[outsider(50)], guest_sign_in_activity=[signs_in(1)])
    assert found.outcome is Outcome.FAIL
    assert found.severity is Severity.HIGH
    assert [row["why"] for row in found.affected.sample] == [
        "a guest with credentials of this tenant; signs in",
        "a member from outside",
    ]
    assert check(guest(1), members=[outsider()], settings=config(**KNOWN)).severity is Severity.LOW


def test_the_default_domain_of_a_partner_tells_too() -> None:
    tenants = [{"tenantId": OWN, "defaultDomainName": "Sister2.example"}]
    found = check(
        guest(1), members=[outsider(50, "sister2.example")], partner_tenants=tenants, settings=config(**KNOWN)
    )
    assert found.outcome is Outcome.PASS


def test_tenants_were_not_read() -> None:
    refused = gap("guest_domain_tenants", permission="CrossTenantInformation.ReadBasic.All")
    facts = {"members": [outsider()], "guest_domain_tenants": refused}
    found = check(guest(1), **facts, settings=config(**KNOWN))
    assert found.outcome is Outcome.NOT_ASSESSED
    assert found.gap.reason is GapReason.PERMISSION
    assert check(guest(1), **facts).outcome is Outcome.FAIL, "no tenant is allowed, whichever it is"


def test_external_members_were_not_read() -> None:
    assert check(guest(1), members=gap("external_members")).outcome is Outcome.NOT_ASSESSED


def test_nobody_is_from_outside() -> None:
    assert check().outcome is Outcome.NOT_APPLICABLE
    assert check(members=[outsider()]).outcome is Outcome.FAIL, "a tenant without guests may have such members"


def test_a_member_whose_row_says_nothing_is_still_a_member_from_outside() -> None:
    bare = changed(outsider(), dict.fromkeys(("mail", "userPrincipalName", "identities"), None))
    assert check(guest(1), members=[bare]).outcome is Outcome.FAIL
    assert check(guest(1), members=[bare], settings=config(**KNOWN)).outcome is Outcome.NOT_ASSESSED
