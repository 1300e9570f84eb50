"""What the server sends, as frozen values; unknown fields are ignored so that servers may grow."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from bck_apps.gui.problems import BadAnswerError

FINAL_STATUSES = frozenset({"succeeded", "partial", "suspect", "failed", "cancelled", "offline", "held-off"})
T = TypeVar("T")


class Message(BaseModel):
    """Base of everything that is read from the server."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Session(Message):
    """Who is signed in. The tokens are kept by the API client alone."""

    name: str
    role: str

    @property
    def may_configure(self) -> bool:
        """True if the server lets this person change profiles; the server checks again."""
        return self.role == "admin"

    @property
    def may_back_up(self) -> bool:
        """True if the server lets this person start and stop backups."""
        return self.role in ("admin", "operator", "owner")


class Tokens(Message):
    """What the server gives to who signs in, or goes on."""

    access_token: str = Field(repr=False)
    expires_at: datetime
    refresh_token: str = Field(repr=False)
    refresh_expires_at: datetime
    name: str
    role: str

    @property
    def session(self) -> Session:
        """Without the secrets."""
        return Session(name=self.name, role=self.role)


class Host(Message):
    """A computer that is backed up."""

    name: str
    user: str = ""
    login: str = ""
    has_password: bool = False
    awaits_enrolment: bool = False
    enrolment_open_until: datetime | None = None

    @property
    def needs_password(self) -> bool:
        """True if a password lets the server in and the server does not keep it: each start brings it."""
        return self.login == "password" and not self.has_password


class Source(Message):
    """One folder of a profile. The server names a new one."""

    name: str | None = None
    path: str


class Profile(Message):
    """A plan as the server holds it."""

    name: str
    host: str
    sources: tuple[Source, ...]
    excludes: tuple[str, ...] = ()
    keep_last: int | None = None
    keep_within: str | None = None
    compress: bool = False
    bandwidth_limit: int | None = None
    enabled: bool = True


class Point(Message):
    """A restore point."""

    point: str
    seq: int
    outcome: str
    counted: bool
    weight: str
    started: datetime
    finished: datetime
    verified_at: datetime
    files: int
    bytes: int
    added: int
    changed: int
    gone: int


class FileProblem(Message):
    """A path that a run could not read or store, with the server's words for cause and advice."""

    path: str
    message: str = ""
    reason: str
    cause: str
    advice: str


class RunProblems(Message):
    """The problems of a run: the first ones, and how many there were."""

    items: tuple[FileProblem, ...]
    total: int


class Progress(Message):
    """How far a job is; None is honestly unknown."""

    phase: str = ""
    source: str = ""
    source_number: int = 0
    source_count: int = 0
    files_seen: int = 0
    files_total: int | None = None
    files_done: int = 0
    bytes_done: int = 0
    bytes_per_second: int | None = None
    percent: int | None = None
    eta_seconds: int | None = None
    estimated: bool = False
    current_file: str = ""


class JobError(Message):
    """Why a job did not end well, in the server's words."""

    code: str
    what: str = ""
    meaning: str = ""
    advice: str = ""

    @property
    def text(self) -> str:
        """All of it, in one paragraph."""
        return " ".join(part for part in (self.what, self.meaning, self.advice) if part)


class Job(Message):
    """A job as the server reports it."""

    job_id: str
    kind: str
    profile: str
    host: str = ""
    status: str
    requested_by: str = ""
    created: datetime
    started: datetime | None = None
    finished: datetime | None = None
    cancel_requested: bool = False
    progress: Progress = Progress()
    result: Mapping[str, object] | None = None
    error: JobError | None = None

    @property
    def final(self) -> bool:
        """True when nothing more will happen to it."""
        return self.status in FINAL_STATUSES

    @property
    def error_code(self) -> str:
        """Empty when nothing went wrong."""
        return self.error.code if self.error else ""

    @property
    def error_text(self) -> str:
        """The server's own words; empty when nothing went wrong."""
        return self.error.text if self.error else ""


class LogLine(Message):
    """One line of a job's log."""

    number: int
    at: datetime
    level: str
    text: str


class Started(Message):
    """The answer to a start: the job, and whether it is a new one."""

    created: bool
    password_dropped: bool = False
    """A password was sent, and the job that answers does not use it."""
    job: Job


class Page(Message, Generic[T]):
    """One page of a list."""

    items: tuple[T, ...]
    next: str | None = None


def parsed(kind: type[T], body: bytes | str) -> T:
    """The JSON ``body`` as a value of ``kind``. Raises BadAnswerError if it is none."""
    try:
        return TypeAdapter(kind).validate_json(body)
    except ValidationError as exc:
        first = exc.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"])) or "answer"
        raise BadAnswerError("bad-answer", detail=f"{place}: {first['msg']}") from exc
