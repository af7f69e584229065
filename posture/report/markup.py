"""The only module that makes markup of text; everything else is escaped by the template engine.

`bdi` isolates a tenant's words from their neighbours, `svg` builds drawings
whose text and attributes are escaped, `trusted` lets in our own style sheet
and script, never anything that came from a tenant.
"""

import json
import re

from markupsafe import Markup

from posture.report import text

_CODE = re.compile(r"`([^`]+)`")
_TAGS = {
    "svg",
    "g",
    "rect",
    "circle",
    "path",
    "line",
    "text",
    "tspan",
    "title",
    "desc",
    "polyline",
    "polygon",
    "defs",
    "clipPath",
}
_ATTRIBUTE = re.compile(r"[a-zA-Z][a-zA-Z0-9-]*")
_REFUSED = ("on", "style", "href", "xlink", "src")


def bdi(words: str, limit: int = 0) -> Markup:
    """Return a tenant's words, isolated: their direction cannot reorder what stands beside them."""
    return Markup("<bdi>%s</bdi>") % _content(text.marked(words, limit))


def _content(words: str) -> Markup:
    """Return words escaped for the inside of an element, where a quote is a letter like any other."""
    return Markup(words.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;"))  # noqa: S704 - just escaped


def prose(words: str) -> Markup:
    """Return a paragraph of ours, in which backticks set code as in its docstring."""
    pieces = _CODE.split(text.shown(text.steps(words)))
    return Markup("").join(
        Markup("<code>{}</code>").format(_content(piece)) if place % 2 else _content(piece)
        for place, piece in enumerate(pieces)
    )


_BREAKS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[_/.@])(?=\w)")
_BREAK_AFTER = 8
"""Letters between two places to break at, at least: narrower no column gets."""


def breakable(words: str) -> Markup:
    """Return a name, path or address that may be broken where a reader would break it, in place of anywhere."""
    pieces = [""]
    for piece in _BREAKS.split(text.shown(words)):
        if len(pieces[-1]) < _BREAK_AFTER:
            pieces[-1] += piece
        else:
            pieces.append(piece)
    return Markup("<wbr>").join(map(_content, pieces))


def address(words: str, limit: int = 0) -> Markup:
    """Return a person's address, isolated, broken at its signs where it must be broken."""
    return Markup("<bdi>%s</bdi>") % breakable(text.marked(words, limit))


def lines(words: str) -> Markup:
    """Return text of several lines for a place that keeps them."""
    return Markup("\n").join(_content(text.shown(line)) for line in words.split("\n"))


def json_block(value: object) -> Markup:
    """Return a value as JSON for a data block: plain ASCII, and nothing in it can end the block."""
    plain = json.dumps(value, separators=(",", ":"))
    for sign in "<>&'":
        plain = plain.replace(sign, f"\\u{ord(sign):04x}")
    return Markup(plain)  # noqa: S704 - letters, digits and JSON's own signs alone


def domain(name: str) -> Markup:
    """Return a domain with its punycode where it has one, isolated."""
    return Markup("<bdi>%s</bdi>") % _content(text.domain(name))


def svg(tag: str, *children: object, **attributes: object) -> Markup:
    """Return one SVG element. Strings are escaped, elements made here are kept.

    `class_` and `aria_label` are written `class` and `aria-label`. Raises
    ValueError for a tag or attribute that could load or run something.
    """
    if tag not in _TAGS:
        raise ValueError(f"{tag} has no place in a drawing")
    parts = []
    for key, value in attributes.items():
        name = key.rstrip("_").replace("_", "-")
        if not _ATTRIBUTE.fullmatch(name) or name.lower().startswith(_REFUSED):
            raise ValueError(f"{name} has no place in a drawing")
        if value is not None:
            parts.append(Markup(' {}="{}"').format(Markup(name), text.shown(_plain(value))))  # noqa: S704 - matched above
    head = Markup("").join(parts)
    if not children:
        return Markup("<{}{}/>").format(Markup(tag), head)  # noqa: S704 - in _TAGS
    inner = Markup("").join(c if isinstance(c, Markup) else _content(text.shown(_plain(c))) for c in children)
    return Markup("<{0}{1}>{2}</{0}>").format(Markup(tag), head, inner)  # noqa: S704 - in _TAGS


def _plain(value: object) -> str:
    """Return a number without a tail of zeros, anything else as text."""
    if isinstance(value, str):
        return value
    return f"{value:.1f}".removesuffix(".0") if isinstance(value, float) else str(value)


def trusted(source: str) -> Markup:
    """Let our own style sheet or script into the page as it is."""
    return Markup(source)  # noqa: S704 - our own files, see the docstring
