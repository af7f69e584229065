"""Cross-tenant access by default: which tenants' people get in, and what is believed of them."""

from collections.abc import Mapping
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
from posture.controls.shared import number
from posture.errors import UnknownValueError
from posture.settings import Profile, Severity, Thresholds
from posture.snapshot.derive import (
    TRUST_CLAIMS,
    DomainList,
    DomainMode,
    Reach,
    access,
    domain_list_holds,
    invitation_domain_mode,
    trusts,
)
from posture.snapshot.types import Gap, Rows
from posture.snapshot.values import block, objects, text

MICROSOFT_SUPPORT = "b4c546a4-7dac-46a6-a7dd-ed822a11efd3"
"""Appears as a service provider after a support case."""

_DEFAULT = "https://graph.microsoft.com/v1.0/policies/crossTenantAccessPolicy/default"
WRITE = "Policy.ReadWrite.CrossTenantAccess"
ROLE = "Security Administrator"
_BLOCKED = {
    "usersAndGroups": {"accessType": "blocked", "targets": [{"target": "AllUsers", "targetType": "user"}]},
    "applications": {"accessType": "blocked", "targets": [{"target": "AllApplications", "targetType": "application"}]},
}
NO_TRUST = {"isMfaAccepted": False, "isCompliantDeviceAccepted": False, "isHybridAzureADJoinedDeviceAccepted": False}
_SET_DEFAULT = ("Update-MgPolicyCrossTenantAccessPolicyDefault -BodyParameter $body",)


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
        permission=WRITE,
        role=ROLE,
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
    named = sum(not is_support(p) for p in objects(cross_tenant_partners, "partners"))
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
        permission=WRITE,
        role=ROLE,
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
        body={"inboundTrust": NO_TRUST},
        permission=WRITE,
        role=ROLE,
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
    trusted = trusted_claims(trust)
    if set(trusted) - {"isMfaAccepted"}:
        return failed(f"Every tenant is believed by default about {claims_in_words(trusted)}.")
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


def claims_in_words(trusted: list[str]) -> str:
    """Return claims in words."""
    words = [_CLAIMS[claim] for claim in trusted]
    return " and ".join(part for part in (", ".join(words[:-1]), words[-1]) if part)


def trusted_claims(inbound_trust: Mapping[str, Any]) -> list[str]:
    """Return the claims that are believed beyond doubt, whatever the others are."""
    return [claim for claim in TRUST_CLAIMS if inbound_trust.get(claim) is True]


def is_support(partner: Mapping[str, Any]) -> bool:
    """Return whether a partner is Microsoft's support, which comes and goes with a case."""
    return str(partner.get("tenantId")).casefold() == MICROSOFT_SUPPORT and partner.get("isServiceProvider") is True
