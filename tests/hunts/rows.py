"""Made-up log rows in Graph's shape; a test states what differs."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from posture.hunts.people import IdSet, People
from posture.hunts.registry import Limit, Scene, hunts
from posture.hunts.results import Window
from posture.hunts.shapes import Kind, Record
from posture.hunts.streams import Streams
from posture.settings import Thresholds

NOW = datetime(2026, 11, 20, 8, 0, tzinfo=UTC)
OURS = "0f1e2d3c-0000-4000-8000-00000000c0de"
THEIRS = "fab00000-0000-4000-8000-000000000001"
GUEST, FRIEND, MEMBER, ADMIN = (f"0000000{n}-0000-4000-8000-00000000000{n}" for n in (1, 2, 3, 4))
SHELL = "14d82eec-204b-4c2f-b7e8-296a70dab67e"
PORTAL = "c44b4083-3bb0-49c1-b47d-974e53cbdf3c"
GRAPH = "00000003-0000-0000-c000-000000000000"


def at(days: float = 1.0, **more: float) -> str:
    """A time some days before now, as Graph writes it."""
    return (NOW - timedelta(days=days) + timedelta(**more)).isoformat().replace("+00:00", "Z")


_numbers = iter(range(10**6))


def audit(activity: str, when: str | None = None, **changes: Any) -> dict[str, Any]:
    row = {
        "id": f"Log_{next(_numbers)}",
        "category": "UserManagement",
        "result": "success",
        "resultReason": "",
        "activityDisplayName": activity,
        "activityDateTime": when or at(),
        "loggedByService": "Core Directory",
        "operationType": "Update",
        "initiatedBy": by(ADMIN, "admin@contoso.example"),
        "targetResources": [user(GUEST)],
        "additionalDetails": [],
    }
    return {**row, **changes}


def by(object_id: str, name: str, **more: Any) -> dict[str, Any]:
    return {"app": None, "user": {"id": object_id, "userPrincipalName": name, "ipAddress": "203.0.113.7", **more}}


def by_app(object_id: str, name: str, app_id: str = "") -> dict[str, Any]:
    return {"user": None, "app": {"servicePrincipalId": object_id, "displayName": name, "appId": app_id}}


def user(object_id: str, name: str = "", *changes: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"id": object_id, "type": "User", "userPrincipalName": name, "modifiedProperties": list(changes), **more}


def change(name: str, old: str | None, new: str | None) -> dict[str, Any]:
    return {"displayName": name, "oldValue": old, "newValue": new}


def invite(
    when: str | None = None, to: str = "bob@fabrikam.example", who: str = GUEST, **changes: Any
) -> dict[str, Any]:
    row = audit("Invite external user", when, loggedByService="Invited Users", targetResources=[user(who)])
    row["additionalDetails"] = [{"key": "invitedUserEmailAddress", "value": to}]
    return {**row, **changes}


def redeem(when: str, mail: str = "bob@fabrikam.example", source: str = "Azure AD", who: str = GUEST) -> dict[str, Any]:
    words = f"UPN: bob_fabrikam.example#EXT#@contoso.example, Email: {mail}, InvitationId: {THEIRS}, Source: {source}"
    target = user(who, displayName=words)
    return audit("Redeem external user invite", when, loggedByService="B2B Auth", targetResources=[target])


def sign_in(when: str | None = None, **changes: Any) -> dict[str, Any]:
    row = {
        "id": f"Sign_{next(_numbers)}",
        "createdDateTime": when or at(),
        "userId": GUEST,
        "userPrincipalName": "bob@fabrikam.example",
        "userDisplayName": "Bob",
        "appId": PORTAL,
        "appDisplayName": "Azure Portal",
        "resourceId": "797f4846-ba00-4fd7-ba43-dac1f8f63013",
        "resourceDisplayName": "Azure Service Management",
        "ipAddress": "203.0.113.7",
        "homeTenantId": THEIRS,
        "resourceTenantId": OURS,
        "status": {"errorCode": 0, "failureReason": "Other."},
        "location": {
            "city": "Oslo",
            "countryOrRegion": "NO",
            "geoCoordinates": {"latitude": 59.91, "longitude": 10.75},
        },
    }
    return {**row, **changes}


def refused(code: int, when: str | None = None, **changes: Any) -> dict[str, Any]:
    return sign_in(when, status={"errorCode": code, "failureReason": "No."}, **changes)


PEOPLE = People(OURS, domains=frozenset({"contoso.example", "contoso.onmicrosoft.com"}), guests=IdSet([GUEST, FRIEND]))


def hunt(
    folder: Path,
    code: str,
    audits: list[dict[str, Any]] | None = None,
    sign_ins: list[dict[str, Any]] | None = None,
    *,
    people: People = PEOPLE,
    days: float = 30,
    **thresholds: Any,
) -> dict[str, tuple[int, tuple[dict[str, Any], ...]]]:
    """Run one hunt and return its leads by severity and first word, and its limits under "limit"."""
    streams = Streams(people, folder, hold=3)
    for number, row in enumerate(audits or (), 1):
        streams.take(Record(Kind.AUDIT, row), "audits", number)
    for number, row in enumerate(sign_ins or (), 1):
        streams.take(Record(Kind.SIGN_IN, row), "sign_ins", number)
    streams.close()
    since = NOW - timedelta(days=days)
    audit_window = Window("audits", "audits", len(audits or ()), since, NOW)
    sign_in_window = Window("sign-ins", "sign_ins", len(sign_ins or ()), since, NOW)
    more = {k: thresholds.pop(k) for k in ("privileged_groups", "entra_domains") if k in thresholds}
    scene = Scene(people, Thresholds(**thresholds), NOW, audit_window, sign_in_window, keep=50, **more)
    one = next(h for h in hunts() if h.code == code)
    given = streams.all()
    found: dict[str, Any] = {}
    for lead in one.function(**{name: given[name] for name in one.streams}, scene=scene):
        if isinstance(lead, Limit):
            found["limit"] = lead.sentence
            continue
        assert lead.severity.rank <= one.severity.rank, "a lead may not be worse than its hunt says"
        key = lead.severity.value
        while key in found:
            key += "+"
        found[key] = (lead.count, lead.rows)
    return found
