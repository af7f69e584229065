"""Whether guests are still in use: those who stopped coming, and those who never came."""

from datetime import UTC, datetime, timedelta
from typing import Any

from posture.controls.registry import (
    Authority,
    Outcome,
    Tally,
    TallyContext,
    Verdict,
    control,
    failed,
    not_applicable,
    partial,
    passed,
    tally,
)
from posture.controls.remedies import BLOCK_GUEST, DELETE_GUEST
from posture.controls.shared import NO_GUESTS, does, number
from posture.errors import UnknownValueError
from posture.settings import Severity, Thresholds
from posture.snapshot.audits import ENABLED, targets_since
from posture.snapshot.guests import SUCCESS_RECORDED_FROM, Guest, last_attempt

ACTIVITY_FROM = datetime(2020, 4, 1, tzinfo=UTC)
"""Graph keeps sign-in activity since April 2020; a guest who came only before has none.

Source: https://learn.microsoft.com/entra/identity/monitoring-health/howto-manage-inactive-user-accounts
"""

_LICENCE = "Entra ID P1 (sign-in activity)"
_AHEAD = timedelta(days=7)
"""A time further ahead of the start of the run than this is none; a run that is resumed may go on for days."""


def _day(when: datetime) -> str:
    return when.date().isoformat()


@tally(
    "idle_guests",
    control="GUEST-LIF-001",
    needs=("guests", "guest_sign_in_activity"),
    optional=("directory_audits",),
)
class IdleGuests(Tally):
    """Enabled, accepted guests by how long ago they last signed in with success.

    `silent` have no record of any attempt, which GUEST-LIF-002 judges.
    `failing` tried lately and have no success on record, `failing_long` of them
    for longer than the fail limit: proof only where Graph records successes in
    this tenant at all, which `successes` counts. `spared` were switched on again
    lately. `unknown` could be idle and do not tell.
    """

    def __init__(self, context: TallyContext) -> None:
        super().__init__(context)
        limits = context.thresholds
        self._stale = context.taken_at - timedelta(days=limits.stale_days)
        self._long = context.taken_at - timedelta(days=limits.stale_fail_days)
        self._ahead = context.taken_at + _AHEAD
        self._attempts_count = limits.count_failed_attempts_as_use
        audits = context.facts.get("directory_audits")
        since = context.taken_at - timedelta(days=limits.exempt_reenabled_days)
        self._reenabled = targets_since(audits, ENABLED, since) if audits is not None else frozenset[str]()
        self.enabled = self.idle = self.long = self.failing = self.failing_long = 0
        self.silent = self.successes = self.attempts = self.spared = self.unknown = self.old_pending = 0

    def add(self, guest: Guest) -> None:
        """Count one guest; whoever may not sign in at all is left out."""
        enabled = guest.enabled
        if enabled is False:
            return
        self.enabled += 1
        if guest.pending:
            created = guest.created
            self.old_pending += created is None or created < self._stale
            return
        seen = guest.last_success
        if seen is None:
            self._without_success(guest)
            return
        if seen > self._ahead:
            self.unknown += 1
            return
        self.successes += 1
        if seen < self._stale:
            self._idle(guest, seen)

    def _without_success(self, guest: Guest) -> None:
        created = guest.created
        if created is not None and self._stale <= created <= self._ahead:
            return  # too new to be idle
        try:
            attempt = last_attempt(guest.side.get("guest_sign_in_activity"))
        except UnknownValueError:
            self.unknown += 1
            return
        if attempt is None:
            self.silent += 1
            return
        if attempt > self._ahead:
            self.unknown += 1
            return
        self.attempts += 1
        if attempt < self._stale:
            self._idle(guest, attempt)
        elif not self._attempts_count:
            self._failing(guest, created)

    def _idle(self, guest: Guest, seen: datetime) -> None:
        if self._open(guest):
            self.idle += 1
            self.long += seen < self._long
            self.concern(guest, f"no sign-in since {_day(seen)}", lastSignIn=_day(seen))

    def _failing(self, guest: Guest, created: datetime | None) -> None:
        """Successes are recorded since late 2023, so a recent attempt without one has failed."""
        since = max(created, SUCCESS_RECORDED_FROM) if created is not None else None
        if since is None or since >= self._stale:
            self.unknown += 1
        elif self._open(guest):
            self.failing += 1
            self.failing_long += since < self._long
            self.concern(guest, "recent attempts, no successful sign-in on record")

    def _open(self, guest: Guest) -> bool:
        """Whether a guest past the limit counts."""
        if guest.id.casefold() in self._reenabled:
            self.spared += 1
            return False
        if guest.enabled is None:
            self.unknown += 1
            return False
        return True


def _zta_21858(idle_guests: IdleGuests, thresholds: Thresholds, **_: Any) -> Outcome | None:
    """Judge as Microsoft's test does: 90 days since the last success, else since creation; pending guests count too."""
    t = idle_guests
    if thresholds.stale_days != 90 or t.unknown or t.spared:
        return None
    return Outcome.FAIL if t.idle + t.failing + t.silent + t.old_pending else Outcome.PASS


def _cipp_disable_guests(idle_guests: IdleGuests, thresholds: Thresholds, **_: Any) -> Outcome | None:
    """Judge as CIPP's standard does: 90 days since the last sign-in; who never came is left out."""
    t = idle_guests
    if thresholds.stale_days != 90 or t.unknown:
        return None
    return Outcome.FAIL if t.idle + t.old_pending else Outcome.PASS


@control(
    "GUEST-LIF-001",
    fail=Severity.HIGH,
    partial=Severity.LOW,
    kind="inventory",
    licence=_LICENCE,
    remediation=(BLOCK_GUEST, DELETE_GUEST),
    frameworks={
        "mcsb": ("PA-3 (own)", "PA-4 (own)"),
        "nist_800_53r5": ("AC-2(3) (own)",),
        "iso_27001_2022": ("A.5.18 (own)",),
        "attack": ("T1078.004",),
        "atrm": ("AZT201.1 (own)",),
        "zta": ("21858",),
        "other": ("CIPP standard DisableGuests (90 days)",),
    },
    authorities=(
        Authority("Microsoft Zero Trust Assessment", "21858: no enabled guest without sign-in for 90 days", _zta_21858),
        Authority("CIPP", "standard DisableGuests: 90 days", _cipp_disable_guests),
    ),
    parameters=(
        "stale_days",
        "stale_fail_days",
        "stale_tolerance_pct",
        "exempt_reenabled_days",
        "count_failed_attempts_as_use",
    ),
    unverified=("from which day each cloud records successful sign-ins apart from attempts",),
)
def guests_are_in_use(idle_guests: IdleGuests, thresholds: Thresholds) -> Verdict:
    """No enabled guest has been idle past the limit.

    Holds when every enabled guest who accepted and has a sign-in on record
    signed in with success within `stale_days`. Partial when no more than
    `stale_tolerance_pct` percent of enabled guests did not, none of them for
    longer than `stale_fail_days`. Fails beyond that. A guest switched on again
    within `exempt_reenabled_days` does not count. Without any record a guest is
    a case for GUEST-LIF-002.

    Why: nobody misses an account that nobody uses. Its owner may have left the
    partner, its password may be in an old breach, and its groups and sites
    still open.

    Attack: somebody takes over a forgotten partner mailbox, signs in as a guest
    with years of history, and looks like an old acquaintance in every log.

    Fix: Entra admin center > Users > filter User type Guest, sort by last
    sign-in. Ask the sponsor, block sign-in at 90 days and delete 30 days later.
    To have it done for you: Identity Governance > Access reviews, limited to
    inactive users.

    Breaks: yearly visitors such as auditors lose access; ask before blocking.
    Deleting takes groups, teams, sites and apps away; restoring within 30 days
    brings them back. The record may lag a day behind, and an old success from
    before late 2023 is not in it.

    Default: nothing happens to idle guests.

    Source: https://learn.microsoft.com/entra/identity/users/clean-up-stale-guest-accounts
    https://learn.microsoft.com/entra/identity/monitoring-health/howto-manage-inactive-user-accounts
    https://learn.microsoft.com/graph/api/resources/signinactivity
    """
    t = idle_guests
    if not t.population:
        return not_applicable(NO_GUESTS, observed={"guests": 0})
    idle, long, unknown = t.idle, t.long, t.unknown
    if t.successes:
        idle, long = idle + t.failing, long + t.failing_long
    else:
        unknown += t.failing
    seen = {
        "enabled guests": t.enabled,
        f"idle over {thresholds.stale_days} days": idle,
        f"idle over {thresholds.stale_fail_days} days": long,
        "without any record": t.silent,
    }
    notes = _idle_notes(t, thresholds)
    told = (
        f"{idle:,} of {number(t.enabled, 'enabled guest')} did not sign in for more than {thresholds.stale_days} days, "
        f"{long:,} of them for more than {thresholds.stale_fail_days}."
    )
    if long or 100 * idle > thresholds.stale_tolerance_pct * t.enabled:
        return failed(told, observed=seen, notes=notes)
    if unknown:
        raise UnknownValueError(f"{number(unknown, 'guest')} may be idle and the list does not tell when they came")
    if t.silent and not t.successes + t.attempts:
        raise UnknownValueError("no guest has a sign-in on record, so Graph may not have told any (signInActivity)")
    if idle:
        return partial(told, observed=seen, notes=notes)
    return passed(
        f"Every enabled guest with a sign-in on record came within {thresholds.stale_days} days.",
        observed=seen,
        notes=notes,
    )


def _idle_notes(t: IdleGuests, thresholds: Thresholds) -> tuple[str, ...]:
    notes = []
    if t.silent:
        notes.append(f"{number(t.silent, 'guest')} without any sign-in on record: see GUEST-LIF-002.")
    if t.failing and t.successes:
        notes.append(f"{number(t.failing, 'guest')} tried lately and never got in: look at their sign-ins.")
    if t.spared:
        days = thresholds.exempt_reenabled_days
        notes.append(f"{number(t.spared, 'idle guest')} not counted: switched on again within {days} days.")
    return tuple(notes)


@tally("silent_guests", control="GUEST-LIF-002", needs=("guests", "guest_sign_in_activity"))
class SilentGuests(Tally):
    """Enabled, accepted guests without any sign-in on record, past the limit.

    `late` are those that came since Graph keeps records, `legacy` older ones.
    `recorded` counts guests with a record; `unknown` could be affected and do
    not tell.
    """

    def __init__(self, context: TallyContext) -> None:
        super().__init__(context)
        self._limit = context.taken_at - timedelta(days=context.thresholds.never_signed_in_days)
        self._ahead = context.taken_at + _AHEAD
        self.recorded = self.late = self.legacy = self.unknown = 0

    def add(self, guest: Guest) -> None:
        """Count one guest; most have a success on record and are done with."""
        seen = guest.last_success
        if seen is not None and seen <= self._ahead:
            self.recorded += 1
            return
        if guest.pending or guest.enabled is False:
            return
        since = guest.state_since
        if since is not None and self._limit <= since <= self._ahead:
            return  # too new to tell
        try:
            attempt = last_attempt(guest.side.get("guest_sign_in_activity"))
        except UnknownValueError:
            self.unknown += 1
            return
        if attempt is not None and attempt <= self._ahead:
            self.recorded += 1
        elif attempt is not None or since is None or since > self._ahead or guest.enabled is None:
            self.unknown += 1
        else:
            created = guest.created
            old = created is not None and created < ACTIVITY_FROM
            self.legacy += old
            self.late += not old
            self.concern(guest, f"accepted {_day(since)}, no sign-in on record")


@control(
    "GUEST-LIF-002",
    fail=Severity.MEDIUM,
    partial=Severity.INFO,
    kind="inventory",
    licence=_LICENCE,
    remediation=(BLOCK_GUEST, DELETE_GUEST),
    frameworks={
        "mcsb": ("PA-3 (own)",),
        "nist_800_53r5": ("AC-2(3) (own)",),
        "iso_27001_2022": ("A.5.18 (own)",),
        "attack": ("T1078.004", "T1136.003"),
        "atrm": ("AZT502.3 (own)",),
        "zta": ("21858 (partly)",),
    },
    parameters=("never_signed_in_days",),
    unverified=("whether a guest who opens SharePoint links alone leaves a sign-in record",),
)
def guests_have_signed_in(silent_guests: SilentGuests, thresholds: Thresholds) -> Verdict:
    """Accepted guests have actually signed in.

    Holds when no enabled guest accepted more than `never_signed_in_days` ago
    and has no sign-in on record. Partial when all such guests were created
    before April 2020, from when on Graph keeps the record. Fails otherwise.

    Why: an account that was accepted and never used was not needed, or is being
    kept for later. A report that sorts by last sign-in does not even show it.

    Attack: an intruder accepts an invitation and leaves the account alone for
    months, until the invitation has left the logs.

    Fix: Entra admin center > Users > the guest > Block sign-in, then Delete.
    Ask the sponsor first.

    Breaks: people who only get mail through a group, or a shared calendar, may
    never sign in here and still need the object. Sites with SharePoint's own
    one-time codes may not leave an Entra sign-in.

    Default: nothing happens to guests who never come.

    Source: https://learn.microsoft.com/entra/identity/monitoring-health/howto-manage-inactive-user-accounts
    https://learn.microsoft.com/graph/api/resources/signinactivity
    """
    t = silent_guests
    if not t.population:
        return not_applicable(NO_GUESTS, observed={"guests": 0})
    days = thresholds.never_signed_in_days
    affected = t.late + t.legacy
    seen = {
        "guests": t.population,
        f"without a sign-in after {days} days": affected,
        "of them before 2020-04": t.legacy,
    }
    if affected and not t.recorded:
        raise UnknownValueError("no guest has a sign-in on record, so Graph may not have told any (signInActivity)")
    accepted = f"accepted more than {days} days ago and"
    told = does(affected, "enabled guest", f"{accepted} has", f"{accepted} have") + " no sign-in on record"
    if t.late:
        return failed(f"{told}.", observed=seen)
    if t.unknown:
        raise UnknownValueError(f"{number(t.unknown, 'guest')} may never have signed in and the list does not tell")
    if t.legacy:
        return partial(f"{told}; all of them are older than the record, which begins in April 2020.", observed=seen)
    return passed(f"Every enabled guest who accepted more than {days} days ago has signed in.", observed=seen)
