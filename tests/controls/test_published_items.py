"""The items of other people's frameworks that each control and hunt names, against those published for it."""

import re
from collections.abc import Iterable
from typing import Any

import pytest

from posture.controls.frameworks import mappings
from posture.controls.registry import catalogue
from posture.hunts.registry import hunts
from tests.shared import shared

ENTRIES: dict[str, Any] = {e.code: e for e in (*catalogue(), *hunts()) if e.code.startswith("GUEST-")}
NUMBERS = {
    "cis_m365": r"\d+\.\d+\.\d+(?:\.\d+)?",
    "cis_azure": r"\d+\.\d+(?:\.\d+)?",
    "scuba": r"MS\.[A-Z]+\.\d+\.\d+v\d+",
    "mcsb": r"[A-Z]{2}-\d+",
    "nist_800_53r5": r"[A-Z]{2}-\d+(?:\(\d+\))?[a-z]?",
    "iso_27001_2022": r"A\.\d+\.\d+",
    "attack": r"T\d{4}(?:\.\d{3})?",
    "atrm": r"AZT\d+(?:\.\d+)?",
    "zta": r"\d{5}",
}
VERSION = re.compile(r"\bv\d+(?:\.\d+|\.x)*(?:-v?\d+(?:\.\d+)*)?")
DIFFERENT = {
    ("GUEST-WRK-006", "cis_m365"): "the items on Fabric are not in Graph: shown as uncovered",
    ("GUEST-HUN-006", "scuba"): "the same: the published row shortens 7.8v1 and 7.9v1",
}


def numbers(framework: str, items: Iterable[Any]) -> set[str]:
    """Return the item numbers in some mappings, their versions aside."""
    return {n for item in items for n in re.findall(NUMBERS[framework], VERSION.sub("", str(item)))}


@pytest.mark.parametrize("framework", NUMBERS)
def test_every_control_names_the_published_items(framework: str) -> None:
    yaml = pytest.importorskip("yaml")
    published = yaml.safe_load(shared("controls", "catalogue.yaml").read_text(encoding="utf-8"))["controls"]
    assert {p["id"] for p in published} == set(ENTRIES)
    differ = set()
    for entry in published:
        theirs = numbers(framework, (entry["frameworks"] or {}).get(framework) or ())
        ours = numbers(framework, mappings(ENTRIES[entry["id"]]).get(framework, ()))
        if theirs != ours:
            differ.add((entry["id"], framework))
    assert differ == {key for key in DIFFERENT if key[1] == framework}


def test_weights_kinds_and_areas_are_those_published() -> None:
    yaml = pytest.importorskip("yaml")
    listed = yaml.safe_load(shared("controls", "catalogue.yaml").read_text(encoding="utf-8"))
    for published in listed["controls"]:
        ours = ENTRIES[published["id"]]
        if hasattr(ours, "fail"):
            said = (published["kind"], published["scored"], published["severity"]["fail"])
            assert (ours.kind, ours.scored, ours.fail) == said, published["id"]
            assert ours.partial == published["severity"]["partial"], published["id"]
