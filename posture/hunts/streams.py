"""One pass over every log: each record goes to the streams that some hunt reads, the rest is only counted.

    invitations      by inviter: invitations of every kind with their failures, and bulk jobs
    guest_records    by the person concerned: invited, redeemed, given power, changed, deleted
    setting_changes  by time: guest, partner, policy and domain settings
    outside_acts     by actor: privileged acts of people from outside
    impersonations   by actor: acts of a person under a service's name
    guest_sign_ins   by person: outsiders in our tenant
    sign_ins_abroad  by person: our people in other tenants

Each is sorted, without doubles, re-readable, and on disk once it is large.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from posture.hunts import activities as a
from posture.hunts.events import AuditEvent, SignInEvent
from posture.hunts.normal import audit_event, block, sign_in_event, text, whole
from posture.hunts.people import People
from posture.hunts.results import AppUse, BadRow, Window
from posture.hunts.shapes import Kind, Other, Record
from posture.hunts.sorting import HOLD, Sorted
from posture.hunts.when import log_time

BAD_ROWS = 100
"""Bad rows named one by one; all are counted."""
APPS = 5_000
"""Applications counted one by one."""

_INVITING = a.names(a.INVITE, a.RESET, a.INTERNAL)
_ABOUT_GUESTS = a.names(
    a.INVITE, a.RESET, a.INTERNAL, a.REDEEM, a.DELETE_GUEST, a.MAIL, a.VIRAL, a.ADD_USER, a.DELETE_USER, a.UPDATE_USER,
    a.POWER, a.GROUPS, a.APP_ROLES,
)  # fmt: skip
_SETTINGS = a.names(a.POLICIES, a.FEATURE, a.CONDITIONAL_ACCESS, a.SETTINGS, a.CROSS_TENANT)
_PRIVILEGED = a.names(a.PRIVILEGED)
_BULK = tuple(p.casefold() for p in a.BULK)
_CATEGORIES = tuple(c.casefold() for c in (*a.CROSS_TENANT_CATEGORIES, a.MULTI_TENANT_PREFIX))


@lru_cache(maxsize=4096)
def topics(activity: str, category: str) -> frozenset[str]:
    """Return the streams an activity belongs to, by its name and category."""
    name = a.folded(activity)
    found = set()
    if name in _INVITING or name.startswith(_BULK):
        found.add("invitations")
    if name in _ABOUT_GUESTS:
        found.add("guest_records")
    if name in _SETTINGS or category.casefold().startswith(_CATEGORIES):
        found.add("setting_changes")
    if name in _PRIVILEGED:
        found.add("outside_acts")
    return frozenset(found)


class _Span:
    """Rows of one log and the times they tell."""

    def __init__(self, log: str, source: str) -> None:
        self.log, self.source = log, source
        self.rows = self.undated = 0
        self.oldest: datetime | None = None
        self.newest: datetime | None = None

    def take(self, when: datetime | None) -> None:
        self.rows += 1
        if when is None:
            self.undated += 1
            return
        if self.oldest is None or when < self.oldest:
            self.oldest = when
        if self.newest is None or when > self.newest:
            self.newest = when


class Streams:
    """Take every record once, then `close` and read the streams."""

    def __init__(self, people: People, scratch: Path, hold: int = HOLD) -> None:
        self.people = people

        def audits(name: str) -> Sorted[AuditEvent]:
            return Sorted(AuditEvent, scratch, name, hold)

        def sign_ins(name: str) -> Sorted[SignInEvent]:
            return Sorted(SignInEvent, scratch, name, hold)

        self.invitations = audits("invitations")
        self.guest_records = audits("guest_records")
        self.setting_changes = audits("setting_changes")
        self.outside_acts = audits("outside_acts")
        self.impersonations = audits("impersonations")
        self.guest_sign_ins = sign_ins("guest_sign_ins")
        self.sign_ins_abroad = sign_ins("sign_ins_abroad")
        self.bad_rows: list[BadRow] = []
        self.bad_row_count = 0
        self.others: Counter[str] = Counter()
        self.devices: Counter[str] = Counter()
        self._spans: dict[tuple[str, str], _Span] = {}
        self._apps: dict[str, list[Any]] = {}

    def bad(self, source: str, number: int, why: str) -> None:
        """Note a row that could not be read, or not wholly."""
        self.bad_row_count += 1
        if len(self.bad_rows) < BAD_ROWS:
            self.bad_rows.append(BadRow(source, number, why))

    def other(self, source: str, found: Other) -> None:
        """Note a row of a log that no hunt here reads."""
        self.others[f"{source}: {found.name}"] += 1

    def span(self, log: str, source: str) -> _Span:
        """Return the counter of one log of one source, made on first use."""
        found = self._spans.get((log, source))
        if found is None:
            found = self._spans[log, source] = _Span(log, source)
        return found

    def take(self, record: Record, source: str, number: int) -> None:
        """Put one record where it belongs."""
        if record.kind is Kind.AUDIT:
            self._audit(record, source, number)
        else:
            self._sign_in(record, source, number)

    def _when(self, value: Any, source: str, number: int) -> datetime | None:
        when = log_time(value)
        if when is None and value not in (None, ""):
            self.bad(source, number, f"{text(value)[:60]!r} is no time; the row is kept without one")
        return when

    def _audit(self, record: Record, source: str, number: int) -> None:
        row = record.row
        activity = row.get("activityDisplayName")
        if not isinstance(activity, str) or not activity.strip():
            self.bad(source, number, "it names no activity")
            return
        self.span("audits", source).take(self._when(row.get("activityDateTime"), source, number))
        category = row.get("category")
        where = topics(activity, category if isinstance(category, str) else "")
        posed = _impersonated(row.get("initiatedBy"), activity)
        if not where and not posed:
            return
        event = audit_event(row, f"{source}:{number}")
        if "invitations" in where:
            self.invitations.add(event.actor.key, event)
        if "guest_records" in where:
            for key in concerned(event):
                self.guest_records.add(key, event)
        if "setting_changes" in where:
            self.setting_changes.add("", event)
        if "outside_acts" in where and self.people.outsider(event.actor):
            self.outside_acts.add(event.actor.key, event)
        if posed:
            self.impersonations.add(event.actor.key, event)

    def _sign_in(self, record: Record, source: str, number: int) -> None:
        row = record.row
        user = text(row.get("userId"))
        if not user and not row.get("userPrincipalName"):
            self.bad(source, number, "it names no user")
            return
        interactive = record.interactive
        when = self._when(row.get("createdDateTime"), source, number)
        self.span("sign-ins" if interactive is not False else "non-interactive sign-ins", source).take(when)
        kind, home = text(row.get("userType")).casefold(), text(row.get("homeTenantId")).casefold()
        resource = text(row.get("resourceTenantId")).casefold()
        tenant = (text(row.get("tenantId")) or record.log_tenant).casefold()
        guest = bool(self.people.visitor(user, kind, home, resource, tenant))
        self._count_app(row, guest)
        if guest:
            event = sign_in_event(row, f"{source}:{number}", interactive=interactive, log_tenant=record.log_tenant)
            self.devices[event.trust or "none stated"] += 1
            self.guest_sign_ins.add(event.key, event)
        elif self.people.abroad(home, resource, tenant):
            event = sign_in_event(row, f"{source}:{number}", interactive=interactive, log_tenant=record.log_tenant)
            self.sign_ins_abroad.add(event.key, event)

    def _count_app(self, row: Mapping[str, Any], guest: bool) -> None:
        """Count successful sign-ins per application."""
        if whole(block(row.get("status")).get("errorCode")) != 0:
            return
        app_id = text(row.get("appId")).casefold()
        use = self._apps.get(app_id)
        if use is None:
            if len(self._apps) >= APPS:
                return
            use = self._apps[app_id] = ["", 0, 0]
        name = text(row.get("appDisplayName"))
        use[0] = min(use[0], name) if use[0] and name else use[0] or name
        use[1 if guest else 2] += 1

    def close(self) -> None:
        """Sort every stream."""
        for stream in self.all().values():
            stream.close()

    def all(self) -> dict[str, Sorted[Any]]:
        """Return the streams by name."""
        return {
            "invitations": self.invitations,
            "guest_records": self.guest_records,
            "setting_changes": self.setting_changes,
            "outside_acts": self.outside_acts,
            "impersonations": self.impersonations,
            "guest_sign_ins": self.guest_sign_ins,
            "sign_ins_abroad": self.sign_ins_abroad,
        }

    def apps(self, most: int = 50) -> tuple[AppUse, ...]:
        """Return the applications guests use most."""
        used = [AppUse(app_id, name, guests, others) for app_id, (name, guests, others) in self._apps.items() if guests]
        return tuple(sorted(used, key=lambda u: (-u.guests, u.app_id))[:most])

    def windows(self) -> Iterator[Window]:
        """Yield what each log of each source holds, as its rows tell."""
        for key in sorted(self._spans):
            s = self._spans[key]
            yield Window(s.log, s.source, s.rows, s.oldest, s.newest, s.oldest, s.newest, undated=s.undated)


def concerned(event: AuditEvent) -> Iterable[str]:
    """Return the keys of the people an audit record is about: their ids, and addresses where no id is given.

    A redemption goes to both, so that it meets an invitation that named an address only.
    """
    keys = {t.id.casefold() for t in event.targets if t.id and t.type.casefold() in ("user", "")}
    if keys and a.folded(event.activity) not in _REDEEMING:
        return sorted(keys)
    address = invited_address(event).casefold()
    if address and (not keys or a.folded(event.activity) in _REDEEMING):
        keys.add(f"mail:{address}")
    return sorted(keys)


_REDEEMING = a.names(a.REDEEM)


def invited_address(event: AuditEvent) -> str:
    """Return the address an invitation went to, or the one a redemption names; "" where the record has none.

    By the detail's key, never by its place: a seventh detail or another form
    of the record moves it.
    """
    return event.detail("invitedUserEmailAddress") or redemption(event).get("Email", "")


def redemption(event: AuditEvent) -> dict[str, str]:
    """Return what a redemption says in one text: UPN, Email, InvitationId and Source; empty for other records.

    The text stands in the target's display name or in its user principal name.
    Source: https://stratus-red-team.cloud/attack-techniques/entra-id/entra-id.persistence.guest-user/
    """
    for target in event.targets:
        for words in (target.display_name, target.user_principal_name):
            if "InvitationId:" in words and "UPN:" in words:
                parts = (part.partition(":") for part in words.split(", "))
                return {name.strip(): value.strip() for name, _, value in parts}
    return {}


def _impersonated(initiated: Any, activity: str) -> bool:
    """Whether the person behind a record bears a service's display name; group and feature records do so rightly."""
    if isinstance(initiated, str):
        if not any(name in initiated for name in a.IMPERSONATORS):
            return False
        initiated = block(initiated)
    user = initiated.get("user") if isinstance(initiated, Mapping) else None
    if not isinstance(user, Mapping) or not isinstance(user.get("displayName"), str):
        return False
    name = a.folded(activity)
    return user["displayName"] in a.IMPERSONATORS and "group" not in name and name != a.folded(a.FEATURE)
