"""guests.csv: one row per guest and pending invitation, safe to open in a spreadsheet.

Every field is quoted, the file is UTF-8 with a byte order mark, and no cell
starts a formula (`text.csv_cell`). `read` gives the values back unchanged.
Empty means *not recorded*, `not read` that the list could not be read at all;
where that is the guest list itself, one row says so, so that no reader takes an
empty file for a tenant without guests.
"""

import csv
import io
from collections.abc import Iterable, Iterator
from typing import BinaryIO

from posture.report import words
from posture.report.dates import iso_second
from posture.report.guest_rows import GuestRow
from posture.report.population import counted
from posture.report.text import csv_row, csv_value
from posture.report.view import RunView

COLUMNS = (
    "id",
    "displayName",
    "mail",
    "userPrincipalName",
    "domain",
    "companyName",
    "externalUserState",
    "creationType",
    "createdDateTime",
    "stateSince",
    "ageDays",
    "pendingDays",
    "accountEnabled",
    "lastSeen",
    "daysSinceLastSeen",
    "sponsors",
    "inviter",
    "directoryRoles",
    "groups",
    "ownedObjects",
    "appRoles",
    "findings",
    "accepted",
)
NOT_READ = "not read"


def render(run: RunView, out: BinaryIO) -> None:
    """Write guests.csv as a stream."""
    text = io.TextIOWrapper(out, encoding="utf-8-sig", newline="")
    try:
        writer = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
        writer.writerow(COLUMNS)
        if (why := unread(run)) is not None:
            writer.writerow([NOT_READ, why, *[""] * (len(COLUMNS) - 2)])
        writer.writerows(csv_row(cells(row)) for row in counted(run))
    finally:
        text.detach()


def unread(run: RunView) -> str | None:
    """Return in a few words why there is no guest list, None where there is one."""
    if "guests" in run.snapshot.facts:
        return None
    gap = run.snapshot.gaps.get("guests")
    return f"the guest list: {words.REASONS[gap.reason]}" if gap else "the guest list"


def cells(row: GuestRow) -> tuple[str, ...]:
    """Return a guest's values in the order of `COLUMNS`, unescaped."""
    return (
        row.id,
        row.name,
        row.mail,
        row.upn,
        row.domain,
        row.company,
        row.state,
        row.kind,
        iso_second(row.created),
        iso_second(row.state_since),
        _number(row.age_days),
        _number(row.pending_days),
        "" if row.enabled is None else str(row.enabled).lower(),
        iso_second(row.seen) if row.seen_read else NOT_READ,
        _number(row.unseen_days) if row.seen_read else NOT_READ,
        _list(row.sponsors),
        row.inviter or "",
        _list(row.roles),
        NOT_READ if row.groups is None else str(row.groups),
        NOT_READ if row.owned is None else str(row.owned),
        NOT_READ if row.apps is None else str(row.apps),
        " ".join(row.findings),
        "yes" if row.accepted else "",
    )


def _number(value: int | None) -> str:
    return "" if value is None else str(value)


def _list(values: Iterable[str] | None) -> str:
    return NOT_READ if values is None else "; ".join(values)


def read(source: BinaryIO) -> Iterator[dict[str, str]]:
    """Yield the rows of a guests.csv with its values as they were before they were made safe."""
    text = io.TextIOWrapper(source, encoding="utf-8-sig", newline="")
    try:
        for row in csv.DictReader(text):
            if row["id"] == NOT_READ:
                continue
            yield {key: csv_value(value or "") for key, value in row.items() if key is not None}
    finally:
        text.detach()
