"""Mail domains: which are for private persons, and how to compare two."""

from posture.settings import Thresholds

_COUNTRY_SECOND_LEVEL = {"co", "com", "net", "org", "ne", "or"}
_KEPT = 4096
"""Domains whose answer is kept: most guests come from few."""


class ConsumerDomains:
    """Domains of mail for private persons: those listed, and a listed name under any country's ending."""

    def __init__(self, thresholds: Thresholds) -> None:
        self._listed = {plain_domain(d).lstrip("@") for d in thresholds.consumer_domains}
        self._stems = {d.strip().casefold().removesuffix(".*") for d in thresholds.consumer_domain_stems}
        self._known: dict[str, bool] = {}

    def __contains__(self, domain: str) -> bool:
        found = self._known.get(domain)
        if found is None:
            found = self._look(domain)
            if len(self._known) < _KEPT:
                self._known[domain] = found
        return found

    def _look(self, domain: str) -> bool:
        if domain in self._listed:
            return True
        stem, _, ending = domain.partition(".")
        if stem not in self._stems:
            return False
        second, dot, country = ending.partition(".")
        # live.co.uk is a mailbox for anyone, live.partner.example a machine of some partner.
        return not dot or (second in _COUNTRY_SECOND_LEVEL and len(country) == 2)


def plain_domain(domain: str) -> str:
    """Return a domain ready to compare: lower case, no trailing dot, international names in their DNS form."""
    domain = domain.strip().rstrip(".").lower()
    if domain.isascii():
        return domain
    try:
        return domain.encode("idna").decode("ascii")
    except UnicodeError:
        return domain
