"""The sign-in map: nothing outside it, nothing a guest typed becomes markup, the table says the same."""

import json
import re
import xml.etree.ElementTree as ET
from datetime import UTC, datetime
from pathlib import Path

import pytest

from posture.hunts.results import HuntResult, Place
from posture.report import map as sign_in_map
from tests.shared import shared

HOSTILE = [
    s["value"] for s in json.loads((Path(__file__).parent / "hostile-strings.json").read_text("utf-8"))["strings"]
]
WHEN = datetime(2026, 11, 19, 8, tzinfo=UTC)


def place(
    lat: float | None, lon: float | None, city: str = "Oslo", country: str = "NO", ok: int = 3, bad: int = 0
) -> Place:
    return Place(lat, lon, city, country, ok, bad, 2, 1, WHEN)


def drawn(*places: Place, left_out: int = 0) -> tuple[ET.Element, sign_in_map.Drawing]:
    drawing = sign_in_map.draw(HuntResult(places=places, places_left_out=left_out))
    return ET.fromstring(str(drawing.svg)), drawing


def circles(root: ET.Element) -> list[dict[str, str]]:
    """Return the dots as drawn, each with the class it takes from its group."""
    return [{**c.attrib, "class": g.attrib["class"]} for g in root.iter("g") for c in g.iter("circle")]


def corners(path: str) -> set[tuple[int, int]]:
    """Return the corners of an outline; every piece begins anew, its further corners are told from the one before."""
    found = set()
    for piece in path.split("M")[1:]:
        x, y, *steps = map(int, re.findall(r"-?\d+", piece))
        found.add((x, y))
        for dx, dy in zip(steps[::2], steps[1::2], strict=True):
            x, y = x + dx, y + dy
            found.add((x, y))
    return found


def test_outline_is_natural_earths() -> None:
    world = json.loads((Path(sign_in_map.__file__).parent / "world.json").read_text("utf-8"))
    published = json.loads(shared("map", "world-land-110m.json").read_text("utf-8"))
    ours, theirs = corners(world["path"]), corners(published["path"])
    assert {c for c in ours - theirs if c[0]} == set(), "only the cut at the date line is ours"
    assert len(ours) > len({c for c in theirs if c[0] >= 0}) / 2
    assert len(world["countries"]) > 230
    assert all(re.fullmatch("[A-Z]{2}", code) for code in world["countries"])
    assert all(-90 <= lat <= 90 and -180 <= lon <= 180 for lat, lon in world["countries"].values())


def test_where_a_place_lies() -> None:
    root, drawing = drawn(place(0.0, 0.0), place(59.9, 10.8), place(-89.0, 0.0, "Pole"))
    assert [(c["cx"], c["cy"]) for c in circles(root)] == [("480", "227"), ("509", "67")]
    assert [row[0] for row in drawing.table.rows] == ["Oslo, NO", "Oslo, NO", "Pole, NO"], (
        "what cannot be drawn is in the table"
    )
    assert root.attrib["role"] == "img"
    assert root.attrib["aria-label"].startswith("World map of 9 guest sign-ins from 3 places, 0 of them failed.")


def test_size_and_result() -> None:
    root, _ = drawn(place(1, 1, ok=100), place(2, 2, ok=25, bad=0), place(3, 3, ok=0, bad=4), place(4, 4, ok=1, bad=3))
    kinds = [(c["class"], float(c["r"])) for c in circles(root)]
    assert kinds[:2] == [("place-in", 12.0), ("place-in", 7.5)]
    assert sorted(k for k, _ in kinds[2:]) == ["place-failed", "place-in", "place-some"]
    titles = [t.text for t in root.iter("title")]
    assert "Oslo, NO: 0 succeeded, 4 failed" in titles


def test_countries_without_coordinates_are_one_hollow_dot() -> None:
    root, drawing = drawn(
        place(None, None, "Oslo"), place(None, None, "Bergen"), place(None, None, "", "QQ"), place(None, None, "", "")
    )
    assert [c.get("stroke-dasharray") for c in circles(root)] == ["2 2"]
    assert [row[:2] for row in drawing.table.rows] == [
        ("NO (country alone)", 6),
        ("place not told", 3),
        ("QQ (country alone)", 3),
    ]


@pytest.mark.parametrize("value", HOSTILE)
def test_hostile_places(value: str) -> None:
    root, drawing = drawn(place(1, 1, value, value), place(None, None, value, value))
    tags = {e.tag for e in root.iter()}
    assert tags <= {"svg", "g", "path", "circle", "title"}
    assert not [a for e in root.iter() for a in e.attrib if a.startswith(("on", "style", "href", "src"))]
    assert len(drawing.table.rows) == 2
    for row in drawing.table.rows:
        "".join(map(str, row)).encode("utf-8")


def test_at_most_so_many_dots() -> None:
    root, drawing = drawn(*(place(1, n / 10, f"C{n}", ok=1000 - n) for n in range(900)), left_out=7)
    assert len(circles(root)) == sign_in_map.DOTS == len(drawing.table.rows)
    assert drawing.table.note.endswith("sign-ins from further places.")
    assert len(str(drawing.svg)) < 50_000


def test_nothing_to_draw() -> None:
    root, drawing = drawn()
    assert circles(root) == []
    assert drawing.table.rows == ()
