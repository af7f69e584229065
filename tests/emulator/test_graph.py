"""What the emulated Graph answers: selection, paging, counting, expansion, permissions, licences, clouds."""

import pytest

from tests.emulator.world import BEARER, EVENTUAL, app_of, ask, code, every, guest, member, uid

GUESTS = "/v1.0/users?$filter=userType eq 'Guest'"
GROUPS = [
    {
        "id": uid(101),
        "displayName": "Outer",
        "groupTypes": ["Unified"],
        "members": [uid(102), uid(7)],
        "owners": [uid(1)],
    },
    {"id": uid(102), "displayName": "Inner", "groupTypes": [], "members": [uid(1), uid(2)], "owners": []},
]
ROLE = "62e90394-69f5-4237-9190-012177145e10"
WORLD = {
    "v1.0/users": [
        *(guest(n) for n in range(1, 6)),
        guest(
            6, companyName="Partner", signInActivity={"lastSignInDateTime": "2026-01-01T00:00:00Z"}, sponsors=[uid(7)]
        ),
        member(7, companyName="Partner"),
    ],
    "v1.0/groups": GROUPS,
    "v1.0/roleManagement/directory/roleDefinitions": [{"id": ROLE, "displayName": "Global Administrator"}],
    "v1.0/roleManagement/directory/roleAssignments": [
        {"id": "a1", "principalId": uid(2), "roleDefinitionId": ROLE, "directoryScopeId": "/"}
    ],
    "v1.0/servicePrincipals": [{"id": uid(201), "appId": "x", "owners": [uid(1)]}],
    "v1.0/policies/authorizationPolicy": {"id": "authorizationPolicy", "allowInvitesFrom": "everyone"},
    "v1.0/policies/crossTenantAccessPolicy/partners": [
        {"tenantId": uid(301), "inboundTrust": None, "identitySynchronization": {"tenantId": uid(301)}}
    ],
    "v1.0/policies/authenticationMethodsPolicy": {
        "id": "p",
        "authenticationMethodConfigurations": [{"id": "Email", "allowExternalIdToUseEmailOtp": "default"}],
    },
    "v1.0/auditLogs/directoryAudits": [
        {"id": "old", "activityDateTime": "2026-11-01T00:00:00.1234567Z"},
        {"id": "new", "activityDateTime": "2026-11-19T00:00:00Z"},
        {"id": "mid", "activityDateTime": "2026-11-18T00:00:00Z"},
    ],
    "beta/auditLogs/signIns": [
        {"id": "i", "createdDateTime": "2026-11-19T00:00:00Z", "signInEventTypes": ["interactiveUser"]},
        {"id": "n", "createdDateTime": "2026-11-19T00:00:00Z", "signInEventTypes": ["nonInteractiveUser"]},
    ],
    "v1.0/tenantRelationships/findTenantInformationByTenantId": [
        {"tenantId": uid(301), "displayName": "Partner", "defaultDomainName": "partner.example"}
    ],
    "arm/providers/microsoft.aadiam/diagnosticSettings": [{"id": "d", "name": "archive"}],
}


@pytest.fixture
def app(tmp_path):
    return app_of(tmp_path / "world", WORLD)


def ids(response):
    return [r["id"] for r in response.json()["value"]]


# -- who may ask ------------------------------------------------------------------------------------------------------


def test_no_token_is_401(app):
    for headers in ({"Authorization": ""}, {"Authorization": "Basic x"}, {"Authorization": "Bearer "}):
        response = ask(app, "/v1.0/users", headers=headers)
        assert code(response) == (401, "InvalidAuthenticationToken")
        assert response.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize("method", ["POST", "PATCH", "PUT", "DELETE", "OPTIONS"])
@pytest.mark.parametrize("path", ["/v1.0/users", f"/v1.0/users/{uid(1)}", "/v1.0/invitations", "/v1.0/$batch"])
def test_writes_are_refused_and_recorded(app, method, path):
    response = ask(app, path, method)
    if path == "/v1.0/$batch" and method == "POST":
        assert response.status_code == 400
    elif path == "/v1.0/invitations":
        assert response.status_code in (400, 405)
    else:
        assert response.status_code == 405
    assert [(r.method, r.path) for r in app.state.requests] == [(method, path)]


def test_the_record_keeps_no_token(app):
    ask(app, "/v1.0/users", headers={"Authorization": "Bearer eyJsecret"})
    ask(app, "/v1.0/users?$top=1", headers=EVENTUAL)
    first, second = app.state.requests
    assert first.headers["authorization"] == "Bearer (not kept)"
    assert "eyJsecret" not in repr(first)
    assert second.headers["authorization"] == BEARER["Authorization"]
    assert second.headers["consistencylevel"] == "eventual"
    assert (second.query, second.status) == ("$top=1", 200)


# -- selection and paging ---------------------------------------------------------------------------------------------


def test_default_properties_of_users_leave_out_what_the_page_leaves_out(app):
    row = ask(app, "/v1.0/users").json()["value"][0]
    assert "displayName" in row
    assert not {"userType", "accountEnabled", "externalUserState", "sponsors", "signInActivity"} & set(row)


def test_select_brings_the_id_too_and_nothing_else(app):
    assert ask(app, f"{GUESTS}&$select=mail&$top=1").json()["value"] == [{"id": uid(1), "mail": "g1@partner.example"}]


def test_sign_in_activity_only_when_selected_and_absent_for_never(app):
    rows = ask(app, f"{GUESTS}&$select=id,signInActivity&$top=500").json()["value"]
    assert [("signInActivity" in r) for r in rows] == [False] * 5 + [True]


def test_pages_follow_an_opaque_link_to_the_end(app):
    first = ask(app, f"{GUESTS}&$select=id&$top=4").json()
    assert len(first["value"]) == 4
    assert first["@odata.nextLink"].startswith("http://127.0.0.1/v1.0/users?")
    assert ids(ask(app, first["@odata.nextLink"])) == [uid(5), uid(6)]
    assert len(every(app, f"{GUESTS}&$top=1")) == 6


def test_a_skip_token_fits_its_own_query_alone(app):
    link = ask(app, f"{GUESTS}&$select=id&$top=4").json()["@odata.nextLink"]
    for changed in (link.replace("Guest", "Member"), link.replace("$top=4", "$top=5"), link[:-1], link + "A"):
        assert code(ask(app, changed))[0] == 400


@pytest.mark.parametrize("top", ["0", "1000", "-1", "x"])
def test_top_out_of_range_is_refused_on_users(app, top):
    assert code(ask(app, f"/v1.0/users?$top={top}"))[0] == 400


def test_double_slashes_and_encoded_names_are_taken(app):
    assert ask(app, "/v1.0//users?%24select=id&%24filter=userType%20eq%20%27Guest%27&%24top=1").json()["value"]
    assert ask(app, f"/v1.0/users('{uid(1)}')?$select=id").json()["id"] == uid(1)
    assert ask(app, "/v1.0/users/m7%40home.example?$select=id").json()["id"] == uid(7)
    assert code(ask(app, "/v1.0/users/m7%40home.example?$select=signInActivity")) == (404, "Request_ResourceNotFound")


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/v2.0/users",
        "/v1.0",
        "/v1.0/nonsense",
        "/v1.0/../etc/passwd",
        "/v1.0/%2e%2e/x",
        "/v1.0/users/..%2F..%2Ftenant.toml",
    ],
)
def test_unknown_paths_are_no_segments(app, path):
    assert ask(app, path).status_code in (400, 404)


def test_an_option_given_twice_is_refused(app):
    assert code(ask(app, "/v1.0/users?$top=1&$top=2"))[0] == 400
    assert ask(app, "/v1.0/users?unknown=1&other=2").status_code == 200


# -- advanced queries -------------------------------------------------------------------------------------------------


def test_count_segment_wants_the_header(app):
    assert code(ask(app, "/v1.0/users/$count")) == (400, "Request_BadRequest")
    response = ask(app, "/v1.0/users/$count?$filter=userType eq 'Guest'", headers=EVENTUAL)
    assert (response.text, response.headers["content-type"]) == ("6", "text/plain")


def test_count_parameter_is_silently_missing_without_the_header_and_on_later_pages(app):
    assert "@odata.count" not in ask(app, f"{GUESTS}&$count=true").json()
    first = ask(app, f"{GUESTS}&$count=true&$top=5", headers=EVENTUAL).json()
    assert first["@odata.count"] == 6
    assert "@odata.count" not in ask(app, first["@odata.nextLink"], headers=EVENTUAL).json()


@pytest.mark.parametrize(
    "query",
    [
        "$filter=userType ne 'Guest'",
        "$filter=not (userType eq 'Guest')",
        "$filter=endsWith(mail,'partner.example')",
        "$filter=companyName eq 'Partner'",
        "$filter=userType eq 'Guest'&$orderby=displayName",
        '$search="displayName:Guest"',
    ],
)
def test_advanced_queries_want_header_and_count(app, query):
    url = f"/v1.0/users?{query}&$top=1"
    assert code(ask(app, url)) == (400, "Request_UnsupportedQuery")
    first = ask(app, f"{url}&$count=true", headers=EVENTUAL).json()
    assert first["value"]
    if "@odata.nextLink" in first:
        # The header does not travel in the link.
        assert code(ask(app, first["@odata.nextLink"])) == (400, "Request_UnsupportedQuery")
        assert ask(app, first["@odata.nextLink"], headers=EVENTUAL).status_code == 200


@pytest.mark.parametrize(
    "query",
    [
        "$filter=officeLocation eq 'x'",
        "$filter=createdDateTime gt 2025-01-01T00:00:00Z",
        "$filter=userType eq 'Guest' and signInActivity/lastSignInDateTime le 2026-02-01T00:00:00Z",
        "$filter=" + " or ".join(f"id eq '{n}'" for n in range(16)),
        "$expand=sponsors,memberOf",
        "$expand=nonsense",
        "$skip=1",
        "$filter=frob(x)",
    ],
)
def test_what_users_do_not_take(app, query):
    assert ask(app, f"/v1.0/users?{query}").status_code == 400


def test_sign_in_activity_filters_alone(app):
    assert ids(ask(app, "/v1.0/users?$filter=signInActivity/lastSignInDateTime le 2026-02-01T00:00:00Z")) == [uid(6)]


def test_casts_of_members_are_advanced_queries(app):
    path = f"/v1.0/groups/{uid(101)}/transitiveMembers/microsoft.graph.user"
    assert code(ask(app, path))[0] == 400
    assert ids(ask(app, f"{path}?$count=true", headers=EVENTUAL)) == [uid(7), uid(1), uid(2)]
    assert ids(ask(app, f"{path.replace('microsoft.', '')}?$count=true", headers=EVENTUAL)) == [uid(7), uid(1), uid(2)]
    guests = f"{path}/$count?$filter=userType eq 'Guest'"
    assert ask(app, guests, headers=EVENTUAL).text == "2"
    assert code(ask(app, guests)) == (400, "Request_BadRequest")


# -- relationships ----------------------------------------------------------------------------------------------------


def test_what_follows_from_members_owners_and_roles(app):
    held = {r["id"]: r for r in every(app, f"{GUESTS}&$select=id&$expand=transitiveMemberOf($select=id,displayName)")}
    assert [g["displayName"] for g in held[uid(1)]["transitiveMemberOf"]] == ["Inner", "Outer"]
    assert [g["@odata.type"] for g in held[uid(2)]["transitiveMemberOf"]] == [
        "#microsoft.graph.group",
        "#microsoft.graph.directoryRole",
        "#microsoft.graph.group",
    ]
    assert [g["id"] for g in ask(app, f"/v1.0/users/{uid(1)}/memberOf").json()["value"]] == [uid(102)]
    owned = {r["id"]: r["ownedObjects"] for r in every(app, f"{GUESTS}&$select=id&$expand=ownedObjects")}
    assert [o["@odata.type"] for o in owned[uid(1)]] == ["#microsoft.graph.group", "#microsoft.graph.servicePrincipal"]
    assert owned[uid(2)] == []
    (assignment,) = ask(app, "/v1.0/roleManagement/directory/roleAssignments?$expand=principal").json()["value"]
    assert assignment["principal"]["userType"] == "Guest"
    (role,) = ask(app, "/v1.0/directoryRoles").json()["value"]
    assert role["roleTemplateId"] == ROLE
    assert ids(ask(app, f"/v1.0/directoryRoles/{role['id']}/members")) == [uid(2)]


def test_sponsors_show_what_the_expansion_selects(app):
    rows = every(app, f"{GUESTS}&$select=id&$expand=sponsors($select=id,displayName)")
    assert rows[0]["sponsors"] == []
    assert rows[5]["sponsors"] == [{"@odata.type": "#microsoft.graph.user", "id": uid(7), "displayName": "Guest 7"}]


def test_expand_returns_twenty_and_no_more(tmp_path):
    groups = [{"id": uid(100 + n), "displayName": str(n), "members": [uid(1)]} for n in range(25)]
    app = app_of(tmp_path, {"v1.0/users": [guest(1)], "v1.0/groups": groups})
    (row,) = ask(app, f"{GUESTS}&$expand=transitiveMemberOf").json()["value"]
    assert len(row["transitiveMemberOf"]) == 20
    assert "transitiveMemberOf@odata.nextLink" not in row
    assert len(every(app, f"/v1.0/users/{uid(1)}/transitiveMemberOf?$top=10")) == 25


def test_a_circle_of_groups_ends(tmp_path):
    groups = [
        {"id": uid(101), "displayName": "a", "members": [uid(102), uid(1)]},
        {"id": uid(102), "displayName": "b", "members": [uid(101)]},
    ]
    app = app_of(tmp_path, {"v1.0/users": [guest(1)], "v1.0/groups": groups})
    assert len(every(app, f"/v1.0/groups/{uid(102)}/transitiveMembers")) == 3
    assert len(every(app, f"/v1.0/users/{uid(1)}/transitiveMemberOf")) == 2


def test_partners_single_objects_and_their_parts(app):
    base = "/v1.0/policies/crossTenantAccessPolicy/partners"
    assert "identitySynchronization" not in ask(app, base).json()["value"][0]
    assert ask(app, f"{base}?$expand=identitySynchronization").json()["value"][0]["identitySynchronization"]
    assert ask(app, f"{base}/{uid(301)}").json()["tenantId"] == uid(301)
    assert ask(app, f"{base}/{uid(301)}/identitySynchronization").status_code == 200
    assert code(ask(app, f"{base}/{uid(302)}"))[0] == 404
    email = "/v1.0/policies/authenticationMethodsPolicy/authenticationMethodConfigurations"
    assert ask(app, f"{email}/email").json()["id"] == "Email"
    assert len(ask(app, email).json()["value"]) == 1
    assert code(ask(app, "/v1.0/policies/adminConsentRequestPolicy"))[0] == 404
    assert ask(app, "/beta/policies/authorizationPolicy").json()["allowInvitesFrom"] == "everyone"
    assert code(ask(app, "/v1.0/policies/b2bManagementPolicies"))[0] == 400


def test_other_tenants_by_id_and_domain(app):
    base = "/v1.0/tenantRelationships/findTenantInformationBy"
    assert ask(app, f"{base}TenantId(tenantId='{uid(301)}')").json()["displayName"] == "Partner"
    assert ask(app, f"{base}DomainName(domainName='partner.example')").json()["tenantId"] == uid(301)
    assert code(ask(app, f"{base}TenantId(tenantId='{uid(9)}')"))[0] == 404


def test_log_export_of_azure_resource_manager(app):
    assert ids(ask(app, "/providers/Microsoft.AadIam/diagnosticSettings?api-version=2017-04-01")) == ["d"]


# -- logs -------------------------------------------------------------------------------------------------------------


def test_logs_come_newest_first_within_their_retention(tmp_path, app):
    assert ids(ask(app, "/v1.0/auditLogs/directoryAudits")) == ["new", "mid", "old"]
    where = "$filter=activityDateTime ge 2026-11-18T00:00:00Z"
    assert ids(ask(app, f"/v1.0/auditLogs/directoryAudits?{where}")) == ["new", "mid"]
    free = app_of(tmp_path / "free", WORLD, "licences = []\n")
    assert ids(ask(free, "/v1.0/auditLogs/directoryAudits")) == ["new", "mid"]


def test_non_interactive_sign_ins_only_when_asked_for(app):
    assert ids(ask(app, "/beta/auditLogs/signIns")) == ["i"]
    where = "$filter=signInEventTypes/any(t: t eq 'nonInteractiveUser')"
    assert ids(ask(app, f"/beta/auditLogs/signIns?{where}")) == ["n"]
    assert ids(ask(app, "/v1.0/auditLogs/signIns")) == []


# -- the two POSTs that read ------------------------------------------------------------------------------------------


def _batch(app, *requests):
    response = ask(app, "/v1.0/$batch", "POST", json={"requests": list(requests)})
    return {r["id"]: r for r in response.json()["responses"]}


def test_a_batch_answers_each_request_on_its_own(app):
    got = _batch(
        app,
        {"id": "1", "method": "GET", "url": f"/users/{uid(1)}?$select=id"},
        {"id": "2", "method": "GET", "url": f"/users/{uid(99)}"},
        {"id": "3", "method": "PATCH", "url": f"/users/{uid(1)}", "body": {"accountEnabled": False}},
        {"id": "4", "method": "GET", "url": "/users/$count", "headers": {"ConsistencyLevel": "eventual"}},
        {"id": "5", "method": "GET", "url": "https://evil.example/users"},
        {"id": "6", "method": "POST", "url": "/$batch", "body": {"requests": []}},
        {"id": "7", "method": "GET", "url": "groups?$select=id&$top=1"},
    )
    assert {k: r["status"] for k, r in got.items()} == {
        "1": 200, "2": 404, "3": 405, "4": 200, "5": 400, "6": 400, "7": 200,
    }  # fmt: skip
    assert got["1"]["body"]["id"] == uid(1)
    assert got["2"]["body"]["error"]["code"] == "Request_ResourceNotFound"
    assert got["4"]["body"] == 7
    assert got["7"]["body"]["@odata.nextLink"].startswith("http://127.0.0.1/v1.0/groups?")


@pytest.mark.parametrize(
    "body",
    [
        {"requests": [{"id": str(n), "method": "GET", "url": "/users"} for n in range(21)]},
        {"requests": [{"id": "1", "method": "GET", "url": "/users"}] * 2},
        {"requests": [{"method": "GET", "url": "/users"}]},
        {"requests": []},
        {"requests": ["x"]},
        [],
    ],
)
def test_a_wrong_batch_is_refused_whole(app, body):
    assert code(ask(app, "/v1.0/$batch", "POST", json=body)) == (400, "BadRequest")


def test_get_by_ids(app):
    body = {"ids": [uid(1), uid(101), uid(201), uid(999)]}
    found = ask(app, "/v1.0/directoryObjects/getByIds", "POST", json=body).json()["value"]
    assert [o["@odata.type"].rpartition(".")[2] for o in found] == ["user", "group", "servicePrincipal"]
    body["types"] = ["user"]
    assert len(ask(app, "/v1.0/directoryObjects/getByIds", "POST", json=body).json()["value"]) == 1
    many = {"ids": [uid(1)] * 1001}
    assert code(ask(app, "/v1.0/directoryObjects/getByIds", "POST", json=many))[0] == 400
    assert ask(app, "/v1.0/directoryObjects/getByIds").status_code == 405


# -- permissions, licences, clouds ------------------------------------------------------------------------------------


def test_missing_permissions_have_the_error_of_their_family(tmp_path):
    app = app_of(tmp_path, WORLD, "permissions = []\n")
    for path, expected in {
        "/v1.0/users": "Authorization_RequestDenied",
        "/v1.0/groups": "Authorization_RequestDenied",
        "/v1.0/policies/authorizationPolicy": "AccessDenied",
        "/v1.0/identity/conditionalAccess/policies": "AccessDenied",
        "/v1.0/auditLogs/directoryAudits": "Authentication_MSGraphPermissionMissing",
        "/v1.0/roleManagement/directory/roleEligibilityScheduleInstances": "UnknownError",
        "/v1.0/identityGovernance/entitlementManagement/settings": "AccessDenied",
    }.items():
        assert code(ask(app, path)) == (403, expected), path
    pim = ask(app, "/v1.0/roleManagement/directory/roleEligibilityScheduleInstances").json()
    assert '"errorCode":"PermissionScopeNotGranted"' in pim["error"]["message"]


def test_sign_in_activity_wants_both_permissions(tmp_path):
    app = app_of(tmp_path, WORLD, 'permissions = ["User.Read.All"]\n')
    assert ask(app, GUESTS).status_code == 200
    assert code(ask(app, f"{GUESTS}&$select=signInActivity")) == (403, "Authentication_MSGraphPermissionMissing")


def test_members_the_caller_may_not_read_show_type_and_id_alone(tmp_path):
    app = app_of(tmp_path, WORLD, 'permissions = ["GroupMember.Read.All"]\n')
    first = ask(app, f"/v1.0/groups/{uid(102)}/members").json()["value"][0]
    assert {k for k, v in first.items() if v is not None} == {"@odata.type", "id"}
    assert first["userType"] is None
    roles = app_of(tmp_path / "roles", WORLD, 'permissions = ["RoleManagement.Read.Directory"]\n')
    (row,) = ask(roles, "/v1.0/roleManagement/directory/roleAssignments?$expand=principal").json()["value"]
    assert (row["principal"]["id"], row["principal"]["userType"]) == (uid(2), None)


def test_lesser_permissions_show_less(tmp_path):
    files = WORLD | {"v1.0/organization": [{"id": "t", "displayName": "T", "tenantType": "AAD", "verifiedDomains": []}]}
    app = app_of(tmp_path, files, 'permissions = ["User.ReadBasic.All", "User.Read"]\n')
    row = ask(app, f"{GUESTS}&$select=id,displayName,userType&$top=1").json()["value"][0]
    assert row == {"id": uid(1), "displayName": "Guest 1", "userType": None}
    assert ask(app, "/v1.0/organization").json()["value"][0]["tenantType"] is None


def test_a_write_permission_reads_too(tmp_path):
    app = app_of(tmp_path, WORLD, 'permissions = ["Group.ReadWrite.All"]\n')
    assert ask(app, "/v1.0/groups").status_code == 200


def test_without_p1(tmp_path):
    app = app_of(tmp_path, WORLD, "licences = []\n")
    not_premium = (403, "Authentication_RequestFromNonPremiumTenantOrB2CTenant")
    assert code(ask(app, f"{GUESTS}&$select=signInActivity")) == not_premium
    assert code(ask(app, "/v1.0/auditLogs/signIns")) == not_premium
    assert code(ask(app, "/v1.0/reports/authenticationMethods/userRegistrationDetails")) == not_premium
    assert ask(app, "/v1.0/auditLogs/directoryAudits").status_code == 200
    pim = "/v1.0/roleManagement/directory/roleEligibilityScheduleInstances"
    assert code(ask(app, pim)) == (400, "AadPremiumLicenseRequired")
    for path in ("entitlementManagement/settings", "accessReviews/definitions"):
        assert code(ask(app, f"/v1.0/identityGovernance/{path}")) == (403, "NoLicense")
    assert ask(app, "/v1.0/subscribedSkus").json()["value"] == []


def test_licences_show_in_subscribed_skus(app):
    plans = [s["servicePlans"][0]["servicePlanName"] for s in ask(app, "/v1.0/subscribedSkus").json()["value"]]
    assert plans == ["Entra_Identity_Governance", "AAD_PREMIUM", "AAD_PREMIUM_P2"]


@pytest.mark.parametrize(
    ("cloud", "absent", "present"),
    [
        ("usgov", "/v1.0/policies/authenticationFlowsPolicy", "/v1.0/auditLogs/signIns"),
        ("dod", "/v1.0/identity/identityProviders", "/v1.0/policies/authenticationMethodsPolicy"),
        ("china", "/v1.0/auditLogs/signIns", "/v1.0/identity/identityProviders"),
        ("china", "/v1.0/tenantRelationships/multiTenantOrganization", "/v1.0/users"),
        ("usgov", "/beta/policies/b2bManagementPolicies", "/beta/legacy/policies"),
    ],
)
def test_clouds_lack_endpoints(tmp_path, cloud, absent, present):
    app = app_of(tmp_path, WORLD, f'cloud = "{cloud}"\n')
    response = ask(app, absent)
    assert code(response) == (400, "BadRequest")
    assert "Resource not found for the segment" in response.json()["error"]["message"]
    assert ask(app, present).status_code == 200


def test_group_eligibilities_want_a_filter(app):
    path = "/v1.0/identityGovernance/privilegedAccess/group/eligibilityScheduleInstances"
    assert code(ask(app, path))[0] == 400
    assert ask(app, f"{path}?$filter=groupId eq '{uid(101)}'").json()["value"] == []


# -- what every answer carries ----------------------------------------------------------------------------------------


def test_request_ids_and_dates_are_the_same_on_every_run(tmp_path):
    seen = []
    for run in ("a", "b"):
        app = app_of(tmp_path / run, WORLD)
        responses = [ask(app, url) for url in ("/v1.0/users", f"{GUESTS}&$top=2", "/v1.0/nonsense")]
        seen.append([(r.headers["request-id"], r.headers["date"], r.content) for r in responses])
    assert seen[0] == seen[1]
    assert len({request_id for request_id, _, _ in seen[0]}) == 3
    assert seen[0][0][1] == "Fri, 20 Nov 2026 08:15:00 GMT"


def test_headers(app):
    response = ask(app, "/v1.0/users?$select=id&$top=1", headers={"client-request-id": "ab\tc<>1"})
    assert response.headers["x-ms-resource-unit"] == "1"
    assert response.headers["client-request-id"] == "abc1"
    assert response.headers["content-type"].startswith("application/json;odata.metadata=minimal")
    assert "x-ms-resource-unit" not in ask(app, "/v1.0/auditLogs/directoryAudits").headers
