"""Tell a guest from the others, in sign-ins and in audit records.

`userType` alone does not do: it is absent from Graph v1.0, it misses external
members, and it is "Guest" in rows of our own people elsewhere. Domains are
compared whole, never by `contains`: `notcontoso.com` is not `contoso.com`.

Sources: https://learn.microsoft.com/graph/api/resources/signin?view=graph-rest-beta
https://learn.microsoft.com/entra/external-id/user-properties
"""

import re
from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass, field

from posture.hunts.events import Actor, Target

_MEMORY = 50_000
_GUID = re.compile(r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}")


class IdSet:
    """Object ids in 16 bytes each, so that a million guests fit in 16 MB; compared without regard to letter case."""

    def __init__(self, ids: Iterable[str] = ()) -> None:
        packed = bytearray()
        self._odd: set[str] = set()
        last, ordered = b"", True
        for object_id in ids:
            key = _packed(object_id)
            if key is None:
                if isinstance(object_id, str) and object_id:
                    self._odd.add(object_id.casefold())
                continue
            # Evidence comes sorted, so that nothing but the bytes themselves is held.
            ordered = ordered and key >= last
            last = key
            packed += key
        if not ordered:
            packed = bytearray(b"".join(sorted(packed[i : i + 16] for i in range(0, len(packed), 16))))
        self._blob = bytes(packed)
        self._places = range(len(packed) // 16)
        self._known: dict[str, bool] = {}

    def __len__(self) -> int:
        return len(self._places) + len(self._odd)

    def __contains__(self, object_id: object) -> bool:
        if not isinstance(object_id, str) or not object_id:
            return False
        found = self._known.get(object_id)
        if found is None:
            if len(self._known) > _MEMORY:
                self._known.clear()
            found = self._known[object_id] = self._look(object_id)
        return found

    def _look(self, object_id: str) -> bool:
        key = _packed(object_id)
        if key is None:
            return object_id.casefold() in self._odd
        place = bisect_left(self._places, key, key=lambda i: self._blob[16 * i : 16 * i + 16])
        return self._blob[16 * place : 16 * place + 16] == key


def _packed(object_id: object) -> bytes | None:
    """Return a GUID's 16 bytes; None for what is no GUID."""
    if not isinstance(object_id, str) or not _GUID.fullmatch(object_id):
        return None
    return bytes.fromhex(object_id.replace("-", ""))


@dataclass(frozen=True)
class People:
    """What is known of who belongs where.

    `tenant` is our tenant's id and `own_tenants` further ones of ours, in lower
    case. `domains` are our verified domains. `guests` are guests, `external_members`
    members that came from outside; None where the list was not read.
    """

    tenant: str = ""
    own_tenants: frozenset[str] = frozenset()
    domains: frozenset[str] = frozenset()
    guests: IdSet | None = None
    external_members: IdSet | None = None
    _ours: frozenset[str] = field(init=False, repr=False, default=frozenset())

    def __post_init__(self) -> None:
        object.__setattr__(self, "tenant", self.tenant.casefold())
        object.__setattr__(self, "own_tenants", frozenset(t.casefold() for t in self.own_tenants))
        object.__setattr__(self, "domains", frozenset(d.casefold().rstrip(".") for d in self.domains))
        object.__setattr__(self, "_ours", self.own_tenants | ({self.tenant} if self.tenant else frozenset()))

    def listed(self, object_id: str) -> bool:
        """Whether an id is in the guest list or the list of external members."""
        return (self.guests is not None and object_id in self.guests) or (
            self.external_members is not None and object_id in self.external_members
        )

    def visitor(self, user_id: str, user_type: str, home: str, resource: str, log_tenant: str = "") -> str:
        """Return why a sign-in is an outsider's in our tenant, in a few words; "" where it is not one.

        The resource tenant must be ours; then the user is a guest by type, comes
        from a tenant that is not ours, or is in our guest list. Tenants and type
        are in lower case; `log_tenant` stands in where our tenant is not known.
        """
        ours = self.tenant or log_tenant
        if resource and ours and resource != ours:
            return ""
        if user_type == "guest":
            return "the log says guest"
        if home and home != ours and home not in self._ours and (ours or (resource and home != resource)):
            return "home tenant is not ours"
        return "in the guest list" if self.listed(user_id) else ""

    def abroad(self, home: str, resource: str, log_tenant: str = "") -> bool:
        """Whether a sign-in is one of our own people's in another organization's tenant."""
        ours = self.tenant or log_tenant
        return bool(ours and resource and resource != ours and resource not in self.own_tenants and home in ("", ours))

    def outsider(self, actor: Actor) -> str:
        """Return why an actor of an audit record is from outside, in a few words; "" where they are not.

        What the record itself says decides first; where it says nothing, the
        name's mark, the guest list and the name's domain do.
        """
        if actor.kind != "user":
            return ""
        if actor.user_type.casefold() == "guest":
            return "the log says guest"
        home = actor.home_tenant.casefold()
        if home and self.tenant and home not in self._ours:
            return "home tenant is not ours"
        if self.listed(actor.id):
            return "in the guest list"
        if home and home in self._ours and actor.user_type.casefold() == "member":
            return ""
        return self.outside_name(actor.name)

    def outside_name(self, name: str) -> str:
        """Return why a user principal name is an outsider's; "" where it is not, or does not tell."""
        folded = name.strip().casefold()
        if "#ext#" in folded:
            return "#EXT# in the name"
        if folded.startswith("live.com#"):
            return "a personal account"
        _, at, domain = folded.rpartition("@")
        if at and domain and self.domains and domain.rstrip(".") not in self.domains:
            return "the name's domain is not ours"
        return ""

    def outside_target(self, target: Target) -> bool:
        """Whether an object an activity touched is a person from outside."""
        if self.listed(target.id):
            return True
        return "#ext#" in target.user_principal_name.casefold()
