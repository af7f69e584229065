"""report.md: for a wiki, a ticket or a pull request; GitHub's Markdown and plain CommonMark render it alike.

Whatever a tenant typed stands in a code span, in which Markdown obeys nothing.
Kept under 60 kB: details give way, most serious first, and the text says so.
"""

from collections.abc import Iterable
from typing import BinaryIO

from posture import CATALOGUE_VERSION, __version__
from posture.assess.score import FORMULA
from posture.assess.types import Assessment, Finding, Observed
from posture.controls.registry import AREAS, Outcome
from posture.report import words
from posture.report.dates import iso_minute, long_date, percent, plural
from posture.report.page import json_text
from posture.report.text import markdown_code as code
from posture.report.text import markdown_words as prose
from posture.report.text import marked
from posture.report.view import RunView

LIMIT = 60_000
"""Bytes the file stays under; GitHub takes 65,536 characters in a comment."""
SHORT_LIMIT = 4_000
_OPEN = (Outcome.FAIL, Outcome.PARTIAL)
_VALUE = 160
_NAMES = 5


def render(run: RunView, out: BinaryIO) -> None:
    """Write the report, or with `options.short` what fits a comment."""
    text = short(run) if run.options.short else whole(run)
    out.write(text.encode("utf-8"))


def whole(run: RunView) -> str:
    """Return the whole report."""
    found = words.ranked(run.assessment.findings)
    opened = [f for f in found if f.outcome in (*_OPEN, Outcome.ERROR)]
    head = [*_head(run), *_start(run.assessment), *_changes(run), *_table(found)]
    tail = [
        *_gaps(run.assessment),
        *_population(run.assessment),
        *_accepted(run.assessment),
        *_leads(run),
        *_method(run),
    ]
    room = LIMIT - _size(head) - _size(tail) - 400
    details = _fitting(opened, run, room)
    return "\n".join((*head, *details, *tail)).rstrip("\n") + "\n"


def short(run: RunView) -> str:
    """Return verdict, score, counts and the worst findings: a comment."""
    assessment = run.assessment
    lines = [f"**{prose(words.verdict(assessment))}**", "", *_score(assessment), ""]
    opened = [f for f in words.open_findings(assessment)]
    rows = [_row(f) for f in opened[:8]]
    if rows:
        lines += ["| Outcome | Severity | Control | Found |", "| --- | --- | --- | --- |", *rows, ""]
    if len(opened) > len(rows):
        lines += [f"and {plural(len(opened) - len(rows), 'further open finding')}.", ""]
    unread = words.unread(assessment)
    if unread:
        lines += [prose(unread), ""]
    lines.append(f"Taken {iso_minute(assessment.taken_at)}, catalogue {CATALOGUE_VERSION}.")
    return "\n".join(lines) + "\n"


def _size(lines: Iterable[str]) -> int:
    return sum(len(line.encode()) + 1 for line in lines)


def _head(run: RunView) -> list[str]:
    assessment, brand = run.assessment, run.brand
    tenant = assessment.tenant
    name = tenant.name or tenant.primary_domain or tenant.id or "Unknown tenant"
    by = f"{prose(brand.name)}, " if brand.name else ""
    lines = [f"# Guest access: {code(name, limit=80)}", "", f"{by}{long_date(assessment.taken_at, brand.language)}"]
    if brand.confidentiality:
        lines += ["", f"**{prose(brand.confidentiality)}**"]
    if brand.cover:
        lines += ["", prose(brand.cover)]
    return [
        *lines,
        "",
        f"**{prose(words.verdict(assessment))}** {prose(words.lead(assessment))}",
        "",
        *_score(assessment),
        "",
        prose(_complete(run)),
        "",
    ]


def _complete(run: RunView) -> str:
    fact = run.snapshot.facts.get("guests")
    p = fact.provenance if fact else None
    return words.completeness(
        run.assessment, p.rows if p else None, p.count_before if p else None, p.count_after if p else None
    )


def _score(assessment: Assessment) -> list[str]:
    counts = assessment.counts
    said = ", ".join(f"{counts[o.value]} {w}" for o, w in words.COUNTED.items() if counts[o.value])
    rest = words.score_rest(assessment)
    return [f"**{words.score_head(assessment.score)}**{', ' + rest if rest else ''}. Controls: {said}."]


def _start(assessment: Assessment) -> list[str]:
    steps = words.start_here(assessment)
    if not steps:
        return []
    lines = ["## Start here", ""]
    for number, step in enumerate(steps, 1):
        takes = ", ".join(w for w in (step.effort, step.gain) if w)
        lines.append(
            f"{number}. **{prose(step.finding.control.title)}** ({step.finding.severity.value}{', ' + takes if takes else ''}). {prose(step.do)}"
        )
        if step.breaks:
            lines.append(f"   Breaks: {prose(step.breaks)}")
    return [*lines, ""]


def _changes(run: RunView) -> list[str]:
    changes = run.changes
    if changes is None:
        return []
    lines = [f"## Changes since {long_date(changes.since, run.brand.language)}", ""]
    lines += [
        f"- {c.kind.replace('-', ' ').capitalize()}: {(c.code + ' ') if c.code else ''}{prose(c.words)}"
        for c in changes.rows
    ]
    if not changes.rows:
        lines.append("No finding and no setting differs.")
    return [*lines, ""]


def _table(found: list[Finding]) -> list[str]:
    return [
        "## Findings",
        "",
        "| Outcome | Severity | Control | Found |",
        "| --- | --- | --- | --- |",
        *(_row(f) for f in found),
        "",
    ]


def _row(finding: Finding) -> str:
    control = finding.control
    severity = finding.severity.value if finding.outcome in _OPEN else "–"
    accepted = " (accepted)" if words.covered(finding) else ""
    summary = words.sentence(_cut(finding.summary, 300))
    return f"| {words.OUTCOMES[finding.outcome]}{accepted} | {severity} | {control.code} {prose(control.title, cell=True)} | {prose(summary, cell=True)} |"


def _cut(sentence: str, limit: int) -> str:
    return sentence if len(sentence) <= limit else sentence[: limit - 1] + "…"


def _fitting(opened: list[Finding], run: RunView, room: int) -> list[str]:
    if not opened:
        return []
    lines = ["## Details", ""]
    left = room - _size(lines)
    for place, finding in enumerate(opened):
        block = _detail(finding, run)
        if _size(block) > left:
            rest = plural(len(opened) - place, "further finding")
            return [*lines, f"The details of {rest} are in report.html: this file is kept short.", ""]
        lines += block
        left -= _size(block)
    return lines


def _detail(finding: Finding, run: RunView) -> list[str]:
    control = finding.control
    lines = [
        f"### {control.code} {prose(control.title)}",
        "",
        f"{words.OUTCOMES[finding.outcome]}, {finding.severity.value}, {AREAS[control.area].lower()}. {prose(words.sentence(finding.summary))}",
        "",
    ]
    lines += [f"- {prose(words.sentence(note))}" for note in finding.notes]
    if finding.observed:
        lines += [*(_seen(o) for o in finding.observed[:6])]
    if finding.notes or finding.observed:
        lines.append("")
    lines += _affected(finding)
    lines += [f"**Why it matters.** {prose(control.why)}", "", f"**What to do.** {prose(control.fix)}", ""]
    lines += [f"**What it breaks.** {prose(control.breaks)}", ""]
    lines += [f"- {prose(i)}" for i in run.impacts.get(control.code, ())]
    if run.impacts.get(control.code):
        lines.append("")
    if finding.accepted:
        risk = finding.accepted.risk
        part = "" if finding.accepted.covers == "all" else f" ({finding.accepted.count} of {finding.affected.count})"
        lines += [f"**Accepted**{part} until {risk.until} by {code(risk.owner, limit=80)}: {prose(risk.reason)}", ""]
    if finding.authorities:
        said = "; ".join(
            f"{a.name} {a.item}: {words.OUTCOMES[Outcome(a.verdict)].lower() if a.verdict else 'does not decide'}"
            for a in finding.authorities
        )
        lines += [f"**Others on this value.** {prose(said)}", ""]
    return lines


def _seen(seen: Observed) -> str:
    value = code(json_text(seen.value), limit=_VALUE)
    proof = f"{code('GET ' + seen.source)}, " if seen.source else ""
    request = f", request {code(seen.request_id)}" if seen.request_id else ""
    return f"- {code(seen.property or '(the whole answer)')} is {value} ({proof}{iso_minute(seen.retrieved_at) or 'counted'}{request})"


def _affected(finding: Finding) -> list[str]:
    affected = finding.affected
    if not affected.count:
        return []
    names = []
    for row in affected.sample[:_NAMES]:
        words_ = next(
            (
                row[k]
                for k in ("userPrincipalName", "displayName", "name", "id")
                if isinstance(row.get(k), str) and row[k]
            ),
            "",
        )
        names.append(code(words_, limit=80))
    more = affected.count - len(names)
    listed = f": {', '.join(names)}{f' and {more:,} more' if more else ''}" if names else ""
    file = f"; all in {code(affected.file)}" if affected.file else ""
    return [f"**Affected:** {plural(affected.count, 'object')}{listed}{file}.", ""]


def _gaps(assessment: Assessment) -> list[str]:
    if not assessment.gaps:
        return []
    lines = [
        "## What could not be read",
        "",
        prose(words.unread(assessment)) or "Every control could be assessed all the same.",
        "",
    ]
    lines += ["| Source | Why | What unlocks it | Controls |", "| --- | --- | --- | --- |"]
    for gap, codes in assessment.gaps:
        told = f"{words.REASONS[gap.reason]}: {_cut(gap.detail, 140)}"
        lines.append(
            f"| {code(gap.name, cell=True)} | {prose(told, cell=True)} | {prose(gap.unlock, cell=True)} | {_some(codes)} |"
        )
    return [*lines, ""]


def _some(codes: tuple[str, ...], most: int = 6) -> str:
    return ", ".join(codes[:most]) + (f" and {len(codes) - most} more" if len(codes) > most else "") if codes else "–"


def _population(assessment: Assessment) -> list[str]:
    numbers = assessment.guests
    if not numbers.total:
        return []
    lines = [
        "## Guests",
        "",
        f"{plural(numbers.total, 'guest')}, {numbers.pending or 0:,} never redeemed, {plural(numbers.domains, 'home domain')}.",
    ]
    if numbers.pending_by_age:
        lines += ["", "| Unanswered for | Invitations |", "| --- | ---: |"]
        lines += [f"| {age} | {n:,} |" for age, n in numbers.pending_by_age.items()]
    if numbers.by_domain:
        lines += ["", "| Home domain | Guests |", "| --- | ---: |"]
        lines += [f"| {code(d, cell=True, limit=100)} | {n:,} |" for d, n in list(numbers.by_domain.items())[:10]]
    if numbers.created_by_year:
        lines += ["", "| Added in | Guests still here |", "| --- | ---: |"]
        lines += [f"| {year} | {n:,} |" for year, n in numbers.created_by_year.items()]
    return [*lines, "", "The whole list is in `guests.csv`.", ""]


def _accepted(assessment: Assessment) -> list[str]:
    taken = [f for f in assessment.findings if f.accepted]
    if not taken and not assessment.stale_acceptances:
        return []
    lines = ["## Accepted risks", ""]
    for finding in taken:
        risk = finding.accepted.risk  # type: ignore[union-attr]
        lines.append(
            f"- {finding.control.code} until {risk.until}, owner {code(risk.owner, limit=80)}: {prose(risk.reason)}"
        )
    for risk, because in assessment.stale_acceptances:
        lines.append(f"- {code(risk.control)} without effect, {because}: {prose(risk.reason)}")
    return [*lines, ""]


def _leads(run: RunView) -> list[str]:
    if not run.assessment.leads:
        return []
    lines = ["## Leads", "", "Questions the logs raise; never a verdict, never in the score.", ""]
    for lead in run.assessment.leads:
        lines.append(
            f"- **{lead.severity.value}** {code(lead.hunt)} ({plural(lead.count, 'row')}): {prose(_cut(lead.summary, 300))}{' Next: ' + prose(lead.next_question) if lead.next_question else ''}"
        )
    return [*lines, ""]


def _method(run: RunView) -> list[str]:
    assessment = run.assessment
    areas = "; ".join(
        f"{AREAS[a.area]} {'–' if a.value is None else round(a.value)} ({percent(a.coverage)} assessed)"
        for a in assessment.score.by_area
    )
    tenant = assessment.tenant
    return [
        "## Method",
        "",
        f"By area: {areas}.",
        "",
        prose(FORMULA),
        "",
        f"posture {__version__}, catalogue {CATALOGUE_VERSION}, profile {assessment.settings.profile.value}. "
        f"Taken {iso_minute(assessment.taken_at)}; tenant {code(tenant.id)}{', ' + code(marked(tenant.primary_domain)) if tenant.primary_domain else ''}. "
        f"{plural(len(run.snapshot.facts), 'source')} read, {plural(len(assessment.gaps), 'source')} not.",
    ]
