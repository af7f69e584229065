"""An installed Chromium over the rendered report. Nothing is downloaded; without one the tests are skipped."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from posture.report import write_reports
from tests import facts as f
from tests.report import builder

AXE = Path(__file__).parent / "node_modules" / "axe-core" / "axe.min.js"
PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "microsoft-edge")
WATCH = """
window.ran = [];
for (const name of ['alert', 'confirm', 'prompt', '__pwn', '__xss']) {
  window[name] = (x) => { window.ran.push(name + x); };
}
document.addEventListener('securitypolicyviolation', (e) => window.ran.push('csp ' + e.violatedDirective));
"""


@pytest.fixture(scope="module")  # its event loop must end with the file: others call asyncio.run
def chromium():
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    program = os.environ.get("CHROMIUM") or next((p for p in map(shutil.which, PROGRAMS) if p), None)
    if program is None:
        pytest.skip("no Chromium, Chrome or Edge is installed, so the report was not opened in a browser")
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(
            executable_path=program, args=["--no-sandbox", "--host-resolver-rules=MAP * ~NOTFOUND", "--disable-gpu"]
        )
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def axe() -> str:
    """Return axe-core; CI sets AXE_JS or installs it beside package.json."""
    path = Path(os.environ.get("AXE_JS") or AXE)
    if not path.is_file():
        pytest.skip(
            "axe-core is not installed (npm install --prefix tests/report/browser), accessibility was not checked"
        )
    return path.read_text(encoding="utf-8")


class Opened:
    """A page with everything it did beyond showing itself."""

    def __init__(self, page, path: Path) -> None:
        self.page, self.requests, self.trouble = page, [], []
        page.on("request", lambda r: self.requests.append(r.url))
        page.on("console", lambda m: self.trouble.append(m.text) if m.type in ("error", "warning") else None)
        page.on("pageerror", lambda e: self.trouble.append(str(e)))
        page.on("dialog", lambda d: (self.trouble.append(d.message), d.dismiss()))
        page.add_init_script(WATCH)
        self.address = path.as_uri()

    def go(self, anchor: str = ""):
        self.page.goto(self.address + anchor)
        self.page.wait_for_load_state("load")
        if self.page.locator("#people").count() and self.page.locator("#people-filters").count():
            self.page.wait_for_selector("#people-filters:not([hidden])")
        return self.page

    def assert_clean(self) -> None:
        """Nothing was asked for, nothing ran, nothing was blocked, nothing complained."""
        assert [u for u in self.requests if u.split("#")[0] != self.address.split("#")[0]] == []
        assert self.trouble == []
        assert self.page.evaluate("window.ran") == []


@pytest.fixture
def opened(chromium) -> Iterator:
    """Return a function that opens a file; `scheme` light or dark, `phone` for a small screen."""
    contexts = []

    def open_(path: Path, *, scheme: str = "light", phone: bool = False, scripts: bool = True) -> Opened:
        size = {"width": 390, "height": 844} if phone else {"width": 1280, "height": 900}
        context = chromium.new_context(viewport=size, color_scheme=scheme, java_script_enabled=scripts)
        contexts.append(context)
        return Opened(context.new_page(), path)

    yield open_
    for context in contexts:
        context.close()


def _report(folder: Path, run) -> Path:
    write_reports(run, folder, ["html"])
    return folder / "report.html"


@pytest.fixture(scope="session")
def usual(tmp_path_factory) -> Path:
    # Blanks, signs and letters that an address must code: reports are opened from such places.
    folder = tmp_path_factory.mktemp("run") / "Überprüfung 100 % #1"
    return _report(folder, builder.run(folder))


@pytest.fixture(scope="session")
def hostile(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("hostile")
    return _report(folder, builder.hostile_run(folder))


@pytest.fixture(scope="session")
def large(tmp_path_factory) -> Path:
    """Return a report of 5,000 guests."""
    folder = tmp_path_factory.mktemp("large")
    people = [f.guest(n, displayName=f"Guest {n:05d}", createdDateTime=f.ago(n % 2000)) for n in range(1, 4801)]
    people += [f.pending(n, days=n % 700) for n in range(4801, 5001)]
    return _report(folder, builder.run(folder, guests=people))
