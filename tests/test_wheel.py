"""The wheel holds all it needs: a sample is audited from it, away from the repository."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def test_a_sample_is_audited_from_the_wheel_alone(tmp_path):
    pytest.importorskip("hatchling", reason="hatchling builds the wheel")
    built = subprocess.run(
        [
            sys.executable,
            "-m",
            "pip",
            "wheel",
            "--no-deps",
            "--no-build-isolation",
            "--quiet",
            "-w",
            str(tmp_path),
            str(ROOT),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    (wheel,) = tmp_path.glob("posture-*.whl")
    place = tmp_path / "installed"
    with zipfile.ZipFile(wheel) as packed:
        names = packed.namelist()
        packed.extractall(place)
    assert "posture/py.typed" in names
    assert "posture/_samples/contoso/tenant.toml" in names
    assert not [n for n in names if n.startswith(("tests/", "reports/", "docs/"))]
    away = tmp_path / "away"
    away.mkdir()
    # -P and an own path: the checkout must not be what answers.
    done = subprocess.run(
        [
            sys.executable,
            "-P",
            "-c",
            "import sys; sys.path.insert(0, sys.argv.pop(1)); import posture, posture.cli.main as m;"
            "print(posture.__file__); m.run()",
            str(place),
            "audit",
            "--sample",
            "dayone",
            "--quiet",
        ],
        cwd=away,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    assert done.stdout.splitlines()[0].startswith(str(place))
    assert list(away.glob("reports/*/*/report.html"))
