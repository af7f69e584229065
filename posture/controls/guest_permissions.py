"""What a guest may read and do by default."""

from collections.abc import Mapping
from typing import Any

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
from posture.errors import UnknownValueError
from posture.settings import Profile, Severity, Thresholds
from posture.snapshot.derive import GuestLevel, guest_level
from posture.snapshot.power import hides_members
from posture.snapshot.types import Gap, Rows
from posture.snapshot.values import block, flag, items, objects, present

_POLICY = "https://graph.microsoft.com/v1.0/policies/authorizationPolicy"
_RESTRICTED = "2af84b1e-32c8-42b7-82bc-daa82404023b"


def _limited_or_better(authorization_policy: Mapping[str, Any], **_: Any) -> Outcome:
    return Outcome.FAIL if guest_level(authorization_policy) is GuestLevel.MEMBER else Outcome.PASS


def _restricted_only(authorization_policy: Mapping[str, Any], **_: Any) -> Outcome:
    return Outcome.PASS if guest_level(authorization_policy) is GuestLevel.RESTRICTED else Outcome.FAIL


RESTRICT_GUESTS = Remediation(
    method="PATCH",
    url=_POLICY,
    body={"guestUserRoleId": _RESTRICTED},
    permission="Policy.ReadWrite.Authorization",
    role="Privileged Role Administrator",
    powershell=(
        f"Update-MgPolicyAuthorizationPolicy -GuestUserRoleId '{_RESTRICTED}'",
        f"Set-EntraBetaAuthorizationPolicy -Id authorizationPolicy -GuestUserRoleId '{_RESTRICTED}'",
    ),
    notes=(
        "Takes up to 15 minutes. One page of Microsoft's names Global Administrator, a newer one Privileged Role "
        "Administrator. Do not set allowedToReadOtherUsers to false instead: Microsoft says not to."
    ),
)


@control(
    "GUEST-PER-001",
    fail=Severity.HIGH,
    partial=Severity.MEDIUM,
    licence="none",
    observes=("authorization_policy.guestUserRoleId",),
    remediation=RESTRICT_GUESTS,
    frameworks={
        "cis_m365": ("5.1.6.2 L1 (v4.0.0, v6.0.x, v7.0.0)",),
        "cis_azure": ("1.15 (v2.0)", "2.15 (v3.0)", "6.15 (v4.0)", "5.15 (v5.0)"),
        "scuba": ("MS.AAD.8.1v1 (SHOULD)",),
        "mcsb": ("PA-7 (own)", "GS-2 (third party)"),
        "nist_800_53r5": ("AC-6 (SCuBA)",),
        "iso_27001_2022": ("A.5.10 (Prowler)", "A.5.15 (Prowler)", "A.5.18 (Prowler)", "A.8.3 (Prowler)"),
        "attack": ("T1087.004", "T1087.003 (SCuBA)", "T1069.003", "T1526 (SCuBA)"),
        "atrm": ("AZT104", "AZT105", "AZT106.1"),
        "maester": ("CISA.MS.AAD.8.1", "EIDSCA.AP07", "CIS.M365.5.1.6.2"),
        "prowler": ("entra_policy_guest_users_access_restrictions",),
        "zta": ("21792",),
        "other": ("CIS Controls v8.1 6.8 (Prowler)", "DORA Art. 28 (Prowler)", "NIS2 11.2.2.a, 11.2.2.d (Prowler)"),
    },
    authorities=(
        Authority("CIS Microsoft 365 v7.0.0", "5.1.6.2 L1: limited or restricted", _limited_or_better),
        Authority("CISA SCuBA", "MS.AAD.8.1v1 (SHOULD): limited or restricted", _limited_or_better),
        Authority("Microsoft Zero Trust Assessment", "21792: restricted only", _restricted_only),
        Authority("EIDSCA", "AP07: restricted only", _restricted_only),
    ),
    parameters=("guest_level_floor",),
)
def guests_read_only_their_own(
    authorization_policy: Mapping[str, Any], thresholds: Thresholds, profile: Profile
) -> Verdict:
    """Guests may read their own objects only.

    Holds when `guestUserRoleId` is the restricted level. Partial at the limited
    level, which passes under CIS and SCuBA or with `guest_level_floor` set to
    limited, and fails under Microsoft's assessment. Fails when guests may read
    what members may.

    Why: at member level a guest can list every user, group, application, device
    and role holder. At the limited level, the default, a guest cannot list
    people, but can look up one they know, walk to that person's manager and
    reports, and read the members of every group that is not hidden.

    Attack: start from the one address that invited you and follow managers and
    groups; published scripts rebuild the staff list in a few rounds. It then
    feeds phishing that knows every name and title.

    Fix: Entra admin center > External Identities > External collaboration
    settings > Guest user access > Guest user access is restricted to properties
    and memberships of their own directory objects.

    Breaks: guests cannot look people up or see who else is in their groups, and
    My Groups is empty. Teams, Outlook, SharePoint, Planner and Project for the
    web are supported; Forms, Project Online, Yammer and Planner inside
    SharePoint are not. Sharing settings and roles are not changed by it.

    Default: limited.

    Source: https://learn.microsoft.com/entra/identity/users/users-restrict-guest-permissions
    https://learn.microsoft.com/entra/fundamentals/users-default-permissions
    https://learn.microsoft.com/graph/api/resources/authorizationpolicy
    https://github.com/DanielChronlund/DCToolbox/blob/main/DCToolbox/DCToolbox.psm1
    https://github.com/cisagov/ScubaGear/blob/main/PowerShell/ScubaGear/baselines/aad.md
    """
    level = guest_level(authorization_policy)
    observed = {"guest level": level.value}
    if level is GuestLevel.RESTRICTED:
        return passed("Guests may read their own objects only.", observed=observed)
    if level is GuestLevel.MEMBER:
        return failed("Guests may read all that members may.", observed=observed)
    words = "Guests have limited reading: known people, and the members of every group that is not hidden."
    if _floor(thresholds) is GuestLevel.LIMITED or profile in (Profile.CIS_M365_V7, Profile.SCUBA_AAD):
        return passed(words, observed=observed)
    return (failed if profile is Profile.MS_ZTA else partial)(words, observed=observed)


def _floor(thresholds: Thresholds) -> GuestLevel:
    if thresholds.guest_level_floor not in (GuestLevel.LIMITED, GuestLevel.RESTRICTED):
        raise UnknownValueError(
            f"the parameter guest_level_floor is {thresholds.guest_level_floor!r}; it takes limited or restricted"
        )
    return GuestLevel(thresholds.guest_level_floor)


_PEOPLE, _GROUPS, _OPEN_GROUPS, _APPS = "people", "groups", "groups whose members are not hidden", "applications"
GUESTS_CAN_READ = (
    ("Their own profile", "yes", "yes", "yes", ""),
    ("A list of all people", "yes", "no", "no", _PEOPLE),
    ("A person whose name or address they know", "yes", "name, mail, sign-in name, photo, user type", "no", _PEOPLE),
    ("That person's manager and reports", "yes", "yes", "no", ""),
    ("A list of all groups", "yes", "no", "no", _GROUPS),
    ("Properties, members and owners of a group", "yes", "yes, unless its membership is hidden", "no", _OPEN_GROUPS),
    ("The groups they are in", "yes", "yes", "object ids; some Microsoft 365 apps show more", ""),
    ("Applications and their permissions", "yes", "yes", "yes", _APPS),
    ("Company name and domains", "yes", "yes", "yes", ""),
    ("Devices, role holders, policies, subscriptions", "what members may", "no", "no", ""),
    ("Register applications, create groups", "if members may", "no", "no", ""),
)
"""What each guest level lets a guest read: what it is, member, limited, restricted, and what the tenant has of it.

Sources: https://learn.microsoft.com/entra/fundamentals/users-default-permissions
https://learn.microsoft.com/entra/identity/users/users-restrict-guest-permissions
"""

TABLE = "what each level lets a guest read"
"""The name under which the table stands among the observed values."""


def _table(numbers: Mapping[str, int | None]) -> list[dict[str, str]]:
    """Return the table with the tenant's own numbers beside it; "" where there is nothing to count."""
    rows = []
    for what, member, limited, restricted, counted in GUESTS_CAN_READ:
        here = numbers.get(counted)
        said = "" if not counted else "not read" if here is None else f"{here:,} {counted}"
        rows.append({"what": what, "member": member, "limited": limited, "restricted": restricted, "here": said})
    return rows


_REACH = {
    GuestLevel.MEMBER: "A guest can list the whole directory: {}.",
    GuestLevel.LIMITED: "A guest can reach the members of every group that is not hidden, and whom they know: {}.",
    GuestLevel.RESTRICTED: "A guest can read no other person and no group's members.",
}


@control(
    "GUEST-PER-002",
    fail=Severity.INFO,
    partial=Severity.INFO,
    kind="exposure",
    scored=False,
    licence="none",
    remediation=RESTRICT_GUESTS,
    frameworks={
        "nist_800_53r5": ("RA-3 (own)",),
        "attack": ("T1087.004", "T1069.003", "T1526"),
        "atrm": ("AZT104", "AZT106.1"),
    },
    empty_is_good="groups: there is none to read the members of.",
    unverified=("that every group which is not hidden can be reached is our own estimate, not Microsoft's",),
)
def guests_can_see_little(
    authorization_policy: Mapping[str, Any],
    groups: Rows | Gap,
    user_count: Mapping[str, Any] | Gap,
    group_count: Mapping[str, Any] | Gap,
    application_count: Mapping[str, Any] | Gap,
) -> Verdict:
    """Guests can see little of the directory.

    Measured, not scored; GUEST-PER-001 scores the setting. Holds at the
    restricted level, partial at the limited one, fails at member level, always
    as information. The table says what each level lets a guest read, beside how
    many people, groups and applications that is here.

    Why: the name of a setting says little. How many people and groups one
    partner account can read says a lot. At the limited level one group of all
    users is enough to expose everybody.

    Attack: read the members of the largest group that is not hidden, then the
    managers of those, until nothing new turns up.

    Fix: choose the restricted level (GUEST-PER-001). Where that cannot be done,
    hide the membership of groups that matter: only Microsoft 365 groups can be
    hidden, and only when they are made.

    Breaks: nothing; it is a measurement.

    Default: limited: the members of every group that is not hidden can be read.

    Source: https://learn.microsoft.com/entra/fundamentals/users-default-permissions
    https://learn.microsoft.com/entra/identity/users/users-restrict-guest-permissions
    https://learn.microsoft.com/graph/api/resources/group
    """
    level = guest_level(authorization_policy)
    numbers = {
        _PEOPLE: _count(user_count),
        _GROUPS: _count(group_count),
        _OPEN_GROUPS: None if isinstance(groups, Gap) else _visible(groups),
        _APPS: _count(application_count),
    }
    sources = dict(zip(numbers, ("user_count", "group_count", "groups", "application_count"), strict=True))
    known = {f"{sources[k]}.{k}": v for k, v in numbers.items() if v is not None}
    observed = {"guest level": level.value, TABLE: _table(numbers), **known}
    shown = (_PEOPLE, _OPEN_GROUPS if level is GuestLevel.LIMITED else _GROUPS, _APPS)
    counts = (f"{numbers[k]:,} {k}" for k in shown if numbers[k] is not None)
    summary = _REACH[level].format(", ".join(counts) or "their numbers were not read")
    notes = tuple(f"The number of {k} was not read." for k, v in numbers.items() if v is None)
    if level is GuestLevel.RESTRICTED:
        return passed(summary, observed=observed, notes=notes)
    return (failed if level is GuestLevel.MEMBER else partial)(summary, observed=observed, notes=notes)


def _count(fact: Mapping[str, Any] | Gap) -> int | None:
    """Return the service's own count, None where it was not read."""
    if isinstance(fact, Gap):
        return None
    value = present(fact, "value")
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise UnknownValueError(f"a count is {value!r}")
    return value


def _visible(groups: Rows) -> int:
    """Return how many groups show their members; only HiddenMembership hides them."""
    return sum(not hides_members(g) for g in objects(groups, "groups"))


_CREATE = {
    "allowedToCreateApps": "register applications",
    "allowedToCreateSecurityGroups": "create security groups",
    "allowedToCreateTenants": "create tenants",
}


def _may_not(key: str) -> Any:
    """Return the judgement of an authority that wants one right taken from members."""

    def judge(authorization_policy: Mapping[str, Any], **_: Any) -> Outcome:
        rights = block(authorization_policy, "defaultUserRolePermissions")
        return Outcome.FAIL if flag(rights, key) else Outcome.PASS

    return judge


@control(
    "GUEST-PER-003",
    fail=Severity.MEDIUM,
    partial=Severity.LOW,
    licence="none",
    observes=tuple(f"authorization_policy.defaultUserRolePermissions.{key}" for key in _CREATE),
    remediation=Remediation(
        method="PATCH",
        url=_POLICY,
        body={
            "defaultUserRolePermissions": {
                "allowedToCreateApps": False,
                "allowedToCreateSecurityGroups": False,
                "allowedToCreateTenants": False,
            }
        },
        permission="Policy.ReadWrite.Authorization",
        role="Privileged Role Administrator",
        powershell=(
            "Update-MgPolicyAuthorizationPolicy -DefaultUserRolePermissions @{ AllowedToCreateApps = $false; "
            "AllowedToCreateSecurityGroups = $false; AllowedToCreateTenants = $false }",
        ),
        notes=(
            "Send the other members of defaultUserRolePermissions unchanged with it. Give Application Developer and "
            "Tenant Creator to people by name."
        ),
    ),
    frameworks={
        "cis_m365": (
            "5.1.2.2 L1 (v7.0.0)",
            "5.1.2.2 L2 (v4.0.0, v6.0.x)",
            "5.1.2.3 L1 (v4.0.0, v6.0.x, v7.0.0)",
            "5.1.3.1 L1 (v7.0.0)",
            "5.1.3.2 L1 (v6.0.0)",
        ),
        "scuba": ("MS.AAD.5.1v1 (SHALL)",),
        "mcsb": ("PA-7 (own)",),
        "nist_800_53r5": ("AC-6(10) (SCuBA)", "CM-5 (SCuBA)"),
        "iso_27001_2022": ("A.8.2 (own)",),
        "attack": ("T1098.001 (SCuBA)", "T1136.003 (own)"),
        "atrm": ("AZT502.2 (own)",),
        "maester": ("EIDSCA.AP10", "MT.1068", "MT.1069"),
        "prowler": (
            "entra_policy_ensure_default_user_cannot_create_tenants",
            "entra_policy_default_user_cannot_create_security_groups",
            "entra_thirdparty_integrated_apps_not_allowed",
        ),
        "zta": ("21787", "21807"),
    },
    authorities=(
        Authority("CIS Microsoft 365 v7.0.0", "5.1.2.2 L1: members register no apps", _may_not("allowedToCreateApps")),
        Authority(
            "CIS Microsoft 365 v7.0.0", "5.1.2.3 L1: members make no tenants", _may_not("allowedToCreateTenants")
        ),
        Authority(
            "CIS Microsoft 365 v7.0.0",
            "5.1.3.1 L1: members create no security groups",
            _may_not("allowedToCreateSecurityGroups"),
        ),
        Authority("CISA SCuBA", "MS.AAD.5.1v1 (SHALL): members register no apps", _may_not("allowedToCreateApps")),
    ),
    empty_is_good="external_members: nobody from outside is stored as a member.",
    unverified=("whether a change may leave out the other members of defaultUserRolePermissions",),
)
def members_create_nothing(authorization_policy: Mapping[str, Any], external_members: Rows | Gap) -> Verdict:
    """Members' rights are small, because some outsiders inherit them.

    Holds when members may not register applications, create security groups or
    create tenants. Partial when they may, and nobody from outside has a
    member's rights. Fails when they may and guests have member level, or an
    external person is stored as a member.

    Why: whoever is stored as a member has these rights, wherever they come
    from; at member level every guest has them. An application, a group or a
    tenant of one's own is a quiet way to stay.

    Attack: register an application, give it a secret, wait for somebody to
    consent, and come back with it after the account is gone.

    Fix: Entra admin center > Users > User settings (applications and tenants);
    Groups > General (security groups). Set all three to No.

    Breaks: developers need the role Application Developer; teams that make
    their own security groups need help from a Groups Administrator.

    Default: all three allowed.

    Source: https://learn.microsoft.com/entra/fundamentals/users-default-permissions
    https://learn.microsoft.com/graph/api/resources/defaultuserrolepermissions
    https://github.com/microsoft/zerotrustassessment/blob/main/src/powershell/tests/Test-Assessment.21787.md
    """
    rights = block(authorization_policy, "defaultUserRolePermissions")
    allowed = [words for key, words in _CREATE.items() if flag(rights, key)]
    if not allowed:
        return passed("Members may not register applications, create security groups or create tenants.")
    rights_in_words = " and ".join(filter(None, (", ".join(allowed[:-1]), allowed[-1])))
    may = f"Members may {rights_in_words}"
    if guest_level(authorization_policy) is GuestLevel.MEMBER:
        return failed(f"{may}, and every guest has a member's rights.")
    if isinstance(external_members, Gap):
        raise UnknownValueError(
            f"members may {rights_in_words}, and whether outsiders are stored as members was not read: "
            f"{external_members.detail}",
            because=external_members,
        )
    outsiders = sum(1 for _ in objects(external_members, "external members"))
    observed = {"external_members.external people stored as members": outsiders}
    if outsiders:
        return failed(f"{may}, and so may {outsiders:,} from outside who are stored as members.", observed=observed)
    return partial(f"{may}; nobody from outside is stored as a member.", observed=observed)


_FOR_SELF = "managepermissiongrantsforself"
_FOR_OWNED = "managepermissiongrantsforownedresource"
_LEGACY = "microsoft-user-default-legacy"
_ANYTHING = {_LEGACY, "microsoft-application-admin", "microsoft-company-admin"}
"""Policies that let whoever has them consent to every app for all that they can reach.

Source: https://learn.microsoft.com/entra/identity/enterprise-apps/manage-app-consent-policies
"""
_LOW = "microsoft-user-default-low"


def _self_consent(authorization_policy: Mapping[str, Any]) -> list[str]:
    """Return the policies by which members and guests may consent for themselves, in lower case."""
    rights = block(authorization_policy, "defaultUserRolePermissions")
    found = []
    for entry in items(rights, "permissionGrantPoliciesAssigned"):
        prefix, dot, name = str(entry).casefold().partition(".")
        if not isinstance(entry, str) or not dot or prefix not in (_FOR_SELF, _FOR_OWNED):
            raise UnknownValueError(f"permissionGrantPoliciesAssigned holds {entry!r}")
        if prefix == _FOR_SELF:
            found.append(name)
    return sorted(found)


def _consents_to_risky(authorization_policy: Mapping[str, Any]) -> bool:
    """Return allowUserConsentForRiskyApps; null is Microsoft's documented default, false."""
    if present(authorization_policy, "allowUserConsentForRiskyApps") is None:
        return False
    return flag(authorization_policy, "allowUserConsentForRiskyApps")


def _no_user_consent(authorization_policy: Mapping[str, Any], **_: Any) -> Outcome:
    return Outcome.FAIL if _self_consent(authorization_policy) else Outcome.PASS


def _workflow_on(admin_consent_request_policy: Mapping[str, Any] | Gap, **_: Any) -> Outcome | None:
    if isinstance(admin_consent_request_policy, Gap):
        return None
    return Outcome.PASS if flag(admin_consent_request_policy, "isEnabled") else Outcome.FAIL


def _eidsca_ap08(authorization_policy: Mapping[str, Any], **_: Any) -> Outcome | None:
    """Low impact permissions of verified publishers; stricter and custom policies are not decided here."""
    found = _self_consent(authorization_policy)
    if _LEGACY in found:
        return Outcome.FAIL
    return Outcome.PASS if found == [_LOW] else None


@control(
    "GUEST-PER-006",
    fail=Severity.MEDIUM,
    partial=Severity.LOW,
    licence="none",
    observes=("admin_consent_request_policy.isEnabled",),
    remediation=(
        Remediation(
            method="PATCH",
            url=_POLICY,
            body={
                "allowUserConsentForRiskyApps": False,
                "defaultUserRolePermissions": {
                    "permissionGrantPoliciesAssigned": ["{every managePermissionGrantsForOwnedResource entry}"]
                },
            },
            permission="Policy.ReadWrite.Authorization",
            role="Privileged Role Administrator",
            powershell=("Update-MgPolicyAuthorizationPolicy -BodyParameter $body",),
            notes=(
                "Keep every managePermissionGrantsForOwnedResource entry of the present list and leave out those for "
                "self; dropping them all stops team owners from consenting for their own teams."
            ),
        ),
        Remediation(
            method="PUT",
            url="https://graph.microsoft.com/v1.0/policies/adminConsentRequestPolicy",
            body={
                "isEnabled": True,
                "notifyReviewers": True,
                "remindersEnabled": True,
                "requestDurationInDays": 30,
                "reviewers": [
                    {"@odata.type": "#microsoft.graph.accessReviewReviewerScope", "query": "/users/{reviewer id}"}
                ],
            },
            permission="Policy.ReadWrite.ConsentRequest",
            role="Global Administrator",
            powershell=("Update-MgPolicyAdminConsentRequestPolicy -BodyParameter $body",),
            notes="Name at least one reviewer, so that people have somebody to ask.",
        ),
    ),
    frameworks={
        "cis_m365": ("5.1.5.1 L2 (v4.0.0, v6.0.x, v7.0.0)", "5.1.5.2 L1 (v4.0.0, v6.0.x, v7.0.0)"),
        "scuba": ("MS.AAD.5.2v1 (SHALL)", "MS.AAD.5.3v1 (SHALL)"),
        "mcsb": ("IM-7 (own)",),
        "nist_800_53r5": ("AC-6(10) (SCuBA)", "CM-5 (SCuBA)", "CM-4 (SCuBA)"),
        "iso_27001_2022": ("A.5.36 (Prowler)", "A.8.18 (Prowler)", "A.8.26 (Prowler)"),
        "attack": ("T1528", "T1550.001", "T1098.001 (SCuBA)"),
        "atrm": ("AZT405 (own)",),
        "maester": (
            "EIDSCA.AP08",
            "EIDSCA.AP09",
            "EIDSCA.CP03",
            "EIDSCA.CP04",
            "EIDSCA.CR01",
            "CIS.M365.5.1.5.1",
        ),
        "prowler": ("entra_policy_restricts_user_consent_for_apps", "entra_admin_consent_workflow_enabled"),
        "zta": ("21776", "21809"),
        "other": ("DORA Art. 28 (Prowler)",),
    },
    authorities=(
        Authority("CIS Microsoft 365 v7.0.0", "5.1.5.1 L2: users do not consent", _no_user_consent),
        Authority("CIS Microsoft 365 v7.0.0", "5.1.5.2 L1: users can ask administrators", _workflow_on),
        Authority("CISA SCuBA", "MS.AAD.5.2v1 (SHALL): only administrators consent", _no_user_consent),
        Authority("CISA SCuBA", "MS.AAD.5.3v1 (SHALL): users can ask administrators", _workflow_on),
        Authority("EIDSCA", "AP08: low-impact permissions of verified publishers", _eidsca_ap08),
    ),
    unverified=(
        "which consent policy a tenant made today starts with",
        "the body and role of the change to the admin consent workflow",
    ),
)
def consent_is_for_administrators(
    authorization_policy: Mapping[str, Any], admin_consent_request_policy: Mapping[str, Any] | Gap
) -> Verdict:
    """Users, guests among them, cannot consent to arbitrary apps.

    Holds when nobody may consent for themselves, consent to risky apps is off
    and people can ask an administrator. Partial when a low-impact, recommended
    or custom policy allows some consent, or nobody can be asked. Fails when
    the legacy policy, or one made for administrators, allows all of it, or
    consent to risky apps is on.

    Why: an app that was consented to keeps reading with its refresh token after
    the guest is gone. The same default policy holds for outsiders.

    Attack: send a link to an app with a familiar name; one click on Accept
    hands over mail and files, and no password or MFA is asked again.

    Fix: Entra admin center > Enterprise apps > Consent and permissions > User
    consent settings > Do not allow user consent; Admin consent settings > Users
    can request admin consent > Yes.

    Breaks: sign-in to a new app needs an administrator once. Grants that exist
    stay. Entries for owned resources must be kept, else team owners cannot
    consent for their teams.

    Default: user consent is allowed; which policy a tenant made today starts
    with is not known to us.

    Source: https://learn.microsoft.com/entra/identity/enterprise-apps/configure-user-consent
    https://learn.microsoft.com/graph/api/resources/authorizationpolicy
    https://learn.microsoft.com/graph/api/adminconsentrequestpolicy-get
    https://github.com/microsoft/zerotrustassessment/blob/main/src/powershell/tests/Test-Assessment.21776.md
    """
    found, risky = _self_consent(authorization_policy), _consents_to_risky(authorization_policy)
    observed = {"consent to risky apps": risky, "policies for own consent": found}
    if risky:
        return failed("Users may consent to apps that Microsoft rates as risky.", observed=observed)
    if _ANYTHING & set(found):
        return failed("Users may consent to any app for anything they can reach.", observed=observed)
    if found:
        return partial(f"Users may consent within {', '.join(found)}.", observed=observed)
    if isinstance(admin_consent_request_policy, Gap):
        raise UnknownValueError(
            "users may not consent, and whether they can ask an administrator was not read: "
            f"{admin_consent_request_policy.detail}",
            because=admin_consent_request_policy,
        )
    if not flag(admin_consent_request_policy, "isEnabled"):
        return partial("Users may not consent, and have no way to ask an administrator.", observed=observed)
    return passed("Users may not consent, and can ask an administrator.", observed=observed)
