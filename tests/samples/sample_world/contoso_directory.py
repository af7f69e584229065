"""Contoso's groups, applications and roles: where guests have come to hold power."""

from sample_world import bodies as b
from sample_world import hostile
from sample_world import policies as p
from sample_world.contoso_people import FLOW, VISIO, _licence
from sample_world.ids import guid, number, pick, share
from sample_world.world import APPLICATIONS, PRINCIPALS, ROLES, World

PROJECTS = (
    "Linden", "Marlin", "Ochre", "Pumice", "Quarry", "Rushlight", "Saltmarsh", "Thimble", "Umbra", "Vellum", "Wicket",
    "Yarrow", "Zephyr", "Basalt", "Copperfield",
)  # fmt: skip


def groups(w: World) -> None:
    """Add groups and put guests into them."""
    w.group("Project Kestrel Subcontractors", kind="unified", owners=["owen"])
    w.group("Project Kestrel", "owen", "bram", "Project Kestrel Subcontractors", kind="team", owners=["owen", "bram"])
    w.group("Supplier Portal", "owen", "greta", kind="team", owners=["owen"])
    w.group("Brand Refresh", "lucia", kind="team", owners=["petra"])
    w.group("Harbour Dredging Bid", "bram", kind="team", owners=["bram"])
    w.group("Northgate Joint Line", "aiko", "jonas", kind="unified", owners=["aiko", "jonas"])
    finance = w.group("Finance Close", "greta", kind="unified", owners=["greta"])
    finance["settings"] = [p.no_guests_setting(w.sample, finance["id"])]
    for name in PROJECTS:
        w.group(f"Project {name}", "bram", kind="unified", owners=["bram"])
    for n, name in enumerate(hostile.GROUPS):
        w.group(f"hostile-group-{n}", "petra", kind="unified" if n % 2 else "security", name=name, owners=["petra"])
    w.group("sg-vpn-contractors", "bram", owners=["tomas"])
    w.group("sg-erp-users", "greta", owners=["arthur", "greta"])
    w.group("sg-licence-visio", "aiko", owners=["tomas"], assignedLicenses=[{"skuId": VISIO, "disabledPlans": []}])
    w.group("sg-vendor-emergency", "milo", owners=["tomas"])
    w.group("sg-ca-exclusions", "bg1", "bg2", "sg-vendor-emergency", owners=["tomas"])
    w.group("sg-vendor-admins", "felix", "hanne", owners=["tomas", "milo"], isAssignableToRole=True)
    w.group("sg-pim-service-desk", "priya", owners=["tomas"], isAssignableToRole=True)
    _many_memberships(w)

    w.users["active-03"]["sponsors"] = [w.ref("Supplier Portal")]


def _many_memberships(w: World) -> None:
    teams = ["Project Kestrel", "Supplier Portal", "Brand Refresh", "Harbour Dredging Bid", "Northgate Joint Line"]
    ordinary = [*teams, "Project Kestrel Subcontractors", "sg-vpn-contractors", *(f"Project {x}" for x in PROJECTS[:6])]
    for key, row in w.users.items():
        if row["userType"] != "Guest" or not (row["externalUserState"] or "#EXT#" in row["userPrincipalName"]):
            continue
        waiting = row["externalUserState"] == "PendingAcceptance"
        for n in range(number(0, 1 if waiting else 3, "memberships", key)):
            members = w.groups[pick(ordinary, "membership", key, n)]["members"]
            if row["id"] not in members:
                members.append(row["id"])
    # One guest is everywhere: more groups than an expanded list shows.
    for name in [*teams, *(f"Project {x}" for x in PROJECTS), "sg-vpn-contractors", "sg-erp-users"]:
        if w.ref("nils") not in w.groups[name]["members"]:
            w.groups[name]["members"].append(w.ref("nils"))
    for group, keys in {
        "sg-vpn-contractors": ["noor", "disabled-01", "camille", "bruno"],
        "sg-erp-users": ["arthur", "yusuf"],
        "sg-vendor-admins": ["ivo"],
        "Supplier Portal": ["camille", "pending-old-03"],
        "Northgate Joint Line": ["jonas"],
    }.items():
        for key in keys:
            if w.ref(key) not in w.groups[group]["members"]:
                w.groups[group]["members"].append(w.ref(key))
    visio = w.groups["sg-licence-visio"]
    guest = w.users["active-05"]
    visio["members"].append(guest["id"])
    guest["assignedLicenses"] = [{"disabledPlans": [], "skuId": VISIO}]
    guest["licenseAssignmentStates"] = [_licence(VISIO, visio["id"])]


def swept_in(w: World) -> None:
    """Add dynamic groups whose rules let guests in."""
    everyone = [r for r in w.users.values() if r["accountEnabled"]]
    named = [r for r in everyone if "Ltd" in (r["companyName"] or "")]
    guests = [r for r in everyone if r["userType"] == "Guest"]
    for name, rule, members, licence in (
        ("dyn-everyone", "(user.accountEnabled -eq true)", everyone, FLOW),
        ("dyn-suppliers", '(user.companyName -contains "Ltd")', named, VISIO),
        ("dyn-all-guests", '(user.userType -eq "Guest")', guests, ""),
    ):
        row = w.group(name, kind="dynamic", owners=["tomas"], membershipRule=rule)
        row["members"] = [r["id"] for r in members]
        row["assignedLicenses"] = [{"skuId": licence, "disabledPlans": []}] if licence else []


def applications(w: World) -> None:
    """Add applications, some of them owned by guests."""
    w.add(PRINCIPALS, *b.microsoft_apps(w.sample, locked=False))
    graph = next(p for p in w.lists[PRINCIPALS] if p["displayName"] == "Microsoft Graph")
    cli = next(p for p in w.lists[PRINCIPALS] if p["displayName"] == "Microsoft Azure CLI")
    for key, name, owners, secret, roles in (
        (
            "sync",
            hostile.APPS[0],
            ["felix"],
            True,
            ("9e3f62cf-ca93-4989-b6ce-bf83c28f9fe8", "df021288-bdef-4463-88db-98f22de89214"),
        ),
        ("report", hostile.APPS[1], ["felix", "aiko"], False, ()),
        ("bot", "Supplier Onboarding Bot", ["owen"], True, ("741f803b-c850-494e-b5df-cde7c675a1ca",)),
        ("erp", "ERP Connector", ["greta"], False, ()),
    ):  # RoleManagement.ReadWrite.Directory, User.Read.All, User.ReadWrite.All
        app_id = guid(w.sample, "app", key)
        secrets = [_secret(w, key)] if secret else []
        own = [w.ref(o) for o in owners]
        w.add(
            APPLICATIONS,
            {
                "id": guid(w.sample, "application", key),
                "appId": app_id,
                "displayName": name,
                "createdDateTime": "2024-11-02T10:00:00Z",
                "signInAudience": "AzureADMyOrg",
                "requiredResourceAccess": [
                    {"resourceAppId": graph["appId"], "resourceAccess": [{"id": r, "type": "Role"} for r in roles]}
                ]
                if roles
                else [],
                "passwordCredentials": secrets,
                "keyCredentials": [],
                "owners": own,
            },
        )
        row = w.add(PRINCIPALS, b.service_principal(w.sample, name, app_id, appOwnerOrganizationId=w.id, owners=own))
        row["appRoleAssignments"] = [
            {
                **b.app_role_assignment(w.sample, row, graph, "2024-11-02T10:05:00Z"),
                "id": guid(w.sample, "permission", key, r),
                "appRoleId": r,
            }
            for r in roles
        ]
    erp = w.lists[PRINCIPALS][-1]
    for key, resource in (("arthur", erp), ("yusuf", erp), ("pending-old-03", erp), ("felix", cli)):
        row = w.users[key]
        row["appRoleAssignments"] = [b.app_role_assignment(w.sample, row, resource, "2025-03-03T12:00:00Z")]
    w.add(
        "v1.0/oauth2PermissionGrants",
        {
            "id": guid(w.sample, "grant", 1)[:22],
            "clientId": erp["id"],
            "consentType": "Principal",
            "principalId": w.ref("arthur"),
            "resourceId": graph["id"],
            "scope": "User.Read Files.ReadWrite.All offline_access",
        },
    )


def _secret(w: World, key: str) -> dict[str, object]:
    return {
        "keyId": guid(w.sample, "secret", key),
        "displayName": "nightly job",
        "hint": "q7~",
        "startDateTime": "2026-03-01T00:00:00Z",
        "endDateTime": "2028-03-01T00:00:00Z",
        "customKeyIdentifier": None,
        "secretText": None,
    }


def roles(w: World) -> None:
    """Give roles: to staff as they should be, to guests as they should not."""
    w.add(f"{ROLES}/roleDefinitions", *b.role_definitions())
    w.add(
        f"{ROLES}/roleDefinitions",
        {
            "id": guid(w.sample, "role", "custom"),
            "displayName": "Vendor Access Coordinator",
            "description": "",
            "templateId": guid(w.sample, "role", "custom"),
            "isBuiltIn": False,
            "isEnabled": True,
        },
    )
    for role, keys in {
        "Global Administrator": ("ines", "bg1", "bg2"),
        "User Administrator": ("tomas",),
        "Conditional Access Administrator": ("tomas",),
        "Helpdesk Administrator": ("priya", "sg-pim-service-desk"),
        "Security Administrator": ("sven",),
        "Guest Inviter": ("owen", "hanne"),
        "SharePoint Administrator": ("arthur",),
        "Directory Readers": ("ivo", "gideon"),
        "Application Administrator": ("sg-vendor-admins",),
        "Reports Reader": ("dorian",),
        "Directory Synchronization Accounts": ("sync",),
    }.items():
        for key in keys:
            w.grant(role, key)
    w.add(
        f"{ROLES}/roleEligibilityScheduleInstances",
        b.role_schedule("Privileged Role Administrator", w.ref("milo"), "2025-02-01T09:00:00Z", None, eligible=True),
        b.role_schedule(
            "Helpdesk Administrator", w.ref("kenji"), "2026-07-01T09:00:00Z", "2027-01-01T09:00:00Z", eligible=True
        ),
        b.role_schedule("Global Administrator", w.ref("tomas"), "2025-02-01T09:00:00Z", None, eligible=True),
    )
    w.add(
        f"{ROLES}/roleAssignmentScheduleInstances",
        *(
            b.role_schedule(role, w.ref(key), "2025-01-06T09:00:00Z", end, eligible=False)
            for role, key, end in (
                ("Global Administrator", "ines", None),
                ("User Administrator", "tomas", "2027-01-01T00:00:00Z"),
                ("SharePoint Administrator", "arthur", None),
                ("Directory Readers", "ivo", None),
            )
        ),
    )
    group = w.ref("sg-pim-service-desk")
    w.add(
        "v1.0/identityGovernance/privilegedAccess/group/eligibilityScheduleInstances",
        {
            "id": f"{group}_member_{guid(w.sample, 'pim', 'rasmus')}",
            "accessId": "member",
            "groupId": group,
            "principalId": w.ref("active-07"),
            "memberType": "direct",
            "startDateTime": "2026-05-04T08:00:00Z",
            "endDateTime": None,
            "eligibilityScheduleId": f"{group}_member_{guid(w.sample, 'pim schedule', 'rasmus')}",
        },
    )


def registrations(w: World) -> None:
    """Say who registered what; few guests have."""
    admins = {w.ref(k) for k in ("ines", "tomas", "priya", "sven", "bg1", "bg2")}
    for key, row in w.users.items():
        if row["externalUserState"] == "PendingAcceptance" or key == "sync":
            continue
        outside = "#EXT#" in row["userPrincipalName"]
        methods = (
            ["microsoftAuthenticatorPush", "softwareOneTimePasscode"]
            if share(31 if outside else 88, "mfa", key)
            else []
        )
        w.add(
            "v1.0/reports/authenticationMethods/userRegistrationDetails",
            b.registration(row, methods, row["id"] in admins),
        )
