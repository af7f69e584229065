"""The score: its arithmetic by hand, and what must never raise it."""

import random
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from posture.assess.evaluate import evaluate
from posture.assess.score import CAPS, FORMULA, MIN_COVERAGE, VALUES, WEIGHTS, score
from posture.assess.types import Acceptance, Finding
from posture.controls.registry import Outcome, catalogue
from posture.settings import AcceptedRisk, Settings, Severity
from tests.assess.made import control, finding
from tests.facts import gap, snapshot
from tests.kept import KEPT, NEGLECTED, kept_tenant, neglected_tenant

PASS, PARTIAL, FAIL = Outcome.PASS, Outcome.PARTIAL, Outcome.FAIL
UNSEEN = (Outcome.NOT_ASSESSED, Outcome.ERROR, Outcome.MANUAL)
CRITICAL, HIGH, MEDIUM, LOW, INFO = Severity.CRITICAL, Severity.HIGH, Severity.MEDIUM, Severity.LOW, Severity.INFO
RISK = AcceptedRisk("GUEST-INV-001", "a reason long enough", "ana", date(2026, 1, 1), date(2026, 12, 31))


def test_by_hand() -> None:
    found = score([finding(PASS, HIGH), finding(PARTIAL, MEDIUM), finding(FAIL, LOW, "GUEST-LIF-001")])
    assert found.raw == round(100 * (7.5 + 2.5) / 15, 1) == 66.7
    assert (found.value, found.cap, found.coverage) == (66.7, None, 1.0)
    assert {a.area: a.value for a in found.by_area} == {"INV": 80.0, "LIF": 0.0}


@pytest.mark.parametrize(("severity", "cap"), [(CRITICAL, 49), (HIGH, 79), (MEDIUM, None), (LOW, None)])
def test_caps(severity: Severity, cap: int | None) -> None:
    found = score([*(finding(PASS, CRITICAL) for _ in range(50)), finding(FAIL, severity)])
    assert found.cap == cap
    assert found.raw is not None
    assert found.raw > 97
    assert found.value == (found.raw if cap is None else cap)


def test_a_partial_never_caps() -> None:
    assert score([finding(PARTIAL, CRITICAL, severity=HIGH)]).cap is None


def test_a_fail_caps_by_its_own_severity() -> None:
    assert score([finding(FAIL, CRITICAL, severity=HIGH)]).cap == 79


def test_no_number_below_sixty_percent() -> None:
    seen = [finding(PASS, MEDIUM) for _ in range(6)]
    unseen = [finding(Outcome.NOT_ASSESSED, MEDIUM) for _ in range(4)]
    assert score([*seen, *unseen]).value == 100
    below = score([*seen, *unseen, finding(Outcome.ERROR, LOW)])
    assert below.coverage < MIN_COVERAGE
    assert (below.value, below.without_accepted) == (None, None)
    assert below.low is not None


def test_no_number_below_sixty_percent_for_an_area_either() -> None:
    seen = [finding(PASS, MEDIUM), finding(Outcome.MANUAL, MEDIUM, "GUEST-INV-002")]
    found = score([*seen, *(finding(PASS, MEDIUM, "GUEST-LIF-001") for _ in range(3))])
    assert {a.area: (a.value, a.coverage) for a in found.by_area} == {"INV": (None, 0.5), "LIF": (100.0, 1.0)}


@pytest.mark.parametrize("outcome", UNSEEN)
def test_what_was_not_seen_lowers_coverage_alone(outcome: Outcome) -> None:
    found = score([finding(PASS, HIGH), finding(PASS, HIGH), finding(outcome, HIGH)])
    assert (found.value, found.coverage) == (100, 0.6667)
    assert found.low == 66.7


def test_not_applicable_is_in_neither_sum() -> None:
    assert score([finding(PASS), finding(Outcome.NOT_APPLICABLE)]).coverage == 1
    assert score([finding(Outcome.NOT_APPLICABLE)]).value is None


def test_low_counts_what_was_not_seen_as_failed_caps_included() -> None:
    many = [finding(PASS, HIGH) for _ in range(60)]
    assert score([*many, finding(Outcome.NOT_ASSESSED, CRITICAL)]).low == 49
    assert score([*many, finding(Outcome.NOT_ASSESSED, HIGH)]).low == 79
    assert score([*many, finding(Outcome.NOT_ASSESSED, LOW)]).low == 99.4


def test_accepted_risks_cost_in_the_score_and_not_beside_it() -> None:
    taken = replace(finding(FAIL, CRITICAL), accepted=Acceptance(RISK, "all"))
    part = replace(finding(FAIL, LOW), accepted=Acceptance(RISK, "some"))
    rest = [finding(PASS, HIGH) for _ in range(10)]
    found = score([taken, part, *rest])
    assert found.value == 49
    assert found.without_accepted == round(100 * 85 / 87.5, 1)


def test_what_costs_most() -> None:
    found = score([finding(FAIL, s, f"GUEST-INV-{n:03d}") for n, s in enumerate([LOW, HIGH, MEDIUM, LOW, LOW, LOW])])
    assert [code for code, _ in found.costs][:2] == ["GUEST-INV-001", "GUEST-INV-002"]
    assert len(found.costs) == 5
    assert found.costs[0][1] == round(100 * 7.5 / 22.5, 1)
    assert score([finding(PASS)]).costs == ()


def test_hunts_and_exposures_never_count() -> None:
    base = [finding(PASS, HIGH), finding(FAIL, MEDIUM)]
    hunt = finding(FAIL, CRITICAL, "GUEST-HUN-001")
    exposure = finding(FAIL, CRITICAL, "GUEST-PER-002", control={"scored": False})
    assert score([*base, hunt, exposure]) == score(base)
    assert score([hunt]).value is None


def test_nothing_at_all() -> None:
    found = score([])
    assert (found.value, found.raw, found.low, found.coverage, found.by_area) == (None, None, None, 0.0, ())


def test_the_formula_says_what_is_done() -> None:
    for number in (*WEIGHTS.values(), *CAPS.values()):
        if number:
            assert f"{number:g}" in FORMULA
    assert f"{MIN_COVERAGE:.0%}".replace("%", " %") in FORMULA
    assert WEIGHTS == {CRITICAL: 10, HIGH: 7.5, MEDIUM: 5, LOW: 2.5, INFO: 0}
    assert VALUES == {PASS: 1, PARTIAL: 0.5, FAIL: 0}


def catalogue_findings(**fails: Outcome) -> list[Finding]:
    """Return a finding for every control: pass, unless named."""
    named = {k.replace("_", "-"): v for k, v in fails.items()}
    return [Finding(c, o := named.get(c.code, PASS), c.fail if o is FAIL else INFO, "words") for c in catalogue()]


UNANSWERED = ("GUEST_PRV_007", "GUEST_WRK_005", "GUEST_VIS_001", "GUEST_VIS_002", "GUEST_VIS_003", "GUEST_VIS_004")


def weight(code: str) -> float:
    return next(WEIGHTS[c.fail] for c in catalogue() if c.code == code.replace("_", "-"))


def of_weight(wanted: float, number: int, *, beside: tuple[str, ...]) -> list[str]:
    """Return the first scored controls of a weight."""
    found = [c.code.replace("-", "_") for c in catalogue() if c.scored and WEIGHTS[c.fail] == wanted]
    return [code for code in found if code not in beside][:number]


def test_worked_example() -> None:
    """The three hardened rows of the published example: 97 at 86 %, 95 at 100 %, and 79 for the guest level alone."""
    assert sum(c.scored for c in catalogue()) == 51
    total = sum(WEIGHTS[c.fail] for c in catalogue() if c.scored)
    assert total == 302.5
    unanswered = [*UNANSWERED, *of_weight(5.0, 1, beside=UNANSWERED)]
    assert sum(map(weight, unanswered)) == 42.5
    beside = (*unanswered, "GUEST_PER_001")
    weak = dict.fromkeys([*of_weight(5.0, 3, beside=beside), *of_weight(2.5, 1, beside=beside)], PARTIAL)
    asked = dict.fromkeys([u for u in unanswered if weight(u) == 5.0][:2], PARTIAL)

    graph_only = score(catalogue_findings(**weak, **dict.fromkeys(unanswered, Outcome.MANUAL)))
    assert (graph_only.raw, graph_only.cap, round(graph_only.coverage, 2)) == (96.6, None, 0.86)
    answered = score(catalogue_findings(**weak, **asked))
    assert (answered.raw, answered.value, answered.coverage) == (95.5, 95.5, 1)
    member_level = score(catalogue_findings(**weak, **asked, GUEST_PER_001=FAIL))
    assert (member_level.raw, member_level.cap, member_level.value) == (93.0, 79, 79)
    assert member_level.costs[0] == ("GUEST-PER-001", 2.5)


# Properties

OUTCOMES = st.sampled_from(list(Outcome))
SEVERITIES = st.sampled_from(list(Severity))


@st.composite
def findings(draw: st.DrawFn) -> list[Finding]:
    made = []
    for n in range(draw(st.integers(1, 12))):
        fail = draw(SEVERITIES)
        outcome = draw(OUTCOMES)
        lower = draw(st.sampled_from([s for s in Severity if s.rank <= fail.rank]))
        found = finding(outcome, fail, f"GUEST-INV-{n:03d}")
        made.append(replace(found, severity=lower) if outcome in (FAIL, PARTIAL) else found)
    return made


def as_number(value: float | None) -> float:
    return 100.0 if value is None else value


@settings(max_examples=150)
@given(findings(), st.data())
def test_losing_sight_never_raises_low(found: list[Finding], data: st.DataObject) -> None:
    lost = data.draw(st.sets(st.integers(0, len(found) - 1)))
    after = [
        replace(f, outcome=data.draw(st.sampled_from(UNSEEN[:2])), severity=INFO) if n in lost else f
        for n, f in enumerate(found)
    ]
    assert as_number(score(after).low) <= as_number(score(found).low)
    assert score(after).coverage <= score(found).coverage or not any(WEIGHTS[f.control.fail] for f in found)


@settings(max_examples=150)
@given(findings(), st.data())
def test_a_better_outcome_never_lowers_the_score(found: list[Finding], data: st.DataObject) -> None:
    steps = {FAIL: PARTIAL, PARTIAL: PASS}
    better = [
        replace(f, outcome=steps[f.outcome], severity=INFO) if f.outcome in steps and data.draw(st.booleans()) else f
        for f in found
    ]
    before, after = score(found), score(better)
    for name in ("value", "raw", "low"):
        assert as_number(getattr(after, name)) >= as_number(getattr(before, name))
    assert after.coverage == before.coverage


@settings(max_examples=80)
@given(findings(), st.lists(SEVERITIES, max_size=4))
def test_hunts_never_touch_it(found: list[Finding], hunts: list[Severity]) -> None:
    assert score([*found, *(finding(FAIL, s, "GUEST-HUN-001") for s in hunts)]) == score(found)


@settings(max_examples=80)
@given(findings())
def test_low_is_never_above_the_score(found: list[Finding]) -> None:
    told = score(found)
    if told.value is not None and told.low is not None:
        assert told.low <= told.value
        assert 0 <= told.low <= told.value <= 100
        assert told.without_accepted == told.value


TENANTS = {"kept": (kept_tenant, KEPT), "neglected": (neglected_tenant, NEGLECTED)}
RANK = {PASS: 2, PARTIAL: 1}


def mixed(seed: int) -> dict[str, Any]:
    """Return facts taken from one tenant or the other."""
    choose = random.Random(seed)
    kept, neglected = kept_tenant(), neglected_tenant()
    return {k: neglected.get(k, v) if choose.random() < 0.4 else v for k, v in kept.items()}


def judged(facts: dict[str, Any], chosen: Settings) -> tuple[float, dict[str, Finding]]:
    found = evaluate(snapshot(**facts), chosen)
    return as_number(found.score.low), {f.control.code: f for f in found.findings}


@pytest.mark.parametrize("name", [*TENANTS, "mixed 1", "mixed 2", "mixed 3", "mixed 38"])
def test_losing_a_source_never_betters_anything(name: str) -> None:
    """Each source in turn is refused: no control that was judged looks better, and `low` does not rise."""
    made, chosen = TENANTS.get(name, (lambda: mixed(int(name.split()[1])), KEPT))
    facts = made()
    low, before = judged(facts, chosen)
    for fact in facts:
        lost_low, after = judged({**facts, fact: gap(fact)}, chosen)
        assert lost_low <= low, fact
        for code, now in after.items():
            was = before[code].outcome
            assert now.outcome is not Outcome.ERROR, now.summary
            assert was in (Outcome.NOT_ASSESSED, Outcome.NOT_APPLICABLE) or RANK.get(now.outcome, 0) <= RANK.get(
                was, 0
            ), f"{code} without {fact}: {was} became {now.outcome}"


def test_a_control_made_up_for_tests_is_one() -> None:
    assert control().area == "INV"
