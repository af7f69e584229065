"""Packing loses nothing: what the page unfolds is what was put in, whatever guests are called."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from posture.report import packed
from posture.report.guest_rows import GuestRow
from posture.report.text import marked
from tests.report.unpacked import columns

STRINGS = json.loads((Path(__file__).parent / "hostile-strings.json").read_text("utf-8"))["strings"]
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
words = st.one_of(st.sampled_from([s["value"] for s in STRINGS]), st.text(max_size=30), st.just(""))
days = st.none() | st.integers(-700_000, 2_900_000).map(lambda n: EPOCH + timedelta(days=n))


def guest(number: int = 1, **values: object) -> GuestRow:
    usual = dict.fromkeys(GuestRow._fields)
    usual |= {
        "id": str(number),
        "name": "Ana Ruiz",
        "mail": "",
        "upn": "",
        "domain": "",
        "state": "",
        "seen_read": True,
    }
    return GuestRow(**{**usual, "findings": (), **values})  # type: ignore[arg-type]


rows = st.builds(
    guest,
    st.integers(0, 9),
    name=words,
    mail=words | st.tuples(words, st.sampled_from(["a.example", "b.example"])).map("@".join),
    domain=st.sampled_from(["", "a.example", "b.example", "bücher.example"]),
    state=words,
    created=days,
    state_since=days,
    seen=days,
    seen_read=st.booleans(),
    enabled=st.sampled_from([None, True, False]),
    sponsors=st.none() | st.lists(words, max_size=2).map(tuple),
    inviter=st.none() | words,
    roles=st.none() | st.lists(words, max_size=2).map(tuple),
    groups=st.none() | st.integers(0, 3000),
    findings=st.lists(st.sampled_from(["GUEST-INV-001", "GUEST-LIF-002"]), unique=True).map(tuple),
)


def day(when: datetime | None) -> int | None:
    return None if when is None else (when - EPOCH).days


@settings(max_examples=60, deadline=None)
@given(st.lists(rows, max_size=12))
def test_what_is_unfolded_is_what_was_packed(people: list[GuestRow]) -> None:
    block = packed.pack(people, {})
    held = columns(block.text, packed=block.packed)
    assert block.rows == len(people)
    for at, row in enumerate(people):
        assert held["n"][at] == marked(row.name, 80)
        local, _, tail = row.mail.partition("@")
        short = local and tail and tail == row.domain and tail.isascii()
        assert held["m"][at] == (f"{marked(local, 80)}@{tail}" if short else marked(row.mail or row.upn, 160))
        assert (held["c"][at], held["g"][at]) == (day(row.created), row.groups)
        assert held["l"][at] == (day(row.seen) if row.seen_read else "not read")
        assert held["b"][at] == (row.enabled is False)
        assert held["p"][at] == (None if row.sponsors is None else ", ".join(marked(s, 80) for s in row.sponsors))
        assert held["i"][at] == ("" if row.inviter is None else marked(row.inviter, 80))
        assert held["f"][at] == list(row.findings)


def test_an_address_is_told_by_the_name() -> None:
    people = [
        guest(name=name, mail=f"{local}@a.example", domain="a.example")
        for name, local in [
            ("Ana Ruiz", "ana.ruiz"),
            ("Ana Ruiz", "Ana.Ruiz"),
            ("Ana Ruiz", "aruiz7"),
            ("Ana María Ruiz", "ana.maria.ruiz"),
            ("Ana Ana", "ana.ana"),
            ("Zoë Ruiz", "zoë.ruiz"),
            ("Ana", "b@ana"),
            ("a b", "a.b"),
        ]
    ]
    block = packed.pack(people, {})
    assert columns(block.text, packed=block.packed)["m"] == [p.mail for p in people]
    assert b"ruiz" not in b"".join(packed._columns(people[:1]))


def test_the_text_means_nothing_to_html() -> None:
    every = bytes(range(256)) * 8 + b"<!--<script></script>&amp;"
    for cut in range(5):
        text = packed._text(every[cut:])
        assert not set(text) & set("<>&\"'\\ \n")
        assert packed.b85encode(every[cut:]).translate(packed._HARMLESS).decode() == text


def test_a_list_too_long_for_the_page_is_cut(monkeypatch) -> None:
    monkeypatch.setattr(packed, "BLOCK_LIMIT", 20_000)
    people = [guest(n, name=f"N{n * 7919} M{n * 104729}", mail=f"x{n * 15485863}@a.example") for n in range(9000)]
    block = packed.pack(people, {"lines": ["T"], "hunts": {}})
    assert len(block.text) <= 20_000
    held = columns(block.text, packed=True)
    assert block.rows == len(held["n"]) < 9000
    assert held["n"] == [p.name for p in people[: block.rows]]
    assert held["queries"] == {"lines": ["T"], "hunts": {}}
