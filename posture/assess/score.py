"""The score: published weights, coverage and caps, so that anyone can redo it by hand.

raw = 100 × Σ weight × value ÷ Σ weight over the scored controls that are pass
(1), partial (½) or fail (0); weight by the severity a fail would have. Not
assessed and not applicable are in neither sum. Coverage = assessed weight ÷
(assessed + not assessed weight). A critical fail caps the score at 49, a high
one at 79. Under 60 % coverage there is no number, for the whole or for an area.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace

from posture.assess.types import AreaScore, Finding, Score
from posture.controls.registry import AREAS, Outcome
from posture.settings import Profile, Severity

WEIGHTS = {
    Severity.CRITICAL: 10.0,
    Severity.HIGH: 7.5,
    Severity.MEDIUM: 5.0,
    Severity.LOW: 2.5,
    Severity.INFO: 0.0,
}
VALUES = {Outcome.PASS: 1.0, Outcome.PARTIAL: 0.5, Outcome.FAIL: 0.0}
CAPS = {Severity.CRITICAL: 49, Severity.HIGH: 79}
MIN_COVERAGE = 0.6
_UNSEEN = {Outcome.NOT_ASSESSED, Outcome.ERROR, Outcome.MANUAL}

FORMULA = (
    "Score = 100 × Σ(weight × value) ÷ Σ(weight); value 1 for pass, ½ for partial, 0 for fail; weight by the severity "
    "of failing: critical 10, high 7.5, medium 5, low 2.5. Not assessed and not applicable count in neither sum. "
    "A critical fail caps the score at 49, a high one at 79. Below 60 % coverage no score is given. Hunts never count."
)


def score(findings: Iterable[Finding]) -> Score:
    """Return the score of a set of findings."""
    scored = [f for f in findings if f.control.scored and f.control.area != "HUN"]
    raw, cap = _raw(scored, _value), _cap(scored)
    low_raw = _raw(scored, lambda f: 0.0 if f.outcome in _UNSEEN else _value(f))
    covered = _coverage(scored)
    enough = covered >= MIN_COVERAGE
    spared = _raw(scored, lambda f: 1.0 if _spared(f) else _value(f))
    spared_cap = _cap([f for f in scored if not _spared(f)])
    return Score(
        value=_capped(raw, cap) if enough else None,
        raw=_rounded(raw),
        cap=cap,
        low=_capped(low_raw, _cap(scored, unseen_fails=True)),
        without_accepted=_capped(spared, spared_cap) if enough else None,
        coverage=round(covered, 4),
        by_area=tuple(
            _area(area, [f for f in scored if f.control.area == area])
            for area in AREAS
            if any(f.control.area == area for f in scored)
        ),
        costs=_costs(scored),
        by_profile=tuple((profile, _under(profile, scored)) for profile in Profile),
    )


def _under(profile: Profile, scored: list[Finding]) -> float | None:
    """Return the value if every finding had the outcome it has under a profile."""
    turned = []
    for finding in scored:
        outcome = dict(finding.profiles).get(profile, finding.outcome)
        severity = finding.severity if outcome is finding.outcome else finding.control.fail
        turned.append(replace(finding, outcome=outcome, severity=severity))
    return _capped(_raw(turned, _value), _cap(turned)) if _coverage(turned) >= MIN_COVERAGE else None


def _value(finding: Finding) -> float | None:
    return VALUES.get(finding.outcome)


def _spared(finding: Finding) -> bool:
    return finding.accepted is not None and finding.accepted.covers == "all"


def _weight(finding: Finding) -> float:
    return WEIGHTS[finding.control.fail]


def _raw(scored: list[Finding], value: Callable[[Finding], float | None]) -> float | None:
    pairs = [(_weight(f), v) for f in scored if (v := value(f)) is not None]
    total = sum(w for w, _ in pairs)
    return 100 * sum(w * v for w, v in pairs) / total if total else None


def _cap(scored: list[Finding], *, unseen_fails: bool = False) -> int | None:
    caps = [
        CAPS[severity]
        for f in scored
        if f.outcome is Outcome.FAIL or (unseen_fails and f.outcome in _UNSEEN)
        if (severity := f.severity if f.outcome is Outcome.FAIL else f.control.fail) in CAPS
    ]
    return min(caps) if caps else None


def _capped(raw: float | None, cap: int | None) -> float | None:
    if raw is None:
        return None
    return _rounded(raw if cap is None else min(raw, cap))


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 1)


def _coverage(scored: list[Finding]) -> float:
    assessed = sum(_weight(f) for f in scored if _value(f) is not None)
    unseen = sum(_weight(f) for f in scored if f.outcome in _UNSEEN)
    return assessed / (assessed + unseen) if assessed + unseen else 0.0


def _area(area: str, scored: list[Finding]) -> AreaScore:
    covered = _coverage(scored)
    return AreaScore(area, _rounded(_raw(scored, _value)) if covered >= MIN_COVERAGE else None, round(covered, 4))


def _costs(scored: list[Finding]) -> tuple[tuple[str, float], ...]:
    total = sum(_weight(f) for f in scored if _value(f) is not None)
    if not total:
        return ()
    costs = [
        (f.control.code, round(100 * _weight(f) * (1 - v) / total, 1))
        for f in scored
        if (v := _value(f)) is not None and v < 1
    ]
    return tuple(sorted(costs, key=lambda c: (-c[1], c[0]))[:5])
