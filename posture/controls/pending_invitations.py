"""Invitations that nobody has accepted: how old they are, and what is attached to them."""

from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from posture.controls.registry import (
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
from posture.controls.remedies import DELETE_GUEST
from posture.controls.shared import NO_GUESTS, number, unless_known, unless_read
from posture.errors import UnknownValueError
from posture.settings import Severity, Thresholds
from posture.snapshot.guests import Guest
from posture.snapshot.power import expanded, hides_members, kind_of
from posture.snapshot.types import Gap, Rows
from posture.snapshot.values import moment, objects

_RUN_DAYS = 7
"""How much later than its start a resumed run may read something."""


def _days_pending(guest: Guest, taken_at: datetime) -> int | None:
    """Return whole days since the invitation or its last renewal; None where no time tells, or one lies far ahead.

    Somebody may be invited while the audit runs, which may go on days later.
    """
    times = [moment(guest[key]) for key in ("createdDateTime", "externalUserStateChangeDateTime")]
    days = [(taken_at - t).days for t in times if t is not None]
    return max(0, min(days)) if days and min(days) >= -_RUN_DAYS else None


def _pending(guest: Guest) -> bool | None:
    """Whether an invitation waits; None for a state this version does not know.

    Null is Graph's own answer for guests older than the property; a missing property is no answer.
    """
    state = guest.row.get("externalUserState", "absent")
    if state == "Accepted" or state is None:
        return False
    return True if state == "PendingAcceptance" else None


@tally("pending_invitations", control="GUEST-INV-006")
class PendingInvitations(Tally):
    """Pending guests by age. `unknown` counts rows whose state or age does not tell."""

    def __init__(self, context: TallyContext) -> None:
        super().__init__(context)
        self.pending = self.old = self.very_old = self.unknown = 0
        self.oldest = 0
        self.by_age: Counter[str] = Counter()

    def add(self, guest: Guest) -> None:
        """Count one guest; most have accepted."""
        waits = _pending(guest)
        if not waits:
            self.unknown += waits is None
            return
        self.pending += 1
        days = _days_pending(guest, self.context.taken_at)
        if days is None:
            self.unknown += 1
            self.by_age["unknown"] += 1
            return
        limits = self.context.thresholds
        self.oldest = max(self.oldest, days)
        self.very_old += days > limits.pending_fail_days
        if days <= limits.pending_days:
            self.by_age[f"up to {limits.pending_days} days"] += 1
            return
        self.old += 1
        older = days > limits.pending_fail_days
        bounds = f"over {limits.pending_fail_days} days" if older else f"up to {limits.pending_fail_days} days"
        self.by_age[bounds] += 1
        self.concern(guest, f"invited {days:,} days ago and not accepted", days=days)


@control(
    "GUEST-INV-006",
    fail=Severity.MEDIUM,
    partial=Severity.LOW,
    kind="inventory",
    licence="none to read; automatic clean-up by access reviews needs Entra ID P2 or ID Governance",
    remediation=DELETE_GUEST,
    frameworks={
        "mcsb": ("PA-3 (own)",),
        "nist_800_53r5": ("AC-2(3) (own)",),
        "iso_27001_2022": ("A.5.18 (own)",),
        "attack": ("T1136.003", "T1078.004"),
        "atrm": ("AZT502.3",),
        "other": ("CIPP DisableGuests (90 days)", "reprise99: guests invited but not redeemed (30 days)"),
    },
    parameters=("pending_days", "pending_fail_days", "pending_tolerance_count"),
    empty_is_good="",
    unverified=("how a filter on externalUserState behaves; the whole guest list is read instead",),
)
def invitations_do_not_linger(pending_invitations: PendingInvitations, thresholds: Thresholds) -> Verdict:
    """Invitations do not linger.

    Holds when no guest has been pending for longer than `pending_days`. Partial
    when some have, none for longer than `pending_fail_days`, and not more than
    `pending_tolerance_count` of them. Fails otherwise. Counted from the
    invitation or the last change of its state, whichever is later.

    Why: an invitation never expires, and no expiry can be set. Whoever controls
    the invited mailbox later can accept it, years on, and gets an account that
    you made.

    Attack: look for invitations to domains that have lapsed or companies that
    were sold, take over the address, and click the old link.

    Fix: Entra admin center > Users > All users > filter Invitation state is
    PendingAcceptance > delete those over 30 days old, and invite again on
    request.

    Breaks: the invited person must be invited again and loses groups and apps
    given in advance. A guest made by entitlement management gets no mail and
    stays pending until the first sign-in: look at running onboardings first.
    Deleted guests can be restored for 30 days.

    Default: invitations do not expire.

    Source: https://learn.microsoft.com/entra/external-id/add-users-administrator
    https://learn.microsoft.com/entra/external-id/redemption-experience
    https://learn.microsoft.com/entra/external-id/user-properties
    https://github.com/tired-labs/techniques/blob/main/reports/trr0021/azr/README.md
    """
    t = pending_invitations
    if not t.population:
        return not_applicable(NO_GUESTS)
    observed = {
        "pending guests": t.pending,
        f"pending over {thresholds.pending_days} days": t.old,
        f"pending over {thresholds.pending_fail_days} days": t.very_old,
        "oldest, in days": t.oldest,
        "pending by age": dict(sorted(t.by_age.items())),
        "without a readable state or age": t.unknown,
    }
    waiting = "has" if t.old == 1 else "have"
    if t.very_old or t.old > thresholds.pending_tolerance_count:
        return failed(
            f"{number(t.old, 'invitation')} {waiting} been pending for more than {thresholds.pending_days} days, "
            f"the oldest for {t.oldest:,}.",
            observed=observed,
        )
    if t.unknown:
        raise UnknownValueError(f"the invitation state or age of {number(t.unknown, 'guest')} is not known")
    if t.old:
        return partial(
            f"{number(t.old, 'invitation')} {waiting} been pending for more than {thresholds.pending_days} days.",
            observed=observed,
        )
    if not t.pending:
        return passed("No invitation is pending.", observed=observed)
    return passed(
        f"{number(t.pending, 'invitation')} pending, none for more than {thresholds.pending_days} days.",
        observed=observed,
    )


_MEMBER_OF = frozenset({"group", "directoryRole", "administrativeUnit"})
"""What somebody can be a member of; an administrative unit gives its members nothing.

Source: https://learn.microsoft.com/graph/api/user-list-transitivememberof
"""


@tally(
    "pending_access",
    control="GUEST-INV-007",
    needs=("guests", "guest_memberships"),
    optional=("groups", "role_assignments", "role_eligibilities", "guest_owned_objects", "guest_app_roles"),
)
class PendingAccess(Tally):
    """What pending guests hold already.

    `serious` have a role, sit in a group that may hold one, or own something;
    `old` have been pending for longer than `pending_days` and are in a group or
    assigned to an application, `young` are not pending for that long. `unknown`
    says what could not be told of whom. `hidden` are groups that hide their
    members and that no guest's list names.
    """

    def __init__(self, context: TallyContext) -> None:
        super().__init__(context)
        self.pending = self.serious = self.old = self.young = 0
        self.unknown: Counter[str] = Counter()
        self._principals = _principals(context.facts.get("role_assignments"), "role assignments")
        self._principals |= _principals(context.facts.get("role_eligibilities"), "role eligibilities")
        self._assignable = _assignable(context.facts.get("groups"))
        self.hidden = _hidden(context.facts.get("groups"))

    def add(self, guest: Guest) -> None:
        """Count one guest; most have accepted."""
        if self.hidden:
            self._see(guest)
        waits = _pending(guest)
        if not waits:
            if waits is None:
                self.unknown["the invitation state of {}"] += 1
            return
        self.pending += 1
        power, access = self._held(guest)
        days = _days_pending(guest, self.context.taken_at)
        if power:
            self.serious += 1
            self.concern(guest, f"not accepted, and {', '.join(power)}", days=days)
        elif access and days is None:
            self.unknown["since when {} with access is pending"] += 1
        elif access and days is not None:
            older = days > self.context.thresholds.pending_days
            self.old += older
            self.young += not older
            self.concern(guest, f"pending for {number(days, 'day')}, and {', '.join(access)}", days=days)

    def _see(self, guest: Guest) -> None:
        """Strike out the hidden groups that a guest's list names all the same."""
        row = guest.side.get("guest_memberships") or {}
        listed = row.get("transitiveMemberOf", row.get("memberOf"))
        for entry in listed if isinstance(listed, list) else ():
            if isinstance(entry, Mapping):
                self.hidden.discard(str(entry.get("id")).casefold())

    def _held(self, guest: Guest) -> tuple[list[str], list[str]]:
        """Return what a guest holds in words: power, and plain access."""
        power, access = [], []
        member_of = self._entries(guest, "guest_memberships", "transitiveMemberOf", "memberOf")
        groups = {str(m.get("id")).casefold() for m in member_of if kind_of(m) == "group"}
        if guest.id.casefold() in self._principals or any(kind_of(m) == "directoryRole" for m in member_of):
            power.append("holds a directory role")
        if groups & (self._principals | self._assignable):
            power.append("is in a group that may hold a directory role")
        if self._entries(guest, "guest_owned_objects", "ownedObjects"):
            power.append("owns a group or application")
        if groups:
            access.append(f"in {number(len(groups), 'group')}")
        if self._entries(guest, "guest_app_roles", "appRoleAssignments"):
            access.append("assigned to an application")
        return power, access

    def _entries(self, guest: Guest, fact: str, *keys: str) -> list[dict[str, Any]]:
        """Return a guest's entries of a side list; what is missing or half is counted as unknown."""
        if fact not in self.context.facts:
            return []  # the control says that the list was not read
        row = guest.side.get(fact, {})
        key = next((k for k in keys if k in row), keys[0])
        try:
            entries = expanded(row, key)
        except UnknownValueError:
            listed = row.get(key)
            entries = [e for e in listed if isinstance(e, dict)] if isinstance(listed, list) else []
            self.unknown[f"the {key} of {{}}"] += 1
        if fact == "guest_memberships" and any(kind_of(e) not in _MEMBER_OF for e in entries):
            self.unknown["the kind of a membership of {}"] += 1
        return entries


def _principals(rows: Rows | None, what: str) -> set[str]:
    found = () if rows is None else objects(rows, what)
    return {str(row.get("principalId")).casefold() for row in found if row.get("principalId")}


def _assignable(groups: Rows | None) -> set[str]:
    found = () if groups is None else objects(groups, "groups")
    return {str(group.get("id")).casefold() for group in found if group.get("isAssignableToRole") is True}


def _hidden(groups: Rows | None) -> set[str]:
    found = () if groups is None else objects(groups, "groups")
    return {str(group.get("id")).casefold() for group in found if hides_members(group)}


def _sentences(mapping: Mapping[str, int]) -> list[str]:
    return [f"{what.format(number(count, 'guest'))} is not known" for what, count in sorted(mapping.items())]


@control(
    "GUEST-INV-007",
    fail=Severity.HIGH,
    partial=Severity.LOW,
    kind="inventory",
    licence="none; eligible roles need Entra ID P2",
    remediation=(
        Remediation(
            method="DELETE",
            url="https://graph.microsoft.com/v1.0/groups/{group id}/members/{user id}/$ref",
            permission="GroupMember.ReadWrite.All",
            role="Groups Administrator",
            powershell=("Remove-MgGroupMemberDirectoryObjectByRef -GroupId {group id} -DirectoryObjectId {user id}",),
            notes="A dynamic group adds the person again: change its rule.",
        ),
        DELETE_GUEST,
    ),
    frameworks={
        "mcsb": ("PA-3 (own)", "PA-7 (own)"),
        "nist_800_53r5": ("AC-2 (own)", "AC-6 (own)"),
        "iso_27001_2022": ("A.5.18 (own)",),
        "attack": ("T1136.003", "T1098.003"),
        "atrm": ("AZT502.3", "AZT401 (own)"),
    },
    parameters=("pending_days",),
    empty_is_good="groups: none may hold a role. role_eligibilities: nobody is eligible for a role.",
    unverified=("no other tool was seen that looks at this",),
)
def nothing_waits_for_acceptance(
    pending_access: PendingAccess,
    groups: Rows | Gap,
    role_assignments: Rows | Gap,
    role_eligibilities: Rows | Gap,
    guest_owned_objects: Rows | Gap,
    guest_app_roles: Rows | Gap,
    thresholds: Thresholds,
) -> Verdict:
    """No access is attached to an invitation that nobody has accepted.

    Holds when no pending guest is in a group, assigned to an application or in
    a directory role. Partial when guests pending for up to `pending_days` are
    in groups or assigned to applications. Fails when a pending guest holds a
    directory role (active or eligible), is in a group that may hold one, owns a
    group or application, or has been pending for longer with any access. A
    group that hides its members, and that no guest's own list names, leaves it
    open.

    Why: groups and roles can be given with the invitation. The old link then
    opens the door and hands over the keys in one step, and no change is made
    that anybody would be alerted to.

    Attack: whoever gets hold of an invited mailbox looks for invitations that
    were never accepted; one that was prepared for an administrator is worth
    more than ten passwords.

    Fix: Entra admin center > Users > the user > Groups, Applications, Assigned
    roles > remove. Give access after acceptance, or through access packages
    that expire. Delete the invitation where it is stale.

    Breaks: onboarding that puts people into a team before they accept must wait
    for acceptance. Dynamic groups put the person back until their rule is
    changed.

    Default: an invitation may name up to 20 groups or roles.

    Source: https://learn.microsoft.com/entra/external-id/add-users-administrator
    https://github.com/tired-labs/techniques/blob/main/reports/trr0021/azr/README.md
    """
    t = pending_access
    if not t.population:
        return not_applicable(NO_GUESTS)
    observed = {
        "pending guests": t.pending,
        "pending with power": t.serious,
        f"pending over {thresholds.pending_days} days with access": t.old,
        f"pending up to {thresholds.pending_days} days with access": t.young,
    }
    if t.serious or t.old:
        return failed(
            f"{number(t.serious + t.old, 'pending guest')} would get power, or access given long ago, by accepting.",
            observed=observed,
        )
    unless_known(_sentences(t.unknown))
    if not t.pending:
        return passed("No invitation is pending.", observed=observed)
    unless_read(groups, role_assignments, guest_owned_objects, guest_app_roles, licensed=role_eligibilities)
    if not isinstance(role_assignments, Gap) and not len(role_assignments):
        raise UnknownValueError("the list of role assignments is empty, though every tenant has an administrator")
    if t.young:
        return partial(f"Access is attached to {number(t.young, 'recent invitation')}.", observed=observed)
    if t.hidden:
        raise UnknownValueError(
            f"no pending guest is seen with access, but {number(len(t.hidden), 'group')} "
            f"{'hides its' if len(t.hidden) == 1 else 'hide their'} members, which only Member.Read.Hidden may show"
        )
    return passed(f"{number(t.pending, 'invitation')} pending, none with access.", observed=observed)
