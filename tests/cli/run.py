"""Run the command line in this process and catch what it says."""

import io
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from unittest.mock import patch

from posture.cli import main


@dataclass
class Said:
    """One command's exit status and words."""

    code: int
    out: str
    err: str

    @property
    def line(self) -> str:
        """The one line about a problem."""
        lines = [line for line in self.err.splitlines() if line.startswith("posture: ")]
        assert len(lines) == 1, self.err
        assert "Traceback" not in self.err
        return lines[0]


def posture(*arguments: str) -> Said:
    """Run `posture` with these arguments."""
    out, err = io.TextIOWrapper(io.BytesIO(), "utf-8"), io.TextIOWrapper(io.BytesIO(), "utf-8")
    with patch.object(sys, "argv", ["posture", *arguments]), redirect_stdout(out), redirect_stderr(err):
        try:
            main.run()
            code = 0
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 1
    for stream in (out, err):
        stream.flush()
    return Said(code, out.buffer.getvalue().decode(), err.buffer.getvalue().decode())  # type: ignore[attr-defined]
