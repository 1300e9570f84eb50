"""Schedule: when a profile is due, and when it may start. All texts are those that people wrote."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo
from functools import lru_cache
from hashlib import sha256

from bckcore.domain.cron import parsed_cron
from bckcore.domain.duration import duration_text
from bckcore.domain.hours import Hours, parsed_hours
from bckcore.domain.ids import HostId
from bckcore.errors import InvalidInputError

LONGEST_JITTER = timedelta(hours=12)
_MOST_LINES = 50
CONDITIONS = ("only_on_mains", "only_unmetered", "only_idle")


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """Due by an interval since the last start, or by cron; what was missed is caught up once.

    Times of the clock are those of the profile's time zone, which the caller gives.
    """

    every: timedelta | None = None
    cron: str = ""
    windows: tuple[str, ...] = ()
    """Times of the week in which it may start; none: always."""
    blackouts: tuple[str, ...] = ()
    """Times in which it must not; they win over windows."""
    jitter: timedelta = timedelta(0)
    """A host starts up to so much later, each day by an amount of its own; see :meth:`start_for`."""
    only_on_mains: bool = False
    only_unmetered: bool = False
    only_idle: bool = False
    """Asked of the host's newest sign of life, if there is one."""

    def __post_init__(self) -> None:
        if (self.every is None) == (not self.cron):
            raise InvalidInputError("A schedule has an interval or a line of cron, and not both.")
        if self.every is not None and self.every < timedelta(minutes=1):
            raise InvalidInputError("A schedule runs at most once a minute.")
        if self.every is not None and self.every > timedelta(days=3660):
            raise InvalidInputError("A schedule runs at least once in ten years.")
        if self.cron:
            parsed_cron(self.cron)
        if not timedelta(0) <= self.jitter <= LONGEST_JITTER:
            raise InvalidInputError("Starts are spread over 12 hours at most.", advice="For example 30m.")
        if len(self.windows) + len(self.blackouts) > _MOST_LINES:
            raise InvalidInputError(f"A schedule has at most {_MOST_LINES} windows and blackouts.")
        if not any(self.open.minutes):
            raise InvalidInputError(
                "The blackouts leave no minute of the week in which a backup may start.",
                advice="Make the windows longer, or the blackouts shorter.",
            )

    @property
    def open(self) -> Hours:
        """When a start is allowed."""
        return _open(self.windows, self.blackouts)

    def due_after(self, answered: datetime, zone: tzinfo) -> datetime:
        """The first moment after ``answered``, the newest start that counts, at which it is due."""
        if self.every is not None:
            return answered + self.every
        return parsed_cron(self.cron).next_after(answered, zone)

    def start_for(
        self, due: datetime, host: HostId, zone: tzinfo, now: datetime
    ) -> tuple[datetime, timedelta]:
        """When that host starts for what is due then, in UTC, and how much of that spreads the load.

        That is the first moment from then on at which a start is allowed, and later by the host's share of
        the jitter, within three quarters of what is left until no start is allowed any more: so no night is
        lost by it, and who then waits for a place has time left. Where that time has closed before ``now``,
        the one that holds ``now``, or the next one, takes its place, so what an outage put off is spread,
        too.
        """
        start, spread, closing = _start_for(self, due, host, zone)
        if closing is None or now < closing:
            return start, spread
        begin = self.open.began(now, zone) or self.open.next_in(now, zone)
        return (start, spread) if begin is None else _start_for(self, begin, host, zone)[:2]

    def delay(self, host: HostId, day: date, within: timedelta = LONGEST_JITTER) -> timedelta:
        """How much later that host starts on that day: the same whoever computes it, when."""
        seconds = int(min(self.jitter, within).total_seconds())
        if not seconds:
            return timedelta(0)
        chance = sha256(f"{host} {day.isoformat()}".encode()).digest()
        return timedelta(seconds=int.from_bytes(chance[:8], "big") % (seconds + 1))

    @property
    def text(self) -> str:
        """The rule in a few words."""
        rule = f"every {duration_text(self.every)}" if self.every is not None else f"cron {self.cron}"
        parts = [rule, *self.windows, *(f"not {one}" for one in self.blackouts)]
        if self.jitter:
            parts.append(f"spread over {duration_text(self.jitter)}")
        wanted = {"on mains": self.only_on_mains, "unmetered": self.only_unmetered, "idle": self.only_idle}
        return ", ".join([*parts, *(f"only {name}" for name, only in wanted.items() if only)])


@lru_cache(maxsize=4096)
def _start_for(
    schedule: Schedule, due: datetime, host: HostId, zone: tzinfo
) -> tuple[datetime, timedelta, datetime | None]:
    """Start, the spread in it, and when that opening closes; None for never."""
    first = schedule.open.next_in(due, zone) or due
    if not schedule.jitter:
        return first, timedelta(0), None
    closing = schedule.open.next_out(first, zone)
    within = LONGEST_JITTER if closing is None else (closing - first) * 3 / 4
    spread = schedule.delay(host, due.astimezone(zone).date(), within)
    return first + spread, spread, closing


@lru_cache(maxsize=1024)
def _open(windows: tuple[str, ...], blackouts: tuple[str, ...]) -> Hours:
    allowed, closed = parsed_hours(windows or ("mon-sun",)).minutes, parsed_hours(blackouts).minutes
    return Hours(minutes=bytes(may and not must_not for may, must_not in zip(allowed, closed, strict=True)))
