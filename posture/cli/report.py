"""`posture report`: render a finished run again, offline."""

from pathlib import Path
from typing import Annotated

import typer

from posture.cli import options as o
from posture.cli.console import say, say_bytes
from posture.errors import SettingsError


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(report)


def report(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder.")],
    formats: Annotated[
        list[str] | None,
        typer.Option("--format", metavar="NAME", help="html, md, json, csv, terminal …; may be repeated."),
    ] = None,
    config: o.ConfigFile = None,
    no_people: o.NoPeople = False,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FOLDER", help="Write here instead of into the run folder.")
    ] = None,
    stdout: Annotated[bool, typer.Option("--stdout", help="Write the one format to stdout.")] = False,
) -> None:
    """Render a run's reports again from its evidence; nothing is asked of anybody."""
    import io

    from posture.assess.evaluate import evaluate
    from posture.cli import config as c
    from posture.cli.audit import compared
    from posture.cli.config import brand_of
    from posture.history.runs import evidence_of
    from posture.report import FORMATS, write_reports
    from posture.report import formats as known_formats
    from posture.report.view import Options, RunView
    from posture.snapshot.settings_file import load_settings
    from posture.snapshot.store import load

    wanted = tuple(formats or ("html", "md"))
    known_formats(w for w in wanted if w != "terminal")
    if stdout and len(wanted) != 1:
        raise SettingsError("--stdout takes exactly one --format")
    evidence = evidence_of(run)
    loaded = c.load(config)
    snapshot = load(evidence)
    assessment = evaluate(snapshot, load_settings(evidence))
    view = RunView(
        assessment,
        snapshot,
        run,
        changes=compared(run.resolve().parent, assessment, snapshot),
        brand=brand_of(loaded),
        options=Options(people=not no_people),
    )
    if "terminal" in wanted:
        from posture.report.terminal import summary_lines

        for line in summary_lines(assessment, width=80):
            say(line)
        wanted = tuple(w for w in wanted if w != "terminal")
    if stdout and wanted:
        buffer = io.BytesIO()
        FORMATS[wanted[0]].render(view, buffer)
        say_bytes(buffer.getvalue())
        return
    if wanted:
        for path in write_reports(view, out or run, wanted):
            say(str(path))
