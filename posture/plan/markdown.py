"""The plan for people: the order first, then every finding with its steps, what they break and the way back."""

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice

from posture.assess.types import Assessment, Finding
from posture.controls.registry import Outcome
from posture.plan.cmdlets import powershell
from posture.plan.quote import body_text
from posture.plan.scripts import list_name, table_name
from posture.plan.types import Find, Placed, Plan, Remedy, Request, Step
from posture.report.text import markdown_code as code
from posture.report.text import markdown_words as prose

NAME = "plan.md"
SHOWN = 3
"""Requests of a list shown in full."""
_ONE_LINE = 110
"""Letters of a body up to which it stays on one line."""
_WORDS = {Outcome.FAIL: "fails", Outcome.PARTIAL: "holds in part"}


def render(plan: Plan, assessment: Assessment) -> Iterator[str]:
    """Yield the lines."""
    tenant = assessment.tenant
    yield f"# Mitigation plan for {prose(tenant.name or tenant.id or 'an unknown tenant')}"
    yield ""
    yield (
        f"Made from the evidence of {assessment.taken_at:%Y-%m-%d %H:%M} UTC. Nothing was changed: posture reads and "
        "never writes. Ids and present values are those of the evidence; what changed since is not in it."
    )
    yield ""
    yield _score(plan)
    yield ""
    yield from _HOW.split("\n")
    yield from _table(plan)
    places = {p.step.id: p for p in plan.steps}
    first = {r.finding.control.code: min((places[s.id].number for s in r.steps), default=0) for r in plan.remedies}
    yield "## Findings and their steps"
    yield ""
    for remedy in sorted(plan.remedies, key=lambda r: first[r.finding.control.code]):
        yield from _remedy(remedy, places)
    yield from _rest("Look at by hand", "Graph does not tell these; look, then attest in posture.toml.", plan.look)
    yield from _rest("Not assessed, so not planned", "", plan.unseen)
    yield from _rest("Accepted risks, so not planned", "", plan.accepted)


def _score(plan: Plan) -> str:
    (value, raw), (later, later_raw) = plan.score, plan.score_after
    if value is None or later is None:
        if raw is None or later_raw is None:
            return "There is no score: nothing that counts was assessed."
        return f"Of what was assessed {raw:g} of 100 points hold today, {later_raw:g} if every finding here passed."
    return f"The score is {value:g} of 100 today, and {later:g} if every finding here passed."


_HOW = """\
- Steps stand in order: what has to come first, then points gained for the risk taken.
- **Gain** is what the raw score rises by if that finding alone passes. **Risk** is to people who should keep working.
- The scripts `plan.ps1` and `plan.sh` show what they would send. They send only with `-Apply` or `--apply`, only in \
this tenant, and take a step to be decided only when it is named.
- Every request has its way back beside it, with the values the evidence holds.
"""


def _table(plan: Plan) -> Iterator[str]:
    yield "## Order"
    yield ""
    yield "| No. | Step | What | Gain | Risk | Scripts |"
    yield "| ---: | --- | --- | ---: | --- | --- |"
    for placed in plan.steps:
        step = placed.step
        gain = "" if placed.gain is None else f"{placed.gain:g}"
        yield (
            f"| {placed.number} | {step.id} | {prose(step.title, cell=True)} | {gain} | {step.risk.value} | "
            f"{_taken(placed)} |"
        )
    yield ""


def _taken(placed: Placed) -> str:
    step = placed.step
    if step.blocked:
        return "not possible yet"
    if step.same_as:
        return f"with {step.same_as}"
    if step.manual:
        return "by hand"
    return "when named" if placed.chosen else "yes"


def _remedy(remedy: Remedy, places: Mapping[str, Placed]) -> Iterator[str]:
    finding = remedy.finding
    control = finding.control
    yield f"### {control.code} {prose(control.title)}"
    yield ""
    yield f"{_WORDS[finding.outcome].capitalize()}, {finding.severity.value}. {prose(finding.summary)}"
    yield ""
    yield f"**What it breaks.** {prose(control.breaks[:1].upper() + control.breaks[1:])}"
    yield ""
    for sentence in remedy.impact:
        yield f"- {prose(sentence)}"
    if remedy.table is not None:
        yield f"- The whole list behind these numbers is {code(table_name(remedy))}."
    if remedy.impact:
        yield ""
    for step in remedy.steps:
        yield from _step(step, places[step.id])


def _step(step: Step, placed: Placed) -> Iterator[str]:
    yield f"#### {placed.number}. {step.id} {prose(step.title)}"
    yield ""
    for after in step.after:
        yield f"- After {after.step}: {prose(after.reason)}."
    if placed.chosen:
        yield f"- To decide: {prose(placed.chosen)}"
    if step.wait:
        yield f"- Before: {prose(step.wait)}"
    if step.blocked:
        yield f"- Not possible yet: {prose(step.blocked)}."
    if step.same_as:
        yield f"- The same requests as {step.same_as}."
    if not step.manual and not step.same_as:
        yield f"- Needs: {_needs(step)}."
    if step.where:
        yield f"- {'By hand' if step.manual else 'In the portal'}: {prose(step.where)}"
    for note in step.notes:
        yield f"- {prose(note)}"
    if step.leaves:
        yield f"- Leaves the control at: {step.leaves}."
    yield ""
    if not step.same_as and not step.blocked:
        yield from _requests(step)
        yield from _powershell(step)


def _needs(step: Step) -> str:
    parts = []
    if step.permission:
        parts.append(f"permission {code(step.permission)}")
    if step.role:
        parts.append(f"role {prose(step.role)}")
    parts.append(f"licence: {prose(step.licence)}" if step.licence else "no licence")
    return ", ".join(parts)


def _requests(step: Step) -> Iterator[str]:
    if step.manual:
        return
    total = len(step.requests)
    for request in islice(step.requests, SHOWN if total > SHOWN else total):
        if request.about:
            yield f"For {code(request.about, limit=200)}:"
            yield ""
        yield from _shown(request)
        if request.undo:
            yield "Taken back by:"
            yield ""
            for back in request.undo:
                yield from _shown(back)
        if request.no_undo:
            yield f"Cannot be taken back{' wholly' if request.undo else ''}: {prose(request.no_undo)}."
            yield ""
    if total > SHOWN:
        rest = f"all {total:,} are in {code(list_name(step))}" if step.listed else f"all {total:,} are in the scripts"
        yield f"And {total - SHOWN:,} more; {rest}."
        yield ""
    elif step.listed:
        yield f"The list is {code(list_name(step))}."
        yield ""


def _shown(request: Request) -> Iterator[str]:
    yield "```http"
    yield f"{request.method} {request.url}"
    if request.body is not None:
        yield ""
        text = body_text(request.body)
        yield from [text] if len(text) <= _ONE_LINE else json.dumps(json.loads(text), indent=2).splitlines()
    yield "```"
    yield ""
    if request.find is not None:
        yield _found(request.find)
        yield ""


def _found(find: Find) -> str:
    tests = " and ".join(f"{code(key)} is {code(value)}" for key, value in find.where.items())
    return f"`{{found}}` is the {code(find.key)} of the one object in {code(find.url)} whose {tests}."


def _powershell(step: Step) -> Iterator[str]:
    lines = powershell(step, SHOWN)
    if not lines:
        return
    more = len(step.requests) - SHOWN
    yield (
        ("" if step.manual else "Microsoft Graph ")
        + "PowerShell"
        + (f", and so for {more:,} more:" if more > 0 else ":")
    )
    yield ""
    yield "```powershell"
    yield from lines
    yield "```"
    yield ""


def _rest(title: str, words: str, findings: Sequence[Finding]) -> Iterator[str]:
    if not findings:
        return
    yield f"## {title}"
    yield ""
    if words:
        yield words
        yield ""
    for finding in findings:
        yield f"- {finding.control.code} {prose(finding.control.title)}: {prose(_why(finding))}"
        for remediation in finding.control.remediation if finding.outcome is Outcome.MANUAL else ():
            for line in remediation.powershell:
                yield f"  - {code(line)}"
    yield ""


def _why(finding: Finding) -> str:
    if finding.gap is not None:
        return f"{finding.summary} {finding.gap.unlock}"
    if finding.accepted is not None:
        risk = finding.accepted.risk
        return f"accepted until {risk.until} by {risk.owner}: {risk.reason}"
    return finding.summary
