"""The catalogue in words: the generated page, `controls list`, and `controls explain`.

Pure: hunts and the sources behind facts are handed in by whoever may import
them, since controls know neither.
"""

import json
import re
import textwrap
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields
from typing import Any, Protocol

from posture.controls.frameworks import FRAMEWORKS, coverage, coverage_lines, frameworks, mappings
from posture.controls.registry import AREAS, Control, Remediation, catalogue, tallies
from posture.settings import Thresholds

__all__ = ["coverage", "coverage_lines", "explain", "frameworks", "page", "rows", "totals"]

WIDTH = 80
"""Columns of text at the terminal."""


class Source(Protocol):
    """What the page says of a fact's source; a gatherer is one."""

    endpoint: str
    permission: str
    licence: str
    optional: bool


Hunt = Any
"""A registered hunt: code, title, seen, why, harmless_if, next_question, severity, attack, licence, logs, source."""

_SECTIONS = (
    ("Rule", "summary"),
    ("What it shows", "seen"),
    ("Why", "why"),
    ("How an attacker uses it", "attack"),
    ("Harmless if", "harmless_if"),
    ("Ask next", "next_question"),
    ("How to fix it", "fix"),
    ("What that breaks", "breaks"),
    ("Default", "default"),
)
_KINDS = {
    "setting": "setting",
    "inventory": "inventory",
    "manual": "manual (a person attests it)",
    "exposure": "measured, not scored",
}


def _entries(hunts: Iterable[Hunt]) -> list[Any]:
    """Return controls, the catalogue's own hunts, then further hunts."""
    return [*catalogue(), *hunts]


def totals(hunts: Iterable[Hunt] = ()) -> str:
    """Return one sentence on how many entries the catalogue has; hunts beyond it are named apart."""
    codes = [str(h.code) for h in hunts]
    ours = sum(c.startswith("GUEST-") for c in codes)
    controls = len(catalogue())
    more = len(codes) - ours
    further = f"; beyond it {more} further hunt{'s' if more > 1 else ''}" if more else ""
    return f"The catalogue has {controls + ours} entries: {controls} controls and {ours} hunts{further}."


def _area(entry: Any) -> str:
    parts = str(entry.code).split("-")
    return parts[1] if parts[0] == "GUEST" else "HUN"


def facts_of(control: Control) -> dict[str, bool]:
    """Return the facts a control rests on, those of its tallies included; True where it cannot do without."""
    found: dict[str, bool] = {}
    for name in (*control.needs, *control.optional):
        tally = tallies().get(name)
        must = name in control.needs
        for fact in tally.needs if tally else (name,):
            found[fact] = found.get(fact, False) or must
        for fact in tally.optional if tally else ():
            found.setdefault(fact, False)
    return found


def rows(hunts: Iterable[Hunt] = (), sources: Mapping[str, Source] | None = None) -> list[dict[str, Any]]:
    """Return one JSON object for each control and hunt, controls first."""
    return [_row(entry, sources or {}) for entry in _entries(hunts)]


def _row(entry: Any, sources: Mapping[str, Source]) -> dict[str, Any]:
    if not isinstance(entry, Control):
        return {
            "code": entry.code,
            "title": entry.title,
            "area": AREAS["HUN"],
            "kind": "hunt",
            "scored": False,
            "fail": str(entry.severity),
            "licence": entry.licence,
            "why": entry.why,
            "seen": entry.seen,
            "harmless_if": entry.harmless_if,
            "next_question": entry.next_question,
            "logs": list(entry.logs),
            "parameters": {p: _value(p) for p in parameters(entry)},
            "frameworks": _frameworks(entry),
            "source": list(entry.source),
        }
    facts = facts_of(entry)
    return {
        "code": entry.code,
        "title": entry.title,
        "area": AREAS[entry.area],
        "kind": entry.kind,
        "scored": entry.scored,
        "fail": str(entry.fail),
        "partial": str(entry.partial),
        "licence": entry.licence,
        "rule": entry.summary,
        "why": entry.why,
        "attack": entry.attack,
        "fix": entry.fix,
        "breaks": entry.breaks,
        "default": entry.default,
        "facts": [{"name": name, "required": must, **_source(name, sources)} for name, must in facts.items()],
        "permissions": permissions(entry, sources),
        "parameters": {p: _value(p) for p in parameters(entry)},
        "remediation": [_remedy(r) for r in entry.remediation],
        "frameworks": _frameworks(entry),
        "authorities": [{"name": a.name, "item": a.item, "judges": a.verdict is not None} for a in entry.authorities],
        "unverified": list(entry.unverified),
        "source": list(entry.source),
    }


def _frameworks(entry: Any) -> dict[str, list[str]]:
    found = mappings(entry)
    return {key: list(found[key]) for key in FRAMEWORKS if found.get(key)}


def _source(name: str, sources: Mapping[str, Source]) -> dict[str, str]:
    found = sources.get(name)
    if found is None:
        return {}
    return {"endpoint": found.endpoint, "permission": found.permission, "licence": found.licence}


def permissions(control: Control, sources: Mapping[str, Source]) -> list[str]:
    """Return the least permissions a control needs to see everything it looks at."""
    named = {p.strip() for name in facts_of(control) if name in sources for p in sources[name].permission.split(" + ")}
    return sorted({p for p in named if p} | set(control.permissions))


def parameters(entry: Any) -> tuple[str, ...]:
    """Return the names of the parameters a control reads, or those a hunt speaks of."""
    if isinstance(entry, Control):
        return entry.parameters
    said = " ".join((entry.seen, entry.harmless_if, entry.next_question)).casefold()
    return tuple(f.name for f in fields(Thresholds) if re.search(rf"\b{f.name}\b", said))


def _value(parameter: str) -> Any:
    value = getattr(Thresholds(), parameter)
    return list(value) if isinstance(value, tuple) else value


def _remedy(remedy: Remediation) -> dict[str, Any]:
    return {
        "method": remedy.method,
        "url": remedy.url,
        "body": remedy.body,
        "permission": remedy.permission,
        "role": remedy.role,
        "powershell": list(remedy.powershell),
        "notes": remedy.notes,
    }


def _sentence(text: str) -> str:
    """Return a section's text with a capital letter at its start; the docstring has a label there."""
    return text[:1].upper() + text[1:]


# The terminal


def explain(code: str, hunts: Iterable[Hunt] = (), sources: Mapping[str, Source] | None = None) -> str:
    """Return one control or hunt in plain text. Raises KeyError for an unknown code."""
    entry = next((e for e in _entries(hunts) if e.code == code), None)
    if entry is None:
        raise KeyError(code)
    head = textwrap.wrap(f"{entry.code}  {entry.title}", WIDTH, subsequent_indent=" " * (len(entry.code) + 2))
    lines = [*head, ""]
    lines += [part for line in _facts_in_short(entry) for part in textwrap.wrap(line, WIDTH)]
    for heading, name in _SECTIONS:
        text = getattr(entry, name, "")
        if isinstance(text, str) and text:
            lines += ["", heading, *_wrapped(_sentence(text))]
    lines += _listed("Parameters", (f"{p} = {_json(p)}" for p in parameters(entry)))
    if isinstance(entry, Control):
        lines += _control_text(entry, sources or {})
    else:
        lines += _listed("Frameworks", _framework_words(entry))
    return "\n".join([*lines, *_listed("Sources", entry.source)]) + "\n"


def _facts_in_short(entry: Any) -> list[str]:
    if not isinstance(entry, Control):
        return [f"hunt; severity up to {entry.severity}; reads {' and '.join(entry.logs)}", f"licence: {entry.licence}"]
    scored = "scored" if entry.scored else "not scored"
    kind = _KINDS.get(entry.kind, entry.kind)
    return [f"{AREAS[entry.area]}; {kind}; {scored}", f"fail: {entry.fail}; partial: {entry.partial}"]


def _control_text(control: Control, sources: Mapping[str, Source]) -> list[str]:
    lines = _listed("What it reads", (_fact_words(n, must, sources) for n, must in facts_of(control).items()))
    lines += _listed("Permissions", permissions(control, sources))
    lines += ["", "Licence", *_wrapped(_sentence(control.licence))]
    if _may_be_attested(control):
        lines += ["", "To attest what you saw, in posture.toml", *(f"  {line}" for line in _attestation(control))]
    for number, remedy in enumerate(control.remediation, 1):
        head = "Change that closes it" + (f" ({number})" if len(control.remediation) > 1 else "")
        lines += ["", head, *(f"  {line}" for line in _remedy_lines(remedy))]
    lines += _listed("Frameworks", _framework_words(control))
    lines += _listed("How others judge it", (f"{a.name}, {a.item}" for a in control.authorities))
    return lines + _listed("Unverified", control.unverified)


def _fact_words(name: str, must: bool, sources: Mapping[str, Source]) -> str:
    found = sources.get(name)
    where = f": {found.endpoint}" if found else ""
    return f"{name}{where}{'' if must else ' (if it can be read)'}"


def _json(parameter: str) -> str:
    return json.dumps(_value(parameter), ensure_ascii=False)


def _may_be_attested(control: Control) -> bool:
    """Whether a person may have to answer, wholly or in part."""
    return control.kind == "manual" or "attest" in control.summary


def _attestation(control: Control) -> list[str]:
    return [
        "[[attested]]",
        f'control = "{control.code}"',
        'value = "pass"                # or partial, fail, not-applicable',
        'who = "who looked"',
        "when = 2026-01-31             # the day they looked",
        "until = 2026-07-31            # the last day it counts",
        'evidence = "where the proof lies"',
    ]


def _framework_words(entry: Any) -> Iterator[str]:
    for key, found in _frameworks(entry).items():
        yield f"{FRAMEWORKS[key].title}: {', '.join(found)}"


def _remedy_lines(remedy: Remediation) -> list[str]:
    lines = [f"{remedy.method} {remedy.url}"] if remedy.method else []
    if remedy.body is not None:
        lines += json.dumps(remedy.body, indent=2, ensure_ascii=False).splitlines()
    lines += [f"permission: {remedy.permission}"] if remedy.permission else []
    lines += [f"role: {remedy.role}"] if remedy.role else []
    lines += [f"PowerShell: {line}" for line in remedy.powershell]
    return lines + (textwrap.wrap(remedy.notes, WIDTH - 2) if remedy.notes else [])


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, WIDTH, initial_indent="  ", subsequent_indent="  ", break_on_hyphens=False)


def _listed(heading: str, values: Iterable[str]) -> list[str]:
    found = list(values)
    lines: list[str] = []
    for value in found:
        lines += textwrap.wrap(
            value,
            WIDTH,
            initial_indent="  ",
            subsequent_indent="    ",
            break_on_hyphens=False,
            break_long_words=False,
        )
    return ["", heading, *lines] if found else []


# The generated page


def page(hunts: Iterable[Hunt] = (), sources: Mapping[str, Source] | None = None) -> str:
    """Return the whole catalogue as Markdown."""
    sources = sources or {}
    hunts = tuple(hunts)
    entries = _entries(hunts)
    lines = [
        "# The control catalogue",
        "",
        f"{totals(hunts)} This page is made from the code; a test fails when it is stale. At the terminal: "
        "`posture controls list`, `posture controls explain ID`.",
        "",
        "A control answers *pass*, *partial*, *fail*, *not applicable* or *manual* (Graph cannot tell; a person looks "
        "and attests). What could not be read, and every value this version does not know, is *not assessed*, never a "
        "pass. Hunts raise questions and are never scored.",
        "",
        "`[parameters]` in `posture.toml` changes what a control asks for: [all of them](#parameters). A person's "
        "answer for a manual control is an `[[attested]]` table there: `control`, `value`, `who`, `when`, `until` and "
        "`evidence`.",
        "",
        "| Area | Entries |",
        "| --- | ---: |",
    ]
    by_area = {area: [e for e in entries if _area(e) == area] for area in AREAS}
    lines += [f"| [{AREAS[a]}](#{_anchor(AREAS[a])}) | {len(found)} |" for a, found in by_area.items() if found]
    for area, found in by_area.items():
        if found:
            lines += ["", f"## {AREAS[area]}", "", "| Code | Good state | Fail | Kind |", "| --- | --- | --- | --- |"]
            lines += [_index_row(e) for e in found]
            for entry in found:
                lines += ["", *_entry(entry, sources)]
    return "\n".join([*lines, *_all_parameters(entries)]) + "\n"


def _all_parameters(entries: list[Any]) -> list[str]:
    lines = ["", "## Parameters", "", "`lookback_days` is also how far back the logs are read.", ""]
    lines += ["| Parameter | Default | Read by |", "| --- | --- | --- |"]
    for name in (f.name for f in fields(Thresholds)):
        readers = (f"[{e.code}](#{e.code.lower()})" for e in entries if name in parameters(e))
        lines.append(f"| `{name}` | `{_json(name)}` | {', '.join(readers)} |")
    return lines


def _anchor(heading: str) -> str:
    return heading.lower().replace(" ", "-")


def _index_row(entry: Any) -> str:
    kind = entry.kind if isinstance(entry, Control) else "hunt"
    severity = entry.fail if isinstance(entry, Control) else entry.severity
    return f"| [{entry.code}](#{entry.code.lower()}) | {_cell(entry.title)} | {severity} | {kind} |"


def _cell(text: str) -> str:
    return _plain(text).replace("|", "\\|")


def _plain(text: str) -> str:
    """Keep a sentence of ours from being read as HTML or a link."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("[", "\\[").replace("*", "\\*")


def _entry(entry: Any, sources: Mapping[str, Source]) -> list[str]:
    lines = [f"### {entry.code}", "", f"**{_plain(entry.title)}**"]
    lines += ["", " · ".join(_plain(line) for line in _facts_in_short(entry))]
    for heading, name in _SECTIONS:
        text = getattr(entry, name, "")
        if isinstance(text, str) and text:
            lines += ["", f"*{heading}.* {_plain(_sentence(text))}"]
    if parameters(entry):
        lines += ["", "*Parameters.*", "", *(f"- `{p}` = `{_json(p)}`" for p in parameters(entry))]
    if isinstance(entry, Control):
        lines += _control_markdown(entry, sources)
    else:
        lines += ["", "*Frameworks.*", "", *(f"- {_plain(w)}" for w in _framework_words(entry))]
    return [*lines, "", "*Sources.*", "", *(f"- <{url}>" for url in entry.source)]


def _control_markdown(control: Control, sources: Mapping[str, Source]) -> list[str]:
    lines: list[str] = []
    facts = facts_of(control)
    if facts:
        lines += ["", "*What it reads.*", ""]
        lines += [f"- `{_fact_words(name, must, sources)}`" for name, must in facts.items()]
    named = permissions(control, sources)
    if named:
        lines += ["", f"*Permissions.* {_plain(', '.join(named))}"]
    lines += ["", f"*Licence.* {_plain(_sentence(control.licence))}"]
    for remedy in control.remediation:
        lines += ["", "*Change that closes it.*", "", "```text", *_remedy_lines(remedy), "```"]
    words = list(_framework_words(control))
    if words:
        lines += ["", "*Frameworks.*", "", *(f"- {_plain(w)}" for w in words)]
    if control.authorities:
        lines += ["", "*How others judge it.*", ""]
        lines += [f"- {_plain(a.name)}, {_plain(a.item)}" for a in control.authorities]
    if control.unverified:
        lines += ["", "*Unverified.*", "", *(f"- {_plain(u)}" for u in control.unverified)]
    return lines
