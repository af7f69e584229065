"""Who may ask what: cloud, recorded gaps, permission, licence and pace, in this order."""

from collections.abc import Callable

from posture.emulator import answers
from posture.emulator.data import Dataset
from posture.emulator.endpoints import LISTINGS, Listing, Single
from posture.emulator.gaps import not_licensed, recorded_gaps, refusal_of
from posture.emulator.limits import Limits, bucket_of
from posture.emulator.odata import clauses
from posture.emulator.permissions import Granted, refusal
from posture.emulator.query import Query
from posture.emulator.route import Target

_TELLS_COST = ("identity", "sign-in-activity")
"""Buckets whose answers name their resource units."""


class UnusableAnswer(Exception):  # noqa: N818 - an answer, not an error
    """A recorded answer that was no JSON."""

    def __init__(self, body: bytes) -> None:
        super().__init__()
        self.body = body


class Admission:
    """The doors of one tenant."""

    def __init__(self, data: Dataset, granted: Granted, monotonic: Callable[[], float]) -> None:
        self._data, self._tenant, self._granted, self._monotonic = data, data.tenant, granted, monotonic
        self._gaps = recorded_gaps(data.tenant.manifest)
        self._limits: Limits | None = None

    def admit(self, target: Target, query: Query) -> None:
        """Raise the refusal a call meets before any data is looked at."""
        spec = target.listing or target.single
        if spec is None:
            raise answers.no_segment(target.path)
        self._exists(target, spec)
        self._recorded(target, query, spec)
        self._permitted(target, query, spec)
        self._licensed(query, spec)
        names = _filtered(query)
        if self._tenant.quirks.refuse_date_filters and target.path == "users" and names > {"createdDateTime"}:
            raise answers.bad_clause("createdDateTime", "User")

    def short_of(self, path: str) -> int:
        """Return how many rows the service counted that evidence does not hold."""
        return int(any(g.reason == "incomplete-list" and g.path == path.lower() for g in self._gaps))

    def throttle(self, target: Target, query: Query) -> dict[str, str]:
        """Count a call where limits are on, and return the headers that tell its cost."""
        bucket = bucket_of(target.path, sign_in_activity="signInActivity" in query.names)
        cost, share = _cost(target, query), 0.0
        if self._tenant.quirks.limits:
            if self._limits is None:
                self._limits = Limits(self._monotonic, len(self._data.rows("v1.0", LISTINGS["users"])))
            share = self._limits.take(bucket, cost)
        headers = {"x-ms-resource-unit": str(cost)} if bucket in _TELLS_COST else {}
        return headers | ({"x-ms-throttle-limit-percentage": f"{share:.1f}"} if headers and share > 0.8 else {})

    def _exists(self, target: Target, spec: Listing | Single) -> None:
        quirks = self._tenant.quirks
        gone = target.path == "legacy/policies" and quirks.legacy_policies == "gone"
        if gone or self._tenant.cloud in spec.absent_in:
            raise answers.no_segment(target.path.rpartition("/")[2], quirks.segment_status)

    def _recorded(self, target: Target, query: Query, spec: Listing | Single) -> None:
        if not self._gaps:
            return
        asked = set(query.names)
        asked |= {target.nav.name, f"/{target.nav.name}"} if target.nav else set()
        asked |= {"$count"} if target.counting else set()
        if query.where is not None and any(op == "endswith" for _, op in clauses(query.where)):
            asked |= {"externalMembers"}
        for gap in self._gaps:
            if gap.strikes(target.version, target.path, frozenset(asked)):
                answer = refusal_of(gap, spec.family, "premium" if "signInActivity" in asked else spec.licence)
                if isinstance(answer, bytes):
                    raise UnusableAnswer(answer)
                if answer is not None:
                    raise answer

    def _permitted(self, target: Target, query: Query, spec: Listing | Single) -> None:
        if target.path == "policies/b2bManagementPolicies" and (
            self._tenant.quirks.b2b_management_policies == "refused"
        ):
            raise answers.directory_denied()
        doors = [(target.nav.family, target.nav.need)] if target.nav else [(spec.family, spec.need)]
        if "signInActivity" in query.names:
            doors.append(("audit", "AuditLog.Read.All"))
        for expand in query.expand:
            nav = spec.navs.get(expand.name.lower()) if isinstance(spec, Listing) else None
            doors += [(nav.family, nav.need)] if nav is not None else []
        for family, need in doors:
            if not self._granted.allows(need):
                raise refusal(family, need)

    def _licensed(self, query: Query, spec: Listing | Single) -> None:
        tenant = self._tenant
        if tenant.manifest is not None:
            return
        held = {
            "premium": tenant.premium,
            "pim": tenant.governed,
            "governance": tenant.governed,
            "lifecycle": "Governance" in tenant.licences,
            "conditional-access": tenant.premium or tenant.quirks.conditional_access_unlicensed == "empty",
        }
        if not held.get(spec.licence, True):
            raise not_licensed(spec.licence)
        asked = query.names | _filtered(query)
        if not tenant.premium and any(name.startswith("signInActivity") for name in asked):
            raise answers.not_premium()


def _filtered(query: Query) -> set[str]:
    return {name for name, _ in clauses(query.where)} if query.where is not None else set()


def _cost(target: Target, query: Query) -> int:
    """Return the resource units of a request. https://learn.microsoft.com/graph/throttling-limits."""
    base = target.nav.cost if target.nav else target.listing.cost if target.listing else 1
    base -= bool(query.select)
    base += bool(query.expand)
    base -= query.top is not None and query.top < 20
    return max(1, base)
