"""Charts as inline SVG, each with the table of its numbers. No library, no colour without a word."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from posture.report.markup import svg
from posture.report.text import Seen, domain, marked

WIDTH = 420.0
_ROW = 24.0


@dataclass(frozen=True, slots=True)
class DataTable:
    """The numbers of a drawing, for readers who do not look at drawings. `note` stands under it."""

    head: tuple[str, ...]
    rows: tuple[tuple[str | int, ...], ...]
    note: str = ""


@dataclass(frozen=True, slots=True)
class Drawing:
    """One drawing: a title, a sentence, the SVG and its table. `id` is the anchor in the page.

    `wide` is scrolled on a small screen: its words would be too small to read.
    """

    id: str
    title: str
    lead: str
    svg: Markup
    table: DataTable
    wide: bool = False


def columns(
    name: str,
    title: str,
    lead: str,
    counts: Mapping[str, int],
    *,
    head: tuple[str, str],
    loud: Sequence[str] = (),
    said_loud: str = "",
) -> Drawing | None:
    """Draw counts as standing bars, in the order given; None for no counts.

    Those in `loud`, the last ones, stand behind a line in the colour of a
    fail; `said_loud` says at that line what they are.
    """
    if not counts:
        return None
    base, top = 150.0, 36.0 if said_loud else 22.0
    high = base + 17 + 14 * max(len(_split(label)) for label in counts) - 6
    step = WIDTH / len(counts)
    wide = min(52.0, step * 0.72)
    most = max(counts.values()) or 1
    parts = [svg("line", class_="axis", x1=0, y1=base, x2=WIDTH, y2=base)]
    for place, (label, count) in enumerate(counts.items()):
        middle = step * place + step / 2
        tall = max((base - top) * count / most, 1.5 if count else 0.0)
        kind = "f" if label in loud else "i"
        parts.append(svg("rect", class_=kind, x=middle - wide / 2, y=base - tall, width=wide, height=tall, rx=3))
        parts.append(svg("text", f"{count:,}", class_="b m", x=middle, y=base - tall - 6))
        for line, words in enumerate(_split(label)):
            parts.append(svg("text", words, class_="s m", x=middle, y=base + 17 + 14 * line))
    if said_loud:
        x = step * next(place for place, label in enumerate(counts) if label in loud)
        parts.append(svg("line", class_="line", x1=x, y1=0, x2=x, y2=base, stroke_dasharray="3 3"))
        parts.append(svg("text", said_loud, class_="s", x=x + 7, y=11))
    said = ", ".join(f"{label} {count:,}" for label, count in counts.items())
    drawn = svg("svg", *parts, viewBox=f"0 0 {WIDTH:.0f} {high:.0f}", role="img", aria_label=f"{title}: {said}.")
    return Drawing(name, title, lead, drawn, DataTable(head, tuple(counts.items())))


def _split(label: str) -> tuple[str, ...]:
    """Return a label in at most two lines."""
    if len(label) <= 7:
        return (label,)
    head, _, tail = label.rpartition(" ")
    return (head, tail) if head else (label,)


def domains(
    name: str, title: str, counts: Mapping[str, int], total: int, distinct: int, personal: frozenset[str]
) -> Drawing | None:
    """Draw the largest home domains as lying bars; consumer domains hatched and named so; None without any."""
    if not counts or not total:
        return None
    shown = [(d, n) for d, n in counts.items() if d != "further domains"][:8]
    most = max(n for _, n in shown)
    left, room = 190.0, WIDTH - 190.0 - 40.0
    parts: list[Markup] = []
    for place, (label, count) in enumerate(shown):
        y = place * _ROW
        wide = max(room * count / most, 2.0)
        mail = label in personal
        parts.append(svg("text", Seen(_short(marked(label), 28)), class_="d", x=0, y=y + 14))
        parts.append(svg("rect", class_="w" if mail else "i", x=left, y=y + 3, width=wide, height=14, rx=3))
        if mail:
            parts.extend(_hatch(left, y + 3, wide, 14))
        parts.append(svg("text", f"{count:,}", class_="b", x=left + wide + 7, y=y + 14))
    rest = total - sum(n for _, n in shown)
    others = distinct - len(shown)
    foot = len(shown) * _ROW + 14
    if rest > 0:
        further = "1 further domain" if others == 1 else f"{others:,} further domains"
        words = f"{rest:,} in {further}" if others > 0 else f"{rest:,} more"
        parts.append(svg("text", words, class_="s", x=0, y=foot))
    if any(d in personal for d, _ in shown):
        parts.append(svg("rect", class_="w", x=left, y=foot - 10, width=12, height=10, rx=2))
        parts.extend(_hatch(left, foot - 10, 12, 10))
        parts.append(svg("text", "personal mail", class_="s", x=left + 18, y=foot))
    said = ", ".join(f"{marked(d)} {n:,}{' (personal mail)' if d in personal else ''}" for d, n in shown)
    drawn = svg(
        "svg", *parts, viewBox=f"0 0 {WIDTH:.0f} {foot + 6:.0f}", role="img", aria_label=Seen(f"{title}: {said}.")
    )
    rows = tuple((Seen(domain(d) + (" (personal mail)" if d in personal else "")), n) for d, n in counts.items())
    one = "guest comes" if total == 1 else "guests come"
    lead = f"{total:,} {one} from {distinct:,} {'domain' if distinct == 1 else 'domains'}"
    return Drawing(name, title, lead, drawn, DataTable(("Domain", "Guests"), rows))


def _hatch(x: float, y: float, wide: float, high: float) -> list[Markup]:
    """Draw the strokes that tell a bar apart without its colour."""
    strokes = []
    at = x + 3.0
    while at + high * 0.57 < x + wide:
        strokes.append(svg("path", class_="hatch", d=f"M{at:.1f} {y + high:.1f}l{high * 0.57:.1f} -{high:.1f}"))
        at += 9.0
    return strokes


def _short(words: str, most: int) -> str:
    return words if len(words) <= most else words[: most - 1] + "…"


@dataclass(frozen=True, slots=True)
class Segment:
    """A piece of the outcome bar."""

    kind: str
    count: int
    words: str
    svg: Markup


def outcome_bar(counts: Sequence[tuple[str, int, str]]) -> tuple[Markup, tuple[Segment, ...]]:
    """Draw the findings per outcome as one bar and return it with the pieces for its key.

    `counts` are kind (class of fill), number and words. Fill, hatching and
    dashes tell the outcomes apart without colour.
    """
    wide, gap = 880.0, 4.0
    present = [c for c in counts if c[1]]
    total = sum(n for _, n, _ in present) or 1
    room = wide - gap * max(len(present) - 1, 0)
    x = 0.0
    parts: list[Markup] = []
    for kind, count, _ in present:
        length = room * count / total
        parts.extend(_piece(kind, x, length))
        x += length + gap
    said = f"Of {sum(n for _, n, _ in present)} controls {', '.join(f'{n} {words}' for _, n, words in present)}."
    bar = svg("svg", *parts, viewBox="0 0 880 14", role="img", preserveAspectRatio="none", aria_label=said)
    return bar, tuple(Segment(kind, n, words, _dot(kind)) for kind, n, words in present)


def _piece(kind: str, x: float, length: float) -> list[Markup]:
    if kind in ("f", "e"):
        return [svg("rect", class_="f", x=x, y=0, width=length, height=14, rx=3)]
    if kind == "w":
        return [svg("rect", class_="w", x=x, y=0, width=length, height=14, rx=3), *_hatch(x, 0.0, length, 14.0)]
    if kind == "mt":  # dots, as a pass is an outline too and grey is no colour to everybody
        box = svg("rect", class_=kind, x=x + 0.75, y=0.75, width=max(length - 1.5, 0.5), height=12.5, rx=2.5)
        return [box, svg("path", class_="dots", d=f"M{x + 6:.1f} 7H{x + max(length - 5.0, 6.1):.1f}")]
    return [svg("rect", class_=kind, x=x + 0.75, y=0.75, width=max(length - 1.5, 0.5), height=12.5, rx=2.5)]


def _dot(kind: str) -> Markup:
    inner = _piece("f" if kind == "e" else kind, 0.0, 12.0)
    if kind == "w":
        inner = [
            svg("rect", class_="w", width=12, height=14, rx=3),
            svg("path", class_="hatch", d="M0 13L8 0M5 14L13 2"),
        ]
    if kind == "pt":
        inner.append(svg("path", class_="tick", d="M3 7.2L5.2 9.6L9 4.6"))
    return svg("svg", *inner, class_="dot", viewBox="0 0 12 14", aria_hidden="true")
