"""A rebuild killed by kill -9 at each of its steps: what starts next is whole, or refused until it is."""

import pytest

from bckcore.errors import ConflictError, StorageError
from bckcore.services import replay
from tests.property.history.machine import START
from tests.property.history.test_history_killed import KilledHistoryMachine
from tests.support.databases import forgotten
from tests.support.house import REF, House
from tests.support.killed import AFTER_COMMIT, ANYWHERE, BEFORE_COMMIT, IN_COMMIT, carried_out
from tests.support.patience import patient
from tests.support.postgresql import shared_server
from tests.support.rebuilds import known, rebuilding

BY_THE_CLOCK = (IN_COMMIT, ANYWHERE)
"""Here the kill comes after a time, so it may come too late."""


def rebuild_one_by_one(house: House) -> None:
    """Each record in a transaction of its own, so that a kill finds many places."""
    replay.EVENTS_AT_ONCE = 1
    rebuilding(house).rebuild(REF)


class KilledOnPostgresql(KilledHistoryMachine):
    """The same with the catalog on PostgreSQL."""

    def database_url(self) -> str:
        return shared_server().database_of(self.folder)

    def teardown(self) -> None:
        super().teardown()
        forgotten(self.folder)


def machine_with_a_history(kind: type[KilledHistoryMachine]) -> KilledHistoryMachine:
    machine = kind()
    machine.some_files([(b"a", b"one", START, 0o644), (b"b/c", b"two", START, 0o600)])
    for number in range(6):
        machine.write(b"a", b"changed %d" % number, START + number, 0o644)
        machine.write(b"n%d" % number, b"new", START, 0o644)
        machine.back_up()
    machine.hold(1, None)
    machine.prune(3)
    return machine


@pytest.mark.parametrize(
    "kind",
    [
        pytest.param(KilledHistoryMachine, id="sqlite"),
        pytest.param(KilledOnPostgresql, id="postgresql", marks=pytest.mark.long),
    ],
)
@pytest.mark.parametrize("step", [BEFORE_COMMIT, IN_COMMIT, AFTER_COMMIT, ANYWHERE])
def test_a_rebuild_killed_at_a_named_step_heals(step: str, kind: type[KilledHistoryMachine]) -> None:
    machine = machine_with_a_history(kind)
    before, killed = known(machine.house.database), 0
    for nth in (1, 2, 4, 7, 12) if patient() else (1, 4, 12):
        now = machine.house.clock.now()
        killed += not carried_out(machine.place, now, rebuild_one_by_one, step, nth)
        try:
            machine.house.recovery.tidy(REF)
        except (ConflictError, StorageError) as error:
            if "bck catalog rebuild" not in str(error):
                raise
            rebuilding(machine.house).rebuild(REF)
        assert known(machine.house.database) == before, f"killed at {step} ({nth})"
        machine.every_point_restores()
    assert killed or step in BY_THE_CLOCK, "nothing was killed"
    machine.back_up()
    machine.teardown()
