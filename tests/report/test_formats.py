import os
import stat
import sys
from pathlib import Path

import pytest

from posture.errors import OutputError, SettingsError
from posture.report import FORMATS, formats, write_reports
from tests.report import builder


def test_each_format_is_written_whole_and_private(tmp_path):
    run = builder.run(tmp_path)
    written = write_reports(run, tmp_path / "out")
    assert {p.name for p in written} == {"report.html", "report.md", "assessment.json", "guests.csv"}
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == [
        "assessment.json",
        "assessment.schema.json",
        "guests.csv",
        "report.html",
        "report.md",
    ]
    for path in written:
        assert path.stat().st_size > 500
        if os.name == "posix":
            assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_an_unknown_format_is_named_with_what_there_is():
    with pytest.raises(SettingsError, match=r"'word' is not one of html, md, json"):
        formats(["html", "word"])


def test_a_format_that_fails_leaves_nothing_behind(tmp_path, monkeypatch):
    def fail(run, out):
        out.write(b"half")
        raise OutputError("no")

    from posture.report import markdown

    monkeypatch.setattr(markdown, "render", fail)
    with pytest.raises(OutputError):
        write_reports(builder.run(tmp_path), tmp_path / "out", ["md"])
    assert list((tmp_path / "out").iterdir()) == []


def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(OutputError, match="cannot create"):
        write_reports(builder.run(tmp_path / "run"), tmp_path / "file" / "out")


def test_file_names_are_ours_alone(tmp_path):
    names = {f.file for f in FORMATS.values()}
    assert len(names) == len(FORMATS)
    assert all(name == Path(name).name for name in names)
    run = builder.hostile_run(tmp_path)
    write_reports(run, tmp_path / "out")
    assert {p.name for p in (tmp_path / "out").iterdir()} <= names | {"assessment.schema.json"}


def test_the_registry_imports_no_format_by_itself():
    import subprocess

    code = "import sys, posture.report; print([m for m in sys.modules if m in ('jinja2', 'markupsafe', 'xlsxwriter')])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
