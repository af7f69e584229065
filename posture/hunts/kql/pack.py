"""Write the pack: hunting queries, Sentinel rules and hunting queries, Sigma rules, and a page that explains them."""

import uuid
from collections.abc import Iterable
from pathlib import Path

from posture.errors import SettingsError
from posture.hunts.kql import sentinel, sigma
from posture.hunts.kql.catalogue import Packed, packed, tables_in
from posture.hunts.kql.queries import LOOKBACK, query
from posture.hunts.people import People
from posture.settings import Thresholds
from posture.snapshot.folder import private_dir, write_private

QUERY_LIMIT = 10_000
"""Characters a Sentinel rule's query may have, by common report; the pack says which are longer."""
EXTERNAL_LIMIT = 200
"""Ids of external members written into queries; more would not fit."""


def write_pack(
    out_dir: Path,
    tenant_id: str,
    domains: Iterable[str],
    *,
    thresholds: Thresholds | None = None,
    external_member_ids: Iterable[str] | None = (),
    lookback_days: int = LOOKBACK,
) -> tuple[Path, ...]:
    """Write the pack for one tenant and return the files in order.

    `domains` are the tenant's verified domains, `external_member_ids` members
    who came from outside, whom no log calls guest; None where they were not
    read, which the page then says. Raises SettingsError where
    the tenant id is no GUID or no domain is given: queries without them would
    take everybody for a guest. Raises OutputError where a file cannot be written.
    """
    settings = thresholds or Thresholds()
    people = _people(tenant_id, domains, settings)
    external = tuple(sorted(set(external_member_ids or ())))
    kept = external[:EXTERNAL_LIMIT]
    private_dir(out_dir)
    files: dict[str, str] = {}
    long: list[str] = []
    for item in packed():
        text = query(item.name, people, settings, lookback_days=lookback_days, external_ids=kept)
        files[f"hunting/{item.name}.kql"] = _headed(item, text)
        files[f"sentinel/hunting/{item.name}.yaml"] = sentinel.hunting_query(item, text)
        if item.alert:
            days = min(lookback_days, sentinel.RULE_DAYS)
            short = query(item.name, people, settings, lookback_days=days, external_ids=kept)
            files[f"sentinel/rules/{item.name}.yaml"] = sentinel.scheduled_rule(item, short)
        if sigma.expressible(item.name):
            files[f"sigma/azure_guest_{item.name.replace('-', '_')}.yml"] = sigma.rule(item)
        if len(text) > QUERY_LIMIT:
            long.append(item.name)
    unread = external_member_ids is None
    files["README.md"] = _page(people, lookback_days, long, len(external) - len(kept), unread=unread)
    written = []
    for name in sorted(files):
        path = out_dir / name
        write_private(path, files[name].encode("utf-8"))
        written.append(path)
    return tuple(written)


def _people(tenant_id: str, domains: Iterable[str], thresholds: Thresholds) -> People:
    try:
        tenant = str(uuid.UUID(tenant_id))
    except (ValueError, AttributeError):
        raise SettingsError(f"the tenant id {tenant_id!r} is not a GUID, so no query can tell a guest") from None
    own = frozenset(d.strip() for d in domains if d.strip())
    if not own:
        raise SettingsError("no verified domain is known, so no query can tell an inviter from outside")
    return People(tenant, own_tenants=frozenset(thresholds.own_tenant_ids), domains=own)


def _headed(item: Packed, text: str) -> str:
    techniques = ", ".join(item.attack)
    return f"// {item.code}: {item.title}\n// ATT&CK {techniques}\n{text}"


def _page(people: People, lookback_days: int, long: list[str], left_out: int, *, unread: bool) -> str:
    lines = [
        "# Hunting pack",
        "",
        f"For tenant `{people.tenant}` with {len(people.domains)} verified domains; look-back {lookback_days} days. "
        "Written by posture: run it again when domains or partners change.",
        "",
        "- `hunting/`: queries for Log Analytics and Sentinel, one a hunt.",
        "- `sentinel/rules/`: scheduled analytics rules. They look back "
        f"{min(lookback_days, sentinel.RULE_DAYS)} days and report what is new in {sentinel.FRESH}.",
        "- `sentinel/hunting/`: the same queries as hunting queries.",
        "- `sigma/`: what of them Sigma can say; it knows no joins, no before and after and no list of guests.",
        "",
        "Every query stands on its own. It needs the tables named; where sign-in tables are missing, the audit "
        "queries still run.",
        "",
        "| code | query | severity | ATT&CK | tables | rule | Sigma |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for item in packed():
        tables = ", ".join(tables_in(query(item.name, people, Thresholds())))
        rule, in_part = "yes" if item.alert else "-", "in part" if sigma.expressible(item.name) else "-"
        lines.append(
            f"| {item.code} | [{item.title}](hunting/{item.name}.kql) | {item.severity.value} "
            f"| {', '.join(item.attack)} | {tables} | {rule} | {in_part} |"
        )
    if long:
        lines += ["", f"Longer than {QUERY_LIMIT:,} characters, which a rule may refuse: {', '.join(long)}."]
    if left_out:
        lines += ["", f"{left_out:,} further external members are not named in the queries: they would not fit."]
    if unread:
        lines += ["", "Members who came from outside could not be read: the queries take them for members."]
    return "\n".join(lines) + "\n"
