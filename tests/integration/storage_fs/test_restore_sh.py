"""restore.sh alone - a shell, coreutils, awk and gzip - brings every kept point back exactly."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from random import Random

import pytest

from bck_adapters.rsync.routes import LocalRoute
from bck_adapters.rsync.transport import RsyncTransport
from bckcore.domain.host import Host
from bckcore.domain.manifest import FULL_EVERY
from bckcore.domain.retention import RetentionPolicy
from tests.support.house import DOCS, PC, House
from tests.support.odd_life import OddLife
from tests.support.restoring import RestoreScript, bare_path, odd_names
from tests.support.rewriting import Rewriting
from tests.support.small_store import Small, T
from tests.support.worlds import FolderTree, differences, world_of_folder, world_of_memory

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def life(tmp_path_factory) -> Iterator[OddLife]:
    """The store is in a folder whose name is odd as well."""
    folder = tmp_path_factory.mktemp("odd")
    life = OddLife(folder / 'it\'s a "store"\n')
    life.live()
    yield life
    os.system(f"chmod -R u+rwx '{folder}'")
    shutil.rmtree(folder)


@pytest.fixture
def script(life, tmp_path) -> RestoreScript:
    return RestoreScript(life.house.root, bare_path(tmp_path / "bin"))


def assert_restored(life: OddLife, seq: int, folder: Path) -> None:
    """Names, bytes, times, modes, links: as the PC had them at that point."""
    assert sorted(os.listdir(folder)) == sorted(life.expected[seq])
    for source, world in life.expected[seq].items():
        wrong = differences(world, world_of_folder(folder / source))
        assert not wrong, f"point {seq}, {source}: {len(wrong)} differences: {wrong[:5]}"


def test_a_thousand_odd_names_come_back_at_every_point(life, script, roomy_dir):
    assert len(life.expected) == 8
    assert len(life.expected[1]["docs"]) + len(life.expected[1]["pics"]) >= 1000
    before = world_of_folder(life.house.root)
    for seq in life.expected:
        assert_restored(life, seq, script.restore(seq, roomy_dir / str(seq)))
    newest = max(life.expected)
    assert_restored(life, newest, script.restore("latest", roomy_dir / "latest"))
    run = life.house.points()[0].run_id
    assert_restored(life, 1, script.restore(run, roomy_dir / "by name"))
    assert not differences(before, world_of_folder(life.house.root)), "the storage was written to"


# Which of these a machine has differs; /bin/sh and awk are always tried, above.
SHELLS = [name for name in ("dash", "bash --posix", "busybox sh") if shutil.which(name.split()[0])]
AWKS = [name for name in ("mawk", "gawk", "original-awk") if shutil.which(name)]


@pytest.mark.parametrize("shell", SHELLS)
def test_any_posix_shell_will_do(life, roomy_dir, shell):
    program, *options = shell.split()
    command = (str(shutil.which(program)), *options)
    script = RestoreScript(life.house.root, bare_path(roomy_dir / "bin"), command)
    assert_restored(life, 2, script.restore(2, roomy_dir / "to"))


@pytest.mark.parametrize("awk", AWKS)
def test_any_awk_will_do(life, roomy_dir, awk):
    tools = bare_path(roomy_dir / "bin")
    (tools / "awk").unlink()
    (tools / "awk").symlink_to(str(shutil.which(awk)))
    script = RestoreScript(life.house.root, tools)
    assert_restored(life, 2, script.restore(2, roomy_dir / "to"))


# --- what happens to a history over time ------------------------------------------------------------


def test_after_pruning_what_is_kept_is_exact_and_what_is_gone_is_refused(roomy_dir):
    life = OddLife(roomy_dir / "store", seed=3, names=300)
    life.live_days()
    life.house.change_profile(retention=RetentionPolicy(keep_last=2, keep_daily=3, keep_within=timedelta(0)))
    life.house.prunes.prune(DOCS, life.house.watcher)
    script = RestoreScript(life.house.root, bare_path(roomy_dir / "bin"))
    kept = {point.seq for point in life.house.points()}
    assert min(kept) > 1
    assert set(life.expected) & set(range(min(kept), max(kept))) - kept, "no point in the middle went"
    for seq in life.expected:
        to = roomy_dir / str(seq)
        if seq in kept:
            assert_restored(life, seq, script.restore(seq, to))
        else:
            assert "given up" in script.run("pc1", "docs", str(seq), to).stderr
            assert not to.exists()


def test_more_runs_than_lie_between_two_full_lists(roomy_dir):
    small = Small(roomy_dir).live()
    for number in range(FULL_EVERY + 3):
        small.docs.write(b"n%d" % (number % 5), b"%d" % number, T + number)
        small.back_up()
    small.assert_restores(*range(2, max(small.expected) + 1))


def test_what_a_suspect_run_misses_is_there_until_a_person_accepts(roomy_dir):
    small = Small(roomy_dir)
    for number in range(150):
        small.docs.write(b"f%d" % number, b"%d" % number, T)
    small.back_up()
    before = small.expected[1]
    for number in range(140):
        small.docs.delete(b"f%d" % number)
    assert small.house.back_up().outcome == "suspect"
    for point in small.house.points():
        small.expected[point.seq] = before
    small.assert_restores(*(point.seq for point in small.house.points()))
    small.house.back_up(accept_missing=True)
    to = small.script.restore("latest", roomy_dir / "accepted")
    assert differences(world_of_memory(small.docs), world_of_folder(to / "docs")) == []


def test_what_was_undone_and_what_was_forgotten(roomy_dir):
    small = Small(roomy_dir).live()
    rewriting = Rewriting(small.house)
    undone = rewriting.undo(3)
    small.expected[undone.seq] = small.expected[2]
    small.back_up()
    small.assert_restores(1, 2, 3, undone.seq, undone.seq + 1)
    rewriting.forget(b"docs/d")
    small.docs.write(b"a", b"later", T + 9)
    small.back_up()
    last = max(small.expected)
    assert (
        differences(
            small.expected[last], world_of_folder(small.script.restore(last, roomy_dir / "last") / "docs")
        )
        == []
    )
    ended = small.script.run("pc1", "docs", "1", roomy_dir / "old")
    assert ended.returncode == 0
    assert "docs/d/x: forgotten on purpose" in ended.stderr
    left = {path: thing for path, thing in small.expected[1].items() if path.split(b"/")[0] != b"d"}
    assert differences(left, world_of_folder(roomy_dir / "old" / "docs")) == []


def test_what_the_real_rsync_stored(roomy_dir, require_tool):
    require_tool("rsync")
    source, names = roomy_dir / "pc", odd_names(Random(5))
    tree, files, expected = FolderTree(source), [], {}
    host = Host(id=PC, address="", transport="local", allowed_roots=("/",))
    transport = RsyncTransport(route=LocalRoute())
    house = House(roomy_dir / "store", transport, sources=(f"docs={source}",), host=host)
    for number in range(200):
        name = next(names)
        if number % 9 == 0:
            tree.symlink(name, next(names), T + number)
        else:
            tree.write(name, b"%d " % number, T + number, 0o640)
            files.append(name)
    os.mkfifo(source / "pipe", 0o600)
    with open(source / "sparse", "wb") as sparse:
        sparse.truncate(50_000_000)
    for run in range(1, 4):
        expected[run] = world_of_folder(source)
        assert house.back_up().made_point
        for name in files[run * 20 : run * 20 + 30]:
            tree.write(name, b"new in %d" % run, T + run * 10**10, 0o600 + run)
    script = RestoreScript(roomy_dir / "store", bare_path(roomy_dir / "bin"))
    for run, world in expected.items():
        to = script.restore(run, roomy_dir / str(run)) / "docs"
        assert differences(world, world_of_folder(to)) == []
        assert (to / "sparse").stat().st_blocks < 1000


def test_restored_files_carry_no_attribute_of_ours_and_nothing_else(roomy_dir):
    small = Small(roomy_dir).live()
    to = small.script.restore(1, roomy_dir / "to")
    assert any(os.listxattr(place) for place in small.current.rglob("*"))
    assert not any(os.listxattr(place, follow_symlinks=False) for place in to.rglob("*"))
    assert os.listdir(to) == ["docs"]


def test_owners_come_back_for_root(roomy_dir):
    """Told by what it asks of ``chown``, so that it can be told by anybody."""
    small = Small(roomy_dir)
    small.docs.write(b"f", b"1", T, 0o4755)
    small.docs.symlink(b"l", b"f", T)
    small.docs.mkdir(b"d", T)
    for number, path in enumerate((b"f", b"l", b"d", b".")):
        small.docs.chown(path, 2000 + number, 3000)
    small.back_up()
    asked = roomy_dir / "asked"
    stand_in(roomy_dir / "bin" / "id", "echo 0")
    drops_set_id = 'for place; do :; done; [ -h "$place" ] || chmod ug-s "$place"'  # as the real one does
    stand_in(roomy_dir / "bin" / "chown", f"echo \"$3 $4\" >> '{asked}'; {drops_set_id}")
    to = small.script.restore(1, roomy_dir / "to") / "docs"
    owners = {place: owner for owner, place in map(str.split, asked.read_text().splitlines())}
    assert owners == {
        "docs/f": "2000:3000", "docs/l": "2001:3000", "docs/d": "2002:3000", "docs": "2003:3000",
    }  # fmt: skip
    assert stat.S_IMODE((to / "f").stat().st_mode) == 0o4755
    small.assert_restores(1)


def stand_in(program: Path, does: str) -> None:
    """Another program of that name, in a folder of links to the real ones."""
    program.unlink()
    program.write_text(f"#!/bin/sh\n{does}\n")
    program.chmod(0o755)
