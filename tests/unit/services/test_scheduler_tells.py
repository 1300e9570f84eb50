"""People are told of a stale profile at least once, reminded, and not told again for want of a note."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bck_adapters.rsync.filters import GitIgnoreFilter
from bckcore.domain.due import ScheduleState
from bckcore.domain.events import ProfileRecovered, ProfileStale
from bckcore.domain.schedule import Schedule
from bckcore.errors import DatabaseUnreachableError
from bckcore.ports.unit_of_work import UnitOfWork
from bckcore.services.profiles import ProfileService
from bckcore.services.standing import Standing, StandingService
from tests.support.house import DOCS
from tests.support.planned import Planned, Told

START = datetime(2027, 1, 10, 12, tzinfo=UTC)
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
STALE = START + DAY + MINUTE
Made = Callable[..., Planned]


class DiesAfterTelling(Told):
    """The process ends right after it has told."""

    def profile_stale(self, event: ProfileStale) -> None:
        """Tell, and die."""
        super().profile_stale(event)
        raise KeyboardInterrupt


@pytest.fixture
def house(tmp_path: Path) -> Planned:
    """A profile that nobody ever backs up; it is stale after a day."""
    return Planned(tmp_path, START, None, None, fresh_within=DAY)


def stale_events(house: Planned) -> list[ProfileStale]:
    return [event for event in house.told.events if isinstance(event, ProfileStale)]


def test_who_dies_between_telling_and_taking_note_is_not_the_last_to_tell(house: Planned) -> None:
    dying = DiesAfterTelling()
    house.clock.set(STALE)
    with pytest.raises(KeyboardInterrupt):
        house.another_scheduler(hooks=dying).look()
    assert len(dying.events) == 1
    house.clock.advance(60)
    for _ in range(3):
        house.another_scheduler().look()
    (again,) = stale_events(house)
    first = dying.events[0]
    assert isinstance(first, ProfileStale)
    assert (again.good_at, again.told_at) == (first.good_at, first.told_at)


def test_where_taking_note_fails_people_are_not_told_at_every_look(house: Planned) -> None:
    fails = True

    def units(read_only: bool = False) -> Any:
        uow: UnitOfWork = house.units(read_only=read_only)
        return _Refusing(uow) if fails else uow

    scheduler = house.another_scheduler(units=units)
    house.clock.set(STALE)
    for _ in range(3):
        with pytest.raises(DatabaseUnreachableError):
            scheduler.look()
    assert len(stale_events(house)) == 1
    fails = False
    scheduler.look()
    assert house.state().stale_since is not None
    scheduler.look()
    assert len(stale_events(house)) == 1


class _Refusing:
    """A unit of work whose database goes away before the commit."""

    def __init__(self, uow: UnitOfWork) -> None:
        self._uow = uow

    def __enter__(self) -> "_Refusing":
        self._uow.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self._uow.__exit__(*error)

    def __getattr__(self, name: str) -> object:
        return getattr(self._uow, name)

    def commit(self) -> None:
        """It does not."""
        raise DatabaseUnreachableError("The database does not answer.")


def test_a_profile_that_stays_stale_is_told_again_every_week_whoever_looks(house: Planned) -> None:
    for day in range(30):
        house.clock.set(STALE + day * DAY)
        for _ in range(2):
            house.another_scheduler(remind_after=7 * DAY).look()
    told = stale_events(house)
    assert [event.at for event in told] == [STALE + days * DAY for days in (0, 7, 14, 21, 28)]
    assert [event.told_at for event in told] == [None, *(event.at for event in told[:-1])]


def test_without_an_interval_nobody_is_reminded(house: Planned) -> None:
    for day in range(30):
        house.at(STALE + day * DAY)
    assert len(stale_events(house)) == 1


def test_a_profile_that_was_switched_off_is_not_told_again(house: Planned) -> None:
    scheduler = house.another_scheduler(remind_after=7 * DAY)
    house.clock.set(STALE)
    scheduler.look()
    house.house.change_profile(enabled=False)
    house.clock.set(STALE + 8 * DAY)
    scheduler.look()
    assert len(stale_events(house)) == 1


def test_what_was_told_by_a_clock_far_ahead_does_not_silence_reminders_for_ever(house: Planned) -> None:
    scheduler = house.another_scheduler(remind_after=7 * DAY)
    house.clock.set(STALE + 400 * DAY)
    scheduler.look()
    house.clock.set(STALE)
    for _ in range(2):
        scheduler.look()
    assert [event.at for event in stale_events(house)] == [STALE + 400 * DAY, STALE]


def test_without_a_good_backup_nothing_is_told_to_be_good_again(house: Planned) -> None:
    assert house.at(STALE).health.good_at is None
    house.house.change_profile(fresh_within=30 * DAY)
    for _ in range(2):
        house.scheduler.look()
    assert [type(event) for event in house.told.events] == [ProfileStale]
    assert house.state().stale_since is None


def test_of_a_profile_that_is_made_anew_nothing_is_told_that_the_removed_one_was_told(house: Planned) -> None:
    house.at(STALE)
    plan, profiles = house.standing().profile, profiles_of(house)
    profiles.remove(DOCS)
    with house.units(read_only=True) as uow:
        assert list(uow.schedule_states.list()) == []
    profiles.add(plan)
    house.scheduler.look()
    assert [type(event) for event in house.told.events] == [ProfileStale]


def test_what_an_older_program_left_of_a_removed_profile_is_not_taken_up(house: Planned) -> None:
    house.at(STALE)
    plan = house.standing().profile
    with house.units() as uow:
        uow.profiles.remove(DOCS)
        uow.commit()
    profiles_of(house).add(plan)
    assert house.state() == ScheduleState(profile=DOCS)


@pytest.mark.parametrize("change", [{"fresh_within": DAY}, {"schedule": Schedule(every=DAY)}])
def test_a_look_at_a_profile_that_is_removed_meanwhile_tells_and_remembers_nothing(
    house: Planned, change: dict[str, Any]
) -> None:
    class RemovedMeanwhile(StandingService):
        def all(self, *, hosts: Any = None) -> Sequence[Standing]:
            found = super().all(hosts=hosts)
            profiles_of(house).remove(DOCS)
            return found

    house.house.change_profile(**{"fresh_within": None, **change})
    house.clock.set(STALE)
    standings = RemovedMeanwhile(units=house.units, queue=house.queue, clock=house.clock)
    house.another_scheduler(standings=standings).look()
    with house.units(read_only=True) as uow:
        assert list(uow.schedule_states.list()) == []
    assert house.told.events == []


def profiles_of(house: Planned) -> ProfileService:
    return ProfileService(
        units=house.units,
        filters=GitIgnoreFilter,
        borders=house.house.borders,
        queue=house.queue,
        clock=house.clock,
    )


def test_that_it_is_good_again_tells_when_people_heard_of_it_last(house: Planned) -> None:
    scheduler = house.another_scheduler(remind_after=7 * DAY)
    for day in (0, 7):
        house.clock.set(STALE + day * DAY)
        scheduler.look()
    house.jobs.start_backup(DOCS, requested_by="anna")
    house.work()
    scheduler.look()
    recovered = house.told.events[-1]
    assert isinstance(recovered, ProfileRecovered)
    assert recovered.told_at == STALE + 7 * DAY
