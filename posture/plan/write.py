"""Write a plan: Markdown, JSON, one script a dialect, and the lists beside them. Nothing is ever run."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from posture import __version__
from posture.assess.types import Assessment
from posture.errors import OutputError
from posture.plan import azure_cli, json_v1, markdown, powershell
from posture.plan.quote import COLUMNS, EMPTY, plain, row
from posture.plan.scripts import LISTS, list_name, listed, table_name
from posture.plan.types import Plan
from posture.snapshot.folder import dump, private_file, write_private


def document(plan: Plan, assessment: Assessment) -> dict[str, Any]:
    """Return what plan.json holds."""
    return json_v1.document(plan, assessment, {"name": "posture", "version": __version__})


def write_plan(plan: Plan, assessment: Assessment, out: Path) -> list[Path]:
    """Write all files of a plan into a folder and return them; lists of an earlier plan there are removed.

    Raises OutputError naming the file that cannot be written.
    """
    lists = out / LISTS
    if lists.is_symlink():
        raise OutputError(f"{lists} is a link; choose another folder with --out")
    for old in sorted(lists.glob("GUEST-*.tsv")) if lists.is_dir() else ():
        old.unlink()
    made = f"posture {__version__}"
    written = [
        _lines(out / markdown.NAME, markdown.render(plan, assessment)),
        _whole(out / json_v1.NAME, dump(document(plan, assessment))),
        _lines(out / powershell.NAME, powershell.render(plan, assessment.tenant.id, made)),
        _lines(out / azure_cli.NAME, azure_cli.render(plan, assessment.tenant.id, made)),
    ]
    for step in listed(plan):
        rows = (row(number, request) for number, request in enumerate(step.requests, 1))
        written.append(_lines(out / list_name(step), ["\t".join(COLUMNS)], rows))
    for remedy in plan.remedies:
        if remedy.table is not None:
            lines = ("\t".join(plain(str(c)) or EMPTY for c in cells) for cells in remedy.table.rows())
            written.append(_lines(out / table_name(remedy), ["\t".join(remedy.table.columns)], lines))
    return written


def _whole(file: Path, data: bytes) -> Path:
    _not_a_link(file)
    write_private(file, data)
    return file


def _lines(file: Path, *parts: Iterable[str]) -> Path:
    """Write lines as they come; a list may have a million."""
    _not_a_link(file)
    with private_file(file) as sink:
        try:
            for part in parts:
                for line in part:
                    sink.write(line.encode("utf-8", "replace") + b"\n")
        except OSError as error:
            raise OutputError(f"cannot write {file}: {error.strerror or error}") from error
    return file


def _not_a_link(file: Path) -> None:
    if file.is_symlink():
        raise OutputError(f"{file} is a link; choose another folder with --out")
