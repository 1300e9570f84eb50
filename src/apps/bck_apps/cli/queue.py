"""Verbs about the queue: which engine hands out jobs, for which storage node; and taking over a node."""

from typing import TYPE_CHECKING, Annotated

import typer

from bck_apps.cli.screen import Json, fields, say, show
from bck_apps.cli.session import opened
from bckcore.domain.wording import counted

if TYPE_CHECKING:
    from rich.console import RenderableType

    from bck_apps.wiring import Application

app = typer.Typer(help="What hands jobs to runners.", no_args_is_help=True)


@app.command("status")
def queue_status(as_json: Json = False) -> None:
    """Tell which engine the queue has, which storage node this is, who works for it, and what waits."""
    with opened() as application:
        settings, state, waiting = (
            application.settings.queue,
            application.queue_state(),
            application.jobs_by_node(),
        )
        runner = runner_of(application)
    document = {
        "engine": settings.engine,
        "node": settings.node,
        "detail": state.detail,
        "runner": runner,
        "unfinished": [{"node": node, "jobs": jobs} for node, jobs in sorted(waiting.items())],
    }

    def view() -> "RenderableType":
        listed = ", ".join(f"{node or '(none)'} {jobs}" for node, jobs in sorted(waiting.items()))
        pairs = (("engine", settings.engine), ("node", settings.node), ("now", state.detail))
        return fields((*pairs, ("runner", runner or NO_RUNNER), ("unfinished jobs", listed or "none")))

    show(as_json, document, view)


NO_RUNNER = "none known here"


def runner_of(application: "Application") -> str:
    """Words about who works for this storage node: here by the lock, elsewhere by the queue; empty if nobody.

    A runner elsewhere with the embedded queue is known of only while it has a job under way.
    Raises BckError if it cannot be told.
    """
    from bck_apps.runner.presence import serve_is_up, served_by, stands_still

    if stands_still(application.home):
        return "stands still while the database is moved"
    if serve_is_up(application.home):
        return served_by(application.home) or "a process that does not say which"
    return application.queue_state().worker


def runner_finding(runner: str, unfinished: int) -> tuple[bool, str]:
    """Whether somebody is there for what waits. Nobody is needed for none: 'bck backup' works by itself."""
    if runner:
        return True, runner
    if not unfinished:
        return True, f"{NO_RUNNER}, and no job waits for one"
    advice = "Start one: bck serve, or bck serve --only runner. Until then they wait."
    return False, f"{NO_RUNNER}, and {counted(unfinished, 'job')} not finished. {advice}"


@app.command("take-over")
def queue_take_over(
    node: Annotated[str, typer.Argument(metavar="NODE", help="Name of the node that is gone, or renamed.")],
    as_json: Json = False,
) -> None:
    """Make the jobs and profiles of another storage node this one's, when that one is gone or has a new name.

    This moves no file: the storage of that node must be here, with its receipts.
    """
    with opened() as application:
        own, jobs = application.settings.queue.node, application.take_over_node(node)
    document = {"node": own, "from": node, "jobs": jobs}

    def view() -> "RenderableType":
        say(f"{counted(jobs, 'job')} of node {node} and their profiles belong to node {own} now.")
        return fields((("from", node), ("to", own), ("jobs", jobs)))

    show(as_json, document, view)
