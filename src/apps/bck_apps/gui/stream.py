"""Follow one job by server-sent events; a broken connection is taken up where it stopped."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer, Signal
from PySide6.QtNetwork import QNetworkReply, QNetworkRequest

from bck_apps.gui.api import Follower
from bck_apps.gui.messages import Job, LogLine, Progress, parsed
from bck_apps.gui.problems import (
    PASSING,
    BadAnswerError,
    ClientError,
    ConnectionFailedError,
    SignInError,
    problem_from,
)
from bck_apps.gui.sse import Event, EventParser

if TYPE_CHECKING:
    from bck_apps.gui.client import HttpApi

SILENCE_MS = 60_000
"""The server says something at least every few seconds; after this long the connection is dead."""
RETRY_MS = (500, 1_000, 2_000, 4_000, 8_000)


class EventStream(QObject):
    """One followed job. Call ``open`` once, ``close`` whenever; the follower is called on the GUI thread."""

    closed = Signal()

    def __init__(self, api: HttpApi, job_id: str, follower: Follower, *, after: int) -> None:
        super().__init__(api)
        self._api = api
        self._job_id = job_id
        self._follower = follower
        self._last_id = str(after) if after else ""
        self._parser = EventParser()
        self._reply: QNetworkReply | None = None
        self._failures = 0
        self._token = ""
        self._renewed = False
        self._over = False
        self._retry = QTimer(self, singleShot=True)
        self._retry.timeout.connect(self.open)

    def open(self) -> None:
        """Connect, from the last event on."""
        self._api.session.ready().then(self._connect, self._troubled)

    def _connect(self, token: str) -> None:
        if self._over:
            return
        self._token = token
        request = self._api.wire.request(f"/backup/events/{self._job_id}", token, timeout_ms=SILENCE_MS)
        request.setRawHeader(b"Accept", b"text/event-stream")
        request.setAttribute(QNetworkRequest.Attribute.BackgroundRequestAttribute, False)
        if self._last_id:
            request.setRawHeader(b"Last-Event-ID", self._last_id.encode("ascii", "replace"))
        self._parser = EventParser()
        self._reply = reply = self._api.wire.open_stream(request)
        reply.readyRead.connect(lambda: self._read(reply))
        reply.finished.connect(lambda: self._finished(reply))

    def close(self) -> None:
        """Stop; nothing is called any more. Safe to repeat."""
        if self._over:
            return
        self._over = True
        self._retry.stop()
        if self._reply is not None:
            self._reply.abort()
        self.closed.emit()
        self.deleteLater()

    def _listens_to(self, reply: QNetworkReply) -> bool:
        return reply is self._reply and not self._over

    def _status(self, reply: QNetworkReply) -> int | None:
        status = reply.attribute(QNetworkRequest.Attribute.HttpStatusCodeAttribute)
        return int(status) if status is not None else None

    def _read(self, reply: QNetworkReply) -> None:
        if not self._listens_to(reply) or self._status(reply) != 200:
            return  # the body of an error is read when it is whole
        try:
            for event in self._parser.feed(bytes(reply.readAll().data())):
                if self._listens_to(reply):
                    self._take(event)
        except ClientError as error:
            self._fail(error)
        except ValueError as exc:
            self._fail(BadAnswerError("bad-answer", detail=str(exc)))

    def _take(self, event: Event) -> None:
        self._failures, self._renewed = 0, False
        self._last_id = event.id or self._last_id
        if event.name == "log":
            self._follower.on_log(parsed(LogLine, event.data))
        elif event.name == "progress":
            self._follower.on_progress(parsed(Progress, event.data))
        elif event.name == "status":
            self._follower.on_job(parsed(Job, event.data))
        elif event.name == "end":
            self._ask_how_it_ended()

    def _ask_how_it_ended(self) -> None:
        """The stream says that it is over; the job itself says how."""
        reply, self._reply = self._reply, None
        if reply is not None:
            reply.abort()
        self._api.job(self._job_id).then(self._ended, self._troubled)

    def _ended(self, job: Job) -> None:
        if not self._over:
            follower = self._follower
            self.close()
            follower.on_end(job)

    def _finished(self, reply: QNetworkReply) -> None:
        reply.deleteLater()
        self._read(reply)
        if not self._listens_to(reply):
            return
        self._reply = None
        error = self._api.wire.failure(reply)
        status = self._status(reply)
        if error is None and status is not None and status != 200:
            error = problem_from(status, bytes(reply.readAll().data()))
        if isinstance(error, SignInError) and self._token and not self._renewed:
            self._renewed = True
            self._api.session.renewed(self._token).then(self._connect, self._troubled)
        else:
            self._troubled(error or ConnectionFailedError("offline"))

    def _troubled(self, error: ClientError) -> None:
        """Try again if that can help, else give up."""
        if self._over:
            return
        if not isinstance(error, PASSING):
            self._fail(error)
            return
        self._follower.on_lost(error)
        self._try_again()

    def _try_again(self) -> None:
        if not self._over:  # the follower may have closed the stream
            self._retry.start(RETRY_MS[min(self._failures, len(RETRY_MS) - 1)])
            self._failures += 1

    def _fail(self, error: ClientError) -> None:
        follower = self._follower
        self.close()
        follower.on_failed(error)
