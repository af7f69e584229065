"""Where guests come from: personal mailboxes, and domains that the policy no longer allows."""

from collections.abc import Mapping
from typing import Any

from posture.controls.registry import (
    Tally,
    TallyContext,
    Verdict,
    control,
    failed,
    not_applicable,
    partial,
    passed,
    tally,
)
from posture.controls.remedies import DELETE_GUEST
from posture.controls.shared import NO_GUESTS, ids, number
from posture.errors import UnknownValueError
from posture.settings import Severity, Thresholds
from posture.snapshot.access import ACCESS_LISTS, can_use, not_known
from posture.snapshot.derive import DomainList, invitation_domain_mode
from posture.snapshot.domains import ConsumerDomains, plain_domain
from posture.snapshot.guests import Guest, is_internal
from posture.snapshot.types import Gap, Rows
from posture.snapshot.values import objects


@tally("consumer_guests", control="GUEST-LIF-007", optional=tuple(ACCESS_LISTS))
class ConsumerGuests(Tally):
    """Enabled guests with a personal mailbox, by whether they hold anything.

    `placeless` have no address that tells a domain; `unclear` are consumers
    whose access is not known, `excepted` those named as exceptions.
    """

    def __init__(self, context: TallyContext) -> None:
        super().__init__(context)
        self._consumer = ConsumerDomains(context.thresholds)
        self._excepted = ids(context.thresholds.excepted_guest_ids)
        self.enabled = self.consumers = self.holding = self.unclear = self.placeless = self.excepted = 0

    def add(self, guest: Guest) -> None:
        """Count one guest; most come from elsewhere."""
        if guest.enabled is False:
            return
        self.enabled += 1
        domain = guest.domain
        if domain is None:
            self.placeless += not is_internal(guest.row)
            return
        if domain not in self._consumer:
            return
        if guest.id.casefold() in self._excepted:
            self.excepted += 1
            return
        self.consumers += 1
        access = can_use(guest)
        self.holding += access is True
        self.unclear += access is None
        self.concern(guest, {True: "holds access", False: "holds nothing", None: "access not known"}[access])


@control(
    "GUEST-LIF-007",
    fail=Severity.MEDIUM,
    partial=Severity.LOW,
    kind="inventory",
    remediation=DELETE_GUEST,
    frameworks={
        "mcsb": ("IM-1 (own)",),
        "nist_800_53r5": ("AC-20 (own)", "IA-8 (own)"),
        "iso_27001_2022": ("A.5.16 (own)",),
        "attack": ("T1136.003 (own)", "T1078.004 (own)"),
        "atrm": ("AZT502.3 (own)",),
    },
    parameters=("consumer_domains", "consumer_domain_stems", "consumer_max_pct", "excepted_guest_ids"),
    unverified=("that the list of consumer domains is complete; it is ours",),
)
def guests_have_an_employer(
    consumer_guests: ConsumerGuests,
    guest_memberships: Rows | Gap,
    guest_owned_objects: Rows | Gap,
    guest_app_roles: Rows | Gap,
    thresholds: Thresholds,
) -> Verdict:
    """Guests do not come from consumer mail domains.

    Holds when no enabled guest but those in `excepted_guest_ids` has an address
    at one of `consumer_domains`, or at a name in `consumer_domain_stems` under
    any country's ending. Partial when they are at most `consumer_max_pct`
    percent of enabled guests, or hold no group, role, application, object or
    licence. Fails when more than that hold something.

    Why: nobody switches a personal mailbox off when the job ends, its recovery
    is weak, and there is no organization to call.

    Attack: an intruder with a hijacked account invites a mailbox of their own
    and keeps access after the hijack is cleaned up.

    Fix: External Identities > External collaboration settings > Collaboration
    restrictions: block consumer domains. Then go through the guests one by one.

    Breaks: volunteers, board members and one-person suppliers often have no
    other address. Give them an account of yours, or keep them by name with MFA
    and a sponsor.

    Default: any domain may be invited.

    Source: https://learn.microsoft.com/entra/external-id/allow-deny-list
    https://learn.microsoft.com/entra/external-id/user-properties
    https://learn.microsoft.com/entra/architecture/5-secure-access-b2b
    """
    t = consumer_guests
    if not t.population:
        return not_applicable(NO_GUESTS, observed={"guests": 0})
    allowed = thresholds.consumer_max_pct * t.enabled / 100
    seen = {
        "enabled guests": t.enabled,
        "from consumer domains": t.consumers,
        "of them holding access": t.holding,
        "excepted by name": t.excepted,
    }
    told = f"{t.consumers:,} of {number(t.enabled, 'enabled guest')} come from consumer mail domains"
    if t.holding > allowed:
        return failed(f"{told}; {t.holding:,} of them hold access.", observed=seen)
    if t.placeless:
        raise UnknownValueError(f"{number(t.placeless, 'guest')} have no address that tells a domain")
    if not t.consumers:
        return passed("No enabled guest comes from a consumer mail domain.", observed=seen)
    if t.consumers <= allowed:
        return partial(f"{told}, within the tolerance.", observed=seen)
    if t.holding + t.unclear > allowed:
        raise not_known(
            f"{told}, and what {t.unclear:,} of them hold is not known",
            guest_memberships,
            guest_owned_objects,
            guest_app_roles,
        )
    return partial(f"{told}; they hold nothing." if not t.holding else f"{told}; few hold anything.", observed=seen)


@tally(
    "outside_guests",
    control="GUEST-LIF-008",
    needs=("guests", "b2b_management_policies"),
    optional=("domains", "organization", *ACCESS_LISTS),
)
class OutsideGuests(Tally):
    """Accepted guests whose domain the present list would refuse.

    `kind` is the list in force. Of those outside, `disabled` are switched off,
    `holding` and `bare` are on with and without access, `unclear` do not tell.
    `placeless` have no address, `related` lie below a listed domain, and whether
    the list means those no page says.
    """

    def __init__(self, context: TallyContext) -> None:
        super().__init__(context)
        mode = invitation_domain_mode(context.facts["b2b_management_policies"])
        self.kind = mode.kind
        self._allow = mode.kind is DomainList.ALLOW
        self._judges = mode.kind in (DomainList.ALLOW, DomainList.BLOCK)
        self._listed = {plain_domain(d) for d in mode.domains}
        self._own = _own_domains(context.facts)
        self.holding = self.bare = self.unclear = self.disabled = self.placeless = self.related = 0

    def add(self, guest: Guest) -> None:
        """Count one guest who accepted; the list itself stops the others."""
        if not self._judges or guest.pending:
            return
        domain = guest.domain
        if domain is None:
            self.placeless += not is_internal(guest.row)
            return
        if not domain.isascii():
            domain = plain_domain(domain)
        if domain in self._listed:
            if self._allow:
                return
        elif self._below(domain):
            self.related += 1
            return
        elif not self._allow:
            return
        if domain not in self._own and not is_internal(guest.row):
            self._outside(guest)

    def _below(self, domain: str) -> bool:
        parent = domain.partition(".")[2]
        while parent:
            if parent in self._listed:
                return True
            parent = parent.partition(".")[2]
        return False

    def _outside(self, guest: Guest) -> None:
        if guest.enabled is False:
            self.disabled += 1
            self.concern(guest, "domain not allowed now; switched off")
            return
        access = can_use(guest)
        self.holding += access is True
        self.bare += access is False
        self.unclear += access is None
        words = {True: "holds access", False: "holds nothing", None: "access not known"}[access]
        self.concern(guest, f"domain not allowed now; {words}")


def _own_domains(facts: Mapping[str, Any]) -> set[str]:
    """Return the tenant's own domains, in which nobody is from outside."""
    listed = [d.get("id") for d in objects(facts.get("domains", ()), "domains")]
    for row in objects(facts.get("organization", ()), "organization"):
        verified = row.get("verifiedDomains")
        listed += [d.get("name") for d in verified if isinstance(d, Mapping)] if isinstance(verified, list) else []
    return {plain_domain(d) for d in listed if isinstance(d, str)}


@control(
    "GUEST-LIF-008",
    fail=Severity.MEDIUM,
    partial=Severity.LOW,
    kind="inventory",
    remediation=DELETE_GUEST,
    frameworks={
        "cis_m365": ("5.1.6.1 L2 (v4.0.0, v6.0.0, v7.0.0; intent)",),
        "scuba": ("MS.AAD.8.3v1 (intent)",),
        "mcsb": ("PA-4 (own)",),
        "nist_800_53r5": ("AC-2 (own)", "AC-3 (own)"),
        "iso_27001_2022": ("A.5.18 (own)",),
        "attack": ("T1199", "T1078.004"),
    },
    unverified=("whether a listed domain also means its subdomains; such guests are not judged",),
)
def guests_fit_the_domain_list(
    outside_guests: OutsideGuests,
    guest_memberships: Rows | Gap,
    guest_owned_objects: Rows | Gap,
    guest_app_roles: Rows | Gap,
) -> Verdict:
    """No accepted guest is outside the current domain policy.

    Holds when no guest who accepted has a domain that the list in force
    refuses. Partial when all such guests are switched off or hold no group,
    role, application, object or licence. Fails when one is on and holds
    something. Without a list there is nothing to be outside of.

    Why: the list only stops new invitations. Tightening it makes the setting
    look right while those it was meant to keep out are still inside.

    Attack: a guest from a partner you have parted with keeps their access; the
    new list never looks at them.

    Fix: Users > filter by domain > delete; or add the domain to the list where
    the guest is wanted. Look again after every change of the list.

    Breaks: a guest's mail domain may differ from the organization that signs
    them in; check the home tenant in the sign-in log before deleting.

    Default: no list, so nobody is outside.

    Source: https://learn.microsoft.com/entra/external-id/allow-deny-list
    https://learn.microsoft.com/graph/api/resources/b2bmanagementpolicy?view=graph-rest-beta
    """
    t = outside_guests
    if not t.population:
        return not_applicable(NO_GUESTS, observed={"guests": 0})
    if t.kind is DomainList.NONE:
        return not_applicable(
            "Any domain may be invited, so no guest is outside a list.",
            observed={"b2b_management_policies.domain list": "none"},
        )
    if t.kind is DomainList.EMPTY_ALLOW:
        raise UnknownValueError("AllowedDomains is present and empty, which may mean nobody or anybody")
    outside = t.holding + t.bare + t.unclear + t.disabled
    seen = {
        "b2b_management_policies.domain list": t.kind.value,
        "guests outside": outside,
        "of them on and holding access": t.holding,
        "of them switched off": t.disabled,
    }
    told = f"{number(outside, 'accepted guest')} outside the {t.kind.value} list"
    if t.holding:
        return failed(f"{told}; {t.holding:,} of them hold access.", observed=seen)
    if t.placeless or t.related:
        raise UnknownValueError(
            f"{number(t.placeless, 'guest')} without an address that tells a domain, {t.related:,} from a subdomain of "
            "a listed one"
        )
    if t.unclear:
        raise not_known(
            f"{told}, and what {t.unclear:,} of them hold is not known",
            guest_memberships,
            guest_owned_objects,
            guest_app_roles,
        )
    if outside:
        return partial(f"{told}; all are switched off or hold nothing.", observed=seen)
    return passed(f"Every accepted guest fits the {t.kind.value} list.", observed=seen)
