"""Synchronization of partners, where the list of partners is silent about it."""

import math
from dataclasses import replace
from pathlib import Path

import pytest

from posture.assess.evaluate import evaluate
from posture.assess.types import Finding
from posture.controls.registry import Outcome, catalogue
from posture.emulator.faults import Fault
from posture.emulator.tenant import load_tenant
from posture.settings import Settings, Thresholds
from posture.snapshot.types import GapReason
from tests.collect.world import PAGE_SIZE, Told, run, tenant

WANTED = {"organization", "cross_tenant_partners", "partner_synchronization"}
PATH = "v1.0/policies/crossTenantAccessPolicy/partners/*/identitySynchronization"
ELSEWHERE = Settings(thresholds=Thresholds(own_tenant_ids=("0000dead-0000-4000-8000-000000000001",)))


def _judged(told: Told) -> Finding:
    assert told.snapshot is not None
    controls = tuple(c for c in catalogue() if c.code == "GUEST-XTA-005")
    (finding,) = evaluate(told.snapshot, ELSEWHERE, controls=controls).findings
    return finding


def test_partners_are_asked_once_where_the_list_is_silent(tmp_path: Path) -> None:
    silent = tenant("contoso")
    told = run(silent, tmp_path / "silent", WANTED)
    shown = run(replace(silent, quirks=replace(silent.quirks, ignore_partner_expand=False)), tmp_path / "shown", WANTED)
    assert told.snapshot is not None
    partners = told.snapshot.facts["cross_tenant_partners"].value
    pages = math.ceil(len(partners) / PAGE_SIZE)
    assert told.requests["sent"] == shown.requests["sent"] + math.ceil(len(partners) / 20) == 1 + pages + 1
    assert [list(row) for row in told.snapshot.facts["partner_synchronization"].value] == [
        ["tenantId", "identitySynchronization"]
    ]
    asked, listed = _judged(told), _judged(shown)
    assert asked.outcome is listed.outcome is Outcome.FAIL
    assert asked.affected == listed.affected
    again = run(load_tenant(tmp_path / "silent"), tmp_path / "again", WANTED)
    assert _judged(again).affected == asked.affected, "a recorded tenant answers as it did"


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (Fault("forbidden", path=PATH, variant="access"), GapReason.PERMISSION),
        (Fault("status", path=PATH, status=404, variant="html"), GapReason.NOT_FOUND),
        (Fault("status", path=PATH, status=204, variant="empty"), GapReason.ANSWER),
        (Fault("wrong-type", path=PATH, variant="list"), GapReason.ANSWER),
    ],
)
def test_no_other_answer_means_that_there_is_none(tmp_path: Path, fault: Fault, reason: GapReason) -> None:
    sample = "contoso" if fault.kind == "wrong-type" else "hardened"  # a partner with an answer to spoil
    told = run(sample, tmp_path / "evidence", WANTED, [fault])
    gap = told.gap("partner_synchronization")
    assert gap is not None
    assert gap.reason is reason
    assert _judged(told).outcome is (Outcome.FAIL if sample == "contoso" else Outcome.NOT_ASSESSED)
    again = run(load_tenant(tmp_path / "evidence"), tmp_path / "again", WANTED)
    assert again.gap("partner_synchronization") is not None
    assert "cross_tenant_partners" in again.snapshot.facts if again.snapshot else False
