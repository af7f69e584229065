r"""The `let` statements that queries stand on; each is written where it is used, with what it needs before it.

The guest predicate is the local hunts' (`people.py`): what the row itself says,
then the lists, then the name; own domains are compared whole.
"""

import re
from collections.abc import Mapping

from posture.hunts import activities as a
from posture.hunts.kql.text import string, strings
from posture.hunts.people import People
from posture.settings import Thresholds

_NAME = re.compile(r"\b[A-Z][A-Za-z]+\b")


_ANY_TENANT = """
toscalar(AuditLogs
| where TimeGenerated > ago(Lookback) and isnotempty(AADTenantId)
| summarize take_any(AADTenantId))
"""
"""The tenant whose log it is, where ours is not known."""


def _list(*groups: str | tuple[str, ...]) -> str:
    return strings(name for group in groups for name in ((group,) if isinstance(group, str) else group))


def constants(
    people: People, thresholds: Thresholds, lookback_days: int, external_ids: tuple[str, ...]
) -> dict[str, str]:
    """Return the values that differ from tenant to tenant, as KQL."""
    t = thresholds
    return {
        "Lookback": f"{lookback_days}d",
        "OwnTenant": string(people.tenant) if people.tenant else _ANY_TENANT.strip(),
        "OwnTenants": strings(people.own_tenants),
        "VerifiedDomains": strings(people.domains),
        "ExternalMembers": strings(external_ids),
        "ApprovedInviters": strings(t.approved_inviter_ids),
        "ApprovedApps": strings(t.approved_app_ids),
        "ApprovedGuests": strings(t.approved_guest_ids),
        "ApprovedChangers": strings(t.approved_change_actors),
        "ApprovedGuestAdmins": strings(t.approved_guest_admins),
        "ApprovedResetters": strings(t.approved_reset_actors),
        "ExpectedCountries": strings(c.upper() for c in t.expected_countries),
        "Baseline": f"{t.baseline_days}d",
        "FailedInvites": str(t.failed_invites_threshold),
        "BurstCount": str(t.burst_count),
        "BurstWidth": f"{t.burst_minutes}m",
        "ChainWidth": f"{t.chain_hours}h",
        "PendingAge": f"{t.pending_days}d",
        "ShortLife": f"{t.short_life_hours}h",
        "Dormant": f"{t.dormant_days}d",
        "FailuresBefore": str(t.failures_before_success),
        "FailuresWidth": f"{t.failures_minutes}m",
        "RefusedApps": str(t.refused_apps),
        "RefusedWidth": f"{t.refused_apps_minutes}m",
        "ShellApps": strings(a.SHELLS),
        "PortalApps": strings(a.PORTALS),
        "DirectoryApps": strings(a.DIRECTORY),
        "PassedByAll": strings(a.EXPECTED_APPS),
        "EntitlementManagement": string(a.ENTITLEMENT_MANAGEMENT),
        "BlockedCodes": f"dynamic({list(a.BLOCKED)})",
        "CrossTenantBlocked": str(a.CROSS_TENANT_BLOCKED),
        "Interrupts": f"dynamic({sorted(a.INTERRUPTS)})",
        "Inviting": _list(a.INVITE, a.RESET),
        "AllInviting": _list(a.INVITE, a.RESET, a.INTERNAL),
        "Redeeming": _list(a.REDEEM),
        "Deleting": _list(a.DELETE_GUEST, a.DELETE_USER),
        "GivingRoles": _list(a.ROLES),
        "GivingOwnership": _list(a.OWNERS),
        "GivingAccess": _list(a.GROUPS, a.APP_ROLES),
        "Policies": _list(a.POLICIES),
        "ConditionalAccess": _list(a.CONDITIONAL_ACCESS),
        "GuestSettings": _list(a.SETTINGS, a.CROSS_TENANT),
        "CrossTenantCategories": _list(a.CROSS_TENANT_CATEGORIES),
        "Privileged": strings(n for n in a.PRIVILEGED if n.isascii()),
        "Impersonators": strings(a.IMPERSONATORS),
    }


TABLES: Mapping[str, str] = {
    "UserSignIns": """
union isfuzzy=true
    (SigninLogs
    | where TimeGenerated > ago(Lookback)
    | project Id, At = coalesce(CreatedDateTime, TimeGenerated), UserId, UserPrincipalName, UserDisplayName, UserType,
        AppId = tolower(AppId), AppDisplayName, ResourceId = tolower(ResourceIdentity), ResourceDisplayName,
        HomeTenantId, ResourceTenantId, CrossTenantAccessType, ErrorCode = toint(ResultType), ResultDescription,
        IPAddress,
        City = tostring(LocationDetails.city), Country = tostring(LocationDetails.countryOrRegion),
        Latitude = toreal(LocationDetails.geoCoordinates.latitude),
        Longitude = toreal(LocationDetails.geoCoordinates.longitude),
        Risk = RiskLevelDuringSignIn, Interactive = true),
    (AADNonInteractiveUserSignInLogs
    | where TimeGenerated > ago(Lookback)
    | extend Where = parse_json(LocationDetails)
    | project Id, At = coalesce(CreatedDateTime, TimeGenerated), UserId, UserPrincipalName, UserDisplayName, UserType,
        AppId = tolower(AppId), AppDisplayName, ResourceId = tolower(ResourceIdentity), ResourceDisplayName,
        HomeTenantId, ResourceTenantId, CrossTenantAccessType, ErrorCode = toint(ResultType), ResultDescription,
        IPAddress,
        City = tostring(Where.city), Country = tostring(Where.countryOrRegion),
        Latitude = toreal(Where.geoCoordinates.latitude), Longitude = toreal(Where.geoCoordinates.longitude),
        Risk = RiskLevelDuringSignIn, Interactive = false)
""",
    "KnownGuests": """
union isfuzzy=true
    (AuditLogs
    | where TimeGenerated > ago(Lookback) and OperationName =~ "Invite external user" and Result =~ "success"
    | mv-expand Target = TargetResources
    | project UserId = tostring(Target.id)),
    (SigninLogs
    | where TimeGenerated > ago(Lookback) and UserType =~ "Guest"
        and (isempty(ResourceTenantId) or ResourceTenantId =~ OwnTenant)
    | project UserId),
    (AADNonInteractiveUserSignInLogs
    | where TimeGenerated > ago(Lookback) and UserType =~ "Guest"
        and (isempty(ResourceTenantId) or ResourceTenantId =~ OwnTenant)
    | project UserId)
| where isnotempty(UserId)
| distinct UserId
""",
    "GuestSignIns": """
UserSignIns
| where isempty(ResourceTenantId) or ResourceTenantId =~ OwnTenant
| where UserType =~ "Guest"
    or (isnotempty(HomeTenantId) and HomeTenantId !~ OwnTenant and not(HomeTenantId in~ (OwnTenants)))
    or UserId in~ (ExternalMembers)
    or UserId in (KnownGuests)
""",
    "Audits": """
AuditLogs
| where TimeGenerated > ago(Lookback)
| extend At = coalesce(ActivityDateTime, TimeGenerated), Activity = trim(@"[\\s.]+", OperationName)
| extend ActorId = tostring(InitiatedBy.user.id), ActorName = tostring(InitiatedBy.user.userPrincipalName),
    ActorType = tostring(InitiatedBy.user.userType), ActorHome = tostring(InitiatedBy.user.homeTenantId),
    ActorLabel = tostring(InitiatedBy.user.displayName), IPAddress = tostring(InitiatedBy.user.ipAddress),
    AppActor = tostring(InitiatedBy.app.displayName), AppActorId = tostring(InitiatedBy.app.servicePrincipalId),
    AppActorAppId = tostring(InitiatedBy.app.appId)
| extend ByPerson = isnotempty(ActorId) or isnotempty(ActorName)
| extend Who = iff(isnotempty(ActorName), ActorName, iff(isnotempty(AppActor), AppActor, ActorId)),
    WhoId = iff(isnotempty(ActorId), ActorId, iff(isnotempty(AppActorId), AppActorId, AppActorAppId)),
    ActorDomain = tolower(extract("@([^@]*)$", 1, ActorName))
| extend Inviter = tolower(iff(isnotempty(WhoId), WhoId, Who))
| extend Outside = ByPerson and (ActorType =~ "Guest"
    or (isnotempty(ActorHome) and ActorHome !~ OwnTenant and not(ActorHome in~ (OwnTenants)))
    or ActorId in~ (ExternalMembers)
    or ActorId in (KnownGuests)
    or (not(ActorHome =~ OwnTenant and ActorType =~ "Member")
        and (ActorName contains "#EXT#" or ActorName startswith "live.com#"
            or (array_length(VerifiedDomains) > 0 and ActorName contains "@"
                and not(ActorDomain in (VerifiedDomains))))))
""",
    "InvitedAddress": """
Audits
| where Activity in~ (AllInviting)
| mv-expand Detail = AdditionalDetails
| where tostring(Detail.key) =~ "invitedUserEmailAddress"
| summarize Invited = take_any(tostring(Detail.value)) by Id
""",
    "Invitations": """
Audits
| where Activity in~ (Inviting)
| lookup kind=leftouter (InvitedAddress) on Id
""",
    "PeopleTouched": """
Audits
| mv-expand Target = TargetResources
| extend TargetId = tostring(Target.id), TargetName = tostring(Target.userPrincipalName),
    TargetLabel = tostring(Target.displayName), TargetType = tostring(Target.type)
| where isnotempty(TargetId) and (TargetType =~ "User" or isempty(TargetType))
| extend Person = tolower(TargetId)
| extend TargetOutside = TargetId in~ (ExternalMembers) or TargetId in (KnownGuests) or TargetName contains "#EXT#"
""",
    "Redemptions": """
PeopleTouched
| where Activity in~ (Redeeming) and Result =~ "success"
| extend Words = iff(TargetLabel has "InvitationId", TargetLabel, TargetName)
| extend Address = extract(@"Email: ([^,]*)", 1, Words), Provider = extract(@"Source: ([^,]*)", 1, Words)
""",
    "AuditStart": """
toscalar(AuditLogs
| where TimeGenerated > ago(Lookback)
| summarize min(coalesce(ActivityDateTime, TimeGenerated)))
""",
    "SignInStart": "toscalar(UserSignIns | summarize min(At))",
}
"""Tables and single values that queries share."""


def prelude(body: str, values: Mapping[str, str]) -> str:
    """Return the `let` statements a query needs, each after those it needs itself."""
    written: dict[str, str] = {}

    def write(text: str) -> None:
        for name in dict.fromkeys(_NAME.findall(_bare(text))):
            if name in written or (name not in values and name not in TABLES):
                continue
            definition = values[name] if name in values else TABLES[name].strip()
            written[name] = ""  # taken before its own needs, so that none is asked for twice
            write(definition)
            del written[name]
            written[name] = definition

    write(body)
    return "\n".join(f"let {name} = {definition};" for name, definition in written.items())


def _bare(text: str) -> str:
    """Return KQL without its strings and comments, in which a name is no reference."""
    return re.sub(r'@"[^"]*"|"(?:\\.|[^"\\])*"|//[^\n]*', '""', text)
