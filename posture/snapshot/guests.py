"""One guest, put together from the lists that tell about guests, in one streamed pass."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from posture.errors import UnknownValueError
from posture.snapshot.types import Rows, Snapshot
from posture.snapshot.values import moment

SIDE_LISTS = (
    "guest_sign_in_activity",
    "guest_sponsors",
    "guest_memberships",
    "guest_owned_objects",
    "guest_app_roles",
    "guest_registration_details",
)
"""Facts that hold one more thing about each guest, joined to `guests` by id."""

DOMAINS_ASKED = 20_000
"""Mail domains of guests whose tenant is asked for at most, the first in alphabetical order."""

_UNREAD: Any = object()


class Guest:
    """One row of `guests` with what other lists say of the same id.

    `row` is Graph's own object. `side` has the object of each side list that
    was read and names this guest; a list that is a gap is simply not in it, so
    a tally that uses one must name it in its `needs`. `enabled` is
    `accountEnabled`, None where it is absent or no boolean; `pending` is invited
    and not redeemed.
    """

    __slots__ = ("_created", "_domain", "_seen", "_since", "_success", "enabled", "id", "pending", "row", "side")

    def __init__(self, row: dict[str, Any], side: Mapping[str, dict[str, Any]]) -> None:
        self.row, self.side = row, side
        row_id = row.get("id")
        self.id: str = row_id if isinstance(row_id, str) else ""
        enabled = row.get("accountEnabled")
        self.enabled: bool | None = enabled if enabled is True or enabled is False else None
        self.pending: bool = row.get("externalUserState") == "PendingAcceptance"
        self._created = self._domain = self._seen = self._since = self._success = _UNREAD

    def __getitem__(self, key: str) -> Any:
        """Return a property of the row, None where absent."""
        return self.row.get(key)

    @property
    def state(self) -> str | None:
        """`externalUserState`: PendingAcceptance, Accepted, another word, or None.

        None is Graph's own answer for guests older than the property and for
        guests that were never invited. Source: https://learn.microsoft.com/graph/api/resources/user
        """
        value = self.row.get("externalUserState")
        return value if isinstance(value, str) else None

    @property
    def created(self) -> datetime | None:
        """When the account was made (UTC); None where Graph does not say."""
        if self._created is _UNREAD:
            self._created = moment(self.row.get("createdDateTime"))
        return self._created  # type: ignore[no-any-return]

    @property
    def state_since(self) -> datetime | None:
        """When the invitation state last changed, else when the account was made."""
        if self._since is _UNREAD:
            self._since = moment(self.row.get("externalUserStateChangeDateTime")) or self.created
        return self._since  # type: ignore[no-any-return]

    @property
    def domain(self) -> str | None:
        """The mail domain, lower case without a trailing dot; None where no address tells one."""
        if self._domain is _UNREAD:
            self._domain = home_domain(self.row)
        return self._domain  # type: ignore[no-any-return]

    @property
    def last_success(self) -> datetime | None:
        """The newest successful sign-in Graph records, interactive or not (UTC); None is "no record".

        Kept since `SUCCESS_RECORDED_FROM` and not filled in for the time before.
        Source: https://learn.microsoft.com/graph/api/resources/signinactivity
        """
        if self._success is _UNREAD:
            row = self.side.get("guest_sign_in_activity")
            activity = row.get("signInActivity") if row else None
            self._success = moment(activity.get("lastSuccessfulSignInDateTime")) if isinstance(activity, dict) else None
        return self._success  # type: ignore[no-any-return]

    @property
    def last_seen(self) -> datetime | None:
        """The newest sign-in Graph records (UTC). None is "no record", never "never".

        Prefers successful and non-interactive sign-ins; the last attempt counts
        only where neither is recorded.
        Source: https://learn.microsoft.com/graph/api/resources/signinactivity
        """
        if self._seen is _UNREAD:
            self._seen = last_seen(self.side.get("guest_sign_in_activity"))
        return self._seen  # type: ignore[no-any-return]


def last_seen(row: Mapping[str, Any] | None) -> datetime | None:
    """Return the newest sign-in of a row that carries `signInActivity`, in UTC.

    None means that Graph holds no such record, which is not "never".

    Source: https://learn.microsoft.com/graph/api/resources/signinactivity
    """
    activity = row.get("signInActivity") if row else None
    if not isinstance(activity, dict):
        return None
    times = [moment(activity.get(k)) for k in ("lastSuccessfulSignInDateTime", "lastNonInteractiveSignInDateTime")]
    known = [t for t in times if t is not None]
    return max(known) if known else moment(activity.get("lastSignInDateTime"))


SUCCESS_RECORDED_FROM = datetime(2023, 12, 1, tzinfo=UTC)
"""Since when Graph records successful sign-ins apart from attempts; older ones were not filled in.

Source: https://learn.microsoft.com/graph/api/resources/signinactivity
"""


def last_attempt(row: Mapping[str, Any] | None) -> datetime | None:
    """Return the newest attempt to sign in, failed ones included, of a row that carries `signInActivity`.

    None means that the row has no record of one. Raises UnknownValueError where
    the row is not there or what it holds is no time.
    """
    if row is None:
        raise UnknownValueError("the list of sign-in activity has no row for this guest")
    activity = row.get("signInActivity")
    if activity is None:
        return None
    if not isinstance(activity, dict):
        raise UnknownValueError("signInActivity is not an object")
    found = []
    for key in ("lastSignInDateTime", "lastNonInteractiveSignInDateTime", "lastSuccessfulSignInDateTime"):
        value = activity.get(key)
        when = moment(value)
        if when is not None:
            found.append(when)
        elif value is not None and not (isinstance(value, str) and value.startswith(_NEVER)):
            raise UnknownValueError(f"{key} is no time")
    return max(found, default=None)


_NEVER = "0001-01-01"


def is_internal(row: Mapping[str, Any]) -> bool | None:
    """Return whether a user signs in with credentials of this very tenant, whatever `userType` says.

    None where the object does not tell.
    Source: https://learn.microsoft.com/entra/external-id/user-properties
    """
    upn = row.get("userPrincipalName")
    if not isinstance(upn, str) or not upn:
        return None
    if "#EXT#" in upn or "#ext#" in upn.casefold():
        return False
    origin = row.get("creationType")
    if (isinstance(origin, str) and origin.casefold() in _EXTERNAL_CREATION) or isinstance(
        row.get("externalUserState"), str
    ):
        return False
    identities = row.get("identities")
    if not isinstance(identities, list) or not identities:
        return None
    here = upn.rpartition("@")[2].casefold()
    sure = True
    for identity in identities:
        issuer = identity.get("issuer") if isinstance(identity, Mapping) else None
        if not isinstance(issuer, str):
            sure = False
        elif identity.get("signInType") == "federated":
            if issuer.casefold() in _EXTERNAL_ISSUERS or "://" in issuer:
                return False
            sure = sure and (issuer.casefold() == here or issuer.casefold().endswith(".onmicrosoft.com"))
    return True if sure else None


def vouched_by(row: Mapping[str, Any]) -> str:
    """Return who checks a user's sign-in, as `identities` tell it.

    "entra" for another Entra tenant alone, "other" for an emailed code, Google,
    Facebook, a Microsoft account or a federation, "here" for this tenant, ""
    where they do not tell.

    Source: https://learn.microsoft.com/entra/external-id/user-properties
    """
    identities = row.get("identities")
    found = _voucher(
        tuple(
            [
                issuer
                for identity in (identities if isinstance(identities, list) else ())
                if isinstance(identity, dict) and isinstance(issuer := identity.get("issuer"), str)
            ]
        )
    )
    return found or ("here" if is_internal(row) else "")


@lru_cache(maxsize=1024)  # guests share issuers
def _voucher(issuers: tuple[str, ...]) -> str:
    """Return "other" or "entra" as `vouched_by` says; "" where the issuers name neither."""
    known = [i.casefold() for i in issuers]
    if any("://" in i or i in _EXTERNAL_ISSUERS - {"externalazuread"} for i in known):
        return "other"
    return "entra" if "externalazuread" in known else ""


def home_domain(row: Mapping[str, Any]) -> str | None:
    """Return the domain a guest's address lies in, by rule, or None.

    Taken from `mail`, else the part of `userPrincipalName` before `#EXT#`, whose
    last `_` stood for `@`, else the first of `otherMails`, which people may set
    for themselves, else the address a federated identity is known by.
    Source: https://learn.microsoft.com/entra/external-id/user-properties
    """
    found = domain_of(row.get("mail"))
    if found:
        return found
    upn = row.get("userPrincipalName")
    if isinstance(upn, str):
        head, mark, _ = upn.partition("#EXT#")
        if mark and "#EXT#" not in upn[len(head) + 5 :] and "_" in head:
            found = _domain(head.rpartition("_")[2])
            if found:
                return found
    others = row.get("otherMails")
    if isinstance(others, list) and others and (found := domain_of(others[0])):
        return found
    identities = row.get("identities")
    for identity in identities if isinstance(identities, list) else ():
        if isinstance(identity, Mapping) and identity.get("signInType") == "federated":
            found = domain_of(identity.get("issuerAssignedId"))
            if found:
                return found
    return None


_EXTERNAL_CREATION = {"invitation", "selfservicesignup"}
_EXTERNAL_ISSUERS = {"externalazuread", "microsoftaccount", "mail", "google.com", "facebook.com"}


def is_external(row: Mapping[str, Any]) -> bool | None:
    """Return whether a user object stands for somebody from outside; None where it does not tell.

    Outside are guests (`userType` Guest) and external members: `#EXT#` in the
    user principal name, an invitation or self-service sign-up as origin, an
    invitation state, or an identity that another provider vouches for. Inside
    is only who says both Member and a name without that mark: Graph shortens
    what the caller may not read to an id, and a shortened object is unknown.
    A former member converted to B2B keeps their name, so where `identities`
    was not read such a person counts as inside.

    Source: https://learn.microsoft.com/entra/external-id/user-properties
    """
    kind, upn = row.get("userType"), row.get("userPrincipalName")
    if isinstance(kind, str) and kind.casefold() == "guest":
        return True
    if isinstance(upn, str) and "#ext#" in upn.casefold():
        return True
    origin, state = row.get("creationType"), row.get("externalUserState")
    if (isinstance(origin, str) and origin.casefold() in _EXTERNAL_CREATION) or isinstance(state, str):
        return True
    identities = row.get("identities")
    for identity in identities if isinstance(identities, list) else ():
        issuer = identity.get("issuer") if isinstance(identity, Mapping) else None
        if isinstance(issuer, str) and issuer.casefold() in _EXTERNAL_ISSUERS:
            return True
    known = isinstance(kind, str) and kind.casefold() == "member" and isinstance(upn, str) and bool(upn)
    return False if known else None


def domain_of(address: Any) -> str | None:
    """Return the domain of a mail address; None where it is not one address."""
    if not isinstance(address, str) or len(address) > 320 or address.count("@") != 1:
        return None
    local, _, domain = address.partition("@")
    return _domain(domain) if local else None


@lru_cache(maxsize=4096)  # guests share domains: the common ones are worked out once
def _domain(text: str) -> str | None:
    domain = text.strip().rstrip(".").lower()
    if not domain or "." not in domain or domain.startswith(".") or ".." in domain:
        return None
    return None if any(c.isspace() or c in "\"'<>()[],;:\\/" for c in domain) else domain


def guests(snapshot: Snapshot, lists: Sequence[str] = SIDE_LISTS) -> Iterator[Guest]:
    """Yield every guest once, sorted by id, joined with those of the side `lists` that were read.

    The caller makes sure that `guests` is a fact.
    """
    base: Rows = snapshot.facts["guests"].value
    sides = [_Side(name, snapshot.facts[name].value) for name in lists if name in snapshot.facts]
    for row in base:
        row_id = row.get("id")
        side: dict[str, dict[str, Any]] = {}
        if isinstance(row_id, str) and row_id:
            for cursor in sides:
                while cursor.id < row_id:
                    cursor.step()
                if cursor.id == row_id:
                    side[cursor.name] = cursor.row
        yield Guest(row, side)


class _Side:
    """A cursor in a list sorted by id."""

    __slots__ = ("_next", "id", "name", "row")

    def __init__(self, name: str, rows: Rows) -> None:
        self.name = name
        self._next = iter(rows).__next__
        self.row: dict[str, Any] = {}
        self.id = ""
        self.step()

    def step(self) -> None:
        """Go to the next row."""
        try:
            self.row = self._next()
        except StopIteration:
            self.id = _PAST_ALL
            return
        row_id = self.row.get("id")
        self.id = row_id if isinstance(row_id, str) else ""


class _PastAll(str):
    """The id after the last: equal to none and before none, whatever ids a list holds."""

    __slots__ = ()

    def __lt__(self, other: object) -> bool:
        return False

    def __eq__(self, other: object) -> bool:
        return False

    __hash__ = str.__hash__


_PAST_ALL = _PastAll()
