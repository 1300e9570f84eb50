"""Notices: what people are told of an event, folded where they would hear the same again. Pure."""

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum

from bckcore.domain.events import (
    Event,
    HostKeyRefused,
    HostUnreachable,
    ProfileRecovered,
    ProfileStale,
    RunFinished,
)
from bckcore.domain.run import Run, RunKind, RunOutcome
from bckcore.errors import ContentForgedError, HostKeyChangedError, SentTwiceError

LONGEST = 600
"""Characters of a text from outside that are passed on."""
_HIDDEN = frozenset({"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"})
"""Categories of characters that steer a terminal, turn text around or end a line."""
_CUT = " […]"
_STORE_FULL, _UNREACHABLE = "store-full", "host-unreachable"
_HOST_KEY = HostKeyChangedError.code
_HOSTILE = frozenset({ContentForgedError.code, SentTwiceError.code})
"""Errors of a run in which the host did what no honest one does."""


class NoticeKind(StrEnum):
    """What a notice is about, in the order in which people should read it."""

    HOST_KEY = "host-key"
    """A host shows another key than the pinned one; always told, whatever else is."""
    HOSTILE = "hostile"
    """A host did what no honest one does; always told, whatever else is."""
    STORAGE_FULL = "storage-full"
    """A run stopped because the backup storage is full."""
    STALE = "stale"
    """The newest good backup of a profile is older than its objective allows."""
    SUSPECT = "suspect"
    """Most files had vanished: a person must look."""
    FAILED = "failed"
    PARTIAL = "partial"
    """A run that could not read everything."""
    UNREACHABLE = "unreachable"
    """A host did not answer; a profile that suffers from it becomes stale in the end."""
    RECOVERED = "recovered"
    """A profile that was stale is good again."""
    SUCCEEDED = "succeeded"
    TEST = "test"
    """Asked for by a person who wants to see a message arrive."""


_ONCE = frozenset({NoticeKind.STALE, NoticeKind.RECOVERED, NoticeKind.TEST})
"""Told at a turn of things, not again and again; nothing quiet time would spare anybody."""
ALARMS = frozenset({NoticeKind.HOST_KEY, NoticeKind.HOSTILE})
"""Always told, whatever people have chosen."""
_OUTCOMES = {
    RunOutcome.SUCCEEDED: NoticeKind.SUCCEEDED,
    RunOutcome.SUSPECT: NoticeKind.SUSPECT,
    RunOutcome.FAILED: NoticeKind.FAILED,
}


def harmless(text: str, limit: int = LONGEST) -> str:
    """The text on one line: what steers, hides or ends a line is escaped, what is too long is cut.

    Done twice it is the same as done once.
    """
    shown = "".join(
        _escaped(char) if unicodedata.category(char) in _HIDDEN else char for char in text[:limit]
    )
    return f"{shown[: limit - len(_CUT)]}{_CUT}" if max(len(text), len(shown)) > limit else shown


def _escaped(char: str) -> str:
    number = ord(char)
    return (
        f"\\x{number:02x}"
        if number < 0x100
        else f"\\u{number:04x}"
        if number < 0x10000
        else f"\\U{number:08x}"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """One thing people are told. Whatever its texts are made from, they are harmless."""

    id: str
    """The same thing told again has the same id, also by another process."""
    kind: NoticeKind
    at: datetime
    host: str = ""
    profile: str = ""
    run: str = ""
    seq: int = 0
    """Number of the run in its profile."""
    code: str = ""
    error: str = ""
    """What the program said, in English."""
    problems: int = 0
    fresh_within: timedelta | None = None
    good_at: datetime | None = None
    offline_since: datetime | None = None
    told_at: datetime | None = None
    """When people were told before that the profile is stale."""

    def __post_init__(self) -> None:
        for name in ("host", "profile", "run", "code", "error"):
            object.__setattr__(self, name, harmless(getattr(self, name)))

    @property
    def key(self) -> str:
        """Notices with the same key tell people the same."""
        return "/".join((self.kind.value, self.host, self.profile, self.code))

    @property
    def ends(self) -> str:
        """The key of what is no longer so with this; it may be told anew afterwards."""
        turn = {NoticeKind.STALE: NoticeKind.RECOVERED, NoticeKind.RECOVERED: NoticeKind.STALE}
        return replace(self, kind=turn[self.kind]).key if self.kind in turn else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A notice that waits for its delivery, with all that were the same."""

    notice: Notice
    """The newest."""
    first_at: datetime
    count: int = 1

    def folded(self, notice: Notice) -> "Waiting":
        """With one more."""
        return replace(self, notice=notice, count=self.count + 1)

    def without(self, sent: "Waiting") -> "Waiting | None":
        """What came after those that were sent; None if nothing did."""
        left = self.count - sent.count
        return replace(self, count=left, first_at=sent.notice.at) if left > 0 else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What people were told last of one key."""

    id: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelState:
    """How deliveries by one channel went."""

    delivered: datetime | None = None
    """The newest delivery."""
    failures: int = 0
    """Since then, one after the other."""
    error: str = ""
    """Why the newest of them failed."""
    failed: datetime | None = None
    failing_since: datetime | None = None
    next_try: datetime | None = None
    given_up: int = 0
    """Notices that were never delivered, since the newest delivery."""
    told: Mapping[str, Told] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class TellingPlan:
    """Who is told what, and when."""

    kinds: frozenset[NoticeKind]
    language: str = "en"
    server: str = ""
    """What messages call this installation."""
    gather: timedelta = timedelta(minutes=1)
    """So long the first notice waits for others to come with it; no channel has two messages in it."""
    quiet: timedelta = timedelta(hours=1)
    """What was told is not told again within it, but counted."""
    give_up: timedelta = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Digest:
    """One message: all that is told at once, with words for it."""

    id: str
    """The same notices give the same id, so that a repeated delivery can be recognised."""
    server: str
    at: datetime
    items: Sequence[Waiting]
    subject: str
    """One harmless line."""
    text: str


def noticed(event: Event) -> Notice | None:
    """What there is to tell of an event; None if it is nothing for people."""
    match event:
        case RunFinished(run=run):
            return _of_run(run)
        case HostUnreachable(host=host, at=at, why=why):
            return Notice(
                id=f"unreachable/{host}/{at.isoformat()}",
                kind=NoticeKind.UNREACHABLE,
                at=at,
                host=host,
                code=_UNREACHABLE,
                error=why,
            )
        case ProfileStale():
            return _of_stale(event)
        case HostKeyRefused(host=host, at=at):
            where = f" It came from {event.address}." if event.address else ""
            return Notice(
                id=f"host-key/{host}/{at.isoformat()}",
                kind=NoticeKind.HOST_KEY,
                at=at,
                host=host,
                code="enrolment-refused",
                error=f"Pinned: {', '.join(event.pinned)}; shown: {', '.join(event.shown)}.{where}",
            )
        case ProfileRecovered(profile=profile, host=host, at=at, told_at=told_at):
            return Notice(
                id=f"recovered/{profile}/{told_at.isoformat()}",
                kind=NoticeKind.RECOVERED,
                at=at,
                host=host,
                profile=profile,
                told_at=told_at,
            )
    return None


def _of_stale(event: ProfileStale) -> Notice:
    good = event.good_at.isoformat() if event.good_at else "never"
    before = event.told_at.isoformat() if event.told_at else "first"
    return Notice(
        id=f"stale/{event.profile}/{good}/{before}",
        kind=NoticeKind.STALE,
        at=event.at,
        host=event.host,
        profile=event.profile,
        fresh_within=event.fresh_within,
        good_at=event.good_at,
        offline_since=event.offline_since,
        told_at=event.told_at,
    )


def _of_run(run: Run) -> Notice | None:
    """Of backups only: who undoes or accepts one sees for himself what comes of it."""
    kind = _kind_of(run)
    if kind is None or run.kind is not RunKind.BACKUP or run.error_code == _UNREACHABLE:
        return None  # a host that does not answer is an event of its own
    return Notice(
        id=f"run/{run.id}",
        kind=kind,
        at=run.finished or run.started,
        host=run.host,
        profile=run.profile,
        run=run.id,
        seq=run.seq,
        code=run.error_code,
        error=run.error,
        problems=run.problem_count,
    )


def _kind_of(run: Run) -> NoticeKind | None:
    if run.error_code == _HOST_KEY:
        return NoticeKind.HOST_KEY
    if run.error_code in _HOSTILE:
        return NoticeKind.HOSTILE
    if run.error_code == _STORE_FULL:
        return NoticeKind.STORAGE_FULL
    if run.outcome is RunOutcome.PARTIAL:
        return NoticeKind.PARTIAL if run.problem_count else None
    return _OUTCOMES.get(run.outcome) if run.outcome else None


def keeps_quiet(waiting: Waiting, told: Told | None, plan: TellingPlan, now: datetime) -> timedelta:
    """How long this must still wait because people were told the same a moment ago; zero if not at all."""
    if told is None or waiting.notice.kind in _ONCE or told.at > now:
        return timedelta()
    return max(timedelta(), told.at + plan.quiet - now)
