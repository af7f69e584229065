"""report.md: for a wiki, a ticket or a pull request; GitHub's Markdown and plain CommonMark render it alike.

Whatever a tenant typed stands in a code span, in which Markdown obeys nothing.
Kept under 60 kB: details give way, most serious first, and the text says so.
"""

from collections.abc import Iterable, Sequence
from typing import BinaryIO

from posture import CATALOGUE_VERSION, __version__
from posture.assess.score import FORMULA
from posture.assess.types import Assessment, Finding, Lead, Observed
from posture.controls.registry import AREAS, Outcome
from posture.report import words
from posture.report.dates import iso_minute, long_date, percent, plural
from posture.report.text import json_text, marked
from posture.report.text import markdown_code as code
from posture.report.text import markdown_prose as ours
from posture.report.text import markdown_words as prose
from posture.report.view import RunView
from posture.snapshot.types import Tenant

LIMIT = 60_000
"""Bytes the file stays under; GitHub takes 65,536 characters in a comment."""
_OPEN = (Outcome.FAIL, Outcome.PARTIAL)
_VALUE = 160
_NAMES = 5
_SHORT_ROWS = 8
_TABLE_ROOM, _GAPS_ROOM, _LEADS_ROOM, _ACCEPTED_ROOM, _CHANGES_ROOM = 24_000, 9_000, 8_000, 5_000, 6_000
"""Bytes a part may take, so that hostile or endless text cannot push the others out."""
_NAMED_BY = ("mail", "userPrincipalName", "displayName", "name", "id")


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
        *_view(run.assessment),
        *_accepted(run.assessment),
        *_attested(run.assessment),
        *_leads(run.assessment),
        *_method(run),
    ]
    room = LIMIT - _size(head) - _size(tail) - 400
    return "\n".join((*head, *_fitting(opened, run, room), *tail)).rstrip("\n") + "\n"


def short(run: RunView) -> str:
    """Return verdict, score, counts and the worst findings: a comment, which says whose tenant it is about."""
    assessment, brand = run.assessment, run.brand
    lines = [f"**{prose(words.verdict(assessment))}**", "", *_score(assessment), ""]
    opened = words.open_findings(assessment)
    if opened:
        lines += [*_TABLE_HEAD, *(_row(f) for f in opened[:_SHORT_ROWS]), ""]
    if len(opened) > _SHORT_ROWS:
        lines += [f"And {plural(len(opened) - _SHORT_ROWS, 'further open finding')}.", ""]
    unread = words.unread(assessment)
    if unread:
        lines += [prose(unread), ""]
    if run.changes:
        since = long_date(run.changes.since, run.brand.language)
        lines += [f"Since {since}: {prose(words.changes_words(run.changes))}", ""]
    mark = f" **{prose(brand.confidentiality)}**" if brand.confidentiality else ""
    where = f"Guest access of {code(_name(assessment.tenant), limit=80)}"
    lines.append(f"{where}, taken {iso_minute(assessment.taken_at)}, catalogue {CATALOGUE_VERSION}.{mark}")
    return "\n".join(lines) + "\n"


def _name(tenant: Tenant) -> str:
    return tenant.name or tenant.primary_domain or tenant.id or "Unknown tenant"


def _size(lines: Iterable[str]) -> int:
    return sum(len(line.encode()) + 1 for line in lines)


def _within(rows: Iterable[str], room: int, more: str) -> list[str]:
    """Return the rows that fit, then a sentence with how many did not; `more` has a {} for that number."""
    kept: list[str] = []
    left = 0
    for row in rows:
        room -= len(row.encode()) + 1
        if room < 0 or left:
            left += 1
        else:
            kept.append(row)
    return [*kept, "", more.format(left)] if left else kept


def _head(run: RunView) -> list[str]:
    assessment, brand = run.assessment, run.brand
    by = f"{prose(brand.name)}, " if brand.name else ""
    lines = [
        f"# Guest access: {code(_name(assessment.tenant), limit=80)}",
        "",
        f"{by}{long_date(assessment.taken_at, brand.language)}",
    ]
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
        " ".join(w for w in (prose(words.completeness_of(run)), prose(words.unread(assessment))) if w),
        "",
    ]


def _score(assessment: Assessment) -> list[str]:
    rest = words.score_rest(assessment)
    counts = words.counts_words(assessment.counts)
    return [f"**{words.score_head(assessment.score)}**{', ' + rest if rest else ''}. Controls: {counts}."]


def _start(assessment: Assessment) -> list[str]:
    steps = words.start_here(assessment)
    if not steps:
        return []
    lines = ["## Start here", ""]
    for number, step in enumerate(steps, 1):
        takes = ", ".join(w for w in (step.finding.severity.value, step.effort, step.gain) if w)
        lines.append(f"{number}. **{ours(step.finding.control.title)}** ({takes}). {ours(words.sentence(step.do))}")
        if step.breaks:
            lines.append(f"   Breaks: {ours(step.breaks)}")
    return [*lines, ""]


def _changes(run: RunView) -> list[str]:
    changes = run.changes
    if changes is None:
        return []
    lines = [
        f"## Changes since {long_date(changes.since, run.brand.language)}",
        "",
        prose(words.changes_words(changes)),
    ]
    titles = {f.control.code: ours(f.control.title) for f in run.assessment.findings}
    rows = []
    for change in words.changes_ordered(changes):
        about = f"{change.code} {titles[change.code]}. " if change.code in titles else ""
        kind = change.kind.replace("-", " ").capitalize()
        rows.append(f"- {kind}: {about}{prose(words.sentence(change.words))}")
    return [*lines, "", *_within(rows, _CHANGES_ROOM, "{} further changes are in report.html."), ""]


_TABLE_HEAD = ("| Outcome | Severity | Control | Found |", "| --- | --- | --- | --- |")


def _table(found: list[Finding]) -> list[str]:
    rows = _within(map(_row, found), _TABLE_ROOM, "{} further rows are in report.html.")
    return ["## Findings", "", *_TABLE_HEAD, *rows, ""]


def _row(finding: Finding) -> str:
    control = finding.control
    severity = finding.severity.value if finding.outcome in _OPEN else "–"
    accepted = f" ({said})" if (said := words.accepted(finding)) else ""
    title = f"{control.code} {ours(control.title, cell=True)}"
    summary = prose(_cut(words.found(finding), 300), cell=True)
    return f"| {words.OUTCOMES[finding.outcome]}{accepted} | {severity} | {title} | {summary} |"


def _cut(sentence: str, limit: int) -> str:
    return sentence if len(sentence) <= limit else sentence[: limit - 1] + "…"


def _fitting(opened: list[Finding], run: RunView, room: int) -> list[str]:
    """Return the details of as many findings as there is room for."""
    if not opened:
        return []
    lines = ["## Details", ""]
    left = room - _size(lines)
    for place, finding in enumerate(opened):
        block = _detail(finding, run)
        left -= _size(block)
        if left < 0:
            rest = plural(len(opened) - place, "further finding")
            return [*lines, f"The details of {rest} are in report.html: this file is kept short.", ""]
        lines += block
    return lines


def _detail(finding: Finding, run: RunView) -> list[str]:
    control = finding.control
    what = f"{words.OUTCOMES[finding.outcome]}, {finding.severity.value}, {AREAS[control.area].lower()}."
    lines = [f"### {control.code} {ours(control.title)}", "", f"{what} {prose(words.found(finding))}", ""]
    points = [f"- {prose(words.sentence(note))}" for note in finding.notes]
    points += _seen(finding.observed)
    lines += [*points, ""] if points else []
    lines += _affected(finding, run)
    lines += [f"**Why it matters.** {ours(words.sentence(control.why))}", ""]
    lines += [f"**What to do.** {ours(words.sentence(control.fix))}", ""]
    lines += [f"**What it breaks.** {ours(words.sentence(control.breaks))}", ""]
    impacts = run.impacts.get(control.code, ())
    lines += [*(f"- {prose(i)}" for i in impacts), ""] if impacts else []
    mine = words.acceptances_of(finding, run.assessment)
    lines += [line for taken in mine for line in (f"**Accepted risk.** {_taken(taken)}", "")]
    if finding.authorities:
        said = "; ".join(
            f"{a.name} {a.item}: {words.OUTCOMES[Outcome(a.verdict)].lower() if a.verdict else 'does not decide'}"
            for a in finding.authorities
        )
        lines += [f"**Others on this value.** {prose(said)}", ""]
    other = words.by_profile(finding, run.assessment.settings.profile)
    if other:
        lines += [f"**Under other profiles.** {prose(other)}", ""]
    return lines


def _seen(observed: Sequence[Observed], most: int = 6) -> list[str]:
    """Return the observed values, those of one answer together, and in one line what was only gone through."""
    answers: dict[tuple[str, str], list[Observed]] = {}
    for seen in observed:
        answers.setdefault((seen.source, seen.request_id), []).append(seen)
    points, reads = [], []
    for (source, request_id), together in answers.items():
        if [o.property for o in together] == ["rows read"]:
            reads.append(f"{code(source)} {together[0].value:,}")
            continue
        request = f"request {code(request_id)}" if request_id else ""
        proof = ", ".join(
            w for w in (code(source) if source else "", iso_minute(together[0].retrieved_at), request) if w
        )
        points.append(f"- {'; '.join(map(_value, together))}{f' ({proof})' if proof else ''}")
    return [*points[:most], *([f"- Rows gone through: {', '.join(reads)}."] if reads else [])]


def _value(seen: Observed) -> str:
    name = seen.property or "the whole answer"
    return f"{prose(name) if ' ' in name else code(name)}: {code(json_text(seen.value), limit=_VALUE)}"


def _affected(finding: Finding, run: RunView) -> list[str]:
    affected = finding.affected
    if not affected.count:
        return []
    names = [
        code(next((row[k] for k in _NAMED_BY if isinstance(row.get(k), str) and row[k]), ""), limit=80)
        for row in affected.sample[:_NAMES]
    ]
    more = affected.count - len(names)
    listed = f": {', '.join(names)}{f' and {more:,} more' if more else ''}" if names else ""
    place = run.affected_file(finding)
    file = f"; all in {code(place)}" if place else ""
    part = f" ({words.accepted(finding)})" if affected.accepted else ""
    return [f"**Affected:** {plural(affected.count, 'object')}{part}{listed}{file}.", ""]


def _gaps(assessment: Assessment) -> list[str]:
    if not assessment.gaps:
        return []
    unread = prose(words.unread(assessment)) or "Every control could be assessed all the same."
    lines = ["## What could not be read", "", unread, ""]
    lines += ["| What unlocks it | Why | Controls that wait | Not read |", "| --- | --- | --- | --- |"]
    rows = map(_unlock, words.unlocks(assessment))
    return [*lines, *_within(rows, _GAPS_ROOM, "{} further ways are in report.html."), ""]


def _unlock(way: words.Unlock) -> str:
    what, names = prose(way.what, cell=True), prose(", ".join(way.names), cell=True)
    return f"| {what} | {way.reasons} | {_some(way.codes)} | {names} |"


def _some(codes: tuple[str, ...], most: int = 6) -> str:
    if not codes:
        return "–"
    return ", ".join(codes[:most]) + (f" and {len(codes) - most} more" if len(codes) > most else "")


def _population(assessment: Assessment) -> list[str]:
    numbers = assessment.guests
    if not numbers.total:
        return []
    homes = plural(numbers.domains, "home domain")
    lines = ["## Guests", "", f"{plural(numbers.total, 'guest')}, {numbers.pending or 0:,} never redeemed, {homes}."]
    for head, rows in (
        ("| Unanswered for | Invitations |", [(age, n) for age, n in numbers.pending_by_age.items()]),
        ("| Home domain | Guests |", [(code(d, cell=True, limit=100), n) for d, n in numbers.by_domain.items()][:10]),
        ("| Added in | Guests still here |", [(year, n) for year, n in numbers.created_by_year.items()]),
    ):
        if rows:
            lines += ["", head, "| --- | ---: |", *(f"| {label} | {n:,} |" for label, n in rows)]
    return [*lines, "", "The whole list is in `guests.csv`.", ""]


def _view(assessment: Assessment) -> list[str]:
    found = words.guest_view(assessment)
    if found is None:
        return []
    level, rows = found
    heads = (f"{w.capitalize()} (this tenant)" if w == level else w.capitalize() for w in ("member", *_LOWER))
    lines = [
        "## What a guest can read",
        "",
        f"| What | {' | '.join(heads)} | In this tenant |",
        "| --- | --- | --- | --- | --- |",
    ]
    keys = ("what", "member", *_LOWER, "here")
    return [*lines, *(f"| {' | '.join(prose(row.get(k) or '–', cell=True) for k in keys)} |" for row in rows), ""]


_LOWER = ("limited", "restricted")


def _taken(taken: words.Taken) -> str:
    risk = taken.risk
    kind = f"{taken.kind.capitalize()}: " if taken.kind else ""
    owner = f"owner {code(risk.owner, limit=80)}, approved {risk.approved}"
    ticket = f"; ticket {code(risk.ticket, limit=60)}" if risk.ticket else ""
    said = f"Covers {taken.covers}; {owner}, {taken.ends} ({taken.left}){ticket}."
    return f"{kind}{prose(words.sentence(_cut(risk.reason, 300)))} {said}"


def _attested(assessment: Assessment) -> list[str]:
    told = words.attestations(assessment)
    if not told:
        return []
    rows = []
    for a, became in told:
        proof = f"; evidence {code(a.evidence, limit=120)}" if a.evidence else ""
        by = f"{code(a.who, limit=80)} on {a.when}, until {a.until}"
        rows.append(f"- {a.control} {prose(a.value)}, by {by} ({became}){proof}")
    return ["## Attestations", "", *_within(rows, _ACCEPTED_ROOM, "{} further ones are in report.html."), ""]


def _accepted(assessment: Assessment) -> list[str]:
    taken = words.acceptances(assessment)
    if not assessment.settings.include_accepted:
        return ["## Accepted risks", "", "Left out of this run, as asked for with `--ignore-exceptions`.", ""]
    if not taken and not assessment.stale_acceptances:
        return []
    rows = [f"- {t.code} {_taken(t)}" for t in taken]
    rows += [
        f"- {code(risk.control)} without effect, {because}: {prose(_cut(risk.reason, 300))}"
        for risk, because in assessment.stale_acceptances
    ]
    return ["## Accepted risks", "", *_within(rows, _ACCEPTED_ROOM, "{} further ones are in report.html."), ""]


def _leads(assessment: Assessment) -> list[str]:
    lines = ["## Leads", "", "Questions the logs raise; never a verdict, never in the score.", ""]
    if not assessment.leads:
        lines += [_no_lead(assessment), ""]
    else:
        rows = (_hunt(*found) for found in words.leads_by_hunt(assessment))
        lines += [*_within(rows, _LEADS_ROOM, "{} further hunts with leads are in report.html."), ""]
    missed: dict[str, list[str]] = {}
    for run in assessment.hunts.runs if assessment.hunts else ():
        for why in filter(None, (run.not_run, *run.limits)):
            missed.setdefault(why, []).append(run.title)
    if missed:
        told = [
            f"- {prose(words.sentence(_cut(why, 200)))} That leaves out: {ours('; '.join(of))}."
            for why, of in missed.items()
        ]
        lines += ["Not hunted, or in part:", "", *_within(told, _LEADS_ROOM, "{} further ones are in report.html."), ""]
    return lines


def _no_lead(assessment: Assessment) -> str:
    hunted = assessment.hunts
    if hunted is None or not hunted.windows:
        return "No log was read, so nothing can be said about what has happened."
    return "None." if hunted.whole else "None in what was looked at; not all was."


def _hunt(name: str, title: str, leads: Sequence[Lead]) -> str:
    """Return one hunt's leads: the worst severity, what was seen, what to ask."""
    first = leads[0]
    said = " ".join(prose(words.sentence(_cut(lead.summary, 300))) for lead in leads)
    ask = f" Ask next: {ours(words.sentence(first.next_question))}" if first.next_question else ""
    about = f" {ours(title)}" if title != name else ""
    return f"- **{first.severity.value.capitalize()}** {code(name)}{about}: {said}{ask}"


def _costs(assessment: Assessment) -> list[str]:
    found = words.costs(assessment)
    if not found:
        return []
    return [f"What costs most: {', '.join(f'{f.control.code} {points:.1f} points' for f, points in found)}.", ""]


def _method(run: RunView) -> list[str]:
    assessment, tenant = run.assessment, run.assessment.tenant
    areas = "; ".join(
        f"{AREAS[a.area]} {'–' if a.value is None else words.points(a.value)} ({percent(a.coverage)} assessed)"
        for a in assessment.score.by_area
    )
    where = f"tenant {code(tenant.id)}{', ' + code(marked(tenant.primary_domain)) if tenant.primary_domain else ''}"
    return [
        "## Method",
        "",
        f"By area: {areas}.",
        "",
        *_costs(assessment),
        prose(FORMULA),
        "",
        f"posture {__version__}, catalogue {CATALOGUE_VERSION}, profile {assessment.settings.profile.value}. "
        f"Taken {iso_minute(assessment.taken_at)}; {where}. "
        f"{plural(len(run.snapshot.facts), 'source')} read, {plural(len(assessment.gaps), 'source')} not.",
    ]
