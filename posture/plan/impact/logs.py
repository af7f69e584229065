"""What the logs tell about who would feel a change: one walk over each, bounded whatever their length.

Sources: https://learn.microsoft.com/graph/api/resources/directoryaudit
https://learn.microsoft.com/graph/api/resources/signin
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from posture.hunts.activities import INVITE, VIRAL
from posture.snapshot.derive import CLIENT_APPS
from posture.snapshot.values import moment

_PEOPLE = 5_000
"""People told apart in one count; the others are counted together."""
_LINKS = 200_000
"""Guests whose inviter is remembered."""

PORTALS = {
    "c44b4083-3bb0-49c1-b47d-974e53cbdf3c",  # Azure Portal
    "797f4846-ba00-4fd7-ba43-dac1f8f63013",  # Azure Service Management
}
"""Source: https://learn.microsoft.com/troubleshoot/entra/entra-id/governance/verify-first-party-apps-sign-in"""

MODERN = {"browser", "mobile apps and desktop clients"}
"""`clientAppUsed` of modern authentication; anything else is a legacy protocol.

Source: https://learn.microsoft.com/graph/api/resources/signin
"""


@dataclass
class People:
    """Who did something how often. `names` are what the log calls them, by id in lower case."""

    counts: Counter[str] = field(default_factory=Counter)
    names: dict[str, str] = field(default_factory=dict)
    guests: set[str] = field(default_factory=set)
    others: int = 0

    def add(self, key: str, name: str, guest: bool = False) -> None:
        """Count one deed of somebody."""
        if key not in self.counts and len(self.counts) >= _PEOPLE:
            self.others += 1
            return
        self.counts[key] += 1
        self.names.setdefault(key, name)
        if guest:
            self.guests.add(key)

    @property
    def total(self) -> int:
        """All deeds."""
        return sum(self.counts.values()) + self.others

    def most(self, limit: int, *, guests: bool | None = None) -> list[tuple[str, str, int]]:
        """Return id, name and number of those who did most."""
        found = [(k, n) for k, n in self.counts.items() if guests is None or (k in self.guests) is guests]
        found.sort(key=lambda f: (-f[1], f[0]))
        return [(k, self.names[k], n) for k, n in found[:limit]]

    def number(self, *, guests: bool | None = None) -> int:
        """Return how many people."""
        return sum(guests is None or (k in self.guests) is guests for k in self.counts)


@dataclass
class AuditLog:
    """The audit log in counts.

    `inviters` are people, `inviting_apps` applications. `inviter_of` gives the
    id of the person who invited a guest, by the guest's id in lower case;
    people who are guests themselves are not in it. `first` and `last` bound the
    log, None where no row tells a time.
    """

    first: datetime | None = None
    last: datetime | None = None
    inviters: People = field(default_factory=People)
    inviting_apps: People = field(default_factory=People)
    consents: People = field(default_factory=People)
    registrations: People = field(default_factory=People)
    viral: int = 0
    inviter_of: dict[str, tuple[str, str]] = field(default_factory=dict)

    @property
    def people(self) -> tuple[People, ...]:
        """All counts of people; applications aside."""
        return (self.inviters, self.consents, self.registrations)

    @property
    def window(self) -> str:
        """The days the log covers, in words."""
        if self.first is None or self.last is None:
            return "the audit log read"
        return f"the audit log from {self.first.date()} to {self.last.date()}"


def read_audits(directory_audits: Iterable[Mapping[str, Any]]) -> AuditLog:
    """Return the audit log in counts; rows that are not readable are passed over, since nothing is judged by it."""
    log = AuditLog()
    wanted = {INVITE.casefold(): "invite", "consent to application": "consent", "add application": "register"}
    wanted |= {v.casefold(): "viral" for v in VIRAL}
    for row in directory_audits:
        when = moment(row.get("activityDateTime"))
        if when is not None:
            log.first = when if log.first is None else min(log.first, when)
            log.last = when if log.last is None else max(log.last, when)
        kind = wanted.get(str(row.get("activityDisplayName", "")).casefold())
        if kind is None or str(row.get("result", "")).casefold() != "success":
            continue
        if kind == "viral":
            log.viral += 1
            continue
        _count(log, kind, row)
    return log


def _count(log: AuditLog, kind: str, row: Mapping[str, Any]) -> None:
    by = row.get("initiatedBy")
    user = by.get("user") if isinstance(by, Mapping) else None
    app = by.get("app") if isinstance(by, Mapping) else None
    if isinstance(user, Mapping) and isinstance(user.get("id"), str) and user["id"]:
        key = user["id"].casefold()
        upn = str(user.get("userPrincipalName") or "")
        guest = "#ext#" in upn.casefold() or str(user.get("userType", "")).casefold() == "guest"
        name = str(user.get("displayName") or upn or user["id"])
        people = {"invite": log.inviters, "consent": log.consents, "register": log.registrations}[kind]
        people.add(key, name, guest)
        if kind == "invite" and not guest and len(log.inviter_of) < _LINKS:
            for target in _targets(row):
                log.inviter_of[target] = (user["id"], name)
    elif kind == "invite" and isinstance(app, Mapping):
        key = str(app.get("servicePrincipalId") or app.get("appId") or "")
        log.inviting_apps.add(key.casefold(), str(app.get("displayName") or key))


def _targets(row: Mapping[str, Any]) -> list[str]:
    listed = row.get("targetResources")
    found = (t.get("id") for t in listed if isinstance(t, Mapping)) if isinstance(listed, list) else ()
    return [t.casefold() for t in found if isinstance(t, str) and t]


@dataclass
class SignIns:
    """The sign-in log in counts.

    `clients` use command-line and explorer tools, `portals` the Azure portal or
    Azure management, `legacy` old protocols. `client_users` pairs each person
    and client seen. `tenants` counts sign-ins by foreign home tenant, `people`
    how many people these were. `direct` counts direct connect, where the log
    tells it.
    """

    rows: int = 0
    first: datetime | None = None
    last: datetime | None = None
    clients: People = field(default_factory=People)
    portals: People = field(default_factory=People)
    legacy: People = field(default_factory=People)
    client_users: set[tuple[str, str]] = field(default_factory=set)
    tenants: Counter[str] = field(default_factory=Counter)
    direct: int = 0
    tells_direct: bool = False

    @property
    def people(self) -> tuple[People, ...]:
        """All counts of people."""
        return (self.clients, self.portals, self.legacy)

    @property
    def window(self) -> str:
        """The days the log covers, in words."""
        if self.first is None or self.last is None:
            return "the sign-in log read"
        return f"the sign-in log from {self.first.date()} to {self.last.date()}"


def read_sign_ins(sign_ins: Iterable[Mapping[str, Any]], more: Iterable[Mapping[str, Any]] = ()) -> SignIns:
    """Return the sign-in logs in counts; only sign-ins that succeeded count."""
    log = SignIns()
    for rows in (sign_ins, more):
        for row in rows:
            _sign_in(log, row)
    return log


def _sign_in(log: SignIns, row: Mapping[str, Any]) -> None:
    log.rows += 1
    when = moment(row.get("createdDateTime"))
    if when is not None:
        log.first = when if log.first is None else min(log.first, when)
        log.last = when if log.last is None else max(log.last, when)
    status = row.get("status")
    if not isinstance(status, Mapping) or status.get("errorCode") != 0:
        return
    home, here, user = row.get("homeTenantId"), row.get("resourceTenantId"), row.get("userId")
    foreign = isinstance(home, str) and isinstance(here, str) and bool(home) and home.casefold() != here.casefold()
    if foreign and (str(home).casefold() in log.tenants or len(log.tenants) < _PEOPLE):
        log.tenants[str(home).casefold()] += 1
    kind = row.get("crossTenantAccessType")
    log.tells_direct = log.tells_direct or isinstance(kind, str)
    log.direct += kind == "b2bDirectConnect"
    if not isinstance(user, str) or not user:
        return
    guest = foreign or str(row.get("userType", "")).casefold() == "guest"
    name = str(row.get("userDisplayName") or row.get("userPrincipalName") or user)
    app, resource = str(row.get("appId", "")).casefold(), str(row.get("resourceId", "")).casefold()
    if app in CLIENT_APPS:
        log.clients.add(user.casefold(), name, guest)
        if len(log.client_users) < _PEOPLE:
            log.client_users.add((user, app))
    if app in PORTALS or resource in PORTALS:
        log.portals.add(user.casefold(), name, guest)
    client = row.get("clientAppUsed")
    if isinstance(client, str) and client and client.casefold() not in MODERN:
        log.legacy.add(user.casefold(), name, guest)
