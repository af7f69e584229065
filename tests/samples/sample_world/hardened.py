"""Hardened: a tenant where every control that can hold, holds; guests work in it and nobody notices."""

from datetime import timedelta

from sample_world import bodies as b
from sample_world import policies as p
from sample_world.governance import connected, package_policy, recurrence, review, team
from sample_world.ids import at, guid, number, pick
from sample_world.logs import add_to_group, audit, by, change, invite, redeem, sign_in, target
from sample_world.words import PARTNERS, person
from sample_world.world import (
    ACCESS,
    APPLICATIONS,
    ENTITLEMENTS,
    PRINCIPALS,
    REVIEWS,
    ROLES,
    TENANTS,
    XTA,
    World,
)

HOMES = ("northgate-tooling.example", "halden-shipping.example", "silverfen.example", "maison-oriel.example")
"""The only domains that may be invited; the first three have tenants, which are the partners."""
GUESTS = 26
OFFICE = "198.51.100.66"


def make() -> World:
    """Return the tenant."""
    w = World(
        "hardened",
        "Hardened: every control that can hold, holds; healthy guests",
        name="Aldermere Trust",
        initial="aldermeretrust.onmicrosoft.com",
        primary="aldermere.example",
        clock="2026-11-20 08:15",
    )
    w.licences = ("P1", "P2", "Governance")
    w.comment = "A tenant in which every control that can hold, holds."
    _tenant(w)
    _people(w)
    _groups_and_apps(w)
    _policies(w)
    _cross_tenant(w)
    _conditional_access(w)
    _governance(w)
    _logs(w)
    w.settle_activity()
    return w


def _tenant(w: World) -> None:
    plans = ("AAD_PREMIUM", "AAD_PREMIUM_P2", "SHAREPOINTENTERPRISE", "EXCHANGE_S_ENTERPRISE", "TEAMS1")
    own = [b.domain(w.primary, default=True), b.domain(w.initial, initial=True)]
    w.add("v1.0/domains", *own)
    w.add("v1.0/organization", b.organization(w.id, w.name, own, "2018-06-04T08:00:00Z", "GB", plans))
    w.add(
        "v1.0/subscribedSkus",
        b.sku(w.id, "SPE_E5", "06ebc4ee-1bb5-47dd-8120-11324bc54e06", plans, 14, 20),
        b.sku(w.id, "Microsoft_Entra_ID_Governance", guid("sku", "governance"), ["Entra_Identity_Governance"], 14, 20),
    )


def _people(w: World) -> None:
    for key, name in {
        "rowena": "Rowena Ashdown",
        "idris": "Idris Vaughan",
        "mina": "Mina Okafor",
        "percy": "Percy Lambourne",
    }.items():
        w.member(key, name)
    for key, local in (("bg1", "emergency.one"), ("bg2", "emergency.two")):
        w.member(key, f"Emergency access {local[10:]}", local, userPrincipalName=f"{local}@{w.initial}", mail=None)
    for n in range(8):
        first, last = person("aldermere staff", n)
        w.member(f"staff-{n}", f"{first} {last}", f"staff{n}")
    for n in range(GUESTS):
        key = f"guest-{n:02d}"
        created = w.clock - timedelta(days=number(60, 700, "age", key), hours=number(0, 9, "hour", key))
        row = w.guest(
            key,
            PARTNERS[HOMES[n % len(HOMES)]],
            created,
            sponsor=pick(("mina", "percy", "idris"), "sponsor", key),
            inviter="mina",
            changed=created + timedelta(hours=2),
        )
        w.companies[row["id"]] = PARTNERS[HOMES[n % len(HOMES)]]
    for n, days in enumerate((4, 11)):
        created = w.clock - timedelta(days=days, hours=3)
        w.guest(f"waiting-{n}", PARTNERS[HOMES[n]], created, inviter="mina", state="PendingAcceptance")
    # Switched off last week when a project ended; deleted after the thirty days of the house rule.
    w.users["guest-25"]["accountEnabled"] = False


def _groups_and_apps(w: World) -> None:
    healthy = [f"guest-{n:02d}" for n in range(GUESTS - 1)]
    for name, part in (
        ("Coastal Survey", healthy[::3]),
        ("Archive Digitisation", healthy[1::3]),
        ("Grants Board", healthy[2::5]),
    ):
        row = w.group(name, "mina", "percy", *part, kind="team", owners=["mina", "percy"])
        w.add("v1.0/teams", team(row))
    w.group("Trustees", "rowena", kind="unified", owners=["rowena"])
    w.group("sg-break-glass", "bg1", "bg2", owners=["rowena"], isAssignableToRole=True)
    w.group("sg-directory-operators", "idris", owners=["rowena"], isAssignableToRole=True)
    staff = w.group(
        "dyn-staff",
        *(k for k, r in w.users.items() if r["userType"] == "Member"),
        kind="dynamic",
        owners=["idris"],
        membershipRule='(user.userType -eq "Member") and (user.accountEnabled -eq true)',
    )
    staff["assignedLicenses"] = [{"skuId": "06ebc4ee-1bb5-47dd-8120-11324bc54e06", "disabledPlans": []}]
    w.group(
        "dyn-all-guests",
        *healthy,
        kind="dynamic",
        owners=["idris"],
        membershipRule='(user.userType -eq "Guest") and (user.accountEnabled -eq true)',
    )
    w.add(PRINCIPALS, *b.microsoft_apps(w.sample, locked=True))
    for row in [r for r in w.lists[PRINCIPALS] if r["appRoleAssignmentRequired"]]:
        holder = w.users["idris"]
        holder.setdefault("appRoleAssignments", []).append(
            b.app_role_assignment(w.sample, holder, row, "2025-02-03T09:00:00Z")
        )
    owner = [w.ref("idris")]
    app_id = guid(w.sample, "app", "survey")
    w.add(
        APPLICATIONS,
        {
            "id": guid(w.sample, "application", "survey"),
            "appId": app_id,
            "displayName": "Survey Portal",
            "createdDateTime": "2024-01-15T10:00:00Z",
            "signInAudience": "AzureADMyOrg",
            "requiredResourceAccess": [],
            "passwordCredentials": [],
            "keyCredentials": [],
            "owners": owner,
        },
    )
    portal = w.add(
        PRINCIPALS, b.service_principal(w.sample, "Survey Portal", app_id, appOwnerOrganizationId=w.id, owners=owner)
    )
    for key in healthy[:4]:
        w.users[key]["appRoleAssignments"] = [
            b.app_role_assignment(w.sample, w.users[key], portal, "2026-02-03T09:00:00Z")
        ]
    w.add(f"{ROLES}/roleDefinitions", *b.role_definitions())
    for role, keys in {
        "Global Administrator": ("bg1", "bg2"),
        "Guest Inviter": ("mina",),
        "User Administrator": ("sg-directory-operators",),
        "Global Reader": ("percy",),
    }.items():
        for key in keys:
            w.grant(role, key)
    w.add(
        f"{ROLES}/roleEligibilityScheduleInstances",
        b.role_schedule(
            "Global Administrator", w.ref("rowena"), "2026-03-01T09:00:00Z", "2027-03-01T09:00:00Z", eligible=True
        ),
    )
    w.add(
        f"{ROLES}/roleAssignmentScheduleInstances",
        *(
            b.role_schedule("Global Administrator", w.ref(k), "2025-03-01T09:00:00Z", None, eligible=False)
            for k in ("bg1", "bg2")
        ),
    )
    for row in w.users.values():
        if row["externalUserState"] != "PendingAcceptance":
            w.add(
                "v1.0/reports/authenticationMethods/userRegistrationDetails",
                b.registration(row, ["microsoftAuthenticatorPush", "softwareOneTimePasscode"]),
            )


def _policies(w: World) -> None:
    w.singles["v1.0/policies/authorizationPolicy"] = p.authorization_policy(
        allowInvitesFrom="adminsAndGuestInviters",
        guestUserRoleId=b.ROLES["Restricted Guest User"],
        allowEmailVerifiedUsersToJoinOrganization=False,
        allowedToSignUpEmailBasedSubscriptions=False,
        allowUserConsentForRiskyApps=False,
        blockMsolPowerShell=True,
        member={
            "allowedToCreateApps": False,
            "allowedToCreateSecurityGroups": False,
            "allowedToCreateTenants": False,
            "permissionGrantPoliciesAssigned": [
                "ManagePermissionGrantsForOwnedResource.microsoft-dynamically-managed-permissions-for-team"
            ],
        },
    )
    w.add(
        "beta/policies/b2bManagementPolicies",
        p.domain_policy(w.sample, {"InvitationsAllowedAndBlockedDomainsPolicy": {"AllowedDomains": list(HOMES)}}),
    )
    w.singles["v1.0/policies/authenticationFlowsPolicy"] = p.authentication_flows(False)
    w.lists["v1.0/identity/b2xUserFlows"] = []
    w.singles["v1.0/policies/authenticationMethodsPolicy"] = p.methods_policy("enabled")
    w.singles["v1.0/policies/identitySecurityDefaultsEnforcementPolicy"] = p.security_defaults(False)
    w.singles["v1.0/policies/adminConsentRequestPolicy"] = p.admin_consent(True, [w.ref("rowena"), w.ref("idris")])
    w.singles["beta/policies/externalIdentitiesPolicy"] = p.external_identities(True)
    w.add("v1.0/policies/permissionGrantPolicies", *p.consent_policies())
    w.add("v1.0/policies/authenticationStrengthPolicies", *p.strengths())
    w.add(
        "v1.0/identity/identityProviders",
        p.identity_provider("AADSignup", "Azure Active Directory Sign up"),
        p.identity_provider("EmailOTP", "Email One Time Passcode"),
    )
    w.singles["v1.0/admin/sharepoint/settings"] = p.sharepoint(
        "existingExternalUserSharingOnly",
        sharingDomainRestrictionMode="allowList",
        sharingAllowedDomainList=list(HOMES[:3]),
        isResharingByExternalUsersEnabled=False,
        isRequireAcceptingUserToMatchInvitedUserEnabled=True,
        isLegacyAuthProtocolsEnabled=False,
    )
    w.add(
        "v1.0/groupSettings",
        p.unified_settings(
            w.sample, AllowToAddGuests="false", GuestUsageGuidelinesUrl="https://aldermere.example/guests"
        ),
    )


def _cross_tenant(w: World) -> None:
    w.singles[XTA] = p.cross_tenant_root(w.sample, ())
    default = p.cross_tenant_default(isServiceDefault=False, b2bCollaborationInbound=p.SHUT)
    default["invitationRedemptionIdentityProviderConfiguration"] = {
        "primaryIdentityProviderPrecedenceOrder": ["azureActiveDirectory"],
        "fallbackIdentityProvider": "emailOneTimePasscode",
    }
    w.singles[f"{XTA}/default"] = default
    for domain in HOMES[:3]:
        company = PARTNERS[domain]
        w.add(f"{XTA}/partners", p.partner(company.tenant, b2bCollaborationInbound=p.OPEN))
        known = p.tenant_information(company)
        w.add(f"{TENANTS}/findTenantInformationByTenantId", known)
        w.add(f"{TENANTS}/findTenantInformationByDomainName", {"id": domain, **known})


def _conditional_access(w: World) -> None:
    safe = [w.ref("sg-break-glass")]
    everyone = {"includeUsers": ["All"], "excludeGroups": safe}
    guests = {"includeGuestsOrExternalUsers": p.external_types()}
    block, mfa = {"builtInControls": ["block"]}, {"builtInControls": ["mfa"]}
    azure = b.APPS["Windows Azure Service Management API"]
    w.add(
        f"{ACCESS}/policies",
        p.access_policy(w.sample, "MFA for everybody", users=everyone, grant=mfa),
        p.access_policy(w.sample, "Guests: MFA", users=guests, grant=mfa),
        p.access_policy(
            w.sample,
            "Block legacy authentication",
            users=everyone,
            clients=("exchangeActiveSync", "other"),
            grant=block,
        ),
        p.access_policy(
            w.sample,
            "Guests: short sessions",
            users=guests,
            session={
                "signInFrequency": p.sign_in_frequency(12),
                "persistentBrowser": {"mode": "never", "isEnabled": True},
            },
        ),
        p.access_policy(
            w.sample, "Guests: terms of use", users=guests, grant={"termsOfUse": [guid(w.sample, "terms")]}
        ),
        p.access_policy(
            w.sample,
            "Guests: no admin portals",
            users=guests,
            apps=(azure, "MicrosoftAdminPortals"),
            grant=block,
        ),
    )
    w.add(
        f"{ACCESS}/namedLocations",
        {
            "@odata.type": "#microsoft.graph.ipNamedLocation",
            "id": guid(w.sample, "location", "office"),
            "displayName": "Office",
            "createdDateTime": "2024-05-06T10:00:00Z",
            "modifiedDateTime": "2024-05-06T10:00:00Z",
            "isTrusted": True,
            "ipRanges": [{"@odata.type": "#microsoft.graph.iPv4CidrRange", "cidrAddress": "198.51.100.64/27"}],
        },
    )


def _governance(w: World) -> None:
    monthly = review(
        w,
        "Guests, monthly, by their sponsors",
        "./members/microsoft.graph.user/?$count=true&$filter=(userType eq 'Guest')",
        "InProgress",
        recurrence("absoluteMonthly", 1, "2025-01-06"),
        reviewers=[w.ref("mina"), w.ref("percy")],
    )
    monthly["instanceEnumerationScope"] = {
        "@odata.type": "#microsoft.graph.accessReviewQueryScope",
        "query": "/groups?$filter=(groupTypes/any(c:c+eq+'Unified'))&$count=true",
        "queryType": "MicrosoftGraph",
        "queryRoot": None,
    }
    monthly["settings"] |= {
        "defaultDecisionEnabled": True,
        "defaultDecision": "Deny",
        "instanceDurationInDays": 10,
        "autoApplyDecisionsEnabled": True,
        "applyActions": [{"@odata.type": "#microsoft.graph.removeAccessApplyAction"}],
    }
    whole = review(
        w,
        "All guests, quarterly",
        "/v1.0/users?$filter=(userType eq 'Guest')&$count=true",
        "InProgress",
        recurrence("absoluteMonthly", 3, "2025-02-03"),
        reviewers=[w.ref("mina")],
    )
    whole["settings"] |= monthly["settings"] | {
        "applyActions": [{"@odata.type": "#microsoft.graph.disableAndDeleteUserApplyAction"}],
        "recurrence": recurrence("absoluteMonthly", 3, "2025-02-03"),
    }
    w.add(REVIEWS, monthly, whole)
    w.singles[f"{ENTITLEMENTS}/settings"] = p.entitlement_settings("blockSignInAndDelete", "P30D")
    policy = package_policy(
        w, "Survey partners", "specificConnectedOrganizationUsers", approval=True, expiry="P180D", reviews=True
    )
    w.add(f"{ENTITLEMENTS}/assignmentPolicies", policy)
    for domain in HOMES[:3]:
        row = connected(w, PARTNERS[domain].name, domain, "configured")
        w.add(f"{ENTITLEMENTS}/connectedOrganizations", row)
        policy["specificAllowedTargets"].append(
            {
                "@odata.type": "#microsoft.graph.connectedOrganizationMembers",
                "connectedOrganizationId": row["id"],
                "description": row["displayName"],
            }
        )
    workspace = f"/subscriptions/{guid(w.sample, 'subscription')}/resourceGroups/siem/providers"
    categories = (
        *("AuditLogs", "SignInLogs", "NonInteractiveUserSignInLogs", "ServicePrincipalSignInLogs"),
        *("ManagedIdentitySignInLogs", "ProvisioningLogs", "RiskyUsers", "UserRiskEvents"),
        *("MicrosoftGraphActivityLogs", "AzureADGraphActivityLogs"),
    )
    w.add(
        "arm/providers/microsoft.aadiam/diagnosticSettings",
        {
            "id": "/providers/microsoft.aadiam/diagnosticSettings/siem",
            "type": "Microsoft.AadIam/diagnosticSettings",
            "name": "siem",
            "location": None,
            "properties": {
                "storageAccountId": None,
                "workspaceId": f"{workspace}/Microsoft.OperationalInsights/workspaces/aldermere",
                "eventHubAuthorizationRuleId": None,
                "eventHubName": None,
                "logs": [
                    {"category": c, "enabled": True, "retentionPolicy": {"enabled": False, "days": 0}}
                    for c in categories
                ],
            },
        },
    )


def _logs(w: World) -> None:
    mina, idris = by(w, w.users["mina"], OFFICE), by(w, w.users["idris"], OFFICE)
    sponsor = w.users["mina"]
    for n in range(2):
        row = w.users[f"waiting-{n}"]
        invite(
            w, at(row["createdDateTime"][:19].replace("T", " ")), mina, row, roles=("Guest Inviter",), sponsor=sponsor
        )
    for n, when in enumerate(("2026-10-27 10:00", "2026-11-05 14:30", "2026-11-12 09:20")):
        start = at(when)
        row = w.guest(f"new-{n}", PARTNERS[HOMES[n]], start, inviter="mina", changed=start + timedelta(hours=20))
        invitation = invite(w, start, mina, row, roles=("Guest Inviter",), sponsor=sponsor)
        redeem(w, start + timedelta(hours=20), row, invitation, source="Azure AD")
        add_to_group(w, start + timedelta(days=4, hours=2), mina, row, w.groups["Coastal Survey"])
        w.groups["Coastal Survey"]["members"].append(row["id"])
        w.groups["dyn-all-guests"]["members"].append(row["id"])
        w.add(
            "v1.0/reports/authenticationMethods/userRegistrationDetails",
            b.registration(row, ["microsoftAuthenticatorPush"]),
        )
    leaver = w.users["guest-25"]
    audit(
        w, at("2026-11-13 16:00"), "Disable account", idris, target(leaver, change("AccountEnabled", [True], [False]))
    )
    for n in range(30):
        when = w.clock - timedelta(days=n, minutes=number(30, 700, "change", n))
        row = w.users[f"staff-{number(0, 7, 'changed', n)}"]
        audit(w, when, pick(("Reset user password", "Update user", "Change user password"), n), idris, target(row))
    start = w.clock - timedelta(days=29)
    for key, row in w.users.items():
        if row["externalUserState"] == "PendingAcceptance" or key.startswith("bg") or not row["accountEnabled"]:
            continue
        place = w.companies[row["id"]].city if row["id"] in w.companies else "London"
        visits = 1 if key.startswith("new-") else number(2, 4, "visits", key)
        for n in range(visits):
            when = start + timedelta(minutes=number(60, 41_000, "visit", key, n))
            if key.startswith("new-"):
                when = w.clock - timedelta(days=n + 1, hours=number(1, 9, "visit", key))
            app = pick(("Microsoft Teams", "Office 365 SharePoint Online"), key, n)
            sign_in(w, when, row, app, place, access="success")
            if n == 0 and key.startswith("guest-"):
                sign_in(w, when + timedelta(minutes=55), row, app, place, quiet=True, access="success")
