"""The folder of published facts beside the repository: where it is, tests on others' bodies run."""

from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parent.parent.parent / "shared"


def shared(*parts: str) -> Path:
    """Return a path in the shared folder, or skip the test and say why."""
    path = SHARED.joinpath(*parts)
    if not path.exists():
        pytest.skip(f"published facts are not beside this checkout ({'/'.join(('shared', *parts))} is missing)")
    return path
