"""Rows that others published parse in their own shapes to the right events."""

from pathlib import Path

from posture.hunts.changes import setting_changes_of
from posture.hunts.directions import Direction
from posture.hunts.events import AuditEvent, SignInEvent
from posture.hunts.files import rows
from posture.hunts.normal import audit_event, sign_in_event
from posture.hunts.people import IdSet, People
from posture.hunts.run import TenantContext, hunt_files
from posture.hunts.shapes import Kind, Record, Shape, shape_of
from posture.hunts.streams import invited_address, redemption
from posture.settings import Settings
from tests.shared import shared


def events(path: Path) -> list[tuple[str, AuditEvent | SignInEvent]]:
    """Every row of a file as shape and event; a row that is none fails the test."""
    found: list[tuple[str, AuditEvent | SignInEvent]] = []
    for number, row, why in rows(path):
        assert row is not None, why
        shape, _ = shape_of(tuple(row))
        assert isinstance(shape, Shape)
        record = shape.read(row)
        assert isinstance(record, Record)
        place = f"{path.name}:{number}"
        made = audit_event if record.kind is Kind.AUDIT else sign_in_event
        found.append((shape.name, made(record.row, place)))
    return found


def audits(name: str) -> list[AuditEvent]:
    found = [event for _, event in events(shared("logs", name))]
    assert all(isinstance(e, AuditEvent) for e in found)
    return found  # type: ignore[return-value]


def test_event_hub_invitations() -> None:
    found = events(shared("logs", "panther_invite_diagnostic.jsonl"))
    assert [shape for shape, _ in found] == ["diagnostic setting or Event Hub records"] * 2
    first, second = audits("panther_invite_diagnostic.jsonl")
    assert first.activity == second.activity == "Invite external user"
    assert first.succeeded
    assert (first.actor.name, first.actor.kind, first.ip) == ("denethor@lotr.com", "user", "1.2.3.4")
    assert [invited_address(e) for e in (first, second)] == ["john@justice.org", "aragorn@lotr.com"]
    assert first.at is not None
    assert first.at.isoformat() == "2024-09-23T14:33:09.049661+00:00"


def test_event_hub_policy() -> None:
    (event,) = audits("panther_policy_diagnostic.jsonl")
    assert event.activity == "Delete conditional access policy"
    (change,) = setting_changes_of(event)
    assert change.direction is Direction.LOOSENED
    assert "b2bDirectConnectUser" in change.before
    assert change.after == "(none)"


def test_log_analytics_csv() -> None:
    found = events(shared("logs", "sentinel_auditlogs_export.csv"))
    assert found[0][0] == "Log Analytics AuditLogs"
    (event,) = audits("sentinel_auditlogs_export.csv")
    assert event.activity == "Update application – Certificates and secrets management"
    assert event.actor.name == "VadimJ@buildseccxpninja.onmicrosoft.com"
    assert event.detail("user-agent").startswith("python/3.8.9")
    assert [c.name for c in event.targets[0].changes] == ["KeyDescription", "Included Updated Properties"]
    assert event.at is None, "this export leaves the time out"


def test_graph_page_of_the_documentation() -> None:
    old, new = audits("graph_v1_directoryaudits_docs.json")
    assert (old.activity, old.targets[0].type, old.targets[1].user_principal_name) == (
        "Add member to group",
        "Group",
        "bob@contoso.com",
    )
    assert new.actor.ip == "10.0.0.0"
    assert new.at is not None
    assert new.at.year == 2024


def test_shortened_invitation_and_redemption() -> None:
    invited, redeemed = audits("stratus_invite_and_redeem.json")
    assert invited_address(invited) == "<invited-user-email>"
    assert redemption(redeemed)["Source"] == "One Time Passcode"
    assert redemption(redeemed)["InvitationId"] == "4c93fc70-169a-411f-8cf7-aff732f8c7b9"


def test_all_of_them_hunted_together() -> None:
    files = [shared("logs", name) for name in ("panther_invite_diagnostic.jsonl", "panther_policy_diagnostic.jsonl")]
    files += [shared("logs", name) for name in ("sentinel_auditlogs_export.csv", "graph_v1_directoryaudits_docs.json")]
    files.append(shared("logs", "stratus_invite_and_redeem.json"))
    result = hunt_files(files, TenantContext("", ("contoso.example",)), Settings())
    assert sum(w.rows for w in result.windows) == 8
    assert result.bad_row_count == 0
    by_hunt = {lead.hunt: lead for lead in result.leads if lead.hunt in ("GUEST-HUN-001", "GUEST-HUN-004")}
    assert by_hunt["GUEST-HUN-001"].count == 3, "two inviters' names lie in no verified domain"
    assert by_hunt["GUEST-HUN-004"].count == 1


def test_synthesized_guest_events() -> None:
    path = shared("graph", "samples", "synthesized", "directoryAudits.guest-events.v1.json")
    result = hunt_files(
        [path],
        TenantContext("0f1e2d3c-0000-4000-8000-00000000c0de", ("contoso.com", "contoso.onmicrosoft.com")),
        Settings(),
    )
    found = {(lead.hunt, lead.severity.value): lead for lead in result.leads}
    assert found["GUEST-HUN-001", "high"].rows[0]["invited"] == "bob@adatum.com"
    assert found["GUEST-HUN-004", "high"].rows[0]["setting"] == "partner in cross-tenant access"
    assert found["GUEST-HUN-004", "info"].count == 3, "allow list, nobody may invite, fewer inviters"
    assert ("GUEST-HUN-001", "low") not in found, "a member's refused invitation is no guest's"


def test_sign_ins_of_the_documentation() -> None:
    path = shared("graph", "samples", "synthesized", "signIns.guest.beta.json")
    ((shape, event),) = events(path)
    assert shape == "Graph sign-ins"
    assert isinstance(event, SignInEvent)
    assert (event.city, event.latitude, event.interactive, event.user_type) == ("Oslo", None, True, "guest")
    plain = shared("graph", "samples", "synthesized", "signIns.guest.v1.json")
    ((_, older),) = events(plain)
    assert isinstance(older, SignInEvent)
    assert (older.latitude, older.user_type) == (59.91, "")
    ours = People("0f1e2d3c-0000-4000-8000-00000000c0de")
    assert ours.visitor(older.user_id, older.user_type, older.home_tenant, older.resource_tenant)
    listed = People("0f1e2d3c-0000-4000-8000-00000000c0de", guests=IdSet([older.user_id]))
    assert listed.visitor(older.user_id, "", "", "") == "in the guest list"
