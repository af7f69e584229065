"""Guest sign-ins by place: grouped as the log's city, never by person."""

from datetime import datetime

from posture.hunts.activities import PORTALS
from posture.hunts.events import SignInEvent
from posture.hunts.results import Place
from posture.hunts.sorting import Sorted

PLACES = 2_000
"""Places told apart; sign-ins elsewhere are counted together."""


class _Spot:
    def __init__(self, event: SignInEvent) -> None:
        self.latitude, self.longitude = _point(event)
        self.city, self.country = event.city, event.country
        self.succeeded = self.failed = self.guests = self.portal = 0
        self.last: datetime | None = None
        self.person: str | None = None


def sign_in_places(guest_sign_ins: Sorted[SignInEvent]) -> tuple[tuple[Place, ...], int]:
    """Return where guests signed in, most sign-ins first, and how many sign-ins are past the limit.

    Coordinates are rounded to a tenth of a degree, about 10 km: the log gives
    a city's, not a person's.
    """
    spots: dict[tuple[float | None, float | None, str, str], _Spot] = {}
    left_out = 0
    for person, events in guest_sign_ins.groups():
        for event in events:
            latitude, longitude = _point(event)
            key = (latitude, longitude, event.city.casefold(), event.country.casefold())
            spot = spots.get(key)
            if spot is None:
                if len(spots) >= PLACES:
                    left_out += 1
                    continue
                spot = spots[key] = _Spot(event)
            spot.succeeded += event.succeeded
            spot.failed += not event.succeeded
            spot.portal += event.app_id in PORTALS
            if event.at is not None and (spot.last is None or event.at > spot.last):
                spot.last = event.at
            if spot.person != person:
                spot.person = person
                spot.guests += 1
    places = [
        Place(s.latitude, s.longitude, s.city, s.country, s.succeeded, s.failed, s.guests, s.portal, s.last)
        for s in spots.values()
    ]
    return tuple(sorted(places, key=_order)), left_out


def _point(event: SignInEvent) -> tuple[float | None, float | None]:
    """Return rounded coordinates; none where one is missing, or both are 0, which is no place a guest sits at."""
    if event.latitude is None or event.longitude is None or (event.latitude == 0 and event.longitude == 0):
        return None, None
    return round(event.latitude, 1) + 0.0, round(event.longitude, 1) + 0.0


def _order(place: Place) -> tuple[int, str, str, float, float]:
    return -place.total, place.country, place.city, place.latitude or 0.0, place.longitude or 0.0
