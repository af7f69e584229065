"""report.xlsx: findings, guests and what could not be read, for people who live in a spreadsheet.

Every text is written as text: no formula, no link, no number made of a name.
Rows go to the file as they come, so a million guests do not stay in memory.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, BinaryIO

import xlsxwriter

from posture import CATALOGUE_VERSION, __version__
from posture.assess.types import Finding
from posture.controls.registry import AREAS, Outcome
from posture.report import guests_csv, words
from posture.report.dates import iso_minute, long_date
from posture.report.population import counted
from posture.report.text import shown
from posture.report.view import RunView

CELL_LIMIT = 32_000
"""Characters a cell takes here; Excel's own limit is 32,767."""
SHEET_ROWS = 1_000_000
"""Guests on one sheet; Excel takes 1,048,576 rows."""
_OPTIONS = {
    "constant_memory": True,
    "strings_to_formulas": False,
    "strings_to_urls": False,
    "strings_to_numbers": False,
    "default_date_format": "yyyy-mm-dd",
}
_COLOURS = {
    Outcome.FAIL: ("#8a3207", "#fbeade"),
    Outcome.ERROR: ("#8a3207", "#fbeade"),
    Outcome.PARTIAL: ("#6d4d00", "#fbf2d9"),
    Outcome.PASS: ("#0e5a4c", "#e2f2ee"),
}
_FINDINGS = (
    ("Outcome", 13), ("Severity", 10), ("Control", 15), ("Title", 44), ("Found", 60), ("Area", 20), ("Affected", 10),
    ("Accepted until", 14), ("Accepted because", 40), ("What to do", 60), ("What it breaks", 60), ("Why", 60),
    ("Frameworks", 60), ("Request ids", 40),
)  # fmt: skip
_GAPS = (("Source", 32), ("Why", 24), ("Detail", 60), ("What unlocks it", 60), ("Controls", 50))


def render(run: RunView, out: BinaryIO) -> None:
    """Write the workbook; without a guest sheet in an edition without people."""
    book = xlsxwriter.Workbook(out, dict(_OPTIONS))
    try:
        _Book(book, run).write()
    finally:
        book.close()


class _Book:
    def __init__(self, book: Any, run: RunView) -> None:
        self._book, self._run = book, run
        taken_at = run.assessment.taken_at.replace(tzinfo=None)
        book.set_properties({"title": "Guest access", "created": taken_at, "author": run.brand.name or "posture"})
        self._head = book.add_format({"bold": True, "bottom": 1, "valign": "top"})
        self._text = book.add_format({"text_wrap": True, "valign": "top"})
        self._plain = book.add_format({"valign": "top"})
        self._title = book.add_format({"bold": True, "font_size": 14})
        self._outcomes = {
            outcome: book.add_format({"valign": "top", "font_color": ink, "bg_color": ground})
            for outcome, (ink, ground) in _COLOURS.items()
        }

    def write(self) -> None:
        self._summary()
        self._findings()
        if self._run.options.people:
            self._guests()
        self._gaps()

    def _sheet(self, name: str, head: Sequence[tuple[str, int]]) -> Any:
        sheet = self._book.add_worksheet(name)
        for column, (label, width) in enumerate(head):
            sheet.set_column(column, column, width)
            sheet.write_string(0, column, label, self._head)
        sheet.freeze_panes(1, 0)
        return sheet

    def _put(self, sheet: Any, row: int, column: int, value: Any, form: Any) -> None:
        """Write one cell: numbers and days as such, everything else as text, blank for nothing."""
        if value is None or value == "":
            return
        if isinstance(value, datetime):
            sheet.write_datetime(row, column, value.replace(tzinfo=None), self._book.default_date_format or form)
        elif isinstance(value, int | float) and not isinstance(value, bool):
            sheet.write_number(row, column, value, form)
        else:
            sheet.write_string(row, column, shown(str(value))[:CELL_LIMIT], form)

    def _summary(self) -> None:
        run, assessment = self._run, self._run.assessment
        sheet = self._book.add_worksheet("Summary")
        sheet.set_column(0, 0, 24)
        sheet.set_column(1, 1, 90)
        tenant = assessment.tenant
        said: list[tuple[str, Any]] = [
            ("Guest access", tenant.name or tenant.primary_domain or tenant.id),
            ("Date", long_date(assessment.taken_at, run.brand.language)),
            ("Verdict", words.verdict(assessment)),
            ("", words.lead(assessment)),
            ("Score", f"{words.score_head(assessment.score)}, {words.score_rest(assessment)}".rstrip(", ")),
            ("Controls", words.counts_words(assessment.counts)),
            ("Completeness", words.completeness_of(run)),
            ("Not read", words.unread(assessment)),
            ("Changes", words.changes_words(run.changes) if run.changes else ""),
            ("By", run.brand.name),
            ("Confidentiality", run.brand.confidentiality),
            ("Tool", f"posture {__version__}, catalogue {CATALOGUE_VERSION}, taken {iso_minute(assessment.taken_at)}"),
        ]
        for row, (label, value) in enumerate((x for x in said if x[1]), 0):
            self._put(sheet, row, 0, label, self._title if row == 0 else self._head)
            self._put(sheet, row, 1, value, self._title if row == 0 else self._text)

    def _findings(self) -> None:
        sheet = self._sheet("Findings", _FINDINGS)
        found = words.ranked(self._run.assessment.findings)
        for row, finding in enumerate(found, 1):
            for column, value in enumerate(_cells(finding, words.acceptances_of(finding, self._run.assessment))):
                form = self._outcomes.get(finding.outcome, self._plain) if column == 0 else self._text
                self._put(sheet, row, column, value, form)
        sheet.autofilter(0, 0, len(found), len(_FINDINGS) - 1)

    def _guests(self) -> None:
        head = [
            (name, 30 if name in ("displayName", "mail", "userPrincipalName") else 16) for name in guests_csv.COLUMNS
        ]
        row, sheet, part = 0, self._sheet("Guests", head), 1
        if (why := guests_csv.unread(self._run)) is not None:
            row = 1
            for column, value in enumerate((guests_csv.NOT_READ, why)):
                self._put(sheet, row, column, value, self._plain)
        for guest in counted(self._run):
            if row == SHEET_ROWS:
                sheet.autofilter(0, 0, row, len(head) - 1)
                part += 1
                row, sheet = 0, self._sheet(f"Guests {part}", head)
            row += 1
            for column, value in enumerate(guests_csv.cells(guest)):
                if value:
                    number = column in _NUMBERS and value.isdecimal()
                    self._put(sheet, row, column, int(value) if number else value, self._plain)
        sheet.autofilter(0, 0, max(row, 1), len(head) - 1)

    def _gaps(self) -> None:
        sheet = self._sheet("Not read", _GAPS)
        for row, (gap, codes) in enumerate(self._run.assessment.gaps, 1):
            values = (gap.name, words.REASONS[gap.reason], gap.detail, gap.unlock, " ".join(codes))
            for column, value in enumerate(values):
                self._put(sheet, row, column, value, self._text)


_NUMBERS = {
    guests_csv.COLUMNS.index(name)
    for name in ("ageDays", "pendingDays", "daysSinceLastSeen", "groups", "ownedObjects", "appRoles")
}


def _cells(finding: Finding, taken: Sequence[words.Taken]) -> Iterable[Any]:
    control = finding.control
    is_open = finding.outcome in (Outcome.FAIL, Outcome.PARTIAL)
    return (
        words.OUTCOMES[finding.outcome],
        finding.severity.value if is_open else "",
        control.code,
        control.title,
        words.found(finding),
        AREAS[control.area],
        finding.affected.count or None,
        ", ".join(dict.fromkeys(t.risk.until.isoformat() for t in taken)),
        "\n".join(shown(words.acceptance(t)) for t in taken),
        words.sentence(control.fix),
        words.sentence(control.breaks),
        words.sentence(control.why),
        "; ".join(f"{name} {', '.join(items)}" for name, items in sorted(control.frameworks.items())),
        " ".join(dict.fromkeys(o.request_id for o in finding.observed if o.request_id)),
    )
