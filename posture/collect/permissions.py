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
        "d07a8cc0-3d51-4b77-b3b0-32704d1f69fa", "ebfcd32b-babb-40f4-a14b-42706e83bd28"
    ),
    "Application.Read.All": PermissionIds(
        "9a5d68dd-52b0-4cc2-bd40-abcf44ac3a30", "c79f8feb-a9db-4090-85f9-90d820caa0eb"
    ),
    "AuditLog.Read.All": PermissionIds("b0afded3-3588-46d8-8b3d-9842eff778da", "e4c9e354-4dc5-45b8-9e7c-e1393b0b1a20"),
    "CrossTenantInformation.ReadBasic.All": PermissionIds(
        "cac88765-0581-4025-9725-5ebc13f729ee", "81594d25-e88e-49cf-ac8c-fecbff49f994"
    ),
    "Directory.Read.All": PermissionIds("7ab1d382-f21e-4acd-a863-ba3e13f7da61", "06da0dbc-49e2-44d2-8312-53f166ab848a"),
    "Domain.Read.All": PermissionIds("dbb9058a-0e50-45d7-ae91-66909b5d4664", "2f9ee017-59c1-4f1d-9472-bd5529a7b311"),
    "EntitlementManagement.Read.All": PermissionIds(
        "c74fd47d-ed3c-45c3-9a9e-b8676de685d2", "5449aa12-1393-4ea2-a7c7-d0e06c1a56b2"
    ),
    "GroupMember.Read.All": PermissionIds(
        "98830695-27a2-44f7-8c18-0c3ebc9698f6", "bc024368-1153-4739-b217-4326f2e966d0"
    ),
    "GroupSettings.Read.All": PermissionIds(
        "f3c4f514-c65a-43f5-bfce-1735872258dd", "2eb2bc92-94ef-4c6b-b4ab-2a09bc975e0e"
    ),
    "IdentityProvider.Read.All": PermissionIds(
        "e321f0bb-e7f7-481e-bb28-e3b0b32d4bd0", "43781733-b5a7-4d1b-98f4-e8edff23e1a9"
    ),
    "IdentityUserFlow.Read.All": PermissionIds(
        "1b0c317f-dd31-4305-9932-259a8b6e8099", "2903d63d-4611-4d43-99ce-a33f3f52e343"
    ),
    "LicenseAssignment.Read.All": PermissionIds(
        "e2f98668-2877-4f38-a2f4-8202e0717aa1", "f395577a-0960-456b-979f-7228de0c5996"
    ),
    "MultiTenantOrganization.Read.All": PermissionIds(
        "4f994bc0-31bb-44bb-b480-7a7c1be8c02e", "526aa72a-5878-49fe-bf4e-357973af9b06"
    ),
    "Organization.Read.All": PermissionIds(
        "498476ce-e0fe-48b0-b801-37ba7e2685c6", "4908d5b9-3fb2-4b1e-9336-1888b7937185"
    ),
    "Policy.Read.All": PermissionIds("246dd0d5-5bd0-4def-940b-0421030a5b68", "572fea84-0151-49b2-9301-11cb16974376"),
    "Policy.Read.AuthenticationMethod": PermissionIds(
        "8e3bc81b-d2f3-4b7b-838c-32c88218d2f0", "a6ff13ac-1851-4993-8ca9-a671d70de2d5"
    ),
    "Policy.Read.B2BManagementPolicy": PermissionIds(
        "b41683de-870d-4462-939a-1a3d94f3accf", "1e320e87-6de2-424a-87bb-da340fc3434c"
    ),
    "Policy.Read.PermissionGrant": PermissionIds(
        "9e640839-a198-48fb-8b9a-013fd6f6cbcd", "414de6ea-2d92-462f-b120-6e2a809a6d01"
    ),
    "PrivilegedEligibilitySchedule.Read.AzureADGroup": PermissionIds(
        "edb419d6-7edc-42a3-9345-509bfdf5d87c", "8f44f93d-ecef-46ae-a9bf-338508d44d6b"
    ),
    "RoleAssignmentSchedule.Read.Directory": PermissionIds(
        "d5fe8ce8-684c-4c83-a52c-46e882ce4be1", "344a729c-0285-42c6-9014-f12b9b8d6129"
    ),
    "RoleEligibilitySchedule.Read.Directory": PermissionIds(
        "ff278e11-4a33-4d0c-83d2-d01dc58929a5", "eb0788c2-6d4e-4658-8c9e-c0fb8053f03d"
    ),
    "RoleManagement.Read.Directory": PermissionIds(
        "483bed4a-2ad3-4361-a73b-c83ccdbdc53c", "741c54c3-0c1e-44a1-818b-3f97ab4e8c83"
    ),
    "SharePointTenantSettings.Read.All": PermissionIds(
        "83d4163d-a2d8-4d3b-9695-4ae3ca98f888", "2ef70e10-5bfd-4ede-a5f6-67720500b258"
    ),
    "TeamSettings.Read.All": PermissionIds(
        "242607bd-1d2c-432c-82eb-bdb27baa23ab", "48638b3c-ad68-4383-8ac4-e6880ee6ca57"
    ),
    "User.Read.All": PermissionIds("df021288-bdef-4463-88db-98f22de89214", "a154be20-db9c-4678-8ab7-66f6cc099a59"),
}
