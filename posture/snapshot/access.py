"""What a guest holds, from the side lists of memberships, owned objects and app assignments."""

from collections.abc import Mapping

from posture.errors import UnknownValueError
from posture.snapshot.guests import Guest
from posture.snapshot.types import Gap, Rows

ACCESS_LISTS: Mapping[str, tuple[str, ...]] = {
    "guest_memberships": ("transitiveMemberOf", "memberOf"),
    "guest_owned_objects": ("ownedObjects",),
    "guest_app_roles": ("appRoleAssignments",),
}
"""The side lists that tell, with the property of each; who is in no group directly is in none at all."""


def holds_access(guest: Guest) -> bool | None:
    """Return whether a guest is in a group or role, owns something or is assigned to an application.

    None where no list shows any and one of them was not read or does not tell.
    An administrative unit gives its members nothing.

    Sources: https://learn.microsoft.com/graph/api/user-list-transitivememberof
    https://learn.microsoft.com/entra/identity/role-based-access-control/administrative-units
    """
    sure = True
    for name, keys in ACCESS_LISTS.items():
        row = guest.side.get(name)
        entries = next((row[key] for key in keys if key in row), None) if row else None
        if not isinstance(entries, list):
            sure = False
            continue
        sure = sure and not any(f"{key}@odata.nextLink" in row for key in keys if row)
        for entry in entries:
            if not isinstance(entry, Mapping):
                sure = False
                continue
            kind = entry.get("@odata.type")
            if name != "guest_memberships" or (isinstance(kind, str) and not kind.endswith(".administrativeUnit")):
                return True
            sure = sure and isinstance(kind, str)
    return False if sure else None


def can_use(guest: Guest) -> bool | None:
    """Return whether a guest who is not switched off holds access or a licence; None where that is not known."""
    licences = guest["assignedLicenses"]
    access = True if licences else holds_access(guest)
    if access is False and not isinstance(licences, list):
        return None
    return None if access and guest.enabled is None else access


def not_known(told: str, *lists: Rows | Gap) -> UnknownValueError:
    """Return the refusal to judge where access is not known, naming the first of the lists that was not read."""
    gap = next((g for g in lists if isinstance(g, Gap)), None)
    return UnknownValueError(f"{told} ({gap.name} was not read: {gap.detail})" if gap else told, because=gap)
