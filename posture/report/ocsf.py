"""ocsf.json: findings as OCSF Compliance Findings (class 2003), for a SIEM.

One event a control. Statuses are OCSF's own: Pass, Fail (what holds in part
fails too, its `status_detail` says so), Warning for "no result, something is
missing": not assessed, to be looked at, or failed in posture. What does not
apply is *Other*.
Source: https://schema.ocsf.io/1.5.0/classes/compliance_finding
"""

import uuid
from typing import Any, BinaryIO

from posture import CATALOGUE_VERSION, __version__
from posture.assess.types import Finding
from posture.controls.registry import AREAS, Outcome
from posture.report import words
from posture.report.json_v1 import dump
from posture.report.text import json_text
from posture.report.view import RunView
from posture.settings import Severity

OCSF_VERSION = "1.5.0"
_SPACE = uuid.UUID("6a5bb1d2-5e0e-5a5f-9f2c-0d3a6f2f7c11")
_SEVERITIES = {
    Severity.INFO: (1, "Informational"),
    Severity.LOW: (2, "Low"),
    Severity.MEDIUM: (3, "Medium"),
    Severity.HIGH: (4, "High"),
    Severity.CRITICAL: (5, "Critical"),
}
_STATUSES = {
    Outcome.PASS: (1, "Pass"),
    Outcome.PARTIAL: (3, "Fail"),
    Outcome.FAIL: (3, "Fail"),
    Outcome.NOT_ASSESSED: (2, "Warning"),
    Outcome.ERROR: (2, "Warning"),
    Outcome.MANUAL: (2, "Warning"),
    Outcome.NOT_APPLICABLE: (99, "Other"),
}
_OPEN = (Outcome.FAIL, Outcome.PARTIAL)


def render(run: RunView, out: BinaryIO) -> None:
    """Write the events as one JSON array."""
    out.write(dump([_event(f, run) for f in run.assessment.findings]))


def _event(finding: Finding, run: RunView) -> dict[str, Any]:
    control, tenant = finding.control, run.assessment.tenant
    when = int(run.assessment.taken_at.timestamp() * 1000)
    severity_id, severity = _SEVERITIES[finding.severity]
    suppressed = finding.outcome in _OPEN and words.covered(finding)
    resolved = finding.outcome not in _OPEN
    status_id, status = (3, "Suppressed") if suppressed else (4, "Resolved") if resolved else (1, "New")
    if finding.outcome in (Outcome.NOT_ASSESSED, Outcome.ERROR, Outcome.MANUAL):
        status_id, status = 0, "Unknown"
    event: dict[str, Any] = {
        "activity_id": 1,
        "activity_name": "Create",
        "category_uid": 2,
        "category_name": "Findings",
        "class_uid": 2003,
        "class_name": "Compliance Finding",
        "type_uid": 200301,
        "type_name": "Compliance Finding: Create",
        "time": when,
        "severity_id": severity_id,
        "severity": severity,
        "status_id": status_id,
        "status": status,
        "status_detail": finding.outcome.value,
        "message": words.sentence(finding.summary),
        "metadata": {
            "version": OCSF_VERSION,
            "product": {"name": "posture", "vendor_name": "posture", "version": __version__},
            "log_version": CATALOGUE_VERSION,
            "profiles": ["cloud"],
        },
        "cloud": {
            "provider": "Azure",
            "account": {"uid": tenant.id, "name": tenant.name, "type_id": 17, "type": "M365 Tenant"},
        },
        "finding_info": {
            "uid": str(uuid.uuid5(_SPACE, f"{tenant.id}\n{control.code}")),
            "title": control.title,
            "desc": control.why,
            "types": [AREAS[control.area]],
            "created_time": when,
            "src_url": control.source[0] if control.source else "",
        },
        "compliance": _compliance(finding),
        "resources": [
            {
                "uid": tenant.id,
                "name": tenant.primary_domain or tenant.name,
                "type": "Entra tenant",
                "cloud_partition": str(run.snapshot.manifest.get("cloud", "global")),
            }
        ],
        "remediation": {"desc": control.fix, "references": list(control.source)},
        "unmapped": {"affected": finding.affected.count, "scored": control.scored},
    }
    taken = words.acceptances_of(finding, run.assessment)
    if taken:
        event["comment"] = "\n".join(words.acceptance(t) for t in taken)
    if finding.observed:
        event["evidences"] = [
            {
                "name": o.property,
                "data": {
                    "source": o.source,
                    "property": o.property,
                    "value": json_text(o.value),
                    "request_id": o.request_id,
                    "file": o.file,
                    "sha256": o.sha256,
                },
            }
            for o in finding.observed
        ]
    return event


def _compliance(finding: Finding) -> dict[str, Any]:
    status_id, status = _STATUSES[finding.outcome]
    frameworks = finding.control.frameworks
    return {
        "control": finding.control.code,
        "desc": finding.control.summary,
        "standards": sorted(frameworks) or ["posture"],
        "requirements": [f"{name} {item}" for name in sorted(frameworks) for item in frameworks[name]],
        "status_id": status_id,
        "status": status,
        "status_detail": finding.outcome.value,
    }
