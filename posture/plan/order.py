"""In which order steps are taken: what has to come first, then what gains most for least risk.

    key = points gained ÷ (1, 1.5 or 2 for low, medium or high risk), most first;
    steps that wait for a report-only policy to be watched come after the rest.

Points are those of the published score: what the raw score would rise by if
that finding alone passed.
"""

import heapq
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from posture.assess.score import score
from posture.assess.types import Finding
from posture.controls.registry import Outcome
from posture.plan.types import After, Placed, Remedy, Risk, Step
from posture.settings import Severity

BEFORE: tuple[tuple[str, str, str], ...] = (
    ("GUEST-LIF-004", "GUEST-LIF-001", "the sponsor is whom to ask before a guest is blocked"),
    ("GUEST-LIF-004", "GUEST-LIF-002", "the sponsor is whom to ask before a guest is blocked"),
    ("GUEST-LIF-004", "GUEST-LIF-005", "somebody has to answer for a guest when access is reviewed and ends"),
    ("GUEST-LIF-004", "GUEST-LIF-006", "somebody has to answer for a guest when access ends"),
    ("GUEST-LIF-004", "GUEST-LIF-006.1", "somebody has to answer for a guest when access ends"),
    ("GUEST-INV-006", "GUEST-INV-007", "old invitations go with all the access attached to them"),
    ("GUEST-INV-002", "GUEST-WRK-003", "SharePoint takes the list that Entra has"),
    ("GUEST-WRK-002", "GUEST-WRK-003", "no list of domains binds a link for anyone"),
    ("GUEST-INV-002", "GUEST-LIF-008", "which guests are outside follows from the list"),
    ("GUEST-INV-001", "GUEST-WRK-001", "whom group owners can add depends on who may invite"),
    ("GUEST-PRV-004", "GUEST-PER-001", "owners from outside could no longer see who is in their groups"),
    ("GUEST-PRV-005", "GUEST-INV-007", "a dynamic group takes a pending guest back until its rule changes"),
    ("GUEST-PRV-005", "GUEST-PRV-006", "a licence from a dynamic group comes back until its rule changes"),
    ("GUEST-XTA-003.1", "GUEST-AUT-001", "guests of partners whose MFA you trust need not register a second one"),
    ("GUEST-XTA-001", "GUEST-XTA-004", "an entry that is deleted falls back to the default"),
    ("GUEST-XTA-003", "GUEST-XTA-004", "an entry that is deleted falls back to the default"),
    ("GUEST-AUT-001", "GUEST-INV-005", "without MFA a mailbox alone would open the door"),
    ("GUEST-AUT-001", "GUEST-AUT-005", "this policy is half of the baseline"),
    ("GUEST-AUT-002", "GUEST-AUT-005", "this policy is half of the baseline"),
    ("GUEST-WRK-005", "GUEST-WRK-002", "sharing with guests only means guests once SharePoint uses Entra B2B"),
)
"""Control (its last step) or step, the control (its last change) or step that comes after it, and why."""


def gains(findings: Sequence[Finding]) -> Mapping[str, float]:
    """Return by how many points the raw score would rise if one finding passed, for every scored control."""
    now = score(findings).raw
    found = {}
    for place, finding in enumerate(findings):
        if not finding.control.scored or finding.control.area == "HUN" or now is None:
            continue
        if finding.outcome in (Outcome.FAIL, Outcome.PARTIAL):
            then = score([*findings[:place], passed(finding), *findings[place + 1 :]]).raw
            found[finding.control.code] = round((then or now) - now, 1)
    return found


def passed(finding: Finding) -> Finding:
    """Return a finding as it would be once closed."""
    return replace(finding, outcome=Outcome.PASS, severity=Severity.INFO, accepted=None)


def linked(remedies: Iterable[Remedy]) -> tuple[Remedy, ...]:
    """Return the remedies with what has to come first across controls."""
    found = list(remedies)
    steps = {s.id: s for r in found for s in r.steps}
    last = {r.finding.control.code: r.steps[-1].id for r in found if r.steps}
    changing = {r.finding.control.code: _changing(r.steps) for r in found if r.steps}
    more: dict[str, list[After]] = {}
    for step in steps.values():
        if step.same_as in steps:
            more.setdefault(step.id, []).append(After(step.same_as, "it holds the same requests"))
    for before, after, reason in BEFORE:
        first = before if before in steps else last.get(before)
        then = after if after in steps else changing.get(after)
        if first is not None and then is not None:
            more.setdefault(then, []).append(After(first, reason))
    return tuple(
        replace(r, steps=tuple(s.follows(*more.get(s.id, ())) if s.id in more else s for s in r.steps)) for r in found
    )


def _changing(steps: Sequence[Step]) -> str:
    """Return the last step that changes something, else the last."""
    return next((s.id for s in reversed(steps) if not s.manual), steps[-1].id)


def ordered(remedies: Sequence[Remedy]) -> tuple[Placed, ...]:
    """Return all steps in order. Raises ValueError where steps wait for each other in a circle."""
    steps = {s.id: (s, r) for r in remedies for s in r.steps}
    waiting = {i: {a.step for a in s.after if a.step in steps} for i, (s, _) in steps.items()}
    opens: dict[str, list[str]] = {}
    for later, first in waiting.items():
        for one in first:
            opens.setdefault(one, []).append(later)
    ready = [(*_key(*steps[i]), i) for i, first in waiting.items() if not first]
    heapq.heapify(ready)
    placed: list[Placed] = []
    chosen: dict[str, str] = {}
    while ready:
        name = heapq.heappop(ready)[-1]
        step, remedy = steps[name]
        chosen[name] = _chosen(step, chosen, {i: s for i, (s, _) in steps.items()})
        placed.append(Placed(len(placed) + 1, step, remedy.gain, chosen[name]))
        for later in opens.get(name, ()):
            waiting[later].discard(name)
            if not waiting[later]:
                heapq.heappush(ready, (*_key(*steps[later]), later))
    if len(placed) != len(steps):
        circle = sorted(steps.keys() - {p.step.id for p in placed})
        raise ValueError(f"steps wait for each other: {', '.join(circle)}")
    return tuple(placed)


def _key(step: Step, remedy: Remedy) -> tuple[int, float, str]:
    risk = max((s.risk for s in remedy.steps), key=lambda r: r.weight)
    return (1 if step.wait else 0, -(remedy.gain or 0.0) / risk.weight, step.id)


def _chosen(step: Step, chosen: Mapping[str, str], steps: Mapping[str, Step]) -> str:
    """Return why a person has to name a step before the scripts take it."""
    if step.choice:
        return step.choice
    for first in step.after:
        before = steps.get(first.step)
        if before is not None and (before.manual or chosen.get(first.step)):
            return f"First: {before.title}, since {first.reason}."
    if step.risk is not Risk.LOW and not step.manual and not step.blocked:
        return "It may stop people who should keep working: read what it breaks here first."
    return ""
