"""The lists of made-up guests: rows and whole pages rendered as text, filters answered by arithmetic."""

from array import array
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import orjson

from posture.emulator.odata import And, Compare, Expr, Moment, matcher
from posture.emulator.population import Population, Values

EXPAND_CAP = 20
"""Objects that $expand returns of one relationship. https://learn.microsoft.com/graph/query-parameters#expand"""

_USER = {
    "id": '"id":"%(id)s"',
    "displayName": '"displayName":"%(first)s %(last)s"',
    "givenName": '"givenName":"%(first)s"',
    "surname": '"surname":"%(last)s"',
    "userPrincipalName": '"userPrincipalName":"%(alias)s_%(domain)s#EXT#@%(initial)s"',
    "mail": '"mail":"%(alias)s@%(domain)s"',
    "otherMails": '"otherMails":["%(alias)s@%(domain)s"]',
    "userType": '"userType":"Guest"',
    "accountEnabled": '"accountEnabled":%(enabled)s',
    "creationType": '"creationType":"Invitation"',
    "externalUserState": '"externalUserState":"%(state)s"',
    "externalUserStateChangeDateTime": '"externalUserStateChangeDateTime":"%(changed)sZ"',
    "createdDateTime": '"createdDateTime":"%(created)sZ"',
    "companyName": '"companyName":null',
    "onPremisesSyncEnabled": '"onPremisesSyncEnabled":null',
    "identities": '"identities":[{"signInType":"federated","issuer":"%(issuer)s","issuerAssignedId":null},'
    '{"signInType":"userPrincipalName","issuer":"%(initial)s",'
    '"issuerAssignedId":"%(alias)s_%(domain)s#EXT#@%(initial)s"}]',
    "assignedLicenses": '"assignedLicenses":[]',
    "businessPhones": '"businessPhones":[]',
    "jobTitle": '"jobTitle":null',
    "mobilePhone": '"mobilePhone":null',
    "officeLocation": '"officeLocation":null',
    "preferredLanguage": '"preferredLanguage":null',
}
_ACTIVITY = (
    '"signInActivity":{"lastSignInDateTime":"%(seen)sZ","lastSignInRequestId":"%(id)s",'
    '"lastNonInteractiveSignInDateTime":"%(seen)sZ","lastNonInteractiveSignInRequestId":"%(id)s",'
    '"lastSuccessfulSignInDateTime":"%(seen)sZ","lastSuccessfulSignInRequestId":"%(id)s"}'
)
_REGISTRATION = {
    "id": '"id":"%(id)s"',
    "userPrincipalName": '"userPrincipalName":"%(alias)s_%(domain)s#EXT#@%(initial)s"',
    "userDisplayName": '"userDisplayName":"%(first)s %(last)s"',
    "userType": '"userType":"guest"',
    "isAdmin": '"isAdmin":false',
    "isMfaRegistered": '"isMfaRegistered":%(registered)s',
    "isMfaCapable": '"isMfaCapable":%(registered)s',
    "isPasswordlessCapable": '"isPasswordlessCapable":false',
    "isSsprCapable": '"isSsprCapable":false',
    "isSsprEnabled": '"isSsprEnabled":false',
    "isSsprRegistered": '"isSsprRegistered":false',
    "isSystemPreferredAuthenticationMethodEnabled": '"isSystemPreferredAuthenticationMethodEnabled":false',
    "defaultMfaMethod": '"defaultMfaMethod":"none"',
    "userPreferredMethodForSecondaryAuthentication": '"userPreferredMethodForSecondaryAuthentication":"none"',
    "methodsRegistered": '"methodsRegistered":[%(methods)s]',
    "systemPreferredAuthenticationMethods": '"systemPreferredAuthenticationMethods":[]',
    "lastUpdatedDateTime": '"lastUpdatedDateTime":"%(changed)sZ"',
}


class GeneratedRows:
    """A list over the population: its users, or their registration details."""

    def __init__(self, people: Population, *, registration: bool = False) -> None:
        self.people = people
        self._shape: Mapping[str, str] = _REGISTRATION if registration else _USER
        self._user_type = "guest"
        self._by_creation = not registration
        self._registration = registration
        self._objects = lru_cache(maxsize=16)(self._object_texts)

    def __len__(self) -> int:
        return len(self.people)

    def row(self, number: int) -> dict[str, Any]:
        """Return one guest with everything that is known of it."""
        rendered = self.render([number], None, "", None)
        found: dict[str, Any] = orjson.loads(rendered)
        if not self._registration:
            seen = self.people.seen(number)
            if seen:
                found["signInActivity"] = orjson.loads("{" + _ACTIVITY % {"seen": seen, "id": found["id"]} + "}")[
                    "signInActivity"
                ]
            found["sponsors"] = [self.people.staff[s]["id"] for s in self.people.sponsors_of(number)]
        return found

    def find(self, key: str) -> int | None:
        """Return the number of the guest with an id."""
        return self.people.number_of(key)

    def pick(self, where: Expr | None) -> Sequence[int]:
        """Return the numbers a filter lets through; userType, creation and id cost no look at the rows."""
        low, high = 0, len(self)
        rest: list[Expr] = []
        for part in where.parts if isinstance(where, And) else () if where is None else (where,):
            match part:
                case Compare(("userType",), "eq", str() as value):
                    if value.casefold() != self._user_type:
                        return range(0)
                case Compare(("createdDateTime",), "ge" | "gt" | "le" | "lt" | "eq" as op, Moment() as when) if (
                    self._by_creation
                ):
                    start, stop = self.people.created_range(op, when)
                    low, high = max(low, start), min(high, stop)
                case Compare(("id",), "eq", str() as value):
                    found = self.find(value)
                    if found is None:
                        return range(0)
                    low, high = max(low, found), min(high, found + 1)
                case _:
                    rest.append(part)
        if not rest:
            return range(low, max(low, high))
        test = matcher(And(tuple(rest)))
        return array("L", (i for i in range(low, high) if test(self.row(i))))

    def render(
        self, numbers: Sequence[int], select: tuple[str, ...] | None, expand: str, nested: tuple[str, ...] | None
    ) -> bytes:
        """Return rows as JSON text, with one relationship expanded where asked."""
        names = [n for n in (select or self._shape) if n in self._shape and n != "id"]
        template = "{" + ",".join(self._shape[n] for n in ["id", *names])
        people = self.people
        values: Callable[[int], Values] = people.values
        if not names:
            values = self._only_id
        extra = self._extra(select, expand, nested)
        if extra is None:
            return ",".join([template % values(i) + "}" for i in numbers]).encode()
        return ",".join([template % (v := values(i)) + extra(i, v["id"]) + "}" for i in numbers]).encode()

    def _only_id(self, number: int) -> Values:
        return {"id": self.people.id_of(number)}

    def _extra(
        self, select: tuple[str, ...] | None, expand: str, nested: tuple[str, ...] | None
    ) -> Callable[[int, str], str] | None:
        people = self.people
        activity = not self._registration and select is not None and "signInActivity" in select
        objects = self._objects(expand, nested) if expand else []

        def extra(number: int, row_id: str) -> str:
            text = ""
            if activity and (seen := people.seen(number)):
                text = "," + _ACTIVITY % {"seen": seen, "id": row_id}
            if expand == "sponsors":
                text += ',"sponsors":[' + ",".join([objects[i] for i in people.sponsors_of(number)]) + "]"
            elif expand in ("memberOf", "transitiveMemberOf"):
                held = [objects[i] for i in people.groups_of(number)[:EXPAND_CAP]]
                text += f',"{expand}":[' + ",".join(held) + "]"
            elif expand:
                text += f',"{expand}":[]'
            return text

        return extra if activity or expand else None

    def _object_texts(self, expand: str, nested: tuple[str, ...] | None) -> list[str]:
        """Return the objects a relationship can hold, rendered under its own $select."""
        kind, rows = ("user", self.people.staff) if expand == "sponsors" else ("group", self.people.groups)
        hidden = {"owners", "members"}
        texts = []
        for row in rows:
            shown = {k: v for k, v in row.items() if k not in hidden and (nested is None or k in nested or k == "id")}
            texts.append(orjson.dumps({"@odata.type": f"#microsoft.graph.{kind}", **shown}).decode())
        return texts
