"""A push on this machine writes into the folder that was judged, whatever its path leads to by then."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

import pytest

from bck_adapters.rsync.landing import Landing
from bck_adapters.rsync.routes import LocalRoute
from bck_adapters.rsync.transport import RsyncTransport
from bck_adapters.storage_fs import FsOwnGround
from bck_adapters.testkit.rigs import RigWatcher
from bck_adapters.testkit.rigs_push import PushRig
from bckcore.domain.host import Host
from bckcore.domain.ids import HostId
from bckcore.domain.push import Conflict, PushOrder
from bckcore.errors import PathNotAllowedError, TransferFailedError
from bckcore.services.own_ground import BorderedTransport
from tests.support.push_rigs import folder_rig
from tests.support.trees import make_removable


class SwappingRoute(LocalRoute):
    """Somebody puts a link in the place of a folder after rsync has looked, before it writes."""

    def __init__(self, folder: Path, target: Path) -> None:
        self.folder = folder
        self.target = target

    def landing(self, order: PushOrder) -> AbstractContextManager[Landing | None]:
        """First the swap."""
        self.folder.rename(self.folder.with_name("away"))
        self.folder.symlink_to(self.target)
        return super().landing(order)


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A storage with one file, where each attack wants to write another."""
    made = tmp_path / "store"
    (made / "docs").mkdir(parents=True)
    (made / "docs" / "f").write_text("the only copy")
    return made


@pytest.fixture
def rig(tmp_path: Path, require_tool) -> Iterator[PushRig]:
    """A push of a file f into the folder ``up/docs`` of this machine."""
    require_tool("rsync")
    host = Host(id=HostId("pc1"), address="", transport="local", allowed_roots=(str(tmp_path / "up"),))
    rig = folder_rig(tmp_path, RsyncTransport(route=LocalRoute()), host, None)
    (tmp_path / "up" / "docs").mkdir(parents=True)
    rig.target_path = str(tmp_path / "up" / "docs")
    rig.origin.write(b"f", b"of mallory")
    yield rig
    make_removable(tmp_path)


def pushed(rig: PushRig, route: LocalRoute, ground: Path) -> None:
    transport = BorderedTransport(RsyncTransport(route=route), FsOwnGround(private=[ground]))
    transport.push(rig.order(conflict=Conflict.OVERWRITE), None, RigWatcher())


@pytest.mark.parametrize("swapped", ["up/docs", "up"])
def test_a_link_put_there_after_the_look_leads_nowhere(
    rig: PushRig, store: Path, tmp_path: Path, swapped: str
) -> None:
    folder = tmp_path / swapped
    route = SwappingRoute(folder, store / "docs" if swapped == "up/docs" else store)
    with pytest.raises(PathNotAllowedError, match="is a link"):
        pushed(rig, route, store)
    assert (store / "docs" / "f").read_text() == "the only copy"


def test_a_link_above_the_allowed_folder_leads_into_no_storage(
    rig: PushRig, store: Path, tmp_path: Path
) -> None:
    above = tmp_path / "above"
    (above / "docs").mkdir(parents=True)
    rig.host = replace(rig.host, allowed_roots=(str(above / "docs"),))
    rig.target_path = str(above / "docs")
    with pytest.raises(PathNotAllowedError, match="server's own"):
        pushed(rig, SwappingRoute(above, store), store)
    assert (store / "docs" / "f").read_text() == "the only copy"


def test_a_link_put_there_after_the_judgement_leads_nowhere(
    rig: PushRig, store: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "up" / "docs"

    def swap(judged: str) -> None:
        assert judged == str(folder)
        folder.rename(tmp_path / "up" / "away")
        folder.symlink_to(store / "docs")

    order = replace(rig.order(conflict=Conflict.OVERWRITE), about_to_write=swap)
    RsyncTransport(route=LocalRoute()).push(order, None, RigWatcher())
    assert (store / "docs" / "f").read_text() == "the only copy"
    assert (tmp_path / "up" / "away" / "f").read_text() == "of mallory"


@pytest.mark.parametrize("made", ["up/docs", "up"])
def test_a_link_put_where_nothing_was_leads_nowhere(
    rig: PushRig, store: Path, tmp_path: Path, made: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the look that finds nothing and the folder that is made."""
    (tmp_path / "up" / "docs").rmdir()
    if made == "up":
        (tmp_path / "up").rmdir()
    make, outside = os.mkdir, tmp_path / "outside"
    (outside / "docs").mkdir(parents=True)

    def first(name: str, mode: int = 0o777, *, dir_fd: int | None = None) -> None:
        if name == made.rpartition("/")[2]:
            (tmp_path / made).symlink_to(outside / "docs" if made == "up/docs" else outside)
        make(name, mode, dir_fd=dir_fd)

    monkeypatch.setattr(os, "mkdir", first)
    with pytest.raises(PathNotAllowedError, match="is a link"):
        pushed(rig, LocalRoute(), store)
    assert list((outside / "docs").iterdir()) == []


def test_what_cannot_be_opened_is_not_written_by_its_path(rig: PushRig, store: Path, tmp_path: Path) -> None:
    class Filling(LocalRoute):
        def landing(self, order: PushOrder) -> AbstractContextManager[Landing | None]:
            """After rsync has looked a file takes the folder's place."""
            (tmp_path / "up" / "docs").rmdir()
            (tmp_path / "up" / "docs").write_text("a file")
            return super().landing(order)

    with pytest.raises(TransferFailedError, match="cannot be opened or made"):
        pushed(rig, Filling(), store)
    assert (tmp_path / "up" / "docs").read_text() == "a file"


def test_another_name_of_the_storage_is_the_storage(
    tmp_path: Path, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "link").symlink_to(store)
    ground = FsOwnGround(private=[store], unwritten=[tmp_path / "log"])
    names = (store, store / "new", tmp_path, tmp_path / "link" / "docs", Path("/"), store / ".." / "store")
    for place in names:
        assert ground.overlap(place) == store, place
    assert ground.overlap(tmp_path / "storehouse") is None
    assert ground.overlap(tmp_path / "log") is None
    assert ground.overlap(tmp_path / "log", writing=True) == tmp_path / "log"
    (tmp_path / "mount").mkdir()
    seen, mounted = os.stat, tmp_path / "mount"
    monkeypatch.setattr(os, "stat", lambda path, **kwargs: seen(store if path == mounted else path, **kwargs))
    assert ground.overlap(mounted / "new") == store, "a second mount is the same folder by another name"
    (tmp_path / "loop").symlink_to("loop")
    assert ground.overlap(tmp_path / "loop" / "x") == store
