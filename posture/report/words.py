"""What a report says in sentences: the verdict, the numbers, what to do first, what was not read.

One place for all formats, so that page, Markdown and terminal tell the same story.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date

from posture.assess.score import MIN_COVERAGE, VALUES, WEIGHTS
from posture.assess.types import Assessment, Finding, Lead, Score
from posture.controls.guest_permissions import TABLE
from posture.controls.registry import AREAS, Outcome
from posture.report.dates import percent, plural
from posture.report.text import steps
from posture.report.view import Change, Changes, RunView
from posture.settings import AcceptedRisk, Attestation, Profile, Severity
from posture.snapshot.types import Gap, GapReason

OUTCOMES: dict[Outcome, str] = {
    Outcome.FAIL: "Fails",
    Outcome.PARTIAL: "In part",
    Outcome.ERROR: "Error",
    Outcome.MANUAL: "Manual",
    Outcome.NOT_ASSESSED: "Not assessed",
    Outcome.PASS: "Holds",
    Outcome.NOT_APPLICABLE: "Not applicable",
}
"""Each outcome in a word or two, most serious first."""

_COUNTED: dict[Outcome, tuple[str, str]] = {
    Outcome.FAIL: ("fails", "fail"),
    Outcome.PARTIAL: ("holds in part", "hold in part"),
    Outcome.ERROR: ("ended in an error of posture", "ended in an error of posture"),
    Outcome.MANUAL: ("needs a manual look", "need a manual look"),
    Outcome.NOT_ASSESSED: ("not assessed", "not assessed"),
    Outcome.PASS: ("holds", "hold"),
    Outcome.NOT_APPLICABLE: ("does not apply", "do not apply"),
}


def counted(counts: Mapping[str, int]) -> list[tuple[Outcome, int, str]]:
    """Return outcome, number and the words after the number, most serious first; outcomes nobody has are left out."""
    present = [(o, counts.get(o.value, 0)) for o in OUTCOMES]
    return [(o, n, _COUNTED[o][n != 1]) for o, n in present if n]


def counts_words(counts: Mapping[str, int]) -> str:
    """Return "9 fail, 1 holds in part, 31 hold"."""
    return ", ".join(f"{n:,} {said}" for _, n, said in counted(counts))


REASONS: dict[GapReason, str] = {
    GapReason.PERMISSION: "permission missing",
    GapReason.LICENCE: "licence missing",
    GapReason.SIGN_IN: "sign-in refused",
    GapReason.THROTTLED: "Graph asked to wait for too long",
    GapReason.NOT_FOUND: "not found",
    GapReason.CLOUD: "not offered in this cloud",
    GapReason.QUERY: "query refused",
    GapReason.ANSWER: "answer not usable",
    GapReason.INCOMPLETE: "list not complete",
    GapReason.NETWORK: "no connection",
    GapReason.SERVER: "Graph failed",
    GapReason.DECLINED: "left out by choice",
    GapReason.UNKNOWN_VALUE: "value not known",
    GapReason.NOT_COLLECTED: "not read by this version",
    GapReason.NOT_ASKED: "read only when asked for",
    GapReason.MANUAL: "Graph cannot tell",
    GapReason.ERROR: "error of posture",
}

AGES = ("up to 30 days", "31 to 90 days", "91 to 180 days", "181 to 365 days", "over a year")
"""How old an open invitation is, youngest first, as the evaluator counts them."""
OLD_AGES = AGES[2:]

# Order by risk removed for the effort it takes, among findings of one severity.
_FIRST = (
    "GUEST-INV-001", "GUEST-PER-001", "GUEST-AUT-001", "GUEST-PRV-001", "GUEST-PRV-002", "GUEST-PRV-003",
    "GUEST-INV-006", "GUEST-INV-007", "GUEST-LIF-001", "GUEST-XTA-003", "GUEST-WRK-002", "GUEST-VIS-001",
)  # fmt: skip
_OPEN = (Outcome.FAIL, Outcome.PARTIAL)
_EFFORT = {"setting": "one setting", "manual": "a look in the portal", "exposure": "a decision"}


def ranked(findings: Iterable[Finding]) -> list[Finding]:
    """Return findings most serious first; wholly accepted ones after the open ones of their outcome."""
    outcomes = list(OUTCOMES)
    areas = list(AREAS)

    def place(finding: Finding) -> tuple[int, int, bool, int, int, str]:
        code = finding.control.code
        first = _FIRST.index(code) if code in _FIRST else len(_FIRST)
        severity = finding.severity if finding.outcome in _OPEN else finding.control.fail
        return (
            outcomes.index(finding.outcome),
            -severity.rank,
            covered(finding),
            first,
            areas.index(finding.control.area),
            code,
        )

    return sorted(findings, key=place)


def covered(finding: Finding) -> bool:
    """Whether an accepted risk covers the whole finding."""
    return finding.accepted is not None and finding.accepted.covers == "all"


def accepted(finding: Finding) -> str:
    """Return what of a finding is accepted: "accepted", of 17 objects "12 + 5 accepted", or ""."""
    taken = finding.accepted
    if taken is None:
        return ""
    if taken.covers == "all":
        return "accepted"
    left = finding.affected.count - taken.count
    return f"{left:,} + {taken.count:,} accepted" if left else f"{taken.count:,} accepted, the setting is not"


_KINDS = {"false-positive": "false positive", "compensated": "compensated elsewhere", "planned": "planned"}


@dataclass(frozen=True, slots=True)
class Taken:
    """An accepted risk that holds: for what, until when and how many days that is, and what it covers."""

    code: str
    risk: AcceptedRisk
    kind: str
    ends: str
    left: str
    covers: str


def acceptances(assessment: Assessment) -> list[Taken]:
    """Return every accepted risk that holds, in the order of the findings most serious first."""
    return [t for finding in ranked(assessment.findings) for t in acceptances_of(finding, assessment)]


def by_profile(finding: Finding, chosen: Profile) -> str:
    """Return what the other profiles make of a finding; "" where they all say the same."""
    others = [(p, o) for p, o in finding.profiles if p is not chosen]
    if all(outcome is finding.outcome for _, outcome in others):
        return ""
    return "; ".join(f"{profile.value}: {OUTCOMES[outcome].lower()}" for profile, outcome in others)


def acceptances_of(finding: Finding, assessment: Assessment) -> list[Taken]:
    """Return every accepted risk that holds for a finding."""
    made = []
    for risk, count in finding.accepted.risks if finding.accepted else ():
        ends = f"to be closed by {risk.until}" if risk.kind == "planned" else f"until {risk.until}"
        whole = not (risk.domains or risk.guests)
        told = "the whole finding" if whole else f"{count:,} of {plural(finding.affected.count, 'object')}"
        left = days_left(assessment, risk.until)
        made.append(Taken(finding.control.code, risk, _KINDS.get(risk.kind, ""), ends, left, told))
    return made


def acceptance(taken: Taken) -> str:
    """Return an accepted risk as one plain sentence, not made safe for any format."""
    kind, risk = (taken.kind or "accepted").capitalize(), taken.risk
    ticket = f", ticket {risk.ticket}" if risk.ticket else ""
    return f"{kind} {taken.ends}, owner {risk.owner}{ticket}, covers {taken.covers}: {sentence(risk.reason)}"


def days_left(assessment: Assessment, until: date) -> str:
    """Return how long something holds from the run's own day on, e.g. "11 days left"."""
    days = (until - assessment.taken_at.astimezone(UTC).date()).days
    return f"{plural(days, 'day')} left" if days else "ends today"


def acceptances_words(assessment: Assessment) -> str:
    """Return in one sentence what accepted risks cover, and how many do nothing; "" where there are none."""
    if not assessment.settings.include_accepted:
        return "Accepted risks are left out of this run."
    taken = [f.accepted.covers for f in assessment.findings if f.accepted]
    whole, part, idle = taken.count("all"), taken.count("some"), len(assessment.stale_acceptances)
    parts = [plural(whole, "finding") if whole else "", f"part of {plural(part, 'finding')}" if part else ""]
    said = " and ".join(p for p in parts if p)
    told = [f"Accepted: {said}"] if said else []
    if idle:
        told.append(f"{plural(idle, 'accepted risk has', 'accepted risks have')} no effect")
    return "; ".join(told) + "." if told else ""


def attestations(assessment: Assessment) -> list[tuple[Attestation, str]]:
    """Return every attestation with what became of it: the days left, or why it has no effect."""
    return [
        (told, f"without effect, {why}" if why else days_left(assessment, told.until))
        for told, why in assessment.attestations
    ]


def guest_view(assessment: Assessment) -> tuple[str, list[Mapping[str, str]]] | None:
    """Return the tenant's guest level, and what each level lets a guest read; None where it was not judged."""
    for finding in assessment.findings:
        seen = {o.property: o.value for o in finding.observed}
        if isinstance(seen.get(TABLE), list) and isinstance(seen.get("guest level"), str):
            return seen["guest level"], seen[TABLE]
    return None


def costs(assessment: Assessment) -> list[tuple[Finding, float]]:
    """Return the findings that cost most points, most first."""
    by_code = {f.control.code: f for f in assessment.findings}
    return [(by_code[code], points) for code, points in assessment.score.costs]


def leads_by_hunt(assessment: Assessment) -> list[tuple[str, str, list[Lead]]]:
    """Return code, title and leads of every hunt that raised any, the worst first."""
    titles = {r.code: r.title for r in assessment.hunts.runs} if assessment.hunts else {}
    by_code: dict[str, list[Lead]] = {}
    for lead in sorted(assessment.leads, key=lambda x: -x.severity.rank):
        by_code.setdefault(lead.hunt, []).append(lead)
    ordered = sorted(by_code.items(), key=lambda h: (-h[1][0].severity.rank, h[0]))
    return [(code, titles.get(code, code), leads) for code, leads in ordered]


def open_findings(assessment: Assessment) -> list[Finding]:
    """Return what fails or holds in part and is not accepted, by severity first."""
    found = [f for f in ranked(assessment.findings) if f.outcome in _OPEN and not covered(f)]
    return sorted(found, key=lambda f: (-f.severity.rank, f.outcome is Outcome.PARTIAL))


def found(finding: Finding) -> str:
    """Return what was found as a sentence.

    What was not assessed for want of a permission, licence or wish says what
    unlocks it: the answer itself stands in the gaps. Where to look by hand has
    its steps as people read them.
    """
    gap = finding.gap
    if finding.outcome is Outcome.NOT_ASSESSED and gap is not None and gap.reason in _PLAIN:
        return f"{REASONS[gap.reason].capitalize()}: {_after(gap.unlock)}"
    return sentence(steps(finding.summary) if finding.outcome is Outcome.MANUAL else finding.summary)


_PLAIN = {
    GapReason.PERMISSION,
    GapReason.LICENCE,
    GapReason.NOT_ASKED,
    GapReason.DECLINED,
    GapReason.CLOUD,
    GapReason.NOT_COLLECTED,
}
"""Reasons that say all a reader needs; with the others the answer matters."""


def sentence(words: str) -> str:
    """Return words with a capital and a full stop."""
    words = words.strip()
    if not words:
        return ""
    first = words.split()[0].rstrip(",:;")  # a property such as allowInvitesFrom keeps its small letter
    head = words[:1].upper() + words[1:] if first.isalpha() and first.islower() else words
    return head if head[-1] in ".!?…" else head + "."


def verdict(assessment: Assessment) -> str:
    """Return the whole run in one sentence, made from the worst finding."""
    found = open_findings(assessment)
    counts = assessment.counts
    unseen = counts["not-assessed"] + counts["error"] + counts["manual"]
    assessed = counts["pass"] + counts["partial"] + counts["fail"]
    if found:
        return _worst(assessment, found)
    if not assessed:
        return "Nothing could be assessed." if unseen else "There was nothing to assess."
    accepted = sum(1 for f in assessment.findings if f.outcome in _OPEN)
    if accepted:
        return f"Everything open is an accepted risk: {plural(accepted, 'finding')}."
    if unseen:
        return f"Nothing that could be read fails; {plural(unseen, 'control')} could not be assessed."
    return "Every control that applies holds."


def _worst(assessment: Assessment, found: Sequence[Finding]) -> str:
    """Return the worst finding as a headline; what it may not stand for, so little was seen or so little is wrong."""
    head = headline(found[0].summary)
    if assessment.score.value is None:
        return f"Only {percent(assessment.score.coverage)} could be assessed; worst so far: {_after(head)}"
    if found[0].outcome is Outcome.PARTIAL and not assessment.counts["fail"]:
        held = plural(len(found), "control holds", "controls hold")
        return f"Nothing that was read fails; {held} in part: {_after(head)}"
    return head


def _after(sentence: str) -> str:
    """Return a sentence as it goes on after a colon."""
    first = sentence.split()[0]
    return sentence[0].lower() + sentence[1:] if first.istitle() and first.isalpha() else sentence


def headline(summary: str) -> str:
    """Return what stands before the details of a summary, where that is a sentence of its own."""
    head = re.split(r"[:;] ", summary, maxsplit=1)[0]
    return sentence(head if len(head.split()) > 3 else summary)


def lead(assessment: Assessment) -> str:
    """Return two or three sentences under the verdict."""
    counts = assessment.counts
    told = Outcome.PASS if counts["pass"] and not counts["fail"] else Outcome.FAIL
    many = _number(counts[told.value]) if counts[told.value] else "None"
    does = _COUNTED[told][counts[told.value] > 1]
    said = [f"{many} of {plural(len(assessment.findings), 'control')} {does}"]
    if counts["partial"]:
        said[0] += f" and {_number(counts['partial']).lower()} {'holds' if counts['partial'] == 1 else 'hold'} in part"
    said[0] += "."
    accepted = sum(1 for f in assessment.findings if f.outcome in _OPEN and covered(f))
    if accepted:
        said.append(f"{_number(accepted)} of them {'is' if accepted == 1 else 'are'} accepted.")
    unseen = counts["not-assessed"] + counts["error"]
    if unseen:
        those = "that is" if unseen == 1 else "those are"
        said.append(f"{_number(unseen)} could not be assessed, and {those} not counted as good.")
    if told is Outcome.PASS and counts["manual"]:
        said.append(f"{_number(counts['manual'])} {_COUNTED[Outcome.MANUAL][counts['manual'] != 1]}.")
    pending = assessment.guests.pending
    headline_is_it = any(f.control.code == _PENDING for f in open_findings(assessment)[:1])
    if pending and not headline_is_it:
        old = sum(
            n
            for age, n in assessment.guests.pending_by_age.items()
            if age not in ("up to 30 days", "31 to 90 days", "unknown")
        )
        tail = f", {old:,} of them for more than 90 days" if old else ""
        said.append(f"{plural(pending, 'invitation waits', 'invitations wait')} unanswered{tail}.")
    return " ".join(said)


_PENDING = "GUEST-INV-006"
_SMALL = ("No", "One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine", "Ten", "Eleven", "Twelve")


def _number(count: int) -> str:
    return _SMALL[count] if count < len(_SMALL) else f"{count:,}"


def score_head(score: Score) -> str:
    """Return the score in a few words."""
    return f"Score {points(score.value)} of 100" if score.value is not None else "No score"


def points(value: float) -> int:
    """Return a score without its decimals; only one that lost nothing at all is 100."""
    return round(value) if value >= 100 else min(99, round(value))


def score_rest(assessment: Assessment) -> str:
    """Return what the score is worth: coverage, its ceiling in words, the other two numbers."""
    score = assessment.score
    covered_share = percent(score.coverage)
    if score.value is None:
        said = [f"{covered_share} of the weight could be assessed, and a number needs {percent(MIN_COVERAGE)}"]
    else:
        said = [f"with {covered_share} assessed"]
        if score.cap is not None and score.raw is not None and score.raw > score.cap:
            said.append(f"held at {score.cap} while {_capping(assessment)}")
    if score.low is not None and (score.value is None or points(score.low) != points(score.value)):
        said.append(f"{points(score.low)} if all that was not assessed had failed")
    if score.without_accepted is not None and (
        score.value is None or points(score.without_accepted) != points(score.value)
    ):
        said.append(f"{points(score.without_accepted)} without the accepted risks")
    return "; ".join(said)


def _capping(assessment: Assessment) -> str:
    worst = [f for f in ranked(assessment.findings) if f.outcome is Outcome.FAIL and f.control.scored]
    severity = max((f.severity for f in worst), key=lambda s: s.rank)
    codes = [f.control.code for f in worst if f.severity is severity]
    if len(codes) == 1:
        return f"{codes[0]} fails"
    return f"{len(codes)} {severity.value} findings fail"


def gains(assessment: Assessment) -> dict[str, float]:
    """Return the points that closing each finding would add to the raw score, by code."""
    scored = [f for f in assessment.findings if f.control.scored and f.outcome in VALUES]
    total = sum(WEIGHTS[f.control.fail] for f in scored)
    if not total:
        return {}
    return {
        f.control.code: round(100 * WEIGHTS[f.control.fail] * (1 - VALUES[f.outcome]) / total, 1)
        for f in scored
        if VALUES[f.outcome] < 1
    }


_SHORT = 4
"""Words up to which a sentence such as "List the partners" is not enough alone."""


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do first: what it is, what it takes, gains and breaks."""

    finding: Finding
    effort: str
    gain: str
    do: str
    breaks: str


def start_here(assessment: Assessment, most: int = 3) -> list[Step]:
    """Return the few things to do first."""
    worth = gains(assessment)
    steps = []
    for finding in open_findings(assessment):
        if finding.severity is Severity.INFO:
            continue
        points = worth.get(finding.control.code, 0.0)
        steps.append(
            Step(
                finding,
                effort(finding),
                f"+{points:.1f} points" if points else "",
                first_sentence(finding.control.fix),
                first_sentence(finding.control.breaks),
            )
        )
    return steps[:most]


def effort(finding: Finding) -> str:
    """Return what closing a finding takes, in two or three words."""
    if finding.affected.count:
        return plural(finding.affected.count, "object")
    return _EFFORT.get(finding.control.kind, "")


def first_sentence(words: str) -> str:
    """Return the first sentence of a paragraph of ours, and the next where the first is too short to act on."""
    head, dot, rest = words.partition(". ")
    if not dot:
        return words
    return f"{head}." if len(head.split()) > _SHORT else f"{head}. {first_sentence(rest)}"


def completeness_of(run: RunView) -> str:
    """Return whether the guest list is whole, with the service's own counts where it gave them."""
    total = run.assessment.guests.total
    fact = run.snapshot.facts.get("guests")
    if total is None or fact is None:
        return "The guest list could not be read whole, so nothing about guests is assessed."
    if not total:
        return "The tenant has no guests."
    read = "The one guest was read" if total == 1 else f"All {total:,} guests were read"
    counts = [n for n in (fact.provenance.count_before, fact.provenance.count_after) if n is not None]
    if not counts:
        return f"{read}; the tenant gave no count of its own to compare."
    if set(counts) == {total}:
        return f"{read}; the tenant’s own count agrees."
    told = " and ".join(f"{n:,}" for n in dict.fromkeys(counts))
    return f"{read}; the tenant’s own count said {told} while they were read."


def unread(assessment: Assessment) -> str:
    """Return what was not assessed and why, else which sources were not read, in a sentence; "" where all was."""
    missed = Counter(
        REASONS[f.gap.reason] if f.gap else "error of posture"
        for f in assessment.findings
        if f.outcome in (Outcome.NOT_ASSESSED, Outcome.ERROR)
    )
    if missed:
        return f"{plural(missed.total(), 'control was', 'controls were')} not assessed: {_parts(missed)}."
    left = Counter(REASONS[gap.reason] for gap, _ in assessment.gaps)
    if not left:
        return ""
    waiting = len({code for _, codes in assessment.gaps for code in codes})
    more = f"; {plural(waiting, 'control')} would tell more with {'it' if left.total() == 1 else 'them'}"
    told = f"{plural(left.total(), 'source was', 'sources were')} not read: {_parts(left)}"
    return f"{told}{more if waiting else ''}."


@dataclass(frozen=True, slots=True)
class Unlock:
    """What makes some sources readable, why they were not, the controls that wait, and what was answered instead."""

    what: str
    reasons: str
    codes: tuple[str, ...]
    names: tuple[str, ...]
    answers: tuple[Gap, ...]


_CHOSEN = (GapReason.NOT_ASKED, GapReason.DECLINED)


def unlocks(assessment: Assessment) -> list[Unlock]:
    """Return what could not be read by what unlocks it: what most controls wait for first, what was not asked last."""
    ways: dict[str, list[tuple[Gap, tuple[str, ...]]]] = {}
    for gap, codes in assessment.gaps:
        ways.setdefault(gap.unlock, []).append((gap, codes))
    made = [
        Unlock(
            what,
            ", ".join(dict.fromkeys(REASONS[gap.reason] for gap, _ in held)),
            tuple(sorted({code for _, codes in held for code in codes})),
            tuple(gap.name.replace("_", " ") for gap, _ in held),
            tuple(gap for gap, _ in held if gap.reason not in _CHOSEN),
        )
        for what, held in ways.items()
    ]
    return sorted(made, key=lambda u: (not u.answers, -len(u.codes), u.what))


def _parts(counts: Counter[str]) -> str:
    """Return reasons with their numbers, most frequent first."""
    return ", ".join(f"{why} ({n})" for why, n in sorted(counts.items(), key=lambda c: (-c[1], c[0])))


_CHANGED: Mapping[str, tuple[str, str]] = {
    "opened": ("new finding", "new findings"),
    "came-back": ("finding came back", "findings came back"),
    "worse": ("worse", "worse"),
    "grown": ("accepted risk grew", "accepted risks grew"),
    "resolved": ("resolved", "resolved"),
    "better": ("better", "better"),
    "setting": ("setting changed", "settings changed"),
    "not-comparable": ("not comparable", "not comparable"),
}
"""What the kinds of change are called after their number, what to worry about first."""
_GUESTS = {
    "new guests": ("new guest", "new guests"),
    "guests gone": ("guest gone", "guests gone"),
    "invitations redeemed": ("invitation redeemed", "invitations redeemed"),
    "invitations reset": ("invitation reset", "invitations reset"),
    "disabled": ("guest disabled", "guests disabled"),
    "enabled again": ("guest enabled again", "guests enabled again"),
    "renamed": ("guest renamed", "guests renamed"),
}


def changes_ordered(changes: Changes) -> list[Change]:
    """Return the changes, what to worry about first."""
    order = list(_CHANGED)
    return sorted(changes.rows, key=lambda c: order.index(c.kind) if c.kind in order else len(order))


def changes_words(changes: Changes) -> str:
    """Return in one sentence what changed since the earlier run."""
    kinds = Counter(c.kind for c in changes_ordered(changes))
    told = [plural(n, *_CHANGED.get(kind, (kind, kind))) for kind, n in kinds.items()]
    guests = [plural(n, *_GUESTS.get(what, (what, what))) for what, n in changes.counts.items()]
    parts = [", ".join(told) or "no finding and no setting differs", ", ".join(guests)]
    return sentence("; ".join(p for p in parts if p))
