"""Turn one row with Graph's names into an event, whatever spelling its values have.

A value may be an object or the JSON text of one (Log Analytics keeps some
columns as text), a number or its digits, absent, null or of a wrong type: what
cannot be used becomes "" or None and never costs the row.
"""

import re
from collections.abc import Mapping
from typing import Any

import orjson

from posture.hunts.events import Actor, AuditEvent, Change, SignInEvent, Target
from posture.hunts.when import log_time

_NOTHING: Mapping[str, Any] = {}
_WHOLE = re.compile(r"[+-]?\d{1,9}(?:\.0+)?")
_TRUE, _FALSE = {"true", "yes", "1"}, {"false", "no", "0"}


def text(value: Any) -> str:
    """Return a value as text that can be written as UTF-8; "" for null."""
    if isinstance(value, str):
        return value if value.isascii() else value.encode("utf-8", "replace").decode("utf-8")
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    try:
        return orjson.dumps(value).decode("utf-8")
    except (TypeError, ValueError, RecursionError):
        return ""


def unpacked(value: Any) -> Any:
    """Return the object or list that a value is, or that its JSON text holds; else the value as it is."""
    if isinstance(value, str) and value.lstrip()[:1] in ("{", "["):
        try:
            return orjson.loads(value)
        except ValueError:
            return value
    return value


def block(value: Any) -> Mapping[str, Any]:
    """Return an object, unpacking JSON text; an empty one for anything else."""
    found = unpacked(value)
    return found if isinstance(found, dict) else _NOTHING


def entries(value: Any) -> list[Mapping[str, Any]]:
    """Return the objects of a list, unpacking JSON text of the list and of its items."""
    found = unpacked(value)
    return [b for item in found if (b := block(item))] if isinstance(found, list) else []


def whole(value: Any) -> int | None:
    """Return a whole number, from a number or its digits; None for anything else."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value if abs(value) < 10**10 else None
    if isinstance(value, float):
        return int(value) if value.is_integer() and abs(value) < 10**10 else None
    return int(float(value)) if isinstance(value, str) and _WHOLE.fullmatch(value.strip()) else None


def degrees(value: Any, limit: float) -> float | None:
    """Return a latitude or longitude within ±limit, in degrees; None for anything else."""
    try:
        found = float(value) if isinstance(value, int | float | str) and not isinstance(value, bool) else None
    except ValueError:
        return None
    return found if found is not None and -limit <= found <= limit else None


def boolean(value: Any) -> bool | None:
    """Return a true/false value in any of its spellings; None for anything else."""
    if isinstance(value, bool):
        return value
    word = text(value).strip().casefold()
    return True if word in _TRUE else False if word in _FALSE else None


def _first(row: Mapping[str, Any], *keys: str) -> Any:
    """Return the first value that is there: pages of the documentation write both `type` and `Type`."""
    return next((row[k] for k in keys if row.get(k) is not None), None)


def audit_event(row: Mapping[str, Any], place: str) -> AuditEvent:
    """Return a directory audit row as an event."""
    return AuditEvent(
        id=text(row.get("id")),
        at=log_time(row.get("activityDateTime")),
        activity=text(row.get("activityDisplayName")).strip(),
        category=text(row.get("category")).strip(),
        result=text(row.get("result")).strip(),
        reason=text(row.get("resultReason")),
        actor=_actor(block(row.get("initiatedBy")), text(row.get("callerIpAddress"))),
        targets=tuple(map(_target, entries(row.get("targetResources")))),
        details=tuple(map(_detail, entries(row.get("additionalDetails")))),
        place=place,
    )


def _detail(row: Mapping[str, Any]) -> tuple[str, str]:
    return text(_first(row, "key", "Key")), text(_first(row, "value", "Value"))


def _actor(initiated: Mapping[str, Any], caller_ip: str) -> Actor:
    user, app = block(initiated.get("user")), block(initiated.get("app"))
    if user:
        return Actor(
            kind="user",
            id=text(user.get("id")),
            name=text(user.get("userPrincipalName")),
            display_name=text(user.get("displayName")),
            ip=text(user.get("ipAddress")) or caller_ip,
            user_type=text(user.get("userType")),
            home_tenant=text(user.get("homeTenantId")),
        )
    if app:
        return Actor(
            kind="app",
            id=text(app.get("servicePrincipalId")),
            name=text(app.get("displayName")) or text(app.get("servicePrincipalName")),
            ip=caller_ip,
            app_id=text(app.get("appId")),
        )
    return Actor(ip=caller_ip)


def _target(row: Mapping[str, Any]) -> Target:
    return Target(
        id=text(row.get("id")),
        type=text(_first(row, "type", "Type")),
        display_name=text(row.get("displayName")),
        user_principal_name=text(row.get("userPrincipalName")),
        changes=tuple(map(_change, entries(row.get("modifiedProperties")))),
    )


def _change(row: Mapping[str, Any]) -> Change:
    old, new = _first(row, "oldValue", "OldValue"), _first(row, "newValue", "NewValue")
    return Change(
        text(_first(row, "displayName", "DisplayName", "Name")),
        None if old is None else text(old),
        None if new is None else text(new),
    )


def sign_in_event(
    row: Mapping[str, Any], place: str, *, interactive: bool | None = None, log_tenant: str = ""
) -> SignInEvent:
    """Return a sign-in row as an event. `interactive` and `log_tenant` are what the file says of all its rows."""
    status, location = block(row.get("status")), block(row.get("location"))
    point, device = block(location.get("geoCoordinates")), block(row.get("deviceDetail"))
    said = boolean(row.get("isInteractive"))
    return SignInEvent(
        id=text(row.get("id")),
        at=log_time(row.get("createdDateTime")),
        user_id=text(row.get("userId")),
        user_name=text(row.get("userPrincipalName")),
        user_display_name=text(row.get("userDisplayName")),
        user_type=text(row.get("userType")).casefold(),
        app_id=text(row.get("appId")).casefold(),
        app_name=text(row.get("appDisplayName")),
        resource_id=text(row.get("resourceId")).casefold(),
        resource_name=text(row.get("resourceDisplayName")),
        home_tenant=text(row.get("homeTenantId")).casefold(),
        resource_tenant=text(row.get("resourceTenantId")).casefold(),
        log_tenant=(text(row.get("tenantId")) or log_tenant).casefold(),
        cross_tenant=text(row.get("crossTenantAccessType")),
        error=whole(status.get("errorCode")),
        reason=text(status.get("failureReason")),
        ip=text(row.get("ipAddress")),
        city=text(location.get("city")).strip(),
        state=text(location.get("state")).strip(),
        country=text(location.get("countryOrRegion")).strip(),
        latitude=degrees(point.get("latitude"), 90),
        longitude=degrees(point.get("longitude"), 180),
        interactive=interactive if said is None else said,
        trust=text(device.get("trustType")),
        risk=text(row.get("riskLevelDuringSignIn")),
        place=place,
    )
