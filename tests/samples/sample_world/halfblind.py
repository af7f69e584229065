"""Halfblind: a tenant without Entra P1, read with half the permissions: what an audit looks like that could not see."""

from datetime import timedelta

from sample_world import bodies as b
from sample_world import policies as p
from sample_world.ids import at, guid, number, pick, share
from sample_world.logs import audit, by, change, invite, redeem, target
from sample_world.words import CONSUMERS, PARTNERS, person
from sample_world.world import APPLICATIONS, PRINCIPALS, ROLES, XTA, World

GRANTED = (
    "AuditLog.Read.All",
    "CrossTenantInformation.ReadBasic.All",
    "Domain.Read.All",
    "LicenseAssignment.Read.All",
    "Organization.Read.All",
    "Policy.Read.All",
    "RoleManagement.Read.Directory",
    "User.Read.All",
)
"""What the administrator consented to; the other half, group membership among it, was left out."""
KINDS = {"accepted": 34, "pending": 9, "pending-old": 7, "disabled": 4, "consumer": 6}
OFFICE = "203.0.113.12"


def make() -> World:
    """Return the tenant."""
    w = World(
        "halfblind",
        "Halfblind: no Entra P1, half the permissions; what could not be read",
        name="Marlowe & Finch Publishing",
        initial="marlowefinch.onmicrosoft.com",
        primary="marlowefinch.example",
        clock="2026-11-20 08:15",
    )
    w.permissions = GRANTED
    w.comment = "A tenant without Entra ID P1, read with half the permissions."
    _tenant(w)
    _guests(w)
    _directory(w)
    _policies(w)
    _logs(w)
    return w


def _tenant(w: World) -> None:
    plans = ("SHAREPOINTSTANDARD", "EXCHANGE_S_STANDARD", "TEAMS1")
    own = [b.domain(w.primary, default=True), b.domain(w.initial, initial=True)]
    w.add("v1.0/domains", *own)
    w.add("v1.0/organization", b.organization(w.id, w.name, own, "2016-02-09T11:00:00Z", "GB", plans))
    w.add(
        "v1.0/subscribedSkus",
        b.sku(w.id, "O365_BUSINESS_ESSENTIALS", "3b555118-da6a-4418-894f-7df1e2096870", plans, 9, 10),
    )
    for key, name in {"hugo": "Hugo Marlowe", "edith": "Edith Finch", "ravi": "Ravi Sundaram"}.items():
        w.member(key, name)
    for n in range(6):
        first, last = person("publishing staff", n)
        w.member(f"staff-{n}", f"{first} {last}", f"desk{n}")


def _guests(w: World) -> None:
    homes = ("ostara-design.example", "maison-oriel.example", "kaplan-osei.example", "hollowbrook.example")
    for kind, count in KINDS.items():
        for n in range(count):
            key = f"{kind}-{n:02d}"
            home = PARTNERS[pick(homes, key)]
            local = ""
            if kind == "consumer":
                home = CONSUMERS[pick(tuple(CONSUMERS), key)]
                first, last = person(w.sample, key)
                local = f"{first}.{last}.finchguest{n}".encode("ascii", "ignore").decode().lower()
            age = number(100, 900, key) if kind == "pending-old" else number(2, 80, key)
            days = age if kind.startswith("pending") else number(40, 1500, "age", key)
            created = w.clock - timedelta(days=days, minutes=number(1, 900, "minute", key))
            pending = kind.startswith("pending")
            more: dict[str, object] = {} if pending else {"changed": created + timedelta(hours=3)}
            w.guest(
                key,
                home,
                created,
                local=local,
                sponsor="" if share(55, "sponsor", key) else "nobody",
                inviter=pick(("hugo", "edith"), key),
                state="PendingAcceptance" if pending else "Accepted",
                accountEnabled=kind != "disabled",
                **more,
            )


def _directory(w: World) -> None:
    w.add(f"{ROLES}/roleDefinitions", *b.role_definitions())
    w.grant("Global Administrator", "hugo")
    w.grant("User Administrator", "ravi")
    w.group("Illustrators", "edith", "accepted-03", "accepted-11", kind="team", owners=["edith"])
    w.group(
        "Translators", "edith", *(f"accepted-{n:02d}" for n in range(14, 22)), kind="unified", owners=["accepted-14"]
    )
    w.group("sg-print-house", "accepted-05", owners=["ravi"])
    app_id = guid(w.sample, "app", "royalties")
    w.add(
        APPLICATIONS,
        {
            "id": guid(w.sample, "application", "royalties"),
            "appId": app_id,
            "displayName": "Royalties",
            "createdDateTime": "2022-01-15T10:00:00Z",
            "signInAudience": "AzureADMyOrg",
            "requiredResourceAccess": [],
            "passwordCredentials": [],
            "keyCredentials": [],
            "owners": [w.ref("accepted-07")],
        },
    )
    w.add(PRINCIPALS, *b.microsoft_apps(w.sample, locked=False))
    w.add(PRINCIPALS, b.service_principal(w.sample, "Royalties", app_id, appOwnerOrganizationId=w.id))


def _policies(w: World) -> None:
    w.singles["v1.0/policies/authorizationPolicy"] = p.authorization_policy(
        allowInvitesFrom="adminsGuestInvitersAndAllMembers",
        allowEmailVerifiedUsersToJoinOrganization=False,
        allowedToSignUpEmailBasedSubscriptions=False,
    )
    # The documented place needs a permission that was not granted; the older one answers.
    blocked = {"InvitationsAllowedAndBlockedDomainsPolicy": {"BlockedDomains": ["competitor.example"]}}
    policy = p.domain_policy(w.sample, blocked)
    w.add("beta/policies/b2bManagementPolicies", policy)
    w.add(
        "beta/legacy/policies",
        {**policy, "type": "B2BManagementPolicy", "alternativeIdentifier": None, "keyCredentials": []},
        {
            "id": guid(w.sample, "token policy"),
            "deletedDateTime": None,
            "displayName": "Long tokens",
            "isOrganizationDefault": False,
            "definition": ['{"TokenLifetimePolicy":{"Version":1,"AccessTokenLifetime":"04:00:00"}}'],
            "type": "TokenLifetimePolicy",
            "alternativeIdentifier": None,
            "keyCredentials": [],
        },
    )
    w.singles["v1.0/policies/authenticationFlowsPolicy"] = p.authentication_flows(False)
    w.singles["v1.0/policies/authenticationMethodsPolicy"] = p.methods_policy("enabled")
    w.singles["v1.0/policies/identitySecurityDefaultsEnforcementPolicy"] = p.security_defaults(True)
    w.singles["v1.0/policies/adminConsentRequestPolicy"] = p.admin_consent(False)
    w.singles["beta/policies/externalIdentitiesPolicy"] = p.external_identities(True)
    w.singles[XTA] = p.cross_tenant_root(w.sample, ())
    w.singles[f"{XTA}/default"] = p.cross_tenant_default()
    w.add(f"{XTA}/partners", p.partner(PARTNERS["ostara-design.example"].tenant))
    w.add("v1.0/policies/permissionGrantPolicies", *p.consent_policies())
    w.add("v1.0/policies/authenticationStrengthPolicies", *p.strengths())
    w.add("v1.0/identity/identityProviders", p.identity_provider("EmailOTP", "Email One Time Passcode"))
    w.singles["v1.0/admin/sharepoint/settings"] = p.sharepoint("externalUserSharingOnly")
    w.add("v1.0/groupSettings", p.unified_settings(w.sample))
    known = p.tenant_information(PARTNERS["ostara-design.example"])
    w.add("v1.0/tenantRelationships/findTenantInformationByTenantId", known)
    w.add("v1.0/tenantRelationships/findTenantInformationByDomainName", {"id": "ostara-design.example", **known})


def _logs(w: World) -> None:
    edith = by(w, w.users["edith"], OFFICE)
    for n, when in enumerate(("2026-10-30 10:00", "2026-11-14 11:10", "2026-11-18 15:45")):
        start = at(when)
        row = w.guest(
            f"newcomer-{n}",
            PARTNERS["ostara-design.example"],
            start,
            inviter="edith",
            changed=start + timedelta(hours=1),
        )
        invitation = invite(w, start, edith, row, sponsor=w.users["edith"])
        redeem(w, start + timedelta(hours=1), row, invitation, source="Azure AD")
    for n in range(24):
        when = w.clock - timedelta(days=n, minutes=number(20, 600, "change", n))
        row = w.users[f"staff-{number(0, 5, 'changed', n)}"]
        audit(w, when, "Update user", by(w, w.users["ravi"], OFFICE), target(row, change("JobTitle", [], ["Editor"])))
