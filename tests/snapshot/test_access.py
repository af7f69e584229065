"""What a guest holds, in three answers: yes, no, not known."""

from typing import Any

import pytest

from posture.snapshot.access import can_use, holds_access, not_known
from posture.snapshot.guests import Guest
from posture.snapshot.types import GapReason
from tests.facts import gap, guest, object_id

GROUP = {"@odata.type": "#microsoft.graph.group", "id": "g"}
ROLE = {"@odata.type": "#microsoft.graph.directoryRole", "id": "r"}
UNIT = {"@odata.type": "#microsoft.graph.administrativeUnit", "id": "u"}
ME = object_id(1)


def holder(memberships: Any = (), owned: Any = (), roles: Any = (), **changes: Any) -> Guest:
    """Return a guest with the three side lists; None leaves one out."""
    side = {
        "guest_memberships": memberships and {"id": ME, "transitiveMemberOf": memberships},
        "guest_owned_objects": owned and {"id": ME, "ownedObjects": owned},
        "guest_app_roles": roles and {"id": ME, "appRoleAssignments": roles},
    }
    empty = {
        "guest_memberships": {"id": ME, "transitiveMemberOf": []},
        "guest_owned_objects": {"id": ME, "ownedObjects": []},
        "guest_app_roles": {"id": ME, "appRoleAssignments": []},
    }
    rows = {name: (empty[name] if row == () else row) for name, row in side.items()}
    return Guest(guest(1, **changes), {name: row for name, row in rows.items() if row is not None})


@pytest.mark.parametrize(
    ("found", "answer"),
    [
        (holder(), False),
        (holder([GROUP]), True),
        (holder([ROLE]), True),
        (holder([UNIT]), False),
        (holder([UNIT, GROUP]), True),
        (holder([{"id": "x"}]), None),
        (holder([{"id": "x"}, GROUP]), True),
        (holder(["x"]), None),
        (holder(owned=[{"id": "x"}]), True),
        (holder(owned=["x"]), None),
        (holder(roles=[{"id": "x"}]), True),
        (holder(None), None),
        (holder(None, owned=[{"id": "x"}]), True),
        (holder(owned=None), None),
        (holder(roles=None), None),
        (holder("groups"), None),
    ],
)
def test_what_a_guest_holds(found: Guest, answer: bool | None) -> None:
    assert holds_access(found) is answer


def test_units_that_go_on_in_another_page_do_not_prove_nothing() -> None:
    row = {"id": ME, "transitiveMemberOf": [UNIT], "transitiveMemberOf@odata.nextLink": "https://graph.microsoft.com/x"}
    assert holds_access(Guest(guest(1), {**holder().side, "guest_memberships": row})) is None


def test_direct_memberships_stand_in_for_all() -> None:
    direct = Guest(guest(1), {**holder().side, "guest_memberships": {"id": ME, "memberOf": [GROUP]}})
    assert holds_access(direct) is True


@pytest.mark.parametrize(
    ("found", "answer"),
    [
        (holder(assignedLicenses=[{"skuId": "x"}]), True),
        (holder(None, assignedLicenses=[{"skuId": "x"}]), True),
        (holder([GROUP], accountEnabled=None), None),
        (holder(accountEnabled=None), False),
        (holder([GROUP]), True),
        (holder(assignedLicenses=None), None),
        (holder([GROUP], assignedLicenses=None), True),
    ],
)
def test_what_a_guest_can_use(found: Guest, answer: bool | None) -> None:
    assert can_use(found) is answer


def test_the_refusal_names_the_first_list_that_is_missing() -> None:
    refused = gap("guest_owned_objects", GapReason.PERMISSION)
    told = not_known("what they hold is not known", [], refused, gap("guest_app_roles"))
    assert (
        str(told) == "what they hold is not known (guest_owned_objects was not read: guest_owned_objects was refused)"
    )
    assert told.because is refused
    assert not_known("odd rows", [], []).because is None
