"""What several areas of controls need: comparing ids, wording lists, refusing to judge half a picture."""

from collections.abc import Collection, Iterable, Mapping

from posture.errors import UnknownValueError
from posture.snapshot.power import unlicensed
from posture.snapshot.types import Gap, Rows

NO_GUESTS = "The tenant has no guests."


def ids(values: Iterable[str]) -> set[str]:
    """Return ids ready to compare, since Entra ignores their letter case."""
    return {v.casefold() for v in values}


def names(values: Iterable[str], first: Collection[str] = ()) -> str:
    """Return a short sorted list in words, those in `first` before the others, with the number of those left out."""
    found = sorted(set(values), key=lambda v: (v not in first, v))
    return ", ".join(found[:5]) + (f" and {len(found) - 5} more" if len(found) > 5 else "")


def number(count: int, noun: str) -> str:
    """Return a count with its noun, e.g. "1 guest" or "2,300 guests"."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def does(count: int, noun: str, one: str, many: str) -> str:
    """Return a count with its noun and verb, e.g. "1 guest has" or "2 guests have"."""
    return f"{number(count, noun)} {one if count == 1 else many}"


def unless_known(unknown: list[str], *sources: object) -> None:
    """Raise UnknownValueError where something stayed unknown: the rest alone must not look fine.

    `sources` are those the judgement may hang on. The missing one whose detail
    the words repeat gives the reason, and what would unlock it.
    """
    if unknown:
        more = f", and {len(unknown) - 1} more like it" if len(unknown) > 1 else ""
        cause = next((s for s in sources if isinstance(s, Gap) and s.detail and s.detail in unknown[0]), None)
        raise UnknownValueError(f"{unknown[0]}{more}", because=cause)


def unless_read(*sources: Rows | Gap, licensed: Rows | Gap = ()) -> None:
    """Raise UnknownValueError where a source is missing.

    `licensed` tells of a feature that is not in use without its licence, so it
    may be missing for that reason.
    """
    for source in (*sources, licensed):
        if isinstance(source, Gap) and not (source is licensed and unlicensed(source)):
            raise UnknownValueError(f"{source.name} was not read: {source.detail}", because=source)


def population(guests: Rows) -> int:
    """Return how many guests the tenant has."""
    if isinstance(guests, str | Mapping) or not hasattr(guests, "__len__"):
        raise UnknownValueError("guests: expected a list")
    return len(guests)
