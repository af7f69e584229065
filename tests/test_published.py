"""Input that nobody here wrote: Microsoft's published bodies as a tenant, and its schemas over ours."""

import asyncio
import json
from pathlib import Path
from typing import Any

import httpx
import jsonschema_rs
import pytest

from posture.assess.evaluate import evaluate
from posture.cli.config import Config
from posture.cli.connection import Connection
from posture.cli.target import opened
from posture.collect.registry import gatherers
from posture.collect.run import Plan, collect
from posture.controls.registry import Outcome
from posture.emulator.app import create_app
from posture.emulator.tenant import find_sample, load_tenant
from posture.report import write_reports
from posture.report.view import RunView
from posture.settings import Settings
from tests.shared import shared

BODIES = {
    "accessReviews.definitions.v1.json": "v1.0/identityGovernance/accessReviews/definitions",
    "adminConsentRequestPolicy.v1.json": "v1.0/policies/adminConsentRequestPolicy",
    "authenticationFlowsPolicy.v1.json": "v1.0/policies/authenticationFlowsPolicy",
    "authenticationMethodsPolicy.v1.json": "v1.0/policies/authenticationMethodsPolicy",
    "authorizationPolicy.v1.json": "v1.0/policies/authorizationPolicy",
    "b2bManagementPolicies.beta.json": "beta/policies/b2bManagementPolicies",
    "conditionalAccess.policies.v1.json": "v1.0/identity/conditionalAccess/policies",
    "connectedOrganizations.v1.json": "v1.0/identityGovernance/entitlementManagement/connectedOrganizations",
    "crossTenantAccessPolicy.default.v1.json": "v1.0/policies/crossTenantAccessPolicy/default",
    "crossTenantAccessPolicy.partners.v1.json": "v1.0/policies/crossTenantAccessPolicy/partners",
    "crossTenantAccessPolicy.v1.json": "v1.0/policies/crossTenantAccessPolicy",
    "directory.deletedItems.v1.json": "v1.0/directory/deletedItems/microsoft.graph.user",
    "directoryAudits.v1.json": "v1.0/auditLogs/directoryAudits",
    "domains.v1.json": "v1.0/domains",
    "entitlementManagement.settings.v1.json": "v1.0/identityGovernance/entitlementManagement/settings",
    "externalIdentitiesPolicy.beta.json": "beta/policies/externalIdentitiesPolicy",
    "groupSettings.v1.json": "v1.0/groupSettings",
    "identityProviders.v1.json": "v1.0/identity/identityProviders",
    "identitySecurityDefaultsEnforcementPolicy.v1.json": "v1.0/policies/identitySecurityDefaultsEnforcementPolicy",
    "organization.v1.json": "v1.0/organization",
    "permissionGrantPolicies.v1.json": "v1.0/policies/permissionGrantPolicies",
    "roleAssignments.expand-principal.v1.json": "v1.0/roleManagement/directory/roleAssignments",
    "roleEligibilityScheduleInstances.v1.json": "v1.0/roleManagement/directory/roleEligibilityScheduleInstances",
    "sharepointSettings.v1.json": "v1.0/admin/sharepoint/settings",
    "signIns.v1.json": "v1.0/auditLogs/signIns",
    "subscribedSkus.v1.json": "v1.0/subscribedSkus",
    "userRegistrationDetails.v1.json": "v1.0/reports/authenticationMethods/userRegistrationDetails",
}
"""Published body to the place where Graph would answer it."""


def _lay_out(root: Path) -> Path:
    """Lay the published bodies out as a sample tenant."""
    bodies = shared("graph", "samples")
    root.mkdir()
    (root / "tenant.toml").write_text(
        'name = "published"\ntitle = "published bodies"\nclock = 2026-11-20T08:15:00Z\n'
        'licences = ["P1", "P2", "Governance"]\npermissions = "all"\n'
    )
    for name, stem in BODIES.items():
        body = json.loads((bodies / name).read_text())
        value = body.get("value") if isinstance(body, dict) else None
        if isinstance(value, list):
            _write_list(root / f"{stem}.ndjson", value)
        else:
            _write(root / f"{stem}.json", json.dumps(body))
    users = [u for name in ("users.list.v1.json", "users.b2b-by-upn.v1.json") for u in _rows(bodies / name)]
    users += [u for n in (1, 2) for u in _rows(bodies / "synthesized" / f"users.guests.page{n}.v1.json")]
    _write_list(root / "v1.0/users.ndjson", [{"id": f"no-id-{n}", **u} for n, u in enumerate(users)])
    return root


def _rows(file: Path) -> list[dict[str, Any]]:
    body = json.loads(file.read_text())
    value = body.get("value", body)
    return list(value) if isinstance(value, list) else [value]


def _write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


def _write_list(file: Path, rows: list[dict[str, Any]]) -> None:
    _write(file, "".join(json.dumps(r) + "\n" for r in rows))


async def _audit(tenant: Path, root: Path) -> Any:
    async with opened(Connection(sample=str(tenant)).target(Config())) as session:
        plan = Plan(root / "evidence", session.clock, Settings(), meta=session.meta, journal_root=root)
        return await collect(session.reader, plan)


def test_published_bodies_are_audited_end_to_end(tmp_path):
    tenant = _lay_out(tmp_path / "published")
    run = tmp_path / "run"
    run.mkdir()
    snapshot = asyncio.run(_audit(tenant, run))
    assert {"authorization_policy", "cross_tenant_default", "cross_tenant_partners", "guests"} <= set(snapshot.facts)
    assessment = evaluate(snapshot, Settings(), affected=run / "affected")
    outcomes = {f.control.code: f.outcome for f in assessment.findings}
    assert Outcome.ERROR not in outcomes.values()
    # The printed body lacks guestUserRoleId: unknown, so never fine.
    assert outcomes["GUEST-PER-001"] is Outcome.NOT_ASSESSED
    assert outcomes["GUEST-INV-001"] is Outcome.FAIL
    # The printed default opens B2B collaboration inbound and blocks direct connect; it trusts nobody.
    assert outcomes["GUEST-XTA-002"] is Outcome.PASS
    assert outcomes["GUEST-XTA-003"] is Outcome.PASS
    assert assessment.guests.total == sum(
        r["userType"] == "Guest"
        for n in (1, 2)
        for r in _rows(shared("graph", "samples", "synthesized", f"users.guests.page{n}.v1.json"))
    )
    assert write_reports(RunView(assessment, snapshot, run), run)


# -- our emulator's bodies against Microsoft's schemas ---------------------------------------------------------------


def _draft(schema: Any) -> Any:
    """Return an OpenAPI 3.0 schema as JSON Schema: `nullable` becomes a null alternative."""
    if isinstance(schema, list):
        return [_draft(s) for s in schema]
    if not isinstance(schema, dict):
        return schema
    made = {
        k: _draft(v)
        for k, v in schema.items()
        if k not in {"nullable", "example", "examples", "discriminator", "format"}
    }
    if "enum" in made:
        made["enum"] = [*made["enum"], ""]  # published bodies hold empty text where nothing was chosen
    if "pattern" in made:
        made.pop("pattern")  # patterns of OpenAPI are another dialect; types and enums are what is checked
    return {"anyOf": [made, {"type": "null"}]} if schema.get("nullable") else made


def _validator(version: str, path: str) -> jsonschema_rs.Validator | None:
    name = "openapi-slice.v1.json" if version == "v1.0" else "openapi-slice.beta.json"
    slice_ = _SLICES.setdefault(name, _draft(json.loads(shared("graph", name).read_text())))
    found = slice_["paths"].get(path)
    if found is None:
        return None
    content = found["get"]["responses"].get("200", found["get"]["responses"].get("2XX", {})).get("content", {})
    if "application/json" not in content:
        return None
    schema = {**content["application/json"]["schema"], "components": slice_["components"]}
    return jsonschema_rs.validator_for(json.loads(json.dumps(schema).replace('"#/components/', '"#/components/')))


_SLICES: dict[str, Any] = {}


def _asked() -> list[tuple[str, str]]:
    """Return version and path of every endpoint that a gatherer reads."""
    found = set()
    for g in gatherers().values():
        if g.optional:
            continue
        place = g.endpoint.removeprefix("GET ").partition("?")[0].partition(" ")[0]
        version, _, path = place.lstrip("/").partition("/")
        if "{" not in path and not path.endswith("$count"):
            found.add((version, f"/{path}"))
    return sorted(found)


@pytest.mark.parametrize("sample", ["contoso", "hardened"])
def test_the_emulators_bodies_are_valid_by_published_schemas(sample):
    shared("graph", "openapi-slice.v1.json")
    app = create_app(load_tenant(find_sample(sample)))
    checked, unknown = [], []

    async def ask() -> None:
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            for version, path in _asked():
                validator = _validator(version, path)
                if validator is None:
                    unknown.append(path)
                    continue
                answer = await client.get(f"/{version}{path}", headers={"Authorization": "Bearer emulated"})
                assert answer.status_code == 200, (path, answer.text)
                errors = [f"{e.instance_path}: {e.message}" for e in validator.iter_errors(answer.json())]
                assert not errors, (path, errors[:3])
                checked.append(path)

    asyncio.run(ask())
    assert len(checked) >= 25, (checked, unknown)
