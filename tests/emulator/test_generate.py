"""Made-up guests: the same for the same seed, consistent over all lists, cheap to page and to filter."""

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from posture.emulator.generate import GeneratedRows
from posture.emulator.odata import matcher, parse_filter
from posture.emulator.population import Population
from posture.emulator.tenant import Generate
from tests.emulator.world import EVENTUAL, app_of, ask, every, member
from tests.shared import shared

CLOCK = datetime(2026, 11, 20, 8, 15, tzinfo=UTC)
GUESTS = "/v1.0/users?$filter=userType eq 'Guest'"


def rows(guests=3000, **knobs):
    return GeneratedRows(Population(Generate(guests, **knobs), CLOCK, "home.onmicrosoft.com"))


ROWS = rows(seed=7)


def app(tmp_path, guests=2500, more="", files=None):
    return app_of(tmp_path, files or {}, f"[generate]\nguests = {guests}\nseed = 7\n{more}")


def test_the_same_seed_gives_the_same_guests_and_another_seed_others():
    assert [rows(seed=7).row(n) for n in (0, 5, 2999)] == [ROWS.row(n) for n in (0, 5, 2999)]
    assert rows(seed=8).row(5)["id"] != ROWS.row(5)["id"]


@given(st.integers(0, 2999))
def test_an_id_leads_back_to_its_guest(number):
    assert ROWS.find(ROWS.people.id_of(number)) == number
    assert ROWS.find(ROWS.people.id_of(number).upper()) == number


@given(st.uuids() | st.text(max_size=40))
def test_a_strange_id_leads_nowhere(key):
    found = ROWS.find(str(key))
    assert found is None or ROWS.people.id_of(found) == str(key).lower()


def test_ids_are_unique_and_look_random():
    ids = [ROWS.people.id_of(n) for n in range(3000)]
    assert len(set(ids)) == 3000
    assert ids != sorted(ids)
    assert all(len(i) == 36 and i[14] == "4" for i in ids)


def test_shares_are_met():
    made = rows(4000, seed=1, pending=0.25, sponsored=1, crowded=0, consumer=0)
    held = [made.row(n) for n in range(4000)]
    pending = sum(r["externalUserState"] == "PendingAcceptance" for r in held) / 4000
    assert 0.22 < pending < 0.28
    assert all(r["sponsors"] for r in held)
    assert all(r["mail"].endswith(".example") for r in held)
    assert all("signInActivity" not in r for r in held if r["externalUserState"] == "PendingAcceptance")
    assert all(r["signInActivity"]["lastSignInDateTime"] >= r["createdDateTime"] for r in held if "signInActivity" in r)


_dates = st.datetimes(datetime(2020, 11, 1), datetime(2026, 12, 31)).map(lambda d: d.strftime("%Y-%m-%dT%H:%M:%SZ"))  # noqa: DTZ001


@settings(max_examples=25, deadline=None)
@given(st.sampled_from(["ge", "gt", "le", "lt", "eq"]), _dates | st.integers(0, 199), _dates)
def test_a_range_of_creation_is_what_a_look_at_every_row_gives(op, bound, other):
    small = rows(200, seed=3)
    if isinstance(bound, int):
        bound = small.row(bound)["createdDateTime"]
    where = f"userType eq 'Guest' and createdDateTime {op} {bound} and createdDateTime le {other}"
    test = matcher(parse_filter(where))
    assert list(small.pick(parse_filter(where))) == [n for n in range(200) if test(small.row(n))]


@pytest.mark.parametrize(
    "where",
    [
        "externalUserState eq 'PendingAcceptance'",
        "userType eq 'Member'",
        "accountEnabled eq false and userType eq 'guest'",
    ],
)
def test_other_filters_look_at_the_rows(where):
    small = rows(300, seed=3)
    test = matcher(parse_filter(where))
    assert list(small.pick(parse_filter(where))) == [n for n in range(300) if test(small.row(n))]


def test_all_lists_tell_of_the_same_guests(tmp_path):
    made = app(tmp_path, more="crowded = 0.01\n", files={"v1.0/users": [member(1)]})
    base = every(made, f"{GUESTS}&$select=id,createdDateTime,externalUserState&$top=999")
    assert len(base) == 2500
    ids = [r["id"] for r in base]
    for side in (
        "$select=id,signInActivity&$top=500",
        "$select=id&$top=999&$expand=sponsors($select=id,displayName)",
        "$select=id&$top=999&$expand=transitiveMemberOf($select=id,displayName)",
    ):
        assert [r["id"] for r in every(made, f"{GUESTS}&{side}")] == ids
    details = every(made, "/v1.0/reports/authenticationMethods/userRegistrationDetails")
    assert [r["id"] for r in details] == ids
    assert len(made.state.requests) == 3 + 5 + 3 + 3 + 3
    assert ask(made, "/v1.0/users/$count?$filter=userType eq 'Guest'", headers=EVENTUAL).text == "2500"
    assert ask(made, "/v1.0/users/$count", headers=EVENTUAL).text == str(2500 + 25 + 1)


def test_partitions_add_up(tmp_path):
    made = app(tmp_path)
    whole = {r["id"] for r in every(made, f"{GUESTS}&$select=id&$top=999")}
    middle = every(made, f"{GUESTS}&$select=createdDateTime&$top=999")[1200]["createdDateTime"]
    parts = [
        {r["id"] for r in every(made, f"{GUESTS} and createdDateTime {op} {middle}&$select=id&$top=999")}
        for op in ("le", "ge")
    ]
    assert parts[0] | parts[1] == whole
    assert len(parts[0] & parts[1]) == 1
    count = f"/v1.0/users/$count?$filter=userType eq 'Guest' and createdDateTime le {middle}"
    assert ask(made, count, headers=EVENTUAL).text == str(len(parts[0]))


def test_memberships_agree_from_both_ends(tmp_path):
    made = app(tmp_path, guests=300, more="groups = 30\ncrowded = 0.02\n")
    held = {r["id"]: r["transitiveMemberOf"] for r in every(made, f"{GUESTS}&$select=id&$expand=transitiveMemberOf")}
    crowded = [i for i, groups in held.items() if len(groups) == 20]
    assert crowded
    full = {i: {g["id"] for g in every(made, f"/v1.0/users/{i}/transitiveMemberOf")} for i in held}
    assert all(len(full[i]) == 25 for i in crowded)
    group = next(iter(full[crowded[0]]))
    members = {m["id"] for m in every(made, f"/v1.0/groups/{group}/members")}
    assert members == {i for i, groups in full.items() if group in groups}


def test_the_quick_way_and_the_row_by_row_way_send_the_same(tmp_path):
    quick = app(tmp_path / "quick")
    # date_decimals = 0 leaves every text as it is and takes the quick way away.
    slow = app(tmp_path / "slow", more="[quirks]\ndate_decimals = 0\n")
    for query in (
        "$select=id,displayName,identities,createdDateTime&$top=50",
        "$select=signInActivity,id&$top=50",
        "$select=id&$expand=sponsors($select=id,userType)&$top=50",
        "$select=id&$expand=transitiveMemberOf($select=displayName)&$top=50",
        "$select=id&$expand=transitiveMemberOf&$top=50",
        "$select=id&$expand=ownedObjects&$top=50",
        "$top=50",
    ):
        left, right = (ask(a, f"{GUESTS}&{query}").json()["value"] for a in (quick, slow))
        assert left == right, query


def test_generated_bodies_are_valid_by_published_schemas(tmp_path):
    jsonschema_rs = pytest.importorskip("jsonschema_rs")
    published = json.loads(shared("graph", "openapi-slice.v1.json").read_text())
    made = app(tmp_path, guests=200)
    names = {
        "/v1.0/users?$select=id,userType,identities,signInActivity,createdDateTime": "microsoft.graph.user",
        "/v1.0/reports/authenticationMethods/userRegistrationDetails": "microsoft.graph.userRegistrationDetails",
        "/v1.0/groups": "microsoft.graph.group",
    }
    for url, name in names.items():
        schema = {"$ref": f"#/components/schemas/{name}", "components": _draft(published["components"])}
        validator = jsonschema_rs.validator_for(schema)
        for row in ask(made, url).json()["value"]:
            errors = [e.message for e in validator.iter_errors(row)]
            assert not errors, (url, errors[:3], row)


def _draft(schema):
    """Turn OpenAPI's `nullable` into a null alternative."""
    if isinstance(schema, list):
        return [_draft(s) for s in schema]
    if not isinstance(schema, dict):
        return schema
    made = {k: _draft(v) for k, v in schema.items() if k not in {"nullable", "example", "discriminator", "pattern"}}
    return {"anyOf": [made, {"type": "null"}]} if schema.get("nullable") is True else made


def test_a_million_guests_cost_no_memory():
    import tracemalloc

    tracemalloc.start()
    huge = rows(1_000_000, seed=7)
    for start in range(0, 1_000_000, 200_000):
        huge.render(range(start, start + 999), ("id", "mail"), "", None)
    assert len(huge.pick(parse_filter("userType eq 'Guest' and createdDateTime ge 2024-01-01T00:00:00Z"))) > 400_000
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 8 * 1024 * 1024
