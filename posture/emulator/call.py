"""One call to Graph and one reply, free of sockets."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote_plus

import orjson

from posture.emulator.answers import Refusal

JSON = "application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8"


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

    @property
    def decoded_query(self) -> str:
        """The query as people read it."""
        return unquote_plus(self.query)

    @property
    def address(self) -> str:
        """The call's own address."""
        return f"{self.origin}{self.path}" + (f"?{self.query}" if self.query else "")

    @property
    def client_request_id(self) -> str:
        """The caller's id of the request, without what could break a header; "" for none."""
        given = self.headers.get("client-request-id", "")
        return "".join(c for c in given if c.isascii() and (c.isalnum() or c in "-_."))[:64]


@dataclass
class Reply:
    """One answer. `body` is JSON to be, or bytes as they are.

    `wait` are seconds before it, `drip` seconds over which its body trickles;
    `keep` says that the same address will always be answered so.
    """

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


def loads(body: bytes) -> Any:
    """Parse a request's JSON; raise the refusal Graph has for what is none."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        raise Refusal(400, "BadRequest", "Unable to read JSON request payload.") from None
