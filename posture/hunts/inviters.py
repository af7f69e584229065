"""Who invited whom: from the log, from `invitedBy`, else from sponsors; and how far each guest reaches.

The guest list may hold a million rows, so the tree keeps what is worth
drawing: guests who invited others with all their chain, and a few guests of
each inviter; the rest is counted. `inviter_of` answers for every single guest.

Sources: https://learn.microsoft.com/graph/api/resources/user
https://learn.microsoft.com/entra/external-id/b2b-sponsors
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from posture.hunts.events import AuditEvent
from posture.hunts.people import IdSet
from posture.hunts.sorting import Sorted
from posture.hunts.streams import invited_address
from posture.snapshot.guests import Guest

DRAWN = 12
"""Guests drawn under one inviter; the others are counted."""
INVITERS = 5_000
"""Inviters told apart."""
LINKS = 200_000
"""Invitations of the log remembered for single guests."""
CHAINS = 20_000
"""Guests invited by guests whose chain is kept."""
DEPTH = 20


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody in the tree. `kind` is guest, member, app or unknown."""

    id: str
    name: str
    kind: str


@dataclass(frozen=True, slots=True)
class Link:
    """One guest's inviter. `source` is log, invitedBy or sponsor.

    A sponsor is the inviter unless somebody chose another.
    """

    inviter: Person
    source: str


@dataclass(frozen=True, slots=True)
class Reach:
    """What a guest reaches. None where the list that tells was not read."""

    groups: int | None = None
    teams: int | None = None
    apps: int | None = None
    roles: int | None = None
    owns: int | None = None


@dataclass(frozen=True, slots=True)
class Branch:
    """A person and whom they invited. `invited` counts all, `children` are those drawn."""

    person: Person
    source: str = ""
    state: str = ""
    reach: Reach | None = None
    invited: int = 0
    children: "tuple[Branch, ...]" = ()

    @property
    def more(self) -> int:
        """Guests they invited who are not drawn."""
        return max(0, self.invited - len(self.children))


@dataclass(frozen=True)
class InvitationTree:
    """Who invited whom. `roots` are inviters nobody invited, most guests first.

    `guests` were looked at, `known` of them have an inviter, `by_guests` were
    invited by a guest, `longest` is the most guests in one chain. `left_out`
    counts inviters past the limit.
    """

    roots: tuple[Branch, ...] = ()
    guests: int = 0
    known: int = 0
    by_guests: int = 0
    longest: int = 0
    left_out: int = 0
    by_source: Mapping[str, int] = field(default_factory=dict)
    links: "Inviters | None" = field(default=None, compare=False)


class Inviters:
    """The inviter of each guest as far as the log and the lists tell."""

    def __init__(self, guest_ids: IdSet | None) -> None:
        self._guests = guest_ids
        self._by_id: dict[str, Person] = {}
        self._by_mail: dict[str, Person] = {}
        self._met: dict[tuple[Any, ...], Person] = {}

    def take(self, records: Sorted[AuditEvent], invitation: Any) -> None:
        """Read the invitations of the log; `invitation` says whether a record is one."""
        for key, events in records.groups():
            for event in events:
                if not invitation(event) or not event.succeeded or not event.actor.key:
                    continue
                person = self.person_of(event)
                if len(self._by_id) + len(self._by_mail) >= LINKS:
                    return
                if not key.startswith("mail:"):
                    self._by_id.setdefault(key, person)
                address = invited_address(event).casefold()
                if address:
                    self._by_mail.setdefault(address, person)

    def inviting(self) -> set[str]:
        """Return the ids of guests who invited, by the log, in lower case."""
        people = (*self._by_id.values(), *self._by_mail.values())
        return {p.id.casefold() for p in people if p.kind == "guest" and p.id}

    def person_of(self, event: AuditEvent) -> Person:
        """Return the actor of an invitation as a person of the tree."""
        actor = event.actor
        if actor.kind == "app":
            return Person(actor.id or actor.app_id, actor.label, "app")
        guest = self._is_guest(actor.id) or "#ext#" in actor.name.casefold() or actor.user_type.casefold() == "guest"
        return Person(actor.id, actor.label, "guest" if guest else "member")

    def _is_guest(self, object_id: str) -> bool:
        return self._guests is not None and object_id in self._guests

    def inviter_of(self, guest: Guest) -> Link | None:
        """Return a guest's inviter; None where nothing tells."""
        if self._by_id or self._by_mail:
            found = self._by_id.get(guest.id.casefold())
            mail = guest.row.get("mail")
            if found is None and isinstance(mail, str):
                found = self._by_mail.get(mail.casefold())
            if found is not None:
                return Link(found, "log")
        beside = guest.side.get("guest_sponsors")
        for source in (guest.row.get("invitedBy"), beside.get("invitedBy") if beside else None):
            if isinstance(source, Mapping) and source.get("id"):
                return Link(self._person(source), "invitedBy")
        sponsors = beside.get("sponsors") if beside else None
        for sponsor in sponsors if isinstance(sponsors, list) else ():
            if (
                isinstance(sponsor, dict)
                and sponsor.get("id")
                and not str(sponsor.get("@odata.type")).endswith("group")
            ):
                return Link(self._person(sponsor), "sponsor")
        return None

    def _person(self, row: Mapping[str, Any]) -> Person:
        """Return the person a list names. Many guests share one inviter, who is made out once."""
        get = row.get
        told = (get("id"), get("userType", ""), get("displayName"), get("userPrincipalName"), get("@odata.type", ""))
        try:
            found = self._met.get(told)
        except TypeError:  # an object or a list where a word should stand
            return self._made_out(*told)
        if found is None:
            found = self._made_out(*told)
            if len(self._met) < INVITERS:
                self._met[told] = found
        return found

    def _made_out(self, object_id: Any, user_type: Any, display_name: Any, upn: Any, odata_type: Any) -> Person:
        object_id, kind = str(object_id), str(user_type).casefold()
        name = str(display_name or upn or object_id)
        if "serviceprincipal" in str(odata_type).casefold():
            return Person(object_id, name, "app")
        guest = kind == "guest" or self._is_guest(object_id)
        return Person(object_id, name, "guest" if guest else "member" if kind else "unknown")


def reach_of(guest: Guest, roles: Mapping[str, int] | None = None, teams: frozenset[str] | None = None) -> Reach:
    """Return what a guest reaches, from the lists that were read. `teams` are the ids of groups with a team."""
    memberships = _listed(guest, "guest_memberships", "transitiveMemberOf")
    groups = None if memberships is None else [m for m in memberships if _is(m, "group")]
    held = None if memberships is None else [m for m in memberships if _is(m, "directoryRole")]
    active = None if held is None else len(held)
    assigned = roles.get(guest.id.casefold(), 0) if roles is not None else None
    owned = _listed(guest, "guest_owned_objects", "ownedObjects")
    apps = _listed(guest, "guest_app_roles", "appRoleAssignments")
    return Reach(
        groups=None if groups is None else len(groups),
        teams=None if groups is None or teams is None else sum(str(g.get("id")) in teams for g in groups),
        apps=None if apps is None else len({str(a.get("resourceId")) for a in apps}),
        roles=assigned if active is None else max(active, assigned or 0),
        owns=None if owned is None else len(owned),
    )


def _is(row: Mapping[str, Any], kind: str) -> bool:
    return str(row.get("@odata.type", "")).casefold().endswith(kind.casefold())


def _listed(guest: Guest, side: str, key: str) -> list[Mapping[str, Any]] | None:
    """Return the objects of a side list; None where the list was not read for this guest."""
    if side not in guest.side:
        return None
    found = guest.side[side].get(key)
    return [r for r in found if isinstance(r, Mapping)] if isinstance(found, list) else None


class TreeBuilder:
    """Gather inviters in one pass over the guests, then draw the tree."""

    def __init__(
        self, inviters: Inviters, roles: Mapping[str, int] | None = None, teams: frozenset[str] | None = None
    ) -> None:
        self._inviters, self._roles, self._teams = inviters, roles, teams
        self._people: dict[str, Person] = {}
        self._counts: Counter[str] = Counter()
        self._drawn: dict[str, list[Branch]] = {}
        self._sources: Counter[str] = Counter()
        self._parent: dict[str, tuple[str, str]] = {}
        self._facts: dict[str, Branch] = {}
        self._inviting = inviters.inviting()
        self._guests = self._known = self._by_guests = self._left_out = 0

    def scout(self, sponsors: Iterable[Mapping[str, Any]]) -> None:
        """Learn from the sponsors which guests brought others, so that `add` keeps them all."""
        for row in sponsors:
            if not row.get("sponsors") and not row.get("invitedBy"):
                continue  # whom the log names is known already
            link = self._inviters.inviter_of(Guest({"id": row.get("id")}, {"guest_sponsors": dict(row)}))
            if link is not None and link.inviter.kind == "guest" and len(self._inviting) < INVITERS:
                self._inviting.add(link.inviter.id.casefold())

    def add(self, guest: Guest) -> None:
        """Take one guest, in any order."""
        self._guests += 1
        link = self._inviters.inviter_of(guest)
        name = guest.row.get("displayName") or guest.row.get("mail") or guest.id
        person = Person(guest.id, str(name), "guest")
        key = guest.id.casefold()
        inviting = key in self._inviting
        if link is None:
            if inviting:
                self._facts[key] = self._branch(guest, person, "")
            return
        self._known += 1
        self._sources[link.source] += 1
        self._by_guests += link.inviter.kind == "guest"
        parent = link.inviter.id.casefold()
        if parent not in self._people:
            if len(self._people) >= INVITERS:
                self._left_out += 1
                return
            self._people[parent] = link.inviter
        self._counts[parent] += 1
        drawn = self._drawn.setdefault(parent, [])
        if inviting or len(drawn) < DRAWN:
            branch = self._branch(guest, person, link.source)
            if inviting:
                self._facts[key] = branch
                self._parent[key] = (parent, link.source)
            drawn.append(branch)
        if link.inviter.kind == "guest" and len(self._parent) < CHAINS:
            self._parent.setdefault(key, (parent, link.source))

    def _branch(self, guest: Guest, person: Person, source: str) -> Branch:
        return Branch(person, source, guest.state or "", reach_of(guest, self._roles, self._teams))

    def tree(self) -> InvitationTree:
        """Return the tree."""
        placed = {key for key, (parent, _) in self._parent.items() if parent in self._people}
        roots = [key for key in self._people if key not in placed]
        grown = [self._grow(self._people[key], key, frozenset()) for key in roots]
        circles = self._circles(roots)
        grown += [self._grow(self._people[key], key, frozenset()) for key in circles]
        return InvitationTree(
            roots=tuple(sorted(grown, key=lambda b: (-_size(b), b.person.id))),
            guests=self._guests,
            known=self._known,
            by_guests=self._by_guests,
            longest=max((sum(p.kind == "guest" for p in self.chain(key)) + 1 for key in self._parent), default=0),
            left_out=self._left_out,
            by_source=dict(sorted(self._sources.items())),
            links=self._inviters,
        )

    def _circles(self, roots: list[str]) -> list[str]:
        """Return one inviter of each circle: lists can say that two guests sponsor each other."""
        reached: set[str] = set()
        stack = list(roots)
        while stack:
            key = stack.pop()
            if key not in reached:
                reached.add(key)
                stack += [b.person.id.casefold() for b in self._drawn.get(key, ())]
        found = []
        for key in sorted(self._people):
            if key not in reached:
                found.append(key)
                inner = [key]
                while inner:
                    one = inner.pop()
                    if one not in reached:
                        reached.add(one)
                        inner += [b.person.id.casefold() for b in self._drawn.get(one, ())]
        return found

    def chain(self, guest_id: str) -> tuple[Person, ...]:
        """Return the people from a guest's inviter up to a member, nearest first."""
        found: list[Person] = []
        key, seen = guest_id.casefold(), {guest_id.casefold()}
        while key in self._parent and len(found) < DEPTH:
            parent = self._parent[key][0]
            if parent in seen or parent not in self._people:
                break
            seen.add(parent)
            found.append(self._people[parent])
            key = parent
        return tuple(found)

    def _grow(self, person: Person, key: str, above: frozenset[str]) -> Branch:
        facts = self._facts.get(key)
        children = []
        for branch in self._drawn.get(key, ()):
            child = branch.person.id.casefold()
            if child in self._people and child not in above and len(above) < DEPTH:
                grown = self._grow(branch.person, child, above | {key})
                branch = Branch(branch.person, branch.source, branch.state, branch.reach, grown.invited, grown.children)
            children.append(branch)
        order = sorted(children, key=lambda b: (-b.invited, b.person.id))
        kept = tuple(order[: max(DRAWN, sum(b.invited > 0 for b in order))])
        return Branch(
            facts.person if facts else person,
            facts.source if facts else "",
            facts.state if facts else "",
            facts.reach if facts else None,
            self._counts[key],
            kept,
        )


def _size(branch: Branch) -> int:
    return branch.invited + sum(_size(child) for child in branch.children)
