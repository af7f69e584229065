"""msgraph-sdk's request adapter, set up to send one request and hand back the raw answer.

The SDK builds and sends every request; its models, paging, retry, redirects
and batch helper are left out: models turn a value they do not know into None,
and the helpers lose pages or give up early. Its imports cost a third of a
second and happen here, inside functions.

Source: https://learn.microsoft.com/graph/sdks/customize-client
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, Protocol, cast
from urllib.parse import urlsplit

if TYPE_CHECKING:
    import httpx

    from posture.graph.answer import Limits


class Credential(Protocol):
    """What the reader needs to sign requests: azure-core's async token credential, with two words more."""

    async def get_token(self, *scopes: str, claims: str | None = None, **options: Any) -> Any:
        """Return an azure-core AccessToken."""

    def forget(self, mark: str = "") -> None:
        """Drop the token a refused request carried (`tokens.mark_of` it, "" for any), so that the next is new."""

    def challenge(self, claims: str, mark: str = "") -> None:
        """Drop it likewise and ask the next token to answer a claims challenge."""

    async def close(self) -> None:
        """Let go of what the credential holds open."""


class EmulatedCredential:
    """The fixed, public word that loopback servers get instead of a token."""

    async def get_token(self, *scopes: str, claims: str | None = None, **options: Any) -> Any:
        """Return `emulated`, valid for ever."""
        from azure.core.credentials import AccessToken

        return AccessToken("emulated", 253402300799)

    def forget(self, mark: str = "") -> None:
        """Nothing to forget."""

    def challenge(self, claims: str, mark: str = "") -> None:
        """Nothing to answer."""

    async def close(self) -> None:
        """Nothing to close."""


Send = Callable[[str, str, Mapping[str, str], bytes | None], Awaitable["httpx.Response"]]
"""(method, url, headers, content) to the raw answer, whatever its status."""


def sdk_sender(
    transport: "httpx.AsyncBaseTransport", credential: Credential, *, root: str, scope: str, limits: "Limits"
) -> tuple[Send, Callable[[], Awaitable[None]]]:
    """Return the function that sends a request through the SDK's adapter, and the one that closes it."""
    import httpx
    from kiota_abstractions.method import Method
    from kiota_abstractions.native_response_handler import NativeResponseHandler
    from kiota_abstractions.request_information import RequestInformation
    from kiota_authentication_azure.azure_identity_authentication_provider import AzureIdentityAuthenticationProvider
    from kiota_http.middleware.options import ResponseHandlerOption
    from msgraph import GraphRequestAdapter, GraphServiceClient
    from msgraph_core import GraphClientFactory

    import posture

    client = httpx.AsyncClient(
        transport=transport,
        trust_env=False,
        follow_redirects=False,
        timeout=httpx.Timeout(limits.read_seconds, connect=limits.connect_seconds),
        headers={"User-Agent": f"posture/{posture.__version__}", "Accept-Encoding": "gzip"},
    )
    client = GraphClientFactory.create_with_custom_middleware([], client=client)
    host = urlsplit(root).hostname or ""
    provider = AzureIdentityAuthenticationProvider(cast(Any, credential), scopes=[scope], allowed_hosts=[host])

    class RawAdapter(GraphRequestAdapter):  # type: ignore[misc]
        """The SDK's adapter; claims challenges are answered by the reader, which also counts and tells them."""

        async def retry_cae_response_if_required(self, resp: Any, request_info: Any, claims: str) -> Any:
            return resp

    adapter = RawAdapter(provider, client=client)
    adapter.base_url = root
    # Registers the parse-node factories that the adapter expects to find.
    GraphServiceClient(request_adapter=adapter)
    native = ResponseHandlerOption(NativeResponseHandler())
    methods = {"GET": Method.GET, "POST": Method.POST}

    async def send(method: str, url: str, headers: Mapping[str, str], content: bytes | None) -> "httpx.Response":
        info = RequestInformation(methods[method])
        info.url = url
        info.add_request_options([native])
        for name, value in headers.items():
            info.headers.add(name, value)
        if content is not None:
            info.set_stream_content(content, "application/json")
        return cast("httpx.Response", await adapter.send_primitive_async(info, "bytes", None))

    async def close() -> None:
        await client.aclose()
        # The SDK's transport (msgraph-core 1.5) does not pass closing on to the one it wraps.
        await transport.aclose()

    return send, close
