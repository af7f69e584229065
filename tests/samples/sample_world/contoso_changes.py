"""What was changed at Contoso: roles for newcomers, a guest made a member, settings loosened within a fortnight."""

import json
from datetime import timedelta

from sample_world import hostile
from sample_world.bodies import Json, role_schedule
from sample_world.contoso_invitations import newcomer
from sample_world.contoso_people import OFFICE
from sample_world.contoso_sign_ins import visit
from sample_world.ids import at, guid, number, pick
from sample_world.logs import (
    add_to_group,
    add_to_role,
    address,
    audit,
    by,
    change,
    sign_in,
    target,
)
from sample_world.words import PARTNERS, person
from sample_world.world import PRINCIPALS, World


def chain_to_power(w: World) -> None:
    """Invited at nine, in at a quarter past, User Administrator by half past; then used."""
    priya = w.users["priya"]
    desk = by(w, priya, "203.0.113.44")
    rhea = newcomer(
        w,
        "rhea",
        "nimbus-staffing.example",
        "2026-11-12 09:02:11",
        "Rhea Moss",
        "priya",
        accepted="2026-11-12 09:17:40",
    )
    add_to_role(w, at("2026-11-12 09:31:05"), desk, rhea, "User Administrator")
    w.grant("User Administrator", "rhea")
    mine = by(w, rhea, address(rhea["id"], "Lagos"))
    sign_in(w, at("2026-11-12 09:36"), rhea, "Azure Portal", "Lagos", risk="medium")
    sign_in(w, at("2026-11-12 09:49"), rhea, "Microsoft Graph Command Line Tools", "Lagos", system="Linux")
    audit(w, at("2026-11-12 09:52"), "Reset user password", mine, target(w.users["staff-03"]), kind="Update")
    felix_app = next(p for p in w.lists[PRINCIPALS] if p["displayName"] == hostile.APPS[0])
    audit(
        w,
        at("2026-11-12 10:04"),
        "Add service principal credentials",
        mine,
        target(
            felix_app,
            change("KeyDescription", [], ["[KeyIdentifier=made-up,KeyType=Password,KeyUsage=Verify]"]),
            kind="ServicePrincipal",
        ),
        category="ApplicationManagement",
    )
    # Two more roads to power: eligible in PIM, and owner of an application.
    tomas = by(w, w.users["tomas"], OFFICE)
    omar = newcomer(
        w, "omar", "silverfen.example", "2026-11-16 13:00", "Omar Cisse", "aiko", accepted="2026-11-16 13:21"
    )
    add_to_role(
        w,
        at("2026-11-17 08:40"),
        tomas,
        omar,
        "Exchange Administrator",
        "Add eligible member to role in PIM completed (permanent)",
        service="PIM",
    )
    w.add(
        "v1.0/roleManagement/directory/roleEligibilityScheduleInstances",
        role_schedule("Exchange Administrator", w.ref("omar"), "2026-11-17T08:40:00Z", None, eligible=True),
    )
    vic = newcomer(
        w, "vic", "pemberwick.example", "2026-11-17 07:30", "Wiktor Zeller", "aiko", accepted="2026-11-17 07:41"
    )
    report = next(p for p in w.lists[PRINCIPALS] if p["displayName"] == hostile.APPS[1])
    audit(
        w,
        at("2026-11-17 12:12"),
        "Add owner to application",
        by(w, w.users["aiko"], OFFICE),
        target(
            vic,
            change("Application.ObjectID", None, report["id"]),
            change("Application.DisplayName", None, report["displayName"]),
        ),
        target(report, kind="Application"),
        category="ApplicationManagement",
        kind="Assign",
    )
    report["owners"].append(vic["id"])
    # And one that ends in an ordinary group, as most do.
    anouk = newcomer(
        w, "anouk", "ostara-design.example", "2026-11-18 09:00", "Anouk Ferrand", "lucia", accepted="2026-11-18 09:25"
    )
    add_to_group(w, at("2026-11-18 10:00"), by(w, w.users["lucia"], OFFICE), anouk, w.groups["Brand Refresh"])
    w.groups["Brand Refresh"]["members"].append(anouk["id"])
    # A pending guest was put into a group that may hold roles.
    add_to_group(w, at("2026-10-28 17:05"), tomas, w.users["ivo"], w.groups["sg-vendor-admins"])


def guest_becomes_member(w: World) -> None:
    """A guest is turned into a member, and a member into somebody from outside."""
    dorian = w.users["dorian"]
    desk = by(w, w.users["priya"], "203.0.113.44")
    audit(
        w,
        at("2026-11-09 17:20:44"),
        "Update user",
        desk,
        target(
            dorian, change("UserType", ["Guest"], ["Member"]), change("Included Updated Properties", None, "UserType")
        ),
        details=[("UserType", "Member")],
    )
    aaron = w.users["aaron"]
    tomas = by(w, w.users["tomas"], OFFICE)
    audit(
        w,
        at("2026-11-05 13:40:20"),
        "Invite internal user to B2B collaboration",
        tomas,
        target(aaron),
        service="Invited Users",
        details=[("invitedUserEmailAddress", aaron["mail"])],
    )
    audit(
        w,
        at("2026-11-05 13:40:22"),
        "Update user",
        tomas,
        target(aaron, change("UserType", ["Member"], ["Guest"]), change("UserState", [], ["Accepted"])),
    )
    visit(w, dorian, "Dublin", at("2026-11-10 09:00"), 5)


def settings_are_loosened(w: World) -> None:
    """One careful change first; then, within a fortnight, everything is opened, mostly late in the evening."""
    tomas = by(w, w.users["tomas"], "203.0.113.90")
    sven = by(w, w.users["sven"], OFFICE)
    policy = {"id": guid(w.sample, "b2b policy"), "displayName": "B2BManagementPolicy"}
    partners = ["northgate-tooling.example", "halden-shipping.example", "pemberwick.example"]

    def domains(**lists: list[str]) -> list[str]:
        inner = {"B2BManagementPolicy": {"InvitationsAllowedAndBlockedDomainsPolicy": lists}}
        return [json.dumps(inner, separators=(",", ":"))]

    def policy_change(when: str, actor: Json, old: list[str], new: list[str]) -> None:
        audit(
            w,
            at(when),
            "Update policy",
            actor,
            target(policy, change("PolicyDetails", old, new), kind="Policy"),
            category="Policy",
        )

    longer = [*partners, "silverfen.example"]
    policy_change("2026-10-24 10:00:31", sven, domains(AllowedDomains=partners), domains(AllowedDomains=longer))
    policy_change("2026-11-03 18:20:12", tomas, domains(AllowedDomains=longer), domains(BlockedDomains=[]))

    authorization = {"id": "authorizationPolicy", "displayName": "Authorization Policy"}
    for when, name, old, new in (
        ("2026-11-03 18:24:50", "AllowInvitesFrom", "adminsAndGuestInviters", "everyone"),
        (
            "2026-11-03 18:26:02",
            "GuestUserRoleId",
            "2af84b1e-32c8-42b7-82bc-daa82404023b",
            "a0b1b346-4d3e-4e8b-98f8-753987be4970",
        ),
    ):
        audit(
            w,
            at(when),
            "Update authorization policy",
            tomas,
            target(authorization, change(name, old, new), kind="Policy"),
            category="AuthorizationPolicy",
        )
    directory = {"id": w.id, "displayName": f"Company_{w.id}"}
    before = [{"EnabledFeatures": ["EnableRoleAssignmentsToGroups", "RestrictInvitations"]}]
    after = [{"EnabledFeatures": ["EnableRoleAssignmentsToGroups"]}]
    audit(
        w,
        at("2026-11-03 18:24:51"),
        "Set directory feature on tenant",
        tomas,
        target(directory, change("DirectoryFeatures", before, after), kind="Directory"),
        category="DirectoryManagement",
    )
    _cross_tenant_changes(w, tomas)
    _access_policy_changes(w, tomas, sven)


def _cross_tenant_changes(w: World, actor: Json) -> None:
    xta = "CrossTenantAccessSettings"
    halden, quillon = (PARTNERS[d].tenant for d in ("halden-shipping.example", "quillon-audit.example"))
    default = {"id": guid(w.sample, "xta"), "displayName": "CrossTenantAccessPolicy"}

    def record(when: str, activity: str, what: Json, *changes: Json, category: str = xta, kind: str = "Update") -> None:
        audit(w, at(when), activity, actor, target(what, *changes, kind="Policy"), category=category, kind=kind)

    record(
        "2026-11-06 19:01",
        "Add a partner to cross-tenant access setting",
        {"id": quillon, "displayName": None},
        change("tenantId", None, quillon),
        kind="Add",
    )
    record(
        "2026-11-06 19:04",
        "Update a partner cross-tenant access setting",
        {"id": halden, "displayName": None},
        change(
            "b2bDirectConnectInbound",
            {"UsersAndGroups": {"AccessType": 2}, "Applications": {"AccessType": 2}},
            {"UsersAndGroups": {"AccessType": 1}, "Applications": {"AccessType": 1}},
        ),
    )
    record(
        "2026-11-06 19:09",
        "Update the company default cross-tenant access setting",
        default,
        change("inboundTrust", {"isMfaAccepted": False}, {"isMfaAccepted": True, "isCompliantDeviceAccepted": True}),
        category="CrossTenantIdentitySyncSettings",
    )
    record(
        "2026-11-06 19:15",
        "Create a partner cross-tenant identity sync setting",
        {"id": PARTNERS["contoso-iberia.example"].tenant, "displayName": None},
        change("UserSyncInbound", None, {"IsSyncAllowed": True}),
        category="CrossTenantIdentitySyncSettings",
        kind="Add",
    )
    record(
        "2026-11-13 18:30",
        "Delete partner specific cross-tenant access setting",
        {"id": guid("tenant", "dropped partner"), "displayName": None},
        change("tenantId", guid("tenant", "dropped partner"), None),
        kind="Delete",
    )


def _access_policy_changes(w: World, tomas: Json, sven: Json) -> None:
    rows = {r["displayName"]: r for r in w.lists["v1.0/identity/conditionalAccess/policies"]}
    guests = rows["CA02 MFA for guests"]
    small = {"id": guests["id"], "displayName": guests["displayName"]}
    before, after = {**small, "state": "enabled"}, {**small, "state": "disabled"}
    ca = {"service": "Conditional Access", "category": "Policy"}
    audit(
        w,
        at("2026-11-15 18:22:40"),
        "Update conditional access policy",
        tomas,
        target(small, change("ConditionalAccessPolicy", before, after), kind="Policy"),
        **ca,
    )
    countries = rows["CA07 Block countries"]
    audit(
        w,
        at("2026-10-25 09:40"),
        "Add conditional access policy",
        sven,
        target(
            countries,
            change("ConditionalAccessPolicy", None, {"id": countries["id"], "state": "disabled"}),
            kind="Policy",
        ),
        kind="Add",
        **ca,
    )
    defaults = {"id": "00000000-0000-0000-0000-000000000005", "displayName": "Security Defaults"}
    audit(
        w,
        at("2026-10-25 09:31"),
        "Update security defaults",
        sven,
        target(defaults, change("IsEnabled", True, False), kind="Policy"),
        **ca,
    )
    gone = {"id": guid(w.sample, "ca", "gone"), "displayName": "CA08 Block admin portals for guests"}
    audit(
        w,
        at("2026-11-15 18:26:03"),
        "Delete conditional access policy",
        tomas,
        target(gone, change("ConditionalAccessPolicy", {"id": gone["id"], "state": "enabled"}, None), kind="Policy"),
        kind="Delete",
        **ca,
    )
    audit(
        w,
        at("2026-11-03 18:33"),
        "Update group settings",
        tomas,
        target(
            {"id": guid(w.sample, "group settings"), "displayName": "Group.Unified"},
            change("AllowGuestsToBeGroupOwner", "False", "True"),
            kind="Other",
        ),
        category="GroupManagement",
    )
    audit(
        w,
        at("2026-11-03 18:36"),
        "Update authentication flows policy",
        tomas,
        target(
            {"id": "authenticationFlowsPolicy", "displayName": "Authentication flows policy"},
            change("SelfServiceSignUp", {"isEnabled": False}, {"isEnabled": True}),
            kind="Policy",
        ),
        category="Policy",
    )
    audit(
        w,
        at("2026-11-01 08:00"),
        "Update tenant setting",
        sven,
        target({"id": "singleton", "displayName": "Entitlement management settings"}, kind="Other"),
        service="Entitlement Management",
        category="EntitlementManagement",
    )


def idle_guest_returns(w: World) -> None:
    """A guest idle for twenty months is enabled again three days before the audit."""
    sven = by(w, w.users["sven"], OFFICE)
    audit(
        w,
        at("2026-11-17 09:00"),
        "Enable account",
        sven,
        target(w.users["idle"], change("AccountEnabled", [False], [True])),
    )
    audit(
        w,
        at("2026-11-10 09:00"),
        "Disable account",
        sven,
        target(w.users["disabled-00"], change("AccountEnabled", [True], [False])),
    )


def everyday_changes(w: World) -> None:
    """The rest of an audit log: passwords, groups, devices, new staff."""
    tomas, priya = (by(w, w.users[k], OFFICE) for k in ("tomas", "priya"))
    start = w.clock - timedelta(days=30)
    for n in range(130):
        when = start + timedelta(minutes=number(100, 42_900, "change", n))
        row = w.users[f"staff-{number(0, 23, 'changed', n):02d}"]
        kind = number(0, 5, "kind of change", n)
        if kind == 0:
            audit(w, when, "Reset user password", priya, target(row), kind="Update")
        elif kind == 1:
            old, new = person("phone", n)[0], person("phone", n)[1]
            audit(w, when, "Update user", priya, target(row, change("TelephoneNumber", [old], [new])))
        elif kind == 2:
            group = w.groups[pick(("sg-vpn-contractors", "sg-licence-visio", "Finance Close"), "group", n)]
            add_to_group(w, when, tomas, row, group)
        elif kind == 3:
            audit(w, when, "Change user password", by(w, row, OFFICE), target(row))
        elif kind == 4:
            device = {"id": guid(w.sample, "device", n), "displayName": f"CTS-LAP-{n:03d}"}
            audit(w, when, "Update device", by(w, row, OFFICE), target(device, kind="Device"), category="Device")
        else:
            app = {"id": guid(w.sample, "erp"), "displayName": "ERP Connector"}
            audit(
                w,
                when,
                "Consent to application",
                by(w, row, OFFICE),
                target(app, change("ConsentContext.IsAdminConsent", "False", "False"), kind="ServicePrincipal"),
                category="ApplicationManagement",
                kind="Assign",
            )
