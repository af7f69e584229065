"""Exports in every container and spelling: read as a stream, or refused with the place named."""

import gzip
import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from posture.errors import EvidenceError
from posture.hunts.files import rows
from posture.snapshot.folder import LINE_LIMIT

ROW = {"activityDisplayName": "Add user", "id": "1"}


def read(path: Path) -> list[tuple[int, dict | None, str]]:
    return list(rows(path))


def good(path: Path) -> list[dict]:
    found = read(path)
    assert all(row is not None for _, row, _ in found), found
    return [row for _, row, _ in found if row is not None]


def write(folder: Path, name: str, data: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return path


CONTAINERS = {
    "array": json.dumps([ROW, ROW]),
    "pretty array": json.dumps([ROW, ROW], indent=2),
    "page": json.dumps({"@odata.context": "x", "value": [ROW, ROW]}),
    "pretty page": json.dumps({"@odata.context": "x", "value": [ROW, ROW], "after": 1}, indent=1),
    "lines": json.dumps(ROW) + "\n" + json.dumps(ROW) + "\n",
    "lines without an end": json.dumps(ROW) + "\n\n" + json.dumps(ROW),
    "one after another": json.dumps(ROW, indent=1) + "\n" + json.dumps(ROW, indent=1),
    "event hub": json.dumps({"records": [ROW]}) + "\n" + json.dumps({"records": [ROW]}) + "\n",
    "query answer": json.dumps(
        {
            "tables": [
                {
                    "name": "PrimaryResult",
                    "columns": [{"name": k, "type": "string"} for k in ROW],
                    "rows": [list(ROW.values())] * 2,
                }
            ]
        }
    ),
    "csv": "activityDisplayName,id\r\nAdd user,1\r\nAdd user,1\r\n",
    "csv with semicolons": "activityDisplayName;id\nAdd user;1\nAdd user;1\n",
    "csv with tabs": "activityDisplayName\tid\nAdd user\t1\n\nAdd user\t1",
    "quoted csv": '"activityDisplayName","id"\n"Add user","1"\n"Add user","1"\n',
}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("name", CONTAINERS)
def test_every_container_in_every_encoding(name: str, packed: bool, encoding: str, tmp_path: Path) -> None:
    data = CONTAINERS[name].encode(encoding)
    path = write(tmp_path, "log", gzip.compress(data) if packed else data)
    assert good(path) == [ROW, ROW]


def test_a_bad_line_costs_itself_alone(tmp_path: Path) -> None:
    lines = [json.dumps(ROW), '{"cut": ', "[1, 2]", '"text"', json.dumps(ROW)]
    found = read(write(tmp_path, "log.jsonl", "\n".join(lines)))
    assert [number for number, _, _ in found] == [1, 2, 3, 4, 5]
    assert [row is None for _, row, _ in found] == [False, True, True, True, False]
    assert "not JSON" in found[1][2]
    assert found[2][2] == "not a JSON object"


def test_a_bad_first_line_costs_itself_alone(tmp_path: Path) -> None:
    found = read(write(tmp_path, "log.jsonl", '{"a": nonsense}\n' + json.dumps(ROW) + "\n"))
    assert [row for _, row, _ in found] == [None, ROW]


def test_an_endless_line_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    with path.open("w") as out:
        out.write(json.dumps(ROW) + "\n{" + '"x": "' + "y" * (3 * LINE_LIMIT) + '"}\n' + json.dumps(ROW))
    found = read(path)
    assert [row for _, row, _ in found] == [ROW, None, ROW]
    assert "longer than" in found[1][2]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ('[{"a": 1}, {"a": ', "breaks after row 1"),
        ('[{"a": 1}, {"a" 2}]', "breaks after row 1"),
        ('{"value": [\n{"a": 1}, nonsense]}', "breaks after row 1"),
        ('[{"a": NaN}]', "breaks after row 0"),
        ("[" * 100_000, "too deep"),
        ('[{"a": ' + "[" * 5_000 + "]" * 5_000 + "}]", "too deep"),
        ("", "is empty"),
        ("  \n\r\n", "is empty"),
        ("<!doctype html><p>sign in", "HTML or XML"),
        ("just words\nand more\n", "neither CSV nor JSON"),
        (b"PK\x03\x04rest", "ZIP archive or Excel workbook"),
        (b"PAR1rest", "Parquet"),
        (b"\x00\x01\x02\x03\x00\x00\x07\x00" * 9, "not text"),
        ('a,b\n1,"open\n2,3\n', "does not close"),
        (gzip.compress(b'[{"a": 1}, {"a": 2}]' * 500, mtime=0)[:-40], "cannot be read to its end"),
        (b"\x1f\x8brubbish", "cannot be read to its end"),
    ],
    ids=range(16),
)
def test_what_cannot_be_read_is_refused_in_a_sentence(data: str | bytes, words: str, tmp_path: Path) -> None:
    with pytest.raises(EvidenceError, match=words) as refused:
        read(write(tmp_path, "log", data))
    assert "log" in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_csv_line_without_end_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    with path.open("w") as out:
        out.write("a,b\n1,2\n" + "x" * (LINE_LIMIT + 2) + ",1\n")
    with pytest.raises(EvidenceError, match="line 3 is longer than"):
        read(path)


def test_csv_rows_of_other_width_are_counted(tmp_path: Path) -> None:
    found = read(write(tmp_path, "log.csv", "a,b\n1,2\n1,2,3\n1\n4,5\n"))
    assert [row is None for _, row, _ in found] == [False, True, True, False]
    assert found[1][2] == "3 cells where the header has 2"


def test_csv_cells_stay_text(tmp_path: Path) -> None:
    cells = ["=1+1", "@SUM(A1)", '"quoted"', "line\nbreak", "ümläut 李", "a;b"]
    line = ",".join('"' + c.replace('"', '""') + '"' for c in cells)
    names = ",".join(f"c{i}" for i in range(len(cells)))
    assert list(good(write(tmp_path, "log.csv", f"{names}\n{line}\n"))[0].values()) == cells


def test_the_first_of_two_columns_of_one_name_counts(tmp_path: Path) -> None:
    assert good(write(tmp_path, "log.csv", "a,b,a\n1,2,3\n")) == [{"a": "1", "b": "2"}]


def test_no_such_file(tmp_path: Path) -> None:
    with pytest.raises(EvidenceError, match="does not exist"):
        read(tmp_path / "nothing.json")
    with pytest.raises(EvidenceError, match="is a folder"):
        read(tmp_path)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**12), 10**12) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=12,
)
OBJECT = st.dictionaries(
    st.text(min_size=1, max_size=8).filter(lambda k: k not in ("value", "records", "tables")), JSON, max_size=5
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(OBJECT, min_size=1, max_size=6), st.sampled_from(["array", "lines", "page", "pretty"]))
def test_any_rows_come_back(tmp_path: Path, found: list[dict], how: str) -> None:
    text = {
        "array": lambda: json.dumps(found),
        "lines": lambda: "\n".join(json.dumps(r) for r in found),
        "page": lambda: json.dumps({"value": found}),
        "pretty": lambda: json.dumps(found, indent=3, ensure_ascii=False),
    }[how]()
    text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    expected = json.loads(json.dumps(found).encode("utf-16", "surrogatepass").decode("utf-16", "replace"))
    assert good(write(tmp_path, "log", text)) == expected


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=300) | st.text(max_size=300).map(lambda t: t.encode("utf-8", "replace")))
def test_any_bytes_are_read_or_refused(tmp_path: Path, data: bytes) -> None:
    path = write(tmp_path, "log", data)
    refused = ""
    try:
        for number, row, why in rows(path):
            assert number >= 1
            assert isinstance(row, dict) or why
    except EvidenceError as error:
        refused = str(error)
    assert "\n" not in refused
