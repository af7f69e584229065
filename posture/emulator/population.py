"""Guests made up by number: a million of them cost no memory, and the same seed gives the same guests.

A guest is a function of seed and number. The last eight digits of an id are its
number under a permutation, so that an id leads back to its guest; the rest is
a hash, so that ids look and sort like real ones. Rows are created in the order
of `createdDateTime`: a filter on it is a range of numbers.
"""

import hashlib
import struct
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from posture.emulator.odata import Moment
from posture.emulator.tenant import Generate

_CROWD = 25
_BLOCK = 1024
_BYTES = 32
_ODD = 2654435761
_INVERSE = pow(_ODD, -1, 1 << 32)
_FIRST = (
    "Ada",
    "Bea",
    "Cem",
    "Dag",
    "Eva",
    "Finn",
    "Gro",
    "Hal",
    "Ida",
    "Jon",
    "Kim",
    "Lea",
    "Mia",
    "Nils",
    "Olga",
    "Pia",
)
_LAST = (
    *("Aamodt", "Bakker", "Costa", "Dubois", "Eriksen", "Fontana", "Garcia", "Haas", "Ito", "Jansen", "Kaya", "Lund"),
    *("Moreau", "Novak", "Okafor", "Petrov"),
)
_CONSUMER = (("gmail.com", "google.com"), ("outlook.com", "MicrosoftAccount"), ("hotmail.com", "MicrosoftAccount"))
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - only differences and text are made of it

Values = dict[str, Any]
_CHOICES = struct.Struct(">8H")
"""The first sixteen bytes of a guest's own, as eight choices of 16 bits."""
_MINUTES = [f"T{m // 60:02d}:{m % 60:02d}:" for m in range(1440)]
_SECONDS = [f"{s:02d}" for s in range(60)]


@lru_cache(maxsize=8192)
def _day(days: int) -> str:
    return (_EPOCH + timedelta(days=days)).date().isoformat()


class Population:
    """The made-up guests of one tenant, their staff and groups."""

    def __init__(self, make: Generate, clock: datetime, initial_domain: str) -> None:
        self.make, self.initial = make, initial_domain
        self._now = int((clock.replace(tzinfo=None) - _EPOCH).total_seconds())
        self._span = 6 * 365 * 86400
        self._start = self._now - self._span
        self.staff = [self._person(i) for i in range(make.staff)]
        self.groups = [self._group(i) for i in range(make.groups)]
        self._group_numbers = {g["id"]: i for i, g in enumerate(self.groups)}
        self._limits = {
            name: int(getattr(make, name) * 65536)
            for name in ("pending", "disabled", "never_signed_in", "stale", "sponsored", "consumer", "registered")
        }
        self._crowded = int(make.crowded * (1 << 24))
        self._block = lru_cache(maxsize=8)(self._digest)
        self._shift = (make.seed * 40503 + 97) & 0xFFFFFFFF

    def __len__(self) -> int:
        return self.make.guests

    def _made_id(self, kind: str, number: int) -> str:
        return str(uuid5(NAMESPACE_URL, f"{kind}/{self.make.seed}/{number}"))

    def _person(self, number: int) -> dict[str, Any]:
        first, last = _FIRST[number % 16], _LAST[number // 16 % 16]
        upn = f"{first}.{last}{number}@{self.initial}".lower()
        return {
            "id": self._made_id("staff", number),
            "displayName": f"{first} {last}",
            "givenName": first,
            "surname": last,
            "userPrincipalName": upn,
            "mail": upn,
            "otherMails": [],
            "userType": "Member",
            "accountEnabled": number % 10 != 9,
            "creationType": None,
            "externalUserState": None,
            "externalUserStateChangeDateTime": None,
            "createdDateTime": self._text(self._start) + "Z",
            "companyName": None,
            "onPremisesSyncEnabled": None,
            "identities": [{"signInType": "userPrincipalName", "issuer": self.initial, "issuerAssignedId": upn}],
            "assignedLicenses": [],
        }

    def _group(self, number: int) -> dict[str, Any]:
        unified = number % 2 == 0
        return {
            "id": self._made_id("group", number),
            "displayName": f"Project {number + 1}",
            "visibility": "Private" if number % 4 else "Public",
            "groupTypes": ["Unified"] if unified else [],
            "securityEnabled": not unified,
            "mailEnabled": unified,
            "isAssignableToRole": None,
            "membershipRule": None,
            "membershipRuleProcessingState": None,
            "assignedLicenses": [],
            "resourceProvisioningOptions": ["Team"] if unified and number % 8 == 0 else [],
            "createdDateTime": self._text(self._start) + "Z",
            "owners": [self.staff[number % len(self.staff)]["id"]],
        }

    def _digest(self, block: int) -> tuple[bytes, str]:
        raw = hashlib.shake_256(f"{self.make.seed}/{block}".encode()).digest(_BLOCK * _BYTES)
        return raw, raw.hex()

    @staticmethod
    def _text(seconds: int) -> str:
        return _day(seconds // 86400) + _MINUTES[seconds % 86400 // 60] + _SECONDS[seconds % 60]

    def created(self, number: int) -> int:
        """Return when a guest was created, in seconds since 1970; grows with the number."""
        return self._start + number * self._span // max(1, self.make.guests)

    def created_range(self, op: str, when: Moment) -> tuple[int, int]:
        """Return the numbers [from, to) whose creation satisfies `op when`."""
        at = (when.seconds, when.ticks)
        everyone = range(self.make.guests)
        left = bisect_left(everyone, at, key=lambda i: (self.created(i), 0))
        right = bisect_right(everyone, at, key=lambda i: (self.created(i), 0))
        return {
            "ge": (left, self.make.guests),
            "gt": (right, self.make.guests),
            "le": (0, right),
            "lt": (0, left),
            "eq": (left, right),
        }.get(op, (0, self.make.guests))

    def id_of(self, number: int) -> str:
        """Return a guest's id."""
        _, text = self._block(number // _BLOCK)
        at = number % _BLOCK * 2 * _BYTES
        return self._id(text[at : at + 24], number)

    def _id(self, h: str, number: int) -> str:
        tail = (number * _ODD + self._shift) & 0xFFFFFFFF
        return f"{h[:8]}-{h[8:12]}-4{h[13:16]}-a{h[17:20]}-{h[20:24]}{tail:08x}"

    def number_of(self, key: str) -> int | None:
        """Return the number of the guest with an id; None where no guest has it."""
        try:
            tail = int(key[-8:], 16)
        except ValueError:
            return None
        number = ((tail - self._shift) * _INVERSE) & 0xFFFFFFFF
        return number if number < self.make.guests and self.id_of(number) == key.lower() else None

    def values(self, number: int) -> Values:
        """Return everything a guest's texts are made of."""
        raw, text = self._block(number // _BLOCK)
        at = number % _BLOCK * _BYTES
        made = _CHOICES.unpack_from(raw, at)
        looks = raw[at + 30]
        limits = self._limits
        created = self._start + number * self._span // self.make.guests
        pending = made[0] < limits["pending"]
        if made[1] < limits["consumer"]:
            domain, issuer = _CONSUMER[raw[at + 31] % 3]
        else:
            share = (made[2] / 65536) ** 2
            domain, issuer = f"partner{int(share * self.make.domains) + 1:04d}.example", "ExternalAzureAD"
        first, last = _FIRST[looks & 15], _LAST[looks >> 4]
        return {
            "id": self._id(text[2 * at : 2 * at + 24], number),
            "first": first,
            "last": last,
            "alias": f"{first}.{last}{number}".lower(),
            "domain": domain,
            "initial": self.initial,
            "issuer": self.initial if pending else issuer,
            "enabled": "false" if made[3] < limits["disabled"] else "true",
            "state": "PendingAcceptance" if pending else "Accepted",
            "created": self._text(created),
            "changed": self._text(created if pending else min(self._now, created + made[4])),
            "registered": "true" if not pending and made[5] < limits["registered"] else "false",
            "methods": '"microsoftAuthenticatorPush"' if not pending and made[5] < limits["registered"] else "",
        }

    def seen(self, number: int) -> str | None:
        """Return a guest's last sign-in as text; None where there is none on record."""
        raw, _ = self._block(number // _BLOCK)
        at = number % _BLOCK * _BYTES
        made = _CHOICES.unpack_from(raw, at)
        if made[0] < self._limits["pending"] or made[6] < self._limits["never_signed_in"]:
            return None
        stale = made[7] < self._limits["stale"]
        ago = 86400 * 181 + made[4] * 700 if stale else made[4] * 80
        return self._text(max(self.created(number), self._now - ago))

    def sponsors_of(self, number: int) -> list[int]:
        """Return the staff numbers of a guest's sponsors."""
        raw, _ = self._block(number // _BLOCK)
        at = number % _BLOCK * _BYTES
        b = raw[at : at + _BYTES]
        sponsored = (b[28] << 8 | b[29]) < self._limits["sponsored"]
        return [(b[26] << 8 | b[27]) % len(self.staff)] if sponsored else []

    def groups_of(self, number: int) -> list[int]:
        """Return the group numbers a guest is a direct member of, ascending."""
        count = self.make.groups
        if not count:
            return []
        raw, _ = self._block(number // _BLOCK)
        at = number % _BLOCK * _BYTES
        b = raw[at : at + _BYTES]
        if (b[23] << 16 | b[24] << 8 | b[25]) < self._crowded:
            return list(range(min(_CROWD, count)))
        wanted = b[22] % (2 * self.make.memberships + 1)
        return sorted({(b[20] + 7 * b[21] + k * 17) % count for k in range(wanted)})

    def members_of(self, group: int) -> Iterator[int]:
        """Yield the numbers of a group's guests; looks at every guest."""
        return (i for i in range(self.make.guests) if group in self.groups_of(i))

    def group_number(self, key: str) -> int | None:
        """Return the number of the made-up group with an id."""
        return self._group_numbers.get(key.lower())


def initial_domain(organization: Mapping[str, Any] | None) -> str:
    """Return the tenant's …onmicrosoft.com name, or a made-up one."""
    domains = organization.get("verifiedDomains") if organization else None
    for domain in domains if isinstance(domains, list) else []:
        if isinstance(domain, dict) and domain.get("isInitial") and isinstance(domain.get("name"), str):
            return str(domain["name"])
    return "generated.onmicrosoft.com"
