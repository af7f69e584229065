"""Writes, for tests of remediation alone: bodies merged into this app's memory, never into files.

Only the methods and kinds of path that Microsoft's pages document for the
catalogue's remediations are here; everything else stays 405.
"""

from copy import deepcopy
from datetime import datetime
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from posture.emulator import answers
from posture.emulator.call import loads
from posture.emulator.data import Dataset
from posture.emulator.endpoints import LISTINGS, Listing
from posture.emulator.route import Target

Object = dict[str, Any]
_DEFAULTS: dict[str, Object] = {
    "identity/conditionalAccess/policies": {
        "id": "",
        "templateId": None,
        "displayName": "",
        "createdDateTime": None,
        "modifiedDateTime": None,
        "state": "disabled",
        "conditions": {
            "userRiskLevels": [],
            "signInRiskLevels": [],
            "clientAppTypes": ["all"],
            "platforms": None,
            "locations": None,
            "devices": None,
            "clientApplications": None,
            "applications": {
                "includeApplications": [],
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
            },
        },
        "grantControls": None,
        "sessionControls": None,
    },
    "identityGovernance/accessReviews/definitions": {"id": "", "status": "InProgress"},
    "policies/crossTenantAccessPolicy/partners": {
        "tenantId": "",
        "isServiceProvider": None,
        "isInMultiTenantOrganization": False,
        "inboundTrust": None,
        "b2bCollaborationInbound": None,
        "b2bCollaborationOutbound": None,
        "b2bDirectConnectInbound": None,
        "b2bDirectConnectOutbound": None,
        "tenantRestrictions": None,
        "automaticUserConsentSettings": {"inboundAllowed": None, "outboundAllowed": None},
        "identitySynchronization": None,
    },
    "servicePrincipals": {
        "id": "",
        "appId": "",
        "displayName": None,
        "accountEnabled": True,
        "appRoleAssignmentRequired": False,
        "servicePrincipalType": "Application",
        "passwordCredentials": [],
        "keyCredentials": [],
        "owners": [],
    },
}
"""What Graph adds to an object it creates.

Sources: https://learn.microsoft.com/graph/api/resources/conditionalaccesspolicy
https://learn.microsoft.com/graph/api/resources/crosstenantaccesspolicyconfigurationpartner
https://learn.microsoft.com/graph/api/resources/serviceprincipal
"""
_DELETED = "directory/deletedItems/microsoft.graph.user"


def write(data: Dataset, method: str, target: Target, body: bytes, now: datetime) -> tuple[int, Any]:
    """Apply a write; return status and body. Raises Refusal where the endpoint takes none."""
    value = _object(body) if method in ("PATCH", "POST", "PUT") and body else {}
    if target.function == "restore" and method == "POST":
        return _restore(data, target)
    if target.function == "role-request" and method == "POST":
        return _eligibility(data, value, _ROLES, ("principalId", "roleDefinitionId", "directoryScopeId"))
    if target.function == "group-request" and method == "POST":
        return _eligibility(data, value, _GROUPS, ("principalId", "groupId", "accessId"))
    if target.single is not None:
        return _single(data, method, target, value)
    listing = target.listing
    if listing is None or target.function:
        raise answers.not_allowed(method)
    if target.nav is not None:
        return _reference(data, method, target, listing, value)
    if target.key:
        return _item(data, method, target, listing, value, now)
    if method != "POST":
        raise answers.not_allowed(method)
    rows = data.writable(target.version, listing)
    seed = f"{data.tenant.name}/{listing.path}/{len(rows)}/{body.decode('utf-8', 'replace')}"
    made = {listing.key: str(uuid5(NAMESPACE_URL, seed)), **value}
    created = merge(_DEFAULTS.get(listing.path, {}), made)
    rows.rows.append(created)
    rows.changed()
    return 201, created


def _object(body: bytes) -> Object:
    value = loads(body)
    if not isinstance(value, dict):
        raise answers.Refusal(400, "BadRequest", "Unable to read JSON request payload.")
    return value


def merge(old: Any, new: Any) -> Any:
    """Merge objects property by property; lists, texts and null replace."""
    if isinstance(old, dict) and isinstance(new, dict):
        merged = dict(old)
        for key, value in new.items():
            merged[key] = merge(old.get(key), value)
        return merged
    return deepcopy(new)


def _single(data: Dataset, method: str, target: Target, value: Object) -> tuple[int, Any]:
    single = target.single
    assert single is not None
    if method not in ("PATCH", "PUT"):
        raise answers.not_allowed(method)
    old = data.single(target.version, single.path)
    if old is None and method == "PUT":
        old = {}
    if old is None:
        raise answers.not_found(single.path)
    if not target.part:
        data.replace_single(target.version, single.path, merge(old, value))
        return 204, None
    parts = [dict(p) for p in old.get(target.part) or []]
    found = next((p for p in parts if str(p.get("id", "")).lower() == target.key.lower()), None)
    if found is None:
        raise answers.not_found(target.key)
    found.update(merge(found, value))
    data.replace_single(target.version, single.path, {**old, target.part: parts})
    return 204, None


def _item(
    data: Dataset, method: str, target: Target, listing: Listing, value: Object, now: datetime
) -> tuple[int, Any]:
    rows = data.writable(target.version, listing)
    number = rows.find(target.key)
    if number is None:
        raise answers.not_found(target.key)
    if target.tail == ("assignLicense",) and method == "POST":
        row = dict(rows.rows[number])
        gone = {str(s).lower() for s in value.get("removeLicenses") or []}
        kept = [x for x in row.get("assignedLicenses") or [] if str(x.get("skuId", "")).lower() not in gone]
        row["assignedLicenses"] = [*kept, *(value.get("addLicenses") or [])]
        rows.rows[number] = row
        return 200, row
    if target.tail == ("revokeSignInSessions",) and method == "POST":
        return 200, {"value": True}
    if target.tail:
        raise answers.not_allowed(method)
    if method == "DELETE" and rows.rows[number].get("isServiceProvider") is True:
        raise answers.bad_request("A service provider's partner configuration cannot be deleted.")
    if method in ("PATCH", "PUT"):
        rows.rows[number] = merge(rows.rows[number], value)
    elif method == "DELETE":
        gone_row = rows.rows.pop(number)
        if listing.path == "users":
            deleted = data.writable("v1.0", LISTINGS[_DELETED.lower()])
            deleted.rows.append({**gone_row, "deletedDateTime": now.strftime("%Y-%m-%dT%H:%M:%SZ")})
            deleted.changed()
    else:
        raise answers.not_allowed(method)
    rows.changed()
    return 204, None


_ROLES = "roleManagement/directory/roleEligibilityScheduleInstances"
_GROUPS = "identityGovernance/privilegedAccess/group/eligibilityScheduleInstances"


def _eligibility(data: Dataset, value: Object, path: str, names: tuple[str, ...]) -> tuple[int, Any]:
    """Make somebody eligible for a role or a group, or no longer.

    Sources: https://learn.microsoft.com/graph/api/rbacapplication-post-roleeligibilityschedulerequests
    https://learn.microsoft.com/graph/api/privilegedaccessgroup-post-eligibilityschedulerequests
    """
    rows = data.writable("v1.0", LISTINGS[path.lower()])
    wanted = [str(value.get(n, "")).lower() for n in names]
    same = [i for i, r in enumerate(rows.rows) if [str(r.get(n, "")).lower() for n in names] == wanted]
    if value.get("action") == "adminAssign":
        schedule = value.get("scheduleInfo") or {}
        made = {"id": str(uuid5(NAMESPACE_URL, "/".join(wanted))), "memberType": "Direct"}
        ends = {
            "startDateTime": schedule.get("startDateTime"),
            "endDateTime": (schedule.get("expiration") or {}).get("endDateTime"),
        }
        rows.rows.append({**made, **{n: value.get(n) for n in names}, **ends})
    elif value.get("action") == "adminRemove" and same:
        for number in reversed(same):
            del rows.rows[number]
    else:
        raise answers.bad_request("The request can neither assign nor remove an eligibility.")
    rows.changed()
    return 201, {**value, "status": "Provisioned"}


def _restore(data: Dataset, target: Target) -> tuple[int, Any]:
    """Source: https://learn.microsoft.com/graph/api/directory-deleteditems-restore."""
    deleted = data.writable("v1.0", LISTINGS[_DELETED.lower()])
    number = deleted.find(target.key)
    if number is None:
        raise answers.not_found(target.key)
    row = {k: v for k, v in deleted.rows.pop(number).items() if k != "deletedDateTime"}
    users = data.writable("v1.0", LISTINGS["users"])
    users.rows.append(row)
    users.changed()
    deleted.changed()
    return 200, row


def _reference(data: Dataset, method: str, target: Target, listing: Listing, value: Object) -> tuple[int, Any]:
    """Add or remove a reference (`…/$ref`) or an object of its own, or change a single-valued relationship.

    The last owner of a group stays.
    Source: https://learn.microsoft.com/graph/api/group-delete-owners
    """
    nav = target.nav
    assert nav is not None
    rows = data.writable(target.version, listing)
    number = rows.find(target.key)
    if number is None:
        raise answers.not_found(target.key)
    row = dict(rows.rows[number])
    held = list(row.get(nav.name) or []) if nav.many else []
    if not nav.many and method in ("PATCH", "PUT") and not target.tail:
        row[nav.name] = merge(row.get(nav.name), value)
    elif method == "POST" and target.tail == ("$ref",):
        name = str(value.get("@odata.id", "")).rstrip("/").rpartition("/")[2]
        if data.links.object(name) is None:
            raise answers.not_found(name)
        row[nav.name] = [*held, name]
        _hand_licences(data, listing, nav.name, row, name, gives=True)
    elif method == "DELETE" and len(target.tail) == 2 and target.tail[1] == "$ref":
        gone = target.tail[0].lower()
        kept = [h for h in held if str(h.get("id") if isinstance(h, dict) else h).lower() != gone]
        if len(kept) == len(held):
            raise answers.not_found(target.tail[0])
        if not kept and (listing.path, nav.name) == ("groups", "owners"):
            raise answers.bad_request("The group must have at least one owner, hence this owner cannot be removed.")
        row[nav.name] = kept
        _hand_licences(data, listing, nav.name, row, target.tail[0], gives=False)
    elif method == "DELETE" and not nav.many and not target.tail and row.get(nav.name) is not None:
        row[nav.name] = None
    elif method == "DELETE" and len(target.tail) == 1 and not nav.directory:
        kept = [h for h in held if not (isinstance(h, dict) and str(h.get("id")).lower() == target.tail[0].lower())]
        if len(kept) == len(held):
            raise answers.not_found(target.tail[0])
        row[nav.name] = kept
    elif method == "POST" and not target.tail and nav.many and not nav.directory:
        made = {"id": str(uuid5(NAMESPACE_URL, f"{target.key}/{nav.name}/{len(held)}")), **value}
        if nav.name == "appRoleAssignments":
            made["principalType"] = listing.resource
        row[nav.name] = [*held, made]
        rows.rows[number] = row
        return 201, made
    else:
        raise answers.not_allowed(method)
    rows.rows[number] = row
    rows.changed()
    return 204, None


def _hand_licences(data: Dataset, listing: Listing, nav: str, group: Object, member: str, *, gives: bool) -> None:
    """Give the licences of a group to a user who joins it, and take them from one who leaves.

    Source: https://learn.microsoft.com/entra/fundamentals/concept-group-based-licensing
    """
    skus = [x for x in group.get("assignedLicenses") or [] if isinstance(x, dict)]
    users = data.writable("v1.0", LISTINGS["users"]) if listing.path == "groups" and nav == "members" and skus else None
    number = users.find(member) if users is not None else None
    if users is None or number is None:
        return
    user = dict(users.rows[number])
    states = [s for s in user.get("licenseAssignmentStates") or [] if s.get("assignedByGroup") != group.get("id")]
    if gives:
        states += [{"skuId": x.get("skuId"), "assignedByGroup": group.get("id"), "state": "Active"} for x in skus]
    held = {s.get("skuId") for s in states}
    ours = {x.get("skuId") for x in skus}
    user["licenseAssignmentStates"] = states
    kept = [x for x in user.get("assignedLicenses") or [] if x.get("skuId") not in ours]
    user["assignedLicenses"] = [*kept, *(x for x in skus if x.get("skuId") in held)]
    users.rows[number] = user
    users.changed()
