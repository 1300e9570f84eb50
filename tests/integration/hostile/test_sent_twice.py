"""A hijacked PC sends a file twice, or unasked, so that rsync displaces it twice: the good copy stays."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import pytest

from bck_adapters.landlock import kernel_support
from bck_adapters.rsync.transport import RsyncTransport
from bck_adapters.testkit.lacking import lacking
from bckcore.domain.host import Host
from bckcore.domain.run import Run, RunOutcome
from bckcore.errors import SentTwiceError
from tests.integration.hostile.conftest import HostileRoute, speaking
from tests.integration.hostile.test_sender import one, root
from tests.support.house import PC, House

GOOD, EVIL, WORSE = b"good" * 20_000, b"evil" * 20_000, b"more" * 20_000
THEN, LATER = 1_700_000_000, 1_700_000_999


@dataclass(slots=True)
class Taken:
    """A house with one good backup of the file ``d/f`` of a PC that is no friend any more."""

    house: House
    folder: Path

    def sends(self, mtime: int, *more: dict[str, object], **plan: Any) -> Run:
        """A backup in which the PC does that; ``more`` entries follow on those of the folder."""
        folder = one(b"d", mode=0o40755, size=4096)
        entries = [root(), folder, one(b"d/f", size=len(GOOD), mtime=mtime), *more]
        speaking(self.folder, entries=entries, **plan)
        return self.house.back_up()

    def points(self) -> list[bytes]:
        """What each restore point gives back."""
        to = Path(mkdtemp(dir=self.folder))
        found = [self.house.restore(point, to / str(point.seq)) for point in self.house.points()]
        return [(place / "docs" / "d" / "f").read_bytes() for place in found]


@pytest.fixture
def taken(tmp_path: Path) -> Taken:
    if not kernel_support():
        lacking("this kernel has no Landlock: run on Linux 5.19 or newer to try it")
    source = tmp_path / "pc" / "docs"
    source.mkdir(parents=True)
    host = Host(id=PC, address="", transport="local", allowed_roots=("/",))
    transport = RsyncTransport(route=HostileRoute(tmp_path / "answers"))
    house = House(tmp_path / "store", transport, sources=(f"docs={source}",), host=host)
    taken = Taken(house=house, folder=tmp_path)
    assert taken.sends(THEN, content=GOOD.hex()).outcome is RunOutcome.SUCCEEDED
    return taken


@pytest.mark.parametrize(
    ("mtime", "plan"),
    [
        (LATER, {"contents": [EVIL.hex(), WORSE.hex()]}),
        # With the look of the good one, nothing would show that another came in its place.
        (THEN, {"content": "", "unasked": [(2, EVIL.hex()), (2, WORSE.hex())]}),
    ],
    ids=["asked for", "unasked"],
)
def test_a_file_that_is_sent_twice_fails_the_run_and_its_good_copy_stays(
    taken: Taken, mtime: int, plan: dict[str, Any]
) -> None:
    run = taken.sends(mtime, **plan)
    assert (run.outcome, run.error_code, run.made_point) == (RunOutcome.FAILED, SentTwiceError.code, False)
    assert taken.points() == [GOOD]
    assert any("d/f" in line for line in taken.house.watcher.lines)
    # What comes after goes on as ever.
    assert taken.sends(LATER + 1, content=WORSE.hex()).outcome is RunOutcome.SUCCEEDED
    assert taken.points() == [GOOD, WORSE]
    assert taken.sends(LATER + 2, content=GOOD.hex()).outcome is RunOutcome.SUCCEEDED
    assert taken.points()[:2] == [GOOD, WORSE]


def test_without_the_kernels_hold_it_would_be_lost_so_the_above_shows_something(
    taken: Taken, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bck_adapters.rsync.keeping.kernel_support", lambda: 0)
    assert taken.sends(LATER, content=WORSE.hex()).outcome is RunOutcome.SUCCEEDED
    assert taken.points() == [GOOD, WORSE]
    assert taken.sends(LATER + 1, contents=[EVIL.hex(), GOOD.hex()]).outcome is RunOutcome.SUCCEEDED
    kept = [path.read_bytes() for path in taken.house.root.rglob("f") if path.is_file()]
    assert WORSE not in kept
    assert any("no Landlock" in line for line in taken.house.watcher.lines)


def test_a_new_file_that_is_sent_twice_has_no_copy_to_lose(taken: Taken) -> None:
    run = taken.sends(THEN, one(b"new", size=len(EVIL)), contents=[EVIL.hex(), WORSE.hex()])
    assert (run.outcome, run.problem_count) == (RunOutcome.SUCCEEDED, 0)
    assert (taken.house.current() / "new").read_bytes() == WORSE
    assert taken.points() == [GOOD, GOOD]
