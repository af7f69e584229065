"""Evidence from elsewhere: whatever is wrong with a folder ends in one line that names it."""

import gzip
import hashlib
import json
import os
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from posture.errors import EvidenceError
from posture.settings import AcceptedRisk, Attestation, Profile, Settings, Thresholds
from posture.snapshot.folder import dump
from posture.snapshot.settings_file import load_settings, settings_json
from posture.snapshot.store import copy, load, manifest_of, unnamed
from posture.snapshot.types import Gap, GapReason, Provenance, Tenant

TENANT = "5e6f7a80-1b2c-4d3e-8f40-51627384950a"
OTHER = "0a954837-2615-40f8-8e3d-2c1b0807f6e5"
WHEN = datetime(2026, 11, 20, 8, 15, tzinfo=UTC)
SINGLE = "v1.0/policies/authorizationPolicy.json"
USERS = "v1.0/users.ndjson.gz"
ORGANIZATION = "v1.0/organization.ndjson"


class Made:
    """A small, sound evidence folder and the ways to spoil it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.entries: dict[str, dict] = {}
        self.put("organization", ORGANIZATION, dumped({"id": TENANT, "displayName": "Contoso"}), rows=1)
        self.put("guests", USERS, gzip.compress(dumped({"id": "a"}, {"id": "b"}, {"id": "c"})), rows=3)
        self.put("authorization_policy", SINGLE, b'{"allowInvitesFrom":"everyone"}')
        self.gaps = [Gap("groups", GapReason.PERMISSION, "refused", permission="GroupMember.Read.All")]
        (root / "settings.json").write_bytes(dump(settings_json(Settings())))
        self.manifest = self.write()

    def put(self, fact: str, file: str, data: bytes, rows: int | None = None) -> None:
        place = self.root / file
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data)
        provenance = Provenance(
            f"GET /{file}", "", "X.Read.All", WHEN, ("r",), file, hashlib.sha256(data).hexdigest(), rows=rows
        )
        made = manifest_of(meta={}, tenant=Tenant(""), taken_at=WHEN, facts=[(fact, provenance, {})], gaps=())
        self.entries[fact] = made["files"][0]

    def write(self, **changes: object) -> dict:
        tenant = Tenant(TENANT, "Contoso", ("contoso.example",), "contoso.example")
        manifest = manifest_of(meta={}, tenant=tenant, taken_at=WHEN, facts=(), gaps=self.gaps)
        manifest["files"] = list(self.entries.values())
        manifest.update(changes)
        (self.root / "manifest.json").write_text(json.dumps(manifest))
        return manifest


def dumped(*rows: dict) -> bytes:
    return b"".join(json.dumps(r).encode() + b"\n" for r in rows)


@pytest.fixture
def made(tmp_path):
    return Made(tmp_path / "evidence")


def read_all(root: Path) -> None:
    for fact in load(root).facts.values():
        list(fact.value)
    load_settings(root)


def refused(made: Made) -> str:
    with pytest.raises(EvidenceError) as error:
        read_all(made.root)
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 600
    return str(error.value)


def test_a_sound_folder_is_loaded_whole(made):
    found = load(made.root)
    assert set(found.facts) == {"organization", "guests", "authorization_policy"}
    assert found.gaps["groups"].reason is GapReason.PERMISSION
    assert [r["id"] for r in found.facts["guests"].value] == ["a", "b", "c"]
    assert found.facts["authorization_policy"].value == {"allowInvitesFrom": "everyone"}
    assert (found.tenant.id, found.taken_at) == (TENANT, WHEN)


@pytest.mark.parametrize(
    "file",
    [
        "../outside.json",
        "v1.0/../../outside.json",
        "/etc/hostname.json",
        "C:/outside.json",
        "v1.0\\..\\outside.json",
        "\\\\server\\share\\x.json",
        "v1.0//x.json",
        "v1.0/./x.json",
        "v1.0/x\x00.json",
        "v1.0/x\n.json",
        "v1.0/x.py",
        "settings.json",
        "manifest.json",
        "v1.0/" + "x" * 2000 + ".json",
        "",
        None,
        3,
        ["v1.0/x.json"],
    ],
)
def test_a_name_that_leads_elsewhere(made, file):
    (made.root.parent / "outside.json").write_bytes(b"{}")
    made.entries["authorization_policy"]["file"] = file
    made.write()
    assert "no file of an answer inside the folder" in refused(made)


@pytest.mark.parametrize("place", [SINGLE, "v1.0/policies", "v1.0"])
def test_a_link_within_the_folder_is_not_followed(made, place):
    elsewhere = made.root.parent / "elsewhere"
    (made.root / place).rename(elsewhere)
    (made.root / place).symlink_to(elsewhere)
    assert "is a link" in refused(made)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with a name here")
@pytest.mark.parametrize("file", [SINGLE, "manifest.json", "settings.json"])
def test_a_pipe_does_not_hold_us_up(made, file):
    (made.root / file).unlink()
    os.mkfifo(made.root / file)
    assert "no plain file" in refused(made)


def test_a_missing_file(made):
    (made.root / SINGLE).unlink()
    assert SINGLE in refused(made)
    assert "missing" in refused(made)


@pytest.mark.parametrize("file", ["v1.0/groups.ndjson", "beta/policies/b2bManagementPolicies.ndjson", "v1.0/x.json"])
def test_a_file_that_nobody_asked_for(made, file):
    (made.root / file).parent.mkdir(parents=True, exist_ok=True)
    (made.root / file).write_bytes(b"{}\n")
    assert unnamed(made.root, (e["file"] for e in made.entries.values())) == [file]
    said = refused(made)
    assert file in said
    assert "put there after the run" in said


@pytest.mark.parametrize("file", [".DS_Store", "v1.0/.DS_Store", "v1.0/Thumbs.db", "v1.0/._users.ndjson", "notes.txt"])
def test_what_file_managers_leave_behind_is_no_evidence(made, file):
    (made.root / file).write_bytes(b"x")
    load(made.root)


def test_other_bytes_than_the_manifest_describes(made):
    (made.root / SINGLE).write_bytes(b'{"allowInvitesFrom":"none"}')
    assert "SHA-256" in refused(made)


@pytest.mark.parametrize("fact", ["organization", "guests"])
@pytest.mark.parametrize("more", [-1, 1, 5_000])
def test_another_number_of_rows_than_the_manifest_says(made, fact, more):
    entry = made.entries[fact]
    entry["rows"] += more
    made.write()
    said = refused(made)
    assert entry["file"] in said
    assert f"{entry['rows']:,} rows" in said


def test_a_list_that_does_not_end_is_left_early(made):
    many = dumped(*({} for _ in range(1_000)))
    made.put("guests", USERS, gzip.compress(many * 2_000), rows=3)
    made.write()
    assert "holds more" in refused(made)


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([{"id": "b"}, {"id": "a"}], "not sorted"),
        ([{"id": "a"}, {"id": "a"}], "the id of the line before"),
    ],
)
def test_rows_out_of_order_and_rows_twice(made, rows, words):
    made.put("guests", USERS, gzip.compress(dumped(*rows)), rows=2)
    made.write()
    assert words in refused(made)


@pytest.mark.parametrize(
    "data",
    [
        b"[]",
        b"3.5",
        b'"text"',
        b"null",
        b"",
        b"{",
        b'{"a":1,"a":2}',
        b'{"a":NaN}',
        b'{"a":1e999}',
        b"[" * 100_000,
        b'{"a":' * 5_000 + b"1" + b"}" * 5_000,
        b"9" * 5_000,
        b"\x80\x04\x95\x10.",
        b"<?xml version='1.0'?><!DOCTYPE x [<!ENTITY a 'b'>]><x>&a;</x>",
        b"!!python/object/apply:os.system ['true']",
    ],
)
def test_an_answer_that_is_no_object(made, data):
    made.put("authorization_policy", SINGLE, data)
    made.write()
    assert SINGLE in refused(made)


@pytest.mark.parametrize("data", [b"not gzip", gzip.compress(b'{"id":"a"}\n')[:-9], b"", gzip.compress(b"[1]\n")])
def test_a_list_that_is_damaged(made, data):
    made.put("guests", USERS, data, rows=1)
    made.write()
    assert USERS in refused(made)


@pytest.mark.parametrize(
    ("version", "words"),
    [(99, "Upgrade posture"), (0, "reads 1"), (None, "reads 1"), ("1", "reads 1"), (10**30, "reads 1")],
)
def test_another_version_of_the_manifest(made, version, words):
    made.write(manifest_version=version)
    said = refused(made)
    assert "manifest_version" in said
    assert words in said


@pytest.mark.parametrize("key", ["manifest_version", "files", "gaps", "taken_at"])
def test_a_manifest_that_lacks_a_part(made, key):
    del made.manifest[key]
    (made.root / "manifest.json").write_text(json.dumps(made.manifest))
    assert key in refused(made)


@pytest.mark.parametrize(
    "changes",
    [
        {"files": {}},
        {"files": ["x"]},
        {"files": [{"file": SINGLE}]},
        {"gaps": 3},
        {"gaps": [{"fact": 3}]},
        {"taken_at": "yesterday"},
        {"taken_at": 3},
        {"taken_at": "9999-12-31T23:59:59Z"},
        {"taken_at": "0001-01-01T00:00:00Z"},
    ],
)
def test_a_manifest_of_other_types(made, changes):
    made.write(**changes)
    assert "manifest.json" in refused(made)


@pytest.mark.parametrize(
    "data", [b"", b"[]", b"null", b"{", b'{"files":[],"files":[]}', b"[" * 100_000, b"\xff\xfe{}", b"PK\x03\x04"]
)
def test_a_manifest_that_is_none(made, data):
    (made.root / "manifest.json").write_bytes(data)
    assert "manifest.json" in refused(made)


def test_numbers_beyond_reason_are_no_numbers(made):
    made.entries["guests"].update(rows=10**30, pages=-5, count_before=10**40)
    made.write()
    fact = load(made.root).facts["guests"]
    assert (fact.provenance.rows, fact.provenance.pages, fact.provenance.count_before) == (None, 1, None)
    assert len(fact.value) == 3


def test_words_that_are_no_words(made):
    made.gaps = []
    made.write(tenant=["x"], gaps=[{"fact": "groups", "reason": ["x"], "detail": {"a": 1}, "permission": 3}])
    found = load(made.root)
    assert found.tenant.id == ""
    assert found.gaps["groups"].reason is GapReason.ERROR


def test_a_fact_and_a_file_given_twice(made):
    twin = {**made.entries["authorization_policy"], "fact": "again", "file": SINGLE.upper().replace("V1.0", "v1.0")}
    for entry in (twin, {**twin, "file": SINGLE}, {**made.entries["guests"], "fact": "organization"}):
        made.write(files=[*made.entries.values(), entry])
        said = refused(made)
        assert "twice" in said or "no file of an answer" in said


def test_a_gap_keeps_its_rows_and_is_no_fact(made):
    made.gaps.append(Gap("guests", GapReason.INCOMPLETE, "3 of 5 rows"))
    made.write()
    found = load(made.root)
    assert "guests" not in found.facts
    assert found.gaps["guests"].detail == "3 of 5 rows"


def test_evidence_of_another_tenant_mixed_in(made):
    made.put("organization", ORGANIZATION, dumped({"id": OTHER, "displayName": "Fabrikam"}), rows=1)
    made.write()
    said = refused(made)
    assert "two tenants" in said
    assert TENANT in said
    assert OTHER in said


def test_an_account_of_another_tenant(made):
    made.write(account={"tenant_id": OTHER})
    assert "two tenants" in refused(made)
    made.write(account={"tenant_id": TENANT.upper()})
    load(made.root)


def test_a_copy_takes_the_evidence_and_nothing_else(made, tmp_path):
    (made.root / "notes.txt").write_text("x")
    (made.root / "report.html").write_text("<script>")
    chosen = Settings(profile=Profile.MS_ZTA)
    copy(made.root, tmp_path / "copy", chosen)
    assert load_settings(tmp_path / "copy") == chosen
    names = {p.relative_to(tmp_path / "copy").as_posix() for p in (tmp_path / "copy").rglob("*") if p.is_file()}
    assert names == {"manifest.json", "settings.json", SINGLE, USERS, ORGANIZATION}
    assert {p.stat().st_mode & 0o777 for p in (tmp_path / "copy").rglob("*") if p.is_file()} == {0o600}
    assert load(tmp_path / "copy").facts.keys() == load(made.root).facts.keys()


FULL = Settings(
    profile=Profile.SCUBA_AAD,
    thresholds=Thresholds(stale_days=60, own_tenant_ids=(TENANT,), consumer_max_pct=2.5),
    accepted=(
        AcceptedRisk(
            "GUEST-INV-001",
            "Partner programme, ticket SEC-881",
            "ana@contoso.example",
            date(2026, 6, 1),
            date(2026, 12, 31),
            domains=("fabrikam.example",),
            guests=(OTHER,),
            value={"any": ["thing", 1, None]},
        ),
    ),
    attestations=(Attestation("GUEST-VIS-004", "pass", "ana@contoso.example", date(2026, 6, 1), date(2026, 12, 31)),),
)


def test_settings_come_back_as_they_went(made):
    (made.root / "settings.json").write_bytes(dump(settings_json(FULL)))
    assert load_settings(made.root) == FULL
    (made.root / "settings.json").unlink()
    assert load_settings(made.root) == Settings()


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        (("settings_version",), 99, "Upgrade posture"),
        (("settings_version",), None, "reads 1"),
        (("profile",), "theirs", "'theirs'"),
        (("profile",), None, "None"),
        (("parameters",), [], "parameters is not an object"),
        (("parameters", "stale_dayz"), 3, "unknown parameter 'stale_dayz'"),
        (("parameters", "stale_days"), "3", "a whole number"),
        (("parameters", "stale_days"), 10**30, "a whole number"),
        (("parameters", "stale_days"), -1, "a whole number"),
        (("parameters", "stale_days"), 3.5, "a whole number"),
        (("parameters", "consumer_max_pct"), 101, "from 0 to 100"),
        (("parameters", "own_tenant_ids"), "x", "a list of texts"),
        (("parameters", "own_tenant_ids"), [3], "a list of texts"),
        (("parameters", "guest_level_floor"), "none", "'restricted' or 'limited'"),
        (("parameters", "score_outbound"), "false", "true or false"),
        (("accepted",), {}, "accepted is not a list"),
        (("accepted", 0), "x", "not an object"),
        (("accepted", 0, "until"), "soon", "soon"),
        (("accepted", 0, "until"), 20261231, "until"),
        (("accepted", 0, "reason"), 3, "reason"),
        (("accepted", 0, "guests"), [3], "guests"),
        (("accepted", 0, "colour"), "x", "colour"),
        (("attestations", 0, "who"), None, "who"),
        (("attestations", 0, "when"), "2026-02-30", "day"),
    ],
)
def test_settings_that_posture_did_not_write(made, path, value, words):
    found = settings_json(FULL)
    place = found
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    (made.root / "settings.json").write_text(json.dumps(found))
    with pytest.raises(EvidenceError) as error:
        load_settings(made.root)
    assert words in str(error.value)
    assert "settings.json" in str(error.value)


@pytest.mark.parametrize("key", ["settings_version", "profile", "parameters", "accepted", "attestations"])
def test_settings_that_lack_a_part(made, key):
    found = settings_json(FULL)
    del found[key]
    (made.root / "settings.json").write_text(json.dumps(found))
    with pytest.raises(EvidenceError, match=key):
        load_settings(made.root)
