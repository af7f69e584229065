"""Parameters: each is read by somebody, declared by who reads it, documented with its default, and can be changed."""

import json
import re
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from posture.assess.evaluate import evaluate
from posture.cli import config
from posture.controls import page
from posture.controls.registry import Control, Outcome, catalogue
from posture.hunts import registry as hunting
from posture.settings import CHOICES, Profile, Settings, Thresholds
from tests import facts as f
from tests.kept import KEPT, NEGLECTED, kept_tenant, neglected_tenant
from tests.shared import shared

CONTROLS = catalogue()
CODES = [c.code for c in CONTROLS]
NAMES = [field.name for field in fields(Thresholds)]
README = Path(page.__file__).parent / "README.md"
READ_AND_NOT_USED = {("GUEST-PER-004", "allowed_excluded_app_ids"): "one application is asked for, not all of them"}


class Spy(Thresholds):
    """Thresholds that note which of them are read."""

    seen: set[str]

    def __getattribute__(self, name: str) -> Any:
        if name in NAMES:
            type(self).seen.add(name)
        return super().__getattribute__(name)


def tenants() -> Iterator[tuple[Thresholds, dict[str, Any]]]:
    """Yield tenants in which every parameter decides something for somebody."""
    kept, neglected = kept_tenant(), neglected_tenant()
    yield KEPT.thresholds, kept
    yield NEGLECTED.thresholds, neglected
    limited = {**kept["authorization_policy"], "guestUserRoleId": f.LIMITED_LEVEL}
    trusting = {**kept["cross_tenant_default"], "inboundTrust": f.inbound_trust(mfa=True)}
    yield KEPT.thresholds, {**kept, "authorization_policy": limited, "cross_tenant_default": trusting}


@pytest.mark.parametrize("control", CONTROLS, ids=CODES)
def test_a_control_reads_what_it_declares_and_nothing_else(control: Control) -> None:
    read: set[str] = set()
    for thresholds, facts in tenants():
        for profile in Profile:
            spy = Spy(**thresholds.__dict__)
            Spy.seen = set()
            evaluate(f.snapshot(**facts), Settings(profile, spy), controls=(control,), hunts=False)
            read |= Spy.seen
    read -= {name for code, name in READ_AND_NOT_USED if code == control.code}
    assert read == set(control.parameters)


def test_every_parameter_is_read_by_somebody() -> None:
    readers = {name for c in CONTROLS for name in c.parameters}
    hunters = {name for h in hunting.hunts() for name in page.parameters(h)}
    assert readers | hunters == set(NAMES)
    source = "\n".join(p.read_text() for p in Path(hunting.__file__).parent.glob("*.py"))
    for name in hunters:
        assert re.search(rf"\.{name}\b", source), f"a hunt speaks of {name} and none reads it"


@pytest.mark.parametrize("name", NAMES)
def test_it_is_documented_with_its_default(name: str) -> None:
    default = getattr(Thresholds(), name)
    shown = json.dumps(list(default) if isinstance(default, tuple) else default)
    text = README.read_text()
    assert f"| `{name}` | `{shown}` | [" in text
    for control in CONTROLS:
        if name in control.parameters:
            part = text.partition(f"### {control.code}\n")[2].partition("\n### ")[0]
            assert f"- `{name}` = `{shown}`" in part, control.code


def other(name: str) -> Any:
    """Return a value that is not the default."""
    default = getattr(Thresholds(), name)
    if isinstance(default, bool):
        return not default
    if isinstance(default, int | float):
        return default + 1
    if isinstance(default, tuple):
        return ["one", "two"]
    return next(word for word in CHOICES[name] if word != default)


@pytest.mark.parametrize("name", NAMES)
def test_posture_toml_changes_it(name: str, tmp_path: Path) -> None:
    file = tmp_path / "posture.toml"
    value = other(name)
    file.write_text(f"[parameters]\n{name} = {json.dumps(value)}\n")
    found = getattr(config.load(file).settings(Profile.POSTURE).thresholds, name)
    assert found == (tuple(value) if isinstance(value, list) else value)
    assert found != getattr(Thresholds(), name)


def test_defaults_are_those_published() -> None:
    yaml = pytest.importorskip("yaml")
    listed = yaml.safe_load(shared("controls", "catalogue.yaml").read_text(encoding="utf-8"))
    differ: dict[str, tuple[Any, Any]] = {}
    controls = [c for c in listed["controls"] if "-HUN-" not in c["id"]]
    for published in (*controls, {"parameters": listed["global_parameters"]}):
        for key, value in (published["parameters"] or {}).items():
            name = RENAMED.get(key, key)
            if name not in NAMES:
                assert key in NO_PARAMETERS, f"{published.get('id')}: {key}"
                continue
            default = getattr(Thresholds(), name)
            ours = list(default) if isinstance(default, tuple) else default
            if ours != value:
                differ[name] = (value, ours)
    assert set(differ) == set(DIFFERENT)
    theirs, ours = differ["highly_privileged_role_templates"]
    assert set(theirs.values()) < set(ours)
    assert len(ours) == len(theirs) + 1


RENAMED = {
    "partial_max_hours": "sign_in_frequency_partial_max_hours",
    "tolerance_pct": "stale_tolerance_pct",
    "max_interval_days": "review_max_interval_days",
    "cis_profile_interval_days": "review_cis_interval_days",
    "max_instance_days": "review_max_instance_days",
    "max_pct": "consumer_max_pct",
    "consumer_domain_suffixes": "consumer_domain_stems",
    "tolerated_roles": "tolerated_role_templates",
    "required_categories": "required_log_categories",
    "stance": "inbound_stance",
    "floor": "guest_level_floor",
}
DIFFERENT = {
    "highly_privileged_role_templates": "Privileged Authentication Administrator too: it resets administrators' MFA",
    "tolerated_role_templates": "the same role, without its name",
    "consumer_domain_stems": "the same names, without .*",
    "required_alerts": "the same five, in our words",
    "expect_allow_to_add_guests": "TOML has no null: nothing decided is an empty text",
    "inbound_stance": "the first of the two choices",
    "guest_level_floor": "the first of the two choices",
}
NO_PARAMETERS = {
    "accepted_values": "the rule itself; a profile or an accepted risk is the way to accept less",
    "partial_values": "the same",
    "accepted": "the same",
    "partial": "the same",
    "require": "the same",
    "empty_allowlist": "decided by the profile",
    "profile": "--profile",
    "require_mfa_control": "GUEST-INV-005 asks what GUEST-AUT-001 asks",
    "level_ids": "Microsoft's constants",
    "all_users_group_ratio": "sizes of groups are not read: it would take a request a group",
    "client_app_ids": "the five clients are constants, whose assignments the collector reads",
    "required_guest_types": "the six kinds Conditional Access knows",
    "optional_guest_types": "technicians of service providers, whom GDAP governs",
    "legacy_cutoff": "the day Microsoft's record begins",
    "external_scopes": "Microsoft's constants",
    "own_verified_domains": "a source, not a value",
    "treat_subdomains": "not documented by Microsoft: such guests are not judged",
    "skip_domains": "consumer_domains",
    "network_lookups": "none is ever made outside Graph",
    "allowed_external_member_tenants": "own_tenant_ids",
    "arm_enabled": "--include log_export",
    "answers_file": "[[attested]] in posture.toml",
    "compare_with": "GUEST-INV-002's list",
    "sample_teams": "all teams with guests are read",
    "scuba_extra": "SCuBA's verdict on GUEST-VIS-001 asks for them",
    "required": "the two categories GUEST-VIS-002 is about",
    "recommended": "the same",
    "accepted_findings": "[[accepted]] in posture.toml",
}
"""What the catalogue calls a parameter and is none here, each with the reason or with what takes its place."""


def test_a_permission_may_be_named_by_its_id() -> None:
    app = f.application(1, owners=[f.guest(1)])
    role = "11111111-2222-4333-8444-555555555555"
    facts = {
        "guests": [f.guest(1)],
        "applications": [app],
        "service_principals": [f.service_principal(1, appId=app["appId"])],
        "owned_app_permissions": [{"id": f.service_principal(1)["id"], "appRoleAssignments": [{"appRoleId": role}]}],
        "role_assignments": [f.role_row(f.member(800))],
    }

    def notes(*dangerous: str) -> tuple[Outcome, int]:
        chosen = Settings(thresholds=Thresholds(dangerous_app_permissions=dangerous))
        found = f.judge("GUEST-PRV-003", settings=chosen, **facts)
        return found.outcome, len(found.notes)

    assert notes() == (Outcome.FAIL, 0)
    assert notes(role.upper()) == (Outcome.FAIL, 1)
    assert notes("mail.readwrite") == (Outcome.FAIL, 0)
    assert notes("Mail.Read") == (Outcome.NOT_ASSESSED, 0)
