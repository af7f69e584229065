"""A request's query options, the rules they must keep, and the opaque token of a next page."""

import base64
import binascii
import hashlib
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl, quote

from posture.emulator import answers
from posture.emulator.endpoints import Listing
from posture.emulator.odata import Expr, ODataError, clauses, parse_filter, widest
from posture.emulator.options import Expand, parse_expand, parse_names, parse_orderby, parse_search

_OPTIONS = {"select", "filter", "top", "expand", "count", "orderby", "search", "skiptoken", "skip"}
_ALTERNATIVES = 15
"""Values an `or` or `in` may hold. https://learn.microsoft.com/graph/filter-query-parameter"""
_PATH, _VALUE = "/()'=@$,:", "(),:$/;=*@"
"""Characters that stand unescaped in a next link."""
_ADVANCED_WORDS = {"endswith": "endsWith", "ne": "ne", "ne null": "ne", "not": "NOT"}


@dataclass(frozen=True)
class Query:
    """The options of one request, parsed. `raw` holds them as text, without the page token."""

    raw: Mapping[str, str]
    select: tuple[str, ...] | None = None
    where: Expr | None = None
    top: int | None = None
    expand: tuple[Expand, ...] = ()
    count: bool = False
    orderby: tuple[tuple[tuple[str, ...], bool], ...] = ()
    search: tuple[tuple[str, str], ...] = ()
    token: str = ""
    skip: int = 0

    @property
    def names(self) -> frozenset[str]:
        """Return everything asked for by name: selected properties and expanded relationships."""
        return frozenset(self.select or ()) | {e.name for e in self.expand}


def parse_query(text: str) -> Query:
    """Parse a query string as it was sent; raise Refusal where it is wrong. Unknown options are ignored."""
    raw: dict[str, str] = {}
    token = ""
    for key, value in parse_qsl(text, keep_blank_values=True):
        name = key.lstrip("$").lower()
        if name not in _OPTIONS:
            continue
        if name in raw or (name == "skiptoken" and token):
            raise answers.bad_request(
                f"Query option '${name}' was specified more than once, but it must be specified at most once."
            )
        if name == "skiptoken":
            token = value
        else:
            raw[name] = value
    try:
        return Query(
            raw=raw,
            select=parse_names(raw["select"]) if raw.get("select") else None,
            where=parse_filter(raw["filter"]) if "filter" in raw else None,
            top=_whole("top", raw["top"]) if "top" in raw else None,
            expand=parse_expand(raw["expand"]) if raw.get("expand") else (),
            count=_flag("count", raw["count"]) if "count" in raw else False,
            orderby=parse_orderby(raw["orderby"]) if "orderby" in raw else (),
            search=parse_search(raw["search"]) if "search" in raw else (),
            token=token,
            skip=_whole("skip", raw["skip"]) if "skip" in raw else 0,
        )
    except ODataError as error:
        raise answers.Refusal(400, "BadRequest", str(error)) from None


def _whole(name: str, text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise answers.bad_request(f"Invalid value '{text}' for ${name} query option found.") from None


def _flag(name: str, text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise answers.bad_request(f"Invalid value '{text}' for ${name} query option found.")
    return text.lower() == "true"


def check(query: Query, listing: Listing, *, eventual: bool, cast: bool, counting: bool) -> None:
    """Refuse what the endpoint does not take. They hold on every page alike.

    `cast` is a type cast that makes the query an advanced one; `counting` is
    the `/$count` segment, which needs the header alone.
    Source: https://learn.microsoft.com/graph/aad-advanced-queries
    """
    if query.where is not None and listing.filter_required and not _names_one(query.where, listing.filter_required):
        raise answers.bad_request(f"The request must filter by {' or '.join(listing.filter_required)}.")
    if listing.filter_required and query.where is None:
        raise answers.bad_request(f"The request must filter by {' or '.join(listing.filter_required)}.")
    for expand in query.expand:
        if expand.name.lower() not in listing.navs:
            raise answers.bad_request(
                "Parsing OData Select and Expand failed: Could not find a property named "
                f"'{expand.name}' on type 'microsoft.graph.{listing.resource}'."
            )
    if not listing.directory:
        if query.where is not None and listing.filters is not None:
            _filters(query.where, listing, advanced=False)
        return
    if query.skip:
        raise answers.bad_request("'$skip' is not supported by the service.")
    if len(query.expand) > 1:
        raise answers.bad_request("Multiple expands are not supported on directory objects.")
    if counting and not eventual:
        raise answers.bad_request("$count is not currently supported.")
    if query.search and not eventual:
        raise answers.unsupported(
            "Request with $search query parameter only works through MSGraph with a special request header: "
            "'ConsistencyLevel: eventual'"
        )
    advanced = eventual and (query.count or counting)
    if cast and not advanced:
        raise answers.needs_advanced("OData cast")
    if query.orderby and query.where is not None and not advanced:
        raise answers.needs_advanced("orderby with filter")
    if advanced and query.expand and ((query.where is not None and _is_advanced(query.where, listing)) or query.search):
        raise answers.unsupported("$expand is not supported together with advanced queries.")
    if query.where is not None:
        _filters(query.where, listing, advanced=advanced)
        if widest(query.where) > _ALTERNATIVES:
            raise answers.unsupported(
                "Too many child clauses specified in search filter expression containing 'OR' operators: "
                f"{widest(query.where)}. Max allowed: {_ALTERNATIVES}."
            )


def _names_one(where: Expr, names: tuple[str, ...]) -> bool:
    return any(name in names and op == "eq" for name, op in clauses(where))


def _is_advanced(where: Expr, listing: Listing) -> bool:
    try:
        _filters(where, listing, advanced=False)
    except answers.Refusal:
        return True
    return False


def _filters(where: Expr, listing: Listing, *, advanced: bool) -> None:
    seen = list(clauses(where))
    activity = [name for name, _ in seen if name.startswith("signInActivity/")]
    if activity and len(activity) < len([s for s in seen if s[0]]):
        raise answers.bad_clause("signInActivity", listing.resource)
    for name, op in seen:
        if not advanced and op in _ADVANCED_WORDS:
            raise answers.needs_advanced(_ADVANCED_WORDS[op])
        if not name or listing.filters is None:
            continue
        support = listing.filters.get(name)
        if support is None:
            raise answers.bad_clause(name, listing.resource)
        default, more = support
        if op == "eq null":
            op = "eq" if "null" not in more or advanced else "null"
        if op == "ne null":
            op = "ne"
        if op not in default and not (advanced and op in more):
            raise answers.bad_clause(name, listing.resource)


def page_size(query: Query, listing: Listing) -> int | None:
    """Return how many rows a page holds; None for all. Raises Refusal for a $top out of range.

    Source: https://learn.microsoft.com/graph/api/user-list
    """
    if listing.page is None:
        return None
    default, most = listing.page
    if query.select and "signInActivity" in query.select:
        most = min(most, 500)
    if query.top is None or listing.top == "ignore":
        return min(default, most)
    if listing.top == "refuse" and not 1 <= query.top <= 999:
        raise answers.bad_request(f"Invalid page size specified: '{query.top}'. Must be between 1 and 999 inclusive.")
    if query.top < 1:
        raise answers.bad_request(f"Invalid value '{query.top}' for $top query option found.")
    return min(query.top, most)


def make_token(offset: int, path: str, query: Query) -> str:
    """Return the opaque token of a page that starts at an offset of this very query."""
    place = struct.pack(">Q", offset)
    seal = _seal(place, path, query)
    return (
        base64.urlsafe_b64encode(b"EMU1" + bytes(a ^ b for a, b in zip(place, seal, strict=False)) + seal)
        .decode()
        .rstrip("=")
    )


def read_token(path: str, query: Query) -> int:
    """Return the offset of a token; raise Refusal where it is not one of this query."""
    if not query.token:
        return 0
    wrong = answers.bad_request("Invalid skip token.")
    try:
        data = base64.urlsafe_b64decode(query.token + "=" * (-len(query.token) % 4))
    except (binascii.Error, ValueError):
        raise wrong from None
    if len(data) != 20 or not data.startswith(b"EMU1"):
        raise wrong
    seal = data[12:]
    place = bytes(a ^ b for a, b in zip(data[4:12], seal, strict=False))
    if seal != _seal(place, path, query):
        raise wrong
    return int(struct.unpack(">Q", place)[0])


def _seal(place: bytes, path: str, query: Query) -> bytes:
    text = "\x00".join([path.lower(), *(f"{k}={v}" for k, v in sorted(query.raw.items()))])
    return hashlib.blake2b(place + text.encode(), digest_size=8).digest()


def next_link(origin: str, version: str, path: str, query: Query, token: str) -> str:
    """Return the address of the next page: the same options and the token."""
    options = "&".join(f"${k}={quote(v, safe=_VALUE)}" for k, v in query.raw.items())
    return f"{origin}/{version}/{quote(path, safe=_PATH)}?{options}{'&' if options else ''}$skiptoken={token}"
