import pytest

from posture.report.terminal import summary, summary_lines
from posture.report.text import columns
from tests.report import builder


@pytest.mark.parametrize("width", [40, 60, 80, 120])
def test_every_line_fits(tmp_path, width):
    for run in (builder.run(tmp_path / "a"), builder.hostile_run(tmp_path / "b")):
        for line in summary_lines(run.assessment, width):
            assert columns(line) <= width, line


def test_hostile_text_is_shown_not_obeyed(tmp_path):
    lines = "\n".join(summary_lines(builder.hostile_run(tmp_path).assessment))
    assert all(c == "\n" or c.isprintable() for c in lines)


def test_the_story_is_told_from_the_worst_down(tmp_path):
    lines = summary(builder.run(tmp_path).assessment)
    assert lines[0].text == "Contoso, 23 November 2026"
    assert lines[1].style == "strong"
    rows = [line for line in lines if line.text.startswith("GUEST-")]
    assert [line.style for line in rows] == sorted((line.style for line in rows), key=["fail", "partial"].index)
    text = "\n".join(line.text for line in lines)
    assert "controls were not assessed" in text
    assert "Grant SharePointTenantSettings.Read.All" in text


def test_no_score_is_said_as_such(tmp_path):
    text = "\n".join(summary_lines(builder.run(tmp_path).assessment))
    assert "No score" in text
    assert "60 %" in text
