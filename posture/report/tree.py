"""Who invited whom, drawn as a tree: inviters at the left, their guests beside them, with the table of every chain."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from markupsafe import Markup

from posture.hunts.inviters import Branch, InvitationTree, Reach
from posture.report.charts import DataTable, Drawing
from posture.report.markup import svg
from posture.report.text import EMPTY, Seen, marked

if TYPE_CHECKING:
    from posture.report.view import RunView

LINES = 60
"""People drawn; the table goes on."""
ROWS = 300
_STEP, _INDENT, _TOP = 22.0, 30.0, 16.0
_KINDS = {"member": "member", "guest": "guest", "app": "application", "unknown": "not told"}


def drawing(run: "RunView") -> Drawing | None:
    """Return the tree of a run; None where nothing tells who invited anybody."""
    hunted = run.assessment.hunts
    tree = hunted.inviters if hunted is not None else None
    return draw(tree) if tree is not None and tree.roots else None


@dataclass(frozen=True, slots=True)
class _Line:
    branch: Branch
    depth: int
    above: int
    words: str = ""


def draw(tree: InvitationTree) -> Drawing:
    """Return the invitation tree. Inviters with guests who invited others come first."""
    roots = sorted(tree.roots, key=lambda b: (-_deep(b), -_all(b), b.person.id))
    lines = list(_lines(roots))[:LINES]
    high = _TOP * 2 + _STEP * max(len(lines) - 1, 0)
    parts: list[Markup] = []
    for place, line in enumerate(lines):
        if line.depth:
            parts.append(_elbow(place, line))
    for place, line in enumerate(lines):
        parts += _person(place, line)
    label = (
        f"Invitation tree: {tree.known:,} of {tree.guests:,} guests have a known inviter, {tree.by_guests:,} came "
        f"through another guest, the longest chain has {tree.longest:,} guests. The table beside it says the same."
    )
    drawn = svg("svg", *parts, class_="tree", viewBox=f"0 0 720 {high:.0f}", role="img", aria_label=label)
    how = ", ".join(f"{n:,} by {_source(s)}" for s, n in tree.by_source.items())
    lead = (
        f"{tree.known:,} of {tree.guests:,} guests have a known inviter ({how}); {tree.by_guests:,} came through "
        "another guest. Circles are guests, squares members and applications. A sponsor counts as the inviter where "
        "nothing else tells, unless somebody chose another."
    )
    return Drawing("invitation-tree", "Who invited whom", lead, drawn, _table(tree, roots), wide=True)


def _source(name: str) -> str:
    return {"log": "the log", "invitedBy": "Graph", "sponsor": "their sponsor"}.get(name, name)


def _deep(branch: Branch) -> int:
    return 1 + max((_deep(c) for c in branch.children if c.invited), default=0) if branch.invited else 0


def _all(branch: Branch) -> int:
    return branch.invited + sum(_all(c) for c in branch.children)


def _lines(roots: list[Branch]) -> Iterator[_Line]:
    """Yield people in the order drawn with their place above; inviting guests are opened, single ones summed up."""
    number = 0

    def walk(branch: Branch, depth: int, above: int) -> Iterator[_Line]:
        nonlocal number
        here = number
        number += 1
        yield _Line(branch, depth, above)
        inviting = [c for c in branch.children if c.invited]
        for child in inviting:
            yield from walk(child, depth + 1, here)
        rest = branch.invited - len(inviting)
        if rest > 0:
            names = [_cut(c.person.name, 24) for c in branch.children if not c.invited][:3]
            more = rest - len(names)
            words = ", ".join(names) + (
                f" and {more:,} more" if more > 0 and names else f"{rest:,} guests" if not names else ""
            )
            number += 1
            yield _Line(branch, depth + 1, here, words)

    for root in roots:
        yield from walk(root, 0, -1)


def _elbow(place: int, line: _Line) -> Markup:
    x, y = 8 + (line.depth - 1) * _INDENT, _TOP + place * _STEP
    top = _TOP + line.above * _STEP
    return svg("path", class_="axis", d=f"M{x:.0f} {top + 6:.0f}V{y:.0f}H{x + _INDENT - 8:.0f}", fill="none")


def _person(place: int, line: _Line) -> list[Markup]:
    x, y = 8 + line.depth * _INDENT, _TOP + place * _STEP
    if line.words:
        return [svg("text", line.words, class_="s", x=x, y=y + 4)]
    person, guest = line.branch.person, line.branch.person.kind == "guest"
    mark = (
        svg("circle", class_="f", cx=x, cy=y, r=6)
        if guest
        else svg("rect", class_="i" if person.kind == "member" else "a", x=x - 6, y=y - 6, width=12, height=12, rx=2)
    )
    said = f" · {_KINDS.get(person.kind, person.kind)}, invited {line.branch.invited:,}"
    name = svg("tspan", _cut(person.name, 40), class_="b")
    reach = _reach(line.branch.reach)
    tail = svg("tspan", said + (f" · reaches {reach}" if reach else ""), class_="s")
    return [mark, svg("text", name, tail, x=x + 12, y=y + 4)]


def _cut(name: str, limit: int) -> str:
    """Return a name for the drawing, whose elements show what cannot be seen themselves."""
    return f"{name[:limit]}…" if len(name) > limit else name or EMPTY


def _reach(reach: Reach | None) -> str:
    """Return what a guest reaches in words, and what of it was not read."""
    if reach is None:
        return ""
    named = {"group": reach.groups, "team": reach.teams, "application": reach.apps, "role": reach.roles}
    words = [f"{n:,} {name if n == 1 else name + 's'}" for name, n in named.items() if n]
    words += [f"owns {reach.owns:,}"] if reach.owns else []
    unread = [f"{name}s" for name, n in named.items() if n is None] + (["owned objects"] if reach.owns is None else [])
    if not words:
        return "" if len(unread) > len(named) else "nothing that was read" if unread else "nothing"
    return ", ".join(words) + (f" ({', '.join(unread)} not read)" if unread else "")


def _table(tree: InvitationTree, roots: list[Branch]) -> DataTable:
    rows: list[tuple[str | int, ...]] = []
    left = 0

    def walk(branch: Branch, path: tuple[str, ...]) -> None:
        nonlocal left
        name = marked(branch.person.name, 80)
        for child in branch.children:
            if len(rows) < ROWS:
                chain = Seen(" ← ".join(reversed((*path, name))))
                rows.append(
                    (
                        marked(child.person.name, 80),
                        chain,
                        _source(child.source),
                        child.state or "",
                        child.invited,
                        _reach(child.reach),
                    )
                )
            else:
                left += 1
        left += branch.more
        for child in branch.children:
            if child.invited:
                walk(child, (*path, name))

    for root in roots:
        walk(root, ())
    note = f"{left:,} further guests are in guests.csv." if left else ""
    if tree.left_out:
        note += f" {tree.left_out:,} guests of further inviters are not drawn."
    return DataTable(
        ("Guest", "Invited by ← who was invited by", "Known from", "State", "Invited", "Reaches"), tuple(rows), note
    )
