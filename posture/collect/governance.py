"""Governance: reviews, access packages, connected organizations; and SharePoint's sharing."""

from typing import Any

from posture.collect.registry import gatherer
from posture.collect.source import Source
from posture.snapshot.types import Rows

_LICENCE = "Entra ID P2 or ID Governance"
_BASE = "/identityGovernance/entitlementManagement"
_READERS = ("Global Reader", "Security Reader")


@gatherer(
    "GET /v1.0/identityGovernance/accessReviews/definitions",
    permission="AccessReview.Read.All",
    roles=_READERS,
    licence=_LICENCE,
    page="https://learn.microsoft.com/graph/api/accessreviewset-list-definitions",
)
async def access_reviews(graph: Source) -> Rows:
    """Read the access reviews that are set up."""
    return await graph.all("/identityGovernance/accessReviews/definitions", top=100)


@gatherer(
    f"GET /v1.0{_BASE}/assignmentPolicies?$expand=accessPackage",
    permission="EntitlementManagement.Read.All",
    roles=_READERS,
    licence=_LICENCE,
    page="https://learn.microsoft.com/graph/api/entitlementmanagement-list-assignmentpolicies",
)
async def assignment_policies(graph: Source) -> Rows:
    """Read who may ask for which access package, and on what terms."""
    return await graph.all(f"{_BASE}/assignmentPolicies", expand="accessPackage")


@gatherer(
    f"GET /v1.0{_BASE}/settings",
    permission="EntitlementManagement.Read.All",
    roles=_READERS,
    licence=_LICENCE,
    page="https://learn.microsoft.com/graph/api/entitlementmanagementsettings-get",
)
async def entitlement_settings(graph: Source) -> dict[str, Any]:
    """Read what happens to people from outside who lose their last access package."""
    return await graph.one(f"{_BASE}/settings")


@gatherer(
    f"GET /v1.0{_BASE}/connectedOrganizations",
    permission="EntitlementManagement.Read.All",
    roles=("Identity Governance Administrator", *_READERS),
    licence=_LICENCE,
    page="https://learn.microsoft.com/graph/api/entitlementmanagement-list-connectedorganizations",
)
async def connected_organizations(graph: Source) -> Rows:
    """Read the organizations whose people may ask for access packages."""
    return await graph.all(f"{_BASE}/connectedOrganizations")


@gatherer(
    "GET /v1.0/admin/sharepoint/settings",
    permission="SharePointTenantSettings.Read.All",
    roles=("Global Reader", "SharePoint Administrator"),
    licence="SharePoint Online",
    page="https://learn.microsoft.com/graph/api/sharepointsettings-get",
)
async def sharepoint_settings(graph: Source) -> dict[str, Any]:
    """Read how far SharePoint and OneDrive share with people from outside."""
    return await graph.one("/admin/sharepoint/settings")
