"""A hijacked PC sends files that nobody asked for: what was stored before stays what it was."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import pytest

from bck_adapters.digest import digest_of
from bck_adapters.rsync.transport import RsyncTransport
from bckcore.domain.events import RunFinished
from bckcore.domain.host import Host
from bckcore.domain.notice import NoticeKind, noticed
from bckcore.domain.run import Run, RunOutcome
from bckcore.services.history_requests import UndoRequest
from tests.integration.hostile.conftest import HostileRoute, speaking
from tests.integration.hostile.test_sender import one, root
from tests.support.checking import ALL, assert_check_is_clean
from tests.support.house import PC, REF, House
from tests.support.rebuilds import rebuilding
from tests.support.second_preimage import second_preimage

GOOD = Random(1).randbytes(3000)
EVIL = second_preimage(GOOD, (b"PAY ME " * 500)[:3000])
F = one(b"f", size=len(GOOD))
QUOTA = 1 << 20


class Scene:
    """A house whose only PC is hijacked, and has sent ``f`` before it was."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        docs = folder / "pc" / "docs"
        docs.mkdir(parents=True)
        host = Host(id=PC, address="", transport="local", allowed_roots=("/",), quota_bytes=QUOTA)
        self.house = House(
            folder / "store",
            RsyncTransport(route=HostileRoute(folder / "answers")),
            sources=(f"docs={docs}",),
            host=host,
        )
        assert self.back_up(F).outcome is RunOutcome.SUCCEEDED

    def back_up(self, *entries: dict[str, object], unasked: bytes | None = None) -> Run:
        """A run in which the PC lists these, and perhaps sends ``f`` once more."""
        more = {} if unasked is None else {"unasked": [[1, unasked.hex()]]}
        speaking(self.folder, entries=[root(), *entries], content=GOOD.hex(), **more)
        self.house.watcher.lines.clear()
        return self.house.back_up()

    @property
    def aside(self) -> Path:
        """Where harmed copies go."""
        return self.house.root / ".work" / "aside"

    def restored(self) -> dict[int, bytes]:
        """What each point gives back of ``f``."""
        found = {}
        for point in self.house.points():
            with TemporaryDirectory(dir=self.folder) as to:
                found[point.seq] = (self.house.restore(point, Path(to) / "to") / "docs" / "f").read_bytes()
        return found


@pytest.fixture
def scene(tmp_path: Path, require_tool: Callable[[str], str]) -> Scene:
    require_tool("rsync")
    return Scene(tmp_path)


def test_a_file_of_the_same_size_time_and_digest_takes_no_kept_point(scene: Scene) -> None:
    assert (len(EVIL), digest_of(EVIL), b"PAY ME" in EVIL) == (len(GOOD), digest_of(GOOD), True)
    run = scene.back_up(F, one(b"g", size=3000), unasked=EVIL)
    assert (run.outcome, run.error_code, run.problem_count) == (RunOutcome.PARTIAL, "content-forged", 1)
    assert any(line.startswith("error: forged: f: ") for line in scene.house.watcher.lines)
    notice = noticed(RunFinished(run=run))
    assert notice is not None
    assert notice.kind is NoticeKind.HOSTILE
    assert not scene.aside.exists()
    assert scene.back_up(F).outcome is RunOutcome.SUCCEEDED
    assert scene.restored() == {1: GOOD, 2: EVIL, 3: EVIL}
    assert_check_is_clean(scene.house, ALL)
    rebuilding(scene.house).rebuild(REF)
    assert scene.restored() == {1: GOOD, 2: EVIL, 3: EVIL}
    undone = scene.house.undo(UndoRequest(to="1"))
    assert undone.outcome is RunOutcome.SUCCEEDED
    assert (scene.house.current() / "f").read_bytes() == GOOD
    assert scene.restored() == {1: GOOD, 2: EVIL, 3: EVIL}


def test_who_leaves_out_most_files_besides_is_told_of_as_a_forger(scene: Scene) -> None:
    others = [one(b"n%03d" % number, size=3000) for number in range(120)]
    scene.back_up(F, *others)
    run = scene.back_up(F, unasked=EVIL)
    assert (run.outcome, run.error_code) == (RunOutcome.SUSPECT, "content-forged")
    notice = noticed(RunFinished(run=run))
    assert notice is not None
    assert notice.kind is NoticeKind.HOSTILE
    assert any("--accept-missing" in line for line in scene.house.watcher.lines)


def test_where_nothing_else_changed_no_point_shows_the_forged_bytes(scene: Scene) -> None:
    run = scene.back_up(F, unasked=EVIL)
    assert (run.outcome, run.made_point) == (RunOutcome.PARTIAL, False)
    assert scene.restored() == {1: GOOD}
    assert scene.back_up(F, one(b"g", size=3000)).made_point
    assert scene.restored() == {1: GOOD, 3: EVIL}
    scene.house.prune(1)
    assert scene.restored() == {3: EVIL}


def test_good_bytes_that_nobody_asked_for_harm_nothing_and_count_until_they_are_pruned(scene: Scene) -> None:
    before = scene.house.storage.usage(PC).bytes
    for _ in range(2):
        run = scene.back_up(F, unasked=GOOD)
        assert (run.outcome, run.problem_count, run.made_point) == (RunOutcome.SUCCEEDED, 0, False)
    assert not scene.aside.exists()
    assert scene.house.storage.usage(PC).bytes >= before + 2 * 3000
    assert scene.restored() == {1: GOOD}
