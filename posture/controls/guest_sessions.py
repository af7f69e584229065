"""How long a guest stays signed in, and under what terms."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from posture.controls import policy_readings as readings
from posture.controls.mfa_exclusions import MfaExclusions, exclusions
from posture.controls.registry import (
    Authority,
    Remediation,
    Verdict,
    control,
    failed,
    partial,
    passed,
)
from posture.controls.remedies import TURN_ON, new_policy
from posture.controls.shared import number, unless_known
from posture.errors import UnknownValueError
from posture.settings import Severity, Thresholds
from posture.snapshot.conditional_access import Coverage, GuestPolicy, coverage, guest_policies
from posture.snapshot.derive import licences
from posture.snapshot.types import Gap, Rows
from posture.snapshot.values import objects, present, text

_P1 = "Entra ID P1"
_NO_SESSIONS = {"b2bDirectConnectUser"}
"""Kinds for whom session controls and terms do nothing.

Source: https://learn.microsoft.com/entra/external-id/authentication-conditional-access
"""


def sign_in_hours(session: Mapping[str, Any]) -> float | None:
    """Return after how many hours a policy asks to sign in again, 0 for every time; None where it does not.

    Raises UnknownValueError for a frequency this version does not know.
    Source: https://learn.microsoft.com/graph/api/resources/signinfrequencysessioncontrol
    """
    frequency = session.get("signInFrequency")
    if frequency is None or (isinstance(frequency, Mapping) and frequency.get("isEnabled") is False):
        return None
    if not isinstance(frequency, Mapping) or frequency.get("isEnabled") is not True:
        raise UnknownValueError("signInFrequency does not say whether it is enabled")
    interval = frequency.get("frequencyInterval")
    if interval == "everyTime":
        return 0
    if interval not in (None, "timeBased"):
        raise UnknownValueError(f"frequencyInterval is {interval!r}")
    kind, value = text(frequency, "type"), present(frequency, "value")
    if kind not in ("hours", "days") or isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise UnknownValueError(f"sign-in frequency is {value!r} {kind!r}")
    return value * (24 if kind == "days" else 1)


def _asks_again(thresholds: Thresholds, doubts: dict[str, None]) -> Callable[[GuestPolicy], str | None]:
    def does(policy: GuestPolicy) -> str | None:
        try:
            hours = sign_in_hours(policy.session)
            factors = hours is not None and _both_factors(policy.session["signInFrequency"])
        except UnknownValueError as unknown:
            if policy.reaches:
                doubts[str(unknown)] = None
            return None
        if hours is None or hours > thresholds.sign_in_frequency_partial_max_hours:
            return None
        if hours > thresholds.sign_in_frequency_max_hours:
            return f"guests sign in again after {_spell(int(hours))}"
        return "" if factors else "only the second factor is asked for again"

    return does


def _both_factors(frequency: Mapping[str, Any]) -> bool:
    """Whether both factors are asked for again; null is Graph's word for policies older than the choice."""
    kind = frequency.get("authenticationType")
    if kind not in (None, "primaryAndSecondaryAuthentication", "secondaryAuthentication"):
        raise UnknownValueError(f"authenticationType of a sign-in frequency is {kind!r}")
    return kind != "secondaryAuthentication"


def _spell(hours: int) -> str:
    """Return hours as people say them: whole days from two days on."""
    return number(hours, "hour") if hours < 48 or hours % 24 else number(hours // 24, "day")


def _never_persistent(policy: GuestPolicy) -> str | None:
    browser = policy.session.get("persistentBrowser")
    if not isinstance(browser, Mapping):
        return None
    return "" if browser.get("isEnabled") is True and browser.get("mode") == "never" else None


def _missing(found: Coverage) -> list[str]:
    return [kind for kind in found.missing if kind not in _NO_SESSIONS]


@control(
    "GUEST-AUT-003",
    fail=Severity.MEDIUM,
    partial=Severity.LOW,
    licence=_P1,
    remediation=(
        new_policy(
            {
                "displayName": "Guests: session limits",
                "conditions": {
                    "clientAppTypes": ["all"],
                    "applications": {"includeApplications": ["All"]},
                    "users": {"includeUsers": ["GuestsOrExternalUsers"]},
                },
                "sessionControls": {
                    "signInFrequency": {
                        "isEnabled": True,
                        "type": "hours",
                        "value": 24,
                        "authenticationType": "primaryAndSecondaryAuthentication",
                        "frequencyInterval": "timeBased",
                    },
                    "persistentBrowser": {"isEnabled": True, "mode": "never"},
                },
            },
            notes="Starts report-only. The body was put together from the documentation and not tried.",
        ),
        TURN_ON,
    ),
    frameworks={
        "cis_m365": ("5.2.2.13 L1 (v7.0.0): 7 days, all users",),
        "mcsb": ("IM-7 (own)",),
        "nist_800_53r5": ("AC-12 (own)", "IA-11 (own)"),
        "iso_27001_2022": ("A.8.5 (own)",),
        "attack": ("T1539", "T1078.004"),
        "maester": ("MT.1017", "MT.1018 (non-corporate devices)"),
        "prowler": ("entra_conditional_access_policy_sign_in_frequency_all_users",),
        "zta": ("21824",),
    },
    authorities=(
        Authority(
            "Microsoft Zero Trust Assessment", "21824: policies for guests set 24 hours", readings.zta_guest_sessions
        ),
        Authority("CIS Microsoft 365", "5.2.2.13 L1 (v7.0.0): 7 days, all users", readings.cis_sessions),
    ),
    parameters=(
        "sign_in_frequency_max_hours",
        "sign_in_frequency_partial_max_hours",
        "allowed_excluded_app_ids",
        "break_glass_ids",
    ),
    empty_is_good="mfa_exclusions, external_members: nobody from outside is left out by name.",
    unverified=("the body of the request that makes the policy",),
)
def guest_sessions_are_short(
    conditional_access_policies: Rows,
    mfa_exclusions: MfaExclusions | Gap,
    external_members: Rows | Gap,
    privileged_group_members: Rows | Gap,
    groups: Rows | Gap,
    subscribed_skus: Rows | Gap,
    thresholds: Thresholds,
) -> Verdict:
    """Guest sessions are short and not persistent.

    Holds when enforced policies make every kind of guest sign in again on all
    resources after `sign_in_frequency_max_hours` at most, and forbid persistent
    browser sessions. Partial up to `sign_in_frequency_partial_max_hours`, for
    some resources or guests, report-only, or without the browser setting. Fails
    when no policy limits guests' sessions.

    Why: a session outlives the job. By default it rolls on for 90 days, so
    somebody who left the partner, or holds a stolen browser profile, keeps
    working. Signing in again makes the home organization vouch again.

    Attack: a token stolen from a partner's laptop is renewed for weeks.

    Fix: Conditional Access > the policy for guests > Session > Sign-in
    frequency 1 day, Persistent browser session Never persistent.

    Breaks: guests sign in daily in Teams and SharePoint. Direct connect users
    are not reached. Guests with an emailed code prove it daily anyway.

    Default: a rolling window of 90 days, no policy.

    Source: https://learn.microsoft.com/entra/external-id/authentication-conditional-access
    https://learn.microsoft.com/entra/identity/conditional-access/concept-session-lifetime
    https://learn.microsoft.com/entra/external-id/one-time-passcode
    https://learn.microsoft.com/graph/api/resources/signinfrequencysessioncontrol
    """
    left_out = exclusions(mfa_exclusions, external_members, privileged_group_members, groups, thresholds)
    policies = guest_policies(conditional_access_policies, guest_groups=left_out.guest_groups)
    if not policies:
        _unless_licensed(subscribed_skus, conditional_access_policies)
    doubts: dict[str, None] = {}
    frequency = coverage(policies, left_out, _asks_again(thresholds, doubts))
    browser = coverage(policies, left_out, _never_persistent)
    seen = {
        "conditional_access_policies.kinds of guests that sign in again in time": sorted(frequency.types),
        "conditional_access_policies.kinds of guests without persistent sessions": sorted(browser.types),
    }
    if _missing(frequency):
        unless_known([*doubts, *frequency.unknown])
        if frequency.some:
            reasons = "; ".join(frequency.reasons or _missing(frequency))
            return partial(f"Guest sessions are limited in part: {reasons}.", observed=seen)
        most = _spell(thresholds.sign_in_frequency_partial_max_hours)
        return failed(f"No policy makes guests sign in again within {most}.", observed=seen)
    if _missing(browser):
        unless_known(list(browser.unknown))
        return partial("Guests sign in again in time, but browsers may keep them signed in.", observed=seen)
    most = _spell(thresholds.sign_in_frequency_max_hours)
    return passed(f"Every guest signs in again within {most}, and no browser keeps them signed in.", observed=seen)


def _unless_licensed(subscribed_skus: Rows | Gap, conditional_access_policies: Rows) -> None:
    """Raise where the tenant cannot have policies, or may not and has none: nobody fails for not having bought it."""
    had = None if isinstance(subscribed_skus, Gap) else licences(subscribed_skus).p1
    if had is False:
        raise UnknownValueError(f"the tenant has no {_P1}, which Conditional Access needs", licence=_P1)
    if had is None and not len(conditional_access_policies):
        why = f": {subscribed_skus.detail}" if isinstance(subscribed_skus, Gap) else ""
        told = f"no Conditional Access policy exists, and whether the tenant has {_P1} is not known{why}"
        raise UnknownValueError(told, because=subscribed_skus)


def _optional_terms(policies: Iterable[Mapping[str, Any]]) -> set[str]:
    """Return the ids of policies whose terms can be passed over by another control."""
    found = set()
    for policy in objects(policies, "Conditional Access policies"):
        grant = policy.get("grantControls")
        if isinstance(grant, Mapping) and grant.get("operator") != "AND":
            listed = [grant.get(k) for k in ("builtInControls", "customAuthenticationFactors", "termsOfUse")]
            ways = sum(len(part) for part in listed if isinstance(part, list))
            if ways + (grant.get("authenticationStrength") is not None) > 1:
                found.add(str(policy.get("id", "")))
    return found


@control(
    "GUEST-AUT-004",
    fail=Severity.LOW,
    partial=Severity.INFO,
    licence=_P1,
    remediation=Remediation(
        role="Conditional Access Administrator",
        notes="Entra admin center > Conditional Access > Terms of use > New terms; then add them to the policy for "
        "guests under Grant, with Require all the selected controls. No request is printed: the document is uploaded.",
    ),
    frameworks={
        "nist_800_53r5": ("PL-4 (own)", "PS-6 (own)"),
        "iso_27001_2022": ("A.5.10 (own)", "A.6.6 (own)"),
        "other": ("Microsoft's Zero Trust workshop, item RMI_008: terms of use for guests",),
    },
    parameters=("allowed_excluded_app_ids", "break_glass_ids"),
    empty_is_good="mfa_exclusions, external_members: nobody from outside is left out by name.",
    unverified=("the NIST and ISO mapping, which is ours",),
)
def guests_accept_terms(
    conditional_access_policies: Rows,
    mfa_exclusions: MfaExclusions | Gap,
    external_members: Rows | Gap,
    privileged_group_members: Rows | Gap,
    groups: Rows | Gap,
    subscribed_skus: Rows | Gap,
    thresholds: Thresholds,
) -> Verdict:
    """Guests accept terms of use.

    Holds when enforced policies ask every kind of guest to accept terms of use,
    whatever they open. Partial for some kinds, for some resources, report-only,
    or where another control can be met instead. Fails when no policy has terms
    for guests.

    Why: terms stop nobody. They are a dated record that a named outsider agreed
    to your rules and to being logged, which shortens the argument when you
    remove somebody.

    Attack: none is prevented; an intruder clicks as well.

    Fix: Conditional Access > Terms of use > New terms, yearly again; then add
    them to the guests' policy under Grant. Give a privacy statement in the
    tenant's properties too.

    Breaks: one more click at first sign-in. Not offered to direct connect
    users. Automation that runs as a guest stops, which it should not do anyway.

    Default: none.

    Source: https://learn.microsoft.com/entra/identity/conditional-access/terms-of-use
    https://learn.microsoft.com/entra/external-id/redemption-experience
    https://learn.microsoft.com/entra/external-id/authentication-conditional-access
    https://learn.microsoft.com/entra/external-id/b2b-fundamentals
    """
    left_out = exclusions(mfa_exclusions, external_members, privileged_group_members, groups, thresholds)
    optional = _optional_terms(conditional_access_policies)

    def does(policy: GuestPolicy) -> str | None:
        if not policy.terms_of_use:
            return None
        return "another control can be met instead" if policy.id in optional else ""

    policies = guest_policies(conditional_access_policies, guest_groups=left_out.guest_groups)
    if not policies:
        _unless_licensed(subscribed_skus, conditional_access_policies)
    found = coverage(policies, left_out, does)
    seen = {"conditional_access_policies.kinds of guests that accept terms": sorted(found.types)}
    if not _missing(found):
        return passed("Every kind of guest accepts terms of use.", observed=seen)
    unless_known(list(found.unknown))
    if found.some:
        reasons = "; ".join(found.reasons or [f"not for {', '.join(_missing(found))}"])
        return partial(f"Terms of use are asked of guests in part: {reasons}.", observed=seen)
    return failed("No policy asks guests to accept terms of use.", observed=seen)
