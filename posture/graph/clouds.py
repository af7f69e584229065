"""Where each Microsoft cloud keeps Graph, its sign-in service and Azure Resource Manager.

Source: https://learn.microsoft.com/graph/deployments
"""

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from urllib.parse import urlsplit

from posture.errors import SettingsError


@dataclass(frozen=True, slots=True)
class Cloud:
    """One cloud's addresses. `arm_root` and `arm_scope` are "" where posture does not ask Azure Resource Manager.

    `assertion_audience` is what a federated token must be made out to.
    Source: https://learn.microsoft.com/entra/workload-id/workload-identity-federation-considerations
    """

    name: str
    root: str
    authority: str
    scope: str
    arm_root: str = ""
    arm_scope: str = ""
    assertion_audience: str = "api://AzureADTokenExchange"

    @property
    def host(self) -> str:
        """Graph's host name in this cloud."""
        return self.root.removeprefix("https://")


CLOUDS: Mapping[str, Cloud] = MappingProxyType(
    {
        cloud.name: cloud
        for cloud in (
            Cloud(
                "global",
                "https://graph.microsoft.com",
                "https://login.microsoftonline.com",
                "https://graph.microsoft.com/.default",
                "https://management.azure.com",
                "https://management.azure.com/.default",
            ),
            Cloud(
                "usgov",
                "https://graph.microsoft.us",
                "https://login.microsoftonline.us",
                "https://graph.microsoft.us/.default",
                assertion_audience="api://AzureADTokenExchangeUSGov",
            ),
            Cloud(
                "dod",
                "https://dod-graph.microsoft.us",
                "https://login.microsoftonline.us",
                "https://dod-graph.microsoft.us/.default",
                assertion_audience="api://AzureADTokenExchangeUSGov",
            ),
            Cloud(
                "china",
                "https://microsoftgraph.chinacloudapi.cn",
                "https://login.chinacloudapi.cn",
                "https://microsoftgraph.chinacloudapi.cn/.default",
                assertion_audience="api://AzureADTokenExchangeChina",
            ),
        )
    }
)


def loopback_root(url: str) -> str:
    """Return the root of a Graph-like server on this computer, without a trailing slash.

    Only `http://127.0.0.1`, `http://localhost` and `http://[::1]`, with or
    without a port, are accepted: anywhere else a token-less reading of somebody's
    answers would be believed. Raises SettingsError.
    """
    text = url.strip().rstrip("/")
    try:
        parts = urlsplit(text)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise SettingsError(f"--graph-url {url!r} is not an address.") from None
    plain = parts.scheme == "http" and not (parts.path or parts.query or parts.fragment or "@" in parts.netloc)
    if not plain or port == 0 or not _is_loopback(host) or "\\" in text or not text.isascii():
        raise SettingsError(
            f"--graph-url {url!r} is refused: it must be http://127.0.0.1:PORT, http://localhost:PORT or "
            "http://[::1]:PORT, without a path."
        )
    shown = f"[{host}]" if ":" in host else host
    return f"http://{shown}" + (f":{port}" if port is not None else "")


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        # The SDK's token provider allows plain http for exactly these.
        return ipaddress.ip_address(host) in (ipaddress.ip_address("127.0.0.1"), ipaddress.ip_address("::1"))
    except ValueError:
        return False
