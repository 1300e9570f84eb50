"""Am I safe?"""

from __future__ import annotations

from datetime import timedelta

import pytest

from bck_apps.gui.config import SchedulerConfig
from bck_apps.gui.texts import Texts
from bck_apps.gui.viewmodels.auto import BETWEEN_TRIES, due_at
from bck_apps.gui.viewmodels.standing import Standing, State, standing
from tests.support.gui_api import NOON, done, job, point, profile

HOUR = timedelta(hours=1)
POINT = point(1, NOON - 3 * HOUR)


@pytest.mark.parametrize(
    ("points", "jobs", "state"),
    [
        ([], [], State.NEVER),
        ([POINT], [], State.SUCCESS),
        ([POINT], [done()], State.SUCCESS),
        ([POINT], [job("j2", "running"), done()], State.RUNNING),
        ([POINT], [job("j2", "queued")], State.RUNNING),
        ([POINT], [done(status="partial")], State.ISSUES),
        ([POINT], [done(status="suspect")], State.ISSUES),
        ([point(1, NOON, counted=False, weight="weak")], [done()], State.ISSUES),
        ([point(1, NOON, outcome="partial")], [], State.ISSUES),
        ([POINT], [job("j2", "failed", error={"code": "store-full"})], State.FAILED),
        ([POINT], [job("j2", "failed", error={"code": "host-unreachable"})], State.OFFLINE),
        ([POINT], [job("j2", "offline", error={"code": "host-unreachable"})], State.OFFLINE),
        ([POINT], [job("j2", "cancelled"), done(at=NOON - HOUR)], State.SUCCESS),
        ([], [job("j2", "cancelled")], State.NEVER),
        ([POINT], [job("j2", "held-off", error={"code": "held-off"}), done(at=NOON - HOUR)], State.SUCCESS),
        ([], [job("j2", "held-off", error={"code": "held-off"})], State.NEVER),
        ([point(1, NOON - timedelta(days=8))], [], State.OVERDUE),
        ([POINT], [job("j2", "failed", profile="other")], State.SUCCESS),
        ([POINT], [job("j2", "failed", kind="restore")], State.SUCCESS),
    ],
)
def test_state_follows_the_last_job_and_the_points(points, jobs, state) -> None:
    assert standing(profile(), points, jobs, NOON).state is state


def test_switched_off_profile_is_not_called_safe() -> None:
    assert standing(profile(enabled=False), [POINT], [done()], NOON).state is State.DISABLED


def test_last_good_is_when_a_complete_point_was_last_confirmed() -> None:
    points = [
        point(1, NOON - 9 * HOUR, verified_at=NOON - 2 * HOUR),
        point(2, NOON - HOUR, counted=False, weight="suspect"),
        point(3, NOON, counted=False, weight="weak"),
    ]
    assert standing(profile(), points, [], NOON).last_good == NOON - 2 * HOUR


@pytest.mark.parametrize("state", State)
def test_every_state_makes_a_sentence_with_and_without_a_good_backup(state) -> None:
    for last_good in (None, NOON - HOUR):
        for language in ("en", "it"):
            if state in (State.SUCCESS, State.OVERDUE) and last_good is None:
                continue
            told = Standing(state=state, last_good=last_good)
            assert Texts(language).say(told.sentence(NOON))


def test_what_the_schedule_of_the_server_held_off_was_no_try() -> None:
    tries = [job("h", "held-off", at=NOON), job("f", "failed", at=NOON - 3 * HOUR)]
    assert standing(profile(), [], tries, NOON).last_try == NOON - 3 * HOUR


# --- backups that start by themselves -------------------------------------------------------------

DAILY = SchedulerConfig(enabled=True, every_hours=24)


def test_nothing_is_due_while_the_switch_is_off() -> None:
    assert due_at(SchedulerConfig(), Standing(state=State.NEVER)) is None


@pytest.mark.parametrize("state", [State.RUNNING, State.DISABLED, State.UNKNOWN])
def test_nothing_is_due_while_it_runs_or_cannot(state) -> None:
    assert due_at(DAILY, Standing(state=state)) is None


def test_first_backup_is_due_at_once() -> None:
    due = due_at(DAILY, Standing(state=State.NEVER))
    assert due is not None
    assert due < NOON


def test_next_is_due_counted_from_the_last_good_one() -> None:
    told = Standing(state=State.SUCCESS, last_good=NOON, last_try=NOON)
    assert due_at(DAILY, told) == NOON + 24 * HOUR


def test_failed_try_is_not_repeated_at_once() -> None:
    told = Standing(state=State.FAILED, last_good=NOON - 48 * HOUR, last_try=NOON)
    assert due_at(DAILY, told) == NOON + BETWEEN_TRIES
