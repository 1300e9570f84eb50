"""One look serves all who follow a job, wherever each of them stands."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import anyio
import pytest

from bck_apps.api import feeds
from bck_apps.api.feeds import LINES_AT_ONCE, REMEMBERED, Feed, Feeds
from bckcore.domain.ids import JobId
from bckcore.domain.job import Job
from bckcore.ports.job_queue import LogLine
from bckcore.services.jobs import JobService
from tests.support.api_world import ApiWorld


class Counting:
    """The jobs of a world; counts how often they are looked at."""

    def __init__(self, world: ApiWorld) -> None:
        self._jobs = world.application.jobs
        self.looks = 0

    def get(self, job: JobId) -> Job:
        self.looks += 1
        return self._jobs.get(job)

    def log(self, job: JobId, *, after: int, limit: int) -> Sequence[LogLine]:
        return self._jobs.log(job, after=after, limit=limit)


@pytest.fixture
def job_id(world: ApiWorld) -> JobId:
    world.prepare()
    return JobId(world.start())


async def read(feed: Feed, after: int) -> list[int]:
    """The numbers of all lines after one."""
    numbers: list[int] = []
    while True:
        look = await feed.look(after)
        numbers += [line.number for line in look.lines]
        after = numbers[-1] if numbers else after
        if not look.more:
            return numbers


def feed_of(world: ApiWorld, job_id: JobId) -> tuple[Feed, Counting]:
    jobs = Counting(world)
    return Feed(cast("JobService", jobs), job_id), jobs


def test_many_followers_cost_one_look(world: ApiWorld, job_id: JobId) -> None:
    world.log(job_id, "one", "two")
    feed, jobs = feed_of(world, job_id)

    async def followed() -> list[list[int]]:
        return [await read(feed, after) for after in (0, 0, 1, 2) for _ in range(10)]

    assert anyio.run(followed)[::10] == [[1, 2], [1, 2], [2], []]
    assert jobs.looks < 5  # 40 followers; a slow machine may take longer than one interval


def test_who_comes_late_and_who_is_far_behind_miss_nothing(world: ApiWorld, job_id: JobId) -> None:
    count = REMEMBERED + LINES_AT_ONCE + 7
    world.log(job_id, *(str(number) for number in range(count)))
    feed, _ = feed_of(world, job_id)

    async def followed() -> list[list[int]]:
        return [await read(feed, after) for after in (count - 3, 0, 0, count - 10, 5)]

    wanted = [list(range(after + 1, count + 1)) for after in (count - 3, 0, 0, count - 10, 5)]
    assert anyio.run(followed) == wanted


def test_lines_that_come_meanwhile_reach_everybody_once(
    world: ApiWorld, job_id: JobId, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feeds, "POLL_SECONDS", 0.0)
    feed, _ = feed_of(world, job_id)

    async def followed() -> tuple[list[int], list[int]]:
        near, far = list[int](), list[int]()
        for number in range(30):
            world.log(job_id, str(number))
            near += await read(feed, near[-1] if near else 0)
            if number % 7 == 6:
                far += await read(feed, far[-1] if far else 0)
        return near, far

    near, far = anyio.run(followed)
    assert near == list(range(1, 31))
    assert far == list(range(1, 29))


def test_a_number_that_no_line_has_yet_spoils_nothing_for_others(world: ApiWorld, job_id: JobId) -> None:
    world.log(job_id, "one")
    feed, _ = feed_of(world, job_id)

    async def followed() -> list[list[int]]:
        return [await read(feed, after) for after in (10**9, 0)]

    assert anyio.run(followed) == [[], [1]]


def test_a_feed_lives_as_long_as_somebody_follows(world: ApiWorld, job_id: JobId) -> None:
    kept, jobs = Feeds(), world.application.jobs
    with kept.of(jobs, job_id) as first:
        with kept.of(jobs, job_id) as second:
            assert second is first
        with kept.of(jobs, job_id) as third:
            assert third is first
    with kept.of(jobs, job_id) as fresh:
        assert fresh is not first
