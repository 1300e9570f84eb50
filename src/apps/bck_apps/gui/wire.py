"""HTTPS to one server over QNetworkAccessManager: pinned, typed answers, and never blocking."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import TypeVar

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

from bck_apps.gui.messages import parsed
from bck_apps.gui.pending import Pending
from bck_apps.gui.problems import ClientError, ConnectionFailedError, problem_from
from bck_apps.gui.tls import pinned, untrusted

T = TypeVar("T")
Body = Mapping[str, object]
ANSWER_MS = 30_000
NO_CONTENT = 204
_TIMEOUTS = (
    QNetworkReply.NetworkError.TimeoutError,
    QNetworkReply.NetworkError.OperationCanceledError,
)


class Wire(QObject):
    """Requests to one server, each with the token it is given. Lives on the GUI thread and never waits."""

    def __init__(
        self, endpoint: str, ca: QSslCertificate, parent: QObject | None = None, *, answer_ms: int = ANSWER_MS
    ) -> None:
        super().__init__(parent)
        self._endpoint = endpoint
        self._tls = pinned(ca)
        self._answer_ms = answer_ms
        self._network = QNetworkAccessManager(self)
        self._network.setProxy(QNetworkProxy(QNetworkProxy.ProxyType.NoProxy))
        self._network.setRedirectPolicy(QNetworkRequest.RedirectPolicy.ManualRedirectPolicy)
        self._network.setTransferTimeout(answer_ms)
        self._rest = QRestAccessManager(self._network, self)
        self._tls_errors: dict[QNetworkReply, list[QSslError]] = {}
        self._under_way: set[QNetworkReply] = set()

    def get(self, path: str, token: str, kind: type[T]) -> Pending[T]:
        """GET, and the answer as a value of ``kind``."""
        return self._answer(lambda slot: self._rest.get(self.request(path, token), self, slot), kind)

    def post(
        self, path: str, token: str, kind: type[T], body: Body, headers: Mapping[str, str] | None = None
    ) -> Pending[T]:
        """POST a JSON body."""
        request = self.request(path, token)
        for name, value in (headers or {}).items():
            request.setRawHeader(name.encode("ascii"), value.encode("ascii"))
        return self._answer(lambda slot: self._rest.post(request, _json(body), self, slot), kind)

    def put(self, path: str, token: str, kind: type[T], body: Body) -> Pending[T]:
        """PUT a JSON body."""
        request = self.request(path, token)
        return self._answer(lambda slot: self._rest.put(request, _json(body), self, slot), kind)

    def abort(self) -> None:
        """Drop what is under way; each answer becomes a ConnectionFailedError."""
        for reply in tuple(self._under_way):
            reply.abort()

    def request(self, path: str, token: str, *, timeout_ms: int | None = None) -> QNetworkRequest:
        """A request to our server."""
        request = QNetworkRequest(QUrl(self._endpoint + path, QUrl.ParsingMode.StrictMode))
        request.setSslConfiguration(self._tls)
        request.setAttribute(QNetworkRequest.Attribute.Http2AllowedAttribute, False)
        request.setAttribute(
            QNetworkRequest.Attribute.CacheLoadControlAttribute,
            QNetworkRequest.CacheLoadControl.AlwaysNetwork,
        )
        request.setTransferTimeout(self._answer_ms if timeout_ms is None else timeout_ms)
        request.setMaximumRedirectsAllowed(0)
        request.setRawHeader(b"Accept", b"application/json, application/problem+json")
        request.setHeader(QNetworkRequest.KnownHeaders.ContentTypeHeader, "application/json")
        if token:
            request.setRawHeader(b"Authorization", b"Bearer " + token.encode("ascii", "replace"))
        return request

    def open_stream(self, request: QNetworkRequest) -> QNetworkReply:
        """Start a request whose answer is read as it arrives."""
        reply = self._network.get(request)
        self._watch_tls(reply)
        return reply

    def _watch_tls(self, reply: QNetworkReply) -> None:
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
        self._watch_tls(reply)
        self._under_way.add(reply)
        return pending

    def _read(self, rest: QRestReply, reply: QNetworkReply, kind: type[T]) -> T:
        if failure := self.failure(reply):
            raise failure
        body = bytes(rest.readBody().data())
        if not rest.isHttpStatusSuccess():
            raise problem_from(rest.httpStatus(), body, bytes(reply.rawHeader("Retry-After").data()))
        return parsed(kind, b"null" if rest.httpStatus() == NO_CONTENT else body)


def _json(body: Body) -> QByteArray:
    return QByteArray(json.dumps(body).encode())
