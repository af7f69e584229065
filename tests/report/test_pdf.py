import io
import os
import re
import shutil

import pytest

from posture.errors import OutputError
from posture.report import FORMATS, html, pdf
from posture.report.view import Options
from tests.report import builder


def test_no_browser_is_one_line_that_says_how_to_print(monkeypatch):
    monkeypatch.setattr(pdf, "_places", lambda: iter(("no-such-browser",)))
    with pytest.raises(OutputError, match=r"no Chrome, Chromium or Edge is installed.*Open report\.html in a browser"):
        pdf.find()


def test_a_browser_that_cannot_be_run_is_named():
    with pytest.raises(OutputError, match="/nowhere/chrome is not a program"):
        pdf.find("/nowhere/chrome")


def program(folder, words: str):
    path = folder / "browser"
    path.write_text(f"#!/bin/sh\n{words}\n")
    path.chmod(0o755)
    return str(path)


@pytest.mark.skipif(os.name != "posix", reason="the stand-in browser is a shell script")
def test_a_browser_that_prints_nothing_is_an_error(tmp_path):
    run = builder.run(tmp_path / "run", options=Options(browser=program(tmp_path, "exit 3")))
    with pytest.raises(OutputError, match=r"printed nothing \(exit code 3\)"):
        pdf.render(run, io.BytesIO())


@pytest.mark.skipif(os.name != "posix", reason="the stand-in browser is a shell script")
def test_a_browser_that_never_ends_is_stopped(tmp_path, monkeypatch):
    monkeypatch.setattr(pdf, "PATIENCE", 0.2)
    run = builder.run(tmp_path / "run", options=Options(browser=program(tmp_path, "exec sleep 30")))
    with pytest.raises(OutputError, match="did not finish"):
        pdf.render(run, io.BytesIO())


def test_the_printed_page_holds_no_script_and_has_its_findings_open(tmp_path):
    source = html.printed(builder.hostile_run(tmp_path), {"findings": 3})
    assert "<script" not in source
    assert "script-src" not in source
    assert re.search(r'<details id="guest-inv-001"[^>]* open>', source)
    assert re.search(r'href="#findings"><span>Findings</span><span class="?leader"?></span><span>3</span>', source)


def test_page_numbers_of_what_is_no_print_of_chromium():
    assert pdf.page_numbers(b"%PDF-1.7 nothing here") == {}


@pytest.mark.parametrize(("paper", "size"), [("", (595, 842)), ("letter", (612, 792))])
def test_a_real_print(tmp_path, monkeypatch, paper, size):
    if not any(map(shutil.which, pdf.PROGRAMS)):
        pytest.skip("no Chromium, Chrome or Edge is installed, so nothing was printed")
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    out = io.BytesIO()
    FORMATS["pdf"].render(builder.run(tmp_path, options=Options(paper=paper)), out)
    data = out.getvalue()
    assert data.startswith(b"%PDF-")
    assert not list(home.iterdir()), "the browser leaves nothing in the person's home"
    box = re.search(rb"/MediaBox \[0 0 ([\d.]+) ([\d.]+)\]", data)
    assert (round(float(box[1])), round(float(box[2]))) == size
    numbers = pdf.page_numbers(data)
    assert numbers["summary"] == 2
    assert numbers["summary"] < numbers["findings"] < numbers["guests"] < numbers["frameworks"] < numbers["method"]
    assert b"/Marked true" in data
