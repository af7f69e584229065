"""What follows from a tenant's lists: objects behind ids, memberships, owners, roles, assignments."""

import functools
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any
from uuid import NAMESPACE_URL, uuid5

from posture.emulator.endpoints import LISTINGS, Listing
from posture.emulator.rows import ChainRows

if TYPE_CHECKING:
    from posture.emulator.data import Dataset

Object = dict[str, Any]

_OBJECT_LISTS = ("users", "groups", "servicePrincipals", "applications")


class Missing(Exception):  # noqa: N818 - it says what the folder lacks, not that something went wrong
    """The folder does not tell."""


class Links:
    """The relationships of one dataset, computed when first asked for; made anew after a write."""

    def __init__(self, data: "Dataset") -> None:
        self._data = data

    def object(self, key: str) -> Object | None:
        """Return the directory object with an id, its `@odata.type` first; None where nothing has it."""
        for path in _OBJECT_LISTS:
            try:
                rows = self._data.rows("v1.0", LISTINGS[path.lower()])
            except Missing:
                continue
            number = rows.find(key)
            if number is not None:
                return typed(LISTINGS[path.lower()].kind, rows.row(number))
        return None

    def resolve(self, refs: Any) -> list[Object]:
        """Return the objects that ids stand for; objects pass, unknown ids (deleted) are left out."""
        found = []
        for ref in refs if isinstance(refs, list) else []:
            if isinstance(ref, dict):
                found.append(ref)
            elif isinstance(ref, str) and (known := self.object(ref)) is not None:
                found.append(known)
        return found

    def _iterate(self, path: str) -> Iterator[Object]:
        try:
            rows = self._data.rows("v1.0", LISTINGS[path.lower()])
        except Missing:
            return
        if isinstance(rows, ChainRows):
            rows = rows.first
        for number in range(len(rows)):
            yield rows.row(number)

    @functools.cached_property
    def _member_index(self) -> Mapping[str, list[Object]]:
        index: dict[str, list[Object]] = {}
        for group in self._iterate("groups"):
            for member in _ids(group.get("members")):
                index.setdefault(member, []).append(group)
        return index

    @functools.cached_property
    def _owner_index(self) -> Mapping[str, list[Object]]:
        index: dict[str, list[Object]] = {}
        for path in ("groups", "applications", "servicePrincipals"):
            for row in self._iterate(path):
                for owner in _ids(row.get("owners")):
                    index.setdefault(owner, []).append(typed(LISTINGS[path.lower()].kind, row))
        return index

    @functools.cached_property
    def _role_index(self) -> Mapping[str, list[Object]]:
        """Principal id to the activated roles it holds directly."""
        roles = {
            str(r.get("roleTemplateId")).lower(): typed("directoryRole", r) for r in self._iterate("directoryRoles")
        }
        index: dict[str, list[Object]] = {}
        for row in self._iterate("roleManagement/directory/roleAssignments"):
            role = roles.get(str(row.get("roleDefinitionId")).lower())
            if role is not None and row.get("directoryScopeId") == "/":
                index.setdefault(str(row.get("principalId")).lower(), []).append(role)
        return index

    def directory_roles(self) -> Iterator[Object]:
        """Activated roles: those somebody holds. https://learn.microsoft.com/graph/api/directoryrole-list."""
        names = {str(d.get("id")).lower(): d for d in self._iterate("roleManagement/directory/roleDefinitions")}
        held = {
            str(a.get("roleDefinitionId")).lower() for a in self._iterate("roleManagement/directory/roleAssignments")
        }
        for role in sorted(held):
            definition = names.get(role, {})
            yield {
                "id": str(uuid5(NAMESPACE_URL, f"role/{self._data.tenant.name}/{role}")),
                "deletedDateTime": None,
                "displayName": definition.get("displayName"),
                "description": definition.get("description"),
                "roleTemplateId": definition.get("templateId") or role,
            }

    def groups_of(self, key: str) -> list[Object]:
        """Return the groups an object is a direct member of."""
        found = [typed("group", g) for g in self._member_index.get(key.lower(), [])]
        if self._data.people is not None and (number := self._data.people.number_of(key)) is not None:
            found += [typed("group", self._data.people.groups[g]) for g in self._data.people.groups_of(number)]
        return found

    def member_of(self, key: str) -> list[Object]:
        """Return groups and roles an object is in directly."""
        return [*self.groups_of(key), *self._role_index.get(key.lower(), [])]

    def transitive_member_of(self, key: str) -> list[Object]:
        """Return groups and roles an object is in, through other groups too."""
        found: dict[str, Object] = {}
        waiting = [key]
        while waiting:
            for holder in self.member_of(waiting.pop()):
                name = str(holder.get("id"))
                if name not in found:
                    found[name] = holder
                    waiting.append(name)
        return list(found.values())

    def members(self, group: Object) -> list[Object]:
        """Return the direct members of a group."""
        found = self.resolve(group.get("members"))
        number = self._data.people.group_number(str(group.get("id"))) if self._data.people is not None else None
        if self._data.people is not None and number is not None:
            guests = self._data.rows("v1.0", LISTINGS["users"])
            assert isinstance(guests, ChainRows)
            found += [typed("user", guests.second.row(i)) for i in self._data.people.members_of(number)]
        return found

    def transitive_members(self, group: Object) -> list[Object]:
        """Return the members of a group, those of groups within it too."""
        found: dict[str, Object] = {}
        waiting = [group]
        while waiting:
            for member in self.members(waiting.pop()):
                name = str(member.get("id"))
                if name not in found:
                    found[name] = member
                    if member.get("@odata.type") == "#microsoft.graph.group":
                        waiting.append(member)
        return list(found.values())

    def related(self, listing: Listing, row: Object, nav: str) -> list[Object] | Object | None:
        """Return what a relationship of a row leads to: a list, an object, or None where there is none.

        Raises Missing where recorded evidence does not tell.
        """
        held = row.get(nav)
        if isinstance(held, dict):
            return held
        if self._data.recorded:
            return self._recorded_nav(listing, row, nav)
        if isinstance(held, list) and any(isinstance(item, dict) for item in held):
            return self.resolve(held)
        return self._follow(listing, row, nav)

    def _recorded_nav(self, listing: Listing, row: Object, nav: str) -> list[Object] | None:
        """Return a relationship as recorded; what a row does not tell is missing, never empty."""
        name = "members" if nav == "transitiveMembers" else nav
        if name in row:
            return self.resolve(row[name]) if listing.navs[nav.lower()].many else None
        if listing.path == "directoryRoles" or not listing.navs[nav.lower()].many:
            found = self._follow(listing, row, nav)
            return found if isinstance(found, list) else None
        raise Missing(f"{listing.path}/{nav}")

    def tells(self, listing: Listing, nav: str) -> bool:
        """Tell whether a relationship of a list is known for at least some rows."""
        return (
            not self._data.recorded
            or not listing.navs[nav.lower()].many
            or nav in self._data.files("v1.0", listing.path)
        )

    def _follow(self, listing: Listing, row: Object, nav: str) -> list[Object] | Object | None:
        key = str(row.get(listing.key, ""))
        match nav:
            case "memberOf":
                return self.member_of(key)
            case "transitiveMemberOf":
                return self.transitive_member_of(key)
            case "members" if listing.path == "directoryRoles":
                return [o for p in self._role_holders(key) if (o := self.object(p)) is not None]
            case "members":
                return self.members(row)
            case "transitiveMembers":
                return self.transitive_members(row)
            case "ownedObjects":
                return list(self._owner_index.get(key.lower(), []))
            case "appRoleAssignments" | "appRoleAssignedTo":
                return self._app_roles(key, row, nav)
            case "oauth2PermissionGrants":
                name = "clientId" if listing.path == "servicePrincipals" else "principalId"
                return [g for g in self._iterate("oauth2PermissionGrants") if same(g.get(name), key)]
            case "principal":
                return self.object(str(row.get("principalId")))
            case "group":
                return self.object(str(row.get("groupId")))
            case "roleDefinition":
                return self._by_id("roleManagement/directory/roleDefinitions", row.get("roleDefinitionId"))
            case _ if listing.navs[nav.lower()].many:
                return self.resolve(row.get(nav))
            case _:
                held = row.get(nav)
                return self.object(held) if isinstance(held, str) else None

    def _role_holders(self, role: str) -> list[str]:
        return [p for p, roles in self._role_index.items() if any(r.get("id") == role for r in roles)]

    def _by_id(self, path: str, key: Any) -> Object | None:
        return next((r for r in self._iterate(path) if same(r.get("id"), key)), None)

    def _app_roles(self, key: str, row: Object, nav: str) -> list[Object]:
        """Return app-role assignments: the row's own, and those other rows tell of it."""
        mine, theirs, name = (
            ("appRoleAssignments", "appRoleAssignedTo", "principalId")
            if nav == "appRoleAssignments"
            else ("appRoleAssignedTo", "appRoleAssignments", "resourceId")
        )
        found = {str(a.get("id")): a for a in self.resolve(row.get(mine))}
        sources = ("servicePrincipals",) if nav == "appRoleAssignments" else ("users", "groups", "servicePrincipals")
        for path in sources:
            for other in self._iterate(path):
                for assignment in other.get(theirs) or []:
                    if isinstance(assignment, dict) and same(assignment.get(name), key):
                        found.setdefault(str(assignment.get("id")), assignment)
        return list(found.values())


def typed(kind: str, row: Object) -> Object:
    """Return a row as a directory object: its type before everything else."""
    return row if "@odata.type" in row else {"@odata.type": f"#microsoft.graph.{kind}", **row}


def _ids(refs: Any) -> Iterator[str]:
    for ref in refs if isinstance(refs, list) else []:
        name = ref.get("id") if isinstance(ref, dict) else ref
        if isinstance(name, str):
            yield name.lower()


def same(left: Any, right: Any) -> bool:
    """Compare two ids as Entra does, without regard to letter case."""
    return isinstance(left, str) and isinstance(right, str) and left.lower() == right.lower()
