"""Tenants at the edge: security defaults on, no licence, no emergency account, nothing open, a million rows."""

import json
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice

import pytest

from posture.assess.evaluate import evaluate
from posture.controls.registry import Control, catalogue
from posture.plan.build import build
from posture.plan.quote import row
from posture.plan.types import Plan, Request, Requests, Step
from posture.settings import Settings, Thresholds
from tests.plan.conftest import Base, Write

POLICIES = ("GUEST-AUT-001", "GUEST-AUT-002", "GUEST-AUT-003", "GUEST-PER-004")


def steps(plan: Plan, code: str) -> list[Step]:
    return [p.step for p in plan.steps if p.step.control == code]


@pytest.mark.parametrize("name", ["halfblind", "dayone"])
def test_without_a_licence_no_policy_is_written(name: str, base: Base) -> None:
    """Conditional Access needs Entra ID P1: the step is blocked and says so, and sends nothing."""
    plan = base(name, Settings()).plan
    found = [s for code in POLICIES for s in steps(plan, code)]
    assert found
    for step in found:
        assert "Entra ID P1" in step.blocked or step.manual
        assert not len(step.requests)


def test_a_policy_for_everybody_waits_for_emergency_accounts(base: Base) -> None:
    """Without named emergency accounts no request is written that could lock the tenant's own people out."""
    plan = base("contoso", Settings()).plan
    (step,) = steps(plan, "GUEST-AUT-002")
    assert "emergency accounts" in step.blocked
    for placed in plan.steps:
        for request in islice(placed.step.requests, 50):
            users = ((request.body or {}).get("conditions") or {}).get("users") or {}
            assert users.get("includeUsers") != ["All"]


def test_emergency_accounts_are_left_out_of_every_policy(base: Base) -> None:
    named = ("46ae188a-dd56-4933-93a6-379e253e8094", "58bc0405-bbe9-4f75-a14b-d6f3eab936b2")
    plan = base("contoso", Settings(thresholds=replace(Thresholds(), break_glass_ids=named))).plan
    made = [
        r.body
        for p in plan.steps
        for r in islice(p.step.requests, 50)
        if r.method == "POST" and "conditionalAccess/policies" in r.url
    ]
    assert len(made) >= 4
    for body in made:
        assert body is not None
        assert body["conditions"]["users"]["excludeUsers"] == list(named)
        assert body["state"] == "enabledForReportingButNotEnforced"


def test_every_request_has_a_way_back_or_says_why(base: Base) -> None:
    for name in ("contoso", "hardened", "halfblind", "dayone"):
        for placed in base(name, Settings()).plan.steps:
            for request in islice(placed.step.requests, 50):
                assert request.undo or request.no_undo, placed.step.id


def test_no_placeholder_is_left(write: Write) -> None:
    """Addresses are whole; `{found}` alone may stand, where the plan says how it is found."""
    for name in ("contoso", "hostile names", "halfblind", "dayone"):
        for placed in write(name).plan.steps:
            for request in islice(placed.step.requests, 50):
                for one in (request, *request.undo):
                    assert "{" not in one.url.replace("{found}", "")
                    assert ("{found}" in one.url) == (one.find is not None)
                    assert "{id}" not in json.dumps(one.body)


def test_lists_are_made_anew_and_never_held() -> None:
    """A list of a million is walked, not kept: only one request exists at a time."""
    alive, most = 0, 0

    class Watched(dict[str, object]):
        def __init__(self) -> None:
            nonlocal alive, most
            super().__init__(accountEnabled=False)
            alive += 1
            most = max(most, alive)

        def __del__(self) -> None:
            nonlocal alive
            alive -= 1

    def make() -> Iterator[Request]:
        for number in range(20_000):
            yield Request("PATCH", f"https://graph.microsoft.com/v1.0/users/{number}", Watched())

    requests = Requests(make)
    assert len(requests) == 20_000
    assert sum(1 for number, r in enumerate(requests, 1) if row(number, r)) == 20_000
    assert most <= 3
    with pytest.raises(TypeError):
        requests[0]


def test_a_present_value_that_was_not_told_is_not_made_up(base: Base) -> None:
    """With a property left out of an answer no way back holds it, and the request says so."""
    audited = base("contoso", Settings())
    facts = {n: f for n, f in audited.snapshot.facts.items() if isinstance(f.value, dict)}
    tried = 0
    for name, fact in facts.items():
        controls = tuple(c for c in catalogue() if name in (*c.needs, *c.optional))
        for key in fact.value:
            gone = {k: v for k, v in fact.value.items() if k != key}
            seen = replace(audited.snapshot, facts={**audited.snapshot.facts, name: replace(fact, value=gone)})
            if not controls or not any(key in json.dumps(r) for c in controls for r in bodies(c)):
                continue
            judged = evaluate(seen, Settings(), controls=controls, hunts=False)
            for placed in build(judged, seen, audited.affected).steps:
                for request in () if placed.step.listed else placed.step.requests:
                    if request.method != "POST" and key in (request.body or {}):
                        tried += 1
                        assert request.no_undo, (placed.step.id, key)
                        assert all(key not in (back.body or {}) for back in request.undo)
    assert tried >= 3


def bodies(control: Control) -> list[object]:
    return [dict(r.body) for r in control.remediation if r.body]
