"""Open the installation for one verb. Everything heavy is imported here, when a verb needs it."""

import getpass
import os
import pwd
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING

from bckcore.domain.audit import Actor, Origin

if TYPE_CHECKING:
    from bck_apps.wiring import Application


@contextmanager
def opened(*, serving: bool = False) -> "Iterator[Application]":
    """The installation that BCK_HOME names. Raises NotFoundError before ``bck init``."""
    with nullcontext() if serving else _without("fastapi"):
        from bck_apps.wiring import home_folder, open_application

    with open_application(home_folder()) as application, application.witness.acting(console()):
        yield application


@contextmanager
def _without(package: str) -> Iterator[None]:
    """Within it the package counts as not installed, unless it is loaded already.

    dependency-injector loads FastAPI when it finds it, though only the API needs the two together;
    that is a fifth of the time that a short verb takes.
    """
    if package in sys.modules:
        yield
        return
    sys.modules[package] = None  # type: ignore[assignment]  # the import system's own way to say so
    try:
        yield
    finally:
        del sys.modules[package]


def console() -> Actor:
    """Who works at the command line, by what the system knows; the environment only adds from where."""
    try:
        name = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # no account for this uid, as in a container
        name = f"uid {os.getuid()}"
    behind = os.environ.get("SUDO_USER", "")
    if behind:
        name = f"{name} (sudo: {behind})"
    return Actor(
        name=name, origin=Origin.CONSOLE, address=os.environ.get("SSH_CONNECTION", "").partition(" ")[0]
    )


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
