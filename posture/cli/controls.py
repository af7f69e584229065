"""`posture controls list` and `explain`: the catalogue at the terminal."""

from typing import Annotated, Any

import typer

from posture.cli import options as o
from posture.cli.choices import flag_of
from posture.cli.config import Config
from posture.cli.console import fitting, say, say_all, say_json, width
from posture.errors import SettingsError


def register(app: typer.Typer) -> None:
    """Add the command group."""
    group = typer.Typer(help="The control catalogue.", no_args_is_help=True, rich_markup_mode=None)
    group.command("list")(list_controls)
    group.command("explain")(explain)
    app.add_typer(group, name="controls")


def list_controls(
    framework: Annotated[
        str | None, typer.Option("--framework", metavar="NAME", help="Coverage of one framework, e.g. scuba.")
    ] = None,
    json_out: o.Json = False,
) -> None:
    """List all controls, or how a framework is covered."""
    from posture.controls import page

    if framework is not None:
        _framework(framework, json_out)
        return
    rows = page.rows(_hunts(), _sources())
    if flag_of(Config(), "json", json_out):
        say_json(rows)
        return
    for row in rows:
        say_all(fitting(f"{row['code']:<15} {row['fail']:<9} {row['title']}", width(), " " * 26))
    say_all(fitting(page.totals(_hunts()), width()))


def _framework(name: str, json_out: bool) -> None:
    from posture.controls import page

    try:
        found = page.coverage(name, _hunts())
    except KeyError:
        raise SettingsError(f"framework {name!r} is not known; one of {', '.join(page.frameworks())}") from None
    if flag_of(Config(), "json", json_out):
        say_json(found)
        return
    for line in page.coverage_lines(found):
        say_all(fitting(line, width(), " " * 4))


def explain(
    code: Annotated[str, typer.Argument(metavar="ID", help="A control's id, e.g. GUEST-INV-001.")],
    json_out: o.Json = False,
) -> None:
    """Explain one control, from why to what its fix breaks.

    With the rule, how it is attacked, permissions, licence, the change that closes it, frameworks and sources.
    """
    from posture.controls import page

    found = {row["code"]: row for row in page.rows(_hunts(), _sources())}
    known = list(found)
    wanted = code.upper() if code.upper() in found else f"GUEST-{code.upper().removeprefix('GUEST-')}"
    if wanted not in found:
        import difflib

        near = difflib.get_close_matches(wanted, known, 1, 0.8)
        hint = f"did you mean {near[0]}?" if near else "`posture controls list` shows them"
        raise SettingsError(f"{code!r} is no control; {hint}")
    if flag_of(Config(), "json", json_out):
        say_json(found[wanted])
        return
    say(page.explain(wanted, _hunts(), _sources()))


def _hunts() -> Any:
    from posture.hunts.registry import hunts

    return hunts()


def _sources() -> Any:
    from posture.collect.registry import gatherers

    return gatherers()
