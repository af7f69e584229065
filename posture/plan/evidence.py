"""What the plan reads: one run's assessment and evidence, each list walked as seldom as can be."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import quote

from posture.assess.types import Assessment, Finding
from posture.controls.registry import Tally
from posture.errors import UnknownValueError
from posture.plan.impact.census import Census, Walk, take
from posture.plan.impact.logs import AuditLog, People, SignIns, read_audits, read_sign_ins
from posture.settings import Profile, Settings, Thresholds
from posture.snapshot.derive import licences
from posture.snapshot.folder import FileRows
from posture.snapshot.guests import Guest, guests
from posture.snapshot.power import is_dynamic
from posture.snapshot.types import Gap, GapReason, Rows, Snapshot

ROOTS: Mapping[str, str] = {
    "global": "https://graph.microsoft.com",
    "usgov": "https://graph.microsoft.us",
    "dod": "https://dod-graph.microsoft.us",
    "china": "https://microsoftgraph.chinacloudapi.cn",
}
"""Source: https://learn.microsoft.com/graph/deployments"""


_Logs = tuple[AuditLog | Gap, SignIns | Gap]


class Evidence:
    """One run as the plan sees it.

    `affected` is the folder with all objects each finding concerns; without it
    the samples in the findings are all there is, which is enough for impacts
    and not for a plan.
    """

    def __init__(
        self, assessment: Assessment, snapshot: Snapshot, affected: Path | None = None, beside: "Beside | None" = None
    ) -> None:
        self.assessment, self.snapshot, self._affected = assessment, snapshot, affected
        self._beside = beside
        self.findings = {f.control.code: f for f in assessment.findings}
        self.cloud = str(snapshot.manifest.get("cloud") or "global")
        self.root = ROOTS.get(self.cloud, ROOTS["global"])

    @property
    def thresholds(self) -> Thresholds:
        """The parameters the run was judged by."""
        return self.assessment.settings.thresholds

    @property
    def profile(self) -> Profile:
        """Whose reading the run was judged by."""
        return self.assessment.settings.profile

    def url(self, path: str, *ids: str, version: str = "v1.0") -> str:
        """Return a Graph address; each `{}` in the path takes an id, coded so that it stays one segment."""
        pieces = path.split("{}")
        coded = "".join(p + (segment(ids[i]) if i < len(pieces) - 1 else "") for i, p in enumerate(pieces))
        return f"{self.root}/{version}{coded}"

    def fact(self, name: str) -> Any:
        """Return a fact's value, or its Gap."""
        return _fact(self.snapshot, name)

    def gap(self, *names: str) -> Gap | None:
        """Return the first of some facts that was not read."""
        return next((f for n in names if isinstance(f := self.fact(n), Gap)), None)

    def mapping(self, name: str) -> Mapping[str, Any]:
        """Return a single answer; an empty one where it was not read."""
        value = self.fact(name)
        return value if isinstance(value, Mapping) else {}

    def rows(self, name: str) -> Iterator[Mapping[str, Any]]:
        """Yield the objects of a list; nothing where it was not read."""
        return _rows(self.snapshot, name)

    def affected(self, code: str) -> Iterator[dict[str, Any]]:
        """Yield the objects a finding concerns, those an accepted risk covers left out."""
        finding = self.findings[code]
        rows: Iterable[Mapping[str, Any]] = finding.affected.sample
        if self._affected is not None and finding.affected.file:
            rows = FileRows(self._affected, f"{code}.ndjson.gz", ordered=False)
        yield from (dict(row) for row in rows if not row.get("accepted"))

    def whole(self, code: str) -> bool:
        """Whether `affected` yields all objects of a finding, not the sample alone."""
        listed = self.findings[code].affected
        return self._affected is not None or listed.count <= len(listed.sample)

    def affected_ids(self, code: str) -> set[str]:
        """Return the ids a finding concerns, in lower case. Only for lists that are short by nature."""
        return {str(row.get("id", "")).casefold() for row in self.affected(code)}

    def affected_guests(self, code: str, *sides: str) -> Iterator[tuple[dict[str, Any], Guest]]:
        """Yield the guests a finding concerns beside what some side lists say of them, in one walk over both."""
        facts = {n: f for n, f in self.snapshot.facts.items() if n in ("guests", *sides)}
        if "guests" not in facts:
            return
        everyone = guests(replace(self.snapshot, facts=facts))
        guest = next(everyone, None)
        for row in self.affected(code):
            wanted = str(row.get("id", ""))
            while guest is not None and guest.id < wanted:
                guest = next(everyone, None)
            if guest is not None and guest.id == wanted:
                yield row, guest

    @cached_property
    def census(self) -> Census:
        """What one walk over the guests tells, those who are in the logs marked as guests there."""
        people = _people(self._logs)
        watched = frozenset(key for p in people for key in p.counts)
        beside = self._beside
        census = beside.census(self.assessment) if beside else take(self.assessment, self.snapshot, watched)
        outside = census.watched | (watched & {str(m.get("id", "")).casefold() for m in self.rows("external_members")})
        for p in people:
            p.guests |= outside & p.counts.keys()
        return census

    @cached_property
    def _logs(self) -> _Logs:
        return self._beside.logs if self._beside else _read_logs(self.snapshot)

    @property
    def audits(self) -> AuditLog | Gap:
        """What the audit log tells of who invites, consents and registers."""
        _ = self.census
        return self._logs[0]

    @property
    def sign_ins(self) -> SignIns | Gap:
        """What the sign-in log tells of tools, old protocols and partners."""
        _ = self.census
        return self._logs[1]

    @cached_property
    def groups(self) -> Mapping[str, str]:
        """The names of groups by id in lower case."""
        return {str(g.get("id", "")).casefold(): str(g.get("displayName") or g.get("id")) for g in self.rows("groups")}

    @cached_property
    def dynamic_groups(self) -> frozenset[str]:
        """The ids of groups whose members a rule decides, in lower case."""
        return frozenset(str(g.get("id", "")).casefold() for g in self.rows("groups") if _dynamic(g))

    @cached_property
    def premium(self) -> bool | None:
        """Whether the tenant has Entra ID P1; None where that was not read."""
        skus: Rows | Gap = self.fact("subscribed_skus")
        if isinstance(skus, Gap):
            return None
        try:
            return licences(skus).p1
        except UnknownValueError:
            return None

    def is_open(self, code: str) -> bool:
        """Whether a control fails or holds in part and nobody accepted all of that."""
        finding = self.findings.get(code)
        return finding is not None and is_open(finding)


class Beside:
    """Counts for impacts while the controls judge, so that a million guests are walked over once.

    It is shown to `evaluate` as its onlooker, then given to `Evidence`.
    """

    def __init__(self, snapshot: Snapshot, settings: Settings) -> None:
        self.logs = _read_logs(snapshot)
        watched = frozenset(key for p in _people(self.logs) for key in p.counts)
        self._walk = Walk(snapshot, settings.thresholds.stale_days, watched)
        self._counted: Mapping[str, Tally] = {}

    def see(self, guest: Guest, noted: Iterable[str]) -> None:
        """Count one guest, and by what they are concerned."""
        self._walk.see(guest, noted)

    def told(self, counted: Mapping[str, Tally]) -> None:
        """Take the finished tallies."""
        self._counted = counted

    def census(self, assessment: Assessment) -> Census:
        """Return what was counted."""
        return self._walk.census(assessment, self._counted)


def _read_logs(snapshot: Snapshot) -> _Logs:
    audits, sign_ins = _fact(snapshot, "directory_audits"), _fact(snapshot, "sign_ins")
    return (
        audits if isinstance(audits, Gap) else read_audits(audits),
        sign_ins if isinstance(sign_ins, Gap) else read_sign_ins(sign_ins, _rows(snapshot, "sign_ins_non_interactive")),
    )


def _people(logs: _Logs) -> list[People]:
    return [p for log in logs if not isinstance(log, Gap) for p in log.people]


def _fact(snapshot: Snapshot, name: str) -> Any:
    found = snapshot.facts.get(name)
    if found is not None:
        return found.value
    return snapshot.gaps.get(name) or Gap(name, GapReason.NOT_COLLECTED, "it was not read")


def _rows(snapshot: Snapshot, name: str) -> Iterator[Mapping[str, Any]]:
    value = _fact(snapshot, name)
    if not isinstance(value, Gap | Mapping | str) and hasattr(value, "__iter__"):
        yield from (row for row in value if isinstance(row, Mapping))


def is_open(finding: Finding) -> bool:
    """Whether a finding asks for something to be done."""
    covered = finding.accepted is not None and finding.accepted.covers == "all"
    return finding.outcome.value in ("fail", "partial") and not covered


def _dynamic(group: Mapping[str, Any]) -> bool:
    try:
        return is_dynamic(group)
    except UnknownValueError:
        return bool(group.get("membershipRule"))


def segment(name: str) -> str:
    """Return an id as one segment of an address, whatever it holds."""
    return name.replace(".", "%2E") if name in (".", "..") else quote(name, safe="")


def label(row: Mapping[str, Any]) -> str:
    """Return what to call an object: its name, then the address that tells it from others of that name."""
    name = row.get("displayName")
    address = row.get("mail") or row.get("userPrincipalName")
    parts = [str(p) for p in (name, address) if p]
    return ", ".join(dict.fromkeys(parts)) or str(row.get("id", ""))
