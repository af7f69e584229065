"""Who may invite, whom, and how an invitation is accepted."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from posture.plan.impact.census import Domain
from posture.plan.remedies import (
    After,
    Evidence,
    Finding,
    Request,
    Risk,
    Step,
    about,
    by_hand,
    created,
    delete_guest,
    patch,
    people,
    remedy,
    remove_member,
    setting,
    step,
)
from posture.settings import Profile
from posture.snapshot.derive import DomainList, b2b_definition, invitation_domain_mode, otp_state
from posture.snapshot.domains import ConsumerDomains, plain_domain
from posture.snapshot.guests import Guest
from posture.snapshot.power import kind_of
from posture.snapshot.types import Gap
from posture.snapshot.values import objects

GUEST_INVITER = "95e79109-95c0-4d8e-aee3-d01accf2d47b"
INVITING_ROLES = {
    GUEST_INVITER,
    "62e90394-69f5-4237-9190-012177145e10",  # Global Administrator
    "fe930be7-5e62-47db-91af-98c3a49a38b1",  # User Administrator
}
"""Who may still invite once it is limited.

Source: https://learn.microsoft.com/entra/external-id/external-collaboration-settings-configure
"""
_MOST_INVITERS = 200
_LIST_BYTES = 20_000
"""Bytes of domains proposed at most: the whole policy may have 25 KB.

Source: https://learn.microsoft.com/entra/external-id/allow-deny-list
"""
_DOMAIN = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)+")


def inviting_principals(ev: Evidence) -> frozenset[str]:
    """Return the ids of those who hold a role that may invite, active or eligible, in lower case."""
    return frozenset(
        str(row.get("principalId", "")).casefold()
        for name in ("role_assignments", "role_eligibilities")
        for row in ev.rows(name)
        if str(row.get("roleDefinitionId", "")).casefold() in INVITING_ROLES
    )


def losing_inviters(ev: Evidence) -> list[tuple[str, str, int]]:
    """Return members who invited within the log and hold no inviting role: id, name, invitations; most first."""
    if isinstance(ev.audits, Gap):
        return []
    able = inviting_principals(ev)
    return [found for found in ev.audits.inviters.most(100_000, guests=False) if found[0] not in able]


@remedy("GUEST-INV-001", risk=Risk.MEDIUM)
def limit_inviters(ev: Evidence, finding: Finding) -> Iterator[Step]:
    """Name the inviters first, then leave inviting to them.

    Source: https://learn.microsoft.com/graph/api/rbacapplication-post-roleassignments
    """
    control = finding.control
    losing = losing_inviters(ev)[:_MOST_INVITERS]
    title = "Give Guest Inviter to the people who should go on inviting"
    if losing:
        yield step(
            control,
            1,
            title,
            [_inviter(ev, who, name, count) for who, name, count in losing],
            part=None,
            permission="RoleManagement.ReadWrite.Directory",
            role="Privileged Role Administrator",
            where="Entra admin center > Roles and admins > Guest Inviter > Add assignments",
            choice="These people invited lately; take out of the list whoever should not go on.",
            risk=Risk.LOW,
        )
    else:
        yield by_hand(control, 1, title, "Entra admin center > Roles and admins > Guest Inviter > Add assignments")
    yield setting(
        ev,
        finding,
        "authorization_policy",
        "/policies/authorizationPolicy",
        {"allowInvitesFrom": "adminsAndGuestInviters"},
        title="Let only administrators and Guest Inviters invite",
        number=2,
        after=(After(f"{control.code}.1", "whoever invites today would stop being able to"),),
        leaves="pass",
    )


def _inviter(ev: Evidence, who: str, name: str, count: int) -> Request:
    return created(
        ev.url("/roleManagement/directory/roleAssignments"),
        {"principalId": who, "roleDefinitionId": GUEST_INVITER, "directoryScopeId": "/"},
        {"principalId": who, "roleDefinitionId": GUEST_INVITER},
        words=f"{name}: sent {count} invitations",
        narrow="principalId",
    )


@dataclass(frozen=True)
class Proposal:
    """An allow list made of the guests who are here.

    `domains` are proposed, `outside` are left out with their numbers, `odd`
    counts guests without a domain a list could hold. `by_use` says whether the
    choice rests on who signed in lately; else on who is here at all.
    """

    domains: tuple[tuple[str, Domain], ...]
    outside: tuple[tuple[str, Domain, str], ...]
    by_use: bool
    cut: int = 0

    @property
    def names(self) -> list[str]:
        """The proposed domains in order of the alphabet."""
        return sorted(name for name, _ in self.domains)


def proposal(ev: Evidence) -> Proposal:
    """Return the domains of partners whose guests are in use, consumer mail and the tenant's own domains aside."""
    census = ev.census
    by_use = "guest_sign_in_activity" in ev.snapshot.facts and census.recorded > 0
    consumer = ConsumerDomains(ev.thresholds)
    own = {plain_domain(d) for d in ev.snapshot.tenant.domains}
    inside: list[tuple[str, Domain]] = []
    outside: list[tuple[str, Domain, str]] = []
    for name, counts in sorted(census.domains.items(), key=lambda d: (-d[1].guests, d[0])):
        domain = plain_domain(name)
        if domain in own:
            continue
        why = _left_out(domain, counts, by_use, consumer)
        if why:
            outside.append((name, counts, why))
        else:
            inside.append((domain, counts))
    kept, size = 0, 0
    for name, _ in inside:
        size += len(name) + 3
        if size > _LIST_BYTES:
            break
        kept += 1
    return Proposal(tuple(inside[:kept]), tuple(outside), by_use, len(inside) - kept)


def _left_out(domain: str, counts: Domain, by_use: bool, consumer: ConsumerDomains) -> str:
    if not _DOMAIN.fullmatch(domain) or len(domain) > 253:
        return "no domain that a list could hold"
    if domain in consumer:
        return "consumer mail"
    if by_use:
        return "" if counts.active else "nobody signed in lately"
    return "" if counts.guests > counts.pending else "nobody accepted"


@remedy("GUEST-INV-002", risk=Risk.MEDIUM)
def list_domains(ev: Evidence, finding: Finding) -> Iterator[Step]:
    """Turn the partners who are here into an allow list; every other key of the policy stays.

    Sources: https://learn.microsoft.com/graph/api/b2bmanagementpolicy-update?view=graph-rest-beta
    https://learn.microsoft.com/graph/api/policyroot-post-b2bmanagementpolicies?view=graph-rest-beta
    """
    found = proposal(ev)
    words: dict[str, Any] = {
        "choice": "The list is a proposal made of the guests who are here: read it, add partners to come, take others "
        "out.",
        "leaves": "pass",
    }
    title = f"Allow invitations to {len(found.domains):,} domains only"
    if not found.domains:
        yield step(finding.control, 1, "Allow invitations to named domains only", blocked=_nothing_to_list(ev))
        return
    yield step(finding.control, 1, title, [_domain_list(ev, found.names)], **words)


def _nothing_to_list(ev: Evidence) -> str:
    gap = ev.gap("guests")
    if gap is not None:
        return f"no list can be proposed, since the guests were not read: {gap.detail}"
    return "no list can be proposed: no guest of a partner's domain is in use; name the domains in the portal"


def _domain_list(ev: Evidence, domains: list[str]) -> Request:
    lists = {"AllowedDomains": domains}
    path = "/policies/b2bManagementPolicies"
    for row in objects(ev.fact("b2b_management_policies"), "B2B management policies"):
        inner = b2b_definition(row)
        if inner is None or not isinstance(row.get("id"), str):
            continue
        kept = {k: v for k, v in inner.items() if k.casefold() != "invitationsallowedandblockeddomainspolicy"}
        body = {
            "displayName": str(row.get("displayName") or "B2BManagementPolicy"),
            "isOrganizationDefault": True,
            "definition": [_definition({**kept, "InvitationsAllowedAndBlockedDomainsPolicy": lists})],
        }
        if isinstance(row.get("description"), str):
            body["description"] = row["description"]
        return patch(ev.url(f"{path}/{{}}", row["id"], version="beta"), body, row)
    body = {
        "displayName": "B2BManagementPolicy",
        "description": "Domains that may be invited",
        "isOrganizationDefault": True,
        "definition": [_definition({"Version": 1, "InvitationsAllowedAndBlockedDomainsPolicy": lists})],
    }
    return created(ev.url(path, version="beta"), body, {"displayName": "B2BManagementPolicy"})


def _definition(inner: Mapping[str, Any]) -> str:
    return json.dumps({"B2BManagementPolicy": inner}, separators=(",", ":"))


def entra_list(ev: Evidence) -> tuple[str, ...]:
    """Return the domains Entra allows now; none where it has no allow list."""
    rows = ev.fact("b2b_management_policies")
    if isinstance(rows, Gap):
        return ()
    mode = invitation_domain_mode(rows)
    return tuple(sorted(mode.domains)) if mode.kind is DomainList.ALLOW else ()


@remedy("GUEST-INV-003", risk=Risk.LOW)
def stop_sign_up(ev: Evidence, finding: Finding) -> Iterator[Step]:
    """Switch self-service sign-up off."""
    yield setting(
        ev,
        finding,
        "authentication_flows_policy",
        "/policies/authenticationFlowsPolicy",
        {"selfServiceSignUp": {"isEnabled": False}},
        title="Switch guest self-service sign-up off",
        leaves="pass",
    )


@remedy("GUEST-INV-004", risk=Risk.LOW)
def stop_joining_by_mail(ev: Evidence, finding: Finding) -> Iterator[Step]:
    """Close both doors by mail."""
    yield setting(
        ev,
        finding,
        "authorization_policy",
        "/policies/authorizationPolicy",
        {"allowEmailVerifiedUsersToJoinOrganization": False, "allowedToSignUpEmailBasedSubscriptions": False},
        title="Let nobody join or sign up by mail alone",
        leaves="pass",
    )


@remedy("GUEST-INV-005", risk=Risk.LOW)
def fall_back_to_a_code(ev: Evidence, finding: Finding) -> Iterator[Step]:
    """Leave the emailed code as the only fallback; CIS reads it the other way round."""
    control = finding.control
    email = "/policies/authenticationMethodsPolicy/authenticationMethodConfigurations/email"
    otp = otp_state(ev.mapping("authentication_methods_policy"))
    kind = "#microsoft.graph.emailAuthenticationMethodConfiguration"

    def passcode(value: str) -> Request:
        body = {"@odata.type": kind, "allowExternalIdToUseEmailOtp": value}
        return patch(ev.url(email), body, {"@odata.type": kind, "allowExternalIdToUseEmailOtp": otp})

    if ev.profile is Profile.CIS_M365_V7:
        yield step(
            control,
            1,
            "Switch the email one-time passcode off for guests",
            [passcode("disabled")],
            part=1,
            choice="It locks out every guest who accepted with a code.",
            risk=Risk.HIGH,
            leaves="pass",
        )
        return
    number = 0
    if otp == "disabled":
        number += 1
        yield step(
            control,
            number,
            "Switch the email one-time passcode on for guests",
            [passcode("enabled")],
            part=1,
            notes=("While it is off, people without an Entra account come in with a personal Microsoft account.",),
        )
    present = ev.mapping("cross_tenant_default")
    wanted = present.get("invitationRedemptionIdentityProviderConfiguration")
    now = wanted.get("fallbackIdentityProvider") if isinstance(wanted, Mapping) else None
    if now != "emailOneTimePasscode":
        number += 1
        order = wanted.get("primaryIdentityProviderPrecedenceOrder") if isinstance(wanted, Mapping) else None
        body = {
            "invitationRedemptionIdentityProviderConfiguration": {
                "primaryIdentityProviderPrecedenceOrder": order
                or ["azureActiveDirectory", "externalFederation", "socialIdentityProviders"],
                "fallbackIdentityProvider": "emailOneTimePasscode",
            }
        }
        request = patch(ev.url("/policies/crossTenantAccessPolicy/default"), body, present)
        social = social_providers(ev)
        yield step(
            control,
            number,
            "Let redemption fall back to an emailed code alone",
            [request],
            leaves="partial" if social else "pass",
        )
    for provider in social_providers(ev):
        number += 1
        yield by_hand(
            control,
            number,
            f"Decide whether {provider} accounts may stay",
            "Entra admin center > External Identities > All identity providers",
            choice="Whoever accepted with such an account cannot sign in once it is gone; its secret is not in the "
            "evidence, so it cannot be put back from here.",
            leaves="pass",
        )
    if not number:
        yield by_hand(
            control,
            1,
            "Ask every guest for MFA",
            "Nothing to change here: the fallback is a code already. The steps of GUEST-AUT-001 close this.",
            leaves="pass",
        )


def social_providers(ev: Evidence) -> list[str]:
    """Return the kinds of accounts beyond Google that nobody at a partner manages."""
    found = []
    for row in ev.rows("identity_providers"):
        kind = str(row.get("@odata.type", "")).rpartition(".")[2].casefold()
        name = str(row.get("identityProviderType") or "Apple")
        if kind in ("socialidentityprovider", "appleidentityprovider", "applemanagedidentityprovider"):
            found += [] if name.casefold() == "google" else [name]
    return sorted(found)


@remedy("GUEST-INV-006", risk=Risk.LOW)
def delete_old_invitations(ev: Evidence, finding: Finding) -> Iterator[Step]:
    """Delete invitations past the limit."""
    code = finding.control.code
    yield people(
        finding.control,
        1,
        f"Delete invitations that nobody accepted for more than {ev.thresholds.pending_days} days",
        lambda: (delete_guest(ev, row) for row in ev.affected(code)),
        choice="Look for onboardings that are under way, and for guests an access package made: they get no mail.",
        leaves="pass",
    )


@remedy("GUEST-INV-007", risk=Risk.LOW)
def take_access_from_invitations(ev: Evidence, finding: Finding) -> Iterator[Step]:
    """Delete what is old with all its access; take recent invitations out of their groups and applications."""
    control, code = finding.control, finding.control.code
    held = (code, "guest_memberships", "guest_app_roles")

    def old() -> Iterator[Request]:
        return (delete_guest(ev, row) for row in ev.affected(code) if _is_old(ev, row))

    def young() -> Iterator[Request]:
        for row, guest in ev.affected_guests(*held):
            if not _is_old(ev, row):
                yield from _memberships(ev, row, guest.side.get("guest_memberships", {}))
                yield from _app_roles(ev, row, guest.side.get("guest_app_roles", {}))

    yield people(
        control,
        1,
        "Delete old invitations that have access attached",
        old,
        part=1,
        choice="Look for onboardings that are under way.",
        same_as="GUEST-INV-006.1" if ev.is_open("GUEST-INV-006") else "",
    )
    yield people(
        control,
        2,
        "Take recent invitations out of their groups and applications",
        young,
        permission="GroupMember.ReadWrite.All + AppRoleAssignment.ReadWrite.All",
        role="Groups Administrator; for applications Cloud Application Administrator",
        choice="Teams that prepare for a newcomer add them again after acceptance.",
        notes=(
            "Memberships were read with those through other groups: where somebody is in a group through another, "
            "Graph answers 404; take them out of that other group.",
            "A dynamic group holds whoever fits its rule, pending or not: GUEST-PRV-005 is about its rule. Roles and "
            "owned objects are taken away by the steps of GUEST-PRV-001 to GUEST-PRV-004.",
        ),
        leaves="partial" if any(_stays(ev, row, guest) for row, guest in ev.affected_guests(*held)) else "pass",
    )


def _is_old(ev: Evidence, row: Mapping[str, Any]) -> bool:
    days = row.get("days")
    return isinstance(days, int) and days > ev.thresholds.pending_days


def _stays(ev: Evidence, row: Mapping[str, Any], guest: Guest) -> bool:
    """Whether a recent invitation keeps access whatever is done to a member: a dynamic group, a role, an object."""
    side = guest.side.get("guest_memberships", {})
    entries = _objects(side.get("transitiveMemberOf", side.get("memberOf")))
    kept = any(kind_of(e) != "group" or str(e.get("id", "")).casefold() in ev.dynamic_groups for e in entries)
    return not _is_old(ev, row) and kept


def _memberships(ev: Evidence, row: Mapping[str, Any], side: Mapping[str, Any]) -> Iterator[Request]:
    listed = side.get("transitiveMemberOf", side.get("memberOf"))
    for entry in _objects(listed):
        group = entry.get("id")
        if kind_of(entry) == "group" and isinstance(group, str) and group.casefold() not in ev.dynamic_groups:
            yield remove_member(ev, group, str(row["id"]), f"{about(row)}; group {entry.get('displayName') or group}")


def _app_roles(ev: Evidence, row: Mapping[str, Any], side: Mapping[str, Any]) -> Iterator[Request]:
    """Source: https://learn.microsoft.com/graph/api/user-delete-approleassignments."""
    return (
        app_role(ev, str(row["id"]), entry, f"{about(row)}; application {entry.get('resourceDisplayName') or ''}")
        for entry in _objects(side.get("appRoleAssignments"))
        if isinstance(entry.get("id"), str)
    )


def app_role(ev: Evidence, user: str, assignment: Mapping[str, Any], words: str) -> Request:
    """Take a user's assignment to an application away; assign it again to undo it."""
    url = ev.url("/users/{}/appRoleAssignments", user)
    back = {k: assignment.get(k) for k in ("principalId", "resourceId", "appRoleId")}
    told = all(isinstance(v, str) for v in back.values())
    return Request(
        "DELETE",
        ev.url("/users/{}/appRoleAssignments/{}", user, str(assignment["id"])),
        about=words,
        undo=(Request("POST", url, back),) if told else (),
        no_undo="" if told else "the evidence does not name the application's role",
    )


def _objects(listed: Any) -> Iterable[Mapping[str, Any]]:
    return (e for e in listed if isinstance(e, Mapping)) if isinstance(listed, list) else ()
