"""Source folders and files that have broken backup programs."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from bck_adapters.testkit.contracts import contents
from bck_adapters.testkit.lacking import lacking
from bck_adapters.testkit.rigs import MTIME_NS, TransportRig
from bck_adapters.testkit.stored import stored_tree
from bckcore.domain.host import Platform
from bckcore.domain.transfer import ProblemKind, TransferOptions, TransferProgress
from bckcore.errors import PathNotAllowedError, TransferFailedError
from tests.support.rsync_rigs import ssh_rig
from tests.support.sshd import LoopbackSshd
from tests.support.trees import ODD_NAMES, RealTree


def tree_of(rig: TransportRig) -> RealTree:
    """The rig's tree as the real folder it is."""
    assert isinstance(rig.tree, RealTree)
    return rig.tree


ODD_ROOTS = (*ODD_NAMES, b"~tilde", b"!bang", b"#hash", b"co:lon", b"a;b&c|d", b"back\\*slash", b"tr\\")


def test_source_roots_of_any_name_are_pulled_over_ssh(
    tmp_path: Path, sshd: LoopbackSshd, short_dir: Path
) -> None:
    # What a wildcard or a dropped character would match instead.
    for lure in (b"newline", b"XstarYx", b"backslash", b"HOME", b"a"):
        RealTree.at(tmp_path / "roots" / os.fsdecode(lure)).write(b"lure", b"")
    wrong = []
    for name in ODD_ROOTS:
        rig = ssh_rig(tmp_path, sshd, short_dir, source=tmp_path / "roots" / os.fsdecode(name))
        rig.store = tmp_path / "stores" / name.hex()[:40]
        rig.tree.write(b"inside", name)
        pulled = rig.pull()
        if contents(stored_tree(rig.destination)) != {b"inside": name} or pulled.report.problems:
            wrong.append(name)
    assert wrong == []


def test_probe_lists_source_roots_of_any_name(local: TransportRig, tmp_path: Path) -> None:
    paths = []
    for name in ODD_ROOTS:
        RealTree.at(tmp_path / "roots" / os.fsdecode(name)).write(b"inside", b"")
        paths.append(str(tmp_path / "roots" / os.fsdecode(name)))
    facts = local.transport.probe(local.host, None, paths)
    assert [path for path, listable in facts.sources if not listable] == []


def test_probe_does_not_call_a_file_or_a_closed_folder_listable(local: TransportRig, tmp_path: Path) -> None:
    tree = RealTree.at(tmp_path / "things")
    tree.write(b"file", b"")
    tree.mkdir(b"folder")
    tree.mkdir(b"closed", mode=0)
    names = ["file", "folder", *(["closed"] if local.permissions_matter else [])]
    facts = local.transport.probe(local.host, None, [str(tmp_path / "things" / name) for name in names])
    assert [Path(path).name for path, listable in facts.sources if listable] == ["folder"]


def test_a_root_that_was_swapped_for_a_link_is_refused_and_the_last_pull_stands(rig: TransportRig) -> None:
    rig.tree.write(b"f", b"mine")
    rig.pull()
    os.rename(rig.source.path, f"{rig.source.path}.aside")
    os.symlink("/etc", rig.source.path)
    for _ in range(2):
        order = rig.order()
        with pytest.raises(PathNotAllowedError, match=r"docs is a link to /etc on pc1\."):
            rig.transport.pull(order, rig.credential, rig.watcher)
        assert contents(stored_tree(rig.destination)) == {b"f": b"mine"}
        assert not any(order.displaced_dir.iterdir())
    os.unlink(rig.source.path)
    os.rename(f"{rig.source.path}.aside", rig.source.path)
    assert rig.pull().paths == {b".", b"f"}


@pytest.mark.parametrize("name", ["plain", "two  blanks", "quote'single\nline", "a -> b", "*star?[x]"])
def test_a_folder_above_the_root_that_became_a_link_is_refused(rig: TransportRig, name: str) -> None:
    top, secret = rig.source.path, Path(rig.source.path).parent / "secret"
    rig.host = replace(rig.host, allowed_roots=(top,))
    rig.source = replace(rig.source, path=f"{top}/home/{name}/work/docs")
    RealTree.at(Path(rig.source.path)).write(b"f", b"mine")
    rig.pull()
    RealTree.at(secret / "work" / "docs").write(b"f", b"not to be read")
    os.rename(f"{top}/home/{name}", f"{top}/home/aside")
    os.symlink(secret, f"{top}/home/{name}")
    # Closed for listing, as its owner can have it: the folder below can still be entered by name.
    os.chmod(f"{top}/home", 0o311)
    with pytest.raises(PathNotAllowedError) as refused:
        rig.pull()
    assert refused.value.what.startswith(f"{top}/home/{name} is a link")
    assert contents(stored_tree(rig.destination)) == {b"f": b"mine"}


def test_what_lies_above_the_allowed_root_is_the_administrators(rig: TransportRig) -> None:
    above = Path(rig.source.path).parent
    os.symlink(above, above / "link")
    rig.host = replace(rig.host, allowed_roots=(f"{above}/link/docs",))
    rig.source = replace(rig.source, path=f"{above}/link/docs")
    rig.tree.write(b"f", b"mine")
    assert rig.pull().paths == {b".", b"f"}


def test_a_root_below_a_closed_folder_is_unlisted_as_ever(rig: TransportRig) -> None:
    if not rig.permissions_matter:
        lacking("the host's account reads everything here: run the tests as an ordinary user")
    rig.host = replace(rig.host, allowed_roots=(rig.source.path,))
    rig.source = replace(rig.source, path=f"{rig.source.path}/closed/docs")
    rig.tree.mkdir(b"closed", mode=0)
    assert rig.pull().report.unlisted == {b"."}


def test_probe_refuses_a_link_and_tells_where_it_leads(rig: TransportRig) -> None:
    rig.tree.symlink(b"link", b"/etc")
    with pytest.raises(PathNotAllowedError, match="link is a link to /etc on pc1"):
        rig.transport.probe(rig.host, rig.credential, [rig.source.path, f"{rig.source.path}/link"])


def test_a_user_folder_called_like_ours_is_backed_up(rig: TransportRig) -> None:
    rig.tree.write(b".rsync-partial/mine", b"1")
    rig.tree.write(b"d/.rsync-partial/mine", b"2")
    rig.tree.write(b".~tmp~/mine", b"3")
    rig.pull()
    assert contents(stored_tree(rig.destination)) == {
        b".rsync-partial/mine": b"1",
        b"d/.rsync-partial/mine": b"2",
        b".~tmp~/mine": b"3",
    }


def test_a_sparse_file_takes_no_room_for_its_holes(rig: TransportRig) -> None:
    tree_of(rig).sparse(b"disk.img", 64 << 20)
    rig.pull()
    info = os.stat(rig.destination / "disk.img")
    assert info.st_size == 64 << 20
    assert info.st_blocks * 512 < 1 << 20


def test_a_file_that_vanishes_while_the_run_reads_is_named(rig: TransportRig) -> None:
    rig.tree.write(b"z", b"was there")
    rig.pull()
    rig.tree.write(b"a-big", os.urandom(4 << 20))
    rig.tree.write(b"z", b"changed", mtime_ns=MTIME_NS + 1)
    rig.options = TransferOptions(bandwidth_limit=1 << 20)

    def hook(progress: TransferProgress) -> None:
        if progress.bytes_done:
            rig.tree.delete(b"z")

    rig.watcher.on_progress = hook
    pulled = rig.pull()
    assert pulled.report.vanished == {b"z"}
    assert {(problem.kind, problem.path) for problem in pulled.report.problems} == {
        (ProblemKind.VANISHED, b"z")
    }
    assert pulled.report.unlisted == frozenset()
    assert contents(stored_tree(rig.destination))[b"z"] == b"was there"


def deep_path(length: int) -> bytes:
    """A path of that many bytes."""
    folders, last = divmod(length - 1, 201)
    return b"/".join([b"x" * 200] * folders) + b"/" + b"y" * max(1, last)


def write_deep(root: Path, path: bytes, data: bytes) -> None:
    """Write a file whose full path no system call would take."""
    at = os.open(root, os.O_RDONLY)
    *folders, name = path.split(b"/")
    for folder in folders:
        if not os.access(folder, os.F_OK, dir_fd=at):
            os.mkdir(folder, dir_fd=at)
        below = os.open(folder, os.O_RDONLY, dir_fd=at)
        os.close(at)
        at = below
    with open(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644, dir_fd=at), "wb") as stream:
        stream.write(data)
    os.close(at)


def read_deep(root: Path, path: bytes) -> bytes:
    """Read such a file."""
    at = os.open(root, os.O_RDONLY)
    *folders, name = path.split(b"/")
    for folder in folders:
        below = os.open(folder, os.O_RDONLY, dir_fd=at)
        os.close(at)
        at = below
    with open(os.open(name, os.O_RDONLY, dir_fd=at), "rb") as stream:
        os.close(at)
        return stream.read()


@pytest.mark.parametrize("length", [1000, 2100, 3900])
def test_deep_paths_are_listed_whole_and_displaced(rig: TransportRig, length: int) -> None:
    root, path = Path(rig.source.path), deep_path(length)
    rig.tree.write(b"beside", b"")
    write_deep(root, path, b"old")
    assert path in rig.pull().paths
    write_deep(root, path, b"newer")
    # Storage gives attempts short folders, so that whatever stands in current can be displaced.
    short = rig.store / ".work" / "s"
    short.mkdir()
    order = replace(rig.order(), displaced_dir=short)
    report = rig.transport.pull(order, rig.credential, rig.watcher)
    assert path in {seen.path for seen in report.listing.changes()}
    assert report.unlisted == frozenset()
    assert read_deep(rig.destination, path) == b"newer"
    assert read_deep(short, path) == b"old"


def test_a_path_too_long_to_be_displaced_stops_before_it_is_overwritten(local: TransportRig) -> None:
    root, path = Path(local.source.path), deep_path(4000)
    write_deep(root, path, b"old")
    local.pull()
    write_deep(root, path, b"newer")
    long = local.store / ".work" / ("d" * 120)
    long.mkdir()
    with pytest.raises(TransferFailedError, match="so long") as caught:
        local.transport.pull(replace(local.order(), displaced_dir=long), None, local.watcher)
    assert "exclude" in caught.value.advice
    assert read_deep(local.destination, path) == b"old"


def test_windows_hosts_get_one_safe_mode_and_no_owner(local: TransportRig) -> None:
    local.host = replace(local.host, platform=Platform.WINDOWS)
    local.tree.write(b"d/f", b"x", mode=0o777)
    local.tree.chmod(b"d", 0o777)
    local.pull()
    found = stored_tree(local.destination)
    assert (found[b"d"].mode, found[b"d/f"].mode) == (0o700, 0o600)


def test_compression_changes_nothing_but_the_way(over_ssh: TransportRig) -> None:
    over_ssh.options = TransferOptions(compress=True)
    over_ssh.tree.write(b"f", b"again " * 100_000)
    pulled = over_ssh.pull()
    assert contents(stored_tree(over_ssh.destination)) == {b"f": b"again " * 100_000}
    assert pulled.report.stats.bytes_sent < 60_000


def test_first_run_knows_percent_and_time_left_a_later_one_no_time(local: TransportRig) -> None:
    seen: list[TransferProgress] = []
    local.options = TransferOptions(bandwidth_limit=2 << 20)
    local.watcher.on_progress = seen.append
    local.tree.write(b"a", os.urandom(1 << 20))
    local.tree.write(b"b", os.urandom(2 << 20))
    local.pull()
    assert any(progress.eta_seconds is not None for progress in seen)
    assert seen[-1].percent == 100
    assert seen[-1].bytes_done == 3 << 20
    assert seen[-1].files_seen == 3
    seen.clear()
    local.tree.write(b"b", os.urandom(2 << 20), mtime_ns=MTIME_NS + 1)
    local.pull()
    assert all(progress.eta_seconds is None for progress in seen)
