"""GUEST-AUT-006: who has registered MFA here, and who need not."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from posture.controls.registry import Outcome
from posture.settings import Settings, Severity, Thresholds
from posture.snapshot.types import GapReason
from tests.facts import ABSENT, cross_tenant_default, gap, guest, inbound_trust, judge, object_id, partner, pending

ORDER = [Outcome.PASS, Outcome.PARTIAL, Outcome.FAIL]
FABRIKAM = {"id": "fabrikam.example", "tenantId": object_id(1, 7)}
OTP = [{"signInType": "federated", "issuer": "mail"}]
TRUST = cross_tenant_default(inboundTrust=inbound_trust(True))


def row(number: int, registered: Any) -> dict[str, Any]:
    found = {"id": object_id(number), "userType": "guest", "isMfaCapable": True}
    return found if registered is ABSENT else {**found, "isMfaRegistered": registered}


def check(registered: int, bare: int, *more: dict[str, Any], rows: Any = (), **changes: Any) -> Any:
    """Judge so many guests who registered and so many who did not, and more guests with their own rows."""
    every = range(1, registered + bare + 1)
    found = {
        "guests": [*(guest(n) for n in every), *more],
        "guest_registration_details": [*(row(n, n <= registered) for n in every), *rows],
        "cross_tenant_default": cross_tenant_default(),
        "cross_tenant_partners": [],
        "guest_domain_tenants": [FABRIKAM],
    }
    return judge("GUEST-AUT-006", **{**found, **changes})


@pytest.mark.parametrize(
    ("registered", "bare", "outcome"),
    [
        (10, 0, Outcome.PASS),
        (9, 1, Outcome.PASS),
        (8, 1, Outcome.PARTIAL),
        (5, 5, Outcome.PARTIAL),
        (4, 5, Outcome.FAIL),
        (0, 1, Outcome.FAIL),
    ],
)
def test_each_outcome(registered: int, bare: int, outcome: Outcome) -> None:
    found = check(registered, bare)
    assert found.outcome is outcome
    assert found.affected.count == (0 if outcome is Outcome.PASS else bare)
    assert found.severity is (Severity.INFO if outcome is Outcome.PASS else Severity.LOW)


def test_no_guests_and_nobody_who_must() -> None:
    assert check(0, 0).outcome is Outcome.NOT_APPLICABLE
    assert check(0, 0, pending(1, 5), guest(2, accountEnabled=False)).outcome is Outcome.NOT_APPLICABLE


@pytest.mark.parametrize("registered", [ABSENT, None, "true", 1])
def test_a_record_that_does_not_tell(registered: Any) -> None:
    assert check(1, 0, guest(2), rows=[row(2, registered)]).outcome is Outcome.NOT_ASSESSED
    assert check(0, 9, guest(10), rows=[row(10, registered)]).outcome is Outcome.FAIL, "a fail stands"
    assert check(20, 0, guest(21), rows=[row(21, registered)]).outcome is Outcome.PASS, "one cannot change it"


def test_a_guest_missing_from_the_report_is_unknown() -> None:
    assert check(1, 0, guest(2)).outcome is Outcome.NOT_ASSESSED
    assert check(1, 0, guest_registration_details=[]).outcome is Outcome.NOT_ASSESSED


@pytest.mark.parametrize("enabled", [ABSENT, None, "true"])
def test_whether_they_are_enabled_is_unknown(enabled: Any) -> None:
    assert check(1, 0, guest(2, accountEnabled=enabled), rows=[row(2, False)]).outcome is Outcome.NOT_ASSESSED


class TestTrust:
    """Guests whose home MFA is accepted need none here."""

    def test_by_default(self) -> None:
        found = check(0, 5, cross_tenant_default=TRUST)
        assert found.outcome is Outcome.NOT_APPLICABLE
        mixed = check(0, 5, guest(6, identities=OTP), rows=[row(6, True)], cross_tenant_default=TRUST)
        assert mixed.outcome is Outcome.PASS, "a guest with an emailed code has no home MFA"
        bare = check(0, 5, guest(6, identities=OTP), rows=[row(6, False)], cross_tenant_default=TRUST)
        assert bare.outcome is Outcome.FAIL

    def test_of_one_partner(self) -> None:
        trusted = {"cross_tenant_partners": [partner(1, inboundTrust=inbound_trust(True))]}
        stranger = guest(6, mail="x@other.example")
        tenants = [FABRIKAM, {"id": "other.example", "tenantId": object_id(2, 7)}]
        found = check(0, 5, stranger, rows=[row(6, True)], guest_domain_tenants=tenants, **trusted)
        assert found.outcome is Outcome.PASS
        assert {o.property: o.value for o in found.observed}["trusted"] == 5
        assert check(0, 5, stranger, rows=[row(6, True)], **trusted).outcome is Outcome.NOT_ASSESSED

    def test_a_partner_may_be_trusted_less_than_the_default(self) -> None:
        strict = {"cross_tenant_partners": [partner(1, inboundTrust=inbound_trust())], "cross_tenant_default": TRUST}
        assert check(0, 5, **strict).outcome is Outcome.FAIL

    def test_a_partner_without_settings_inherits(self) -> None:
        assert check(0, 5, cross_tenant_partners=[partner(1)], cross_tenant_default=TRUST).outcome is (
            Outcome.NOT_APPLICABLE
        )

    def test_tenants_of_domains_were_not_read(self) -> None:
        refused = gap("guest_domain_tenants", permission="CrossTenantInformation.ReadBasic.All")
        trusted = {"cross_tenant_partners": [partner(1, inboundTrust=inbound_trust(True))]}
        found = check(1, 5, guest_domain_tenants=refused, **trusted)
        assert found.outcome is Outcome.NOT_ASSESSED
        assert found.gap.reason is GapReason.PERMISSION
        assert check(1, 5, guest_domain_tenants=refused).outcome is Outcome.FAIL, "nobody is trusted"

    def test_it_may_be_left_out_of_account(self) -> None:
        everyone = Settings(thresholds=Thresholds(exclude_trusted_partner_guests=False))
        assert check(0, 5, cross_tenant_default=TRUST, settings=everyone).outcome is Outcome.FAIL

    @pytest.mark.parametrize(
        "default", [{}, cross_tenant_default(inboundTrust=None), cross_tenant_default(inboundTrust=inbound_trust("no"))]
    )
    def test_a_trust_that_cannot_be_read(self, default: dict[str, Any]) -> None:
        assert check(5, 0, cross_tenant_default=default).outcome is Outcome.NOT_ASSESSED


def test_the_share_is_a_parameter() -> None:
    assert check(8, 2, settings=Settings(thresholds=Thresholds(min_registered_pct=80))).outcome is Outcome.PASS


@given(total=st.integers(1, 12), registered=st.integers(0, 12), fewer=st.integers(0, 12))
@settings(max_examples=30, deadline=None)
def test_fewer_registrations_are_never_better(total: int, registered: int, fewer: int) -> None:
    first = min(total, registered)
    second = max(0, first - fewer)
    before, after = (check(n, total - n).outcome for n in (first, second))
    assert ORDER.index(after) >= ORDER.index(before)
