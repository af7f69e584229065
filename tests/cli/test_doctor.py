"""`posture doctor`: what it says before an audit is what the audit then finds."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from posture.collect.registry import gatherers
from posture.controls.registry import catalogue
from posture.emulator.tenant import find_sample, load_tenant
from posture.snapshot.types import GapReason
from tests.cli.run import Said, posture
from tests.collect.made import made
from tests.collect.world import run, tenant
from tests.emulator.world import tenant_at
from tests.samples.reading import read

SAMPLES = ("contoso", "dayone", "hardened", "halfblind")
OPTIONAL = {n for n, g in gatherers().items() if g.optional}


def _doctor(*arguments: str) -> dict[str, Any]:
    said = posture("doctor", *arguments, "--json", "--quiet")
    assert said.err == ""
    found: dict[str, Any] = json.loads(said.out)
    return found


@pytest.mark.parametrize("sample", SAMPLES)
def test_readable_is_what_an_audit_reads(tmp_path: Path, sample: str) -> None:
    found = _doctor("--sample", sample)
    snapshot = read(sample, tmp_path / "evidence")
    told = {s["source"]: s for s in found["sources"]}
    assert {n for n, s in told.items() if s["readable"]} == set(snapshot.facts)
    for name, source in told.items():
        if not source["readable"]:
            gap = snapshot.gaps[name]
            assert (source["reason"], source["unlock"]) == (gap.reason.value, gap.unlock), name


@pytest.mark.parametrize("sample", SAMPLES)
def test_with_every_optional_source_too(tmp_path: Path, sample: str) -> None:
    found = _doctor("--sample", sample, "--include", "all")
    snapshot = read(sample, tmp_path / "evidence", optional=OPTIONAL)
    assert {s["source"] for s in found["sources"]} == set(gatherers())
    assert {s["source"] for s in found["sources"] if s["readable"]} == set(snapshot.facts)


@pytest.mark.parametrize("sample", SAMPLES)
def test_assessable_is_what_an_audit_assesses(tmp_path: Path, sample: str) -> None:
    """What doctor calls out of reach is not assessed; what it calls assessable without a reserve is."""
    found = {c["control"]: c for c in _doctor("--sample", sample)["controls"]}
    out = posture("audit", "--sample", sample, "--quiet", "--out", str(tmp_path / "out")).out.splitlines()[-1]
    findings = json.loads((Path(out) / "assessment.json").read_text())["findings"]
    assert set(found) == {f["control"] for f in findings} == {c.code for c in catalogue()}
    for finding in findings:
        told = found[finding["control"]]
        if not told["assessable"] and not told["manual"]:
            assert finding["outcome"] in ("not-assessed", "manual"), finding["control"]
            assert told["unlock"], finding["control"]
        if finding["outcome"] in ("pass", "partial", "fail"):
            assert told["assessable"], finding["control"]
        if finding["outcome"] in ("not-assessed", "error") and told["assessable"]:
            assert told["without"], finding["control"]
            assert told["unlock"], finding["control"]


@pytest.mark.parametrize("sample", SAMPLES)
def test_requests_are_what_an_audit_sends(tmp_path: Path, sample: str) -> None:
    """For each list exactly, save that an empty or short list may take its counts alone."""
    found = {s["source"]: s for s in _doctor("--sample", sample)["sources"]}
    for name, source in found.items():
        if not source["readable"] or source["requests"] is None or name == "organization":
            continue
        needs = {"organization", *gatherers()[name].after} - {name}
        emulated = load_tenant(find_sample(sample))
        alone = len(run(emulated, tmp_path / "a", needs | {name}).sent) - len(run(emulated, tmp_path / "b", needs).sent)
        if source["at_most"]:
            assert alone <= source["requests"], name
        else:
            topped_up = 2 if source["tops_up"] else 0
            assert source["requests"] <= alone <= source["requests"] + topped_up, (name, alone, source["requests"])


@pytest.mark.parametrize("sample", SAMPLES)
def test_all_requests_are_those_of_an_audit(tmp_path: Path, sample: str) -> None:
    """Refused sources too; a list whose length nobody tells counts as one page, and these have few."""
    found = _doctor("--sample", sample)
    sent = len(run(load_tenant(find_sample(sample)), tmp_path / "run", None).sent)
    assert found["requests_at_least"] <= sent <= found["requests"] + 2 * len(found["requests_unknown"])
    assert not any(s["at_most"] for s in found["sources"])


def test_excluded_groups_that_are_gone_are_counted(tmp_path: Path) -> None:
    """More of them than the tenant has groups: each is asked about all the same."""
    tenant = tmp_path / "tenant"
    shutil.copytree(find_sample("hardened"), tenant)
    file = tenant / "v1.0/identity/conditionalAccess/policies.ndjson"
    policies = [json.loads(line) for line in file.read_text().splitlines()]
    policies[0]["conditions"]["users"]["excludeGroups"] += [f"0000dead-0000-4000-8000-{n:012d}" for n in range(45)]
    file.write_text("".join(json.dumps(p) + "\n" for p in policies))
    name = "privileged_group_members"
    (source,) = (s for s in _doctor("--sample", str(tenant))["sources"] if s["source"] == name)
    needs = {"organization", *gatherers()[name].after}
    runs = [run(load_tenant(tenant), tmp_path / str(n), w).sent for n, w in enumerate((needs | {name}, needs))]
    alone = len(runs[0]) - len(runs[1])
    assert 3 <= alone <= source["requests"]


def test_where_a_list_is_long_the_requests_lie_between_two_numbers(tmp_path: Path) -> None:
    emulated = made(tmp_path / "tenant", 3_000)
    found = _doctor("--sample", str(tmp_path / "tenant"))
    sent = len(run(emulated, tmp_path / "run", None).sent)
    assert found["requests_at_least"] <= sent <= found["requests"] + 2 * len(found["requests_unknown"])
    assert found["requests_at_least"] < found["requests"]


def test_one_question_a_source(tmp_path: Path) -> None:
    """The check itself costs a bounded number of requests, whatever the tenant."""
    import asyncio
    from datetime import UTC, datetime

    import httpx

    from posture.collect.check import check
    from posture.emulator.app import create_app
    from posture.graph.reader import open_reader

    app = create_app(tenant("contoso"))

    async def ask() -> int:
        reader = open_reader("http://127.0.0.1", transport=httpx.ASGITransport(app=app))
        now = datetime(2026, 11, 20, tzinfo=UTC)
        checks = await check(reader, cloud="global", scratch=tmp_path, lookback_days=30, taken_at=now, arm=reader)
        await reader.aclose()
        return len(checks)

    sources = asyncio.run(ask())
    assert len(app.state.requests) <= 2 * sources
    assert not list(tmp_path.rglob("*.ndjson*"))


def test_a_table_for_people() -> None:
    said = posture("doctor", "--sample", "halfblind", "--quiet")
    assert said.code == 3
    assert "Traceback" not in said.err
    for words in ("guest_sign_in_activity", "Needs Entra ID P1", "Grant GroupMember.Read.All", "GUEST-LIF-001"):
        assert words in said.out, words
    assert posture("doctor", "--sample", "hardened", "--quiet").code == 0


@pytest.mark.parametrize("command", [["doctor"], ["collect"], ["hunt"], ["kql", "--out", "pack"]])
def test_what_is_tried_again_is_told_to_who_asks(tmp_path: Path, command: list[str]) -> None:
    tenant_at(
        tmp_path / "bad",
        {},
        'permissions = "all"\n[[faults]]\nkind = "status"\npath = "v1.0/domains"\non = "first"\nstatus = 502\n',
    )
    said = posture(*command, "--sample", str(tmp_path / "bad"), "--verbose")
    assert "  retry: /v1.0/domains (try 1): 502" in said.err
    assert "retry" not in posture(*command, "--sample", str(tmp_path / "bad")).err


def test_it_says_where_each_value_comes_from(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("posture.toml").write_text("lookback-days = 14\n")
    monkeypatch.setenv("POSTURE_SAMPLE", "hardened")
    found = _doctor("--cloud", "global")
    settings = found["settings"]
    assert settings["cloud"] == {"value": "global", "from": "option"}
    assert settings["sample"]["value"] == "hardened"
    assert "POSTURE_SAMPLE" in settings["sample"]["from"]
    assert settings["lookback-days"]["value"] == "14"
    assert "posture.toml" in settings["lookback-days"]["from"]


def test_what_waits_for_a_declined_source_is_declined_with_it(tmp_path: Path) -> None:
    found = _doctor("--sample", "contoso", "--decline", "organization", "--decline", "groups")
    told = {s["source"]: s["declined"] for s in found["sources"]}
    left_out = {"organization", "external_members", "groups", "group_eligibilities", "teams_guest_settings"}
    assert left_out <= {name for name, declined in told.items() if declined}
    controls = {c["control"]: c for c in found["controls"]}
    assert controls["GUEST-LIF-010"]["unlock"] == ["Leave out --decline organization."]
    declined = frozenset({"organization", "groups"})
    audit = run(load_tenant(find_sample("contoso")), tmp_path / "run", None, declined=declined)
    assert audit.snapshot is not None
    assert {n for n, g in audit.snapshot.gaps.items() if g.reason is GapReason.DECLINED} == {
        name for name, declined in told.items() if declined
    }
    assert found["requests_at_least"] <= len(audit.sent) <= found["requests"] + 2 * len(found["requests_unknown"])


def test_every_cost_is_stated_and_can_be_declined() -> None:
    """Before it is paid: also what only reading will tell, and of sources that most audits want."""
    sources = _doctor("--sample", "contoso")["sources"]
    said = " ".join(posture("doctor", "--sample", "contoso", "--quiet").out.split())
    more = [s["source"] for s in sources if s["tops_up"]]
    assert {"guest_memberships", "guest_owned_objects", "group_owners"} <= set(more)
    assert f"20 or more others belong, in {', '.join(more)}." in said
    dear = [s["source"] for s in sources if s["cost"]]
    assert {"guest_memberships", "privileged_group_members", "guest_sign_in_activity"} <= set(dear)
    assert [name for name in dear if f"--decline {name} leaves it out" not in said] == []
    without = posture("doctor", "--sample", "contoso", "--quiet", *(w for n in dear for w in ("--decline", n))).out
    assert "leaves it out" not in without


def test_declined_sources_cost_nothing_and_are_named() -> None:
    whole, less = _doctor("--sample", "contoso"), _doctor("--sample", "contoso", "--decline", "guest_sign_in_activity")
    assert less["requests"] < whole["requests"]
    missing = {c["control"]: c["missing"] for c in less["controls"] if not c["assessable"] and not c["manual"]}
    assert "guest_sign_in_activity" in missing["GUEST-LIF-001"]


def test_nobody_there_is_one_line() -> None:
    said: Said = posture("doctor", "--graph-url", "http://127.0.0.1:1", "--quiet")
    assert said.code == 4
    assert "nothing could be read" in said.line


def test_a_permission_to_write_is_warned_about(monkeypatch: pytest.MonkeyPatch) -> None:
    """The token tells; posture itself sends reads alone."""
    from posture.cli import doctor
    from posture.cli.target import Session

    class Silent:
        on_event = None

    account = {"kind": "application", "permissions": ["User.Read.All", "User.ReadWrite.All", "Sites.FullControl.All"]}
    session = Session(Silent(), lambda: None, {"account": account}, "global")  # type: ignore[arg-type]  # asks nothing

    class Where:
        label, kind = "made", "sample"

    found = doctor._found(Where(), session, [], frozenset())  # type: ignore[arg-type]
    assert sorted(found["write_permissions"]) == ["Sites.FullControl.All", "User.ReadWrite.All"]
    from posture.cli.doctor_lines import lines

    found |= {"settings": {}, "unknown_variables": {}}
    text = "\n".join(lines(found, 100))
    assert "User.ReadWrite.All" in text
    assert "Warning" in text or "write" in text
