"""`posture doctor` and `posture setup`: what can be read, what that unlocks, what to grant."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from posture.cli import options as o
from posture.cli.choices import flag_of, lookback_of, profile_of, sources_of
from posture.cli.config import SETTINGS, Value
from posture.cli.connection import Connection, asking
from posture.cli.console import say, say_all, say_json, tell, width
from posture.errors import SettingsError

if TYPE_CHECKING:
    from posture.cli.config import Config
    from posture.cli.target import Session, Target
    from posture.collect.check import Check


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(doctor)
    app.command()(setup)


@asking
def doctor(
    *,
    connection: Connection,
    decline: o.Decline = None,
    include: o.Include = None,
    lookback_days: o.Lookback = None,
    json_out: o.Json = False,
    quiet: o.Quiet = False,
    verbose: o.Verbose = False,
) -> None:
    """Before an audit: what is readable, and what would unlock more.

    Asks each source one small question and writes nothing. Says who is signed in, where each setting comes from,
    which controls can be assessed and what an audit will take.
    """
    import asyncio

    from posture.cli.config import unknown_variables

    loaded = connection.load()
    where = connection.target(loaded)
    given = {"decline": decline, "include": include, "lookback-days": lookback_days, "config": connection.config_file}
    settings = _settings(loaded, where, given)
    wanted, left_out = sources_of(loaded, "include", include), sources_of(loaded, "decline", decline)
    days = loaded.settings(profile_of(loaded), lookback_days=lookback_of(loaded, lookback_days)).thresholds
    if not flag_of(loaded, "quiet", quiet):
        tell(f"Asking {where.label} one question per source …")
    aloud = flag_of(loaded, "verbose", verbose)
    found = asyncio.run(_ask(where, wanted, left_out, days.lookback_days, aloud))
    found["settings"] = settings
    found["unknown_variables"] = unknown_variables()
    if flag_of(loaded, "json", json_out):
        say_json(found)
    else:
        from posture.cli.doctor_lines import lines

        say_all(lines(found, width()))
    raise typer.Exit(3 if any(not s["readable"] for s in found["sources"]) else 0)


def _settings(config: "Config", where: "Target", given: Mapping[str, Any]) -> dict[str, Any]:
    """Return every setting that an audit would use, and where it comes from."""
    known = {name: config.value(name, given.get(name)) for name in SETTINGS}
    if config.file is not None and known["config"].value is None:
        known["config"] = Value(config.file, "found in this folder")
    known |= where.values
    defaults = {"out": "reports", "profile": "posture", "fail-on": "high"}
    shown: dict[str, Any] = {}
    for name, value in sorted(known.items()):
        held = defaults.get(name) if value.origin == "default" and value.value is None else value.value
        if held not in (None, False, (), []):
            shown[name] = {"value": _shown(held), "from": value.origin}
    for name, value in sorted(config.parameters.items()):
        shown[f"parameters.{name}"] = {"value": _shown(value), "from": str(config.file)}
    for name, rows in (("accepted", config.accepted), ("attested", config.attestations)):
        if rows:
            shown[name] = {"value": f"{len(rows)} in force or ended", "from": str(config.file)}
    return shown


async def _ask(
    where: "Target", include: frozenset[str], declined: frozenset[str], days: int, aloud: bool
) -> dict[str, Any]:
    import tempfile

    from posture.cli.progress import tell_event
    from posture.cli.target import opened
    from posture.collect.check import check

    async with opened(where, on_event=tell_event if aloud else None) as session:
        with tempfile.TemporaryDirectory() as scratch:
            checks = await check(
                session.reader,
                cloud=session.cloud,
                scratch=Path(scratch),
                lookback_days=days,
                taken_at=session.clock(),
                include=include,
                arm=session.arm,
            )
        return _found(where, session, checks, declined)


def _found(where: "Target", session: "Session", checks: "list[Check]", named: frozenset[str]) -> dict[str, Any]:
    from posture.graph.claims import Claims

    declined = _declined(checks, named)
    gaps = {c.gatherer.name: c.gap for c in checks if c.gap is not None}
    account = dict(session.meta.get("account", {}))
    granted = tuple(map(str, account.get("permissions") or ()))
    kept = [c for c in checks if c.gatherer.name not in declined]
    had = _licences(checks)
    return {
        "target": where.label,
        "cloud": session.cloud,
        "account": account,
        "tenant": _tenant(checks),
        "licences": had,
        "write_permissions": list(Claims(permissions=granted).writing),
        "proxies": _proxies() if where.kind == "tenant" else {},
        "sources": [
            {
                "source": c.gatherer.name,
                "endpoint": c.gatherer.endpoint,
                "readable": c.gap is None,
                "tested": c.tested,
                "declined": c.gatherer.name in declined,
                "reason": c.gap.reason.value if c.gap else "",
                "detail": c.gap.detail if c.gap else "",
                "unlock": c.gap.unlock if c.gap else "",
                "permission": c.gatherer.permission,
                "licence": c.gatherer.licence,
                "rows": c.rows,
                "requests": c.requests,
                "at_most": c.at_most,
                "tops_up": c.tops_up,
                "seconds": round(c.seconds, 1),
                "cost": c.gatherer.cost,
            }
            for c in checks
        ],
        "controls": _controls(gaps, {c.gatherer.name for c in checks} - declined.keys(), declined, had),
        "requests": sum(c.at_least if c.requests is None else c.requests for c in kept),
        "requests_at_least": sum(c.at_least for c in kept),
        "requests_unknown": sorted(c.gatherer.name for c in kept if c.requests is None),
        "seconds": round(max((c.seconds for c in kept), default=0.0), 1),
    }


def _seen(checks: "list[Check]", name: str) -> list[Mapping[str, Any]] | None:
    found = next((c for c in checks if c.gatherer.name == name and c.gap is None), None)
    return None if found is None else list(found.rows_seen)


def _tenant(checks: "list[Check]") -> dict[str, str]:
    rows = _seen(checks, "organization") or [{}]
    name, number = rows[0].get("displayName"), rows[0].get("id")
    return {"name": name if isinstance(name, str) else "", "id": number if isinstance(number, str) else ""}


def _licences(checks: "list[Check]") -> dict[str, bool | None]:
    """Return which plans the tenant has; None where that is not known."""
    from posture.errors import UnknownValueError
    from posture.snapshot.derive import licences

    rows = _seen(checks, "subscribed_skus")
    try:
        had = licences(rows) if rows is not None else None
    except UnknownValueError:
        had = None
    names = {"Entra ID P1": "p1", "Entra ID P2": "p2", "Entra ID Governance": "governance"}
    return {words: getattr(had, key) if had else None for words, key in names.items()}


def _declined(checks: "list[Check]", named: frozenset[str]) -> dict[str, str]:
    """Return what is left out, each with the source that was named: itself, or one that it waits for."""
    found = {name: name for name in named}
    waits = {c.gatherer.name: [n for n in c.gatherer.after if n not in c.gatherer.may_lack] for c in checks}
    for _ in waits:  # as long as the longest chain could be
        found |= {name: found[n] for name, after in waits.items() if name not in found for n in after if n in found}
    return found


def _controls(
    gaps: dict[str, Any], asked: set[str], declined: Mapping[str, str], had: Mapping[str, bool | None]
) -> list[dict[str, Any]]:
    from posture.controls.registry import catalogue, tallies
    from posture.snapshot.types import Gap, GapReason

    rows = []
    for control in catalogue():
        needs, more = set[str](), set[str]()
        for name in (*control.needs, *control.optional):
            tally = tallies().get(name)
            (needs if name in control.needs else more).update(tally.needs if tally else (name,))
            more.update(tally.optional if tally else ())
        missing = sorted(n for n in needs if n in gaps or n not in asked)
        # What it can do without may still decide: a clean result rests on having seen it.
        without = sorted(n for n in more - needs if n in gaps or n in declined)
        unlock = [
            gaps[n].unlock
            if n in gaps
            else f"Leave out --decline {declined[n]}."
            if n in declined
            else f"Add --include {n}."
            for n in (missing or without)
        ]
        if had.get(control.licence) is False and not missing:
            without.append(control.licence)
            unlock.append(Gap("", GapReason.LICENCE, "", licence=control.licence).unlock)
        rows.append(
            {
                "control": control.code,
                "title": control.title,
                "assessable": not missing and control.kind != "manual",
                "manual": control.kind == "manual",
                "missing": missing,
                "without": without if not missing else [],
                "unlock": list(dict.fromkeys(unlock)),
            }
        )
    return rows


def _shown(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _proxies() -> dict[str, str]:
    """Return the proxies of the environment without their passwords."""
    from urllib.parse import urlsplit
    from urllib.request import getproxies

    shown = {}
    for scheme, address in getproxies().items():
        parts = urlsplit(address)
        shown[scheme] = (
            f"{parts.scheme}://{parts.hostname or ''}{f':{parts.port}' if parts.port else ''}"
            if parts.hostname
            else "set"
        )
    return shown


_FEW = 4
"""Up to this many sources are named one by one."""


def setup(
    controls: Annotated[
        list[str] | None,
        typer.Option("--control", metavar="ID|AREA", help="Only for these controls or areas; may be repeated."),
    ] = None,
    dialect: Annotated[
        str, typer.Option("--as", metavar="TOOL", help="azure-cli, powershell, terraform or all.")
    ] = "all",
    delegated: Annotated[
        bool, typer.Option("--delegated", help="For people who sign in, instead of an application.")
    ] = False,
    cloud: o.CloudName = None,
    tenant: o.TenantId = None,
    client_id: o.ClientId = None,
    config: o.ConfigFile = None,
    json_out: o.Json = False,
) -> None:
    """Print the least-privilege app registration to make.

    Nothing is sent: copy what suits you, or hand it to whoever may register applications.
    """
    from posture.cli import config as c
    from posture.cli.target import check_names
    from posture.collect import setup as s
    from posture.graph.clouds import CLOUDS

    loaded = c.load(config, tenant=tenant or "")
    name = str(loaded.one_of("cloud", cloud, CLOUDS, "global").value)
    given = {"tenant": loaded.value("tenant", tenant, ""), "client-id": loaded.value("client-id", client_id, "")}
    check_names(given)
    tenant, client_id = (str(given[n].value) for n in ("tenant", "client-id"))
    tools = {"azure-cli": s.azure_cli, "powershell": s.powershell, "terraform": s.terraform}
    if dialect not in {*tools, "all"}:
        raise SettingsError(f"--as is {dialect!r}; one of {', '.join(tools)} or all")
    wanted = s.registration(_facts(controls), delegated=delegated, cloud=name)
    url = s.consent_url(CLOUDS[name].authority, tenant, client_id)
    if flag_of(loaded, "json", json_out):
        say_json(
            {
                "permissions": list(wanted.permissions),
                "facts": list(wanted.facts),
                "roles": list(wanted.roles),
                "role_sources": dict(wanted.roles),
                "consent_url": url,
            }
        )
        return
    say(f"# {len(wanted.permissions)} read permissions for {len(wanted.facts)} sources")
    say_all(f"#   {p}" for p in wanted.permissions)
    if wanted.roles:
        say("# The person who signs in also needs these directory roles; an application needs none.")
        for role, sources in wanted.roles.items():
            say(f"#   {role}: {', '.join(sources) if len(sources) <= _FEW else f'{len(sources)} sources'}")
    for tool, words in tools.items():
        if dialect in (tool, "all"):
            say()
            say(f"# --- {tool} ---")
            say_all(words(wanted, name))
    say()
    say(f"# Admin consent: {url}")
    way = "browser" if delegated else "certificate --certificate FILE"
    where = "" if name == "global" else f" --cloud {name}"
    names = f"--tenant {tenant or '<tenant>'} --client-id {client_id or '<client-id>'}"
    say(f"# Then: posture doctor --auth {way} {names}{where}")


def _facts(controls: list[str] | None) -> set[str]:
    from posture.collect.registry import gatherers
    from posture.controls.registry import AREAS, catalogue, tallies

    if not controls:
        return {n for n, g in gatherers().items() if not g.optional}
    words = {c.upper().removeprefix("GUEST-") for c in controls}
    chosen = [c for c in catalogue() if c.area in words or c.code.removeprefix("GUEST-") in words]
    known = {c.code.removeprefix("GUEST-") for c in catalogue()} | set(AREAS)
    unknown = sorted(words - known)
    if unknown:
        raise SettingsError(f"--control: {unknown[0]} is no control and no area ({', '.join(AREAS)})")
    names = {n for c in chosen for n in (*c.needs, *c.optional)}
    counted = tallies()
    facts = {f for n in names for f in ((*counted[n].needs, *counted[n].optional) if n in counted else (n,))}
    return {"organization", *(f for f in facts if f in gatherers())}
