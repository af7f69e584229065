"""How a control, and a tally over the guest population, is written down.

A control is a function whose parameters name the facts it needs. The decorator
holds the words for machines, the docstring the words for people; a section
that is missing fails at import.
"""

import importlib
import inspect
import pkgutil
import re
import types
import typing
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from functools import cache
from typing import Any, ClassVar

from posture.settings import Profile, Severity, Thresholds
from posture.snapshot.guests import Guest
from posture.snapshot.types import Gap

SAMPLE_SIZE = 20
"""Affected objects shown in a finding; all of them are in its file."""


class Outcome(StrEnum):
    """What a control found. Only the evaluator says not-assessed or error."""

    PASS = "pass"
    PARTIAL = "partial"
    FAIL = "fail"
    MANUAL = "manual"
    NOT_APPLICABLE = "not-applicable"
    NOT_ASSESSED = "not-assessed"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Verdict:
    """A control's answer.

    `summary` is one sentence with the value seen. `observed` adds numbers and
    values to those the decorator's `observes` takes from the facts themselves;
    its keys are words such as "pending guests". `affected` are Graph objects
    (at least `id`) where no tally holds them. `severity` overrides the
    decorator's for this outcome and is never above its `fail`, by which the
    control is weighed. `notes` are further plain sentences.
    """

    outcome: Outcome
    summary: str
    observed: Mapping[str, Any] = field(default_factory=dict)
    affected: Iterable[Mapping[str, Any]] = ()
    severity: Severity | None = None
    notes: tuple[str, ...] = ()


def passed(summary: str, **more: Any) -> Verdict:
    """The good state holds."""
    return Verdict(Outcome.PASS, summary, **more)


def partial(summary: str, **more: Any) -> Verdict:
    """Better than open, weaker than recommended."""
    return Verdict(Outcome.PARTIAL, summary, **more)


def failed(summary: str, **more: Any) -> Verdict:
    """Open, or evidence of the condition."""
    return Verdict(Outcome.FAIL, summary, **more)


def not_applicable(summary: str, **more: Any) -> Verdict:
    """The feature is not used, or the population is empty."""
    return Verdict(Outcome.NOT_APPLICABLE, summary, **more)


def manual(summary: str, **more: Any) -> Verdict:
    """Graph cannot tell; the sentence says where to look."""
    return Verdict(Outcome.MANUAL, summary, **more)


@dataclass(frozen=True, slots=True)
class Remediation:
    """A change that closes a finding, as data. posture never sends it.

    `url` is the full Graph address, with `{id}` where an id belongs; `body` its
    JSON. `permission` and `role` are what the person who sends it needs.
    """

    method: str = ""
    url: str = ""
    body: Mapping[str, Any] | None = None
    permission: str = ""
    role: str = ""
    powershell: tuple[str, ...] = ()
    notes: str = ""


@dataclass(frozen=True, slots=True)
class Authority:
    """Somebody else's item for the same thing. `verdict` judges the facts as they do.

    It is given the control's own arguments and returns an Outcome, or None
    where their item does not decide.
    """

    name: str
    item: str
    verdict: Callable[..., Outcome | None] | None = None


@dataclass(frozen=True)
class Control:
    """One control of the catalogue: function and metadata."""

    code: str
    title: str
    summary: str
    why: str
    attack: str
    fix: str
    breaks: str
    default: str
    source: tuple[str, ...]
    fail: Severity
    partial: Severity
    kind: str
    scored: bool
    licence: str
    function: Callable[..., Verdict]
    needs: tuple[str, ...]
    optional: tuple[str, ...]
    observes: tuple[str, ...]
    remediation: tuple[Remediation, ...]
    frameworks: Mapping[str, tuple[str, ...]]
    authorities: tuple[Authority, ...]
    parameters: tuple[str, ...]
    permissions: tuple[str, ...]
    empty_is_good: str
    unverified: tuple[str, ...]

    @property
    def area(self) -> str:
        """The three letters of its code, e.g. INV."""
        return self.code.split("-")[1]


AREAS: Mapping[str, str] = {
    "INV": "Invitations",
    "PER": "Guest permissions",
    "XTA": "Cross-tenant access",
    "AUT": "Authentication",
    "LIF": "Guest lifecycle",
    "PRV": "Guest privilege",
    "WRK": "Collaboration workloads",
    "VIS": "Visibility",
    "HUN": "Activity hunts",
}

_CODE = re.compile(r"GUEST-(INV|PER|XTA|AUT|LIF|PRV|WRK|VIS|HUN)-\d{3}")
_SECTIONS = ("Why", "Attack", "Fix", "Breaks", "Default", "Source")
_CONTEXT = {"taken_at", "thresholds", "profile"}
_registry: dict[str, Control] = {}


def control(
    code: str,
    *,
    fail: Severity,
    partial: Severity,
    kind: str = "setting",
    scored: bool = True,
    licence: str = "none",
    observes: tuple[str, ...] = (),
    remediation: Remediation | tuple[Remediation, ...] = (),
    frameworks: Mapping[str, tuple[str, ...]] | None = None,
    authorities: tuple[Authority, ...] = (),
    parameters: tuple[str, ...] = (),
    permissions: tuple[str, ...] = (),
    empty_is_good: str = "",
    unverified: tuple[str, ...] = (),
) -> Callable[[Callable[..., Verdict]], Callable[..., Verdict]]:
    """Register a function as a control.

    `kind` is setting, inventory, manual or exposure. `observes` lists
    `fact.property` paths shown as observed values with their provenance.
    `parameters` are the names of thresholds it reads. `permissions` are those
    of the facts it needs where no gatherer declares them yet. `empty_is_good`
    is the reason why an empty, complete list may pass. `unverified` lists what
    nobody has seen.

    The docstring's first line is the title and states the good state; the
    paragraphs after it say when it holds; then the sections Why, Attack, Fix,
    Breaks, Default and Source, each "Name: text".
    """

    def register(function: Callable[..., Verdict]) -> Callable[..., Verdict]:
        title, summary, sections = _docstring(code, function)
        needs, optional = _signature(function)
        if not _CODE.fullmatch(code) or code in _registry:
            raise TypeError(f"{code}: not a code, or taken")
        _registry[code] = Control(
            code=code,
            title=title.rstrip("."),
            summary=summary,
            why=sections["Why"],
            attack=sections["Attack"],
            fix=sections["Fix"],
            breaks=sections["Breaks"],
            default=sections["Default"],
            source=tuple(sections["Source"].split()),
            fail=fail,
            partial=partial,
            kind=kind,
            scored=scored,
            licence=licence,
            function=function,
            needs=needs,
            optional=optional,
            observes=observes,
            remediation=remediation if isinstance(remediation, tuple) else (remediation,),
            frameworks=frameworks or {},
            authorities=authorities,
            parameters=parameters,
            permissions=permissions,
            empty_is_good=empty_is_good,
            unverified=unverified,
        )
        return function

    return register


def _docstring(code: str, function: Callable[..., Verdict]) -> tuple[str, str, dict[str, str]]:
    text = inspect.getdoc(function) or ""
    pieces = re.split(rf"^({'|'.join(_SECTIONS)}):\s*", text, flags=re.MULTILINE)
    head = pieces[0].strip()
    sections = {name: " ".join(body.split()) for name, body in zip(pieces[1::2], pieces[2::2], strict=True)}
    missing = [s for s in _SECTIONS if not sections.get(s)]
    if missing or not head:
        raise TypeError(f"{code}: its docstring lacks {', '.join(missing) or 'a title'}")
    title, _, summary = head.partition("\n")
    return title.strip(), " ".join(summary.split()), sections


def _signature(function: Callable[..., Verdict]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    hints = typing.get_type_hints(function)
    needs: list[str] = []
    optional: list[str] = []
    for name in inspect.signature(function).parameters:
        if name in _CONTEXT:
            continue
        hint = hints.get(name)
        is_optional = isinstance(hint, types.UnionType) and Gap in typing.get_args(hint)
        (optional if is_optional else needs).append(name)
    return tuple(needs), tuple(optional)


@dataclass(frozen=True, slots=True)
class TallyContext:
    """What a tally may know besides the guests: the run's clock, thresholds and named facts."""

    taken_at: datetime
    thresholds: Thresholds
    facts: Mapping[str, Any]


class Affected:
    """The objects a finding concerns: counted, at most 20 kept, all written to `sink`.

    `accepts` says whether an accepted risk covers one object.
    """

    def __init__(self) -> None:
        self.count = 0
        self.accepted = 0
        self.sample: list[dict[str, Any]] = []
        self.sink: Callable[[dict[str, Any]], None] | None = None
        self.accepts: Callable[[str, str | None], bool] | None = None

    def add(self, row: dict[str, Any], domain: str | None = None) -> None:
        """Take one object; rows come sorted by id."""
        self.count += 1
        if self.accepts is not None and self.accepts(str(row.get("id", "")), domain):
            self.accepted += 1
            row = {**row, "accepted": True}
        if len(self.sample) < SAMPLE_SIZE:
            self.sample.append(row)
        if self.sink is not None:
            self.sink(row)


class Tally:
    """Counts over all guests, fed one guest at a time by the evaluator's only pass.

    Bounded: counts, histograms and `affected`. `needs` names the facts without
    which it means nothing, `optional` those it can use where they were read:
    only then are they in `context.facts`. The side lists among them are on
    each guest. `population` counts the guests seen.
    """

    name: ClassVar[str]
    control: ClassVar[str]
    needs: ClassVar[tuple[str, ...]]
    optional: ClassVar[tuple[str, ...]] = ()

    def __init__(self, context: TallyContext) -> None:
        self.context = context
        self.population = 0
        self.affected = Affected()

    def add(self, guest: Guest) -> None:
        """Count one guest."""
        raise NotImplementedError

    def concern(self, guest: Guest, why: str, **more: Any) -> None:
        """Note a guest as affected. `why` is a few plain words without names."""
        get = guest.row.get
        shown = {
            "id": guest.id,
            "displayName": get("displayName"),
            "userPrincipalName": get("userPrincipalName"),
            "mail": get("mail"),
            "why": why,
        }
        self.affected.add(shown | more if more else shown, guest.domain)


_tallies: dict[str, type[Tally]] = {}


def tally(
    name: str, *, control: str, needs: tuple[str, ...] = ("guests",), optional: tuple[str, ...] = ()
) -> Callable[[type[Tally]], type[Tally]]:
    """Register a tally under the name a control asks for it by.

    `control` is the code whose affected objects it collects; `needs` must hold
    `guests` and every side list it cannot do without, `optional` every other
    fact it looks at.
    """

    def register(cls: type[Tally]) -> type[Tally]:
        if name in _tallies or "guests" not in needs:
            raise TypeError(f"tally {name}: taken, or without guests among its needs")
        cls.name, cls.control, cls.needs, cls.optional = name, control, needs, optional
        _tallies[name] = cls
        return cls

    return register


@cache
def catalogue() -> tuple[Control, ...]:
    """Return all controls in code order within their areas."""
    _import_all()
    order = list(AREAS)
    return tuple(sorted(_registry.values(), key=lambda c: (order.index(c.area), c.code)))


@cache
def tallies() -> Mapping[str, type[Tally]]:
    """Return all tallies by name."""
    _import_all()
    return dict(sorted(_tallies.items()))


def _import_all() -> None:
    package = importlib.import_module("posture.controls")
    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"posture.controls.{module.name}")


__all__ = [
    "AREAS",
    "Affected",
    "Authority",
    "Control",
    "Outcome",
    "Profile",
    "Remediation",
    "Tally",
    "TallyContext",
    "Verdict",
    "catalogue",
    "control",
    "failed",
    "manual",
    "not_applicable",
    "partial",
    "passed",
    "tallies",
    "tally",
]
