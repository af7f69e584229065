# ruff: noqa: E501 - the table below is read as a table
"""The same evidence under four profiles, where authorities differ: our outcomes, and theirs with the number of their item.

Each case is the kept tenant with one thing changed.
"""

import inspect
from typing import Any

import pytest

from posture.assess.evaluate import evaluate
from posture.assess.types import Finding
from posture.controls.registry import Outcome, catalogue
from posture.report import json_v1, markdown
from posture.settings import Profile, Settings
from tests import facts as f
from tests.kept import KEPT, kept_tenant

PASS, PARTIAL, FAIL, UNSEEN = Outcome.PASS, Outcome.PARTIAL, Outcome.FAIL, Outcome.NOT_ASSESSED
KEPT_FACTS = kept_tenant()
OPEN_OUT = f.cross_tenant_default(**{**KEPT_FACTS["cross_tenant_default"], "b2bCollaborationOutbound": f.OPEN})
OPEN_IN = f.cross_tenant_default(**{**KEPT_FACTS["cross_tenant_default"], "b2bCollaborationInbound": f.OPEN})
BLOCK, EMPTY, ANY = [f.b2b_policy(blocked=["rival.example"])], [f.b2b_policy([])], []
FLOW = {"id": "B2X_1", "apiConnectorConfiguration": {"postFederationSignup": {"id": "c"}}}

# code, what is changed, (posture, cis-m365-v7, scuba-aad, ms-zta), the authorities' items and verdicts
CASES: list[tuple[str, dict[str, Any], tuple[Outcome, Outcome, Outcome, Outcome], dict[str, str]]] = [
    ("GUEST-INV-001", {"authorization_policy": f.authorization_policy(allowInvitesFrom="adminsGuestInvitersAndAllMembers")},
     (PARTIAL, FAIL, FAIL, PASS), {"5.1.6.3": "fail", "MS.AAD.8.2v1": "fail", "21791": "pass"}),
    ("GUEST-INV-001", {"authorization_policy": f.authorization_policy(allowInvitesFrom="none")},
     (PASS, PASS, PASS, PASS), {"5.1.6.3": "pass", "MS.AAD.8.2v1": "fail", "21791": "pass"}),
    ("GUEST-INV-002", {"b2b_management_policies": BLOCK},
     (PARTIAL, FAIL, FAIL, FAIL), {"5.1.6.1": "fail", "MS.AAD.8.3v1": "fail", "21822": "fail", "21874": "fail"}),
    ("GUEST-INV-002", {"b2b_management_policies": EMPTY},
     (UNSEEN, PASS, UNSEEN, FAIL), {"5.1.6.1": "pass", "MS.AAD.8.3v1": "", "21822": "fail", "21874": ""}),
    ("GUEST-INV-003", {"authentication_flows_policy": f.authentication_flows_policy(enabled=True), "b2x_user_flows": [FLOW]},
     (PARTIAL, PARTIAL, PARTIAL, FAIL), {"21823": "fail"}),
    ("GUEST-INV-005", {},
     (PASS, FAIL, PASS, PASS), {"5.2.3.7": "fail"}),
    ("GUEST-INV-005", {"authentication_methods_policy": f.authentication_methods_policy("disabled")},
     (PARTIAL, PASS, PARTIAL, PARTIAL), {"5.2.3.7": "pass"}),
    ("GUEST-PER-001", {"authorization_policy": f.authorization_policy(guestUserRoleId=f.LIMITED_LEVEL)},
     (PARTIAL, PASS, PASS, FAIL), {"5.1.6.2": "pass", "MS.AAD.8.1v1": "pass", "21792": "fail", "AP07": "fail"}),
    ("GUEST-XTA-001", {"cross_tenant_default": OPEN_IN, "b2b_management_policies": EMPTY},
     (UNSEEN, PARTIAL, UNSEEN, FAIL), {"CISA.MS.AAD.8.3": "fail"}),
    ("GUEST-XTA-002", {"cross_tenant_default": OPEN_OUT},
     (PASS, PASS, PASS, PARTIAL), {"21790": "fail"}),
    ("GUEST-LIF-005", {},
     (PASS, PARTIAL, PASS, PASS), {"5.3.2": "fail"}),
    ("GUEST-WRK-002", {"sharepoint_settings": f.sharepoint_settings(sharingCapability="externalUserSharingOnly")},
     (PASS, PASS, FAIL, PASS), {"MS.SHAREPOINT.1.1v1": "fail", "7.2.3": "pass"}),
    ("GUEST-WRK-003", {"sharepoint_settings": f.sharepoint_settings(sharingDomainRestrictionMode="blockList", sharingBlockedDomainList=["rival.example"])},
     (PARTIAL, FAIL, PARTIAL, PARTIAL), {"7.2.6": "fail", "MS.SHAREPOINT.1.3v1": "", "sharepoint_external_sharing_managed": "pass"}),
    ("GUEST-WRK-004", {"sharepoint_settings": f.sharepoint_settings(isRequireAcceptingUserToMatchInvitedUserEnabled=False)},
     (PARTIAL, PASS, PARTIAL, PARTIAL), {"7.2.5": "pass"}),
]  # fmt: skip
IDS = [f"{code}-{n}" for n, (code, *_) in enumerate(CASES)]
PROFILES = (Profile.POSTURE, Profile.CIS_M365_V7, Profile.SCUBA_AAD, Profile.MS_ZTA)


def find(code: str, changes: dict[str, Any], profile: Profile) -> Finding:
    (control,) = (c for c in catalogue() if c.code == code)
    chosen = Settings(profile, KEPT.thresholds)
    return evaluate(f.snapshot(**{**KEPT_FACTS, **changes}), chosen, controls=(control,), hunts=False).findings[0]


@pytest.mark.parametrize(("code", "changes", "outcomes", "items"), CASES, ids=IDS)
def test_the_same_evidence_under_four_profiles(
    code: str, changes: dict[str, Any], outcomes: tuple[Outcome, ...], items: dict[str, str]
) -> None:
    found = {profile: find(code, changes, profile) for profile in PROFILES}
    assert tuple(found[p].outcome for p in PROFILES) == outcomes, [found[p].summary for p in PROFILES]
    for profile in PROFILES:
        told = {a.item: a.verdict for a in found[profile].authorities}
        for number, verdict in items.items():
            (item,) = (i for i in told if number in i)
            assert told[item] == verdict, f"{profile}: {item}"


@pytest.mark.parametrize(("code", "changes", "outcomes", "items"), CASES, ids=IDS)
def test_one_pass_judges_by_all_profiles(
    code: str, changes: dict[str, Any], outcomes: tuple[Outcome, ...], items: dict[str, str]
) -> None:
    for profile in PROFILES:
        assert find(code, changes, profile).profiles == tuple(zip(PROFILES, outcomes, strict=True))


def test_one_pass_scores_by_all_profiles() -> None:
    facts = {**KEPT_FACTS, "authorization_policy": f.authorization_policy(guestUserRoleId=f.LIMITED_LEVEL)}
    alone = {p: evaluate(f.snapshot(**facts), Settings(p, KEPT.thresholds), hunts=False).score for p in PROFILES}
    for found in alone.values():
        assert dict(found.by_profile) == {p: s.value for p, s in alone.items()}
    assert len({s.value for s in alone.values()}) > 1


def test_no_profile_is_told_of_what_was_not_read() -> None:
    refused = {"b2b_management_policies": f.gap("b2b_management_policies")}
    assert find("GUEST-INV-002", refused, Profile.POSTURE).profiles == ()
    assert find("GUEST-XTA-001", {"cross_tenant_default": OPEN_IN, **refused}, Profile.POSTURE).profiles == ()


def test_every_control_that_reads_the_profile_has_a_case() -> None:
    reads = {c.code for c in catalogue() if "profile" in inspect.signature(c.function).parameters}
    assert reads == {code for code, *_ in CASES}


def test_other_controls_say_the_same_under_every_profile() -> None:
    reads = {code for code, *_ in CASES}
    found = []
    for profile in PROFILES:
        chosen = Settings(profile, KEPT.thresholds)
        judged = evaluate(f.snapshot(**KEPT_FACTS), chosen, hunts=False).findings
        found.append({x.control.code: x for x in judged if x.control.code not in reads})
    assert found[0] == found[1] == found[2] == found[3]


@pytest.mark.parametrize("code", [c.code for c in catalogue() if c.authorities])
def test_an_authoritys_item_has_a_number_and_a_version(code: str) -> None:
    (control,) = (c for c in catalogue() if c.code == code)
    for authority in control.authorities:
        words = f"{authority.name} {authority.item}"
        if authority.name.startswith("CIS "):
            assert "(v" in words or " v7" in words, words
        if authority.name == "CISA SCuBA" and "Appendix" not in words:
            assert "MS." in words
            assert "v1" in words or "v2" in words, words


def test_the_reports_show_their_verdicts_beside_ours(tmp_path: Any) -> None:
    from tests.report import builder

    run = builder.run(tmp_path)
    found = {x["control"]: x for x in json_v1.document(run)["findings"]}
    per = {a["item"].partition(" ")[0].rstrip(":"): a["verdict"] for a in found["GUEST-PER-001"]["authorities"]}
    assert found["GUEST-PER-001"]["outcome"] == "partial"
    assert per == {"5.1.6.2": "pass", "MS.AAD.8.1v1": "pass", "21792": "fail", "AP07": "fail"}
    assert "21792: restricted only: fails" in markdown.whole(run)
    assert found["GUEST-PER-001"]["profiles"]["ms-zta"] == "fail"
    assert "**Under other profiles.** cis-m365-v7: holds; scuba-aad: holds; ms-zta: fails" in markdown.whole(run)


def test_nobody_is_quoted_on_what_was_not_read() -> None:
    refused = {"b2b_management_policies": f.gap("b2b_management_policies")}
    assert find("GUEST-INV-002", refused, Profile.POSTURE).authorities == ()
    assert find("GUEST-XTA-001", {"cross_tenant_default": OPEN_IN, **refused}, Profile.POSTURE).authorities == ()
