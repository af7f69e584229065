"""The invitation tree: chains readable, nothing a guest typed becomes markup, bounded."""

import json
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from posture.hunts.inviters import Branch, InvitationTree, Person, Reach
from posture.report import tree as invitation_tree

HOSTILE = [
    s["value"] for s in json.loads((Path(__file__).parent / "hostile-strings.json").read_text("utf-8"))["strings"]
]


def guest(name: str, *children: Branch, invited: int | None = None) -> Branch:
    count = len(children) if invited is None else invited
    return Branch(Person(name, name, "guest"), "log", "Accepted", Reach(groups=1, roles=0), count, children)


def tree(*roots: Branch) -> InvitationTree:
    return InvitationTree(roots, guests=9, known=5, by_guests=2, longest=3, by_source={"log": 4, "sponsor": 1})


def drawn(found: InvitationTree) -> tuple[ET.Element, invitation_tree.Drawing]:
    drawing = invitation_tree.draw(found)
    return ET.fromstring(str(drawing.svg)), drawing


def words(root: ET.Element) -> list[str]:
    return ["".join(t.itertext()) for t in root.iter("text")]


def member(name: str, *children: Branch, invited: int | None = None) -> Branch:
    return Branch(
        Person(name, name, "member"), invited=len(children) if invited is None else invited, children=children
    )


def test_a_chain() -> None:
    root, drawing = drawn(tree(member("Ann"), member("Lee", guest("Bob", guest("Cid")), guest("Dan"), invited=7)))
    assert words(root) == [
        "Lee · member, invited 7",
        "Bob · guest, invited 1 · reaches 1 group (teams, applications, owned objects not read)",
        "Cid",
        "Dan and 5 more",
        "Ann · member, invited 0",
    ]
    assert drawing.table.rows[:3] == (
        ("Bob", "Lee", "the log", "Accepted", 1, "1 group (teams, applications, owned objects not read)"),
        ("Dan", "Lee", "the log", "Accepted", 0, "1 group (teams, applications, owned objects not read)"),
        ("Cid", "Bob ← Lee", "the log", "Accepted", 0, "1 group (teams, applications, owned objects not read)"),
    )
    assert drawing.table.note == "5 further guests are in guests.csv."
    assert root.attrib["role"] == "img"
    assert "5 of 9 guests have a known inviter" in root.attrib["aria-label"]
    assert "4 by the log, 1 by their sponsor" in drawing.lead


@pytest.mark.parametrize("value", HOSTILE)
def test_hostile_names(value: str) -> None:
    root, drawing = drawn(tree(member(value, guest(value, guest(value)))))
    assert {e.tag for e in root.iter()} <= {"svg", "path", "circle", "rect", "text", "tspan"}
    assert not [a for e in root.iter() for a in e.attrib if a.startswith(("on", "style", "href", "src"))]
    assert len(drawing.table.rows) == 2
    json.dumps(drawing.table.rows).encode("utf-8")


def test_very_many_inviters_are_cut() -> None:
    roots = [member(f"m{n}", *(guest(f"g{n}-{k}") for k in range(12)), invited=500) for n in range(400)]
    root, drawing = drawn(tree(*roots))
    assert len(words(root)) == invitation_tree.LINES
    assert len(drawing.table.rows) == invitation_tree.ROWS
    assert len(str(drawing.svg)) < 40_000


def test_a_very_long_chain_is_drawn_flat_enough() -> None:
    chain = guest("g0")
    for n in range(1, 20):
        chain = guest(f"g{n}", chain)
    root, _ = drawn(tree(member("m", chain)))
    assert len(words(root)) == 21
