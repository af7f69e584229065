"""Trouble on purpose: which request meets which fault, and what the fault does.

A plan is a list of `[[faults]]` tables, in tenant.toml or in a file of its own;
docs/emulator.md describes the format. Faults within a connection (cuts, resets)
cannot be made by an ASGI app and are not here.
"""

import fnmatch
import re
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import format_datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

import orjson

from posture.emulator import answers, toml

FORBIDDEN: dict[str, Callable[[], answers.Refusal]] = {
    "directory": answers.directory_denied,
    "access": answers.scopes_missing,
    "audit": answers.audit_denied,
    "pim": lambda: answers.pim_denied("RoleEligibilitySchedule.Read.Directory"),
    "non-premium": answers.not_premium,
    "no-license": answers.governance_not_licensed,
    "pim-license": answers.pim_not_licensed,
    "claims": answers.claims_challenge,
}
FOREIGN_LINKS = {
    "other-host": "https://graph.example{path}",
    "suffix": "{origin}.evil.example{path}",
    "userinfo": "{scheme}://{host}@evil.example{path}",
    "downgrade": "http://{host}{path}",
    "other-scheme": "ftp://{host}{path}",
    "other-port": "{scheme}://{hostname}:1{path}",
    "protocol-relative": "//evil.example{path}",
    "relative": "{path}",
    "file": "file:///etc/passwd",
    "backslash": "\\\\evil.example\\share",
    "other-path": "{origin}/v1.0/me/messages?$skiptoken=1",
    "long": "{origin}{path}&pad={pad}",
}
BAD_LINKS: dict[str, Any] = {"number": 7, "list": ["x"], "object": {}, "empty": "", "null": None, "true": True}
WRONG_TYPES = ("value-object", "value-null", "value-missing", "value-string", "rows-text", "list", "string", "number")

_ANSWERS = {"status", "throttled", "unauthorized", "forbidden", "not-found", "expired-token", "redirect"}
ALONE = {"html", "non-json", "empty", "gzip-damaged", "gzip-bomb", "oversized", "deep", "error-body"}
BODIES = {"truncated", "wrong-type", "nan", "big-number", "duplicate-key", "surrogate", "bom"}
PAGES = {"empty-page", "looping-link", "foreign-link", "bad-link", "duplicate-rows", "missing-rows"}
_RETRY_AFTER = re.compile(r"date([+-]\d+(\.\d+)?)?|(?!date)[ -~]*")
_PACE = {"slow", "latency", "clock-skew"}
_SIZES = {"oversized": 80, "gzip-bomb": 80, "deep": 100_000}
"""Megabytes, megabytes and brackets where a fault names no size."""
KINDS = tuple(sorted(_ANSWERS | ALONE | BODIES | PAGES | _PACE))


@dataclass(frozen=True)
class Fault:
    """One line of a plan.

    `path`, `query` and `method` are globs over `v1.0/users`, the decoded query
    and the method. A `size` of 0 is the kind's own. `on` are the matching requests it strikes, counted from 1;
    () is every one. `per` "url" counts each address on its own.
    """

    kind: str
    path: str = "*"
    query: str = "*"
    method: str = "*"
    on: tuple[int, ...] = ()
    per: str = "fault"
    status: int = 503
    code: str = ""
    message: str = "An error has occurred."
    retry_after: str = "absent"
    variant: str = ""
    seconds: float = 1.0
    count: int = 1
    size: int = 0

    @property
    def only_pace(self) -> bool:
        """The answer stays as it is; it comes later, slower or with another Date."""
        return self.kind in _PACE

    @property
    def answers_alone(self) -> bool:
        """The data asked for is never made."""
        return self.kind in _ANSWERS or self.kind in ALONE


def load_faults(path: Path) -> tuple[Fault, ...]:
    """Read a fault plan from a TOML file of `[[faults]]` tables."""
    table = toml.read(path)
    faults = parse_faults(table.tables("faults"))
    table.finish()
    return faults


def parse_faults(tables: Iterable[toml.Table]) -> tuple[Fault, ...]:
    """Read `[[faults]]` tables strictly."""
    return tuple(_fault(table) for table in tables)


def _fault(table: toml.Table) -> Fault:
    kind = table.text("kind", None, choices=KINDS)
    common: dict[str, Any] = {
        "kind": kind,
        "path": table.text("path", "*").lstrip("/"),
        "query": table.text("query", "*"),
        "method": table.text("method", "*").upper(),
        "on": _on(table),
        "per": table.text("per", "fault", choices=("fault", "url")),
    }
    match kind:
        case "status":
            common["status"] = table.whole("status", None, low=300, high=599)
            common["code"] = table.text("code", "")
            common["message"] = table.text("message", Fault.message)
            common["retry_after"] = table.text("retry_after", "absent")
            common["variant"] = table.text("body", "json", choices=("json", "html", "empty"))
        case "throttled":
            common["retry_after"] = table.text("retry_after", "2.128")
        case "unauthorized":
            common["variant"] = table.text("claims", "")
        case "forbidden":
            common["variant"] = table.text("variant", "directory", choices=tuple(FORBIDDEN))
        case "redirect":
            common["variant"] = table.text("location", "https://evil.example/")
            common["status"] = table.whole("status", 302, low=300, high=308)
        case "wrong-type":
            common["variant"] = table.text("variant", "value-object", choices=WRONG_TYPES)
        case "foreign-link":
            common["variant"] = table.text("variant", "other-host", choices=tuple(FOREIGN_LINKS))
        case "bad-link":
            common["variant"] = table.text("variant", "number", choices=tuple(BAD_LINKS))
        case "looping-link":
            common["count"] = table.whole("count", 1, low=1, high=100)
        case "duplicate-rows" | "missing-rows":
            common["count"] = table.whole("count", 1, low=1, high=1000)
        case "oversized" | "gzip-bomb":
            common["size"] = table.whole("megabytes", _SIZES[kind], low=1, high=2000)
        case "deep":
            common["size"] = table.whole("depth", _SIZES[kind], low=1, high=10_000_000)
        case "slow" | "latency":
            common["seconds"] = table.number("seconds", 1.0, high=3600.0)
        case "clock-skew":
            common["seconds"] = table.number("seconds", 3600.0, low=-1e9, high=1e9)
    if not _RETRY_AFTER.fullmatch(common.get("retry_after", "")):
        raise table.wrong("retry_after", "must be a header's text, absent, huge or date+SECONDS")
    table.finish()
    return Fault(**common)


def _on(table: toml.Table) -> tuple[int, ...]:
    value = table.any("on", "always")
    if value == "always":
        return ()
    if value == "first":
        return (1,)
    if isinstance(value, list) and value and all(type(v) is int and v > 0 for v in value):
        return tuple(value)
    raise table.wrong("on", 'must be "always", "first" or a list of numbers counted from 1')


class Plan:
    """The faults of one app and how often each has matched."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self._faults = tuple(faults)
        self._seen: Counter[tuple[int, str]] = Counter()

    def striking(self, method: str, path: str, query: str) -> tuple[Fault, ...]:
        """Return the faults that strike this request, and count it. `path` is `v1.0/users`."""
        return tuple(self._strikes(method, path, query)) if self._faults else ()

    def _strikes(self, method: str, path: str, query: str) -> Iterator[Fault]:
        for number, fault in enumerate(self._faults):
            if not (
                fnmatch.fnmatchcase(method, fault.method)
                and fnmatch.fnmatchcase(path.lower(), fault.path.lower())
                and fnmatch.fnmatchcase(query, fault.query)
            ):
                continue
            if fault.kind == "empty-page" and "$emptied" in query:
                continue
            key = (number, f"{path}?{query}" if fault.per == "url" else "")
            self._seen[key] += 1
            if not fault.on or self._seen[key] in fault.on:
                yield fault


def refusal_of(fault: Fault, now: datetime) -> answers.Refusal:
    """Return the answer of a fault that is an answer."""
    match fault.kind:
        case "throttled":
            return answers.throttled(_retry_after(fault.retry_after, now))
        case "unauthorized":
            return answers.unauthorized("Lifetime validation failed, the token is expired.", fault.variant)
        case "forbidden":
            return FORBIDDEN[fault.variant]()
        case "not-found":
            return answers.not_found("gone")
        case "expired-token":
            return answers.expired_page()
        case "redirect":
            return answers.Refusal(fault.status, "", "", {"Location": fault.variant})
        case _:
            wait = _retry_after(fault.retry_after, now)
            code = fault.code or {503: "serviceNotAvailable", 500: "InternalServerError"}.get(fault.status, "generic")
            return answers.Refusal(fault.status, code, fault.message, {"Retry-After": wait} if wait is not None else {})


def _retry_after(words: str, now: datetime) -> str | None:
    """Return a Retry-After header: "absent" none, "huge" a year and more, "date+N" an HTTP date, else as it is."""
    if words == "absent":
        return None
    if words == "huge":
        return "99999999"
    if words.startswith("date"):
        shift = float(words.removeprefix("date") or 5)
        return format_datetime(now + timedelta(seconds=shift), usegmt=True)
    return words


def lone_body(fault: Fault) -> tuple[bytes, str, str]:
    """Return (body, content type, content encoding) of a fault that replaces the whole body."""
    json = "application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8"
    size = fault.size or _SIZES.get(fault.kind, 0)
    match fault.kind:
        case "html":
            page = b"<!DOCTYPE html><html><head><title>Sign in to the network</title></head><body>Welcome</body></html>"
            return page, "text/html; charset=utf-8", ""
        case "non-json":
            return b"Service Unavailable", json, ""
        case "empty":
            return b"", json, ""
        case "gzip-damaged":
            return b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03this is not deflate", json, "gzip"
        case "gzip-bomb":
            return _bomb(size), json, "gzip"
        case "oversized":
            return b'{"value":["' + b" " * (size * 1024 * 1024) + b'"]}', json, ""
        case "deep":
            return b'{"value":' + b"[" * size + b"]" * size + b"}", json, ""
        case _:
            return orjson.dumps({"error": {"code": "UnknownError", "message": "An error inside a 200."}}), json, ""


@lru_cache(maxsize=2)
def _bomb(megabytes: int) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    block = b" " * (1024 * 1024)
    parts = [packer.compress(b'{"value":["'), *(packer.compress(block) for _ in range(megabytes))]
    return b"".join([*parts, packer.compress(b'"]}'), packer.flush()])


def change_page(fault: Fault, page: dict[str, Any], origin: str, path: str, this: str) -> None:
    """Change a list's page in place: its link or its rows. `this` is the page's own address."""
    rows = page["value"]
    scheme, _, host = origin.partition("://")
    match fault.kind:
        case "empty-page":
            page["value"] = []
            page["@odata.nextLink"] = this + ("&" if "?" in this else "?") + "$emptied=1"
        case "looping-link":
            page["@odata.nextLink"] = _loop(this, fault.count)
        case "foreign-link":
            page["@odata.nextLink"] = FOREIGN_LINKS[fault.variant].format(
                origin=origin,
                scheme=scheme,
                host=host,
                hostname=host.rpartition(":")[0] or host,
                path=path + "?$skiptoken=1",
                pad="x" * 1_000_000 if fault.variant == "long" else "",
            )
        case "bad-link":
            page["@odata.nextLink"] = BAD_LINKS[fault.variant]
        case "duplicate-rows":
            page["value"] = [*rows, *rows[: fault.count]]
        case "missing-rows":
            page["value"] = rows[fault.count :]


def _loop(this: str, length: int) -> str:
    """Return the next address of a circle of `length` pages."""
    base, mark, step = this.partition("$circle=")
    now = int(step) if mark and step.isdigit() else 0
    joined = base if mark else this + ("&" if "?" in this else "?")
    return f"{joined}$circle={(now + 1) % length}"


def change_body(fault: Fault, body: Any) -> bytes:
    """Return the bytes of a damaged body. `body` is the page or object that would have been sent."""
    if not isinstance(body, dict):
        return _changed_count(fault.kind, orjson.dumps(body))
    first = _first_row(body)
    match fault.kind:
        case "wrong-type":
            return orjson.dumps(_wrong(fault.variant, body))
        case "nan":
            return _with_property(body, first, b'"nan":NaN')
        case "big-number":
            return _with_property(body, first, b'"big":' + b"9" * 5000)
        case "duplicate-key":
            key = next((k for k, v in first.items() if k != "id" and not k.startswith("@")), "id")
            return _with_property(body, first, orjson.dumps(key) + b":null")
        case "surrogate":
            name = next((k for k in ("displayName", "name") if k in first), "displayName")
            mark = "\ue0ff\ue0fe\ue0ff"
            first[name] = f"{first.get(name) or ''}{mark}"
            return orjson.dumps(body).replace(mark.encode(), b"\\ud800")
        case "bom":
            return b"\xef\xbb\xbf" + orjson.dumps(body)
        case _:
            whole = orjson.dumps(body)
            return whole[: max(1, len(whole) * 2 // 3)]


def _changed_count(kind: str, number: bytes) -> bytes:
    """Return the damaged answer of `/$count`; what only rows can have leaves it alone."""
    damaged = {"truncated": b"", "wrong-type": b'"many"', "nan": b"NaN", "big-number": b"9" * 5000}
    return damaged.get(kind, b"\xef\xbb\xbf" + number if kind == "bom" else number)


def _first_row(body: Any) -> dict[str, Any]:
    rows = body.get("value") if isinstance(body, dict) else None
    if isinstance(rows, list) and rows and isinstance(rows[0], dict):
        return rows[0]
    return body if isinstance(body, dict) else {}


def _with_property(body: Any, row: dict[str, Any], text: bytes) -> bytes:
    """Render a body with raw JSON text as the first property of a row."""
    mark = "\ue0ff\ue0fd"
    held = dict(row)
    row.clear()
    row[mark] = 0
    row.update(held)
    return orjson.dumps(body).replace(orjson.dumps(mark) + b":0", text, 1)


def _wrong(variant: str, body: Any) -> Any:
    match variant:
        case "value-object":
            return {**body, "value": {"0": "x"}}
        case "value-null":
            return {**body, "value": None}
        case "value-missing":
            return {k: v for k, v in body.items() if k != "value"}
        case "value-string":
            return {**body, "value": "rows"}
        case "rows-text":
            return {**body, "value": ["row", 7, None]}
        case "list":
            return [body]
        case "string":
            return "a text"
        case _:
            return 42
