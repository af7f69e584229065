"""plan.md and plan.json: tenant text stays text, and both say the same as the plan."""

import json
import re
from itertools import islice
from pathlib import Path
from typing import Any

import cmarkgfm
import pytest
from cmarkgfm.cmark import Options as Cmark

from posture.errors import OutputError
from posture.plan.quote import COLUMNS
from posture.plan.scripts import list_name, listed, table_name
from posture.plan.types import Request
from posture.plan.write import document, write_plan
from tests.plan.conftest import Write, Written

NAMES = ["contoso", "hostile names", "halfblind", "dayone"]
ALLOWED = {
    *("h1", "h2", "h3", "h4", "p", "strong", "code", "pre", "table", "thead", "tbody", "tr", "th", "td", "ul", "ol"),
    *("li", "div"),
}


def text(written: Written) -> str:
    return (written.folder / "plan.md").read_text("utf-8")


def html(written: Written) -> str:
    """Render as GitHub does; raw HTML is kept so that it would show itself."""
    return cmarkgfm.github_flavored_markdown_to_html(text(written), options=Cmark.CMARK_OPT_UNSAFE)


def loaded(written: Written) -> dict[str, Any]:
    found = json.loads((written.folder / "plan.json").read_bytes())
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize("name", NAMES)
def test_no_tenant_word_becomes_markup(name: str, write: Write) -> None:
    found = {t.lower() for t in re.findall(r"</?([a-zA-Z][a-zA-Z0-9]*)", html(write(name)))}
    assert found <= ALLOWED, found - ALLOWED


@pytest.mark.parametrize("name", NAMES)
def test_tables_keep_their_rows_and_cells(name: str, write: Write) -> None:
    written = write(name)
    (table,) = re.findall(r"<table>.*?</table>", html(written), re.DOTALL)
    rows = re.findall(r"<tr>(.*?)</tr>", table, re.DOTALL)
    assert len(rows) == 1 + len(written.plan.steps)
    assert {len(re.findall(r"<t[hd]", row)) for row in rows} == {6}


@pytest.mark.parametrize("name", NAMES)
def test_nothing_unseen_is_written(name: str, write: Write) -> None:
    for file in ("plan.md", "plan.json"):
        data = (write(name).folder / file).read_text("utf-8")
        hidden = re.findall("[\x00-\x09\x0b-\x1f\x7f-\x9f\xad\u200b\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]", data)
        assert not hidden, (file, hidden[:3])


@pytest.mark.parametrize("name", NAMES)
def test_every_step_and_finding_is_told(name: str, write: Write) -> None:
    written = write(name)
    plan = written.plan
    told = text(written)
    for remedy in plan.remedies:
        assert f"\n### {remedy.finding.control.code} " in told
    for placed in plan.steps:
        assert f"\n#### {placed.number}. {placed.step.id} " in told
    numbers = [int(n) for n in re.findall(r"^\| (\d+) \|", told, re.MULTILINE)]
    assert numbers == list(range(1, len(plan.steps) + 1))
    for finding in (*plan.unseen, *plan.look):
        assert f"\n- {finding.control.code} " in told


@pytest.mark.parametrize("name", ["contoso", "hostile names"])
def test_each_request_stands_with_its_way_back(name: str, write: Write) -> None:
    """What is not in a list stands in plan.md in full, its body as JSON, and so does what takes it back."""
    written = write(name)
    blocks = re.findall(r"^```http\n(.*?)^```$", text(written), re.MULTILINE | re.DOTALL)
    found = [_block(b) for b in blocks]
    for placed in written.plan.steps:
        step = placed.step
        if step.listed or step.same_as or step.blocked or len(step.requests) > 3:
            continue
        for request in step.requests:
            assert _told(request) in found
            assert all(_told(back) in found for back in request.undo)
            assert request.undo or request.no_undo, f"{step.id} has no way back and does not say why"


def _block(block: str) -> tuple[str, str, Any]:
    line, _, body = block.partition("\n")
    method, _, url = line.partition(" ")
    return method, url, json.loads(body) if body.strip() else None


def _told(request: Request) -> tuple[str, str, Any]:
    return request.method, request.url, json.loads(json.dumps(request.body)) if request.body is not None else None


@pytest.mark.parametrize("name", NAMES)
def test_json_holds_the_plan(name: str, write: Write) -> None:
    written = write(name)
    found = loaded(written)
    plan = written.plan
    assert found["plan_version"] == 1
    assert [s["id"] for s in found["steps"]] == [p.step.id for p in plan.steps]
    assert [f["control"] for f in found["findings"]] == [r.finding.control.code for r in plan.remedies]
    for told, placed in zip(found["steps"], plan.steps, strict=True):
        assert told["count"] == len(placed.step.requests)
        assert told["decide"] == (placed.chosen or None)
        limit = 20 if placed.step.listed else None
        for row, request in zip(told["requests"], islice(placed.step.requests, limit), strict=True):
            assert (row["method"], row["url"], row["body"]) == _told(request)
            assert [(b["method"], b["url"], b["body"]) for b in row.get("undo", ())] == [_told(b) for b in request.undo]
            assert row.get("concerns", "") == request.about


def test_json_is_what_the_command_prints(write: Write) -> None:
    written = write("contoso")
    made = document(written.plan, written.audited.assessment)
    assert json.loads(json.dumps(made)) == loaded(written)


@pytest.mark.parametrize("name", ["contoso", "hostile names"])
def test_lists_hold_one_request_a_line(name: str, write: Write) -> None:
    written = write(name)
    steps = list(listed(written.plan))
    tables = {table_name(r) for r in written.plan.remedies if r.table is not None}
    names = {f"lists/{p.name}" for p in (written.folder / "lists").iterdir()}
    assert names == {list_name(s) for s in steps} | tables
    for step in steps:
        lines = (written.folder / list_name(step)).read_text("ascii").split("\n")
        assert lines[0] == "\t".join(COLUMNS)
        assert lines.pop() == ""
        rows = [line.split("\t") for line in lines[1:]]
        assert [(r[0], r[1], r[2]) for r in rows] == [(str(n), q.method, q.url) for n, q in enumerate(step.requests, 1)]
        assert {len(r) for r in rows} == {len(COLUMNS)}


def test_files_are_private(write: Write) -> None:
    for file in write("contoso").folder.rglob("*"):
        assert file.stat().st_mode & 0o077 == 0, file


def test_lists_of_an_earlier_plan_go(write: Write, tmp_path: Path) -> None:
    written = write("contoso")
    (tmp_path / "lists").mkdir()
    (tmp_path / "lists" / "GUEST-OLD-001.1.tsv").write_text("x")
    (tmp_path / "lists" / "mine.txt").write_text("x")
    write_plan(written.plan, written.audited.assessment, tmp_path)
    left = {p.name for p in (tmp_path / "lists").iterdir()}
    assert "GUEST-OLD-001.1.tsv" not in left
    assert "mine.txt" in left


@pytest.mark.parametrize("name", ["plan.md", "plan.json", "plan.ps1", "plan.sh", "lists"])
def test_links_are_not_followed(name: str, write: Write, tmp_path: Path) -> None:
    written = write("contoso")
    target = tmp_path / "elsewhere"
    target.mkdir()
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / name).symlink_to(target if name == "lists" else target / "file")
    with pytest.raises(OutputError, match="is a link"):
        write_plan(written.plan, written.audited.assessment, tmp_path / "out")
    assert not list(target.iterdir())
