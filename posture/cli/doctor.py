"""`posture doctor` and `posture setup`: what can be read, what that unlocks, what to grant."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from posture.cli import options as o
from posture.cli.console import say, say_all, tell
from posture.errors import SettingsError

if TYPE_CHECKING:
    from posture.cli.target import Session, Target
    from posture.collect.check import Check


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(doctor)
    app.command()(setup)


def doctor(
    sample: o.Sample = None,
    graph_url: o.GraphUrl = None,
    auth: o.Auth = None,
    cloud: o.CloudName = None,
    tenant: o.TenantId = None,
    client_id: o.ClientId = None,
    certificate: o.Certificate = None,
    token_cache: o.TokenCache = None,
    ca_bundle: o.CaBundle = None,
    config: o.ConfigFile = None,
    include: o.Include = None,
    lookback_days: o.Lookback = None,
    json_out: o.Json = False,
    quiet: o.Quiet = False,
) -> None:
    """Before an audit: who am I, what is readable, which controls that leaves out, what it will take."""
    import asyncio

    from posture.cli import config as c
    from posture.cli.audit import _say_json, _sources
    from posture.cli.target import target

    loaded = c.load(config, tenant=tenant or "")
    where = target(
        loaded,
        sample=sample,
        graph_url=graph_url,
        auth=auth,
        cloud=cloud,
        tenant=tenant,
        client_id=client_id,
        certificate=certificate,
        token_cache=token_cache,
        ca_bundle=ca_bundle,
    )
    wanted = _sources(loaded, "include", include)
    if not quiet:
        tell(f"Asking {where.label} one question per source …")
    found = asyncio.run(_ask(where, wanted, lookback_days or 30))
    if json_out:
        _say_json(found)
    else:
        say_all(_lines(found))
    raise typer.Exit(3 if any(not s["readable"] for s in found["sources"]) else 0)


async def _ask(where: "Target", include: frozenset[str], days: int) -> dict[str, Any]:
    import tempfile

    from posture.cli.target import opened
    from posture.collect.check import check

    async with opened(where) as session:
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
        return _found(where, session, checks)


def _found(where: "Target", session: "Session", checks: "list[Check]") -> dict[str, Any]:
    gaps = {c.gatherer.name: c.gap for c in checks if c.gap is not None}
    account = dict(session.meta.get("account", {}))
    granted = account.get("permissions") or []
    return {
        "target": where.label,
        "cloud": session.cloud,
        "account": account,
        "write_permissions": sorted(p for p in granted if "Write" in str(p) or str(p).endswith(".FullControl.All")),
        "settings": {
            name: {"value": _shown(value.value), "from": value.origin} for name, value in sorted(where.values.items())
        },
        "proxies": _proxies() if where.kind == "tenant" else {},
        "sources": [
            {
                "source": c.gatherer.name,
                "endpoint": c.gatherer.endpoint,
                "readable": c.gap is None,
                "reason": c.gap.reason.value if c.gap else "",
                "detail": c.gap.detail if c.gap else "",
                "unlock": c.gap.unlock if c.gap else "",
                "permission": c.gatherer.permission,
                "licence": c.gatherer.licence,
                "rows": c.rows,
                "requests": c.requests,
                "seconds": round(c.seconds, 1),
                "cost": c.gatherer.cost,
                "declinable": c.gatherer.declinable,
            }
            for c in checks
        ],
        "controls": _controls(gaps, {c.gatherer.name for c in checks}),
        "requests": sum(c.requests or 0 for c in checks),
        "requests_unknown": sorted(c.gatherer.name for c in checks if c.gap is None and c.requests is None),
        "seconds": round(max((c.seconds for c in checks if c.gap is None), default=0.0), 1),
    }


def _controls(gaps: dict[str, Any], asked: set[str]) -> list[dict[str, Any]]:
    from posture.controls.registry import catalogue, tallies

    rows = []
    for control in catalogue():
        needs = {n for need in control.needs for n in (tallies()[need].needs if need in tallies() else (need,))}
        missing = sorted(n for n in needs if n in gaps or n not in asked)
        unlock = [gaps[n].unlock if n in gaps else f"add --include {n}" for n in missing]
        rows.append(
            {
                "control": control.code,
                "title": control.title,
                "assessable": not missing and control.kind != "manual",
                "manual": control.kind == "manual",
                "missing": missing,
                "unlock": list(dict.fromkeys(unlock)),
            }
        )
    return rows


def _shown(value: Any) -> Any:
    return None if value is None else str(value)


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


def _lines(found: dict[str, Any]) -> list[str]:
    from posture.report.text import terminal

    account = found["account"]
    who = account.get("account") or account.get("app_id") or account.get("kind", "unknown")
    lines = [f"{found['target']}; cloud {found['cloud']}; account {terminal(str(who), 60)}"]
    for name, setting in found["settings"].items():
        if setting["value"] is not None:
            lines.append(f"  {name} = {terminal(setting['value'], 60)}  ({setting['from']})")
    for scheme, address in found["proxies"].items():
        lines.append(f"  {scheme} proxy {terminal(address, 60)}")
    if found["write_permissions"]:
        lines.append("  Warning: this account may also write: " + ", ".join(map(str, found["write_permissions"])))
        lines.append("  posture sends only reads; a separate registration without them is safer (posture setup).")
    readable = [s for s in found["sources"] if s["readable"]]
    lines += ["", f"Sources: {len(readable)} of {len(found['sources'])} readable"]
    for s in found["sources"]:
        if s["readable"]:
            number = _requests(s["requests"])
            lines.append(f"  yes  {s['source']:<28} {number}")
        else:
            lines.append(f"  no   {s['source']:<28} {s['reason']}: {terminal(s['unlock'], 100)}")
    assessable = [c for c in found["controls"] if c["assessable"]]
    manual = [c for c in found["controls"] if c["manual"]]
    lines += ["", f"Controls: {len(assessable)} assessable, {len(manual)} by attestation, of {len(found['controls'])}"]
    for c in found["controls"]:
        if not c["assessable"] and not c["manual"]:
            lines.append(
                f"  no   {c['control']}  needs {', '.join(c['missing'])}: {terminal(' '.join(c['unlock']), 100)}"
            )
    lines += ["", f"An audit takes about {found['requests']:,} requests and at least {_time(found['seconds'])}"]
    lines.append("  (0.4 s a page is a guess; Graph's own limits on sign-in activity and logs are counted in).")
    if found["requests_unknown"]:
        lines.append(
            "  Not counted, unknown until read: "
            + ", ".join(found["requests_unknown"])
            + "; --decline leaves a source out."
        )
    return lines


def _requests(number: int | None) -> str:
    if number is None:
        return "number of requests unknown until read"
    return "1 request" if number == 1 else f"{number:,} requests"


def _time(seconds: float) -> str:
    return f"{seconds / 60:.0f} minutes" if seconds > 90 else f"{max(seconds, 1):.0f} seconds"


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
    json_out: o.Json = False,
) -> None:
    """Print the least-privilege app registration for the chosen controls; nothing is sent."""
    from posture.cli.audit import _say_json
    from posture.cli.target import CLOUDS
    from posture.collect import setup as s
    from posture.graph.clouds import CLOUDS as KNOWN

    name = cloud or "global"
    if name not in CLOUDS:
        raise SettingsError(f"cloud is {name!r}; one of {', '.join(CLOUDS)}")
    tools = {"azure-cli": s.azure_cli, "powershell": s.powershell, "terraform": s.terraform}
    if dialect not in {*tools, "all"}:
        raise SettingsError(f"--as is {dialect!r}; one of {', '.join(tools)} or all")
    wanted = s.registration(_facts(controls), delegated=delegated)
    url = s.consent_url(KNOWN[name].authority, tenant or "", client_id or "")
    if json_out:
        _say_json(
            {
                "permissions": list(wanted.permissions),
                "facts": list(wanted.facts),
                "roles": list(wanted.roles),
                "consent_url": url,
            }
        )
        return
    say(f"# {len(wanted.permissions)} read permissions for {len(wanted.facts)} sources")
    say_all(f"#   {p}" for p in wanted.permissions)
    if wanted.roles:
        say(f"# The person who signs in also needs: {', '.join(wanted.roles)}")
    for tool, words in tools.items():
        if dialect in (tool, "all"):
            say()
            say(f"# --- {tool} ---")
            say_all(words(wanted))
    say()
    say(f"# Admin consent: {url}")


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
    facts = {f for n in names for f in (tallies()[n].needs if n in tallies() else (n,))}
    return {"organization", *(f for f in facts if f in gatherers())}
