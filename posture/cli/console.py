"""The only place that prints: results to stdout, progress and problems to stderr.

A console that lacks a sign gets a question mark. A reader that goes away, as
`| head` does, costs nothing but its own lines: the command goes on and ends
with its own exit status.
"""

import os
import sys
from collections.abc import Iterable
from typing import Any, TextIO

from posture.errors import OutputError

_COLOURS = {
    "strong": "1",
    "soft": "2",
    "fail": "31",
    "partial": "33",
    "manual": "36",
    "none": "35",
    "pass": "32",
}


def say(text: str = "", style: str = "") -> None:
    """Print one line of result; `style` colours it on a terminal that wants colour."""
    code = _COLOURS.get(style) if style and _coloured(sys.stdout) else None
    _write(sys.stdout, f"\x1b[{code}m{text}\x1b[0m" if code and text else text)


def tell(text: str) -> None:
    """Print one line about what is going on."""
    _write(sys.stderr, text)


def say_all(lines: Iterable[str]) -> None:
    """Print lines of result."""
    for line in lines:
        say(line)


def say_bytes(data: bytes) -> None:
    """Print bytes of result as they are."""
    out = sys.stdout
    if out is None:
        return
    try:
        out.flush()
        out.buffer.write(data)
        out.buffer.flush()
    except OSError as error:
        _failed(out, error)


def say_json(value: Any) -> None:
    """Print machine output."""
    from posture.snapshot.folder import dump

    try:
        say_bytes(dump(value))
    except TypeError:  # a path that is no UTF-8
        say_bytes(dump(_all_in_utf8(value)))


def _all_in_utf8(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _all_in_utf8(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_all_in_utf8(v) for v in value]
    return in_utf8(value) if isinstance(value, str) else value


def in_utf8(name: str) -> str:
    """Return a file's name as JSON can hold it: bytes that are no UTF-8 become the sign for what is unknown."""
    return name.encode("utf-8", "surrogatepass").decode("utf-8", "replace")


def width() -> int:
    """Return how many columns results may take: the terminal's, between 40 and 120; 80 where there is none."""
    import shutil

    return min(max(shutil.get_terminal_size((80, 24)).columns, 40), 120) if _is_terminal(sys.stdout) else 80


def fitting(text: str, columns: int, hanging: str | None = None) -> list[str]:
    """Return a line of result, or as many as it takes; those that follow begin with `hanging`.

    None indents them by two more than the first.
    """
    import textwrap

    words = text.lstrip()
    start = text[: len(text) - len(words)]
    after = f"{start}  " if hanging is None else hanging
    lines = textwrap.wrap(
        words,
        columns,
        initial_indent=start,
        subsequent_indent=after,
        break_on_hyphens=False,
        break_long_words=False,
    )
    return lines or [""]


def flush() -> None:
    """Bring out what was printed; the last chance to say that it could not be."""
    for out in (sys.stdout, sys.stderr):
        if out is not None and not out.closed:
            try:
                out.flush()
            except OSError as error:
                _failed(out, error)


def _write(out: TextIO | None, text: str) -> None:
    if out is None:
        return
    encoding = getattr(out, "encoding", None) or "utf-8"
    try:
        print(text.encode(encoding, "replace").decode(encoding), file=out)
    except OSError as error:
        _failed(out, error)


def _failed(out: TextIO, error: OSError) -> None:
    """Send the rest of a stream nowhere: its reader has gone, or its disk is full."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, out.fileno())
    os.close(nowhere)
    if not isinstance(error, BrokenPipeError) and out is sys.stdout:
        raise OutputError(f"the results cannot be printed: {error.strerror or error}") from error


def _is_terminal(out: TextIO | None) -> bool:
    return out is not None and out.isatty()


def _coloured(out: TextIO | None) -> bool:
    """Whether to colour: on a terminal that can, unless NO_COLOR is set (https://no-color.org)."""
    return _is_terminal(out) and not os.environ.get("NO_COLOR") and os.environ.get("TERM", "") not in ("dumb", "")
