"""An outbox and a channel in memory."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from threading import Lock, RLock

from bckcore.domain.notice import ChannelState, Digest, Notice, Told, Waiting
from bckcore.errors import DeliveryFailedError


class MemoryOutbox:
    """Outbox that forgets everything with the process."""

    def __init__(self) -> None:
        self._lock = RLock()
        self._waiting: dict[str, dict[str, Waiting]] = {}
        self._states: dict[str, ChannelState] = {}
        self._busy: set[str] = set()

    def put(self, channel: str, notice: Notice) -> bool:
        """See the port."""
        with self._lock:
            state, box = self.state(channel), self._waiting.setdefault(channel, {})
            known, found = state.told.get(notice.key), box.get(notice.key)
            newest = found.notice.id if found else known.id if known else ""
            if newest == notice.id:
                return False
            self.forget(channel, notice.ends)
            box[notice.key] = found.folded(notice) if found else Waiting(notice=notice, first_at=notice.at)
            return True

    def forget(self, channel: str, key: str) -> None:
        """See the port."""
        with self._lock:
            state = self.state(channel)
            told = {other: one for other, one in state.told.items() if other != key}
            self._states[channel] = replace(state, told=told)

    def waiting(self, channel: str) -> Sequence[Waiting]:
        """See the port."""
        with self._lock:
            found = self._waiting.get(channel, {}).values()
            return sorted(found, key=lambda one: (one.first_at, one.notice.id))

    def delivered(self, channel: str, sent: Sequence[Waiting], at: datetime) -> None:
        """See the port."""
        with self._lock:
            told = {one.notice.key: Told(id=one.notice.id, at=at) for one in sent}
            self._states[channel] = ChannelState(delivered=at, told={**self.state(channel).told, **told})
            self._take_away(channel, sent)

    def failed(self, channel: str, error: str, at: datetime, next_try: datetime) -> None:
        """See the port."""
        with self._lock:
            state = self.state(channel)
            self._states[channel] = replace(
                state,
                failures=state.failures + 1,
                error=error,
                failed=at,
                failing_since=state.failing_since or at,
                next_try=next_try,
            )

    def give_up(self, channel: str, items: Sequence[Waiting]) -> None:
        """See the port."""
        with self._lock:
            state = self.state(channel)
            lost = state.given_up + sum(one.count for one in items)
            self._states[channel] = replace(state, given_up=lost)
            self._take_away(channel, items)

    def state(self, channel: str) -> ChannelState:
        """See the port."""
        with self._lock:
            return self._states.get(channel, ChannelState())

    def channels(self) -> Sequence[str]:
        """See the port."""
        with self._lock:
            return sorted({*self._waiting, *self._states})

    @contextmanager
    def delivering(self, channel: str) -> Iterator[bool]:
        """See the port."""
        with self._lock:
            mine = channel not in self._busy
            self._busy.add(channel)
        try:
            yield mine
        finally:
            with self._lock:
                if mine:
                    self._busy.discard(channel)

    def _take_away(self, channel: str, items: Sequence[Waiting]) -> None:
        box = self._waiting.get(channel, {})
        for one in items:
            found = box.pop(one.notice.key, None)
            left = found.without(one) if found else None
            if left is not None:
                box[one.notice.key] = left


class RecordingChannel:
    """Channel that keeps what it took. While ``broken`` holds a text it takes nothing."""

    def __init__(self) -> None:
        self.digests: list[Digest] = []
        self.tries = 0
        self.broken = ""
        self._lock = Lock()

    def deliver(self, digest: Digest) -> None:
        """See the port."""
        with self._lock:
            self.tries += 1
            if self.broken:
                raise DeliveryFailedError(self.broken)
            self.digests.append(digest)
