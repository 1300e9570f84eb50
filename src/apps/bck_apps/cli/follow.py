"""Follow one job to its end: progress bar on a terminal, warnings as they come."""

import os
import sys
from collections.abc import Callable, Mapping
from math import ceil
from types import TracebackType
from typing import TYPE_CHECKING, Self

import typer

from bck_apps.cli.documents import outcome_document
from bck_apps.cli.screen import console, fields, say, show, show_job_error
from bck_apps.cli.session import runner_name
from bck_apps.cli.status import FAILED, status_of_job
from bck_apps.cli.units import size_text, span_text
from bckcore.domain.ids import JobId
from bckcore.domain.job import Job, JobKind, JobStatus
from bckcore.domain.transfer import Phase, TransferProgress
from bckcore.domain.wording import counted, printable
from bckcore.errors import BckError
from bckcore.ports.job_queue import LogLine

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.progress import Progress, TaskID

    from bck_apps.runner.one import Silence
    from bck_apps.wiring import Application
    from bckcore.services.jobs import JobService

MOST_WARNINGS = 20
PAGE = 1000
MOVING = frozenset({Phase.LISTING, Phase.TRANSFERRING, Phase.RESTORING})


class Follower:
    """Shows how a job goes on, on standard error. A context manager; call :meth:`update` as it moves."""

    def __init__(
        self, jobs: "JobService", *, quiet: bool, told_later: Callable[[str], bool] = lambda _text: False
    ) -> None:
        self._jobs = jobs
        self._quiet = quiet
        self._told_later = told_later
        self._seen = self._warned = 0
        self.told: set[str] = set()
        """Warnings that were shown; a suspect run's reason is one of them."""
        self._held: list[LogLine] = []
        """Errors wait for the end: there, the one that ended the job is told in full."""
        self._progress: Progress | None = None
        self._task: TaskID | None = None

    def __enter__(self) -> Self:
        if not self._quiet and sys.stderr.isatty():
            self._progress = _bar()
            self._progress.start()
            self._task = self._progress.add_task("waiting", total=None, detail="")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._progress is not None:
            self._progress.stop()
        for line in self._held:
            say(f"{line.level}: {line.text}")

    def update(self, job: Job) -> None:
        """Show the job as it is now."""
        if self._quiet:
            return
        self._show_warnings(job)
        if self._progress is not None and self._task is not None:
            progress = job.progress
            self._progress.update(
                self._task,
                description=_phase(job),
                total=None if progress.percent is None else 100,
                completed=progress.percent or 0,
                detail=progress_text(progress),
            )

    def _show_warnings(self, job: Job) -> None:
        while lines := self._jobs.log(job.id, after=self._seen, limit=PAGE):
            self._seen = lines[-1].number
            for line in lines:
                if line.level == "error":
                    self._held.append(line)
                elif line.level != "info" and not self._told_later(line.text):
                    self._warn(line, job)
        if job.status.final:
            self._held = [line for line in self._held if line.text != job.result.text]

    def _warn(self, line: LogLine, job: Job) -> None:
        text = f"{line.level}: {line.text}"
        self._warned += 1
        if self._warned <= MOST_WARNINGS:
            self.told.add(line.text)
        if self._warned == MOST_WARNINGS + 1:
            text = f"More of these: bck log {job.id}"
        if self._warned <= MOST_WARNINGS + 1:
            self.remark(text)

    def remark(self, text: str) -> None:
        """A line for people, above the bar."""
        if self._progress is not None:
            self._progress.console.print(printable(text))
        elif not self._quiet:
            say(text)


def _bar() -> "Progress":
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=24),
        TextColumn("{task.fields[detail]}", markup=False),
        TimeElapsedColumn(),
        console=console(sys.stderr),
        transient=True,
    )


def _phase(job: Job) -> str:
    if job.status is JobStatus.QUEUED:
        return "waiting"
    return " ".join(part for part in (job.progress.phase or "starting", job.progress.source) if part)


def progress_text(progress: TransferProgress) -> str:
    """Files, bytes, speed and time left in a few words."""
    parts = []
    if progress.source_count > 1:
        parts.append(f"folder {progress.source_number} of {progress.source_count}")
    if progress.files_seen or progress.files_done:
        count = max(progress.files_done, progress.files_seen)
        total = _total_text(progress)
        parts.append(f"{count}{total} files" if total else counted(count, "file"))
    if progress.bytes_done:
        parts.append(size_text(progress.bytes_done))
    if progress.bytes_per_second:
        parts.append(f"{size_text(progress.bytes_per_second)}/s")
    if progress.eta_seconds is not None:
        parts.append(f"{'about ' if progress.estimated else ''}{span_text(progress.eta_seconds)} left")
    elif progress.phase in MOVING:
        parts.append("time left unknown")
    return ", ".join(parts)


def _total_text(progress: TransferProgress) -> str:
    if progress.files_total is None:
        return ""
    return f" of {'about ' if progress.estimated else ''}{progress.files_total}"


def silence_text(silence: "Silence", ours: JobId) -> str:
    """Why nothing happens for a while."""
    silent, left = f"{silence.seconds:.0f} s ago", f"in at most {ceil(silence.left)} s"
    if silence.job.id == ours:
        return f"Another runner held this job and fell silent {silent}; taking over {left}."
    return f"The runner of job {silence.job.id}, which goes first, fell silent {silent}; going on {left}."


def outage_text(error: BckError) -> str:
    """Why the bar stands still for a while."""
    return f"{error.what} The work goes on here, and how it ends is entered once that is possible again."


def see_through(
    application: "Application",
    job_id: JobId,
    *,
    as_json: bool,
    told_later: Callable[[str], bool] = lambda _text: False,
) -> Job:
    """The job at its end, carried out here if no ``bck serve`` runs. Leaves the program if a person does.

    Warnings that are ``told_later``, with the result, stay in the job's log.
    """
    from bck_apps.runner.one import OneJob
    from bck_apps.runner.presence import serve_is_up
    from bck_apps.runner.signals import StopSignals

    follower = Follower(application.jobs, quiet=as_json, told_later=told_later)
    one = OneJob(
        queue=application.queue,
        worker=application.worker,
        clock=application.clock,
        processes=application.processes,
        name=runner_name("bck"),
        lease_seconds=application.settings.runner.lease_seconds,
        served=lambda: serve_is_up(application.home),
        on_silence=lambda silence: follower.remark(silence_text(silence, job_id)),
        on_outage=lambda error: follower.remark(outage_text(error)),
    )
    with StopSignals() as signals, follower:
        job = one.run(job_id, signals=signals, on_update=follower.update)
    if not serve_is_up(application.home):
        tell_people(application)
    if not job.status.final:
        _left(job, as_json=as_json)
    if not as_json and job.result.text not in follower.told:
        show_job_error(job.result)
    return job


def tell_people(application: "Application") -> None:
    """Deliver what people are to be told, since nobody serves; say so where it has to wait."""
    notices = application.notices
    if not notices.channels:
        return
    notices.deliver(at_once=True)
    for one in notices.report():
        if one.state.failures and one.waiting:
            count = counted(sum(item.count for item in one.waiting), "notice")
            say(
                f"Not told by {one.channel} yet: {count}. {one.state.error} "
                "The next 'bck serve', or the next job here, tries again; see 'bck notify list'."
            )


def _left(job: Job, *, as_json: bool) -> None:
    """Say how the job is left and end the process, the thread that works on it included."""
    show(as_json, outcome_document(job), lambda: None)
    say(f"Left before the end; the job is {job.status.value}. Look again with: bck status {job.id}")
    sys.stdout.flush()
    # A worker thread may sit in a call that cannot be interrupted; a person who asked twice will not wait.
    os._exit(FAILED)


def end_with(
    job: Job,
    *,
    as_json: bool,
    human: "Callable[[Job], RenderableType | None]",
    more: Mapping[str, object] | None = None,
) -> None:
    """Print how the job ended, with ``more`` in its document, and leave with the exit status of that."""
    show(as_json, {**outcome_document(job), **(more or {})}, lambda: human(job))
    raise typer.Exit(status_of_job(job))


def named(job: Job, *, created: bool) -> str:
    """A job's id, and whether this request made it."""
    return job.id if created else f"{job.id} (asked for before)"


def outcome_view(job: Job, *, created: bool = True) -> "RenderableType":
    """How a job ended, for people."""
    run = ("run", job.result.data.get("run_id"))
    return fields(
        (("job", named(job, created=created)), run, ("outcome", job.status.value), *outcome_rows(job))
    )


def outcome_rows(job: Job) -> tuple[tuple[str, object], ...]:
    """What a finished backup did; a run that came to nothing has no files to tell of."""
    data = job.result.data
    counts = data.get("counts")
    told = isinstance(counts, dict) and job.status not in (
        JobStatus.FAILED,
        JobStatus.CANCELLED,
        JobStatus.OFFLINE,
        JobStatus.HELD_OFF,
    )
    return (
        ("point", _point_text(job)),
        ("files", _counts_text(counts) if told and isinstance(counts, dict) else ""),
        ("problems", _problems_text(job)),
        ("note", _note_text(job)),
    )


def _note_text(job: Job) -> str:
    """A backup that found nothing ends well, and may have looked at the wrong folder."""
    counts = job.result.data.get("counts")
    empty = isinstance(counts, dict) and counts.get("files") == 0
    if not empty or job.kind is not JobKind.BACKUP or job.status is not JobStatus.SUCCEEDED:
        return ""
    return (
        "No file was found, so none is backed up. If there should be some, look at the folders and at what "
        f"is left out: bck profile show {job.profile}, bck backup {job.profile} --dry-run"
    )


def _problems_text(job: Job) -> str:
    count, run = job.result.data.get("problems"), job.result.data.get("seq")
    if not count:
        return ""
    return f"{count}; which, and what to do: bck run problems {job.profile} {run}" if run else str(count)


def _point_text(job: Job) -> str:
    point, made = job.result.data.get("point"), job.result.data.get("made_point")
    if not point:
        return ""
    if made:
        return f"{point} (new)"
    verified = job.status is JobStatus.SUCCEEDED
    return f"{point} ({'nothing changed since; verified' if verified else 'the newest, from an earlier run'})"


def _counts_text(counts: dict[str, int]) -> str:
    changes = ", ".join(f"{counts.get(name, 0)} {name}" for name in ("added", "changed", "gone"))
    return f"{counts.get('files', 0)} of {size_text(counts.get('bytes', 0))}: {changes}"
