"""GUEST-PER-004 and -005: portals, Azure management, and the clients a guest would come with."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from posture.assess.types import Finding
from posture.controls.admin_tools import ADMIN_PORTALS, AZURE_MANAGEMENT
from posture.controls.registry import Outcome
from posture.settings import Settings, Thresholds
from posture.snapshot.derive import CLIENT_APPS
from posture.snapshot.types import Gap, GapReason
from tests import facts as f

PASS, PARTIAL, FAIL, NOT_ASSESSED = Outcome.PASS, Outcome.PARTIAL, Outcome.FAIL, Outcome.NOT_ASSESSED
RANK = {FAIL: 0, PARTIAL: 1, PASS: 2}
BOTH = [AZURE_MANAGEMENT.upper(), ADMIN_PORTALS]
ADMINS = f.object_id(6, 1)


def block(applications: list[str] | None = None, number: int = 1, **changes: Any) -> dict[str, Any]:
    return f.guest_policy(
        id=f.object_id(number, 3),
        grant={"builtInControls": ["block"]},
        applications={"includeApplications": BOTH if applications is None else applications},
        **changes,
    )


READ: dict[str, Any] = {
    "security_defaults": f.security_defaults(),
    "guests": [f.guest(1)],
    "privileged_group_members": [],
    "groups": [],
}
EXCEPTED = Settings(thresholds=Thresholds(guest_admin_exception_groups=(ADMINS.upper(),)))


def portals(*policies: Any, settings: Settings | None = None, **changes: Any) -> Finding:
    facts = {**READ, "conditional_access_policies": list(policies), **changes}
    return f.judge("GUEST-PER-004", settings=settings, **facts)


@pytest.mark.parametrize(
    ("policies", "outcome"),
    [
        ([block()], PASS),
        ([block([AZURE_MANAGEMENT]), block([ADMIN_PORTALS], 2)], PASS),
        ([block(["All"])], PASS),
        (
            [
                block(
                    users={
                        "includeGuestsOrExternalUsers": f.guest_block(f.ALL_GUEST_TYPES.replace(",serviceProvider", ""))
                    }
                )
            ],
            PASS,
        ),
        ([block([AZURE_MANAGEMENT])], PARTIAL),
        ([block([ADMIN_PORTALS])], PARTIAL),
        ([block(state="enabledForReportingButNotEnforced")], PARTIAL),
        ([block(users={"includeGuestsOrExternalUsers": f.guest_block("b2bCollaborationGuest")})], PARTIAL),
        ([block(users={"includeGuestsOrExternalUsers": f.guest_block(tenants=["t"])})], PARTIAL),
        ([f.guest_policy()], PARTIAL),  # MFA instead of a block
        ([block(["All"], users={"excludeUsers": [f.object_id(1)]})], PARTIAL),
        ([], FAIL),
        ([block(state="disabled")], FAIL),
        ([block(["Office365"])], FAIL),
        ([block(["All"], conditions={"locations": {"includeLocations": ["elsewhere"]}})], FAIL),
        ([block(["All"], conditions={"clientAppTypes": ["exchangeActiveSync", "other"]})], FAIL),
        ([block(users={"excludeGroups": [ADMINS]})], NOT_ASSESSED),
        ([block(state="unknownFutureValue")], NOT_ASSESSED),
        ([{**block(), "grantControls": "x"}], NOT_ASSESSED),
        ([None], NOT_ASSESSED),
    ],
)
def test_portals(policies: list[Any], outcome: Outcome) -> None:
    found = portals(*policies)
    assert found.outcome is outcome, found.summary


def test_an_application_left_out_of_all_is_open() -> None:
    policy = block(["All"])
    policy["conditions"]["applications"]["excludeApplications"] = [ADMIN_PORTALS]
    found = portals(policy)
    assert found.outcome is PARTIAL
    assert "admin portals" in found.summary


def test_guest_admins_may_be_excepted_by_group() -> None:
    excepted = block(users={"excludeGroups": [ADMINS]})
    assert portals(excepted, settings=EXCEPTED).outcome is PASS
    holding = [{"id": ADMINS, "members": [{"@odata.type": "#microsoft.graph.user", **f.guest(1)}]}]
    assert portals(excepted, privileged_group_members=holding).outcome is PARTIAL
    assert portals(excepted, privileged_group_members=holding, settings=EXCEPTED).outcome is PASS


@pytest.mark.parametrize(
    ("policies", "defaults", "outcome"),
    [
        ([], f.security_defaults(enabled=True), PARTIAL),
        ([], f.gap("security_defaults"), NOT_ASSESSED),
        ([], {}, NOT_ASSESSED),
        (f.gap("conditional_access_policies"), f.security_defaults(enabled=True), PARTIAL),
        (f.gap("conditional_access_policies"), f.security_defaults(), NOT_ASSESSED),
        (f.gap("conditional_access_policies"), f.gap("security_defaults"), NOT_ASSESSED),
    ],
)
def test_without_policies_security_defaults_decide(policies: Any, defaults: Any, outcome: Outcome) -> None:
    facts = {**READ, "security_defaults": defaults, "conditional_access_policies": policies}
    assert f.judge("GUEST-PER-004", **facts).outcome is outcome


def test_a_missing_licence_is_the_reason() -> None:
    refused = Gap("conditional_access_policies", GapReason.LICENCE, "no licence", licence="Entra ID P1")
    found = f.judge("GUEST-PER-004", **{**READ, "conditional_access_policies": refused})
    assert found.gap is not None
    assert (found.gap.reason, found.gap.licence) == (GapReason.LICENCE, "Entra ID P1")


# PER-005

IDS = {app: f.object_id(n, 6) for n, app in enumerate(CLIENT_APPS)}


def principals(*opened: str, missing: tuple[str, ...] = (), **changes: Any) -> list[dict[str, Any]]:
    return [
        f.changed(
            {"id": IDS[app], "appId": app, "accountEnabled": True, "appRoleAssignmentRequired": app not in opened},
            changes if app in opened else {},
        )
        for app in CLIENT_APPS
        if app not in missing
    ]


def assigned(*pairs: tuple[str, str]) -> list[dict[str, Any]]:
    found = [{"principalType": kind, "principalId": who} for kind, who in pairs]
    return [{"id": i, "appRoleAssignedTo": found if n == 0 else []} for n, i in enumerate(IDS.values())]


ONE, *OTHERS = CLIENT_APPS
TEAM = f.object_id(4, 1)
IN_TEAM = [{"id": f.object_id(1), "transitiveMemberOf": [{"@odata.type": "#microsoft.graph.group", "id": TEAM}]}]
NOT_IN_TEAM = [{"id": f.object_id(1), "transitiveMemberOf": []}]
CLOSED: dict[str, Any] = {
    "service_principals": principals(),
    "client_app_assignments": assigned(("User", f.object_id(90, 5)), ("ServicePrincipal", f.object_id(1))),
    "guests": [f.guest(1)],
    "guest_memberships": NOT_IN_TEAM,
}


def clients(**changes: Any) -> Finding:
    return f.judge("GUEST-PER-005", **{**CLOSED, **changes})


@pytest.mark.parametrize(
    ("changes", "outcome"),
    [
        ({}, PASS),
        ({"guests": []}, PASS),
        ({"service_principals": principals(ONE, accountEnabled=False)}, PASS),
        ({"client_app_assignments": assigned()}, PASS),
        ({"client_app_assignments": assigned(("Group", TEAM))}, PASS),
        ({"service_principals": principals(ONE)}, PARTIAL),
        ({"service_principals": principals(missing=(ONE,))}, PARTIAL),
        ({"service_principals": principals(*OTHERS)}, PARTIAL),
        ({"client_app_assignments": assigned(("User", f.object_id(1)))}, PARTIAL),
        ({"client_app_assignments": assigned(("Group", TEAM)), "guest_memberships": IN_TEAM}, PARTIAL),
        ({"service_principals": principals(*CLIENT_APPS)}, FAIL),
        ({"service_principals": principals(missing=tuple(CLIENT_APPS))}, FAIL),
        ({"service_principals": principals(*OTHERS, missing=(ONE,))}, FAIL),
        ({"service_principals": principals(ONE, appRoleAssignmentRequired=None)}, NOT_ASSESSED),
        ({"service_principals": principals(ONE, appRoleAssignmentRequired=f.ABSENT)}, NOT_ASSESSED),
        ({"service_principals": principals(ONE, accountEnabled="false")}, NOT_ASSESSED),
        ({"service_principals": f.gap("service_principals")}, NOT_ASSESSED),
        ({"client_app_assignments": f.gap("client_app_assignments")}, NOT_ASSESSED),
        ({"client_app_assignments": []}, NOT_ASSESSED),
        ({"client_app_assignments": assigned(("Robot", "x"))}, NOT_ASSESSED),
        ({"client_app_assignments": [{"id": IDS[ONE]}]}, NOT_ASSESSED),
        ({"guests": f.gap("guests")}, NOT_ASSESSED),
        (
            {"client_app_assignments": assigned(("Group", TEAM)), "guest_memberships": f.gap("guest_memberships")},
            NOT_ASSESSED,
        ),
        ({"client_app_assignments": assigned(("Group", TEAM)), "guest_memberships": []}, NOT_ASSESSED),
        # one that is open stands, whoever is assigned
        ({"service_principals": principals(ONE), "client_app_assignments": f.gap("client_app_assignments")}, PARTIAL),
    ],
)
def test_clients(changes: dict[str, Any], outcome: Outcome) -> None:
    found = clients(**changes)
    assert found.outcome is outcome, found.summary


def test_open_clients_are_named_and_guests_listed() -> None:
    found = clients(service_principals=principals(ONE))
    assert CLIENT_APPS[ONE] in found.summary
    found = clients(client_app_assignments=assigned(("User", f.object_id(1).upper())))
    assert [r["id"] for r in found.affected.sample] == [f.object_id(1)]


APPS = st.sets(st.sampled_from(list(CLIENT_APPS)))


@settings(max_examples=50)
@given(APPS, APPS, st.booleans())
def test_locking_another_client_is_never_worse(opened: set[str], locked: set[str], someone: bool) -> None:
    given_ = assigned(("User", f.object_id(1))) if someone else assigned()

    def rank(still: set[str], who: Any) -> int:
        return RANK[clients(service_principals=principals(*still), client_app_assignments=who).outcome]

    assert rank(opened - locked, given_) >= rank(opened, given_)
    assert rank(opened, assigned()) >= rank(opened, given_)
