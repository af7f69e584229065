"""The folder format: safe names, strict reading, one clear line for every damage."""

import gzip
import json
import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from posture.errors import EvidenceError
from posture.snapshot import folder
from posture.snapshot.folder import FileRows, Folder, dump, parse, parse_strict, relative_path


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=60), st.text(max_size=60))
def test_no_path_of_an_answer_leaves_the_folder(first, second):
    stem = relative_path("v1.0", f"/{first}/{second}")
    parts = stem.split("/")
    assert parts[0] == "v1.0"
    assert not {"", ".", ".."} & set(parts)
    assert "\\" not in stem
    assert ":" not in stem
    assert "\x00" not in stem
    assert all(len(p.encode()) <= 120 for p in parts)


@pytest.mark.parametrize(
    ("path", "stem"),
    [
        ("/policies/authorizationPolicy", "v1.0/policies/authorizationPolicy"),
        ("/users/$count", "v1.0/users/%24count"),
        ("/a/../../b", "v1.0/a/%2E./%2E./b"),
        ("/con/x", "v1.0/%63on/x"),
        ("/x/.hidden", "v1.0/x/%2Ehidden"),
    ],
)
def test_paths_become_plain_names(path, stem):
    assert relative_path("v1.0", path) == stem


@pytest.mark.parametrize(
    ("text", "word"),
    [
        (b'{"a": NaN}', "not JSON"),
        (b'{"a": ' + b"9" * 5000 + b"}", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"<html>", "not JSON"),
        (b'{"a": 1', "not JSON"),
        (b'{"allowInvitesFrom": "none", "allowInvitesFrom": "everyone"}', "given twice"),
        (b'{"a": {"b": 1, "b": 2}}', "given twice"),
    ],
)
def test_strict_reading_refuses_what_could_be_read_two_ways(text, word):
    with pytest.raises(EvidenceError, match=word):
        parse_strict(text, "the answer")


def test_a_lone_surrogate_costs_one_sign_not_the_text():
    assert parse(b'{"displayName": "a\\ud800b"}', "x") == {"displayName": "a�b"}


def test_bytes_that_are_no_utf8_cost_one_sign_not_the_text():
    assert parse(b'{"displayName": "a\xffb"}', "x")["displayName"].startswith("a")


def _list(tmp_path, lines: list[bytes], name: str = "v1.0/users.ndjson") -> FileRows:
    file = tmp_path / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(b"\n".join(lines) + b"\n")
    return FileRows(tmp_path, name)


@pytest.mark.parametrize(
    ("lines", "word"),
    [
        ([b'{"id":"b"}', b'{"id":"a"}'], "line 2: not sorted"),
        ([b'{"id":"a"}', b"[1]"], "line 2: not a JSON object"),
        ([b'{"id":"a"}', b"{"], "line 2"),
    ],
)
def test_a_damaged_list_is_named_with_its_line(tmp_path, lines, word):
    with pytest.raises(EvidenceError, match=word):
        list(_list(tmp_path, lines))


def test_a_line_without_end_is_refused_before_memory_is(tmp_path, monkeypatch):
    monkeypatch.setattr(folder, "LINE_LIMIT", 100)
    with pytest.raises(EvidenceError, match="longer than"):
        list(_list(tmp_path, [b'{"id":"' + b"x" * 200 + b'"}']))


def test_damaged_compression_is_named(tmp_path):
    whole = gzip.compress(b'{"id":"a"}\n' * 1000)
    (tmp_path / "users.ndjson.gz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(EvidenceError, match=r"users\.ndjson\.gz cannot be read"):
        list(FileRows(tmp_path, "users.ndjson.gz"))


def test_lists_of_one_path_are_found_by_label(tmp_path):
    for name in ("users.ndjson", "users.sponsors.ndjson", "users.signInActivity.ndjson.gz", "usersOther.ndjson"):
        file = tmp_path / "v1.0" / name
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(gzip.compress(b"") if name.endswith("gz") else b"")
    assert Folder(tmp_path).lists("v1.0", "/users") == {
        "": "v1.0/users.ndjson",
        "sponsors": "v1.0/users.sponsors.ndjson",
        "signInActivity": "v1.0/users.signInActivity.ndjson.gz",
    }


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
        lambda s: st.lists(s) | st.dictionaries(st.text(), s),
        max_leaves=12,
    )
)
@settings(max_examples=80, deadline=None)
def test_what_json_writes_is_read_back(value):
    text = json.dumps(value).encode()
    if "\\ud8" not in text.decode() and "\\ud9" not in text.decode() and "\\ud" not in text.decode():
        assert parse(text, "x") == value


def test_a_folder_from_elsewhere_shows_no_other_file(tmp_path):
    secret = tmp_path / "secret.json"
    secret.write_text('{"refresh_token": "s"}')
    (tmp_path / "secret.ndjson").write_text('{"id": "s"}\n')
    root = tmp_path / "sent"
    (root / "v1.0" / "policies").mkdir(parents=True)
    (root / "v1.0" / "policies" / "authorizationPolicy.json").symlink_to(secret)
    (root / "v1.0" / "users.ndjson").symlink_to(tmp_path / "secret.ndjson")
    (root / "beta").symlink_to(root / "v1.0")
    os.mkfifo(root / "v1.0" / "groups.ndjson")
    (root / "v1.0" / "organization.json").symlink_to(tmp_path / "nowhere")
    found = Folder(root)
    for version in ("v1.0", "beta"):
        with pytest.raises(EvidenceError, match="link or no plain file"):
            found.single(version, "policies/authorizationPolicy")
        for path in ("users", "groups"):
            with pytest.raises(EvidenceError, match="link or no plain file"):
                found.lists(version, path)
    with pytest.raises(EvidenceError, match="link or no plain file"):
        found.single("v1.0", "organization")
    assert found.single("v1.0", "policies/none") is None


def test_a_folder_that_is_reached_by_a_link_is_read(tmp_path):
    (tmp_path / "real" / "v1.0").mkdir(parents=True)
    (tmp_path / "real" / "v1.0" / "users.ndjson").write_text('{"id": "a"}\n')
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert Folder(tmp_path / "link").lists("v1.0", "users") == {"": "v1.0/users.ndjson"}


@settings(max_examples=200, deadline=None)
@given(st.recursive(st.text() | st.integers(-(2**53), 2**53), lambda x: st.lists(x) | st.dictionaries(st.text(), x)))
def test_json_of_ours_hides_nothing_and_says_the_same(value):
    data = dump(value)
    assert json.loads(data) == value
    unseen = {
        *range(0x80, 0xA0),
        0xAD,
        0x61C,
        *range(0x200B, 0x2010),
        *range(0x2028, 0x202F),
        *range(0x2060, 0x2070),
        0xFEFF,
    }
    assert not [c for c in data.decode() if ord(c) in unseen]


def test_json_of_ours_leaves_letters_alone():
    assert dump({"a": "Zoë 雪 \U0001f600 \\u202e \u202e\u200d\\"}) == (
        b'{\n  "a": "Zo\xc3\xab \xe9\x9b\xaa \xf0\x9f\x98\x80 \\\\u202e \\u202e\\u200d\\\\"\n}\n'
    )


def test_a_list_that_unpacks_to_nothing_for_ever(tmp_path, monkeypatch):
    monkeypatch.setattr(folder, "UNPACKED_LIMIT", 1000)
    (tmp_path / "bomb.ndjson.gz").write_bytes(gzip.compress(b"\n" * 1_000_000))
    for read in (list, FileRows.__len__, lambda rows: list(rows.ids())):
        with pytest.raises(EvidenceError, match="times its size"):
            read(FileRows(tmp_path, "bomb.ndjson.gz"))
    rows = b"".join(b'{"id":"%06d"}\n' % n for n in range(50_000))
    (tmp_path / "rows.ndjson.gz").write_bytes(gzip.compress(rows))
    assert len(list(FileRows(tmp_path, "rows.ndjson.gz"))) == 50_000
