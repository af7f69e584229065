"""The $filter parser and what a filter lets through."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from posture.emulator.odata import (
    And,
    Compare,
    Expr,
    In,
    Lambda,
    Moment,
    Not,
    ODataError,
    Or,
    Text,
    clauses,
    matcher,
    moment_of,
    parse_filter,
)
from posture.emulator.options import Expand, parse_expand, parse_names, parse_orderby, parse_search

ROW = {
    "userType": "Guest",
    "accountEnabled": True,
    "createdDateTime": "2025-01-02T03:04:05.1234567Z",
    "companyName": None,
    "displayName": "O'Brien (Ext)",
    "otherMails": ["a@x.example", "b@y.example"],
    "assignedLicenses": [{"skuId": "AA"}],
    "signInActivity": {"lastSignInDateTime": "2026-01-01T00:00:00Z"},
    "scope": {"query": "./members/microsoft.graph.user"},
    "size": 3,
}


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("userType eq 'guest'", True),
        ("userType ne 'Guest'", False),
        ("userType in ('Member','Guest')", True),
        ("not (userType eq 'Guest')", False),
        ("accountEnabled eq true", True),
        ("accountEnabled eq 'true'", False),
        ("companyName eq null", True),
        ("absent ne null", False),
        ("absent ge 3", False),
        ("absent ne 3", True),
        ("createdDateTime ge 2025-01-02T03:04:05Z", True),
        ("createdDateTime gt 2025-01-02T03:04:05.1234567Z", False),
        ("createdDateTime le 2025-01-02T04:04:05.1234567+01:00", True),
        ("createdDateTime lt 2025-01-02", False),
        ("displayName eq 'o''brien (ext)'", True),
        ("startswith(displayName,'O''')", True),
        ("startsWith(displayName,'x')", False),
        ("endsWith(displayName, 'ext)')", True),
        ("contains(scope/microsoft.graph.accessReviewQueryScope/query, './members')", True),
        ("otherMails/any(m: endsWith(m,'y.example'))", True),
        ("otherMails/all(m:endsWith(m,'y.example'))", False),
        ("otherMails/any()", True),
        ("assignedLicenses/any(l:l/skuId eq AA00AA00-0000-4000-8000-000000000000)", False),
        ("assignedLicenses/any(l:l/skuId eq 'aa')", True),
        ("assignedLicenses/$count eq 1", True),
        ("signInActivity/lastSignInDateTime le 2026-01-01T00:00:00Z", True),
        ("size gt 2 and size lt 3.5", True),
        ("size eq 1 or size eq 3 and userType eq 'Guest'", True),
        ("(size eq 1 or size eq 3) and userType eq 'Member'", False),
    ],
)
def test_what_a_filter_lets_through(text, holds):
    assert matcher(parse_filter(text))(ROW) is holds


@pytest.mark.parametrize(
    "text",
    [
        "",
        "userType",
        "userType eq",
        "userType eq 'Guest",
        "userType = 'Guest'",
        "userType eq 'a' and",
        "(userType eq 'a'",
        "userType eq 'a')",
        "userType in ()",
        "frobnicate(userType,'a')",
        "startswith(userType,3)",
        "m/all()",
        "createdDateTime ge 2025-13-01T00:00:00Z",
        "not " * 60 + "size eq 3",
        "(" * 60 + "size eq 3" + ")" * 60,
        "x eq '" + "y" * 9000 + "'",
        "a eq 'b' or ;drop",
    ],
)
def test_what_is_no_filter(text):
    with pytest.raises(ODataError):
        parse_filter(text)


def test_clauses_name_property_and_operator():
    tree = parse_filter("not (endsWith(mail,'x')) and groupTypes/any(c:c eq 'Unified') and a eq null")
    assert list(clauses(tree)) == [("", "not"), ("mail", "endswith"), ("groupTypes", "eq"), ("a", "eq null")]


# -- properties ------------------------------------------------------------------------------------------------------

_names = st.sampled_from(["userType", "mail", "displayName", "size", "createdDateTime"])
_paths = st.one_of(_names.map(lambda n: (n,)), st.tuples(_names, _names))
_moments = st.builds(Moment, st.integers(-2_000_000_000, 200_000_000_000), st.integers(0, 9_999_999))
_texts = st.text(max_size=8)
_values = st.one_of(st.none(), st.booleans(), st.integers(-(10**9), 10**9), _texts, _moments)
_leaves = st.one_of(
    st.builds(Compare, _paths, st.sampled_from(["eq", "ne", "gt", "ge", "lt", "le"]), _values),
    st.builds(In, _paths, st.lists(_values, min_size=1, max_size=3).map(tuple)),
    st.builds(Text, _paths, st.sampled_from(["startswith", "endswith", "contains"]), _texts),
)
_trees = st.recursive(
    _leaves,
    lambda inner: st.one_of(
        st.builds(Not, inner),
        st.builds(Lambda, _paths, st.sampled_from(["any", "all"]), st.just("x"), inner),
        st.lists(inner, min_size=2, max_size=3).map(lambda p: And(tuple(p))),
        st.lists(inner, min_size=2, max_size=3).map(lambda p: Or(tuple(p))),
    ),
    max_leaves=6,
)


def _literal(value):
    match value:
        case None:
            return "null"
        case bool():
            return str(value).lower()
        case str():
            return "'" + value.replace("'", "''") + "'"
        case Moment(seconds, ticks):
            from datetime import UTC, datetime, timedelta

            whole = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
            return whole.strftime("%Y-%m-%dT%H:%M:%S").rjust(19, "0") + f".{ticks:07d}Z"
        case _:
            return str(value)


def _written(tree: Expr) -> str:
    match tree:
        case Compare(path, op, value):
            return f"{'/'.join(path)} {op} {_literal(value)}"
        case In(path, values):
            return f"{'/'.join(path)} in ({','.join(map(_literal, values))})"
        case Text(path, op, value):
            return f"{op}({'/'.join(path)},{_literal(value)})"
        case Lambda(path, op, var, body):
            return f"{'/'.join(path)}/{op}({var}:{_written(body)})"
        case Not(body):
            return f"not ({_written(body)})"
        case And(parts):
            return " and ".join(f"({_written(p)})" for p in parts)
        case Or(parts):
            return " or ".join(f"({_written(p)})" for p in parts)


@settings(max_examples=150)
@given(_trees)
def test_a_written_filter_reads_back_as_it_was(tree):
    assert parse_filter(_written(tree)) == tree


@settings(max_examples=200)
@given(st.text(alphabet="ab'() /,:eqandornt0123456789-TZ.\x00ü$", max_size=60) | st.text(max_size=60))
def test_any_text_is_a_filter_or_an_odata_error(text):
    try:
        tree = parse_filter(text)
    except ODataError:
        return
    assert matcher(tree)({"a": "b"}) in (True, False)


_rows = st.dictionaries(_names, st.one_of(_values.filter(lambda v: not isinstance(v, Moment)), st.lists(_texts)))


@settings(max_examples=150)
@given(_trees, _rows)
def test_not_is_the_opposite_and_order_of_parts_does_not_matter(tree, row):
    held = matcher(tree)(row)
    assert matcher(Not(tree))(row) is not held
    assert matcher(And((tree, tree)))(row) is held
    assert matcher(Or((Not(tree), tree)))(row)


@given(_moments)
def test_a_moment_is_read_from_its_text(moment):
    assert moment_of(_literal(moment)) == moment


@pytest.mark.parametrize("text", ["", "2025", "2025-02-30", "yesterday", None, 5, "2025-01-01T25:00:00Z"])
def test_what_is_no_moment(text):
    assert moment_of(text) is None


# -- the other options ------------------------------------------------------------------------------------------------


def test_expand_with_options():
    assert parse_expand("sponsors($select=id,displayName),principal") == (
        Expand("sponsors", ("id", "displayName")),
        Expand("principal"),
    )
    assert parse_expand("members($select=id;$top=5)") == (Expand("members", ("id",)),)


@pytest.mark.parametrize("text", ["a(", "a)", "a($select)", "a b", "a($select=id)x", "1a", "a($select=i d)", "'"])
def test_what_is_no_expand(text):
    with pytest.raises(ODataError):
        parse_expand(text)


def test_select_orderby_search():
    assert parse_names("id, userType,@odata.type") == ("id", "userType", "@odata.type")
    assert parse_orderby("a/b desc, c") == ((("a", "b"), True), (("c",), False))
    assert parse_search('"displayName:al pha" AND "mail:x"') == (("displayName", "al pha"), ("mail", "x"))
    for parse, text in ((parse_names, "a,"), (parse_orderby, "a sideways"), (parse_search, "displayName:x")):
        with pytest.raises(ODataError):
            parse(text)


@settings(max_examples=100)
@given(st.text(alphabet="ab()=;,$select'/ ", max_size=40))
def test_any_text_is_an_expand_or_an_odata_error(text):
    try:
        parse_expand(text)
    except ODataError:
        return
