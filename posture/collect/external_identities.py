"""External identities: who may sign up, how a guest proves who they are."""

from typing import Any

from posture.collect.registry import gatherer
from posture.collect.source import Source
from posture.snapshot.types import Rows


@gatherer(
    "GET /beta/policies/externalIdentitiesPolicy",
    permission="Policy.Read.All",
    page="https://learn.microsoft.com/graph/api/externalidentitiespolicy-get?view=graph-rest-beta",
)
async def external_identities_policy(graph: Source) -> dict[str, Any]:
    """Read whether guests may leave by themselves."""
    return await graph.one("/policies/externalIdentitiesPolicy", version="beta")


@gatherer(
    "GET /v1.0/policies/authenticationFlowsPolicy",
    permission="Policy.Read.All",
    roles=("Global Reader", "Security Reader"),
    page="https://learn.microsoft.com/graph/api/authenticationflowspolicy-get",
    clouds=("global", "china"),
)
async def authentication_flows_policy(graph: Source) -> dict[str, Any]:
    """Read whether guests may sign themselves up."""
    return await graph.one("/policies/authenticationFlowsPolicy")


@gatherer(
    "GET /v1.0/identity/b2xUserFlows",
    permission="IdentityUserFlow.Read.All",
    roles=("External ID User Flow Administrator",),
    page="https://learn.microsoft.com/graph/api/identitycontainer-list-b2xuserflows",
    clouds=("global", "china"),
)
async def b2x_user_flows(graph: Source) -> Rows:
    """Read the sign-up flows offered to guests."""
    return await graph.all("/identity/b2xUserFlows")


@gatherer(
    "GET /v1.0/identity/identityProviders",
    permission="IdentityProvider.Read.All",
    roles=("External Identity Provider Administrator",),
    page="https://learn.microsoft.com/graph/api/identitycontainer-list-identityproviders",
    clouds=("global", "china"),
)
async def identity_providers(graph: Source) -> Rows:
    """Read which identity providers guests may come with."""
    return await graph.all("/identity/identityProviders")


@gatherer(
    "GET /v1.0/policies/authenticationMethodsPolicy",
    permission="Policy.Read.AuthenticationMethod",
    roles=("Global Reader",),
    page="https://learn.microsoft.com/graph/api/authenticationmethodspolicy-get",
    clouds=("global", "usgov", "dod"),
)
async def authentication_methods_policy(graph: Source) -> dict[str, Any]:
    """Read the methods allowed, the e-mail one-time passcode of guests among them."""
    return await graph.one("/policies/authenticationMethodsPolicy")


@gatherer(
    "GET /v1.0/policies/identitySecurityDefaultsEnforcementPolicy",
    permission="Policy.Read.All",
    roles=("Global Reader", "Security Reader"),
    page="https://learn.microsoft.com/graph/api/identitysecuritydefaultsenforcementpolicy-get",
)
async def security_defaults(graph: Source) -> dict[str, Any]:
    """Read whether security defaults are on."""
    return await graph.one("/policies/identitySecurityDefaultsEnforcementPolicy")
