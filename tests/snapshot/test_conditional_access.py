"""Whom Conditional Access reaches: every hole that a policy can have, and what cannot be read."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from posture.errors import UnknownValueError
from posture.snapshot import conditional_access as ca
from posture.snapshot.types import Gap, GapReason
from tests import facts as f

THIRD_PARTY = Path(__file__).parents[3] / "shared" / "graph" / "samples" / "third-party"
FIVE = "internalGuest,b2bCollaborationGuest,b2bCollaborationMember,b2bDirectConnectUser,otherExternalUser"
DEFAULTS_OFF = f.security_defaults()
BREAK_GLASS = f.object_id(1, 4)
GONE = f.object_id(70, 1)
LEAVE_OUT = ("excludeUsers", "excludeGroups", "excludeRoles")
STRONG = {"id": "00000000-0000-0000-0000-000000000002"}


def exclusions(**more: Any) -> ca.GuestExclusions:
    return ca.GuestExclusions(**{"users": (), "groups": {}, "not_entra": 0, "break_glass": (BREAK_GLASS,), **more})


def mfa(*policies: Any, defaults: Any = DEFAULTS_OFF, **more: Any) -> ca.GuestMfa:
    return ca.guest_mfa(list(policies), defaults, exclusions(**more))


def users(**changes: Any) -> dict[str, Any]:
    return f.guest_policy(users=changes)


def everyone(**changes: Any) -> dict[str, Any]:
    return f.guest_policy(users={"includeUsers": ["All"], "includeGuestsOrExternalUsers": None, **changes})


ALL = [
    ("every kind by name", f.guest_policy()),
    ("all users", everyone()),
    ("guests, the old form", everyone(includeUsers=["GuestsOrExternalUsers"])),
    ("blanks after the commas", users(includeGuestsOrExternalUsers=f.guest_block(FIVE.replace(",", ", ")))),
    ("without service providers", users(includeGuestsOrExternalUsers=f.guest_block(FIVE))),
    (
        "modern clients by name",
        f.guest_policy(conditions={"clientAppTypes": ["browser", "mobileAppsAndDesktopClients"]}),
    ),
    ("all platforms", f.guest_policy(conditions={"platforms": {"includePlatforms": ["all"], "excludePlatforms": []}})),
    ("all locations", f.guest_policy(conditions={"locations": {"includeLocations": ["All"], "excludeLocations": []}})),
    (
        "and a compliant device",
        f.guest_policy(grant={"operator": "AND", "builtInControls": ["mfa", "compliantDevice"]}),
    ),
    ("and terms of use", f.guest_policy(grant={"operator": "AND", "termsOfUse": ["t"]})),
    ("a built-in strength", f.guest_policy(grant={"builtInControls": [], "authenticationStrength": STRONG})),
    (
        "a strength that says mfa",
        f.guest_policy(
            grant={"builtInControls": [], "authenticationStrength": {"id": "own", "requirementsSatisfied": "mfa"}}
        ),
    ),
    (
        "a strength of strong modes",
        f.guest_policy(
            grant={
                "builtInControls": [],
                "authenticationStrength": {
                    "id": "own",
                    "requirementsSatisfied": "mfa",
                    "allowedCombinations": ["fido2", "password,sms"],
                },
            }
        ),
    ),
    ("a group that is gone left out", users(excludeGroups=[GONE])),
    ("break-glass left out", users(excludeUsers=[BREAK_GLASS.upper()], excludeGroups=[BREAK_GLASS])),
    ("a member left out", users(excludeUsers=[f.object_id(9)])),
    ("a group without guests left out", users(excludeGroups=[f.object_id(7, 1)])),
    ("directory synchronization left out", users(excludeRoles=[ca.DIRECTORY_SYNC_ROLE])),
    (
        "entitlement management left out",
        f.guest_policy(applications={"excludeApplications": [ca.ENTITLEMENT_MANAGEMENT_APP]}),
    ),
    ("everyone blocked", f.guest_policy(grant={"builtInControls": ["block"]})),
]


@pytest.mark.parametrize("policy", [a[1] for a in ALL], ids=[a[0] for a in ALL])
def test_every_kind_must_pass_mfa(policy: dict[str, Any]) -> None:
    found = mfa(policy, groups={f.object_id(7, 1): 0}, gone={GONE})
    assert (found.level, found.missing, found.reasons) == ("all", (), ())


SOME = [
    ("report-only", f.guest_policy(state="enabledForReportingButNotEnforced"), "report-only"),
    ("one kind missing", users(includeGuestsOrExternalUsers=f.guest_block(FIVE.replace("internalGuest,", ""))), ""),
    ("one kind left out", users(excludeGuestsOrExternalUsers=f.guest_block("b2bCollaborationGuest")), ""),
    (
        "one kind of one tenant left out",
        users(excludeGuestsOrExternalUsers=f.guest_block("b2bCollaborationGuest", ["t"])),
        "some external tenants",
    ),
    ("some tenants only", users(includeGuestsOrExternalUsers=f.guest_block(FIVE, ["t"])), "some external tenants"),
    ("all users, guests left out by kind", everyone(excludeGuestsOrExternalUsers=f.guest_block(FIVE)), ""),
    ("some applications", f.guest_policy(applications={"includeApplications": ["Office365"]}), "some applications"),
    ("an application left out", f.guest_policy(applications={"excludeApplications": ["x"]}), "leaves out applications"),
    ("sign-in risk", f.guest_policy(conditions={"signInRiskLevels": ["high"]}), "sign-in risk"),
    ("user risk", f.guest_policy(conditions={"userRiskLevels": ["high"]}), "user risk"),
    ("some platforms", f.guest_policy(conditions={"platforms": {"includePlatforms": ["windows"]}}), "platforms"),
    (
        "trusted places left out",
        f.guest_policy(conditions={"locations": {"includeLocations": ["All"], "excludeLocations": ["AllTrusted"]}}),
        "locations",
    ),
    ("devices", f.guest_policy(conditions={"devices": {"deviceFilter": {"mode": "include"}}}), "devices"),
    ("flows", f.guest_policy(conditions={"authenticationFlows": {"transferMethods": "deviceCodeFlow"}}), "flows"),
    ("a new condition", f.guest_policy(conditions={"moonPhase": ["full"]}), "does not know"),
    ("browser only", f.guest_policy(conditions={"clientAppTypes": ["browser"]}), "client apps"),
    (
        "or a compliant device",
        f.guest_policy(grant={"operator": "OR", "builtInControls": ["mfa", "compliantDevice"]}),
        "without MFA",
    ),
    ("or terms of use", f.guest_policy(grant={"operator": "OR", "termsOfUse": ["t"]}), "without MFA"),
    ("or a third party", f.guest_policy(grant={"operator": "OR", "customAuthenticationFactors": ["x"]}), "without MFA"),
    ("a role left out", users(excludeRoles=[f.object_id(1, 2)]), "directory roles"),
    ("guests in a group left out", users(excludeGroups=[f.object_id(8, 1)]), "hold externals"),
    ("a guest left out by name", users(excludeUsers=[f.object_id(1)]), "by name"),
    ("a guest in the break-glass group", users(excludeGroups=[BREAK_GLASS]), "hold externals"),
]


@pytest.mark.parametrize(("policy", "reason"), [s[1:] for s in SOME], ids=[s[0] for s in SOME])
def test_a_hole_is_named(policy: dict[str, Any], reason: str) -> None:
    found = mfa(policy, users=(f.object_id(1),), groups={f.object_id(8, 1): 3, BREAK_GLASS: 1})
    assert found.level == "some"
    assert reason in "; ".join(found.reasons)


NONE = [
    ("no policy", []),
    ("disabled", [f.guest_policy(state="disabled")]),
    ("nobody", [users(includeUsers=["None"], includeGuestsOrExternalUsers=None)]),
    ("guests left out of all users", [everyone(excludeUsers=["GuestsOrExternalUsers"])]),
    ("no application", [f.guest_policy(applications={"includeApplications": ["None"]})]),
    (
        "a user action",
        [
            f.guest_policy(
                applications={"includeApplications": [], "includeUserActions": ["urn:user:registersecurityinfo"]}
            )
        ],
    ),
    ("no grant", [f.guest_policy(grantControls=None)]),
    ("another grant", [f.guest_policy(grant={"builtInControls": ["compliantDevice"]})]),
    (
        "a strength met without MFA",
        [
            f.guest_policy(
                grant={"builtInControls": [], "authenticationStrength": {"id": "own", "requirementsSatisfied": "none"}}
            )
        ],
    ),
    ("roles only", [users(includeGuestsOrExternalUsers=None, includeRoles=[f.object_id(1, 2)])]),
    ("a group", [users(includeGuestsOrExternalUsers=None, includeGroups=[f.object_id(1, 1)])]),
    (
        "a block of other countries",
        [
            f.guest_policy(
                grant={"builtInControls": ["block"]}, conditions={"locations": {"includeLocations": ["country"]}}
            )
        ],
    ),
    (
        "a block of legacy clients",
        [
            f.guest_policy(
                grant={"builtInControls": ["block"]}, conditions={"clientAppTypes": ["exchangeActiveSync", "other"]}
            )
        ],
    ),
]


@pytest.mark.parametrize("policies", [n[1] for n in NONE], ids=[n[0] for n in NONE])
def test_nothing_asks_for_mfa(policies: list[Any]) -> None:
    assert mfa(*policies).level == "none"
    with_defaults = mfa(*policies, defaults=f.security_defaults(enabled=True))
    assert (with_defaults.level, with_defaults.by) == ("some", "security defaults")
    with pytest.raises(UnknownValueError, match="security defaults"):
        mfa(*policies, defaults=f.gap("security_defaults"))


def test_groups_that_are_gone_are_told() -> None:
    assert any("no longer exist (1)" in note for note in mfa(users(excludeGroups=[GONE]), gone={GONE}).notes)
    assert not any("no longer" in note for note in mfa(f.guest_policy(), gone={GONE}).notes)


def test_a_break_glass_group_that_was_not_read_is_told() -> None:
    policy = users(excludeGroups=[BREAK_GLASS])
    assert any("at your word (1)" in note for note in mfa(policy).notes)
    assert not any("at your word" in note for note in mfa(policy, groups={BREAK_GLASS: 0}).notes)


def test_policies_that_reach_chosen_people_are_told() -> None:
    found = mfa(users(includeGuestsOrExternalUsers=None, includeGroups=[f.object_id(1, 1)]))
    assert any("not counted (1)" in note for note in found.notes)


def test_kinds_are_added_up_over_policies() -> None:
    half = users(includeGuestsOrExternalUsers=f.guest_block("internalGuest,b2bCollaborationGuest"))
    rest = users(includeGuestsOrExternalUsers=f.guest_block("b2bCollaborationMember,b2bDirectConnectUser"))
    last = f.guest_policy(
        users={"includeGuestsOrExternalUsers": f.guest_block("otherExternalUser")}, grant={"builtInControls": ["block"]}
    )
    assert mfa(half, rest, last).level == "all"
    assert mfa(half, rest).level == "some"
    assert mfa(half, rest).missing == ("otherExternalUser",)


UNCLEAR = [
    ("conditions absent", f.guest_policy(conditions={"users": None, "applications": None})),
    ("no conditions", {**f.guest_policy(), "conditions": None}),
    ("users a list", f.guest_policy(conditions={"users": []})),
    ("unknown state", f.guest_policy(state="unknownFutureValue")),
    ("no state", f.guest_policy(state=f.ABSENT)),
    ("unknown kind of guest", users(includeGuestsOrExternalUsers=f.guest_block("newKind"))),
    ("kinds no text", users(includeGuestsOrExternalUsers={"guestOrExternalUserTypes": ["internalGuest"]})),
    ("block no object", users(includeGuestsOrExternalUsers="all")),
    (
        "tenants not told",
        users(includeGuestsOrExternalUsers={"guestOrExternalUserTypes": FIVE, "externalTenants": None}),
    ),
    ("kinds left empty", users(includeGuestsOrExternalUsers={"guestOrExternalUserTypes": " "})),
    ("excluded kinds left empty", users(excludeGuestsOrExternalUsers={"guestOrExternalUserTypes": ""})),
    ("excluded tenants not told", users(excludeGuestsOrExternalUsers={"guestOrExternalUserTypes": FIVE})),
    ("unknown kind left out", users(excludeGuestsOrExternalUsers=f.guest_block("newKind"))),
    ("unknown grant", f.guest_policy(grant={"builtInControls": ["mfa", "unknownFutureValue"]})),
    ("grant no object", f.guest_policy(grantControls=[])),
    ("unknown operator", f.guest_policy(grant={"operator": "XOR", "builtInControls": ["mfa", "compliantDevice"]})),
    ("no operator", f.guest_policy(grant={"operator": None, "builtInControls": ["mfa", "compliantDevice"]})),
    ("unknown strength", f.guest_policy(grant={"builtInControls": [], "authenticationStrength": {"id": "own"}})),
    (
        "a strength that contradicts itself",
        f.guest_policy(
            grant={"builtInControls": [], "authenticationStrength": {**STRONG, "requirementsSatisfied": "none"}}
        ),
    ),
    *(
        (
            f"a strength that {weak!r} alone may meet",
            f.guest_policy(
                grant={
                    "builtInControls": [],
                    "authenticationStrength": {
                        "id": "own",
                        "requirementsSatisfied": "mfa",
                        "allowedCombinations": ["fido2", weak],
                    },
                }
            ),
        )
        for weak in ("password", "federatedSingleFactor", "QrCodePin")
    ),
    *(
        (
            f"tenants told twice, {kind}",
            users(
                includeGuestsOrExternalUsers={
                    "guestOrExternalUserTypes": FIVE,
                    "externalTenants": {"@odata.type": f"#microsoft.graph.conditionalAccess{marker}", **rest},
                }
            ),
        )
        for kind, marker, rest in (
            ("otherwise", "EnumeratedExternalTenants", {"membershipKind": "all"}),
            ("by name", "AllExternalTenants", {"membershipKind": "all", "members": ["t"]}),
            ("in a new way", "FutureTenants", {"membershipKind": "all"}),
            ("without a word", "AllExternalTenants", {"membershipKind": ""}),
        )
    ),
    *(
        (f"{key} {how}", users(**{key: left}))
        for key in LEAVE_OUT
        for how, left in (("null", None), ("absent", f.ABSENT))
    ),
    *(
        (f"applications left out {how}", f.guest_policy(applications={"excludeApplications": left}))
        for how, left in (("null", None), ("absent", f.ABSENT))
    ),
    ("a word for people included", users(includeUsers=["AllOutsiders"], includeGuestsOrExternalUsers=None)),
    ("strength no object", f.guest_policy(grant={"builtInControls": [], "authenticationStrength": "own"})),
    ("unknown client", f.guest_policy(conditions={"clientAppTypes": ["all", "unknownFutureValue"]})),
    ("no clients", f.guest_policy(conditions={"clientAppTypes": f.ABSENT})),
    ("applications not words", f.guest_policy(applications={"includeApplications": [1]})),
    ("exclusions not words", users(excludeUsers=[None])),
    ("a word for people left out", users(excludeUsers=["AllTrustedGuests"])),
    ("a new way to leave people out", users(excludePersonas=["contractors"])),
    ("a new way to narrow applications", f.guest_policy(applications={"excludeNetworkAccess": {"tags": ["a"]}})),
    ("a new kind of grant", f.guest_policy(grant={"trustedPartner": True})),
]


@pytest.mark.parametrize("policy", [u[1] for u in UNCLEAR], ids=[u[0] for u in UNCLEAR])
def test_what_cannot_be_read_is_neither_cover_nor_hole(policy: dict[str, Any]) -> None:
    with pytest.raises(UnknownValueError):
        mfa(policy)
    # Beside a policy that covers all, it does not matter.
    assert mfa(f.guest_policy(), policy).level == "all"


@pytest.mark.parametrize("wrong", [None, {}, "policies", [None], 7])
def test_no_list_of_policies_is_unknown(wrong: Any) -> None:
    with pytest.raises(UnknownValueError):
        ca.guest_mfa(wrong, DEFAULTS_OFF, exclusions())


def test_policies_that_could_not_be_read() -> None:
    refused = Gap("conditional_access_policies", GapReason.LICENCE, "no licence", licence="Entra ID P1")
    found = ca.guest_mfa(refused, f.security_defaults(enabled=True), exclusions())
    assert (found.level, found.by) == ("some", "security defaults")
    for defaults in (DEFAULTS_OFF, f.gap("security_defaults")):
        with pytest.raises(UnknownValueError) as error:
            ca.guest_mfa(refused, defaults, exclusions())
        assert error.value.because is refused


def test_a_strength_alone_leaves_out_guests_without_entra() -> None:
    policy = f.guest_policy(grant={"builtInControls": [], "authenticationStrength": STRONG})
    found = mfa(policy, not_entra=12)
    assert found.level == "some"
    assert "12 guests" in found.reasons[0]
    with pytest.raises(UnknownValueError):
        mfa(policy, not_entra=f.gap("guests"))
    assert mfa(policy, f.guest_policy(), not_entra=12).level == "all"
    staff = users(includeGuestsOrExternalUsers=f.guest_block("internalGuest"))
    for_staff = f.guest_policy(
        users={"includeGuestsOrExternalUsers": f.guest_block("internalGuest")},
        grant={"builtInControls": [], "authenticationStrength": STRONG},
    )
    others = users(includeGuestsOrExternalUsers=f.guest_block(FIVE.replace("internalGuest,", "")))
    assert mfa(for_staff, others, not_entra=12).level == "all"
    assert mfa(staff, others, not_entra=12).level == "all"


def test_a_strength_of_your_own_is_looked_up() -> None:
    policy = f.guest_policy(grant={"builtInControls": [], "authenticationStrength": {"id": "OWN"}})
    rows = [{"id": "own", "requirementsSatisfied": "mfa"}]
    assert ca.guest_mfa([policy], DEFAULTS_OFF, exclusions(), rows).level == "all"
    rows = [{"id": "own", "requirementsSatisfied": "none"}]
    assert ca.guest_mfa([policy], DEFAULTS_OFF, exclusions(), rows).level == "none"
    says_mfa = f.guest_policy(
        grant={"builtInControls": [], "authenticationStrength": {"id": "own", "requirementsSatisfied": "mfa"}}
    )
    for other in ({"requirementsSatisfied": "none"}, {"allowedCombinations": ["sms"]}):
        with pytest.raises(UnknownValueError, match="authentication strength"):
            ca.guest_mfa([says_mfa], DEFAULTS_OFF, exclusions(), [{"id": "own", **other}])


def test_exclusions_that_were_not_read_are_not_taken_for_empty() -> None:
    by_group = users(excludeGroups=[f.object_id(7, 1)])
    with pytest.raises(UnknownValueError, match="1 group "):
        mfa(by_group)
    with pytest.raises(UnknownValueError, match="hidden membership"):
        mfa(by_group, groups={f.object_id(7, 1): None}, hidden={f.object_id(7, 1)})
    by_name = users(excludeUsers=[f.object_id(9)])
    with pytest.raises(UnknownValueError, match="guest list"):
        mfa(by_name, users=f.gap("guests"))
    with pytest.raises(UnknownValueError, match="external members"):
        mfa(by_name, members=f.gap("external_members"))
    assert mfa(by_name, members=f.gap("external_members"), break_glass=(f.object_id(9),)).level == "all"
    # A hole that is known anyway stands.
    known = f.guest_policy(state="enabledForReportingButNotEnforced", users={"excludeGroups": [f.object_id(7, 1)]})
    assert mfa(known).level == "some"


def test_a_group_of_all_guests_counts_as_the_kinds_in_it() -> None:
    policy = users(includeGuestsOrExternalUsers=None, includeGroups=[f.object_id(4, 1)])
    found = mfa(policy, guest_groups=(f.object_id(4, 1),))
    assert found.level == "some"
    assert found.missing == ("b2bCollaborationMember", "b2bDirectConnectUser", "otherExternalUser")
    with pytest.raises(UnknownValueError, match="groups"):
        mfa(policy, guest_groups=f.gap("groups"))


@pytest.mark.parametrize(
    ("rule", "state", "counts"),
    [
        ('(user.userType -eq "Guest")', "On", True),
        ('user.usertype -EQ "guest"', "On", True),
        ('(user.userType -eq "Guest")', "Paused", False),
        ('(user.userType -eq "Guest") and (user.department -eq "x")', "On", False),
        ('(user.userType -ne "Guest")', "On", False),
        (None, None, False),
    ],
)
def test_all_guest_groups(rule: Any, state: Any, counts: bool) -> None:
    group = f.group(1, groupTypes=["DynamicMembership"], membershipRule=rule, membershipRuleProcessingState=state)
    assert bool(ca.group_facts([group]).all_guests) is counts
    for kinds in ([], ["Unified"], None):  # made static, the group keeps its rule and no longer follows it
        assert not ca.group_facts([{**group, "groupTypes": kinds}]).all_guests


def test_groups_that_are_in_no_list() -> None:
    here, gone = f.object_id(1, 1), f.object_id(2, 1)
    assert ca.group_facts([f.group(1)], {here, gone, "allguests"}).missing == {gone}
    assert ca.group_facts([], {gone}).missing == set(), "a list without any group proves nothing"


def test_external_counts() -> None:
    person = {"@odata.type": "#microsoft.graph.user", "id": "u"}
    member = {**person, "userType": "Member", "userPrincipalName": "a@contoso.example"}
    guest = {**person, "userType": "Guest", "userPrincipalName": "b#EXT#@contoso.example"}
    external = {**member, "userPrincipalName": "c#EXT#@contoso.example"}
    nested = {"@odata.type": "#microsoft.graph.group", "id": "g"}
    rows = [
        {"id": "A", "members": [member, nested]},
        {"id": "b", "members": [member, guest, external]},
        {"id": "c", "members": [guest, {"@odata.type": "#microsoft.graph.user", "id": "limited"}]},
        {"id": "d", "members": None},
        {"id": "e"},
    ]
    rows.append({"id": "f", "members": [member], "members@odata.nextLink": "https://graph.microsoft.com/v1.0/x"})
    known = {"a": 0, "b": 2, "c": None, "d": None, "e": None, "f": None}
    assert ca.external_counts(rows) == known
    assert ca.external_counts(f.gap("privileged_group_members")) == {}
    # Hidden members are shown to nobody without a permission of its own: what is not shown is not nobody.
    assert ca.external_counts(rows, {"g", "b"}) == {**known, "a": None}
    assert ca.external_counts([{"id": "h", "members": []}, {"id": "i", "members": []}], {"h"}) == {"h": None, "i": 0}
    assert ca.group_facts([f.group(1, visibility="HiddenMembership"), f.group(2)]).hidden == {f.object_id(1, 1)}


def test_excluded_ids() -> None:
    policies = [users(excludeUsers=[f.object_id(7).upper(), "GuestsOrExternalUsers"]), f.guest_policy(state="disabled")]
    assert ca.excluded_ids([*policies, users(excludeGroups=[f.object_id(8).upper()])]) == (
        {f.object_id(7)},
        {f.object_id(8)},
    )


@pytest.mark.parametrize(("file", "level"), [("includeGuests", "all"), ("excludeGuests", "some")])
def test_policies_of_a_peers_tests(file: str, level: str) -> None:
    path = THIRD_PARTY / f"conditionalAccess.policy.{file}.json"
    if not path.is_file():
        pytest.skip("the published samples are not beside this checkout")
    policy = json.loads(path.read_text())
    # Shortened for those tests; the service always sends these lists.
    policy["conditions"]["users"] |= {key: [] for key in LEAVE_OUT}
    policy["conditions"]["applications"]["excludeApplications"] = []
    assert mfa(policy).level == level


# Safer never looks worse


RANK = {"none": 0, "some": 1, "all": 2}
KINDS = st.sets(st.sampled_from(ca.GUEST_TYPES))


@settings(max_examples=60)
@given(KINDS, KINDS, KINDS)
def test_naming_more_kinds_or_leaving_out_fewer_is_never_worse(named: set[str], more: set[str], out: set[str]) -> None:
    def level(included: set[str], left_out: set[str]) -> int:
        block = f.guest_block(",".join(sorted(included))) if included else None
        spared = f.guest_block(",".join(sorted(left_out))) if left_out else None
        policy = users(includeGuestsOrExternalUsers=block, excludeGuestsOrExternalUsers=spared)
        return RANK[mfa(policy).level]

    assert level(named | more, out) >= level(named, out)
    assert level(named, out - more) >= level(named, out)


@settings(max_examples=60)
@given(st.data())
def test_no_policy_is_worse_than_that_policy(data: st.DataObject) -> None:
    policies = [p for _, p in ALL] + [p for _, p, _ in SOME]
    chosen = data.draw(st.lists(st.sampled_from(policies), max_size=3))
    extra = data.draw(st.sampled_from(policies))
    groups = {f.object_id(7, 1): 0, f.object_id(8, 1): 3}
    known = {"users": (f.object_id(1),), "groups": groups, "gone": {GONE}}
    assert RANK[mfa(*chosen, extra, **known).level] >= RANK[mfa(*chosen, **known).level]


JSON = st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=5), lambda x: st.lists(x, max_size=2))


@settings(max_examples=80)
@given(
    st.sampled_from(["state", "conditions", "grantControls", "sessionControls"]),
    JSON | st.dictionaries(st.sampled_from(["users", "applications", "operator", "builtInControls"]), JSON),
)
def test_nothing_in_a_policy_breaks_the_reading(key: str, value: Any) -> None:
    try:
        found = mfa({**f.guest_policy(), key: value})
    except UnknownValueError:
        return
    if key in ("conditions", "grantControls") and value != f.guest_policy()[key]:
        assert found.level != "all"
