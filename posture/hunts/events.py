"""The one normal form behind every kind of log: who did what to whom, and who signed in where.

Text is as logged, "" where the log says nothing. `place` tells where the row
came from: a fact's name or a file's, and the row's number.

Sources: https://learn.microsoft.com/graph/api/resources/directoryaudit
https://learn.microsoft.com/graph/api/resources/signin?view=graph-rest-beta
"""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Actor:
    """Who started an activity. `kind` is user, app or "" where the log names nobody.

    `name` is a user principal name or an application's name, `id` the object
    id of the user or service principal, `app_id` the application's.
    """

    kind: str = ""
    id: str = ""
    name: str = ""
    display_name: str = ""
    ip: str = ""
    user_type: str = ""
    home_tenant: str = ""
    app_id: str = ""

    @property
    def key(self) -> str:
        """What tells one actor from another, in one letter case: the id, else the name."""
        return (self.id or self.app_id or self.name or self.display_name).casefold()

    @property
    def label(self) -> str:
        """What to call them: the name, else the id."""
        return self.name or self.display_name or self.id or self.app_id


@dataclass(frozen=True, slots=True)
class Change:
    """One modified property with its values as logged: text that usually holds JSON; None for null."""

    name: str
    old: str | None
    new: str | None


@dataclass(frozen=True, slots=True)
class Target:
    """One object an activity touched."""

    id: str = ""
    type: str = ""
    display_name: str = ""
    user_principal_name: str = ""
    changes: tuple[Change, ...] = ()


@dataclass(frozen=True, slots=True)
class AuditEvent:
    """One row of the directory audit log. `at` is None where the row tells no time."""

    id: str
    at: datetime | None
    activity: str
    category: str
    result: str
    reason: str
    actor: Actor
    targets: tuple[Target, ...]
    details: tuple[tuple[str, str], ...]
    place: str

    @property
    def succeeded(self) -> bool:
        """Whether the log calls it a success."""
        return self.result.casefold() == "success"

    def detail(self, key: str) -> str:
        """Return an additional detail by its key, whatever its letter case; "" where there is none."""
        wanted = key.casefold()
        return next((value for name, value in self.details if name.casefold() == wanted), "")

    @property
    def ip(self) -> str:
        """Where it came from: the actor's address, else the one among the details."""
        return self.actor.ip or self.detail("ipaddr")


@dataclass(frozen=True, slots=True)
class SignInEvent:
    """One sign-in. `error` is 0 for success and None where the row does not tell.

    `log_tenant` is the tenant whose log it is; "" where the row does not say.
    `interactive` is None where the row does not tell.
    """

    id: str
    at: datetime | None
    user_id: str
    user_name: str
    user_display_name: str
    user_type: str
    app_id: str
    app_name: str
    resource_id: str
    resource_name: str
    home_tenant: str
    resource_tenant: str
    log_tenant: str
    cross_tenant: str
    error: int | None
    reason: str
    ip: str
    city: str
    state: str
    country: str
    latitude: float | None
    longitude: float | None
    interactive: bool | None
    trust: str
    risk: str
    place: str

    @property
    def key(self) -> str:
        """What tells one person from another, in one letter case: the id, else the name."""
        return (self.user_id or self.user_name).casefold()

    @property
    def succeeded(self) -> bool:
        """Whether a token was given."""
        return self.error == 0


Event = AuditEvent | SignInEvent
