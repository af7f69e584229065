r"""The one place that makes tenant text safe for each format we write.

A guest chooses their own name. `shown` turns every character that a reader
could not see, or that a program would obey, into `\u{202e}`; it loses nothing
(`unshown` is its inverse), and a name of ordinary letters stays as it is. The
functions after it add what one format needs: `markdown_*`, `csv_*`,
`terminal`. HTML is escaped by the template engine, see `markup.py`.

Which characters are shown is written out here, not asked of `unicodedata`,
whose answer changes with Python's version: the same tenant gives the same
bytes everywhere.
"""

import json
import re
import unicodedata
from collections.abc import Sequence
from typing import Any

# Cc, Cf, Cs, Zl, Zp, private use, non-characters, and letters or marks drawn as nothing:
# combining grapheme joiner, Hangul fillers, Khmer inherent vowels, braille blank.
_UNSEEN = (
    "\\x00-\\x1f\\x7f-\\x9f\\xad\\u034f\\u0600-\\u0605\\u061c\\u06dd\\u070f\\u0890\\u0891\\u08e2\\u115f\\u1160\\u17b4\\u17b5"
    "\\u180b-\\u180f\\u200b\\u200e\\u200f\\u2028-\\u202e\\u2060-\\u206f\\u2800\\u3164\\ud800-\\udfff\\ue000-\\uf8ff"
    "\\ufdd0-\\ufdef\\ufeff\\uffa0\\ufff0-\\ufffb\\ufffe\\uffff"
    "\\U000110bd\\U000110cd\\U00013430-\\U0001345f\\U0001bca0-\\U0001bca3\\U0001d159\\U0001d173-\\U0001d17a"
    "\\U000e0000-\\U000e00ff\\U000e01f0-\\U000e0fff\\U000f0000-\\U0010ffff"
)
_MARK = "\\u0300-\\u036f\\u0483-\\u0489\\u1ab0-\\u1aff\\u1dc0-\\u1dff\\u20d0-\\u20ff\\ufe20-\\ufe2f"
_SELECTOR = "\\ufe00-\\ufe0f\\U000e0100-\\U000e01ef"
_STACK = 4
"""Marks that may stand on one letter; a fifth would draw over the neighbouring lines."""

_PLANE_ENDS = "".join(f"\\U{plane:04x}fffe\\U{plane:04x}ffff" for plane in range(1, 15))
_SHOW = re.compile(
    rf"[{_UNSEEN}{_PLANE_ENDS}]"
    # A joiner or selector is part of a letter or emoji only beside one that is not ASCII (or in a keycap).
    rf"|(?<![^\x00-\x7f])[\u200c\u200d]|[\u200c\u200d](?![^\x00-\x7f])|(?<=[\u200c\u200d])[\u200c\u200d]"
    rf"|(?<![^\x00-\x7f])(?<![0-9#*])[{_SELECTOR}]|(?<=[0-9#*])[{_SELECTOR}](?!\u20e3)|(?<=[{_SELECTOR}\u200c\u200d])[{_SELECTOR}]"
    rf"|(?<=[{_MARK}]{{{_STACK}}})[{_MARK}]"
    # The notation itself, so that it can be undone.
    r"|\\(?=u\{)"
)
_SHOWN = re.compile(r"\\u\{([0-9a-f]{1,6})\}")
_EDGES = re.compile(r"^\s+|\s+$")
EMPTY = "(empty)"


def steps(paragraph: str) -> str:
    """Return a paragraph of ours with the steps of a portal's path set apart as people read them."""
    return paragraph.replace(" > ", " › ")


def json_text(value: Any) -> str:
    """Return a value as JSON on one line, text without quotes; not made safe for any format."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True, default=str)


class Seen(str):
    """Text that `marked` has made: showing it again leaves it as it is. Nothing that was read is ever one."""

    __slots__ = ()


def shown(text: str) -> str:
    r"""Return text with what cannot be seen, or would be obeyed, written as `\u{…}`."""
    if isinstance(text, Seen) or (text.isascii() and text.isprintable() and "\\" not in text):
        return text
    return _SHOW.sub(_code, text)


def _code(match: re.Match[str]) -> str:
    return "".join(f"\\u{{{ord(c):x}}}" for c in match.group())


def unshown(text: str) -> str:
    """Return what `shown` was given."""
    return _SHOWN.sub(lambda m: chr(int(m.group(1), 16)) if int(m.group(1), 16) < 0x110000 else m.group(), text)


def marked(text: str, limit: int = 0) -> str:
    """Return text as a reader should meet it: `shown`, blank edges visible, nothing written as (empty).

    `limit` cuts it to that many characters and says how long it was; 0 never cuts.
    """
    if not text:
        return EMPTY
    seen = shown(text)
    if seen[0].isspace() or seen[-1].isspace():
        seen = _EDGES.sub(_code, seen)
    if limit and len(seen) > limit:
        seen = f"{_whole(seen[:limit])}… ({len(text):,} characters)"
    return Seen(seen)


def _whole(cut: str) -> str:
    r"""Drop a `\u{…}` that a cut left half."""
    head, mark, tail = cut.rpartition("\\u{")
    return head if mark and "}" not in tail else cut


def domain(name: str) -> str:
    """Return a domain as read, with its punycode beside it where a letter is not ASCII."""
    seen = marked(name)
    if name.isascii():
        return seen
    labels = []
    for label in name.split("."):
        if label.isascii():
            labels.append(label)
            continue
        try:
            labels.append(label.encode("idna").decode("ascii"))
        except UnicodeError:
            labels.append(
                "xn--"
                + label.encode("utf-16", "surrogatepass").decode("utf-16", "replace").encode("punycode").decode("ascii")
            )
    return Seen(f"{seen} ({shown('.'.join(labels))})")


# --- Markdown -----------------------------------------------------------------------------------------------------

_TICKS = re.compile(r"`+")
_SPECIAL = re.compile(r"[`*_\[\]<>&~|$@#{}\\^]|://|\w\.\w|^[/!]")
_NUMBER = re.compile(r"[-+]?\d+([.,:]\d+)*%?")
_WHOLE = re.compile(r"[-+=:]+|\d+[.)]")
_EMOJI = re.compile(r":[\w+-]+:")
_WORD = re.compile(r"([(\"“]*)(.*?)([.,;:)\"”]*)", re.DOTALL)


def markdown_code(text: str, *, cell: bool = False, limit: int = 0) -> str:
    """Return text as one code span, in which Markdown obeys nothing.

    `cell` is for a table's cell, where a bar must not end the cell.
    """
    seen = marked(text, limit)
    if cell:
        # A backslash before a bar would be paired with our own one and set the bar free.
        seen = seen.replace("\\|", "\\u{5c}|").replace("|", "\\|")
    longest = max((len(run) for run in _TICKS.findall(seen)), default=0)
    fence = "`" * (longest + 1)
    pad = " " if seen.startswith("`") or seen.endswith("`") else ""
    return f"{fence}{pad}{seen}{pad}{fence}"


def markdown_words(sentence: str, *, cell: bool = False) -> str:
    """Return a sentence of ours that may hold a tenant's words.

    Words that Markdown, or a tracker reading it, could take for anything but
    words are set as code spans; the rest stays prose.
    """
    out = []
    for place, word in enumerate(shown(sentence).split()):
        before, core, after = _WORD.fullmatch(word).groups()  # type: ignore[union-attr]
        if _EMOJI.search(word) or (place == 0 and _WHOLE.fullmatch(word)):
            before, core, after = "", word, ""
        elif not core or core == "&" or _NUMBER.fullmatch(core) or not _SPECIAL.search(core):
            out.append(word)
            continue
        out.append(before + markdown_code(unshown(core), cell=cell) + after)
    return " ".join(out)


def markdown_prose(paragraph: str, *, cell: bool = False) -> str:
    """Return a paragraph of ours whose backticks set code, as in a docstring."""
    out = ""
    for place, piece in enumerate(steps(paragraph).split("`")):
        if place % 2:
            out += markdown_code(piece, cell=cell)
            continue
        words = markdown_words(piece, cell=cell)
        before = " " if piece[:1].isspace() and out and words else ""
        after = " " if piece[-1:].isspace() and piece.strip() else ""
        out += before + words + after if words else piece
    return out.strip()


# --- CSV ----------------------------------------------------------------------------------------------------------

_FORMULA = re.compile("^\\s*[=+\\-@|%\uff1d\uff0b\uff0d\uff20\uff5c\uff05]\\s*\\S")
_RISKY = frozenset("=+-@|%' ")
"""What an ASCII cell that has to be changed may begin with."""


def csv_cell(text: str) -> str:
    """Return a cell that no spreadsheet takes for a formula. Quote every field besides.

    An apostrophe goes before a first visible `= + - @ | %` or a full-width
    form of one, and before an apostrophe, so that `csv_value` can undo it.
    """
    seen = shown(text)
    return f"'{seen}" if _FORMULA.match(seen) or seen.startswith("'") else seen


def csv_row(values: Sequence[str]) -> Sequence[str]:
    """Return a whole row as `csv_cell` makes each of its cells; most rows hold nothing to change."""
    whole = "".join(values)
    if whole.isascii() and whole.isprintable() and "\\" not in whole:
        return [csv_cell(v) if v[:1] in _RISKY else v for v in values]
    return [csv_cell(v) for v in values]


def csv_value(cell: str) -> str:
    """Return the text that `csv_cell` was given."""
    return unshown(cell.removeprefix("'"))


# --- terminal -----------------------------------------------------------------------------------------------------

_TERMINAL = re.compile(f"[\u200c\u200d{_SELECTOR}]")


def terminal(text: str, width: int = 0) -> str:
    """Return text for one line of a terminal, cut to `width` columns (0: as long as it is).

    Joiners and selectors are shown as well: terminals disagree about their width.
    """
    seen = _TERMINAL.sub(_code, marked(text))
    if not width or columns(seen) <= width:
        return seen
    kept, used = [], 0
    for letter in seen:
        used += _columns_of(letter)
        if used > width - 1:
            break
        kept.append(letter)
    return _whole("".join(kept)) + "…"


def columns(text: str) -> int:
    """Return how many terminal columns a text takes."""
    return sum(map(_columns_of, text))


def _columns_of(letter: str) -> int:
    if unicodedata.category(letter) in ("Mn", "Me"):
        return 0
    return 2 if unicodedata.east_asian_width(letter) in "WF" else 1


# --- names of properties ------------------------------------------------------------------------------------------


def spaced(key: str) -> str:
    """Return signInCount as "Sign in count"."""
    split = "".join(f" {c.lower()}" if c.isupper() else c for c in key).replace("_", " ").strip()
    return split[:1].upper() + split[1:]


# --- names of files -----------------------------------------------------------------------------------------------

_NOT_SLUG = re.compile(r"[^a-z0-9.-]+")
_DEVICE = re.compile(r"^(con|prn|aux|nul|com\d|lpt\d)(\.|$)")


def slug(text: str, instead: str) -> str:
    """Return a file or folder name of `[a-z0-9.-]`, at most 60 characters, legal on every system.

    `instead` is taken where nothing usable remains.
    """
    found = re.sub(r"\.{2,}|-{2,}", "-", _NOT_SLUG.sub("-", text.lower()))[:60].strip(".-")
    return instead if not found or _DEVICE.match(found) else found
