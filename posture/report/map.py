"""The map of guest sign-ins: Natural Earth's outline and dots, as inline SVG, with the table that says the same.

Nothing is loaded: the outline is a path of 12 kB beside this module. A dot is
a place as the log rounds it, its size the number of sign-ins, its fill the
result: full where all succeeded, a ring where none did, both where some did.
Countries without coordinates (portal downloads give none) are dashed.
"""

import json
import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from posture.hunts.results import HuntResult, Place
from posture.report.charts import DataTable, Drawing
from posture.report.markup import svg
from posture.report.text import Seen, marked

if TYPE_CHECKING:
    from posture.report.view import RunView

DOTS = 100
"""Dots drawn; the table names as many places, the rest is counted."""
_NORTH, _SOUTH = 85.0, -60.0
_UNTOLD = "place not told"


@cache
def _world() -> dict[str, Any]:
    return json.loads((Path(__file__).parent / "world.json").read_text("utf-8"))  # type: ignore[no-any-return]


def drawing(run: "RunView") -> Drawing | None:
    """Return the map of a run; None where no log was hunted or no guest signed in."""
    hunted = run.assessment.hunts
    return draw(hunted) if hunted is not None and hunted.places else None


def draw(hunted: HuntResult) -> Drawing:
    """Return the map of a hunt's places."""
    world = _world()
    spots = _spots(hunted.places)
    shown = [s for s in spots if s.point is not None][:DOTS]
    most = max((s.place.total for s in shown), default=1)
    land = svg(
        "g", svg("path", class_="land", d=world["path"], transform=f"scale({1 / world['path_units_per_pixel']})")
    )
    # The largest first, so that small dots stay on top; rings hide nothing and go above full dots.
    by_kind: dict[str, list[Markup]] = {}
    cores: list[Markup] = []
    for spot in sorted(shown, key=lambda s: -s.place.total):
        kind = "failed" if not spot.place.succeeded else "some" if spot.place.failed else "in"
        radius = round(3 + 9 * math.sqrt(spot.place.total / most), 1)
        by_kind.setdefault(kind, []).append(_dot(spot, radius))
        if kind == "some":
            x, y = spot.point or (0, 0)
            cores.append(svg("circle", cx=x, cy=y, r=round(radius * 0.45, 1)))
    dots = [svg("g", *by_kind[kind], class_=f"place-{kind}") for kind in ("in", "some", "failed") if kind in by_kind]
    if cores:
        dots.append(svg("g", *cores, class_="place-in", pointer_events="none"))
    total = sum(p.total for p in hunted.places) + hunted.places_left_out
    failed = sum(p.failed for p in hunted.places)
    label = f"World map of {total:,} guest sign-ins from {len(spots):,} places, {failed:,} of them failed. "
    label += "The table beside it says the same."
    drawn = svg(
        "svg",
        land,
        *dots,
        class_="map",
        viewBox=f"0 0 {world['width']} {world['height']}",
        role="img",
        aria_label=label,
    )
    return Drawing(
        "sign-in-map",
        "Where guests signed in from",
        f"{total:,} sign-ins of guests, {failed:,} failed. Size is the number. A full dot: all succeeded; a ring: "
        "none did; a ring with a dot: some failed. Dashed: the log gives a country alone.",
        drawn,
        _table(spots, hunted.places_left_out),
    )


@dataclass(frozen=True, slots=True)
class _Spot:
    """A place with its point on the map; None where the log gives no place that can be drawn."""

    place: Place
    point: tuple[int, int] | None
    exact: bool


def _spots(places: Iterable[Place]) -> list[_Spot]:
    """Return every place with its point; places of one country without coordinates are one."""
    found: list[_Spot] = []
    by_country: dict[str, Place] = {}
    for place in places:
        if place.latitude is not None and place.longitude is not None:
            found.append(_Spot(place, _project(place.latitude, place.longitude), True))
            continue
        key = place.country.strip().upper()
        known = by_country.get(key)
        by_country[key] = place if known is None else _together(known, place)
    for code, place in by_country.items():
        point = _world()["countries"].get(code)
        found.append(_Spot(place, _project(*point) if point else None, False))
    return sorted(found, key=lambda s: (-s.place.total, s.place.country, s.place.city))


def _together(one: Place, other: Place) -> Place:
    last = max((t for t in (one.last, other.last) if t), default=None)
    return replace(
        one,
        city="",
        succeeded=one.succeeded + other.succeeded,
        failed=one.failed + other.failed,
        guests=max(one.guests, other.guests),
        portal=one.portal + other.portal,
        last=last,
    )


def _project(latitude: float, longitude: float) -> tuple[int, int] | None:
    """Return a point in the picture; None for what lies outside it."""
    if not _SOUTH <= latitude <= _NORTH:
        return None
    scale = _world()["width"] / 360
    return round((longitude + 180) * scale), round((_NORTH - latitude) * scale)


def _dot(spot: _Spot, radius: float) -> Markup:
    place, (x, y) = spot.place, spot.point or (0, 0)
    where = ", ".join(w[:60] for w in (place.city, place.country) if w) or _UNTOLD
    title = svg(
        "title", f"{where}: {place.succeeded:,} succeeded" + (f", {place.failed:,} failed" if place.failed else "")
    )
    return svg("circle", title, cx=x, cy=y, r=radius, stroke_dasharray=None if spot.exact else "2 2")


def _name(place: Place) -> str:
    words = [marked(w, 60) for w in (place.city, place.country) if w]
    return ", ".join(words) or _UNTOLD


def _table(spots: list[_Spot], left_out: int) -> DataTable:
    rows = tuple(
        (
            Seen(_name(s.place) + ("" if s.exact else " (country alone)" if s.place.country else "")),
            s.place.succeeded,
            s.place.failed,
            s.place.guests,
            s.place.portal,
            f"{s.place.last:%Y-%m-%d %H:%M}" if s.place.last else "",
        )
        for s in spots[:DOTS]
    )
    more = sum(s.place.total for s in spots[DOTS:]) + left_out
    note = f"{more:,} sign-ins from further places." if more else ""
    return DataTable(("Place", "Succeeded", "Failed", "Guests", "To the portal", "Last (UTC)"), rows, note)
