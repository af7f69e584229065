"""What an assessment is made of."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from posture.controls.registry import Control, Outcome
from posture.settings import AcceptedRisk, Attestation, Profile, Settings, Severity
from posture.snapshot.types import Gap, Tenant

if TYPE_CHECKING:
    from posture.hunts.results import HuntResult


@dataclass(frozen=True, slots=True)
class Observed:
    """One value a finding rests on, with where it came from. `value` is JSON."""

    source: str
    property: str
    value: Any
    retrieved_at: datetime | None
    request_id: str
    file: str = ""
    sha256: str = ""


@dataclass(frozen=True, slots=True)
class AffectedObjects:
    """How many objects a finding concerns; `file` holds all of them, "" where there are none."""

    count: int = 0
    sample: tuple[Mapping[str, Any], ...] = ()
    file: str = ""
    accepted: int = 0


@dataclass(frozen=True, slots=True)
class Acceptance:
    """An accepted risk as it applies to a finding. `covers` is "all" or "some", `count` the objects covered.

    `also` are further accepted risks that hold for the same finding, `each` how
    many objects each of them covers, that of `risk` first; two may cover the
    same object.
    """

    risk: AcceptedRisk
    covers: str
    count: int = 0
    also: tuple[AcceptedRisk, ...] = ()
    each: tuple[int, ...] = ()

    @property
    def risks(self) -> tuple[tuple[AcceptedRisk, int], ...]:
        """Every accepted risk that holds, with the objects it covers."""
        return tuple(zip((self.risk, *self.also), self.each or (self.count,), strict=False))


@dataclass(frozen=True, slots=True)
class AuthorityVerdict:
    """Somebody else's item and how it judges the observed value; "" where it does not decide."""

    name: str
    item: str
    verdict: str


@dataclass(frozen=True, slots=True)
class Finding:
    """A control, its outcome and the proof. `gap` says why it is not assessed.

    `profiles` holds the outcome under every profile where the control reads the
    profile and its values were read; it is empty elsewhere.
    """

    control: Control
    outcome: Outcome
    severity: Severity
    summary: str
    observed: tuple[Observed, ...] = ()
    affected: AffectedObjects = field(default_factory=AffectedObjects)
    authorities: tuple[AuthorityVerdict, ...] = ()
    accepted: Acceptance | None = None
    gap: Gap | None = None
    notes: tuple[str, ...] = ()
    attested: bool = False
    profiles: tuple[tuple[Profile, Outcome], ...] = ()


@dataclass(frozen=True, slots=True)
class Lead:
    """A question for a person that the logs raise; never a verdict, never scored."""

    hunt: str
    severity: Severity
    summary: str
    count: int
    rows: tuple[Mapping[str, Any], ...]
    why: str = ""
    harmless_if: str = ""
    next_question: str = ""
    attack: tuple[str, ...] = ()
    kql: str = ""


@dataclass(frozen=True, slots=True)
class AreaScore:
    """One area's share: value 0–100, None under 60 % coverage as for the whole; coverage 0–1."""

    area: str
    value: float | None
    coverage: float


@dataclass(frozen=True, slots=True)
class Score:
    """The score and what it is worth. `value` is None under 60 % coverage.

    `raw` is the weighted mean before caps, `cap` the ceiling a fail sets (None
    for none), `low` what it would be if all that was not assessed had failed,
    `without_accepted` the value if accepted risks were not there.
    `costs` are the controls that cost most: code and points. `by_profile` is
    the value under every profile.
    """

    value: float | None
    raw: float | None
    cap: int | None
    low: float | None
    without_accepted: float | None
    coverage: float
    by_area: tuple[AreaScore, ...]
    costs: tuple[tuple[str, float], ...] = ()
    by_profile: tuple[tuple[Profile, float | None], ...] = ()


@dataclass(frozen=True)
class GuestNumbers:
    """Counts of the guest population. None where the list was not read whole."""

    total: int | None
    pending: int | None
    external_members: int | None
    enabled: int | None = None
    by_state: Mapping[str, int] = field(default_factory=dict)
    by_domain: Mapping[str, int] = field(default_factory=dict)
    domains: int = 0
    pending_by_age: Mapping[str, int] = field(default_factory=dict)
    created_by_year: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Assessment:
    """Findings in code order with everything that went into them.

    `stale_acceptances` are the accepted risks that do nothing, each with the
    reason; `attestations` all that were given, each with the reason why it does
    nothing, "" where it counts. `hunts` is all that hunting gave besides the
    leads (windows, places, who invited whom); None where no log was read.
    """

    tenant: Tenant
    taken_at: datetime
    settings: Settings
    findings: tuple[Finding, ...]
    leads: tuple[Lead, ...]
    gaps: tuple[tuple[Gap, tuple[str, ...]], ...]
    score: Score
    guests: GuestNumbers
    stale_acceptances: tuple[tuple[AcceptedRisk, str], ...] = ()
    attestations: tuple[tuple[Attestation, str], ...] = ()
    hunts: "HuntResult | None" = None

    @property
    def counts(self) -> dict[str, int]:
        """Findings per outcome, every outcome named."""
        found = {o.value: 0 for o in Outcome}
        for finding in self.findings:
            found[finding.outcome.value] += 1
        return found
