"""SharePoint and OneDrive: whom files are shared with, and how long those people stay."""

from collections.abc import Mapping
from typing import Any

from posture.controls.registry import (
    Authority,
    Outcome,
    Remediation,
    Verdict,
    control,
    failed,
    manual,
    partial,
    passed,
)
from posture.controls.shared import names, number
from posture.errors import UnknownValueError
from posture.settings import Profile, Severity, Thresholds
from posture.snapshot.derive import DomainList, DomainMode, invitation_domain_mode
from posture.snapshot.types import Gap, Rows
from posture.snapshot.values import flag, items, text

_SHAREPOINT = "https://graph.microsoft.com/v1.0/admin/sharepoint/settings"

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
