"""What the HTML page shows, made ready: every decision is taken here, the templates only set it out."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from markupsafe import Markup

from posture.assess.score import FORMULA
from posture.assess.types import Assessment
from posture.controls import frameworks
from posture.controls.registry import AREAS, Outcome
from posture.report import charts, words
from posture.report.cards import KINDS, Card, card, place_of
from posture.report.charts import Drawing, Segment
from posture.report.dates import iso_minute, long_date, percent, plural
from posture.report.guest_rows import eligible_roles_known
from posture.report.json_v1 import manifest_sha256
from posture.report.leads import Hunt, hunts_with_leads, queries_of
from posture.report.packed import Block, pack
from posture.report.population import Population, population
from posture.report.text import json_text, marked, slug
from posture.report.view import RunView
from posture.settings import changed
from posture.snapshot.types import Fact

_IDS_SHOWN = 3
_DRAWN_ROWS = 100


@dataclass(frozen=True, slots=True)
class Tile:
    """A number of the first screen. `number` is a dash where it was not read; `below` says why."""

    number: str
    label: str
    below: str


@dataclass(frozen=True, slots=True)
class Item:
    """One item of a framework with the findings that answer it. `kind` is "" for an item nothing answers."""

    name: str
    about: str
    cards: tuple[Card, ...]
    others: tuple[str, ...]
    outcome: str
    kind: str
    outcome_words: str
    loose: bool


@dataclass(frozen=True, slots=True)
class Framework:
    """One framework's items."""

    id: str
    key: str
    name: str
    measured: str
    findings: int
    items: tuple[Item, ...]
    said: str


@dataclass(frozen=True, slots=True)
class Source:
    """One source that was read, for the appendix."""

    name: str
    place: str
    endpoint: str
    permission: str
    read_at: str
    rows: str
    count: str
    pages: int
    request_ids: tuple[str, ...]
    more_ids: int
    file: str
    sha256: str
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Page:
    """The whole page."""

    run: RunView
    assessment: Assessment
    date: str
    since: str
    verdict: str
    lead: str
    tiles: tuple[Tile, ...]
    score_head: str
    score_rest: str
    bar: Markup
    segments: tuple[Segment, ...]
    steps: tuple[words.Step, ...]
    whole: str
    unread: str
    cards: tuple[Card, ...]
    unlocks: tuple[words.Unlock, ...]
    changed: str
    changes: tuple[tuple[str, str, str, str], ...]
    drawings: tuple[Drawing, ...]
    activity: tuple[Drawing, ...]
    hunts: tuple[Hunt, ...]
    quiet: tuple[str, ...]
    limited: tuple[tuple[str, str], ...]
    not_run: tuple[tuple[str, str], ...]
    queries: Mapping[str, Any]
    people: Population
    block: Block
    first_rows: tuple[Any, ...]
    frameworks: tuple[Framework, ...]
    sources: tuple[Source, ...]
    parameters: tuple[tuple[str, str, bool], ...]
    areas: tuple[tuple[str, str, str, str], ...]
    costs: tuple[tuple[str, str, str], ...]
    view: tuple[str, list[Mapping[str, str]]] | None
    attestations: tuple[tuple[Any, str], ...]
    manifest_hash: str
    account: str
    permissions: tuple[str, ...]
    formula: str = FORMULA


def page(run: RunView) -> Page:
    """Return everything the page shows."""
    assessment = run.assessment
    people, hunted = population(run), assessment.hunts
    cards = tuple(card(f, run) for f in words.ranked(assessment.findings))
    bar, segments = charts.outcome_bar([(KINDS[o], count, said) for o, count, said in words.counted(assessment.counts)])
    shown = people if run.options.people else Population(total=people.total)
    queries = queries_of(assessment.leads)
    block = pack(shown.rows, queries)
    return Page(
        run=run,
        assessment=assessment,
        date=long_date(assessment.taken_at, run.brand.language),
        since=long_date(run.changes.since, run.brand.language) if run.changes else "",
        verdict=words.verdict(assessment),
        lead=words.lead(assessment),
        tiles=_tiles(run, people),
        score_head=words.score_head(assessment.score),
        score_rest=words.score_rest(assessment),
        bar=bar,
        segments=segments,
        steps=tuple(words.start_here(assessment)),
        whole=words.completeness_of(run),
        unread=words.unread(assessment),
        cards=cards,
        unlocks=tuple(words.unlocks(assessment)),
        changed=words.changes_words(run.changes) if run.changes else "",
        changes=_changes(run, {c.code: c.title for c in cards}),
        drawings=_drawings(assessment),
        activity=_activity(run),
        hunts=hunts_with_leads(run),
        queries=queries,
        quiet=tuple(r.title for r in hunted.runs if not (r.leads or r.not_run or r.limits)) if hunted else (),
        limited=tuple((r.title, limit) for r in hunted.runs for limit in r.limits) if hunted else (),
        not_run=tuple((r.title, r.not_run) for r in hunted.runs if r.not_run) if hunted else (),
        people=people,
        block=block,
        first_rows=tuple(shown.rows[:50]),
        frameworks=_frameworks(cards),
        sources=tuple(_source(f) for _, f in sorted(run.snapshot.facts.items())),
        parameters=_parameters(assessment),
        areas=tuple(
            (
                AREAS[a.area],
                "–" if a.value is None else f"{words.points(a.value)}",
                percent(a.coverage),
                _area_counts(assessment, a.area),
            )
            for a in assessment.score.by_area
        ),
        costs=tuple((f.control.code, f.control.title, f"{points:.1f}") for f, points in words.costs(assessment)),
        view=words.guest_view(assessment),
        attestations=tuple(words.attestations(assessment)),
        manifest_hash=manifest_sha256(run) or "",
        account=_account(run),
        permissions=_permissions(run.snapshot.manifest),
    )


def _changes(run: RunView, titles: Mapping[str, str]) -> tuple[tuple[str, str, str, str], ...]:
    """Return kind, code, title and words of each change, what to worry about first."""
    found = words.changes_ordered(run.changes) if run.changes else []
    return tuple(
        (c.kind.replace("-", " ").capitalize(), c.code, titles.get(c.code, ""), words.sentence(c.words)) for c in found
    )


def _tiles(run: RunView, people: Population) -> tuple[Tile, ...]:
    numbers = run.assessment.guests
    if numbers.total is None:
        why = _why(run, "guests")
        return tuple(
            Tile("–", label, why) for label in ("guests", "never redeemed", "not seen", "hold a directory role")
        )
    days = run.assessment.settings.thresholds.stale_days
    old = sum(n for age, n in numbers.pending_by_age.items() if age in words.OLD_AGES)
    external = "" if not numbers.external_members else f"and {plural(numbers.external_members, 'external member')}"
    domains = plural(numbers.domains, "home domain") if numbers.domains else ""
    seen = (
        Tile(f"{people.unseen:,}", f"not seen for {days} days", _share(people.unseen, numbers.total, people.unrecorded))
        if people.seen_read or not numbers.total
        else Tile("–", f"not seen for {days} days", _why(run, "guest_sign_in_activity"))
    )
    return (
        Tile(f"{numbers.total:,}", "guest" if numbers.total == 1 else "guests", external or domains),
        Tile(
            f"{numbers.pending or 0:,}",
            "never redeemed",
            f"{old:,} older than 90 days" if numbers.pending else "no invitation is open",
        ),
        seen,
        _role_tile(run, people, numbers.total),
    )


def _role_tile(run: RunView, people: Population, total: int) -> Tile:
    """Say how many guests hold a directory role; none only where active and eligible ones were read."""
    label, held = "hold a directory role", people.with_role
    if not total:
        return Tile("0", label, "")
    eligible = eligible_roles_known(run.snapshot)
    if held:
        return Tile(
            f"{held:,}", label, f"given directly, active{' or eligible' if eligible else '; eligible not read'}"
        )
    if held is not None:
        groups = "privileged_group_members" in run.snapshot.facts
        return Tile("0", label, "none given directly" + ("" if groups else "; through groups not read"))
    unread = "role_assignments" if "role_assignments" not in run.snapshot.facts else "role_eligibilities"
    return Tile("–", label, _why(run, unread))


def _share(part: int, total: int, unrecorded: int) -> str:
    if not total:
        return ""
    said = [percent(part / total) if part else ""]
    if unrecorded:
        said.append(f"{unrecorded:,} without a record")
    return "; ".join(s for s in said if s) or "all were seen since"


def _why(run: RunView, fact: str) -> str:
    gap = run.snapshot.gaps.get(fact)
    return f"not read: {words.REASONS[gap.reason]}" if gap else "not read"


def _drawings(assessment: Assessment) -> tuple[Drawing, ...]:
    numbers = assessment.guests
    if not numbers.total:
        return ()
    personal = frozenset(d.casefold() for d in assessment.settings.thresholds.consumer_domains)
    made = (
        charts.columns(
            "invitation-age",
            "Age of unanswered invitations",
            f"{plural(numbers.pending or 0, 'invitation')}, counted from the day of invitation",
            _all_ages(numbers.pending_by_age),
            head=("Age", "Invitations"),
            loud=words.OLD_AGES,
            said_loud=f"older than 90 days: {sum(numbers.pending_by_age.get(a, 0) for a in words.OLD_AGES):,}",
        )
        if numbers.pending
        else None,
        charts.domains(
            "home-domains", "Where guests come from", numbers.by_domain, numbers.total, numbers.domains, personal
        ),
        charts.columns(
            "guest-growth",
            "Guests by the year they were added",
            "Those still here; guests deleted since are not counted",
            _recent(numbers.created_by_year),
            head=("Year", "Guests"),
        ),
    )
    return tuple(d for d in made if d is not None)


def _all_ages(ages: Mapping[str, int]) -> dict[str, int]:
    known = {age: ages.get(age, 0) for age in words.AGES}
    return {**known, **{age: n for age, n in ages.items() if age not in known}}


def _recent(years: Mapping[str, int], most: int = 9) -> dict[str, int]:
    """Return the last years; what came before them as one."""
    items = sorted(years.items())
    if len(items) <= most:
        return dict(items)
    early = items[: len(items) - most + 1]
    return {f"to {early[-1][0]}": sum(n for _, n in early), **dict(items[len(early) :])}


def _activity(run: RunView) -> tuple[Drawing, ...]:
    """Return the sign-in map and the invitation tree, where there is something to draw."""
    import importlib
    import importlib.util

    found = []
    for name in ("map", "tree"):
        if importlib.util.find_spec(f"posture.report.{name}") is None:
            continue
        drawing = importlib.import_module(f"posture.report.{name}").drawing(run)
        if drawing is not None:
            found.append(_shortened(drawing))
    return tuple(found)


def _shortened(drawing: Drawing) -> Drawing:
    """Return a drawing with a table of a length a page can bear."""
    rows = drawing.table.rows
    if len(rows) <= _DRAWN_ROWS:
        return drawing
    note = f"The first {_DRAWN_ROWS} of {len(rows):,} rows. {drawing.table.note}".strip()
    return replace(drawing, table=replace(drawing.table, rows=rows[:_DRAWN_ROWS], note=note))


def _frameworks(cards: Sequence[Card]) -> tuple[Framework, ...]:
    """Return each framework with all its items, those that nothing answers among them."""
    by_code = {c.code: c for c in cards}
    made = []
    for key in frameworks.frameworks():
        found = frameworks.coverage(key)
        items = tuple(_item(entry, by_code) for entry in found["items"])
        if not any(i.cards for i in items):
            continue
        states = Counter(i.outcome for i in items)
        open_ = f"{states['']:,} {_UNCOVERED.lower()}" if states[""] else ""
        said = ", ".join(w for w in (words.counts_words(states), open_) if w)
        short = slug(key, "other")
        about = sum(short in c.framework_slugs.split() for c in cards)
        made.append(Framework(f"framework-{short}", key, found["title"], found["measured_against"], about, items, said))
    return tuple(made)


_UNCOVERED = "Not answered"


def _item(entry: Mapping[str, Any], by_code: Mapping[str, Card]) -> Item:
    found = tuple(by_code[c] for c in entry["controls"] if c in by_code)
    others = tuple(c for c in entry["controls"] if c not in by_code)
    order = list(words.OUTCOMES)
    worst = min(found, key=lambda c: order.index(Outcome(c.outcome)), default=None)
    return Item(
        entry["item"],
        entry["about"],
        found,
        others,
        worst.outcome if worst else "",
        worst.kind if worst else "",
        worst.outcome_words if worst else _UNCOVERED,
        entry["state"] == "touched",
    )


def _source(fact: Fact) -> Source:
    p = fact.provenance
    counts = tuple(dict.fromkeys(n for n in (p.count_before, p.count_after) if n is not None))
    return Source(
        name=fact.name,
        place=place_of(fact.name),
        endpoint=p.endpoint,
        permission=p.permission,
        read_at=iso_minute(p.retrieved_at),
        rows="" if p.rows is None else f"{p.rows:,}",
        count=" to ".join(f"{n:,}" for n in counts),
        pages=p.pages,
        request_ids=p.request_ids[:_IDS_SHOWN],
        more_ids=max(0, len(p.request_ids) - _IDS_SHOWN),
        file=p.file,
        sha256=p.sha256,
        notes=p.notes,
    )


def _parameters(assessment: Assessment) -> tuple[tuple[str, str, bool], ...]:
    other = changed(assessment.settings.thresholds)
    return tuple(
        (name, marked(json_text(value), 300), name in other)
        for name, value in sorted(assessment.settings.thresholds.as_json().items())
    )


def _area_counts(assessment: Assessment, area: str) -> str:
    return words.counts_words(Counter(f.outcome.value for f in assessment.findings if f.control.area == area))


def _account(run: RunView) -> str:
    """Return who read the tenant; nobody in an edition without people."""
    account = run.snapshot.manifest.get("account")
    if not run.options.people:
        return ""
    if isinstance(account, Mapping):
        found: Iterable[Any] = (account.get(k) for k in ("account", "upn", "name", "app_id", "id"))
        return next((str(v) for v in found if v), "")
    return account if isinstance(account, str) else ""


def _permissions(manifest: Mapping[str, Any]) -> tuple[str, ...]:
    for holder in (manifest, manifest.get("account")):
        found = holder.get("permissions") if isinstance(holder, Mapping) else None
        if isinstance(found, list):
            return tuple(sorted(str(p) for p in found))
    return ()


__all__ = ["Page", "page"]
