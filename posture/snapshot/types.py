"""Facts, gaps and the snapshot that holds them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol


class GapReason(StrEnum):
    """Why a fact asked for was not had."""

    PERMISSION = "permission"
    LICENCE = "licence"
    SIGN_IN = "sign-in"
    THROTTLED = "throttled"
    NOT_FOUND = "not-found"
    CLOUD = "not-available-in-this-cloud"
    QUERY = "query-refused"
    ANSWER = "unusable-answer"
    INCOMPLETE = "incomplete-list"
    NETWORK = "network"
    SERVER = "server"
    DECLINED = "declined"
    UNKNOWN_VALUE = "unknown-value"
    NOT_COLLECTED = "not-collected"
    NOT_ASKED = "not-asked"
    MANUAL = "manual"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where a fact came from.

    `endpoint` is version and path, `url` the first address as sent, `file` the
    evidence file relative to its folder, `retrieved_at` when the last byte
    arrived (UTC), `request_ids` the service's ids, one an answer, in order.
    `count_before`/`count_after` are the service's own counts; None where Graph
    offers none. `notes` says what was odd and did not matter.
    """

    endpoint: str
    url: str
    permission: str
    retrieved_at: datetime
    request_ids: tuple[str, ...]
    file: str
    sha256: str = ""
    rows: int | None = None
    pages: int = 1
    count_before: int | None = None
    count_after: int | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Fact:
    """A value, whole and as sent: a JSON object for a single answer, `Rows` for a list."""

    name: str
    value: Any
    provenance: Provenance


@dataclass(frozen=True, slots=True)
class Gap:
    """A fact asked for and not had. Half a list is a gap; its rows stay in the evidence."""

    name: str
    reason: GapReason
    detail: str
    endpoint: str = ""
    permission: str = ""
    licence: str = ""
    request_id: str = ""
    file: str = ""

    @property
    def unlock(self) -> str:
        """One plain sentence: what would make this fact readable."""
        match self.reason:
            case GapReason.PERMISSION:
                return f"Grant {self.permission or 'the permission'} and consent to it, then run again."
            case GapReason.LICENCE:
                return f"Needs {self.licence or 'a licence'} in the tenant."
            case GapReason.NOT_COLLECTED:
                return "This version does not read this source yet."
            case GapReason.NOT_ASKED:
                return f"Run again with --include {self.name}."
            case GapReason.DECLINED:
                return "Run again without declining this source."
            case GapReason.CLOUD:
                return "Microsoft does not offer this in this cloud; check it in the portal."
            case GapReason.UNKNOWN_VALUE:
                return "Look at the value in the portal; a newer posture may know it."
            case GapReason.NETWORK:
                return "Check the network and the proxy, then run again."
            case GapReason.SIGN_IN:
                return "Sign in again, then run again."
            case GapReason.MANUAL:
                return "Attest it in posture.toml after looking at the place named."
            case GapReason.THROTTLED:
                return "Run again at a quieter hour; Graph asks for longer pauses than posture waits."
            case GapReason.SERVER:
                return "Run again later; the service failed for longer than posture tries."
            case GapReason.INCOMPLETE:
                return "Run again while fewer objects are made and deleted."
            case GapReason.ANSWER:
                return "Run again; if it stays, something between posture and Graph may change the answers."
            case GapReason.NOT_FOUND:
                return "Look in the portal whether the tenant has it; if so, run again."
            case GapReason.QUERY:
                return "Run again; if it stays, a newer posture may ask what Graph takes now."
            case GapReason.ERROR:
                return "Report it: the mistake is posture's."


class Rows(Protocol):
    """A list on disk, sorted by id, read again each time it is iterated."""

    def __iter__(self) -> Iterator[dict[str, Any]]: ...

    def __len__(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Tenant:
    """Whom the evidence is about. `id` is "" where not even the organization could be read."""

    id: str
    name: str = ""
    domains: tuple[str, ...] = ()
    primary_domain: str = ""


@dataclass(frozen=True)
class Snapshot:
    """Every source asked for is in exactly one of `facts` and `gaps`."""

    tenant: Tenant
    taken_at: datetime
    facts: Mapping[str, Fact]
    gaps: Mapping[str, Gap]
    manifest: Mapping[str, Any] = field(default_factory=dict)
