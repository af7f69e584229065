"""The cmdlet of Microsoft Graph PowerShell that sends a request of the plan, with its ids and its body.

Where a name could be looked up it was, in its own page.
Source: https://learn.microsoft.com/powershell/module/?view=graph-powershell-1.0
"""

import re
from collections.abc import Iterable, Iterator
from itertools import islice

from posture.plan.powershell import quoted
from posture.plan.quote import body_text
from posture.plan.types import Request, Step

_POLICY = "/v1.0/policies"
_CROSS = f"{_POLICY}/crossTenantAccessPolicy"
_GOVERNANCE = "/v1.0/identityGovernance"
_CONDITIONAL = "/v1.0/identity/conditionalAccess/policies"
_PARTNER = "-CrossTenantAccessPolicyConfigurationPartnerTenantId"

_CMDLETS: dict[tuple[str, str], str] = {
    ("PATCH", f"{_POLICY}/authorizationPolicy"): "Update-MgPolicyAuthorizationPolicy",
    ("PATCH", f"{_POLICY}/authenticationFlowsPolicy"): "Update-MgPolicyAuthenticationFlowPolicy",
    ("PUT", f"{_POLICY}/adminConsentRequestPolicy"): "Update-MgPolicyAdminConsentRequestPolicy",
    (
        "PATCH",
        f"{_POLICY}/identitySecurityDefaultsEnforcementPolicy",
    ): "Update-MgPolicyIdentitySecurityDefaultEnforcementPolicy",
    (
        "PATCH",
        f"{_POLICY}/authenticationMethodsPolicy/authenticationMethodConfigurations/{{}}",
    ): "Update-MgPolicyAuthenticationMethodPolicyAuthenticationMethodConfiguration "
    "-AuthenticationMethodConfigurationId {}",
    ("PATCH", f"{_CROSS}/default"): "Update-MgPolicyCrossTenantAccessPolicyDefault",
    ("POST", f"{_CROSS}/partners"): "New-MgPolicyCrossTenantAccessPolicyPartner",
    ("PATCH", f"{_CROSS}/partners/{{}}"): f"Update-MgPolicyCrossTenantAccessPolicyPartner {_PARTNER} {{}}",
    ("DELETE", f"{_CROSS}/partners/{{}}"): f"Remove-MgPolicyCrossTenantAccessPolicyPartner {_PARTNER} {{}}",
    (
        "PATCH",
        f"{_CROSS}/partners/{{}}/identitySynchronization",
    ): f"Update-MgPolicyCrossTenantAccessPolicyPartnerIdentitySynchronization {_PARTNER} {{}}",
    (
        "DELETE",
        f"{_CROSS}/partners/{{}}/identitySynchronization",
    ): f"Remove-MgPolicyCrossTenantAccessPolicyPartnerIdentitySynchronization {_PARTNER} {{}}",
    ("POST", "/beta/policies/b2bManagementPolicies"): "New-MgBetaPolicyB2BManagementPolicy",
    (
        "PATCH",
        "/beta/policies/b2bManagementPolicies/{}",
    ): "Update-MgBetaPolicyB2BManagementPolicy -B2BManagementPolicyId {}",
    ("POST", _CONDITIONAL): "New-MgIdentityConditionalAccessPolicy",
    ("PATCH", f"{_CONDITIONAL}/{{}}"): "Update-MgIdentityConditionalAccessPolicy -ConditionalAccessPolicyId {}",
    ("POST", "/v1.0/roleManagement/directory/roleAssignments"): "New-MgRoleManagementDirectoryRoleAssignment",
    (
        "DELETE",
        "/v1.0/roleManagement/directory/roleAssignments/{}",
    ): "Remove-MgRoleManagementDirectoryRoleAssignment -UnifiedRoleAssignmentId {}",
    (
        "POST",
        "/v1.0/roleManagement/directory/roleEligibilityScheduleRequests",
    ): "New-MgRoleManagementDirectoryRoleEligibilityScheduleRequest",
    (
        "POST",
        f"{_GOVERNANCE}/privilegedAccess/group/eligibilityScheduleRequests",
    ): "New-MgIdentityGovernancePrivilegedAccessGroupEligibilityScheduleRequest",
    ("POST", f"{_GOVERNANCE}/accessReviews/definitions"): "New-MgIdentityGovernanceAccessReviewDefinition",
    ("PATCH", f"{_GOVERNANCE}/entitlementManagement/settings"): "Update-MgEntitlementManagementSetting",
    (
        "PUT",
        f"{_GOVERNANCE}/entitlementManagement/assignmentPolicies/{{}}",
    ): "Set-MgEntitlementManagementAssignmentPolicy -AccessPackageAssignmentPolicyId {}",
    ("PATCH", "/v1.0/users/{}"): "Update-MgUser -UserId {}",
    ("DELETE", "/v1.0/users/{}"): "Remove-MgUser -UserId {}",
    ("POST", "/v1.0/users/{}/revokeSignInSessions"): "Revoke-MgUserSignInSession -UserId {}",
    ("POST", "/v1.0/users/{}/assignLicense"): "Set-MgUserLicense -UserId {}",
    ("POST", "/v1.0/users/{}/sponsors/$ref"): "New-MgUserSponsorByRef -UserId {}",
    ("POST", "/v1.0/users/{}/appRoleAssignments"): "New-MgUserAppRoleAssignment -UserId {}",
    (
        "DELETE",
        "/v1.0/users/{}/appRoleAssignments/{}",
    ): "Remove-MgUserAppRoleAssignment -UserId {} -AppRoleAssignmentId {}",
    ("PATCH", "/v1.0/groups/{}"): "Update-MgGroup -GroupId {}",
    (
        "DELETE",
        "/v1.0/groups/{}/members/{}/$ref",
    ): "Remove-MgGroupMemberDirectoryObjectByRef -GroupId {} -DirectoryObjectId {}",
    (
        "DELETE",
        "/v1.0/groups/{}/owners/{}/$ref",
    ): "Remove-MgGroupOwnerDirectoryObjectByRef -GroupId {} -DirectoryObjectId {}",
    ("POST", "/v1.0/groupSettings"): "New-MgGroupSetting",
    ("PATCH", "/v1.0/groupSettings/{}"): "Update-MgGroupSetting -GroupSettingId {}",
    (
        "DELETE",
        "/v1.0/applications/{}/owners/{}/$ref",
    ): "Remove-MgApplicationOwnerDirectoryObjectByRef -ApplicationId {} -DirectoryObjectId {}",
    (
        "DELETE",
        "/v1.0/servicePrincipals/{}/owners/{}/$ref",
    ): "Remove-MgServicePrincipalOwnerDirectoryObjectByRef -ServicePrincipalId {} -DirectoryObjectId {}",
    ("POST", "/v1.0/servicePrincipals"): "New-MgServicePrincipal",
    ("PATCH", "/v1.0/servicePrincipals/{}"): "Update-MgServicePrincipal -ServicePrincipalId {}",
    ("PATCH", "/v1.0/admin/sharepoint/settings"): "Update-MgAdminSharepointSetting",
    ("PATCH", "/v1.0/teams/{}"): "Update-MgTeam -TeamId {}",
}
"""Method and address to cmdlet; each `{}` of the address is the cmdlet's `{}` in the same place."""
_PLAIN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*|\{found\}")


def powershell(step: Step, limit: int | None = None) -> list[str]:
    """Return the lines for a step: what sends its first requests, else what a person runs by hand."""
    if step.blocked or step.same_as:
        return []
    return list(step.powershell if step.manual else _lines(islice(step.requests, limit)))


def _lines(requests: Iterable[Request]) -> Iterator[str]:
    """Yield what sends some requests, one after the other; a body is written where it is another."""
    held = ""
    for request in requests:
        body = body_text(request.body)
        if body and body != held:
            held = body
            yield f"$body = '{body}' | ConvertFrom-Json -AsHashtable  # PowerShell 7"
        yield cmdlet(request)


def cmdlet(request: Request) -> str:
    """Return the line that sends one request, its body in `$body`; `{found}` stands where the request has it."""
    path = "/" + request.url.partition("?")[0].split("/", 3)[3]
    body = " -BodyParameter $body" if request.body is not None else ""
    for (method, template), name in _CMDLETS.items():
        ids = _ids(template, path) if method == request.method else None
        if ids is not None:
            return name.format(*(i if _PLAIN_ID.fullmatch(i) else quoted(i) for i in ids)) + body
    return f"Invoke-MgGraphRequest -Method {request.method} -Uri {quoted(request.url)}" + (
        " -Body $body" if request.body is not None else ""
    )


def _ids(template: str, path: str) -> list[str] | None:
    """Return what stands in a path where a template has `{}`; None where they are not alike."""
    wanted, held = template.split("/"), path.split("/")
    if len(wanted) != len(held) or any(w not in ("{}", h) for w, h in zip(wanted, held, strict=True)):
        return None
    return [h for w, h in zip(wanted, held, strict=True) if w == "{}"]
