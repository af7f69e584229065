"""Graph's objects as posture reads them, under Graph's own names.

A gatherer sends a shape's keys as `$select`, so shape and query cannot drift.
Every key may be absent or null in an answer: read through `snapshot/values.py`
where a judgement hangs on it. No `from __future__ import annotations` here: it
would hide NotRequired.
"""

from typing import Any, TypedDict


class AuthorizationPolicy(TypedDict, total=False):
    """https://learn.microsoft.com/graph/api/resources/authorizationpolicy."""

    id: str
    allowInvitesFrom: str
    guestUserRoleId: str
    allowedToSignUpEmailBasedSubscriptions: bool
    allowEmailVerifiedUsersToJoinOrganization: bool
    allowedToUseSSPR: bool
    blockMsolPowerShell: bool
    allowUserConsentForRiskyApps: bool
    defaultUserRolePermissions: dict[str, Any]


class CrossTenantDefault(TypedDict, total=False):
    """https://learn.microsoft.com/graph/api/resources/crosstenantaccesspolicyconfigurationdefault."""

    isServiceDefault: bool
    inboundTrust: dict[str, Any]
    b2bCollaborationInbound: dict[str, Any]
    b2bCollaborationOutbound: dict[str, Any]
    b2bDirectConnectInbound: dict[str, Any]
    b2bDirectConnectOutbound: dict[str, Any]
    automaticUserConsentSettings: dict[str, Any]
    invitationRedemptionIdentityProviderConfiguration: dict[str, Any]
    tenantRestrictions: dict[str, Any]


class CrossTenantPartner(TypedDict, total=False):
    """https://learn.microsoft.com/graph/api/resources/crosstenantaccesspolicyconfigurationpartner."""

    tenantId: str
    isServiceProvider: bool
    isInMultiTenantOrganization: bool
    inboundTrust: dict[str, Any]
    b2bCollaborationInbound: dict[str, Any]
    b2bCollaborationOutbound: dict[str, Any]
    b2bDirectConnectInbound: dict[str, Any]
    b2bDirectConnectOutbound: dict[str, Any]
    automaticUserConsentSettings: dict[str, Any]
    identitySynchronization: dict[str, Any]


class B2BManagementPolicy(TypedDict, total=False):
    """https://learn.microsoft.com/graph/api/resources/b2bmanagementpolicy?view=graph-rest-beta."""

    id: str
    displayName: str
    isOrganizationDefault: bool
    definition: list[str]


class GuestUser(TypedDict, total=False):
    """https://learn.microsoft.com/graph/api/resources/user."""

    id: str
    displayName: str
    userPrincipalName: str
    mail: str
    otherMails: list[str]
    userType: str
    accountEnabled: bool
    creationType: str
    externalUserState: str
    externalUserStateChangeDateTime: str
    createdDateTime: str
    companyName: str
    onPremisesSyncEnabled: bool
    identities: list[dict[str, Any]]
    assignedLicenses: list[dict[str, Any]]
    licenseAssignmentStates: list[dict[str, Any]]


class SignInActivityUser(TypedDict, total=False):
    """https://learn.microsoft.com/graph/api/resources/signinactivity."""

    id: str
    signInActivity: dict[str, Any]


class Organization(TypedDict, total=False):
    """https://learn.microsoft.com/graph/api/resources/organization."""

    id: str
    displayName: str
    tenantType: str
    createdDateTime: str
    countryLetterCode: str
    verifiedDomains: list[dict[str, Any]]
    onPremisesSyncEnabled: bool
    assignedPlans: list[dict[str, Any]]


class Domain(TypedDict, total=False):
    """https://learn.microsoft.com/graph/api/resources/domain."""

    id: str
    isDefault: bool
    isInitial: bool
    isVerified: bool
    authenticationType: str
