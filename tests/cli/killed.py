"""Run `posture` and die by SIGKILL at the n-th call of a function.

python -m tests.cli.killed MODULE:NAME:N posture-arguments…
"""

import importlib
import os
import signal
import sys
from typing import Any

from posture.cli import main


def arm(place: str) -> None:
    """Make the n-th call of a function, counted from 1, the last thing this process does."""
    module, name, number = place.split(":")
    owner: Any = importlib.import_module(module)
    *path, last = name.split(".")
    for part in path:
        owner = getattr(owner, part)
    kept, left = getattr(owner, last), int(number)

    def call(*args: Any, **named: Any) -> Any:
        nonlocal left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return kept(*args, **named)

    setattr(owner, last, call)


if __name__ == "__main__":
    arm(sys.argv[1])
    sys.argv = ["posture", *sys.argv[2:]]
    main.run()
