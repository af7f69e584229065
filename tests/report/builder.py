"""Runs to render: a tenant with everything a report can show, and one in which every name is hostile."""

import json
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path
from typing import Any

from posture.assess.evaluate import evaluate
from posture.assess.types import Lead
from posture.report.brand import Brand
from posture.report.view import Change, Changes, Options, RunView
from posture.settings import AcceptedRisk, Attestation, Settings, Severity
from posture.snapshot.types import Gap, GapReason, Snapshot, Tenant
from tests import facts as f

CORPUS = Path(__file__).with_name("hostile-strings.json")
SPONSOR = f.object_id(900)
TODAY = f.TAKEN_AT.date()
INVITER_ROLE = "95e79109-95c0-4d8e-aee3-d01accf2d47b"


@cache
def hostile() -> tuple[dict[str, Any], ...]:
    """Return the corpus: 190 strings a guest could choose, each with what must hold."""
    return tuple(json.loads(CORPUS.read_text(encoding="ascii"))["strings"])


def hostile_values(*targets: str) -> list[str]:
    """Return the corpus' strings, or those for some formats."""
    return [s["value"] for s in hostile() if not targets or set(targets) & set(s["targets"])]


def run(folder: Path, *, settings: Settings | None = None, options: Options | None = None, **changes: Any) -> RunView:
    """Return a run of a tenant with all outcomes, gaps, leads, accepted risks and changes."""
    return view(folder, snapshot(**changes), settings or rich_settings(), options or Options())


def view(folder: Path, snap: Snapshot, settings: Settings, options: Options, leads: tuple[Lead, ...] = ()) -> RunView:
    """Return a snapshot as the formats see it."""
    assessment = evaluate(snap, settings, affected=folder / "affected", hunts=False)
    return RunView(
        replace(assessment, leads=leads or (lead(),)),
        snap,
        folder,
        changes=Changes(
            datetime(2026, 8, 20, tzinfo=UTC),
            (
                Change("opened", "two guests hold roles now", "GUEST-PRV-001", Severity.HIGH),
                Change("setting", "allowInvitesFrom was everyone"),
            ),
            {"guests added": 3, "guests removed": 1},
        ),
        impacts={"GUEST-INV-001": ("2 people invited 7 guests in the last 30 days.",)},
        brand=Brand(name="Example Advisers", confidentiality="Confidential", cover="Prepared for the board."),
        options=options,
    )


def rich_settings() -> Settings:
    return Settings(
        accepted=(
            AcceptedRisk("GUEST-INV-001", "portal comes", "ana@contoso.example", date(2026, 11, 1), date(2026, 12, 31)),
            AcceptedRisk("GUEST-INV-006", "long ended", "ana@contoso.example", date(2025, 1, 1), date(2025, 2, 1)),
        ),
        attestations=(
            Attestation("GUEST-PRV-006", "pass", "ana@contoso.example", date(2026, 11, 1), date(2027, 11, 1)),
        ),
    )  # fmt: skip


def lead(words: str = "3 guests signed in with a shell", rows: Iterable[dict[str, Any]] | None = None) -> Lead:
    return Lead(
        hunt="GUEST-HUN-002",
        severity=Severity.MEDIUM,
        summary=words,
        count=3,
        rows=tuple(rows or [{"when": "2026-11-20T08:00:00Z", "who": "Guest 1", "ids": ["a"]}]),
        why="a shell reads the directory in a minute",
        harmless_if="the guest is a contractor who writes scripts",
        next_question="ask the sponsor what the guest was hired for",
        attack=("T1059.009",),
        kql="SigninLogs\n| where UserType == 'Guest'",
    )


def people() -> list[dict[str, Any]]:
    """Return thirty guests: old and new, pending and accepted, from companies and consumer mail."""
    found = [f.guest(n, createdDateTime=f.ago(30 * n)) for n in range(1, 16)]
    found += [
        f.pending(n, days=days) for n, days in zip(range(16, 24), (3, 20, 40, 80, 120, 200, 400, 900), strict=True)
    ]
    found += [f.guest(n, mail=f"person{n}@gmail.com", externalUserState=None) for n in range(24, 31)]
    return found


def snapshot(**changes: Any) -> Snapshot:
    asked = changes.pop("guests", None)
    guests = asked if isinstance(asked, list) and asked else people()
    given: dict[str, Any] = {
        "guests": guests if asked is None else asked,
        "guest_sign_in_activity": [
            {"id": g["id"], "signInActivity": {"lastSuccessfulSignInDateTime": f.ago(40 * n)}}
            if n <= 12
            else {"id": g["id"]}
            for n, g in enumerate(guests, 1)
        ],
        "guest_sponsors": [
            {
                "id": g["id"],
                "sponsors": [{"@odata.type": "#microsoft.graph.user", "id": SPONSOR, "displayName": "Ana Novak"}],
            }
            for g in guests[:8]
        ],
        "guest_memberships": [
            {"id": g["id"], "transitiveMemberOf": [{"@odata.type": "#microsoft.graph.group", "id": f.object_id(1, 1)}]}
            for g in guests
        ],
        "role_definitions": [f.role_definition(), f.role_definition(INVITER_ROLE, "Guest Inviter")],
        "role_assignments": [f.role_row(guests[0], INVITER_ROLE), f.role_row(f.member(800))],
        "authorization_policy": f.authorization_policy(allowInvitesFrom="everyone", guestUserRoleId=f.LIMITED_LEVEL),
        "b2b_management_policies": [],
        "cross_tenant_default": f.cross_tenant_default(),
        "cross_tenant_partners": [f.partner(1)],
        "authentication_flows_policy": f.authentication_flows_policy(enabled=True),
        "security_defaults": f.security_defaults(),
        "sharepoint_settings": Gap(
            "sharepoint_settings", GapReason.PERMISSION, "403 Forbidden", permission="SharePointTenantSettings.Read.All"
        ),
        "conditional_access_policies": Gap(
            "conditional_access_policies", GapReason.LICENCE, "the tenant has no Entra ID P1", licence="Entra ID P1"
        ),
    }
    given.update(changes)
    return f.snapshot(**given)


def hostile_run(folder: Path, options: Options | None = None) -> RunView:
    """Return a run in which every field that a guest, a partner or an administrator fills holds the whole corpus."""
    raw = hostile_values()
    # Evidence holds no lone surrogate: reading it replaces them. Everything beside the facts keeps them here.
    values = [v.encode("utf-16", "surrogatepass").decode("utf-16", "replace") for v in raw]
    guests = []
    for n, value in enumerate(values, 1):
        guests.append(
            f.guest(
                n,
                displayName=value,
                mail=value,
                otherMails=[value],
                userPrincipalName=f"{value}#EXT#@contoso.onmicrosoft.com",
                companyName=value,
                externalUserState=value if n % 5 == 0 else "PendingAcceptance",
                creationType=value,
                createdDateTime=f.ago(n * 5),
                externalUserStateChangeDateTime=f.ago(n * 3),
            )
        )
    guests += [f.guest(1000 + n, mail=f"x@{value}.example") for n, value in enumerate(values)]
    snap = snapshot(
        guests=guests,
        guest_sponsors=[
            {"id": g["id"], "sponsors": [{"@odata.type": "#microsoft.graph.user", "id": SPONSOR, "displayName": value}]}
            for g, value in zip(guests, values, strict=False)
        ],
        role_definitions=[
            f.role_definition(),
            *(f.role_definition(f.object_id(n, 7), v) for n, v in enumerate(values)),
        ],
        role_assignments=[
            f.role_row(f.member(800)),
            *(f.role_row(g, f.object_id(n, 7)) for n, (g, _) in enumerate(zip(guests, values, strict=False))),
        ],
        authorization_policy=f.authorization_policy(allowInvitesFrom=values[0]),
        groups=[f.group(n, displayName=value) for n, value in enumerate(values, 1)],
        cross_tenant_partners=[f.partner(1, tenantId=values[3])],
    )
    gaps = {f"gap_{n}": Gap(f"gap_{n}", GapReason.ANSWER, value, request_id=value) for n, value in enumerate(raw)}
    snap = replace(
        snap,
        tenant=Tenant(snap.tenant.id, raw[0], tuple(raw[:5]), raw[1]),
        gaps={**snap.gaps, **gaps},
        manifest={"account": {"account": values[2], "permissions": ["User.Read.All"]}},
    )
    leads = tuple(lead(value, [{"who": value, "ids": [value], value: value}]) for value in raw)
    settings = Settings(
        accepted=(
            *(
                AcceptedRisk("GUEST-INV-006", value, value, date(2025, 1, 1), date(2025, 2, 1), ticket=value)
                for value in raw
            ),
            *(
                AcceptedRisk(
                    "GUEST-INV-006",
                    value,
                    value,
                    date(2026, 11, 1),
                    date(2026, 12, 1),
                    ticket=value,
                    guests=(guests[n]["id"],),
                )
                for n, value in enumerate(raw)
            ),
        ),
        attestations=tuple(
            Attestation("GUEST-PRV-007", "fail", value, date(2026, 11, 1), date(2027, 1, 1), evidence=value)
            for value in raw
        ),
    )
    return view(folder, snap, settings, options or Options(), leads)
