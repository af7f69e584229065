"""One gatherer against a sample under faults: in process, through the reader, with time that only we move."""

import asyncio
import fnmatch
import re
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import orjson

from posture.collect.registry import gatherers
from posture.collect.run import NothingReadError, Plan, collect
from posture.emulator.app import Recorded, create_app
from posture.emulator.faults import Fault
from posture.emulator.faults import Plan as FaultPlan
from posture.emulator.tenant import EmulatedTenant, find_sample, load_tenant
from posture.graph.answer import Event, Limits
from posture.graph.reader import GraphReader, open_reader
from posture.settings import Settings
from posture.snapshot.types import Gap, Snapshot
from tests.graph.faulty import FastTime

PAGE_SIZE = 15
"""Rows of a page, so that the lists of a sample have several."""
LIMITS = Limits(page_bytes=1_000_000, single_bytes=1_000_000)
_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|(?<=')[^']+(?=')", re.IGNORECASE)


@dataclass
class Told:
    """What one run left: its snapshot (None where nothing could be read), what was sent, what was said."""

    snapshot: Snapshot | None
    error: NothingReadError | None
    sent: list[Recorded]
    events: list[Event]
    slept: float
    requests: dict[str, int] = field(default_factory=dict)

    def gap(self, name: str) -> Gap | None:
        return self.snapshot.gaps.get(name) if self.snapshot else None

    def value(self, name: str) -> Any:
        """A fact in a form that can be compared: rows as their text, in order."""
        if self.snapshot is None or name not in self.snapshot.facts:
            return None
        return comparable(self.snapshot.facts[name].value)


def comparable(value: Any) -> Any:
    """Return a fact's value without the one thing in it that names the server."""
    if hasattr(value, "lines"):
        return list(value.lines())
    return {k: v for k, v in value.items() if k != "@odata.context"}


_apps: dict[int, Any] = {}


def _app(emulated: EmulatedTenant) -> Any:
    """Return the app of a tenant, made once: reading a sample costs more than the questions of a cell."""
    if id(emulated) not in _apps:
        _apps[id(emulated)] = (emulated, create_app(emulated))
    return _apps[id(emulated)][1]


@cache
def tenant(sample: str, page_size: int = PAGE_SIZE) -> EmulatedTenant:
    found = load_tenant(find_sample(sample))
    # Partners are silent about their synchronization, so that they are asked for it.
    return replace(found, quirks=replace(found.quirks, page_size=page_size, ignore_partner_expand=True))


def run(
    sample: str | EmulatedTenant,
    root: Path,
    wanted: Iterable[str] | None,
    faults: Sequence[Fault] = (),
    *,
    limits: Limits = LIMITS,
    partition_from: int = 20_000,
    **more: Any,
) -> Told:
    """Collect some facts into `root`."""
    emulated = tenant(sample) if isinstance(sample, str) else sample
    clock = emulated.clock
    app = _app(emulated)
    app.state.requests.clear()
    app.state.graph._plan = FaultPlan(faults)
    time, events = FastTime(), []

    async def read(reader: GraphReader) -> Snapshot:
        chosen = None if wanted is None else frozenset(wanted)
        plan = Plan(root, lambda: clock, Settings(), wanted=chosen, arm=reader, partition_from=partition_from, **more)
        try:
            return await collect(reader, plan)
        finally:
            await reader.aclose()

    snapshot = error = None
    reader = open_reader(
        "http://127.0.0.1",
        transport=httpx.ASGITransport(app=app),
        clock=lambda: clock,
        limits=limits,
        timer=time.timer(),
        on_event=events.append,
    )
    try:
        snapshot = asyncio.run(read(reader))
    except NothingReadError as nothing:
        error = nothing
    return Told(snapshot, error, list(app.state.requests), events, sum(time.slept), dict(reader.requests))


@dataclass(frozen=True)
class Target:
    """One address of a gatherer as faults are aimed at it."""

    path: str
    method: str = "GET"
    batched: bool = False

    @property
    def is_count(self) -> bool:
        return self.path.endswith("$count")

    @property
    def is_list(self) -> bool:
        """Whether rows come a page at a time, as far as the address tells; the gatherer's value tells the rest."""
        last = self.path.rpartition("/")[2]
        is_graph = self.path.partition("/")[0] in ("v1.0", "beta")  # Azure's lists are not paged by the emulator
        is_one = "*" in last or last == "identitySynchronization"
        return is_graph and not self.is_count and not self.is_batch and not is_one

    @property
    def is_batch(self) -> bool:
        return self.method == "POST"

    def meets(self, path: str) -> bool:
        return fnmatch.fnmatchcase(path.lower(), self.path.lower())


def targets(name: str, told: Told, others: Told | None) -> list[Target]:
    """Return the addresses a gatherer asked, those of the facts it waits for left out; ids become globs."""
    foreign = _addresses(others.sent) if others else set()
    return sorted(_addresses(told.sent) - foreign, key=lambda t: (t.path, t.method))


def _addresses(sent: Iterable[Recorded]) -> set[Target]:
    found = set()
    for one in sent:
        path = one.path.removeprefix("/")
        if path.endswith("/$batch"):
            version = path.partition("/")[0]
            for item in orjson.loads(one.body)["requests"]:
                found.add(Target(_glob(f"{version}{item['url'].partition('?')[0]}"), batched=True))
        found.add(Target(_glob(path), one.method))
    return found


def _glob(path: str) -> str:
    from urllib.parse import unquote

    return _ID.sub("*", unquote(path)).replace("[", "?").replace("%24", "$")


def forget(root: Path) -> None:
    shutil.rmtree(root, ignore_errors=True)


def known_gatherers() -> list[str]:
    return sorted(gatherers())
