"""The least-privilege app registration for chosen controls, in the words of four tools.

Generated from what the gatherers declare: nothing is granted that nothing reads.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from posture.collect.permissions import GRAPH_APP_ID, PERMISSIONS
from posture.collect.registry import Gatherer, gatherers

NAME = "posture (read-only audit)"
AZURE_CLOUDS = {"usgov": "AzureUSGovernment", "dod": "AzureUSGovernment", "china": "AzureChinaCloud"}
"""Names of the national clouds in the Azure CLI.

Source: https://learn.microsoft.com/cli/azure/manage-clouds-azure-cli
"""
GRAPH_ENVIRONMENTS = {"usgov": "USGov", "dod": "USGovDoD", "china": "China"}
"""Names of the national clouds in Microsoft Graph PowerShell.

Source: https://learn.microsoft.com/powershell/module/microsoft.graph.authentication/get-mgenvironment
"""


_CERTIFICATE = (
    "# Upload the public part of a certificate under Certificates & secrets; --certificate takes it with its key."
)


@dataclass(frozen=True, slots=True)
class Registration:
    """What to grant: permission names sorted, the facts they are for, the directory roles a person needs for which."""

    permissions: tuple[str, ...]
    facts: tuple[str, ...]
    roles: Mapping[str, tuple[str, ...]]
    delegated: bool


def registration(facts: Iterable[str], *, delegated: bool = False, cloud: str = "global") -> Registration:
    """Return the registration that reads exactly these facts and what they wait for, where the cloud has them."""
    known = gatherers()
    chosen: dict[str, Gatherer] = {}
    todo = sorted(set(facts))
    while todo:
        name = todo.pop()
        g = known.get(name)
        if g is not None and name not in chosen and cloud in g.clouds:
            chosen[name] = g
            todo.extend(g.after)
    asked = {p.strip() for g in chosen.values() for p in g.permission.split("+")}
    needed = sorted(p for p in asked if p in PERMISSIONS)  # Azure roles are no permissions of a registration
    return Registration(tuple(needed), tuple(sorted(chosen)), _roles(chosen) if delegated else {}, delegated)


def _roles(chosen: Mapping[str, Gatherer]) -> dict[str, tuple[str, ...]]:
    """Return few roles that together do, each with its facts.

    One that only reads comes first, then the one that most facts take, then the one named first.
    """
    common = Counter(role for g in chosen.values() for role in g.roles).most_common(1)
    most = common[0][0] if common else ""
    found: dict[str, list[str]] = {}
    for name, g in sorted(chosen.items()):
        if g.roles:
            role = max(g.roles, key=lambda r: (r.endswith("Reader"), r == most))
            found.setdefault(role, []).append(name)
    return {role: tuple(found[role]) for role in sorted(found)}


def azure_cli(wanted: Registration, cloud: str = "global") -> list[str]:
    """Return Azure CLI commands that make the registration."""
    kind = "Scope" if wanted.delegated else "Role"
    lines = [
        *([f"az cloud set --name {AZURE_CLOUDS[cloud]} && az login"] if cloud in AZURE_CLOUDS else []),
        f'app_id=$(az ad app create --display-name "{NAME}" '
        "--sign-in-audience AzureADMyOrg --query appId --output tsv)",
        'az ad sp create --id "$app_id"',
    ]
    add = 'az ad app permission add --id "$app_id"'
    lines += [
        f"{add} --api {GRAPH_APP_ID} --api-permissions {_id(p, wanted)}={kind}  # {p}" for p in wanted.permissions
    ]
    if wanted.delegated:
        lines.append(
            'az ad app update --id "$app_id" --is-fallback-public-client true '
            "--public-client-redirect-uris http://localhost"
        )
    else:
        # Source: https://learn.microsoft.com/cli/azure/ad/app/credential#az-ad-app-credential-reset
        lines.append(
            'az ad app credential reset --id "$app_id" --create-cert --append '
            "--query fileWithCertAndPrivateKey --output tsv  # the file for --certificate"
        )
    return [*lines, 'az ad app permission admin-consent --id "$app_id"', 'echo "client id: $app_id"']


def powershell(wanted: Registration, cloud: str = "global") -> list[str]:
    """Return Microsoft Graph PowerShell commands that make the registration."""
    where = f" -Environment {GRAPH_ENVIRONMENTS[cloud]}" if cloud in GRAPH_ENVIRONMENTS else ""
    public = " -IsFallbackPublicClient -PublicClient @{ RedirectUris = @('http://localhost') }"
    kind = "Scope" if wanted.delegated else "Role"
    access = [f"    @{{ Id = '{_id(p, wanted)}'; Type = '{kind}' }}  # {p}" for p in wanted.permissions]
    return [
        f"Connect-MgGraph{where} -Scopes 'Application.ReadWrite.All','AppRoleAssignment.ReadWrite.All'",
        "$access = @(",
        *access,
        ")",
        f"$app = New-MgApplication -DisplayName '{NAME}' -SignInAudience AzureADMyOrg "
        f"-RequiredResourceAccess @{{ ResourceAppId = '{GRAPH_APP_ID}'; ResourceAccess = $access }}"
        + (public if wanted.delegated else ""),
        "$sp = New-MgServicePrincipal -AppId $app.AppId",
        *(
            []
            if wanted.delegated
            else [
                f"$graph = Get-MgServicePrincipal -Filter \"appId eq '{GRAPH_APP_ID}'\"",
                "$access | ForEach-Object { New-MgServicePrincipalAppRoleAssignment -ServicePrincipalId $sp.Id "
                "-PrincipalId $sp.Id -ResourceId $graph.Id -AppRoleId $_.Id }",
                _CERTIFICATE,
            ]
        ),
        '"client id: $($app.AppId)"',
    ]


def terraform(wanted: Registration, cloud: str = "global") -> list[str]:
    """Return a Terraform configuration (azuread provider) of the registration."""
    kind = "Scope" if wanted.delegated else "Role"
    lines = [
        *([f"# Set the azuread provider's environment for {cloud}."] if cloud != "global" else []),
        *(
            [
                "# For --auth browser add the redirect address http://localhost in the portal,",
                "# under Authentication, Mobile and desktop applications.",
            ]
            if wanted.delegated
            else []
        ),
        'resource "azuread_application" "posture" {',
        f'  display_name     = "{NAME}"',
        '  sign_in_audience = "AzureADMyOrg"',
        *(["", "  fallback_public_client_enabled = true"] if wanted.delegated else []),
        "",
        "  required_resource_access {",
        f'    resource_app_id = "{GRAPH_APP_ID}"',
    ]
    for p in wanted.permissions:
        lines += ["    resource_access {", f'      id   = "{_id(p, wanted)}"  # {p}', f'      type = "{kind}"', "    }"]
    return [
        *lines,
        "  }",
        "}",
        "",
        'resource "azuread_service_principal" "posture" {',
        "  client_id = azuread_application.posture.client_id",
        "}",
        "",
        'output "client_id" {',
        "  value = azuread_application.posture.client_id",
        "}",
        *([] if wanted.delegated else [_CERTIFICATE]),
    ]


def consent_url(authority: str, tenant: str, app_id: str) -> str:
    """Return the address where an administrator consents.

    Source: https://learn.microsoft.com/entra/identity/enterprise-apps/grant-admin-consent
    """
    return f"{authority}/{tenant or '<tenant>'}/adminconsent?client_id={app_id or '<client-id>'}"


def _id(permission: str, wanted: Registration) -> str:
    ids = PERMISSIONS[permission]
    return (ids.delegated if wanted.delegated else ids.application) or ids.application or ids.delegated
