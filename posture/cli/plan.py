"""`posture plan`: what to do about a run's findings, with this tenant's ids, impact, order and the way back."""

from pathlib import Path
from typing import Annotated

import typer

from posture.cli import options as o
from posture.cli.console import say, say_all, say_bytes


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(plan)


def plan(
    run: Annotated[Path, typer.Argument(metavar="RUN|EVIDENCE", help="A run folder or its evidence folder.")],
    config: o.ConfigFile = None,
    profile: o.ProfileName = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FOLDER", help="Where the plan goes; RUN/plan otherwise.")
    ] = None,
    json_out: o.Json = False,
) -> None:
    """Write the mitigation plan of a run, offline.

    Markdown, JSON and scripts that only show what they would do. By the settings the run was judged with, unless
    --config names others or --profile changes the profile.
    """
    import tempfile

    from posture.assess.evaluate import evaluate
    from posture.cli import config as c
    from posture.cli.choices import flag_of
    from posture.cli.recorded import recorded
    from posture.history.runs import place_for
    from posture.plan.build import build
    from posture.plan.write import document, write_plan
    from posture.snapshot.folder import dump

    loaded = c.load(config)
    saved = recorded(run)
    settings = saved.settings_by(loaded, profile=profile)
    folder = place_for(run, out, "plan")
    with tempfile.TemporaryDirectory(prefix="posture-plan-") as scratch:
        assessment = evaluate(saved.snapshot, settings, affected=Path(scratch) / "affected")
        made = build(assessment, saved.snapshot, Path(scratch) / "affected")
        written = write_plan(made, assessment, folder)
        if flag_of(loaded, "json", json_out):
            say_bytes(dump(document(made, assessment)))
            return
    ready = sum(1 for p in made.steps if not p.chosen and not p.step.manual and not p.step.blocked)
    say(f"{len(made.remedies)} findings to close in {len(made.steps)} steps; {ready} need no decision.")
    value, later = made.score[0], made.score_after[0]
    if value is not None and later is not None:
        say(f"Score {value:g} of 100 today, {later:g} if all of them passed.")
    say_all(f"  {path}" for path in written if path.parent == folder)
    say(str(folder))
