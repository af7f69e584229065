"""GUEST-LIF-009: whether the organization that vouches for a guest can be found."""

from typing import Any

import pytest

from posture.controls import guest_homes
from posture.controls.registry import Outcome
from posture.settings import Severity
from posture.snapshot.types import GapReason
from tests.facts import ABSENT, TENANT, gap, guest, judge, object_id, pending

HOME = object_id(1, 7)
FABRIKAM = {"id": "fabrikam.example", "tenantId": HOME}
ZZZ = {"id": "zzz.example", "tenantId": object_id(2, 7)}


def at(domain: str, issuer: Any = "ExternalAzureAD", number: int = 1, **changes: Any) -> dict[str, Any]:
    """Return a guest with an address at a domain, signed in by an issuer."""
    identities = issuer if isinstance(issuer, list | None) else [{"signInType": "federated", "issuer": issuer}]
    return guest(number, mail=f"x@{domain}", identities=identities, **changes)


def sign_in(number: int = 1, home: Any = HOME, here: Any = TENANT.id) -> dict[str, Any]:
    return {"id": f"s{number}", "userId": object_id(number), "homeTenantId": home, "resourceTenantId": here}


def check(*guests: dict[str, Any], **facts: Any) -> Any:
    found = {
        "guests": list(guests),
        "guest_domain_tenants": [FABRIKAM, ZZZ],
        "cross_tenant_access_policy": {"allowedCloudEndpoints": []},
        "sign_ins": [sign_in()],
    }
    return judge("GUEST-LIF-009", **{**found, **facts})


@pytest.mark.parametrize(
    ("found", "outcome"),
    [
        (at("fabrikam.example"), Outcome.PASS),
        (at("fabrikam.example", None), Outcome.PASS),
        (at("gone.example", "mail"), Outcome.PASS),
        (at("gone.example", "google.com"), Outcome.PASS),
        (at("gone.example", "MicrosoftAccount"), Outcome.PASS),
        (at("gone.example", "https://idp.gone.example/saml"), Outcome.PASS),
        (at("gmail.com"), Outcome.PASS),
        (at("gone.example"), Outcome.FAIL),
        (at("gone.example", accountEnabled=False), Outcome.FAIL),
        (at("gone.example", "gone.example"), Outcome.NOT_ASSESSED),
        (at("gone.example", None), Outcome.NOT_ASSESSED),
        (at("gone.example", []), Outcome.NOT_ASSESSED),
        (at("gone.example", [{"issuer": None}]), Outcome.NOT_ASSESSED),
        (at("gone.example", ["ExternalAzureAD"]), Outcome.NOT_ASSESSED),
        (at("büro.example"), Outcome.NOT_ASSESSED),
        (guest(1, mail=None, userPrincipalName="nobody#EXT#@contoso.onmicrosoft.com"), Outcome.PARTIAL),
        (guest(1, mail=None, userPrincipalName=None, identities=None), Outcome.PARTIAL),
        (pending(1, 3, mail="x@gone.example"), Outcome.PASS),
        (
            guest(
                1,
                mail=None,
                userPrincipalName="own@contoso.example",
                creationType=None,
                externalUserState=None,
                identities=[{"signInType": "userPrincipalName", "issuer": "contoso.onmicrosoft.com"}],
            ),
            Outcome.PASS,
        ),
    ],
)
def test_each_outcome(found: dict[str, Any], outcome: Outcome) -> None:
    finding = check(found)
    assert finding.outcome is outcome, finding.summary
    assert finding.affected.count == (outcome in (Outcome.FAIL, Outcome.PARTIAL))


def test_severities() -> None:
    assert check(at("gone.example")).severity is Severity.MEDIUM
    assert check(guest(1, mail=None, userPrincipalName=None)).severity is Severity.LOW


def test_no_guests() -> None:
    assert check().outcome is Outcome.NOT_APPLICABLE


def test_a_fail_stands_beside_what_is_unknown() -> None:
    assert check(at("gone.example"), at("gone.example", None, 2)).outcome is Outcome.FAIL


def test_the_question_was_refused() -> None:
    refused = gap("guest_domain_tenants", permission="CrossTenantInformation.ReadBasic.All")
    found = check(at("fabrikam.example"), guest_domain_tenants=refused)
    assert found.outcome is Outcome.NOT_ASSESSED
    assert found.gap.reason is GapReason.PERMISSION


@pytest.mark.parametrize("tenant", [ABSENT, None, "", 7])
def test_an_answer_without_a_tenant_id_tells_nothing(tenant: Any) -> None:
    row = {"id": "gone.example", "tenantId": tenant} if tenant is not ABSENT else {"id": "gone.example"}
    assert check(at("gone.example"), guest_domain_tenants=[FABRIKAM, row, ZZZ]).outcome is Outcome.NOT_ASSESSED


def test_where_no_domain_resolves_the_question_itself_may_not_work_here() -> None:
    assert check(at("gone.example"), guest_domain_tenants=[]).outcome is Outcome.NOT_ASSESSED
    assert check(at("gone.example", "mail"), guest_domain_tenants=[]).outcome is Outcome.PASS


@pytest.mark.parametrize(
    ("policy", "outcome"),
    [
        ({"allowedCloudEndpoints": ["microsoftonline.us"]}, Outcome.NOT_ASSESSED),
        ({"allowedCloudEndpoints": None}, Outcome.NOT_ASSESSED),
        ({}, Outcome.NOT_ASSESSED),
        (gap("cross_tenant_access_policy"), Outcome.FAIL),
    ],
)
def test_guests_may_come_from_another_cloud(policy: Any, outcome: Outcome) -> None:
    assert check(at("gone.example"), cross_tenant_access_policy=policy).outcome is outcome
    assert check(at("fabrikam.example"), cross_tenant_access_policy=policy).outcome is Outcome.PASS


def test_the_home_tenant_of_sign_ins() -> None:
    assert check(at("fabrikam.example")).outcome is Outcome.PASS
    moved = check(at("fabrikam.example"), sign_ins=[sign_in(home=object_id(5, 7))])
    assert moved.outcome is Outcome.FAIL
    assert moved.affected.sample[0]["homeTenantId"] == object_id(5, 7)
    upper = check(at("fabrikam.example"), sign_ins=[sign_in(home=object_id(1, 7).upper())])
    assert upper.outcome is Outcome.PASS
    none = check(at("fabrikam.example"), sign_ins=[])
    assert none.outcome is Outcome.PASS
    assert "No sign-in of a guest" in none.notes[0]


@pytest.mark.parametrize("reason", [GapReason.PERMISSION, GapReason.LICENCE, GapReason.INCOMPLETE])
def test_without_the_sign_ins_only_a_fail_is_told(reason: GapReason) -> None:
    lost = gap("sign_ins", reason)
    unread = check(at("fabrikam.example"), sign_ins=lost)
    assert unread.outcome is Outcome.NOT_ASSESSED
    assert unread.gap.reason is reason
    assert check(guest(1, mail=None, userPrincipalName="x", identities=[]), sign_ins=lost).outcome is (
        Outcome.NOT_ASSESSED
    )
    assert check(at("gone.example"), sign_ins=lost).outcome is Outcome.FAIL


@pytest.mark.parametrize(
    "row",
    [
        sign_in(home=None),
        sign_in(home=""),
        sign_in(here=None),
        sign_in(home=TENANT.id),
        {**sign_in(home=object_id(5, 7)), "userId": None},
    ],
)
def test_sign_ins_that_tell_nothing_about_a_home(row: dict[str, Any]) -> None:
    assert check(at("fabrikam.example"), sign_ins=[row]).outcome is Outcome.PASS


def test_only_so_many_homes_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guest_homes, "_HOMES_KEPT", 1)
    found = check(at("fabrikam.example"), at("fabrikam.example", number=2), sign_ins=[sign_in(1), sign_in(2)])
    assert found.outcome is Outcome.NOT_ASSESSED
    assert "more people signed in" in found.summary
    moved = check(at("fabrikam.example"), sign_ins=[sign_in(1, home=object_id(5, 7)), sign_in(2)])
    assert moved.outcome is Outcome.FAIL
    assert "more signed in" in moved.notes[0]


def test_domains_beyond_those_asked_for_are_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guest_homes, "DOMAINS_ASKED", 1)
    two = (at("fabrikam.example"), at("zzzz.example", number=2))
    assert check(*two).outcome is Outcome.NOT_ASSESSED, "zzzz comes after the last domain that was asked for"
    assert check(at("fabrikam.example"), at("gone.example", number=2)).outcome is Outcome.FAIL
