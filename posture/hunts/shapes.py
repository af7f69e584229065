"""Recognise what a row of an export is and give it Graph's names.

Read: Graph's `directoryAudit` and `signIn` (v1.0, beta, the portal's JSON),
diagnostic settings and Event Hub envelopes, Log Analytics' AuditLogs,
SigninLogs and AADNonInteractiveUserSignInLogs, and the portal's CSV. What is
another log is named, so that nobody takes silence for an answer.

Sources: https://learn.microsoft.com/azure/azure-monitor/reference/tables/auditlogs
https://learn.microsoft.com/azure/azure-monitor/reference/tables/signinlogs
https://learn.microsoft.com/azure/azure-monitor/reference/tables/aadnoninteractiveusersigninlogs
https://learn.microsoft.com/entra/identity/monitoring-health/howto-download-logs
https://learn.microsoft.com/entra/identity/monitoring-health/reference-azure-monitor-sign-ins-log-schema
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Any

from posture.hunts.normal import block, whole

Row = Mapping[str, Any]


class Kind(StrEnum):
    """What a record tells of."""

    AUDIT = "directory audit"
    SIGN_IN = "sign-in"


@dataclass(frozen=True, slots=True)
class Record:
    """A row under Graph's names. `interactive` and `log_tenant` are what its envelope or table says."""

    kind: Kind
    row: Row
    interactive: bool | None = None
    log_tenant: str = ""


@dataclass(frozen=True, slots=True)
class Other:
    """A row of another log, by its name: no hunt here reads it."""

    name: str


Found = Record | Other | None
"""None where the row is nothing this version knows."""
Reader = Callable[[Row], Found]


@dataclass(frozen=True, slots=True)
class Shape:
    """A way of writing a log: its name for people and how to read a row of it."""

    name: str
    read: Reader


# --- Graph and the portal's JSON ----------------------------------------------------------------------------------


def _graph_audit(row: Row) -> Found:
    return Record(Kind.AUDIT, row)


def _graph_sign_in(row: Row) -> Found:
    if row.get("servicePrincipalId") and not row.get("userId"):
        return Other("sign-ins of service principals")
    kinds = row.get("signInEventTypes")
    interactive = "interactiveUser" in kinds if isinstance(kinds, list) and kinds else None
    return Record(Kind.SIGN_IN, row, interactive)


# --- diagnostic settings, Event Hub, storage ----------------------------------------------------------------------

_CATEGORIES = {
    "auditlogs": (Kind.AUDIT, None),
    "signinlogs": (Kind.SIGN_IN, True),
    "noninteractiveusersigninlogs": (Kind.SIGN_IN, False),
}


def _diagnostic(row: Row) -> Found:
    category = str(row.get("category") or "")
    known = _CATEGORIES.get(category.casefold())
    if known is None:
        return Other(f"the category {category[:60]}" if category else "an envelope without a category")
    inner = block(row.get("properties"))
    if not inner:
        return None
    kind, interactive = known
    tenant = str(row.get("tenantId") or "")
    if kind is Kind.SIGN_IN:
        return Record(kind, inner, interactive, tenant)
    # Only the envelope tells where the call came from and, in shortened records, what it was.
    outer = {
        "activityDisplayName": row.get("operationName"),
        "activityDateTime": row.get("time"),
        "callerIpAddress": row.get("callerIpAddress"),
    }
    return Record(kind, {**{k: v for k, v in outer.items() if v}, **_present(inner)}, None, tenant)


def _present(row: Row) -> dict[str, Any]:
    return {k: v for k, v in row.items() if v is not None}


# --- Log Analytics ------------------------------------------------------------------------------------------------

_LA_AUDIT = {
    "Id": "id",
    "ActivityDateTime": "activityDateTime",
    "ActivityDisplayName": "activityDisplayName",
    "LoggedByService": "loggedByService",
    "Category": "category",
    "Result": "result",
    "ResultReason": "resultReason",
    "InitiatedBy": "initiatedBy",
    "TargetResources": "targetResources",
    "AdditionalDetails": "additionalDetails",
}
_LA_SIGN_IN = {
    "Id": "id",
    "CreatedDateTime": "createdDateTime",
    "UserId": "userId",
    "UserPrincipalName": "userPrincipalName",
    "UserDisplayName": "userDisplayName",
    "UserType": "userType",
    "AppId": "appId",
    "AppDisplayName": "appDisplayName",
    "ResourceIdentity": "resourceId",
    "ResourceDisplayName": "resourceDisplayName",
    "HomeTenantId": "homeTenantId",
    "ResourceTenantId": "resourceTenantId",
    "CrossTenantAccessType": "crossTenantAccessType",
    "IPAddress": "ipAddress",
    "AutonomousSystemNumber": "autonomousSystemNumber",
    "LocationDetails": "location",
    "DeviceDetail": "deviceDetail",
    "RiskLevelDuringSignIn": "riskLevelDuringSignIn",
    "IsInteractive": "isInteractive",
    "AADTenantId": "tenantId",
}


def _la_audit(row: Row) -> Found:
    found = {new: row[old] for old, new in _LA_AUDIT.items() if row.get(old) not in (None, "")}
    _fill(found, "activityDisplayName", row, "OperationName")
    _fill(found, "activityDateTime", row, "TimeGenerated")
    _fill(found, "resultReason", row, "ResultDescription")
    return Record(Kind.AUDIT, found, None, str(row.get("AADTenantId") or ""))


def _la_sign_in(row: Row) -> Found:
    table = str(row.get("Type") or row.get("Category") or "").casefold()
    if "serviceprincipal" in table or "managedidentity" in table:
        return Other("sign-ins of service principals or managed identities")
    found = {new: row[old] for old, new in _LA_SIGN_IN.items() if row.get(old) not in (None, "")}
    _fill(found, "createdDateTime", row, "TimeGenerated")
    _fill(found, "userDisplayName", row, "Identity")
    if "location" not in found and row.get("Location"):
        found["location"] = {"countryOrRegion": row["Location"]}
    found["status"] = _la_status(row)
    interactive = False if "noninteractive" in table else True if table else None
    return Record(Kind.SIGN_IN, found, interactive)


def _la_status(row: Row) -> dict[str, Any]:
    """Put together the status: ResultType is the code as text, Status an object or its text."""
    status = dict(block(row.get("Status")))
    if status.get("errorCode") is None and row.get("ResultType") not in (None, ""):
        status["errorCode"] = row["ResultType"]
    if not status.get("failureReason") and row.get("ResultDescription"):
        status["failureReason"] = row["ResultDescription"]
    return status


def _fill(found: dict[str, Any], key: str, row: Row, column: str) -> None:
    if key not in found and row.get(column) not in (None, ""):
        found[key] = row[column]


# --- the portal's CSV ---------------------------------------------------------------------------------------------

_PORTAL_SIGN_IN = {
    "date (utc)": "createdDateTime",
    "request id": "id",
    "user id": "userId",
    "username": "userPrincipalName",
    "user": "userDisplayName",
    "user type": "userType",
    "cross tenant access type": "crossTenantAccessType",
    "application": "appDisplayName",
    "application id": "appId",
    "resource": "resourceDisplayName",
    "resource id": "resourceId",
    "resource tenant id": "resourceTenantId",
    "home tenant id": "homeTenantId",
    "ip address": "ipAddress",
    "autonomous system number": "autonomousSystemNumber",
    "risk level (sign-in)": "riskLevelDuringSignIn",
}
_PORTAL_AUDIT = {
    "date (utc)": "activityDateTime",
    "service": "loggedByService",
    "category": "category",
    "activity": "activityDisplayName",
    "result": "result",
    "resultreason": "resultReason",
}
_CHANGES = 5
_DETAILS = 6
_TARGETS = 3
_INTERRUPTED = 50140
"""A code that stands for "interrupted" where the file gives the word and no code.

Source: https://learn.microsoft.com/entra/identity-platform/reference-error-codes
"""


def _folded(row: Row) -> dict[str, Any]:
    return {_column(k): v for k, v in row.items() if v != ""}


@lru_cache(maxsize=4096)
def _column(name: str) -> str:
    """Return a column's name as we compare it: one letter case, no double or trailing blanks."""
    return " ".join(name.strip("\ufeff").split()).casefold()


def _portal_sign_in(row: Row) -> Found:
    cells = _folded(row)
    found: dict[str, Any] = {new: cells[old] for old, new in _PORTAL_SIGN_IN.items() if old in cells}
    code, word = cells.get("sign-in error code"), str(cells.get("status", "")).casefold()
    if whole(code) is None:
        code = {"success": 0, "interrupted": _INTERRUPTED, "failure": -1}.get(word)
    found["status"] = {"errorCode": code, "failureReason": cells.get("failure reason")}
    found["deviceDetail"] = {"trustType": cells.get("join type")}
    found["location"] = _portal_place(str(cells.get("location", "")))
    return Record(Kind.SIGN_IN, found)


def _portal_place(words: str) -> dict[str, str]:
    """Take apart "City, State, CC"; a city may hold a comma, the country stands last."""
    parts = [p.strip() for p in words.split(",")]
    if len(parts) < 2:
        return {"countryOrRegion": words.strip()} if len(words.strip()) == 2 else {"city": words.strip()}
    if len(parts) == 2:
        return {"city": parts[0], "countryOrRegion": parts[1]}
    return {"city": ", ".join(parts[:-2]), "state": parts[-2], "countryOrRegion": parts[-1]}


def _portal_audit(row: Row) -> Found:
    cells = _folded(row)
    found: dict[str, Any] = {new: cells[old] for old, new in _PORTAL_AUDIT.items() if old in cells}
    found["id"] = cells.get("id") or cells.get("auditid")
    if "actoruserprincipalname" in cells or str(cells.get("actortype", "")).casefold() == "user":
        user = {
            "id": cells.get("actorobjectid"),
            "displayName": cells.get("actordisplayname"),
            "userPrincipalName": cells.get("actoruserprincipalname"),
            "ipAddress": cells.get("ipaddress"),
            "homeTenantId": cells.get("actorhometenantid"),
        }
        found["initiatedBy"] = {"user": user}
    elif "actorserviceprincipalid" in cells or "actordisplayname" in cells:
        app = {
            "servicePrincipalId": cells.get("actorserviceprincipalid") or cells.get("actorobjectid"),
            "displayName": cells.get("actordisplayname"),
        }
        found["initiatedBy"] = {"app": app}
        found["callerIpAddress"] = cells.get("ipaddress")
    found["targetResources"] = [t for n in range(1, _TARGETS + 1) if (t := _portal_target(cells, f"target{n}"))]
    found["additionalDetails"] = [
        {"key": key, "value": cells.get(f"additionaldetail{n}value")}
        for n in range(1, _DETAILS + 1)
        if (key := cells.get(f"additionaldetail{n}key"))
    ]
    return Record(Kind.AUDIT, found)


def _portal_target(cells: Row, name: str) -> dict[str, Any]:
    keys = {
        "type": "type",
        "displayName": "displayname",
        "id": "objectid",
        "userPrincipalName": "userprincipalname",
    }
    found: dict[str, Any] = {new: cells[name + old] for new, old in keys.items() if name + old in cells}
    changes = [
        {"displayName": label, "oldValue": cells.get(f"{prefix}oldvalue"), "newValue": cells.get(f"{prefix}newvalue")}
        for n in range(1, _CHANGES + 1)
        if (label := cells.get(f"{(prefix := f'{name}modifiedproperty{n}')}name"))
    ]
    return {**found, "modifiedProperties": changes} if found or changes else {}


# --- recognition --------------------------------------------------------------------------------------------------

GRAPH_AUDIT = Shape("Graph directory audits", _graph_audit)
GRAPH_SIGN_IN = Shape("Graph sign-ins", _graph_sign_in)
DIAGNOSTIC = Shape("diagnostic setting or Event Hub records", _diagnostic)
LA_AUDIT = Shape("Log Analytics AuditLogs", _la_audit)
LA_SIGN_IN = Shape("Log Analytics sign-in logs", _la_sign_in)
PORTAL_AUDIT = Shape("the portal's audit log CSV", _portal_audit)
PORTAL_SIGN_IN = Shape("the portal's sign-in CSV", _portal_sign_in)

ACCEPTED = (
    "posture reads directory audits and user sign-ins as Graph, Log Analytics or Sentinel (AuditLogs, SigninLogs, "
    "AADNonInteractiveUserSignInLogs), diagnostic settings or the portal's downloads (CSV in English, or JSON) write "
    "them"
)

_OTHERS: tuple[tuple[str, frozenset[str]], ...] = (
    ("the Graph activity log; hunt in it where it lies, with the KQL pack", frozenset({"requesturi", "requestmethod"})),
    ("the unified audit log of Purview; export the Entra audit log instead", frozenset({"recordtype", "operation"})),
    ("the unified audit log of Purview; export the Entra audit log instead", frozenset({"auditdata"})),
    ("the provisioning log", frozenset({"provisioningaction", "jobid"})),
    ("sign-ins of service principals or managed identities", frozenset({"serviceprincipalname", "serviceprincipalid"})),
    ("sign-ins of service principals or managed identities", frozenset({"service principal name"})),
    ("Defender's sign-in table; export SigninLogs instead", frozenset({"accountobjectid", "applicationid"})),
    ("the Azure activity log", frozenset({"operationnamevalue", "subscriptionid"})),
    ("Office activity; hunt in it where it lies, with the KQL pack", frozenset({"officeworkload"})),
    ("a list of users, not a log", frozenset({"userprincipalname", "usertype"})),
    ("a list of users, not a log", frozenset({"userprincipalname", "displayname"})),
)
_NOT_SIGN_INS = {"RequestUri", "OfficeWorkload"}
_ZONE = re.compile(r"\s*\[([^\]]*)\]$")


def column_name(header: str) -> str:
    """Return a CSV header without the zone Log Analytics adds. Raises ValueError for a zone that is not UTC."""
    match = _ZONE.search(header)
    if match is None:
        return header
    if match[1].strip().upper() != "UTC":
        raise ValueError(f"its times are in {match[1]}; set the query's time zone to UTC and export again")
    return header[: match.start()]


def recognise(keys: frozenset[str]) -> Shape | None:
    """Return the shape of a row or CSV header with these names; None where it is none that is read."""
    if "activityDisplayName" in keys:
        return GRAPH_AUDIT
    if "properties" in keys and keys & {"category", "operationName"}:
        return DIAGNOSTIC
    if keys & {"OperationName", "ActivityDisplayName"} and keys & {"InitiatedBy", "TargetResources", "LoggedByService"}:
        return LA_AUDIT
    if keys & {"UserPrincipalName", "UserId"} and keys & {"AppId", "AppDisplayName"} and not keys & _NOT_SIGN_INS:
        return LA_SIGN_IN
    if "createdDateTime" in keys and keys & {"appId", "appDisplayName"} and keys & {"userId", "userPrincipalName"}:
        return GRAPH_SIGN_IN
    return _portal(keys)


def _portal(keys: frozenset[str]) -> Shape | None:
    folded = {_column(k) for k in keys}
    if "date (utc)" not in folded:
        return None
    if "activity" in folded and folded & {"actoruserprincipalname", "actortype", "target1objectid"}:
        return PORTAL_AUDIT
    if folded & {"user id", "username"} and folded & {"application", "application id"}:
        return PORTAL_SIGN_IN
    return None


def name_of(keys: frozenset[str]) -> str:
    """Return what a row with these names seems to be instead, in words."""
    folded = {_column(k) for k in keys}
    for name, marks in _OTHERS:
        if marks <= folded:
            return name
    if folded & {"data (utc)", "fecha (utc)", "datum (utc)", "date (utc)"}:
        return "a portal download whose column names are not English; download JSON, or set the portal to English"
    shown = ", ".join(sorted(keys)[:6])
    return f"something else (its first columns: {shown[:120]})"


@lru_cache(maxsize=256)
def shape_of(keys: tuple[str, ...]) -> tuple[Shape | None, str]:
    """Return a row's shape by its keys, or None and what it seems to be."""
    names = frozenset(keys)
    shape = recognise(names)
    return shape, "" if shape else name_of(names)
