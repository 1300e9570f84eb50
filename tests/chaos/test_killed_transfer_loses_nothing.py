"""A 40 MB transfer is cut, the file changes again, and the next try heals: every point restores exactly.

This is law L1. The obvious recipe (rsync --partial --backup straight into the history) loses the good
copy here: the cut attempt leaves a stump in `current`, and the retry moves the stump over the good copy.
"""

import contextlib
import os
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.support.cli import PATIENCE, Bck, Running, eventually, processes_about
from tests.support.pc import half_sent
from tests.support.sshd import LoopbackSshd, descendants, running_sshd
from tests.support.worlds import World, world_of_folder

BIG = 40_000_000
UNDER_WAY = 5_000_000
LEASE = "5"


@dataclass
class Scene:
    """One PC with a big file, backed up slowly; every point with the tree it must restore to."""

    bck: Bck
    docs: Path
    worlds: dict[str, World] = field(default_factory=dict)
    allowed: dict[str, set[bytes]] = field(default_factory=dict)
    """What each file of the PC held at one time or another, by name."""
    restores: int = 0

    def write_big(self) -> None:
        """New content in a new file: a sender that reads the old one goes on reading that."""
        fresh = self.docs.parent / "fresh"
        fresh.write_bytes(os.urandom(BIG))
        fresh.replace(self.docs / "big")
        self.note()

    def note(self) -> None:
        """Remember what the files hold now."""
        for path in self.docs.iterdir():
            self.allowed.setdefault(path.name, set()).add(path.read_bytes())

    def start(self) -> Running:
        """A backup in a process of its own, well under way when this returns."""
        since = time.time_ns()
        process = self.bck.start("backup", "docs", "--wait")
        assert eventually(lambda: self.under_way(since)), "the transfer did not begin"
        return process

    def under_way(self, since: int) -> bool:
        """Whether a good part of the file has been written since then."""
        return any(
            status.st_size > UNDER_WAY and status.st_mtime_ns > since
            for status in half_sent(self.bck.storage)
        )

    def back_up(self) -> Any:
        """A backup that must succeed, and its point's oracle."""
        world = world_of_folder(self.docs)
        done = self.bck.ok("backup", "docs", "--wait")
        assert done["outcome"] == "succeeded", done
        if done["made_point"]:
            self.worlds[done["run_id"]] = world
        return done

    def current_is_clean(self) -> None:
        """Nothing but the PC's files stands in `current`, each whole in one of its versions."""
        folder = self.bck.storage / "current" / "pc1" / "docs"
        assert [path.name for path in folder.iterdir()] == ["docs"]
        for path in (folder / "docs").iterdir():
            assert path.name in self.allowed, f"{path} is none of the PC's files"
            assert path.read_bytes() in self.allowed[path.name], f"{path} is a stump or a mixture"

    def every_point_restores(self) -> None:
        """All points that were made are there, and each gives back its tree."""
        listed = [point["point"] for point in self.bck.ok("points", "docs")["items"]]
        assert listed == list(self.worlds)
        for point, world in self.worlds.items():
            self.restores += 1
            target = self.bck.folder / f"restored-{self.restores}"
            self.bck.ok("restore", "docs", "--point", point, "--to", str(target))
            assert world_of_folder(target / "docs") == world, f"point {point} is not what it was"

    def nothing_is_left_running(self) -> None:
        """No process of ours, of rsync or of ssh works on the storage."""
        assert eventually(lambda: not processes_about(self.bck.storage), 15), processes_about(
            self.bck.storage
        )


@pytest.fixture
def scene(tmp_path: Path, require_tool) -> Iterator[Scene]:
    require_tool("sshd")
    require_tool("rsync")
    docs = tmp_path / "pc" / "docs"
    docs.mkdir(parents=True)
    with running_sshd(tmp_path / "sshd") as sshd:
        yield made(tmp_path, docs, sshd)


def made(tmp_path: Path, docs: Path, sshd: LoopbackSshd) -> Scene:
    """Two good points before anything is cut."""
    (tmp_path / "server").mkdir()
    bck = Bck(tmp_path / "server", {"BCK_RUNNER__LEASE_SECONDS": LEASE})
    scene = Scene(bck, docs)
    bck.init()
    bck.add_host(sshd, tmp_path / "pc")
    bck.ok("profile", "add", "docs", "--host", "pc1", "--source", str(docs), "--bwlimit", "12M")
    (docs / "a-small").write_text("one")
    scene.write_big()
    scene.back_up()
    (docs / "a-small").write_text("other")
    scene.note()
    scene.back_up()
    return scene


def below(process: Running, program: str) -> list[int]:
    """Processes of that program below ours; of rsync first the one we started, then its receiver."""
    found = []
    for pid in descendants(process.pid):
        with contextlib.suppress(OSError):
            if Path(f"/proc/{pid}/comm").read_text().strip() == program:
                found.append(pid)
    return found


@contextlib.contextmanager
def stopped(lines: list[int]) -> Iterator[None]:
    """The line stands still: the file is under way as long as the test needs."""
    for pid in lines:
        os.kill(pid, signal.SIGSTOP)
    yield
    for pid in lines:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM], ids=["kill", "term"])
def test_the_runner_is_killed_and_the_file_changes_before_the_next_run(scene: Scene, number: int):
    scene.write_big()
    process = scene.start()
    process.send_signal(number)
    process.wait(20)
    scene.nothing_is_left_running()
    scene.current_is_clean()
    scene.write_big()
    done = scene.back_up()
    assert done["made_point"]
    scene.current_is_clean()
    scene.every_point_restores()
    assert scene.bck.ailing() == {}


@pytest.mark.long
def test_the_runner_is_killed_twice_in_a_row(scene: Scene):
    for _ in range(2):
        scene.write_big()
        (scene.docs / "a-small").write_bytes(os.urandom(100))  # goes through before the big one is cut
        scene.note()
        process = scene.start()
        process.kill()
        process.wait(20)
        scene.nothing_is_left_running()
        scene.current_is_clean()
        scene.every_point_restores()
    scene.back_up()
    scene.every_point_restores()


@pytest.mark.parametrize(
    ("which", "number"),
    [
        pytest.param(0, signal.SIGTERM, id="rsync-term", marks=pytest.mark.long),
        pytest.param(0, signal.SIGKILL, id="rsync-kill"),
        pytest.param(1, signal.SIGTERM, id="receiver-term", marks=pytest.mark.long),
        pytest.param(1, signal.SIGKILL, id="receiver-kill"),
    ],
)
def test_rsync_is_killed_and_the_file_changes_before_the_retry(scene: Scene, which: int, number: int):
    scene.write_big()
    process = scene.start()
    pids = below(process, "rsync")
    assert len(pids) >= 2, pids
    with stopped(below(process, "ssh")):
        scene.write_big()
        world = world_of_folder(scene.docs)
        os.kill(pids[which], number)
    assert process.wait(PATIENCE * 2) == 0
    scene.nothing_is_left_running()
    scene.current_is_clean()
    done = scene.bck.ok("jobs")["items"][0]["result"]
    assert done["attempts"] == 2, done
    scene.worlds[done["run_id"]] = world
    scene.every_point_restores()


def test_the_line_is_cut_and_the_file_changes_before_the_retry(scene: Scene, tmp_path: Path):
    scene.write_big()
    process = scene.start()
    lines = below(process, "ssh")
    assert lines, "no ssh was found to kill"
    with stopped(lines):
        scene.write_big()
        world = world_of_folder(scene.docs)
        for pid in lines:  # the first one gone, the other may end by itself
            with contextlib.suppress(ProcessLookupError) if pid != lines[0] else contextlib.nullcontext():
                os.kill(pid, signal.SIGKILL)
    assert process.wait(PATIENCE * 2) == 0
    scene.nothing_is_left_running()
    done = scene.bck.ok("jobs")["items"][0]["result"]
    assert done["attempts"] == 2, done
    scene.worlds[done["run_id"]] = world
    scene.current_is_clean()
    scene.every_point_restores()


def test_a_killed_server_goes_on_with_the_job_when_it_starts_again(scene: Scene):
    scene.write_big()
    with scene.bck.serving() as (server, _):
        since = time.time_ns()
        job = scene.bck.ok("backup", "docs")["job_id"]
        assert eventually(lambda: scene.under_way(since))
        server.kill()
        server.wait(20)
    scene.nothing_is_left_running()
    scene.current_is_clean()
    scene.write_big()
    world = world_of_folder(scene.docs)
    with scene.bck.serving():
        assert scene.bck.run("log", job, "--follow").code == 0
    done = scene.bck.ok("status", job)
    assert (done["status"], done["claims"]) == ("succeeded", 2)
    scene.worlds[done["result"]["run_id"]] = world
    scene.current_is_clean()
    scene.every_point_restores()
