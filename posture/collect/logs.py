"""The logs of a window: directory audits and sign-ins."""

from datetime import timedelta

from posture.collect.registry import gatherer
from posture.collect.source import Source
from posture.snapshot.types import Rows

_ROLES = ("Reports Reader", "Security Reader")
_P1 = "Entra ID P1 or P2"


def _since(graph: Source) -> str:
    return (graph.taken_at - timedelta(days=graph.lookback_days)).strftime("%Y-%m-%dT%H:%M:%SZ")


@gatherer(
    "GET /v1.0/auditLogs/directoryAudits",
    permission="AuditLog.Read.All",
    roles=_ROLES,
    page="https://learn.microsoft.com/graph/api/directoryaudit-list",
    cost="one request per 500 records of the window; Graph allows 5 of these in 10 seconds",
)
async def directory_audits(graph: Source) -> Rows:
    """Read what was changed in the directory: 7 days are kept without a licence, 30 with P1 or P2."""
    return await graph.all("/auditLogs/directoryAudits", where=f"activityDateTime ge {_since(graph)}", top=500)


@gatherer(
    "GET /v1.0/auditLogs/signIns",
    permission="AuditLog.Read.All",
    roles=(*_ROLES, "Global Reader"),
    licence=_P1,
    page="https://learn.microsoft.com/graph/api/signin-list",
    cost="one request per 1,000 sign-ins of everybody in the window; Graph allows 5 of these in 10 seconds",
)
async def sign_ins(graph: Source) -> Rows:
    """Read interactive sign-ins; v1.0 does not say who is a guest, so the id decides later."""
    return await graph.all("/auditLogs/signIns", where=f"createdDateTime ge {_since(graph)}", top=1000)


@gatherer(
    "GET /beta/auditLogs/signIns (nonInteractiveUser)",
    permission="AuditLog.Read.All",
    roles=(*_ROLES, "Global Reader"),
    licence=_P1,
    page="https://learn.microsoft.com/graph/api/signin-list?view=graph-rest-beta",
    optional=True,
    cost="one request per 1,000 non-interactive sign-ins of everybody, often many times the interactive ones",
)
async def sign_ins_non_interactive(graph: Source) -> Rows:
    """Read sign-ins by refreshed tokens, which appear in beta only."""
    where = f"createdDateTime ge {_since(graph)} and signInEventTypes/any(t: t eq 'nonInteractiveUser')"
    return await graph.all("/auditLogs/signIns", where=where, top=1000, version="beta", label="nonInteractive")
