"""Accepted risks and attestations: applied by exact id or value, shown, counted, ending by date.

They never remove a finding and never change its outcome but for a `manual`
control, which takes the attested outcome, marked so.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime

from posture.assess.types import Acceptance, Finding
from posture.controls.registry import Outcome
from posture.settings import AcceptedRisk, Attestation, Severity, same_id

_OPEN = {Outcome.FAIL, Outcome.PARTIAL}


class Acceptances:
    """The accepted risks that hold at the run's own clock; the end day is included, in UTC."""

    def __init__(self, risks: Iterable[AcceptedRisk], taken_at: datetime) -> None:
        self._today = taken_at.astimezone(UTC).date()
        self._all = tuple(risks)
        self._live = [r for r in self._all if r.approved <= self._today <= r.until]
        self._used: set[int] = set()

    def matcher(self, code: str) -> Callable[[str, str | None], bool] | None:
        """Return a test whether one object of a control is covered; None where nothing could be."""
        scoped = [r for r in self._live if r.control == code and (r.domains or r.guests)]
        if not scoped:
            return None
        ids = {g.casefold(): r for r in scoped for g in r.guests}
        domains = {d.casefold(): r for r in scoped for d in r.domains}

        def covered(object_id: str, domain: str | None) -> bool:
            risk = ids.get(object_id.casefold()) or (domains.get(domain.casefold()) if domain else None)
            if risk is not None:
                self._used.add(id(risk))
            return risk is not None

        return covered

    def apply(self, finding: Finding) -> Finding:
        """Return the finding with the acceptance that holds for it, if any."""
        if finding.outcome not in _OPEN:
            return finding
        for risk in self._live:
            if risk.control != finding.control.code:
                continue
            if risk.domains or risk.guests:
                if finding.affected.accepted:
                    whole = finding.affected.accepted == finding.affected.count
                    return replace(
                        finding, accepted=Acceptance(risk, "all" if whole else "some", finding.affected.accepted)
                    )
                continue
            if risk.value is not None and not any(o.value == risk.value for o in finding.observed):
                continue
            self._used.add(id(risk))
            return replace(finding, accepted=Acceptance(risk, "all", finding.affected.count))
        return finding

    def attest(self, finding: Finding, attestations: Iterable[Attestation]) -> Finding:
        """Give a manual finding the outcome a person attested, while the attestation holds."""
        if finding.outcome is not Outcome.MANUAL:
            return finding
        for told in attestations:
            if same_id(told.control, finding.control.code) and told.when <= self._today <= told.until:
                outcome = Outcome(told.value)
                severity = {Outcome.FAIL: finding.control.fail, Outcome.PARTIAL: finding.control.partial}.get(
                    outcome, Severity.INFO
                )
                words = f"Attested as {outcome.value} by {told.who} on {told.when}, until {told.until}."
                return replace(finding, outcome=outcome, severity=severity, summary=words, attested=True)
        return finding

    def unused(self, findings: Iterable[Finding]) -> tuple[tuple[AcceptedRisk, str], ...]:
        """Return the accepted risks that do nothing, each with the reason."""
        open_codes = {f.control.code for f in findings if f.outcome in _OPEN}
        told = []
        for risk in self._all:
            if risk.until < self._today:
                told.append((risk, f"ended on {risk.until}"))
            elif risk.approved > self._today:
                told.append((risk, f"starts on {risk.approved}"))
            elif id(risk) not in self._used:
                told.append(
                    (risk, "matches nothing" if risk.control in open_codes else "its control has no open finding")
                )
        return tuple(told)
