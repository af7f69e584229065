"""Dayone: a tenant as Microsoft hands it over, nothing changed, no guest invited yet.

Every value is the documented default of a new tenant; where none is
documented, the value seen in Microsoft's own examples.
"""

from sample_world import bodies as b
from sample_world import policies as p
from sample_world.ids import at
from sample_world.logs import audit, by, change, target
from sample_world.world import GROUPS, PRINCIPALS, REVIEWS, ROLES, XTA, World


def make() -> World:
    """Return the tenant."""
    w = World(
        "dayone",
        "Dayone: a new tenant with Microsoft's defaults, no guests, no Entra licence",
        name="Freshfield Studio",
        initial="freshfieldstudio.onmicrosoft.com",
        clock="2026-11-20 08:15",
    )
    w.comment = "A new tenant's documented defaults."
    plans = ("SHAREPOINTSTANDARD", "EXCHANGE_S_STANDARD", "TEAMS1")
    own = [b.domain(w.initial, default=True, initial=True)]
    w.add("v1.0/domains", *own)
    w.add("v1.0/organization", b.organization(w.id, w.name, own, "2026-11-19T09:30:12Z", "IE", plans))
    w.add(
        "v1.0/subscribedSkus",
        b.sku(w.id, "O365_BUSINESS_ESSENTIALS", "3b555118-da6a-4418-894f-7df1e2096870", plans, 2, 5),
    )
    licence = [{"disabledPlans": [], "skuId": "3b555118-da6a-4418-894f-7df1e2096870"}]
    founder = w.member("founder", "Orla Feeney", since="2026-11-19 09:30", assignedLicenses=licence)
    w.member("second", "Cian Madden", since="2026-11-19 14:05", assignedLicenses=licence)
    w.add(f"{ROLES}/roleDefinitions", *b.role_definitions())
    w.grant("Global Administrator", "founder")
    _defaults(w)
    audit(
        w,
        at("2026-11-19 14:05:03"),
        "Add user",
        by(w, founder, "198.51.100.200"),
        target(w.users["second"], change("AccountEnabled", [], [True]), change("UserType", [], ["Member"])),
        kind="Add",
    )
    # Lists that are there and empty, said so that nobody takes them for forgotten.
    for path in (
        GROUPS,
        "v1.0/applications",
        f"{XTA}/partners",
        "v1.0/groupSettings",
        "v1.0/identity/conditionalAccess/policies",
        "v1.0/identity/b2xUserFlows",
        "v1.0/directory/deletedItems/microsoft.graph.user",
        "beta/policies/b2bManagementPolicies",
        "beta/legacy/policies",
        REVIEWS,
    ):
        w.lists.setdefault(path, [])
    return w


def _defaults(w: World) -> None:
    w.singles["v1.0/policies/authorizationPolicy"] = p.authorization_policy()
    w.singles["v1.0/policies/authenticationFlowsPolicy"] = p.authentication_flows(False)
    w.singles["v1.0/policies/authenticationMethodsPolicy"] = p.methods_policy("default")
    w.singles["v1.0/policies/identitySecurityDefaultsEnforcementPolicy"] = p.security_defaults(True)
    w.singles["v1.0/policies/adminConsentRequestPolicy"] = p.admin_consent(False)
    w.singles["beta/policies/externalIdentitiesPolicy"] = p.external_identities(True)
    w.singles[XTA] = p.cross_tenant_root(w.sample, ())
    w.singles[f"{XTA}/default"] = p.cross_tenant_default()
    w.singles["v1.0/admin/sharepoint/settings"] = p.sharepoint("externalUserAndGuestSharing")
    w.add("v1.0/policies/permissionGrantPolicies", *p.consent_policies())
    w.add("v1.0/policies/authenticationStrengthPolicies", *p.strengths())
    w.add(
        "v1.0/identity/identityProviders",
        p.identity_provider("AADSignup", "Azure Active Directory Sign up"),
        p.identity_provider("MicrosoftAccount", "Microsoft Account"),
        p.identity_provider("EmailOTP", "Email One Time Passcode"),
    )
    # The command-line clients have no service principal before somebody uses them.
    w.add(PRINCIPALS, *b.microsoft_apps(w.sample, locked=False, clients=()))
