"""Write the four sample tenants: `python tests/samples/make_samples.py` from the repository's root.

The same script writes the same bytes on every machine; `test_samples.py`
compares them with what is committed.
"""

import shutil
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from sample_world import contoso, dayone, halfblind, hardened

SAMPLES = Path(__file__).parents[2] / "samples"
MAKERS = {m.__name__.rpartition(".")[2]: m.make for m in (contoso, dayone, hardened, halfblind)}


def build() -> dict[str, bytes]:
    """Return every file of every sample by its path under `samples/`."""
    return {f"{name}/{path}": data for name, make in MAKERS.items() for path, data in make().files().items()}


def main() -> None:
    """Replace the samples on disk."""
    files = build()
    for name in MAKERS:
        shutil.rmtree(SAMPLES / name, ignore_errors=True)
    for path, data in files.items():
        target = SAMPLES / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
    for name in MAKERS:
        size = sum(len(d) for p, d in files.items() if p.startswith(f"{name}/"))
        sys.stdout.write(f"{name}: {size:,} bytes\n")


if __name__ == "__main__":
    main()
