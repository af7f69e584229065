"""What `posture doctor` found, as lines for a terminal."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from posture.cli.console import fitting
from posture.report.dates import plural
from posture.report.text import terminal

_NAME = 29


def lines(found: Mapping[str, Any], width: int) -> Iterator[str]:
    """Yield who is asking, the settings, each source and control, what would unlock more, and what an audit takes."""
    yield from _who(found, width)
    yield ""
    yield from _settings(found, width)
    yield ""
    yield from _sources(found["sources"], width)
    yield ""
    yield from _controls(found["controls"], width)
    yield from _unlocks(found, width)
    yield ""
    yield from _cost(found, width)


def _who(found: Mapping[str, Any], width: int) -> Iterator[str]:
    account, tenant = found["account"], found["tenant"]
    who = terminal(str(account.get("account") or account.get("app_id") or account.get("kind", "unknown")))
    kind = {"delegated": "a person", "application": "an application"}.get(str(account.get("kind")), "")
    yield from fitting(f"{found['target']}, cloud {found['cloud']}", width)
    name = terminal(tenant["name"], 60) or "name not readable"
    yield from fitting(f"Tenant:      {name} {terminal(str(tenant['id'] or account.get('tenant_id', '')))}", width)
    yield from fitting(f"Account:     {who}{f', {kind}' if kind else ''}", width)
    held = [f"{n}: {'not known' if v is None else 'yes' if v else 'no'}" for n, v in found["licences"].items()]
    yield from fitting(f"Licences:    {'; '.join(held)}", width, "             ")
    granted = _joined(account.get("permissions")) or "the token does not say"
    yield from fitting(f"Permissions: {granted}", width, "             ")
    if account.get("roles"):
        yield from fitting(f"Roles:       {_joined(account['roles'])}", width, "             ")
    if found["write_permissions"]:
        words = (
            f"Warning: this account may also change things ({_joined(found['write_permissions'])}). "
            "posture sends reads only; a registration without them is safer: posture setup."
        )
        yield from fitting(words, width)


def _settings(found: Mapping[str, Any], width: int) -> Iterator[str]:
    yield "Settings"
    for name, setting in found["settings"].items():
        yield from fitting(f"  {name} = {terminal(setting['value'])}  ({setting['from']})", width, "      ")
    for scheme, address in found["proxies"].items():
        yield from fitting(f"  {scheme} proxy {terminal(address)}  (environment)", width, "      ")
    for name, near in found["unknown_variables"].items():
        hint = f"; did you mean {near}?" if near else ""
        yield from fitting(f"  {terminal(name)} is set and means nothing{hint}", width, "      ")


def _sources(sources: Iterable[Mapping[str, Any]], width: int) -> Iterator[str]:
    sources = list(sources)
    readable = [s for s in sources if s["readable"]]
    yield f"Sources: {len(readable)} of {len(sources)} readable"
    for s in sources:
        if s["declined"]:
            said = "declined"
        elif s["readable"]:
            said = _requests(s) + ("" if s["tested"] else "; not tested: nothing to ask about")
        else:
            said = f"{s['reason']}: {terminal(_needed(s))}"
        yield from fitting(
            f"  {'yes' if s['readable'] else 'no ':<4} {s['source']:<{_NAME}} {said}", width, " " * (_NAME + 8)
        )


def _needed(source: Mapping[str, Any]) -> str:
    """Return what a refused source needs, in a word or two; the whole sentence stands further down."""
    if source["reason"] == "permission":
        return str(source["permission"])
    return str(source["licence"] if source["reason"] == "licence" and source["licence"] else source["detail"])


def _controls(controls: Iterable[Mapping[str, Any]], width: int) -> Iterator[str]:
    controls = list(controls)
    can = sum(c["assessable"] for c in controls)
    manual = sum(c["manual"] for c in controls)
    part = sum(c["assessable"] and bool(c["without"]) for c in controls)
    in_part = f" ({part} of them in part: they may end as not assessed)" if part else ""
    yield from fitting(
        f"Controls: {can} of {len(controls)} assessable{in_part}, {manual} by looking and attesting", width
    )
    for c in controls:
        word = "look" if c["manual"] else "no" if not c["assessable"] else "part" if c["without"] else "yes"
        lacks = f"  (needs {', '.join(c['missing'])})" if word == "no" else ""
        lacks = f"  (without {', '.join(c['without'])})" if word == "part" else lacks
        yield from fitting(f"  {word:<4} {c['control']:<15} {c['title']}{lacks}", width, " " * 23)


def _unlocks(found: Mapping[str, Any], width: int) -> Iterator[str]:
    """Say once per remedy which controls it would make assessable."""
    remedies: dict[str, list[str]] = {}
    for control in found["controls"]:
        if (control["without"] or not control["assessable"]) and not control["manual"]:
            for unlock in control["unlock"]:
                remedies.setdefault(unlock, []).append(control["control"].removeprefix("GUEST-"))
    if remedies:
        yield ""
        yield "What would unlock the rest"
    for unlock, codes in sorted(remedies.items(), key=lambda r: (-len(r[1]), r[0])):
        yield from fitting(f"  {terminal(unlock)}", width, "    ")
        yield from fitting(f"    for {', '.join(codes)}", width, "        ")


def _cost(found: Mapping[str, Any], width: int) -> Iterator[str]:
    least, most = found["requests_at_least"], plural(found["requests"], "request")
    how_many = f"about {most}" if least == found["requests"] else f"between {least:,} and {most}"
    words = (
        f"An audit takes {how_many} and at least {_time(found['seconds'])} "
        "(0.4 s a page is a guess; Graph's own limits on sign-in activity and logs are counted in)."
    )
    yield from fitting(words, width)
    if found["requests_unknown"]:
        names = ", ".join(found["requests_unknown"])
        yield from fitting(f"Counted as one request each, unknown until read: {names}.", width)
    asked = [s for s in found["sources"] if s["readable"] and not s["declined"]]
    if names := ", ".join(s["source"] for s in asked if s["tops_up"]):
        words = f"Not counted: one more request per 20 rows to which 20 or more others belong, in {names}."
        yield from fitting(words, width)
    dear = [s for s in asked if s["cost"]]
    for s in dear:
        yield from fitting(f"{s['source']}: {s['cost']}; --decline {s['source']} leaves it out.", width, "  ")


def _requests(source: Mapping[str, Any]) -> str:
    number = source["requests"]
    if number is None:
        return "unknown until read"
    return f"{'at most ' if source['at_most'] else ''}{plural(number, 'request')}"


def _joined(words: Iterable[Any] | None) -> str:
    return ", ".join(terminal(str(w)) for w in words or ())


def _time(seconds: float) -> str:
    if seconds > 5400:
        return f"{seconds / 3600:.1f} hours"
    return f"{seconds / 60:.0f} minutes" if seconds > 90 else plural(max(round(seconds), 1), "second")
