"""A tenant's data behind the endpoints: lists, single objects, and what follows from them."""

from dataclasses import replace
from uuid import NAMESPACE_URL, uuid5

import orjson

from posture.emulator.endpoints import ARM_EXPORT, LISTINGS, SINGLES, TENANT_INFORMATION, Listing
from posture.emulator.generate import GeneratedRows
from posture.emulator.links import Links, Missing, Object, same
from posture.emulator.population import Population, initial_domain
from posture.emulator.route import VERSIONS
from posture.emulator.rows import ChainRows, DiskRows, MemoryRows, Rows, merged
from posture.emulator.tenant import EmulatedTenant
from posture.errors import EvidenceError
from posture.snapshot.folder import FileRows, parse

_IN_MEMORY = 32 * 1024 * 1024
"""Bytes of files up to which a list is held as objects."""
_SKUS = {
    "P1": ("AAD_PREMIUM", "41781fb2-bc02-4b7c-bd55-b576c07bb09d"),
    "P2": ("AAD_PREMIUM_P2", "eec0eb4f-6444-4f95-aba0-50c24d67f998"),
    "Governance": ("Entra_Identity_Governance", "e866a266-3cff-43a3-acca-0c90a7e00c8b"),
}
"""Licence to service plan. https://learn.microsoft.com/entra/identity/users/licensing-service-plan-reference"""


_DERIVED = ("directoryRoles", "legacy/policies", "policies/b2bManagementPolicies")
"""Lists that follow from others where the folder has no file for them."""
_BY_DOMAIN = replace(TENANT_INFORMATION, path="tenantRelationships/findTenantInformationByDomainName", key="id")


class Dataset:
    """What one app serves. Lists are read when first asked for and then kept."""

    def __init__(self, tenant: EmulatedTenant) -> None:
        self.tenant = tenant
        self.recorded = tenant.manifest is not None
        self._lists: dict[str, Rows] = {}
        self._singles: dict[str, Object | None] = {}
        self._derived: set[str] = set()
        self.people: Population | None = None
        self.links = Links(self)
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
            for file in self.files(version, listing.path).values():
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
                if listing.path in _DERIVED:
                    self._derived.add(key)
            self._lists[key] = found
        return found

    def _read_rows(self, version: str, listing: Listing) -> Rows | None:
        files = self.files(version, listing.path)
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

    def files(self, version: str, path: str) -> dict[str, str]:
        """Return the files of a list by label; of evidence only those its manifest names."""
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
            return MemoryRows(list(self.links.directory_roles()))
        if self.recorded:
            raise Missing(listing.path)
        rows: list[Object] = []
        match listing.path:
            case "subscribedSkus":
                rows = [self._sku(name, *_SKUS[name]) for name in sorted(self.tenant.licences)]
            case "legacy/policies":
                rows = [
                    {**r, "type": "B2BManagementPolicy"} for r in self._domain_lists("policies/b2bmanagementpolicies")
                ]
            case "policies/b2bManagementPolicies":
                rows = [{k: v for k, v in r.items() if k != "type"} for r in self._domain_lists("legacy/policies")]
        return self._with_people(listing, MemoryRows(rows, listing.key))

    def _domain_lists(self, other: str) -> list[Object]:
        """Return the domain-list policies of the other endpoint: both show one setting."""
        key = f"beta/{LISTINGS[other].path}"
        known = key in self._lists and key not in self._derived
        rows = self._lists[key] if known else self._read_rows("beta", LISTINGS[other])
        found = [rows.row(i) for i in range(len(rows))] if rows is not None else []
        return [r for r in found if any("B2BManagementPolicy" in str(d) for d in r.get("definition") or ())]

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
        self.links = Links(self)
        self._derived -= {k for k, v in self._lists.items() if v is rows}
        for key in self._derived:
            self._lists.pop(key, None)
        return rows

    def tenant_information(self, path: str, key: str) -> Object | None:
        """Return what is known of another tenant by its id or domain."""
        listing = TENANT_INFORMATION
        by_domain = path.lower().endswith("bydomainname")
        for stem in dict.fromkeys((path, listing.path)):
            for file in self.files("v1.0", stem).values():
                for row in FileRows(self.tenant.folder.root, file, ordered=False):
                    names = ("id", "defaultDomainName") if by_domain else ("tenantId", "id")
                    if any(same(row.get(n), key) for n in names):
                        shown = ("tenantId", "federationBrandName", "displayName", "defaultDomainName")
                        return {n: row.get(n) for n in shown}
        return None

    def log_export(self) -> Rows:
        """Return the diagnostic settings of Azure Resource Manager."""
        rows = self._read_rows("arm", ARM_EXPORT)
        if rows is None and self.recorded:
            raise Missing(ARM_EXPORT.path)
        return rows if rows is not None else MemoryRows([])


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
