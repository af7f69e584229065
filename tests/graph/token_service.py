"""A sign-in service on loopback: azure-identity speaks to it under the real names."""

import base64
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

TENANT = "11111111-2222-4333-8444-555555555555"
CLIENT = "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee"


def jwt(**claims: Any) -> str:
    """Return an unsigned token."""

    def part(value: object) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()

    return f"{part({'alg': 'none'})}.{part(claims)}.sig"


@dataclass
class TokenService:
    """What was asked, and what is answered: `refuse` holds errors said before tokens, in turn."""

    asked: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)
    refuse: list[dict[str, Any]] = field(default_factory=list)
    lifetime: int = 3600
    issued: int = 0
    claims: dict[str, Any] = field(default_factory=dict)
    port: int = 0
    raw: bytes | None = None

    def answer(self, host: str, path: str, form: dict[str, str]) -> tuple[int, dict[str, Any]]:
        self.asked.append((host, path, form))
        base = f"https://{host}/{path.split('/')[1]}"
        if path.endswith("/openid-configuration"):
            return 200, {
                "token_endpoint": f"{base}/oauth2/v2.0/token",
                "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
                "device_authorization_endpoint": f"{base}/oauth2/v2.0/devicecode",
                "issuer": f"{base}/v2.0",
            }
        if path.endswith("/discovery/instance"):
            return 200, {"tenant_discovery_endpoint": f"{base}/v2.0/.well-known/openid-configuration", "metadata": []}
        if path.endswith("/devicecode"):
            if self.refuse and self.refuse[0].get("at") == "devicecode":
                return 400, self.refuse.pop(0)
            return 200, {
                "user_code": "ABCD1234",
                "device_code": "device-code-1",
                "verification_uri": "https://microsoft.example/devicelogin",
                "expires_in": 900,
                "interval": 0,
                "message": "go there",
            }
        if self.refuse:
            return 400, self.refuse.pop(0)
        self.issued += 1
        token = jwt(marked="TOKEN-TEXT", tid=TENANT, n=self.issued, **self.claims)
        found: dict[str, Any] = {
            "token_type": "Bearer",
            "expires_in": self.lifetime,
            "access_token": token,
            "scope": form.get("scope", ""),
        }
        if "device_code" in form or form.get("grant_type") == "refresh_token":
            found |= {
                "refresh_token": "REFRESH-TOKEN-TEXT",
                "id_token": jwt(
                    aud=CLIENT,
                    iss=f"{base}/v2.0",
                    tid=TENANT,
                    sub="s",
                    oid="o",
                    preferred_username="ada@contoso.example",
                ),
                "client_info": base64.urlsafe_b64encode(json.dumps({"uid": "o", "utid": TENANT}).encode()).decode(),
            }
        return 200, found

    def forms(self, name: str = "token") -> list[dict[str, str]]:
        return [form for _, path, form in self.asked if path.endswith("/" + name)]


def refusal(code: int, text: str = "It is refused.", error: str = "invalid_client") -> dict[str, Any]:
    """Return an error as the service words it."""
    return {
        "error": error,
        "error_description": f"AADSTS{code}: {text} Trace ID: 0f0f0f0f-0000-4000-8000-000000000000 "
        "Correlation ID: 12345678-1234-4234-8234-123456789abc Timestamp: 2026-11-23 02:15:45Z",
        "error_codes": [code],
    }


@contextmanager
def token_service() -> Iterator[tuple[TokenService, Any]]:
    """Run the service; yields it and the azure-core transport that leads there."""
    import requests
    from azure.core.pipeline.transport import RequestsTransport
    from requests.adapters import HTTPAdapter

    service = TokenService()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._say({})

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
            self._say({k: v[0] for k, v in parse_qs(body).items()})

        def _say(self, form: dict[str, str]) -> None:
            status, value = service.answer(self.headers["X-Asked-Host"], urlsplit(self.path).path, form)
            data = service.raw if service.raw is not None else json.dumps(value).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *args: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    service.port = server.server_address[1]

    class Redirect(HTTPAdapter):
        def send(self, request: Any, *args: Any, **kwargs: Any) -> Any:
            parts = urlsplit(request.url)
            request.headers["X-Asked-Host"] = parts.netloc
            request.url = request.url.replace(f"https://{parts.netloc}", f"http://127.0.0.1:{service.port}", 1)
            return super().send(request, *args, **{**kwargs, "proxies": {}})

    session = requests.Session()
    session.mount("https://", Redirect())
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield service, RequestsTransport(session=session, session_owner=False)
    finally:
        session.close()
        server.shutdown()
        server.server_close()
        thread.join()
