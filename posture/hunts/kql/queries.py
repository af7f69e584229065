"""One query by name, whole: the tenant's values, the tables it stands on, and its body."""

from functools import cache
from pathlib import Path

from posture.errors import SettingsError
from posture.hunts.kql.parts import constants, prelude
from posture.hunts.people import People
from posture.settings import Thresholds

_BODIES = Path(__file__).parent / "bodies"
LOOKBACK = 30


@cache
def names() -> tuple[str, ...]:
    """Return the names of all queries."""
    return tuple(sorted(p.stem for p in _BODIES.glob("*.kql")))


@cache
def body(name: str) -> str:
    """Return a query's own part."""
    if name not in names():
        raise SettingsError(f"there is no query {name!r}; there are {', '.join(names())}")
    return (_BODIES / f"{name}.kql").read_text(encoding="utf-8").strip()


def query(
    name: str,
    people: People,
    thresholds: Thresholds,
    *,
    lookback_days: int = LOOKBACK,
    external_ids: tuple[str, ...] = (),
) -> str:
    """Return a query with a tenant's values in it. `external_ids` are object ids of members who came from outside."""
    text = body(name)
    values = constants(people, thresholds, lookback_days, external_ids)
    return f"{prelude(text, values)}\n{text}\n"
