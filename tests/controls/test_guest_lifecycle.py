"""GUEST-LIF-001 and -002: who stopped coming, who never came, and what the list does not tell."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from posture.controls.registry import Outcome
from posture.settings import Severity
from posture.snapshot.types import GapReason
from tests.facts import ABSENT, ago, config, counted, gap, guest, judge, object_id, pending

ORDER = [Outcome.PASS, Outcome.PARTIAL, Outcome.FAIL]
NEVER = "0001-01-01T00:00:00Z"


def old(number: int = 1, **changes: Any) -> dict[str, Any]:
    """Return a guest who accepted two years ago."""
    return guest(number, **{"createdDateTime": ago(730), "externalUserStateChangeDateTime": ago(729), **changes})


def seen(number: int, activity: Any) -> dict[str, Any]:
    return {"id": object_id(number)} if activity is ABSENT else {"id": object_id(number), "signInActivity": activity}


def success(number: int, days: float) -> dict[str, Any]:
    when = ago(days)
    return seen(number, {"lastSignInDateTime": when, "lastSuccessfulSignInDateTime": when})


def attempt(number: int, days: float) -> dict[str, Any]:
    return seen(number, {"lastSignInDateTime": ago(days), "lastSuccessfulSignInDateTime": None})


def twenty(*last: dict[str, Any]) -> dict[str, Any]:
    """Return twenty guests, the first ones as given, the others here yesterday."""
    return {
        "guests": [old(n) for n in range(1, 21)],
        "guest_sign_in_activity": [*last, *(success(n, 1) for n in range(1 + len(last), 21))],
    }


class TestIdle:
    """GUEST-LIF-001."""

    def judge(self, *activity: dict[str, Any], **more: Any) -> Any:
        return judge("GUEST-LIF-001", **{**twenty(*activity), **more})

    @pytest.mark.parametrize(
        ("activity", "outcome"),
        [
            ([], Outcome.PASS),
            ([success(1, 89)], Outcome.PASS),
            ([success(1, 90)], Outcome.PASS),
            ([success(1, 91)], Outcome.PARTIAL),
            ([success(1, 180)], Outcome.PARTIAL),
            ([success(1, 181)], Outcome.FAIL),
            ([success(1, 91), success(2, 91)], Outcome.FAIL),
            ([attempt(1, 91)], Outcome.PARTIAL),
            ([attempt(1, 400)], Outcome.FAIL),
            # Attempts alone are no use: successes are recorded since 2023, and there is none.
            ([attempt(1, 3)], Outcome.FAIL),
            # Without any record a guest is a case for GUEST-LIF-002.
            ([seen(1, ABSENT)], Outcome.PASS),
            ([seen(1, None)], Outcome.PASS),
            ([seen(1, {"lastSignInDateTime": NEVER, "lastSuccessfulSignInDateTime": None})], Outcome.PASS),
        ],
    )
    def test_each_outcome(self, activity: list[dict[str, Any]], outcome: Outcome) -> None:
        found = self.judge(*activity)
        assert found.outcome is outcome, found.summary
        assert found.affected.count == (0 if outcome is Outcome.PASS else len(activity))

    @pytest.mark.parametrize("ahead", [success(1, -8), success(1, -30_000), attempt(1, -8)])
    def test_a_time_ahead_of_the_run_proves_no_use(self, ahead: dict[str, Any]) -> None:
        assert self.judge(ahead).outcome is Outcome.NOT_ASSESSED
        assert self.judge(success(1, -3)).outcome is Outcome.PASS, "a run that is resumed lasts"

    def test_a_guest_made_in_the_future_is_not_new(self) -> None:
        facts = twenty(attempt(1, 400))
        facts["guests"][0] = old(1, createdDateTime=ago(-400))
        assert self.judge(**facts).outcome is Outcome.FAIL

    def test_severities(self) -> None:
        assert self.judge(success(1, 181)).severity is Severity.HIGH
        assert self.judge(success(1, 91)).severity is Severity.LOW

    def test_numbers_and_names(self) -> None:
        found = self.judge(success(1, 200), success(2, 100), seen(3, ABSENT))
        assert found.summary.startswith("2 of 20 enabled guests did not sign in for more than 90 days, 1 of them")
        assert {o.property: o.value for o in found.observed} == {
            "enabled guests": 20,
            "idle over 90 days": 2,
            "idle over 180 days": 1,
            "without any record": 1,
        }
        assert [row["why"] for row in found.affected.sample] == [
            "no sign-in since 2026-05-07",
            "no sign-in since 2026-08-15",
        ]
        assert "GUEST-LIF-002" in found.notes[0]

    def test_no_guests(self) -> None:
        found = judge("GUEST-LIF-001", guests=[], guest_sign_in_activity=[])
        assert found.outcome is Outcome.NOT_APPLICABLE

    def test_pending_and_disabled_guests_do_not_count(self) -> None:
        guests = [*twenty()["guests"][:18], pending(19, 500), old(20, accountEnabled=False)]
        found = self.judge(guests=guests, guest_sign_in_activity=[success(n, 1) for n in range(1, 19)])
        assert found.outcome is Outcome.PASS

    def test_a_guest_with_an_older_invitation_form_counts(self) -> None:
        guests = [old(1, externalUserState=None), *twenty()["guests"][1:]]
        assert self.judge(success(1, 400), guests=guests).outcome is Outcome.FAIL

    @pytest.mark.parametrize("wrong", ["yesterday", 7, True, ["2026-01-01T00:00:00Z"], {}])
    def test_a_time_that_is_none_is_unknown(self, wrong: Any) -> None:
        found = self.judge(seen(1, {"lastSignInDateTime": None, "lastSuccessfulSignInDateTime": wrong}))
        assert found.outcome is Outcome.NOT_ASSESSED
        assert found.gap.reason is GapReason.UNKNOWN_VALUE

    @pytest.mark.parametrize("wrong", ["2026-11-01T00:00:00Z", 7, [], True])
    def test_activity_of_another_type_is_unknown(self, wrong: Any) -> None:
        assert self.judge(seen(1, wrong)).outcome is Outcome.NOT_ASSESSED

    def test_a_guest_missing_from_the_activity_list_is_unknown(self) -> None:
        activity = twenty()["guest_sign_in_activity"][1:]
        assert self.judge(guest_sign_in_activity=activity).outcome is Outcome.NOT_ASSESSED
        fresh = [guest(1), *twenty()["guests"][1:]]
        found = self.judge(guests=fresh, guest_sign_in_activity=activity)
        assert found.outcome is Outcome.PASS, "a guest made after the list was read cannot be idle yet"

    @pytest.mark.parametrize("enabled", [ABSENT, None, "true", 1])
    def test_whether_an_idle_guest_is_enabled_is_unknown(self, enabled: Any) -> None:
        guests = [old(1, accountEnabled=enabled), *twenty()["guests"][1:]]
        assert self.judge(success(1, 400), guests=guests).outcome is Outcome.NOT_ASSESSED

    def test_a_fail_stands_beside_what_is_unknown(self) -> None:
        assert self.judge(success(1, 400), seen(2, 7)).outcome is Outcome.FAIL

    def test_no_record_of_anybody_proves_nothing(self) -> None:
        found = self.judge(guest_sign_in_activity=[seen(n, ABSENT) for n in range(1, 21)])
        assert found.outcome is Outcome.NOT_ASSESSED
        assert "no guest has a sign-in on record" in found.summary

    def test_attempts_prove_nothing_where_no_success_is_recorded_at_all(self) -> None:
        found = self.judge(guest_sign_in_activity=[attempt(n, 3) for n in range(1, 21)])
        assert found.outcome is Outcome.NOT_ASSESSED

    def test_failed_attempts_may_be_counted_as_use(self) -> None:
        found = self.judge(attempt(1, 3), settings=config(count_failed_attempts_as_use=True))
        assert found.outcome is Outcome.PASS

    @pytest.mark.parametrize(
        ("event", "outcome"),
        [
            ({}, Outcome.PASS),
            ({"activityDateTime": ago(8)}, Outcome.FAIL),
            ({"result": "failure"}, Outcome.FAIL),
            ({"activityDateTime": None}, Outcome.FAIL),
            ({"activityDisplayName": "Disable account"}, Outcome.FAIL),
            ({"activityDisplayName": "enable ACCOUNT"}, Outcome.PASS),
            ({"targetResources": [{"id": object_id(2)}]}, Outcome.FAIL),
            ({"targetResources": None}, Outcome.FAIL),
        ],
    )
    def test_a_guest_switched_on_again_lately_is_spared(self, event: dict[str, Any], outcome: Outcome) -> None:
        enabled = {
            "id": "e1",
            "activityDisplayName": "Enable account",
            "activityDateTime": ago(2),
            "result": "success",
            "targetResources": [{"id": object_id(1).upper()}],
        }
        found = self.judge(success(1, 400), directory_audits=[{**enabled, **event}])
        assert found.outcome is outcome

    def test_the_limits_are_parameters(self) -> None:
        assert self.judge(success(1, 91), settings=config(stale_days=91)).outcome is Outcome.PASS
        assert self.judge(success(1, 91), settings=config(stale_tolerance_pct=4.9)).outcome is Outcome.FAIL
        assert self.judge(success(1, 181), settings=config(stale_fail_days=200)).outcome is Outcome.PARTIAL

    def test_without_the_licence(self) -> None:
        missing = gap("guest_sign_in_activity", GapReason.LICENCE, "needs P1", licence="Entra ID P1")
        found = judge("GUEST-LIF-001", guests=[old()], guest_sign_in_activity=missing)
        assert found.outcome is Outcome.NOT_ASSESSED
        assert found.gap.reason is GapReason.LICENCE

    @pytest.mark.parametrize(
        ("activity", "guests", "zta", "cipp"),
        [
            ([], [], "pass", "pass"),
            ([success(1, 91)], [], "fail", "fail"),
            ([seen(1, ABSENT)], [], "fail", "pass"),
            ([], [pending(21, 91)], "fail", "fail"),
            ([], [pending(21, 89)], "pass", "pass"),
            ([success(1, 400)], [], "fail", "fail"),
        ],
    )
    def test_others_on_the_same_guests(
        self, activity: list[dict[str, Any]], guests: list[dict[str, Any]], zta: str, cipp: str
    ) -> None:
        """Microsoft's 21858 and CIPP's DisableGuests, both at 90 days."""
        found = self.judge(*activity, guests=[*twenty()["guests"], *guests])
        assert {a.item[:5]: a.verdict for a in found.authorities} == {"21858": zta, "stand": cipp}

    def test_others_do_not_decide_at_another_limit(self) -> None:
        assert {a.verdict for a in self.judge(settings=config(stale_days=60)).authorities} == {""}

    @given(days=st.lists(st.floats(0, 800), min_size=1, max_size=20), longer=st.floats(0, 800))
    @settings(max_examples=40, deadline=None)
    def test_a_longer_absence_is_never_better(self, days: list[float], longer: float) -> None:
        before = self.judge(*(success(n, d) for n, d in enumerate(days, 1)))
        after = self.judge(*(success(n, d + (longer if n == 1 else 0)) for n, d in enumerate(days, 1)))
        assert ORDER.index(after.outcome) >= ORDER.index(before.outcome)


class TestSilent:
    """GUEST-LIF-002."""

    def judge(self, *guests: dict[str, Any], **more: Any) -> Any:
        here = [old(n) for n in range(1 + len(guests), 5)]
        activity = [*(seen(n, ABSENT) for n in range(1, 1 + len(guests))), *(success(g, 1) for g in range(2, 5))]
        known = {row["id"]: row for row in activity}
        facts = {"guests": [*guests, *here], "guest_sign_in_activity": list(known.values())}
        return judge("GUEST-LIF-002", **{**facts, **more})

    @pytest.mark.parametrize(
        ("first", "outcome"),
        [
            (guest(1), Outcome.PASS),
            (guest(1, externalUserStateChangeDateTime=ago(29)), Outcome.PASS),
            (guest(1, externalUserStateChangeDateTime=ago(31)), Outcome.FAIL),
            (old(1), Outcome.FAIL),
            (old(1, externalUserStateChangeDateTime=None), Outcome.FAIL),
            (old(1, externalUserState=None, externalUserStateChangeDateTime=None), Outcome.FAIL),
            (old(1, createdDateTime="2019-05-01T00:00:00Z"), Outcome.PARTIAL),
            (old(1, createdDateTime="2020-03-31T23:59:59Z"), Outcome.PARTIAL),
            (old(1, createdDateTime="2020-04-01T00:00:00Z"), Outcome.FAIL),
            (pending(1, 500), Outcome.PASS),
            (old(1, accountEnabled=False), Outcome.PASS),
        ],
    )
    def test_each_outcome(self, first: dict[str, Any], outcome: Outcome) -> None:
        found = self.judge(first)
        assert found.outcome is outcome, found.summary
        assert found.affected.count == (outcome is not Outcome.PASS)

    def test_severities(self) -> None:
        assert self.judge(old(1)).severity is Severity.MEDIUM
        assert self.judge(old(1, createdDateTime="2019-05-01T00:00:00Z")).severity is Severity.INFO

    def test_no_guests(self) -> None:
        assert judge("GUEST-LIF-002", guests=[], guest_sign_in_activity=[]).outcome is Outcome.NOT_APPLICABLE

    @pytest.mark.parametrize(
        "first",
        [
            old(1, createdDateTime=None, externalUserStateChangeDateTime=None),
            old(1, createdDateTime=ABSENT, externalUserStateChangeDateTime=ABSENT),
            old(1, createdDateTime="soon", externalUserStateChangeDateTime=7),
            old(1, externalUserStateChangeDateTime=ago(-400)),
            old(1, accountEnabled=None),
            old(1, accountEnabled="yes"),
        ],
    )
    def test_unknown_age_or_state(self, first: dict[str, Any]) -> None:
        assert self.judge(first).outcome is Outcome.NOT_ASSESSED

    def test_an_attempt_is_a_record(self) -> None:
        activity = [attempt(1, 3), *(success(n, 1) for n in range(2, 5))]
        assert self.judge(old(1), guest_sign_in_activity=activity).outcome is Outcome.PASS

    def test_a_guest_missing_from_the_activity_list_is_unknown(self) -> None:
        activity = [success(n, 1) for n in range(2, 5)]
        assert self.judge(old(1), guest_sign_in_activity=activity).outcome is Outcome.NOT_ASSESSED
        assert self.judge(guest(1), guest_sign_in_activity=activity).outcome is Outcome.PASS

    def test_no_record_of_anybody_proves_nothing(self) -> None:
        found = self.judge(old(1), guest_sign_in_activity=[seen(n, ABSENT) for n in range(1, 5)])
        assert found.outcome is Outcome.NOT_ASSESSED

    def test_a_fail_stands_beside_what_is_unknown(self) -> None:
        activity = [seen(1, ABSENT), seen(2, "never"), success(3, 1), success(4, 1)]
        assert self.judge(old(1), old(2), guest_sign_in_activity=activity).outcome is Outcome.FAIL

    @given(days=st.floats(0, 800), longer=st.floats(0, 800))
    @settings(max_examples=30, deadline=None)
    def test_a_longer_silence_is_never_better(self, days: float, longer: float) -> None:
        outcomes = [self.judge(old(1, externalUserStateChangeDateTime=ago(d))).outcome for d in (days, days + longer)]
        assert ORDER.index(outcomes[1]) >= ORDER.index(outcomes[0])


def test_tallies_are_bounded() -> None:
    """A tally over many guests holds numbers and twenty rows."""
    facts = {
        "guests": [old(n) for n in range(1, 200)],
        "guest_sign_in_activity": [success(n, 400) for n in range(1, 200)],
    }
    made = counted("idle_guests", **facts)
    assert made.idle == made.long == 199
    assert len(made.affected.sample) == 20
