"""What guests own: applications and groups."""

import re
from collections.abc import Mapping
from typing import Any

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
from posture.controls.shared import NO_GUESTS, names, number, population, unless_known
from posture.errors import UnknownValueError
from posture.settings import Severity, Thresholds
from posture.snapshot.power import (
    EXPAND_LIMIT,
    GroupUses,
    Outsiders,
    because,
    expanded,
    outsiders,
    person,
    side_by_side,
)
from posture.snapshot.types import Gap, Rows
from posture.snapshot.values import objects, text

_PERMISSIONS = {
    "9e3f62cf-ca93-4989-b6ce-bf83c28f9fe8": "RoleManagement.ReadWrite.Directory",
    "06b708a9-e830-4db3-a914-8e69da51d44f": "AppRoleAssignment.ReadWrite.All",
    "1bfefb4e-e0b5-418b-a88f-73c46d2cc8e9": "Application.ReadWrite.All",
    "19dbc75e-c2e2-444c-a770-ec69d8559fc7": "Directory.ReadWrite.All",
    "62a82d76-70ea-41e2-9197-370581804d09": "Group.ReadWrite.All",
    "e2a3a72e-5f79-4c64-b1b1-878b674786c9": "Mail.ReadWrite",
    "75359482-378d-4052-8f01-80520e7db3cd": "Files.ReadWrite.All",
    "a82116e5-55eb-4c41-a434-62fe8a61c773": "Sites.FullControl.All",
}
"""Application permissions of Microsoft Graph by app role id: https://learn.microsoft.com/graph/permissions-reference."""
_ROLE_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def _dangerous(thresholds: Thresholds) -> frozenset[str]:
    """Return the app role ids of the permissions that `dangerous_app_permissions` names, by name or by id."""
    by_name = {name.casefold(): role for role, name in _PERMISSIONS.items()}
    found = set()
    for given in thresholds.dangerous_app_permissions:
        role = by_name.get(given.casefold(), given.casefold())
        if not _ROLE_ID.fullmatch(role):
            raise UnknownValueError(
                f"the parameter dangerous_app_permissions holds {given!r}; give the id of that application permission"
            )
        found.add(role)
    return frozenset(found)


class _Owned:
    """An application or service principal that somebody from outside owns, and what it can do."""

    def __init__(self, row: Mapping[str, Any], owners: Outsiders, word: str) -> None:
        self.row, self.owners, self.word = row, owners, word
        self.power: list[str] = []
        self.unknown: list[str] = []
        self.dangerous = False

    def look(
        self,
        principal_id: str | None,
        permissions: Mapping[str, Any],
        in_role: set[str] | None,
        why: str,
        dangerous: frozenset[str],
    ) -> None:
        """Collect credentials, application permissions and directory roles."""
        for key in ("passwordCredentials", "keyCredentials"):
            value = self.row.get(key)
            if not isinstance(value, list):
                self.unknown.append(f"{key} of the {self.word} {self.row.get('id')} was not read")
            elif value:
                self.power.append("a credential")
        if principal_id is None:
            return
        granted = permissions.get(principal_id)
        if granted is None:
            self.unknown.append(f"the permissions of the {self.word} {self.row.get('id')} were not read")
        else:
            ids = [str(g.get("appRoleId", "")).casefold() for g in granted]
            self.power += [_PERMISSIONS.get(i, "a permission") for i in ids]
            self.dangerous = not dangerous.isdisjoint(ids)
        if in_role is None:
            self.unknown.append(f"the role assignments were not read{why}")
        elif principal_id in in_role:
            self.power.append("a directory role")

    def shown(self) -> list[dict[str, Any]]:
        name = str(self.row.get("displayName") or self.row.get("id"))
        power = names(self.power)
        why = f"owns the {self.word} {name}" + (f", which has {power}" if power else "")
        more = {"owned": self.row.get("id"), "ownedType": self.word}
        return [person(who, why, **more) for who in self.owners.people]


def _zta_21868(applications: Rows, service_principals: Rows, **_: Any) -> Outcome | None:
    """Judge as Microsoft's test does: no guest owns an application."""
    unknown: list[str] = []
    if _owned(applications, "application", unknown) or _owned(service_principals, "service principal", unknown):
        return Outcome.FAIL
    return None if unknown else Outcome.PASS


def _owned(rows: Rows, word: str, unknown: list[str]) -> list[_Owned]:
    found = []
    for row in objects(rows, f"{word}s"):
        try:
            listed = expanded(row, "owners")
            owners = outsiders(listed, f"an owner of the {word} {row.get('id')}:")
            if len(listed) == EXPAND_LIMIT and not owners.people:
                unknown.append(f"the {word} {row.get('id')} may have more owners than the {EXPAND_LIMIT} Graph lists")
        except UnknownValueError as reason:
            unknown.append(str(reason))
            continue
        unknown += owners.unknown
        if owners.people:
            found.append(_Owned(row, owners, word))
    return found


@control(
    "GUEST-PRV-003",
    fail=Severity.HIGH,
    partial=Severity.MEDIUM,
    kind="inventory",
    remediation=(
        Remediation(
            method="DELETE",
            url="https://graph.microsoft.com/v1.0/applications/{id}/owners/{user id}/$ref",
            permission="Application.ReadWrite.All",
            role="Application Administrator",
            powershell=(
                "Remove-MgApplicationOwnerDirectoryObjectByRef -ApplicationId {id} -DirectoryObjectId {user id}",
                "Remove-EntraApplicationOwner -ApplicationId {id} -OwnerId {user id}",
            ),
            notes="For an app registration. Then replace its secrets and certificates: removing an owner leaves those "
            "they added in force.",
        ),
        Remediation(
            method="DELETE",
            url="https://graph.microsoft.com/v1.0/servicePrincipals/{id}/owners/{user id}/$ref",
            permission="Application.ReadWrite.All",
            role="Application Administrator",
            powershell=(
                "Remove-MgServicePrincipalOwnerDirectoryObjectByRef -ServicePrincipalId {id} "
                "-DirectoryObjectId {user id}",
                "Remove-EntraServicePrincipalOwner -ServicePrincipalId {id} -OwnerId {user id}",
            ),
            notes="For an enterprise application.",
        ),
    ),
    frameworks={
        "scuba": ("MS.AAD.5.1v1 (SHALL, intent)",),
        "mcsb": ("PA-7 (own)", "IM-3 (own)"),
        "nist_800_53r5": ("AC-6 (own)", "CM-5 (own)"),
        "iso_27001_2022": ("A.8.2 (own)", "A.8.3 (own)"),
        "attack": ("T1098.001",),
        "atrm": ("AZT405.3",),
        "maester": ("MT.1077", "MT.1078"),
        "zta": ("21868",),
    },
    authorities=(Authority("Microsoft Zero Trust Assessment", "21868: guests own no application", _zta_21868),),
    parameters=("dangerous_app_permissions",),
    empty_is_good=(
        "applications: a tenant may register none. owned_app_permissions: it holds only what guests own; an owned one "
        "missing here is unknown."
    ),
    unverified=("how many owners $expand returns before it stops",),
)
def no_external_owns_an_application(
    applications: Rows,
    service_principals: Rows,
    owned_app_permissions: Rows,
    guests: Rows,
    role_assignments: Rows | Gap,
    thresholds: Thresholds,
) -> Verdict:
    """No guest owns an application or service principal.

    Holds when nobody from outside owns an app registration or an enterprise
    application. Partial when what they own has no application permission, no
    directory role and no credential. Fails when it has one of these; the
    finding says where one is in `dangerous_app_permissions`.

    Why: an owner can add a secret and then act as the application, with all it
    may do, at any hour and without MFA.

    Attack: the guest adds a secret to an application they own and signs in as
    the application. Deleting the guest later does not touch the secret.

    Fix: Entra admin center > App registrations, and Enterprise apps > the app >
    Owners > Remove. Name two internal owners, then replace the application's
    secrets and certificates.

    Breaks: an outside developer can no longer maintain the application; give
    them a pipeline or a review instead.

    Default: guests own nothing.

    Source: https://learn.microsoft.com/graph/api/application-list-owners
    https://learn.microsoft.com/graph/api/serviceprincipal-list-owners
    https://learn.microsoft.com/entra/fundamentals/users-default-permissions
    """
    unknown: list[str] = []
    principals: dict[str, str] = {}
    for row in objects(service_principals, "service principals"):
        principals[text(row, "appId").casefold()] = text(row, "id").casefold()
    if not principals:
        raise UnknownValueError("the list of service principals is empty, though every tenant has Microsoft's own")
    owned = _owned(applications, "application", unknown) + _owned(service_principals, "service principal", unknown)
    permissions = {
        str(row.get("id", "")).casefold(): _objects(row, "appRoleAssignments")
        for row in objects(owned_app_permissions, "application permissions")
    }
    in_role = (
        None
        if isinstance(role_assignments, Gap)
        else {str(row.get("principalId", "")).casefold() for row in objects(role_assignments, "role assignments")}
    )
    for thing in owned:
        principal = (
            text(thing.row, "id").casefold()
            if thing.word == "service principal"
            else principals.get(text(thing.row, "appId").casefold())
        )
        thing.look(principal, permissions, in_role, because(role_assignments), _dangerous(thresholds))
    people = [row for thing in owned for row in thing.shown()]
    observed = {"owned by externals": len(owned)}
    strong = [thing for thing in owned if thing.power]
    if strong:
        dangerous = sum(thing.dangerous for thing in strong)
        return failed(
            f"People from outside own {number(len(owned), 'application object')}, {len(strong):,} of them with "
            f"{names(p for t in strong for p in t.power)}.",
            observed={**observed, "with a permission, role or credential": len(strong), "dangerous": dangerous},
            affected=people,
            notes=("A permission held here leads to the whole tenant: treat it as critical.",) if dangerous else (),
        )
    unless_known(unknown + [u for thing in owned for u in thing.unknown], role_assignments)
    if owned:
        return partial(
            f"People from outside own {number(len(owned), 'application object')} without any application permission, "
            "role, secret or certificate.",
            observed=observed,
            affected=people,
        )
    if not population(guests):
        return not_applicable(NO_GUESTS, observed={"guests": 0})
    return passed("Nobody from outside owns an application or service principal.", observed=observed)


def _objects(row: Mapping[str, Any], key: str) -> list[dict[str, Any]] | None:
    try:
        return expanded(row, key)
    except UnknownValueError:
        return None


def _owners_of(group: Mapping[str, Any] | None, row: Mapping[str, Any] | None) -> Outsiders:
    """Sort out a group's owners; a group that only one of the two lists has is unknown where it matters."""
    if row is None:
        raise UnknownValueError(f"the owners of the group {group.get('id') if group else ''} were not read")
    found = outsiders(expanded(row, "owners"), f"an owner of the group {row.get('id')}:")
    if group is None and found.people:
        raise UnknownValueError(f"the group {row.get('id')} has an external owner and is not in the list of groups")
    return found


@control(
    "GUEST-PRV-004",
    fail=Severity.HIGH,
    partial=Severity.MEDIUM,
    kind="inventory",
    remediation=Remediation(
        method="DELETE",
        url="https://graph.microsoft.com/v1.0/groups/{id}/owners/{user id}/$ref",
        permission="Group.ReadWrite.All",
        role="Groups Administrator",
        powershell=(
            "Remove-MgGroupOwnerDirectoryObjectByRef -GroupId {id} -DirectoryObjectId {user id}",
            "Remove-EntraGroupOwner -GroupId {id} -OwnerId {user id}",
        ),
        notes="Add an internal owner first: Graph removes no last owner.",
    ),
    frameworks={
        "mcsb": ("PA-7 (own)",),
        "nist_800_53r5": ("AC-2 (own)", "AC-6 (own)"),
        "iso_27001_2022": ("A.5.15 (own)", "A.5.18 (own)"),
        "attack": ("T1098", "T1069.003"),
        "atrm": ("AZT106 (own)",),
        "maester": ("EIDSCA.ST08",),
    },
    parameters=("min_internal_owners",),
    empty_is_good="group_owners: only where the tenant has no groups; the owners of every group must be listed.",
    unverified=("whether Graph refuses to remove the last owner of a Microsoft 365 group",),
)
def no_external_owns_a_group(
    group_owners: Rows,
    groups: Rows,
    guests: Rows,
    conditional_access_policies: Rows | Gap,
    role_assignments: Rows | Gap,
    thresholds: Thresholds,
) -> Verdict:
    """No guest owns a group or team.

    Holds when nobody from outside owns a group. Partial when they own it
    together with at least `min_internal_owners` people from inside. Fails when
    too few owners are from inside, and when the group is used in Conditional
    Access, in a directory role or for licences.

    Why: the owner decides who comes in, so a guest who owns a group lets
    further outsiders at its files, chats, licences and applications without
    using any right to invite. A group that a policy exempts is a way around
    that policy.

    Attack: a guest owner adds a second account they control, or one that
    should not see the content, and no invitation shows up anywhere.

    Fix: Entra admin center > Groups > the group > Owners > Remove, with two
    internal owners named first.

    Breaks: a team that a partner runs alone needs an internal owner before.

    Default: Microsoft 365 groups refuse guest owners unless
    AllowGuestsToBeGroupOwner is true; that setting does not cover security
    groups.

    Source: https://learn.microsoft.com/graph/api/group-list-owners
    https://learn.microsoft.com/entra/identity/users/groups-settings-cmdlets
    """
    uses = GroupUses(conditional_access_policies, role_assignments)
    unknown: list[str] = []
    people: list[dict[str, Any]] = []
    bad = owned = seen = 0
    for group, row in side_by_side(groups, group_owners, ("groups", "owners of groups")):
        seen += group is not None
        try:
            owners = _owners_of(group, row)
        except UnknownValueError as reason:
            unknown.append(str(reason))
            continue
        unknown += owners.unknown
        if group is None or not owners.people:
            continue
        owned += 1
        alone = owners.insiders < thresholds.min_internal_owners
        try:
            used, missing = uses.of(group), uses.unread
        except UnknownValueError as reason:
            used, missing = (), [str(reason)]
        bad += alone or bool(used)
        if not alone and not used:
            unknown += missing
        name = str(group.get("displayName") or group.get("id"))
        why = f"owns {name}" + (" alone" if not owners.insiders else "") + (f", used in {names(used)}" if used else "")
        people += [person(who, why, group=group.get("id")) for who in owners.people]
    observed = {"groups owned by externals": owned}
    if bad:
        return failed(
            f"People from outside own {number(owned, 'group')}; {bad:,} without enough internal owners, or used in "
            "Conditional Access, roles or licences.",
            observed={**observed, "alone or in use": bad},
            affected=people,
        )
    unless_known(unknown, conditional_access_policies, role_assignments)
    if people:
        return partial(
            f"People from outside own {number(owned, 'group')}, always together with somebody from inside.",
            observed=observed,
            affected=people,
        )
    if not population(guests):
        return not_applicable(NO_GUESTS, observed={"guests": 0})
    if not seen:
        return not_applicable("The tenant has no groups.", observed={"groups": 0})
    which = "the only group" if seen == 1 else f"any of the {seen:,} groups"
    return passed(f"Nobody from outside owns {which}.", observed={"groups": seen})
