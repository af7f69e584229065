"""The command line itself: usage in one line, our own mistakes, consoles, pipes, and what each command can do."""

import io
import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from posture.cli import console, exits, main
from posture.cli.config import SETTINGS, unknown_variables, variable_of
from posture.emulator.tenant import find_sample
from posture.report import FORMATS
from tests.cli.run import posture

COMMANDS = (
    ["audit"], ["collect"], ["assess"], ["report"], ["plan"], ["doctor"], ["setup"], ["hunt"], ["kql"], ["emulate"],
    ["controls"], ["controls", "list"], ["controls", "explain"],
)  # fmt: skip
ID = "00000000-0000-4000-8000-000000000001"


@pytest.mark.parametrize("command", [[], *COMMANDS], ids=" ".join)
def test_help_fits_80_columns(command):
    said = posture(*command, "--help")
    assert said.code == 0
    assert max(map(len, said.out.splitlines())) <= 80
    assert "<int range>" not in said.out
    assert "<str>" not in said.out


def test_the_list_of_commands_cuts_no_sentence():
    listed = posture("--help").out.partition("Commands:")[2]
    assert {line.split()[0] for line in listed.splitlines() if line.strip()} == {c[0] for c in COMMANDS}
    assert not [line for line in listed.splitlines() if line.endswith("...")]


@pytest.mark.parametrize("command", ["audit", "report"])
def test_help_names_every_format(command):
    words = posture(command, "--help").out.replace(",", " ").replace(";", " ").split()
    assert set(FORMATS) <= set(words)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["contrls"], "controls"),
        (["audit", "--no-such"], "--no-such"),
        (["audit", "--lookback-days", "many"], "many"),
        (["audit", "--format"], "--format"),
        (["assess"], "RUN|EVIDENCE"),
        (["audit", "--sample", "dayone", "one", "two"], "two"),
        (["emulate", "dayone", "--port", "99999"], "99999"),
    ],
)
def test_wrong_usage_is_one_line(arguments, words):
    said = posture(*arguments)
    assert said.code == 2
    assert words in said.line
    assert "--help" in said.line
    assert len(said.err.splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        (["audit", "--sample", "dayone", "--out", ""], "--out"),
        (["kql", "--sample", "dayone", "--out="], "--out"),
        (["report", " "], "an argument"),
    ],
)
def test_an_empty_word_is_not_the_current_folder(arguments, name, tmp_path):
    said = posture(*arguments)
    assert said.code == 2
    assert f"{name} is empty" in said.line
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize("arguments", [[], ["controls"]])
def test_no_command_shows_the_help(arguments):
    said = posture(*arguments)
    assert said.code == 2
    assert "Usage: posture" in said.err


def test_a_mistake_of_ours_never_looks_like_findings(monkeypatch):
    def broken(*_: object) -> None:
        raise KeyError("\x1b]0;owned\x07\u202ename")

    monkeypatch.setattr("posture.controls.page.rows", broken)
    said = posture("controls", "list")
    assert said.code == exits.NO_AUDIT
    assert "this is a mistake in posture (KeyError in cli/controls.py, line " in said.line
    assert len(said.err.splitlines()) == 1
    assert "owned" not in said.err

    monkeypatch.setenv("POSTURE_VERBOSE", "1")
    said = posture("controls", "list")
    assert said.code == exits.NO_AUDIT
    assert "Traceback" in said.err
    assert "owned" in said.err
    assert all(c.isprintable() or c == "\n" for c in said.err)


def test_a_mistake_in_one_source_is_one_line_and_the_others_go_on(monkeypatch, tmp_path):
    from posture.collect.registry import gatherers

    async def broken(*_: object) -> None:
        raise KeyError("\x1b[2Jname")

    monkeypatch.setitem(gatherers(), "domains", replace(gatherers()["domains"], function=broken))
    said = posture("collect", "--sample", "dayone", "--quiet", "--out", str(tmp_path))
    assert said.code == exits.NOT_ASSESSED
    assert said.line.startswith("posture: that gatherer domains failed is a mistake in posture (KeyError in collect/")
    assert len(said.err.splitlines()) == 1


def test_a_name_no_file_system_takes_is_one_line():
    said = posture("assess", "x" * 300)
    assert said.code == exits.NO_AUDIT
    assert "too long" in said.line
    assert len(said.line) < 250


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("LOOKBACK_DAYS", "abc", "1 to 365"),
        ("LOOKBACK_DAYS", "0", "1 to 365"),
        ("LOOKBACK_DAYS", "366", "1 to 365"),
        ("TOKEN_CACHE", "maybe", "true or false"),
        ("QUIET", "perhaps", "true or false"),
        ("PROFILE", "x", "scuba-aad"),
        ("FAIL_ON", "x", "critical"),
        ("FORMAT", "html,docx", "docx"),
        ("DECLINE", "guest,sponsors", "'guest' is no source"),
        ("CLOUD", "mars", "usgov"),
        ("AUTH", "magic", "device-code"),
        ("CONFIG", "none.toml", "none.toml"),
    ],
)
def test_a_wrong_variable_is_named(tmp_path, monkeypatch, name, value, words):
    monkeypatch.setenv(f"POSTURE_{name}", value)
    said = posture("audit", "--sample", "dayone")
    assert said.code == 2
    assert words in said.line
    assert not (tmp_path / "reports").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--auth", "browser", "--client-id", "x"], "client"),
        (["--auth", "browser", "--client-id", ID, "--tenant", "con toso"], "contoso.example"),
        (["--auth", "browser", "--client-id", ID, "--tenant", "contoso"], "contoso.example"),
        (["--auth", "environment"], "AZURE_CLIENT_ID"),
        (["--sample", "dayone", "--cloud", "china"], "in global"),
    ],
)
def test_what_cannot_be_meant_is_known_before_any_call(monkeypatch, arguments, words):
    for name in ("AZURE_TENANT_ID", "AZURE_CLIENT_ID"):
        monkeypatch.delenv(name, raising=False)
    said = posture("audit", *arguments)
    assert said.code == 2
    assert words in said.line


@pytest.mark.parametrize("brand", ['accent = "red; }"', 'logo = "none.png"', 'language = "tlh"'])
def test_a_wrong_brand_is_known_before_any_call(tmp_path, brand):
    (tmp_path / "posture.toml").write_text(f"[brand]\n{brand}\n")
    said = posture("audit", "--sample", "dayone")
    assert said.code == 2
    assert "brand." in said.line
    assert said.err.count("\n") == 1
    assert not list(tmp_path.glob("reports/.unfinished/*"))


def test_settings_that_hang_in_the_air_are_not_passed_over(tmp_path):
    (tmp_path / "posture.toml").symlink_to(tmp_path / "gone.toml")
    said = posture("audit", "--sample", "dayone")
    assert said.code == 2
    assert "posture.toml" in said.line


def test_variables_that_mean_nothing_are_found(monkeypatch):
    monkeypatch.setenv("POSTURE_TENNANT", "x")
    monkeypatch.setenv("POSTURE_TENANT", "x")
    monkeypatch.setenv("POSTURE_TOKEN", "x")
    assert unknown_variables() == {"POSTURE_TENNANT": "POSTURE_TENANT"}


def test_every_setting_has_a_variable_of_its_own():
    assert len({variable_of(name) for name in SETTINGS}) == len(SETTINGS)


def test_setup_hears_the_environment(monkeypatch):
    monkeypatch.setenv("POSTURE_CLOUD", "china")
    monkeypatch.setenv("POSTURE_TENANT", "contoso.example")
    said = posture("setup", "--control", "INV-001")
    assert "https://login.chinacloudapi.cn/contoso.example/adminconsent" in said.out
    assert "az cloud set --name AzureChinaCloud" in said.out
    assert "-Environment China" in said.out


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "utf-8"])
def test_a_console_that_lacks_a_sign_shows_another(monkeypatch, encoding):
    out = io.TextIOWrapper(io.BytesIO(), encoding)
    monkeypatch.setattr(sys, "stdout", out)
    console.say("Reading … ‮ 漢字")
    out.flush()
    shown = out.buffer.getvalue().decode(encoding)
    assert shown.startswith("Reading ")
    assert ("漢字" in shown) == (encoding == "utf-8")


def _run(script: str, **environment: str) -> subprocess.CompletedProcess[str]:
    root = Path(main.__file__).resolve().parents[2]
    command = script.replace("posture ", f"'{sys.executable}' -m posture ")
    variables = {**os.environ, "PYTHONPATH": str(root), **environment}
    return subprocess.run(["/bin/sh", "-c", command], capture_output=True, text=True, check=False, env=variables)


needs_shell = pytest.mark.skipif(sys.platform == "win32", reason="a POSIX shell's pipes")


@needs_shell
def test_a_reader_that_goes_away_costs_nothing():
    said = _run("{ posture controls list --json; echo status $? >&2; } | head -c 20")
    assert said.stderr.strip() == "status 0"


@needs_shell
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_results_that_cannot_be_printed_are_no_success():
    said = _run("posture controls list >/dev/full")
    assert said.returncode == exits.NO_AUDIT
    assert said.stderr.startswith("posture: the results cannot be printed")


@needs_shell
@pytest.mark.parametrize("closed", ["<&-", ">&-"])
def test_closed_streams_are_no_trouble(closed):
    said = _run(f"posture controls list {closed}")
    assert (said.returncode, said.stderr) == (0, "")


@pytest.mark.parametrize(
    "arguments",
    [["controls", "list"], ["controls", "list", "--framework", "scuba"], ["controls", "explain", "INV-001"],
     ["setup", "--control", "INV-001"], ["doctor", "--sample", "dayone", "--quiet"]],
    ids=" ".join,
)  # fmt: skip
def test_json_stands_alone_on_stdout(arguments):
    said = posture(*arguments, "--json")
    json.loads(said.out)
    assert said.err == ""


def test_a_folder_whose_name_is_no_utf8(tmp_path):
    place = os.fsdecode(os.fsencode(tmp_path) + b"/o\xff")
    try:
        shutil.copytree(find_sample("dayone"), place)
    except OSError:
        pytest.skip("this file system takes UTF-8 alone")
    said = posture("collect", "--sample", place, "--quiet", "--json", "--out", f"{place}/runs")
    assert said.code == exits.NOT_ASSESSED
    assert json.loads(said.out)["run"].startswith(str(tmp_path / "o\ufffd"))


def test_a_current_folder_that_is_gone(tmp_path, monkeypatch):
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    said = posture("audit", "--sample", "dayone")
    assert said.code == exits.USAGE
    assert "the current folder is gone" in said.line
