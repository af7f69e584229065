"""`posture hunt` and `posture kql`: what the logs raise, here and in Sentinel."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from posture.cli import options as o
from posture.cli.choices import flag_of, lookback_of, profile_of, sources_of
from posture.cli.connection import Connection, asking
from posture.cli.console import fitting, say, say_all, say_json, tell, width
from posture.cli.exits import NOT_ASSESSED
from posture.errors import SettingsError

if TYPE_CHECKING:
    from posture.cli.config import Config
    from posture.cli.target import Target
    from posture.hunts.results import HuntResult
    from posture.hunts.since import ChangedSettings
    from posture.settings import Settings
    from posture.snapshot.types import Snapshot

NEEDED = frozenset(
    {
        "organization",
        "domains",
        "subscribed_skus",
        "guests",
        "guest_sponsors",
        "guest_memberships",
        "guest_owned_objects",
        "guest_app_roles",
        "guest_domain_tenants",
        "external_members",
        "groups",
        "role_definitions",
        "role_assignments",
        "role_eligibilities",
        "directory_audits",
        "sign_ins",
    }
)
"""The sources a hunt on Graph reads: the logs, and who is a guest and what they hold."""


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(hunt)
    app.command()(kql)


@asking
def hunt(
    sources: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[RUN|FILE ...]", help="A run to hunt in, or exported log files; none asks Graph."),
    ] = None,
    since: Annotated[
        Path | None, typer.Option("--since", metavar="RUN", help="An older run: show which guest settings changed.")
    ] = None,
    context: Annotated[
        Path | None, typer.Option("--run", metavar="RUN", help="With files: a run that tells who is a guest.")
    ] = None,
    domain: Annotated[
        list[str] | None,
        typer.Option(
            "--domain", metavar="DOMAIN", help="With files and no run: a domain of your own; may be repeated."
        ),
    ] = None,
    *,
    connection: Connection,
    decline: o.Decline = None,
    include: o.Include = None,
    lookback_days: o.Lookback = None,
    json_out: o.Json = False,
    quiet: o.Quiet = False,
    verbose: o.Verbose = False,
) -> None:
    """Hunt alone: on Graph's logs, a run, or exported log files.

    Leads are questions for a person, never verdicts.
    """
    import tempfile

    from posture.cli.recorded import recorded
    from posture.hunts.run import TenantContext, hunt_files, hunt_snapshot
    from posture.hunts.since import COMPARED, changed_settings

    loaded = connection.load()
    quiet = flag_of(loaded, "quiet", quiet)
    files = [p for p in sources or () if p.is_file()]
    folders = [p for p in sources or () if not p.is_file()]
    _check(files, folders, since, context, domain)
    older = recorded(since).snapshot if since is not None else None
    run = context if files else folders[0] if folders else None
    snapshot: Snapshot | None = None
    with tempfile.TemporaryDirectory(prefix="posture-hunt-") as scratch:
        if run is not None:
            saved = recorded(run)
            snapshot, settings = saved.snapshot, saved.settings_by(loaded, lookback_days=lookback_days)
        else:
            settings = loaded.settings(profile_of(loaded), lookback_days=lookback_of(loaded, lookback_days))
        if files or folders:
            connection.unused(f"{(files or folders)[0]} is hunted without asking anybody")
        else:
            wanted = NEEDED | sources_of(loaded, "include", include) | (COMPARED if older else frozenset())
            declined = sources_of(loaded, "decline", decline)
            where, aloud = connection.target(loaded), flag_of(loaded, "verbose", verbose)
            snapshot = _read(where, settings, wanted, Path(scratch), declined, quiet=quiet, aloud=aloud)
        if files:
            known = TenantContext(*_own(loaded, connection.tenant, domain), snapshot)
            if snapshot is None and not known.domains and not quiet:
                tell("Without --run or --domain only the logs themselves say who is a guest.")
            found = hunt_files(files, known, settings)
        elif snapshot is not None:
            found = hunt_snapshot(snapshot, settings)
        changed = changed_settings(older, snapshot) if older and snapshot else None
    if flag_of(loaded, "json", json_out):
        say_json(_plain(found, changed))
    else:
        for line in _lines(found, changed):
            say_all(fitting(line, width()))
    raise typer.Exit(NOT_ASSESSED if any(r.not_run for r in found.runs) else 0)


def _check(
    files: list[Path], folders: list[Path], since: Path | None, context: Path | None, domain: list[str] | None
) -> None:
    """Refuse what cannot be meant together."""
    missing = next((p for p in folders if not p.exists()), None)
    if missing is not None:
        raise SettingsError(f"{missing} does not exist; give a run folder or exported log files")
    if files and folders:
        raise SettingsError("give a run or log files, not both; --run names the run that tells who is a guest")
    if len(folders) > 1:
        raise SettingsError("give one run; --since names an older one to compare with")
    if not files and (context or domain):
        raise SettingsError(f"--{'run' if context else 'domain'} goes with exported log files; none is given")
    if context and domain:
        raise SettingsError("--domain goes with log files and no --run, whose domains are known")
    if files and since and context is None:
        raise SettingsError("--since compares two runs; give the newer run, or --run beside files")


def _own(config: "Config", tenant: str | None, domains: list[str] | None) -> tuple[str, tuple[str, ...]]:
    """Return the tenant's id and domains, as far as options, environment or file name them."""
    from posture.cli.target import is_domain, is_id

    named = str(config.value("tenant", tenant, "").value)
    own = [d.strip().removeprefix("@").casefold() for d in domains or ()]
    for name in own:
        if not is_domain(name):
            raise SettingsError(f"--domain is {name!r}; give a domain such as contoso.example")
    if is_id(named):
        return named, tuple(own)
    return "", tuple(dict.fromkeys([*own, *([named.casefold()] if is_domain(named) else [])]))


def _read(
    where: "Target",
    settings: "Settings",
    wanted: frozenset[str],
    scratch: Path,
    declined: frozenset[str] = frozenset(),
    *,
    quiet: bool,
    aloud: bool,
) -> "Snapshot":
    """Read what a command needs into a scratch folder."""
    import asyncio

    from posture.cli.progress import shown, tell_event
    from posture.cli.target import opened
    from posture.collect.run import Plan, collect

    async def read() -> "Snapshot":
        with shown(quiet=quiet) as progress:
            async with opened(where, on_event=tell_event if aloud else None) as session:
                plan = Plan(
                    root=scratch / "evidence",
                    clock=session.clock,
                    settings=settings,
                    cloud=session.cloud,
                    wanted=wanted,
                    declined=declined,
                    meta=session.meta,
                    progress=progress,
                    journal_root=scratch,
                    arm=session.arm,
                )
                return await collect(session.reader, plan)

    if not quiet:
        tell(f"Reading {where.label} …")
    return asyncio.run(read())


def _lines(found: "HuntResult", changed: "ChangedSettings | None") -> list[str]:
    from posture.report.text import terminal

    lines = [f"Signal: {found.signal}. {len(found.leads)} leads; each is a question for a person, not a verdict."]
    lines += [f"  {terminal(w.words, 200)}" for w in found.windows]
    for lead in found.leads:
        lines += ["", f"{lead.hunt}  {lead.severity.value}  {terminal(lead.summary, 200)}"]
        if lead.next_question:
            lines.append(f"    Ask next: {terminal(lead.next_question, 300)}")
        if lead.harmless_if:
            lines.append(f"    Harmless if: {terminal(lead.harmless_if, 300)}")
    limited = [(r.code, limit) for r in found.runs for limit in r.limits]
    if limited:
        lines += ["", "Not seen by single hunts:"]
        lines += [f"  {code}: {terminal(limit, 200)}" for code, limit in limited]
    idle = [r for r in found.runs if r.not_run]
    if idle:
        lines += ["", f"Not hunted: {len(idle)}"]
        lines += [f"  {r.code}: {terminal(r.not_run, 200)}" for r in idle]
    if found.bad_row_count:
        lines += ["", f"Rows that could not be read: {found.bad_row_count:,}"]
        lines += [f"  {terminal(b.source, 60)}, row {b.number}: {terminal(b.why, 120)}" for b in found.bad_rows]
    lines += [terminal(n, 300) for n in found.notes]
    if changed is not None:
        span = f"{changed.before:%Y-%m-%d %H:%M} and {changed.after:%Y-%m-%d %H:%M} UTC"
        lines += ["", f"Settings changed between {span}: {len(changed.changes)}"]
        for c in changed.changes:
            who = f", by {terminal(c.who, 80)}" if c.who else ", no log names who"
            place = f"{c.fact} {terminal(c.object_id, 40)}" if c.object_id else c.fact
            what = f"{c.change.setting}: {terminal(c.change.before, 60)} → {terminal(c.change.after, 60)}"
            lines.append(f"  {place}: {what} ({c.change.direction.value}){who}")
        lines += [f"  not compared: {name}: {terminal(why, 150)}" for name, why in changed.not_compared]
    return lines


def _plain(found: "HuntResult", changed: "ChangedSettings | None") -> dict[str, Any]:
    import dataclasses

    value: dict[str, Any] = {
        "signal": found.signal,
        "leads": [dataclasses.asdict(lead) for lead in found.leads],
        "windows": [dataclasses.asdict(w) for w in found.windows],
        "hunts": [dataclasses.asdict(r) for r in found.runs],
        "bad_rows": {"count": found.bad_row_count, "sample": [dataclasses.asdict(b) for b in found.bad_rows]},
        "places": [dataclasses.asdict(p) for p in found.places],
        "notes": list(found.notes),
    }
    if changed is not None:
        value["changed_settings"] = dataclasses.asdict(changed)
    return value


@asking
def kql(
    out: Annotated[Path, typer.Option("--out", metavar="FOLDER", help="Where the pack goes.")],
    run: Annotated[
        Path | None, typer.Argument(metavar="[RUN]", help="The run whose domains and ids are filled in.")
    ] = None,
    *,
    connection: Connection,
    lookback_days: o.Lookback = None,
    json_out: o.Json = False,
    quiet: o.Quiet = False,
    verbose: o.Verbose = False,
) -> None:
    """Write the KQL hunting pack for this tenant.

    Queries, Sentinel analytics rules and Sigma rules, with the tenant's own domains and ids filled in.
    """
    import tempfile

    from posture.cli.recorded import recorded
    from posture.history.runs import ready
    from posture.hunts.kql.pack import write_pack

    loaded = connection.load()
    quiet = flag_of(loaded, "quiet", quiet)
    ready(out)
    with tempfile.TemporaryDirectory(prefix="posture-kql-") as scratch:
        if run is not None:
            connection.unused(f"{run} tells the domains and ids already")
            saved = recorded(run)
            snapshot, settings = saved.snapshot, saved.settings_by(loaded, lookback_days=lookback_days)
        else:
            settings = loaded.settings(profile_of(loaded), lookback_days=lookback_of(loaded, lookback_days))
            wanted = frozenset({"organization", "domains", "external_members"})
            where, aloud = connection.target(loaded), flag_of(loaded, "verbose", verbose)
            snapshot = _read(where, settings, wanted, Path(scratch), quiet=quiet, aloud=aloud)
        external = snapshot.facts.get("external_members")
        written = write_pack(
            out,
            snapshot.tenant.id,
            snapshot.tenant.domains,
            thresholds=settings.thresholds,
            external_member_ids=[str(r["id"]) for r in external.value if isinstance(r.get("id"), str)]
            if external
            else None,
            lookback_days=settings.thresholds.lookback_days,
        )
    if external is None:
        tell("Members who came from outside could not be read: the queries take them for members.")
    if flag_of(loaded, "json", json_out):
        say_json({"folder": str(out), "files": sorted(str(p) for p in written)})
    else:
        say(f"{len(written)} files in {out}; start with {out / 'README.md'}")
