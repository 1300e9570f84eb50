"""FifoBell between processes, and where its pipe is not what it should be."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from bck_adapters.bell import FifoBell

PATIENCE = 60.0
CODE = """
import sys, signal
from pathlib import Path
from bck_adapters.bell import FifoBell
bell = FifoBell(Path(sys.argv[2]))
if sys.argv[1] == "ring":
    bell.ring()
else:
    with bell.listening(lambda: print("heard", flush=True)):
        print("listening", flush=True)
        signal.pause()
"""


def ring_elsewhere(path: Path) -> None:
    subprocess.run([sys.executable, "-c", CODE, "ring", path], check=True, timeout=PATIENCE)


def test_a_ring_is_heard_in_another_process(tmp_path: Path) -> None:
    heard = threading.Event()
    with FifoBell(tmp_path / "bell").listening(heard.set):
        ring_elsewhere(tmp_path / "bell")
        assert heard.wait(PATIENCE)


def test_after_a_listener_was_killed_nobody_waits_and_the_next_one_hears(tmp_path: Path) -> None:
    path = tmp_path / "bell"
    bell, heard = FifoBell(path), threading.Event()
    with subprocess.Popen([sys.executable, "-c", CODE, "listen", path], stdout=subprocess.PIPE) as listener:
        assert listener.stdout is not None
        assert listener.stdout.readline() == b"listening\n"
        bell.ring()
        assert listener.stdout.readline() == b"heard\n"
        listener.kill()
        listener.wait(PATIENCE)
    bell.ring()
    with bell.listening(heard.set):
        ring_elsewhere(path)
        assert heard.wait(PATIENCE)


def test_the_pipe_is_private_and_its_path_may_be_long(tmp_path: Path) -> None:
    path = tmp_path / ("long" * 40) / "bell"
    path.parent.mkdir()
    heard = threading.Event()
    bell = FifoBell(path)
    with bell.listening(heard.set):
        assert path.stat().st_mode & 0o777 == 0o600
        bell.ring()
        assert heard.wait(PATIENCE)


def test_what_stands_in_the_place_of_the_pipe_is_not_written_to_and_gives_way(tmp_path: Path) -> None:
    path = tmp_path / "bell"
    path.write_bytes(b"kept")
    bell, heard = FifoBell(path), threading.Event()
    bell.ring()
    assert path.read_bytes() == b"kept"
    (tmp_path / "other").write_bytes(b"kept")
    path.unlink()
    path.symlink_to(tmp_path / "other")
    bell.ring()
    with bell.listening(heard.set):
        bell.ring()
        assert heard.wait(PATIENCE)
    assert (tmp_path / "other").read_bytes() == b"kept"


def test_without_a_place_for_the_pipe_the_work_goes_on_and_it_is_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    bell = FifoBell(tmp_path / "missing" / "bell")
    with caplog.at_level(logging.WARNING), bell.listening(lambda: None):
        bell.ring()
    assert "only polled" in caplog.text
    assert os.listdir(tmp_path) == []
