"""What an unfinished run needs to be taken up again: finished facts, gaps, and places in lists.

`journal/run.json` says when and for whom the run began; `journal/<fact>.json`
is either the finished entry or the state of a list under way. Each is written
beside and renamed, so a kill leaves the old one or the new one.
"""

import os
import shutil
from pathlib import Path
from typing import Any

import orjson

from posture.errors import EvidenceError
from posture.snapshot.folder import private_dir, write_private


class Journal:
    """The journal of one run's folder."""

    def __init__(self, root: Path) -> None:
        self._root = private_dir(root / "journal")

    def spool(self, fact: str) -> Path:
        """Return where a list's rows wait until they are sorted."""
        return self._root / f"{fact}.spool"

    def save(self, name: str, entry: dict[str, Any]) -> None:
        """Store an entry whole or not at all."""
        beside = self._root / f"{name}.new"
        write_private(beside, orjson.dumps(entry))
        os.replace(beside, self._root / f"{name}.json")  # noqa: PTH105 - the atomic call by its name

    def load(self, name: str) -> dict[str, Any] | None:
        """Return an entry; None where there is none. Raises EvidenceError where it is damaged."""
        file = self._root / f"{name}.json"
        try:
            found = orjson.loads(file.read_bytes())
        except FileNotFoundError:
            return None
        except (OSError, orjson.JSONDecodeError) as error:
            raise EvidenceError(f"{file} is damaged: {error}. Start a new run without --resume.") from None
        if not isinstance(found, dict):
            raise EvidenceError(f"{file} is damaged. Start a new run without --resume.")
        return found

    def remove(self) -> None:
        """Forget everything."""
        shutil.rmtree(self._root)

    def forget(self, name: str) -> None:
        """Drop an entry, if there is one."""
        (self._root / f"{name}.json").unlink(missing_ok=True)
