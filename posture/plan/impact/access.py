"""What changes of permissions, of signing in and of sharing would break here."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from posture.errors import UnknownValueError
from posture.plan.impact.sentences import Telling, count, impact
from posture.snapshot.derive import CLIENT_APPS
from posture.snapshot.power import is_team, outsiders_of
from posture.snapshot.types import Gap


@impact("GUEST-PER-001", "GUEST-PER-002")
def restricting(t: Telling) -> Iterator[str]:
    """Tell which groups have guests who read: owners first, then members."""
    if t.ev.gap("groups", "group_owners"):
        yield from t.missing("Which groups guests own", "groups", "group_owners")
    else:
        owned = outsiders_of(t.ev.fact("group_owners"), list(t.ev.groups), "owners")
        with_guests = {g: len(o.people) for g, o in owned.items() if o.people}
        if with_guests:
            yield (
                f"{count(len(with_guests), 'group has', 'groups have')} owners from outside, who could no longer look "
                f"people up or see who is in them{t.groups(with_guests)}."
            )
        else:
            yield "No group has an owner from outside."
    if t.ev.gap("guests", "guest_memberships", "groups"):
        yield from t.missing("Which groups guests are in", "guests", "guest_memberships", "groups")
        return
    counts = t.ev.census.group_guests
    teams = {str(g.get("id", "")).casefold() for g in t.ev.rows("groups") if _team(g)}
    inside = Counter({g: n for g, n in counts.items() if g in teams})
    others = len(counts.keys() - teams)
    teams_told = f"{count(len(inside), 'team')}{t.groups(inside)}" if inside else "no team"
    yield f"Guests are in {teams_told}, and in {count(others, 'other group') if others else 'no other group'}."
    yield "Teams, Outlook, SharePoint and Planner go on working at the restricted level."
    yield "Forms, Project Online, Yammer and Planner within SharePoint do not."
    yield "Guests with a directory role keep what the role lets them read."


def _team(group: Mapping[str, Any]) -> bool:
    try:
        return is_team(group)
    except UnknownValueError:
        return False


@impact("GUEST-PER-003")
def shrinking_members(t: Telling) -> Iterator[str]:
    """Tell who creates applications now, and which outsiders would lose the right."""
    members = sum(1 for _ in t.ev.rows("external_members"))
    yield from t.missing("How many outsiders are stored as members", "external_members")
    if not t.ev.gap("external_members"):
        outside = count(
            members, "person from outside is stored as a member", "people from outside are stored as members"
        )
        yield f"{outside if members else 'Nobody from outside is stored as a member'}; the change reaches all members."
    if isinstance(t.audits, Gap):
        yield from t.missing("Who registers applications today", "directory_audits")
    else:
        made = t.audits.registrations
        yield f"In {t.audits.window}, " + (
            f"{count(made.number(), 'person', 'people')} registered {count(made.total, 'application')}{t.who(made)}; "
            "without a role they no longer could."
            if made.total
            else "nobody registered an application."
        )
    yield "Who creates security groups or tenants is not in what was read."


@impact("GUEST-PER-004")
def closing_portals(t: Telling) -> Iterator[str]:
    """Tell which guests use the portals."""
    if isinstance(t.sign_ins, Gap):
        yield from t.missing("Which guests use Azure or the admin portals", "sign_ins")
    else:
        used = t.sign_ins.portals
        yield (
            f"In {t.sign_ins.window}, {count(used.number(guests=True), 'guest')} signed in to the Azure portal or "
            f"Azure management{t.who(used, guests=True)}."
        )
        yield from t.missing(_OTHERS, "guests")
    yield "Which guests hold Azure roles is outside Microsoft Graph (GUEST-PRV-007)."


_OTHERS = "Whether others in the log are guests of this tenant"


@impact("GUEST-PER-005")
def locking_clients(t: Telling) -> Iterator[str]:
    """Tell who uses the clients."""
    if isinstance(t.sign_ins, Gap):
        yield from t.missing("Who uses the command-line and explorer clients", "sign_ins")
    else:
        used = t.sign_ins.clients
        yield (
            f"In {t.sign_ins.window}, {count(used.number(guests=False), 'member')} used one of these "
            f"{len(CLIENT_APPS)} clients and must be assigned first{t.who(used, guests=False)}."
        )
        guests = used.number(guests=True)
        yield from t.missing(_OTHERS, "guests")
        yield f"{count(guests, 'guest')} used one and would be stopped{t.who(used, guests=True) if guests else ''}."
    present = {str(p.get("appId", "")).casefold() for p in t.ev.rows("service_principals")}
    absent = len(CLIENT_APPS.keys() - present)
    if not t.ev.gap("service_principals") and absent:
        yield f"{count(absent, 'client has', 'clients have')} no service principal here yet."


@impact("GUEST-PER-006")
def closing_consent(t: Telling) -> Iterator[str]:
    """Tell who consents now."""
    if isinstance(t.audits, Gap):
        yield from t.missing("Who consents to applications today", "directory_audits")
        return
    given = t.audits.consents
    if not given.total:
        yield f"In {t.audits.window}, nobody consented to an application."
        return
    yield (
        f"In {t.audits.window}, {count(given.number(), 'person', 'people')} consented {count(given.total, 'time')}"
        f"{t.who(given)}; they would ask an administrator instead."
    )
    guests = given.number(guests=True)
    if guests:
        yield f"{count(guests, 'guest')} among them. Grants that exist stay; look at them apart."


@impact("GUEST-AUT-001", "GUEST-AUT-006")
def asking_for_mfa(t: Telling) -> Iterator[str]:
    """Tell who has no MFA here and is not trusted elsewhere."""
    needed = ("guests", "guest_registration_details", "cross_tenant_default", "cross_tenant_partners")
    if t.ev.gap(*needed):
        yield from t.missing("Which guests have registered MFA here", *needed)
    else:
        counted = t.ev.census.counted.get("mfa_registrations")
        if counted is None:
            yield "Which guests have registered MFA here could not be told from what was read."
        else:
            bare, maybe = getattr(counted, "bare", 0), getattr(counted, "maybe_bare", 0)
            yield (
                f"{count(bare, 'enabled guest')} without MFA registered here and from no tenant whose MFA you trust "
                f"would register at their next sign-in. {getattr(counted, 'registered', 0):,} have registered, "
                f"{getattr(counted, 'trusted', 0):,} bring a trusted MFA of their own."
            )
            if maybe:
                yield f"For {count(maybe, 'further guest')} the home tenant is not known, so they may have to as well."
                yield from t.missing("Their home tenant", "guest_domain_tenants")
    vouchers = t.ev.census.vouchers
    if vouchers["code"] or vouchers["personal"]:
        yield (
            f"{vouchers['code']:,} guests sign in with a code by mail and {vouchers['personal']:,} with a personal "
            + ("account; they prove a second factor here as well.")
        )
    if t.code == "GUEST-AUT-001":
        yield from t.missing("Who will meet the question first", "guests", "guest_sign_in_activity")
        if not t.ev.gap("guests", "guest_sign_in_activity"):
            days = t.ev.thresholds.stale_days
            yield f"{count(t.ev.census.active, 'guest')} signed in within {days} days and will meet the question first."
        if t.ev.is_open("GUEST-XTA-003"):
            yield "Once trust by default is taken back, those who bring it register here too (GUEST-XTA-003)."
        yield from _emergency(t)


def _emergency(t: Telling) -> Iterator[str]:
    if not t.ev.thresholds.break_glass_ids:
        yield "No emergency account is named (break_glass_ids), so none could be left out of a policy."


@impact("GUEST-AUT-002")
def blocking_legacy(t: Telling) -> Iterator[str]:
    """Tell who uses old protocols."""
    if isinstance(t.sign_ins, Gap):
        yield from t.missing("Who uses old mail protocols", "sign_ins")
    else:
        used = t.sign_ins.legacy
        yield f"In {t.sign_ins.window}, " + (
            f"{count(used.number(guests=True), 'guest')} and {count(used.number(guests=False), 'member')} signed in "
            f"with an old protocol{t.who(used)}."
            if used.total
            else "nobody signed in with an old protocol."
        )
    yield from _emergency(t)


@impact("GUEST-AUT-003", "GUEST-AUT-004")
def shortening_sessions(t: Telling) -> Iterator[str]:
    """Tell how many guests would sign in daily, or see the terms."""
    if t.ev.gap("guests", "guest_sign_in_activity"):
        yield from t.missing("How many guests work here", "guests", "guest_sign_in_activity")
    elif t.code == "GUEST-AUT-003":
        yield (
            f"{count(t.ev.census.active, 'guest')} signed in within {t.ev.thresholds.stale_days} days; on a day they "
            f"work they would sign in once. {t.ev.census.vouchers['code']:,} guests with a code by mail do so already."
        )
    else:
        yield f"{count(t.ev.census.active, 'active guest')} would see the terms once at their next sign-in."
    if t.code == "GUEST-AUT-003":
        if isinstance(t.sign_ins, Gap):
            yield from t.missing("How often guests sign in today", "sign_ins")
        else:
            signed = sum(t.sign_ins.tenants.values())
            yield f"In {t.sign_ins.window}, people from other tenants signed in {signed:,} times."


@impact("GUEST-AUT-005")
def setting_a_baseline(t: Telling) -> Iterator[str]:
    """Tell whom security defaults would reach."""
    if t.ev.premium is False:
        people = t.ev.mapping("user_count").get("value")
        yield from t.missing("How many people would register MFA", "user_count")
        if isinstance(people, int):
            yield f"{count(people, 'person', 'people')} in the directory, guests among them, would register MFA."
    elif t.ev.premium is None:
        yield from t.missing("Whether the tenant has Entra ID P1", "subscribed_skus")
    else:
        yield "The tenant has Entra ID P1: the impact is that of GUEST-AUT-001 and GUEST-AUT-002."


@impact("GUEST-WRK-001")
def settling_groups(t: Telling) -> Iterator[str]:
    """Tell which Microsoft 365 groups guests own, and who adds guests."""
    if t.ev.gap("groups", "group_owners"):
        yield from t.missing("Which groups guests own", "groups", "group_owners")
    else:
        unified = [
            str(g["id"]) for g in t.ev.rows("groups") if "Unified" in (g.get("groupTypes") or ()) and g.get("id")
        ]
        owned = outsiders_of(t.ev.fact("group_owners"), unified, "owners")
        counts = {g: len(o.people) for g, o in owned.items() if o.people}
        if counts:
            having = count(len(counts), "Microsoft 365 group has", "Microsoft 365 groups have")
            stay = "the setting stops new ones, these stay until GUEST-PRV-004"
            yield f"{having} an owner from outside today{t.groups(counts)}; {stay}."
        else:
            yield "No Microsoft 365 group has an owner from outside today."
        if unified and t.ev.thresholds.expect_allow_to_add_guests.strip().casefold() != "true":
            yield f"Owners of {count(len(unified), 'Microsoft 365 group')} could add no guests any more."
    yield "Who adds guests to groups is not told apart in what was read."


@impact("GUEST-WRK-002", "GUEST-WRK-004")
def limiting_sharing(t: Telling) -> Iterator[str]:
    """Say that Graph does not list the links."""
    what = "Anyone links exist" if t.code == "GUEST-WRK-002" else "files guests passed on"
    yield (
        f"How many {what} is not known: Microsoft Graph does not list them for the tenant. The SharePoint admin "
        + ("center's sharing reports per site, or Purview's data access governance, do.")
    )
    if t.code == "GUEST-WRK-002" and t.ev.census.enabled:
        yield f"{count(t.ev.census.enabled, 'guest')} could be shared with by name instead."


@impact("GUEST-WRK-006")
def limiting_teams(t: Telling) -> Iterator[str]:
    """Tell the teams and their guests."""
    finding = t.ev.findings[t.code]
    rows = [(str(r.get("displayName") or r.get("id")), r.get("guests")) for r in finding.affected.sample]
    shown = ", ".join(f"{name} ({n} guests)" for name, n in rows[:6])
    more = f" and {finding.affected.count - 6} more" if finding.affected.count > 6 else ""
    yield f"{count(finding.affected.count, 'team')} concerned: {shown}{more}."
    yield "A member of staff makes channels from then on."


@impact("GUEST-VIS-001", "GUEST-VIS-002", "GUEST-VIS-003")
def exporting(t: Telling) -> Iterator[str]:
    """Tell how much the logs read hold."""
    if isinstance(t.sign_ins, Gap):
        yield from t.missing("How many sign-ins there are to pay for", "sign_ins")
    else:
        yield f"{count(t.sign_ins.rows, 'sign-in')} in {t.sign_ins.window} give an idea of the size."


@impact("GUEST-VIS-004")
def alerting(t: Telling) -> Iterator[str]:
    """Tell how often an alert would have rung."""
    if isinstance(t.audits, Gap):
        yield from t.missing("How often an alert would ring", "directory_audits")
    else:
        sent = t.audits.inviters.total + t.audits.inviting_apps.total
        yield f"{count(sent, 'invitation')} in {t.audits.window}: leave approved inviters out of the alert."
