"""The token of another issuer that stands in for a secret: from a file, or from GitHub Actions.

Source: https://learn.microsoft.com/entra/workload-id/workload-identity-federation,
https://docs.github.com/actions/reference/security/oidc
"""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from posture.errors import SettingsError, SignInError
from posture.graph.clouds import Cloud

if TYPE_CHECKING:
    from posture.graph.signin import SignIn

_LARGEST = 64 * 1024


def assertion_source(options: "SignIn", cloud: Cloud) -> Callable[[], str]:
    """Return the function that fetches the present assertion, asked whenever a token is needed.

    A file comes first (the option, then `AZURE_FEDERATED_TOKEN_FILE`), then
    GitHub's own endpoint. Raises SettingsError where there is neither.
    """
    named = options.environment.get("AZURE_FEDERATED_TOKEN_FILE")
    file = options.federated_token or (Path(named) if named else None)
    if file is not None:
        return lambda: _from_file(file)
    url = options.environment.get("ACTIONS_ID_TOKEN_REQUEST_URL", "")
    ticket = options.environment.get("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "")
    if url and ticket:
        return lambda: _from_github(url, ticket, cloud.assertion_audience, options.ca_bundle)
    raise SettingsError(
        "--auth workload needs AZURE_FEDERATED_TOKEN_FILE, or a GitHub Actions job with `permissions: id-token: write`."
    )


def _from_file(file: Path) -> str:
    try:
        with file.open(encoding="ascii") as handle:
            text = handle.read(_LARGEST).strip()
    except (OSError, ValueError):
        raise SignInError(f"The federated token in {file} cannot be read; check AZURE_FEDERATED_TOKEN_FILE.") from None
    if not text:
        raise SignInError(f"The federated token in {file} is empty; its issuer must write it first.")
    return text


def _from_github(url: str, ticket: str, audience: str, ca_bundle: Path | None) -> str:
    import httpx

    from posture.graph.transport import trust

    if urlsplit(url).scheme != "https":
        raise SignInError("ACTIONS_ID_TOKEN_REQUEST_URL is not an https address.")
    joint = "&" if "?" in url else "?"
    failed = True
    with httpx.Client(verify=trust(ca_bundle), follow_redirects=False, timeout=30) as client:
        try:
            answer = client.get(
                f"{url}{joint}audience={quote(audience, safe='')}", headers={"Authorization": f"Bearer {ticket}"}
            )
            value = answer.json().get("value") if answer.status_code == 200 else None
            failed = not (isinstance(value, str) and value)
        except (httpx.HTTPError, ValueError, AttributeError):
            value = None
    if failed:
        raise SignInError("GitHub gave no identity token; does the job have `permissions: id-token: write`?")
    return str(value)
