"""Who from outside holds power: roles, groups and applications, read from the lists that name the holders.

A holder that the lists do not describe well enough is counted as unknown and
never taken for an insider.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from posture.errors import UnknownValueError
from posture.snapshot.guests import home_domain, is_external
from posture.snapshot.types import Gap, GapReason, Rows
from posture.snapshot.values import block, flag, items, moment, objects, text

EXPAND_LIMIT = 20
"""Objects `$expand` returns at most, without a word of the rest.

Source: https://learn.microsoft.com/graph/query-parameters#expand
"""


def unlicensed(source: Rows | Gap) -> bool:
    """Return whether a source is missing because the tenant lacks its licence, so that the feature is not in use."""
    return isinstance(source, Gap) and source.reason is GapReason.LICENCE


def kind_of(row: Mapping[str, Any]) -> str:
    """Return a directory object's type, e.g. "user" or "group"; "" where the object does not say.

    Microsoft prints `@odata.type` with and without "#".
    """
    name = row.get("@odata.type")
    if isinstance(name, str):
        return name.rpartition(".")[2]
    return "user" if "userType" in row else ""


def _is_group(row: Mapping[str, Any]) -> bool:
    return kind_of(row).casefold() == "group"


_NOT_PEOPLE = {"serviceprincipal", "application", "device", "orgcontact", "group"}


def from_outside(row: Mapping[str, Any]) -> bool | None:
    """Return whether a directory object is a person from outside; None where it does not tell.

    Applications, devices, contacts and groups are not people and answer False:
    a list of members names nested groups beside those groups' own members. An
    object of a kind this version does not know is taken at its own word about
    its user type.

    Source: https://learn.microsoft.com/graph/api/group-list-transitivemembers
    """
    return False if kind_of(row).casefold() in _NOT_PEOPLE else is_external(row)


def person(row: Mapping[str, Any], why: str, **more: Any) -> dict[str, Any]:
    """Return a person as a finding shows them, under Graph's names."""
    shown = {key: row.get(key) for key in ("id", "displayName", "userPrincipalName", "mail")}
    return {**shown, "domain": home_domain(row), "why": why, **more}


def expanded(row: Mapping[str, Any], key: str) -> list[dict[str, Any]]:
    """Return the objects expanded under a key.

    Raises UnknownValueError where the answer says that there are more.
    """
    found = items(row, key)
    if f"{key}@odata.nextLink" in row:
        raise UnknownValueError(f"{key} of {row.get('id')} goes on in a page that was not read")
    if not all(isinstance(entry, dict) for entry in found):
        raise UnknownValueError(f"{key} of {row.get('id')} holds something that is no object")
    return found


@dataclass(frozen=True, slots=True)
class Role:
    """A directory role. `template` is the id Microsoft gives a built-in role; a custom role has its own."""

    id: str
    template: str
    name: str


def roles(role_definitions: Rows) -> dict[str, Role]:
    """Return the directory roles by id in lower case. Every tenant has built-in ones, so an empty list is refused."""
    found = {}
    for row in objects(role_definitions, "role definitions"):
        role_id = text(row, "id")
        template = row.get("templateId")
        found[role_id.casefold()] = Role(
            role_id,
            (template if isinstance(template, str) and template else role_id).casefold(),
            str(row.get("displayName") or role_id),
        )
    if not found:
        raise UnknownValueError("the list of role definitions is empty, though every tenant has built-in roles")
    return found


@dataclass(frozen=True, slots=True)
class RoleHolding:
    """A person from outside and one role they hold.

    `through` is the id of the group that passes the role on, "" where it is
    direct. `lasting` says whether the holding has no end; None where that was
    not read.
    """

    holder: Mapping[str, Any]
    role: Role
    eligible: bool
    through: str
    lasting: bool | None

    @property
    def holder_id(self) -> str:
        """The person's id in lower case."""
        return str(self.holder.get("id", "")).casefold()

    @property
    def words(self) -> str:
        """The holding in a few words."""
        how = "eligible for" if self.eligible else "holds"
        end = {True: ", without end", False: ", with an end date", None: ""}[self.lasting]
        return f"{how} {self.role.name}{' through a group' if self.through else ''}{end}"


@dataclass
class RoleHoldings:
    """What was found, and why each assignment that could not be judged could not."""

    found: list[RoleHolding] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)


def role_holdings(
    role_definitions: Rows,
    role_assignments: Rows,
    role_eligibilities: Rows | Gap,
    role_assignment_schedules: Rows | Gap,
    privileged_group_members: Rows | Gap,
) -> RoleHoldings:
    """Return every directory role that a person from outside holds, direct or through a group, active or eligible.

    Sources: https://learn.microsoft.com/graph/api/rbacapplication-list-roleassignments,
    https://learn.microsoft.com/graph/api/rbacapplication-list-roleeligibilityscheduleinstances
    """
    table = roles(role_definitions)
    ends = _active_ends(role_assignment_schedules)
    holdings = RoleHoldings()
    pairs: list[tuple[Mapping[str, Any], bool]] = [
        (row, False) for row in objects(role_assignments, "role assignments")
    ]
    if not pairs:
        raise UnknownValueError("the list of role assignments is empty, though every tenant has an administrator")
    if not isinstance(role_eligibilities, Gap):
        pairs += [(row, True) for row in objects(role_eligibilities, "role eligibilities")]
    groups = {_principal_id(row) for row, _ in pairs if _is_group(_principal(row))}
    members = outsiders_of(privileged_group_members, groups)
    why = because(privileged_group_members)
    for row, eligible in pairs:
        _hold(holdings, row, eligible, table, ends, members, why)
    return holdings


def because(source: object) -> str:
    """Return why a source is missing, to end a sentence with; "" where it is there."""
    return f": {source.detail}" if isinstance(source, Gap) else ""


def _hold(
    holdings: RoleHoldings,
    row: Mapping[str, Any],
    eligible: bool,
    table: Mapping[str, Role],
    ends: "_Ends",
    members: Mapping[str, "Outsiders"],
    why: str,
) -> None:
    principal, role_id = _principal(row), row.get("roleDefinitionId")
    principal_id = _principal_id(row)
    through = ""
    people: Iterable[Mapping[str, Any]] = (principal,)
    if _is_group(principal):
        inside = members.get(principal_id)
        if inside is None:
            holdings.unknown.append(f"the members of the group {principal_id} that holds a role were not read{why}")
            return
        holdings.unknown += inside.unknown
        through, people = principal_id, inside.people
    elif (outside := from_outside(principal)) is not True:
        if outside is None:
            holdings.unknown.append(f"the principal {principal_id or '(none)'} of a role does not say its user type")
        return
    if not isinstance(role_id, str):
        holdings.unknown.append(f"a role held by {principal_id} is not named")
        return
    role = table.get(role_id.casefold()) or Role(role_id, role_id.casefold(), f"role {role_id}")
    lasting = _eligible_lasts(row) if eligible else ends.lasts(principal_id, role_id)
    holdings.found += [RoleHolding(p, role, eligible, through, lasting) for p in people]


def _principal(row: Mapping[str, Any]) -> Mapping[str, Any]:
    found = row.get("principal")
    return found if isinstance(found, Mapping) else {}


def _principal_id(row: Mapping[str, Any]) -> str:
    found = row.get("principalId") or _principal(row).get("id")
    return found.casefold() if isinstance(found, str) else ""


def _eligible_lasts(row: Mapping[str, Any]) -> bool | None:
    """Null is Graph's word for no end; an absent or unreadable end is unknown."""
    if "endDateTime" not in row:
        return None
    end = row["endDateTime"]
    return True if end is None else (False if moment(end) is not None else None)


class _Ends:
    """Whether active assignments end, from the schedule of Privileged Identity Management."""

    def __init__(self, known: Mapping[tuple[str, str], bool | None], *, always: bool | None = None) -> None:
        self._known, self._always = known, always

    def lasts(self, principal: str, role: str) -> bool | None:
        """Return whether an active assignment has no end; None where nobody said."""
        return self._known.get((principal, role.casefold()), self._always)


def _active_ends(schedules: Rows | Gap) -> _Ends:
    if isinstance(schedules, Gap):
        return _Ends({}, always=True if unlicensed(schedules) else None)
    known: dict[tuple[str, str], bool | None] = {}
    for row in objects(schedules, "role assignment schedules"):
        role_id = row.get("roleDefinitionId")
        if isinstance(role_id, str):
            key, lasts = (_principal_id(row), role_id.casefold()), _eligible_lasts(row)
            # Of several schedules for one role one without an end is enough; one that does not tell leaves it open.
            before = known.get(key, lasts)
            known[key] = True if True in (before, lasts) else None if None in (before, lasts) else False
    return _Ends(known)


@dataclass
class Outsiders:
    """The people from outside among some members or owners, how many others there are, and what is unknown."""

    people: list[Mapping[str, Any]] = field(default_factory=list)
    insiders: int = 0
    unknown: list[str] = field(default_factory=list)


def outsiders(rows: Iterable[Mapping[str, Any]], whose: str) -> Outsiders:
    """Sort out the people from outside. `whose` names the place for what stays unknown."""
    found = Outsiders()
    for row in rows:
        outside = from_outside(row)
        if outside is None:
            found.unknown.append(f"{whose} {row.get('id')} does not say its user type")
        elif outside:
            found.people.append(row)
        elif kind_of(row).casefold() not in _NOT_PEOPLE:
            found.insiders += 1
    return found


def outsiders_of(lists: Rows | Gap, ids: Iterable[str], key: str = "members") -> dict[str, Outsiders]:
    """Return the people from outside in each of some groups; a group without a row is not in the answer."""
    wanted = {i.casefold() for i in ids}
    found: dict[str, Outsiders] = {}
    if not wanted or isinstance(lists, Gap):
        return found
    for row in objects(lists, f"{key} of groups"):
        group_id = str(row.get("id", "")).casefold()
        if group_id not in wanted:
            continue
        try:
            inside = outsiders(expanded(row, key), f"in {key} of the group {group_id}:")
        except UnknownValueError as unknown:
            inside = Outsiders(unknown=[str(unknown)])
        twin = found.setdefault(group_id, inside)
        if twin is not inside:
            twin.people += inside.people
            twin.unknown += inside.unknown
    return found


def side_by_side(
    left: Rows, right: Rows, words: tuple[str, str]
) -> Iterator[tuple[Mapping[str, Any] | None, Mapping[str, Any] | None]]:
    """Yield the rows of two lists that are sorted by id, those with one id together, None where one has no such row."""
    rows = (objects(left, words[0]), objects(right, words[1]))
    a, b = next(rows[0], None), next(rows[1], None)
    while a is not None or b is not None:
        first = min(text(row, "id") for row in (a, b) if row is not None)
        here = a if a is not None and a["id"] == first else None
        there = b if b is not None and b["id"] == first else None
        yield here, there
        a = next(rows[0], None) if here is not None else a
        b = next(rows[1], None) if there is not None else b


def is_dynamic(group: Mapping[str, Any]) -> bool:
    """Return whether a rule decides who is in a group. Source: https://learn.microsoft.com/graph/api/resources/group."""
    return any(isinstance(x, str) and x.casefold() == "dynamicmembership" for x in items(group, "groupTypes"))


def is_team(group: Mapping[str, Any]) -> bool:
    """Return whether a group is a team. Source: https://learn.microsoft.com/graph/teams-list-all-teams."""
    return any(isinstance(x, str) and x.casefold() == "team" for x in items(group, "resourceProvisioningOptions"))


def hides_members(group: Mapping[str, Any]) -> bool:
    """Return whether a group's members are shown to those alone who hold Member.Read.Hidden.

    Whether a person's own list of groups names such a group without that
    permission is documented nowhere, and a related call leaves it out.
    Sources: https://learn.microsoft.com/graph/api/group-list-transitivemembers
    https://learn.microsoft.com/graph/api/directoryobject-checkmembergroups
    """
    return str(group.get("visibility")).casefold() == "hiddenmembership"


class GroupUses:
    """What a group unlocks: a directory role, licences, a place in Conditional Access.

    Which applications are assigned to a group is not among the sources read.
    """

    def __init__(self, policies: Rows | Gap, assignments: Rows | Gap) -> None:
        self.unread: list[str] = []
        self._policies = self._named(policies, _policy_groups, "Conditional Access policies")
        self._roles = self._named(assignments, _role_groups, "role assignments")

    def _named(self, source: Rows | Gap, read: Any, words: str) -> set[str]:
        if unlicensed(source):
            return set()
        if isinstance(source, Gap):
            self.unread.append(f"the {words} were not read{because(source)}")
            return set()
        try:
            return set(read(source))
        except UnknownValueError as unknown:
            self.unread.append(f"the {words} hold what this version cannot read: {unknown}")
            return set()

    def of(self, group: Mapping[str, Any]) -> tuple[str, ...]:
        """Return the uses in words. Raises UnknownValueError where the group itself does not tell."""
        group_id = text(group, "id").casefold()
        assignable = group.get("isAssignableToRole")
        # Graph leaves null where the group was made without the property, which is the same as false.
        # Source: https://learn.microsoft.com/graph/api/resources/group
        in_role = group_id in self._roles or (assignable is not None and flag(group, "isAssignableToRole"))
        found = {
            "directory role": in_role,
            "licences": bool(items(group, "assignedLicenses")),
            "Conditional Access": group_id in self._policies,
        }
        return tuple(words for words, used in found.items() if used)


def _policy_groups(policies: Rows) -> Iterator[str]:
    for policy in objects(policies, "Conditional Access policies"):
        users = block(block(policy, "conditions"), "users")
        for key in ("includeGroups", "excludeGroups"):
            yield from (str(g).casefold() for g in items(users, key))


def _role_groups(assignments: Rows) -> Iterator[str]:
    rows = objects(assignments, "role assignments")
    return (_principal_id(row) for row in rows if _is_group(_principal(row)))
