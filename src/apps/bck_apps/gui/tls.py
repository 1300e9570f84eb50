"""TLS with the server's own CA and nothing else. There is no way to switch the check off."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

from PySide6.QtCore import QObject, QTimer
from PySide6.QtNetwork import QSsl, QSslCertificate, QSslConfiguration, QSslError, QSslSocket

from bck_apps.gui.config import normal_fingerprint
from bck_apps.gui.pending import Pending
from bck_apps.gui.problems import ClientError, ConfigError, ConnectionFailedError, UntrustedServerError

_LARGEST_CA_FILE = 1 << 20
_FETCH_MS = 15_000
_WRONG_NAME = QSslError.SslError.HostNameMismatch
_TIMES = (QSslError.SslError.CertificateExpired, QSslError.SslError.CertificateNotYetValid)


def fingerprint(certificate: QSslCertificate) -> str:
    """SHA-256 of the certificate, hexadecimal."""
    return hashlib.sha256(bytes(certificate.toDer().data())).hexdigest()


def load_ca(path: Path, sha256: str = "") -> QSslCertificate:
    """The one CA certificate in a PEM file. Raises ConfigError if it is none, or not the pinned one."""
    try:
        with path.open("rb") as file:
            raw = file.read(_LARGEST_CA_FILE)
    except OSError as exc:
        raise ConfigError(
            "ca-unreadable", params={"file": str(path)}, detail=exc.strerror or type(exc).__name__
        ) from exc
    certificates = QSslCertificate.fromData(raw, QSsl.EncodingFormat.Pem)
    if len(certificates) != 1 or certificates[0].isNull():
        raise ConfigError("ca-invalid", params={"file": str(path)})
    if sha256 and fingerprint(certificates[0]) != normal_fingerprint(sha256):
        raise ConfigError(
            "ca-other", params={"file": str(path), "found": readable(fingerprint(certificates[0]))}
        )
    return certificates[0]


def readable(sha256: str) -> str:
    """A fingerprint in pairs, upper case, for comparing by eye."""
    return ":".join(sha256[i : i + 2] for i in range(0, len(sha256), 2)).upper()


def pinned(ca: QSslCertificate) -> QSslConfiguration:
    """A configuration that trusts ``ca`` alone and demands proof and the right name from the server."""
    configuration = QSslConfiguration.defaultConfiguration()
    configuration.setCaCertificates([ca])
    configuration.setPeerVerifyMode(QSslSocket.PeerVerifyMode.VerifyPeer)
    configuration.setPeerVerifyDepth(0)
    configuration.setProtocol(QSsl.SslProtocol.TlsV1_2OrLater)
    return configuration


def untrusted(errors: Sequence[QSslError], host: str) -> UntrustedServerError:
    """Why the server was not believed."""
    kinds = {error.error() for error in errors}
    detail = "; ".join(dict.fromkeys(error.errorString() for error in errors))
    if kinds and kinds <= set(_TIMES):
        return UntrustedServerError("tls-time", params={"host": host}, detail=detail)
    if kinds == {_WRONG_NAME}:
        return UntrustedServerError("tls-name", params={"host": host}, detail=detail)
    return UntrustedServerError("tls-untrusted", params={"host": host}, detail=detail)


class CaByFingerprint(QObject):
    """Finds the CA that a fingerprint names in the chain a server shows.

    The connection it is shown on is not trusted: it is dropped before a byte of ours is sent. Only a
    certificate with exactly that fingerprint is taken, and then everything is checked against it.
    """

    def __init__(self, host: str, port: int, sha256: str, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.answer: Pending[QSslCertificate] = Pending()
        self._host, self._port, self._sha256 = host, port, normal_fingerprint(sha256)
        self._socket = QSslSocket(self)
        configuration = QSslConfiguration.defaultConfiguration()
        configuration.setCaCertificates([])
        self._socket.setSslConfiguration(configuration)
        self._socket.sslErrors.connect(self._look)
        self._socket.encrypted.connect(self._look)
        self._socket.errorOccurred.connect(self._broken)
        self._timer = QTimer(self, singleShot=True, interval=_FETCH_MS)
        self._timer.timeout.connect(lambda: self._end(ConnectionFailedError("timeout")))

    def start(self) -> Pending[QSslCertificate]:
        """Connect, look, hang up."""
        self._timer.start()
        self._socket.connectToHostEncrypted(self._host, self._port)
        return self.answer

    def _look(self, *_: object) -> None:
        for certificate in self._socket.peerCertificateChain():
            if fingerprint(certificate) == self._sha256:
                self._end(certificate)
                return
        self._end(UntrustedServerError("tls-fingerprint", params={"host": self._host}))

    def _broken(self, *_: object) -> None:
        self._end(ConnectionFailedError("offline", detail=self._socket.errorString()))

    def _end(self, outcome: QSslCertificate | ClientError) -> None:
        if self.answer.settled:
            return
        self._timer.stop()
        settle: Callable[[], None]
        if isinstance(outcome, ClientError):
            error = outcome
            settle = lambda: self.answer.reject(error)  # noqa: E731
        else:
            certificate = outcome
            settle = lambda: self.answer.resolve(certificate)  # noqa: E731
        # Out of the socket's own signal first: whoever waits may delete this object.
        QTimer.singleShot(0, self, settle)
        self._socket.abort()
