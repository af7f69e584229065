"""`posture setup`: what it prints grants exactly what the chosen gatherers declare, in each tool's own words."""

import json
import re
from collections.abc import Callable

import pytest

from posture.collect.permissions import GRAPH_APP_ID, PERMISSIONS
from posture.collect.registry import gatherers
from posture.controls.registry import AREAS, catalogue, tallies
from tests.cli.run import posture

_GUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"


def _azure_cli(text: str) -> list[tuple[str, str]]:
    return re.findall(rf"--api {GRAPH_APP_ID} --api-permissions ({_GUID})=(Role|Scope)", text)


def _powershell(text: str) -> list[tuple[str, str]]:
    return re.findall(rf"@\{{ Id = '({_GUID})'; Type = '(Role|Scope)' \}}", text)


def _terraform(text: str) -> list[tuple[str, str]]:
    """Read the resource_access blocks as HCL has them."""
    blocks = re.findall(r"resource_access \{(.*?)\}", text, re.DOTALL)
    found = []
    for block in blocks:
        values = dict(re.findall(r'^\s*(id|type)\s*=\s*"([^"]+)"', block, re.MULTILINE))
        if "id" in values:
            found.append((values["id"], values["type"]))
    return found


DIALECTS: dict[str, Callable[[str], list[tuple[str, str]]]] = {
    "azure-cli": _azure_cli,
    "powershell": _powershell,
    "terraform": _terraform,
}


def _named(pairs: list[tuple[str, str]]) -> set[str]:
    """Return the permissions by name; each once, and of one kind."""
    assert len(set(pairs)) == len(pairs)
    kinds = {kind for _, kind in pairs}
    assert len(kinds) == 1
    by_id = {(i.application if kinds == {"Role"} else i.delegated): n for n, i in PERMISSIONS.items()}
    return {by_id[number] for number, _ in pairs}


def _declared(facts: set[str]) -> set[str]:
    """Return what the gatherers of these facts declare, and those they wait for."""
    known, todo, seen = gatherers(), list(facts), set()
    while todo:
        name = todo.pop()
        if name not in seen:
            seen.add(name)
            todo += known[name].after
    return {p.strip() for n in seen for p in known[n].permission.split("+") if p.strip() in PERMISSIONS}


def _of_controls(codes: set[str]) -> set[str]:
    known, tally = gatherers(), tallies()
    names = {n for c in catalogue() if c.code in codes for n in (*c.needs, *c.optional)}
    facts = {f for n in names for f in ((*tally[n].needs, *tally[n].optional) if n in tally else (n,))}
    return {"organization", *(facts & set(known))}


@pytest.mark.parametrize("kind", ["application", "delegated"])
@pytest.mark.parametrize("tool", DIALECTS)
def test_the_whole_set_is_what_all_gatherers_declare(tool: str, kind: str) -> None:
    said = posture("setup", "--as", tool, *(["--delegated"] if kind == "delegated" else []))
    assert said.code == 0
    pairs = DIALECTS[tool](said.out)
    assert {k for _, k in pairs} == {"Scope" if kind == "delegated" else "Role"}
    assert _named(pairs) == _declared({n for n, g in gatherers().items() if not g.optional})


@pytest.mark.parametrize("code", [c.code for c in catalogue()])
def test_each_control_alone(code: str) -> None:
    wanted = _declared(_of_controls({code}))
    for tool, text in _sections(posture("setup", "--control", code).out):
        assert _named(DIALECTS[tool](text)) == wanted, tool


def _sections(text: str) -> list[tuple[str, str]]:
    parts = re.split(r"^# --- (\S+) ---$", text, flags=re.MULTILINE)[1:]
    assert parts[::2] == list(DIALECTS)
    return list(zip(parts[::2], parts[1::2], strict=True))


@pytest.mark.parametrize("area", AREAS)
def test_each_area(area: str) -> None:
    codes = {c.code for c in catalogue() if c.area == area}
    found = json.loads(posture("setup", "--control", area, "--json").out)
    assert set(found["permissions"]) == _declared(_of_controls(codes))


def test_the_registration_is_of_one_tenant_and_asks_for_consent() -> None:
    said = posture("setup")
    assert "adminconsent?client_id=" in said.out
    assert said.out.count("AzureADMyOrg") == 3


def test_every_permission_is_one_of_reading() -> None:
    assert all(re.fullmatch(r"[A-Za-z]+(\.[A-Za-z0-9]+)*", name) for name in PERMISSIONS)
    assert not [name for name in PERMISSIONS if "Write" in name or "FullControl" in name or ".Manage" in name]


def test_every_declared_permission_is_known() -> None:
    """An Azure role is the one thing that no registration can hold."""
    unknown = {p.strip() for g in gatherers().values() for p in g.permission.split("+")} - set(PERMISSIONS)
    assert all(p.startswith("Azure role ") for p in unknown), unknown


def test_people_need_directory_roles_and_applications_none() -> None:
    assert json.loads(posture("setup", "--json").out)["roles"] == []
    found = json.loads(posture("setup", "--delegated", "--json").out)
    assert set(found["roles"]) == set(found["role_sources"])
    for role, sources in found["role_sources"].items():
        assert sources, role
        for source in sources:
            assert role in gatherers()[source].roles
            # A role that may change things is named only where no documented role that reads would do.
            assert role.endswith("Reader") or not any(r.endswith("Reader") for r in gatherers()[source].roles)
    assert set(found["facts"]) - {s for some in found["role_sources"].values() for s in some} == {
        n for n in found["facts"] if not gatherers()[n].roles
    }
    said = posture("setup", "--delegated").out
    assert "#   Global Administrator: b2b_management_policies" in said
    assert "#   Reports Reader: directory_audits" in said


@pytest.mark.parametrize("cloud", ["usgov", "dod", "china"])
def test_nothing_is_granted_for_what_a_cloud_lacks(cloud: str) -> None:
    found = json.loads(posture("setup", "--cloud", cloud, "--json").out)
    there = {n for n, g in gatherers().items() if not g.optional and cloud in g.clouds}
    assert set(found["facts"]) == there
    assert (
        set(found["permissions"]) == _declared(there) < set(json.loads(posture("setup", "--json").out)["permissions"])
    )


def test_the_consent_address_is_that_of_the_cloud() -> None:
    assert "https://login.microsoftonline.us/" in posture("setup", "--cloud", "usgov").out
    said = posture("setup", "--tenant", "contoso.example", "--client-id", "11111111-2222-4333-8444-555555555555")
    assert "/contoso.example/adminconsent?client_id=11111111-2222-4333-8444-555555555555" in said.out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--control", "GUEST-XXX-001"], ["XXX-001"]),
        (["--as", "chef"], ["chef", "terraform"]),
        (["--cloud", "moon"], ["moon", "usgov"]),
        (["--tenant", "a b; rm -rf /"], ["--tenant"]),
        (["--client-id", "$(id)"], ["--client-id"]),
    ],
)
def test_wrong_words_are_one_line(arguments: list[str], words: list[str]) -> None:
    said = posture("setup", *arguments)
    assert said.code == 2
    assert all(w in said.line for w in words)
