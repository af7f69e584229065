"""Findings as the page shows them: what was seen and where, whom it concerns, what to change."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from posture.assess.types import Finding, Observed
from posture.controls.registry import AREAS, Outcome, Remediation
from posture.report import words
from posture.report.charts import DataTable
from posture.report.dates import iso_minute
from posture.report.text import Seen, json_text, marked, slug, spaced
from posture.report.view import RunView
from posture.snapshot.types import Gap

_VALUE_LIMIT = 320
_TABLE_ROWS = 15
_WHO_ROWS = 10
"""Objects concerned that a finding shows where the report does not hold them all; the affected file does."""
KINDS: Mapping[Outcome, str] = {
    Outcome.FAIL: "f",
    Outcome.PARTIAL: "w",
    Outcome.ERROR: "e",
    Outcome.MANUAL: "mt",
    Outcome.NOT_ASSESSED: "nt",
    Outcome.PASS: "pt",
    Outcome.NOT_APPLICABLE: "na",
}
"""The class that draws an outcome: solid, hatched, outlined or dashed."""
_SHORT: Mapping[str, str] = {
    "cis_m365": "CIS M365",
    "cis_azure": "CIS Azure",
    "scuba": "SCuBA",
    "mcsb": "MCSB",
    "nist_800_53r5": "NIST 800-53",
    "iso_27001_2022": "ISO 27001",
    "attack": "ATT&CK",
    "atrm": "ATRM",
    "maester": "Maester",
    "prowler": "Prowler",
    "zta": "Zero Trust Assessment",
    "other": "Other",
}
"""Short names of the frameworks, for the line under a finding."""
_NAMES = ("displayName", "name", "title")
_ADDRESSES = ("mail", "userPrincipalName", "appId", "tenantId", "domain")
_OWN = {*_NAMES, *_ADDRESSES, "id", "why", "accepted"}


@dataclass(frozen=True, slots=True)
class Proof:
    """Values seen in one answer, and where that is; `name` is its source, `place` that source's line in the list."""

    values: tuple[tuple[str, str, DataTable | None], ...]
    source: str
    read_at: str
    request_id: str
    file: str
    name: str
    place: str


@dataclass(frozen=True, slots=True)
class Read:
    """A source of which only the rows were gone through: its name, how many, and its place in the list of sources."""

    name: str
    rows: str
    place: str


@dataclass(frozen=True, slots=True)
class Change:
    """One way to close a finding, ready to be copied."""

    request: str
    powershell: str
    permission: str
    role: str
    notes: str


@dataclass(frozen=True, slots=True)
class Card:
    """One finding as the page shows it."""

    id: str
    code: str
    title: str
    area: str
    area_name: str
    outcome: str
    outcome_words: str
    kind: str
    severity: str
    severity_shown: bool
    summary: str
    notes: tuple[str, ...]
    attested: bool
    proofs: tuple[Proof, ...]
    reads: tuple[Read, ...]
    gap: Gap | None
    gap_words: str
    why: str
    attack: str
    recommended: str
    default: str
    fix: str
    breaks: str
    impacts: tuple[str, ...]
    steps: tuple["Change", ...]
    affected: int
    accepted_count: int
    affected_head: tuple[str, ...]
    affected_rows: tuple[tuple[str, ...], ...]
    affected_file: str
    guests: bool
    authorities: tuple[tuple[str, str, str], ...]
    profiles: str
    mapped: tuple[tuple[str, str], ...]
    framework_slugs: str
    accepted: str
    taken: tuple[words.Taken, ...]
    sources: tuple[str, ...]
    licence: str
    gain: str


def card(finding: Finding, run: RunView) -> Card:
    """Return a finding ready to be set out."""
    control = finding.control
    is_open = finding.outcome in (Outcome.FAIL, Outcome.PARTIAL)
    head, rows = _affected(finding)
    proofs, reads = _proofs(finding.observed, {f.provenance.file: f.name for f in run.snapshot.facts.values()})
    gain = words.gains(run.assessment).get(control.code, 0.0)
    return Card(
        id=control.code.lower(),
        code=control.code,
        title=control.title,
        area=control.area,
        area_name=AREAS[control.area],
        outcome=finding.outcome.value,
        outcome_words=words.OUTCOMES[finding.outcome],
        kind=KINDS[finding.outcome],
        severity=(finding.severity if is_open else control.fail).value,
        severity_shown=is_open,
        summary=words.found(finding),
        notes=finding.notes,
        attested=finding.attested,
        proofs=proofs,
        reads=reads,
        gap=finding.gap,
        gap_words=words.REASONS[finding.gap.reason] if finding.gap else "",
        why=control.why,
        attack=control.attack,
        recommended=control.summary,
        default=control.default,
        fix=control.fix,
        breaks=control.breaks,
        impacts=tuple(run.impacts.get(control.code, ())),
        steps=tuple(_change(s) for s in control.remediation),
        affected=finding.affected.count,
        accepted_count=finding.affected.accepted,
        affected_head=head,
        affected_rows=rows,
        affected_file=run.affected_file(finding),
        guests=bool(run.affected_file(finding)),
        authorities=tuple(
            (a.name, a.item, words.OUTCOMES[Outcome(a.verdict)].lower() if a.verdict else "does not decide")
            for a in finding.authorities
        ),
        profiles=words.by_profile(finding, run.assessment.settings.profile),
        mapped=tuple((_SHORT.get(name, name), ", ".join(items)) for name, items in sorted(control.frameworks.items())),
        framework_slugs=" ".join(slug(name, "other") for name in sorted(control.frameworks)),
        accepted=words.accepted(finding),
        taken=tuple(words.acceptances_of(finding, run.assessment)),
        sources=tuple(s for s in control.source if s.startswith("https://")),
        licence="" if control.licence in ("", "none") or control.licence.startswith("none (") else control.licence,
        gain=f"{gain:.1f}" if gain and is_open else "",
    )


def _proofs(observed: Iterable[Observed], names: Mapping[str, str]) -> tuple[tuple[Proof, ...], tuple[Read, ...]]:
    """Return the observed values, those of one answer together, and what was only gone through row by row.

    `names` are the sources by their files: the file, its hash and all requests
    stand once, in the list of sources.
    """
    answers: dict[tuple[str, str, str], list[Observed]] = {}
    for seen in observed:
        answers.setdefault((seen.source, seen.request_id, seen.file), []).append(seen)
    proofs, reads = [], []
    for (source, request_id, file), together in answers.items():
        if [o.property for o in together] == ["rows read"] and file in names:
            reads.append(Read(names[file], f"{together[0].value:,}", place_of(names[file])))
            continue
        values = tuple(
            (o.property or "the whole answer", marked(json_text(o.value), _VALUE_LIMIT), _table(o.value))
            for o in together
        )
        at, name, kept = iso_minute(together[0].retrieved_at), names.get(file, ""), f"evidence/{file}" if file else ""
        proofs.append(Proof(values, source, at, request_id, kept, name, place_of(name) if name else ""))
    return tuple(proofs), tuple(reads)


def place_of(source: str) -> str:
    """Return the anchor of a source's line in the list of sources."""
    return "read-" + slug(source, "other")


def _table(value: Any) -> DataTable | None:
    """Return a short list of flat objects as a table; None for every other value."""
    if not isinstance(value, list | tuple) or not 1 < len(value) <= _TABLE_ROWS:
        return None
    if not all(isinstance(row, Mapping) and list(row) == list(value[0]) for row in value):
        return None
    if any(isinstance(cell, Mapping | list | tuple) for row in value for cell in row.values()):
        return None
    rows = tuple(tuple("–" if cell == "" else marked(json_text(cell), 120) for cell in row.values()) for row in value)
    return DataTable(tuple(spaced(str(key)) for key in value[0]), rows)


def _affected(finding: Finding) -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]:
    """Return head and rows of the table of objects concerned. A cell is a block, which isolates its text."""
    sample = finding.affected.sample
    if not sample:
        return (), ()
    if finding.affected.count > len(sample):
        sample = sample[:_WHO_ROWS]
    extra = sorted({k for row in sample for k, v in row.items() if k not in _OWN and not _told(row, v)})[:3]
    rows = []
    for row in sample:
        name = next((row[k] for k in _NAMES if isinstance(row.get(k), str) and row[k]), "")
        address = next((str(row[k]) for k in _ADDRESSES if row.get(k)), "")
        cells = [marked(name or str(row.get("id", "")), 80), marked(address, 100) if address else "–"]
        cells.append(marked(str(row.get("why", "")), 160) if row.get("why") else "–")
        cells.extend(_plain(row[k]) if row.get(k) not in (None, "", []) else "–" for k in extra)
        if row.get("accepted"):
            cells[2] = Seen(f"accepted; {cells[2]}")
        rows.append(tuple(cells))
    return ("Name", "Address or id", "Why", *map(spaced, extra)), tuple(rows)


def _told(row: Mapping[str, Any], value: Any) -> bool:
    """Whether a value is nothing, or a number that the reason names already."""
    return value in (None, "", []) or (type(value) is int and f"{value:,}" in str(row.get("why", "")))


def _plain(value: Any) -> str:
    return f"{value:,}" if type(value) is int else marked(json_text(value), 120)


def _change(step: Remediation) -> Change:
    request = ""
    if step.method and step.url:
        request = f"{step.method} {step.url}"
        if step.body is not None:
            request += "\nContent-Type: application/json\n\n" + json.dumps(step.body, ensure_ascii=False, indent=2)
    return Change(request, "\n".join(step.powershell), step.permission, step.role, step.notes)
