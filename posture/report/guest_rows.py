"""One row per guest, joined from the evidence in one streamed pass: for guests.csv, the workbook and the page."""

import gzip
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO, Any, cast

import orjson

from posture.controls.registry import AREAS
from posture.errors import EvidenceError
from posture.report.dates import days_between
from posture.report.view import RunView
from posture.snapshot.guests import Guest, guests
from posture.snapshot.types import Snapshot


@dataclass(frozen=True, slots=True)
class GuestRow:
    """What a report says of one guest. None is *not read* or *not recorded*, never no.

    `seen` is the newest sign-in Graph records; `seen_read` tells whether that
    list was read at all. `sponsors` and `roles` are names (roles held directly,
    active or eligible). `findings` are codes of the findings that name this
    guest, `accepted` whether an accepted risk covers it in one of them.
    """

    id: str
    name: str
    mail: str
    upn: str
    domain: str
    state: str
    kind: str
    company: str
    created: datetime | None
    state_since: datetime | None
    age_days: int | None
    pending: bool
    pending_days: int | None
    enabled: bool | None
    seen: datetime | None
    seen_read: bool
    unseen_days: int | None
    sponsors: tuple[str, ...] | None
    inviter: str | None
    roles: tuple[str, ...] | None
    groups: int | None
    owned: int | None
    apps: int | None
    findings: tuple[str, ...] = ()
    accepted: bool = False


def guest_rows(run: RunView) -> Iterator[GuestRow]:
    """Yield every guest and pending invitation once, sorted by id; nothing where the list was not read."""
    snapshot = run.snapshot
    if "guests" not in snapshot.facts:
        return
    roles = directory_roles(snapshot)
    concerned = _Concerned(run.folder / "affected")
    hunted = run.assessment.hunts
    links = hunted.inviters.links if hunted and hunted.inviters else None
    for guest in guests(snapshot):
        codes, accepted = concerned.at(guest.id)
        link = links.inviter_of(guest) if links else None
        inviter = link.inviter.name if link and link.source != "sponsor" else None
        yield _row(guest, snapshot, roles, inviter, codes, accepted)


def _row(
    guest: Guest,
    snapshot: Snapshot,
    roles: Mapping[str, tuple[str, ...]] | None,
    inviter: str | None,
    codes: tuple[str, ...],
    accepted: bool,
) -> GuestRow:
    taken_at = snapshot.taken_at
    seen_read = "guest_sign_in_activity" in snapshot.facts
    seen = guest.last_seen
    pending = guest.pending
    return GuestRow(
        id=guest.id,
        name=_text(guest["displayName"]),
        mail=_text(guest["mail"]),
        upn=_text(guest["userPrincipalName"]),
        domain=guest.domain or "",
        state=guest.state or "",
        kind=_text(guest["creationType"]),
        company=_text(guest["companyName"]),
        created=guest.created,
        state_since=guest.state_since,
        age_days=days_between(guest.created, taken_at),
        pending=pending,
        pending_days=days_between(guest.state_since, taken_at) if pending else None,
        enabled=guest.enabled,
        seen=seen,
        seen_read=seen_read,
        unseen_days=days_between(seen, taken_at),
        sponsors=_names(snapshot, guest, "guest_sponsors", "sponsors"),
        inviter=inviter,
        roles=None if roles is None else roles.get(guest.id.casefold(), ()),
        groups=_count(snapshot, guest, "guest_memberships", "transitiveMemberOf", "group"),
        owned=_count(snapshot, guest, "guest_owned_objects", "ownedObjects"),
        apps=_count(snapshot, guest, "guest_app_roles", "appRoleAssignments"),
        findings=codes,
        accepted=accepted,
    )


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _side(snapshot: Snapshot, guest: Guest, fact: str, key: str) -> list[Any] | None:
    """Return what a side list says of a guest; None where it was not read, or says nothing usable."""
    if fact not in snapshot.facts:
        return None
    row = guest.side.get(fact)
    found = row.get(key) if row else None
    return found if isinstance(found, list) else None


def _names(snapshot: Snapshot, guest: Guest, fact: str, key: str) -> tuple[str, ...] | None:
    found = _side(snapshot, guest, fact, key)
    if found is None:
        return None
    return tuple(_text(x.get("displayName")) or _text(x.get("id")) for x in found if isinstance(x, dict))


def _count(snapshot: Snapshot, guest: Guest, fact: str, key: str, kind: str = "") -> int | None:
    found = _side(snapshot, guest, fact, key)
    if found is None:
        return None
    suffix = f".{kind}"
    return sum(1 for x in found if not kind or (isinstance(x, dict) and _text(x.get("@odata.type")).endswith(suffix)))


def directory_roles(snapshot: Snapshot) -> Mapping[str, tuple[str, ...]] | None:
    """Return role names by principal id (case folded), active and eligible; None where assignments were not read."""
    if "role_assignments" not in snapshot.facts:
        return None
    names: dict[str, str] = {}
    if "role_definitions" in snapshot.facts:
        for row in snapshot.facts["role_definitions"].value:
            for key in ("id", "templateId"):
                names[_text(row.get(key)).casefold()] = _text(row.get("displayName"))
    held: dict[str, list[str]] = {}
    for fact, suffix in (("role_assignments", ""), ("role_eligibilities", " (eligible)")):
        if fact not in snapshot.facts:
            continue
        for row in snapshot.facts[fact].value:
            principal, role = _text(row.get("principalId")).casefold(), _text(row.get("roleDefinitionId"))
            if principal:
                held.setdefault(principal, []).append((names.get(role.casefold()) or role) + suffix)
    return {principal: tuple(sorted(set(roles))) for principal, roles in held.items()}


class _Concerned:
    """Which findings name a guest: one cursor in each affected file, all sorted by id."""

    def __init__(self, root: Path) -> None:
        order = list(AREAS)
        files = sorted(
            (f for f in root.glob("GUEST-???-???.ndjson.gz") if f.is_file() and not f.is_symlink()),
            key=lambda f: (order.index(f.name[6:9]) if f.name[6:9] in order else 99, f.name),
        )
        self._cursors = [_Cursor(f) for f in files]

    def at(self, guest_id: str) -> tuple[tuple[str, ...], bool]:
        codes, accepted = [], False
        for cursor in self._cursors:
            if cursor.at(guest_id):
                codes.append(cursor.code)
                accepted = accepted or cursor.accepted
        return tuple(codes), accepted


class _Cursor:
    def __init__(self, file: Path) -> None:
        self.code = file.name.split(".")[0]
        self._file = file
        self._lines = self._read()
        self._id = ""
        self._line: bytes | None = b""
        self._step()

    def _read(self) -> Iterator[bytes]:
        try:
            with gzip.open(self._file, "rb") as lines:
                yield from cast(IO[bytes], lines)
        except (OSError, EOFError, zlib.error) as error:
            raise EvidenceError(f"affected/{self._file.name} cannot be read: {error}") from error

    def _step(self) -> None:
        self._line = next(self._lines, None)
        if self._line is None:
            return
        # Rows are written with their id first; cutting it out costs a tenth of parsing a million of them.
        if self._line.startswith(b'{"id":"') and b"\\" not in (head := self._line[7 : self._line.find(b'"', 7)]):
            self._id = head.decode("utf-8", "replace")
            return
        try:
            row = orjson.loads(self._line)
        except orjson.JSONDecodeError as error:
            raise EvidenceError(f"affected/{self._file.name} holds a line that is not JSON") from error
        self._id = _text(row.get("id")) if isinstance(row, dict) else ""

    def at(self, guest_id: str) -> bool:
        while self._line is not None and self._id < guest_id:
            self._step()
        return self._line is not None and bool(guest_id) and self._id == guest_id

    @property
    def accepted(self) -> bool:
        """Whether the row at hand is covered by an accepted risk."""
        return self._line is not None and b'"accepted":true' in self._line
