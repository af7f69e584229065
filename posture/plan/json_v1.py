"""plan.json, version 1: the plan for programs."""

from collections.abc import Mapping
from itertools import islice
from typing import Any

from posture.assess.types import Assessment, Finding
from posture.plan.cmdlets import powershell
from posture.plan.scripts import list_name, table_name
from posture.plan.types import Find, Placed, Plan, Remedy, Request, Step
from posture.snapshot.store import stamp

NAME = "plan.json"
PLAN_VERSION = 1
SHOWN = 20
"""Requests of a list that stand in the file itself; the list has all."""


def document(plan: Plan, assessment: Assessment, tool: Mapping[str, Any]) -> dict[str, Any]:
    """Return the plan as JSON. Requests of long lists are shown in part, `count` and `list` tell the rest."""
    tenant = assessment.tenant
    return {
        "plan_version": PLAN_VERSION,
        "tool": dict(tool),
        "tenant": {"id": tenant.id, "name": tenant.name, "domains": list(tenant.domains)},
        "taken_at": stamp(assessment.taken_at),
        "profile": assessment.settings.profile.value,
        "cloud": plan.cloud,
        "graph": plan.root,
        "score": {"value": plan.score[0], "raw": plan.score[1]},
        "score_after": {"value": plan.score_after[0], "raw": plan.score_after[1]},
        "steps": [_step(placed) for placed in plan.steps],
        "findings": [_remedy(remedy) for remedy in plan.remedies],
        "look": [_finding(f) for f in plan.look],
        "not_assessed": [_finding(f) for f in plan.unseen],
        "accepted": [_finding(f) for f in plan.accepted],
    }


def _step(placed: Placed) -> dict[str, Any]:
    step = placed.step
    return {
        "number": placed.number,
        "id": step.id,
        "control": step.control,
        "title": step.title,
        "kind": _kind(step),
        "gain": placed.gain,
        "risk": step.risk.value,
        "decide": placed.chosen or None,
        "blocked": step.blocked or None,
        "wait": step.wait or None,
        "same_as": step.same_as or None,
        "after": [{"step": a.step, "reason": a.reason} for a in step.after],
        "where": step.where,
        "permission": step.permission or None,
        "role": step.role or None,
        "licence": step.licence or None,
        "powershell": powershell(step, SHOWN if step.listed else None),
        "notes": list(step.notes),
        "leaves": step.leaves or None,
        "count": len(step.requests),
        "list": list_name(step) if step.listed and not step.same_as else None,
        "requests": [_request(r) for r in islice(step.requests, SHOWN if step.listed else None)],
    }


def _kind(step: Step) -> str:
    if step.blocked:
        return "blocked"
    return "manual" if step.manual else "requests"


def _request(request: Request) -> dict[str, Any]:
    found: dict[str, Any] = {"method": request.method, "url": request.url, "body": request.body}
    if request.about:
        found["concerns"] = request.about
    if request.find is not None:
        found["found_by"] = _find(request.find)
    if request.undo:
        found["undo"] = [_request(back) for back in request.undo]
    if request.no_undo:
        found["no_undo"] = request.no_undo
    return found


def _find(find: Find) -> dict[str, Any]:
    return {"url": find.url, "where": dict(find.where), "key": find.key}


def _remedy(remedy: Remedy) -> dict[str, Any]:
    finding = remedy.finding
    return {
        **_finding(finding),
        "gain": remedy.gain,
        "breaks": finding.control.breaks,
        "impact": list(remedy.impact),
        "table": table_name(remedy) if remedy.table is not None else None,
        "steps": [s.id for s in remedy.steps],
    }


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "control": finding.control.code,
        "title": finding.control.title,
        "outcome": finding.outcome.value,
        "severity": finding.severity.value,
        "summary": finding.summary,
        **({"unlock": finding.gap.unlock} if finding.gap is not None else {}),
    }
