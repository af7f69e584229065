"""Run every hunt: on the logs of a snapshot, or on exported files.

    hunt_snapshot(snapshot, settings) -> HuntResult
    hunt_files(paths, context, settings) -> HuntResult
    lookout(snapshot, settings) -> Lookout, for who walks through the guests anyway

Pure but for scratch files: the same rows and settings give the same result.
"""

import logging
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from posture.assess.types import Lead
from posture.errors import PostureError
from posture.hunts.intake import take_fact, take_file
from posture.hunts.invitations import is_invitation
from posture.hunts.inviters import Inviters, TreeBuilder, reach_of
from posture.hunts.lifecycle import LateRedemptions
from posture.hunts.people import People
from posture.hunts.places import sign_in_places
from posture.hunts.registry import Hunt, Limit, Scene, hunts
from posture.hunts.results import HuntResult, HuntRun, Window, log_name
from posture.hunts.sorting import HOLD
from posture.hunts.streams import Streams, invited_address
from posture.hunts.tenant import LOG_FACTS, fact_windows, listed, people_of, roles_held, scene_of, team_ids, why_missing
from posture.settings import Settings
from posture.snapshot.guests import Guest, guests
from posture.snapshot.types import Snapshot

log = logging.getLogger("posture.hunts")

ROWS = 20
"""Rows a lead keeps."""
_LATE = "GUEST-HUN-008"
_LISTS = ("guest_sponsors", "guest_memberships", "guest_owned_objects", "guest_app_roles")


@dataclass(frozen=True)
class TenantContext:
    """What hunting files needs to know of the tenant; a snapshot gives it all, by hand the id and domains do.

    `now` is the clock hunts reckon with; None takes the newest row's time.
    """

    tenant_id: str = ""
    domains: tuple[str, ...] = ()
    snapshot: Snapshot | None = None
    now: datetime | None = None


def hunt_snapshot(snapshot: Snapshot, settings: Settings, *, keep: int = ROWS, hold: int = HOLD) -> HuntResult:
    """Hunt in the logs a run collected.

    Raises EvidenceError where a list is damaged. Which hunts could not run,
    and over which window the others looked, is part of the result.
    """
    with lookout(snapshot, settings, keep=keep, hold=hold) as out:
        out.see_all()
        return out.result()


@contextmanager
def lookout(snapshot: Snapshot, settings: Settings, *, keep: int = ROWS, hold: int = HOLD) -> Iterator["Lookout"]:
    """Read the logs a run collected; who walks through the guests shows each of them, then asks for the result."""
    people = people_of(snapshot, settings)
    with tempfile.TemporaryDirectory(prefix="posture-hunt-") as scratch:
        streams = Streams(people, Path(scratch), hold)
        for name, (_, shape) in LOG_FACTS.items():
            if listed(snapshot, name) is not None:
                take_fact(streams, name, snapshot.facts[name], shape)
        streams.close()
        windows = tuple(fact_windows(snapshot, streams))
        scene = scene_of(people, settings, snapshot, windows, snapshot.taken_at, keep)
        missing = {kind: why_missing(snapshot, name) for name, (kind, _) in LOG_FACTS.items()}
        yield Lookout(streams, scene, windows, missing, snapshot)


def hunt_files(
    paths: Sequence[Path],
    context: TenantContext | Snapshot | None,
    settings: Settings,
    *,
    keep: int = ROWS,
    hold: int = HOLD,
) -> HuntResult:
    """Hunt in exported log files of any shape, mixed as they are.

    Raises EvidenceError naming the file that is no log, what it seems to be,
    and what is read instead.
    """
    known = TenantContext(snapshot=context) if isinstance(context, Snapshot) else context or TenantContext()
    snapshot = known.snapshot
    people = people_of(snapshot, settings) if snapshot else People(known.tenant_id, domains=frozenset(known.domains))
    people = replace(people, own_tenants=frozenset(settings.thresholds.own_tenant_ids))
    with tempfile.TemporaryDirectory(prefix="posture-hunt-") as scratch:
        streams = Streams(people, Path(scratch), hold)
        labels = _labels(paths)
        for path, label in zip(paths, labels, strict=True):
            take_file(streams, path, label)
        streams.close()
        windows = tuple(streams.windows())
        newest = max((w.newest for w in windows if w.newest), default=datetime(1970, 1, 1, tzinfo=UTC))
        now = known.now or (snapshot.taken_at if snapshot and snapshot.taken_at > newest else newest)
        scene = scene_of(people, settings, snapshot, windows, now, keep)
        missing = {name: f"No {name} are in the files." for name, _ in LOG_FACTS.values()}
        out = Lookout(streams, scene, windows, missing, snapshot)
        out.see_all()
        return out.result()


def _labels(paths: Sequence[Path]) -> list[str]:
    """Return a name for each file; files of one name are told apart by their folder."""
    names = [p.name for p in paths]
    return [p.name if names.count(p.name) == 1 else f"{p.parent.name}/{p.name}" for p in paths]


# --- hunting ------------------------------------------------------------------------------------------------------


class Lookout:
    """Hunts whose logs were read: shown each guest once, for who invited whom and late redemptions, then asked."""

    def __init__(
        self,
        streams: Streams,
        scene: Scene,
        windows: tuple[Window, ...],
        missing: Mapping[str, str],
        snapshot: Snapshot | None,
    ) -> None:
        self._streams, self._scene, self._windows, self._missing = streams, scene, windows, missing
        inviters = Inviters(scene.people.guests)
        inviters.take(streams.guest_records, is_invitation)
        self._late = LateRedemptions(scene)
        self._snapshot = snapshot if snapshot is not None and listed(snapshot, "guests") is not None else None
        self._roles = roles_held(self._snapshot) if self._snapshot else None
        self._teams = team_ids(self._snapshot) if self._snapshot else None
        self._tree = TreeBuilder(inviters, self._roles, self._teams)
        self._tree.scout(listed(self._snapshot, "guest_sponsors") or ())
        self._failed = ""

    def see(self, guest: Guest) -> None:
        """Take one guest of the guest list. A bug in here costs the tree and is said, never the findings."""
        try:
            self._tree.add(guest)
            if self._late.concerns(guest):
                self._late.add(guest, reach_of(guest, self._roles, self._teams))
        except Exception as bug:  # the walk through the guests goes on for the controls
            if not self._failed:
                log.exception("drawing who invited whom failed")
            self._failed = f"posture failed while drawing who invited whom: {type(bug).__name__}"

    def see_all(self) -> None:
        """Take every guest of the list; where there is none, the people the log says were invited."""
        for guest in guests(self._snapshot, _LISTS) if self._snapshot else _invited(self._streams):
            self.see(guest)

    def result(self) -> HuntResult:
        """Run every hunt and return what was found."""
        streams, scene = self._streams, self._scene
        had = {"audits": scene.audits is not None, "sign-ins": scene.sign_ins is not None}
        leads: list[Lead] = []
        runs: list[HuntRun] = []
        for one in hunts():
            lacking = [self._missing[name] for name in one.logs if not had[name]]
            if lacking:
                found: list[Lead] = []
                run = HuntRun(one.code, one.title, 0, " ".join(lacking))
            else:
                found, run = _one(one, streams, scene)
            if one.code == _LATE and self._failed:
                run = replace(run, not_run=self._failed, failed=True)
            elif one.code == _LATE:
                found += self._late.leads()
            leads += _dressed(found, one, scene)
            runs.append(replace(run, leads=len(found)))
        places, left_out = sign_in_places(streams.guest_sign_ins)
        return HuntResult(
            leads=tuple(sorted(leads, key=lambda lead: (-lead.severity.rank, lead.hunt, lead.summary))),
            windows=self._windows,
            runs=tuple(runs),
            bad_rows=tuple(streams.bad_rows),
            bad_row_count=streams.bad_row_count,
            inviters=None if self._failed else self._tree.tree(),
            places=places,
            places_left_out=left_out,
            apps=streams.apps(),
            devices=dict(sorted(streams.devices.items())),
            notes=tuple(_notes(streams, scene, self._windows, self._missing)),
        )


def _one(one: Hunt, streams: Streams, scene: Scene) -> tuple[list[Lead], HuntRun]:
    """Run one hunt. A bug in it costs its own leads and is said; damaged scratch files and full disks end the run."""
    given = streams.all()
    leads: list[Lead] = []
    limits: list[str] = []
    try:
        for found in one.function(**{name: given[name] for name in one.streams}, scene=scene):
            if isinstance(found, Limit):
                limits.append(found.sentence)
            else:
                leads.append(found)
    except PostureError:
        raise
    except Exception as bug:  # a bug in one hunt must not cost the others, nor the findings
        log.exception("hunt %s failed", one.code)
        words = f"posture failed while hunting: {type(bug).__name__}"
        return [], HuntRun(one.code, one.title, 0, words, failed=True)
    return leads, HuntRun(one.code, one.title, len(leads), limits=tuple(limits))


def _dressed(leads: list[Lead], one: Hunt, scene: Scene) -> list[Lead]:
    """Give the leads of one hunt its own words and its query."""
    if not leads:
        return []
    from posture.hunts.kql.queries import query

    kql = query(one.query, scene.people, scene.thresholds)
    return [
        replace(
            lead,
            hunt=one.code,
            why=one.why,
            harmless_if=one.harmless_if,
            next_question=one.next_question,
            attack=one.attack,
            kql=kql,
        )
        for lead in leads
    ]


def _invited(streams: Streams) -> Iterator[Guest]:
    """Yield the people the log says were invited, as far as it tells, where there is no guest list."""
    for key, events in streams.guest_records.groups():
        first = next((e for e in events if is_invitation(e) and e.succeeded), None)
        if first is None:
            continue
        target = next((t for t in first.targets if t.id.casefold() == key), None)
        name = (target.display_name if target else "") or invited_address(first)
        yield Guest({"id": target.id if target else key, "displayName": name, "mail": invited_address(first)}, {})


def _notes(streams: Streams, scene: Scene, windows: tuple[Window, ...], missing: Mapping[str, str]) -> Iterator[str]:
    """Yield what a reader must know about the logs themselves."""
    logs = {w.log for w in windows}
    for name, why in missing.items():
        if name not in logs:
            yield why
    if logs - {"audits"} and scene.people.guests is None:
        yield (
            "The guest list was not read: guests without an Entra home (personal mail, passcode) are not recognised "
            "where the log does not say who is a guest, as Graph's v1.0 does not."
        )
    if not scene.people.domains:
        yield "No verified domain is known: an inviter's domain could not be compared with ours."
    doubles = sum(s.duplicates for s in streams.all().values())
    if doubles:
        yield f"{doubles:,} records came more than once and count once."
    for name, count in sorted(streams.others.items()):
        yield f"{name}: {count:,} rows passed over, no hunt here reads them."
    if streams.bad_row_count:
        yield f"{streams.bad_row_count:,} rows could not be read, or not wholly."
    lookback = scene.thresholds.lookback_days
    for window in windows:
        if window.asked_from is not None and window.days + 0.5 < lookback:
            days = f"{window.days:.1f}".removesuffix(".0")
            yield f"The {log_name(window.source)} covers {days} of {lookback} days; what was before is not in it."


__all__ = ["HuntResult", "Lookout", "TenantContext", "hunt_files", "hunt_snapshot", "lookout"]
