"""The tenant itself: organization, domains, licences and how large it is."""

from posture.collect.registry import gatherer
from posture.collect.source import Source
from posture.snapshot.shapes import Domain, Organization
from posture.snapshot.types import Rows


@gatherer(
    "GET /v1.0/organization",
    permission="Organization.Read.All",
    page="https://learn.microsoft.com/graph/api/organization-list",
)
async def organization(graph: Source) -> Rows:
    """Read the tenant's id, name and verified domains: one row."""
    return await graph.all("/organization", Organization)


@gatherer("GET /v1.0/domains", permission="Domain.Read.All", page="https://learn.microsoft.com/graph/api/domain-list")
async def domains(graph: Source) -> Rows:
    """Read the tenant's own domains."""
    return await graph.all("/domains", Domain)


@gatherer(
    "GET /v1.0/subscribedSkus",
    permission="LicenseAssignment.Read.All",
    page="https://learn.microsoft.com/graph/api/subscribedsku-list",
)
async def subscribed_skus(graph: Source) -> Rows:
    """Read the licences the tenant has, to tell "not licensed" from "not set"."""
    return await graph.all("/subscribedSkus")


@gatherer("GET /v1.0/users/$count", permission="User.Read.All", page="https://learn.microsoft.com/graph/api/user-list")
async def user_count(graph: Source) -> int:
    """Ask how many users there are."""
    return await graph.number("/users")


@gatherer(
    "GET /v1.0/groups/$count",
    permission="GroupMember.Read.All",
    page="https://learn.microsoft.com/graph/api/group-list",
)
async def group_count(graph: Source) -> int:
    """Ask how many groups there are."""
    return await graph.number("/groups")


@gatherer(
    "GET /v1.0/applications/$count",
    permission="Application.Read.All",
    page="https://learn.microsoft.com/graph/api/application-list",
)
async def application_count(graph: Source) -> int:
    """Ask how many applications are registered."""
    return await graph.number("/applications")
