"""What both scripts say, and each in its own words: steps in order, dry by default, nothing sent unless asked.

A script refuses another tenant than the plan's, takes steps in the plan's
order, and takes one that a person has to decide on only when it is named.
Long lists lie beside the scripts, one request a line.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from posture.plan.quote import words
from posture.plan.types import Placed, Plan, Remedy, Request, Step

LISTS = "lists"


@dataclass(frozen=True)
class Told:
    """A step as a script needs it. `kind` is requests, list, hand, blocked or same."""

    id: str
    title: str
    kind: str
    chosen: str
    about: str
    requests: tuple[Request, ...]
    file: str
    count: int


def told(plan: Plan) -> list[Told]:
    """Return the steps in order; short ones with their requests."""
    return [_told(placed) for placed in plan.steps]


def _told(placed: Placed) -> Told:
    step = placed.step
    kind, about = _kind(step)
    short = () if kind != "requests" else tuple(step.requests)
    return Told(
        step.id,
        words(step.title),
        kind,
        words(placed.chosen),
        words(about),
        short,
        list_name(step) if kind == "list" else "",
        len(step.requests),
    )


def _kind(step: Step) -> tuple[str, str]:
    if step.blocked:
        return "blocked", step.blocked
    if step.same_as:
        return "same", step.same_as
    if step.listed:
        return "list", ""
    return ("requests", "") if step.requests else ("hand", step.where)


def list_name(step: Step) -> str:
    """Return the file of a step's list, beside the scripts."""
    return f"{LISTS}/{step.id}.tsv"


def table_name(remedy: Remedy) -> str:
    """Return the file of the whole list behind a finding's impact."""
    return f"{LISTS}/{remedy.finding.control.code}.impact.tsv"


def listed(plan: Plan) -> Iterator[Step]:
    """Yield the steps whose requests lie in a list."""
    return (p.step for p in plan.steps if _kind(p.step)[0] == "list")


def scopes(plan: Plan) -> list[str]:
    """Return the permissions all steps together need; of alternatives the first, which is the lesser one."""
    found: set[str] = set()
    for placed in plan.steps:
        if _kind(placed.step)[0] in ("requests", "list"):
            for part in placed.step.permission.split(" + "):
                found.add(part.split(" or ")[0].strip())
    return sorted(found - {""})
