"""Who is from outside, and what groups unlock."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from posture.errors import UnknownValueError
from posture.snapshot.guests import is_external
from posture.snapshot.power import (
    GroupUses,
    expanded,
    from_outside,
    kind_of,
    outsiders,
    outsiders_of,
    role_holdings,
    side_by_side,
)
from posture.snapshot.types import GapReason
from tests.facts import ROLE_DEFINITIONS, gap, group, guest_policy, member, object_id, outsider, role_row

INSIDE = {"userType": "Member", "userPrincipalName": "ada@contoso.example"}


@pytest.mark.parametrize(
    ("row", "outside"),
    [
        (INSIDE, False),
        ({**INSIDE, "userType": "member"}, False),
        ({**INSIDE, "userType": "Guest"}, True),
        ({"userType": "guest"}, True),
        ({**INSIDE, "userPrincipalName": "x_fabrikam.example#EXT#@contoso.onmicrosoft.com"}, True),
        ({**INSIDE, "userPrincipalName": "x_fabrikam.example#ext#@contoso.onmicrosoft.com"}, True),
        ({**INSIDE, "creationType": "Invitation"}, True),
        ({**INSIDE, "creationType": "SelfServiceSignUp"}, True),
        ({**INSIDE, "creationType": "LocalAccount"}, False),
        ({**INSIDE, "externalUserState": "Accepted"}, True),
        ({**INSIDE, "externalUserState": None}, False),
        ({**INSIDE, "identities": [{"signInType": "federated", "issuer": "ExternalAzureAD"}]}, True),
        ({**INSIDE, "identities": [{"signInType": "federated", "issuer": "mail"}]}, True),
        ({**INSIDE, "identities": [{"signInType": "userPrincipalName", "issuer": "contoso.example"}]}, False),
        ({**INSIDE, "identities": [None, "x", {}]}, False),
        ({}, None),
        ({"id": "1"}, None),
        ({**INSIDE, "userType": None}, None),
        ({**INSIDE, "userType": "Robot"}, None),
        ({**INSIDE, "userType": 7}, None),
        ({"userType": "Member"}, None),
        ({"userType": "Member", "userPrincipalName": None}, None),
        ({"userType": "Member", "userPrincipalName": ""}, None),
    ],
)
def test_who_is_external(row: dict[str, Any], outside: bool | None) -> None:
    assert is_external(row) is outside


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=12) | st.sampled_from(["Member", "Guest", "a#EXT#@b"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
KEYS = st.sampled_from(
    ["userType", "userPrincipalName", "creationType", "externalUserState", "identities", "@odata.type", "id"]
)


@settings(max_examples=200)
@given(st.dictionaries(KEYS, JSON, max_size=7))
def test_only_a_row_that_says_so_is_an_insider(row: dict[str, Any]) -> None:
    assert is_external(row) in (True, False, None)
    if is_external(row) is False:
        assert str(row["userType"]).casefold() == "member"
        assert isinstance(row["userPrincipalName"], str)
        assert "#ext#" not in row["userPrincipalName"].casefold()
    if from_outside(row) is False and kind_of(row).casefold() == "user":
        assert is_external(row) is False


@pytest.mark.parametrize(
    "kind",
    [
        "#microsoft.graph.servicePrincipal",
        "microsoft.graph.device",
        "#microsoft.graph.orgContact",
        "#microsoft.graph.group",
    ],
)
def test_things_are_no_people(kind: str) -> None:
    assert from_outside({"@odata.type": kind, "id": "x"}) is False


@pytest.mark.parametrize("kind", ["#microsoft.graph.newKind", None])
def test_new_kinds_are_unknown(kind: str | None) -> None:
    assert from_outside({"@odata.type": kind, "id": "x"}) is None


def test_a_new_kind_is_taken_at_its_word() -> None:
    assert from_outside(outsider(**{"@odata.type": "#microsoft.graph.agentUser"})) is True
    assert from_outside(member(**{"@odata.type": "#microsoft.graph.agentUser"})) is False


def test_outsiders_are_sorted_out() -> None:
    app = {"@odata.type": "#microsoft.graph.servicePrincipal", "id": "a"}
    found = outsiders([member(1), member(2), outsider(1), app, {"id": "short"}], "an owner:")
    assert (len(found.people), found.insiders, len(found.unknown)) == (1, 2, 1)


@pytest.mark.parametrize(
    "row", [{}, {"owners": None}, {"owners": [None]}, {"owners": [], "owners@odata.nextLink": "x"}]
)
def test_a_list_that_is_not_whole(row: dict[str, Any]) -> None:
    with pytest.raises(UnknownValueError):
        expanded({"id": "x", **row}, "owners")


def test_a_group_that_cannot_be_read_is_unknown() -> None:
    found = outsiders_of([{"id": "G1", "members": None}, {"id": "g2", "members": [outsider()]}], ["g1", "G2"])
    assert found["g1"].unknown
    assert len(found["g2"].people) == 1
    assert outsiders_of(gap("x"), ["g1"]) == {}


def test_lists_side_by_side() -> None:
    left = [{"id": i, "side": "left"} for i in ("a", "c", "d")]
    right = [{"id": i, "side": "right"} for i in ("b", "c", "e")]
    pairs = [(a and a["id"], b and b["id"]) for a, b in side_by_side(left, right, ("left", "right"))]
    assert pairs == [("a", None), (None, "b"), ("c", "c"), ("d", None), (None, "e")]
    with pytest.raises(UnknownValueError):
        list(side_by_side([{"id": None}], [], ("left", "right")))


class TestGroupUses:
    def test_uses(self) -> None:
        policies = [guest_policy(users={"excludeGroups": [object_id(1, 1).upper()]})]
        assigned = [role_row({"@odata.type": "#microsoft.graph.group", "id": object_id(2, 1)})]
        uses = GroupUses(policies, assigned)
        assert uses.of(group(1)) == ("Conditional Access",)
        assert uses.of(group(2)) == ("directory role",)
        assert uses.of(group(3, isAssignableToRole=None, assignedLicenses=[{"skuId": "s"}])) == ("licences",)
        assert uses.of(group(4)) == ()
        assert not uses.unread

    def test_what_is_missing_is_said(self) -> None:
        uses = GroupUses(gap("conditional_access_policies"), [])
        assert "refused" in uses.unread[0]
        assert not GroupUses(gap("conditional_access_policies", GapReason.LICENCE), []).unread
        with pytest.raises(UnknownValueError):
            uses.of({**group(1), "assignedLicenses": None})


def test_a_holding_in_words() -> None:
    rows = [role_row(outsider(), endDateTime=None)]
    found = role_holdings(ROLE_DEFINITIONS, [role_row(member())], rows, [], []).found
    assert [h.words for h in found] == ["eligible for Global Administrator, without end"]


def test_of_two_schedules_the_one_without_end_counts() -> None:
    schedules = [
        {"principalId": object_id(1), "roleDefinitionId": ROLE_DEFINITIONS[0]["id"], "endDateTime": end}
        for end in (None, "2030-01-01T00:00:00Z")
    ]
    for order in (schedules, schedules[::-1]):
        found = role_holdings(ROLE_DEFINITIONS, [role_row(outsider())], [], order, []).found
        assert found[0].lasting is True
