"""Groups and teams: rules, owners, settings, and the members of those that matter most."""

from collections.abc import AsyncIterator, Iterable, Mapping
from typing import Any

from posture.collect.lists import PAGE
from posture.collect.questions import gathered, related
from posture.collect.registry import gatherer
from posture.collect.rows import row_id
from posture.collect.source import Source
from posture.graph.links import segment
from posture.snapshot.types import Gap, GapReason, Rows

_ROLES = ("Global Reader", "Directory Readers")
_GROUP = (
    "id",
    "displayName",
    "visibility",
    "groupTypes",
    "securityEnabled",
    "mailEnabled",
    "isAssignableToRole",
    "membershipRule",
    "membershipRuleProcessingState",
    "assignedLicenses",
    "resourceProvisioningOptions",
)
_PERSON = "id,displayName,userPrincipalName,userType"


@gatherer(
    "GET /v1.0/groups",
    permission="GroupMember.Read.All",
    roles=_ROLES,
    page="https://learn.microsoft.com/graph/api/group-list",
)
async def groups(graph: Source) -> Rows:
    """Read all groups with their rules."""
    return await graph.all("/groups", _GROUP, top=PAGE, count="")


@gatherer(
    "GET /v1.0/groups?$expand=owners",
    permission="GroupMember.Read.All + User.Read.All",
    roles=_ROLES,
    page="https://learn.microsoft.com/graph/api/group-list-owners",
)
async def group_owners(graph: Source) -> Rows:
    """Read who owns each group."""
    return await graph.all(
        "/groups", ("id",), expand=f"owners($select={_PERSON})", top=PAGE, label="owners", count="", whole="owners"
    )


@gatherer(
    "GET /v1.0/groups/{id}/transitiveMembers",
    permission="GroupMember.Read.All + User.Read.All",
    roles=_ROLES,
    page="https://learn.microsoft.com/graph/api/group-list-transitivemembers",
    after=("groups", "role_assignments", "conditional_access_policies", "group_eligibilities"),
    may_lack=("role_assignments", "conditional_access_policies", "group_eligibilities"),
    asks_per="groups",
    cost="one request per 20 groups that hold roles, may hold roles or join a group that does, or are excluded from "
    "Conditional Access",
)
async def privileged_group_members(
    graph: Source,
    groups: Rows,
    role_assignments: Rows | Gap,
    conditional_access_policies: Rows | Gap,
    group_eligibilities: Rows | Gap,
) -> Rows:
    """Read the members, nested ones too, of the groups whose members gain a role or escape a policy.

    Which groups those are is told by four sources. Where one of the later three
    is missing, the groups it alone would name are not read; a group that has no
    row here is unknown to whoever asks, never empty. An excluded group that the
    list of groups does not know is asked about too: it was made since, or 404
    says that it is gone.
    """
    known = {g["id"] for g in groups if isinstance(g.get("id"), str)}
    wanted = {g["id"] for g in groups if g.get("isAssignableToRole") is True and isinstance(g.get("id"), str)}
    if isinstance(role_assignments, Gap):
        _leaves_out(graph, "hold a role without being marked for it", role_assignments)
    else:
        wanted |= {p for a in role_assignments if isinstance(p := a.get("principalId"), str) and p in known}
    unlisted: set[str] = set()
    if isinstance(conditional_access_policies, Gap):
        _leaves_out(graph, "are excluded from Conditional Access", conditional_access_policies)
    else:
        excluded = _excluded_groups(conditional_access_policies)
        wanted |= excluded & known
        unlisted = excluded - known
    # Any group may be an eligible member of a role-assignable one; its members then activate for themselves.
    # Source: https://learn.microsoft.com/entra/id-governance/privileged-identity-management/concept-pim-for-groups
    if not isinstance(group_eligibilities, Gap):
        wanted |= {p for e in group_eligibilities if isinstance(p := e.get("principalId"), str) and p in known}
    elif group_eligibilities.reason is not GapReason.LICENCE:
        _leaves_out(graph, "are eligible for another group", group_eligibilities)
    template = f"/groups/{{}}/transitiveMembers?$select={_PERSON}&$top={PAGE}"

    async def rows() -> AsyncIterator[tuple[str, bytes]]:
        async for row in related(graph, sorted(wanted), template, "members"):
            yield row
        if unlisted:
            async for row in related(graph, sorted(unlisted), template, "members", may_be_none=True):
                yield row

    return await graph.collected(rows(), "/groups", label="members")


def _leaves_out(graph: Source, which: str, gap: Gap) -> None:
    graph.notes.append(f"groups that {which} are left out: {gap.name} was not read ({gap.reason.value})")


def _excluded_groups(policies: Iterable[dict[str, Any]]) -> set[str]:
    found: set[str] = set()
    for policy in policies:
        conditions = policy.get("conditions")
        users = conditions.get("users") if isinstance(conditions, dict) else None
        excluded = users.get("excludeGroups") if isinstance(users, dict) else None
        found.update(g for g in (excluded if isinstance(excluded, list) else ()) if isinstance(g, str))
    return found


@gatherer(
    "GET /v1.0/identityGovernance/privilegedAccess/group/eligibilityScheduleInstances",
    permission="PrivilegedEligibilitySchedule.Read.AzureADGroup",
    roles=("Global Reader",),
    licence="Entra ID P2 or ID Governance",
    page="https://learn.microsoft.com/graph/api/privilegedaccessgroup-list-eligibilityscheduleinstances",
    after=("groups",),
    asks_per="groups",
    cost="one request per 20 role-assignable groups",
)
async def group_eligibilities(graph: Source, groups: Rows) -> Rows:
    """Read who may activate membership of the role-assignable groups."""
    ids = sorted(g["id"] for g in groups if g.get("isAssignableToRole") is True and isinstance(g.get("id"), str))
    base = "/identityGovernance/privilegedAccess/group/eligibilityScheduleInstances"
    paths = [f"{base}?$filter=groupId eq '{segment(i)}'" for i in ids]

    async def rows() -> AsyncIterator[tuple[str, bytes]]:
        async for _, answer in gathered(graph, paths):
            async for line in graph.graph.rest_of(answer):
                yield row_id(line), line

    return await graph.collected(rows(), base)


@gatherer(
    "GET /v1.0/groupSettings",
    permission="GroupSettings.Read.All",
    roles=_ROLES,
    page="https://learn.microsoft.com/graph/api/group-list-settings",
)
async def group_settings(graph: Source) -> Rows:
    """Read the tenant's group settings; none means that the template's defaults apply."""
    return await graph.all("/groupSettings")


@gatherer(
    "GET /v1.0/groups/{id}/settings",
    permission="GroupSettings.Read.All",
    roles=_ROLES,
    page="https://learn.microsoft.com/graph/api/group-list-settings",
    after=("groups",),
    asks_per="groups",
    cost="one request per 20 Microsoft 365 groups",
)
async def group_setting_overrides(graph: Source, groups: Rows) -> Rows:
    """Read the settings of single Microsoft 365 groups."""
    ids = sorted(g["id"] for g in groups if _holds(g, "groupTypes", "Unified"))
    return await graph.collected(related(graph, ids, "/groups/{}/settings", "settings"), "/groups", label="settings")


@gatherer(
    "GET /v1.0/teams/{id}?$select=guestSettings",
    permission="TeamSettings.Read.All",
    page="https://learn.microsoft.com/graph/api/team-get",
    licence="Microsoft Teams",
    after=("groups",),
    asks_per="groups",
    cost="one request per 20 teams",
)
async def teams_guest_settings(graph: Source, groups: Rows) -> Rows:
    """Read what guests may do in each team."""
    ids = sorted(g["id"] for g in groups if _holds(g, "resourceProvisioningOptions", "Team"))
    paths = {f"/teams/{segment(i)}?$select=id,displayName,guestSettings": i for i in ids}

    async def rows() -> AsyncIterator[tuple[str, bytes]]:
        async for path, answer in gathered(graph, list(paths)):
            yield paths[path], answer.body

    return await graph.collected(rows(), "/teams")


def _holds(group: Mapping[str, Any], key: str, word: str) -> bool:
    """Whether a group with an id holds a word in one of its lists; what is no list holds none."""
    found = group.get(key)
    return isinstance(group.get("id"), str) and isinstance(found, list) and word in found
