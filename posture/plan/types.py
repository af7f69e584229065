"""What a plan is made of: requests with their way back, steps, and the order they are taken in."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from posture.assess.types import Finding


class Risk(StrEnum):
    """How much a step can hurt people who should keep working."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"

    @property
    def weight(self) -> float:
        """What the gain is divided by when steps are put in order."""
        return {"low": 1.0, "medium": 1.5, "high": 2.0}[self.value]


@dataclass(frozen=True, slots=True)
class Find:
    """How to learn an id that did not exist when the evidence was read.

    Read the list at `url`; exactly one row must have the values of `where`;
    its `key` is the id. Values are our own words or ids, never a tenant's text.
    """

    url: str
    where: Mapping[str, str]
    key: str = "id"


@dataclass(frozen=True, slots=True)
class Request:
    """One call to Graph, as a person would send it. posture never does.

    `url` is whole; `{found}` in it stands for the id that `find` tells.
    `about` names whom it concerns in the tenant's own, untrusted words.
    `undo` takes it back, with the values the evidence holds; where it is empty
    `no_undo` says why.
    """

    method: str
    url: str
    body: Mapping[str, Any] | None = None
    about: str = ""
    find: Find | None = None
    undo: "tuple[Request, ...]" = ()
    no_undo: str = ""


class Requests(Sequence[Request]):
    """The requests of a step, made anew each time they are read, so that a million need no memory."""

    def __init__(self, make: Callable[[], Iterator[Request]]) -> None:
        self._make = make
        self._count: int | None = None

    def __iter__(self) -> Iterator[Request]:
        return self._make()

    def __len__(self) -> int:
        if self._count is None:
            self._count = sum(1 for _ in self._make())
        return self._count

    def __getitem__(self, place: Any) -> Any:
        raise TypeError("requests are read in order")


@dataclass(frozen=True, slots=True)
class After:
    """A step that has to come first, and why."""

    step: str
    reason: str


@dataclass(frozen=True)
class Step:
    """One thing to do.

    `choice` says what a person has to decide before; scripts take such a step
    only when it is named. `blocked` says what is missing for a request to be
    written at all. `leaves` is the outcome to expect of its control once the
    step and those before it are done. `manual` steps have no requests: they are
    done at the place `where` names, or in posture.toml; `powershell` are then
    lines a person may run.
    """

    id: str
    control: str
    title: str
    requests: Sequence[Request] = ()
    where: str = ""
    permission: str = ""
    role: str = ""
    licence: str = ""
    powershell: tuple[str, ...] = ()
    choice: str = ""
    blocked: str = ""
    wait: str = ""
    after: tuple[After, ...] = ()
    risk: Risk = Risk.MEDIUM
    leaves: str = ""
    notes: tuple[str, ...] = ()
    same_as: str = ""
    listed: bool = False

    @property
    def manual(self) -> bool:
        """Whether it has no request of its own."""
        return not self.listed and not self.requests

    def follows(self, *after: After) -> "Step":
        """Return the step with more that has to come first."""
        known = {a.step for a in self.after}
        return replace(self, after=(*self.after, *(a for a in after if a.step not in known and a.step != self.id)))


@dataclass(frozen=True, slots=True)
class Table:
    """A whole list of which the impact's sentences name a few, its rows made anew each time; cells are untrusted."""

    columns: tuple[str, ...]
    rows: Callable[[], Iterator[tuple[Any, ...]]]


@dataclass(frozen=True)
class Remedy:
    """What one open finding takes: its steps, what it gains, what it does here.

    `gain` are points of the raw score this finding alone costs; None where the
    control is not scored. `impact` are sentences from the tenant's own data,
    `table` all they speak of, where there is such a list.
    """

    finding: Finding
    steps: tuple[Step, ...]
    gain: float | None
    impact: tuple[str, ...]
    table: Table | None = None


@dataclass(frozen=True)
class Placed:
    """A step in its place. `chosen` is why the scripts do not take it unless it is named, "" where they do."""

    number: int
    step: Step
    gain: float | None
    chosen: str


@dataclass(frozen=True)
class Plan:
    """All steps in order, with what could not be planned.

    `score` is the score now and `score_after` what it would be if all planned
    findings passed. `accepted` are findings somebody took the risk of, `unseen`
    those not assessed with what unlocks them, `look` manual controls nobody
    attested.
    """

    remedies: tuple[Remedy, ...]
    steps: tuple[Placed, ...]
    root: str
    cloud: str
    score: tuple[float | None, float | None]
    score_after: tuple[float | None, float | None]
    accepted: tuple[Finding, ...] = ()
    unseen: tuple[Finding, ...] = ()
    look: tuple[Finding, ...] = ()
