"""One backup from the click to the verdict, live."""

from __future__ import annotations

from collections.abc import Callable

from bck_apps.gui.api import Api, Stream
from bck_apps.gui.messages import Job, LogLine, Progress, Started
from bck_apps.gui.problems import ClientError, ConnectionFailedError
from bck_apps.gui.texts import Phrase
from bck_apps.gui.viewmodels.log_book import LogBook
from bck_apps.gui.viewmodels.observable import Observable
from bck_apps.gui.viewmodels.progress_view import ProgressView, progress_view
from bck_apps.gui.viewmodels.verdict import Verdict, verdict


class BackupRun(Observable):
    """Of one profile. Asking twice, or after a broken connection, never starts two."""

    def __init__(
        self, api: Api, profile: str, *, new_key: Callable[[], str], ended: Callable[[Job], None]
    ) -> None:
        super().__init__()
        self._api = api
        self._profile = profile
        self._new_key = new_key
        self._ended = ended
        self._key = ""
        self._stream: Stream | None = None
        self._progress = Progress()
        self.job: Job | None = None
        self.starting = False
        self.stopping = False
        self.lost = False
        self.problem: ClientError | None = None
        self.verdict: Verdict | None = None
        self.note: Phrase | None = None
        self.log = LogBook()

    @property
    def active(self) -> bool:
        """True from the click until the end is known."""
        return self.starting or (self.job is not None and not self.job.final)

    @property
    def progress(self) -> ProgressView:
        """For bar and lines; only of interest while active."""
        return progress_view(self.job, self._progress)

    @property
    def can_stop(self) -> bool:
        """True if there is a job to stop that was not asked to yet."""
        return self.job is not None and not self.job.final and not self.stopping

    def start(self, password: str = "") -> None:
        """Ask for a backup. Asked again after a broken connection, it is still the same request. The password
        of the computer, where one is needed, is passed on and not kept."""
        if self.active:
            return
        self._key = self._key or self._new_key()
        self.starting, self.problem, self.verdict = True, None, None
        self.job, self._progress, self.note = None, Progress(), None
        self.log.clear()
        self._changed()
        self._api.start_backup(self._profile, self._key, password).then(self._started, self._not_started)

    def _started(self, answer: Started) -> None:
        self._key = ""
        self.starting = False
        self.note = Phrase("password.dropped") if answer.password_dropped else None
        self._follow(answer.job)

    def _not_started(self, error: ClientError) -> None:
        if not isinstance(error, ConnectionFailedError):
            self._key = ""  # the server has answered: the next click is a new request
        self.starting, self.problem = False, error
        self._changed()

    def attach(self, job: Job) -> None:
        """Follow a job that somebody else, or an earlier window, started. Safe to repeat."""
        if not self.active:
            self.problem = self.verdict = self.note = None
            self.log.clear()
            self._follow(job)

    def _follow(self, job: Job) -> None:
        self.job, self._progress = job, job.progress
        self.stopping = job.cancel_requested
        if self._stream is not None:
            self._stream.close()
        self._changed()
        self._stream = self._api.follow(job.job_id, self, after=self.log.last)

    def stop(self) -> None:
        """Ask the server to stop the job."""
        if self.can_stop and self.job is not None:
            self.stopping = True
            self._changed()
            self._api.cancel(self.job.job_id).then(self.on_job, self._not_stopped)

    def _not_stopped(self, error: ClientError) -> None:
        self.stopping, self.problem = False, error
        self._changed()

    def dismiss(self) -> None:
        """The person has read how it ended, or what went wrong."""
        self.verdict = self.problem = self.note = None
        self._changed()

    def close(self) -> None:
        """Stop listening; the job goes on."""
        if self._stream is not None:
            self._stream.close()
            self._stream = None

    # --- what the stream says --------------------------------------------------------------------

    def on_job(self, job: Job) -> None:
        """The job moved on."""
        if self.job is None or self.job.final or job.job_id != self.job.job_id:
            return
        if job.final:
            return  # the end of the stream brings it with the last log lines
        self.job, self.lost = job, False
        self.stopping = self.stopping or job.cancel_requested
        self._changed()

    def on_progress(self, progress: Progress) -> None:
        """It came further."""
        self._progress, self.lost = progress, False
        self._changed()

    def on_log(self, line: LogLine) -> None:
        """A line for the book."""
        if self.lost:
            self.lost = False
            self._changed()
        self.log.add(line)

    def on_lost(self, error: ClientError) -> None:
        """Say so once; the stream comes back by itself."""
        if not self.lost:
            self.lost = True
            self._changed()

    def on_end(self, job: Job) -> None:
        """Over."""
        self._stream = None
        self.job, self.lost, self.stopping = job, False, False
        self.verdict = verdict(job)
        self._changed()
        self._ended(job)

    def on_failed(self, error: ClientError) -> None:
        """No more news of this job; what it does now is not known here."""
        self._stream = None
        self.job, self.lost, self.stopping, self.problem = None, False, False, error
        self._changed()
