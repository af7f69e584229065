"""Hunts over sequences: invited, redeemed, then power; invited, then a shell; signed in, then gone."""

from collections import deque
from collections.abc import Iterator
from datetime import datetime, timedelta

from posture.assess.types import Lead
from posture.hunts import activities as a
from posture.hunts.directions import decoded
from posture.hunts.events import AuditEvent, SignInEvent
from posture.hunts.invitations import is_invitation
from posture.hunts.leads import Found, audit_row, many, sign_in_row, stamp
from posture.hunts.people import IdSet
from posture.hunts.registry import NO_LICENCE, P1, Limit, Scene, hunt
from posture.hunts.sorting import Sorted
from posture.hunts.streams import invited_address, redemption
from posture.settings import Severity

_REDEEM = a.names(a.REDEEM)
_ROLES, _OWNERS, _GROUPS, _APPS = a.names(a.ROLES), a.names(a.OWNERS), a.names(a.GROUPS), a.names(a.APP_ROLES)
_GIVEN = _ROLES | _OWNERS | _GROUPS | _APPS
_STEPS = 50


def thing_given(event: AuditEvent) -> str:
    """Return what was given: the role's, group's or application's name, else its id.

    Taken from the modified properties, which name it on the person's target,
    else from the target that is no user.
    Source: https://learn.microsoft.com/graph/api/resources/targetresource
    """
    for wanted in ("role.displayname", "group.displayname", "approle.displayname", "serviceprincipal.displayname"):
        for target in event.targets:
            for change in target.changes:
                value = decoded(change.new or change.old)
                if change.name.casefold() == wanted and isinstance(value, str) and value:
                    return value
    other = next((t for t in event.targets if t.type.casefold() not in ("user", "")), None)
    return (other.display_name or other.id) if other else ""


def group_given(event: AuditEvent) -> str:
    """Return the id of the group a record is about, in lower case; "" where it names none."""
    for target in event.targets:
        if target.type.casefold() == "group" and target.id:
            return target.id.casefold()
        for change in target.changes:
            value = decoded(change.new or change.old)
            if change.name.casefold() == "group.objectid" and isinstance(value, str):
                return value.casefold()
    return ""


def power_of(event: AuditEvent, scene: Scene) -> str:
    """Return what kind of power a record gives: role, ownership, privileged group, group or application."""
    name = a.folded(event.activity)
    if name in _ROLES:
        return "role"
    if name in _OWNERS:
        return "ownership"
    if name in _GROUPS:
        privileged = scene.privileged_groups
        return "privileged group" if privileged is not None and group_given(event) in privileged else "group"
    return "application"


_STRONG = ("role", "ownership", "privileged group")


@hunt(
    "GUEST-HUN-006",
    severity=Severity.CRITICAL,
    attack=("T1136.003", "T1098.003", "T1098.001"),
    licence=f"{NO_LICENCE}; events of Privileged Identity Management need P2",
    query="invited-then-power",
)
def invited_then_power(guest_records: Sorted[AuditEvent], scene: Scene) -> Iterator[Lead | Limit]:
    """Invite, redeem, then power: the chain.

    Seen: one person invited, and given a role, an ownership, a group or an
    application after it, with the time of each step. Within chain_hours and
    with a role, an ownership or a group that may hold roles it is the worst
    case.

    Why: a new guest that gains power within days of arriving follows the
    recipe for persistence step by step. Each event alone is routine; the
    order is not.

    Harmless if: an outside administrator was taken on, and the person who
    gave the role can name the contract.

    Ask next: who gave the power, did that session look like them, and what
    has the guest done since?

    Source: https://github.com/tired-labs/techniques/blob/main/reports/trr0021/azr/README.md
    https://stratus-red-team.cloud/attack-techniques/entra-id/entra-id.persistence.guest-user/
    """
    hours = timedelta(hours=scene.thresholds.chain_hours)
    acute, slow = scene.found(), scene.found()
    for _, events in guest_records.groups():
        invited: AuditEvent | None = None
        redeemed: AuditEvent | None = None
        steps: list[tuple[AuditEvent, str]] = []
        for event in events:
            if event.at is None or not event.succeeded:
                continue
            name = a.folded(event.activity)
            if is_invitation(event):
                invited = invited or event
            elif invited is not None and name in _REDEEM:
                redeemed = redeemed or event
            elif invited is not None and name in _GIVEN and len(steps) < _STEPS:
                steps.append((event, power_of(event, scene)))
        if invited is None or invited.at is None or not steps:
            continue
        strong = [e.at - invited.at for e, kind in steps if kind in _STRONG and e.at is not None]
        quick = bool(strong) and min(strong) <= hours
        (acute if quick else slow).add(steps[-1][0].at, _chain_row(invited, redeemed, steps, scene))
    if acute:
        yield acute.lead(
            Severity.CRITICAL,
            f"{many(acute.count, 'person', 'people')} invited and given power within "
            f"{scene.thresholds.chain_hours} hours.",
        )
    if slow:
        yield slow.lead(
            Severity.MEDIUM,
            f"{many(slow.count, 'person', 'people')} invited, and later given power, or ordinary access at once.",
        )
    if scene.privileged_groups is None:
        yield Limit("Which groups may hold roles was not read, so a group counts as an ordinary one.")


def _chain_row(
    invited: AuditEvent, redeemed: AuditEvent | None, steps: list[tuple[AuditEvent, str]], scene: Scene
) -> dict[str, object]:
    words = [
        f"{stamp(e.at)} {kind}: {thing_given(e) or e.activity} (by {e.actor.label or 'nobody named'})"
        for e, kind in steps
    ]
    first = steps[0][0]
    passed = first.at - invited.at if first.at is not None and invited.at is not None else timedelta()
    person = next((t for t in invited.targets if t.id), None)
    given_to = next((t for t in first.targets if t.type.casefold() == "user" and t.user_principal_name), None)
    row = {
        "time": stamp(steps[-1][0].at),
        "who": invited_address(invited)
        or (given_to.user_principal_name if given_to else "")
        or (person.display_name if person else ""),
        "who_id": person.id if person else "",
        "invited": stamp(invited.at),
        "invited_by": invited.actor.label,
        "inviter": scene.people.outsider(invited.actor),
        "redeemed": stamp(redeemed.at) if redeemed else None,
        "redeemed_with": redemption(redeemed).get("Source") if redeemed else None,
        "hours_to_power": round(passed.total_seconds() / 3600, 1),
        "steps": words[:10],
        "ids": [e.id for e in (invited, *((redeemed,) if redeemed else ()), *(e for e, _ in steps))][:20],
        "place": steps[-1][0].place,
    }
    return {k: v for k, v in row.items() if v not in (None, "")}


@hunt(
    "HUNT-GUEST-POWER",
    severity=Severity.HIGH,
    attack=("T1098.003", "T1136.003"),
    licence=f"{NO_LICENCE}; events of Privileged Identity Management need P2",
    query="power-given-to-guests",
)
def power_given(guest_records: Sorted[AuditEvent], scene: Scene) -> Iterator[Lead]:
    """Somebody from outside was given power.

    Seen: a role (active, eligible or through PIM), an ownership or a group
    membership given to a guest or external member, whenever they came.

    Why: the person's password and device are not yours, the power is.

    Harmless if: the role is on approved_guest_admins and the group is one
    made for partners.

    Ask next: who gave it, until when, and what would break without it?

    Source: https://github.com/Azure/Azure-Sentinel/blob/master/Hunting%20Queries/AuditLogs/GuestAccountAddedToPrivilegedRole.yaml
    """
    approved = IdSet(scene.thresholds.approved_guest_admins)
    found: dict[str, Found] = {kind: scene.found() for kind in ("role", "ownership", "privileged group", "group")}
    for key, events in guest_records.groups():
        came = False
        for event in events:
            name = a.folded(event.activity)
            came = came or (event.succeeded and (is_invitation(event) or name in _REDEEM))
            if name not in _GIVEN or name in _APPS or not event.succeeded:
                continue
            target = next((t for t in event.targets if t.id.casefold() == key), None)
            if target is None or target.id in approved or not (came or scene.people.outside_target(target)):
                continue
            row = audit_row(event, given=thing_given(event), kind=power_of(event, scene))
            row |= {"target": target.user_principal_name or target.display_name, "target_id": target.id}
            found[power_of(event, scene)].add(event.at, row)
    words = {"role": "directory role", "ownership": "ownership", "privileged group": "group that may hold roles"}
    for kind, one in words.items():
        if found[kind]:
            plural = "groups that may hold roles" if kind == "privileged group" else ""
            yield found[kind].lead(
                Severity.HIGH, f"{many(found[kind].count, one, plural)} given to people from outside."
            )
    if found["group"]:
        yield found["group"].lead(
            Severity.LOW, f"{many(found['group'].count, 'group membership')} given to people from outside."
        )


@hunt(
    "HUNT-INVITED-THEN-SHELL",
    severity=Severity.HIGH,
    attack=("T1078.004", "T1136.003", "T1087.004"),
    licence=P1,
    query="invited-then-shell",
)
def invited_then_shell(
    guest_records: Sorted[AuditEvent],
    invitations: Sorted[AuditEvent],
    guest_sign_ins: Sorted[SignInEvent],
    scene: Scene,
) -> Iterator[Lead]:
    """Invited or inviting, then in a shell.

    Seen: within a day of an invitation, a successful sign-in with a command
    line by the person invited, or by the outsider who invited.

    Why: who comes to work together opens a document first. Who opens a shell
    first came for the directory.

    Harmless if: the person was invited to automate something, and today.

    Ask next: what was read (Graph activity logs), and who is the inviter?

    Source: https://github.com/Azure/Azure-Sentinel/tree/master/Solutions/Microsoft%20Entra%20ID/Analytic%20Rules
    """
    found = scene.found()
    seen: set[str] = set()
    for role, stream in (("invited", guest_records), ("inviter", invitations)):
        for invited_at, event in _shells_after(stream, guest_sign_ins, scene, role):
            if event.id and event.id in seen:
                continue
            if len(seen) < 100_000:
                seen.add(event.id)
            found.add(event.at, sign_in_row(event, role=role, invitation=stamp(invited_at)))
    if found:
        yield found.lead(
            Severity.HIGH,
            f"{many(found.count, 'shell sign-in')} within a day of an invitation, by one of its two sides.",
        )


def _shells_after(
    records: Sorted[AuditEvent], sign_ins: Sorted[SignInEvent], scene: Scene, role: str
) -> Iterator[tuple[datetime, SignInEvent]]:
    """Walk both streams side by side, by person, and yield shell sign-ins close behind an invitation."""
    groups = sign_ins.groups()
    person, events = next(groups, ("", iter(())))
    for key, rows in records.groups():
        while person and person < key:
            person, events = next(groups, ("", iter(())))
        if not person:
            return
        if person != key:
            continue
        times: deque[datetime] = deque(maxlen=1000)
        for row in rows:
            counts = is_invitation(row) and row.succeeded and row.at is not None
            if counts and row.at is not None and (role == "invited" or scene.people.outsider(row.actor)):
                times.append(row.at)
        for event in events:
            if event.at is None or not event.succeeded or event.app_id not in a.SHELLS:
                continue
            before = [t for t in times if timedelta() <= event.at - t <= timedelta(days=1)]
            if before:
                yield before[-1], event


@hunt(
    "HUNT-GONE-AFTER-SIGN-IN",
    severity=Severity.MEDIUM,
    attack=("T1070", "T1078.004"),
    licence=P1,
    query="deleted-after-sign-in",
)
def deleted_after_sign_in(
    guest_records: Sorted[AuditEvent], guest_sign_ins: Sorted[SignInEvent], scene: Scene
) -> Iterator[Lead]:
    """A guest signed in and was deleted within a day.

    Seen: a guest account deleted less than a day after its last sign-in.

    Why: an account used and removed the same day may be somebody cleaning
    up. The name of a deleted account is changed, so it is followed by its id.

    Harmless if: the work was over that day and the deletion was asked for.

    Ask next: who deleted it, and what did it do in its last session?

    Source: https://learn.microsoft.com/entra/architecture/security-operations-user-accounts
    """
    found = scene.found()
    gone = a.names(a.DELETE_GUEST, a.DELETE_USER)
    groups = guest_sign_ins.groups()
    person, events = next(groups, ("", iter(())))
    for key, rows in guest_records.groups():
        while person and person < key:
            person, events = next(groups, ("", iter(())))
        if not person:
            break
        if person != key:
            continue
        deleted = next((r for r in rows if a.folded(r.activity) in gone and r.succeeded and r.at is not None), None)
        if deleted is None or deleted.at is None:
            continue
        last: SignInEvent | None = None
        for event in events:
            if event.at is not None and event.at <= deleted.at and event.succeeded:
                last = event
        if last is not None and last.at is not None and deleted.at - last.at <= timedelta(days=1):
            row = audit_row(deleted, signed_in=stamp(last.at), application=last.app_name)
            row["ids"] = [i for i in (deleted.id, last.id) if i]
            found.add(deleted.at, row)
    if found:
        yield found.lead(Severity.MEDIUM, f"{many(found.count, 'guest')} deleted within a day of their last sign-in.")
