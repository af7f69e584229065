"""A tiny HTTP server on loopback that answers as told, and breaks off where told.

Answers are bytes on a socket, so that faults in the middle of a connection,
of a body or of a gzip stream are real ones.
"""

import asyncio
import gzip
import json
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from posture.graph.answer import Event, Limits
from posture.graph.reader import GraphReader, Timer, open_reader


@dataclass
class Asked:
    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]


@dataclass
class Say:
    """One answer. `cut` sends only so many bytes of the body and closes; -1 closes before any answer."""

    body: Any = field(default_factory=dict)
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    packed: bool = False
    cut: int | None = None
    drip: float = 0.0
    late: float = 0.0
    chunked: bool = False
    raw_headers: bytes = b""
    damage: Callable[[bytes], bytes] | None = None

    def payload(self) -> bytes:
        body = self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()
        body = gzip.compress(body) if self.packed else body
        return self.damage(body) if self.damage else body

    def head(self, length: int) -> bytes:
        lines = {"Content-Type": "application/json", "request-id": "req-1", **self.headers}
        if self.packed:
            lines["Content-Encoding"] = "gzip"
        if self.chunked:
            lines["Transfer-Encoding"] = "chunked"
        else:
            lines["Content-Length"] = str(length)
        text = "".join(f"{k}: {v}\r\n" for k, v in lines.items())
        return f"HTTP/1.1 {self.status} X\r\n{text}".encode() + self.raw_headers + b"\r\n"


Answerer = Say | Callable[[Asked], Say]


class Server:
    """`answers` maps a path to what is said to each request in turn; the last is said for ever."""

    def __init__(self) -> None:
        self.answers: dict[str, list[Answerer]] = {}
        self.asked: list[Asked] = []
        self.root = ""
        self._turn: dict[str, int] = defaultdict(int)
        self._handlers: set[asyncio.Task[None]] = set()

    def say(self, path: str, *answers: Answerer) -> None:
        self.answers[path] = list(answers)
        self._turn[path] = 0

    def next(self, asked: Asked) -> Say:
        """Answers are kept by path, or by path and query where one is given so."""
        for key in (asked.target, asked.path):
            if key in self.answers:
                turn = self._turn[key]
                self._turn[key] += 1
                answer = self.answers[key][min(turn, len(self.answers[key]) - 1)]
                return answer(asked) if callable(answer) else answer
        return Say({"error": {"code": "Request_ResourceNotFound", "message": "not here"}}, 404)

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if (task := asyncio.current_task()) is not None:
            self._handlers.add(task)
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
                method, target, _ = head[0].split(" ", 2)
                headers = {k.lower(): v.strip() for k, _, v in (h.partition(":") for h in head[1:] if h)}
                body = await reader.readexactly(int(headers.get("content-length", 0)))
                asked = Asked(method, target, headers, body)
                self.asked.append(asked)
                if not await self._answer(self.next(asked), writer):
                    return
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            return
        finally:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()

    async def _answer(self, say: Say, writer: asyncio.StreamWriter) -> bool:
        if say.cut == -1:
            return False
        await asyncio.sleep(say.late)
        body = say.payload()
        writer.write(say.head(len(body)))
        sent = body if say.cut is None else body[: say.cut]
        if say.drip:
            for byte in sent:
                writer.write(bytes([byte]))
                await writer.drain()
                await asyncio.sleep(say.drip)
        elif say.chunked:
            writer.write(b"%x\r\n%b\r\n0\r\n\r\n" % (len(sent), sent))
        else:
            writer.write(sent)
        await writer.drain()
        return say.cut is None

    async def close(self) -> None:
        for task in self._handlers:
            task.cancel()
        await asyncio.gather(*self._handlers, return_exceptions=True)


@asynccontextmanager
async def serving() -> AsyncIterator[Server]:
    server = Server()
    listening = await asyncio.start_server(server.handle, "127.0.0.1", 0)
    server.root = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    try:
        yield server
    finally:
        listening.close()
        await server.close()
        await listening.wait_closed()


class FastTime:
    """A clock that jumps ahead when slept on, so that waits cost nothing and are known.

    While `hold` is set to an event, sleepers wait for it.
    """

    def __init__(self) -> None:
        self.at = 1000.0
        self.slept: list[float] = []
        self.hold: asyncio.Event | None = None

    def now(self) -> float:
        return self.at

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        if self.hold is not None:
            await self.hold.wait()
        self.at += seconds
        await asyncio.sleep(0)

    def timer(self) -> Timer:
        return Timer(self.now, self.sleep)


@dataclass
class Told:
    events: list[Event] = field(default_factory=list)
    heard: asyncio.Event = field(default_factory=asyncio.Event)

    def __call__(self, event: Event) -> None:
        self.events.append(event)
        self.heard.set()

    def kinds(self) -> list[str]:
        return [e.kind for e in self.events]


@dataclass
class Bench:
    server: Server
    reader: GraphReader
    time: FastTime
    told: Told

    async def rows(self, path: str = "/users", **more: Any) -> list[tuple[str, bytes]]:
        return [row async for page in self.reader.pages(path, **more) for row in page.rows]

    def link(self, query: str, path: str = "/v1.0/users") -> str:
        return f"{self.server.root}{path}?{query}"


def using(test: Callable[[Bench], Awaitable[None]], *, limits: Limits | None = None, keep_pace: bool = False) -> None:
    """Run one test against a server of its own."""

    async def run() -> None:
        async with serving() as server:
            time, told = FastTime(), Told()
            reader = open_reader(
                server.root, None, timer=time.timer(), limits=limits or Limits(), keep_pace=keep_pace, on_event=told
            )
            try:
                await test(Bench(server, reader, time, told))
            finally:
                await reader.aclose()

    asyncio.run(run())


def page(*ids: str, link: Any = None, **more: Any) -> dict[str, Any]:
    body: dict[str, Any] = {"@odata.context": "x", **more}
    if link is not None:
        body["@odata.nextLink"] = link
    body["value"] = [{"id": i, "displayName": f"name {i}"} for i in ids]
    return body
