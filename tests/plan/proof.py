"""Apply a plan to an emulated tenant and audit it again, as a person would with a real one."""

import asyncio
import json
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx
import orjson

from posture.assess.evaluate import evaluate
from posture.assess.types import Assessment
from posture.collect.registry import gatherers
from posture.collect.run import Plan as Collection
from posture.collect.run import collect
from posture.controls.registry import Control, catalogue, tallies
from posture.emulator.app import create_app
from posture.emulator.tenant import load_tenant
from posture.graph.reader import open_reader
from posture.plan.build import build
from posture.plan.types import Find, Placed, Plan, Request
from posture.settings import Settings
from posture.snapshot.types import Snapshot

GRAPH = "https://graph.microsoft.com"
HERE = "http://127.0.0.1"
BAD = {"pass": 0, "not-applicable": 0, "manual": 1, "partial": 1, "fail": 2, "not-assessed": 3, "error": 4}
"""How bad an outcome is, to tell whether one got worse."""


@dataclass
class Audited:
    """One audit of a tenant with the plan made of it."""

    snapshot: Snapshot
    assessment: Assessment
    affected: Path
    made: dict[str, Plan] = field(default_factory=dict)

    @property
    def outcomes(self) -> dict[str, str]:
        return {f.control.code: f.outcome.value for f in self.assessment.findings}

    @property
    def plan(self) -> Plan:
        if not self.made:
            self.made["plan"] = build(self.assessment, self.snapshot, self.affected)
        return self.made["plan"]


class Tenant:
    """An emulated tenant that takes writes."""

    def __init__(self, folder: Path, scratch: Path) -> None:
        self._tenant = load_tenant(folder)
        self.clock = self._tenant.clock
        self.app = create_app(self._tenant, clock=lambda: self.clock, allow_writes=True)
        self._scratch = scratch
        self._audits = 0
        self.not_there: list[Request] = []

    def audit(self, settings: Settings, only: str = "") -> Audited:
        """Read everything and judge it; `only` one control, by what that one reads."""
        self._audits += 1
        root = self._scratch / str(self._audits)
        (root / "evidence").mkdir(parents=True)
        controls = tuple(c for c in catalogue() if c.code == only) if only else catalogue()
        wanted = sources_of(controls[0]) if only else frozenset(n for n, g in gatherers().items() if not g.optional)
        snapshot = asyncio.run(self._read(root / "evidence", settings, wanted))
        affected = root / "affected"
        judged = evaluate(snapshot, settings, affected=affected, controls=controls, hunts=False)
        return Audited(snapshot, judged, affected)

    async def _read(self, root: Path, settings: Settings, wanted: frozenset[str]) -> Snapshot:
        transport = httpx.ASGITransport(app=self.app)
        reader = open_reader(HERE, None, transport=transport, clock=lambda: self.clock)
        try:
            clock = self.clock
            plan = Collection(root=root, clock=lambda: clock, settings=settings, wanted=wanted, arm=reader)
            return await collect(reader, plan)
        finally:
            await reader.aclose()

    def send(self, requests: Iterable[tuple[bool, Request]]) -> None:
        """Send requests one after the other; what is gone already is noted where a script would pass it over."""
        asyncio.run(self._send(list(requests)))

    async def _send(self, requests: list[tuple[bool, Request]]) -> None:
        headers = {"Authorization": "Bearer emulated"}
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=self.app), headers=headers) as client:
            for soft, request in requests:
                url = request.url
                if request.find is not None:
                    url = url.replace("{found}", await self._find(client, request.find))
                assert "{" not in url, url
                content = orjson.dumps(request.body) if request.body is not None else None
                answer = await client.request(request.method, url.replace(GRAPH, HERE), content=content)
                if answer.status_code == 404 and (soft or request.method == "DELETE"):
                    self.not_there.append(request)
                    continue
                assert answer.status_code < 300, f"{request.method} {url}: {answer.status_code} {answer.text}"

    async def _find(self, client: httpx.AsyncClient, find: Find) -> str:
        answer = await client.get(find.url.replace(GRAPH, HERE))
        assert answer.status_code == 200, answer.text
        rows = answer.json()["value"]
        found = [r[find.key] for r in rows if all(r.get(k) == v for k, v in find.where.items())]
        assert len(found) == 1, f"{len(found)} objects are like {find}"
        return str(found[0])


def sources_of(control: Control) -> frozenset[str]:
    """Return every source a control reads, and those these are read after."""
    found: set[str] = {"organization"}
    waiting = [*control.needs, *control.optional]
    while waiting:
        name = waiting.pop()
        if name in tallies():
            waiting += [*tallies()[name].needs, *tallies()[name].optional]
        elif name in gatherers() and name not in found:
            found.add(name)
            waiting += gatherers()[name].after
    return frozenset(found)


def steps_of(plan: Plan, codes: Iterable[str]) -> list[Placed]:
    """Return the steps of some controls in the plan's order, with those whose requests they share."""
    wanted = set(codes)
    shared = {p.step.same_as for p in plan.steps if p.step.control in wanted}
    return [p for p in plan.steps if p.step.control in wanted or p.step.id in shared]


def with_hands(steps: Iterable[Placed], owner: str) -> list[Placed]:
    """Return the steps with what people do between them: give groups that outsiders own alone an owner from inside."""
    found = list(steps)
    last = next((p.step for p in found if p.step.id == "GUEST-PRV-004.3"), None)
    groups = sorted({r.url.rpartition("/owners/")[0] for r in last.requests}) if last else []
    body = {"@odata.id": f"{GRAPH}/v1.0/directoryObjects/{owner}"}
    named = tuple(
        Request("POST", f"{g}/owners/$ref", body, undo=(Request("DELETE", f"{g}/owners/{owner}/$ref"),)) for g in groups
    )
    return [replace(p, step=replace(p.step, requests=named)) if p.step.id == "GUEST-PRV-004.2" else p for p in found]


def forward(steps: Iterable[Placed]) -> Iterable[tuple[bool, Request]]:
    """Yield what the steps send, and whether a script passes over what is gone by then."""
    for placed in steps:
        if not placed.step.same_as and not placed.step.blocked:
            yield from ((placed.step.listed, r) for r in placed.step.requests)


def backward(steps: list[Placed], tenant: Tenant) -> Iterable[tuple[bool, Request]]:
    """Yield what takes the steps back, last first; what was never done is not taken back."""
    skipped = {(r.method, r.url) for r in tenant.not_there}
    for placed in reversed(steps):
        if placed.step.same_as or placed.step.blocked:
            continue
        for request in reversed(list(placed.step.requests)):
            if (request.method, request.url) not in skipped:
                yield from ((placed.step.listed, r) for r in request.undo)


def worse(before: Mapping[str, str], after: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    """Return the controls whose outcome got worse."""
    return {c: (before[c], after[c]) for c in before if BAD[after[c]] > BAD[before[c]]}


def copied(sample: Path, root: Path, changes: Mapping[str, Any]) -> Path:
    """Return a copy of a sample with some files changed: a function over the rows of a list, or over an object."""
    copy = root / sample.name
    shutil.copytree(sample, copy)
    for name, change in changes.items():
        file = copy / name
        if name.endswith(".json"):
            file.write_text(json.dumps(change(json.loads(file.read_text("utf-8")))), "utf-8")
        else:
            lines = file.read_text("utf-8").split("\n") if file.exists() else []
            file.parent.mkdir(parents=True, exist_ok=True)
            rows = change([json.loads(line) for line in lines if line.strip()])
            file.write_text("".join(json.dumps(r) + "\n" for r in rows), "utf-8")
    return copy
