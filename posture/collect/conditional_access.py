"""Conditional Access and what it leans on."""

from posture.collect.registry import gatherer
from posture.collect.rows import unless
from posture.collect.source import Source
from posture.snapshot.types import Rows

_ROLES = ("Global Reader", "Security Reader")
_P1 = "Entra ID P1"


@gatherer(
    "GET /v1.0/identity/conditionalAccess/policies",
    permission="Policy.Read.All",
    roles=_ROLES,
    licence=_P1,
    page="https://learn.microsoft.com/graph/api/conditionalaccessroot-list-policies",
)
async def conditional_access_policies(graph: Source) -> Rows:
    """Read the Conditional Access policies, disabled and report-only ones too."""
    return await graph.all("/identity/conditionalAccess/policies")


@gatherer(
    "GET /v1.0/identity/conditionalAccess/namedLocations",
    permission="Policy.Read.All",
    roles=_ROLES,
    licence=_P1,
    page="https://learn.microsoft.com/graph/api/conditionalaccessroot-list-namedlocations",
)
async def named_locations(graph: Source) -> Rows:
    """Read the places that policies name."""
    return await graph.all("/identity/conditionalAccess/namedLocations")


@gatherer(
    "GET /v1.0/policies/authenticationStrengthPolicies",
    permission="Policy.Read.All",
    roles=_ROLES,
    page="https://learn.microsoft.com/graph/api/authenticationstrengthroot-list-policies",
)
async def authentication_strengths(graph: Source) -> Rows:
    """Read what each authentication strength allows."""
    return await graph.all("/policies/authenticationStrengthPolicies")


@gatherer(
    "GET /v1.0/reports/authenticationMethods/userRegistrationDetails",
    permission="AuditLog.Read.All",
    roles=("Reports Reader", "Security Reader", "Global Reader"),
    licence="Entra ID P1 or P2",
    page="https://learn.microsoft.com/graph/api/authenticationmethodsroot-list-userregistrationdetails",
)
async def guest_registration_details(graph: Source) -> Rows:
    """Read which guests have registered a second factor here.

    Whether the service filters by userType is not documented, so members are
    left out here too; a type this version does not know stays.
    """
    return await graph.all(
        "/reports/authenticationMethods/userRegistrationDetails",
        where="userType eq 'guest'",
        keep=unless("userType", "member"),
    )
