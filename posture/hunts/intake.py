"""Take rows into the streams: from the logs of a run, and from exported files of any shape."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from posture.errors import EvidenceError
from posture.hunts.files import rows
from posture.hunts.shapes import ACCEPTED, Other, Record, Shape, column_name, shape_of
from posture.hunts.streams import Streams
from posture.snapshot.types import Fact

_KINDS = 256
"""Sets of column names remembered for one file."""


def take_fact(streams: Streams, name: str, fact: Fact, shape: Shape) -> None:
    """Take every row of a log that a run collected."""
    quiet = name == "sign_ins_non_interactive"
    for number, row in enumerate(fact.value, 1):
        found = shape.read(row) if isinstance(row, Mapping) else None
        if isinstance(found, Record):
            if quiet and found.interactive is None:
                found = replace(found, interactive=False)
            streams.take(found, name, number)
        elif isinstance(found, Other):
            streams.other(name, found)
        else:
            streams.bad(name, number, "it is no object")


@dataclass(frozen=True, slots=True)
class _Reading:
    """How rows with one set of names are read: their shape, or what they seem to be, and names to be changed."""

    shape: Shape | None
    instead: str
    names: Mapping[str, str]


def take_file(streams: Streams, path: Path, label: str) -> None:
    """Take every row of an exported file.

    A row that cannot be used is noted under the label with its number. A file
    in which nothing is a log is refused: EvidenceError says what it seems to be.
    """
    known: dict[tuple[str, ...], _Reading] = {}
    total = used = 0
    strange = unread = ""
    for number, row, why in rows(path):
        total = number
        if row is not None:
            keys = tuple(row)
            reading = known.get(keys)
            if reading is None:
                reading = _reading(path, keys)
                if len(known) < _KINDS:
                    known[keys] = reading
            if reading.shape is not None:
                why = _take(streams, reading.shape, reading.names, row, label, number)
                used += not why
            else:
                strange = strange or reading.instead
                why = "it is no record of a log that is read here"
        if why:
            streams.bad(label, number, why)
            unread = unread or f" (row {number:,}: {why})"
    if not used:
        seems = f"seems to be {strange}" if strange else f"holds no row that can be read{unread}"
        raise EvidenceError(f"{path.name} {seems if total else 'has a header and no rows'}. {ACCEPTED}.")


def _reading(path: Path, keys: tuple[str, ...]) -> _Reading:
    try:
        names = {k: plain for k in keys if (plain := column_name(k)) != k}
    except ValueError as zone:
        raise EvidenceError(f"{path.name}: {zone}.") from None
    shape, instead = shape_of(tuple(names.get(k, k) for k in keys))
    return _Reading(shape, instead, names)


def _take(
    streams: Streams, shape: Shape, names: Mapping[str, str], row: dict[str, Any], label: str, number: int
) -> str:
    """Take one row and return "", or return why it is none."""
    found = shape.read({names.get(k, k): v for k, v in row.items()} if names else row)
    if isinstance(found, Record):
        streams.take(found, label, number)
    elif isinstance(found, Other):
        streams.other(label, found)
    else:
        return f"{shape.name}: the envelope holds no record"
    return ""
