"""Whether backups are fresh enough is judged by one rule, and told where it is true."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bckcore.domain.events import ProfileRecovered, ProfileStale
from bckcore.domain.health import HealthState
from bckcore.errors import HostKeyChangedError
from bckcore.services.check_jobs import CheckJobs
from bckcore.services.metrics import MetricService
from tests.support.house import DOCS
from tests.support.planned import Planned

START = datetime(2027, 1, 10, 12, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture
def house(tmp_path: Path) -> Planned:
    """One good backup; three days later it is stale, and people were told."""
    house = Planned(tmp_path, START, None, None, fresh_within=DAY)
    house.jobs.start_backup(DOCS, requested_by="anna")
    house.work()
    assert house.at(START + 3 * DAY).health.state is HealthState.STALE
    assert [type(event) for event in house.told.events] == [ProfileStale]
    return house


def fresh_in_metrics(house: Planned) -> list[str]:
    """The samples of ``bck_profile_fresh``, and of the state ``stale``."""
    checks = CheckJobs(queue=house.queue, jobs=house.jobs)
    service = MetricService(
        units=house.units, queue=house.queue, check_jobs=checks, standings=house.standings, clock=house.clock
    )
    wanted = ("bck_profile_fresh{", 'bck_profile_health{profile="docs",host="pc1",state="stale"}')
    return [line.rpartition(" ")[2] for line in service.text().splitlines() if line.startswith(wanted)]


def test_a_profile_that_is_switched_off_misses_no_objective_anywhere(house: Planned) -> None:
    assert house.standing().amiss
    assert fresh_in_metrics(house) == ["0", "1"]
    house.house.change_profile(enabled=False)
    standing = house.standing()
    assert (standing.health.state, standing.health.fresh, standing.amiss) == (HealthState.OK, None, False)
    assert fresh_in_metrics(house) == ["0"]  # of the state


def test_the_alarm_of_a_profile_that_is_switched_off_is_shown_and_calls_nobody(house: Planned) -> None:
    house.jobs.start_backup(DOCS, requested_by="anna")
    house.work(HostKeyChangedError("pc1 shows another key."))
    assert house.standing().amiss
    house.house.change_profile(enabled=False)
    assert (house.standing().health.state, house.standing().amiss) == (HealthState.ALARM, False)


@pytest.mark.parametrize(
    "change",
    [{"fresh_within": None}, {"enabled": False}, {"fresh_within": 30 * DAY}],
    ids=["none", "off", "longer"],
)
def test_where_the_objective_is_taken_away_or_made_longer_nothing_is_told_to_be_good_again(
    house: Planned, change: dict[str, object]
) -> None:
    house.house.change_profile(**change)
    for _ in range(2):
        house.scheduler.look()
    assert house.state().stale_since is None
    house.house.change_profile(fresh_within=DAY, enabled=True)
    house.at(START + 4 * DAY)
    assert [type(event) for event in house.told.events] == [ProfileStale, ProfileStale]
    again = house.told.events[-1]
    assert isinstance(again, ProfileStale)
    assert again.told_at is None


def test_a_good_backup_is_told(house: Planned) -> None:
    house.jobs.start_backup(DOCS, requested_by="anna")
    house.work()
    house.scheduler.look()
    assert [type(event) for event in house.told.events] == [ProfileStale, ProfileRecovered]
