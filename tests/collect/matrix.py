"""One row of the matrix: a gatherer under every fault, and what the controls then say."""

import atexit
import logging
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp
from typing import Any

from posture.assess.evaluate import evaluate
from posture.collect.registry import gatherers
from posture.controls.registry import Control, Outcome, catalogue, tallies
from posture.settings import Settings
from posture.snapshot.types import Fact, Gap, GapReason, Snapshot
from tests.collect.cells import EQUAL, LISTS, LONG, OTHER, Column, columns
from tests.collect.world import Target, Told, forget, known_gatherers, run, targets
from tests.reads import writes

ANCHORS = {"organization", "domains"}
"""Read beside every gatherer, so that a run in which it fails has read something."""
BETTER = {Outcome.FAIL: 0, Outcome.PARTIAL: 1, Outcome.PASS: 2, Outcome.NOT_APPLICABLE: 2}
"""How good an outcome looks; one that is not here claims nothing."""


@dataclass
class Row:
    """What a row of the matrix came to: how many cells, what went wrong, what was sent that is no reading."""

    cells: int = 0
    wrong: list[str] = field(default_factory=list)
    writes: list[str] = field(default_factory=list)


IN_MEMORY = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
"""Where each cell writes its few small files: on a busy disk they take longer than all the rest."""


def row(name: str) -> Row:
    """Run all cells of one gatherer."""
    with TemporaryDirectory(prefix="posture-matrix-", dir=IN_MEMORY) as root:
        return _row(name, Path(root))


def _row(name: str, root: Path) -> Row:
    found = Row()
    needs = (ANCHORS | set(gatherers()[name].after)) - {name}
    # Where nothing is to be asked about in one sample, or nothing is there, the other has something.
    asked = [s for s in ("hardened", "contoso") if _asks(s, name, needs, root)]
    sample = next((s for s in asked if name != "partner_synchronization" or s == "contoso"), None)
    assert sample is not None, f"{name} asks nothing in any sample"
    calm = run(sample, root / "calm", needs | {name})
    others = run(sample, root / "others", needs)
    for target in targets(name, calm, others):
        is_list = target.is_list and isinstance(calm.value(name), list)
        is_long = is_list and sum(target.meets(s.path.strip("/")) for s in calm.sent) > 1
        for column in columns():
            if (column.only == LISTS and not is_list) or (column.only == LONG and not is_long):
                continue
            found.cells += 1
            place = root / "cell"
            with _logged() as said:
                told = run(sample, place, needs | {name}, [column.fault(target.path, target.method)])
            words = f"{name}: {target.method} {target.path}: {column.label}"
            found.wrong += [f"{words}: {w}" for w in _wrongs(name, sample, column, target, calm, told)]
            found.wrong += [f"{words}: logged {r.getMessage()}: {r.exc_info}" for r in said]
            found.writes += writes(told.sent)
            forget(place)
    return found


def _asks(sample: str, name: str, needs: set[str], root: Path) -> bool:
    place, other = root / f"try-{sample}", root / f"try-others-{sample}"
    told, others = run(sample, place, needs | {name}), run(sample, other, needs)
    return bool(targets(name, told, others)) and told.value(name) is not None


def _wrongs(name: str, sample: str, column: Column, target: Target, calm: Told, told: Told) -> Iterator[str]:
    end, allowed = _end(name, calm, told), _allowed(name, column, target)
    if end not in allowed:
        gap = told.gap(name)
        yield f"ended in {end!s}, not in {sorted(map(str, allowed))}: {gap.detail if gap else told.error or ''}"
    if told.snapshot is not None and (name in told.snapshot.facts) == (name in told.snapshot.gaps):
        yield "is both a fact and a gap, or neither"
    if column.retried and not _told_of_trying_again(told) and not _is_text_in_a_batch(column, target):
        yield "nobody was told that it was tried again"
    if end == EQUAL:
        return
    if end == OTHER and told.snapshot is not None:
        yield from _judged(sample, name, told.snapshot.facts[name], column)
    elif told.error is None:
        gap = told.gap(name)
        assert gap is not None
        yield from _gap_judged(name, gap.reason)


def _end(name: str, calm: Told, told: Told) -> str | GapReason:
    if told.error is not None:
        # Without the organization nothing is read where nobody answers: no audit, exit code 4.
        words = str(told.error)
        return next(r for r in (GapReason.SIGN_IN, GapReason.NETWORK, GapReason.ERROR) if _speaks_of(words, r))
    gap = told.gap(name)
    if gap is not None:
        return gap.reason
    return EQUAL if told.value(name) == calm.value(name) else OTHER


def _speaks_of(words: str, reason: GapReason) -> bool:
    marks = {GapReason.SIGN_IN: ("token", "Conditional Access"), GapReason.NETWORK: ("connection", "in time")}
    return any(mark in words for mark in marks.get(reason, ("",)))


def _allowed(name: str, column: Column, target: Target) -> set[object]:
    allowed: set[object] = set(column.ends)
    if name == "b2b_management_policies" and allowed & {GapReason.PERMISSION, GapReason.QUERY, GapReason.NOT_FOUND}:
        allowed.add(OTHER)  # the older endpoint answers in its place
    answers_no = ("findTenantInformationByDomainName", "partners/*/identitySynchronization")
    if any(path in target.path for path in answers_no) and column.kind == "not-found":
        allowed.add(OTHER)  # "no such tenant" is an answer for a domain, "no such policy" for a partner
    if target.is_batch:
        # A refusal of the batch is that of each question in it; a body of another shape is no batch.
        allowed |= (
            {EQUAL} if column.kind in ("big-number", "surrogate", "duplicate-key", "nan", "wrong-type") else set()
        )
    if _is_text_in_a_batch(column, target):
        allowed.add(GapReason.ANSWER)
    return allowed


def _is_text_in_a_batch(column: Column, target: Target) -> bool:
    """Within a batch a damaged body comes as text, which is another answer and not asked for again."""
    return target.batched and column.kind in ("truncated", "gzip-damaged", "non-json", "empty")


def _told_of_trying_again(told: Told) -> bool:
    return any(e.kind in ("retry", "wait", "token") for e in told.events)


# -- what the controls say -----------------------------------------------------------------------------------------


@cache
def whole(sample: str) -> Snapshot:
    """Return the complete snapshot of a sample, optional sources included."""
    root = Path(mkdtemp(prefix="posture-matrix-", dir=IN_MEMORY))
    atexit.register(forget, root)
    told = run(sample, root, known_gatherers(), partition_from=10**9)
    assert told.snapshot is not None
    return told.snapshot


def concerned(name: str) -> tuple[Control, ...]:
    """Return the controls that read a fact, directly or through a tally."""
    return tuple(c for c in catalogue() if name in _facts(c.needs) | _facts(c.optional))


def _facts(names: Iterable[str]) -> set[str]:
    known = tallies()
    return {f for n in names for f in ((*known[n].needs, *known[n].optional) if n in known else (n,))}


def must_have(control: Control) -> set[str]:
    """Return the facts without which a control cannot be judged."""
    known = tallies()
    return {f for n in control.needs for f in (known[n].needs if n in known else (n,))}


@cache
def _outcomes(sample: str) -> dict[str, Outcome]:
    return _judge(whole(sample), catalogue())


def _judge(snapshot: Snapshot, controls: tuple[Control, ...]) -> dict[str, Outcome]:
    found = evaluate(snapshot, Settings(), controls=controls, hunts=False)
    return {f.control.code: f.outcome for f in found.findings}


@cache
def _gap_judged(name: str, reason: GapReason) -> tuple[str, ...]:
    """Return what is wrong where a gap is put into an otherwise complete snapshot."""
    g, controls = gatherers()[name], concerned(name)
    gap = Gap(name, reason, "made for the matrix", g.endpoint, g.permission, g.licence)
    wrong = []
    for sample in ("hardened", "contoso"):
        full = whole(sample)
        facts = {n: f for n, f in full.facts.items() if n != name}
        after = _judge(replace(full, facts=facts, gaps={**full.gaps, name: gap}), controls)
        before = _outcomes(sample)
        for control in controls:
            was, now = before[control.code], after[control.code]
            words = f"{sample}: {control.code} was {was.value} and is {now.value} with a gap ({reason.value})"
            if name in must_have(control) and now not in (Outcome.NOT_ASSESSED, Outcome.MANUAL):
                wrong.append(f"{words}, though it needs the fact")
            elif now is Outcome.ERROR or _is_better(now, was):
                wrong.append(words)
    return tuple(wrong)


def _judged(sample: str, name: str, fact: Fact, column: Column) -> Iterator[str]:
    """Yield what is wrong where a fact that came out otherwise is judged in an otherwise complete snapshot."""
    full, controls = whole(sample), concerned(name)
    gaps = {n: g for n, g in full.gaps.items() if n != name}
    after = _judge(replace(full, facts={**full.facts, name: fact}, gaps=gaps), controls)
    before = _outcomes(sample)
    for control in controls:
        was, now = before[control.code], after[control.code]
        if now is Outcome.ERROR or (_is_better(now, was) and not _could_not_know(column)):
            yield f"{control.code} was {was.value} and is {now.value}"


def _could_not_know(column: Column) -> bool:
    """A row that the service leaves out without a count to tell is a row that is not there."""
    return column.kind == "missing-rows" or column.label == "bad-link-null"


def _is_better(now: Outcome, was: Outcome) -> bool:
    return now in BETTER and was in BETTER and BETTER[now] > BETTER[was]


class _logged:  # noqa: N801 - used as a statement
    """Catches what is logged with a traceback."""

    def __enter__(self) -> list[logging.LogRecord]:
        self._found: list[logging.LogRecord] = []
        self._handler = logging.Handler(logging.WARNING)
        self._handler.emit = lambda r: self._found.append(r) if r.exc_info else None  # type: ignore[method-assign]
        logging.getLogger("posture").addHandler(self._handler)
        return self._found

    def __exit__(self, *_: Any) -> None:
        logging.getLogger("posture").removeHandler(self._handler)
