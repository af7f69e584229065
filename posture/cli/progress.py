"""Progress on stderr: bars on a terminal, plain lines elsewhere."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from posture.cli.console import tell

_EVERY_SECONDS = 10.0
_BIG = 2_000


class Plain:
    """A line for each big list every ten seconds and when it is done; nothing for small ones."""

    def __init__(self) -> None:
        self._told: dict[str, float] = {}
        self._begun = time.monotonic()

    def __call__(self, step: Any) -> None:
        """Take one step of progress."""
        now = time.monotonic()
        last = self._told.setdefault(step.fact, now)
        if step.rows < _BIG or (not step.done and now - last < _EVERY_SECONDS):
            return
        self._told[step.fact] = now
        of = f" of {step.total:,}" if step.total else ""
        left = _left(step.rows, step.total, now - self._begun)
        tell(f"  {step.fact}: {step.rows:,}{of} rows{'' if step.done else left}")


def _left(rows: int, total: int | None, seconds: float) -> str:
    if not total or not rows or rows >= total:
        return ""
    left = seconds * (total - rows) / rows
    return f", about {left / 60:.0f} min to go" if left > 90 else f", about {left:.0f} s to go"


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
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True, highlight=False), transient=True) as progress:
        tasks: dict[str, Any] = {}

        def step(now: Any) -> None:
            if now.rows < _BIG and now.fact not in tasks:
                return
            if now.fact not in tasks:
                tasks[now.fact] = progress.add_task(now.fact, total=now.total)
            progress.update(tasks[now.fact], completed=now.rows, total=now.total)

        yield step
