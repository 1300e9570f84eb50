"""Exports: points as archives, single files, and what keeps or ends the lock."""

import io
import os
import subprocess
import tarfile
import zipfile
from pathlib import Path

import pytest

from bck_adapters.archives import StreamedArchives
from bckcore.errors import InvalidInputError, NotFoundError, StorageError, StoreBusyError
from bckcore.ports.archives import ArchiveFormat
from bckcore.services.export import LONGEST_SECONDS, ExportService
from tests.support.desks import Desk, T
from tests.support.house import DOCS
from tests.support.worlds import differences, world_of_folder


@pytest.fixture
def desk(quick_dir: Path) -> Desk:
    desk = Desk(quick_dir)
    desk.docs.mkdir(b"empty", T + 5, 0o700)
    desk.write("a", "d/x", "d/y")
    desk.docs.write(b"caf\xe9\n", b"odd", T + 7, 0o600)
    desk.docs.symlink(b"l", b"d/x", T + 9)
    desk.back_up()
    return desk


@pytest.fixture
def exports(desk: Desk) -> ExportService:
    house = desk.house
    return ExportService(
        units=house.database.units,
        storage=house.storage,
        recovery=house.recovery,
        archives=StreamedArchives(),
        clock=house.clock,
    )


def archive(
    exports: ExportService, *paths: bytes, point: str = "latest", form: str = "tar", **options: bool
) -> bytes:
    with exports.exported(DOCS, point=point, paths=paths, form=ArchiveFormat(form), **options) as exported:
        return b"".join(exported.pieces)


def unpacked(raw: bytes, folder: Path) -> Path:
    folder.mkdir()
    subprocess.run(["tar", "-x", "-p", "--no-same-owner", "-C", folder], input=raw, check=True)
    return folder


def test_a_tar_of_a_point_is_the_point(desk: Desk, exports: ExportService) -> None:
    before = desk.world()
    desk.write("a", data=b"newer", mtime_ns=T + 100)
    desk.docs.delete(b"d")
    desk.back_up()
    target = unpacked(archive(exports, point="1"), desk.folder / "out")
    assert differences(before, world_of_folder(target / "docs")) == []


def test_chosen_paths_and_deleted_ones(desk: Desk, exports: ExportService) -> None:
    desk.docs.delete(b"d")
    desk.back_up()
    with zipfile.ZipFile(io.BytesIO(archive(exports, b"docs/a", form="zip"))) as zipped:
        assert zipped.namelist() == ["docs/a"]
    raw = archive(exports, b"docs/d/x", include_deleted=True)
    with tarfile.open(fileobj=io.BytesIO(raw)) as tar:
        assert tar.getnames() == ["docs/d", "docs/d/x"]
    with pytest.raises(NotFoundError):
        archive(exports, b"docs/d/x")


def test_lost_bytes_are_told(desk: Desk, exports: ExportService) -> None:
    (desk.house.current() / "d" / "x").unlink()
    with exports.exported(
        DOCS, point="latest", paths=[b"docs/none", b"docs/d"], form=ArchiveFormat.TAR
    ) as one:
        raw = b"".join(one.pieces)
        assert one.left_out == [b"docs/d/x"]
        assert list(one.missing) == [("docs", b"none")]
    with tarfile.open(fileobj=io.BytesIO(raw)) as tar:
        assert tar.getnames() == ["docs/d", "docs/d/y", "README-bck.txt"]


def rot(desk: Desk, name: str) -> None:
    """Change one byte; size and time stay."""
    path = desk.house.current() / name
    before = path.stat()
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def test_small_rotten_files_are_left_out_and_told(desk: Desk, exports: ExportService) -> None:
    desk.write("edge", data=bytes(256 << 10))
    desk.back_up()
    rot(desk, "d/x")
    rot(desk, "edge")
    with exports.exported(DOCS, point="latest", paths=[], form=ArchiveFormat.TAR) as one:
        raw = b"".join(one.pieces)
        assert (one.left_out, one.damaged) == ([b"docs/d/x", b"docs/edge"], [])
    with tarfile.open(fileobj=io.BytesIO(raw)) as tar:
        assert "docs/d/x" not in tar.getnames()
        note = tar.extractfile("README-bck.txt")
        assert note is not None
        assert b"docs/d/x: d/x cannot be read from the storage: The stored bytes are not" in note.read()
    with (
        pytest.raises(NotFoundError, match="digest differs"),
        exports.opened(DOCS, point="latest", path=b"docs/d/x"),
    ):
        pass


@pytest.mark.parametrize("form", ["tar", "tar.gz", "zip"])
def test_large_rotten_files_are_told_at_the_end(desk: Desk, exports: ExportService, form: str) -> None:
    desk.write("big", "good", data=bytes((256 << 10) + 1))
    desk.back_up()
    rot(desk, "big")
    with exports.exported(DOCS, point="latest", paths=[], form=ArchiveFormat(form)) as one:
        raw = io.BytesIO(b"".join(one.pieces))
        assert (one.left_out, one.damaged) == ([], [b"docs/big"])
    if form == "zip":
        note = zipfile.ZipFile(raw).read("README-bck.txt")
    else:
        with tarfile.open(fileobj=raw) as tar:
            found = tar.extractfile("README-bck.txt")
            assert found is not None
            note = found.read()
    assert b"docs/big: DAMAGED" in note
    assert b"docs/good" not in note


def test_the_storage_is_locked_while_an_archive_is_given_and_free_afterwards(
    desk: Desk, exports: ExportService
) -> None:
    with exports.exported(DOCS, point="latest", paths=[], form=ArchiveFormat.TAR) as exported:
        next(exported.pieces)
        with pytest.raises(StoreBusyError), desk.house.storage.lock(desk.newest_ref, wait_seconds=0):
            pass
    with desk.house.storage.lock(desk.newest_ref, wait_seconds=0):
        pass


def test_an_export_has_an_end(desk: Desk, exports: ExportService) -> None:
    with exports.exported(DOCS, point="latest", paths=[], form=ArchiveFormat.TAR) as exported:
        desk.house.clock.advance(LONGEST_SECONDS + 1)
        with pytest.raises(StoreBusyError, match="six hours"):
            list(exported.pieces)


def test_one_file_is_read_without_a_lock_also_when_it_is_moved_meanwhile(
    desk: Desk, exports: ExportService
) -> None:
    with exports.opened(DOCS, point="latest", path=b"docs/d/x") as file:
        desk.write("d/x", data=b"other", mtime_ns=T + 100)
        desk.back_up()
        assert (file.name, file.content.read(), file.entry.size) == (b"x", b"data", 4)
    with exports.opened(DOCS, point="1", path=b"docs/d/x") as file:
        assert file.content.read() == b"data"


@pytest.mark.parametrize(
    ("path", "error"),
    [
        (b"docs", InvalidInputError),
        (b"docs/d", InvalidInputError),
        (b"docs/l", InvalidInputError),
        (b"docs/../a", InvalidInputError),
        (b"/etc/passwd", InvalidInputError),
        (b"", InvalidInputError),
        (b"docs/none", NotFoundError),
        (b"docs/a/b", NotFoundError),
    ],
)
def test_what_is_no_file_of_the_point_is_not_opened(
    exports: ExportService, path: bytes, error: type[Exception]
) -> None:
    with pytest.raises(error), exports.opened(DOCS, point="latest", path=path):
        pass


def test_a_file_cut_short_under_way_ends_in_an_error(desk: Desk, exports: ExportService) -> None:
    desk.write("big", data=os.urandom(3 << 20), mtime_ns=T + 100)
    desk.back_up()
    with exports.exported(DOCS, point="latest", paths=[b"docs/big"], form=ArchiveFormat.TAR) as exported:
        next(exported.pieces)
        os.truncate(desk.house.current() / "big", 1 << 20)
        with pytest.raises(StorageError, match="not whole"):
            list(exported.pieces)
