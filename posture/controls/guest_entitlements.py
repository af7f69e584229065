"""What guests are swept into: dynamic groups and licences."""

import re
from typing import Any

from posture.controls.registry import (
    Authority,
    Outcome,
    Remediation,
    Tally,
    TallyContext,
    Verdict,
    control,
    failed,
    not_applicable,
    partial,
    passed,
    tally,
)
from posture.controls.shared import NO_GUESTS, does, ids, names, number, unless_known
from posture.errors import UnknownValueError
from posture.settings import Severity, Thresholds
from posture.snapshot.guests import Guest
from posture.snapshot.power import (
    GroupUses,
    hides_members,
    is_dynamic,
    is_team,
)
from posture.snapshot.types import Gap, Rows
from posture.snapshot.values import objects, text


@tally("guests_in_groups", control="GUEST-PRV-005", needs=("guests", "guest_memberships", "groups"))
class GuestsInGroups(Tally):
    """How many guests are in each dynamic group and in each team, by id in lower case. Bounded by those groups."""

    def __init__(self, context: TallyContext) -> None:
        super().__init__(context)
        self.inside = {
            text(g, "id").casefold(): 0
            for g in objects(context.facts["groups"], "groups")
            if is_dynamic(g) or is_team(g)
        }
        self.unread = 0

    def add(self, guest: Guest) -> None:
        """Count a guest in every group they are in, however deep."""
        side = guest.side.get("guest_memberships")
        memberships = side.get("transitiveMemberOf") if side else None
        if not isinstance(memberships, list) or (side and "transitiveMemberOf@odata.nextLink" in side):
            self.unread += 1
            return
        inside, whole = self.inside, True
        for entry in memberships:
            group_id = entry.get("id") if isinstance(entry, dict) else None
            if not isinstance(group_id, str):
                whole = False
            elif (key := group_id.casefold()) in inside:
                inside[key] += 1
        self.unread += not whole

    @property
    def unknown(self) -> list[str]:
        """Why the counts may be too low, in words."""
        return [f"the groups of {self.unread} guests were not read"] if self.unread else []


_GUESTS_NAMED = re.compile(
    r"""user\.usertype\s+-(?:(?:eq|in|contains|startswith|match)\s+[^()]*?\bguest\b|(?:ne|notin)\s+\[?\s*["']member["'])""",
    re.IGNORECASE,
)
_MEMBERS_ONLY = re.compile(r"""user\.usertype\s+-(?:eq\s+["']member["']|ne\s+["']guest["'])""", re.IGNORECASE)
_GUEST_GROUP = re.compile(r"""\(?\s*user\.usertype\s+-eq\s+["']guest["']\s*\)?""", re.IGNORECASE)


def _admits_members_only(rule: str) -> bool:
    """A rule that joins alternatives with -or may let guests in by another door."""
    return bool(_MEMBERS_ONLY.search(rule)) and not re.search(r"\s-(or|not)\b", rule, re.IGNORECASE)


def _says_who(rule: str) -> bool:
    """A rule that names guests takes them in on purpose; one that mentions `user.userType` otherwise does not."""
    return bool(_GUESTS_NAMED.search(rule)) or _admits_members_only(rule)


def _cis_5131(groups: Rows, **_: Any) -> Outcome | None:
    """Judge as CIS did up to v6: one dynamic group holds all guests."""
    rules = (g.get("membershipRule") for g in objects(groups, "groups"))
    return (
        Outcome.PASS if any(isinstance(r, str) and _GUEST_GROUP.fullmatch(r.strip()) for r in rules) else Outcome.FAIL
    )


@control(
    "GUEST-PRV-005",
    fail=Severity.HIGH,
    partial=Severity.LOW,
    kind="inventory",
    licence="Entra ID P1",
    remediation=Remediation(
        method="PATCH",
        url="https://graph.microsoft.com/v1.0/groups/{id}",
        body={"membershipRule": '(user.objectId -ne null) and (user.userType -eq "Member")'},
        permission="Group.ReadWrite.All",
        role="Groups Administrator",
        powershell=(
            "Update-MgGroup -GroupId {id} -MembershipRule "
            "'(user.objectId -ne null) and (user.userType -eq \"Member\")'",
        ),
        notes="The body is for a group meant for all staff. Otherwise add the test of user.userType to the rule the "
        "group has.",
    ),
    frameworks={
        "cis_m365": ("5.1.3.1 L1 (v4.0.0, v6.0.x)",),
        "mcsb": ("PA-7 (own)",),
        "nist_800_53r5": ("AC-2 (own)", "AC-6 (own)"),
        "iso_27001_2022": ("A.5.15 (own)",),
        "attack": ("T1098 (own)", "T1069.003 (own)"),
        "atrm": ("AZT106 (own)",),
        "maester": ("CIS.M365.5.1.3.1", "MT.1196"),
        "prowler": ("entra_dynamic_group_for_guests_created",),
    },
    authorities=(
        Authority("CIS Microsoft 365", "5.1.3.1 (v4.0.0, v6.0.x): a dynamic group of all guests exists", _cis_5131),
    ),
    parameters=("influenceable_attributes", "intentional_guest_groups"),
    unverified=("which applications are assigned to a group is not read",),
)
def dynamic_groups_leave_guests_out(
    guests_in_groups: GuestsInGroups,
    groups: Rows,
    conditional_access_policies: Rows | Gap,
    role_assignments: Rows | Gap,
    thresholds: Thresholds,
) -> Verdict:
    """Dynamic groups do not sweep guests in by accident.

    Holds when every dynamic group of users has no guest inside, or its rule
    takes in guests by name or members alone, as `user.userType` says, or it is
    named in `intentional_guest_groups`. Partial
    when guests are in one that unlocks nothing known. Fails when guests are in
    one that grants licences or a directory role or is named in Conditional
    Access, and when such a group lets in whoever has the right value in an
    attribute that people or their home organization can choose.

    Why: a rule such as "every user with an object id" includes guests without
    saying so, and hands them whatever the group unlocks. Nobody sees it in a
    review of assignments.

    Attack: a guest's home organization sets the department or job title that
    the rule looks for, and your directory adds the guest by itself.

    Fix: Entra admin center > Groups > the group > Dynamic membership rules. Ask
    for user.userType -eq "Member" in groups meant for staff; keep guests in a
    group of their own.

    Breaks: guests lose the licence, site or application the group gave them at
    the next evaluation. External people stored as members stay in.

    Default: a new tenant has no dynamic group.

    Source: https://learn.microsoft.com/entra/external-id/use-dynamic-groups
    https://learn.microsoft.com/entra/identity/users/groups-dynamic-membership
    """
    if not guests_in_groups.population:
        return not_applicable(NO_GUESTS, observed={"guests": 0})
    uses = GroupUses(conditional_access_policies, role_assignments)
    attributes = "|".join(map(re.escape, thresholds.influenceable_attributes))
    influenced = re.compile(rf"user\.({attributes})\b", re.IGNORECASE) if attributes else None
    intended = ids(thresholds.intentional_guest_groups)
    unknown = list(guests_in_groups.unknown)
    bad: list[dict[str, Any]] = []
    soft: list[dict[str, Any]] = []
    judged = 0
    for group in objects(groups, "groups"):
        if not is_dynamic(group) or text(group, "id").casefold() in intended:
            continue
        rule = group.get("membershipRule")
        if not isinstance(rule, str) or not rule.strip():
            unknown.append(f"the rule of the dynamic group {group.get('id')} was not read")
            continue
        if "device." in rule.casefold() and "user." not in rule.casefold():
            continue
        judged += 1
        inside = guests_in_groups.inside.get(text(group, "id").casefold(), 0)
        chosen = bool(influenced and influenced.search(rule)) and not _admits_members_only(rule)
        swept = inside > 0 and not _says_who(rule)
        if not inside and not _says_who(rule) and hides_members(group):
            unknown.append(f"the members of the dynamic group {group.get('id')} are hidden")
        if not swept and not chosen:
            continue
        why = f"{number(inside, 'guest')} inside; its rule names neither guests nor members only" if swept else ""
        why += ("; " if why and chosen else "") + ("its rule reads an attribute others can choose" if chosen else "")
        try:
            used = uses.of(group)
            missing = list(uses.unread)
        except UnknownValueError as reason:
            used, missing = (), [str(reason)]
        row = {key: group.get(key) for key in ("id", "displayName", "membershipRule")}
        if used:
            bad.append({**row, "why": f"{why}; grants {names(used)}", "guests": inside})
            continue
        unknown += missing
        if swept:
            soft.append({**row, "why": why, "guests": inside})
    observed = {"groups.dynamic groups of users": judged, "with guests swept in": len(bad) + len(soft)}
    if bad:
        return failed(
            "Guests are in, or can get into by the right attribute, "
            f"{does(len(bad), 'dynamic group', 'that grants', 'that grant')} roles, licences or a place in Conditional "
            "Access.",
            observed=observed,
            affected=bad + soft,
        )
    unless_known(unknown, conditional_access_policies, role_assignments)
    if soft:
        return partial(
            f"Guests are in {number(len(soft), 'dynamic group')} whose rule does not name them; nothing is known to "
            "hang on that.",
            observed=observed,
            affected=soft,
            notes=("Which applications are assigned to these groups was not read.",),
        )
    if not judged:
        return not_applicable("The tenant has no dynamic group of users.", observed=observed)
    return passed(
        f"None of the {judged} dynamic groups of users takes guests in unless its rule says so.", observed=observed
    )


@tally("licensed_guests", control="GUEST-PRV-006")
class LicensedGuests(Tally):
    """Enabled guests with a licence that is not tolerated."""

    def __init__(self, context: TallyContext) -> None:
        super().__init__(context)
        self.tolerated = ids(context.thresholds.tolerated_skus)
        self.direct = 0
        self.unknown = 0
        self.groups: set[str] = set()
        self.skus: dict[str, int] = {}

    def add(self, guest: Guest) -> None:
        """Count a guest, by the group that hands the licence on where there is one."""
        licences = guest.row.get("assignedLicenses")
        if licences == []:
            return
        if guest.enabled is False:
            return
        if not isinstance(licences, list) or guest.enabled is None:
            self.unknown += 1
            return
        skus = [x.get("skuId") if isinstance(x, dict) else None for x in licences]
        found = {x.casefold() for x in skus if isinstance(x, str)} - self.tolerated
        if not found:
            self.unknown += any(not isinstance(x, str) for x in skus)
            return
        origins = self._origins(guest.row.get("licenseAssignmentStates"), found)
        self.direct += "" in origins
        self.groups |= {g for g in origins if g and len(self.groups) < 1000}
        for sku in found:
            if sku in self.skus or len(self.skus) < 1000:
                self.skus[sku] = self.skus.get(sku, 0) + 1
        self.concern(guest, "holds a licence" + ("" if "" in origins else " through a group"), skuIds=sorted(found))

    def _origins(self, states: Any, skus: set[str]) -> set[str]:
        """Return the groups the licences come from; "" stands for a direct assignment or an unknown origin."""
        found: dict[str, str] = {}
        for state in states if isinstance(states, list) else ():
            sku, group = (state.get("skuId"), state.get("assignedByGroup")) if isinstance(state, dict) else (None, None)
            if isinstance(sku, str):
                by = group.casefold() if isinstance(group, str) else ""
                found[sku.casefold()] = by if found.get(sku.casefold(), by) == by else ""
        return {found.get(sku, "") for sku in skus}


@control(
    "GUEST-PRV-006",
    fail=Severity.LOW,
    partial=Severity.INFO,
    kind="inventory",
    remediation=Remediation(
        method="POST",
        url="https://graph.microsoft.com/v1.0/users/{id}/assignLicense",
        body={"addLicenses": [], "removeLicenses": ["{sku id}"]},
        permission="LicenseAssignment.ReadWrite.All",
        role="License Administrator",
        powershell=("Set-MgUserLicense -UserId {id} -AddLicenses @() -RemoveLicenses @('{sku id}')",),
        notes="Where a group hands the licence on, change the group instead.",
    ),
    frameworks={
        "mcsb": ("PA-7 (own)",),
        "nist_800_53r5": ("AC-6 (own)",),
        "iso_27001_2022": ("A.5.18 (own)",),
        "attack": ("T1098 (own)",),
    },
    parameters=("tolerated_skus",),
    empty_is_good="subscribed_skus: it only gives the licences their names.",
    unverified=("which products need a licence on the guest itself",),
)
def guests_hold_no_licences(licensed_guests: LicensedGuests, subscribed_skus: Rows | Gap) -> Verdict:
    """Guests hold no paid licences.

    Holds when no enabled guest has a licence outside `tolerated_skus`. Partial
    when all such licences come from one and the same group, which is most
    likely a mistake in that group. Fails otherwise.

    Why: a licence gives a guest a mailbox, a Power Platform environment or
    Office under your name. It usually means that somebody treats the account
    as staff, or that a licensing group is too wide.

    Attack: a guest with a mailbox in your tenant writes as one of you.

    Fix: Microsoft 365 admin center > Users > the guest > Licenses, or the group
    that hands the licence on.

    Breaks: what is stored under the licence, a mailbox for one, is no longer
    reachable.

    Default: guests hold no licence.

    Source: https://learn.microsoft.com/graph/api/resources/user
    https://learn.microsoft.com/entra/external-id/user-properties
    """
    if not licensed_guests.population:
        return not_applicable(NO_GUESTS, observed={"guests": 0})
    count = licensed_guests.affected.count
    words = _sku_words(subscribed_skus)
    top = sorted(licensed_guests.skus.items(), key=lambda s: (-s[1], s[0]))[:5]
    shown = ", ".join(f"{words.get(sku, sku)} ({n})" for sku, n in top)
    observed = {"licensed guests": count, "licences": shown}
    one_group = not licensed_guests.direct and len(licensed_guests.groups) == 1
    if count and not one_group:
        return failed(f"{does(count, 'enabled guest', 'holds', 'hold')} a licence: {shown}.", observed=observed)
    if licensed_guests.unknown:
        raise UnknownValueError(f"the licences or the state of {licensed_guests.unknown} guests were not read")
    if count:
        told = f"{does(count, 'enabled guest', 'holds', 'hold')} a licence, all from one group: {shown}."
        return partial(told, observed=observed)
    but = " but the tolerated ones" if licensed_guests.tolerated else ""
    return passed(f"No enabled guest holds a licence{but}.", observed=observed)


def _sku_words(skus: Rows | Gap) -> dict[str, str]:
    if isinstance(skus, Gap):
        return {}
    return {
        str(row.get("skuId", "")).casefold(): str(row.get("skuPartNumber") or row.get("skuId"))
        for row in objects(skus, "subscriptions")
    }
