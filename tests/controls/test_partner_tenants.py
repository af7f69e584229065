"""GUEST-XTA-004 and -005: partners are approved and in use, and what happens by itself."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from posture.assess.types import Finding
from posture.controls.cross_tenant import (
    MICROSOFT_SUPPORT,
)
from posture.controls.registry import Outcome
from posture.settings import Settings, Severity
from posture.snapshot.types import Gap, GapReason
from tests import facts as f

PASS, PARTIAL, FAIL, NOT_ASSESSED = Outcome.PASS, Outcome.PARTIAL, Outcome.FAIL, Outcome.NOT_ASSESSED
RANK = {FAIL: 0, PARTIAL: 1, PASS: 2}
SAMPLES = Path(__file__).parents[3] / "shared" / "graph" / "samples"

# XTA-004

ONE, TWO = f.object_id(1, 7), f.object_id(2, 7)
APPROVED = f.config(approved_partner_tenant_ids=(ONE.upper(),))
SEEN = [{"id": "s1", "homeTenantId": ONE.upper()}]
SUPPORT = f.partner(tenantId=MICROSOFT_SUPPORT, isServiceProvider=True, inboundTrust=f.inbound_trust(True))


def partners(*rows: Any, settings: Settings | None = None, **facts: Any) -> Finding:
    known = {"partner_tenants": [], "sign_ins": SEEN}
    return f.judge("GUEST-XTA-004", settings=settings, cross_tenant_partners=list(rows), **{**known, **facts})


POWERS = [
    {"inboundTrust": f.inbound_trust(mfa=True)},
    {"inboundTrust": f.inbound_trust(hybrid=True)},
    {"b2bDirectConnectInbound": f.OFFICE},
    {"b2bDirectConnectInbound": f.ALL_BUT_ONE},
    {"b2bCollaborationInbound": f.OPEN},
]
NO_POWERS = [
    {},
    {"inboundTrust": f.inbound_trust()},
    {"b2bDirectConnectInbound": f.CLOSED},
    {"b2bCollaborationInbound": f.OFFICE},
    {"b2bCollaborationInbound": f.CLOSED},
    {"b2bCollaborationOutbound": f.OPEN},
]


@pytest.mark.parametrize(
    ("rows", "chosen", "outcome"),
    [
        ([], Settings(), PASS),
        ([], APPROVED, PASS),
        ([SUPPORT], Settings(), PASS),
        ([SUPPORT], APPROVED, PASS),
        ([f.partner()], APPROVED, PASS),
        ([f.partner(**POWERS[0])], APPROVED, PASS),
        ([f.partner()], f.config(own_tenant_ids=(ONE,)), PASS),
        ([f.partner()], Settings(), PARTIAL),
        ([f.partner(**POWERS[0])], Settings(), PARTIAL),
        ([f.partner(), f.partner(2)], f.config(own_tenant_ids=(ONE,)), PARTIAL),
        *(([f.partner(2, **has)], APPROVED, PARTIAL) for has in NO_POWERS),
        *(([f.partner(2, **has)], APPROVED, FAIL) for has in POWERS),
        ([{**SUPPORT, "isServiceProvider": False}], APPROVED, FAIL),
        ([f.partner(2, isServiceProvider=True, **POWERS[0])], APPROVED, FAIL),
        *(
            ([f.partner(2, **{key: wrong})], APPROVED, NOT_ASSESSED)
            for key in ("inboundTrust", "b2bDirectConnectInbound", "b2bCollaborationInbound")
            for wrong in (f.ABSENT, "x", {}, [])
        ),
        ([f.partner(2, inboundTrust=f.ABSENT), f.partner(3, **POWERS[0])], APPROVED, FAIL),
        # What is proven stands, whatever else is not known of the same partner.
        ([f.partner(2, inboundTrust=f.inbound_trust(mfa=True, compliant=None))], APPROVED, FAIL),
        ([f.partner(2, inboundTrust=f.inbound_trust(mfa=None))], APPROVED, NOT_ASSESSED),
        ([f.partner(2, inboundTrust=f.ABSENT, b2bDirectConnectInbound=f.OFFICE)], APPROVED, FAIL),
        ([f.partner(tenantId=None)], APPROVED, NOT_ASSESSED),
        ([f.partner(tenantId=f.ABSENT)], APPROVED, NOT_ASSESSED),
        ([None], APPROVED, NOT_ASSESSED),
    ],
)
def test_partners(rows: list[Any], chosen: Settings, outcome: Outcome) -> None:
    found = partners(*rows, settings=chosen)
    assert found.outcome is outcome, found.summary


@pytest.mark.parametrize(
    ("domains", "sign_ins", "outcome", "words"),
    [
        ([{"id": "a.example", "tenantId": ONE.upper()}], [], PASS, "in use"),
        ([{"id": "a.example", "tenantId": ONE}], f.gap("sign_ins"), PASS, "in use"),
        ([{"id": "a.example", "tenantId": TWO}], [], PARTIAL, "no guest and no sign-in"),
        ([{"id": "a.example"}, {"id": "b.example", "tenantId": None}], [], PARTIAL, "no guest and no sign-in"),
        ([], SEEN, PASS, "in use"),
        (f.gap("guest_domain_tenants"), [], PARTIAL, "Whether they have guests here was not read"),
        (["x"], [], NOT_ASSESSED, "tenants"),
    ],
)
def test_a_partner_with_guests_is_in_use(domains: Any, sign_ins: Any, outcome: Outcome, words: str) -> None:
    found = partners(f.partner(), settings=APPROVED, guest_domain_tenants=domains, sign_ins=sign_ins)
    assert found.outcome is outcome
    assert words in found.summary


@pytest.mark.parametrize(
    ("sign_ins", "quiet", "outcome"),
    [
        (SEEN, f.gap("sign_ins_non_interactive"), PASS),
        ([], SEEN, PASS),
        ([], f.gap("sign_ins_non_interactive"), PARTIAL),
        ([{"id": "s", "homeTenantId": TWO}], [], PARTIAL),
        ([{"id": "s"}], [], NOT_ASSESSED),
        ([{"id": "s", "homeTenantId": None}], [], NOT_ASSESSED),
        ([{"id": "r"}, *SEEN], [], PASS),
        (f.gap("sign_ins"), [], NOT_ASSESSED),
        (f.gap("sign_ins"), SEEN, NOT_ASSESSED),
        (Gap("sign_ins", GapReason.LICENCE, "no P1"), [], NOT_ASSESSED),
        ([None], [], NOT_ASSESSED),
    ],
)
def test_approved_partners_are_in_use(sign_ins: Any, quiet: Any, outcome: Outcome) -> None:
    found = partners(f.partner(), settings=APPROVED, sign_ins=sign_ins, sign_ins_non_interactive=quiet)
    assert found.outcome is outcome, found.summary
    if isinstance(sign_ins, Gap):
        assert found.gap.reason is sign_ins.reason


def test_partners_are_shown_with_their_public_name() -> None:
    names = [{"tenantId": TWO, "displayName": "Fabrikam <b>", "defaultDomainName": "fabrikam.example"}]
    found = partners(f.partner(2, **POWERS[0]), settings=APPROVED, partner_tenants=names)
    assert found.severity is Severity.HIGH
    (row,) = found.affected.sample
    assert (row["id"], row["displayName"]) == (TWO, "Fabrikam <b>")
    assert row["why"] == "not approved, and believed about MFA"
    assert "Fabrikam" not in found.summary


# XTA-005

REDEEMS = {"automaticUserConsentSettings": {"inboundAllowed": True, "outboundAllowed": None}}
SYNCS = {"identitySynchronization": {"userSyncInbound": {"isSyncAllowed": True}}}
OWN = f.config(own_tenant_ids=(ONE.upper(),))
OWN_AND_APPROVED = f.config(own_tenant_ids=(ONE,), approved_partner_tenant_ids=(TWO,))


def automated(*rows: Any, settings: Settings | None = None, **facts: Any) -> Finding:
    known = {"partner_synchronization": f.gap("partner_synchronization"), "partner_tenants": []}
    known["b2b_management_policies"] = []
    return f.judge("GUEST-XTA-005", settings=settings, cross_tenant_partners=list(rows), **{**known, **facts})


@pytest.mark.parametrize(
    ("rows", "chosen", "outcome"),
    [
        ([], Settings(), PASS),
        ([f.partner()], Settings(), PASS),
        ([f.partner(automaticUserConsentSettings=None)], Settings(), PASS),
        ([f.partner(automaticUserConsentSettings={"inboundAllowed": False, "outboundAllowed": True})], OWN, PASS),
        ([f.partner(identitySynchronization={"userSyncInbound": {"isSyncAllowed": False}})], OWN, PASS),
        ([f.partner(identitySynchronization={"userSyncInbound": None})], OWN, PASS),
        *(([f.partner(**has)], Settings(), PARTIAL) for has in (REDEEMS, SYNCS)),
        *(([f.partner(**has)], OWN, PASS) for has in (REDEEMS, SYNCS)),
        *(([f.partner(2, **has)], OWN, FAIL) for has in (REDEEMS, SYNCS)),
        *(([f.partner(2, **has)], OWN_AND_APPROVED, PARTIAL) for has in (REDEEMS, SYNCS)),
        ([f.partner(2, isInMultiTenantOrganization=True, **SYNCS)], OWN, PARTIAL),
        ([f.partner(2, isInMultiTenantOrganization="true", **SYNCS)], OWN, FAIL),
        ([f.partner(3, **SYNCS)], OWN_AND_APPROVED, FAIL),
        *(
            ([f.partner(2, automaticUserConsentSettings=wrong)], OWN, NOT_ASSESSED)
            for wrong in (f.ABSENT, "x", {}, {"inboundAllowed": "true"}, [])
        ),
        *(
            ([f.partner(2, identitySynchronization=wrong)], OWN, NOT_ASSESSED)
            for wrong in (f.ABSENT, "x", {}, {"userSyncInbound": {}}, {"userSyncInbound": {"isSyncAllowed": None}})
        ),
        ([f.partner(2, identitySynchronization=f.ABSENT), f.partner(3, **SYNCS)], OWN, FAIL),
        ([f.partner(1, identitySynchronization=f.ABSENT)], OWN, PASS),
        ([f.partner(2, identitySynchronization=f.ABSENT), f.partner(1, **SYNCS)], OWN, NOT_ASSESSED),
        ([f.partner(2, identitySynchronization=f.ABSENT), f.partner(3)], OWN, NOT_ASSESSED),
        ([f.partner(2, identitySynchronization=f.ABSENT, **REDEEMS)], OWN, FAIL),
        ([f.partner(2, automaticUserConsentSettings=f.ABSENT, **SYNCS)], OWN, FAIL),
        ([f.partner(tenantId=None, **SYNCS)], OWN, NOT_ASSESSED),
        ([None], OWN, NOT_ASSESSED),
    ],
)
def test_automation(rows: list[Any], chosen: Settings, outcome: Outcome) -> None:
    found = automated(*rows, settings=chosen)
    assert found.outcome is outcome, found.summary


SYNCED = {"tenantId": TWO.upper(), **SYNCS}


@pytest.mark.parametrize(
    ("told", "outcome"),
    [
        ([], PASS),
        ([SYNCED], FAIL),
        ([{**SYNCED, "identitySynchronization": {"userSyncInbound": {"isSyncAllowed": False}}}], PASS),
        ([{**SYNCED, "identitySynchronization": {}}], NOT_ASSESSED),
        ([{**SYNCED, "identitySynchronization": "x"}], NOT_ASSESSED),
        ([{"tenantId": TWO}], NOT_ASSESSED),
        ([None], NOT_ASSESSED),
        (None, NOT_ASSESSED),
        (Gap("partner_synchronization", GapReason.PERMISSION, "no role"), NOT_ASSESSED),
    ],
)
def test_partners_the_list_is_silent_about_are_asked(told: Any, outcome: Outcome) -> None:
    silent = f.partner(2, identitySynchronization=f.ABSENT)
    found = automated(silent, f.partner(3), settings=OWN, partner_synchronization=told)
    assert found.outcome is outcome, found.summary
    if isinstance(told, Gap):
        assert found.gap.reason is told.reason
        assert "no role" in found.summary
    # What the list itself says is not asked for and not overruled.
    assert automated(f.partner(2), settings=OWN, partner_synchronization=[SYNCED]).outcome is PASS


def test_both_are_named() -> None:
    found = automated(f.partner(2, **REDEEMS, **SYNCS), settings=OWN)
    assert found.affected.sample[0]["why"] == "automatic redemption and inbound synchronization"


def test_the_older_policy_is_shown_and_not_judged() -> None:
    inner = {"AutoRedeemPolicy": {"NoAADConsentForUsersFromTenantsIds": [TWO]}}
    found = automated(b2b_management_policies=[f.b2b_policy(inner=inner)])
    assert found.outcome is PASS
    assert "1 tenant" in found.notes[0]
    for policies in ([f.b2b_policy()], [{"id": "broken", "definition": ["{"]}], f.gap("b2b_management_policies")):
        quiet = automated(b2b_management_policies=policies)
        assert (quiet.outcome, quiet.notes) == (PASS, ())


# Safer never looks worse


@settings(max_examples=60)
@given(st.lists(st.sampled_from([*POWERS, *NO_POWERS]), max_size=4), st.integers(0, 3), st.booleans())
def test_fewer_partners_and_powers_are_never_worse(has: list[dict[str, Any]], which: int, kept: bool) -> None:
    chosen = APPROVED if kept else Settings()

    def rank(made: list[dict[str, Any]]) -> int:
        return RANK[partners(*(f.partner(n + 2, **x) for n, x in enumerate(made)), settings=chosen).outcome]

    assert rank(has[:which] + has[which + 1 :]) >= rank(has)
    assert rank([{} if n == which else x for n, x in enumerate(has)]) >= rank(has)
