"""`posture audit --resume`: a run killed anywhere goes on to the same reports, byte for byte."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from posture.history.runs import Claim
from tests.cli.run import posture

ROOT = Path(__file__).resolve().parents[2]
SAMPLE = "hardened"
PLACES = [
    "posture.collect.journal:Journal.save:1",
    "posture.collect.journal:Journal.save:2",
    "posture.collect.journal:Journal.save:9",
    "posture.collect.journal:Journal.save:40",
    "posture.snapshot.spool:RowsWriter.finish:3",
    "posture.snapshot.folder:write_sorted:12",
    "posture.collect.source:write_single:4",
    "posture.collect.run:write_private:1",  # settings.json
    "posture.collect.run:write_private:2",  # manifest.json
    "posture.collect.run:_sweep:1",
    "posture.collect.run:load:1",
    "posture.assess.evaluate:evaluate:1",
    "posture.report:write_reports:1",
    "posture.history.runs:finish:1",
]


@pytest.fixture(scope="module")
def calm(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    out = tmp_path_factory.mktemp("calm")
    said = posture("audit", "--sample", SAMPLE, "--out", str(out), "--quiet")
    return _files(Path(said.out.splitlines()[-1]))


def _files(run: Path) -> dict[str, bytes]:
    return {p.relative_to(run).as_posix(): p.read_bytes() for p in sorted(run.rglob("*")) if p.is_file()}


def _killed(place: str, *arguments: str) -> int:
    command = [sys.executable, "-m", "tests.cli.killed", place, *arguments]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(command, env=environment, capture_output=True, check=False, timeout=120).returncode


def _unfinished() -> list[Path]:
    return [p for p in Path("reports/.unfinished").glob("*") if p.is_dir()]


@pytest.mark.parametrize("place", PLACES)
def test_a_run_killed_there_goes_on_to_the_same_bytes(calm: dict[str, bytes], place: str) -> None:
    assert _killed(place, "audit", "--sample", SAMPLE, "--quiet") == -signal.SIGKILL
    said = posture("audit", "--sample", SAMPLE, "--quiet", *(["--resume"] if _can_go_on() else []))
    assert said.err == ""
    assert _files(Path(said.out.splitlines()[-1])) == calm


def _can_go_on() -> bool:
    """A run that was killed before it had begun leaves nothing to go on with."""
    return any((p / "journal/run.json").exists() for p in _unfinished())


def test_nothing_is_left_over() -> None:
    assert _killed("posture.assess.evaluate:evaluate:1", "audit", "--sample", SAMPLE) == -signal.SIGKILL
    posture("audit", "--sample", SAMPLE, "--resume", "--quiet")
    assert not Path("reports/.unfinished").exists()
    assert [p.name for p in Path("reports").iterdir()] == ["aldermere.example"]


def test_a_run_killed_after_it_was_moved_is_finished(calm: dict[str, bytes]) -> None:
    assert _killed("posture.history.runs:_tidy:1", "audit", "--sample", SAMPLE) == -signal.SIGKILL
    run = next(Path("reports/aldermere.example").iterdir())
    assert _files(run) == calm
    assert "no unfinished run" in posture("audit", "--sample", SAMPLE, "--resume").line


def test_what_was_read_whole_is_judged_without_asking_again(calm: dict[str, bytes]) -> None:
    """The sample may be gone: nobody is asked."""
    assert _killed("posture.assess.evaluate:evaluate:1", "audit", "--sample", SAMPLE) == -signal.SIGKILL
    run = _unfinished()[0]
    evidence = run / "evidence/v1.0/policies/authorizationPolicy.json"
    before = evidence.stat().st_mtime_ns
    said = posture("audit", "--sample", SAMPLE, "--resume", str(run), "--quiet")
    place = Path(said.out.splitlines()[-1])
    assert (place / "evidence/v1.0/policies/authorizationPolicy.json").stat().st_mtime_ns == before
    assert _files(place) == calm


def test_another_profile_may_judge_what_was_read(tmp_path: Path) -> None:
    assert _killed("posture.assess.evaluate:evaluate:1", "audit", "--sample", SAMPLE) == -signal.SIGKILL
    said = posture("audit", "--sample", SAMPLE, "--resume", "--profile", "scuba-aad", "--quiet")
    run = Path(said.out.splitlines()[-1])
    assert json.loads((run / "assessment.json").read_text())["profile"] == "scuba-aad"
    assert json.loads((run / "evidence/settings.json").read_text())["profile"] == "scuba-aad"


@pytest.mark.parametrize("place", ["posture.collect.journal:Journal.save:20", "posture.assess.evaluate:evaluate:1"])
@pytest.mark.parametrize(
    ("changed", "words"),
    [
        (["--sample", "dayone"], ["target", "sample tenant hardened", "sample tenant dayone"]),
        (["--sample", SAMPLE, "--decline", "sign_ins"], ["declined", "sign_ins"]),
        (["--sample", SAMPLE, "--include", "log_export"], ["sources", "log_export"]),
        (["--sample", SAMPLE, "--lookback-days", "7"], ["lookback_days", "30", "7"]),
    ],
)
def test_other_options_are_refused_in_one_line(place: str, changed: list[str], words: list[str]) -> None:
    assert _killed(place, "audit", "--sample", SAMPLE) == -signal.SIGKILL
    said = posture("audit", *changed, "--resume", "--quiet")
    assert said.code == 2
    assert all(w in said.line for w in [*words, "--resume"])
    assert len(_unfinished()) == 1
    assert posture("audit", "--sample", SAMPLE, "--resume", "--quiet").code in (0, 1, 3)


def test_another_tenant_at_the_same_address_is_refused() -> None:
    import shutil

    from posture.emulator.tenant import find_sample

    shutil.copytree(find_sample(SAMPLE), "own")
    assert _killed("posture.collect.journal:Journal.save:20", "audit", "--sample", "own") == -signal.SIGKILL
    file = Path("own/v1.0/organization.ndjson")
    other = "11111111-2222-4333-8444-555555555555"
    old = json.loads(file.read_text().splitlines()[0])["id"]
    file.write_text(file.read_text().replace(old, other))
    said = posture("audit", "--sample", "own", "--resume", "--quiet")
    assert said.code == 2
    assert old in said.line
    assert other in said.line
    file.write_text(file.read_text().replace(other, old))
    assert posture("audit", "--sample", "own", "--resume", "--quiet").code == 0


def test_nobody_answers_the_run_that_is_taken_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """No audit, and what was read stays for the next try."""
    import shutil

    from posture.emulator.tenant import find_sample

    shutil.copytree(find_sample(SAMPLE), "own")
    assert _killed("posture.collect.journal:Journal.save:20", "audit", "--sample", "own") == -signal.SIGKILL
    toml = Path("own/tenant.toml")
    good = toml.read_text()
    toml.write_text(f'{good}\n[[faults]]\nkind = "unauthorized"\n')
    said = posture("audit", "--sample", "own", "--resume", "--quiet")
    assert said.code == 4
    assert "token" in said.err
    assert len(_unfinished()) == 1
    toml.write_text(good)
    assert posture("audit", "--sample", "own", "--resume", "--quiet").code == 0


def test_a_run_belongs_to_one_process() -> None:
    assert _killed("posture.collect.journal:Journal.save:20", "audit", "--sample", SAMPLE) == -signal.SIGKILL
    run = _unfinished()[0]
    mine = Claim(run)
    try:
        assert "nobody is working on" in posture("audit", "--sample", SAMPLE, "--resume").line
        assert "another posture is working on" in posture("audit", "--sample", SAMPLE, "--resume", str(run)).line
    finally:
        mine.release()
    assert posture("audit", "--sample", SAMPLE, "--resume", "--quiet").code == 0


def test_only_an_unfinished_run_can_be_taken_up() -> None:
    run = posture("audit", "--sample", SAMPLE, "--quiet").out.splitlines()[-1]
    said = posture("audit", "--sample", SAMPLE, "--resume", run)
    assert said.code == 2
    assert "no unfinished run" in said.line
    assert "only with --resume" in posture("audit", run, "--sample", SAMPLE).line


def test_kills_at_any_moment_of_the_whole_audit(calm: dict[str, bytes]) -> None:
    chance = random.Random(20261120)
    command = [sys.executable, "-m", "posture", "audit", "--sample", SAMPLE, "--quiet"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    begun = time.perf_counter()
    subprocess.run([*command, "--out", "usual"], env=environment, capture_output=True, check=False)
    usual = time.perf_counter() - begun
    struck = 0
    for _ in range(200):
        resume = ["--resume"] if _can_go_on() else []
        with subprocess.Popen(
            [*command, *resume], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as child:
            try:
                out, err = child.communicate(timeout=usual * chance.uniform(0.2, 0.9 if struck < 10 else 3))
            except subprocess.TimeoutExpired:
                child.kill()
                struck += 1
                continue
            assert child.returncode in (0, 1, 3), err
            assert _files(Path(out.splitlines()[-1])) == calm
            if struck >= 10:
                break
    assert struck >= 10
