"""The command line: one typer app; its commands import what they need when they run."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from posture import __version__
from posture.cli.exits import INTERRUPTED, NO_AUDIT, USAGE
from posture.errors import PostureError, SettingsError, StoppedError

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
    from posture.cli.mistakes import listen

    listen()


def _commands() -> None:
    """Register the command groups; each module imports only typer and plain settings."""
    from posture.cli import audit, controls, doctor, emulate, hunt, plan, report

    for module in (audit, report, plan, doctor, controls, hunt, emulate):
        module.register(app)


def run() -> None:
    """Run the command line and exit; the only place that turns a problem into one line and an exit status."""
    from posture.cli.console import flush

    if sys.argv[1:] != ["--version"]:  # scripts ask for it again and again, and it takes no command to answer
        _commands()
    code = _status()
    try:
        flush()
    except PostureError as error:
        _one_line(str(error))
        code = code or exit_code_of(error)
    sys.exit(code)


def _status() -> int:
    try:
        _refuse_empty(sys.argv[1:])
        code = app(prog_name="posture", standalone_mode=False)
    except PostureError as error:
        notes = [note for note in getattr(error, "__notes__", ()) if note]
        _one_line(". ".join(said.rstrip(".") for said in (str(error), *notes)) + ("." if notes else ""))
        return exit_code_of(error)
    except (KeyboardInterrupt, typer.Abort):
        code = INTERRUPTED
    except OSError as error:  # what no command foresaw: a folder without rights, a name too long, a full disk
        if not _stands_somewhere():
            _one_line("the current folder is gone; change to another")
            return USAGE
        if not error.filename or not error.strerror:
            return _bug(error)
        _one_line(f"{str(error.filename)[:120]}: {error.strerror}")
        return NO_AUDIT
    except Exception as error:  # typer's complaints about usage have no public class; all else is our own bug
        return _usage(error) if hasattr(error, "format_message") else _bug(error)
    if code == INTERRUPTED:
        _one_line("interrupted")
    return code if isinstance(code, int) else 0


def _stands_somewhere() -> bool:
    try:
        Path.cwd()
    except OSError:
        return False
    return True


def _refuse_empty(words: list[str]) -> None:
    """Refuse an empty word: a shell variable that is not set must not become the current folder."""
    for before, word in zip(["", *words], words, strict=False):
        option, is_one, value = word.partition("=")
        if not word.strip() or (is_one and option.startswith("--") and not value.strip()):
            name = option if is_one else before if before.startswith("-") else "an argument"
            raise SettingsError(f"{name} is empty; was a variable meant that is not set?")


def _usage(error: Any) -> int:
    """Say what typer holds against the command line; without arguments, show the help."""
    message = error.format_message()
    context = getattr(error, "ctx", None)
    if context is not None and message == context.get_help():
        typer.echo(message, err=True)
        return USAGE
    path = context.command_path if context is not None else "posture"
    _one_line(f"{message if message.endswith(('.', '?')) else message + '.'} Try {path} --help.")
    return USAGE


def _bug(error: Exception) -> int:
    """Own up to a mistake of ours; never exit as if there were findings."""
    from posture.cli.mistakes import own_up

    own_up("this", error)
    return NO_AUDIT


def exit_code_of(error: PostureError) -> int:
    """Return the exit code for a problem: 2 before any call, 4 where no audit was made."""
    if isinstance(error, StoppedError):
        return INTERRUPTED
    return USAGE if isinstance(error, SettingsError) else NO_AUDIT


def _one_line(text: str) -> None:
    from posture.cli.console import tell

    shown = "".join(c if c.isprintable() else " " for c in " ".join(text.split()))
    tell(f"posture: {shown}")
