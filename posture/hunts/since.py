"""What changed between two runs: guest settings side by side, with the log naming the actor where it can.

Logs alone do not prove that nothing changed: which activity a setting writes
is not documented for all of them, and logs age out. Two evidence folders do.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from posture.assess.types import Lead
from posture.errors import EvidenceError, UnknownValueError
from posture.hunts import activities as a
from posture.hunts.changes import partner, setting_changes_of
from posture.hunts.directions import Direction, SettingChange, compared, domains_compared, policies_compared, shown
from posture.hunts.events import AuditEvent
from posture.hunts.leads import Found, many, stamp
from posture.hunts.people import People
from posture.hunts.registry import hunts
from posture.hunts.shapes import GRAPH_AUDIT, Record
from posture.hunts.streams import Streams
from posture.hunts.tenant import listed
from posture.settings import Severity
from posture.snapshot.derive import invitation_domain_mode, otp_state
from posture.snapshot.types import Fact, Snapshot

CODE = "GUEST-HUN-004"


@dataclass(frozen=True, slots=True)
class Changed:
    """One setting that differs between two runs.

    `fact` is the source, `object_id` the partner, policy or domain it belongs
    to, "" for the tenant's own. The request ids are Graph's, of the answers
    that hold the old and the new value. `who`, `when` and `record` are the
    log's, "" and None where it names nobody; `from_ip` likewise.
    """

    fact: str
    object_id: str
    change: SettingChange
    request_before: str
    request_after: str
    who: str = ""
    from_ip: str = ""
    when: datetime | None = None
    record: str = ""


@dataclass(frozen=True)
class ChangedSettings:
    """What differs between two runs, and what could not be compared: source and why."""

    before: datetime
    after: datetime
    changes: tuple[Changed, ...]
    not_compared: tuple[tuple[str, str], ...]
    compared: tuple[str, ...]

    def leads(self, keep: int = 50) -> tuple[Lead, ...]:
        """Return the changes as leads of the settings hunt, by direction."""
        severity = {
            Direction.LOOSENED: (Severity.HIGH, "loosened"),
            Direction.UNKNOWN: (Severity.MEDIUM, "changed, and a person has to judge how"),
            Direction.CHANGED: (Severity.MEDIUM, "changed both ways, or neither is safer"),
            Direction.TIGHTENED: (Severity.INFO, "tightened"),
        }
        words = next(h for h in hunts() if h.code == CODE)
        found = []
        for direction, (level, how) in severity.items():
            rows = Found(keep)
            for one in self.changes:
                if one.change.direction is direction:
                    rows.add(one.when or self.after, self._row(one))
            if rows:
                span = f"between {self.before:%Y-%m-%d %H:%M} and {self.after:%Y-%m-%d %H:%M} UTC"
                lead = rows.lead(level, f"{many(rows.count, 'guest or external setting')} {how} {span}.")
                found.append(
                    replace(
                        lead,
                        hunt=CODE,
                        why=words.why,
                        harmless_if=words.harmless_if,
                        next_question=words.next_question,
                        attack=words.attack,
                    )
                )
        return tuple(found)

    def _row(self, one: Changed) -> dict[str, Any]:
        row = {
            "time": stamp(one.when),
            "source": one.fact,
            "object": one.object_id,
            "setting": one.change.setting,
            "before": one.change.before,
            "after": one.change.after,
            "direction": one.change.direction.value,
            "who": one.who or "the log names nobody",
            "from": one.from_ip,
            "request_before": one.request_before,
            "request_after": one.request_after,
            "ids": [one.record] if one.record else [],
        }
        return {k: v for k, v in row.items() if v not in (None, "")}


def changed_settings(before: Snapshot, after: Snapshot) -> ChangedSettings:
    """Compare the guest and external settings of two runs of one tenant.

    Raises EvidenceError where the runs are of different tenants or in the
    wrong order.
    """
    if before.tenant.id and after.tenant.id and before.tenant.id.casefold() != after.tenant.id.casefold():
        raise EvidenceError(f"the runs are of two tenants, {before.tenant.id} and {after.tenant.id}")
    if before.taken_at > after.taken_at:
        raise EvidenceError("the run to compare with is newer than this one: name the older run with --since")
    found: list[Changed] = []
    missing: list[tuple[str, str]] = []
    done: list[str] = []
    for name, compare in _COMPARERS.items():
        old, new = before.facts.get(name), after.facts.get(name)
        if old is None or new is None:
            missing.append((name, _why(name, before if old is None else after)))
            continue
        if isinstance(old.value, Mapping) is not isinstance(new.value, Mapping):
            missing.append((name, "one run holds an object and the other a list"))
            continue
        try:
            pairs = list(compare(old.value, new.value))
        except UnknownValueError as error:
            missing.append((name, f"a value could not be read: {error}"))
            continue
        done.append(name)
        found += [Changed(name, key, change, _request(old), _request(new)) for key, change in pairs]
    named = _named(found, before, after)
    order = sorted(named, key=lambda c: (c.fact, c.object_id, c.change.setting))
    return ChangedSettings(before.taken_at, after.taken_at, tuple(order), tuple(missing), tuple(done))


def _why(name: str, snapshot: Snapshot) -> str:
    gap = snapshot.gaps.get(name)
    return gap.detail if gap else f"not read in the run of {snapshot.taken_at:%Y-%m-%d %H:%M} UTC"


def _request(fact: Fact) -> str:
    return fact.provenance.request_ids[-1] if fact.provenance.request_ids else ""


# --- one comparer a source ----------------------------------------------------------------------------------------

Pairs = Iterable[tuple[str, SettingChange]]


def _object(prefix: str = "", *skip: str) -> Callable[[Any, Any], Pairs]:
    """Compare a single answer by its properties; `prefix` says what it is where its properties do not."""
    ignored = {"id", *skip}

    def compare(before: Any, after: Any) -> Pairs:
        if not isinstance(before, Mapping) or not isinstance(after, Mapping):
            raise UnknownValueError("it is not an object")
        old = {k: v for k, v in before.items() if k not in ignored and "@odata" not in k}
        new = {k: v for k, v in after.items() if k not in ignored and "@odata" not in k}
        for change in compared(old, new, prefix):
            yield "", change

    return compare


def _domain_list(before: Any, after: Any) -> Pairs:
    change = domains_compared(invitation_domain_mode(before), invitation_domain_mode(after))
    if change is not None:
        yield "", change


def _by_id(rows: Any, key: str = "id") -> dict[str, Mapping[str, Any]]:
    if isinstance(rows, Mapping | str) or not hasattr(rows, "__iter__"):
        raise UnknownValueError("it is not a list")
    return {str(row.get(key)): row for row in rows if isinstance(row, Mapping)}


def _partners(before: Any, after: Any) -> Pairs:
    old, new = _by_id(before, "tenantId"), _by_id(after, "tenantId")
    for key in sorted(old.keys() | new.keys()):
        if key not in old:
            change = SettingChange("partner in cross-tenant access", "(none)", key, Direction.LOOSENED)
            yield key, change
        elif key not in new:
            yield key, SettingChange("partner in cross-tenant access", key, "(none)", Direction.UNKNOWN)
        else:
            for change in compared(_bare(old[key]), _bare(new[key])):
                yield key, change


def _bare(row: Mapping[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in row.items() if "@odata" not in k and k not in ("tenantId", "modifiedDateTime")}


def _policies(before: Any, after: Any) -> Pairs:
    old, new = _by_id(before), _by_id(after)
    for key in sorted(old.keys() | new.keys()):
        if _bare(old.get(key, {})) != _bare(new.get(key, {})):
            change = policies_compared(old.get(key), new.get(key))
            if change is not None:
                yield key, change


def _group_settings(before: Any, after: Any) -> Pairs:
    """Compare the settings objects by their template; values are name and text."""

    def values(rows: Any) -> dict[str, dict[str, Any]]:
        found: dict[str, dict[str, Any]] = {}
        for key, row in _by_id(rows).items():
            pairs = row.get("values")
            named = [v for v in pairs if isinstance(v, Mapping)] if isinstance(pairs, list) else []
            found[str(row.get("templateId") or key)] = {str(v.get("name")): v.get("value") for v in named}
        return found

    old, new = values(before), values(after)
    for key in sorted(old.keys() | new.keys()):
        for change in compared(old.get(key, {}), new.get(key, {})):
            yield key, change


def _presence(what: str, key: str = "id") -> Callable[[Any, Any], Pairs]:
    """Compare lists by what is in them: a new entry is a new door."""

    def compare(before: Any, after: Any) -> Pairs:
        old, new = _by_id(before, key), _by_id(after, key)
        for name in sorted(new.keys() - old.keys()):
            yield name, SettingChange(what, "(none)", shown(name), Direction.LOOSENED)
        for name in sorted(old.keys() - new.keys()):
            yield name, SettingChange(what, shown(name), "(none)", Direction.TIGHTENED)

    return compare


def _verified_domains(before: Any, after: Any) -> Pairs:
    for name, change in _presence("verified domain")(before, after):
        yield name, replace(change, direction=Direction.UNKNOWN)
    old, new = _by_id(before), _by_id(after)
    for name in sorted(old.keys() & new.keys()):
        was, now = old[name].get("authenticationType"), new[name].get("authenticationType")
        if was != now:
            yield name, SettingChange("authentication of the domain", shown(was), shown(now), Direction.UNKNOWN)


def _methods(before: Any, after: Any) -> Pairs:
    """Compare the methods that matter to guests: e-mail passcode."""
    old, new = ({"allowExternalIdToUseEmailOtp": otp_state(policy)} for policy in (before, after))
    for change in compared(old, new):
        yield "", change


_COMPARERS: Mapping[str, Callable[[Any, Any], Pairs]] = {
    "authorization_policy": _object("", "displayName", "description"),
    "b2b_management_policies": _domain_list,
    "cross_tenant_access_policy": _object(),
    "cross_tenant_default": _object(),
    "cross_tenant_partners": _partners,
    "external_identities_policy": _object(),
    "authentication_flows_policy": _object(),
    "authentication_methods_policy": _methods,
    "security_defaults": _object("securityDefaults", "displayName", "description"),
    "conditional_access_policies": _policies,
    "group_settings": _group_settings,
    "identity_providers": _presence("identity provider"),
    "b2x_user_flows": _presence("self-service sign-up flow"),
    "entitlement_settings": _object(),
    "sharepoint_settings": _object(),
    "multi_tenant_organization": _object(),
    "domains": _verified_domains,
}


COMPARED = frozenset(_COMPARERS)
"""The sources whose settings are compared."""


# --- who did it ---------------------------------------------------------------------------------------------------

_SOURCES: Mapping[str, frozenset[str]] = {
    "authorization_policy": a.names("Update authorization policy", a.FEATURE),
    "b2b_management_policies": a.names(a.POLICIES),
    "cross_tenant_default": a.names(a.CROSS_TENANT[3], a.CROSS_TENANT[4]),
    "cross_tenant_partners": a.names(a.CROSS_TENANT[:3], a.CROSS_TENANT[6:]),
    "authentication_flows_policy": a.names("Update authentication flows policy"),
    "security_defaults": a.names("Update security defaults"),
    "conditional_access_policies": a.names(a.CONDITIONAL_ACCESS),
    "group_settings": a.names("Create group settings", "Update group settings", "Delete group settings"),
    "entitlement_settings": a.names("Update tenant setting"),
    "domains": a.names("Add verified domain", "Remove verified domain", "Set domain authentication"),
}
_ONE_OF_MANY = {"cross_tenant_partners", "conditional_access_policies", "domains"}


def _named(changes: list[Changed], before: Snapshot, after: Snapshot) -> list[Changed]:
    """Add the newest record between the runs that writes the same setting."""
    if listed(after, "directory_audits") is None or not changes:
        return changes
    with TemporaryDirectory(prefix="posture-since-") as scratch:
        streams = Streams(People(after.tenant.id), Path(scratch))
        for number, row in enumerate(after.facts["directory_audits"].value, 1):
            found = GRAPH_AUDIT.read(row) if isinstance(row, Mapping) else None
            if isinstance(found, Record):
                streams.take(found, "directory_audits", number)
        streams.close()
        events = [
            event
            for event in streams.setting_changes
            if event.succeeded and event.at is not None and before.taken_at <= event.at <= after.taken_at
        ]
    return [_with_actor(change, events) for change in changes]


def _with_actor(change: Changed, events: list[AuditEvent]) -> Changed:
    names = _SOURCES.get(change.fact, frozenset())
    fitting = [e for e in events if a.folded(e.activity) in names and _fits(change, e)]
    if not fitting:
        return change
    last = fitting[-1]
    return replace(change, who=last.actor.label, from_ip=last.ip, when=last.at, record=last.id)


def _fits(change: Changed, event: AuditEvent) -> bool:
    """Whether a record is about the object that changed, where there are many of its kind."""
    if change.fact in _ONE_OF_MANY:
        key = change.object_id.casefold()
        ids = {t.id.casefold() for t in event.targets} | {t.display_name.casefold() for t in event.targets}
        return key in ids or partner(event).casefold() == key
    if a.folded(event.activity) in a.names(a.POLICIES, a.FEATURE):
        return bool(setting_changes_of(event))
    return True
