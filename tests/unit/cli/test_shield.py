"""Memory with secrets in it goes into no core file, and files of the server are private."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from bck_apps.cli.shield import leaves_no_core

TOLD = """
import json, os, resource, subprocess, sys
from bck_apps.cli.shield import keep_files_private, shield, shielded
before = shielded()
{calls}
child = "import resource, json; print(json.dumps(resource.getrlimit(resource.RLIMIT_CORE)))"
core = json.loads(subprocess.run([sys.executable, "-c", child], capture_output=True, check=True).stdout)
with open(sys.argv[1], "w"):
    mode = os.stat(sys.argv[1]).st_mode & 0o777
print(json.dumps([before, shielded(), core, mode]), flush=True)
sys.stdin.read()
"""


def told(calls: str, file: Path) -> tuple[list[object], bool]:
    """What a process says of itself after these calls, and whether another may read its environment."""
    os.umask(0o022)
    command = [sys.executable, "-c", TOLD.format(calls=calls), str(file)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        said = json.loads(process.stdout.readline())
        try:
            readable = bool(Path(f"/proc/{process.pid}/environ").read_bytes())
        except PermissionError:
            readable = False
    return said, readable


def test_a_shielded_process_and_what_it_starts_leave_no_memory(tmp_path: Path) -> None:
    said, readable = told("shield()", tmp_path / "made")
    assert said[1:3] in ([True, [1, 1]], [True, [0, 0]])
    assert readable  # so that who takes over a frozen process sees what it has open


@pytest.mark.parametrize(("calls", "mode"), [("keep_files_private()", 0o600), ("", 0o644)])
def test_files_of_the_server_are_private_unless_they_say_otherwise(
    tmp_path: Path, calls: str, mode: int
) -> None:
    said, _ = told(calls, tmp_path / "made")
    assert said[3] == mode


def test_a_server_may_open_as_many_files_as_it_is_allowed_at_most() -> None:
    program = """
import resource
from bck_apps.cli.shield import take_open_files
resource.setrlimit(resource.RLIMIT_NOFILE, (64, 512))
take_open_files()
print(resource.getrlimit(resource.RLIMIT_NOFILE))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "(512, 512)\n"


@pytest.mark.parametrize(
    ("soft", "hard", "pattern", "none"),
    [
        (1, 1, "|/usr/lib/systemd/systemd-coredump %P", True),
        (0, 0, "|/usr/lib/systemd/systemd-coredump %P", False),
        (0, 1, "|/usr/lib/systemd/systemd-coredump %P", False),
        (0, 0, "core", True),
        (1, 1, "core", True),
        (0, 4096, "core", False),
    ],
)
def test_a_program_that_collects_cores_is_stopped_by_a_limit_of_one_alone(
    soft: int, hard: int, pattern: str, none: bool
) -> None:
    assert leaves_no_core(soft, hard, pattern) is none
