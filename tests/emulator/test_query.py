"""Page tokens and next links: sealed to their query, and read back as they were."""

from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posture.emulator.answers import Refusal
from posture.emulator.endpoints import LISTINGS
from posture.emulator.query import Query, make_token, next_link, page_size, parse_query, read_token

_texts = st.text(st.characters(blacklist_categories=("Cs",)), max_size=20)
_raw = st.dictionaries(st.sampled_from(["filter", "select", "expand", "search", "orderby"]), _texts)


def query(raw, token=""):
    return Query(raw=raw, token=token)


@given(st.integers(0, 2**63), _raw, _texts)
def test_a_token_gives_its_offset_back(offset, raw, path):
    token = make_token(offset, path, query(raw))
    assert read_token(path, query(raw, token)) == offset
    assert token.isascii()
    assert not set(token) & set("+/=&?#")


@given(st.integers(0, 10**6), _raw, _raw)
def test_a_token_is_refused_for_another_query(offset, raw, other):
    token = make_token(offset, "users", query(raw))
    if raw != other:
        with pytest.raises(Refusal):
            read_token("users", query(other, token))
    with pytest.raises(Refusal):
        read_token("groups", query(raw, token))


@given(st.text(max_size=40) | st.binary(max_size=30).map(lambda b: b.hex()))
def test_a_made_up_token_is_refused(token):
    if token:
        with pytest.raises(Refusal):
            read_token("users", query({}, token))


@given(st.integers(0, 27), st.integers(0, 255))
def test_a_changed_token_is_refused(at, with_what):
    token = make_token(12345, "users", query({}))
    changed = token[:at] + chr(with_what) + token[at + 1 :]
    if changed[: len(token)] != token:
        try:
            assert read_token("users", query({}, changed)) == 12345  # unused bits of the last letter
            assert at == len(token) - 1
        except Refusal:
            pass


@given(st.dictionaries(st.sampled_from(["filter", "search"]), _texts, max_size=1))
def test_a_next_link_asks_the_same_again(raw):
    link = next_link("http://127.0.0.1", "v1.0", "users", query(raw), "TOKEN")
    split = urlsplit(link)
    assert (split.netloc, split.path) == ("127.0.0.1", "/v1.0/users")
    try:
        found = parse_query(split.query)
    except Refusal:  # the text was no filter, which is another matter
        return
    assert (found.raw, found.token) == (raw, "TOKEN")


@pytest.mark.parametrize(
    ("path", "options", "size"),
    [
        ("users", "", 100),
        ("users", "$top=999", 999),
        ("users", "$top=999&$select=id,signInActivity", 500),
        ("users", "$select=signInActivity", 100),
        ("auditlogs/signins", "$top=5000", 1000),
        ("auditlogs/directoryaudits", "", 1000),
        ("identitygovernance/accessreviews/definitions", "", 100),
        ("rolemanagement/directory/roleassignments", "$top=7", 100),
        ("directoryroles", "$top=1", None),
        ("subscribedskus", "$top=1", None),
    ],
)
def test_page_sizes(path, options, size):
    assert page_size(parse_query(options), LISTINGS[path]) == size
