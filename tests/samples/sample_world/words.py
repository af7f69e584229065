"""Names of people, companies and places. All of them are made up; domains end in .example."""

from dataclasses import dataclass

from sample_world.ids import guid, pick


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


FIRST = _words(
    """
    Adaeze Agnes Akira Alma Amara Anouk Anton Asha Astrid Aurelio Beatriz Bence Björn Blessing Bram Camille
    Casimir Chiara Dagmar Dalia Darko Delphine Diego Dilnoza Edda Efua Eirik Elif Emeka Emre Enrique Esi Farid
    Fatou Felix Fenna Filip Freya Gabor Giulia Goran Greta Gwen Hana Hanne Henrik Ibrahim Ida Imani Ines Iris
    Ivana Jana Jasper Jelena João Jonas Juno Kaisa Kamil Karim Katya Kenji Kofi Laila Lars Leandro Lena Levin
    Linnea Luca Lucía Maeve Magnus Malik Marit Mateo Mei Milan Mina Mireille Nadia Naoko Nikhil Nils Noor
    Odile Olena Omar Paloma Pavel Petra Priya Quentin Radu Rania Rasmus Renske Rhea Rosa Ruben Saga Samir
    Sanne Selma Simone Soren Stellan Sunniva Tamar Tariq Tilda Tomas Uma Valentina Vera Viggo Wanjiru Wiktor
    Xenia Yara Yusuf Zainab Zofia
    """
)

LAST = _words(
    """
    Abara Adeyemi Ahlgren Aldous Almeida Andersen Aoyama Arden Asante Bakker Balogun Bauer Bellamy Berglund
    Bianchi Brandt Calder Carvalho Castell Chaudhry Cisse Conti Darrow Dubois Duda Ekdahl Elvström Eriksen
    Falk Farrow Ferrand Fontaine Garnett Ghosh Grieg Haddad Halloran Hartley Haverkamp Heikkinen Holt Horvath
    Ibsen Ionescu Jansma Jokinen Kallio Kaplan Keita Kimura Kovac Kruger Lafitte Lagerfelt Larsen Leclair
    Lindqvist Lund Machado Marsh Mbeki Meier Mensah Moreau Moss Nair Navarro Nowak Nygaard Oduya Okafor Orlov
    Osei Park Pereira Petrov Pike Quill Rahman Rasch Ricci Rivas Rosen Rowan Saarinen Sabry Salonen Santos
    Sato Schreiber Silva Solberg Sousa Steiner Sundaram Tamm Tanaka Tarrant Teixeira Thorne Tremblay Ueda
    Vance Varga Verhoeven Vogt Voss Wagner Weidmann Wolff Yilmaz Zeller Zimmer
    """
)


@dataclass(frozen=True)
class Place:
    """A city with its coordinates."""

    city: str
    state: str
    country: str
    latitude: float
    longitude: float


PLACES = {
    p.city: p
    for p in (
        Place("Bristol", "England", "GB", 51.4545, -2.5879),
        Place("Leeds", "England", "GB", 53.8008, -1.5491),
        Place("London", "England", "GB", 51.5072, -0.1276),
        Place("Malmö", "Skane Lan", "SE", 55.605, 13.0038),
        Place("Boston", "Massachusetts", "US", 42.3601, -71.0589),
        Place("Austin", "Texas", "US", 30.2672, -97.7431),
        Place("Bergen", "Vestland", "NO", 60.3913, 5.3221),
        Place("Oslo", "Oslo", "NO", 59.9139, 10.7522),
        Place("Hamburg", "Hamburg", "DE", 53.5511, 9.9937),
        Place("Dublin", "Dublin", "IE", 53.3498, -6.2603),
        Place("Utrecht", "Utrecht", "NL", 52.0907, 5.1214),
        Place("Graz", "Steiermark", "AT", 47.0707, 15.4395),
        Place("Lyon", "Auvergne-Rhone-Alpes", "FR", 45.764, 4.8357),
        Place("Osaka", "Osaka", "JP", 34.6937, 135.5023),
        Place("Valparaiso", "Valparaiso", "CL", -33.0472, -71.6127),
        Place("Santos", "Sao Paulo", "BR", -23.9608, -46.3336),
        Place("Accra", "Greater Accra", "GH", 5.6037, -0.187),
        Place("Busan", "Busan-Gwangyeoksi", "KR", 35.1796, 129.0756),
        Place("Porto", "Porto", "PT", 41.1579, -8.6291),
        Place("Lagos", "Lagos", "NG", 6.5244, 3.3792),
        Place("Chisinau", "Chisinau", "MD", 47.0105, 28.8638),
        Place("Singapore", "Central Singapore", "SG", 1.3521, 103.8198),
        Place("Auckland", "Auckland", "NZ", -36.8509, 174.7645),
        Place("Toronto", "Ontario", "CA", 43.6532, -79.3832),
        Place("Tallinn", "Harjumaa", "EE", 59.437, 24.7536),
        Place("Ho Chi Minh City", "Ho Chi Minh", "VN", 10.8231, 106.6297),
    )
}


@dataclass(frozen=True)
class Company:
    """Where guests come from. `proof` is how they prove who they are: entra, otp, saml, google or msa."""

    domain: str
    name: str
    city: str
    proof: str = "entra"

    @property
    def tenant(self) -> str:
        """The id of its own tenant."""
        return guid("tenant", self.domain)

    @property
    def default_domain(self) -> str:
        """The domain Graph names it by."""
        return f"{self.domain.split('.')[0].replace('-', '')}.onmicrosoft.com"


def _companies(*rows: Company) -> dict[str, Company]:
    return {c.domain: c for c in rows}


PARTNERS = _companies(
    Company("northgate-tooling.example", "Northgate Tooling Ltd", "Leeds"),
    Company("ostara-design.example", "Ostara Design Studio AB", "Malmö"),
    Company("brightwater-legal.example", "Brightwater Legal LLP", "Boston"),
    Company("halden-shipping.example", "Halden Shipping AS", "Bergen"),
    Company("quillon-audit.example", "Quillon Audit & Assurance", "Hamburg"),
    Company("pemberwick.example", "Pemberwick Consulting", "Dublin"),
    Company("silverfen.example", "Silverfen Analytics BV", "Utrecht"),
    Company("nimbus-staffing.example", "Nimbus Staffing Inc.", "Austin"),
    Company("vorwerkstatt.example", "Vorwerkstatt GmbH", "Graz", "saml"),
    Company("maison-oriel.example", "Maison Oriel SARL", "Lyon", "otp"),
    Company("sakura-denki.example", "Sakura Denki KK", "Osaka"),
    Company("arroyo-foods.example", "Arroyo Foods S.A.", "Valparaiso", "otp"),
    Company("tarnmoor-energy.example", "Tarnmoor Energy plc", "Bristol"),
    Company("zeta-freight.example", "Zeta Freight Ltda", "Santos"),
    Company("oldharbour.example", "Old Harbour Ltd (dissolved)", "London"),
    Company("notcontoso.example", "Notcontoso Logistics", "Tallinn"),
    Company("kaplan-osei.example", "Kaplan Osei Partners", "Accra", "otp"),
    Company("bluefin-robotics.example", "Bluefin Robotics", "Busan"),
    Company("hollowbrook.example", "Hollowbrook Facilities", "Toronto", "google"),
    Company("contoso-iberia.example", "Contoso Iberia S.L.", "Porto"),
)
CONSUMERS = _companies(
    Company("gmail.com", "", "Lagos", "google"),
    Company("outlook.com", "", "Toronto", "msa"),
    Company("hotmail.co.uk", "", "London", "msa"),
    Company("yahoo.com", "", "Singapore", "otp"),
    Company("proton.me", "", "Tallinn", "otp"),
    Company("gmx.de", "", "Hamburg", "otp"),
)
"""Mail domains of private people; the local parts are too odd to be anybody's."""

_ASCII = str.maketrans("åäáâãçéèêëíïñóôõöøúüßÅÄÖØ", "aaaaaceeeeiinooooouusAAOO")


def person(*words: object) -> tuple[str, str]:
    """Return a first and a last name."""
    return pick(FIRST, "first", *words), pick(LAST, "last", *words)


def mail_name(first: str, last: str) -> str:
    """Return the local part a company would give a person."""
    return f"{first}.{last}".translate(_ASCII).replace(" ", "").replace("'", "").lower()
