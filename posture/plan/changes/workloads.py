"""Groups, SharePoint, OneDrive and Teams."""

from collections.abc import Iterator, Mapping
from typing import Any

from posture.plan.changes.invitations import entra_list, proposal
from posture.plan.remedies import (
    Evidence,
    Finding,
    Request,
    Risk,
    Step,
    about,
    created,
    patch,
    people,
    remedy,
    setting,
    step,
)
from posture.settings import Profile

_UNIFIED = "62375ab9-6b52-47ed-826b-58e47e0e304b"
_TEMPLATE = {
    "EnableMIPLabels": "false",
    "CustomBlockedWordsList": "",
    "EnableMSStandardBlockedWords": "false",
    "ClassificationDescriptions": "",
    "DefaultClassification": "",
    "PrefixSuffixNamingRequirement": "",
    "AllowGuestsToBeGroupOwner": "false",
    "AllowGuestsToAccessGroups": "true",
    "GuestUsageGuidelinesUrl": "",
    "GroupCreationAllowedGroupId": "",
    "AllowToAddGuests": "true",
    "UsageGuidelinesUrl": "",
    "ClassificationList": "",
    "EnableGroupCreation": "true",
}
"""What applies while there is no settings object.

Source: https://learn.microsoft.com/entra/identity/users/groups-settings-cmdlets
"""
_SHAREPOINT = "/admin/sharepoint/settings"


@remedy("GUEST-WRK-001", risk=Risk.LOW)
def settle_group_guests(ev: Evidence, finding: Finding) -> Iterator[Step]:
    """Change the settings object, all values sent; make one where there is none.

    Sources: https://learn.microsoft.com/graph/api/groupsetting-update
    https://learn.microsoft.com/graph/api/group-post-settings
    """
    decided = ev.thresholds.expect_allow_to_add_guests.strip().casefold() or "false"
    wanted = {"AllowGuestsToBeGroupOwner": "false", "AllowToAddGuests": decided}
    title = "Let guests own no Microsoft 365 groups" + (
        ", and group owners add no guests" if decided == "false" else ", and group owners add guests"
    )
    more: dict[str, Any] = {
        "notes": ("Group owners can still add people who are in the directory already, through an administrator.",)
        if decided == "false"
        else (),
        "leaves": "pass",
    }
    held = next((r for r in ev.rows("group_settings") if str(r.get("templateId", "")).casefold() == _UNIFIED), None)
    if held is None or not isinstance(held.get("id"), str):
        body = {"templateId": _UNIFIED, "values": _values({**_TEMPLATE, **wanted})}
        request = created(ev.url("/groupSettings"), body, {"templateId": _UNIFIED})
    else:
        now = {v["name"]: v["value"] for v in held.get("values") or () if isinstance(v, Mapping)}
        body = {"values": _values({**now, **wanted})}
        request = patch(ev.url("/groupSettings/{}", held["id"]), body, held)
    yield step(finding.control, 1, title, [request], **more)


def _values(values: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [{"name": name, "value": value} for name, value in values.items()]


@remedy("GUEST-WRK-002", risk=Risk.MEDIUM)
def stop_anyone_links(ev: Evidence, finding: Finding) -> Iterator[Step]:
    """Share with guests who sign in; with those there are already where the tenant or the profile says so."""
    existing = ev.profile is Profile.SCUBA_AAD or not ev.thresholds.accept_new_guests
    level = "existingExternalUserSharingOnly" if existing else "externalUserSharingOnly"
    yield setting(
        ev,
        finding,
        "sharepoint_settings",
        _SHAREPOINT,
        {"sharingCapability": level},
        title="Share files with guests the directory already has only" if existing else "Share files with guests only",
        leaves="pass",
    )


@remedy("GUEST-WRK-003", risk=Risk.MEDIUM)
def list_sharing_domains(ev: Evidence, finding: Finding) -> Iterator[Step]:
    """Give SharePoint the list Entra has, or the one proposed for Entra."""
    domains = list(entra_list(ev)) or proposal(ev).names
    if not domains:
        why = "no list can be proposed: no guest of a partner's domain is in use; name the domains in the portal"
        yield step(finding.control, 1, "Share files with named domains only", blocked=why)
        return
    yield setting(
        ev,
        finding,
        "sharepoint_settings",
        _SHAREPOINT,
        {"sharingDomainRestrictionMode": "allowList", "sharingAllowedDomainList": domains},
        title=f"Share files with {len(domains):,} domains only",
        choice="The list is a proposal: read it before you use it.",
        leaves="pass",
    )


@remedy("GUEST-WRK-004", risk=Risk.LOW)
def stop_resharing(ev: Evidence, finding: Finding) -> Iterator[Step]:
    """No resharing, and links that open for the invited account alone."""
    yield setting(
        ev,
        finding,
        "sharepoint_settings",
        _SHAREPOINT,
        {"isResharingByExternalUsersEnabled": False, "isRequireAcceptingUserToMatchInvitedUserEnabled": True},
        title="Let guests pass no files on, and invitations open for the invited account alone",
        leaves="pass",
    )


@remedy("GUEST-WRK-006", risk=Risk.LOW)
def limit_team_guests(ev: Evidence, finding: Finding) -> Iterator[Step]:
    """Take the rights over channels from guests in the teams that have them."""
    settings = {str(t.get("id", "")).casefold(): t for t in ev.rows("teams_guest_settings")}

    def teams() -> Iterator[Request]:
        body = {"guestSettings": {"allowCreateUpdateChannels": False, "allowDeleteChannels": False}}
        for row in ev.affected("GUEST-WRK-006"):
            present = settings.get(str(row.get("id", "")).casefold(), {})
            yield patch(ev.url("/teams/{}", str(row["id"])), body, present, about=about(row))

    yield people(
        finding.control,
        1,
        "Let guests make and delete no channels",
        teams,
        notes=(),
        choice="In a team that guests run with you a member of staff has to make channels from then on.",
        leaves="pass",
    )
