"""Whether the organization that vouches for each guest can be found."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
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
from posture.controls.shared import NO_GUESTS, does, number
from posture.errors import UnknownValueError
from posture.settings import Severity
from posture.snapshot.domains import ConsumerDomains
from posture.snapshot.guests import DOMAINS_ASKED, Guest, is_internal, vouched_by
from posture.snapshot.types import Gap, Rows
from posture.snapshot.values import items, objects

_HOMES_KEPT = 50_000
"""Guests whose home tenant is taken from sign-ins at most: about 10 MB."""


@tally(
    "guest_homes",
    control="GUEST-LIF-009",
    needs=("guests", "guest_domain_tenants"),
    optional=("sign_ins",),
)
class GuestHomes(Tally):
    """Guests by whether the organization that vouches for them can be found.

    `dangling` sign in with a foreign Entra account though their domain belongs
    to no tenant; `moved` sign in from another tenant than their domain's.
    `addressless` have no address. `waiting` have not accepted yet. `unknown` do
    not tell who vouches for them. `compared` counts sign-ins' home tenants,
    `cut` says that there were more.
    """

    def __init__(self, context: TallyContext) -> None:
        super().__init__(context)
        self._consumer = ConsumerDomains(context.thresholds)
        self._tenants: dict[str, str] = {}
        self._unsaid: set[str] = set()
        for row in objects(context.facts["guest_domain_tenants"], "tenants of guest domains"):
            domain, tenant = row.get("id"), row.get("tenantId")
            if isinstance(domain, str) and isinstance(tenant, str) and tenant:
                self._tenants[domain.casefold()] = tenant.casefold()
            else:
                self._unsaid.add(str(domain))
        self._last = max((*self._tenants, *self._unsaid), default="")
        self._homes, self.cut = _homes(context.facts.get("sign_ins", ()))
        self._domains: set[str] = set()
        self.found = len(self._tenants)
        self.compared = len(self._homes)
        self._dangling = self._dangling_beyond = 0
        self.moved = self.addressless = self.waiting = self.unknown = 0

    def add(self, guest: Guest) -> None:
        """Count one guest; the domain of most belongs to a tenant."""
        domain = guest.domain
        if domain is None:
            if not is_internal(guest.row):
                self.addressless += 1
                self.concern(guest, "no address tells where they come from")
            return
        if len(self._domains) <= DOMAINS_ASKED:
            self._domains.add(domain)
        tenant = self._tenants.get(domain)
        if tenant is not None:
            home = self._homes.get(guest.id) if self._homes else None
            if home is not None and home != tenant:
                self.moved += 1
                self.concern(guest, "signs in from another tenant than their domain's", homeTenantId=home)
        elif domain not in self._consumer:
            self._unresolved(guest, domain)

    def _unresolved(self, guest: Guest, domain: str) -> None:
        if guest.pending:
            self.waiting += 1
            return
        voucher = vouched_by(guest.row)
        if voucher in ("other", "here"):
            return
        if voucher == "" or domain in self._unsaid or not domain.isascii() or "'" in domain:
            self.unknown += 1
            return
        if domain <= self._last:
            self._dangling += 1
        else:
            self._dangling_beyond += 1
        self.concern(guest, "has a foreign Entra account and a domain without a tenant")

    @property
    def dangling(self) -> int:
        """Guests whose domain was asked for and belongs to no tenant."""
        return self._dangling + (0 if self._cut_off else self._dangling_beyond)

    @property
    def unasked(self) -> int:
        """Guests whose domain may not have been asked for, since there are more than are asked."""
        return self._dangling_beyond if self._cut_off else 0

    @property
    def _cut_off(self) -> bool:
        return len(self._domains) > DOMAINS_ASKED


def _homes(sign_ins: Iterable[Mapping[str, Any]]) -> tuple[dict[str, str], bool]:
    """Return the home tenant of people who signed in here from another one, and whether there were more."""
    found: dict[str, str] = {}
    tenants: dict[str, str] = {}
    for row in objects(sign_ins, "sign-ins"):
        home, here, user = row.get("homeTenantId"), row.get("resourceTenantId"), row.get("userId")
        if not (isinstance(home, str) and isinstance(here, str) and isinstance(user, str) and home and here and user):
            continue
        if home == here:
            continue
        if user not in found and len(found) >= _HOMES_KEPT:
            return found, True
        home = home.casefold()
        found[user] = tenants.setdefault(home, home)
    return found, False


@control(
    "GUEST-LIF-009",
    fail=Severity.MEDIUM,
    partial=Severity.LOW,
    kind="inventory",
    licence="none; Entra ID P1 for the comparison with sign-ins",
    remediation=replace(
        DELETE_GUEST,
        notes="Only once nobody inside answers for the guest. After a merger, resetting the redemption status binds "
        "the same object to the new address instead.",
    ),
    frameworks={
        "mcsb": ("IM-1 (own)",),
        "nist_800_53r5": ("IA-8 (own)",),
        "iso_27001_2022": ("A.5.16 (own)",),
        "attack": ("T1199 (own)", "T1078.004 (own)"),
    },
    parameters=("consumer_domains", "consumer_domain_stems"),
    unverified=(
        "that Graph answers 404 for a domain without a tenant",
        "what Graph answers for a domain in another Microsoft cloud; not judged where other clouds are allowed",
        "the issuer Graph prints for some kinds of accounts",
    ),
)
def guest_homes_are_known(
    guest_homes: GuestHomes, sign_ins: Rows | Gap, cross_tenant_access_policy: Mapping[str, Any] | Gap
) -> Verdict:
    """Every guest's home can be identified.

    Holds when the domain of every accepted guest belongs to an Entra tenant, or
    the guest signs in by emailed code, Google, a Microsoft account or a
    federation of yours. Partial when some guests have no address at all. Fails
    when a guest has a foreign Entra account and a domain that belongs to no
    tenant, or signs in from another tenant than the domain's. Without the
    sign-ins it may fail, and otherwise is not assessed.

    Why: when a guest misbehaves you must know whom to call. A domain that
    belongs to no tenant any more may be free for anybody to register.

    Attack: somebody buys a partner's expired domain, receives the mail sent to
    the old guest, and redeems as that guest again.

    Fix: Users > the guest > Identities. Ask the sponsor who this is; delete
    guests nobody knows.

    Breaks: mergers and moves to a new domain look the same; ask before
    deleting.

    Default: nobody checks.

    Source: https://learn.microsoft.com/graph/api/tenantrelationship-findtenantinformationbydomainname
    https://learn.microsoft.com/entra/external-id/user-properties
    https://learn.microsoft.com/entra/external-id/reset-redemption-status
    """
    t = guest_homes
    if not t.population:
        return not_applicable(NO_GUESTS, observed={"guests": 0})
    dangling, unknown = t.dangling, t.unknown + t.unasked
    if dangling and (not t.found or _other_clouds(cross_tenant_access_policy)):
        dangling, unknown = 0, unknown + dangling
    seen = {
        "guest_domain_tenants.domains that belong to a tenant": t.found,
        "guests with a domain without a tenant": dangling,
        "guests from another tenant than their domain's": t.moved,
        "guests without an address": t.addressless,
    }
    notes = _home_notes(t)
    if dangling or t.moved:
        lost = f"{does(dangling, 'guest', 'has', 'have')} a foreign account and a domain that belongs to no tenant"
        moved = f"{does(t.moved, 'guest', 'signs', 'sign')} in from another tenant than their domain's"
        told = "; ".join(words for count, words in ((dangling, lost), (t.moved, moved)) if count)
        return failed(f"{told}.", observed=seen, notes=notes)
    if unknown:
        raise UnknownValueError(f"the home of {number(unknown, 'guest')} could not be told")
    if isinstance(sign_ins, Gap):
        told = f"whether guests sign in from another tenant than their domain's was not read: {sign_ins.detail}"
        raise UnknownValueError(told, because=sign_ins)
    if t.cut:
        raise UnknownValueError(f"more people signed in than the {t.compared:,} whose home tenant was compared")
    if t.addressless:
        told = f"{number(t.addressless, 'guest')} without any address that tells where they come from."
        return partial(told, observed=seen, notes=notes)
    return passed("The home of every accepted guest can be told.", observed=seen, notes=notes)


def _other_clouds(cross_tenant_access_policy: Mapping[str, Any] | Gap) -> bool:
    """Whether guests may come from another Microsoft cloud, whose domains Graph may not find here."""
    if isinstance(cross_tenant_access_policy, Gap):
        return False
    return bool(items(cross_tenant_access_policy, "allowedCloudEndpoints"))


def _home_notes(t: GuestHomes) -> tuple[str, ...]:
    notes = []
    if t.waiting:
        notes.append(f"{number(t.waiting, 'guest')} from a domain without a tenant have not accepted yet.")
    if t.cut:
        notes.append(f"Home tenants of {number(t.compared, 'guest')} were compared; more signed in.")
    if not t.compared:
        notes.append("No sign-in of a guest was there to compare the home tenant with.")
    return tuple(notes)
