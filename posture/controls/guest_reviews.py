"""Whether somebody is asked, again and again, if each guest should stay."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from math import ceil
from typing import Any
from urllib.parse import unquote_plus

from posture.controls.registry import (
    Authority,
    Outcome,
    Remediation,
    Tally,
    TallyContext,
    Verdict,
    control,
    failed,
    partial,
    passed,
    tally,
)
from posture.controls.shared import names, number
from posture.errors import UnknownValueError
from posture.settings import Profile, Severity, Thresholds
from posture.snapshot.conditional_access import group_facts
from posture.snapshot.derive import licences
from posture.snapshot.guests import Guest
from posture.snapshot.types import Gap, Rows
from posture.snapshot.values import block, flag, items, moment, objects, present, text

LICENCE = "Entra ID P2 or ID Governance"

_GUESTS = re.compile(r"\busertype\s+eq\s+(['\"])guest\1", re.IGNORECASE)
_NOT_GUESTS = re.compile(r"\bnot\s*\(*\s*(?:[\w.]+/)?usertype\s+eq\s+(['\"])guest\1", re.IGNORECASE)
_FURTHER = re.compile(r"\band\b", re.IGNORECASE)
_NAMED = re.compile(r"/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})(?![\w-])", re.IGNORECASE)
_USER = re.compile(r"/users/([0-9a-f-]{36})(?![\w-])", re.IGNORECASE)
_LIVE = {"notstarted", "initializing", "starting", "inprogress", "autoreviewing", "autoreviewed", "applying", "applied"}
_OVER = {"completed", "completing", "stopped"}
"""States of a series; pages differ in letter case.

Source: https://learn.microsoft.com/graph/api/resources/accessreviewscheduledefinition
"""
_GUEST_KINDS = {"guestusers", "inactiveguestusers"}
_OTHER_KINDS = {"inactiveusers"}
_FOR_EVER = 9000
_LATER = datetime.max.replace(tzinfo=UTC)
_DAYS = {"daily": 1, "weekly": 7, "absolutemonthly": 92 / 3, "relativemonthly": 92 / 3}
_YEARLY = {"absoluteyearly": 366, "relativeyearly": 366}


def covers_guests(review: Mapping[str, Any]) -> bool | None:
    """Return whether a review asks about guests: a query tests for userType Guest without negation, or a word does.

    None where it holds neither, or a word that is not known.
    Sources: https://learn.microsoft.com/graph/api/accessreviewset-list-definitions
    https://learn.microsoft.com/graph/api/resources/accessreviewprincipalscope
    """
    queries, kinds = list(_queries(review)), _kinds(review)
    if kinds & {"allusers", *_GUEST_KINDS} or any(_GUESTS.search(q) and not _NOT_GUESTS.search(q) for q in queries):
        return True
    return None if kinds - _OTHER_KINDS or not (queries or kinds) else False


def _scopes(review: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for key in ("scope", "instanceEnumerationScope"):
        scope = review.get(key)
        if not isinstance(scope, Mapping):
            continue
        yield scope
        for inner in ("principalScopes", "resourceScopes"):
            listed = scope.get(inner)
            yield from (p for p in listed if isinstance(p, Mapping)) if isinstance(listed, list) else ()


def _queries(review: Mapping[str, Any]) -> Iterator[str]:
    return (unquote_plus(part["query"]) for part in _scopes(review) if isinstance(part.get("query"), str))


def _kinds(review: Mapping[str, Any]) -> set[str]:
    """Return the words for kinds of users that stand where a query could, in lower case."""
    return {str(part["scopeType"]).casefold() for part in _scopes(review) if part.get("scopeType") is not None}


def _leaves_out(review: Mapping[str, Any], groups: Rows | Gap) -> list[str]:
    """Return which guests a review of guests does not ask about, in words.

    One that names groups or applications asks about those alone, unless it
    names a dynamic group of all guests.

    Source: https://learn.microsoft.com/graph/accessreviews-scope-concept
    """
    found = []
    kinds = _kinds(review)
    inactive = any(part.get("inactiveDuration") not in (None, "PT0S") for part in _scopes(review))
    if inactive or ("inactiveguestusers" in kinds and not kinds & {"guestusers", "allusers"}):
        found.append("it asks about inactive guests only")
    if any(_GUESTS.search(q) and _FURTHER.search(q) for q in _queries(review)):
        found.append("its filter leaves some guests out")
    named = {n.casefold() for q in _queries(review) for n in _NAMED.findall(q)}
    if not named:
        return found
    if not isinstance(groups, Gap):
        return found if named & group_facts(groups).all_guests else [*found, "it asks about single groups or apps only"]
    if not found:
        told = f"whether the group it asks about holds every guest is not known: {groups.detail}"
        raise UnknownValueError(told, because=groups)
    return found


@dataclass(frozen=True, slots=True)
class Series:
    """How often a review comes round.

    `days` is the longest time between two; `ends` says that it does end,
    `ahead` that its first day is still to come.
    """

    days: int
    ends: bool
    ahead: bool = False


def series(review: Mapping[str, Any], taken_at: datetime) -> Series | None:
    """Return how often a live review recurs; None where it is over or happens once.

    Source: https://learn.microsoft.com/graph/api/resources/accessreviewschedulesettings
    """
    status = text(review, "status").casefold()
    if status in _OVER:
        return None
    if status not in _LIVE:
        raise UnknownValueError(f"status of an access review is {status!r}")
    recurrence = present(block(review, "settings"), "recurrence")
    if recurrence is None:
        return None
    if not isinstance(recurrence, Mapping):
        raise UnknownValueError("recurrence of an access review is not an object")
    pattern = present(recurrence, "pattern")
    if pattern is None:
        return None  # a review that happens once has a range and no pattern
    kind = text(pattern, "type").casefold()
    days = _DAYS.get(kind, _YEARLY.get(kind))
    interval = present(pattern, "interval")
    if days is None or isinstance(interval, bool) or not isinstance(interval, int) or interval < 0:
        raise UnknownValueError(f"an access review recurs by {kind!r}, interval {interval!r}")
    if interval == 0:
        return None
    limits = block(recurrence, "range")
    start, end = moment(limits.get("startDate")), _end(limits)
    if end is not None and end < taken_at:
        return None
    return Series(ceil(days * interval - 0.01), end is not None, start is not None and start > taken_at)


def _end(limits: Mapping[str, Any]) -> datetime | None:
    """Return when a series ends, None for never; one that ends after a number of times ends some day."""
    kind = text(limits, "type").casefold()
    if kind == "noend":
        return None
    if kind not in ("enddate", "numbered"):
        raise UnknownValueError(f"the range of an access review is {kind!r}")
    times, end = limits.get("numberOfOccurrences"), limits.get("endDate")
    if kind == "numbered" and isinstance(times, int) and times > 0:
        return _LATER
    # Microsoft prints a review without end as "numbered", no occurrences, until the year 9999.
    if isinstance(end, str) and end[:4].isdigit() and int(end[:4]) >= _FOR_EVER:
        return None
    found = moment(end)
    if found is None:
        raise UnknownValueError(f"the end of an access review is {end!r}")
    return found


def named_reviewers(review: Mapping[str, Any]) -> tuple[set[str], bool]:
    """Return the ids of users named as reviewers, and whether others than named users review.

    Without reviewers people review themselves.
    Source: https://learn.microsoft.com/graph/accessreviews-reviewers-concept
    """
    named: set[str] = set()
    others = False
    for reviewer in objects(items(review, "reviewers"), "reviewers"):
        found = _USER.search(text(reviewer, "query"))
        if found:
            named.add(found.group(1).casefold())
        else:
            others = True
    return named, others


@tally("reviewing_guests", control="GUEST-LIF-005", needs=("guests", "access_reviews"))
class ReviewingGuests(Tally):
    """Which of the people named as reviewers are guests; bounded by the reviews."""

    def __init__(self, context: TallyContext) -> None:
        super().__init__(context)
        self._named: set[str] = set()
        for review in objects(context.facts["access_reviews"], "access reviews"):
            if covers_guests(review) and isinstance(review.get("reviewers"), list):
                self._named |= named_reviewers(review)[0]
        self.ids: set[str] = set()

    def add(self, guest: Guest) -> None:
        """Note a guest who reviews."""
        if self._named and guest.id.casefold() in self._named:
            self.ids.add(guest.id.casefold())


def _lacks(
    review: Mapping[str, Any], times: Series, most_days: int, reviewing_guests: ReviewingGuests | Gap
) -> list[str]:
    """Return what a recurring review of guests lacks, in words; empty where nothing."""
    settings = block(review, "settings")
    found = []
    if times.days > most_days:
        found.append(f"it comes every {times.days} days")
    if times.ends:
        found.append("it ends")
    if times.ahead:
        found.append("it has not begun")
    if not flag(settings, "autoApplyDecisionsEnabled"):
        found.append("decisions are not applied by themselves")
    if not flag(settings, "defaultDecisionEnabled"):
        found.append("silence decides nothing")
    elif text(settings, "defaultDecision").casefold() != "deny":
        found.append(f"silence means {text(settings, 'defaultDecision')}")
    named, others = named_reviewers(review)
    if not named and not others:
        found.append("guests review themselves")
    elif not others:
        if not isinstance(reviewing_guests, Gap):
            found += ["every reviewer is a guest"] if named <= reviewing_guests.ids else []
        elif not found:
            detail = f"whether the reviewers are guests is not known: {reviewing_guests.detail}"
            raise UnknownValueError(detail, because=reviewing_guests)
    return found


def _limit(profile: Profile, thresholds: Thresholds) -> int:
    cis = profile is Profile.CIS_M365_V7
    return thresholds.review_cis_interval_days if cis else thresholds.review_max_interval_days


def _cis_532(
    access_reviews: Rows, reviewing_guests: ReviewingGuests | Gap, thresholds: Thresholds, taken_at: datetime, **_: Any
) -> Outcome | None:
    """Judge as CIS does: monthly or more often, applied by itself, silence removes."""
    for review in objects(access_reviews, "access reviews"):
        times = series(review, taken_at) if covers_guests(review) else None
        if times and not _lacks(review, times, thresholds.review_cis_interval_days, reviewing_guests):
            return Outcome.PASS
    return Outcome.FAIL


@control(
    "GUEST-LIF-005",
    fail=Severity.MEDIUM,
    partial=Severity.LOW,
    licence=f"{LICENCE}; reviewing guests is billed through a linked Azure subscription",
    remediation=Remediation(
        method="POST",
        url="https://graph.microsoft.com/v1.0/identityGovernance/accessReviews/definitions",
        body={
            "displayName": "Guests in Microsoft 365 groups",
            "descriptionForAdmins": "Quarterly; owners decide, silence removes",
            "instanceEnumerationScope": {
                "@odata.type": "#microsoft.graph.accessReviewQueryScope",
                "query": "/groups?$filter=(groupTypes/any(c:c+eq+'Unified'))",
                "queryType": "MicrosoftGraph",
            },
            "scope": {
                "@odata.type": "#microsoft.graph.accessReviewQueryScope",
                "query": "./members/microsoft.graph.user/?$filter=(userType eq 'Guest')",
                "queryType": "MicrosoftGraph",
            },
            "reviewers": [{"query": "./owners", "queryType": "MicrosoftGraph"}],
            "settings": {
                "mailNotificationsEnabled": True,
                "reminderNotificationsEnabled": True,
                "justificationRequiredOnApproval": True,
                "defaultDecisionEnabled": True,
                "defaultDecision": "Deny",
                "instanceDurationInDays": 14,
                "autoApplyDecisionsEnabled": True,
                "recommendationsEnabled": True,
                "recurrence": {
                    "pattern": {"type": "absoluteMonthly", "interval": 3},
                    "range": {"type": "noEnd", "startDate": "{date}"},
                },
            },
        },
        permission="AccessReview.ReadWrite.All",
        role="Identity Governance Administrator or User Administrator",
        powershell=("New-MgIdentityGovernanceAccessReviewDefinition -BodyParameter $params",),
        notes="Use interval 1 for a monthly review. Undo with DELETE on /identityGovernance/accessReviews/definitions/"
        "{id}. The body was put together from the documentation and not tried.",
    ),
    frameworks={
        "cis_m365": ("5.3.2 L1 E5 (v4.0.0, v6.0.x, v7.0.0): monthly or more often",),
        "cis_azure": ("1.5 (v2.0)", "2.4 (v3.0)", "6.3.2 (v4.0)", "5.3.2 (v5.0, v6.0)"),
        "mcsb": ("PA-4",),
        "nist_800_53r5": ("AC-2 (own)", "AC-6 (own)"),
        "iso_27001_2022": ("A.5.15 (own)", "A.5.18 (own)"),
        "attack": ("T1078.004",),
        "atrm": ("AZT502.3 (own)",),
        "prowler": ("entra_access_review_guest_users_configured",),
        "zta": ("21857 (not implemented in the version read)",),
    },
    authorities=(
        Authority("CIS Microsoft 365", "5.3.2 L1 E5 (v7.0.0): guests are reviewed monthly or more often", _cis_532),
    ),
    parameters=("review_max_interval_days", "review_cis_interval_days", "review_max_instance_days"),
    unverified=(
        "the body of the request that makes a review",
        "whether a tenant without the licence answers with an error or an empty list",
        "reviews that name guests by a dynamic group instead of their user type are not recognised",
        "members of a group named as reviewer are not looked at",
    ),
)
def guests_are_reviewed(
    access_reviews: Rows,
    reviewing_guests: ReviewingGuests | Gap,
    groups: Rows | Gap,
    subscribed_skus: Rows | Gap,
    taken_at: datetime,
    thresholds: Thresholds,
    profile: Profile,
) -> Verdict:
    """Guests are covered by a recurring access review that removes.

    Holds when a live review covers guests, comes round at least every
    `review_max_interval_days` (`review_cis_interval_days` in the CIS profile)
    without end, has a reviewer who is no guest, applies decisions by itself and
    takes silence for no. Partial when a recurring review lacks one of these, or
    asks about inactive guests, about some of them, or in single groups or apps only.
    Fails when no recurring review covers guests. A tenant without the licence
    is not judged.

    Why: people seldom tell you that a partner has left. A review that asks the
    owner, and removes whoever nobody speaks for, works against forgetfulness.

    Attack: a guest planted quietly is never questioned while only complaints
    lead to a clean-up.

    Fix: Entra admin center > ID Governance > Access reviews > New access review
    > Teams + Groups > All Microsoft 365 groups with guest users, scope Guest
    users only; quarterly, owners as reviewers, auto apply, remove access if
    reviewers don't respond.

    Breaks: guests of owners who overlook the mail lose access at the end of the
    review. Blocking and deleting the account is not offered for "all groups
    with guests"; use one group of all guests for that.

    Default: no review exists.

    Source: https://learn.microsoft.com/entra/id-governance/manage-guest-access-with-access-reviews
    https://learn.microsoft.com/entra/id-governance/access-reviews-external-users
    https://learn.microsoft.com/graph/api/accessreviewset-list-definitions
    """
    most = _limit(profile, thresholds)
    total = 0
    recurring: list[list[str]] = []
    doubts: list[UnknownValueError] = []
    notes: list[str] = []
    for review in objects(access_reviews, "access reviews"):
        total += 1
        about = covers_guests(review)
        if about is False:
            continue
        try:
            times = series(review, taken_at)
            if times is None:
                continue
            if about is None:
                raise UnknownValueError("its scope holds no query")
            lacks = _lacks(review, times, most, reviewing_guests) + _leaves_out(review, groups)
        except UnknownValueError as unknown:
            doubts.append(unknown)
            continue
        recurring.append(lacks)
        notes += _long_instance(review, thresholds)
    seen = {"access_reviews.all reviews": total, "access_reviews.recurring reviews of guests": len(recurring)}
    if any(not lacks for lacks in recurring):
        told = f"A review covers guests at least every {most} days and removes those nobody speaks for."
        return passed(told, observed=seen, notes=tuple(dict.fromkeys(notes)))
    if doubts:
        raise UnknownValueError(f"an access review could not be judged: {doubts[0]}", because=doubts[0].because)
    if recurring:
        least = min(recurring, key=len)
        return partial(
            f"A review of guests exists, but {names(least)}.", observed=seen, notes=tuple(dict.fromkeys(notes))
        )
    if not total:
        _unless_licensed(subscribed_skus)
    return failed("No recurring access review covers guests.", observed=seen)


def _long_instance(review: Mapping[str, Any], thresholds: Thresholds) -> list[str]:
    days = block(review, "settings").get("instanceDurationInDays")
    if isinstance(days, int) and days > thresholds.review_max_instance_days:
        return [f"A review stays open for {number(days, 'day')}; {thresholds.review_max_instance_days} are enough."]
    return []


def _unless_licensed(subscribed_skus: Rows | Gap) -> None:
    """Raise unless the tenant owns the feature: nobody fails for not having bought it."""
    if isinstance(subscribed_skus, Gap):
        detail = f"no access review exists, and whether the tenant has {LICENCE} is not known: {subscribed_skus.detail}"
        raise UnknownValueError(detail, because=subscribed_skus)
    had = licences(subscribed_skus)
    if had.p2 or had.governance:
        return
    if had.p2 is None or had.governance is None:
        raise UnknownValueError(f"no access review exists, and whether the tenant has {LICENCE} is not clear")
    raise UnknownValueError(f"the tenant has no {LICENCE}", licence=LICENCE)
