"""What the view-models need of the server: one Protocol, kept by the HTTPS client and by the tests' fake."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from bck_apps.gui.messages import Host, Job, LogLine, Point, Profile, Progress, RunProblems, Session, Started
from bck_apps.gui.pending import Pending
from bck_apps.gui.problems import ClientError, SessionEndedError


class Follower(Protocol):
    """Hears what happens to a job, in order, on the GUI thread."""

    def on_job(self, job: Job) -> None:
        """The job moved on."""

    def on_progress(self, progress: Progress) -> None:
        """It came further."""

    def on_log(self, line: LogLine) -> None:
        """A line of its log; the same number may come twice after a broken connection."""

    def on_lost(self, error: ClientError) -> None:
        """The connection broke; the stream comes back by itself where it stopped. May be called often."""

    def on_end(self, job: Job) -> None:
        """The job is over and this is how. Nothing follows."""

    def on_failed(self, error: ClientError) -> None:
        """Following makes no sense any more (signed out, unknown job). Nothing follows."""


class Stream(Protocol):
    """A followed job."""

    def close(self) -> None:
        """Stop listening; the follower hears nothing more. Safe to repeat."""


class Api(Protocol):
    """The server. Every call returns at once; answers come on the GUI thread."""

    def sign_in(self, name: str, password: str, code: str = "") -> Pending[Session]:
        """Later calls are made as this person. Password and code are not kept.

        ``code`` is of the account's second factor: six digits, or a recovery code. Settles with
        SecondFactorNeededError where one is needed and none was given, TooManyAttemptsError, SignInError.
        """

    def when_over(self, listener: Callable[[SessionEndedError], None]) -> None:
        """Call ``listener`` once, when the server no longer lets the session go on: it has run out, or was
        ended elsewhere. Not after ``sign_out``."""

    def sign_out(self) -> Pending[None]:
        """Stop everything under way, forget the tokens, end the session at the server.

        Settles, never with an error, when the server has heard it or some seconds have passed.
        """

    def profiles(self) -> Pending[tuple[Profile, ...]]:
        """All profiles this person may see."""

    def hosts(self) -> Pending[tuple[Host, ...]]:
        """All computers this person may see."""

    def save_profile(self, profile: Profile) -> Pending[Profile]:
        """Change a profile; the answer is what the server keeps."""

    def points(self, profile: str) -> Pending[tuple[Point, ...]]:
        """Restore points of a profile."""

    def jobs(self, limit: int = 100) -> Pending[tuple[Job, ...]]:
        """The latest jobs of all profiles, newest first."""

    def problems(self, run_id: str) -> Pending[RunProblems]:
        """What a run could not read or store: the first thousand."""

    def start_backup(self, profile: str, key: str, password: str = "") -> Pending[Started]:
        """Ask for a backup. The same ``key`` is the same request, however often it is sent. ``password`` lets
        the server into the computer, for this job alone; it is passed on and not kept."""

    def cancel(self, job_id: str) -> Pending[Job]:
        """Ask a job to stop."""

    def log(self, job_id: str, after: int) -> Pending[tuple[LogLine, ...]]:
        """Log lines with a number above ``after``."""

    def follow(self, job_id: str, follower: Follower, *, after: int = 0) -> Stream:
        """Listen to a job from log line ``after`` on."""
