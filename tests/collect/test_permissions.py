"""What the gatherers ask for is the least that Microsoft's own data says will do, under the ids it has there."""

import json
from typing import Any

import pytest

from posture.collect.permissions import PERMISSIONS
from posture.collect.registry import gatherers
from tests.shared import shared

SERVED_BESIDES = {"groups"}
"""Read with a permission that another list needs anyway, rather than with one more."""


@pytest.fixture(scope="module")
def known() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(shared("graph", "permissions.json").read_text())
    return found


def test_each_permission_is_the_least_or_a_named_exception(known: dict[str, Any]) -> None:
    endpoints = {name.replace(" /", "/").replace(" ", " /", 1): v for name, v in known["endpoints"].items()}
    compared = 0
    for name, g in gatherers().items():
        told = endpoints.get(g.endpoint)
        if told is None or name in SERVED_BESIDES:
            continue
        compared += 1
        asked = {p.strip() for p in g.permission.split("+")}
        assert asked <= {*told["applicationLeast"], *told["delegatedLeast"]}, name
    assert compared >= 25


def test_the_ids_are_microsofts(known: dict[str, Any]) -> None:
    ids = known["permissionIds"]
    told = {p: (ids[p].get("Application", ""), ids[p].get("DelegatedWork", "")) for p in PERMISSIONS if p in ids}
    assert told == {p: tuple(PERMISSIONS[p]) for p in told}
    assert len(told) >= 20
