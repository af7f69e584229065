"""The edition without people: a report that can be shown to others than those who may see the guest list.

Applied to the assessment before any format sees it, so that none can forget.
What tells one person from another goes: affected objects, rows of leads,
owners and attesters, mail addresses and object ids in sentences and values.
Counts, settings, domains and request ids stay.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from posture.assess.types import Acceptance, AffectedObjects, Assessment, Finding
from posture.controls.guest_permissions import TABLE
from posture.settings import AcceptedRisk, Attestation, Settings

if TYPE_CHECKING:
    from posture.hunts.results import HuntResult

WITHHELD = "(withheld)"
_MAIL = re.compile(r"[^\s<>\"',;()]+@[^\s<>\"',;()]+")
_DOMAIN = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)+", re.IGNORECASE)
_ID = re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b", re.IGNORECASE)


_NAMING = {"displayName", "userPrincipalName", "mail", "otherMails", "givenName", "surname", "identities"}


def without_people(assessment: Assessment) -> Assessment:
    """Return the assessment with nothing in it that names or singles out a person."""
    settings = assessment.settings
    hide = _Words({a.who for a in settings.attestations} | {r.owner for r in settings.accepted})
    return replace(
        assessment,
        settings=_settings(settings, hide),
        findings=tuple(_finding(f, hide) for f in assessment.findings),
        leads=tuple(replace(lead, summary=hide(lead.summary), rows=(), kql="") for lead in assessment.leads),
        hunts=_hunts(assessment),
        gaps=tuple((replace(gap, detail=hide(gap.detail)), codes) for gap, codes in assessment.gaps),
        stale_acceptances=tuple((_risk(risk, hide), because) for risk, because in assessment.stale_acceptances),
        attestations=tuple((_attestation(told, hide), because) for told, because in assessment.attestations),
    )


def _hunts(assessment: Assessment) -> "HuntResult | None":
    """Keep windows and counts; places and who invited whom are about people."""
    found = assessment.hunts
    return replace(found, leads=(), places=(), inviters=None, bad_rows=()) if found else None


class _Words:
    """Take mail addresses, object ids and the names of owners and attesters out of a sentence."""

    def __init__(self, names: set[str]) -> None:
        known = sorted((n for n in names if n.strip()), key=lambda n: (-len(n), n))
        self._names = re.compile("|".join(map(re.escape, known))) if known else None

    def __call__(self, sentence: str) -> str:
        named = self._names.sub(WITHHELD, sentence) if self._names else sentence
        return _ID.sub(WITHHELD, _MAIL.sub(WITHHELD, named))


def _finding(finding: Finding, hide: _Words) -> Finding:
    return replace(
        finding,
        summary=hide(finding.summary),
        notes=tuple(map(hide, finding.notes)),
        observed=tuple(o if o.property == TABLE else replace(o, value=_value(o.value)) for o in finding.observed),
        affected=AffectedObjects(finding.affected.count, accepted=finding.affected.accepted),
        accepted=_acceptance(finding.accepted, hide) if finding.accepted else None,
        gap=replace(finding.gap, detail=hide(finding.gap.detail)) if finding.gap else None,
    )


def _value(value: Any) -> Any:
    """Keep a setting's own value; of lists and objects only what cannot be a person."""
    if isinstance(value, str):
        return _MAIL.sub(WITHHELD, value)
    if isinstance(value, Mapping):
        return {key: WITHHELD if key in _NAMING else _value(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        if all(isinstance(x, str) and _DOMAIN.fullmatch(x) for x in value):
            return list(value)
        return f"{len(value)} {'entry' if len(value) == 1 else 'entries'}, withheld"
    return value


def _settings(settings: Settings, hide: _Words) -> Settings:
    return replace(
        settings,
        thresholds=replace(
            settings.thresholds,
            excepted_guest_ids=(),
            break_glass_ids=(),
            approved_inviter_ids=(),
            approved_guest_admins=(),
            approved_guest_ids=(),
            approved_change_actors=(),
            approved_reset_actors=(),
        ),
        accepted=tuple(_risk(r, hide) for r in settings.accepted),
        attestations=tuple(_attestation(a, hide) for a in settings.attestations),
    )


def _attestation(told: Attestation, hide: _Words) -> Attestation:
    return replace(told, who=WITHHELD, evidence=hide(told.evidence))


def _acceptance(taken: Acceptance, hide: _Words) -> Acceptance:
    return replace(taken, risk=_risk(taken.risk, hide), also=tuple(_risk(r, hide) for r in taken.also))


def _risk(risk: AcceptedRisk, hide: _Words) -> AcceptedRisk:
    # That it names guests stays: a risk that names nobody covers the whole finding.
    return replace(risk, owner=WITHHELD, reason=hide(risk.reason), guests=(WITHHELD,) * len(risk.guests))
