"""Members of privileged groups are read as far as the sources that name the groups were; the rest is never empty."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from posture.assess.evaluate import evaluate
from posture.controls.registry import Outcome, catalogue
from posture.emulator.faults import Fault
from posture.emulator.tenant import find_sample, load_tenant
from posture.settings import Settings
from posture.snapshot.types import GapReason, Snapshot
from tests.collect.matrix import whole
from tests.collect.world import known_gatherers, run

CONDITIONAL_ACCESS = "v1.0/identity/conditionalAccess/policies"
ASSIGNMENTS = "v1.0/roleManagement/directory/roleAssignments"
MEMBERS = "privileged_group_members"


def _read(root: Path, sample: str, *faults: Fault) -> Snapshot:
    told = run(sample, root, known_gatherers(), faults)
    assert told.snapshot is not None
    return told.snapshot


def _ids(snapshot: Snapshot) -> set[str]:
    return {row["id"] for row in snapshot.facts[MEMBERS].value}


def _notes(snapshot: Snapshot) -> str:
    return " ".join(snapshot.facts[MEMBERS].provenance.notes)


@pytest.mark.parametrize("sample", ["contoso", "hardened"])
def test_without_conditional_access_the_role_groups_are_still_read(tmp_path: Path, sample: str) -> None:
    found = _read(tmp_path, sample, Fault("forbidden", path=CONDITIONAL_ACCESS, variant="access"))
    assert found.gaps["conditional_access_policies"].reason is GapReason.PERMISSION
    assert MEMBERS in found.facts
    assert _ids(found) <= _ids(whole(sample))
    roles = {g["id"] for g in found.facts["groups"].value if g.get("isAssignableToRole") is True}
    assert roles <= _ids(found)
    assert "excluded from Conditional Access are left out: conditional_access_policies was not read" in _notes(found)
    assert _notes(whole(sample)) == ""


@pytest.mark.parametrize(
    ("path", "source"), [(CONDITIONAL_ACCESS, "conditional_access_policies"), (ASSIGNMENTS, "role_assignments")]
)
@pytest.mark.parametrize("sample", ["contoso", "hardened"])
def test_less_read_never_looks_better(tmp_path: Path, sample: str, path: str, source: str) -> None:
    found = _read(tmp_path, sample, Fault("forbidden", path=path, variant="access"))
    assert source in found.gaps
    before = {f.control.code: f.outcome for f in evaluate(whole(sample), Settings(), hunts=False).findings}
    after = {f.control.code: f.outcome for f in evaluate(found, Settings(), hunts=False).findings}
    seen = {Outcome.FAIL: 0, Outcome.PARTIAL: 1, Outcome.PASS: 2, Outcome.NOT_APPLICABLE: 2}
    for code, outcome in after.items():
        assert outcome is not Outcome.ERROR, code
        if outcome in seen and before[code] in seen:
            assert seen[outcome] <= seen[before[code]], code


def test_a_group_left_out_is_unknown_to_the_controls_over_exclusions(tmp_path: Path) -> None:
    """The policies are there and their excluded groups have no row, as if they could not be read."""
    full = whole("contoso")
    less = _read(tmp_path, "contoso", Fault("forbidden", path=CONDITIONAL_ACCESS, variant="access"))
    mixed = replace(full, facts={**full.facts, MEMBERS: less.facts[MEMBERS]})
    controls = tuple(c for c in catalogue() if MEMBERS in (*c.needs, *c.optional))
    before = {f.control.code: f.outcome for f in evaluate(full, Settings(), controls=controls).findings}
    after = {f.control.code: f.outcome for f in evaluate(mixed, Settings(), controls=controls).findings}
    assert not [c for c in after if after[c] is Outcome.PASS and before[c] is not Outcome.PASS]


@pytest.mark.parametrize(
    ("fault", "outcome"),
    [
        ((), Outcome.PASS),
        # Somebody else's 404 proves nothing.
        ((Fault("status", path="v1.0/groups/*/transitiveMembers", status=404, variant="html"),), Outcome.NOT_ASSESSED),
    ],
)
def test_an_excluded_group_that_is_gone_leaves_out_nobody(
    tmp_path: Path, fault: tuple[Fault, ...], outcome: Outcome
) -> None:
    shutil.copytree(find_sample("hardened"), tmp_path / "tenant")
    file = tmp_path / "tenant" / f"{CONDITIONAL_ACCESS}.ndjson"
    policies = [json.loads(line) for line in file.read_text().splitlines()]
    gone = "0000dead-0000-4000-8000-000000000001"
    for policy in policies:
        policy["conditions"]["users"]["excludeGroups"].append(gone)
    file.write_text("".join(json.dumps(p) + "\n" for p in policies))
    told = run(load_tenant(tmp_path / "tenant"), tmp_path / "evidence", known_gatherers(), fault)
    assert told.snapshot is not None
    assert fault or any(gone in s.body for s in told.sent), "it is asked about"
    controls = tuple(c for c in catalogue() if c.code == "GUEST-AUT-001")
    (finding,) = evaluate(told.snapshot, Settings(), controls=controls).findings
    assert finding.outcome is outcome, finding.summary


def test_without_the_groups_themselves_it_is_a_gap(tmp_path: Path) -> None:
    found = _read(tmp_path, "hardened", Fault("forbidden", path="v1.0/groups", variant="directory"))
    gap = found.gaps[MEMBERS]
    assert gap.reason is GapReason.PERMISSION
    assert "needs groups" in gap.detail


def test_the_members_of_a_group_that_is_eligible_for_another_are_read(tmp_path: Path) -> None:
    """Group A may join the role-assignable group B, and its members, guests too, activate for themselves."""
    folder = tmp_path / "sample"
    shutil.copytree(find_sample("contoso"), folder)
    groups = [json.loads(line) for line in (folder / "v1.0/groups.ndjson").read_text().splitlines()]
    privileged = next(g["id"] for g in groups if g["isAssignableToRole"] is True)
    before = _ids(whole("contoso"))
    guests = {row["id"] for row in whole("contoso").facts["guests"].value}
    joins = next(g["id"] for g in groups if g["id"] not in before and guests & set(g["members"]))
    row = {"id": "e", "accessId": "member", "groupId": privileged, "principalId": joins, "endDateTime": None}
    path = folder / "v1.0/identityGovernance/privilegedAccess/group/eligibilityScheduleInstances.ndjson"
    path.write_text(json.dumps(row) + "\n")
    told = run(load_tenant(folder), tmp_path / "run", known_gatherers())
    assert told.snapshot is not None
    assert _ids(told.snapshot) == before | {joins}
    control = tuple(c for c in catalogue() if c.code == "GUEST-PRV-002")
    (found,) = evaluate(told.snapshot, Settings(), controls=control, hunts=False).findings
    assert found.outcome is Outcome.FAIL
    assert any("through another group" in who["why"] for who in found.affected.sample)
