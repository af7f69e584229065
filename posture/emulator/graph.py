"""Graph itself: one call in, one answer out. No sockets here, and no clock but the tenant's."""

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import unquote_plus
from uuid import NAMESPACE_URL, uuid5

import orjson

from posture.emulator import answers, faults
from posture.emulator.data import Dataset, Missing, typed
from posture.emulator.endpoints import LISTINGS, Listing, Nav, Single
from posture.emulator.gaps import not_licensed, recorded_gaps, refusal_of
from posture.emulator.limits import Limits, bucket_of
from posture.emulator.odata import And, Compare, Expr, Moment, clauses, order_key, value_at
from posture.emulator.permissions import Granted, refusal
from posture.emulator.query import Query, check, make_token, next_link, page_size, parse_query, read_token
from posture.emulator.route import Target, resolve, segments_of
from posture.emulator.rows import DiskRows, MemoryRows, Rows
from posture.emulator.shape import shaper, show_object
from posture.emulator.tenant import EmulatedTenant
from posture.emulator.writes import write

JSON = "application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8"
BATCH_LIMIT = 20
"""Requests in one $batch. https://learn.microsoft.com/graph/json-batching"""
_IDS_LIMIT = 1000
_PICKS_KEPT = 64
_NEWEST_FIRST = {"auditLogs/directoryAudits": "activityDateTime", "auditLogs/signIns": "createdDateTime"}


@dataclass(frozen=True)
class Call:
    """One request, alone or within a batch. `path` and `query` are as sent, `headers` in lower case."""

    method: str
    path: str
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    origin: str = "http://127.0.0.1"
    batched: bool = False

    @property
    def eventual(self) -> bool:
        """The caller accepts eventual consistency, as advanced queries want it."""
        return self.headers.get("consistencylevel", "").lower() == "eventual"


@dataclass
class Reply:
    """One answer. `body` is JSON to be, or bytes as they are."""

    status: int
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    wait: float = 0.0
    drip: float = 0.0
    keep: bool = False

    def payload(self) -> bytes:
        """Return the body's bytes."""
        if isinstance(self.body, bytes):
            return self.body
        return b"" if self.body is None else orjson.dumps(self.body)


class Graph:
    """A tenant answering calls."""

    def __init__(
        self,
        tenant: EmulatedTenant,
        *,
        clock: Callable[[], datetime],
        allow_writes: bool = False,
        plan: Sequence[faults.Fault] = (),
        monotonic: Callable[[], float],
    ) -> None:
        self.tenant, self.data = tenant, Dataset(tenant)
        if not self.data.recorded:
            self.data.check()
        self._clock, self._writes = clock, allow_writes
        self._granted = Granted(tenant.permissions)
        self._plan = faults.Plan([*tenant.faults, *_quirk_faults(tenant), *plan])
        self._gaps = recorded_gaps(tenant.manifest)
        self._picks: OrderedDict[tuple[Any, ...], Sequence[int]] = OrderedDict()
        self._monotonic = monotonic
        self._limits: Limits | None = None

    def answer(self, call: Call) -> Reply:
        """Answer a call."""
        return self.answer_struck(call, self.striking(call))

    def striking(self, call: Call) -> tuple[faults.Fault, ...]:
        """Return the faults that strike a call, and count it among the plan's occurrences."""
        return self._plan.striking(call.method, "/".join(segments_of(call.path)), _decoded(call.query))

    def answer_struck(self, call: Call, striking: Sequence[faults.Fault]) -> Reply:
        """Answer a call under the faults that strike it."""
        reply = self._struck(call, striking) or self._answer(call, segments_of(call.path), striking)
        self.stamp(call, reply, striking)
        return reply

    def cacheable(self, call: Call, striking: Sequence[faults.Fault]) -> bool:
        """Tell whether an earlier answer to the same address may stand in."""
        return call.method == "GET" and not self.tenant.quirks.limits and all(f.only_pace for f in striking)

    # Faults around the answer.

    def _struck(self, call: Call, striking: Sequence[faults.Fault]) -> Reply | None:
        for fault in striking:
            if not fault.answers_alone:
                continue
            if fault.kind == "status" and fault.variant in ("html", "empty"):
                body = faults.lone_body(replace(fault, kind=fault.variant))[0]
                wait = faults.refusal_of(fault, self._clock()).headers
                kind = "text/html" if fault.variant == "html" else JSON
                return Reply(fault.status, body, {"Content-Type": kind, **wait})
            if fault.kind in faults.ALONE:
                body, kind, coding = faults.lone_body(fault)
                return Reply(200, body, {"Content-Type": kind} | ({"Content-Encoding": coding} if coding else {}))
            return self._refused(call, faults.refusal_of(fault, self._clock()))
        return None

    def stamp(self, call: Call, reply: Reply, striking: Sequence[faults.Fault]) -> None:
        """Put on what every answer carries, and the pace of the faults."""
        now = self._clock()
        for fault in striking:
            match fault.kind:
                case "latency":
                    reply.wait += fault.seconds
                case "slow":
                    reply.drip = fault.seconds
                case "clock-skew":
                    now += timedelta(seconds=fault.seconds)
        reply.headers.setdefault("Content-Type", JSON)
        if not call.batched:
            request_id = self.request_id(call)
            reply.headers["request-id"] = request_id
            reply.headers["client-request-id"] = _plain(call.headers.get("client-request-id", "")) or request_id
            reply.headers["Date"] = now.astimezone(UTC).strftime("%a, %d %b %Y %H:%M:%S GMT")

    def request_id(self, call: Call) -> str:
        """Return the id of an answer: the same for the same method, path, query and body."""
        body = call.body.decode("utf-8", "replace")
        return str(uuid5(NAMESPACE_URL, "\x00".join((call.method, call.path, _decoded(call.query), body))))

    def _refused(self, call: Call, error: answers.Refusal) -> Reply:
        if 300 <= error.status < 400:
            return Reply(error.status, b"", dict(error.headers))
        inner: dict[str, str] = {"date": self._clock().astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")}
        inner["request-id"] = self.request_id(call)
        inner["client-request-id"] = _plain(call.headers.get("client-request-id", "")) or inner["request-id"]
        key = "innererror" if self.tenant.quirks.innererror_lowercase else "innerError"
        body = {"error": {"code": error.code, "message": error.message, key: inner}}
        return Reply(error.status, body, dict(error.headers))

    # The answer itself.

    def _answer(self, call: Call, segments: list[str], striking: Sequence[faults.Fault]) -> Reply:
        try:
            self._authorize(call)
            target = resolve(segments)
            reply = self._respond(call, target, striking)
        except _UnusableAnswer as recorded:
            return Reply(200, recorded.body)
        except answers.Refusal as error:
            return self._refused(call, error)
        except Missing as missing:
            return self._refused(call, answers.not_found(str(missing)))
        return self._damaged(reply, striking)

    def _authorize(self, call: Call) -> None:
        scheme, _, token = call.headers.get("authorization", "").partition(" ")
        if not call.batched and (scheme.lower() != "bearer" or not token.strip()):
            raise answers.unauthorized()

    def _damaged(self, reply: Reply, striking: Sequence[faults.Fault]) -> Reply:
        for fault in striking:
            if not fault.answers_alone and fault.kind in faults.BODIES and reply.status == 200:
                body = reply.body if not isinstance(reply.body, bytes) else _loads(reply.body)
                reply.body = faults.change_body(fault, body)
        return reply

    def _respond(self, call: Call, target: Target, striking: Sequence[faults.Fault]) -> Reply:
        if target.function == "batch":
            self._only(call, "POST")
            return self._batch(call, target)
        if target.function == "by-ids":
            self._only(call, "POST")
            return self._by_ids(call, target)
        if call.method != "GET":
            if not self._writes:
                raise answers.not_allowed(call.method)
            self._picks.clear()
            status, body = write(self.data, call.method, target, call.body, self.tenant.clock)
            return Reply(status, body)
        query = parse_query(call.query)
        self._admit(target, query)
        share = self._throttle(target, query)
        reply = self._read(call, target, query, striking)
        if share is not None:
            reply.headers["x-ms-resource-unit"] = str(_cost(target, query))
            if share > 0.8:
                reply.headers["x-ms-throttle-limit-percentage"] = f"{share:.1f}"
        return reply

    @staticmethod
    def _only(call: Call, method: str) -> None:
        if call.method != method:
            raise answers.not_allowed(call.method)

    def _read(self, call: Call, target: Target, query: Query, striking: Sequence[faults.Fault]) -> Reply:
        if target.single is not None:
            return self._single(call, target, target.single)
        if target.listing is None:
            raise answers.no_segment(target.path)
        if target.function == "tenant-information":
            return self._tenant_information(call, target)
        if target.version == "arm":
            return Reply(200, {"value": [self.data.log_export().row(i) for i in range(len(self.data.log_export()))]})
        if target.nav is not None:
            return self._related(call, target, query, striking)
        rows = self.data.rows(target.version, target.listing)
        if target.key:
            return self._item(call, target, rows, query)
        return self._list(call, target, target.listing, rows, query, striking, target.path)

    # Who may ask what.

    def _admit(self, target: Target, query: Query) -> None:
        spec = target.listing or target.single
        if spec is None:
            raise answers.no_segment(target.path)
        quirks = self.tenant.quirks
        last = target.path.rpartition("/")[2]
        if self.tenant.cloud in spec.absent_in or (
            target.path == "legacy/policies" and quirks.legacy_policies == "gone"
        ):
            raise answers.no_segment(last, quirks.segment_status)
        asked = query.names | ({target.nav.name} if target.nav else set()) | ({"$count"} if target.counting else set())
        if query.where is not None and any(op == "endswith" for _, op in clauses(query.where)):
            asked |= {"externalMembers"}
        self._recorded(target, spec, asked)
        need, family = (target.nav.need, target.nav.family) if target.nav else (spec.need, spec.family)
        if target.path == "policies/b2bManagementPolicies" and quirks.b2b_management_policies == "refused":
            raise answers.directory_denied()
        if not self._granted.allows(need):
            raise refusal(family, need)
        if "signInActivity" in query.names and not self._granted.allows("AuditLog.Read.All"):
            raise answers.audit_denied()
        for expand in query.expand:
            nav = spec.navs.get(expand.name.lower()) if isinstance(spec, Listing) else None
            if nav is not None and not self._granted.allows(nav.need):
                raise refusal(nav.family, nav.need)
        self._licensed(spec, query)
        names = {name for name, _ in clauses(query.where)} if query.where is not None else set()
        if quirks.refuse_date_filters and target.path == "users" and len(names) > 1 and "createdDateTime" in names:
            raise answers.bad_clause("createdDateTime", "User")

    def _recorded(self, target: Target, spec: Listing | Single, asked: frozenset[str] | set[str]) -> None:
        for gap in self._gaps:
            if gap.strikes(target.version, target.path, frozenset(asked)):
                answer = refusal_of(gap, spec.family, "premium" if "signInActivity" in asked else spec.licence)
                if isinstance(answer, answers.Refusal):
                    raise answer
                if isinstance(answer, bytes):
                    raise _UnusableAnswer(answer)

    def _licensed(self, spec: Listing | Single, query: Query) -> None:
        tenant = self.tenant
        if tenant.manifest is not None:
            return
        lacking = {
            "premium": not tenant.premium,
            "pim": not tenant.governed,
            "governance": not tenant.governed,
            "lifecycle": "Governance" not in tenant.licences,
            "conditional-access": not tenant.premium and tenant.quirks.conditional_access_unlicensed == "refused",
        }
        if lacking.get(spec.licence):
            raise not_licensed(spec.licence)
        asked = set(query.names) | {name for name, _ in (clauses(query.where) if query.where is not None else ())}
        if not tenant.premium and any(name.startswith("signInActivity") for name in asked):
            raise answers.not_premium()

    def _throttle(self, target: Target, query: Query) -> float | None:
        """Count the request where limits are on; return None where no resource units are told."""
        bucket = bucket_of(target.path, sign_in_activity="signInActivity" in query.names)
        share = 0.0
        if self.tenant.quirks.limits:
            if self._limits is None:
                users = len(self.data.rows("v1.0", LISTINGS["users"]))
                self._limits = Limits(self._monotonic, users)
            share = self._limits.take(bucket, _cost(target, query))
        return share if bucket in ("identity", "sign-in-activity") else None

    # Single objects.

    def _single(self, call: Call, target: Target, single: Single) -> Reply:
        found = self.data.single(target.version, single.path)
        if found is None:
            raise answers.not_found(single.path)
        context = f"{call.origin}/{target.version}/$metadata#{single.path}"
        if target.part:
            parts = found.get(target.part)
            parts = parts if isinstance(parts, list) else []
            if not target.key:
                return Reply(200, {"@odata.context": f"{context}/{target.part}", "value": parts})
            part = next((p for p in parts if str(p.get("id", "")).lower() == target.key.lower()), None)
            if part is None:
                raise answers.not_found(target.key)
            return Reply(200, self._wrap({"@odata.context": f"{context}/{target.part}/$entity", **part}))
        query = parse_query(call.query)
        listing = Listing(single.path, single.need, key="id")
        body = shaper(self.data, self._granted, listing, query, single.path)(found)
        body = {"@odata.context": f"{context}/$entity", **{k: v for k, v in body.items() if k != "@odata.context"}}
        return Reply(200, self._wrap(body) if single.wrapped else body)

    def _wrap(self, body: dict[str, Any]) -> dict[str, Any]:
        if not self.tenant.quirks.value_wrapper:
            return body
        context = body.pop("@odata.context", None)
        return {"@odata.context": context, "value": body}

    def _item(self, call: Call, target: Target, rows: Rows, query: Query) -> Reply:
        listing = target.listing
        assert listing is not None
        number = rows.find(target.key)
        if number is None and listing.path == "users" and "signInActivity" not in query.names:
            number = self._by_upn(rows, target.key)
        if number is None:
            raise answers.not_found(target.key)
        if target.tail:
            raise answers.no_segment(target.tail[0])
        check(
            replace(query, count=False),
            replace(listing, filter_required=()),
            eventual=False,
            cast=False,
            counting=False,
        )
        body = shaper(self.data, self._granted, listing, query, target.path)(rows.row(number))
        context = f"{call.origin}/{target.version}/$metadata#{listing.path}/$entity"
        return Reply(200, {"@odata.context": context, **body})

    def _by_upn(self, rows: Rows, upn: str) -> int | None:
        found = rows.pick(Compare(("userPrincipalName",), "eq", upn))
        return found[0] if len(found) else None

    def _tenant_information(self, call: Call, target: Target) -> Reply:
        found = self.data.tenant_information(target.path, target.key)
        if found is None:
            raise answers.not_found(target.key)
        kind = "microsoft.graph.tenantInformation"
        return Reply(200, {"@odata.context": f"{call.origin}/{target.version}/$metadata#{kind}", **found})

    # Lists.

    def _related(self, call: Call, target: Target, query: Query, striking: Sequence[faults.Fault]) -> Reply:
        listing, nav = target.listing, target.nav
        assert listing is not None
        assert nav is not None
        if target.tail:
            raise answers.no_segment(target.tail[0])
        rows = self.data.rows(target.version, listing)
        number = rows.find(target.key)
        if number is None:
            raise answers.not_found(target.key)
        found = self.data.related(listing, rows.row(number), nav.name)
        if not nav.many:
            if found is None or isinstance(found, list):
                raise answers.not_found(nav.name)
            context = f"{call.origin}/{target.version}/$metadata#{listing.path}/{nav.name}/$entity"
            return Reply(200, {"@odata.context": context, **show_object(self.data, self._granted, found, None)})
        objects = found if isinstance(found, list) else []
        if target.cast:
            objects = [o for o in objects if str(o.get("@odata.type", "")).lower().endswith("." + target.cast)]
        path = f"{listing.path}/{target.key}/{nav.name}" + (f"/microsoft.graph.{target.cast}" if target.cast else "")
        page = None if nav.page == (0, 0) else nav.page
        inner = Listing(path, nav.need, directory=nav.directory, page=page, top="refuse" if nav.directory else "cap")
        shown = [show_object(self.data, self._granted, o, None) for o in objects]
        return self._list(call, target, inner, MemoryRows(shown), query, striking, path, nav=nav)

    def _list(
        self,
        call: Call,
        target: Target,
        listing: Listing,
        rows: Rows,
        query: Query,
        striking: Sequence[faults.Fault],
        path: str,
        nav: Nav | None = None,
    ) -> Reply:
        advanced_cast = bool(target.cast) and not target.counting
        check(query, listing, eventual=call.eventual, cast=advanced_cast, counting=target.counting)
        if target.counting:
            return self._counted(target, listing, rows, query)
        size = page_size(query, listing)
        if self.tenant.quirks.page_size and listing.page is not None:
            size = min(size or self.tenant.quirks.page_size, self.tenant.quirks.page_size)
        offset = read_token(path, query) or query.skip
        emptied = "$emptied" in _decoded(call.query)
        numbers = self._pick(target, listing, rows, query, path, keep=nav is None)
        page: dict[str, Any] = {"@odata.context": f"{call.origin}/{target.version}/$metadata#{path}"}
        counts = query.count and (call.eventual or not listing.directory)
        if counts and not query.token and not emptied:
            page["@odata.count"] = len(numbers)
        stop = len(numbers) if size is None else offset + size
        if self.tenant.quirks.empty_page and not query.token and not emptied and size is not None:
            stop = offset
            page["@odata.nextLink"] = _this(call) + ("&" if call.query else "?") + "$emptied=1"
        elif stop < len(numbers):
            token = make_token(stop, path, query)
            page["@odata.nextLink"] = next_link(call.origin, target.version, path, query, token)
        chunk = numbers[offset:stop]
        quick = None if not all(f.only_pace for f in striking) else self._quick(listing, rows, chunk, query, path)
        if quick is not None:
            return Reply(200, orjson.dumps(page)[:-1] + b',"value":[' + quick + b"]}", keep=True)
        shape = shaper(self.data, self._granted, listing, query, path)
        page["value"] = [shape(rows.row(i)) for i in chunk]
        for fault in striking:
            if fault.kind in faults.PAGES:
                faults.change_page(fault, page, call.origin, call.path, _this(call))
        return Reply(200, page)

    def _quick(self, listing: Listing, rows: Rows, chunk: Sequence[int], query: Query, path: str) -> bytes | None:
        """Return a page of made-up guests as text, where nothing has to be done to its rows."""
        tenant = self.tenant
        if tenant.generate is None or tenant.quirks.touch_rows or not self._granted.allows("User.Read.All"):
            return None
        expand = query.expand[0] if query.expand else None
        if expand is not None and expand.name != "sponsors" and not self._granted.reads_object("group"):
            return None
        select = query.select or listing.default_select
        name = listing.navs[expand.name.lower()].name if expand else ""
        if expand and not listing.navs[name.lower()].many:
            return None
        return rows.render(chunk, select, name, expand.select if expand else None)

    def _counted(self, target: Target, listing: Listing, rows: Rows, query: Query) -> Reply:
        recorded = None
        if target.nav is None and query.where is None:
            recorded = self.data.count_recorded(target.version, target.path)
        number = recorded if recorded is not None else len(self._pick(target, listing, rows, query, target.path))
        if any(g.reason == "incomplete-list" and g.path == target.path.lower() for g in self._gaps):
            number += 1
        return Reply(200, str(number).encode(), {"Content-Type": "text/plain"})

    def _pick(
        self, target: Target, listing: Listing, rows: Rows, query: Query, path: str, keep: bool = True
    ) -> Sequence[int]:
        """Return the numbers of the rows a query lets through, in its order; kept for the next page."""
        key = (target.version, path, query.raw.get("filter"), query.raw.get("orderby"), query.raw.get("search"))
        if keep and key in self._picks:
            self._picks.move_to_end(key)
            return self._picks[key]
        where = None if self.tenant.quirks.ignore_filters else query.where
        for extra in self._always(target, path, query):
            where = extra if where is None else And((extra, where))
        numbers = rows.pick(where)
        if query.search:
            numbers = [i for i in numbers if _found(rows.row(i), query.search)]
        order = query.orderby or (((_NEWEST_FIRST[path],), True),) if path in _NEWEST_FIRST else query.orderby
        if order and not isinstance(rows, DiskRows):
            for keys, down in reversed(order):
                by = order_key(keys)
                numbers = sorted(numbers, key=lambda i, by=by: by(rows.row(i)), reverse=down)  # type: ignore[misc]
        if keep and target.nav is None:
            self._picks[key] = numbers
            if len(self._picks) > _PICKS_KEPT:
                self._picks.popitem(last=False)
        return numbers

    def _always(self, target: Target, path: str, query: Query) -> list[Expr]:
        """Return what a list leaves out without being asked: old log entries, what the licence hides."""
        tenant = self.tenant
        if path in _NEWEST_FIRST and not self.data.recorded:
            days = 30 if tenant.premium else 7
            since = tenant.clock - timedelta(days=days)
            return [Compare((_NEWEST_FIRST[path],), "ge", Moment(int(since.timestamp()), 0))]
        if path.startswith("identity/conditionalAccess/") and not tenant.premium and not self.data.recorded:
            return [Compare(("id",), "eq", "\x00")]
        return []

    # The two POSTs that only read.

    def _by_ids(self, call: Call, target: Target) -> Reply:
        body = _loads(call.body)
        ids = body.get("ids") if isinstance(body, dict) else None
        kinds = body.get("types") if isinstance(body, dict) else None
        if not isinstance(ids, list) or not all(isinstance(i, str) for i in ids):
            raise answers.bad_request("The ids are missing.")
        if len(ids) > _IDS_LIMIT:
            raise answers.bad_request(f"Too many ids: {len(ids)}. Max allowed: {_IDS_LIMIT}.")
        wanted = {str(k).lower() for k in kinds} if isinstance(kinds, list) and kinds else {"directoryobject"}
        found = []
        for known in self.data.resolve(ids):
            kind = str(known["@odata.type"]).rpartition(".")[2]
            if "directoryobject" in wanted or kind.lower() in wanted:
                found.append(show_object(self.data, self._granted, typed(kind, known), None))
        context = f"{call.origin}/{target.version}/$metadata#directoryObjects"
        return Reply(200, {"@odata.context": context, "value": found}, {"x-ms-resource-unit": "5"})

    def _batch(self, call: Call, target: Target) -> Reply:
        body = _loads(call.body)
        requests = body.get("requests") if isinstance(body, dict) else None
        if not isinstance(requests, list) or not requests or not all(isinstance(r, dict) for r in requests):
            raise answers.Refusal(400, "BadRequest", "Invalid batch payload format.")
        if len(requests) > BATCH_LIMIT:
            raise answers.Refusal(
                400, "BadRequest", f"Number of batch request steps exceeds the maximum value of {BATCH_LIMIT}."
            )
        names = [r.get("id") for r in requests]
        if not all(isinstance(n, str) and n for n in names) or len(set(names)) != len(names):
            raise answers.Refusal(400, "BadRequest", "Every request in a batch needs its own id.")
        inner = [self._batched(call, target.version, r) for r in requests]
        # Graph does not promise the order of a batch's answers, so nobody may count on it.
        return Reply(200, {"responses": inner[::-1]})

    def _batched(self, call: Call, version: str, request: dict[str, Any]) -> dict[str, Any]:
        url, method, headers = request.get("url"), str(request.get("method", "")).upper(), request.get("headers")
        name = str(request["id"])
        if not isinstance(url, str) or "://" in url or not method:
            error = answers.Refusal(400, "BadRequest", "Invalid url in batch request.")
            return _batch_item(name, self._refused(call, error))
        path, _, query = url.partition("?")
        given = headers if isinstance(headers, dict) else {}
        step = Call(
            method,
            f"/{version}/{path.lstrip('/')}",
            query.partition("#")[0],
            {str(k).lower(): str(v) for k, v in given.items()},
            b"",
            call.origin,
            batched=True,
        )
        if path.strip("/").lower() == "$batch":
            return _batch_item(name, self._refused(step, answers.not_allowed(method)))
        return _batch_item(name, self.answer(step))


class _UnusableAnswer(Exception):  # noqa: N818 - an answer, not an error
    """A recorded answer that was no JSON."""

    def __init__(self, body: bytes) -> None:
        super().__init__()
        self.body = body


def _batch_item(name: str, reply: Reply) -> dict[str, Any]:
    kind = reply.headers.get("Content-Type", JSON)
    body: Any = reply.body
    if isinstance(body, bytes):
        body = int(body) if kind.startswith("text/plain") and body.isdigit() else _try_json(body)
    return {"id": name, "status": reply.status, "headers": {**reply.headers, "Content-Type": kind}, "body": body}


def _try_json(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return body.decode("utf-8", "replace")


def _loads(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        raise answers.Refusal(400, "BadRequest", "Unable to read JSON request payload.") from None


def _quirk_faults(tenant: EmulatedTenant) -> list[faults.Fault]:
    quirks = tenant.quirks
    found = []
    if quirks.throttle_once:
        found.append(faults.Fault("throttled", "v1.0/users", on=(1,), retry_after="2.128"))
        found.append(faults.Fault("throttled", "v1.0/identity/conditionalAccess/policies", on=(1,)))
    if quirks.latency_ms:
        found.append(faults.Fault("latency", seconds=quirks.latency_ms / 1000))
    return found


def _cost(target: Target, query: Query) -> int:
    """Return the resource units of a request. https://learn.microsoft.com/graph/throttling-limits."""
    base = target.nav.cost if target.nav else target.listing.cost if target.listing else 1
    base -= bool(query.select)
    base += bool(query.expand)
    base -= query.top is not None and query.top < 20
    return max(1, base)


def _found(row: Mapping[str, Any], terms: Sequence[tuple[str, str]]) -> bool:
    return all(text.casefold() in str(value_at(row, (name,)) or "").casefold() for name, text in terms)


def _this(call: Call) -> str:
    return f"{call.origin}{call.path}" + (f"?{call.query}" if call.query else "")


def _decoded(query: str) -> str:
    return unquote_plus(query)


def _plain(text: str) -> str:
    """Return a header value a caller gave, without what could break a header."""
    return "".join(c for c in text if c.isalnum() or c in "-_.")[:64]
