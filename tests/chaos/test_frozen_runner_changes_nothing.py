"""A runner that is frozen past its lease and woken later changes nothing: neither files nor database.

Here nobody ends it, as when it stands on another machine: the fence alone holds it back. Afterwards the new
owner of the job goes on, and every point restores exactly.
"""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from bck_adapters.sql.engine import make_engine
from bck_adapters.sql.tables import metadata
from bckcore.domain.check import CheckRequest
from bckcore.domain.job import JobKind, JobResult, JobStatus
from bckcore.domain.retention import RetentionPolicy
from bckcore.domain.run import RunOutcome
from bckcore.ports.job_queue import Claim
from bckcore.services.history_requests import ForgetRequest, UndoRequest
from tests.support.databases import address_of
from tests.support.frozen import (
    DONE,
    FENCED_OFF,
    FETCH,
    PREVIEW,
    TRANSFER,
    UNIT,
    Site,
    SiteHouse,
    frozen_at,
    woken,
)
from tests.support.house import DOCS, REF, House
from tests.support.trees import standing_below
from tests.support.worlds import World, differences, world_of_folder

START = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
KEEP_ONE = RetentionPolicy(keep_last=1, keep_within=timedelta(0), min_age=timedelta(0))


def back_up(house: House) -> None:
    house.back_up()


def prune(house: House) -> None:
    house._seen_through(
        JobKind.PRUNE, {}, lambda claim, watcher: house.prunes.prune(DOCS, watcher, claim=claim)
    )


def undo(house: House) -> None:
    house.undo(UndoRequest(run="2", reason="test"))


def forget(house: House) -> None:
    house.forget(ForgetRequest(path=b"docs/secret", reason="test"))


def preview(house: House) -> None:
    house._seen_through(JobKind.PREVIEW, {}, lambda _, watcher: house.previews.preview(DOCS, watcher))


def check_against_the_pc(house: House) -> None:
    asked = CheckRequest(against_host=True)
    house._seen_through(
        JobKind.CHECK, asked.payload(), lambda _, watcher: house.checks.check(DOCS, asked, watcher)
    )


class Lived:
    """Two runs of a PC, and what each point must restore to."""

    def __init__(self, folder: Path, url: str) -> None:
        self.site = Site(folder / "store", url, folder / "pc")
        self.site.source.mkdir()
        self.expected: dict[int, World] = {}
        self.restores = 0
        self.write("a", b"one")
        self.write("b/c", b"one")
        self.write("secret", b"hush")
        self.house = SiteHouse(self.site, START, fresh=True)
        self.house.clock.advance(3600)
        self.run_well()
        self.write("a", b"two two")
        self.run_well()
        self.write("a", b"three three")
        self.write("new", b"three")

    def write(self, name: str, data: bytes) -> None:
        path = self.site.source / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data)

    def run_well(self) -> None:
        world = world_of_folder(self.site.source)
        run = self.house.back_up()
        assert run.outcome is RunOutcome.SUCCEEDED
        if run.made_point:
            self.expected[run.seq] = world

    def require_exact(self) -> None:
        for point in self.house.points():
            self.restores += 1
            to = self.site.root.parent / f"back-{self.restores}"
            self.house.restore(point, to)
            assert differences(self.expected[point.seq], world_of_folder(to / "docs")) == [], point

    def stands(self) -> tuple[object, object]:
        """Every file of the storage, and every row of the database but those of the queue."""
        engine = make_engine(self.site.url)
        with engine.connect() as connection:
            rows = {
                table.name: sorted(map(repr, connection.execute(select(table))))
                for table in metadata.sorted_tables
                if not table.name.startswith("job")
            }
        engine.dispose()
        return standing_below(self.site.root), rows


STEPS: dict[str, tuple[Callable[[House], object], str, int]] = {
    "backup, before its run is entered": (back_up, UNIT, 1),
    "backup, before its first attempt": (back_up, "begin_attempt", 1),
    "backup, before what was displaced is kept": (back_up, "keep_displaced", 1),
    "backup, before its manifest": (back_up, "write_manifest", 1),
    "backup, before its receipt and commit": (back_up, UNIT, 2),
    "backup, before the last fold": (back_up, "fold", 1),
    "prune, before its act": (prune, UNIT, 1),
    "prune, before an increment is freed": (prune, "free", 1),
    "prune, before an increment counts as freed": (prune, UNIT, 2),
    "undo, before files are put back": (undo, "put_back", 1),
    "undo, before its fold": (undo, "fold", 1),
    "forget, before its act": (forget, UNIT, 1),
    "forget, before files are removed": (forget, "remove_path", 1),
}


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.long)])
def lived(
    request: pytest.FixtureRequest, tmp_path: Path, require_tool: Callable[[str], str]
) -> Iterator[Lived]:
    require_tool("rsync")
    with address_of(request.param, tmp_path) as url:
        made = Lived(tmp_path, url)
        yield made
        made.house.database.close()


def taken_over(lived: Lived) -> Claim:
    """Time passes; another runner takes the job under a new token, and has not begun yet."""
    lived.house.clock.advance(2 * 3600)
    claim = lived.house.database.queue.claim("another", lease_seconds=1800)
    assert claim is not None
    assert claim.job.claims == 2
    return claim


def goes_on(lived: Lived, claim: Claim) -> None:
    """The new owner comes to an end; the next backup puts in order what is left, and all is exact."""
    lived.house.database.queue.finish(claim, JobStatus.FAILED, JobResult())
    lived.run_well()
    lived.require_exact()
    assert list(lived.house.storage.unfolded(REF)) == []
    assert lived.house.points()[-1].verified_at == lived.house.clock.now()


ON_EVERY_PUSH = {
    "backup, before its first attempt",
    "backup, before its receipt and commit",
    "prune, before an increment is freed",
    "undo, before files are put back",
    "forget, before files are removed",
}


@pytest.mark.parametrize(
    ("work", "step", "nth"),
    [
        pytest.param(*step, id=name, marks=[] if name in ON_EVERY_PUSH else [pytest.mark.long])
        for name, step in STEPS.items()
    ],
)
def test_woken_after_its_job_was_taken_over_it_changes_nothing(
    lived: Lived, work: Callable[[House], object], step: str, nth: int
) -> None:
    if work is prune:
        lived.house.change_profile(retention=KEEP_ONE)
    with frozen_at(lived.site, lived.house.clock.now(), work, step, nth) as process:
        claim = taken_over(lived)
        before = lived.stands()
        assert woken(process) == FENCED_OFF
        assert lived.stands() == before
    if work is back_up:
        lived.expected[3] = world_of_folder(lived.site.source)
    if step == "remove_path":  # the act stands, and the next start finishes it
        for world in lived.expected.values():
            del world[b"secret"]
    goes_on(lived, claim)


def test_woken_in_front_of_its_transfer_it_loses_nothing(lived: Lived) -> None:
    """What a transfer does before its runner learns that the job is another's lies in its own attempt."""
    with frozen_at(lived.site, lived.house.clock.now(), back_up, TRANSFER, 1) as process:
        claim = taken_over(lived)
        assert woken(process) == FENCED_OFF
    lived.expected[3] = world_of_folder(lived.site.source)
    goes_on(lived, claim)


@pytest.mark.parametrize(
    ("work", "step"), [(preview, PREVIEW), (check_against_the_pc, FETCH)], ids=["preview", "check"]
)
def test_woken_while_it_looks_it_takes_nothing_from_the_new_owner(
    lived: Lived, work: Callable[[House], object], step: str
) -> None:
    with frozen_at(lived.site, lived.house.clock.now(), work, step, 1) as process:
        claim = taken_over(lived)
        with lived.house.storage.scratch(REF) as folder:
            (folder / "brought").write_bytes(b"by the new owner")
            assert len(list(folder.parent.iterdir())) == 2
            _, rows = lived.stands()
            assert woken(process) == FENCED_OFF
            assert lived.stands()[1] == rows
            assert list(folder.parent.iterdir()) == [folder], "what it had made is gone, and nothing else"
            assert (folder / "brought").read_bytes() == b"by the new owner"
    goes_on(lived, claim)


def test_woken_while_the_job_is_still_its_own_it_goes_on(lived: Lived) -> None:
    with frozen_at(lived.site, lived.house.clock.now(), back_up, "keep_displaced", 1) as process:
        lived.house.clock.advance(2 * 3600)
        assert woken(process) == DONE
    lived.expected[3] = world_of_folder(lived.site.source)
    assert [point.seq for point in lived.house.points()] == [1, 2, 3]
    lived.require_exact()
