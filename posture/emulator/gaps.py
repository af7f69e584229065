"""What recorded evidence says it could not read, answered with the error it stands for."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from posture.emulator import answers
from posture.emulator.permissions import refusal

_SIDE_LISTS = {
    "guest_sign_in_activity": "signInActivity",
    "guest_sponsors": "sponsors",
    "guest_memberships": "transitiveMemberOf",
    "guest_owned_objects": "ownedObjects",
    "guest_app_roles": "appRoleAssignments",
    "external_members": "externalMembers",
    "group_owners": "owners",
    "privileged_group_members": "transitiveMembers",
    "group_setting_overrides": "settings",
    "partner_synchronization": "/identitySynchronization",
    "client_app_assignments": "appRoleAssignedTo",
    "owned_app_permissions": "appRoleAssignments",
    "user_count": "$count",
    "group_count": "$count",
    "application_count": "$count",
}
"""Source to what it asks of a path that other sources read too."""
_UNUSABLE = b"this answer was unusable when it was recorded"


@dataclass(frozen=True)
class RecordedGap:
    """One gap of a manifest: where it strikes and why. `each` says that it was asked about one object after another."""

    version: str
    path: str
    label: str
    reason: str
    permission: str
    each: bool = False

    def strikes(self, version: str, path: str, asked: frozenset[str]) -> bool:
        """Tell whether a request meets this gap.

        `asked` are names it selects, expands or follows; what it follows stands there with a slash before it too.
        """
        here = self.version == version and self.path == path.lower()
        return here and (not self.label or self.label.lower() in {a.lower() for a in asked})


def recorded_gaps(manifest: Mapping[str, Any] | None) -> tuple[RecordedGap, ...]:
    """Return the gaps of a manifest; none for a sample."""
    entries = manifest.get("gaps") if manifest else None
    return tuple(_gaps(entries)) if isinstance(entries, list) else ()


def _gaps(entries: list[Any]) -> Iterator[RecordedGap]:
    for entry in entries:
        if not isinstance(entry, dict) or not isinstance(entry.get("endpoint"), str):
            continue
        parts = [p for p in _place(entry["endpoint"]).split("/") if p]
        version = parts.pop(0) if parts and parts[0] in ("v1.0", "beta", "arm") else "v1.0"
        path, label = _split(parts)
        label = _SIDE_LISTS.get(str(entry.get("fact")), label)
        each = "{" in entry["endpoint"] or "/findTenantInformation" in entry["endpoint"]
        permission = str(entry.get("permission") or "")
        yield RecordedGap(version, path.lower(), label, str(entry.get("reason")), permission, each)


def _place(endpoint: str) -> str:
    """Return version and path of a manifest's endpoint, without method, query and remarks."""
    return re.split(r"[? (]", re.sub(r"^[A-Z]+ ", "", endpoint).replace("arm /", "arm/"), maxsplit=1)[0]


def _split(parts: list[str]) -> tuple[str, str]:
    """Split at the first `{id}`: what stands before is the list, what stands after the relationship."""
    for i, part in enumerate(parts):
        if part.startswith("{") or part == "$count":
            rest = [p for p in parts[i:] if not p.startswith("{")]
            return "/".join(parts[:i]), rest[0] if rest else ""
    return "/".join(parts), ""


def refusal_of(gap: RecordedGap, family: str, licence: str) -> answers.Refusal | bytes | None:
    """Return the answer a gap stands for: an error, an unusable body, or None to serve what was read."""
    match gap.reason:
        case "permission":
            return refusal(family, gap.permission or "Directory.Read.All")
        case "licence":
            return not_licensed(licence or "premium")
        case "sign-in":
            return answers.unauthorized("Lifetime validation failed, the token is expired.")
        case "throttled":
            return answers.throttled("99999999")
        case "query-refused":
            return answers.unsupported("Unsupported or invalid query.")
        case "not-available-in-this-cloud":
            return answers.no_segment(gap.path.rpartition("/")[2])
        case "declined":
            return refusal(family, gap.permission or "Directory.Read.All")
        case "unusable-answer":
            return _UNUSABLE
        case "incomplete-list":
            return None
        case "network" | "server":
            return answers.Refusal(503, "serviceNotAvailable", "The service is not available.")
        case "error":
            return answers.Refusal(500, "InternalServerError", "An internal error has occurred.")
        case "not-found" if gap.each:
            # One object that is not there is an answer and no gap: what was not found was the endpoint.
            return answers.no_segment(gap.path.rpartition("/")[2], 404)
        case _:
            return answers.not_found(gap.path)


def not_licensed(licence: str) -> answers.Refusal:
    """Return the error of an endpoint whose licence the tenant lacks."""
    if licence == "pim":
        return answers.pim_not_licensed()
    if licence in ("governance", "lifecycle"):
        return answers.governance_not_licensed()
    return answers.not_premium()
