"""Who signed in at Contoso: at work, at command lines, in portals, from odd places, or not at all."""

from datetime import datetime, timedelta

from sample_world import hostile
from sample_world.bodies import Json
from sample_world.contoso_people import OFFICE
from sample_world.ids import at, guid, jitter, number, pick
from sample_world.logs import (
    audit,
    by,
    change,
    sign_in,
    target,
)
from sample_world.words import PARTNERS
from sample_world.world import World


def shells(w: World) -> None:
    """Guests at command lines and explorers: some at work, some not; refused tries are weak evidence."""
    for key, app, place, when, error in (
        ("felix", "Microsoft Azure CLI", "Utrecht", "2026-10-28 08:12", 0),
        ("felix", "Microsoft Graph Command Line Tools", "Utrecht", "2026-11-05 08:40", 0),
        ("felix", "Visual Studio Code", "Utrecht", "2026-11-05 08:44", 0),
        ("kit", "Graph Explorer", "Lagos", "2026-11-04 12:31", 0),
        ("levin", "Azure Active Directory PowerShell", "Tallinn", "2026-11-06 22:03", 0),
        ("levin", "Microsoft Azure PowerShell", "Tallinn", "2026-11-06 22:09", 0),
        ("rowan", "Microsoft Graph Command Line Tools", "Chisinau", "2026-11-07 02:31", 0),
        ("milo", "Microsoft Azure PowerShell", "Dublin", "2026-11-11 14:00", 0),
        ("astrid", "Microsoft Azure CLI", "Bergen", "2026-11-02 06:30", 50020),
        ("gwen", "Microsoft Azure CLI", "Toronto", "2026-11-12 15:10", 50020),
        ("kenji", "Microsoft Graph Command Line Tools", "Osaka", "2026-11-13 01:10", 65001),
        ("active-02", "Graph Explorer", "Singapore", "2026-11-17 11:11", 0),
    ):
        sign_in(w, at(when), w.users[key], app, place, error=error, system="Linux" if "CLI" in app else "Windows10")
    sven = w.users["sven"]
    for day in (22, 27, 30):
        sign_in(w, at(f"2026-10-{day} 09:00"), sven, "Microsoft Graph Command Line Tools", "Bristol", ip=OFFICE)


def portals(w: World) -> None:
    """Guests in the Azure portal, all over the map; some rows without coordinates."""
    for key, place, when, coordinates, error in (
        ("milo", "Dublin", "2026-10-23 09:30", "full", 0),
        ("milo", "Dublin", "2026-11-04 09:35", "full", 0),
        ("arthur", "Hamburg", "2026-10-29 10:10", "full", 0),
        ("arthur", "Hamburg", "2026-11-16 20:40", "full", 0),
        ("felix", "Utrecht", "2026-11-05 08:30", "full", 0),
        ("kenji", "Osaka", "2026-11-10 03:20", "full", 0),
        ("mara", "Tallinn", "2026-11-04 08:21", "full", 0),
        ("rowan", "Chisinau", "2026-11-07 02:20", "empty", 0),
        ("sato", "Osaka", "2026-11-12 05:00", "full", 53003),
        ("active-04", "Auckland", "2026-11-09 21:15", "full", 0),
        ("active-06", "Ho Chi Minh City", "2026-11-14 03:42", "full", 0),
        ("active-08", "Valparaiso", "2026-11-11 17:05", "null", 0),
        ("astrid", "Bergen", "2026-11-06 07:50", "full", 0),
        ("gwen", "Toronto", "2026-11-17 15:25", "full", 0),
    ):
        row = w.users[key]
        sign_in(w, at(when), row, "Azure Portal", place, error=error, coordinates=coordinates)
        if not error:
            sign_in(w, at(when) + timedelta(minutes=2), row, "ADIbizaUX", place, quiet=True)
            sign_in(w, at(when) + timedelta(minutes=9), row, "ADIbizaUX", place, quiet=True)


def sleepers_and_travellers(w: World) -> None:
    """One guest wakes after two years, one appears on another continent, one gets in after many failures."""
    gideon = w.users["gideon"]
    gideon["signInActivity"] = {
        "lastSignInDateTime": None,
        "lastSignInRequestId": "",
        "lastNonInteractiveSignInDateTime": "2024-09-20T09:00:00Z",
        "lastNonInteractiveSignInRequestId": guid("quiet", "gideon"),
        "lastSuccessfulSignInDateTime": None,
        "lastSuccessfulSignInRequestId": "",
    }
    elsewhere = guid("tenant", "tarnmoor before it was bought")
    for when, app in (
        ("2026-11-16 03:11", "My Apps"),
        ("2026-11-16 03:14", "Office 365 SharePoint Online"),
        ("2026-11-17 03:20", "Azure Portal"),
    ):
        sign_in(w, at(when), gideon, app, "Ho Chi Minh City", home=elsewhere)
    astrid = w.users["astrid"]
    for day in (21, 23, 26, 28, 30):
        sign_in(w, at(f"2026-10-{day} 12:05"), astrid, "Microsoft Teams", "Bergen")
    for day in (4, 9, 12, 17, 18):
        sign_in(w, at(f"2026-11-{day:02d} 12:07"), astrid, "Microsoft Teams", "Bergen")
    sign_in(
        w,
        at("2026-11-18 14:31"),
        astrid,
        "Office 365 SharePoint Online",
        "Santos",
        risk="high",
        device=hostile.DEVICES[0],
    )
    bruno = w.users["bruno"]
    for n in range(11):
        sign_in(
            w,
            at("2026-11-19 04:00") + timedelta(seconds=n * 37),
            bruno,
            "Microsoft Teams",
            "Lagos",
            error=50126 if n < 9 else 500121,
        )
    sign_in(w, at("2026-11-19 04:11"), bruno, "Microsoft Teams", "Lagos")
    yusuf = w.users["yusuf"]
    for n, (app, error) in enumerate(
        (
            ("Office 365 SharePoint Online", 53003),
            ("Azure Portal", 53003),
            ("Microsoft Teams", 50105),
            ("ERP Connector", 50105),
            ("Office 365 Exchange Online", 53003),
        )
    ):
        sign_in(w, at("2026-11-13 10:00") + timedelta(minutes=n * 7), yusuf, app, "Accra", error=error)
    for day in (2, 11, 19):
        sign_in(w, at(f"2026-11-{day:02d} 06:40"), w.users["noor"], "Microsoft Teams", "Austin", error=50057)
    sign_in(w, at("2026-11-06 16:00"), w.users["sato"], "Microsoft Teams", "Osaka", error=500213)


def visit(w: World, row: Json, place: str, start: datetime, times: int) -> None:
    """Let somebody sign in to the usual applications every few days."""
    for n in range(times):
        when = jitter(start + timedelta(hours=n * 53), 9000, row["id"], n)
        if when < w.clock:
            app = pick(("Microsoft Teams", "Office 365 SharePoint Online", "Microsoft Teams", "My Apps"), row["id"], n)
            sign_in(w, when, row, app, place)


REGULARS = (
    *("jonas", "petra", "hanne", "arthur", "milo", "kenji", "felix", "lena", "nils"),
    *("gwen", "sato", "yusuf", "vera", "marta", "tiago", "bruno"),
)
"""Guests and other outsiders who work at Contoso every week."""


def everyday_sign_ins(w: World) -> None:
    """Staff and active guests at work; a few of them as apps do it, without a person."""
    start = w.clock - timedelta(days=30)
    for key, row in w.users.items():
        if key.startswith("staff-") or key in ("owen", "bram", "lucia", "aiko", "greta", "tomas", "priya"):
            for n in range(number(4, 8, "visits", key)):
                when = start + timedelta(minutes=number(60, 43_000, "visit", key, n))
                app = pick(("Microsoft Teams", "Office 365 Exchange Online", "Office 365 SharePoint Online"), key, n)
                sign_in(w, when, row, app, pick(("Bristol", "Bristol", "Leeds", "London"), key), ip=OFFICE)
        elif key in REGULARS or (key.startswith(("active-", "hostile-", "odd-mail-")) and _lately(w, row)):
            place = w.companies[row["id"]].city if row["id"] in w.companies else "Bristol"
            for n in range(number(1, 4, "visits", key)):
                when = start + timedelta(minutes=number(60, 43_000, "visit", key, n))
                app = pick(("Microsoft Teams", "Office 365 SharePoint Online", "My Apps"), key, n)
                device = hostile.DEVICES[2] if key == "hostile-01" else ""
                sign_in(w, when, row, app, place, device=device)
                if n == 0 and row["userType"] == "Guest":
                    sign_in(w, when + timedelta(minutes=61), row, app, place, quiet=True)


def _lately(w: World, row: Json) -> bool:
    """Most of the active are in the log's window; the others were last seen a little earlier."""
    seen = row.get("signInActivity", {}).get("lastSuccessfulSignInDateTime")
    return bool(seen and seen > "2026-08-25" and row["accountEnabled"] and number(0, 99, "lately", row["id"]) < 72)


def oddities(w: World) -> None:
    """Records that look alike and are not: our people elsewhere, a member with a foreign name, a service's name."""
    owen = w.users["owen"]
    for day in (26, 28):
        sign_in(
            w,
            at(f"2026-10-{day} 10:00"),
            owen,
            "Microsoft Teams",
            "Bristol",
            ip=OFFICE,
            resource_tenant=PARTNERS["northgate-tooling.example"].tenant,
        )
    # Shared channels by direct connect: somebody who is in no list of users.
    stranger = {
        "id": guid(PARTNERS["halden-shipping.example"].tenant, "user", "direct"),
        "displayName": "Marit Nygaard",
        "userPrincipalName": "marit.nygaard@halden-shipping.example",
        "userType": "Guest",
    }
    w.companies[stranger["id"]] = PARTNERS["halden-shipping.example"]
    for day in (9, 16):
        row = sign_in(w, at(f"2026-11-{day:02d} 13:20"), stranger, "Microsoft Teams", "Bergen", quiet=True)
        row["crossTenantAccessType"] = "b2bDirectConnect"
    odd = by(w, w.users["staff-07"], "192.0.2.77")
    odd["user"]["displayName"] = "Office 365 Exchange Online"
    audit(
        w,
        at("2026-11-08 03:00"),
        "Update user",
        odd,
        target(w.users["staff-08"], change("StrongAuthenticationMethod", [], ["6"])),
    )
    viral = {"id": guid(w.sample, "viral"), "displayName": None, "userPrincipalName": "someone@contoso-freight.example"}
    audit(
        w,
        at("2026-11-12 12:00"),
        "Viral user creation",
        by(w, w.users["staff-01"], OFFICE),
        target(viral),
        service="Invited Users",
        kind="Add",
    )
