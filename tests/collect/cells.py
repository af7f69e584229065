"""The columns of the matrix: each kind of trouble, where it strikes, and what may come of it.

A cell ends in one of three ways. `equal`: the fact is that of an undisturbed
run. `gap`: there is none, for one of the reasons named. `other`: the service
really said something else (a row less, a key more), which nobody can tell from
the truth; then the judgement over it must not break, and not be better.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from posture.emulator.faults import BAD_LINKS, FORBIDDEN, FOREIGN_LINKS, WRONG_TYPES, Fault
from posture.snapshot.types import GapReason as R

EQUAL, OTHER = "equal", "other"
LISTS, LONG, ANY = "lists", "long lists", "any"

_LICENCE = {"non-premium", "no-license", "pim-license"}


@dataclass(frozen=True)
class Column:
    """One fault. `on` () is every matching request, (1,) the first, (2,) the second."""

    label: str
    kind: str
    ends: frozenset[str]
    on: tuple[int, ...] = ()
    only: str = ANY
    more: tuple[tuple[str, object], ...] = ()
    retried: bool = False

    def fault(self, path: str, method: str) -> Fault:
        return Fault(self.kind, path=path, method=method, on=self.on, **dict(self.more))  # type: ignore[arg-type]


def _column(kind: str, ends: set[str], name: str = "", **more: object) -> Column:
    known = {k: more.pop(k) for k in ("on", "only", "retried") if k in more}
    label = "-".join([kind, *([name] if name else []), *(["once"] if known.get("on") == (1,) else [])])
    label += "-second" if known.get("on") == (2,) else ""
    return Column(label, kind, frozenset(ends), more=tuple(more.items()), **known)  # type: ignore[arg-type]


def columns() -> Iterator[Column]:
    """Yield every column."""
    yield from _statuses()
    yield from _waits()
    yield from _refusals()
    yield from _bodies()
    yield from _pages()


def _statuses() -> Iterator[Column]:
    for status in (500, 502, 503, 504):
        yield _column("status", {EQUAL}, str(status), on=(1,), status=status, retried=True)
        yield _column("status", {R.SERVER}, f"{status}-for-ever", status=status, retried=True)
    yield _column("status", {EQUAL}, "503", on=(2,), only=LONG, status=503, retried=True)
    yield _column("status", {EQUAL}, "408", on=(1,), status=408, retried=True)
    yield _column("status", {R.SERVER}, "502-html", status=502, variant="html", retried=True)
    yield _column("status", {R.QUERY}, "400", status=400, code="Request_BadRequest")
    yield _column("status", {R.QUERY}, "501", status=501, code="NotImplemented")
    yield _column("status", {R.ANSWER}, "418-html", status=418, variant="html")
    yield _column("status", {EQUAL}, "503-date", on=(1,), status=503, retry_after="date+3", retried=True)


def _waits() -> Iterator[Column]:
    usable = {"seconds": "3", "decimals": "2.128", "date": "date+4", "absent": "absent"}
    useless = {"zero": "0", "negative": "-1", "past": "date-60", "rubbish": "soon", "empty": ""}
    for name, header in {**usable, **useless}.items():
        yield _column("throttled", {EQUAL}, name, on=(1,), retry_after=header, retried=True)
    yield _column("throttled", {EQUAL}, "seconds", on=(2,), only=LONG, retry_after="1", retried=True)
    for name, header in {"absent": "absent", "seconds": "5"}.items():
        yield _column("throttled", {R.THROTTLED}, f"{name}-for-ever", retry_after=header, retried=True)
    yield _column("throttled", {R.THROTTLED}, "a-year", retry_after="huge")
    yield _column("throttled", {R.THROTTLED}, "longer-than-patience", retry_after="301")
    yield _column("slow", {EQUAL}, seconds=0.002)
    yield _column("latency", {EQUAL}, seconds=0.0002)
    yield _column("clock-skew", {EQUAL}, "a-day", seconds=93_600.0)
    yield _column("clock-skew", {EQUAL}, "years", seconds=-9e8)


def _refusals() -> Iterator[Column]:
    yield _column("unauthorized", {EQUAL}, on=(1,), retried=True)
    yield _column("unauthorized", {EQUAL}, on=(2,), only=LONG, retried=True)
    yield _column("unauthorized", {R.SIGN_IN}, "for-ever")
    yield _column("unauthorized", {R.SIGN_IN, EQUAL}, "claims", variant="eyJhY2Nlc3NfdG9rZW4iOnt9fQ==")
    for variant in FORBIDDEN:
        reason = R.LICENCE if variant in _LICENCE else R.SIGN_IN if variant == "claims" else R.PERMISSION
        yield _column("forbidden", {reason}, variant, variant=variant)
    # Reported now and then by tenants that are licensed, so asked once more.
    yield _column("forbidden", {EQUAL}, "non-premium", on=(1,), variant="non-premium", retried=True)
    yield _column("not-found", {R.NOT_FOUND}, "for-ever")
    yield _column("redirect", {R.ANSWER}, "elsewhere", status=302, variant="https://evil.example/")
    yield _column("redirect", {R.ANSWER}, "307", status=307, variant="http://127.0.0.1/v1.0/other")
    yield _column("expired-token", {EQUAL}, on=(2,), only=LONG)
    yield _column("expired-token", {R.ANSWER}, "for-ever")


def _bodies() -> Iterator[Column]:
    for kind in ("truncated", "gzip-damaged", "non-json", "empty"):
        yield _column(kind, {EQUAL}, on=(1,), retried=True)
        yield _column(kind, {EQUAL}, on=(2,), only=LONG, retried=True)
        yield _column(kind, {R.ANSWER}, "for-ever", retried=True)
    yield _column("html", {R.ANSWER})
    yield _column("error-body", {R.ANSWER})
    yield _column("oversized", {R.ANSWER}, size=2)
    yield _column("gzip-bomb", {R.ANSWER}, size=20)
    yield _column("deep", {R.ANSWER}, size=100_000)
    for variant in WRONG_TYPES:
        yield _column("wrong-type", {R.ANSWER, OTHER, EQUAL}, variant, variant=variant)
    yield _column("nan", {R.ANSWER, OTHER})
    yield _column("big-number", {R.ANSWER, OTHER})
    yield _column("duplicate-key", {R.ANSWER, OTHER, EQUAL})
    yield _column("surrogate", {OTHER, EQUAL})
    yield _column("bom", {R.ANSWER, EQUAL})


def _pages() -> Iterator[Column]:
    yield _column("empty-page", {EQUAL}, only=LISTS)
    yield _column("looping-link", {R.ANSWER}, "alone", only=LISTS, count=1)
    yield _column("looping-link", {R.ANSWER}, "three", only=LISTS, count=3)
    for variant in FOREIGN_LINKS:
        # On loopback http is no step down: the link is followed, and its made-up token refused.
        ends = {R.QUERY} if variant == "downgrade" else {R.ANSWER}
        yield _column("foreign-link", ends, variant, only=LISTS, variant=variant)
    yield _column("foreign-link", {R.ANSWER}, "other-host", only=LONG, on=(2,), variant="other-host")
    for variant in BAD_LINKS:
        ends = {R.INCOMPLETE, OTHER, EQUAL} if variant == "null" else {R.ANSWER}
        yield _column("bad-link", ends, variant, only=LISTS, variant=variant)
    yield _column("duplicate-rows", {EQUAL}, only=LISTS, count=3)
    yield _column("missing-rows", {R.INCOMPLETE, OTHER, EQUAL}, only=LISTS, count=2)
    yield _column("missing-rows", {EQUAL, OTHER}, only=LONG, on=(2,), count=2)
