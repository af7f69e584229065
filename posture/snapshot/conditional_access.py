"""What Conditional Access asks of guests: policies read once, for every control that needs them.

    guest_policies(conditional_access_policies, strengths=(), guest_groups=()) -> list[GuestPolicy]
    coverage(policies, exclusions, does, application="all", clients=…) -> Coverage
    guest_mfa(conditional_access_policies, security_defaults, exclusions, ...) -> GuestMfa
    group_facts(groups, asked) -> GroupFacts                  what the list of groups tells
    external_counts(privileged_group_members, hidden) -> dict        for GuestExclusions.groups
    excluded_ids(conditional_access_policies) -> (users, groups)     whom a tally looks for

A policy counts for a kind of guest only where it is shown to reach it; what
this version cannot read makes the policy *unclear*, never better.

Sources: https://learn.microsoft.com/graph/api/resources/conditionalaccesspolicy
https://learn.microsoft.com/graph/api/resources/conditionalaccessguestsorexternalusers
https://learn.microsoft.com/graph/api/resources/conditionalaccessgrantcontrols
"""

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from posture.errors import UnknownValueError
from posture.snapshot.power import from_outside, hides_members, kind_of
from posture.snapshot.types import Gap
from posture.snapshot.values import flag, objects

GUEST_TYPES = (
    "internalGuest",
    "b2bCollaborationGuest",
    "b2bCollaborationMember",
    "b2bDirectConnectUser",
    "otherExternalUser",
    "serviceProvider",
)
"""The six kinds of outsiders that Conditional Access tells apart."""
OPTIONAL_TYPES = frozenset({"serviceProvider"})
"""Kinds a policy may leave out: partner technicians, governed by GDAP."""
ENTITLEMENT_MANAGEMENT_APP = "810dcf14-1858-4bf2-8134-4c369fa3235b"
"""Guests need this app before they have MFA here; Microsoft advises to exclude it. The id is matched by name alone."""
DIRECTORY_SYNC_ROLE = "d29b2b05-8046-44ba-8758-1e26182fcf32"
"""Directory Synchronization Accounts, left out by Microsoft's own templates; no guest works in it."""
LEGACY_CLIENTS = frozenset({"exchangeactivesync", "other"})
MODERN_CLIENTS = frozenset({"browser", "mobileappsanddesktopclients"})

_CLIENTS = LEGACY_CLIENTS | MODERN_CLIENTS | {"all", "eassupported"}
_STATES = {"enabled": "enabled", "disabled": "disabled", "enabledForReportingButNotEnforced": "report-only"}
_CONTROLS = frozenset(
    {
        "block",
        "mfa",
        "compliantdevice",
        "domainjoineddevice",
        "approvedapplication",
        "compliantapplication",
        "passwordchange",
        "riskremediation",
    }
)
_USERS = frozenset(
    f"{way}{what}" for way in ("include", "exclude") for what in ("Users", "Groups", "Roles", "GuestsOrExternalUsers")
)
_APPLICATIONS = frozenset(
    {
        "includeApplications",
        "excludeApplications",
        "includeUserActions",
        "includeAuthenticationContextClassReferences",
        "applicationFilter",
    }
)
_GRANT = frozenset(
    {"operator", "builtInControls", "customAuthenticationFactors", "termsOfUse", "authenticationStrength"}
)
"""The parts of a policy that are read; any other may change whom it reaches.

Source: https://learn.microsoft.com/graph/api/resources/conditionalaccessusers
https://learn.microsoft.com/graph/api/resources/conditionalaccessapplications
"""
_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_BUILT_IN_STRENGTHS = {f"00000000-0000-0000-0000-00000000000{n}" for n in (2, 3, 4)}
"""MFA, passwordless MFA and phishing-resistant MFA.

Source: https://learn.microsoft.com/entra/identity/authentication/concept-authentication-strengths
"""
_GUEST_RULE = re.compile(r'\(*\s*user\.userType\s+-eq\s+"Guest"\s*\)*', re.IGNORECASE)
_BY_GUEST_GROUP = frozenset({"internalGuest", "b2bCollaborationGuest"})
"""Kinds whose userType is Guest, so that a dynamic group of all guests holds them.

Of other external users the page says only that their type is not Member.

Source: https://learn.microsoft.com/entra/external-id/authentication-conditional-access
"""
_ONE_FACTOR = frozenset({"password", "voice", "sms", "hardwareoath", "softwareoath", "email", "qrcodepin"}) | {
    "federatedsinglefactor",
    "x509certificatesinglefactor",
}
"""Modes that are no MFA alone; a combination names two with a comma between.

Source: https://learn.microsoft.com/entra/identity/authentication/concept-authentication-strengths
"""
_NOT_ALWAYS_ENTRA = frozenset({"b2bCollaborationGuest", "b2bCollaborationMember", "otherExternalUser"})


@dataclass(frozen=True, slots=True)
class GuestPolicy:
    """One Conditional Access policy as far as it concerns guests.

    `state` is enabled, report-only or disabled. `types` are the kinds it
    reaches whatever their tenant, `some_types` those it reaches for some
    tenants only. `individuals` says that it (also) names users, groups or
    roles, which proves nothing about guests as a kind; `groups` are the groups.
    `narrowed_by` are words for conditions under which alone it applies.
    `unclear` is what this version cannot read of it. Ids and names of
    applications are in lower case.
    """

    id: str
    state: str
    types: frozenset[str]
    some_types: frozenset[str]
    individuals: bool
    groups: frozenset[str]
    applications: frozenset[str]
    excluded_applications: frozenset[str]
    narrowed_by: tuple[str, ...]
    clients: frozenset[str]
    excluded_users: frozenset[str]
    excluded_groups: frozenset[str]
    excluded_roles: frozenset[str]
    blocks: bool
    mfa: str
    terms_of_use: tuple[str, ...]
    session: Mapping[str, Any]
    unclear: tuple[str, ...]

    @property
    def enforced(self) -> bool:
        """Whether it is on; report-only enforces nothing."""
        return self.state == "enabled"

    @property
    def reaches(self) -> frozenset[str]:
        """Every kind it reaches at all."""
        return self.types | self.some_types

    @property
    def modern(self) -> bool:
        """Whether browsers and modern apps are both reached."""
        return "all" in self.clients or self.clients >= MODERN_CLIENTS

    @property
    def everywhere(self) -> bool:
        """Whether it names all resources; exclusions are told apart."""
        return "all" in self.applications


def guest_policies(
    conditional_access_policies: Iterable[Mapping[str, Any]],
    authentication_strengths: Iterable[Mapping[str, Any]] | Gap = (),
    guest_groups: Collection[str] | Gap = (),
) -> list[GuestPolicy]:
    """Return every policy that is on or report-only, in the order of the list.

    `mfa` of each is "mfa", "strength" (an authentication strength alone asks
    for it), "weak" (it can be met without MFA) or "" (it does not ask).
    `guest_groups` are dynamic groups known to hold every guest.
    """
    strengths = {} if isinstance(authentication_strengths, Gap) else _strengths(authentication_strengths)
    groups = frozenset() if isinstance(guest_groups, Gap) else frozenset(g.casefold() for g in guest_groups)
    rows = objects(conditional_access_policies, "Conditional Access policies")
    return [_policy(row, strengths, groups) for row in rows if row.get("state") != "disabled"]


def _strengths(rows: Iterable[Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    return {str(row.get("id")).casefold(): row for row in objects(rows, "authentication strengths")}


@dataclass(frozen=True, slots=True)
class GroupFacts:
    """What the list of all groups tells about those that policies name; ids in lower case.

    `all_guests` are dynamic groups that take in every user of type Guest.
    `hidden` are groups whose members are shown to nobody without a permission
    that posture does not ask for, so that an empty list of theirs means nothing.
    `missing` are those of the ids asked about that are in the list of no group.
    """

    all_guests: frozenset[str]
    hidden: frozenset[str]
    missing: frozenset[str]


def group_facts(groups: Iterable[Mapping[str, Any]], asked: Collection[str] = ()) -> GroupFacts:
    """Return what the list of all groups tells. A list without any group leaves nothing proven missing.

    Sources: https://learn.microsoft.com/entra/identity/users/groups-dynamic-membership
    https://learn.microsoft.com/graph/api/group-list-transitivemembers
    """
    all_guests, hidden, seen = set(), set(), False
    missing = {i for i in asked if _ID.fullmatch(i)}
    for group in objects(groups, "groups"):
        group_id, seen = str(group.get("id")).casefold(), True
        missing.discard(group_id)
        if hides_members(group):
            hidden.add(group_id)
        if _takes_in_all_guests(group):
            all_guests.add(group_id)
    return GroupFacts(frozenset(all_guests), frozenset(hidden), frozenset(missing if seen else ()))


def _takes_in_all_guests(group: Mapping[str, Any]) -> bool:
    """A rule counts while the group is dynamic: one that was made static keeps its rule."""
    rule, kinds = group.get("membershipRule"), group.get("groupTypes")
    return (
        isinstance(rule, str)
        and _GUEST_RULE.fullmatch(rule.strip()) is not None
        and isinstance(kinds, list)
        and "DynamicMembership" in kinds
        and group.get("membershipRuleProcessingState") == "On"
    )


class _Reading:
    """One policy being read; what cannot be read is noted instead of raised."""

    def __init__(self) -> None:
        self.unclear: list[str] = []

    def words(self, obj: Mapping[str, Any], key: str, *, needed: bool = False) -> frozenset[str]:
        """Return a list of words in lower case; null and absent are empty unless needed."""
        value = obj.get(key)
        if value is None and not needed:
            return frozenset()
        if not isinstance(value, list) or not all(isinstance(v, str) for v in value):
            self.unclear.append(f"{key} is not a list of words")
            return frozenset()
        return frozenset(v.casefold() for v in value)

    def people(self, obj: Mapping[str, Any], key: str, *known: str, needed: bool = False) -> frozenset[str]:
        """Return the ids of people; a word for a set of people that is none we know makes the policy unclear."""
        found = self.words(obj, key, needed=needed) - {"guestsorexternalusers", *known}
        ids = frozenset(filter(_ID.fullmatch, found))
        if found - ids:
            self.unclear.append(f"{key} has a word this version does not know")
        return ids

    def only(self, obj: Mapping[str, Any], known: Collection[str], words: str) -> None:
        """Note a part of the policy that this version does not know: it may leave somebody out."""
        if any(value and key not in known and "@odata." not in key for key, value in obj.items()):
            self.unclear.append(f"its {words} hold something this version does not know")

    def part(self, obj: Mapping[str, Any], key: str, *, needed: bool = False) -> Mapping[str, Any]:
        """Return an object; null and absent are empty unless needed."""
        value = obj.get(key)
        if isinstance(value, dict):
            return value
        if value is not None or needed:
            self.unclear.append(f"{key} is not an object")
        return {}


def _policy(
    policy: Mapping[str, Any], strengths: Mapping[str, Mapping[str, Any]], guest_groups: frozenset[str]
) -> GuestPolicy:
    read = _Reading()
    state = _STATES.get(str(policy.get("state")), "")
    if not state:
        read.unclear.append("its state is not one this version knows")
    conditions = read.part(policy, "conditions", needed=True)
    users = read.part(conditions, "users", needed=bool(conditions))
    applications = read.part(conditions, "applications", needed=bool(conditions))
    read.only(users, _USERS, "users")
    read.only(applications, _APPLICATIONS, "applications")
    groups = read.words(users, "includeGroups")
    types, some_types = _types(users, bool(groups & guest_groups), read)
    clients = read.words(conditions, "clientAppTypes", needed=bool(conditions))
    if not clients <= _CLIENTS:
        read.unclear.append("clientAppTypes has a word this version does not know")
    blocks, mfa, terms = _grant(policy, strengths, read)
    session = read.part(policy, "sessionControls")
    return GuestPolicy(
        id=str(policy.get("id", "")),
        state=state or "enabled",
        types=types,
        some_types=some_types,
        individuals=bool(read.people(users, "includeUsers", "all", "none") or groups or users.get("includeRoles")),
        groups=groups,
        applications=read.words(applications, "includeApplications") - {"none"},
        # Graph always lists whom a policy leaves out, if only as nobody.
        excluded_applications=read.words(applications, "excludeApplications", needed=bool(applications)),
        narrowed_by=(*_narrowed_applications(applications), *_narrowed(conditions)),
        clients=clients,
        excluded_users=read.people(users, "excludeUsers", needed=bool(users)),
        excluded_groups=read.words(users, "excludeGroups", needed=bool(users)),
        excluded_roles=read.words(users, "excludeRoles", needed=bool(users)),
        blocks=blocks,
        mfa=mfa,
        terms_of_use=terms,
        session=session,
        unclear=tuple(read.unclear),
    )


def _types(users: Mapping[str, Any], all_guests: bool, read: _Reading) -> tuple[frozenset[str], frozenset[str]]:
    """Return the kinds reached in all tenants, and those reached in some only."""
    included = read.words(users, "includeUsers")
    everyone = frozenset(GUEST_TYPES) if included & {"all", "guestsorexternalusers"} else frozenset()
    everyone |= _BY_GUEST_GROUP if all_guests else frozenset()
    named, all_tenants = _guest_block(users, "includeGuestsOrExternalUsers", read)
    full = everyone | (named if all_tenants else named & {"internalGuest"})
    some = named - full
    if "guestsorexternalusers" in read.words(users, "excludeUsers"):
        return frozenset(), frozenset()
    out, out_everywhere = _guest_block(users, "excludeGuestsOrExternalUsers", read)
    if out_everywhere:
        return full - out, some - out
    # An exclusion for some tenants leaves the others reached; an internal guest has no other tenant.
    return full - out, (some | (full & out)) - (out & {"internalGuest"})


def _guest_block(users: Mapping[str, Any], key: str, read: _Reading) -> tuple[frozenset[str], bool]:
    """Return the kinds a block names and whether it means all tenants."""
    value = users.get(key)
    if value is None:
        return frozenset(), True
    if not isinstance(value, dict) or not isinstance(value.get("guestOrExternalUserTypes"), str):
        read.unclear.append(f"{key} does not name its types")
        return frozenset(), True
    if not value["guestOrExternalUserTypes"].strip():
        read.unclear.append(f"{key} does not name its types")
    words = {w.strip().casefold() for w in value["guestOrExternalUserTypes"].split(",")} - {"", "none"}
    known = {t.casefold(): t for t in GUEST_TYPES}
    if words - known.keys():
        read.unclear.append(f"{key} names a type this version does not know")
    found = frozenset(known[w] for w in words if w in known)
    if found <= {"internalGuest"}:
        return found, True
    return found, _all_tenants(value.get("externalTenants"), key, read)


def _all_tenants(value: Any, key: str, read: _Reading) -> bool:
    tenants = value if isinstance(value, dict) else {}
    marker = str(tenants.get("@odata.type") or "").casefold().rpartition("conditionalaccess")[2]
    told = {"allexternaltenants": "all", "enumeratedexternaltenants": "enumerated"}.get(marker, marker)
    kind = tenants.get("membershipKind")
    kind = told if kind is None else kind
    contradicts = told not in ("", kind) or (kind == "all" and tenants.get("members"))
    if kind not in ("all", "enumerated") or contradicts:
        read.unclear.append(f"{key} does not say for which tenants")
        # Unclear exclusions count for all tenants, unclear inclusions for some: the less protected reading.
        return key.startswith("exclude")
    return bool(kind == "all")


def _narrowed_applications(applications: Mapping[str, Any]) -> list[str]:
    """Return words for targets other than resources by name."""
    words = {
        "includeUserActions": "user actions",
        "includeAuthenticationContextClassReferences": "authentication contexts",
        "applicationFilter": "an application filter",
    }
    return [word for key, word in words.items() if applications.get(key)]


def _narrowed(conditions: Mapping[str, Any]) -> list[str]:
    """Return words for the further conditions under which alone a policy applies."""
    plain = {"users", "applications", "clientAppTypes", "platforms", "locations", "@odata.type"}
    words = {
        "signInRiskLevels": "sign-in risk",
        "userRiskLevels": "user risk",
        "servicePrincipalRiskLevels": "service principal risk",
        "insiderRiskLevels": "insider risk",
        "devices": "devices",
        "deviceStates": "devices",
        "authenticationFlows": "authentication flows",
        "clientApplications": "workload identities",
    }
    found = [
        words.get(k, "a condition this version does not know") for k, v in conditions.items() if v and k not in plain
    ]
    found += [k for k in ("platforms", "locations") if conditions.get(k) and not _unlimited(conditions[k], k)]
    return list(dict.fromkeys(found))


def _unlimited(value: Any, key: str) -> bool:
    """Whether a condition on platforms or locations includes all and leaves out none."""
    name = key[0].upper() + key[1:]
    included = value.get(f"include{name}") if isinstance(value, dict) else None
    if not isinstance(included, list):
        return False
    return "all" in {str(i).casefold() for i in included} and not value.get(f"exclude{name}")


def _grant(
    policy: Mapping[str, Any], strengths: Mapping[str, Mapping[str, Any]], read: _Reading
) -> tuple[bool, str, tuple[str, ...]]:
    """Return whether it blocks, how it asks for MFA, and its terms of use."""
    grant = read.part(policy, "grantControls")
    if not grant:
        return False, "", ()
    read.only(grant, _GRANT, "grant controls")
    controls = read.words(grant, "builtInControls")
    if not controls <= _CONTROLS:
        read.unclear.append("builtInControls has a word this version does not know")
    terms = tuple(sorted(read.words(grant, "termsOfUse")))
    others = read.words(grant, "customAuthenticationFactors")
    alternatives = [*("mfa" if c == "mfa" else "" for c in controls), *("" for _ in (*terms, *others))]
    strength = _strength(grant, strengths, read)
    if strength is not None:
        alternatives.append(strength)
    if "block" in controls:
        return True, "", terms
    asks = [a for a in alternatives if a]
    if not asks:
        return False, "", terms
    best = "mfa" if "mfa" in asks else "strength"
    if len(alternatives) == 1 or grant.get("operator") == "AND":
        return False, best, terms
    if grant.get("operator") != "OR":
        read.unclear.append("its grant operator is neither AND nor OR")
        return False, "weak", terms
    return False, best if len(asks) == len(alternatives) else "weak", terms


def _strength(grant: Mapping[str, Any], strengths: Mapping[str, Mapping[str, Any]], read: _Reading) -> str | None:
    """Return "strength", "" for one that is met without MFA, or None where there is none."""
    value = grant.get("authenticationStrength")
    if value is None:
        return None
    inline = value if isinstance(value, dict) else {}
    strength_id = str(inline.get("id", "")).casefold()
    told = [inline, strengths.get(strength_id, {})]
    satisfied = {said for s in told if (said := s.get("requirementsSatisfied")) is not None}
    if strength_id in _BUILT_IN_STRENGTHS:
        satisfied.add("mfa")
    if satisfied not in ({"mfa"}, {"none"}) or (satisfied == {"mfa"} and any(map(_one_factor_is_enough, told))):
        read.unclear.append("posture cannot tell whether its authentication strength means MFA")
        return ""
    return "strength" if satisfied == {"mfa"} else ""


def _one_factor_is_enough(strength: Mapping[str, Any]) -> bool:
    """Whether a strength allows a single weak mode, whatever it says that it satisfies."""
    allowed = strength.get("allowedCombinations")
    return isinstance(allowed, list) and any(str(c).strip().casefold() in _ONE_FACTOR for c in allowed)


@dataclass(frozen=True, slots=True)
class GuestExclusions:
    """Which guests sit in the exclusions of policies.

    `users` are the ids among all `excludeUsers` that are guests or external
    members, a Gap where the guest list was not read; `members` is the Gap where
    external members were not. `groups` maps the id of an excluded group to
    how many externals it holds; a group missing from it was not read. `gone`
    are excluded groups that are proven not to exist any more, `hidden` groups
    with hidden membership.
    `not_entra` counts guests who sign in by code, Google, SAML or a personal
    account, to whom authentication strengths do not apply; a Gap where unknown.
    `guest_groups` are dynamic groups of all guests (`GroupFacts.all_guests`).
    `break_glass` are ids of accounts and groups that may be left out, a group
    as long as it is not known to hold externals: it is no place for guests.
    `allowed_groups` may be left out whoever is in them.
    """

    users: Collection[str] | Gap
    groups: Mapping[str, int | None]
    not_entra: int | Gap
    guest_groups: Collection[str] | Gap = ()
    break_glass: Collection[str] = ()
    allowed_groups: Collection[str] = ()
    gone: Collection[str] = ()
    hidden: Collection[str] = ()
    members: Gap | None = None
    allowed_applications: Collection[str] = (ENTITLEMENT_MANAGEMENT_APP,)


def external_counts(
    privileged_group_members: Iterable[Mapping[str, Any]] | Gap, hidden: Collection[str] = ()
) -> dict[str, int | None]:
    """Return how many externals each group holds; None for a group not all of whose members could be read.

    `hidden` are groups with hidden membership. One that shows nobody may hold
    anybody, and so may a group in which one is nested.
    """
    if isinstance(privileged_group_members, Gap):
        return {}
    found: dict[str, int | None] = {}
    for group in objects(privileged_group_members, "group members"):
        members, group_id = group.get("members"), str(group.get("id", "")).casefold()
        cut_short = "members@odata.nextLink" in group
        told = [_outside(m) for m in members] if isinstance(members, list) and not cut_short else [None]
        count = None if None in told else sum(map(bool, told))
        if not count and isinstance(members, list) and _shows_nobody(group_id, members, hidden):
            count = None
        found[group_id] = count
    return found


def _shows_nobody(group_id: str, members: list[Any], hidden: Collection[str]) -> bool:
    """Whether hidden membership may keep somebody out of a group's list of members."""
    nested = (str(m.get("id", "")).casefold() for m in members if isinstance(m, Mapping))
    return (group_id in hidden and not members) or any(i in hidden for i in nested)


def _outside(member: Any) -> bool | None:
    """Whether a member is a person from outside; a nested group's own members are listed beside it."""
    if not isinstance(member, Mapping):
        return None
    return False if kind_of(member) == "group" else from_outside(member)


@dataclass(frozen=True, slots=True)
class Coverage:
    """Which kinds of guests are reached by policies that do one thing.

    `types` are reached without a known hole, added up over policies. `some`
    says that a policy does it at least in part, `reasons` why that is not all.
    `unknown` are sentences: while there are any, a hole is not proven.
    """

    types: frozenset[str]
    some: bool
    reasons: tuple[str, ...]
    unknown: tuple[str, ...]

    @property
    def missing(self) -> tuple[str, ...]:
        """Kinds that are not reached, those aside that may be left out."""
        return tuple(t for t in GUEST_TYPES if t not in self.types and t not in OPTIONAL_TYPES)


def coverage(
    policies: Iterable[GuestPolicy],
    exclusions: GuestExclusions,
    does: Callable[[GuestPolicy], str | None],
    *,
    application: str = "all",
    clients: frozenset[str] = MODERN_CLIENTS,
) -> Coverage:
    """Return whom policies reach with what `does` looks for.

    `does` returns "" for a policy that does it, a reason for one that does it
    in part, None for another policy. `application` is an id or name in lower
    case; "all" asks for every resource. `clients` must all be reached.
    """
    types: set[str] = set()
    reasons: dict[str, None] = {}
    unknown: dict[str, None] = {}
    some = False
    for policy in policies:
        if policy.unclear and (policy.reaches or not policy.individuals):
            unknown[f"a Conditional Access policy ({policy.id}) could not be read: {policy.unclear[0]}"] = None
        flaw = does(policy)
        if flaw is None or not _touches(policy, application):
            continue
        if not policy.reaches:
            if policy.groups and isinstance(exclusions.guest_groups, Gap):
                unknown["a policy names groups and posture could not read whether one holds every guest"] = None
            continue
        some = True
        weak = [*([flaw] if flaw else []), *_weaknesses(policy, exclusions, application, clients)]
        unread = _unread_exclusions(policy, exclusions)
        if weak:
            reasons.update(dict.fromkeys(weak))
        elif unread:
            unknown.update(dict.fromkeys(unread))
        elif not policy.unclear:
            types |= policy.types
            if policy.some_types:
                reasons["a policy reaches some external tenants only"] = None
    return Coverage(frozenset(types), some, tuple(reasons), tuple(unknown))


def _touches(policy: GuestPolicy, application: str) -> bool:
    """Whether a policy is about an application, or about any where all are asked for."""
    if application == "all":
        return bool(policy.applications)
    named = application in policy.applications or policy.everywhere
    return named and application not in policy.excluded_applications


def _weaknesses(
    policy: GuestPolicy, exclusions: GuestExclusions, application: str, clients: frozenset[str]
) -> list[str]:
    """Return why a policy does not cover the kinds it names."""
    found = []
    if not policy.enforced:
        found.append("a policy is report-only")
    if application == "all":
        if not policy.everywhere:
            found.append("a policy reaches some applications only")
        if policy.excluded_applications - {a.casefold() for a in exclusions.allowed_applications}:
            found.append("a policy leaves out applications")
    if policy.narrowed_by:
        found.append(f"a policy applies only under conditions: {', '.join(policy.narrowed_by)}")
    if not ("all" in policy.clients or policy.clients >= clients):
        found.append("a policy reaches some client apps only")
    if policy.excluded_roles - {DIRECTORY_SYNC_ROLE}:
        found.append("a policy leaves out directory roles")
    spared = {b.casefold() for b in exclusions.break_glass}
    allowed = {g.casefold() for g in exclusions.allowed_groups}
    groups = [g for g in policy.excluded_groups - allowed if exclusions.groups.get(g)]
    if groups:
        found.append(f"a policy leaves out groups that hold externals ({len(groups)})")
    if not isinstance(exclusions.users, Gap):
        users = policy.excluded_users & ({u.casefold() for u in exclusions.users} - spared)
        if users:
            found.append(f"a policy leaves out guests or external members by name ({len(users)})")
    return found


def _unread_exclusions(policy: GuestPolicy, exclusions: GuestExclusions) -> list[str]:
    """Return what is not known about whom a policy leaves out."""
    spared = {b.casefold() for b in (*exclusions.break_glass, *exclusions.allowed_groups)}
    found = []
    unread = {g for g in policy.excluded_groups - spared - set(exclusions.gone) if exclusions.groups.get(g) is None}
    if unread:
        count = "1 group" if len(unread) == 1 else f"{len(unread)} groups"
        why = " (hidden membership)" if any(g in exclusions.hidden for g in unread) else ""
        found.append(f"the members of {count} left out of a policy could not be read{why}")
    if isinstance(exclusions.users, Gap):
        if policy.excluded_users - spared:
            found.append("a policy leaves out users by name and the guest list could not be read")
    elif exclusions.members and policy.excluded_users - spared:
        found.append(
            f"a policy leaves out users by name and external members could not be read: {exclusions.members.detail}"
        )
    return found


@dataclass(frozen=True, slots=True)
class GuestMfa:
    """Whether guests must pass MFA.

    `level` is "all" (every kind, every resource, no hole known), "some" or
    "none". `missing` are kinds that no enforced policy reaches fully,
    `reasons` plain sentences why it is not all, `notes` what does not count
    against it. `policies` are the ids of the enforced policies that ask for
    MFA. `by` is "conditional access", "security defaults" or "".
    """

    level: str
    by: str = ""
    missing: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    policies: tuple[str, ...] = ()


def guest_mfa(
    conditional_access_policies: Iterable[Mapping[str, Any]] | Gap,
    security_defaults: Mapping[str, Any] | Gap,
    exclusions: GuestExclusions,
    authentication_strengths: Iterable[Mapping[str, Any]] | Gap = (),
) -> GuestMfa:
    """Return whether every kind of guest must pass MFA on every resource.

    Kinds are added up over policies, so that two policies may cover one half
    each; a policy that blocks a kind everywhere covers it too. Raises
    UnknownValueError where the answer hangs on what could not be read.
    """
    if isinstance(conditional_access_policies, Gap):
        without_policies(conditional_access_policies, security_defaults)
        return _defaults_alone()
    policies = guest_policies(conditional_access_policies, authentication_strengths, exclusions.guest_groups)
    asked = coverage(policies, exclusions, _asks_mfa)
    plain = coverage([p for p in policies if p.mfa != "strength"], exclusions, _asks_mfa)
    # A block of some places or applications asks nobody for MFA: only a whole one counts.
    blocked = coverage(policies, exclusions, lambda p: "" if p.blocks else None)
    covered = Coverage(
        asked.types | blocked.types,
        asked.some or bool(blocked.types),
        asked.reasons,
        (*asked.unknown, *blocked.unknown),
    )
    ids = tuple(p.id for p in policies if p.enforced and p.reaches and p.mfa)
    notes = _notes(policies, covered, exclusions)
    if not covered.missing:
        by_strength = covered.types - plain.types - blocked.types
        return _all_kinds(by_strength, exclusions, ids, notes)
    if covered.unknown:
        raise UnknownValueError("; ".join(dict.fromkeys(covered.unknown)))
    reasons = (*covered.reasons, f"no enforced policy asks {', '.join(covered.missing)} for MFA everywhere")
    if covered.some:
        return GuestMfa("some", "conditional access", covered.missing, reasons, notes, ids)
    if defaults_on(security_defaults):
        return _defaults_alone()
    return GuestMfa("none", "", covered.missing, reasons, notes, ids)


def _asks_mfa(policy: GuestPolicy) -> str | None:
    if not policy.mfa:
        return None
    return "a policy can be met without MFA" if policy.mfa == "weak" else ""


def defaults_on(security_defaults: Mapping[str, Any] | Gap) -> bool:
    """Whether security defaults are on; raises UnknownValueError where that was not read."""
    if isinstance(security_defaults, Gap):
        detail = f"security defaults could not be read: {security_defaults.detail}"
        raise UnknownValueError(detail, because=security_defaults)
    return flag(security_defaults, "isEnabled")


def without_policies(policies: Gap, security_defaults: Mapping[str, Any] | Gap) -> bool:
    """Return True where security defaults are on, which rules policies out; else raise what is missing."""
    if not isinstance(security_defaults, Gap) and flag(security_defaults, "isEnabled"):
        return True
    raise UnknownValueError(f"Conditional Access could not be read: {policies.detail}", because=policies)


def _defaults_alone() -> GuestMfa:
    return GuestMfa(
        "some",
        "security defaults",
        GUEST_TYPES,
        ("security defaults alone ask for MFA when the service judges it necessary",),
    )


def _all_kinds(
    by_strength: frozenset[str], exclusions: GuestExclusions, ids: tuple[str, ...], notes: tuple[str, ...]
) -> GuestMfa:
    """All kinds are covered; a strength alone leaves out guests without an Entra account."""
    others: int | Gap = exclusions.not_entra if by_strength & _NOT_ALWAYS_ENTRA else 0
    if isinstance(others, Gap):
        raise UnknownValueError(
            "an authentication strength alone asks for MFA and posture cannot tell whether guests without an Entra "
            f"account exist: {others.detail}",
            because=others,
        )
    if not others:
        return GuestMfa("all", "conditional access", notes=notes, policies=ids)
    reason = f"an authentication strength alone asks for MFA; it does not apply to {others:,} guests without Entra"
    return GuestMfa("some", "conditional access", (), (reason,), notes, ids)


def _notes(policies: list[GuestPolicy], covered: Coverage, exclusions: GuestExclusions) -> tuple[str, ...]:
    notes = []
    if "serviceProvider" not in covered.types:
        notes.append("Technicians of service providers are not covered; they may be left out.")
    left_out = frozenset().union(*(p.excluded_groups for p in policies))
    gone = left_out & set(exclusions.gone)
    if gone:
        notes.append(f"Policies still leave out groups that no longer exist ({len(gone)}); take them out.")
    named = {b.casefold() for b in exclusions.break_glass} & (left_out - gone)
    unread = sum(exclusions.groups.get(g) is None for g in named)
    if unread:
        notes.append(f"Groups in break_glass_ids whose members could not be read are taken at your word ({unread}).")
    only = sum(p.individuals and not p.reaches and bool(p.mfa) for p in policies)
    if only:
        notes.append(f"Policies that name only users, groups or roles are not counted ({only}).")
    return tuple(notes)


def excluded_ids(conditional_access_policies: Iterable[Mapping[str, Any]]) -> tuple[frozenset[str], frozenset[str]]:
    """Return the ids of all users and of all groups that some policy leaves out, in lower case."""
    policies = guest_policies(conditional_access_policies)
    return (
        frozenset().union(*(p.excluded_users for p in policies)),
        frozenset().union(*(p.excluded_groups for p in policies)),
    )
