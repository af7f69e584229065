"""Hunts over a guest's life: turned member, late or odd redemption, reset, short life."""

from collections.abc import Iterator
from datetime import timedelta

from posture.assess.types import Lead
from posture.hunts import activities as a
from posture.hunts.directions import decoded
from posture.hunts.events import AuditEvent, Target
from posture.hunts.inviters import Reach
from posture.hunts.leads import audit_row, many, stamp
from posture.hunts.people import IdSet
from posture.hunts.registry import NO_LICENCE, Limit, Scene, hunt
from posture.hunts.sorting import Sorted
from posture.hunts.streams import invited_address, redemption
from posture.settings import Severity
from posture.snapshot.guests import Guest, domain_of
from posture.snapshot.values import moment

_UPDATE = a.names(a.UPDATE_USER)
_INVITE, _RESET, _INTERNAL = a.folded(a.INVITE), a.folded(a.RESET), a.folded(a.INTERNAL)
_REDEEM = a.names(a.REDEEM)
_GONE = a.names(a.DELETE_GUEST, a.DELETE_USER)
_MAIL = a.names(a.MAIL[:2])
_CODE = "one time passcode"


def values_of(target: Target, name: str) -> tuple[str, str] | None:
    """Return a property's old and new value, unpacked; None where it was not changed."""
    for change in target.changes:
        if change.name.casefold() == name.casefold():
            old, new = decoded(change.old), decoded(change.new)
            return old if isinstance(old, str) else "", new if isinstance(new, str) else ""
    return None


@hunt(
    "GUEST-HUN-007", severity=Severity.HIGH, attack=("T1098", "T1078.004"), licence=NO_LICENCE, query="guest-to-member"
)
def turned_members(guest_records: Sorted[AuditEvent], scene: Scene) -> Iterator[Lead]:
    """Guests turned into members.

    Seen: "Update user" whose UserType was Guest and became Member.

    Why: one write removes every restriction for guests, and the account keeps
    its outside password. It is the quiet way out of the guest box.

    Harmless if: a contractor was hired as staff, and the people who do that
    are in approved_change_actors.

    Ask next: is the account still an external one (GUEST-LIF-010), and what
    did it read since?

    Source: https://learn.microsoft.com/entra/architecture/security-operations-user-accounts
    https://github.com/SigmaHQ/sigma/blob/master/rules/cloud/azure/audit_logs/azure_guest_to_member.yml
    """
    approved = IdSet(scene.thresholds.approved_change_actors)
    found, known = scene.found(), scene.found()
    for key, events in guest_records.groups():
        for event in events:
            if a.folded(event.activity) not in _UPDATE or not event.succeeded:
                continue
            for target in event.targets:
                values = values_of(target, "UserType")
                if target.id.casefold() != key or values is None:
                    continue
                if [v.strip().casefold() for v in values] == ["guest", "member"]:
                    outside = scene.people.outside_target(target)
                    row = audit_row(event, still_external="yes" if outside else "")
                    (known if event.actor.id in approved and not outside else found).add(event.at, row)
    if found:
        yield found.lead(
            Severity.HIGH, f"{many(found.count, 'guest was turned into a member', 'guests were turned into members')}."
        )
    if known:
        yield known.lead(Severity.LOW, f"People you approved turned {many(known.count, 'guest')} into members.")


@hunt(
    "HUNT-MEMBER-TO-EXTERNAL",
    severity=Severity.MEDIUM,
    attack=("T1078.004", "T1098"),
    licence=NO_LICENCE,
    query="member-turned-external",
)
def members_turned_external(guest_records: Sorted[AuditEvent], scene: Scene) -> Iterator[Lead]:
    """A member's account was linked to an outside identity.

    Seen: "Invite internal user to B2B collaboration", or an "Update user" in
    which the user principal name gained #EXT#.

    Why: the account keeps its groups and roles, and from then on another
    organization, or a personal mailbox, opens it.

    Harmless if: a merger or a planned conversion to B2B is under way.

    Ask next: which roles and groups did the account keep?

    Source: https://learn.microsoft.com/entra/external-id/invite-internal-users
    """
    found = scene.found()
    for key, events in guest_records.groups():
        for event in events:
            name = a.folded(event.activity)
            if not event.succeeded:
                continue
            if name == _INTERNAL:
                found.add(event.at, audit_row(event, invited=invited_address(event)))
            elif name in _UPDATE:
                for target in event.targets:
                    values = values_of(target, "UserPrincipalName")
                    if target.id.casefold() == key and values and _gained(values):
                        found.add(event.at, audit_row(event, before=values[0], after=values[1]))
    if found:
        yield found.lead(Severity.MEDIUM, f"{many(found.count, 'member')} linked to an outside identity.")


def _gained(values: tuple[str, str]) -> bool:
    old, new = (v.casefold() for v in values)
    return bool(old) and "#ext#" not in old and "#ext#" in new


@hunt(
    "GUEST-HUN-008",
    severity=Severity.MEDIUM,
    attack=("T1136.003", "T1078.004"),
    licence=NO_LICENCE,
    query="odd-redemptions",
)
def odd_redemptions(guest_records: Sorted[AuditEvent], scene: Scene) -> Iterator[Lead | Limit]:
    """Late, reset or odd redemptions, and very short-lived guests.

    Seen: a redemption later than pending_days after the invitation, one with
    another address than the one invited, one by passcode for a domain that is
    an Entra tenant, one after a reset; resets by people not in
    approved_reset_actors; accounts that lived less than short_life_hours; mails
    that were not sent.

    Why: an invitation accepted months after it was sent, from another
    provider than expected, or right after a reset, is the moment a dormant
    door opens. A guest that lives less than a day is somebody cleaning up.

    Harmless if: the person was on leave, changed employer with your
    knowledge, or asked for the reset themselves.

    Ask next: does the sponsor know that the person changed, and what did the
    account hold when it was redeemed?

    Source: https://github.com/tired-labs/techniques/blob/main/reports/trr0021/azr/README.md
    https://learn.microsoft.com/entra/external-id/reset-redemption-status
    """
    t = scene.thresholds
    late_after, short = timedelta(days=t.pending_days), timedelta(hours=t.short_life_hours)
    resetters, inviters = IdSet(t.approved_reset_actors), IdSet(t.approved_inviter_ids)
    late, other, passcode, after_reset, resets, brief, mails = (scene.found() for _ in range(7))
    for key, events in guest_records.groups():
        invited: AuditEvent | None = None
        reset: AuditEvent | None = None
        for event in events:
            name = a.folded(event.activity)
            if name in _MAIL:
                mails.add(event.at, audit_row(event, invited=invited_address(event)))
            if not event.succeeded or event.at is None:
                continue
            if name == _INVITE:
                invited, reset = event, None
            elif name == _RESET:
                reset = event
                if event.actor.id not in resetters:
                    resets.add(event.at, audit_row(event, invited=invited_address(event)))
            elif name in _REDEEM and not key.startswith("mail:"):
                row = _redeemed(event, invited, reset)
                if (
                    invited is not None
                    and reset is None
                    and invited.at is not None
                    and event.at - invited.at > late_after
                ):
                    late.add(event.at, {**row, "days": (event.at - invited.at).days})
                if invited is not None and _another(invited, event):
                    other.add(event.at, {**row, "invited_address": invited_address(invited)})
                if reset is not None and reset.actor.id not in resetters:
                    after_reset.add(event.at, row)
                if _strange_passcode(event, scene):
                    passcode.add(event.at, row)
            elif name in _GONE and invited is not None and invited.at is not None:
                if event.at - invited.at <= short:
                    same = event.actor.key == invited.actor.key and invited.actor.id in inviters
                    hours = round((event.at - invited.at).total_seconds() / 3600, 1)
                    row = audit_row(event, lived_hours=hours, invited_by=invited.actor.label)
                    row["ids"] = [i for i in (event.id, invited.id) if i]
                    brief.add(event.at, row | ({"why": "an approved inviter cleaned up"} if same else {}))
                invited = None
    if late:
        yield late.lead(
            Severity.LOW, f"{many(late.count, 'invitation')} redeemed more than {t.pending_days} days later."
        )
    if other:
        yield other.lead(
            Severity.MEDIUM, f"{many(other.count, 'invitation')} redeemed with an address of another domain."
        )
    if passcode:
        yield passcode.lead(
            Severity.MEDIUM,
            f"{many(passcode.count, 'redemption')} by passcode, though the domain is an Entra tenant's.",
        )
    if after_reset:
        yield after_reset.lead(
            Severity.MEDIUM, f"{many(after_reset.count, 'redemption')} after a reset nobody approved."
        )
    if resets:
        yield resets.lead(
            Severity.LOW, f"{many(resets.count, 'reset')} of an invitation by people not approved for it."
        )
    if brief:
        yield brief.lead(
            Severity.MEDIUM, f"{many(brief.count, 'guest account')} lived less than {t.short_life_hours} hours."
        )
    if mails:
        yield mails.lead(Severity.INFO, f"{many(mails.count, 'record')} of invitation mails not sent or turned off.")
    if scene.entra_domains is None:
        yield Limit("Which guest domains are Entra tenants was not read, so redemptions by passcode are not judged.")


def _redeemed(event: AuditEvent, invited: AuditEvent | None, reset: AuditEvent | None) -> dict[str, object]:
    said = redemption(event)
    row = audit_row(
        event,
        address=said.get("Email"),
        source=said.get("Source"),
        invited=stamp(invited.at) if invited else None,
        invited_by=invited.actor.label if invited else None,
        reset=stamp(reset.at) if reset else None,
        reset_by=reset.actor.label if reset else None,
    )
    row["ids"] = [e.id for e in (event, invited, reset) if e is not None and e.id]
    row["target"] = said.get("UPN") or row.get("target", "")
    return row


def _another(invited: AuditEvent, redeemed: AuditEvent) -> bool:
    """Whether an invitation was accepted with an address in another domain than the one invited."""
    asked, came = domain_of(invited_address(invited)), domain_of(redemption(redeemed).get("Email", ""))
    return bool(asked and came and asked != came)


def _strange_passcode(event: AuditEvent, scene: Scene) -> bool:
    said = redemption(event)
    domain = domain_of(said.get("Email", ""))
    if said.get("Source", "").casefold() != _CODE or domain is None or scene.entra_domains is None:
        return False
    return domain in scene.entra_domains


class LateRedemptions:
    """Late redemptions by the guest list's own dates: they tell even after the log has aged out.

    `createdDateTime` is the invitation, `externalUserStateChangeDateTime` of an
    accepted guest the redemption. Source: https://learn.microsoft.com/graph/api/resources/user
    """

    def __init__(self, scene: Scene) -> None:
        self._late = timedelta(days=scene.thresholds.pending_days)
        self._since = scene.now - timedelta(days=scene.thresholds.lookback_days)
        self._holding, self._bare = scene.found(), scene.found()

    def concerns(self, guest: Guest) -> bool:
        """Whether a guest accepted late, and lately."""
        row = guest.row
        if row.get("externalUserState") != "Accepted" or row.get("externalUserStateChangeDateTime") is None:
            return False
        changed, created = guest.state_since, guest.created  # the change is there, so it is not the creation
        if changed is None or created is None:
            return False
        return changed >= self._since and changed - created > self._late

    def add(self, guest: Guest, reach: Reach) -> None:
        """Take a guest that this concerns."""
        changed = moment(guest.row.get("externalUserStateChangeDateTime"))
        if changed is None or guest.created is None:
            return
        held = {"group": reach.groups, "application": reach.apps, "role": reach.roles, "owned object": reach.owns}
        holds = ", ".join(many(n, one) for one, n in held.items() if n)
        row = {
            "time": stamp(changed),
            "who": str(guest.row.get("mail") or guest.row.get("userPrincipalName") or ""),
            "who_id": guest.id,
            "invited": stamp(guest.created),
            "days": (changed - guest.created).days,
            "holds": holds,
            "place": "guests",
        }
        (self._holding if holds else self._bare).add(changed, {k: v for k, v in row.items() if v not in (None, "")})

    def leads(self) -> Iterator[Lead]:
        """Yield what was found."""
        if self._holding:
            yield self._holding.lead(
                Severity.MEDIUM,
                f"{many(self._holding.count, 'guest')} with access redeemed an old invitation (guest list).",
            )
        if self._bare:
            yield self._bare.lead(
                Severity.LOW,
                f"{many(self._bare.count, 'guest')} without access redeemed an old invitation (guest list).",
            )
