"""A consultant's own name, logo, colour and words on a report; checked once, here."""

import re
from base64 import b64encode
from dataclasses import dataclass
from pathlib import Path

from posture.errors import SettingsError
from posture.report import dates

LOGO_LIMIT = 100_000
"""Bytes a logo may have."""
CONTRAST = 4.5
"""The least contrast of the accent colour on the page's two light grounds (WCAG 1.4.3)."""

_GROUNDS = ("#faf9f6", "#ffffff")
_DARK_GROUNDS = ("#12161c", "#191f27")
_HEX = re.compile(r"#[0-9a-fA-F]{6}")
_SVG = re.compile(rb"<svg[\s>]")
_WORDS_LIMIT = 300


@dataclass(frozen=True, slots=True)
class Brand:
    """What `[brand]` in posture.toml may say; make it with `brand`.

    `logo` is a `data:` URI or "". `accent` and `accent_dark` are colours for
    light and dark pages or "". `cover` stands under the title of a print,
    `confidentiality` on every page. `language` is that of the dates.
    """

    name: str = ""
    logo: str = ""
    accent: str = ""
    accent_dark: str = ""
    cover: str = ""
    confidentiality: str = ""
    language: str = "en"


def brand(
    *,
    name: str = "",
    logo: Path | None = None,
    accent: str = "",
    cover: str = "",
    confidentiality: str = "",
    language: str = "en",
) -> Brand:
    """Return checked brand settings. Raises SettingsError naming the setting and the remedy."""
    for key, words in (("name", name), ("cover", cover), ("confidentiality", confidentiality)):
        if len(words) > _WORDS_LIMIT * (5 if key == "cover" else 1):
            raise SettingsError(f"brand.{key} is longer than fits a page ({len(words)} characters).")
    if language not in dates.LANGUAGES:
        raise SettingsError(f"brand.language {language!r} is not known; use one of {', '.join(dates.LANGUAGES)}.")
    return Brand(
        name, _logo(logo) if logo else "", _accent(accent), _lighter(accent) if accent else "", cover, confidentiality,
        language,
    )  # fmt: skip


def _logo(path: Path) -> str:
    try:
        size = path.stat().st_size
        if not path.is_file():
            raise SettingsError(f"brand.logo {path} is no plain file.")
        data = path.read_bytes() if size <= LOGO_LIMIT else b""
    except OSError as error:
        raise SettingsError(f"brand.logo {path} cannot be read: {error.strerror or error}.") from error
    if size > LOGO_LIMIT:
        raise SettingsError(f"brand.logo {path} has {size:,} bytes; at most {LOGO_LIMIT:,} are allowed.")
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        kind = "image/png"
    elif _is_svg(data) and not re.search(rb"<!(DOCTYPE|ENTITY)", data, re.IGNORECASE):
        # Drawn through <img>, where a browser runs no script and loads nothing from it.
        kind = "image/svg+xml"
    else:
        raise SettingsError(f"brand.logo {path} is neither PNG nor SVG.")
    return f"data:{kind};base64,{b64encode(data).decode('ascii')}"


def _is_svg(data: bytes) -> bool:
    """Whether a drawing follows the declaration and comments; one step a comment, however many there are."""
    rest = data.removeprefix(b"\xef\xbb\xbf").lstrip()
    if rest.startswith(b"<?xml"):
        rest = rest.partition(b"?>")[2].lstrip()
    at = 0
    while rest.startswith(b"<!--", at):
        end = rest.find(b"-->", at + 4)
        if end < 0:
            return False
        at = end + 3
        while rest[at : at + 1].isspace():
            at += 1
    return _SVG.match(rest, at) is not None


def _accent(colour: str) -> str:
    if not colour:
        return ""
    if not _HEX.fullmatch(colour):
        raise SettingsError(f"brand.accent {colour!r} is no colour of the form #1b5c8a.")
    worst = min(contrast(colour, ground) for ground in _GROUNDS)
    if worst < CONTRAST:
        raise SettingsError(
            f"brand.accent {colour} has a contrast of {worst:.1f} to 1 on the page; text needs {CONTRAST} to 1. "
            "Choose a darker colour."
        )
    return colour.lower()


def _lighter(colour: str) -> str:
    """Return the colour mixed with white until it can be read on the dark page."""
    parts = _parts(colour)
    for share in range(0, 101, 5):
        mixed = "#" + "".join(f"{round(p + (255 - p) * share / 100):02x}" for p in parts)
        if min(contrast(mixed, ground) for ground in _DARK_GROUNDS) >= CONTRAST:
            return mixed
    return "#ffffff"


def contrast(one: str, other: str) -> float:
    """Return the contrast of two colours, 1 to 21. Source: https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio."""
    dark, light = sorted((_luminance(one), _luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def _parts(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def _luminance(colour: str) -> float:
    linear = [(c / 255 / 12.92) if c <= 10 else ((c / 255 + 0.055) / 1.055) ** 2.4 for c in _parts(colour)]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
