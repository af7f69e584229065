"""Sentinel's YAML: scheduled rules and hunting queries, in the format of its public repository.

Source: https://github.com/Azure/Azure-Sentinel/wiki/Query-Style-Guide
"""

import uuid

from posture.hunts.kql.catalogue import Packed, connectors
from posture.hunts.kql.text import block, scalar
from posture.settings import Severity

_IDS = uuid.UUID("7d8c5b0e-6a52-5c39-9d6b-3f0b2a9c41e7")
VERSION = "1.0.0"
RULE_DAYS = 14
"""The longest a scheduled rule may look back.

Source: https://learn.microsoft.com/azure/sentinel/sentinel-service-limits
"""
FRESH = "27h"
"""Rows a daily rule reports: a day, and the hours by which logs come late; twice is better than never."""
_SEVERITY = {
    Severity.CRITICAL: "High",
    Severity.HIGH: "High",
    Severity.MEDIUM: "Medium",
    Severity.LOW: "Low",
    Severity.INFO: "Informational",
}


def hunting_query(item: Packed, query: str) -> str:
    """Return a hunting query as YAML."""
    return "\n".join((*_head(item, query, "hunting"), *_tail(item, query))) + "\n"


def scheduled_rule(item: Packed, query: str) -> str:
    """Return a scheduled analytics rule as YAML: daily, on what is new."""
    only = f"| where {item.only}\n" if item.only else ""
    fresh = f"{query.rstrip()}\n{only}| where TimeGenerated > ago({FRESH})\n"
    lines = [
        *_head(item, query, "rule", severity=True),
        "queryFrequency: 1d",
        f"queryPeriod: {RULE_DAYS}d",
        "triggerOperator: gt",
        "triggerThreshold: 0",
        *_tail(item, fresh),
        "kind: Scheduled",
    ]
    return "\n".join(lines) + "\n"


def _head(item: Packed, query: str, what: str, *, severity: bool = False) -> list[str]:
    lines = [
        f"id: {uuid.uuid5(_IDS, f'{what}/{item.code}')}",
        f"name: {scalar(item.title)}",
        f"description: {scalar(item.description)}",
    ]
    if severity:
        lines += [f"severity: {_SEVERITY[item.severity]}", "status: Available"]
    lines.append("requiredDataConnectors:")
    for connector, tables in connectors(query).items():
        lines += [f"  - connectorId: {connector}", "    dataTypes:", *(f"      - {t}" for t in tables)]
    return lines


def _tail(item: Packed, query: str) -> list[str]:
    return [
        "tactics:",
        *(f"  - {t}" for t in item.tactics),
        "relevantTechniques:",
        *(f"  - {t}" for t in item.attack),
        "tags:",
        f"  - {item.code}",
        "query: |",
        block(query, 2),
        *_entities(item),
        f"version: {VERSION}",
    ]


def _entities(item: Packed) -> list[str]:
    mappings: list[tuple[str, list[tuple[str, str]]]] = []
    account = [("FullName", item.who)] if item.who else []
    account += [("AadUserId", item.who_id)] if item.who_id else []
    if account:
        mappings.append(("Account", account))
    if item.guest_id:
        mappings.append(("Account", [("AadUserId", item.guest_id)]))
    if item.ip:
        mappings.append(("IP", [("Address", item.ip)]))
    if not mappings:
        return []
    lines = ["entityMappings:"]
    for kind, fields in mappings:
        lines += [f"  - entityType: {kind}", "    fieldMappings:"]
        for identifier, column in fields:
            lines += [f"      - identifier: {identifier}", f"        columnName: {column}"]
    return lines
