"""400 days with a PC that is off half of the time: every due moment at most once, never two at a time."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import pytest

from bckcore.domain.due import LONGEST_RETRY, Verdict
from bckcore.domain.job import JobStatus
from bckcore.domain.retention import RetentionPolicy
from bckcore.domain.schedule import Schedule
from tests.support.planned import OFF, Planned

START = datetime(2027, 2, 1, 12, tzinfo=UTC)
ROME = RetentionPolicy(time_zone="Europe/Rome")


class LongLife:
    """A PC that is on and off by chance, and a server that looks whenever something may have changed."""

    def __init__(self, folder: Path, schedule: Schedule, seed: int) -> None:
        self.random = Random(seed)
        self.house = Planned(folder, START, schedule, retention=ROME)
        self.on = True
        self.toggle = self.came_back = START
        self.good: list[datetime] = []
        """Starts of backups that went through."""
        self.due: list[datetime] = []
        """The due moment that each of them was for."""
        self.late: list[timedelta] = []
        """How long each of them took to begin once it was due and the PC was there."""
        self.keys: list[str] = []

    def live(self, days: int, *, says_hello: bool) -> None:
        """All the days, one event after the other."""
        now = START
        while now < START + timedelta(days=days):
            if now >= self.toggle:
                self._switch(now, says_hello=says_hello)
            standing = self.house.at(now)
            if self.random.random() < 0.05:  # another runner, or the same one after a crash
                self.house.scheduler = self.house.another_scheduler()
                standing = self.house.at(now)
            if standing.decision.verdict is Verdict.UNDER_WAY:
                now = self._carry_out(now, standing.state.due_since)
                continue
            until = standing.decision.until
            now = min(self.toggle, until) if until is not None and until > now else self.toggle

    def _switch(self, now: datetime, *, says_hello: bool) -> None:
        self.on = not self.on if now > START else True
        self.toggle = now + timedelta(minutes=self.random.randrange(60, 2 * 24 * 60))
        if self.on:
            self.came_back = now
            self.house.clock.set(now)
            if says_hello:
                self.house.sign()

    def _carry_out(self, now: datetime, due: datetime | None) -> datetime:
        assert due is not None
        (waiting,) = self.house.queue.list(status=(JobStatus.QUEUED,))  # never two at a time
        self.keys.append(waiting.idempotency_key)
        if self.on:
            self.house.work(minutes=self.random.randrange(1, 50))
            self.good.append(now)
            self.due.append(due)
            self.late.append(now - max(due, self.came_back))
        else:
            self.house.work(OFF, minutes=0)
        self.house.drop_old_jobs()
        return self.house.clock.now()

    def judge(self) -> None:
        """What must hold after any life."""
        assert len(set(self.due)) == len(self.due), "a due moment was backed up twice"
        assert all(due <= start for due, start in zip(self.due, self.good, strict=True))
        for earlier, later in zip(self.good, self.due[1:], strict=False):
            assert later > earlier, "what a start had answered was backed up again"
        assert len(set(self.keys)) == len(self.keys), "a try was made twice"


def test_400_days_with_a_pc_that_is_off_half_of_the_time(tmp_path: Path) -> None:
    life = LongLife(tmp_path, Schedule(cron="30 2 * * *", jitter=timedelta(minutes=30)), 1)
    life.live(400, says_hello=True)
    life.judge()
    assert len(life.good) > 250, "a PC that is on half of the time is backed up on most days"
    assert max(life.late) <= timedelta(minutes=30), "it is caught up as soon as the PC says hello"


@pytest.mark.parametrize("says_hello", [True, False])
def test_a_pc_that_says_nothing_is_found_within_the_longest_wait(tmp_path: Path, says_hello: bool) -> None:
    life = LongLife(tmp_path, Schedule(cron="0 9,15 * * mon-fri", windows=("mon-sun",)), 3)
    life.live(60, says_hello=says_hello)
    life.judge()
    assert len(life.good) > 25
    assert max(life.late) <= (timedelta(0) if says_hello else LONGEST_RETRY)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(
    "schedule",
    [
        Schedule(cron="30 2 * * *", jitter=timedelta(minutes=30)),
        Schedule(cron="0 9,15 * * mon-fri", blackouts=("12:00-13:00",)),
        Schedule(every=timedelta(hours=20)),
    ],
    ids=lambda schedule: schedule.text,
)
def test_many_lives_of_400_days(tmp_path: Path, schedule: Schedule, seed: int) -> None:
    life = LongLife(tmp_path, schedule, seed)
    life.live(400, says_hello=True)
    life.judge()
    assert len(life.good) > 150
