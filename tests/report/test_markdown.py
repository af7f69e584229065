import re
from dataclasses import replace

import cmarkgfm
import pytest
from cmarkgfm.cmark import Options as Cmark
from hypothesis import given, settings
from markdown_it import MarkdownIt

from posture.hunts.results import HuntResult, HuntRun, Window
from posture.report import markdown, text
from posture.report.view import Options
from tests import facts as f
from tests.report import builder
from tests.report.test_text import NASTY


def github(source: str) -> str:
    """Render as GitHub does; raw HTML is kept so that it would show itself."""
    return cmarkgfm.github_flavored_markdown_to_html(source, options=Cmark.CMARK_OPT_UNSAFE)


def commonmark(source: str) -> str:
    return MarkdownIt("gfm-like", {"linkify": False, "html": True}).render(source)


def tags(html: str) -> set[str]:
    return set(re.findall(r"<(/?[a-zA-Z][a-zA-Z0-9]*)", html))


ALLOWED = {"h1", "h2", "h3", "p", "strong", "code", "table", "thead", "tbody", "tr", "th", "td", "ul", "ol", "li"}


@pytest.fixture(scope="module")
def nasty(tmp_path_factory):
    return markdown.whole(builder.hostile_run(tmp_path_factory.mktemp("run")))


@pytest.mark.parametrize("render", [github, commonmark])
def test_no_tenant_word_becomes_markup(nasty, render):
    found = {t.lstrip("/") for t in tags(render(nasty))}
    assert found <= ALLOWED, found - ALLOWED


@pytest.mark.parametrize("render", [github, commonmark])
def test_tables_keep_their_rows_and_cells(nasty, render):
    for table in re.findall(r"<table>.*?</table>", render(nasty), re.DOTALL):
        rows = re.findall(r"<tr>(.*?)</tr>", table, re.DOTALL)
        widths = {len(re.findall(r"<t[hd]", row)) for row in rows}
        assert len(widths) == 1
        assert widths <= {2, 4, 5}


def test_github_and_commonmark_agree(tmp_path):
    source = markdown.whole(builder.run(tmp_path))

    def words(html: str) -> str:
        return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html)).replace("&quot;", '"').strip()

    assert words(github(source)) == words(commonmark(source))


def test_plain_markdown_has_no_control_character(nasty):
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b\u202a-\u202e\u2066-\u2069\ud800-\udfff]", nasty)


@given(NASTY)
@settings(max_examples=150, deadline=None)
def test_any_name_is_one_code_span_in_one_cell(value):
    source = f"| a | b |\n| --- | --- |\n| {text.markdown_code(value, cell=True)} | end |\n"
    for html in (github(source), commonmark(source)):
        assert html.count("<td") == 2
        assert {t.lstrip("/") for t in tags(html)} <= {"table", "thead", "tbody", "tr", "th", "td", "code"}


@given(NASTY)
@settings(max_examples=150, deadline=None)
def test_any_sentence_stays_a_paragraph(value):
    html = github(f"Seen: {text.markdown_words(value)}\n")
    assert tags(html) <= {"p", "/p", "code", "/code"}


def test_the_report_stays_under_its_limit_and_says_what_is_left_out(tmp_path):
    run = builder.run(tmp_path)
    long = "x" * 3_000
    findings = tuple(
        replace(f, summary=long, notes=(long, long), observed=tuple(replace(o, value=long) for o in f.observed))
        for f in run.assessment.findings
    )
    source = markdown.whole(replace(run, assessment=replace(run.assessment, findings=findings)))
    assert len(source.encode()) < 60_000
    assert "are in report.html" in source


def test_the_hostile_report_is_under_its_limit(nasty):
    assert len(nasty.encode()) < 60_000


def test_a_comment_is_short(tmp_path):
    run = builder.run(tmp_path, options=Options(short=True))
    comment = markdown.short(run)
    assert len(comment) < 4_000
    assert comment.startswith("**")
    assert "| Fails |" in comment
    last = comment.splitlines()[-1]
    assert text.markdown_code(run.assessment.tenant.name) in last
    assert last.endswith("**Confidential**")


def test_no_lead_is_told_with_what_was_not_hunted(tmp_path):
    run = builder.run(tmp_path)

    def leads(hunts):
        source = markdown.whole(replace(run, assessment=replace(run.assessment, leads=(), hunts=hunts)))
        return source.partition("## Leads")[2].partition("## Method")[0]

    window = Window("audits", "directory_audits", 3, f.TAKEN_AT, f.TAKEN_AT)
    whole = HuntResult(windows=(window,), runs=(HuntRun("HUNT-A", "One hunt"),))
    assert "No log was read" in leads(None)
    assert "\nNone.\n" in leads(whole)
    part = leads(
        replace(
            whole,
            runs=(
                *whole.runs,
                HuntRun("HUNT-B", "Another hunt", not_run="No sign-ins were read."),
                HuntRun("HUNT-C", "A third hunt", not_run="No sign-ins were read."),
                HuntRun("HUNT-D", "A fourth hunt", limits=("The log is too short.",)),
            ),
        )
    )
    assert "None in what was looked at; not all was." in part
    assert "- No sign-ins were read. That leaves out: Another hunt; A third hunt." in part
    assert "- The log is too short. That leaves out: A fourth hunt." in part
    assert "One hunt" not in part


def test_structure(tmp_path):
    source = markdown.whole(builder.run(tmp_path))
    heads = re.findall(r"^## (.*)$", source, re.MULTILINE)
    assert heads == [
        "Start here",
        "Changes since 20 August 2026",
        "Findings",
        "Details",
        "What could not be read",
        "Guests",
        "What a guest can read",
        "Accepted risks",
        "Attestations",
        "Leads",
        "Method",
    ]
    assert "request `request-authorization_policy`" in source
    assert "Grant `SharePointTenantSettings.Read.All`" in source
