"""What several commands read from options, environment and file, each in one place."""

from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

from posture.errors import SettingsError
from posture.settings import Profile, Severity

if TYPE_CHECKING:
    from posture.cli.config import Config
    from posture.report.view import Options

NEVER = "never"
"""The `--fail-on` under which no finding makes the exit status 1."""


def profile_of(config: "Config", option: str | None = None) -> Profile:
    """Return the profile to judge by."""
    return Profile(str(config.one_of("profile", option, Profile, Profile.POSTURE).value))


def lookback_of(config: "Config", option: int | None) -> int | None:
    """Return for how many days logs are read; None where only `[parameters]` or the default say."""
    number = config.number("lookback-days", option, 1, 365).value
    return None if number is None else int(number)


def sources_of(config: "Config", name: str, option: list[str] | None) -> frozenset[str]:
    """Return the sources that --include or --decline names; including `all` means every optional one."""
    import difflib

    from posture.collect.registry import gatherers

    wanted, known = config.several(name, option), gatherers()
    if name == "include" and "all" in wanted.value:
        return frozenset(n for n, g in known.items() if g.optional)
    for source in wanted.value:
        if source not in known:
            near = difflib.get_close_matches(source, known, 1, 0.5)
            hint = f"; did you mean {near[0]}?" if near else "; `posture doctor` lists them"
            raise SettingsError(f"{wanted.named(name)}: {source!r} is no source{hint}")
    return frozenset(wanted.value)


def formats_of(config: "Config", option: list[str] | None) -> tuple[str, ...]:
    """Return the report formats to write: those that always are, and those asked for."""
    from posture.report import DEFAULT_FORMATS, formats

    wanted = config.several("format", option)
    return tuple(f.name for f in formats((*DEFAULT_FORMATS, *wanted.value), wanted.named("format")))


def view_of(
    config: "Config",
    formats: Collection[str],
    *,
    no_people: bool = False,
    paper: str | None = None,
    short: bool = False,
    browser: str | None = None,
) -> "Options":
    """Return how reports are wanted. What would keep a PDF from being printed is known before anything is read."""
    from posture.errors import OutputError
    from posture.report.view import PAPERS, Options

    size = config.value("paper", paper, "")
    sheet = str(size.value).strip().lower()
    if sheet and sheet not in PAPERS:
        raise SettingsError(f"{size.named('paper')} is {size.value!r}; one of {', '.join(PAPERS)}")
    for given, name, needed in (
        (paper, "paper", {"html", "pdf"}),
        (short, "short", {"md"}),
        (browser, "browser", {"pdf"}),
    ):
        if given and not needed & set(formats):
            raise SettingsError(f"--{name} changes nothing without --format {' or '.join(sorted(needed))}")
    program = config.value("browser", browser, "")
    if "pdf" in formats:
        from posture.report.pdf import find

        try:
            find(str(program.value))
        except OutputError as error:
            said = f"{program.named('browser')}: " if program.value else ""
            raise SettingsError(f"{said}{error}") from None
    people = not flag_of(config, "no-people", no_people)
    return Options(people, sheet, flag_of(config, "short", short), str(program.value))


def fail_on_of(config: "Config", option: str | None) -> Severity | None:
    """Return from which severity on a finding makes the exit status 1; None for never."""
    value = str(config.one_of("fail-on", option, (*Severity, NEVER), Severity.HIGH).value)
    return None if value == NEVER else Severity(value)


def out_of(config: "Config", option: Path | None) -> Path:
    """Return where runs go."""
    return Path(str(config.value("out", option, "reports").value))


def flag_of(config: "Config", name: str, option: bool) -> bool:
    """Return whether something is switched on."""
    return bool(config.flag(name, option or None).value)
