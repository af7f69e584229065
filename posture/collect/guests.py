"""Guests and what each of them has: one list per licence and permission, never a call per guest."""

from posture.collect.lists import PAGE
from posture.collect.registry import gatherer
from posture.collect.rows import only
from posture.collect.source import Source
from posture.errors import BadRequestError
from posture.snapshot.shapes import GuestUser, SignInActivityUser
from posture.snapshot.types import Rows

GUESTS = "userType eq 'Guest'"
_ROLES = ("Global Reader", "Directory Readers")
_ID = ("id",)


@gatherer(
    "GET /v1.0/users?$filter=userType eq 'Guest'",
    permission="User.Read.All",
    roles=_ROLES,
    page="https://learn.microsoft.com/graph/api/user-list",
)
async def guests(graph: Source) -> Rows:
    """Read every guest, pending invitations among them."""
    return await graph.all(
        "/users",
        GuestUser,
        where=GUESTS,
        top=PAGE,
        count=GUESTS,
        partition="createdDateTime",
        keep=only("userType", "Guest"),
    )


@gatherer(
    "GET /v1.0/users?$select=signInActivity",
    permission="User.Read.All + AuditLog.Read.All",
    roles=("Reports Reader", "Security Reader", "Global Reader"),
    licence="Entra ID P1 or P2",
    page="https://learn.microsoft.com/graph/api/resources/signinactivity",
    cost="one request per 500 guests, and Graph allows 10 of these a minute",
)
async def guest_sign_in_activity(graph: Source) -> Rows:
    """Read when guests last signed in, apart from the list so that a refusal costs nothing else."""
    return await graph.all("/users", SignInActivityUser, where=GUESTS, top=500, label="signInActivity", count=GUESTS)


@gatherer(
    "GET /v1.0/users?$expand=sponsors",
    permission="User.Read.All",
    roles=_ROLES,
    page="https://learn.microsoft.com/graph/api/user-list-sponsors",
)
async def guest_sponsors(graph: Source) -> Rows:
    """Read who answers for each guest."""
    return await graph.all(
        "/users",
        _ID,
        where=GUESTS,
        expand="sponsors($select=id,displayName,accountEnabled,userType)",
        top=PAGE,
        label="sponsors",
        count=GUESTS,
        partition="createdDateTime",
        whole="sponsors",
    )


@gatherer(
    "GET /v1.0/users?$expand=transitiveMemberOf",
    permission="User.Read.All + GroupMember.Read.All",
    roles=_ROLES,
    page="https://learn.microsoft.com/graph/api/user-list-transitivememberof",
    cost="one request per 999 guests, and one per 20 guests that are in 20 or more groups",
)
async def guest_memberships(graph: Source) -> Rows:
    """Read the groups and roles each guest is in.

    That `transitiveMemberOf` can be expanded in a list is not documented;
    where Graph refuses, `memberOf` is read, which leaves out nested groups and
    is marked so.
    """
    try:
        return await _memberships(graph, "transitiveMemberOf")
    except BadRequestError as refused:
        graph.notes.append(f"transitiveMemberOf could not be expanded ({refused}); direct memberships were read")
        return await _memberships(graph, "memberOf")


async def _memberships(graph: Source, prop: str) -> Rows:
    return await graph.all(
        "/users",
        _ID,
        where=GUESTS,
        expand=f"{prop}($select=id,displayName)",
        top=PAGE,
        label=prop,
        count=GUESTS,
        partition="createdDateTime",
        whole=prop,
    )


@gatherer(
    "GET /v1.0/users?$expand=ownedObjects",
    permission="User.Read.All",
    roles=_ROLES,
    page="https://learn.microsoft.com/graph/api/user-list-ownedobjects",
    cost="one request per 999 guests, and one per 20 guests that own 20 or more objects",
)
async def guest_owned_objects(graph: Source) -> Rows:
    """Read the groups and applications each guest owns."""
    return await graph.all(
        "/users",
        _ID,
        where=GUESTS,
        expand="ownedObjects($select=id,displayName)",
        top=PAGE,
        label="ownedObjects",
        count=GUESTS,
        partition="createdDateTime",
        whole="ownedObjects",
    )


@gatherer(
    "GET /v1.0/users?$expand=appRoleAssignments",
    permission="User.Read.All + Directory.Read.All",
    roles=_ROLES,
    page="https://learn.microsoft.com/graph/api/user-list-approleassignments",
    cost="one request per 999 guests, and one per 20 guests that hold 20 or more",
)
async def guest_app_roles(graph: Source) -> Rows:
    """Read the applications each guest is assigned to."""
    return await graph.all(
        "/users",
        _ID,
        where=GUESTS,
        expand="appRoleAssignments",
        top=PAGE,
        label="appRoleAssignments",
        count=GUESTS,
        partition="createdDateTime",
        whole="appRoleAssignments",
    )


@gatherer(
    "GET /v1.0/users?$filter=endsWith(userPrincipalName,…) and userType eq 'Member'",
    permission="User.Read.All",
    roles=_ROLES,
    page="https://learn.microsoft.com/graph/aad-advanced-queries",
    after=("organization",),
)
async def external_members(graph: Source, organization: Rows) -> Rows:
    """Read the people from outside who are members, found by `#EXT#` in their name here."""
    initial = _initial_domain(organization)
    where = f"endsWith(userPrincipalName,'#EXT#@{initial}') and userType eq 'Member'"
    return await graph.all(
        "/users",
        GuestUser,
        where=where,
        top=PAGE,
        label="externalMembers",
        eventual=True,
        count=where,
        keep=only("userType", "Member"),
        more={"$count": "true"},
    )


def _initial_domain(organization: Rows) -> str:
    for row in organization:
        for domain in row.get("verifiedDomains") or ():
            if isinstance(domain, dict) and domain.get("isInitial") is True and isinstance(domain.get("name"), str):
                return str(domain["name"]).replace("'", "''")
    raise BadRequestError("the organization names no initial domain, by which external members are found")


@gatherer(
    "GET /v1.0/directory/deletedItems/microsoft.graph.user",
    permission="User.Read.All",
    roles=_ROLES,
    page="https://learn.microsoft.com/graph/api/directory-deleteditems-list",
)
async def deleted_users(graph: Source) -> Rows:
    """Read users deleted within the last 30 days; they can be restored with what they had."""
    return await graph.all(
        "/directory/deletedItems/microsoft.graph.user",
        ("id", "displayName", "userPrincipalName", "mail", "userType", "deletedDateTime"),
        top=PAGE,
    )
