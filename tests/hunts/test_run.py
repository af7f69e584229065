"""Hunting as a whole: windows and retention told, gaps named, order and memory irrelevant, nothing invented."""

import json
import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from posture.assess.evaluate import evaluate
from posture.errors import EvidenceError
from posture.hunts.registry import hunts
from posture.hunts.results import HuntResult, HuntRun, Window
from posture.hunts.run import TenantContext, hunt_files, hunt_snapshot
from posture.settings import Settings, Severity, Thresholds
from posture.snapshot.types import Gap, GapReason, Snapshot
from tests.hunts import rows as r
from tests.hunts import tenant_logs


@pytest.fixture(scope="module")
def contoso() -> Snapshot:
    return tenant_logs.snapshot()


def test_what_the_sample_is_known_to_hold(contoso: Snapshot) -> None:
    result = hunt_snapshot(contoso, Settings())
    found = {lead.hunt for lead in result.leads}
    assert {h.code for h in hunts()} - found == {"HUNT-UNREDEEMED", "HUNT-WOKE"}, (
        "the month of logs is too short for these"
    )
    assert result.signal == "act now"
    order = [(-lead.severity.rank, lead.hunt, lead.summary) for lead in result.leads]
    assert order == sorted(order)
    for lead in result.leads:
        assert len(lead.rows) == min(lead.count, 20)
        assert lead.why
        assert lead.harmless_if
        assert lead.next_question
        assert lead.attack
        assert lead.kql.startswith("let Lookback")
        assert lead.summary.endswith(".")
        assert len({tuple(row) for row in lead.rows}) == 1, "rows of one lead make a table"
        json.dumps(lead.rows)


def test_the_same_for_any_order_of_rows_and_any_memory(contoso: Snapshot) -> None:
    whole = hunt_snapshot(contoso, Settings())
    mixed = {n: list(contoso.facts[n].value) for n in ("directory_audits", "sign_ins", "sign_ins_non_interactive")}
    for rows in mixed.values():
        random.Random(7).shuffle(rows)
    facts = {**contoso.facts, **{n: replace(contoso.facts[n], value=rows) for n, rows in mixed.items()}}
    other = hunt_snapshot(replace(contoso, facts=facts), Settings(), hold=7)
    assert [strip(lead) for lead in other.leads] == [strip(lead) for lead in whole.leads]
    assert (other.places, other.apps, other.devices) == (whole.places, whole.apps, whole.devices)
    assert hunt_snapshot(contoso, Settings()) == whole


def strip(lead: Any) -> Any:
    """A lead without the numbers of its rows, which an order of rows decides."""
    return replace(lead, rows=tuple({k: v for k, v in row.items() if k != "place"} for row in lead.rows))


def test_windows_and_retention(contoso: Snapshot) -> None:
    result = hunt_snapshot(contoso, Settings())
    assert [(w.log, w.retention_days, round(w.days)) for w in result.windows] == [
        ("audits", 30, 30),
        ("sign-ins", 30, 30),
        ("non-interactive sign-ins", 30, 30),
    ]
    assert "kept for 30 days" in result.windows[0].words
    free = tenant_logs.snapshot(subscribed_skus=[], directory_audits=[])
    short = hunt_snapshot(free, Settings())
    assert (short.windows[0].retention_days, short.windows[0].rows, short.windows[0].days) == (7, 0, 7.0)
    assert any("covers 7 of 30 days" in note for note in short.notes)
    unknown = replace(contoso, facts={k: v for k, v in contoso.facts.items() if k != "subscribed_skus"})
    assert hunt_snapshot(unknown, Settings()).windows[0].retention_days is None


def without(snapshot: Snapshot, name: str, gap: Gap | None = None) -> Snapshot:
    facts = {k: v for k, v in snapshot.facts.items() if k != name}
    return replace(snapshot, facts=facts, gaps={**snapshot.gaps, **({name: gap} if gap else {})})


def test_a_log_that_was_not_read_is_said_not_passed_over(contoso: Snapshot) -> None:
    gap = Gap("sign_ins", GapReason.LICENCE, "Graph answers non-premium tenant.", licence="Entra ID P1 or P2")
    result = hunt_snapshot(without(without(contoso, "sign_ins", gap), "sign_ins_non_interactive"), Settings())
    runs = {run.code: run for run in result.runs}
    assert "The sign-in log was not read (licence)." in runs["GUEST-HUN-002"].not_run
    assert "Needs Entra ID P1 or P2" in runs["GUEST-HUN-002"].not_run
    assert not runs["GUEST-HUN-001"].not_run
    assert any(note.startswith("The sign-in log was not read (licence).") for note in result.notes)
    nothing = without(without(contoso, "sign_ins"), "directory_audits")
    assert hunt_snapshot(without(nothing, "sign_ins_non_interactive"), Settings()).signal == "not hunted"
    assert evaluate(without(nothing, "sign_ins_non_interactive"), Settings(), controls=()).hunts is None


def test_none_is_said_only_of_what_was_looked_at() -> None:
    day = datetime(2026, 11, 1, tzinfo=UTC)
    log = Window("audits", "a", 1, day, day + timedelta(days=30), asked_from=day)
    ran = HuntRun("GUEST-HUN-001", "t")
    quiet = HuntResult(windows=(log,), runs=(ran,))
    assert quiet.signal == "none"
    in_part = (
        replace(quiet, runs=(ran, replace(ran, not_run="No sign-ins."))),
        replace(quiet, runs=(replace(ran, limits=("The log is too short.",)),)),
        replace(quiet, bad_row_count=1),
        replace(quiet, windows=(replace(log, since=day + timedelta(days=23)),)),
        replace(quiet, windows=(log, replace(log, log="sign-ins", since=None))),
    )
    assert {result.signal for result in in_part} == {"none in part"}
    assert replace(quiet, windows=(replace(log, asked_from=None),)).signal == "none", "files say what they hold"


def test_without_the_guest_list_it_says_what_it_cannot_see(contoso: Snapshot) -> None:
    result = hunt_snapshot(without(contoso, "guests"), Settings())
    assert any("The guest list was not read" in note for note in result.notes)


@pytest.mark.parametrize("value", [None, {}, "text", 7, [None, 1, "x", []]])
def test_facts_of_the_wrong_kind_cost_nothing_else(contoso: Snapshot, value: Any) -> None:
    names = [n for n in contoso.facts if not (isinstance(value, list) and n == "guests")]  # evidence has objects only
    for name in names:
        facts = {**contoso.facts, name: replace(contoso.facts[name], value=value)}
        result = hunt_snapshot(replace(contoso, facts=facts), Settings())
        assert not any(run.failed for run in result.runs)


def test_hunts_never_touch_the_score(contoso: Snapshot) -> None:
    hunted, alone = evaluate(contoso, Settings()), evaluate(contoso, Settings(), hunts=False)
    assert hunted.leads
    assert not alone.leads
    assert hunted.score == alone.score
    assert hunted.findings == alone.findings


def test_a_bug_in_one_hunt_is_said_and_costs_no_other(contoso: Snapshot, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(**_: Any) -> Any:
        raise KeyError("x")
        yield

    changed = tuple(replace(h, function=broken) if h.code == "GUEST-HUN-001" else h for h in hunts())
    monkeypatch.setattr("posture.hunts.run.hunts", lambda: changed)
    result = hunt_snapshot(contoso, Settings())
    failed = [run for run in result.runs if run.failed]
    assert [(run.code, run.not_run) for run in failed] == [("GUEST-HUN-001", "posture failed while hunting: KeyError")]
    assert any(lead.hunt == "GUEST-HUN-006" for lead in result.leads)


def dump(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("\n".join(json.dumps(row) for row in rows), "utf-8")
    return path


def test_the_same_rows_from_files(contoso: Snapshot, tmp_path: Path) -> None:
    audits = dump(tmp_path / "audits.jsonl", list(contoso.facts["directory_audits"].value))
    sign_ins = dump(tmp_path / "sign-ins.jsonl", list(contoso.facts["sign_ins"].value))
    quiet = dump(tmp_path / "quiet.jsonl", list(contoso.facts["sign_ins_non_interactive"].value))
    result = hunt_files([audits, sign_ins, quiet], contoso, Settings())
    whole = hunt_snapshot(contoso, Settings())
    same = {"GUEST-HUN-001", "GUEST-HUN-002", "GUEST-HUN-004", "GUEST-HUN-006", "GUEST-HUN-007", "HUNT-GUEST-POWER"}
    pick = lambda result: {(x.hunt, x.severity, x.summary, x.count) for x in result.leads if x.hunt in same}  # noqa: E731
    assert pick(result) == pick(whole)
    twice = hunt_files(
        [audits, sign_ins, quiet, dump(tmp_path / "again.jsonl", tenant_logs.audits())], contoso, Settings()
    )
    assert pick(twice) == pick(whole), "a record exported twice counts once"
    assert any("count once" in note for note in twice.notes)


def test_files_of_one_name_are_told_apart(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        dump(tmp_path / name / "log.jsonl", [r.audit("Add user")])
    result = hunt_files([tmp_path / "a" / "log.jsonl", tmp_path / "b" / "log.jsonl"], None, Settings())
    assert [w.source for w in result.windows] == ["a/log.jsonl", "b/log.jsonl"]


def test_files_without_a_tenant_say_what_is_unknown(tmp_path: Path) -> None:
    path = dump(tmp_path / "log.jsonl", [r.invite(initiatedBy=r.by("1", "sam@gmail.example"))])
    result = hunt_files([path], None, Settings())
    assert not [lead for lead in result.leads if lead.hunt == "GUEST-HUN-001"]
    assert any("No verified domain is known" in note for note in result.notes)
    known = hunt_files([path], TenantContext(r.OURS, ("contoso.example",)), Settings())
    assert [lead.severity for lead in known.leads if lead.hunt == "GUEST-HUN-001"] == [Severity.HIGH]
    assert known.inviters is not None
    assert [b.person.name for b in known.inviters.roots] == ["sam@gmail.example"]


def test_one_wrong_file_among_many_is_named(tmp_path: Path) -> None:
    good = dump(tmp_path / "good.jsonl", [r.audit("Add user")])
    bad = tmp_path / "people.csv"
    bad.write_text("id,displayName,userPrincipalName\n1,a,b\n")
    with pytest.raises(EvidenceError, match=r"people\.csv seems to be a list of users"):
        hunt_files([good, bad], None, Settings())


def test_late_redemptions_by_the_guest_list(contoso: Snapshot) -> None:
    def guest(days: float, number: int, state: str = "Accepted") -> dict[str, Any]:
        created, changed = contoso.taken_at - timedelta(days=days), contoso.taken_at - timedelta(days=2)
        stamps = {"createdDateTime": created.isoformat(), "externalUserStateChangeDateTime": changed.isoformat()}
        return {"id": f"{number:08d}-0000-4000-8000-000000000000", "externalUserState": state, **stamps}

    guests = [guest(400, 1), guest(10, 2), guest(400, 3, "PendingAcceptance")]
    result = hunt_snapshot(tenant_logs.snapshot(guests=guests, directory_audits=[]), Settings())
    late = [lead for lead in result.leads if "guest list" in lead.summary]
    assert [(lead.hunt, lead.count, lead.severity) for lead in late] == [("GUEST-HUN-008", 1, Severity.LOW)]


def test_thresholds_reach_the_hunts(contoso: Snapshot) -> None:
    result = hunt_snapshot(contoso, Settings(thresholds=Thresholds(burst_count=10_000)))
    assert not [lead for lead in result.leads if lead.hunt == "GUEST-HUN-005" and lead.severity is Severity.HIGH]
