"""How other people's frameworks are covered: each of their items with the controls and hunts that look at it.

Item numbers and versions are theirs, the words beside them ours. A decorator
writes an item as its number and a note in brackets, e.g. "5.1.6.3 L2 (v7.0.0)"
or "AC-2 (own)"; this page tells both apart again.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from posture.controls.framework_items import ATRM, ISO, MCSB, NIST
from posture.controls.registry import Control, catalogue


@dataclass(frozen=True, slots=True)
class Framework:
    """Somebody's list. `items` are those about guests, in words; empty where nobody states which they are.

    `measured` says what coverage is measured against. `number` finds an item's
    number at the start of a mapping; `version` must be in its note for the
    mapping to count ("" for any).
    """

    key: str
    title: str
    measured: str
    number: str
    items: Mapping[str, str] = field(default_factory=dict)
    version: str = ""


_CIS = {
    "3.1.1": "audit log search is on",
    "5.1.2.2": "users cannot register applications",
    "5.1.2.3": "users cannot create tenants",
    "5.1.2.4": "the admin center is closed to non-administrators",
    "5.1.3.1": "users cannot create security groups",
    "5.1.5.1": "users cannot consent to applications",
    "5.1.5.2": "administrators are asked for consent",
    "5.1.6.1": "invitations go to approved domains only",
    "5.1.6.2": "guests may read little",
    "5.1.6.3": "only chosen roles invite",
    "5.2.2.2": "everybody passes MFA",
    "5.2.2.3": "legacy authentication is blocked",
    "5.2.2.13": "sessions end",
    "5.2.3.4": "everybody can pass MFA (members only)",
    "5.2.3.7": "email one-time passcode is off",
    "5.3.1": "Privileged Identity Management manages roles",
    "5.3.2": "guests are reviewed",
    "7.2.2": "SharePoint uses Entra B2B",
    "7.2.3": "SharePoint shares with people who sign in",
    "7.2.4": "OneDrive shares with people who sign in",
    "7.2.5": "guests cannot reshare",
    "7.2.6": "sharing is limited to domains",
    "7.2.9": "guest access to sites ends",
    "7.2.10": "people with a code prove their address again",
    "9.1.1": "Fabric: guests cannot get in",
    "9.1.2": "Fabric: guests cannot be invited",
    "9.1.3": "Fabric: guests cannot browse content",
}
_SCUBA = {
    "MS.AAD.1.1v1": "legacy authentication is blocked",
    "MS.AAD.3.1v1": "phishing-resistant MFA for everybody",
    "MS.AAD.3.2v2": "MFA for everybody",
    "MS.AAD.3.3v2": "Authenticator shows where a sign-in comes from",
    "MS.AAD.3.4v1": "authentication methods are managed in one place",
    "MS.AAD.3.5v2": "SMS, voice and email passcode are off",
    "MS.AAD.3.6v1": "phishing-resistant MFA for highly privileged roles",
    "MS.AAD.3.7v1": "managed devices to sign in",
    "MS.AAD.3.8v1": "managed devices to register MFA",
    "MS.AAD.3.9v1": "device code sign-in is blocked",
    "MS.AAD.4.1v1": "security logs are sent to a central place",
    "MS.AAD.5.1v1": "only administrators register applications",
    "MS.AAD.5.2v1": "only administrators consent to applications",
    "MS.AAD.5.3v1": "administrators are asked for consent",
    "MS.AAD.7.1v1": "two to eight Global Administrators",
    "MS.AAD.7.2v1": "finer roles than Global Administrator",
    "MS.AAD.7.3v1": "privileged people have cloud-only accounts",
    "MS.AAD.7.4v1": "no permanent active highly privileged role",
    "MS.AAD.7.5v1": "highly privileged roles are given through a privileged access system",
    "MS.AAD.7.6v1": "activating Global Administrator is approved",
    "MS.AAD.7.7v1": "giving a highly privileged role raises an alert",
    "MS.AAD.7.8v1": "activating Global Administrator raises an alert",
    "MS.AAD.7.9v1": "activating other privileged roles raises an alert",
    "MS.AAD.8.1v1": "guests may read little",
    "MS.AAD.8.2v1": "only chosen roles invite",
    "MS.AAD.8.3v1": "invitations go to approved domains only",
    "MS.SHAREPOINT.1.1v1": "SharePoint shares with existing guests at most",
    "MS.SHAREPOINT.1.2v1": "OneDrive shares with existing guests at most",
    "MS.SHAREPOINT.1.3v1": "sharing is limited to domains or groups",
    "MS.SHAREPOINT.3.3v2": "people with a code prove their address again",
}
_ATTACK = {
    "T1059.009": "Cloud API",
    "T1069.003": "Permission Groups Discovery: Cloud Groups",
    "T1078.001": "Valid Accounts: Default Accounts",
    "T1078.004": "Valid Accounts: Cloud Accounts",
    "T1087.003": "Account Discovery: Email Account",
    "T1087.004": "Account Discovery: Cloud Account",
    "T1098": "Account Manipulation",
    "T1098.001": "Additional Cloud Credentials",
    "T1098.003": "Additional Cloud Roles",
    "T1098.005": "Device Registration",
    "T1110": "Brute Force",
    "T1110.003": "Password Spraying",
    "T1110.004": "Credential Stuffing",
    "T1136.003": "Create Account: Cloud Account",
    "T1199": "Trusted Relationship",
    "T1213": "Data from Information Repositories",
    "T1213.002": "SharePoint",
    "T1484.002": "Trust Modification",
    "T1526": "Cloud Service Discovery",
    "T1528": "Steal Application Access Token",
    "T1530": "Data from Cloud Storage",
    "T1537": "Transfer Data to Cloud Account",
    "T1538": "Cloud Service Dashboard",
    "T1539": "Steal Web Session Cookie",
    "T1550.001": "Application Access Token",
    "T1562.008": "Disable or Modify Cloud Logs",
    "T1580": "Cloud Infrastructure Discovery",
    "T1621": "Multi-Factor Authentication Request Generation",
    "T1651": "Cloud Administration Command",
}
_OWN_LIST = "the items this catalogue maps; {0} states no list of items about guests, so its other items are not shown"

FRAMEWORKS: Mapping[str, Framework] = {
    f.key: f
    for f in (
        Framework(
            "cis_m365",
            "CIS Microsoft 365 Foundations Benchmark",
            "the items of v7.0.0 about guests, sharing and the settings guests inherit, as this catalogue lists them; "
            "sections 8.2 and 8.5 (external access without an account) are left out",
            r"\d+(?:\.\d+)+",
            _CIS,
            r"v7\b|v7\.0\.0",
        ),
        Framework(
            "cis_azure",
            "CIS Microsoft Azure Foundations Benchmark",
            _OWN_LIST.format("CIS"),
            r"\d+(?:\.\d+)+",
        ),
        Framework(
            "scuba",
            "CISA SCuBA secure configuration baselines",
            "MS.AAD 1.1, 3.x, 4.1, 5.1 to 5.3, 7.x and 8.x, MS.SHAREPOINT 1.x and 3.3, in their numbering of 2026",
            r"MS\.[A-Z]+\.\d+\.\d+v\d+",
            _SCUBA,
        ),
        Framework(
            "mcsb",
            "Microsoft cloud security benchmark v1",
            "its families IM, PA and LT (identity, privileged access, logs), and what this catalogue maps besides",
            r"[A-Z]{2}-\d+",
            MCSB,
        ),
        Framework(
            "nist_800_53r5",
            "NIST SP 800-53 Rev. 5",
            "the base controls of its families AC, IA and AU (access, identification, audit), and what this catalogue "
            "maps besides",
            r"[A-Z]{2}-\d+(?:\(\d+\))?[a-z]?",
            NIST,
        ),
        Framework(
            "iso_27001_2022",
            "ISO/IEC 27001:2022 Annex A",
            "A.5.14 to A.5.23 (access, suppliers, cloud), A.8.2 to A.8.5 (access) and A.8.15 to A.8.18 (logs), and "
            "what this catalogue maps besides",
            r"A\.\d+\.\d+",
            ISO,
        ),
        Framework("attack", "MITRE ATT&CK", _OWN_LIST.format("MITRE"), r"T\d{4}(?:\.\d{3})?"),
        Framework(
            "atrm",
            "Azure Threat Research Matrix",
            "all its techniques, most of them about Azure resources, and the sub-techniques this catalogue maps",
            r"AZT\d+(?:\.\d+)?",
            ATRM,
        ),
        Framework("maester", "Maester tests", _OWN_LIST.format("Maester"), r"[A-Za-z0-9.-]+"),
        Framework("prowler", "Prowler checks", _OWN_LIST.format("Prowler"), r"[a-z0-9_]+"),
        Framework("zta", "Microsoft Zero Trust Assessment", _OWN_LIST.format("it"), r"\d{5}"),
        Framework(
            "other", "Other rules and standards", "the items this catalogue maps, from many lists", r".+?(?= \(|$)"
        ),
    )
}
"""Every framework a control may name, under the key it is named by."""

_HUNTS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "GUEST-HUN-001": {
        "scuba": ("MS.AAD.8.2v1 (intent)",),
        "mcsb": ("LT-2",),
        "nist_800_53r5": ("AU-6", "AC-2 (own)"),
        "atrm": ("AZT502.3",),
        "other": ("Sentinel GuestUsersInvitedtoTenantbyNewInviters", "Sigma azure_guest_invite_failure"),
    },
    "GUEST-HUN-002": {
        "mcsb": ("LT-2",),
        "nist_800_53r5": ("AU-6 (own)", "SI-4 (own)"),
        "atrm": ("AZT104", "AZT105", "AZT106", "AZT201.1"),
        "maester": ("MT.1186 (intent: the preventive twin)",),
        "zta": ("21844 (intent: the preventive twin)",),
    },
    "GUEST-HUN-003": {
        "mcsb": ("LT-2",),
        "nist_800_53r5": ("AU-6 (own)",),
        "atrm": ("AZT107", "AZT201.1"),
        "prowler": ("entra_admin_portals_access_restriction (intent: the preventive twin)",),
    },
    "GUEST-HUN-004": {
        "mcsb": ("LT-2", "LT-3"),
        "nist_800_53r5": ("AU-6 (own)", "CM-5 (own)"),
        "atrm": ("AZT507.4 (own)",),
        "other": ("Splunk O365 External Identity Policy Changed", "Splunk O365 Cross-Tenant Access Change"),
    },
    "GUEST-HUN-005": {
        "mcsb": ("LT-2",),
        "nist_800_53r5": ("AU-6 (own)", "SI-4 (own)"),
        "atrm": ("AZT502.3",),
    },
    "GUEST-HUN-006": {
        "scuba": ("MS.AAD.7.7v1 (SHALL)", "MS.AAD.7.8v1 (SHALL)", "MS.AAD.7.9v1 (SHOULD)"),
        "mcsb": ("LT-1", "LT-2"),
        "nist_800_53r5": ("AU-6 (own)", "SI-4 (own)"),
        "iso_27001_2022": ("A.8.15 (own)", "A.8.2 (own)"),
        "atrm": ("AZT401", "AZT405.3", "AZT502.3"),
    },
    "GUEST-HUN-007": {
        "mcsb": ("LT-2",),
        "nist_800_53r5": ("AU-6 (own)", "AC-2 (own)"),
        "other": ("Sigma azure_guest_to_member", "Sentinel UserStatechangedfromGuesttoMember"),
    },
    "GUEST-HUN-008": {
        "mcsb": ("LT-2",),
        "nist_800_53r5": ("AU-6 (own)",),
        "atrm": ("AZT502.3",),
    },
}
"""What the catalogue's hunts map to, ATT&CK apart, which they name themselves. All of them answer ISO A.8.15."""
_HUNT_ISO = ("A.8.15 (own)",)

_LOOSE = re.compile(
    r"\b(intent|context|guidance|partly|in part|not in|listed only|out of scope|members only)\b", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Mapped:
    """One mapping of a control: an item's number, the note beside it, and whether it only touches the item."""

    number: str
    note: str
    loose: bool


def mapped(framework: Framework, text: str) -> Mapped:
    """Take a mapping apart. A text without a number of that framework is its own number."""
    found = re.match(framework.number, text)
    number = found.group() if found else text
    note = text[len(number) :].strip()
    return Mapped(number, note, bool(_LOOSE.search(note if found else text)))


def frameworks() -> tuple[str, ...]:
    """Return the keys of all frameworks."""
    return tuple(FRAMEWORKS)


def known(name: str) -> Framework | None:
    """Return a framework by its key or what only its key begins with, - for _, in any letter case; else None."""
    key = name.strip().casefold().replace("-", "_")
    found = [k for k in FRAMEWORKS if k == key] or [k for k in FRAMEWORKS if key and k.startswith(key)]
    return FRAMEWORKS[found[0]] if len(found) == 1 else None


_STATES = {
    "tested": "a control tests it, as far as guests and outsiders go",
    "attested": "a person attests it",
    "hunted": "a hunt looks for it in the logs",
    "touched": "in part or in intent only",
    "uncovered": "nothing here looks at it",
}
_BEST_FIRST = tuple(_STATES)


def coverage(name: str, hunts: Iterable[Any] = ()) -> dict[str, Any]:
    """Return how a framework is covered, as JSON.

    `items` holds each item with its words, its state (tested, attested, hunted,
    touched, uncovered) and the codes that name it. Raises KeyError for an
    unknown framework.
    """
    framework = known(name)
    if framework is None:
        raise KeyError(name)
    found: dict[str, list[tuple[str, str]]] = {number: [] for number in framework.items}
    for entry in (*catalogue(), *hunts):
        for text in _texts(entry, framework):
            one = mapped(framework, text)
            if framework.version and not re.search(framework.version, one.note):
                continue
            found.setdefault(one.number, []).append((entry.code, _state(entry, one)))
    for number, by in found.items():
        if not by:
            by += [(code, "touched") for part, codes in found.items() if _part_of(part, number) for code, _ in codes]
    items = [
        {
            "item": number,
            "about": {**framework.items, **(_ATTACK if framework.key == "attack" else {})}.get(number, ""),
            "state": min((state for _, state in by), key=_BEST_FIRST.index, default="uncovered"),
            "controls": sorted({code for code, _ in by}),
        }
        for number, by in sorted(found.items(), key=lambda item: _natural(item[0]))
    ]
    return {
        "framework": framework.key,
        "title": framework.title,
        "measured_against": framework.measured,
        "states": dict(_STATES),
        "counts": {state: sum(i["state"] == state for i in items) for state in _STATES},
        "items": items,
    }


def _part_of(part: str, number: str) -> bool:
    """Whether an item is a part of another: AZT502.3 of AZT502, AC-2(1) of AC-2."""
    return part.startswith((f"{number}.", f"{number}("))


def _texts(entry: Any, framework: Framework) -> Iterable[str]:
    """Return the mappings to one framework."""
    return mappings(entry).get(framework.key, ())


def mappings(entry: Any) -> Mapping[str, tuple[str, ...]]:
    """Return what a control or hunt maps to, by framework."""
    if isinstance(entry, Control):
        return entry.frameworks
    ours = {"iso_27001_2022": _HUNT_ISO} if entry.code in _HUNTS else {}
    return {**ours, **_HUNTS.get(entry.code, {}), "attack": tuple(entry.attack)}


def _state(entry: Any, one: Mapped) -> str:
    if one.loose:
        return "touched"
    if not isinstance(entry, Control):
        return "hunted"
    return "attested" if entry.kind == "manual" else "tested"


def _natural(number: str) -> tuple[tuple[int, int, str], ...]:
    """Sort 7.2.10 after 7.2.9."""
    return tuple((1, int(p), "") if p.isdigit() else (0, 0, p) for p in re.findall(r"\d+|\D+", number))


def coverage_lines(found: Mapping[str, Any]) -> list[str]:
    """Return coverage as lines for a terminal."""
    counts = [f"{n} {state} ({found['states'][state]})" for state, n in found["counts"].items() if n]
    lines = [found["title"], f"Measured against {found['measured_against']}.", f"{'; '.join(counts)}.", ""]
    width = max((len(i["item"]) for i in found["items"]), default=0)
    for item in found["items"]:
        codes = " ".join(item["controls"]) or "-"
        about = f"  {item['about']}" if item["about"] else ""
        lines.append(f"{item['item']:<{width}}  {item['state']:<9}  {codes}{about}")
    return lines
