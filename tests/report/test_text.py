import csv
import io
import re
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from posture.report import text
from tests.report.builder import hostile

# Every code point, lone surrogates included, with the troublesome ones made likely.
NASTY = st.text(
    st.one_of(
        st.characters(),
        st.integers(0xD800, 0xDFFF).map(chr),
        st.sampled_from(
            list("`|\\'\"=+-@%<>&*_[]()#!~:/\r\n\t\x00\x1b\x7f\x85\u00ad\u200b\u200d\ufe0f\u202e\u2028\ufeff\uff1d{}u")
        ),
    ),
    max_size=60,
)
BENIGN = [s["value"] for s in hostile() if s["class"] == "benign"]
UNSEEN = {"Cc", "Cf", "Cs", "Zl", "Zp", "Co"}


def ids(strings):
    return [s["id"] for s in strings]


@pytest.mark.parametrize("value", BENIGN)
def test_a_benign_name_reads_the_same_everywhere(value):
    assert text.shown(value) == text.marked(value) == text.csv_cell(value) == text.terminal(value) == value
    assert value in text.markdown_code(value)


def test_every_character_that_cannot_be_seen_is_shown():
    unseen = [c for c in map(chr, range(0x110000)) if unicodedata.category(c) in UNSEEN and text.shown(c) == c]
    assert unseen == []


@pytest.mark.parametrize(
    "value", ["\u2764\ufe0f", "1\ufe0f\u20e3", "👨\u200d👩\u200d👧", "می\u200cخواهم", "e\u0301", "Å\u0323"]
)
def test_what_belongs_to_a_letter_is_kept(value):
    assert text.shown(value) == value


@pytest.mark.parametrize(
    ("value", "seen"),
    [
        ("ad\u200dmin", "ad\\u{200d}min"),
        ("x\ufe0f\ufe0f", "x\\u{fe0f}\\u{fe0f}"),
        ("❤\ufe0f\ufe0f", "❤\ufe0f\\u{fe0f}"),
        ("a" + "\u0301" * 6, "a" + "\u0301" * 4 + "\\u{301}\\u{301}"),
        ("\ud800x", "\\u{d800}x"),
        ("\ufffe", "\\u{fffe}"),
        ("\U0001fffe", "\\u{1fffe}"),
        ("literal \\u{202e}", "literal \\u{5c}u{202e}"),
    ],
)
def test_what_is_hidden_is_shown(value, seen):
    assert text.shown(value) == seen


@given(NASTY)
@settings(max_examples=300, deadline=None)
def test_showing_loses_nothing_and_leaves_nothing_unseen(value):
    seen = text.shown(value)
    assert text.unshown(seen) == value
    assert not re.search("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]", seen)
    seen.encode("utf-8")


def test_blank_is_said_and_edges_are_shown():
    assert text.marked("") == "(empty)"
    assert text.marked("\u00a0") == "\\u{a0}"
    assert text.marked(" a ") == "\\u{20}a\\u{20}"
    assert text.marked("a  b") == "a  b"


def test_a_cut_never_leaves_half_a_mark():
    assert text.marked("aaaa\u202ebbbb", 8) == "aaaa… (9 characters)"
    assert text.marked("x" * 500, 10) == "x" * 10 + "… (500 characters)"


@pytest.mark.parametrize(
    ("name", "seen"),
    [
        ("contoso.example", "contoso.example"),
        ("bücher.example", "bücher.example (xn--bcher-kva.example)"),
        ("сontoso.example", "сontoso.example (xn--ontoso-hrf.example)"),
        ("\ud800.example", "\\u{d800}.example (xn--zn7c.example)"),
    ],
)
def test_a_domain_that_is_not_ascii_shows_its_punycode(name, seen):
    assert text.domain(name) == seen


# Spreadsheets


@given(NASTY)
@settings(max_examples=300, deadline=None)
def test_a_cell_starts_no_formula_and_reads_back(value):
    cell = text.csv_cell(value)
    assert text.csv_value(cell) == value
    visible = cell.lstrip()
    assert not (len(visible) > 1 and visible[0] in "=+-@|%\uff1d\uff0b\uff0d\uff20\uff5c\uff05" and visible[1:].strip())


@given(st.lists(NASTY, min_size=1, max_size=4))
@settings(deadline=None)
def test_a_row_of_cells_reads_back_as_one_row(values):
    out = io.StringIO()
    csv.writer(out, quoting=csv.QUOTE_ALL).writerow([text.csv_cell(v) for v in values])
    read = list(csv.reader(io.StringIO(out.getvalue())))
    assert [[text.csv_value(c) for c in row] for row in read] == [values]


@pytest.mark.parametrize("case", hostile(), ids=ids(hostile()))
def test_the_corpus_survives_a_spreadsheet(case):
    assert text.csv_value(text.csv_cell(case["value"])) == case["value"]


# Terminal


@given(NASTY, st.integers(4, 40))
@settings(max_examples=300, deadline=None)
def test_nothing_reaches_the_terminal_but_letters_and_it_fits(value, width):
    line = text.terminal(value, width)
    assert text.columns(line) <= width
    assert not {unicodedata.category(c) for c in line} & {"Cc", "Cf", "Cs", "Zl", "Zp"}


def test_wide_letters_count_twice():
    assert text.columns("李小龍") == 6
    assert text.terminal("李小龍", 4) == "李…"


# Names of files


@given(NASTY)
@settings(deadline=None)
def test_a_slug_is_legal_everywhere(value):
    name = text.slug(value, "tenant")
    assert re.fullmatch(r"[a-z0-9]([a-z0-9.-]{0,58}[a-z0-9])?", name)
    assert not re.match(r"(con|prn|aux|nul|com\d|lpt\d)(\.|$)", name)


@pytest.mark.parametrize("case", [s for s in hostile() if s["class"] == "filename"], ids=lambda s: s["id"])
def test_hostile_file_names(case):
    name = text.slug(case["value"], "tenant")
    assert "/" not in name
    assert "\\" not in name
    assert ".." not in name
    assert len(name) <= 60


# Sentences with a tenant's words in Markdown


@pytest.mark.parametrize(
    ("sentence", "made"),
    [
        ("12.5 % of guests, in total", "12.5 % of guests, in total"),
        ("set to <b>x</b>, see a.example (5.1.2)", "set to `<b>x</b>`, see `a.example` (5.1.2)"),
        ("@octocat closes org/repo#9", "`@octocat` closes `org/repo#9`"),
        ("# heading", "`#` heading"),
        ("1. one", "`1.` one"),
        (":warning: fine", "`:warning:` fine"),
        ("a|b", "`a|b`"),
        ("two\nlines", "`two\\u{a}lines`"),
    ],
)
def test_words_a_renderer_would_obey_become_code(sentence, made):
    assert text.markdown_words(sentence) == made


def test_our_own_prose_keeps_its_code_and_its_blanks():
    paragraph = "Holds when `allowInvitesFrom` is `none` or (`a`). Go to A > B."
    assert text.markdown_prose(paragraph) == "Holds when `allowInvitesFrom` is `none` or (`a`). Go to A › B."


def test_a_bar_after_a_backslash_stays_in_its_cell():
    assert text.markdown_code("a\\|b|c", cell=True) == "`a\\u{5c}\\|b\\|c`"
    assert text.markdown_code("` `` `") == "``` ` `` ` ```"
