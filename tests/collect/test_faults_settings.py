"""Every fault at every source that is one answer or one short list; the others are in test_faults_lists.py."""

import pytest

from tests.collect.matrix import row
from tests.collect.shares import SETTINGS
from tests.collect.world import known_gatherers


@pytest.mark.parametrize("name", sorted(SETTINGS))
def test_no_crash_no_false_pass_no_row_lost_or_doubled(name: str) -> None:
    found = row(name)
    assert found.wrong == []
    assert found.cells >= 73
    assert found.writes == []


def test_every_gatherer_is_in_one_of_the_two() -> None:
    from tests.collect.shares import LISTS

    assert sorted(SETTINGS | LISTS) == known_gatherers()
    assert not SETTINGS & LISTS
