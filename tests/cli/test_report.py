"""`posture report`: what it says comes from the evidence, whatever else lies in the folder."""

import csv
import os
import shutil
from pathlib import Path

import pytest

from tests.cli.run import posture


@pytest.fixture(scope="module")
def audited(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("reports")
    said = posture("audit", "--sample", "contoso", "--quiet", "--out", str(out))
    return Path(said.out.splitlines()[-1])


def rendered(run: Path, out: Path, name: str, *more: str) -> str:
    said = posture("report", str(run), "--format", name, "--out", str(out), *more)
    assert said.code == 0, said.err
    return Path(said.out.splitlines()[-1]).read_text("utf-8-sig")


def test_findings_of_guests_are_those_of_the_evidence(audited: Path, tmp_path: Path) -> None:
    first = (audited / "guests.csv").read_text("utf-8-sig")
    rows = list(csv.DictReader(first.splitlines()))
    assert sum(bool(row["findings"]) for row in rows) > 100
    sent = tmp_path / "sent"
    shutil.copytree(audited, sent)
    shutil.rmtree(sent / "affected")
    assert rendered(sent, tmp_path / "a", "csv") == first, "guests do not get better by a folder that is gone"
    (sent / "affected").mkdir()
    (sent / "affected" / "GUEST-LIF-001.ndjson.gz").write_bytes(b"no gzip at all")
    assert rendered(sent, tmp_path / "b", "csv") == first


def test_the_same_page_as_the_audit_wrote(audited: Path, tmp_path: Path) -> None:
    for name, file in (("html", "report.html"), ("md", "report.md"), ("json", "assessment.json")):
        assert rendered(audited, tmp_path / name, name) == (audited / file).read_text("utf-8")


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (["--paper", "A5"], "posture: --paper is 'A5'; one of a4, letter"),
        (["--format", "md", "--paper", "a4"], "posture: --paper changes nothing without --format html or pdf"),
        (["--format", "html", "--short"], "posture: --short changes nothing without --format md"),
        (["--browser", "chrome"], "posture: --browser changes nothing without --format pdf"),
        (["--format", "pdf", "--browser", "/nowhere/chrome"], "posture: --browser: /nowhere/chrome is not a program"),
    ],
)
def test_an_option_that_cannot_be_followed_is_one_line(audited: Path, options: list[str], line: str) -> None:
    said = posture("report", str(audited), *options)
    assert said.code == 2
    assert said.line.startswith(line)


def test_options_come_from_the_environment_too(audited: Path, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("POSTURE_PAPER", "Letter")
    monkeypatch.setenv("POSTURE_BROWSER", "/nowhere/chrome")
    assert "@page{size:letter;" in rendered(audited, tmp_path, "html"), "no PDF is asked for, so no browser is needed"
    for command in (("report", str(audited)), ("audit", "--sample", "dayone"), ("assess", str(audited))):
        said = posture(*command, "--format", "pdf", "--out", str(tmp_path / "out"))
        assert (said.code, said.line.split(";")[0]) == (2, said.line)
        assert said.line.startswith("posture: POSTURE_BROWSER: /nowhere/chrome is not a program that can be run")
    assert not (tmp_path / "out").exists(), "known before anything is read or written"


def test_a_short_markdown_fits_a_comment(audited: Path, tmp_path: Path) -> None:
    whole = (audited / "report.md").read_text("utf-8")
    brief = rendered(audited, tmp_path, "md", "--short")
    assert len(brief) < 10_000 < len(whole)
    assert brief.splitlines()[0] in whole


@pytest.mark.skipif(os.name != "posix", reason="the stand-in browser is a shell script")
def test_the_browser_named_prints(audited: Path, tmp_path: Path) -> None:
    browser = tmp_path / "browser"
    browser.write_text(
        '#!/bin/sh\nfor last; do case "$last" in --print-to-pdf=*) echo %PDF-here > "${last#*=}";; esac; done\n'
    )
    browser.chmod(0o755)
    said = posture("report", str(audited), "--format", "pdf", "--browser", str(browser), "--out", str(tmp_path))
    assert said.code == 0, said.err
    assert (tmp_path / "report.pdf").read_bytes() == b"%PDF-here\n"


def test_people_stay_out_of_impacts_where_the_file_says_so(audited: Path, tmp_path: Path) -> None:
    settings = tmp_path / "posture.toml"
    settings.write_text("no-people = true\n")
    by_file = rendered(audited, tmp_path / "a", "html", "--config", str(settings))
    assert by_file == rendered(audited, tmp_path / "b", "html", "--no-people")


@pytest.mark.parametrize(
    ("name", "old", "new", "words"),
    [
        ("assessment.json", b'"outcome": "fail"', b'"outcome": "pass"', "were changed after the run"),
        ("assessment.json", b"{", b"", "is not JSON"),
        ("evidence/settings.json", b'"stale_days": 90', b'"stale_days": 9000', "were changed after the run"),
        (
            "evidence/manifest.json",
            b'"taken_at": "2026-11-20',
            b'"taken_at": "2026-11-21',
            "were changed after the run",
        ),
        ("assessment.json", b'"version": "', b'"version": "0.0.', "another version of posture wrote it"),
    ],
)
def test_a_run_whose_assessment_does_not_follow_from_its_evidence_is_called_so(
    audited: Path, tmp_path: Path, name: str, old: bytes, new: bytes, words: str
) -> None:
    run = tmp_path / "run"
    shutil.copytree(audited, run)
    said = posture("report", str(run), "--format", "junit")
    assert (said.code, said.err) == (0, "")
    held = (run / name).read_bytes()
    assert old in held
    (run / name).write_bytes(held.replace(old, new, 1))
    said = posture("report", str(run), "--format", "junit")
    assert said.code == 0
    assert words in said.err
    assert str(run / "assessment.json") in said.err


def test_formats_come_from_the_environment_too(audited: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POSTURE_FORMAT", "junit")
    assert posture("report", str(audited), "--out", str(tmp_path / "all")).code == 0
    assert {p.name for p in (tmp_path / "all").iterdir()} == {"report.html", "report.md", "junit.xml"}
    assert posture("report", str(audited), "--format", "sarif", "--out", str(tmp_path / "one")).code == 0
    assert [p.name for p in (tmp_path / "one").iterdir()] == ["findings.sarif"]
    monkeypatch.setenv("POSTURE_FORMAT", "docx")
    assert "POSTURE_FORMAT 'docx' is not one of" in posture("report", str(audited)).line
    assert "leave --json out" in posture("report", str(audited), "--format", "terminal", "--json").line


def test_a_list_of_people_without_people_is_refused(audited: Path, tmp_path: Path) -> None:
    said = posture("report", str(audited), "--format", "csv", "--no-people", "--out", str(tmp_path / "none"))
    assert said.code == 2
    assert "--format csv is a list of people" in said.line
