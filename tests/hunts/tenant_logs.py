"""The default sample's logs, in Graph's shape and in Log Analytics', to hunt in both ways."""

import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from posture.hunts.people import IdSet, People
from posture.snapshot.types import Fact, Provenance, Snapshot, Tenant

SAMPLE = Path(__file__).resolve().parents[2] / "samples" / "contoso"
NOW = datetime.fromisoformat("2026-11-20T08:15:00+00:00")


def lines(name: str) -> list[dict[str, Any]]:
    """Return a list of the sample."""
    return [json.loads(line) for line in (SAMPLE / name).read_text("utf-8").splitlines()]


def tenant() -> dict[str, Any]:
    return lines("v1.0/organization.ndjson")[0]


def domains() -> frozenset[str]:
    return frozenset(d["name"].casefold() for d in tenant()["verifiedDomains"])


def users() -> list[dict[str, Any]]:
    return lines("v1.0/users.ndjson")


def guest_ids() -> set[str]:
    return {u["id"] for u in users() if u.get("userType") == "Guest"}


def external_members() -> set[str]:
    return {u["id"] for u in users() if u.get("userType") == "Member" and "#EXT#" in str(u.get("userPrincipalName"))}


def people() -> People:
    return People(
        tenant()["id"], domains=domains(), guests=IdSet(guest_ids()), external_members=IdSet(external_members())
    )


def audits() -> list[dict[str, Any]]:
    return lines("v1.0/auditLogs/directoryAudits.ndjson")


def sign_ins() -> list[dict[str, Any]]:
    return lines("v1.0/auditLogs/signIns.ndjson")


def quiet_sign_ins() -> list[dict[str, Any]]:
    return lines("beta/auditLogs/signIns.ndjson")


def as_audit_logs(rows: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield directory audits as Log Analytics keeps them in AuditLogs."""
    for row in rows:
        initiated = {k: v for k, v in row["initiatedBy"].items() if v}
        yield {
            "TimeGenerated": row["activityDateTime"],
            "ActivityDateTime": row["activityDateTime"],
            "OperationName": row["activityDisplayName"],
            "ActivityDisplayName": row["activityDisplayName"],
            "Id": row["id"],
            "LoggedByService": row["loggedByService"],
            "Category": row["category"],
            "Result": row["result"],
            "ResultReason": row["resultReason"],
            "AADOperationType": row["operationType"],
            "InitiatedBy": initiated,
            "TargetResources": row["targetResources"],
            "AdditionalDetails": row["additionalDetails"],
            "AADTenantId": tenant()["id"],
            "Type": "AuditLogs",
        }


def as_sign_in_logs(rows: list[dict[str, Any]], *, quiet: bool = False) -> Iterator[dict[str, Any]]:
    """Yield sign-ins as Log Analytics keeps them; the non-interactive table keeps objects as text."""
    guests = guest_ids()
    for row in rows:
        packed = json.dumps if quiet else (lambda value: value)
        yield {
            "TimeGenerated": row["createdDateTime"],
            "CreatedDateTime": row["createdDateTime"],
            "Id": row["id"],
            "UserId": row["userId"],
            "UserPrincipalName": row["userPrincipalName"],
            "UserDisplayName": row["userDisplayName"],
            "UserType": "Guest" if row["userId"] in guests else "Member",
            "AppId": row["appId"],
            "AppDisplayName": row["appDisplayName"],
            "ResourceIdentity": row.get("resourceId"),
            "ResourceDisplayName": row.get("resourceDisplayName"),
            "HomeTenantId": row.get("homeTenantId"),
            "ResourceTenantId": row.get("resourceTenantId"),
            "CrossTenantAccessType": row.get("crossTenantAccessType"),
            "ResultType": str(row["status"]["errorCode"]),
            "ResultDescription": row["status"].get("failureReason"),
            "Status": packed(row["status"]),
            "LocationDetails": packed(row.get("location")),
            "DeviceDetail": packed(row.get("deviceDetail")),
            "IPAddress": row.get("ipAddress"),
            "RiskLevelDuringSignIn": row.get("riskLevelDuringSignIn"),
            "AADTenantId": tenant()["id"],
            "Type": "AADNonInteractiveUserSignInLogs" if quiet else "SigninLogs",
        }


def fact(name: str, rows: list[dict[str, Any]], url: str = "") -> Fact:
    return Fact(name, rows, Provenance(f"GET {name}", url, "", NOW, ("r",), f"{name}.ndjson", rows=len(rows)))


def snapshot(*, quiet: bool = True, **replaced: list[dict[str, Any]]) -> Snapshot:
    """Return the sample as a run would have read it, as far as hunts look."""
    since = "2026-10-21T08:15:00Z"
    held = {
        "directory_audits": (audits(), f"?$filter=activityDateTime ge {since}"),
        "sign_ins": (sign_ins(), f"?$filter=createdDateTime ge {since}"),
        "sign_ins_non_interactive": (quiet_sign_ins() if quiet else [], f"?$filter=createdDateTime ge {since}"),
        "guests": (sorted((u for u in users() if u.get("userType") == "Guest"), key=lambda u: u["id"]), ""),
        "external_members": (sorted((u for u in users() if u["id"] in external_members()), key=lambda u: u["id"]), ""),
        "domains": (lines("v1.0/domains.ndjson"), ""),
        "groups": (lines("v1.0/groups.ndjson"), ""),
        "subscribed_skus": (lines("v1.0/subscribedSkus.ndjson"), ""),
    }
    facts = {name: fact(name, replaced.get(name, rows), url) for name, (rows, url) in held.items()}
    me = tenant()
    return Snapshot(Tenant(me["id"], me["displayName"], tuple(sorted(domains()))), NOW, facts, {})
