"""Programs are followed, stopped, and leave nothing behind."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from bck_adapters.landlock import kernel_support
from bck_adapters.rsync.keeping import keeping_rules
from bck_adapters.rsync.process import MEMORY, Program, run
from bck_adapters.testkit.lacking import lacking


def shell(script: str, *words: str, fds: tuple[int, ...] = ()) -> Program:
    """A program that runs a shell script."""
    argv = [os.fsencode(word) for word in ("/bin/sh", "-c", script, "sh", *words)]
    return Program(argv=argv, env={"PATH": os.environ["PATH"]}, memory=MEMORY, inherit_fds=fds)


class Heard:
    """What a program said."""

    def __init__(self) -> None:
        self.out, self.err = bytearray(), bytearray()


def go(program: Program, heard: Heard | None = None, tick=lambda: None) -> int:
    """Run it, keep what it says."""
    heard = heard or Heard()
    return run(program, on_stdout=heard.out.extend, on_stderr=heard.err.extend, tick=tick)


def test_output_is_passed_on_and_the_code_returned() -> None:
    heard = Heard()
    assert go(shell("echo out; echo err >&2; exit 7"), heard) == 7
    assert (bytes(heard.out), bytes(heard.err)) == (b"out\n", b"err\n")


def test_a_file_grows_to_what_it_may_have_and_no_further(tmp_path: Path) -> None:
    # The program hears of it by an error, not by its end, so that it can say which file it was.
    heard, file = Heard(), tmp_path / "file"
    script = 'head -c 5000 /dev/zero > "$1"; echo "$?"'
    assert go(replace(shell(script, str(file)), largest=4000), heard) == 0
    assert (bytes(heard.out), b"too large" in bytes(heard.err)) == (b"1\n", True)
    assert file.stat().st_size == 4096
    assert go(shell(script, str(file)), heard := Heard()) == 0
    assert bytes(heard.out) == b"0\n"


KEPT = """
    cd "$1"
    can() { "$@" 2>/dev/null && printf 1 || printf 0; }
    can rm displaced/good; can mv new/a displaced/good; can ln -f new/a displaced/good
    can mv displaced/good new/b
    can sh -c ': > displaced/good'; can sh -c 'echo more >> displaced/good'
    can mv new/a displaced/a; can ln new/b displaced/b; can rm new/b; can mkdir displaced/folder
    can sh -c 'echo x > new/c'; can rm elsewhere
"""


def test_under_the_rules_of_a_pull_what_is_displaced_stays_and_more_is_added(tmp_path: Path) -> None:
    if not kernel_support():
        lacking("this kernel has no Landlock: run on Linux 5.19 or newer to try it")
    for name in ("displaced/good", "new/a", "new/b", "elsewhere"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    changed = [tmp_path / name for name in ("new", "partial", "temp")]
    for folder in changed[1:]:
        folder.mkdir()
    rules = keeping_rules(*changed, displaced=tmp_path / "displaced")
    heard = Heard()
    assert go(replace(shell(KEPT, str(tmp_path)), rules=rules), heard) == 0
    assert (bytes(heard.out), bytes(heard.err)) == (b"000000" + b"11111" + b"0", b"")
    assert (tmp_path / "displaced" / "good").read_text() == "displaced/good"
    # Whoever has started it is bound by nothing.
    (tmp_path / "displaced" / "good").unlink()


def test_a_signal_is_a_negative_code() -> None:
    assert go(shell("kill -KILL $$")) == -9


def test_arguments_reach_the_program_byte_for_byte() -> None:
    heard = Heard()
    program = Program(argv=[b"/usr/bin/printf", b"%s", b"\xff '\"$x\n"], env={}, memory=MEMORY)
    assert go(program, heard) == 0
    assert bytes(heard.out) == b"\xff '\"$x\n"


def test_what_is_said_after_the_program_ended_is_heard() -> None:
    heard = Heard()
    assert go(shell("(sleep 0.2; echo late >&2) & exit 0"), heard) == 0
    assert bytes(heard.err) == b"late\n"


def test_a_helper_that_stays_is_killed(tmp_path: Path) -> None:
    heard = Heard()
    started = time.monotonic()
    assert go(shell("sleep 600 & echo $!; exit 0"), heard) == 0
    assert time.monotonic() - started < 5
    assert _is_gone(int(heard.out))


class _StopError(Exception):
    pass


@pytest.mark.parametrize("script", ["sleep 600", "trap '' TERM; while :; do sleep 600; done"])
def test_an_exception_of_the_tick_stops_the_program_within_five_seconds(script: str) -> None:
    heard = Heard()
    started = time.monotonic()

    def tick() -> None:
        if heard.out:
            raise _StopError

    with pytest.raises(_StopError):
        go(shell(f"sleep 600 & echo $$ $!; {script}"), heard, tick)
    assert time.monotonic() - started < 5
    assert all(_is_gone(int(pid)) for pid in heard.out.split())


def test_asked_to_stop_a_program_may_clean_up(tmp_path: Path) -> None:
    def tick() -> None:
        if (tmp_path / "ready").exists():
            raise _StopError

    script = 'trap "touch $1/clean; exit 1" TERM; touch $1/ready; while :; do sleep 0.05; done'
    with pytest.raises(_StopError):
        go(shell(script, str(tmp_path)), tick=tick)
    assert (tmp_path / "clean").exists()


def test_locks_are_inherited_and_nothing_else(tmp_path: Path) -> None:
    wanted = os.open(tmp_path / "lock", os.O_RDWR | os.O_CREAT)
    other = os.open(tmp_path / "other", os.O_RDWR | os.O_CREAT)
    heard = Heard()
    try:
        go(shell("ls -l /proc/$$/fd", fds=(wanted,)), heard)
    finally:
        os.close(wanted)
        os.close(other)
    assert b"/lock\n" in heard.out
    assert b"/other\n" not in heard.out


@pytest.mark.parametrize("fd", range(3, 10))
def test_a_lock_of_any_number_survives_the_watchdogs_own_pipe(tmp_path: Path, fd: int) -> None:
    # In a program of its own, whose low numbers are free.
    script = (
        "import os, sys; from bck_adapters.rsync.process import Program, run\n"
        f"os.dup2(os.open({str(tmp_path / 'lock')!r}, os.O_RDWR | os.O_CREAT), {fd})\n"
        f"argv = [b'/bin/sh', b'-c', b'readlink /proc/$$/fd/{fd}']\n"
        f"run(Program(argv=argv, env=dict(PATH=os.environ['PATH']), memory=1 << 30, inherit_fds=({fd},)),\n"
        "    on_stdout=lambda c: os.write(1, c), on_stderr=lambda c: os.write(2, c), tick=lambda: None)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    assert done.stdout.strip() == str(tmp_path / "lock")


def test_a_program_that_does_not_exist_ends_with_127() -> None:
    assert go(Program(argv=[b"/no/such/program"], env={}, memory=MEMORY)) == 127


def test_descriptors_are_given_back() -> None:
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(5):
        go(shell("exit 0"))
    assert len(os.listdir("/proc/self/fd")) == before


def _is_gone(pid: int) -> bool:
    """True once the process is dead; it closes its files, which ends a run, a moment before."""
    until = time.monotonic() + 1
    while time.monotonic() < until:
        try:
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in ("Z", "X"):
                return True
        except OSError:
            return True
        time.sleep(0.01)  # another process's end cannot be waited for
    return False


def test_a_lower_limit_of_memory_that_stands_already_stays() -> None:
    heard = Heard()
    assert go(shell("ulimit -v"), heard) == 0
    assert bytes(heard.out) == f"{MEMORY >> 10}\n".encode()
    script = (
        "from bck_adapters.rsync.process import MEMORY, Program, run\n"
        "said = bytearray()\n"
        "program = Program(argv=[b'/bin/sh', b'-c', b'ulimit -v'], env={}, memory=MEMORY)\n"
        "run(program, on_stdout=said.extend, on_stderr=said.extend, tick=lambda: None)\n"
        "print(said.decode(), end='')\n"
    )
    limited = 'ulimit -S -v 1000000; exec "$@"'
    done = subprocess.run(
        ["/bin/sh", "-c", limited, "sh", sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    assert done.stdout == "1000000\n"
