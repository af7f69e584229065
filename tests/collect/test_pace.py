"""Sign-in activity at its own pace, beside everything else: told honestly, declinable, taken up where it stood."""

import asyncio
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from posture.cli import progress
from posture.collect import lists
from posture.collect.run import Plan, collect
from posture.collect.source import Progress
from posture.emulator.app import create_app
from posture.emulator.tenant import EmulatedTenant
from posture.graph.reader import open_reader
from posture.settings import Settings
from posture.snapshot.types import GapReason, Snapshot
from tests.collect.made import made
from tests.graph.faulty import FastTime

GUESTS = 8_000
"""16 pages of sign-in activity: ten go at once, six wait for the next minute."""
OTHERS = {"organization", "domains", "groups", "group_owners", "guests", "guest_sponsors", "guest_memberships"}
PACED = "guest_sign_in_activity"


@pytest.fixture(scope="module")
def tenant(tmp_path_factory: pytest.TempPathFactory) -> EmulatedTenant:
    return made(tmp_path_factory.mktemp("made") / "tenant", GUESTS)


class Paced:
    """A run that keeps Graph's pace, on time that stands still until it is let go."""

    def __init__(self, tenant: EmulatedTenant, root: Path, **plan: Any) -> None:
        self.app, self.time, self.steps = create_app(tenant), FastTime(), list[Progress]()
        self._tenant, self._root, self._plan = tenant, root, plan

    async def read(self, when_alone: Callable[[], None] | None = None) -> Snapshot:
        """Read; `when_alone` is called once all but the paced list is there."""
        self.time.hold = asyncio.Event()
        done = {"organization"}

        def step(now: Progress) -> None:
            self.steps.append(now)
            if now.done:
                done.add(now.fact)

        reader = open_reader(
            "http://127.0.0.1",
            transport=httpx.ASGITransport(app=self.app),
            clock=lambda: self._tenant.clock,
            timer=self.time.timer(),
            keep_pace=True,
        )
        plan = Plan(
            self._root / "evidence",
            lambda: self._tenant.clock,
            Settings(),
            wanted=frozenset({*OTHERS, PACED}),
            progress=step,
            journal_root=self._root,
            **self._plan,
        )
        reading = asyncio.create_task(collect(reader, plan))
        try:
            async with asyncio.timeout(60):
                while not (done >= OTHERS and self.time.slept) and not reading.done():  # noqa: ASYNC110
                    await asyncio.sleep(0.005)
            if when_alone is not None:
                when_alone()
            self.time.hold.set()
            return await reading
        finally:
            await reader.aclose()

    @property
    def asked(self) -> int:
        """How often the paced list was asked for a page."""
        return sum("signInActivity" in s.query and "$count" not in s.path for s in self.app.state.requests)


def test_everything_else_is_there_while_it_waits(tmp_path: Path, tenant: EmulatedTenant) -> None:
    run, asked = Paced(tenant, tmp_path), []
    found = asyncio.run(run.read(lambda: asked.append(run.asked)))
    assert not found.gaps
    assert len(found.facts[PACED].value) == GUESTS
    assert asked == [10]
    assert run.asked == 16
    assert sum(run.time.slept) >= 60
    assert max(run.time.slept) <= 60


def test_its_time_to_go_is_that_of_the_limit(tmp_path: Path, tenant: EmulatedTenant) -> None:
    run = Paced(tenant, tmp_path)
    asyncio.run(run.read())
    steps = [s for s in run.steps if s.fact == PACED and not s.done]
    assert [s.paced_seconds for s in steps] == [6.0 * n for n in range(15, -1, -1)]
    assert all(s.paced_seconds is None for s in run.steps if s.fact == "guests")


def test_it_can_be_left_out(tmp_path: Path, tenant: EmulatedTenant) -> None:
    run = Paced(tenant, tmp_path, declined=frozenset({PACED}))
    found = asyncio.run(run.read())
    assert found.gaps[PACED].reason is GapReason.DECLINED
    assert run.asked == 0
    assert not run.time.slept


def test_it_goes_on_where_it_stood(tmp_path: Path, tenant: EmulatedTenant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lists, "CHECKPOINT_SECONDS", 0.0)
    left = tmp_path / "left"
    whole = Paced(tenant, tmp_path / "whole")
    wanted = asyncio.run(whole.read(lambda: shutil.copytree(tmp_path / "whole", left)))
    heir = Paced(tenant, left)
    found = asyncio.run(heir.read())
    assert heir.asked == 6
    assert list(found.facts[PACED].value.lines()) == list(wanted.facts[PACED].value.lines())
    assert set(found.facts) == set(wanted.facts)


# -- in words ------------------------------------------------------------------------------------------------------


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def _words(capsys: pytest.CaptureFixture[str]) -> str:
    return capsys.readouterr().err.strip()


def test_the_first_pages_that_go_at_once_promise_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    clock = Clock()
    plain = progress.Plain(clock)
    plain(Progress(PACED, 500, 100_000, 1, paced_seconds=1194.0))
    clock.now = 12.0
    plain(Progress(PACED, 5_000, 100_000, 10, paced_seconds=1140.0))
    assert _words(capsys) == f"{PACED}: 5,000 of 100,000 rows, 375/s, about 19 min to go"


def test_a_slow_service_counts_more_than_the_limit(capsys: pytest.CaptureFixture[str]) -> None:
    clock = Clock()
    plain = progress.Plain(clock)
    plain(Progress(PACED, 500, 10_500, 1, paced_seconds=120.0))
    clock.now = 600.0
    plain(Progress(PACED, 5_500, 10_500, 11, paced_seconds=60.0))
    assert _words(capsys).endswith("rows, 8/s, about 10 min to go")


def test_a_list_taken_up_in_its_middle_counts_from_there(capsys: pytest.CaptureFixture[str]) -> None:
    clock = Clock()
    plain = progress.Plain(clock)
    plain(Progress("guests", 900_000, 1_000_000, 1))
    clock.now = 10.0
    plain(Progress("guests", 910_000, 1_000_000, 11))
    assert _words(capsys).endswith("rows, 1,000/s, about 90 s to go")


def test_the_end_is_told_once_and_small_lists_never(capsys: pytest.CaptureFixture[str]) -> None:
    plain = progress.Plain(Clock())
    plain(Progress("domains", 3, 3, 1, done=True))
    plain(Progress("guests", 5_000, 5_000, 6, done=True))
    assert _words(capsys) == "guests: 5,000 of 5,000 rows"


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.2, "1 s"), (90, "90 s"), (91, "2 min"), (5400, "90 min"), (6000, "1.7 h")]
)
def test_times_in_words(seconds: float, words: str) -> None:
    assert progress.words(seconds) == f"about {words} to go"
    assert re.fullmatch(r"about [\d.]+ (s|min|h) to go", progress.words(seconds))


def test_bars_show_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a terminal the bars' column says what the plain lines say."""
    from rich.progress import Progress as Bars

    told: list[str] = []
    update = Bars.update

    def seen(self: Any, task: Any, **fields: Any) -> None:
        told.append(fields["said"])
        update(self, task, **fields)

    monkeypatch.setattr(Bars, "update", seen)
    with progress._bars() as step:
        step(Progress(PACED, 2_500, 100_000, 5, paced_seconds=1170.0))
    assert told == ["about 20 min to go"]
