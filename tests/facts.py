"""Correct facts of a well-kept tenant; a test states what differs.

Lists are plain lists: re-readable and sorted by id, as rows from evidence are.
Builders take Graph's own property names as keywords; `ABSENT` leaves one out.
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from posture.assess.evaluate import evaluate
from posture.assess.types import Finding
from posture.controls.registry import Tally, TallyContext, catalogue, tallies
from posture.settings import Profile, Settings, Thresholds
from posture.snapshot.guests import guests as joined
from posture.snapshot.types import Fact, Gap, GapReason, Provenance, Snapshot, Tenant

TAKEN_AT = datetime(2026, 11, 23, 2, 15, 45, tzinfo=UTC)
TENANT = Tenant("aaaaaaaa-0000-4000-8000-000000000001", "Contoso", ("contoso.example",), "contoso.example")
ABSENT: Any = object()

MEMBER_LEVEL = "a0b1b346-4d3e-4e8b-98f8-753987be4970"
LIMITED_LEVEL = "10dae51f-b6af-4016-8d66-8c2a99b929b3"
RESTRICTED_LEVEL = "2af84b1e-32c8-42b7-82bc-daa82404023b"
ALL_GUEST_TYPES = (
    "internalGuest,b2bCollaborationGuest,b2bCollaborationMember,b2bDirectConnectUser,otherExternalUser,serviceProvider"
)


def changed(value: dict[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return the value with the changes; ABSENT removes a key."""
    return {k: v for k, v in {**value, **changes}.items() if v is not ABSENT}


def ago(days: float) -> str:
    """Return Graph's spelling of a time some days before the run's clock."""
    return (TAKEN_AT - timedelta(days=days)).isoformat().replace("+00:00", "Z")


def object_id(number: int, kind: int = 0) -> str:
    """Return a made-up object id; `kind` keeps people, groups and apps apart."""
    return f"{kind:08d}-0000-4000-8000-{number:012d}"


# Single answers


def authorization_policy(**changes: Any) -> dict[str, Any]:
    return changed(
        {
            "id": "authorizationPolicy",
            "allowInvitesFrom": "adminsAndGuestInviters",
            "guestUserRoleId": RESTRICTED_LEVEL,
            "allowedToSignUpEmailBasedSubscriptions": False,
            "allowEmailVerifiedUsersToJoinOrganization": False,
            "allowedToUseSSPR": True,
            "blockMsolPowerShell": True,
            "allowUserConsentForRiskyApps": False,
            "defaultUserRolePermissions": {
                "allowedToCreateApps": False,
                "allowedToCreateSecurityGroups": False,
                "allowedToCreateTenants": False,
                "allowedToReadOtherUsers": True,
                "permissionGrantPoliciesAssigned": ["managePermissionGrantsForOwnedResource.team"],
            },
        },
        changes,
    )


def admin_consent_request_policy(**changes: Any) -> dict[str, Any]:
    return changed({"isEnabled": True, "notifyReviewers": True, "reviewers": []}, changes)


def authentication_flows_policy(*, enabled: Any = False) -> dict[str, Any]:
    return {"id": "authenticationFlowsPolicy", "selfServiceSignUp": {"isEnabled": enabled}}


def security_defaults(*, enabled: Any = False) -> dict[str, Any]:
    return {"id": "00000000-0000-0000-0000-000000000005", "isEnabled": enabled}


def authentication_methods_policy(otp: Any = "default", **changes: Any) -> dict[str, Any]:
    email = {
        "@odata.type": "#microsoft.graph.emailAuthenticationMethodConfiguration",
        "id": "Email",
        "state": "disabled",
        "allowExternalIdToUseEmailOtp": otp,
    }
    fido = {"@odata.type": "#microsoft.graph.fido2AuthenticationMethodConfiguration", "id": "Fido2", "state": "enabled"}
    return {
        "id": "authenticationMethodsPolicy",
        "authenticationMethodConfigurations": [fido, changed(email, changes)],
    }


def b2b_setting(users: str = "blocked", applications: str = "blocked", **targets: Any) -> dict[str, Any]:
    """Return a cross-tenant setting; `users_target` and `applications_target` narrow it."""
    return {
        "usersAndGroups": {
            "accessType": users,
            "targets": [{"target": targets.get("users_target", "AllUsers"), "targetType": "user"}],
        },
        "applications": {
            "accessType": applications,
            "targets": [{"target": targets.get("applications_target", "AllApplications"), "targetType": "application"}],
        },
    }


OPEN = b2b_setting("allowed", "allowed")
CLOSED = b2b_setting("blocked", "blocked")
OFFICE = b2b_setting("allowed", "allowed", applications_target="Office365")
ALL_BUT_ONE = b2b_setting("blocked", "blocked", users_target=object_id(1, 1), applications_target=object_id(1, 4))


def inbound_trust(mfa: Any = False, compliant: Any = False, hybrid: Any = False) -> dict[str, Any]:
    return {
        "isMfaAccepted": mfa,
        "isCompliantDeviceAccepted": compliant,
        "isHybridAzureADJoinedDeviceAccepted": hybrid,
    }


def cross_tenant_default(**changes: Any) -> dict[str, Any]:
    return changed(
        {
            "isServiceDefault": False,
            "inboundTrust": inbound_trust(),
            "b2bCollaborationInbound": CLOSED,
            "b2bCollaborationOutbound": OPEN,
            "b2bDirectConnectInbound": CLOSED,
            "b2bDirectConnectOutbound": CLOSED,
            "automaticUserConsentSettings": {"inboundAllowed": False, "outboundAllowed": False},
            "invitationRedemptionIdentityProviderConfiguration": {
                "primaryIdentityProviderPrecedenceOrder": [
                    "azureActiveDirectory",
                    "externalFederation",
                    "socialIdentityProviders",
                ],
                "fallbackIdentityProvider": "emailOneTimePasscode",
            },
        },
        changes,
    )


# Rows of lists


def partner(number: int = 1, **changes: Any) -> dict[str, Any]:
    return changed(
        {
            "tenantId": object_id(number, 7),
            "isServiceProvider": None,
            "isInMultiTenantOrganization": False,
            "inboundTrust": None,
            "b2bCollaborationInbound": None,
            "b2bCollaborationOutbound": None,
            "b2bDirectConnectInbound": None,
            "b2bDirectConnectOutbound": None,
            "automaticUserConsentSettings": {"inboundAllowed": None, "outboundAllowed": None},
            "identitySynchronization": None,
        },
        changes,
    )


def b2b_policy(
    allowed: Any = ABSENT, blocked: Any = ABSENT, *, inner: Mapping[str, Any] | None = None, **changes: Any
) -> dict[str, Any]:
    """Return a B2B management policy with its domain lists, as Graph stores them."""
    lists = changed({}, {"AllowedDomains": allowed, "BlockedDomains": blocked})
    body = {"B2BManagementPolicy": {"InvitationsAllowedAndBlockedDomainsPolicy": lists, **(inner or {})}}
    return changed(
        {
            "id": object_id(1, 9),
            "displayName": "B2BManagementPolicy",
            "isOrganizationDefault": True,
            "definition": [json.dumps(body)],
        },
        changes,
    )


def guest(number: int = 1, **changes: Any) -> dict[str, Any]:
    """Return an accepted guest with an Entra account of a partner."""
    return changed(
        {
            "id": object_id(number),
            "displayName": f"Guest {number}",
            "userPrincipalName": f"guest{number}_fabrikam.example#EXT#@contoso.onmicrosoft.com",
            "mail": f"guest{number}@fabrikam.example",
            "otherMails": [],
            "userType": "Guest",
            "accountEnabled": True,
            "creationType": "Invitation",
            "externalUserState": "Accepted",
            "externalUserStateChangeDateTime": ago(20),
            "createdDateTime": ago(21),
            "companyName": None,
            "onPremisesSyncEnabled": None,
            "identities": [{"signInType": "federated", "issuer": "ExternalAzureAD", "issuerAssignedId": None}],
            "assignedLicenses": [],
        },
        changes,
    )


def pending(number: int = 1, days: float = 1, **changes: Any) -> dict[str, Any]:
    """Return a guest who has not accepted for some days."""
    state = {
        "externalUserState": "PendingAcceptance",
        "externalUserStateChangeDateTime": ago(days),
        "createdDateTime": ago(days),
    }
    return guest(number, **{**state, **changes})


def group(number: int = 1, **changes: Any) -> dict[str, Any]:
    return changed(
        {
            "id": object_id(number, 1),
            "displayName": f"Group {number}",
            "visibility": "Private",
            "groupTypes": [],
            "securityEnabled": True,
            "mailEnabled": False,
            "isAssignableToRole": False,
            "membershipRule": None,
            "membershipRuleProcessingState": None,
            "assignedLicenses": [],
            "resourceProvisioningOptions": [],
        },
        changes,
    )


def guest_policy(**changes: Any) -> dict[str, Any]:
    """Return a Conditional Access policy that asks every kind of guest for MFA everywhere.

    `users`, `applications`, `conditions` and `grant` change those parts;
    other keywords change the policy itself.
    """
    users = {
        "includeUsers": [],
        "excludeUsers": [],
        "includeGroups": [],
        "excludeGroups": [],
        "includeRoles": [],
        "excludeRoles": [],
        "includeGuestsOrExternalUsers": guest_block(),
        "excludeGuestsOrExternalUsers": None,
    }
    applications = {"includeApplications": ["All"], "excludeApplications": [], "includeUserActions": []}
    conditions = {
        "clientAppTypes": ["all"],
        "signInRiskLevels": [],
        "userRiskLevels": [],
        "platforms": None,
        "locations": None,
        "devices": None,
        "applications": changed(applications, changes.pop("applications", {})),
        "users": changed(users, changes.pop("users", {})),
    }
    grant = {
        "operator": "OR",
        "builtInControls": ["mfa"],
        "customAuthenticationFactors": [],
        "termsOfUse": [],
        "authenticationStrength": None,
    }
    return changed(
        {
            "id": object_id(1, 3),
            "displayName": "Guests: require MFA",
            "state": "enabled",
            "conditions": changed(conditions, changes.pop("conditions", {})),
            "grantControls": changed(grant, changes.pop("grant", {})),
            "sessionControls": None,
        },
        changes,
    )


def guest_block(types: str = ALL_GUEST_TYPES, tenants: Any = None) -> dict[str, Any]:
    """Return includeGuestsOrExternalUsers for some types, in all tenants or those listed."""
    kind = "all" if tenants is None else "enumerated"
    marker = "AllExternalTenants" if tenants is None else "EnumeratedExternalTenants"
    found = {"@odata.type": f"#microsoft.graph.conditionalAccess{marker}", "membershipKind": kind}
    return {
        "guestOrExternalUserTypes": types,
        "externalTenants": found if tenants is None else {**found, "members": tenants},
    }


def sku(*plan_ids: str, **changes: Any) -> dict[str, Any]:
    plans = [{"servicePlanId": p, "servicePlanName": "plan", "provisioningStatus": "Success"} for p in plan_ids]
    return changed(
        {"id": object_id(1, 8), "skuPartNumber": "SKU", "capabilityStatus": "Enabled", "servicePlans": plans}, changes
    )


P1 = sku("41781fb2-bc02-4b7c-bd55-b576c07bb09d")
P2 = sku("41781fb2-bc02-4b7c-bd55-b576c07bb09d", "eec0eb4f-6444-4f95-aba0-50c24d67f998")


# Roles, owners, workloads

GLOBAL_ADMINISTRATOR = "62e90394-69f5-4237-9190-012177145e10"
REPORTS_READER = "4a5d8f65-41da-4de4-8968-e035b65339cf"
GUEST_INVITER = "95e79109-95c0-4d8e-aee3-d01accf2d47b"
GROUP_UNIFIED = "62375ab9-6b52-47ed-826b-58e47e0e304b"


def role_definition(template: str = GLOBAL_ADMINISTRATOR, name: str = "Global Administrator") -> dict[str, Any]:
    return {"id": template, "templateId": template, "displayName": name, "isBuiltIn": True}


ROLE_DEFINITIONS = [
    role_definition(),
    role_definition(REPORTS_READER, "Reports Reader"),
    role_definition(GUEST_INVITER, "Guest Inviter"),
]


def member(number: int = 1, **changes: Any) -> dict[str, Any]:
    """Return one of the tenant's own people, as an expanded principal, owner or member shows them."""
    return changed(
        {
            "@odata.type": "#microsoft.graph.user",
            "id": object_id(number, 5),
            "displayName": f"Member {number}",
            "userPrincipalName": f"member{number}@contoso.example",
            "userType": "Member",
        },
        changes,
    )


def outsider(number: int = 1, **changes: Any) -> dict[str, Any]:
    """Return a guest as an expanded principal, owner or member shows them."""
    row = guest(number)
    kept = {k: row[k] for k in ("id", "displayName", "userPrincipalName", "userType")}
    return changed({"@odata.type": "#microsoft.graph.user", **kept}, changes)


def role_row(principal: Mapping[str, Any], role: str = GLOBAL_ADMINISTRATOR, **changes: Any) -> dict[str, Any]:
    """Return a role assignment or, with an end, an eligibility."""
    return changed(
        {
            "id": f"{role}-{principal.get('id')}",
            "principalId": principal.get("id"),
            "roleDefinitionId": role,
            "directoryScopeId": "/",
            "principal": dict(principal),
        },
        changes,
    )


def application(number: int = 1, **changes: Any) -> dict[str, Any]:
    return changed(
        {
            "id": object_id(number, 2),
            "appId": object_id(number, 4),
            "displayName": f"App {number}",
            "requiredResourceAccess": [],
            "passwordCredentials": [],
            "keyCredentials": [],
            "owners": [member()],
        },
        changes,
    )


def service_principal(number: int = 1, **changes: Any) -> dict[str, Any]:
    return changed(
        {
            "id": object_id(number, 6),
            "appId": object_id(number, 4),
            "displayName": f"App {number}",
            "accountEnabled": True,
            "appRoleAssignmentRequired": True,
            "servicePrincipalType": "Application",
            "passwordCredentials": [],
            "keyCredentials": [],
            "owners": [],
        },
        changes,
    )


def owned_by(number: int, *owners: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Return a row of `group_owners`."""
    return {"id": object_id(number, 1), "owners": list(owners), **more}


def members_of(number: int, *members: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Return a row of `privileged_group_members`."""
    return {"id": object_id(number, 1), "members": list(members), **more}


def in_groups(number: int, *groups: int, **more: Any) -> dict[str, Any]:
    """Return a row of `guest_memberships`: a guest and the numbers of the groups they are in."""
    found = [{"@odata.type": "#microsoft.graph.group", "id": object_id(g, 1)} for g in groups]
    return {"id": object_id(number), "transitiveMemberOf": found, **more}


def group_setting(**values: str) -> dict[str, Any]:
    """Return the tenant's Group.Unified settings."""
    held = {
        "AllowGuestsToBeGroupOwner": "false",
        "AllowGuestsToAccessGroups": "true",
        "AllowToAddGuests": "false",
        "GuestUsageGuidelinesUrl": "",
        "EnableGroupCreation": "true",
    }
    return {
        "id": object_id(1, 9),
        "displayName": "Group.Unified",
        "templateId": GROUP_UNIFIED,
        "values": [{"name": k, "value": v} for k, v in changed(held, values).items()],
    }


def sharepoint_settings(**changes: Any) -> dict[str, Any]:
    return changed(
        {
            "sharingCapability": "externalUserSharingOnly",
            "sharingDomainRestrictionMode": "allowList",
            "sharingAllowedDomainList": ["fabrikam.example"],
            "sharingBlockedDomainList": [],
            "isResharingByExternalUsersEnabled": False,
            "isRequireAcceptingUserToMatchInvitedUserEnabled": True,
        },
        changes,
    )


def team(number: int = 1, creates: Any = False, deletes: Any = False, **changes: Any) -> dict[str, Any]:
    """Return a row of `teams_guest_settings`."""
    rights = {"allowCreateUpdateChannels": creates, "allowDeleteChannels": deletes}
    return changed({"id": object_id(number, 1), "displayName": f"Group {number}", "guestSettings": rights}, changes)


ALL_LOGS = (
    "SignInLogs",
    "NonInteractiveUserSignInLogs",
    "ServicePrincipalSignInLogs",
    "ManagedIdentitySignInLogs",
    "AuditLogs",
    "ProvisioningLogs",
    "MicrosoftGraphActivityLogs",
    "AzureADGraphActivityLogs",
)


def diagnostic_setting(*categories: str, enabled: Any = True, **changes: Any) -> dict[str, Any]:
    """Return a row of `log_export` that sends categories to a workspace."""
    properties = {
        "workspaceId": "/subscriptions/1/resourceGroups/logs/providers/Microsoft.OperationalInsights/workspaces/entra",
        "storageAccountId": None,
        "logs": [{"category": c, "enabled": enabled} for c in categories],
    }
    return {"id": "entra", "name": "entra", "properties": changed(properties, changes)}


# Snapshots and judgements


def gap(name: str, reason: GapReason = GapReason.PERMISSION, detail: str = "", **more: str) -> Gap:
    return Gap(name, reason, detail or f"{name} was refused", **more)


def rows(*found: dict[str, Any], key: str = "id") -> list[dict[str, Any]]:
    """Return rows as evidence holds them: sorted by id."""
    return sorted(found, key=lambda row: str(row.get(key, "")))


def snapshot(*gaps: Gap, **facts: Any) -> Snapshot:
    """Return a snapshot of the facts given; a Gap among them is a gap."""
    held = {
        name: Fact(name, _sorted(name, value), _provenance(name))
        for name, value in facts.items()
        if not isinstance(value, Gap)
    }
    missing = {g.name: g for g in (*gaps, *(v for v in facts.values() if isinstance(v, Gap)))}
    return Snapshot(TENANT, TAKEN_AT, held, missing)


def _sorted(name: str, value: Any) -> Any:
    if not isinstance(value, list) or not all(isinstance(v, dict) for v in value):
        return value
    keyed = ("cross_tenant_partners", "partner_synchronization", "partner_tenants")
    return rows(*value, key="tenantId" if name in keyed else "id")


def _provenance(name: str) -> Provenance:
    return Provenance(
        endpoint=f"v1.0/{name}",
        url=f"https://graph.microsoft.com/v1.0/{name}",
        permission="",
        retrieved_at=TAKEN_AT,
        request_ids=(f"request-{name}",),
        file=f"v1.0/{name}.json",
        sha256="0" * 64,
    )


def config(profile: Profile = Profile.POSTURE, **thresholds: Any) -> Settings:
    """Return settings with some thresholds of their own."""
    return Settings(profile=profile, thresholds=Thresholds(**thresholds))


def verdict(finding: Finding, item: str) -> str:
    """Return what the authority makes of it whose item holds some words."""
    return next(a.verdict for a in finding.authorities if item in a.item)


def judge(code: str, *gaps: Gap, settings: Settings | None = None, **facts: Any) -> Finding:
    """Return one control's finding over the facts given, through the evaluator."""
    chosen = tuple(c for c in catalogue() if c.code == code)
    assert len(chosen) == 1, f"{code} is not in the catalogue"
    found = evaluate(snapshot(*gaps, **facts), settings or Settings(), controls=chosen)
    return found.findings[0]


def counted(name: str, *, thresholds: Thresholds | None = None, **facts: Any) -> Any:
    """Return a tally fed with the guests of the facts given, as the evaluator feeds it."""
    snap = snapshot(**facts)
    cls: type[Tally] = tallies()[name]
    wanted = (n for n in (*cls.needs, *cls.optional) if n != "guests" and n in snap.facts)
    made = cls(TallyContext(TAKEN_AT, thresholds or Thresholds(), {n: snap.facts[n].value for n in wanted}))
    for each in joined(snap):
        made.add(each)
        made.population += 1
    return made
