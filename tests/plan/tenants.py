"""The failing tenants: the samples, and small variations where another failing control hides what is to be proven."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import orjson

from tests.plan.hostile import TEXTS

SAMPLES = Path(__file__).parents[2] / "samples"

Row = dict[str, Any]
Rows = list[Row]

USERS = "v1.0/users.ndjson"
GROUPS = "v1.0/groups.ndjson"
B2B = "beta/policies/b2bManagementPolicies.ndjson"
DEFAULT = "v1.0/policies/crossTenantAccessPolicy/default.json"
DEFAULTS = "v1.0/policies/identitySecurityDefaultsEnforcementPolicy.json"
PARTNERS = "v1.0/policies/crossTenantAccessPolicy/partners.ndjson"
CA = "v1.0/identity/conditionalAccess/policies.ndjson"
ROLES = "v1.0/roleManagement/directory/roleAssignments.ndjson"

INVITED = "3046dda2-9e66-4d71-8bf5-1f7f2491a325"  # a guest of hardened who has not accepted yet
GUEST = "1d638836-0f5d-46eb-b705-654355f494eb"  # one who has, and signs in
LARKSPUR = "b718adc1-4bc6-4342-918f-1416c13a09e4"  # contoso's service provider
HELPDESK = "729827e3-9c14-49f7-bb1b-9608f156bbb8"


def one(key: str, change: Callable[[Row], Row]) -> Callable[[Rows], Rows]:
    """Change the row with an id."""
    return lambda rows: [change(r) if r.get("id") == key else r for r in rows]


def every(change: Callable[[Row], Row], where: Callable[[Row], bool] = lambda row: True) -> Callable[[Rows], Rows]:
    """Change all rows, or those that are meant."""
    return lambda rows: [change(r) if where(r) else r for r in rows]


def _guest(row: Row) -> bool:
    return row.get("userType") == "Guest"


def _accepts(domains: list[str]) -> Callable[[Rows], Rows]:
    policy = {"Version": 1, "InvitationsAllowedAndBlockedDomainsPolicy": {"AllowedDomains": domains}}
    text = orjson.dumps({"B2BManagementPolicy": policy}).decode()
    return every(lambda row: {**row, "definition": [text]})


def _redemption(fallback: str) -> Callable[[Row], Row]:
    def change(body: Row) -> Row:
        now = body["invitationRedemptionIdentityProviderConfiguration"]
        changed = {**now, "fallbackIdentityProvider": fallback}
        return {**body, "invitationRedemptionIdentityProviderConfiguration": changed}

    return change


def _joins(row: Row) -> Row:
    if row["displayName"] == "Trustees":
        return {**row, "members": [*row["members"], INVITED]}
    return row


def _holds_everybody(row: Row) -> Row:
    """Put all guests into one group with an owner from inside."""
    if row["displayName"] != "Trustees":
        return row
    rows = (SAMPLES / "hardened" / USERS).read_bytes().splitlines()
    guests = [u["id"] for u in map(orjson.loads, filter(None, rows)) if _guest(u)]
    return {**row, "members": sorted({*row["members"], *guests})}


def _held(role: str) -> Callable[[Rows], Rows]:
    made = {"id": "made-up-assignment-1", "principalId": GUEST, "directoryScopeId": "/", "roleDefinitionId": role}
    return lambda rows: [*rows, made]


NAMED = (
    USERS,
    GROUPS,
    CA,
    "v1.0/applications.ndjson",
    "v1.0/servicePrincipals.ndjson",
    "v1.0/auditLogs/directoryAudits.ndjson",
    "v1.0/auditLogs/signIns.ndjson",
    "v1.0/identityGovernance/entitlementManagement/assignmentPolicies.ndjson",
    "v1.0/identityGovernance/entitlementManagement/connectedOrganizations.ndjson",
    "v1.0/identity/identityProviders.ndjson",
    "v1.0/tenantRelationships/findTenantInformationByDomainName.ndjson",
    "v1.0/tenantRelationships/findTenantInformationByTenantId.ndjson",
    "v1.0/teams.ndjson",
)
"""Files whose objects have names that somebody chose."""


def _renamed(rows: Rows) -> Rows:
    """Give everything with a name one of the hostile ones."""
    return [_hostile(row, place) for place, row in enumerate(rows)]


def _hostile(value: Any, place: int) -> Any:
    if isinstance(value, dict):
        named = ("displayName", "userDisplayName", "description", "companyName", "givenName", "surname")
        return {
            k: TEXTS[(place * 7 + len(k)) % len(TEXTS)] if k in named and isinstance(v, str) else _hostile(v, place)
            for k, v in value.items()
        }
    return [_hostile(v, place) for v in value] if isinstance(value, list) else value


VARIATIONS: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "no domain list": ("hardened", {B2B: lambda rows: []}),
    "a shorter domain list": ("hardened", {B2B: _accepts(["northgate-tooling.example", "halden-shipping.example"])}),
    "the service decides the fallback": ("hardened", {DEFAULT: _redemption("defaultConfiguredIdp")}),
    "an invitation with a group": ("hardened", {GROUPS: every(_joins)}),
    "guests without sponsors": (
        "hardened",
        {USERS: every(lambda row: {**row, "sponsors": []}, _guest), GROUPS: every(_holds_everybody)},
    ),
    "a guest with a private mailbox": (
        "hardened",
        {USERS: one(GUEST, lambda row: {**row, "mail": "henrik.bauer@gmail.com", "otherMails": []})},
    ),
    "a guest with a role": ("hardened", {ROLES: _held(HELPDESK)}),
    "a guest in a group that may join another": (
        "hardened",
        {
            GROUPS: every(
                lambda row: {**row, "members": [*row["members"], GUEST]} if row["displayName"] == "Trustees" else row
            ),
            "v1.0/identityGovernance/privilegedAccess/group/eligibilityScheduleInstances.ndjson": lambda rows: [
                {
                    "id": "made-up-eligibility-1",
                    "accessId": "member",
                    "groupId": "5170c282-8d5d-42c5-a611-69427cd216d3",
                    "principalId": "5c2693e0-250f-4c34-896f-58f78f6c8c75",
                    "memberType": "direct",
                    "startDateTime": "2026-05-04T08:00:00Z",
                    "endDateTime": None,
                }
            ],
        },
    ),
    "policies that are off": (
        "hardened",
        {
            CA: lambda rows: [
                {**r, "state": "disabled"} if r["displayName"] in ("Guests: MFA", "MFA for everybody") else r
                for r in rows
            ]
        },
    ),
    "no service provider": (
        "contoso",
        {PARTNERS: lambda rows: [r for r in rows if r["tenantId"] != LARKSPUR]},
    ),
    "hostile names": ("contoso", dict.fromkeys(NAMED, _renamed)),
    "nothing asks for anything": ("dayone", {DEFAULTS: lambda body: {**body, "isEnabled": False}}),
}
"""Name to sample and changes."""
