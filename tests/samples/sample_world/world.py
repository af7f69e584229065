"""One tenant while it is made: its people, its lists, and the files they become."""

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from sample_world import bodies as b
from sample_world.bodies import Json
from sample_world.ids import at, guid, hex32, z
from sample_world.words import Company, mail_name, person

USERS, GROUPS = "v1.0/users", "v1.0/groups"
APPLICATIONS, PRINCIPALS = "v1.0/applications", "v1.0/servicePrincipals"
ROLES = "v1.0/roleManagement/directory"
REVIEWS = "v1.0/identityGovernance/accessReviews/definitions"
ENTITLEMENTS = "v1.0/identityGovernance/entitlementManagement"
XTA = "v1.0/policies/crossTenantAccessPolicy"
ACCESS = "v1.0/identity/conditionalAccess"
TENANTS = "v1.0/tenantRelationships"
AUDITS, SIGN_INS, QUIET_SIGN_INS = "v1.0/auditLogs/directoryAudits", "v1.0/auditLogs/signIns", "beta/auditLogs/signIns"


class World:
    """A tenant: `files()` are the sample's bytes by relative path."""

    def __init__(self, sample: str, title: str, *, name: str, initial: str, primary: str = "", clock: str) -> None:
        self.sample, self.title, self.name = sample, title, name
        self.initial, self.primary = initial, primary or initial
        self.clock = at(clock)
        self.id = guid("tenant", sample)
        self.licences: tuple[str, ...] = ()
        self.permissions: str | tuple[str, ...] = "all"
        self.comment = ""
        self.singles: dict[str, Json] = {}
        self.lists: dict[str, list[Json]] = {}
        self.users: dict[str, Json] = {}
        self.groups: dict[str, Json] = {}
        self.companies: dict[str, Company] = {}

    def add(self, path: str, *rows: Json) -> Json:
        """Add rows to a list and return the last."""
        self.lists.setdefault(path, []).extend(rows)
        return rows[-1]

    def member(self, key: str, name: str, local: str = "", *, since: str = "2019-04-01 09:00", **more: Any) -> Json:
        """Add somebody of the tenant's own."""
        upn = f"{local or mail_name(*name.split(' ', 1))}@{self.primary}"
        first, _, last = name.partition(" ")
        return self._keep(
            key,
            b.user(
                self.sample,
                self.initial,
                key=key,
                name=name,
                upn=upn,
                created=at(since),
                **{"givenName": first, "surname": last, "preferredLanguage": "en-GB", **more},
            ),
        )

    def guest(
        self,
        key: str,
        company: Company,
        created: datetime,
        *,
        name: str | None = None,
        mail: str = "",
        local: str = "",
        sponsor: str = "",
        inviter: str = "",
        **more: Any,
    ) -> Json:
        """Add a guest. Sponsor and inviter are keys of people; the inviter is the sponsor unless said otherwise."""
        first, last = name.partition(" ")[::2] if name and not local else person(self.sample, key)
        shown = f"{first} {last}" if name is None else name
        address = mail or f"{local or mail_name(first, last)}@{company.domain}"
        row = b.guest(
            self.sample,
            self.initial,
            key=key,
            name=shown,
            mail=address,
            company=company,
            created=created,
            **more,
        )
        chosen = sponsor or inviter
        if chosen and chosen != "nobody":
            row["sponsors"] = [self.ref(chosen)]
        if inviter:
            row["invitedBy"] = self.ref(inviter)
        self.companies[row["id"]] = company
        return self._keep(key, row)

    def _keep(self, key: str, row: Json) -> Json:
        if key in self.users:
            raise ValueError(f"two people called {key}")
        self.users[key] = row
        return self.add(USERS, row)

    def group(self, key: str, *members: str, owners: Iterable[str] = (), **more: Any) -> Json:
        """Add a group. Members and owners are keys of people or groups."""
        row = b.group(self.sample, key=key, **{"name": key, **more})
        self.groups[key] = row
        row["members"] = [self.ref(m) for m in members]
        row["owners"] = [self.ref(o) for o in owners]
        return self.add(GROUPS, row)

    def ref(self, key: str) -> str:
        """Return the id of a person or group."""
        row = self.users.get(key) or self.groups[key]
        return str(row["id"])

    def grant(self, role: str, key: str) -> None:
        """Give a role, active and without end."""
        self.add(f"{ROLES}/roleAssignments", b.role_assignment(role, self.ref(key)))

    def delete(self, key: str, when: datetime) -> Json:
        """Take a person out of the directory and into the bin, where names get a prefix."""
        row = self.users.pop(key)
        self.lists[USERS].remove(row)
        binned = {
            k: row[k]
            for k in ("id", "displayName", "userPrincipalName", "mail", "userType", "createdDateTime", "companyName")
        }
        binned["userPrincipalName"] = hex32(row["id"]) + row["userPrincipalName"]
        binned["deletedDateTime"] = z(when)
        return self.add("v1.0/directory/deletedItems/microsoft.graph.user", binned)

    def settle_activity(self) -> None:
        """Take the last sign-ins of people who are in the log from there, so that list and log agree."""
        latest: dict[tuple[str, str], Json] = {}
        for path, kind in ((SIGN_INS, "interactive"), (QUIET_SIGN_INS, "quiet")):
            for row in sorted(self.lists.get(path, ()), key=lambda r: r["createdDateTime"]):
                if row["resourceTenantId"] != self.id:
                    continue
                latest[row["userId"], kind] = row
                last = latest.get((row["userId"], "success"))
                newer = last is None or row["createdDateTime"] > last["createdDateTime"]
                if newer and row["status"]["errorCode"] == 0:
                    latest[row["userId"], "success"] = row
        names = {"interactive": "lastSignIn", "quiet": "lastNonInteractiveSignIn", "success": "lastSuccessfulSignIn"}
        for user in self.lists[USERS]:
            for kind, name in names.items():
                row = latest.get((user["id"], kind))
                if row is not None:
                    activity = user.setdefault("signInActivity", dict(NEVER))
                    activity[f"{name}DateTime"] = row["createdDateTime"]
                    activity[f"{name}RequestId"] = row["id"]

    def files(self) -> dict[str, bytes]:
        """Return every file of the sample."""
        found = {"tenant.toml": self._toml().encode()}
        for path, obj in self.singles.items():
            found[f"{path}.json"] = (json.dumps(obj, indent=2) + "\n").encode()
        for path, rows in self.lists.items():
            key = "tenantId" if path in (f"{XTA}/partners", f"{TENANTS}/findTenantInformationByTenantId") else "id"
            ids = [r[key] for r in rows]
            if len(set(ids)) != len(ids):
                raise ValueError(f"{self.sample}: {path} names an id twice")
            ordered = sorted(rows, key=lambda r: r[key])
            found[f"{path}.ndjson"] = b"".join(json.dumps(r, separators=(",", ":")).encode() + b"\n" for r in ordered)
        return found

    def _toml(self) -> str:
        wanted = self.permissions
        granted = json.dumps(wanted) if isinstance(wanted, str) else _toml_list(wanted)
        lines = [f"# {self.comment}", "# Made by tests/samples/make_samples.py: change it there."]
        return "\n".join(
            [
                *lines,
                f"name = {json.dumps(self.sample)}",
                f"title = {json.dumps(self.title)}",
                f"clock = {z(self.clock)}",
                'cloud = "global"',
                f"licences = {json.dumps(list(self.licences))}",
                f"permissions = {granted}",
                "",
            ]
        )


NEVER = {
    "lastSignInDateTime": None,
    "lastSignInRequestId": "",
    "lastNonInteractiveSignInDateTime": None,
    "lastNonInteractiveSignInRequestId": "",
    "lastSuccessfulSignInDateTime": None,
    "lastSuccessfulSignInRequestId": "",
}


def activity(when: datetime, *, quiet: datetime | None = None, failed: datetime | None = None) -> Mapping[str, Any]:
    """Return the sign-in activity of somebody last seen at `when`; `failed` is a later attempt without success."""
    seen, last = z(when), z(failed or when)
    return {
        "lastSignInDateTime": last,
        "lastSignInRequestId": guid("request", last),
        "lastNonInteractiveSignInDateTime": z(quiet),
        "lastNonInteractiveSignInRequestId": guid("quiet", quiet) if quiet else "",
        "lastSuccessfulSignInDateTime": seen,
        "lastSuccessfulSignInRequestId": guid("request", seen),
    }


def _toml_list(words: Iterable[str]) -> str:
    return "[\n" + "".join(f"  {json.dumps(w)},\n" for w in words) + "]"
