"""The sign-in service's refusals in one plain sentence each.

Only the error's number and correlation id are taken over, never its text: it
may quote what was sent.

Source: https://learn.microsoft.com/entra/identity-platform/reference-error-codes
"""

import re

from posture.errors import SignInError

_CODE = re.compile(r"AADSTS(\d{4,9})")
_CORRELATION = re.compile(r"[Cc]orrelation[ _][Ii][Dd]:?\s*([0-9a-fA-F-]{36})")

_MFA = "The account must complete multi-factor authentication; sign in with --auth browser or --auth device-code."
_BLOCKED = (
    "A Conditional Access policy blocks this sign-in; ask the tenant's administrator to allow it, "
    "or sign in as the policy demands (device, place, app)."
)
_DEVICE = "Conditional Access demands a managed or compliant device; run posture on one, or use an application sign-in."
_NOT_MEMBER = "The account does not belong to this tenant; check --tenant, or sign in with an account of it."
_RISK = "The account is blocked for risk; its own administrator must look at it first."
_RESTRICTED = "Tenant restrictions of this network forbid signing in to that tenant."
_NO_TENANT = "There is no such tenant in this cloud; check --tenant and --cloud."
_EXPIRED_SESSION = "The saved sign-in has expired or was revoked; sign in again."
_FEDERATION = (
    "The application trusts no such federated token; compare issuer, subject and audience with the "
    "federated credential in the app registration."
)
_NOT_ASKED_FOR = (
    "The app registration asks for no permissions of Graph, or nobody has consented to them; "
    "`posture setup` prints what to grant."
)
_BUSY = "The sign-in service is busy; try again in a few minutes."
_CERTIFICATE = "The certificate is not one the application knows; upload its public part to the app registration."

WORDS = {
    "16000": _NOT_MEMBER,
    "50005": _DEVICE,
    "50011": "The application lacks the redirect address http://localhost; add it as a mobile and desktop platform.",
    "50012": _CERTIFICATE,
    "50014": _NOT_MEMBER,
    "50020": _NOT_MEMBER,
    "50034": "The account does not exist in this tenant; check the name and --tenant.",
    "50053": "The account is locked, or signs in from an address known for attacks.",
    "50055": "The account's password has expired; change it first.",
    "50057": "The account is disabled.",
    "50058": "Nobody is signed in; sign in again.",
    "50059": "The sign-in names no tenant; give --tenant.",
    "50072": _MFA,
    "50074": _MFA,
    "50076": _MFA,
    "50078": _MFA,
    "50079": _MFA,
    "50097": _DEVICE,
    "50105": "The account is not assigned to the application; assign it under Enterprise applications.",
    "50126": "User name or password is wrong.",
    "50128": _NO_TENANT,
    "50131": _BLOCKED,
    "50132": _EXPIRED_SESSION,
    "50133": _EXPIRED_SESSION,
    "50158": _BLOCKED,
    "50173": _EXPIRED_SESSION,
    "50194": "The application belongs to one tenant only; name it with --tenant.",
    "500011": "Graph is not known in this tenant under that name; check --cloud.",
    "500021": _RESTRICTED,
    "500022": _RESTRICTED,
    "500113": "The application lacks the redirect address http://localhost; add it as a mobile and desktop platform.",
    "500133": "The signed request is out of date; check this computer's clock.",
    "500212": "The account's own organization does not let it sign in to this tenant (outbound cross-tenant access).",
    "500213": "This tenant does not let the account's organization in (inbound cross-tenant access).",
    "53000": _DEVICE,
    "53001": _DEVICE,
    "53002": _BLOCKED,
    "53003": _BLOCKED,
    "53004": _MFA,
    "53011": _RISK,
    "530003": _DEVICE,
    "530032": _BLOCKED,
    "530034": _RISK,
    "530035": "Security defaults block this sign-in.",
    "65001": "Nobody has consented to the application yet; `posture setup` prints the consent address for an admin.",
    "65002": "That application of Microsoft's may not ask for these permissions; register one: `posture setup`.",
    "65004": "The consent was declined.",
    "65005": _NOT_ASKED_FOR,
    "650056": _NOT_ASKED_FOR,
    "650057": _NOT_ASKED_FOR,
    "70001": "The application is disabled or not known in this tenant; check --client-id, --tenant and --cloud.",
    "70002": "The client secret is wrong; give the secret's value, not its id.",
    "70008": _EXPIRED_SESSION,
    "70016": "The code has not been entered yet.",
    "70018": "The code is wrong or has expired; start again.",
    "70019": "The code has expired before it was entered; start again.",
    "70020": "The code has expired before it was entered; start again.",
    "70021": _FEDERATION,
    "70043": _EXPIRED_SESSION,
    "700003": _DEVICE,
    "700011": "The application is not known in this tenant; check --client-id, --tenant and --cloud.",
    "700016": "The application is not known in this tenant; check --client-id, --tenant and --cloud.",
    "700024": "The signed request is out of date; check this computer's clock.",
    "700025": "The application is a public client and takes no secret or certificate; use --auth browser.",
    "700027": _CERTIFICATE,
    "700030": _CERTIFICATE,
    "700082": _EXPIRED_SESSION,
    "700084": _EXPIRED_SESSION,
    "700211": _FEDERATION,
    "700212": _FEDERATION,
    "700213": _FEDERATION,
    "7000112": "The application is disabled in this tenant.",
    "7000215": "The client secret is wrong; give the secret's value, not its id.",
    "7000218": "The application is no public client; allow public client flows, or use its secret or certificate.",
    "7000222": "The client secret has expired; create a new one, or better use a certificate.",
    "7000229": "The application has no service principal in this tenant; consent to it first.",
    "90002": _NO_TENANT,
    "90006": _BUSY,
    "90008": "Nobody has consented to the application yet; `posture setup` prints the consent address for an admin.",
    "90012": _BUSY,
    "90019": "The sign-in names no tenant; give --tenant.",
    "90024": _BUSY,
    "90033": _BUSY,
    "90038": "The tenant lies in another Microsoft cloud; check --cloud.",
    "90055": _BUSY,
    "90072": _NOT_MEMBER,
    "90094": "An administrator must consent to the application; `posture setup` prints the address.",
    "900021": _NO_TENANT,
    "900023": _NO_TENANT,
}


def explain(error: Exception, method: str) -> SignInError:
    """Return the one sentence for a person that an error of azure-identity or below it means."""
    chain = _chain(error)
    text = "\n".join(map(str, chain))
    code = _CODE.search(text)
    if code is not None:
        known = WORDS.get(code[1])
        if known is not None:
            return SignInError(f"{known} ({_reference(code[0], text)})")
        page = f"https://login.microsoftonline.com/error?code={code[1]}"
        return SignInError(f"The sign-in service refuses; {page} explains why. ({_reference(code[0], text)})")
    words = _by_text(text) or next(filter(None, map(_by_kind, chain)), "")
    return SignInError(words or f"Signing in by {method} failed ({type(error).__name__}).")


def _chain(error: BaseException) -> list[BaseException]:
    """The error and those it came from: azure-identity wraps what its own libraries raise."""
    found: list[BaseException] = []
    one: BaseException | None = error
    while one is not None and one not in found:
        found.append(one)
        one = one.__cause__ or one.__context__
    return found


def _reference(code: str, text: str) -> str:
    correlation = _CORRELATION.search(text)
    return f"{code}, correlation id {correlation[1]}" if correlation else code


_NO_CACHE = "This computer cannot encrypt a token cache; leave out --token-cache."
_CODE_LATE = "The code has expired before it was entered; start again."
_PASSWORD = "The certificate's password in POSTURE_CERTIFICATE_PASSWORD is wrong."
_NO_IDENTITY = "This host has no managed identity; choose another --auth."

_TEXTS = (
    ("Cache encryption is impossible", _NO_CACHE),
    ("persistent cache is not available", _NO_CACHE),
    (
        "CERTIFICATE_VERIFY_FAILED",
        "The sign-in service's certificate is not trusted; name your CA file by --ca-bundle.",
    ),
    ("support claims challenges", "Conditional Access asks for a new token, which this way to sign in cannot get."),
    ("Azure CLI not found", "The Azure CLI is not installed here; install it, or choose another --auth."),
    ("az login", "Nobody is signed in to the Azure CLI; run `az login` first."),
    ("Az.Account", "The PowerShell module Az.Accounts (2.2.0 or later) is not installed here."),
    ("PowerShell is not installed", "PowerShell is not installed here; choose another --auth."),
    ("Connect-AzAccount", "Nobody is signed in to Azure PowerShell; run Connect-AzAccount first."),
    ("Execution policies", "An execution policy keeps PowerShell from loading Az.Accounts."),
    ("open a browser", "No browser can be opened here; use --auth device-code."),
    ("Timed out waiting for user", _CODE_LATE),
    ("expired_token", _CODE_LATE),
    ("code_expired", _CODE_LATE),
    ("authorization_declined", "The sign-in was declined."),
    ("access_denied", "The sign-in was declined."),
    ("for the user to authenticate", "Nobody finished signing in in time; start again."),
    ("Incorrect password", _PASSWORD),
    ("bad decrypt", _PASSWORD),
    ("password may be incorrect", _PASSWORD),
    ("Password was not given", "The certificate's key is encrypted; put its password in POSTURE_CERTIFICATE_PASSWORD."),
    (
        "deserialize certificate",
        "The file holds no PEM or PKCS#12 certificate, or its password in POSTURE_CERTIFICATE_PASSWORD is wrong.",
    ),
    ("must include its private key", "The certificate file lacks its private key."),
    ("nvalid tenant", "The tenant must be an id or a domain, as in contoso.example."),
    ("managed identity endpoint", _NO_IDENTITY),
    ("ManagedIdentityCredential", _NO_IDENTITY),
    (
        "nvironment variables are not fully",
        "AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET or AZURE_CLIENT_CERTIFICATE_PATH must be set.",
    ),
)


def _by_text(text: str) -> str:
    return next((words for part, words in _TEXTS if part in text), "")


def _by_kind(error: BaseException) -> str:
    from azure.core.exceptions import HttpResponseError, ServiceRequestError, ServiceResponseError

    if isinstance(error, ServiceRequestError | ServiceResponseError):
        return "The sign-in service cannot be reached; check the network, the proxy and --cloud."
    if isinstance(error, HttpResponseError) and error.status_code:
        return f"The sign-in service answers {error.status_code} without saying why; try again later."
    return ""
