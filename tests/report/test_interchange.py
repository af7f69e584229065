"""SARIF, OSCAL, OCSF and JUnit: what others' programs rely on, and what must never be claimed."""

import io
import json
import re
import uuid
from xml.etree import ElementTree as Xml

import pytest

from posture.controls.registry import Outcome
from posture.report import FORMATS
from tests.report import builder


def rendered(name: str, run) -> bytes:
    out = io.BytesIO()
    FORMATS[name].render(run, out)
    return out.getvalue()


@pytest.fixture(scope="module")
def usual(tmp_path_factory):
    return builder.run(tmp_path_factory.mktemp("usual"))


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    return builder.hostile_run(tmp_path_factory.mktemp("hostile"))


def codes(run, *outcomes: Outcome) -> set[str]:
    return {f.control.code for f in run.assessment.findings if f.outcome in outcomes}


OPEN = (Outcome.FAIL, Outcome.PARTIAL)


@pytest.mark.parametrize("name", ["sarif", "oscal", "ocsf", "junit"])
def test_the_same_run_gives_the_same_bytes(name, tmp_path):
    assert rendered(name, builder.run(tmp_path / "a")) == rendered(name, builder.run(tmp_path / "b"))


@pytest.mark.parametrize("name", ["sarif", "oscal", "ocsf", "junit"])
def test_hostile_text_is_valid_utf8_without_controls(name, hostile):
    source = rendered(name, hostile).decode("utf-8")
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]", source)


# SARIF


def test_sarif_has_one_result_for_each_open_finding_and_none_for_the_rest(usual):
    (run,) = json.loads(rendered("sarif", usual))["runs"]
    assert {r["ruleId"] for r in run["results"]} == codes(usual, *OPEN)
    rules = run["tool"]["driver"]["rules"]
    for result in run["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
        assert result["locations"][0]["physicalLocation"]["region"]["startLine"] == 1
        assert len(result["partialFingerprints"]["postureControl/v1"]) == 64
    prints = [r["partialFingerprints"]["postureControl/v1"] for r in run["results"]]
    assert len(set(prints)) == len(prints)


def test_sarif_says_what_was_not_assessed(usual):
    (run,) = json.loads(rendered("sarif", usual))["runs"]
    told = {n["descriptor"]["id"] for n in run["invocations"][0]["toolExecutionNotifications"]}
    assert told == codes(usual, Outcome.NOT_ASSESSED, Outcome.MANUAL, Outcome.ERROR)


def test_sarif_suppresses_what_is_accepted(usual):
    (run,) = json.loads(rendered("sarif", usual))["runs"]
    held = {r["ruleId"]: r["suppressions"] for r in run["results"] if "suppressions" in r}
    assert list(held) == ["GUEST-INV-001"]
    assert held["GUEST-INV-001"][0]["status"] == "accepted"


def test_a_tenants_brackets_make_no_link_in_sarif(hostile):
    (run,) = json.loads(rendered("sarif", hostile))["runs"]
    texts = [r["message"]["text"] for r in run["results"]]
    texts += [n["message"]["text"] for n in run["invocations"][0]["toolExecutionNotifications"]]
    for text in texts:
        assert not re.search(r"(?<!\\)\[", text)
    for result in run["results"]:
        assert re.fullmatch(
            r"[A-Za-z0-9._~/%-]+", result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
        )


# OSCAL


def walk(value, path=""):
    yield path, value
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from walk(inner, f"{path}/{key}")
    elif isinstance(value, list):
        for inner in value:
            yield from walk(inner, f"{path}/[]")


@pytest.mark.parametrize("which", ["usual", "hostile"])
def test_oscal_identifiers_are_there_once_and_every_reference_has_its_object(which, request):
    document = json.loads(rendered("oscal", request.getfixturevalue(which)))
    found = list(walk(document))
    ids = [v for p, v in found if p.endswith("/uuid")]
    assert len(ids) == len(set(ids))
    assert all(uuid.UUID(i).version == 5 for i in ids)
    refs = [v for p, v in found if p.endswith("-uuid")]
    refs.append(document["assessment-results"]["import-ap"]["href"].removeprefix("#"))
    assert set(refs) <= set(ids)
    for path, value in found:
        if isinstance(value, str):
            assert value.strip(), path
        assert value != [], path
    for path, value in found:
        if path.endswith(("/target-id", "/control-id", "/props/[]/name")):
            assert re.fullmatch(r"[A-Za-z_][A-Za-z0-9._-]*", value)


def test_oscal_calls_nothing_satisfied_that_was_not_assessed(usual):
    (result,) = json.loads(rendered("oscal", usual))["assessment-results"]["results"]
    states = {f["target"]["target-id"].upper(): f["target"]["status"]["state"] for f in result["findings"]}
    assert {c for c, s in states.items() if s == "satisfied"} == codes(usual, Outcome.PASS)
    assert {c for c, s in states.items() if s == "not-satisfied"} == codes(usual, *OPEN)
    assert len(result["observations"]) == len(usual.assessment.findings)
    assert {r["status"] for r in result["risks"]} == {"open", "deviation-approved"}


# OCSF


def test_ocsf_statuses(usual):
    events = json.loads(rendered("ocsf", usual))
    by_status = {}
    for event in events:
        assert event["class_uid"] == 2003
        assert event["type_uid"] == 200301
        assert event["severity_id"] in range(1, 6)
        assert "resource" not in event
        by_status.setdefault(event["compliance"]["status"], set()).add(event["compliance"]["control"])
    assert by_status["Pass"] == codes(usual, Outcome.PASS)
    assert by_status["Fail"] == codes(usual, *OPEN)
    assert by_status["Warning"] == codes(usual, Outcome.NOT_ASSESSED, Outcome.MANUAL, Outcome.ERROR)
    accepted = next(e for e in events if e["compliance"]["control"] == "GUEST-INV-001")
    assert accepted["status"] == "Suppressed"
    assert {e["status"] for e in events if e["compliance"]["status"] == "Warning"} == {"Unknown"}


# JUnit


@pytest.mark.parametrize("which", ["usual", "hostile"])
def test_junit_counts_and_never_passes_what_was_not_assessed(which, request):
    run = request.getfixturevalue(which)
    root = Xml.fromstring(rendered("junit", run))
    cases = root.findall("./testsuite/testcase")
    assert len(cases) == len(run.assessment.findings) == int(root.get("tests"))
    for suite in root:
        assert int(suite.get("tests")) == len(suite)
        for attribute, tag in (("failures", "failure"), ("skipped", "skipped"), ("errors", "error")):
            assert int(suite.get(attribute)) == len(suite.findall(f"testcase/{tag}"))
    passed = {c.get("name").split()[0] for c in cases if len(c) == 0}
    assert passed == codes(run, Outcome.PASS)
    assert int(root.get("errors")) == len(codes(run, Outcome.ERROR))


def test_junit_skips_an_accepted_finding_with_its_reason(usual):
    root = Xml.fromstring(rendered("junit", usual))
    (case,) = [c for c in root.iter("testcase") if c.get("name").startswith("GUEST-INV-001")]
    assert "Accepted until 2026-12-31" in case.find("skipped").get("message")


# Others' models, where they are installed


@pytest.mark.parametrize("which", ["usual", "hostile"])
def test_others_read_it(which, request):
    run = request.getfixturevalue(which)
    trestle = pytest.importorskip("trestle.oscal.assessment_results", reason="compliance-trestle is not installed")
    sarif = pytest.importorskip("sarif_pydantic", reason="sarif-pydantic is not installed")
    ocsf = pytest.importorskip(
        "py_ocsf_models.events.findings.compliance_finding", reason="py-ocsf-models is not installed"
    )
    trestle.Model.parse_obj(json.loads(rendered("oscal", run)))
    sarif.Sarif.model_validate(json.loads(rendered("sarif", run)))
    for event in json.loads(rendered("ocsf", run)):
        ocsf.ComplianceFinding.model_validate(event)
