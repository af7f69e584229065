"""Signing in: ten ways, one credential for the reader.

Secrets come from the environment alone and stay where azure-identity needs
them; none is kept in a field that prints.

Source: https://learn.microsoft.com/entra/identity-platform/authentication-flows-app-scenarios
"""

import logging
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from posture.errors import SettingsError, SignInError
from posture.graph.claims import GRAPH_APP_ID, Claims, claims_of
from posture.graph.clouds import Cloud
from posture.graph.signin_words import explain
from posture.graph.tokens import TokenOnce
from posture.graph.wire import Credential

__all__ = ["METHODS", "Claims", "SignIn", "claims_of", "credential", "who"]

METHODS = (
    "browser",
    "device-code",
    "cli",
    "powershell",
    "certificate",
    "secret",
    "managed-identity",
    "workload",
    "environment",
    "token",
)
INTERACTIVE = frozenset({"browser", "device-code"})


@dataclass(frozen=True)
class SignIn:
    """How to sign in.

    `tenant` is an id or a domain. `client_id` names the app registration; for
    `managed-identity` a user-assigned identity. `certificate` is PEM or PKCS#12
    with its key. `federated_token` is a file that holds the token of another
    issuer, for `workload`. `cache` keeps a browser or device-code sign-in,
    encrypted, for the next run. `environment` holds `POSTURE_TOKEN`,
    `POSTURE_CLIENT_SECRET` and `POSTURE_CERTIFICATE_PASSWORD` where the way
    needs them.
    """

    method: str
    tenant: str = ""
    client_id: str = ""
    certificate: Path | None = None
    federated_token: Path | None = None
    cache: bool = False
    ca_bundle: Path | None = None
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)

    def secret(self, name: str) -> str:
        """Return a secret from the environment; SettingsError names the variable that is empty."""
        value = self.environment.get(name, "").strip()
        if not value:
            raise SettingsError(f"--auth {self.method} needs {name} in the environment.")
        return value


def credential(
    options: SignIn, cloud: Cloud, *, say: Callable[[str], None] | None = None, transport: Any = None
) -> Credential:
    """Return the credential for a way to sign in, not yet asked for anything.

    `say` hears what a person must do (the device code); by default it goes to
    stderr. `transport` replaces azure-core's way to the network.

    Raises SettingsError for options that cannot be meant; what the sign-in
    service refuses comes as a SignInError from `get_token`.
    """
    from posture.graph.identities import check, maker
    from posture.graph.static_token import StaticToken

    if options.method not in METHODS:
        raise SettingsError(f"--auth {options.method!r} is none of {', '.join(METHODS)}.")
    if options.method == "token":
        return StaticToken(options.secret("POSTURE_TOKEN"), cloud, options.tenant)
    check(options, cloud)
    _silence()
    make = maker(options, cloud, say or _to_stderr, transport)

    def words(error: Exception) -> SignInError:
        return explain(error, options.method)

    return TokenOnce(make, words, interactive=options.method in INTERACTIVE)


async def who(ticket: Credential, cloud: Cloud) -> Claims:
    """Sign in and return what the token says of itself."""
    return claims_of((await ticket.get_token(cloud.scope)).token)


def is_for(claims: Claims, cloud: Cloud) -> bool:
    """Whether a token is made out to this cloud's Graph, or does not say."""
    return claims.audience in ("", cloud.root, GRAPH_APP_ID)


def _to_stderr(text: str) -> None:
    sys.stderr.write(text + "\n")


def _silence() -> None:
    """Keep these libraries' records from every log: they quote what programs and services said, tokens included."""
    for name in ("azure", "msal", "msal_extensions"):
        logger = logging.getLogger(name)
        logger.propagate = False
        if not logger.handlers:
            logger.addHandler(logging.NullHandler())
