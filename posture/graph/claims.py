"""What a token says about itself: who, which tenant, which permissions, until when.

Read without checking the signature, which only Graph can judge: a hint for
people before the audit. What Graph then answers decides.

Source: https://learn.microsoft.com/entra/identity-platform/access-token-claims-reference
"""

import base64
import binascii
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

GRAPH_APP_ID = "00000003-0000-0000-c000-000000000000"
"""Graph's own application id, which some tokens name as their audience."""
_LONGEST = 64 * 1024
_WRITING = ("write", "manage", "fullcontrol", "create", "update", "delete", "send", "invite", "accessasuser")


@dataclass(frozen=True, slots=True)
class Claims:
    """A token's own words; "" and () where it does not say.

    `kind` is `delegated` (a person, with a person's roles), `application` or
    `unknown`. `permissions` are sorted. `roles` are directory role template ids
    of a delegated caller. `account` is the person's name or the application's.
    `expires` is UTC.
    """

    tenant_id: str = ""
    account: str = ""
    app_id: str = ""
    kind: str = "unknown"
    permissions: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    expires: datetime | None = None
    audience: str = ""

    @property
    def writing(self) -> tuple[str, ...]:
        """The permissions that allow more than reading; posture needs none of them."""
        return tuple(p for p in self.permissions if any(word in _verb(p) for word in _WRITING))


def _verb(permission: str) -> str:
    """Return what a permission allows, without what it is about: Read.Directory of RoleManagement.Read.Directory."""
    about, dot, verb = permission.casefold().partition(".")
    return verb if dot else about


def claims_of(token: str) -> Claims:
    """Return what a token says; all unknown where it cannot be read."""
    payload = _payload(token)
    if payload is None:
        return Claims()
    scopes = tuple(sorted(_text(payload, "scp").split()))
    app_roles = _texts(payload, "roles")
    kind = _kind(_text(payload, "idtyp"), scopes, app_roles)
    app_id = _text(payload, "appid") or _text(payload, "azp")
    person = _text(payload, "upn") or _text(payload, "preferred_username") or _text(payload, "unique_name")
    return Claims(
        tenant_id=_text(payload, "tid"),
        account=person or _text(payload, "app_displayname") or app_id,
        app_id=app_id,
        kind=kind,
        permissions=app_roles if kind == "application" else scopes,
        roles=_texts(payload, "wids"),
        expires=_moment(payload.get("exp")),
        audience=_text(payload, "aud").rstrip("/"),
    )


def _kind(idtyp: str, scopes: tuple[str, ...], app_roles: tuple[str, ...]) -> str:
    if idtyp == "app" or (not idtyp and app_roles and not scopes):
        return "application"
    if idtyp == "user" or scopes:
        return "delegated"
    return "unknown"


def _payload(token: str) -> dict[str, Any] | None:
    parts = token.split(".")
    if len(parts) != 3 or len(token) > _LONGEST:
        return None
    middle = parts[1]
    try:
        value = json.loads(base64.urlsafe_b64decode(middle + "=" * (-len(middle) % 4)))
    except (binascii.Error, ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _text(payload: dict[str, Any], key: str) -> str:
    value = payload.get(key)
    return value if isinstance(value, str) else ""


def _texts(payload: dict[str, Any], key: str) -> tuple[str, ...]:
    value = payload.get(key)
    return tuple(sorted(v for v in value if isinstance(v, str))) if isinstance(value, list) else ()


def _moment(value: Any) -> datetime | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return datetime.fromtimestamp(value, UTC)
    except (ValueError, OverflowError, OSError):
        return None
