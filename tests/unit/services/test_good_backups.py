"""What counts as a good backup, by which a profile is fresh: the PC was read, and nearly all of it."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import cast

import pytest

from bckcore.domain.health import HealthState
from bckcore.domain.paths import RelPath
from bckcore.domain.run import RunOutcome
from bckcore.domain.transfer import PathProblem, ProblemKind, PullOrder
from bckcore.ports.transport import PullReport, Transport
from bckcore.services.standing import StandingService
from tests.support.desks import Desk, Spoiled, half_blind
from tests.support.house import DOCS, REF
from tests.support.rebuilds import new_database, rebuilding
from tests.support.rewriting import Rewriting

DAY = 86400


def health(desk: Desk) -> HealthState:
    database, clock = desk.house.database, desk.house.clock
    return StandingService(units=database.units, queue=database.queue, clock=clock).of(DOCS).health.state


def fresh_for_three_days(desk: Desk) -> None:
    desk.house.change_profile(fresh_within=timedelta(days=3), created=desk.house.clock.now())


@pytest.fixture
def desk(quick_dir: Path) -> Desk:
    """Two points; then the PC is gone for ten days."""
    desk = Desk(quick_dir)
    fresh_for_three_days(desk)
    desk.many(20)
    desk.back_up()
    desk.write("a", data=b"encrypted", mtime_ns=99)
    desk.back_up()
    assert health(desk) is HealthState.OK
    desk.house.clock.advance(10 * DAY)
    assert health(desk) is HealthState.STALE
    return desk


def test_an_undo_is_none(desk: Desk) -> None:
    Rewriting(desk.house).undo(2)
    assert desk.newest().seq == 3
    assert health(desk) is HealthState.STALE


def test_what_is_accepted_of_a_suspect_run_is_none(quick_dir: Path) -> None:
    desk = Desk(quick_dir)
    fresh_for_three_days(desk)
    desk.many(120)
    desk.back_up()
    desk.docs.delete(b"many")
    desk.write("new")
    desk.back_up()
    desk.house.clock.advance(4 * DAY)
    Rewriting(desk.house).accept()
    assert health(desk) is HealthState.STALE
    desk.back_up()
    assert health(desk) is HealthState.OK


def test_one_that_could_not_read_a_few_things_is_good_though_nothing_changed(quick_dir: Path) -> None:
    desk, unreadable = half_blind(quick_dir)
    fresh_for_three_days(desk)
    unreadable[0] = 1
    for _ in range(5):
        desk.house.clock.advance(DAY)
        run = desk.back_up()
        assert (run.outcome, run.made_point, run.error_code) == (RunOutcome.PARTIAL, False, "")
    assert health(desk) is HealthState.OK


def test_one_that_could_hardly_read_anything_is_none_and_says_so(quick_dir: Path) -> None:
    desk, unreadable = half_blind(quick_dir)
    fresh_for_three_days(desk)
    unreadable[0] = 3
    for _ in range(5):
        desk.house.clock.advance(DAY)
        run = desk.back_up()
    assert (run.outcome, run.error_code) == (RunOutcome.PARTIAL, "much-unread")
    assert "bck run problems docs" in run.error
    assert health(desk) is HealthState.STALE
    assert any("More than a tenth" in line for line in desk.house.watcher.lines)


def test_a_rebuild_knows_the_same(quick_dir: Path) -> None:
    desk, unreadable = half_blind(quick_dir)
    for number in (1, 3):
        unreadable[0] = number
        desk.house.clock.advance(DAY)
        desk.back_up()
    house, database = desk.house, new_database(desk.house)
    rebuilding(house, database).rebuild(REF)
    for one in (house.database, database):
        with one.units(read_only=True) as uow:
            assert uow.latest.good_backups(house.clock.now())[DOCS].seq == 2


@pytest.mark.parametrize(("files", "good"), [(150, False), (20, True)])
def test_a_folder_that_vanished_with_most_files_is_not_passed_over(
    quick_dir: Path, files: int, good: bool
) -> None:
    """By rsync's word one path vanished; nearly all there was went with it. Of a few files it is a trifle."""
    gone = PathProblem(kind=ProblemKind.VANISHED, path=RelPath(b"many"), message="directory has vanished")

    def spoilt(_order: PullOrder, report: PullReport) -> PullReport:
        if RelPath(b"many") in report.listing.paths():
            return report
        return replace(report, problems=(gone,), problem_count=1, vanished=frozenset({RelPath(b"many")}))

    desk = Desk(quick_dir, wrapped=lambda inner: cast("Transport", Spoiled(inner, spoilt)))
    desk.write("a")
    desk.many(files)
    desk.back_up()
    desk.docs.delete(b"many")
    run = desk.back_up()
    assert run.counts.gone == 0
    told = (RunOutcome.SUCCEEDED, "") if good else (RunOutcome.PARTIAL, "much-unread")
    assert (run.outcome, run.error_code) == told
