"""What changed since the last review: findings, settings, guests; nothing unseen is called resolved."""

import json
import shutil
from pathlib import Path

import pytest

from posture.emulator.tenant import find_sample
from tests.cli.run import posture


@pytest.fixture(autouse=True)
def _own_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def _tenant(name: str, day: str, *, users=None, policy=None, permissions=None) -> str:
    """Copy `hardened` as it was on another day, with some of it changed."""
    place = Path(name)
    shutil.copytree(find_sample("hardened"), place)
    toml = place / "tenant.toml"
    text = toml.read_text().replace("2026-11-20", day)
    if permissions is not None:
        lines = [line for line in text.splitlines() if not line.startswith("permissions")]
        first = next((n for n, line in enumerate(lines) if line.startswith("[")), len(lines))
        text = "\n".join([*lines[:first], f"permissions = {json.dumps(permissions)}", *lines[first:]])
    toml.write_text(text)
    if policy:
        file = place / "v1.0/policies/authorizationPolicy.json"
        file.write_text(json.dumps({**json.loads(file.read_text()), **policy}))
    if users:
        file = place / "v1.0/users.ndjson"
        rows = users([json.loads(line) for line in file.read_text().splitlines()])
        file.write_text("".join(json.dumps(r) + "\n" for r in rows))
    return name


def _report(sample: str) -> str:
    said = posture("audit", "--sample", sample, "--quiet", "--fail-on", "never")
    return (Path(said.out.splitlines()[-1]) / "report.md").read_text()


def test_a_first_run_has_nothing_to_compare_with():
    assert "Changes since" not in _report(_tenant("one", "2026-11-20"))


def test_findings_settings_and_guests_are_compared():
    def later(rows):
        guests = [r for r in rows if r.get("userType") == "Guest"]
        gone, renamed = guests[0]["id"], guests[1]["id"]
        kept = [r for r in rows if r["id"] != gone]
        return [{**r, "mail": "other@elsewhere.example"} if r["id"] == renamed else r for r in kept]

    _report(_tenant("one", "2026-11-10"))
    text = _report(_tenant("two", "2026-11-20", policy={"allowInvitesFrom": "everyone"}, users=later))
    part = text.partition("## Changes since")[2].partition("\n## ")[0]
    assert "10 November 2026" in part
    assert "1 guest gone" in part
    assert "1 guest renamed" in part
    assert "GUEST-INV-001" in part
    assert "allowInvitesFrom" in part
    assert "loosened" in part


def test_what_was_not_seen_is_never_resolved():
    _report(_tenant("one", "2026-11-10", policy={"allowInvitesFrom": "everyone"}))
    every = ["Organization.Read.All", "User.Read.All"]
    text = _report(_tenant("two", "2026-11-20", permissions=every))
    part = text.partition("## Changes since")[2].partition("\n## ")[0]
    assert "resolved" not in part.casefold()
    assert "not seen now" in part


def test_an_accepted_risk_that_covers_more_than_it_did_is_said_to_have_grown():
    Path("posture.toml").write_text(
        '[[accepted]]\ncontrol = "GUEST-INV-006"\nreason = "Onboarding of a large partner"\nowner = "ana"\n'
        'approved = 2026-11-01\nuntil = 2026-12-31\n[accepted.only]\ndomains = ["slow.example"]\n'
    )

    def waiting(number):
        def made(rows):
            old = {"externalUserState": "PendingAcceptance", "externalUserStateChangeDateTime": "2026-07-01T00:00:00Z"}
            guests = [r for r in rows if r.get("userType") == "Guest"][:number]
            late = {g["id"] for g in guests}
            return [
                {**r, **old, "createdDateTime": "2026-07-01T00:00:00Z", "mail": f"{n}@slow.example"}
                if r["id"] in late
                else r
                for n, r in enumerate(rows)
            ]

        return made

    assert "Grown" not in _report(_tenant("one", "2026-11-08", users=waiting(2)))
    assert "Grown" not in _report(_tenant("two", "2026-11-09", users=waiting(1)))
    assert "Grown" not in _report(_tenant("three", "2026-11-10", users=waiting(2)))
    text = _report(_tenant("four", "2026-11-20", users=waiting(3)))
    said = "covers 3 objects; it covered 2 when first applied."
    assert said in text.partition("## Changes since")[2].partition("\n## ")[0]


def test_an_older_run_that_is_damaged_does_not_stop_the_audit():
    said = posture("audit", "--sample", _tenant("one", "2026-11-10"), "--quiet")
    old = Path(said.out.splitlines()[-1])
    (old / "assessment.json").write_text("{")
    again = posture("audit", "--sample", _tenant("two", "2026-11-20"), "--quiet", "--fail-on", "never")
    assert again.code in (0, 3)
    assert "could not be compared" in again.err
    assert "Traceback" not in again.err


def test_evidence_judged_again_by_other_rules_does_not_hide_what_changed():
    said = posture("audit", "--sample", _tenant("one", "2026-11-10"), "--quiet")
    assert posture("assess", said.out.splitlines()[-1], "--profile", "scuba-aad", "--quiet").code in (0, 1, 3)
    text = _report(_tenant("two", "2026-11-20", policy={"allowInvitesFrom": "everyone"}))
    part = text.partition("## Changes since")[2].partition("\n## ")[0]
    assert "another profile" not in part
    assert "GUEST-INV-001" in part


def test_runs_without_people_are_compared_and_one_that_was_never_judged_is_passed_over():
    audit = ("audit", "--quiet", "--no-people", "--fail-on", "never", "--sample")
    assert posture(*audit, _tenant("one", "2026-11-01")).code in (0, 3)
    assert posture("collect", "--quiet", "--sample", _tenant("between", "2026-11-10")).code in (0, 3)
    said = posture(*audit, _tenant("two", "2026-11-20", policy={"allowInvitesFrom": "everyone"}))
    assert "compared" not in said.err
    text = (Path(said.out.splitlines()[-1]) / "report.no-people.md").read_text()
    part = text.partition("## Changes since")[2].partition("\n## ")[0]
    assert "1 November 2026" in part
    assert "GUEST-INV-001" in part
