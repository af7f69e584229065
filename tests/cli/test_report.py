"""`posture report`: what it says comes from the evidence, whatever else lies in the folder."""

import csv
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


def test_people_stay_out_of_impacts_where_the_file_says_so(audited: Path, tmp_path: Path) -> None:
    settings = tmp_path / "posture.toml"
    settings.write_text("no-people = true\n")
    by_file = rendered(audited, tmp_path / "a", "html", "--config", str(settings))
    assert by_file == rendered(audited, tmp_path / "b", "html", "--no-people")
