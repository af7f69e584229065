"""Whatever a tenant's names hold, what reaches a script is one line of printable ASCII that no shell acts on."""

import csv
import json
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from posture.plan.azure_cli import quoted as shell_word
from posture.plan.evidence import ROOTS, segment
from posture.plan.powershell import quoted as powershell_string
from posture.plan.quote import COLUMNS, address, body_text, conditions, method, plain, row, words
from posture.plan.types import Find, Request
from tests.plan.hostile import TEXTS, text

BASH = shutil.which("bash")
values = st.recursive(st.none() | st.booleans() | st.integers(-9, 9) | text, lambda v: st.lists(v, max_size=3))
bodies = st.dictionaries(text, values | st.dictionaries(text, values, max_size=2), max_size=4)


def _printable(line: str) -> bool:
    return all(" " <= c <= "~" for c in line)


@given(text)
def test_a_name_is_one_harmless_line(name: str) -> None:
    shown = plain(name)
    assert _printable(shown)
    assert not set(shown) & set("'\"`$\\{}[]<>|&*!?~^%=") - {"?"}
    assert len(shown) <= 160
    assert not shown.startswith(("=", "+", "-", "@"))


@given(text)
def test_words_are_one_line(name: str) -> None:
    assert _printable(words(name))
    assert len(words(name)) <= 300


@given(bodies)
def test_a_body_keeps_its_meaning(body: dict[str, object]) -> None:
    told = body_text(body)
    assert _printable(told)
    assert "'" not in told
    assert json.loads(told) == body


@pytest.mark.parametrize("name", TEXTS)
def test_an_id_is_one_segment(name: str) -> None:
    """An id that no service gives stays within its place, or is refused."""
    try:
        url = f"{ROOTS['global']}/v1.0/users/{segment(name)}"
        shown = address(url)
    except (ValueError, UnicodeEncodeError):
        return
    assert shown.count("/") == 5
    assert not set(shown) & set("'\"` \t\n?#\\")


@pytest.mark.parametrize(
    "url",
    [
        "http://graph.microsoft.com/v1.0/users/1",
        "https://graph.microsoft.com",
        "https://graph.microsoft.com/v1.0/users/1\n",
        "https://graph.microsoft.com/v1.0/users/a'b",
        "https://graph.microsoft.com/v1.0/users/a b",
        "https://graph.microsoft.com/v1.0/users/../groups/1",
        "https://graph.microsoft.com/v1.0/users/`x`",
        'https://graph.microsoft.com/v1.0/users/"x"',
        "https://user@evil.example/v1.0/users/1",
        "https://graph.microsoft.com/v1.0/users?$filter=a eq 'b'",
    ],
)
def test_an_odd_address_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="not an address"):
        address(url)


def test_an_odd_method_is_refused() -> None:
    with pytest.raises(ValueError, match="not a method"):
        method("GET; rm")


@given(text, text)
def test_a_value_to_find_by_is_harmless_or_refused(key: str, value: str) -> None:
    try:
        found = conditions(Find("https://graph.microsoft.com/v1.0/groups", {key: value}))
    except ValueError:
        return
    assert all(_printable(x) and not set(x) & set("'\"`$\\;|&<>") for pair in found for x in pair)


@given(text, bodies, text, bodies)
def test_a_row_has_its_columns(guest: str, body: dict[str, object], name: str, back: dict[str, object]) -> None:
    """Columns between tabs, whatever the name and the bodies hold; JSON reads back unchanged."""
    url = f"{ROOTS['global']}/v1.0/users/1"
    request = Request("PATCH", url, body, name, undo=(Request("PATCH", url, back),))
    line = row(7, request)
    cells = line.split("\t")
    assert len(cells) == len(COLUMNS)
    assert _printable(line.replace("\t", ""))
    assert cells[:3] == ["7", "PATCH", url]
    assert json.loads(cells[3]) == body
    assert json.loads(cells[6]) == back
    (read,) = csv.reader([line], delimiter="\t", quoting=csv.QUOTE_NONE)
    assert read == cells


@pytest.mark.skipif(BASH is None, reason="bash is not here")
def test_a_shell_takes_a_word_as_it_is(tmp_path: Path) -> None:
    """Every hostile text as a quoted word: bash hands it on unchanged and runs nothing."""
    texts = [t for t in TEXTS if "\x00" not in t and t.isprintable() | ("\n" in t) and _encodable(t)]
    script = "".join(f"printf '%s\\0' {shell_word(t)}\n" for t in texts)
    _same_words(script, texts, tmp_path)


@pytest.mark.skipif(BASH is None, reason="bash is not here")
@settings(max_examples=20)
@given(names=st.lists(text.filter(lambda t: "\x00" not in t), min_size=1, max_size=30), body=bodies)
@example(names=["'"], body={"a": "'"})
def test_a_shell_takes_names_and_bodies_as_they_are(names: list[str], body: dict[str, object]) -> None:
    held = [*(plain(n) for n in names), *(words(n) for n in names), body_text(body)]
    script = "".join(f"printf '%s\\0' {shell_word(t)}  # {plain(t)}\n" for t in held)
    _same_words(script, held, None)


def _same_words(script: str, texts: list[str], where: Path | None) -> None:
    assert BASH is not None
    done = subprocess.run([BASH], input=script.encode(), capture_output=True, cwd=where, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split(b"\0")[:-1] == [t.encode() for t in texts]
    assert where is None or not list(where.iterdir())


def _encodable(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


@given(text)
def test_a_powershell_string_ends_where_it_should(name: str) -> None:
    """Inside the outer quotes every quote PowerShell knows is doubled, and undoubled it is the text again."""
    told = powershell_string(name)
    assert told[0] == told[-1] == "'"
    inner, read = told[1:-1], ""
    place = 0
    while place < len(inner):
        letter = inner[place]
        if letter in "'\u2018\u2019\u201a\u201b":
            assert inner[place + 1 : place + 2] == letter
            place += 1
        read += letter
        place += 1
    assert read == name
