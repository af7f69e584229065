"""Times as logs write them: ISO with 0 to 9 digits, blank or T, zone or none, and Log Analytics' US style."""

import re
from datetime import UTC, datetime
from typing import Any

from posture.snapshot.values import moment

_US = re.compile(
    r"(\d{1,2})/(\d{1,2})/(\d{4}),? (\d{1,2}):(\d{2}):(\d{2})(?:\.(\d{1,9}))?(?:\s?([AP])M)?", re.IGNORECASE
)
_ISO = len("2026-01-01T00:00:00")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def log_time(value: Any) -> datetime | None:
    """Return a log's time in UTC; None where it is no time.

    A time without a zone is taken as UTC, as all exports of Entra logs are.
    `9/19/2023, 1:45:17.287 PM` is month first, the one slashed order Log
    Analytics writes; a first number above 12 is refused, not guessed.

    Source: https://learn.microsoft.com/azure/azure-monitor/logs/log-analytics-overview
    """
    if not isinstance(value, str):
        return None
    if len(value) > _ISO and value[10] == "T" and value[-1] == "Z":
        try:
            found = datetime.fromisoformat(value)  # Graph's own spelling, most rows: no detour
        except ValueError:
            return None
        return found if found.year > 1 else None
    text = value.strip()
    known = moment(text)
    if known is not None or "/" not in text:
        return known
    match = _US.fullmatch(text)
    if match is None:
        return None
    month, day, year, hour, minute, second = (int(g) for g in match.groups()[:6])
    if match[8]:
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + (12 if match[8] in "Pp" else 0)
    micro = int(((match[7] or "") + "000000")[:6])
    try:
        return datetime(year, month, day, hour, minute, second, micro, tzinfo=UTC)
    except ValueError:
        return None


def micros(when: datetime | None) -> int:
    """Return microseconds since 1970, 0 for a time that is not known: it sorts first."""
    if when is None:
        return 0
    passed = when - EPOCH
    return (passed.days * 86_400 + passed.seconds) * 1_000_000 + passed.microseconds
