"""The logs of contoso tell the stories that the hunts look for; those of hardened tell almost none."""

from pathlib import Path

import pytest

from posture.assess.types import Lead
from posture.hunts.registry import hunts
from posture.hunts.run import hunt_snapshot
from posture.settings import Settings
from tests.samples.reading import read

UNTELLABLE = {"HUNT-UNREDEEMED", "HUNT-WOKE"}
"""These need a log longer than the thirty days that Graph keeps."""


def _leads(name: str, root: Path) -> tuple[Lead, ...]:
    snapshot = read(name, root / name, optional=["sign_ins_non_interactive"])
    return hunt_snapshot(snapshot, Settings()).leads


@pytest.fixture(scope="module")
def contoso(tmp_path_factory: pytest.TempPathFactory) -> tuple[Lead, ...]:
    return _leads("contoso", tmp_path_factory.mktemp("hunts"))


def test_every_hunt_that_can_find_something_does(contoso: tuple[Lead, ...]) -> None:
    assert {h.code for h in hunts()} - {lead.hunt for lead in contoso} == UNTELLABLE


@pytest.mark.parametrize(
    ("hunt", "who"),
    [
        ("GUEST-HUN-001", "jonas.weidmann_northgate-tooling.example"),
        ("GUEST-HUN-001", "mara.voss_notcontoso.example"),
        ("GUEST-HUN-001", "dorian.falk_pemberwick.example"),
        ("GUEST-HUN-001", "Supplier Onboarding Bot"),
        ("GUEST-HUN-002", "rhea.moss@nimbus-staffing.example"),
        ("GUEST-HUN-003", "milo.tarrant@pemberwick.example"),
        ("GUEST-HUN-004", "tomas.brandt@contoso.example"),
        ("GUEST-HUN-005", "temp.projects@contoso.example"),
        ("GUEST-HUN-006", "rhea.moss@nimbus-staffing.example"),
        ("GUEST-HUN-006", "omar.cisse@silverfen.example"),
        ("GUEST-HUN-007", "priya.nair@contoso.example"),
        ("GUEST-HUN-008", "camille.lafitte@maison-oriel.example"),
        ("GUEST-HUN-008", "arthur.quill@quillon-advisory.example"),
        ("HUNT-NEW-COUNTRY", "astrid.eriksen@halden-shipping.example"),
        ("HUNT-FAILED-THEN-IN", "bruno.teixeira@zeta-freight.example"),
        ("HUNT-REFUSED-APPS", "yusuf.kaplan@kaplan-osei.example"),
    ],
)
def test_story(contoso: tuple[Lead, ...], hunt: str, who: str) -> None:
    told = {str(row.get("who", "")).partition("#")[0] for lead in contoso if lead.hunt == hunt for row in lead.rows}
    assert who in told


def test_hardened_tells_of_ordinary_work_alone(tmp_path: Path) -> None:
    assert {lead.hunt for lead in _leads("hardened", tmp_path)} == {"GUEST-HUN-006", "HUNT-GUEST-POWER"}
