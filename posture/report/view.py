"""What a report is drawn from: the assessment, the evidence beside it, and how the reader wants it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from posture.assess.types import Assessment, Finding
from posture.history.changes import Change, Changes
from posture.report.brand import Brand
from posture.snapshot.types import Snapshot

PAPERS: Mapping[str, str] = {"a4": "A4", "letter": "letter"}
"""Sizes of paper by the name an option takes, with the name CSS knows."""


@dataclass(frozen=True, slots=True)
class Options:
    """How a report is wanted.

    `people` false leaves out everything that tells one person from another.
    `paper` sets the page of a print ("a4", "letter"; "" leaves it to the
    printer). `short` is Markdown small enough for a comment. `browser` is the
    program that prints the PDF; "" takes an installed one.
    """

    people: bool = True
    paper: str = ""
    short: bool = False
    browser: str = ""


@dataclass(frozen=True)
class RunView:
    """One finished run as every format sees it.

    `folder` is the run folder. `concerned` holds the files that tell which
    findings concern a guest, as judged just now; None is `affected/` in the run
    folder, where an audit has just written them. `impacts` are further sentences per control:
    what its fix would break in this tenant, computed from its own data.
    `worked_out` keeps what one format computed and another needs too, so that a
    million guests are walked through once.
    """

    assessment: Assessment
    snapshot: Snapshot
    folder: Path
    changes: Changes | None = None
    impacts: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    brand: Brand = field(default_factory=Brand)
    options: Options = field(default_factory=Options)
    concerned: Path | None = None
    worked_out: dict[str, Any] = field(default_factory=dict, compare=False, repr=False)

    @property
    def evidence(self) -> Path:
        """The evidence folder of the run."""
        return self.folder / "evidence"

    def affected_file(self, finding: Finding) -> str:
        """Return where in the run folder all objects a finding concerns lie; "" where there is no such file.

        A run judged again in memory finds the file of the first time.
        """
        if self.concerned is None and finding.affected.file:
            return finding.affected.file
        if not finding.affected.count or not self.options.people:
            return ""
        name = f"affected/{finding.control.code}.ndjson.gz"
        return name if (self.folder / name).is_file() else ""


__all__ = ["PAPERS", "Change", "Changes", "Options", "RunView"]
