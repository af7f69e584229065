"""What the hunts know of the tenant besides its logs, from the other lists of the same run."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import unquote

from posture.errors import UnknownValueError
from posture.hunts.people import IdSet, People
from posture.hunts.registry import Scene
from posture.hunts.results import Window, log_name
from posture.hunts.shapes import GRAPH_AUDIT, GRAPH_SIGN_IN, Shape
from posture.hunts.streams import Streams
from posture.settings import Settings
from posture.snapshot.derive import licences
from posture.snapshot.folder import FileRows
from posture.snapshot.types import Snapshot
from posture.snapshot.values import moment

FREE_DAYS, LICENSED_DAYS = 7, 30
"""How long Entra keeps audits, and with a licence sign-ins.

Source: https://learn.microsoft.com/entra/identity/monitoring-health/reference-reports-data-retention
"""
LOG_FACTS: Mapping[str, tuple[str, Shape]] = {
    "directory_audits": ("audits", GRAPH_AUDIT),
    "sign_ins": ("sign-ins", GRAPH_SIGN_IN),
    "sign_ins_non_interactive": ("non-interactive sign-ins", GRAPH_SIGN_IN),
}
_SINCE = re.compile(r"(?:activityDateTime|createdDateTime)\s+ge\s+([0-9T:.Z+-]+)")


def listed(snapshot: Snapshot | None, name: str) -> Iterable[Mapping[str, Any]] | None:
    """Return a list fact's objects; None where it was not read or is no list. What is no object is passed over."""
    fact = snapshot.facts.get(name) if snapshot is not None else None
    if fact is None or isinstance(fact.value, str | bytes | Mapping) or not hasattr(fact.value, "__iter__"):
        return None
    return (row for row in fact.value if isinstance(row, Mapping))


def people_of(snapshot: Snapshot, settings: Settings) -> People:
    """Return who belongs where, from the lists of a run."""
    domains = {d.casefold() for d in snapshot.tenant.domains}
    domains |= {
        str(r.get("id")).casefold() for r in listed(snapshot, "domains") or () if r.get("isVerified") is not False
    }
    return People(
        tenant=snapshot.tenant.id,
        own_tenants=frozenset(settings.thresholds.own_tenant_ids),
        domains=frozenset(domains),
        guests=_ids(snapshot, "guests"),
        external_members=_ids(snapshot, "external_members"),
    )


def _ids(snapshot: Snapshot, name: str) -> IdSet | None:
    rows = listed(snapshot, name)
    if rows is None:
        return None
    value = snapshot.facts[name].value
    return IdSet(value.ids() if isinstance(value, FileRows) else (str(row.get("id", "")) for row in rows))


def _retention(snapshot: Snapshot) -> int | None:
    """Return how many days the tenant keeps logs; None where the licences do not tell."""
    rows = listed(snapshot, "subscribed_skus")
    if rows is None:
        return None
    try:
        p1 = licences(rows).p1
    except UnknownValueError:
        return None
    return None if p1 is None else LICENSED_DAYS if p1 else FREE_DAYS


def fact_windows(snapshot: Snapshot, streams: Streams) -> Iterator[Window]:
    """Yield the window of each log fact: the query's beginning, cut by what the tenant keeps."""
    found = {(w.log, w.source): w for w in streams.windows()}
    retention = _retention(snapshot)
    for name, (log, _) in LOG_FACTS.items():
        fact = snapshot.facts.get(name)
        if fact is None or listed(snapshot, name) is None:
            continue
        rows = found.get((log, name), Window(log, name, 0, None, None))
        match = _SINCE.search(unquote(fact.provenance.url).replace("+", " "))
        asked = moment(match[1]) if match else None
        until = fact.provenance.retrieved_at
        kept = snapshot.taken_at - timedelta(days=retention) if retention else None
        begins = [t for t in (asked, kept) if t is not None]
        since = max(begins) if begins else rows.oldest
        if since is not None and rows.oldest is not None:
            since = min(since, rows.oldest)  # the log itself reaches further back than promised
        yield replace(
            rows, since=since, until=max(until, rows.newest or until), asked_from=asked, retention_days=retention
        )


def why_missing(snapshot: Snapshot, name: str) -> str:
    """Return why a log was not read and what would unlock it, in a sentence."""
    gap = snapshot.gaps.get(name)
    why = f" ({gap.reason.value.replace('-', ' ')}). {gap.unlock}" if gap else " in this run."
    return f"The {log_name(name)} was not read{why}"


def scene_of(
    people: People,
    settings: Settings,
    snapshot: Snapshot | None,
    windows: tuple[Window, ...],
    now: datetime,
    keep: int,
) -> Scene:
    """Return what the hunts may know besides the events. `snapshot` is None where only files were given."""
    return Scene(
        people=people,
        thresholds=settings.thresholds,
        now=now,
        audits=_joined([w for w in windows if w.log == "audits"]),
        sign_ins=_joined([w for w in windows if w.log != "audits"]),
        privileged_groups=_privileged_groups(snapshot),
        entra_domains=_entra_domains(snapshot),
        keep=keep,
    )


def _joined(windows: list[Window]) -> Window | None:
    """Return the span of several windows of one log, as if they were one."""
    if not windows:
        return None
    since = min((w.since for w in windows if w.since), default=None)
    until = max((w.until for w in windows if w.until), default=None)
    return replace(windows[0], since=since, until=until, rows=sum(w.rows for w in windows))


def _privileged_groups(snapshot: Snapshot | None) -> frozenset[str] | None:
    """Return the groups that may hold roles or were read because they do."""
    groups = listed(snapshot, "groups")
    if groups is None:
        return None
    found = {str(g.get("id")).casefold() for g in groups if g.get("isAssignableToRole") is True}
    found |= {str(g.get("id")).casefold() for g in listed(snapshot, "privileged_group_members") or ()}
    return frozenset(found)


def _entra_domains(snapshot: Snapshot | None) -> frozenset[str] | None:
    """Return guest domains that are some Entra tenant's."""
    rows = listed(snapshot, "guest_domain_tenants")
    return None if rows is None else frozenset(str(r.get("id")).casefold() for r in rows if r.get("tenantId"))


def roles_held(snapshot: Snapshot) -> dict[str, int] | None:
    """Return how many roles each principal holds directly; None where that was not read."""
    rows = listed(snapshot, "role_assignments")
    if rows is None:
        return None
    found: dict[str, int] = {}
    for row in rows:
        key = str(row.get("principalId", "")).casefold()
        found[key] = found.get(key, 0) + 1
    return found


def team_ids(snapshot: Snapshot) -> frozenset[str] | None:
    """Return the ids of groups that are teams; None where groups were not read.

    Source: https://learn.microsoft.com/graph/teams-list-all-teams
    """
    groups = listed(snapshot, "groups")
    if groups is None:
        return None
    return frozenset(
        str(g.get("id"))
        for g in groups
        if isinstance(options := g.get("resourceProvisioningOptions"), list) and "Team" in options
    )
