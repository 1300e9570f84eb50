"""ServeLock: one holder, seen by others, gone with its process."""

import signal
import subprocess
import sys

import pytest

from bck_adapters.clock import SystemClock
from bck_adapters.memory import SettableClock
from bck_apps.runner.presence import ServeLock, require_served_as_set, serve_is_up, served_by
from bckcore.errors import ConflictError, RefusedError

HOLD = """
import sys, signal
from pathlib import Path
from bck_adapters.clock import SystemClock
from bck_apps.runner.presence import ServeLock
with ServeLock(Path(sys.argv[1]), clock=SystemClock(), note="https://x"):
    print("held", flush=True)
    signal.pause()
"""


def test_nobody_serves_a_fresh_installation(tmp_path):
    assert not serve_is_up(tmp_path)
    assert served_by(tmp_path) == ""


def test_it_is_seen_while_held_and_not_afterwards(tmp_path):
    with ServeLock(tmp_path, clock=SystemClock(), note="https://127.0.0.1:1"):
        assert serve_is_up(tmp_path)
        assert "https://127.0.0.1:1" in served_by(tmp_path)
    assert not serve_is_up(tmp_path)


def test_a_second_one_is_refused_and_told_who_holds_it(tmp_path):
    with ServeLock(tmp_path, clock=SystemClock(), note="first"):
        with pytest.raises(ConflictError, match="first"), ServeLock(tmp_path, clock=SettableClock()):
            pass
        assert serve_is_up(tmp_path)


def test_a_server_whose_environment_names_its_database_is_seen_while_it_runs(tmp_path):
    require_served_as_set(tmp_path)
    held = ServeLock(tmp_path, clock=SystemClock(), environment="BCK_DATABASE__URL")
    with held, pytest.raises(RefusedError, match="BCK_DATABASE__URL"):
        require_served_as_set(tmp_path)
    require_served_as_set(tmp_path)
    with ServeLock(tmp_path, clock=SystemClock()):
        require_served_as_set(tmp_path)


def test_somebody_who_only_looks_does_not_turn_a_start_away(tmp_path):
    import fcntl
    import os
    from threading import Timer

    with ServeLock(tmp_path, clock=SystemClock()):
        pass
    looker = os.open(tmp_path / "run" / "serve.lock", os.O_RDONLY)
    fcntl.flock(looker, fcntl.LOCK_SH)
    timer = Timer(0.1, lambda: os.close(looker))
    timer.start()
    with ServeLock(tmp_path, clock=SystemClock()):
        assert serve_is_up(tmp_path)
    timer.join()


def test_it_is_gone_when_its_process_is_killed(tmp_path):
    with subprocess.Popen([sys.executable, "-c", HOLD, tmp_path], stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        assert serve_is_up(tmp_path)
        holder.send_signal(signal.SIGKILL)
        holder.wait(10)
    assert not serve_is_up(tmp_path)
