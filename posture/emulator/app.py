"""The emulated Graph as an ASGI app: sockets, compression, pace and the record around `graph.py`."""

import asyncio
import re
import time
import zlib
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from posture.emulator.call import Call, Reply
from posture.emulator.faults import Fault
from posture.emulator.graph import Graph
from posture.emulator.pages import PageCache
from posture.emulator.tenant import EmulatedTenant

_COMPRESS_FROM = 1024
_DRIPS = 20
_LOOPBACK = {"127.0.0.1", "localhost", "[::1]"}
_PORT = re.compile(r":\d{1,5}\Z")
_KEPT_HEADERS = (
    "accept",
    "accept-encoding",
    "client-request-id",
    "consistencylevel",
    "content-type",
    "prefer",
    "user-agent",
    "x-ms-throttle-priority",
)
REMEMBERED = 10_000
"""Requests that an app remembers, so that one that serves for weeks does not grow."""
_BODY_LIMIT = 4 * 1024 * 1024
"""Bytes of a request body that are read at all; Graph's own limit is 4 MB."""


@dataclass(frozen=True)
class Recorded:
    """One request as it came. The token is never kept: only whether it was the fixed one of loopback runs."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: str
    status: int = 0


def create_app(
    tenant: EmulatedTenant,
    *,
    clock: Callable[[], datetime] | None = None,
    allow_writes: bool = False,
    faults: Iterable[Fault] | None = None,
    record: Callable[[Recorded], None] | None = None,
    monotonic: Callable[[], float] = time.monotonic,
) -> Starlette:
    """Return a tenant as a Graph.

    `clock` gives the Date header, by default the tenant's own time stands
    still. `faults` are added to the tenant's. `app.state.requests` lists the
    last `REMEMBERED` requests; `record` is called with each of all. `app.state.compress` lets
    answers be gzipped, which pays over a socket and not in process.
    `app.state.served` says that it listens on a socket: then no web page may ask.
    """
    graph = Graph(
        tenant,
        clock=clock or (lambda: tenant.clock),
        allow_writes=allow_writes,
        plan=tuple(faults or ()),
        monotonic=monotonic,
    )
    app = Starlette(routes=[Route("/{rest:path}", _Endpoint(graph, record))])
    app.state.requests = deque(maxlen=REMEMBERED)
    app.state.compress = False
    app.state.served = False
    app.state.graph = graph
    return app


class _Endpoint:
    """Every path of the app."""

    def __init__(self, graph: Graph, record: Callable[[Recorded], None] | None) -> None:
        self._graph, self._record = graph, record
        self._pages = PageCache()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        state = request.app.state
        if state.served and _from_elsewhere(request):
            await _send(Reply(403, {"error": {"code": "Forbidden", "message": "Only programs here may ask."}}), send)
            return
        call = await _call(request)
        packed = state.compress and "gzip" in request.headers.get("accept-encoding", "")
        striking = self._graph.striking(call)
        kept = state.compress and self._graph.cacheable(call, striking)
        key = f"{packed} {call.eventual} {'authorization' in call.headers} {call.origin}{call.path}?{call.query}"
        reply = self._pages.get(key) if kept else None
        if reply is None:
            reply = self._graph.answer_struck(call, striking)
            body = reply.payload()
            if packed and len(body) >= _COMPRESS_FROM and "Content-Encoding" not in reply.headers:
                body = zlib.compress(body, 1, 31)
                reply.headers["Content-Encoding"] = "gzip"
            reply.body = body
            if reply.keep and kept:
                self._pages.put(key, reply)
        else:
            self._graph.stamp(call, reply, striking)
        entry = _recorded(call, reply.status)
        state.requests.append(entry)
        if self._record is not None:
            self._record(entry)
        await _send(reply, send)


def _from_elsewhere(request: Request) -> bool:
    """Whether a browser asks for a web page, or for another host whose name leads here (DNS rebinding).

    What is served may be a real tenant's evidence.
    """
    name = _PORT.sub("", request.headers.get("host", "").strip().lower())
    return name not in _LOOPBACK or "origin" in request.headers


async def _call(request: Request) -> Call:
    raw = request.scope.get("raw_path")
    path = raw.decode("latin-1").partition("?")[0] if isinstance(raw, bytes) else request.scope["path"]
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > _BODY_LIMIT:
            break
    return Call(
        request.method,
        path,
        request.scope["query_string"].decode("latin-1"),
        dict(request.headers),
        body,
        f"{request.url.scheme}://{request.headers.get('host') or 'localhost'}",
    )


def _recorded(call: Call, status: int) -> Recorded:
    headers = {name: call.headers[name] for name in _KEPT_HEADERS if name in call.headers}
    token = call.headers.get("authorization")
    if token is not None:
        headers["authorization"] = token if token == "Bearer emulated" else "Bearer (not kept)"
    return Recorded(call.method, call.path, call.query, headers, call.body.decode("utf-8", "replace"), status)


async def _send(reply: Reply, send: Send) -> None:
    if reply.wait:
        await asyncio.sleep(reply.wait)
    body = reply.payload()
    headers: list[tuple[bytes, bytes]] = [
        (k.lower().encode("latin-1"), v.encode("latin-1", "replace")) for k, v in reply.headers.items()
    ]
    if reply.status != 204:
        headers.append((b"content-length", str(len(body)).encode()))
    headers += [(b"cache-control", b"no-cache"), (b"odata-version", b"4.0")]
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    if reply.drip and body:
        step = max(1, len(body) // _DRIPS)
        for at in range(0, len(body), step):
            await asyncio.sleep(reply.drip / _DRIPS)
            part: dict[str, Any] = {"type": "http.response.body", "body": body[at : at + step], "more_body": True}
            await send(part)
        body = b""
    await send({"type": "http.response.body", "body": body})
