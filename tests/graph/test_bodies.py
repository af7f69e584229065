"""Pages are cut raw; a frame that cannot be believed is named in plain words."""

import json
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from posture.errors import AnswerError
from posture.graph.bodies import UnreadableError, listing, single, whole_number, without_lone_surrogates


def test_rows_are_the_bytes_that_were_sent() -> None:
    body = b'{"@odata.context":"c","value":[{"id":"a","n":1.50},{ "n" : "\\u00e9" , "id":"b"}],"@odata.count":2}'
    found = listing(body)
    assert found.rows == [("a", b'{"id":"a","n":1.50}'), ("b", b'{ "n" : "\\u00e9" , "id":"b"}')]
    assert found.count == 2
    assert found.link is None


def test_one_odd_row_costs_no_other() -> None:
    odd = [
        rb'{"id":"1","displayName":"\ud800"}',
        rb'{"id":"2","displayName":"\\\ud83d\ude00 \udc00\ud800 \\ud800"}',
        b'{"id":"3","n":' + b"9" * 5000 + b"}",
        rb'{"id":"\ud800","n":1}',
        rb'{"id":4,"n":1}',
        rb'{"displayName":"\u0000\ufeff"}',
        rb'{"id":"\u0061"}',
    ]
    found = listing(b'{"value":[' + b",".join(odd) + b"]}")
    assert [row for _, row in found.rows] == odd
    assert [i for i, _ in found.rows] == ["1", "2", "3", "", "", "", "a"]


def test_another_key_may_name_rows() -> None:
    assert listing(b'{"value":[{"tenantId":"t","id":"x"}]}', key="tenantId").rows[0][0] == "t"


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"{}", "value is missing"),
        (b'{"value":null}', "value is null"),
        (b'{"value":{}}', "value is an object"),
        (b'{"value":"x"}', "value is text"),
        (b'{"value":[1]}', "row 1 of the page is a number"),
        (b'{"value":[{"id":"a"},null]}', "row 2 of the page is null"),
        (b"[]", "the answer is a list"),
        (b'"x"', "the answer is text"),
        (b'{"error":{"code":"x"}}', "error although its status"),
        (b'{"value":[],"error":{"code":"x"}}', "error beside its rows"),
        (b'{"value":[{"id":"a"}],"value":[]}', "'value' twice"),
        (b'{"value":[{"id":"a"}],"value":[{"id":"a"}]}', "'value' twice"),
        (b'{"value":[{"id":"a"},{"id":"b"}],"value":[{"id":"a"}]}', "'value' twice"),
        (b'{ "value": [ {"id":"a"} , {"id":"b"} ], "value" : [] }', "'value' twice"),
        (b'{"@odata.nextLink":"x","value":[],"@odata.nextLink":"y"}', "'@odata.nextLink' twice"),
        (b'{"value":[],"@odata.count":"2"}', "@odata.count is not a number"),
        (b'{"value":[],"@odata.count":-1}', "@odata.count is not a number"),
        (b'{"value":[],"@odata.count":true}', "@odata.count is not a number"),
        (b"<html>sign in to the hotel</html>", "a web page"),
        (b"\n  <!doctype html>", "a web page"),
        (b'{"value":' + b"[" * 100_000, "nested too deeply"),
        (b'{"value":[{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}]}", "nested too deeply"),
    ],
)
def test_what_is_no_page_is_said(body: bytes, words: str) -> None:
    with pytest.raises(AnswerError, match=words) as caught:
        listing(body)
    assert not isinstance(caught.value, UnreadableError)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"   ",
        b'{"value":[{"id":"a"}',
        b'{"value":[{"id":"a","n":NaN}]}',
        b'{"value":[{"id":"a","n":"\x00"}]}',
        b'{"value":[]} trailing',
        b'\xef\xbb\xbf{"value":[]}',
        b'{"value":[{"id":"\xff"}]}',
        b'{"value":[{"id":"a","n":"\\ud800"',
        "{}".encode("utf-16"),
    ],
)
def test_what_is_no_json_is_worth_another_try(body: bytes) -> None:
    with pytest.raises(UnreadableError):
        listing(body)


def test_too_many_rows_are_refused() -> None:
    with pytest.raises(AnswerError, match="4 rows, more than the 3"):
        listing(b'{"value":[{},{},{},{}]}', max_rows=3)


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=150)
@given(
    rows=st.lists(st.dictionaries(st.text(), _json, max_size=4), max_size=5),
    indent=st.sampled_from([None, 1]),
    ascii_only=st.booleans(),
)
def test_any_page_comes_back_row_by_row(rows: list[dict[str, object]], indent: int | None, ascii_only: bool) -> None:
    body = json.dumps({"a": [], "value": rows, "z": {"value": rows}}, indent=indent, ensure_ascii=ascii_only)
    try:
        data = body.encode()
    except UnicodeEncodeError:
        return
    found = listing(data)
    assert [json.loads(row) for _, row in found.rows] == rows
    ids = [r["id"] if isinstance(r.get("id"), str) else "" for r in rows]
    assert all(got == sent or "\ufffd" in sent for (got, _), sent in zip(found.rows, ids, strict=True))


@settings(max_examples=150)
@given(
    st.text(
        alphabet=st.sampled_from(["\ud800", "\udc00", "\\", "u", "d", "8", "0", '"', "\U0001f600", "é"]), max_size=12
    )
)
def test_surrogates_are_mended_at_the_same_length(text: str) -> None:
    sent = json.dumps({"id": "a", "n": text}).encode()
    mended = without_lone_surrogates(sent)
    assert len(mended) == len(sent)
    assert json.loads(mended)["n"] == text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    assert listing(b'{"value":[%b]}' % sent).rows == [("a", sent)]


@settings(max_examples=200)
@given(st.binary(max_size=60) | st.text(max_size=60).map(lambda t: t.encode("utf-8", "replace")))
def test_no_bytes_crash(data: bytes) -> None:
    for read in (listing, single, whole_number):
        with suppress(AnswerError):
            read(data)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"[]", "a list, not an object"),
        (b"null", "null, not an object"),
        (b'{"a":1,"a":2}', "'a' twice"),
        (b'{"x":{"allowInvitesFrom":"none","allowInvitesFrom":"everyone"}}', "'allowInvitesFrom' twice"),
        (b'{"error":{}}', "an error although"),
        (b'{"a":' + b"9" * 5000 + b"}", "a number no one could mean"),
        (b'{"a":1e999}', "a number no one could mean"),
        (b'{"a":NaN}', "a number no one could mean"),
        (b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "nested too deeply"),
        (b"<html/>", "a web page"),
        (b'{"a":1', "not JSON"),
        (b'\xef\xbb\xbf{"a":1}', "not JSON"),
    ],
)
def test_a_single_answer_is_strict(body: bytes, words: str) -> None:
    with pytest.raises(AnswerError, match=words):
        single(body)


def test_a_single_answer_may_hold_a_lone_surrogate() -> None:
    single(rb'{"displayName":"\ud800"}')


@pytest.mark.parametrize(("body", "number"), [(b"42", 42), (b"\xef\xbb\xbf1250000", 1250000), (b" 0\r\n", 0)])
def test_a_count_is_plain_text(body: bytes, number: int) -> None:
    assert whole_number(body) == number


@pytest.mark.parametrize("body", [b"", b"-1", b"1.5", b"{}", b"<html>", "٣".encode(), b"9" * 13, b"\xff"])
def test_a_count_that_is_no_number_is_refused(body: bytes) -> None:
    with pytest.raises(AnswerError, match="the count is not a number"):
        whole_number(body)
