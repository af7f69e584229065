"""A token had elsewhere, from an environment variable."""

import time
from typing import Any

from posture.errors import SettingsError, SignInError
from posture.graph.claims import claims_of
from posture.graph.clouds import Cloud


class StaticToken:
    """Hands out the one token it was given, after looking whether it can be meant.

    Raises SettingsError for text that is no token, and SignInError, before any
    call, for a token that has expired, is made out to something else than this
    cloud's Graph, or belongs to another tenant than the one named.
    """

    def __init__(self, text: str, cloud: Cloud, tenant: str = "") -> None:
        token = text.strip().removeprefix("Bearer").strip()
        if not token or not token.isascii() or any(c.isspace() or not c.isprintable() for c in token):
            raise SettingsError(
                "POSTURE_TOKEN holds no access token; put one there alone, as "
                "`az account get-access-token --resource-type ms-graph --query accessToken --output tsv` prints it."
            )
        self._token, self._cloud = token, cloud
        self._claims = claims_of(token)
        self._check_tenant(tenant)

    def _check_tenant(self, tenant: str) -> None:
        is_id = len(tenant) == 36 and tenant.count("-") == 4
        if is_id and self._claims.tenant_id and self._claims.tenant_id.casefold() != tenant.casefold():
            raise SignInError("The token in POSTURE_TOKEN belongs to another tenant than the one named with --tenant.")

    async def get_token(self, *scopes: str, claims: str | None = None, **options: Any) -> Any:
        """Return the token as an azure-core AccessToken."""
        from azure.core.credentials import AccessToken

        from posture.graph.signin import is_for

        if scopes != (self._cloud.scope,) or not is_for(self._claims, self._cloud):
            raise SignInError(
                f"The token in POSTURE_TOKEN is not made out to what is asked ({scopes[0] if scopes else 'nothing'}); "
                "check --cloud and where the token comes from."
            )
        expires = self._claims.expires
        if expires is not None and expires.timestamp() <= time.time():
            raise SignInError(f"The token in POSTURE_TOKEN expired at {expires:%Y-%m-%d %H:%M} UTC; get a new one.")
        return AccessToken(self._token, int(expires.timestamp()) if expires is not None else int(time.time()) + 3600)

    def forget(self, mark: str = "") -> None:
        """There is no other token to be had."""

    def challenge(self, claims: str, mark: str = "") -> None:
        """A token from elsewhere cannot answer a challenge."""

    async def close(self) -> None:
        """Nothing is open."""
