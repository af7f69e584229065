"""plan.ps1 read by a PowerShell grammar: it parses, it calls only what it should, and names are never code.

It is not run here: neither PowerShell nor its analyzer comes as a Python or Debian package.
"""

import json
from collections.abc import Iterator
from typing import Any

import pytest
import tree_sitter
import tree_sitter_powershell

from posture.plan.quote import body_text
from posture.plan.scripts import told
from posture.plan.types import Request
from tests.plan.conftest import Write, Written

CALLED = {
    "Find-One",
    "Get-MgContext",
    "Invoke-MgGraphRequest",
    "Join-Path",
    "Send-List",
    "Send-One",
    "Set-StrictMode",
    "Write-Host",
}
NAMES = ["contoso", "hostile names", "halfblind", "dayone"]


def parsed(written: Written) -> Any:
    parser = tree_sitter.Parser(tree_sitter.Language(tree_sitter_powershell.language()))
    return parser.parse((written.folder / "plan.ps1").read_bytes()).root_node


def nodes(root: Any) -> Iterator[Any]:
    waiting = [root]
    while waiting:
        node = waiting.pop()
        yield node
        waiting += reversed(node.children)


def text(node: Any) -> str:
    return str(node.text.decode("ascii"))


def unquoted(word: str) -> str:
    assert word[0] == word[-1] == "'"
    return word[1:-1].replace("''", "'")


def calls(root: Any) -> Iterator[dict[str, str]]:
    """Yield every call of Send-One as its parameters, outside the functions of the script itself."""
    for node in nodes(root):
        if node.type != "command" or not text(node).startswith("Send-One") or "$cell" in text(node):
            continue
        words = [w for w in node.named_children[1].children if w.type != "command_argument_sep"]
        found, key = {}, ""
        for word in words:
            if word.type == "command_parameter":
                key = text(word)
            else:
                found[key] = text(word)
        yield found


@pytest.mark.parametrize("name", NAMES)
def test_it_parses_and_calls_only_what_it_should(name: str, write: Write) -> None:
    root = parsed(write(name))
    assert not root.has_error
    assert {text(n) for n in nodes(root) if n.type == "command_name"} <= CALLED
    invoked = [text(n) for n in nodes(root) if n.type == "command_name" and text(n) == "Invoke-MgGraphRequest"]
    assert len(invoked) == 3, "one reads a list, two send: with a body and without"


@pytest.mark.parametrize("name", NAMES)
def test_nothing_of_the_tenant_stands_where_it_would_be_evaluated(name: str, write: Write) -> None:
    """Strings that PowerShell fills in are the script's own, the same for every tenant; so are its variables."""
    expanded = {
        n: {text(x) for x in nodes(parsed(write(n))) if x.type in ("expandable_string_literal", "sub_expression")}
        for n in (name, "dayone")
    }
    variables = {n: {text(x) for x in nodes(parsed(write(n))) if x.type == "variable"} for n in (name, "dayone")}
    assert expanded[name] == expanded["dayone"]
    assert variables[name] == variables["dayone"]


@pytest.mark.parametrize("name", NAMES)
def test_the_requests_are_the_plans(name: str, write: Write) -> None:
    """Each step's requests and their way back stand in it, byte for byte what plan.sh sends."""
    written = write(name)
    wanted: list[Request] = []
    for step in told(written.plan):
        if step.kind == "requests":
            wanted += step.requests
            wanted += [back for r in reversed(step.requests) for back in r.undo]
    found = list(calls(parsed(written)))
    assert len(found) == len(wanted)
    for call, request in zip(found, wanted, strict=True):
        assert call["-Method"] == request.method
        assert unquoted(call["-Uri"]) == request.url
        assert unquoted(call.get("-Body", "''")) == body_text(request.body)
        if request.find is not None:
            assert unquoted(call["-FindUri"]) == request.find.url
            assert unquoted(call["-FindKey"]) == request.find.key
            for key, value in request.find.where.items():
                assert f"'{key}' = '{value}'" in call["-FindWhere"]
        if request.body is not None:
            assert json.loads(unquoted(call["-Body"])) == request.body


@pytest.mark.parametrize("name", NAMES)
def test_it_is_dry_unless_asked(name: str, write: Write) -> None:
    """Before anything is sent each sending function asks for -Apply and returns; -Apply wants the plan's tenant."""
    written = write(name)
    script = (written.folder / "plan.ps1").read_text("ascii")
    assert "[switch] $Apply," in script
    one = script[script.index("function Send-One(") : script.index("function Send-List(")]
    assert one.index("if (-not $Apply) {") < one.index("return") < one.index("Invoke-MgGraphRequest")
    many = script[script.index("function Send-List(") : script.index("$Steps = [ordered]@{}")]
    assert many.index("if (-not $Apply) {") < many.index("return") < many.index("Send-One")
    tail = script[script.rindex("if ($Apply) {") :]
    assert tail.index("$context.TenantId -ne $Tenant") < tail.index("& $Steps[$name].Forth")
    assert f"$Tenant = '{written.audited.assessment.tenant.id}'" in script


@pytest.mark.parametrize("name", NAMES)
def test_steps_to_decide_are_taken_only_by_name(name: str, write: Write) -> None:
    written = write(name)
    script = (written.folder / "plan.ps1").read_text("ascii")
    for step in told(written.plan):
        start = script.index(f"$Steps['{step.id}'] = @{{")
        head = script[start : script.index("Forth = {", start)]
        ready = not step.chosen and step.kind in ("requests", "list")
        assert f"Ready = ${str(ready).lower()}" in head
