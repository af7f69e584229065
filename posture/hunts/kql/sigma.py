"""Sigma rules, for those who hunt elsewhere: only what Sigma can say of one record.

Sigma knows no look-up in a list of keys, no before and after, no joins: "the
name holds #EXT#" is what remains of the guest predicate. The rules say so.

Sources: https://sigmahq.io/docs/basics/rules.html
https://github.com/SigmaHQ/sigma/tree/master/rules/cloud/azure
"""

import uuid
from collections.abc import Mapping

from posture.hunts import activities as a
from posture.hunts.kql.catalogue import Packed
from posture.hunts.kql.text import scalar
from posture.settings import Severity

_IDS = uuid.UUID("c1c4f1f2-5f0e-5d7d-8a57-4d0f6a3d9b62")
DATE = "2026-11-24"
_LEVEL = {
    Severity.CRITICAL: "critical",
    Severity.HIGH: "high",
    Severity.MEDIUM: "medium",
    Severity.LOW: "low",
    Severity.INFO: "informational",
}
_TACTIC = {
    "Collection": "collection",
    "CredentialAccess": "credential-access",
    "DefenseEvasion": "defense-evasion",
    "Discovery": "discovery",
    "Execution": "execution",
    "InitialAccess": "initial-access",
    "Persistence": "persistence",
    "PrivilegeEscalation": "privilege-escalation",
}

Selection = Mapping[str, tuple[str, ...]]
_EXT = {"InitiatedBy|contains": ("#EXT#",)}
_TARGET_EXT = {"TargetResources|contains": ("#EXT#",)}

_RULES: Mapping[str, tuple[str, Selection]] = {
    "guests-inviting-guests": ("auditlogs", {"OperationName": (a.INVITE, a.RESET), **_EXT}),
    "refused-inviters": ("auditlogs", {"OperationName": (a.INVITE,), "Result": ("failure",)}),
    "invitation-bursts": ("auditlogs", {"OperationName|startswith": a.BULK}),
    "guests-in-shells": ("signinlogs", {"AppId": tuple(a.SHELLS), "UserType": ("Guest",)}),
    "guests-in-portals": ("signinlogs", {"AppId": tuple(a.PORTALS), "UserType": ("Guest",)}),
    "refused-by-apps": ("signinlogs", {"UserType": ("Guest",), "ResultType": tuple(map(str, a.BLOCKED))}),
    "cross-tenant-refusals": ("signinlogs", {"ResultType": (str(a.CROSS_TENANT_BLOCKED),)}),
    "outsiders-without-account": (
        "signinlogs",
        {"CrossTenantAccessType": ("b2bDirectConnect", "serviceProvider", "microsoftSupport"), "ResultType": ("0",)},
    ),
    "guest-settings-changed": (
        "auditlogs",
        {"OperationName": (*a.POLICIES, a.FEATURE, *a.CONDITIONAL_ACCESS, *a.SETTINGS, *a.CROSS_TENANT)},
    ),
    "privileged-acts-by-outsiders": (
        "auditlogs",
        {"OperationName": tuple(n for n in a.PRIVILEGED if n.isascii()), **_EXT},
    ),
    "impersonated-people": ("auditlogs", {"InitiatedBy|contains": a.IMPERSONATORS}),
    "power-given-to-guests": ("auditlogs", {"OperationName": (*a.POWER, *a.GROUPS), **_TARGET_EXT}),
    "deleted-after-sign-in": ("auditlogs", {"OperationName": (a.DELETE_GUEST, *a.DELETE_USER), **_TARGET_EXT}),
    "guest-to-member": (
        "auditlogs",
        {"OperationName": (a.UPDATE_USER,), "TargetResources|contains|all": ("UserType", "Guest", "Member")},
    ),
    "member-turned-external": ("auditlogs", {"OperationName": (a.INTERNAL,)}),
    "odd-redemptions": ("auditlogs", {"OperationName": (a.RESET, *a.MAIL[:2])}),
}
"""What of each hunt one record tells; the others need a memory that Sigma has not."""


def expressible(name: str) -> bool:
    """Whether Sigma can say something of a query."""
    return name in _RULES


def rule(item: Packed) -> str:
    """Return a Sigma rule as YAML. Raises KeyError for a query Sigma cannot express."""
    service, selection = _RULES[item.name]
    lines = [
        f"title: {scalar(item.title[:250])}",
        f"id: {uuid.uuid5(_IDS, item.code)}",
        "status: experimental",
        f"description: {scalar(item.description + ' One record only: who is a guest is told by name or type alone.')}",
        "references:",
        *(f"    - {scalar(r)}" for r in item.references),
        "author: posture",
        f"date: {DATE}",
        "tags:",
        *(f"    - attack.{_TACTIC[t]}" for t in item.tactics),
        *(f"    - attack.{t.lower()}" for t in item.attack),
        "logsource:",
        "    product: azure",
        f"    service: {service}",
        "detection:",
        "    selection:",
    ]
    for name, values in selection.items():
        if len(values) == 1:
            lines.append(f"        {name}: {_value(values[0])}")
        else:
            lines += [f"        {name}:", *(f"            - {_value(v)}" for v in values)]
    lines += [
        "    condition: selection",
        "falsepositives:",
        f"    - {scalar(item.false_positives or 'Planned work')}",
        f"level: {_LEVEL[item.severity]}",
    ]
    return "\n".join(lines) + "\n"


def _value(value: str) -> str:
    """Return a value to compare with; result codes are numbers in Sigma's world."""
    return value if value.isdigit() else scalar(value)
