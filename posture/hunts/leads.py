"""Put leads together: count everything, keep a few rows that a person can follow to the log."""

import heapq
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from posture.assess.types import Lead
from posture.hunts.events import AuditEvent, SignInEvent
from posture.hunts.when import micros
from posture.settings import Severity

IDS = 20
"""Record ids a row of several records keeps."""


def stamp(when: datetime | None) -> str | None:
    """Return a time as rows write it: UTC, whole seconds, Z; None where the log told none."""
    return None if when is None else when.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


class Found:
    """The rows of one lead: all counted, the newest kept."""

    def __init__(self, keep: int) -> None:
        self.count = 0
        self._keep = keep
        self._rows: list[tuple[int, str, int, Mapping[str, Any]]] = []

    def add(self, when: datetime | None, row: Mapping[str, Any]) -> None:
        """Take one row. Of rows without a time the later added count as newer."""
        self.count += 1
        entry = (micros(when), str(row.get("ids", "")), self.count, row)
        if len(self._rows) < self._keep:
            heapq.heappush(self._rows, entry)
        else:
            heapq.heappushpop(self._rows, entry)

    def __bool__(self) -> bool:
        return self.count > 0

    @property
    def rows(self) -> tuple[Mapping[str, Any], ...]:
        """The rows kept, newest first, all with the same keys so that they make a table; what a row lacks is ""."""
        rows = [entry[3] for entry in sorted(self._rows, key=lambda e: e[:3], reverse=True)]
        keys: dict[str, None] = {}
        for row in rows:
            keys.update(dict.fromkeys(row))
        last = [k for k in ("ids", "place") if k in keys]
        order = [*(k for k in keys if k not in last), *last]
        return tuple({k: row.get(k, [] if k in ("ids", "steps") else "") for k in order} for row in rows)

    def lead(self, severity: Severity, summary: str) -> Lead:
        """Return the lead; the hunt's own words are added where it is run."""
        return Lead("", severity, summary, self.count, self.rows)


def audit_row(event: AuditEvent, **more: Any) -> dict[str, Any]:
    """Return an audit record as a lead shows it. Values that are empty are left out."""
    target = event.targets[0] if event.targets else None
    row = {
        "time": stamp(event.at),
        "activity": event.activity,
        "result": event.result,
        "who": event.actor.label,
        "who_id": event.actor.id or event.actor.app_id,
        "from": event.ip,
        "target": (target.user_principal_name or target.display_name) if target else "",
        "target_id": target.id if target else "",
        **more,
        "ids": [event.id] if event.id else [],
        "place": event.place,
    }
    return {k: v for k, v in row.items() if v not in (None, "")}


def sign_in_row(event: SignInEvent, **more: Any) -> dict[str, Any]:
    """Return a sign-in as a lead shows it. Values that are empty are left out."""
    row = {
        "time": stamp(event.at),
        "who": event.user_name or event.user_display_name,
        "who_id": event.user_id,
        "application": event.app_name or event.app_id,
        "application_id": event.app_id,
        "resource": event.resource_name,
        "from": event.ip,
        "city": event.city,
        "country": event.country,
        "result": "success" if event.succeeded else outcome(event),
        **more,
        "ids": [event.id] if event.id else [],
        "place": event.place,
    }
    return {k: v for k, v in row.items() if v not in (None, "")}


def outcome(event: SignInEvent) -> str:
    """Return a sign-in's result in a word or two."""
    if event.succeeded:
        return "success"
    return "unknown" if event.error is None else "failed" if event.error < 0 else f"failed ({event.error})"


class Bundle:
    """Sign-ins that belong to one row: how many, since when, from where."""

    def __init__(self) -> None:
        self.succeeded = self.failed = 0
        self.first: datetime | None = None
        self.last: SignInEvent | None = None
        self.best: SignInEvent | None = None
        self.ips: dict[str, None] = {}
        self.places: dict[str, None] = {}
        self.ids: list[str] = []

    def add(self, event: SignInEvent) -> None:
        """Take one sign-in, in the order of time."""
        if event.succeeded:
            self.succeeded += 1
            self.best = event
        else:
            self.failed += 1
        self.first = self.first or event.at
        self.last = event
        if len(self.ips) < IDS and event.ip:
            self.ips[event.ip] = None
        where = ", ".join(filter(None, (event.city, event.country)))
        if len(self.places) < IDS and where:
            self.places[where] = None
        if event.id:
            self.ids.append(event.id)
            del self.ids[:-IDS]

    def row(self, **more: Any) -> dict[str, Any]:
        """Return the bundle as one row."""
        event = self.best or self.last
        if event is None:
            return dict(more)
        row = sign_in_row(event, **more)
        row.pop("result", None)
        last = row.pop("place")
        for key in ("from", "city", "country", "ids"):
            row.pop(key, None)
        row["time"] = stamp(self.last.at if self.last else None)
        row |= {
            "first": stamp(self.first),
            "succeeded": self.succeeded,
            "failed": self.failed,
            "from": ", ".join(self.ips),
            "places": "; ".join(self.places),
            "ids": list(self.ids),
            "place": last,
        }
        return {k: v for k, v in row.items() if v not in (None, "")}


def many(number: int, one: str, more: str = "") -> str:
    """Return a number with its noun: "1 guest", "1,200 guests"."""
    return f"{number:,} {one if number == 1 else more or one + 's'}"
