r"""Tenant text made harmless for scripts: names only as plain words, bodies only as JSON without a quote in it.

Every value a script holds goes through here. What comes out is printable
ASCII without a single quote, so that single quotes hold it in a POSIX shell
and in PowerShell alike; both take nothing inside them for a command.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

from posture.plan.types import Find, Request

_PLAIN = re.compile(r"[^A-Za-z0-9 .,:;@_()/#+-]")
_FORMULA = re.compile(r"^[\s=+@-]+")
_URL = re.compile(r"https://[A-Za-z0-9.-]+(/[A-Za-z0-9._~:@!$&()*+,;=%{}-]+)+(\?[A-Za-z0-9._~:@!$&()*+,;=%/-]*)?")
_WORD = re.compile(r"[A-Za-z0-9 :._()-]+")
_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


def plain(text: str, limit: int = 160) -> str:
    """Return a name for a comment or a column: one line of harmless letters, others as "?", cut to `limit`."""
    shown = _FORMULA.sub("", _PLAIN.sub("?", " ".join(text[: 4 * limit].split())))
    return shown if len(shown) <= limit else f"{shown[: limit - 3]}..."


def words(text: str, limit: int = 300) -> str:
    """Return words of ours on one line of printable ASCII; a script puts them between quotes."""
    shown = "".join(c if " " <= c <= "~" else "?" for c in " ".join(text.replace("…", "...").split()))
    return shown if len(shown) <= limit else f"{shown[: limit - 3]}..."


def body_text(body: Mapping[str, Any] | None) -> str:
    r"""Return a body as JSON in printable ASCII on one line, "" for none.

    Letters outside ASCII, control characters, DEL and the single quote are
    written as `\uXXXX`, which JSON reads back unchanged.
    """
    if body is None:
        return ""
    text = json.dumps(body, ensure_ascii=True, separators=(",", ":"), allow_nan=False)
    return text.replace("'", "\\u0027").replace("\x7f", "\\u007f")


def address(url: str) -> str:
    """Return an address after a look at every character of it; ValueError is a bug of ours."""
    if not _URL.fullmatch(url) or "'" in url or "/../" in f"{url}/":
        raise ValueError(f"not an address a script may hold: {url!r}")
    return url


def method(name: str) -> str:
    """Return a method, checked."""
    if name not in _METHODS:
        raise ValueError(f"not a method a script may hold: {name!r}")
    return name


def conditions(find: Find) -> list[tuple[str, str]]:
    """Return the values that tell an object from the others of its list, checked."""
    pairs = [*find.where.items(), (find.key, "id")]
    if not all(_WORD.fullmatch(k) and _WORD.fullmatch(v) for k, v in pairs):
        raise ValueError(f"not a value a script may look for: {dict(find.where)!r}")
    return list(find.where.items())


COLUMNS = ("number", "method", "url", "body", "undo method", "undo url", "undo body", "concerns")
EMPTY = "-"


def row(number: int, request: Request) -> str:
    """Return a request as one line of a list: columns between tabs, "-" for what is empty.

    JSON holds no tab and the other columns none either. A list holds requests
    whose ids are known; one way back at most.
    """
    back = request.undo[0] if request.undo else None
    cells = (
        str(number),
        method(request.method),
        address(request.url),
        body_text(request.body),
        method(back.method) if back else "",
        address(back.url) if back else "",
        body_text(back.body) if back else "",
        plain(request.about),
    )
    return "\t".join(cell or EMPTY for cell in cells)
