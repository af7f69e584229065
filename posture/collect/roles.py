"""Directory roles: who holds them, now or eligibly."""

from posture.collect.registry import gatherer
from posture.collect.source import Source
from posture.snapshot.types import Rows

_BASE = "/roleManagement/directory"
_ROLES = ("Global Reader", "Directory Readers", "Privileged Role Administrator")
_PIM_ROLES = ("Global Reader", "Security Reader")
_PIM = "Entra ID P2 or ID Governance"


@gatherer(
    f"GET /v1.0{_BASE}/roleDefinitions",
    permission="RoleManagement.Read.Directory",
    roles=_ROLES,
    page="https://learn.microsoft.com/graph/api/rbacapplication-list-roledefinitions",
)
async def role_definitions(graph: Source) -> Rows:
    """Read the names and templates of the roles."""
    return await graph.all(f"{_BASE}/roleDefinitions", ("id", "displayName", "templateId", "isBuiltIn"))


@gatherer(
    f"GET /v1.0{_BASE}/roleAssignments?$expand=principal",
    permission="RoleManagement.Read.Directory",
    roles=_ROLES,
    page="https://learn.microsoft.com/graph/api/rbacapplication-list-roleassignments",
)
async def role_assignments(graph: Source) -> Rows:
    """Read active assignments with the people, groups and applications that hold them."""
    return await graph.all(f"{_BASE}/roleAssignments", expand="principal")


@gatherer(
    f"GET /v1.0{_BASE}/roleEligibilityScheduleInstances?$expand=principal",
    permission="RoleEligibilitySchedule.Read.Directory",
    roles=_PIM_ROLES,
    licence=_PIM,
    page="https://learn.microsoft.com/graph/api/rbacapplication-list-roleeligibilityscheduleinstances",
)
async def role_eligibilities(graph: Source) -> Rows:
    """Read who may activate a role."""
    return await graph.all(f"{_BASE}/roleEligibilityScheduleInstances", expand="principal")


@gatherer(
    f"GET /v1.0{_BASE}/roleAssignmentScheduleInstances",
    permission="RoleAssignmentSchedule.Read.Directory",
    roles=_PIM_ROLES,
    licence=_PIM,
    page="https://learn.microsoft.com/graph/api/rbacapplication-list-roleassignmentscheduleinstances",
)
async def role_assignment_schedules(graph: Source) -> Rows:
    """Read when active assignments end."""
    return await graph.all(f"{_BASE}/roleAssignmentScheduleInstances")
