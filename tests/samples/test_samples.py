"""The samples on disk are what their script writes, and read as tenants."""

import json
import sys
import uuid
from datetime import datetime
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from make_samples import MAKERS, SAMPLES, build
from sample_world import hostile

from posture.emulator.tenant import find_sample, load_tenant


@pytest.fixture(scope="module")
def files() -> dict[str, bytes]:
    return build()


def test_the_committed_samples_are_what_the_script_writes(files):
    on_disk = {str(p.relative_to(SAMPLES).as_posix()): p.read_bytes() for p in SAMPLES.rglob("*") if p.is_file()}
    assert sorted(on_disk) == sorted(files)
    changed = [name for name, data in files.items() if on_disk[name] != data]
    assert not changed, f"run tests/samples/make_samples.py: {changed}"


def test_the_script_writes_the_same_bytes_twice(files):
    assert build() == files


def test_samples_stay_small(files):
    assert sum(map(len, files.values())) < 3_000_000


@pytest.mark.parametrize("name", sorted(MAKERS))
def test_a_sample_is_a_tenant(name):
    tenant = load_tenant(find_sample(name))
    assert tenant.name == name
    assert tenant.clock.tzinfo is not None


def _rows(files, path):
    return [json.loads(line) for line in files[path].splitlines()]


@pytest.mark.parametrize("name", sorted(MAKERS))
def test_ids_are_guids_and_lists_are_sorted(files, name):
    users = _rows(files, f"{name}/v1.0/users.ndjson")
    ids = [u["id"] for u in users]
    assert ids == sorted(ids)
    assert all(str(uuid.UUID(i, version=4)) == i for i in ids)


@pytest.mark.parametrize("name", sorted(MAKERS))
def test_every_line_is_ascii_json(files, name):
    """Escapes keep direction marks and lone surrogates out of diffs and editors."""
    for path, data in files.items():
        if path.startswith(f"{name}/"):
            assert data.isascii(), path


@pytest.mark.parametrize("name", sorted(MAKERS))
def test_what_is_pointed_at_exists(files, name):
    users = _rows(files, f"{name}/v1.0/users.ndjson")
    groups = _rows(files, f"{name}/v1.0/groups.ndjson")
    known = {r["id"] for r in (*users, *groups)}
    pointed = [s for u in users for s in (*u.get("sponsors", ()), *([u["invitedBy"]] if "invitedBy" in u else ()))]
    pointed += [m for g in groups for m in (*g["members"], *g["owners"])]
    for path in ("roleAssignments", "roleEligibilityScheduleInstances", "roleAssignmentScheduleInstances"):
        file = f"{name}/v1.0/roleManagement/directory/{path}.ndjson"
        pointed += [r["principalId"] for r in (_rows(files, file) if file in files else ())]
    assert not set(pointed) - known


@pytest.mark.parametrize("name", sorted(MAKERS))
def test_domains_are_made_up(files, name):
    """Mail domains end in .example; only consumer domains are real, where a control is about them."""
    consumers = {"gmail.com", "outlook.com", "hotmail.co.uk", "yahoo.com", "proton.me", "gmx.de"}
    for user in _rows(files, f"{name}/v1.0/users.ndjson"):
        domain = (user["mail"] or "").rpartition("@")[2]
        own = domain.endswith((".example", ".onmicrosoft.com"))
        assert own or domain in consumers | {"", "[192.0.2.1]"} or "@" not in user["mail"], user["mail"]


def test_log_and_directory_agree_about_the_last_sign_in(files):
    for name in ("contoso", "hardened"):
        tenant = _rows(files, f"{name}/v1.0/organization.ndjson")[0]["id"]
        latest: dict[str, str] = {}
        for row in _rows(files, f"{name}/v1.0/auditLogs/signIns.ndjson"):
            if row["resourceTenantId"] == tenant:
                latest[row["userId"]] = max(latest.get(row["userId"], ""), row["createdDateTime"])
        users = {u["id"]: u for u in _rows(files, f"{name}/v1.0/users.ndjson")}
        for user_id, when in latest.items():
            if user_id in users:
                assert users[user_id]["signInActivity"]["lastSignInDateTime"] == when


def test_the_log_ends_before_the_clock_and_covers_thirty_days(files):
    for name in ("contoso", "hardened"):
        clock = load_tenant(find_sample(name)).clock
        times = [
            datetime.fromisoformat(r["activityDateTime"][:19] + "+00:00")
            for r in _rows(files, f"{name}/v1.0/auditLogs/directoryAudits.ndjson")
        ]
        assert max(times) < clock
        assert (clock - min(times)).days in range(24, 30)


def test_contoso_holds_the_hostile_names(files):
    names = {u["displayName"] for u in _rows(files, "contoso/v1.0/users.ndjson")}
    assert set(hostile.NAMES) <= names
    assert "<script>|=1+1" in names


def test_contoso_has_grown(files):
    users = _rows(files, "contoso/v1.0/users.ndjson")
    guests = [u for u in users if u["userType"] == "Guest"]
    assert len(guests) >= 150
    assert {u["externalUserState"] for u in guests} == {"Accepted", "PendingAcceptance", None}
    issuers = {i["issuer"] for u in guests for i in u["identities"]}
    assert {"ExternalAzureAD", "mail", "google.com", "MicrosoftAccount"} <= issuers
    assert any(i.startswith("https://idp.") for i in issuers)
