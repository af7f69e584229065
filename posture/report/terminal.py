"""The summary at the terminal: lines that fit 80 columns, with no colour of their own.

`summary` gives each line a style word, which the console may turn into colour;
`summary_lines` gives the text alone. Tenant text is made safe here.
"""

from dataclasses import dataclass

from posture.assess.types import Assessment, Finding
from posture.controls.registry import Outcome
from posture.report import words
from posture.report.dates import long_date, plural
from posture.report.text import columns, shown, terminal
from posture.report.view import Changes

_STYLES = {
    Outcome.FAIL: "fail",
    Outcome.PARTIAL: "partial",
    Outcome.ERROR: "fail",
    Outcome.MANUAL: "manual",
    Outcome.NOT_ASSESSED: "none",
    Outcome.PASS: "pass",
    Outcome.NOT_APPLICABLE: "soft",
}
_CODE = 13
_OUTCOME = 7
_SEVERITY = 8
_MOST = 12
_WAYS = 4
_ONE_LINE = 66


@dataclass(frozen=True, slots=True)
class Line:
    """One line: `style` is strong, soft, fail, partial, pass, manual, none or ""."""

    text: str
    style: str = ""


def summary_lines(assessment: Assessment, width: int = 80, changes: Changes | None = None) -> tuple[str, ...]:
    """Return the summary as plain lines of at most `width` columns."""
    return tuple(line.text for line in summary(assessment, width, changes))


def summary(assessment: Assessment, width: int = 80, changes: Changes | None = None) -> tuple[Line, ...]:
    """Return the summary: verdict, numbers, score, what changed, findings, what was not assessed."""
    width = max(width, 40)
    tenant = assessment.tenant
    name = tenant.name or tenant.primary_domain or tenant.id or "Unknown tenant"
    lines = [Line(f"{terminal(name, width - 20)}, {long_date(assessment.taken_at)}"[:width], "soft")]
    lines += [Line(t, "strong") for t in wrapped(words.verdict(assessment), width)]
    lines += [Line("")]
    lines += [Line(t) for t in wrapped(_numbers(assessment), width)]
    head, rest = words.score_head(assessment.score), words.score_rest(assessment)
    lines += [Line(t) for t in wrapped(f"{head}, {rest}." if rest else f"{head}.", width)]
    lines += [Line(t) for t in wrapped(words.counts_words(assessment.counts) + ".", width)]
    taken = words.acceptances_words(assessment)
    lines += [Line(t) for t in wrapped(taken, width)] if taken else []
    if changes is not None:
        told = words.changes_words(changes)
        since = f"Since {long_date(changes.since)}: {told[:1].lower()}{told[1:]}"
        lines += [Line(t) for t in wrapped(since, width)]
    lines += _table(assessment, width)
    lines += _gaps(assessment, width)
    return tuple(lines)


def _numbers(assessment: Assessment) -> str:
    numbers = assessment.guests
    if numbers.total is None:
        return "The guest list could not be read whole, so nothing about guests is assessed."
    said = [plural(numbers.total, "guest"), f"{numbers.pending or 0:,} never redeemed"]
    if numbers.external_members:
        said.append(plural(numbers.external_members, "external member"))
    return ", ".join(said) + "."


def _table(assessment: Assessment, width: int) -> list[Line]:
    chosen = [
        f for f in words.ranked(assessment.findings) if f.outcome in (Outcome.FAIL, Outcome.PARTIAL, Outcome.ERROR)
    ]
    if not chosen:
        return []
    lines = [Line("")]
    for finding in chosen[:_MOST]:
        lines += [Line(text, _STYLES[finding.outcome]) for text in _row(finding, width)]
    if len(chosen) > _MOST:
        lines.append(Line(f"  and {len(chosen) - _MOST} more in the report", "soft"))
    return lines


def _row(finding: Finding, width: int) -> list[str]:
    """Return a finding's line; two where the terminal is narrow."""
    accepted = f" ({said})" if (said := words.accepted(finding)) else ""
    outcome = words.OUTCOMES[finding.outcome]
    left = f"{finding.control.code:<{_CODE}}  {outcome:<{_OUTCOME}}  {finding.severity.value:<{_SEVERITY}}  "
    found = words.found(finding).rstrip(".")
    if width < _ONE_LINE:
        return [left.rstrip()[:width], f"  {terminal(found, width - 2 - len(accepted))}{accepted}"]
    room = width - len(left) - len(accepted)
    if columns(terminal(found)) > room:
        found = words.headline(finding.summary).rstrip(".")
    return [left + terminal(found, room) + accepted]


def _gaps(assessment: Assessment, width: int) -> list[Line]:
    said = words.unread(assessment)
    if not said:
        return []
    lines = [Line("")]
    lines += [Line(t, "none") for t in wrapped(said, width)]
    waiting = [u for u in words.unlocks(assessment) if u.codes]
    for way in waiting[:_WAYS]:
        what = way.what.removesuffix(".").removesuffix(", then run again")
        lines.append(Line(f"  {terminal(what, width - 20)} ({plural(len(way.codes), 'control')})", "soft"))
    if len(waiting) > _WAYS:
        lines.append(Line(f"  and {len(waiting) - _WAYS} more in the report", "soft"))
    return lines


def wrapped(sentence: str, width: int) -> list[str]:
    """Return a sentence as lines; letters twice as wide count twice, a word too long for a line is cut."""
    lines: list[str] = []
    for word in terminal(shown(sentence)).split():
        fitting = terminal(word, width) if columns(word) > width else word
        if lines and columns(lines[-1]) + 1 + columns(fitting) <= width:
            lines[-1] += " " + fitting
        else:
            lines.append(fitting)
    return lines


__all__ = ["Line", "summary", "summary_lines", "wrapped"]
