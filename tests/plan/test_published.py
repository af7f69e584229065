"""Every body of every plan against Microsoft's own description: names, types and words of each property."""

import json
import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest

from posture.plan.types import Request
from posture.settings import Profile
from tests.plan.conftest import Base
from tests.plan.test_proof import APPROVED, Case
from tests.shared import shared

_CROSS = "/v1.0/policies/crossTenantAccessPolicy"
TYPES = {
    "/v1.0/policies/authorizationPolicy": "authorizationPolicy",
    "/v1.0/policies/authenticationFlowsPolicy": "authenticationFlowsPolicy",
    "/v1.0/policies/adminConsentRequestPolicy": "adminConsentRequestPolicy",
    "/v1.0/policies/identitySecurityDefaultsEnforcementPolicy": "identitySecurityDefaultsEnforcementPolicy",
    "/v1.0/policies/authenticationMethodsPolicy/authenticationMethodConfigurations/email": (
        "emailAuthenticationMethodConfiguration"
    ),
    f"{_CROSS}/default": "crossTenantAccessPolicyConfigurationDefault",
    f"{_CROSS}/partners": "crossTenantAccessPolicyConfigurationPartner",
    f"{_CROSS}/partners/{{}}": "crossTenantAccessPolicyConfigurationPartner",
    f"{_CROSS}/partners/{{}}/identitySynchronization": "crossTenantIdentitySyncPolicyPartner",
    "/beta/policies/b2bManagementPolicies": "b2bManagementPolicy",
    "/beta/policies/b2bManagementPolicies/{}": "b2bManagementPolicy",
    "/v1.0/identity/conditionalAccess/policies": "conditionalAccessPolicy",
    "/v1.0/identity/conditionalAccess/policies/{}": "conditionalAccessPolicy",
    "/v1.0/roleManagement/directory/roleAssignments": "unifiedRoleAssignment",
    "/v1.0/identityGovernance/accessReviews/definitions": "accessReviewScheduleDefinition",
    "/v1.0/identityGovernance/entitlementManagement/settings": "entitlementManagementSettings",
    "/v1.0/identityGovernance/entitlementManagement/assignmentPolicies/{}": "accessPackageAssignmentPolicy",
    "/v1.0/users/{}": "user",
    "/v1.0/users/{}/appRoleAssignments": "appRoleAssignment",
    "/v1.0/groups/{}": "group",
    "/v1.0/groupSettings": "groupSetting",
    "/v1.0/groupSettings/{}": "groupSetting",
    "/v1.0/servicePrincipals": "servicePrincipal",
    "/v1.0/servicePrincipals/{}": "servicePrincipal",
    "/v1.0/admin/sharepoint/settings": "sharepointSettings",
    "/v1.0/teams/{}": "team",
}
"""The type of the body by address."""
ACTIONS: dict[str, dict[str, Any]] = {
    "/v1.0/users/{}/assignLicense": {
        "addLicenses": {"type": "array", "items": {"$ref": "#/components/schemas/microsoft.graph.assignedLicense"}},
        "removeLicenses": {"type": "array", "items": {"type": "string"}},
    },
}
NOT_DESCRIBED = {
    "/v1.0/roleManagement/directory/roleEligibilityScheduleRequests",
    "/v1.0/identityGovernance/privilegedAccess/group/eligibilityScheduleRequests",
}
"""What the description kept here has no type for."""


@cache
def schemas(version: str) -> dict[str, Any]:
    name = "openapi-slice.v1.json" if version == "v1.0" else "openapi-slice.beta.json"
    found: dict[str, Any] = json.loads(shared("graph", name).read_text("utf-8"))["components"]["schemas"]
    return found


def properties(all_: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    """Return the properties of an object, those of its bases included."""
    if "$ref" in schema:
        return properties(all_, all_[schema["$ref"].rpartition("/")[2]])
    found = dict(schema.get("properties", {}))
    for part in schema.get("allOf", ()):
        found |= properties(all_, part)
    return found


def wrong(all_: dict[str, Any], value: Any, schema: dict[str, Any], place: str) -> Iterator[str]:
    """Yield what of a value the description does not have, by its place."""
    if "$ref" in schema:
        schema = all_[schema["$ref"].rpartition("/")[2]]
    if "anyOf" in schema:
        told = [s for s in schema["anyOf"] if s != {"type": "object", "nullable": True}]
        if value is None and len(told) < len(schema["anyOf"]):
            return
        tries = [list(wrong(all_, value, s, place)) for s in told]
        yield from min(tries, key=len)
        return
    if value is None:
        if not schema.get("nullable"):
            yield f"{place}: null"
        return
    if isinstance(value, dict):
        known = properties(all_, schema)
        kind = value.get("@odata.type")
        if kind is not None:
            derived = all_.get(kind.removeprefix("#"))
            if derived is None:
                yield f"{place}: {kind}"
                return
            known = properties(all_, derived)
        for key, inner in value.items():
            if key.startswith("@odata."):
                continue
            if key not in known:
                yield f"{place}.{key}: not a property"
            else:
                yield from wrong(all_, inner, known[key], f"{place}.{key}")
        return
    if isinstance(value, list):
        if schema.get("type") != "array":
            yield f"{place}: a list"
            return
        for number, inner in enumerate(value):
            yield from wrong(all_, inner, schema["items"], f"{place}[{number}]")
        return
    kinds = {bool: ("boolean",), int: ("integer", "number"), float: ("number",), str: ("string",)}
    if schema.get("type") not in kinds[type(value)]:
        yield f"{place}: {value!r} is not {schema.get('type')}"
    if "enum" in schema and not set(str(value).split(",")) <= set(schema["enum"]):
        yield f"{place}: {value!r} is not one of {schema['enum']}"


def check(request: Request) -> tuple[str, list[str]]:
    path = "/" + request.url.partition("?")[0].split("/", 3)[3]
    place = re.sub(r"/([0-9a-f]{8}-[0-9a-f-]{27}|\{found\})(?=/|$)", "/{}", path)
    if request.body is None or place in NOT_DESCRIBED:
        return place, []
    if place.endswith("/$ref"):
        return place, [] if list(request.body) == ["@odata.id"] else [f"{place}: {request.body}"]
    all_ = schemas(place.split("/")[1])
    if place in ACTIONS:
        return place, list(wrong(all_, dict(request.body), {"properties": ACTIONS[place]}, place))
    schema = {"$ref": f"#/components/schemas/microsoft.graph.{TYPES[place]}"}
    return place, list(wrong(all_, dict(request.body), schema, place))


PLANS = (
    Case("", "contoso"),
    Case("", "contoso", profile=Profile.CIS_M365_V7),
    Case("", "contoso", thresholds={"approved_partner_tenant_ids": APPROVED}),
    Case("", "hostile names"),
    Case("", "halfblind"),
    Case("", "dayone"),
    Case("", "nothing asks for anything"),
    Case("", "no domain list"),
)
"""Plans that between them have every address."""


@pytest.mark.parametrize("case", PLANS, ids=str)
def test_bodies_are_as_microsoft_describes_them(case: Case, base: Base) -> None:
    """All that a plan sends and all that takes it back."""
    schemas("v1.0")
    found: list[str] = []
    for placed in base(case.tenant, case.settings).plan.steps:
        for request in placed.step.requests:
            for one in (request, *request.undo):
                found += check(one)[1]
    assert not found, sorted(set(found))[:10]


def test_every_address_with_a_body_is_looked_at(base: Base) -> None:
    """The table names no address that no plan has: each is met somewhere."""
    schemas("v1.0")
    met = {
        check(one)[0]
        for case in PLANS
        for placed in base(case.tenant, case.settings).plan.steps
        for request in placed.step.requests
        for one in (request, *request.undo)
        if one.body is not None
    }
    assert TYPES.keys() | ACTIONS.keys() | NOT_DESCRIBED == {p for p in met if not p.endswith("/$ref")}


def test_what_is_not_described_is_found() -> None:
    """The look itself sees a wrong name, a wrong type, a wrong word and a wrong kind."""
    for body in (
        {"allowInvitesFromm": "none"},
        {"allowInvitesFrom": "nobody"},
        {"guestUserRoleId": 7},
        {"defaultUserRolePermissions": {"allowedToCreateApps": "no"}},
        {"defaultUserRolePermissions": {"allowedToCreateApp": False}},
        {"allowedToUseSSPR": None},
    ):
        assert check(Request("PATCH", "https://graph.microsoft.com/v1.0/policies/authorizationPolicy", body))[1], body
