"""Verbs about jobs: backup, status, log, cancel, jobs."""

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from bck_apps.cli.documents import job_document, log_document
from bck_apps.cli.follow import (
    PAGE,
    end_with,
    named,
    outcome_rows,
    outcome_view,
    progress_text,
    see_through,
)
from bck_apps.cli.host_password import HostPasswordStdin, sent_password, tell_if_dropped
from bck_apps.cli.preview import look_ahead
from bck_apps.cli.runs import tell_first_problems
from bck_apps.cli.screen import Json, fields, put, say, show, table
from bck_apps.cli.session import opened, who
from bck_apps.cli.status import status_of_job
from bck_apps.cli.units import time_text
from bckcore.domain.ids import JobId, ProfileId
from bckcore.domain.job import Job, JobKind, JobStatus
from bckcore.errors import InvalidInputError, NotFoundError
from bckcore.ports.job_queue import LogLine

if TYPE_CHECKING:
    from rich.console import RenderableType

    from bck_apps.wiring import Application

JobArgument = Annotated[
    str,
    typer.Argument(metavar="JOB", help="Job id, or its beginning: 8 characters or more, of one job only."),
]
ProfileArgument = Annotated[str, typer.Argument(metavar="PROFILE", help="Name of the profile.")]
FOLLOW_SECONDS = 0.3
SHORTEST_ID = 8
MOST_JOBS = 10_000
"""So many of the newest jobs are looked through for the beginning of an id."""
RUNS = (JobKind.BACKUP, JobKind.UNDO, JobKind.ACCEPT)
"""Jobs that a run carries out."""


def backup(
    profile: ProfileArgument,
    wait: Annotated[bool, typer.Option("--wait", help="Come back when the job is over.")] = False,
    key: Annotated[
        str, typer.Option("--idempotency-key", metavar="KEY", help="The same key gives the same job.")
    ] = "",
    accept_missing: Annotated[
        bool,
        typer.Option("--accept-missing", help="Files that are missing were deleted, however many they are."),
    ] = False,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Tell what would be sent and what is left out; change nothing."),
    ] = False,
    password_stdin: HostPasswordStdin = False,
    as_json: Json = False,
) -> None:
    """Back up a profile now.

    While 'bck serve' runs, it does the job, and this verb only prints the job's id unless --wait is given.
    While no 'bck serve' runs, the job is done here and this verb always waits.

    Ctrl-C asks for the job to be cancelled; a second one leaves.

    --password-stdin is for a PC that is entered with a password: it goes with this job alone, sealed until
    that runs and wiped when it is over.

    --dry-run looks at every folder of the PC, as a backup that finds nothing new does, and always waits.
    Exit status 3: something could not be looked at.
    """
    from bck_apps.runner.presence import serve_is_up

    password = sent_password(from_stdin=password_stdin)
    if dry_run:
        look_ahead(
            ProfileId(profile), key=key, accept_missing=accept_missing, password=password, as_json=as_json
        )
        return
    with opened() as application:
        asked = application.jobs.start_backup(
            ProfileId(profile), requested_by=who(), key=key, accept_missing=accept_missing, password=password
        )
        tell_if_dropped(asked)
        if not wait and serve_is_up(application.home):
            _started(asked.job, created=asked.created, as_json=as_json)
            return
        if not asked.created:
            say(_answered_text(asked.job))
        elif not wait and not as_json:
            say("No 'bck serve' is running, so the backup is done here.")
        job = see_through(application, asked.job.id, as_json=as_json)
        run = job.result.data.get("run_id")
        if not as_json and run and job.result.data.get("problems"):
            tell_first_problems(application.history.run(job.profile, str(run)))
    end_with(
        job,
        as_json=as_json,
        human=partial(outcome_view, created=asked.created),
        more={"created_now": asked.created},
    )


def _started(job: Job, *, created: bool, as_json: bool) -> None:
    show(as_json, {**job_document(job), "created_now": created}, lambda: _started_view(job, created=created))


def _answered_text(job: Job) -> str:
    """That a request made no new job, and which one answers for it."""
    if job.status.final:
        return f"This was asked for before: job {job.id}, {job.status.value}. Nothing was started."
    return f"A backup of {job.profile} is {job.status.value} already: job {job.id}. No second one starts."


def _started_view(job: Job, *, created: bool) -> "RenderableType":
    return fields(
        (
            ("job", named(job, created=created)),
            ("status", job.status.value),
            ("new", "" if created else _answered_text(job)),
            ("follow", f"bck log {job.id} --follow"),
        )
    )


def job_named(application: "Application", text: str) -> Job:
    """The job of that id, or the only one whose id begins so. Raises NotFoundError, InvalidInputError."""
    try:
        return application.jobs.get(JobId(text))
    except NotFoundError:
        if len(text) < SHORTEST_ID:
            raise
        found = [job for job in application.jobs.list(limit=MOST_JOBS) if job.id.startswith(text)]
        if not found:
            raise
    if len(found) > 1:
        raise InvalidInputError(
            f"{text} begins the ids of {len(found)} jobs: {', '.join(job.id for job in found[:3])}"
            f"{', …' if len(found) > 3 else ''}.",
            meaning="It cannot be told which one is meant. Nothing was changed.",
            advice="Give more of the id, as 'bck jobs' shows it.",
        )
    return found[0]


def status(job: JobArgument, as_json: Json = False) -> None:
    """Show one job; the exit status tells its state."""
    with opened() as application:
        found = job_named(application, job)
    show(as_json, job_document(found), lambda: _status_view(found))
    raise typer.Exit(status_of_job(found))


def _status_view(job: Job) -> "RenderableType":
    progress = job.progress
    running = job.status is JobStatus.RUNNING
    return fields(
        (
            ("job", job.id),
            ("what", f"{job.kind.value} of {job.profile} on {job.host}"),
            ("status", job.status.value),
            ("cancelling", "asked for" if running and job.cancel_requested else ""),
            ("now", f"{progress.phase} {progress.source}".strip() if running else ""),
            ("progress", progress_text(progress) if running else ""),
            ("percent", _percent_text(job) if running else ""),
            ("file", progress.current_file if running else ""),
            ("asked by", job.requested_by),
            ("asked", time_text(job.created)),
            ("started", time_text(job.started)),
            ("finished", time_text(job.finished)),
            ("run", job.result.data.get("run_id")),
            *(outcome_rows(job) if job.kind in RUNS else _restored_rows(job)),
            ("error", job.result.error),
            ("means", job.result.meaning),
            ("do", job.result.advice),
        )
    )


def _percent_text(job: Job) -> str:
    return "unknown" if job.progress.percent is None else f"{job.progress.percent} %"


def _restored_rows(job: Job) -> tuple[tuple[str, object], ...]:
    data = job.result.data
    names = ("point", "folder", "files", "problems")
    return tuple((name, data.get(name) or "") for name in names)


def log(
    job: JobArgument,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until the job is over.")] = False,
    as_json: Json = False,
) -> None:
    """Show a job's log.

    With --follow the exit status tells how the job ended; Ctrl-C leaves and the job goes on.
    With --follow --json the whole log is printed when the job is over.
    """
    with opened() as application:
        found = job_named(application, job)
        lines = _all_lines(application, found, follow=follow, live=not as_json)
        found = application.jobs.get(found.id)
    show(as_json, {"items": [log_document(line) for line in lines]}, lambda: None)
    if follow:
        raise typer.Exit(status_of_job(found))


def _all_lines(application: "Application", job: Job, *, follow: bool, live: bool) -> list[LogLine]:
    from bck_apps.runner.signals import StopSignals

    kept: list[LogLine] = []
    seen = 0
    with StopSignals() as signals:
        while True:
            # The state is read before the lines: what a job logs last comes before its end.
            over = not follow or application.jobs.get(job.id).status.final
            while lines := application.jobs.log(job.id, after=seen, limit=PAGE):
                seen = lines[-1].number
                if live:
                    _print_lines(lines)
                else:
                    kept.extend(lines)
            if over or signals.wait(FOLLOW_SECONDS):
                return kept


def _print_lines(lines: Sequence[LogLine]) -> None:
    for line in lines:
        level = "" if line.level == "info" else f"{line.level}: "
        put(f"{line.at.astimezone():%H:%M:%S} {level}{line.text}")


def cancel(job: JobArgument, as_json: Json = False) -> None:
    """Ask a job to stop. A queued one is cancelled at once, a running one within seconds."""
    with opened() as application:
        before = job_named(application, job)
        found = application.jobs.cancel(before.id)
    over = before.status.final
    document = {**job_document(found), "over_before": over}
    show(as_json, document, lambda: fields((("job", found.id), ("status", _cancel_text(found, over=over)))))


def _cancel_text(job: Job, *, over: bool) -> str:
    if over:
        return f"{job.status.value}; it was over already, so there was nothing to cancel"
    if job.status is JobStatus.RUNNING:
        return "running; it was asked to stop"
    return job.status.value


def jobs(
    state: Annotated[
        list[JobStatus] | None, typer.Option("--status", help="Only jobs in this state; may be repeated.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many at most.")] = 20,
    as_json: Json = False,
) -> None:
    """List jobs, newest first."""
    with opened() as application:
        found = application.jobs.list(status=state or (), limit=limit + 1)
    more = len(found) > limit
    found = found[:limit]
    document = {"items": [job_document(job) for job in found], "more": more}
    show(as_json, document, lambda: _jobs_table(found))
    if more and not as_json:
        say(f"These are the newest {limit}; there are more: --limit N shows them.")


def _jobs_table(found: Sequence[Job]) -> "RenderableType":
    rows = (
        (job.id, job.kind.value, job.profile, job.status.value, time_text(job.created), job.requested_by)
        for job in found
    )
    return table(("JOB", "KIND", "PROFILE", "STATUS", "ASKED", "BY"), rows, empty="There are no jobs.")
