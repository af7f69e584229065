"""Read a sample as the command line does: through the emulator, over the SDK's own path."""

import asyncio
from collections.abc import Iterable
from pathlib import Path

import httpx

from posture.collect.registry import gatherers
from posture.collect.run import Plan, collect
from posture.emulator.app import create_app
from posture.emulator.tenant import find_sample, load_tenant
from posture.graph.reader import open_reader
from posture.settings import Settings
from posture.snapshot.types import Snapshot


def read(sample: str | Path, root: Path, *, optional: Iterable[str] = ()) -> Snapshot:
    """Return the snapshot of a sample; `optional` names sources that are read only when asked for."""
    tenant = load_tenant(find_sample(str(sample)))
    wanted = frozenset(n for n, g in gatherers().items() if not g.optional or n in optional)

    async def run() -> Snapshot:
        transport = httpx.ASGITransport(app=create_app(tenant, clock=lambda: tenant.clock))
        reader = open_reader("http://127.0.0.1", None, transport=transport, clock=lambda: tenant.clock)
        try:
            plan = Plan(root=root, clock=lambda: tenant.clock, settings=Settings(), wanted=wanted, arm=reader)
            return await collect(reader, plan)
        finally:
            await reader.aclose()

    root.mkdir(parents=True, exist_ok=True)
    return asyncio.run(run())
