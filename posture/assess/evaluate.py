"""Judge a snapshot: one pass over the guests, then every control once, and under all profiles what reads them.

Pure: the result depends on the snapshot and the settings alone.
"""

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import orjson

from posture.assess.accepted import Acceptances
from posture.assess.score import score
from posture.assess.types import (
    AffectedObjects,
    Assessment,
    AuthorityVerdict,
    Finding,
    GuestNumbers,
    Observed,
)
from posture.controls.registry import (
    Affected,
    Control,
    Outcome,
    Tally,
    TallyContext,
    Verdict,
    catalogue,
    tallies,
)
from posture.errors import EvidenceError, OutputError, UnknownValueError
from posture.settings import Profile, Settings, Severity
from posture.snapshot.folder import gzip_writer, private_file
from posture.snapshot.guests import SIDE_LISTS, Guest, guests
from posture.snapshot.types import Fact, Gap, GapReason, Rows, Snapshot

if TYPE_CHECKING:
    from posture.hunts.run import Lookout

log = logging.getLogger("posture.assess")

_UNSEEN_SEVERITY = Severity.INFO
_LINES_HELD = 256
_VERDICTS = {Outcome.PASS, Outcome.PARTIAL, Outcome.FAIL, Outcome.MANUAL, Outcome.NOT_APPLICABLE}


class Onlooker(Protocol):
    """Somebody else who wants to see each guest, so that they are walked over once."""

    def see(self, guest: Guest, noted: Iterable[str]) -> None:
        """Take one guest; `noted` are the names of the tallies that concern them where nobody accepted that."""

    def told(self, counted: Mapping[str, Tally]) -> None:
        """Take the finished tallies by name, without those that could not count."""


def evaluate(
    snapshot: Snapshot,
    settings: Settings,
    *,
    affected: Path | None = None,
    controls: tuple[Control, ...] | None = None,
    hunts: bool = True,
    onlooker: Onlooker | None = None,
) -> Assessment:
    """Judge a snapshot by the catalogue.

    `affected` is the folder that takes all objects each finding concerns, one
    file a control; without it they are counted and sampled only. `hunts` looks
    for leads where logs were read. `onlooker` is shown every guest as well.
    Raises EvidenceError where the evidence itself is damaged.
    """
    chosen = catalogue() if controls is None else controls
    snapshot = _usable(snapshot)
    acceptances = Acceptances(settings.accepted, snapshot.taken_at)
    files = _AffectedFiles(affected)
    with _lookout(snapshot, settings) if hunts else nullcontext() as out:
        try:
            counted = _count(snapshot, settings, chosen, acceptances, files, out, onlooker)
            findings = tuple(_judge(c, snapshot, settings, counted, acceptances, files) for c in chosen)
        finally:
            files.close()
        files.keep({f.control.code for f in findings if f.affected.file})
        hunted = out.result() if out else None
    return Assessment(
        tenant=snapshot.tenant,
        taken_at=snapshot.taken_at,
        settings=settings,
        findings=findings,
        leads=hunted.leads if hunted else (),
        gaps=_gaps(snapshot, chosen),
        score=score(findings),
        guests=counted.numbers,
        stale_acceptances=acceptances.unused(findings),
        attestations=acceptances.told(settings.attestations, findings),
        hunts=hunted,
    )


def _lookout(snapshot: Snapshot, settings: Settings) -> "AbstractContextManager[Lookout | None]":
    """Hunt in the logs that were read, None where none was; hunts never touch findings or score."""
    if not {"directory_audits", "sign_ins", "sign_ins_non_interactive"} & snapshot.facts.keys():
        return nullcontext()
    from posture.hunts.run import lookout  # only where there is a log: the hunts cost some start-up

    return lookout(snapshot, settings)


class _AffectedFiles:
    """`affected/<control>.ndjson.gz`, opened when its first object comes."""

    def __init__(self, root: Path | None) -> None:
        self._root, self._stack = root, ExitStack()
        self._open: dict[str, Any] = {}
        self._held: dict[str, list[bytes]] = {}

    def sink(self, code: str) -> Callable[[dict[str, Any]], None] | None:
        if self._root is None:
            return None
        root = self._root

        held = self._held.setdefault(code, [])

        def write(row: dict[str, Any]) -> None:
            if code not in self._open:
                raw = self._stack.enter_context(private_file(root / f"{code}.ndjson.gz"))
                self._open[code] = self._stack.enter_context(gzip_writer(raw))
            held.append(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE))
            if len(held) >= _LINES_HELD:
                self._put(code)

        return write

    def _put(self, code: str) -> None:
        """Write the lines held: compressing many at once costs a third of one by one."""
        held = self._held[code]
        if held:
            try:
                self._open[code].write(b"".join(held))
            except OSError as error:
                raise OutputError(f"cannot write under {self._root}: {error.strerror or error}") from error
            held.clear()

    def name(self, code: str) -> str:
        return f"affected/{code}.ndjson.gz" if code in self._open else ""

    def close(self) -> None:
        try:
            with self._stack:
                for code in self._open:
                    self._put(code)
        except OSError as error:
            raise OutputError(f"cannot write under {self._root}: {error.strerror or error}") from error

    def keep(self, codes: set[str]) -> None:
        """Take away the files of findings that concern no object after all: one that passed, or broke half way."""
        for code in self._open.keys() - codes:
            (self._root or Path()).joinpath(f"{code}.ndjson.gz").unlink(missing_ok=True)


@dataclass
class _Counted:
    tallies: dict[str, Tally]
    missing: dict[str, Gap]
    numbers: GuestNumbers


_PEOPLE = ("guests", "external_members", *SIDE_LISTS)


def _usable(snapshot: Snapshot) -> Snapshot:
    """Return the snapshot without facts that are neither an object nor a list, or a list of people that is none."""
    unusable: dict[str, Gap] = {}
    for name, fact in snapshot.facts.items():
        listed = hasattr(fact.value, "__iter__") and not isinstance(fact.value, str | bytes | Mapping)
        if not listed and (name in _PEOPLE or not isinstance(fact.value, Mapping)):
            words = "an object" if isinstance(fact.value, Mapping) else "neither an object nor a list"
            unusable[name] = Gap(name, GapReason.ANSWER, f"the answer for {name} is {words}")
    if not unusable:
        return snapshot
    facts = {name: fact for name, fact in snapshot.facts.items() if name not in unusable}
    return replace(snapshot, facts=facts, gaps={**snapshot.gaps, **unusable})


def _count(
    snapshot: Snapshot,
    settings: Settings,
    controls: tuple[Control, ...],
    acceptances: Acceptances,
    files: _AffectedFiles,
    out: "Lookout | None" = None,
    onlooker: Onlooker | None = None,
) -> _Counted:
    """Feed every guest once to every tally that is asked for and whose facts are all there, and to the hunts."""
    ready: dict[str, Tally] = {}
    missing: dict[str, Gap] = {}
    noted: list[str] = []
    asked = {name for c in controls for name in (*c.needs, *c.optional)}
    for name, cls in tallies().items():
        if name not in asked:
            continue
        gap = next((g for need in cls.needs if (g := _gap_of(snapshot, need)) is not None), None)
        if gap is not None:
            missing[name] = gap
            continue
        wanted = (n for n in (*cls.needs, *cls.optional) if n != "guests" and n in snapshot.facts)
        context = TallyContext(snapshot.taken_at, settings.thresholds, {n: snapshot.facts[n].value for n in wanted})
        try:
            made = cls(context)
        except UnknownValueError as unknown:
            missing[name] = Gap(name, GapReason.UNKNOWN_VALUE, str(unknown))
            continue
        except (EvidenceError, OutputError):
            raise
        except Exception as bug:  # one broken tally must not cost the others; it becomes an error finding
            log.exception("tally %s failed at its start", name)
            missing[name] = Gap(name, GapReason.ERROR, f"posture failed while counting: {type(bug).__name__}")
            continue
        sink = files.sink(cls.control)
        made.affected.sink = _noting(name, noted, sink) if onlooker else sink
        own = next((c for c in controls if c.code == cls.control), None)
        made.affected.accepts = acceptances.matcher(cls.control, _observed(own, snapshot) if own else ())
        ready[name] = made
    if "guests" not in snapshot.facts:
        if out:
            out.see_all()
        return _Counted(ready, missing, GuestNumbers(None, None, _external_members(snapshot)))
    numbers = _Numbers(snapshot.taken_at)
    adds = {name: made.add for name, made in ready.items()}
    for guest in guests(snapshot):
        numbers.add(guest)
        if out:
            out.see(guest)
        broken: dict[str, Gap] = {}
        for name, add in adds.items():
            try:
                add(guest)
            except (EvidenceError, OutputError):
                raise
            except UnknownValueError as unknown:
                broken[name] = Gap(name, GapReason.UNKNOWN_VALUE, str(unknown))
            except Exception as bug:  # one broken tally must not cost the others; it becomes an error finding
                log.exception("tally %s failed on a guest", name)
                broken[name] = Gap(name, GapReason.ERROR, f"posture failed while counting: {type(bug).__name__}")
        if onlooker:
            onlooker.see(guest, noted)
            noted.clear()
        if broken:
            missing |= broken
            adds = {n: a for n, a in adds.items() if n not in broken}
    ready = {n: t for n, t in ready.items() if n not in missing}
    for made in ready.values():
        made.population = numbers.total
        made.affected.sink = files.sink(made.control)
    if onlooker:
        onlooker.told(ready)
    return _Counted(ready, missing, numbers.done(_external_members(snapshot)))


def _noting(
    name: str, noted: list[str], sink: Callable[[dict[str, Any]], None] | None
) -> Callable[[dict[str, Any]], None]:
    def write(row: dict[str, Any]) -> None:
        if "accepted" not in row:
            noted.append(name)
        if sink is not None:
            sink(row)

    return write


def _external_members(snapshot: Snapshot) -> int | None:
    fact = snapshot.facts.get("external_members")
    return len(fact.value) if fact else None


_AGES = ((30, "up to 30 days"), (90, "31 to 90 days"), (180, "91 to 180 days"), (365, "181 to 365 days"))


class _Numbers:
    """The counts of the population itself."""

    def __init__(self, taken_at: datetime) -> None:
        self._taken_at = taken_at
        self.total = self.pending = self.enabled = 0
        self.states: Counter[str] = Counter()
        self.domains: Counter[str] = Counter()
        self.ages: Counter[str] = Counter()
        self.years: Counter[int] = Counter()

    def add(self, guest: Guest) -> None:
        self.total += 1
        state = guest.state or "none recorded"
        self.states[state if state in self.states or len(self.states) < 50 else "other"] += 1
        self.enabled += guest.enabled is True
        domain = guest.domain or "unknown"
        # A tenant may have a million domains; beyond a bound new ones are counted together.
        self.domains[domain if domain in self.domains or len(self.domains) < 100_000 else "further domains"] += 1
        created = guest.created
        if created is not None:
            self.years[created.year] += 1
        if guest.pending:
            self.pending += 1
            since = guest.state_since
            days = (self._taken_at - since).days if since else None
            label = "unknown" if days is None else next((w for limit, w in _AGES if days <= limit), "over a year")
            self.ages[label] += 1

    def done(self, external: int | None) -> GuestNumbers:
        top = sorted(self.domains.items(), key=lambda d: (-d[1], d[0]))[:50]
        return GuestNumbers(
            total=self.total,
            pending=self.pending,
            external_members=external,
            enabled=self.enabled,
            by_state=dict(sorted(self.states.items())),
            by_domain=dict(top),
            domains=len(self.domains),
            pending_by_age={
                w: self.ages[w] for w in (*(a[1] for a in _AGES), "over a year", "unknown") if self.ages[w]
            },
            created_by_year={str(year): count for year, count in sorted(self.years.items())},
        )


def _gap_of(snapshot: Snapshot, name: str) -> Gap | None:
    if name in snapshot.facts:
        return None
    return snapshot.gaps.get(name) or Gap(name, GapReason.NOT_COLLECTED, "source not collected by this version")


_ByProfile = tuple[tuple[Profile, Outcome], ...]


def _judge(
    control: Control,
    snapshot: Snapshot,
    settings: Settings,
    counted: _Counted,
    acceptances: Acceptances,
    files: _AffectedFiles,
) -> Finding:
    observed = _observed(control, snapshot)
    arguments: dict[str, Any] = {}
    for name in (*control.needs, *control.optional):
        value = _argument(name, snapshot, counted)
        if isinstance(value, Gap) and name in control.needs:
            return _unassessed(control, value, observed)
        arguments[name] = value
    context = {"taken_at": snapshot.taken_at, "thresholds": settings.thresholds, "profile": settings.profile}
    wanted = control.function.__annotations__
    call = {**arguments, **{k: v for k, v in context.items() if k in wanted}}
    try:
        verdict = control.function(**call)
        severity = _severity(control, verdict)
        seen = (*observed, *_more(control, verdict, snapshot, call))
        held = _affected(control, verdict, call, seen, acceptances, files)
        authorities, profiles = _authorities(control, call), _by_profile(control, call)
    except UnknownValueError as unknown:
        finding = _unassessed(control, _why(control, unknown), observed)
        # Others may read a value that was read and is ambiguous; of what was not read nobody shall seem to say "fine".
        ambiguous = finding.gap is not None and finding.gap.reason is GapReason.UNKNOWN_VALUE and not unknown.because
        if not ambiguous:
            return finding
        authorities, profiles = _others(control, call)
        return replace(finding, authorities=authorities, profiles=profiles)
    except (EvidenceError, OutputError):
        raise
    except Exception as bug:  # a bug in one control must not cost the others; the exit code does not forget
        log.exception("control %s failed", control.code)
        detail = f"posture failed while judging: {type(bug).__name__}"
        return Finding(
            control, Outcome.ERROR, _UNSEEN_SEVERITY, detail, observed, gap=Gap(control.code, GapReason.ERROR, detail)
        )
    finding = Finding(
        control,
        verdict.outcome,
        severity,
        verdict.summary,
        seen,
        affected=held,
        authorities=authorities,
        notes=verdict.notes,
        profiles=profiles,
    )
    return acceptances.apply(acceptances.attest(finding, settings.attestations))


def _argument(name: str, snapshot: Snapshot, counted: _Counted) -> Any:
    if name in counted.missing:
        return counted.missing[name]
    if name in counted.tallies:
        return counted.tallies[name]
    if name in tallies():
        return _gap_of(snapshot, "guests")
    return _gap_of(snapshot, name) or snapshot.facts[name].value


def _why(control: Control, unknown: UnknownValueError) -> Gap:
    if isinstance(unknown.because, Gap):
        return replace(unknown.because, name=control.code, detail=str(unknown))
    reason = GapReason.LICENCE if unknown.licence else GapReason.UNKNOWN_VALUE
    return Gap(control.code, reason, str(unknown), licence=unknown.licence)


def _unassessed(control: Control, gap: Gap, observed: tuple[Observed, ...]) -> Finding:
    if gap.reason is GapReason.ERROR:
        return Finding(control, Outcome.ERROR, _UNSEEN_SEVERITY, gap.detail, observed, gap=gap)
    return Finding(control, Outcome.NOT_ASSESSED, _UNSEEN_SEVERITY, f"Not assessed: {gap.detail}", observed, gap=gap)


def _severity(control: Control, verdict: Verdict) -> Severity:
    """Return how much the outcome matters: never more than a fail, by which the control is weighed."""
    if verdict.outcome not in _VERDICTS:
        raise TypeError(f"{control.code} answered {verdict.outcome}, which only the evaluator says")
    usual = {Outcome.FAIL: control.fail, Outcome.PARTIAL: control.partial}.get(verdict.outcome, Severity.INFO)
    severity = verdict.severity or usual
    if severity.rank > control.fail.rank:
        raise TypeError(f"{control.code} calls an outcome {severity}, above its own fail")
    return severity


def _affected(
    control: Control,
    verdict: Verdict,
    call: Mapping[str, Any],
    seen: tuple[Observed, ...],
    acceptances: Acceptances,
    files: _AffectedFiles,
) -> AffectedObjects:
    """Collect the objects concerned: guests from the control's own tally, others from the verdict."""
    held = next((a.affected for a in call.values() if isinstance(a, Tally) and a.control == control.code), None)
    if held is None:
        held = Affected()
        held.sink = files.sink(control.code)
        held.accepts = acceptances.matcher(control.code, seen)
    for row in sorted(verdict.affected, key=lambda r: str(r.get("id", ""))):
        held.add(dict(row), row.get("domain"))
    if verdict.outcome not in (Outcome.FAIL, Outcome.PARTIAL):
        return AffectedObjects()
    sample = tuple(sorted(held.sample, key=lambda r: str(r.get("id", ""))))
    return AffectedObjects(held.count, sample, files.name(control.code), held.accepted)


def _observed(control: Control, snapshot: Snapshot) -> tuple[Observed, ...]:
    """Return the values the control says it looks at, as the facts hold them."""
    found = []
    for path in control.observes:
        name, _, prop = path.partition(".")
        fact = snapshot.facts.get(name)
        if fact is None:
            continue
        value: Any = fact.value
        for key in prop.split(".") if prop else ():
            value = value.get(key) if isinstance(value, Mapping) else None
        if isinstance(value, Mapping | str | int | float | list) or value is None:
            found.append(_seen(fact, prop, value))
    return tuple(found)


def _seen(fact: Fact, prop: str, value: Any) -> Observed:
    p = fact.provenance
    return Observed(
        p.endpoint, prop, value, p.retrieved_at, p.request_ids[-1] if p.request_ids else "", p.file, p.sha256
    )


def _more(control: Control, verdict: Verdict, snapshot: Snapshot, call: Mapping[str, Any]) -> tuple[Observed, ...]:
    """Tie the verdict's own numbers to the fact they come from, and name every further answer it rests on.

    A key `fact.words` names its fact, and is left out where that was not had;
    one without comes from the tally's lists, else from the first fact the
    control reads.
    """
    lists = [n for a in call.values() if isinstance(a, Tally) for n in (*a.needs, *a.optional)]
    wanted = dict.fromkeys((*lists, *control.needs, *control.optional))
    read = [n for n in wanted if n in snapshot.facts]
    found = []
    named = {path.partition(".")[0] for path in control.observes}
    for key, value in verdict.observed.items():
        name, dot, words = key.partition(".")
        if dot and name in wanted and name not in snapshot.facts:
            continue
        own = bool(dot) and name in snapshot.facts
        fact = snapshot.facts[name] if own else (snapshot.facts[read[0]] if read else None)
        words = words if own else key
        found.append(_seen(fact, words, value) if fact else Observed("", words, value, None, ""))
        named.add(fact.name if fact else "")
    for name in read:
        rows = snapshot.facts[name].provenance.rows
        if name not in named and rows is not None:
            found.append(_seen(snapshot.facts[name], "rows read", rows))
    return tuple(found)


def _authorities(control: Control, call: Mapping[str, Any]) -> tuple[AuthorityVerdict, ...]:
    found = []
    for authority in control.authorities:
        outcome: Outcome | None = None
        if authority.verdict is not None:
            try:
                outcome = authority.verdict(**call)
            except UnknownValueError:
                outcome = None
        found.append(AuthorityVerdict(authority.name, authority.item, outcome.value if outcome else ""))
    return tuple(found)


def _others(control: Control, call: Mapping[str, Any]) -> tuple[tuple[AuthorityVerdict, ...], _ByProfile]:
    """Return how others judge what this control could not; without it where their reading breaks."""
    try:
        return _authorities(control, call), _by_profile(control, call)
    except (EvidenceError, OutputError):
        raise
    except Exception:  # the control's own refusal stands; another reading of odd values must not cost it
        log.exception("an authority of control %s failed", control.code)
        return (), ()


def _by_profile(control: Control, call: Mapping[str, Any]) -> _ByProfile:
    """Return the outcome under every profile from the same counts, where the control reads the profile at all."""
    found = []
    for profile in Profile if "profile" in call else ():
        try:
            outcome = control.function(**{**call, "profile": profile}).outcome
        except UnknownValueError:
            outcome = Outcome.NOT_ASSESSED
        found.append((profile, outcome))
    return tuple(found)


def _gaps(snapshot: Snapshot, controls: tuple[Control, ...]) -> tuple[tuple[Gap, tuple[str, ...]], ...]:
    """Return each gap with the codes of the controls it touches."""
    users: dict[str, list[str]] = {}
    for control in controls:
        for name in (*control.needs, *control.optional):
            tally = tallies().get(name)
            for source in (*tally.needs, *tally.optional) if tally else (name,):
                users.setdefault(source, []).append(control.code)
    asked = dict(snapshot.gaps)
    for name in users:
        gap = _gap_of(snapshot, name)
        if gap is not None:
            asked.setdefault(name, gap)
    return tuple((gap, tuple(dict.fromkeys(users.get(name, ())))) for name, gap in sorted(asked.items()))


__all__ = ["Rows", "evaluate"]
