"""The guest list as the page carries it: the rows that matter first, in columns that compress well."""

import gzip
import json
import uuid
from base64 import b64encode
from collections.abc import Iterable
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
"""Bytes up to which the list is stored unpacked: zlib's builds differ, and small reports keep their bytes everywhere."""
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


def population(run: RunView) -> Population:
    """Count the guests and keep the rows that matter most, in one pass with bounded memory."""
    weight = {
        f.control.code: f.severity.rank for f in run.assessment.findings if f.outcome in (Outcome.FAIL, Outcome.PARTIAL)
    }
    stale = run.assessment.settings.thresholds.stale_days
    found = Population()
    held: list[tuple[tuple[int, int, int, str], GuestRow]] = []
    for row in guest_rows(run):
        found.total += 1
        found.seen_read = row.seen_read
        if row.seen_read and not row.pending:
            found.unrecorded += row.seen is None
            found.unseen += row.unseen_days is not None and row.unseen_days > stale
        if row.roles is not None:
            found.with_role = (found.with_role or 0) + bool(row.roles)
        worst = max((weight.get(c, 0) for c in row.findings), default=0)
        held.append(((-worst, -len(row.findings), -bool(row.roles), row.id), row))
        if len(held) > 2 * WHOLE_LIMIT:
            held.sort(key=lambda h: h[0])
            del held[WHOLE_LIMIT:]
    held.sort(key=lambda h: h[0])
    found.rows = [row for _, row in held[:WHOLE_LIMIT]]
    return found


@dataclass(frozen=True, slots=True)
class Block:
    """The packed list: base64 text, whether it is gzip inside, and how many rows it holds."""

    text: str
    packed: bool
    rows: int


def pack(found: Population) -> Block:
    """Pack the rows for the page; as many as fit its limit."""
    rows = found.rows
    plain = _json(rows)
    if len(plain) <= PLAIN_LIMIT:
        return Block(b64encode(plain).decode("ascii"), False, len(rows))
    block = _packed(plain)
    while len(block) > BLOCK_LIMIT:
        rows = rows[: int(len(rows) * BLOCK_LIMIT / len(block) * 0.97)]
        block = _packed(_json(rows))
    return Block(block, True, len(rows))


def _packed(plain: bytes) -> str:
    return b64encode(gzip.compress(plain, 9, mtime=0)).decode("ascii")


class _Words:
    """A dictionary of words that repeat: domains, states, roles, sponsors."""

    def __init__(self) -> None:
        self.words: dict[Any, int] = {}

    def of(self, word: Any) -> int:
        return self.words.setdefault(word, len(self.words))


def _json(rows: Iterable[GuestRow]) -> bytes:
    domains, states, people, roles, combos = _Words(), _Words(), _Words(), _Words(), _Words()
    made: dict[str, list[Any]] = {k: [] for k in ("n", "m", "d", "s", "v", "c", "l", "e", "p", "i", "r", "g", "f")}
    ids = bytearray()
    odd: dict[str, str] = {}
    for place, row in enumerate(rows):
        made["n"].append(marked(row.name, _NAME_LIMIT))
        made["m"].append(_address(row))
        made["d"].append(domains.of(marked(row.domain) if row.domain else ""))
        made["s"].append(states.of(marked(row.state, 40) if row.state else ""))
        made["v"].append(_day(row.state_since if row.state_since != row.created else None))
        made["c"].append(_day(row.created))
        made["l"].append(_day(row.seen) if row.seen_read else -1)
        made["e"].append(2 if row.enabled is None else int(row.enabled))
        made["p"].append(-1 if row.sponsors is None else people.of(_joined(row.sponsors)))
        made["i"].append(-1 if row.inviter is None else people.of(marked(row.inviter, _NAME_LIMIT)))
        made["r"].append(-1 if row.roles is None else roles.of(_joined(row.roles)))
        made["g"].append(-1 if row.groups is None else row.groups)
        made["f"].append(combos.of(row.findings))
        try:
            ids += uuid.UUID(row.id).bytes
        except ValueError:
            ids += bytes(16)
            odd[str(place)] = marked(row.id, 64)
    whole = {
        **made,
        "D": list(domains.words),
        "S": list(states.words),
        "P": list(people.words),
        "R": list(roles.words),
        "F": [list(codes) for codes in combos.words],
        "id": b64encode(bytes(ids)).decode("ascii"),
        "odd": odd,
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
