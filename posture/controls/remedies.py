"""Changes that several controls ask for."""

from collections.abc import Iterable, Mapping
from typing import Any

from posture.controls.registry import Remediation
from posture.snapshot.conditional_access import GUEST_TYPES

BLOCK_GUEST = Remediation(
    method="PATCH",
    url="https://graph.microsoft.com/v1.0/users/{id}",
    body={"accountEnabled": False},
    permission="User.EnableDisableAccount.All + User.Read.All or User.ReadWrite.All",
    role="User Administrator",
    powershell=(
        "Update-MgUser -UserId {id} -AccountEnabled:$false",
        "Set-EntraUser -UserId {id} -AccountEnabled $false",
    ),
    notes="Reversible with accountEnabled true.",
)
DELETE_GUEST = Remediation(
    method="DELETE",
    url="https://graph.microsoft.com/v1.0/users/{id}",
    permission="User.DeleteRestore.All or User.ReadWrite.All",
    role="User Administrator",
    powershell=("Remove-MgUser -UserId {id}", "Remove-EntraUser -UserId {id}"),
    notes="A deleted guest can be restored for 30 days, with everything they had.",
)

CA_POLICIES = "https://graph.microsoft.com/v1.0/identity/conditionalAccess/policies"
_CA_WRITE = "Policy.ReadWrite.ConditionalAccess + Policy.Read.All"
_CA_ROLE = "Conditional Access Administrator"


def new_policy(body: Mapping[str, Any], *, notes: str) -> Remediation:
    """Return the making of a Conditional Access policy, report-only at first."""
    return Remediation(
        method="POST",
        url=CA_POLICIES,
        body={"state": "enabledForReportingButNotEnforced", **body},
        permission=_CA_WRITE,
        role=_CA_ROLE,
        powershell=("New-MgIdentityConditionalAccessPolicy -BodyParameter $body", "New-EntraConditionalAccessPolicy"),
        notes=f"{notes} Undo with DELETE on the policy.",
    )


TURN_ON = Remediation(
    method="PATCH",
    url=f"{CA_POLICIES}/{{id}}",
    body={"state": "enabled"},
    permission=_CA_WRITE,
    role=_CA_ROLE,
    powershell=("Update-MgIdentityConditionalAccessPolicy -ConditionalAccessPolicyId {id} -State 'enabled'",),
    notes="Turn the policy on once its report shows nobody who must get in.",
)


def guest_users(types: Iterable[str] = GUEST_TYPES) -> dict[str, Any]:
    """Return the users part of a policy for kinds of outsiders, all by default, in every organization.

    Source: https://learn.microsoft.com/graph/api/resources/conditionalaccessguestsorexternalusers
    """
    return {
        "includeGuestsOrExternalUsers": {
            "guestOrExternalUserTypes": ",".join(types),
            "externalTenants": {
                "@odata.type": "#microsoft.graph.conditionalAccessAllExternalTenants",
                "membershipKind": "all",
            },
        }
    }
