"""GUEST-LIF-007 and -008: personal mailboxes, and guests whom the domain list would refuse today."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from posture.controls.registry import Outcome
from posture.settings import Profile, Settings, Severity, Thresholds
from posture.snapshot.types import GapReason
from tests.facts import ABSENT, b2b_policy, gap, guest, in_groups, judge, object_id, pending

ORDER = [Outcome.PASS, Outcome.PARTIAL, Outcome.FAIL]
LISTS = ("guest_memberships", "guest_owned_objects", "guest_app_roles")


def access(*holding: int, count: int = 20) -> dict[str, Any]:
    """Return the three lists of what guests hold: those numbered are in a group, the others hold nothing."""
    every = range(1, count + 1)
    return {
        "guest_memberships": [in_groups(n, *([1] if n in holding else [])) for n in every],
        "guest_owned_objects": [{"id": object_id(n), "ownedObjects": []} for n in every],
        "guest_app_roles": [{"id": object_id(n), "appRoleAssignments": []} for n in every],
    }


def at(domain: Any, number: int = 1, **changes: Any) -> dict[str, Any]:
    """Return a guest with an address at a domain."""
    return guest(
        number, mail=f"someone@{domain}", userPrincipalName=f"someone_{domain}#EXT#@contoso.example", **changes
    )


def nowhere(number: int = 1, **changes: Any) -> dict[str, Any]:
    """Return a guest without any address."""
    odd = {"mail": None, "otherMails": [], "userPrincipalName": "nobody#EXT#@contoso.onmicrosoft.com"}
    return guest(number, **{**odd, **changes})


def internal(number: int = 1, **changes: Any) -> dict[str, Any]:
    """Return a guest with credentials of the tenant itself, and no address."""
    own = {
        "mail": None,
        "userPrincipalName": "contractor@contoso.example",
        "creationType": None,
        "externalUserState": None,
        "identities": [{"signInType": "userPrincipalName", "issuer": "contoso.onmicrosoft.com"}],
    }
    return guest(number, **{**own, **changes})


class TestConsumers:
    """GUEST-LIF-007."""

    def test_an_address_people_set_themselves_does_not_hide_the_one_they_were_invited_by(self) -> None:
        eve = "eve_gmail.com#EXT#@contoso.onmicrosoft.com"
        hidden = guest(1, mail=None, otherMails=["eve@fabrikam.example"], userPrincipalName=eve)
        found = self.judge(hidden, holding=(1,))
        assert found.outcome is Outcome.FAIL, found.summary

    def judge(self, *first: dict[str, Any], holding: tuple[int, ...] = (), **changes: Any) -> Any:
        others = [guest(n) for n in range(1 + len(first), 21)]
        return judge("GUEST-LIF-007", **{"guests": [*first, *others], **access(*holding), **changes})

    @pytest.mark.parametrize(
        ("first", "holding", "outcome"),
        [
            ([], (1,), Outcome.PASS),
            ([at("gmail.com")], (), Outcome.PARTIAL),
            ([at("gmail.com")], (2,), Outcome.PARTIAL),
            ([at("gmail.com")], (1,), Outcome.FAIL),
            ([at("GMail.com.")], (1,), Outcome.FAIL),
            ([at("outlook.fr")], (1,), Outcome.FAIL),
            ([at("hotmail.co.uk")], (1,), Outcome.FAIL),
            ([at("gmail.com", assignedLicenses=[{"skuId": "x"}])], (), Outcome.FAIL),
            ([at("gmail.com", accountEnabled=False)], (1,), Outcome.PASS),
            ([at("live.partner.example")], (1,), Outcome.PASS),
            ([at("gmail.com.partner.example")], (1,), Outcome.PASS),
            ([at("notgmail.com")], (1,), Outcome.PASS),
            ([internal()], (1,), Outcome.PASS),
        ],
    )
    def test_each_outcome(self, first: list[Any], holding: tuple[int, ...], outcome: Outcome) -> None:
        found = self.judge(*first, holding=holding)
        assert found.outcome is outcome, found.summary

    def test_severities_and_rows(self) -> None:
        found = self.judge(at("gmail.com"), holding=(1,))
        assert found.severity is Severity.MEDIUM
        assert found.affected.sample[0]["why"] == "holds access"
        assert self.judge(at("gmail.com")).severity is Severity.LOW

    def test_no_guests(self) -> None:
        assert judge("GUEST-LIF-007", guests=[]).outcome is Outcome.NOT_APPLICABLE

    def test_exceptions_by_id(self) -> None:
        excepted = Settings(thresholds=Thresholds(excepted_guest_ids=(object_id(1).upper(),)))
        assert self.judge(at("gmail.com"), holding=(1,), settings=excepted).outcome is Outcome.PASS

    def test_a_tolerance(self) -> None:
        five = Settings(thresholds=Thresholds(consumer_max_pct=5))
        assert self.judge(at("gmail.com"), holding=(1,), settings=five).outcome is Outcome.PARTIAL
        both = (at("gmail.com"), at("gmail.com", 2))
        assert self.judge(*both, holding=(1, 2), settings=five).outcome is Outcome.FAIL
        assert self.judge(*both, holding=(1,), settings=five).outcome is Outcome.PARTIAL

    @pytest.mark.parametrize("name", LISTS)
    def test_what_they_hold_was_not_read(self, name: str) -> None:
        refused = {name: gap(name, permission="Some.Read.All")}
        assert self.judge(**refused).outcome is Outcome.PASS, "nobody's access is asked for"
        found = self.judge(at("gmail.com"), **refused)
        assert found.outcome is Outcome.NOT_ASSESSED
        assert found.gap.reason is GapReason.PERMISSION
        licensed = at("gmail.com", assignedLicenses=[{"skuId": "x"}])
        assert self.judge(licensed, **refused).outcome is Outcome.FAIL, "a fail stands"

    def test_a_guest_without_any_address_is_unknown(self) -> None:
        assert self.judge(nowhere()).outcome is Outcome.NOT_ASSESSED
        assert self.judge(nowhere(), at("gmail.com", 2), holding=(2,)).outcome is Outcome.FAIL

    @pytest.mark.parametrize("enabled", [ABSENT, None, "true"])
    def test_whether_they_are_enabled_is_unknown(self, enabled: Any) -> None:
        found = self.judge(at("gmail.com", accountEnabled=enabled), holding=(1,))
        assert found.outcome is Outcome.NOT_ASSESSED

    @given(consumers=st.integers(0, 20), more=st.integers(0, 20))
    @settings(max_examples=25, deadline=None)
    def test_more_of_them_are_never_better(self, consumers: int, more: int) -> None:
        outcomes = []
        for count in (consumers, min(20, consumers + more)):
            found = self.judge(*(at("gmail.com", n) for n in range(1, 1 + count)), holding=tuple(range(1, 1 + count)))
            outcomes.append(ORDER.index(found.outcome))
        assert outcomes[1] >= outcomes[0]


class TestDomainList:
    """GUEST-LIF-008."""

    def judge(self, *guests: dict[str, Any], policy: Any = None, holding: tuple[int, ...] = (1,), **more: Any) -> Any:
        facts = {
            "guests": list(guests) or [guest(1)],
            "b2b_management_policies": [policy or b2b_policy(allowed=["fabrikam.example"])],
            "domains": [{"id": "contoso.example"}],
            "organization": [{"id": "t", "verifiedDomains": [{"name": "contoso.onmicrosoft.com"}]}],
            **access(*holding),
        }
        return judge("GUEST-LIF-008", **{**facts, **more})

    @pytest.mark.parametrize(
        ("domain", "policy", "holding", "outcome"),
        [
            ("fabrikam.example", b2b_policy(allowed=["fabrikam.example"]), (1,), Outcome.PASS),
            ("fabrikam.example", b2b_policy(allowed=["FABRIKAM.example."]), (1,), Outcome.PASS),
            ("other.example", b2b_policy(allowed=["fabrikam.example"]), (1,), Outcome.FAIL),
            ("other.example", b2b_policy(allowed=["fabrikam.example"]), (), Outcome.PARTIAL),
            ("notfabrikam.example", b2b_policy(allowed=["fabrikam.example"]), (1,), Outcome.FAIL),
            ("eu.fabrikam.example", b2b_policy(allowed=["fabrikam.example"]), (1,), Outcome.NOT_ASSESSED),
            ("fabrikam.example", b2b_policy(blocked=["fabrikam.example"]), (1,), Outcome.FAIL),
            ("other.example", b2b_policy(blocked=["fabrikam.example"]), (1,), Outcome.PASS),
            ("eu.fabrikam.example", b2b_policy(blocked=["fabrikam.example"]), (1,), Outcome.NOT_ASSESSED),
            ("example", b2b_policy(blocked=["fabrikam.example"]), (1,), Outcome.NOT_ASSESSED),
            ("bücher.example", b2b_policy(allowed=["xn--bcher-kva.example"]), (1,), Outcome.PASS),
            ("xn--bcher-kva.example", b2b_policy(blocked=["Bücher.example"]), (1,), Outcome.FAIL),
            ("contoso.example", b2b_policy(allowed=["fabrikam.example"]), (1,), Outcome.PASS),
            ("contoso.onmicrosoft.com", b2b_policy(allowed=["fabrikam.example"]), (1,), Outcome.PASS),
            ("other.example", b2b_policy(), (1,), Outcome.NOT_APPLICABLE),
            ("other.example", b2b_policy(blocked=[]), (1,), Outcome.NOT_APPLICABLE),
            ("other.example", b2b_policy(allowed=[]), (1,), Outcome.NOT_ASSESSED),
        ],
    )
    def test_each_outcome(self, domain: str, policy: Any, holding: tuple[int, ...], outcome: Outcome) -> None:
        found = self.judge(at(domain), policy=policy, holding=holding)
        assert found.outcome is outcome, found.summary

    def test_severities_and_rows(self) -> None:
        found = self.judge(at("other.example"))
        assert found.severity is Severity.MEDIUM
        assert found.affected.count == 1
        assert self.judge(at("other.example"), holding=()).severity is Severity.LOW

    def test_no_guests(self) -> None:
        assert self.judge(guests=[]).outcome is Outcome.NOT_APPLICABLE

    def test_who_is_not_judged(self) -> None:
        assert self.judge(pending(1, 5, mail="x@other.example")).outcome is Outcome.PASS
        assert self.judge(internal()).outcome is Outcome.PASS
        assert self.judge(at("other.example", accountEnabled=False)).outcome is Outcome.PARTIAL

    def test_no_policy_at_all(self) -> None:
        assert self.judge(b2b_management_policies=[]).outcome is Outcome.NOT_APPLICABLE

    @pytest.mark.parametrize(
        "policies",
        [
            gap("b2b_management_policies"),
            [b2b_policy(allowed="fabrikam.example")],
            [b2b_policy(definition=["{"])],
            [b2b_policy(allowed=["a.example"]), b2b_policy(blocked=["b.example"], id="2")],
            {"value": []},
        ],
    )
    def test_the_list_cannot_be_read(self, policies: Any) -> None:
        assert self.judge(at("other.example"), b2b_management_policies=policies).outcome is Outcome.NOT_ASSESSED

    @pytest.mark.parametrize("profile", list(Profile))
    def test_an_empty_allow_list_is_ambiguous(self, profile: Profile) -> None:
        found = self.judge(policy=b2b_policy(allowed=[]), settings=Settings(profile=profile))
        assert found.outcome is Outcome.NOT_ASSESSED

    def test_a_guest_without_any_address_is_unknown(self) -> None:
        assert self.judge(nowhere()).outcome is Outcome.NOT_ASSESSED
        assert self.judge(at("other.example"), nowhere(2)).outcome is Outcome.FAIL

    @pytest.mark.parametrize("name", LISTS)
    def test_what_they_hold_was_not_read(self, name: str) -> None:
        refused = {name: gap(name, permission="Some.Read.All")}
        found = self.judge(at("other.example"), holding=(), **refused)
        assert found.outcome is Outcome.NOT_ASSESSED
        assert found.gap.reason is GapReason.PERMISSION
        assert self.judge(at("fabrikam.example"), **refused).outcome is Outcome.PASS
