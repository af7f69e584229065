from pathlib import Path

import pytest

from posture.errors import SettingsError
from posture.report.brand import CONTRAST, brand, contrast

PNG = b"\x89PNG\r\n\x1a\n" + b"\x00" * 40
SVG = b'<svg xmlns="http://www.w3.org/2000/svg" width="8" height="8"><rect width="8" height="8"/></svg>'


def test_contrast_is_that_of_wcag():
    assert round(contrast("#000000", "#ffffff"), 1) == 21.0
    assert round(contrast("#767676", "#ffffff"), 2) == 4.54


@pytest.mark.parametrize("colour", ["#ffcc00", "#9aa5b1", "red", "#12345", "#1b5c8a;}", "#1B5C8A0"])
def test_a_colour_that_cannot_be_read_is_refused(colour):
    with pytest.raises(SettingsError, match=r"brand\.accent"):
        brand(accent=colour)


@pytest.mark.parametrize("colour", ["#1b5c8a", "#7A1F3D", "#0b3d2e", "#000000"])
def test_a_colour_gets_a_lighter_one_for_the_dark_page(colour):
    made = brand(accent=colour)
    assert min(contrast(made.accent, g) for g in ("#faf9f6", "#ffffff")) >= CONTRAST
    assert min(contrast(made.accent_dark, g) for g in ("#12161c", "#191f27")) >= CONTRAST


@pytest.mark.parametrize(
    ("name", "data", "start"), [("a.png", PNG, "data:image/png;base64,"), ("a.svg", SVG, "data:image/svg+xml;base64,")]
)
def test_a_logo_travels_inside_the_page(tmp_path, name, data, start):
    path = tmp_path / name
    path.write_bytes(data)
    assert brand(logo=path).logo.startswith(start)


@pytest.mark.parametrize(
    "data",
    [b"GIF89a", b"", b"<html><svg>", b"<!DOCTYPE svg [<!ENTITY x 'y'>]><svg></svg>", PNG + b"\x00" * 100_001],
)
def test_what_is_no_logo_is_refused(tmp_path, data):
    path = tmp_path / "logo"
    path.write_bytes(data)
    with pytest.raises(SettingsError, match=r"brand\.logo"):
        brand(logo=path)


@pytest.mark.parametrize("start", [b"<!---->" * 2000, b"<?xml version='1.0'?>\n<!-- a -->\n <!-- b -->"])
def test_comments_before_a_drawing_cost_a_step_each(tmp_path, start):
    path = tmp_path / "logo"
    path.write_bytes(start + SVG)
    assert brand(logo=path).logo.startswith("data:image/svg+xml")
    for data in (start, start + b"<html>", start + b"<!-- never ends"):
        path.write_bytes(data)
        with pytest.raises(SettingsError, match="neither PNG nor SVG"):
            brand(logo=path)


def test_a_logo_that_is_no_file(tmp_path):
    for path in (Path("/dev/zero"), tmp_path):
        if path.exists():
            with pytest.raises(SettingsError, match="no plain file"):
                brand(logo=path)


def test_a_missing_logo_is_one_sentence(tmp_path):
    with pytest.raises(SettingsError, match="cannot be read"):
        brand(logo=tmp_path / "none.png")


def test_words_longer_than_a_page_and_unknown_languages_are_refused():
    with pytest.raises(SettingsError, match=r"brand\.name"):
        brand(name="x" * 301)
    with pytest.raises(SettingsError, match=r"brand\.language 'tlh'"):
        brand(language="tlh")
