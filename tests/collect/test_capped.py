"""Twenty expanded items may be cut short, whatever letters stand in them."""

import json

import pytest

from posture.collect.rows import EXPAND_CAP, is_capped


def row(count: int, name: str = "g") -> bytes:
    items = [{"id": str(n), "displayName": name} for n in range(count)]
    return json.dumps({"id": "a", "transitiveMemberOf": items}).encode()


@pytest.mark.parametrize("name", ["g", "\ud800", "\udc00x", "\u0000", '"id"'])
def test_twenty_items_may_go_on(name: str) -> None:
    assert is_capped(row(EXPAND_CAP, name), "transitiveMemberOf")
    assert not is_capped(row(EXPAND_CAP - 1, name), "transitiveMemberOf")


def test_another_list_of_twenty_does_not_count() -> None:
    assert not is_capped(row(EXPAND_CAP), "ownedObjects")
