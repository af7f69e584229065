"""`posture report`: render a finished run again, offline."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from posture.cli import options as o
from posture.cli.choices import flag_of, view_of
from posture.cli.console import say, say_all, say_bytes, say_json, tell, width
from posture.errors import EvidenceError, SettingsError

if TYPE_CHECKING:
    from posture.report.view import RunView


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(report)


def report(
    run: Annotated[Path, typer.Argument(metavar="RUN|EVIDENCE", help="A run folder or its evidence folder.")],
    formats: Annotated[
        list[str] | None,
        typer.Option(
            "--format",
            metavar="NAME",
            help="html, md, json, csv, xlsx, pdf, sarif, oscal, ocsf, junit or terminal; may be repeated. "
            "html and md otherwise.",
        ),
    ] = None,
    config: o.ConfigFile = None,
    no_people: o.NoPeople = False,
    paper: o.Paper = None,
    short: o.Short = False,
    browser: o.Browser = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FOLDER", help="Write here instead of into the run folder.")
    ] = None,
    stdout: Annotated[bool, typer.Option("--stdout", help="Write the one format to stdout.")] = False,
    json_out: o.Json = False,
) -> None:
    """Render a run's reports again, offline.

    From its evidence and the settings it was judged with. The terminal format is the summary that an audit prints.
    """
    import io
    import tempfile

    from posture.assess.evaluate import evaluate
    from posture.cli import config as c
    from posture.cli.audit import compared
    from posture.cli.config import brand_of
    from posture.cli.recorded import recorded
    from posture.history.runs import place_for, run_of
    from posture.plan.build import impacts
    from posture.report import FORMATS, write_reports
    from posture.report import formats as known_formats
    from posture.report.view import RunView

    loaded = c.load(config)
    named = loaded.several("format", formats)
    wanted = tuple(named.value if formats else dict.fromkeys(("html", "md", *named.value)))
    made = known_formats((w for w in wanted if w != "terminal"), named.named("format"))
    if stdout and len(wanted) != 1:
        raise SettingsError("--stdout takes exactly one --format")
    if flag_of(loaded, "json", json_out) and "terminal" in wanted:
        raise SettingsError("--format terminal is for people; leave --json out")
    brand = brand_of(loaded)
    options = view_of(loaded, wanted, no_people=no_people, paper=paper, short=short, browser=browser)
    lists = [f.name for f in made if f.people_only]
    if lists and formats and not options.people:
        raise SettingsError(f"--format {lists[0]} is a list of people; leave it or --no-people out")
    saved = recorded(run)
    snapshot = saved.snapshot
    written_to = run if stdout or wanted == ("terminal",) else place_for(run, out)
    # Which findings concern whom is judged anew: files in a folder from elsewhere may be gone or changed.
    with tempfile.TemporaryDirectory(prefix="posture-report-") as scratch:
        assessment = evaluate(snapshot, saved.settings, affected=Path(scratch))
        view = RunView(
            assessment,
            snapshot,
            run,
            changes=compared((run_of(run) or run).resolve().parent, assessment, snapshot),
            impacts=impacts(assessment, snapshot, people=options.people),
            brand=brand,
            options=options,
            concerned=Path(scratch),
        )
        said = _odd(run_of(run) or run, view)
        if said:
            tell(said)
        if "terminal" in wanted:
            from posture.report.terminal import summary

            for line in summary(assessment, width(), view.changes):
                say(line.text, line.style)
            wanted = tuple(w for w in wanted if w != "terminal")
        if stdout and wanted:
            buffer = io.BytesIO()
            FORMATS[wanted[0]].render(view, buffer)
            say_bytes(buffer.getvalue())
            return
        if wanted:
            written = [str(path) for path in write_reports(view, written_to, wanted)]
            if flag_of(loaded, "json", json_out):
                say_json({"files": written})
            else:
                say_all(written)


def _odd(run: Path, view: "RunView") -> str:
    """Return a sentence where assessment.json is not what the evidence gives; "" where it is, or is not there."""
    import io

    from posture.report import FORMATS
    from posture.snapshot.folder import parse

    file = run / FORMATS["json"].file_of(view)
    if not file.is_file():
        return ""
    buffer = io.BytesIO()
    FORMATS["json"].render(view, buffer)
    was, now = file.read_bytes(), buffer.getvalue()
    if was == now:
        return ""
    try:
        old = parse(was, str(file))
    except EvidenceError as error:
        return f"{error}. The reports show what the evidence gives."
    if not isinstance(old, dict) or old.get("tool") == parse(now, str(file)).get("tool"):
        why = "it, the manifest or the settings were changed after the run"
    else:
        why = "another version of posture wrote it"
    return f"{file} is not what the evidence gives now: {why}. The reports show what the evidence gives."
