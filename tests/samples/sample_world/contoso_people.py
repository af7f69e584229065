"""Contoso's people: staff, a cast of guests with a story each, guests with hostile names, and the many others."""

from datetime import timedelta

from sample_world import hostile
from sample_world.ids import at, guid, jitter, number, pick, share, z
from sample_world.words import CONSUMERS, PARTNERS, Company, person
from sample_world.world import World, activity

STAFF = 24
OFFICE = "198.51.100.17"
"""Where staff sign in from."""
E3 = [{"disabledPlans": [], "skuId": "06ebc4ee-1bb5-47dd-8120-11324bc54e06"}]
VISIO = "c5928f49-12ba-48f7-ada3-0d743a3601d5"
FLOW = "f30db892-07e9-47e9-837c-80727f46fd3d"


def staff(w: World) -> None:
    """Add the tenant's own people."""
    named = {
        "ines": ("Ines Calder", "Head of IT"),
        "tomas": ("Tomas Brandt", "IT operations"),
        "priya": ("Priya Nair", "Service desk"),
        "owen": ("Owen Hartley", "Procurement"),
        "lucia": ("Lucía Ferrand", "Brand"),
        "sven": ("Sven Aldous", "Security"),
        "bram": ("Bram Verhoeven", "Project office"),
        "aiko": ("Aiko Tanaka", "Engineering"),
        "greta": ("Greta Holt", "Finance"),
    }
    for key, (name, department) in named.items():
        w.member(key, name, department=department, assignedLicenses=E3)
    w.member("marek", "Marek Duda", department="Procurement", accountEnabled=False, since="2018-02-05 09:00")
    w.member("temp", "Projects (temporary)", "temp.projects", since="2026-06-30 15:20", assignedLicenses=E3)
    for key, local in (("bg1", "emergency.one"), ("bg2", "emergency.two")):
        upn = f"{local}@{w.initial}"
        w.member(key, f"Emergency access {local[10:]}", local, userPrincipalName=upn, mail=None)
    w.member(
        "sync",
        "On-Premises Directory Synchronization Service Account",
        "Sync_CTSDC01",
        userPrincipalName=f"Sync_CTSDC01_8e2f19@{w.initial}",
        mail=None,
    )
    for n in range(STAFF):
        first, last = person("contoso staff", n)
        w.member(
            f"staff-{n:02d}",
            f"{first} {last}",
            f"{first[0]}{last}{n}".lower().encode("ascii", "ignore").decode(),
            department=pick(("Sales", "Operations", "Engineering", "Finance", "Legal"), "department", n),
            since=f"20{number(17, 25, 'year', n)}-0{number(1, 9, 'month', n)}-11 08:30",
            assignedLicenses=E3,
        )


def cast(w: World) -> None:
    """Add the guests whose stories the logs tell. Those invited within the log's window come with their story."""
    p = PARTNERS
    w.guest("jonas", p["northgate-tooling.example"], at("2024-02-13 10:02"), name="Jonas Weidmann", inviter="owen")
    w.guest("petra", p["ostara-design.example"], at("2023-09-04 12:40"), name="Petra Lund", inviter="lucia")
    w.guest("hanne", p["halden-shipping.example"], at("2024-06-18 08:12"), name="Hanne Solberg", inviter="bram")
    w.guest("arthur", p["quillon-audit.example"], at("2022-11-21 14:05"), name="Arthur Quill", inviter="greta")
    w.guest("milo", p["pemberwick.example"], at("2023-03-30 09:51"), name="Milo Tarrant", inviter="tomas")
    w.guest("kenji", p["sakura-denki.example"], at("2025-01-16 02:30"), name="Kenji Aoyama", inviter="aiko")
    w.guest("felix", p["silverfen.example"], at("2024-10-08 13:13"), name="Felix Arden", inviter="aiko")
    w.guest("astrid", p["halden-shipping.example"], at("2025-04-02 07:45"), name="Astrid Eriksen", inviter="bram")
    w.guest("bruno", p["zeta-freight.example"], at("2025-07-22 16:01"), name="Bruno Teixeira", inviter="owen")
    w.guest("yusuf", p["kaplan-osei.example"], at("2025-02-11 11:19"), name="Yusuf Kaplan", inviter="owen")
    w.guest("gideon", p["tarnmoor-energy.example"], at("2022-05-09 10:10"), name="Gideon Marsh", inviter="marek")
    w.guest("nils", p["pemberwick.example"], at("2021-08-17 09:09"), name="Nils Ekdahl", inviter="bram")
    w.guest("selma", p["oldharbour.example"], at("2021-03-02 09:20"), name="Selma Thorne", inviter="marek")
    w.guest(
        "lena",
        p["vorwerkstatt.example"],
        at("2024-04-22 12:00"),
        name="Lena Vogt",
        inviter="aiko",
        assignedLicenses=[{"disabledPlans": [], "skuId": VISIO}],
        licenseAssignmentStates=[_licence(VISIO, None)],
    )
    w.guest(
        "noor",
        p["nimbus-staffing.example"],
        at("2023-01-10 10:00"),
        name="Noor Haddad",
        inviter="marek",
        accountEnabled=False,
    )
    w.guest(
        "ivo",
        p["brightwater-legal.example"],
        at("2025-05-19 15:31"),
        name="Ivo Castell",
        inviter="greta",
        state="PendingAcceptance",
    )
    w.guest(
        "camille",
        p["maison-oriel.example"],
        at("2025-09-03 09:30"),
        name="Camille Lafitte",
        inviter="lucia",
        changed=at("2026-11-14 21:47:10"),
    )
    w.guest("sato", p["sakura-denki.example"], at("2025-11-04 04:00"), name="Naoko Sato", inviter="aiko")
    w.guest("gwen", p["hollowbrook.example"], at("2025-10-10 15:00"), name="Gwen Farrow", inviter="owen")
    w.guest("idle", p["brightwater-legal.example"], at("2023-06-14 11:00"), name="Simone Leclair", inviter="greta")
    _insiders_who_are_guests(w)
    _outsiders_who_are_members(w)
    # Nobody was asked for a sponsor before the field existed; later ones are gone or guests themselves.
    for key in ("nils", "idle"):
        w.users[key].pop("sponsors")
    w.users["hanne"]["sponsors"] = [w.ref("jonas")]
    for key, when in {"petra": "2026-08-30 09:00", "selma": "2024-11-02 08:00", "noor": "2026-01-08 08:00"}.items():
        w.users[key]["signInActivity"] = dict(activity(at(when)))
    w.users["idle"]["signInActivity"] = dict(activity(at("2025-03-11 10:00")))
    # A mailbox that was redirected: the address here is no longer the one that was invited.
    w.users["arthur"]["mail"] = "arthur.quill@quillon-advisory.example"
    w.users["arthur"]["otherMails"] = ["arthur.quill@quillon-audit.example"]


def _insiders_who_are_guests(w: World) -> None:
    w.member(
        "vera",
        "Vera Lindqvist (contractor)",
        "vera.lindqvist.ext",
        since="2024-01-08 08:00",
        userType="Guest",
        companyName="Lindqvist Interim",
        identities=[
            {
                "signInType": "userPrincipalName",
                "issuer": w.initial,
                "issuerAssignedId": "vera.lindqvist.ext@contoso.example",
            }
        ],
    )
    aaron = w.member(
        "aaron",
        "Aaron Pike",
        since="2020-10-01 08:00",
        userType="Guest",
        mail="aaron.pike@pemberwick.example",
        externalUserState="Accepted",
        externalUserStateChangeDateTime="2026-11-05T13:40:20Z",
    )
    aaron["identities"].insert(0, {"signInType": "federated", "issuer": "ExternalAzureAD", "issuerAssignedId": None})
    w.companies[aaron["id"]] = PARTNERS["pemberwick.example"]


def _outsiders_who_are_members(w: World) -> None:
    iberia = PARTNERS["contoso-iberia.example"]
    w.guest("dorian", PARTNERS["pemberwick.example"], at("2024-12-03 09:00"), name="Dorian Falk", inviter="tomas")
    w.guest("marta", iberia, at("2025-06-02 06:00"), name="Marta Carvalho")
    w.guest("tiago", iberia, at("2025-06-02 06:00:04"), name="Tiago Sousa")
    w.guest("old-consultant", PARTNERS["silverfen.example"], at("2020-11-30 10:00"), name="Edda Rasch", inviter="marek")
    for key in ("dorian", "marta", "tiago", "old-consultant"):
        w.users[key]["userType"] = "Member"


def _licence(sku: str, group: str | None) -> dict[str, object]:
    return {
        "skuId": sku,
        "disabledPlans": [],
        "assignedByGroup": group,
        "state": "Active",
        "error": "None",
        "lastUpdatedDateTime": "2026-02-01T08:00:00Z",
    }


HOMES = (
    *("northgate-tooling.example",) * 5,
    *("halden-shipping.example",) * 4,
    *("pemberwick.example",) * 4,
    *("ostara-design.example",) * 3,
    *("silverfen.example",) * 3,
    *("brightwater-legal.example",) * 3,
    *("vorwerkstatt.example",) * 2,
    *("maison-oriel.example",) * 2,
    "sakura-denki.example",
    "arroyo-foods.example",
    "tarnmoor-energy.example",
    "zeta-freight.example",
    "oldharbour.example",
    "kaplan-osei.example",
    "bluefin-robotics.example",
    "hollowbrook.example",
)
"""Where the many come from: a few large partners and a long tail."""

MANY = {
    "active": 21,
    "idle": 12,
    "long-idle": 8,
    "never": 5,
    "never-old": 3,
    "failing": 2,
    "pending-new": 4,
    "pending-mid": 5,
    "pending-old": 9,
    "disabled": 5,
    "stateless": 3,
}
"""The many others by how they live."""


def many(w: World) -> None:
    """Add the guests that every grown tenant has: used, idle, never seen, pending, disabled, forgotten."""
    for kind, count in MANY.items():
        for n in range(count):
            key = f"{kind}-{n:02d}"
            consumer = share(16, "consumer", key)
            home = CONSUMERS[pick(tuple(CONSUMERS), key)] if consumer else PARTNERS[pick(HOMES, key)]
            _one(w, kind, key, home)


def _one(w: World, kind: str, key: str, home: Company, *, name: str | None = None, local: str = "") -> None:
    first, last = person("contoso", key)
    if not home.name and not local:
        local = f"{first}.{last}.contosoguest{number(10, 99, key)}".encode("ascii", "ignore").decode().lower()
    days = {
        "active": (40, 1100),
        "idle": (300, 1500),
        "long-idle": (500, 2100),
        "never": (45, 900),
        "never-old": (2430, 2800),
        "failing": (200, 700),
        "pending-new": (2, 26),
        "pending-mid": (34, 85),
        "pending-old": (95, 1600),
        "disabled": (200, 1400),
        "stateless": (2500, 3000),
    }[kind]
    created = jitter(w.clock - timedelta(days=number(*days, "age", key)), 30_000, key)
    pending = kind.startswith("pending")
    accepted = created + timedelta(minutes=number(4, 6000, "accepts", key))
    more: dict[str, object] = {"accountEnabled": kind != "disabled"}
    if kind == "pending-old" and share(50, "re-sent", key):
        more["changed"] = created + timedelta(days=number(1, 20, "re-sent", key))
    elif not pending:
        more["changed"] = accepted
    w.guest(
        key,
        home,
        created,
        name=name,
        local=local,
        sponsor=_sponsor(kind, key),
        inviter=pick(("owen", "owen", "bram", "lucia", "marek", "greta", "aiko", "tomas"), "inviter", key),
        state="PendingAcceptance" if pending else (None if kind == "stateless" else "Accepted"),
        **more,
    )
    _seen(w, kind, key)


def _sponsor(kind: str, key: str) -> str:
    """Say who answers for a guest: living staff, nobody, somebody who left, or another guest."""
    if kind in ("never-old", "stateless"):
        return "nobody"
    lot = number(0, 99, "sponsor", key)
    for limit, who in ((42, ""), (72, "nobody"), (90, "marek"), (96, "jonas")):
        if lot < limit:
            return who
    return pick(("owen", "bram"), key)


def _seen(w: World, kind: str, key: str) -> None:
    row = w.users[key]
    low, high = {
        "active": (31, 80),
        "idle": (95, 178),
        "long-idle": (190, 700),
        "disabled": (60, 400),
        "stateless": (90, 900),
    }.get(kind, (0, 0))
    if high:
        created = at(str(row["createdDateTime"])[:19].replace("T", " "))
        when = max(w.clock - timedelta(days=number(low, high, "seen", key)), created + timedelta(hours=5))
        quiet = when - timedelta(days=number(0, 9, "quiet", key)) if share(60, "quiet", key) else None
        row["signInActivity"] = dict(activity(when, quiet=quiet))
    if kind == "failing":
        # Tried and never got in: an attempt is no sign-in.
        tried = z(w.clock - timedelta(days=number(3, 20, "tried", key)))
        row["signInActivity"] = {
            "lastSignInDateTime": tried,
            "lastSignInRequestId": guid("tried", key),
            "lastNonInteractiveSignInDateTime": None,
            "lastNonInteractiveSignInRequestId": "",
            "lastSuccessfulSignInDateTime": None,
            "lastSuccessfulSignInRequestId": "",
        }


def hostile_guests(w: World) -> None:
    """Add guests who chose names that break careless readers; they live like the others."""
    kinds = ("active", "active", "idle", "pending-mid", "never", "long-idle", "pending-old", "active", "disabled")
    for n, name in enumerate(hostile.NAMES):
        home = PARTNERS[pick(HOMES, "hostile", n)]
        _one(w, kinds[n % len(kinds)], f"hostile-{n:02d}", home, name=name, local=f"visitor{n:02d}")
    for n, company in enumerate(hostile.COMPANIES):
        w.users[f"hostile-{n * 3:02d}"]["companyName"] = company
    for n, local in enumerate(hostile.LOCAL_PARTS):
        _one(w, "active", f"odd-mail-{n}", PARTNERS["arroyo-foods.example"], local=local)
    # Addresses that are none: no domain can be told from them.
    for n, mail in enumerate(("user@[192.0.2.1]", "plainaddress")):
        row = w.users[f"odd-mail-{n + 6}"]
        row["mail"], row["otherMails"] = mail, []
        row["userPrincipalName"] = f"guest{n}#EXT#@{w.initial}"
        row["identities"][0]["issuerAssignedId"] = None
        row["identities"][-1]["issuerAssignedId"] = row["userPrincipalName"]
