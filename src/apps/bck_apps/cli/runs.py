"""The verbs that tell of one run: run show, run problems."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from bck_apps.cli.history_documents import problems_document, run_account_document
from bck_apps.cli.screen import Json, fields, say, show, table
from bck_apps.cli.session import opened
from bck_apps.cli.units import time_text
from bckcore.domain.ids import ProfileId
from bckcore.domain.paths import display
from bckcore.domain.problem_reason import EXPLANATIONS, Reason
from bckcore.domain.run import Run
from bckcore.domain.wording import counted

if TYPE_CHECKING:
    from rich.console import RenderableType

    from bckcore.domain.run_problem import RunProblem
    from bckcore.services.run_account import RunAccount


ProfileArgument = Annotated[str, typer.Argument(metavar="PROFILE", help="Name of the profile.")]
RunArgument = Annotated[
    str, typer.Argument(metavar="[RUN]", help="The run: its number or id; else the newest.")
]
FIRST_PROBLEMS = 5


def run_show(
    profile: ProfileArgument,
    run: RunArgument = "latest",
    as_json: Json = False,
) -> None:
    """One run, and which paths it could not read or store."""
    with opened() as application:
        found = application.history.run(ProfileId(profile), run)
    show(as_json, run_account_document(found), lambda: _run_fields(found.run))
    if as_json:
        return
    if any(attempt.error_code for attempt in found.run.attempts):
        show(False, {}, lambda: _attempts_table(found.run))
    if found.problems:
        show(False, {}, lambda: _problems_table(found.problems))
        tell_reasons(found)
    _tell_unkept(found)


def run_problems(
    profile: ProfileArgument,
    run: RunArgument = "latest",
    after: Annotated[int, typer.Option(min=0, help="Go on after this number.")] = 0,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many at most.")] = 100,
    reason: Annotated[Reason | None, typer.Option(help="Only those that come from this.")] = None,
    as_json: Json = False,
) -> None:
    """What a run could not read or store: each path, what it comes from and what to do."""
    with opened() as application:
        found = application.history.run(ProfileId(profile), run)
    document = problems_document(found, after=after, limit=limit, reason=reason)
    part, following = found.part(after=after, limit=limit, reason=reason)
    if as_json or found.held:
        show(as_json, document, lambda: _problems_table([problem for _, problem in part]))
    if as_json:
        return
    tell_reasons(found)
    if following is not None:
        say(f"There are more: --after {following}")
    _tell_unkept(found)


def tell_first_problems(found: "RunAccount") -> None:
    """The first few problems of a run that has just ended, and how to see the rest."""
    for problem in found.problems[:FIRST_PROBLEMS]:
        told = problem.explanation
        say(f"{problem.source}/{display(problem.path)}: {told.cause} {told.advice}")
    left = found.run.problem_count - min(FIRST_PROBLEMS, len(found.problems))
    rest = f"{left} more" if left else "With the messages"
    if found.run.problem_count:
        say(f"{rest}: bck run problems {found.run.profile} {found.run.seq}")


def tell_reasons(found: "RunAccount") -> None:
    """What the problems come from, most frequent first, and what to do."""
    for reason, count in found.reasons.items():
        told = EXPLANATIONS[reason]
        say(f"{count} x {reason.value}: {told.cause} {told.advice}")


def _tell_unkept(found: "RunAccount") -> None:
    if not found.held:
        run = found.run
        say(
            f"This run had {counted(run.problem_count, 'problem')}. Which paths they were is told by its "
            f"receipt alone, number {run.seq} of {run.host}/{run.profile}, and the storage here has none "
            "that can be read and names them. Ask on the server that stores this PC; early releases named "
            "no paths there."
        )
    elif found.run.problem_count > len(found.problems):
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


def _problems_table(problems: "Sequence[RunProblem]") -> "RenderableType":
    rows = (
        (
            problem.kind.value,
            f"{problem.source}/{display(problem.path)}",
            problem.explanation.reason.value,
            problem.message,
        )
        for problem in problems
    )
    return table(("PROBLEM", "PATH", "REASON", "MESSAGE"), rows, empty="There are no problems.")
