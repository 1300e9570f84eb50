"""Options about times: what they make of a profile, and what they refuse with advice."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bck_apps.cli.timing import Timing, timing_fields
from bckcore.domain.ids import HostId, ProfileId
from bckcore.domain.profile import Profile
from bckcore.domain.schedule import Schedule
from bckcore.domain.source import parsed_sources
from bckcore.errors import InvalidInputError

BARE = Profile(id=ProfileId("docs"), host=HostId("pc1"), sources=parsed_sources(["/home/u"]))
HOURLY = replace(BARE, schedule=Schedule(every=timedelta(hours=1), windows=("mon",), only_idle=True))


def test_nothing_given_changes_nothing() -> None:
    assert not Timing().given
    assert Timing().applied(HOURLY) == HOURLY


def test_an_interval_takes_the_place_of_cron_and_the_rest_stays() -> None:
    by_cron = Timing(cron="0 2 * * *").applied(HOURLY).schedule
    assert by_cron == Schedule(cron="0 2 * * *", windows=("mon",), only_idle=True)
    assert Timing(every="1h").applied(replace(HOURLY, schedule=by_cron)) == HOURLY


def test_an_empty_text_empties_a_list_and_takes_an_objective_away() -> None:
    full = replace(HOURLY, bandwidth_plan=("mon=1M",), fresh_within=timedelta(days=1))
    made = Timing(window=[""], bandwidth_plan=[""], fresh_within="", jitter="", only_idle=False).applied(full)
    assert made == replace(BARE, schedule=Schedule(every=timedelta(hours=1)))


def test_everything_is_given() -> None:
    made = Timing(
        cron="0 2 * * *",
        window=["08:00-20:00"],
        blackout=["sun"],
        jitter="30m",
        only_on_mains=True,
        only_unmetered=True,
        only_idle=True,
        bandwidth_plan=["08:00-18:00=2M"],
        fresh_within="3d",
    ).applied(BARE)
    assert made.schedule == Schedule(
        cron="0 2 * * *",
        windows=("08:00-20:00",),
        blackouts=("sun",),
        jitter=timedelta(minutes=30),
        only_on_mains=True,
        only_unmetered=True,
        only_idle=True,
    )
    assert (made.bandwidth_plan, made.fresh_within) == (("08:00-18:00=2M",), timedelta(days=3))
    assert Timing(no_schedule=True).applied(made).schedule is None


@pytest.mark.parametrize(
    ("wrong", "word"),
    [
        (Timing(cron="0 2 * *"), "five fields"),
        (Timing(cron=""), "not both"),
        (Timing(cron="0 0 31 2 *"), "never come"),
        (Timing(every="4h", cron="0 2 * * *"), "not both"),
        (Timing(window=["08:00-20:00"]), "no schedule"),
        (Timing(every="4h", window=["8-20"]), "times of the week"),
        (Timing(every="30s"), "once a minute"),
        (Timing(every="often"), "duration"),
        (Timing(every="4h", no_schedule=True), "stands alone"),
        (Timing(bandwidth_plan=["fast"]), "bandwidth plan"),
        (Timing(fresh_within="soon"), "duration"),
        (Timing(every="4h", jitter="2d"), "12 hours"),
    ],
)
def test_what_makes_no_sense_is_refused_with_advice(wrong: Timing, word: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        wrong.applied(BARE)
    assert word in caught.value.what
    assert caught.value.advice


def test_the_clock_that_a_schedule_goes_by_is_shown() -> None:
    rome = replace(BARE, retention=replace(BARE.retention, time_zone="Europe/Rome"))
    assert ("time zone", "Europe/Rome") in timing_fields(rome)
