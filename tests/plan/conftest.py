"""Samples read once a session, with the plan made of them."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from posture.plan.types import Plan
from posture.plan.write import write_plan
from posture.settings import Settings
from tests.plan.proof import Audited, Tenant, copied
from tests.plan.tenants import SAMPLES, VARIATIONS

Folder = Callable[[str], Path]
Start = Callable[[str], Tenant]
Base = Callable[[str, Settings], Audited]


@dataclass(frozen=True)
class Written:
    """A plan and the folder it was written to."""

    plan: Plan
    folder: Path
    audited: Audited


Write = Callable[[str], Written]


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    """Return the folder of a sample or of a variation of one, made once."""
    made: dict[str, Path] = {}

    def get(name: str) -> Path:
        if name not in made and name in VARIATIONS:
            sample, changes = VARIATIONS[name]
            made[name] = copied(SAMPLES / sample, tmp_path_factory.mktemp("variation"), changes)
        return made.setdefault(name, SAMPLES / name)

    return get


@pytest.fixture(scope="session")
def start(folder: Folder, tmp_path_factory: pytest.TempPathFactory) -> Start:
    """Return a fresh tenant that takes writes."""
    return lambda name: Tenant(folder(name), tmp_path_factory.mktemp("tenant"))


@pytest.fixture(scope="session")
def base(start: Start) -> Base:
    """Return a tenant's first audit, made once for each sample and settings."""
    made: dict[tuple[str, str], Audited] = {}

    def get(name: str, settings: Settings) -> Audited:
        key = (name, repr(settings))
        if key not in made:
            made[key] = start(name).audit(settings)
        return made[key]

    return get


@pytest.fixture(scope="session")
def write(base: Base, tmp_path_factory: pytest.TempPathFactory) -> Write:
    """Return a tenant's plan as it is written, made once."""
    made: dict[str, Written] = {}

    def get(name: str) -> Written:
        if name not in made:
            audited, folder = base(name, Settings()), tmp_path_factory.mktemp("plan")
            write_plan(audited.plan, audited.assessment, folder)
            made[name] = Written(audited.plan, folder, audited)
        return made[name]

    return get
