"""Graph's objects as Graph writes them: one function an object, its usual properties in the usual order."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from sample_world.ids import assignment_id, guid, z
from sample_world.words import Company

Json = dict[str, Any]

ROLES = {
    "Global Administrator": "62e90394-69f5-4237-9190-012177145e10",
    "Guest Inviter": "95e79109-95c0-4d8e-aee3-d01accf2d47b",
    "User Administrator": "fe930be7-5e62-47db-91af-98c3a49a38b1",
    "Helpdesk Administrator": "729827e3-9c14-49f7-bb1b-9608f156bbb8",
    "Directory Readers": "88d8e3e3-8f55-4a1e-953a-9b9898b8876b",
    "Directory Synchronization Accounts": "d29b2b05-8046-44ba-8758-1e26182fcf32",
    "Exchange Administrator": "29232cdf-9323-42fd-ade2-1d097af3e4de",
    "SharePoint Administrator": "f28a1f50-f6e7-4571-818b-6a12f2af6b6c",
    "Teams Administrator": "69091246-20e8-4a56-aa4d-066075b2a7a8",
    "Security Administrator": "194ae4cb-b126-40b2-bd5b-6091b380977d",
    "Security Reader": "5d6b6bb7-de71-4623-b4af-96380a352509",
    "Global Reader": "f2ef992c-3afb-46b9-b7cf-a126ee74c451",
    "Reports Reader": "4a5d8f65-41da-4de4-8968-e035b65339cf",
    "Application Administrator": "9b895d92-2cd3-44c7-9d02-a6ac2d5ea5c3",
    "Application Developer": "cf1c38e5-3621-4004-a7cb-879624dced7c",
    "Cloud Application Administrator": "158c047a-c907-4556-b7ef-446551a6b5f7",
    "Privileged Role Administrator": "e8611ab8-c189-46e8-94e1-60213ab1f814",
    "Conditional Access Administrator": "b1be1c3e-b65d-4f19-8427-f6fa0d97feb9",
    "Hybrid Identity Administrator": "8ac3fc64-6eca-42ea-9e69-59f4c7b60eb2",
    "Groups Administrator": "fdd7a751-b60b-444a-984c-02652fe8fa1c",
    "License Administrator": "4d6ac14f-3453-41d0-bef9-a3e0c569773a",
    "Intune Administrator": "3a2c62db-5318-420d-8d74-23affee5d9d5",
    "Identity Governance Administrator": "45d8d3c5-c802-45c6-b32a-1d70b5e1e86e",
    "Message Center Reader": "790c1fb9-7f7d-4f88-86a1-ef1f95c05c1b",
    "Guest User": "10dae51f-b6af-4016-8d66-8c2a99b929b3",
    "Restricted Guest User": "2af84b1e-32c8-42b7-82bc-daa82404023b",
    "User": "a0b1b346-4d3e-4e8b-98f8-753987be4970",
}
"""Built-in roles and their template ids, which are the same in every tenant.

Source: https://learn.microsoft.com/entra/identity/role-based-access-control/permissions-reference
"""

APPS = {
    "Azure Portal": "c44b4083-3bb0-49c1-b47d-974e53cbdf3c",
    "Azure Active Directory PowerShell": "1b730954-1685-4b74-9bfd-dac224a7b894",
    "Microsoft Azure PowerShell": "1950a258-227b-4e31-a9cf-717495945fc2",
    "Microsoft Azure CLI": "04b07795-8ddb-461a-bbee-02f9e1bf7b46",
    "Microsoft Graph Command Line Tools": "14d82eec-204b-4c2f-b7e8-296a70dab67e",
    "Graph Explorer": "de8bc8b5-d9f9-48b1-a8ad-b748da725064",
    "Visual Studio Code": "aebc6443-996d-45c2-90f0-388ff96faa56",
    "ADIbizaUX": "74658136-14ec-4630-ad9b-26e160ff0fc6",
    "Invitation Acceptance Portal": "4660504c-45b3-4674-a709-71951a6b0763",
    "My Apps": "2793995e-0a7d-40d7-bd35-6968ba142197",
    "Microsoft Teams": "1fec8e78-bce4-4aaf-ab1b-5451cc387264",
    "Office 365 SharePoint Online": "00000003-0000-0ff1-ce00-000000000000",
    "Office 365 Exchange Online": "00000002-0000-0ff1-ce00-000000000000",
    "Microsoft Graph": "00000003-0000-0000-c000-000000000000",
    "Windows Azure Active Directory": "00000002-0000-0000-c000-000000000000",
    "Windows Azure Service Management API": "797f4846-ba00-4fd7-ba43-dac1f8f63013",
}
"""Microsoft's applications by the ids they have in every tenant."""

CLIENTS = (
    "Azure Active Directory PowerShell",
    "Microsoft Azure PowerShell",
    "Microsoft Azure CLI",
    "Microsoft Graph Command Line Tools",
    "Graph Explorer",
)

PLANS = {
    "AAD_PREMIUM": "41781fb2-bc02-4b7c-bd55-b576c07bb09d",
    "AAD_PREMIUM_P2": "eec0eb4f-6444-4f95-aba0-50c24d67f998",
    "Entra_Identity_Governance": "e866a266-3cff-43a3-acca-0c90a7e00c8b",
    "SHAREPOINTENTERPRISE": "5dbe027f-2339-4123-9542-606e4d348a72",
    "SHAREPOINTSTANDARD": "c7699d2e-19aa-44de-8edf-1736da088ca1",
    "EXCHANGE_S_ENTERPRISE": "efb87545-963c-4e0d-99df-69c6916d9eb0",
    "EXCHANGE_S_STANDARD": "9aaf7827-d63c-4b61-89c3-182f06f82e5c",
    "TEAMS1": "57ff2da0-773e-42df-b2af-ffb7a2317929",
    "FLOW_FREE": "50e68c76-46c6-4674-81f9-75456511b170",
    "VISIO_CLIENT_SUBSCRIPTION": "663a804f-1c30-4ff0-9915-9db84f0d1cea",
}
"""Service plans by the ids they have everywhere. Source: https://learn.microsoft.com/entra/identity/users/licensing-service-plan-reference"""


def user(tenant: str, initial: str, *, key: str, name: str, upn: str, created: datetime, **more: Any) -> Json:
    """Return somebody who belongs to the tenant. `more` replaces or adds properties."""
    row: Json = {
        "id": guid(tenant, "user", key),
        "displayName": name,
        "givenName": None,
        "surname": None,
        "userPrincipalName": upn,
        "mail": upn,
        "otherMails": [],
        "jobTitle": None,
        "department": None,
        "companyName": None,
        "officeLocation": None,
        "businessPhones": [],
        "mobilePhone": None,
        "preferredLanguage": None,
        "usageLocation": "GB",
        "userType": "Member",
        "accountEnabled": True,
        "creationType": None,
        "externalUserState": None,
        "externalUserStateChangeDateTime": None,
        "createdDateTime": z(created),
        "onPremisesSyncEnabled": None,
        "identities": [{"signInType": "userPrincipalName", "issuer": initial, "issuerAssignedId": upn}],
        "assignedLicenses": [],
    }
    row.update(more)
    return row


def identities(proof: str, company: Company, mail: str, initial: str, upn: str) -> list[Json]:
    """Return how a guest proves who they are.

    Source: https://learn.microsoft.com/entra/external-id/user-properties
    """
    issuer = {
        "entra": ("ExternalAzureAD", None),
        "otp": ("mail", mail),
        "msa": ("MicrosoftAccount", None),
        "google": ("google.com", mail),
        "saml": (f"https://idp.{company.domain}/saml/metadata", mail),
    }
    own = {"signInType": "userPrincipalName", "issuer": initial, "issuerAssignedId": upn}
    if proof == "none":
        return [own]
    name, assigned = issuer[proof]
    return [{"signInType": "federated", "issuer": name, "issuerAssignedId": assigned}, own]


def guest_upn(mail: str, initial: str) -> str:
    """Return the name a guest gets here: the address with `_` for `@`, and `#EXT#`."""
    local, _, domain = mail.rpartition("@")
    kept = "".join(c for c in local if c.isalnum() or c in "'.-_!^~")
    return f"{kept or 'guest'}_{domain}#EXT#@{initial}"


def guest(
    tenant: str,
    initial: str,
    *,
    key: str,
    name: str,
    mail: str,
    company: Company,
    created: datetime,
    state: str | None = "Accepted",
    changed: datetime | None = None,
    **more: Any,
) -> Json:
    """Return a guest. `state` None is that of guests older than the property."""
    upn = guest_upn(mail, initial)
    proof = "none" if state == "PendingAcceptance" else company.proof
    row = user(
        tenant,
        initial,
        key=key,
        name=name,
        upn=upn,
        created=created,
        mail=mail,
        otherMails=[mail],
        companyName=company.name or None,
        usageLocation=None,
        userType="Guest",
        creationType="Invitation" if state else None,
        externalUserState=state,
        externalUserStateChangeDateTime=z(changed or created) if state else None,
        identities=identities(proof, company, mail, initial, upn),
    )
    row.update(more)
    return row


def group(
    tenant: str, *, name: str, key: str = "", kind: str = "security", created: str = "2023-02-14T09:00:00Z", **more: Any
) -> Json:
    """Return a group. `kind` is security, unified, team or dynamic."""
    unified = kind in ("unified", "team")
    row: Json = {
        "id": guid(tenant, "group", key or name),
        "displayName": name,
        "description": None,
        "mail": None,
        "mailEnabled": unified,
        "mailNickname": guid(tenant, "nickname", key or name)[:10],
        "securityEnabled": not unified,
        "groupTypes": ["Unified"] if unified else (["DynamicMembership"] if kind == "dynamic" else []),
        "visibility": "Private" if unified else None,
        "isAssignableToRole": None,
        "membershipRule": None,
        "membershipRuleProcessingState": "On" if kind == "dynamic" else None,
        "assignedLicenses": [],
        "resourceProvisioningOptions": ["Team"] if kind == "team" else [],
        "createdDateTime": created,
        "onPremisesSyncEnabled": None,
        "members": [],
        "owners": [],
    }
    row.update(more)
    return row


def role_definitions() -> list[Json]:
    """Return the built-in roles."""
    return [
        {"id": i, "displayName": n, "description": "", "templateId": i, "isBuiltIn": True, "isEnabled": True}
        for n, i in ROLES.items()
    ]


def role_assignment(role: str, principal: str) -> Json:
    """Return an active role assignment for the whole directory."""
    template = ROLES.get(role, role)
    return {
        "id": assignment_id(template, principal),
        "principalId": principal,
        "directoryScopeId": "/",
        "roleDefinitionId": template,
    }


def role_schedule(role: str, principal: str, start: str, end: str | None, *, eligible: bool) -> Json:
    """Return an instance of Privileged Identity Management; `end` None is without end."""
    template = ROLES.get(role, role)
    row: Json = {
        "id": assignment_id(template, principal) + ("-e" if eligible else ""),
        "principalId": principal,
        "roleDefinitionId": template,
        "directoryScopeId": "/",
        "appScopeId": None,
        "startDateTime": start,
        "endDateTime": end,
        "memberType": "Direct",
    }
    name = "roleEligibilityScheduleId" if eligible else "roleAssignmentScheduleId"
    row[name] = guid("schedule", template, principal, eligible)
    if not eligible:
        row |= {"assignmentType": "Assigned", "roleAssignmentOriginId": assignment_id(template, principal)}
    return row


def service_principal(tenant: str, name: str, app_id: str, **more: Any) -> Json:
    """Return an enterprise application."""
    row: Json = {
        "id": guid(tenant, "service principal", app_id),
        "appId": app_id,
        "displayName": name,
        "accountEnabled": True,
        "appOwnerOrganizationId": "f8cdef31-a31e-4b4a-93e4-5f571e91255a",
        "appRoleAssignmentRequired": False,
        "servicePrincipalType": "Application",
        "passwordCredentials": [],
        "keyCredentials": [],
        "owners": [],
    }
    row.update(more)
    return row


def microsoft_apps(tenant: str, *, locked: bool, clients: Iterable[str] = CLIENTS) -> list[Json]:
    """Return Microsoft's own applications; `locked` says whether the clients need an assignment."""
    wanted = [*clients, "Azure Portal", "Microsoft Teams", "Office 365 SharePoint Online", "Microsoft Graph"]
    return [service_principal(tenant, n, APPS[n], appRoleAssignmentRequired=locked and n in CLIENTS) for n in wanted]


def app_role_assignment(tenant: str, principal: Mapping[str, Any], resource: Mapping[str, Any], created: str) -> Json:
    """Return a person's or group's assignment to an application, with the default role."""
    kind = "Group" if "groupTypes" in principal else ("ServicePrincipal" if "appId" in principal else "User")
    return {
        "id": guid(tenant, "app role assignment", principal["id"], resource["id"]),
        "deletedDateTime": None,
        "appRoleId": "00000000-0000-0000-0000-000000000000",
        "createdDateTime": created,
        "principalDisplayName": principal["displayName"],
        "principalId": principal["id"],
        "principalType": kind,
        "resourceDisplayName": resource["displayName"],
        "resourceId": resource["id"],
    }


def sku(tenant_id: str, part: str, sku_id: str, plans: Iterable[str], used: int, owned: int) -> Json:
    """Return a subscription."""
    return {
        "id": f"{tenant_id}_{sku_id}",
        "skuId": sku_id,
        "skuPartNumber": part,
        "appliesTo": "User",
        "capabilityStatus": "Enabled",
        "consumedUnits": used,
        "prepaidUnits": {"enabled": owned, "suspended": 0, "warning": 0, "lockedOut": 0},
        "servicePlans": [
            {"servicePlanId": PLANS[p], "servicePlanName": p, "provisioningStatus": "Success", "appliesTo": "User"}
            for p in plans
        ],
    }


def organization(
    tenant_id: str, name: str, domains: list[Json], created: str, country: str, plans: Iterable[str]
) -> Json:
    """Return the tenant itself."""
    return {
        "id": tenant_id,
        "deletedDateTime": None,
        "businessPhones": [],
        "city": None,
        "countryLetterCode": country,
        "createdDateTime": created,
        "displayName": name,
        "onPremisesSyncEnabled": None,
        "preferredLanguage": "en",
        "tenantType": "AAD",
        "technicalNotificationMails": [],
        "assignedPlans": [
            {
                "assignedDateTime": created,
                "capabilityStatus": "Enabled",
                "service": "exchange"
                if "EXCHANGE" in p
                else ("SharePoint" if "SHAREPOINT" in p else "AADPremiumService"),
                "servicePlanId": PLANS[p],
            }
            for p in plans
        ],
        "verifiedDomains": [
            {
                "capabilities": "Email, OfficeCommunicationsOnline",
                "isDefault": d["isDefault"],
                "isInitial": d["isInitial"],
                "name": d["id"],
                "type": "Managed",
            }
            for d in domains
        ],
    }


def domain(name: str, *, default: bool = False, initial: bool = False) -> Json:
    """Return one of the tenant's own domains."""
    return {
        "id": name,
        "authenticationType": "Managed",
        "availabilityStatus": None,
        "isAdminManaged": True,
        "isDefault": default,
        "isInitial": initial,
        "isRoot": True,
        "isVerified": True,
        "supportedServices": ["Email", "OfficeCommunicationsOnline"],
        "passwordNotificationWindowInDays": None,
        "passwordValidityPeriodInDays": 2147483647,
        "state": None,
    }


def registration(person: Mapping[str, Any], methods: list[str], admin: bool = False) -> Json:
    """Return which methods somebody has registered.

    Source: https://learn.microsoft.com/graph/api/resources/userregistrationdetails
    """
    return {
        "id": person["id"],
        "userPrincipalName": person["userPrincipalName"],
        "userDisplayName": person["displayName"],
        "userType": person["userType"].lower(),
        "isAdmin": admin,
        "isSsprRegistered": bool(methods),
        "isSsprEnabled": False,
        "isSsprCapable": False,
        "isMfaRegistered": bool(methods),
        "isMfaCapable": bool(methods),
        "isPasswordlessCapable": False,
        "methodsRegistered": methods,
        "isSystemPreferredAuthenticationMethodEnabled": True,
        "systemPreferredAuthenticationMethods": ["Push"] if methods else [],
        "userPreferredMethodForSecondaryAuthentication": "push" if methods else "",
        "lastUpdatedDateTime": "2026-11-19T02:00:00Z",
    }
