"""report.pdf: our own page printed by an installed Chrome, Chromium or Edge. No browser is downloaded.

The page printed has a cover, contents and every open finding unfolded, and no
script in it. The browser runs with a throw-away profile and without name
resolution. It prints twice: the first print tells on which page each part
begins, the second carries those numbers in its contents. The time of printing
is in the file, so unlike the other formats its bytes differ each time.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

from posture.errors import OutputError
from posture.report.html import printed
from posture.report.view import RunView

PROGRAMS = (
    "google-chrome",
    "google-chrome-stable",
    "chromium",
    "chromium-browser",
    "microsoft-edge",
    "microsoft-edge-stable",
    "msedge",
    "chrome",
)
_MAC = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
)
_WINDOWS = (
    r"Google\Chrome\Application\chrome.exe",
    r"Microsoft\Edge\Application\msedge.exe",
    r"Chromium\Application\chrome.exe",
)
PATIENCE = 180
"""Seconds one print may take; a report takes a few."""
_BY_HAND = "Open report.html in a browser and print it from there."


def render(run: RunView, out: BinaryIO) -> None:
    """Write the print. Raises OutputError where no browser is there or it prints nothing."""
    browser = find(run.options.browser)
    paper = run.options.paper or "a4"
    run = replace(run, options=replace(run.options, paper=paper))
    with tempfile.TemporaryDirectory(prefix="posture-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        first = _print(browser, printed(run, {}), folder)
        numbers = page_numbers(first)
        out.write(_print(browser, printed(run, numbers), folder) if numbers else first)


def find(chosen: str = "") -> str:
    """Return the program that prints. Raises OutputError where none is installed."""
    if chosen:
        found = shutil.which(chosen)
        if found is None:
            raise OutputError(f"{chosen} is not a program that can be run. {_BY_HAND}")
        return found
    for program in _places():
        found = shutil.which(program)
        if found:
            return found
    raise OutputError(f"no Chrome, Chromium or Edge is installed, which --format pdf prints with. {_BY_HAND}")


def _places() -> Iterator[str]:
    yield from PROGRAMS
    if sys.platform == "darwin":
        yield from _MAC
    for root in filter(None, (os.environ.get(k) for k in ("ProgramFiles", "ProgramFiles(x86)", "LocalAppData"))):
        yield from (str(Path(root, *place.split("\\"))) for place in _WINDOWS)


def _print(browser: str, page: str, folder: Path) -> bytes:
    source, target = folder / "report.html", folder / "report.pdf"
    source.write_text(page, encoding="utf-8")
    target.unlink(missing_ok=True)
    command = [
        browser,
        "--headless",
        "--disable-gpu",
        "--no-first-run",
        "--no-default-browser-check",
        "--disable-extensions",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--host-resolver-rules=MAP * ~NOTFOUND",
        f"--user-data-dir={folder / 'profile'}",
        "--no-pdf-header-footer",
        "--generate-pdf-document-outline",
        f"--print-to-pdf={target}",
        source.as_uri(),
    ]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        command.insert(1, "--no-sandbox")  # Chromium refuses to run its sandbox as root; the page holds no script
    try:
        # Chromium keeps crash folders and caches beside the profile, in the person's own home, unless told otherwise.
        own = {"XDG_CONFIG_HOME": str(folder / "config"), "XDG_CACHE_HOME": str(folder / "cache")}
        done = subprocess.run(  # noqa: S603 - a list, no shell
            command, capture_output=True, timeout=PATIENCE, check=False, env={**os.environ, **own}
        )
    except subprocess.TimeoutExpired as slow:
        raise OutputError(f"{browser} did not finish printing within {PATIENCE} seconds. {_BY_HAND}") from slow
    except OSError as error:
        raise OutputError(f"{browser} cannot be run: {error.strerror or error}. {_BY_HAND}") from error
    if not target.is_file() or not target.stat().st_size:
        raise OutputError(f"{browser} printed nothing (exit code {done.returncode}). {_BY_HAND}")
    return target.read_bytes()


_OBJECT = re.compile(rb"(?m)^(\d+) 0 obj\n(<<.*?>>)\nendobj", re.DOTALL)
_DESTINATION = re.compile(rb"/([A-Za-z0-9_-]+) \[(\d+) 0 R /XYZ")
_KIDS = re.compile(rb"/Kids \[([^\]]*)\]")


def page_numbers(pdf: bytes) -> Mapping[str, int]:
    """Return the page each named place of a PDF is on, counted from 1.

    Reads what Chromium writes: plain objects, one tree of pages, named
    destinations. Empty where the file is made in another way.
    """
    objects = {int(m[1]): m[2] for m in _OBJECT.finditer(pdf)}
    catalog = next((o for o in objects.values() if b"/Type /Catalog" in o), b"")
    root, names = re.search(rb"/Pages (\d+) 0 R", catalog), re.search(rb"/Dests (\d+) 0 R", catalog)
    if root is None or names is None:
        return {}
    order = {page: place for place, page in enumerate(_pages(objects, int(root[1]), 0), 1)}
    found = _DESTINATION.findall(objects.get(int(names[1]), b""))
    return {name.decode("ascii"): order[int(page)] for name, page in found if int(page) in order}


def _pages(objects: Mapping[int, bytes], number: int, depth: int) -> Iterator[int]:
    kids = _KIDS.search(objects.get(number, b""))
    if kids is None or depth > 20:
        yield number
        return
    for kid in re.findall(rb"(\d+) 0 R", kids[1]):
        yield from _pages(objects, int(kid), depth + 1)
