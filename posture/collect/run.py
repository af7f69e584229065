"""Read a tenant: every gatherer once, what fails becomes a gap, all of it evidence."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from posture import CATALOGUE_VERSION, __version__
from posture.collect.journal import Journal
from posture.collect.lists import ShortListError
from posture.collect.partition import LARGE
from posture.collect.registry import Gatherer, gatherers
from posture.collect.source import Progress, Record, Source
from posture.errors import (
    AccessDeniedError,
    AnswerError,
    BadRequestError,
    EvidenceError,
    GraphError,
    NetworkError,
    NotFoundError,
    NotLicensedError,
    OutputError,
    ServerError,
    SettingsError,
    SignInError,
    ThrottledError,
    TokenRefusedError,
)
from posture.settings import Settings
from posture.snapshot.folder import dump, write_private
from posture.snapshot.store import check, load, manifest_of, stamp
from posture.snapshot.store import provenance_from as provenance_from
from posture.snapshot.types import Fact, Gap, GapReason, Provenance, Snapshot, Tenant
from posture.snapshot.values import moment

if TYPE_CHECKING:
    from posture.graph.reader import GraphReader

log = logging.getLogger("posture.collect")

_REASONS: tuple[tuple[type[GraphError], GapReason], ...] = (
    (AccessDeniedError, GapReason.PERMISSION),
    (NotLicensedError, GapReason.LICENCE),
    (TokenRefusedError, GapReason.SIGN_IN),
    (NotFoundError, GapReason.NOT_FOUND),
    (BadRequestError, GapReason.QUERY),
    (ThrottledError, GapReason.THROTTLED),
    (ServerError, GapReason.SERVER),
    (NetworkError, GapReason.NETWORK),
    (AnswerError, GapReason.ANSWER),
)


HOPELESS = frozenset({GapReason.NETWORK, GapReason.SIGN_IN})
"""Reasons for which no source would answer."""


class NothingReadError(GraphError):
    """Not one source could be read, so there is nothing to judge."""


@dataclass(frozen=True)
class Plan:
    """What to read and how.

    `root` takes the evidence; `wanted` are fact names (None: all that are not
    optional), `declined` are left out and become gaps. `cloud` is a key of
    graph/clouds.py. `meta` goes into the manifest: account, permissions,
    command. `arm` reads Azure Resource Manager, where a source needs it.
    `terms` are further things a run that is taken up must have in common with
    the one that was begun: who is asked.
    """

    root: Path
    clock: Callable[[], datetime]
    settings: Settings
    cloud: str = "global"
    wanted: frozenset[str] | None = None
    declined: frozenset[str] = frozenset()
    meta: Mapping[str, Any] = field(default_factory=dict)
    progress: Callable[[Progress], None] | None = None
    on_gap: Callable[[Gap], None] | None = None
    partition_from: int = LARGE
    journal_root: Path | None = None
    arm: "GraphReader | None" = None
    terms: Mapping[str, Any] = field(default_factory=dict)


async def collect(graph: "GraphReader", plan: Plan) -> Snapshot:
    """Read everything the plan wants, write the evidence folder and return it as a snapshot.

    A journal left in the folder by a killed run is taken up; it stays until
    the run is moved to its place, which ends it. Raises OutputError where the
    folder cannot be written, SettingsError where the run taken up was begun
    for something else, and NothingReadError where not one source can be read;
    a single source that fails is a gap, never an error.
    """
    journal = Journal(plan.journal_root or plan.root)
    taken_at = _begun(journal, plan)
    run = _Run(graph, plan, journal, taken_at)
    await run.all()
    tenant = _tenant(run.facts, plan.meta)
    manifest = manifest_of(
        meta={
            "tool": {"name": "posture", "version": __version__, "catalogue_version": CATALOGUE_VERSION},
            "cloud": plan.cloud,
            **plan.meta,
            "ended": stamp(plan.clock()),
        },
        tenant=tenant,
        taken_at=taken_at,
        facts=[(name, r.provenance, r.extra) for name, r in sorted(run.records.items()) if r.provenance is not None],
        gaps=run.gaps.values(),
    )
    from posture.snapshot.settings_file import settings_json

    write_private(plan.root / "settings.json", dump(settings_json(plan.settings)))
    write_private(plan.root / "manifest.json", dump(manifest))
    _sweep(plan.root, {str(file["file"]) for file in manifest["files"]})
    if plan.journal_root is None:
        journal.remove()  # nobody will take this run up
    else:
        journal.save("run", {**(journal.load("run") or {}), "ended": True})
    return load(plan.root)


def _sweep(root: Path, named: set[str]) -> None:
    """Remove what the manifest does not name: a killed run may have read a list in another way than its heir."""
    kept = named | {"manifest.json", "settings.json"}
    for file in root.rglob("*"):
        place = file.relative_to(root)
        if file.is_file() and place.as_posix() not in kept and place.parts[0] != "journal":
            file.unlink()


def terms_of(
    asked: Mapping[str, Any], *, lookback_days: int, wanted: frozenset[str] | None, declined: frozenset[str]
) -> dict[str, Any]:
    """Return what a run and the one that takes it up must have in common."""
    return {
        "version": __version__,
        **asked,
        "lookback_days": lookback_days,
        "sources": sorted(wanted) if wanted is not None else None,
        "declined": sorted(declined),
    }


def has_ended(root: Path, terms: Mapping[str, Any]) -> bool:
    """Return whether the run in a folder has read everything, so that only judging is left.

    Raises SettingsError where it was begun for something else.
    """
    started = Journal(root).load("run")
    if started is None:
        return False
    _compare(started, terms)
    return started.get("ended") is True


def _compare(started: Mapping[str, Any], terms: Mapping[str, Any]) -> None:
    for name, value in terms.items():
        if name in started and started[name] != value:
            raise SettingsError(
                f"the unfinished run was begun with {name} {started[name]!r}, not {value!r}; "
                "take it up with the options it was begun with, or start a new one without --resume"
            )


def _begun(journal: Journal, plan: Plan) -> datetime:
    """Return when the run began: now, or when the run that is taken up did.

    Raises SettingsError where that run was begun for something else.
    """
    terms = terms_of(
        {"cloud": plan.cloud, "signed in to": _token_tenant(plan.meta), **plan.terms},
        lookback_days=plan.settings.thresholds.lookback_days,
        wanted=plan.wanted,
        declined=plan.declined,
    )
    started = journal.load("run")
    if started is None:
        taken_at = plan.clock()
        journal.save("run", {"taken_at": stamp(taken_at), **terms})
        return taken_at
    _compare(started, terms)
    if "ended" in started:
        journal.save("run", {k: v for k, v in started.items() if k != "ended"})
    begun = moment(started.get("taken_at"))
    if begun is None:
        raise EvidenceError("the journal of the unfinished run is damaged; start a new run without --resume")
    return begun


class _Run:
    def __init__(self, graph: "GraphReader", plan: Plan, journal: Journal, taken_at: datetime) -> None:
        self._graph, self._plan, self._journal, self._taken_at = graph, plan, journal, taken_at
        self.records: dict[str, Record] = {}
        self.facts: dict[str, Any] = {}
        self.gaps: dict[str, Gap] = {}
        self._chosen = _chosen(plan)
        self._ready = {name: asyncio.Event() for name in self._chosen}

    async def all(self) -> None:
        """Read all chosen sources; those that wait for others start when these are done.

        The organization goes first, in a run that is taken up too: where nobody
        answers, the token is refused or another tenant answers, nothing else is
        worth asking. Raises GraphError or SettingsError then, and GraphError
        where not one source could be read.
        """
        first = self._chosen.get("organization")
        if first is not None:
            await self._one(first)
            self._stop_if(HOPELESS)
            self._same_tenant()
        try:
            async with asyncio.TaskGroup() as group:
                for g in self._chosen.values():
                    if g is not first:
                        group.create_task(self._one(g))
        except ExceptionGroup as failures:
            # What stops a run is never a bundle: the first failure says why.
            raise failures.exceptions[0] from None
        if not self.facts:
            self._stop_if(frozenset(GapReason))
        if self._plan.wanted is None or self._optional_asked():
            self._note_unasked()

    def _optional_asked(self) -> bool:
        return any(g.optional for g in self._chosen.values())

    def _note_unasked(self) -> None:
        """Say of each optional source that it was left out, and how to read it."""
        for name, g in gatherers().items():
            if g.optional and name not in self._chosen:
                detail = "read only when asked for"
                self.gaps[name] = Gap(name, GapReason.NOT_ASKED, detail, g.endpoint, g.permission, g.licence)

    def _same_tenant(self) -> None:
        """Remember which tenant answers; refuse to mix another one into what a killed run has read."""
        if "organization" not in self.facts:
            return
        rows = list(self.facts["organization"])
        _refuse_other_domain(rows, str(self._plan.terms.get("tenant", "")))
        refuse_customers(rows)
        ids = sorted(str(row.get("id")) for row in rows)
        started = self._journal.load("run") or {}
        known = started.get("tenant_ids")
        if known is not None and known != ids:
            raise SettingsError(
                f"the unfinished run read the tenant {', '.join(known)}; now {', '.join(ids)} answers. "
                "Sign in to the tenant the run was begun with, or start a new one without --resume"
            )
        if known is None:
            self._journal.save("run", {**started, "tenant_ids": ids})

    def _stop_if(self, reasons: frozenset[GapReason]) -> None:
        gap = next((g for g in self.gaps.values() if g.reason in reasons), None)
        if gap is None or self.facts:
            return
        alike = sum(g.reason is gap.reason for g in self.gaps.values())
        more = f"; {alike} of {len(self._chosen)} sources for the same reason" if alike > 1 else ""
        raise NothingReadError(f"nothing could be read: {gap.detail}{more}. {gap.unlock}", request_id=gap.request_id)

    async def _one(self, g: Gatherer) -> None:
        try:
            for name in g.after:
                if name in self._ready:
                    await self._ready[name].wait()
            if g.name == "organization" or not self._taken_up(g):
                await self._read(g)
        finally:
            self._ready[g.name].set()

    async def _read(self, g: Gatherer) -> None:
        gap = self._early_gap(g)
        if gap is None:
            source = self._source(g)
            try:
                await g.function(source, *(self.facts[n] if n in self.facts else self._lacking(n) for n in g.after))
                gap = self._kept(g, source)
            except GraphError as error:
                gap = gap_of(g, error, source.record.kept)
            except (OutputError, SignInError, KeyboardInterrupt, asyncio.CancelledError):
                raise
            except (
                Exception
            ) as bug:  # a bug in one gatherer must not cost the others; its fact is a gap, the exit code remembers
                log.exception("gatherer %s failed", g.name)
                gap = Gap(
                    g.name,
                    GapReason.ERROR,
                    f"posture failed while reading: {type(bug).__name__}",
                    g.endpoint,
                    g.permission,
                )
            if gap is not None and source.record.provenance is not None and source.record.kept:
                self.records[g.name] = source.record
        if gap is not None:
            self.gaps[g.name] = gap
            if self._plan.on_gap is not None:
                self._plan.on_gap(gap)
        self._remember(g.name)

    def _source(self, g: Gatherer) -> Source:
        return Source(
            self._graph,
            self._plan.root,
            fact=g.name,
            permission=g.permission,
            journal=self._journal,
            progress=self._plan.progress,
            partition_from=self._plan.partition_from,
            lookback_days=self._plan.settings.thresholds.lookback_days,
            taken_at=self._taken_at,
            arm=self._plan.arm,
        )

    def _early_gap(self, g: Gatherer) -> Gap | None:
        """Return a gap that is known without asking."""
        plan = self._plan
        if g.name in plan.declined:
            return Gap(g.name, GapReason.DECLINED, "left out on request", g.endpoint, g.permission, g.licence)
        if plan.cloud not in g.clouds:
            return Gap(g.name, GapReason.CLOUD, f"not available in this cloud ({plan.cloud})", g.endpoint, g.permission)
        for name in g.after:
            if name not in self.facts and name not in g.may_lack:
                return needs(g, self._lacking(name))
        return None

    def _lacking(self, name: str) -> Gap:
        return self.gaps.get(name) or Gap(name, GapReason.NOT_COLLECTED, f"{name} was not read")

    def _kept(self, g: Gatherer, source: Source) -> Gap | None:
        record = source.record
        if record.provenance is None:
            return Gap(g.name, GapReason.ERROR, "posture kept no evidence for it", g.endpoint, g.permission)
        self.records[g.name] = record
        self.facts[g.name] = record.value
        return None

    def _remember(self, name: str) -> None:
        """Write down that a fact is finished, for a run that is taken up."""
        entry: dict[str, Any] = {}
        if name in self.records:
            record = self.records[name]
            entry = manifest_of(
                meta={},
                tenant=Tenant(""),
                taken_at=self._taken_at,
                facts=[(name, _sure(record), record.extra)],
                gaps=[],
            )
        gaps = manifest_of(
            meta={},
            tenant=Tenant(""),
            taken_at=self._taken_at,
            facts=[],
            gaps=[self.gaps[name]] if name in self.gaps else [],
        )
        self._journal.save(name, {"files": entry.get("files", []), "gaps": gaps["gaps"]})

    def _taken_up(self, g: Gatherer) -> bool:
        """Take a finished fact of a killed run; a gap is asked again, its reason may be gone."""
        entry = self._journal.load(g.name)
        if entry is None or entry["gaps"]:
            return False
        for file in entry["files"]:
            provenance = provenance_from(file)
            try:
                check(self._plan.root, provenance)
            except EvidenceError as damaged:
                log.info("%s is read again: %s", g.name, damaged)
                return False
            known = {"fact", "file", "endpoint", "url", "permission", "retrieved_at", "request_ids", "pages", "sha256"}
            known |= {"rows", "count_before", "count_after", "notes"}
            value = load_value(self._plan.root, provenance)
            self.records[g.name] = Record(
                provenance, {k: v for k, v in file.items() if k not in known}, value, provenance.file
            )
            self.facts[g.name] = value
        return True


def needs(g: Gatherer, lacking: Gap) -> Gap:
    """Return the gap of a source that waits for one which is a gap, with that one's reason and remedy."""
    detail = f"needs {lacking.name}, which is missing: {lacking.detail}"
    return Gap(
        g.name,
        lacking.reason,
        detail,
        g.endpoint,
        lacking.permission or g.permission,
        lacking.licence or g.licence,
        lacking.request_id,
    )


def load_value(root: Path, provenance: Provenance) -> Any:
    """Return a fact's value from its evidence file."""
    from posture.snapshot.store import value_of

    return value_of(root, provenance)


def _sure(record: Record) -> Provenance:
    if record.provenance is None:
        raise AssertionError("a record without provenance is never kept")
    return record.provenance


def _chosen(plan: Plan) -> dict[str, Gatherer]:
    known = gatherers()
    if plan.wanted is None:
        return {n: g for n, g in known.items() if not g.optional}
    chosen: dict[str, Gatherer] = {}
    todo = list(plan.wanted)
    while todo:
        name = todo.pop()
        if name in known and name not in chosen:
            chosen[name] = known[name]
            todo.extend(known[name].after)
    return {n: g for n, g in known.items() if n in chosen}


def gap_of(g: Gatherer, error: GraphError, file: str = "") -> Gap:
    """Turn what Graph refused into a gap with its reason and what it rests on."""
    reason = next((r for kind, r in _REASONS if isinstance(error, kind)), GapReason.ANSWER)
    if isinstance(error, ShortListError):
        reason = GapReason.INCOMPLETE
    words = [str(error)]
    if error.status is not None and str(error.status) not in str(error):
        words.append(f"(HTTP {error.status}{f', {error.code}' if error.code else ''})")
    return Gap(g.name, reason, " ".join(words), g.endpoint, g.permission, g.licence, error.request_id, file)


def _token_tenant(meta: Mapping[str, Any]) -> str:
    account = meta.get("account")
    return str(account.get("tenant_id", "")) if isinstance(account, dict) else ""


def _tenant(facts: Mapping[str, Any], meta: Mapping[str, Any]) -> Tenant:
    """Say whom the evidence is about: the organization, else the token's own tenant id."""
    row = next(iter(facts["organization"]), None) if "organization" in facts else None
    if not isinstance(row, dict):
        return Tenant(_token_tenant(meta))
    verified = row.get("verifiedDomains")
    domains = (
        [d for d in verified if isinstance(d, dict) and isinstance(d.get("name"), str)]
        if isinstance(verified, list)
        else []
    )
    primary = next((d["name"] for d in domains if d.get("isDefault") is True), domains[0]["name"] if domains else "")
    return Tenant(
        id=str(row.get("id", "")),
        name=str(row.get("displayName") or ""),
        domains=tuple(sorted(d["name"].lower() for d in domains)),
        primary_domain=primary.lower(),
    )


def _refuse_other_domain(rows: list[dict[str, Any]], wanted: str) -> None:
    """Stop where the tenant was named by a domain and the one that answers does not have it."""
    listed = [d for row in rows if isinstance(row.get("verifiedDomains"), list) for d in row["verifiedDomains"]]
    names = sorted(str(d["name"]) for d in listed if isinstance(d, dict) and isinstance(d.get("name"), str))
    if "." in wanted and names and wanted.casefold() not in (n.casefold() for n in names):
        raise NothingReadError(
            f"the tenant that answers has the domains {', '.join(names[:5])}{' …' if len(names) > 5 else ''}, "
            f"and {wanted} is none of them; check --tenant and the account"
        )


CUSTOMER_TENANTS = ("AAD B2C", "CIAM")
"""Kinds of tenant whose outsiders are customers. Source: https://learn.microsoft.com/graph/api/resources/organization"""


def refuse_customers(rows: Sequence[Mapping[str, Any]]) -> None:
    """Stop where the tenant is one for customers: the controls are about guests of a workforce."""
    kind = next((kind for kind in CUSTOMER_TENANTS if any(row.get("tenantType") == kind for row in rows)), "")
    if kind:
        raise NothingReadError(
            f"this is a tenant for customers (tenantType {kind}), and posture judges guests of workforce tenants; "
            "check --tenant and the account"
        )


Collected = Awaitable[Snapshot]
__all__ = ["Collected", "Fact", "Plan", "collect", "gap_of"]
