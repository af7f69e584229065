"""Read a TOML table strictly: a key nobody knows, or a value of another type, is one clear line."""

import difflib
import stat
import tomllib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from posture.errors import EvidenceError

TOML_LIMIT = 1024 * 1024
"""The largest tenant.toml or fault plan that is read, in bytes."""


def read(path: Path) -> "Table":
    """Return the top table of a file."""
    try:
        state = path.stat()
        if not stat.S_ISREG(state.st_mode):
            raise EvidenceError(f"{path} is no plain file")
        if state.st_size > TOML_LIMIT:
            raise EvidenceError(f"{path} is larger than {TOML_LIMIT:,} bytes")
        data = path.read_bytes()
    except OSError as error:
        raise EvidenceError(f"{path} cannot be read: {error.strerror or error}") from error
    try:
        return Table(path.name, "", tomllib.loads(data.decode()))
    except UnicodeDecodeError:
        raise EvidenceError(f"{path} is not UTF-8 text") from None
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise EvidenceError(f"{path} is not TOML: {error}") from None


class Table:
    """One table whose keys are taken one by one; `finish` complains about what is left."""

    def __init__(self, file: str, where: str, values: dict[str, Any]) -> None:
        self._file, self._where, self._values = file, where, dict(values)
        self._known: list[str] = []

    def wrong(self, key: str, problem: str) -> EvidenceError:
        """Return the error that names file, key and problem."""
        return EvidenceError(f"{self._file}: {self._where}{key} {problem}")

    def _take(self, key: str, default: Any) -> Any:
        self._known.append(key)
        return self._values.pop(key, default)

    def text(self, key: str, default: str | None = "", *, choices: tuple[str, ...] = ()) -> str:
        """Take a text; a default of None makes it required."""
        value = self._take(key, default)
        if value is None:
            raise self.wrong(key, "is missing")
        if not isinstance(value, str):
            raise self.wrong(key, f"must be a text in quotes, not {_kind(value)}")
        if choices and value not in choices:
            raise self.wrong(key, f"is {value!r}; it must be one of {', '.join(choices)}")
        return value

    def flag(self, key: str, default: bool = False) -> bool:
        """Take true or false."""
        value = self._take(key, default)
        if not isinstance(value, bool):
            raise self.wrong(key, f"must be true or false, not {_kind(value)}")
        return value

    def whole(self, key: str, default: int | None = None, *, low: int = 0, high: int = 10**9) -> int:
        """Take a whole number within bounds; a default of None makes it required."""
        value = self._take(key, default)
        if value is None:
            raise self.wrong(key, "is missing")
        if not isinstance(value, int) or isinstance(value, bool):
            raise self.wrong(key, f"must be a whole number, not {_kind(value)}")
        if not low <= value <= high:
            raise self.wrong(key, f"is {value}; it must lie between {low} and {high}")
        return value

    def number(self, key: str, default: float, *, low: float = 0.0, high: float = 1.0) -> float:
        """Take a number within bounds."""
        value = self._take(key, default)
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise self.wrong(key, f"must be a number, not {_kind(value)}")
        if not low <= value <= high:
            raise self.wrong(key, f"is {value}; it must lie between {low} and {high}")
        return float(value)

    def moment(self, key: str) -> datetime:
        """Take a required time with its zone, in UTC."""
        value = self._take(key, None)
        if value is None:
            raise self.wrong(key, "is missing")
        if not isinstance(value, datetime) or value.tzinfo is None:
            raise self.wrong(key, "must be a time with its zone, such as 2026-11-23T02:15:45Z")
        return value.astimezone(UTC)

    def texts(self, key: str, *, choices: tuple[str, ...] = ()) -> tuple[str, ...]:
        """Take a list of texts."""
        value = self._take(key, [])
        if not isinstance(value, list) or not all(isinstance(v, str) for v in value):
            raise self.wrong(key, "must be a list of texts in quotes")
        for v in value:
            if choices and v not in choices:
                raise self.wrong(key, f"holds {v!r}; known are {', '.join(choices)}")
        return tuple(value)

    def any(self, key: str, default: Any) -> Any:
        """Take a value of any type; the caller judges it."""
        return self._take(key, default)

    def table(self, key: str) -> "Table | None":
        """Take a table of its own; None where there is none."""
        value = self._take(key, None)
        if value is None:
            return None
        if not isinstance(value, dict):
            raise self.wrong(key, f"must be a table, not {_kind(value)}")
        return Table(self._file, f"{self._where}{key}.", value)

    def tables(self, key: str) -> list["Table"]:
        """Take a list of tables, `[[key]]`."""
        value = self._take(key, [])
        if not isinstance(value, list) or not all(isinstance(v, dict) for v in value):
            raise self.wrong(key, f"must be tables written [[{key}]]")
        return [Table(self._file, f"{self._where}{key}[{i}].", v) for i, v in enumerate(value, 1)]

    def finish(self) -> None:
        """Complain about the first key that nobody took."""
        for key in self._values:
            near = difflib.get_close_matches(key, self._known, n=1)
            hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(self._known)}"
            raise self.wrong(key, f"is not a key here; {hint}")


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "true or false"
    names: dict[type, str] = {str: "a text", int: "a number", float: "a number", list: "a list", dict: "a table"}
    return names.get(type(value), type(value).__name__)
