"""Oddities of the real Graph that a tenant can switch on, so that a reader meets them.

Each is either printed in Microsoft's documentation, seen in public threads, or
one of two contradicting statements; docs/emulator.md lists them.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from posture.emulator.toml import Table

_NEVER = {
    "lastSignInDateTime": "0001-01-01T00:00:00Z",
    "lastSignInRequestId": "",
    "lastNonInteractiveSignInDateTime": "0001-01-01T00:00:00Z",
    "lastNonInteractiveSignInRequestId": "",
}
_ENUMS = {
    "policies/authorizationpolicy": ("allowInvitesFrom",),
    "policies/crosstenantaccesspolicy/default": (),
    "reports/authenticationmethods/userregistrationdetails": ("userType",),
    "identity/conditionalaccess/policies": ("state",),
    "admin/sharepoint/settings": ("sharingCapability",),
    "identitygovernance/entitlementmanagement/settings": ("externalUserLifecycleAction",),
    "auditlogs/directoryaudits": ("result",),
    "auditlogs/signins": ("conditionalAccessStatus",),
}
"""Path to the enum properties that `empty_enums` and `unknown_enums` touch."""
_DATE = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.\d+)?Z")


@dataclass(frozen=True)
class Quirks:
    """The switches of `[quirks]`; the defaults are the documented behaviour."""

    page_size: int = 0
    empty_page: bool = False
    value_wrapper: bool = False
    innererror_lowercase: bool = False
    type_without_hash: bool = False
    empty_enums: bool = False
    unknown_enums: bool = False
    never_sentinel: bool = False
    no_sign_in_activity: bool = False
    definition_single_quotes: bool = False
    legacy_type: str = "as-stored"
    date_decimals: int = -1
    legacy_policies: str = "served"
    b2b_management_policies: str = "served"
    conditional_access_unlicensed: str = "empty"
    refuse_date_filters: bool = False
    ignore_filters: bool = False
    ignore_partner_expand: bool = False
    throttle_once: bool = False
    limits: bool = False
    segment_status: int = 400
    latency_ms: int = 0

    @property
    def touch_rows(self) -> bool:
        """Tell whether rows leave other than they are stored."""
        return (
            self.type_without_hash
            or self.empty_enums
            or self.unknown_enums
            or self.never_sentinel
            or self.no_sign_in_activity
            or self.definition_single_quotes
            or self.legacy_type != "as-stored"
            or self.date_decimals >= 0
        )


def parse(table: Table | None) -> Quirks:
    """Read `[quirks]` of a tenant.toml."""
    if table is None:
        return Quirks()
    quirks = Quirks(
        page_size=table.whole("page_size", 0, high=100_000),
        empty_page=table.flag("empty_page"),
        value_wrapper=table.flag("value_wrapper"),
        innererror_lowercase=table.flag("innererror_lowercase"),
        type_without_hash=table.flag("type_without_hash"),
        empty_enums=table.flag("empty_enums"),
        unknown_enums=table.flag("unknown_enums"),
        never_sentinel=table.flag("never_sentinel"),
        no_sign_in_activity=table.flag("no_sign_in_activity"),
        definition_single_quotes=table.flag("definition_single_quotes"),
        legacy_type=table.text("legacy_type", "as-stored", choices=("as-stored", "string", "number", "absent")),
        date_decimals=table.whole("date_decimals", -1, low=-1, high=7),
        legacy_policies=table.text("legacy_policies", "served", choices=("served", "gone")),
        b2b_management_policies=table.text("b2b_management_policies", "served", choices=("served", "refused")),
        conditional_access_unlicensed=table.text(
            "conditional_access_unlicensed", "empty", choices=("empty", "refused")
        ),
        refuse_date_filters=table.flag("refuse_date_filters"),
        ignore_filters=table.flag("ignore_filters"),
        ignore_partner_expand=table.flag("ignore_partner_expand"),
        throttle_once=table.flag("throttle_once"),
        limits=table.flag("limits"),
        segment_status=table.whole("segment_status", 400, low=400, high=404),
        latency_ms=table.whole("latency_ms", 0, high=600_000),
    )
    table.finish()
    return quirks


def touch(quirks: Quirks, path: str, row: dict[str, Any], asked: frozenset[str]) -> dict[str, Any]:
    """Return a row as the oddities switched on would send it. `asked` are the names of $select."""
    row = dict(row)
    for name in _ENUMS.get(path.lower(), ()):
        if name in row and (quirks.empty_enums or quirks.unknown_enums):
            row[name] = "" if quirks.empty_enums else "unknownFutureValue"
    if quirks.no_sign_in_activity:
        row.pop("signInActivity", None)
    elif quirks.never_sentinel and "signInActivity" in asked and "signInActivity" not in row:
        row["signInActivity"] = dict(_NEVER)
    if path.lower() in ("legacy/policies", "policies/b2bmanagementpolicies"):
        _policy(quirks, row)
    if quirks.type_without_hash or quirks.date_decimals >= 0:
        row = _everywhere(row, _rewriter(quirks))
    return row


def _policy(quirks: Quirks, row: dict[str, Any]) -> None:
    if quirks.definition_single_quotes and isinstance(row.get("definition"), list):
        row["definition"] = [d.replace('"', "'") if isinstance(d, str) else d for d in row["definition"]]
        row["isOrganizationDefault"] = "true"
    if quirks.legacy_type == "absent":
        row.pop("type", None)
    elif quirks.legacy_type != "as-stored":
        row["type"] = 6 if quirks.legacy_type == "number" else "B2BManagementPolicy"


def _rewriter(quirks: Quirks) -> Callable[[str, Any], Any]:
    decimals = quirks.date_decimals

    def rewrite(key: str, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        if key == "@odata.type" and quirks.type_without_hash:
            return value.removeprefix("#")
        if decimals >= 0 and (found := _DATE.fullmatch(value)):
            return found[1] + ("." + "0" * decimals if decimals else "") + "Z"
        return value

    return rewrite


def _everywhere(value: Any, rewrite: Callable[[str, Any], Any], key: str = "") -> Any:
    if isinstance(value, dict):
        return {k: _everywhere(v, rewrite, k) for k, v in value.items()}
    if isinstance(value, list):
        return [_everywhere(v, rewrite, key) for v in value]
    return rewrite(key, value)
