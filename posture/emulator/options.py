"""$select, $expand, $orderby and $search as text, and what they mean.

Source: https://learn.microsoft.com/graph/query-parameters
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from posture.emulator.odata import ODataError


@dataclass(frozen=True, slots=True)
class Expand:
    """One relationship of $expand with its own $select (None = everything)."""

    name: str
    select: tuple[str, ...] | None = None


def parse_expand(text: str) -> tuple[Expand, ...]:
    """Return the relationships of a $expand, with the options in their brackets."""
    found = []
    for part in _split(text, ","):
        name, bracket, rest = part.partition("(")
        name = name.strip()
        if not re.fullmatch(r"[A-Za-z_][\w.]*(?:/[\w.$]+)*", name) and name != "*":
            raise ODataError(f"Could not parse $expand '{text}'.")
        if not bracket:
            found.append(Expand(name))
            continue
        if not rest.endswith(")"):
            raise ODataError(f"Could not parse $expand '{text}'.")
        select: tuple[str, ...] | None = None
        for option in _split(rest[:-1], ";"):
            key, equals, value = option.strip().partition("=")
            if not equals:
                raise ODataError(f"Could not parse $expand '{text}'.")
            if key.lstrip("$").lower() == "select":
                select = parse_names(value)
        found.append(Expand(name, select))
    return tuple(found)


def parse_names(text: str) -> tuple[str, ...]:
    """Return the names of a $select."""
    names = tuple(n.strip() for n in text.split(","))
    if not all(re.fullmatch(r"[@A-Za-z_*][\w.@/*]*", n) for n in names):
        raise ODataError(f"Could not parse $select '{text}'.")
    return names


def parse_orderby(text: str) -> tuple[tuple[tuple[str, ...], bool], ...]:
    """Return the keys of an $orderby as (path, descending)."""
    keys = []
    for part in text.split(","):
        found = re.fullmatch(r"\s*([A-Za-z_][\w./]*)(?:\s+(asc|desc))?\s*", part)
        if not found:
            raise ODataError(f"Could not parse $orderby '{text}'.")
        keys.append((tuple(found[1].split("/")), found[2] == "desc"))
    return tuple(keys)


def parse_search(text: str) -> tuple[tuple[str, str], ...]:
    """Return the terms of a $search as (property, text); all must hold.

    Source: https://learn.microsoft.com/graph/search-query-parameter
    """
    terms = []
    for part in re.split(r"\s+AND\s+", text.strip()):
        found = re.fullmatch(r'"([A-Za-z]+):([^"]*)"', part)
        if not found:
            raise ODataError(f"Syntax error: could not parse $search '{text}'.")
        terms.append((found[1], found[2]))
    return tuple(terms)


def _split(text: str, mark: str) -> Iterator[str]:
    """Split at a mark that stands outside brackets and quotes."""
    depth, start, quoted = 0, 0, False
    for i, c in enumerate(text):
        if c == "'":
            quoted = not quoted
        elif quoted:
            continue
        elif c == "(":
            depth += 1
        elif c == ")":
            depth -= 1
        elif c == mark and depth == 0:
            yield text[start:i]
            start = i + 1
    if depth or quoted:
        raise ODataError(f"Unbalanced brackets or quotes in '{text}'.")
    yield text[start:]
