"""The committed example is what this version makes of the sample tenant, byte for byte."""

import gzip
from pathlib import Path

from tests.example import EXAMPLE, make


def _content(file: Path) -> bytes:
    """Return a file's bytes; of gzip what it holds, since its own bytes depend on the zlib at hand."""
    data = file.read_bytes()
    return gzip.decompress(data) if file.suffix == ".gz" else data


def test_the_example_is_fresh(tmp_path):
    run = make(tmp_path)
    made = {str(p.relative_to(run)): p for p in run.rglob("*") if p.is_file()}
    kept = {str(p.relative_to(EXAMPLE)): p for p in EXAMPLE.rglob("*") if p.is_file()}
    remedy = "rebuild it with `python -m tests.example` and read the difference"
    assert sorted(made) == sorted(kept), remedy
    stale = [name for name in sorted(made) if _content(made[name]) != _content(kept[name])]
    assert not stale, f"{stale} differ; {remedy}"
