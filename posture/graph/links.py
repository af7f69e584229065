"""Addresses: built from a path and parameters, and next links checked before use.

The SDK would hand its token to whatever host a next link names; here a link
is followed only when it goes on with the very list that was asked for.
"""

import re
from collections.abc import Mapping
from hashlib import blake2b
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

from posture.errors import AnswerError

if TYPE_CHECKING:
    import httpx

_PORTS = {"https": 443, "http": 80}
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_CALL = re.compile(r"\A(?P<name>[^()]+)\('(?P<key>[^']+)'\)\Z")


def segment(text: str) -> str:
    """Return a tenant's text as exactly one segment of a path.

    Raises AnswerError for what can be none: empty text, `.` and `..`.
    """
    if text in ("", ".", ".."):
        raise AnswerError(f"{text!r} is no id that Graph could be asked for")
    return quote(text, safe="")


def address(root: str, version: str, path: str, params: Mapping[str, str] | None = None) -> str:
    """Return the full address of a path, its parameters encoded in the order given.

    `path` may hold an encoded query of its own. ValueError means that our own
    code asks for something that is no path.
    """
    if not path.startswith("/") or path.startswith("//") or "\\" in path or "#" in path or _UNPRINTABLE.search(path):
        raise ValueError(f"{path!r} is no path below {root}")
    if any(unquote(p) in (".", "..") for p in path.partition("?")[0].split("/")):
        raise ValueError(f"{path!r} leaves its place")
    prefix = f"{root}/{version}" if version else root
    query = "&".join(f"{quote(k, safe='$')}={quote(v, safe=_KEPT)}" for k, v in (params or {}).items())
    path = path.replace(" ", "%20")
    return prefix + path + (("&" if "?" in path else "?") + query if query else "")


_KEPT = "$,'()/:@*;-._~"
"""Characters a query value may hold as they are. `+`, `&`, `#`, `%` and blanks are encoded."""


class LinkChecker:
    """Checks the next links of one list against the address it `began` with."""

    def __init__(self, first: str, max_chars: int) -> None:
        import httpx

        self.began = first
        self._first = httpx.URL(first)
        self._place = _place(self._first)
        self._max = max_chars
        self._seen = {_digest(first)}

    def check(self, link: object) -> str:
        """Return the link if it may be followed; AnswerError says in plain words why not."""
        import httpx

        if not isinstance(link, str):
            raise AnswerError("the next link is not text")
        if not link.strip():
            raise AnswerError("the next link is empty")
        if len(link) > self._max:
            raise AnswerError(f"the next link is {len(link):,} characters long, more than the {self._max:,} allowed")
        if _UNPRINTABLE.search(link) or "\\" in link or link != link.strip():
            raise AnswerError("the next link holds characters no address has")
        try:
            url = httpx.URL(link)
        except (httpx.InvalidURL, ValueError):
            raise AnswerError("the next link is not an address") from None
        self._same_service(url)
        if url.fragment or "#" in link:
            raise AnswerError("the next link holds a fragment, which no list has")
        if _place(url) != self._place:
            where = url.raw_path.partition(b"?")[0].decode("ascii")
            raise AnswerError(f"the next link leads to another place, {cleaned(where, 120)}, instead of the list's own")
        digest = _digest(link)
        if digest in self._seen:
            raise AnswerError("the list does not end: its next link was given before")
        self._seen.add(digest)
        return link

    def _same_service(self, url: "httpx.URL") -> None:
        if not url.scheme or not url.host:
            raise AnswerError("the next link is not a full address")
        if url.userinfo:
            raise AnswerError("the next link holds a user name, which hides where it leads")
        if (url.scheme, url.host) != (self._first.scheme, self._first.host) or _port(url) != _port(self._first):
            where = f"{url.scheme}://" + url.netloc.decode("ascii", "replace")
            raise AnswerError(f"the next link points elsewhere, to {cleaned(where, 120)}")


def _port(url: "httpx.URL") -> int | None:
    return url.port or _PORTS.get(url.scheme)


def _place(url: "httpx.URL") -> tuple[str, ...]:
    """Return a path's segments in one spelling.

    Graph answers with other letter case, with `graph.user` for
    `microsoft.graph.user` and with `users('id')` for `users/id`.
    """
    found: list[str] = []
    for raw in url.raw_path.partition(b"?")[0].decode("ascii").split("/"):
        part = unquote(raw).casefold().removeprefix("microsoft.")
        call = _CALL.match(part)
        found += [call["name"], call["key"]] if call else [part] if part else []
    return tuple(found)


def _digest(link: str) -> bytes:
    return blake2b(link.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def cleaned(text: str, limit: int = 300) -> str:
    """Return a header's or an error's text on one line without control characters, cut at a limit."""
    text = _UNPRINTABLE.sub("", text.replace("\r\n", " ").replace("\n", " ")).strip()
    return text if len(text) <= limit else text[: limit - 3] + "..."
