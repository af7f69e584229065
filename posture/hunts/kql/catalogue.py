"""Everything the pack holds: the local hunts' queries, and those whose logs exist in Sentinel alone."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache

from posture.hunts.registry import hunts
from posture.settings import Severity

_AAD = "AzureActiveDirectory"
_TABLES: Mapping[str, str] = {
    "AuditLogs": _AAD,
    "SigninLogs": _AAD,
    "AADNonInteractiveUserSignInLogs": _AAD,
    "MicrosoftGraphActivityLogs": _AAD,
    "AADGraphActivityLogs": _AAD,
    "OfficeActivity": "Office365",
    "AzureActivity": "AzureActivity",
    "IdentityInfo": "BehaviorAnalytics",
}
"""Sentinel's connector of each table. Source: https://learn.microsoft.com/azure/sentinel/data-connectors-reference"""

_TACTICS: Mapping[str, tuple[str, ...]] = {
    "T1059": ("Execution",),
    "T1069": ("Discovery",),
    "T1070": ("DefenseEvasion",),
    "T1078": ("InitialAccess", "Persistence"),
    "T1087": ("Discovery",),
    "T1098": ("Persistence", "PrivilegeEscalation"),
    "T1110": ("CredentialAccess",),
    "T1136": ("Persistence",),
    "T1199": ("InitialAccess",),
    "T1484": ("DefenseEvasion", "PrivilegeEscalation"),
    "T1526": ("Discovery",),
    "T1530": ("Collection",),
    "T1538": ("Discovery",),
    "T1562": ("DefenseEvasion",),
    "T1580": ("Discovery",),
    "T1606": ("CredentialAccess",),
    "T1651": ("Execution",),
}
"""Source: https://attack.mitre.org/matrices/enterprise/cloud/"""


@dataclass(frozen=True, slots=True)
class Packed:
    """One query of the pack. `who`, `who_id`, `ip` and `guest_id` name the columns that are entities, "" for none.

    `alert` says whether it makes a scheduled rule: rows that are worth a
    person's morning, not a table to look through. `only` is the condition
    under which such a row is worth it, "" for always.
    """

    name: str
    code: str
    title: str
    description: str
    severity: Severity
    attack: tuple[str, ...]
    alert: bool
    only: str = ""
    who: str = "Who"
    who_id: str = "WhoId"
    ip: str = "IPAddress"
    guest_id: str = ""
    false_positives: str = ""
    references: tuple[str, ...] = field(default_factory=tuple)

    @property
    def tactics(self) -> tuple[str, ...]:
        """ATT&CK's tactics of its techniques, as Sentinel names them."""
        return tuple(sorted({t for technique in self.attack for t in _TACTICS[technique.partition(".")[0]]}))


_QUIET = {"guests-in-portals", "new-applications", "outsiders-without-account", "our-users-elsewhere"}
_GUEST_COLUMN = {
    "guests-without-invitation",
    "unredeemed-invitations",
    "invited-then-power",
    "power-given-to-guests",
    "deleted-after-sign-in",
    "guest-to-member",
    "odd-redemptions",
}
_ONLY: Mapping[str, str] = {
    "guests-inviting-guests": 'Result =~ "success"',
    "guests-in-shells": "ErrorCode == 0 and not(Known)",
    "guest-to-member": "not(Approved)",
    "invited-then-power": "Strong and Quick",
    "odd-redemptions": 'not(Kind in ("reset", "mail not sent or turned off"))',
    "power-given-to-guests": 'Kind != "group"',
    "privileged-acts-by-outsiders": 'Result =~ "success"',
}

_SENTINEL_ONLY = (
    Packed(
        "directory-enumeration",
        "HUNT-ENUMERATION",
        "Guests reading the directory through Microsoft Graph",
        "A guest reads many different directory paths within an hour, is refused often, or touches many kinds of "
        "objects. Reads leave no trace in audit logs; Graph activity logs record them, by diagnostic setting only. "
        "posture's own run looks the same if an external administrator makes it.",
        Severity.HIGH,
        ("T1087.004", "T1069.003", "T1526"),
        True,
        who="",
        false_positives="An application a guest uses that looks people up, such as Teams on the web.",
        references=("https://learn.microsoft.com/graph/microsoft-graph-activity-logs-overview",),
    ),
    Packed(
        "directory-enumeration-legacy",
        "HUNT-ENUMERATION-LEGACY",
        "Guests reading the directory through Azure AD Graph",
        "The same through the predecessor of Microsoft Graph, which the AzureAD PowerShell module speaks.",
        Severity.HIGH,
        ("T1087.004", "T1069.003"),
        True,
        who="",
        false_positives="Old applications that still use the retired interface.",
        references=("https://learn.microsoft.com/azure/azure-monitor/reference/tables/aadgraphactivitylogs",),
    ),
    Packed(
        "guests-with-roles",
        "HUNT-ROLE-HOLDERS",
        "Guests who hold directory roles, by the entity table",
        "Guests and external members with a directory role, as Sentinel's behaviour analytics lists them.",
        Severity.HIGH,
        ("T1098.003",),
        False,
        ip="",
        false_positives="Outside administrators under contract.",
        references=("https://learn.microsoft.com/azure/azure-monitor/reference/tables/identityinfo",),
    ),
    Packed(
        "guest-added-to-many-teams",
        "HUNT-MANY-TEAMS",
        "A guest added to many teams within an hour",
        "One guest was added to three teams or more within an hour.",
        Severity.MEDIUM,
        ("T1530", "T1098"),
        True,
        who="Guest",
        who_id="",
        ip="",
        false_positives="A partner taken on for several projects at once.",
        references=("https://learn.microsoft.com/azure/azure-monitor/reference/tables/officeactivity",),
    ),
    Packed(
        "downloads-after-team",
        "HUNT-DOWNLOADS",
        "Downloads right after a guest was added to a team",
        "A guest downloads files within two hours of being added to a team.",
        Severity.MEDIUM,
        ("T1530",),
        False,
        who="Guest",
        who_id="",
        false_positives="Somebody who was invited to fetch exactly these files.",
        references=("https://learn.microsoft.com/azure/azure-monitor/reference/tables/officeactivity",),
    ),
    Packed(
        "run-command-by-outsider",
        "HUNT-RUN-COMMAND",
        "Run Command on a virtual machine by somebody from outside",
        "A guest used Run Command: who reaches a subscription runs code on its machines without signing in to them.",
        Severity.HIGH,
        ("T1651",),
        True,
        who_id="",
        false_positives="Managed service providers.",
        references=("https://learn.microsoft.com/azure/virtual-machines/run-command-overview",),
    ),
    Packed(
        "guest-portal-map",
        "HUNT-PORTAL-MAP",
        "Guest portal sign-ins by place, for a map",
        "Counts by rounded coordinate for a workbook's map: latitude and longitude, size by SignIns.",
        Severity.INFO,
        ("T1538",),
        False,
        who="",
        who_id="",
        ip="",
        references=("https://learn.microsoft.com/azure/azure-monitor/visualize/workbooks-map-visualizations",),
    ),
)


@cache
def packed() -> tuple[Packed, ...]:
    """Return every query of the pack in the order of its code."""
    local = [
        Packed(
            h.query,
            h.code,
            h.title,
            f"{h.seen} {h.why}",
            h.severity,
            h.attack,
            h.severity.rank >= Severity.MEDIUM.rank and h.query not in _QUIET,
            only=_ONLY.get(h.query, ""),
            guest_id="GuestId" if h.query in _GUEST_COLUMN else "",
            false_positives=h.harmless_if,
            references=h.source,
        )
        for h in hunts()
    ]
    return (*local, *sorted(_SENTINEL_ONLY, key=lambda p: p.code))


def tables_in(text: str) -> tuple[str, ...]:
    """Return the tables a query reads."""
    return tuple(t for t in _TABLES if re.search(rf"\b{t}\b", text))


def connectors(text: str) -> dict[str, list[str]]:
    """Return Sentinel's connectors a query needs with the tables of each."""
    found: dict[str, list[str]] = {}
    for table in tables_in(text):
        found.setdefault(_TABLES[table], []).append(table)
    return found
