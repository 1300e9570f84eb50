"""FileOutbox: a folder per channel, a private file per kind of news that waits in it."""

import errno
import fcntl
import logging
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from urllib.parse import quote, unquote

from bck_adapters.notify.form import parsed_state, parsed_waiting, state_json, waiting_json
from bckcore.domain.notice import ChannelState, Notice, Told, Waiting
from bckcore.errors import StorageError

REMEMBERED = timedelta(days=30)
"""So long it is known what was told last of a key."""
LOCK_SECONDS = 5.0
"""Whoever has the lock needs it for milliseconds."""
_LOCK_POLL_SECONDS = 0.005
LARGEST = 64_000_000
"""Bytes of a file that are read at most; ours are far smaller."""
_STATE, _NEW, _LOCK, _DELIVERING = "state", ".new", ".lock", ".delivering"
_WAITING = ".notice"
_NAMELESS = "%"

_logger = logging.getLogger(__name__)


class FileOutbox:
    """Outbox in one folder (0700) with a folder per channel.

    A file is written beside, synced and renamed, under a lock that ends with its process: whatever dies,
    each is whole or not there. Files are few: what would tell people the same shares one.
    """

    def __init__(self, folder: Path) -> None:
        """Take the folder; it is made when something is first put."""
        self._folder = folder

    def put(self, channel: str, notice: Notice) -> bool:
        """See the port."""
        with self._locked(channel) as place:
            state, file = _state_in(place), place / _name(notice.key)
            known, found = state.told.get(notice.key), _waiting_in(file)
            newest = found.notice.id if found else known.id if known else ""
            if newest == notice.id:
                return False
            _forget(place, state, notice.ends)
            kept = found.folded(notice) if found else Waiting(notice=notice, first_at=notice.at)
            _write(file, waiting_json(kept))
        return True

    def forget(self, channel: str, key: str) -> None:
        """See the port."""
        with self._locked(channel) as place:
            _forget(place, _state_in(place), key)

    def waiting(self, channel: str) -> Sequence[Waiting]:
        """See the port."""
        if not self._place(channel).is_dir():
            return []
        with self._locked(channel) as place:
            found = [_waiting_in(file) for file in sorted(place.glob(f"*{_WAITING}"))]
        return sorted((one for one in found if one), key=lambda one: (one.first_at, one.notice.id))

    def delivered(self, channel: str, sent: Sequence[Waiting], at: datetime) -> None:
        """See the port."""
        with self._locked(channel) as place:
            # What was told is on disk before the files go: who dies in between tells again.
            state = _state_in(place)
            told = {key: one for key, one in state.told.items() if abs(at - one.at) < REMEMBERED}
            told.update({one.notice.key: Told(id=one.notice.id, at=at) for one in sent})
            _write(place / _STATE, state_json(ChannelState(delivered=at, told=told)))
            _take_away(place, sent)

    def failed(self, channel: str, error: str, at: datetime, next_try: datetime) -> None:
        """See the port."""
        with self._locked(channel) as place:
            state = _state_in(place)
            noted = replace(
                state,
                failures=state.failures + 1,
                error=error,
                failed=at,
                failing_since=state.failing_since or at,
                next_try=next_try,
            )
            _write(place / _STATE, state_json(noted))

    def give_up(self, channel: str, items: Sequence[Waiting]) -> None:
        """See the port."""
        with self._locked(channel) as place:
            state = _state_in(place)
            lost = state.given_up + sum(one.count for one in items)
            _write(place / _STATE, state_json(replace(state, given_up=lost)))
            _take_away(place, items)

    def state(self, channel: str) -> ChannelState:
        """See the port."""
        if not self._place(channel).is_dir():
            return ChannelState()
        with self._locked(channel) as place:
            return _state_in(place)

    def channels(self) -> Sequence[str]:
        """See the port."""
        with _ours(self._folder):
            if not self._folder.is_dir():
                return []
            return sorted(_channel_of(one) for one in self._folder.iterdir() if one.is_dir())

    @contextmanager
    def delivering(self, channel: str) -> Iterator[bool]:
        """See the port."""
        with _ours(self._folder):
            fd = _lock_file(self._made(channel) / _DELIVERING)
        try:
            yield _taken(fd)
        finally:
            os.close(fd)

    def _place(self, channel: str) -> Path:
        return self._folder / (quote(channel, safe="").replace(".", "%2E") or _NAMELESS)

    def _made(self, channel: str) -> Path:
        place = self._place(channel)
        for folder in (self._folder, place):
            with suppress(FileExistsError):
                folder.mkdir(mode=0o700)
                _sync_folder(folder.parent)
        return place

    @contextmanager
    def _locked(self, channel: str) -> Iterator[Path]:
        """The channel's folder, to oneself; what the system refuses becomes StorageError."""
        with _ours(self._folder):
            place = self._made(channel)
            fd = _lock_file(place / _LOCK)
            try:
                _wait_for(fd)
                yield place
            finally:
                os.close(fd)


@contextmanager
def _ours(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as exc:
        raise StorageError(
            f"The outbox {folder} cannot be used: {exc.strerror}.",
            meaning="Backups go on; what people should be told may not reach them.",
            advice="See that its disk has room and that the folder is this account's own.",
        ) from exc


def _channel_of(place: Path) -> str:
    return "" if place.name == _NAMELESS else unquote(place.name)


def _name(key: str) -> str:
    return sha256(key.encode("utf-8", "backslashreplace")).hexdigest()[:32] + _WAITING


def _lock_file(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)


def _wait_for(fd: int) -> None:
    """Take the lock. A process that was frozen while it had it must not freeze a run: raises TimeoutError."""
    deadline = time.monotonic() + LOCK_SECONDS
    while not _taken(fd):
        if time.monotonic() > deadline:
            raise TimeoutError(errno.ETIMEDOUT, "another process holds its lock")
        time.sleep(_LOCK_POLL_SECONDS)


def _taken(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _waiting_in(file: Path) -> Waiting | None:
    """What the file holds; None if it is not there, or no longer readable and set aside."""
    content = _read(file)
    if content is None:
        return None
    try:
        return parsed_waiting(content)
    except (ValueError, KeyError, TypeError) as exc:
        _set_aside(file, exc)
        return None


def _state_in(place: Path) -> ChannelState:
    content = _read(place / _STATE)
    if content is None:
        return ChannelState()
    try:
        return parsed_state(content)
    except (ValueError, KeyError, TypeError) as exc:
        _set_aside(place / _STATE, exc)
        return ChannelState()


def _forget(place: Path, state: ChannelState, key: str) -> None:
    if key in state.told:
        told = {other: one for other, one in state.told.items() if other != key}
        _write(place / _STATE, state_json(replace(state, told=told)))


def _set_aside(file: Path, why: Exception) -> None:
    aside = file.with_name(f"{file.name}.damaged")
    os.replace(file, aside)
    _logger.error("%s is damaged (%s: %s) and set aside as %s", file, type(why).__name__, why, aside.name)


def _read(file: Path) -> bytes | None:
    try:
        fd = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    with os.fdopen(fd, "rb") as opened:
        return opened.read(LARGEST)


def _take_away(place: Path, items: Sequence[Waiting]) -> None:
    for one in items:
        file = place / _name(one.notice.key)
        found = _waiting_in(file)
        left = found.without(one) if found else None
        if left is not None:
            _write(file, waiting_json(left))
        elif found is not None:
            file.unlink()
    _sync_folder(place)


def _write(file: Path, content: bytes) -> None:
    """Whole or not at all, and durable. Only the holder of the lock writes, so one name for all will do."""
    new = file.with_name(_NEW)
    fd = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with os.fdopen(fd, "wb") as opened:
        opened.write(content)
        opened.flush()
        os.fsync(opened.fileno())
    os.replace(new, file)
    _sync_folder(file.parent)


def _sync_folder(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
