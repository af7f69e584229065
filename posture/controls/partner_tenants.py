"""Partners, the tenants with cross-tenant settings of their own: approved, in use, and what happens by itself."""

from collections.abc import Iterable, Mapping
from typing import Any

from posture.controls.cross_tenant import NO_TRUST, ROLE, WRITE, claims_in_words, is_support, trusted_claims
from posture.controls.registry import (
    Remediation,
    Verdict,
    control,
    failed,
    partial,
    passed,
)
from posture.controls.shared import ids, number, unless_known
from posture.errors import UnknownValueError
from posture.settings import Severity, Thresholds
from posture.snapshot.derive import (
    Access,
    access,
    b2b_definition,
    trusts,
    with_synchronization,
)
from posture.snapshot.power import because
from posture.snapshot.types import Gap, Rows
from posture.snapshot.values import block, flag, objects, present, text

_PARTNER = "https://graph.microsoft.com/v1.0/policies/crossTenantAccessPolicy/partners/{tenantId}"
_SET_PARTNER = (
    "Update-MgPolicyCrossTenantAccessPolicyPartner "
    "-CrossTenantAccessPolicyConfigurationPartnerTenantId {tenantId} -BodyParameter $body",
)


def _opened(partner: Mapping[str, Any]) -> list[str]:
    """Return what a partner's own settings give it beyond the default, in words; null inherits and gives nothing."""
    found: list[str] = []
    unknown: list[UnknownValueError] = []
    for gives in (_believed, _connected, _let_in):
        try:
            found += gives(partner)
        except UnknownValueError as error:
            unknown.append(error)
    if unknown and not found:  # what is proven stands
        raise unknown[0]
    return found


def _believed(partner: Mapping[str, Any]) -> list[str]:
    if present(partner, "inboundTrust") is None:
        return []
    trust = block(partner, "inboundTrust")
    trusted = trusted_claims(trust)
    if not trusted:
        trusts(trust)
    return [f"believed about {claims_in_words(trusted)}"] if trusted else []


def _connected(partner: Mapping[str, Any]) -> list[str]:
    direct = _own(partner, "b2bDirectConnectInbound")
    return ["direct connect allowed"] if direct is not None and not direct.closed else []


def _let_in(partner: Mapping[str, Any]) -> list[str]:
    collaboration = _own(partner, "b2bCollaborationInbound")
    return ["all users and applications allowed"] if collaboration is not None and collaboration.open else []


def _own(partner: Mapping[str, Any], key: str) -> Access | None:
    return None if present(partner, key) is None else access(block(partner, key))


def _names(partner_tenants: Rows | Gap) -> dict[str, Any]:
    """Return the public names of tenants by id; only to show."""
    if isinstance(partner_tenants, Gap):
        return {}
    return {str(t.get("tenantId")).casefold(): t.get("displayName") for t in objects(partner_tenants, "tenants")}


@control(
    "GUEST-XTA-004",
    fail=Severity.HIGH,
    partial=Severity.MEDIUM,
    kind="inventory",
    licence="Entra ID P1 for the settings and for sign-in evidence",
    remediation=(
        Remediation(
            method="PATCH",
            url=_PARTNER,
            body={"inboundTrust": NO_TRUST},
            permission=WRITE,
            role=ROLE,
            powershell=_SET_PARTNER,
            notes="Takes back the trust and keeps the partner.",
        ),
        Remediation(
            method="DELETE",
            url=_PARTNER,
            permission=WRITE,
            role=ROLE,
            powershell=(
                "Remove-MgPolicyCrossTenantAccessPolicyPartner "
                "-CrossTenantAccessPolicyConfigurationPartnerTenantId {tenantId}",
            ),
            notes="Returns the tenant to the default; refused while isServiceProvider is true.",
        ),
    ),
    frameworks={
        "mcsb": ("PA-4 (own)",),
        "nist_800_53r5": ("AC-2 (own)", "CA-3 (own)"),
        "iso_27001_2022": ("A.5.19 (own)", "A.5.22 (own)"),
        "attack": ("T1484.002 (Splunk)", "T1199"),
        "atrm": ("AZT507.2 (own)", "AZT507.4 (own)"),
    },
    parameters=("approved_partner_tenant_ids", "own_tenant_ids"),
    empty_is_good="cross_tenant_partners: no other tenant has settings of its own.",
)
def partners_are_approved(
    cross_tenant_partners: Rows,
    partner_tenants: Rows | Gap,
    sign_ins: Rows | Gap,
    sign_ins_non_interactive: Rows | Gap,
    guest_domain_tenants: Rows | Gap,
    thresholds: Thresholds,
) -> Verdict:
    """Every partner with settings of its own is approved and in use.

    Holds when there are none, or all are in `approved_partner_tenant_ids` or
    `own_tenant_ids` and have guests here or were seen signing in. Partial when
    partners exist and no list is kept, when one outside the list is given none
    of what fails, or when an approved one has no guest whose mail domain is
    known to be theirs and was not seen in the sign-ins read. Fails when a list
    is kept and a partner outside it is trusted, may use direct connect, or may
    come in with all users to all applications. Microsoft's support tenant is
    left out.

    Why: settings for one tenant beat the default. Entries for contracts that
    have ended are open doors that nobody watches.

    Attack: whoever becomes Security Administrator for a moment adds their own
    tenant as a partner and trusts its MFA; the entry stays when they are gone.

    Fix: keep the list of approved tenants in posture.toml and review it every
    quarter. Entra admin center > External Identities > Cross-tenant access
    settings > Organizational settings > take back trust, or delete the entry.

    Breaks: a tenant whose entry is deleted falls back to the default, which may
    be tighter or looser: look first.

    Default: no partners.

    Source: https://learn.microsoft.com/entra/external-id/cross-tenant-access-settings-b2b-collaboration
    https://learn.microsoft.com/graph/api/resources/crosstenantaccesspolicyconfigurationpartner
    https://github.com/splunk/security_content/blob/develop/detections/cloud/o365_cross_tenant_access_change.yml
    """
    partners = [p for p in objects(cross_tenant_partners, "partners") if not is_support(p)]
    if not partners:
        return passed("No other tenant has settings of its own.", observed={"partners": 0})
    approved, own = ids(thresholds.approved_partner_tenant_ids), ids(thresholds.own_tenant_ids)
    outside = [p for p in partners if text(p, "tenantId").casefold() not in approved | own]
    known = _names(partner_tenants)
    observed = {"partners": len(partners), "partners not on the list": len(outside)}
    if not outside:
        return _in_use(partners, known, (sign_ins, sign_ins_non_interactive), guest_domain_tenants, observed)
    if not approved:
        shown = [_row(p, known, "partner; no list of approved tenants is kept") for p in outside]
        words = (
            f"{number(len(outside), 'partner')} to review: posture.toml names no approved partner "
            "(approved_partner_tenant_ids)."
        )
        return partial(words, observed=observed, affected=shown)
    bad, unknown = [], []
    for partner in outside:
        try:
            given = _opened(partner)
        except UnknownValueError as error:
            unknown.append(f"the settings of partner {partner['tenantId']} are not clear: {error}")
            continue
        bad += [_row(partner, known, f"not approved, and {', '.join(given)}")] if given else []
    if bad:
        verb = "is" if len(bad) == 1 else "are"
        words = f"{number(len(bad), 'partner')} outside the approved list can get in or {verb} believed."
        return failed(words, observed=observed, affected=bad)
    unless_known(unknown)
    shown = [_row(p, known, "not on the approved list") for p in outside]
    words = (
        f"{number(len(outside), 'partner')} outside the approved list; none is trusted, may use direct connect or is "
        "let in with all users to all applications."
    )
    return partial(words, observed=observed, affected=shown)


def _row(partner: Mapping[str, Any], known: Mapping[str, Any], why: str) -> dict[str, Any]:
    tenant = str(partner.get("tenantId"))
    return {"id": tenant, "displayName": known.get(tenant.casefold()), "why": why}


def _in_use(
    partners: list[Mapping[str, Any]],
    known: Mapping[str, Any],
    logs: tuple[Rows | Gap, Rows | Gap],
    guest_domain_tenants: Rows | Gap,
    observed: dict[str, Any],
) -> Verdict:
    """Judge approved partners by whether they have guests here, or somebody of theirs was seen."""
    missing = {text(p, "tenantId").casefold() for p in partners}
    why, blind = "no sign-in was seen", " Whether they have guests here was not read."
    if not isinstance(guest_domain_tenants, Gap):
        why, blind = "no guest and no sign-in was seen", ""
        missing -= {str(row.get("tenantId")).casefold() for row in objects(guest_domain_tenants, "tenants of domains")}
    if not missing:
        return passed("Every partner is approved and in use.", observed=observed)
    sign_ins, others = logs
    if isinstance(sign_ins, Gap):
        detail = f"all partners are approved; whether they are in use was not read: {sign_ins.detail}"
        raise UnknownValueError(detail, because=sign_ins)
    nameless = _seen(sign_ins, missing)
    if not isinstance(others, Gap):
        _seen(others, missing)
    if not missing:
        return passed("Every partner is approved and in use.", observed=observed)
    if nameless:
        raise UnknownValueError(f"{number(nameless, 'sign-in')} did not say from which tenant, so use is not known")
    unused = [_row(p, known, why) for p in partners if str(p["tenantId"]).casefold() in missing]
    words = f"Every partner is approved; {why} from {len(unused):,}.{blind}"
    return partial(words, observed={**observed, "partners not in use": len(unused)}, affected=unused)


def _seen(sign_ins: Iterable[Mapping[str, Any]], missing: set[str]) -> int:
    """Take the tenants that were seen out of `missing`; return how many sign-ins name no tenant."""
    nameless = 0
    for row in objects(sign_ins, "sign-ins"):
        home = row.get("homeTenantId")
        if isinstance(home, str) and home:
            missing.discard(home.casefold())
        else:
            nameless += 1
    return nameless


@control(
    "GUEST-XTA-005",
    fail=Severity.HIGH,
    partial=Severity.MEDIUM,
    kind="inventory",
    licence="Entra ID P1",
    remediation=(
        Remediation(
            method="PATCH",
            url=_PARTNER,
            body={"automaticUserConsentSettings": {"inboundAllowed": False}},
            permission=WRITE,
            role=ROLE,
            powershell=_SET_PARTNER,
            notes="Brings the consent prompt back.",
        ),
        Remediation(
            method="PATCH",
            url=f"{_PARTNER}/identitySynchronization",
            body={"userSyncInbound": {"isSyncAllowed": False}},
            permission=WRITE,
            role=ROLE,
            powershell=(
                "Update-MgPolicyCrossTenantAccessPolicyPartnerIdentitySynchronization "
                "-CrossTenantAccessPolicyConfigurationPartnerTenantId {tenantId} -BodyParameter $body",
            ),
            notes="Stops inbound synchronization.",
        ),
    ),
    frameworks={
        "mcsb": ("PA-3 (own)",),
        "nist_800_53r5": ("AC-2 (own)",),
        "iso_27001_2022": ("A.5.16 (own)",),
        "attack": ("T1484.002 (Splunk)", "T1136.003", "T1199"),
        "atrm": ("AZT507.4 (own)",),
    },
    parameters=("own_tenant_ids", "approved_partner_tenant_ids"),
    empty_is_good=(
        "cross_tenant_partners: no other tenant has settings of its own. partner_synchronization: of those asked about "
        "none has any. b2b_management_policies: shown, not judged."
    ),
    unverified=(
        "the body that stops synchronization was not tried",
        "whether a partner without synchronization is answered with null or without the property in the list: who is "
        "without it is asked for it, where 404 says that there is none, as Graph's page on errors has it",
        "what AutoRedeemPolicy in the B2B policy means: it is shown and not judged",
    ),
)
def automation_is_for_own_tenants(
    cross_tenant_partners: Rows,
    partner_synchronization: Rows | Gap,
    partner_tenants: Rows | Gap,
    b2b_management_policies: Rows | Gap,
    thresholds: Thresholds,
) -> Verdict:
    """Automatic redemption and inbound synchronization exist for own tenants only.

    Holds when no partner has either, or all that do are in `own_tenant_ids`.
    Partial when one has and no list of own tenants is kept, or it is an
    approved partner or a member of the multitenant organization. Fails when a
    list is kept and any other tenant has either.

    Why: automatic redemption takes away the click by which an invitation
    becomes visible to the person invited. Inbound synchronization lets another
    tenant's administrator make users in yours, usually as members.

    Attack: in a synchronized tenant that was broken into, put an account into
    the scope of the job; it appears in yours, with a member's rights.

    Fix: Entra admin center > External Identities > Cross-tenant access settings
    > Organizational settings > Inbound access > Trust settings (automatic
    redemption) and Cross-tenant sync. Keep both for tenants of the same group,
    and synchronize as guest unless member is needed.

    Breaks: people of the other tenant see the consent prompt again; its
    synchronization jobs fail until allowed.

    Default: off.

    Source: https://learn.microsoft.com/entra/external-id/cross-tenant-access-overview
    https://learn.microsoft.com/graph/api/resources/crosstenantidentitysyncpolicypartner
    https://learn.microsoft.com/graph/api/resources/inboundoutboundpolicyconfiguration
    https://learn.microsoft.com/graph/api/resources/b2bmanagementpolicy?view=graph-rest-beta
    """
    own, approved = ids(thresholds.own_tenant_ids), ids(thresholds.approved_partner_tenant_ids)
    known = _names(partner_tenants)
    bad, doubtful, unknown, ours = [], [], [], 0
    for partner in with_synchronization(cross_tenant_partners, partner_synchronization):
        tenant = text(partner, "tenantId").casefold()
        try:
            automatic = _automation(partner, partner_synchronization)
        except UnknownValueError as error:
            if tenant not in own:
                unknown.append(f"the settings of partner {partner['tenantId']} are not clear: {error}")
            continue
        if not automatic:
            continue
        row = _row(partner, known, " and ".join(automatic))
        if tenant in own:
            ours += 1
        elif own and tenant not in approved and partner.get("isInMultiTenantOrganization") is not True:
            bad.append(row)
        else:
            doubtful.append(row)
    observed = {"own tenants with automation": ours, "other tenants with automation": len(bad) + len(doubtful)}
    notes = _auto_redeem(b2b_management_policies)
    if bad:
        verb = (
            "is neither your own nor approved and has"
            if len(bad) == 1
            else "are neither your own nor approved and have"
        )
        words = f"{number(len(bad), 'tenant')} {verb} automatic redemption or synchronization."
        return failed(words, observed=observed, affected=[*bad, *doubtful], notes=notes)
    unless_known(unknown, partner_synchronization)
    if doubtful:
        words = (
            f"{number(len(doubtful), 'tenant')} with automatic redemption or synchronization to confirm as your own."
        )
        return partial(words, observed=observed, affected=doubtful, notes=notes)
    if ours:
        words = f"Only your own tenants ({ours:,}) have automatic redemption or synchronization."
        return passed(words, observed=observed, notes=notes)
    return passed("No partner has automatic redemption or synchronization.", observed=observed, notes=notes)


def _automation(partner: Mapping[str, Any], partner_synchronization: Rows | Gap) -> list[str]:
    """Return in words what a partner may do by itself.

    Null flags inherit the default, where both are always false. What is proven
    stands whatever else is not known.

    Source: https://learn.microsoft.com/graph/api/resources/crosstenantaccesspolicyconfigurationdefault
    """
    found, unknown = [], []
    for words, has in (("automatic redemption", _redeems), ("inbound synchronization", _synchronizes)):
        try:
            found += [words] if has(partner) else []
        except UnknownValueError as error:
            unknown.append(str(error))
    if unknown and not found:
        silent = isinstance(partner_synchronization, Gap) and "identitySynchronization" not in partner
        raise UnknownValueError(f"{unknown[0]}{because(partner_synchronization) if silent else ''}")
    return found


def _redeems(partner: Mapping[str, Any]) -> bool:
    if present(partner, "automaticUserConsentSettings") is None:
        return False
    settings = block(partner, "automaticUserConsentSettings")
    return present(settings, "inboundAllowed") is not None and flag(settings, "inboundAllowed")


def _synchronizes(partner: Mapping[str, Any]) -> bool:
    if present(partner, "identitySynchronization") is None:
        return False
    sync = block(partner, "identitySynchronization")
    return present(sync, "userSyncInbound") is not None and flag(block(sync, "userSyncInbound"), "isSyncAllowed")


def _auto_redeem(b2b_management_policies: Rows | Gap) -> tuple[str, ...]:
    """Return a note where the older B2B policy names tenants for automatic redemption."""
    if isinstance(b2b_management_policies, Gap):
        return ()
    named = 0
    for policy in objects(b2b_management_policies, "B2B management policies"):
        try:
            inner = b2b_definition(policy) or {}
        except UnknownValueError:
            continue  # GUEST-INV-002 says that it cannot be read; here it is shown only
        redeem = inner.get("AutoRedeemPolicy")
        tenants = redeem.get("NoAADConsentForUsersFromTenantsIds") if isinstance(redeem, Mapping) else None
        named += len(tenants) if isinstance(tenants, list) else 0
    if not named:
        return ()
    return (
        f"The older B2B policy names {number(named, 'tenant')} under AutoRedeemPolicy, which Microsoft does not "
        "document; look at it.",
    )
