"""One walk over the guests for everything impacts need: who a finding concerns and what they hold, domain by domain.

The controls' own tallies say whom a finding concerns, so that nothing is
judged twice in two ways. Bounded whatever the number of guests.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from posture.assess.accepted import Acceptances
from posture.assess.types import Assessment
from posture.controls.registry import Tally, TallyContext, tallies
from posture.errors import UnknownValueError
from posture.snapshot.guests import Guest, guests, vouched_by
from posture.snapshot.power import kind_of
from posture.snapshot.types import Gap, Snapshot

DOMAINS = 100_000
"""Mail domains told apart."""
GROUPS = 200_000
"""Groups told apart."""
NAMED = 3
"""People named in one sentence."""
HOLDINGS = frozenset(
    (
        "GUEST-INV-006",
        "GUEST-INV-007",
        "GUEST-LIF-001",
        "GUEST-LIF-002",
        "GUEST-LIF-003",
        "GUEST-LIF-004",
        "GUEST-LIF-007",
        "GUEST-LIF-008",
        "GUEST-LIF-009",
        "GUEST-LIF-011",
        "GUEST-PRV-006",
    )
)
"""Controls of which it matters what the guests concerned hold."""


@dataclass(slots=True)
class Domain:
    """The guests of one mail domain. `active` signed in with success within the limit for idle guests.

    `bare` are on, have accepted and have registered no MFA here.
    """

    guests: int = 0
    active: int = 0
    pending: int = 0
    enabled: int = 0
    bare: int = 0


@dataclass
class Held:
    """The guests a finding concerns, and what they hold.

    `unclear` have a membership whose kind is not told. `groups` counts them by
    group id, `roles` by directory role. `named` are a few of them: name, when
    last seen, in how many groups, with how many roles. `oldest` and `newest`
    bound their last sign-ins or attempts, `first` and `last` when they were invited.
    """

    guests: int = 0
    in_groups: int = 0
    with_roles: int = 0
    owning: int = 0
    assigned: int = 0
    unclear: int = 0
    groups: Counter[str] = field(default_factory=Counter)
    roles: Counter[str] = field(default_factory=Counter)
    oldest: datetime | None = None
    newest: datetime | None = None
    first: datetime | None = None
    last: datetime | None = None
    named: list[tuple[tuple[int, str], str, str]] = field(default_factory=list)

    @property
    def holding(self) -> bool:
        """Whether any of them holds anything that was read."""
        return bool(self.in_groups or self.with_roles or self.owning or self.assigned or self.unclear)


@dataclass
class Census:
    """What the walk found; `counted` are the tallies by name, `missing` why one could not be made."""

    total: int = 0
    enabled: int = 0
    active: int = 0
    pending: int = 0
    recorded: int = 0
    domains: dict[str, Domain] = field(default_factory=dict)
    group_guests: Counter[str] = field(default_factory=Counter)
    held: dict[str, Held] = field(default_factory=dict)
    counted: dict[str, Tally] = field(default_factory=dict)
    missing: dict[str, Gap] = field(default_factory=dict)
    vouchers: Counter[str] = field(default_factory=Counter)
    self_service: int = 0
    watched: set[str] = field(default_factory=set)
    registered: int = 0
    bare: int = 0


class _Watch:
    """Notes which guests one tally concerns."""

    def __init__(self, made: Tally) -> None:
        self.made = made
        self._hit: Mapping[str, Any] | None = None
        made.affected.sink = self._take

    def _take(self, row: dict[str, Any]) -> None:
        self._hit = row

    def add(self, guest: Guest) -> bool:
        """Count one guest; return whether it concerns them and nobody accepted that."""
        self._hit = None
        self.made.add(guest)
        return self._hit is not None and not self._hit.get("accepted")


class Walk:
    """The walk itself: shown each guest once, with the names of the tallies that concern them.

    `watched` are ids, in lower case, of which to tell whether they are guests'.
    """

    def __init__(self, snapshot: Snapshot, stale_days: int, watched: frozenset[str]) -> None:
        self._snapshot, self._watched = snapshot, watched
        self._census = Census()
        self._held = {name: Held() for name, cls in tallies().items() if cls.control in HOLDINGS}
        self._principals, self._privileged = _role_holders(snapshot)
        self._recorded = "guest_sign_in_activity" in snapshot.facts
        self._since = snapshot.taken_at - timedelta(days=stale_days)

    def see(self, guest: Guest, noted: Iterable[str]) -> None:
        """Count one guest; `noted` are the tallies that concern them where nobody accepted that."""
        member_of = entries(guest, "guest_memberships", "transitiveMemberOf", "memberOf")
        groups = [str(m.get("id")).casefold() for m in member_of if kind_of(m) == "group"]
        _count(self._census, guest, groups, self._since)
        if self._watched and guest.id.casefold() in self._watched:
            self._census.watched.add(guest.id.casefold())
        hit = [self._held[name] for name in noted if name in self._held]
        if hit:
            holding = _holding(guest, groups, member_of, self._principals, self._privileged)
            for held in hit:
                _hold(held, guest, holding, self._recorded)

    def census(self, assessment: Assessment, counted: Mapping[str, Tally]) -> Census:
        """Return what was found, with the finished tallies that open findings need."""
        census = self._census
        for name in sorted(_wanted(assessment)):
            made = counted.get(name)
            gap = _unread(tallies()[name], self._snapshot)
            if made is not None:
                census.counted[name] = made
                census.held.setdefault(made.control, self._held.get(name, Held()))
            elif gap is not None:
                census.missing[name] = gap
        return census


def take(assessment: Assessment, snapshot: Snapshot, watched: frozenset[str] = frozenset()) -> Census:
    """Walk over the guests, for who judged them before; `posture audit` does both in one walk."""
    if "guests" not in snapshot.facts:
        return Census()
    walk = Walk(snapshot, assessment.settings.thresholds.stale_days, watched)
    watches = _watches(assessment, snapshot)
    broken: list[str] = []
    for guest in guests(snapshot):
        noted = []
        for name, watch in watches.items():
            try:
                if watch.add(guest):
                    noted.append(name)
            except UnknownValueError:
                broken.append(name)
        walk.see(guest, noted)
        while broken:
            del watches[broken.pop()]
    return walk.census(assessment, {name: watch.made for name, watch in watches.items()})


def _unread(cls: type[Tally], snapshot: Snapshot) -> Gap | None:
    """Return the gap of the first list a tally cannot do without."""
    return next((snapshot.gaps.get(n) for n in cls.needs if n not in snapshot.facts), None)


def _watches(assessment: Assessment, snapshot: Snapshot) -> dict[str, _Watch]:
    """Start the tallies of open controls, with the accepted risks that hold for them."""
    findings = {f.control.code: f for f in assessment.findings}
    wanted = _wanted(assessment)
    acceptances = Acceptances(assessment.settings.accepted, snapshot.taken_at)
    found: dict[str, _Watch] = {}
    for name, cls in tallies().items():
        finding = findings.get(cls.control)
        if name not in wanted or any(n not in snapshot.facts for n in cls.needs):
            continue
        used = (n for n in (*cls.needs, *cls.optional) if n != "guests" and n in snapshot.facts)
        facts = {n: snapshot.facts[n].value for n in used}
        try:
            made = cls(TallyContext(snapshot.taken_at, assessment.settings.thresholds, facts))
        except UnknownValueError:
            continue
        if finding is not None:
            made.affected.accepts = acceptances.matcher(cls.control, finding.observed)
        found[name] = _Watch(made)
    return found


def _wanted(assessment: Assessment) -> set[str]:
    """Return the tallies needed: whom open findings concern, and what open Conditional Access controls take."""
    opened = [f.control for f in assessment.findings if f.outcome.value in ("fail", "partial")]
    found = {
        name for name, cls in tallies().items() if any(cls.control == c.code for c in opened if c.code in HOLDINGS)
    }
    for control in opened:
        taken = (*control.needs, *control.optional)
        if control.area == "AUT" or "conditional_access_policies" in taken:
            found |= {name for name in (*taken, "mfa_registrations") if name in tallies()}
    return found


def _role_holders(snapshot: Snapshot) -> tuple[frozenset[str], frozenset[str]]:
    """Return the ids of principals with a directory role, and of groups that may hold one."""
    principals: set[str] = set()
    for name in ("role_assignments", "role_eligibilities"):
        fact = snapshot.facts.get(name)
        for row in fact.value if fact else ():
            if isinstance(row, Mapping) and isinstance(row.get("principalId"), str):
                principals.add(row["principalId"].casefold())
    groups = snapshot.facts.get("groups")
    assignable = {
        str(g.get("id")).casefold()
        for g in (groups.value if groups else ())
        if isinstance(g, Mapping) and g.get("isAssignableToRole") is True
    }
    return frozenset(principals), frozenset(assignable)


def _count(census: Census, guest: Guest, groups: list[str], since: datetime) -> None:
    seen = _signed_in(guest)
    active = seen is not None and seen >= since
    census.total += 1
    census.enabled += guest.enabled is not False
    census.active += active
    census.recorded += seen is not None
    census.pending += guest.pending
    if not guest.pending:
        census.vouchers[_voucher(guest)] += 1
    census.self_service += str(guest.row.get("creationType", "")).casefold() == "selfservicesignup"
    name = guest.domain or ""
    domain = census.domains.get(name)
    if domain is None:
        if len(census.domains) >= DOMAINS:
            name = "\x00"
        domain = census.domains.setdefault(name, Domain())
    domain.guests += 1
    domain.active += active
    domain.pending += guest.pending
    domain.enabled += guest.enabled is not False
    if not guest.pending and guest.enabled is not False:
        row = guest.side.get("guest_registration_details")
        told = row.get("isMfaRegistered") if row else None
        census.registered += told is True
        census.bare += told is False
        domain.bare += told is False
    counts = census.group_guests
    for group in groups:
        if group in counts or len(counts) < GROUPS:
            counts[group] += 1


def _signed_in(guest: Guest) -> datetime | None:
    """Return when a guest last got in; the last attempt only where Graph does not tell successes apart."""
    row = guest.side.get("guest_sign_in_activity")
    activity = row.get("signInActivity") if row else None
    if isinstance(activity, Mapping) and "lastSuccessfulSignInDateTime" in activity:
        return guest.last_success
    return guest.last_seen


def _voucher(guest: Guest) -> str:
    """Return who vouches for a guest, a personal Microsoft account and an emailed code told apart."""
    identities = guest.row.get("identities")
    issuers = {
        str(i.get("issuer")).casefold()
        for i in (identities if isinstance(identities, list) else ())
        if isinstance(i, Mapping) and i.get("signInType") == "federated"
    }
    for issuer, words in (("microsoftaccount", "personal"), ("mail", "code")):
        if issuer in issuers:
            return words
    return vouched_by(guest.row)


@dataclass(slots=True)
class _Holding:
    """What one guest holds."""

    groups: list[str]
    roles: list[str]
    role: bool
    owning: bool
    assigned: bool
    unclear: bool


def _holding(
    guest: Guest,
    groups: list[str],
    member_of: list[Mapping[str, Any]],
    principals: frozenset[str],
    privileged: frozenset[str],
) -> _Holding:
    kinds = [kind_of(m) for m in member_of]
    roles = [
        str(m.get("displayName") or "a role") for m, k in zip(member_of, kinds, strict=True) if k == "directoryRole"
    ]
    return _Holding(
        groups,
        roles[:20],
        bool(roles) or guest.id.casefold() in principals or any(g in principals or g in privileged for g in groups),
        bool(entries(guest, "guest_owned_objects", "ownedObjects")),
        bool(entries(guest, "guest_app_roles", "appRoleAssignments")),
        not all(kinds),
    )


def _hold(held: Held, guest: Guest, has: _Holding, recorded: bool) -> None:
    held.guests += 1
    held.in_groups += bool(has.groups)
    held.unclear += has.unclear
    held.with_roles += has.role
    held.owning += has.owning
    held.assigned += has.assigned
    counts = held.groups
    for group in has.groups:
        if group in counts or len(counts) < GROUPS:
            counts[group] += 1
    held.roles.update(has.roles)
    seen, created = guest.last_seen, guest.created
    if seen is not None:
        held.oldest = seen if held.oldest is None else min(held.oldest, seen)
        held.newest = seen if held.newest is None else max(held.newest, seen)
    if created is not None:
        held.first = created if held.first is None else min(held.first, created)
        held.last = created if held.last is None else max(held.last, created)
    place = (-(1000 * has.role + 100 * has.owning + len(has.groups)), guest.id)
    if len(held.named) == NAMED and held.named[-1][0] < place:
        return
    count = len(has.groups)
    told = [last_use(guest)] if recorded else []
    told += [f"in {count} group{'' if count == 1 else 's'}"] if count else []
    told += [", ".join(has.roles[:2]) if has.roles else "with a role"] if has.role else []
    name = str(guest.row.get("displayName") or guest.row.get("mail") or guest.id)
    held.named.append((place, name, ", ".join(told)))
    held.named.sort(key=lambda n: n[0])
    del held.named[NAMED:]


def last_use(guest: Guest) -> str:
    """Say when a guest last got in or tried to, for whom sign-in activity was read."""
    got_in, seen = _signed_in(guest), guest.last_seen
    if got_in is not None:
        return f"last seen {got_in.date()}"
    return f"last attempt {seen.date()}" if seen is not None else "no sign-in on record"


def entries(guest: Guest, fact: str, *keys: str) -> list[Mapping[str, Any]]:
    """Return the objects a side list holds for a guest, under the first of some keys that is there."""
    row = guest.side.get(fact)
    listed = next((row[k] for k in keys if k in row), None) if row else None
    return [e for e in listed if isinstance(e, Mapping)] if isinstance(listed, list) else []
