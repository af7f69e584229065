"""Applications: who owns them, and the clients a guest would come with."""

from collections.abc import Mapping
from typing import Any

from posture.collect.lists import PAGE
from posture.collect.questions import related
from posture.collect.registry import gatherer
from posture.collect.source import Source
from posture.snapshot.derive import CLIENT_APPS
from posture.snapshot.types import Rows

_ROLES = ("Global Reader", "Directory Readers")
_OWNERS = "owners($select=id,displayName,userPrincipalName,userType)"


@gatherer(
    "GET /v1.0/applications?$expand=owners",
    permission="Application.Read.All",
    roles=_ROLES,
    page="https://learn.microsoft.com/graph/api/application-list",
)
async def applications(graph: Source) -> Rows:
    """Read the app registrations with their owners."""
    shape = ("id", "appId", "displayName", "requiredResourceAccess", "passwordCredentials", "keyCredentials")
    return await graph.all("/applications", shape, expand=_OWNERS, top=PAGE, count="")


@gatherer(
    "GET /v1.0/servicePrincipals?$expand=owners",
    permission="Application.Read.All",
    roles=_ROLES,
    page="https://learn.microsoft.com/graph/api/serviceprincipal-list",
)
async def service_principals(graph: Source) -> Rows:
    """Read the enterprise applications with their owners."""
    shape = (
        "id",
        "appId",
        "displayName",
        "accountEnabled",
        "appRoleAssignmentRequired",
        "servicePrincipalType",
        "passwordCredentials",
        "keyCredentials",
    )
    return await graph.all("/servicePrincipals", shape, expand=_OWNERS, top=PAGE, count="")


@gatherer(
    "GET /v1.0/servicePrincipals/{id}/appRoleAssignedTo",
    permission="Application.Read.All",
    roles=_ROLES,
    page="https://learn.microsoft.com/graph/api/serviceprincipal-list-approleassignedto",
    after=("service_principals",),
)
async def client_app_assignments(graph: Source, service_principals: Rows) -> Rows:
    """Read who is assigned to the command-line and explorer clients."""
    ids = sorted(s["id"] for s in service_principals if isinstance(s.get("id"), str) and _app_id(s) in CLIENT_APPS)
    rows = related(graph, ids, f"/servicePrincipals/{{}}/appRoleAssignedTo?$top={PAGE}", "appRoleAssignedTo")
    return await graph.collected(rows, "/servicePrincipals", label="appRoleAssignedTo")


@gatherer(
    "GET /v1.0/servicePrincipals/{id}/appRoleAssignments",
    permission="Application.Read.All",
    roles=_ROLES,
    page="https://learn.microsoft.com/graph/api/serviceprincipal-list-approleassignments",
    after=("applications", "service_principals"),
    asks_per="service_principals",
    cost="one request per 20 applications owned by somebody from outside",
)
async def owned_app_permissions(graph: Source, applications: Rows, service_principals: Rows) -> Rows:
    """Read the application permissions of what people from outside own."""
    from posture.snapshot.guests import is_external

    def outside(row: dict[str, object]) -> bool:
        owners = row.get("owners")
        return isinstance(owners, list) and any(isinstance(o, dict) and is_external(o) is not False for o in owners)

    owned_apps = {_app_id(a) for a in applications if outside(a)} - {""}
    ids = sorted(
        s["id"] for s in service_principals if isinstance(s.get("id"), str) and (outside(s) or _app_id(s) in owned_apps)
    )
    rows = related(graph, ids, f"/servicePrincipals/{{}}/appRoleAssignments?$top={PAGE}", "appRoleAssignments")
    return await graph.collected(rows, "/servicePrincipals", label="appRoleAssignments")


def _app_id(row: Mapping[str, Any]) -> str:
    """Return the application's id of a row, "" where it is no text."""
    found = row.get("appId")
    return found if isinstance(found, str) else ""
