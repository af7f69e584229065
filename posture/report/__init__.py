"""Report formats: one module each, imported when it is wanted."""

import importlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

from posture.errors import OutputError, SettingsError
from posture.report.view import RunView
from posture.snapshot.folder import private_dir, private_file


@dataclass(frozen=True, slots=True)
class Format:
    """One format: the file it makes and the module that makes it.

    `people_only` formats are lists of persons, left out of an edition without
    people. `extra` is the optional dependency group a format needs, or "".
    """

    name: str
    file: str
    module: str
    people_only: bool = False
    extra: str = ""

    def render(self, run: RunView, out: BinaryIO) -> None:
        """Write the report. Raises OutputError where this machine lacks what the format needs."""
        try:
            module = importlib.import_module(f"posture.report.{self.module}")
        except ModuleNotFoundError as missing:
            if not self.extra:
                raise
            raise OutputError(
                f"the format {self.name} needs {missing.name}, which is not installed: "
                f"pip install 'posture[{self.extra}]'"
            ) from missing
        module.render(_without_people(run), out)

    def file_of(self, run: RunView) -> str:
        """Return the file's name; an edition without people does not replace the whole one."""
        if run.options.people:
            return self.file
        stem, dot, suffix = self.file.partition(".")
        return f"{stem}.no-people{dot}{suffix}"


FORMATS: Mapping[str, Format] = {
    f.name: f
    for f in (
        Format("html", "report.html", "html"),
        Format("md", "report.md", "markdown"),
        Format("json", "assessment.json", "json_v1"),
        Format("csv", "guests.csv", "guests_csv", people_only=True),
        Format("xlsx", "report.xlsx", "xlsx", extra="xlsx"),
        Format("pdf", "report.pdf", "pdf"),
        Format("sarif", "findings.sarif", "sarif"),
        Format("oscal", "oscal.json", "oscal"),
        Format("ocsf", "ocsf.json", "ocsf"),
        Format("junit", "junit.xml", "junit"),
    )
}
"""Every format by the name `--format` takes."""

DEFAULT_FORMATS = ("html", "md", "json", "csv")


def formats(names: Iterable[str], said: str = "--format") -> tuple[Format, ...]:
    """Return the formats named, each once. Raises SettingsError for one that is not there; `said` is who names it."""
    chosen = []
    for name in dict.fromkeys(names):
        if name not in FORMATS:
            raise SettingsError(f"{said} {name!r} is not one of {', '.join(FORMATS)}.")
        chosen.append(FORMATS[name])
    return tuple(chosen)


def write_reports(run: RunView, folder: Path, names: Iterable[str] = DEFAULT_FORMATS) -> tuple[Path, ...]:
    """Write reports into a folder and return their paths.

    Each is written beside its place and moved there when whole, so a report is
    never half a report. With `json` comes its schema. Raises SettingsError for
    an unknown format, OutputError where a file cannot be written.
    """
    written = []
    private_dir(folder)
    for made in sorted(formats(names), key=lambda f: not f.people_only):  # lists first: they count what others show
        if made.people_only and not run.options.people:
            continue
        written.append(_write(made, run, folder / made.file_of(run)))
        if made.name == "json":
            from posture.report.json_v1 import schema_bytes

            _move(folder / "assessment.schema.json", schema_bytes())
    return tuple(written)


def _without_people(run: RunView) -> RunView:
    if run.options.people or run.worked_out.get("without people"):
        return run
    from posture.report.no_people import without_people

    return replace(run, assessment=without_people(run.assessment), worked_out={"without people": True})


def _write(made: Format, run: RunView, path: Path) -> Path:
    beside = path.with_name(f".{path.name}.part")
    try:
        with private_file(beside) as out:
            made.render(run, out)  # type: ignore[arg-type]
        beside.replace(path)
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror or error}") from error
    finally:
        beside.unlink(missing_ok=True)
    return path


def _move(path: Path, data: bytes) -> None:
    beside = path.with_name(f".{path.name}.part")
    try:
        with private_file(beside) as out:
            out.write(data)
        beside.replace(path)
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror or error}") from error


__all__ = ["DEFAULT_FORMATS", "FORMATS", "Format", "RunView", "formats", "write_reports"]
