import base64
import hashlib
import io
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from posture.hunts.results import HuntResult, HuntRun, Window
from posture.report import html, text
from posture.report.view import Options
from posture.snapshot.types import GapReason
from tests import facts as f
from tests.report import builder
from tests.report.unpacked import people_of

PACKAGE = Path(html.__file__).parent


class Reader(HTMLParser):
    """The page as a parser sees it: tags, attributes, and the text that people read."""

    def __init__(self, source: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self._in: list[str] = []
        self.feed(source)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag in ("script", "style"):
            self._in.append(tag)

    def handle_endtag(self, tag):
        if tag in ("script", "style") and self._in:
            self._in.pop()

    def handle_data(self, data):
        if not self._in:
            self.words.append(data)

    @property
    def text(self) -> str:
        return "\n".join(self.words)


def rendered(run) -> str:
    out = io.BytesIO()
    html.render(run, out)
    return out.getvalue().decode()


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    return rendered(builder.run(tmp_path_factory.mktemp("run")))


@pytest.fixture(scope="module")
def nasty(tmp_path_factory):
    return rendered(builder.hostile_run(tmp_path_factory.mktemp("run")))


def test_the_policy_allows_exactly_this_style_and_script(page):
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page)[1].replace("&#39;", "'")
    for tag, directive in (("style", "style-src"), ("script", "script-src")):
        (inline,) = re.findall(rf"<{tag}>(.*?)</{tag}>", page, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(inline.encode()).digest()).decode()
        assert f"{directive} 'sha256-{digest}'" in policy
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy
    assert page.index("<meta charset") < page.index("Content-Security-Policy") < page.index("<style>")


def test_nothing_is_loaded_and_nothing_runs_from_an_attribute(page, nasty):
    for source in (page, nasty):
        for tag, attrs in Reader(source).tags:
            assert tag not in {"iframe", "object", "embed", "link", "base", "frame", "audio", "video", "source"}
            for name, value in attrs.items():
                assert not name.startswith("on"), (tag, name)
                assert name not in {"style", "srcset", "formaction", "srcdoc", "background", "ping"}, (tag, name)
                if name == "src":
                    assert value.startswith("data:image/")
                if name == "href":
                    assert value.startswith(("#", "https://")), value
        assert "xlink" not in source


def test_a_tenants_words_never_become_an_address_or_a_name(nasty):
    for tag, attrs in Reader(nasty).tags:
        if "href" in attrs and attrs["href"].startswith("https://"):
            assert "evil.example" not in attrs["href"]
        for name in ("id", "class", "href"):
            assert not re.search(r"__pwn|<|\{\{", attrs.get(name) or ""), (tag, attrs)


def test_an_address_is_broken_at_its_signs(page):
    assert "<bdi>person24@<wbr>gmail.com</bdi>" in page


def test_what_cannot_be_seen_is_shown_once(nasty):
    assert "\\u{1b}" in nasty
    assert not any("\\u{" in v for v in builder.hostile_values())
    assert not re.findall(r".{60}\\u\{5c\}u\{.{20}", nasty)


def test_every_hostile_name_is_text_that_people_can_read(nasty):
    seen = Reader(nasty).text
    held = people_of(nasty)
    for value in builder.hostile_values():
        healed = value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        assert text.marked(healed, 80) in held["n"]
        assert text.marked(value, 300) in seen, ascii(value)


def test_no_character_reorders_or_hides_anything(page, nasty):
    for source in (page, nasty):
        assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]", source)
        source.encode("utf-8")


def test_no_row_is_lost(nasty):
    held = people_of(nasty)
    assert len(held["n"]) == 2 * len(builder.hostile_values())
    assert {len(held[k]) for k in "nomdsvclbprgfi"} == {len(held["n"])}


def test_the_same_run_gives_the_same_bytes(tmp_path):
    assert rendered(builder.run(tmp_path / "a")) == rendered(builder.run(tmp_path / "b"))


def test_ids_are_unique_and_every_link_inside_has_its_place(page, nasty):
    for source in (page, nasty):
        tags = Reader(source).tags
        ids = [a["id"] for _, a in tags if "id" in a]
        assert len(ids) == len(set(ids))
        for _, attrs in tags:
            href = attrs.get("href") or ""
            if href.startswith("#"):
                assert href[1:] in ids, href


def test_what_could_not_be_read_says_why_and_what_unlocks_it(page):
    words = re.sub(r"\s+", " ", Reader(page).text)
    assert "Permission missing" in words
    assert "Grant SharePointTenantSettings.Read.All" in words
    assert "Needs Entra ID P1 in the tenant." in words


def test_unread_numbers_are_dashes_never_zero(tmp_path):
    refused = f.gap("guests", GapReason.PERMISSION)
    source = rendered(builder.run(tmp_path, guests=refused))
    tiles = re.search(r"<ul class=tiles>(.*?)</ul>", source, re.DOTALL)[1]
    assert re.findall(r"class=n>([^<]*)<", tiles) == ["–"] * 4
    assert tiles.count("not read: permission missing") == 4
    assert 'id="people"' not in source


def test_sign_ins_not_read_are_said_in_the_tile_and_in_the_list(tmp_path):
    source = rendered(builder.run(tmp_path, guest_sign_in_activity=f.gap("guest_sign_in_activity", GapReason.LICENCE)))
    assert "not read: licence missing" in source
    assert set(people_of(source)["l"]) == {"not read"}


def test_no_guests_is_said_plainly(tmp_path):
    source = rendered(builder.run(tmp_path, guests=[]))
    assert "The tenant has no guests." in source


def test_findings_carry_what_the_filters_need(page):
    cards = [a for tag, a in Reader(page).tags if tag == "details" and "data-outcome" in a]
    assert len(cards) > 40
    for card in cards:
        assert re.fullmatch(r"guest-[a-z]{3}-\d{3}", card["id"])
        assert card["data-severity"] in {"critical", "high", "medium", "low", "info"}
        assert re.fullmatch(r"[A-Z]{3}", card["data-area"])


def test_the_edition_without_people_names_nobody(tmp_path):
    run = builder.run(tmp_path, options=Options(people=False))
    from posture.report import FORMATS

    for name in ("html", "md", "json"):
        out = io.BytesIO()
        FORMATS[name].render(run, out)
        source = out.getvalue().decode()
        assert "Edition without people" in source or name != "html"
        for row in run.snapshot.facts["guests"].value:
            for key in ("id", "mail", "userPrincipalName"):
                assert row[key] not in source, (name, key)
            assert not re.search(rf"\b{re.escape(row['displayName'])}\b", source)
        for word in ("Ana Novak", "ana@contoso.example", builder.SPONSOR):
            assert word not in source, (name, word)
        assert "fabrikam.example" in source


def test_small_lists_are_stored_plain_and_long_ones_packed(tmp_path):
    plain = rendered(builder.run(tmp_path / "a"))
    assert 'data-packed="none"' in plain
    many = [f.guest(n) for n in range(1, 3001)]
    source = rendered(builder.run(tmp_path / "b", guests=many))
    assert 'data-packed="gzip"' in source
    held = people_of(source)
    assert len(held["n"]) == 3000
    assert held["id"] == []
    assert len(source) < 700_000


def test_a_brand_is_drawn(tmp_path):
    run = builder.run(tmp_path)
    logo = "data:image/png;base64,iVBORw0KGgo="
    brand = replace(run.brand, logo=logo, accent="#7a1f3d", accent_dark="#d9a0b4", language="de")
    source = rendered(replace(run, brand=brand))
    assert f'<img src="{logo}" alt="Example Advisers"' in source
    assert "--accent:#7a1f3d" in source
    assert "23. November 2026" in source
    assert "Prepared for the board." in source
    assert source.count("Confidential") >= 2


@pytest.mark.parametrize(("paper", "size"), [("", None), ("a4", "A4"), ("letter", "letter")])
def test_the_paper_is_that_of_the_printer_unless_chosen(tmp_path, paper, size):
    source = rendered(builder.run(tmp_path, options=Options(paper=paper)))
    assert re.search(r"@page\{size:([^;]*);", source) is None if size is None else f"@page{{size:{size};" in source


def test_words_in_the_foot_of_a_page_cannot_leave_their_string(tmp_path):
    run = builder.run(tmp_path)
    for value in builder.hostile_values():
        coded = html._css_string(value)
        assert re.fullmatch(r'"[A-Za-z0-9 \\]*"', coded)
        source = html._style(replace(run, brand=replace(run.brand, confidentiality=value)))
        assert "</style" not in source.lower()


# The house rules of the page


def sources(*suffixes: str):
    return [p for p in sorted(PACKAGE.rglob("*")) if p.suffix in suffixes]


def test_markup_is_made_in_one_module_only():
    for path in sources(".py"):
        source = path.read_text()
        if path.name != "markup.py":
            assert not re.search(r"\bMarkup\(", source), path.name
    for path in sources(".j2"):
        assert not re.search(r"\|\s*safe\b|autoescape", path.read_text()), path.name


def test_attributes_in_templates_are_quoted():
    for path in sources(".j2"):
        assert not re.search(r"[a-z-]=\{\{", path.read_text()), path.name


def test_the_script_makes_no_markup_of_text():
    for path in sources(".js"):
        assert not re.search(
            r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function|setAttribute\('on|\.style\b",
            path.read_text(),
        )


def test_marks_are_not_made_for_what_could_load_or_run():
    from posture.report.markup import svg

    for bad in ({"onload": "x"}, {"style": "x"}, {"href": "x"}, {"xlink_href": "x"}, {"a b": "x"}):
        with pytest.raises(ValueError, match="no place in a drawing"):
            svg("rect", **bad)
    with pytest.raises(ValueError, match="no place in a drawing"):
        svg("script", "alert(1)")
    assert str(svg("text", "<b>", aria_label='"x')) == '<text aria-label="&#34;x">&lt;b&gt;</text>'


def contrast_of(block: str, ink: str, ground: str) -> float:
    from posture.report.brand import contrast

    colours = dict(re.findall(r"--([\w-]+):\s*(#[0-9a-f]{6})", block))
    return contrast(colours[ink], colours[ground])


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_text_and_graphics_have_contrast(theme):
    css = (PACKAGE / "templates" / "page.css").read_text()
    start = css.index(":root {") if theme == "light" else css.index(":root[data-theme=dark]")
    block = css[start : css.index("}", start)]
    pairs = [
        ("ink", "paper"),
        ("soft", "paper"),
        ("soft", "card"),
        ("soft", "sunk"),
        ("accent", "paper"),
        ("accent", "card"),
    ]
    pairs += [(f"{k}-ink", f"{k}-wash") for k in ("bad", "mid", "good", "grey", "info")]
    assert {p: round(contrast_of(block, *p), 1) for p in pairs if contrast_of(block, *p) < 4.5} == {}
    graphics = [(k, "card") for k in ("bad", "mid", "good", "grey", "bar", "edge")]
    assert {p: round(contrast_of(block, *p), 1) for p in graphics if contrast_of(block, *p) < 3} == {}


def test_hunts_that_saw_only_a_part_are_never_quiet(tmp_path):
    run = builder.run(tmp_path)
    runs = (HuntRun("HUNT-A", "First hunt"), HuntRun("HUNT-B", "Second hunt", limits=("The log is too short.",)))
    window = Window("audits", "directory_audits", 3, f.TAKEN_AT, f.TAKEN_AT)
    hunts = HuntResult(windows=(window,), runs=runs)
    words = Reader(rendered(replace(run, assessment=replace(run.assessment, leads=(), hunts=hunts)))).text
    assert "Hunted without a lead: First hunt." in words
    assert "Hunted in part: 1" in words
    assert "Second hunt: The log is too short." in words.replace("\n", "")
