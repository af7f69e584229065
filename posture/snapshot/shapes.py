"""Graph's objects as posture reads them, under Graph's own names.

A gatherer sends a shape's keys as `$select`, so shape and query cannot drift.
Every key may be absent or null in an answer: read through `snapshot/values.py`
where a judgement hangs on it. No `from __future__ import annotations` here: it
would hide NotRequired.
"""

from typing import Any, TypedDict


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
