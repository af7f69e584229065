"""A whole tenant as facts, in which every control that can pass does."""

from typing import Any

from posture.settings import Settings, Thresholds
from tests import facts as f

PARTNER = f.object_id(1, 7)
KEPT = Settings(
    thresholds=Thresholds(approved_partner_tenant_ids=(PARTNER, f.object_id(2, 7)), own_tenant_ids=(PARTNER,))
)
"""What the kept tenant decided: one of its two partners is a tenant of its own."""
NEGLECTED = Settings(
    thresholds=Thresholds(approved_partner_tenant_ids=(f.object_id(8, 7),), own_tenant_ids=(f.object_id(9, 7),))
)
"""The lists the neglected tenant keeps, and does not act on."""
CLIENTS = (
    "1b730954-1685-4b74-9bfd-dac224a7b894",
    "1950a258-227b-4e31-a9cf-717495945fc2",
    "04b07795-8ddb-461a-bbee-02f9e1bf7b46",
    "14d82eec-204b-4c2f-b7e8-296a70dab67e",
    "de8bc8b5-d9f9-48b1-a8ad-b748da725064",
)


def kept_tenant() -> dict[str, Any]:
    """Return fresh facts; a test changes what it is about."""
    admins = {"@odata.type": "#microsoft.graph.group", "id": f.object_id(3, 1), "displayName": "Group 3"}
    return {
        **_settings(),
        **_guests(),
        "role_definitions": list(f.ROLE_DEFINITIONS),
        "role_assignments": f.rows(f.role_row(f.member(1)), f.role_row(admins, f.REPORTS_READER)),
        "role_eligibilities": [f.role_row(f.member(2), endDateTime=f.ago(-30))],
        "role_assignment_schedules": [
            {
                "id": "s1",
                "principalId": f.object_id(1, 5),
                "roleDefinitionId": f.GLOBAL_ADMINISTRATOR,
                "endDateTime": None,
            }
        ],
        "groups": [
            f.group(1, groupTypes=["Unified"], resourceProvisioningOptions=["Team"], mailEnabled=True),
            f.group(2, groupTypes=["DynamicMembership"], membershipRule='(user.userType -eq "Member")'),
            f.group(3, isAssignableToRole=True),
            f.group(
                4,
                groupTypes=["DynamicMembership"],
                membershipRule='(user.userType -eq "Guest")',
                membershipRuleProcessingState="On",
            ),
        ],
        "group_owners": [f.owned_by(n, f.member(1), f.member(2)) for n in (1, 2, 3, 4)],
        "privileged_group_members": [f.members_of(3, f.member(1))],
        "group_eligibilities": [
            {
                "id": "ge1",
                "groupId": f.object_id(3, 1),
                "principalId": f.object_id(2, 5),
                "accessId": "member",
                "endDateTime": f.ago(-30),
            }
        ],
        "group_settings": [f.group_setting()],
        "group_setting_overrides": [{"id": f.object_id(1, 1), "settings": []}],
        "teams_guest_settings": [f.team(1)],
        "applications": [f.application(1)],
        "service_principals": f.rows(
            f.service_principal(1),
            *(
                f.service_principal(n, appId=client, displayName=f"Client {n}")
                for n, client in enumerate(CLIENTS, start=10)
            ),
        ),
        "owned_app_permissions": [],
        "client_app_assignments": [
            {
                "id": f.object_id(n, 6),
                "appRoleAssignedTo": [
                    {"principalId": f.object_id(1, 5), "principalType": "User", "principalDisplayName": "Member 1"}
                ],
            }
            for n in range(10, 15)
        ],
        "sharepoint_settings": f.sharepoint_settings(),
        "log_export": [f.diagnostic_setting(*f.ALL_LOGS)],
        "directory_audits": [
            {
                "id": "a1",
                "activityDisplayName": "Update user",
                "activityDateTime": f.ago(1),
                "result": "success",
                "initiatedBy": {"user": {"id": f.object_id(1, 5)}},
                "targetResources": [{"id": f.object_id(1, 5)}],
            }
        ],
        "sign_ins": [{"id": f"s{n}", "userId": f.object_id(n), "homeTenantId": f.object_id(n, 7)} for n in (1, 2)],
        "sign_ins_non_interactive": [],
        "user_count": {"value": 50},
        "group_count": {"value": 4},
        "application_count": {"value": 1},
    }


def _settings() -> dict[str, Any]:
    return {
        "organization": [
            {"id": f.TENANT.id, "displayName": "Contoso", "verifiedDomains": [{"name": "contoso.example"}]}
        ],
        "domains": [{"id": "contoso.example", "isDefault": True, "isInitial": False, "isVerified": True}],
        "subscribed_skus": [f.P2],
        "authorization_policy": f.authorization_policy(),
        "admin_consent_request_policy": f.admin_consent_request_policy(),
        "b2b_management_policies": [f.b2b_policy(allowed=["fabrikam.example"])],
        "cross_tenant_default": f.cross_tenant_default(),
        "cross_tenant_access_policy": {"allowedCloudEndpoints": []},
        "cross_tenant_partners": [
            f.partner(1, automaticUserConsentSettings={"inboundAllowed": True, "outboundAllowed": None}),
            f.partner(2, identitySynchronization=f.ABSENT),
        ],
        "partner_synchronization": [
            {
                "tenantId": f.object_id(2, 7),
                "identitySynchronization": {"userSyncInbound": {"isSyncAllowed": False}},
            }
        ],
        "partner_tenants": [],
        "authentication_flows_policy": f.authentication_flows_policy(),
        "b2x_user_flows": [],
        "identity_providers": [],
        "authentication_methods_policy": f.authentication_methods_policy(),
        "security_defaults": f.security_defaults(),
        "conditional_access_policies": _policies(),
        "authentication_strengths": [],
        "access_reviews": [_review()],
        "assignment_policies": [_package_policy()],
        "entitlement_settings": {
            "externalUserLifecycleAction": "blockSignInAndDelete",
            "durationUntilExternalUserDeletedAfterBlocked": "P30D",
        },
        "connected_organizations": [],
    }


def _policies() -> list[dict[str, Any]]:
    session = {
        "signInFrequency": {"isEnabled": True, "type": "hours", "value": 12, "frequencyInterval": "timeBased"},
        "persistentBrowser": {"isEnabled": True, "mode": "never"},
    }
    portals = {"includeApplications": ["797f4846-ba00-4fd7-ba43-dac1f8f63013", "MicrosoftAdminPortals"]}
    block = {"builtInControls": ["block"]}
    return f.rows(
        f.guest_policy(id=f.object_id(1, 3), sessionControls=session),
        f.guest_policy(
            id=f.object_id(2, 3), grant=block, conditions={"clientAppTypes": ["exchangeActiveSync", "other"]}
        ),
        f.guest_policy(id=f.object_id(3, 3), grant=block, applications=portals),
        f.guest_policy(id=f.object_id(4, 3), grant={"builtInControls": [], "termsOfUse": [f.object_id(1, 9)]}),
    )


def _review() -> dict[str, Any]:
    return {
        "id": f.object_id(1, 9),
        "displayName": "Guests in groups",
        "status": "InProgress",
        "instanceEnumerationScope": {"query": "/groups?$filter=(groupTypes/any(c:c+eq+'Unified'))"},
        "scope": {"query": "./members/microsoft.graph.user/?$filter=(userType eq 'Guest')"},
        "reviewers": [{"query": "./owners", "queryType": "MicrosoftGraph"}],
        "settings": {
            "autoApplyDecisionsEnabled": True,
            "defaultDecisionEnabled": True,
            "defaultDecision": "Deny",
            "instanceDurationInDays": 14,
            "recurrence": {
                "pattern": {"type": "absoluteMonthly", "interval": 3},
                "range": {"type": "noEnd", "startDate": "2025-01-01"},
            },
        },
    }


def _package_policy() -> dict[str, Any]:
    return {
        "id": f.object_id(2, 9),
        "displayName": "Partners",
        "allowedTargetScope": "specificConnectedOrganizationUsers",
        "requestApprovalSettings": {"isApprovalRequiredForAdd": True},
        "expiration": {"type": "afterDuration", "duration": "P90D"},
        "reviewSettings": {"isEnabled": True},
        "accessPackage": {"id": f.object_id(3, 9), "displayName": "Partner package"},
    }


def _old(number: int) -> dict[str, Any]:
    return f.guest(
        number,
        createdDateTime=f.ago(300),
        externalUserStateChangeDateTime=f.ago(299),
        licenseAssignmentStates=[],
    )


def _guests() -> dict[str, Any]:
    ids = [f.object_id(n) for n in (1, 2, 3)]
    groups = {1: (1, 4), 2: (4,), 3: ()}
    return {
        "guests": [_old(1), _old(2), f.pending(3, 5, licenseAssignmentStates=[])],
        "guest_sign_in_activity": [
            {"id": i, "signInActivity": {"lastSuccessfulSignInDateTime": f.ago(3), "lastSignInDateTime": f.ago(3)}}
            for i in ids
        ],
        "guest_sponsors": [{"id": i, "sponsors": [f.member(1, accountEnabled=True)]} for i in ids],
        "guest_memberships": [f.in_groups(n, *found) for n, found in groups.items()],
        "guest_owned_objects": [{"id": i, "ownedObjects": []} for i in ids],
        "guest_app_roles": [{"id": i, "appRoleAssignments": []} for i in ids],
        "guest_domain_tenants": [{"id": "fabrikam.example", "tenantId": f.object_id(1, 7), "displayName": "Fabrikam"}],
        "external_members": [],
        "deleted_users": [],
        "guest_registration_details": [
            {"id": i, "userType": "guest", "isMfaRegistered": True, "isMfaCapable": True, "methodsRegistered": []}
            for i in ids
        ],
    }


def neglected_tenant() -> dict[str, Any]:
    """Return fresh facts of a tenant in which every control that can fail does, as far as they do not exclude it."""
    kept = kept_tenant()
    everyone = f.authorization_policy(
        allowInvitesFrom="everyone",
        guestUserRoleId=f.MEMBER_LEVEL,
        allowedToSignUpEmailBasedSubscriptions=True,
        allowEmailVerifiedUsersToJoinOrganization=True,
        allowUserConsentForRiskyApps=True,
        defaultUserRolePermissions={
            "allowedToCreateApps": True,
            "allowedToCreateSecurityGroups": True,
            "allowedToCreateTenants": True,
            "allowedToReadOtherUsers": True,
            "permissionGrantPoliciesAssigned": ["managePermissionGrantsForSelf.microsoft-user-default-legacy"],
        },
    )
    return {
        **kept,
        **_neglected_guests(),
        "authorization_policy": everyone,
        "admin_consent_request_policy": f.admin_consent_request_policy(isEnabled=False),
        "b2b_management_policies": [f.b2b_policy(blocked=[])],
        "cross_tenant_default": f.cross_tenant_default(
            b2bCollaborationInbound=f.OPEN,
            b2bDirectConnectInbound=f.OPEN,
            inboundTrust=f.inbound_trust(True, True, True),
        ),
        "cross_tenant_partners": [
            f.partner(
                1,
                inboundTrust=f.inbound_trust(True, True, True),
                b2bCollaborationInbound=f.OPEN,
                automaticUserConsentSettings={"inboundAllowed": True, "outboundAllowed": None},
                identitySynchronization={"userSyncInbound": {"isSyncAllowed": True}},
            )
        ],
        "authentication_flows_policy": f.authentication_flows_policy(enabled=True),
        "conditional_access_policies": [],
        "role_assignments": f.rows(f.role_row(f.member(1)), f.role_row(f.outsider(1))),
        "groups": [
            f.group(1, groupTypes=["Unified"], resourceProvisioningOptions=["Team"], mailEnabled=True),
            f.group(
                2,
                groupTypes=["DynamicMembership"],
                membershipRule="user.objectId -ne null",
                assignedLicenses=[{"skuId": f.object_id(1, 8)}],
            ),
            f.group(3, isAssignableToRole=True),
            f.group(4),
        ],
        "group_owners": [f.owned_by(n, f.outsider(1)) for n in (1, 2, 3, 4)],
        "privileged_group_members": [f.members_of(3, f.outsider(1))],
        "group_settings": [f.group_setting(AllowGuestsToBeGroupOwner="true")],
        "teams_guest_settings": [f.team(1, creates=True, deletes=True)],
        "applications": [f.application(1, owners=[f.outsider(1)], passwordCredentials=[{"keyId": "k"}])],
        "service_principals": [f.service_principal(1, owners=[f.outsider(1)])],
        "owned_app_permissions": [{"id": f.object_id(1, 6), "appRoleAssignments": [{"appRoleId": "r"}]}],
        "client_app_assignments": [],
        "sharepoint_settings": f.sharepoint_settings(
            sharingCapability="externalUserAndGuestSharing",
            sharingDomainRestrictionMode="none",
            isResharingByExternalUsersEnabled=True,
            isRequireAcceptingUserToMatchInvitedUserEnabled=False,
        ),
        "subscribed_skus": [f.P2],
        "access_reviews": [],
        "entitlement_settings": {
            "externalUserLifecycleAction": "none",
            "durationUntilExternalUserDeletedAfterBlocked": "P30D",
        },
        "log_export": [],
    }


def _reset() -> dict[str, Any]:
    return {
        "id": "a1",
        "activityDisplayName": "Invite external user with reset invitation status",
        "activityDateTime": f.ago(1),
        "result": "success",
        "initiatedBy": {"user": {"id": f.object_id(7, 5)}},
        "targetResources": [{"id": f.object_id(1)}],
    }


def _neglected_guests() -> dict[str, Any]:
    ids = [f.object_id(n) for n in (1, 2, 3, 4)]
    licence = [{"skuId": f.object_id(1, 8)}]
    return {
        "guests": [
            f.guest(
                1, createdDateTime=f.ago(900), externalUserStateChangeDateTime=f.ago(899), assignedLicenses=licence
            ),
            f.guest(
                2,
                mail="guest2@gmail.com",
                userPrincipalName="guest2_gmail.com#EXT#@contoso.onmicrosoft.com",
                createdDateTime=f.ago(900),
                externalUserStateChangeDateTime=f.ago(899),
                accountEnabled=False,
            ),
            f.pending(3, 400),
            f.guest(
                4,
                mail="guest4@gmail.com",
                userPrincipalName="guest4_gmail.com#EXT#@contoso.onmicrosoft.com",
                createdDateTime=f.ago(100),
                externalUserStateChangeDateTime=f.ago(99),
            ),
        ],
        "external_members": [f.guest(9, userType="Member")],
        "guest_domain_tenants": [{"id": "zzz.example", "tenantId": f.object_id(6, 7)}],
        "directory_audits": [_reset()],
        "guest_sign_in_activity": [
            {
                "id": ids[0],
                "signInActivity": {"lastSuccessfulSignInDateTime": f.ago(500), "lastSignInDateTime": f.ago(500)},
            },
            *({"id": i} for i in ids[1:]),
        ],
        "guest_sponsors": [{"id": i, "sponsors": []} for i in ids],
        "guest_memberships": [f.in_groups(n, 1, 2) for n in (1, 2, 3, 4)],
        "guest_owned_objects": [
            {"id": i, "ownedObjects": [{"@odata.type": "#microsoft.graph.group", "id": f.object_id(1, 1)}]} for i in ids
        ],
        "guest_app_roles": [{"id": i, "appRoleAssignments": []} for i in ids],
        "guest_registration_details": [
            {"id": i, "userType": "guest", "isMfaRegistered": False, "isMfaCapable": False, "methodsRegistered": []}
            for i in ids
        ],
    }
