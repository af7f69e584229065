"""Writes of tests: the catalogue's own remediations, in memory, with allow_writes alone."""

import re

import pytest

from posture.controls.registry import catalogue
from posture.emulator.app import create_app
from posture.emulator.tenant import find_sample, load_tenant
from tests.emulator.world import EVENTUAL, app_of, ask, every, guest, member, uid

ROLE = "62e90394-69f5-4237-9190-012177145e10"
ELIGIBLE = "roleManagement/directory/roleEligibilityScheduleInstances"
WORLD = {
    "v1.0/users": [guest(1, sponsors=[uid(7)], assignedLicenses=[{"skuId": uid(800)}]), guest(2), member(7)],
    "v1.0/groups": [{"id": uid(101), "displayName": "g", "members": [uid(1), uid(2)], "owners": [uid(1)]}],
    "v1.0/policies/authorizationPolicy": {
        "id": "authorizationPolicy",
        "allowInvitesFrom": "everyone",
        "defaultUserRolePermissions": {"allowedToCreateApps": True, "allowedToReadOtherUsers": True},
    },
    "v1.0/policies/authenticationMethodsPolicy": {
        "id": "p",
        "authenticationMethodConfigurations": [{"id": "Email", "state": "enabled"}, {"id": "Sms"}],
    },
    "v1.0/policies/crossTenantAccessPolicy/partners": [
        {"tenantId": uid(301), "inboundTrust": None, "isServiceProvider": False},
        {"tenantId": uid(302), "isServiceProvider": True},
    ],
    "v1.0/roleManagement/directory/roleAssignments": [
        {"id": "a1", "principalId": uid(1), "roleDefinitionId": ROLE, "directoryScopeId": "/"}
    ],
    f"v1.0/{ELIGIBLE}": [{"id": "e1", "principalId": uid(2), "roleDefinitionId": ROLE, "directoryScopeId": "/"}],
}


@pytest.fixture
def app(tmp_path):
    return app_of(tmp_path, WORLD, allow_writes=True)


def test_a_patch_merges_and_leaves_the_rest(app):
    path = "/v1.0/policies/authorizationPolicy"
    body = {"allowInvitesFrom": "none", "defaultUserRolePermissions": {"allowedToCreateApps": False}}
    assert ask(app, path, "PATCH", json=body).status_code == 204
    now = ask(app, path).json()
    assert now["allowInvitesFrom"] == "none"
    assert now["defaultUserRolePermissions"] == {"allowedToCreateApps": False, "allowedToReadOtherUsers": True}
    assert ask(app, "/beta/policies/authorizationPolicy").json()["allowInvitesFrom"] == "none"


def test_another_app_of_the_same_tenant_is_untouched(tmp_path):
    first = app_of(tmp_path, WORLD, allow_writes=True)
    ask(first, f"/v1.0/users/{uid(1)}", "DELETE")
    assert ask(app_of(tmp_path, WORLD), f"/v1.0/users/{uid(1)}").status_code == 200


def test_a_part_of_a_policy(app):
    path = "/v1.0/policies/authenticationMethodsPolicy/authenticationMethodConfigurations/email"
    assert ask(app, path, "PATCH", json={"allowExternalIdToUseEmailOtp": "disabled"}).status_code == 204
    assert ask(app, path).json()["allowExternalIdToUseEmailOtp"] == "disabled"
    assert ask(app, path).json()["state"] == "enabled"


def test_delete_and_restore_a_guest_with_everything_it_had(app):
    path, count = f"/v1.0/users/{uid(1)}", "/v1.0/users/$count"
    assert ask(app, f"/v1.0/users/{uid(1)}/transitiveMemberOf").json()["value"]
    assert ask(app, path, "DELETE").status_code == 204
    assert ask(app, path).status_code == 404
    assert ask(app, count, headers=EVENTUAL).text == "2"
    (deleted,) = ask(app, "/v1.0/directory/deletedItems/microsoft.graph.user").json()["value"]
    assert deleted["deletedDateTime"] == "2026-11-20T08:15:00Z"
    assert [m["id"] for m in every(app, f"/v1.0/groups/{uid(101)}/members")] == [uid(2)]
    (assignment,) = ask(app, "/v1.0/roleManagement/directory/roleAssignments?$expand=principal").json()["value"]
    assert assignment["principal"] is None
    assert ask(app, f"/v1.0/directory/deletedItems/{uid(1)}/restore", "POST").status_code == 200
    assert len(every(app, f"/v1.0/groups/{uid(101)}/members")) == 2
    assert ask(app, f"/v1.0/users/{uid(1)}/sponsors").json()["value"][0]["id"] == uid(7)


def test_references_come_and_go(app):
    owners = f"/v1.0/groups/{uid(101)}/owners"
    reference = {"@odata.id": f"https://graph.microsoft.com/v1.0/users/{uid(7)}"}
    assert ask(app, f"{owners}/{uid(1)}/$ref", "DELETE").status_code == 400, "the last owner stays"
    assert ask(app, f"{owners}/$ref", "POST", json=reference).status_code == 204
    assert ask(app, f"{owners}/{uid(1)}/$ref", "DELETE").status_code == 204
    assert [o["id"] for o in every(app, owners)] == [uid(7)]
    assert ask(app, f"{owners}/{uid(1)}/$ref", "DELETE").status_code == 404
    assert ask(app, f"/v1.0/users/{uid(2)}/sponsors/$ref", "POST", json=reference).status_code == 204
    (row,) = [r for r in every(app, "/v1.0/users?$select=id&$expand=sponsors") if r["id"] == uid(2)]
    assert row["sponsors"][0]["id"] == uid(7)
    assert ask(app, f"/v1.0/groups/{uid(101)}/members/{uid(2)}/$ref", "DELETE").status_code == 204
    assert ask(app, f"/v1.0/users/{uid(2)}/transitiveMemberOf").json()["value"] == []


def test_partners_and_their_synchronization(app):
    partners = "/v1.0/policies/crossTenantAccessPolicy/partners"
    body = {"inboundTrust": {"isMfaAccepted": False}}
    assert ask(app, f"{partners}/{uid(301)}", "PATCH", json=body).status_code == 204
    sync = f"{partners}/{uid(301)}/identitySynchronization"
    assert ask(app, sync, "PATCH", json={"userSyncInbound": {"isSyncAllowed": False}}).status_code == 204
    assert ask(app, sync).json()["userSyncInbound"] == {"isSyncAllowed": False}
    assert ask(app, f"{partners}/{uid(302)}", "DELETE").status_code == 400
    assert ask(app, f"{partners}/{uid(301)}", "DELETE").status_code == 204


def test_roles_active_and_eligible(app):
    assert ask(app, "/v1.0/roleManagement/directory/roleAssignments/a1", "DELETE").status_code == 204
    assert ask(app, "/v1.0/directoryRoles").json()["value"] == []
    requests = "/v1.0/roleManagement/directory/roleEligibilityScheduleRequests"
    body = {"principalId": uid(2), "roleDefinitionId": ROLE, "directoryScopeId": "/"}
    assert ask(app, requests, "POST", json={"action": "adminRemove", **body}).status_code == 201
    assert ask(app, f"/v1.0/{ELIGIBLE}").json()["value"] == []
    assert ask(app, requests, "POST", json={"action": "adminRemove", **body}).status_code == 400
    assert ask(app, requests, "POST", json={"action": "adminAssign", **body}).status_code == 201
    assert len(ask(app, f"/v1.0/{ELIGIBLE}").json()["value"]) == 1
    assert ask(app, requests).status_code in (400, 405)


def test_a_created_policy_has_what_graph_adds(app):
    path = "/v1.0/identity/conditionalAccess/policies"
    made = ask(app, path, "POST", json={"displayName": "x", "conditions": {"users": {"includeUsers": ["All"]}}})
    assert made.status_code == 201
    (policy,) = ask(app, path).json()["value"]
    assert policy["id"] == made.json()["id"]
    assert policy["conditions"]["users"]["includeUsers"] == ["All"]
    assert policy["conditions"]["users"]["excludeUsers"] == []
    assert ask(app, f"{path}/{policy['id']}", "PATCH", json={"state": "enabled"}).status_code == 204
    assert ask(app, f"{path}/{policy['id']}").json()["state"] == "enabled"
    assert ask(app, f"{path}/{policy['id']}", "DELETE").status_code == 204


def test_both_endpoints_of_the_domain_list_show_one_setting(tmp_path):
    def definition(domain):
        return [f'{{"B2BManagementPolicy":{{"BlockedDomains":["{domain}"]}}}}']

    policy = {"id": uid(500), "definition": definition("a.example")}
    app = app_of(tmp_path, {"beta/policies/b2bManagementPolicies": [policy]}, allow_writes=True)
    b2b, legacy = "/beta/policies/b2bManagementPolicies", "/beta/legacy/policies"
    assert ask(app, legacy).json()["value"] == [{**policy, "type": "B2BManagementPolicy"}]
    body = {"definition": definition("b.example")}
    assert ask(app, f"{b2b}/{uid(500)}", "PATCH", json=body).status_code == 204
    for path in (b2b, legacy):
        assert ask(app, path).json()["value"][0]["definition"] == definition("b.example")
    other = {"id": uid(501), "definition": ['{"TokenLifetimePolicy":{}}']}
    app = app_of(tmp_path / "old", {"beta/legacy/policies": [{**policy, "type": 6}, other]})
    assert ask(app, b2b).json()["value"] == [policy]


def test_licences_and_sessions(app):
    body = {"addLicenses": [], "removeLicenses": [uid(800)]}
    assert ask(app, f"/v1.0/users/{uid(1)}/assignLicense", "POST", json=body).status_code == 200
    assert ask(app, f"/v1.0/users/{uid(1)}?$select=assignedLicenses").json()["assignedLicenses"] == []
    assert ask(app, f"/v1.0/users/{uid(1)}/revokeSignInSessions", "POST").status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PATCH", f"/v1.0/users/{uid(99)}", {}),
        ("PATCH", "/v1.0/policies/adminConsentRequestPolicy", {}),
        ("PATCH", "/v1.0/users", {}),
        ("DELETE", "/v1.0/policies/authorizationPolicy", None),
        ("POST", f"/v1.0/users/{uid(1)}/sponsors/$ref", {"@odata.id": f"https://x/{uid(99)}"}),
        ("POST", f"/v1.0/users/{uid(1)}/frobnicate", {}),
        ("POST", "/v1.0/directory/deletedItems/x/restore", {}),
        ("PATCH", f"/v1.0/users/{uid(1)}", [1]),
    ],
)
def test_writes_that_graph_would_refuse(app, method, path, body):
    assert ask(app, path, method, json=body).status_code in (400, 404, 405)


def test_every_remediation_of_the_catalogue_is_taken():
    app = create_app(load_tenant(find_sample("contoso")), allow_writes=True)
    tried = 0
    for control in catalogue():
        for remedy in control.remediation:
            if not remedy.url.startswith("https://graph.microsoft.com/"):
                continue
            url, body = _filled(app, remedy.url.removeprefix("https://graph.microsoft.com"), remedy.body)
            group, owned, _ = url.partition("/owners/")
            if owned and "/groups/" in group:  # a group keeps its last owner, so somebody else comes first
                reference = {"@odata.id": "https://graph.microsoft.com/v1.0/users/fa1bc5a9-ac4a-4e7c-8986-5576ec5ee35c"}
                assert ask(app, f"{group}/owners/$ref", "POST", json=reference).status_code == 204
            response = ask(app, url, remedy.method, **({"json": body} if body is not None else {}))
            assert response.status_code in (200, 201, 204), (control.code, remedy.method, url, response.text)
            tried += 1
    assert tried >= 40


def _filled(app, url, body):
    """Put ids of the sample in a remediation's address and body."""
    path = re.sub(r"\{(user-id|user id|id)\}(?=/\$ref$)", "{target}", url)
    if "{" in path:
        base, _, rest = path.partition("/{")
        key = "tenantId" if base.endswith("/partners") else "id"
        rest = rest.partition("}")[2]
        nav = rest.strip("/").partition("/")[0] if "{target}" in rest else ""
        expand = f"?$expand={nav}" if nav else ""
        rows = [
            r
            for r in every(app, f"{base}{expand}")
            if r.get("isServiceProvider") is not True and (not nav or r.get(nav))
        ]
        path = f"{base}/{rows[0][key]}{rest}"
        if nav:
            path = path.replace("{target}", rows[0][nav][0]["id"])
    if isinstance(body, dict) and "@odata.id" in body:
        body = {"@odata.id": f"https://graph.microsoft.com/v1.0/users/{every(app, '/v1.0/users?$top=1')[0]['id']}"}
    if isinstance(body, dict) and body.get("action") == "adminRemove":
        held = every(app, f"/v1.0/{ELIGIBLE}")[0]
        body = {**body, "principalId": held["principalId"], "roleDefinitionId": held["roleDefinitionId"]}
    return path, body
