"""Sorting on disk: every row once, in order, whatever the order of arrival and the breaks between."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from posture.errors import EvidenceError
from posture.snapshot import spool
from posture.snapshot.folder import PLAIN_LIMIT, FileRows
from posture.snapshot.spool import RowsWriter

IDS = st.text(alphabet="abc0-", max_size=3)


def _writer(root: Path, state: dict | None = None) -> RowsWriter:
    return RowsWriter(root / "evidence", "v1.0/users", root / "users.spool", state)


def _killed(writer: RowsWriter) -> dict:
    """Return what a killed process leaves behind; only its open file is tidied up for the test."""
    state = json.loads(json.dumps(writer.checkpoint()))
    if writer._file is not None:
        writer._file.close()
    return state


def _expected(rows: list[tuple[str, int]]) -> list[tuple[str, int]]:
    named = {i: n for i, n in rows if i}
    return [("", n) for i, n in rows if not i] + sorted(named.items())


@settings(max_examples=60, deadline=None)
@given(
    rows=st.lists(st.tuples(IDS, st.integers(0, 999)), max_size=60),
    breaks=st.sets(st.integers(0, 60), max_size=12),
    fan_in=st.integers(2, 4),
    part=st.integers(20, 400),
)
def test_rows_come_out_sorted_once_after_any_breaks(tmp_path_factory, rows, breaks, fan_in, part):
    root = tmp_path_factory.mktemp("spool")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(spool, "FAN_IN", fan_in)
        patch.setattr(spool, "PART_BYTES", part)
        writer = _writer(root)
        for number, (row_id, value) in enumerate(rows):
            writer.add(row_id, json.dumps({"id": row_id, "n": value}).encode())
            if number in breaks:
                writer = _writer(root, _killed(writer))
        written = writer.finish()
    found = [(r["id"], r["n"]) for r in FileRows(root / "evidence", written.file)]
    assert found == _expected(rows)
    assert written.rows == len(found)
    assert written.duplicates == len([i for i, _ in rows if i]) - len({i for i, _ in rows if i})
    assert written.unidentified == sum(not i for i, _ in rows)
    assert not (root / "users.spool").exists()


def test_rows_added_after_the_checkpoint_are_forgotten_with_the_process(tmp_path):
    writer = _writer(tmp_path)
    writer.add("b", b'{"id":"b"}')
    state = writer.checkpoint()
    writer.add("c", b'{"id":"c"}')
    _killed(writer)
    again = _writer(tmp_path, state)
    again.add("a", b'{"id":"a"}')
    assert [r["id"] for r in FileRows(tmp_path / "evidence", again.finish().file)] == ["a", "b"]


def test_a_spool_shorter_than_its_journal_is_refused(tmp_path):
    writer = _writer(tmp_path)
    writer.add("b", b'{"id":"b"}')
    state = _killed(writer)
    (tmp_path / "users.spool").write_bytes(b"x")
    with pytest.raises(EvidenceError, match="shorter"):
        _writer(tmp_path, state)


def test_small_lists_are_plain_and_large_ones_gzip(tmp_path):
    small, large = _writer(tmp_path), RowsWriter(tmp_path / "evidence", "v1.0/groups", tmp_path / "g.spool")
    small.add("a", b'{"id":"a"}')
    for n in range(PLAIN_LIMIT // 50):
        large.add(f"{n:08}", json.dumps({"id": f"{n:08}", "pad": "x" * 60}).encode())
    assert small.finish().file == "v1.0/users.ndjson"
    packed = large.finish()
    assert packed.file == "v1.0/groups.ndjson.gz"
    assert len(list(FileRows(tmp_path / "evidence", packed.file))) == PLAIN_LIMIT // 50


def test_line_ends_inside_a_row_do_not_break_the_list(tmp_path):
    writer = _writer(tmp_path)
    writer.add("a", b'{\r\n  "id": "a",\n  "displayName": "x"\n}')
    assert list(FileRows(tmp_path / "evidence", writer.finish().file)) == [{"id": "a", "displayName": "x"}]


ODD_IDS = ["a\nb", "\x00nul", "a\x00b", "x\ud800y", "\ufffd", "\u202eid", "\x7f", ""]


@pytest.mark.parametrize("plain_first", [True, False])
def test_ids_that_no_service_gives_cost_neither_the_list_nor_a_row(tmp_path, plain_first):
    plain = [f"{n:08d}-0000" for n in range(3)] + ["\u2167", "z" * 300]
    writer = RowsWriter(tmp_path, "v1.0/things", tmp_path / "things.spool")
    for row_id in [*plain, *ODD_IDS] if plain_first else [*ODD_IDS, *plain]:
        writer.add(row_id, json.dumps({"id": row_id}).encode())
        writer.checkpoint()
    written = writer.finish()
    assert (written.rows, written.unidentified) == (len(plain) + len(ODD_IDS), len(ODD_IDS))
    found = [row["id"] for row in FileRows(tmp_path, written.file, written.rows)]
    assert found[len(ODD_IDS) :] == sorted(plain)
    assert len(found) == written.rows
