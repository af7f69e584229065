"""The only place that prints: results to stdout, progress and problems to stderr."""

import sys
from collections.abc import Iterable
from typing import TextIO


def say(text: str = "") -> None:
    """Print one line of result."""
    _write(sys.stdout, text)


def tell(text: str) -> None:
    """Print one line about what is going on."""
    _write(sys.stderr, text)


def say_all(lines: Iterable[str]) -> None:
    """Print lines of result."""
    for line in lines:
        say(line)


def say_bytes(data: bytes) -> None:
    """Print bytes of result as they are."""
    sys.stdout.flush()
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


def _write(out: TextIO, text: str) -> None:
    encoding = getattr(out, "encoding", None) or "utf-8"
    # A console that lacks a sign gets a question mark, never a traceback.
    print(text.encode(encoding, "replace").decode(encoding), file=out)
