"""Saved evidence with the settings it was judged with, as several commands take it up."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from posture.cli.choices import lookback_of
from posture.errors import EvidenceError
from posture.settings import Profile, Settings

if TYPE_CHECKING:
    from posture.cli.config import Config
    from posture.snapshot.types import Snapshot


@dataclass(frozen=True)
class Recorded:
    """An evidence folder, checked and loaded."""

    folder: Path
    snapshot: "Snapshot"
    settings: Settings

    def settings_by(
        self, config: "Config", *, profile: str | None = None, lookback_days: int | None = None
    ) -> Settings:
        """Return the settings to judge by now: the recorded ones, a file that was named, then single options.

        A file that only lies in the current folder changes nothing: the run may be of another tenant.
        """
        chosen = config.one_of("profile", profile, Profile)
        days = lookback_of(config, lookback_days) if lookback_days is not None else None
        days = days or self.settings.thresholds.lookback_days
        if config.named:
            return config.settings(Profile(str(chosen.value or self.settings.profile)), lookback_days=days)
        said = chosen.value if chosen.origin not in ("default", str(config.file)) else None
        return replace(
            self.settings,
            profile=Profile(str(said or self.settings.profile)),
            thresholds=replace(self.settings.thresholds, lookback_days=days),
        )


def recorded(place: Path) -> Recorded:
    """Load a run's evidence, or an evidence folder, and its settings.

    Raises SettingsError where it is neither, EvidenceError naming what is wrong with it.
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
