"""Power that guests hold in the directory itself and in Azure: roles and the groups that carry them."""

from collections.abc import Iterable, Mapping
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
    manual,
    not_applicable,
    partial,
    passed,
    tally,
)
from posture.controls.shared import NO_GUESTS, ids, names, population, unless_known, unless_read
from posture.errors import UnknownValueError
from posture.settings import Severity, Thresholds
from posture.snapshot.guests import Guest
from posture.snapshot.power import (
    Outsiders,
    RoleHolding,
    because,
    hides_members,
    outsiders_of,
    person,
    role_holdings,
    unlicensed,
)
from posture.snapshot.types import Gap, Rows
from posture.snapshot.values import moment, objects, text


def _roles_of(
    role_definitions: Rows,
    role_assignments: Rows,
    privileged_group_members: Rows | Gap,
    role_eligibilities: Rows | Gap,
    role_assignment_schedules: Rows | Gap,
) -> tuple[list[RoleHolding], list[str]]:
    held = role_holdings(
        role_definitions, role_assignments, role_eligibilities, role_assignment_schedules, privileged_group_members
    )
    return held.found, held.unknown


def _zta_22128(
    role_definitions: Rows,
    role_assignments: Rows,
    privileged_group_members: Rows | Gap,
    role_eligibilities: Rows | Gap,
    role_assignment_schedules: Rows | Gap,
    thresholds: Thresholds,
    **_: Any,
) -> Outcome | None:
    """Judge as Microsoft's test does: no guest in a highly privileged role."""
    found, unknown = _roles_of(
        role_definitions, role_assignments, privileged_group_members, role_eligibilities, role_assignment_schedules
    )
    high = ids(thresholds.highly_privileged_role_templates)
    if any(h.role.template in high for h in found):
        return Outcome.FAIL
    return None if unknown or isinstance(role_eligibilities, Gap) else Outcome.PASS


@control(
    "GUEST-PRV-001",
    fail=Severity.CRITICAL,
    partial=Severity.LOW,
    kind="inventory",
    licence="none for active assignments; Entra ID P2 for eligible ones",
    remediation=(
        Remediation(
            method="DELETE",
            url="https://graph.microsoft.com/v1.0/roleManagement/directory/roleAssignments/{id}",
            permission="RoleManagement.ReadWrite.Directory",
            role="Privileged Role Administrator",
            powershell=("Remove-MgRoleManagementDirectoryRoleAssignment -UnifiedRoleAssignmentId {id}",),
            notes="For an active assignment. Agree on the replacement first; repeat for every assignment listed.",
        ),
        Remediation(
            method="POST",
            url="https://graph.microsoft.com/v1.0/roleManagement/directory/roleEligibilityScheduleRequests",
            body={
                "action": "adminRemove",
                "principalId": "{principal id}",
                "roleDefinitionId": "{role id}",
                "directoryScopeId": "/",
                "justification": "External person, closes GUEST-PRV-001",
            },
            permission="RoleEligibilitySchedule.ReadWrite.Directory",
            role="Privileged Role Administrator",
            powershell=("New-MgRoleManagementDirectoryRoleEligibilityScheduleRequest -BodyParameter $body",),
            notes="For an eligible assignment.",
        ),
    ),
    frameworks={
        "cis_m365": ("5.3.1 L2 (v7.0.0, context: Privileged Identity Management manages roles)",),
        "scuba": ("MS.AAD.7.3v1 (SHALL, in part: people from outside)", "MS.AAD.7.4v1 (SHALL, in part)"),
        "mcsb": ("PA-1", "PA-3"),
        "nist_800_53r5": ("AC-6(5) (SCuBA)", "AC-6(6) (own)"),
        "iso_27001_2022": ("A.8.2 (Prowler)", "A.5.19 (own)"),
        "attack": ("T1098.003", "T1078.004"),
        "atrm": ("AZT401",),
        "maester": ("MT.1025", "CISA.MS.AAD.7.3", "CISA.MS.AAD.7.4"),
        "zta": ("22128",),
    },
    authorities=(
        Authority("Microsoft Zero Trust Assessment", "22128: no guest in a highly privileged role", _zta_22128),
        Authority("CISA SCuBA", "MS.AAD.7.4v1: no permanent active highly privileged role (all users)"),
    ),
    parameters=("highly_privileged_role_templates", "tolerated_role_templates", "approved_guest_admins"),
    empty_is_good=(
        "role_eligibilities: nobody is eligible for a role. role_assignment_schedules: nothing is active by schedule. "
        "privileged_group_members: no group holds a role; one that does and is missing here is unknown."
    ),
    unverified=(
        "which roles count as highly privileged is a list kept here, since v1.0 does not return isPrivileged",
        "the name of NIST AC-6(6) is from memory",
    ),
)
def no_external_holds_a_role(
    role_assignments: Rows,
    role_definitions: Rows,
    guests: Rows,
    privileged_group_members: Rows | Gap,
    role_eligibilities: Rows | Gap,
    role_assignment_schedules: Rows | Gap,
    thresholds: Thresholds,
) -> Verdict:
    """No external holds a directory role, active or eligible.

    Holds when no guest and no external member has a directory role, directly,
    through a group, or as eligible. Partial when all holders hold nothing but a
    tolerated role, or are named in `approved_guest_admins`. Fails when anybody
    else from outside holds a role, and when an approved one holds a highly
    privileged role that is active without an end. Critical where a highly
    privileged role is involved, high otherwise.

    Why: you do not run the password, the device or the leaver process of an
    external administrator. When their employer is broken into or lets them go,
    nothing in your tenant tells you.

    Attack: somebody who holds one privileged account for an hour gives a role
    to a guest they control. The guest looks like one more consultant, is in
    nobody's staff list, and keeps the role when the first account is cleaned.

    Fix: Entra admin center > Roles and admins > the role > Assignments, both
    Active and Eligible > Remove. Let a provider administer through delegated
    administration (GDAP) or an internal cloud-only account. Where a guest
    cannot be avoided: eligible only, approved, with an end date, and
    phishing-resistant MFA.

    Breaks: a managed-service partner who works as a guest cannot administer
    any more from that minute. Restricting what guests may read does not help
    here, since a role keeps its rights.

    Default: guests hold no role.

    Source: https://learn.microsoft.com/graph/api/rbacapplication-list-roleassignments
    https://learn.microsoft.com/entra/fundamentals/users-default-permissions
    https://www.beyondtrust.com/blog/entry/restless-guests
    """
    found, unknown = _roles_of(
        role_definitions, role_assignments, privileged_group_members, role_eligibilities, role_assignment_schedules
    )
    high, tolerated = ids(thresholds.highly_privileged_role_templates), ids(thresholds.tolerated_role_templates)
    approved = ids(thresholds.approved_guest_admins)
    bad: list[RoleHolding] = []
    for held in found:
        standing = held.role.template in high and not held.eligible
        if held.holder_id not in approved:
            if held.role.template not in tolerated:
                bad.append(held)
        elif standing and held.lasting is True:
            bad.append(held)
        elif standing and held.lasting is None:
            unknown.append(
                f"whether the active {held.role.name} of an approved external ends was not read"
                f"{because(role_assignment_schedules)}"
            )
    notes = (
        ("Eligible roles cannot be listed without Entra ID P2, so active ones alone were judged.",)
        if unlicensed(role_eligibilities)
        else ()
    )
    if bad:
        worst = {h.role.name for h in bad if h.role.template in high}
        people = _role_people(bad)
        return failed(
            f"{len(people)} external {_people(len(people))} roles: {names((h.role.name for h in bad), worst)}.",
            observed={
                "role_assignments.external role holders": len(people),
                "highly privileged role involved": bool(worst),
            },
            affected=people,
            severity=Severity.CRITICAL if worst else Severity.HIGH,
            notes=notes,
        )
    unless_known(unknown, privileged_group_members, role_assignment_schedules)
    unless_read(licensed=role_eligibilities)
    if found:
        people = _role_people(found)
        return partial(
            f"{len(people)} external {_people(len(people))} a tolerated role or one approved for them: "
            f"{names(h.role.name for h in found)}.",
            observed={"role_assignments.external role holders": len(people)},
            affected=people,
            notes=notes,
        )
    if not population(guests):
        return not_applicable(NO_GUESTS, observed={"guests": 0})
    return passed(
        "No guest and no external member holds a directory role.",
        observed={"role_assignments.external role holders": 0},
        notes=notes,
    )


def _people(count: int) -> str:
    return "person holds" if count == 1 else "people hold"


def _role_people(holdings: Iterable[RoleHolding]) -> list[dict[str, Any]]:
    """One row a person, with all that they hold."""
    by_person: dict[str, list[RoleHolding]] = {}
    for held in holdings:
        by_person.setdefault(held.holder_id, []).append(held)
    return [
        person(all_of[0].holder, "; ".join(dict.fromkeys(h.words for h in all_of)))
        for _, all_of in sorted(by_person.items())
    ]


@tally("guest_group_eligibilities", control="GUEST-PRV-002", needs=("guests", "group_eligibilities"))
class GuestGroupEligibilities(Tally):
    """Which guests are eligible for a group. Bounded by the eligibilities, not by the guests."""

    def __init__(self, context: TallyContext) -> None:
        super().__init__(context)
        self.rows: dict[str, list[Mapping[str, Any]]] = {}
        for row in objects(context.facts["group_eligibilities"], "group eligibilities"):
            self.rows.setdefault(text(row, "principalId").casefold(), []).append(row)
        self.found: dict[str, dict[str, Any]] = {}

    def add(self, guest: Guest) -> None:
        """Keep a guest that is eligible for some group."""
        if self.rows and guest.id.casefold() in self.rows:
            self.found[guest.id.casefold()] = guest.row


@control(
    "GUEST-PRV-002",
    fail=Severity.CRITICAL,
    partial=Severity.LOW,
    kind="inventory",
    licence="Entra ID P1 for role-assignable groups; P2 for Privileged Identity Management for groups",
    remediation=(
        Remediation(
            method="DELETE",
            url="https://graph.microsoft.com/v1.0/groups/{id}/members/{user id}/$ref",
            permission="GroupMember.ReadWrite.All + RoleManagement.ReadWrite.Directory",
            role="Privileged Role Administrator",
            powershell=(
                "Remove-MgGroupMemberDirectoryObjectByRef -GroupId {id} -DirectoryObjectId {user id}",
                "Remove-MgGroupOwnerDirectoryObjectByRef -GroupId {id} -DirectoryObjectId {user id}",
            ),
            notes="For an owner: /groups/{id}/owners/{user id}/$ref. For an eligible person: Privileged Identity "
            "Management > Groups > the group > Assignments > Remove.",
        ),
    ),
    frameworks={
        "scuba": ("MS.AAD.7.4v1 (SHALL, in part: counts groups)",),
        "mcsb": ("PA-1 (own)", "PA-3 (own)"),
        "nist_800_53r5": ("AC-6(5) (own)",),
        "iso_27001_2022": ("A.8.2 (own)",),
        "attack": ("T1098.003",),
        "atrm": ("AZT401 (own)",),
        "maester": ("MT.1025",),
    },
    parameters=("approved_guest_admins",),
    empty_is_good=(
        "external_members: then nobody outside is a member. group_eligibilities: then nobody is eligible. "
        "A group's own members and owners must be listed."
    ),
    unverified=(
        "the permission for the isAssignableToRole filter",
        "the permission to write",
        "groups that are managed in Privileged Identity Management and neither role-assignable nor role holders are "
        "seen only as far as their eligibilities were asked for",
    ),
)
def no_external_in_privileged_groups(
    groups: Rows,
    group_owners: Rows,
    guests: Rows,
    privileged_group_members: Rows | Gap,
    group_eligibilities: Rows | Gap,
    guest_group_eligibilities: GuestGroupEligibilities | Gap,
    external_members: Rows | Gap,
    thresholds: Thresholds,
) -> Verdict:
    """No guest sits in a role-assignable or PIM-managed group.

    Holds when nobody from outside is member, owner or eligible in a group that
    may carry a directory role or that Privileged Identity Management (PIM)
    manages, themselves or through a group that is eligible for it. Partial when
    only people in `approved_guest_admins` are eligible there, each with an end
    date. Anybody else from outside fails it, whatever their standing.

    Why: such a group is a role under another name, and memberships are looked
    at far less often than role assignments. Who owns the group can add
    themselves.

    Attack: instead of taking a role, which is on every alert list, a guest is
    added to the group that has it, or made its owner and adds themselves when
    nobody is looking.

    Fix: Entra admin center > Groups > the group > Members and Owners > Remove;
    for eligibility, Privileged Identity Management > Groups > the group >
    Assignments.

    Breaks: whatever the person administered through the group, at once.

    Default: a new tenant has no role-assignable group.

    Source: https://learn.microsoft.com/entra/identity/role-based-access-control/groups-concept
    https://learn.microsoft.com/graph/api/privilegedaccessgroup-list-eligibilityscheduleinstances
    https://learn.microsoft.com/entra/id-governance/privileged-identity-management/concept-pim-for-groups
    """
    approved = ids(thresholds.approved_guest_admins)
    eligible = [] if isinstance(group_eligibilities, Gap) else list(objects(group_eligibilities, "group eligibilities"))
    eligible_for = {text(row, "groupId").casefold() for row in eligible}
    privileged, nested = _privileged_groups(groups, eligible_for, {_principal(row) for row in eligible})
    eligible_for -= privileged.keys()
    unknown = [f"the group {g}, for which somebody is eligible, is not in the list" for g in sorted(eligible_for)]
    inside = outsiders_of(privileged_group_members, privileged.keys() | nested.keys())
    owners = outsiders_of(group_owners, privileged, "owners")
    hits: dict[str, tuple[Mapping[str, Any], list[str]]] = {}

    def note(who: Mapping[str, Any], words: str) -> None:
        hits.setdefault(str(who.get("id", "")).casefold(), (who, []))[1].append(words)

    for group_id, name in sorted(privileged.items()):
        shown = name or group_id
        for found, word in ((inside.get(group_id), "member"), (owners.get(group_id), "owner")):
            if found is None:
                why = because(privileged_group_members) if word == "member" else ""
                unknown.append(f"the {word}s of the group {group_id} were not read{why}")
                continue
            unknown += found.unknown
            for who in found.people:
                note(who, f"{word} of {shown}")
    standing = set(hits)
    weak: set[str] = set()
    through = {g: None if hidden else inside.get(g) for g, hidden in nested.items()}
    for who, row in _eligible_outsiders(eligible, guest_group_eligibilities, external_members, through, unknown):
        person_id = str(who.get("id", "")).casefold()
        ends = moment(row.get("endDateTime"))
        group_id = text(row, "groupId").casefold()
        how = " through another group" if _principal(row) in nested else ""
        note(who, f"eligible as {row.get('accessId') or 'member'} of {privileged.get(group_id) or group_id}{how}")
        if person_id not in approved or ends is None:
            weak.add(person_id)
    people = [person(who, "; ".join(dict.fromkeys(words))) for _, (who, words) in sorted(hits.items())]
    if standing or weak:
        return failed(
            f"{len(people)} external {'person is' if len(people) == 1 else 'people are'} in groups that carry "
            "directory roles or are managed as privileged.",
            observed={
                "privileged_group_members.externals in privileged groups": len(people),
                "groups.privileged groups": len(privileged),
            },
            affected=people,
        )
    unless_known(unknown, privileged_group_members, guest_group_eligibilities, external_members)
    unless_read(licensed=group_eligibilities)
    if people:
        return partial(
            f"{len(people)} approved external {'person is' if len(people) == 1 else 'people are'} eligible for "
            "privileged groups, each with an end date.",
            observed={
                "privileged_group_members.externals in privileged groups": len(people),
                "groups.privileged groups": len(privileged),
            },
            affected=people,
        )
    if not population(guests):
        return not_applicable(NO_GUESTS, observed={"guests": 0})
    if not privileged:
        return not_applicable(
            "No group may carry a directory role or is managed as privileged.", observed={"groups.privileged groups": 0}
        )
    return passed(
        f"Nobody from outside is in {_any_of(len(privileged), 'privileged group')}.",
        observed={"groups.privileged groups": len(privileged)},
    )


def _any_of(count: int, noun: str) -> str:
    return f"the only {noun}" if count == 1 else f"any of the {count:,} {noun}s"


def _privileged_groups(
    groups: Rows, eligible_for: set[str], principals: set[str]
) -> tuple[dict[str, str], dict[str, bool]]:
    """Return the privileged groups' names by id, and which of some principals are groups.

    Of these it says whether their members are hidden: Graph then shows none to
    whoever lacks the permission to see them.

    Source: https://learn.microsoft.com/graph/api/group-list-transitivemembers
    """
    found: dict[str, str] = {}
    nested: dict[str, bool] = {}
    for group in objects(groups, "groups"):
        group_id = text(group, "id").casefold()
        if group_id in principals:
            nested[group_id] = hides_members(group)
        if _privileged(group) or group_id in eligible_for:
            found[group_id] = str(group.get("displayName") or "")
    return found, nested


def _principal(row: Mapping[str, Any]) -> str:
    return str(row.get("principalId", "")).casefold()


def _privileged(group: Mapping[str, Any]) -> bool:
    """Graph returns null, the same as false, for a group made without the property."""
    if "isAssignableToRole" not in group:
        raise UnknownValueError("isAssignableToRole is absent from a group")
    value = group["isAssignableToRole"]
    if value is not None and not isinstance(value, bool):
        raise UnknownValueError("isAssignableToRole of a group is neither true nor false")
    return value is True


def _eligible_outsiders(
    eligible: list[Mapping[str, Any]],
    seen: GuestGroupEligibilities | Gap,
    external_members: Rows | Gap,
    nested: Mapping[str, Outsiders | None],
    unknown: list[str],
) -> list[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    """Return each person from outside that is eligible, with the eligibility; the rest goes to `unknown`.

    `nested` has the people from outside in each group that is itself eligible,
    None where its members were not read.
    """
    if not eligible:
        return []
    if isinstance(seen, Gap):
        unknown.append(f"which guests are eligible for a group is not known: {seen.detail}")
        return []
    known: dict[str, Mapping[str, Any]] = dict(seen.found)
    if not isinstance(external_members, Gap):
        known |= {str(r.get("id", "")).casefold(): r for r in objects(external_members, "external members")}
    found: list[tuple[Mapping[str, Any], Mapping[str, Any]]] = []
    for row in eligible:
        principal = _principal(row)
        if principal in known:
            found.append((known[principal], row))
        elif principal in nested:
            inside = nested[principal]
            if inside is None:
                unknown.append(f"the members of the group {principal}, eligible for another group, were not read")
                continue
            unknown += inside.unknown
            found += [(who, row) for who in inside.people]
        elif isinstance(external_members, Gap):
            unknown.append(
                f"whether {principal}, eligible for a group, is an external member: {external_members.detail}"
            )
    return found


@control(
    "GUEST-PRV-007",
    fail=Severity.HIGH,
    partial=Severity.LOW,
    kind="manual",
    remediation=Remediation(
        powershell=(
            "Get-AzSubscriptionPolicy",
            "Invoke-AzRestMethod -Method PUT "
            "-Path '/providers/Microsoft.Subscription/policies/default?api-version=2021-10-01' "
            """-Payload '{"blockSubscriptionsIntoTenant":true,"blockSubscriptionsLeavingTenant":true}'""",
            "Get-AzRoleAssignment | Where-Object SignInName -like '*#EXT#*'",
        ),
        role="Global Administrator with elevated access to Azure management",
        notes="Outside Microsoft Graph. Send exemptedPrincipals along where the first line shows some. Az.Subscription "
        "has no cmdlet for the change since its version 0.11.",
    ),
    frameworks={
        "cis_azure": ("2.25 (v3.0)", "6.25 (v4.0)", "5.25 (v5.0)", "5.6 (v6.0)"),
        "mcsb": ("PA-1 (own)", "PA-7 (own)"),
        "nist_800_53r5": ("AC-3 (own)", "AC-6 (own)"),
        "iso_27001_2022": ("A.5.15 (own)", "A.8.2 (own)"),
        "attack": ("T1651", "T1580", "T1538"),
        "atrm": ("AZT301.1", "AZT507.3"),
        "other": ("TRR0022",),
    },
    unverified=("the version of the Azure interface",),
)
def azure_is_closed_to_guests() -> Verdict:
    """Azure roles and subscription movement are closed to guests (outside Microsoft Graph).

    Holds when subscriptions can neither enter nor leave the tenant and no guest
    holds Owner, Contributor, User Access Administrator or a role that may run
    commands on machines. Partial when only one direction is closed, or guests
    hold reading roles. Fails when both directions are open or a guest holds one
    of the roles named. Graph shows none of this, so a person has to look and
    attest what they saw.

    Why: guests can hold Azure roles. A guest with billing rights at home can
    also move a subscription into your tenant and own it there, a foothold that
    no Entra setting shows.

    Attack: the guest brings a subscription along, creates what they like in it
    under your tenant, and meets your administrators there. With Run Command on
    a machine of yours they execute code.

    Fix: Azure portal > Subscriptions > Advanced options > Manage policies >
    Permit no one, both ways. Subscriptions > Access control (IAM) > remove
    guests. Entra ID > Properties > Access management for Azure resources: No.
    Azure DevOps > Organization settings > Policies > External guest access.

    Breaks: mergers and partner transfers of subscriptions need an exemption;
    consultants lose Azure access.

    Default: anybody may move subscriptions in and out.

    Source: https://learn.microsoft.com/azure/cost-management-billing/manage/manage-azure-subscription-policy
    https://www.beyondtrust.com/blog/entry/restless-guests
    https://github.com/tired-labs/techniques/blob/main/reports/trr0022/azr/README.md
    """
    return manual(
        "Microsoft Graph does not show this. Look in the Azure portal under Subscriptions > Advanced options > Manage "
        "policies, and under Access control (IAM) of each subscription for guests; then attest it in posture.toml."
    )
