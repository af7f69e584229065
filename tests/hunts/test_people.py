"""Who is a guest: the cases seen in real records, and own domains by exact comparison."""

import uuid

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from posture.hunts.events import Actor
from posture.hunts.people import IdSet, People
from tests.hunts.rows import GUEST, MEMBER, OURS, THEIRS

KNOWN = People(
    OURS, domains=frozenset({"contoso.com", "Contoso.co.uk", "contoso.onmicrosoft.com"}), guests=IdSet([GUEST])
)


@pytest.mark.parametrize(
    ("kind", "home", "resource", "object_id", "found"),
    [
        ("guest", THEIRS, OURS, "x", "the log says guest"),
        ("", THEIRS, OURS, "x", "home tenant is not ours"),
        ("member", THEIRS, OURS, "x", "home tenant is not ours"),
        ("", "", "", GUEST.upper(), "in the guest list"),
        ("guest", OURS, OURS, "x", "the log says guest"),
        ("member", OURS, OURS, "x", ""),
        ("", OURS, OURS, "x", ""),
        ("member", OURS, THEIRS, "x", ""),
        ("guest", OURS, THEIRS, GUEST, ""),
    ],
)
def test_visitors(kind: str, home: str, resource: str, object_id: str, found: str) -> None:
    assert KNOWN.visitor(object_id, kind, home, resource) == found


def test_our_people_abroad() -> None:
    assert KNOWN.abroad(OURS, THEIRS)
    assert KNOWN.abroad("", THEIRS)
    assert not KNOWN.abroad(OURS, OURS)
    assert not KNOWN.abroad(THEIRS, THEIRS)
    assert not People(OURS, own_tenants=frozenset({THEIRS})).abroad(OURS, THEIRS)


def test_the_logs_own_tenant_stands_in_for_ours() -> None:
    nobody = People()
    assert nobody.visitor("x", "", THEIRS, OURS, OURS) == "home tenant is not ours"
    assert nobody.visitor("x", "", OURS, OURS, OURS) == ""
    assert nobody.visitor("x", "", THEIRS, OURS) == "home tenant is not ours"
    assert nobody.visitor("x", "", THEIRS, THEIRS) == ""


def test_a_sister_tenant_is_ours_but_its_guests_are_guests() -> None:
    two = People(OURS, own_tenants=frozenset({THEIRS.upper()}))
    assert two.visitor("x", "", THEIRS, OURS) == ""
    assert two.visitor("x", "guest", THEIRS, OURS) == "the log says guest"


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("sam_notcontoso.com#EXT#@contoso.onmicrosoft.com", "#EXT# in the name"),
        ("sam_gmail.com#ext#@contoso.com", "#EXT# in the name"),
        ("live.com#sam@outlook.com", "a personal account"),
        ("sam@notcontoso.com", "the name's domain is not ours"),
        ("sam@contoso.com.evil.example", "the name's domain is not ours"),
        ("sam@sub.contoso.com", "the name's domain is not ours"),
        ("admin@contoso.co.uk", ""),
        ("ADMIN@CONTOSO.COM", ""),
        ("admin@contoso.com.", ""),
        ("a@b@contoso.com", ""),
        ("no address", ""),
        ("", ""),
    ],
)
def test_names(name: str, found: str) -> None:
    assert KNOWN.outside_name(name) == found
    assert KNOWN.outsider(Actor("user", MEMBER, name)) == found


def test_what_the_record_says_decides_before_the_name() -> None:
    assert KNOWN.outsider(Actor("user", "x", "a@gone.example", user_type="Member", home_tenant=OURS)) == ""
    assert KNOWN.outsider(Actor("user", "x", "a@contoso.com", user_type="Guest")) == "the log says guest"
    assert KNOWN.outsider(Actor("user", "x", "a@contoso.com", home_tenant=THEIRS)) == "home tenant is not ours"
    assert (
        KNOWN.outsider(Actor("user", GUEST, "a@contoso.com", user_type="Member", home_tenant=OURS))
        == "in the guest list"
    )
    assert KNOWN.outsider(Actor("app", "x", "a@evil.example")) == ""


def test_without_verified_domains_no_name_is_foreign() -> None:
    assert People(OURS).outside_name("a@anywhere.example") == ""


@settings(max_examples=50, deadline=None)
@given(st.lists(st.uuids().map(str) | st.text(max_size=6), max_size=40), st.uuids().map(str))
def test_id_sets(ids: list[str], other: str) -> None:
    held = IdSet(ids)
    for one in ids:
        assert (one in held) is bool(one)
        assert (one.upper() in held) is (bool(one) and one.upper().casefold() in {i.casefold() for i in ids})
    assert (other in held) is (other in ids)
    assert None not in held
    assert len(IdSet([str(uuid.UUID(int=n)) for n in range(1000)])) == 1000
