"""The command line: one typer app; its commands import what they need when they run."""

import os
import sys
from typing import Annotated

import typer

from posture import __version__
from posture.errors import EvidenceError, GraphError, OutputError, PostureError, SettingsError, SignInError

USAGE = 2
"""Usage or configuration, before any call to Graph."""
FINDINGS = 1
"""Findings at or above --fail-on."""
NOT_ASSESSED = 3
"""Something not assessed or in error."""
NO_AUDIT = 4
"""No audit made."""
INTERRUPTED = 130
"""Ctrl-C, as shells count it."""

app = typer.Typer(
    name="posture",
    help="Read-only guest-access auditor for Microsoft Entra.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"posture {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Read-only guest-access auditor for Microsoft Entra."""


def _commands() -> None:
    """Register the command groups; each module imports only typer and plain settings."""
    from posture.cli import audit, controls, doctor, emulate, hunt, report

    for module in (audit, report, doctor, controls, hunt, emulate):
        module.register(app)


def run() -> None:
    """Run the command line; the only place that turns a PostureError into one line and an exit code."""
    _commands()
    try:
        app(standalone_mode=True)
    except PostureError as error:
        _one_line(str(error))
        sys.exit(exit_code_of(error))
    except KeyboardInterrupt:
        _one_line("interrupted; nothing was lost: take it up again with posture audit --resume")
        sys.exit(INTERRUPTED)
    except BrokenPipeError:
        # The reader of our output went away, as `| head` does.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)


def exit_code_of(error: PostureError) -> int:
    """Return the exit code for a problem: 2 before any call, 4 where no audit was made."""
    if isinstance(error, SettingsError):
        return USAGE
    if isinstance(error, GraphError | SignInError | EvidenceError | OutputError):
        return NO_AUDIT
    return NO_AUDIT


def _one_line(text: str) -> None:
    from posture.cli.console import tell

    shown = "".join(c if c.isprintable() else " " for c in " ".join(text.split()))
    tell(f"posture: {shown}")
