"""A small TCP proxy before the emulator that breaks connections where an ASGI app cannot.

It reads whole requests, forwards them, and hands the answers back as a plan
says: whole, cut, reset, dripping, or not at all.
"""

import asyncio
import contextlib
import socket
import struct
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import uvicorn

from posture.emulator.serve import bind


@dataclass(frozen=True)
class Break:
    """What happens to one answer.

    `how`: "before" drops the connection unanswered, "within" after so much of
    the body as `share` says, "after" once the whole answer is sent although it
    promised to stay open, "reset" as "within" with a TCP reset, "silent" never
    answers, "drip" sends the body in pieces over `seconds`.
    """

    how: str
    share: float = 0.5
    seconds: float = 0.0


Choose = Callable[[str, int], Break | None]
"""(path with query, how often this path was asked before) to what happens to the answer."""


class Proxy:
    """Forwards one connection after another to a backend on loopback."""

    def __init__(self, backend: int, choose: Choose) -> None:
        self._backend, self._choose = backend, choose
        self._asked: Counter[str] = Counter()
        self.asked: list[str] = []
        self.broken: list[tuple[str, str]] = []
        self._tasks: set[asyncio.Task[None]] = set()

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            while (request := await _message(reader)) is not None:
                if not await self._answer(request, writer):
                    break
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _answer(self, request: bytes, writer: asyncio.StreamWriter) -> bool:
        """Answer one request; return whether the connection stays open."""
        path = request.split(b" ", 2)[1].decode()
        bare = path.partition("?")[0]
        fault = self._choose(path, self._asked[bare])
        self._asked[bare] += 1
        self.asked.append(path)
        if fault is not None:
            self.broken.append((fault.how, path))
        if fault is not None and fault.how == "before":
            return False
        if fault is not None and fault.how == "silent":
            await asyncio.sleep(3600)
        reply = await self._forwarded(request)
        head, _, body = reply.partition(b"\r\n\r\n")
        if fault is None:
            writer.write(reply)
            await writer.drain()
            return True
        if fault.how == "drip":
            writer.write(head + b"\r\n\r\n")
            step = max(1, len(body) // 20)
            for at in range(0, len(body), step):
                writer.write(body[at : at + step])
                await writer.drain()
                await asyncio.sleep(fault.seconds / 20)
            return True
        kept = body if fault.how == "after" else body[: int(len(body) * fault.share)]
        writer.write(head + b"\r\n\r\n" + kept)
        await writer.drain()
        if fault.how == "reset":
            raw: Any = writer.get_extra_info("socket")
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()
        return False

    async def _forwarded(self, request: bytes) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._backend)
        try:
            writer.write(request)
            await writer.drain()
            reply = await _message(reader)
            assert reply is not None
            return reply
        finally:
            writer.close()

    def stop(self) -> None:
        for task in self._tasks:
            task.cancel()


async def _message(reader: asyncio.StreamReader) -> bytes | None:
    """Return one whole HTTP/1.1 message with a Content-Length, None at the end of the stream."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    length = 0
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
    return head + (await reader.readexactly(length) if length else b"")


@contextmanager
def proxied(app: Any, choose: Choose) -> Iterator[tuple[str, Proxy]]:
    """Serve an app behind a proxy; yields the proxy's address and the proxy."""
    app.state.compress = True
    config = uvicorn.Config(app, log_level="error", access_log=False, lifespan="off")
    server = uvicorn.Server(config)
    server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]
    with bind("127.0.0.1", 0) as place:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [place]}, daemon=True)
        thread.start()
        loop = asyncio.new_event_loop()
        proxy = Proxy(place.getsockname()[1], choose)
        listening = loop.run_until_complete(asyncio.start_server(proxy.handle, "127.0.0.1", 0, limit=2**26))
        front = threading.Thread(target=loop.run_forever, daemon=True)
        front.start()
        try:
            yield f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}", proxy
        finally:

            async def end() -> None:
                proxy.stop()
                listening.close()
                await asyncio.sleep(0)

            asyncio.run_coroutine_threadsafe(end(), loop).result(5)
            loop.call_soon_threadsafe(loop.stop)
            front.join(5)
            with contextlib.suppress(RuntimeError):
                loop.close()
            server.should_exit = True
            thread.join(5)
