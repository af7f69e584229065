"""Saved evidence with the settings it was judged with, as several commands take it up."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from posture.errors import EvidenceError
from posture.settings import Settings

if TYPE_CHECKING:
    from posture.snapshot.types import Snapshot


@dataclass(frozen=True)
class Recorded:
    """An evidence folder, checked and loaded."""

    folder: Path
    snapshot: "Snapshot"
    settings: Settings


def recorded(place: Path) -> Recorded:
    """Load a run's evidence, or an evidence folder, and its settings.

    Raises EvidenceError naming what is wrong with it.
    """
    from posture.controls.registry import catalogue
    from posture.history.runs import evidence_of
    from posture.snapshot.settings_file import load_settings
    from posture.snapshot.store import SETTINGS, load

    folder = evidence_of(place)
    settings = load_settings(folder)
    known = {c.code for c in catalogue()}
    for code in (*(r.control for r in settings.accepted), *(a.control for a in settings.attestations)):
        if code not in known:
            raise EvidenceError(f"{folder / SETTINGS} speaks of {code!r}, which this posture does not know; upgrade it")
    return Recorded(folder, load(folder), settings)
