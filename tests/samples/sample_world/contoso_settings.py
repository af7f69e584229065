"""Contoso's settings: open where they can be open, with an unfinished Conditional Access project."""

from sample_world import bodies as b
from sample_world import hostile
from sample_world import policies as p
from sample_world.governance import connected, package_policy, recurrence, review, team
from sample_world.ids import guid
from sample_world.words import PARTNERS
from sample_world.world import ACCESS, ENTITLEMENTS, REVIEWS, TENANTS, XTA, World

GONE_TENANT = guid("tenant", "nobody knows this one")
MICROSOFT_SUPPORT = "b4c546a4-7dac-46a6-a7dd-ed822a11efd3"
"""Appears as a partner after a support case. Source: https://learn.microsoft.com/entra/external-id/cross-tenant-access-overview"""


def tenant(w: World) -> None:
    """Say who the tenant is and what it pays for."""
    own = [
        b.domain(w.primary, default=True),
        b.domain("contoso-freight.example"),
        b.domain(w.initial, initial=True),
        b.domain("contosogrown.mail.onmicrosoft.com"),
    ]
    w.add("v1.0/domains", *own)
    plans = ("AAD_PREMIUM", "AAD_PREMIUM_P2", "SHAREPOINTENTERPRISE", "EXCHANGE_S_ENTERPRISE", "TEAMS1")
    w.add("v1.0/organization", b.organization(w.id, w.name, own, "2017-03-14T08:20:11Z", "GB", plans))
    w.add(
        "v1.0/subscribedSkus",
        b.sku(w.id, "SPE_E5", "06ebc4ee-1bb5-47dd-8120-11324bc54e06", plans, 36, 40),
        b.sku(w.id, "FLOW_FREE", "f30db892-07e9-47e9-837c-80727f46fd3d", ["FLOW_FREE"], 190, 10000),
        b.sku(w.id, "VISIOCLIENT", "c5928f49-12ba-48f7-ada3-0d743a3601d5", ["VISIO_CLIENT_SUBSCRIPTION"], 24, 25),
    )


def invitations(w: World) -> None:
    """Let anybody invite anybody."""
    w.singles["v1.0/policies/authorizationPolicy"] = p.authorization_policy(
        allowInvitesFrom="everyone",
        guestUserRoleId=b.ROLES["User"],
        allowUserConsentForRiskyApps=True,
        member={
            "permissionGrantPoliciesAssigned": [
                "ManagePermissionGrantsForSelf.microsoft-user-default-legacy",
                "ManagePermissionGrantsForOwnedResource.microsoft-dynamically-managed-permissions-for-team",
            ]
        },
    )
    iberia = PARTNERS["contoso-iberia.example"].tenant
    w.add(
        "beta/policies/b2bManagementPolicies",
        p.domain_policy(
            w.sample,
            {
                "InvitationsAllowedAndBlockedDomainsPolicy": {"BlockedDomains": []},
                "AutoRedeemPolicy": {
                    "AdminConsentedForUsersIntoTenantIds": [],
                    "NoAADConsentForUsersFromTenantsIds": [iberia],
                },
                "PreviewPolicy": {"Features": []},
            },
        ),
    )
    w.singles["v1.0/policies/authenticationFlowsPolicy"] = p.authentication_flows(True)
    w.add(
        "v1.0/identity/b2xUserFlows",
        {
            "id": "B2X_1_SupplierSignUp",
            "userFlowType": "signUpOrSignIn",
            "userFlowTypeVersion": 1.0,
            "apiConnectorConfiguration": {"postFederationSignup": None, "postAttributeCollection": None},
        },
    )
    w.add(
        "v1.0/identity/identityProviders",
        p.identity_provider("AADSignup", "Azure Active Directory Sign up"),
        p.identity_provider("MicrosoftAccount", "Microsoft Account"),
        p.identity_provider("EmailOTP", "Email One Time Passcode"),
        p.identity_provider("Google", "Google"),
        p.identity_provider("Facebook", "Facebook"),
        {
            "@odata.type": "#microsoft.graph.samlOrWsFedExternalDomainFederation",
            "id": guid(w.sample, "federation"),
            "displayName": "Vorwerkstatt GmbH",
            "issuerUri": "https://idp.vorwerkstatt.example/saml/metadata",
            "preferredAuthenticationProtocol": "saml",
        },
    )
    w.singles["v1.0/policies/authenticationMethodsPolicy"] = p.methods_policy("default")
    w.singles["beta/policies/externalIdentitiesPolicy"] = p.external_identities(False)
    w.singles["v1.0/policies/adminConsentRequestPolicy"] = p.admin_consent(False)
    w.add("v1.0/policies/permissionGrantPolicies", *p.consent_policies())


def cross_tenant(w: World) -> None:
    """Trust every tenant by default, and some partners with more."""
    w.singles[XTA] = p.cross_tenant_root(w.sample, ())
    w.singles[f"{XTA}/default"] = p.cross_tenant_default(
        isServiceDefault=False,
        inboundTrust=p.trust(True, compliant=True),
        b2bDirectConnectInbound=p.OPEN,
        b2bDirectConnectOutbound=p.OPEN,
    )
    yes = {"inboundAllowed": True, "outboundAllowed": True}
    teams = {
        "usersAndGroups": {"accessType": "allowed", "targets": [{"target": "AllUsers", "targetType": "user"}]},
        "applications": {"accessType": "allowed", "targets": [{"target": "Office365", "targetType": "application"}]},
    }
    of = {d: c.tenant for d, c in PARTNERS.items()}
    w.add(
        f"{XTA}/partners",
        p.partner(of["northgate-tooling.example"], inboundTrust=p.trust(True), b2bCollaborationInbound=p.OPEN),
        p.partner(of["halden-shipping.example"], inboundTrust=p.trust(True, True, True), b2bDirectConnectInbound=teams),
        p.partner(
            of["quillon-audit.example"], automaticUserConsentSettings={"inboundAllowed": True, "outboundAllowed": None}
        ),
        p.partner(of["zeta-freight.example"], b2bCollaborationInbound=p.SHUT),
        p.partner(
            of["contoso-iberia.example"],
            isInMultiTenantOrganization=True,
            inboundTrust=p.trust(True, True),
            automaticUserConsentSettings=yes,
            identitySynchronization={
                "tenantId": of["contoso-iberia.example"],
                "displayName": "Contoso Iberia",
                "userSyncInbound": {"isSyncAllowed": True},
            },
        ),
        p.partner(guid("tenant", "larkspur-msp.example"), isServiceProvider=True),
        p.partner(MICROSOFT_SUPPORT, isServiceProvider=True),
        p.partner(GONE_TENANT, inboundTrust=p.trust(True)),
    )
    names = {"brightwater-legal.example": hostile.PARTNERS[0], "quillon-audit.example": hostile.PARTNERS[1]}
    for domain, company in PARTNERS.items():
        if company.proof == "entra" and domain != "oldharbour.example":
            known = p.tenant_information(company, names.get(domain))
            w.add(f"{TENANTS}/findTenantInformationByTenantId", known)
            w.add(f"{TENANTS}/findTenantInformationByDomainName", {"id": domain, **known})
    w.add(
        f"{TENANTS}/findTenantInformationByTenantId",
        {
            "tenantId": guid("tenant", "larkspur-msp.example"),
            "federationBrandName": "Larkspur",
            "displayName": "Larkspur Managed Services",
            "defaultDomainName": "larkspurmsp.onmicrosoft.com",
        },
        {
            "tenantId": MICROSOFT_SUPPORT,
            "federationBrandName": None,
            "displayName": "Microsoft Support",
            "defaultDomainName": "mssupport.onmicrosoft.com",
        },
    )
    # The mail domain of this guest company now belongs to another tenant than the one its people sign in from.
    for row in w.lists[f"{TENANTS}/findTenantInformationByDomainName"]:
        if row["id"] == "tarnmoor-energy.example":
            row["tenantId"] = guid("tenant", "tarnmoor bought by somebody")
    w.singles[f"{TENANTS}/multiTenantOrganization"] = {
        "@odata.context": "https://graph.microsoft.com/v1.0/$metadata#tenantRelationships/multiTenantOrganization/$entity",
        "id": guid(w.sample, "mto"),
        "createdDateTime": "2025-05-28T10:00:00Z",
        "displayName": "Contoso Group",
        "description": "Contoso and Contoso Iberia",
        "state": "active",
    }


def conditional_access(w: World) -> None:
    """Leave the project half done: nothing enforced, guests left out, the guest policy switched off."""
    w.singles["v1.0/policies/identitySecurityDefaultsEnforcementPolicy"] = p.security_defaults(False)
    report = "enabledForReportingButNotEnforced"
    excluded = w.ref("sg-ca-exclusions")
    staff = {"includeUsers": ["All"], "excludeGroups": [excluded], "excludeGuestsOrExternalUsers": p.external_types()}
    guests = {"includeUsers": ["GuestsOrExternalUsers"]}
    legacy = ("exchangeActiveSync", "other")
    countries = guid(w.sample, "location", "blocked countries")
    rows = [
        p.access_policy(
            w.sample, "CA01 MFA for staff (pilot)", state=report, users=staff, grant={"builtInControls": ["mfa"]}
        ),
        p.access_policy(
            w.sample,
            "CA02 MFA for guests",
            state="disabled",
            users={"includeGuestsOrExternalUsers": p.external_types(), "excludeGroups": [excluded]},
            grant={"builtInControls": ["mfa"]},
            modified="2026-11-15T18:22:40Z",
        ),
        p.access_policy(
            w.sample,
            "CA03 Block legacy authentication",
            state=report,
            users={"includeUsers": ["All"], "excludeUsers": ["GuestsOrExternalUsers"]},
            clients=legacy,
            grant={"builtInControls": ["block"]},
        ),
        p.access_policy(
            w.sample,
            "CA04 Sign-in frequency for staff",
            state=report,
            users=staff,
            session={"signInFrequency": p.sign_in_frequency(30 * 24)},
        ),
        p.access_policy(
            w.sample,
            "CA05 Terms of use for suppliers",
            state="disabled",
            users=guests,
            grant={"termsOfUse": [guid(w.sample, "terms")]},
        ),
        p.access_policy(
            w.sample,
            "CA06 Administrators in admin portals",
            state=report,
            users={"includeRoles": [b.ROLES["Global Administrator"], b.ROLES["User Administrator"]]},
            apps=("MicrosoftAdminPortals",),
            grant={"builtInControls": ["mfa"]},
        ),
        p.access_policy(
            w.sample,
            "CA07 Block countries",
            state="disabled",
            users={"includeUsers": ["All"]},
            locations={"includeLocations": [countries], "excludeLocations": []},
            grant={"builtInControls": ["block"]},
        ),
    ]
    w.add(f"{ACCESS}/policies", *rows)
    w.add(
        f"{ACCESS}/namedLocations",
        {
            "@odata.type": "#microsoft.graph.countryNamedLocation",
            "id": countries,
            "displayName": "Blocked countries",
            "createdDateTime": "2024-05-06T10:00:00Z",
            "modifiedDateTime": "2024-05-06T10:00:00Z",
            "countriesAndRegions": ["KP", "SY"],
            "includeUnknownCountriesAndRegions": False,
            "countryLookupMethod": "clientIpAddress",
        },
        {
            "@odata.type": "#microsoft.graph.ipNamedLocation",
            "id": guid(w.sample, "location", "offices"),
            "displayName": "Offices",
            "createdDateTime": "2024-05-06T10:00:00Z",
            "modifiedDateTime": "2024-05-06T10:00:00Z",
            "isTrusted": True,
            "ipRanges": [{"@odata.type": "#microsoft.graph.iPv4CidrRange", "cidrAddress": "198.51.100.0/25"}],
        },
    )
    w.add("v1.0/policies/authenticationStrengthPolicies", *p.strengths())


def governance(w: World) -> None:
    """Review staff but not guests; let any outsider take a package that never ends."""
    ines = [w.ref("ines")]
    guests, staff = "/users?$filter=(userType eq 'Guest')", "/users?$filter=(userType eq 'Member')"
    yearly = recurrence("absoluteYearly", 1, "2024-03-04")
    w.add(
        REVIEWS,
        review(w, "Supplier clean-up 2024", guests, "Completed", None, reviewers=ines),
        review(w, "Staff roles, yearly", staff, "InProgress", yearly, reviewers=ines),
    )
    w.singles[f"{ENTITLEMENTS}/settings"] = p.entitlement_settings("none", "P30D")
    w.add(
        f"{ENTITLEMENTS}/assignmentPolicies",
        package_policy(w, "Supplier starter pack", "allExternalUsers", approval=False, expiry=None),
        package_policy(w, "Staff tools", "allMemberUsers", approval=False, expiry="P365D"),
    )
    for name, domain, state in (
        ("Halden Shipping AS", "halden-shipping.example", "configured"),
        ("Ostara Design Studio AB", "ostara-design.example", "configured"),
        ("notcontoso.example", "notcontoso.example", "proposed"),
    ):
        w.add(f"{ENTITLEMENTS}/connectedOrganizations", connected(w, name, domain, state))


def workloads(w: World) -> None:
    """Share with anyone, let guests own groups and delete channels, export half the logs."""
    w.singles["v1.0/admin/sharepoint/settings"] = p.sharepoint("externalUserAndGuestSharing")
    w.add("v1.0/groupSettings", p.unified_settings(w.sample, AllowGuestsToBeGroupOwner="True", AllowToAddGuests="True"))
    for row in w.groups.values():
        if row["resourceProvisioningOptions"]:
            loose = row["displayName"] in ("Supplier Portal", "Project Kestrel")
            w.add("v1.0/teams", team(row, update=loose, delete=row["displayName"] == "Supplier Portal"))
    subscription = f"/subscriptions/{guid(w.sample, 'subscription')}/resourceGroups/logs/providers"
    w.add(
        "arm/providers/microsoft.aadiam/diagnosticSettings",
        {
            "id": "/providers/microsoft.aadiam/diagnosticSettings/archive",
            "type": "Microsoft.AadIam/diagnosticSettings",
            "name": "archive",
            "location": None,
            "properties": {
                "storageAccountId": f"{subscription}/Microsoft.Storage/storageAccounts/contosoarchive",
                "workspaceId": None,
                "eventHubAuthorizationRuleId": None,
                "eventHubName": None,
                "logs": [
                    {"category": c, "enabled": c == "SignInLogs", "retentionPolicy": {"enabled": False, "days": 0}}
                    for c in ("AuditLogs", "SignInLogs", "NonInteractiveUserSignInLogs", "ServicePrincipalSignInLogs")
                ],
            },
        },
    )
