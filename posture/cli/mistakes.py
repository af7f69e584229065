"""Our own mistakes at the terminal: one line each; the trace only for who asks, since it may quote a guest's name."""

import os
import sys
import traceback
from pathlib import Path

from posture.cli.console import tell

_HOME = Path(__file__).parents[1]


def own_up(what: str, error: BaseException) -> None:
    """Say in one line what went wrong through our fault and how to report it."""
    shown = _wants_trace()
    if shown:
        tell(harmless("".join(traceback.format_exception(error)).rstrip()))
    notes = "".join(f" {note}" for note in getattr(error, "__notes__", ()) if note)
    how = "with the lines above" if shown else "POSTURE_VERBOSE=1 shows the lines to report"
    tell(
        f"posture: {harmless(what)} is a mistake in posture ({type(error).__name__}{_place(error)}), "
        f"not in your tenant; please report it{' ' if shown else '; '}{how}.{notes}"
    )


def listen() -> None:
    """Let what the house logs come out as such lines; a mistake in one control costs no other."""
    import logging

    class _Lines(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            error = record.exc_info[1] if record.exc_info else None
            if error is not None:
                own_up(f"that {record.getMessage()}", error)
            else:
                tell(f"posture: {harmless(record.getMessage())}")

    ours = logging.getLogger("posture")
    if not ours.handlers:
        ours.addHandler(_Lines(logging.WARNING))


def harmless(text: str) -> str:
    """Return lines with whatever a terminal would obey written out."""
    return "".join(c if c.isprintable() or c == "\n" else f"\\u{{{ord(c):x}}}" for c in text)


def _wants_trace() -> bool:
    return bool(
        {"--verbose", "-v"} & set(sys.argv[1:])
        or os.environ.get("POSTURE_VERBOSE", "").strip().casefold() in ("true", "1", "yes", "on")
    )


def _place(error: BaseException) -> str:
    """Name the innermost line of ours that the error went through."""
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        file = Path(frame.filename)
        if file.is_relative_to(_HOME):
            return f" in {file.relative_to(_HOME).as_posix()}, line {frame.lineno}"
    return ""
