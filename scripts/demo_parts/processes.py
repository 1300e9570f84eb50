"""Processes of the demonstration: started, waited for, and gone at the end, however it ends."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import FrameType
from typing import Any

START_SECONDS = 30
STOP_SECONDS = 20
LOOK_SECONDS = 0.05


class DemoError(Exception):
    """The demonstration cannot go on; says why."""


def bck_program() -> str:
    """The bck command that belongs to this interpreter."""
    beside = Path(sys.executable).parent / "bck"
    if not beside.exists():
        raise DemoError(f"There is no {beside}. Run 'make demo', which sets everything up.")
    return str(beside)


def environment(home: Path) -> dict[str, str]:
    """What the program under show sees: its home, and nothing of other installations."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("BCK_")}
    return {**kept, "BCK_HOME": str(home)}


def run_bck(home: Path, *arguments: str, stdin: str = "") -> None:
    """Run a bck command to its end. Raises DemoError with its own words if it fails."""
    done = subprocess.run(
        [bck_program(), *arguments],
        env=environment(home),
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise DemoError(f"bck {arguments[0]} ended with status {done.returncode}:\n{done.stderr.strip()}")


@contextlib.contextmanager
def served(home: Path, log: Path) -> Iterator[Mapping[str, Any]]:
    """A running ``bck serve`` on a free port; gives what its ``run/api.json`` says."""
    with log.open("wb") as sink:
        process = subprocess.Popen(
            [bck_program(), "serve", "--port", "0"],
            env=environment(home),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=sink,
            start_new_session=True,
        )
    try:
        yield _announced(process, home / "run" / "api.json", log)
    finally:
        _stop(process)


def _announced(process: subprocess.Popen[bytes], path: Path, log: Path) -> Mapping[str, Any]:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until and process.poll() is None:
        with contextlib.suppress(FileNotFoundError):
            found: Mapping[str, Any] = json.loads(path.read_text())
            return found
        time.sleep(LOOK_SECONDS)  # another process writes the file; nothing tells us when
    raise DemoError(f"bck serve did not come up; the last of its log:\n{log.read_text()[-2000:]}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Ask kindly; if that takes too long, insist, with everything it started."""
    family = descendants(process.pid)
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        for pid in family:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        process.wait()


def descendants(pid: int) -> list[int]:
    """All processes below ``pid``."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                fields = (entry / "stat").read_text(errors="replace").rpartition(")")[2].split()
                children.setdefault(int(fields[1]), []).append(int(entry.name))
    found = list(children.get(pid, ()))
    for child in found:
        found += children.get(child, ())
    return found


def left_behind(folder: Path) -> list[str]:
    """Processes that still belong to the demonstration: below us, or started with its folder's name."""
    below, above = set(descendants(os.getpid())), _ancestors()
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) in above:
            continue
        with contextlib.suppress(OSError):
            command = (entry / "cmdline").read_bytes()
            if int(entry.name) in below or os.fsencode(folder) in command:
                found.append(f"{entry.name} {command.replace(bytes(1), b' ').decode('utf-8', 'replace')}")
    return found


def _ancestors() -> set[int]:
    """This process and those that wait for it; they may have the folder as an argument."""
    found, pid = set(), os.getpid()
    while pid > 0 and pid not in found:
        found.add(pid)
        stat = Path(f"/proc/{pid}/stat").read_text(errors="replace")
        pid = int(stat.rpartition(")")[2].split()[1])
    return found


def stop_on_signals() -> None:
    """Let TERM and HUP end the demonstration the way Ctrl-C does, through every ``finally``."""

    def stop(number: int, _frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGHUP, stop)
