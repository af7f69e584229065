"""Templates without what HTML lets one leave out: a tenth of the page is closing tags and quotes.

This happens to our own templates before they are compiled, so no word of a
tenant is ever looked at. Only what the standard names as optional goes: the
closing tags of cells, rows and list entries, the closing tag of a paragraph
where the next tag ends it anyway, and the quotes around a class or role of
plain letters. https://html.spec.whatwg.org/multipage/syntax.html#optional-tags
"""

import re

from jinja2.ext import Extension

_CODE = re.compile(r"(\{[{%#].*?[#%}]\})", re.DOTALL)
_CLOSING = re.compile(r"</(?:td|th|tr|thead|tbody|li|dt|dd|option)>")
_BLOCK = "details|div|dl|figure|footer|form|h[1-6]|header|main|nav|ol|p|pre|section|table|ul"
_PARAGRAPH = re.compile(rf"</p>(?=\s*(?:<(?:{_BLOCK})[ >]|</(?:details|div|figure|footer|header|li|section|td)>))")
_QUOTED = re.compile(r'( (?:class|scope|role|tabindex)=)"([a-z0-9-]+)"(?=[ >])')


def lean(source: str) -> str:
    """Return a template's source without what may be left out of its markup; what stands in braces stays."""
    pieces = _CODE.split(source)
    return "".join(piece if place % 2 else _markup(piece) for place, piece in enumerate(pieces))


def _markup(piece: str) -> str:
    return _QUOTED.sub(r"\1\2", _CLOSING.sub("", _PARAGRAPH.sub("", piece)))


class Lean(Extension):
    """Makes every template of an environment lean."""

    def preprocess(self, source: str, name: str | None, filename: str | None = None) -> str:
        """Return the source to compile."""
        return lean(source) if name and name.endswith(".html.j2") else source
