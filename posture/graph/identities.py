"""Which azure-identity credential serves which way to sign in, and what each needs.

Source: https://learn.microsoft.com/python/api/overview/azure/identity-readme
"""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from posture.errors import SettingsError
from posture.graph.assertion import assertion_source
from posture.graph.clouds import Cloud
from posture.graph.transport import ca_file

if TYPE_CHECKING:
    from posture.graph.signin import SignIn

_CLI_SECONDS = 60
"""The Azure CLI and PowerShell take several seconds to start."""
_NEEDS = {
    "browser": ("client_id",),
    "device-code": ("client_id",),
    "certificate": ("tenant", "client_id", "certificate"),
    "secret": ("tenant", "client_id"),
    "workload": ("tenant", "client_id"),
}
_OPTION = {"client_id": "--client-id", "tenant": "--tenant", "certificate": "--certificate"}


def check(options: "SignIn", cloud: Cloud) -> None:
    """Raise SettingsError naming what a way to sign in lacks."""
    missing = [_OPTION[name] for name in _NEEDS.get(options.method, ()) if not _value(options, name)]
    if missing:
        hint = "; `posture setup` prints how to register an application" if "--client-id" in missing else ""
        raise SettingsError(f"--auth {options.method} needs {' and '.join(missing)}{hint}.")
    if options.method == "secret":
        options.secret("POSTURE_CLIENT_SECRET")
    if options.method == "certificate":
        _certificate_bytes(options)
    if options.method == "workload":
        assertion_source(options, cloud)
    if options.method == "environment":
        missing = [n for n in _VARIABLES.values() if not options.environment.get(n)]
        if missing:
            raise SettingsError(
                f"--auth environment needs {' and '.join(missing)}, with AZURE_CLIENT_SECRET or "
                "AZURE_CLIENT_CERTIFICATE_PATH, in the environment."
            )
    if options.cache and options.method not in ("browser", "device-code"):
        raise SettingsError(f"--token-cache is for browser and device-code; --auth {options.method} needs none.")


_VARIABLES = {"tenant": "AZURE_TENANT_ID", "client_id": "AZURE_CLIENT_ID"}
"""What the platforms that issue federated tokens set."""


def _value(options: "SignIn", name: str) -> Any:
    given = getattr(options, name)
    if not given and options.method == "workload" and name in _VARIABLES:
        return options.environment.get(_VARIABLES[name], "")
    return given


def _certificate_bytes(options: "SignIn") -> bytes:
    from posture.graph.certificate import certificate_bytes

    password = options.environment.get("POSTURE_CERTIFICATE_PASSWORD", "")
    return certificate_bytes(options.certificate or Path(), password)


def maker(options: "SignIn", cloud: Cloud, say: Callable[[str], None], transport: Any) -> Callable[[], Any]:
    """Return the function that builds the credential; importing azure-identity is left to it."""
    web: dict[str, Any] = {"authority": cloud.authority}
    bundle = ca_file(options.ca_bundle)
    if bundle is not None:
        web["connection_verify"] = str(bundle)
    if transport is not None:
        web["transport"] = transport
    tenant: dict[str, Any] = {"tenant_id": options.tenant} if options.tenant else {}

    def browser() -> Any:
        from azure.identity import InteractiveBrowserCredential

        from posture.graph.remembered import remembering

        return remembering(InteractiveBrowserCredential, options, cloud, {**web, **tenant})

    def device_code() -> Any:
        from azure.identity import DeviceCodeCredential

        from posture.graph.remembered import remembering

        def prompt(uri: str, code: str, expires: datetime) -> None:
            say(f"To sign in, open {uri} and enter the code {code} (until {expires:%H:%M} UTC).")

        return remembering(DeviceCodeCredential, options, cloud, {**web, **tenant, "prompt_callback": prompt})

    def cli() -> Any:
        from azure.identity import AzureCliCredential

        return AzureCliCredential(**tenant, process_timeout=_CLI_SECONDS)

    def powershell() -> Any:
        from azure.identity import AzurePowerShellCredential

        return AzurePowerShellCredential(**tenant, process_timeout=_CLI_SECONDS)

    def certificate() -> Any:
        from azure.identity import CertificateCredential

        password = options.environment.get("POSTURE_CERTIFICATE_PASSWORD") or None
        return CertificateCredential(
            options.tenant,
            options.client_id,
            certificate_data=_certificate_bytes(options),
            password=password,
            **web,
        )

    def secret() -> Any:
        from azure.identity import ClientSecretCredential

        return ClientSecretCredential(options.tenant, options.client_id, options.secret("POSTURE_CLIENT_SECRET"), **web)

    def managed_identity() -> Any:
        from azure.identity import ManagedIdentityCredential

        return ManagedIdentityCredential(client_id=options.client_id or None)

    def workload() -> Any:
        from azure.identity import ClientAssertionCredential

        source = assertion_source(options, cloud)
        return ClientAssertionCredential(_value(options, "tenant"), _value(options, "client_id"), source, **web)

    def environment() -> Any:
        from azure.identity import EnvironmentCredential

        return EnvironmentCredential(**web)

    return {
        "browser": browser,
        "device-code": device_code,
        "cli": cli,
        "powershell": powershell,
        "certificate": certificate,
        "secret": secret,
        "managed-identity": managed_identity,
        "workload": workload,
        "environment": environment,
    }[options.method]
