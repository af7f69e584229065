"""Chance without chance: ids, picks and times that follow from words, so the same script writes the same bytes."""

import base64
import hashlib
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TypeVar

T = TypeVar("T")


def _digest(*words: object) -> bytes:
    return hashlib.sha256("\x1f".join(map(str, words)).encode("utf-8", "surrogatepass")).digest()


def guid(*words: object) -> str:
    """Return a version 4 GUID that looks drawn and follows from the words."""
    return str(uuid.UUID(bytes=_digest("guid", *words)[:16], version=4))


def number(low: int, high: int, *words: object) -> int:
    """Return a whole number from `low` to `high`, both included."""
    return low + int.from_bytes(_digest("number", *words)[:8], "big") % (high - low + 1)


def share(percent: int, *words: object) -> bool:
    """Return true for about so many of a hundred different words."""
    return number(0, 99, "share", *words) < percent


def pick(choices: Sequence[T], *words: object) -> T:
    """Return one of the choices."""
    return choices[number(0, len(choices) - 1, "pick", *words)]


def letters(count: int, *words: object) -> str:
    """Return capital letters and digits."""
    return base64.b32encode(_digest("letters", *words)).decode()[:count]


def hex32(*words: object) -> str:
    """Return 32 hexadecimal digits."""
    return _digest("hex", *words).hex()[:32]


def assignment_id(role: str, principal: str) -> str:
    """Return the id of a role assignment, which Graph makes of role and principal."""
    both = uuid.UUID(role).bytes_le + uuid.UUID(principal).bytes_le
    return base64.urlsafe_b64encode(both).decode().rstrip("=") + "-1"


def at(text: str) -> datetime:
    """Return a time written as `2026-11-03 09:14` or `2026-11-03 09:14:05`, in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def jitter(when: datetime, seconds: int, *words: object) -> datetime:
    """Return a time moved on by up to so many seconds."""
    return when + timedelta(seconds=number(0, seconds, "jitter", *words))


def z(when: datetime | None) -> str | None:
    """Write a time as the directory does: whole seconds and Z."""
    return None if when is None else when.strftime("%Y-%m-%dT%H:%M:%SZ")


def z7(when: datetime, *words: object) -> str:
    """Write a time as the audit log does: seven decimals and Z."""
    return f"{when.strftime('%Y-%m-%dT%H:%M:%S')}.{number(0, 9_999_999, 'z7', when, *words):07d}Z"
