"""A removed profile: what was stored stays, and whoever makes it anew goes on with it."""

from pathlib import Path

import pytest

from bck_adapters.rsync.filters import GitIgnoreFilter
from bckcore.domain.ids import HostId, JobId
from bckcore.domain.job import Job, JobKind
from bckcore.domain.profile import Profile
from bckcore.domain.source import parsed_sources
from bckcore.errors import ConflictError, NotFoundError
from bckcore.services.profiles import ProfileService
from bckcore.services.rebuild import Rebuild
from tests.support.desks import DOCS_PATH, SECOND, Desk, T
from tests.support.house import DOCS, PC, REF


@pytest.fixture
def desk(quick_dir: Path) -> Desk:
    """Two runs: a point with a and old, a point with a and new."""
    desk = Desk(quick_dir)
    desk.write("a", "old")
    desk.back_up()
    desk.docs.delete(b"old")
    desk.write("new")
    desk.write("a", data=b"other", mtime_ns=T + SECOND)
    desk.back_up()
    return desk


def profiles_of(desk: Desk) -> ProfileService:
    house = desk.house
    return ProfileService(
        units=house.database.units,
        filters=GitIgnoreFilter,
        borders=house.borders,
        queue=house.database.queue,
        clock=house.clock,
    )


def docs_of(desk: Desk, host: HostId = PC) -> Profile:
    with desk.house.database.units(read_only=True) as uow:
        return Profile(
            id=DOCS,
            host=host,
            sources=parsed_sources([DOCS_PATH]),
            retention=uow.profiles.get(DOCS).retention,
        )


def test_what_stays_is_told(desk: Desk) -> None:
    kept = profiles_of(desk).remove(DOCS)
    assert (kept.ref, kept.runs, kept.points) == (REF, 2, 2)
    assert kept.places == ("current/pc1/docs", ".history/*/pc1/docs", ".receipts/pc1/docs")
    assert "catalog rebuild --profile docs" in kept.way_back
    for place in kept.places:
        assert list(desk.house.root.glob(place)), place


def test_made_anew_its_history_goes_on_and_every_point_restores(desk: Desk) -> None:
    profiles, again = profiles_of(desk), docs_of(desk)
    profiles.remove(DOCS)
    profiles.add(again)
    assert profiles.history(DOCS).points == 2
    desk.write("third")
    run = desk.back_up()
    assert (run.seq, run.counts.added, run.counts.gone) == (3, 1, 0)
    assert [point.seq for point in desk.house.points()] == [1, 2, 3]
    desk.assert_restores(desk.world())
    first = desk.restored(desk.house.points()[0])
    assert sorted(path.name for path in (first / "docs").iterdir()) == ["a", "old"]


def test_a_rebuild_brings_it_back_switched_off(desk: Desk) -> None:
    house = desk.house
    profiles_of(desk).remove(DOCS)
    rebuild = Rebuild(
        units=house.database.units, storage=house.storage, recovery=house.recovery, clock=house.clock
    )
    assert rebuild.rebuild(REF).points == 2
    assert not profiles_of(desk).get(DOCS).enabled
    desk.assert_restores(desk.world())


def test_another_host_cannot_take_up_its_history(desk: Desk) -> None:
    profiles, other = profiles_of(desk), HostId("pc2")
    again = docs_of(desk, other)
    with desk.house.database.units() as uow:
        host = uow.hosts.get(PC)
        uow.hosts.add(type(host)(id=other, address=host.address, allowed_roots=host.allowed_roots))
        uow.commit()
    profiles.remove(DOCS)
    with pytest.raises(ConflictError, match="profile docs of pc1"):
        profiles.add(again)
    with pytest.raises(NotFoundError):
        profiles.get(DOCS)


@pytest.mark.parametrize("kind", [JobKind.BACKUP, JobKind.RESTORE, JobKind.CHECK])
@pytest.mark.parametrize("running", [False, True])
def test_it_is_not_removed_while_a_job_waits_or_runs(desk: Desk, kind: JobKind, running: bool) -> None:
    profiles, queue, clock = profiles_of(desk), desk.house.database.queue, desk.house.clock
    job = Job(
        id=JobId("j"), kind=kind, profile=DOCS, host=PC, requested_by="ann", created=clock.now(), payload={}
    )
    queue.enqueue(job)
    if running:
        assert queue.claim("r", lease_seconds=60)
    with pytest.raises(ConflictError, match="job j"):
        profiles.remove(DOCS)
    assert profiles.get(DOCS).id == DOCS
