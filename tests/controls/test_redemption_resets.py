"""GUEST-LIF-011: resets of redemption, and addresses that changed."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posture.controls.redemption_resets import address_changed
from posture.controls.registry import Outcome
from posture.settings import Settings, Severity, Thresholds
from posture.snapshot.types import GapReason
from tests.facts import ABSENT, ago, gap, group, guest, in_groups, judge, object_id

ADMIN = object_id(1, 5)
OTHER = {
    "id": "a0",
    "activityDisplayName": "Update user",
    "activityDateTime": ago(1),
    "result": "success",
    "targetResources": [{"id": object_id(1)}],
}


def reset(**changes: Any) -> dict[str, Any]:
    event = {
        "id": "a1",
        "activityDisplayName": "Invite external user with reset invitation status",
        "activityDateTime": ago(2),
        "result": "success",
        "initiatedBy": {"user": {"id": ADMIN}, "app": None},
        "targetResources": [{"id": object_id(1), "type": "User"}],
    }
    return {**event, **changes}


def check(*events: dict[str, Any], approved: tuple[str, ...] = (), **facts: Any) -> Any:
    found = {
        "guests": [guest(1), guest(2)],
        "directory_audits": [OTHER, *events],
        "guest_memberships": [in_groups(1), in_groups(2, 1)],
        "guest_owned_objects": [{"id": object_id(n), "ownedObjects": []} for n in (1, 2)],
        "groups": [group(1), group(2, isAssignableToRole=True)],
    }
    wanted = Settings(thresholds=Thresholds(approved_reset_actors=approved))
    return judge("GUEST-LIF-011", settings=wanted, **{**found, **facts})


NAME = "jane_fabrikam.example#EXT#@contoso.onmicrosoft.com"


@pytest.mark.parametrize(
    ("row", "changed_"),
    [
        ({"userPrincipalName": NAME, "mail": "jane@fabrikam.example"}, False),
        ({"userPrincipalName": NAME, "mail": "Jane@Fabrikam.example"}, False),
        ({"userPrincipalName": NAME.replace("jane", "jane.doe_x"), "mail": "jane.doe_x@fabrikam.example"}, False),
        ({"userPrincipalName": NAME.replace("jane", "jane+x"), "mail": "jane_x@fabrikam.example"}, False),
        ({"userPrincipalName": "jane_fabrikam.example12#EXT#@c.example", "mail": "jane@fabrikam.example"}, False),
        ({"userPrincipalName": NAME.replace("#EXT#", "#ext#"), "mail": "jane@fabrikam.example"}, False),
        ({"userPrincipalName": NAME, "mail": "jane@evil.example", "otherMails": ["jane@fabrikam.example"]}, False),
        ({"userPrincipalName": NAME, "mail": None}, False),
        ({"userPrincipalName": "jane@contoso.example", "mail": "jane@elsewhere.example"}, False),
        ({"userPrincipalName": NAME, "mail": "jane@evil.example"}, True),
        ({"userPrincipalName": NAME, "mail": "john@fabrikam.example", "otherMails": None}, True),
        ({"userPrincipalName": NAME, "mail": ""}, True),
        ({"userPrincipalName": "", "mail": "jane@fabrikam.example"}, None),
        ({"userPrincipalName": NAME, "mail": "fabrikam.example"}, True),
        ({"userPrincipalName": NAME}, None),
        ({"userPrincipalName": NAME, "mail": 7}, None),
        ({"userPrincipalName": None, "mail": "jane@fabrikam.example"}, None),
        ({"mail": "jane@fabrikam.example"}, None),
        ({}, None),
    ],
)
def test_whether_an_address_changed(row: dict[str, Any], changed_: bool | None) -> None:
    assert address_changed(row) is changed_


@given(
    local=st.from_regex(r"[a-z][a-z0-9._-]{0,10}", fullmatch=True),
    domain=st.from_regex(r"[a-z][a-z0-9-]{0,8}\.example", fullmatch=True),
)
def test_the_name_made_from_an_address_always_fits(local: str, domain: str) -> None:
    row = {"userPrincipalName": f"{local}_{domain}#EXT#@contoso.example", "mail": f"{local}@{domain}"}
    assert address_changed(row) is False


@pytest.mark.parametrize(
    ("events", "approved", "outcome"),
    [
        ([], (), Outcome.PASS),
        ([reset()], (), Outcome.PARTIAL),
        ([reset()], (ADMIN.upper(),), Outcome.PASS),
        ([reset()], (object_id(2, 5),), Outcome.FAIL),
        ([reset(activityDisplayName="INVITE external user with reset invitation status")], (), Outcome.PARTIAL),
        ([reset(activityDateTime=ago(31))], (), Outcome.PASS),
        ([reset(activityDateTime=None)], (), Outcome.PARTIAL),
        ([reset(result="failure")], (), Outcome.PASS),
        ([reset(result=None)], (), Outcome.PARTIAL),
        ([reset(initiatedBy=None)], (ADMIN,), Outcome.FAIL),
        ([reset(initiatedBy={"app": {"appId": "APP", "servicePrincipalId": None}})], ("app",), Outcome.PASS),
        ([reset(initiatedBy={"app": {"appId": "app", "servicePrincipalId": "sp"}})], ("sp",), Outcome.PASS),
        ([reset(targetResources=None)], (), Outcome.NOT_ASSESSED),
        ([reset(targetResources=[{"id": None}])], (ADMIN,), Outcome.NOT_ASSESSED),
        ([reset(targetResources=None)], (object_id(2, 5),), Outcome.FAIL),
        ([reset(activityDisplayName="Invite external user")], (), Outcome.PASS),
    ],
)
def test_resets(events: list[dict[str, Any]], approved: tuple[str, ...], outcome: Outcome) -> None:
    found = check(*events, approved=approved)
    assert found.outcome is outcome, found.summary


@pytest.mark.parametrize(
    ("held", "outcome"),
    [
        ({"guest_memberships": [in_groups(1, 2)]}, Outcome.FAIL),
        ({"guest_memberships": [in_groups(1, 1)]}, Outcome.PASS),
        (
            {
                "guest_memberships": [
                    {"id": object_id(1), "transitiveMemberOf": [{"@odata.type": "#microsoft.graph.directoryRole"}]}
                ]
            },
            Outcome.FAIL,
        ),
        ({"guest_owned_objects": [{"id": object_id(1), "ownedObjects": [{"id": "x"}]}]}, Outcome.FAIL),
        ({"guest_memberships": gap("guest_memberships")}, Outcome.NOT_ASSESSED),
        ({"guest_owned_objects": gap("guest_owned_objects")}, Outcome.NOT_ASSESSED),
        ({"groups": gap("groups")}, Outcome.PASS),
        ({"groups": gap("groups"), "guest_memberships": [in_groups(1, 1)]}, Outcome.NOT_ASSESSED),
        ({"groups": [{"id": object_id(1, 1)}], "guest_memberships": [in_groups(1, 1)]}, Outcome.FAIL),
        ({"guest_memberships": [{"id": object_id(1), "transitiveMemberOf": None}]}, Outcome.NOT_ASSESSED),
        ({"guest_memberships": [{"id": object_id(1), "transitiveMemberOf": [{"id": "x"}]}]}, Outcome.NOT_ASSESSED),
        ({"guest_memberships": []}, Outcome.NOT_ASSESSED),
        ({"guest_memberships": [{"id": object_id(1), "memberOf": []}]}, Outcome.PASS),
    ],
)
def test_a_reset_of_a_guest_with_power_fails_whoever_did_it(held: dict[str, Any], outcome: Outcome) -> None:
    found = check(reset(), approved=(ADMIN,), **held)
    assert found.outcome is outcome, found.summary


def test_what_a_guest_holds_is_asked_for_only_after_a_reset() -> None:
    refused = {name: gap(name) for name in ("guest_memberships", "guest_owned_objects", "groups")}
    assert check(**refused).outcome is Outcome.PASS


def test_another_address_without_an_event() -> None:
    guests = [guest(1), guest(2, mail="someone@evil.example")]
    found = check(guests=guests)
    assert found.outcome is Outcome.PARTIAL
    assert found.severity is Severity.LOW
    assert found.affected.sample[0]["why"] == "another address than its name"
    both = check(reset(targetResources=[{"id": object_id(2)}]), guests=guests)
    assert both.affected.count == 1
    assert both.affected.sample[0]["why"] == "another address than its name; redemption reset"


@pytest.mark.parametrize("mail", [ABSENT, 7, []])
def test_an_address_that_does_not_tell(mail: Any) -> None:
    assert check(guests=[guest(1, mail=mail)]).outcome is Outcome.NOT_ASSESSED
    found = check(reset(), guests=[guest(1), guest(2, mail=mail)], approved=(object_id(9, 5),))
    assert found.outcome is Outcome.FAIL, "a fail stands"
    assert found.severity is Severity.MEDIUM


def test_without_the_audit_log() -> None:
    refused = gap("directory_audits", GapReason.PERMISSION, permission="AuditLog.Read.All")
    found = check(directory_audits=refused)
    assert found.outcome is Outcome.NOT_ASSESSED
    assert "AuditLog.Read.All" in found.gap.unlock
    changed_ = check(directory_audits=refused, guests=[guest(1, mail="someone@evil.example")])
    assert changed_.outcome is Outcome.NOT_ASSESSED, "with the log it could fail: losing the log must not raise it"
    assert "1 guest with another address" in changed_.summary


def test_it_says_how_far_back_the_log_goes() -> None:
    """A tenant without P1 keeps 7 days, whatever was asked for."""
    week = [reset(activityDisplayName="Add user", activityDateTime=ago(d)) for d in (0.5, 6.5)]
    assert check(*week).summary == (
        "No reset of redemption in the 7 days that the audit log goes back; no address differs from its name."
    )
    month = [reset(activityDisplayName="Add user", activityDateTime=ago(29.5)), reset()]
    found = check(*month, approved=(ADMIN,))
    assert found.summary.startswith("1 reset of redemption within 30 days, each approved;")
    moved = check(*week, guests=[guest(1, mail="someone@evil.example")])
    assert moved.summary.startswith("No reset of redemption in the 7 days")
    timeless = reset(activityDisplayName="Add user", activityDateTime=None)
    assert check(timeless).outcome is Outcome.PASS, "another record in the log has its time"
    assert check(directory_audits=[timeless]).outcome is Outcome.NOT_ASSESSED


def test_an_empty_log_is_no_proof() -> None:
    assert check(directory_audits=[]).outcome is Outcome.NOT_ASSESSED


def test_no_guests() -> None:
    assert check(guests=[]).outcome is Outcome.NOT_APPLICABLE
