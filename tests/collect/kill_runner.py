"""Kill runs at random moments, take them up, and compare with one that nobody disturbed.

    python -m tests.collect.kill_runner URL FOLDER KILLS SEED

A process of its own with no threads, so that each run is a cheap fork. Prints
JSON: how many kills struck, how many whole runs they were spread over, and the
differences found (none is what must be).
"""

import asyncio
import hashlib
import json
import os
import random
import signal
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from posture.collect import lists
from posture.collect.run import Plan, collect
from posture.graph.reader import open_reader
from posture.settings import Settings
from posture.snapshot.store import load

NOW = datetime(2026, 11, 20, 8, 15, tzinfo=UTC)


def _run(url: str, folder: Path) -> None:
    lists.CHECKPOINT_SECONDS = 0.0

    async def read() -> None:
        reader = open_reader(url)
        plan = Plan(folder / "evidence", lambda: NOW, Settings(), journal_root=folder, partition_from=500)
        await collect(reader, plan)
        await reader.aclose()

    asyncio.run(read())


def _forked(url: str, folder: Path, seconds: float | None) -> bool:
    """Run in a child, killed after some seconds; returns whether it ended by itself."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            _run(url, folder)
            status = 0
        finally:
            os._exit(status)
    if seconds is not None:
        time.sleep(seconds)
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return False
    if os.WEXITSTATUS(status):
        raise SystemExit(f"a run failed under {folder}")
    return True


def _state(folder: Path) -> dict[str, Any]:
    """Return what must be equal: the values of all facts, and the names and reasons of the gaps."""
    snapshot = load(folder / "evidence")
    facts = {}
    for name, fact in snapshot.facts.items():
        lines = (
            fact.value.lines() if hasattr(fact.value, "lines") else [json.dumps(fact.value, sort_keys=True).encode()]
        )
        digest = hashlib.sha256()
        count = 0
        for line in lines:
            digest.update(line)
            count += 1
        facts[name] = [count, digest.hexdigest()]
    return {"facts": facts, "gaps": sorted((g.name, g.reason.value) for g in snapshot.gaps.values())}


def _different(found: dict[str, Any], wanted: dict[str, Any]) -> dict[str, Any]:
    names = {n for n in {*found["facts"], *wanted["facts"]} if found["facts"].get(n) != wanted["facts"].get(n)}
    return {
        "facts": {n: [found["facts"].get(n), wanted["facts"].get(n)] for n in sorted(names)},
        "gaps": [g for g in found["gaps"] if g not in wanted["gaps"]],
        "missing gaps": [g for g in wanted["gaps"] if g not in found["gaps"]],
    }


def main() -> None:
    """Disturb until enough kills struck."""
    url, root, kills, seed = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
    chance = random.Random(seed)
    begun = time.perf_counter()
    calm = root / "calm"
    calm.mkdir()
    _forked(url, calm, None)
    usual = time.perf_counter() - begun
    wanted = _state(calm)
    struck = runs = 0
    differences = []
    while struck < kills:
        folder = root / f"run{runs}"
        folder.mkdir()
        # Later and later kills, so that some run gets through after a handful of breaks.
        for attempt in range(1000):
            limit = usual * (0.6 + attempt / 8)
            if _forked(url, folder, chance.uniform(0.01, limit)):
                break
            struck += 1
        found = _state(folder)
        if found != wanted:
            differences.append({"run": runs, **_different(found, wanted)})
        runs += 1
    print(json.dumps({"kills": struck, "runs": runs, "differences": differences, "usual": usual}))  # noqa: T201


if __name__ == "__main__":
    main()
