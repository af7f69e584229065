"""What hunting gives: leads, and what they are worth: windows, bad rows, what could not be hunted."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from posture.assess.types import Lead

if TYPE_CHECKING:
    from posture.hunts.inviters import InvitationTree


_LOGS = {
    "directory_audits": "audit log",
    "sign_ins": "sign-in log",
    "sign_ins_non_interactive": "non-interactive sign-in log",
}


def log_name(source: str) -> str:
    """Return what a fact that holds a log is called in sentences; a file keeps its name."""
    return _LOGS.get(source, source)


@dataclass(frozen=True, slots=True)
class Window:
    """What a log really covers.

    `log` is audits, sign-ins or non-interactive sign-ins; `source` the fact or
    file. `asked_from` is where the query began, None for files. `since` is the
    earliest moment the log can tell about: where the query or the retention
    begins, for files the oldest row. `oldest` and `newest` are the rows' own
    times, None without dated rows. `retention_days` is what the licence keeps,
    None where that is not known.
    """

    log: str
    source: str
    rows: int
    since: datetime | None
    until: datetime | None
    oldest: datetime | None = None
    newest: datetime | None = None
    asked_from: datetime | None = None
    retention_days: int | None = None
    undated: int = 0

    @property
    def days(self) -> float:
        """Days covered."""
        if self.since is None or self.until is None:
            return 0.0
        return max(0.0, (self.until - self.since).total_seconds() / 86_400)

    @property
    def short(self) -> bool:
        """Whether the log begins later than was asked for, by half a day or more."""
        late = timedelta(hours=12)
        return self.asked_from is not None and (self.since is None or self.since - self.asked_from >= late)

    @property
    def words(self) -> str:
        """One plain sentence for the report."""
        name = log_name(self.source)
        named = name.capitalize() if name != self.source else name
        rows = f"{self.rows:,} row{'' if self.rows == 1 else 's'}"
        if self.since is None or self.until is None:
            return f"{named}: {rows}, none with a time."
        kept = f", kept for {self.retention_days} days in this tenant" if self.retention_days else ""
        days = f"{self.days:.1f}".removesuffix(".0")
        span = f"{self.since:%Y-%m-%d %H:%M} to {self.until:%Y-%m-%d %H:%M} UTC, {days} days"
        undated = f"; {self.undated:,} rows tell no time" if self.undated else ""
        return f"{named}: {rows} from {span}{kept}{undated}."


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that could not be read, or not wholly: where it stands and why."""

    source: str
    number: int
    why: str


@dataclass(frozen=True, slots=True)
class HuntRun:
    """One hunt of the catalogue in this run. `not_run` says in a sentence why it was not run, "" where it was.

    `limits` are sentences on what it could not see. `failed` says that posture
    itself failed in it.
    """

    code: str
    title: str
    leads: int = 0
    not_run: str = ""
    limits: tuple[str, ...] = ()
    failed: bool = False


@dataclass(frozen=True, slots=True)
class Place:
    """Guest sign-ins from one place. `latitude` and `longitude` are None where the log gives a country alone."""

    latitude: float | None
    longitude: float | None
    city: str
    country: str
    succeeded: int
    failed: int
    guests: int
    portal: int
    last: datetime | None

    @property
    def total(self) -> int:
        """All sign-ins from there."""
        return self.succeeded + self.failed


@dataclass(frozen=True, slots=True)
class AppUse:
    """How often guests and others signed in to one application."""

    app_id: str
    name: str
    guests: int
    others: int


@dataclass(frozen=True)
class HuntResult:
    """Everything a hunt run found. Leads are questions for a person; none of it counts in the score.

    `places` are sorted by number of sign-ins, `places_left_out` counts sign-ins
    in places past the limit. `apps` are those guests use most, `devices` counts
    guest sign-ins by the device's trust. `notes` are plain sentences on the
    logs themselves, such as rows passed over.
    """

    leads: tuple[Lead, ...] = ()
    windows: tuple[Window, ...] = ()
    runs: tuple[HuntRun, ...] = ()
    bad_rows: tuple[BadRow, ...] = ()
    bad_row_count: int = 0
    inviters: "InvitationTree | None" = None
    places: tuple[Place, ...] = ()
    places_left_out: int = 0
    apps: tuple[AppUse, ...] = ()
    devices: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def signal(self) -> str:
        """The words beside the score: "act now", "some" or "none", "not hunted" where no log was there.

        "none in part" is for logs or hunts that do not tell all: what was not looked at is not quiet.
        """
        if not self.windows:
            return "not hunted"
        worst = max((lead.severity.rank for lead in self.leads), default=-1)
        if worst >= 1:
            return "act now" if worst >= 3 else "some"
        return "none" if self.whole else "none in part"

    @property
    def whole(self) -> bool:
        """Whether every hunt ran, saw all it looks at, and the logs reach back as far as was asked."""
        seen = not any(run.not_run or run.limits for run in self.runs)
        return seen and not self.bad_row_count and not any(window.short for window in self.windows)
