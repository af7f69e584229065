"""Strings a hostile tenant may hold, as text strategies and as a list."""

import json
from pathlib import Path

from hypothesis import strategies as st

CORPUS = Path(__file__).parents[1] / "report" / "hostile-strings.json"
SHELL = (
    "$(touch pwned)",
    "`touch pwned`",
    "'; touch pwned; '",
    '"; touch pwned; "',
    "'\"'\"'; touch pwned #",
    "a\ntouch pwned\n",
    "a\r\n& touch pwned",
    "$env:PATH; Remove-Item x",
    "\u2019; New-Item pwned; \u2018",
    "\u201a$(New-Item pwned)\u201b",
    "\u201d; New-Item pwned; \u201c",
    "'@\nNew-Item pwned\n@'",
    "#> New-Item pwned <#",
    "END\ntouch pwned",
    "x\u2028touch pwned\u2029",
    "x\u0085touch pwned",
    "\x1b]0;pwned\x07\x9b2J",
    "\x00touch pwned",
    "\\\ntouch pwned",
    "-rf",
    "--apply",
    "@/etc/passwd",
    "a\tb\tc",
    "=cmd|' /C calc'!A0",
    "../../../etc/passwd",
    "|whoami",
    "a" * 5000,
    "\U0001f600" * 300,
)
"""Aimed at the two languages scripts are written in."""


def _texts() -> list[str]:
    strings = json.loads(CORPUS.read_text("utf-8"))["strings"]
    return [s["value"] for s in strings] + list(SHELL)


TEXTS = _texts()

text = st.one_of(
    st.sampled_from(TEXTS),
    st.text(alphabet=st.characters(), max_size=60),
    st.text(alphabet="'\"`$(){};|&<>\\\n\r\t \u2018\u2019\u201a\u201b\u2028ab#@%!*?[]~-", max_size=40),
)
"""Any text, the corpus, and what shells are made of; lone surrogates too."""
