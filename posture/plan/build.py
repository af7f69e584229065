"""From an assessment and its evidence to a plan, and to the sentences that reports show."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from posture.assess.score import score
from posture.assess.types import Assessment, Finding
from posture.controls.registry import Outcome
from posture.errors import UnknownValueError
from posture.plan.evidence import Beside, Evidence, is_open
from posture.plan.impact.sentences import Telling, tellers
from posture.plan.order import gains, linked, ordered, passed
from posture.plan.remedies import remedies, unknown
from posture.plan.tables import table
from posture.plan.types import Plan, Remedy, Step
from posture.snapshot.types import Snapshot

_UNSEEN = (Outcome.NOT_ASSESSED, Outcome.ERROR)


def impacts(
    assessment: Assessment, snapshot: Snapshot, *, people: bool = True, beside: Beside | None = None
) -> Mapping[str, tuple[str, ...]]:
    """Return for each open finding what closing it would break here, in short sentences.

    Walks over the guests once and over each log once, or not at all where
    `beside` counted while the controls judged; memory is bounded. `people`
    false leaves names of people out.
    """
    ev = Evidence(assessment, snapshot, beside=beside)
    found = {f.control.code: impact_of(ev, f.control.code, people) for f in assessment.findings if is_open(f)}
    return {code: told for code, told in found.items() if told}


def impact_of(ev: Evidence, code: str, people: bool = True) -> tuple[str, ...]:
    """Return the impact of one control's remedy."""
    tell = tellers().get(code)
    if tell is None:
        return ()
    try:
        return tuple(tell(Telling(ev, code, people)))
    except UnknownValueError as odd:
        return (f"What it would break cannot be told: {odd}.",)


def build(assessment: Assessment, snapshot: Snapshot, affected: Path) -> Plan:
    """Return the plan for every open finding. `affected` holds all objects each finding concerns."""
    ev = Evidence(assessment, snapshot, affected)
    opened = [f for f in assessment.findings if is_open(f)]
    points = gains(assessment.findings)
    made = linked(_remedy(ev, f, points.get(f.control.code)) for f in opened)
    codes = {f.control.code for f in opened}
    then = score([passed(f) if f.control.code in codes else f for f in assessment.findings])
    now = assessment.score
    return Plan(
        remedies=made,
        steps=ordered(made),
        root=ev.root,
        cloud=ev.cloud,
        score=(now.value, now.raw),
        score_after=(then.value, then.raw),
        accepted=tuple(f for f in assessment.findings if _accepted(f)),
        unseen=tuple(f for f in assessment.findings if f.outcome in _UNSEEN),
        look=tuple(f for f in assessment.findings if f.outcome is Outcome.MANUAL),
    )


def _remedy(ev: Evidence, finding: Finding, gain: float | None) -> Remedy:
    code = finding.control.code
    return Remedy(finding, _steps(ev, finding), gain, impact_of(ev, code), table(ev, code))


def _accepted(finding: Finding) -> bool:
    return finding.outcome in (Outcome.FAIL, Outcome.PARTIAL) and not is_open(finding)


def _steps(ev: Evidence, finding: Finding) -> tuple[Step, ...]:
    remedy = remedies().get(finding.control.code)
    if remedy is None:
        raise LookupError(f"{finding.control.code} has no remedy")
    steps: list[Step] = []
    try:
        steps += remedy.make(ev, finding)
    except UnknownValueError as odd:
        steps = [unknown(finding, odd)]
    return _with_something_to_do(steps)


def _with_something_to_do(steps: list[Step]) -> tuple[Step, ...]:
    """Leave out lists that came out empty; what they would have led to is said of the last step that is left."""
    kept = [s for s in steps if not (s.listed and not len(s.requests))]
    if not kept:
        nothing = "what this finding names follows from other findings: close those, then audit again"
        return (replace(steps[-1], requests=(), listed=False, blocked=nothing),) if steps else ()
    if kept[-1] is not steps[-1] and not kept[-1].leaves:
        kept[-1] = replace(kept[-1], leaves=steps[-1].leaves)
    return tuple(kept)
