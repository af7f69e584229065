"""What all tests share."""

import pytest


def pytest_make_parametrize_id(config: pytest.Config, val: object, argname: str) -> str | None:
    """Name bytes by their argument: some hold a time, and every worker must collect the same names."""
    return argname if isinstance(val, bytes) else None
