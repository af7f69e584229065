"""The ids of Graph's read permissions, as app registrations name them.

Source: https://learn.microsoft.com/graph/permissions-reference
"""

from collections.abc import Mapping
from typing import NamedTuple

GRAPH_APP_ID = "00000003-0000-0000-c000-000000000000"
"""Microsoft Graph itself, as the resource of permissions."""


class PermissionIds(NamedTuple):
    """One permission's ids: as an application role and as a delegated scope; "" where there is none."""

    application: str
    delegated: str


PERMISSIONS: Mapping[str, PermissionIds] = {
    "AccessReview.Read.All": PermissionIds(
    "Application.Read.All": PermissionIds(
    "AuditLog.Read.All": PermissionIds("b0afded3-3588-46d8-8b3d-9842eff778da", "e4c9e354-4dc5-45b8-9e7c-e1393b0b1a20"),
    "CrossTenantInformation.ReadBasic.All": PermissionIds(
    "Directory.Read.All": PermissionIds("7ab1d382-f21e-4acd-a863-ba3e13f7da61", "06da0dbc-49e2-44d2-8312-53f166ab848a"),
    "Domain.Read.All": PermissionIds("dbb9058a-0e50-45d7-ae91-66909b5d4664", "2f9ee017-59c1-4f1d-9472-bd5529a7b311"),
    "EntitlementManagement.Read.All": PermissionIds(
    "GroupMember.Read.All": PermissionIds(
    "GroupSettings.Read.All": PermissionIds(
    "IdentityProvider.Read.All": PermissionIds(
    "IdentityUserFlow.Read.All": PermissionIds("1b0c317f-dd31-4305-9932-259a8b6e8099", "2903d63d-4611-4d43-99ce-a33f3f52e343"),
    "LicenseAssignment.Read.All": PermissionIds(
    "MultiTenantOrganization.Read.All": PermissionIds(
    "Organization.Read.All": PermissionIds(
    "Policy.Read.All": PermissionIds("246dd0d5-5bd0-4def-940b-0421030a5b68", "572fea84-0151-49b2-9301-11cb16974376"),
    "Policy.Read.AuthenticationMethod": PermissionIds(
    "Policy.Read.B2BManagementPolicy": PermissionIds(
    "Policy.Read.PermissionGrant": PermissionIds(
    "PrivilegedEligibilitySchedule.Read.AzureADGroup": PermissionIds("edb419d6-7edc-42a3-9345-509bfdf5d87c", "8f44f93d-ecef-46ae-a9bf-338508d44d6b"),
    "RoleAssignmentSchedule.Read.Directory": PermissionIds(
    "RoleEligibilitySchedule.Read.Directory": PermissionIds(
    "RoleManagement.Read.Directory": PermissionIds(
    "SharePointTenantSettings.Read.All": PermissionIds(
    "TeamSettings.Read.All": PermissionIds("242607bd-1d2c-432c-82eb-bdb27baa23ab", "48638b3c-ad68-4383-8ac4-e6880ee6ca57"),
    "User.Read.All": PermissionIds("df021288-bdef-4463-88db-98f22de89214", "a154be20-db9c-4678-8ab7-66f6cc099a59"),
}
