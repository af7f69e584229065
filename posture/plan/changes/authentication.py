"""Conditional Access: policies that start report-only, leave emergency accounts out, and are then turned on.

What a policy would do is asked of the control itself, with the policy put
among the tenant's own: nothing here judges in a second way.
"""

from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import replace
from typing import Any

from posture.controls.registry import Control, Outcome, Tally, tallies
from posture.errors import UnknownValueError
from posture.plan.remedies import (
    After,
    Evidence,
    Find,
    Finding,
    Request,
    Risk,
    Step,
    by_hand,
    created,
    remedy,
    setting,
    step,
)

_POLICIES = "/identity/conditionalAccess/policies"
_REPORT_ONLY = "enabledForReportingButNotEnforced"
_WATCH = (
    "Watch it report-only for a week or more: Entra admin center > Conditional Access > Insights and reporting, or the "
    "tab Report-only of a sign-in."
)
_CODES = ("GUEST-AUT-001", "GUEST-AUT-002", "GUEST-AUT-003", "GUEST-PER-004")
"""Controls that policies close; what all of them need first stands with the first that is open."""
_NO_P1 = "Conditional Access needs Entra ID P1, which the tenant does not have; security defaults are the way without"
DEFAULTS_FIRST = (
    "Security defaults are on, and policies cannot be enforced beside them. Make policies for your own people first "
    "(MFA for all, MFA for administrators, no legacy clients), then switch security defaults off: Entra admin center > "
    "Overview > Properties > Manage security defaults."
)


@remedy("GUEST-AUT-001", risk=Risk.MEDIUM)
def ask_for_mfa(ev: Evidence, finding: Finding) -> Iterator[Step]:
    """MFA for every kind of guest everywhere."""
    yield from policy_steps(ev, finding, "Ask every guest for MFA")


@remedy("GUEST-AUT-002", risk=Risk.LOW)
def block_legacy(ev: Evidence, finding: Finding) -> Iterator[Step]:
    """No legacy clients, for anybody."""
    yield from policy_steps(ev, finding, "Block legacy authentication")


@remedy("GUEST-AUT-003", risk=Risk.MEDIUM)
def shorten_sessions(ev: Evidence, finding: Finding) -> Iterator[Step]:
    """Sessions of a day, and no browser that stays signed in."""
    yield from policy_steps(ev, finding, "Make guests sign in again every day")


@remedy("GUEST-PER-004", risk=Risk.LOW)
def close_portals(ev: Evidence, finding: Finding) -> Iterator[Step]:
    """No admin portals and no Azure management for guests."""
    spared = ev.thresholds.guest_admin_exception_groups
    yield from policy_steps(ev, finding, "Block admin portals and Azure management for guests", spared)


@remedy("GUEST-AUT-005", risk=Risk.HIGH)
def set_a_baseline(ev: Evidence, finding: Finding) -> Iterator[Step]:
    """With Entra ID P1 the policies of two other controls; security defaults without."""
    if ev.premium is False:
        yield setting(
            ev,
            finding,
            "security_defaults",
            "/policies/identitySecurityDefaultsEnforcementPolicy",
            {"isEnabled": True},
            title="Switch security defaults on",
            choice="All your people register MFA within 14 days of their next sign-in.",
            leaves="pass",
        )
        return
    yield by_hand(
        finding.control,
        1,
        "Turn on the policies of GUEST-AUT-001 and GUEST-AUT-002",
        "The steps of GUEST-AUT-001 and GUEST-AUT-002 close this; security defaults are for a tenant without Entra ID "
        "P1.",
        leaves="pass",
    )


def policy_steps(ev: Evidence, finding: Finding, title: str, spared: tuple[str, ...] = ()) -> Iterator[Step]:
    """Yield the steps to a policy that closes a finding: name emergency accounts, make or take it, turn it on."""
    control = finding.control
    if ev.premium is False:
        yield step(control, 1, title, blocked=_NO_P1, licence="Entra ID P1")
        return
    home = next(code for code in _CODES if ev.is_open(code) or code == control.code)
    number, first, room = 0, tuple[After, ...](), tuple[After, ...]()
    if not ev.thresholds.break_glass_ids:
        first = (After(f"{home}.1", "a mistake in a policy must not lock everybody out"),)
    if ev.mapping("security_defaults").get("isEnabled") is True:
        why = "Entra refuses to enforce a policy while security defaults are on"
        room = (After(f"{home}.{len(first) + 1}", why),)
    if home == control.code:
        prepared = list(_prepared(control, bool(first), bool(room)))
        number = len(prepared)
        yield from prepared
    existing = _existing(ev, control)
    if existing is None:
        number += 1
        watched = _make(ev, control, number, title, spared).follows(*first)
        found = watched.requests[0].undo[0].find if watched.requests else None
        target = (ev.url(f"{_POLICIES}/{{}}", "x")[:-1] + "{found}", found, _REPORT_ONLY)
    else:
        url = ev.url(f"{_POLICIES}/{{}}", str(existing["id"]))
        target = (url, None, str(existing["state"]))
        watched = None
        if existing["state"] == "disabled":
            number += 1
            watched = _state(control, number, f"{title}: start an existing policy report-only", url, None, "disabled")
            watched = watched.follows(*first)
            target = (url, None, _REPORT_ONLY)
    if watched is not None:
        yield watched
        first = (After(watched.id, "report-only shows whom it would stop before it stops anybody"),)
    if watched is None or not watched.blocked:
        yield _turn_on(ev, control, number + 1, title, *target, spared, existing).follows(*first, *room)


def _prepared(control: Control, emergency: bool, room: bool) -> Iterator[Step]:
    """What has to be ready before any policy, yielded with the first control that makes one."""
    if emergency:
        yield by_hand(
            control,
            1,
            "Name the emergency accounts that every policy leaves out",
            "posture.toml: [parameters] break_glass_ids = [...], ids of accounts or of a group that holds nobody else",
            licence="",
            risk=Risk.LOW,
        )
    if room:
        title = "Make room for Conditional Access"
        yield by_hand(control, 2 if emergency else 1, title, DEFAULTS_FIRST, risk=Risk.HIGH, licence="Entra ID P1")


def _make(ev: Evidence, control: Control, number: int, title: str, spared: tuple[str, ...]) -> Step:
    """Make the catalogue's policy with this tenant's exclusions.

    Source: https://learn.microsoft.com/graph/api/conditionalaccessroot-post-policies
    """
    body = policy_body(ev, control, spared)
    title = f"{title}: make the policy, report-only"
    if not ev.thresholds.break_glass_ids and body["conditions"]["users"].get("includeUsers") == ["All"]:
        why = "the policy reaches your own people too: name the emergency accounts in posture.toml and plan again"
        return step(control, number, title, blocked=why, risk=Risk.LOW)
    request = created(ev.url(_POLICIES), body, {"displayName": str(body["displayName"])})
    return step(control, number, title, [request], risk=Risk.LOW)


def _state(
    control: Control, number: int, title: str, url: str, find: Find | None, before: str, state: str = _REPORT_ONLY
) -> Step:
    """Change a policy's state.

    Source: https://learn.microsoft.com/graph/api/conditionalaccesspolicy-update
    """
    back = Request("PATCH", url, {"state": before}, find=find)
    return step(control, number, title, [Request("PATCH", url, {"state": state}, find=find, undo=(back,))], part=1)


def _turn_on(
    ev: Evidence,
    control: Control,
    number: int,
    title: str,
    url: str,
    find: Find | None,
    before: str,
    spared: tuple[str, ...],
    existing: Mapping[str, Any] | None,
) -> Step:
    if existing is None:
        made = _as_stored(policy_body(ev, control, spared))
        added = {"id": "new", "createdDateTime": None, **made, "state": "enabled"}
        policies = [*ev.rows("conditional_access_policies"), added]
    else:
        policies = [
            {**p, "state": "enabled"} if p.get("id") == existing["id"] else p
            for p in ev.rows("conditional_access_policies")
        ]
    outcome = outcome_with(ev, control, policies)
    return replace(
        _state(control, number, f"{title}: turn the policy on", url, find, before, "enabled"),
        choice="Turn it on once its report shows nobody who must get in.",
        wait=_WATCH,
        leaves=outcome.value if outcome else "",
    )


def policy_body(ev: Evidence, control: Control, spared: tuple[str, ...] = ()) -> dict[str, Any]:
    """Return the catalogue's policy with the emergency accounts of this tenant left out, under a name of its own."""
    body: dict[str, Any] = deepcopy(dict(control.remediation[0].body or {}))
    users = body["conditions"]["users"]
    users.pop("excludeGroups", None)
    named = (*ev.thresholds.break_glass_ids, *spared)
    groups = [i for i in named if i.casefold() in ev.groups or i in spared]
    people = [i for i in named if i not in groups]
    users |= {key: listed for key, listed in (("excludeGroups", groups), ("excludeUsers", people)) if listed}
    taken = {p.get("displayName") for p in ev.rows("conditional_access_policies")}
    name, again = body["displayName"], 1
    while body["displayName"] in taken:
        again += 1
        body["displayName"] = f"{name} ({again})"
    return body


def _as_stored(body: dict[str, Any]) -> dict[str, Any]:
    """Return a policy as the service keeps it: with every list of what it leaves out, empty ones too."""
    nobody: dict[str, list[str]] = {"excludeUsers": [], "excludeGroups": [], "excludeRoles": []}
    parts = body["conditions"]
    users, applications = nobody | parts["users"], {"excludeApplications": []} | parts["applications"]
    return {**body, "conditions": {**parts, "users": users, "applications": applications}}


def _existing(ev: Evidence, control: Control) -> Mapping[str, Any] | None:
    """Return a policy that is off or report-only and would close the finding alone if it were on."""
    policies = list(ev.rows("conditional_access_policies"))
    for policy in policies:
        if policy.get("state") not in ("disabled", _REPORT_ONLY) or not isinstance(policy.get("id"), str):
            continue
        changed = [{**p, "state": "enabled"} if p is policy else p for p in policies]
        if outcome_with(ev, control, changed) is Outcome.PASS:
            return policy
    return None


def outcome_with(ev: Evidence, control: Control, policies: list[Mapping[str, Any]]) -> Outcome | None:
    """Return what a control would say of other policies; None where it could not tell."""
    arguments: dict[str, Any] = {}
    for name in (*control.needs, *control.optional):
        if name == "conditional_access_policies":
            arguments[name] = policies
        elif name in tallies():
            counted: Tally | None = ev.census.counted.get(name)
            arguments[name] = counted if counted is not None else ev.census.missing.get(name) or ev.fact("guests")
        else:
            arguments[name] = ev.fact(name)
    wanted = control.function.__annotations__
    context = {"taken_at": ev.snapshot.taken_at, "thresholds": ev.thresholds, "profile": ev.profile}
    try:
        return control.function(**arguments, **{k: v for k, v in context.items() if k in wanted}).outcome
    except UnknownValueError:
        return None
