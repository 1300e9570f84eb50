"""Signing in: where the server is, how it proves itself, who you are; then the code, if one is asked for."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Protocol

from bck_apps.gui.api import Api
from bck_apps.gui.config import ClientConfig, normal_endpoint, normal_fingerprint
from bck_apps.gui.messages import Session
from bck_apps.gui.pending import Pending, settled
from bck_apps.gui.problems import (
    ClientError,
    ConfigError,
    SecondFactorNeededError,
    SignInError,
    TooManyAttemptsError,
)
from bck_apps.gui.texts import Phrase, Span
from bck_apps.gui.viewmodels.observable import Observable

CODE_WITHIN = timedelta(minutes=5)
"""A password whose code does not come is forgotten after this long."""


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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Half:
    """The password was right and the code is awaited. In memory only, and never printed."""

    api: Api
    form: SignInForm
    password: str = field(repr=False)
    until: datetime


class SignIn(Observable):
    """Fill in, submit; on success ``signed_in`` is called with what the home page needs.

    Where the account has a second factor, ``needs_code`` becomes true: enter it, or go back.
    """

    def __init__(
        self, form: SignInForm, connect: Connector, signed_in: SignedIn, *, clock: Callable[[], datetime]
    ) -> None:
        super().__init__()
        self._connect = connect
        self._signed_in = signed_in
        self._clock = clock
        self._half: _Half | None = None
        self._closed = False
        self._asked = settled(None)
        self._not_before: datetime | None = None
        self.form = form
        self.busy = False
        self.problem: ClientError | None = None
        self.note: Phrase | None = None

    def fill(self, **fields: str) -> None:
        """Take what was typed."""
        form = replace(self.form, **{name: text.strip() for name, text in fields.items()})
        if form != self.form:
            self.form, self.problem, self.note = form, None, None
            self._not_before = None
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

    @property
    def wait(self) -> Phrase | None:
        """How long the server looks at nothing; None if it does."""
        if self._not_before is None:
            return None
        left = math.ceil((self._not_before - self._clock()).total_seconds())
        return Phrase("sign-in.wait", {"time": Span(left)}) if left > 0 else None

    @property
    def needs_code(self) -> bool:
        """True from the right password until the code is right, or somebody goes back."""
        return self._half is not None

    @property
    def ticking(self) -> bool:
        """True while ``tick`` should be called every second."""
        return self._half is not None or self._not_before is not None

    def submit(self, password: str) -> None:
        """Connect and sign in. The password is passed on, and kept only while its code is awaited."""
        if self.busy or self.needs_code or self.wait or self.missing(password=bool(password)) is not None:
            return
        try:
            form = self._checked(self.form)
        except ConfigError as error:
            self._failed(error)
            return
        self.form, self.busy, self.problem, self.note = form, True, None, None
        self._changed()
        connected = self._connect(form.endpoint, form.ca_file, form.ca_sha256)
        connected.then(lambda api: self._ask(self._half_of(api, form, password)), self._failed)

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

    def _half_of(self, api: Api, form: SignInForm, password: str) -> _Half:
        return _Half(api=api, form=form, password=password, until=self._clock() + CODE_WITHIN)

    def submit_code(self, code: str) -> None:
        """Sign in with the password from before and this code of the second factor, or recovery code."""
        if self._half is None or self.busy or self.wait or not code.strip():
            return
        self.busy, self.problem = True, None
        self._changed()
        self._ask(self._half, code.strip())

    def _ask(self, half: _Half, code: str = "") -> None:
        if self._closed:
            return
        asked = self._asked = Pending[None]()

        def done(session: Session) -> None:
            if self._closed:
                half.api.sign_out().then(asked.resolve, asked.reject)
                return
            asked.resolve(None)
            self.busy, self._half = False, None
            self._changed()
            self._signed_in(half.api, session, half.form)

        def failed(error: ClientError) -> None:
            asked.resolve(None)
            if self._closed:
                return
            if isinstance(error, SecondFactorNeededError) and not code:
                self._half = half
                self._failed(None)
            else:
                self._failed(_of_the_code(error) if code else error)

        half.api.sign_in(half.form.user, half.password, code).then(done, failed)

    def _failed(self, error: ClientError | None) -> None:
        self.busy, self.problem = False, error
        wait = timedelta()
        if isinstance(error, TooManyAttemptsError):
            wait = timedelta(seconds=error.wait_seconds)
            self._not_before = self._clock() + wait
        if self._half is not None:
            self._half = replace(self._half, until=self._clock() + wait + CODE_WITHIN)
        self._changed()

    def back(self) -> None:
        """Not with a code now: the password is forgotten, and the page begins anew."""
        if not self.busy:
            self._half, self.problem = None, None
            self._changed()

    def close(self) -> Pending[None]:
        """Let nobody in any more, and keep no password. Settles when the server is asked for nothing and has
        heard that whom it let in meanwhile has left."""
        self._closed, self._half = True, None
        return self._asked

    def tick(self) -> None:
        """A second has passed: what was to be waited for may be over."""
        if self._not_before is not None and self.wait is None:
            self._not_before = None
            if isinstance(self.problem, TooManyAttemptsError):
                self.problem = None
        if self._half is not None and not self.busy and self._clock() >= self._half.until:
            self._half, self.problem, self.note = None, None, Phrase("sign-in.code.late")
        self._changed()

    def show(self, note: Phrase) -> None:
        """Why the page is shown again."""
        self.note, self.problem = note, None
        self._changed()


def _of_the_code(error: ClientError) -> ClientError:
    """The server says no to the code as to a password; people need another text."""
    if not isinstance(error, SignInError):
        return error
    return SignInError("code-refused")
