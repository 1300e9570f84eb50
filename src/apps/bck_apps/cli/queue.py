"""Verbs about the queue: which engine hands out jobs, for which storage node; and taking over a node."""

from typing import TYPE_CHECKING, Annotated

import typer

from bck_apps.cli.screen import Json, fields, say, show
from bck_apps.cli.session import opened
from bckcore.domain.wording import counted

if TYPE_CHECKING:
    from rich.console import RenderableType

app = typer.Typer(help="What hands jobs to runners.", no_args_is_help=True)


@app.command("status")
def queue_status(as_json: Json = False) -> None:
    """Tell which engine the queue has, which storage node this is, and how many jobs wait for which node."""
    with opened() as application:
        settings, state, waiting = (
            application.settings.queue,
            application.queue_state(),
            application.jobs_by_node(),
        )
    document = {
        "engine": settings.engine,
        "node": settings.node,
        "detail": state.detail,
        "unfinished": [{"node": node, "jobs": jobs} for node, jobs in sorted(waiting.items())],
    }

    def view() -> "RenderableType":
        listed = ", ".join(f"{node or '(none)'} {jobs}" for node, jobs in sorted(waiting.items()))
        pairs = (("engine", settings.engine), ("node", settings.node), ("now", state.detail))
        return fields((*pairs, ("unfinished jobs", listed or "none")))

    show(as_json, document, view)


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
