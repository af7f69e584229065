"""Lean templates say the same: every element, attribute and word stays, only what HTML implies goes."""

from html.parser import HTMLParser
from pathlib import Path

import pytest

from posture.report import html, lean
from posture.report.lean import lean as lean_source
from tests.report import builder

IMPLIED = {"td", "th", "tr", "thead", "tbody", "li", "dt", "dd", "option", "p"}


@pytest.mark.parametrize(
    ("source", "made"),
    [
        ('<tr><td class="num">1</td></tr>\n', "<tr><td class=num>1\n"),
        ('<p class="m">a</p><p>b</p> c', "<p class=m>a<p>b</p> c"),
        ("<div><p>a</p></div>", "<div><p>a</div>"),
        ("<a><p>a</p></a>", "<a><p>a</p></a>"),
        ('<p class="a b" id="x">', '<p class="a b" id="x">'),
        ('<rect class="f"/>', '<rect class="f"/>'),
        (
            '<td class="{{ c }}">{{ "<td></td>" }}{% if x %}</td>{% endif %}',
            '<td class="{{ c }}">{{ "<td></td>" }}{% if x %}{% endif %}',
        ),
    ],
)
def test_what_is_left_out(source: str, made: str) -> None:
    assert lean_source(source) == made


class Events(HTMLParser):
    def __init__(self, source: str) -> None:
        super().__init__(convert_charrefs=True)
        self.seen: list[object] = []
        self.feed(source)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.seen.append((tag, attrs))

    def handle_endtag(self, tag):
        if tag not in IMPLIED:
            self.seen.append(f"/{tag}")

    def handle_data(self, data):
        if data.strip():
            self.seen.append(data.strip())


def test_every_element_attribute_and_word_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = builder.hostile_run(tmp_path)
    made = []
    for shorten in (lean_source, lambda source: source):
        monkeypatch.setattr(lean, "lean", shorten)
        html._environment.cache_clear()
        made.append(html.printed(run, {}))
    html._environment.cache_clear()
    assert len(made[0]) < 0.96 * len(made[1])
    assert Events(made[0]).seen == Events(made[1]).seen
