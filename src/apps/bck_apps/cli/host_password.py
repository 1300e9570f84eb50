"""The password of a PC's account, given with a start: from standard input, never as an argument."""

from typing import Annotated

import typer

from bck_apps.cli.admin import given_password
from bck_apps.cli.screen import say
from bckcore.domain.secret import Secret
from bckcore.ports.job_queue import Enqueued

HostPasswordStdin = Annotated[
    bool,
    typer.Option(
        "--password-stdin", help="Read the password of the PC's account from one line of standard input."
    ),
]


def sent_password(*, from_stdin: bool) -> Secret[str] | None:
    """What goes with the job; None where nothing is given. Raises InvalidInputError."""
    return given_password(from_stdin=True) if from_stdin else None


def tell_if_dropped(asked: Enqueued) -> None:
    """A person who gave a password learns that another job answers, which does not know it."""
    if asked.password_dropped:
        say(f"The password was not kept: job {asked.job.id} answers, with what it was asked with.")
