import copy
import io
import json
from dataclasses import replace

import jsonschema_rs
import pytest

from posture.hunts.results import HuntResult, HuntRun, Window
from posture.report import json_v1
from tests import facts as f
from tests.report import builder

SCHEMA = json.loads(json_v1.schema_bytes())


def rendered(run) -> bytes:
    out = io.BytesIO()
    json_v1.render(run, out)
    return out.getvalue()


@pytest.fixture(scope="module")
def document(tmp_path_factory):
    return json.loads(rendered(builder.run(tmp_path_factory.mktemp("run"))))


@pytest.fixture(scope="module")
def validator():
    return jsonschema_rs.Draft202012Validator(SCHEMA, validate_formats=True)


def test_a_run_follows_its_schema(document, validator):
    assert [str(e) for e in validator.iter_errors(document)] == []
    assert document["findings"]


def test_a_hostile_run_follows_its_schema(tmp_path, validator):
    found = json.loads(rendered(builder.hostile_run(tmp_path)))
    assert [str(e) for e in validator.iter_errors(found)] == []


def objects(schema, path="#"):
    if isinstance(schema, dict):
        if schema.get("type") == "object" and "properties" in schema:
            yield path, schema
        for key, value in schema.items():
            yield from objects(value, f"{path}/{key}")
    elif isinstance(schema, list):
        for n, value in enumerate(schema):
            yield from objects(value, f"{path}/{n}")


def test_every_object_of_the_schema_is_closed_and_complete():
    found = list(objects(SCHEMA))
    assert len(found) > 15
    for path, schema in found:
        assert schema.get("additionalProperties") is False, path
        assert sorted(schema["required"]) == sorted(schema["properties"]), path


@pytest.mark.parametrize(
    "spoil",
    [
        lambda d: d.pop("gaps"),
        lambda d: d.update(extra=1),
        lambda d: d.update(schema_version=2),
        lambda d: d["findings"][0].update(outcome="fine"),
        lambda d: d["findings"][0].update(outcome="accepted"),
        lambda d: d["findings"][0].update(severity=3),
        lambda d: d["findings"][0].update(control="INV-001"),
        lambda d: d["findings"][0]["observed"][0].pop("request_id"),
        lambda d: d["findings"][0]["affected"].update(count=-1),
        lambda d: d["findings"][0]["affected"].update(sample=[{}] * 21),
        lambda d: d["score"].update(coverage=1.2),
        lambda d: d["guests"].update(total="many"),
        lambda d: d["gaps"][0].update(reason="weather"),
        lambda d: d.update(taken_at="yesterday"),
        lambda d: d["counts"].pop("not-assessed"),
    ],
)
def test_the_schema_refuses_what_is_wrong(document, validator, spoil):
    changed = copy.deepcopy(document)
    spoil(changed)
    assert not validator.is_valid(changed)


def test_not_assessed_always_says_why(document, validator):
    changed = copy.deepcopy(document)
    finding = next(f for f in changed["findings"] if f["outcome"] == "not-assessed")
    finding["gap"] = None
    assert not validator.is_valid(changed)


def test_the_bytes_depend_on_nothing_but_the_run(tmp_path):
    assert rendered(builder.run(tmp_path / "a")) == rendered(builder.run(tmp_path / "b"))


def test_arrays_are_sorted(document):
    assert [g["source"] for g in document["gaps"]] == sorted(g["source"] for g in document["gaps"])
    for finding in document["findings"]:
        keys = [(o["source"], o["property"]) for o in finding["observed"]]
        assert keys == sorted(keys)
        ids = [str(row["id"]) for row in finding["affected"]["sample"]]
        assert ids == sorted(ids)


def test_raw_values_are_kept(tmp_path):
    run = builder.hostile_run(tmp_path)
    document = json.loads(rendered(run))
    said = {lead["summary"] for lead in document["leads"]}
    for value in builder.hostile_values():
        assert value.encode("utf-16", "surrogatepass").decode("utf-16", "replace") in said


def test_proof_stands_beside_the_value(document):
    finding = next(f for f in document["findings"] if f["control"] == "GUEST-INV-001")
    seen = next(o for o in finding["observed"] if o["property"] == "allowInvitesFrom")
    assert seen["value"] == "everyone"
    assert seen["request_id"] == "request-authorization_policy"
    assert seen["retrieved_at"] == "2026-11-23T02:15:45.000Z"
    assert seen["file"] == "v1.0/authorization_policy.json"
    assert len(seen["sha256"]) == 64


def test_leads_come_with_how_far_anybody_looked(tmp_path, validator):
    run = builder.run(tmp_path)
    assert json_v1.document(run)["hunts"]["signal"] == "not hunted"
    window = Window("audits", "directory_audits", 3, f.TAKEN_AT, f.TAKEN_AT)
    runs = (
        HuntRun("HUNT-A", "A"),
        HuntRun("HUNT-B", "B", not_run="No sign-ins."),
        HuntRun("C", "C", limits=("Short.",)),
    )
    hunted = replace(run, assessment=replace(run.assessment, leads=(), hunts=HuntResult(windows=(window,), runs=runs)))
    found = json.loads(json_v1.dump(json_v1.document(hunted)))
    validator.validate(found)
    assert found["hunts"]["signal"] == "none in part"
    assert found["hunts"]["not_run"] == [{"hunt": "HUNT-B", "because": "No sign-ins."}]
    assert found["hunts"]["limited"] == [{"hunt": "C", "because": "Short."}]
