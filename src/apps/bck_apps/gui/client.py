"""The server's HTTP API, as the person who is signed in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import TypeVar
from urllib.parse import quote

from PySide6.QtCore import QObject, QTimer
from PySide6.QtNetwork import QSslCertificate

from bck_apps.gui.api import Follower
from bck_apps.gui.messages import (
    Host,
    Job,
    LogLine,
    Page,
    Point,
    Profile,
    RunProblems,
    Session,
    Started,
    Tokens,
)
from bck_apps.gui.pending import Pending, settled
from bck_apps.gui.problems import ClientError, SessionEndedError, SignInError
from bck_apps.gui.session import SessionKeeper
from bck_apps.gui.stream import EventStream
from bck_apps.gui.wire import ANSWER_MS, Wire

T = TypeVar("T")
FAREWELL_MS = 3_000
"""So long the end of a session may take before nobody waits for it."""


def present() -> datetime:
    """The present moment."""
    return datetime.now(UTC)


class HttpApi(QObject):
    """The Api protocol for one server. Lives on the GUI thread; nothing in it waits."""

    def __init__(
        self,
        endpoint: str,
        ca: QSslCertificate,
        parent: QObject | None = None,
        *,
        clock: Callable[[], datetime] = present,
        answer_ms: int = ANSWER_MS,
    ) -> None:
        super().__init__(parent)
        self.wire = Wire(endpoint, ca, self, answer_ms=answer_ms)
        self.session = SessionKeeper(self._refresh, clock=clock, ended=self._session_over)
        self._over: Callable[[SessionEndedError], None] | None = None
        self._streams: set[EventStream] = set()

    # --- the session -----------------------------------------------------------------------------

    def sign_in(self, name: str, password: str, code: str = "") -> Pending[Session]:
        """POST /auth/login; the tokens are kept for later calls, password and code are not."""
        body = {"name": name, "password": password} | ({"code": code} if code else {})
        return self.wire.post("/auth/login", "", Tokens, body).map(self._signed_in)

    def _signed_in(self, tokens: Tokens) -> Session:
        self.session.keep(tokens)
        return tokens.session

    def when_over(self, listener: Callable[[SessionEndedError], None]) -> None:
        """Call ``listener`` when the server no longer lets the session go on."""
        self._over = listener

    def _session_over(self, error: SessionEndedError) -> None:
        if self._over is not None:
            self._over(error)

    def _refresh(self, refresh_token: str) -> Pending[Tokens]:
        return self.wire.post("/auth/refresh", "", Tokens, {"refresh_token": refresh_token})

    def sign_out(self) -> Pending[None]:
        """POST /auth/logout; the tokens are forgotten and what is under way is dropped at once."""
        tokens = self.session.forget()
        for stream in tuple(self._streams):
            stream.close()
        self.wire.abort()
        return settled(None) if tokens is None else self._farewell(tokens)

    def _farewell(self, tokens: Tokens) -> Pending[None]:
        """End the session at the server, also if the access token has run out meanwhile."""
        said: Pending[None] = Pending()

        def end(*_: object) -> None:
            said.resolve(None)

        def refused(error: ClientError) -> None:
            if isinstance(error, SignInError):  # a refresh token that was used before ends the session, too
                self._refresh(tokens.refresh_token).then(
                    lambda fresh: self._log_out(fresh.access_token).then(end, end), end
                )
            else:
                end()

        QTimer.singleShot(FAREWELL_MS, self, end)
        self._log_out(tokens.access_token).then(end, refused)
        return said

    def _log_out(self, token: str) -> Pending[None]:
        return self.wire.post("/auth/logout", token, type(None), {})

    # --- the API ---------------------------------------------------------------------------------

    def profiles(self) -> Pending[tuple[Profile, ...]]:
        """GET /profiles, all pages."""
        return self._list("/profiles", Profile)

    def hosts(self) -> Pending[tuple[Host, ...]]:
        """GET /hosts, all pages."""
        return self._list("/hosts", Host)

    def save_profile(self, profile: Profile) -> Pending[Profile]:
        """PUT /profiles/{name}."""
        body = profile.model_dump(mode="json", exclude_none=False)
        body["sources"] = [source.model_dump(exclude_none=True) for source in profile.sources]
        unset = [key for key in ("keep_last", "keep_within") if body[key] is None]
        for key in unset:
            del body[key]
        path = f"/profiles/{_part(profile.name)}"
        return self.session.ask(lambda token: self.wire.put(path, token, Profile, body))

    def points(self, profile: str) -> Pending[tuple[Point, ...]]:
        """GET /profiles/{name}/points, all pages."""
        return self._list(f"/profiles/{_part(profile)}/points", Point)

    def jobs(self, limit: int = 100) -> Pending[tuple[Job, ...]]:
        """GET /jobs: the latest ones only, whatever more there is."""
        return self._get(f"/jobs?limit={limit}", Page[Job]).map(lambda page: page.items)

    def problems(self, run_id: str) -> Pending[RunProblems]:
        """GET /runs/{run_id}/problems: one page of up to 1000."""
        return self._get(f"/runs/{_part(run_id)}/problems?limit=1000", RunProblems)

    def start_backup(self, profile: str, key: str, password: str = "") -> Pending[Started]:
        """POST /backup/start with an Idempotency-Key."""
        body = {"profile": profile} | ({"password": password} if password else {})
        return self._post("/backup/start", Started, body, {"Idempotency-Key": key})

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

    def _get(self, path: str, kind: type[T]) -> Pending[T]:
        return self.session.ask(lambda token: self.wire.get(path, token, kind))

    def _post(
        self, path: str, kind: type[T], body: Mapping[str, object], headers: Mapping[str, str] | None = None
    ) -> Pending[T]:
        return self.session.ask(lambda token: self.wire.post(path, token, kind, body, headers))

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


def _part(text: str) -> str:
    """A name as one part of a path."""
    return quote(text, safe="")
