"""Guests from the day they accept to the day they go."""

from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import replace
from datetime import timedelta
from typing import Any

from posture.controls.access_packages import ANYBODY, expires_after
from posture.controls.guest_upkeep import answers_for
from posture.plan.remedies import (
    After,
    Evidence,
    Finding,
    Request,
    Risk,
    Step,
    about,
    block_guest,
    by_hand,
    created,
    delete_guest,
    link,
    patch,
    people,
    remedy,
    setting,
    step,
)
from posture.settings import Profile
from posture.snapshot.power import kind_of
from posture.snapshot.types import Gap

_ASK = "Ask the sponsor, or whoever works with the guest; take out of the list who has to stay."
_LATER = (
    "Block first and delete 30 days later: the next audit lists blocked guests under GUEST-LIF-003, with the requests."
)
_POLICIES = "/identityGovernance/entitlementManagement/assignmentPolicies"


@remedy("GUEST-LIF-001", risk=Risk.MEDIUM)
def block_idle_guests(ev: Evidence, finding: Finding) -> Iterator[Step]:
    """Block who did not come any more."""
    yield people(
        finding.control,
        1,
        f"Block guests who did not sign in for more than {ev.thresholds.stale_days} days",
        lambda: (block_guest(ev, row, guest.row) for row, guest in ev.affected_guests("GUEST-LIF-001")),
        choice=_ASK,
        notes=(_LATER,),
        leaves="pass",
    )


@remedy("GUEST-LIF-002", risk=Risk.LOW)
def block_silent_guests(ev: Evidence, finding: Finding) -> Iterator[Step]:
    """Block who accepted and never came."""
    yield people(
        finding.control,
        1,
        "Block guests who accepted and never signed in",
        lambda: (block_guest(ev, row, guest.row) for row, guest in ev.affected_guests("GUEST-LIF-002")),
        choice=_ASK,
        notes=(_LATER,),
        leaves="pass",
    )


@remedy("GUEST-LIF-003", risk=Risk.LOW)
def delete_disabled_guests(ev: Evidence, finding: Finding) -> Iterator[Step]:
    """Delete who is switched off already."""
    yield people(
        finding.control,
        1,
        "Delete guests who are switched off",
        lambda: (delete_guest(ev, row) for row in ev.affected("GUEST-LIF-003")),
        choice="Ask whether a legal hold or an investigation needs one of them.",
        leaves="pass",
    )


@remedy("GUEST-LIF-004", risk=Risk.LOW)
def name_sponsors(ev: Evidence, finding: Finding) -> Iterator[Step]:
    """Name whoever invited a guest, else the owner of a group they are in.

    Source: https://learn.microsoft.com/graph/api/user-post-sponsors
    """
    control = finding.control
    candidates = _Candidates(ev)
    made = people(
        control,
        1,
        "Name a sponsor for guests who have none",
        lambda: _sponsoring(ev, candidates),
        choice="A sponsor is proposed by who sent the invitation, else by who owns a group the guest is in: look "
        "whether they still work here and know the guest.",
    )
    found = len(made.requests)
    without = finding.affected.count - finding.affected.accepted - found
    yield replace(made, leaves="" if without else "pass")
    if without:
        yield by_hand(
            control,
            2,
            f"Name a sponsor for {without:,} guests for whom nobody could be proposed",
            "Entra admin center > Users > the guest > Properties > Job information > Sponsors",
            leaves="pass",
        )


class _Candidates:
    """Who could answer for a guest: bounded by the log, the groups and the sponsors there are."""

    def __init__(self, ev: Evidence) -> None:
        self._inviters = {} if isinstance(ev.audits, Gap) else ev.audits.inviter_of
        self._guests = set() if isinstance(ev.audits, Gap) else ev.audits.inviters.guests
        self._gone: set[str] = set()
        self._names: dict[str, str] = {}
        for row in ev.rows("guest_sponsors"):
            for sponsor in row.get("sponsors") or ():
                if isinstance(sponsor, Mapping) and answers_for(sponsor) is False:
                    self._gone.add(str(sponsor.get("id", "")).casefold())
        self._owners: dict[str, tuple[str, str]] = {}
        for row in ev.rows("group_owners"):
            group = str(row.get("id", "")).casefold()
            if group in ev.dynamic_groups:
                continue
            for owner in row.get("owners") or ():
                if isinstance(owner, Mapping) and self._serves(owner):
                    self._owners[group] = (str(owner["id"]), str(owner.get("displayName") or owner["id"]))
                    break
        self._size = ev.census.group_guests

    def _serves(self, owner: Mapping[str, Any]) -> bool:
        inside = kind_of(owner) == "user" and owner.get("userType") == "Member"
        outside = "#ext#" in str(owner.get("userPrincipalName", "")).casefold()
        return inside and not outside and isinstance(owner.get("id"), str) and self._alive(str(owner["id"]))

    def _alive(self, person: str) -> bool:
        return person.casefold() not in self._gone

    def of(self, guest: str, memberships: Any) -> tuple[str, str, str] | None:
        """Return id, name and why of a candidate; None where nobody offers."""
        inviter = self._inviters.get(guest.casefold())
        if inviter is not None and self._alive(inviter[0]) and inviter[0].casefold() not in self._guests:
            return (*inviter, "sent the invitation")
        groups = [
            str(m.get("id", "")).casefold()
            for m in (memberships if isinstance(memberships, list) else ())
            if isinstance(m, Mapping) and kind_of(m) == "group"
        ]
        owned = [g for g in groups if g in self._owners]
        if not owned:
            return None
        closest = min(owned, key=lambda g: (self._size[g], g))
        return (*self._owners[closest], "owns a group the guest is in")


def _sponsoring(ev: Evidence, candidates: _Candidates) -> Iterator[Request]:
    for row, guest in ev.affected_guests("GUEST-LIF-004", "guest_memberships"):
        side = guest.side.get("guest_memberships", {})
        found = candidates.of(guest.id, side.get("transitiveMemberOf", side.get("memberOf")))
        if found is not None:
            who, name, why = found
            collection = ev.url("/users/{}/sponsors", guest.id)
            yield link(ev, collection, who, f"{about(row)}; sponsor {name}, who {why}", "/users")


@remedy("GUEST-LIF-005", risk=Risk.MEDIUM)
def review_guests(ev: Evidence, finding: Finding) -> Iterator[Step]:
    """Make the catalogue's review, beginning on the first day of the month after next week.

    Source: https://learn.microsoft.com/graph/api/accessreviewset-post-definitions
    """
    control = finding.control
    body: dict[str, Any] = deepcopy(dict(control.remediation[0].body or {}))
    recurrence = body["settings"]["recurrence"]
    begin = (ev.snapshot.taken_at + timedelta(days=7)).date().replace(day=1)
    begin = (begin + timedelta(days=32)).replace(day=1)
    recurrence["range"]["startDate"] = begin.isoformat()
    if ev.profile is Profile.CIS_M365_V7:
        recurrence["pattern"]["interval"] = 1
    body["settings"]["instanceDurationInDays"] = min(
        int(body["settings"]["instanceDurationInDays"]), ev.thresholds.review_max_instance_days
    )
    request = created(
        ev.url("/identityGovernance/accessReviews/definitions"), body, {"displayName": str(body["displayName"])}
    )
    yield step(
        control,
        1,
        "Ask the owners of Microsoft 365 groups about their guests again and again",
        [request],
        choice="Guests of owners who do not answer lose the group; tell the owners first.",
        notes=(control.remediation[0].notes, f"It holds in part until the review begins on {begin}, and then wholly."),
        leaves="partial",
    )


@remedy("GUEST-LIF-006", risk=Risk.MEDIUM)
def end_packages(ev: Evidence, finding: Finding) -> Iterator[Step]:
    """Let guests without packages go, and packages for outsiders ask for approval and end.

    Sources: https://learn.microsoft.com/graph/api/entitlementmanagementsettings-update
    https://learn.microsoft.com/graph/api/accesspackageassignmentpolicy-update
    """
    control = finding.control
    settings = ev.mapping("entitlement_settings")
    limit = ev.thresholds.max_delete_after_days
    body = {
        "externalUserLifecycleAction": "blockSignInAndDelete",
        "durationUntilExternalUserDeletedAfterBlocked": f"P{limit}D",
    }
    number = 0
    if any(settings.get(k) != v for k, v in body.items()):
        number += 1
        yield setting(
            ev,
            finding,
            "entitlement_settings",
            "/identityGovernance/entitlementManagement/settings",
            body,
            title="Block and delete guests after their last access package",
            number=number,
            notes=(),
            choice="From then on a guest goes with the last package; tell those who own the packages.",
        )
    wanted = ev.affected_ids(control.code)
    policies = [p for p in ev.rows("assignment_policies") if str(p.get("id", "")).casefold() in wanted]
    if policies:
        yield step(
            control,
            number + 1,
            f"Let package policies for outsiders ({len(policies)}) ask for approval and end",
            [_policy(ev, p) for p in policies],
            part=None,
            listed=True,
            permission="EntitlementManagement.ReadWrite.All",
            role="Identity Governance Administrator",
            licence=control.licence,
            choice="Sponsors of the connected organization are proposed as approvers; choose others in the portal.",
            notes=("The policy is replaced whole. The form was not tried on a tenant; the portal is the surer way.",),
            leaves="pass",
        )


_WRITABLE = (
    "displayName",
    "description",
    "allowedTargetScope",
    "automaticRequestSettings",
    "specificAllowedTargets",
    "expiration",
    "requestorSettings",
    "requestApprovalSettings",
    "reviewSettings",
)


def _policy(ev: Evidence, policy: Mapping[str, Any]) -> Request:
    package = policy.get("accessPackage")
    now: dict[str, Any] = {"id": policy["id"], **{k: policy[k] for k in _WRITABLE if k in policy}}
    if isinstance(package, Mapping) and isinstance(package.get("id"), str):
        now["accessPackage"] = {"id": package["id"]}
    then = dict(now)
    if policy.get("allowedTargetScope") == ANYBODY:
        then["allowedTargetScope"] = "allConfiguredConnectedOrganizationUsers"
    expiration = policy.get("expiration")
    if not isinstance(expiration, Mapping) or expiration.get("type") == "noExpiration" or _too_long(ev, policy):
        then["expiration"] = {"type": "afterDuration", "duration": f"P{ev.thresholds.max_assignment_days}D"}
    approval = policy.get("requestApprovalSettings")
    if not isinstance(approval, Mapping) or approval.get("isApprovalRequiredForAdd") is not True:
        stage = {
            "durationBeforeAutomaticDenial": "P14D",
            "isApproverJustificationRequired": True,
            "isEscalationEnabled": False,
            "primaryApprovers": [{"@odata.type": "#microsoft.graph.internalSponsors"}],
        }
        asked = dict(approval) if isinstance(approval, Mapping) else {}
        then["requestApprovalSettings"] = {
            **asked,
            "isApprovalRequiredForAdd": True,
            "stages": asked.get("stages") or [stage],
        }
    url = ev.url(f"{_POLICIES}/{{}}", str(policy["id"]))
    words = str(policy.get("displayName") or policy["id"])
    return Request("PUT", url, then, words, undo=(Request("PUT", url, now),))


def _too_long(ev: Evidence, policy: Mapping[str, Any]) -> bool:
    days = expires_after(policy, ev.snapshot.taken_at)
    return days is None or days > ev.thresholds.max_assignment_days


@remedy("GUEST-LIF-007", risk=Risk.HIGH)
def delete_consumer_guests(ev: Evidence, finding: Finding) -> Iterator[Step]:
    """Delete guests with a private mailbox, each after a look."""
    yield people(
        finding.control,
        1,
        "Delete guests who come from consumer mail domains",
        lambda: (delete_guest(ev, row) for row in ev.affected("GUEST-LIF-007")),
        choice="Volunteers, board members and one-person suppliers often have no other address: give them an account "
        "of yours, or keep them by id in excepted_guest_ids.",
        leaves="pass",
    )


@remedy("GUEST-LIF-008", risk=Risk.HIGH)
def delete_outside_guests(ev: Evidence, finding: Finding) -> Iterator[Step]:
    """Delete guests whom the domain list would refuse."""
    yield people(
        finding.control,
        1,
        "Delete guests whose domain the list refuses",
        lambda: (delete_guest(ev, row) for row in ev.affected("GUEST-LIF-008")),
        choice="Where a guest is wanted, add the domain to the list instead (GUEST-INV-002).",
        leaves="pass",
    )


@remedy("GUEST-LIF-009", risk=Risk.HIGH)
def delete_guests_from_nowhere(ev: Evidence, finding: Finding) -> Iterator[Step]:
    """Delete guests whose home nobody can tell."""
    yield people(
        finding.control,
        1,
        "Delete guests whose home cannot be told",
        lambda: (delete_guest(ev, row) for row in ev.affected("GUEST-LIF-009")),
        choice="Mergers and moves to a new domain look the same: ask who knows the guest; a reset of the redemption "
        "binds the account to the new address.",
        leaves="pass",
    )


@remedy("GUEST-LIF-010", risk=Risk.HIGH)
def correct_user_types(ev: Evidence, finding: Finding) -> Iterator[Step]:
    """Make members from outside guests; guests with credentials of this tenant are for a person."""
    control = finding.control

    def outsiders() -> Iterator[Request]:
        for row in ev.affected(control.code):
            if "member" in str(row.get("why", "")):
                url = ev.url("/users/{}", str(row["id"]))
                yield patch(url, {"userType": "Guest"}, {"userType": "Member"}, about=about(row))

    inside = sum("member" not in str(row.get("why", "")) for row in ev.affected(control.code))
    yield people(
        control,
        1,
        "Make members from outside guests",
        outsiders,
        choice="They lose what members may do, and move in and out of dynamic groups that read the user type.",
        leaves="" if inside else "pass",
    )
    if inside:
        yield by_hand(
            control,
            2,
            f"Decide on guests ({inside:,}) with credentials of this tenant",
            "Users > the user > B2B collaboration > Invite internal user; or make the account a member; or keep it by "
            "id in allowed_internal_guest_ids",
            after=(After(f"{control.code}.1", "the guests left are then those with credentials of this tenant"),),
            leaves="pass",
        )


@remedy("GUEST-LIF-011", risk=Risk.LOW)
def contain_resets(ev: Evidence, finding: Finding) -> Iterator[Step]:
    """Find out first; block only whom nobody can explain. The log keeps the reset whatever is done.

    Source: https://learn.microsoft.com/graph/api/user-revokesigninsessions
    """
    control = finding.control
    yield by_hand(
        control,
        1,
        "Ask who reset these guests, and why",
        "Entra admin center > Monitoring > Audit logs > Invite external user with reset invitation status; name who "
        "may do it in posture.toml: approved_reset_actors",
    )

    def contained() -> Iterator[Request]:
        for row, guest in ev.affected_guests(control.code):
            if guest.enabled is not False:
                yield block_guest(ev, row, guest.row)
                url = ev.url("/users/{}/revokeSignInSessions", guest.id)
                words = f"{about(row)}; sessions"
                yield Request("POST", url, about=words, no_undo="people sign in again")

    yield people(
        control,
        2,
        "Block guests whose reset nobody can explain, and end their sessions",
        contained,
        after=(After(f"{control.code}.1", "a company that was renamed looks the same"),),
        choice="Only where nobody can explain the reset.",
        permission="User.EnableDisableAccount.All + User.Read.All + User.RevokeSessions.All",
        notes=(
            "This contains what may have happened. The finding stays until the log no longer holds the reset, or the "
            "actor is approved.",
        ),
    )
