"""Each request of a plan has the cmdlet that sends it, with its own ids and its own body."""

import json
import re

import pytest
import tree_sitter
import tree_sitter_powershell

from posture.plan import cmdlets
from posture.plan.cmdlets import cmdlet, powershell
from posture.plan.evidence import segment
from posture.plan.quote import body_text
from posture.plan.types import Request
from posture.settings import Settings
from tests.plan.conftest import Base, Write
from tests.plan.hostile import TEXTS
from tests.plan.test_plan_ps1 import nodes, text

NAMES = ["contoso", "hostile names", "halfblind", "dayone"]


@pytest.mark.parametrize("name", NAMES)
def test_every_request_has_a_cmdlet(name: str, base: Base) -> None:
    """None falls back to a plain request, all ids of its address stand in it, and the body only where there is one."""
    for placed in base(name, Settings()).plan.steps:
        for request in placed.step.requests:
            line = cmdlet(request)
            assert re.match(r"(New|Update|Set|Remove|Revoke)-Mg[A-Z]", line), line
            assert line.endswith(" -BodyParameter $body") is (request.body is not None)
            for found in re.findall(r"[0-9a-f]{8}-[0-9a-f-]{27}", request.url.partition("?")[0]):
                assert found in line


def test_the_table_fills_every_place() -> None:
    for (_, path), name in cmdlets._CMDLETS.items():
        assert path.count("{}") == name.count("{}")
        assert re.fullmatch(r"[A-Z][a-z]+-Mg[A-Za-z0-9]+( -[A-Za-z0-9]+ \{\})*", name)


def test_what_has_none_is_sent_plainly() -> None:
    request = Request("PATCH", "https://graph.microsoft.com/v1.0/a/b", {"c": 1})
    assert cmdlet(request) == (
        "Invoke-MgGraphRequest -Method PATCH -Uri 'https://graph.microsoft.com/v1.0/a/b' -Body $body"
    )


@pytest.mark.parametrize("name", NAMES)
def test_the_lines_hold_the_bodies(name: str, base: Base) -> None:
    """Before each cmdlet `$body` is the body of its request."""
    for placed in base(name, Settings()).plan.steps:
        lines = powershell(placed.step, 20)
        if placed.step.manual or not lines:
            continue
        held, sent = "", []
        for line in lines:
            if line.startswith("$body = "):
                held = line.removeprefix("$body = '").partition("' | ConvertFrom-Json")[0]
            else:
                sent.append((line.partition(" -BodyParameter")[0], held if "$body" in line else ""))
        wanted = [
            (cmdlet(r).partition(" -BodyParameter")[0], body_text(r.body)) for r in list(placed.step.requests)[:20]
        ]
        assert sent == wanted
        assert all(not body or json.loads(body) for _, body in sent)


@pytest.mark.parametrize("name", ["contoso", "hostile names"])
def test_what_plan_md_shows_is_powershell(name: str, write: Write) -> None:
    shown = (write(name).folder / "plan.md").read_text("utf-8")
    parser = tree_sitter.Parser(tree_sitter.Language(tree_sitter_powershell.language()))
    blocks = re.findall(r"^```powershell\n(.*?)^```$", shown, re.MULTILINE | re.DOTALL)
    assert len(blocks) > 30
    for block in blocks:
        # the grammar knows no digit in a parameter's name, PowerShell does
        readable = block.replace("{found}", "found").replace(" -B2BManagementPolicyId ", " -Id ")
        root = parser.parse(readable.encode()).root_node
        assert not root.has_error, block
        called = {text(n) for n in nodes(root) if n.type == "command_name"}
        assert all(re.match(r"(New|Update|Set|Remove|Revoke|Get)-|ConvertFrom-Json", c) for c in called), called


@pytest.mark.parametrize("name", TEXTS)
def test_an_odd_id_stays_one_word(name: str) -> None:
    try:
        url = f"https://graph.microsoft.com/v1.0/users/{segment(name)}"
    except UnicodeEncodeError:
        return
    parser = tree_sitter.Parser(tree_sitter.Language(tree_sitter_powershell.language()))
    root = parser.parse(cmdlet(Request("DELETE", url)).encode()).root_node
    assert not root.has_error
    assert [text(n) for n in nodes(root) if n.type == "command_name"] == ["Remove-MgUser"]
