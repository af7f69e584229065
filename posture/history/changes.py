"""What changed since an earlier run of the same tenant: findings, settings, guests.

Kept apart from `assessment.json`, which depends on its own evidence alone.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from posture import CATALOGUE_VERSION
from posture.assess.types import Assessment, Finding
from posture.controls.registry import Outcome
from posture.errors import EvidenceError
from posture.history.runs import EVIDENCE, runs
from posture.settings import Settings, Severity
from posture.snapshot.folder import parse
from posture.snapshot.settings_file import load_settings
from posture.snapshot.store import load
from posture.snapshot.types import Rows, Snapshot
from posture.snapshot.values import moment


@dataclass(frozen=True, slots=True)
class Change:
    """One difference to an earlier run.

    `kind` is opened, resolved, worse, better, grown (an accepted risk), setting
    or not-comparable; `code` the control it is about or "", `severity` how bad
    it is now or None. `words` is one plain sentence, which may hold tenant text.
    """

    kind: str
    words: str
    code: str = ""
    severity: Severity | None = None


@dataclass(frozen=True, slots=True)
class Changes:
    """What changed since an earlier run, taken at `since`; `counts` says in words what became of how many guests."""

    since: datetime
    rows: tuple[Change, ...] = ()
    counts: Mapping[str, int] = field(default_factory=dict)


_RANK = {"pass": 0, "not-applicable": 0, "partial": 1, "fail": 2}
_UNSEEN = {Outcome.NOT_ASSESSED.value, Outcome.ERROR.value, Outcome.MANUAL.value}


def previous(home: Path, tenant_id: str, before: datetime, settings: Settings) -> Path | None:
    """Return the newest run of this tenant under `home` taken before a moment; None where there is none.

    Where its evidence was judged several times, that is the run with our profile
    and parameters, else the first. A run that was never judged or cannot be read
    is passed over: an old folder must not stop a new audit.
    """
    found: list[tuple[datetime, Path]] = []
    for run in runs(home.parent, home.name) if home.is_dir() else ():
        try:
            manifest = parse((run / EVIDENCE / "manifest.json").read_bytes(), str(run))
        except (OSError, EvidenceError):
            continue
        taken = moment(manifest.get("taken_at")) if isinstance(manifest, dict) else None
        tenant = manifest.get("tenant") if isinstance(manifest, dict) else None
        same = isinstance(tenant, dict) and tenant.get("id") == tenant_id
        if same and taken is not None and taken < before and _assessed(run).is_file():
            found.append((taken, run))
    newest = [run for taken, run in found if taken == max(found)[0]]
    return next((run for run in newest if _judged_by(run, settings)), newest[0] if newest else None)


def _judged_by(run: Path, settings: Settings) -> bool:
    try:
        was = load_settings(run / EVIDENCE)
    except (OSError, EvidenceError):
        return False
    return (was.profile, was.thresholds) == (settings.profile, settings.thresholds)


def changes(earlier: Path, assessment: Assessment, snapshot: Snapshot) -> Changes:
    """Compare a run with an earlier one. Raises EvidenceError where the earlier one is damaged."""
    old = _assessment(earlier)
    before = load(earlier / EVIDENCE)
    rows = [*_findings(old, assessment), *_grown(earlier, assessment), *_settings(before, snapshot)]
    return Changes(before.taken_at, tuple(rows), _guests(before, snapshot))


def _assessed(run: Path) -> Path:
    """Return the file with a run's findings; an edition without people has the same outcomes and counts."""
    whole = run / "assessment.json"
    return whole if whole.is_file() else run / "assessment.no-people.json"


def _assessment(run: Path) -> Mapping[str, Any]:
    file = _assessed(run)
    try:
        found = parse(file.read_bytes(), str(file))
    except OSError as error:
        raise EvidenceError(f"{file} cannot be read: {error.strerror or error}") from error
    if not isinstance(found, dict) or not isinstance(found.get("findings"), list):
        raise EvidenceError(f"{file} is no assessment")
    return found


def _findings(old: Mapping[str, Any], assessment: Assessment) -> Iterator[Change]:
    tool = old.get("tool")
    if not isinstance(tool, dict) or tool.get("catalogue_version") != CATALOGUE_VERSION:
        yield Change("not-comparable", "The earlier run used another catalogue version; findings are not compared.")
        return
    same_terms = (
        old.get("profile") == assessment.settings.profile.value
        and old.get("parameters") == assessment.settings.thresholds.as_json()
    )
    if not same_terms:
        yield Change("not-comparable", "The earlier run used another profile or parameters; findings are not compared.")
        return
    known = {str(f.get("control")): f for f in old["findings"] if isinstance(f, dict)}
    for finding in assessment.findings:
        earlier = known.get(finding.control.code)
        change = _finding(earlier, finding) if earlier else None
        if change is not None:
            yield change


def _finding(earlier: Mapping[str, Any], now: Finding) -> Change | None:
    code, was, has = now.control.code, str(earlier.get("outcome")), now.outcome.value
    if was in _UNSEEN or has in _UNSEEN:
        if was == has:
            return None
        when = "then" if was in _UNSEEN else "now"
        return Change("not-comparable", f"It was {_words(was)} and is {_words(has)}: not seen {when}.", code)
    if was not in _RANK or has not in _RANK:
        return None
    if _RANK[was] == _RANK[has]:
        return _counted(earlier, now) if _RANK[has] else None
    if _RANK[was] == 0:
        return Change("opened", f"It was {_words(was)}. {now.summary}", code, now.severity)
    if _RANK[has] == 0:
        return Change("resolved", f"It was {_words(was)}. {now.summary}", code)
    kind = "worse" if _RANK[has] > _RANK[was] else "better"
    return Change(kind, f"It was {_words(was)}. {now.summary}", code, now.severity)


def _counted(earlier: Mapping[str, Any], now: Finding) -> Change | None:
    affected = earlier.get("affected")
    count = affected.get("count") if isinstance(affected, dict) else None
    if not isinstance(count, int) or count == now.affected.count:
        return None
    kind = "worse" if now.affected.count > count else "better"
    return Change(kind, f"Objects concerned: {now.affected.count:,}, before {count:,}.", now.control.code, now.severity)


def _grown(earlier: Path, assessment: Assessment) -> Iterator[Change]:
    """Tell accepted risks that cover more objects now than in the first run that applied them."""
    taken = [(f.control.code, *held) for f in assessment.findings if f.accepted for held in f.accepted.risks]
    if not taken:
        return
    first = _first_counts(earlier, assessment.tenant.id)
    for code, risk, count in taken:
        key = _terms(code, risk.approved.isoformat(), risk.domains, risk.guests, risk.value)
        before = first.get(key)
        if before is not None and count > before:
            words = (
                f"The accepted risk ({risk.reason}) covers {count:,} objects; it covered {before:,} when first applied."
            )
            yield Change("grown", words, code)


def _first_counts(earlier: Path, tenant_id: str) -> dict[str, int]:
    """Return how many objects each accepted risk covered in the first run up to `earlier` that applied it."""
    found: dict[str, int] = {}
    for run in runs(earlier.parent.parent, earlier.parent.name):
        try:
            old = _assessment(run)
        except EvidenceError:
            continue  # a damaged run tells nothing; the one compared with was read above
        tenant, accepted = old.get("tenant"), old.get("accepted")
        applied = accepted.get("applied") if isinstance(accepted, dict) else None
        if isinstance(tenant, dict) and tenant.get("id") == tenant_id and isinstance(applied, list):
            for row in applied:
                only, count = row.get("only"), row.get("count")
                if isinstance(only, dict) and isinstance(count, int):
                    parts = (only.get("domains") or (), only.get("guests") or (), only.get("value"))
                    found.setdefault(_terms(row.get("control"), row.get("approved"), *parts), count)
        if run == earlier:
            break
    return found


def _terms(code: Any, approved: Any, domains: Iterable[str], guests: Iterable[str], value: Any) -> str:
    """Return what makes two accepted risks the same one."""
    return json.dumps([code, approved, sorted(domains), sorted(guests), value], default=str)


def _words(outcome: str) -> str:
    return {"pass": "holding", "partial": "holding in part", "fail": "failing"}.get(outcome, outcome.replace("-", " "))


def _settings(before: Snapshot, after: Snapshot) -> Iterator[Change]:
    from posture.hunts.since import changed_settings

    for c in changed_settings(before, after).changes:
        who = f", by {c.who}" if c.who else ""
        place = f"{c.fact.replace('_', ' ')}{f' of {c.object_id}' if c.object_id else ''}"
        words = (
            f"{place}: {c.change.setting} {c.change.direction.value}, from {c.change.before} to {c.change.after}{who}."
        )
        yield Change("setting", words)


def _guests(before: Snapshot, after: Snapshot) -> dict[str, int]:
    """Count what became of the guests by merging both lists, sorted by id; {} where either was not read whole."""
    old, new = before.facts.get("guests"), after.facts.get("guests")
    if old is None or new is None:
        return {}
    found: Counter[str] = Counter()
    for was, now in _merged(old.value, new.value):
        for words in _became(was, now):
            found[words] += 1
    return {words: found[words] for words in _ORDER if found[words]}


_ORDER = (
    "new guests",
    "guests gone",
    "invitations redeemed",
    "invitations reset",
    "disabled",
    "enabled again",
    "renamed",
)


def _became(was: Mapping[str, Any] | None, now: Mapping[str, Any] | None) -> Iterator[str]:
    if was is None or now is None:
        yield "new guests" if was is None else "guests gone"
        return
    states = (was.get("externalUserState"), now.get("externalUserState"))
    if states == ("PendingAcceptance", "Accepted"):
        yield "invitations redeemed"
    elif states == ("Accepted", "PendingAcceptance"):
        yield "invitations reset"
    if was.get("accountEnabled") is True and now.get("accountEnabled") is False:
        yield "disabled"
    elif was.get("accountEnabled") is False and now.get("accountEnabled") is True:
        yield "enabled again"
    if any(was.get(k) != now.get(k) for k in ("mail", "userPrincipalName")):
        yield "renamed"


def _merged(old: Rows, new: Rows) -> Iterator[tuple[Mapping[str, Any] | None, Mapping[str, Any] | None]]:
    """Pair two lists sorted by id, row by row, in the memory of two rows."""
    left, right = iter(old), iter(new)
    was, now = next(left, None), next(right, None)
    while was is not None or now is not None:
        first, second = str(was.get("id", "")) if was else "", str(now.get("id", "")) if now else ""
        if now is None or (was is not None and first < second):
            yield was, None
            was = next(left, None)
        elif was is None or second < first:
            yield None, now
            now = next(right, None)
        else:
            yield was, now
            was, now = next(left, None), next(right, None)
