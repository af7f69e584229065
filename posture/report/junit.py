"""junit.xml: findings as test cases, for pipelines that know nothing else.

A fail or partial finding is a failure; what could not be assessed, needs a
look or does not apply is skipped with the reason, never passed.
"""

from typing import BinaryIO
from xml.etree import ElementTree as Xml

from posture.assess.types import Assessment, Finding
from posture.controls.registry import AREAS, Outcome
from posture.report import words
from posture.report.dates import plural
from posture.report.text import marked, shown
from posture.report.view import RunView


def render(run: RunView, out: BinaryIO) -> None:
    """Write the suites, one an area."""
    assessment = run.assessment
    name = assessment.tenant.name or assessment.tenant.primary_domain or assessment.tenant.id
    root = Xml.Element("testsuites", name=f"posture {marked(name, 120)}")
    for area, title in AREAS.items():
        findings = [f for f in assessment.findings if f.control.area == area]
        if findings:
            root.append(_suite(title, findings, assessment))
    for count in ("tests", "failures", "errors", "skipped"):
        root.set(count, str(sum(int(suite.get(count, "0")) for suite in root)))
    Xml.indent(root)
    out.write(b'<?xml version="1.0" encoding="UTF-8"?>\n' + Xml.tostring(root, encoding="utf-8") + b"\n")


def _suite(title: str, findings: list[Finding], assessment: Assessment) -> Xml.Element:
    when = assessment.taken_at.strftime("%Y-%m-%dT%H:%M:%S")
    suite = Xml.Element("testsuite", name=title, timestamp=when, time="0")
    for finding in findings:
        case = Xml.SubElement(
            suite,
            "testcase",
            classname=f"posture.{finding.control.area}",
            name=f"{finding.control.code} {finding.control.title}",
            time="0",
        )
        _result(case, finding, [shown(words.acceptance(t)) for t in words.acceptances_of(finding, assessment)])
    counts = {"failures": "failure", "errors": "error", "skipped": "skipped"}
    suite.set("tests", str(len(findings)))
    for attribute, tag in counts.items():
        suite.set(attribute, str(sum(1 for case in suite if case.find(tag) is not None)))
    return suite


def _result(case: Xml.Element, finding: Finding, taken: list[str]) -> None:
    summary = shown(words.sentence(finding.summary))
    if finding.outcome is Outcome.PASS:
        return
    if finding.outcome is Outcome.ERROR:
        Xml.SubElement(case, "error", message=summary, type="posture")
    elif words.covered(finding):
        Xml.SubElement(case, "skipped", message=" ".join([*taken, summary]))
    elif finding.outcome in (Outcome.FAIL, Outcome.PARTIAL):
        failure = Xml.SubElement(case, "failure", message=summary, type=finding.severity.value)
        failure.text = _details(finding, taken)
    else:
        Xml.SubElement(case, "skipped", message=f"{words.OUTCOMES[finding.outcome]}: {summary}")


def _details(finding: Finding, taken: list[str]) -> str:
    seen = [
        f"{shown(o.source)} {shown(o.property)} (request {shown(o.request_id) or 'none'})"
        for o in finding.observed
        if o.source
    ]
    count = finding.affected.count
    lines = [
        f"{words.OUTCOMES[finding.outcome]}, {finding.severity.value}",
        *([f"Affected: {plural(count, 'object')}"] if count else []),
        *taken,
        *dict.fromkeys(seen),
        f"What to do: {finding.control.fix}",
        f"What it breaks: {finding.control.breaks}",
    ]
    return "\n".join(lines)
