"""Single kinds of events out of the directory's audit log, for controls that ask whether something was done.

Source: https://learn.microsoft.com/graph/api/resources/directoryaudit
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from math import ceil
from typing import Any

from posture.snapshot.values import moment, objects, text

ENABLED = "Enable account"
DISABLED = "Disable account"
RESET = "Invite external user with reset invitation status"
"""Names as the log spells them; letter case may differ.

Source: https://learn.microsoft.com/entra/identity/monitoring-health/reference-audit-activities
"""


@dataclass(frozen=True, slots=True)
class AuditEvent:
    """One event.

    `when` is None where it is no time. `actors` are the ids of the user or
    application behind it; an application may be known by two.
    """

    when: datetime | None
    result: str
    actors: tuple[str, ...]
    targets: tuple[str, ...]


def events(directory_audits: Iterable[Mapping[str, Any]], activity: str) -> Iterator[AuditEvent]:
    """Yield the events of one activity, in the order of the list; ids are in lower case.

    Raises UnknownValueError for a record that does not name its activity.
    """
    wanted = activity.casefold()
    for row in objects(directory_audits, "directory audits"):
        if text(row, "activityDisplayName").casefold() == wanted:
            yield AuditEvent(
                moment(row.get("activityDateTime")),
                str(row.get("result", "")).casefold(),
                tuple(_actors(row.get("initiatedBy"))),
                tuple(_ids(row.get("targetResources"))),
            )


def days_covered(directory_audits: Iterable[Mapping[str, Any]], since: datetime, taken_at: datetime) -> int:
    """Return over how many days the records since a moment are spread: what the log can tell, in whole days.

    Entra keeps 7 days without a licence, whatever is asked for; 0 where no record has a time.

    Source: https://learn.microsoft.com/entra/identity/monitoring-health/reference-reports-data-retention
    """
    start = since.strftime("%Y-%m-%dT%H:%M:%S")
    times = (row.get("activityDateTime") for row in objects(directory_audits, "directory audits"))
    oldest = moment(min((t for t in times if isinstance(t, str) and t >= start), default=None))
    return 0 if oldest is None else max(1, ceil((taken_at - oldest).total_seconds() / 86_400))


def within(days: int, covered: int) -> str:
    """Return the window in words: the days asked for, or those the log goes back."""
    if covered + 1 >= days:
        return f"within {days} days"
    return f"in the {covered} day{'' if covered == 1 else 's'} that the audit log goes back"


def targets_since(directory_audits: Iterable[Mapping[str, Any]], activity: str, since: datetime) -> frozenset[str]:
    """Return the ids of objects to which something was done, with success, since a moment."""
    return frozenset(
        target
        for event in events(directory_audits, activity)
        if event.result == "success" and event.when is not None and event.when >= since
        for target in event.targets
    )


def _actors(initiated_by: Any) -> Iterator[str]:
    for key, names in (("user", ("id",)), ("app", ("servicePrincipalId", "appId"))):
        part = initiated_by.get(key) if isinstance(initiated_by, Mapping) else None
        if isinstance(part, Mapping):
            yield from (found.casefold() for name in names if isinstance(found := part.get(name), str) and found)


def _ids(targets: Any) -> Iterator[str]:
    for target in targets if isinstance(targets, list) else ():
        found = target.get("id") if isinstance(target, Mapping) else None
        if isinstance(found, str) and found:
            yield found.casefold()
