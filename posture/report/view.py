"""What a report is drawn from: the assessment, the evidence beside it, and how the reader wants it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from posture.assess.types import Assessment
from posture.report.brand import Brand
from posture.settings import Severity
from posture.snapshot.types import Snapshot


@dataclass(frozen=True, slots=True)
class Change:
    """One difference to an earlier run.

    `kind` is opened, resolved, came-back, worse, better, setting, guests or
    not-comparable; `code` the control it is about or "". `words` is one plain
    sentence, which may hold tenant text.
    """

    kind: str
    words: str
    code: str = ""
    severity: Severity | None = None


@dataclass(frozen=True, slots=True)
class Changes:
    """What changed since an earlier run, taken at `since`; `counts` are guests added, removed and so on."""

    since: datetime
    rows: tuple[Change, ...] = ()
    counts: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Options:
    """How a report is wanted.

    `people` false leaves out everything that tells one person from another.
    `paper` sets the page of a print ("a4", "letter"; "" leaves it to the
    printer). `short` is Markdown small enough for a comment.
    """

    people: bool = True
    paper: str = ""
    short: bool = False


@dataclass(frozen=True)
class RunView:
    """One finished run as every format sees it.

    `folder` is the run folder; `affected/` in it, where it is there, tells
    which findings concern a guest. `impacts` are further sentences per control:
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
    worked_out: dict[str, Any] = field(default_factory=dict, compare=False, repr=False)

    @property
    def evidence(self) -> Path:
        """The evidence folder of the run."""
        return self.folder / "evidence"
