"""Graph's error answers, each as the error of our tree that it means.

Source: https://learn.microsoft.com/graph/errors
"""

import json
from dataclasses import dataclass
from typing import Any

from posture.errors import (
    AccessDeniedError,
    AnswerError,
    BadRequestError,
    GraphError,
    NetworkError,
    NoEndpointError,
    NotFoundError,
    NotLicensedError,
    ServerError,
    ThrottledError,
    TokenRefusedError,
)
from posture.graph.links import cleaned

NON_PREMIUM = "Authentication_RequestFromNonPremiumTenantOrB2CTenant"
"""Also reported now and then by tenants that are licensed: asked once more before it is believed."""
UNLICENSED = frozenset({NON_PREMIUM, "AadPremiumLicenseRequired", "NoLicense"})
EXPIRED_LINK = "Directory_ExpiredPageToken"
"""A next link lives for a limited time. Source: https://learn.microsoft.com/graph/paging"""


@dataclass(frozen=True, slots=True)
class Refusal:
    """What an error body says. `is_graph` is False where the body is not Graph's error envelope."""

    code: str
    message: str
    request_id: str
    is_graph: bool


def read_refusal(body: bytes) -> Refusal:
    """Read an error body, tolerantly: a damaged one must not hide the status."""
    try:
        value = json.loads(body) if len(body) <= 1024 * 1024 else None
    except (ValueError, RecursionError):
        value = None
    error = value.get("error") if isinstance(value, dict) else None
    if not isinstance(error, dict):
        return Refusal("", "", "", is_graph=False)
    code, message = _text(error, "code"), _text(error, "message")
    if message.startswith("{"):
        code, message = _unpacked(code, message)
    inner = error.get("innerError", error.get("innererror"))
    inner = inner if isinstance(inner, dict) else {}
    return Refusal(cleaned(code, 100), cleaned(message), cleaned(_text(inner, "request-id"), 100), is_graph=True)


def _unpacked(code: str, message: str) -> tuple[str, str]:
    """Some services put JSON into the message, with the telling code inside."""
    try:
        inside = json.loads(message)
    except (ValueError, RecursionError):
        return code, message
    if not isinstance(inside, dict):
        return code, message
    return _text(inside, "errorCode") or code, _text(inside, "message") or message


def _text(holder: dict[str, Any], key: str) -> str:
    value = holder.get(key)
    return value if isinstance(value, str) else ""


def is_unlicensed(refusal: Refusal) -> bool:
    """Whether the refusal speaks of a licence. Decided by code, never by message."""
    return refusal.code in UNLICENSED


def as_error(status: int, refusal: Refusal, *, where: str, url: str, request_id: str, tries: str = "") -> GraphError:
    """Return the error that a status and its body mean.

    `where` is version and path, `tries` the number of attempts in words.
    """
    kind, words = _meaning(status, refusal)
    said = (
        f"{status}" + (f" {refusal.code}" if refusal.code else "") + (f": {refusal.message}" if refusal.message else "")
    )
    return kind(
        f"{where}: {words}{tries} ({said})",
        status=status,
        code=refusal.code,
        request_id=request_id or refusal.request_id,
        url=url,
    )


def _meaning(status: int, refusal: Refusal) -> tuple[type[GraphError], str]:
    if is_unlicensed(refusal):
        return NotLicensedError, "the tenant lacks the licence for this"
    if refusal.code == EXPIRED_LINK:
        return AnswerError, "the next link expired before it was followed"
    if status in (400, 404) and refusal.message.startswith("Resource not found for the segment"):
        return NoEndpointError, "this cloud or version has no such endpoint"
    if 300 <= status < 400:
        return AnswerError, "the answer sends us elsewhere, which is not followed"
    if 400 <= status < 500 and not refusal.is_graph and status not in (401, 404, 408, 429):
        return _not_graph(status)
    match status:
        case 401:
            return TokenRefusedError, "Graph does not accept the token"
        case 403:
            return AccessDeniedError, "a permission or directory role is missing"
        case 404:
            return NotFoundError, "there is no such object or endpoint"
        case 429:
            return ThrottledError, "the service throttles"
        case 501:
            return BadRequestError, "the service does not offer this query"
    if status == 408 or status >= 500:
        return ServerError, "the service failed"
    if status >= 400:
        return BadRequestError, "the service calls the query wrong"
    return AnswerError, "the answer has a status no reading is documented to have"


def _not_graph(status: int) -> tuple[type[GraphError], str]:
    if status == 407:
        return NetworkError, "the proxy asks for a password; put it into HTTPS_PROXY"
    return AnswerError, "something that is not Graph answered, perhaps a proxy"
