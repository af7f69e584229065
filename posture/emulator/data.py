"""A tenant's data behind the endpoints: lists, single objects, and what follows from them."""

import functools
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import orjson

from posture.emulator.endpoints import ARM_EXPORT, LISTINGS, SINGLES, TENANT_INFORMATION, Listing
from posture.emulator.generate import GeneratedRows, Population, initial_domain
from posture.emulator.route import VERSIONS
from posture.emulator.rows import ChainRows, DiskRows, MemoryRows, Rows, merged
from posture.emulator.tenant import EmulatedTenant
from posture.errors import EvidenceError
from posture.snapshot.folder import FileRows, parse

Object = dict[str, Any]

_IN_MEMORY = 32 * 1024 * 1024
"""Bytes of files up to which a list is held as objects."""
_OBJECT_LISTS = ("users", "groups", "servicePrincipals", "applications")
_SKUS = {
    "P1": ("AAD_PREMIUM", "41781fb2-bc02-4b7c-bd55-b576c07bb09d"),
    "P2": ("AAD_PREMIUM_P2", "eec0eb4f-6444-4f95-aba0-50c24d67f998"),
    "Governance": ("Entra_Identity_Governance", "e866a266-3cff-43a3-acca-0c90a7e00c8b"),
}
"""Licence to service plan. https://learn.microsoft.com/entra/identity/users/licensing-service-plan-reference"""


_BY_DOMAIN = replace(TENANT_INFORMATION, path="tenantRelationships/findTenantInformationByDomainName", key="id")


class Missing(Exception):  # noqa: N818 - it says what the folder lacks, not that something went wrong
    """The folder does not tell."""


class Dataset:
    """What one app serves. Lists are read when first asked for and then kept."""

    def __init__(self, tenant: EmulatedTenant) -> None:
        self.tenant = tenant
        self.recorded = tenant.manifest is not None
        self._lists: dict[str, Rows] = {}
        self._singles: dict[str, Object | None] = {}
        self.people: Population | None = None
        if tenant.generate:
            organization = self._read_rows("v1.0", LISTINGS["organization"])
            first = organization.row(0) if organization is not None and len(organization) else None
            self.people = Population(tenant.generate, tenant.clock, initial_domain(first))

    def check(self) -> None:
        """Read a sample's files now, so that a damaged or misplaced one stops the start and not a request.

        Raises EvidenceError naming the file.
        """
        root = self.tenant.folder.root
        for file in sorted(root.rglob("*")):
            name = file.relative_to(root).as_posix()
            version, _, rest = name.partition("/")
            if version not in (*VERSIONS, "arm") or not file.is_file():
                continue
            if name.endswith((".ndjson", ".ndjson.gz")):
                listing = _listing_of(version, rest.removesuffix(".gz").removesuffix(".ndjson"))
                if listing is None:
                    raise EvidenceError(f"{root.name}/{name}: no list of Graph that is known here")
                self._rows_of(version, listing)
            elif name.endswith(".json"):
                single = SINGLES.get(rest.removesuffix(".json").lower())
                if single is not None:
                    self.single(version, single.path)
                elif not rest.endswith("/%24count.json"):
                    raise EvidenceError(f"{root.name}/{name}: no single answer of Graph that is known here")

    def _rows_of(self, version: str, listing: Listing) -> None:
        if listing in (TENANT_INFORMATION, _BY_DOMAIN):
            for file in self._files(version, listing.path).values():
                for _ in FileRows(self.tenant.folder.root, file, ordered=False):
                    pass
        elif version == "arm":
            self.log_export()
        else:
            self.rows(version, listing)

    def rows(self, version: str, listing: Listing) -> Rows:
        """Return a list; raise Missing where recorded evidence does not hold it."""
        key = f"{version}/{listing.path}"
        found = self._lists.get(key)
        if found is None:
            found = self._read_rows(version, listing)
            if found is None and version == "beta":
                found = self.rows("v1.0", listing) if not listing.beta_only else None
            if found is None:
                found = self._computed(version, listing)
            self._lists[key] = found
        return found

    def _read_rows(self, version: str, listing: Listing) -> Rows | None:
        files = self._files(version, listing.path)
        if not files:
            return None
        folder = self.tenant.folder
        navs = frozenset(n.name for n in listing.navs.values()) | listing.hidden
        sizes = sum((folder.root / file).stat().st_size * (8 if file.endswith(".gz") else 1) for file in files.values())
        labelled = {label: folder.rows(file) for label, file in files.items() if label}
        plain = folder.rows(files[""]) if "" in files else None
        if not labelled and plain is not None and (sizes <= _IN_MEMORY or not self.recorded):
            return self._with_people(listing, MemoryRows(list(plain), listing.key))
        lines = merged(plain, labelled, listing.key, navs)
        if sizes <= _IN_MEMORY:
            return MemoryRows([row for _, row in lines], listing.key)
        return DiskRows(((key, orjson.dumps(row)) for key, row in lines), listing.key)

    def _files(self, version: str, path: str) -> dict[str, str]:
        files = self.tenant.folder.lists(version, path)
        if self.recorded and self.tenant.manifest is not None:
            entries = self.tenant.manifest.get("files")
            named = {e.get("file") for e in entries if isinstance(e, dict)} if isinstance(entries, list) else set()
            files = {label: file for label, file in files.items() if file in named}
        return files

    def _with_people(self, listing: Listing, rows: MemoryRows) -> Rows:
        people = self.people
        if people is None:
            return rows
        if listing.path == "users":
            return ChainRows(MemoryRows([*rows.rows, *people.staff], listing.key), GeneratedRows(people))
        if listing.path == "groups":
            return MemoryRows([*rows.rows, *people.groups], listing.key)
        if listing.path == "reports/authenticationMethods/userRegistrationDetails":
            return ChainRows(rows, GeneratedRows(people, registration=True))
        return rows

    def _computed(self, version: str, listing: Listing) -> Rows:
        """Return a list the folder does not hold: computed, or empty; for evidence it is missing."""
        if listing.path == "directoryRoles":
            return MemoryRows(list(self._directory_roles()))
        if self.recorded:
            raise Missing(listing.path)
        rows: list[Object] = []
        if listing.path == "subscribedSkus":
            rows = [self._sku(name, *_SKUS[name]) for name in sorted(self.tenant.licences)]
        return self._with_people(listing, MemoryRows(rows, listing.key))

    def _sku(self, name: str, plan: str, plan_id: str) -> Object:
        sku = str(uuid5(NAMESPACE_URL, f"sku/{name}"))
        return {
            "id": f"{uuid5(NAMESPACE_URL, self.tenant.name)}_{sku}",
            "skuId": sku,
            "skuPartNumber": plan,
            "appliesTo": "User",
            "capabilityStatus": "Enabled",
            "consumedUnits": 1,
            "prepaidUnits": {"enabled": 25, "suspended": 0, "warning": 0, "lockedOut": 0},
            "servicePlans": [
                {
                    "servicePlanId": plan_id,
                    "servicePlanName": plan,
                    "provisioningStatus": "Success",
                    "appliesTo": "User",
                }
            ],
        }

    def count_recorded(self, version: str, path: str) -> int | None:
        """Return the number evidence keeps for `<path>/$count`; None where it keeps none."""
        body = self.tenant.folder.single(version, f"{path}/$count") if self.recorded else None
        return int(body) if body is not None and body.strip().isdigit() else None

    def single(self, version: str, path: str) -> Object | None:
        """Return a single object; None where the folder holds none."""
        key = f"{version}/{path}"
        if key not in self._singles:
            body = self.tenant.folder.single(version, path)
            if body is None:
                self._singles[key] = self.single("v1.0", path) if version == "beta" else None
            else:
                value = parse(body, f"{key}.json")
                if not isinstance(value, dict):
                    raise EvidenceError(f"{key}.json is not a JSON object")
                inner = value.get("value")
                wrapped = isinstance(inner, dict) and set(value) <= {"value", "@odata.context"}
                self._singles[key] = inner if wrapped else value
        return self._singles[key]

    def replace_single(self, version: str, path: str, value: Object) -> None:
        """Put a single object in place of the stored one, for this app alone."""
        self._singles[f"{version}/{path}"] = value
        if version == "v1.0":
            self._singles.pop(f"beta/{path}", None)

    def writable(self, version: str, listing: Listing) -> MemoryRows:
        """Return a list that tests may change, for this app alone."""
        rows = self.rows(version, listing)
        if isinstance(rows, ChainRows):
            rows = rows.first
        if not isinstance(rows, MemoryRows):
            raise Missing(listing.path)
        self._forget()
        return rows

    def _forget(self) -> None:
        for name in ("_member_index", "_owner_index", "_role_index"):
            self.__dict__.pop(name, None)
        for version in ("v1.0", "beta"):
            if not self.tenant.folder.lists("v1.0", "directoryRoles"):
                self._lists.pop(f"{version}/directoryRoles", None)

    # What follows from the lists.

    def object(self, key: str) -> Object | None:
        """Return the directory object with an id, its `@odata.type` first; None where nothing has it."""
        for path in _OBJECT_LISTS:
            try:
                rows = self.rows("v1.0", LISTINGS[path.lower()])
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
            rows = self.rows("v1.0", LISTINGS[path.lower()])
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

    def _directory_roles(self) -> Iterator[Object]:
        """Activated roles: those somebody holds. https://learn.microsoft.com/graph/api/directoryrole-list."""
        names = {str(d.get("id")).lower(): d for d in self._iterate("roleManagement/directory/roleDefinitions")}
        held = {
            str(a.get("roleDefinitionId")).lower() for a in self._iterate("roleManagement/directory/roleAssignments")
        }
        for role in sorted(held):
            definition = names.get(role, {})
            yield {
                "id": str(uuid5(NAMESPACE_URL, f"role/{self.tenant.name}/{role}")),
                "deletedDateTime": None,
                "displayName": definition.get("displayName"),
                "description": definition.get("description"),
                "roleTemplateId": definition.get("templateId") or role,
            }

    def groups_of(self, key: str) -> list[Object]:
        """Return the groups an object is a direct member of."""
        found = [typed("group", g) for g in self._member_index.get(key.lower(), [])]
        if self.people is not None and (number := self.people.number_of(key)) is not None:
            found += [typed("group", self.people.groups[g]) for g in self.people.groups_of(number)]
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
        number = self.people.group_number(str(group.get("id"))) if self.people is not None else None
        if self.people is not None and number is not None:
            guests = self.rows("v1.0", LISTINGS["users"])
            assert isinstance(guests, ChainRows)
            found += [typed("user", guests.second.row(i)) for i in self.people.members_of(number)]
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
        if self.recorded:
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
        return not self.recorded or not listing.navs[nav.lower()].many or nav in self._files("v1.0", listing.path)

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
                return [g for g in self._iterate("oauth2PermissionGrants") if _same(g.get(name), key)]
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
        return next((r for r in self._iterate(path) if _same(r.get("id"), key)), None)

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
                    if isinstance(assignment, dict) and _same(assignment.get(name), key):
                        found.setdefault(str(assignment.get("id")), assignment)
        return list(found.values())

    def tenant_information(self, path: str, key: str) -> Object | None:
        """Return what is known of another tenant by its id or domain."""
        listing = TENANT_INFORMATION
        by_domain = path.lower().endswith("bydomainname")
        for stem in dict.fromkeys((path, listing.path)):
            for file in self._files("v1.0", stem).values():
                for row in FileRows(self.tenant.folder.root, file, ordered=False):
                    names = ("id", "defaultDomainName") if by_domain else ("tenantId", "id")
                    if any(_same(row.get(n), key) for n in names):
                        shown = ("tenantId", "federationBrandName", "displayName", "defaultDomainName")
                        return {n: row.get(n) for n in shown}
        return None

    def log_export(self) -> Rows:
        """Return the diagnostic settings of Azure Resource Manager."""
        return self._read_rows("arm", ARM_EXPORT) or MemoryRows([])


def _listing_of(version: str, stem: str) -> Listing | None:
    """Return the list a file belongs to, its label put aside; None where there is none."""
    known = {listing.path: listing for listing in (*LISTINGS.values(), TENANT_INFORMATION, _BY_DOMAIN)}
    if version == "arm":
        known = {ARM_EXPORT.path: ARM_EXPORT}
    while stem:
        if stem in known:
            return known[stem]
        stem, dot, _ = stem.rpartition(".")
        if not dot:
            return None
    return None


def typed(kind: str, row: Object) -> Object:
    """Return a row as a directory object: its type before everything else."""
    return row if "@odata.type" in row else {"@odata.type": f"#microsoft.graph.{kind}", **row}


def _ids(refs: Any) -> Iterator[str]:
    for ref in refs if isinstance(refs, list) else []:
        name = ref.get("id") if isinstance(ref, dict) else ref
        if isinstance(name, str):
            yield name.lower()


def _same(left: Any, right: Any) -> bool:
    return isinstance(left, str) and isinstance(right, str) and left.lower() == right.lower()
