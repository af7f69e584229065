"""What of a row leaves: selected properties, expanded relationships, what the caller may see."""

from collections.abc import Callable
from typing import Any

from posture.emulator.data import Dataset
from posture.emulator.endpoints import ABSENT_PROPERTIES, LISTINGS, Listing
from posture.emulator.generate import EXPAND_CAP
from posture.emulator.links import Missing
from posture.emulator.options import Expand
from posture.emulator.permissions import BASIC_ORGANIZATION, BASIC_USER, USERS_FULL, Granted
from posture.emulator.query import Query
from posture.emulator.quirks import touch

Object = dict[str, Any]

_KINDS = {listing.kind: listing for listing in reversed(list(LISTINGS.values())) if listing.kind}


def shaper(data: Dataset, granted: Granted, listing: Listing, query: Query) -> Callable[[Object], Object]:
    """Return a function that turns a stored row into the row that is sent."""
    select = query.select if query.select and "*" not in query.select else None
    if select is None and not query.select:
        select = listing.default_select
    wanted = None if select is None else {listing.key, *select}
    kept_back = frozenset(n.name for n in listing.navs.values()) | (listing.hidden - query.names)
    cloud = data.tenant.cloud
    path = listing.path
    absent = {n for n, clouds in ABSENT_PROPERTIES.get(path.lower(), {}).items() if cloud in clouds}
    limited = _limited(granted, listing)
    quirks = data.tenant.quirks

    def shape(row: Object) -> Object:
        shown = {
            k: v
            for k, v in row.items()
            if k not in kept_back and k not in absent and (wanted is None or k in wanted or k.startswith("@"))
        }
        if limited is not None:
            shown = {k: v if k in limited else None for k, v in shown.items()}
        if quirks.touch_rows:
            shown = touch(quirks, path, shown, query.names)
        for expand in query.expand:
            nav = listing.navs[expand.name.lower()]
            if nav.name == "identitySynchronization" and quirks.ignore_partner_expand:
                continue
            try:
                related = data.links.related(listing, row, nav.name)
            except Missing:
                if not data.links.tells(listing, nav.name):
                    raise
                continue
            if isinstance(related, list):
                related = related[:EXPAND_CAP] if listing.directory else related
                shown[nav.name] = [show_object(data, granted, o, expand) for o in related]
            elif related is not None:
                shown[nav.name] = show_object(data, granted, related, expand)
            elif nav.name in row or listing.path.startswith("roleManagement"):
                # OData sends an expanded single relationship without an object as null.
                # Source: https://docs.oasis-open.org/odata/odata-json-format/v4.01/odata-json-format-v4.01.html
                shown[nav.name] = None
        return shown

    return shape


def _limited(granted: Granted, listing: Listing) -> set[str] | None:
    """Return the only properties a caller with a lesser permission sees; None for all."""
    if listing.kind == "user" and not granted.allows(USERS_FULL):
        return BASIC_USER
    if listing.kind == "organization" and not granted.allows(listing.need.replace("| User.Read |", "|")):
        return BASIC_ORGANIZATION
    return None


def show_object(data: Dataset, granted: Granted, found: Object, expand: Expand | None) -> Object:
    """Return a related object as an answer holds it.

    A directory object the caller may not read shows type and id, the rest is
    null. Source: https://learn.microsoft.com/graph/permissions-overview
    """
    kind = str(found.get("@odata.type", "")).rpartition(".")[2]
    target = _KINDS.get(kind)
    hidden = (frozenset(n.name for n in target.navs.values()) | target.hidden) if target else frozenset()
    names = expand.select if expand else None
    shown = {
        k: v
        for k, v in found.items()
        if k not in hidden and (names is None or k in names or k in ("@odata.type", "id", "tenantId"))
    }
    if target is None:
        return shown
    if not granted.reads_object(kind):
        shown = {k: v if k in ("@odata.type", "id") else None for k, v in shown.items()}
    elif (limited := _limited(granted, target)) is not None:
        shown = {k: v if k in limited else None for k, v in shown.items()}
    return touch(data.tenant.quirks, "", shown, frozenset()) if data.tenant.quirks.touch_rows else shown
