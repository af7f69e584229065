"""Whether guests who must do MFA here have registered it here."""

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
from posture.controls.shared import NO_GUESTS, number
from posture.errors import UnknownValueError
from posture.settings import Severity, Thresholds
from posture.snapshot.derive import effective, trusts
from posture.snapshot.guests import Guest, vouched_by
from posture.snapshot.types import Gap, Rows
from posture.snapshot.values import block, objects, text

_LEAST = 50
"""Percent below which the control fails."""


class _Trust:
    """From which tenants MFA is accepted, so that their guests need none here."""

    def __init__(self, context: TallyContext) -> None:
        default = context.facts["cross_tenant_default"]
        self._default = trusts(block(default, "inboundTrust"))["isMfaAccepted"]
        self._partners = {
            text(p, "tenantId").casefold(): trusts(effective(p, default, "inboundTrust"))["isMfaAccepted"]
            for p in objects(context.facts["cross_tenant_partners"], "partners")
        }
        self._tenants = {
            row["id"]: row["tenantId"].casefold()
            for row in objects(context.facts.get("guest_domain_tenants", ()), "tenants of guest domains")
            if isinstance(row.get("id"), str) and isinstance(row.get("tenantId"), str)
        }
        self.any = self._default or any(self._partners.values())
        self._alike = all(v is self._default for v in self._partners.values())

    def of(self, guest: Guest) -> bool | None:
        """Return whether a guest's own MFA is accepted; None where their home tenant is not known."""
        voucher = vouched_by(guest.row)
        if voucher != "entra":
            return None if voucher == "" else False
        if self._alike:
            return self._default
        tenant = self._tenants.get(guest.domain or "")
        return None if tenant is None else self._partners.get(tenant, self._default)


@tally(
    "mfa_registrations",
    control="GUEST-AUT-006",
    needs=("guests", "guest_registration_details", "cross_tenant_default", "cross_tenant_partners"),
    optional=("guest_domain_tenants",),
)
class MfaRegistrations(Tally):
    """Enabled, accepted guests by whether they registered MFA in this tenant.

    `registered` and `bare` must do MFA here; `trusted` bring their own. Of the
    guests who may be either, `maybe_registered` and `maybe_bare` are counted
    apart. `unsaid` have no readable record.
    """

    def __init__(self, context: TallyContext) -> None:
        super().__init__(context)
        self._trust = _Trust(context)
        self._exclude = context.thresholds.exclude_trusted_partner_guests and self._trust.any
        self.registered = self.bare = self.trusted = self.maybe_registered = self.maybe_bare = self.unsaid = 0

    def add(self, guest: Guest) -> None:
        """Count one guest."""
        if guest.pending or guest.enabled is False:
            return
        trusted = self._trust.of(guest) if self._exclude else False
        if trusted:
            self.trusted += 1
            return
        unsure = trusted is None or guest.enabled is None
        row = guest.side.get("guest_registration_details")
        registered = row.get("isMfaRegistered") if row else None
        if registered is True:
            self.registered += not unsure
            self.maybe_registered += unsure
        elif registered is False:
            self.bare += not unsure
            self.maybe_bare += unsure
            self.concern(guest, "home tenant's MFA may be trusted" if unsure else "no MFA registered here")
        else:
            self.unsaid += 1

    @property
    def lowest(self) -> float:
        """The share registered, in percent, if everything unknown speaks against."""
        return _share(self.registered, self.registered + self.bare + self.maybe_bare + self.unsaid)

    @property
    def highest(self) -> float:
        """The share registered, in percent, if everything unknown speaks for."""
        good = self.registered + self.maybe_registered + self.unsaid
        return _share(good, good + self.bare)


def _share(part: int, whole: int) -> float:
    return 100 * part / whole if whole else 100.0


@control(
    "GUEST-AUT-006",
    fail=Severity.LOW,
    partial=Severity.LOW,
    kind="inventory",
    licence="Entra ID P1",
    remediation=Remediation(
        powershell=("Get-EntraAuthenticationMethodUserRegistrationDetailReport",),
        role="Reports Reader to look; nothing to change",
        notes="Ask for MFA at sign-in (GUEST-AUT-001) instead of chasing people: whoever comes registers. Guests who "
        "never registered and never signed in are candidates for removal.",
    ),
    frameworks={
        "cis_m365": ("5.2.3.4 L1 (v4.0.0, v6.0.x, v7.0.0) looks at members only",),
        "mcsb": ("IM-6 (own)",),
        "nist_800_53r5": ("IA-5 (own)",),
        "iso_27001_2022": ("A.5.17 (own)",),
        "attack": ("T1098.005 (own)", "T1078.004"),
        "prowler": ("entra_users_mfa_capable (members)",),
        "zta": ("21893 (not implemented in the version read)",),
    },
    parameters=("min_registered_pct", "exclude_trusted_partner_guests"),
    empty_is_good="cross_tenant_partners: no partner has settings of its own.",
    unverified=(
        "that the report shows what a guest registered in this tenant, not at home",
        "which licence the report needs",
        "that the service filters it by userType; rows are filtered again here",
    ),
)
def guests_have_registered_mfa(
    mfa_registrations: MfaRegistrations, guest_domain_tenants: Rows | Gap, thresholds: Thresholds
) -> Verdict:
    """Guests who must do MFA here have registered it.

    Holds when at least `min_registered_pct` percent of enabled guests who
    accepted have registered MFA; guests of tenants whose MFA you trust are left
    out unless `exclude_trusted_partner_guests` is off. Partial down to 50
    percent. Fails below.

    Why: an account without a second factor is a race: whoever signs in first
    with the stolen password registers their own phone. It measures how much
    MFA at sign-in still has to reach.

    Attack: sign in with a leaked partner password, be asked to set up MFA, and
    set it up.

    Fix: ask for MFA at sign-in, and remove guests who never came. Entra admin
    center > Authentication methods > User registration details shows who.

    Breaks: nothing; it is a report.

    Default: nobody is registered.

    Source: https://learn.microsoft.com/graph/api/resources/userregistrationdetails
    https://learn.microsoft.com/graph/api/authenticationmethodsroot-list-userregistrationdetails
    https://learn.microsoft.com/entra/external-id/authentication-conditional-access
    """
    t = mfa_registrations
    if not t.population:
        return not_applicable(NO_GUESTS, observed={"guests": 0})
    judged = t.registered + t.bare
    unknown = t.maybe_registered + t.maybe_bare + t.unsaid
    seen: dict[str, Any] = {"guests who must do MFA here": judged, "registered": t.registered, "trusted": t.trusted}
    if not judged and not unknown:
        return not_applicable("No guest has to register MFA here.", observed=seen)
    low, high = t.lowest, t.highest
    told = f"{t.registered:,} of {number(judged, 'guest')} who must do MFA here have registered it."
    if high < _LEAST:
        return failed(told, observed=seen)
    if judged and low >= thresholds.min_registered_pct:
        return passed(told, observed=seen)
    if low >= _LEAST and high < thresholds.min_registered_pct:
        return partial(told, observed=seen)
    gap = guest_domain_tenants if isinstance(guest_domain_tenants, Gap) else None
    raise UnknownValueError(
        f"{number(unknown, 'guest')} may or may not have to register MFA here, or have", because=gap
    )
