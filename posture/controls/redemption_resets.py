"""Whether the person behind an old guest object is still the one who was invited."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from posture.controls.registry import (
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
from posture.controls.remedies import BLOCK_GUEST
from posture.controls.shared import NO_GUESTS, ids, number
from posture.errors import UnknownValueError
from posture.settings import Severity, Thresholds
from posture.snapshot.access import not_known
from posture.snapshot.audits import RESET, days_covered, events, within
from posture.snapshot.guests import Guest
from posture.snapshot.power import expanded, kind_of
from posture.snapshot.types import Gap, Rows
from posture.snapshot.values import objects


def address_changed(row: Mapping[str, Any]) -> bool | None:
    """Return whether a guest's address is another than the one its name was made from; None where they do not tell.

    `userPrincipalName` keeps the address of the invitation before `#EXT#`, with
    `_` for `@`. A name without that mark, and a guest without an address, have
    nothing to compare.
    Source: https://learn.microsoft.com/entra/external-id/user-properties
    """
    upn, mail = row.get("userPrincipalName"), row.get("mail")
    if not isinstance(upn, str) or not upn or "mail" not in row or not isinstance(mail, str | None):
        return None
    if mail is None:
        return False
    if upn.startswith(mail.replace("@", "_", 1)) and upn.startswith("#EXT#", len(mail)):
        return False
    head, mark, _ = upn.casefold().partition("#ext#")
    if not mark:
        return False
    others = row.get("otherMails")
    addresses = [mail, *(others if isinstance(others, list) else ())]
    return not any(_same_letters(head, a) for a in addresses if isinstance(a, str))


def _same_letters(head: str, address: str) -> bool:
    """A second guest of one address gets a number at the end of its name."""
    name, wanted = ("".join(c for c in t.casefold() if c.isalnum()) for t in (head, address))
    return name == wanted or (bool(wanted) and name.startswith(wanted) and name[len(wanted) :].isdecimal())


@tally(
    "redemption_resets",
    control="GUEST-LIF-011",
    optional=("directory_audits", "guest_memberships", "guest_owned_objects", "groups"),
)
class RedemptionResets(Tally):
    """Guests whose address changed, and resets of redemption in the log window.

    `resets` are the events, `foreign` those not by an approved actor.
    `powerful` are guests with a reset who hold a role, a role-assignable group
    or objects of their own, `unclear` those for whom that is not known, and
    resets that do not name theirs.
    `changed` have another address than their name, `unknown` do not tell.
    """

    def __init__(self, context: TallyContext) -> None:
        super().__init__(context)
        approved = ids(context.thresholds.approved_reset_actors)
        since = context.taken_at - timedelta(days=context.thresholds.lookback_days)
        self.resets = self.foreign = self.powerful = self.unclear = self.changed = self.unknown = 0
        self._targets: set[str] = set()
        for event in events(context.facts.get("directory_audits", ()), RESET):
            if event.result != "failure" and (event.when is None or event.when >= since):
                self.resets += 1
                self.foreign += approved.isdisjoint(event.actors)
                self.unclear += not event.targets
                self._targets.update(event.targets)
        groups = context.facts.get("groups")
        self._assignable = _assignable(groups) if groups is not None and self._targets else None

    def add(self, guest: Guest) -> None:
        """Count one guest; most have the address their name was made from, and no reset."""
        changed = address_changed(guest.row)
        reset = bool(self._targets) and guest.id.casefold() in self._targets
        if changed is None:
            self.unknown += 1
        if not changed and not reset:
            return
        self.changed += changed is True
        words = ["another address than its name"] if changed else []
        if reset:
            power = self._power(guest)
            self.powerful += power is True
            self.unclear += power is None
            words.append("redemption reset" + (", holds a role, a role group or objects" if power else ""))
        self.concern(guest, "; ".join(words))

    def _power(self, guest: Guest) -> bool | None:
        sure = True
        for name, key in (("guest_owned_objects", "ownedObjects"), ("guest_memberships", "transitiveMemberOf")):
            row = guest.side.get(name)
            if row and key not in row and "memberOf" in row:
                key = "memberOf"
            try:
                held = expanded(row or {}, key)
            except UnknownValueError:
                sure = False
                continue
            if name == "guest_owned_objects" and held:
                return True
            for entry in held:
                if kind_of(entry) == "directoryRole" or str(entry.get("id", "")).casefold() in (self._assignable or ()):
                    return True
                sure = sure and bool(kind_of(entry)) and (kind_of(entry) != "group" or self._assignable is not None)
        return False if sure else None


def _assignable(groups: Iterable[Mapping[str, Any]]) -> frozenset[str]:
    """Return the ids of groups that may hold a directory role; one that does not say so counts as one that may."""
    return frozenset(
        str(g.get("id", "")).casefold() for g in objects(groups, "groups") if g.get("isAssignableToRole", True)
    )


@control(
    "GUEST-LIF-011",
    fail=Severity.MEDIUM,
    partial=Severity.LOW,
    kind="inventory",
    licence="none; the audit log reaches back 7 days, with Entra ID P1 30",
    remediation=replace(
        BLOCK_GUEST,
        powershell=(*BLOCK_GUEST.powershell, "Revoke-MgUserSignInSession -UserId {id}"),
        notes="Only where nobody can explain the reset; then also POST /users/{id}/revokeSignInSessions "
        "(User.RevokeSessions.All). Undo with accountEnabled true.",
    ),
    frameworks={
        "mcsb": ("LT-3 (own)",),
        "nist_800_53r5": ("AU-6 (own)",),
        "iso_27001_2022": ("A.8.15 (own)",),
        "attack": ("T1098",),
        "atrm": ("AZT502.3 (own)",),
    },
    parameters=("lookback_days", "approved_reset_actors"),
    unverified=("that the user principal name keeps the old address in every case of a reset",),
)
def resets_are_accounted_for(
    redemption_resets: RedemptionResets,
    directory_audits: Rows | Gap,
    guest_memberships: Rows | Gap,
    guest_owned_objects: Rows | Gap,
    groups: Rows | Gap,
    taken_at: datetime,
    thresholds: Thresholds,
) -> Verdict:
    """Redemption resets and re-sent invitations are accounted for.

    Holds when every guest has the address its name was made from and the audit
    log has no reset, or only resets by `approved_reset_actors` of guests
    without power; it says how far back the log goes. Partial when there are
    resets and nobody is named as approved, and when addresses differ. Fails
    when somebody else reset a guest, or a guest was reset who holds a directory
    role, a role-assignable group or objects of their own.

    Why: a reset keeps the object with its groups and applications and binds it
    to another person's address. Everything looks old and known, and somebody
    else walks in.

    Attack: an intruder with a helpdesk role resets a trusted guest to a mailbox
    of their own. No new account appears.

    Fix: Entra admin center > Monitoring > Audit logs > "Invite external user
    with reset invitation status": ask who did it and why. If nobody knows, block
    the guest, revoke its sessions, delete it. Allow resets only with a ticket.

    Breaks: partners do get renamed and people do lose mailboxes; ask before
    blocking.

    Default: a helpdesk administrator may reset a guest.

    Source: https://learn.microsoft.com/entra/external-id/reset-redemption-status
    https://learn.microsoft.com/entra/identity/monitoring-health/reference-audit-activities
    """
    t = redemption_resets
    if not t.population:
        return not_applicable(NO_GUESTS, observed={"guests": 0})
    seen = {
        "directory_audits.resets in the log": t.resets,
        "directory_audits.resets not approved": t.foreign,
        "guests.guests with another address": t.changed,
    }
    log = _log_gap(directory_audits)
    if log:
        also = f"; {number(t.changed, 'guest')} with another address than their name" if t.changed else ""
        gap = directory_audits if isinstance(directory_audits, Gap) else None
        raise UnknownValueError(f"resets could not be looked for: {log}{also}", because=gap)
    since = taken_at - timedelta(days=thresholds.lookback_days)
    covered = 0 if isinstance(directory_audits, Gap) else days_covered(directory_audits, since, taken_at)
    seen["directory_audits.days the audit log goes back"] = covered
    window = within(thresholds.lookback_days, covered)
    told = f"{number(t.resets, 'reset') if t.resets else 'No reset'} of redemption {window}"
    if t.powerful:
        return failed(f"{told}, {t.powerful:,} of guests who hold a role, role group or objects.", observed=seen)
    if thresholds.approved_reset_actors and t.foreign:
        return failed(f"{told}, {t.foreign:,} of them not by an approved actor.", observed=seen)
    if not covered:
        raise UnknownValueError("no record of the audit log says when it was made")
    if t.unclear:
        told = f"{told}, and whether {number(t.unclear, 'guest')} hold power is not known"
        raise not_known(told, guest_memberships, guest_owned_objects, groups)
    if t.unknown:
        raise UnknownValueError(f"the address or name of {number(t.unknown, 'guest')} does not tell")
    if t.foreign or t.changed:
        return partial(f"{told}; {number(t.changed, 'guest')} with another address than their name.", observed=seen)
    told += ", each approved" if t.resets else ""
    return passed(f"{told}; no address differs from its name.", observed=seen)


def _log_gap(directory_audits: Rows | Gap) -> str:
    """Return why the audit log tells nothing, "" where it does; no tenant in use has an empty one."""
    if isinstance(directory_audits, Gap):
        return directory_audits.detail
    return "" if len(directory_audits) else "it is empty"
