import csv
import io

import pytest

from posture.report import guests_csv, write_reports
from posture.report.view import Options
from posture.snapshot.types import GapReason
from tests import facts as f
from tests.report import builder


def rendered(run) -> bytes:
    out = io.BytesIO()
    guests_csv.render(run, out)
    return out.getvalue()


def test_one_row_a_guest_with_what_is_known(tmp_path):
    rows = list(guests_csv.read(io.BytesIO(rendered(builder.run(tmp_path)))))
    assert len(rows) == 30
    first = rows[0]
    assert first["displayName"] == "Guest 1"
    assert first["domain"] == "fabrikam.example"
    assert first["lastSeen"].startswith("2026-10-14T")
    assert first["daysSinceLastSeen"] == "40"
    assert first["sponsors"] == "Ana Novak"
    assert first["directoryRoles"] == "Guest Inviter"
    assert first["groups"] == "1"
    assert first["ownedObjects"] == "not read"
    pending = next(r for r in rows if r["pendingDays"] == "900")
    assert pending["externalUserState"] == "PendingAcceptance"
    assert "GUEST-INV-006" in pending["findings"].split()
    assert pending["lastSeen"] == ""


def test_what_was_not_read_is_never_empty(tmp_path):
    refused = f.gap("guest_sign_in_activity", GapReason.LICENCE)
    rows = list(guests_csv.read(io.BytesIO(rendered(builder.run(tmp_path, guest_sign_in_activity=refused)))))
    assert {r["lastSeen"] for r in rows} == {"not read"}


def test_no_guest_list_is_said_in_the_file_itself(tmp_path):
    data = rendered(builder.run(tmp_path, guests=f.gap("guests")))
    assert list(guests_csv.read(io.BytesIO(data))) == []
    assert data.startswith(b"\xef\xbb\xbf")
    _, said = csv.reader(io.StringIO(data.decode("utf-8-sig")))
    assert said[:2] == ["not read", "the guest list: permission missing"]
    assert len(said) == len(guests_csv.COLUMNS)
    none = rendered(builder.run(tmp_path / "none", guests=[]))
    assert len(list(csv.reader(io.StringIO(none.decode("utf-8-sig"))))) == 1


def test_a_guest_missing_in_a_list_is_not_read_there(tmp_path):
    run = builder.run(tmp_path, guests=[f.guest(1), f.guest(2)], guest_sign_in_activity=[{"id": f.object_id(1)}])
    rows = list(guests_csv.read(io.BytesIO(rendered(run))))
    assert [r["lastSeen"] for r in rows] == ["", "not read"]


@pytest.mark.parametrize(
    ("eligibilities", "said"),
    [
        ([], ["Global Administrator", ""]),
        (f.gap("role_eligibilities", GapReason.LICENCE), ["Global Administrator", ""]),
        (f.gap("role_eligibilities"), ["Global Administrator", "not read"]),
    ],
)
def test_no_role_is_said_only_where_eligible_ones_were_read(tmp_path, eligibilities, said):
    run = builder.run(
        tmp_path,
        guests=[f.guest(1), f.guest(2)],
        role_definitions=list(f.ROLE_DEFINITIONS),
        role_assignments=[f.role_row(f.outsider(1))],
        role_eligibilities=eligibilities,
    )
    rows = list(guests_csv.read(io.BytesIO(rendered(run))))
    assert [r["directoryRoles"] for r in rows] == said


def test_every_hostile_value_reads_back_and_no_cell_is_a_formula(tmp_path):
    run = builder.hostile_run(tmp_path)
    data = rendered(run)
    held = {row["id"]: row for row in run.snapshot.facts["guests"].value}
    rows = list(guests_csv.read(io.BytesIO(data)))
    assert len(rows) == len(held)
    for row in rows:
        for column in ("displayName", "mail", "userPrincipalName", "companyName"):
            assert row[column] == (held[row["id"]][column] or "")
    raw = list(csv.reader(io.StringIO(data.decode("utf-8-sig"))))
    for cells in raw[1:]:
        assert len(cells) == len(guests_csv.COLUMNS)
        for cell in cells:
            visible = cell.lstrip()
            assert not visible[:1] or len(visible) == 1 or visible[0] not in "=+-@|%"
    assert b"\x1b" not in data
    # In a locale whose separator is a semicolon only quotes keep `x;=1+1` one cell.
    assert all(line.startswith(b'"') and line.endswith(b'"') for line in data[3:].split(b"\r\n") if line)


def test_it_is_left_out_of_an_edition_without_people(tmp_path):
    written = write_reports(builder.run(tmp_path, options=Options(people=False)), tmp_path / "out")
    assert [p.name for p in written] == ["report.no-people.html", "report.no-people.md", "assessment.no-people.json"]
