"""$filter as Graph's documentation uses it.

A real, small parser: text becomes a tree, and the tree a test of one row. What
it does not know is an ODataError, which the emulator answers with 400.

Source: https://learn.microsoft.com/graph/filter-query-parameter
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

FILTER_LIMIT = 8192
"""Characters of a $filter that are parsed at all."""
DEPTH_LIMIT = 40
"""Brackets and lambdas within each other."""

Row = Mapping[str, Any]
Test = Callable[[Row], bool]


class ODataError(ValueError):
    """A query option that is no OData, or that this emulator does not speak."""


@dataclass(frozen=True, slots=True)
class Moment:
    """An instant as Graph compares it: whole seconds since 1970 and ten-millionths."""

    seconds: int
    ticks: int

    def __lt__(self, other: "Moment") -> bool:
        return (self.seconds, self.ticks) < (other.seconds, other.ticks)


@dataclass(frozen=True, slots=True)
class Compare:
    """`path op value`, op one of eq ne gt ge lt le."""

    path: tuple[str, ...]
    op: str
    value: Any


@dataclass(frozen=True, slots=True)
class In:
    """`path in (a, b)`."""

    path: tuple[str, ...]
    values: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Text:
    """`startswith(path, 'x')` and its like; `op` in lower case."""

    path: tuple[str, ...]
    op: str
    value: str


@dataclass(frozen=True, slots=True)
class Lambda:
    """`path/any(x: body)`; a body of None is `path/any()`, "not empty"."""

    path: tuple[str, ...]
    op: str
    var: str
    body: "Expr | None"


@dataclass(frozen=True, slots=True)
class Not:
    """`not body`."""

    body: "Expr"


@dataclass(frozen=True, slots=True)
class And:
    """All parts hold."""

    parts: tuple["Expr", ...]


@dataclass(frozen=True, slots=True)
class Or:
    """At least one part holds."""

    parts: tuple["Expr", ...]


Expr = Compare | In | Text | Lambda | Not | And | Or

_TOKEN = re.compile(
    r"""\s*(?:
      (?P<string>'(?:[^']|'')*')
    | (?P<date>-?\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d(?:\.\d{1,12})?)?(?:Z|[+-]\d\d:\d\d)?)?(?![\w-]))
    | (?P<guid>[0-9A-Fa-f]{8}-(?:[0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12}(?![\w-]))
    | (?P<number>-?\d+(?:\.\d+)?(?![\w.-]))
    | (?P<name>[@A-Za-z_$][\w.@$]*)
    | (?P<sign>[()/,:])
    )""",
    re.VERBOSE,
)
_OPERATORS = {"eq", "ne", "gt", "ge", "lt", "le"}
_TEXT_FUNCTIONS = {"startswith", "endswith", "contains"}
_DATE = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)(?:T(\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,12}))?)?)?(Z|[+-]\d\d:\d\d)?", re.IGNORECASE
)


def moment_of(text: Any) -> Moment | None:
    """Return the instant a text names, with or without decimals; None where it names none."""
    found = _DATE.fullmatch(text) if isinstance(text, str) else None
    if not found:
        return None
    year, month, day, hour, minute, second, decimals, zone = found.groups()
    try:
        base = datetime(int(year), int(month), int(day), int(hour or 0), int(minute or 0), int(second or 0), tzinfo=UTC)
        shift = 0
        if zone and zone.upper() != "Z":
            shift = (int(zone[1:3]) * 60 + int(zone[4:6])) * (60 if zone[0] == "+" else -60)
    except ValueError:
        return None
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    whole = (base - epoch).days * 86400 + (base - epoch).seconds
    return Moment(whole - shift, int((decimals or "0").ljust(7, "0")[:7]))


def parse_filter(text: str) -> Expr:
    """Return the tree of a $filter; raise ODataError where it is none."""
    if len(text) > FILTER_LIMIT:
        raise ODataError(f"$filter is longer than {FILTER_LIMIT} characters")
    parser = _Parser(text)
    tree = parser.disjunction(0)
    if parser.kind:
        raise ODataError(f"Syntax error at position {parser.at} in '{text}'.")
    return tree


class _Parser:
    """A recursive-descent parser with one token of look-ahead."""

    def __init__(self, text: str) -> None:
        self._text, self._next = text, 0
        self.kind = self.word = ""
        self.at = 0
        self._step()

    def _step(self) -> None:
        found = _TOKEN.match(self._text, self._next)
        if found:
            self.kind, self.word = found.lastgroup or "", found.group(found.lastgroup or 0)
            self.at, self._next = found.start(found.lastgroup or 0), found.end()
            return
        if self._text[self._next :].strip():
            raise ODataError(f"Syntax error at position {self._next} in '{self._text}'.")
        self.kind, self.word, self.at = "", "", len(self._text)

    def _take(self, sign: str) -> bool:
        if self.kind == "sign" and self.word == sign:
            self._step()
            return True
        return False

    def _expect(self, sign: str) -> None:
        if not self._take(sign):
            raise ODataError(f"'{sign}' expected at position {self.at} in '{self._text}'.")

    def _keyword(self, word: str) -> bool:
        if self.kind == "name" and self.word == word:
            self._step()
            return True
        return False

    def disjunction(self, depth: int) -> Expr:
        if depth > DEPTH_LIMIT:
            raise ODataError("$filter is nested too deeply")
        parts = [self._conjunction(depth)]
        while self._keyword("or"):
            parts.append(self._conjunction(depth))
        return parts[0] if len(parts) == 1 else Or(tuple(parts))

    def _conjunction(self, depth: int) -> Expr:
        parts = [self._negation(depth)]
        while self._keyword("and"):
            parts.append(self._negation(depth))
        return parts[0] if len(parts) == 1 else And(tuple(parts))

    def _negation(self, depth: int) -> Expr:
        if self._keyword("not"):
            if depth > DEPTH_LIMIT:
                raise ODataError("$filter is nested too deeply")
            return Not(self._negation(depth + 1))
        if self._take("("):
            inner = self.disjunction(depth + 1)
            self._expect(")")
            return inner
        return self._clause(depth)

    def _clause(self, depth: int) -> Expr:
        if self.kind != "name":
            raise ODataError(f"Syntax error at position {self.at} in '{self._text}'.")
        function = self.word.lower()
        path, called = self._path()
        if called:
            if len(path) == 1 and function in _TEXT_FUNCTIONS:
                return self._text_function(function)
            if len(path) > 1 and path[-1] in ("any", "all"):
                return self._lambda(path[:-1], path[-1], depth)
            raise ODataError(f"An unknown function with name '{path[-1]}' was found.")
        if self._keyword("in"):
            self._expect("(")
            values = [self._literal()]
            while self._take(","):
                values.append(self._literal())
            self._expect(")")
            return In(path, tuple(values))
        if self.kind == "name" and self.word in _OPERATORS:
            op = self.word
            self._step()
            return Compare(path, op, self._literal())
        raise ODataError(f"Syntax error at position {self.at} in '{self._text}'.")

    def _path(self) -> tuple[tuple[str, ...], bool]:
        parts = []
        while True:
            if self.kind != "name":
                raise ODataError(f"Syntax error at position {self.at} in '{self._text}'.")
            parts.append(self.word)
            self._step()
            if self._take("("):
                return tuple(parts), True
            if not self._take("/"):
                return tuple(parts), False

    def _text_function(self, function: str) -> Expr:
        path, called = self._path()
        if called:
            raise ODataError(f"An unknown function with name '{path[-1]}' was found.")
        self._expect(",")
        value = self._literal()
        self._expect(")")
        if not isinstance(value, str):
            raise ODataError(f"{function} needs a text")
        return Text(path, function, value)

    def _lambda(self, path: tuple[str, ...], op: str, depth: int) -> Expr:
        if self._take(")"):
            if op == "all":
                raise ODataError("all() needs a condition")
            return Lambda(path, op, "", None)
        if self.kind != "name":
            raise ODataError(f"Syntax error at position {self.at} in '{self._text}'.")
        var = self.word
        self._step()
        self._expect(":")
        body = self.disjunction(depth + 1)
        self._expect(")")
        return Lambda(path, op, var, body)

    def _literal(self) -> Any:
        kind, word = self.kind, self.word
        if kind == "string":
            self._step()
            return word[1:-1].replace("''", "'")
        if kind == "guid":
            self._step()
            return word
        if kind == "date":
            found = moment_of(word)
            if found is None:
                raise ODataError(f"Invalid date '{word}' in $filter.")
            self._step()
            return found
        if kind == "number":
            self._step()
            return float(word) if "." in word else int(word)
        if kind == "name" and word in ("true", "false", "null"):
            self._step()
            return {"true": True, "false": False, "null": None}[word]
        raise ODataError(f"Syntax error at position {self.at} in '{self._text}'.")


def clauses(tree: Expr) -> Iterator[tuple[str, str]]:
    """Yield (property, operator) of every clause; a lambda's are named by its collection.

    Negation shows as an extra ("", "not").
    """
    match tree:
        case Compare(path, op, value):
            yield "/".join(path), op if value is not None else f"{op} null"
        case In(path, _):
            yield "/".join(path), "in"
        case Text(path, op, _):
            yield "/".join(path), op
        case Lambda(path, op, _, body):
            inner = [o for _, o in clauses(body)] if body else ["any"]
            for each in inner:
                yield "/".join(path), each
        case Not(body):
            yield "", "not"
            yield from clauses(body)
        case And(parts) | Or(parts):
            for part in parts:
                yield from clauses(part)


def widest(tree: Expr) -> int:
    """Return the largest number of alternatives any `or` or `in` of a tree holds."""
    match tree:
        case In(_, values):
            return len(values)
        case Or(parts):
            return max(len(parts), *map(widest, parts))
        case And(parts):
            return max(map(widest, parts))
        case Not(body) | Lambda(_, _, _, Compare() | In() | Text() | Lambda() | Not() | And() | Or() as body):
            return widest(body)
        case _:
            return 1


def matcher(tree: Expr) -> Test:
    """Return a function that tells whether a row satisfies a tree.

    Text compares without regard to letter case, times as instants, and nothing
    but `ne` and `not` holds for a property that is absent or null.
    """
    match tree:
        case Compare(path, op, value):
            return lambda row: _compare(op, value_at(row, path), value)
        case In(path, values):
            return lambda row: any(_compare("eq", value_at(row, path), v) for v in values)
        case Text(path, op, value):
            needle = value.casefold()
            return lambda row: _text(op, value_at(row, path), needle)
        case Lambda(path, op, var, body):
            return _lambda_test(path, op, var, matcher(body) if body else None)
        case Not(body):
            inner = matcher(body)
            return lambda row: not inner(row)
        case And(parts):
            tests = [matcher(p) for p in parts]
            return lambda row: all(t(row) for t in tests)
        case Or(parts):
            tests = [matcher(p) for p in parts]
            return lambda row: any(t(row) for t in tests)


def _lambda_test(path: tuple[str, ...], op: str, var: str, body: Test | None) -> Test:
    def test(row: Row) -> bool:
        found = value_at(row, path)
        if not isinstance(found, list):
            return op == "all"
        if body is None:
            return bool(found)
        results = (body({**row, var: item}) for item in found)
        return any(results) if op == "any" else all(results)

    return test


def value_at(row: Any, path: tuple[str, ...]) -> Any:
    """Return what lies at a path; type casts are passed over, `$count` is a list's length."""
    for part in path:
        if "." in part and not part.startswith("@"):
            continue
        if part == "$count":
            return len(row) if isinstance(row, list) else 0
        if not isinstance(row, Mapping):
            return None
        row = row.get(part)
    return row


def _compare(op: str, left: Any, right: Any) -> bool:
    if right is None:
        return {"eq": left is None, "ne": left is not None}.get(op, False)
    if isinstance(right, Moment):
        left = moment_of(left)
    elif isinstance(right, bool) or isinstance(left, bool):
        left = left if isinstance(left, bool) and isinstance(right, bool) else None
    elif isinstance(right, str):
        left, right = left.casefold() if isinstance(left, str) else None, right.casefold()
    elif not isinstance(left, int | float):
        left = None
    if left is None:
        return op == "ne"
    match op:
        case "eq":
            return bool(left == right)
        case "ne":
            return bool(left != right)
        case "gt":
            return bool(right < left)
        case "ge":
            return not left < right
        case "lt":
            return bool(left < right)
        case _:
            return not right < left


def _text(op: str, value: Any, needle: str) -> bool:
    if not isinstance(value, str):
        return False
    held = value.casefold()
    if op == "startswith":
        return held.startswith(needle)
    return held.endswith(needle) if op == "endswith" else needle in held


def order_key(path: tuple[str, ...]) -> Callable[[Row], tuple[int, Any]]:
    """Return a sort key for rows: absent first, times as instants, text without letter case."""

    def key(row: Row) -> tuple[int, Any]:
        value = value_at(row, path)
        when = moment_of(value)
        if when is not None:
            return 1, (when.seconds, when.ticks)
        if isinstance(value, str):
            return 2, value.casefold()
        if isinstance(value, bool | int | float):
            return 3, value
        return 0, 0

    return key
