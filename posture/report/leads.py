"""Leads as the page shows them: by hunt, with the rows and queries that fit."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from posture.assess.types import Lead
from posture.report import words
from posture.report.text import Seen, json_text, marked, shown, slug, spaced
from posture.report.view import RunView
from posture.settings import Severity

_LEAD_ROWS, _LESSER_LEAD_ROWS = 5, 3


@dataclass(frozen=True, slots=True)
class LeadRow:
    """One row of a log: when, who, and what else it tells."""

    time: str
    who: str
    rest: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class LeadRows:
    """One lead with the rows that fit the page; `common` is what all of them tell, `more` are those beside them."""

    severity: str
    summary: str
    common: tuple[tuple[str, str], ...]
    rows: tuple[LeadRow, ...]
    more: int


@dataclass(frozen=True, slots=True)
class Hunt:
    """One hunt that raised a question, with its leads."""

    id: str
    code: str
    title: str
    severity: str
    leads: tuple[LeadRows, ...]
    why: str
    harmless_if: str
    next_question: str
    attack: tuple[str, ...]
    kql: bool


def hunts_with_leads(run: RunView) -> tuple[Hunt, ...]:
    """Return the leads by hunt, those with the worst lead first."""
    found = words.leads_by_hunt(run.assessment)
    return tuple(_hunt(place, code, title, leads) for place, (code, title, leads) in enumerate(found, 1))


def queries_of(leads: Iterable[Lead]) -> Mapping[str, Any]:
    """Return the queries by hunt as numbers of lines: they share most of their lines, and would fill the page."""
    lines: dict[str, int] = {}
    found = {
        lead.hunt: [lines.setdefault(shown(line), len(lines)) for line in lead.kql.split("\n")]
        for lead in leads
        if lead.kql
    }
    return {"lines": list(lines), "hunts": found} if found else {}


def _hunt(place: int, code: str, title: str, leads: Sequence[Lead]) -> Hunt:
    first = leads[0]
    return Hunt(
        id=slug(f"lead-{code}", f"lead-{place}"),
        code=code,
        title=title,
        severity=first.severity.value,
        leads=tuple(map(_lead, leads)),
        why=first.why,
        harmless_if=first.harmless_if,
        next_question=first.next_question,
        attack=first.attack,
        kql=bool(first.kql),
    )


def _lead(lead: Lead) -> LeadRows:
    """Return a lead's rows without what only a machine needs: ids, and what is empty."""
    rows = lead.rows[: _LEAD_ROWS if lead.severity.rank >= Severity.HIGH.rank else _LESSER_LEAD_ROWS]
    made = tuple(map(_lead_row, rows))
    common = tuple(pair for pair in made[0].rest if all(pair in r.rest for r in made)) if len(made) > 1 else ()
    made = tuple(replace(r, rest=tuple(pair for pair in r.rest if pair not in common)) for r in made)
    return LeadRows(lead.severity.value, words.sentence(lead.summary), common, made, max(0, lead.count - len(rows)))


def _lead_row(row: Mapping[str, Any]) -> LeadRow:
    rest = tuple(
        ("log row" if key == "place" else Seen(spaced(marked(str(key), 40)).lower()), _lead_cell(value))
        for key, value in row.items()
        if key not in ("time", "who", "ids") and not key.endswith("_id") and value not in (None, "", [], (), "success")
    )
    return LeadRow(_lead_cell(row.get("time")), _lead_cell(row.get("who")), rest)


def _lead_cell(value: Any) -> str:
    if value in (None, "", [], ()):
        return "–"
    said = "; ".join(map(json_text, value)) if isinstance(value, list | tuple) else json_text(value)
    moment = re.fullmatch(r"(\d{4}-\d{2}-\d{2})T(\d{2}:\d{2}):\d{2}Z", said)
    return f"{moment[1]} {moment[2]}" if moment else marked(said, 140)
