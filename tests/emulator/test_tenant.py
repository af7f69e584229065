"""tenant.toml is read strictly, samples are found, damaged ones stop the start."""

from pathlib import Path

import pytest

from posture.emulator import toml
from posture.emulator.app import create_app
from posture.emulator.faults import load_faults
from posture.emulator.tenant import Generate, find_sample, load_tenant, sample_names
from posture.errors import EvidenceError, SettingsError
from tests.emulator.world import CLOCK, guest, tenant_at


def _load(root, toml):
    root.mkdir(exist_ok=True)
    (root / "tenant.toml").write_text(toml)
    return load_tenant(root)


def test_a_whole_tenant_toml(tmp_path):
    tenant = _load(
        tmp_path / "made",
        f"""
title = "A tenant"
clock = {CLOCK}
cloud = "usgov"
licences = ["P1"]
permissions = ["User.Read.All"]
[quirks]
page_size = 3
date_decimals = 7
[[faults]]
kind = "throttled"
path = "/v1.0/users"
on = [1, 3]
retry_after = "date+5"
[generate]
guests = 1_000
seed = 4
pending = 0
""",
    )
    assert tenant.name == "made"
    assert tenant.title == "A tenant"
    assert tenant.clock.isoformat() == "2026-11-20T08:15:00+00:00"
    assert (tenant.cloud, tenant.licences) == ("usgov", {"P1"})
    assert tenant.premium
    assert not tenant.governed
    assert tenant.permissions == {"User.Read.All"}
    assert tenant.quirks.page_size == 3
    assert tenant.faults[0].path == "v1.0/users"
    assert tenant.faults[0].on == (1, 3)
    assert tenant.generate == Generate(1000, seed=4, pending=0.0)


@pytest.mark.parametrize(
    ("toml", "words"),
    [
        ("", "clock is missing"),
        ("clock = 2026-11-20T08:15:00", "clock must be a time with its zone"),
        ('clock = "yesterday"', "clock must be a time"),
        (f"clock = {CLOCK}\nlicense = []", "license is not a key here; did you mean licences?"),
        (f'clock = {CLOCK}\nlicences = ["E5"]', "licences holds 'E5'; known are P1, P2, Governance"),
        (f'clock = {CLOCK}\nlicences = "P1"', "licences must be a list of texts"),
        (f'clock = {CLOCK}\ncloud = "mars"', "cloud is 'mars'"),
        (f"clock = {CLOCK}\npermissions = true", 'permissions must be "all" or a list'),
        (f"clock = {CLOCK}\ntitle = 3", "title must be a text in quotes, not a number"),
        (f"clock = {CLOCK}\n[quirks]\npage_size = true", "quirks.page_size must be a whole number"),
        (
            f"clock = {CLOCK}\n[quirks]\nempty_pages = true",
            "quirks.empty_pages is not a key here; did you mean empty_page?",
        ),
        (f"clock = {CLOCK}\n[quirks]\ndate_decimals = 8", "quirks.date_decimals is 8; it must lie between -1 and 7"),
        (f"clock = {CLOCK}\nquirks = 3", "quirks must be a table"),
        (f"clock = {CLOCK}\n[generate]", "generate.guests is missing"),
        (f"clock = {CLOCK}\n[generate]\nguests = 5\npending = 2", "generate.pending is 2; it must lie between 0"),
        (f"clock = {CLOCK}\n[faults]\nkind = 'html'", "faults must be tables written [[faults]]"),
        (f"clock = {CLOCK}\n[[faults]]", "faults[1].kind is missing"),
        (f"clock = {CLOCK}\n[[faults]]\nkind = 'flood'", "faults[1].kind is 'flood'"),
        (f"clock = {CLOCK}\n[[faults]]\nkind = 'html'\nstatus = 3", "faults[1].status is not a key here"),
        (f"clock = {CLOCK}\n[[faults]]\nkind = 'html'\non = [0]", "faults[1].on must be"),
        (f"clock = {CLOCK}\n[[faults]]\nkind = 'status'", "faults[1].status is missing"),
        (f"clock = {CLOCK}\n[[faults]]\nkind = 'throttled'\nretry_after = 'dateish'", "faults[1].retry_after must be"),
        (f"clock = {CLOCK}\n[[faults]]\nkind = 'foreign-link'\nvariant = 'x'", "faults[1].variant is 'x'"),
        ("clock = ", "is not TOML"),
        ("x = 1\nx = 2", "is not TOML"),
    ],
)
def test_a_wrong_tenant_toml_names_file_and_key(tmp_path, toml, words):
    with pytest.raises(EvidenceError) as caught:
        _load(tmp_path, toml)
    message = str(caught.value)
    assert words in message
    assert "tenant.toml" in message
    assert "\n" not in message.split(":", 1)[0]


def test_a_folder_that_is_no_tenant(tmp_path):
    with pytest.raises(EvidenceError, match=r"neither tenant\.toml nor manifest\.json"):
        load_tenant(tmp_path)
    with pytest.raises(EvidenceError, match="is not a folder"):
        load_tenant(tmp_path / "absent")


def test_samples_are_found_by_name_and_by_path(tmp_path):
    assert {"contoso", "dayone", "halfblind", "hardened"} <= set(sample_names())
    assert find_sample("contoso").name == "contoso"
    assert find_sample(str(tmp_path)) == tmp_path
    for name in ("nosuch", "", "..x/nosuch", "a\x00b", "contoso/../nosuch"):
        with pytest.raises(SettingsError, match=r"known are .*contoso"):
            find_sample(name)


@pytest.mark.parametrize("name", ["contoso", "dayone", "halfblind", "hardened"])
def test_the_shipped_samples_start(name):
    assert create_app(load_tenant(find_sample(name)))


@pytest.mark.parametrize(
    ("file", "text", "words"),
    [
        ("v1.0/users.ndjson", '{"id":"a"}\n{"id":', "users.ndjson, line 2"),
        ("v1.0/users.ndjson", "[1]\n", "users.ndjson, line 1: not a JSON object"),
        ("v1.0/policies/authorizationPolicy.json", "<html>", "authorizationPolicy.json is not JSON"),
        ("v1.0/policies/authorizationPolicy.json", "[]", "authorizationPolicy.json is not a JSON object"),
        ("v1.0/polices/authorizationPolicy.json", "{}", "no single answer of Graph that is known here"),
        ("v1.0/user.ndjson", "", "no list of Graph that is known here"),
        ("v1.0/organization.ndjson.gz", "not gzip", "organization.ndjson.gz cannot be read"),
    ],
)
def test_a_damaged_or_misplaced_file_stops_the_start(tmp_path, file, text, words):
    root = tenant_at(tmp_path, {"v1.0/domains": []})
    (root / file).parent.mkdir(parents=True, exist_ok=True)
    (root / file).write_text(text)
    with pytest.raises(EvidenceError) as caught:
        create_app(load_tenant(root))
    assert words in str(caught.value)


def test_a_wrapped_single_and_labelled_lists_of_a_sample(tmp_path):
    root = tenant_at(tmp_path, {"v1.0/users": [guest(1)], "v1.0/users.signInActivity": [{"id": guest(1)["id"]}]})
    assert create_app(load_tenant(root))


def test_a_fault_plan_of_its_own(tmp_path):
    plan = tmp_path / "plan.toml"
    plan.write_text('[[faults]]\nkind = "html"\n')
    assert [f.kind for f in load_faults(plan)] == ["html"]
    plan.write_text("[[fault]]\n")
    with pytest.raises(EvidenceError, match=r"plan\.toml: fault is not a key here; did you mean faults\?"):
        load_faults(plan)
    with pytest.raises(EvidenceError, match="cannot be read"):
        load_faults(tmp_path / "absent.toml")


def test_a_tenant_toml_is_looked_at_before_it_is_read(tmp_path):
    for path in (Path("/dev/zero"), tmp_path):
        if path.exists():
            with pytest.raises(EvidenceError, match="no plain file"):
                toml.read(path)
    large = tmp_path / "tenant.toml"
    with large.open("wb") as file:
        file.truncate(1 << 40)  # a terabyte of nothing, which takes no room
    with pytest.raises(EvidenceError, match="larger than"):
        toml.read(large)
