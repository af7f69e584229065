"""Rebuild `reports/example/`, the committed run of the sample tenant.

    python -m tests.example

People read the difference before they commit it; `tests/test_example.py` compares.
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
EXAMPLE = ROOT / "reports" / "example"


def make(place: Path) -> Path:
    """Audit the sample into a folder and return the run."""
    command = [sys.executable, "-m", "posture", "audit", "--sample", "contoso", "--quiet", "--out", str(place)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode != 1:
        raise SystemExit(f"the audit ended with {done.returncode}: {done.stderr}")
    return Path(done.stdout.splitlines()[-1])


def main() -> None:
    """Replace the example."""
    with tempfile.TemporaryDirectory() as folder:
        run = make(Path(folder))
        shutil.rmtree(EXAMPLE, ignore_errors=True)
        shutil.copytree(run, EXAMPLE)
    for path in EXAMPLE.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)


if __name__ == "__main__":
    main()
