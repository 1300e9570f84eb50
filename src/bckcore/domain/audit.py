"""Audit: who did what, from where, when and how it ended - as lines of which each names the one before.

The form of a line is defined here and nowhere else: JSON in ASCII, keys sorted, no blanks. The SHA-256 of
a line is what the next line holds as ``previous``.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from hashlib import sha256
from typing import Any

from bckcore.domain.json_text import parsed_json
from bckcore.errors import StorageError

FORMAT = 1
LONGEST_VALUE = 2_000
"""Characters of one value; longer ones end in an ellipsis."""
MOST_ABOUT = 40


class Origin(StrEnum):
    """By which door it came."""

    API = "api"
    CONSOLE = "console"
    """`bck` on the server; whoever runs it can also reach database and storage."""
    RUNNER = "runner"
    """A job that is carried out, on behalf of who asked for it."""
    SERVICE = "service"
    """What the server does by itself: schedules, nightly checks, its own start."""


class Outcome(StrEnum):
    """How it ended."""

    ASKED = "asked"
    """Entered before it is done; for a job, ``job-end`` says how it ended."""
    DONE = "done"
    PARTIAL = "partial"
    REFUSED = "refused"
    FAILED = "failed"
    CANCELLED = "cancelled"
    OFFLINE = "offline"
    """The PC was not there, so nothing was begun."""
    HELD_OFF = "held-off"
    """Its schedule allowed no start any more, so nothing was begun."""
    REPLAYED = "replayed"
    """It was done earlier; the database learned of it again from the storage's records."""


class Action(StrEnum):
    """What was done."""

    LOGIN = "login"
    LOGOUT = "logout"
    REFRESH = "refresh"
    """A session that was to go on and was refused."""
    USER_ADDED = "user-added"
    USER_CHANGED = "user-changed"
    USER_REMOVED = "user-removed"
    TOKEN_ADDED = "token-added"  # noqa: S105  # a name
    """A device may start or watch backups from now on."""
    TOKEN_REVOKED = "token-revoked"  # noqa: S105  # a name
    ENROLMENT_OPENED = "enrolment-opened"
    """Whoever has the token may hand over the host keys of that PC, once."""
    ENROLMENT_REVOKED = "enrolment-revoked"
    ENROL = "enrol"
    """A PC handed over its host keys, or tried to."""
    HOST_ADDED = "host-added"
    HOST_CHANGED = "host-changed"
    HOST_REMOVED = "host-removed"
    PROFILE_ADDED = "profile-added"
    PROFILE_CHANGED = "profile-changed"
    PROFILE_REMOVED = "profile-removed"
    KEY_STORED = "key-stored"
    """A secret was put into the vault, or replaced; which one, never what."""
    KEY_REMOVED = "key-removed"
    JOB_START = "job-start"
    JOB_CANCEL = "job-cancel"
    JOB_END = "job-end"
    HOLD = "hold"
    RELEASE = "release"
    PRUNE = "prune"
    FORGET = "forget"
    EXPORT = "export"
    DOWNLOAD = "download"
    SERVICE_START = "service-start"
    DATABASE_MOVED = "database-moved"
    """The installation left one database for another; entered into the new one."""
    CATALOG_REBUILT = "catalog-rebuilt"
    """What the database had of a profile was replaced by what the storage tells."""
    NODE_TAKEN_OVER = "node-taken-over"
    """Jobs and profiles of another storage node became this one's."""
    AUDIT_EXPORT = "audit-export"


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Who does something, and from where."""

    name: str
    """Of the account, or of the system user of `bck`; empty where nobody is signed in."""
    origin: Origin
    address: str = ""
    """Where the request came from; empty for this machine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deed:
    """What is to be entered; number and place in the chain come with the entry."""

    at: datetime
    actor: Actor
    action: Action
    outcome: Outcome
    about: tuple[tuple[str, str], ...] = ()
    """Names and values: which host, profile, job, point; never a secret."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """An entry by number and digest; the newest one stands for all before it."""

    number: int
    digest: str


START = Head(number=0, digest="")
"""What the very first entry follows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line of the log."""

    number: int
    """Counts from 1 without gaps."""
    deed: Deed
    previous: str
    """SHA-256 of the line before; empty for the first one ever."""

    @property
    def head(self) -> Head:
        """The entry by number and digest."""
        return Head(number=self.number, digest=digest(encoded(self)))


def chained(deed: Deed, after: Head) -> Entry:
    """The entry for the deed that follows ``after``."""
    return Entry(number=after.number + 1, deed=deed, previous=after.digest)


def followed(remembered: Head, lines: Iterable[tuple[int, bytes]]) -> tuple[Head, ...]:
    """The remembered entry and those after it, each of which names the one before; ``lines`` begin with it.

    Empty if the log holds another entry there, none, or one further on that does not follow: what the log
    has then is not what was remembered. No more lines are taken than that needs.
    """
    chain: list[Head] = []
    for number, line in lines:
        head = Head(number=number, digest=digest(line))
        if not (_names(line, number, chain[-1]) if chain else head == remembered):
            return ()
        chain.append(head)
    return tuple(chain)


def _names(line: bytes, number: int, before: Head) -> bool:
    try:
        entry = decoded(line)
    except StorageError:
        return False
    return entry.number == number == before.number + 1 and entry.previous == before.digest


def advanced(known: Head | None, chain: Sequence[Head]) -> Head | None:
    """What is to be remembered from now on instead of ``known``; None if that stays.

    ``chain`` is what :func:`followed` found: only an entry that follows the known one may take its place, so
    a log whose end was cut off or replaced can never make itself good.
    """
    if not chain or (known is not None and known not in chain[:-1]):
        return None
    return chain[-1]


def about(**values: object) -> tuple[tuple[str, str], ...]:
    """What an action is about, sorted by name; values that are empty are left out, long ones are cut."""
    texts = {name: shortened(str(value)) for name, value in values.items() if value not in (None, "", ())}
    return tuple(sorted(texts.items())[:MOST_ABOUT])


def shortened(text: str) -> str:
    """The text with no more characters than a line takes."""
    return text if len(text) <= LONGEST_VALUE else text[: LONGEST_VALUE - 1] + "…"


def encoded(entry: Entry) -> bytes:
    """The line, without line end; the same entry always gives the same bytes."""
    deed = entry.deed
    document = {
        "format": FORMAT,
        "number": entry.number,
        "at": deed.at.astimezone(UTC).isoformat(timespec="microseconds"),
        "who": deed.actor.name,
        "origin": deed.actor.origin.value,
        "address": deed.actor.address,
        "action": deed.action.value,
        "outcome": deed.outcome.value,
        "about": dict(deed.about),
        "previous": entry.previous,
    }
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode("ascii")


def decoded(line: bytes) -> Entry:
    """Read a line. Raises StorageError for one that :func:`encoded` cannot have written."""
    try:
        entry = _entry(parsed_json(line.decode("ascii")))
    except (ValueError, KeyError, TypeError, AttributeError) as exc:
        raise StorageError(f"A line of the audit log cannot be read ({type(exc).__name__}).") from exc
    if encoded(entry) != line:
        raise StorageError("A line of the audit log is not in the form in which it is written.")
    return entry


def _entry(document: Mapping[str, Any]) -> Entry:
    actor = Actor(name=document["who"], origin=Origin(document["origin"]), address=document["address"])
    deed = Deed(
        at=datetime.fromisoformat(document["at"]),
        actor=actor,
        action=Action(document["action"]),
        outcome=Outcome(document["outcome"]),
        about=tuple(sorted(document["about"].items())),
    )
    number, previous = document["number"], document["previous"]
    texts = (actor.name, actor.address, previous, *(value for pair in deed.about for value in pair))
    if type(number) is not int or number < 1 or not all(isinstance(text, str) for text in texts):
        raise ValueError("no entry")
    return Entry(number=number, deed=deed, previous=previous)


def digest(line: bytes) -> str:
    """What the next line holds as ``previous``."""
    return sha256(line).hexdigest()
