"""The guest list as the page carries it: the rows that matter first, in columns that compress well."""

import gzip
import json
from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from posture.controls.registry import Outcome
from posture.report.guest_rows import GuestRow, guest_rows
from posture.report.text import marked
from posture.report.view import RunView

WHOLE_LIMIT = 25_000
"""Guests up to which the page may carry all."""
BLOCK_LIMIT = 1_050_000
"""Characters the packed list may take of the page; fewer rows are carried where it would take more."""
PLAIN_LIMIT = 96 * 1024
"""Bytes up to which the list is stored unpacked: zlib's builds differ, small reports have the same bytes everywhere."""
IDS_LIMIT = 2_000
"""Rows up to which object ids travel too: they do not compress and would be half of a long list; guests.csv has all."""
_SPARE = 5_000
_COMBINATIONS = 10_000
_KEY = "population"
_NAME_LIMIT = 80
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass
class Population:
    """Numbers over all guests, and the rows the page carries, most important first."""

    total: int = 0
    unseen: int = 0
    unrecorded: int = 0
    seen_read: bool = False
    with_role: int | None = None
    rows: list[GuestRow] = field(default_factory=list)

    @property
    def whole(self) -> bool:
        """Whether every guest is among the rows."""
        return len(self.rows) == self.total


class Collector:
    """Count guests and keep the rows that matter most, fed one row at a time, in bounded memory."""

    def __init__(self, run: RunView) -> None:
        self._weight = {
            f.control.code: f.severity.rank
            for f in run.assessment.findings
            if f.outcome in (Outcome.FAIL, Outcome.PARTIAL)
        }
        self._stale = run.assessment.settings.thresholds.stale_days
        self._found = Population()
        self._held: list[tuple[tuple[int, int, int, str], GuestRow]] = []
        self._worst: dict[tuple[str, ...], int] = {}
        self._bar: tuple[int, int, int, str] | None = None

    def add(self, row: GuestRow) -> None:
        """Take one guest."""
        found = self._found
        found.total += 1
        found.seen_read = found.seen_read or row.seen_read
        if not row.pending:
            found.unrecorded += row.seen is None  # not recorded, or not in the list: neither is "seen"
            found.unseen += row.unseen_days is not None and row.unseen_days > self._stale
        if row.roles is not None:
            found.with_role = (found.with_role or 0) + bool(row.roles)
        worst = self._worst.get(row.findings)
        if worst is None:
            worst = max((self._weight.get(c, 0) for c in row.findings), default=0)
            if len(self._worst) < _COMBINATIONS:
                self._worst[row.findings] = worst
        place = (-worst, -len(row.findings), -bool(row.roles), row.id)
        if self._bar is not None and place > self._bar:
            return  # as many that matter more are held already
        self._held.append((place, row))
        if len(self._held) > WHOLE_LIMIT + _SPARE:
            self._cut()
            self._bar = self._held[-1][0]

    def _cut(self) -> None:
        self._held.sort(key=lambda h: h[0])
        del self._held[WHOLE_LIMIT:]

    def finish(self) -> Population:
        """Return what was counted, with the rows most important first."""
        self._cut()
        self._found.rows = [row for _, row in self._held]
        return self._found


def population(run: RunView) -> Population:
    """Return the numbers over all guests and the rows for the page; walks through the guests once a run."""
    if _KEY not in run.worked_out:
        for _ in counted(run):
            pass
    found: Population = run.worked_out[_KEY]
    return found


def counted(run: RunView) -> Iterator[GuestRow]:
    """Yield every guest's row and leave the population behind for the format that needs it."""
    collector = Collector(run)
    for row in guest_rows(run):
        collector.add(row)
        yield row
    run.worked_out[_KEY] = collector.finish()


@dataclass(frozen=True, slots=True)
class Block:
    """The packed list: base64 text, whether it is gzip inside, and how many rows it holds."""

    text: str
    packed: bool
    rows: int


def pack(found: Population, queries: Mapping[str, Any]) -> Block:
    """Pack the rows for the page, as many as fit its limit; where they are compressed, the queries go with them."""
    rows = found.rows
    plain = _json(rows)
    if len(plain) <= PLAIN_LIMIT:
        return Block(b64encode(plain).decode("ascii"), False, len(rows))
    block = _packed(_json(rows, queries))
    while len(block) > BLOCK_LIMIT:
        rows = rows[: int(len(rows) * BLOCK_LIMIT / len(block) * 0.97)]
        block = _packed(_json(rows, queries))
    return Block(block, True, len(rows))


def _packed(plain: bytes) -> str:
    return b64encode(gzip.compress(plain, 9, mtime=0)).decode("ascii")


class _Words:
    """A dictionary of words that repeat: domains, states, roles, sponsors."""

    def __init__(self) -> None:
        self.words: dict[Any, int] = {}

    def of(self, word: Any) -> int:
        return self.words.setdefault(word, len(self.words))


def _json(rows: Sequence[GuestRow], queries: Mapping[str, Any] | None = None) -> bytes:
    domains, states, people, roles, combos = _Words(), _Words(), _Words(), _Words(), _Words()
    made: dict[str, list[Any]] = {
        k: [] for k in ("n", "m", "d", "s", "v", "c", "l", "e", "p", "i", "r", "g", "f", "id")
    }
    with_ids = len(rows) <= IDS_LIMIT
    for row in rows:
        made["n"].append(marked(row.name, _NAME_LIMIT))
        made["m"].append(_address(row))
        made["d"].append(domains.of(marked(row.domain) if row.domain else ""))
        made["s"].append(states.of(marked(row.state, 40) if row.state else ""))
        made["v"].append(_later(row.created, row.state_since))
        made["c"].append(_day(row.created))
        made["l"].append(_day(row.seen) if row.seen_read else -1)
        made["e"].append(2 if row.enabled is None else int(row.enabled))
        made["p"].append(-1 if row.sponsors is None else people.of(_joined(row.sponsors)))
        made["i"].append(-1 if row.inviter is None else people.of(marked(row.inviter, _NAME_LIMIT)))
        made["r"].append(-1 if row.roles is None else roles.of(_joined(row.roles)))
        made["g"].append(-1 if row.groups is None else row.groups)
        made["f"].append(combos.of(row.findings))
        if with_ids:
            made["id"].append(marked(row.id, 64))
    whole = {
        **made,
        "D": list(domains.words),
        "S": list(states.words),
        "P": list(people.words),
        "R": list(roles.words),
        "F": [list(codes) for codes in combos.words],
        "queries": queries or None,
    }
    return json.dumps(whole, ensure_ascii=False, separators=(",", ":")).encode()


def _address(row: GuestRow) -> str:
    """Return the mail address, only its local part where the domain column tells the rest."""
    local, _, tail = row.mail.partition("@")
    if row.domain and tail == row.domain and row.domain.isascii() and local:
        return marked(local, _NAME_LIMIT)
    return marked(row.mail or row.upn, 2 * _NAME_LIMIT)


def _joined(words: Iterable[str]) -> str:
    return ", ".join(marked(w, _NAME_LIMIT) for w in words)


def _day(when: datetime | None) -> int | None:
    return None if when is None else (when - _EPOCH).days


def _later(created: datetime | None, changed: datetime | None) -> int | None:
    """Return how many days after it was made an account's state last changed; None for the same day."""
    first, last = _day(created), _day(changed)
    return None if first is None or last is None or first == last else last - first
