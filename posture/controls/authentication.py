"""What a guest must prove: MFA, no legacy protocols, and at least some baseline in force."""

from collections.abc import Mapping
from typing import Any

from posture.controls import policy_readings as readings
from posture.controls.mfa_exclusions import MfaExclusions, exclusions
from posture.controls.registry import (
    Authority,
    Outcome,
    Remediation,
    Verdict,
    control,
    failed,
    partial,
    passed,
)
from posture.controls.remedies import TURN_ON, guest_users, new_policy
from posture.controls.shared import unless_known
from posture.errors import UnknownValueError
from posture.settings import Severity, Thresholds
from posture.snapshot.conditional_access import (
    LEGACY_CLIENTS,
    Coverage,
    GuestExclusions,
    GuestPolicy,
    coverage,
    defaults_on,
    guest_mfa,
    guest_policies,
    without_policies,
)
from posture.snapshot.types import Gap, Rows
from posture.snapshot.values import flag, objects

_DEFAULTS = "https://graph.microsoft.com/v1.0/policies/identitySecurityDefaultsEnforcementPolicy"


@control(
    "GUEST-AUT-001",
    fail=Severity.CRITICAL,
    partial=Severity.MEDIUM,
    licence="Entra ID P1; guests are covered by the tenant's own licences",
    observes=("security_defaults.isEnabled",),
    remediation=(
        new_policy(
            {
                "displayName": "Guests: require MFA",
                "conditions": {
                    "clientAppTypes": ["all"],
                    "applications": {"includeApplications": ["All"]},
                    "users": {**guest_users(), "excludeGroups": ["{break-glass group id}"]},
                },
                "grantControls": {"operator": "OR", "builtInControls": ["mfa"]},
            },
            notes="Starts report-only. Leave the application of entitlement management out where guests use My Access.",
        ),
        TURN_ON,
    ),
    frameworks={
        "cis_m365": ("5.2.2.2 L1 (v4.0.0, v6.0.x, v7.0.0): all users",),
        "scuba": ("MS.AAD.3.2v2 (SHALL)", "MS.AAD.3.1v1 (SHALL, in part: phishing-resistant)"),
        "mcsb": ("IM-6",),
        "nist_800_53r5": ("IA-2(1)", "IA-2(2) (SCuBA)", "IA-8 (own)"),
        "iso_27001_2022": ("A.5.15 (Prowler)", "A.5.17 (Prowler)", "A.8.3 (Prowler)", "A.8.5 (Prowler)"),
        "attack": ("T1078.004", "T1110.003", "T1110.004"),
        "atrm": ("AZT201.1",),
        "maester": ("MT.1016", "CISA.MS.AAD.3.2"),
        "prowler": ("entra_conditional_access_policy_mfa_enforced_for_guest_users", "entra_users_mfa_enabled"),
        "zta": ("21851 (not implemented in the version read)",),
        "other": ("CIS Controls v8.1 6.3 (Prowler)",),
    },
    authorities=(
        Authority("CIS Microsoft 365", "5.2.2.2 L1 (v7.0.0): MFA for all users", readings.mfa_for_everybody),
        Authority("CISA SCuBA", "MS.AAD.3.2v2 (SHALL): MFA for all users", readings.mfa_for_everybody),
        Authority("Maester", "MT.1016: MFA for guests", readings.maester_mfa_for_guests),
    ),
    parameters=("allowed_excluded_app_ids", "break_glass_ids"),
    empty_is_good="mfa_exclusions, external_members: nobody from outside is left out by name.",
    unverified=(
        "that the application left out by default is the one guests need for My Access: matched by name",
        "what Graph answers about a group with hidden membership without Member.Read.Hidden: an empty list counts as "
        "not read",
    ),
)
def guests_must_pass_mfa(
    conditional_access_policies: Rows | Gap,
    security_defaults: Mapping[str, Any] | Gap,
    mfa_exclusions: MfaExclusions | Gap,
    external_members: Rows | Gap,
    privileged_group_members: Rows | Gap,
    groups: Rows | Gap,
    authentication_strengths: Rows | Gap,
    thresholds: Thresholds,
) -> Verdict:
    """Every external user type must pass MFA on every resource.

    Holds when enforced Conditional Access policies ask every kind of outsider
    for MFA on all resources, with no guest left out by kind, name or group.
    Technicians of service providers, `break_glass_ids` and
    `allowed_excluded_app_ids` may be left out; a group among `break_glass_ids`
    may hold no guest, and a group that no longer exists leaves out nobody.
    Partial when a policy has holes,
    is report-only, can be met without MFA, or asks by authentication strength
    alone while guests without an Entra account exist, and when security
    defaults alone are on. Fails when nothing asks guests for MFA.

    Why: you do not choose a guest's password, but you choose what your door
    asks for. Without a policy the partner's password is enough. One kind of
    guest or one group left out is where an intruder will sit.

    Attack: passwords from a partner's breach are tried against your tenant; the
    first guest who matches is in.

    Fix: Entra admin center > Conditional Access > New policy > template Require
    multifactor authentication for guest access. All six kinds, all external
    organizations, all resources. A stronger method for Entra guests comes as a
    second policy.

    Breaks: guests whose home MFA you do not trust must register with you once.
    Technicians of service providers may be disturbed. Policies that react to
    sign-in risk shut out guests who never registered. Start report-only.

    Default: no policy; security defaults may be on in tenants made since
    October 2019.

    Source: https://learn.microsoft.com/entra/external-id/authentication-conditional-access
    https://learn.microsoft.com/entra/identity/conditional-access/policy-guests-mfa-strength
    https://learn.microsoft.com/entra/external-id/b2b-fundamentals
    https://learn.microsoft.com/entra/id-governance/entitlement-management-external-users
    https://github.com/cisagov/ScubaGear/blob/main/PowerShell/ScubaGear/baselines/aad.md
    """
    left_out = exclusions(mfa_exclusions, external_members, privileged_group_members, groups, thresholds)
    found = guest_mfa(conditional_access_policies, security_defaults, left_out, authentication_strengths)
    source = "security_defaults" if isinstance(conditional_access_policies, Gap) else "conditional_access_policies"
    asked = {f"{source}.asked by": found.by, f"{source}.policies": list(found.policies)} if found.by else {}
    seen = {f"{source}.MFA asked of guests": found.level, **asked}
    if found.level == "all":
        return passed("Every kind of guest must pass MFA on every resource.", observed=seen, notes=found.notes)
    members = () if isinstance(mfa_exclusions, Gap) else mfa_exclusions.members
    if found.level == "some":
        told = f"MFA for guests has holes: {'; '.join(found.reasons)}."
        return partial(told, observed=seen, affected=members, notes=found.notes)
    told = "Nothing asks guests for MFA."
    return failed(told, observed=seen, affected=members, notes=(*found.reasons, *found.notes))


def _blocks_client(client: str) -> Any:
    """Return what a policy must do to keep one legacy client out.

    A block of everything does it too, unless it holds under conditions alone,
    such as a country.
    """

    def does(policy: GuestPolicy) -> str | None:
        whole = "all" in policy.clients and policy.everywhere and not policy.narrowed_by
        return "" if policy.blocks and (client in policy.clients or whole) else None

    return does


def legacy_blocked(policies: list[GuestPolicy], left_out: GuestExclusions) -> Coverage:
    """Return which kinds of guests cannot use legacy protocols, over both legacy clients."""
    parts = [coverage(policies, left_out, _blocks_client(c), clients=frozenset({c})) for c in sorted(LEGACY_CLIENTS)]
    reasons = [r for p in parts for r in p.reasons]
    if any(p.types for p in parts) and not all(p.some for p in parts):
        reasons.append("one of the two legacy clients is open")
    return Coverage(
        frozenset.intersection(*(p.types for p in parts)),
        any(p.some for p in parts),
        tuple(dict.fromkeys(reasons)),
        tuple(dict.fromkeys(u for p in parts for u in p.unknown)),
    )


@control(
    "GUEST-AUT-002",
    fail=Severity.MEDIUM,
    partial=Severity.LOW,
    licence="Entra ID P1, or security defaults on Free",
    observes=("security_defaults.isEnabled",),
    remediation=(
        new_policy(
            {
                "displayName": "Block legacy authentication",
                "conditions": {
                    "clientAppTypes": ["exchangeActiveSync", "other"],
                    "applications": {"includeApplications": ["All"]},
                    "users": {"includeUsers": ["All"], "excludeGroups": ["{break-glass group id}"]},
                },
                "grantControls": {"operator": "OR", "builtInControls": ["block"]},
            },
            notes="Starts report-only.",
        ),
        TURN_ON,
    ),
    frameworks={
        "cis_m365": ("5.2.2.3 L1 (v4.0.0, v6.0.x, v7.0.0)",),
        "scuba": ("MS.AAD.1.1v1 (SHALL)",),
        "mcsb": ("IM-6 (own)",),
        "nist_800_53r5": ("CM-7 (SCuBA)",),
        "iso_27001_2022": ("A.5.17 (Prowler)", "A.5.36 (Prowler)"),
        "attack": ("T1110.003", "T1078.004 (SCuBA)"),
        "maester": ("MT.1009", "MT.1010", "CISA.MS.AAD.1.1"),
        "prowler": ("entra_legacy_authentication_blocked",),
        "zta": ("21796",),
    },
    authorities=(
        Authority(
            "CIS Microsoft 365", "5.2.2.3 L1 (v7.0.0): legacy authentication is blocked", readings.legacy_for_everybody
        ),
        Authority(
            "CISA SCuBA", "MS.AAD.1.1v1 (SHALL): legacy authentication is blocked", readings.legacy_for_everybody
        ),
        Authority(
            "Microsoft Zero Trust Assessment", "21796: a policy blocks legacy authentication", readings.zta_legacy
        ),
    ),
    parameters=("allowed_excluded_app_ids", "break_glass_ids"),
    empty_is_good="mfa_exclusions, external_members: nobody from outside is left out by name.",
)
def legacy_protocols_are_blocked(
    conditional_access_policies: Rows | Gap,
    security_defaults: Mapping[str, Any] | Gap,
    mfa_exclusions: MfaExclusions | Gap,
    external_members: Rows | Gap,
    privileged_group_members: Rows | Gap,
    groups: Rows | Gap,
    thresholds: Thresholds,
) -> Verdict:
    """Legacy authentication is blocked for guests.

    Holds when enforced policies block both legacy kinds of clients for every
    kind of guest on all resources, or security defaults are on. Partial when
    one kind of client, some resources or some guests are left open, or a policy
    is report-only. Fails when nothing blocks legacy clients for guests.

    Why: old mail protocols cannot ask for MFA. One exception forgotten makes
    the MFA policy decorative, and guests have no use for them here.

    Attack: password spraying over IMAP or POP, where no second factor is asked.

    Fix: Conditional Access > New policy > Conditions > Client apps: Exchange
    ActiveSync clients and Other clients > Block access, for all users.

    Breaks: nothing for guests; printers and old devices that send mail as one
    of your own people stop.

    Default: Exchange Online has basic authentication off since January 2023; no
    policy exists.

    Source: https://learn.microsoft.com/entra/identity/conditional-access/policy-block-legacy-authentication
    https://learn.microsoft.com/entra/fundamentals/security-defaults
    https://learn.microsoft.com/entra/external-id/authentication-conditional-access
    https://github.com/cisagov/ScubaGear/blob/main/PowerShell/ScubaGear/baselines/aad.md
    """
    if isinstance(conditional_access_policies, Gap):
        without_policies(conditional_access_policies, security_defaults)
        return passed("Security defaults are on and block legacy authentication.")
    left_out = exclusions(mfa_exclusions, external_members, privileged_group_members, groups, thresholds)
    found = legacy_blocked(guest_policies(conditional_access_policies, guest_groups=left_out.guest_groups), left_out)
    seen = {"conditional_access_policies.kinds of guests kept from legacy clients": sorted(found.types)}
    if not found.missing:
        return passed("Legacy clients are blocked for every kind of guest.", observed=seen)
    if not isinstance(security_defaults, Gap) and flag(security_defaults, "isEnabled"):
        return passed("Security defaults are on and block legacy authentication.", observed=seen)
    unless_known(list(found.unknown))
    defaults_on(security_defaults)
    if found.some:
        reasons = found.reasons or (f"{', '.join(found.missing)} may use them",)
        return partial(f"Legacy clients are not wholly blocked: {'; '.join(reasons)}.", observed=seen)
    return failed("Nothing blocks legacy clients for guests.", observed=seen)


def _cis_5111(security_defaults: Mapping[str, Any] | Gap, **_: Any) -> Outcome | None:
    """CIS Microsoft 365 v4.0.0 wants them off, so that Conditional Access can be used."""
    return Outcome.FAIL if defaults_on(security_defaults) else Outcome.PASS


def _cis_azure_511(security_defaults: Mapping[str, Any] | Gap, **_: Any) -> Outcome | None:
    return Outcome.PASS if defaults_on(security_defaults) else Outcome.FAIL


@control(
    "GUEST-AUT-005",
    fail=Severity.HIGH,
    partial=Severity.LOW,
    licence="none for security defaults; Entra ID P1 for Conditional Access",
    observes=("security_defaults.isEnabled",),
    remediation=Remediation(
        method="PATCH",
        url=_DEFAULTS,
        body={"isEnabled": True},
        permission="Policy.ReadWrite.SecurityDefaults + Policy.Read.All",
        role="Conditional Access Administrator or Security Administrator",
        powershell=("Update-MgPolicyIdentitySecurityDefaultEnforcementPolicy -IsEnabled:$true",),
        notes="For a tenant without Entra ID P1. With P1 make the policies of GUEST-AUT-001 and GUEST-AUT-002 instead; "
        "both cannot run side by side. Undo with isEnabled false.",
    ),
    frameworks={
        "cis_m365": ("5.1.1.1 L1 (v4.0.0: off where Conditional Access is used)",),
        "cis_azure": ("5.1.1 (v6.0)",),
        "mcsb": ("IM-2 (own)", "IM-6 (own)"),
        "nist_800_53r5": ("CM-6 (own)", "IA-2 (own)"),
        "iso_27001_2022": ("A.5.1 (Prowler)", "A.5.2 (Prowler)", "A.5.15 (Prowler)"),
        "attack": ("T1078.004", "T1110"),
        "maester": ("MT.1021",),
        "prowler": ("entra_security_defaults_enabled (azure provider)",),
    },
    authorities=(
        Authority("CIS Microsoft 365", "5.1.1.1 L1 (v4.0.0): security defaults are off", _cis_5111),
        Authority("CIS Azure Foundations", "5.1.1 (v6.0): security defaults are on", _cis_azure_511),
    ),
    parameters=("allowed_excluded_app_ids", "break_glass_ids"),
    empty_is_good="mfa_exclusions, external_members: nobody from outside is left out by name.",
)
def a_baseline_is_in_force(
    conditional_access_policies: Rows | Gap,
    security_defaults: Mapping[str, Any] | Gap,
    mfa_exclusions: MfaExclusions | Gap,
    external_members: Rows | Gap,
    privileged_group_members: Rows | Gap,
    groups: Rows | Gap,
    authentication_strengths: Rows | Gap,
    thresholds: Thresholds,
) -> Verdict:
    """A baseline is in force: Conditional Access or security defaults.

    Holds when security defaults are on, or enforced policies ask every kind of
    guest for MFA and block legacy clients. Partial when some policy is enforced
    and that is not reached. Fails when security defaults are off and no policy
    is enforced.

    Why: security defaults are often switched off to make one policy, and the
    rest never follows. Then a guest signs in with whatever their home asks for.

    Attack: a stolen password of a partner, no second factor anywhere.

    Fix: with Entra ID P1 make the two policies. Without: Entra admin center >
    Overview > Properties > Manage security defaults > Enabled.

    Breaks: security defaults treat guests as your own people, who must register
    MFA, and they cannot run beside Conditional Access. They always ask for MFA
    before Azure management only, elsewhere when the service sees a reason.

    Default: may be on in tenants made since October 2019.

    Source: https://learn.microsoft.com/entra/fundamentals/security-defaults
    https://learn.microsoft.com/graph/api/resources/identitysecuritydefaultsenforcementpolicy
    https://learn.microsoft.com/entra/external-id/authentication-conditional-access
    """
    if isinstance(conditional_access_policies, Gap):
        without_policies(conditional_access_policies, security_defaults)
        return passed("Security defaults are on.")
    if not isinstance(security_defaults, Gap) and flag(security_defaults, "isEnabled"):
        return passed("Security defaults are on.")
    enforced = _enforced(conditional_access_policies)
    seen = {"conditional_access_policies.enforced policies": enforced}
    if not enforced:
        defaults_on(security_defaults)
        return failed("Security defaults are off and no Conditional Access policy is enforced.", observed=seen)
    left_out = exclusions(mfa_exclusions, external_members, privileged_group_members, groups, thresholds)
    mfa = guest_mfa(conditional_access_policies, security_defaults, left_out, authentication_strengths)
    legacy = legacy_blocked(guest_policies(conditional_access_policies, guest_groups=left_out.guest_groups), left_out)
    open_ends = [] if mfa.level == "all" else ["guests are not all asked for MFA"]
    if legacy.missing:
        unless_known(list(legacy.unknown) if not open_ends else [])
        open_ends.append("legacy clients are not blocked for all guests")
    if open_ends:
        defaults_on(security_defaults)
        return partial(f"Policies are enforced, but {' and '.join(open_ends)}.", observed=seen)
    return passed("Enforced policies ask every guest for MFA and block legacy clients.", observed=seen)


def _enforced(policies: Rows) -> int:
    """Return how many policies are on."""
    states = [p.get("state") for p in objects(policies, "Conditional Access policies")]
    known = ("enabled", "disabled", "enabledForReportingButNotEnforced")
    found = states.count("enabled")
    if not found and any(s not in known for s in states):
        raise UnknownValueError("a Conditional Access policy has a state this version does not know")
    return found
