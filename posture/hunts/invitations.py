"""Hunts over invitations: who invites, who is refused, who invites in bursts, who came in without one."""

from collections import deque
from collections.abc import Iterator
from datetime import datetime, timedelta

from posture.assess.types import Lead
from posture.hunts import activities as a
from posture.hunts.events import AuditEvent
from posture.hunts.leads import audit_row, many, stamp
from posture.hunts.people import IdSet
from posture.hunts.registry import NO_LICENCE, Limit, Scene, hunt
from posture.hunts.sorting import Sorted
from posture.hunts.streams import invited_address
from posture.settings import Severity
from posture.snapshot.guests import domain_of

_INVITE = a.names(a.INVITE, a.RESET)
_BULK = tuple(p.casefold() for p in a.BULK)
_DAY = timedelta(days=1)


def is_invitation(event: AuditEvent) -> bool:
    """Whether a record is an invitation of somebody from outside."""
    return a.folded(event.activity) in _INVITE


def _row(event: AuditEvent, why: str = "") -> dict[str, object]:
    return audit_row(event, invited=invited_address(event), why=why)


@hunt(
    "GUEST-HUN-001",
    severity=Severity.HIGH,
    attack=("T1136.003",),
    licence=NO_LICENCE,
    query="guests-inviting-guests",
)
def unexpected_inviters(invitations: Sorted[AuditEvent], scene: Scene) -> Iterator[Lead]:
    """Guests inviting guests, and other unexpected inviters.

    Seen: an invitation sent by a person from outside, or by an application
    that is not on your list.

    Why: a guest that invites another guest builds a chain that nobody inside
    approved. An application that invites unattended is how a stolen secret
    plants its way back.

    Harmless if: the inviter is a contractor who runs a project here and may
    invite, or the application is your own onboarding tool; then put its id
    in approved_inviter_ids or approved_app_ids.

    Ask next: who is the person invited, what were they given since, and does
    the inviter's sponsor know?

    Source: https://thoor.tech/blog/hunt-for-guests-with-microsoft-sentinel/
    https://learn.microsoft.com/entra/architecture/security-operations-user-accounts
    """
    people, approved = scene.people, IdSet(scene.thresholds.approved_inviter_ids)
    apps = IdSet(scene.thresholds.approved_app_ids)
    by_guests, by_apps, by_service, refused = scene.found(), scene.found(), scene.found(), scene.found()
    inviters: set[str] = set()
    for key, events in invitations.groups():
        for event in filter(is_invitation, events):
            actor = event.actor
            if actor.kind == "app":
                if event.succeeded and actor.app_id not in apps and actor.id not in apps:
                    service = actor.app_id.casefold() == a.ENTITLEMENT_MANAGEMENT
                    (by_service if service else by_apps).add(event.at, _row(event))
                continue
            why = people.outsider(actor)
            if not why or actor.id in approved:
                continue
            if event.succeeded:
                by_guests.add(event.at, _row(event, why))
                if len(inviters) < 100_000:
                    inviters.add(key)
            else:
                refused.add(event.at, _row(event, why))
    if by_guests:
        who = many(len(inviters), "person from outside", "people from outside")
        yield by_guests.lead(Severity.HIGH, f"{who} sent {many(by_guests.count, 'invitation')}.")
    if by_apps:
        yield by_apps.lead(
            Severity.HIGH, f"Applications that are not on your list sent {many(by_apps.count, 'invitation')}."
        )
    if by_service:
        yield by_service.lead(
            Severity.INFO, f"Entitlement management sent {many(by_service.count, 'invitation')} for access packages."
        )
    if refused:
        yield refused.lead(
            Severity.LOW,
            f"People from outside tried to invite and were refused {many(refused.count, 'time')}.",
        )


@hunt(
    "HUNT-NEW-INVITER",
    severity=Severity.LOW,
    attack=("T1078.004", "T1136.003"),
    licence=NO_LICENCE,
    query="new-inviters",
)
def new_inviters(invitations: Sorted[AuditEvent], scene: Scene) -> Iterator[Lead | Limit]:
    """Somebody invites for the first time.

    Seen: a successful invitation by a member with none in the days before
    (baseline_days), in a log that reaches back that far.

    Why: who never invited and now does may be new in a job, or may be a
    stolen session planting its way back.

    Harmless if: they started a project with partners and can say whom they
    invited and why.

    Ask next: did this person sign in from their usual place and device when
    the invitation was sent?

    Source: https://github.com/Azure/Azure-Sentinel/blob/master/Detections/AuditLogs/GuestUsersInvitedtoTenantbyNewInviters.yaml
    """
    days = timedelta(days=scene.thresholds.baseline_days)
    since = scene.audits.since if scene.audits else None
    if since is None or scene.now - since < days + _DAY:
        yield Limit(
            f"An inviter is new when there is no invitation in the {scene.thresholds.baseline_days} days before; "
            "the log does not reach back that far."
        )
        return
    approved = IdSet(scene.thresholds.approved_inviter_ids)
    found = scene.found()
    for _, events in invitations.groups():
        last: datetime | None = None
        for event in filter(is_invitation, events):
            if not event.succeeded or event.at is None or event.actor.kind != "user":
                continue
            first = event.at - since >= days and (last is None or event.at - last >= days)
            last = event.at
            if first and event.actor.id not in approved and not scene.people.outsider(event.actor):
                found.add(event.at, _row(event))
    if found:
        yield found.lead(
            Severity.LOW,
            f"{many(found.count, 'invitation')} came from members who had invited nobody for "
            f"{scene.thresholds.baseline_days} days or more.",
        )


@hunt(
    "HUNT-REFUSED-INVITER",
    severity=Severity.LOW,
    attack=("T1078.004",),
    licence=NO_LICENCE,
    query="refused-inviters",
)
def refused_inviters(invitations: Sorted[AuditEvent], scene: Scene) -> Iterator[Lead]:
    """Somebody is refused again and again when inviting.

    Seen: as many failed invitations by one person or application as
    failed_invites_threshold, or more.

    Why: a refusal is your setting at work; many of them are somebody looking
    for a way around it.

    Harmless if: the person did not know that the domain is not allowed, or
    mistyped addresses.

    Ask next: which domains were tried, and did one invitation succeed in the
    end?

    Source: https://github.com/SigmaHQ/sigma/blob/master/rules/cloud/azure/audit_logs/azure_guest_invite_failure.yml
    """
    found = scene.found()
    for _, events in invitations.groups():
        failures = 0
        last: AuditEvent | None = None
        ids: deque[str] = deque(maxlen=20)
        domains: dict[str, None] = {}
        for event in filter(is_invitation, events):
            if not event.succeeded:
                failures, last = failures + 1, event
                ids.append(event.id)
                domain = domain_of(invited_address(event))
                if domain and len(domains) < 10:
                    domains[domain] = None
        if last is not None and failures >= scene.thresholds.failed_invites_threshold:
            found.add(last.at, {**_row(last), "failures": failures, "domains": ", ".join(domains), "ids": list(ids)})
    if found:
        yield found.lead(
            Severity.LOW,
            f"{many(found.count, 'inviter')} failed {scene.thresholds.failed_invites_threshold} times or more.",
        )


@hunt(
    "GUEST-HUN-005",
    severity=Severity.HIGH,
    attack=("T1136.003",),
    licence=NO_LICENCE,
    query="invitation-bursts",
)
def bursts(invitations: Sorted[AuditEvent], scene: Scene) -> Iterator[Lead]:
    """Bulk invitation bursts.

    Seen: one inviter who sent burst_count invitations or more within
    burst_minutes, and bulk invitation jobs started in the portal.

    Why: dozens of invitations in minutes is a planned onboarding, or somebody
    filling your directory with doors, possibly to phish through your own
    invitation mail.

    Harmless if: an onboarding was planned for that hour and its list of
    people matches.

    Ask next: to how many domains did they go, and who asked for it?

    Source: https://learn.microsoft.com/entra/identity/monitoring-health/reference-audit-activities
    """
    t = scene.thresholds
    approved, apps = IdSet(t.approved_inviter_ids), IdSet(t.approved_app_ids)
    loud, calm, jobs = scene.found(), scene.found(), scene.found()
    for _, events in invitations.groups():
        first: datetime | None = None
        bursting = _Bursting(t.burst_count, timedelta(minutes=t.burst_minutes))
        for event in events:
            if a.folded(event.activity).startswith(_BULK):
                jobs.add(event.at, audit_row(event))
            elif is_invitation(event) and event.succeeded and event.at is not None:
                first = first or event.at
                bursting.add(event, event.at)
        for burst in bursting.found:
            actor = burst.last.actor
            if actor.id in approved or actor.app_id in apps or actor.id in apps:
                continue
            why = scene.people.outsider(actor) or ("an application" if actor.kind == "app" else "")
            if not why and first is not None and burst.start - first < _DAY:
                why = "no earlier invitation in the log"
            (loud if why else calm).add(burst.last.at, burst.row(why))
    if loud:
        yield loud.lead(
            Severity.HIGH,
            f"{many(loud.count, 'burst')} of invitations by people from outside, applications or new inviters.",
        )
    if calm:
        yield calm.lead(Severity.LOW, f"{many(calm.count, 'burst')} of invitations by members who invited before.")
    if jobs:
        yield jobs.lead(Severity.LOW, f"{many(jobs.count, 'record')} of bulk invitation jobs.")


_BURSTS = 50
"""Bursts told apart per inviter; later ones are added to the last."""


class _Burst:
    """Invitations close together: the first and last, how many, to which domains."""

    def __init__(self, start: datetime, last: AuditEvent) -> None:
        self.start, self.last, self.count = start, last, 0
        self.ids: deque[str] = deque(maxlen=200)
        self.domains: set[str] = set()

    def add(self, event: AuditEvent) -> None:
        self.count += 1
        self.last = event
        self.ids.append(event.id)
        domain = domain_of(invited_address(event))
        if domain and len(self.domains) < 1000:
            self.domains.add(domain)

    def row(self, why: str) -> dict[str, object]:
        row = audit_row(self.last, why=why)
        for key in ("target", "target_id", "result"):
            row.pop(key, None)
        return {
            **row,
            "first": stamp(self.start),
            "invitations": self.count,
            "domains": len(self.domains),
            "ids": list(self.ids),
        }


class _Bursting:
    """Find runs in which every invitation stands in some window with enough of them."""

    def __init__(self, least: int, width: timedelta) -> None:
        self._least, self._width = max(least, 1), width
        self._window: deque[tuple[int, datetime, AuditEvent]] = deque()
        self._number = self._taken = 0
        self.found: list[_Burst] = []

    def add(self, event: AuditEvent, at: datetime) -> None:
        """Take the next invitation in the order of time."""
        self._number += 1
        self._window.append((self._number, at, event))
        while at - self._window[0][1] > self._width:
            self._window.popleft()
        if len(self._window) < self._least:
            return
        apart = self._window[0][0] > self._taken
        if not self.found or (apart and len(self.found) < _BURSTS):
            self.found.append(_Burst(self._window[0][1], event))
        for number, _, member in self._window:
            if number > self._taken:
                self.found[-1].add(member)
        self._taken = self._number


@hunt(
    "HUNT-UNLOGGED-INVITE",
    severity=Severity.LOW,
    attack=("T1136.003",),
    licence=NO_LICENCE,
    query="guests-without-invitation",
)
def guests_without_invitation(guest_records: Sorted[AuditEvent], scene: Scene) -> Iterator[Lead]:
    """A guest account appeared without an invitation in the log.

    Seen: "Add user" that made a guest, with no invitation of the same person
    within a day.

    Why: not every way in writes an invitation: synchronization between
    tenants, self-service sign-up and direct creation do not, and the audit of
    inviters does not see them.

    Harmless if: cross-tenant synchronization or a sign-up flow is meant to
    bring these people.

    Ask next: which application or person created the account, and through
    which door?

    Source: https://learn.microsoft.com/entra/identity/multi-tenant-organizations/cross-tenant-synchronization-overview
    """
    found = scene.found()
    added = a.names(a.ADD_USER)
    invited = a.names(a.INVITE, a.RESET, a.INTERNAL)
    for _, events in guest_records.groups():
        made: AuditEvent | None = None
        invitations: deque[datetime] = deque(maxlen=200)
        for event in events:
            name = a.folded(event.activity)
            if event.at is None or not event.succeeded:
                continue
            if name in invited:
                invitations.append(event.at)
            elif name in added and made is None and _makes_guest(event):
                made = event
        if made is not None and made.at is not None and not any(abs(at - made.at) <= _DAY for at in invitations):
            found.add(made.at, audit_row(made))
    if found:
        yield found.lead(
            Severity.LOW, f"{many(found.count, 'guest account')} appeared without an invitation in the log."
        )


def _makes_guest(event: AuditEvent) -> bool:
    """Whether "Add user" made a guest, by the new values it lists."""
    return any(
        (change.name.casefold() == "usertype" and "guest" in (change.new or "").casefold())
        or (change.name.casefold() == "creationtype" and "invitation" in (change.new or "").casefold())
        for target in event.targets
        for change in target.changes
    )


@hunt(
    "HUNT-UNREDEEMED",
    severity=Severity.LOW,
    attack=("T1078.004",),
    licence=NO_LICENCE,
    query="unredeemed-invitations",
)
def unredeemed(guest_records: Sorted[AuditEvent], scene: Scene) -> Iterator[Lead | Limit]:
    """Invitations that nobody redeemed.

    Seen: an invitation older than pending_days without a redemption in the
    log, and the account not deleted since.

    Why: an invitation does not expire. Until it is redeemed it is a door with
    somebody's name on it, and whoever reads that mailbox can walk through.

    Harmless if: the person simply never came; then the account can go.

    Ask next: does the account already hold groups or roles (GUEST-INV-007)?

    Source: https://learn.microsoft.com/entra/external-id/redemption-experience
    """
    days = timedelta(days=scene.thresholds.pending_days)
    since = scene.audits.since if scene.audits else None
    if since is None or scene.now - since <= days:
        yield Limit(
            f"Invitations older than {scene.thresholds.pending_days} days lie before the log begins; the guest list "
            "tells them (GUEST-INV-006)."
        )
        return
    found = scene.found()
    invited = a.names(a.INVITE, a.RESET)
    over = a.names(a.REDEEM, a.DELETE_GUEST, a.DELETE_USER)
    for _, events in guest_records.groups():
        waiting: AuditEvent | None = None
        for event in events:
            name = a.folded(event.activity)
            if name in invited and event.succeeded and event.at is not None:
                waiting = event
            elif name in over and event.succeeded:
                waiting = None
        if waiting is not None and waiting.at is not None and scene.now - waiting.at > days:
            found.add(waiting.at, _row(waiting))
    if found:
        yield found.lead(
            Severity.LOW,
            f"{many(found.count, 'invitation')} sent more than {scene.thresholds.pending_days} days before have not "
            "been redeemed in the log.",
        )
