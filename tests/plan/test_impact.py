"""Impact from the tenant's own data: numbers counted anew from the sample's files, names, and what is missing."""

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest

from posture.assess.evaluate import evaluate
from posture.controls.registry import catalogue
from posture.plan.build import impacts
from posture.plan.changes.by_hand import BY_HAND
from posture.plan.changes.invitations import INVITING_ROLES
from posture.plan.evidence import Beside, Evidence, is_open
from posture.plan.impact import census, logs, staying
from posture.plan.impact.census import HOLDINGS
from posture.plan.impact.sentences import count, tellers
from posture.plan.remedies import remedies
from posture.plan.tables import _TABLES, table
from posture.settings import AcceptedRisk, Settings
from posture.snapshot.types import Gap, GapReason, Rows, Snapshot
from tests.plan.conftest import Base
from tests.plan.tenants import SAMPLES

NAMES = ["contoso", "hardened", "halfblind", "dayone", "hostile names"]
Told = Mapping[str, tuple[str, ...]]


def told(base: Base, name: str, *, people: bool = True) -> Told:
    audited = base(name, Settings())
    return impacts(audited.assessment, audited.snapshot, people=people)


def sample(path: str) -> list[dict[str, Any]]:
    lines = (SAMPLES / "contoso" / f"{path}.ndjson").read_text("utf-8").split("\n")
    return [json.loads(line) for line in lines if line.strip()]


def guests() -> list[dict[str, Any]]:
    return [u for u in sample("v1.0/users") if u.get("userType") == "Guest"]


def numbers(sentence: str) -> list[int]:
    return [int(n.replace(",", "")) for n in re.findall(r"\d[\d,]*", sentence)]


@pytest.mark.parametrize("name", NAMES)
def test_every_open_finding_has_its_impact(name: str, base: Base) -> None:
    """Each is told in whole sentences on one line; nothing else is told of."""
    audited = base(name, Settings())
    found = told(base, name)
    opened = {f.control.code for f in audited.assessment.findings if is_open(f)}
    assert found.keys() == opened
    for sentences in found.values():
        assert sentences
        for sentence in sentences:
            assert sentence
            assert sentence.rstrip().endswith(".")
            assert not re.search(r"\bNone\b(?! of them)", sentence)
            assert not re.search(r"\b1 (guests|people|members|groups|domains|partners|tenants)\b", sentence), sentence


def test_every_control_has_a_remedy_and_an_impact() -> None:
    codes = {c.code for c in catalogue()}
    assert remedies().keys() == codes
    assert codes - tellers().keys() <= BY_HAND.keys()


def test_who_would_stop_inviting(base: Base) -> None:
    """Issue: inviters who would lose it, from the log, by name."""
    found = told(base, "contoso")["GUEST-INV-001"]
    sent = [
        r
        for r in sample("v1.0/auditLogs/directoryAudits")
        if r["activityDisplayName"] == "Invite external user" and r["result"] == "success"
    ]
    users = Counter(r["initiatedBy"]["user"]["id"] for r in sent if r["initiatedBy"].get("user"))
    assert numbers(found[0])[-3:] == [len(users), 1, len(sent)]
    outside = {u["id"] for u in sample("v1.0/users") if u["userType"] == "Guest" or "#EXT#" in u["userPrincipalName"]}
    able = {
        a["principalId"]
        for n in ("roleAssignments", "roleEligibilityScheduleInstances")
        for a in sample(f"v1.0/roleManagement/directory/{n}")
        if a["roleDefinitionId"] in INVITING_ROLES
    }
    losing = users.keys() - outside - able
    assert numbers(found[1])[0] == len(losing)
    first, invited = max(((i, users[i]) for i in losing), key=lambda x: x[1])
    name = next(u["userPrincipalName"] for u in sample("v1.0/users") if u["id"] == first)
    assert f"{name} ({invited})" in found[1]
    assert numbers(found[2])[:2] == [len(users.keys() & outside), sum(users[i] for i in outside if i in users)]


def test_the_allow_list_is_made_of_the_guests_who_are_here(base: Base) -> None:
    """Every guest is either on the proposed list or named as outside it."""
    found = told(base, "contoso")["GUEST-INV-002"]
    listed, outside = found[0], next(s for s in found if s.startswith("Outside"))
    _, on_list, *_ = numbers(listed)
    _, off_list, *_ = numbers(outside)
    domains = Counter(str(g["mail"] or "").rpartition("@")[2].lower() for g in guests())
    assert on_list + off_list == len(guests()) - domains["contoso.example"], "the tenant's own domain is no partner's"
    assert f"northgate-tooling.example ({domains['northgate-tooling.example']} guests" in found[1]
    assert "consumer mail" in outside


def test_who_relies_on_reading_groups(base: Base) -> None:
    found = told(base, "contoso")["GUEST-PER-001"]
    inside = {
        u["id"] for u in sample("v1.0/users") if u.get("userType") == "Member" and "#EXT#" not in u["userPrincipalName"]
    }
    everybody = {u["id"] for u in sample("v1.0/users")}
    owned = [g for g in sample("v1.0/groups") if any(o in everybody - inside for o in g.get("owners") or ())]
    assert numbers(found[0])[0] == len(owned)
    team = next(g for g in sample("v1.0/groups") if g["displayName"] == "Project Kestrel")
    members = {g["id"] for g in guests()} & _inside(team["id"])
    assert f"Project Kestrel ({len(members)})" in found[1]


def _inside(group: str) -> set[str]:
    """Return the members of a group, those of groups in it included."""
    groups = {g["id"]: g["members"] for g in sample("v1.0/groups")}
    found, waiting = set(), [group]
    while waiting:
        for member in groups.get(waiting.pop(), ()):
            if member not in found:
                found.add(member)
                waiting.append(member)
    return found


def test_who_holds_no_mfa_and_no_trust(base: Base) -> None:
    found = told(base, "contoso")["GUEST-XTA-003"]
    ids = {g["id"] for g in guests() if g["accountEnabled"] and g["externalUserState"] != "PendingAcceptance"}
    rows = {
        r["id"]: r["isMfaRegistered"]
        for r in sample("v1.0/reports/authenticationMethods/userRegistrationDetails")
        if r["id"] in ids
    }
    bare, registered = sum(not r for r in rows.values()), sum(rows.values())
    assert numbers(found[0])[:2] == [bare, registered]


def test_pending_invitations_by_age_and_access(base: Base) -> None:
    audited = base("contoso", Settings())
    found = told(base, "contoso")["GUEST-INV-006"]
    clock = audited.assessment.taken_at
    old = [
        g
        for g in guests()
        if g["externalUserState"] == "PendingAcceptance"
        and (clock - _time(g["createdDateTime"])).days >= audited.assessment.settings.thresholds.pending_days
    ]
    assert numbers(found[0])[0] == len(old)
    ids = {g["id"] for g in old}
    inside = [g for g in sample("v1.0/groups") if ids & set(g["members"])]
    assert inside
    assert any("in groups: " in s for s in found)
    assert any("The log reaches back to 2026-10-22" in s for s in found)


def _time(text: str) -> Any:
    from datetime import datetime

    return datetime.fromisoformat(text)


@pytest.mark.parametrize("name", NAMES)
def test_those_concerned_are_those_of_the_finding(name: str, base: Base) -> None:
    """The number told is the finding's own."""
    audited = base(name, Settings())
    found = told(base, name)
    for finding in audited.assessment.findings:
        code = finding.control.code
        if code in HOLDINGS and code in found and not found[code][0].startswith("Who "):
            assert numbers(found[code][0])[0] == finding.affected.count, code


def test_active_guests_of_each_partner(base: Base) -> None:
    found = told(base, "contoso")["GUEST-XTA-001"]
    partners = {p["tenantId"] for p in sample("v1.0/policies/crossTenantAccessPolicy/partners")}
    assert numbers(found[0])[0] == len(partners)
    northgate = [g for g in guests() if str(g["mail"] or "").endswith("@northgate-tooling.example")]
    assert f"Northgate Tooling Ltd ({len(northgate)} guests, " in found[0]
    parts = [numbers(s)[1] for s in found if s.startswith("Not named are") or "named today" in s]
    loose = next(numbers(s)[0] for s in found if "no Entra tenant was found" in s)
    assert sum(parts) + loose == len(guests())


def test_names_of_people_are_left_out_when_asked(base: Base) -> None:
    users = {str(u["displayName"]) for u in sample("v1.0/users")}
    users |= {str(u["userPrincipalName"]) for u in sample("v1.0/users")}
    groups = " ".join(str(o["displayName"]) for n in ("groups", "applications") for o in sample(f"v1.0/{n}"))
    shown = [s for sentences in told(base, "contoso", people=False).values() for s in sentences]
    for name in {u for u in users if u not in groups and (" " in u or "@" in u)}:
        hits = [s for s in shown if re.search(rf"(?<!\w){re.escape(name)}(?!\w)", s)]
        assert not hits, (name, hits)
    assert any("Priya" in s or "@" in s for sentences in told(base, "contoso").values() for s in sentences)


def test_what_is_missing_is_said_with_what_unlocks_it(base: Base) -> None:
    """In a half-blind tenant no number stands for what was not read."""
    found = told(base, "halfblind")
    assert "permission" in found["GUEST-PER-001"][0]
    assert "GroupMember.Read.All" in found["GUEST-PER-001"][0]
    assert "Entra ID P1" in found["GUEST-AUT-001"][0]
    activity = [s for sentences in found.values() for s in sentences if re.search(r"\d active", s)]
    assert not activity, "who is active was not read"
    for sentences in found.values():
        if any(s.startswith("None of them is in a group") for s in sentences):
            assert not any(s.startswith("What these groups") for s in sentences), "there are none to name"


def without(snapshot: Snapshot, *names: str) -> Snapshot:
    """Return a snapshot in which some facts were refused."""
    gone = {n: Gap(n, GapReason.PERMISSION, "403", permission="X.Read.All") for n in names}
    kept = {n: f for n, f in snapshot.facts.items() if n not in names}
    return replace(snapshot, facts=kept, gaps={**snapshot.gaps, **gone})


def test_each_fact_may_be_missing(base: Base) -> None:
    """With any one fact refused every open finding still has its impact; nothing told relies on it unsaid."""
    audited = base("contoso", Settings())
    whole = told(base, "contoso")
    for name in sorted(audited.snapshot.facts):
        found = impacts(audited.assessment, without(audited.snapshot, name))
        assert found.keys() == whole.keys(), name
        for code, sentences in found.items():
            lost = set(whole[code]) - set(sentences)
            if lost and not (name in DECIDES and code in HOLDINGS):
                assert any("not known" in s or "was not read" in s or "not told" in s for s in sentences), (
                    name,
                    code,
                    sorted(lost),
                )


def test_tables_tell_what_was_not_read(base: Base) -> None:
    """With any one fact refused each whole list is left out, or says so in the column that hangs on it."""
    audited = base("contoso", Settings())
    for name in LEANT_ON:
        ev = Evidence(audited.assessment, without(audited.snapshot, name), audited.affected)
        for code in _TABLES:
            made = table(ev, code)
            for row in made.rows() if made else ():
                assert len(row) == len(made.columns if made else ())
                unread = {"active": "guest_sign_in_activity", "sign-ins in the log": "sign_ins"}
                for column, source in unread.items():
                    if made and column in made.columns:
                        assert (row[made.columns.index(column)] == "not read") is (source == name)


LEANT_ON = (
    *("guests", "guest_sign_in_activity", "guest_memberships", "guest_domain_tenants", "groups", "group_owners"),
    *("cross_tenant_partners", "role_assignments", "directory_audits", "sign_ins"),
)
"""What the whole lists are made of."""

DECIDES = {"directory_audits", "sign_ins"}
"""Logs that help to decide whom a finding concerns: without them the finding itself is another one."""


class Counted:
    """A list that counts how often it is walked."""

    def __init__(self, rows: Rows) -> None:
        self.rows, self.walks = rows, 0

    def __iter__(self) -> Iterator[dict[str, Any]]:
        self.walks += 1
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)


def test_an_audit_walks_over_the_guests_once(base: Base) -> None:
    """Counting for impacts happens while the controls judge; it tells the same and reads each log once more."""
    audited = base("contoso", Settings())
    alone = judged_with_counted_walks(audited.snapshot, beside=False)
    both = judged_with_counted_walks(audited.snapshot, beside=True)
    assert both["guests"] == alone["guests"] == 1
    assert both["guest_memberships"] == alone["guest_memberships"] == 1
    assert {n: both[n] - alone[n] for n in ("directory_audits", "sign_ins")} == {"directory_audits": 1, "sign_ins": 1}


def judged_with_counted_walks(snapshot: Snapshot, *, beside: bool) -> Mapping[str, int]:
    """Audit a snapshot and return how often its lists were walked; impacts are compared with those told apart."""
    names = ("guests", "guest_memberships", "directory_audits", "sign_ins")
    counted = {name: Counted(snapshot.facts[name].value) for name in names}
    facts = {n: replace(f, value=counted[n]) if n in counted else f for n, f in snapshot.facts.items()}
    seen = replace(snapshot, facts=facts)
    onlooker = Beside(seen, Settings()) if beside else None
    assessment = evaluate(seen, Settings(), hunts=False, onlooker=onlooker)
    if onlooker is not None:
        assert impacts(assessment, seen, beside=onlooker) == impacts(assessment, snapshot)
    return {n: c.walks for n, c in counted.items()}


def test_counts_are_bounded(monkeypatch: pytest.MonkeyPatch, base: Base) -> None:
    """Whatever the number of domains, groups or inviters, only so many are told apart; sums stay whole."""
    monkeypatch.setattr(census, "DOMAINS", 3)
    monkeypatch.setattr(census, "GROUPS", 2)
    monkeypatch.setattr(logs, "_PEOPLE", 2)
    audited = base("contoso", Settings())
    found = census.take(audited.assessment, audited.snapshot)
    assert len(found.domains) <= 4
    assert sum(d.guests for d in found.domains.values()) == found.total == len(guests())
    assert len(found.group_guests) == 2
    log = logs.read_audits(audited.snapshot.facts["directory_audits"].value)
    assert log.inviters.number() == 2
    whole = [
        r
        for r in sample("v1.0/auditLogs/directoryAudits")
        if r["activityDisplayName"] == "Invite external user"
        and r["result"] == "success"
        and r["initiatedBy"].get("user")
    ]
    assert log.inviters.total == len(whole)


def test_accepted_guests_are_not_counted(base: Base, tmp_path: Any) -> None:
    """Guests a person took the risk of are not among those a remedy would touch."""
    audited = base("contoso", Settings())
    stale = next(f for f in audited.assessment.findings if f.control.code == "GUEST-LIF-001")
    some = tuple(str(r["id"]) for r in stale.affected.sample[:3])
    today = audited.assessment.taken_at.date()
    until = today.replace(year=today.year + 1)
    risk = AcceptedRisk("GUEST-LIF-001", "board members", "ciso@contoso.example", today, until, guests=some)
    again = evaluate(audited.snapshot, Settings(accepted=(risk,)), affected=tmp_path / "affected", hunts=False)
    found = impacts(again, audited.snapshot)["GUEST-LIF-001"]
    assert numbers(found[0])[0] == stale.affected.count - 3


def test_rows_of_logs_that_cannot_be_read_are_passed_over() -> None:
    odd: list[dict[str, Any]] = [
        {},
        {"activityDisplayName": None, "result": 1, "initiatedBy": "x"},
        {"activityDisplayName": "Invite external user", "result": "success", "initiatedBy": {"user": {"id": 7}}},
        {"activityDisplayName": "Invite external user", "result": "success", "initiatedBy": {"user": {"id": ""}}},
        {
            "activityDisplayName": "INVITE EXTERNAL USER",
            "result": "Success",
            "activityDateTime": "never",
            "initiatedBy": {"user": {"id": "A", "userPrincipalName": "a@x.example"}},
            "targetResources": [None, {"id": 4}, {"id": "G"}],
        },
    ]
    log = logs.read_audits(odd)
    assert log.inviters.total == 1
    assert log.inviter_of == {"g": ("A", "a@x.example")}
    assert log.first is None
    signed = logs.read_sign_ins(
        [{}, {"status": 1}, {"status": {"errorCode": 0}}, {"status": {"errorCode": 0}, "userId": "u", "appId": None}]
    )
    assert signed.rows == 4
    assert not signed.clients.total


def test_holdings_are_those_told_of() -> None:
    assert staying.GONE.keys() | {"GUEST-LIF-004"} == HOLDINGS


def test_one_and_many() -> None:
    assert (count(1, "guest"), count(2300, "guest"), count(0, "person", "people")) == (
        "1 guest",
        "2,300 guests",
        "0 people",
    )
