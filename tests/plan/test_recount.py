"""The numbers an impact tells, counted again from contoso's raw answers with nothing of the product's."""

import gzip
import json
import re
from collections import Counter, defaultdict
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from posture.plan.build import impacts
from posture.settings import Settings
from tests.plan.conftest import Base, Write

Row = dict[str, Any]
CONSUMER = {"gmail.com", "gmx.de", "hotmail.co.uk", "outlook.com", "proton.me", "yahoo.com"}


class Raw:
    """The evidence folder, read as text."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.clock = datetime.fromisoformat(json.loads((root / "manifest.json").read_text("utf-8"))["taken_at"])
        self.guests = {r["id"]: r for r in self.rows("users")}
        self.since = self.clock - timedelta(days=90)

    def rows(self, path: str) -> list[Row]:
        plain, packed = self.root / f"v1.0/{path}.ndjson", self.root / f"v1.0/{path}.ndjson.gz"
        data = plain.read_bytes() if plain.exists() else gzip.decompress(packed.read_bytes())
        return [json.loads(line) for line in data.split(b"\n") if line.strip()]

    def one(self, path: str) -> Row:
        found: Row = json.loads((self.root / f"v1.0/{path}.json").read_text("utf-8"))
        return found

    def side(self, path: str, key: str) -> dict[str, Any]:
        return {r["id"]: r.get(key) for r in self.rows(path)}

    @property
    def active(self) -> set[str]:
        told = self.side("users.signInActivity", "signInActivity")
        times = {g: when((a or {}).get("lastSuccessfulSignInDateTime")) for g, a in told.items()}
        return {g for g, t in times.items() if t is not None and t >= self.since and g in self.guests}

    @property
    def pending(self) -> set[str]:
        return {g for g, r in self.guests.items() if r["externalUserState"] == "PendingAcceptance"}

    def domain(self, guest: str) -> str:
        row = self.guests[guest]
        address = row["mail"] or row["userPrincipalName"].partition("#EXT#")[0].replace("_", "@")
        domain = str(address).rpartition("@")[2].casefold()
        return domain if re.fullmatch(r"[a-z0-9-]+(\.[a-z0-9-]+)+", domain) else ""

    @property
    def groups_of(self) -> dict[str, list[str]]:
        listed = self.side("users.transitiveMemberOf", "transitiveMemberOf")
        return {
            g: [m["id"] for m in listed.get(g) or () if m["@odata.type"] == "#microsoft.graph.group"]
            for g in self.guests
        }

    @property
    def outsiders(self) -> set[str]:
        return self.guests.keys() | {r["id"] for r in self.rows("users.externalMembers")}


def when(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def within(text: str, since: datetime) -> bool:
    time = when(text)
    return time is not None and time >= since


def numbers(sentence: str) -> list[int]:
    return [int(n.replace(",", "")) for n in re.findall(r"(?<![\w.-])\d[\d,]*(?![\w-])", sentence)]


@pytest.fixture(scope="module")
def raw(base: Base) -> Raw:
    return Raw(base("contoso", Settings()).affected.parent / "evidence")


@pytest.fixture(scope="module")
def told(base: Base) -> Mapping[str, tuple[str, ...]]:
    audited = base("contoso", Settings())
    return impacts(audited.assessment, audited.snapshot)


Told = Mapping[str, tuple[str, ...]]


def table(write: Write, code: str) -> list[list[str]]:
    lines = (write("contoso").folder / f"lists/{code}.impact.tsv").read_text("ascii").splitlines()
    return [line.split("\t") for line in lines[1:]]


def test_limiting_inviters(raw: Raw, told: Told, write: Write) -> None:
    sent = [
        r
        for r in raw.rows("auditLogs/directoryAudits")
        if r["activityDisplayName"] == "Invite external user" and r["result"] == "success"
    ]
    by = Counter(r["initiatedBy"]["user"]["id"] for r in sent if r["initiatedBy"].get("user"))
    inviting = {"Guest Inviter", "Global Administrator", "User Administrator"}
    roles = {r["id"] for r in raw.rows("roleManagement/directory/roleDefinitions") if r["displayName"] in inviting}
    able = {
        r["principalId"]
        for n in ("roleAssignments", "roleEligibilityScheduleInstances")
        for r in raw.rows(f"roleManagement/directory/{n}")
        if r["roleDefinitionId"] in roles
    }
    members = {p: n for p, n in by.items() if p not in raw.outsiders and p not in able}
    guests = {p: n for p, n in by.items() if p in raw.outsiders and p not in able}
    first, losing, stopped, *_ = told["GUEST-INV-001"]
    assert numbers(first)[-3:] == [len(by), 1, len(sent)]
    assert numbers(losing)[0] == len(members)
    assert numbers(stopped)[:2] == [len(guests), sum(guests.values())]
    rows = {r[1]: (int(r[2]), r[3], r[4]) for r in table(write, "GUEST-INV-001")}
    assert rows == {
        p: (n, "guest" if p in raw.outsiders else "member", "yes" if p in able else "no") for p, n in by.items()
    }


def test_a_domain_list(raw: Raw, told: Told, write: Write) -> None:
    domains: dict[str, list[str]] = defaultdict(list)
    for guest in raw.guests:
        domains[raw.domain(guest)].append(guest)
    own = {d["id"] for d in raw.rows("domains")}

    def sums(found: list[str]) -> tuple[int, int, int]:
        return len(found), len(raw.active & set(found)), len(raw.pending & set(found))

    partners = {d: g for d, g in domains.items() if d not in own}
    inside = {d: g for d, g in partners.items() if d not in CONSUMER and raw.active & set(g) and d}
    outside = {d: g for d, g in partners.items() if d not in inside}
    sentences = told["GUEST-INV-002"]
    assert numbers(sentences[0]) == [len(inside), *sums([x for g in inside.values() for x in g])]
    away = next(s for s in sentences if s.startswith("Outside"))
    assert numbers(away)[:4] == [len(outside), *sums([x for g in outside.values() for x in g])]
    largest = max(inside.items(), key=lambda d: (len(d[1]), d[0]))
    all_, use, wait = sums(largest[1])
    assert f"{largest[0]} ({all_} guests, {use} active, {wait} pending)" in sentences[1]
    rows = {r[0]: (int(r[1]), int(r[2]), int(r[3]), r[4].startswith("outside")) for r in table(write, "GUEST-INV-002")}
    assert len(rows) == len(partners)
    assert {d: rows[d] for d in inside} == {d: (*sums(g), False) for d, g in inside.items()}
    assert sorted(r[:3] for r in rows.values() if r[3]) == sorted(sums(g) for g in outside.values())


def test_restricted_guests(raw: Raw, told: Told, write: Write) -> None:
    inside = Counter(g for groups in raw.groups_of.values() for g in groups)
    groups = {g["id"]: g for g in raw.rows("groups")}
    teams = {g for g, r in groups.items() if "Team" in (r["resourceProvisioningOptions"] or ())}
    owned = {
        r["id"]: sum(o["id"] in raw.outsiders or "#EXT#" in str(o.get("userPrincipalName")) for o in r["owners"])
        for r in raw.rows("groups.owners")
    }
    first, second, *_ = told["GUEST-PER-001"]
    assert numbers(first)[0] == sum(n > 0 for n in owned.values())
    assert numbers(second)[0] == len(inside.keys() & teams)
    assert numbers(second)[-1] == len(inside.keys() - teams)
    rows = {r[1]: (int(r[3]), int(r[4]), r[2] == "team") for r in table(write, "GUEST-PER-001")}
    wanted = inside.keys() | {g for g, n in owned.items() if n}
    assert rows == {g: (inside[g], owned.get(g, 0), g in teams) for g in wanted}


def test_mfa_for_guests(raw: Raw, told: Told, write: Write) -> None:
    registered = raw.side("reports/authenticationMethods/userRegistrationDetails", "isMfaRegistered")
    home = {r["id"]: r.get("tenantId") for r in raw.rows("tenantRelationships/findTenantInformationByDomainName")}
    default = raw.one("policies/crossTenantAccessPolicy/default")["inboundTrust"]["isMfaAccepted"]
    own = {
        p["tenantId"]: p["inboundTrust"]["isMfaAccepted"]
        for p in raw.rows("policies/crossTenantAccessPolicy/partners")
        if p.get("inboundTrust")
    }
    working = [g for g, r in raw.guests.items() if r["accountEnabled"] and g not in raw.pending]
    bare = [g for g in working if registered.get(g) is False]
    found = told["GUEST-XTA-003"]
    assert numbers(found[0])[:2] == [len(bare), sum(registered.get(g) is True for g in working)]
    spared = [g for g in bare if own.get(home.get(raw.domain(g)))]
    assert numbers(found[2])[:2] == [sum(own.values()), len(spared)]
    by_domain = Counter(raw.domain(g) for g in bare)
    rows = {r[0].strip("-"): (int(r[1]), int(r[2]), r[3]) for r in table(write, "GUEST-AUT-001")}
    assert {d: (n, by_domain[d]) for d, n in Counter(map(raw.domain, raw.guests)).items()} == {
        d: r[:2] for d, r in rows.items()
    }
    for domain, (_, _, trust) in rows.items():
        tenant = home.get(domain)
        words = "no tenant found" if not tenant else "yes, as a partner" if own.get(tenant) else "yes, by default"
        assert trust == (words if own.get(tenant, default) or not tenant else "no, as a partner")
    trusted = [g for g in working if entra(raw.guests[g]) and own.get(home.get(raw.domain(g)), default)]
    sentence = told["GUEST-AUT-001"][0]
    rest = [g for g in working if g not in trusted]
    assert numbers(sentence) == [
        sum(registered.get(g) is False for g in rest),
        sum(registered.get(g) is True for g in rest),
        len(trusted),
    ]


def entra(guest: Row) -> bool:
    return any(i["issuer"] == "ExternalAzureAD" for i in guest["identities"] if i["signInType"] == "federated")


def test_idle_guests(raw: Raw, told: Told) -> None:
    activity = raw.side("users.signInActivity", "signInActivity")
    again = {
        target["id"]
        for r in raw.rows("auditLogs/directoryAudits")
        if r["activityDisplayName"] == "Enable account" and within(r["activityDateTime"], raw.clock - timedelta(days=7))
        for target in r["targetResources"]
    }
    idle, seen = set(), []
    for guest, row in raw.guests.items():
        if not row["accountEnabled"] or guest in raw.pending or guest in again:
            continue
        told_of = activity.get(guest) or {}
        success, tried = when(told_of.get("lastSuccessfulSignInDateTime")), when(told_of.get("lastSignInDateTime"))
        created = when(row["createdDateTime"])
        assert created is not None
        last = success or (tried if created < raw.since else None)
        if last is not None and (last < raw.since or success is None):
            idle.add(guest)
            seen.append(max(t for t in (success, tried) if t is not None) if success is None else success)
    found = told["GUEST-LIF-001"]
    assert numbers(found[0])[0] == len(idle)
    in_groups = [g for g in idle if raw.groups_of[g]]
    assert numbers(next(s for s in found if s.startswith("Of them")))[0] == len(in_groups)
    assert str(min(seen).date()) in found[1]
    assert str(max(seen).date()) in found[1]


def test_pending_invitations(raw: Raw, told: Told) -> None:
    limit = raw.clock - timedelta(days=30)
    made = {g: when(raw.guests[g]["createdDateTime"]) for g in raw.pending}
    old = {g: t for g, t in made.items() if t is not None and t < limit}
    apps = raw.side("users.appRoleAssignments", "appRoleAssignments")
    found = told["GUEST-INV-006"]
    assert numbers(found[0])[0] == len(old)
    assert f"from {min(old.values()).date()} to {max(old.values()).date()}" in found[1]
    held = next(s for s in found if s.startswith("Of them"))
    assert numbers(held)[0] == sum(bool(raw.groups_of[g]) for g in old)
    assert f"{sum(bool(apps.get(g)) for g in old)} assigned to applications" in held


def test_cleaning_up_lists_what_each_guest_holds(raw: Raw, write: Write) -> None:
    """Who, when last seen, which groups and roles: for each guest of the finding, not for those named in it alone."""
    affected = gzip.decompress((write("contoso").audited.affected / "GUEST-INV-006.ndjson.gz").read_bytes())
    wanted = {r["id"] for r in map(json.loads, affected.splitlines()) if not r.get("accepted")}
    called = {g["id"]: g["displayName"] for g in raw.rows("groups")}
    titles = {r["id"]: r["displayName"] for r in raw.rows("roleManagement/directory/roleDefinitions")}
    held = defaultdict(set)
    for row in raw.rows("roleManagement/directory/roleAssignments"):
        held[row["principalId"]].add(titles[row["roleDefinitionId"]])
    listed = {r[1]: r for r in table(write, "GUEST-INV-006")}
    assert listed.keys() == wanted
    for guest, cells in listed.items():
        assert len(cells[4].split("; ")) == len({called[g] for g in raw.groups_of[guest]})
        for role in held[guest]:
            assert role in cells[5].split("; ")
        for group in raw.groups_of[guest]:
            for role in held[group]:
                assert f"{role} through {called[group]}" in cells[5].split("; ")
    assert any(cells[5] != "-" for cells in listed.values())


def test_closing_cross_tenant_access(raw: Raw, told: Told, write: Write) -> None:
    home = {r["id"]: r.get("tenantId") for r in raw.rows("tenantRelationships/findTenantInformationByDomainName")}
    named = {p["tenantId"] for p in raw.rows("policies/crossTenantAccessPolicy/partners")}
    guests = Counter(t for g in raw.guests if (t := home.get(raw.domain(g))))
    active = Counter(t for g in raw.active if (t := home.get(raw.domain(g))))
    signed = Counter(
        r["homeTenantId"]
        for r in raw.rows("auditLogs/signIns")
        if r["status"]["errorCode"] == 0 and r["homeTenantId"] not in ("", None, r["resourceTenantId"])
    )
    first, second, third, fourth = told["GUEST-XTA-001"]
    loose = guests.keys() - named
    assert numbers(first)[:2] == [len(named), sum(n for t, n in guests.items() if t in named)]
    assert numbers(second)[:3] == [len(loose), sum(guests[t] for t in loose), sum(active[t] for t in loose)]
    assert numbers(third)[0] == len(raw.guests) - sum(guests.values())
    assert numbers(fourth)[-2:] == [len(signed), len(signed.keys() - named)]
    rows = {r[1]: (r[2], int(r[3]), int(r[4]), int(r[5])) for r in table(write, "GUEST-XTA-001")}
    assert rows == {
        t: ("named" if t in named else "not named", guests[t], active[t], signed[t]) for t in guests.keys() | named
    }


def test_session_limits(raw: Raw, told: Told) -> None:
    first, second = told["GUEST-AUT-003"]
    mailed = [
        g
        for g, r in raw.guests.items()
        if g not in raw.pending
        and any(i["issuer"] == "mail" and i["signInType"] == "federated" for i in r["identities"])
    ]
    assert numbers(first) == [len(raw.active), 90, len(mailed)]
    foreign = [
        r
        for r in raw.rows("auditLogs/signIns")
        if r["status"]["errorCode"] == 0 and r["homeTenantId"] not in ("", None, r["resourceTenantId"])
    ]
    assert numbers(second)[-1] == len(foreign)


def test_consent(raw: Raw, told: Told) -> None:
    given = [
        r["initiatedBy"]["user"]["id"]
        for r in raw.rows("auditLogs/directoryAudits")
        if r["activityDisplayName"] == "Consent to application" and r["result"] == "success"
    ]
    assert numbers(told["GUEST-PER-006"][0])[:2] == [len(set(given)), len(given)]


def test_sharing(raw: Raw, told: Told) -> None:
    """Graph lists no links: no number of them is told, and where to look is."""
    enabled = sum(bool(r["accountEnabled"]) for r in raw.guests.values())
    assert numbers(told["GUEST-WRK-002"][1]) == [enabled]
    for code in ("GUEST-WRK-002", "GUEST-WRK-004"):
        assert "is not known" in told[code][0]
        assert not numbers(told[code][0])
