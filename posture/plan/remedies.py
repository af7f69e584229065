"""How a remedy is written down, and what all of them share.

A remedy is a function of the evidence and one open finding; it yields the
steps that close the finding. The catalogue's remediation gives the words
(permission, role, PowerShell); the remedy puts this tenant's ids and present
values in.
"""

import importlib
import pkgutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any
from urllib.parse import quote

from posture.assess.types import Finding
from posture.controls.registry import Control, Remediation
from posture.errors import UnknownValueError
from posture.plan.evidence import Evidence, label, segment
from posture.plan.types import After, Find, Request, Requests, Risk, Step

Maker = Callable[[Evidence, Finding], Iterable[Step]]
ABSENT = "the evidence does not hold the present value; note it before you change it"


@dataclass(frozen=True, slots=True)
class RemedyOf:
    """The remedy of one control and how risky it is."""

    code: str
    make: Maker
    risk: Risk


_registry: dict[str, RemedyOf] = {}


def remedy(code: str, *, risk: Risk) -> Callable[[Maker], Maker]:
    """Register a function as the remedy of a control."""

    def register(make: Maker) -> Maker:
        if code in _registry:
            raise TypeError(f"{code}: has a remedy already")
        _registry[code] = RemedyOf(code, make, risk)
        return make

    return register


@cache
def remedies() -> Mapping[str, RemedyOf]:
    """Return all remedies by code."""
    package = importlib.import_module("posture.plan.changes")
    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"posture.plan.changes.{module.name}")
    return dict(sorted(_registry.items()))


def step(
    control: Control, number: int, title: str, requests: Iterable[Request] = (), *, part: int | None = 0, **more: Any
) -> Step:
    """Return a step of a control; `part` says which of the catalogue's remediations gives the words, None for none."""
    words = control.remediation[part] if part is not None and part < len(control.remediation) else Remediation()
    given = {
        "permission": words.permission,
        "role": words.role,
        "powershell": words.powershell,
        "notes": (words.notes,) if words.notes else (),
        "licence": control.licence,
        "where": control.fix,
        "risk": _registry[control.code].risk,
    }
    made = tuple(requests)
    return Step(f"{control.code}.{number}", control.code, title, made, **{**given, **more})


def people(
    control: Control,
    number: int,
    title: str,
    make: Callable[[], Iterator[Request]],
    *,
    part: int | None = 0,
    **more: Any,
) -> Step:
    """Return a step that takes one request for each object concerned, made anew each time it is read."""
    return replace(step(control, number, title, part=part, **more), requests=Requests(make), listed=True)


def setting(
    ev: Evidence, finding: Finding, fact: str, path: str, body: Mapping[str, Any], *, title: str, **more: Any
) -> Step:
    """Return the step that changes a single object, with the present values as the way back."""
    number = more.pop("number", 1)
    version = more.pop("version", "v1.0")
    request = patch(ev.url(path, version=version), body, ev.mapping(fact))
    return step(finding.control, number, title, [request], **more)


def patch(
    url: str,
    body: Mapping[str, Any],
    present: Mapping[str, Any],
    *,
    method: str = "PATCH",
    about: str = "",
) -> Request:
    """Return a change of some properties of an object, and the change back to what they are now."""
    before, whole = present_values(body, present)
    undo = (Request(method, url, before),) if before else ()
    return Request(method, url, body, about, undo=undo, no_undo="" if whole else ABSENT)


def present_values(body: Mapping[str, Any], present: Mapping[str, Any]) -> tuple[dict[str, Any], bool]:
    """Return what an object holds now under the keys of a change, and whether it told all of them.

    Within an object only the keys that change are taken; a list is taken whole.
    """
    found: dict[str, Any] = {}
    whole = True
    for key, value in body.items():
        if key.startswith("@odata."):
            found[key] = value
        elif key not in present:
            whole = False
        elif isinstance(value, Mapping) and isinstance(present[key], Mapping):
            inner, told = present_values(value, present[key])
            whole = whole and told
            if inner:
                found[key] = inner
        else:
            found[key] = present[key]
    return ({} if all(k.startswith("@odata.") for k in found) else found), whole


def by_hand(control: Control, number: int, title: str, where: str, **more: Any) -> Step:
    """Return a step that people do in a portal, in PowerShell or in posture.toml."""
    return step(control, number, title, part=None, where=where, **more)


def block_guest(ev: Evidence, row: Mapping[str, Any], present: Mapping[str, Any]) -> Request:
    """Switch a guest off; back to what they are in the evidence to undo it."""
    return patch(ev.url("/users/{}", str(row["id"])), {"accountEnabled": False}, present, about=about(row))


def delete_guest(ev: Evidence, row: Mapping[str, Any]) -> Request:
    """Delete a guest; a restore within 30 days undoes it.

    Source: https://learn.microsoft.com/graph/api/directory-deleteditems-restore
    """
    guest = str(row["id"])
    return Request(
        "DELETE",
        ev.url("/users/{}", guest),
        about=about(row),
        undo=(Request("POST", ev.url("/directory/deletedItems/{}/restore", guest)),),
    )


def about(row: Mapping[str, Any]) -> str:
    """Return whom a request is about, in the tenant's own words."""
    why = row.get("why")
    return f"{label(row)}: {why}" if why else label(row)


def remove_member(ev: Evidence, group: str, member: str, words: str, *, relation: str = "members") -> Request:
    """Take somebody out of a group, as member or owner; put them back to undo it.

    Sources: https://learn.microsoft.com/graph/api/group-delete-members
    https://learn.microsoft.com/graph/api/group-delete-owners
    """
    return unlink(ev, ev.url(f"/groups/{{}}/{relation}", group), member, words)


def unlink(ev: Evidence, collection: str, member: str, words: str) -> Request:
    """Remove a reference from a collection; add it again to undo it."""
    return Request(
        "DELETE",
        f"{collection}/{segment(member)}/$ref",
        about=words,
        undo=(Request("POST", f"{collection}/$ref", {"@odata.id": ev.url("/directoryObjects/{}", member)}),),
    )


def link(ev: Evidence, collection: str, member: str, words: str, kind: str = "/directoryObjects") -> Request:
    """Add a reference to a collection; remove it to undo it."""
    return Request(
        "POST",
        f"{collection}/$ref",
        {"@odata.id": ev.url(f"{kind}/{{}}", member)},
        words,
        undo=(Request("DELETE", f"{collection}/{segment(member)}/$ref"),),
    )


def created(
    url: str, body: Mapping[str, Any], where: Mapping[str, str], *, words: str = "", narrow: str = "", key: str = "id"
) -> Request:
    """Make an object; `where` tells it from the others of its list, so that it can be found again to be deleted.

    `narrow` is a property by which Graph filters the list, so that one page is enough.
    """
    query = f"?$filter={narrow}%20eq%20%27{quote(where[narrow], safe='')}%27" if narrow else ""
    find = Find(f"{url}{query}", where, key)
    return Request("POST", url, body, words, undo=(Request("DELETE", f"{url}/{{found}}", find=find),))


def blocked(finding: Finding, why: str) -> Step:
    """Return the step of a finding whose request cannot be written."""
    return step(finding.control, 1, "Do it by hand", blocked=why)


def unknown(finding: Finding, error: UnknownValueError) -> Step:
    """Return the step of a finding whose evidence holds something this version cannot read."""
    return blocked(finding, f"the evidence does not tell what the request needs: {error}")


__all__ = [
    "After",
    "Evidence",
    "Find",
    "Finding",
    "Iterator",
    "Request",
    "Risk",
    "Step",
    "about",
    "block_guest",
    "blocked",
    "by_hand",
    "created",
    "delete_guest",
    "link",
    "patch",
    "people",
    "present_values",
    "remedies",
    "remedy",
    "remove_member",
    "setting",
    "step",
    "unknown",
    "unlink",
]
