"""Graph itself: one call in, one answer out. No sockets here, and no clock but the tenant's."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from posture.emulator import answers, faults
from posture.emulator.admission import Admission, UnusableAnswer
from posture.emulator.batch import batch, by_ids
from posture.emulator.call import JSON, Call, Reply, loads
from posture.emulator.data import Dataset
from posture.emulator.endpoints import Listing, Single
from posture.emulator.links import Missing
from posture.emulator.lists import Lists
from posture.emulator.odata import Compare
from posture.emulator.permissions import Granted
from posture.emulator.query import Query, check, parse_query
from posture.emulator.route import Target, resolve, segments_of
from posture.emulator.rows import MemoryRows, Rows
from posture.emulator.shape import shaper, show_object
from posture.emulator.tenant import EmulatedTenant
from posture.emulator.writes import write
from posture.errors import EvidenceError

Striking = Sequence[faults.Fault]


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
        self._admission = Admission(self.data, self._granted, monotonic)
        self._lists = Lists(self.data, self._granted)

    def answer(self, call: Call) -> Reply:
        """Answer a call."""
        return self.answer_struck(call, self.striking(call))

    # Faults around the answer.

    def striking(self, call: Call) -> tuple[faults.Fault, ...]:
        """Return the faults that strike a call, and count it among the plan's occurrences."""
        return self._plan.striking(call.method, "/".join(segments_of(call.path)), call.decoded_query)

    def cacheable(self, call: Call, striking: Striking) -> bool:
        """Tell whether an earlier answer to the same address may stand in."""
        return call.method == "GET" and not self.tenant.quirks.limits and all(f.only_pace for f in striking)

    def answer_struck(self, call: Call, striking: Striking) -> Reply:
        """Answer a call under the faults that strike it."""
        reply = self._struck(call, striking) or self._answer(call, striking)
        self.stamp(call, reply, striking)
        return reply

    def _struck(self, call: Call, striking: Striking) -> Reply | None:
        fault = next((f for f in striking if f.answers_alone), None)
        if fault is None:
            return None
        if fault.kind == "status" and fault.variant in ("html", "empty"):
            body, kind, _ = faults.lone_body(replace(fault, kind=fault.variant))
            return Reply(fault.status, body, {"Content-Type": kind, **faults.refusal_of(fault, self._clock()).headers})
        if fault.kind in faults.ALONE:
            body, kind, coding = faults.lone_body(fault)
            return Reply(200, body, {"Content-Type": kind} | ({"Content-Encoding": coding} if coding else {}))
        return self._refused(call, faults.refusal_of(fault, self._clock()))

    def _damaged(self, reply: Reply, striking: Striking) -> Reply:
        for fault in striking:
            if fault.kind in faults.BODIES and reply.status == 200:
                body = loads(reply.body) if isinstance(reply.body, bytes) else reply.body
                reply.body, reply.keep = faults.change_body(fault, body), False
        return reply

    def stamp(self, call: Call, reply: Reply, striking: Striking) -> None:
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
            reply.headers["client-request-id"] = call.client_request_id or request_id
            reply.headers["Date"] = now.astimezone(UTC).strftime("%a, %d %b %Y %H:%M:%S GMT")

    def request_id(self, call: Call) -> str:
        """Return the id of an answer: the same for the same method, path, query and body."""
        body = call.body.decode("utf-8", "replace")
        return str(uuid5(NAMESPACE_URL, "\x00".join((call.method, call.path, call.decoded_query, body))))

    def _refused(self, call: Call, error: answers.Refusal) -> Reply:
        if 300 <= error.status < 400:
            return Reply(error.status, b"", dict(error.headers))
        request_id = self.request_id(call)
        inner = {
            "date": self._clock().astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S"),
            "request-id": request_id,
            "client-request-id": call.client_request_id or request_id,
        }
        key = "innererror" if self.tenant.quirks.innererror_lowercase else "innerError"
        body = {"error": {"code": error.code, "message": error.message, key: inner}}
        return Reply(error.status, body, dict(error.headers))

    # The answer itself.

    def _answer(self, call: Call, striking: Striking) -> Reply:
        try:
            if not call.batched:
                _authorize(call)
            return self._damaged(self._respond(call, resolve(segments_of(call.path)), striking), striking)
        except UnusableAnswer as recorded:
            return Reply(200, recorded.body)
        except answers.Refusal as error:
            return self._refused(call, error)
        except EvidenceError as damaged:  # a damaged recording must cost one answer, not the server
            return self._refused(call, answers.Refusal(500, "InternalServerError", str(damaged)))
        except Missing as missing:
            return self._refused(call, answers.not_found(str(missing)))

    def _respond(self, call: Call, target: Target, striking: Striking) -> Reply:
        if target.function in ("batch", "by-ids"):
            if call.method != "POST":
                raise answers.not_allowed(call.method)
            if target.function == "batch":
                return batch(call, target.version, self.answer, self._refused)
            return by_ids(call, target.version, self.data, self._granted)
        if call.method != "GET":
            if not self._writes:
                raise answers.not_allowed(call.method)
            self._lists.forget()
            return Reply(*write(self.data, call.method, target, call.body, self.tenant.clock))
        query = parse_query(call.query)
        self._admission.admit(target, query)
        told = self._admission.throttle(target, query)
        reply = self._read(call, target, query, striking)
        reply.headers.update(told)
        return reply

    def _read(self, call: Call, target: Target, query: Query, striking: Striking) -> Reply:
        listing = target.listing
        if target.single is not None:
            return self._single(call, target, target.single, query)
        if listing is None:
            raise answers.no_segment(target.path)
        if target.function == "tenant-information":
            return self._tenant_information(call, target)
        if target.version == "arm":
            settings = self.data.log_export()
            return Reply(200, {"value": [settings.row(i) for i in range(len(settings))]})
        if target.nav is not None:
            return self._related(call, target, listing, query, striking)
        rows = self.data.rows(target.version, listing)
        if target.key:
            return self._item(call, target, listing, rows, query)
        return self._list(call, target, listing, rows, query, striking)

    def _list(
        self, call: Call, target: Target, listing: Listing, rows: Rows, query: Query, striking: Striking
    ) -> Reply:
        if target.counting:
            number = self._lists.count(call, target, listing, rows, query) + self._admission.short_of(target.path)
            return Reply(200, str(number).encode(), {"Content-Type": "text/plain"})
        return self._lists.page(call, target, listing, rows, query, striking)

    def _single(self, call: Call, target: Target, single: Single, query: Query) -> Reply:
        found = self.data.single(target.version, single.path)
        if found is None:
            raise answers.not_found(single.path)
        context = f"{call.origin}/{target.version}/$metadata#{single.path}"
        if not target.part:
            shape = shaper(self.data, self._granted, Listing(single.path, single.need), query)
            body = {**shape(found), "@odata.context": f"{context}/$entity"}
            return Reply(200, self._wrapped(body) if single.wrapped else body)
        held = found.get(target.part)
        parts = held if isinstance(held, list) else []
        if not target.key:
            return Reply(200, {"@odata.context": f"{context}/{target.part}", "value": parts})
        part = next((p for p in parts if str(p.get("id", "")).lower() == target.key.lower()), None)
        if part is None:
            raise answers.not_found(target.key)
        return Reply(200, self._wrapped({"@odata.context": f"{context}/{target.part}/$entity", **part}))

    def _wrapped(self, body: dict[str, Any]) -> dict[str, Any]:
        if not self.tenant.quirks.value_wrapper:
            return body
        context = body.pop("@odata.context", None)
        return {"@odata.context": context, "value": body}

    def _item(self, call: Call, target: Target, listing: Listing, rows: Rows, query: Query) -> Reply:
        if target.tail:
            raise answers.no_segment(target.tail[0])
        number = rows.find(target.key)
        if number is None and listing.path == "users" and "signInActivity" not in query.names:
            by_name = rows.pick(Compare(("userPrincipalName",), "eq", target.key))
            number = by_name[0] if len(by_name) else None
        if number is None:
            raise answers.not_found(target.key)
        alone = replace(listing, filter_required=())
        check(replace(query, count=False), alone, eventual=False, cast=False, counting=False)
        body = shaper(self.data, self._granted, listing, query)(rows.row(number))
        context = f"{call.origin}/{target.version}/$metadata#{listing.path}/$entity"
        return Reply(200, {"@odata.context": context, **body})

    def _tenant_information(self, call: Call, target: Target) -> Reply:
        found = self.data.tenant_information(target.path, target.key)
        if found is None:
            raise answers.not_found(target.key)
        kind = "microsoft.graph.tenantInformation"
        return Reply(200, {"@odata.context": f"{call.origin}/{target.version}/$metadata#{kind}", **found})

    def _related(self, call: Call, target: Target, listing: Listing, query: Query, striking: Striking) -> Reply:
        nav = target.nav
        if nav is None or target.tail:
            raise answers.no_segment(target.tail[0] if target.tail else "")
        rows = self.data.rows(target.version, listing)
        number = rows.find(target.key)
        if number is None:
            raise answers.not_found(target.key)
        found = self.data.links.related(listing, rows.row(number), nav.name)
        if not nav.many:
            if not isinstance(found, dict):
                raise answers.not_found(nav.name)
            context = f"{call.origin}/{target.version}/$metadata#{listing.path}/{nav.name}/$entity"
            return Reply(200, {"@odata.context": context, **show_object(self.data, self._granted, found, None)})
        objects = found if isinstance(found, list) else []
        path = f"{listing.path}/{target.key}/{nav.name}"
        if target.cast:
            objects = [o for o in objects if str(o.get("@odata.type", "")).lower().endswith("." + target.cast)]
            path += f"/microsoft.graph.{target.cast}"
        inner = Listing(
            path, nav.need, directory=nav.directory, page=nav.page, top="refuse" if nav.directory else "cap"
        )
        shown = [show_object(self.data, self._granted, o, None) for o in objects]
        return self._list(call, target, inner, MemoryRows(shown), query, striking)


def _authorize(call: Call) -> None:
    scheme, _, token = call.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise answers.unauthorized()


def _quirk_faults(tenant: EmulatedTenant) -> list[faults.Fault]:
    """Return the faults that quirks stand for."""
    quirks = tenant.quirks
    found = []
    if quirks.throttle_once:
        found.append(faults.Fault("throttled", "v1.0/users", on=(1,), retry_after="2.128"))
        found.append(faults.Fault("throttled", "v1.0/identity/conditionalAccess/policies", on=(1,)))
    if quirks.latency_ms:
        found.append(faults.Fault("latency", seconds=quirks.latency_ms / 1000))
    return found
