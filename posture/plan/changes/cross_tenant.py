"""Which other tenants' people get in, and what is believed of them."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from posture.controls.cross_tenant import MICROSOFT_SUPPORT
from posture.plan.remedies import (
    After,
    Evidence,
    Finding,
    Request,
    Risk,
    Step,
    about,
    by_hand,
    patch,
    people,
    remedy,
    setting,
    step,
)
from posture.settings import Profile
from posture.snapshot.derive import TRUST_CLAIMS, with_synchronization

_DEFAULT = "/policies/crossTenantAccessPolicy/default"
_PARTNERS = "/policies/crossTenantAccessPolicy/partners"
_PARTNER = f"{_PARTNERS}/{{}}"


def _side(kind: str, target: str, of: str) -> dict[str, Any]:
    return {"accessType": kind, "targets": [{"target": target, "targetType": of}]}


def access_setting(kind: str) -> dict[str, Any]:
    """Return a B2B setting for all users and all applications.

    Source: https://learn.microsoft.com/graph/api/resources/crosstenantaccesspolicyb2bsetting
    """
    return {
        "usersAndGroups": _side(kind, "AllUsers", "user"),
        "applications": _side(kind, "AllApplications", "application"),
    }


def guests_by_tenant(ev: Evidence) -> tuple[Counter[str], Counter[str], dict[str, str]]:
    """Return guests and active guests by home tenant as their domain tells it, and the tenants' names, by lower id."""
    everyone: Counter[str] = Counter()
    active: Counter[str] = Counter()
    names: dict[str, str] = {}
    for row in ev.rows("guest_domain_tenants"):
        tenant, domain = row.get("tenantId"), row.get("id")
        counts = ev.census.domains.get(domain) if isinstance(domain, str) else None
        if not isinstance(tenant, str) or not tenant:
            continue
        names.setdefault(tenant.casefold(), str(row.get("displayName") or domain))
        if counts is not None:
            everyone[tenant.casefold()] += counts.guests
            active[tenant.casefold()] += counts.active
    for row in ev.rows("partner_tenants"):
        tenant = row.get("tenantId")
        if isinstance(tenant, str):
            names[tenant.casefold()] = str(row.get("displayName") or row.get("defaultDomainName") or tenant)
    return everyone, active, names


def listed(ev: Evidence) -> frozenset[str]:
    """Return the tenants the operator calls approved or their own, in lower case; empty while no list is kept."""
    limits = ev.thresholds
    return frozenset(t.casefold() for t in (*limits.approved_partner_tenant_ids, *limits.own_tenant_ids))


def partners(ev: Evidence) -> dict[str, Mapping[str, Any]]:
    """Return the partners by tenant id in lower case, with their synchronization."""
    rows = with_synchronization(ev.rows("cross_tenant_partners"), ev.fact("partner_synchronization"))
    return {str(p["tenantId"]).casefold(): p for p in rows if isinstance(p.get("tenantId"), str) and p["tenantId"]}


@remedy("GUEST-XTA-001", risk=Risk.HIGH)
def close_inbound(ev: Evidence, finding: Finding) -> Iterator[Step]:
    """Name the partners whose people are here, then close the door to everybody else.

    Sources: https://learn.microsoft.com/graph/api/crosstenantaccesspolicy-post-partners
    https://learn.microsoft.com/graph/api/crosstenantaccesspolicyconfigurationpartner-update
    """
    control = finding.control
    naming = list(_naming(ev))
    title = "Name the partners whose guests are to stay"
    where = "Entra admin center > External Identities > Cross-tenant access settings > Organizational settings"
    if naming:
        yield step(
            control,
            1,
            title,
            naming,
            part=None,
            listed=True,
            permission="Policy.ReadWrite.CrossTenantAccess",
            role="Security Administrator",
            where=where,
            choice="These tenants have guests here who signed in lately; take out of the list whom you do not know.",
            risk=Risk.LOW,
        )
    else:
        yield by_hand(control, 1, title, where)
    yield setting(
        ev,
        finding,
        "cross_tenant_default",
        _DEFAULT,
        {"b2bCollaborationInbound": access_setting("blocked")},
        title="Close inbound collaboration by default",
        number=2,
        after=(After(f"{control.code}.1", "guests of every tenant that is not named lose access at their next token"),),
        choice="It cuts off guests who are here already, not new ones alone.",
        leaves="pass" if naming or partners(ev) else "partial",
    )


def _naming(ev: Evidence) -> Iterator[Request]:
    _, active, names = guests_by_tenant(ev)
    known, approved = partners(ev), listed(ev)
    own = ev.snapshot.tenant.id.casefold()
    for tenant, count in sorted(active.items(), key=lambda t: (-t[1], t[0])):
        if not count or tenant == own or (approved and tenant not in approved):
            continue
        words = f"{names.get(tenant, tenant)}: {count} active guests"
        if tenant in known:
            partner = known[tenant]
            if "b2bCollaborationInbound" in partner and partner["b2bCollaborationInbound"] is None:
                url = ev.url(_PARTNER, str(partner["tenantId"]))
                yield patch(url, {"b2bCollaborationInbound": access_setting("allowed")}, partner, about=words)
            continue
        yield Request(
            "POST",
            ev.url(_PARTNERS),
            {"tenantId": tenant, "b2bCollaborationInbound": access_setting("allowed")},
            words,
            undo=(Request("DELETE", ev.url(_PARTNER, tenant)),),
        )


@remedy("GUEST-XTA-002", risk=Risk.MEDIUM)
def close_direct_connect(ev: Evidence, finding: Finding) -> Iterator[Step]:
    """Close direct connect both ways; outbound collaboration only where it is judged."""
    body = {
        "b2bDirectConnectInbound": access_setting("blocked"),
        "b2bDirectConnectOutbound": access_setting("blocked"),
    }
    outbound = ev.thresholds.score_outbound or ev.profile is Profile.MS_ZTA
    if outbound:
        body["b2bCollaborationOutbound"] = access_setting("blocked")
    yield setting(
        ev,
        finding,
        "cross_tenant_default",
        _DEFAULT,
        body,
        title="Close direct connect by default" + (", and outbound collaboration" if outbound else ""),
        choice="Your own people can no longer accept invitations elsewhere." if outbound else "",
        leaves="pass",
    )


@remedy("GUEST-XTA-003", risk=Risk.MEDIUM)
def trust_nobody_by_default(ev: Evidence, finding: Finding) -> Iterator[Step]:
    """Trust the MFA of partners one by one, then take the trust in everybody back."""
    control = finding.control
    trusting = list(_trusting(ev))
    title = "Trust the MFA of the partners you have looked into"
    where = (
        "Entra admin center > External Identities > Cross-tenant access settings > Organizational settings > the "
        "partner > Inbound access > Trust settings"
    )
    if trusting:
        yield step(
            control,
            1,
            title,
            trusting,
            part=None,
            listed=True,
            permission="Policy.ReadWrite.CrossTenantAccess",
            role="Security Administrator",
            licence="Entra ID P1",
            where=where,
            choice="Trust a partner's MFA only where you know how they do it.",
            risk=Risk.LOW,
        )
    else:
        yield by_hand(control, 1, title, where)
    yield setting(
        ev,
        finding,
        "cross_tenant_default",
        _DEFAULT,
        {"inboundTrust": dict.fromkeys(TRUST_CLAIMS, False)},
        title="Trust no claim of another tenant by default",
        number=2,
        after=(After(f"{control.code}.1", "guests of partners that are not trusted have to register MFA here"),),
        leaves="pass",
    )


def _trusting(ev: Evidence) -> Iterator[Request]:
    """Partners that inherit the default's trust, have guests in use, and are approved where a list is kept."""
    _, active, names = guests_by_tenant(ev)
    approved = listed(ev)
    body = {"inboundTrust": {**dict.fromkeys(TRUST_CLAIMS, False), "isMfaAccepted": True}}
    for tenant, partner in sorted(partners(ev).items()):
        if partner.get("inboundTrust", "") is None and active[tenant] and (not approved or tenant in approved):
            url = ev.url(_PARTNER, str(partner["tenantId"]))
            yield patch(url, body, partner, about=f"{names.get(tenant, tenant)}: {active[tenant]} active guests")


@remedy("GUEST-XTA-004", risk=Risk.MEDIUM)
def tidy_partners(ev: Evidence, finding: Finding) -> Iterator[Step]:
    """Say who is approved; take the others' trust, then their entry.

    Sources: https://learn.microsoft.com/graph/api/crosstenantaccesspolicyconfigurationpartner-update
    https://learn.microsoft.com/graph/api/crosstenantaccesspolicyconfigurationpartner-delete
    https://learn.microsoft.com/graph/api/crosstenantidentitysyncpolicypartner-delete
    """
    control, code = finding.control, finding.control.code
    known = partners(ev)
    number = 0
    after: tuple[After, ...] = ()
    if not ev.thresholds.approved_partner_tenant_ids:
        number += 1
        yield by_hand(
            control,
            number,
            "Write down which partner tenants are approved",
            "posture.toml: [parameters] approved_partner_tenant_ids = [...]",
            licence="",
            notes=("Then audit and plan again: which entries can be deleted follows from the list.",),
        )
        after = (After(f"{code}.1", "until a list is kept every partner counts as one to review"),)

    named = {str(row.get("id", "")).casefold(): about(row) for row in ev.affected(code)}
    approved, (_, _, names) = listed(ev), guests_by_tenant(ev)

    def concerned() -> Iterator[tuple[str, Mapping[str, Any]]]:
        """The partners the finding names, and every other that is not approved."""
        for tenant, partner in sorted(known.items()):
            if tenant in named or (approved and tenant not in approved and tenant != MICROSOFT_SUPPORT):
                yield named.get(tenant) or f"{names.get(tenant, tenant)}: not on the approved list", partner

    def untrust() -> Iterator[Request]:
        body = {"inboundTrust": dict.fromkeys(TRUST_CLAIMS, False)}
        for words, partner in concerned():
            trust = partner.get("inboundTrust")
            if isinstance(trust, Mapping) and any(trust.values()):
                yield patch(ev.url(_PARTNER, str(partner["tenantId"])), body, partner, about=words)

    def drop() -> Iterator[Request]:
        for words, partner in concerned():
            if partner.get("isServiceProvider") is not True:
                yield from _delete_partner(ev, partner, words)

    asked = "Look at each: the list has every partner that is not approved, or not in use."
    yield people(
        control, number + 1, "Take trust back from partners that are not approved", untrust, after=after, choice=asked
    )
    yield people(
        control,
        number + 2,
        "Delete the entries of partners that are not approved",
        drop if number == 0 else lambda: iter(()),
        part=1,
        after=(*after, After(f"{code}.{number + 1}", "trust goes first, since an entry may have to stay")),
        choice=f"{asked} Each falls back to the default.",
        notes=(
            *((control.remediation[1].notes,) if len(control.remediation) > 1 else ()),
            "Synchronization goes first: Graph deletes no partner that still has it.",
        ),
        risk=Risk.HIGH,
        leaves="partial" if any(p.get("isServiceProvider") is True for _, p in concerned()) else "pass",
    )


_READ_ONLY = ("isInMultiTenantOrganization", "identitySynchronization")


def _delete_partner(ev: Evidence, partner: Mapping[str, Any], words: str) -> Iterator[Request]:
    tenant = str(partner["tenantId"])
    url = ev.url(_PARTNER, tenant)
    sync = partner.get("identitySynchronization")
    if isinstance(sync, Mapping):
        back = {k: v for k, v in sync.items() if k not in ("tenantId", "@odata.context")}
        yield Request(
            "DELETE",
            f"{url}/identitySynchronization",
            about=words,
            undo=(Request("PUT", f"{url}/identitySynchronization", back),),
        )
    kept = {k: v for k, v in partner.items() if k not in _READ_ONLY and not k.startswith("@odata.") and v is not None}
    yield Request("DELETE", url, about=words, undo=(Request("POST", ev.url(_PARTNERS), kept),))


@remedy("GUEST-XTA-005", risk=Risk.LOW)
def stop_automation(ev: Evidence, finding: Finding) -> Iterator[Step]:
    """Say which tenants are your own; stop automatic redemption and synchronization of the others."""
    control, code = finding.control, finding.control.code
    known = partners(ev)
    number = 0
    after: tuple[After, ...] = ()
    if not ev.thresholds.own_tenant_ids:
        number += 1
        yield by_hand(
            control,
            number,
            "Write down which tenants are your own",
            "posture.toml: [parameters] own_tenant_ids = [...]",
            licence="",
        )
        after = (After(f"{code}.1", "your own tenants may keep both"),)

    def redemption() -> Iterator[Request]:
        for row in ev.affected(code):
            partner = known.get(str(row.get("id", "")).casefold(), {})
            consent = partner.get("automaticUserConsentSettings")
            if isinstance(consent, Mapping) and consent.get("inboundAllowed") is True:
                body = {"automaticUserConsentSettings": {"inboundAllowed": False}}
                yield patch(ev.url(_PARTNER, str(partner["tenantId"])), body, partner, about=about(row))

    def synchronization() -> Iterator[Request]:
        for row in ev.affected(code):
            partner = known.get(str(row.get("id", "")).casefold(), {})
            sync = partner.get("identitySynchronization")
            inbound = sync.get("userSyncInbound") if isinstance(sync, Mapping) else None
            if isinstance(sync, Mapping) and isinstance(inbound, Mapping) and inbound.get("isSyncAllowed") is True:
                url = ev.url(f"{_PARTNER}/identitySynchronization", str(partner["tenantId"]))
                body = {"userSyncInbound": {"isSyncAllowed": False}}
                yield patch(url, body, sync, about=about(row))

    asked = "Leave out tenants of your own group."
    yield people(
        control,
        number + 1,
        "Bring the consent prompt back for tenants that are not yours",
        redemption,
        after=after,
        choice=asked,
    )
    yield people(
        control,
        number + 2,
        "Stop synchronization from tenants that are not yours",
        synchronization,
        part=1,
        after=after,
        choice=asked,
        leaves="pass",
    )
