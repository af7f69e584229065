"""Which guests escape policies: by name, and by having no Entra account."""

from typing import Any

import pytest

from posture.controls.mfa_exclusions import exclusions
from posture.settings import Thresholds
from posture.snapshot.types import Gap
from tests import facts as f

FEDERATED = "federated"


def identity(issuer: Any, kind: Any = FEDERATED) -> dict[str, Any]:
    return {"signInType": kind, "issuer": issuer, "issuerAssignedId": None}


@pytest.mark.parametrize(
    ("identities", "without_entra", "unknown"),
    [
        ([identity("ExternalAzureAD")], 0, 0),
        ([{**identity("ExternalAzureAD"), "issuerAssignedId": "x"}], 0, 0),
        ([identity("contoso.example", "userPrincipalName"), identity("ExternalAzureAD")], 0, 0),
        ([identity("mail")], 1, 0),
        ([identity("MicrosoftAccount")], 1, 0),
        ([identity("google.com")], 1, 0),
        ([identity("facebook.com")], 1, 0),
        ([identity("https://sts.fabrikam.example/adfs")], 1, 0),
        ([identity("ExternalAzureAD"), identity("mail")], 1, 0),
        ([identity("fabrikam.example")], 0, 1),  # one page says the partner's domain stands for a federated issuer
        ([identity(None)], 0, 1),
        ([], 0, 1),
        (None, 0, 1),
        (f.ABSENT, 0, 1),
        ("mail", 0, 1),
        ([None], 0, 1),
    ],
)
def test_where_guests_sign_in(identities: Any, without_entra: int, unknown: int) -> None:
    counted = f.counted("mfa_exclusions", guests=[f.guest(1, identities=identities)])
    assert (counted.without_entra, counted.unknown_home) == (without_entra, unknown)


def test_pending_guests_have_no_home_yet() -> None:
    counted = f.counted("mfa_exclusions", guests=[f.pending(1, identities=[identity("contoso.example")])])
    assert (counted.without_entra, counted.unknown_home) == (0, 0)


def test_guests_left_out_by_name() -> None:
    policy = f.guest_policy(users={"excludeUsers": [f.object_id(2).upper(), f.object_id(90)]})
    off = f.guest_policy(state="disabled", users={"excludeUsers": [f.object_id(1)]})
    counted = f.counted("mfa_exclusions", guests=[f.guest(1), f.guest(2)], conditional_access_policies=[policy, off])
    assert counted.left_out == {f.object_id(2)}
    assert [row["id"] for row in counted.affected.sample] == [f.object_id(2)]


def test_external_members_left_out_by_name() -> None:
    policy = f.guest_policy(users={"excludeUsers": [f.object_id(2), f.object_id(3).upper()]})
    members = [f.guest(3, userType="Member", displayName="Employed elsewhere"), f.guest(4, userType="Member")]
    counted = f.counted(
        "mfa_exclusions",
        guests=[f.guest(1), f.guest(2)],
        external_members=members,
        conditional_access_policies=[policy],
    )
    assert counted.left_out == {f.object_id(2), f.object_id(3)}
    assert [m["displayName"] for m in counted.members] == ["Employed elsewhere"]
    unread = f.counted("mfa_exclusions", guests=[f.guest(1)], conditional_access_policies=[policy])
    assert unread.members == []


def test_what_is_handed_to_the_judgement() -> None:
    code = f.counted("mfa_exclusions", guests=[f.guest(1, identities=[identity("mail")])])
    unclear = f.counted("mfa_exclusions", guests=[f.guest(1, identities=None)])
    refused = f.gap("guests")
    chosen = Thresholds(break_glass_ids=("b",), allowed_excluded_app_ids=("a",))
    found = exclusions(code, [], f.gap("privileged_group_members"), [f.group(1)], chosen)
    assert (found.not_entra, found.groups, found.guest_groups) == (1, {}, frozenset())
    assert (found.break_glass, found.allowed_applications) == (("b",), ("a",))
    assert isinstance(exclusions(unclear, [], [], [], chosen).not_entra, Gap)
    lost = exclusions(refused, f.gap("external_members"), [], f.gap("groups"), chosen)
    assert lost.users is refused
    assert lost.not_entra is refused
    assert isinstance(lost.members, Gap)
    assert isinstance(lost.guest_groups, Gap)


def test_an_excluded_group_is_gone_where_two_answers_say_so() -> None:
    here, gone, hidden = f.object_id(1, 1), f.object_id(2, 1), f.object_id(3, 1)
    policy = f.guest_policy(users={"excludeGroups": [here, gone.upper(), hidden, "AllGuests"]})
    counted = f.counted("mfa_exclusions", guests=[f.guest(1)], conditional_access_policies=[policy])
    groups = [f.group(1), f.group(3, visibility="HiddenMembership")]
    rows = [{"id": here, "members": []}, {"id": hidden, "members": []}]
    found = exclusions(counted, [], rows, groups, Thresholds())
    assert (found.gone, found.groups) == ({gone}, {here: 0, hidden: None})
    made_since = [*rows, {"id": gone, "members": []}]
    assert exclusions(counted, [], made_since, groups, Thresholds()).gone == set()
    assert not exclusions(counted, [], f.gap("privileged_group_members"), groups, Thresholds()).gone
    assert not exclusions(counted, [], rows, f.gap("groups"), Thresholds()).gone
