"""Changes that several controls ask for."""

from posture.controls.registry import Remediation

BLOCK_GUEST = Remediation(
    method="PATCH",
    url="https://graph.microsoft.com/v1.0/users/{id}",
    body={"accountEnabled": False},
    permission="User.EnableDisableAccount.All or User.ReadWrite.All",
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
