"""`posture audit`, `collect` and `assess`: the main job, whole and in its two halves."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from posture.cli import options as o
from posture.cli.choices import fail_on_of, flag_of, formats_of, lookback_of, out_of, profile_of, sources_of, view_of
from posture.cli.connection import Connection, asking
from posture.cli.console import fitting, say, say_all, say_json, tell, width
from posture.cli.exits import FINDINGS, NOT_ASSESSED
from posture.errors import EvidenceError, GraphError, PostureError, SettingsError, StoppedError
from posture.settings import Settings, Severity

if TYPE_CHECKING:
    from posture.assess.types import Assessment
    from posture.cli.config import Config
    from posture.cli.target import Target
    from posture.history.changes import Changes
    from posture.history.runs import Claim
    from posture.report.view import Options
    from posture.snapshot.types import Snapshot


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(audit)
    app.command()(collect)
    app.command()(assess)


Unfinished = Annotated[
    Path | None,
    typer.Argument(
        metavar="[RUN]", help="With --resume: the unfinished run; the newest otherwise.", show_default=False
    ),
]
Resume = Annotated[
    bool, typer.Option("--resume", help="Take up an unfinished run, with the options it was begun with.")
]


@asking
def audit(
    resume_from: Unfinished = None,
    resume: Resume = False,
    *,
    connection: Connection,
    out: o.Out = None,
    profile: o.ProfileName = None,
    fail_on: o.FailOn = None,
    formats: o.Formats = None,
    decline: o.Decline = None,
    include: o.Include = None,
    lookback_days: o.Lookback = None,
    ignore_exceptions: o.IgnoreExceptions = False,
    no_people: o.NoPeople = False,
    paper: o.Paper = None,
    short: o.Short = False,
    browser: o.Browser = None,
    json_out: o.Json = False,
    quiet: o.Quiet = False,
    verbose: o.Verbose = False,
) -> None:
    """Read the tenant, judge it, write the reports: one run folder.

    Exit status: 0 good, 1 findings at or above --fail-on, 3 something not assessed, 2 wrong options, 4 no audit.
    """
    job = _job("audit", locals())
    run = job.run_folder()
    with job.kept(run):
        place, assessment = job.finish(run, job.read(run))
    job.say(place, assessment)


@asking
def collect(
    resume_from: Unfinished = None,
    resume: Resume = False,
    *,
    connection: Connection,
    out: o.Out = None,
    profile: o.ProfileName = None,
    decline: o.Decline = None,
    include: o.Include = None,
    lookback_days: o.Lookback = None,
    json_out: o.Json = False,
    quiet: o.Quiet = False,
    verbose: o.Verbose = False,
) -> None:
    """Read the tenant into a run folder and judge nothing."""
    from posture.history.runs import finish
    from posture.report.dates import plural
    from posture.report.text import terminal
    from posture.snapshot.types import GapReason

    job = _job("collect", locals())
    run = job.run_folder()
    with job.kept(run):
        snapshot = job.read(run)
        job.let_go()
        place = finish(run, job.out, snapshot.tenant, snapshot.taken_at)
    missing = [g for g in snapshot.gaps.values() if g.reason not in (GapReason.NOT_ASKED, GapReason.DECLINED)]
    if job.json_out:
        gaps = [{"source": g.name, "reason": g.reason.value, "detail": g.detail} for g in snapshot.gaps.values()]
        say_json({"run": str(place), "facts": len(snapshot.facts), "gaps": gaps})
    else:
        say(f"Read {plural(len(snapshot.facts), 'source')}; {len(missing)} could not be read.")
        for gap in missing:
            say_all(fitting(f"  {gap.name}: {gap.reason.value}. {terminal(gap.unlock or gap.detail, 300)}", width()))
        say(str(place))
    raise typer.Exit(NOT_ASSESSED if missing else 0)


def assess(
    evidence: Annotated[Path, typer.Argument(metavar="RUN|EVIDENCE", help="A run folder or its evidence folder.")],
    config: o.ConfigFile = None,
    out: o.Out = None,
    profile: o.ProfileName = None,
    fail_on: o.FailOn = None,
    formats: o.Formats = None,
    ignore_exceptions: o.IgnoreExceptions = False,
    no_people: o.NoPeople = False,
    paper: o.Paper = None,
    short: o.Short = False,
    browser: o.Browser = None,
    json_out: o.Json = False,
    quiet: o.Quiet = False,
) -> None:
    """Judge saved evidence again, offline.

    By the settings it was judged with, unless --config names others or --profile changes the profile.
    """
    from posture.cli import config as c
    from posture.cli.recorded import recorded
    from posture.history.runs import EVIDENCE, start
    from posture.snapshot.store import copy, load

    loaded = c.load(config)
    saved = recorded(evidence)
    settings = saved.settings_by(loaded, profile=profile)
    if flag_of(loaded, "ignore-exceptions", ignore_exceptions):
        settings = replace(settings, accepted=(), include_accepted=False)
    written = formats_of(loaded, formats)
    job = Job(
        "assess",
        loaded,
        None,
        out_of(loaded, out),
        settings,
        written,
        fail_on_of(loaded, fail_on),
        view_of(loaded, written, no_people=no_people, paper=paper, short=short, browser=browser),
        flag_of(loaded, "json", json_out),
        flag_of(loaded, "quiet", quiet),
    )
    run = start(job.out)
    with job.kept(run):
        copy(saved.folder, run / EVIDENCE, settings)
        place, assessment = job.finish(run, load(run / EVIDENCE))
    job.say(place, assessment)


class Job:
    """One audit: what to ask, how to judge, where to write."""

    def __init__(
        self,
        command: str,
        config: "Config",
        where: "Target | None",
        out: Path,
        settings: Settings,
        formats: tuple[str, ...],
        fail_on: Severity | None,
        options: "Options",
        json_out: bool = False,
        quiet: bool = False,
        verbose: bool = False,
        declined: frozenset[str] = frozenset(),
        included: frozenset[str] = frozenset(),
        resume: bool = False,
        resume_from: Path | None = None,
    ) -> None:
        from posture.cli.config import brand_of

        self.command, self.where, self.out, self.settings = command, where, out, settings
        self.brand = brand_of(config)  # now: a logo that cannot be read is known before any call
        self.formats, self.fail_on, self.options = formats, fail_on, options
        self.json_out, self.quiet, self.verbose = json_out, quiet, verbose
        self.declined, self.included = declined, included
        self.resume, self.resume_from = resume, resume_from
        self.page = "report.html"
        self.changes: Changes | None = None
        self._claim: Claim | None = None

    def run_folder(self) -> Path:
        """Return the folder of the run, claimed for this process: a new one, or the one to take up."""
        from posture.history.runs import Claim, start, unfinished

        run = unfinished(self.out, self.resume_from) if self.resume else start(self.out)
        self._claim = Claim(run)
        return run

    @contextmanager
    def kept(self, run: Path) -> Iterator[None]:
        """Say, where something stops the run, that what was read is kept and how to go on."""
        from posture.history.runs import can_go_on

        def how() -> str:
            kept = self.where is not None and can_go_on(run)
            return f"What was read is kept: give posture {self.command} the same options and --resume." if kept else ""

        try:
            yield
        except KeyboardInterrupt:
            raise StoppedError(f"interrupted. {how()}") from None
        except Exception as error:
            error.add_note(how())
            raise
        finally:
            self.let_go()

    def let_go(self) -> None:
        """Let other processes have the run."""
        if self._claim is not None:
            self._claim.release()

    def read(self, run: Path) -> "Snapshot":
        """Read the target into the run's evidence folder."""
        import asyncio

        from posture.collect.run import has_ended
        from posture.history.runs import EVIDENCE, drop

        if self.resume and has_ended(run, self._terms()):
            return self._collected(run / EVIDENCE)
        try:
            return asyncio.run(self._read(run))
        except GraphError as error:
            if not self.resume:
                self.let_go()
                drop(run)
            raise NoAuditError(f"no audit was made: {error}") from error
        except BaseException:
            # Only an untouched folder is removed; one with a journal can be taken up.
            if not self.resume and not any((run / "journal").glob("*.json")):
                self.let_go()
                drop(run)
            raise

    def _collected(self, evidence: Path) -> "Snapshot":
        """Return what a killed run had read whole, to be judged by the settings of now."""
        from posture.snapshot.folder import dump, write_private
        from posture.snapshot.settings_file import settings_json
        from posture.snapshot.store import load

        write_private(evidence / "settings.json", dump(settings_json(self.settings)))
        return load(evidence)

    def _asked(self) -> dict[str, Any]:
        """Return whom the run asks, which a run that takes it up must ask too."""
        if self.where is None:
            raise AssertionError("assess reads nothing")
        tenant = self.where.values["tenant"].value if self.where.kind == "tenant" else ""
        return {"target": self.where.label, "tenant": str(tenant or "")}

    def _terms(self) -> dict[str, Any]:
        from posture.collect.run import terms_of

        days = self.settings.thresholds.lookback_days
        return terms_of(self._asked(), lookback_days=days, wanted=self._wanted(), declined=self.declined)

    async def _read(self, run: Path) -> "Snapshot":
        from posture.cli.progress import shown, tell_event
        from posture.cli.target import opened
        from posture.collect.run import Plan, collect
        from posture.history.runs import EVIDENCE
        from posture.snapshot.folder import private_dir

        if self.where is None:
            raise AssertionError("assess reads nothing")
        with shown(quiet=self.quiet) as progress:
            async with opened(self.where, on_event=tell_event if self.verbose else None) as session:
                if not self.quiet:
                    tell(f"Reading {self.where.label} …")
                plan = Plan(
                    root=private_dir(run / EVIDENCE),
                    clock=session.clock,
                    settings=self.settings,
                    cloud=session.cloud,
                    wanted=self._wanted(),
                    declined=self.declined,
                    meta=session.meta,
                    progress=progress,
                    journal_root=run,
                    arm=session.arm,
                    terms=self._asked(),
                )
                return await collect(session.reader, plan)

    def _wanted(self) -> frozenset[str] | None:
        if not self.included:
            return None
        from posture.collect.registry import gatherers

        return frozenset(n for n, g in gatherers().items() if not g.optional or n in self.included)

    def finish(self, run: Path, snapshot: "Snapshot") -> "tuple[Path, Assessment]":
        """Judge, write the reports, move the run to its place; return the place and what was found."""
        import shutil

        from posture.assess.evaluate import evaluate
        from posture.history.runs import finish, home_of
        from posture.plan.build import impacts
        from posture.plan.evidence import Beside
        from posture.report import write_reports
        from posture.report.view import RunView

        shutil.rmtree(run / "affected", ignore_errors=True)  # of a killed run that had judged before
        beside = Beside(snapshot, self.settings)
        assessment = evaluate(snapshot, self.settings, affected=run / "affected", onlooker=beside)
        view = RunView(
            assessment,
            snapshot,
            run,
            changes=compared(home_of(self.out, snapshot.tenant), assessment, snapshot),
            impacts=impacts(assessment, snapshot, people=self.options.people, beside=beside),
            brand=self.brand,
            options=self.options,
        )
        self.changes = view.changes
        written = write_reports(view, run, self.formats)
        self.page = next(p.name for p in written if p.suffix == ".html")
        self.let_go()
        return finish(run, self.out, snapshot.tenant, snapshot.taken_at), assessment

    def say(self, place: Path, assessment: "Assessment") -> None:
        """Say what was found and where, the folder last, and exit."""
        if self.json_out:
            score = assessment.score
            say_json(
                {
                    "run": str(place),
                    "report": str(place / self.page),
                    "score": {"value": score.value, "low": score.low, "cap": score.cap, "coverage": score.coverage},
                    "counts": assessment.counts,
                    "gaps": len(assessment.gaps),
                }
            )
        else:
            from posture.report.terminal import summary

            for line in summary(assessment, width(), self.changes):
                say(line.text, line.style)
            say(f"Report: {place / self.page}")
            say(str(place))
        raise typer.Exit(exit_code(assessment, self.fail_on))


def compared(home: Path, assessment: "Assessment", snapshot: "Snapshot") -> "Changes | None":
    """Return what changed since the run before this one; None where there is none to compare with."""
    from posture.history.changes import changes, previous

    earlier = previous(home, snapshot.tenant.id, snapshot.taken_at, assessment.settings)
    if earlier is None:
        return None
    try:
        return changes(earlier, assessment, snapshot)
    except (EvidenceError, OSError) as error:
        tell(f"The run before this one could not be compared with: {error}")
        return None


class NoAuditError(PostureError):
    """Nothing could be read, so nothing was judged."""


def exit_code(assessment: "Assessment", fail_on: Severity | None) -> int:
    """Return the exit code of an assessment: 1 before 3 before 0.

    A manual control without an attestation is neither.
    """
    from posture.controls.registry import Outcome

    for finding in assessment.findings:
        accepted = finding.accepted is not None and finding.accepted.covers == "all"
        is_open = finding.outcome in (Outcome.FAIL, Outcome.PARTIAL) and not accepted
        if is_open and fail_on is not None and finding.severity.rank >= fail_on.rank:
            return FINDINGS
    unseen = {Outcome.NOT_ASSESSED, Outcome.ERROR}
    return NOT_ASSESSED if any(f.outcome in unseen for f in assessment.findings) else 0


_VIEW = ("no_people", "paper", "short", "browser")


def _job(command: str, given: dict[str, Any]) -> Job:
    """Check everything that can be checked before any call, and return the job."""
    if given["resume_from"] is not None and not given["resume"]:
        raise SettingsError(f"{given['resume_from']}: a run is named only with --resume")
    connection: Connection = given["connection"]
    loaded = connection.load()
    where = connection.target(loaded)
    settings = loaded.settings(
        profile_of(loaded, given["profile"]),
        lookback_days=lookback_of(loaded, given["lookback_days"]),
        include_accepted=not flag_of(loaded, "ignore-exceptions", given.get("ignore_exceptions", False)),
    )
    formats = formats_of(loaded, given["formats"]) if "formats" in given else ()  # collect writes no report
    return Job(
        command,
        loaded,
        where,
        out_of(loaded, given["out"]),
        settings,
        formats,
        fail_on_of(loaded, given.get("fail_on")),
        view_of(loaded, formats, **{name: given[name] for name in _VIEW if name in given}),
        flag_of(loaded, "json", given["json_out"]),
        flag_of(loaded, "quiet", given["quiet"]),
        flag_of(loaded, "verbose", given["verbose"]),
        sources_of(loaded, "decline", given["decline"]),
        sources_of(loaded, "include", given["include"]),
        given["resume"],
        given["resume_from"],
    )
