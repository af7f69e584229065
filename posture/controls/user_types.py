"""Whether the user type says what a person is: outsiders are guests, and guests sign in elsewhere."""

from collections.abc import Iterator, Mapping
from typing import Any

from posture.controls.registry import (
    Remediation,
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
from posture.controls.shared import ids, number
from posture.errors import UnknownValueError
from posture.settings import Severity, Thresholds
from posture.snapshot.access import not_known
from posture.snapshot.guests import Guest, home_domain, is_internal, last_attempt
from posture.snapshot.power import person
from posture.snapshot.types import Gap, Rows
from posture.snapshot.values import objects


@tally("internal_guests", control="GUEST-LIF-010", optional=("guest_sign_in_activity",))
class InternalGuests(Tally):
    """Guests whose credentials live in this tenant.

    `active` are on and sign in, `idle` do not, `unclear` are on and nothing
    tells whether they do. `unknown` do not tell where their credentials live.
    """

    def __init__(self, context: TallyContext) -> None:
        super().__init__(context)
        self._allowed = ids(context.thresholds.allowed_internal_guest_ids)
        self.active = self.idle = self.unclear = self.unknown = 0

    def add(self, guest: Guest) -> None:
        """Count one guest; nearly all carry the mark of an external."""
        internal = is_internal(guest.row)
        if internal is False:
            return
        if internal is None:
            self.unknown += 1
        elif guest.id.casefold() not in self._allowed:
            signs_in = self._signs_in(guest)
            self.active += signs_in is True
            self.idle += signs_in is False
            self.unclear += signs_in is None
            words = {True: "signs in", False: "does not sign in", None: "sign-ins not known"}[signs_in]
            self.concern(guest, f"a guest with credentials of this tenant; {words}")

    @staticmethod
    def _signs_in(guest: Guest) -> bool | None:
        if guest.enabled is False:
            return False
        if guest.last_success is not None:
            return guest.enabled
        try:
            return False if last_attempt(guest.side.get("guest_sign_in_activity")) is None else None
        except UnknownValueError:
            return None


class _Homes:
    """The tenant behind a mail domain, from the lists that tell, and what it means here."""

    def __init__(self, guest_domain_tenants: Rows | Gap, partner_tenants: Rows | Gap, thresholds: Thresholds) -> None:
        self._own, self._approved = ids(thresholds.own_tenant_ids), ids(thresholds.approved_partner_tenant_ids)
        self._tenants: dict[str, str] = {}
        for rows, key in ((guest_domain_tenants, "id"), (partner_tenants, "defaultDomainName")):
            for row in () if isinstance(rows, Gap) else objects(rows, "tenants of domains"):
                domain, tenant = row.get(key), row.get("tenantId")
                if isinstance(domain, str) and isinstance(tenant, str) and tenant:
                    self._tenants[domain.casefold()] = tenant.casefold()

    def of(self, member: Mapping[str, Any]) -> str:
        """Return "own", "approved", "other", or "" where the tenant is not known."""
        if not self._own and not self._approved:
            return "other"
        tenant = self._tenants.get(home_domain(member) or "")
        if tenant is None:
            return ""
        return "own" if tenant in self._own else "approved" if tenant in self._approved else "other"


def _concerned(members: Rows, homes: _Homes) -> Iterator[dict[str, Any]]:
    words = {"approved": "a member from an approved partner", "other": "a member from outside"}
    for member in objects(members, "external members"):
        home = homes.of(member)
        if home in words:
            yield person(member, words[home])


@control(
    "GUEST-LIF-010",
    fail=Severity.HIGH,
    partial=Severity.LOW,
    kind="inventory",
    remediation=Remediation(
        method="PATCH",
        url="https://graph.microsoft.com/v1.0/users/{id}",
        body={"userType": "Guest"},
        permission="User.ReadWrite.All",
        role="User Administrator",
        powershell=("Update-MgUser -UserId {id} -UserType Guest", "Set-EntraUser -UserId {id} -UserType Guest"),
        notes="For members from outside; undo with userType Member. A guest with credentials of yours is invited to "
        "B2B (Users > the user > B2B collaboration > Invite internal user) or made anew.",
    ),
    frameworks={
        "mcsb": ("IM-1 (own)", "PA-3 (own)"),
        "nist_800_53r5": ("AC-2 (own)", "IA-8 (own)"),
        "iso_27001_2022": ("A.5.16 (own)",),
        "attack": ("T1098 (own)", "T1078.004"),
        "atrm": ("AZT502.3 (own)",),
        "other": ("Guests are not meant for staff or automation: the hunting article this product starts from",),
    },
    parameters=("own_tenant_ids", "approved_partner_tenant_ids", "allowed_internal_guest_ids"),
    empty_is_good="external_members: no member from outside is the state to reach.",
    unverified=(
        "the issuer Graph prints for some kinds of accounts",
        "members from outside who were renamed do not carry #EXT# and are not found",
    ),
)
def user_types_are_true(
    internal_guests: InternalGuests,
    external_members: Rows,
    guest_domain_tenants: Rows | Gap,
    partner_tenants: Rows | Gap,
    guest_sign_in_activity: Rows | Gap,
    thresholds: Thresholds,
) -> Verdict:
    """User type and authentication source agree.

    Holds when nobody from outside is a member, except from `own_tenant_ids`,
    and no guest has credentials of this tenant, except those in
    `allowed_internal_guest_ids`. Partial when members from outside belong to
    `approved_partner_tenant_ids`, or guests with credentials of this tenant do
    not sign in. Fails for a member from any other tenant, and when a guest with
    credentials of this tenant is on and signs in.

    Why: every rule about guests looks at the user type. Somebody from outside
    who is a member escapes guest limits, policies and reviews; an inside
    account stored as guest hides where nobody looks for it.

    Attack: an intruder with User Administrator turns their own guest into a
    member, and from then on no guest policy applies to it.

    Fix: Users > the user > Properties > User type. People from outside are
    guests; staff and automation never are.

    Breaks: as guest a person loses what members may do by default, and moves in
    and out of dynamic groups that read the user type, with their licences.

    Default: whoever is invited becomes a guest; cross-tenant synchronization
    writes members.

    Source: https://learn.microsoft.com/entra/external-id/user-properties
    https://learn.microsoft.com/entra/identity/multi-tenant-organizations/cross-tenant-synchronization-overview
    """
    t = internal_guests
    homes = _Homes(guest_domain_tenants, partner_tenants, thresholds)
    counts = {"own": 0, "approved": 0, "other": 0, "": 0}
    for member in objects(external_members, "external members"):
        counts[homes.of(member)] += 1
    if not t.population and not any(counts.values()):
        return not_applicable("The tenant has no guests and no members from outside.", observed={"guests": 0})
    inside = t.active + t.idle + t.unclear
    seen = {
        "external_members.members from outside": sum(counts.values()),
        "external_members.of them from own tenants": counts["own"],
        "external_members.of them from approved partners": counts["approved"],
        "guests with credentials here": inside,
        "of them signing in": t.active,
    }
    affected = _concerned(external_members, homes)
    if counts["other"] or t.active:
        told = []
        if counts["other"]:
            told.append(
                f"{number(counts['other'], 'member')} {'comes' if counts['other'] == 1 else 'come'} from outside"
            )
        if t.active:
            signs = "signs" if t.active == 1 else "sign"
            told.append(f"{number(t.active, 'guest')} {signs} in with credentials of this tenant")
        return failed(f"{'; '.join(told)}.", observed=seen, affected=affected)
    if counts[""]:
        where = f"the home tenant of {number(counts[''], 'member')} from outside could not be told"
        raise not_known(where, guest_domain_tenants)
    if t.unknown:
        raise UnknownValueError(f"where the credentials of {number(t.unknown, 'guest')} live could not be told")
    if t.unclear:
        whether = f"whether {number(t.unclear, 'guest')} with credentials here sign in is not known"
        raise not_known(whether, guest_sign_in_activity)
    if counts["approved"] or inside:
        members, guests = number(counts["approved"], "member"), number(inside, "guest")
        told = [f"{members} from approved partners", f"{guests} with credentials of this tenant, not signing in"]
        return partial(f"{'; '.join(told)}.", observed=seen, affected=affected)
    return passed("Nobody from outside is a member unnoticed, and no guest has credentials here.", observed=seen)
