"""assessment.json, version 1: the form other people's programs rely on.

Its types stand here and nowhere else, so inner names stay free to change.
`assessment.schema.json` describes them and is shipped beside the file. The
bytes depend on the evidence, the settings and the versions alone.
"""

import hashlib
from collections.abc import Iterable, Mapping
from datetime import datetime
from importlib import resources
from typing import Any, BinaryIO, TypedDict

from posture import CATALOGUE_VERSION, __version__
from posture.assess.types import Acceptance, Assessment, Finding, Lead, Observed
from posture.controls.registry import Remediation
from posture.hunts.results import HuntResult
from posture.report.view import RunView
from posture.settings import AcceptedRisk, Attestation
from posture.snapshot import folder
from posture.snapshot.store import stamp
from posture.snapshot.types import Gap

SCHEMA_VERSION = 1
SCHEMA_FILE = "assessment.schema.json"


class ObservedV1(TypedDict):
    """A value a finding rests on and where it came from."""

    source: str
    property: str
    value: Any
    retrieved_at: str | None
    request_id: str
    file: str
    sha256: str


class AffectedV1(TypedDict):
    """How many objects a finding concerns; `file` is relative to the run folder, null for none."""

    count: int
    accepted: int
    sample: list[dict[str, Any]]
    file: str | None


class StepV1(TypedDict):
    """One change that closes a finding; posture never sends it."""

    method: str
    url: str
    body: Any
    permission: str
    role: str
    powershell: list[str]
    notes: str


class FindingV1(TypedDict):
    """One control with its outcome and proof."""

    control: str
    title: str
    area: str
    outcome: str
    severity: str
    summary: str
    notes: list[str]
    attested: bool
    observed: list[ObservedV1]
    affected: AffectedV1
    gap: dict[str, Any] | None
    why: str
    recommended: str
    remediation: dict[str, Any]
    blast_radius: str
    authorities: list[dict[str, Any]]
    profiles: dict[str, str]
    frameworks: dict[str, list[str]]
    accepted: dict[str, Any] | None
    scored: bool


class AssessmentV1(TypedDict):
    """The whole file."""

    schema_version: int
    tool: dict[str, str]
    tenant: dict[str, Any]
    taken_at: str
    profile: str
    parameters: dict[str, Any]
    evidence: dict[str, str | None]
    score: dict[str, Any]
    counts: dict[str, int]
    findings: list[FindingV1]
    leads: list[dict[str, Any]]
    hunts: dict[str, Any]
    gaps: list[dict[str, Any]]
    guests: dict[str, Any]
    accepted: dict[str, list[dict[str, Any]]]
    attestations: list[dict[str, Any]]


def render(run: RunView, out: BinaryIO) -> None:
    """Write assessment.json."""
    out.write(dump(document(run)))


def document(run: RunView) -> AssessmentV1:
    """Return the content of assessment.json."""
    assessment = run.assessment
    tenant = assessment.tenant
    return {
        "schema_version": SCHEMA_VERSION,
        "tool": {"name": "posture", "version": __version__, "catalogue_version": CATALOGUE_VERSION},
        "tenant": {
            "id": tenant.id,
            "name": tenant.name,
            "primary_domain": tenant.primary_domain,
            "domains": sorted(tenant.domains),
        },
        "taken_at": stamp(assessment.taken_at),
        "profile": assessment.settings.profile.value,
        "parameters": assessment.settings.thresholds.as_json(),
        "evidence": {"manifest_sha256": manifest_sha256(run)},
        "score": _score(assessment),
        "counts": dict(assessment.counts),
        "findings": [_finding(f, run) for f in assessment.findings],
        "leads": [_lead(x) for x in sorted(assessment.leads, key=lambda x: (x.hunt, x.summary))],
        "hunts": _hunts(assessment.hunts),
        "gaps": [_gap_row(gap, codes) for gap, codes in sorted(assessment.gaps, key=lambda g: g[0].name)],
        "guests": _guests(assessment),
        "accepted": {
            "applied": [row for f in assessment.findings if f.accepted for row in _applied(f, f.accepted)],
            "not_applied": [{**_risk(risk), "because": because} for risk, because in assessment.stale_acceptances],
        },
        "attestations": [_attestation(a, because) for a, because in assessment.attestations],
    }


def _hunts(found: HuntResult | None) -> dict[str, Any]:
    """Return how far the leads are all: no lead where nobody looked is no good news."""
    hunts = found or HuntResult()
    return {
        "signal": hunts.signal,
        "windows": [w.words for w in hunts.windows],
        "not_run": [{"hunt": r.code, "because": r.not_run} for r in hunts.runs if r.not_run],
        "limited": [{"hunt": r.code, "because": limit} for r in hunts.runs for limit in r.limits],
        "unreadable_rows": hunts.bad_row_count,
    }


def manifest_sha256(run: RunView) -> str | None:
    """Return the hash of the evidence's manifest; None where the run has none beside it."""
    try:
        return hashlib.sha256((run.evidence / "manifest.json").read_bytes()).hexdigest()
    except OSError:
        return None


def schema_bytes() -> bytes:
    """Return the JSON Schema of this version."""
    return resources.files("posture.report").joinpath(SCHEMA_FILE).read_bytes()


def _score(assessment: Assessment) -> dict[str, Any]:
    score = assessment.score
    return {
        "value": score.value,
        "raw": score.raw,
        "cap": score.cap,
        "low": score.low,
        "without_accepted": score.without_accepted,
        "coverage": score.coverage,
        "by_area": [{"area": a.area, "value": a.value, "coverage": a.coverage} for a in score.by_area],
        "costs": [{"control": code, "points": points} for code, points in score.costs],
        "by_profile": {profile.value: value for profile, value in score.by_profile},
    }


def _finding(finding: Finding, run: RunView) -> FindingV1:
    control, affected = finding.control, finding.affected
    return {
        "control": control.code,
        "title": control.title,
        "area": control.area,
        "outcome": finding.outcome.value,
        "severity": finding.severity.value,
        "summary": finding.summary,
        "notes": list(finding.notes),
        "attested": finding.attested,
        "observed": sorted(map(_observed, finding.observed), key=lambda o: (o["source"], o["property"])),
        "affected": {
            "count": affected.count,
            "accepted": affected.accepted,
            "sample": [dict(row) for row in affected.sample],
            "file": run.affected_file(finding) or None,
        },
        "gap": _gap(finding.gap) if finding.gap else None,
        "why": control.why,
        "recommended": control.summary,
        "remediation": {"portal": control.fix, "steps": [_step(s) for s in control.remediation]},
        "blast_radius": control.breaks,
        "authorities": [{"name": a.name, "item": a.item, "verdict": a.verdict or None} for a in finding.authorities],
        "profiles": {profile.value: outcome.value for profile, outcome in finding.profiles},
        "frameworks": {name: sorted(control.frameworks[name]) for name in sorted(control.frameworks)},
        "accepted": _acceptance(finding.accepted) if finding.accepted else None,
        "scored": control.scored,
    }


def _observed(seen: Observed) -> ObservedV1:
    return {
        "source": seen.source,
        "property": seen.property,
        "value": seen.value,
        "retrieved_at": _time(seen.retrieved_at),
        "request_id": seen.request_id,
        "file": seen.file,
        "sha256": seen.sha256,
    }


def _step(step: Remediation) -> StepV1:
    return {
        "method": step.method,
        "url": step.url,
        "body": step.body,
        "permission": step.permission,
        "role": step.role,
        "powershell": list(step.powershell),
        "notes": step.notes,
    }


def _lead(lead: Lead) -> dict[str, Any]:
    return {
        "hunt": lead.hunt,
        "severity": lead.severity.value,
        "summary": lead.summary,
        "count": lead.count,
        "rows": [dict(row) for row in lead.rows],
        "why": lead.why,
        "harmless_if": lead.harmless_if,
        "next_question": lead.next_question,
        "attack": sorted(lead.attack),
        "kql": lead.kql,
    }


def _gap(gap: Gap) -> dict[str, Any]:
    return {
        "source": gap.name,
        "reason": gap.reason.value,
        "detail": gap.detail,
        "endpoint": gap.endpoint,
        "permission": gap.permission,
        "licence": gap.licence,
        "request_id": gap.request_id,
        "unlock": gap.unlock,
    }


def _gap_row(gap: Gap, codes: Iterable[str]) -> dict[str, Any]:
    return {**_gap(gap), "controls": sorted(codes)}


def _guests(assessment: Assessment) -> dict[str, Any]:
    numbers = assessment.guests
    return {
        "total": numbers.total,
        "pending": numbers.pending,
        "enabled": numbers.enabled,
        "external_members": numbers.external_members,
        "domains": numbers.domains,
        "by_state": dict(numbers.by_state),
        "by_domain": dict(numbers.by_domain),
        "pending_by_age": dict(numbers.pending_by_age),
        "created_by_year": dict(numbers.created_by_year),
    }


def _acceptance(accepted: Acceptance) -> dict[str, Any]:
    """The first of the accepted risks that hold, and what all of them cover together."""
    also = [{**_risk(risk), "count": count} for risk, count in accepted.risks[1:]]
    return {**_risk(accepted.risk), "covers": accepted.covers, "count": accepted.count, "also": also}


def _applied(finding: Finding, accepted: Acceptance) -> list[dict[str, Any]]:
    """Every accepted risk that holds, with what it covers by itself."""
    whole = finding.affected.count if accepted.covers == "all" else -1
    return [
        {
            **_risk(risk),
            "covers": "all" if not (risk.domains or risk.guests) or count == whole else "some",
            "count": count,
        }
        for risk, count in accepted.risks
    ]


def _risk(risk: AcceptedRisk) -> dict[str, Any]:
    return {
        "control": risk.control,
        "kind": risk.kind,
        "reason": risk.reason,
        "owner": risk.owner,
        "approved": risk.approved.isoformat(),
        "until": risk.until.isoformat(),
        "ticket": risk.ticket,
        "only": {"domains": sorted(risk.domains), "guests": sorted(risk.guests), "value": risk.value},
    }


def _attestation(told: Attestation, because: str) -> dict[str, Any]:
    return {
        "control": told.control,
        "value": told.value,
        "who": told.who,
        "when": told.when.isoformat(),
        "until": told.until.isoformat(),
        "evidence": told.evidence,
        "applied": not because,
        "because": because,
    }


def _time(when: datetime | None) -> str | None:
    return stamp(when) if when else None


def dump(value: Any) -> bytes:
    """Return JSON with sorted keys as bytes that depend on the value alone, whatever a tenant put into it."""
    try:
        return folder.dump(value)
    except TypeError:
        # A lone surrogate (orjson writes none) or a whole number beyond 64 bits; both are Graph's to send.
        return folder.dump(_healed(value))


def _healed(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, int) and not isinstance(value, bool) and not -(2**63) <= value < 2**64:
        return str(value)
    if isinstance(value, Mapping):
        return {_healed(str(k)): _healed(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_healed(v) for v in value]
    return value
