"""What the commands make of saved evidence: by which settings, where results go, what stays as it was."""

import json
import shutil
from pathlib import Path

import pytest

from tests.cli.run import posture
from tests.samples.reading import read


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("saved") / "run"
    read("contoso", folder / "evidence")
    return folder


def _held(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.mark.parametrize("command", [["plan"], ["report", "--format", "junit"]], ids=lambda c: c[0])
def test_nothing_is_written_into_evidence(command: list[str], run: Path, tmp_path: Path) -> None:
    alone = tmp_path / "alone"
    shutil.copytree(run / "evidence", alone)
    before = _held(alone)
    said = posture(command[0], str(alone), *command[1:])
    assert (said.code, said.out) == (2, "")
    assert "--out" in said.line
    said = posture(command[0], str(alone), *command[1:], "--out", str(alone / "new"))
    assert said.code == 2
    assert "lies in the evidence of" in said.line
    said = posture(command[0], str(alone), *command[1:], "--out", str(tmp_path / "new"))
    assert said.code == 0, said.err
    assert _held(alone) == before


@pytest.mark.parametrize("command", [["audit", "--sample", "dayone"], ["kql", "--sample", "dayone"], ["assess"]])
def test_no_output_folder_lies_in_evidence(command: list[str], run: Path) -> None:
    before = _held(run / "evidence")
    given = [*command, *([str(run)] if command == ["assess"] else [])]
    said = posture(*given, "--out", str(run / "evidence" / "v1.0"))
    assert said.code == 2
    assert "lies in the evidence of" in said.line
    assert _held(run / "evidence") == before


def test_the_evidence_folder_of_a_run_stands_for_the_run(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(run / "evidence")
    assert posture("report", ".", "--format", "junit").code == 0
    assert (run / "junit.xml").is_file()
    assert not (run / "evidence" / "junit.xml").exists()


def test_a_hunt_in_a_run_goes_by_the_settings_of_the_run(run: Path, tmp_path: Path) -> None:
    def tenth() -> list[object]:
        found = json.loads(posture("hunt", str(run), "--json", *options).out)
        return [lead["summary"] for lead in found["leads"] if lead["hunt"] == "HUNT-UNREDEEMED"]

    options: list[str] = []
    recorded = tenth()
    (tmp_path / "posture.toml").write_text("[parameters]\npending_days = 3\n")
    assert tenth() == recorded, "a file that lies in the current folder is not the run's"
    options = ["--config", "posture.toml"]
    assert tenth() != recorded


@pytest.mark.parametrize("command", [["plan"], ["assess"]], ids=lambda c: c[0])
def test_a_named_file_and_the_environment_change_the_profile(
    command: list[str], run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POSTURE_PROFILE", "ms-zta")
    assert posture(*command, str(run), "--out", str(tmp_path / "o")).code in (0, 1)
    written = next((tmp_path / "o").rglob("plan.json" if command == ["plan"] else "assessment.json"))
    assert json.loads(written.read_bytes())["profile"] == "ms-zta"


def test_a_live_hunt_compares_settings_with_an_older_run(run: Path) -> None:
    said = posture("hunt", "--sample", "contoso", "--quiet", "--json", "--since", str(run))
    assert said.code == 0, said.err
    found = json.loads(said.out)["changed_settings"]
    assert found["changes"] == []
    assert {"authorization_policy", "cross_tenant_partners", "domains"} <= set(found["compared"])


def test_a_live_hunt_finds_what_a_hunt_in_the_run_finds(run: Path) -> None:
    live, saved = (
        json.loads(posture("hunt", *where, "--quiet", "--json").out) for where in (["--sample", "contoso"], [str(run)])
    )
    assert live["leads"] == saved["leads"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["hunt", "{run}", "--sample", "contoso"], "--sample names whom to ask"),
        (["hunt", "{run}", "--domain", "contoso.example"], "--domain goes with exported log files"),
        (["hunt", "--run", "{run}"], "--run goes with exported log files"),
        (["hunt", "nowhere"], "nowhere does not exist"),
        (["hunt", "{run}", "{run}"], "give one run"),
        (["hunt", "{log}", "{run}"], "not both"),
        (["hunt", "{log}", "--since", "{run}"], "--since compares two runs"),
        (["hunt", "{log}", "--domain", "contoso"], "--domain is 'contoso'"),
        (["hunt", "{log}", "--run", "{run}", "--domain", "contoso.example"], "whose domains are known"),
        (["kql", "{run}", "--sample", "contoso", "--out", "pack"], "--sample names whom to ask"),
        (["assess", "nowhere"], "nowhere does not exist"),
        (["report", "{log}"], "is a file"),
        (["plan", "empty"], "holds no evidence"),
        (["assess", "."], "holds no evidence"),
    ],
)
def test_what_cannot_be_meant_is_said_before_anything_is_done(arguments: list[str], words: str, run: Path) -> None:
    Path("empty").mkdir()
    log = Path("log.json")
    log.write_text("[]")
    said = posture(*(a.format(run=run, log=log) for a in arguments))
    assert said.code == 2
    assert words in said.line
    assert said.out == ""


def test_no_result_goes_through_a_link(run: Path, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("keep")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "link").symlink_to("elsewhere")
    (tmp_path / "pack").mkdir()
    (tmp_path / "pack" / "README.md").symlink_to(victim)
    assert "is a link" in posture("report", str(run), "--format", "junit", "--out", "link").line
    assert "is a link" in posture("kql", str(run), "--out", "link").line
    assert posture("kql", str(run), "--out", "pack").code == 4
    assert victim.read_text() == "keep"
    assert not any((tmp_path / "elsewhere").iterdir())


def test_a_live_hunt_leaves_out_what_is_declined() -> None:
    said = posture("hunt", "--sample", "contoso", "--quiet", "--json", "--decline", "sign_ins")
    assert said.code == 3
    found = json.loads(said.out)
    assert [w["source"] for w in found["windows"]] == ["directory_audits"]
    assert any("declined" in hunt["not_run"] for hunt in found["hunts"])
