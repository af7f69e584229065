"""Authorization and consent: what users and guests may do by default."""

from typing import Any

from posture.collect.registry import gatherer
from posture.collect.source import Source
from posture.snapshot.types import Rows

_READERS = ("Global Reader", "Security Reader")


@gatherer(
    "GET /v1.0/policies/authorizationPolicy",
    permission="Policy.Read.All",
    roles=_READERS,
    page="https://learn.microsoft.com/graph/api/authorizationpolicy-get",
)
async def authorization_policy(graph: Source) -> dict[str, Any]:
    """Read the tenant-wide defaults for users and guests."""
    return await graph.one("/policies/authorizationPolicy")


@gatherer(
    "GET /v1.0/policies/adminConsentRequestPolicy",
    permission="Policy.Read.All",
    roles=_READERS,
    page="https://learn.microsoft.com/graph/api/adminconsentrequestpolicy-get",
)
async def admin_consent_request_policy(graph: Source) -> dict[str, Any]:
    """Read whether people can ask an administrator for consent."""
    return await graph.one("/policies/adminConsentRequestPolicy")


@gatherer(
    "GET /v1.0/policies/permissionGrantPolicies",
    permission="Policy.Read.PermissionGrant",
    roles=_READERS,
    page="https://learn.microsoft.com/graph/api/policyroot-list-permissiongrantpolicies",
)
async def permission_grant_policies(graph: Source) -> Rows:
    """Read the consent policies that the authorization policy names."""
    return await graph.all("/policies/permissionGrantPolicies")


@gatherer(
    "GET /v1.0/oauth2PermissionGrants",
    permission="Directory.Read.All",
    roles=_READERS,
    page="https://learn.microsoft.com/graph/api/oauth2permissiongrant-list",
    optional=True,
    cost="one page per 999 grants; the only source that needs Directory.Read.All",
)
async def oauth2_permission_grants(graph: Source) -> Rows:
    """Read delegated permission grants."""
    return await graph.all("/oauth2PermissionGrants", top=999)
