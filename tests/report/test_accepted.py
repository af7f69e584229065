"""Several accepted risks on one finding: every format shows each of them, with what it covers."""

import io
import json
import zipfile
from datetime import date
from html import unescape
from html.parser import HTMLParser
from pathlib import Path

import pytest

from posture.report import FORMATS
from posture.report.no_people import WITHHELD
from posture.report.view import Options, RunView
from posture.settings import AcceptedRisk, Settings
from tests import facts as f
from tests.report import builder

REASONS = ("the portal comes in spring", "a partner asked for time", "an auditor took the rest")


def risk(reason: str, until: date, **only: object) -> AcceptedRisk:
    return AcceptedRisk("GUEST-INV-006", reason, "ana@contoso.example", date(2026, 11, 1), until, **only)  # type: ignore[arg-type]


def settings(*, whole: bool) -> Settings:
    pending = [f.pending(n, days=400)["id"] for n in (1, 2)]
    scoped = (
        risk(REASONS[0], date(2026, 12, 31), guests=tuple(pending[:1])),
        risk(REASONS[1], date(2027, 1, 31), guests=tuple(pending), kind="planned"),
    )
    return Settings(accepted=(*scoped, risk(REASONS[2], date(2027, 2, 28))) if whole else scoped)


def run(folder: Path, *, whole: bool, **options: bool) -> RunView:
    people = [f.pending(n, days=400) for n in range(1, 6)]
    return builder.run(folder, settings=settings(whole=whole), options=Options(**options), guests=people)


class Words(HTMLParser):
    def __init__(self, source: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self.feed(source)

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def text_of(name: str, view: RunView) -> str:
    out = io.BytesIO()
    FORMATS[name].render(view, out)
    if name == "xlsx":
        with zipfile.ZipFile(io.BytesIO(out.getvalue())) as book:
            return unescape("".join(book.read(n).decode() for n in book.namelist() if n.startswith("xl/")))
    source = out.getvalue().decode()
    return " ".join(Words(source).words) if name == "html" else source


@pytest.mark.parametrize("whole", [False, True], ids=["part", "whole"])
@pytest.mark.parametrize("name", ["html", "md", "json", "xlsx", "sarif", "oscal", "ocsf", "junit"])
def test_each_of_them_is_shown(name: str, whole: bool, tmp_path: Path) -> None:
    if name == "xlsx":
        pytest.importorskip("xlsxwriter", reason="XlsxWriter is not installed (pip install 'posture[xlsx]')")
    said = text_of(name, run(tmp_path, whole=whole)).lower()
    for reason in REASONS[: 2 + whole]:
        assert reason in said
    for until in ("2026-12-31", "2027-01-31", *(["2027-02-28"] if whole else [])):
        assert until in said
    if name != "json":
        assert "covers 1 of 5 objects" in said
        assert "covers 2 of 5 objects" in said
        assert ("covers the whole finding" in said) == whole


def test_a_part_that_is_accepted_suppresses_nothing(tmp_path: Path) -> None:
    for whole in (False, True):
        view = run(tmp_path / str(whole), whole=whole)
        (log,) = json.loads(text_of("sarif", view))["runs"]
        (result,) = [r for r in log["results"] if r["ruleId"] == "GUEST-INV-006"]
        assert len(result["properties"]["acceptedRisks"]) == 2 + whole
        assert len(result.get("suppressions", [])) == (3 if whole else 0)
        (event,) = [e for e in json.loads(text_of("ocsf", view)) if e["compliance"]["control"] == "GUEST-INV-006"]
        assert event["status"] == ("Suppressed" if whole else "New")
        assert ('<skipped message="Accepted' in text_of("junit", view)) == whole


@pytest.mark.parametrize("name", ["html", "md", "oscal"])
def test_the_edition_without_people_makes_no_part_a_whole(name: str, tmp_path: Path) -> None:
    said = text_of(name, run(tmp_path, whole=False, people=False))
    assert WITHHELD in said
    assert "covers the whole finding" not in said.lower()
    assert "1 of 5 objects" in said
