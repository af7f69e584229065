"""What happened: audit records and sign-ins, in the forms that Graph has been seen to use."""

import json
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from sample_world.bodies import APPS, ROLES, Json
from sample_world.ids import guid, letters, number, z7
from sample_world.words import PLACES, Place
from sample_world.world import AUDITS, QUIET_SIGN_INS, SIGN_INS, World

REASONS = {
    0: "Other.",
    50020: "User account from identity provider does not exist in the tenant and cannot access the application.",
    50057: "The user account is disabled.",
    50074: "Strong Authentication is required.",
    50105: "The signed in user is not assigned to a role for the application.",
    50126: "Error validating credentials due to invalid username or password.",
    53003: "Access has been blocked by Conditional Access policies. The access policy does not allow token issuance.",
    65001: "The user or administrator has not consented to use the application.",
    500121: "Authentication failed during strong authentication request.",
    500213: "The resource tenant's cross-tenant access policy does not allow this user to access this tenant.",
}
"""Sign-in errors. Source: https://learn.microsoft.com/entra/identity-platform/reference-error-codes"""

_RESOURCES = {
    "Azure Portal": "Windows Azure Service Management API",
    "Microsoft Azure PowerShell": "Windows Azure Service Management API",
    "Microsoft Azure CLI": "Windows Azure Service Management API",
    "Azure Active Directory PowerShell": "Windows Azure Active Directory",
    "Invitation Acceptance Portal": "Windows Azure Active Directory",
    "Office 365 SharePoint Online": "Office 365 SharePoint Online",
    "Office 365 Exchange Online": "Office 365 Exchange Online",
}


def address(*words: object) -> str:
    """Return an address of the ranges that are kept for documentation."""
    net = ("192.0.2", "198.51.100", "203.0.113")[number(0, 2, "net", *words)]
    return f"{net}.{number(1, 254, 'host', *words)}"


def change(name: str, old: Any, new: Any) -> Json:
    """Return one changed property; values are JSON inside a string, as Graph writes them."""
    return {"displayName": name, "oldValue": _text(old), "newValue": _text(new)}


def _text(value: Any) -> str | None:
    return None if value is None else json.dumps(value, separators=(",", ":"))


def target(row: Mapping[str, Any], *changes: Json, kind: str = "User") -> Json:
    """Return what a record is about."""
    return {
        "id": row.get("id"),
        "displayName": row.get("displayName"),
        "type": kind,
        "userPrincipalName": row.get("userPrincipalName"),
        "groupType": ("unifiedGroups" if "Unified" in row.get("groupTypes", ()) else "azureAD")
        if kind == "Group"
        else None,
        "modifiedProperties": list(changes),
    }


def by(world: World, row: Mapping[str, Any], ip: str | None = None) -> Json:
    """Return a person as the one who did it."""
    home = world.companies.get(row["id"])
    return {
        "app": None,
        "user": {
            "id": row["id"],
            "displayName": None,
            "userPrincipalName": row["userPrincipalName"],
            "ipAddress": ip or address(row["id"]),
            "userType": row["userType"],
            "homeTenantId": home.tenant if home and home.proof == "entra" else (None if home else world.id),
            "homeTenantName": home.name if home and home.proof == "entra" else None,
            "roles": [],
        },
    }


def by_app(row: Mapping[str, Any]) -> Json:
    """Return an application as the one that did it."""
    return {
        "user": None,
        "app": {
            "appId": row["appId"],
            "displayName": row["displayName"],
            "servicePrincipalId": row["id"],
            "servicePrincipalName": None,
        },
    }


def audit(
    world: World,
    when: datetime,
    activity: str,
    actor: Json,
    *targets: Json,
    service: str = "Core Directory",
    category: str = "UserManagement",
    kind: str = "Update",
    details: Iterable[tuple[str, str | None]] = (),
    result: str = "success",
    reason: str = "",
) -> Json:
    """Add a record of the directory audit log.

    Source: https://learn.microsoft.com/graph/api/resources/directoryaudit
    """
    words = (world.sample, when, activity, *(t["id"] for t in targets))
    correlation = guid("correlation", *words)
    prefix = "Directory" if service == "Core Directory" else service
    return world.add(
        AUDITS,
        {
            "id": f"{prefix}_{correlation}_{letters(5, *words)}_{number(10_000_000, 99_999_999, *words)}",
            "category": category,
            "correlationId": correlation,
            "result": result,
            "resultReason": reason,
            "activityDisplayName": activity,
            "activityDateTime": z7(when, *words),
            "loggedByService": service,
            "operationType": kind,
            "initiatedBy": actor,
            "targetResources": list(targets),
            "additionalDetails": [{"key": k, "value": v} for k, v in details],
        },
    )


def sign_in(
    world: World,
    when: datetime,
    who: Mapping[str, Any],
    app: str,
    place: str,
    *,
    error: int = 0,
    ip: str = "",
    quiet: bool = False,
    home: str | None = None,
    resource_tenant: str | None = None,
    resource: str = "",
    browser: str = "Edge 142.0.0",
    system: str = "Windows10",
    device: str = "",
    risk: str = "none",
    access: str = "",
    coordinates: str = "full",
) -> Json:
    """Add a sign-in: interactive in v1.0's form, `quiet` ones in beta's.

    `home` is the tenant vouching for the person. `coordinates` is full, empty
    or null. Source: https://learn.microsoft.com/graph/api/resources/signin
    """
    where = PLACES[place]
    company = world.companies.get(who["id"])
    inside = company is None or resource_tenant is not None
    vouching = home or (company.tenant if company and company.proof == "entra" else world.id)
    named = resource or _RESOURCES.get(app, "Microsoft Graph")
    words = (world.sample, when, who["id"], app, error, quiet)
    mail = who.get("mail") or who["userPrincipalName"]
    cli = "CLI" in app or "PowerShell" in app or "Command Line" in app
    row: Json = {
        "id": guid("sign-in", *words),
        "createdDateTime": when.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "userDisplayName": who["displayName"],
        "userPrincipalName": str(mail).lower(),
        "userId": who["id"],
        "appId": APPS.get(app, guid("app", app)),
        "appDisplayName": app,
        "ipAddress": ip or address(who["id"], place),
        "clientAppUsed": "Mobile Apps and Desktop clients" if cli else "Browser",
        "correlationId": guid("correlation", *words),
        "conditionalAccessStatus": access or ("failure" if error == 53003 else "notApplied"),
        "isInteractive": not quiet,
        "riskDetail": "none",
        "riskLevelAggregated": risk,
        "riskLevelDuringSignIn": risk,
        "riskState": "none" if risk == "none" else "atRisk",
        "riskEventTypes_v2": [] if risk == "none" else ["unfamiliarFeatures"],
        "resourceDisplayName": named,
        "resourceId": APPS[named],
        "homeTenantId": vouching,
        "resourceTenantId": resource_tenant or world.id,
        "status": {"errorCode": error, "failureReason": REASONS[error], "additionalDetails": None},
        "deviceDetail": {
            "deviceId": "",
            "displayName": device,
            "operatingSystem": system,
            "browser": "" if cli else browser,
            "isCompliant": False,
            "isManaged": False,
            "trustType": "",
        },
        "location": _location(where, coordinates),
        "appliedConditionalAccessPolicies": [],
    }
    if quiet:
        foreign = company is not None
        row["userType"] = "guest" if who["userType"] == "Guest" or foreign else "member"
        row["crossTenantAccessType"] = "none" if inside else "b2bCollaboration"
        row["signInEventTypes"] = ["nonInteractiveUser"]
        row["homeTenantName"] = company.name if company else world.name
    return world.add(QUIET_SIGN_INS if quiet else SIGN_INS, row)


def _location(where: Place, coordinates: str) -> Json:
    points: Json | None = {"altitude": None, "latitude": where.latitude, "longitude": where.longitude}
    if coordinates != "full":
        points = {} if coordinates == "empty" else None
    return {
        "city": where.city,
        "state": where.state,
        "countryOrRegion": where.country,
        "geoCoordinates": points,
    }


def invite(
    world: World,
    when: datetime,
    actor: Json,
    guest: Mapping[str, Any],
    *,
    roles: Iterable[str] = (),
    sponsor: Mapping[str, Any] | None = None,
    failure: str = "",
) -> str:
    """Add the records of one invitation and return its id.

    The order is that of published records: the account, the invitation, the
    sponsor. An application's invitation lacks the caller's claims.
    """
    invitation = guid("invitation", world.sample, guest["id"], when)
    user = actor["user"]
    if not failure:
        audit(
            world,
            when,
            "Add user",
            actor,
            target(
                guest,
                change("AccountEnabled", [], [True]),
                change("CreationType", [], ["Invitation"]),
                change("UserPrincipalName", [], [guest["userPrincipalName"]]),
                change("UserState", [], ["PendingAcceptance"]),
                change("UserType", [], ["Guest"]),
            ),
            kind="Add",
        )
    claims: list[tuple[str, str | None]] = []
    if user is not None:
        wids = ",".join(ROLES[r] for r in roles) or "b79fbf4d-3ef9-4689-8143-76b194e85509"
        claims = [
            ("oid", user["id"]),
            ("tid", user["homeTenantId"] or world.id),
            ("ipaddr", user["ipAddress"]),
            ("wids", wids),
        ]
    audit(
        world,
        when + timedelta(seconds=1),
        "Invite external user",
        actor,
        target({"id": None} if failure else guest),
        service="Invited Users",
        kind="Add",
        result="failure" if failure else "success",
        reason=failure,
        details=[
            *claims,
            *([] if failure else [("InvitationId", invitation)]),
            ("invitedUserEmailAddress", guest["mail"]),
        ],
    )
    if sponsor is not None and not failure:
        audit(
            world,
            when + timedelta(seconds=2),
            "Add user sponsor",
            actor,
            target(guest),
            target(sponsor),
            kind="Add",
        )
    return invitation


def redeem(
    world: World,
    when: datetime,
    guest: Mapping[str, Any],
    invitation: str,
    *,
    source: str = "Azure AD",
    place: str = "",
    service: str = "B2B Auth",
    activity: str = "Redeem external user invite",
) -> None:
    """Add the records of a redemption; its facts are one text, as in published records."""
    where = place or world.companies[guest["id"]].city
    ip = address(guest["id"], where)
    person = {
        "app": None,
        "user": {**by(world, guest, ip)["user"], "userPrincipalName": guest["mail"], "userType": None},
    }
    words = f"UPN: {guest['userPrincipalName']}, Email: {guest['mail']}, InvitationId: {invitation}, Source: {source}"
    audit(
        world,
        when,
        activity,
        person,
        {**target(guest), "displayName": words},
        service=service,
        kind="Update",
    )
    audit(
        world,
        when + timedelta(seconds=1),
        "Update user",
        person,
        target(guest, change("UserState", ["PendingAcceptance"], ["Accepted"])),
    )
    sign_in(world, when + timedelta(seconds=20), guest, "Invitation Acceptance Portal", where, ip=ip)


def add_to_role(
    world: World,
    when: datetime,
    actor: Json,
    who: Mapping[str, Any],
    role: str,
    activity: str = "Add member to role",
    service: str = "Core Directory",
) -> None:
    """Add the record of a role given."""
    template = ROLES[role]
    audit(
        world,
        when,
        activity,
        actor,
        target(
            who,
            change("Role.ObjectID", None, template),
            change("Role.DisplayName", None, role),
            change("Role.TemplateId", None, template),
        ),
        {**target({"id": template, "displayName": role}, kind="Role")},
        category="RoleManagement",
        service=service,
        kind="Assign",
    )


def add_to_group(
    world: World,
    when: datetime,
    actor: Json,
    who: Mapping[str, Any],
    group: Mapping[str, Any],
    activity: str = "Add member to group",
) -> None:
    """Add the record of a membership or ownership given."""
    audit(
        world,
        when,
        activity,
        actor,
        target(
            who,
            change("Group.ObjectID", None, group["id"]),
            change("Group.DisplayName", None, group["displayName"]),
            change("Group.WellKnownObjectName", None, None),
        ),
        target(group, kind="Group"),
        category="GroupManagement",
        kind="Assign",
    )
