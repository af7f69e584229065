"""GUEST-PER-001, -002, -003 and -006: what a guest may read and do by default."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from posture.assess.types import Finding
from posture.controls.guest_permissions import (
    GUESTS_CAN_READ,
    TABLE,
    consent_is_for_administrators,
    guests_read_only_their_own,
    members_create_nothing,
)
from posture.controls.registry import Outcome
from posture.errors import UnknownValueError
from posture.settings import Profile, Settings, Severity, Thresholds
from posture.snapshot.types import GapReason
from tests import facts as f

PASS, PARTIAL, FAIL, NOT_ASSESSED = Outcome.PASS, Outcome.PARTIAL, Outcome.FAIL, Outcome.NOT_ASSESSED
RANK = {FAIL: 0, PARTIAL: 1, PASS: 2}
REFUSED = f.gap("anything")
LEVELS = [f.MEMBER_LEVEL, f.LIMITED_LEVEL, f.RESTRICTED_LEVEL]
PROFILES = (Profile.POSTURE, Profile.CIS_M365_V7, Profile.SCUBA_AAD, Profile.MS_ZTA)


def items(finding: Finding) -> dict[str, str]:
    return {f"{a.name}, {a.item.split(':')[0]}": a.verdict for a in finding.authorities}


# PER-001


@pytest.mark.parametrize(
    ("level", "posture", "cis", "scuba", "zta"),
    [
        (f.MEMBER_LEVEL, FAIL, FAIL, FAIL, FAIL),
        (f.LIMITED_LEVEL, PARTIAL, PASS, PASS, FAIL),
        (f.RESTRICTED_LEVEL, PASS, PASS, PASS, PASS),
    ],
)
@pytest.mark.parametrize("spelt", [str.lower, str.upper, str.title])
def test_guest_level(level: str, spelt: Any, posture: Outcome, cis: Outcome, scuba: Outcome, zta: Outcome) -> None:
    policy = f.authorization_policy(guestUserRoleId=spelt(level))
    for profile, outcome in zip(PROFILES, (posture, cis, scuba, zta), strict=True):
        assert guests_read_only_their_own(policy, Thresholds(), profile).outcome is outcome
        found = f.judge("GUEST-PER-001", authorization_policy=policy, settings=Settings(profile=profile))
        assert found.outcome is outcome


@pytest.mark.parametrize(
    ("level", "cis_5_1_6_2", "ms_aad_8_1v1", "zta_21792", "ap07"),
    [
        (f.MEMBER_LEVEL, "fail", "fail", "fail", "fail"),
        (f.LIMITED_LEVEL.upper(), "pass", "pass", "fail", "fail"),
        (f.RESTRICTED_LEVEL, "pass", "pass", "pass", "pass"),
    ],
)
def test_authorities_on_the_level(level: str, cis_5_1_6_2: str, ms_aad_8_1v1: str, zta_21792: str, ap07: str) -> None:
    policy = f.authorization_policy(guestUserRoleId=level)
    assert items(f.judge("GUEST-PER-001", authorization_policy=policy)) == {
        "CIS Microsoft 365 v7.0.0, 5.1.6.2 L1": cis_5_1_6_2,
        "CISA SCuBA, MS.AAD.8.1v1 (SHOULD)": ms_aad_8_1v1,
        "Microsoft Zero Trust Assessment, 21792": zta_21792,
        "EIDSCA, AP07": ap07,
    }


def test_a_floor_can_be_chosen() -> None:
    limited = f.authorization_policy(guestUserRoleId=f.LIMITED_LEVEL)
    for profile in PROFILES:
        chosen = Settings(profile=profile, thresholds=Thresholds(guest_level_floor="limited"))
        assert f.judge("GUEST-PER-001", authorization_policy=limited, settings=chosen).outcome is PASS
    wrong = Settings(thresholds=Thresholds(guest_level_floor="open"))
    found = f.judge("GUEST-PER-001", authorization_policy=limited, settings=wrong)
    assert found.outcome is NOT_ASSESSED
    assert "guest_level_floor" in found.summary


@pytest.mark.parametrize("wrong", [f.ABSENT, None, "", 7, [], {}, "unknownFutureValue", f.LIMITED_LEVEL + "0"])
def test_an_unknown_level(wrong: Any) -> None:
    policy = f.authorization_policy(guestUserRoleId=wrong)
    for code in ("GUEST-PER-001", "GUEST-PER-002"):
        found = f.judge(code, authorization_policy=policy)
        assert (found.outcome, found.gap.reason) == (NOT_ASSESSED, GapReason.UNKNOWN_VALUE)  # type: ignore[union-attr]


@given(st.sampled_from(LEVELS), st.sampled_from(LEVELS), st.sampled_from(PROFILES))
def test_a_lower_level_is_never_worse(one: str, other: str, profile: Profile) -> None:
    wider, narrower = sorted((one, other), key=LEVELS.index)
    ranks = [
        RANK[guests_read_only_their_own(f.authorization_policy(guestUserRoleId=x), Thresholds(), profile).outcome]
        for x in (wider, narrower)
    ]
    assert ranks[0] <= ranks[1]


# PER-002


SIZES: dict[str, Any] = {
    "groups": [f.group(1), f.group(2, visibility="HiddenMembership"), f.group(3, visibility=None)],
    "user_count": {"value": 1203},
    "group_count": {"value": 3},
    "application_count": {"value": 40},
}


@pytest.mark.parametrize(
    ("level", "outcome", "words"),
    [
        (f.MEMBER_LEVEL, FAIL, "1,203 people, 3 groups, 40 applications"),
        (f.LIMITED_LEVEL, PARTIAL, "2 groups whose members are not hidden"),
        (f.RESTRICTED_LEVEL, PASS, "no other person"),
    ],
)
def test_what_a_guest_can_see(level: str, outcome: Outcome, words: str) -> None:
    found = f.judge("GUEST-PER-002", authorization_policy=f.authorization_policy(guestUserRoleId=level), **SIZES)
    assert (found.outcome, found.severity) == (outcome, Severity.INFO)
    assert words in found.summary
    assert (found.control.kind, found.control.scored) == ("exposure", False)
    seen = {o.property: o.value for o in found.observed}
    assert (seen["people"], seen["groups whose members are not hidden"], seen["applications"]) == (1203, 2, 40)
    here = {row["what"]: row["here"] for row in seen[TABLE]}
    assert here["A list of all people"] == "1,203 people"
    assert here["A list of all groups"] == "3 groups"
    assert here["Properties, members and owners of a group"] == "2 groups whose members are not hidden"
    assert here["Applications and their permissions"] == "40 applications"
    assert not here["Their own profile"]


def test_the_table_has_every_level_and_never_loosens_downwards() -> None:
    for what, member, limited, restricted, _ in GUESTS_CAN_READ:
        assert all((what, member, limited, restricted))
        if limited == "no":
            assert restricted == "no"
    assert len({row[0] for row in GUESTS_CAN_READ}) == len(GUESTS_CAN_READ) >= 10


def test_numbers_that_were_not_read_are_told_and_not_zero() -> None:
    policy = f.authorization_policy(guestUserRoleId=f.MEMBER_LEVEL)
    found = f.judge("GUEST-PER-002", authorization_policy=policy)
    assert "were not read" in found.summary
    assert len(found.notes) == 4
    assert not {"people", "groups", "applications"} & {o.property for o in found.observed}
    table = next(o.value for o in found.observed if o.property == TABLE)
    assert {row["here"] for row in table} == {"", "not read"}


@pytest.mark.parametrize("wrong", [{}, {"value": None}, {"value": "7"}, {"value": True}, {"value": -1}])
def test_a_count_that_is_none(wrong: Any) -> None:
    found = f.judge("GUEST-PER-002", authorization_policy=f.authorization_policy(), **{**SIZES, "user_count": wrong})
    assert found.outcome is NOT_ASSESSED


# PER-003

RIGHTS = ["allowedToCreateApps", "allowedToCreateSecurityGroups", "allowedToCreateTenants"]


def rights(*on: str, level: str = f.RESTRICTED_LEVEL, **changes: Any) -> dict[str, Any]:
    base = f.authorization_policy()["defaultUserRolePermissions"]
    return f.authorization_policy(
        guestUserRoleId=level, defaultUserRolePermissions=f.changed({**base, **dict.fromkeys(on, True)}, changes)
    )


EXTERNAL = [f.guest(9, userType="Member")]


@pytest.mark.parametrize(
    ("policy", "external", "outcome"),
    [
        (rights(), REFUSED, PASS),
        (rights(), EXTERNAL, PASS),
        (rights(level=f.MEMBER_LEVEL), EXTERNAL, PASS),
        *((rights(right), [], PARTIAL) for right in RIGHTS),
        *((rights(right), EXTERNAL, FAIL) for right in RIGHTS),
        *((rights(right, level=f.MEMBER_LEVEL), REFUSED, FAIL) for right in RIGHTS),
        (rights(*RIGHTS, level=f.LIMITED_LEVEL), [], PARTIAL),
        (rights(RIGHTS[0]), REFUSED, NOT_ASSESSED),
        (rights(RIGHTS[0]), None, NOT_ASSESSED),
        (rights(RIGHTS[0], level="other"), [], NOT_ASSESSED),
        *((rights(**{right: wrong}), [], NOT_ASSESSED) for right in RIGHTS for wrong in (f.ABSENT, None, "false", 0)),
        (f.authorization_policy(defaultUserRolePermissions=None), [], NOT_ASSESSED),
        (f.authorization_policy(defaultUserRolePermissions=f.ABSENT), [], NOT_ASSESSED),
    ],
)
def test_what_members_may_create(policy: Any, external: Any, outcome: Outcome) -> None:
    found = f.judge("GUEST-PER-003", authorization_policy=policy, external_members=external)
    assert found.outcome is outcome, found.summary
    if outcome is not NOT_ASSESSED:
        assert members_create_nothing(policy, external).outcome is outcome


@pytest.mark.parametrize(
    ("right", "item"),
    [
        ("allowedToCreateApps", "5.1.2.2 L1"),
        ("allowedToCreateTenants", "5.1.2.3 L1"),
        ("allowedToCreateSecurityGroups", "5.1.3.1 L1"),
        ("allowedToCreateApps", "MS.AAD.5.1v1 (SHALL)"),
    ],
)
def test_authorities_on_each_right(right: str, item: str) -> None:
    for policy, verdict in ((rights(right), "fail"), (rights(), "pass")):
        found = f.judge("GUEST-PER-003", authorization_policy=policy, external_members=[])
        assert {i.split(", ")[1]: v for i, v in items(found).items()}[item] == verdict


@given(st.sets(st.sampled_from(RIGHTS)), st.sets(st.sampled_from(RIGHTS)), st.sampled_from(LEVELS), st.booleans())
def test_fewer_rights_are_never_worse(on: set[str], taken: set[str], level: str, outsiders: bool) -> None:
    def rank(given_: set[str], at: str, external: Any) -> int:
        return RANK[members_create_nothing(rights(*given_, level=at), external).outcome]

    external = EXTERNAL if outsiders else []
    assert rank(on - taken, level, external) >= rank(on, level, external)
    assert rank(on, f.RESTRICTED_LEVEL, external) >= rank(on, level, external)
    assert rank(on, level, []) >= rank(on, level, external)


# PER-006

SELF, OWNED = "managePermissionGrantsForSelf.", "managePermissionGrantsForOwnedResource."
LOW, RECOMMENDED, LEGACY = (f"microsoft-user-default-{n}" for n in ("low", "recommended", "legacy"))
WORKFLOW, NO_WORKFLOW = f.admin_consent_request_policy(), f.admin_consent_request_policy(isEnabled=False)


def consent(*assigned: Any, risky: Any = False) -> dict[str, Any]:
    return rights(permissionGrantPoliciesAssigned=list(assigned)) | f.changed(
        {}, {"allowUserConsentForRiskyApps": risky}
    )


def without_risky(policy: dict[str, Any]) -> dict[str, Any]:
    return f.changed(policy, {"allowUserConsentForRiskyApps": f.ABSENT})


@pytest.mark.parametrize(
    ("policy", "workflow", "outcome"),
    [
        (consent(), WORKFLOW, PASS),
        (consent(OWNED + "x"), WORKFLOW, PASS),
        (consent(risky=None), WORKFLOW, PASS),
        (consent(), NO_WORKFLOW, PARTIAL),
        (consent(SELF + LOW), WORKFLOW, PARTIAL),
        (consent(SELF + RECOMMENDED), WORKFLOW, PARTIAL),
        (consent(SELF + "my-own-policy"), WORKFLOW, PARTIAL),
        (consent(SELF + LOW), REFUSED, PARTIAL),
        (consent(SELF + LEGACY), WORKFLOW, FAIL),
        (consent((SELF + LEGACY).upper()), WORKFLOW, FAIL),
        (consent("ManagePermissionGrantsForSelf." + LEGACY, SELF + LOW), WORKFLOW, FAIL),
        (consent(SELF + LEGACY), REFUSED, FAIL),
        (consent(SELF + "microsoft-company-admin"), WORKFLOW, FAIL),
        (consent(SELF + "Microsoft-Application-Admin", SELF + LOW), WORKFLOW, FAIL),
        (consent(risky=True), WORKFLOW, FAIL),
        (consent(), REFUSED, NOT_ASSESSED),
        (consent("just-user-read"), WORKFLOW, NOT_ASSESSED),
        (consent("somethingNew." + LOW), WORKFLOW, NOT_ASSESSED),
        (consent(None), WORKFLOW, NOT_ASSESSED),
        (consent(7), WORKFLOW, NOT_ASSESSED),
        (consent(risky="false"), WORKFLOW, NOT_ASSESSED),
        (without_risky(consent()), WORKFLOW, NOT_ASSESSED),
        (rights(permissionGrantPoliciesAssigned=f.ABSENT), WORKFLOW, NOT_ASSESSED),
        (rights(permissionGrantPoliciesAssigned=None), WORKFLOW, NOT_ASSESSED),
        (consent(), {}, NOT_ASSESSED),
        (consent(), {"isEnabled": "true"}, NOT_ASSESSED),
    ],
)
def test_consent(policy: Any, workflow: Any, outcome: Outcome) -> None:
    found = f.judge("GUEST-PER-006", authorization_policy=policy, admin_consent_request_policy=workflow)
    assert found.outcome is outcome, found.summary
    if outcome is NOT_ASSESSED:
        with pytest.raises(UnknownValueError):
            consent_is_for_administrators(policy, workflow)
    else:
        assert consent_is_for_administrators(policy, workflow).outcome is outcome


@pytest.mark.parametrize(
    ("assigned", "cis_5_1_5_1", "ms_aad_5_2v1", "ap08"),
    [
        ([], "pass", "pass", ""),
        ([OWNED + "x"], "pass", "pass", ""),
        ([SELF + LOW], "fail", "fail", "pass"),
        ([SELF + RECOMMENDED], "fail", "fail", ""),
        ([SELF + "own"], "fail", "fail", ""),
        ([SELF + LEGACY], "fail", "fail", "fail"),
    ],
)
def test_authorities_on_consent(assigned: list[str], cis_5_1_5_1: str, ms_aad_5_2v1: str, ap08: str) -> None:
    for workflow, verdict in ((WORKFLOW, "pass"), (NO_WORKFLOW, "fail")):
        found = f.judge("GUEST-PER-006", authorization_policy=consent(*assigned), admin_consent_request_policy=workflow)
        assert items(found) == {
            "CIS Microsoft 365 v7.0.0, 5.1.5.1 L2": cis_5_1_5_1,
            "CIS Microsoft 365 v7.0.0, 5.1.5.2 L1": verdict,
            "CISA SCuBA, MS.AAD.5.2v1 (SHALL)": ms_aad_5_2v1,
            "CISA SCuBA, MS.AAD.5.3v1 (SHALL)": verdict,
            "EIDSCA, AP08": ap08,
        }


POLICIES = st.lists(st.sampled_from([SELF + LOW, SELF + RECOMMENDED, SELF + LEGACY, OWNED + "x"]), max_size=4)


@settings(max_examples=60)
@given(POLICIES, st.integers(0, 3), st.booleans(), st.booleans())
def test_less_consent_is_never_worse(assigned: list[str], which: int, risky: bool, workflow: bool) -> None:
    def rank(given_: list[str], is_risky: bool, on: bool) -> int:
        return RANK[consent_is_for_administrators(consent(*given_, risky=is_risky), {"isEnabled": on}).outcome]

    base = rank(assigned, risky, workflow)
    assert rank(assigned[:which] + assigned[which + 1 :], risky, workflow) >= base
    assert rank(assigned, False, workflow) >= base
    assert rank(assigned, risky, True) >= base
