"""restore.sh alone - a shell, coreutils, awk and gzip - brings every kept point back exactly."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.odd_life import OddLife
from tests.support.restoring import RestoreScript, bare_path
from tests.support.worlds import differences, world_of_folder

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
