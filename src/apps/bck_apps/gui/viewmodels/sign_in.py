"""The sign-in page: where the server is, how it proves itself, who you are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

from bck_apps.gui.api import Api
from bck_apps.gui.config import ClientConfig, normal_endpoint, normal_fingerprint
from bck_apps.gui.messages import Session
from bck_apps.gui.pending import Pending
from bck_apps.gui.problems import ClientError, ConfigError
from bck_apps.gui.texts import Phrase
from bck_apps.gui.viewmodels.observable import Observable


@dataclass(frozen=True, slots=True, kw_only=True)
class SignInForm:
    """What is filled in, but for the password: that goes straight to the server."""

    endpoint: str = ""
    ca_file: str = ""
    ca_sha256: str = ""
    user: str = ""

    @classmethod
    def of(cls, config: ClientConfig) -> SignInForm:
        """As the configuration has it."""
        return cls(
            endpoint=config.endpoint, ca_file=config.ca_file, ca_sha256=config.ca_sha256, user=config.user
        )


class Connector(Protocol):
    """Makes an API client for a server that proves itself with the pinned CA."""

    def __call__(self, endpoint: str, ca_file: str, ca_sha256: str) -> Pending[Api]:
        """Settles with ConfigError, UntrustedServerError or ConnectionFailedError when it cannot be done."""


SignedIn = Callable[[Api, Session, SignInForm], None]


class SignIn(Observable):
    """Fill in, submit; on success ``signed_in`` is called with what the home page needs."""

    def __init__(self, form: SignInForm, connect: Connector, signed_in: SignedIn) -> None:
        super().__init__()
        self._connect = connect
        self._signed_in = signed_in
        self.form = form
        self.busy = False
        self.problem: ClientError | None = None
        self.note: Phrase | None = None

    def fill(self, **fields: str) -> None:
        """Take what was typed."""
        form = replace(self.form, **{name: text.strip() for name, text in fields.items()})
        if form != self.form:
            self.form, self.problem, self.note = form, None, None
            self._changed()

    def missing(self, *, password: bool) -> Phrase | None:
        """What must be filled in before signing in can be tried."""
        lacking = (
            (not self.form.endpoint, "server"),
            (not (self.form.ca_file or self.form.ca_sha256), "pin"),
            (not self.form.user, "user"),
            (not password, "password"),
        )
        return next((Phrase(f"sign-in.missing.{name}") for lacks, name in lacking if lacks), None)

    def submit(self, password: str) -> None:
        """Connect and sign in. The password is passed on and not kept."""
        if self.busy or self.missing(password=bool(password)) is not None:
            return
        try:
            form = self._checked(self.form)
        except ConfigError as error:
            self._failed(error)
            return
        self.form, self.busy, self.problem, self.note = form, True, None, None
        self._changed()
        connected = self._connect(form.endpoint, form.ca_file, form.ca_sha256)
        connected.then(lambda api: self._connected(api, form, password), self._failed)

    @staticmethod
    def _checked(form: SignInForm) -> SignInForm:
        try:
            endpoint = normal_endpoint(form.endpoint)
        except ValueError as exc:
            raise ConfigError("bad-endpoint") from exc
        try:
            sha256 = normal_fingerprint(form.ca_sha256) if form.ca_sha256 else ""
        except ValueError as exc:
            raise ConfigError("bad-fingerprint") from exc
        return replace(form, endpoint=endpoint, ca_sha256=sha256)

    def _connected(self, api: Api, form: SignInForm, password: str) -> None:
        def done(session: Session) -> None:
            self.busy = False
            self._changed()
            self._signed_in(api, session, form)

        api.sign_in(form.user, password).then(done, self._failed)

    def _failed(self, error: ClientError) -> None:
        self.busy, self.problem = False, error
        self._changed()

    def show(self, note: Phrase) -> None:
        """Why the page is shown again."""
        self.note, self.problem = note, None
        self._changed()
