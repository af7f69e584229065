"""Whole lists behind the sentences of the impact: a sentence names a few and counts the rest, a table has all."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from posture.errors import UnknownValueError
from posture.plan.changes.cross_tenant import guests_by_tenant, partners
from posture.plan.changes.invitations import entra_list, inviting_principals, proposal
from posture.plan.evidence import Evidence
from posture.plan.impact.census import entries, last_use
from posture.plan.impact.logs import People, SignIns
from posture.plan.impact.staying import GONE
from posture.plan.types import Table
from posture.snapshot.guests import Guest
from posture.snapshot.power import is_team, kind_of, outsiders_of
from posture.snapshot.types import Gap

Rows = Iterator[tuple[Any, ...]]


def table(ev: Evidence, code: str) -> Table | None:
    """Return the list behind the impact of a control; None where there is none, or what makes it was not read."""
    make = _TABLES.get(code)
    made = _leaving(ev, code) if code in GONE else make(ev) if make is not None else None
    return made if made is not None and next(made.rows(), None) is not None else None


def _inviters(ev: Evidence) -> Table | None:
    log = ev.audits
    if isinstance(log, Gap) or ev.gap("role_assignments"):
        return None
    able = inviting_principals(ev)

    def rows() -> Rows:
        for key, name, count in log.inviters.most(len(log.inviters.counts)):
            kind = "guest" if key in log.inviters.guests else "member"
            yield name, key, count, kind, "yes" if key in able else "no"

    return Table(("inviter", "id", "invitations", "kind", "may go on by a role"), rows)


def _domains(ev: Evidence) -> Table | None:
    if ev.gap("guests"):
        return None
    found, known = proposal(ev), "guest_sign_in_activity" in ev.snapshot.facts
    listed = [(name, counts, "on the proposed list") for name, counts in found.domains]

    def rows() -> Rows:
        for name, counts, why in (*listed, *((n, c, f"outside: {w}") for n, c, w in found.outside)):
            yield name, counts.guests, counts.active if known else "not read", counts.pending, why

    return Table(("domain", "guests", "active", "pending", "proposal"), rows)


def _without_mfa(ev: Evidence) -> Table | None:
    needed = ("guests", "guest_registration_details", "guest_domain_tenants", "cross_tenant_default")
    if ev.gap(*needed, "cross_tenant_partners"):
        return None
    home = {r.get("id"): str(r.get("tenantId") or "").casefold() for r in ev.rows("guest_domain_tenants")}
    own = {tenant: p.get("inboundTrust") for tenant, p in partners(ev).items()}
    default = ev.mapping("cross_tenant_default").get("inboundTrust")

    def rows() -> Rows:
        for name, counts in sorted(ev.census.domains.items(), key=lambda d: (-d[1].bare, d[0])):
            tenant = home.get(name, "")
            yield name, counts.guests, counts.bare, _trust(tenant, own.get(tenant), default)

    return Table(("domain", "guests", "without MFA registered here", "MFA of the home tenant is trusted"), rows)


def _trust(tenant: str, own: Any, default: Any) -> str:
    """Say whether the MFA of a domain's tenant is believed, and by which setting."""
    if not tenant:
        return "no tenant found"
    setting, words = (default, "by default") if own is None else (own, "as a partner")
    told = setting.get("isMfaAccepted") if isinstance(setting, Mapping) else None
    return f"{'yes' if told else 'no'}, {words}" if isinstance(told, bool) else "not told"


def _groups(ev: Evidence) -> Table | None:
    if ev.gap("guests", "guest_memberships", "groups", "group_owners"):
        return None
    kinds = {str(g.get("id", "")).casefold(): _kind(g) for g in ev.rows("groups")}
    owned = {g: len(o.people) for g, o in outsiders_of(ev.fact("group_owners"), list(ev.groups), "owners").items()}
    counts = ev.census.group_guests

    def rows() -> Rows:
        for group in sorted(counts.keys() | {g for g, n in owned.items() if n}, key=lambda g: (-counts[g], g)):
            yield ev.groups.get(group, ""), group, kinds.get(group, ""), counts[group], owned.get(group, 0)

    return Table(("group", "id", "kind", "guests inside", "owners from outside"), rows)


def _kind(group: Mapping[str, Any]) -> str:
    try:
        if is_team(group):
            return "team"
    except UnknownValueError:
        return ""
    return "Microsoft 365 group" if "Unified" in (group.get("groupTypes") or ()) else "group"


def _tenants(ev: Evidence) -> Table | None:
    if ev.gap("guests", "guest_domain_tenants", "cross_tenant_partners"):
        return None
    everyone, active, names = guests_by_tenant(ev)
    known, log = partners(ev), ev.sign_ins
    told = "guest_sign_in_activity" in ev.snapshot.facts
    seen = None if isinstance(log, Gap) else log.tenants

    def rows() -> Rows:
        for tenant in sorted(everyone.keys() | known.keys(), key=lambda t: (-everyone[t], t)):
            use = (active[tenant] if told else "not read", "not read" if seen is None else seen[tenant])
            named = "named" if tenant in known else "not named"
            yield names.get(tenant, ""), tenant, named, everyone[tenant], *use

    return Table(("tenant", "id", "partner", "guests", "active", "sign-ins in the log"), rows)


def _signing_in(of: Callable[[SignIns], People]) -> Callable[[Evidence], Table | None]:
    return lambda ev: None if isinstance(ev.sign_ins, Gap) else _people(of(ev.sign_ins))


def _consenting(ev: Evidence) -> Table | None:
    return None if isinstance(ev.audits, Gap) else _people(ev.audits.consents)


def _people(found: People) -> Table:
    def rows() -> Rows:
        for key, name, count in found.most(len(found.counts)):
            yield name, key, count, "guest" if key in found.guests else "member"

    return Table(("who", "id", "times", "kind"), rows)


_SIDES = ("guest_sign_in_activity", "guest_memberships", "guest_owned_objects", "guest_app_roles")
_SHOWN = 20
"""Groups, roles or objects named in one cell; the rest is counted."""


def _leaving(ev: Evidence, code: str) -> Table | None:
    """List the guests a clean-up concerns: when last seen, and what each of them holds."""
    if ev.gap("guests"):
        return None
    holders, unread = _roles_of(ev), [n for n in _SIDES if ev.gap(n)]

    def told(guest: Guest, fact: str, keys: tuple[str, ...], of: Callable[[list[Mapping[str, Any]]], list[str]]) -> str:
        return "not read" if fact in unread else _some(of(entries(guest, fact, *keys)))

    def rows() -> Rows:
        for row, guest in ev.affected_guests(code, *_SIDES):
            inside = entries(guest, "guest_memberships", "transitiveMemberOf", "memberOf")
            groups = [m for m in inside if kind_of(m) == "group"]
            roles = [_name(m) for m in inside if kind_of(m) == "directoryRole"]
            roles += holders.get(guest.id.casefold(), ())
            for group in groups:
                passed = holders.get(str(group.get("id")).casefold(), ())
                roles += [f"{role} through {_name(group, ev.groups)}" for role in passed]
            yield (
                row.get("displayName") or "",
                guest.id,
                row.get("mail") or row.get("userPrincipalName") or "",
                "not read" if "guest_sign_in_activity" in unread else last_use(guest),
                "not read" if "guest_memberships" in unread else _some([_name(g, ev.groups) for g in groups]),
                _some(roles) or ("not read" if ev.gap("role_assignments", "role_eligibilities") else ""),
                told(guest, "guest_owned_objects", ("ownedObjects",), lambda found: [_name(o) for o in found]),
                told(guest, "guest_app_roles", ("appRoleAssignments",), lambda found: [_resource(r) for r in found]),
            )

    return Table(("guest", "id", "address", "activity", "groups", "roles", "owns", "applications"), rows)


def _roles_of(ev: Evidence) -> Mapping[str, list[str]]:
    """Return the names of the roles that principals, groups among them, hold or may take, by id in lower case."""
    names = {str(r.get("id")).casefold(): str(r.get("displayName") or r.get("id")) for r in ev.rows("role_definitions")}
    found: dict[str, list[str]] = {}
    for fact, suffix in (("role_assignments", ""), ("role_eligibilities", " (eligible)")):
        for row in ev.rows(fact):
            role = str(row.get("roleDefinitionId"))
            told = f"{names.get(role.casefold(), role)}{suffix}"
            listed = found.setdefault(str(row.get("principalId")).casefold(), [])
            if told not in listed:
                listed.append(told)
    return found


def _name(row: Mapping[str, Any], names: Mapping[str, str] | None = None) -> str:
    key = str(row.get("id") or "")
    return str(row.get("displayName") or (names or {}).get(key.casefold()) or key)


def _resource(row: Mapping[str, Any]) -> str:
    return str(row.get("resourceDisplayName") or row.get("resourceId") or "")


def _some(names: list[str]) -> str:
    distinct = list(dict.fromkeys(names))
    more = len(distinct) - _SHOWN
    return "; ".join(distinct[:_SHOWN]) + (f"; and {more:,} more" if more > 0 else "")


_TABLES: Mapping[str, Callable[[Evidence], Table | None]] = {
    "GUEST-INV-001": _inviters,
    "GUEST-INV-002": _domains,
    "GUEST-PER-001": _groups,
    "GUEST-PER-004": _signing_in(lambda log: log.portals),
    "GUEST-PER-005": _signing_in(lambda log: log.clients),
    "GUEST-PER-006": _consenting,
    "GUEST-XTA-001": _tenants,
    "GUEST-XTA-003": _without_mfa,
    "GUEST-AUT-001": _without_mfa,
    "GUEST-AUT-002": _signing_in(lambda log: log.legacy),
    "GUEST-WRK-003": lambda ev: None if entra_list(ev) else _domains(ev),
}
