"""Accepted risks and attestations from posture.toml to every report, and mistakes in them before any call."""

import json
from pathlib import Path

import pytest

from tests.cli.run import posture

INVITERS = """
[[accepted]]
control = "GUEST-INV-001"
reason = "Everyone invites until access packages are live"
owner = "cio@contoso.example"
approved = 2026-06-01
until = 2026-12-01
kind = "planned"
[accepted.only]
value = "everyone"
"""
LEVEL = """
[[accepted]]
control = "GUEST-INV-002"
reason = "The list was to be made by last month"
owner = "cio@contoso.example"
approved = 2026-01-01
until = 2026-10-31
kind = "planned"
"""
ATTESTED = """
[[attested]]
control = "GUEST-PRV-007"
value = "pass"
who = "Ana Ruiz"
when = 2026-11-02
until = 2027-05-01
evidence = "azure-policy.png"

[[attested]]
control = "GUEST-VIS-004"
value = "pass"
who = "Ben Low"
when = 2025-11-02
until = 2026-05-01
"""


def audit(*more: str) -> tuple[Path, str]:
    said = posture("audit", "--sample", "dayone", "--quiet", "--fail-on", "never", *more)
    return Path(said.out.splitlines()[-1]), said.out


def test_from_the_file_to_every_report():
    Path("posture.toml").write_text(INVITERS + LEVEL + ATTESTED)
    run, said = audit()
    found = json.loads((run / "assessment.json").read_text())
    (applied,) = found["accepted"]["applied"]
    assert (applied["control"], applied["kind"], applied["covers"]) == ("GUEST-INV-001", "planned", "all")
    (stale,) = found["accepted"]["not_applied"]
    assert stale["because"] == "planned for 2026-10-31 and overdue"
    findings = {f["control"]: f for f in found["findings"]}
    assert findings["GUEST-INV-001"]["outcome"] == "fail", "an accepted finding keeps its outcome"
    assert findings["GUEST-PRV-007"]["attested"] is True
    assert findings["GUEST-VIS-004"]["outcome"] == "manual", "an attestation that ended counts no more"
    assert findings["GUEST-VIS-004"]["notes"] == ["The attestation by Ben Low ended on 2026-05-01."]
    page, text = (run / "report.html").read_text(), (run / "report.md").read_text()
    for report in (page, text):
        for words in (
            "Everyone invites until access packages are live",
            "to be closed by 2026-12-01",
            "planned for 2026-10-31 and overdue",
            "azure-policy.png",
            "without effect, ended on 2026-05-01",
        ):
            assert words in report, words
    assert "Accepted: 1 finding; 1 accepted risk has no effect." in " ".join(said.split())
    assert "(accepted)" in said


def test_an_attestation_raises_coverage_and_its_end_lowers_it():
    bare = json.loads((audit()[0] / "assessment.json").read_text())["score"]["coverage"]
    Path("posture.toml").write_text(ATTESTED)
    told = json.loads((audit()[0] / "assessment.json").read_text())["score"]["coverage"]
    assert told > bare


def test_accepted_risks_can_be_left_out_and_the_reports_say_so():
    Path("posture.toml").write_text(INVITERS)
    with_ = posture("audit", "--sample", "dayone", "--quiet", "--fail-on", "high")
    run, said = audit("--ignore-exceptions")
    found = json.loads((run / "assessment.json").read_text())
    assert found["accepted"] == {"applied": [], "not_applied": []}
    assert (
        "Left out of this run"
        in (run / "report.md").read_text().partition("## Accepted risks")[2].partition("\n## ")[0]
    )
    assert "Left out of this run" in (run / "report.html").read_text()
    assert "Accepted risks are left out" in said
    again = posture("report", str(run), "--format", "md", "--out", "again")
    assert again.code == 0, again.err
    assert with_.code == 1, "others than the accepted one still fail"


def test_a_finding_that_is_accepted_does_not_fail_the_run():
    """In hardened with one setting opened, that one alone decides the exit code."""
    from shutil import copytree

    from posture.emulator.tenant import find_sample

    copytree(find_sample("hardened"), "open")
    policy = Path("open/v1.0/policies/authorizationPolicy.json")
    policy.write_text(json.dumps({**json.loads(policy.read_text()), "allowInvitesFrom": "everyone"}))
    run = ("audit", "--sample", "open", "--quiet", "--fail-on", "high")
    assert posture(*run).code == 1
    Path("posture.toml").write_text(INVITERS)
    assert posture(*run).code == 0
    assert posture(*run, "--ignore-exceptions").code == 1


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (INVITERS.replace("[accepted.only]", "[only]"), "only"),
        (INVITERS.replace("until = 2026-12-01", "until = 2026-13-01"), "posture.toml"),
        (INVITERS.replace("GUEST-INV-001", "GUEST-INV-901"), "no control"),
        (INVITERS.replace('owner = "cio@contoso.example"\n', ""), "owner"),
        (ATTESTED.replace("until = 2027-05-01", "until = 2026-01-01"), "until"),
        (ATTESTED.replace('"pass"', '"yes"', 1), "one of pass"),
    ],
)
def test_a_mistake_stops_before_any_call(text, words):
    Path("posture.toml").write_text(text)
    said = posture("audit", "--sample", "dayone", "--quiet")
    assert said.code == 2
    assert "posture.toml" in said.line
    assert words in said.line
    assert not Path("reports").exists(), "nothing was begun"
