"""How impact is told: short sentences with numbers, names where they may be shown, and what is missing."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache

from posture.plan.evidence import Evidence
from posture.plan.impact.census import Domain, Held
from posture.plan.impact.logs import AuditLog, People, SignIns
from posture.snapshot.types import Gap, GapReason

Tell = Callable[["Telling"], Iterator[str]]
_registry: dict[str, Tell] = {}


def impact(*codes: str) -> Callable[[Tell], Tell]:
    """Register a function as the impact of controls."""

    def register(tell: Tell) -> Tell:
        for code in codes:
            if code in _registry:
                raise TypeError(f"{code}: its impact is told already")
            _registry[code] = tell
        return tell

    return register


@cache
def tellers() -> Mapping[str, Tell]:
    """Return what tells the impact of each control."""
    import importlib

    for area in ("entering", "access", "staying"):
        importlib.import_module(f"posture.plan.impact.{area}")
    return dict(sorted(_registry.items()))


class Telling:
    """The evidence, the control, and whether people may be named."""

    def __init__(self, ev: Evidence, code: str, people: bool) -> None:
        self.ev, self.code, self.people = ev, code, people

    def missing(self, what: str, *facts: str) -> Iterator[str]:
        """Say what cannot be told for want of a fact, and what unlocks it; nothing where all were read."""
        gap = self.ev.gap(*facts)
        if gap is not None:
            source = gap.name.replace("_", " ")
            yield f"{what} is not known: the source {source} was not read ({gap.reason.value}). {gap.unlock}"

    @property
    def eligible(self) -> tuple[str, ...]:
        """The source of roles people may take on; none where the tenant has no licence and so no such roles."""
        gap = self.ev.gap("role_eligibilities")
        return () if gap is not None and gap.reason is GapReason.LICENCE else ("role_eligibilities",)

    def names(self, people: Iterable[tuple[str, int]], total: int) -> str:
        """Return ": Anna (12), Ben (3) and 4 more", or "" where nobody may be named."""
        shown = [f"{name} ({count:,})" for name, count in people]
        if not self.people or not shown:
            return ""
        return f": {', '.join(shown)}" + (f" and {total - len(shown):,} more" if total > len(shown) else "")

    def who(self, people: People, limit: int = 4, *, guests: bool | None = None) -> str:
        """Return the names of those who did most, after a colon."""
        found = people.most(limit, guests=guests)
        return self.names(((name, count) for _, name, count in found), people.number(guests=guests))

    def groups(self, counts: Mapping[str, int], limit: int = 4) -> str:
        """Return groups by the number of guests concerned, after a colon."""
        most = sorted(counts.items(), key=lambda g: (-g[1], g[0]))[:limit]
        shown = [f"{self.ev.groups.get(group, group)} ({count:,})" for group, count in most]
        return f": {', '.join(shown)}" + (f" and {len(counts) - limit:,} more" if len(counts) > limit else "")

    @property
    def tells_use(self) -> bool:
        """Whether it is known who signed in lately; where it is not, no number of active guests is shown."""
        return "guest_sign_in_activity" in self.ev.snapshot.facts

    def domain(self, name: str, counts: Domain) -> str:
        """Return a domain with its numbers."""
        return f"{name or 'no domain'} ({self.sums([(name, counts)])})"

    def sums(self, domains: Iterable[tuple[str, Domain]]) -> str:
        """Return the numbers of some domains together."""
        found = [c for _, c in domains]
        told = [count(sum(c.guests for c in found), "guest")]
        told += [f"{sum(c.active for c in found):,} active"] if self.tells_use else []
        pending = sum(c.pending for c in found)
        return ", ".join([*told, *([f"{pending:,} pending"] if pending else [])])

    @property
    def held(self) -> Held | None:
        """The guests the control concerns, with what they hold; None where the walk did not count them."""
        return self.ev.census.held.get(self.code)

    @property
    def audits(self) -> AuditLog | Gap:
        """The audit log in counts."""
        return self.ev.audits

    @property
    def sign_ins(self) -> SignIns | Gap:
        """The sign-in log in counts."""
        return self.ev.sign_ins


def count(number: int, one: str, many: str = "") -> str:
    """Return "1 guest" or "2,300 guests"."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"
