"""Graph's error answers, word for word where Microsoft or a public thread shows them.

Sources: https://learn.microsoft.com/graph/errors
https://learn.microsoft.com/graph/aad-advanced-queries
https://learn.microsoft.com/graph/throttling
"""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass
class Refusal(Exception):  # noqa: N818 - it is an answer of Graph, not a fault of ours
    """An answer other than the data asked for. `code` "" with status 405 and the like is allowed."""

    status: int
    code: str
    message: str
    headers: Mapping[str, str] = field(default_factory=dict)


def unauthorized(message: str = "Access token is empty.", claims: str = "") -> Refusal:
    """401: no usable token; with `claims`, a Conditional Access challenge.

    Source: https://learn.microsoft.com/entra/identity-platform/claims-challenge
    """
    challenge = 'Bearer realm="", authorization_uri="https://login.microsoftonline.com/common/oauth2/authorize"'
    if claims:
        challenge += f', error="insufficient_claims", claims="{claims}"'
    return Refusal(401, "InvalidAuthenticationToken", message, {"WWW-Authenticate": challenge})


def directory_denied() -> Refusal:
    """403 of users, groups, roles, applications."""
    return Refusal(403, "Authorization_RequestDenied", "Insufficient privileges to complete the operation.")


def scopes_missing() -> Refusal:
    """403 of Conditional Access and some policy endpoints."""
    return Refusal(
        403, "AccessDenied", "You cannot perform the requested operation, required scopes are missing in the token."
    )


def audit_denied(permission: str = "AuditLog.Read.All") -> Refusal:
    """403 of the audit family."""
    return Refusal(
        403,
        "Authentication_MSGraphPermissionMissing",
        f"Calling principal does not have required MSGraph permissions {permission}",
    )


def pim_denied(permission: str) -> Refusal:
    """403 of Privileged Identity Management: the message is JSON itself."""
    return Refusal(
        403,
        "UnknownError",
        '{"errorCode":"PermissionScopeNotGranted","message":"Authorization failed due to missing permission scope '
        + permission
        + '.","instanceAnnotations":[]}',
    )


def not_premium() -> Refusal:
    """403 for want of P1 or P2."""
    return Refusal(
        403,
        "Authentication_RequestFromNonPremiumTenantOrB2CTenant",
        "Neither tenant is B2C or tenant doesn't have premium license",
    )


def pim_not_licensed() -> Refusal:
    """400 (not 403) for want of P2 or ID Governance."""
    return Refusal(
        400,
        "AadPremiumLicenseRequired",
        "The tenant needs to have Microsoft Entra ID P2 or Microsoft Entra ID Governance license.",
    )


def governance_not_licensed() -> Refusal:
    """403 of entitlement management; that access reviews answer alike is unverified."""
    return Refusal(
        403,
        "NoLicense",
        "User is not authorized to perform the operation. Reason: Tenant does not meet license requirement!",
    )


def claims_challenge() -> Refusal:
    """403 where Conditional Access asks the caller for more."""
    challenge = 'Bearer error="insufficient_claims", claims="eyJhY2Nlc3NfdG9rZW4iOnt9fQ=="'
    return Refusal(
        403, "AccessDenied", "insufficient_claims: Conditional Access asks for more.", {"WWW-Authenticate": challenge}
    )


def not_found(name: str) -> Refusal:
    """404: no such object."""
    return Refusal(
        404,
        "Request_ResourceNotFound",
        f"Resource '{name}' does not exist or one of its queried reference-property objects are not present.",
    )


def no_segment(segment: str, status: int = 400) -> Refusal:
    """The endpoint does not exist here; 400 and 404 were both seen."""
    return Refusal(status, "BadRequest", f"Resource not found for the segment '{segment}'.")


def bad_request(message: str) -> Refusal:
    """400 for a query that is wrong in itself."""
    return Refusal(400, "Request_BadRequest", message)


def unsupported(message: str) -> Refusal:
    """400 for a query that this endpoint does not take."""
    return Refusal(400, "Request_UnsupportedQuery", message)


def needs_advanced(operator: str) -> Refusal:
    """400 for an operator that wants ConsistencyLevel and $count=true."""
    return unsupported(
        f"Operator '{operator}' is not supported because the required parameters might be missing. "
        "Try adding $count=true query parameter and ConsistencyLevel:eventual header. "
        "Refer to https://aka.ms/graph-docs/advanced-queries for more information"
    )


def bad_clause(name: str, resource: str) -> Refusal:
    """400 for a property that cannot be filtered by."""
    return unsupported(
        f"Unsupported or invalid query filter clause specified for property '{name}' of resource '{resource}'."
    )


def expired_page() -> Refusal:
    """400 for a $skiptoken whose time is over."""
    return Refusal(
        400,
        "Directory_ExpiredPageToken",
        "The specified page token value has expired and can no longer be included in your request.",
    )


def throttled(retry_after: str | None) -> Refusal:
    """429, with or without Retry-After."""
    return Refusal(
        429,
        "TooManyRequests",
        "Please retry again later.",
        {"Retry-After": retry_after} if retry_after is not None else {},
    )


def not_allowed(method: str) -> Refusal:
    """405: this Graph is read-only."""
    return Refusal(405, "Request_BadRequest", f"Specified HTTP method {method} is not allowed for the request target.")
