"""The arrows of the house: which package may import which, and where the heavy libraries may appear."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

HOUSE = Path(__file__).parent.parent / "posture"
EVERYONE = {"posture", "posture.errors", "posture.settings"}
MAY: dict[str, set[str]] = {
    "snapshot": set(),
    "graph": set(),
    "emulator": {"snapshot.folder"},
    "collect": {"graph", "snapshot"},
    "controls": {"snapshot"},
    "hunts": {"snapshot"},
    "assess": {"controls", "hunts", "snapshot"},
    "history": {"assess", "snapshot", "controls", "hunts"},
    "plan": {"assess", "snapshot", "controls", "hunts"},
    "report": {"assess", "history", "snapshot", "controls", "hunts"},
    "bundle": {"assess", "snapshot", "controls", "hunts", "report"},
    "cli": {
        "snapshot", "graph", "emulator", "collect", "controls", "hunts",
        "assess", "history", "plan", "report", "bundle",
    },
}  # fmt: skip
EXCEPTIONS: dict[tuple[str, str], str] = {
    ("hunts", "assess.types"): "a lead is what an assessment is made of, and hunts are who make them",
    ("plan", "report.text"): "the one place that makes tenant text safe for Markdown",
}
"""(package, module) pairs outside the table, each with its reason."""

ONLY_IN: dict[str, set[str]] = {
    "msgraph": {"graph"},
    "msgraph_core": {"graph"},
    "kiota_abstractions": {"graph"},
    "kiota_http": {"graph"},
    "kiota_authentication_azure": {"graph"},
    "azure": {"graph"},
    "typer": {"cli"},
    "rich": {"cli"},
    "jinja2": {"report"},
    "xlsxwriter": {"report"},
    "starlette": {"emulator"},
    "uvicorn": {"emulator", "cli"},
}
SDK = {"msgraph", "msgraph_core", "kiota_abstractions", "kiota_http", "kiota_authentication_azure", "azure"}
"""Imported inside functions, or for types alone: they cost seconds that `posture report` must not wait for."""
HEAVY = SDK | {"jinja2", "xlsxwriter", "uvicorn", "starlette", "cryptography", "httpx"}
"""What no start of the program may load."""

FILES = sorted(HOUSE.rglob("*.py"))


def package(file: Path) -> str:
    parts = file.relative_to(HOUSE).parts
    return parts[0] if len(parts) > 1 else ""


def imports(file: Path) -> Iterator[tuple[str, bool, int]]:
    """Yield each imported module with whether it is imported late (in a function, or for types), and its line."""
    tree = ast.parse(file.read_text())
    late: set[ast.AST] = set()
    for node in ast.walk(tree):
        inside = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) or (
            isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)
        )
        if inside:
            late |= set(ast.walk(node))
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, node in late, node.lineno
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}:{node.lineno} imports relatively"
            module = node.module or ""
            # `from posture.controls import page` imports a module, `from posture.errors import X` a name.
            for alias in node.names:
                whole = f"{module}.{alias.name}"
                yield (whole if is_module(whole) else module), node in late, node.lineno


def is_module(name: str) -> bool:
    if not name.startswith("posture."):
        return False
    path = HOUSE.parent.joinpath(*name.split("."))
    return path.with_suffix(".py").exists() or (path / "__init__.py").exists()


def allowed(where: str, module: str) -> bool:
    if module in EVERYONE or not where:
        return True
    inner = module.removeprefix("posture.")
    if inner.split(".")[0] == where:
        return True
    granted = MAY[where] | {m for (p, m) in EXCEPTIONS if p == where}
    return any(inner == g or inner.startswith(f"{g}.") for g in granted)


@pytest.mark.parametrize("file", FILES, ids=lambda f: str(f.relative_to(HOUSE)))
def test_arrows(file: Path) -> None:
    where = package(file)
    assert not where or where in MAY, f"{where} is a package the house does not know"
    for module, _, line in imports(file):
        if module == "posture" or module.startswith("posture."):
            assert allowed(where, module), f"{file.relative_to(HOUSE)}:{line}: {where} may not import {module}"


@pytest.mark.parametrize("file", FILES, ids=lambda f: str(f.relative_to(HOUSE)))
def test_libraries_stay_where_they_belong(file: Path) -> None:
    where = package(file)
    for module, late, line in imports(file):
        top = module.split(".")[0]
        place = f"{file.relative_to(HOUSE)}:{line}"
        assert where in ONLY_IN.get(top, {where}), f"{place}: {top} belongs to {', '.join(ONLY_IN[top])}"
        assert late or top not in SDK, f"{place}: {top} is imported at the start"


def test_exceptions_are_used() -> None:
    used = {(package(f), m.removeprefix("posture.")) for f in FILES for m, _, _ in imports(f)}
    assert set(EXCEPTIONS) <= used


@pytest.mark.parametrize(
    ("module", "more"),
    [
        ("posture", {"typer", "rich"}),
        ("posture.controls.page", {"typer", "rich"}),
        ("posture.hunts.registry", {"typer", "rich"}),
        ("posture.assess.evaluate", {"typer", "rich"}),
        ("posture.report", {"typer", "rich"}),
        ("posture.cli.main", set()),
    ],
)
def test_a_start_loads_no_heavy_library(module: str, more: set[str]) -> None:
    script = f"import sys, {module}; print([m for m in {sorted(HEAVY | more)!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=HOUSE.parent)
    assert done.stdout.strip() == "[]"
