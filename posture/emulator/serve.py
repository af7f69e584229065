"""Serve the emulated Graph over loopback, and nowhere else."""

import contextlib
import socket
from collections.abc import Callable
from typing import Any

from posture.errors import SettingsError

_LOOPBACK = {"127.0.0.1": socket.AF_INET, "localhost": socket.AF_INET, "::1": socket.AF_INET6}


def bind(host: str, port: int) -> socket.socket:
    """Return a listening place on loopback; port 0 takes a free one.

    Raises SettingsError for any other address, and for a port that is taken.
    """
    family = _LOOPBACK.get(host.strip("[]").lower())
    if family is None:
        raise SettingsError(f"the emulator listens on loopback only (127.0.0.1, ::1 or localhost), not on {host!r}")
    if not 0 <= port <= 65535:
        raise SettingsError(f"port {port} does not exist; it must lie between 0 and 65535")
    # Without the protocol asyncio leaves Nagle's algorithm on, which costs 40 ms an answer.
    place = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        place.bind(("::1" if family == socket.AF_INET6 else "127.0.0.1", port))
        place.listen()  # from here on callers wait for the server rather than being refused
    except OSError as error:
        place.close()
        raise SettingsError(f"cannot listen on {host} port {port}: {error.strerror or error}") from error
    return place


def serve(app: Any, host: str, port: int, ready: Callable[[str], None] | None = None) -> None:
    """Serve until interrupted. `ready` is given the address, such as http://127.0.0.1:8181."""
    import uvicorn

    with bind(host, port) as place:
        app.state.compress = app.state.served = True
        config = uvicorn.Config(
            app, log_level="warning", access_log=False, date_header=False, server_header=False, lifespan="off"
        )
        name = "[::1]" if place.family == socket.AF_INET6 else "127.0.0.1"
        if ready is not None:
            ready(f"http://{name}:{place.getsockname()[1]}")
        with contextlib.suppress(KeyboardInterrupt):  # the way to end it
            uvicorn.Server(config).run(sockets=[place])
