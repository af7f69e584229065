"""Who invited whom at Contoso: staff, guests, an application, in bursts, late, and for less than a day."""

from datetime import timedelta

from sample_world import hostile
from sample_world.bodies import Json
from sample_world.contoso_people import OFFICE
from sample_world.contoso_sign_ins import visit
from sample_world.ids import at, guid, jitter
from sample_world.logs import (
    add_to_group,
    address,
    audit,
    by,
    by_app,
    change,
    invite,
    redeem,
    sign_in,
    target,
)
from sample_world.words import CONSUMERS, PARTNERS
from sample_world.world import PRINCIPALS, World


def everyday_invitations(w: World) -> None:
    """Staff invite partners' people, who accept: the noise among which the rest must be found."""
    plan = (
        ("2026-10-22 09:14", "owen", "northgate-tooling.example", 22),
        ("2026-10-23 13:40", "bram", "halden-shipping.example", 65),
        ("2026-10-27 10:05", "owen", "pemberwick.example", 240),
        ("2026-10-29 15:22", "lucia", "ostara-design.example", 30),
        ("2026-11-02 08:50", "owen", "northgate-tooling.example", 15),
        ("2026-11-04 11:31", "bram", "silverfen.example", 1500),
        ("2026-11-09 14:02", "aiko", "bluefin-robotics.example", 610),
        ("2026-11-13 09:45", "owen", "brightwater-legal.example", 0),
        ("2026-11-18 16:10", "greta", "quillon-audit.example", 0),
    )
    for n, (when, inviter, domain, minutes) in enumerate(plan):
        key, company = f"newcomer-{n}", PARTNERS[domain]
        start = jitter(at(when), 50, key)
        accepted = start + timedelta(minutes=minutes)
        state = {"changed": accepted} if minutes else {"state": "PendingAcceptance"}
        row = w.guest(key, company, start, inviter=inviter, **state)
        roles = ("Guest Inviter",) if inviter == "owen" else ()
        sponsor = w.users[inviter]
        invitation = invite(w, start, by(w, sponsor, OFFICE), row, roles=roles, sponsor=sponsor)
        if minutes:
            redeem(w, accepted, row, invitation, source="Azure AD")
            add_to_group(w, accepted + timedelta(hours=3), by(w, sponsor, OFFICE), row, w.groups["Supplier Portal"])
            w.groups["Supplier Portal"]["members"].append(row["id"])
            visit(w, row, company.city, accepted + timedelta(hours=4), 3)
    # Somebody is refused again and again, and people want no more mail.
    for n, domain in enumerate(
        ("blocked.example", "blocked.example", "rival.example", "rival.example", "sinkhole.example")
    ):
        nobody = {"id": None, "mail": f"press.{n}@{domain}"}
        when = at("2026-10-30 12:00") + timedelta(minutes=n * 2)
        invite(w, when, by(w, w.users["lucia"], OFFICE), nobody, failure="The domain is not allowed by policy.")
    for when, key, activity in (
        ("2026-11-06 07:12", "pending-old-01", "Email not sent, user unsubscribed"),
        ("2026-11-11 10:20", "pending-mid-02", "Email unsubscribed"),
    ):
        row = w.users[key]
        audit(
            w, at(when), activity, by(w, w.users["owen"], OFFICE), target(row), service="Invited Users", kind="Update"
        )


def guests_invite_guests(w: World) -> None:
    """A guest invites three more, one of them the next: a tree four deep that no member planted."""
    jonas = w.users["jonas"]
    ip = address(jonas["id"], "Leeds")
    first = by(w, jonas, ip)
    mara = newcomer(
        w, "mara", "notcontoso.example", "2026-11-03 18:41", "Mara Voss", "jonas", accepted="2026-11-03 18:55"
    )
    newcomer(
        w,
        "kit",
        "gmail.com",
        "2026-11-03 18:44",
        "Kit Rowan",
        "jonas",
        local="kit.rowan.contosoguest58",
        accepted="2026-11-03 19:30",
    )
    newcomer(w, "sam", "notcontoso.example", "2026-11-03 18:47", "Sam Orlov", "jonas")
    failed = {"id": None, "mail": "pat@sinkhole.example"}
    invite(w, at("2026-11-03 18:52"), first, failed, failure="The address could not be invited.")
    newcomer(
        w,
        "levin",
        "proton.me",
        "2026-11-05 22:12",
        "Levin Tamm",
        "mara",
        local="levin.tamm.contosoguest11",
        accepted="2026-11-05 22:20",
    )
    newcomer(
        w, "rowan", "notcontoso.example", "2026-11-07 02:05", "Rowan Saarinen", "levin", accepted="2026-11-07 02:09"
    )
    for key, when in (("mara", "2026-11-04 08:00"), ("kit", "2026-11-04 12:00"), ("levin", "2026-11-06 21:00")):
        visit(w, w.users[key], w.companies[w.ref(key)].city, at(when), 2)
    # An external member invites too; to some queries he looks like staff. The invited company has an Entra tenant,
    # yet somebody comes in with a code by mail.
    code = "One Time Passcode"
    newcomer(
        w,
        "dov",
        "pemberwick.example",
        "2026-11-10 10:10",
        "Dov Rosen",
        "dorian",
        accepted="2026-11-10 10:30",
        source=code,
    )
    w.users["mara"]["companyName"] = mara["companyName"]


SOURCES = {"entra": "Azure AD", "otp": "One Time Passcode", "google": "Google", "msa": "Microsoft Account"}
"""What a redemption's record says of each way to prove who one is."""


def newcomer(
    w: World,
    key: str,
    domain: str,
    when: str,
    name: str,
    inviter: str,
    *,
    local: str = "",
    accepted: str = "",
    source: str = "",
) -> Json:
    company = PARTNERS.get(domain) or CONSUMERS[domain]
    state = {"changed": at(accepted)} if accepted else {"state": "PendingAcceptance"}
    made: dict[str, object] = {"name": name} if not local else {"name": name, "local": local}
    row = w.guest(key, company, at(when), inviter=inviter, **made, **state)
    boss = w.users[inviter]
    home = w.companies.get(boss["id"])
    ip = address(boss["id"], home.city) if home else OFFICE
    invitation = invite(w, at(when), by(w, boss, ip), row, sponsor=boss)
    if accepted:
        redeem(w, at(accepted), row, invitation, source=source or SOURCES[company.proof])
    return row


def synchronized(w: World) -> None:
    """Synchronization from a sister tenant brings a guest; no invitation is logged."""
    row = w.guest(
        "synced", PARTNERS["contoso-iberia.example"], at("2026-11-11 06:00:30"), name="Paloma Rivas", sponsor="ines"
    )
    fabric = {
        "id": guid(w.sample, "service principal", "sync fabric"),
        "appId": "00000014-0000-0000-c000-000000000000",
        "displayName": "Microsoft.Azure.SyncFabric",
    }
    kinds = (change("UserType", [], ["Guest"]), change("CreationType", [], ["Invitation"]))
    audit(w, at("2026-11-11 06:00:30"), "Add user", by_app(fabric), target(row, *kinds), kind="Add")
    visit(w, row, "Porto", at("2026-11-12 09:00"), 3)


def burst(w: World) -> None:
    """A member who never invited anybody sends fourteen invitations in forty minutes, at night, from elsewhere."""
    temp = w.users["temp"]
    actor = by(w, temp, "203.0.113.201")
    sign_in(w, at("2026-11-08 01:52"), temp, "Microsoft Graph Command Line Tools", "Chisinau", ip="203.0.113.201")
    start = at("2026-11-08 02:03")
    bulk = {"id": guid(w.sample, "bulk"), "displayName": "Bulk invite users"}
    audit(
        w,
        start,
        "Bulk invite users - started (bulk)",
        actor,
        target(bulk, kind="Other"),
        service="Invited Users",
        category="DirectoryManagement",
    )
    for n in range(14):
        when = start + timedelta(seconds=40 + n * 163)
        row = w.guest(
            f"burst-{n:02d}", PARTNERS["nimbus-staffing.example"], when, inviter="temp", state="PendingAcceptance"
        )
        invite(w, when, actor, row, sponsor=temp)
    audit(
        w,
        start + timedelta(minutes=41),
        "Bulk invite users - finished (bulk)",
        actor,
        target(bulk, kind="Other"),
        service="Invited Users",
        category="DirectoryManagement",
    )


def application_invites(w: World) -> None:
    """An application invites; its records name no caller."""
    bot = next(p for p in w.lists[PRINCIPALS] if p["displayName"] == "Supplier Onboarding Bot")
    for n, when in enumerate(("2026-10-26 03:00", "2026-11-02 03:00", "2026-11-16 03:00")):
        row = w.guest(
            f"bot-{n}",
            PARTNERS["arroyo-foods.example"],
            at(when),
            sponsor="owen",
            changed=at(when) + timedelta(hours=9),
        )
        invitation = invite(w, at(when), by_app(bot), row)
        source = "One Time Passcode"
        service, activity = (
            ("B2B Auth", "Redeem extern user invite"),
            ("Invited Users", "Redeem external user invite"),
            ("B2B Auth", "Redeem external user invite"),
        )[n]
        redeem(w, at(when) + timedelta(hours=9), row, invitation, source=source, service=service, activity=activity)


def resets(w: World) -> None:
    """A guest who holds a role is re-invited to another mailbox; another is reset without changing it."""
    desk = by(w, w.users["priya"], "203.0.113.44")
    for key, when, again, source in (
        ("arthur", "2026-11-16 19:58:02", "2026-11-16 20:21:30", "One Time Passcode"),
        ("active-09", "2026-10-31 10:00", "2026-10-31 11:02", "Azure AD"),
    ):
        row = w.users[key]
        invitation = guid("invitation", w.sample, key, "reset")
        audit(
            w,
            at(when),
            "Invite external user with reset invitation status",
            desk,
            target(row),
            service="Invited Users",
            details=[
                ("oid", desk["user"]["id"]),
                ("tid", w.id),
                ("ipaddr", desk["user"]["ipAddress"]),
                ("InvitationId", invitation),
                ("invitedUserEmailAddress", row["mail"]),
            ],
        )
        redeem(w, at(again), row, invitation, source=source, place="Chisinau" if key == "arthur" else "")
        row["externalUserStateChangeDateTime"] = at(again).strftime("%Y-%m-%dT%H:%M:%SZ")


def late_and_short(w: World) -> None:
    """An invitation redeemed after fourteen months, by passcode, at night; guests gone within a day."""
    camille = w.users["camille"]
    redeem(
        w,
        at("2026-11-14 21:47:10"),
        camille,
        guid("invitation", w.sample, "camille"),
        source="One Time Passcode",
        place="Chisinau",
    )
    sign_in(w, at("2026-11-14 21:52"), camille, "Office 365 SharePoint Online", "Chisinau", device=hostile.DEVICES[1])
    tomas = by(w, w.users["tomas"], "203.0.113.90")
    zane = newcomer(
        w, "zane", "notcontoso.example", "2026-11-07 10:00", "Zane Petrov", "tomas", accepted="2026-11-07 10:20"
    )
    sign_in(w, at("2026-11-07 10:31"), zane, "Azure Portal", "Tallinn")
    sign_in(w, at("2026-11-07 11:02"), zane, "Microsoft Graph Command Line Tools", "Tallinn", system="Linux")
    binned = w.delete("zane", at("2026-11-07 16:40"))
    _deleted(w, "2026-11-07 16:40", tomas, binned)
    # Harmless: an invitation to a wrong address, taken back by the same person.
    owen = by(w, w.users["owen"], OFFICE)
    typo = newcomer(w, "typo", "northgate-tooling.example", "2026-11-10 09:00", "Yara Wagnre", "owen")
    _deleted(w, "2026-11-10 09:06", owen, w.delete(_key(w, typo), at("2026-11-10 09:06")))


def _deleted(w: World, when: str, actor: Json, row: Json) -> None:
    audit(w, at(when), "Delete external user", actor, target(row), service="Invited Users", kind="Delete")
    audit(w, at(when) + timedelta(seconds=1), "Delete user", actor, target(row), kind="Delete")


def _key(w: World, row: Json) -> str:
    return next(k for k, r in w.users.items() if r is row)
