"""Real processes: who lives, who is dead, who may be ended - and who merely has the same number."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from bck_adapters.processes import LinuxProcesses
from bck_adapters.processes.linux import parsed_stat
from bckcore.domain.holder import Holder

PATIENCE = 30.0
ON_LINE = "import sys; sys.stdin.readline()"


@pytest.fixture
def processes() -> LinuxProcesses:
    return LinuxProcesses()


@contextmanager
def child(code: str = ON_LINE, *, fds: tuple[int, ...] = ()) -> Iterator[subprocess.Popen[bytes]]:
    """A process of a session of its own, which waits until it is told to end."""
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, pass_fds=fds, start_new_session=True
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        assert process.stdin is not None
        process.stdin.close()


def holder_of(processes: LinuxProcesses, process: subprocess.Popen[bytes]) -> Holder:
    found = processes.named(process.pid)
    assert found is not None
    return found


def file_id(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_dev, status.st_ino


def test_this_process_knows_itself_and_lives(processes: LinuxProcesses) -> None:
    me = processes.me()
    assert (me, me.pid) == (processes.named(os.getpid()), os.getpid())
    assert all((me.machine, me.boot, me.space, me.started))
    assert not processes.is_dead(me)
    assert Holder.of(me.data()) == me


def test_a_living_process_is_not_dead_and_a_killed_one_is_at_once(processes: LinuxProcesses) -> None:
    with child() as process:
        holder = holder_of(processes, process)
        assert not processes.is_dead(holder)
        os.kill(process.pid, signal.SIGSTOP)
        assert not processes.is_dead(holder)
        os.kill(process.pid, signal.SIGKILL)
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # its status is still to be asked for
        assert processes.is_dead(holder)
        process.wait()
        assert processes.is_dead(holder)


def test_a_number_that_names_another_process_by_now_means_death(processes: LinuxProcesses) -> None:
    with child() as process:
        before = replace(holder_of(processes, process), started=1)
        assert processes.is_dead(before)


@pytest.mark.parametrize("field", ["machine", "boot", "space"])
def test_of_another_machine_start_or_container_nothing_is_proved(
    processes: LinuxProcesses, tmp_path: Path, field: str
) -> None:
    (tmp_path / "f").touch()
    with child() as process, (tmp_path / "f").open() as file:
        away = replace(holder_of(processes, process), **{field: "other"})  # type: ignore[arg-type]  # texts
        gone = replace(away, pid=2**22 - 1)
        assert not processes.is_dead(away)
        assert not processes.is_dead(gone)
        assert not processes.kill(away, using=file_id(Path(file.name)))
        assert process.poll() is None


def test_the_process_that_has_the_file_open_is_killed_also_when_it_is_frozen(
    processes: LinuxProcesses, tmp_path: Path
) -> None:
    with (tmp_path / "lock").open("w") as lock, child(fds=(lock.fileno(),)) as process:
        os.kill(process.pid, signal.SIGSTOP)
        assert processes.kill(holder_of(processes, process), using=file_id(tmp_path / "lock"))
        assert process.wait(PATIENCE) == -signal.SIGKILL


def test_a_process_that_merely_has_the_same_number_is_not_killed(
    processes: LinuxProcesses, tmp_path: Path
) -> None:
    with (tmp_path / "lock").open("w") as lock, child(fds=(lock.fileno(),)) as process:
        holder = holder_of(processes, process)
        using = file_id(tmp_path / "lock")
        assert not processes.kill(replace(holder, started=holder.started - 1), using=using)
        assert not processes.kill_group(replace(holder, started=holder.started - 1), using=using)
        assert process.poll() is None


def test_a_process_that_has_not_the_file_open_is_not_killed(
    processes: LinuxProcesses, tmp_path: Path
) -> None:
    (tmp_path / "lock").touch()
    with child() as process:
        holder = holder_of(processes, process)
        assert not processes.kill(holder, using=file_id(tmp_path / "lock"))
        assert not processes.kill_group(holder, using=file_id(tmp_path / "lock"))
        assert process.poll() is None


def test_we_are_never_killed_by_ourselves(processes: LinuxProcesses, tmp_path: Path) -> None:
    with (tmp_path / "lock").open("w"):
        assert not processes.kill(processes.me(), using=file_id(tmp_path / "lock"))
        own_group = processes.named(os.getpgrp())
        if own_group is not None:
            assert not processes.kill_group(own_group, using=file_id(tmp_path / "lock"))


def test_what_is_left_of_a_group_whose_leader_is_gone_is_killed(
    processes: LinuxProcesses, tmp_path: Path
) -> None:
    """The leader starts a second process that keeps the file open, tells its number, and ends."""
    told = tmp_path / "told"
    code = (
        "import os, sys, time\n"
        "if os.fork() == 0:\n"
        f"    open({str(told)!r} + '.new', 'w').write(str(os.getpid()))\n"
        f"    os.rename({str(told)!r} + '.new', {str(told)!r})\n"
        "    time.sleep(600)\n"
        "sys.stdin.readline()\n"
    )
    with (tmp_path / "lock").open("w") as lock, child(code, fds=(lock.fileno(),)) as process:
        leader = holder_of(processes, process)
        until = time.monotonic() + PATIENCE
        while not told.exists() and time.monotonic() < until:
            time.sleep(0.01)  # a file that another process makes cannot be awaited
        member = processes.named(int(told.read_text()))
        assert member is not None
        assert process.stdin is not None
        process.stdin.write(b"\n")
        process.stdin.flush()
        process.wait(PATIENCE)
        assert not processes.is_dead(member)
        assert processes.kill_group(leader, using=file_id(tmp_path / "lock")) == 1
        assert processes.is_dead(member)
        assert processes.kill_group(leader, using=file_id(tmp_path / "lock")) == 0


@pytest.mark.parametrize("name", [b"python3", b"a b) (c", b") S 1 2 3", b""])
def test_the_line_of_a_process_is_understood_whatever_its_name(name: bytes) -> None:
    rest = b"S 1 40 41 " + b" ".join(b"%d" % number for number in range(7, 60))
    seen = parsed_stat(b"42 (" + name + b") " + rest)
    assert (seen.pid, seen.group, seen.session, seen.started) == (42, 40, 41, 22)
