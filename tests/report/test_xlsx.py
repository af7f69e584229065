import io
import re
import sys
import zipfile
from xml.etree import ElementTree as Xml

import pytest

pytest.importorskip("xlsxwriter", reason="XlsxWriter is not installed (pip install 'posture[xlsx]')")

from posture.errors import OutputError
from posture.report import FORMATS, guests_csv, text
from posture.report.view import Options
from tests.report import builder

MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"


def rendered(run) -> zipfile.ZipFile:
    out = io.BytesIO()
    FORMATS["xlsx"].render(run, out)
    return zipfile.ZipFile(out)


def sheets(book: zipfile.ZipFile) -> dict[str, list[list[str]]]:
    """Return each sheet's rows as text, as a spreadsheet would show them."""
    names = [s.get("name") for s in Xml.fromstring(book.read("xl/workbook.xml")).iter(f"{MAIN}sheet")]
    found = {}
    for number, name in enumerate(names, 1):
        root = Xml.fromstring(book.read(f"xl/worksheets/sheet{number}.xml"))
        found[name] = [["".join(c.itertext()) for c in row.iter(f"{MAIN}c")] for row in root.iter(f"{MAIN}row")]
    return found


def test_findings_guests_and_gaps(tmp_path):
    run = builder.run(tmp_path)
    found = sheets(rendered(run))
    assert list(found) == ["Summary", "Findings", "Guests", "Not read"]
    assert len(found["Findings"]) == len(run.assessment.findings) + 1
    assert len(found["Guests"]) == 31
    assert found["Guests"][0] == list(guests_csv.COLUMNS)
    assert len(found["Not read"]) == len(run.assessment.gaps) + 1


def test_nothing_a_guest_typed_is_a_formula_a_link_or_a_number(tmp_path):
    book = rendered(builder.hostile_run(tmp_path))
    for name in book.namelist():
        source = book.read(name).decode("utf-8")
        assert "<f>" not in source, name
        assert "<hyperlink" not in source, name
        assert "externalLink" not in name
    found = sheets(book)
    assert len(found["Guests"]) == 2 * len(builder.hostile_values()) + 1
    cells = {cell for row in found["Guests"] for cell in row}
    for value in builder.hostile_values():
        healed = value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        if healed.strip():
            assert text.shown(healed)[:32_000] in cells


def test_texts_that_look_like_numbers_stay_text(tmp_path):
    book = rendered(builder.hostile_run(tmp_path))
    sheet = book.read("xl/worksheets/sheet3.xml").decode()
    assert re.search(r't="inlineStr"><is><t>00123</t>', sheet)


def test_no_guest_sheet_without_people(tmp_path):
    assert "Guests" not in sheets(rendered(builder.run(tmp_path, options=Options(people=False))))


def test_the_same_run_gives_the_same_content(tmp_path):
    one, other = rendered(builder.run(tmp_path / "a")), rendered(builder.run(tmp_path / "b"))
    assert one.namelist() == other.namelist()
    assert all(one.read(n) == other.read(n) for n in one.namelist())


def test_a_missing_library_is_one_line_with_its_remedy(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "xlsxwriter", None)
    monkeypatch.delitem(sys.modules, "posture.report.xlsx", raising=False)
    with pytest.raises(OutputError, match=r"pip install 'posture\[xlsx\]'"):
        FORMATS["xlsx"].render(builder.run(tmp_path), io.BytesIO())
