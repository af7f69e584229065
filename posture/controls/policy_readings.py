"""How other people's tests read Conditional Access policies: one by one, by a few properties, exclusions aside."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from posture.controls.registry import Outcome
from posture.snapshot.conditional_access import GUEST_TYPES
from posture.snapshot.types import Gap, Rows
from posture.snapshot.values import objects

_LEGACY = {"exchangeActiveSync", "other"}


def _part(value: Any, *keys: str) -> Any:
    """Return what lies under some keys, None where one of them is missing."""
    for key in keys:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


def _has(policy: Mapping[str, Any], word: str, *keys: str) -> bool:
    listed = _part(policy, *keys)
    return isinstance(listed, list) and word in listed


def _enabled(policies: Iterable[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    return (p for p in objects(policies, "Conditional Access policies") if p.get("state") == "enabled")


def _everybody(policy: Mapping[str, Any]) -> bool:
    return _has(policy, "All", "conditions", "users", "includeUsers")


def _everything(policy: Mapping[str, Any]) -> bool:
    return _has(policy, "All", "conditions", "applications", "includeApplications")


def _asks_mfa(policy: Mapping[str, Any]) -> bool:
    strength = _part(policy, "grantControls", "authenticationStrength", "requirementsSatisfied")
    return _has(policy, "mfa", "grantControls", "builtInControls") or strength == "mfa"


def mfa_for_everybody(conditional_access_policies: Rows | Gap, **_: Any) -> Outcome | None:
    """CIS 5.2.2.2 and SCuBA MS.AAD.3.2v2: one enforced policy asks all users for MFA everywhere.

    Whether an exclusion is justified is for a person, so a policy with exclusions does not decide.
    """
    if isinstance(conditional_access_policies, Gap):
        return None
    fit = [p for p in _enabled(conditional_access_policies) if _everybody(p) and _everything(p) and _asks_mfa(p)]
    if not fit:
        return Outcome.FAIL
    left_out = ("excludeUsers", "excludeGroups", "excludeRoles", "excludeGuestsOrExternalUsers")
    whole = any(not any(_part(p, "conditions", "users", key) for key in left_out) for p in fit)
    return Outcome.PASS if whole else None


def maester_mfa_for_guests(conditional_access_policies: Rows | Gap, **_: Any) -> Outcome | None:
    """Maester MT.1016: all six kinds, all guests or all users, everywhere, no kind of guest left out."""
    if isinstance(conditional_access_policies, Gap):
        return None
    for policy in _enabled(conditional_access_policies):
        users = _part(policy, "conditions", "users")
        kinds = _part(users, "includeGuestsOrExternalUsers", "guestOrExternalUserTypes")
        guests = _has(policy, "GuestsOrExternalUsers", "conditions", "users", "includeUsers")
        guests = guests or (isinstance(kinds, str) and set(GUEST_TYPES) <= set(kinds.split(",")))
        changes_password = _has(policy, "passwordChange", "grantControls", "builtInControls")
        spared = _part(users, "excludeGuestsOrExternalUsers") is not None
        reached = (guests or _everybody(policy)) and _everything(policy) and not spared
        if reached and _asks_mfa(policy) and not changes_password:
            return Outcome.PASS
    return Outcome.FAIL


def _blocks_legacy(policy: Mapping[str, Any]) -> bool:
    blocks = _has(policy, "block", "grantControls", "builtInControls")
    return blocks and all(_has(policy, c, "conditions", "clientAppTypes") for c in _LEGACY)


def zta_legacy(conditional_access_policies: Rows | Gap, **_: Any) -> Outcome | None:
    """Microsoft's test 21796: one enforced policy blocks both legacy clients for all users, whatever the resources."""
    if isinstance(conditional_access_policies, Gap):
        return None
    found = any(_blocks_legacy(p) and _everybody(p) for p in _enabled(conditional_access_policies))
    return Outcome.PASS if found else Outcome.FAIL


def legacy_for_everybody(conditional_access_policies: Rows | Gap, **_: Any) -> Outcome | None:
    """CIS 5.2.2.3, SCuBA MS.AAD.1.1v1 and Prowler: the same for all resources."""
    if isinstance(conditional_access_policies, Gap):
        return None
    policies = _enabled(conditional_access_policies)
    found = any(_blocks_legacy(p) and _everybody(p) and _everything(p) for p in policies)
    return Outcome.PASS if found else Outcome.FAIL


def _hours(policy: Mapping[str, Any]) -> float | None:
    """Return a policy's sign-in frequency in hours, 0 for every time; None where it sets none."""
    frequency = _part(policy, "sessionControls", "signInFrequency")
    if _part(frequency, "isEnabled") is not True:
        return None
    kind, value = _part(frequency, "type"), _part(frequency, "value")
    if kind in ("hours", "days") and isinstance(value, int):
        return value * (24 if kind == "days" else 1)
    return 0 if kind is None and _part(frequency, "frequencyInterval") == "everyTime" else None


def zta_guest_sessions(conditional_access_policies: Rows | Gap, **_: Any) -> Outcome | None:
    """Microsoft's test 21824: every policy that names kinds of guests sets 24 hours or less, report-only ones too.

    A tenant without such a policy passes.
    """
    if isinstance(conditional_access_policies, Gap):
        return None
    hours = [
        _hours(p)
        for p in objects(conditional_access_policies, "Conditional Access policies")
        if p.get("state") in ("enabled", "enabledForReportingButNotEnforced")
        and _part(p, "conditions", "users", "includeGuestsOrExternalUsers") is not None
    ]
    return Outcome.PASS if all(h is not None and h <= 24 for h in hours) else Outcome.FAIL


def cis_sessions(conditional_access_policies: Rows | Gap, **_: Any) -> Outcome | None:
    """CIS 5.2.2.13: one enforced policy makes all users sign in again after 7 days at most."""
    if isinstance(conditional_access_policies, Gap):
        return None
    policies = (p for p in _enabled(conditional_access_policies) if _everybody(p) and _everything(p))
    return Outcome.PASS if any((h := _hours(p)) is not None and h <= 168 for p in policies) else Outcome.FAIL
