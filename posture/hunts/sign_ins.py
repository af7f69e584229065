"""Hunts over guests' sign-ins: shells, portals, refusals, new countries and applications, long silences."""

from collections import deque
from collections.abc import Iterator
from datetime import datetime, timedelta

from posture.assess.types import Lead
from posture.hunts import activities as a
from posture.hunts.events import SignInEvent
from posture.hunts.leads import Bundle, many, sign_in_row
from posture.hunts.people import IdSet
from posture.hunts.registry import P1, Limit, Scene, hunt
from posture.hunts.sorting import Sorted
from posture.settings import Severity

_DAY = timedelta(days=1)
_GROUPS = 200
"""Applications or places told apart for one person."""


class _Bundles(dict[str, Bundle]):
    """One person's sign-ins by application, country or the like; past the limit under "other"."""

    def put(self, name: str, event: SignInEvent) -> None:
        """Add one sign-in under a name."""
        if name not in self and len(self) >= _GROUPS:
            name = "other"
        self.setdefault(name, Bundle()).add(event)


@hunt(
    "GUEST-HUN-002",
    severity=Severity.HIGH,
    attack=("T1087.004", "T1069.003", "T1526", "T1059.009", "T1078.004"),
    licence=P1,
    query="guests-in-shells",
)
def guests_in_shells(guest_sign_ins: Sorted[SignInEvent], scene: Scene) -> Iterator[Lead]:
    """Guest sign-ins with PowerShell, CLI or Graph Explorer.

    Seen: a person from outside signed in to your tenant with a command line
    or an API console, told by the application's id.

    Why: partners open documents; they rarely need a shell against your
    directory. It is the first step of listing everybody you know.

    Harmless if: the guest is a consultant who runs scripts for you, and those
    scripts are known; then put their id in approved_guest_ids. Failed rows of
    the Azure CLI alone say little: one sign-in elsewhere leaves such rows in
    every tenant where the person is a guest.

    Ask next: what did they read? Where Graph activity logs are kept, the
    pack's query on directory enumeration answers it.

    Source: https://thoor.tech/blog/hunt-for-guests-with-microsoft-sentinel/
    https://learn.microsoft.com/troubleshoot/entra/entra-id/governance/verify-first-party-apps-sign-in
    """
    approved = IdSet(scene.thresholds.approved_guest_ids)
    directory, others, known, failed = scene.found(), scene.found(), scene.found(), scene.found()
    for _, events in guest_sign_ins.groups():
        bundles, reading = _Bundles(), set()
        for event in events:
            if event.app_id in a.SHELLS:
                bundles.put(event.app_id, event)
                if event.succeeded and event.resource_id in a.DIRECTORY:
                    reading.add(event.app_id)
        for app_id, bundle in bundles.items():
            if bundle.last is None:
                continue
            row = bundle.row(client=a.SHELLS.get(app_id, app_id))
            if not bundle.succeeded:
                failed.add(bundle.last.at, row)
            elif bundle.last.user_id in approved:
                known.add(bundle.last.at, row)
            else:
                (directory if app_id in reading else others).add(bundle.last.at, row)
    pair = "pair of guest and client", "pairs of guest and client"
    if directory:
        yield directory.lead(
            Severity.HIGH, f"Guests got a token for the directory in a shell: {many(directory.count, *pair)}."
        )
    if others:
        yield others.lead(
            Severity.MEDIUM, f"Guests got a token for other resources in a shell: {many(others.count, *pair)}."
        )
    if known:
        yield known.lead(Severity.LOW, f"Guests you approved used a shell: {many(known.count, *pair)}.")
    if failed:
        yield failed.lead(Severity.LOW, f"Guests tried a shell and got no token: {many(failed.count, *pair)}.")


@hunt(
    "GUEST-HUN-003",
    severity=Severity.MEDIUM,
    attack=("T1538", "T1580", "T1078.004"),
    licence=P1,
    query="guests-in-portals",
)
def guests_in_portals(guest_sign_ins: Sorted[SignInEvent], scene: Scene) -> Iterator[Lead]:
    """Guest sign-ins to the Azure and Entra portals, by place.

    Seen: a person from outside signed in to the Azure portal or its directory
    pages.

    Why: a guest in the portal looks at the directory or at Azure resources.
    Place and time tell a consultant at work from a stranger with the
    consultant's password.

    Harmless if: they administer something here, from where they always do;
    then put the country in expected_countries or their id in
    approved_guest_ids.

    Ask next: does their sponsor know them in that country, and do they hold
    an Azure role?

    Source: https://thoor.tech/blog/hunt-for-guests-with-microsoft-sentinel/
    https://learn.microsoft.com/graph/api/resources/signin
    """
    expected = {c.casefold() for c in scene.thresholds.expected_countries}
    approved = IdSet(scene.thresholds.approved_guest_ids)
    odd, usual, failed = scene.found(), scene.found(), scene.found()
    for _, events in guest_sign_ins.groups():
        bundles, risky = _Bundles(), set()
        for event in events:
            if event.app_id in a.PORTALS:
                bundles.put(event.country, event)
                if event.succeeded and event.risk.casefold() in ("medium", "high"):
                    risky.add(event.country)
        for country, bundle in bundles.items():
            if bundle.last is None:
                continue
            row = bundle.row(country=country, risk="medium or high" if country in risky else "")
            if not bundle.succeeded:
                failed.add(bundle.last.at, row)
            elif country in risky or (country.casefold() not in expected and bundle.last.user_id not in approved):
                odd.add(bundle.last.at, row)
            else:
                usual.add(bundle.last.at, row)
    pair = "pair of guest and country", "pairs of guest and country"
    if odd:
        where = "where they were not expected" if expected else "(expected_countries is empty, so none is expected)"
        yield odd.lead(Severity.MEDIUM, f"Guests signed in to the portals {where}: {many(odd.count, *pair)}.")
    if usual:
        yield usual.lead(Severity.LOW, f"Guests signed in to the portals as expected: {many(usual.count, *pair)}.")
    if failed:
        yield failed.lead(Severity.LOW, f"Guests tried the portals and failed: {many(failed.count, *pair)}.")


@hunt(
    "HUNT-FAILED-THEN-IN",
    severity=Severity.MEDIUM,
    attack=("T1110", "T1078.004"),
    licence=P1,
    query="failures-before-success",
)
def failures_before_success(guest_sign_ins: Sorted[SignInEvent], scene: Scene) -> Iterator[Lead]:
    """A guest gets in after many failures.

    Seen: a successful sign-in with failures_before_success refusals of the
    same person in the failures_minutes before. Steps that only ask for more
    (MFA, consent) are not counted.

    Why: that is what guessing, or pushing somebody to approve, looks like.

    Harmless if: the person forgot a password or was not yet assigned to the
    application, and says so.

    Ask next: did the failures and the success come from the same place?

    Source: https://learn.microsoft.com/entra/identity-platform/reference-error-codes
    """
    t = scene.thresholds
    width, least = timedelta(minutes=t.failures_minutes), t.failures_before_success
    found = scene.found()
    for _, events in guest_sign_ins.groups():
        failures: deque[SignInEvent] = deque(maxlen=1000)
        told: SignInEvent | None = None
        for event in events:
            if event.at is None:
                continue
            while failures and failures[0].at is not None and event.at - failures[0].at > width:
                failures.popleft()
            if event.succeeded:
                if len(failures) >= least and failures[-1] is not told:
                    # Further successes after the same failures are the same story.
                    told = failures[-1]
                    ids = [event.id, *(f.id for f in failures)][:20]
                    ips = ", ".join(dict.fromkeys(f.ip for f in failures if f.ip))
                    found.add(event.at, sign_in_row(event, failures=len(failures), failed_from=ips) | {"ids": ids})
            elif event.error is not None and event.error not in a.INTERRUPTS:
                failures.append(event)
    if found:
        yield found.lead(
            Severity.MEDIUM, f"{many(found.count, 'guest sign-in')} succeeded after {least} failures or more."
        )


@hunt("HUNT-NEW-COUNTRY", severity=Severity.LOW, attack=("T1078.004",), licence=P1, query="new-countries")
def new_countries(guest_sign_ins: Sorted[SignInEvent], scene: Scene) -> Iterator[Lead | Limit]:
    """A guest signs in from a country for the first time.

    Seen: a first successful sign-in from a country, baseline_days or more
    after the same person's first one in the log.

    Why: people do travel, and stolen sessions travel faster.

    Harmless if: the person was there.

    Ask next: were they signed in from their usual country on the same day?

    Source: https://learn.microsoft.com/entra/id-protection/concept-identity-protection-risks
    """
    days = timedelta(days=scene.thresholds.baseline_days)
    if not scene.sign_ins or scene.sign_ins.days < scene.thresholds.baseline_days:
        yield Limit(
            f"A country is new when {scene.thresholds.baseline_days} days of sign-ins lie before it; "
            "the log does not reach back that far."
        )
        return
    found = scene.found()
    for _, events in guest_sign_ins.groups():
        first: datetime | None = None
        seen: dict[str, None] = {}
        for event in events:
            if not event.succeeded or event.at is None or not event.country:
                continue
            first = first or event.at
            country = event.country.casefold()
            if country not in seen and len(seen) < _GROUPS:
                if seen and event.at - first >= days:
                    found.add(event.at, sign_in_row(event, known=", ".join(seen).upper()))
                seen[country] = None
    if found:
        yield found.lead(Severity.LOW, f"{many(found.count, 'time')} a guest signed in from a country new for them.")


@hunt("HUNT-WOKE", severity=Severity.MEDIUM, attack=("T1078.004",), licence=P1, query="dormant-guests")
def dormant_guests(guest_sign_ins: Sorted[SignInEvent], scene: Scene) -> Iterator[Lead | Limit]:
    """A dormant guest wakes.

    Seen: a successful sign-in after dormant_days or more of silence between
    two sign-ins in the log.

    Why: an account that nobody missed is the one nobody watches.

    Harmless if: the project went on after a pause and the sponsor confirms
    it.

    Ask next: did the guest's home organization still employ them that day?

    Source: https://learn.microsoft.com/entra/identity/monitoring-health/howto-manage-inactive-user-accounts
    """
    days = timedelta(days=scene.thresholds.dormant_days)
    if not scene.sign_ins or scene.sign_ins.days < scene.thresholds.dormant_days:
        yield Limit(
            f"Silence of {scene.thresholds.dormant_days} days needs a log that long: hunt in an export, or in Sentinel."
        )
        return
    found = scene.found()
    for _, events in guest_sign_ins.groups():
        last: datetime | None = None
        for event in events:
            if not event.succeeded or event.at is None:
                continue
            if last is not None and event.at - last >= days:
                found.add(event.at, sign_in_row(event, silent_days=(event.at - last).days))
            last = event.at
    if found:
        yield found.lead(
            Severity.MEDIUM,
            f"{many(found.count, 'guest')} came back after {scene.thresholds.dormant_days} days of silence or more.",
        )


@hunt("HUNT-REFUSED-APPS", severity=Severity.MEDIUM, attack=("T1087.004", "T1526"), licence=P1, query="refused-by-apps")
def refused_by_apps(guest_sign_ins: Sorted[SignInEvent], scene: Scene) -> Iterator[Lead]:
    """A guest is refused by many applications.

    Seen: refused_apps different applications or more that refused one guest
    within refused_apps_minutes, by Conditional Access (53003) or for want of
    an assignment (50105).

    Why: somebody tries every handle of the corridor.

    Harmless if: the person was invited and not yet assigned to the
    applications they need.

    Ask next: which applications, and did one of them let them in?

    Source: https://learn.microsoft.com/entra/identity-platform/reference-error-codes
    """
    t = scene.thresholds
    width = timedelta(minutes=t.refused_apps_minutes)
    found = scene.found()
    for _, events in guest_sign_ins.groups():
        window: deque[SignInEvent] = deque(maxlen=1000)
        worst: list[SignInEvent] = []
        for event in events:
            if event.at is None or event.error not in a.BLOCKED:
                continue
            window.append(event)
            while window[0].at is not None and event.at - window[0].at > width:
                window.popleft()
            if len({e.app_id for e in window}) > len({e.app_id for e in worst}):
                worst = list(window)
        apps = {e.app_id: e.app_name or e.app_id for e in worst}
        if worst and len(apps) >= t.refused_apps:
            names = "; ".join(sorted(apps.values())[:20])
            row = sign_in_row(worst[-1], applications=len(apps), names=names)
            found.add(worst[-1].at, row | {"ids": [e.id for e in worst][:20]})
    if found:
        yield found.lead(
            Severity.MEDIUM,
            f"{many(found.count, 'guest')} refused by {t.refused_apps} applications or more within "
            f"{t.refused_apps_minutes} minutes.",
        )


@hunt("HUNT-NEW-APP", severity=Severity.LOW, attack=("T1078.004", "T1526"), licence=P1, query="new-applications")
def new_applications(guest_sign_ins: Sorted[SignInEvent], scene: Scene) -> Iterator[Lead | Limit]:
    """Guests use an application no guest used before.

    Seen: the first successful sign-in of any guest to an application,
    baseline_days or more after the log begins. The invitation and My Apps
    pages, through which everybody passes, are left out.

    Why: an application that guests should not reach shows itself on the day
    one of them does.

    Harmless if: the application was opened to partners on purpose.

    Ask next: who owns the application, and is an assignment required to use
    it?

    Source: https://learn.microsoft.com/entra/identity/enterprise-apps/assign-user-or-group-access-portal
    """
    days = timedelta(days=scene.thresholds.baseline_days)
    since = scene.sign_ins.since if scene.sign_ins else None
    if since is None or scene.now - since < days + _DAY:
        yield Limit(
            f"An application is new when no guest used it for {scene.thresholds.baseline_days} days; "
            "the log does not reach back that far."
        )
        return
    first: dict[str, SignInEvent] = {}
    for event in guest_sign_ins:
        if not event.succeeded or event.at is None or not event.app_id or event.app_id in a.EXPECTED_APPS:
            continue
        known = first.get(event.app_id)
        if known is None and len(first) >= 5_000:
            continue
        if known is None or (known.at is not None and (event.at, event.id) < (known.at, known.id)):
            first[event.app_id] = event
    found = scene.found()
    for app_id in sorted(first):
        event = first[app_id]
        if event.at is not None and event.at - since >= days:
            found.add(event.at, sign_in_row(event))
    if found:
        yield found.lead(
            Severity.LOW, f"{many(found.count, 'application')} used by a guest for the first time in the log."
        )


@hunt("HUNT-CROSS-TENANT-REFUSED", severity=Severity.LOW, attack=("T1199",), licence=P1, query="cross-tenant-refusals")
def cross_tenant_refusals(guest_sign_ins: Sorted[SignInEvent], scene: Scene) -> Iterator[Lead]:
    """People from outside are refused by the cross-tenant access policy.

    Seen: sign-ins that failed with AADSTS500213 or with a reason that names
    the cross-tenant access policy. The number was taken from a write-up and
    not seen in a record.

    Why: your policy holds; who knocks in vain is worth knowing.

    Harmless if: the partner was closed on purpose and somebody has not heard
    of it.

    Ask next: from which tenants, and is one of them a partner you forgot?

    Source: https://learn.microsoft.com/entra/external-id/cross-tenant-access-overview
    """
    found = scene.found()
    for _, events in guest_sign_ins.groups():
        bundle = Bundle()
        for event in events:
            if event.error and (
                event.error == a.CROSS_TENANT_BLOCKED or "cross-tenant access" in event.reason.casefold()
            ):
                bundle.add(event)
        if bundle.last is not None:
            found.add(bundle.last.at, bundle.row(home_tenant=bundle.last.home_tenant))
    if found:
        yield found.lead(
            Severity.LOW,
            f"{many(found.count, 'person', 'people')} from outside refused by the cross-tenant access policy.",
        )


@hunt("HUNT-NO-ACCOUNT", severity=Severity.INFO, attack=("T1199",), licence=P1, query="outsiders-without-account")
def outsiders_without_account(guest_sign_ins: Sorted[SignInEvent], scene: Scene) -> Iterator[Lead]:
    """People from outside who have no guest account.

    Seen: successful sign-ins by direct connect, by a service provider or by
    Microsoft's support.

    Why: they appear in no guest list, and no review of guests ever meets
    them.

    Harmless if: shared channels or a managed service are in use and agreed.

    Ask next: which partner tenants may do so (GUEST-XTA-002)?

    Source: https://learn.microsoft.com/graph/api/resources/signin?view=graph-rest-beta
    """
    ways = {"b2bdirectconnect": "direct connect", "serviceprovider": "service provider", "microsoftsupport": "support"}
    found = scene.found()
    for _, events in guest_sign_ins.groups():
        bundles = _Bundles()
        for event in events:
            for word in event.cross_tenant.casefold().split(","):
                if event.succeeded and word.strip() in ways:
                    bundles.put(ways[word.strip()], event)
        for way, bundle in bundles.items():
            if bundle.last is not None:
                found.add(bundle.last.at, bundle.row(way=way, home_tenant=bundle.last.home_tenant))
    if found:
        yield found.lead(
            Severity.INFO, f"{many(found.count, 'person', 'people')} from outside signed in without a guest account."
        )


@hunt("HUNT-ELSEWHERE", severity=Severity.INFO, attack=("T1078",), licence=P1, query="our-users-elsewhere")
def our_users_elsewhere(sign_ins_abroad: Sorted[SignInEvent], scene: Scene) -> Iterator[Lead]:
    """Our people are guests in other tenants.

    Seen: successful sign-ins of your own users to another organization's
    tenant.

    Why: it is the other half of collaboration: what they put there is out of
    your sight.

    Harmless if: the other organization is a partner.

    Ask next: does your outbound cross-tenant setting say who may (it is not
    scored)?

    Source: https://learn.microsoft.com/entra/external-id/cross-tenant-access-overview
    """
    found = scene.found()
    for _, events in sign_ins_abroad.groups():
        bundles = _Bundles()
        for event in events:
            if event.succeeded:
                bundles.put(event.resource_tenant, event)
        for tenant, bundle in bundles.items():
            if bundle.last is not None:
                found.add(bundle.last.at, bundle.row(resource_tenant=tenant))
    if found:
        yield found.lead(
            Severity.INFO,
            f"{many(found.count, 'pair', 'pairs')} of one of our users and another organization's tenant.",
        )
