"""report.html: one file that loads nothing, obeys nothing a tenant typed, and reads without scripts."""

import hashlib
import re
from base64 import b64encode
from collections.abc import Mapping
from functools import cache
from typing import Any, BinaryIO

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from posture import CATALOGUE_VERSION, __version__
from posture.report import dates, lean, markup
from posture.report.brand import Brand
from posture.report.page import page
from posture.report.text import marked, shown
from posture.report.view import PAPERS, RunView
from posture.report.words import sentence

# A style sheet's blanks beside its own signs say nothing; those in its strings stay.
_BLANKS = re.compile(r"""("[^"]*")|\s*([{};,])\s*|(?<=[a-z]):\s+""")


def render(run: RunView, out: BinaryIO) -> None:
    """Write the page."""
    out.write(_page(run, _asset("page.js"), None).encode("utf-8"))


def printed(run: RunView, numbers: Mapping[str, int]) -> str:
    """Return the page for a print: with a cover, contents and all findings open, without a script.

    `numbers` are the page numbers of the anchors named in the contents; an
    anchor without one is listed without.
    """
    return _page(run, "", numbers)


def _page(run: RunView, script: str, numbers: Mapping[str, int] | None) -> str:
    style = _style(run)
    return (
        _environment()
        .get_template("report.html.j2")
        .render(
            page=page(run),
            run=run,
            brand=run.brand,
            style=markup.trusted(style),
            script=markup.trusted(script),
            policy=_policy(style, script),
            numbers=numbers,
            version=__version__,
            catalogue_version=CATALOGUE_VERSION,
        )
    )


@cache
def _environment() -> Environment:
    made = Environment(
        loader=PackageLoader("posture.report", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_final,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        extensions=[lean.Lean],
    )
    made.filters.update(
        bdi=markup.bdi,
        address=markup.address,
        domain=markup.domain,
        prose=lambda words: markup.prose(sentence(words)),
        lines=markup.lines,
        breakable=markup.breakable,
        json_block=markup.json_block,
        page_name=_page_name,
        day=dates.iso_date,
        minute=dates.iso_minute,
        percent=dates.percent,
        plural=dates.plural,
        thousands=lambda n: f"{n:,}",
        marked=marked,
    )
    return made


def _page_name(address: str) -> str:
    """Return whose page it is and its last part, enough to tell one page of documentation from another."""
    path = address.split("://", 1)[-1].split("?", 1)[0].split("#", 1)[0].rstrip("/")
    host, _, rest = path.partition("/")
    parts = rest.split("/")
    page, whose = parts[-1].removesuffix(".html"), host.removeprefix("www.")
    if whose == "github.com" and len(parts) > 1:
        whose = f"github.com/{parts[0]}/{parts[1]}"
        page = page if len(parts) > 2 else ""
    return " ".join(w for w in (page, f"({whose})" if whose != "learn.microsoft.com" else "") if w) or host


def _final(value: Any) -> Any:
    """Show what cannot be seen in every string the page prints, whoever wrote it."""
    if value is None:
        return ""
    return shown(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _policy(style: str, script: str) -> str:
    """Return the Content-Security-Policy: nothing is loaded, only this style and this script apply."""
    scripts = f" script-src '{_hash(script)}';" if script else ""
    return (
        f"default-src 'none'; style-src '{_hash(style)}';{scripts} img-src data:; base-uri 'none'; form-action 'none'"
    )


def _hash(source: str) -> str:
    return "sha256-" + b64encode(hashlib.sha256(source.encode()).digest()).decode("ascii")


@cache
def _asset(name: str) -> str:
    """Return a style sheet or script of ours without its comments and indentation."""
    source, _, _ = _environment().loader.get_source(_environment(), name)  # type: ignore[union-attr]
    lines = (line.strip() for line in re.sub(r"/\*.*?\*/", "", source, flags=re.DOTALL).splitlines())
    kept = "\n".join(line for line in lines if line and not line.startswith("//"))
    return _BLANKS.sub(lambda m: m[1] or m[2] or ":", kept) if name.endswith(".css") else kept


def _style(run: RunView) -> str:
    """Return the style sheet with the brand's colour, the paper and the running foot of a print."""
    brand = run.brand
    parts = [_asset("page.css")]
    if brand.accent:
        parts.append(f":root{{--accent:{brand.accent}}}")
        parts.append(
            f"@media (prefers-color-scheme:dark){{:root:not([data-theme=light]){{--accent:{brand.accent_dark}}}}}"
            f":root[data-theme=dark]{{--accent:{brand.accent_dark}}}"
            f"@media print{{:root,:root[data-theme=dark],:root:not([data-theme=light]){{--accent:{brand.accent}}}}}"
        )
    size = f"size:{PAPERS[run.options.paper]};" if run.options.paper else ""
    parts.append(f"@page{{{size}@bottom-left{{content:{_css_string(_foot(run, brand))}}}}}")
    return "\n".join(parts) + "\n"


def _foot(run: RunView, brand: Brand) -> str:
    date = dates.long_date(run.assessment.taken_at, brand.language)
    return " – ".join(w for w in (brand.name, f"Guest access, {date}", brand.confidentiality) if w)


def _css_string(words: str) -> str:
    """Return words as a CSS string in which every character but letters and digits is coded."""
    return '"' + re.sub(r"[^A-Za-z0-9 ]", lambda m: f"\\{ord(m.group()):x} ", shown(words)) + '"'
