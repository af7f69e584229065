"""One record in each shape becomes the same event; other logs are named."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest

from posture.errors import EvidenceError
from posture.hunts.events import SignInEvent
from posture.hunts.files import rows as file_rows
from posture.hunts.normal import audit_event, sign_in_event
from posture.hunts.run import TenantContext, hunt_files
from posture.hunts.shapes import Kind, Other, Record, column_name, shape_of
from posture.settings import Settings
from tests.hunts import rows as r

LOCATION = {
    "city": "Oslo",
    "state": "Oslo",
    "countryOrRegion": "NO",
    "geoCoordinates": {"latitude": 59.91, "longitude": 10.75},
}


def record(row: dict[str, Any]) -> Record:
    shape, instead = shape_of(tuple(row))
    assert shape is not None, instead
    found = shape.read(row)
    assert isinstance(found, Record)
    return found


def signed_in(row: dict[str, Any]) -> SignInEvent:
    found = record(row)
    assert found.kind is Kind.SIGN_IN
    return sign_in_event(found.row, "x", interactive=found.interactive, log_tenant=found.log_tenant)


GRAPH = r.sign_in(
    "2026-11-19T08:00:00Z", id="s1", location=LOCATION, userType="guest", crossTenantAccessType="b2bCollaboration"
)

SIGNIN_LOGS = {
    "TimeGenerated": "2026-11-19T08:03:00Z",
    "CreatedDateTime": "2026-11-19T08:00:00Z",
    "Id": "s1",
    "UserId": r.GUEST,
    "UserPrincipalName": "bob@fabrikam.example",
    "UserDisplayName": "Bob",
    "UserType": "Guest",
    "AppId": r.PORTAL,
    "AppDisplayName": "Azure Portal",
    "ResourceIdentity": GRAPH["resourceId"],
    "ResourceDisplayName": "Azure Service Management",
    "HomeTenantId": r.THEIRS,
    "ResourceTenantId": r.OURS,
    "CrossTenantAccessType": "b2bCollaboration",
    "ResultType": "0",
    "ResultDescription": "Other.",
    "IPAddress": "203.0.113.7",
    "LocationDetails": LOCATION,
    "Location": "NO",
    "AADTenantId": r.OURS,
    "Type": "SigninLogs",
}

PORTAL_CSV = {
    "Date (UTC)": "2026-11-19T08:00:00Z",
    "Request ID": "s1",
    "User ID": r.GUEST,
    "User": "Bob",
    "Username": "bob@fabrikam.example",
    "User type": "Guest",
    "Cross tenant access type": "b2bCollaboration",
    "Application": "Azure Portal",
    "Application ID ": r.PORTAL,
    "Resource": "Azure Service Management",
    "Resource ID ": GRAPH["resourceId"],
    "Resource tenant ID": r.OURS,
    "Home tenant ID": r.THEIRS,
    "IP address": "203.0.113.7",
    "Location": "Oslo, Oslo, NO",
    "Status": "Success",
    "Sign-in error code": "",
    "Failure reason": "Other.",
    "Incoming token type": "None",
    "Autonomous system  number": "64500",
}


def test_one_sign_in_in_every_shape() -> None:
    graph = signed_in(GRAPH)
    envelope = {
        "time": "t",
        "category": "SignInLogs",
        "tenantId": r.OURS,
        "operationName": "Sign-in activity",
        "properties": GRAPH,
    }
    seen = {
        "event hub": signed_in(envelope),
        "table": signed_in(SIGNIN_LOGS),
        "table, all text": signed_in({k: v if isinstance(v, str) else json.dumps(v) for k, v in SIGNIN_LOGS.items()}),
        "portal": signed_in(PORTAL_CSV),
    }
    for name, event in seen.items():
        for field in (
            "id",
            "at",
            "user_id",
            "user_name",
            "user_type",
            "app_id",
            "home_tenant",
            "resource_tenant",
            "error",
            "ip",
            "city",
            "country",
            "cross_tenant",
        ):
            assert getattr(event, field) == getattr(graph, field), (name, field)
    assert seen["portal"].latitude is None
    assert seen["table"].interactive is True
    assert seen["table"].log_tenant == r.OURS
    assert signed_in({**envelope, "category": "NonInteractiveUserSignInLogs"}).interactive is False


@pytest.mark.parametrize(
    ("status", "code", "found"),
    [("Success", "0", 0), ("Failure", "53003", 53003), ("Failure", "", -1), ("Interrupted", "", 50140), ("", "", None)],
)
def test_portal_results(status: str, code: str, found: int | None) -> None:
    event = signed_in({**PORTAL_CSV, "Status": status, "Sign-in error code": code})
    assert event.error == found
    assert event.succeeded is (found == 0)


@pytest.mark.parametrize(
    ("words", "city", "country"),
    [
        ("Oslo, Oslo, NO", "Oslo", "NO"),
        ("Washington, D.C., District, US", "Washington, D.C.", "US"),
        ("Oslo, NO", "Oslo", "NO"),
        ("NO", "", "NO"),
        ("", "", ""),
    ],
)
def test_portal_places(words: str, city: str, country: str) -> None:
    event = signed_in({**PORTAL_CSV, "Location": words})
    assert (event.city, event.country) == (city, country)


def test_one_invitation_in_every_shape() -> None:
    row = r.invite("2026-11-19T08:00:00.1234567Z")
    row["targetResources"][0] |= {"displayName": "Bob"}
    graph = audit_event(row, "x")
    table = {
        "TimeGenerated": "2026-11-19T08:02:00Z",
        "ActivityDateTime": row["activityDateTime"],
        "Id": row["id"],
        "OperationName": row["activityDisplayName"],
        "Category": row["category"],
        "Result": "success",
        "LoggedByService": row["loggedByService"],
        "InitiatedBy": {"user": row["initiatedBy"]["user"]},
        "TargetResources": row["targetResources"],
        "AdditionalDetails": json.dumps(row["additionalDetails"]),
    }
    envelope = {"time": "t", "category": "AuditLogs", "operationName": "Invite external user", "properties": row}
    for name, shape in {"table": table, "event hub": envelope}.items():
        found = record(shape)
        assert audit_event(found.row, "x") == graph, name
    portal = {
        "Date (UTC)": row["activityDateTime"],
        "CorrelationId": "c",
        "Service": "Invited Users",
        "Category": "UserManagement",
        "Activity": "Invite external user",
        "Result": "success",
        "ResultReason": "",
        "ActorType": "User",
        "ActorDisplayName": "",
        "ActorObjectId": r.ADMIN,
        "ActorUserPrincipalName": "admin@contoso.example",
        "IPAddress": "203.0.113.7",
        "Target1Type": "User",
        "Target1DisplayName": "Bob",
        "Target1ObjectId": r.GUEST,
        "Target1ModifiedProperty1Name": "UserType",
        "Target1ModifiedProperty1OldValue": '["Guest"]',
        "Target1ModifiedProperty1NewValue": '["Member"]',
        "Target2Type": "",
        "AdditionalDetail1Key": "invitedUserEmailAddress",
        "AdditionalDetail1Value": "bob@fabrikam.example",
    }
    event = audit_event(record(portal).row, "x")
    assert event.actor == graph.actor
    assert event.details == graph.details
    assert event.at == graph.at
    assert event.targets[0].changes[0].new == '["Member"]'
    assert len(event.targets) == 1
    app = audit_event(
        record({**portal, "ActorType": "Application", "ActorUserPrincipalName": "", "ActorDisplayName": "Bot"}).row, "x"
    )
    assert (app.actor.kind, app.actor.name, app.ip) == ("app", "Bot", "203.0.113.7")


def as_csv(row: dict[str, Any], rename: Any = None) -> str:
    out = io.StringIO()
    names = [rename(k) if rename else k for k in row]
    writer = csv.writer(out)
    writer.writerow(names)
    writer.writerow([v if isinstance(v, str) else json.dumps(v) for v in row.values()])
    return out.getvalue()


def test_log_analytics_csv_with_zones_and_american_times(tmp_path: Path) -> None:
    row = {
        **SIGNIN_LOGS,
        "CreatedDateTime": "11/19/2026, 8:00:00.000 AM",
        "TimeGenerated": "11/19/2026, 8:03:00.000 AM",
    }
    path = tmp_path / "query_data.csv"
    path.write_text(as_csv(row, lambda k: f"{k} [UTC]" if k.endswith(("DateTime", "Generated")) else k), "utf-8-sig")
    result = hunt_files([path], TenantContext(r.OURS, ("contoso.example",)), Settings())
    assert [w.oldest for w in result.windows] == [signed_in(GRAPH).at]
    assert "GUEST-HUN-003" in {lead.hunt for lead in result.leads}
    path.write_text(as_csv(row, lambda k: f"{k} [Oslo]" if k.endswith("Generated") else k))
    with pytest.raises(EvidenceError, match="times are in Oslo; set the query's time zone to UTC"):
        hunt_files([path], None, Settings())
    assert column_name("TimeGenerated [UTC]") == "TimeGenerated"


OTHERS = {
    "unified audit log": {"RecordType": 8, "Operation": "Add user.", "CreationTime": "x", "UserId": "y"},
    "Graph activity log": {
        "TimeGenerated": "x",
        "RequestUri": "https://",
        "RequestMethod": "GET",
        "UserId": "u",
        "AppId": "a",
    },
    "provisioning log": {"ProvisioningAction": "create", "JobId": "j", "TimeGenerated": "x"},
    "list of users": {"id": "1", "displayName": "x", "userPrincipalName": "y"},
    "Azure activity log": {"OperationNameValue": "x", "SubscriptionId": "y"},
    "column names are not English": {"Data (UTC)": "x", "Utente": "y", "Applicazione": "z"},
    "something else": {"a": 1, "b": 2},
}


@pytest.mark.parametrize("name", OTHERS)
@pytest.mark.parametrize("how", ["json", "csv"])
def test_a_wrong_log_is_named(name: str, how: str, tmp_path: Path) -> None:
    path = tmp_path / f"log.{how}"
    path.write_text(json.dumps([OTHERS[name]]) if how == "json" else as_csv(OTHERS[name]))
    with pytest.raises(EvidenceError) as refused:
        hunt_files([path], None, Settings())
    assert name in str(refused.value)
    assert "posture reads directory audits and user sign-ins" in str(refused.value)


def test_other_categories_of_an_event_hub_are_counted_by_name(tmp_path: Path) -> None:
    rows = [
        {"category": "AuditLogs", "operationName": "Add user", "properties": r.audit("Add user")},
        {"category": "ServicePrincipalSignInLogs", "operationName": "Sign-in activity", "properties": {"id": "1"}},
        {"category": "AuditLogs", "operationName": "Add user", "properties": "not an object"},
        {"nothing": "known"},
    ]
    path = tmp_path / "hub.jsonl"
    path.write_text("\n".join(json.dumps(x) for x in rows))
    result = hunt_files([path], None, Settings())
    assert [w.rows for w in result.windows] == [1]
    assert any("ServicePrincipalSignInLogs: 1 rows passed over" in n for n in result.notes)
    assert [(b.source, b.number) for b in result.bad_rows] == [("hub.jsonl", 3), ("hub.jsonl", 4)]
    assert result.bad_row_count == 2


def test_rows_that_lack_what_makes_them_one_are_counted(tmp_path: Path) -> None:
    rows = [
        {**r.audit("Add user"), "activityDisplayName": None},
        {**r.audit("Add user"), "activityDateTime": "some day"},
        {**r.sign_in(), "userId": None, "userPrincipalName": ""},
        r.audit("Add user"),
    ]
    path = tmp_path / "mixed.jsonl"
    path.write_text("\n".join(json.dumps(x) for x in rows))
    result = hunt_files([path], None, Settings())
    assert [(b.number, b.why) for b in result.bad_rows] == [
        (1, "it names no activity"),
        (2, "'some day' is no time; the row is kept without one"),
        (3, "it names no user"),
    ]
    assert [(w.rows, w.undated) for w in result.windows] == [(2, 1)]


def test_service_principals_are_no_people() -> None:
    shape, _ = shape_of(tuple(r.sign_in()))
    assert shape is not None
    assert isinstance(shape.read({**r.sign_in(), "userId": "", "servicePrincipalId": "1"}), Other)


def test_empty_files(tmp_path: Path) -> None:
    path = tmp_path / "empty.json"
    path.write_text('{"value": []}')
    assert list(file_rows(path)) == []
    with pytest.raises(EvidenceError, match="has a header and no rows"):
        hunt_files([path], None, Settings())
