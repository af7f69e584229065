"""A run killed at any moment and taken up equals one that nobody disturbed."""

import json
import subprocess
import sys

from tests.bench import ROOT, served


def test_a_hundred_kills_change_nothing(tmp_path):
    with served(900, page_size=60) as url:
        command = [sys.executable, "-m", "tests.collect.kill_runner", url, str(tmp_path), "100", "20261120"]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=2400)
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["differences"] == []
    assert found["kills"] >= 100
    assert found["runs"] >= 2
