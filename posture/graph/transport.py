"""The last gate before the network: one host, reading only, bounded answers.

Everything the SDK's adapter sends passes here. What is no reading, or is
meant for another host, is refused whatever the layers above believed. Answers
are read and unpacked here too, so that a body is stopped at its limit instead
of being held whole first, and a gzip stream that ends early is noticed.
"""

import asyncio
import os
import ssl
import sys
import zlib
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import httpx
import orjson

from posture.errors import SettingsError

if TYPE_CHECKING:
    from posture.graph.answer import Limits

READ_ONLY_POSTS = frozenset(
    f"/{version}/{path}".encode() for version in ("v1.0", "beta") for path in ("$batch", "directoryObjects/getByIds")
)
"""The POSTs that read. Source: https://learn.microsoft.com/graph/json-batching,
https://learn.microsoft.com/graph/api/directoryobject-getbyids
"""


class WriteRefusedError(Exception):
    """Our own code tried to send something that is no reading, or to another host: a bug."""


class OversizeError(httpx.TransportError):
    """An answer larger than the limit."""


class DamagedError(httpx.TransportError):
    """An answer whose compression is broken or unknown."""


class TooSlowError(httpx.TransportError):
    """An answer that did not end in time."""


class ReadOnlyTransport(httpx.AsyncBaseTransport):
    """Wraps the transport that reaches the network; see the module's words."""

    def __init__(self, inner: httpx.AsyncBaseTransport, root: str, limits: "Limits") -> None:
        self._inner, self._limits = inner, limits
        self._origin = _origin(httpx.URL(root))
        self.sent = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send one reading request and return its whole answer, unpacked."""
        refuse_unless_reading(request, self._origin)
        self.sent += 1
        try:
            async with asyncio.timeout(self._limits.answer_seconds):
                response = await self._inner.handle_async_request(request)
                try:
                    body = await self._read(response)
                finally:
                    await response.aclose()
        except TimeoutError:
            raise TooSlowError(f"no whole answer within {self._limits.answer_seconds:g} seconds") from None
        token = request.headers.get("authorization", "").removeprefix("Bearer ").encode()
        headers = [(k, _without(token, v)) for k, v in response.headers.raw if k.lower() not in _UNPACKED]
        body = _without(token, body)
        return httpx.Response(
            response.status_code, headers=headers, content=body, request=request, extensions=response.extensions
        )

    async def _read(self, response: httpx.Response) -> bytes:
        limit = self._limits.page_bytes
        unpack = _unpacker(response.headers.get("content-encoding", ""))
        stream = response.stream
        if not isinstance(stream, httpx.AsyncByteStream):
            raise DamagedError("the answer cannot be read as a stream")
        parts: list[bytes] = []
        packed = size = 0
        async for chunk in stream:
            packed += len(chunk)
            if packed > limit:
                raise OversizeError(f"the answer is larger than {limit:,} bytes")
            if unpack is not None:
                chunk = unpack.feed(chunk, limit - size)
            size += len(chunk)
            if size > limit:
                raise OversizeError(f"the answer is larger than {limit:,} bytes")
            parts.append(chunk)
        if unpack is not None and packed:
            unpack.check_end()
        return parts[0] if len(parts) == 1 else b"".join(parts)

    async def aclose(self) -> None:
        """Close the wrapped transport."""
        await self._inner.aclose()


def _without(token: bytes, text: bytes) -> bytes:
    """Return what a service sent without the token it was shown: answers and errors are written to files.

    Short words, such as the one sent to loopback, are no tokens.
    """
    return text.replace(token, b"(token)") if len(token) > 32 else text


_UNPACKED = {b"content-encoding", b"content-length", b"transfer-encoding"}
"""Headers that no longer describe the body handed on."""


class _Gunzip:
    """Unpacks gzip without ever holding more than asked for."""

    def __init__(self) -> None:
        self._inflate = zlib.decompressobj(zlib.MAX_WBITS | 16)

    def feed(self, chunk: bytes, room: int) -> bytes:
        """Return the unpacked bytes, at most one more than there is room for."""
        try:
            return self._inflate.decompress(chunk, max(room, 0) + 1)
        except zlib.error as error:
            what = str(error).rpartition(": ")[2]
            raise DamagedError(f"the answer's gzip is damaged ({what})") from None

    def check_end(self) -> None:
        """Raise DamagedError where the stream stopped before its own end."""
        if not self._inflate.eof:
            raise DamagedError("the answer's gzip ends too early")


def _unpacker(encoding: str) -> _Gunzip | None:
    match encoding.strip().lower():
        case "" | "identity":
            return None
        case "gzip" | "x-gzip":
            return _Gunzip()
        case other:
            raise DamagedError(f"the answer is packed as {other[:40]!r}, which was not asked for")


def refuse_unless_reading(request: httpx.Request, origin: tuple[str, str, int | None]) -> None:
    """Raise WriteRefusedError for any request but a reading one to the one host."""
    if _origin(request.url) != origin:
        raise WriteRefusedError(f"refused to send to {request.url.host}: another host than the one configured")
    path = request.url.raw_path
    if request.method == "GET":
        return
    if request.method != "POST" or path not in READ_ONLY_POSTS:
        raise WriteRefusedError(f"refused to send {request.method} {request.url.path}: posture only reads")
    if path.endswith(b"/$batch") and not _only_gets(request.content):
        raise WriteRefusedError("refused to send a batch that holds anything but GETs of this service")


def _only_gets(content: bytes) -> bool:
    try:
        asked: Any = orjson.loads(content)["requests"]
        return all(
            item["method"] == "GET"
            and item["url"].startswith("/")
            and not item["url"].startswith("//")
            and "body" not in item
            for item in asked
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        return False


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port or {"https": 443, "http": 80}.get(url.scheme)


def network(root: str, limits: "Limits", ca_bundle: Path | None) -> httpx.AsyncBaseTransport:
    """Return the transport that reaches a root: HTTP/1.1, redirects unknown to it.

    A loopback root is reached directly. A real one uses the proxy of the
    environment (`HTTPS_PROXY`, `NO_PROXY`, or the system's setting) and
    verifies certificates, always.
    """
    pool = httpx.Limits(
        max_connections=limits.concurrency + 2, max_keepalive_connections=limits.concurrency + 2, keepalive_expiry=120
    )
    _no_vain_search()
    if root.startswith("http://"):
        return httpx.AsyncHTTPTransport(verify=False, http1=True, http2=False, limits=pool, trust_env=False)
    proxy = proxy_for(root)
    try:
        return httpx.AsyncHTTPTransport(
            verify=trust(ca_bundle), http1=True, http2=False, limits=pool, trust_env=False, proxy=proxy or None
        )
    except (ValueError, ImportError, httpx.InvalidURL):
        raise SettingsError(
            f"The proxy {without_password(proxy)} cannot be used: posture speaks to http:// and https:// proxies."
        ) from None


def _no_vain_search() -> None:
    """Spare a failing import.

    httpcore 1.0 looks for sniffio some ten times a request; where it is not
    installed, each look searches the whole import path, a fifth of the cost of
    a page. https://github.com/encode/httpcore/blob/1.0.9/httpcore/_synchronization.py
    """
    if "sniffio" not in sys.modules and find_spec("sniffio") is None:
        sys.modules["sniffio"] = None  # type: ignore[assignment]


def proxy_for(root: str) -> str:
    """Return the proxy the environment names for a root, "" for none. It may hold a password: do not print it."""
    host = urlsplit(root).hostname or ""
    if proxy_bypass(host):
        return ""
    proxies = getproxies()
    found = proxies.get("https") or proxies.get("all") or ""
    return found if not found or "://" in found else f"http://{found}"


def without_password(url: str) -> str:
    """Return a proxy's address without user name and password."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    try:
        port = parts.port
    except ValueError:
        port = None
    return f"{parts.scheme}://{host}" + (f":{port}" if port else "")


def ca_file(ca_bundle: Path | None) -> Path | None:
    """Return the file of certificate authorities to trust, None for the built-in ones.

    The option comes first, then `SSL_CERT_FILE` and `REQUESTS_CA_BUNDLE`: each
    of the two libraries underneath knows only one of these, posture gives both
    the same. Raises SettingsError where the file is no such bundle.
    """
    found = ca_bundle
    if found is None:
        named = os.environ.get("SSL_CERT_FILE") or os.environ.get("REQUESTS_CA_BUNDLE")
        found = Path(named) if named else None
    if found is None:
        return None
    try:
        ssl.create_default_context(cafile=str(found))
    except OSError as error:  # what OpenSSL says about a file's content comes as one too
        why = None if isinstance(error, ssl.SSLError) else error.strerror
        raise SettingsError(
            f"The CA bundle {found} cannot be used: {why or 'it holds no certificate in PEM form'}."
        ) from None
    return found


def trust(ca_bundle: Path | None) -> ssl.SSLContext:
    """Return the TLS context for a real host."""
    found = ca_file(ca_bundle)
    if found is not None:
        return ssl.create_default_context(cafile=str(found))
    import certifi

    return ssl.create_default_context(cafile=certifi.where())
