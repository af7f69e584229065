"""The plan as a script for Microsoft Graph PowerShell: `Invoke-MgGraphRequest`, which sends exactly what is shown.

Source: https://learn.microsoft.com/powershell/microsoftgraph/authentication-commands#using-invoke-mggraphrequest
"""

from collections.abc import Iterator

from posture.plan.quote import address, body_text, conditions, method, plain, words
from posture.plan.scripts import Told, scopes, told
from posture.plan.types import Find, Plan, Request

NAME = "plan.ps1"
ENVIRONMENTS = {"usgov": "USGov", "dod": "USGovDoD", "china": "China"}
"""Source: https://learn.microsoft.com/powershell/microsoftgraph/authentication-commands#use-environment"""


def render(plan: Plan, tenant: str, made: str) -> Iterator[str]:
    """Yield the script's lines."""
    steps = told(plan)
    environment = ENVIRONMENTS.get(plan.cloud)
    connect = f"Connect-MgGraph -TenantId {plain(tenant)}" + (f" -Environment {environment}" if environment else "")
    head = _HEAD.replace("@TENANT@", plain(tenant)).replace("@MADE@", plain(made))
    yield from head.replace("@CONNECT@", connect).replace("@SCOPES@", ",".join(scopes(plan))).splitlines()
    yield ""
    yield "$Steps = [ordered]@{}"
    for step in steps:
        yield from _step(step)
    yield from _TAIL.splitlines()


def _step(step: Told) -> Iterator[str]:
    taken = "$false" if step.chosen or step.kind not in ("requests", "list") else "$true"
    yield ""
    yield f"# {step.id}: {step.title}"
    yield f"$Steps[{quoted(step.id)}] = @{{"
    yield f"    Title = {quoted(step.title)}"
    yield f"    Decide = {quoted(step.chosen)}"
    yield f"    Ready = {taken}"
    yield "    Forth = {"
    yield from (f"        {line}" for line in _work(step, undo=False))
    yield "    }"
    yield "    Back = {"
    yield from (f"        {line}" for line in _work(step, undo=True))
    yield "    }"
    yield "}"


def _work(step: Told, *, undo: bool) -> Iterator[str]:
    match step.kind:
        case "blocked":
            yield f"Write-Host {quoted(f'  not possible yet: {step.about}')}"
        case "same":
            yield f"Write-Host {quoted(f'  the same requests as {step.about}')}"
        case "hand":
            yield f"Write-Host {quoted(f'  by hand: {step.about}')}"
        case "list":
            yield f"Send-List -File {quoted(step.file)} -Back ${str(undo).lower()}"
        case _:
            for request in reversed(step.requests) if undo else step.requests:
                yield from (_undo(request) if undo else _call(request))


def _call(request: Request) -> Iterator[str]:
    if request.about:
        yield f"# {plain(request.about)}"
    line = f"Send-One -Method {method(request.method)} -Uri {quoted(address(request.url))}"
    if request.body is not None:
        line += f" -Body {quoted(body_text(request.body))}"
    if request.find is not None:
        line += (
            f" -FindUri {quoted(address(request.find.url))} -FindKey {quoted(request.find.key)} {_where(request.find)}"
        )
    yield line


def _where(find: Find) -> str:
    pairs = "; ".join(f"{quoted(key)} = {quoted(value)}" for key, value in conditions(find))
    return f"-FindWhere @{{ {pairs} }}"


def _undo(request: Request) -> Iterator[str]:
    for back in request.undo:
        yield from _call(back)
    if not request.undo:
        yield f"Write-Host {quoted('  cannot be taken back: ' + words(request.no_undo or 'nothing to restore'))}"


def quoted(text: str) -> str:
    """Return text as a PowerShell string in which nothing is taken for a command.

    PowerShell ends such a string at curly quotes too, so every kind is doubled.
    Source: https://learn.microsoft.com/powershell/module/microsoft.powershell.core/about/about_quoting_rules
    """
    return "'" + "".join(c * 2 if c in "'\u2018\u2019\u201a\u201b" else c for c in text) + "'"


_HEAD = """\
# The mitigation plan of tenant @TENANT@, made by @MADE@ from saved evidence.
#
#   ./plan.ps1                    show what would be sent; nothing is sent
#   ./plan.ps1 -List              show the steps
#   ./plan.ps1 -Apply             send the steps that need no decision, in order
#   ./plan.ps1 -Apply -Step ID    send one step, also one to be decided; several between commas
#   ./plan.ps1 -Undo -Step ID     show what takes a step back; with -Apply send it
#
# Read plan.md first. It needs the module Microsoft.Graph.Authentication and a connection of somebody who holds the
# roles plan.md names:
#   @CONNECT@ -Scopes @SCOPES@
[CmdletBinding()]
param(
    [switch] $Apply,
    [switch] $Undo,
    [switch] $List,
    [string[]] $Step = @()
)
Set-StrictMode -Version Latest
$ErrorActionPreference = 'Stop'
$Tenant = '@TENANT@'
$script:Failed = 0
$script:Sent = 0

function Find-One([string] $Uri, [string] $Key, [hashtable] $Where) {
    $found = @()
    while ($Uri) {
        $page = Invoke-MgGraphRequest -Method GET -Uri $Uri -OutputType HashTable
        foreach ($item in $page['value']) {
            $same = $true
            foreach ($name in $Where.Keys) {
                if ([string] $item[$name] -ne $Where[$name]) { $same = $false }
            }
            if ($same) { $found += [string] $item[$Key] }
        }
        $Uri = $page['@odata.nextLink']
    }
    if ($Undo -and $found.Count -eq 0) { return '' }
    if ($found.Count -ne 1) { throw 'the object to change was not found, or more than one was' }
    return $found[0]
}

function Send-One(
    [string] $Method, [string] $Uri, [string] $Body = '', [string] $FindUri = '', [string] $FindKey = '',
    [hashtable] $FindWhere = @{}, [bool] $Soft = $false
) {
    if (-not $Apply) {
        Write-Host "  would send  $Method $Uri"
        if ($Body) { Write-Host "              $Body" }
        if ($FindUri) { Write-Host "              {found} is read from $FindUri" }
        return
    }
    if (-not $Soft -and $script:Failed -gt 0) {
        Write-Host "  not sent    $Method $Uri"
        return
    }
    try {
        if ($FindUri) {
            $id = Find-One $FindUri $FindKey $FindWhere
            if (-not $id) {
                Write-Host "  not there   $Method $Uri"
                return
            }
            $Uri = $Uri.Replace('{found}', $id)
        }
        if ($Body) {
            $null = Invoke-MgGraphRequest -Method $Method -Uri $Uri -Body $Body -ContentType 'application/json'
        } else {
            $null = Invoke-MgGraphRequest -Method $Method -Uri $Uri
        }
        $script:Sent++
        Write-Host "  sent        $Method $Uri"
    } catch {
        $code = 0
        $thrown = $_.Exception
        if ($thrown.PSObject.Properties['Response'] -and $thrown.Response) { $code = [int] $thrown.Response.StatusCode }
        if (($Method -eq 'DELETE' -or $Soft) -and $code -eq 404) {
            Write-Host "  not there   $Method $Uri"
            return
        }
        $there = "$($_.ErrorDetails) $($thrown.Message)" -match 'already exist|conflicting object'
        $same = $Undo -or $Uri.EndsWith('/$ref') -or $Uri.EndsWith('/roleAssignments')
        if ($there -and $same -and $Method -eq 'POST') {
            Write-Host "  there now   $Method $Uri"
            return
        }
        $script:Failed++
        Write-Host "  failed      $Method $Uri"
        Write-Host ('              ' + ($thrown.Message -replace '[^\\x20-\\x7e]', '?'))
    }
}

function Send-List([string] $File, [bool] $Back) {
    $path = Join-Path $PSScriptRoot $File
    $lines = [System.IO.File]::ReadLines($path)
    if (-not $Apply) {
        $count = 0
        foreach ($line in $lines) { $count++ }
        Write-Host "  would send  $($count - 1) requests, listed in $File"
        return
    }
    foreach ($line in $lines) {
        $cell = $line.Split([char] 9)
        if ($cell[0] -eq 'number') { continue }
        $at = 1
        if ($Back) { $at = 4 }
        if ($cell[$at] -eq '-') {
            Write-Host "  line $($cell[0]) cannot be taken back"
            continue
        }
        $text = $cell[$at + 2]
        if ($text -eq '-') { $text = '' }
        Send-One -Method $cell[$at] -Uri $cell[$at + 1] -Body $text -Soft $true
    }
}
"""

_TAIL = """\

foreach ($name in $Step) {
    if (-not $Steps.Contains($name)) { throw "no such step: $name" }
}
if ($Undo -and $Step.Count -eq 0) { throw 'name the steps to take back with -Step' }
if ($List) {
    foreach ($name in $Steps.Keys) {
        $mode = 'named'
        if ($Steps[$name].Ready) { $mode = 'ready' }
        Write-Host "$mode  $name  $($Steps[$name].Title)"
    }
    return
}
if ($Apply) {
    $context = Get-MgContext
    if (-not $context -or -not $Tenant -or $context.TenantId -ne $Tenant) {
        throw "connect to the plan's tenant first: Connect-MgGraph -TenantId $Tenant"
    }
}
$taken = @()
$order = @($Steps.Keys)
if ($Undo) { [array]::Reverse($order) }
foreach ($name in $order) {
    if ($Step.Count -gt 0) {
        if ($Step -notcontains $name) { continue }
    } elseif ($Apply -and -not $Steps[$name].Ready) {
        continue
    }
    $script:Sent = 0
    if ($Undo) {
        Write-Host "$name  take back: $($Steps[$name].Title)"
        & $Steps[$name].Back
    } else {
        Write-Host "$name  $($Steps[$name].Title)"
        if ($Steps[$name].Decide) { Write-Host "  to decide: $($Steps[$name].Decide)" }
        & $Steps[$name].Forth
    }
    if ($script:Sent -gt 0) { $taken += $name }
    if ($script:Failed -gt 0) {
        Write-Host "stopped: $script:Failed of these requests failed; the steps after $name were not taken"
        if ($Undo) {
            Write-Host 'run the same again once the cause is gone: what is taken back already stays so'
        } elseif ($taken.Count -gt 0) {
            Write-Host 'what was sent stands; this shows what takes it back, and sends it with -Apply:'
            Write-Host "  ./plan.ps1 -Undo -Step $($taken -join ',')"
        } else {
            Write-Host 'nothing was changed'
        }
        exit 1
    }
}
if (-not $Apply) { Write-Host 'nothing was sent: this was a dry run; add -Apply' }
"""
