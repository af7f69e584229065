"""The evaluator: what reaches a control, what a finding holds, and what a broken part costs."""

import gzip
import json
import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

import pytest

from posture.assess import evaluate as module
from posture.assess.evaluate import evaluate
from posture.assess.types import Finding
from posture.controls.registry import (
    Authority,
    Control,
    Outcome,
    Tally,
    TallyContext,
    Verdict,
    failed,
    manual,
    partial,
    passed,
    tallies,
)
from posture.errors import EvidenceError, OutputError, UnknownValueError
from posture.settings import Profile, Settings, Severity, Thresholds
from posture.snapshot.guests import Guest
from posture.snapshot.types import Gap, GapReason, Rows
from tests.assess.made import control
from tests.facts import TAKEN_AT, authorization_policy, gap, guest, object_id, pending, snapshot

POLICY = authorization_policy()


def judged(
    function: Any, *gaps: Gap, settings: Settings | None = None, affected: Path | None = None, **facts: Any
) -> Any:
    """Return the finding of a function that is a control for this one run."""
    made = function if isinstance(function, Control) else made_of(function)
    return evaluate(snapshot(*gaps, **facts), settings or Settings(), affected=affected, controls=(made,)).findings[0]


def made_of(function: Any, **changes: Any) -> Control:
    from posture.controls.registry import _signature

    needs, optional = _signature(function)
    return control(function=function, needs=needs, optional=optional, **changes)


# What reaches a control


def test_it_gets_the_facts_it_names_and_nothing_else() -> None:
    def wants(authorization_policy: Mapping[str, Any], thresholds: Thresholds, profile: Profile) -> Verdict:
        given.append((authorization_policy, thresholds.stale_days, profile))
        return passed("seen")

    given: list[tuple[Any, int, Profile]] = []

    chosen = Settings(profile=Profile.MS_ZTA, thresholds=Thresholds(stale_days=7))
    found = judged(wants, authorization_policy=POLICY, security_defaults={}, settings=chosen)
    assert (found.outcome, found.summary, found.severity) == (Outcome.PASS, "seen", Severity.INFO)
    assert given == [(POLICY, 7, Profile.MS_ZTA), *((POLICY, 7, profile) for profile in Profile)]


def test_a_mistake_under_any_profile_is_one_of_the_control() -> None:
    def breaks(authorization_policy: Mapping[str, Any], profile: Profile) -> Verdict:
        return passed("seen") if profile is Profile.POSTURE else passed(str(1 // 0))

    found = judged(breaks, authorization_policy=POLICY)
    assert (found.outcome, found.profiles) == (Outcome.ERROR, ())


def test_a_gap_keeps_it_from_running() -> None:
    def never(authorization_policy: Mapping[str, Any]) -> Verdict:
        raise AssertionError("it ran")

    found = judged(never, gap("authorization_policy", permission="Policy.Read.All"))
    assert found.outcome is Outcome.NOT_ASSESSED
    assert found.gap.reason is GapReason.PERMISSION
    assert "Policy.Read.All" in found.gap.unlock
    assert found.summary.startswith("Not assessed:")
    unknown = judged(never)
    assert unknown.gap.reason is GapReason.NOT_COLLECTED


def test_an_optional_gap_is_handed_over() -> None:
    def asks(authorization_policy: Mapping[str, Any], groups: Rows | Gap) -> Verdict:
        return passed(groups.detail if isinstance(groups, Gap) else "a list")

    assert judged(asks, gap("groups"), authorization_policy=POLICY).summary == "groups was refused"
    assert judged(asks, authorization_policy=POLICY, groups=[]).summary == "a list"


@pytest.mark.parametrize("wrong", [None, "text", 7, True])
def test_a_fact_that_is_neither_object_nor_list_is_a_gap(wrong: Any) -> None:
    def never(authorization_policy: Mapping[str, Any]) -> Verdict:
        raise AssertionError("it ran")

    assert judged(never, authorization_policy=wrong).gap.reason is GapReason.ANSWER


# What a finding holds


def test_observed_values_carry_their_proof() -> None:
    def numbers(authorization_policy: Mapping[str, Any]) -> Verdict:
        return failed("open", observed={"things": 3})

    made = made_of(numbers, observes=("authorization_policy.allowInvitesFrom", "authorization_policy.absent.deep"))
    found = judged(made, authorization_policy=POLICY)
    assert [(o.property, o.value) for o in found.observed] == [
        ("allowInvitesFrom", "adminsAndGuestInviters"),
        ("absent.deep", None),
        ("things", 3),
    ]
    for seen in found.observed:
        assert (seen.source, seen.request_id, seen.retrieved_at) == (
            "v1.0/authorization_policy",
            "request-authorization_policy",
            TAKEN_AT,
        )
        assert seen.file
        assert seen.sha256


def test_values_are_shown_even_where_it_cannot_judge() -> None:
    def lost(authorization_policy: Mapping[str, Any]) -> Verdict:
        raise UnknownValueError("allowInvitesFrom: ?")

    made = made_of(lost, observes=("authorization_policy.allowInvitesFrom",))
    found = judged(made, authorization_policy=POLICY)
    assert found.gap.reason is GapReason.UNKNOWN_VALUE
    assert found.observed[0].value == "adminsAndGuestInviters"


def test_the_missing_source_a_judgement_hangs_on_gives_reason_and_remedy() -> None:
    def lost(authorization_policy: Mapping[str, Any], groups: Rows | Gap) -> Verdict:
        raise UnknownValueError("groups are missing", because=groups)

    refused = gap("groups", GapReason.LICENCE, licence="Entra ID P1")
    found = judged(lost, refused, authorization_policy=POLICY)
    assert (found.gap.name, found.gap.reason, found.gap.licence) == ("GUEST-INV-001", GapReason.LICENCE, "Entra ID P1")
    assert found.summary == "Not assessed: groups are missing"


def test_severity_is_that_of_the_outcome_unless_lowered() -> None:
    for verdict, severity in (
        (failed("x"), Severity.HIGH),
        (failed("x", severity=Severity.LOW), Severity.LOW),
        (partial("x"), Severity.MEDIUM),
        (passed("x"), Severity.INFO),
        (manual("x"), Severity.INFO),
    ):
        assert judged(_answers(verdict), authorization_policy=POLICY).severity is severity


def _answers(verdict: Verdict) -> Any:
    def answers(authorization_policy: Mapping[str, Any]) -> Verdict:
        return verdict

    return answers


@pytest.mark.parametrize(
    "verdict",
    [
        failed("worse than its weight", severity=Severity.CRITICAL),
        Verdict(Outcome.NOT_ASSESSED, "not its word"),
        Verdict(Outcome.ERROR, "not its word"),
    ],
)
def test_what_a_control_may_not_answer_is_our_bug(verdict: Verdict, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.CRITICAL):
        found = judged(_answers(verdict), authorization_policy=POLICY)
    assert (found.outcome, found.gap.reason) == (Outcome.ERROR, GapReason.ERROR)


def test_authorities_judge_the_same_arguments() -> None:
    def strict(authorization_policy: Mapping[str, Any], **_: Any) -> Outcome:
        return Outcome.FAIL if authorization_policy["allowInvitesFrom"] else Outcome.PASS

    def lost(**_: Any) -> Outcome:
        raise UnknownValueError("not for me")

    made = made_of(
        _answers(passed("fine")),
        authorities=(Authority("A", "1: strict", strict), Authority("B", "2: lost", lost), Authority("C", "3: none")),
    )
    found = judged(made, authorization_policy=POLICY)
    assert [(a.name, a.item, a.verdict) for a in found.authorities] == [
        ("A", "1: strict", "fail"),
        ("B", "2: lost", ""),
        ("C", "3: none", ""),
    ]


def test_affected_objects_of_a_verdict_are_sorted_counted_and_written(tmp_path: Path) -> None:
    rows = [{"id": f"{n:03d}", "why": "x"} for n in reversed(range(30))]
    found = judged(_answers(failed("x", affected=rows)), authorization_policy=POLICY, affected=tmp_path)
    assert (found.affected.count, len(found.affected.sample)) == (30, 20)
    assert [r["id"] for r in found.affected.sample] == [f"{n:03d}" for n in range(20)]
    assert found.affected.file == "affected/GUEST-INV-001.ndjson.gz"
    assert [r["id"] for r in written(tmp_path)] == [f"{n:03d}" for n in range(30)]


def written(folder: Path, code: str = "GUEST-INV-001") -> list[dict[str, Any]]:
    return [json.loads(line) for line in gzip.decompress((folder / f"{code}.ndjson.gz").read_bytes()).splitlines()]


@pytest.mark.parametrize("verdict", [passed("x", affected=[{"id": "a"}]), Verdict(Outcome.ERROR, "x")])
def test_no_file_without_a_finding_that_names_it(verdict: Verdict, tmp_path: Path) -> None:
    found = judged(_answers(verdict), authorization_policy=POLICY, affected=tmp_path)
    assert (found.affected.count, found.affected.file) == (0, "")
    assert list(tmp_path.iterdir()) == []


def test_the_same_file_twice_has_the_same_bytes(tmp_path: Path) -> None:
    verdict = _answers(failed("x", affected=[{"id": "a"}]))
    both = []
    for name in ("one", "two"):
        judged(verdict, authorization_policy=POLICY, affected=tmp_path / name)
        both.append((tmp_path / name / "GUEST-INV-001.ndjson.gz").read_bytes())
    assert both[0] == both[1]


def test_a_folder_that_cannot_be_written_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError):
        judged(_answers(failed("x", affected=[{"id": "a"}])), authorization_policy=POLICY, affected=tmp_path / "file")


# A broken part


def test_a_bug_costs_one_finding(caplog: pytest.LogCaptureFixture) -> None:
    def broken(authorization_policy: Mapping[str, Any]) -> Verdict:
        raise ZeroDivisionError("secret words of a tenant")

    good = made_of(_answers(passed("fine")), code="GUEST-INV-002")
    with caplog.at_level(logging.CRITICAL):
        found = evaluate(snapshot(authorization_policy=POLICY), Settings(), controls=(made_of(broken), good)).findings
    assert [f.outcome for f in found] == [Outcome.ERROR, Outcome.PASS]
    assert "ZeroDivisionError" in found[0].summary
    assert "secret" not in found[0].summary


def test_damaged_evidence_ends_the_run() -> None:
    class Damaged(list[Any]):
        def __iter__(self) -> Iterator[Any]:
            raise EvidenceError("line 7 is cut")

    def reads(groups: Rows) -> Verdict:
        return passed(str(list(groups)))

    with pytest.raises(EvidenceError, match="line 7"):
        judged(reads, groups=Damaged())


# Tallies


class Counts(Tally):
    """Counts guests, and breaks as the test says."""

    at_start: Exception | None = None
    on_guest: Exception | None = None
    made: ClassVar[list["Counts"]] = []

    def __init__(self, context: TallyContext) -> None:
        super().__init__(context)
        if self.at_start:
            raise self.at_start
        self.seen = 0
        Counts.made.append(self)

    def add(self, guest: Guest) -> None:
        self.seen += 1
        self.concern(guest, "is a guest")
        if self.on_guest and self.seen == 2:
            raise self.on_guest


def counting(counts: Tally) -> Verdict:
    """Judge by the number of guests."""
    return failed(f"{counts.seen} of {counts.population}")  # type: ignore[attr-defined]


@pytest.fixture
def counts(monkeypatch: pytest.MonkeyPatch) -> type[Counts]:
    made: type[Counts] = type("Counts", (Counts,), {})
    made.name, made.control, made.needs, made.optional = "counts", "GUEST-INV-001", ("guests",), ("groups",)
    Counts.made.clear()
    monkeypatch.setattr(module, "tallies", lambda: {**tallies(), "counts": made})
    return made


THREE = [guest(1), pending(2, 40), guest(3)]


def counted(**more: Any) -> Finding:
    made = control(function=counting, needs=("counts",))
    found = judged(made, **{"guests": THREE, **more})
    assert isinstance(found, Finding)
    return found


def test_every_guest_once(counts: type[Counts]) -> None:
    found = counted()
    assert found.summary == "3 of 3"
    assert [r["id"] for r in found.affected.sample] == [object_id(n) for n in (1, 2, 3)]
    assert Counts.made[0].context.facts == {}
    counted(groups=[])
    assert Counts.made[1].context.facts == {"groups": []}


def test_only_tallies_that_are_asked_for_are_fed(counts: type[Counts]) -> None:
    judged(_answers(passed("x")), authorization_policy=POLICY, guests=THREE)
    assert Counts.made == []


def test_a_missing_list_of_guests_is_the_reason(counts: type[Counts]) -> None:
    made = control(function=counting, needs=("counts",))
    found = judged(made, gap("guests", GapReason.INCOMPLETE))
    assert (found.outcome, found.gap.reason) == (Outcome.NOT_ASSESSED, GapReason.INCOMPLETE)


@pytest.mark.parametrize("where", ["at_start", "on_guest"])
@pytest.mark.parametrize(
    ("error", "outcome", "reason"),
    [
        (UnknownValueError("what is this"), Outcome.NOT_ASSESSED, GapReason.UNKNOWN_VALUE),
        (KeyError("bug"), Outcome.ERROR, GapReason.ERROR),
    ],
)
def test_a_tally_that_breaks_costs_its_own_control(
    where: str,
    error: Exception,
    outcome: Outcome,
    reason: GapReason,
    counts: type[Counts],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    setattr(counts, where, error)
    good = made_of(_answers(passed("fine")), code="GUEST-INV-002")
    made = control(function=counting, needs=("counts",))
    with caplog.at_level(logging.CRITICAL):
        told = evaluate(
            snapshot(guests=THREE, authorization_policy=POLICY), Settings(), affected=tmp_path, controls=(made, good)
        )
    assert [f.outcome for f in told.findings] == [outcome, Outcome.PASS]
    assert told.findings[0].gap is not None
    assert told.findings[0].gap.reason is reason
    assert told.guests.total == 3, "the other counts go on"
    assert list(tmp_path.iterdir()) == [], "no file of a finding that is none"


def test_damaged_evidence_under_a_tally_ends_the_run(counts: type[Counts]) -> None:
    counts.on_guest = EvidenceError("line 7 is cut")
    with pytest.raises(EvidenceError):
        counted()


# The whole


def test_numbers_of_the_population() -> None:
    rows = [
        guest(1),
        pending(2, 10),
        pending(3, 400, accountEnabled=False),
        pending(4, createdDateTime=None, externalUserStateChangeDateTime=None),
        guest(5, externalUserState=None, mail=None, userPrincipalName="odd"),
    ]
    found = evaluate(snapshot(guests=rows, external_members=[guest(9, userType="Member")]), Settings()).guests
    assert (found.total, found.pending, found.enabled, found.external_members) == (5, 3, 4, 1)
    assert found.by_state == {"Accepted": 1, "PendingAcceptance": 3, "none recorded": 1}
    assert found.by_domain == {"fabrikam.example": 4, "unknown": 1}
    assert found.pending_by_age == {"up to 30 days": 1, "over a year": 1, "unknown": 1}
    nothing = evaluate(snapshot(), Settings()).guests
    assert (nothing.total, nothing.pending, nothing.external_members) == (None, None, None)


def test_gaps_name_the_controls_they_touch() -> None:
    found = dict(evaluate(snapshot(gap("authorization_policy"), authorization_policy=POLICY), Settings()).gaps)
    touched = {g.name: codes for g, codes in found.items()}
    assert "GUEST-INV-006" in touched["guests"]
    assert "GUEST-INV-007" in touched["guest_memberships"]
    assert "GUEST-INV-007" in touched["groups"], "through the tally's optional list"


def test_every_control_is_not_assessed_where_nothing_was_read() -> None:
    found = evaluate(snapshot(), Settings())
    assert {f.outcome for f in found.findings} <= {Outcome.NOT_ASSESSED, Outcome.MANUAL}
    assert found.score.value is None
    assert found.counts["pass"] == 0


def test_it_is_a_function_of_snapshot_and_settings() -> None:
    facts = {"guests": THREE, "authorization_policy": POLICY}
    first, second = (evaluate(snapshot(**facts), Settings()) for _ in range(2))
    assert first == second
