"""Microsoft 365 groups and Teams: what collaboration adds to the directory's own settings."""

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
    not_applicable,
    partial,
    passed,
)
from posture.controls.shared import NO_GUESTS, number, unless_known
from posture.errors import UnknownValueError
from posture.settings import Severity, Thresholds
from posture.snapshot.derive import Inviters, inviters
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
    may_invite = inviters(authorization_policy)
    if not decided and adding and may_invite is Inviters.EVERYONE:
        return failed(f"Group owners may add guests, {whence}, while everybody may invite.", **more)
    if not decided and adding and may_invite is Inviters.MEMBERS:
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
