"""A next link is followed only when it goes on with the list that was asked for."""

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from posture.errors import AnswerError
from posture.graph.links import LinkChecker, address, cleaned, segment

ROOT = "https://graph.microsoft.com"
FIRST = f"{ROOT}/v1.0/users?$top=999"


def checker() -> LinkChecker:
    return LinkChecker(FIRST, 8192)


@pytest.mark.parametrize(
    "link",
    [
        f"{ROOT}/v1.0/users?$skiptoken=abc",
        f"{ROOT}:443/v1.0/users?$skiptoken=abc",
        "https://GRAPH.microsoft.com/v1.0/Users?$skiptoken=abc",
        f"{ROOT}/v1.0//users?$skiptoken=abc",
        f"{ROOT}/v1.0/users?$filter=userType eq 'Guest'&$skiptoken=é",
        f"{ROOT}/v1.0/users?%24skiptoken=http%3A%2F%2Felsewhere.example",
    ],
)
def test_links_of_the_same_list_are_followed(link: str) -> None:
    assert checker().check(link) == link


@pytest.mark.parametrize(
    ("link", "words"),
    [
        ("https://elsewhere.example/v1.0/users?x=1", "points elsewhere"),
        ("https://graph.microsoft.com.evil.example/v1.0/users?x=1", "points elsewhere"),
        ("https://graph.microsoft.com@evil.example/v1.0/users", "holds a user name"),
        ("https://graph.microsoft.com:x@evil.example/v1.0/users", "holds a user name|not an address"),
        ("https://me@graph.microsoft.com/v1.0/users?x=1", "holds a user name"),
        ("http://graph.microsoft.com/v1.0/users?x=1", "points elsewhere"),
        ("https://graph.microsoft.com:444/v1.0/users?x=1", "points elsewhere"),
        ("https://graph.microsoft.com:80/v1.0/users?x=1", "points elsewhere"),
        ("/v1.0/users?x=1", "not a full address"),
        ("users?x=1", "not a full address"),
        ("//evil.example/v1.0/users", "not a full address"),
        ("file:///etc/passwd", "not a full address"),
        ("javascript:alert(1)", "not a full address"),
        ("\\\\evil.example\\v1.0\\users", "characters no address has"),
        ("https://graph.microsoft.com\\@evil.example/v1.0/users", "characters no address has"),
        ("https://evil.example\\.graph.microsoft.com/v1.0/users", "characters no address has"),
        (f"{ROOT}/v1.0/me/messages?x=1", "leads to another place"),
        (f"{ROOT}/beta/users?x=1", "leads to another place"),
        (f"{ROOT}/v1.0/users/../me?x=1", "leads to another place"),
        (f"{ROOT}/v1.0/users/%2e%2e/me?x=1", "leads to another place"),
        (f"{ROOT}/v1.0%2Fusers?x=1", "leads to another place"),
        (f"{ROOT}/v1.0/users/1?x=1", "leads to another place"),
        (f"{ROOT}/v1.0/users?x=1#frag", "fragment"),
        (f"{ROOT}/v1.0/users?x=1\nHost: evil.example", "characters no address has"),
        (f" {ROOT}/v1.0/users?x=1", "characters no address has"),
        (f"{ROOT}/v1.0/users?x=" + "a" * 8192, "characters long"),
        (f"{ROOT}/v1.0/users?x=" + "a" * 1_000_000, "characters long"),
        ("", "is empty"),
        ("  ", "is empty"),
        (5, "is not text"),
        (["x"], "is not text"),
        ({}, "is not text"),
        (True, "is not text"),
        ("https://[::1", "not an address"),
        ("https://graph.microsoft.com:99999/v1.0/users", "not an address|points elsewhere"),
        (FIRST, "does not end"),
    ],
)
def test_other_links_are_refused_in_plain_words(link: object, words: str) -> None:
    with pytest.raises(AnswerError, match=words):
        checker().check(link)


def test_a_circle_of_three_is_noticed() -> None:
    links = checker()
    for token in "abc":
        links.check(f"{ROOT}/v1.0/users?$skiptoken={token}")
    with pytest.raises(AnswerError, match="does not end"):
        links.check(f"{ROOT}/v1.0/users?$skiptoken=a")


@pytest.mark.parametrize(
    ("asked", "link"),
    [
        ("/v1.0/directory/deletedItems/microsoft.graph.user", "/v1.0/directory/deleteditems/graph.user"),
        ("/v1.0/groups/1a/transitiveMembers", "/v1.0/groups('1a')/transitiveMembers"),
    ],
)
def test_two_spellings_of_one_place(asked: str, link: str) -> None:
    assert LinkChecker(ROOT + asked, 8192).check(f"{ROOT}{link}?$skiptoken=x")


@settings(max_examples=300)
@given(
    st.text(max_size=80) | st.text(max_size=40).map(lambda t: ROOT + t) | st.text(max_size=40).map(lambda t: FIRST + t)
)
def test_whatever_passes_goes_to_the_host_and_path_asked(link: str) -> None:
    try:
        passed = checker().check(link)
    except AnswerError:
        return
    url = httpx.Request("GET", passed).url
    assert (url.scheme, url.host, url.port, url.userinfo) == ("https", "graph.microsoft.com", None, b"")
    assert url.path.casefold().replace("//", "/").rstrip("/") == "/v1.0/users"


def test_parameters_are_encoded_once() -> None:
    url = address(ROOT, "v1.0", "/users", {"$filter": "endsWith(upn,'#EXT#@a.example') and a+b&c%", "$top": "999"})
    assert url == (f"{ROOT}/v1.0/users?$filter=endsWith(upn,'%23EXT%23@a.example')%20and%20a%2Bb%26c%25&$top=999")
    assert httpx.Request("GET", url).url.params["$filter"] == "endsWith(upn,'#EXT#@a.example') and a+b&c%"
    assert address(ROOT, "v1.0", "/users?$top=5", {"$select": "id"}).endswith("/users?$top=5&$select=id")
    assert address(ROOT, "", "/providers/x", {"api-version": "1"}) == f"{ROOT}/providers/x?api-version=1"


@pytest.mark.parametrize("path", ["users", "//evil.example", "/a/../b", "/a/%2e%2e/b", "/a\\b", "/a#b", "/a\nb"])
def test_our_own_paths_stay_in_their_place(path: str) -> None:
    with pytest.raises(ValueError, match=r"no path|leaves its place"):
        address(ROOT, "v1.0", path)


@given(st.text(min_size=1, max_size=20))
def test_a_hostile_id_is_one_segment(text: str) -> None:
    try:
        part = segment(text)
    except (AnswerError, UnicodeEncodeError):
        return
    url = httpx.Request("GET", address(ROOT, "v1.0", f"/users/{part}/memberOf")).url
    assert url.host == "graph.microsoft.com"
    assert url.raw_path.count(b"/") == 4
    assert b"?" not in url.raw_path


@pytest.mark.parametrize("text", ["", ".", ".."])
def test_what_is_no_id(text: str) -> None:
    with pytest.raises(AnswerError):
        segment(text)


def test_headers_are_cleaned() -> None:
    assert cleaned("a\r\nb\x1b[31m\x00\x9b") == "a b[31m"
    assert len(cleaned("x" * 1000)) == 300
