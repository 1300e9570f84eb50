"""The client's server in memory: answers when the test says so, and can be made to fail."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from bck_apps.gui.api import Api, Follower
from bck_apps.gui.messages import (
    FileProblem,
    Host,
    Job,
    LogLine,
    Point,
    Profile,
    Progress,
    RunProblems,
    Session,
    Source,
    Started,
    Tokens,
)
from bck_apps.gui.pending import Pending
from bck_apps.gui.problems import (
    ClientError,
    SecondFactorNeededError,
    SessionEndedError,
    SignInError,
    problem_from,
)

T = TypeVar("T")
NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
PASSWORD = "correct horse battery"
CODE = "123456"


def tokens(number: int = 1, at: datetime = NOON, minutes: float = 60) -> Tokens:
    """The pair of that number, as the server gives it at a time."""
    return Tokens(
        access_token=f"access-{number}",
        expires_at=at + timedelta(minutes=minutes),
        refresh_token=f"refresh-{number}",
        refresh_expires_at=at + timedelta(days=30),
        name="anna",
        role="admin",
    )


def too_many(seconds: int) -> ClientError:
    """As the server says it."""
    body = b'{"type": "urn:bck:too-many-attempts", "detail": "Too many.", "advice": "Wait."}'
    return problem_from(429, body, str(seconds).encode())


def profile(name: str = "docs", *folders: str, **fields: object) -> Profile:
    """A profile of pc1 with these folders, by default one."""
    paths = folders or ("/home/anna/Documents",)
    sources = tuple(Source(name=path.rpartition("/")[2].lower(), path=path) for path in paths)
    return Profile(name=name, host="pc1", sources=sources).model_copy(update=fields)


def host(**fields: object) -> Host:
    """pc1, which lets the server in with a key."""
    return Host.model_validate({"name": "pc1", "user": "backupsvc", "login": "key"} | fields)


def point(seq: int, at: datetime, **fields: object) -> Point:
    """A restore point made, and last confirmed, at a time."""
    values: dict[str, object] = {
        "point": f"run-{seq}",
        "seq": seq,
        "outcome": "succeeded",
        "counted": True,
        "weight": "counted",
        "started": at,
        "finished": at,
        "verified_at": at,
        "files": 1200,
        "bytes": 3_400_000_000,
        "added": 12,
        "changed": 3,
        "gone": 1,
    }
    return Point.model_validate(values | fields)


def job(job_id: str, status: str = "running", at: datetime = NOON, **fields: object) -> Job:
    """A backup job of profile docs."""
    values: dict[str, object] = {"kind": "backup", "profile": "docs", "host": "pc1", "created": at}
    return Job.model_validate(values | fields | {"job_id": job_id, "status": status})


def done(job_id: str = "j1", status: str = "succeeded", at: datetime = NOON, **fields: object) -> Job:
    """A job that is over, with a result as the server gives it."""
    result = {
        "made_point": True,
        "counts": {"files": 1200, "bytes": 3_400_000_000, "added": 12, "changed": 3, "gone": 1},
        "problems": 0,
    }
    return job(job_id, status, at, **{"result": result, **fields})


def file_problem(path: str, reason: str = "no-permission", message: str = "") -> FileProblem:
    """A problem of a path as the server tells it."""
    cause, advice = f"The cause of {reason}.", f"The advice for {reason}."
    return FileProblem(path=path, reason=reason, cause=cause, advice=advice, message=message)


def line(number: int, text: str = "") -> LogLine:
    """A log line."""
    return LogLine(number=number, at=NOON, level="info", text=text or f"line {number}")


class MemoryStream:
    """A followed job; the test plays the server by calling the follower."""

    def __init__(self, job_id: str, follower: Follower, after: int) -> None:
        self.job_id = job_id
        self.follower = follower
        self.after = after
        self.closed = False

    def close(self) -> None:
        self.closed = True


@dataclass
class MemoryApi:
    """Keeps the Api protocol; ``fail`` maps a method's name to the error it answers with."""

    held: list[Profile] = field(default_factory=lambda: [profile()])
    kept_points: dict[str, list[Point]] = field(default_factory=dict)
    kept_jobs: list[Job] = field(default_factory=list)
    fail: dict[str, ClientError] = field(default_factory=dict)
    role: str = "admin"
    kept_hosts: list[Host] = field(default_factory=lambda: [host()])
    passwords: list[str] = field(default_factory=list, repr=False)
    """Of computers, as they came with each start."""
    answering: Job | None = None
    """An unfinished job that answers for every start."""
    keys: list[tuple[str, str]] = field(default_factory=list)
    saved: list[Profile] = field(default_factory=list)
    cancelled: list[str] = field(default_factory=list)
    streams: list[MemoryStream] = field(default_factory=list)
    kept_problems: dict[str, list[FileProblem]] = field(default_factory=dict)
    more_problems: int = 0
    """How many there were beside those that are listed."""
    asked_problems: list[str] = field(default_factory=list)
    hold: bool = False
    waiting: list[Callable[[], None]] = field(default_factory=list)
    signed_in_as: str = ""
    second_factor: bool = False
    """The account asks for a code, and CODE is the right one."""
    over: Callable[[SessionEndedError], None] = lambda _: None
    offered: list[tuple[str, str]] = field(default_factory=list, repr=False)
    """Passwords and codes that came."""

    def _answer(self, method: str, make: Callable[[], T]) -> Pending[T]:
        pending: Pending[T] = Pending()

        def settle() -> None:
            try:
                if method in self.fail:
                    raise self.fail[method]
                pending.resolve(make())
            except ClientError as error:
                pending.reject(error)

        if self.hold:
            self.waiting.append(settle)
        else:
            settle()
        return pending

    def release(self) -> None:
        """Answer what is held back."""
        self.hold = False
        waiting, self.waiting = self.waiting, []
        for settle in waiting:
            settle()

    def sign_in(self, name: str, password: str, code: str = "") -> Pending[Session]:
        self.offered.append((password, code))

        def session() -> Session:
            self._let_in(password, code)
            self.signed_in_as = name
            return self.session(name)

        return self._answer("sign_in", session)

    def _let_in(self, password: str, code: str) -> None:
        if password != PASSWORD:
            raise SignInError("access-denied", what="The name or the password is wrong.")
        if self.second_factor and not code:
            raise SecondFactorNeededError("second-factor-needed", what="This account has a second factor.")
        if self.second_factor and code != CODE:
            raise SignInError("access-denied", what="The code is wrong, or was used before.")

    def session(self, name: str = "anna") -> Session:
        return Session(name=name, role=self.role)

    def when_over(self, listener: Callable[[SessionEndedError], None]) -> None:
        self.over = listener

    def end_session(self, why: str) -> None:
        """The server does not let the session go on."""
        error = SessionEndedError("session-ended")
        error.why = why
        self.over(error)

    def sign_out(self) -> Pending[None]:
        self.signed_in_as = ""
        return self._answer("sign_out", lambda: None)

    def profiles(self) -> Pending[tuple[Profile, ...]]:
        return self._answer("profiles", lambda: tuple(self.held))

    def hosts(self) -> Pending[tuple[Host, ...]]:
        return self._answer("hosts", lambda: tuple(self.kept_hosts))

    def save_profile(self, profile: Profile) -> Pending[Profile]:
        def save() -> Profile:
            self.saved.append(profile)
            named = tuple(
                source if source.name else Source(name=f"s{number}", path=source.path)
                for number, source in enumerate(profile.sources)
            )
            kept = profile.model_copy(update={"sources": named})
            self.held = [kept if old.name == kept.name else old for old in self.held]
            return kept

        return self._answer("save_profile", save)

    def points(self, profile: str) -> Pending[tuple[Point, ...]]:
        return self._answer("points", lambda: tuple(self.kept_points.get(profile, ())))

    def jobs(self, limit: int = 100) -> Pending[tuple[Job, ...]]:
        return self._answer("jobs", lambda: tuple(self.kept_jobs[:limit]))

    def problems(self, run_id: str) -> Pending[RunProblems]:
        self.asked_problems.append(run_id)
        found = self.kept_problems.get(run_id, ())
        return self._answer(
            "problems", lambda: RunProblems(items=tuple(found), total=self.more_problems + len(found))
        )

    def start_backup(self, profile: str, key: str, password: str = "") -> Pending[Started]:
        self.keys.append((profile, key))
        self.passwords.append(password)

        def start() -> Started:
            if self.answering is not None:
                return Started(created=False, password_dropped=bool(password), job=self.answering)
            new = job(f"job-{key}", "queued", profile=profile)
            self.kept_jobs.insert(0, new)
            return Started(created=True, job=new)

        return self._answer("start_backup", start)

    def cancel(self, job_id: str) -> Pending[Job]:
        self.cancelled.append(job_id)
        return self._answer("cancel", lambda: job(job_id, cancel_requested=True))

    def log(self, job_id: str, after: int) -> Pending[tuple[LogLine, ...]]:
        return self._answer("log", tuple)

    def follow(self, job_id: str, follower: Follower, *, after: int = 0) -> MemoryStream:
        stream = MemoryStream(job_id, follower, after)
        self.streams.append(stream)
        return stream

    @property
    def stream(self) -> MemoryStream:
        """The latest followed job."""
        return self.streams[-1]

    def finish(self, last: Job) -> None:
        """The followed job ends like this."""
        self.kept_jobs = [last, *(old for old in self.kept_jobs if old.job_id != last.job_id)]
        self.stream.follower.on_end(last)


class Door:
    """A connector that gives the server in memory, or an error."""

    def __init__(self, api: MemoryApi, error: ClientError | None = None) -> None:
        self.api = api
        self.error = error
        self.asked: list[tuple[str, str, str]] = []

    def __call__(self, endpoint: str, ca_file: str, ca_sha256: str) -> Pending[Api]:
        self.asked.append((endpoint, ca_file, ca_sha256))
        pending: Pending[Api] = Pending()
        if self.error:
            pending.reject(self.error)
        else:
            pending.resolve(self.api)
        return pending


def running(**progress: object) -> tuple[Job, Progress]:
    """A running job and how far it is."""
    return job("j1", "running", started=NOON), Progress.model_validate(
        {"phase": "transferring", "source": "documents"} | progress
    )
