"""The tools a guest would explore the tenant with: admin portals, Azure management, command lines."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from posture.controls.mfa_exclusions import MfaExclusions, exclusions
from posture.controls.registry import (
    Remediation,
    Tally,
    TallyContext,
    Verdict,
    control,
    failed,
    partial,
    passed,
    tally,
)
from posture.controls.remedies import TURN_ON, guest_users, new_policy
from posture.controls.shared import names, number, unless_known
from posture.errors import UnknownValueError
from posture.settings import Severity, Thresholds
from posture.snapshot.conditional_access import (
    GUEST_TYPES,
    OPTIONAL_TYPES,
    Coverage,
    GuestPolicy,
    coverage,
    defaults_on,
    guest_policies,
    without_policies,
)
from posture.snapshot.derive import CLIENT_APPS
from posture.snapshot.guests import Guest
from posture.snapshot.power import expanded, kind_of
from posture.snapshot.types import Gap, Rows
from posture.snapshot.values import flag, items, objects

AZURE_MANAGEMENT = "797f4846-ba00-4fd7-ba43-dac1f8f63013"
ADMIN_PORTALS = "MicrosoftAdminPortals"
_TARGETS = {AZURE_MANAGEMENT: "Azure management", ADMIN_PORTALS.casefold(): "the admin portals"}


def _blocks(policy: GuestPolicy) -> str | None:
    """Judge one policy; a block of legacy clients or of some places keeps nobody from a portal."""
    if policy.blocks:
        return "" if policy.modern and not policy.narrowed_by else None
    return "guests are asked for MFA instead of being blocked" if policy.mfa else None


@control(
    "GUEST-PER-004",
    fail=Severity.MEDIUM,
    partial=Severity.LOW,
    licence="Entra ID P1",
    remediation=(
        new_policy(
            {
                "displayName": "Guests: block admin portals and Azure management",
                "conditions": {
                    "clientAppTypes": ["all"],
                    "applications": {"includeApplications": [AZURE_MANAGEMENT, ADMIN_PORTALS]},
                    "users": {
                        **guest_users(t for t in GUEST_TYPES if t not in OPTIONAL_TYPES),
                        "excludeGroups": ["{break-glass group id}"],
                    },
                },
                "grantControls": {"operator": "OR", "builtInControls": ["block"]},
            },
            notes="Starts report-only. Technicians of service providers are left out on purpose.",
        ),
        TURN_ON,
    ),
    frameworks={
        "cis_m365": ("5.2.2.8 L2 (v4.0.0)", "5.1.2.4 L1 (v4.0.0, v6.0.x, v7.0.0: portal switch, not in Graph)"),
        "mcsb": ("IM-7 (own)", "AM-4 (own)"),
        "nist_800_53r5": ("AC-3 (own)", "AC-6 (own)"),
        "iso_27001_2022": ("A.5.15 (Prowler)", "A.8.2 (Prowler)", "A.8.3 (Prowler)"),
        "attack": ("T1538", "T1580", "T1087.004"),
        "atrm": ("AZT104", "AZT107", "AZT201.1"),
        "prowler": ("entra_admin_portals_access_restriction",),
    },
    parameters=("guest_admin_exception_groups", "break_glass_ids"),
    empty_is_good="mfa_exclusions, external_members: nobody from outside is left out by name.",
    unverified=(
        "the switch Restrict access to Microsoft Entra admin center is in no Graph metadata read: look in the portal",
    ),
)
def portals_are_closed_to_guests(
    conditional_access_policies: Rows | Gap,
    security_defaults: Mapping[str, Any] | Gap,
    mfa_exclusions: MfaExclusions | Gap,
    external_members: Rows | Gap,
    privileged_group_members: Rows | Gap,
    groups: Rows | Gap,
    thresholds: Thresholds,
) -> Verdict:
    """Admin portals and Azure management are closed to guests.

    Holds when enforced Conditional Access policies block every kind of guest
    from Azure management and from the admin portals; break-glass accounts and
    the groups in `guest_admin_exception_groups` may be left out. Partial when
    one of the two is open, a policy is report-only or has holes, guests are
    asked for MFA instead, or security defaults alone are on. Fails when nothing
    covers guests.

    Why: the Azure portal and the Entra admin center give a curious guest a
    ready-made browser for the directory and for every Azure resource they were
    given. Microsoft says of the portal's own switch that it is no security
    measure, and points to Conditional Access.

    Attack: open entra.microsoft.com in the tenant that invited you, and read on
    from there.

    Fix: Entra admin center > Conditional Access > New policy: guest or external
    users; resources Windows Azure Service Management API and Microsoft Admin
    Portals; Block. As friction besides: Users > User settings > Restrict access
    to Microsoft Entra admin center > Yes.

    Breaks: consultants from outside who run Azure lose access unless they are
    left out. Start report-only.

    Default: no policy; the portal switch is No.

    Source: https://learn.microsoft.com/entra/fundamentals/users-default-permissions
    https://learn.microsoft.com/entra/architecture/7-secure-access-conditional-access
    https://learn.microsoft.com/entra/fundamentals/security-defaults
    https://learn.microsoft.com/graph/api/resources/conditionalaccesspolicy
    """
    if isinstance(conditional_access_policies, Gap):
        without_policies(conditional_access_policies, security_defaults)
        return partial("Security defaults alone ask for MFA before Azure management.")
    left_out = exclusions(mfa_exclusions, external_members, privileged_group_members, groups, thresholds)
    left_out = replace(left_out, allowed_groups=thresholds.guest_admin_exception_groups)
    policies = guest_policies(conditional_access_policies, guest_groups=left_out.guest_groups)
    found = {words: coverage(policies, left_out, _blocks, application=app) for app, words in _TARGETS.items()}
    closed = [words for words, c in found.items() if not c.missing]
    observed = {"conditional_access_policies.closed to guests": closed}
    if len(closed) == len(_TARGETS):
        return passed("Guests are blocked from Azure management and the admin portals.", observed=observed)
    unless_known(list(dict.fromkeys(u for c in found.values() for u in c.unknown)))
    if any(c.some for c in found.values()):
        return partial(_words(closed, found), observed=observed)
    if defaults_on(security_defaults):
        return partial("Security defaults alone ask for MFA before Azure management.", observed=observed)
    return failed("Nothing keeps guests out of Azure management and the admin portals.", observed=observed)


def _words(closed: list[str], found: Mapping[str, Coverage]) -> str:
    opened = " and ".join(words for words in found if words not in closed)
    reasons = list(dict.fromkeys(r for c in found.values() for r in c.reasons)) or ["some kinds of guests are left out"]
    return f"Guests are not wholly blocked from {opened}: {'; '.join(reasons)}."


@tally(
    "client_guests",
    control="GUEST-PER-005",
    needs=("guests", "client_app_assignments"),
    optional=("guest_memberships",),
)
class ClientGuests(Tally):
    """Guests who are assigned to one of the clients, directly or through a group.

    `clients` are the service principals whose assignments were read; `unknown`
    counts guests whose groups do not tell, where a group is assigned.
    """

    def __init__(self, context: TallyContext) -> None:
        super().__init__(context)
        self.unknown = 0
        self.clients: set[str] = set()
        self._people: set[str] = set()
        self._groups: set[str] = set()
        for app in objects(context.facts["client_app_assignments"], "client assignments"):
            self.clients.add(str(app.get("id")).casefold())
            for assignment in objects(items(app, "appRoleAssignedTo"), "assignments of a client"):
                kind, principal = assignment.get("principalType"), assignment.get("principalId")
                if not isinstance(principal, str) or kind not in ("User", "Group", "ServicePrincipal"):
                    raise UnknownValueError("an assignment to a client does not say to whom")
                {"User": self._people, "Group": self._groups}.get(kind, set()).add(principal.casefold())

    def add(self, guest: Guest) -> None:
        """Count one guest."""
        if guest.id.casefold() in self._people:
            self.concern(guest, "assigned to a command-line or explorer client")
        elif self._groups and "guest_memberships" not in self.context.facts:
            self.unknown += 1
        elif self._groups:
            row = guest.side.get("guest_memberships", {})
            try:
                entries = expanded(row, "transitiveMemberOf" if "transitiveMemberOf" in row else "memberOf")
            except UnknownValueError:
                self.unknown += 1
                return
            if any(kind_of(e) in ("", "group") and str(e.get("id")).casefold() in self._groups for e in entries):
                self.concern(guest, "in a group that is assigned to a command-line or explorer client")


@control(
    "GUEST-PER-005",
    fail=Severity.MEDIUM,
    partial=Severity.LOW,
    licence="none",
    remediation=(
        Remediation(
            method="PATCH",
            url="https://graph.microsoft.com/v1.0/servicePrincipals/{id}",
            body={"appRoleAssignmentRequired": True},
            permission="Application.ReadWrite.All",
            role="Cloud Application Administrator",
            powershell=(
                "Update-MgServicePrincipal -ServicePrincipalId {id} -AppRoleAssignmentRequired:$true",
                "Set-EntraServicePrincipal -ServicePrincipalId {id} -AppRoleAssignmentRequired $true",
            ),
            notes=(
                "Assign administrators and developers first, the person who runs this audit among them. Legacy "
                'MSOnline: PATCH authorizationPolicy {"blockMsolPowerShell": true}.'
            ),
        ),
        Remediation(
            method="POST",
            url="https://graph.microsoft.com/v1.0/servicePrincipals",
            body={"appId": "{app id}", "appRoleAssignmentRequired": True},
            permission="Application.ReadWrite.All",
            role="Cloud Application Administrator",
            powershell=("New-MgServicePrincipal -AppId {app id} -AppRoleAssignmentRequired:$true",),
            notes="For a client that has no service principal in the tenant yet: until it has one, it is open.",
        ),
    ),
    frameworks={
        "mcsb": ("IM-7 (own)",),
        "nist_800_53r5": ("AC-3 (own)", "CM-7 (own)"),
        "iso_27001_2022": ("A.8.18 (own)",),
        "attack": ("T1087.004", "T1069.003", "T1526", "T1059.009"),
        "atrm": ("AZT104", "AZT105", "AZT106"),
        "maester": ("MT.1186", "MT.1185"),
        "zta": ("21844 (Azure AD PowerShell)", "21843 (MSOnline)"),
    },
    empty_is_good="client_app_assignments: nobody is assigned to a client.",
)
def clients_require_assignment(service_principals: Rows, client_guests: ClientGuests | Gap) -> Verdict:
    """Command-line and explorer clients require assignment.

    Holds when Azure AD PowerShell, Azure PowerShell, Azure CLI, Graph Command
    Line Tools and Graph Explorer all ask for assignment, or are disabled, and
    no guest is assigned. Partial when some are locked, or a guest is assigned.
    Fails when none is; a client without a service principal counts as open.

    Why: directories are explored with clients that Microsoft has consented to
    already. Where those ask for assignment, a guest's request for a token fails
    whatever the guest level is. It is friction and no wall: any other consented
    client works too.

    Attack: Connect-MgGraph with the tenant's id and a guest's account, then
    list what answers.

    Fix: Entra admin center > Enterprise apps > the client > Properties >
    Assignment required > Yes, after assigning those who use it. Where the
    client is missing, create its service principal first.

    Breaks: every engineer who uses az, Az or Mg modules must be assigned first,
    or their sign-in fails. The id of the Azure CLI is that of the Azure
    Developer CLI too. Scripts with their own app registration are not affected.

    Default: open to every user; service principals may not exist.

    Source: https://maester.dev/docs/tests/MT.1186
    https://learn.microsoft.com/graph/api/resources/serviceprincipal
    https://github.com/microsoft/zerotrustassessment/blob/main/src/powershell/tests/Test-Assessment.21844.md
    https://github.com/DanielChronlund/DCToolbox/blob/main/DCToolbox/DCToolbox.psm1
    """
    locked = dict.fromkeys(CLIENT_APPS, False)
    present = set()
    for principal in objects(service_principals, "service principals"):
        app = str(principal.get("appId")).casefold()
        if app in locked:
            present.add(str(principal.get("id")).casefold())
            locked[app] = flag(principal, "appRoleAssignmentRequired") or not flag(principal, "accountEnabled")
    opened = [CLIENT_APPS[app] for app, closed in locked.items() if not closed]
    closed_clients = sorted(CLIENT_APPS[app] for app, closed in locked.items() if closed)
    observed = {"service_principals.clients that require assignment": closed_clients}
    if len(opened) == len(CLIENT_APPS):
        return failed("No command-line or explorer client requires assignment.", observed=observed)
    if opened:
        return partial(f"Open to every user: {names(opened)}.", observed=observed)
    if isinstance(client_guests, Gap):
        raise UnknownValueError(
            f"all clients require assignment, and whether guests are assigned was not read: {client_guests.detail}",
            because=client_guests,
        )
    assigned = client_guests.affected.count
    if assigned:
        words = number(assigned, "guest")
        return partial(f"All clients require assignment, and {words} may use them.", observed=observed)
    if present - client_guests.clients:
        raise UnknownValueError("who is assigned to one of the clients was not read")
    if client_guests.unknown:
        raise UnknownValueError("a group is assigned to a client, and which guests are in it was not read")
    return passed("All clients require assignment, and no guest is assigned.", observed=observed)
