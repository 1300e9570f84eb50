"""Notices: what happened becomes messages to people, each delivered at least once or given up with a word."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Lock

from bckcore.domain.events import Event
from bckcore.domain.notice import (
    ChannelState,
    Notice,
    NoticeKind,
    TellingPlan,
    Waiting,
    keeps_quiet,
    noticed,
)
from bckcore.domain.notice_text import digest_of
from bckcore.errors import BckError, DeliveryFailedError, NotFoundError
from bckcore.ports.clock import Clock
from bckcore.ports.notifier import Channel
from bckcore.ports.outbox import Outbox

FIRST_RETRY = timedelta(minutes=1)
LONGEST_RETRY = timedelta(hours=1)
MOST_AT_ONCE = 1000
"""Notices in one message; the next ones come in the next."""
MOST_UNWRITTEN = 1000
LEAST_TRIES = 8
"""Nothing is given up before; so a server that was off for days tries first."""
_NOTHING = timedelta()
_UNWRITTEN = ""
"""Instead of a channel: what the outbox would not take."""

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelReport:
    """One channel: what waits for it, and how deliveries went."""

    channel: str
    waiting: Sequence[Waiting]
    state: ChannelState


class NoticeService:
    """Keeps what is to be told, and delivers it. Thread-safe."""

    def __init__(
        self, *, outbox: Outbox, channels: Mapping[str, Channel], plan: TellingPlan, clock: Clock
    ) -> None:
        self._outbox = outbox
        self._channels = channels
        self._plan = plan
        self._clock = clock
        self._lock = Lock()
        self._unwritten: list[tuple[str, Notice]] = []
        self._rests: dict[str, datetime] = {}
        """Until when an outbox is left alone that could not be used; without it a full disk, on which no
        delivery can be noted, would let the same message go out with each look. Empty for all."""

    @property
    def channels(self) -> Sequence[str]:
        """Channels that are in use."""
        return sorted(self._channels)

    def note(self, event: Event) -> None:
        """Keep what is to be told of the event, durably; quick. Never raises.

        Where the disk refuses, it is kept in memory, said so in the log, and written later.
        """
        try:
            notice = noticed(event)
            if notice is None:
                return
            for channel in self.channels:
                if notice.kind in self._plan.kinds:
                    self._keep(channel, notice)
                elif notice.ends:
                    self._outbox.forget(channel, notice.ends)
        except Exception:  # no run fails because nobody can be told of it
            _logger.exception("%s is not told", type(event).__name__)

    def deliver(self, *, at_once: bool = False) -> float:
        """Deliver what is due on every channel; after so many seconds it is worth to look again.

        Each channel gets one message about all that is due. ``at_once`` waits neither for more to come nor
        for the time of the next try. Never raises: what fails is noted, logged and tried again later.
        """
        if not self._resting(_UNWRITTEN):
            self._write_unwritten()
        waits = [self._deliver_or_log(name, at_once=at_once) for name in self.channels]
        self._clear_abandoned()
        return min((wait.total_seconds() for wait in waits), default=LONGEST_RETRY.total_seconds())

    def test(self, channel: str) -> None:
        """Send a test message now, past the outbox. Raises NotFoundError, DeliveryFailedError.

        When it arrives, what waits there is tried without further delay.
        """
        if channel not in self._channels:
            raise NotFoundError(
                f"No channel {channel} is in use.",
                meaning="Nobody is told anything by it.",
                advice=f"In use: {', '.join(self.channels) or 'none'}. See the sections [mail], [webhook].",
            )
        now = self._clock.now()
        notice = Notice(id=f"test/{now.isoformat()}", kind=NoticeKind.TEST, at=now)
        self._send(channel, [Waiting(notice=notice, first_at=now)], now)
        self._outbox.delivered(channel, (), now)

    def report(self) -> Sequence[ChannelReport]:
        """Every channel in use, and others for which something waits still. Raises StorageError."""
        found = [self._report(name) for name in sorted({*self._channels, *self._outbox.channels()})]
        return [one for one in found if one.channel in self._channels or one.waiting]

    def _report(self, channel: str) -> ChannelReport:
        waiting, state = self._outbox.waiting(channel), self._outbox.state(channel)
        return ChannelReport(channel=channel, waiting=waiting, state=state)

    def _keep(self, channel: str, notice: Notice) -> None:
        try:
            self._outbox.put(channel, notice)
        except BckError as error:
            with self._lock:
                full = len(self._unwritten) >= MOST_UNWRITTEN
                if not full:
                    self._unwritten.append((channel, notice))
            kept = "It is lost" if full else "It is kept in memory, and lost if this process ends"
            _logger.warning("%s of %s cannot be written: %s %s.", notice.kind, notice.profile, error, kept)

    def _write_unwritten(self) -> None:
        with self._lock:
            unwritten, self._unwritten = self._unwritten, []
        while unwritten:
            channel, notice = unwritten[0]
            try:
                self._outbox.put(channel, notice)
            except BckError as error:
                _logger.warning("%d notices still cannot be written: %s", len(unwritten), error)
                self._rest(_UNWRITTEN)
                break
            del unwritten[0]
        with self._lock:
            self._unwritten = [*unwritten, *self._unwritten]

    def _rest(self, what: str) -> None:
        self._rests[what] = self._clock.now() + FIRST_RETRY

    def _resting(self, what: str) -> timedelta:
        """How long still; a moment further ahead than that was noted by a clock that was wrong."""
        left = self._rests[what] - self._clock.now() if what in self._rests else _NOTHING
        return left if _NOTHING < left <= FIRST_RETRY else _NOTHING

    def _deliver_or_log(self, channel: str, *, at_once: bool) -> timedelta:
        if not at_once and (left := self._resting(channel)):
            return left
        try:
            with self._outbox.delivering(channel) as mine:
                return self._deliver(channel, at_once=at_once) if mine else FIRST_RETRY
        except BckError as error:
            _logger.warning("what waits for %s cannot be delivered now: %s", channel, error)
            self._rest(channel)
            return FIRST_RETRY

    def _deliver(self, channel: str, *, at_once: bool) -> timedelta:
        """Deliver what is due; how long until something else is."""
        now, state = self._clock.now(), self._outbox.state(channel)
        if not at_once and (wait := _until_next_try(state, now)):
            return wait
        waiting = self._outbox.waiting(channel)
        quiet = {
            one.notice.key: keeps_quiet(one, state.told.get(one.notice.key), self._plan, now)
            for one in waiting
        }
        ready = [one for one in waiting if not quiet[one.notice.key]][:MOST_AT_ONCE]
        if not ready:
            return min(quiet.values(), default=LONGEST_RETRY)
        if not at_once and (wait := self._wait(ready, state, now)):
            return wait
        try:
            self._send(channel, ready, now)
        except DeliveryFailedError as error:
            return self._failed(channel, error, now)
        self._outbox.delivered(channel, ready, self._clock.now())
        return _NOTHING if len(waiting) > len(ready) else LONGEST_RETRY

    def _wait(self, ready: Sequence[Waiting], state: ChannelState, now: datetime) -> timedelta:
        """How long to wait for others to come with it; zero if not at all."""
        if state.failures:
            return _NOTHING
        since = now - min(one.first_at for one in ready)
        return self._plan.gather - since if _NOTHING <= since < self._plan.gather else _NOTHING

    def _send(self, channel: str, items: Sequence[Waiting], now: datetime) -> None:
        try:
            self._channels[channel].deliver(digest_of(items, self._plan, now))
        except DeliveryFailedError:
            raise
        except BckError as error:
            raise DeliveryFailedError(f"The channel {channel} failed: {error}") from error
        except Exception as error:  # noqa: BLE001  # whatever a channel does, its message waits
            # Only the channel knows what in its text is secret.
            raise DeliveryFailedError(f"The channel {channel} raised {type(error).__name__}.") from None

    def _failed(self, channel: str, error: DeliveryFailedError, now: datetime) -> timedelta:
        failures = self._outbox.state(channel).failures
        wait = min(LONGEST_RETRY, FIRST_RETRY * (1 << min(failures, 10)))
        self._outbox.failed(channel, error.what, now, now + wait)
        _logger.warning("%s did not deliver, next try in %d s: %s", channel, wait.total_seconds(), error.what)
        self._give_up(channel, self._outbox.state(channel), now)
        return wait

    def _give_up(self, channel: str, state: ChannelState, now: datetime) -> None:
        """Give up what is too old on a channel that fails as long, and was tried as often as that takes."""
        since = state.failing_since
        if since is None or state.failures < LEAST_TRIES or now - since < self._plan.give_up:
            return
        self._drop(channel, [one for one in self._outbox.waiting(channel) if self._old(one, now)])

    def _old(self, one: Waiting, now: datetime) -> bool:
        return now - one.first_at >= self._plan.give_up

    def _drop(self, channel: str, old: Sequence[Waiting]) -> None:
        if not old:
            return
        self._outbox.give_up(channel, old)
        for one in old:
            _logger.error(
                "given up: by %s nobody was told, %d times: %s. %s",
                channel,
                one.count,
                one.notice.key,
                one.notice.error,
            )

    def _clear_abandoned(self) -> None:
        """What waits for a channel that is no longer in use is given up, too, when its time is over."""
        now = self._clock.now()
        try:
            for channel in set(self._outbox.channels()) - set(self._channels):
                self._drop(channel, [one for one in self._outbox.waiting(channel) if self._old(one, now)])
        except BckError as error:
            _logger.warning("the outbox cannot be cleared: %s", error)


def _until_next_try(state: ChannelState, now: datetime) -> timedelta:
    """How long; a moment further ahead than any wait is long was written by a clock that was wrong."""
    if state.next_try is not None and now < state.next_try <= now + LONGEST_RETRY:
        return state.next_try - now
    return _NOTHING
