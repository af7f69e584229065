"""What holds for every test.

A property is judged by its truth, not by how busy the machine is; and every
worker collects the same names.
"""

import pytest
from hypothesis import settings

settings.register_profile("posture", deadline=None)
settings.load_profile("posture")


def pytest_make_parametrize_id(config: pytest.Config, val: object, argname: str) -> str | None:
    """Name bytes by their argument: some hold a time of their own."""
    return argname if isinstance(val, bytes) else None
