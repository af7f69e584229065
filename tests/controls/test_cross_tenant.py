"""GUEST-XTA-001 to -003: which tenants' people get in by default, and what is believed of them."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from posture.assess.types import Finding
from posture.controls.cross_tenant import (
    MICROSOFT_SUPPORT,
    claims_are_not_trusted_by_default,
    direct_connect_is_closed_by_default,
)
from posture.controls.registry import Outcome
from posture.errors import UnknownValueError
from posture.settings import Profile, Settings, Thresholds
from tests import facts as f

PASS, PARTIAL, FAIL, NOT_ASSESSED = Outcome.PASS, Outcome.PARTIAL, Outcome.FAIL, Outcome.NOT_ASSESSED
RANK = {FAIL: 0, PARTIAL: 1, PASS: 2}
SAMPLES = Path(__file__).parents[3] / "shared" / "graph" / "samples"

ONE_GROUP = f.b2b_setting("allowed", "allowed", users_target=f.object_id(1, 1))
BOTH_NARROW = f.b2b_setting("allowed", "allowed", users_target=f.object_id(1, 1), applications_target="Office365")
USERS_ONLY = f.b2b_setting("blocked", "allowed")
UNREADABLE = [
    f.ABSENT,
    None,
    "blocked",
    {},
    {**f.CLOSED, "usersAndGroups": None},
    {**f.CLOSED, "applications": {"accessType": "unknownFutureValue", "targets": [{"target": "AllApplications"}]}},
    {**f.CLOSED, "applications": {"accessType": "blocked", "targets": []}},
    {**f.CLOSED, "applications": {"accessType": None, "targets": [{"target": "AllApplications"}]}},
    {
        **f.CLOSED,
        "usersAndGroups": {"accessType": "blocked", "targets": [{"target": "AllUsers", "targetType": "agent"}]},
    },
]
ALLOW, BLOCK, EMPTY, ANY = [f.b2b_policy(["a.example"])], [f.b2b_policy(blocked=["b.example"])], [f.b2b_policy([])], []


WITH_LIST = f.config(inbound_stance="allow-with-domain-list")


# XTA-001


def inbound(setting: Any, settings: Settings | None = None, **facts: Any) -> Finding:
    known = {"cross_tenant_partners": [f.partner()], "b2b_management_policies": ANY}
    default = f.cross_tenant_default(b2bCollaborationInbound=setting)
    return f.judge("GUEST-XTA-001", settings=settings, cross_tenant_default=default, **{**known, **facts})


REFUSED_LIST = f.gap("b2b_management_policies")


@pytest.mark.parametrize(
    ("setting", "b2b", "deny", "with_list"),
    [
        (f.CLOSED, ANY, PASS, PASS),
        (f.CLOSED, REFUSED_LIST, PASS, PASS),
        (f.OPEN, ALLOW, PARTIAL, PASS),
        (f.OPEN, BLOCK, FAIL, FAIL),
        (f.OPEN, ANY, FAIL, FAIL),
        (f.OPEN, EMPTY, NOT_ASSESSED, NOT_ASSESSED),
        (f.OPEN, REFUSED_LIST, NOT_ASSESSED, NOT_ASSESSED),
        (f.OFFICE, ANY, PARTIAL, PARTIAL),
        (ONE_GROUP, ANY, PARTIAL, PARTIAL),
        (ONE_GROUP, ALLOW, PARTIAL, PASS),
        (f.ALL_BUT_ONE, ANY, PARTIAL, PARTIAL),
        (USERS_ONLY, ANY, PARTIAL, PARTIAL),
        (ONE_GROUP, REFUSED_LIST, PARTIAL, NOT_ASSESSED),
        *((wrong, ALLOW, NOT_ASSESSED, NOT_ASSESSED) for wrong in UNREADABLE),
    ],
)
def test_inbound_default(setting: Any, b2b: Any, deny: Outcome, with_list: Outcome) -> None:
    found = inbound(setting, b2b_management_policies=b2b)
    assert found.outcome is deny, found.summary
    assert inbound(setting, WITH_LIST, b2b_management_policies=b2b).outcome is with_list


@pytest.mark.parametrize(
    ("b2b", "words"),
    [(ANY, "any domain may be invited"), (BLOCK, "any domain may be invited, except 1 on the block list")],
)
def test_what_may_be_invited_is_said_as_it_is(b2b: Any, words: str) -> None:
    assert words in inbound(f.OPEN, b2b_management_policies=b2b).summary


def test_closed_without_a_partner_is_to_be_confirmed() -> None:
    found = inbound(f.CLOSED, cross_tenant_partners=[])
    assert found.outcome is PARTIAL
    assert "no partner" in found.summary
    assert inbound(f.CLOSED, WITH_LIST, cross_tenant_partners=[]).outcome is PARTIAL
    support = f.partner(tenantId=MICROSOFT_SUPPORT, isServiceProvider=True)
    assert inbound(f.CLOSED, cross_tenant_partners=[support]).outcome is PARTIAL, "Microsoft's support is no partner"
    listed = inbound(f.CLOSED, WITH_LIST, cross_tenant_partners=[], b2b_management_policies=ALLOW)
    assert listed.outcome is PASS, "no worse than open with the same list"
    refused = inbound(f.CLOSED, cross_tenant_partners=f.gap("cross_tenant_partners"))
    assert refused.outcome is NOT_ASSESSED


def test_an_empty_allow_list_is_read_as_the_profile_does() -> None:
    for profile, outcome in ((Profile.CIS_M365_V7, PARTIAL), (Profile.MS_ZTA, FAIL), (Profile.SCUBA_AAD, NOT_ASSESSED)):
        assert inbound(f.OPEN, Settings(profile=profile), b2b_management_policies=EMPTY).outcome is outcome


def test_a_stance_that_is_none() -> None:
    found = inbound(f.CLOSED, f.config(inbound_stance="whatever"))
    assert found.outcome is NOT_ASSESSED
    assert "inbound_stance" in found.summary


@pytest.mark.parametrize(
    ("setting", "ms_aad_8_3"), [(f.CLOSED, "pass"), (f.OPEN, "fail"), (USERS_ONLY, "fail"), (f.ALL_BUT_ONE, "pass")]
)
def test_maester_reads_the_access_types_alone(setting: Any, ms_aad_8_3: str) -> None:
    found = inbound(setting)
    assert found.authorities[0].item.startswith("CISA.MS.AAD.8.3")
    assert found.authorities[0].verdict == ms_aad_8_3


# XTA-002

SIDES = [f.OPEN, f.OFFICE, BOTH_NARROW, f.CLOSED]


@pytest.mark.parametrize(
    ("changes", "plain", "outbound_too"),
    [
        ({}, PASS, PARTIAL),
        ({"b2bCollaborationOutbound": f.CLOSED}, PASS, PASS),
        ({"b2bCollaborationOutbound": ONE_GROUP}, PASS, PASS),
        ({"b2bDirectConnectOutbound": f.OPEN}, PARTIAL, PARTIAL),
        ({"b2bDirectConnectOutbound": f.OFFICE}, PARTIAL, PARTIAL),
        ({"b2bDirectConnectInbound": BOTH_NARROW}, PARTIAL, PARTIAL),
        ({"b2bDirectConnectInbound": f.ALL_BUT_ONE}, PARTIAL, PARTIAL),
        ({"b2bDirectConnectInbound": f.OPEN}, FAIL, FAIL),
        ({"b2bDirectConnectInbound": f.OFFICE}, FAIL, FAIL),
        ({"b2bDirectConnectInbound": USERS_ONLY}, FAIL, FAIL),
        *(
            ({key: wrong}, NOT_ASSESSED, NOT_ASSESSED)
            for key in ("b2bDirectConnectInbound", "b2bDirectConnectOutbound", "b2bCollaborationOutbound")
            for wrong in UNREADABLE
        ),
    ],
)
def test_direct_connect(changes: dict[str, Any], plain: Outcome, outbound_too: Outcome) -> None:
    default = f.cross_tenant_default(**changes)
    for chosen, outcome in (
        (Settings(), plain),
        (f.config(score_outbound=True), outbound_too),
        (Settings(profile=Profile.MS_ZTA), outbound_too),
    ):
        found = f.judge("GUEST-XTA-002", cross_tenant_default=default, settings=chosen)
        assert found.outcome is outcome, found.summary
        if outcome is not NOT_ASSESSED:
            again = direct_connect_is_closed_by_default(default, chosen.thresholds, chosen.profile)
            assert again.outcome is outcome


@pytest.mark.parametrize(
    ("collaboration", "direct", "zta_21790"),
    [
        (f.CLOSED, f.CLOSED, "pass"),
        (f.OPEN, f.CLOSED, "fail"),
        (ONE_GROUP, f.CLOSED, "fail"),
        (f.CLOSED, f.OPEN, "fail"),
    ],
)
def test_authority_on_outbound(collaboration: Any, direct: Any, zta_21790: str) -> None:
    default = f.cross_tenant_default(b2bCollaborationOutbound=collaboration, b2bDirectConnectOutbound=direct)
    found = f.judge("GUEST-XTA-002", cross_tenant_default=default)
    assert found.authorities[0].item.startswith("21790")
    assert found.authorities[0].verdict == zta_21790


# XTA-003


@pytest.mark.parametrize(
    ("trust", "setting", "outcome", "allowed"),
    [
        (f.inbound_trust(), f.OPEN, PASS, PASS),
        (f.inbound_trust(mfa=True), f.OPEN, FAIL, PASS),
        (f.inbound_trust(mfa=True), ONE_GROUP, PARTIAL, PASS),
        (f.inbound_trust(mfa=True), f.CLOSED, PARTIAL, PASS),
        (f.inbound_trust(compliant=True), f.CLOSED, FAIL, FAIL),
        (f.inbound_trust(hybrid=True), f.CLOSED, FAIL, FAIL),
        (f.inbound_trust(True, True, True), f.OPEN, FAIL, FAIL),
        (f.inbound_trust(), None, PASS, PASS),
        (f.inbound_trust(mfa=None, hybrid=True), f.CLOSED, FAIL, FAIL),
        (f.inbound_trust(mfa=True, hybrid=None), f.OPEN, NOT_ASSESSED, NOT_ASSESSED),
        (f.inbound_trust(mfa=True), None, NOT_ASSESSED, PASS),
        *((wrong, f.CLOSED, NOT_ASSESSED, NOT_ASSESSED) for wrong in (f.ABSENT, None, {}, "x", [])),
        *(
            (f.inbound_trust(**{k: w}), f.CLOSED, NOT_ASSESSED, NOT_ASSESSED)
            for k in ("mfa", "compliant", "hybrid")
            for w in (None, "false", 0)
        ),
    ],
)
def test_trust_by_default(trust: Any, setting: Any, outcome: Outcome, allowed: Outcome) -> None:
    default = f.cross_tenant_default(inboundTrust=trust, b2bCollaborationInbound=setting)
    found = f.judge("GUEST-XTA-003", cross_tenant_default=default)
    assert found.outcome is outcome, found.summary
    chosen = f.config(allow_default_mfa_trust=True)
    assert f.judge("GUEST-XTA-003", cross_tenant_default=default, settings=chosen).outcome is allowed
    if outcome is NOT_ASSESSED:
        with pytest.raises(UnknownValueError):
            claims_are_not_trusted_by_default(default, Thresholds())
    else:
        assert claims_are_not_trusted_by_default(default, Thresholds()).outcome is outcome


# Published bodies


def test_microsofts_samples() -> None:
    if not SAMPLES.is_dir():
        pytest.skip("Microsoft's published bodies are not beside this checkout")
    default = json.loads((SAMPLES / "crossTenantAccessPolicy.default.v1.json").read_text())
    rows = json.loads((SAMPLES / "crossTenantAccessPolicy.partners.v1.json").read_text())["value"]
    facts: dict[str, Any] = {
        "cross_tenant_default": default,
        "cross_tenant_partners": rows,
        "b2b_management_policies": [],
    }
    for code, outcome in (
        ("GUEST-XTA-001", FAIL),
        ("GUEST-XTA-002", PASS),
        ("GUEST-XTA-003", PASS),
        ("GUEST-XTA-004", PARTIAL),
        ("GUEST-XTA-005", NOT_ASSESSED),  # without $expand nothing is known of synchronization
    ):
        assert f.judge(code, **facts).outcome is outcome, code
    known = f.config(approved_partner_tenant_ids=(f.object_id(1, 7),))
    assert f.judge("GUEST-XTA-004", settings=known, **facts).outcome is FAIL


# Safer never looks worse

SETTINGS = st.sampled_from(SIDES)


@settings(max_examples=80)
@given(SETTINGS, SETTINGS, SETTINGS, st.sampled_from([f.CLOSED, BOTH_NARROW]), st.booleans())
def test_closing_a_side_is_never_worse(one: Any, two: Any, three: Any, safer: Any, scored: bool) -> None:
    keys = ("b2bDirectConnectInbound", "b2bDirectConnectOutbound", "b2bCollaborationOutbound")
    given_ = dict(zip(keys, (one, two, three), strict=True))

    def rank(**changes: Any) -> int:
        default = f.cross_tenant_default(**{**given_, **changes})
        return RANK[
            direct_connect_is_closed_by_default(default, Thresholds(score_outbound=scored), Profile.POSTURE).outcome
        ]

    for key in keys:
        if SIDES.index(given_[key]) <= SIDES.index(safer):
            assert rank(**{key: safer}) >= rank()


@settings(max_examples=80)
@given(st.lists(st.booleans(), min_size=3, max_size=3), st.integers(0, 2), SETTINGS, st.booleans())
def test_trusting_less_is_never_worse(flags: list[bool], which: int, setting: Any, allow: bool) -> None:
    def rank(trust: list[bool], inbound_setting: Any) -> int:
        default = f.cross_tenant_default(inboundTrust=f.inbound_trust(*trust), b2bCollaborationInbound=inbound_setting)
        chosen = Thresholds(allow_default_mfa_trust=allow)
        return RANK[claims_are_not_trusted_by_default(default, chosen).outcome]

    assert rank([f_ and n != which for n, f_ in enumerate(flags)], setting) >= rank(flags, setting)
    assert rank(flags, f.CLOSED) >= rank(flags, setting)


@settings(max_examples=60)
@given(
    SETTINGS,
    st.sampled_from([ANY, BLOCK, ALLOW]),
    st.sampled_from([Settings(), WITH_LIST]),
    st.sampled_from([[], [f.partner()]]),
)
def test_a_tighter_inbound_default_is_never_worse(setting: Any, b2b: Any, chosen: Settings, named: Any) -> None:
    def rank(made: Any, listed: Any) -> int:
        found = inbound(made, chosen, b2b_management_policies=listed, cross_tenant_partners=named)
        return RANK[found.outcome]

    assert rank(f.CLOSED, b2b) >= rank(setting, b2b)
    assert rank(setting, ALLOW) >= rank(setting, b2b)
