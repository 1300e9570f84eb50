"""Open the API of a server: read or find the pinned CA, then trust nothing else."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

from PySide6.QtCore import QObject
from PySide6.QtNetwork import QSslCertificate

from bck_apps.gui.api import Api
from bck_apps.gui.client import HttpApi, present
from bck_apps.gui.pending import Pending
from bck_apps.gui.problems import ClientError, ConfigError
from bck_apps.gui.tls import CaByFingerprint, load_ca

HTTPS_PORT = 443


class HttpConnector(QObject):
    """The Connector protocol. ``base`` is the folder that a relative CA path counts from."""

    def __init__(
        self, base: Path, parent: QObject | None = None, *, clock: Callable[[], datetime] = present
    ) -> None:
        super().__init__(parent)
        self._base = base
        self._clock = clock

    def __call__(self, endpoint: str, ca_file: str, ca_sha256: str) -> Pending[Api]:
        """A client for that server, trusting the pinned CA alone."""
        pending: Pending[Api] = Pending()
        if not ca_file and not ca_sha256:
            pending.reject(ConfigError("ca-unreadable", params={"file": "ca.pem"}))
        elif ca_file:
            try:
                ca = load_ca(self._base / Path(ca_file).expanduser(), ca_sha256)
            except ClientError as error:
                pending.reject(error)
            else:
                pending.resolve(self._api(endpoint, ca))
        else:
            self._find(endpoint, ca_sha256, pending)
        return pending

    def _api(self, endpoint: str, ca: QSslCertificate) -> HttpApi:
        return HttpApi(endpoint, ca, self, clock=self._clock)

    def _find(self, endpoint: str, ca_sha256: str, pending: Pending[Api]) -> None:
        parts = urlsplit(endpoint)
        search = CaByFingerprint(parts.hostname or "", parts.port or HTTPS_PORT, ca_sha256, self)

        def found(ca: QSslCertificate) -> None:
            search.deleteLater()
            pending.resolve(self._api(endpoint, ca))

        def failed(error: ClientError) -> None:
            search.deleteLater()
            pending.reject(error)

        search.start().then(found, failed)
