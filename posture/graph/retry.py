"""When to ask again, and after how long.

Source: https://learn.microsoft.com/graph/throttling,
https://learn.microsoft.com/graph/best-practices-concept
"""

import secrets
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

TRANSIENT = frozenset({408, 429, 500, 502, 503, 504, 509})
"""Statuses that say nothing about the question, only about the moment."""
THROTTLED = frozenset({429, 503})
"""Statuses by which a service asks everybody to pause."""

LONGEST_BACKOFF = 30.0
"""Seconds: the longest pause of our own choosing."""

_chance = secrets.SystemRandom()


def retry_after(header: str | None, now: datetime) -> float | None:
    """Return the pause a `Retry-After` header asks for, in seconds.

    Seconds may be decimal (Graph sends `2.128`); an HTTP date is compared with
    `now`. None where there is no header or it says nothing usable: zero, a
    negative number, a time past, or junk.
    """
    text = (header or "").strip()
    if not text or len(text) > 64:
        return None
    try:
        seconds = float(text)
    except ValueError:
        try:
            when = parsedate_to_datetime(text)
        except (ValueError, TypeError, IndexError, OverflowError):
            return None
        when = when.replace(tzinfo=UTC) if when.tzinfo is None else when
        seconds = (when - now).total_seconds()
    return seconds if 0 < seconds < float("inf") else None


def backoff(attempt: int, *, throttled: bool) -> float:
    """Return the pause after the given failed attempt (from 1), with jitter, in seconds."""
    base: float = min(LONGEST_BACKOFF, (1.0 if throttled else 0.5) * 2 ** min(attempt - 1, 10))
    factor: float = _chance.uniform(0.75, 1.25)
    return base * factor


def jittered(seconds: float) -> float:
    """Return a pause a little longer than asked for, so that waiters do not all come back at once."""
    return seconds + _chance.uniform(0.0, min(1.0, 0.1 * seconds))
