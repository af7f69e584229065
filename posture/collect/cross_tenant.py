"""Cross-tenant access: the default, the partners, the organizations joined with."""

from collections.abc import AsyncIterator
from typing import Any

import orjson

from posture.collect.questions import gathered
from posture.collect.registry import gatherer
from posture.collect.source import Source
from posture.errors import AnswerError
from posture.graph.links import segment
from posture.snapshot.types import Rows

_ROLES = ("Global Reader", "Security Reader")
_BASE = "/policies/crossTenantAccessPolicy"


@gatherer(
    f"GET /v1.0{_BASE}",
    permission="Policy.Read.All",
    roles=_ROLES,
    page="https://learn.microsoft.com/graph/api/crosstenantaccesspolicy-get",
)
async def cross_tenant_access_policy(graph: Source) -> dict[str, Any]:
    """Read which other clouds may take part."""
    return await graph.one(_BASE)


@gatherer(
    f"GET /v1.0{_BASE}/default",
    permission="Policy.Read.All",
    roles=_ROLES,
    page="https://learn.microsoft.com/graph/api/crosstenantaccesspolicyconfigurationdefault-get",
)
async def cross_tenant_default(graph: Source) -> dict[str, Any]:
    """Read what applies to every tenant that is no named partner."""
    return await graph.one(f"{_BASE}/default")


@gatherer(
    f"GET /v1.0{_BASE}/partners",
    permission="Policy.Read.All",
    roles=_ROLES,
    page="https://learn.microsoft.com/graph/api/crosstenantaccesspolicy-list-partners",
)
async def cross_tenant_partners(graph: Source) -> Rows:
    """Read the named partners with their identity synchronization."""
    return await graph.all(f"{_BASE}/partners", expand="identitySynchronization", key="tenantId")


@gatherer(
    f"GET /v1.0{_BASE}/partners/{{id}}/identitySynchronization",
    permission="Policy.Read.All",
    roles=("Global Reader", "Security Administrator"),
    page="https://learn.microsoft.com/graph/api/crosstenantidentitysyncpolicypartner-get",
    after=("cross_tenant_partners",),
    asks_per="cross_tenant_partners",
    cost="one request per 20 partners whose synchronization the list of partners leaves out",
)
async def partner_synchronization(graph: Source, cross_tenant_partners: Rows) -> Rows:
    """Read the synchronization of each partner that the list says nothing about.

    Each row is a partner as `$expand` would show it. A partner without
    synchronization has no such object, which Graph answers with 404: it has no
    row. Source: https://learn.microsoft.com/graph/errors
    """
    silent = {
        p["tenantId"]
        for p in cross_tenant_partners
        if isinstance(p.get("tenantId"), str) and "identitySynchronization" not in p
    }
    paths = {f"{_BASE}/partners/{segment(i)}/identitySynchronization": i for i in sorted(silent)}

    async def rows() -> AsyncIterator[tuple[str, bytes]]:
        async for path, answer in gathered(graph, list(paths), may_be_none=True):
            tenant, body = paths[path], answer.body.strip()
            if not body.startswith(b"{"):
                raise AnswerError(
                    "the synchronization of a partner is no JSON object",
                    status=answer.status,
                    request_id=answer.request_id,
                    url=answer.url,
                )
            yield tenant, b'{"tenantId":%b,"identitySynchronization":%b}' % (orjson.dumps(tenant), body)

    return await graph.collected(rows(), f"{_BASE}/partners", label="identitySynchronization")


@gatherer(
    "GET /v1.0/tenantRelationships/multiTenantOrganization",
    permission="MultiTenantOrganization.Read.All",
    page="https://learn.microsoft.com/graph/api/multitenantorganization-get",
    clouds=("global",),
    optional=True,
)
async def multi_tenant_organization(graph: Source) -> dict[str, Any]:
    """Read whether the tenant is part of a multitenant organization; 404 says that it is not."""
    return await graph.one("/tenantRelationships/multiTenantOrganization")


@gatherer(
    "GET /v1.0/tenantRelationships/findTenantInformationByTenantId",
    permission="CrossTenantInformation.ReadBasic.All",
    page="https://learn.microsoft.com/graph/api/tenantrelationship-findtenantinformationbytenantid",
    after=("cross_tenant_partners",),
    asks_per="cross_tenant_partners",
    cost="one request per 20 partners",
)
async def partner_tenants(graph: Source, cross_tenant_partners: Rows) -> Rows:
    """Read the public names of the partner tenants."""
    ids = sorted({str(p["tenantId"]) for p in cross_tenant_partners if isinstance(p.get("tenantId"), str)})
    base = "/tenantRelationships/findTenantInformationByTenantId(tenantId='{}')"
    paths = {base.format(segment(i)): i for i in ids}

    async def rows() -> AsyncIterator[tuple[str, bytes]]:
        async for path, answer in gathered(graph, list(paths)):
            yield paths[path], answer.body

    return await graph.collected(rows(), "/tenantRelationships/findTenantInformationByTenantId")
