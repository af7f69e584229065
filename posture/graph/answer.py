"""What the reader hands out: answers, pages, events, and the limits it keeps."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Answer:
    """One successful answer of Graph.

    `url` is the address as sent, `body` the bytes as sent (after gzip; empty
    for an answer that came as a `Page`, whose rows hold it). `request_id` is
    the service's id of the answer, "" where it gave none; `client_request_id`
    ours of the attempt that succeeded. `server_date` is the raw `Date` header
    or "". `started` and `ended` (UTC) span all `attempts`. `headers` holds the
    few worth keeping, cleaned of control characters.
    """

    url: str
    status: int
    body: bytes
    request_id: str
    client_request_id: str
    server_date: str
    started: datetime
    ended: datetime
    attempts: int
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a list.

    Each of `rows` is the row's id ("" where it has none that is text) and its
    raw JSON text exactly as sent. `count` is `@odata.count`, which Graph sends
    on page one only. `number` counts from 1. `next` is the checked address of
    the page after this one, "" on the last.

    Source: https://learn.microsoft.com/graph/paging
    """

    answer: Answer
    rows: list[tuple[str, bytes]]
    count: int | None
    number: int
    next: str = ""


@dataclass(frozen=True, slots=True)
class Event:
    """Something worth telling while reading.

    `kind` is `page` (a page arrived), `retry` (an attempt failed and is made
    again), `wait` (the service asked for a pause), `pace` (posture keeps to a
    documented limit) or `token` (a token is renewed). `seconds` is the pause
    that follows, 0 for none; `attempt` counts from 1.
    """

    kind: str
    url_path: str
    detail: str = ""
    seconds: float = 0.0
    attempt: int = 1


@dataclass(frozen=True, slots=True)
class Limits:
    """How patient and how trusting the reader is. Times are seconds, sizes bytes.

    `attempts` is how often one request is made in the face of broken
    connections and 5xx, `throttled_attempts` in the face of 429,
    `outage_attempts` (about a minute) where a service that has answered before
    cannot be reached;
    `unreadable_attempts` bounds those that end in a damaged body, and a
    slow answer counts twice. A
    `Retry-After` above `longest_wait` ends the request at once; all waits of
    one request together stay under `total_wait`. `answer_seconds` bounds one
    whole answer, however slowly it drips. `page_bytes` holds before and after
    decompression, `page_rows`, `list_pages` and `list_bytes` bound a list.
    """

    attempts: int = 5
    throttled_attempts: int = 10
    outage_attempts: int = 8
    unreadable_attempts: int = 3
    longest_wait: float = 300.0
    total_wait: float = 900.0
    connect_seconds: float = 30.0
    read_seconds: float = 100.0
    answer_seconds: float = 180.0
    page_bytes: int = 64 * 1024 * 1024
    single_bytes: int = 16 * 1024 * 1024
    page_rows: int = 100_000
    list_pages: int = 50_000
    list_bytes: int = 64 * 1024 * 1024 * 1024
    link_chars: int = 8192
    concurrency: int = 24
