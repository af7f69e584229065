"""What guests and members may read and do in the directory."""

from collections.abc import Iterator, Mapping
from typing import Any

from posture.plan.changes.invitations import app_role
from posture.plan.evidence import label
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
    patch,
    people,
    remedy,
    setting,
    step,
)
from posture.snapshot.derive import CLIENT_APPS
from posture.snapshot.power import from_outside
from posture.snapshot.types import Gap

_POLICY = "/policies/authorizationPolicy"
_RESTRICTED = {"guestUserRoleId": "2af84b1e-32c8-42b7-82bc-daa82404023b"}
_DEFAULT_ROLE = "00000000-0000-0000-0000-000000000000"
"""Access without a role. Source: https://learn.microsoft.com/graph/api/user-post-approleassignments"""
_MOST_USERS = 500
_REVIEWERS = {
    "158c047a-c907-4556-b7ef-446551a6b5f7": 0,  # Cloud Application Administrator
    "9b895d92-2cd3-44c7-9d02-a6ac2d5ea5c3": 0,  # Application Administrator
    "62e90394-69f5-4237-9190-012177145e10": 1,  # Global Administrator
}
"""Roles whose holders may look at requests for consent; those of the lowest number are proposed.

Source: https://learn.microsoft.com/entra/identity/enterprise-apps/configure-admin-consent-workflow
"""


@remedy("GUEST-PER-001", risk=Risk.MEDIUM)
def restrict_guests(ev: Evidence, finding: Finding) -> Iterator[Step]:
    """Give guests the restricted level."""
    yield _restricting(ev, finding)


def _restricting(ev: Evidence, finding: Finding, same_as: str = "") -> Step:
    return setting(
        ev,
        finding,
        "authorization_policy",
        _POLICY,
        _RESTRICTED,
        title="Let guests read their own objects only",
        leaves="pass",
        same_as=same_as,
    )


@remedy("GUEST-PER-002", risk=Risk.MEDIUM)
def restrict_guests_too(ev: Evidence, finding: Finding) -> Iterator[Step]:
    """The same request as GUEST-PER-001's; given again only where that one has no step."""
    yield _restricting(ev, finding, same_as="GUEST-PER-001.1" if ev.is_open("GUEST-PER-001") else "")


@remedy("GUEST-PER-003", risk=Risk.LOW)
def take_rights_from_members(ev: Evidence, finding: Finding) -> Iterator[Step]:
    """Switch off what members may create; Graph keeps the properties that are not sent.

    Source: https://learn.microsoft.com/graph/api/authorizationpolicy-update
    """
    rights = dict.fromkeys(("allowedToCreateApps", "allowedToCreateSecurityGroups", "allowedToCreateTenants"), False)
    yield setting(
        ev,
        finding,
        "authorization_policy",
        _POLICY,
        {"defaultUserRolePermissions": rights},
        title="Let members register no applications and create no security groups or tenants",
        notes=("Give Application Developer and Tenant Creator to people by name.",),
        leaves="pass",
    )


@remedy("GUEST-PER-005", risk=Risk.MEDIUM)
def lock_clients(ev: Evidence, finding: Finding) -> Iterator[Step]:
    """Assign those who use the clients, then ask for assignment; a client that is missing is made so.

    Sources: https://learn.microsoft.com/graph/api/user-post-approleassignments
    https://learn.microsoft.com/graph/api/serviceprincipal-update
    https://learn.microsoft.com/graph/api/serviceprincipal-post-serviceprincipals
    """
    control = finding.control
    principals = {
        str(p.get("appId", "")).casefold(): p
        for p in ev.rows("service_principals")
        if str(p.get("appId", "")).casefold() in CLIENT_APPS and isinstance(p.get("id"), str)
    }
    assign = [_assign(ev, principals[app], user) for user, app in _members_using(ev) if app in principals]
    where = "Entra admin center > Enterprise apps > the client > Users and groups"
    title = "Assign those who use the clients, the person who runs this audit among them"
    if assign:
        yield step(
            control,
            1,
            title,
            assign,
            part=None,
            permission="AppRoleAssignment.ReadWrite.All",
            role="Cloud Application Administrator",
            where=where,
            choice="These people used a client lately; a group of engineers is easier to keep than single people.",
            risk=Risk.LOW,
        )
    else:
        yield by_hand(control, 1, title, where)
    locked = [_lock(ev, p) for _, p in sorted(principals.items()) if _is_open(p)]
    made = [_make(ev, app) for app in sorted(CLIENT_APPS.keys() - principals.keys())]
    first = (After(f"{control.code}.1", "whoever is not assigned cannot sign in with a client any more"),)
    number = 1
    if locked:
        number += 1
        yield step(control, number, f"Ask for assignment to {len(locked)} clients", locked, after=first)
    if made:
        number += 1
        yield step(control, number, f"Make {len(made)} missing clients, locked", made, part=1, after=first)
    yield people(
        control,
        number + 1,
        "Take guests' assignments to the clients away",
        lambda: _unassign(ev),
        part=None,
        permission="AppRoleAssignment.ReadWrite.All",
        role="Cloud Application Administrator",
        where=where,
        choice="A consultant may need a client: give them an account of yours.",
        notes=("Guests who come through a group stay assigned: take them out of the group.",),
        leaves="pass",
    )


def _members_using(ev: Evidence) -> list[tuple[str, str]]:
    """Return members and the client each used lately."""
    log = ev.sign_ins
    if isinstance(log, Gap):
        return []
    return sorted(pair for pair in log.client_users if pair[0].casefold() not in log.clients.guests)[:_MOST_USERS]


def _is_open(principal: Mapping[str, Any]) -> bool:
    return principal.get("appRoleAssignmentRequired") is not True and principal.get("accountEnabled") is not False


def _lock(ev: Evidence, principal: Mapping[str, Any]) -> Request:
    name = CLIENT_APPS[str(principal["appId"]).casefold()]
    url = ev.url("/servicePrincipals/{}", str(principal["id"]))
    return patch(url, {"appRoleAssignmentRequired": True}, principal, about=name)


def _make(ev: Evidence, app: str) -> Request:
    body = {"appId": app, "appRoleAssignmentRequired": True}
    return created(ev.url("/servicePrincipals"), body, {"appId": app}, words=CLIENT_APPS[app], narrow="appId")


def _assign(ev: Evidence, principal: Mapping[str, Any], user: str) -> Request:
    client = str(principal["id"])
    name = CLIENT_APPS[str(principal["appId"]).casefold()]
    names = {} if isinstance(ev.sign_ins, Gap) else ev.sign_ins.clients.names
    return created(
        ev.url("/users/{}/appRoleAssignments", user),
        {"principalId": user, "resourceId": client, "appRoleId": _DEFAULT_ROLE},
        {"resourceId": client},
        words=f"{names.get(user.casefold(), user)}: uses {name}",
    )


def _unassign(ev: Evidence) -> Iterator[Request]:
    """Take away the direct assignments of guests the finding names."""
    named = {str(row.get("id", "")).casefold(): row for row in ev.affected("GUEST-PER-005")}
    for client in ev.rows("client_app_assignments"):
        listed = client.get("appRoleAssignedTo")
        for entry in listed if isinstance(listed, list) else ():
            row = named.get(str(entry.get("principalId", "")).casefold()) if isinstance(entry, Mapping) else None
            if row is not None and isinstance(entry.get("id"), str):
                yield app_role(ev, str(row["id"]), entry, about(row))


@remedy("GUEST-PER-006", risk=Risk.LOW)
def leave_consent_to_administrators(ev: Evidence, finding: Finding) -> Iterator[Step]:
    """Take consent for oneself away and give people somebody to ask.

    Sources: https://learn.microsoft.com/graph/api/authorizationpolicy-update
    https://learn.microsoft.com/graph/api/adminconsentrequestpolicy-update
    """
    control = finding.control
    workflow = ev.mapping("admin_consent_request_policy")
    asked = workflow.get("isEnabled") is True
    after: tuple[After, ...] = ()
    if not asked:
        yield _workflow(ev, finding, workflow)
        after = (After(f"{control.code}.1", "people need somebody to ask before they can no longer consent"),)
    rights = ev.mapping("authorization_policy").get("defaultUserRolePermissions")
    listed = rights.get("permissionGrantPoliciesAssigned") if isinstance(rights, Mapping) else None
    kept = [e for e in (listed if isinstance(listed, list) else ()) if _for_owned(e)]
    risky = ev.mapping("authorization_policy").get("allowUserConsentForRiskyApps") is True
    if risky or (isinstance(listed, list) and kept != listed):
        yield setting(
            ev,
            finding,
            "authorization_policy",
            _POLICY,
            {
                "allowUserConsentForRiskyApps": False,
                "defaultUserRolePermissions": {"permissionGrantPoliciesAssigned": kept},
            },
            title="Let nobody consent to applications for themselves",
            number=1 if asked else 2,
            after=after,
            notes=("The entries for owned resources are kept, so that team owners can consent for their teams.",),
            leaves="pass",
        )


def _for_owned(entry: Any) -> bool:
    return str(entry).partition(".")[0].casefold() == "managepermissiongrantsforownedresource"


def _workflow(ev: Evidence, finding: Finding, present: Mapping[str, Any]) -> Step:
    reviewers = _reviewers(ev)
    if not reviewers:
        return by_hand(
            finding.control,
            1,
            "Let people ask an administrator for consent",
            "Entra admin center > Enterprise apps > Consent and permissions > Admin consent settings",
            blocked="no reviewer could be proposed: name somebody in the portal",
        )
    body = {
        "isEnabled": True,
        "notifyReviewers": True,
        "remindersEnabled": True,
        "requestDurationInDays": 30,
        "reviewers": [{"query": f"/users/{r}", "queryType": "MicrosoftGraph"} for r in reviewers],
    }
    url = ev.url("/policies/adminConsentRequestPolicy")
    words = "asked: " + ", ".join(reviewers.values())
    return step(
        finding.control,
        1,
        "Let people ask an administrator for consent",
        [patch(url, body, present, method="PUT", about=words)],
        part=1,
        choice="The reviewers proposed hold an administrator role for applications; take out emergency accounts, and "
        "whoever should not be asked.",
        risk=Risk.LOW,
        leaves="" if not _closes(ev) else "pass",
    )


def _closes(ev: Evidence) -> bool:
    """Whether nobody may consent for themselves already."""
    rights = ev.mapping("authorization_policy").get("defaultUserRolePermissions")
    listed = rights.get("permissionGrantPoliciesAssigned") if isinstance(rights, Mapping) else None
    return isinstance(listed, list) and all(map(_for_owned, listed))


def _reviewers(ev: Evidence) -> dict[str, str]:
    """Return up to three people from inside with a fitting role by id, those for emergencies left out."""
    spared = {b.casefold() for b in ev.thresholds.break_glass_ids}
    found: dict[str, int] = {}
    names: dict[str, str] = {}
    for row in ev.rows("role_assignments"):
        rank = _REVIEWERS.get(str(row.get("roleDefinitionId", "")).casefold())
        principal = row.get("principal")
        who = principal.get("id") if isinstance(principal, Mapping) else None
        if rank is None or not isinstance(who, str) or who.casefold() in spared:
            continue
        if isinstance(principal, Mapping) and principal.get("userType") and from_outside(principal) is False:
            found[who] = min(rank, found.get(who, rank))
            names[who] = label(principal)
    best = min(found.values(), default=0)
    return {who: names[who] for who in sorted(w for w, rank in found.items() if rank == best)[:3]}
