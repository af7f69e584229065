"""The guest list of a page read back, as page.js does it."""

import base64
import gzip
import json
import re
from typing import Any


def people_of(page: str) -> dict[str, Any]:
    """Return the columns of the list in a page."""
    found = re.search(
        r'<script type="application/octet-stream" id="people" data-packed="(\w+)">([^<>&]*)</script>', page
    )
    assert found is not None
    return columns(found[2], packed=found[1] == "gzip")


def columns(text: str, *, packed: bool) -> dict[str, Any]:
    data = base64.b85decode(text.translate(str.maketrans(",.:", "<>&")))
    return unfolded(json.loads(gzip.decompress(data) if packed else data))


def unfolded(held: dict[str, Any]) -> dict[str, Any]:
    """Undo codes, distances and shortened addresses."""
    for key in "ndsrfpi":
        words = held[key.upper() if key != "i" else "P"]
        held[key] = [words[ord(c) - 48] for c in held[key]]
    for key in "cvlgb":
        total, words = 0, []
        for step in held[key.upper()]:
            if isinstance(step, int):
                total += step
            words.append(total if isinstance(step, int) else step)
        held[key] = [words[ord(c) - 48] for c in held[key]]
    held["n"] = [f"{first} {rest}" if rest else first for first, rest in zip(held["n"], held["o"], strict=True)]
    whole = []
    for mail, name, domain in zip(held["m"], held["n"], held["d"], strict=True):
        if mail.startswith("@"):
            whole.append(mail[1:])
            continue
        words = name.split(" ")
        told = re.sub("[\x7f-\x81]", lambda m, words=words: words[ord(m[0]) - 127].lower(), mail)
        whole.append(f"{told}@{domain}")
    held["m"] = whole
    return held
