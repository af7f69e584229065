"""Lists page by page: which rows, in which order, how many, and the link to the next ones."""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import orjson

from posture.emulator import faults
from posture.emulator.call import Call, Reply
from posture.emulator.data import Dataset
from posture.emulator.endpoints import Listing
from posture.emulator.odata import And, Compare, Expr, Lambda, Moment, Or, clauses, order_key, value_at
from posture.emulator.permissions import Granted
from posture.emulator.query import Query, check, make_token, next_link, page_size, read_token
from posture.emulator.route import Target
from posture.emulator.rows import DiskRows, Rows
from posture.emulator.shape import shaper

_PICKS_KEPT = 64
_NEWEST_FIRST = {"auditLogs/directoryAudits": "activityDateTime", "auditLogs/signIns": "createdDateTime"}
_RETENTION_DAYS = {True: 30, False: 7}
"""With P1 or P2, and without.

https://learn.microsoft.com/entra/identity/monitoring-health/reference-reports-data-retention
"""
_INTERACTIVE = Or(
    (
        Compare(("signInEventTypes",), "eq", None),
        Lambda(("signInEventTypes",), "any", "t", Compare(("t",), "eq", "interactiveUser")),
    )
)
"""What sign-in lists hold unless the filter asks for more. https://learn.microsoft.com/graph/api/signin-list."""
_NOTHING = Compare(("id",), "eq", "\x00")


class Lists:
    """The lists of one app. What a query picks is kept for its next pages."""

    def __init__(self, data: Dataset, granted: Granted) -> None:
        self._data, self._tenant, self._granted = data, data.tenant, granted
        self._picks: OrderedDict[tuple[Any, ...], Sequence[int]] = OrderedDict()

    def forget(self) -> None:
        """Forget what was picked: the rows have changed."""
        self._picks.clear()

    def count(self, call: Call, target: Target, listing: Listing, rows: Rows, query: Query) -> int:
        """Return the answer of `/$count`."""
        check(query, listing, eventual=call.eventual, cast=False, counting=True)
        if target.nav is None and query.where is None:
            recorded = self._data.count_recorded(target.version, target.path)
            if recorded is not None:
                return recorded
        return len(self._pick(target.version, listing, rows, query, keep=target.nav is None))

    def page(
        self,
        call: Call,
        target: Target,
        listing: Listing,
        rows: Rows,
        query: Query,
        striking: Sequence[faults.Fault],
    ) -> Reply:
        """Return one page of a list."""
        check(query, listing, eventual=call.eventual, cast=bool(target.cast), counting=False)
        size = page_size(query, listing)
        most = self._tenant.quirks.page_size
        if most and size is not None:
            size = min(size, most)
        path, emptied = listing.path, "$emptied" in call.decoded_query
        offset = read_token(path, query) or query.skip
        numbers = self._pick(target.version, listing, rows, query, keep=target.nav is None)
        page: dict[str, Any] = {"@odata.context": f"{call.origin}/{target.version}/$metadata#{path}"}
        if query.count and (call.eventual or not listing.directory) and not query.token and not emptied:
            page["@odata.count"] = len(numbers)
        stop = len(numbers) if size is None else offset + size
        if self._tenant.quirks.empty_page and not query.token and not emptied and size is not None:
            stop = offset
            page["@odata.nextLink"] = call.address + ("&" if call.query else "?") + "$emptied=1"
        elif stop < len(numbers):
            page["@odata.nextLink"] = next_link(call.origin, target.version, path, query, make_token(stop, path, query))
        chunk = numbers[offset:stop]
        quick = self._quick(listing, rows, chunk, query) if all(f.only_pace for f in striking) else None
        if quick is not None:
            return Reply(200, orjson.dumps(page)[:-1] + b',"value":[' + quick + b"]}", keep=True)
        shape = shaper(self._data, self._granted, listing, query)
        page["value"] = [shape(rows.row(i)) for i in chunk]
        for fault in striking:
            if fault.kind in faults.PAGES:
                faults.change_page(fault, page, call.origin, call.path, call.address)
        return Reply(200, page)

    def _quick(self, listing: Listing, rows: Rows, chunk: Sequence[int], query: Query) -> bytes | None:
        """Return a page of made-up guests as text, where nothing has to be done to its rows."""
        tenant = self._tenant
        if tenant.generate is None or tenant.quirks.touch_rows or not self._granted.allows("User.Read.All"):
            return None
        select = query.select or listing.default_select
        if not query.expand:
            return rows.render(chunk, select, "", None)
        expand = query.expand[0]
        nav = listing.navs[expand.name.lower()]
        if not nav.many or (nav.name != "sponsors" and not self._granted.reads_object("group")):
            return None
        return rows.render(chunk, select, nav.name, expand.select)

    def _pick(self, version: str, listing: Listing, rows: Rows, query: Query, *, keep: bool) -> Sequence[int]:
        """Return the numbers of the rows a query lets through, in its order."""
        key = (version, listing.path, *(query.raw.get(n) for n in ("filter", "orderby", "search")))
        if keep and key in self._picks:
            self._picks.move_to_end(key)
            return self._picks[key]
        numbers = self._ordered(listing, rows, query, self._let_through(listing, rows, query))
        if keep:
            self._picks[key] = numbers
            if len(self._picks) > _PICKS_KEPT:
                self._picks.popitem(last=False)
        return numbers

    def _let_through(self, listing: Listing, rows: Rows, query: Query) -> Sequence[int]:
        where = None if self._tenant.quirks.ignore_filters else query.where
        parts = [*self._always(listing.path, query), *([where] if where is not None else [])]
        numbers = rows.pick(None if not parts else parts[0] if len(parts) == 1 else And(tuple(parts)))
        return [i for i in numbers if _found(rows.row(i), query.search)] if query.search else numbers

    @staticmethod
    def _ordered(listing: Listing, rows: Rows, query: Query, numbers: Sequence[int]) -> Sequence[int]:
        order = query.orderby
        if not order and listing.path in _NEWEST_FIRST:
            order = (((_NEWEST_FIRST[listing.path],), True),)
        if isinstance(rows, DiskRows):  # long recorded lists keep the order they were stored in
            return numbers
        for path, down in reversed(order):
            by = order_key(path)
            numbers = sorted(numbers, key=lambda i, by=by: by(rows.row(i)), reverse=down)  # type: ignore[misc]
        return numbers

    def _always(self, path: str, query: Query) -> list[Expr]:
        """Return what a list leaves out without being asked: old log entries, what the licence hides."""
        tenant = self._tenant
        if self._data.recorded:
            return []
        if path in _NEWEST_FIRST:
            since = tenant.clock - timedelta(days=_RETENTION_DAYS[tenant.premium])
            kept: list[Expr] = [Compare((_NEWEST_FIRST[path],), "ge", Moment(int(since.timestamp()), 0))]
            named = {name for name, _ in clauses(query.where)} if query.where is not None else set()
            return kept if "signInEventTypes" in named else [*kept, _INTERACTIVE]
        return [_NOTHING] if path.startswith("identity/conditionalAccess/") and not tenant.premium else []


def _found(row: Mapping[str, Any], terms: Sequence[tuple[str, str]]) -> bool:
    return all(text.casefold() in str(value_at(row, (name,)) or "").casefold() for name, text in terms)
