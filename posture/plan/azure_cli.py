"""The plan as a script for the Azure CLI: `az rest`, in a shell that POSIX systems and the Cloud Shell have.

Source: https://learn.microsoft.com/cli/azure/reference-index#az-rest
"""

from collections.abc import Iterator

from posture.plan.quote import EMPTY, address, body_text, conditions, method, plain, words
from posture.plan.scripts import Told, scopes, told
from posture.plan.types import Find, Plan, Request

NAME = "plan.sh"


def render(plan: Plan, tenant: str, made: str) -> Iterator[str]:
    """Yield the script's lines."""
    steps = told(plan)
    yield from (
        _HEAD.replace("@TENANT@", plain(tenant))
        .replace("@ROOT@", plan.root)
        .replace("@MADE@", plain(made))
        .replace("@SCOPES@", "\n#   ".join(scopes(plan)) or "none")
        .splitlines()
    )
    for step in steps:
        yield from _function(step)
    yield ""
    yield "# id, and whether it is taken without being named"
    yield "all_steps='"
    for step in steps:
        yield f"{step.id} {'named' if step.chosen or step.kind not in ('requests', 'list') else 'ready'}"
    yield "'"
    yield from _TAIL.splitlines()


def _function(step: Told) -> Iterator[str]:
    name = step.id.replace("-", "_").replace(".", "_")
    yield ""
    yield f"# {step.id}: {step.title}"
    yield f"do_{name}() {{"
    yield f"  title {quoted(step.id)} {quoted(step.title)}"
    if step.chosen:
        yield f"  say {quoted(f'  to decide: {step.chosen}')}"
    yield from (f"  {line}" for line in _work(step, undo=False))
    yield "}"
    yield f"undo_{name}() {{"
    yield f"  title {quoted(step.id)} {quoted(f'take back: {step.title}')}"
    yield from (f"  {line}" for line in _work(step, undo=True))
    yield "}"


def _work(step: Told, *, undo: bool) -> Iterator[str]:
    match step.kind:
        case "blocked":
            yield f"say {quoted(f'  not possible yet: {step.about}')}"
        case "same":
            yield f"say {quoted(f'  the same requests as {step.about}')}"
        case "hand":
            yield f"say {quoted(f'  by hand: {step.about}')}"
        case "list":
            yield f"each {quoted(step.file)} {'back' if undo else 'forth'}"
        case _:
            requests = reversed(step.requests) if undo else step.requests
            for request in requests:
                yield from (_undo(request) if undo else _call(request))


def _call(request: Request) -> Iterator[str]:
    if request.about:
        yield f"# {plain(request.about)}"
    arguments = [method(request.method), address(request.url), body_text(request.body) or EMPTY]
    if request.find is not None:
        arguments += [address(request.find.url), jmespath(request.find)]
    yield f"call {' '.join(map(quoted, arguments))}"


def _undo(request: Request) -> Iterator[str]:
    for back in request.undo:
        yield from _call(back)
    if not request.undo:
        yield f"say {quoted('  cannot be taken back: ' + words(request.no_undo or 'nothing to restore'))}"


def jmespath(find: Find) -> str:
    """Return the query that leaves the id of the one object looked for."""
    tests = " && ".join(f"{key}=='{value}'" for key, value in conditions(find))
    return f"value[?{tests}].{find.key}"


def quoted(text: str) -> str:
    """Return text as one word of a POSIX shell, whatever it holds."""
    return "'" + text.replace("'", "'\\''") + "'"


_HEAD = """\
#!/usr/bin/env bash
# The mitigation plan of tenant @TENANT@, made by @MADE@ from saved evidence.
#
#   bash plan.sh                      show what would be sent; nothing is sent
#   bash plan.sh --list               show the steps
#   bash plan.sh --apply              send the steps that need no decision, in order
#   bash plan.sh --apply --step ID    send one step, also one to be decided; may be repeated
#   bash plan.sh --undo --step ID     show what takes a step back; with --apply send it
#
# Read plan.md first. Sign in with az login as somebody who holds the roles it names. The Azure CLI signs people in
# with an application of Microsoft's that lacks most of the permissions below, and nobody but Microsoft can add them:
# where Graph answers 403, use plan.ps1, or sign in with a service principal of yours that has them.
#   @SCOPES@
# shellcheck disable=SC2016  # "$filter" is Graph's word
set -u

tenant='@TENANT@'
root='@ROOT@'
apply=no
undo=no
list=no
wanted=' '
failed=0
sent=0
taken=
soft=

say() { printf '%s\\n' "$1"; }
title() { printf '%s  %s\\n' "$1" "$2"; }
clean() { LC_ALL=C tr -cd '[:print:]\\n' | head -c 600; }

usage() {
  say 'usage: bash plan.sh [--list] [--apply] [--undo] [--step ID]...'
}

# call METHOD URL BODY [LIST-URL QUERY]: BODY is - for none; {found} in URL is the id that QUERY leaves of LIST-URL
call() {
  call_url=$2
  if [ "$apply" != yes ]; then
    printf '  would send  %s %s\\n' "$1" "$2"
    [ "$3" = - ] || printf '              %s\\n' "$3"
    [ $# -lt 5 ] || printf '              {found} is read from %s\\n' "$4"
    return 0
  fi
  if [ -z "$soft" ] && [ "$failed" -gt 0 ]; then
    printf '  not sent    %s %s\\n' "$1" "$2"
    return 0
  fi
  if [ $# -ge 5 ]; then
    call_id=$(az rest --method get --url "$4" --resource "$root" --query "$5" --output tsv 2>/dev/null </dev/null)
    call_status=$?
    if [ "$undo" = yes ] && [ "$call_status" -eq 0 ] && [ -z "$call_id" ]; then
      printf '  not there   %s %s\\n' "$1" "$2"
      return 0
    fi
    case $call_id in
      '' | *[!A-Za-z0-9_-]*)
        say '  failed: the object to change was not found, or more than one was'
        failed=$((failed + 1))
        return 0
        ;;
    esac
    call_url=${2%%\\{found\\}*}$call_id${2#*\\{found\\}}
  fi
  if [ "$3" = - ]; then
    call_told=$(az rest --method "$1" --url "$call_url" --resource "$root" --output none 2>&1 </dev/null)
  else
    call_told=$(az rest --method "$1" --url "$call_url" --resource "$root" --output none \\
      --headers 'Content-Type=application/json' --body "$3" 2>&1 </dev/null)
  fi
  call_status=$?
  if [ "$call_status" -eq 0 ]; then
    sent=$((sent + 1))
    printf '  sent        %s %s\\n' "$1" "$call_url"
    return 0
  fi
  case $undo$1$call_url in
    yesPOST* | noPOST*/'$ref' | noPOST*/roleAssignments)
      case $call_told in
        *'already exist'* | *'conflicting object'*)
          printf '  there now   %s %s\\n' "$1" "$call_url"
          return 0
          ;;
      esac
      ;;
  esac
  case $soft$1:$call_told in
    *DELETE:*'Not Found'* | *DELETE:*ResourceNotFound* | soft*'Not Found'* | soft*ResourceNotFound*)
      printf '  not there   %s %s\\n' "$1" "$call_url"
      return 0
      ;;
  esac
  failed=$((failed + 1))
  printf '  failed      %s %s\\n' "$1" "$call_url"
  printf '%s\\n' "$call_told" | clean
}

# each FILE forth|back: one request a line, columns between tabs; an object that is gone by now is passed over
each() {
  each_file=$here/$1
  if [ ! -r "$each_file" ]; then
    say "  failed: the list $1 is not beside this script"
    failed=$((failed + 1))
    return 0
  fi
  if [ "$apply" != yes ]; then
    printf '  would send  %s requests, listed in %s\\n' "$(($(wc -l <"$each_file") - 1))" "$1"
    return 0
  fi
  while IFS=$'\\t' read -r number one_method one_url one_body back_method back_url back_body _; do
    [ "$number" != number ] || continue
    soft=soft
    if [ "$2" = forth ]; then
      call "$one_method" "$one_url" "$one_body"
    elif [ "$back_method" = - ]; then
      say "  line $number cannot be taken back"
    else
      call "$back_method" "$back_url" "$back_body"
    fi
  done <"$each_file"
  soft=
}
"""

_TAIL = """\

while [ $# -gt 0 ]; do
  case $1 in
    --apply) apply=yes ;;
    --undo) undo=yes ;;
    --list) list=yes ;;
    --step)
      [ $# -ge 2 ] || { usage; exit 2; }
      wanted="$wanted$2 "
      shift
      ;;
    -h | --help) usage; exit 0 ;;
    *) usage; exit 2 ;;
  esac
  shift
done
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)

for step in $wanted; do
  case $all_steps in
    *"
$step "*) ;;
    *) say "no such step: $step"; exit 2 ;;
  esac
done
if [ "$undo" = yes ] && [ "$wanted" = ' ' ]; then
  say 'name the steps to take back with --step'
  exit 2
fi
if [ "$apply" = yes ]; then
  signed_in=$(az account show --query tenantId --output tsv 2>/dev/null) || signed_in=''
  if [ -z "$tenant" ] || [ "$signed_in" != "$tenant" ]; then
    say "sign in to the plan's tenant first: az login --tenant $tenant (signed in to: ${signed_in:-none})"
    exit 4
  fi
fi

ordered=$all_steps
if [ "$undo" = yes ]; then
  ordered=$(printf '%s' "$all_steps" | sed '1!G;h;$!d')
fi
while read -r step mode; do
  [ -n "$step" ] || continue
  if [ "$list" = yes ]; then
    printf '%-5s %s\\n' "$mode" "$step"
    continue
  fi
  case $wanted in
    ' ') [ "$apply" != yes ] || [ "$mode" = ready ] || continue ;;
    *" $step "*) ;;
    *) continue ;;
  esac
  name=$(printf '%s' "$step" | tr '.-' '__')
  sent=0
  if [ "$undo" = yes ]; then "undo_$name"; else "do_$name"; fi
  [ "$sent" -eq 0 ] || taken="$taken --step $step"
  if [ "$failed" -gt 0 ]; then
    say "stopped: $failed of these requests failed; the steps after $step were not taken"
    if [ "$undo" = yes ]; then
      say 'run the same again once the cause is gone: what is taken back already stays so'
    elif [ -n "$taken" ]; then
      say 'what was sent stands; this shows what takes it back, and sends it with --apply:'
      say "  bash plan.sh --undo$taken"
    else
      say 'nothing was changed'
    fi
    exit 1
  fi
done <<END
$ordered
END
[ "$apply" = yes ] || [ "$list" = yes ] || say 'nothing was sent: this was a dry run; add --apply'
"""
