"""Odd values: dates in many spellings, objects as text, numbers as text, addresses that are none, absent names."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from posture.hunts.events import AuditEvent, SignInEvent
from posture.hunts.normal import audit_event, boolean, degrees, sign_in_event, text, unpacked, whole
from posture.hunts.streams import concerned, invited_address, redemption
from posture.hunts.when import log_time
from tests.hunts import rows as r

MOMENT = datetime(2023, 9, 19, 13, 45, 17, 287_000, tzinfo=UTC)


@pytest.mark.parametrize(
    ("spelling", "found"),
    [
        ("2023-09-19T13:45:17.2870000Z", MOMENT),
        ("2023-09-19 13:45:17.287000000", MOMENT),
        ("2023-09-19T15:45:17.287+02:00", MOMENT),
        ("9/19/2023, 1:45:17.287 PM", MOMENT),
        ("09/19/2023 13:45:17.287", MOMENT),
        ("2023-09-19T13:45:17Z", MOMENT.replace(microsecond=0)),
        ("9/19/2023, 12:45:17 AM", datetime(2023, 9, 19, 0, 45, 17, tzinfo=UTC)),
        ("9/19/2023, 12:45:17 PM", datetime(2023, 9, 19, 12, 45, 17, tzinfo=UTC)),
        (" 2023-09-19 ", datetime(2023, 9, 19, tzinfo=UTC)),
        ("19/09/2023, 13:45:17", None),
        ("9/19/2023, 13:45:17 PM", None),
        ("2/30/2023, 1:00:00 AM", None),
        ("0001-01-01T00:00:00Z", None),
        ("yesterday", None),
        ("", None),
        (None, None),
        (1695131117, None),
    ],
)
def test_times(spelling: Any, found: datetime | None) -> None:
    assert log_time(spelling) == found


def test_numbers_booleans_degrees() -> None:
    assert [whole(v) for v in (0, "0", 53003, "53003", "0.0", 5.0, "", None, True, "x", 1.5, 10**20)] == [
        0,
        0,
        53003,
        53003,
        0,
        5,
        None,
        None,
        None,
        None,
        None,
        None,
    ]
    assert [boolean(v) for v in (True, "TRUE", "No", "1", "", None, "maybe")] == [
        True,
        True,
        False,
        True,
        None,
        None,
        None,
    ]
    assert [degrees(v, 90) for v in (59.91, "59.91", 0, 91, "x", None, True, float("nan"), "inf")] == [
        59.91,
        59.91,
        0.0,
        None,
        None,
        None,
        None,
        None,
        None,
    ]


def test_objects_kept_as_text() -> None:
    row = r.invite()
    packed = {k: json.dumps(v) if isinstance(v, dict | list) else v for k, v in row.items()}
    assert audit_event(packed, "x") == audit_event(row, "x")
    twice = {**row, "targetResources": json.dumps([json.dumps(t) for t in row["targetResources"]])}
    assert audit_event(twice, "x") == audit_event(row, "x")
    quiet = r.sign_in()
    assert sign_in_event({**quiet, "location": json.dumps(quiet["location"])}, "x") == sign_in_event(quiet, "x")


def test_details_by_key_in_any_order_and_case() -> None:
    for pair in (
        {"value": "a@b.example", "key": "InvitedUserEmailAddress"},
        {"Key": "invitedUserEmailAddress", "Value": "a@b.example"},
    ):
        event = audit_event(r.audit("Invite external user", additionalDetails=[{"key": "x", "value": "y"}, pair]), "x")
        assert invited_address(event) == "a@b.example"


def test_the_address_among_the_details_stands_in_for_the_actors() -> None:
    row = r.audit("Invite external user", initiatedBy={"user": {"id": "1"}, "app": None})
    row["additionalDetails"] = [{"key": "ipaddr", "value": "198.51.100.9"}]
    assert audit_event(row, "x").ip == "198.51.100.9"
    assert audit_event({**row, "callerIpAddress": "192.0.2.1"}, "x").ip == "192.0.2.1"


def test_redemption_in_either_field() -> None:
    words = "UPN: a_b.example#EXT#@c.example, Email: a@b.example, InvitationId: 1, Source: One Time Passcode"
    for target in ({"displayName": words}, {"userPrincipalName": words}):
        event = audit_event(r.audit("Redeem extern user invite", targetResources=[{"id": "7", **target}]), "x")
        assert redemption(event) == {
            "UPN": "a_b.example#EXT#@c.example",
            "Email": "a@b.example",
            "InvitationId": "1",
            "Source": "One Time Passcode",
        }
        assert list(concerned(event)) == ["7", "mail:a@b.example"]
    assert redemption(audit_event(r.audit("Add user"), "x")) == {}


def test_an_invitation_without_a_target_is_about_an_address() -> None:
    for targets in ([], [{"id": None, "type": "User"}]):
        assert list(concerned(audit_event(r.invite(targetResources=targets), "x"))) == ["mail:bob@fabrikam.example"]


def test_lone_surrogates_become_text_that_can_be_written() -> None:
    event = audit_event(r.audit("Add user", initiatedBy=r.by("1", "\ud800x")), "x")
    event.actor.name.encode()
    assert unpacked("[1, 2") == "[1, 2"
    assert text({"a": [1]}) == '{"a":[1]}'


ANY = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=12)
    | st.just("[]")
    | st.just('{"user": 1}'),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "id",
                    "user",
                    "app",
                    "key",
                    "value",
                    "type",
                    "modifiedProperties",
                    "newValue",
                    "city",
                    "geoCoordinates",
                    "latitude",
                    "errorCode",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=10,
)


@settings(max_examples=80, deadline=None)
@given(st.data())
def test_no_value_costs_a_row(data: st.DataObject) -> None:
    row = {key: data.draw(ANY) for key in r.invite()}
    event = audit_event(row, "x")
    assert isinstance(event, AuditEvent)
    list(concerned(event))
    invited_address(event)
    assert isinstance(sign_in_event({key: data.draw(ANY) for key in r.sign_in()}, "x"), SignInEvent)
