"""The runner's rounds look at schedules now and then, and nothing that goes wrong ends them."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bck_apps.runner.scheduler import ScheduledBackups
from bckcore.domain.schedule import Schedule
from bckcore.errors import TransientError
from tests.support.planned import Planned

START = datetime(2027, 1, 10, 12, tzinfo=UTC)


def rounds(house: Planned, *, start: bool = True) -> ScheduledBackups:
    return ScheduledBackups(scheduler=house.scheduler, clock=house.clock, look_seconds=5, start=start)


@pytest.fixture
def house(tmp_path: Path) -> Planned:
    return Planned(tmp_path, START, Schedule(every=timedelta(hours=1)))


def test_it_looks_at_once_and_then_every_few_seconds(house: Planned) -> None:
    looked = rounds(house)
    looked.look()
    assert len(house.asked()) == 1
    house.work(minutes=60)
    looked.look()  # no time has passed for the monotonic clock
    assert len(house.asked()) == 1
    house.clock.advance(5)
    looked.look()
    assert len(house.asked()) == 2


def test_without_start_it_asks_for_nothing(house: Planned) -> None:
    rounds(house, start=False).look()
    assert house.asked() == []


@pytest.mark.parametrize("error", [TransientError("The database is out of reach."), RuntimeError("planted")])
def test_what_goes_wrong_is_logged_and_tried_again(
    house: Planned, error: Exception, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    looked = rounds(house)

    def broken() -> None:
        raise error

    with monkeypatch.context() as broken_for_a_while:
        broken_for_a_while.setattr(house.standings, "all", broken)
        looked.look()
    assert "put off" in caplog.text
    house.clock.advance(5)
    looked.look()
    assert len(house.asked()) == 1
