"""Run folders: where a run is made, where it goes when it is done, how it is found again."""

import re
import secrets
import shutil
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from posture.errors import OutputError, SettingsError
from posture.snapshot.folder import private_dir
from posture.snapshot.types import Tenant

UNFINISHED = ".unfinished"
EVIDENCE = "evidence"
JOURNAL = "journal"
MANIFEST = "manifest.json"
_DEVICES = {"con", "prn", "aux", "nul", *(f"com{n}" for n in range(10)), *(f"lpt{n}" for n in range(10))}


def slug(text: str) -> str:
    """Return a file name of [a-z0-9.-], 60 characters at most, "" where nothing is left.

    Dots are kept, device names of Windows and names of dots alone are not.
    """
    name = re.sub(r"[^a-z0-9.]+", "-", text.casefold())[:60].strip("-.")
    name = re.sub(r"\.{2,}", ".", name)
    return "" if name.split(".")[0] in _DEVICES else name


def start(out: Path) -> Path:
    """Create the folder of a new run under `out`.

    Raises SettingsError where nothing can be written there: that is known before any call.
    """
    stamp = datetime.now(UTC).strftime("%Y-%m-%dT%H%M%SZ")
    beside_evidence(out)
    try:
        _no_link(out)
        _no_link(out / UNFINISHED)
        return private_dir(private_dir(out) / UNFINISHED / f"{stamp}-{secrets.token_hex(3)}")
    except OutputError as error:
        raise SettingsError(str(error)) from None


def _no_link(folder: Path) -> None:
    """Refuse to write through a link: a folder somebody sends must not choose where runs go."""
    try:
        linked = folder.is_symlink()
    except OSError as error:  # a name no file system takes
        raise OutputError(f"{str(folder)[:80]} … cannot be a folder: {error.strerror or error}") from error
    if linked:
        raise OutputError(f"{folder} is a link; give the folder it leads to with --out")


def unfinished(out: Path, wanted: Path | None = None) -> Path:
    """Return the run to take up: the one named, else the newest under `out` that nobody is working on."""
    if wanted is not None:
        if not can_go_on(wanted):
            raise SettingsError(f"{wanted} is no unfinished run; leave the folder out to take up the newest")
        return wanted
    root = out / UNFINISHED
    found = sorted(p for p in root.iterdir() if can_go_on(p)) if root.is_dir() else []
    idle = [p for p in found if not Claim.is_held(p)]
    if not idle:
        busy = f" that nobody is working on ({len(found)} are being read)" if found else ""
        raise SettingsError(f"there is no unfinished run under {root}{busy}; start one without --resume")
    return idle[-1]


def can_go_on(run: Path) -> bool:
    """Return whether a run holds what is needed to take it up."""
    return (run / JOURNAL / "run.json").is_file()


class Claim:
    """Keeps a run to one process. The operating system lets go of it when the process ends, however it ends."""

    def __init__(self, run: Path) -> None:
        """Claim a run. Raises SettingsError where another process has."""
        self._path = _lock_of(run)
        try:
            self._file: IO[bytes] | None = self._path.open("ab")
        except OSError as error:
            raise SettingsError(f"cannot write {self._path}: {error.strerror or error}") from error
        if not _locked(self._file):
            self._file.close()
            raise SettingsError(f"another posture is working on {run}; wait for it, or start a run without --resume")

    @staticmethod
    def is_held(run: Path) -> bool:
        """Return whether a process is working on a run."""
        try:
            with _lock_of(run).open("ab") as file:
                return not _locked(file)
        except OSError:
            return True

    def release(self) -> None:
        """Let go, at the end of the run."""
        if self._file is not None:
            self._file.close()
            self._file = None
            self._path.unlink(missing_ok=True)


def _lock_of(run: Path) -> Path:
    # Beside the run: Windows moves no folder that holds an open file.
    return run.with_name(f"{run.name}.lock")


def _locked(file: IO[bytes]) -> bool:
    """Lock a file for as long as it is open; return whether that went well."""
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def home_of(out: Path, tenant: Tenant) -> Path:
    """Return the folder of a tenant's runs under `out`."""
    return out / (slug(tenant.primary_domain) or slug(tenant.id) or "unknown-tenant")


def finish(run: Path, out: Path, tenant: Tenant, taken_at: datetime) -> Path:
    """Move a finished run to its place under `out` and return it; an existing run is never overwritten.

    The journal goes along and is removed there, so that a kill in between
    leaves a run that can be taken up or one that is finished.
    """
    home = home_of(out, tenant)
    _no_link(home)
    private_dir(home)
    name = taken_at.astimezone(UTC).strftime("%Y-%m-%dT%H%M%SZ")
    for number in range(1, 1000):
        target = home / (name if number == 1 else f"{name}-{number}")
        if target.exists() or target.is_symlink():
            continue
        try:
            run.rename(target)
        except OSError as error:
            raise OutputError(f"cannot move the finished run {run} to {target}: {error.strerror or error}") from error
        shutil.rmtree(target / JOURNAL, ignore_errors=True)
        _tidy(run.parent)
        return target
    raise OutputError(f"{home} holds a thousand runs of {name}")


def drop(run: Path) -> None:
    """Remove an unfinished run in which nothing could be read."""
    shutil.rmtree(run, ignore_errors=True)
    _tidy(run.parent)


def _tidy(unfinished_root: Path) -> None:
    if unfinished_root.name == UNFINISHED and unfinished_root.is_dir() and not any(unfinished_root.iterdir()):
        unfinished_root.rmdir()


def evidence_of(folder: Path) -> Path:
    """Return the evidence folder of a run, or the folder itself where it is one.

    Raises SettingsError where it is neither.
    """
    if is_evidence(folder / EVIDENCE):
        return folder / EVIDENCE
    if is_evidence(folder):
        return folder
    if can_go_on(folder):
        raise SettingsError(f"{folder} is an unfinished run; take it up with --resume first")
    what = "does not exist" if not folder.exists() else "is a file" if folder.is_file() else "holds no evidence"
    raise SettingsError(f"{folder} {what}; give a run folder, as posture audit printed it")


def is_evidence(folder: Path) -> bool:
    """Return whether a folder is evidence, as far as its manifest tells."""
    return (folder / MANIFEST).is_file()


def run_of(folder: Path) -> Path | None:
    """Return the run that a folder is, or whose evidence it is; None for evidence that lies in no run."""
    place = folder.resolve()
    if is_evidence(place / EVIDENCE):
        return folder
    if place.name == EVIDENCE:
        return folder.parent if folder.name == EVIDENCE else place.parent
    return None


def place_for(folder: Path, out: Path | None, below: str = "") -> Path:
    """Return where results about saved evidence go: `out`, else the run, or a folder below it.

    Raises SettingsError where that would be evidence, which stays as it was read.
    """
    run = run_of(folder)
    if out is None and run is None:
        raise SettingsError(f"{folder} is evidence without a run around it; say with --out where the result goes")
    return run if run is not None and out is None and not below else ready(out or (run or folder) / below)


def ready(out: Path) -> Path:
    """Return a folder for results, made where it is missing.

    Raises SettingsError where it lies in evidence, is a link, or cannot be made: that is known before any work.
    """
    try:
        if out.name:  # "." is whatever the shell stands in
            _no_link(out)
        return private_dir(beside_evidence(out))
    except OutputError as error:
        raise SettingsError(str(error)) from None


def beside_evidence(out: Path) -> Path:
    """Return a folder for results. Raises SettingsError where it lies in evidence, which stays as it was read."""
    for place in (out.resolve(), *out.resolve().parents):
        if is_evidence(place) and ((place / "v1.0").is_dir() or (place / "beta").is_dir()):
            raise SettingsError(f"{out} lies in the evidence of {place}; give another folder with --out")
    return out


def runs(out: Path, domain: str = "") -> Iterator[Path]:
    """Yield the finished runs under `out`, oldest first within each tenant."""
    homes = [out / domain] if domain else sorted(p for p in out.iterdir() if p.is_dir() and p.name != UNFINISHED)
    for home in homes:
        if home.is_dir():
            yield from sorted(p for p in home.iterdir() if _is_run(p))


def _is_run(folder: Path) -> bool:
    try:
        return is_evidence(folder / EVIDENCE)
    except OSError:  # a folder nobody may enter is passed over: an old run must not stop a new one
        return False
