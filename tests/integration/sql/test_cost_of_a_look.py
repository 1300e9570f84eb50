"""A look at all profiles costs few statements however many they are, and nothing for what each one keeps.

Counted in statements and in steps of SQLite's own machine, never in time.
"""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, event

from bck_adapters.testkit.contracts_latest import counted, ended
from bckcore.domain.ids import HostId, ProfileId
from bckcore.domain.run import RunOutcome
from bckcore.services.check_jobs import CheckJobs
from bckcore.services.metrics import MetricService
from tests.support.databases import MakeDatabase, forgotten, postgresql_database, sqlite_database
from tests.support.house import DOCS, PC
from tests.support.planned import Planned

START = datetime(2027, 1, 10, 12, tzinfo=UTC)
STEPS = 50
"""SQLite reports after so many steps."""
Looked = Callable[[Planned], object]


@dataclass
class Cost:
    """What was asked of SQLite."""

    statements: int = 0
    steps: int = 0

    def step(self) -> int:
        """SQLite goes on."""
        self.steps += STEPS
        return 0


@contextmanager
def costing() -> Iterator[Cost]:
    """What the block costs."""
    cost = Cost()

    def before(connection: object, cursor: object, *_: object) -> None:
        cost.statements += 1
        driver = getattr(cursor, "connection", None)
        if isinstance(driver, sqlite3.Connection):
            driver.set_progress_handler(cost.step, STEPS)

    event.listen(Engine, "before_cursor_execute", before)
    try:
        yield cost
    finally:
        event.remove(Engine, "before_cursor_execute", before)


def installation(folder: Path, make: MakeDatabase, *, profiles: int, runs: int) -> Planned:
    """So many profiles, each with so many runs that made a point each."""
    folder.mkdir()
    house = Planned(folder, START, None, lambda clock: make(clock, folder))
    with house.units() as uow:
        docs, host = uow.profiles.get(DOCS), uow.hosts.get(PC)
        for number in range(profiles):
            name = ProfileId(f"p{number}")
            uow.hosts.add(replace(host, id=HostId(name)))
            uow.profiles.add(replace(docs, id=name, host=HostId(name), fresh_within=timedelta(days=3600)))
            for seq in range(1, runs + 1):
                uow.runs.add(ended(seq, name, RunOutcome.SUCCEEDED))
                uow.points.add(counted(seq, name))
        uow.commit()
    return house


def look(house: Planned) -> object:
    """What a runner does every few seconds."""
    house.scheduler.look()
    return house


def schedule(house: Planned) -> object:
    """What `GET /schedule` and `bck health` ask."""
    return house.standings.all()


def metrics(house: Planned) -> object:
    """What Prometheus asks."""
    checks = CheckJobs(queue=house.queue, jobs=house.jobs)
    service = MetricService(
        units=house.units, queue=house.queue, check_jobs=checks, standings=house.standings, clock=house.clock
    )
    return service.text()


def cost_of(looked: Looked, house: Planned) -> Cost:
    try:
        looked(house)
        with costing() as cost:
            looked(house)
    finally:
        house.house.database.close()
    assert cost.statements
    return cost


@pytest.mark.parametrize("make", [sqlite_database, postgresql_database])
@pytest.mark.parametrize("looked", [look, schedule, metrics])
def test_statements_do_not_grow_with_profiles(looked: Looked, make: MakeDatabase, tmp_path: Path) -> None:
    found = []
    for profiles in (2, 40):
        folder = tmp_path / str(profiles)
        found.append(cost_of(looked, installation(folder, make, profiles=profiles, runs=1)).statements)
        forgotten(folder)
    assert found[0] == found[1]


@pytest.mark.sqlite  # steps are SQLite's own; PostgreSQL counts nothing alike
@pytest.mark.parametrize("looked", [look, schedule])
def test_what_is_read_does_not_grow_with_runs_and_points(looked: Looked, tmp_path: Path) -> None:
    short = cost_of(looked, installation(tmp_path / "short", sqlite_database, profiles=8, runs=2))
    long = cost_of(looked, installation(tmp_path / "long", sqlite_database, profiles=8, runs=60))
    assert 0 < long.steps <= short.steps * 1.2
