"""Groups, SharePoint, OneDrive and Teams: what collaboration adds to the directory's own settings."""

from collections.abc import Iterable, Mapping
from typing import Any

from posture.controls.guest_entitlements import GuestsInGroups
from posture.controls.registry import (
    Authority,
    Outcome,
    Remediation,
    Verdict,
    control,
    failed,
    manual,
    not_applicable,
    partial,
    passed,
)
from posture.controls.shared import NO_GUESTS, names, number, unless_known
from posture.errors import UnknownValueError
from posture.settings import Profile, Severity, Thresholds
from posture.snapshot.derive import DomainList, DomainMode, invitation_domain_mode
from posture.snapshot.power import hides_members, is_team
from posture.snapshot.types import Gap, Rows
from posture.snapshot.values import block, flag, items, objects, text

_UNIFIED = "62375ab9-6b52-47ed-826b-58e47e0e304b"
_UNIFIED_GUEST = "08d542b9-071f-4e16-94b0-74abb372e3d9"
_DEFAULTS = {
    "AllowGuestsToBeGroupOwner": "false",
    "AllowGuestsToAccessGroups": "true",
    "AllowToAddGuests": "true",
    "GuestUsageGuidelinesUrl": "",
}
"""What applies while a tenant has no settings object.

Source: https://learn.microsoft.com/entra/identity/users/groups-settings-cmdlets
"""
_SHAREPOINT = "https://graph.microsoft.com/v1.0/admin/sharepoint/settings"


def _values(settings: Iterable[Mapping[str, Any]], template: str) -> dict[str, str] | None:
    """Return the values of a template's settings object by name; None where there is no such object."""
    found: dict[str, str] | None = None
    for row in objects(settings, "group settings"):
        if text(row, "templateId").casefold() != template:
            if template == _UNIFIED and row.get("displayName") == "Group.Unified":
                raise UnknownValueError("the settings called Group.Unified have a template this version does not know")
            continue
        if found is not None:
            raise UnknownValueError("two group settings of one template are in force")
        found = {}
        for value in objects(items(row, "values"), "values of a setting"):
            name = text(value, "name")
            if name in found:
                raise UnknownValueError(f"{name} is set twice in the group settings")
            found[name] = text(value, "value")
    return found


def _switch(values: Mapping[str, str], name: str) -> bool:
    """Return a true/false value that group settings hold as text, in any letter case."""
    value = text(values, name).strip().casefold()
    if value not in ("true", "false"):
        raise UnknownValueError(f"{name} is {values[name]!r}, neither true nor false")
    return value == "true"


_INVITERS = {
    "none": Outcome.PASS,
    "adminsAndGuestInviters": Outcome.PASS,
    "adminsGuestInvitersAndAllMembers": Outcome.PARTIAL,
    "everyone": Outcome.FAIL,
}


def _inviters(authorization_policy: Mapping[str, Any]) -> Outcome:
    """Return how GUEST-INV-001 reads who may invite."""
    setting = text(authorization_policy, "allowInvitesFrom")
    if setting not in _INVITERS:
        raise UnknownValueError(f"allowInvitesFrom is {setting!r}")
    return _INVITERS[setting]


def _st08(group_settings: Rows, **_: Any) -> Outcome | None:
    values = _values(group_settings, _UNIFIED)
    return None if values is None else Outcome.FAIL if _switch(values, "AllowGuestsToBeGroupOwner") else Outcome.PASS


def _st09(group_settings: Rows, **_: Any) -> Outcome | None:
    values = _values(group_settings, _UNIFIED)
    return None if values is None else Outcome.PASS if _switch(values, "AllowGuestsToAccessGroups") else Outcome.FAIL


@control(
    "GUEST-WRK-001",
    fail=Severity.MEDIUM,
    partial=Severity.INFO,
    licence="most values need Entra ID P1 to take effect",
    observes=("authorization_policy.allowInvitesFrom",),
    remediation=Remediation(
        method="PATCH",
        url="https://graph.microsoft.com/v1.0/groupSettings/{id}",
        body={
            "values": [
                {"name": "AllowGuestsToBeGroupOwner", "value": "false"},
                {"name": "AllowToAddGuests", "value": "false"},
                {"name": "AllowGuestsToAccessGroups", "value": "true"},
            ]
        },
        permission="GroupSettings.ReadWrite.All",
        role="Groups Administrator",
        powershell=(
            "Update-MgGroupSetting -GroupSettingId {id} -BodyParameter $body",
            "New-MgGroupSetting -BodyParameter $body",
        ),
        notes="Send every value the object has: whether a partial list is merged was not tried. Without an object, "
        "POST /groupSettings with templateId 62375ab9-6b52-47ed-826b-58e47e0e304b and all values of the template.",
    ),
    frameworks={
        "mcsb": ("PA-7 (own)",),
        "nist_800_53r5": ("AC-2 (own)", "AC-3 (own)"),
        "iso_27001_2022": ("A.5.15 (own)",),
        "attack": ("T1098 (own)", "T1136.003 (own)"),
        "atrm": ("AZT502.3 (own)",),
        "maester": ("EIDSCA.ST08", "EIDSCA.ST09"),
    },
    authorities=(
        Authority("Maester", "EIDSCA.ST08: guests cannot own groups", _st08),
        Authority("Maester", "EIDSCA.ST09: guests can reach group content", _st09),
    ),
    parameters=("expect_allow_to_add_guests", "require_usage_guidelines"),
    empty_is_good=(
        "group_settings: no object means that the template's defaults apply, which Microsoft documents. "
        "group_setting_overrides: they are shown and not judged."
    ),
    unverified=("whether a PATCH with some of the values leaves the others alone",),
)
def group_guest_settings_are_deliberate(
    group_settings: Rows,
    authorization_policy: Mapping[str, Any],
    group_setting_overrides: Rows | Gap,
    thresholds: Thresholds,
) -> Verdict:
    """Microsoft 365 group guest settings are deliberate.

    Holds when guests cannot own groups and group owners either cannot add
    guests, or can add only people who are in the directory already because no
    more than chosen roles may invite (GUEST-INV-001). Where
    `expect_allow_to_add_guests` says what the tenant decided, the setting has
    to equal it. Partial while every member may invite. Fails when guests may
    own groups, when the setting differs from the decision, and when owners may
    add guests while everybody may invite.

    Why: these settings decide whether any owner may add outsiders, and whether
    an outsider may become owner and go on from there.

    Attack: a guest owner admits further people without ever using a right to
    invite, so limits on inviting do not stop it.

    Fix: Microsoft 365 admin center > Settings > Org settings > Microsoft 365
    Groups. The owner switch is set through Graph or PowerShell. Use labels or
    the settings of single groups for exceptions.

    Breaks: switching AllowGuestsToAccessGroups off cuts guests off from group
    content at once. Switching AllowToAddGuests off stops owners, not
    administrators.

    Default: no settings object: guests cannot own groups, can reach their
    content, and can be added.

    Source: https://learn.microsoft.com/entra/identity/users/groups-settings-cmdlets
    https://learn.microsoft.com/graph/api/group-list-settings
    https://learn.microsoft.com/entra/architecture/9-secure-access-teams-sharepoint
    """
    stored = _values(group_settings, _UNIFIED)
    values = _DEFAULTS if stored is None else stored
    owners = _switch(values, "AllowGuestsToBeGroupOwner")
    observed: dict[str, Any] = {"AllowGuestsToBeGroupOwner": owners, "set by the tenant": stored is not None}
    whence = "as set by the tenant" if stored is not None else "by default"
    if owners:
        return failed(f"Guests may own Microsoft 365 groups, {whence}.", observed=observed)
    adding, reach = _switch(values, "AllowToAddGuests"), _switch(values, "AllowGuestsToAccessGroups")
    observed |= {"AllowToAddGuests": adding, "AllowGuestsToAccessGroups": reach}
    closed = _groups_closed(group_setting_overrides)
    if closed is not None:
        observed["group_setting_overrides.groups that refuse guests"] = closed
    notes = () if reach else ("Guests cannot reach the content of groups at all (AllowGuestsToAccessGroups is false).",)
    more: dict[str, Any] = {"observed": observed, "notes": notes}
    decided = thresholds.expect_allow_to_add_guests.strip().casefold()
    if decided not in ("", "true", "false"):
        raise UnknownValueError(f"expect_allow_to_add_guests is {decided!r}; use true or false")
    if decided and (decided == "true") is not adding:
        return failed(f"AllowToAddGuests is {str(adding).lower()}, {whence}; the tenant decided on {decided}.", **more)
    inviters = _inviters(authorization_policy)
    if not decided and adding and inviters is not Outcome.PASS:
        if inviters is Outcome.FAIL:
            return failed(f"Group owners may add guests, {whence}, while everybody may invite.", **more)
        return partial(f"Group owners may add guests, {whence}, and every member may invite.", **more)
    if thresholds.require_usage_guidelines and not text(values, "GuestUsageGuidelinesUrl").strip():
        return partial("No guidelines for guests are linked (GuestUsageGuidelinesUrl).", **more)
    can = "can add guests as decided" if decided else "can add only guests whom somebody allowed to invite has let in"
    return passed(
        f"Guests cannot own Microsoft 365 groups; group owners {can if adding else 'cannot add guests'}.", **more
    )


def _groups_closed(overrides: Rows | Gap) -> int | None:
    """Count the groups that refuse guests on their own; None where that was not read or cannot be."""
    if isinstance(overrides, Gap):
        return None
    try:
        found = (_values(items(row, "settings"), _UNIFIED_GUEST) for row in objects(overrides, "settings of groups"))
        return sum(v is not None and not _switch(v, "AllowToAddGuests") for v in found)
    except UnknownValueError:
        return None


_CAPABILITIES = (
    "disabled",
    "existingExternalUserSharingOnly",
    "externalUserSharingOnly",
    "externalUserAndGuestSharing",
)
_EXISTING = ("disabled", "existingExternalUserSharingOnly")


def _sharing(sharepoint_settings: Mapping[str, Any]) -> str:
    """Return how far SharePoint shares.

    Source: https://learn.microsoft.com/graph/api/resources/sharepointsettings
    """
    found = text(sharepoint_settings, "sharingCapability")
    if found not in _CAPABILITIES:
        raise UnknownValueError(f"sharingCapability is {found!r}")
    return found


def _scuba_sharing(sharepoint_settings: Mapping[str, Any], **_: Any) -> Outcome | None:
    return Outcome.PASS if _sharing(sharepoint_settings) in _EXISTING else Outcome.FAIL


def _cis_sharing(sharepoint_settings: Mapping[str, Any], **_: Any) -> Outcome | None:
    return Outcome.FAIL if _sharing(sharepoint_settings) == "externalUserAndGuestSharing" else Outcome.PASS


@control(
    "GUEST-WRK-002",
    fail=Severity.HIGH,
    partial=Severity.LOW,
    licence="none beyond SharePoint",
    observes=("sharepoint_settings.sharingCapability",),
    remediation=Remediation(
        method="PATCH",
        url=_SHAREPOINT,
        body={"sharingCapability": "externalUserSharingOnly"},
        permission="SharePointTenantSettings.ReadWrite.All",
        role="SharePoint Administrator",
        powershell=(
            "Update-MgAdminSharepointSetting -BodyParameter @{ sharingCapability = 'externalUserSharingOnly' }",
            "Set-SPOTenant -SharingCapability ExternalUserSharingOnly",
        ),
        notes="existingExternalUserSharingOnly where SharePoint's integration with Entra B2B is off (GUEST-WRK-005).",
    ),
    frameworks={
        "cis_m365": ("7.2.3 L1 (v4.0.0-v7.0.0)", "7.2.4 L2 (v7.0.0, OneDrive level: not in this resource)"),
        "scuba": ("MS.SHAREPOINT.1.1v1 (SHALL)", "MS.SHAREPOINT.1.2v1 (SHALL, OneDrive: not in this resource)"),
        "mcsb": ("DP-2 (own)",),
        "nist_800_53r5": ("AC-2 (SCuBA)", "AC-3 (SCuBA)", "IA-8 (SCuBA)"),
        "iso_27001_2022": ("A.5.14 (own)", "A.8.12 (own)"),
        "attack": ("T1213.002", "T1530"),
        "maester": ("CISA.MS.SHAREPOINT.1.1", "CISA.MS.SHAREPOINT.1.2"),
        "prowler": ("sharepoint_external_sharing_restricted",),
    },
    authorities=(
        Authority("CISA SCuBA", "MS.SHAREPOINT.1.1v1 (SHALL): existing guests or nobody", _scuba_sharing),
        Authority("CIS Microsoft 365", "7.2.3 L1 (v7.0.0): new and existing guests or stricter", _cis_sharing),
        Authority("Prowler", "sharepoint_external_sharing_restricted", _cis_sharing),
    ),
    parameters=("accept_new_guests",),
)
def sharing_stops_at_known_guests(
    sharepoint_settings: Mapping[str, Any], thresholds: Thresholds, profile: Profile
) -> Verdict:
    """SharePoint and OneDrive do not share beyond known guests.

    Holds when sharing is off, for existing guests only, or for new and existing
    guests (unless `accept_new_guests` is false, then partial). Fails while
    "Anyone" links are allowed. The `scuba-aad` profile fails new guests too.

    Why: an "Anyone" link asks for no identity, so no guest control applies to
    it. One level below, the sharing dialog makes a guest on the fly, past
    whatever order you keep in inviting.

    Attack: whoever gets hold of a link reads the file, with no account, no
    Conditional Access and no name in the sign-in log.

    Fix: SharePoint admin center > Policies > Sharing > External sharing: new
    and existing guests where the integration with Entra B2B is on, existing
    guests otherwise.

    Breaks: "Anyone" links that exist stop working. A site cannot be more open
    than the tenant; stricter sites keep their level.

    Default: "Anyone".

    Source: https://learn.microsoft.com/graph/api/resources/sharepointsettings
    https://learn.microsoft.com/sharepoint/sharepoint-azureb2b-integration
    https://github.com/cisagov/ScubaGear/blob/main/PowerShell/ScubaGear/baselines/sharepoint.md
    """
    found = _sharing(sharepoint_settings)
    if found == "disabled":
        return passed("Sharing with people outside is off.")
    if found == "existingExternalUserSharingOnly":
        return passed("Sharing is limited to guests the directory already has.")
    if found == "externalUserAndGuestSharing":
        return failed("Files can be shared with anyone who has a link, without signing in.")
    if profile is Profile.SCUBA_AAD:
        return failed("Sharing is open to new guests; the profile accepts existing ones only.")
    if not thresholds.accept_new_guests:
        return partial("Sharing is open to new guests; the tenant decided on existing ones only.")
    return passed(
        "Sharing is limited to new and existing guests, who sign in.",
        notes=(
            "This rests on SharePoint's integration with Entra B2B, which Graph does not show (GUEST-WRK-005): without "
            "it visitors sign in with a code and never become guests.",
        ),
    )


_MODES = ("none", "allowList", "blockList")


def _sharing_domains(sharepoint_settings: Mapping[str, Any]) -> tuple[str, set[str]]:
    """Return SharePoint's own domain list: its kind and domains in lower case."""
    mode = text(sharepoint_settings, "sharingDomainRestrictionMode")
    if mode not in _MODES:
        raise UnknownValueError(f"sharingDomainRestrictionMode is {mode!r}")
    if mode == "none":
        return mode, set()
    key = "sharingAllowedDomainList" if mode == "allowList" else "sharingBlockedDomainList"
    found = items(sharepoint_settings, key)
    if not all(isinstance(d, str) and d.strip() for d in found):
        raise UnknownValueError(f"{key} holds something that is no domain")
    return mode, {d.strip().casefold() for d in found}


def _cis_domains(sharepoint_settings: Mapping[str, Any], **_: Any) -> Outcome | None:
    return Outcome.PASS if _sharing_domains(sharepoint_settings)[0] == "allowList" else Outcome.FAIL


def _scuba_domains(sharepoint_settings: Mapping[str, Any], **_: Any) -> Outcome | None:
    """Approved security groups, which also satisfy the item, are not in Graph."""
    if _sharing(sharepoint_settings) == "disabled":
        return Outcome.PASS
    return Outcome.PASS if _sharing_domains(sharepoint_settings)[0] == "allowList" else None


def _prowler_domains(sharepoint_settings: Mapping[str, Any], **_: Any) -> Outcome | None:
    mode, domains = _sharing_domains(sharepoint_settings)
    return Outcome.PASS if mode != "none" and domains else Outcome.FAIL


@control(
    "GUEST-WRK-003",
    fail=Severity.MEDIUM,
    partial=Severity.LOW,
    observes=(
        "sharepoint_settings.sharingCapability",
        "sharepoint_settings.sharingDomainRestrictionMode",
        "sharepoint_settings.sharingAllowedDomainList",
        "sharepoint_settings.sharingBlockedDomainList",
    ),
    remediation=Remediation(
        method="PATCH",
        url=_SHAREPOINT,
        body={"sharingDomainRestrictionMode": "allowList", "sharingAllowedDomainList": ["partner.example"]},
        permission="SharePointTenantSettings.ReadWrite.All",
        role="SharePoint Administrator",
        powershell=(
            "Set-SPOTenant -SharingDomainRestrictionMode AllowList -SharingAllowedDomainList 'partner.example'",
        ),
        notes="Use the domains that Entra allows invitations to (GUEST-INV-002), or fewer.",
    ),
    frameworks={
        "cis_m365": ("7.2.6 L2 (v7.0.0, allow list only)",),
        "scuba": ("MS.SHAREPOINT.1.3v1 (SHALL)",),
        "mcsb": ("DP-2 (own)",),
        "nist_800_53r5": ("AC-3 (own)", "AC-20 (own)"),
        "iso_27001_2022": ("A.5.14 (own)",),
        "attack": ("T1213.002 (own)", "T1530 (own)"),
        "maester": ("CISA.MS.SHAREPOINT.1.3",),
        "prowler": ("sharepoint_external_sharing_managed",),
    },
    authorities=(
        Authority("CIS Microsoft 365", "7.2.6 L2 (v7.0.0): an allow list", _cis_domains),
        Authority("CISA SCuBA", "MS.SHAREPOINT.1.3v1 (SHALL): approved domains or groups", _scuba_domains),
        Authority("Prowler", "sharepoint_external_sharing_managed: either list", _prowler_domains),
    ),
    empty_is_good="b2b_management_policies: Entra then limits no domain, so any list in SharePoint is narrower.",
    unverified=("what a new list does to files shared before",),
)
def sharing_is_limited_to_partner_domains(
    sharepoint_settings: Mapping[str, Any], b2b_management_policies: Rows | Gap, profile: Profile
) -> Verdict:
    """SharePoint and OneDrive sharing is limited to partner domains.

    Holds when sharing is off, or limited to an allow list of domains that is
    no wider than the domains Entra lets be invited. Partial with a block list,
    with an allow list that is wider than Entra's or stands beside "Anyone"
    links, which ask for no domain, and without a list while sharing reaches
    existing guests only. Fails without a list while sharing is
    open to new guests or anyone. The `cis-m365-v7` profile takes an allow list
    and nothing else, and does not compare it.

    Why: SharePoint keeps its own list of domains, which does not follow that of
    Entra. Where only one is tight, the sharing dialog still talks to the whole
    internet.

    Attack: a member of staff, or somebody with their session, shares a folder
    with a private mailbox that no invitation could have reached.

    Fix: SharePoint admin center > Policies > Sharing > More external sharing
    settings > Limit external sharing by domain, with the same list as in
    Entra.

    Breaks: new shares to other domains are refused. What happens to shares
    that exist was not read.

    Default: no list.

    Source: https://learn.microsoft.com/graph/api/resources/sharepointsettings
    https://learn.microsoft.com/entra/external-id/allow-deny-list
    """
    sharing = _sharing(sharepoint_settings)
    if sharing == "disabled":
        return passed("Sharing with people outside is off.")
    mode, domains = _sharing_domains(sharepoint_settings)
    cis = profile is Profile.CIS_M365_V7
    if mode == "blockList" and domains:
        if cis:
            return failed(f"Sharing is refused for {_many(domains)}; the profile asks for an allow list.")
        return partial(f"Sharing is refused for {_many(domains)} and open to all others.")
    if mode == "allowList":
        if not domains:
            raise UnknownValueError("SharePoint's allow list is empty, which may mean nobody or anybody")
        if cis:
            return passed(f"Sharing is limited to {_many(domains)}.")
        if isinstance(b2b_management_policies, Gap):
            raise UnknownValueError(
                f"Entra's list, to compare SharePoint's with, was not read: {b2b_management_policies.detail}",
                because=b2b_management_policies,
            )
        beyond = _beyond(domains, invitation_domain_mode(b2b_management_policies))
        if beyond:
            return partial(
                f"Sharing is limited to {_many(domains)}, of which Entra does not allow {names(beyond)}.",
                observed={"domains beyond Entra's list": sorted(beyond)},
            )
        if sharing == "externalUserAndGuestSharing":
            return partial(
                f"Sharing with people who sign in is limited to {_many(domains)}; links for anyone go to any domain."
            )
        return passed(f"Sharing is limited to {_many(domains)}, and Entra lets all of them be invited.")
    if sharing == "existingExternalUserSharingOnly" and not cis:
        return partial("No list limits sharing; it reaches guests the directory already has, of any domain.")
    return failed("No list limits sharing: files can go to people of any domain.")


def _many(domains: set[str]) -> str:
    return number(len(domains), "domain")


def _beyond(domains: set[str], entra: DomainMode) -> set[str]:
    """Return the domains that SharePoint shares with and Entra does not let be invited."""
    listed = {d.strip().casefold() for d in entra.domains}
    match entra.kind:
        case DomainList.ALLOW:
            return domains - listed
        case DomainList.BLOCK:
            return domains & listed
        case DomainList.NONE:
            return set()
        case DomainList.EMPTY_ALLOW:
            raise UnknownValueError("Entra's allow list is empty, which may mean nobody or anybody")


def _cis_resharing(sharepoint_settings: Mapping[str, Any], **_: Any) -> Outcome | None:
    return Outcome.FAIL if flag(sharepoint_settings, "isResharingByExternalUsersEnabled") else Outcome.PASS


@control(
    "GUEST-WRK-004",
    fail=Severity.MEDIUM,
    partial=Severity.LOW,
    observes=(
        "sharepoint_settings.isResharingByExternalUsersEnabled",
        "sharepoint_settings.isRequireAcceptingUserToMatchInvitedUserEnabled",
    ),
    remediation=Remediation(
        method="PATCH",
        url=_SHAREPOINT,
        body={
            "isResharingByExternalUsersEnabled": False,
            "isRequireAcceptingUserToMatchInvitedUserEnabled": True,
        },
        permission="SharePointTenantSettings.ReadWrite.All",
        role="SharePoint Administrator",
        powershell=(
            "Set-SPOTenant -PreventExternalUsersFromResharing $true",
            "Set-SPOTenant -RequireAcceptingAccountMatchInvitedAccount $true",
        ),
    ),
    frameworks={
        "cis_m365": ("7.2.5 L2 (v7.0.0)",),
        "mcsb": ("DP-2 (own)",),
        "nist_800_53r5": ("AC-3 (own)", "AC-6 (own)"),
        "iso_27001_2022": ("A.5.14 (own)", "A.8.12 (own)"),
        "attack": ("T1213.002 (own)", "T1530 (own)"),
        "maester": ("Test-MtCisSpoGuestCannotShareUnownedItem",),
        "prowler": ("sharepoint_guest_sharing_restricted",),
    },
    authorities=(
        Authority("CIS Microsoft 365", "7.2.5 L2 (v7.0.0): guests cannot share what they do not own", _cis_resharing),
        Authority("Prowler", "sharepoint_guest_sharing_restricted", _cis_resharing),
    ),
    unverified=("the default of the account match", "the parameter of the second Set-SPOTenant line"),
)
def guests_cannot_pass_files_on(sharepoint_settings: Mapping[str, Any], profile: Profile) -> Verdict:
    """Guests cannot pass files on, and links bind to the invited address.

    Holds when guests cannot reshare and an invitation works only for the
    account it was sent to. Partial with one of the two, fails with neither.
    The `cis-m365-v7` profile asks for the first alone.

    Why: with resharing on, one guest you trust hands your files to people you
    never met. Without the match, a forwarded invitation opens for whoever
    clicks first.

    Attack: the sharing mail is forwarded, or read in a broken mailbox, and
    accepted with another account.

    Fix: SharePoint admin center > Policies > Sharing > More external sharing
    settings: clear "Allow guests to share items they don't own", tick "Guests
    must sign in using the same account".

    Breaks: partners must ask somebody inside to add a colleague; people with
    several addresses must use the invited one.

    Default: resharing is allowed; the match is off.

    Source: https://learn.microsoft.com/graph/api/resources/sharepointsettings
    https://learn.microsoft.com/entra/architecture/9-secure-access-teams-sharepoint
    """
    reshares = flag(sharepoint_settings, "isResharingByExternalUsersEnabled")
    if profile is Profile.CIS_M365_V7 and not reshares:
        return passed("Guests cannot reshare what they do not own.")
    if profile is Profile.CIS_M365_V7:
        return failed("Guests can reshare what they do not own.")
    matches = flag(sharepoint_settings, "isRequireAcceptingUserToMatchInvitedUserEnabled")
    if not reshares and matches:
        return passed("Guests cannot reshare, and an invitation works only for the account it was sent to.")
    if reshares and not matches:
        return failed("Guests can reshare what they do not own, and an invitation works for whoever opens it.")
    if reshares:
        return partial("An invitation works only for the account it was sent to, but guests can reshare.")
    return partial("Guests cannot reshare, but an invitation works for whoever opens it.")


@control(
    "GUEST-WRK-005",
    fail=Severity.HIGH,
    partial=Severity.LOW,
    kind="manual",
    remediation=Remediation(
        powershell=(
            "Set-SPOTenant -EnableAzureADB2BIntegration $true",
            "Set-SPOTenant -SyncAadB2BManagementPolicy $true",
            "Set-SPOTenant -ExternalUserExpirationRequired $true -ExternalUserExpireInDays 30",
            "Set-SPOTenant -EmailAttestationRequired $true -EmailAttestationReAuthDays 15",
        ),
        role="SharePoint Administrator",
        notes="Outside Microsoft Graph. The integration needs the email one-time passcode to be on.",
    ),
    frameworks={
        "cis_m365": ("7.2.2 L1 (v4.0.0-v7.0.0)", "7.2.9 L1 (v7.0.0)", "7.2.10 L1 (v7.0.0)"),
        "scuba": ("MS.SHAREPOINT.3.3v2 (SHALL, 30 days)",),
        "mcsb": ("PA-3 (own)",),
        "nist_800_53r5": ("AC-2(3) (own)", "IA-8 (own)"),
        "iso_27001_2022": ("A.5.16 (own)", "A.5.18 (own)"),
        "attack": ("T1213.002 (own)", "T1530 (own)"),
        "maester": ("Test-MtCisSpoGuestAccessExpiry",),
        "other": ("CIPP SPAzureB2B", "CIPP SPExternalUserExpiration"),
    },
    parameters=("max_expire_days", "max_reauth_days"),
    unverified=("where the portal shows the integration switch",),
)
def sharepoint_uses_entra_b2b(thresholds: Thresholds) -> Verdict:
    """SharePoint uses Entra B2B, and site guests expire (outside Microsoft Graph).

    Holds when the integration is on, guest access to sites ends within
    `max_expire_days`, and people who use a code prove their address again
    within `max_reauth_days`. Partial when one of the last two is missing or
    longer. Fails without the integration, or when nothing expires. Only
    SharePoint PowerShell shows these, so a person has to look and attest.

    Why: without the integration SharePoint keeps visitors of its own, who sign
    in with a code and never become guests. No directory review and no
    Conditional Access covers them. Site access without an end outlives every
    project.

    Attack: a visitor from years ago, or whoever reads that mailbox now, opens
    the site with a fresh code.

    Fix: Set-SPOTenant as below. Expiry and renewal of codes also stand in the
    SharePoint admin center > Policies > Sharing > More external sharing
    settings.

    Breaks: new shares make real guests and follow the rules for inviting. The
    integration needs the email passcode, which CIS 5.2.3.7 asks to disable. It
    does not exist in GCC High, DoD and 21Vianet. Expiry ends access on the day
    unless a site owner extends it.

    Default: integration off, nothing expires, codes are not renewed.

    Source: https://learn.microsoft.com/sharepoint/sharepoint-azureb2b-integration
    https://learn.microsoft.com/entra/external-id/one-time-passcode
    https://github.com/cisagov/ScubaGear/blob/main/PowerShell/ScubaGear/baselines/sharepoint.md
    """
    return manual(
        "Microsoft Graph does not show this. Run Get-SPOTenant and look at EnableAzureADB2BIntegration, "
        f"ExternalUserExpirationRequired (within {thresholds.max_expire_days} days) and EmailAttestationRequired "
        f"(within {thresholds.max_reauth_days} days); then attest it in posture.toml."
    )


_TENANT_HALF = (
    "The tenant-wide half is not in Microsoft Graph: look in the Teams admin center under Users > Guest access "
    "(guest access, calling, meetings, messaging)."
)


@control(
    "GUEST-WRK-006",
    fail=Severity.LOW,
    partial=Severity.INFO,
    licence="Microsoft Teams",
    remediation=Remediation(
        method="PATCH",
        url="https://graph.microsoft.com/v1.0/teams/{id}",
        body={"guestSettings": {"allowCreateUpdateChannels": False, "allowDeleteChannels": False}},
        permission="TeamSettings.ReadWrite.All",
        role="Teams Administrator",
        powershell=(
            "Update-MgTeam -TeamId {id} -BodyParameter "
            "@{ guestSettings = @{ allowCreateUpdateChannels = $false; allowDeleteChannels = $false } }",
            "Set-CsTeamsClientConfiguration -Identity Global -AllowGuestUser $false",
        ),
        notes="The second cmdlet cuts every guest off from Teams: only where Teams has no guests.",
    ),
    frameworks={
        "nist_800_53r5": ("AC-3 (own)",),
        "iso_27001_2022": ("A.5.14 (own)",),
        "attack": ("T1213 (own)",),
        "other": ("CIPP TeamsGuestAccess",),
    },
    unverified=("the defaults of both halves", "whether guestSettings comes with Team.ReadBasic.All"),
)
def teams_limit_guests(teams_guest_settings: Rows, guests_in_groups: GuestsInGroups, groups: Rows) -> Verdict:
    """Teams guest rights are limited (per team by Graph, tenant-wide by attestation).

    Holds when no team that has guests lets them create, change or delete
    channels. Partial when some let them create and change, fails when one lets
    them delete. A team that hides its members, and that no guest's own list
    names, leaves it open. The switches for the whole tenant are not in Graph:
    the finding says where to look.

    Why: guests who may make and delete channels can hide a conversation or
    destroy it. The tenant-wide rights to call, meet and write decide how useful
    a guest is for deceiving staff.

    Attack: the guest opens a channel that looks official, gathers what people
    put there, and deletes it.

    Fix: Teams > the team > Manage team > Settings > Guest permissions; Teams
    admin center > Users > Guest access for the tenant.

    Breaks: guests who structure a project together with you need a member of
    staff for channels. Switching guest access off for the tenant cuts all
    guests off from Teams.

    Default: both rights are off in a team (unverified); guest access for the
    tenant is on (unverified).

    Source: https://learn.microsoft.com/graph/api/resources/teamguestsettings
    https://learn.microsoft.com/entra/architecture/9-secure-access-teams-sharepoint
    """
    if not guests_in_groups.population:
        return not_applicable(NO_GUESTS, observed={"guests": 0})
    unknown = list(guests_in_groups.unknown)
    inside = guests_in_groups.inside
    teams = {text(g, "id").casefold(): g for g in objects(groups, "groups") if is_team(g)}
    hidden = sum(hides_members(g) and not inside[key] for key, g in teams.items())
    if hidden:
        unknown.append(f"the members of {number(hidden, 'team')} are hidden")
    teams = {key: g for key, g in teams.items() if inside[key]}
    deleting: list[dict[str, Any]] = []
    creating: list[dict[str, Any]] = []
    seen: set[str] = set()
    for row in objects(teams_guest_settings, "teams"):
        team_id = row.get("id")
        if not isinstance(team_id, str) or (key := team_id.casefold()) not in teams:
            continue
        seen.add(key)
        try:
            rights = block(row, "guestSettings")
            deletes = flag(rights, "allowDeleteChannels")
            # That they may delete is enough to fail, whatever else they may.
            creates = rights.get("allowCreateUpdateChannels") if deletes else flag(rights, "allowCreateUpdateChannels")
        except UnknownValueError as reason:
            unknown.append(f"the team {team_id}: {reason}")
            continue
        if creates or deletes:
            can = " and ".join(w for w, on in (("create and change", creates), ("delete", deletes)) if on)
            shown = {
                "id": team_id,
                "displayName": teams[key].get("displayName"),
                "why": f"its guests may {can} channels",
                "guests": inside[key],
            }
            (deleting if deletes else creating).append(shown)
    unknown += [f"the guest settings of the team {team_id} were not read" for team_id in sorted(teams.keys() - seen)]
    observed = {
        "teams with guests": len(teams),
        "teams_guest_settings.where guests may change channels": len(deleting) + len(creating),
    }
    more: dict[str, Any] = {"observed": observed, "notes": (_TENANT_HALF,)}
    if deleting:
        return failed(
            f"Guests may delete channels in {len(deleting)} of {len(teams)} teams that have guests.",
            affected=deleting + creating,
            **more,
        )
    unless_known(unknown)
    if creating:
        return partial(
            f"Guests may create and change channels in {len(creating)} of {len(teams)} teams that have guests.",
            affected=creating,
            **more,
        )
    if not teams:
        return not_applicable("No team has guests.", **more)
    return passed(f"Guests cannot change channels in any of the {len(teams)} teams that have guests.", **more)
