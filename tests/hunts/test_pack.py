"""The KQL pack: parsed by Microsoft's own parser, whatever a tenant is called; YAML that YAML readers read."""

import json
import re
import shutil
import subprocess
import uuid
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from posture.errors import OutputError, SettingsError
from posture.hunts.kql.catalogue import connectors, packed
from posture.hunts.kql.pack import write_pack
from posture.hunts.kql.parts import TABLES, constants
from posture.hunts.kql.queries import names, query
from posture.hunts.kql.text import block, scalar, string, strings
from posture.hunts.people import People
from posture.hunts.registry import hunts
from posture.settings import Settings, Thresholds
from tests.hunts import rows as r

CHECKER = Path(__file__).parent / "kql"
HOSTILE = (
    'a"); AuditLogs //',
    "back\\slash",
    "new\nline",
    "ünïcode.example",
    "emoji😀.example",
    "{x}",
    "%s",
    "\u2028",
    "\x00",
)


def ask(queries: dict[str, str]) -> dict[str, Any]:
    """Ask the parser about queries; skip where it is not installed."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed, so the KQL parser cannot run")
    if not (CHECKER / "node_modules" / "@kusto" / "language-service-next").exists():
        pytest.skip("run npm ci in tests/hunts/kql to check KQL with Microsoft's parser")
    tables = json.loads((CHECKER / "schemas.json").read_text("utf-8"))["tables"]
    done = subprocess.run(
        [node, "check.mjs"],
        cwd=CHECKER,
        input=json.dumps({"tables": tables, "queries": queries}),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)  # type: ignore[no-any-return]


PEOPLE = People(r.OURS, domains=frozenset({"contoso.example", "contoso.onmicrosoft.com"}))


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pack") / "kql"
    write_pack(folder, r.OURS.upper(), ["contoso.example", "contoso.onmicrosoft.com"])
    return folder


BROKEN = {
    "broken column": "AuditLogs | where Nonsense == 1",
    "broken table": "NoSuchTable | take 1",
    "broken syntax": "AuditLogs | whre Id == 'x'",
    "broken bracket": "AuditLogs | where (Id == 'x'",
    "broken text": "AADNonInteractiveUserSignInLogs | extend C = LocationDetails.city",
}
SOME = ("new-inviters", "guests-in-portals")
"""Between them they hold every list of values."""


def hostile_query(name: str) -> str:
    people = People(r.OURS, domains=frozenset(HOSTILE), own_tenants=frozenset(HOSTILE))
    thresholds = Thresholds(approved_inviter_ids=HOSTILE, expected_countries=HOSTILE)
    return query(name, people, thresholds, external_ids=HOSTILE)


@pytest.fixture(scope="module")
def answers(pack: Path) -> dict[str, Any]:
    """What the parser says of everything asked in this module: one start of node."""
    asked = {p.stem: p.read_text("utf-8") for p in (pack / "hunting").glob("*.kql")}
    for file in (pack / "sentinel" / "rules").glob("*.yaml"):
        asked[f"rule {file.stem}"] = yaml.safe_load(file.read_text("utf-8"))["query"]
    asked |= {f"hostile {name}": hostile_query(name) for name in SOME}
    asked |= {"no tenant": query("guests-in-shells", People(), Thresholds()), **BROKEN}
    return ask(asked)


def test_every_query_parses_and_binds(answers: dict[str, Any]) -> None:
    asked = {name: a for name, a in answers.items() if not name.startswith("broken")}
    assert {name: a["errors"] for name, a in asked.items() if a["errors"]} == {}
    assert set(names()) <= set(asked)
    for item in packed():
        columns = set(answers[item.name]["columns"])
        wanted = {c for c in (item.who, item.who_id, item.ip, item.guest_id) if c}
        assert wanted <= columns, item.name
        assert "TimeGenerated" in columns or item.name == "guest-portal-map"
        assert len({c.casefold() for c in columns}) == len(columns)


def test_the_parser_finds_faults(answers: dict[str, Any]) -> None:
    assert all(answers[name]["errors"] for name in BROKEN)


def test_no_value_of_a_tenant_becomes_a_query(answers: dict[str, Any]) -> None:
    assert all(hostile_query(name).isascii() for name in names())
    for name in SOME:
        assert answers[f"hostile {name}"] == answers[name]


def test_hunting_yaml_holds_the_same_query(pack: Path) -> None:
    for file in (pack / "sentinel" / "hunting").glob("*.yaml"):
        text = yaml.safe_load(file.read_text("utf-8"))["query"]
        assert text.rstrip() in (pack / "hunting" / f"{file.stem}.kql").read_text("utf-8")


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=30).filter(lambda t: not re.search("[\ud800-\udfff]", t)))
def test_text_in_kql_and_yaml_comes_back(value: str) -> None:
    literal = string(value)
    assert literal.isascii()
    assert "\n" not in literal
    assert json.loads(literal) == value, "a KQL string of ours is a JSON string as well"
    assert yaml.safe_load(f"key: {scalar(value)}") == {"key": value}


def test_words_that_yaml_would_take_for_something_else() -> None:
    for word in ("true", "No", "null", "1.0", "", " x", "a: b", "- a", "#x", "2026-01-01", "plain words"):
        assert yaml.safe_load(f"- {scalar(word)}") == [word]
    with pytest.raises(ValueError, match="does not carry"):
        block("tab\there", 2)
    assert strings(["b", "a", "b"]) == 'dynamic(["a", "b"])'


def test_sentinel_yaml(pack: Path) -> None:
    rules = {p.stem: yaml.safe_load(p.read_text("utf-8")) for p in (pack / "sentinel" / "rules").glob("*.yaml")}
    hunting = {p.stem: yaml.safe_load(p.read_text("utf-8")) for p in (pack / "sentinel" / "hunting").glob("*.yaml")}
    assert set(hunting) == set(names())
    assert set(rules) == {item.name for item in packed() if item.alert}
    assert len({x["id"] for x in (*rules.values(), *hunting.values())}) == len(rules) + len(hunting)
    for name, rule in rules.items():
        uuid.UUID(rule["id"])
        assert rule["kind"] == "Scheduled"
        assert rule["severity"] in {"High", "Medium", "Low", "Informational"}
        assert (rule["queryFrequency"], rule["queryPeriod"], rule["triggerThreshold"]) == ("1d", "14d", 0)
        assert "let Lookback = 14d;" in rule["query"]
        assert len(rule["query"]) < 10_000, name
        assert {c["connectorId"] for c in rule["requiredDataConnectors"]} == set(connectors(rule["query"]))
        assert rule["version"] == "1.0.0"
    for found in hunting.values():
        assert not {"kind", "severity", "queryFrequency", "triggerOperator"} & set(found)
        assert found["tactics"]
        assert found["relevantTechniques"]


def test_sigma_yaml(pack: Path) -> None:
    files = sorted((pack / "sigma").glob("*.yml"))
    assert len(files) >= 15
    for file in files:
        rule = yaml.safe_load(file.read_text("utf-8"))
        uuid.UUID(rule["id"])
        assert rule["logsource"]["product"] == "azure"
        assert rule["logsource"]["service"] in {"auditlogs", "signinlogs"}
        assert rule["detection"]["condition"] == "selection"
        assert rule["level"] in {"critical", "high", "medium", "low", "informational"}
        assert all(re.fullmatch(r"attack\.(t\d{4}(\.\d{3})?|[a-z-]+)", tag) for tag in rule["tags"])
        assert len(rule["title"]) <= 256
        assert len(file.name) > 15


def test_one_query_a_hunt_and_a_page(pack: Path) -> None:
    assert {h.query for h in hunts()} <= set(names())
    assert {item.name for item in packed()} == set(names())
    page = (pack / "README.md").read_text("utf-8")
    for item in packed():
        assert f"| {item.code} | [{item.title}](hunting/{item.name}.kql) |" in page


def test_the_tenants_own_values_are_in_it(pack: Path) -> None:
    text = (pack / "hunting" / "guests-inviting-guests.kql").read_text("utf-8")
    assert f'let OwnTenant = "{r.OURS}";' in text
    assert 'let VerifiedDomains = dynamic(["contoso.example", "contoso.onmicrosoft.com"]);' in text
    assert 'contains "contoso' not in text


def test_every_name_a_query_uses_is_defined() -> None:
    values = constants(PEOPLE, Thresholds(), 30, ())
    assert not set(values) & set(TABLES)
    for name in names():
        text = query(name, PEOPLE, Thresholds())
        defined = re.findall(r"^let (\w+) =", text, re.MULTILINE)
        assert len(defined) == len(set(defined)), name
        places = {d: text.index(f"let {d} =") for d in defined}
        for d, place in places.items():
            assert not re.search(rf"\b{d}\b", text[:place]), f"{name}: {d} is used before it is defined"


def test_without_a_tenant_a_query_asks_the_log_for_it() -> None:
    text = query("guests-in-shells", People(), Thresholds())
    assert "let OwnTenant = toscalar(AuditLogs" in text


def test_written_again_the_same_and_private(pack: Path, tmp_path: Path) -> None:
    first = write_pack(tmp_path / "a", r.OURS, ["contoso.onmicrosoft.com", "contoso.example"])
    for path in first:
        name = path.relative_to(tmp_path / "a")
        assert path.read_bytes() == (pack / name).read_bytes()
        assert path.stat().st_mode & 0o077 == 0
    assert Settings().thresholds == Thresholds()


def test_what_cannot_make_a_pack_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="not a GUID"):
        write_pack(tmp_path, "contoso", ["contoso.example"])
    with pytest.raises(SettingsError, match="no verified domain"):
        write_pack(tmp_path, r.OURS, [" "])
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(OutputError):
        write_pack(blocked, r.OURS, ["contoso.example"])
    with pytest.raises(SettingsError, match="there is no query"):
        query("nothing", PEOPLE, Thresholds())


def test_many_external_members_are_left_out_and_said(tmp_path: Path) -> None:
    write_pack(
        tmp_path / "p", r.OURS, ["contoso.example"], external_member_ids=[str(uuid.UUID(int=n)) for n in range(500)]
    )
    assert "300 further external members" in (tmp_path / "p" / "README.md").read_text("utf-8")


def test_external_members_that_were_not_read_are_said(tmp_path: Path) -> None:
    for name, ids in (("unread", None), ("none", ())):
        write_pack(tmp_path / name, r.OURS, ["contoso.example"], external_member_ids=ids)
        said = "could not be read" in (tmp_path / name / "README.md").read_text("utf-8")
        assert said is (ids is None)
