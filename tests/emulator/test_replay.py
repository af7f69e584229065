"""Recorded evidence served as it was: lists merged by id, gaps with the error they stand for."""

import asyncio
import json
from pathlib import Path

import httpx
import pytest

from posture.collect.run import Plan, collect
from posture.emulator import data as data_module
from posture.emulator.app import create_app
from posture.emulator.tenant import find_sample, load_tenant
from posture.graph.reader import open_reader
from posture.settings import Settings
from tests.emulator.world import EVENTUAL, ask, code, every, guest, uid

GUESTS = "/v1.0/users?$filter=userType eq 'Guest'"


def evidence(root, files, gaps=()):
    """Lay out evidence: {stem: rows or object or raw bytes}, with a manifest that names it."""
    entries = []
    for stem, content in files.items():
        name = f"{stem}.ndjson" if isinstance(content, list) else f"{stem}.json"
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        text = "".join(json.dumps(r) + "\n" for r in content) if isinstance(content, list) else json.dumps(content)
        path.write_text(text)
        entries.append({"fact": stem, "file": name})
    manifest = {
        "manifest_version": 1,
        "taken_at": "2026-11-20T08:15:00.000Z",
        "tenant": {"id": uid(900), "primary_domain": "home.example"},
        "cloud": "global",
        "files": entries,
        "gaps": list(gaps),
    }
    (root / "manifest.json").write_text(json.dumps(manifest))
    return create_app(load_tenant(root))


def gap(fact, endpoint, reason, permission=""):
    return {"fact": fact, "endpoint": endpoint, "reason": reason, "permission": permission}


FILES = {
    "v1.0/users": [guest(n) for n in range(1, 4)],
    "v1.0/users.signInActivity": [
        {"id": uid(1)},
        {"id": uid(2), "signInActivity": {"lastSignInDateTime": "2026-01-01T00:00:00Z"}},
        {"id": uid(3)},
    ],
    "v1.0/users.sponsors": [{"id": uid(n), "sponsors": []} for n in range(1, 4)],
    "v1.0/users.transitiveMemberOf": [
        {
            "id": uid(n),
            "transitiveMemberOf": [{"@odata.type": "#microsoft.graph.group", "id": uid(100)}] * (25 if n == 2 else 0),
        }
        for n in range(1, 4)
    ],
    "v1.0/users.externalMembers": [guest(9, userType="Member")],
    "v1.0/users/%24count": 41,
    "v1.0/groups": [{"id": uid(100), "displayName": "g"}, {"id": uid(101), "displayName": "h"}],
    "v1.0/groups.members": [{"id": uid(100), "members": [{"@odata.type": "#microsoft.graph.user", "id": uid(2)}]}],
    "v1.0/policies/authorizationPolicy": {"value": {"id": "a", "allowInvitesFrom": "none"}},
}


@pytest.fixture(params=["memory", "disk"])
def app(tmp_path, request, monkeypatch):
    if request.param == "disk":
        monkeypatch.setattr(data_module, "_IN_MEMORY", 0)
    return evidence(tmp_path, FILES)


def test_lists_of_one_path_are_merged_by_id(app):
    rows = every(app, f"{GUESTS}&$select=id,displayName,signInActivity&$top=2")
    assert [r["displayName"] for r in rows] == ["Guest 1", "Guest 2", "Guest 3"]
    assert [("signInActivity" in r) for r in rows] == [False, True, False]
    where = "endsWith(userPrincipalName,'%23EXT%23@home.onmicrosoft.com') and userType eq 'Member'"
    external = every(app, f"/v1.0/users?$filter={where}&$count=true&$select=id", headers=EVENTUAL)
    assert external == [{"id": uid(9)}]
    assert ask(app, f"/v1.0/users/{uid(2)}?$select=mail").json()["mail"] == "g2@partner.example"
    assert code(ask(app, f"/v1.0/users/{uid(4)}"))[0] == 404


def test_counts_are_the_recorded_ones(app):
    assert ask(app, "/v1.0/users/$count", headers=EVENTUAL).text == "41"
    assert ask(app, "/v1.0/users/$count?$filter=userType eq 'Guest'", headers=EVENTUAL).text == "3"


def test_expansions_are_cut_and_topped_up_as_when_recorded(app):
    rows = every(app, f"{GUESTS}&$select=id&$expand=transitiveMemberOf($select=id)")
    assert [len(r["transitiveMemberOf"]) for r in rows] == [0, 20, 0]
    assert len(every(app, f"/v1.0/users/{uid(2)}/transitiveMemberOf?$top=10")) == 25


def test_what_was_not_recorded_is_never_empty(app):
    assert code(ask(app, "/v1.0/applications"))[0] == 404
    assert code(ask(app, "/providers/microsoft.aadiam/diagnosticSettings"))[0] == 404
    assert code(ask(app, f"{GUESTS}&$expand=ownedObjects"))[0] == 404
    assert code(ask(app, f"/v1.0/groups/{uid(101)}/transitiveMembers"))[0] == 404
    assert [m["id"] for m in every(app, f"/v1.0/groups/{uid(100)}/transitiveMembers")] == [uid(2)]
    assert code(ask(app, "/v1.0/policies/adminConsentRequestPolicy"))[0] == 404


def test_a_recorded_wrapper_is_served_bare(app):
    assert ask(app, "/v1.0/policies/authorizationPolicy").json()["allowInvitesFrom"] == "none"


def test_a_file_the_manifest_does_not_name_is_not_served(tmp_path):
    app = evidence(tmp_path, FILES)
    (tmp_path / "v1.0/domains.ndjson").write_text('{"id":"planted.example"}\n')
    assert code(ask(app, "/v1.0/domains"))[0] == 404


@pytest.mark.parametrize(
    ("reason", "status", "name"),
    [
        ("permission", 403, "AccessDenied"),
        ("licence", 403, "Authentication_RequestFromNonPremiumTenantOrB2CTenant"),
        ("sign-in", 401, "InvalidAuthenticationToken"),
        ("throttled", 429, "TooManyRequests"),
        ("not-found", 404, "Request_ResourceNotFound"),
        ("not-available-in-this-cloud", 400, "BadRequest"),
        ("query-refused", 400, "Request_UnsupportedQuery"),
        ("network", 503, "serviceNotAvailable"),
        ("server", 503, "serviceNotAvailable"),
        ("declined", 403, "AccessDenied"),
        ("not-collected", 404, "Request_ResourceNotFound"),
        ("error", 500, "InternalServerError"),
        ("a reason of later", 404, "Request_ResourceNotFound"),
    ],
)
def test_gaps_answer_with_their_error(tmp_path, reason, status, name):
    path = "/v1.0/identity/conditionalAccess/policies"
    app = evidence(tmp_path, {}, [gap("conditional_access_policies", f"GET {path}", reason, "Policy.Read.All")])
    assert code(ask(app, path)) == (status, name)


def test_a_gap_of_a_side_list_strikes_what_asks_for_it_alone(tmp_path):
    app = evidence(
        tmp_path,
        FILES,
        [
            gap("guest_sign_in_activity", "GET /v1.0/users?$select=signInActivity", "licence"),
            gap("guest_owned_objects", "GET /v1.0/users?$expand=ownedObjects", "throttled"),
            gap("group_setting_overrides", "GET /v1.0/groups/{id}/settings", "permission", "GroupSettings.Read.All"),
            gap("privileged_group_members", "GET /v1.0/groups/{id}/transitiveMembers", "server"),
            gap("sign_ins_non_interactive", "GET /beta/auditLogs/signIns (nonInteractiveUser)", "licence"),
            gap("log_export", "GET arm /providers/microsoft.aadiam/diagnosticSettings", "server"),
            gap("user_count", "GET /v1.0/users/$count", "query-refused"),
        ],
    )
    assert ask(app, GUESTS).status_code == 200
    assert ask(app, f"{GUESTS}&$expand=sponsors").status_code == 200
    assert ask(app, "/v1.0/groups").status_code == 200
    assert ask(app, f"{GUESTS}&$select=id,signInActivity").status_code == 403
    assert ask(app, f"{GUESTS}&$expand=ownedObjects").status_code == 429
    assert ask(app, f"/v1.0/groups/{uid(100)}/settings").status_code == 403
    assert ask(app, f"/v1.0/groups/{uid(100)}/transitiveMembers").status_code == 503
    assert ask(app, "/beta/auditLogs/signIns").status_code == 403
    assert ask(app, "/providers/microsoft.aadiam/diagnosticSettings").status_code == 503
    assert ask(app, "/v1.0/users/$count", headers=EVENTUAL).status_code == 400


def test_an_unusable_answer_and_half_a_list(tmp_path):
    app = evidence(
        tmp_path,
        FILES,
        [gap("guests", "GET /v1.0/users", "incomplete-list"), gap("domains", "GET /v1.0/domains", "unusable-answer")],
    )
    assert len(ask(app, GUESTS).json()["value"]) == 3
    assert ask(app, "/v1.0/users/$count?$filter=userType eq 'Guest'", headers=EVENTUAL).text == "4"
    with pytest.raises(json.JSONDecodeError):
        ask(app, "/v1.0/domains").json()


def test_a_damaged_recording_costs_its_own_answer(tmp_path):
    app = evidence(tmp_path, FILES)
    (tmp_path / "v1.0/groups.ndjson").write_text("{\n")
    response = ask(app, "/v1.0/groups")
    assert code(response) == (500, "InternalServerError")
    assert "groups.ndjson, line 1" in response.json()["error"]["message"]
    assert ask(app, GUESTS).status_code == 200


# -- a real recording --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["contoso", "halfblind"])
def test_a_recording_of_the_replay_has_the_same_bytes(tmp_path, name):
    first = _recorded(load_tenant(find_sample(name)), tmp_path / "first")
    again = _recorded(load_tenant(first), tmp_path / "again")
    files = {p.relative_to(first) for p in first.rglob("*") if p.is_file()}
    assert files == {p.relative_to(again) for p in again.rglob("*") if p.is_file()}
    for file in files - {Path("manifest.json")}:
        assert (first / file).read_bytes() == (again / file).read_bytes(), file
    gaps = [
        sorted((g["fact"], g["reason"]) for g in json.loads((root / "manifest.json").read_bytes())["gaps"])
        for root in (first, again)
    ]
    assert gaps[0] == gaps[1]


def _recorded(tenant, root):
    app = create_app(tenant)

    async def run():
        transport = httpx.ASGITransport(app=app)
        reader = open_reader("http://127.0.0.1", None, transport=transport, clock=lambda: tenant.clock)
        await collect(reader, Plan(root, lambda: tenant.clock, Settings()))
        await reader.aclose()

    asyncio.run(run())
    assert {r.method for r in app.state.requests} <= {"GET", "POST"}
    assert all(r.path.endswith("/$batch") for r in app.state.requests if r.method == "POST")
    return root
