"""How a hunt is written down: like a control, with leads instead of a verdict.

A hunt is a pure function whose parameters name the streams of events it reads
(`streams.py`) and, as `scene`, what else it may know. It yields `Lead`s, and
`Limit`s where it could not see all. The decorator holds the words for
machines, the docstring those for people; what is missing fails at import.
"""

import importlib
import inspect
import pkgutil
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cache

from posture.assess.types import Lead
from posture.hunts.leads import Found
from posture.hunts.people import People
from posture.hunts.results import Window
from posture.settings import Severity, Thresholds

AUDIT_STREAMS = ("invitations", "guest_records", "setting_changes", "outside_acts", "impersonations")
SIGN_IN_STREAMS = ("guest_sign_ins", "sign_ins_abroad")


@dataclass(frozen=True)
class Scene:
    """What a hunt may know besides the events.

    `now` is the run's own clock. `audits` and `sign_ins` are the windows
    covered, None where that log was not read. `privileged_groups` are groups
    that hold roles or may, `entra_domains` mail domains known to be another
    Entra tenant's; None where that was not read. `keep` is how many rows a
    lead keeps.
    """

    people: People
    thresholds: Thresholds
    now: datetime
    audits: Window | None = None
    sign_ins: Window | None = None
    privileged_groups: frozenset[str] | None = None
    entra_domains: frozenset[str] | None = None
    keep: int = 20

    def found(self) -> Found:
        """Return an empty lead that keeps as many rows as this run keeps."""
        return Found(self.keep)


@dataclass(frozen=True, slots=True)
class Limit:
    """Something a hunt could not see, as one plain sentence."""

    sentence: str


Hunting = Callable[..., Iterator[Lead | Limit]]


@dataclass(frozen=True)
class Hunt:
    """One hunt of the catalogue: function and metadata. `query` names its KQL query."""

    code: str
    title: str
    seen: str
    why: str
    harmless_if: str
    next_question: str
    source: tuple[str, ...]
    severity: Severity
    attack: tuple[str, ...]
    licence: str
    query: str
    function: Hunting
    streams: tuple[str, ...]

    @property
    def logs(self) -> tuple[str, ...]:
        """Which logs it needs: audits, sign-ins or both."""
        needs = []
        if any(s in AUDIT_STREAMS for s in self.streams):
            needs.append("audits")
        if any(s in SIGN_IN_STREAMS for s in self.streams):
            needs.append("sign-ins")
        return tuple(needs)


_CODE = re.compile(r"GUEST-HUN-\d{3}|HUNT(-[A-Z]+)+")
_SECTIONS = ("Seen", "Why", "Harmless if", "Ask next", "Source")
_ATTACK = re.compile(r"T\d{4}(\.\d{3})?")
_registry: dict[str, Hunt] = {}

NO_LICENCE = "none; Entra keeps 7 days of audits without a licence, 30 with P1 or P2"
P1 = "Entra ID P1 or P2 to read sign-ins through Graph; none to read the portal's download"


def hunt(
    code: str, *, severity: Severity, attack: tuple[str, ...], licence: str, query: str
) -> Callable[[Hunting], Hunting]:
    """Register a function as a hunt.

    `severity` is the worst a lead of it may have, `attack` the ATT&CK
    techniques, `query` the name of the KQL query that finds the same. The
    docstring's first line is the title; then the sections Seen, Why, Harmless
    if, Ask next and Source, each "Name: text".
    """

    def register(function: Hunting) -> Hunting:
        text = inspect.getdoc(function) or ""
        pieces = re.split(rf"^({'|'.join(_SECTIONS)}):\s*", text, flags=re.MULTILINE)
        sections = {name: " ".join(body.split()) for name, body in zip(pieces[1::2], pieces[2::2], strict=True)}
        missing = [s for s in _SECTIONS if not sections.get(s)]
        if missing or not pieces[0].strip():
            raise TypeError(f"{code}: its docstring lacks {', '.join(missing) or 'a title'}")
        streams = tuple(n for n in inspect.signature(function).parameters if n != "scene")
        strange = [s for s in streams if s not in (*AUDIT_STREAMS, *SIGN_IN_STREAMS)]
        if not _CODE.fullmatch(code) or code in _registry or strange or not all(map(_ATTACK.fullmatch, attack)):
            raise TypeError(f"{code}: not a code, taken, an unknown stream {strange} or technique {attack}")
        _registry[code] = Hunt(
            code=code,
            title=pieces[0].strip().rstrip("."),
            seen=_capital(sections["Seen"]),
            why=_capital(sections["Why"]),
            harmless_if=_capital(sections["Harmless if"]),
            next_question=_capital(sections["Ask next"]),
            source=tuple(sections["Source"].split()),
            severity=severity,
            attack=attack,
            licence=licence,
            query=query,
            function=function,
            streams=streams,
        )
        return function

    return register


def _capital(words: str) -> str:
    return words[:1].upper() + words[1:]


@cache
def hunts() -> tuple[Hunt, ...]:
    """Return all hunts: those of the control catalogue first, then the further ones, each in code order."""
    package = importlib.import_module("posture.hunts")
    for module in pkgutil.iter_modules(package.__path__):
        if not module.ispkg:
            importlib.import_module(f"posture.hunts.{module.name}")
    return tuple(sorted(_registry.values(), key=lambda h: (not h.code.startswith("GUEST-"), h.code)))
