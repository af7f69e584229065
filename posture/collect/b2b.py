"""The domain list for invitations: two places, one fact."""

from posture.collect.registry import gatherer
from posture.collect.source import Source
from posture.errors import AccessDeniedError, BadRequestError, NotFoundError
from posture.snapshot.types import Rows


@gatherer(
    "GET /beta/policies/b2bManagementPolicies",
    permission="Policy.Read.B2BManagementPolicy",
    roles=("Global Administrator",),
    page="https://learn.microsoft.com/graph/api/policyroot-list-b2bmanagementpolicies?view=graph-rest-beta",
)
async def b2b_management_policies(graph: Source) -> Rows:
    """Read which domains may be invited.

    The documented path needs its own permission, and of a person the Global
    Administrator role. Where it is refused or absent, the older path
    `beta/legacy/policies` is asked, which audit tools use with Policy.Read.All
    and no page documents; it lists other policies too, so the reader of the
    fact picks by content.
    """
    try:
        return await graph.all("/policies/b2bManagementPolicies", version="beta")
    except (AccessDeniedError, NotFoundError, BadRequestError) as first:
        graph.notes.append(f"b2bManagementPolicies: {first}; read the older beta/legacy/policies instead")
        try:
            return await graph.all("/legacy/policies", version="beta")
        except (AccessDeniedError, NotFoundError, BadRequestError) as second:
            raise type(first)(
                f"neither place could be read: b2bManagementPolicies: {first}; legacy/policies: {second}",
                status=first.status,
                code=first.code,
                request_id=first.request_id,
                url=first.url,
            ) from second
