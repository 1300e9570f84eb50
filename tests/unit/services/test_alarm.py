"""A foreign host key is an alarm until somebody has met the right key again."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bckcore.domain.health import HealthState
from bckcore.domain.ids import RunId
from bckcore.domain.run import Run, RunKind, RunOutcome
from bckcore.errors import (
    AuthenticationError,
    BckError,
    ContentForgedError,
    HostKeyChangedError,
    HostUnreachableError,
    JobCancelledError,
    SentTwiceError,
    StoreFullError,
    TransferInterruptedError,
    VetoedError,
)
from tests.support.house import DOCS
from tests.support.planned import Planned

START = datetime(2027, 1, 10, 12, tzinfo=UTC)
FOREIGN = HostKeyChangedError("pc1 shows another key.")
Entered = Callable[[Run], Run]


@pytest.fixture
def house(tmp_path: Path) -> Planned:
    """A good backup, then one that met a foreign key."""
    house = Planned(tmp_path, START, None, None)
    for error in (None, FOREIGN):
        house.jobs.start_backup(DOCS, requested_by="anna")
        house.work(error)
    assert house.standing().health.state is HealthState.ALARM
    return house


def test_a_file_that_was_sent_twice_is_an_alarm_until_a_backup_went_through(tmp_path: Path) -> None:
    house = Planned(tmp_path, START, None, None)
    states = []
    for error in (None, SentTwiceError("pc1 sent a file twice."), StoreFullError("no room"), None):
        house.jobs.start_backup(DOCS, requested_by="anna")
        house.work(error)
        states.append(house.standing().health.state)
    assert states == [HealthState.OK, HealthState.ALARM, HealthState.ALARM, HealthState.OK]


def test_forged_files_are_an_alarm_until_a_backup_went_through(house: Planned) -> None:
    assert entered(house, well(RunOutcome.SUCCEEDED)) is HealthState.OK
    forged = ContentForgedError("pc1 sent what nobody had asked for.")
    assert entered(house, failed(forged, RunOutcome.PARTIAL)) is HealthState.ALARM
    assert entered(house, well(RunOutcome.SUCCEEDED)) is HealthState.OK


def entered(house: Planned, change: Entered) -> HealthState:
    """One more run; the health after it."""
    house.clock.advance(3600)
    with house.units() as uow:
        last = uow.runs.last(DOCS)
        assert last is not None
        seq = last.seq + 1
        begun = Run(
            id=RunId(f"later-{seq}"),
            profile=DOCS,
            host=last.host,
            job=last.job,
            seq=seq,
            started=house.clock.now(),
        )
        uow.runs.add(change(begun))
        uow.commit()
    return house.standing().health.state


def failed(error: BckError, outcome: RunOutcome = RunOutcome.FAILED) -> Entered:
    return lambda run: run.ended(outcome, run.started + timedelta(minutes=1), error)


def well(outcome: RunOutcome, kind: RunKind = RunKind.BACKUP) -> Entered:
    return lambda run: replace(run.ended(outcome, run.started + timedelta(minutes=1)), kind=kind)


MET_NOBODY = {
    "an undo": well(RunOutcome.SUCCEEDED, RunKind.UNDO),
    "an accepted run": well(RunOutcome.SUCCEEDED, RunKind.ACCEPT),
    "an open run": lambda run: run,
    "a cancelled run": failed(JobCancelledError("The job was cancelled."), RunOutcome.CANCELLED),
    "a host that is off": failed(HostUnreachableError("pc1 does not answer.")),
    "a connection that broke off": failed(TransferInterruptedError("It broke off.")),
    "a peer that says anything before its key": failed(AuthenticationError("Permission denied.")),
    "a plugin's veto": failed(VetoedError("Not now.")),
    "a full storage": failed(StoreFullError("Full.")),
}


@pytest.mark.parametrize("change", MET_NOBODY.values(), ids=MET_NOBODY)
def test_an_alarm_stays_while_nobody_has_met_the_right_key(house: Planned, change: Entered) -> None:
    for _ in range(60):  # and however often that happens
        state = entered(house, change)
    assert state is HealthState.ALARM


@pytest.mark.parametrize("outcome", [RunOutcome.SUCCEEDED, RunOutcome.PARTIAL, RunOutcome.SUSPECT])
def test_a_backup_that_read_the_host_ends_the_alarm_and_the_next_foreign_key_is_one(
    house: Planned, outcome: RunOutcome
) -> None:
    assert entered(house, well(outcome)) is HealthState.OK
    assert entered(house, failed(FOREIGN)) is HealthState.ALARM
