"""Everything that must hold before a change is done: format, lint, types, tests.

    python tests/check.py [pytest arguments]

Each step runs even when one before it failed; the exit status is 0 only when
all passed.
"""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
STEPS = (
    ("format", ["-m", "ruff", "format", "--check", "."]),
    ("lint", ["-m", "ruff", "check", "."]),
    ("types", ["-m", "mypy"]),
    ("tests", ["-m", "pytest", "-n", "auto", "--dist", "loadfile", *sys.argv[1:]]),
)


def main() -> int:
    """Run the steps and say which failed."""
    failed = []
    for name, arguments in STEPS:
        print(f"== {name}", flush=True)
        environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": ""}
        if subprocess.run([sys.executable, *arguments], cwd=ROOT, env=environment, check=False).returncode:
            failed.append(name)
    print(f"failed: {', '.join(failed)}" if failed else "all passed", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
