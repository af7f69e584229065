"""GUEST-LIF-003 and -004: guests switched off and kept, and guests nobody answers for."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from posture.controls.guest_upkeep import answers_for
from posture.controls.registry import Outcome
from posture.settings import Settings, Severity, Thresholds
from posture.snapshot.types import GapReason
from tests.facts import ABSENT, ago, changed, gap, guest, in_groups, judge, member, object_id, outsider

ORDER = [Outcome.PASS, Outcome.PARTIAL, Outcome.FAIL]


class TestDisabled:
    """GUEST-LIF-003."""

    def judge(self, **changes: Any) -> Any:
        facts = {
            "guests": [guest(1, accountEnabled=False), guest(2)],
            "directory_audits": [disabled(9, 1)],
            "guest_memberships": [in_groups(1), in_groups(2, 1)],
            "guest_owned_objects": [{"id": object_id(n), "ownedObjects": []} for n in (1, 2)],
            "guest_app_roles": [{"id": object_id(n), "appRoleAssignments": []} for n in (1, 2)],
        }
        return judge("GUEST-LIF-003", **{**facts, **changes})

    def test_nobody_is_switched_off(self) -> None:
        assert self.judge(guests=[guest(1), guest(2)]).outcome is Outcome.PASS

    def test_no_guests(self) -> None:
        assert self.judge(guests=[]).outcome is Outcome.NOT_APPLICABLE

    def test_who_does_not_say_is_unknown_with_and_without_the_log(self) -> None:
        guests = [guest(1, accountEnabled=False), guest(2, accountEnabled=None)]
        assert self.judge(guests=guests).outcome is Outcome.NOT_ASSESSED
        assert self.judge(guests=guests, directory_audits=gap("directory_audits")).outcome is Outcome.NOT_ASSESSED

    def test_it_says_how_far_back_the_log_goes(self) -> None:
        held = {"guest_memberships": [in_groups(1, 4), in_groups(2)]}
        week = self.judge(**held, directory_audits=[disabled(9, 6.5)])
        assert week.summary.startswith("1 guest was switched off before the log begins, 7 days ago, and still holds")
        month = self.judge(**held, directory_audits=[disabled(9, 29.5)])
        assert month.summary.startswith("1 guest was switched off more than 30 days ago and still holds groups")
        empty = self.judge(**held, directory_audits=[])
        assert empty.outcome is Outcome.NOT_ASSESSED, "a log without a record does not tell since when"

    def test_switched_off_and_holding_nothing(self) -> None:
        found = self.judge()
        assert found.outcome is Outcome.PARTIAL
        assert found.severity is Severity.INFO
        assert found.affected.sample[0]["why"] == "holds nothing"

    @pytest.mark.parametrize(
        "held",
        [
            {"guest_memberships": [in_groups(1, 4), in_groups(2)]},
            {"guest_memberships": [{"id": object_id(1), "memberOf": [{"@odata.type": "#microsoft.graph.group"}]}]},
            {
                "guest_memberships": [
                    {"id": object_id(1), "transitiveMemberOf": [{"@odata.type": "#microsoft.graph.directoryRole"}]}
                ]
            },
            {"guest_owned_objects": [{"id": object_id(1), "ownedObjects": [{"id": "x"}]}]},
            {"guest_app_roles": [{"id": object_id(1), "appRoleAssignments": [{"id": "x"}]}]},
        ],
    )
    def test_switched_off_and_still_holding(self, held: dict[str, Any]) -> None:
        found = self.judge(**held)
        assert found.outcome is Outcome.FAIL
        assert found.severity is Severity.LOW
        assert found.affected.count == 1
        recently = self.judge(**held, directory_audits=[disabled(1, 29)])
        assert recently.outcome is Outcome.PASS

    def test_an_administrative_unit_is_no_access(self) -> None:
        unit = [{"@odata.type": "#microsoft.graph.administrativeUnit", "id": "u"}]
        found = self.judge(guest_memberships=[{"id": object_id(1), "transitiveMemberOf": unit}])
        assert found.outcome is Outcome.PARTIAL

    def test_an_event_older_than_the_limit_does_not_help(self) -> None:
        assert self.judge(directory_audits=[disabled(1, 31)]).outcome is Outcome.PARTIAL
        longer = Settings(thresholds=Thresholds(disabled_days=40))
        assert self.judge(directory_audits=[disabled(1, 31)], settings=longer).outcome is Outcome.PASS

    def test_without_the_audit_log(self) -> None:
        refused = gap("directory_audits")
        bare = self.judge(directory_audits=refused)
        assert bare.outcome is Outcome.PARTIAL
        assert "not read" in bare.notes[0]
        found = self.judge(directory_audits=refused, guest_memberships=[in_groups(1, 4)])
        assert found.outcome is Outcome.NOT_ASSESSED, "losing a permission must not better a fail"
        assert found.gap.reason is GapReason.PERMISSION
        assert self.judge(directory_audits=refused, guests=[guest(1)]).outcome is Outcome.PASS

    @pytest.mark.parametrize("name", ["guest_memberships", "guest_owned_objects", "guest_app_roles"])
    def test_what_they_hold_was_not_read(self, name: str) -> None:
        found = self.judge(**{name: gap(name, permission="Some.Read.All")})
        assert found.outcome is Outcome.NOT_ASSESSED
        assert found.gap.reason is GapReason.PERMISSION
        assert "Some.Read.All" in found.gap.unlock
        proven = {"guest_memberships": "guest_owned_objects"}.get(name, "guest_memberships")
        rows = {
            "guest_memberships": [in_groups(1, 4)],
            "guest_owned_objects": [{"id": object_id(1), "ownedObjects": [{"id": "x"}]}],
        }
        assert self.judge(**{name: gap(name), proven: rows[proven]}).outcome is Outcome.FAIL

    @pytest.mark.parametrize(
        "rows",
        [
            [],
            [{"id": object_id(1)}],
            [{"id": object_id(1), "transitiveMemberOf": None}],
            [{"id": object_id(1), "transitiveMemberOf": "none"}],
            [{"id": object_id(1), "transitiveMemberOf": [{"id": "x"}]}],
            [{"id": object_id(1), "transitiveMemberOf": ["x"]}],
        ],
    )
    def test_memberships_that_do_not_tell(self, rows: list[dict[str, Any]]) -> None:
        assert self.judge(guest_memberships=rows).outcome is Outcome.NOT_ASSESSED

    @pytest.mark.parametrize("enabled", [ABSENT, None, "false", 0])
    def test_whether_they_are_switched_off_is_unknown(self, enabled: Any) -> None:
        assert self.judge(guests=[guest(1, accountEnabled=enabled)]).outcome is Outcome.NOT_ASSESSED
        both = [guest(1, accountEnabled=False), guest(2, accountEnabled=enabled)]
        assert self.judge(guests=both, guest_memberships=[in_groups(1, 1)]).outcome is Outcome.FAIL


def disabled(number: int, days: float) -> dict[str, Any]:
    return {
        "id": f"event {number}",
        "activityDisplayName": "Disable account",
        "activityDateTime": ago(days),
        "result": "success",
        "initiatedBy": {"user": {"id": object_id(1, 5)}},
        "targetResources": [{"id": object_id(number), "type": "User"}],
    }


ALIVE = member(1, accountEnabled=True)
GONE = member(2, accountEnabled=False)
GUEST_SPONSOR = outsider(3, accountEnabled=True)
GROUP = {"@odata.type": "#microsoft.graph.group", "id": object_id(1, 1)}
SHORT = {"@odata.type": "#microsoft.graph.user", "id": object_id(9, 5)}


class TestSponsors:
    """GUEST-LIF-004."""

    def judge(self, *first: Any, guests: Any = None, **changes: Any) -> Any:
        """Judge twenty guests: the first ones with the sponsors given, the others sponsored."""
        given_to = dict(enumerate(first, 1))
        rows = [{"id": object_id(n), "sponsors": given_to.get(n, [ALIVE])} for n in range(1, 21)]
        facts = {"guests": guests or [guest(n) for n in range(1, 21)], "guest_sponsors": rows}
        return judge("GUEST-LIF-004", **{**facts, **changes})

    @pytest.mark.parametrize(
        ("sponsors", "answer"),
        [
            (ALIVE, True),
            (changed(ALIVE, {"@odata.type": "microsoft.graph.user"}), True),
            (changed(ALIVE, {"@odata.type": ABSENT}), True),
            (GROUP, True),
            (GONE, False),
            (GUEST_SPONSOR, False),
            (changed(GUEST_SPONSOR, {"accountEnabled": ABSENT}), False),
            (SHORT, None),
            ({"id": object_id(9, 5)}, None),
            (changed(ALIVE, {"userType": None}), None),
            (changed(ALIVE, {"userType": "unknownFutureValue"}), None),
            (changed(ALIVE, {"accountEnabled": None}), None),
            (changed(ALIVE, {"accountEnabled": "true"}), None),
            ({"@odata.type": "#microsoft.graph.servicePrincipal", "accountEnabled": True}, None),
            (changed(ALIVE, {"@odata.type": 7}), None),
            ("member1@contoso.example", None),
            (None, None),
        ],
    )
    def test_who_answers_for_a_guest(self, sponsors: Any, answer: bool | None) -> None:
        assert answers_for(sponsors) is answer

    @pytest.mark.parametrize(
        ("first", "outcome"),
        [
            ([], Outcome.PASS),
            ([[GONE, ALIVE]], Outcome.PASS),
            ([[SHORT, GROUP]], Outcome.PASS),
            ([[]], Outcome.PARTIAL),
            ([[], [GONE]], Outcome.PARTIAL),
            ([[], [GONE], [GUEST_SPONSOR]], Outcome.FAIL),
            ([[SHORT]], Outcome.NOT_ASSESSED),
            ([[GONE, SHORT]], Outcome.NOT_ASSESSED),
            ([[], [], [SHORT]], Outcome.NOT_ASSESSED),
            ([[], [], [], [SHORT]], Outcome.FAIL),
            ([None], Outcome.NOT_ASSESSED),
            (["someone"], Outcome.NOT_ASSESSED),
            ([{}], Outcome.NOT_ASSESSED),
            ([[GONE] * 19], Outcome.PARTIAL),
            ([[GONE] * 20], Outcome.NOT_ASSESSED),
            ([[GONE] * 19 + [ALIVE]], Outcome.PASS),
        ],
    )
    def test_each_outcome(self, first: list[Any], outcome: Outcome) -> None:
        assert self.judge(*first).outcome is outcome

    def test_words_and_severities(self) -> None:
        found = self.judge([], [GONE], [GUEST_SPONSOR])
        assert found.summary == "3 of 20 enabled guests have no living sponsor."
        assert found.severity is Severity.MEDIUM
        assert self.judge([]).severity is Severity.LOW
        assert [row["why"] for row in found.affected.sample] == [
            "no sponsor",
            "every sponsor is switched off or a guest",
            "every sponsor is switched off or a guest",
        ]

    def test_no_guests_and_none_enabled(self) -> None:
        assert judge("GUEST-LIF-004", guests=[], guest_sponsors=[]).outcome is Outcome.NOT_APPLICABLE
        asleep = [guest(1, accountEnabled=False)]
        assert self.judge([], guests=asleep).outcome is Outcome.PASS

    def test_sponsors_that_go_on_in_another_page_are_unknown(self) -> None:
        cut = {"id": object_id(1), "sponsors": [], "sponsors@odata.nextLink": "x"}
        rest = [{"id": object_id(n), "sponsors": [ALIVE]} for n in range(2, 21)]
        assert self.judge(guest_sponsors=[cut, *rest]).outcome is Outcome.NOT_ASSESSED

    def test_a_guest_missing_from_the_list_is_unknown(self) -> None:
        assert self.judge(guest_sponsors=[]).outcome is Outcome.NOT_ASSESSED

    @pytest.mark.parametrize("enabled", [ABSENT, None, "true"])
    def test_whether_an_unsponsored_guest_is_enabled_is_unknown(self, enabled: Any) -> None:
        guests = [guest(1, accountEnabled=enabled), *(guest(n) for n in range(2, 21))]
        assert self.judge([], guests=guests).outcome is Outcome.NOT_ASSESSED

    def test_the_share_is_a_parameter(self) -> None:
        assert self.judge([], settings=Settings(thresholds=Thresholds(min_sponsored_pct=96))).outcome is Outcome.FAIL

    @pytest.mark.parametrize(
        ("first", "guests", "verdict"),
        [
            ([], None, "pass"),
            ([[GONE]], None, "pass"),
            ([[]], None, "fail"),
            ([[]], [guest(1, accountEnabled=False), guest(2)], "fail"),
            ([[SHORT, ALIVE]], None, "pass"),
        ],
    )
    def test_microsofts_21877(self, first: list[Any], guests: Any, verdict: str) -> None:
        assert [a.verdict for a in self.judge(*first, guests=guests).authorities] == [verdict]

    @given(bare=st.integers(0, 20), more=st.integers(0, 20))
    @settings(max_examples=30, deadline=None)
    def test_fewer_sponsors_are_never_better(self, bare: int, more: int) -> None:
        before, after = (self.judge(*([[]] * n)).outcome for n in (bare, min(20, bare + more)))
        assert ORDER.index(after) >= ORDER.index(before)
