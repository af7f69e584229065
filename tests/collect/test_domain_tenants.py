from collections.abc import Iterator
from typing import Any

import pytest

from posture.collect.domain_tenants import first_domains


def guests(domains: list[str]) -> Iterator[dict[str, Any]]:
    return ({"id": str(i), "mail": f"a@{domain}"} for i, domain in enumerate(domains))


@pytest.mark.parametrize("count", [0, 1, 5, 6, 11, 40])
def test_the_first_in_alphabetical_order_are_asked_for(count: int) -> None:
    domains = [f"d{(i * 7) % max(count, 1):02d}.example" for i in range(count)]
    asked, more = first_domains(guests(domains * 2), 5)
    assert asked == sorted(set(domains))[:5]
    assert more is (len(set(domains)) > 5)


def test_what_is_no_plain_domain_is_not_asked_for() -> None:
    asked, more = first_domains(guests(["b.example", "o'neil.example", "münchen.example", "nowhere"]), 5)
    assert (asked, more) == (["b.example"], False)
