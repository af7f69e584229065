"""Cross-tenant access: which other tenants' people get in, and what is believed of them."""

from collections.abc import Iterable, Mapping
from typing import Any

from posture.controls.registry import (
    Authority,
    Outcome,
    Remediation,
    Verdict,
    control,
    failed,
    partial,
    passed,
)
from posture.controls.shared import ids, number, unless_known
from posture.errors import UnknownValueError
from posture.settings import Profile, Severity, Thresholds
from posture.snapshot.derive import (
    TRUST_CLAIMS,
    Access,
    DomainList,
    DomainMode,
    Reach,
    access,
    b2b_definition,
    domain_list_holds,
    invitation_domain_mode,
    trusts,
    with_synchronization,
)
from posture.snapshot.power import because
from posture.snapshot.types import Gap, Rows
from posture.snapshot.values import block, flag, objects, present, text

MICROSOFT_SUPPORT = "b4c546a4-7dac-46a6-a7dd-ed822a11efd3"
"""Appears as a service provider after a support case."""

_DEFAULT = "https://graph.microsoft.com/v1.0/policies/crossTenantAccessPolicy/default"
_PARTNER = "https://graph.microsoft.com/v1.0/policies/crossTenantAccessPolicy/partners/{tenantId}"
_WRITE = "Policy.ReadWrite.CrossTenantAccess"
_ROLE = "Security Administrator"
_BLOCKED = {
    "usersAndGroups": {"accessType": "blocked", "targets": [{"target": "AllUsers", "targetType": "user"}]},
    "applications": {"accessType": "blocked", "targets": [{"target": "AllApplications", "targetType": "application"}]},
}
_NO_TRUST = {"isMfaAccepted": False, "isCompliantDeviceAccepted": False, "isHybridAzureADJoinedDeviceAccepted": False}
_SET_DEFAULT = ("Update-MgPolicyCrossTenantAccessPolicyDefault -BodyParameter $body",)
_SET_PARTNER = (
    "Update-MgPolicyCrossTenantAccessPolicyPartner "
    "-CrossTenantAccessPolicyConfigurationPartnerTenantId {tenantId} -BodyParameter $body",
)


def _maester_8_3(cross_tenant_default: Mapping[str, Any], **_: Any) -> Outcome:
    """The published test reads the two access types and not their targets."""
    setting = block(cross_tenant_default, "b2bCollaborationInbound")
    kinds = [text(block(setting, side), "accessType") for side in ("usersAndGroups", "applications")]
    return Outcome.PASS if kinds == ["blocked", "blocked"] else Outcome.FAIL


@control(
    "GUEST-XTA-001",
    fail=Severity.MEDIUM,
    partial=Severity.LOW,
    licence="none for all or nothing; Entra ID P1 to name users, groups or applications",
    observes=("cross_tenant_default.b2bCollaborationInbound",),
    remediation=Remediation(
        method="PATCH",
        url=_DEFAULT,
        body={"b2bCollaborationInbound": _BLOCKED},
        permission=_WRITE,
        role=_ROLE,
        powershell=_SET_DEFAULT,
        notes=(
            "Add every partner as an organization first: the sign-in logs of 30 days are the inventory. Block users "
            "and applications together."
        ),
    ),
    frameworks={
        "scuba": ("MS.AAD.8.3v1 (SHOULD; Maester measures it here)",),
        "mcsb": ("IM-7 (own)", "GS-2 (own)"),
        "nist_800_53r5": ("AC-3 (own)", "AC-20 (own)", "CA-3 (own)"),
        "iso_27001_2022": ("A.5.19 (own)", "A.5.15 (own)"),
        "attack": ("T1199", "T1078.004"),
        "atrm": ("AZT507 (own)",),
        "maester": ("CISA.MS.AAD.8.3",),
    },
    authorities=(
        Authority("Maester", "CISA.MS.AAD.8.3: inbound default is blocked (its reading of MS.AAD.8.3v1)", _maester_8_3),
    ),
    parameters=("inbound_stance",),
    empty_is_good="",
    unverified=("that existing guests lose access at their next token follows from Microsoft's description",),
)
def inbound_is_closed_by_default(
    cross_tenant_default: Mapping[str, Any],
    cross_tenant_partners: Rows | Gap,
    b2b_management_policies: Rows | Gap,
    thresholds: Thresholds,
    profile: Profile,
) -> Verdict:
    """Inbound collaboration is closed by default, and partners are named.

    Holds when the default blocks all users and all applications and at least
    one partner is named, or when `inbound_stance` is allow-with-domain-list and
    invitations are limited to approved domains. Partial in between: users or
    applications narrowed to a list, closed without any partner, or open while
    invitations are limited to approved domains. Fails when the default is open
    and no list names the domains that may be invited.

    Why: this default decides whether people of any Entra tenant in the world,
    one made this morning among them, can get a token for your applications. A
    guest account from a tenant you never heard of is useless where it is
    closed.

    Attack: make a free tenant, get one of its users invited, sign in.

    Fix: list the partners first. Then Entra admin center > External Identities
    > Cross-tenant access settings > Organizational settings > add each partner;
    Default settings > Edit inbound defaults > B2B collaboration > Block access,
    on both tabs.

    Breaks: guests of every tenant that is not named lose access, those who are
    here already too. Reading rights-protected mail stops unless its app
    (00000012-0000-0000-c000-000000000000) is allowed outbound. It covers Entra
    tenants alone, not guests with a code, a personal or a federated account.

    Default: allowed for all users and all applications.

    Source: https://learn.microsoft.com/entra/external-id/cross-tenant-access-overview
    https://learn.microsoft.com/graph/api/crosstenantaccesspolicyconfigurationdefault-get
    https://learn.microsoft.com/entra/external-id/cross-tenant-access-settings-b2b-collaboration
    https://learn.microsoft.com/entra/architecture/5-secure-access-b2b
    """
    inbound = access(block(cross_tenant_default, "b2bCollaborationInbound"))
    with_list = _stance(thresholds) == "allow-with-domain-list"
    if inbound.closed:
        closed = _closed(cross_tenant_partners)
        if with_list and closed.outcome is Outcome.PARTIAL:
            domains = _domains(b2b_management_policies)
            if domain_list_holds(domains, profile):
                return passed("Inbound collaboration is blocked, and invitations are limited to approved domains.")
        return closed
    if not inbound.open and not with_list:
        return partial(f"Inbound collaboration is narrowed by default: {inbound}.")
    domains = _domains(b2b_management_policies)
    limited = domain_list_holds(domains, profile)
    if limited and with_list:
        return passed("Inbound collaboration is open, and invitations are limited to approved domains.")
    if not inbound.open:
        return partial(f"Inbound collaboration is narrowed by default: {inbound}.")
    if limited:
        return partial("Inbound collaboration is open to every tenant; invitations are limited to approved domains.")
    return failed(f"Inbound collaboration is open to every tenant, and {_invited(domains)}.")


def _stance(thresholds: Thresholds) -> str:
    if thresholds.inbound_stance not in ("deny-by-default", "allow-with-domain-list"):
        raise UnknownValueError(
            f"the parameter inbound_stance is {thresholds.inbound_stance!r}; it takes deny-by-default or "
            "allow-with-domain-list"
        )
    return thresholds.inbound_stance


def _closed(cross_tenant_partners: Rows | Gap) -> Verdict:
    if isinstance(cross_tenant_partners, Gap):
        raise UnknownValueError(
            f"inbound collaboration is blocked, and whether partners are named was not read: "
            f"{cross_tenant_partners.detail}",
            because=cross_tenant_partners,
        )
    named = sum(not _is_support(p) for p in objects(cross_tenant_partners, "partners"))
    observed = {"cross_tenant_partners.partners": named}
    if not named:
        words = "Inbound collaboration is blocked and no partner is named: every other tenant is cut off."
        return partial(words, observed=observed)
    words = f"Inbound collaboration is blocked by default; {number(named, 'partner')} named."
    return passed(words, observed=observed)


def _domains(b2b_management_policies: Rows | Gap) -> DomainMode:
    if isinstance(b2b_management_policies, Gap):
        raise UnknownValueError(
            "whether invitations are limited to approved domains decides here, and it was not read: "
            f"{b2b_management_policies.detail}",
            because=b2b_management_policies,
        )
    return invitation_domain_mode(b2b_management_policies)


def _invited(domains: DomainMode) -> str:
    """Return which domains may be invited where no allow list limits them, in words."""
    if domains.kind is DomainList.BLOCK:
        return f"any domain may be invited, except {len(domains.domains):,} on the block list"
    return "any domain may be invited" if domains.kind is DomainList.NONE else "the allow list of domains is empty"


def _zta_21790(cross_tenant_default: Mapping[str, Any], **_: Any) -> Outcome:
    outbound = (
        access(block(cross_tenant_default, k)) for k in ("b2bCollaborationOutbound", "b2bDirectConnectOutbound")
    )
    return Outcome.PASS if all(o.closed for o in outbound) else Outcome.FAIL


@control(
    "GUEST-XTA-002",
    fail=Severity.HIGH,
    partial=Severity.LOW,
    licence="Entra ID P1 in both tenants for direct connect",
    observes=(
        "cross_tenant_default.b2bDirectConnectInbound",
        "cross_tenant_default.b2bDirectConnectOutbound",
        "cross_tenant_default.b2bCollaborationOutbound",
    ),
    remediation=Remediation(
        method="PATCH",
        url=_DEFAULT,
        body={"b2bDirectConnectInbound": _BLOCKED, "b2bDirectConnectOutbound": _BLOCKED},
        permission=_WRITE,
        role=_ROLE,
        powershell=_SET_DEFAULT,
        notes="Open direct connect for single partners afterwards.",
    ),
    frameworks={
        "mcsb": ("IM-7 (own)",),
        "nist_800_53r5": ("AC-3 (own)", "AC-20 (own)"),
        "iso_27001_2022": ("A.5.14 (own)",),
        "attack": ("T1199", "T1537 (own)"),
        "atrm": ("AZT507 (own)",),
        "zta": ("21790", "21793"),
    },
    authorities=(
        Authority(
            "Microsoft Zero Trust Assessment", "21790: outbound collaboration and direct connect blocked", _zta_21790
        ),
    ),
    parameters=("score_outbound",),
)
def direct_connect_is_closed_by_default(
    cross_tenant_default: Mapping[str, Any], thresholds: Thresholds, profile: Profile
) -> Verdict:
    """Direct connect and outbound collaboration are not open by default.

    Holds when direct connect is blocked by default in both directions. Partial
    when inbound direct connect is narrowed to some users and applications, when
    outbound is not blocked, or, with `score_outbound` or under Microsoft's
    assessment, when outbound collaboration is open. Fails when inbound direct
    connect is allowed by default for all users or all applications.

    Why: direct connect lets outsiders into shared channels without leaving a
    user object, so nothing in the guest list shows them. Open outbound lets
    your own people become guests anywhere, which is the same door seen from the
    other side.

    Attack: be added to a shared channel from a tenant of your own; no
    invitation, no guest, no trace in the directory.

    Fix: Entra admin center > External Identities > Cross-tenant access settings
    > Default settings > Edit inbound defaults and Edit outbound defaults > B2B
    direct connect > Block access. Allow it for single partners.

    Breaks: shared channels with partners that have no settings of their own
    stop. Blocking outbound collaboration stops your people from accepting
    invitations elsewhere and from opening protected mail.

    Default: direct connect blocked both ways; outbound collaboration allowed.

    Source: https://learn.microsoft.com/entra/external-id/cross-tenant-access-overview
    https://learn.microsoft.com/graph/api/crosstenantaccesspolicyconfigurationdefault-get
    https://github.com/microsoft/zerotrustassessment/blob/main/src/powershell/tests/Test-Assessment.21790.md
    """
    inbound = access(block(cross_tenant_default, "b2bDirectConnectInbound"))
    outbound = access(block(cross_tenant_default, "b2bDirectConnectOutbound"))
    collaboration = access(block(cross_tenant_default, "b2bCollaborationOutbound"))
    if Reach.ALL in (inbound.users, inbound.applications):
        return failed(f"Direct connect lets every tenant in by default: {inbound}.")
    doubts = []
    if not inbound.closed:
        doubts.append(f"inbound direct connect is narrowed, not blocked ({inbound})")
    if not outbound.closed:
        doubts.append(f"outbound direct connect is not blocked ({outbound})")
    if collaboration.open and (thresholds.score_outbound or profile is Profile.MS_ZTA):
        doubts.append("outbound collaboration is open")
    if doubts:
        return partial(f"Not all is closed by default: {'; '.join(doubts)}.")
    open_note = "Outbound collaboration is open by default; it concerns your own people and is not judged here."
    return passed(
        "Direct connect is blocked by default in both directions.", notes=(open_note,) if collaboration.open else ()
    )


@control(
    "GUEST-XTA-003",
    fail=Severity.HIGH,
    partial=Severity.MEDIUM,
    licence="Entra ID P1 to set trust",
    observes=("cross_tenant_default.inboundTrust",),
    remediation=Remediation(
        method="PATCH",
        url=_DEFAULT,
        body={"inboundTrust": _NO_TRUST},
        permission=_WRITE,
        role=_ROLE,
        powershell=(
            "Update-MgPolicyCrossTenantAccessPolicyDefault -BodyParameter @{ inboundTrust = @{ isMfaAccepted = $false; "
            "isCompliantDeviceAccepted = $false; isHybridAzureADJoinedDeviceAccepted = $false } }",
        ),
        notes="Trust MFA for single, vetted partners instead (GUEST-XTA-004).",
    ),
    frameworks={
        "scuba": ("aad.md Appendix B (guidance)",),
        "mcsb": ("IM-7 (own)", "IM-6 (own)"),
        "nist_800_53r5": ("IA-8 (own)", "AC-20b (SCuBA, for managed devices)"),
        "iso_27001_2022": ("A.8.5 (own)",),
        "attack": ("T1199", "T1484.002", "T1078.004"),
        "atrm": ("AZT507.4 (own)",),
        "zta": ("21851 (advises trust for vetted partners only)",),
    },
    authorities=(
        Authority("Microsoft Zero Trust Assessment", "21851: advises trust for vetted partners only"),
        Authority("CISA SCuBA", "aad.md Appendix B: guidance, no item"),
    ),
    parameters=("allow_default_mfa_trust",),
    unverified=("the attack is our own reasoning from documented behaviour", "no peer was seen that tests the default"),
)
def claims_are_not_trusted_by_default(cross_tenant_default: Mapping[str, Any], thresholds: Thresholds) -> Verdict:
    """MFA and device claims are not trusted from every tenant.

    Holds when all three flags of the default inbound trust are false, or only
    MFA is trusted and `allow_default_mfa_trust` is set. Partial when MFA is
    trusted while inbound collaboration is blocked or narrowed by default. Fails
    when MFA is trusted and inbound is open, or when device compliance or hybrid
    join is trusted.

    Why: a claim is worth what the tenant that makes it is worth. Trusted by
    default, any tenant can say that its user passed MFA, and your Conditional
    Access believes it. With device claims the same stranger writes the
    compliance policy too.

    Attack: administer a tenant of your own, mark the user as having passed MFA
    there, and walk through the policy that asks guests for MFA.

    Fix: Entra admin center > External Identities > Cross-tenant access settings
    > Default settings > Edit inbound defaults > Trust settings: none. Trust MFA
    for vetted partners one by one.

    Breaks: guests must register MFA here, with fewer methods than at home (no
    FIDO2, Windows Hello or certificates). Direct connect users are blocked
    where MFA is asked and not trusted. Policies that ask for a compliant device
    block guests.

    Default: nothing is trusted.

    Source: https://learn.microsoft.com/entra/external-id/authentication-conditional-access
    https://learn.microsoft.com/entra/external-id/cross-tenant-access-settings-b2b-collaboration
    https://learn.microsoft.com/graph/api/resources/crosstenantaccesspolicyinboundtrust
    """
    trust = block(cross_tenant_default, "inboundTrust")
    trusted = _true(trust)
    if set(trusted) - {"isMfaAccepted"}:
        return failed(f"Every tenant is believed by default about {_claims(trusted)}.")
    trusts(trust)  # the others have to be known as well
    if not trusted:
        return passed("No claim of another tenant is trusted by default.")
    if thresholds.allow_default_mfa_trust:
        return passed("MFA of every tenant is trusted by default, as allow_default_mfa_trust allows.")
    inbound = access(block(cross_tenant_default, "b2bCollaborationInbound"))
    if inbound.open:
        return failed("MFA of every tenant is trusted by default, and every tenant may come in.")
    how = "blocked" if inbound.closed else f"narrowed ({inbound})"
    return partial(f"MFA of every tenant is trusted by default; inbound collaboration is {how}.")


_CLAIMS = {
    "isMfaAccepted": "MFA",
    "isCompliantDeviceAccepted": "compliant devices",
    "isHybridAzureADJoinedDeviceAccepted": "hybrid joined devices",
}


def _claims(trusted: list[str]) -> str:
    """Return claims in words."""
    words = [_CLAIMS[claim] for claim in trusted]
    return " and ".join(part for part in (", ".join(words[:-1]), words[-1]) if part)


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
    trusted = _true(trust)
    if not trusted:
        trusts(trust)
    return [f"believed about {_claims(trusted)}"] if trusted else []


def _connected(partner: Mapping[str, Any]) -> list[str]:
    direct = _own(partner, "b2bDirectConnectInbound")
    return ["direct connect allowed"] if direct is not None and not direct.closed else []


def _let_in(partner: Mapping[str, Any]) -> list[str]:
    collaboration = _own(partner, "b2bCollaborationInbound")
    return ["all users and applications allowed"] if collaboration is not None and collaboration.open else []


def _true(inbound_trust: Mapping[str, Any]) -> list[str]:
    """Return the claims that are believed beyond doubt, whatever the others are."""
    return [claim for claim in TRUST_CLAIMS if inbound_trust.get(claim) is True]


def _own(partner: Mapping[str, Any], key: str) -> Access | None:
    return None if present(partner, key) is None else access(block(partner, key))


def _names(partner_tenants: Rows | Gap) -> dict[str, Any]:
    """Return the public names of tenants by id; only to show."""
    if isinstance(partner_tenants, Gap):
        return {}
    return {str(t.get("tenantId")).casefold(): t.get("displayName") for t in objects(partner_tenants, "tenants")}


def _is_support(partner: Mapping[str, Any]) -> bool:
    return str(partner.get("tenantId")).casefold() == MICROSOFT_SUPPORT and partner.get("isServiceProvider") is True


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
            body={"inboundTrust": _NO_TRUST},
            permission=_WRITE,
            role=_ROLE,
            powershell=_SET_PARTNER,
            notes="Takes back the trust and keeps the partner.",
        ),
        Remediation(
            method="DELETE",
            url=_PARTNER,
            permission=_WRITE,
            role=_ROLE,
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
    partners = [p for p in objects(cross_tenant_partners, "partners") if not _is_support(p)]
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
            permission=_WRITE,
            role=_ROLE,
            powershell=_SET_PARTNER,
            notes="Brings the consent prompt back.",
        ),
        Remediation(
            method="PATCH",
            url=f"{_PARTNER}/identitySynchronization",
            body={"userSyncInbound": {"isSyncAllowed": False}},
            permission=_WRITE,
            role=_ROLE,
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
