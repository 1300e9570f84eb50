"""Open the installation for one verb. Everything heavy is imported here, when a verb needs it."""

import getpass
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bck_apps.wiring import Application


@contextmanager
def opened() -> "Iterator[Application]":
    """The installation that BCK_HOME names. Raises NotFoundError before ``bck init``."""
    from bck_apps.wiring import home_folder, open_application

    with open_application(home_folder()) as application:
        yield application


def who() -> str:
    """Who asks, for the job's record."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):  # no account for this uid, as in a container
        name = f"uid {os.getuid()}"
    return f"{name} (command line)"


def runner_name(kind: str) -> str:
    """A name that tells people which process holds a job."""
    return f"{kind}@{socket.gethostname()}:{os.getpid()}"
