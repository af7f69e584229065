"""Which permission opens which answer, and what a caller without it gets.

A need is written as words: `A | B` means either, `A + B` both. Names and
alternatives are Microsoft's permission data for the audit's endpoints.
Source: https://learn.microsoft.com/graph/permissions-reference
"""

from collections.abc import Collection
from functools import lru_cache

from posture.emulator import answers

GRAPH_PERMISSIONS_ALL = "all"
USERS = "User.Read.All | User.ReadBasic.All | Directory.Read.All"
USERS_FULL = "User.Read.All | Directory.Read.All"
GROUPS = "GroupMember.Read.All | Group.ReadBasic.All | Group.Read.All | Directory.Read.All"
APPLICATIONS = "Application.Read.All | Directory.Read.All"
ROLES = "RoleManagement.Read.Directory | RoleManagement.Read.All | Directory.Read.All"
AUDIT = "AuditLog.Read.All"

BASIC_USER = {"@odata.type", "id", "displayName", "givenName", "surname", "mail", "userPrincipalName"}
"""What User.ReadBasic.All shows of a user; the rest comes back null."""
BASIC_ORGANIZATION = {"@odata.type", "id", "displayName", "verifiedDomains"}
"""What User.Read shows of the organization."""

_OBJECT_NEEDS = {
    "user": USERS,
    "group": GROUPS,
    "servicePrincipal": APPLICATIONS,
    "application": APPLICATIONS,
    "directoryRole": ROLES,
}


class Granted:
    """The permissions a caller holds. None stands for all."""

    def __init__(self, permissions: Collection[str] | None) -> None:
        self.names = None if permissions is None else frozenset(permissions)

    def allows(self, need: str) -> bool:
        """Tell whether a need is met; "" needs nothing."""
        if self.names is None or not need:
            return True
        return any(all(self._holds(name) for name in group) for group in _parse(need))

    def _holds(self, name: str) -> bool:
        assert self.names is not None
        return name in self.names or name.replace(".Read.", ".ReadWrite.", 1) in self.names

    def reads_object(self, kind: str) -> bool:
        """Tell whether members of a kind (user, group …) come back with more than their id.

        Source: https://learn.microsoft.com/graph/permissions-overview#limited-information-returned-for-inaccessible-member-objects
        """
        return self.allows(_OBJECT_NEEDS.get(kind, ""))


@lru_cache
def _parse(need: str) -> tuple[tuple[str, ...], ...]:
    return tuple(tuple(n.strip() for n in group.split("+")) for group in need.split("|"))


def refusal(family: str, need: str) -> answers.Refusal:
    """Return the 403 that an endpoint's family answers without the permission."""
    first = _parse(need)[0]
    match family:
        case "audit":
            return answers.audit_denied(", ".join(first))
        case "pim":
            return answers.pim_denied(",".join(first))
        case "access":
            return answers.scopes_missing()
        case _:
            return answers.directory_denied()
