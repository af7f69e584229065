"""The activities and applications that hunts look for: said once, for the local hunts and for KQL.

Activities are compared whole and without letter case, and without the full
stop with which the unified audit log ends them.

Sources: https://learn.microsoft.com/entra/identity/monitoring-health/reference-audit-activities
https://learn.microsoft.com/troubleshoot/entra/entra-id/governance/verify-first-party-apps-sign-in
"""

from collections.abc import Mapping
from functools import lru_cache

INVITE = "Invite external user"
RESET = "Invite external user with reset invitation status"
INTERNAL = "Invite internal user to B2B collaboration"
REDEEM = ("Redeem external user invite", "Redeem extern user invite")
"""Logged by "Invited Users" and by "B2B Auth", with two spellings: matched by name under either service."""
DELETE_GUEST = "Delete external user"
MAIL = ("Email not sent, user unsubscribed", "Email unsubscribed", "Email subscribed", "Invitation Email")
VIRAL = ("Viral user creation", "Viral tenant creation")
BULK = ("Bulk invite users", "Batch invites")
"""Beginnings: the endings differ between Microsoft's reference and what people saw."""
ADD_USER = "Add user"
UPDATE_USER = "Update user"
DELETE_USER = ("Delete user", "Hard Delete user")

ROLES = (
    "Add member to role",
    "Add eligible member to role",
    "Add scoped member to role",
    "Add member to role in PIM completed (permanent)",
    "Add member to role in PIM completed (timebound)",
    "Add eligible member to role in PIM completed (permanent)",
    "Add eligible member to role in PIM completed (timebound)",
    "Add member to role completed (PIM activation)",
)
OWNERS = ("Add owner to application", "Add owner to service principal", "Add owner to group")
GROUPS = ("Add member to group",)
APP_ROLES = ("Add app role assignment grant to user",)
POWER = ROLES + OWNERS

POLICIES = ("Add policy", "Update policy", "Delete policy")
FEATURE = "Set directory feature on tenant"
CONDITIONAL_ACCESS = (
    "Add conditional access policy",
    "Update conditional access policy",
    "Delete conditional access policy",
)
SETTINGS = (
    "Update authorization policy",
    "Update authentication flows policy",
    "Update security defaults",
    "Create group settings",
    "Update group settings",
    "Delete group settings",
    "Add verified domain",
    "Remove verified domain",
    "Set domain authentication",
    "Update tenant setting",
    "Create ExternalUserProfile",
    "Update ExternalUserProfile",
    "Delete ExternalUserProfile",
)
CROSS_TENANT = (
    "Add a partner to cross-tenant access setting",
    "Update a partner cross-tenant access setting",
    "Delete partner specific cross-tenant access setting",
    "Reset the cross-tenant access default setting",
    "Update the company default cross-tenant access setting",
    "Migrated partner cross-tenant access settings to the scalable model",
    "Create a partner cross-tenant identity sync setting",
    "Update a partner cross-tenant identity sync setting",
    "Delete a partner cross-tenant identity sync setting",
)
CROSS_TENANT_CATEGORIES = ("CrossTenantAccessSettings", "CrossTenantIdentitySyncSettings")
MULTI_TENANT_PREFIX = "MultiTenantOrg"
"""Categories of multi-tenant organizations begin so; their settings are watched as a whole."""

PRIVILEGED = (
    *POWER,
    *POLICIES,
    *CONDITIONAL_ACCESS,
    *SETTINGS,
    *CROSS_TENANT,
    FEATURE,
    "Add user",
    "Delete user",
    "Enable account",
    "Disable account",
    "Reset user password",
    "Reset password (by admin)",
    "Add application",
    "Add service principal",
    "Add service principal credentials",
    "Update application – Certificates and secrets management",
    "Consent to application",
    "Add delegated permission grant",
    "Add app role assignment to service principal",
)
"""What a guest has no business doing in somebody else's tenant."""

IMPERSONATORS = (
    "Office 365 Exchange Online",
    "Skype for Business Online",
    "Dataverse",
    "Office 365 SharePoint Online",
    "Microsoft Dynamics ERP",
)
"""Services whose display name beside a person's id marked forged actor tokens (published in 2025 by D. Mollema)."""

SHELLS: Mapping[str, str] = {
    "1b730954-1685-4b74-9bfd-dac224a7b894": "Azure Active Directory PowerShell",
    "1950a258-227b-4e31-a9cf-717495945fc2": "Microsoft Azure PowerShell",
    "04b07795-8ddb-461a-bbee-02f9e1bf7b46": "Microsoft Azure CLI",
    "14d82eec-204b-4c2f-b7e8-296a70dab67e": "Microsoft Graph Command Line Tools",
    "de8bc8b5-d9f9-48b1-a8ad-b748da725064": "Graph Explorer",
    "23523755-3a2b-41ca-9315-f81f3f566a95": "ACOM Azure Website",
    "fb78d390-0c51-40cd-8e17-fdbfab77341b": "Exchange REST API Based PowerShell",
    "a0c73c16-a7e3-4564-9a95-2bdf47383716": "Exchange Online Remote PowerShell",
    "9bc3ab49-b65d-410a-85ad-de819febfddc": "SharePoint Online Management Shell",
    "12128f48-ec9e-42f0-b203-ea49fb6af367": "Teams PowerShell",
    "31359c7f-bd7e-475c-86db-fdb8c937548e": "PnP Management Shell",
    "aebc6443-996d-45c2-90f0-388ff96faa56": "Visual Studio Code",
    "d1ddf0e4-d672-4dae-b554-9d5bdfd93547": "Intune PowerShell",
    "23d8f6bd-1eb0-4cc2-a08c-7bf525c67bcd": "Power BI PowerShell",
    "90f610bf-206d-4950-b61d-37fa6fd1b224": "Rights Management PowerShell",
    "9cee029c-6210-4654-90bb-17e6e9d36617": "Power Platform CLI",
}
"""Command lines and consoles by application id: names change, and any application may take one."""

PORTALS: Mapping[str, str] = {
    "c44b4083-3bb0-49c1-b47d-974e53cbdf3c": "Azure portal",
    "74658136-14ec-4630-ad9b-26e160ff0fc6": "the portal's directory pages",
}
"""The second id stands in token refreshes beside the portal's; that it means directory pages is our reading of it."""

DIRECTORY = {"00000003-0000-0000-c000-000000000000", "00000002-0000-0000-c000-000000000000"}
"""Microsoft Graph and its predecessor, the resources through which a directory is read."""

EXPECTED_APPS = {
    "4660504c-45b3-4674-a709-71951a6b0763",  # Invitation Acceptance Portal
    "2793995e-0a7d-40d7-bd35-6968ba142197",  # My Apps
    "0000000c-0000-0000-c000-000000000000",  # App Access Panel
}
"""Where every guest passes through; never telling by themselves."""

ENTITLEMENT_MANAGEMENT = "810dcf14-1858-4bf2-8134-4c369fa3235b"
"""The service that invites people who were given an access package."""

BLOCKED = (53003, 50105)
"""Refused by Conditional Access; not assigned to the application.

Source: https://learn.microsoft.com/entra/identity-platform/reference-error-codes
"""
CROSS_TENANT_BLOCKED = 500213
"""Refused by the cross-tenant access policy; the number comes from a write-up and was seen in no record."""

INTERRUPTS = frozenset(
    (16000, 16001, 50058, 50072, 50074, 50076, 50079, 50097, 50125, 50127, 50129, 50140, 50158, 50199, 65001)
)
"""A step of a sign-in that goes on (MFA asked, consent asked, choose an account), no refusal.

Source: https://learn.microsoft.com/entra/identity-platform/reference-error-codes
"""


@lru_cache(maxsize=4096)  # a log names few activities many times
def folded(activity: str) -> str:
    """Return an activity's name as it is compared."""
    return activity.strip().rstrip(".").strip().casefold()


def names(*activities: str | tuple[str, ...]) -> frozenset[str]:
    """Return activities as a set of names to compare with."""
    return frozenset(folded(a) for group in activities for a in ((group,) if isinstance(group, str) else group))
