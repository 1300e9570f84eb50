"""The server's HTTP API over QNetworkAccessManager: typed, pinned, and never blocking."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TypeVar
from urllib.parse import quote

from PySide6.QtCore import QByteArray, QObject, QUrl
from PySide6.QtNetwork import (
    QNetworkAccessManager,
    QNetworkProxy,
    QNetworkReply,
    QNetworkRequest,
    QRestAccessManager,
    QRestReply,
    QSslCertificate,
    QSslError,
)

from bck_apps.gui.api import Follower
from bck_apps.gui.messages import Job, LogLine, Page, Point, Profile, RunProblems, Session, Started, parsed
from bck_apps.gui.pending import Pending
from bck_apps.gui.problems import ClientError, ConnectionFailedError, problem_from
from bck_apps.gui.stream import EventStream
from bck_apps.gui.tls import pinned, untrusted

T = TypeVar("T")
ANSWER_MS = 30_000
LARGEST_ANSWER = 32 << 20
_TIMEOUTS = (
    QNetworkReply.NetworkError.TimeoutError,
    QNetworkReply.NetworkError.OperationCanceledError,
)


class HttpApi(QObject):
    """The Api protocol for one server. Lives on the GUI thread; nothing in it waits."""

    def __init__(self, endpoint: str, ca: QSslCertificate, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._endpoint = endpoint
        self._tls = pinned(ca)
        self._token = ""
        self._network = QNetworkAccessManager(self)
        self._network.setProxy(QNetworkProxy(QNetworkProxy.ProxyType.NoProxy))
        self._network.setRedirectPolicy(QNetworkRequest.RedirectPolicy.ManualRedirectPolicy)
        self._network.setTransferTimeout(ANSWER_MS)
        self._rest = QRestAccessManager(self._network, self)
        self._tls_errors: dict[QNetworkReply, list[QSslError]] = {}
        self._under_way: set[QNetworkReply] = set()
        self._streams: set[EventStream] = set()

    # --- the API ---------------------------------------------------------------------------------

    def sign_in(self, name: str, password: str, code: str = "") -> Pending[Session]:
        """POST /auth/login; the token is kept for later calls, password and code are not."""
        body: dict[str, object] = {"name": name, "password": password}
        if code:
            body["code"] = code
        return self._post("/auth/login", Session, body).map(self._signed_in)

    def _signed_in(self, session: Session) -> Session:
        self._token = session.access_token
        return session

    def sign_out(self) -> None:
        """Forget the token and drop what is under way."""
        self._token = ""
        for stream in tuple(self._streams):
            stream.close()
        for reply in tuple(self._under_way):
            reply.abort()

    def profiles(self) -> Pending[tuple[Profile, ...]]:
        """GET /profiles, all pages."""
        return self._list("/profiles", Profile)

    def save_profile(self, profile: Profile) -> Pending[Profile]:
        """PUT /profiles/{name}."""
        body = profile.model_dump(mode="json", exclude_none=False)
        body["sources"] = [source.model_dump(exclude_none=True) for source in profile.sources]
        unset = [key for key in ("keep_last", "keep_within") if body[key] is None]
        for key in unset:
            del body[key]
        return self._answer(
            lambda slot: self._rest.put(
                self.request(f"/profiles/{_part(profile.name)}"), _json(body), self, slot
            ),
            Profile,
        )

    def points(self, profile: str) -> Pending[tuple[Point, ...]]:
        """GET /profiles/{name}/points, all pages."""
        return self._list(f"/profiles/{_part(profile)}/points", Point)

    def jobs(self, limit: int = 100) -> Pending[tuple[Job, ...]]:
        """GET /jobs: the latest ones only, whatever more there is."""
        return self._get(f"/jobs?limit={limit}", Page[Job]).map(lambda page: page.items)

    def problems(self, run_id: str) -> Pending[RunProblems]:
        """GET /runs/{run_id}/problems: one page of up to 1000."""
        return self._get(f"/runs/{_part(run_id)}/problems?limit=1000", RunProblems)

    def start_backup(self, profile: str, key: str) -> Pending[Started]:
        """POST /backup/start with an Idempotency-Key."""
        return self._post("/backup/start", Started, {"profile": profile}, headers={"Idempotency-Key": key})

    def cancel(self, job_id: str) -> Pending[Job]:
        """POST /backup/cancel/{job_id}."""
        return self._post(f"/backup/cancel/{_part(job_id)}", Job, {})

    def job(self, job_id: str) -> Pending[Job]:
        """GET /backup/status/{job_id}."""
        return self._get(f"/backup/status/{_part(job_id)}", Job)

    def log(self, job_id: str, after: int) -> Pending[tuple[LogLine, ...]]:
        """GET /backup/log/{job_id}: one page of up to 1000 lines."""
        answer = self._get(f"/backup/log/{_part(job_id)}?after={after}&limit=1000", Page[LogLine])
        return answer.map(lambda page: page.items)

    def follow(self, job_id: str, follower: Follower, *, after: int = 0) -> EventStream:
        """GET /backup/events/{job_id}, again and again until the job is over."""
        stream = EventStream(self, job_id, follower, after=after)
        self._streams.add(stream)
        stream.destroyed.connect(lambda: self._streams.discard(stream))
        stream.closed.connect(lambda: self._streams.discard(stream))
        stream.open()
        return stream

    # --- requests --------------------------------------------------------------------------------

    def request(self, path: str, *, timeout_ms: int = ANSWER_MS) -> QNetworkRequest:
        """A request to our server, as the person who is signed in."""
        request = QNetworkRequest(QUrl(self._endpoint + path, QUrl.ParsingMode.StrictMode))
        request.setSslConfiguration(self._tls)
        request.setAttribute(QNetworkRequest.Attribute.Http2AllowedAttribute, False)
        request.setAttribute(
            QNetworkRequest.Attribute.CacheLoadControlAttribute,
            QNetworkRequest.CacheLoadControl.AlwaysNetwork,
        )
        request.setTransferTimeout(timeout_ms)
        request.setMaximumRedirectsAllowed(0)
        request.setRawHeader(b"Accept", b"application/json, application/problem+json")
        request.setHeader(QNetworkRequest.KnownHeaders.ContentTypeHeader, "application/json")
        if self._token:
            request.setRawHeader(b"Authorization", b"Bearer " + self._token.encode("ascii", "replace"))
        return request

    def open_stream(self, request: QNetworkRequest) -> QNetworkReply:
        """Start a request whose answer is read as it arrives."""
        reply = self._network.get(request)
        self.watch_tls(reply)
        return reply

    def watch_tls(self, reply: QNetworkReply) -> None:
        """Remember why the server was not believed. Nothing is ever ignored here."""
        reply.sslErrors.connect(lambda errors: self._tls_errors.__setitem__(reply, list(errors)))
        reply.destroyed.connect(lambda: self._tls_errors.pop(reply, None))

    def failure(self, reply: QNetworkReply) -> ClientError | None:
        """Why there is no answer; None if there is one, be it good or bad."""
        if errors := self._tls_errors.pop(reply, None):
            return untrusted(errors, QUrl(self._endpoint).host())
        if reply.attribute(QNetworkRequest.Attribute.HttpStatusCodeAttribute) is not None:
            unread = reply.error() in (*_TIMEOUTS, QNetworkReply.NetworkError.RemoteHostClosedError)
            return ConnectionFailedError("timeout", detail=reply.errorString()) if unread else None
        if reply.error() == QNetworkReply.NetworkError.SslHandshakeFailedError:
            return untrusted([], QUrl(self._endpoint).host())
        code = "timeout" if reply.error() in _TIMEOUTS else "offline"
        return ConnectionFailedError(code, detail=reply.errorString())

    def _get(self, path: str, kind: type[T]) -> Pending[T]:
        return self._answer(lambda slot: self._rest.get(self.request(path), self, slot), kind)

    def _post(
        self, path: str, kind: type[T], body: dict[str, object], headers: dict[str, str] | None = None
    ) -> Pending[T]:
        request = self.request(path)
        for name, value in (headers or {}).items():
            request.setRawHeader(name.encode("ascii"), value.encode("ascii"))
        return self._answer(lambda slot: self._rest.post(request, _json(body), self, slot), kind)

    def _list(self, path: str, kind: type[T]) -> Pending[tuple[T, ...]]:
        """All pages of a list."""
        whole: Pending[tuple[T, ...]] = Pending()
        gathered: list[T] = []

        def take(page: Page[T]) -> None:
            gathered.extend(page.items)
            if page.next is None or not page.items:
                whole.resolve(tuple(gathered))
            else:
                ask(f"{path}?cursor={quote(page.next, safe='')}")

        def ask(address: str) -> None:
            self._get(address, Page[kind]).then(take, whole.reject)  # type: ignore[valid-type]  # pydantic

        ask(path)
        return whole

    def _answer(
        self, send: Callable[[Callable[[QRestReply], None]], QNetworkReply], kind: type[T]
    ) -> Pending[T]:
        pending: Pending[T] = Pending()

        def finished(rest: QRestReply) -> None:
            reply = rest.networkReply()
            self._under_way.discard(reply)
            try:
                value = self._read(rest, reply, kind)
            except ClientError as error:
                pending.reject(error)
            else:
                pending.resolve(value)
            finally:
                reply.deleteLater()

        reply = send(finished)
        self.watch_tls(reply)
        self._under_way.add(reply)
        return pending

    def _read(self, rest: QRestReply, reply: QNetworkReply, kind: type[T]) -> T:
        if failure := self.failure(reply):
            raise failure
        body = bytes(rest.readBody().data())
        if not rest.isHttpStatusSuccess():
            raise problem_from(rest.httpStatus(), body, bytes(reply.rawHeader("Retry-After").data()))
        return parsed(kind, body)


def _part(text: str) -> str:
    """A name as one part of a path."""
    return quote(text, safe="")


def _json(body: dict[str, object]) -> QByteArray:
    return QByteArray(json.dumps(body).encode())
