"""A whole story: a PC is backed up over ssh, lives on, is lost, and gets every point back over ssh."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from bck_adapters.storage_fs import FsStorage
from bckcore.domain.push import Conflict, PushOutcome
from bckcore.domain.restore import RestoreOptions
from bckcore.errors import PathNotAllowedError
from bckcore.services.restore_host_report import HostRestoreReport
from tests.support.house import DOCS
from tests.support.pc import T0, Pc, make_pc
from tests.support.sshd import running_sshd
from tests.support.trees import ODD_NAMES, make_removable
from tests.support.worlds import World, differences, world_of_folder


@pytest.fixture
def pc(short_dir: Path, require_tool, monkeypatch: pytest.MonkeyPatch) -> Iterator[Pc]:
    require_tool("sshd")
    require_tool("rsync")
    monkeypatch.setattr(FsStorage, "batch_entries", 25)
    with running_sshd(short_dir / "sshd") as sshd:
        yield make_pc(short_dir, sshd)
    make_removable(short_dir)


def restore(
    pc: Pc,
    point: int,
    to: Path | None = None,
    *paths: bytes,
    conflict: Conflict = Conflict.OVERWRITE,
    dry_run: bool = False,
) -> HostRestoreReport:
    return pc.house.host_restores.restore(
        DOCS,
        point=str(point),
        host_dir=os.fspath(to) if to else None,
        paths=paths,
        watcher=pc.house.watcher,
        options=RestoreOptions(conflict=conflict),
        dry_run=dry_run,
    )


def lose(pc: Pc) -> None:
    """The PC's folder is no more."""
    make_removable(pc.folder)
    shutil.rmtree(pc.folder)


def lived(pc: Pc) -> dict[int, World]:
    """Three runs over an odd tree; what each saw."""
    docs, seen = pc.docs, {}
    for number, name in enumerate(ODD_NAMES):
        docs.write(b"odd/" + name, name, T0 + number)
        docs.write(b"deep/" + name[:100] + b"/in/" + name, name, T0 + number, 0o400)
    docs.symlink(b"link", b"/nowhere", T0)
    docs.mkdir(b"empty", T0 + 1, 0o750)
    docs.mkdir(b"closed", T0 + 2, 0o755)
    docs.write(b"closed/f", b"x", T0)
    docs.mkdir(b"closed", T0 + 2, 0o500)
    docs.mkdir(b"odd", T0 + 3)
    for step in range(3):
        docs.write(b"changes", b"%d" % step, T0 + 10 + step)
        docs.chmod(b"odd/tab\there", 0o600 + step * 0o40)
        if step == 1:
            docs.delete(b"deep")
            docs.write(b"deep", b"a file now", T0)
        if step == 2:
            docs.delete(b"link")
            docs.write(b"link/below", b"a folder now", T0)
        docs.mkdir(b".", T0 + 20)
        seen[step + 1] = pc.world()
        pc.house.back_up()
    return seen


def test_every_point_comes_back_exactly_beside_and_in_place(pc: Pc) -> None:
    seen = lived(pc)
    for point, world in seen.items():
        to = pc.folder.parents[1] / f"back-{point}"
        report = restore(pc, point, to)
        assert report.problems == ()
        assert differences(world, world_of_folder(to / "docs")) == [], f"point {point}"
    lose(pc)
    restore(pc, 2)
    assert differences(seen[2], pc.world()) == []
    assert list((pc.store / ".work" / "r").rglob("f")) == []


def test_again_nothing_is_sent_and_an_older_point_keeps_both(pc: Pc) -> None:
    seen = lived(pc)
    report = restore(pc, 3)
    assert differences(seen[3], pc.world()) == []
    assert {outcome for outcome, number in report.counts.items() if number} == {PushOutcome.SAME}
    pc.docs.chmod(b"closed", 0o700)
    pc.docs.write(b"closed/f", b"work of today", T0 + 99)
    told = restore(pc, 1, None, b"docs/closed", b"docs/changes", conflict=Conflict.KEEP_BOTH, dry_run=True)
    done = restore(pc, 1, None, b"docs/closed", b"docs/changes", conflict=Conflict.KEEP_BOTH)
    assert told.counts == done.counts
    world = pc.world()
    (kept,) = [path for path in world if path.startswith(b"closed/f~")]
    assert world[kept].data == b"work of today"
    assert (world[b"closed/f"].data, world[b"changes"].data) == (b"x", b"0")
    assert world[b"closed"] == seen[1][b"closed"]


def test_a_link_that_the_pcs_user_put_in_the_way_is_not_followed(pc: Pc, tmp_path: Path) -> None:
    lived(pc)
    outside = tmp_path / "outside"
    outside.mkdir()
    shutil.rmtree(pc.folder / "odd")
    (pc.folder / "odd").symlink_to(outside)
    for conflict in (Conflict.SKIP, Conflict.KEEP_BOTH):
        restore(pc, 3, conflict=conflict)
        assert list(outside.iterdir()) == []
    lose(pc)
    pc.folder.symlink_to(outside)
    with pytest.raises(PathNotAllowedError, match="is a link"):
        restore(pc, 3)
    assert list(outside.iterdir()) == []
