"""`make demo` from outside: it tells the truth, cleans up after itself, and says no when files differ."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.cli import eventually, processes_about
from tests.support.patience import later
from tests.support.trees import ODD_NAMES, RealTree, assert_same_tree

SCRIPT = Path(__file__).parents[2] / "scripts" / "demo.py"
PATIENCE = 120


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A folder with everything that is hard to bring back."""
    tree = RealTree.at(tmp_path / "source")
    for number, name in enumerate(ODD_NAMES):
        tree.write(b"odd/" + name, b"content %d\n" % number)
    for number in range(60):
        tree.write(b"many/%d/file" % number, b"x" * number, mtime_ns=1_600_000_000_000_000_000 + number)
    tree.mkdir(b"empty", mode=0o500)
    tree.symlink(b"link", b"/nowhere/at all")
    tree.fifo(b"pipe")
    return tmp_path / "source"


class Play:
    """One demonstration in a folder of its own."""

    def __init__(self, folder: Path, source: Path) -> None:
        self.folder = folder
        self.source = source
        folder.mkdir()

    def run(self, *options: str, path: str = "") -> subprocess.CompletedProcess[str]:
        """To its end."""
        return subprocess.run(
            [sys.executable, SCRIPT, "--src", self.source, *options],
            env=self.environment(path),
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )

    @contextlib.contextmanager
    def started(self) -> Iterator[subprocess.Popen[str]]:
        """Until the test lets go of it."""
        process = subprocess.Popen(
            [sys.executable, SCRIPT, "--src", self.source],
            env=self.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        try:
            yield process
        finally:
            process.kill()
            process.wait()
            if process.stdout:
                process.stdout.close()

    def environment(self, path: str = "") -> dict[str, str]:
        """A home of its own, and perhaps other programs first."""
        search = os.pathsep.join(part for part in (path, os.environ["PATH"]) if part)
        return {**os.environ, "BCK_DEMO_DIR": str(self.folder), "PATH": search}


def test_it_shows_a_whole_life_and_leaves_only_its_folder(tmp_path: Path, source: Path) -> None:
    play = Play(tmp_path / "demo", source)
    done = play.run()
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("exactly the same") == 2
    assert "1 sockets, pipes or devices are left out" in done.stdout
    assert "no process left behind" in done.stdout
    assert str(play.folder / "restored") in done.stdout
    assert processes_about(play.folder) == []
    assert_same_tree(play.folder / "kept-aside", play.folder / "restored" / "first" / "documents")
    assert_same_tree(play.folder / "pc" / "documents", play.folder / "restored" / "latest" / "documents")
    names = {path.name for path in (play.folder / "backup" / "current" / "pc1").iterdir()}
    assert names == {"documents"}


def test_it_fails_and_names_the_file_when_one_differs(tmp_path: Path, source: Path) -> None:
    programs = tmp_path / "programs"
    programs.mkdir()
    fake = programs / "cp"
    fake.write_text('#!/bin/sh\n/bin/cp "$@" && for last; do :; done && echo changed >"$last/many/7/file"\n')
    fake.chmod(0o755)
    play = Play(tmp_path / "demo", source)
    done = play.run("--clean", path=str(programs))
    assert done.returncode == 1, done.stdout + done.stderr
    assert "content differs: 'many/7/file'" in done.stdout
    assert "Everything came back exactly" not in done.stdout
    assert not play.folder.exists()


def test_a_source_that_is_no_folder_is_wrong_use(tmp_path: Path) -> None:
    done = Play(tmp_path / "demo", tmp_path / "nothing").run()
    assert done.returncode == 2
    assert "is not a folder" in done.stdout


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 1), *later((signal.SIGTERM, 143))])
def test_interrupted_it_takes_every_process_along(
    tmp_path: Path, source: Path, number: signal.Signals, status: int
) -> None:
    play = Play(tmp_path / "demo", source)
    with play.started() as process:
        assert process.stdout is not None
        for line in process.stdout:
            if "First backup" in line:
                break
        process.send_signal(number)
        assert process.wait(PATIENCE) == status
    assert eventually(lambda: processes_about(play.folder) == [], seconds=5), processes_about(play.folder)
