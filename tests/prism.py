"""Audit Prism, which serves Microsoft's own OpenAPI description, on loopback.

    python tests/prism.py PRISM_PROGRAM OPENAPI_FILE [posture options]

Prism has no `/v1.0` prefix, so a small proxy before it strips that; `/beta` it
does not know and answers 404. Its lists carry the real service's next link,
which must never be followed. Prints the audit's own output and ends with its
exit status.
"""

import contextlib
import socket
import subprocess
import sys
import threading
import time

import httpx
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

_KEPT = {"content-type", "retry-after"}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _proxy(target: str) -> Starlette:
    client = httpx.AsyncClient(base_url=target, trust_env=False, timeout=60)

    async def forward(request: Request) -> Response:
        path = request.url.path.removeprefix("/v1.0")
        answer = await client.request(
            request.method,
            path + (f"?{request.url.query}" if request.url.query else ""),
            headers={k: v for k, v in request.headers.items() if k in {"authorization", "accept", "consistencylevel"}},
            content=await request.body(),
        )
        return Response(answer.content, answer.status_code, {k: v for k, v in answer.headers.items() if k in _KEPT})

    return Starlette(routes=[Route("/{path:path}", forward, methods=["GET", "POST"])])


def main() -> int:
    """Start Prism and the proxy, audit them, stop both."""
    prism, description, *options = sys.argv[1:]
    port, front = _free_port(), _free_port()
    with subprocess.Popen(
        [prism, "mock", "-h", "127.0.0.1", "-p", str(port), description], stdout=subprocess.DEVNULL
    ) as mock:
        try:
            for _ in range(900):
                with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                    break
                time.sleep(0.1)
            server = uvicorn.Server(
                uvicorn.Config(_proxy(f"http://127.0.0.1:{port}"), host="127.0.0.1", port=front, log_level="error")
            )
            threading.Thread(target=server.run, daemon=True).start()
            time.sleep(1)
            command = [sys.executable, "-m", "posture", "audit", "--graph-url", f"http://127.0.0.1:{front}", *options]
            return subprocess.run(command, check=False).returncode
        finally:
            mock.terminate()


if __name__ == "__main__":
    sys.exit(main())
