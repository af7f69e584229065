"""Each query of the pack, run by a KQL engine on this machine, finds the records the local hunt finds."""

import importlib.util
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from posture.hunts.kql.catalogue import packed
from posture.hunts.kql.queries import query
from posture.hunts.registry import hunts
from posture.hunts.run import hunt_files
from posture.settings import Settings, Thresholds
from tests.hunts import tenant_logs
from tests.shared import shared

pytest.importorskip(
    "duckdb_kql", reason="the KQL engine duckdb-kql is not installed; the queries are parsed all the same"
)

EXTRA = 10_000
LIMITS = Thresholds(pending_days=7, dormant_days=10)
"""Shorter than the defaults, so that a month of logs has something for every hunt."""


@pytest.fixture(scope="module")
def engine() -> ModuleType:
    path = shared("tools", "kql-run", "run_kql.py")
    spec = importlib.util.spec_from_file_location("run_kql", path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def exports(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The sample's logs as Log Analytics would export them."""
    folder = tmp_path_factory.mktemp("logs")
    tables = {
        "AuditLogs": tenant_logs.as_audit_logs(tenant_logs.audits()),
        "SigninLogs": tenant_logs.as_sign_in_logs(tenant_logs.sign_ins()),
        "AADNonInteractiveUserSignInLogs": tenant_logs.as_sign_in_logs(tenant_logs.quiet_sign_ins(), quiet=True),
    }
    files = {}
    for table, rows in tables.items():
        files[table] = folder / f"{table}.json"
        files[table].write_text(json.dumps(list(rows)), "utf-8")
    return files


@pytest.fixture(scope="module")
def database(engine: ModuleType, exports: dict[str, Path]) -> Any:
    """The exports in a database with Log Analytics' tables."""
    import duckdb_kql

    schema = json.loads(shared("tools", "kql-check", "tables.json").read_text("utf-8"))
    connection = duckdb_kql.connect()
    engine.load(connection, schema, list(exports.items()))
    return connection


@pytest.fixture(scope="module")
def local(exports: dict[str, Path]) -> dict[str, set[str]]:
    """The ids every local hunt's rows name, from the same exports."""
    result = hunt_files(list(exports.values()), tenant_logs.snapshot(), Settings(thresholds=LIMITS), keep=EXTRA)
    found: dict[str, set[str]] = {h.code: set() for h in hunts()}
    for lead in result.leads:
        for row in lead.rows:
            found[lead.hunt] |= set(row.get("ids", ()))
    return found


def run(database: Any, name: str) -> list[dict[str, Any]]:
    import duckdb_kql

    text = query(name, tenant_logs.people(), LIMITS, external_ids=tuple(tenant_logs.external_members()))
    pinned = f"set query_now=datetime({tenant_logs.NOW:%Y-%m-%dT%H:%M:%S});\n{text}"
    result = duckdb_kql.query(database, pinned)
    return [dict(zip(result.columns, row, strict=True)) for row in result.fetchall()]


def ids(rows: list[dict[str, Any]]) -> set[str]:
    found = set()
    for row in rows:
        for key in ("Id", "Ids", "InvitationRecord", "RedemptionRecord", "ResetRecord"):
            value = row.get(key)
            if isinstance(value, str) and value.startswith("["):
                value = json.loads(value)
            found |= {value} if isinstance(value, str) else set(value or ())
    return found - {""}


LOCAL = [p for p in packed() if p.code in {h.code for h in hunts()}]


@pytest.mark.parametrize("item", LOCAL, ids=lambda p: p.name)
def test_query_finds_what_the_hunt_finds(item: Any, database: Any, local: dict[str, set[str]]) -> None:
    assert local[item.code], "the sample has nothing for this hunt, so nothing would be proven"
    assert ids(run(database, item.name)) == local[item.code]
