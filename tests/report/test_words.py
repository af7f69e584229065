import io
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest

from posture.assess.score import FORMULA
from posture.controls.registry import Outcome
from posture.report import dates, json_v1, markdown, words
from posture.report.html import render
from posture.report.no_people import without_people
from posture.report.terminal import summary_lines
from posture.report.view import Change, Changes
from posture.settings import AcceptedRisk, Attestation, Settings, Severity
from posture.snapshot.types import Gap, GapReason
from tests import facts as f
from tests.report import builder


@pytest.fixture
def assessment(tmp_path):
    return builder.run(tmp_path).assessment


def html(run) -> str:
    out = io.BytesIO()
    render(run, out)
    return out.getvalue().decode()


def judged(assessment, *outcomes: Outcome, **changes):
    """Return an assessment with one finding for each outcome given."""
    kept = assessment.findings[: len(outcomes)]
    findings = tuple(
        replace(f, outcome=o, severity=Severity.HIGH, accepted=None, gap=None, summary=f"it {o.value}s")
        for f, o in zip(kept, outcomes, strict=True)
    )
    return replace(assessment, findings=findings, **changes)


@pytest.mark.parametrize(
    ("summary", "head"),
    [
        ("everyone can invite, guests included: allowInvitesFrom is everyone", "Everyone can invite, guests included."),
        ("10 people hold roles: Global Administrator and more", "10 people hold roles."),
        ("files: all of them", "Files: all of them."),
        ("allowInvitesFrom is everyone", "allowInvitesFrom is everyone."),
        ("", ""),
    ],
)
def test_a_headline_is_what_stands_before_the_details(summary, head):
    assert words.headline(summary) == head


def test_nothing_open_is_never_called_fine_where_something_was_not_seen(assessment):
    assert words.verdict(judged(assessment, Outcome.PASS, Outcome.PASS)) == "Every control that applies holds."
    assert words.verdict(judged(assessment, Outcome.PASS, Outcome.NOT_ASSESSED)) == (
        "Nothing that could be read fails; 1 control could not be assessed."
    )
    assert words.verdict(judged(assessment, Outcome.PASS, Outcome.MANUAL)) == (
        "Nothing that could be read fails; 1 control could not be assessed."
    )
    assert words.verdict(judged(assessment, Outcome.NOT_ASSESSED, Outcome.ERROR)) == "Nothing could be assessed."
    assert words.verdict(judged(assessment, Outcome.PASS, Outcome.FAIL)) == (
        "Only 33 % could be assessed; worst so far: it fails."
    )
    seen = replace(assessment, score=replace(assessment.score, value=80.0))
    assert words.verdict(judged(seen, Outcome.PASS, Outcome.FAIL)) == "It fails."
    assert words.verdict(judged(seen, Outcome.PASS, Outcome.PARTIAL)) == (
        "Nothing that was read fails; 1 control holds in part: it partials."
    )


def test_sources_left_unread_are_told_even_where_every_control_was_assessed(assessment):
    left = (Gap("log_export", GapReason.NOT_ASKED, ""), ("GUEST-VIS-001", "GUEST-VIS-002"))
    seen = judged(assessment, Outcome.PASS, gaps=(left,))
    assert (
        words.unread(seen) == "1 source was not read: read only when asked for (1); 2 controls would tell more with it."
    )
    assert words.unread(judged(assessment, Outcome.PASS, gaps=())) == ""


def test_changes_are_summed_up_with_what_to_worry_about_first():
    rows = (Change("better", "x"), Change("setting", "x"), Change("opened", "x"), Change("better", "x"))
    told = Changes(builder.TODAY, rows, {"guests gone": 1, "new guests": 2})
    assert words.changes_words(told) == "1 new finding, 2 better, 1 setting changed; 1 guest gone, 2 new guests."
    assert [c.kind for c in words.changes_ordered(told)] == ["opened", "better", "better", "setting"]
    assert words.changes_words(Changes(builder.TODAY)) == "No finding and no setting differs."


def test_the_score_is_not_said_twice_where_both_numbers_are_the_same(assessment):
    score = replace(assessment.score, value=6.2, low=5.8, cap=None, without_accepted=6.3, coverage=0.87)
    assert words.score_rest(replace(assessment, score=score)) == "with 87 % assessed"


def test_accepted_findings_do_not_make_the_headline(tmp_path):
    whole = builder.run(tmp_path).assessment
    accepted = [g for g in whole.findings if words.covered(g)]
    assert [g.control.code for g in accepted] == ["GUEST-INV-001"]
    assert words.open_findings(whole)[0].control.code != "GUEST-INV-001"
    alone = replace(whole, findings=tuple(accepted))
    assert words.verdict(alone) == "Everything open is an accepted risk: 1 finding."


def risk(**changes: Any) -> AcceptedRisk:
    base = AcceptedRisk("GUEST-INV-006", "asked for by the board", "ana", date(2026, 6, 1), date(2026, 12, 1))
    return replace(base, **changes)


def test_every_accepted_risk_is_told_with_what_it_covers(tmp_path):
    late = [f.pending(n, days=200) for n in range(1, 8)]
    risks = (
        risk(guests=tuple(g["id"] for g in late[:3]), kind="compensated"),
        risk(guests=(late[3]["id"], late[4]["id"]), kind="planned", until=builder.TODAY),
        risk(control="GUEST-INV-001", kind="planned", until=date(2026, 10, 31)),
        risk(control="GUEST-INV-002"),
    )
    run = builder.run(tmp_path, settings=Settings(accepted=risks), guests=late)
    found = {g.control.code: g for g in run.assessment.findings}
    assert words.accepted(found["GUEST-INV-006"]) == "2 + 5 accepted"
    assert words.accepted(found["GUEST-INV-002"]) == "accepted"
    assert words.accepted(found["GUEST-INV-001"]) == ""
    told = [(t.code, t.kind, t.ends, t.left, t.covers) for t in words.acceptances(run.assessment)]
    assert sorted(told) == [
        ("GUEST-INV-002", "", "until 2026-12-01", "8 days left", "the whole finding"),
        ("GUEST-INV-006", "compensated elsewhere", "until 2026-12-01", "8 days left", "3 of 7 objects"),
        ("GUEST-INV-006", "planned", "to be closed by 2026-11-23", "ends today", "2 of 7 objects"),
    ]
    said = "Accepted: 1 finding and part of 1 finding; 1 accepted risk has no effect."
    assert words.acceptances_words(run.assessment) == said
    page, source = html(run), markdown.whole(run)
    for text in (page, source):
        assert "2 + 5 accepted" in text
        assert "to be closed by 2026-11-23" in text
        assert "planned for 2026-10-31 and overdue" in text
        assert text.count("of 7 objects") >= 2
    assert said in " ".join(summary_lines(run.assessment, 200))
    assert words.acceptances_words(builder.run(tmp_path, settings=Settings()).assessment) == ""
    bare = without_people(run.assessment)
    owners = {t.risk.owner for t in words.acceptances(bare)} | {r.owner for r, _ in bare.stale_acceptances}
    assert owners == {"(withheld)"}, "the second risk of a finding names nobody either"


def test_attestations_are_shown_as_such(tmp_path):
    given = Attestation("GUEST-PRV-007", "pass", "ana", date(2026, 11, 1), date(2026, 12, 1), "azure.png")
    over = replace(given, control="GUEST-VIS-004", until=date(2026, 11, 2), evidence="")
    idle = replace(given, control="GUEST-INV-001", evidence="")
    run = builder.run(tmp_path, settings=Settings(attestations=(given, over, idle)))
    told = {a.control: became for a, became in words.attestations(run.assessment)}
    assert told == {
        "GUEST-PRV-007": "8 days left",
        "GUEST-VIS-004": "without effect, ended on 2026-11-02",
        "GUEST-INV-001": "without effect, posture judged this control by what it read",
    }
    page, source = html(run), markdown.whole(run)
    assert page.count('<span class="tag n">attested</span>') == 1
    for text in (page, source):
        assert "azure.png" in text
        assert all(became in text for became in told.values())
    document = {a["control"]: a for a in json_v1.document(run)["attestations"]}
    assert {c: (a["applied"], a["because"]) for c, a in document.items()} == {
        "GUEST-PRV-007": (True, ""),
        "GUEST-VIS-004": (False, "ended on 2026-11-02"),
        "GUEST-INV-001": (False, "posture judged this control by what it read"),
    }


def test_what_a_guest_can_read_stands_beside_the_tenants_numbers(tmp_path):
    run = builder.run(tmp_path, user_count={"value": 1203}, groups=[f.group(1), f.group(2)])
    level, rows = words.guest_view(run.assessment)
    assert level == "limited"
    assert {r["what"]: r["here"] for r in rows}["A list of all people"] == "1,203 people"
    page, source = html(run), markdown.whole(run)
    assert "| A list of all people | yes | no | no | 1,203 people |" in source
    assert "Limited (this tenant)" in source
    view = page.partition('id="view"')[2].partition("</section>")[0]
    assert 'Limited <span class="tag n">this tenant</span>' in view
    assert "1,203 people" in view
    unread = builder.run(tmp_path, authorization_policy=f.gap("authorization_policy"))
    assert words.guest_view(unread.assessment) is None
    assert "What a guest can read" not in markdown.whole(unread)
    withheld = without_people(run.assessment)
    assert words.guest_view(withheld) == (level, rows), "a table of Microsoft's is about nobody"


@pytest.mark.parametrize(("value", "shown"), [(100.0, 100), (99.6, 99), (99.5, 99), (98.6, 99), (0.4, 0)])
def test_only_a_score_that_lost_nothing_is_a_hundred(value, shown):
    assert words.points(value) == shown


def test_the_arithmetic_of_the_score_is_printed(tmp_path):
    run = builder.run(tmp_path)
    costs = words.costs(run.assessment)
    assert len(costs) == 5
    page, source = html(run), markdown.whole(run)
    for text in (page, source):
        said = text.partition("What costs most: ")[2]
        for finding, points in costs:
            assert finding.control.code in said
            assert f"{points:.1f}" in said
    assert FORMULA in page
    assert "Σ(weight × value)" in source


def test_most_serious_first(assessment):
    ranked = words.ranked(assessment.findings)
    order = [list(words.OUTCOMES).index(g.outcome) for g in ranked]
    assert order == sorted(order)
    fails = [g for g in ranked if g.outcome is Outcome.FAIL]
    assert [g.severity.rank for g in fails] == sorted((g.severity.rank for g in fails), reverse=True)


def test_start_here_is_short_and_says_gain_and_price(assessment):
    steps = words.start_here(assessment)
    assert 0 < len(steps) <= 3
    for step in steps:
        assert step.do
        assert step.breaks
        assert not words.covered(step.finding)


def test_the_score_is_never_without_what_it_is_worth(tmp_path):
    score = builder.run(tmp_path).assessment.score
    base = builder.run(tmp_path / "b").assessment
    whole = replace(
        base, score=replace(score, value=79.0, raw=91.0, cap=79, low=40.0, coverage=0.91, without_accepted=85.0)
    )
    assert words.score_head(whole.score) == "Score 79 of 100"
    rest = words.score_rest(whole)
    assert "with 91 % assessed" in rest
    assert "held at 79 while" in rest
    assert "40 if all that was not assessed had failed" in rest
    assert "85 without the accepted risks" in rest
    none = replace(base, score=replace(score, value=None, coverage=0.41))
    assert words.score_head(none.score) == "No score"
    assert "41 % of the weight could be assessed, and a number needs 60 %" in words.score_rest(none)


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (None, None, "the tenant gave no count of its own to compare"),
        (30, 30, "the tenant’s own count agrees"),
        (30, 31, "the tenant’s own count said 30 and 31 while they were read"),
        (31, 31, "the tenant’s own count said 31 while they were read"),
    ],
)
def test_whether_the_guest_list_is_whole(tmp_path, before, after, said):
    run = builder.run(tmp_path)
    fact = run.snapshot.facts["guests"]
    told = replace(fact, provenance=replace(fact.provenance, rows=30, count_before=before, count_after=after))
    run = replace(run, snapshot=replace(run.snapshot, facts={**run.snapshot.facts, "guests": told}))
    assert said in words.completeness_of(run)


def test_no_guests_and_no_list_are_not_the_same(tmp_path):
    assert words.completeness_of(builder.run(tmp_path / "a", guests=[])) == "The tenant has no guests."
    refused = builder.run(tmp_path / "b", guests=f.gap("guests"))
    assert "could not be read whole" in words.completeness_of(refused)


def test_gains_add_up_to_what_is_missing(tmp_path):
    assessment = builder.run(tmp_path, settings=Settings()).assessment
    assert assessment.score.raw is not None
    assert sum(words.gains(assessment).values()) == pytest.approx(100 - assessment.score.raw, abs=1.5)


@pytest.mark.parametrize("language", dates.LANGUAGES)
def test_dates_in_every_language(language):
    said = dates.long_date(datetime(2026, 3, 9, 23, 59, tzinfo=UTC), language)
    assert "2026" in said
    assert "9" in said


def test_numbers():
    assert dates.plural(1, "guest") == "1 guest"
    assert dates.plural(5012, "guest") == "5,012 guests"
    assert dates.percent(0.914) == "91 %"


def test_what_was_not_assessed_says_what_unlocks_it_and_keeps_an_odd_answer(assessment):
    finding = next(g for g in assessment.findings if g.outcome is Outcome.NOT_ASSESSED)
    lacking = replace(finding, gap=Gap("groups", GapReason.PERMISSION, "/groups: 403", permission="Group.Read.All"))
    assert words.found(lacking) == "Permission missing: grant Group.Read.All and consent to it, then run again."
    odd = replace(finding, summary="allowInvitesFrom: fewFriends", gap=Gap("x", GapReason.UNKNOWN_VALUE, "fewFriends"))
    assert words.found(odd) == "allowInvitesFrom: fewFriends."
