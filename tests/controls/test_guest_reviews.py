"""GUEST-LIF-005: which reviews cover guests, come round, and remove."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from posture.controls.guest_reviews import covers_guests, series
from posture.controls.registry import Outcome
from posture.errors import UnknownValueError
from posture.settings import Profile, Settings, Severity, Thresholds
from posture.snapshot.types import GapReason
from tests.facts import ABSENT, P1, P2, TAKEN_AT, changed, gap, group, guest, judge, object_id, sku

GOVERNANCE = sku("e866a266-3cff-43a3-acca-0c90a7e00c8b")
GUESTS = "./members/microsoft.graph.user/?$count=true&$filter=(userType eq 'Guest')"
EVERY_GUEST = {"membershipRule": '(user.userType -eq "Guest")', "membershipRuleProcessingState": "On"}
GROUPS = [group(1), group(2, groupTypes=["DynamicMembership"], **EVERY_GUEST)]
ORDER = [Outcome.PASS, Outcome.PARTIAL, Outcome.FAIL]


def review(pattern: Any = ABSENT, limits: Any = ABSENT, query: Any = GUESTS, **changes: Any) -> dict[str, Any]:
    """Return a quarterly review of guests that removes; other keywords change settings, or the review itself."""
    settings = {
        "mailNotificationsEnabled": True,
        "defaultDecisionEnabled": True,
        "defaultDecision": "Deny",
        "instanceDurationInDays": 14,
        "autoApplyDecisionsEnabled": True,
        "recurrence": {
            "pattern": {"type": "absoluteMonthly", "interval": 3} if pattern is ABSENT else pattern,
            "range": {"type": "noEnd", "startDate": "2025-01-01"} if limits is ABSENT else limits,
        },
    }
    inner = {k: v for k, v in changes.items() if k in settings}
    return changed(
        {
            "id": object_id(1, 9),
            "displayName": "Guests",
            "status": "InProgress",
            "scope": {"@odata.type": "#microsoft.graph.accessReviewQueryScope", "query": query},
            "reviewers": [{"query": "./owners", "queryType": "MicrosoftGraph"}],
            "settings": changed(settings, inner),
        },
        {k: v for k, v in changes.items() if k not in settings},
    )


def check(*reviews: Any, profile: Profile = Profile.POSTURE, thresholds: Any = None, **facts: Any) -> Any:
    found: dict[str, Any] = {"access_reviews": list(reviews), "guests": [guest(1)], "groups": GROUPS}
    found["subscribed_skus"] = [P2]
    wanted = Settings(profile=profile, thresholds=thresholds or Thresholds())
    return judge("GUEST-LIF-005", settings=wanted, **{**found, **facts})


@pytest.mark.parametrize(
    ("scopes", "covers"),
    [
        ({"scope": {"query": GUESTS}}, True),
        ({"scope": {"query": "./members/microsoft.graph.user/?$filter=(userType%20eq%20'Guest')"}}, True),
        ({"scope": {"query": "./members/microsoft.graph.user/?$filter=(UserType+eq+%27guest%27)"}}, True),
        ({"scope": {"query": '/users?$filter=userType eq "Guest"'}}, True),
        ({"scope": {"query": ""}, "instanceEnumerationScope": {"query": GUESTS}}, True),
        ({"scope": {"query": None, "principalScopes": [{"query": "/users"}, {"query": GUESTS}]}}, True),
        ({"scope": {"resourceScopes": [{"query": GUESTS}]}}, True),
        ({"scope": {"query": "/groups/x/transitiveMembers"}}, False),
        ({"scope": {"query": "/users?$filter=not(userType eq 'Guest')"}}, False),
        ({"scope": {"query": "/users?$filter=NOT (userType eq 'Guest')"}}, False),
        ({"scope": {"query": "/users?$filter=not%28userType%20eq%20%27Guest%27%29"}}, False),
        ({"scope": {"query": "/users?$filter=not(microsoft.graph.user/userType eq 'Guest')"}}, False),
        ({"scope": {"query": "/users?$filter=userType ne 'Guest'"}}, False),
        ({"scope": {"query": "/users?$filter=userType eq 'Guesthouse'"}}, False),
        ({"scope": {"query": "/users?$filter=notUserType eq 'Guest'"}}, False),
        ({"scope": {"principalScopes": [{"scopeType": "guestUsers"}], "resourceScopes": [{"query": "/groups"}]}}, True),
        ({"scope": {"principalScopes": [{"scopeType": "allUsers"}]}}, True),
        ({"scope": {"principalScopes": [{"scopeType": "inactiveUsers"}]}}, False),
        ({"scope": {"principalScopes": [{"scopeType": "unknownFutureValue"}]}}, None),
        ({}, None),
        ({"scope": None}, None),
        ({"scope": "everybody"}, None),
        ({"scope": {"query": 7, "principalScopes": None}}, None),
    ],
)
def test_which_reviews_cover_guests(scopes: dict[str, Any], covers: bool | None) -> None:
    """Predicates as Prowler's entra_access_review_guest_users_configured tells them apart, negation among them."""
    assert covers_guests(scopes) is covers


NEVER_AGAIN = {"type": "numbered", "numberOfOccurrences": 0, "startDate": "2021-04-27", "endDate": "9999-12-31"}


@pytest.mark.parametrize(
    ("pattern", "limits", "days", "ends"),
    [
        ({"type": "weekly", "interval": 1}, ABSENT, 7, False),
        ({"type": "daily", "interval": 10}, ABSENT, 10, False),
        ({"type": "absoluteMonthly", "interval": 1}, ABSENT, 31, False),
        ({"type": "absoluteMonthly", "interval": 3}, ABSENT, 92, False),
        ({"type": "relativeMonthly", "interval": 6}, ABSENT, 184, False),
        ({"type": "absoluteYearly", "interval": 1}, ABSENT, 366, False),
        ({"type": "AbsoluteMonthly", "interval": 1}, {"type": "noEnd"}, 31, False),
        ({"type": "absoluteMonthly", "interval": 3}, NEVER_AGAIN, 92, False),
        ({"type": "absoluteMonthly", "interval": 3}, {"type": "endDate", "endDate": "2027-01-01"}, 92, True),
        ({"type": "absoluteMonthly", "interval": 3}, {"type": "numbered", "numberOfOccurrences": 4}, 92, True),
    ],
)
def test_how_often(pattern: Any, limits: Any, days: int, ends: bool) -> None:
    found = series(review(pattern, limits), TAKEN_AT)
    assert found is not None
    assert (found.days, found.ends) == (days, ends)


@pytest.mark.parametrize(
    "once",
    [
        review(None, {"type": "numbered", "numberOfOccurrences": 0, "endDate": "2026-12-30"}),
        review(recurrence=None),
        review({"type": "absoluteMonthly", "interval": 0}),
        review(limits={"type": "endDate", "endDate": "2026-11-01"}),
        review(status="Completed"),
    ],
)
def test_a_review_that_is_over_or_happens_once(once: dict[str, Any]) -> None:
    assert series(once, TAKEN_AT) is None
    assert check(once).outcome is Outcome.FAIL


@pytest.mark.parametrize(
    "odd",
    [
        review(status="unknownFutureValue"),
        review(status=None),
        review(status=ABSENT),
        review(settings=None),
        review(recurrence="monthly"),
        review(recurrence=ABSENT),
        review("monthly"),
        review({"type": "everyFullMoon", "interval": 1}),
        review({"type": "absoluteMonthly", "interval": "3"}),
        review({"type": "absoluteMonthly", "interval": True}),
        review({"type": "absoluteMonthly"}),
        review(limits=None),
        review(limits={"type": "sometimes"}),
        review(limits={"type": "endDate", "endDate": None}),
        review(autoApplyDecisionsEnabled="true"),
        review(autoApplyDecisionsEnabled=None),
        review(defaultDecisionEnabled=ABSENT),
        review(defaultDecision=None),
        review(reviewers=None),
        review(reviewers=["./owners"]),
        review(reviewers=[{"queryType": "MicrosoftGraph"}]),
        review(scope=None),
    ],
)
def test_what_cannot_be_read_is_not_judged(odd: dict[str, Any]) -> None:
    found = check(odd)
    assert found.outcome is Outcome.NOT_ASSESSED
    good = review(id="other")
    assert check(odd, good).outcome is Outcome.PASS, "one good review is enough"


@pytest.mark.parametrize(
    ("found", "outcome", "words"),
    [
        (review(), Outcome.PASS, "at least every 92 days"),
        (review(defaultDecision="DENY", status="inProgress"), Outcome.PASS, ""),
        (review({"type": "absoluteMonthly", "interval": 6}), Outcome.PARTIAL, "it comes every 184 days"),
        (review(limits={"type": "endDate", "endDate": "2027-01-01"}), Outcome.PARTIAL, "it ends"),
        (review(autoApplyDecisionsEnabled=False), Outcome.PARTIAL, "not applied by themselves"),
        (review(defaultDecisionEnabled=False), Outcome.PARTIAL, "silence decides nothing"),
        (review(defaultDecision="Recommendation"), Outcome.PARTIAL, "silence means Recommendation"),
        (review(defaultDecision="Approve"), Outcome.PARTIAL, "silence means Approve"),
        (review(reviewers=[]), Outcome.PARTIAL, "guests review themselves"),
        (review(query="/groups/x/transitiveMembers"), Outcome.FAIL, "No recurring access review"),
    ],
)
def test_each_outcome(found: dict[str, Any], outcome: Outcome, words: str) -> None:
    finding = check(found)
    assert finding.outcome is outcome
    assert words in finding.summary


IN_ONE = f"/groups/{object_id(1, 1)}/transitiveMembers/microsoft.graph.user/?$filter=(userType eq 'Guest')"


@pytest.mark.parametrize(
    ("narrow", "words"),
    [
        ({"query": IN_ONE}, "single groups or apps only"),
        ({"query": IN_ONE.upper().replace("GUEST", "Guest")}, "single groups or apps only"),
        ({"query": "/users?$filter=(userType eq 'Guest') and department eq 'Sales'"}, "leaves some guests out"),
        ({"scope": {"query": GUESTS, "inactiveDuration": "P30D"}}, "inactive guests only"),
        (
            {"scope": {"principalScopes": [{"query": GUESTS}], "resourceScopes": [{"query": IN_ONE.split("?")[0]}]}},
            "single groups or apps only",
        ),
        ({"scope": {"principalScopes": [{"scopeType": "inactiveGuestUsers"}]}}, "inactive guests only"),
        ({"limits": {"type": "noEnd", "startDate": "2099-01-01"}}, "it has not begun"),
    ],
)
def test_a_review_of_some_guests_is_not_one_of_all(narrow: dict[str, Any], words: str) -> None:
    found = check(review(**narrow))
    assert found.outcome is Outcome.PARTIAL, found.summary
    assert words in found.summary


def test_a_group_of_all_guests_is_every_guest() -> None:
    every = IN_ONE.replace(object_id(1, 1), object_id(2, 1))
    assert check(review(query=every)).outcome is Outcome.PASS
    unread = check(review(query=every), groups=gap("groups"))
    assert unread.outcome is Outcome.NOT_ASSESSED, unread.summary
    assert check(review(), groups=gap("groups")).outcome is Outcome.PASS, "no group is named"


def test_severities() -> None:
    assert check().severity is Severity.MEDIUM
    assert check(review(defaultDecisionEnabled=False)).severity is Severity.LOW


def test_a_named_reviewer_who_is_a_guest() -> None:
    by_guest = review(reviewers=[{"query": f"/users/{object_id(1)}"}])
    by_member = review(reviewers=[{"query": f"/v1.0/users/{object_id(7, 5).upper()}"}])
    by_both = review(reviewers=[{"query": f"/users/{object_id(1)}"}, {"query": f"/users/{object_id(7, 5)}"}])
    assert check(by_guest).outcome is Outcome.PARTIAL
    assert check(by_member).outcome is Outcome.PASS
    assert check(by_both).outcome is Outcome.PASS
    refused = gap("guests", permission="User.Read.All")
    unread = check(by_member, guests=refused)
    assert unread.outcome is Outcome.NOT_ASSESSED
    assert "User.Read.All" in unread.gap.unlock
    assert check(review(), guests=refused).outcome is Outcome.PASS, "owners are not looked up"
    manual = changed(by_member, {"settings": review(autoApplyDecisionsEnabled=False)["settings"]})
    assert check(manual, guests=refused).outcome is Outcome.PARTIAL, "it lacks something whoever reviews"


def test_the_cis_profile_wants_a_month() -> None:
    monthly = review({"type": "absoluteMonthly", "interval": 1})
    assert check(review(), profile=Profile.CIS_M365_V7).outcome is Outcome.PARTIAL
    assert check(monthly, profile=Profile.CIS_M365_V7).outcome is Outcome.PASS
    assert [a.verdict for a in check(review()).authorities] == ["fail"]
    assert [a.verdict for a in check(monthly).authorities] == ["pass"]


def test_the_limits_are_parameters() -> None:
    assert check(review(), thresholds=Thresholds(review_max_interval_days=90)).outcome is Outcome.PARTIAL
    assert "15 days" in check(review(instanceDurationInDays=15)).notes[0]


class TestLicence:
    """A tenant does not fail for what it has not bought."""

    def test_without_it(self) -> None:
        found = check(subscribed_skus=[P1])
        assert found.outcome is Outcome.NOT_ASSESSED
        assert found.gap.reason is GapReason.LICENCE
        assert "ID Governance" in found.gap.unlock

    @pytest.mark.parametrize("plan", [P2, GOVERNANCE])
    def test_with_it(self, plan: dict[str, Any]) -> None:
        assert check(subscribed_skus=[plan]).outcome is Outcome.FAIL

    @pytest.mark.parametrize(
        "skus", [gap("subscribed_skus"), [sku("x", capabilityStatus="new")], [sku("x", servicePlans=None)]]
    )
    def test_not_known(self, skus: Any) -> None:
        assert check(subscribed_skus=skus).outcome is Outcome.NOT_ASSESSED

    def test_another_review_proves_the_licence(self) -> None:
        other = review(query="/groups/x/transitiveMembers")
        assert check(other, subscribed_skus=gap("subscribed_skus")).outcome is Outcome.FAIL

    def test_refused(self) -> None:
        refused = gap("access_reviews", GapReason.LICENCE, licence="Entra ID P2 or ID Governance")
        assert judge("GUEST-LIF-005", access_reviews=refused).gap.reason is GapReason.LICENCE


@given(interval=st.integers(1, 12), more=st.integers(0, 12))
@examples(max_examples=30, deadline=None)
def test_a_rarer_review_is_never_better(interval: int, more: int) -> None:
    before, after = (
        check(review({"type": "absoluteMonthly", "interval": n})).outcome for n in (interval, interval + more)
    )
    assert ORDER.index(after) >= ORDER.index(before)


@pytest.mark.parametrize("text", ["P30D", "'Guest'", "not(", "userType eq 'Guest' and not(", "\x00"])
def test_odd_queries_do_not_break(text: str) -> None:
    assert covers_guests({"scope": {"query": text}}) in (True, False)


def test_series_of_a_broken_review_says_what_is_wrong() -> None:
    with pytest.raises(UnknownValueError, match="everyfullmoon"):
        series(review({"type": "everyFullMoon", "interval": 1}), TAKEN_AT)
