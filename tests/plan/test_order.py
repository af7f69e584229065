"""The order: what has to come first, why, and then most gained for least risk, by the score's own arithmetic."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from posture.assess.score import score
from posture.assess.types import Finding
from posture.controls.registry import Outcome, catalogue
from posture.plan.order import BEFORE, gains, linked, ordered
from posture.plan.types import After, Plan, Remedy, Risk, Step
from posture.settings import AcceptedRisk, Settings, Severity, Thresholds
from tests.plan.conftest import Base

NAMES = ["contoso", "hardened", "halfblind", "dayone"]
EMERGENCY = Settings(thresholds=replace(Thresholds(), break_glass_ids=("46ae188a-dd56-4933-93a6-379e253e8094",)))


def places(plan: Plan) -> dict[str, int]:
    return {p.step.id: p.number for p in plan.steps}


@pytest.mark.parametrize("name", NAMES)
def test_what_has_to_come_first_does(name: str, base: Base) -> None:
    plan = base(name, Settings()).plan
    at = places(plan)
    for placed in plan.steps:
        for first in placed.step.after:
            assert first.reason
            assert first.step in at, f"{placed.step.id} waits for {first.step}, which is not in the plan"
            assert at[first.step] < placed.number


def test_the_issues_own_dependencies_hold(base: Base) -> None:
    """Sponsors before expiry, emergency accounts before policies, report-only before on, partners before deny."""
    at = places(base("contoso", Settings()).plan)
    chains = (
        ("GUEST-LIF-004.1", "GUEST-LIF-002.1"),
        ("GUEST-LIF-004.1", "GUEST-LIF-006.1"),
        ("GUEST-INV-001.1", "GUEST-INV-001.2"),
        ("GUEST-XTA-001.1", "GUEST-XTA-001.2"),
        ("GUEST-XTA-003.1", "GUEST-XTA-003.2"),
    )
    for first, then in chains:
        assert at[first] < at[then], (first, then)
    policies = [s for s in at if s.startswith(("GUEST-AUT-001.", "GUEST-AUT-002.", "GUEST-AUT-003.", "GUEST-PER-004."))]
    titles = {p.step.id: p.step.title for p in base("contoso", Settings()).plan.steps}
    emergency = next(s for s in policies if "break_glass_ids" in titles[s] or "emergency" in titles[s].lower())
    assert all(at[emergency] <= at[s] for s in policies)


def test_policies_are_watched_before_they_are_on(base: Base) -> None:
    """Every policy of the plan is made or taken report-only, and turned on by a later step that only waits for it."""
    plan = base("contoso", EMERGENCY).plan
    steps = {p.step.id: p.step for p in plan.steps}
    turned = [s for s in steps.values() if [r.body for r in s.requests] == [{"state": "enabled"}]]
    assert len(turned) >= 4
    for step in turned:
        first = [steps[a.step] for a in step.after]
        assert step.wait
        assert any("enabledForReportingButNotEnforced" in str(r.body) for s in first for r in s.requests)
    for step in steps.values():
        for request in step.requests:
            if "conditionalAccess/policies" in request.url and request.method == "POST":
                assert request.body is not None
                assert request.body["state"] == "enabledForReportingButNotEnforced"
                assert request.body["conditions"]["users"]["excludeUsers"] == list(EMERGENCY.thresholds.break_glass_ids)


@pytest.mark.parametrize("name", NAMES)
def test_gains_are_the_scores_own(name: str, base: Base) -> None:
    """A gain is what the raw score rises by if that finding passed and nothing else changed."""
    assessment = base(name, Settings()).assessment
    plan = base(name, Settings()).plan
    findings = list(assessment.findings)
    now = score(findings).raw
    for remedy in plan.remedies:
        if remedy.gain is None:
            continue
        then = [
            replace(f, outcome=Outcome.PASS, severity=Severity.INFO, accepted=None) if f is remedy.finding else f
            for f in findings
        ]
        raised = score(then).raw
        assert now is not None
        assert raised is not None
        assert remedy.gain == round(raised - now, 1)
        assert remedy.gain >= 0
    then = [
        replace(f, outcome=Outcome.PASS, severity=Severity.INFO, accepted=None)
        if any(f is r.finding for r in plan.remedies)
        else f
        for f in findings
    ]
    assert plan.score_after == (score(then).value, score(then).raw)


@pytest.mark.parametrize("name", NAMES)
def test_of_two_free_steps_the_better_comes_first(name: str, base: Base) -> None:
    """Where nothing makes the next step wait, it is not better than the one before it."""
    plan = base(name, Settings()).plan
    risk = {
        r.finding.control.code: max((s.risk for s in r.steps), key=lambda x: x.weight).weight for r in plan.remedies
    }

    def key(step: Step, gain: float | None) -> tuple[bool, float]:
        return bool(step.wait), -(gain or 0.0) / risk[step.control]

    for one, two in zip(plan.steps, plan.steps[1:], strict=False):
        if all(a.step != one.step.id for a in two.step.after):
            assert key(one.step, one.gain) <= key(two.step, two.gain)


def test_dependencies_name_controls_that_exist() -> None:
    codes = {c.code for c in catalogue()}
    for before, after, reason in BEFORE:
        assert ".".join(before.split(".")[:1]) in codes
        assert ".".join(after.split(".")[:1]) in codes
        assert reason


def made(finding: Finding, number: int, *after: str) -> Step:
    return Step(
        f"{finding.control.code}.{number}", finding.control.code, "x", after=tuple(After(a, "so") for a in after)
    )


def test_a_circle_is_refused(base: Base) -> None:
    one, two = base("contoso", Settings()).assessment.findings[:2]
    circle = (
        Remedy(one, (made(one, 1, f"{two.control.code}.1"),), 1.0, ()),
        Remedy(two, (made(two, 1, f"{one.control.code}.1"),), 1.0, ()),
    )
    with pytest.raises(ValueError, match="wait for each other"):
        ordered(circle)


@settings(max_examples=60)
@given(data=st.data())
def test_any_order_without_circles_is_kept(base: Base, data: st.DataObject) -> None:
    """Steps that may wait for any earlier one: all are placed, each after what it waits for, the same each time."""
    findings = base("contoso", Settings()).assessment.findings
    count = data.draw(st.integers(1, 12))
    chosen = data.draw(st.permutations(findings))[:count]
    remedies: list[Remedy] = []
    names: list[str] = []
    for finding in chosen:
        after = data.draw(st.lists(st.sampled_from(names), unique=True, max_size=3)) if names else []
        gain = data.draw(st.none() | st.floats(0, 9))
        risk = data.draw(st.sampled_from(Risk))
        remedies.append(Remedy(finding, (replace(made(finding, 1, *after), risk=risk),), gain, ()))
        names.append(f"{finding.control.code}.1")
    placed = ordered(remedies)
    at = {p.step.id: p.number for p in placed}
    assert sorted(at) == sorted(names)
    assert all(at[a.step] < p.number for p in placed for a in p.step.after)
    assert [p.step.id for p in ordered(list(reversed(remedies)))] == [p.step.id for p in placed]


def test_every_dependency_of_the_table_is_used(base: Base) -> None:
    """On a tenant where everything fails each line of the table makes a step wait, with its reason."""
    remedies = [Remedy(f, (made(f, 1),), 1.0, ()) for f in base("contoso", Settings()).assessment.findings]
    reasons = {(s.id, a.reason) for r in linked(remedies) for s in r.steps for a in s.after}
    for _, after, reason in BEFORE:
        assert (after if "." in after else f"{after}.1", reason) in reasons


@pytest.mark.parametrize("name", NAMES)
def test_scripts_take_only_what_hurts_nobody_by_themselves(name: str, base: Base) -> None:
    for placed in base(name, Settings()).plan.steps:
        if not placed.chosen and not placed.step.manual:
            assert placed.step.risk is Risk.LOW


def test_a_step_after_one_to_be_decided_is_not_taken_alone(base: Base) -> None:
    """The scripts take nothing whose first step they left out."""
    for name in NAMES:
        plan = base(name, Settings()).plan
        chosen = {p.step.id: p for p in plan.steps}
        for placed in plan.steps:
            for first in placed.step.after:
                before = chosen[first.step]
                if before.chosen or before.step.manual:
                    assert placed.chosen


def test_gains_of_accepted_and_unscored_findings(base: Base) -> None:
    findings = base("contoso", Settings()).assessment.findings
    found = gains(findings)
    for finding in findings:
        if not finding.control.scored or finding.outcome not in (Outcome.FAIL, Outcome.PARTIAL):
            assert finding.control.code not in found
    assert gains([]) == {}


def test_accepted_findings_are_left_out(base: Base) -> None:
    """A finding somebody took the risk of is named and not planned."""
    today = base("contoso", Settings()).assessment.taken_at.date()
    until = today.replace(year=today.year + 1)
    risk = AcceptedRisk("GUEST-PER-001", "agreed", "ciso@contoso.example", approved=today, until=until)
    plan = base("contoso", Settings(accepted=(risk,))).plan
    assert all(r.finding.control.code != "GUEST-PER-001" for r in plan.remedies)
    assert [f.control.code for f in plan.accepted] == ["GUEST-PER-001"]
    assert all(not p.step.id.startswith("GUEST-PER-001.") for p in plan.steps)
