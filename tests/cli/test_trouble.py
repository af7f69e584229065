"""Whole audits on a bad day: exit code 3, the reason in the report, retries told under --verbose, no traceback."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from posture.controls.registry import catalogue
from posture.emulator.tenant import find_sample
from posture.graph.pacing import Timer
from tests.cli.run import Said, posture
from tests.collect.matrix import must_have


@pytest.fixture(autouse=True)
def _waits_take_no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    async def at_once(seconds: float) -> None:
        pass

    monkeypatch.setattr("posture.graph.reader.Timer", lambda: Timer(sleep=at_once))


def _audit(faults: str, *arguments: str) -> Said:
    shutil.copytree(find_sample("hardened"), "bad")
    toml = Path("bad/tenant.toml")
    toml.write_text(f"{toml.read_text()}\n{faults}")
    return posture("audit", "--sample", "bad", *arguments)


def _assessment(said: Said) -> dict[str, Any]:
    run = Path(said.out.splitlines()[-1])
    found: dict[str, Any] = json.loads((run / "assessment.json").read_text())
    return found


LASTING = {
    "throttled": ('kind = "throttled"\nretry_after = "5"', "throttled"),
    "failing": ('kind = "status"\nstatus = 503', "server"),
    "forbidden": ('kind = "forbidden"', "permission"),
    "unlicensed": ('kind = "forbidden"\nvariant = "non-premium"', "licence"),
    "cut": ('kind = "truncated"', "unusable-answer"),
    "elsewhere": ('kind = "foreign-link"', "unusable-answer"),
    "short": ('kind = "missing-rows"\ncount = 3', "incomplete-list"),
}


@pytest.mark.parametrize("words", LASTING)
def test_what_could_not_be_read_is_not_assessed_and_the_exit_code_says_so(words: str) -> None:
    fault, reason = LASTING[words]
    said = _audit(f'[[faults]]\npath = "v1.0/users"\n{fault}\n', "--quiet")
    assert said.code == 3
    assert said.err == ""
    found = _assessment(said)
    gaps = {g["source"]: g for g in found["gaps"]}
    assert gaps["guests"]["reason"] == reason
    outcomes = {f["control"]: f["outcome"] for f in found["findings"]}
    needing = {c.code for c in catalogue() if "guests" in must_have(c)}
    assert needing <= set(gaps["guests"]["controls"])
    for control in needing:
        assert outcomes[control] in ("not-assessed", "manual"), control


def test_a_passing_fault_leaves_no_trace_but_the_words_of_verbose() -> None:
    faults = (
        '[[faults]]\nkind = "throttled"\npath = "v1.0/users"\non = "first"\nretry_after = "2.128"\n'
        '[[faults]]\nkind = "status"\nstatus = 502\npath = "v1.0/groups"\non = [2]\n'
        '[[faults]]\nkind = "unauthorized"\npath = "v1.0/domains"\non = "first"\n'
        '[[faults]]\nkind = "truncated"\npath = "v1.0/policies/authorizationPolicy"\non = "first"\n'
    )
    said = _audit(faults, "--verbose")
    assert said.code == 0
    told = [line.strip() for line in said.err.splitlines()]
    assert any(t.startswith("wait: /v1.0/users (try 1): 429") and "again in 2." in t for t in told)
    assert any(t.startswith("retry: /v1.0/groups") and "502" in t for t in told)
    assert any(t.startswith("token: /v1.0/domains") for t in told)
    assert any(t.startswith("retry: /v1.0/policies/authorizationPolicy") and "not JSON" in t for t in told)
    assert not [g for g in _assessment(said)["gaps"] if g["reason"] != "not-asked"]


def test_without_verbose_nobody_is_told_of_what_was_overcome() -> None:
    said = _audit('[[faults]]\nkind = "throttled"\npath = "v1.0/users"\non = "first"\n')
    assert said.code == 0
    assert "429" not in said.err


def test_everything_failing_but_the_organization_is_an_audit_of_nothing() -> None:
    """It is made, passes nothing, and says so; no number stands at its head."""
    said = _audit('[[faults]]\nkind = "status"\nstatus = 500\npath = "*/[!o]*"\n', "--quiet")
    assert said.code == 3
    found = _assessment(said)
    assert {f["outcome"] for f in found["findings"]} <= {"not-assessed", "manual"}
    assert found["score"]["value"] is None
