"""Who invited whom: sources in order, chains to a member, circles, reach, and bounds."""

from pathlib import Path
from typing import Any

from posture.hunts import inviters as module
from posture.hunts.invitations import is_invitation
from posture.hunts.inviters import InvitationTree, Inviters, TreeBuilder, reach_of
from posture.hunts.people import IdSet, People
from posture.hunts.shapes import Kind, Record
from posture.hunts.streams import Streams
from posture.snapshot.guests import Guest
from tests.hunts import rows as r


def person(number: int, kind: str = "Guest") -> dict[str, Any]:
    return {"@odata.type": "#microsoft.graph.user", "id": f"g{number}", "displayName": f"P{number}", "userType": kind}


def guest(number: int, sponsor: dict[str, Any] | None = None, **more: Any) -> Guest:
    side = {"guest_sponsors": {"id": f"g{number}", "sponsors": [sponsor] if sponsor else []}}
    return Guest({"id": f"g{number}", "displayName": f"G{number}", **more}, side)


def tree(guests: list[Guest], audits: list[dict[str, Any]], folder: Path) -> InvitationTree:
    streams = Streams(People(), folder)
    for number, row in enumerate(audits):
        streams.take(Record(Kind.AUDIT, row), "a", number)
    streams.close()
    links = Inviters(IdSet(g.id for g in guests))
    links.take(streams.guest_records, is_invitation)
    builder = TreeBuilder(links)
    builder.scout([g.side["guest_sponsors"] for g in guests if "guest_sponsors" in g.side])
    for one in guests:
        builder.add(one)
    return builder.tree()


def test_the_log_goes_before_graph_before_the_sponsor(tmp_path: Path) -> None:
    invited = r.invite(who="g1", initiatedBy=r.by("m9", "log@contoso.example"))
    rows = [guest(n, person(7, "Member"), **({"invitedBy": person(8, "Member")} if n < 3 else {})) for n in (1, 2, 3)]
    found = tree([*rows, guest(4)], [invited], tmp_path)
    assert found.by_source == {"log": 1, "invitedBy": 1, "sponsor": 1}
    assert (found.guests, found.known, found.by_guests) == (4, 3, 0)
    assert found.links is not None
    assert found.links.inviter_of(rows[0]).inviter.name == "log@contoso.example"  # type: ignore[union-attr]
    assert found.links.inviter_of(guest(4)) is None


def test_an_invitation_that_names_an_address_only(tmp_path: Path) -> None:
    invited = r.invite(to="X@b.example", initiatedBy=r.by_app("s1", "Bot"), targetResources=[])
    found = tree([guest(1, mail="x@B.example")], [invited], tmp_path)
    assert [(b.person.kind, b.person.name, b.invited) for b in found.roots] == [("app", "Bot", 1)]


def test_chains_up_to_a_member(tmp_path: Path) -> None:
    guests = [guest(1, person(100, "Member")), guest(2, person(1)), guest(3, person(2)), guest(4, person(3))]
    found = tree(guests, [], tmp_path)
    assert found.longest == 4
    (root,) = found.roots
    assert (root.person.kind, root.invited) == ("member", 1)
    assert root.children[0].children[0].children[0].children[0].person.id == "g4"
    assert found.by_guests == 3


def test_circles_end(tmp_path: Path) -> None:
    found = tree([guest(1, person(2)), guest(2, person(1)), guest(3, person(3))], [], tmp_path)
    assert found.known == 3
    assert {b.person.id for b in found.roots} >= {"g1"}
    assert found.longest <= 3


def test_only_a_few_of_many_are_drawn(tmp_path: Path) -> None:
    found = tree([guest(n, person(9999, "Member")) for n in range(1, 200)], [], tmp_path)
    (root,) = found.roots
    assert (root.invited, len(root.children), root.more) == (199, module.DRAWN, 199 - module.DRAWN)


def test_a_guest_who_brought_others_is_always_drawn(tmp_path: Path) -> None:
    guests = [guest(n, person(9999, "Member")) for n in range(1, 100)] + [guest(500, person(99))]
    (root,) = tree(guests, [], tmp_path).roots
    assert root.children[0].person.id == "g99"
    assert root.children[0].children[0].person.id == "g500"


def test_reach_tells_what_was_read() -> None:
    sides = {
        "guest_memberships": {
            "transitiveMemberOf": [
                {"@odata.type": "#microsoft.graph.group", "id": "t1"},
                {"@odata.type": "microsoft.graph.group", "id": "g2"},
                {"@odata.type": "#microsoft.graph.directoryRole", "id": "r"},
            ]
        },
        "guest_app_roles": {"appRoleAssignments": [{"resourceId": "a"}, {"resourceId": "a"}, {"resourceId": "b"}]},
    }
    reach = reach_of(Guest({"id": "G1"}, sides), {"g1": 2}, frozenset({"t1"}))
    assert (reach.groups, reach.teams, reach.apps, reach.roles, reach.owns) == (2, 1, 2, 2, None)
    nothing = reach_of(Guest({"id": "g1"}, {}))
    assert (nothing.groups, nothing.teams, nothing.apps, nothing.roles, nothing.owns) == (None,) * 5


def test_odd_sponsors_cost_nothing(tmp_path: Path) -> None:
    odd: list[Any] = [None, "x", {"id": None}, {"@odata.type": "#microsoft.graph.group", "id": "grp"}]
    guests = [Guest({"id": f"g{n}"}, {"guest_sponsors": {"sponsors": [value]}}) for n, value in enumerate(odd)]
    guests.append(Guest({"id": ""}, {"guest_sponsors": {"sponsors": None}}))
    assert tree(guests, [], tmp_path).known == 0
