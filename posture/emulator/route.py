"""From a path to what it means: a list, an item, a relationship, a single object, a function."""

import re
from dataclasses import dataclass, replace
from urllib.parse import unquote

from posture.emulator.answers import no_segment
from posture.emulator.endpoints import ARM_EXPORT, LISTINGS, SINGLES, TENANT_INFORMATION, Listing, Nav, Single

VERSIONS = ("v1.0", "beta")
_FUNCTION = re.compile(r"(\w+)\(\s*(\w+)\s*=\s*'([^']*)'\s*\)")
_TENANT_FUNCTIONS = {n.lower(): n for n in ("findTenantInformationByTenantId", "findTenantInformationByDomainName")}
_ROLE_REQUESTS = ["rolemanagement", "directory", "roleeligibilityschedulerequests"]
_GROUP_REQUESTS = ["identitygovernance", "privilegedaccess", "group", "eligibilityschedulerequests"]
_KEYED = re.compile(r"(\w+)\('([^']*)'\)")


@dataclass(frozen=True)
class Target:
    """What a path means.

    `path` is the documented spelling without ids, e.g. `users`; `tail` what is
    left for writes (`$ref`, an action, an id before `$ref`).
    """

    version: str
    path: str
    listing: Listing | None = None
    single: Single | None = None
    key: str = ""
    nav: Nav | None = None
    cast: str = ""
    counting: bool = False
    part: str = ""
    function: str = ""
    tail: tuple[str, ...] = ()


def segments_of(path: str) -> list[str]:
    """Return the decoded segments of a path as sent; empty ones (`//`) do not count."""
    return [unquote(s) for s in path.split("/") if s]


def resolve(segments: list[str]) -> Target:
    """Return what a path means; raise Refusal where there is nothing."""
    if [s.lower() for s in segments] == ARM_EXPORT.path.lower().split("/"):
        return Target("arm", ARM_EXPORT.path, listing=ARM_EXPORT)
    version = segments[0].lower() if segments else ""
    if version not in VERSIONS:
        raise no_segment(segments[0] if segments else "", 404)
    parts = [s for raw in segments[1:] for s in _open(raw)]
    if not parts:
        raise no_segment("", 404)
    lower = [s.lower() for s in parts]
    if lower == ["$batch"]:
        return Target(version, "$batch", function="batch")
    if lower[0] == "directoryobjects" and lower[-1] in ("getbyids", "microsoft.graph.getbyids") and len(lower) == 2:
        return Target(version, "directoryObjects/getByIds", function="by-ids")
    if lower[0] == "tenantrelationships" and len(parts) == 2 and (call := _FUNCTION.fullmatch(parts[1])):
        name = _TENANT_FUNCTIONS.get(call[1].lower())
        if name is not None:
            path = f"tenantRelationships/{name}"
            return Target(version, path, listing=TENANT_INFORMATION, key=call[3], function="tenant-information")
    if lower[:2] == ["directory", "deleteditems"] and len(parts) == 4 and lower[3] == "restore":
        return Target(version, "directory/deletedItems/restore", key=parts[2], function="restore")
    if lower == _ROLE_REQUESTS:
        return Target(version, "/".join(parts), function="role-request")
    if lower == _GROUP_REQUESTS:
        return Target(version, "/".join(parts), function="group-request")
    for length in range(len(parts), 0, -1):
        path = "/".join(lower[:length])
        if path in LISTINGS and not (LISTINGS[path].beta_only and version != "beta"):
            return _in_list(version, LISTINGS[path], parts[length:])
        if path in SINGLES and not (SINGLES[path].beta_only and version != "beta"):
            return _in_single(version, SINGLES[path], parts[length:])
    raise no_segment(_unknown(lower, parts))


def _open(segment: str) -> list[str]:
    """Split `users('id')` in two and spell casts in full."""
    keyed = _KEYED.fullmatch(segment)
    if keyed:
        return [keyed[1], keyed[2]]
    return [f"microsoft.{segment}" if segment.lower().startswith("graph.") else segment]


def _unknown(lower: list[str], parts: list[str]) -> str:
    known = [*LISTINGS, *SINGLES]
    for i in range(len(parts)):
        start = "/".join(lower[: i + 1])
        if not any(k == start or k.startswith(start + "/") for k in known):
            return parts[i]
    return parts[-1]


def _in_list(version: str, listing: Listing, rest: list[str]) -> Target:
    base = Target(version, listing.path, listing=listing)
    match rest:
        case []:
            return base
        case ["$count"] if listing.directory:
            return _with(base, counting=True)
        case [key]:
            return _with(base, key=key)
        case [key, name, *more]:
            nav = listing.navs.get(name.lower())
            if nav is None:
                return _with(base, key=key, tail=(name, *more))
            return _in_nav(_with(base, key=key, nav=nav), more)
        case _:
            raise no_segment(rest[0])


def _in_nav(base: Target, rest: list[str]) -> Target:
    cast = ""
    if rest and rest[0].lower().startswith("microsoft.graph."):
        cast, rest = rest[0].lower().removeprefix("microsoft.graph."), rest[1:]
    if rest == ["$count"]:
        return _with(base, cast=cast, counting=True)
    return _with(base, cast=cast, tail=tuple(rest))


def _in_single(version: str, single: Single, rest: list[str]) -> Target:
    base = Target(version, single.path, single=single)
    if not rest:
        return base
    part = next((p for p in single.parts if p.lower() == rest[0].lower()), None)
    if part is None or len(rest) > 2:
        raise no_segment(rest[0])
    return _with(base, part=part, key=rest[1] if len(rest) == 2 else "")


def _with(target: Target, **changes: object) -> Target:
    return replace(target, **changes)  # type: ignore[arg-type]
