"""The verb that tells of one run: run show."""

from typing import TYPE_CHECKING, Annotated

import typer

from bck_apps.cli.history_documents import run_account_document
from bck_apps.cli.jobs import ProfileArgument
from bck_apps.cli.screen import Json, fields, say, show, table
from bck_apps.cli.session import opened
from bck_apps.cli.units import time_text
from bckcore.domain.ids import ProfileId
from bckcore.domain.paths import display
from bckcore.domain.run import Run

if TYPE_CHECKING:
    from rich.console import RenderableType

    from bckcore.services.run_account import RunAccount


def run_show(
    profile: ProfileArgument,
    run: Annotated[
        str, typer.Argument(metavar="[RUN]", help="The run: its number or id; else the newest.")
    ] = "latest",
    as_json: Json = False,
) -> None:
    """One run, and which paths it could not read or store."""
    with opened() as application:
        found = application.history.run(ProfileId(profile), run)
    show(as_json, run_account_document(found), lambda: _run_fields(found.run))
    if not as_json and any(attempt.error_code for attempt in found.run.attempts):
        show(False, {}, lambda: _attempts_table(found.run))
    if not as_json and found.problems:
        show(False, {}, lambda: _problems_table(found))
    if not as_json and found.run.problem_count > len(found.problems):
        say(f"{len(found.problems)} of {found.run.problem_count} problems are kept by path.")


def _run_fields(run: Run) -> "RenderableType":
    counts = run.counts
    return fields(
        (
            ("run", f"{run.seq} ({run.id})"),
            ("kind", run.kind.value),
            ("outcome", run.outcome.value if run.outcome else "running"),
            ("started", time_text(run.started)),
            ("finished", time_text(run.finished)),
            ("restore point", "yes" if run.made_point else "no"),
            ("changes", f"{counts.added} added, {counts.changed} changed, {counts.gone} gone"),
            ("problems", run.problem_count),
            ("error", run.error),
        )
    )


def _attempts_table(run: Run) -> "RenderableType":
    rows = (
        (attempt.source, attempt.number, time_text(attempt.started), attempt.error or "came to its end")
        for attempt in run.attempts
    )
    return table(("SOURCE", "ATTEMPT", "STARTED", "ENDED"), rows, empty="")


def _problems_table(found: "RunAccount") -> "RenderableType":
    rows = (
        (problem.kind.value, f"{problem.source}/{display(problem.path)}", problem.message)
        for problem in found.problems
    )
    return table(("PROBLEM", "PATH", "MESSAGE"), rows, empty="")
