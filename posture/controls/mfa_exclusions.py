"""Which guests escape the policies that ask for MFA: counted once for every control that needs it."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from posture.controls.registry import Tally, TallyContext, tally
from posture.settings import Thresholds
from posture.snapshot.conditional_access import (
    GroupFacts,
    GuestExclusions,
    excluded_ids,
    external_counts,
    group_facts,
)
from posture.snapshot.guests import Guest
from posture.snapshot.power import person
from posture.snapshot.types import Gap, GapReason, Rows
from posture.snapshot.values import objects, text

_ENTRA = "externalazuread"
_ELSEWHERE = {"mail", "google.com", "facebook.com", "microsoftaccount"}


@tally("mfa_exclusions", control="GUEST-AUT-001", optional=("conditional_access_policies", "external_members"))
class MfaExclusions(Tally):
    """Guests and external members whom a Conditional Access policy leaves out by name, and guests without Entra.

    `without_entra` counts accepted guests who sign in by emailed code, Google,
    Facebook, a personal account or a SAML provider; `unknown_home` those whose
    `identities` do not tell. `members` are the external members among those
    left out, as a finding shows them, `groups` the ids of the groups that
    policies leave out. Source: https://learn.microsoft.com/entra/external-id/user-properties
    """

    def __init__(self, context: TallyContext) -> None:
        super().__init__(context)
        policies = context.facts.get("conditional_access_policies")
        nobody: frozenset[str] = frozenset()
        self._left_out, self.groups = (nobody, nobody) if policies is None else excluded_ids(policies)
        self.left_out: set[str] = set()
        self.members: list[dict[str, Any]] = []
        members = context.facts.get("external_members", ())
        for row in objects(members, "external members") if self._left_out else ():
            if (member_id := text(row, "id").casefold()) in self._left_out:
                self.left_out.add(member_id)
                self.members.append(person(row, "external member left out of a Conditional Access policy by name"))
        self.without_entra = 0
        self.unknown_home = 0

    def add(self, guest: Guest) -> None:
        """Count one guest."""
        if self._left_out and guest.id.casefold() in self._left_out:
            self.left_out.add(guest.id.casefold())
            self.concern(guest, "left out of a Conditional Access policy by name")
        if guest.pending:
            return
        entra = _signs_in_with_entra(guest.row)
        self.without_entra += entra is False
        self.unknown_home += entra is None


def _signs_in_with_entra(row: Mapping[str, Any]) -> bool | None:
    """Whether a guest's home is an Entra tenant; None where the identities do not tell."""
    identities = row.get("identities")
    if not isinstance(identities, list):
        return None
    return _entra_alone(
        tuple(
            [
                str(i.get("issuer"))
                for i in identities
                if isinstance(i, dict) and i.get("signInType") == "federated" and i.get("issuer")
            ]
        )
    )


@lru_cache(maxsize=1024)  # guests share issuers
def _entra_alone(issuers: tuple[str, ...]) -> bool | None:
    found = {i.casefold() for i in issuers}
    if found & _ELSEWHERE or any("://" in i for i in found):
        return False
    return True if found == {_ENTRA} else None


def exclusions(
    mfa_exclusions: MfaExclusions | Gap,
    external_members: Rows | Gap,
    privileged_group_members: Rows | Gap,
    groups: Rows | Gap,
    thresholds: Thresholds,
) -> GuestExclusions:
    """Return whom policies leave out, as far as it was read.

    A group is gone where it is not in the list of all groups and the question
    about its members, which is asked afterwards, found no such group either.
    """
    asked = frozenset() if isinstance(mfa_exclusions, Gap) else mfa_exclusions.groups
    told = GroupFacts(*[frozenset[str]()] * 3) if isinstance(groups, Gap) else group_facts(groups, asked)
    counts = external_counts(privileged_group_members, told.hidden)
    return GuestExclusions(
        users=mfa_exclusions if isinstance(mfa_exclusions, Gap) else mfa_exclusions.left_out,
        groups=counts,
        hidden=told.hidden,
        gone=() if isinstance(privileged_group_members, Gap) else told.missing - counts.keys(),
        not_entra=_not_entra(mfa_exclusions),
        guest_groups=groups if isinstance(groups, Gap) else told.all_guests,
        break_glass=thresholds.break_glass_ids,
        members=external_members if isinstance(external_members, Gap) else None,
        allowed_applications=thresholds.allowed_excluded_app_ids,
    )


def _not_entra(counted: MfaExclusions | Gap) -> int | Gap:
    if isinstance(counted, Gap):
        return counted
    if counted.without_entra or not counted.unknown_home:
        return counted.without_entra
    return Gap(
        "guests", GapReason.UNKNOWN_VALUE, f"the identities of {counted.unknown_home:,} guests do not tell their home"
    )
