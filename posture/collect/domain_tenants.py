"""Which Entra tenant each guest's mail domain belongs to: one small question per domain, 20 a request."""

from collections.abc import AsyncIterator, Iterable, Mapping
from typing import Any

import orjson

from posture.collect.questions import gathered
from posture.collect.registry import gatherer
from posture.collect.source import Source
from posture.graph.links import segment
from posture.snapshot.guests import DOMAINS_ASKED, home_domain
from posture.snapshot.types import Rows


@gatherer(
    "GET /v1.0/tenantRelationships/findTenantInformationByDomainName",
    permission="CrossTenantInformation.ReadBasic.All",
    page="https://learn.microsoft.com/graph/api/tenantrelationship-findtenantinformationbydomainname",
    after=("guests",),
    asks_per="guests",
    cost="one request per 20 mail domains among the guests",
)
async def guest_domain_tenants(graph: Source, guests: Rows) -> Rows:
    """Read the tenant behind each domain guests come from; a domain without one has no row.

    Each row is Graph's answer with the domain asked for as its `id`.
    """
    domains, more = first_domains(guests, DOMAINS_ASKED)
    if more:
        graph.notes.append(f"more than {DOMAINS_ASKED:,} domains; the first in alphabetical order were asked for")
    base = "/tenantRelationships/findTenantInformationByDomainName(domainName='{}')"
    paths = {base.format(segment(d)): d for d in domains}

    async def rows() -> AsyncIterator[tuple[str, bytes]]:
        async for path, answer in gathered(graph, list(paths), may_be_none=True):
            # Joined as text: what Graph sent stays as sent, whatever a tenant is called.
            rest = answer.body.strip()[1:].lstrip()
            yield paths[path], b'{"id":%b%b%b' % (orjson.dumps(paths[path]), b"" if rest == b"}" else b",", rest)

    return await graph.collected(rows(), "/tenantRelationships/findTenantInformationByDomainName")


def first_domains(guests: Iterable[Mapping[str, Any]], most: int) -> tuple[list[str], bool]:
    """Return the first domains of guests in alphabetical order, and whether there are more than `most`.

    Twice as many are held at any time, however many domains a tenant has.
    """
    found: set[str] = set()
    last: str | None = None
    for guest in guests:
        domain = home_domain(guest)
        if domain is None or not domain.isascii() or "'" in domain or (last is not None and domain > last):
            continue
        found.add(domain)
        if len(found) > 2 * most:
            found = set(sorted(found)[:most])
            last = max(found)
    return sorted(found)[:most], last is not None or len(found) > most
