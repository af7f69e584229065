"""Read one property of a Graph object, or say plainly that it is not usable.

An absent property, a null or another type is never the good value: each
function raises UnknownValueError, which the evaluator turns into *not assessed*.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from posture.errors import UnknownValueError

_NEVER_YEAR = 1


def present(obj: Mapping[str, Any], key: str) -> Any:
    """Return a property that must be there, null included."""
    if not isinstance(obj, Mapping):
        raise UnknownValueError(f"expected an object with {key}, found {_kind(obj)}")
    if key not in obj:
        raise UnknownValueError(f"{key} is absent from the answer")
    return obj[key]


def text(obj: Mapping[str, Any], key: str) -> str:
    """Return a string property."""
    value = present(obj, key)
    if not isinstance(value, str):
        raise UnknownValueError(f"{key} is {_kind(value)}, not text")
    return value


def flag(obj: Mapping[str, Any], key: str) -> bool:
    """Return a true/false property; "true" as text is not one."""
    value = present(obj, key)
    if not isinstance(value, bool):
        raise UnknownValueError(f"{key} is {_kind(value)}, not true or false")
    return value


def block(obj: Mapping[str, Any], key: str) -> dict[str, Any]:
    """Return an object property."""
    value = present(obj, key)
    if not isinstance(value, dict):
        raise UnknownValueError(f"{key} is {_kind(value)}, not an object")
    return value


def items(obj: Mapping[str, Any], key: str) -> list[Any]:
    """Return a list property."""
    value = present(obj, key)
    if not isinstance(value, list):
        raise UnknownValueError(f"{key} is {_kind(value)}, not a list")
    return value


def objects(rows: Iterable[Any] | None, what: str) -> Iterator[Mapping[str, Any]]:
    """Yield the objects of a list; `what` names it where it is none, or where a row is no object."""
    if rows is None or isinstance(rows, str | Mapping) or not hasattr(rows, "__iter__"):
        raise UnknownValueError(f"{what}: expected a list, found {_kind(rows)}")
    for row in rows:
        if not isinstance(row, Mapping):
            raise UnknownValueError(f"{what}: one entry is {_kind(row)}, not an object")
        yield row


def moment(value: Any) -> datetime | None:
    """Return a Graph time in UTC.

    None for null, for what is no time, and for Graph's "never" sentinel
    0001-01-01T00:00:00Z. Fractions of 0 to 9 digits are accepted; a time
    without a zone is taken as UTC, as Graph documents its times.

    Source: https://learn.microsoft.com/graph/api/resources/signinactivity
    """
    if not isinstance(value, str) or len(value) < 10:
        return None
    if len(value) == 20 and value[10] == "T" and value[19] == "Z":  # nearly all of Graph's; a tenant has millions
        try:
            found = datetime.fromisoformat(value)
        except ValueError:
            pass
        else:
            return None if found.year == _NEVER_YEAR else found
    head = value[:-1] if value[-1] in "Zz" else value
    if len(value) > 26 and "." in head:
        whole, _, rest = head.partition(".")
        digits = len(rest) - len(rest.lstrip("0123456789"))
        head = f"{whole}.{rest[: min(digits, 6)]}{rest[digits:]}"
    try:
        found = datetime.fromisoformat(head)
        found = found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return None if found.year == _NEVER_YEAR else found


def _kind(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true/false"
    if isinstance(value, int | float):
        return "a number"
    if isinstance(value, str):
        return "text"
    return "a list" if isinstance(value, list) else "an object"
