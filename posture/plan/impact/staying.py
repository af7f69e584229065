"""What removing guests, or what they hold, would break here."""

from collections.abc import Iterator

from posture.controls.registry import tallies
from posture.plan.changes.privilege import owns_alone
from posture.plan.impact.census import Held
from posture.plan.impact.sentences import Telling, count, impact
from posture.snapshot.power import outsiders_of
from posture.snapshot.types import Gap

GONE = {
    "GUEST-INV-006": "would have to be invited again",
    "GUEST-INV-007": "would lose access before they accept, or have to be invited again",
    "GUEST-LIF-001": "would be blocked",
    "GUEST-LIF-002": "would be blocked",
    "GUEST-LIF-003": "would be deleted; they are switched off already",
    "GUEST-LIF-007": "would be deleted, each after a look",
    "GUEST-LIF-008": "would be deleted, each after a look",
    "GUEST-LIF-009": "would be deleted, each after a look",
    "GUEST-LIF-011": "would be blocked where nobody can explain the reset",
    "GUEST-PRV-006": "would lose a licence",
}
"""What becomes of the guests a finding concerns, by control."""
_PENDING = ("GUEST-INV-006", "GUEST-INV-007")


@impact(*GONE)
def removing(t: Telling) -> Iterator[str]:
    """Tell who, when last seen, and which groups and roles they hold."""
    held = t.held
    if held is None:
        needed = next((cls.needs for cls in tallies().values() if cls.control == t.code), ("guests",))
        if not t.ev.gap(*needed):
            yield "Who would be concerned could not be counted from what was read."
        yield from t.missing("Who would be concerned", *needed)
        return
    yield f"{count(held.guests, 'guest')} {GONE[t.code]}."
    if t.code in _PENDING and held.first is not None and held.last is not None:
        yield f"They were invited from {held.first.date()} to {held.last.date()}."
    if held.oldest is not None and held.newest is not None:
        yield f"Their last sign-ins or attempts on record are from {held.oldest.date()} to {held.newest.date()}."
    else:
        yield from t.missing("When they were last seen", "guest_sign_in_activity")
    yield from _holdings(t, held)
    called = (("What these groups are called and which may hold a role", ("groups",)),) if held.in_groups else ()
    for name, facts in (
        ("Which groups they are in", ("guest_memberships",)),
        ("Which roles they hold", ("role_assignments", *t.eligible)),
        *called,
        ("What they own", ("guest_owned_objects",)),
        ("Which applications they are assigned to", ("guest_app_roles",)),
    ):
        yield from t.missing(name, *facts)
    if t.people and held.named:
        named = "; ".join(f"{name} ({told})" if told else name for _, name, told in held.named)
        yield f"{'Most attached' if held.holding else 'Among them'}: {named}."
    yield from _more(t)


def _holdings(t: Telling, held: Held) -> Iterator[str]:
    """Tell what these guests hold, and what none of them holds."""
    parts = (
        ("guest_memberships", held.in_groups, "in groups", "is in a group"),
        ("role_assignments", held.with_roles, "with a directory role or in a group that may hold one", "holds a role"),
        ("guest_owned_objects", held.owning, "owning groups or applications", "owns anything"),
        ("guest_app_roles", held.assigned, "assigned to applications", "is assigned to an application"),
    )
    read = [p for p in parts if not t.ev.gap(p[0])]
    blind = t.ev.gap("guest_memberships", "groups", *t.eligible)
    some = [
        f"{n:,} {words}{t.groups(held.groups) if fact == 'guest_memberships' else ''}"
        for fact, n, words, _ in read
        if n
    ]
    none = [words for fact, n, _, words in read if not n and not (fact == "role_assignments" and blind)]
    if some:
        yield f"Of them {'; '.join(some)}."
    if held.unclear:
        yield f"For {held.unclear:,} of them the list of memberships does not tell of what kind they are."
    elif none and held.guests:
        yield f"None of them {' or '.join(none)}."


def _more(t: Telling) -> Iterator[str]:
    if t.code in _PENDING:
        if isinstance(t.audits, Gap):
            yield from t.missing("Who invited them", "directory_audits")
            return
        mine = [t.audits.inviter_of.get(str(r.get("id", "")).casefold()) for r in _sample(t)]
        known = [found[1] for found in mine if found]
        begin = t.audits.first.date() if t.audits.first else "no day it tells"
        told = (
            f"the inviters of {len(known)} of the first {len(mine)} are in it" if known else "no inviter of theirs is"
        )
        named = f": {', '.join(dict.fromkeys(known[:4]))}" if known and t.people else ""
        yield f"The log reaches back to {begin}; {told}{named}."


def _sample(t: Telling) -> tuple[dict[str, object], ...]:
    return tuple(dict(r) for r in t.ev.findings[t.code].affected.sample)


@impact("GUEST-LIF-004")
def sponsoring(t: Telling) -> Iterator[str]:
    """Tell for how many somebody can be proposed."""
    held = t.held
    if held is None:
        yield from t.missing("Who has no sponsor", "guests", "guest_sponsors")
        return
    yield f"{count(held.guests, 'enabled guest')} would get a sponsor; nothing changes for them."
    invited = 0 if isinstance(t.audits, Gap) else len(t.audits.inviter_of)
    yield f"The inviter is proposed for guests invited in the log ({invited:,}), else an owner of one of their groups."
    yield from t.missing("Who invited guests lately", "directory_audits")
    yield from t.missing("Who owns their groups", "group_owners", "guest_memberships")


@impact("GUEST-LIF-005")
def reviewing(t: Telling) -> Iterator[str]:
    """Tell how many groups have guests, and how many of these nobody could review."""
    if t.ev.gap("guests", "guest_memberships", "groups", "group_owners"):
        yield from t.missing("Which groups have guests", "guests", "guest_memberships", "groups", "group_owners")
        return
    counts = t.ev.census.group_guests
    unified = {str(g.get("id", "")).casefold() for g in t.ev.rows("groups") if "Unified" in (g.get("groupTypes") or ())}
    reviewed = {g: counts[g] for g in unified if counts[g]}
    owners = outsiders_of(t.ev.fact("group_owners"), reviewed, "owners")
    lonely = {g: n for g, n in reviewed.items() if g not in owners or not owners[g].insiders}
    yield (
        f"Owners of {count(len(reviewed), 'Microsoft 365 group')} would decide on their guests each time"
        f"{t.groups(reviewed) if reviewed else ''}."
    )
    if lonely:
        alone = count(len(lonely), "of these groups has", "of these groups have")
        yield f"{alone} no owner from inside{t.groups(lonely)}."
    others = sum(1 for g, n in counts.items() if n and g not in unified)
    yield f"Guests in {count(others, 'other group')} are not reviewed by it."


@impact("GUEST-LIF-006")
def ending_packages(t: Telling) -> Iterator[str]:
    """Tell the policies concerned."""
    finding = t.ev.findings[t.code]
    names = [str(r.get("displayName") or r.get("id")) for r in finding.affected.sample]
    if names:
        more = f" and {finding.affected.count - 4} more" if finding.affected.count > 4 else ""
        yield f"{count(finding.affected.count, 'policy', 'policies')} concerned: {', '.join(names[:4])}{more}."
    yield (
        "How many guests hold access through packages is not known: assignments are not read; look at the packages' "
        + ("Assignments in the portal.")
    )


@impact("GUEST-LIF-010")
def correcting_types(t: Telling) -> Iterator[str]:
    """Tell who would become a guest, and which dynamic groups read the user type."""
    members = [r for r in t.ev.affected(t.code) if "member" in str(r.get("why", ""))]
    least = "" if t.ev.whole(t.code) else "At least "
    shown = ", ".join(str(r.get("displayName") or r.get("id")) for r in members[:5])
    more = f" and {len(members) - 5:,} more" if len(members) > 5 else ""
    named = f": {shown}{more}" if t.people and shown else ""
    yield f"{least}{count(len(members), 'member')} would become guests{named}."
    if t.ev.gap("groups"):
        yield from t.missing("Which dynamic groups read the user type", "groups")
    else:
        rules = [g for g in t.ev.rows("groups") if "usertype" in str(g.get("membershipRule") or "").casefold()]
        shown = ", ".join(str(g.get("displayName") or g.get("id")) for g in rules[:4])
        more = f" and {len(rules) - 4:,} more" if len(rules) > 4 else ""
        yield f"{count(len(rules), 'dynamic group reads', 'dynamic groups read')} the user type and would change" + (
            f": {shown}{more}." if rules else "."
        )


@impact("GUEST-PRV-001", "GUEST-PRV-002", "GUEST-PRV-003", "GUEST-PRV-004")
def taking_power(t: Telling) -> Iterator[str]:
    """Tell who holds what."""
    finding = t.ev.findings[t.code]
    rows = _sample(t)
    what = {
        "GUEST-PRV-001": ("person", "people", "would lose directory roles"),
        "GUEST-PRV-002": ("person", "people", "would leave privileged groups"),
        "GUEST-PRV-003": ("ownership", "ownerships", "of applications would end"),
        "GUEST-PRV-004": ("ownership", "ownerships", "of groups would end"),
    }[t.code]
    yield f"{count(finding.affected.count, what[0], what[1])} {what[2]}."
    if t.people:
        shown = "; ".join(f"{r.get('displayName') or r.get('id')} {r.get('why')}" for r in rows[:4])
        more = f"; and {finding.affected.count - 4} more" if finding.affected.count > 4 else ""
        yield f"{shown}{more}."
    if t.code == "GUEST-PRV-004":
        alone = len({r.get("group") for r in t.ev.affected(t.code) if owns_alone(r)})
        if alone:
            least = "" if t.ev.whole(t.code) else "At least "
            yield f"{least}{alone:,} of these groups would have no owner left."
    yield from t.missing("Whether they used this lately", "sign_ins")


@impact("GUEST-PRV-005")
def narrowing_rules(t: Telling) -> Iterator[str]:
    """Tell the groups, their guests and what they grant."""
    finding = t.ev.findings[t.code]
    yield "Guests inside leave a group when its new rule is evaluated."
    for row in _sample(t)[:4]:
        yield f"{row.get('displayName') or row.get('id')}: {row.get('why')}."
    if finding.affected.count > 4:
        yield f"{count(finding.affected.count - 4, 'more group is', 'more groups are')} concerned."
    yield "Which applications are assigned to these groups was not read."
