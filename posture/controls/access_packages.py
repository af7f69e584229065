"""Access packages for people from outside: who approves, and when it ends."""

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from posture.controls.registry import (
    Authority,
    Outcome,
    Remediation,
    Verdict,
    control,
    failed,
    not_applicable,
    partial,
    passed,
)
from posture.controls.shared import number
from posture.errors import UnknownValueError
from posture.settings import Severity, Thresholds
from posture.snapshot.types import Gap, Rows
from posture.snapshot.values import block, flag, moment, objects, present, text

ANYBODY = "allExternalUsers"
EXTERNAL_SCOPES = {ANYBODY, "allConfiguredConnectedOrganizationUsers", "specificConnectedOrganizationUsers"}
_OTHER_SCOPES = {
    "notSpecified",
    "specificDirectoryUsers",
    "specificDirectoryServicePrincipals",
    "allMemberUsers",
    "allDirectoryUsers",
    "allDirectoryServicePrincipals",
    "allDirectoryAgentIdentities",
}
_DURATION = re.compile(
    r"P(?:(?P<y>\d{1,4})Y)?(?:(?P<m>\d{1,4})M)?(?:(?P<w>\d{1,4})W)?(?:(?P<d>\d{1,5})D)?"
    r"(?:T(?:\d{1,9}H)?(?:\d{1,9}M)?(?:\d{1,9}(?:\.\d+)?S)?)?"
)


def is_external(policy: Mapping[str, Any]) -> bool:
    """Return whether people from outside may ask under a policy.

    Source: https://learn.microsoft.com/graph/api/resources/accesspackageassignmentpolicy
    """
    scope = text(policy, "allowedTargetScope")
    if scope not in EXTERNAL_SCOPES | _OTHER_SCOPES:
        raise UnknownValueError(f"allowedTargetScope is {scope!r}")
    return scope in EXTERNAL_SCOPES


def days_of(duration: str) -> int:
    """Return the days of an ISO 8601 duration such as P30D, at most: a month is 31, a year 366, part of a day one."""
    found = _DURATION.fullmatch(duration)
    if not found or duration in ("P", "PT"):
        raise UnknownValueError(f"{duration!r} is no duration")
    years, months, weeks, days = (int(found[k] or 0) for k in ("y", "m", "w", "d"))
    return 366 * years + 31 * months + 7 * weeks + days + ("T" in duration)


def expires_after(policy: Mapping[str, Any], taken_at: datetime) -> int | None:
    """Return in how many days access given today would end, None where it would not.

    Source: https://learn.microsoft.com/graph/api/resources/expirationpattern
    """
    expiration = block(policy, "expiration")
    kind = text(expiration, "type")
    if kind == "noExpiration":
        return None
    if kind == "afterDuration":
        return days_of(text(expiration, "duration"))
    end = moment(expiration.get("endDateTime"))
    if kind != "afterDateTime" or end is None:
        raise UnknownValueError(f"expiration of an access package policy is {kind!r}")
    return max(0, (end - taken_at).days)


def _is_reviewed(policy: Mapping[str, Any]) -> bool:
    """Null is Graph's word for "no review"."""
    settings = present(policy, "reviewSettings")
    return settings is not None and flag(block(policy, "reviewSettings"), "isEnabled")


def _holes(policy: Mapping[str, Any], taken_at: datetime, thresholds: Thresholds) -> tuple[list[str], list[str]]:
    """Return what a policy for people from outside gets wrong, and what it could do better."""
    wrong, weak = [], []
    doubt: UnknownValueError | None = None
    try:
        if not flag(block(policy, "requestApprovalSettings"), "isApprovalRequiredForAdd"):
            wrong.append("nobody approves")
    except UnknownValueError as unknown:
        doubt = unknown
    try:
        days = expires_after(policy, taken_at)
        if days is None and not _is_reviewed(policy):
            wrong.append("access neither ends nor is reviewed")
        if days is not None and days > thresholds.max_assignment_days:
            weak.append(f"access lasts {number(days, 'day')}")
    except UnknownValueError as unknown:
        doubt = doubt or unknown
    if doubt and not wrong:
        raise doubt
    if text(policy, "allowedTargetScope") == ANYBODY:
        weak.append("anybody from outside may ask")
    return wrong, weak


def _lifecycle(settings: Mapping[str, Any], thresholds: Thresholds) -> tuple[list[str], list[str]]:
    """Return what happens to a guest without packages, as `_holes` does.

    Source: https://learn.microsoft.com/graph/api/resources/entitlementmanagementsettings
    """
    action = text(settings, "externalUserLifecycleAction")
    if action == "none":
        return ["guests stay when their last package ends"], []
    if action == "blockSignIn":
        return [], ["guests are blocked and never deleted"]
    if action != "blockSignInAndDelete":
        raise UnknownValueError(f"externalUserLifecycleAction is {action!r}")
    days = days_of(text(settings, "durationUntilExternalUserDeletedAfterBlocked"))
    return [], [f"guests are deleted after {number(days, 'day')}"] if days > thresholds.max_delete_after_days else []


def _external(assignment_policies: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return [p for p in objects(assignment_policies, "access package policies") if is_external(p)]


def _zta_21875(assignment_policies: Rows, **_: Any) -> Outcome | None:
    """Judge as Microsoft's test does; "any connected organization" is for a person to look into."""
    scopes = {text(p, "allowedTargetScope") for p in _external(assignment_policies)}
    if ANYBODY in scopes:
        return Outcome.FAIL
    return None if "allConfiguredConnectedOrganizationUsers" in scopes else Outcome.PASS


def _zta_21878(assignment_policies: Rows, taken_at: datetime, **_: Any) -> Outcome | None:
    """Judge as Microsoft's test does: every policy ends, those for one's own people too."""
    ends = [expires_after(p, taken_at) for p in objects(assignment_policies, "access package policies")]
    return Outcome.FAIL if None in ends else Outcome.PASS


def _zta_21929(assignment_policies: Rows, taken_at: datetime, **_: Any) -> Outcome | None:
    """Judge as Microsoft's test does, where it counts every policy: it skips those nobody can ask under."""
    found = [expires_after(p, taken_at) is None and not _is_reviewed(p) for p in _external(assignment_policies)]
    return None if any(found) else Outcome.PASS


_SETTINGS = "https://graph.microsoft.com/v1.0/identityGovernance/entitlementManagement/settings"


@control(
    "GUEST-LIF-006",
    fail=Severity.HIGH,
    partial=Severity.LOW,
    licence="Entra ID P2 or ID Governance",
    observes=(
        "entitlement_settings.externalUserLifecycleAction",
        "entitlement_settings.durationUntilExternalUserDeletedAfterBlocked",
    ),
    remediation=Remediation(
        method="PATCH",
        url=_SETTINGS,
        body={
            "externalUserLifecycleAction": "blockSignInAndDelete",
            "durationUntilExternalUserDeletedAfterBlocked": "P30D",
        },
        permission="EntitlementManagement.ReadWrite.All",
        role="Identity Governance Administrator",
        powershell=(
            "Update-MgEntitlementManagementSetting -BodyParameter @{ externalUserLifecycleAction = "
            "'blockSignInAndDelete'; durationUntilExternalUserDeletedAfterBlocked = 'P30D' }",
        ),
        notes="Closes the part about leaving guests. Policies are replaced whole with PUT on /identityGovernance/"
        "entitlementManagement/assignmentPolicies/{id}; that form was not tried, the portal is the surer way.",
    ),
    frameworks={
        "mcsb": ("PA-3 (own)", "PA-4 (own)"),
        "nist_800_53r5": ("AC-2 (own)", "AC-2(1) (own)"),
        "iso_27001_2022": ("A.5.16 (own)", "A.5.18 (own)"),
        "attack": ("T1136.003", "T1078.004"),
        "atrm": ("AZT502.3 (own)",),
        "zta": ("21875", "21878", "21879", "21929"),
        "other": ("Microsoft's external access series advises packages over direct invitations",),
    },
    authorities=(
        Authority("Microsoft Zero Trust Assessment", "21875: packages name the organizations they are for", _zta_21875),
        Authority("Microsoft Zero Trust Assessment", "21878: every policy has an expiration date", _zta_21878),
        Authority("Microsoft Zero Trust Assessment", "21929: packages for guests expire or are reviewed", _zta_21929),
    ),
    parameters=("max_assignment_days", "max_delete_after_days"),
    unverified=("the PUT that replaces an assignment policy",),
)
def packages_for_outsiders_end(
    assignment_policies: Rows,
    entitlement_settings: Mapping[str, Any],
    connected_organizations: Rows | Gap,
    taken_at: datetime,
    thresholds: Thresholds,
) -> Verdict:
    """Access packages for outsiders expire, need approval, and end in removal.

    Holds when every policy open to people from outside needs approval, ends or
    is reviewed, and is not open to anybody, and when guests without packages
    are blocked and deleted within `max_delete_after_days`; also when no policy
    is open to people outside the directory. Partial when guests are only blocked or
    deleted later, when anybody may ask, or when access lasts longer than
    `max_assignment_days`. Fails when a policy lacks approval, or both end and
    review, or when guests stay after their last package.

    Why: a package invites people by itself. Without approval and end it is an
    open door that hands out lasting rights.

    Attack: an outsider asks for the package from its public link, gets a guest
    account and access without anybody inside having looked.

    Fix: Entra admin center > ID Governance > Entitlement management > Access
    packages > Policies: name connected organizations, ask for approval, let
    access end after 90 to 365 days. Settings > Manage the lifecycle of external
    users: block and delete after 30 days.

    Breaks: the lifecycle acts only on guests that a package brought in or that
    were marked as governed, and then even if somebody gave them other access by
    hand. They get no invitation mail and look unredeemed until first use.

    Default: no packages; guests are blocked after their last package and
    deleted 30 days later.

    Source: https://learn.microsoft.com/entra/id-governance/entitlement-management-external-users
    https://learn.microsoft.com/graph/api/resources/entitlementmanagementsettings
    https://learn.microsoft.com/graph/api/resources/accesspackageassignmentpolicy
    """
    total, external, everybody, doubts = 0, 0, 0, list[str]()
    wrong: dict[str, int] = {}
    weak: dict[str, int] = {}
    affected = []
    for policy in objects(assignment_policies, "access package policies"):
        total += 1
        try:
            if not is_external(policy):
                everybody += policy["allowedTargetScope"] == "allDirectoryUsers"
                continue
            external += 1
            bad, lesser = _holes(policy, taken_at, thresholds)
        except UnknownValueError as unknown:
            doubts.append(str(unknown))
            continue
        for words, into in ((bad, wrong), (lesser, weak)):
            for word in words:
                into[word] = into.get(word, 0) + 1
        if bad or lesser:
            shown = {key: policy.get(key) for key in ("id", "displayName")}
            affected.append({**shown, "why": ", ".join(bad + lesser)})
    if not total:
        return not_applicable("No access package has a policy.", observed={"policies": 0})
    seen = {"policies": total, "policies for outsiders": external}
    if not external and not doubts:
        told = f"Policies for everybody in the directory ({everybody:,}) let guests ask too."
        return passed(
            "No access package is open to people outside the directory.",
            observed=seen,
            notes=(told,) if everybody else (),
        )
    if external:
        try:
            bad, lesser = _lifecycle(entitlement_settings, thresholds)
            wrong |= dict.fromkeys(bad, 0)
            weak |= dict.fromkeys(lesser, 0)
        except UnknownValueError as unknown:
            doubts.append(str(unknown))
    notes = _proposed(connected_organizations)
    if wrong:
        return failed(_sentence(wrong), observed=seen, affected=affected, notes=notes)
    if doubts:
        raise UnknownValueError(doubts[0])
    if weak:
        return partial(_sentence(weak), observed=seen, affected=affected, notes=notes)
    told = f"Policies for outsiders ({external:,}) ask for approval, end or are reviewed; guests who leave are deleted."
    return passed(told, observed=seen, notes=notes)


def _sentence(found: Mapping[str, int]) -> str:
    """Return findings with the number of policies; a tenant-wide one has no number."""
    sentence = "; ".join(f"{words} ({count:,} of the policies)" if count else words for words, count in found.items())
    return f"{sentence[:1].upper()}{sentence[1:]}."


def _proposed(connected_organizations: Rows | Gap) -> tuple[str, ...]:
    """Proposed organizations came about by a policy for anybody, not by decision.

    Source: https://learn.microsoft.com/graph/api/resources/connectedorganization
    """
    if isinstance(connected_organizations, Gap):
        return (f"Connected organizations were not read: {connected_organizations.detail}",)
    count = sum(o.get("state") == "proposed" for o in objects(connected_organizations, "connected organizations"))
    how = "itself; decide on it" if count == 1 else "themselves; decide on each"
    return (f"{number(count, 'connected organization')} came about by {how}.",) if count else ()
