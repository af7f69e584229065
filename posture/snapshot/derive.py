"""Facts that several controls derive from the same answers, each derived in one place.

    guest_level(authorization_policy) -> GuestLevel
    inviters(authorization_policy) -> Inviters
    invitation_domain_mode(b2b_management_policies) -> DomainMode
    domain_list_holds(mode, profile) -> bool
    licences(subscribed_skus) -> Licences
    access(block) -> Access, effective(partner, default, key) -> block, trusts(block) -> dict
    with_synchronization(cross_tenant_partners, partner_synchronization) -> partners
    otp_state(authentication_methods_policy) -> str

What guests must prove under Conditional Access stands in `conditional_access`.
Pure; what is absent, null or unknown raises UnknownValueError.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from posture.errors import EvidenceError, UnknownValueError
from posture.settings import Profile
from posture.snapshot.folder import parse_strict
from posture.snapshot.types import Gap
from posture.snapshot.values import block, flag, items, objects, present, text


class GuestLevel(StrEnum):
    """What the tenant lets its guests read, from most to least."""

    MEMBER = "member"
    LIMITED = "limited"
    RESTRICTED = "restricted"


GUEST_LEVELS: Mapping[str, GuestLevel] = {
    "a0b1b346-4d3e-4e8b-98f8-753987be4970": GuestLevel.MEMBER,
    "10dae51f-b6af-4016-8d66-8c2a99b929b3": GuestLevel.LIMITED,
    "2af84b1e-32c8-42b7-82bc-daa82404023b": GuestLevel.RESTRICTED,
}
"""Source: https://learn.microsoft.com/entra/identity/users/users-restrict-guest-permissions"""


def guest_level(authorization_policy: Mapping[str, Any]) -> GuestLevel:
    """Return the level that `guestUserRoleId` names; letter case does not matter."""
    role = text(authorization_policy, "guestUserRoleId")
    found = GUEST_LEVELS.get(role.strip().casefold())
    if found is None:
        raise UnknownValueError(f"guestUserRoleId is {role!r}, none of the three guest levels")
    return found


class Inviters(StrEnum):
    """Who may invite guests, from most to least.

    Source: https://learn.microsoft.com/graph/api/resources/authorizationpolicy
    """

    EVERYONE = "everyone"
    MEMBERS = "adminsGuestInvitersAndAllMembers"
    ROLES = "adminsAndGuestInviters"
    NOBODY = "none"


def inviters(authorization_policy: Mapping[str, Any]) -> Inviters:
    """Return whom `allowInvitesFrom` lets invite: everyone means guests too."""
    setting = text(authorization_policy, "allowInvitesFrom")
    try:
        return Inviters(setting)
    except ValueError:
        raise UnknownValueError(f"allowInvitesFrom is {setting!r}") from None


class DomainList(StrEnum):
    """What the tenant's list of invitation domains is."""

    ALLOW = "allow"
    EMPTY_ALLOW = "empty allow"
    BLOCK = "block"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class DomainMode:
    """The list in force and its domains, as stored."""

    kind: DomainList
    domains: tuple[str, ...] = ()


def invitation_domain_mode(b2b_management_policies: Iterable[Mapping[str, Any]]) -> DomainMode:
    """Return which domains may be invited, from the B2B policy in force.

    Reads both endpoints: a policy counts by the JSON it carries, whatever its
    `type`; single quotes and `isOrganizationDefault` as text are accepted. No
    policy at all in a whole list means that any domain may be invited.

    Source: https://learn.microsoft.com/graph/api/resources/b2bmanagementpolicy?view=graph-rest-beta
    """
    active: list[DomainMode] = []
    doubtful: list[DomainMode] = []
    for policy in objects(b2b_management_policies, "B2B management policies"):
        inner = b2b_definition(policy)
        if inner is None:
            continue
        default = policy.get("isOrganizationDefault")
        if default is True or (isinstance(default, str) and default.casefold() == "true"):
            active.append(_domain_mode(inner))
        elif not (default is False or (isinstance(default, str) and default.casefold() == "false")):
            doubtful.append(_domain_mode(inner))
    found = list(dict.fromkeys(active or doubtful))
    if not found:
        return DomainMode(DomainList.NONE)
    if len(found) > 1:
        raise UnknownValueError("several B2B policies with different domain lists are in force; look in the portal")
    if not active and found[0].kind is not DomainList.NONE:
        raise UnknownValueError("isOrganizationDefault of the B2B policy does not say whether its list is in force")
    return found[0]


def b2b_definition(policy: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the `B2BManagementPolicy` object in a policy's definition; None for another kind of policy."""
    definition = policy.get("definition")
    entries = definition if isinstance(definition, list) else [definition]
    kind = policy.get("type", policy.get("@odata.type"))
    ours = kind is not None and (kind in (6, "6") or "b2bmanagementpolicy" in str(kind).casefold())
    for entry in entries:
        decoded = _decoded(entry)
        inner = _key(decoded, "B2BManagementPolicy") if isinstance(decoded, Mapping) else None
        if isinstance(inner, Mapping):
            return inner
        if isinstance(entry, str) and "b2bmanagementpolicy" in entry.casefold():
            raise UnknownValueError("the definition of the B2B policy cannot be read")
        if kind is None and not isinstance(decoded, Mapping):
            raise UnknownValueError("the definition of a policy cannot be read, and it may be the B2B policy")
    if ours or kind is None:
        raise UnknownValueError("the B2B policy has no definition that can be read")
    return None


def _decoded(entry: Any) -> Any:
    """Return the JSON in a definition entry, None where it is none or names a key twice."""
    if isinstance(entry, Mapping):
        return entry
    if not isinstance(entry, str):
        return None
    for candidate in (entry, entry.replace("'", '"')):
        try:
            return parse_strict(candidate.encode("utf-8", "replace"), "the definition")
        except EvidenceError:
            continue
    return None


def _key(obj: Mapping[str, Any], name: str) -> Any:
    """Return a value by its key, whatever its letter case; None where absent."""
    found = [v for k, v in obj.items() if k.casefold() == name.casefold()]
    if len(found) > 1:
        raise UnknownValueError(f"{name} is there twice, in different letter case")
    return found[0] if found else None


def _domain_mode(inner: Mapping[str, Any]) -> DomainMode:
    lists = _key(inner, "InvitationsAllowedAndBlockedDomainsPolicy")
    if lists is None:
        return DomainMode(DomainList.NONE)
    if not isinstance(lists, Mapping):
        raise UnknownValueError("InvitationsAllowedAndBlockedDomainsPolicy is not an object")
    allowed, blocked = _domains(lists, "AllowedDomains"), _domains(lists, "BlockedDomains")
    if allowed:
        if odd := next((d for d in allowed if "." not in d.strip().strip(".")), None):
            raise UnknownValueError(f"AllowedDomains holds {odd!r}, which is no domain and may let in many")
        return DomainMode(DomainList.ALLOW, allowed)
    if blocked:
        return DomainMode(DomainList.BLOCK, blocked)
    return DomainMode(DomainList.NONE if allowed is None else DomainList.EMPTY_ALLOW)


def _domains(lists: Mapping[str, Any], name: str) -> tuple[str, ...] | None:
    """Return a list of domains, None where the key is absent."""
    if not any(k.casefold() == name.casefold() for k in lists):
        return None
    value = _key(lists, name)
    if not isinstance(value, list) or not all(isinstance(d, str) and d.strip() for d in value):
        raise UnknownValueError(f"{name} is not a list of domains")
    if any("*" in d for d in value):
        raise UnknownValueError(f"{name} holds a wildcard, whose meaning Microsoft does not document")
    return tuple(value)


def domain_list_holds(mode: DomainMode, profile: Profile) -> bool:
    """Whether invitations are limited to approved domains, as a profile reads it.

    An allow list that is present and empty is ambiguous: CIS counts it as a
    list, Microsoft's assessment as none; the others must look in the portal.
    """
    if mode.kind is DomainList.EMPTY_ALLOW and profile not in (Profile.CIS_M365_V7, Profile.MS_ZTA):
        raise UnknownValueError(
            "AllowedDomains is present and empty, which may mean nobody or anybody; look in the portal under "
            "External Identities > External collaboration settings > Collaboration restrictions"
        )
    return mode.kind is DomainList.ALLOW or (mode.kind is DomainList.EMPTY_ALLOW and profile is Profile.CIS_M365_V7)


@dataclass(frozen=True, slots=True)
class Licences:
    """Which Entra plans the tenant has; None where the list does not tell."""

    p1: bool | None
    p2: bool | None
    governance: bool | None


_P1 = "41781fb2-bc02-4b7c-bd55-b576c07bb09d"
_P2 = "eec0eb4f-6444-4f95-aba0-50c24d67f998"
_GOVERNANCE = "e866a266-3cff-43a3-acca-0c90a7e00c8b"
_IN_FORCE = {"Enabled", "Warning"}
_NOT_IN_FORCE = {"Suspended", "Deleted", "LockedOut"}


def licences(subscribed_skus: Iterable[Mapping[str, Any]]) -> Licences:
    """Return which plans are in force: a service plan that is provisioned in a subscription that runs.

    A subscription in its grace period (`Warning`) counts; P2 includes P1. Of a
    plan that is being set up, or failed to be, nobody can say whether it works.

    Source: https://learn.microsoft.com/graph/api/resources/subscribedsku
    """
    had: set[str] = set()
    pending: set[str] = set()
    clear = True
    for sku in objects(subscribed_skus, "subscriptions"):
        status, plans = sku.get("capabilityStatus"), sku.get("servicePlans")
        if isinstance(status, str) and status in _NOT_IN_FORCE:
            continue
        if not isinstance(status, str) or status not in _IN_FORCE or not isinstance(plans, list):
            clear = False
            continue
        for plan in plans:
            plan_id = plan.get("servicePlanId") if isinstance(plan, Mapping) else None
            state = plan.get("provisioningStatus") if isinstance(plan, Mapping) else None
            if not isinstance(plan_id, str) or not isinstance(state, str):
                clear = False
            elif state != "Disabled":
                (had if state == "Success" else pending).add(plan_id.casefold())

    def told(*plan_ids: str) -> bool | None:
        return True if had & set(plan_ids) else (False if clear and not pending & set(plan_ids) else None)

    return Licences(told(_P1, _P2), told(_P2), told(_GOVERNANCE))


class Reach(StrEnum):
    """How far one side of a cross-tenant setting is open. `SOME` is a list, allowed or blocked."""

    ALL = "all"
    SOME = "some"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Access:
    """A B2B setting of cross-tenant access, taken apart."""

    users: Reach
    applications: Reach

    @property
    def closed(self) -> bool:
        """Whether both users and applications are blocked; Microsoft asks to block them together."""
        return self.users is Reach.NONE and self.applications is Reach.NONE

    @property
    def open(self) -> bool:
        """Whether it is allowed for all users and all applications."""
        return self.users is Reach.ALL and self.applications is Reach.ALL

    def __str__(self) -> str:
        words = {Reach.ALL: "all", Reach.SOME: "some", Reach.NONE: "no"}
        return f"{words[self.users]} users, {words[self.applications]} applications"


def access(setting: Mapping[str, Any]) -> Access:
    """Return how far a B2B setting is open.

    Source: https://learn.microsoft.com/graph/api/resources/crosstenantaccesspolicyb2bsetting
    """
    return Access(
        _reach(setting, "usersAndGroups", "allusers", {"user", "group"}),
        _reach(setting, "applications", "allapplications", {"application"}),
    )


_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_SETS_OF_APPLICATIONS = {"office365", "microsoftadminportals"}
"""Words that stand for some applications.

Source: https://learn.microsoft.com/graph/api/resources/crosstenantaccesspolicytarget
"""


def _reach(setting: Mapping[str, Any], key: str, everything: str, kinds: Collection[str]) -> Reach:
    side = block(setting, key)
    kind = text(side, "accessType")
    targets = set()
    for target in objects(items(side, "targets"), f"targets of {key}"):
        targets.add(text(target, "target").casefold())
        if text(target, "targetType").casefold() not in kinds:  # all of another kind are not all
            raise UnknownValueError(f"targetType in {key} is {target['targetType']!r}")
    if kind not in ("allowed", "blocked"):
        raise UnknownValueError(f"accessType of {key} is {kind!r}")
    if not targets:
        raise UnknownValueError(f"{key} names no target")
    if everything in targets:
        return Reach.ALL if kind == "allowed" else Reach.NONE
    for word in sorted(targets - _SETS_OF_APPLICATIONS):
        if not _ID.fullmatch(word):  # a word for a set: it may mean everybody
            raise UnknownValueError(f"a target of {key} is {word!r}")
    return Reach.SOME


def effective(partner: Mapping[str, Any], default: Mapping[str, Any], key: str) -> dict[str, Any]:
    """Return a partner's setting, or the default's where the partner's is null.

    Source: https://learn.microsoft.com/graph/api/resources/crosstenantaccesspolicyconfigurationpartner
    """
    return block(partner, key) if present(partner, key) is not None else block(default, key)


def with_synchronization(
    cross_tenant_partners: Iterable[Mapping[str, Any]], partner_synchronization: Iterable[Mapping[str, Any]] | Gap
) -> Iterator[Mapping[str, Any]]:
    """Yield the partners with their `identitySynchronization`, null where there is none.

    Where the list leaves it out, each partner was asked for it. A partner keeps
    lacking the property where that was not read.

    Source: https://learn.microsoft.com/graph/api/crosstenantidentitysyncpolicypartner-get
    """
    read = not isinstance(partner_synchronization, Gap)
    rows = () if isinstance(partner_synchronization, Gap) else partner_synchronization
    told = {
        str(row.get("tenantId")).casefold(): {k: v for k, v in row.items() if k == "identitySynchronization"}
        for row in objects(rows, "synchronization of partners")
    }
    for partner in objects(cross_tenant_partners, "partners"):
        silent = read and "identitySynchronization" not in partner
        tenant = str(partner.get("tenantId")).casefold()
        yield {**partner, **told.get(tenant, {"identitySynchronization": None})} if silent else partner


TRUST_CLAIMS = ("isMfaAccepted", "isCompliantDeviceAccepted", "isHybridAzureADJoinedDeviceAccepted")


def trusts(inbound_trust: Mapping[str, Any]) -> dict[str, bool]:
    """Return which claims of another tenant are accepted.

    Source: https://learn.microsoft.com/graph/api/resources/crosstenantaccesspolicyinboundtrust
    """
    return {claim: flag(inbound_trust, claim) for claim in TRUST_CLAIMS}


def otp_state(authentication_methods_policy: Mapping[str, Any]) -> str:
    """Return `allowExternalIdToUseEmailOtp`: default (counts as on), enabled or disabled.

    Not `state`, which is about the tenant's own users.

    Source: https://learn.microsoft.com/graph/api/resources/emailauthenticationmethodconfiguration
    """
    for method in objects(items(authentication_methods_policy, "authenticationMethodConfigurations"), "methods"):
        kind = str(method.get("@odata.type", "")).casefold()
        if kind.endswith("emailauthenticationmethodconfiguration") or str(method.get("id")).casefold() == "email":
            found = text(method, "allowExternalIdToUseEmailOtp")
            if found not in ("default", "enabled", "disabled"):
                raise UnknownValueError(f"allowExternalIdToUseEmailOtp is {found!r}")
            return found
    raise UnknownValueError("the email method is absent from the authentication methods policy")


CLIENT_APPS: Mapping[str, str] = {
    "1b730954-1685-4b74-9bfd-dac224a7b894": "Azure Active Directory PowerShell",
    "1950a258-227b-4e31-a9cf-717495945fc2": "Microsoft Azure PowerShell",
    "04b07795-8ddb-461a-bbee-02f9e1bf7b46": "Microsoft Azure CLI",
    "14d82eec-204b-4c2f-b7e8-296a70dab67e": "Microsoft Graph Command Line Tools",
    "de8bc8b5-d9f9-48b1-a8ad-b748da725064": "Graph Explorer",
}
"""The consented clients that a directory is usually explored with, by application id."""
