"""Progress on stderr: bars on a terminal, plain lines elsewhere.

The time to go is the slower of two: what the pace so far says, and what the
documented limit of a service allows. The first requests of a limited list go at
once, so the pace so far alone would promise minutes and take hours.
"""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from posture.cli.console import tell

if TYPE_CHECKING:
    from posture.collect.source import Progress

_EVERY_SECONDS = 10.0
_BIG = 2_000


@dataclass
class _Seen:
    """When a list was first heard of, with how many rows: a run that is taken up does not begin at none."""

    since: float
    rows: int
    told: float


class Pace:
    """How fast each list comes and how long it will still take."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._seen: dict[str, _Seen] = {}

    def step(self, step: "Progress") -> tuple[str, float]:
        """Take one step of progress; return its rate and time to go in words, and the seconds since last told."""
        now = self._now()
        seen = self._seen.setdefault(step.fact, _Seen(now, step.rows, now))
        told = []
        if now - seen.since >= 1 and step.rows > seen.rows:
            told.append(f"{(step.rows - seen.rows) / (now - seen.since):,.0f}/s")
        left = self._to_go(step, seen, now)
        if left is not None:
            told.append(words(left))
        return ", ".join(told), now - seen.told

    def told(self, fact: str) -> None:
        """Note that people were told just now."""
        self._seen[fact].told = self._now()

    @staticmethod
    def _to_go(step: "Progress", seen: _Seen, now: float) -> float | None:
        if step.done or not step.total or step.rows >= step.total:
            return None
        read = step.rows - seen.rows
        measured = (now - seen.since) * (step.total - step.rows) / read if read > 0 else None
        known = [s for s in (measured, step.paced_seconds) if s is not None]
        return max(known) if known else None


class Plain:
    """A line for each big list every ten seconds and when it is done; nothing for small ones."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._pace = Pace(now)

    def __call__(self, step: "Progress") -> None:
        """Take one step of progress."""
        said, silent = self._pace.step(step)
        if step.rows < _BIG or (not step.done and silent < _EVERY_SECONDS):
            return
        self._pace.told(step.fact)
        of = f" of {step.total:,}" if step.total else ""
        tell(f"  {step.fact}: {step.rows:,}{of} rows{', ' + said if said else ''}")


def words(seconds: float) -> str:
    """Return a time to go in words."""
    if seconds > 5400:
        return f"about {seconds / 3600:.1f} h to go"
    return f"about {seconds / 60:.0f} min to go" if seconds > 90 else f"about {max(seconds, 1):.0f} s to go"


def tell_event(event: Any) -> None:
    """Say what waits or is tried again, for --verbose."""
    if event.kind in {"retry", "wait", "pace", "token"}:
        wait = f", again in {event.seconds:.1f} s" if event.seconds else ""
        tell(f"  {event.kind}: {event.url_path} (try {event.attempt}): {event.detail}{wait}")


@contextmanager
def shown(*, quiet: bool) -> Iterator[Any]:
    """Yield a callable that takes progress steps, or None."""
    if quiet:
        yield None
    elif sys.stderr.isatty():
        with _bars() as bars:
            yield bars
    else:
        yield Plain()


@contextmanager
def _bars() -> Iterator[Any]:
    from rich import progress as bars
    from rich.console import Console

    columns = (
        bars.TextColumn("{task.description}", markup=False),
        bars.BarColumn(),
        bars.MofNCompleteColumn(),
        bars.TextColumn("{task.fields[said]}", markup=False),
    )
    with bars.Progress(*columns, console=Console(stderr=True, highlight=False), transient=True) as shown_bars:
        tasks: dict[str, Any] = {}
        pace = Pace()

        def step(now: "Progress") -> None:
            said, _ = pace.step(now)
            if now.rows < _BIG and now.fact not in tasks:
                return
            if now.fact not in tasks:
                tasks[now.fact] = shown_bars.add_task(now.fact, total=now.total, said="")
            shown_bars.update(tasks[now.fact], completed=now.rows, total=now.total, said=said)

        yield step
