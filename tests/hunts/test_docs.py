"""The page about hunts knows every hunt, query, parameter and every item of the two source documents."""

import re
from dataclasses import fields
from pathlib import Path

from posture.hunts.kql.catalogue import packed
from posture.hunts.registry import hunts
from posture.settings import Thresholds
from tests.shared import shared

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "hunts.md").read_text("utf-8")


def test_every_hunt_with_its_severity_and_techniques() -> None:
    for one in hunts():
        row = re.search(rf"^\| {one.code} \|[^|]*\| (\w+) \| ([^|]*) \|$", PAGE, re.MULTILINE)
        assert row, one.code
        assert row.groups() == (one.severity.value, ", ".join(one.attack)), one.code


def test_every_query_of_sentinel_alone() -> None:
    local = {h.code for h in hunts()}
    for item in packed():
        assert item.code in local or f"| {item.code} |" in PAGE


def test_every_parameter_exists() -> None:
    known = {f.name for f in fields(Thresholds)}
    named = set(re.findall(r"`([a-z]+(?:_[a-z]+)+)`", PAGE))
    assert named <= known
    assert {"failed_invites_threshold", "dormant_days", "approved_guest_ids", "expected_countries"} <= named


def test_every_activity_of_the_report_has_an_answer() -> None:
    report = shared("sources", "trr0021.txt").read_text("utf-8")
    activities = re.findall(r"^UserManagement(.+)$", report, re.MULTILINE)
    assert len(activities) == 7
    for activity in activities:
        assert f"| {activity.strip()} |" in PAGE


def test_every_query_of_the_article_has_an_answer() -> None:
    article = shared("sources", "sentinel-guest-hunt.txt").read_text("utf-8")
    assert len(re.findall(r"^``` sql$", article, re.MULTILINE)) == 4
    queries = PAGE[PAGE.index("### Queries") : PAGE.index("### Activities")]
    assert queries.count("| B: ") == 5, "four queries, and the PowerShell lines"
