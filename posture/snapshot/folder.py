"""The one folder format of sample tenants and evidence: Graph's bodies at Graph's paths.

A single answer is `<path>.json`, byte for byte as sent. A list is
`<path>[.<label>].ndjson`, one Graph object a line, sorted by id, and
`.ndjson.gz` once it outgrows `PLAIN_LIMIT` bytes: small lists stay readable
and have the same bytes under every zlib. Evidence adds `manifest.json`.

Lists may hold a million rows: they are sorted on disk in parts and merged, so
memory does not grow with the tenant (`spool.py`).
"""

import gzip
import hashlib
import io
import json
import math
import os
import re
import shutil
import stat
import zlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Self, cast

import orjson

from posture.errors import EvidenceError, OutputError

PLAIN_LIMIT = 256 * 1024
"""Bytes up to which a list is stored uncompressed."""
GZIP_LEVEL = 4
BLOCK = 512 * 1024
"""Bytes of rows handed to the compressor at once: a call per row costs more than the row."""
LINE_LIMIT = 16 * 1024 * 1024
"""The longest row that is written or read, in bytes. Graph's own are a few kB; a group with all its members is more."""
SINGLE_LIMIT = 64 * 1024 * 1024
"""The largest single answer a reader accepts, in bytes."""
MOST_PACKED = 250
"""How many times its size a compressed list may unpack to; those of real tenants unpack to ten or twenty times."""
UNPACKED_LIMIT = 64 * 1024 * 1024
"""Bytes any list may unpack to, however small its file."""
_BLOCK = 128 * 1024

_SAFE_SEGMENT = re.compile(r"[^A-Za-z0-9._()='@-]")
_RESERVED = {"con", "prn", "aux", "nul", *(f"com{n}" for n in range(10)), *(f"lpt{n}" for n in range(10))}


def relative_path(version: str, path: str, label: str = "") -> str:
    """Return the file stem for a Graph path, safe on every file system.

    Characters outside a small set, `..` and device names are percent-coded, so
    no answer of a tenant can choose a place outside the folder.
    """
    parts = [version, *(p for p in path.split("/") if p)]
    safe = []
    for part in parts:
        coded = _SAFE_SEGMENT.sub(
            lambda m: "".join(f"%{b:02X}" for b in m.group().encode("utf-8", "surrogatepass")), part
        )
        if coded.startswith(".") or coded.split(".")[0].casefold() in _RESERVED:
            coded = f"%{ord(coded[0]):02X}{coded[1:]}"
        safe.append(coded[:120])
    stem = "/".join(safe)
    return f"{stem}.{label}" if label else stem


def private_dir(path: Path) -> Path:
    """Create a directory only its owner can enter."""
    try:
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise OutputError(
            f"cannot create {path}: {error.strerror or error}. Choose another folder with --out."
        ) from error
    return path


def private_file(path: Path) -> IO[bytes]:
    """Open a new file for writing that only its owner can read; a link that lies there is not followed."""
    private_dir(path.parent)
    try:
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_NOFOLLOW", 0)  # Windows has no such flag
        return os.fdopen(os.open(path, flags, 0o600), "wb")
    except OSError as error:
        raise OutputError(
            f"cannot write {path}: {error.strerror or error}. Choose another folder with --out."
        ) from error


def write_private(path: Path, data: bytes) -> None:
    """Write a whole file that only its owner can read."""
    try:
        with private_file(path) as out:
            out.write(data)
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror or error}") from error


def copy_private(source: Path, target: Path) -> None:
    """Copy a file to one that only its owner can read."""
    try:
        with source.open("rb") as data, private_file(target) as out:
            shutil.copyfileobj(data, out, 1024 * 1024)
    except OSError as error:
        raise OutputError(f"cannot copy {source} to {target}: {error.strerror or error}") from error


def gzip_writer(out: IO[bytes], level: int = GZIP_LEVEL) -> IO[bytes]:
    """Return a gzip stream whose bytes depend on its content alone (no name, no time)."""
    return cast(IO[bytes], gzip.GzipFile(filename="", mode="wb", compresslevel=level, fileobj=out, mtime=0))


class _Beside:
    """Writes to a stream from another thread, block after block.

    Compressing takes as long as merging and does not need the interpreter, so
    the next blocks are made while the last ones are packed.
    """

    AHEAD = 4
    """Blocks that may wait: enough that neither side waits for the other's turn of the interpreter."""

    def __init__(self, out: IO[bytes]) -> None:
        self._out = out
        self._thread = ThreadPoolExecutor(1)
        self._waiting: deque[Future[int]] = deque()

    def write(self, block: bytes) -> None:
        """Hand over a block. Raises what writing an earlier one raised."""
        self._settle(self.AHEAD - 1)
        self._waiting.append(self._thread.submit(self._out.write, block))

    def _settle(self, most: int) -> None:
        while len(self._waiting) > most:
            self._waiting.popleft().result()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self._settle(0)
        finally:
            self._thread.shutdown(cancel_futures=True)


@dataclass(frozen=True, slots=True)
class Written:
    """One file of evidence as it lies on disk. `duplicates` counts rows that came twice with one id."""

    file: str
    sha256: str
    bytes: int
    rows: int | None = None
    duplicates: int = 0
    unidentified: int = 0


def write_sorted(root: Path, stem: str, ordered: Iterable[bytes]) -> Written:
    """Write keyed, sorted rows as a list, turning to gzip when they outgrow the limit.

    A keyed row is `id NUL sequence NUL line`, as `snapshot/spool.py` makes it.
    """
    rows = duplicates = unidentified = 0
    plain = io.BytesIO()
    write: Callable[[bytes], object] = plain.write
    with ExitStack() as stack:
        packed: IO[bytes] | None = None
        block: list[bytes] = []
        size = 0

        def flush() -> None:
            nonlocal write, packed, size
            write(b"".join(block))
            block.clear()
            size = 0
            if packed is None and plain.tell() > PLAIN_LIMIT:
                packed = stack.enter_context(private_file(root / f"{stem}.ndjson.gz"))
                write = stack.enter_context(_Beside(stack.enter_context(gzip_writer(packed)))).write
                write(plain.getvalue())
                plain.seek(0)

        last_id: bytes | None = None
        for keyed in ordered:
            row_id, _, line = keyed.split(b"\x00", 2)
            if row_id == last_id and row_id:
                duplicates += 1
                size -= len(block[-1])
                block[-1] = line
            else:
                if size > BLOCK:
                    flush()
                rows += 1
                if not row_id:
                    unidentified += 1
                block.append(line)
            size += len(line)
            last_id = row_id
        flush()
    name = f"{stem}.ndjson.gz" if packed is not None else f"{stem}.ndjson"
    # A run that was killed may have left the list in its other form.
    (root / (f"{stem}.ndjson" if packed is not None else f"{stem}.ndjson.gz")).unlink(missing_ok=True)
    if packed is None:
        write_private(root / name, plain.getvalue())
    return Written(name, file_sha256(root / name), (root / name).stat().st_size, rows, duplicates, unidentified)


def write_single(root: Path, stem: str, body: bytes) -> Written:
    """Write a single answer byte for byte."""
    write_private(root / f"{stem}.json", body)
    return Written(f"{stem}.json", hashlib.sha256(body).hexdigest(), len(body))


def file_sha256(path: Path) -> str:
    """Return a file's SHA-256 as hexadecimal text."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def parse(data: bytes, where: str) -> Any:
    """Parse JSON as strictly as evidence deserves.

    Lone surrogates become U+FFFD instead of costing the whole text; a key
    given twice, NaN, numbers of absurd length and absurd depth are refused.
    """
    try:
        fast = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        try:
            slow = json.loads(
                data.decode("utf-8", "replace"),
                object_pairs_hook=_no_twins,
                parse_constant=_no_constant,
                parse_int=_int,
                parse_float=_float,
            )
        except (ValueError, RecursionError):
            raise EvidenceError(f"{where} is not JSON: {_short(str(error))}") from None
        return _heal(slow)
    return fast


def parse_strict(data: bytes, where: str) -> Any:
    """Parse as `parse` does and refuse a key given twice: two values are no value."""
    value = parse(data, where)
    try:
        json.loads(data.decode("utf-8", "replace"), object_pairs_hook=_no_twins)
    except _TwinKeyError as twin:
        raise EvidenceError(f"{where}: the key {twin.args[0]!r} is given twice, which is ambiguous") from None
    except (ValueError, RecursionError):
        raise EvidenceError(f"{where} is not JSON") from None
    return value


class _TwinKeyError(ValueError):
    pass


def _no_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        raise _TwinKeyError(next(k for k, _ in pairs if k in seen or seen.add(k)))  # type: ignore[func-returns-value]
    return found


def _int(digits: str) -> int | float:
    """Read a whole number as orjson does: what no 64 bits hold is a float."""
    number = int(digits)
    return number if -(2**63) <= number < 2**64 else _float(digits)


def _float(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise ValueError(f"{digits[:20]} is too large a number")
    return number


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _heal(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, list):
        return [_heal(v) for v in value]
    if isinstance(value, dict):
        return {_heal(k): _heal(v) for k, v in value.items()}
    return value


def _short(message: str) -> str:
    return message if len(message) < 160 else message[:157] + "..."


def sortable(row_id: str) -> str:
    """Return an id as lists are sorted by it: "" for one that two readers might read in two ways.

    Control characters and replaced ones are in no id that Graph gives.

    Such a row is kept and counts as one without an id.
    """
    return row_id if row_id.isprintable() and "\ufffd" not in row_id else ""


class FileRows:
    """A list of a folder: iterated as objects, again each time, never whole in memory.

    Raises EvidenceError naming file and line where a row is no JSON object, the
    order is broken or the compression is damaged, and where there are not as
    many rows as `rows` says.
    """

    def __init__(self, root: Path, file: str, rows: int | None = None, *, ordered: bool = True) -> None:
        self._path, self._file, self._rows, self._ordered = root / file, file, rows, ordered

    def __len__(self) -> int:
        if self._rows is None:
            self._rows = sum(1 for _ in self.lines())
        return self._rows

    def lines(self) -> Iterator[bytes]:
        """Yield the rows as JSON text, without line ends."""
        for _, block in self._blocks():
            for line in block:
                if line.strip():
                    yield line.rstrip(b"\r")

    def _blocks(self) -> Iterator[tuple[int, list[bytes]]]:
        """Yield the lines in blocks, each with the number of its first line."""
        try:
            with self._path.open("rb") as raw:
                stream = cast(IO[bytes], gzip.GzipFile(fileobj=raw)) if self._file.endswith(".gz") else raw
                room = max(UNPACKED_LIMIT, MOST_PACKED * os.fstat(raw.fileno()).st_size)
                number, rest = 1, b""
                while data := stream.read(_BLOCK):
                    room -= len(data)
                    if room < 0:
                        raise EvidenceError(f"{self._file} unpacks to more than {MOST_PACKED} times its size")
                    lines = (rest + data).split(b"\n")
                    rest = lines.pop()
                    if len(rest) > LINE_LIMIT or (lines and len(lines[0]) > LINE_LIMIT):
                        raise EvidenceError(f"{self._file}, line {number}: longer than {LINE_LIMIT:,} bytes")
                    yield number, lines
                    number += len(lines)
                if rest:
                    yield number, [rest]
        except FileNotFoundError:
            raise EvidenceError(f"{self._file} is missing from the folder") from None
        except (OSError, EOFError, zlib.error) as error:
            raise EvidenceError(f"{self._file} cannot be read: {_short(str(error))}") from error

    def ids(self) -> Iterator[str]:
        """Yield the id of each row, "" for none, without taking the rows apart where Graph wrote the id first."""
        for line in self.lines():
            if line.startswith(b'{"id":"') and line.count(b'"id":') == 1:
                head = line[7 : line.find(b'"', 7)]
                if b"\\" not in head:
                    yield head.decode("utf-8", "replace")
                    continue
            row = parse(line, self._file)
            found = row.get("id") if isinstance(row, dict) else None
            yield found if isinstance(found, str) else ""

    def __iter__(self) -> Iterator[dict[str, Any]]:
        last = ""
        loads, ordered, declared = orjson.loads, self._ordered, self._rows
        blank = lines = 0
        for start, block in self._blocks():
            lines += len(block)
            if declared is not None and lines - blank > declared + len(block):
                break  # a list that does not end
            for place, line in enumerate(block):
                try:
                    row = loads(line)
                except orjson.JSONDecodeError:
                    if not line.strip():
                        blank += 1
                        continue
                    row = parse(line, f"{self._file}, line {start + place}")
                if not isinstance(row, dict):
                    raise EvidenceError(f"{self._file}, line {start + place}: not a JSON object")
                if ordered:
                    row_id = row.get("id")
                    if not isinstance(row_id, str) or not row_id.isprintable() or "\ufffd" in row_id:
                        row_id = ""  # as sortable() says
                    if row_id <= last and row_id:
                        how = "the id of the line before" if row_id == last else "not sorted by id"
                        raise EvidenceError(f"{self._file}, line {start + place}: {how}")
                    last = row_id or last
                yield row
        if declared is not None and lines - blank != declared:
            more = "more" if lines - blank > declared else f"{lines - blank:,}"
            raise EvidenceError(f"{self._file} should hold {declared:,} rows by its manifest and holds {more}")


class Folder:
    """Read a sample tenant or evidence folder."""

    def __init__(self, root: Path) -> None:
        if not root.is_dir():
            raise EvidenceError(f"{root} is not a folder")
        self.root = root

    def single(self, version: str, path: str) -> bytes | None:
        """Return a single answer's bytes; None where the folder has none."""
        name = f"{relative_path(version, path)}.json"
        file = self.root / name
        try:
            if not os.path.lexists(file):
                return None
            self._own(name)
            if file.stat().st_size > SINGLE_LIMIT:
                raise EvidenceError(f"{file.name} is larger than {SINGLE_LIMIT:,} bytes")
            return file.read_bytes()
        except OSError as error:
            raise EvidenceError(f"{file} cannot be read: {error.strerror or error}") from error

    def lists(self, version: str, path: str) -> dict[str, str]:
        """Return the lists recorded for a path: label ("" for the plain one) to file name."""
        stem = relative_path(version, path)
        base = self.root / stem
        found: dict[str, str] = {}
        if not base.parent.is_dir():
            return found
        for file in sorted(base.parent.iterdir()):
            if file.name.startswith(base.name) and file.name.endswith((".ndjson", ".ndjson.gz")):
                self._own(str(file.relative_to(self.root)))
            for suffix in (".ndjson", ".ndjson.gz"):
                if file.name.endswith(suffix):
                    name = file.name.removesuffix(suffix)
                    if name == base.name or name.startswith(base.name + "."):
                        label = name[len(base.name) + 1 :]
                        if "/" not in label:
                            found.setdefault(label, str(file.relative_to(self.root)))
        return found

    def rows(self, file: str, *, ordered: bool = False) -> FileRows:
        """Return a list by its file name within the folder."""
        return FileRows(self.root, file, ordered=ordered)

    def _own(self, name: str) -> None:
        """Refuse what is no plain file of the folder itself: one from elsewhere must not show other files of ours."""
        file = self.root / name
        if file.resolve() != self.root.resolve() / name or not file.is_file():
            raise EvidenceError(f"{file} is a link or no plain file; a tenant's answers lie in its own folder")

    def manifest(self) -> dict[str, Any]:
        """Return `manifest.json` of an evidence folder."""
        manifest = read_object(self.root / "manifest.json")
        if manifest is None:
            raise EvidenceError(f"{self.root} has no manifest.json, so it is no evidence of a finished run")
        return manifest


def read_object(file: Path) -> dict[str, Any] | None:
    """Return the object of a JSON file of ours; None where there is none.

    Raises EvidenceError for what is no plain file of a sensible size, no JSON or no object.
    """
    try:
        state = file.lstat()
        if not stat.S_ISREG(state.st_mode):
            raise EvidenceError(f"{file} is no plain file")
        if state.st_size > SINGLE_LIMIT:
            raise EvidenceError(f"{file} is larger than {SINGLE_LIMIT:,} bytes")
        data = file.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise EvidenceError(f"{file} cannot be read: {error.strerror or error}") from error
    found = parse_strict(data, str(file))
    if not isinstance(found, dict):
        raise EvidenceError(f"{file} is not a JSON object")
    return found


def dump(value: Any) -> bytes:
    """Return JSON for people and machines: sorted keys, two blanks, UTF-8, a line end.

    Characters that hide or turn around what stands beside them (direction
    marks, zero widths, C1 controls, line separators) are written as escapes.
    """
    data = orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE)
    return data if data.isascii() else _UNSEEN.sub(_escaped, data)


_UNSEEN = re.compile(
    rb"\xc2[\x80-\x9f\xad]|\xd8\x9c|\xe2\x80[\x8b-\x8f\xa8-\xae]|\xe2\x81[\xa0-\xaf]|\xef\xbb\xbf|\xef\xbf[\xb9-\xbb]"
)
"""In UTF-8 these bytes begin and end a character, so nothing is cut in two."""


def _escaped(match: re.Match[bytes]) -> bytes:
    return b"\\u%04x" % ord(match.group().decode())
