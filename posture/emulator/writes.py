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
}
"""What Graph adds to an object it creates. https://learn.microsoft.com/graph/api/resources/conditionalaccesspolicy."""
_DELETED = "directory/deletedItems/microsoft.graph.user"


def write(data: Dataset, method: str, target: Target, body: bytes, now: datetime) -> tuple[int, Any]:
    """Apply a write; return status and body. Raises Refusal where the endpoint takes none."""
    value = _object(body) if method in ("PATCH", "POST", "PUT") and body else {}
    if target.function == "restore" and method == "POST":
        return _restore(data, target)
    if target.function == "role-request" and method == "POST":
        return _role_request(data, value)
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
    created = merge(_DEFAULTS.get(listing.path, {}), {"id": str(uuid5(NAMESPACE_URL, seed)), **value})
    created.setdefault(listing.key, created["id"])
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


def _role_request(data: Dataset, value: Object) -> tuple[int, Any]:
    """Make somebody eligible for a role, or no longer.

    Source: https://learn.microsoft.com/graph/api/rbacapplication-post-roleeligibilityschedulerequests
    """
    rows = data.writable("v1.0", LISTINGS["rolemanagement/directory/roleeligibilityscheduleinstances"])
    names = ("principalId", "roleDefinitionId", "directoryScopeId")
    wanted = [str(value.get(n, "")).lower() for n in names]
    same = [i for i, r in enumerate(rows.rows) if [str(r.get(n, "")).lower() for n in names] == wanted]
    if value.get("action") == "adminAssign":
        made = {"id": str(uuid5(NAMESPACE_URL, "/".join(wanted))), "memberType": "Direct"}
        rows.rows.append({**made, **{n: value.get(n) for n in names}, "startDateTime": None, "endDateTime": None})
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
    """Add or remove a reference (`…/$ref`), or change a single-valued relationship."""
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
    elif method == "DELETE" and len(target.tail) == 2 and target.tail[1] == "$ref":
        gone = target.tail[0].lower()
        kept = [h for h in held if str(h.get("id") if isinstance(h, dict) else h).lower() != gone]
        if len(kept) == len(held):
            raise answers.not_found(target.tail[0])
        row[nav.name] = kept
    elif method == "POST" and not target.tail and nav.many and not nav.directory:
        made = {"id": str(uuid5(NAMESPACE_URL, f"{target.key}/{nav.name}/{len(held)}")), **value}
        row[nav.name] = [*held, made]
        rows.rows[number] = row
        return 201, made
    else:
        raise answers.not_allowed(method)
    rows.rows[number] = row
    rows.changed()
    return 204, None
