"""Write values of a tenant into KQL and YAML so that they stay values."""

import re
from collections.abc import Iterable

_PLAIN = re.compile(r"[ !#-\[\]-~]")
_WORD = re.compile(r"[A-Za-z][A-Za-z0-9 _./-]*")
_YAML_WORDS = {"true", "false", "null", "yes", "no", "on", "off", "y", "n"}


def string(value: str) -> str:
    r"""Return a KQL string literal: only printable ASCII stands in it, all else is escaped.

    Source: https://learn.microsoft.com/kusto/query/scalar-data-types/string
    """
    if value.isascii() and value.isprintable() and '"' not in value and "\\" not in value:
        return f'"{value}"'
    return '"' + "".join(c if _PLAIN.fullmatch(c) else _escaped(c) for c in value) + '"'


def strings(values: Iterable[str]) -> str:
    """Return a KQL list of strings, sorted, each once."""
    return f"dynamic([{', '.join(string(v) for v in sorted(set(values)))}])"


def _escaped(char: str) -> str:
    if char in '"\\':
        return "\\" + char
    code = ord(char)
    if code < 0x10000:
        return f"\\u{code:04X}"
    # Kusto's strings are UTF-16, and dynamic literals JSON: both read a pair.
    code -= 0x10000
    return f"\\u{0xD800 + (code >> 10):04X}\\u{0xDC00 + (code & 0x3FF):04X}"


def scalar(value: str) -> str:
    r"""Return a YAML scalar on one line: plain where no reader could take it for anything else, else quoted.

    Source: https://yaml.org/spec/1.2.2/#57-escaped-characters
    """
    if _WORD.fullmatch(value) and value.casefold() not in _YAML_WORDS and value == value.strip():
        return value
    out = []
    for char in value:
        code = ord(char)
        if char in '"\\':
            out.append("\\" + char)
        elif 0x20 <= code < 0x7F:
            out.append(char)
        elif code < 0x100:
            out.append(f"\\x{code:02X}")
        elif code < 0x10000:
            out.append(f"\\u{code:04X}")
        else:
            out.append(f"\\U{code:08X}")
    return '"' + "".join(out) + '"'


def block(text: str, indent: int) -> str:
    """Return the body of a YAML block scalar. The text must be printable ASCII, as `string` makes it."""
    strange = re.search(r"[^\n -~]", text)
    if strange:
        raise ValueError(f"a query holds {strange.group()!r}, which YAML does not carry unescaped")
    pad = " " * indent
    return "\n".join(pad + line if line else "" for line in text.rstrip().split("\n"))
