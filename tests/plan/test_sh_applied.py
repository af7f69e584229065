"""plan.sh run for real against the emulated tenant: dry it changes nothing, applied it closes, undone it restores."""

import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import uvicorn

from posture.plan.write import write_plan
from posture.settings import Settings
from tests.plan.conftest import Start
from tests.plan.proof import Tenant, worse

BASH = shutil.which("bash") or ""
pytestmark = pytest.mark.skipif(not BASH, reason="bash is not here")
AZ = r"""
import json, re, sys, urllib.error, urllib.request
if sys.argv[1] == "account":
    print(open(__file__ + ".tenant").read())
    sys.exit()
given = dict(zip(sys.argv[2::2], sys.argv[3::2]))
url = given["--url"].replace("https://graph.microsoft.com", open(__file__ + ".port").read())
body = given.get("--body")
headers = {"Authorization": "Bearer emulated", "Content-Type": "application/json"}
request = urllib.request.Request(url, body and body.encode(), headers, method=given["--method"].upper())
try:
    told = urllib.request.urlopen(request).read()
except urllib.error.HTTPError as error:
    print(f"ERROR: {error.reason}({error.read().decode()})", file=sys.stderr)
    sys.exit(1)
if "--query" in given:
    tests, key = re.fullmatch(r"value\[\?(.*)\]\.(\w+)", given["--query"]).groups()
    wanted = [re.fullmatch(r"(\w+)=='(.*)'", test).groups() for test in tests.split(" && ")]
    rows = [r for r in json.loads(told)["value"] if all(str(r.get(k)) == v for k, v in wanted)]
    print("\n".join(str(r[key]) for r in rows))
"""
STEPS = (
    "GUEST-INV-001.1",
    "GUEST-INV-001.2",
    "GUEST-XTA-001.1",
    "GUEST-XTA-001.2",
    "GUEST-WRK-002.1",
)
CODES = {s.rpartition(".")[0] for s in STEPS}


@contextmanager
def served(tenant: Tenant) -> Iterator[str]:
    """Serve a tenant on loopback while the block runs."""
    config = uvicorn.Config(tenant.app, host="127.0.0.1", port=0, log_level="error", access_log=False, lifespan="off")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        while not server.started:
            time.sleep(0.01)
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(10)


def test_applied_and_taken_back(start: Start, tmp_path: Path) -> None:
    tenant = start("contoso")
    first = tenant.audit(Settings())
    plan = tmp_path / "plan"
    plan.mkdir()
    write_plan(first.plan, first.assessment, plan)
    az = tmp_path / "tools" / "az"
    az.parent.mkdir()
    az.write_text(f"#!{sys.executable} -S\n{AZ}")
    az.chmod(0o700)
    (az.parent / "az.tenant").write_text(first.assessment.tenant.id)

    def run(*arguments: str) -> str:
        env = {"PATH": f"{az.parent}{os.pathsep}{os.environ['PATH']}"}
        named = [x for step in STEPS for x in ("--step", step)]
        with served(tenant) as address:
            (az.parent / "az.port").write_text(address)
            done = subprocess.run(
                [BASH, str(plan / "plan.sh"), *arguments, *named],
                cwd=tmp_path,
                env=env,
                capture_output=True,
                text=True,
                check=False,
                timeout=120,
            )
        assert (done.returncode, done.stderr) == (0, ""), done.stdout
        return done.stdout

    assert "nothing was sent" in run()
    assert tenant.audit(Settings()).outcomes == first.outcomes
    run("--apply")
    then = tenant.audit(Settings())
    assert {c: then.outcomes[c] for c in CODES} == dict.fromkeys(CODES, "pass")
    assert worse(first.outcomes, then.outcomes) == {}
    run("--undo", "--apply")
    assert tenant.audit(Settings()).outcomes == first.outcomes
