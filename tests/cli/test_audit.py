"""The main job as its user meets it: good runs, and every wrong input in one line with its exit code."""

import json
import socket
from pathlib import Path

import pytest

from posture.graph.pacing import Timer
from tests.cli.run import posture

TENANT = """
name = "made"
title = "made for one test"
clock = 2026-11-20T08:15:00Z
licences = []
permissions = {permissions}
{more}
"""


def _tenant(tmp_path: Path, permissions: str = '"all"', more: str = "", raw: str | None = None) -> str:
    folder = tmp_path / "made"
    folder.mkdir()
    (folder / "tenant.toml").write_text(raw if raw is not None else TENANT.format(permissions=permissions, more=more))
    return str(folder)


def test_an_audit_writes_a_whole_run_and_says_where(tmp_path):
    said = posture("audit", "--sample", "dayone")
    assert said.code == 1
    run = Path(said.out.splitlines()[-1])
    names = {p.name for p in run.iterdir()}
    assert {"report.html", "report.md", "assessment.json", "assessment.schema.json", "guests.csv", "evidence"} <= names
    assert not (tmp_path / "reports" / ".unfinished").exists()
    assert max(map(len, said.out.splitlines()[:-2])) <= 80
    assert oct((run / "report.html").stat().st_mode & 0o777) == "0o600"
    assert oct(run.stat().st_mode & 0o777) == "0o700"


def test_the_same_audit_again_gets_its_own_folder_and_the_same_bytes():
    audit = ("audit", "--sample", "hardened", "--quiet")
    first, second = (Path(posture(*audit).out.splitlines()[-1]) for _ in range(2))
    assert second.name == f"{first.name}-2"
    for file in sorted(p for p in first.rglob("*") if p.is_file()):
        assert file.read_bytes() == (second / file.relative_to(first)).read_bytes(), file


def test_assess_gives_the_same_assessment_offline():
    run = Path(posture("audit", "--sample", "contoso", "--quiet").out.splitlines()[-1])
    again = Path(posture("assess", str(run), "--quiet").out.splitlines()[-1])
    assert (run / "assessment.json").read_bytes() == (again / "assessment.json").read_bytes()
    assert (run / "report.html").read_bytes() == (again / "report.html").read_bytes()


def test_evidence_replayed_through_the_emulator_gives_the_same_findings():
    run = Path(posture("audit", "--sample", "contoso", "--quiet").out.splitlines()[-1])
    again = Path(posture("audit", "--sample", str(run / "evidence"), "--quiet", "--out", "again").out.splitlines()[-1])
    one, two = (json.loads((r / "assessment.json").read_text()) for r in (run, again))
    assert [(f["control"], f["outcome"], f["summary"]) for f in one["findings"]] == [
        (f["control"], f["outcome"], f["summary"]) for f in two["findings"]
    ]
    assert one["guests"] == two["guests"]


def test_json_is_json_and_alone_on_stdout():
    said = posture("audit", "--sample", "dayone", "--json", "--quiet")
    assert json.loads(said.out)["counts"]["fail"] > 0
    assert said.err == ""


def test_fail_on_decides_between_the_exit_codes():
    assert posture("audit", "--sample", "dayone", "--quiet", "--fail-on", "never").code == 3
    assert posture("audit", "--sample", "dayone", "--quiet", "--fail-on", "low").code == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["audit", "--sample", "contosso"], ["contosso", "contoso, dayone, halfblind, hardened"]),
        (["audit"], ["--auth", "--sample contoso"]),
        (["audit", "--sample", "contoso", "--graph-url", "http://127.0.0.1:1"], ["exclude each other"]),
        (["audit", "--graph-url", "http://graph.example:80"], ["refused", "127.0.0.1"]),
        (["audit", "--graph-url", "https://127.0.0.1:80"], ["refused"]),
        (["audit", "--graph-url", "http://127.0.0.1:80@evil.example/"], ["refused"]),
        (["audit", "--graph-url", "http://127.0.0.2:80"], ["refused"]),
        (["audit", "--auth", "magic"], ["'magic'", "device-code"]),
        (["audit", "--auth", "secret"], ["client-id"]),
        (["audit", "--auth", "token", "--tenant", "contoso.example"], ["POSTURE_TOKEN"]),
        (["audit", "--sample", "contoso", "--cloud", "mars"], ["'mars'", "global"]),
        (["audit", "--sample", "contoso", "--profile", "x"], ["'x'", "scuba-aad"]),
        (["audit", "--sample", "contoso", "--fail-on", "x"], ["'x'", "critical"]),
        (["audit", "--sample", "contoso", "--format", "docx"], ["docx", "html"]),
        (["audit", "--sample", "contoso", "--decline", "guest_sponsor"], ["did you mean guest_sponsors"]),
        (["audit", "--sample", "contoso", "--resume"], ["no unfinished run"]),
        (["audit", "--sample", "contoso", "--config", "none.toml"], ["none.toml"]),
        (["audit", "--sample", "contoso", "--ca-bundle", "none.pem"], ["none.pem"]),
        (["controls", "explain", "GUEST-INV-01"], ["did you mean GUEST-INV-001"]),
        (["controls", "list", "--framework", "scubba"], ["scubba"]),
        (["report", "none"], ["none"]),
        (["assess", "none"], ["none"]),
        (["emulate", "none"], ["none"]),
        (["setup", "--control", "XYZ-001"], ["XYZ-001"]),
    ],
)
def test_a_wrong_option_is_one_line_and_nothing_is_made(tmp_path, arguments, words):
    said = posture(*arguments)
    assert said.code in (2, 4), said
    if arguments[0] not in ("report", "assess"):
        assert said.code == 2
    for word in words:
        assert word in said.line
    assert not list(tmp_path.glob("reports/*"))


@pytest.mark.parametrize("option", [["--lookback-days", "many"], ["--lookback-days", "0"], ["--no-such-option"]])
def test_usage_mistakes_exit_with_2(option):
    said = posture("audit", "--sample", "contoso", *option)
    assert said.code == 2
    assert "Traceback" not in said.err


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        ("name = ", ["tenant.toml"]),
        ("clock = 'x'", ["tenant.toml", "clock"]),
        ('clock = 2026-11-20T08:15:00Z\ncolour = "x"', ["tenant.toml", "colour"]),
        ("clock = 2026-11-20T08:15:00Z\npermissions = 3", ["tenant.toml", "permissions"]),
    ],
)
def test_a_malformed_tenant_toml_names_file_and_key(tmp_path, raw, words):
    said = posture("audit", "--sample", _tenant(tmp_path, raw=raw))
    assert said.code == 2
    for word in words:
        assert word in said.line


def test_no_permission_at_all_is_no_audit(tmp_path):
    said = posture("audit", "--sample", _tenant(tmp_path, "[]"), "--quiet")
    assert said.code == 4
    assert "nothing could be read" in said.line
    assert "Organization.Read.All" in said.line
    assert not list(tmp_path.glob("reports/*"))


def test_no_network_is_no_audit_and_quick(tmp_path, monkeypatch):
    async def at_once(seconds: float) -> None:
        pass

    monkeypatch.setattr("posture.graph.reader.Timer", lambda: Timer(sleep=at_once))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    said = posture("audit", "--graph-url", f"http://127.0.0.1:{port}", "--quiet")
    assert said.code == 4
    assert "no connection" in said.line or "connect" in said.line


def test_a_refused_token_is_no_audit(tmp_path):
    more = '[[faults]]\nkind = "unauthorized"\n'
    said = posture("audit", "--sample", _tenant(tmp_path, more=more), "--quiet")
    assert said.code == 4
    assert "token" in said.line


@pytest.mark.parametrize("kind", ["truncated", "html", "non-json", "empty", "deep", "duplicate-key", "nan"])
def test_a_damaged_answer_is_a_gap_never_fine(kind):
    faults = f'[[faults]]\nkind = "{kind}"\npath = "v1.0/policies/authorizationPolicy"\n'
    Path("plan.toml").write_text(faults)
    import shutil

    from posture.emulator.tenant import find_sample

    shutil.copytree(find_sample("hardened"), "damaged")
    toml = Path("damaged/tenant.toml")
    toml.write_text(toml.read_text() + "\n" + faults)
    said = posture("audit", "--sample", "damaged", "--quiet")
    run = Path(said.out.splitlines()[-1])
    found = json.loads((run / "assessment.json").read_text())
    outcomes = {f["control"]: f["outcome"] for f in found["findings"]}
    assert said.code == 3
    assert outcomes["GUEST-INV-001"] == "not-assessed"
    gap = next(g for g in found["gaps"] if g["source"] == "authorization_policy")
    assert gap["reason"] in {"unusable-answer", "network"}
    assert "GUEST-INV-001" in gap["controls"]


@pytest.mark.parametrize("kind", ["file", "link"])
def test_an_output_folder_that_cannot_be_written(tmp_path, kind):
    place = tmp_path / "out"
    if kind == "file":
        place.write_text("in the way")
    else:
        (tmp_path / "elsewhere").mkdir()
        place.symlink_to(tmp_path / "elsewhere")
    said = posture("audit", "--sample", "contoso", "--out", str(place), "--quiet")
    assert said.code == 2
    assert str(place) in said.line


def test_damaged_evidence_is_named(tmp_path):
    run = Path(posture("audit", "--sample", "dayone", "--quiet").out.splitlines()[-1])
    file = run / "evidence/v1.0/policies/authorizationPolicy.json"
    file.write_bytes(file.read_bytes().replace(b"everyone", b"none"))
    said = posture("assess", str(run))
    assert said.code == 4
    assert "authorizationPolicy.json" in said.line
    assert "SHA-256" in said.line
