"""Connections that break before, within and after an answer, over real sockets."""

import asyncio
import json
from pathlib import Path

import pytest

from posture.collect.run import Plan, collect
from posture.emulator.app import create_app
from posture.graph.answer import Limits
from posture.graph.pacing import Timer
from posture.graph.reader import open_reader
from posture.settings import Settings
from posture.snapshot.types import GapReason, Snapshot
from tests.cli.run import posture
from tests.collect.proxy import Break, Choose, Proxy, proxied
from tests.collect.world import comparable, tenant
from tests.graph.faulty import FastTime

ENDPOINTS = {
    "authorization_policy": "/v1.0/policies/authorizationPolicy",
    "guests": "/v1.0/users",
    "conditional_access_policies": "/v1.0/identity/conditionalAccess/policies",
    "sign_ins": "/v1.0/auditLogs/signIns",
    "group_setting_overrides": "/v1.0/$batch",
    "user_count": "/v1.0/users/$count",
}
BREAKS = {
    "dropped before": Break("before"),
    "cut within": Break("within"),
    "cut before the first byte of the body": Break("within", share=0.0),
    "reset within": Break("reset"),
    "closed after": Break("after"),
    "dripping": Break("drip", seconds=0.2),
}


def _collected(root: Path, choose: Choose, names: set[str], **limits: float) -> tuple[Snapshot, Proxy]:
    emulated = tenant("hardened")
    app = create_app(emulated)
    time = FastTime()

    async def read(url: str) -> Snapshot:
        reader = open_reader(url, timer=time.timer(), limits=Limits(**limits))  # type: ignore[arg-type]
        try:
            return await collect(reader, Plan(root, lambda: emulated.clock, Settings(), wanted=frozenset(names)))
        finally:
            await reader.aclose()

    with proxied(app, choose) as (url, proxy):
        return asyncio.run(read(url)), proxy


def _at(name: str, fault: Break, times: int) -> Choose:
    """Break the first answers of one address."""
    return lambda path, before: fault if path.partition("?")[0] == ENDPOINTS[name] and before < times else None


@pytest.fixture(scope="module")
def calm(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    return _collected(tmp_path_factory.mktemp("calm"), lambda path, before: None, {"organization", *ENDPOINTS})[0]


@pytest.mark.parametrize("name", ENDPOINTS)
@pytest.mark.parametrize("words", BREAKS)
def test_a_connection_that_breaks_once_costs_nothing(tmp_path: Path, calm: Snapshot, name: str, words: str) -> None:
    found, proxy = _collected(tmp_path, _at(name, BREAKS[words], 1), {"organization", name})
    assert proxy.broken
    assert name not in found.gaps, found.gaps
    assert comparable(found.facts[name].value) == comparable(calm.facts[name].value)


@pytest.mark.parametrize("name", ENDPOINTS)
@pytest.mark.parametrize("words", ["dropped before", "cut within", "reset within"])
def test_a_connection_that_always_breaks_is_a_gap(tmp_path: Path, name: str, words: str) -> None:
    found, proxy = _collected(tmp_path, _at(name, BREAKS[words], 10**6), {"organization", name})
    assert name not in found.facts
    assert found.gaps[name].reason in {GapReason.NETWORK, GapReason.ANSWER}
    assert "attempts" in found.gaps[name].detail
    assert len(proxy.broken) <= Limits().attempts


def test_an_answer_that_never_comes_is_given_up(tmp_path: Path) -> None:
    choose = _at("guests", Break("silent"), 10**6)
    found, proxy = _collected(tmp_path, choose, {"organization", "guests"}, read_seconds=0.2)
    assert found.gaps["guests"].reason is GapReason.NETWORK
    assert len(proxy.broken) == 2


def test_an_answer_that_drips_for_ever_is_given_up(tmp_path: Path) -> None:
    choose = _at("guests", Break("drip", seconds=30), 10**6)
    found, _ = _collected(tmp_path, choose, {"organization", "guests"}, answer_seconds=0.3)
    assert found.gaps["guests"].reason is GapReason.NETWORK


@pytest.fixture
def _no_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    async def at_once(seconds: float) -> None:
        await asyncio.sleep(0)

    monkeypatch.setattr("posture.graph.reader.Timer", lambda: Timer(sleep=at_once))


@pytest.mark.usefixtures("_no_waits")
def test_a_whole_audit_over_a_bad_line_equals_one_over_a_good_line(tmp_path: Path) -> None:
    """Three of the first answers of each address break, in turn in each way; of one question no more than patience."""
    ways = [BREAKS[w] for w in ("dropped before", "cut within", "reset within", "closed after")]

    def choose(path: str, before: int) -> Break | None:
        return ways[sum(map(ord, path)) % len(ways)] if before in (0, 3, 6) else None

    found = []
    for number, plan in enumerate((lambda path, before: None, choose)):
        with proxied(create_app(tenant("contoso")), plan) as (url, proxy):
            said = posture("audit", "--graph-url", url, "--out", str(tmp_path / str(number)), "--verbose")
        assert "Traceback" not in said.err
        run = Path(said.out.splitlines()[-1])
        assessment = json.loads((run / "assessment.json").read_text())
        found.append((said.code, assessment["counts"], assessment["guests"], [g["source"] for g in assessment["gaps"]]))
    assert found[0] == found[1]
    assert len(proxy.broken) > 50
    assert "retry: " in said.err
    assert "the connection broke" in said.err


@pytest.mark.usefixtures("_no_waits")
def test_a_dead_line_is_no_audit_and_says_so_in_one_line(tmp_path: Path) -> None:
    with proxied(create_app(tenant("dayone")), lambda path, before: Break("before")) as (url, _):
        said = posture("audit", "--graph-url", url, "--out", str(tmp_path / "out"), "--quiet")
    assert said.code == 4
    assert "nothing could be read" in said.line
    assert not list((tmp_path / "out").rglob("*.json"))
