"""Accepted risks and attestations: applied by exact id or value, shown, counted, ending by date.

They never remove a finding and never change its outcome but for a `manual`
control, which takes the attested outcome, marked so.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from posture.assess.types import Acceptance, Finding, Observed
from posture.controls.registry import Outcome
from posture.errors import SettingsError
from posture.settings import AcceptedRisk, Attestation, Severity, same_id
from posture.snapshot.domains import plain_domain

_OPEN = {Outcome.FAIL, Outcome.PARTIAL}
_ATTESTED = ("pass", "partial", "fail", "not-applicable")


class Acceptances:
    """The accepted risks that hold at the run's own clock; the end day is included, in UTC."""

    def __init__(self, risks: Iterable[AcceptedRisk], taken_at: datetime) -> None:
        self._today = taken_at.astimezone(UTC).date()
        self._all = tuple(risks)
        self._live = [r for r in self._all if r.approved <= self._today <= r.until]
        self._covered: Counter[int] = Counter()
        self._used: set[int] = set()

    def matcher(self, code: str, observed: Iterable[Observed] = ()) -> Callable[[str, str | None], bool] | None:
        """Return a test whether one object of a control is covered; None where nothing could be.

        A risk that names a value covers objects only while it is among those
        `observed`.
        """
        seen = tuple(observed)
        scoped = [r for r in self._live if r.control == code and _scoped(r) and _holds(r, seen)]
        if not scoped:
            return None
        by_id: dict[str, list[AcceptedRisk]] = {}
        by_domain: dict[str, list[AcceptedRisk]] = {}
        for risk in scoped:
            for guest in risk.guests:
                by_id.setdefault(guest.casefold(), []).append(risk)
            for domain in risk.domains:
                by_domain.setdefault(plain_domain(domain), []).append(risk)

        def covered(object_id: str, domain: str | None) -> bool:
            found = {id(r) for r in by_id.get(object_id.casefold(), ())}
            found |= {id(r) for r in by_domain.get(plain_domain(domain), ())} if domain and by_domain else set()
            self._covered.update(list(found))
            return bool(found)

        return covered

    def apply(self, finding: Finding) -> Finding:
        """Return the finding with the acceptance that holds for it, if any.

        One for the whole control goes before those for single objects; of
        these the one that covers most is named first. Single objects are all
        of a finding only where it is about nothing but objects: a setting
        stays open whoever is accepted.
        """
        if finding.outcome not in _OPEN:
            return finding
        ours = [r for r in self._live if r.control == finding.control.code]
        whole = [r for r in ours if not _scoped(r) and _holds(r, finding.observed)]
        single = [r for r in ours if _scoped(r) and self._covered[id(r)]]
        self._used.update(id(r) for r in (*whole, *single))
        count, accepted = finding.affected.count, finding.affected.accepted
        single.sort(key=lambda r: -self._covered[id(r)])
        each = (*(count for _ in whole), *(self._covered[id(r)] for r in single))
        if whole:
            taken = Acceptance(whole[0], "all", count, tuple(whole[1:] + single), each)
        elif single and accepted:
            covers = "all" if accepted == count and finding.control.kind == "inventory" else "some"
            taken = Acceptance(single[0], covers, accepted, tuple(single[1:]), each)
        else:
            return finding
        return replace(finding, accepted=taken)

    def attest(self, finding: Finding, attestations: Iterable[Attestation]) -> Finding:
        """Give a manual finding the outcome a person attested last, while the attestation holds.

        Raises SettingsError where what was attested is no outcome a person can give.
        """
        if finding.outcome is not Outcome.MANUAL:
            return finding
        ours = [a for a in attestations if same_id(a.control, finding.control.code)]
        told = self._last(ours)
        if told is None:
            over = max((a for a in ours if a.until < self._today), key=lambda a: a.until, default=None)
            words = (f"The attestation by {over.who} ended on {over.until}.",) if over else ()
            return replace(finding, notes=(*finding.notes, *words))
        if told.value not in _ATTESTED:
            raise SettingsError(
                f"the attestation for {told.control} says {told.value!r}; it takes {', '.join(_ATTESTED)}"
            )
        outcome = Outcome(told.value)
        severity = {Outcome.FAIL: finding.control.fail, Outcome.PARTIAL: finding.control.partial}.get(
            outcome, Severity.INFO
        )
        summary = f"Attested as {outcome.value} by {told.who} on {told.when}, until {told.until}."
        proof = (f"Evidence named by {told.who}: {told.evidence}",) if told.evidence else ()
        return replace(
            finding,
            outcome=outcome,
            severity=severity,
            summary=summary,
            notes=(*finding.notes, *proof),
            attested=True,
        )

    def _last(self, attestations: Iterable[Attestation]) -> Attestation | None:
        """Return the one given last of those that hold."""
        live = (a for a in attestations if a.when <= self._today <= a.until)
        return max(live, key=lambda a: a.when, default=None)

    def told(
        self, attestations: Iterable[Attestation], findings: Iterable[Finding]
    ) -> tuple[tuple[Attestation, str], ...]:
        """Return every attestation with the reason why it does nothing, "" where it counts."""
        given = tuple(attestations)
        attested = {f.control.code for f in findings if f.attested}
        found = []
        for told in given:
            last = self._last(a for a in given if same_id(a.control, told.control))
            if told.until < self._today:
                why = f"ended on {told.until}"
            elif told.when > self._today:
                why = f"starts on {told.when}"
            elif not any(same_id(told.control, code) for code in attested):
                why = "posture judged this control by what it read"
            else:
                why = "" if told is last else "another one for this control was given later"
            found.append((told, why))
        return tuple(sorted(found, key=lambda t: (t[0].control, t[0].when)))

    def unused(self, findings: Iterable[Finding]) -> tuple[tuple[AcceptedRisk, str], ...]:
        """Return the accepted risks that do nothing, each with the reason.

        One that was planned to be closed by its end, and whose finding is still open, is overdue.
        """
        open_codes = {f.control.code for f in findings if f.outcome in _OPEN}
        told = []
        for risk in self._all:
            if risk.until < self._today:
                overdue = risk.kind == "planned" and risk.control in open_codes
                told.append((risk, f"planned for {risk.until} and overdue" if overdue else f"ended on {risk.until}"))
            elif risk.approved > self._today:
                told.append((risk, f"starts on {risk.approved}"))
            elif not self._covered[id(risk)] and id(risk) not in self._used:
                told.append(
                    (risk, "matches nothing" if risk.control in open_codes else "its control has no open finding")
                )
        return tuple(told)


def _scoped(risk: AcceptedRisk) -> bool:
    return bool(risk.domains or risk.guests)


def _holds(risk: AcceptedRisk, observed: Iterable[Observed]) -> bool:
    """Whether the value a risk names, if any, is among those observed.

    A table of values holds while every property it names, by its whole path or
    the end of it, has that value: where a control looks at several settings,
    another one that opens is a change.
    """
    wanted, seen = risk.value, tuple(observed)
    if wanted is None or any(_same(o.value, wanted) for o in seen):
        return True
    if not isinstance(wanted, Mapping) or not wanted:
        return False
    found = [
        ([o.value for o in seen if f".{o.property}".endswith(f".{name}")], value) for name, value in wanted.items()
    ]
    return all(values and all(_same(v, value) for v in values) for values, value in found)


def _same(seen: Any, wanted: Any) -> bool:
    """Whether two values are the same; true is not 1 here."""
    return bool(seen == wanted) and isinstance(seen, bool) == isinstance(wanted, bool)
