"""findings.sarif: open findings for code-scanning views, one a control, never one a guest.

SARIF knows results, not good news: what holds is left out, and what could not
be assessed stands among the tool's own notifications, so that nobody takes its
absence for a pass.
Source: https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html
"""

import hashlib
import re
from typing import Any, BinaryIO

from posture import CATALOGUE_VERSION, __version__
from posture.assess.types import Assessment, Finding
from posture.controls.registry import AREAS, Outcome
from posture.report import words
from posture.report.json_v1 import dump
from posture.report.text import marked, shown
from posture.report.view import RunView
from posture.settings import Severity
from posture.snapshot.store import stamp

_LEVELS = {Severity.CRITICAL: "error", Severity.HIGH: "error", Severity.MEDIUM: "warning"}
_SCORES = {Severity.CRITICAL: "9.5", Severity.HIGH: "8.0", Severity.MEDIUM: "5.5", Severity.LOW: "3.0"}
_OPEN = (Outcome.FAIL, Outcome.PARTIAL)
_UNSEEN = (Outcome.NOT_ASSESSED, Outcome.ERROR, Outcome.MANUAL)


def render(run: RunView, out: BinaryIO) -> None:
    """Write the log."""
    assessment = run.assessment
    ranked = words.ranked(assessment.findings)
    shown_findings = [f for f in ranked if f.outcome in _OPEN]
    rules = {f.control.code: place for place, f in enumerate(shown_findings)}
    tenant = assessment.tenant
    log = {
        "$schema": "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json",
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "posture",
                        "version": __version__,
                        "semanticVersion": __version__,
                        "rules": [_rule(f) for f in shown_findings],
                        "properties": {"catalogueVersion": CATALOGUE_VERSION},
                    }
                },
                "automationDetails": {"id": f"posture/{marked(tenant.id or 'unknown', 64)}/"},
                "columnKind": "unicodeCodePoints",
                "invocations": [
                    {
                        "executionSuccessful": assessment.counts["error"] == 0,
                        "startTimeUtc": stamp(assessment.taken_at),
                        "endTimeUtc": stamp(assessment.taken_at),
                        "toolExecutionNotifications": [_notice(f) for f in ranked if f.outcome in _UNSEEN],
                    }
                ],
                "results": [_result(f, assessment, rules[f.control.code]) for f in shown_findings],
            }
        ],
    }
    out.write(dump(log))


def _plain(text: str) -> str:
    """Return a tenant's words as message text, in which brackets would otherwise make links (SARIF 3.11.6)."""
    return re.sub(r"([\\\[\]])", r"\\\1", shown(text)) or "(empty)"


def _rule(finding: Finding) -> dict[str, Any]:
    control = finding.control
    help_text = f"Why: {control.why}\n\nWhat to do: {control.fix}\n\nWhat it breaks: {control.breaks}"
    rule: dict[str, Any] = {
        "id": control.code,
        "name": "".join(word.capitalize() for word in re.findall(r"[A-Za-z0-9]+", control.title)),
        "shortDescription": {"text": control.title},
        "fullDescription": {"text": control.summary or control.title},
        "help": {"text": help_text, "markdown": help_text},
        "defaultConfiguration": {"level": _LEVELS.get(control.fail, "note")},
        "properties": {
            "tags": ["security", AREAS[control.area]],
            "security-severity": _SCORES.get(control.fail, "1.0"),
            "frameworks": {name: list(items) for name, items in sorted(control.frameworks.items())},
        },
    }
    if control.source:
        rule["helpUri"] = control.source[0]
    return rule


def _result(finding: Finding, assessment: Assessment, rule: int) -> dict[str, Any]:
    control = finding.control
    fingerprint = hashlib.sha256(f"{assessment.tenant.id}\n{control.code}".encode("utf-8", "replace")).hexdigest()
    result: dict[str, Any] = {
        "ruleId": control.code,
        "ruleIndex": rule,
        "kind": "fail",
        "level": _LEVELS.get(finding.severity, "note"),
        "message": {"text": _plain(words.sentence(finding.summary))},
        "locations": [_location(finding)],
        "partialFingerprints": {"postureControl/v1": fingerprint},
        "properties": {
            "outcome": finding.outcome.value,
            "severity": finding.severity.value,
            "affected": finding.affected.count,
            "requestIds": sorted({shown(o.request_id) for o in finding.observed if o.request_id}),
        },
    }
    taken = [_plain(words.acceptance(t)) for t in words.acceptances_of(finding, assessment)]
    if taken:
        result["properties"]["acceptedRisks"] = taken
    if words.covered(finding):  # a part of a finding cannot be suppressed: the rest would be, too
        result["suppressions"] = [{"kind": "external", "status": "accepted", "justification": t} for t in taken]
    return result


def _location(finding: Finding) -> dict[str, Any]:
    seen = finding.observed[0] if finding.observed else None
    place = f"evidence/{shown(seen.file)}" if seen and seen.file else "evidence/manifest.json"
    name = f"{seen.source}#{seen.property}" if seen else finding.control.code
    return {
        "physicalLocation": {
            "artifactLocation": {"uri": re.sub(r"[^A-Za-z0-9._~/%-]", _coded, place)},
            "region": {"startLine": 1},
        },
        "logicalLocations": [{"fullyQualifiedName": shown(name), "kind": "member"}],
    }


def _coded(match: re.Match[str]) -> str:
    return "".join(f"%{byte:02X}" for byte in match.group().encode("utf-8", "replace"))


def _notice(finding: Finding) -> dict[str, Any]:
    return {
        "level": "error" if finding.outcome is Outcome.ERROR else "note",
        "descriptor": {"id": finding.control.code},
        "message": {"text": _plain(f"{finding.control.code}: {words.sentence(finding.summary)}")},
    }
