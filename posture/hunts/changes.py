"""Hunts over changed settings, and over acts that should not be an outsider's."""

from collections.abc import Iterator

from posture.assess.types import Lead
from posture.hunts import activities as a
from posture.hunts.directions import (
    Direction,
    SettingChange,
    combined,
    compared,
    decoded,
    domains_compared,
    logged_domains,
    policies_compared,
    shown,
)
from posture.hunts.events import AuditEvent, Change, Target
from posture.hunts.leads import Found, audit_row, many
from posture.hunts.people import IdSet
from posture.hunts.registry import NO_LICENCE, Scene, hunt
from posture.hunts.sorting import Sorted
from posture.settings import Severity

_POLICIES = a.names(a.POLICIES)
_FEATURE = a.folded(a.FEATURE)
_CONDITIONAL = a.names(a.CONDITIONAL_ACCESS)
_ADD_PARTNER = a.folded(a.CROSS_TENANT[0])
_NOISE = ("included updated properties", "targetid.", "action client name", "client ip")
_CONTEXT = {
    a.folded("Update security defaults"): "securityDefaults",
    a.folded("Update authentication flows policy"): "selfServiceSignUp",
}
"""What an activity is about, where its property names do not say."""
_RESTRICTED = "restrictinvitations"
MAX_CHANGES = 20
"""Changed values one record shows."""


def setting_changes_of(event: AuditEvent) -> list[SettingChange]:
    """Return what one audit record changed of guest and external settings; empty where it concerns none."""
    name = a.folded(event.activity)
    if name in _POLICIES:
        return _domain_policy(event)
    if name == _FEATURE:
        return _features(event)
    if name in _CONDITIONAL:
        return _conditional(event)
    if name == _ADD_PARTNER:
        return [SettingChange("partner in cross-tenant access", "(none)", partner(event), Direction.LOOSENED)]
    found = [c for target in event.targets for change in target.changes for c in _plain(change, name)]
    if found:
        return found[:MAX_CHANGES]
    what = next((t.display_name or t.id for t in event.targets), "")
    return [SettingChange(event.activity, "(not told)", shown(what), Direction.UNKNOWN)]


def partner(event: AuditEvent) -> str:
    """Return the tenant id a partner record is about; "" where it names none."""
    for target in event.targets:
        for change in target.changes:
            if change.name.casefold() in ("tenantid", "partneridentifier"):
                found = decoded(change.new or change.old)
                if isinstance(found, str):
                    return found
    return next((t.id for t in event.targets), "")


def _domain_policy(event: AuditEvent) -> list[SettingChange]:
    found: list[SettingChange] = []
    for target in event.targets:
        for change in target.changes:
            if not _is_b2b(target, change):
                continue
            (before, old_rest), (after, new_rest) = logged_domains(change.old), logged_domains(change.new)
            domains = domains_compared(before, after)
            if domains is not None and (before is None or after is None):
                # Nothing is hidden: what could not be taken apart is shown raw.
                domains = SettingChange(domains.setting, shown(change.old), shown(change.new), Direction.UNKNOWN)
            found += [domains] if domains is not None else []
            found += compared(old_rest, new_rest)
    return found


def _is_b2b(target: Target, change: Change) -> bool:
    if change.name.casefold() not in ("policydetails", "policydetail", "definition"):
        return False
    named = target.display_name.strip().casefold() == "b2bmanagementpolicy"
    return named or any("b2bmanagementpolicy" in (v or "").casefold() for v in (change.old, change.new))


def _features(event: AuditEvent) -> list[SettingChange]:
    """Compare membership before and after: the record is written for every other directory feature as well."""
    for target in event.targets:
        for change in target.changes:
            if change.name.casefold() != "directoryfeatures":
                continue
            before, after = _enabled(change.old), _enabled(change.new)
            if before is None or after is None:
                return [SettingChange("invitations at all", shown(change.old), shown(change.new), Direction.UNKNOWN)]
            was, now = _RESTRICTED in before, _RESTRICTED in after
            if was != now:
                words = {True: "nobody may invite (RestrictInvitations)", False: "invitations are possible"}
                direction = Direction.TIGHTENED if now else Direction.LOOSENED
                return [SettingChange("invitations at all", words[was], words[now], direction)]
    return []


def _enabled(value: str | None) -> set[str] | None:
    found = decoded(value)
    if found in (None, "", []):
        return set()
    features = found.get("EnabledFeatures") if isinstance(found, dict) else None
    if isinstance(features, str):
        return {features.casefold()}
    return {str(f).casefold() for f in features} if isinstance(features, list) else None


def _conditional(event: AuditEvent) -> list[SettingChange]:
    for target in event.targets:
        for change in target.changes:
            if change.name.casefold() == "conditionalaccesspolicy":
                found = policies_compared(change.old, change.new)
                return [found] if found is not None else []
    return []


def _plain(change: Change, activity: str) -> list[SettingChange]:
    name = change.name.strip()
    if name.casefold().startswith(_NOISE) or (not name and not change.old and not change.new):
        return []
    path = f"{_CONTEXT[activity]}.{name}" if activity in _CONTEXT else name
    return compared(decoded(change.old), decoded(change.new), path)


@hunt(
    "GUEST-HUN-004",
    severity=Severity.HIGH,
    attack=("T1484.002", "T1562.008", "T1098"),
    licence=NO_LICENCE,
    query="guest-settings-changed",
)
def settings_changed(setting_changes: Sorted[AuditEvent], scene: Scene) -> Iterator[Lead]:
    """Guest and external-access settings were changed.

    Seen: a record that changes who may invite, which domains, what guests may
    read, a partner, Conditional Access for guests, security defaults, group
    settings for guests, or a domain, with old and new value decoded and the
    direction where it can be told.

    Why: opening the invitation policy or adding a trusted tenant takes a
    minute and makes every later step look permitted. Who did it and to what
    is half of the incident.

    Harmless if: there is a change ticket; then put the administrator's id in
    approved_change_actors, and only loosening changes of theirs still show.

    Ask next: what was invited or signed in between this change and its
    reversal? Logs alone do not prove that nothing changed: compare two runs
    (posture hunt --since).

    Source: https://learn.microsoft.com/entra/identity/monitoring-health/reference-audit-activities
    https://learn.microsoft.com/entra/external-id/external-collaboration-settings-configure
    https://github.com/tired-labs/techniques/blob/main/reports/trr0021/azr/README.md
    """
    approved = IdSet(scene.thresholds.approved_change_actors)
    partners = {p.casefold() for p in scene.thresholds.approved_partner_tenant_ids}
    loosened, theirs, unclear, tightened, refused = (scene.found() for _ in range(5))
    for event in setting_changes:
        changes = setting_changes_of(event)
        if not changes:
            continue
        if a.folded(event.activity) == _ADD_PARTNER and partner(event).casefold() in partners:
            changes = [SettingChange(c.setting, c.before, c.after, Direction.CHANGED) for c in changes]
        direction = combined([c.direction for c in changes])
        row = audit_row(
            event,
            setting="; ".join(dict.fromkeys(c.setting for c in changes)),
            before="; ".join(c.before for c in changes),
            after="; ".join(c.after for c in changes),
            direction=direction.value,
            why=scene.people.outsider(event.actor),
        )
        known = event.actor.id in approved
        if not event.succeeded:
            refused.add(event.at, row)
        elif direction is Direction.LOOSENED:
            (theirs if known else loosened).add(event.at, row)
        elif direction is Direction.TIGHTENED:
            tightened.add(event.at, row)
        elif not known:
            unclear.add(event.at, row)
    yield from _changed(loosened, theirs, unclear, tightened, refused)


def _changed(loosened: Found, theirs: Found, unclear: Found, tightened: Found, refused: Found) -> Iterator[Lead]:
    settings = "guest or external settings"
    if loosened:
        yield loosened.lead(Severity.HIGH, f"{many(loosened.count, 'change')} loosened {settings}.")
    if theirs:
        yield theirs.lead(Severity.MEDIUM, f"{many(theirs.count, 'change')} by approved people loosened {settings}.")
    if unclear:
        yield unclear.lead(
            Severity.MEDIUM, f"{many(unclear.count, 'change')} of {settings} whose direction a person has to judge."
        )
    if tightened:
        yield tightened.lead(Severity.INFO, f"{many(tightened.count, 'change')} tightened {settings}.")
    if refused:
        yield refused.lead(Severity.LOW, f"{many(refused.count, 'change')} of {settings} failed.")


@hunt(
    "HUNT-OUTSIDER-ADMIN",
    severity=Severity.HIGH,
    attack=("T1098.001", "T1098.003", "T1078.004"),
    licence=NO_LICENCE,
    query="privileged-acts-by-outsiders",
)
def privileged_acts(outside_acts: Sorted[AuditEvent], scene: Scene) -> Iterator[Lead]:
    """A person from outside does a privileged thing.

    Seen: a role or owner given, a policy or setting changed, a credential
    added, a user made, deleted, enabled or reset, by a guest or external
    member.

    Why: whoever can do this already holds power here, and their password is
    in somebody else's hands.

    Harmless if: an outside administrator works for you under contract; then
    put their id in approved_change_actors.

    Ask next: through which role did they do it (GUEST-PRV-001), and from
    where?

    Source: https://github.com/Azure/Azure-Sentinel/tree/master/Hunting%20Queries/MultipleDataSources
    """
    approved = IdSet(scene.thresholds.approved_change_actors)
    found, failed = scene.found(), scene.found()
    for event in outside_acts:
        if event.actor.id in approved:
            continue
        (found if event.succeeded else failed).add(event.at, audit_row(event, why=scene.people.outsider(event.actor)))
    if found:
        yield found.lead(Severity.HIGH, f"{many(found.count, 'privileged act')} by people from outside.")
    if failed:
        yield failed.lead(Severity.LOW, f"{many(failed.count, 'privileged act')} by people from outside that failed.")


@hunt("HUNT-IMPERSONATION", severity=Severity.HIGH, attack=("T1606",), licence=NO_LICENCE, query="impersonated-people")
def impersonated(impersonations: Sorted[AuditEvent], scene: Scene) -> Iterator[Lead]:
    """A person's act bears a service's name.

    Seen: a record whose actor is a user with the display name of a Microsoft
    service. Changes of groups and directory features are left out: services
    write those rightly.

    Why: forged actor tokens left this mark (CVE-2025-55241). The hole is
    closed; what was done through it is not undone.

    Harmless if: the record is a service's own work on behalf of that person,
    from an address of Microsoft's.

    Ask next: did the person do this, and is the address one of Microsoft's?

    Source: https://dirkjanm.io/obtaining-global-admin-in-every-entra-id-tenant-with-actor-tokens/
    """
    found = scene.found()
    for event in impersonations:
        found.add(event.at, audit_row(event, service=event.actor.display_name))
    if found:
        yield found.lead(Severity.HIGH, f"{many(found.count, 'act')} of people under a service's name.")
