"""Archives unpack, by the programs that people have, to exactly what went in."""

from __future__ import annotations

import io
import os
import stat
import subprocess
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import pytest

from bck_adapters.archives import StreamedArchives
from bckcore.domain.file_version import EntryKind, FileEntry
from bckcore.domain.paths import RelPath
from bckcore.errors import NotFoundError, StorageError
from bckcore.ports.archives import ArchiveFormat, Member
from tests.support.worlds import Thing, World, differences, world_of_folder

T = 1_700_000_000
HARD = [
    b"plain",
    b"with space",
    b"'single' \"double\" $HOME `x`",
    b"-rf",
    b"back\\slash",
    "è漢字".encode(),
    b"x" * 255,
    b"*",
    b"%41",
    b"...",
]
NO_TEXT = [b"\xff\xfe not utf-8", b"caf\xe9"]
CONTROL = [b"new\nline", b"tab\there", b"esc\x1b[31m"]


def entry(
    path: bytes, kind: EntryKind, mode: int, mtime_ns: int, size: int = 0, target: bytes = b""
) -> FileEntry:
    return FileEntry(RelPath(path), kind, mode, 1234, 4_000_000_000, mtime_ns, size, target)


class Opened:
    """Bytes that can be opened again and again."""

    def __init__(self, data: bytes, error: Exception | None = None) -> None:
        self.data = data
        self.error = error
        self.open = 0

    def __enter__(self) -> BinaryIO:
        if self.error:
            raise self.error
        self.open += 1
        return io.BytesIO(self.data)

    def __exit__(self, *_: object) -> None:
        self.open -= 1


def a_file(
    path: bytes, data: bytes = b"data", mode: int = 0o644, mtime_ns: int = T * 10**9 + 123_456_789
) -> Member:
    return Member(path, entry(path, EntryKind.FILE, mode, mtime_ns, len(data)), Opened(data))


def a_folder(path: bytes, mode: int = 0o755, mtime_ns: int = T * 10**9 + 1) -> Member:
    return Member(path, entry(path, EntryKind.FOLDER, mode, mtime_ns))


def a_link(path: bytes, target: bytes) -> Member:
    return Member(path, entry(path, EntryKind.LINK, 0o777, T * 10**9 + 2, target=target))


def tree(names: list[bytes]) -> list[Member]:
    """Every kind of member under every name; folders before what they hold, times in ns."""
    members = [a_folder(b"docs"), a_folder(b"docs/empty", 0o700), a_link(b"docs/up", b"../../etc")]
    members += [
        a_file(b"docs/nothing", b""),
        a_file(b"docs/tool", b"#!", 0o755),
        a_file(b"docs/old", b"x", 0o600, 5 * 10**17 + 1),
    ]
    members += [a_file(b"docs/large", os.urandom(1000) * 2000), a_link(b"docs/long", b"t/" * 200 + b"t")]
    for name in names:
        members += [a_folder(b"docs/d" + name[:254]), a_file(b"docs/d" + name[:254] + b"/" + name, name)]
        members.append(a_link(b"docs/l" + name[:254], name))
    return members


def world(members: list[Member]) -> World:
    """What must be there, but for the folder that it is unpacked into."""
    found: World = {}
    for one in members:
        data = one.entry.target
        if one.content is not None:
            with one.content as file:
                data = file.read()
        found[one.path] = Thing(one.entry.kind.value, one.entry.mode, one.entry.mtime_ns, data)
    return found


def archive(form: ArchiveFormat, members: list[Member]) -> bytes:
    return b"".join(StreamedArchives().stream(form, members))


def unpacked(folder: Path) -> World:
    found = world_of_folder(folder)
    del found[b"."]
    return found


def rounded(found: World) -> World:
    """Times of links and folders are not what unzip sets; other ones in seconds."""
    return {
        path: Thing(one.kind, one.mode, one.mtime_ns // 10**9 if one.kind == "f" else 0, one.data)
        for path, one in found.items()
    }


@pytest.mark.parametrize("form", [ArchiveFormat.TAR, ArchiveFormat.TAR_GZ])
@pytest.mark.parametrize("locale", ["C", "C.UTF-8"])
def test_gnu_tar_unpacks_exactly(
    tmp_path: Path, require_tool: Callable[[str], str], form: ArchiveFormat, locale: str
):
    names = [*HARD, *NO_TEXT, *CONTROL]
    members = tree(names)
    tar = [require_tool("tar"), "-x", "-C", str(tmp_path), "-p", "--no-same-owner"]
    tar += ["-z"] if form is ArchiveFormat.TAR_GZ else []
    done = subprocess.run(
        tar,
        input=archive(form, members),
        capture_output=True,
        env={"LC_ALL": locale, "PATH": os.environ["PATH"]},
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert differences(world(members), unpacked(tmp_path)) == []


def test_pythons_tarfile_reads_the_same(tmp_path: Path):
    members = tree([*HARD, *NO_TEXT, *CONTROL])
    with tarfile.open(fileobj=io.BytesIO(archive(ArchiveFormat.TAR, members))) as tar:
        infos = {os.fsencode(one.name): one for one in tar}
    assert list(infos) == [one.path for one in members]
    for one in members:
        info = infos[one.path]
        assert (info.mode, info.uid, info.gid, info.size) == (
            one.entry.mode,
            1234,
            4_000_000_000,
            one.entry.size,
        )
        assert os.fsencode(info.linkname) == one.entry.target


def test_pythons_zipfile_reads_names_bytes_modes_and_kinds():
    members = tree([*HARD, *CONTROL])
    with zipfile.ZipFile(io.BytesIO(archive(ArchiveFormat.ZIP, members))) as zipped:
        assert zipped.testzip() is None
        infos = zipped.infolist()
        datas = [zipped.read(info) for info in infos]
    assert [info.filename.encode().rstrip(b"/") for info in infos] == [one.path for one in members]
    for one, info, data in zip(members, infos, datas, strict=True):
        mode = info.external_attr >> 16
        kind = {EntryKind.FOLDER: stat.S_ISDIR, EntryKind.LINK: stat.S_ISLNK, EntryKind.FILE: stat.S_ISREG}
        assert kind[one.entry.kind](mode)
        assert stat.S_IMODE(mode) == one.entry.mode
        assert info.is_dir() is (one.entry.kind is EntryKind.FOLDER)
        assert data == world([one])[one.path].data


def test_unzip_unpacks_what_a_zip_has_room_for(tmp_path: Path, require_tool: Callable[[str], str]):
    members = tree([*HARD, *CONTROL])
    (tmp_path / "a.zip").write_bytes(archive(ArchiveFormat.ZIP, members))
    unzip = [require_tool("unzip"), "-q", "-^", str(tmp_path / "a.zip"), "-d", str(tmp_path / "into")]
    done = subprocess.run(
        unzip, capture_output=True, env={"LC_ALL": "C.UTF-8", "PATH": os.environ["PATH"]}, check=False
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert differences(rounded(world(members)), rounded(unpacked(tmp_path / "into"))) == []


def test_names_that_are_no_text_are_told_in_a_zip():
    members = [a_folder(b"docs"), *(a_file(b"docs/" + name) for name in [*NO_TEXT, b"caf%E9"])]
    with zipfile.ZipFile(io.BytesIO(archive(ArchiveFormat.ZIP, members))) as zipped:
        names = zipped.namelist()
        note = zipped.read("README-bck.txt").decode()
    assert names == ["docs/", "docs/%FF%FE not utf-8", "docs/caf%E9", "docs/caf%25E9", "README-bck.txt"]
    assert "docs/caf\\xe9: is here called docs/caf%E9" in note
    assert "docs/caf%E9: is here called docs/caf%25E9" in note


@pytest.mark.parametrize("form", [ArchiveFormat.TAR, ArchiveFormat.ZIP])
def test_what_cannot_be_had_or_has_no_place_is_told_and_the_rest_is_there(form: ArchiveFormat):
    lost = Opened(b"", NotFoundError("The storage holds no bytes of it."))
    members = [
        a_file(b"docs/a"),
        Member(b"docs/b", entry(b"b", EntryKind.FILE, 0o644, T * 10**9, 4), lost),
        Member(b"docs/s", entry(b"s", EntryKind.SOCKET, 0o644, T * 10**9)),
        a_file(b"docs/z"),
    ]
    raw = io.BytesIO(archive(form, members))
    if form is ArchiveFormat.ZIP:
        with zipfile.ZipFile(raw) as zipped:
            names, note = zipped.namelist(), zipped.read("README-bck.txt").decode()
    else:
        with tarfile.open(fileobj=raw) as tar:
            names = tar.getnames()
            file = tar.extractfile("README-bck.txt")
            assert file
            note = file.read().decode()
    assert names == ["docs/a", "docs/z", "README-bck.txt"]
    assert "docs/b: The storage holds no bytes of it." in note
    assert "docs/s: a socket has no place" in note


@pytest.mark.parametrize("form", list(ArchiveFormat))
def test_a_file_that_ends_too_early_ends_the_stream_with_an_error(form: ArchiveFormat):
    short = Opened(b"x" * 10)
    members = [a_file(b"a"), Member(b"b", entry(b"b", EntryKind.FILE, 0o644, 0, 11), short), a_file(b"c")]
    with pytest.raises(StorageError, match="not whole"):
        archive(form, members)
    assert short.open == 0


@pytest.mark.parametrize("form", list(ArchiveFormat))
def test_a_stream_that_is_left_closes_what_it_reads(form: ArchiveFormat):
    content = Opened(os.urandom(4 << 20))
    stream = StreamedArchives().stream(
        form, [Member(b"a", entry(b"a", EntryKind.FILE, 0o644, 0, 4 << 20), content)]
    )
    assert next(iter(stream))
    assert content.open == 1
    stream.close()  # type: ignore[attr-defined]  # a generator
    assert content.open == 0


@pytest.mark.parametrize("mtime_ns", [0, -1, -(10**9) - 5 * 10**8, 8**11 * 10**9, 1, 2**31 * 10**9])
def test_any_time_goes_through_a_tar(tmp_path: Path, require_tool: Callable[[str], str], mtime_ns: int):
    raw = archive(ArchiveFormat.TAR, [a_file(b"f", mtime_ns=mtime_ns)])
    subprocess.run([require_tool("tar"), "-x", "-C", str(tmp_path)], input=raw, check=True)
    (tmp_path / "like").touch()
    os.utime(tmp_path / "like", ns=(mtime_ns, mtime_ns))  # as far as this file system can
    assert (tmp_path / "f").stat().st_mtime_ns == (tmp_path / "like").stat().st_mtime_ns


def test_devices_and_pipes_go_through_a_tar():
    kinds = {b"p": EntryKind.FIFO, b"c": EntryKind.CHAR_DEVICE, b"b": EntryKind.BLOCK_DEVICE}
    members = [
        Member(name, entry(name, kind, 0o600, 0, target=b"8,1" if name != b"p" else b""))
        for name, kind in kinds.items()
    ]
    with tarfile.open(fileobj=io.BytesIO(archive(ArchiveFormat.TAR, members))) as tar:
        infos = tar.getmembers()
    assert [one.type for one in infos] == [tarfile.FIFOTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE]
    assert [(one.devmajor, one.devminor) for one in infos[1:]] == [(8, 1), (8, 1)]


class _Zeros:
    """So many zero bytes, without holding them."""

    def __init__(self, size: int) -> None:
        self.left = size

    def read(self, count: int) -> bytes:
        given = min(count, self.left)
        self.left -= given
        return bytes(given)

    def __enter__(self) -> BinaryIO:
        return self  # type: ignore[return-value]  # what is needed of a file

    def __exit__(self, *_: object) -> None:
        pass


@pytest.mark.long
def test_a_zip_of_a_file_beyond_four_gigabytes_can_be_read(tmp_path: Path):
    size = (1 << 32) + 5
    member = Member(b"large", entry(b"large", EntryKind.FILE, 0o644, T * 10**9, size), _Zeros(size))
    with (tmp_path / "a.zip").open("wb") as file:
        for piece in StreamedArchives().stream(ArchiveFormat.ZIP, [member, a_file(b"after")]):
            file.write(piece)
    with zipfile.ZipFile(tmp_path / "a.zip") as zipped:
        assert [one.file_size for one in zipped.infolist()] == [size, 4]
        assert zipped.read("after") == b"data"


def test_many_members_need_zip64_at_the_end():
    members = [a_file(b"%d" % number, b"") for number in range(66_000)]
    with zipfile.ZipFile(io.BytesIO(archive(ArchiveFormat.ZIP, members))) as zipped:
        assert len(zipped.infolist()) == 66_000
