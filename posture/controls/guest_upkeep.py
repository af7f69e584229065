"""Guests nobody looks after: switched off and kept, or without a person who answers for them."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from posture.controls.registry import (
    Authority,
    Outcome,
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
from posture.controls.remedies import DELETE_GUEST
from posture.controls.shared import NO_GUESTS, does, number
from posture.errors import UnknownValueError
from posture.settings import Severity, Thresholds
from posture.snapshot.access import ACCESS_LISTS, holds_access, not_known
from posture.snapshot.audits import DISABLED, days_covered, targets_since
from posture.snapshot.guests import Guest
from posture.snapshot.power import EXPAND_LIMIT
from posture.snapshot.types import Gap, Rows


@tally(
    "disabled_guests",
    control="GUEST-LIF-003",
    optional=("directory_audits", *ACCESS_LISTS),
)
class DisabledGuests(Tally):
    """Guests whose account is switched off, by what they still hold.

    `recent` were switched off within the limit, so far as the audit log tells;
    of the others `holding` hold access, `bare` hold none, `unclear` do not
    tell. `unknown` do not say whether they are switched off.
    """

    def __init__(self, context: TallyContext) -> None:
        super().__init__(context)
        audits = context.facts.get("directory_audits")
        since = context.taken_at - timedelta(days=context.thresholds.disabled_days)
        self._recent = targets_since(audits, DISABLED, since) if audits is not None else frozenset[str]()
        self.disabled = self.recent = self.holding = self.bare = self.unclear = self.unknown = 0

    def add(self, guest: Guest) -> None:
        """Count one guest; most are switched on."""
        enabled = guest.enabled
        if enabled:
            return
        if enabled is None:
            self.unknown += 1
            return
        self.disabled += 1
        if guest.id.casefold() in self._recent:
            self.recent += 1
            return
        access = holds_access(guest)
        self.holding += access is True
        self.bare += access is False
        self.unclear += access is None
        self.concern(guest, {True: "still holds access", False: "holds nothing", None: "access not read"}[access])


@control(
    "GUEST-LIF-003",
    fail=Severity.LOW,
    partial=Severity.INFO,
    kind="inventory",
    remediation=DELETE_GUEST,
    frameworks={
        "mcsb": ("PA-3 (own)",),
        "nist_800_53r5": ("AC-2(3) (own)",),
        "iso_27001_2022": ("A.5.18 (own)",),
        "attack": ("T1098 (own)",),
    },
    parameters=("disabled_days",),
    unverified=("which legal holds keep a guest's content when the account is deleted",),
)
def disabled_guests_are_deleted(
    disabled_guests: DisabledGuests,
    directory_audits: Rows | Gap,
    guest_memberships: Rows | Gap,
    guest_owned_objects: Rows | Gap,
    guest_app_roles: Rows | Gap,
    taken_at: datetime,
    thresholds: Thresholds,
) -> Verdict:
    """Disabled guests are deleted, not stored.

    Holds when no guest is switched off, or each was switched off within
    `disabled_days` as the audit log tells. Partial when others hold no group,
    role, application or object of their own. Fails when a guest for whom the
    log has no such event still holds access. The directory itself does not say
    since when: without the audit log a guest with access is not assessed.

    Why: a guest who is switched off keeps every group and role. One click of a
    helpdesk brings all of it back.

    Attack: an intruder with a helpdesk role switches an old guest on again,
    which looks like support work, and uses what the guest was once given.

    Fix: Entra admin center > Users > filter Account enabled No and User type
    Guest > Delete, 30 days after blocking.

    Breaks: names on documents the guest owned may turn into "unknown user".
    Ask whether a legal hold applies first.

    Default: a blocked guest stays until somebody deletes it.

    Source: https://learn.microsoft.com/entra/id-governance/access-reviews-external-users
    https://learn.microsoft.com/entra/architecture/security-operations-user-accounts
    """
    t = disabled_guests
    if not t.population:
        return not_applicable(NO_GUESTS, observed={"guests": 0})
    days = thresholds.disabled_days
    stored = t.disabled - t.recent
    seen = {"disabled guests": t.disabled, f"disabled within {days} days": t.recent, "still holding access": t.holding}
    if isinstance(directory_audits, Gap):
        since = f"since when is not known: the audit log was not read ({directory_audits.detail})"
        if t.holding:
            told = f"{number(t.holding, 'guest')} switched off still with access; {since}"
            raise UnknownValueError(told, because=directory_audits)
        if t.disabled and not t.unclear and not t.unknown:
            note = f"{since[0].upper()}{since[1:]}."
            return partial(
                f"{does(t.disabled, 'guest', 'is', 'are')} switched off and kept.", observed=seen, notes=(note,)
            )
    elif t.holding:
        covered = days_covered(directory_audits, taken_at - timedelta(days=days), taken_at)
        seen["directory_audits.days the audit log goes back"] = covered
        told, still = f"{does(t.holding, 'guest', 'was', 'were')} switched off", "holds" if t.holding == 1 else "hold"
        if not covered:
            raise UnknownValueError(f"{told} and still {still} access; the audit log does not tell since when")
        begins = f"before the log begins, {number(covered, 'day')} ago,"
        ago = f"more than {days} days ago" if covered + 1 >= days else begins
        return failed(f"{told} {ago} and still {still} groups, roles, applications or objects.", observed=seen)
    if t.unknown:
        raise UnknownValueError(f"accountEnabled of {number(t.unknown, 'guest')} is neither true nor false")
    if t.unclear:
        told = f"{number(t.unclear, 'guest')} switched off, and what they hold is not known"
        raise not_known(told, guest_memberships, guest_owned_objects, guest_app_roles)
    if stored:
        told = f"{does(stored, 'guest', 'is', 'are')} switched off and kept, without any access"
        return partial(f"{told}.", observed=seen)
    return passed(
        f"Every guest that is switched off was switched off within {days} days."
        if t.disabled
        else "No guest is switched off.",
        observed=seen,
    )


def answers_for(sponsor: Any) -> bool | None:
    """Return whether a sponsor is a group, or a person who is switched on and no guest; None where it does not tell.

    Where the caller's rights are limited Graph gives the id alone. Deleted
    objects are no sponsors any more.

    Source: https://learn.microsoft.com/graph/api/user-list-sponsors
    """
    if not isinstance(sponsor, Mapping):
        return None
    kind = sponsor.get("@odata.type")
    if isinstance(kind, str) and kind.endswith(".group"):
        return True
    if kind is not None and not (isinstance(kind, str) and kind.endswith(".user")):
        return None
    enabled, user_type = sponsor.get("accountEnabled"), sponsor.get("userType")
    if enabled is False or user_type == "Guest":
        return False
    return True if enabled is True and user_type == "Member" else None


@tally("guest_sponsorship", control="GUEST-LIF-004", needs=("guests", "guest_sponsors"))
class GuestSponsorship(Tally):
    """Guests by whether somebody answers for them.

    Of `enabled` guests `sponsored` have a living sponsor, `dead` only sponsors
    who are switched off or guests themselves, `bare` none at all, and `unknown`
    do not tell. `bare_disabled` are switched off and have none.
    """

    def __init__(self, context: TallyContext) -> None:
        super().__init__(context)
        self.enabled = self.sponsored = self.dead = self.bare = self.unknown = self.bare_disabled = 0

    def add(self, guest: Guest) -> None:
        """Count one guest by the first sponsor that lives."""
        enabled = guest.enabled
        row = guest.side.get("guest_sponsors")
        sponsors = row.get("sponsors") if row else None
        if enabled is False:
            self.bare_disabled += sponsors == []
            return
        self.enabled += 1
        if not isinstance(sponsors, list):
            self.unknown += 1
            return
        sure = len(sponsors) < EXPAND_LIMIT and not (row and "sponsors@odata.nextLink" in row)
        for sponsor in sponsors:
            living = answers_for(sponsor)
            if living:
                self.sponsored += 1
                return
            sure = sure and living is not None
        if not sure or enabled is None:
            self.unknown += 1
        elif sponsors:
            self.dead += 1
            self.concern(guest, "every sponsor is switched off or a guest")
        else:
            self.bare += 1
            self.concern(guest, "no sponsor")


def _zta_21877(guest_sponsorship: GuestSponsorship, **_: Any) -> Outcome | None:
    """Judge as Microsoft's test does: any sponsor will do, and disabled guests need one too."""
    t = guest_sponsorship
    if t.bare or t.bare_disabled:
        return Outcome.FAIL
    return None if t.unknown else Outcome.PASS


@control(
    "GUEST-LIF-004",
    fail=Severity.MEDIUM,
    partial=Severity.LOW,
    kind="inventory",
    licence="none; using sponsors as approvers or reviewers needs P2 or ID Governance",
    remediation=Remediation(
        method="POST",
        url="https://graph.microsoft.com/v1.0/users/{id}/sponsors/$ref",
        body={"@odata.id": "https://graph.microsoft.com/v1.0/users/{sponsor-id}"},
        permission="User.ReadWrite.All",
        role="User Administrator or Directory Writers",
        powershell=("Set-EntraUserSponsor -UserId {id} -Type User -SponsorIds {sponsor-id}",),
        notes="Undo with DELETE on /users/{id}/sponsors/{sponsor-id}/$ref.",
    ),
    frameworks={
        "mcsb": ("PA-3 (own)",),
        "nist_800_53r5": ("AC-2 (own)", "PS-7 (own)"),
        "iso_27001_2022": ("A.5.16 (own)", "A.5.19 (own)"),
        "attack": ("T1136.003 (own)",),
        "zta": ("21877",),
    },
    authorities=(Authority("Microsoft Zero Trust Assessment", "21877: all guests have a sponsor", _zta_21877),),
    parameters=("min_sponsored_pct",),
    unverified=("that $expand=sponsors takes a nested $select",),
)
def guests_have_sponsors(guest_sponsorship: GuestSponsorship, thresholds: Thresholds) -> Verdict:
    """Every guest has a living sponsor.

    Holds when every enabled guest has a sponsor that is a group, or a person
    who is switched on and no guest. Partial when at least `min_sponsored_pct`
    percent have one. Fails below that.

    Why: somebody inside has to say when a partner's job is over. A guest
    without a sponsor stays until an audit, and a sponsor who has left is none.

    Attack: a guest planted for later lives on the fact that nobody is asked
    whether they still belong.

    Fix: Entra admin center > Users > the guest > Properties > Job information >
    Sponsors. Make handing over one's guests a step of leaving the company.

    Breaks: nothing for the guest. A sponsor gets no rights by it, though access
    packages may ask them to approve.

    Default: the inviter becomes the sponsor; guests older than the feature have
    none.

    Source: https://learn.microsoft.com/entra/external-id/b2b-sponsors
    https://learn.microsoft.com/graph/api/user-list-sponsors
    """
    t = guest_sponsorship
    if not t.population:
        return not_applicable(NO_GUESTS, observed={"guests": 0})
    without = t.dead + t.bare
    seen = {
        "enabled guests": t.enabled,
        "with a living sponsor": t.sponsored,
        "without any sponsor": t.bare,
        "whose sponsors are switched off or guests": t.dead,
    }
    told = f"{without:,} of {number(t.enabled, 'enabled guest')} have no living sponsor."
    if 100 * (t.sponsored + t.unknown) < thresholds.min_sponsored_pct * t.enabled:
        return failed(told, observed=seen)
    if t.unknown:
        raise UnknownValueError(f"the sponsors of {number(t.unknown, 'guest')} could not be read whole")
    if without:
        return partial(told, observed=seen)
    every = f"Every enabled guest ({t.enabled:,}) has a living sponsor."
    return passed(every if t.enabled else "No guest is switched on.", observed=seen)
