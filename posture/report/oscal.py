"""oscal.json: OSCAL assessment results, for governance tools.

Each control is an observation with its evidence; those that hold or fail are
findings besides, and each that fails a risk. What could not be assessed stays
an observation: OSCAL knows only satisfied and not-satisfied, and it is
neither. Identifiers are made from tenant, time and control, so the same run
gives the same bytes.
Source: https://pages.nist.gov/OSCAL-Reference/models/latest/assessment-results/json-reference/
"""

import uuid
from typing import Any, BinaryIO

from posture import CATALOGUE_VERSION, __version__
from posture.assess.types import Assessment, Finding, Observed
from posture.controls.registry import Outcome
from posture.report import words
from posture.report.json_v1 import dump, manifest_sha256
from posture.report.text import json_text, markdown_code, markdown_prose, markdown_words
from posture.report.view import RunView
from posture.snapshot.store import stamp

OSCAL_VERSION = "1.2.1"
_SPACE = uuid.UUID("d0f6b0a4-3c53-5f0e-8f5b-2b1a4c5f9e21")
_NAMES = "urn:posture:oscal"
_STATES = {
    Outcome.PASS: ("satisfied", "pass"),
    Outcome.PARTIAL: ("not-satisfied", "other"),
    Outcome.FAIL: ("not-satisfied", "fail"),
}
_VALUE = 300


class _Ids:
    """Identifiers of one run, the same for the same run."""

    def __init__(self, assessment: Assessment) -> None:
        self._run = f"{assessment.tenant.id}\n{stamp(assessment.taken_at)}"

    def of(self, kind: str, name: str = "") -> str:
        return str(uuid.uuid5(_SPACE, f"{self._run}\n{kind}\n{name}"))


def render(run: RunView, out: BinaryIO) -> None:
    """Write the assessment results."""
    assessment = run.assessment
    ids = _Ids(assessment)
    when = stamp(assessment.taken_at)
    title = f"Guest access of {_name(assessment)}"
    result: dict[str, Any] = {
        "uuid": ids.of("result"),
        "title": title,
        "description": markdown_words(f"{words.verdict(assessment)} {words.lead(assessment)}"),
        "start": when,
        "end": when,
        "props": _score(assessment),
        "reviewed-controls": {
            "control-selections": [
                {"include-controls": [{"control-id": f.control.code.lower()} for f in assessment.findings]}
            ]
        },
        "observations": [_observation(f, ids, when) for f in assessment.findings],
        "findings": [_finding(f, ids) for f in assessment.findings if f.outcome in _STATES],
    }
    risks = [
        _risk(f, assessment, ids) for f in assessment.findings if _STATES.get(f.outcome, ("",))[0] == "not-satisfied"
    ]
    if risks:
        result["risks"] = risks
    if not result["findings"]:
        del result["findings"]
    document = {
        "assessment-results": {
            "uuid": ids.of("document"),
            "metadata": {
                "title": title,
                "last-modified": when,
                "version": when,
                "oscal-version": OSCAL_VERSION,
                "props": [_prop("tool", f"posture {__version__}"), _prop("catalogue-version", CATALOGUE_VERSION)],
            },
            "import-ap": {"href": f"#{ids.of('plan')}"},
            "results": [result],
            "back-matter": {"resources": _resources(run, ids)},
        }
    }
    out.write(dump(document))


def _name(assessment: Assessment) -> str:
    tenant = assessment.tenant
    return markdown_code(tenant.name or tenant.primary_domain or tenant.id or "an unknown tenant", limit=100)


def _prop(name: str, value: str) -> dict[str, str]:
    return {"name": name, "ns": _NAMES, "value": " ".join(value.split()) or "none"}


def _score(assessment: Assessment) -> list[dict[str, str]]:
    score = assessment.score
    found = [_prop("coverage", str(score.coverage)), _prop("profile", assessment.settings.profile.value)]
    return [*found, *([_prop("score", str(score.value))] if score.value is not None else [])]


def _observation(finding: Finding, ids: _Ids, when: str) -> dict[str, Any]:
    control = finding.control
    evidence = [
        {
            "href": f"evidence/{o.file}" if o.file and " " not in o.file else "evidence/manifest.json",
            "description": _seen(o),
        }
        for o in finding.observed
    ]
    made: dict[str, Any] = {
        "uuid": ids.of("observation", control.code),
        "title": control.title,
        "description": markdown_words(words.sentence(finding.summary)) or control.title,
        "props": [
            _prop("control", control.code),
            _prop("outcome", finding.outcome.value),
            _prop("severity", finding.severity.value),
        ],
        "methods": ["EXAMINE"] if finding.attested or finding.outcome is Outcome.MANUAL else ["TEST"],
        "collected": when,
    }
    if finding.affected.count:
        made["props"].append(_prop("affected", str(finding.affected.count)))
    if evidence:
        made["relevant-evidence"] = evidence
    if finding.gap:
        made["remarks"] = markdown_words(f"{words.REASONS[finding.gap.reason].capitalize()}. {finding.gap.unlock}")
    return made


def _seen(seen: Observed) -> str:
    value = markdown_code(json_text(seen.value), limit=_VALUE)
    where = f"read from {markdown_code(seen.source or 'evidence')}, request {markdown_code(seen.request_id)}"
    return f"{markdown_code(seen.property or 'the whole answer')} is {value}, {where}"


def _finding(finding: Finding, ids: _Ids) -> dict[str, Any]:
    control = finding.control
    state, reason = _STATES[finding.outcome]
    made: dict[str, Any] = {
        "uuid": ids.of("finding", control.code),
        "title": f"{control.code} {control.title}",
        "description": markdown_words(words.sentence(finding.summary)) or control.title,
        "target": {
            "type": "objective-id",
            "target-id": control.code.lower(),
            "status": {"state": state, "reason": reason},
        },
        "related-observations": [{"observation-uuid": ids.of("observation", control.code)}],
    }
    if state == "not-satisfied":
        made["related-risks"] = [{"risk-uuid": ids.of("risk", control.code)}]
    return made


def _risk(finding: Finding, assessment: Assessment, ids: _Ids) -> dict[str, Any]:
    control = finding.control
    made: dict[str, Any] = {
        "uuid": ids.of("risk", control.code),
        "title": control.title,
        "description": markdown_prose(words.sentence(control.why)),
        "statement": markdown_prose(words.sentence(control.attack)),
        "props": [_prop("severity", finding.severity.value)],
        "status": "deviation-approved" if words.covered(finding) else "open",
        "remediations": [
            {
                "uuid": ids.of("remediation", control.code),
                "lifecycle": "recommendation",
                "title": control.title,
                "description": markdown_prose(words.sentence(control.fix)),
                "remarks": markdown_prose(f"What it breaks: {control.breaks}"),
            }
        ],
        "related-observations": [{"observation-uuid": ids.of("observation", control.code)}],
    }
    taken = words.acceptances_of(finding, assessment)
    if taken:
        made["deadline"] = f"{min(t.risk.until for t in taken).isoformat()}T23:59:59Z"
        made["props"] += [_prop("accepted-until", day) for day in sorted({t.risk.until.isoformat() for t in taken})]
        made["statement"] += "".join(f" {markdown_words(words.acceptance(t))}" for t in taken)
    return made


def _resources(run: RunView, ids: _Ids) -> list[dict[str, Any]]:
    plan = {
        "uuid": ids.of("plan"),
        "title": "posture control catalogue",
        "description": (
            f"Version {CATALOGUE_VERSION} of the controls of posture {__version__}, each read through Microsoft Graph. "
            "It stands in the place of an assessment plan."
        ),
    }
    evidence: dict[str, Any] = {
        "uuid": ids.of("evidence"),
        "title": "Evidence folder",
        "description": "The answers of Microsoft Graph as they were sent, with manifest.json listing their hashes.",
        "rlinks": [{"href": "evidence/manifest.json", "media-type": "application/json"}],
    }
    digest = manifest_sha256(run)
    if digest:
        evidence["rlinks"][0]["hashes"] = [{"algorithm": "SHA-256", "value": digest}]
    return [plan, evidence]
