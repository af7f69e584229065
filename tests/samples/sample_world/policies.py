"""Graph's policies and tenant-wide settings: each as a new tenant has it, changed by what is said."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from sample_world.bodies import ROLES, Json
from sample_world.ids import guid
from sample_world.words import Company

ALL_EXTERNALS = (
    "internalGuest,b2bCollaborationGuest,b2bCollaborationMember,b2bDirectConnectUser,otherExternalUser,serviceProvider"
)


def authorization_policy(**more: Any) -> Json:
    """Return the authorization policy of a new tenant, changed by `more`.

    Source: https://learn.microsoft.com/graph/api/resources/authorizationpolicy
    """
    member = more.pop("member", {})
    row: Json = {
        "@odata.context": "https://graph.microsoft.com/v1.0/$metadata#policies/authorizationPolicy/$entity",
        "id": "authorizationPolicy",
        "displayName": "Authorization Policy",
        "description": "Used to manage authorization related settings across the company.",
        "allowInvitesFrom": "everyone",
        "allowedToSignUpEmailBasedSubscriptions": True,
        "allowedToUseSSPR": True,
        "allowEmailVerifiedUsersToJoinOrganization": True,
        "allowUserConsentForRiskyApps": None,
        "blockMsolPowerShell": False,
        "guestUserRoleId": ROLES["Guest User"],
        "defaultUserRolePermissions": {
            "allowedToCreateApps": True,
            "allowedToCreateSecurityGroups": True,
            "allowedToCreateTenants": True,
            "allowedToReadBitlockerKeysForOwnedDevice": True,
            "allowedToReadOtherUsers": True,
            "permissionGrantPoliciesAssigned": [
                "ManagePermissionGrantsForSelf.microsoft-user-default-recommended",
                "ManagePermissionGrantsForOwnedResource.microsoft-dynamically-managed-permissions-for-team",
            ],
        },
    }
    row.update(more)
    row["defaultUserRolePermissions"].update(member)
    return row


def domain_policy(tenant: str, definition: Json) -> Json:
    """Return the B2B policy object, whose content is JSON inside a string."""
    text = json.dumps({"B2BManagementPolicy": definition}, separators=(",", ":"))
    return {
        "id": guid(tenant, "b2b policy"),
        "deletedDateTime": None,
        "displayName": "B2BManagementPolicy",
        "isOrganizationDefault": True,
        "definition": [text],
    }


def _access(users: str, apps: str) -> Json:
    return {
        "usersAndGroups": {"accessType": users, "targets": [{"target": "AllUsers", "targetType": "user"}]},
        "applications": {"accessType": apps, "targets": [{"target": "AllApplications", "targetType": "application"}]},
    }


OPEN, SHUT = _access("allowed", "allowed"), _access("blocked", "blocked")


def cross_tenant_default(**more: Any) -> Json:
    """Return the cross-tenant default of a new tenant, changed by `more`.

    Source: https://learn.microsoft.com/graph/api/resources/crosstenantaccesspolicyconfigurationdefault
    """
    row: Json = {
        "@odata.context": "https://graph.microsoft.com/v1.0/$metadata#policies/crossTenantAccessPolicy/default/$entity",
        "isServiceDefault": True,
        "inboundTrust": {
            "isMfaAccepted": False,
            "isCompliantDeviceAccepted": False,
            "isHybridAzureADJoinedDeviceAccepted": False,
        },
        "b2bCollaborationOutbound": OPEN,
        "b2bCollaborationInbound": OPEN,
        "b2bDirectConnectOutbound": SHUT,
        "b2bDirectConnectInbound": SHUT,
        "tenantRestrictions": {"devices": None, **SHUT},
        "automaticUserConsentSettings": {"inboundAllowed": False, "outboundAllowed": False},
        "invitationRedemptionIdentityProviderConfiguration": {
            "primaryIdentityProviderPrecedenceOrder": [
                "azureActiveDirectory",
                "externalFederation",
                "socialIdentityProviders",
            ],
            "fallbackIdentityProvider": "defaultConfiguredIdp",
        },
    }
    row.update(more)
    return row


def partner(tenant_id: str, **more: Any) -> Json:
    """Return a partner entry that inherits everything, changed by `more`."""
    row: Json = {
        "tenantId": tenant_id,
        "isServiceProvider": None,
        "isInMultiTenantOrganization": False,
        "inboundTrust": None,
        "b2bCollaborationOutbound": None,
        "b2bCollaborationInbound": None,
        "b2bDirectConnectOutbound": None,
        "b2bDirectConnectInbound": None,
        "tenantRestrictions": None,
        "automaticUserConsentSettings": {"inboundAllowed": None, "outboundAllowed": None},
        "identitySynchronization": None,
    }
    row.update(more)
    return row


def trust(mfa: bool, compliant: bool = False, hybrid: bool = False) -> Json:
    """Return which claims of another tenant count here."""
    return {
        "isMfaAccepted": mfa,
        "isCompliantDeviceAccepted": compliant,
        "isHybridAzureADJoinedDeviceAccepted": hybrid,
    }


def external_types(types: str = ALL_EXTERNALS) -> Json:
    """Return a Conditional Access choice of external people from all tenants."""
    return {
        "guestOrExternalUserTypes": types,
        "externalTenants": {
            "@odata.type": "#microsoft.graph.conditionalAccessAllExternalTenants",
            "membershipKind": "all",
        },
    }


def access_policy(
    tenant: str,
    name: str,
    *,
    state: str = "enabled",
    users: Mapping[str, Any],
    apps: Iterable[str] = ("All",),
    clients: Iterable[str] = ("all",),
    grant: Mapping[str, Any] | None = None,
    session: Mapping[str, Any] | None = None,
    locations: Mapping[str, Any] | None = None,
    created: str = "2024-05-06T10:00:00Z",
    modified: str | None = None,
) -> Json:
    """Return a Conditional Access policy. `users` and `grant` change the empty choices."""
    row: Json = {
        "id": guid(tenant, "ca", name),
        "templateId": None,
        "displayName": name,
        "createdDateTime": created,
        "modifiedDateTime": modified,
        "state": state,
        "conditions": {
            "userRiskLevels": [],
            "signInRiskLevels": [],
            "clientAppTypes": list(clients),
            "servicePrincipalRiskLevels": [],
            "platforms": None,
            "locations": locations,
            "devices": None,
            "clientApplications": None,
            "applications": {
                "includeApplications": list(apps),
                "excludeApplications": [],
                "includeUserActions": [],
                "includeAuthenticationContextClassReferences": [],
                "applicationFilter": None,
            },
            "users": {
                "includeUsers": [],
                "excludeUsers": [],
                "includeGroups": [],
                "excludeGroups": [],
                "includeRoles": [],
                "excludeRoles": [],
                "includeGuestsOrExternalUsers": None,
                "excludeGuestsOrExternalUsers": None,
                **users,
            },
        },
        "grantControls": None,
        "sessionControls": None,
    }
    if grant is not None:
        row["grantControls"] = {
            "operator": "OR",
            "builtInControls": [],
            "customAuthenticationFactors": [],
            "termsOfUse": [],
            "authenticationStrength": None,
            **grant,
        }
    if session is not None:
        row["sessionControls"] = {
            "disableResilienceDefaults": None,
            "applicationEnforcedRestrictions": None,
            "cloudAppSecurity": None,
            "signInFrequency": None,
            "persistentBrowser": None,
            **session,
        }
    return row


def sign_in_frequency(hours: int) -> Json:
    """Return how often people must sign in again."""
    unit, value = ("days", hours // 24) if hours > 24 and hours % 24 == 0 else ("hours", hours)
    return {
        "value": value,
        "type": unit,
        "authenticationType": "primaryAndSecondaryAuthentication",
        "frequencyInterval": "timeBased",
        "isEnabled": True,
    }


def methods_policy(otp: str) -> Json:
    """Return the authentication methods policy; `otp` says whether guests get one-time passcodes by mail.

    Source: https://learn.microsoft.com/graph/api/resources/emailauthenticationmethodconfiguration
    """
    everyone = {"targetType": "group", "id": "all_users", "isRegistrationRequired": False}

    def method(name: str, method_id: str, state: str, **more: Any) -> Json:
        kind = f"#microsoft.graph.{name}AuthenticationMethodConfiguration"
        return {"@odata.type": kind, "id": method_id, "state": state, "excludeTargets": [], **more}

    return {
        "@odata.context": "https://graph.microsoft.com/v1.0/$metadata#authenticationMethodsPolicy",
        "id": "authenticationMethodsPolicy",
        "displayName": "Authentication Methods Policy",
        "description": "The tenant-wide policy that controls which authentication methods are allowed.",
        "lastModifiedDateTime": "2025-09-30T07:12:44.1182031Z",
        "policyVersion": "1.5",
        "policyMigrationState": "migrationComplete",
        "authenticationMethodConfigurations": [
            method("fido2", "Fido2", "enabled", isSelfServiceRegistrationAllowed=True, includeTargets=[everyone]),
            method("microsoftAuthenticator", "MicrosoftAuthenticator", "enabled", includeTargets=[everyone]),
            method("sms", "Sms", "disabled", includeTargets=[everyone]),
            method(
                "temporaryAccessPass", "TemporaryAccessPass", "enabled", isUsableOnce=True, includeTargets=[everyone]
            ),
            method("email", "Email", "enabled", allowExternalIdToUseEmailOtp=otp, includeTargets=[]),
        ],
    }


def security_defaults(on: bool) -> Json:
    """Return whether security defaults are on."""
    return {
        "@odata.context": "https://graph.microsoft.com/v1.0/$metadata#policies/identitySecurityDefaultsEnforcementPolicy",
        "id": "00000000-0000-0000-0000-000000000005",
        "displayName": "Security Defaults",
        "description": "Basic identity security mechanisms recommended by Microsoft.",
        "isEnabled": on,
    }


def admin_consent(on: bool, reviewers: Iterable[str] = ()) -> Json:
    """Return the admin consent workflow."""
    return {
        "@odata.context": "https://graph.microsoft.com/v1.0/$metadata#policies/adminConsentRequestPolicy/$entity",
        "isEnabled": on,
        "notifyReviewers": on,
        "remindersEnabled": on,
        "requestDurationInDays": 30 if on else 0,
        "version": 1 if on else 0,
        "reviewers": [{"query": f"/users/{r}", "queryType": "MicrosoftGraph", "queryRoot": None} for r in reviewers],
    }


def authentication_flows(self_service: bool) -> Json:
    """Return whether people may sign themselves up."""
    return {
        "@odata.context": "https://graph.microsoft.com/v1.0/$metadata#policies/authenticationFlowsPolicy/$entity",
        "id": "authenticationFlowsPolicy",
        "displayName": "Authentication flows policy",
        "description": "Settings of authentication flows such as self-service sign-up.",
        "selfServiceSignUp": {"isEnabled": self_service},
    }


def external_identities(may_leave: bool) -> Json:
    """Return whether guests may leave by themselves."""
    return {
        "@odata.context": "https://graph.microsoft.com/beta/$metadata#policies/externalIdentitiesPolicy/$entity",
        "id": "externalIdentitiesPolicy",
        "deletedDateTime": None,
        "displayName": "External Identities Policy",
        "allowExternalIdentitiesToLeave": may_leave,
        "allowDeletedIdentitiesDataRemoval": False,
    }


def sharepoint(capability: str, **more: Any) -> Json:
    """Return the sharing settings of SharePoint and OneDrive.

    Source: https://learn.microsoft.com/graph/api/resources/sharepointsettings
    """
    row: Json = {
        "@odata.context": "https://graph.microsoft.com/v1.0/$metadata#admin/sharepoint/settings/$entity",
        "allowedDomainGuidsForSyncApp": [],
        "availableManagedPathsForSiteCreation": ["/sites/", "/teams/"],
        "deletedUserPersonalSiteRetentionPeriodInDays": 30,
        "excludedFileExtensionsForSyncApp": [],
        "idleSessionSignOut": {"isEnabled": False, "warnAfterInSeconds": 0, "signOutAfterInSeconds": 0},
        "isLegacyAuthProtocolsEnabled": True,
        "isRequireAcceptingUserToMatchInvitedUserEnabled": False,
        "isResharingByExternalUsersEnabled": True,
        "isSiteCreationEnabled": True,
        "isUnmanagedSyncAppForTenantRestricted": False,
        "personalSiteDefaultStorageLimitInMB": 1048576,
        "sharingAllowedDomainList": [],
        "sharingBlockedDomainList": [],
        "sharingCapability": capability,
        "sharingDomainRestrictionMode": "none",
        "tenantDefaultTimezone": "(UTC) Dublin, Edinburgh, Lisbon, London",
    }
    row.update(more)
    return row


def unified_settings(tenant: str, **values: str) -> Json:
    """Return the tenant-wide settings of Microsoft 365 groups.

    Source: https://learn.microsoft.com/entra/identity/users/groups-settings-cmdlets
    """
    known = {
        "EnableMIPLabels": "false",
        "CustomBlockedWordsList": "",
        "EnableMSStandardBlockedWords": "false",
        "ClassificationDescriptions": "",
        "DefaultClassification": "",
        "PrefixSuffixNamingRequirement": "",
        "AllowGuestsToBeGroupOwner": "false",
        "AllowGuestsToAccessGroups": "true",
        "GuestUsageGuidelinesUrl": "",
        "GroupCreationAllowedGroupId": "",
        "AllowToAddGuests": "true",
        "UsageGuidelinesUrl": "",
        "ClassificationList": "",
        "EnableGroupCreation": "true",
        **values,
    }
    return {
        "id": guid(tenant, "group settings"),
        "displayName": "Group.Unified",
        "templateId": "62375ab9-6b52-47ed-826b-58e47e0e304b",
        "values": [{"name": n, "value": v} for n, v in known.items()],
    }


def no_guests_setting(tenant: str, group_id: str) -> Json:
    """Return a group's own word that no guests be added."""
    return {
        "id": guid(tenant, "group setting", group_id),
        "displayName": "Group.Unified.Guest",
        "templateId": "08d542b9-071f-4e16-94b0-74abb372e3d9",
        "values": [{"name": "AllowToAddGuests", "value": "false"}],
    }


def tenant_information(company: Company, name: str | None = None) -> Json:
    """Return what Microsoft tells anybody about another tenant."""
    return {
        "tenantId": company.tenant,
        "federationBrandName": None,
        "displayName": company.name if name is None else name,
        "defaultDomainName": company.default_domain,
    }


def consent_policies() -> list[Json]:
    """Return the built-in consent policies, shortened to what each includes."""
    everything = {
        "permissionType": "delegated",
        "permissionClassification": "all",
        "resourceApplication": "any",
        "permissions": ["all"],
        "clientApplicationIds": ["all"],
        "clientApplicationTenantIds": ["all"],
        "clientApplicationPublisherIds": ["all"],
        "clientApplicationsFromVerifiedPublisherOnly": False,
    }
    low = everything | {"permissionClassification": "low", "clientApplicationsFromVerifiedPublisherOnly": True}
    named = {
        "microsoft-user-default-legacy": ("Default User Legacy Policy", everything),
        "microsoft-user-default-low": ("Default User Low Risk Policy", low),
        "microsoft-user-default-recommended": ("Microsoft User Default Recommended Policy", low),
    }
    return [
        {
            "id": i,
            "displayName": n,
            "description": "",
            "includes": [{"id": guid("consent", i), **rule}],
            "excludes": [],
        }
        for i, (n, rule) in named.items()
    ]


def strengths() -> list[Json]:
    """Return the built-in authentication strengths."""
    rows = {
        "00000000-0000-0000-0000-000000000002": ("Multifactor authentication", ["password,sms", "fido2"]),
        "00000000-0000-0000-0000-000000000003": ("Passwordless MFA", ["fido2", "deviceBasedPush"]),
        "00000000-0000-0000-0000-000000000004": ("Phishing-resistant MFA", ["fido2", "windowsHelloForBusiness"]),
    }
    return [
        {
            "id": i,
            "createdDateTime": "2021-12-01T00:00:00Z",
            "modifiedDateTime": "2021-12-01T00:00:00Z",
            "displayName": n,
            "description": "",
            "policyType": "builtIn",
            "requirementsSatisfied": "mfa",
            "allowedCombinations": c,
        }
        for i, (n, c) in rows.items()
    ]


def identity_provider(kind: str, name: str) -> Json:
    """Return a built-in or social identity provider. The service masks the secret."""
    if kind in ("Google", "Facebook"):
        return {
            "@odata.type": "#microsoft.graph.socialIdentityProvider",
            "id": f"{kind}-OAUTH",
            "displayName": name,
            "identityProviderType": kind,
            "clientId": f"sample-{kind.lower()}-client",
            "clientSecret": "******",
        }
    ids = {"AADSignup": "AADSignup-OAUTH", "MicrosoftAccount": "MSASignup-OAUTH", "EmailOTP": "EmailOtpSignup-OAUTH"}
    return {
        "@odata.type": "#microsoft.graph.builtInIdentityProvider",
        "id": ids[kind],
        "displayName": name,
        "identityProviderType": kind,
    }


def cross_tenant_root(tenant: str, clouds: Iterable[str]) -> Json:
    """Return which other clouds may collaborate."""
    return {
        "@odata.context": "https://graph.microsoft.com/v1.0/$metadata#policies/crossTenantAccessPolicy/$entity",
        "id": guid(tenant, "xta"),
        "displayName": "CrossTenantAccessPolicy",
        "allowedCloudEndpoints": list(clouds),
    }


def entitlement_settings(action: str, after: str) -> Json:
    """Return what happens to people from outside who lose their last access package."""
    base = "https://graph.microsoft.com/v1.0/$metadata#identityGovernance/entitlementManagement"
    return {
        "@odata.context": f"{base}/settings/$entity",
        "id": "singleton",
        "externalUserLifecycleAction": action,
        "durationUntilExternalUserDeletedAfterBlocked": after,
    }
