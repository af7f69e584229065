"""plan.sh run by a real shell, with an `az` that writes down what it is asked for."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from posture.plan.quote import body_text
from posture.plan.scripts import told
from tests.plan.conftest import Write, Written

BASH = shutil.which("bash") or ""
pytestmark = pytest.mark.skipif(not BASH, reason="bash is not here")

AZ = """\
#!/usr/bin/env bash
if [ "$1" = account ]; then printf '%s\\n' "$FAKE_TENANT"; exit 0; fi
for argument in "$@"; do printf '%s\\0' "$argument"; done >> "$FAKE_LOG"
printf '\\n' >> "$FAKE_LOG"
for part in $FAKE_NONE; do
  if [[ "$*" == *"--query"* && "$*" == *"$part"* ]]; then exit 0; fi
done
for part in $FAKE_THERE; do
  if [[ "$*" == *"$part"* ]]; then echo 'ERROR: Bad Request({"message":"A conflicting object"})' >&2; exit 1; fi
done
if [[ "$*" == *"--query"* ]]; then printf '%s\\n' "${FAKE_FOUND-found-id}"; exit 0; fi
for part in $FAKE_MISSING; do
  if [[ "$*" == *"$part"* ]]; then
    echo 'ERROR: Not Found({"error":{"code":"Request_ResourceNotFound"}})' >&2; exit 1
  fi
done
for part in $FAKE_REFUSED; do
  if [[ "$*" == *"$part"* ]]; then printf 'ERROR: Forbidden \\033]0;pwned\\007\\n' >&2; exit 1; fi
done
exit 0
"""


@dataclass(frozen=True)
class Ran:
    """What a run of the script said, and what it asked az for."""

    code: int
    out: str
    asked: Sequence[dict[str, str]]

    @property
    def sent(self) -> list[tuple[str, str, str]]:
        """Method, address and body of what changes something."""
        return [(a["--method"], a["--url"], a.get("--body", "")) for a in self.asked if a["--method"] != "get"]


def run(written: Written, tmp_path: Path, *arguments: str, tenant: str | None = None, **more: str) -> Ran:
    tools = tmp_path / "tools"
    tools.mkdir(exist_ok=True)
    (tools / "az").write_text(AZ)
    (tools / "az").chmod(0o700)
    log, elsewhere = tmp_path / "log", tmp_path / "elsewhere"
    log.write_bytes(b"")
    elsewhere.mkdir(exist_ok=True)
    env = {
        "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}",
        "FAKE_LOG": str(log),
        "FAKE_TENANT": written.audited.assessment.tenant.id if tenant is None else tenant,
        "FAKE_MISSING": "",
        "FAKE_REFUSED": "",
        "FAKE_NONE": "",
        "FAKE_THERE": "",
        **more,
    }
    done = subprocess.run(
        [BASH, str(written.folder / "plan.sh"), *arguments],
        cwd=elsewhere,
        env=env,
        capture_output=True,
        check=False,
        timeout=120,
    )
    assert not done.stderr, done.stderr
    assert not list(elsewhere.iterdir()), "something ran that should not have"
    out = done.stdout.decode("ascii")
    assert all(c.isprintable() or c == "\n" for c in out)
    asked = [_arguments(line) for line in log.read_bytes().split(b"\0\n") if line]
    return Ran(done.returncode, out, asked)


def _arguments(line: bytes) -> dict[str, str]:
    words = line.decode().split("\0")
    assert words[0] == "rest"
    return dict(zip(words[1::2], words[2::2], strict=True))


def expected(written: Written, name: str) -> list[tuple[str, str, str]]:
    """Return what a step of the plan sends, by the plan itself."""
    step = next(p.step for p in written.plan.steps if p.step.id == name)
    return [(r.method, r.url.replace("{found}", "found-id"), body_text(r.body).replace("'", "")) for r in step.requests]


@pytest.mark.parametrize("name", ["contoso", "hostile names", "halfblind", "dayone"])
def test_a_dry_run_asks_nobody(name: str, write: Write, tmp_path: Path) -> None:
    written = write(name)
    ran = run(written, tmp_path, tenant="")
    assert ran.code == 0
    assert not ran.asked
    assert ran.out.endswith("nothing was sent: this was a dry run; add --apply\n")
    for placed in written.plan.steps:
        assert f"\n{placed.step.id}  " in f"\n{ran.out}"


@pytest.mark.parametrize("name", ["contoso", "hostile names"])
def test_apply_sends_what_needs_no_decision(name: str, write: Write, tmp_path: Path) -> None:
    """Exactly the plan's requests, in its order, of the steps nobody has to decide on."""
    written = write(name)
    ran = run(written, tmp_path, "--apply")
    assert ran.code == 0, ran.out
    ready = [s.id for s in told(written.plan) if not s.chosen and s.kind in ("requests", "list")]
    assert ready
    assert ran.sent == [x for step in ready for x in expected(written, step)]
    assert "to decide" not in ran.out


def test_every_step_sends_its_requests_when_named(write: Write, tmp_path: Path) -> None:
    """All steps named at once: bodies and addresses reach az as the plan has them, hostile names or not."""
    written = write("hostile names")
    names = [s.id for s in told(written.plan)]
    ran = run(written, tmp_path, "--apply", *(x for n in names for x in ("--step", n)))
    assert ran.code == 0, ran.out
    kinds = {s.id: s.kind for s in told(written.plan)}
    assert ran.sent == [x for n in names if kinds[n] in ("requests", "list") for x in expected(written, n)]
    for _, _, body in ran.sent:
        assert not body or isinstance(json.loads(body), dict)


def test_a_body_reaches_az_as_one_word(write: Write, tmp_path: Path) -> None:
    ran = run(write("contoso"), tmp_path, "--apply", "--step", "GUEST-INV-002.1")
    (sent,) = ran.asked
    assert sent["--headers"] == "Content-Type=application/json"
    assert sent["--resource"] == "https://graph.microsoft.com"
    assert json.loads(sent["--body"])["definition"]


def test_undo_sends_what_the_evidence_holds(write: Write, tmp_path: Path) -> None:
    written = write("contoso")
    dry = run(written, tmp_path, "--undo", "--step", "GUEST-INV-001.2")
    assert not dry.asked
    assert '"allowInvitesFrom":"everyone"' in dry.out
    ran = run(written, tmp_path, "--undo", "--apply", "--step", "GUEST-INV-001.2")
    assert [json.loads(body) for _, _, body in ran.sent] == [{"allowInvitesFrom": "everyone"}]


def test_undo_goes_backwards(write: Write, tmp_path: Path) -> None:
    written = write("contoso")
    names = [p.step.id for p in written.plan.steps if not p.step.manual and not p.step.blocked and not p.step.same_as]
    ran = run(written, tmp_path, "--undo", *(x for n in names for x in ("--step", n)))
    shown = [line.split()[0] for line in ran.out.splitlines() if line.startswith("GUEST-")]
    assert shown == list(reversed(names))


def test_undo_wants_names(write: Write, tmp_path: Path) -> None:
    ran = run(write("contoso"), tmp_path, "--undo", "--apply")
    assert ran.code == 2
    assert not ran.asked


@pytest.mark.parametrize("tenant", ["", "00000000-0000-0000-0000-000000000000"])
def test_another_tenant_is_refused(tenant: str, write: Write, tmp_path: Path) -> None:
    ran = run(write("contoso"), tmp_path, "--apply", tenant=tenant)
    assert ran.code == 4
    assert not ran.asked
    assert "sign in to the plan's tenant first" in ran.out


@pytest.mark.parametrize(
    "arguments", [("--step", "GUEST-NO-001.1"), ("--step", "*"), ("--step",), ("--aply",), ("--step", "$(touch x)")]
)
def test_odd_arguments_are_refused(arguments: tuple[str, ...], write: Write, tmp_path: Path) -> None:
    ran = run(write("contoso"), tmp_path, "--apply", *arguments)
    assert ran.code == 2
    assert not ran.asked


def test_list_shows_the_steps(write: Write, tmp_path: Path) -> None:
    written = write("contoso")
    ran = run(written, tmp_path, "--list")
    ready = {s.id for s in told(written.plan) if not s.chosen and s.kind in ("requests", "list")}
    shown = dict(reversed(line.split()) for line in ran.out.splitlines())
    assert {step for step, mode in shown.items() if mode == "ready"} == ready
    assert list(shown) == [p.step.id for p in written.plan.steps]


def test_a_refusal_stops_the_script(write: Write, tmp_path: Path) -> None:
    """What failed is said without the service's control characters, and no further step is taken."""
    written = write("contoso")
    first, second = [s for s in told(written.plan) if s.kind == "requests"][:2]
    url = first.requests[0].url
    ran = run(written, tmp_path, "--apply", "--step", first.id, "--step", second.id, FAKE_REFUSED=url)
    assert ran.code == 1
    assert [u for _, u, _ in ran.sent] == [url]
    assert "stopped: 1 of these requests failed" in ran.out
    assert "nothing was changed" in ran.out
    assert second.title not in ran.out


def test_a_failure_ends_its_step(write: Write, tmp_path: Path) -> None:
    """A step's later requests rely on its first ones."""
    written = write("contoso")
    step = next(s for s in told(written.plan) if s.kind == "requests" and len(s.requests) > 2)
    ran = run(written, tmp_path, "--apply", "--step", step.id, FAKE_REFUSED="rest")
    assert ran.code == 1
    assert len(ran.sent) == 1
    assert ran.out.count("  not sent  ") == len(step.requests) - 1


def test_a_failure_midway_tells_the_way_back(write: Write, tmp_path: Path) -> None:
    """What was sent before it is named, and the very command it names takes back that and nothing else."""
    written = write("contoso")
    step = next(s for s in told(written.plan) if s.id == "GUEST-INV-001.1")
    people = [str((r.body or {})["principalId"]) for r in step.requests]
    ran = run(written, tmp_path, "--apply", "--step", "GUEST-AUT-001.2", "--step", step.id, FAKE_REFUSED=people[2])
    assert ran.code == 1
    assert "shows what takes it back, and sends it with --apply" in ran.out
    way = ran.out.splitlines()[-1].split()
    assert way == ["bash", "plan.sh", "--undo", "--step", "GUEST-AUT-001.2", "--step", step.id]
    assert not run(written, tmp_path, *way[2:]).asked
    back = run(written, tmp_path, *way[2:], "--apply", FAKE_NONE=" ".join(people[2:]))
    assert back.code == 0, back.out
    assert back.out.count("  not there ") == len(people) - 2
    assert [method for method, _, _ in back.sent] == ["DELETE"] * 3


def test_a_failed_way_back_can_be_gone_again(write: Write, tmp_path: Path) -> None:
    written = write("contoso")
    ran = run(written, tmp_path, "--undo", "--apply", "--step", "GUEST-INV-001.2", FAKE_REFUSED="rest")
    assert ran.code == 1
    assert "run the same again once the cause is gone" in ran.out


def test_what_is_there_already_is_passed_over(write: Write, tmp_path: Path) -> None:
    """A step taken again after a failure goes on where it stopped; other clashes stay failures."""
    written = write("contoso")
    again = run(written, tmp_path, "--apply", "--step", "GUEST-INV-001.1", FAKE_THERE="roleAssignments")
    assert again.code == 0, again.out
    assert "  there now " in again.out
    clash = run(written, tmp_path, "--apply", "--step", "GUEST-XTA-001.1", FAKE_THERE="/partners")
    assert clash.code == 1


def test_guests_that_are_gone_are_passed_over(write: Write, tmp_path: Path) -> None:
    written = write("contoso")
    step = next(s for s in told(written.plan) if s.kind == "list" and s.count > 3)
    rows = (written.folder / step.file).read_text("ascii").splitlines()[1:]
    gone, refused = rows[0].split("\t")[2], rows[1].split("\t")[2]
    ran = run(written, tmp_path, "--apply", "--step", step.id, FAKE_MISSING=gone, FAKE_REFUSED=refused)
    assert ran.code == 1, "one was refused"
    assert len(ran.sent) == len(rows), "the others are still done"
    assert ran.out.count("  not there ") == 1
    assert ran.out.count("  failed ") == 1


def test_a_missing_list_is_a_failure(write: Write, tmp_path: Path) -> None:
    written = write("contoso")
    copy = tmp_path / "alone"
    copy.mkdir()
    shutil.copy(written.folder / "plan.sh", copy)
    step = next(s for s in told(written.plan) if s.kind == "list")
    ran = run(Written(written.plan, copy, written.audited), tmp_path, "--apply", "--step", step.id)
    assert ran.code == 1
    assert "is not beside this script" in ran.out


@pytest.mark.parametrize("found", ["", "one\ntwo", "a b", "../x"])
def test_an_object_not_found_for_sure_is_not_touched(found: str, write: Write, tmp_path: Path) -> None:
    """Where none or several are like the one to change, or the id is odd, nothing is sent."""
    written = write("contoso")
    step = next(s for s in told(written.plan) if s.kind == "requests" and s.requests[0].find)
    ran = run(written, tmp_path, "--apply", "--step", step.id, FAKE_FOUND=found)
    assert ran.code == 1
    assert not ran.sent


def test_only_ascii_is_written(write: Write) -> None:
    for name in ("contoso", "hostile names"):
        for file in ("plan.sh", "plan.ps1", *(f"lists/{p.name}" for p in (write(name).folder / "lists").iterdir())):
            data = (write(name).folder / file).read_bytes()
            assert set(data) <= {9, 10, *range(32, 127)}, file


def test_shellcheck_has_nothing_to_say(write: Write) -> None:
    tool = shutil.which("shellcheck", path=str(Path(sys.executable).parent))
    assert tool is not None, "the dev group brings shellcheck"
    done = subprocess.run(
        [tool, "-S", "style", str(write("hostile names").folder / "plan.sh")], capture_output=True, check=False
    )
    assert done.stdout == b""
    assert done.returncode == 0
