"""What changes of inviting and of cross-tenant access would break here."""

from collections.abc import Iterator, Mapping
from typing import Any

from posture.plan.changes.cross_tenant import guests_by_tenant, listed, partners
from posture.plan.changes.invitations import entra_list, inviting_principals, proposal, social_providers
from posture.plan.impact.sentences import Telling, count, impact
from posture.snapshot.types import Gap


@impact("GUEST-INV-001")
def inviting(t: Telling) -> Iterator[str]:
    """Tell who invites and would not be able to."""
    if isinstance(t.audits, Gap):
        yield from t.missing("Who invites today", "directory_audits")
        return
    inviters = t.audits.inviters
    sent = inviters.total + t.audits.inviting_apps.total
    if not sent:
        yield f"In {t.audits.window}, nobody sent an invitation."
        return
    apps = t.audits.inviting_apps.number()
    who = count(inviters.number(), "person", "people") + (f" and {count(apps, 'application')}" if apps else "")
    yield f"In {t.audits.window}, {who} sent {count(sent, 'invitation')}."
    able = inviting_principals(t.ev)
    losing = [(name, n) for key, name, n in inviters.most(100_000, guests=False) if key not in able]
    yield from t.missing("Who holds a role that may invite", "role_assignments", *t.eligible)
    if losing:
        who = t.names(losing[:4], len(losing))
        yield f"{count(len(losing), 'member')} without an inviting role would stop being able to{who}."
    guests = [(name, n) for key, name, n in inviters.most(100_000, guests=True) if key not in able]
    if guests:
        invited = sum(n for _, n in guests)
        yield f"{count(len(guests), 'guest')} invited {invited:,} and would stop too{t.names(guests[:4], len(guests))}."
    if apps:
        yield f"Applications invite by a permission of their own{t.who(t.audits.inviting_apps)}."


@impact("GUEST-INV-002", "GUEST-WRK-003")
def domain_list(t: Telling) -> Iterator[str]:
    """Tell the list proposed and who is outside it."""
    if t.ev.gap("guests"):
        yield from t.missing("Which domains guests come from", "guests")
        return
    if not t.ev.census.total:
        yield "The tenant has no guests a list could be made of."
        return
    held = entra_list(t.ev) if t.code == "GUEST-WRK-003" else ()
    if held:
        yield f"Entra allows {count(len(held), 'domain')} already; the same list is proposed."
    found = proposal(t.ev)
    how = "signed in lately" if found.by_use else "accepted"
    if not held:
        proposed = count(len(found.domains), "domain")
        yield f"A list of {proposed} is proposed, whose guests {how}: {t.sums(found.domains)}."
        if found.domains:
            yield f"The largest: {', '.join(t.domain(name, c) for name, c in found.domains[:5])}."
    if not found.by_use:
        yield from t.missing("Which of them are in use", "guest_sign_in_activity")
    outside = [(name, c) for name, c, _ in found.outside]
    if outside:
        shown = "; ".join(f"{t.domain(name, c)}, {why}" for name, c, why in found.outside[:5])
        more = f"; and {len(outside) - 5:,} more" if len(outside) > 5 else ""
        yield f"Outside it would be {count(len(outside), 'domain')} with {t.sums(outside)}: {shown}{more}."
        pending = sum(c.pending for _, c in outside)
        if t.code == "GUEST-INV-002" and pending:
            yield f"{count(pending, 'pending invitation')} could not be accepted any more; guests who accepted stay."
    if found.cut:
        yield f"{count(found.cut, 'further domain')} would not fit into the 25 KB a policy may have."
    if t.code == "GUEST-WRK-003":
        yield "How many shares reach other domains is not known: Graph does not list them; SharePoint's sharing " + (
            "reports do."
        )


@impact("GUEST-INV-003")
def self_service(t: Telling) -> Iterator[str]:
    """Tell how many came this way, and through which flows."""
    flows = [str(f.get("id")) for f in t.ev.rows("b2x_user_flows")]
    yield from t.missing("Which user flows exist", "b2x_user_flows")
    if flows:
        more = f" and {len(flows) - 5} more" if len(flows) > 5 else ""
        yield f"{count(len(flows), 'user flow')} would take no new sign-ups: {', '.join(flows[:5])}{more}."
    if t.ev.gap("guests"):
        yield from t.missing("How many guests signed up themselves", "guests")
    else:
        signed = t.ev.census.self_service
        yield (
            f"{count(signed, 'guest')} here signed up themselves; they keep signing in."
            if signed
            else "No guest here signed up themselves."
        )


@impact("GUEST-INV-004")
def joining_by_mail(t: Telling) -> Iterator[str]:
    """Tell whether anybody joins by mail."""
    if isinstance(t.audits, Gap):
        yield from t.missing("Whether anybody joins by mail", "directory_audits")
    else:
        made = count(t.audits.viral, "account") if t.audits.viral else "no account"
        yield f"In {t.audits.window}, {made} came about by mail alone."
    yield "How many members joined so before is not known: members are not read. Filter users by creationType in Graph."


@impact("GUEST-INV-005")
def redemption(t: Telling) -> Iterator[str]:
    """Tell by what guests sign in now."""
    if t.ev.gap("guests"):
        yield from t.missing("By what guests sign in", "guests")
        return
    if not t.ev.census.total:
        yield "The tenant has no guests yet."
        return
    vouchers = t.ev.census.vouchers
    personal, code, other = vouchers["personal"], vouchers["code"], vouchers["other"]
    using = count(personal, "accepted guest uses", "accepted guests use")
    yield (
        f"{using} a personal Microsoft account, which stays; newcomers like them get a code by mail. "
        f"{code:,} use a code already, {other:,} another provider, {vouchers['entra']:,} Entra."
    )
    if vouchers[""]:
        yield f"Of {count(vouchers[''], 'guest')} the identities do not tell."
    yield from t.missing("Whether other providers are set up", "identity_providers")
    for provider in social_providers(t.ev):
        yield f"{provider} accounts stay possible until the provider is taken away."


@impact("GUEST-XTA-001")
def closing_inbound(t: Telling) -> Iterator[str]:
    """Tell active guests per partner, and whom the change would cut off."""
    needed = ("guests", "guest_domain_tenants", "cross_tenant_partners")
    if t.ev.gap(*needed):
        yield from t.missing("Which guests come from tenants that are not named", *needed)
        yield from _by_sign_in(t)
        return
    everyone, active, names = guests_by_tenant(t.ev)
    known, approved = set(partners(t.ev)), listed(t.ev)
    yield from t.missing("Which of these guests are active", "guest_sign_in_activity")
    inside = {tenant: n for tenant, n in everyone.items() if tenant in known}
    outside = {tenant: n for tenant, n in everyone.items() if tenant not in known}
    yield (
        f"{count(len(known), 'partner')} named today, with {count(sum(inside.values()), 'guest')} here"
        f"{f': {_tenants(t, inside, active, names)}' if inside else ''}."
        if known
        else "No partner is named today."
    )
    if outside:
        busy = f", {sum(active[tenant] for tenant in outside):,} active" if t.tells_use else ""
        yield (
            f"Not named are {count(len(outside), 'tenant')} with {count(sum(outside.values()), 'guest')}{busy}, who "
            f"would be cut off: {_tenants(t, outside, active, names)}."
        )
        refused = [tenant for tenant in outside if approved and tenant not in approved and active[tenant]]
        if refused:
            yield f"{count(len(refused), 'tenant')} of these are not on your list of approved tenants."
    untold = t.ev.census.total - sum(everyone.values())
    if untold:
        yield f"For the domain of {count(untold, 'guest')} no Entra tenant was found; this setting does not touch them."
    yield from _by_sign_in(t)


def _tenants(t: Telling, counts: dict[str, int], active: dict[str, int], names: dict[str, str], limit: int = 5) -> str:
    most = sorted(counts.items(), key=lambda c: (-c[1], c[0]))
    shown = [f"{names.get(tenant, tenant)} ({_numbers(t, n, active[tenant])})" for tenant, n in most[:limit]]
    return ", ".join(shown) + (f" and {len(most) - limit:,} more" if len(most) > limit else "")


def _numbers(t: Telling, guests: int, active: int) -> str:
    return count(guests, "guest") + (f", {active:,} active" if t.tells_use else "")


def _by_sign_in(t: Telling) -> Iterator[str]:
    if isinstance(t.sign_ins, Gap):
        yield from t.missing("From which tenants people signed in", "sign_ins")
    else:
        known = set(partners(t.ev))
        strangers = sum(tenant not in known for tenant in t.sign_ins.tenants)
        yield (
            f"In {t.sign_ins.window}, people of {count(len(t.sign_ins.tenants), 'foreign tenant')} signed in; "
            f"{strangers:,} of these are not named."
        )


@impact("GUEST-XTA-002")
def closing_direct_connect(t: Telling) -> Iterator[str]:
    """Tell which partners rely on the default."""
    relying = [p for p in partners(t.ev).values() if p.get("b2bDirectConnectInbound", "") is None]
    yield from t.missing("Which partners rely on the default", "cross_tenant_partners")
    if not t.ev.gap("cross_tenant_partners"):
        yield f"{count(len(relying), 'partner')} without a direct connect setting of their own follow the default."
    if isinstance(t.sign_ins, Gap):
        yield from t.missing("Whether direct connect is used", "sign_ins")
    elif t.sign_ins.tells_direct:
        yield f"In {t.sign_ins.window}, {count(t.sign_ins.direct, 'sign-in')} came by direct connect."
    else:
        yield (
            "Whether shared channels use it is not known: direct connect leaves no guest, and the log read does not "
            + ("tell it from other sign-ins.")
        )


@impact("GUEST-XTA-003")
def untrusting(t: Telling) -> Iterator[str]:
    """Tell who would have to register MFA here."""
    lacking = ("guests", "guest_registration_details")
    if t.ev.gap(*lacking):
        yield from t.missing("Which guests have registered MFA here", *lacking)
        return
    census = t.ev.census
    yield (
        f"{count(census.bare, 'enabled guest')} without MFA registered here would register it at their next sign-in "
        f"that asks for it; {census.registered:,} have it."
    )
    yield "Policies that ask for a compliant device would stop every guest whose device claim was trusted."
    needed = ("cross_tenant_partners", "guest_domain_tenants")
    if t.ev.gap(*needed):
        yield from t.missing("Whom a partner's own trust spares", *needed)
        return
    trusted = {tenant for tenant, p in partners(t.ev).items() if _trusts_mfa(p)}
    spared, names = 0, []
    for row in t.ev.rows("guest_domain_tenants"):
        counts = census.domains.get(str(row.get("id")))
        if str(row.get("tenantId", "")).casefold() in trusted and counts is not None:
            spared += counts.bare
            names.append(str(row.get("displayName") or row.get("id")))
    if trusted:
        shown = f": {', '.join(sorted(names)[:5])}" if names else ""
        keeping = count(len(trusted), "partner keeps", "partners keep")
        yield f"{keeping} a trust of their own, which spares {spared:,} of them{shown}."
    else:
        yield "No partner has a trust of its own, so nobody is spared."


def _trusts_mfa(partner: Mapping[str, Any]) -> bool:
    trust = partner.get("inboundTrust")
    return isinstance(trust, Mapping) and trust.get("isMfaAccepted") is True


@impact("GUEST-XTA-004", "GUEST-XTA-005")
def tidying_partners(t: Telling) -> Iterator[str]:
    """Tell the guests of each partner concerned."""
    finding = t.ev.findings[t.code]
    rows = list(finding.affected.sample)
    everyone, active, names = guests_by_tenant(t.ev)
    yield from t.missing("How many guests a partner has", "guests", "guest_domain_tenants")
    yield from t.missing("Which of these guests are active", "guest_sign_in_activity")
    seen = None if isinstance(t.sign_ins, Gap) else t.sign_ins.tenants
    shown = []
    for row in rows:
        tenant = str(row.get("id", "")).casefold()
        signed = "" if seen is None else f", {count(seen[tenant], 'sign-in')}"
        name = names.get(tenant) or row.get("displayName") or tenant
        shown.append(f"{name} ({_numbers(t, everyone[tenant], active[tenant])}{signed})")
    if shown:
        more = (
            f" and {finding.affected.count - len(shown[:8]):,} more" if finding.affected.count > len(shown[:8]) else ""
        )
        yield f"{count(finding.affected.count, 'partner')} concerned: {', '.join(shown[:8])}{more}."
    if seen is None:
        yield from t.missing("Whether they are in use", "sign_ins")
    if t.code == "GUEST-XTA-005":
        yield from t.missing("How many people from outside are members", "external_members")
        if not t.ev.gap("external_members"):
            members = sum(1 for _ in t.ev.rows("external_members"))
            outside = count(members, "person from outside is a member", "people from outside are members")
            yield f"{outside} here, as synchronization makes them."
