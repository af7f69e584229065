"""`posture plan RUN`: its files, its JSON, and what it does with a bad folder."""

import json
from pathlib import Path

import pytest

from tests.cli.run import posture
from tests.samples.reading import read


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    read("contoso", folder / "evidence")
    return folder


def test_it_writes_a_folder(run: Path) -> None:
    said = posture("plan", str(run))
    assert (said.code, said.err) == (0, "")
    assert {p.name for p in (run / "plan").iterdir()} == {"plan.md", "plan.json", "plan.ps1", "plan.sh", "lists"}
    assert said.out.splitlines()[-1] == str(run / "plan")
    assert all(p.stat().st_mode & 0o077 == 0 for p in (run / "plan").rglob("*"))


def test_out_and_json(run: Path, tmp_path: Path) -> None:
    said = posture("plan", str(run), "--out", str(tmp_path / "mine"), "--json")
    assert said.code == 0
    assert json.loads(said.out) == json.loads((tmp_path / "mine" / "plan.json").read_bytes())


def test_the_same_evidence_gives_the_same_bytes(run: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        assert posture("plan", str(run), "--out", str(tmp_path / name)).code == 0
    one, two = (
        {p.relative_to(tmp_path / n): p.read_bytes() for p in (tmp_path / n).rglob("*") if p.is_file()}
        for n in ("one", "two")
    )
    assert one == two


def test_the_evidence_stays_as_it_is(run: Path, tmp_path: Path) -> None:
    def held() -> dict[Path, bytes]:
        return {p: p.read_bytes() for p in (run / "evidence").rglob("*") if p.is_file()}

    before = held()
    assert posture("plan", str(run), "--out", str(tmp_path / "x")).code == 0
    assert held() == before


@pytest.mark.parametrize("place", ["missing", "."])
def test_a_folder_that_is_no_run(place: str, tmp_path: Path) -> None:
    said = posture("plan", str(tmp_path / place))
    assert said.code != 0
    assert said.line
