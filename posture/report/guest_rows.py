"""One row per guest, joined from the evidence in one streamed pass: for guests.csv, the workbook and the page."""

import gzip
import io
import zlib
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple, cast

import orjson

from posture.controls.registry import AREAS
from posture.errors import EvidenceError
from posture.report.view import RunView
from posture.snapshot.guests import Guest, guests
from posture.snapshot.types import GapReason, Snapshot


class GuestRow(NamedTuple):  # a frozen dataclass of this many fields costs four times as much to make
    """What a report says of one guest. None is *not read* or *not recorded*, never no.

    `seen` is the newest sign-in Graph records; `seen_read` tells whether that
    list was read and names this guest. `sponsors` and `roles` are names (roles
    held directly, active or eligible; none is said only where both were read).
    `findings` are codes of the findings that name this guest, `accepted` whether
    an accepted risk covers it in one of them.
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
    concerned = _Concerned(run.concerned or run.folder / "affected")
    make = _maker(run)
    for guest in guests(snapshot, _LISTS):
        yield make(guest, *concerned.at(guest.id))


_LISTS = (
    "guest_sign_in_activity",
    "guest_sponsors",
    "guest_memberships",
    "guest_owned_objects",
    "guest_app_roles",
)


def _maker(run: RunView) -> Callable[[Guest, tuple[str, ...], bool], GuestRow]:
    """Return what makes a guest's row; all that is the same for every guest is worked out here."""
    snapshot = run.snapshot
    taken_at, seen_read = snapshot.taken_at, "guest_sign_in_activity" in snapshot.facts
    roles = directory_roles(snapshot)
    no_role: tuple[str, ...] | None = () if eligible_roles_known(snapshot) else None
    hunted = run.assessment.hunts
    links = hunted.inviters.links if hunted and hunted.inviters else None

    def made(guest: Guest, codes: tuple[str, ...], accepted: bool) -> GuestRow:
        get, side = guest.row.get, guest.side.get
        pending, created, since, seen = guest.pending, guest.created, guest.state_since, guest.last_seen
        activity = side("guest_sign_in_activity")
        link = links.inviter_of(guest) if links else None
        return GuestRow(
            id=guest.id,
            name=_text(get("displayName")),
            mail=_text(get("mail")),
            upn=_text(get("userPrincipalName")),
            domain=guest.domain or "",
            state=guest.state or "",
            kind=_text(get("creationType")),
            company=_text(get("companyName")),
            created=created,
            state_since=since,
            age_days=None if created is None else max(0, (taken_at - created).days),
            pending=pending,
            pending_days=max(0, (taken_at - since).days) if pending and since is not None else None,
            enabled=guest.enabled,
            seen=seen,
            seen_read=seen_read and activity is not None,
            unseen_days=None if seen is None else max(0, (taken_at - seen).days),
            sponsors=_names(side("guest_sponsors"), "sponsors"),
            inviter=link.inviter.name if link and link.source != "sponsor" else None,
            roles=None if roles is None else roles.get(guest.id.casefold(), no_role),
            groups=_count(side("guest_memberships"), "transitiveMemberOf", ".group"),
            owned=_count(side("guest_owned_objects"), "ownedObjects"),
            apps=_count(side("guest_app_roles"), "appRoleAssignments"),
            findings=codes,
            accepted=accepted,
        )

    return made


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _names(row: Mapping[str, Any] | None, key: str) -> tuple[str, ...] | None:
    """Return the names a side list has for a guest; None where it was not read, or says nothing usable."""
    found = row.get(key) if row else None
    if not isinstance(found, list):
        return None
    return tuple([_text(x.get("displayName")) or _text(x.get("id")) for x in found if isinstance(x, dict)])


def _count(row: Mapping[str, Any] | None, key: str, kind: str = "") -> int | None:
    """Return how many objects a side list has for a guest; None where it was not read, or says nothing usable."""
    found = row.get(key) if row else None
    if not isinstance(found, list):
        return None
    if not kind:
        return len(found)
    return len([x for x in found if isinstance(x, dict) and _text(x.get("@odata.type")).endswith(kind)])


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


def eligible_roles_known(snapshot: Snapshot) -> bool:
    """Whether who is eligible for a role was read, or nobody can be, for want of the licence."""
    gap = snapshot.gaps.get("role_eligibilities")
    return "role_eligibilities" in snapshot.facts or (gap is not None and gap.reason is GapReason.LICENCE)


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
            while cursor.id < guest_id and cursor.line is not None:
                cursor.step()
            if cursor.id == guest_id and guest_id and cursor.line is not None:
                codes.append(cursor.code)
                accepted = accepted or b'"accepted":true' in cursor.line
        return tuple(codes), accepted


class _Cursor:
    """One affected file, row by row; past its end `line` is None."""

    def __init__(self, file: Path) -> None:
        self.code = file.name.split(".")[0]
        self._file = file
        self._lines = self._read()
        self.id = ""
        self.line: bytes | None = b""
        self.step()

    def _read(self) -> Iterator[bytes]:
        try:
            with gzip.open(self._file, "rb") as packed, io.BufferedReader(cast(Any, packed), 1 << 16) as lines:
                yield from lines
        except (OSError, EOFError, zlib.error) as error:
            raise EvidenceError(f"affected/{self._file.name} cannot be read: {error}") from error

    def step(self) -> None:
        """Go to the next row."""
        line = self.line = next(self._lines, None)
        if line is None:
            return
        # Rows are written with their id first; cutting it out costs a tenth of parsing a million of them.
        if line.startswith(b'{"id":"') and b"\\" not in (head := line[7 : line.find(b'"', 7)]):
            self.id = head.decode("utf-8", "replace")
            return
        try:
            row = orjson.loads(line)
        except orjson.JSONDecodeError as error:
            raise EvidenceError(f"affected/{self._file.name} holds a line that is not JSON") from error
        self.id = _text(row.get("id")) if isinstance(row, dict) else ""
