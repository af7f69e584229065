"""Dates and numbers as people read them. Times are UTC everywhere and say so."""

from datetime import UTC, datetime

LANGUAGES = ("en", "de", "es", "fr", "it", "nl", "pt", "sv", "da", "nb", "iso")
"""Languages of the dates; the words of a report are English. "iso" writes 2026-11-20."""

_MONTHS = {
    "en": "January February March April May June July August September October November December",
    "de": "Januar Februar März April Mai Juni Juli August September Oktober November Dezember",
    "es": "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre",
    "fr": "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
    "it": "gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre dicembre",
    "nl": "januari februari maart april mei juni juli augustus september oktober november december",
    "pt": "janeiro fevereiro março abril maio junho julho agosto setembro outubro novembro dezembro",
    "sv": "januari februari mars april maj juni juli augusti september oktober november december",
    "da": "januar februar marts april maj juni juli august september oktober november december",
    "nb": "januar februar mars april mai juni juli august september oktober november desember",
}
_FORMS = {
    "de": "{d}. {m} {y}",
    "da": "{d}. {m} {y}",
    "nb": "{d}. {m} {y}",
    "es": "{d} de {m} de {y}",
    "pt": "{d} de {m} de {y}",
}


def long_date(when: datetime, language: str = "en") -> str:
    """Return a date in words, e.g. 20 November 2026."""
    day = when.astimezone(UTC)
    if language not in _MONTHS:
        return iso_date(day)
    month = _MONTHS[language].split()[day.month - 1]
    return _FORMS.get(language, "{d} {m} {y}").format(d=day.day, m=month, y=day.year)


def iso_date(when: datetime | None) -> str:
    """Return 2026-11-20, or "" for None."""
    return when.astimezone(UTC).date().isoformat() if when else ""


def iso_minute(when: datetime | None) -> str:
    """Return 2026-11-20 08:15:31 UTC, or "" for None."""
    return f"{(said := iso_second(when))[:10]} {said[11:19]} UTC" if when else ""


def iso_second(when: datetime | None) -> str:
    """Return 2026-11-20T08:15:31Z, or "" for None."""
    if when is None:
        return ""
    return f"{(when if when.tzinfo is UTC else when.astimezone(UTC)).isoformat()[:19]}Z"


def percent(share: float) -> str:
    """Return 0.914 as 91 %; cut and never rounded up, so that 100 % is all of it and 60 % is not a little less."""
    return "under 1 %" if 0 < share < 0.01 else f"{int(100 * share + 1e-9)} %"


def plural(count: int, one: str, many: str = "") -> str:
    """Return "1 guest", "5,012 guests"."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"
