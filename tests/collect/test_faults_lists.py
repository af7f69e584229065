"""Every fault at every source that counts its list or asks in batches: the page, the count, the batch, its items."""

import pytest

from tests.collect.matrix import row
from tests.collect.shares import LISTS


@pytest.mark.parametrize("name", sorted(LISTS))
def test_no_crash_no_false_pass_no_row_lost_or_doubled(name: str) -> None:
    found = row(name)
    assert found.wrong == []
    assert found.cells >= 73
    assert found.writes == []
