"""Whether a 404 among many small questions says that one thing is not there, or that nobody knows the question."""

from pathlib import Path

import pytest

from posture.emulator.faults import Fault
from posture.snapshot.types import GapReason
from tests.collect.world import run

BY_DOMAIN = "v1.0/tenantRelationships/findTenantInformationByDomainName*"
BY_ID = "v1.0/tenantRelationships/findTenantInformationByTenantId*"


@pytest.mark.parametrize(
    ("name", "path", "fault", "reason"),
    [
        ("guest_domain_tenants", BY_DOMAIN, {"code": "Request_ResourceNotFound"}, None),
        ("guest_domain_tenants", BY_DOMAIN, {"variant": "html"}, GapReason.NOT_FOUND),
        ("guest_domain_tenants", BY_DOMAIN, {"variant": "empty"}, GapReason.NOT_FOUND),
        (
            "guest_domain_tenants",
            BY_DOMAIN,
            {"code": "BadRequest", "message": "Resource not found for the segment 'x'."},
            GapReason.NOT_FOUND,
        ),
        ("partner_tenants", BY_ID, {"code": "Request_ResourceNotFound"}, GapReason.NOT_FOUND),
    ],
)
def test_all_of_them_missing(
    tmp_path: Path, name: str, path: str, fault: dict[str, str], reason: GapReason | None
) -> None:
    told = run("contoso", tmp_path, {name}, [Fault("status", path=path, status=404, **fault)])
    gap = told.gap(name)
    assert (gap.reason if gap else None) is reason
    if gap is None:
        assert told.value(name) == []


def test_one_partner_that_is_gone_costs_nothing_but_a_note(tmp_path: Path) -> None:
    calm = run("contoso", tmp_path / "calm", {"partner_tenants"})
    gone = Fault("not-found", path=BY_ID, on=(1,))
    told = run("contoso", tmp_path / "gone", {"partner_tenants"}, [gone])
    assert len(told.value("partner_tenants")) == len(calm.value("partner_tenants")) - 1 > 0
    assert told.snapshot is not None
    assert any(" were not found" in note for note in told.snapshot.facts["partner_tenants"].provenance.notes)
