"""Numbers over all guests, and the rows that matter most, from one walk through them."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from posture.controls.registry import Outcome
from posture.report.guest_rows import GuestRow, guest_rows
from posture.report.view import RunView

WHOLE_LIMIT = 25_000
"""Guests up to which the page may carry all."""
_SPARE = 5_000
_COMBINATIONS = 10_000
_KEY = "population"


@dataclass
class Population:
    """Numbers over all guests, and the rows the page carries, most important first."""

    total: int = 0
    unseen: int = 0
    unrecorded: int = 0
    seen_read: bool = False
    with_role: int | None = None
    rows: list[GuestRow] = field(default_factory=list)

    @property
    def whole(self) -> bool:
        """Whether every guest is among the rows."""
        return len(self.rows) == self.total


class Collector:
    """Count guests and keep the rows that matter most, fed one row at a time, in bounded memory."""

    def __init__(self, run: RunView) -> None:
        self._weight = {
            f.control.code: f.severity.rank
            for f in run.assessment.findings
            if f.outcome in (Outcome.FAIL, Outcome.PARTIAL)
        }
        self._stale = run.assessment.settings.thresholds.stale_days
        self._found = Population()
        self._held: list[tuple[tuple[int, int, int, str], GuestRow]] = []
        self._worst: dict[tuple[str, ...], int] = {}
        self._bar: tuple[int, int, int, str] | None = None

    def add(self, row: GuestRow) -> None:
        """Take one guest."""
        found = self._found
        found.total += 1
        found.seen_read = found.seen_read or row.seen_read
        if not row.pending:
            found.unrecorded += row.seen is None  # not recorded, or not in the list: neither is "seen"
            found.unseen += row.unseen_days is not None and row.unseen_days > self._stale
        if row.roles is not None:
            found.with_role = (found.with_role or 0) + bool(row.roles)
        worst = self._worst.get(row.findings)
        if worst is None:
            worst = max((self._weight.get(c, 0) for c in row.findings), default=0)
            if len(self._worst) < _COMBINATIONS:
                self._worst[row.findings] = worst
        place = (-worst, -len(row.findings), -bool(row.roles), row.id)
        if self._bar is not None and place > self._bar:
            return  # as many that matter more are held already
        self._held.append((place, row))
        if len(self._held) > WHOLE_LIMIT + _SPARE:
            self._cut()
            self._bar = self._held[-1][0]

    def _cut(self) -> None:
        self._held.sort(key=lambda h: h[0])
        del self._held[WHOLE_LIMIT:]

    def finish(self) -> Population:
        """Return what was counted, with the rows most important first, those of equal findings together, by name."""
        self._cut()
        # Whom the list leaves out goes by importance and id alone; a name, which guests choose, only orders the rest.
        order = sorted(self._held, key=lambda h: (*h[0][:3], h[1].findings, h[1].name.casefold(), h[1].id))
        self._found.rows = [row for _, row in order]
        return self._found


def population(run: RunView) -> Population:
    """Return the numbers over all guests and the rows for the page; walks through the guests once a run."""
    if _KEY not in run.worked_out:
        for _ in counted(run):
            pass
    found: Population = run.worked_out[_KEY]
    return found


def counted(run: RunView) -> Iterator[GuestRow]:
    """Yield every guest's row and leave the population behind for the format that needs it."""
    collector = Collector(run)
    for row in guest_rows(run):
        collector.add(row)
        yield row
    run.worked_out[_KEY] = collector.finish()
