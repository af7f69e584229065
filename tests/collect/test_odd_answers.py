"""A Graph whose bodies are JSON and little else: nothing crashes, nothing is our own error, nothing gets better."""

import asyncio
import json
import random
from pathlib import Path
from typing import Any

import httpx
import pytest

from posture.assess.evaluate import evaluate
from posture.collect.registry import gatherers
from posture.collect.run import Plan, collect
from posture.controls.registry import Outcome
from posture.emulator.app import create_app
from posture.emulator.tenant import find_sample, load_tenant
from posture.graph.reader import open_reader
from posture.settings import Settings
from posture.snapshot.types import GapReason, Snapshot
from tests.graph.faulty import FastTime

ODD: list[Any] = [
    *(None, "", 0, -1, 1e308, True, [], {}, [None], [{}], {"a": 1}),
    *("zzz", "000", "\ud800", "\x00", "\n", "../x", "<script>", "unknownFutureValue"),
    *("2026-11-20T00:00:00Z", "9999-12-31T00:00:00Z", "0001-01-01T00:00:00Z"),
]


def odd(value: Any, chance: random.Random, share: float) -> Any:
    """Return a body in which a share of the values is something else, gone, or there twice."""
    if isinstance(value, dict):
        found = {}
        for key, inner in value.items():
            luck = chance.random()
            if key.endswith("@odata.nextLink") or luck >= share * 1.3:
                found[key] = odd(inner, chance, share)
            elif luck < share:
                found[key] = chance.choice(ODD)
        if chance.random() < share / 3:
            found["id"] = chance.choice(ODD)
        return found
    if isinstance(value, list):
        found = [odd(inner, chance, share) for inner in value]
        if found and chance.random() < share:
            found.append(chance.choice(found))
            chance.shuffle(found)
        return found
    return value


class OddGraph(httpx.AsyncBaseTransport):
    """Graph's answers with odd values in them; the organization stays, so that the run goes on."""

    def __init__(self, inner: httpx.AsyncBaseTransport, chance: random.Random, share: float) -> None:
        self._inner, self._chance, self._share = inner, chance, share

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await self._inner.handle_async_request(request)
        body = await response.aread()
        if request.url.path != "/v1.0/organization":
            body = self._changed(body)
        headers = [(k, v) for k, v in response.headers.raw if k.lower() != b"content-length"]
        return httpx.Response(response.status_code, headers=headers, content=body)

    def _changed(self, body: bytes) -> bytes:
        value = json.loads(body)
        if not isinstance(value, dict):
            return body
        if "responses" in value:
            for item in value["responses"]:
                item["body"] = odd(item.get("body"), self._chance, self._share)
        elif "value" in value:
            value["value"] = odd(value["value"], self._chance, self._share)
        else:
            value = odd(value, self._chance, self._share)
        return json.dumps(value).encode()


@pytest.mark.parametrize(("seed", "share"), [(3, 0.003), (7, 0.02), (9, 0.1), (11, 0.1), (24, 0.3)])
def test_odd_answers(tmp_path: Path, seed: int, share: float) -> None:
    tenant = load_tenant(find_sample("hardened"))

    async def run() -> Snapshot:
        inner = httpx.ASGITransport(app=create_app(tenant, clock=lambda: tenant.clock))
        transport = OddGraph(inner, random.Random(seed), share)
        time = FastTime().timer()
        reader = open_reader("http://127.0.0.1", transport=transport, clock=lambda: tenant.clock, timer=time)
        wanted = frozenset(gatherers())
        plan = Plan(root=tmp_path, clock=lambda: tenant.clock, settings=Settings(), wanted=wanted, arm=reader)
        try:
            return await collect(reader, plan)
        finally:
            await reader.aclose()

    snapshot = asyncio.run(run())
    found = evaluate(snapshot, Settings())
    assert not [gap for gap, _ in found.gaps if gap.reason is GapReason.ERROR]
    assert not [f.summary for f in found.findings if f.outcome is Outcome.ERROR]
    assert found.hunts is None or not [r.not_run for r in found.hunts.runs if r.failed]
