"""The oddities of Graph that a tenant can switch on."""

import pytest

from posture.emulator.answers import Refusal
from posture.emulator.limits import Limits
from tests.emulator.world import app_of, ask, code, every, guest, uid

POLICY = {
    "id": "x",
    "displayName": "B2BManagementPolicy",
    "isOrganizationDefault": True,
    "type": "B2BManagementPolicy",
    "definition": ['{"B2BManagementPolicy":{}}'],
}
WORLD = {
    "v1.0/users": [
        guest(1, createdDateTime="2025-01-01T00:00:00.5Z", sponsors=[uid(2)]),
        guest(2, signInActivity={"lastSignInDateTime": "2026-01-01T00:00:00Z"}),
        *(guest(n) for n in range(3, 8)),
    ],
    "beta/legacy/policies": [POLICY],
    "beta/policies/b2bManagementPolicies": [POLICY],
    "beta/policies/externalIdentitiesPolicy": {"id": "e", "allowExternalIdentitiesToLeave": True},
    "v1.0/policies/authorizationPolicy": {"id": "a", "allowInvitesFrom": "everyone"},
    "v1.0/identity/conditionalAccess/policies": [{"id": "c", "state": "enabled"}],
}


@pytest.fixture
def quirky(tmp_path):
    def make(toml, licences="", **options):
        return app_of(tmp_path, WORLD, f"{licences}[quirks]\n{toml}\n", **options)

    return make


def test_small_pages(quirky):
    app = quirky("page_size = 2")
    assert len(ask(app, "/v1.0/users?$top=999").json()["value"]) == 2
    assert len(every(app, "/v1.0/users?$top=999")) == 7
    assert len(app.state.requests) == 5


def test_an_empty_page_with_a_link_first(quirky):
    app = quirky("empty_page = true")
    first = ask(app, "/v1.0/users?$top=5&$count=true", headers={"ConsistencyLevel": "eventual"}).json()
    assert (first["value"], first["@odata.count"]) == ([], 7)
    assert len(every(app, "/v1.0/users?$top=5")) == 7


def test_wrapped_singles(quirky):
    app = quirky("value_wrapper = true")
    assert ask(app, "/beta/policies/externalIdentitiesPolicy").json()["value"]["allowExternalIdentitiesToLeave"]
    assert ask(app, "/v1.0/policies/authorizationPolicy").json()["allowInvitesFrom"] == "everyone"


def test_spelling(quirky):
    app = quirky("innererror_lowercase = true\ntype_without_hash = true")
    assert "innererror" in ask(app, f"/v1.0/users/{uid(99)}").json()["error"]
    row = ask(app, "/v1.0/users?$expand=sponsors").json()["value"][0]
    assert row["sponsors"][0]["@odata.type"] == "microsoft.graph.user"


@pytest.mark.parametrize(("quirk", "value"), [("empty_enums", ""), ("unknown_enums", "unknownFutureValue")])
def test_enums(quirky, quirk, value):
    assert ask(quirky(f"{quirk} = true"), "/v1.0/policies/authorizationPolicy").json()["allowInvitesFrom"] == value


def test_sign_in_activity_absent_or_never(quirky):
    url = "/v1.0/users?$select=id,signInActivity"
    rows = ask(quirky("never_sentinel = true"), url).json()["value"]
    assert rows[0]["signInActivity"]["lastSignInDateTime"] == "0001-01-01T00:00:00Z"
    assert rows[1]["signInActivity"]["lastSignInDateTime"] == "2026-01-01T00:00:00Z"
    rows = ask(quirky("no_sign_in_activity = true"), url).json()["value"]
    assert not any("signInActivity" in r for r in rows)


@pytest.mark.parametrize(("decimals", "text"), [(0, "2025-01-01T00:00:00Z"), (7, "2025-01-01T00:00:00.0000000Z")])
def test_decimals_of_dates(quirky, decimals, text):
    row = ask(quirky(f"date_decimals = {decimals}"), f"/v1.0/users/{uid(1)}?$select=createdDateTime").json()
    assert row["createdDateTime"] == text


@pytest.mark.parametrize(("spelling", "value"), [("number", 6), ("absent", None), ("string", "B2BManagementPolicy")])
def test_the_type_of_legacy_policies(quirky, spelling, value):
    row = ask(quirky(f'legacy_type = "{spelling}"'), "/beta/legacy/policies").json()["value"][0]
    assert row.get("type") == value


def test_definitions_in_single_quotes(quirky):
    row = ask(quirky("definition_single_quotes = true"), "/beta/policies/b2bManagementPolicies").json()["value"][0]
    assert row["definition"] == ["{'B2BManagementPolicy':{}}"]
    assert row["isOrganizationDefault"] == "true"


def test_domain_list_endpoints_gone_and_refused(quirky):
    app = quirky('legacy_policies = "gone"\nb2b_management_policies = "refused"\nsegment_status = 404')
    assert code(ask(app, "/beta/legacy/policies")) == (404, "BadRequest")
    assert code(ask(app, "/beta/policies/b2bManagementPolicies")) == (403, "Authorization_RequestDenied")


def test_conditional_access_without_p1(quirky):
    path = "/v1.0/identity/conditionalAccess/policies"
    assert ask(quirky("", "licences = []\n"), path).json()["value"] == []
    refused = quirky('conditional_access_unlicensed = "refused"', "licences = []\n")
    assert ask(refused, path).status_code == 403
    assert len(ask(quirky(""), path).json()["value"]) == 1


def test_filters_refused_or_ignored(quirky):
    where = "$filter=userType eq 'Member' and createdDateTime ge 2025-01-01T00:00:00Z"
    assert code(ask(quirky("refuse_date_filters = true"), f"/v1.0/users?{where}"))[0] == 400
    assert ask(quirky("refuse_date_filters = true"), "/v1.0/users?$filter=userType eq 'Guest'").status_code == 200
    assert len(ask(quirky("ignore_filters = true"), f"/v1.0/users?{where}").json()["value"]) == 7


def test_throttled_once(quirky):
    app = quirky("throttle_once = true")
    first = ask(app, "/v1.0/users")
    assert (first.status_code, first.headers["retry-after"]) == (429, "2.128")
    assert ask(app, "/v1.0/users").status_code == 200
    first = ask(app, "/v1.0/identity/conditionalAccess/policies")
    assert first.status_code == 429
    assert "retry-after" not in first.headers
    assert ask(app, "/v1.0/identity/conditionalAccess/policies").status_code == 200


def test_documented_limits(quirky):
    now = [0.0]
    app = quirky("limits = true", monotonic=lambda: now[0])
    url = "/v1.0/users?$select=id,signInActivity"
    answers = [ask(app, url) for _ in range(11)]
    assert [a.status_code for a in answers] == [200] * 10 + [429]
    assert float(answers[-1].headers["retry-after"]) == 60.0
    now[0] = 60.0
    assert ask(app, url).status_code == 200
    audits = [ask(app, "/v1.0/auditLogs/directoryAudits").status_code for _ in range(6)]
    assert audits == [200] * 5 + [429]
    conditional = [ask(app, "/v1.0/identity/conditionalAccess/policies") for _ in range(2)]
    assert [c.status_code for c in conditional] == [200, 429]
    assert "retry-after" not in conditional[1].headers


def test_the_share_of_resource_units_in_use():
    limits = Limits(lambda: 0.0, users=10)
    shares = [limits.take("identity", 100) for _ in range(35)]
    assert (shares[0], shares[-1]) == (100 / 3500, 1.0)
    with pytest.raises(Refusal):
        limits.take("identity", 1)
