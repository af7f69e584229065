"""Say what a change of a guest setting means: loosened, tightened, or not to be told.

One judge for two witnesses: the audit log, whose values are text holding JSON
(sometimes twice), and two evidence folders side by side. Direction is claimed
for settings whose meaning is documented; everything else is *unknown*, which a
person has to look at, never *tightened*.

Sources: https://learn.microsoft.com/graph/api/resources/modifiedproperty
https://learn.microsoft.com/graph/api/resources/authorizationpolicy
https://learn.microsoft.com/graph/api/resources/crosstenantaccesspolicyb2bsetting
https://learn.microsoft.com/entra/external-id/allow-deny-list
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from posture.errors import UnknownValueError
from posture.snapshot.conditional_access import GUEST_TYPES
from posture.snapshot.derive import DomainList, DomainMode, b2b_definition, invitation_domain_mode

LEVELS = 5
"""How often a value may be JSON within JSON; two were seen."""
SHOWN = 400
"""Characters of a raw value a row shows."""


class Direction(StrEnum):
    """Which way a setting went. `CHANGED` is both ways at once, or neither is safer."""

    LOOSENED = "loosened"
    TIGHTENED = "tightened"
    CHANGED = "changed"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class SettingChange:
    """One setting before and after, in words a person can compare."""

    setting: str
    before: str
    after: str
    direction: Direction


def combined(directions: list[Direction]) -> Direction:
    """Return one direction for several: loosened if any is, else unknown if any is, else theirs."""
    found = set(directions)
    for first in (Direction.LOOSENED, Direction.UNKNOWN):
        if first in found:
            return first
    return found.pop() if len(found) == 1 else Direction.CHANGED


def decoded(value: Any) -> Any:
    """Return what a logged value holds: JSON within JSON and lists of one are unpacked; other text stays."""
    for _ in range(LEVELS):
        if isinstance(value, list) and len(value) == 1:
            value = value[0]
        elif isinstance(value, str) and value.strip()[:1] in ('"', "[", "{", "'"):
            try:
                value = json.loads(value)
            except (ValueError, RecursionError):
                return value
        else:
            break
    return value


def shown(value: Any) -> str:
    """Return a value for a row: text as it is, nothing as "(none)", the rest as JSON, cut where it is long."""
    if value is None or value in ("", []):
        return "(none)"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}… ({len(text):,} characters)"


# --- single values ------------------------------------------------------------------------------------------------

_RANKS: Mapping[str, tuple[str, ...]] = {
    "allowinvitesfrom": ("none", "adminsandguestinviters", "adminsguestinvitersandallmembers", "everyone"),
    "guestuserroleid": (
        "2af84b1e-32c8-42b7-82bc-daa82404023b",
        "10dae51f-b6af-4016-8d66-8c2a99b929b3",
        "a0b1b346-4d3e-4e8b-98f8-753987be4970",
    ),
    "sharingcapability": (
        "disabled",
        "existingexternalusersharingonly",
        "externalusersharingonly",
        "externaluserandguestsharing",
    ),
}
"""Values from tight to loose."""

_LOOSE_WHEN_TRUE = frozenset(
    {
        "allowemailverifieduserstojoinorganization",
        "allowedtosignupemailbasedsubscriptions",
        "allowuserconsentforriskyapps",
        "ismfaaccepted",
        "iscompliantdeviceaccepted",
        "ishybridazureadjoineddeviceaccepted",
        "inboundallowed",
        "issyncallowed",
        "allowtoaddguests",
        "allowgueststoaccessgroups",
        "allowgueststobegroupowner",
        "isresharingbyexternalusersenabled",
        "selfservicesignup.isenabled",
    }
)
_TIGHT_WHEN_TRUE = frozenset({"blockmsolpowershell", "securitydefaults.isenabled"})
_ACCESS = {"1": "allowed", "2": "blocked"}
"""Numbers seen for `accessType` in the log, by the comment of a published rule."""


def judged(path: str, before: Any, after: Any) -> Direction:
    """Return which way one value went. `path` is its property path, e.g. `inboundTrust.isMfaAccepted`."""
    parts = [p.casefold() for p in path.replace("/", ".").split(".") if p]
    name = parts[-1] if parts else ""
    tail = ".".join(parts[-2:])
    old, new = _word(before), _word(after)
    if name in _RANKS:
        ranks = _RANKS[name]
        if old in ranks and new in ranks:
            return Direction.LOOSENED if ranks.index(new) > ranks.index(old) else Direction.TIGHTENED
        return Direction.UNKNOWN
    if name == "accesstype":
        return _access_type(parts, old, new)
    loose = name in _LOOSE_WHEN_TRUE or tail in _LOOSE_WHEN_TRUE
    if (loose or name in _TIGHT_WHEN_TRUE or tail in _TIGHT_WHEN_TRUE) and new in ("true", "false"):
        return Direction.LOOSENED if (new == "true") is loose else Direction.TIGHTENED
    return Direction.UNKNOWN


def _access_type(parts: list[str], old: str, new: str) -> Direction:
    old, new = _ACCESS.get(old, old), _ACCESS.get(new, new)
    if new not in ("allowed", "blocked") or not any("inbound" in p for p in parts):
        return Direction.UNKNOWN
    return Direction.LOOSENED if new == "allowed" else Direction.TIGHTENED


def _word(value: Any) -> str:
    value = decoded(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value).strip().casefold() if isinstance(value, str | int) else ""


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the values of an object by their property path; lists are values."""
    if isinstance(value, Mapping):
        for key in sorted(map(str, value)):
            yield from leaves(value[key], f"{path}.{key}" if path else key)
    else:
        yield path, value


def compared(before: Any, after: Any, path: str = "") -> list[SettingChange]:
    """Return every value that differs between two JSON values."""
    old, new = dict(leaves(before, path)), dict(leaves(after, path))
    found = []
    for name in sorted(old.keys() | new.keys()):
        was, now = old.get(name), new.get(name)
        if was != now and not ("@odata" in name or (was in (None, "", []) and now in (None, "", []))):
            found.append(SettingChange(name, shown(was), shown(now), judged(name, was, now)))
    return found


# --- the list of domains ------------------------------------------------------------------------------------------

DOMAIN_SETTING = "domains that may be invited"
_LOOSENESS = {DomainList.ALLOW: 0, DomainList.BLOCK: 1, DomainList.NONE: 2}
_WORDS = {
    DomainList.ALLOW: "only these: ",
    DomainList.EMPTY_ALLOW: "an allow list without domains (nobody or anybody: look in the portal)",
    DomainList.BLOCK: "any but these: ",
    DomainList.NONE: "any domain",
}


def domain_words(mode: DomainMode | None) -> str:
    """Return a domain list in words."""
    if mode is None:
        return "(could not be read)"
    return _WORDS[mode.kind] + shown(", ".join(mode.domains)) if mode.domains else _WORDS[mode.kind]


def logged_domains(value: str | None) -> tuple[DomainMode | None, Mapping[str, Any]]:
    """Return the domain list in a logged `PolicyDetails` and the rest of the policy.

    No value is no policy, which lets any domain in. None where it cannot be
    read. Accepts the encodings seen and one level less: text of a list of
    texts, a list of objects, an object.
    """
    if value is None or not value.strip() or value.strip() in ("[]", "null"):
        return DomainMode(DomainList.NONE), {}
    entries: Any = value
    for _ in range(LEVELS):
        if not isinstance(entries, str):
            break
        try:
            entries = json.loads(entries)
        except (ValueError, RecursionError):
            break
    if not isinstance(entries, list):
        entries = [entries]
    if not entries:
        return DomainMode(DomainList.NONE), {}
    policy = {"definition": entries, "isOrganizationDefault": True, "type": "B2BManagementPolicy"}
    try:
        inner = b2b_definition(policy)
        mode = invitation_domain_mode([policy])
    except UnknownValueError:
        return None, {}
    rest = {k: v for k, v in (inner or {}).items() if k.casefold() != "invitationsallowedandblockeddomainspolicy"}
    return mode, rest


def domains_compared(before: DomainMode | None, after: DomainMode | None) -> SettingChange | None:
    """Return how the domain list changed; None where it did not."""
    if before is not None and after is not None and _same(before, after):
        return None
    return SettingChange(DOMAIN_SETTING, domain_words(before), _after(before, after), _domain_direction(before, after))


def _set(mode: DomainMode) -> set[str]:
    return {d.strip().casefold() for d in mode.domains}


def _same(before: DomainMode, after: DomainMode) -> bool:
    return before.kind is after.kind and _set(before) == _set(after)


def _after(before: DomainMode | None, after: DomainMode | None) -> str:
    words = domain_words(after)
    if before is None or after is None or before.kind is not after.kind:
        return words
    added, gone = sorted(_set(after) - _set(before)), sorted(_set(before) - _set(after))
    told = [f"added {shown(', '.join(added))}"] if added else []
    told += [f"removed {shown(', '.join(gone))}"] if gone else []
    return f"{words} ({'; '.join(told)})" if told else words


def _domain_direction(before: DomainMode | None, after: DomainMode | None) -> Direction:
    if before is None or after is None or DomainList.EMPTY_ALLOW in (before.kind, after.kind):
        return Direction.UNKNOWN
    if before.kind is not after.kind:
        looser = _LOOSENESS[after.kind] > _LOOSENESS[before.kind]
        return Direction.LOOSENED if looser else Direction.TIGHTENED
    added, gone = _set(after) - _set(before), _set(before) - _set(after)
    if added and gone:
        return Direction.LOOSENED  # whatever was closed as well, a door is open that was not
    return Direction.LOOSENED if bool(added) is (after.kind is DomainList.ALLOW) else Direction.TIGHTENED


# --- Conditional Access -------------------------------------------------------------------------------------------

_TYPES = {name.casefold(): name for name in GUEST_TYPES}
_STATES = ("disabled", "enabledforreportingbutnotenforced", "enabled")


def policies_compared(before: Any, after: Any) -> SettingChange | None:
    """Return how a Conditional Access policy changed for guests; None where it concerns none.

    None as a side is a policy that was not there yet, or is no more.
    """
    old, new = _Policy(before), _Policy(after)
    if not (old.readable and new.readable):
        return SettingChange("Conditional Access policy", shown(before), shown(after), Direction.UNKNOWN)
    if not (old.guests or new.guests or old.spared or new.spared):
        return None
    found: list[Direction] = []
    _step(found, old.strength, new.strength)
    _step(found, len(old.guests - new.guests), len(new.guests - old.guests))
    _step(found, len(new.spared - old.spared), len(old.spared - new.spared))
    _step(found, len(old.asks - new.asks), len(new.asks - old.asks))
    direction = combined(found) if found else Direction.CHANGED
    return SettingChange(f"Conditional Access policy {new.name or old.name}", old.words, new.words, direction)


def _step(found: list[Direction], before: int, after: int) -> None:
    if before != after:
        found.append(Direction.TIGHTENED if after > before else Direction.LOOSENED)


class _Policy:
    """A Conditional Access policy as far as it concerns guests."""

    def __init__(self, value: Any) -> None:
        policy = decoded(value)
        self.there = policy not in (None, "", [])
        self.readable = isinstance(policy, Mapping) or not self.there
        policy = policy if isinstance(policy, Mapping) else {}
        users = _part(_part(policy, "conditions"), "users")
        self.name = str(policy.get("displayName") or policy.get("id") or "")
        self.state = str(policy.get("state", "")).casefold()
        self.guests = _kinds(users, "include")
        self.spared = _kinds(users, "exclude")
        grant = _part(policy, "grantControls")
        controls = grant.get("builtInControls")
        self.asks = frozenset(str(c).casefold() for c in controls) if isinstance(controls, list) else frozenset[str]()
        if grant.get("authenticationStrength"):
            self.asks |= {"authentication strength"}

    @property
    def strength(self) -> int:
        """0 absent or off, 1 report-only, 2 on."""
        return _STATES.index(self.state) if self.state in _STATES else 0

    @property
    def words(self) -> str:
        """The policy's stand in words."""
        if not self.there:
            return "(none)"
        reach = ", ".join(sorted(self.guests)) or "no guests"
        spared = f", but not {', '.join(sorted(self.spared))}" if self.spared else ""
        return f"{self.state or 'state unknown'}; for {reach}{spared}; asks {', '.join(sorted(self.asks)) or 'nothing'}"


def _part(value: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = value.get(key)
    return found if isinstance(found, Mapping) else {}


def _kinds(users: Mapping[str, Any], side: str) -> frozenset[str]:
    """Return the kinds of guests one side names; everybody and all guests are all of them."""
    named = users.get(f"{side}Users")
    words = {str(u).casefold() for u in named} if isinstance(named, list) else set()
    if words & {"all", "guestsorexternalusers"}:
        return frozenset(GUEST_TYPES)
    types = _part(users, f"{side}GuestsOrExternalUsers").get("guestOrExternalUserTypes")
    if isinstance(types, int) and not isinstance(types, bool):
        # The kinds are flags in the order of their bits; a record writes all six as the number 63.
        return frozenset(name for bit, name in enumerate(GUEST_TYPES) if types >> bit & 1)
    if isinstance(types, str):
        listed = (t.strip() for t in types.split(","))
        return frozenset(_TYPES.get(t.casefold(), t) for t in listed if t and t != "none")
    return frozenset()
