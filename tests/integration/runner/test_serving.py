"""The parts of `bck serve` end together, and before the lock of the one runner is given up."""

from contextlib import ExitStack
from pathlib import Path
from threading import enumerate as living

import pytest

from bck_adapters.memory import SettableClock
from bck_apps.cli.serve import _Door, _Serving
from bck_apps.runner.signals import StopSignals
from tests.support.api_world import memory_application


def runs() -> bool:
    return any(thread.name == "runner" for thread in living())


def test_a_runner_that_nobody_can_be_told_of_ends_before_its_lock_is_given_up(tmp_path: Path) -> None:
    at_the_end: list[bool] = []

    def broken() -> None:
        assert runs()
        raise BrokenPipeError

    with memory_application(tmp_path, SettableClock(), {}) as application, ExitStack() as kept:
        serving = _Serving(application, _Door(None, kept), as_json=True)
        with ExitStack() as lock, StopSignals() as signals:
            lock.callback(lambda: at_the_end.append(runs()))
            serving.with_runner(lock)
            with pytest.raises(BrokenPipeError):
                serving.run(signals, told=broken)
        serving._end_runner()  # so that nothing of it stays where the test fails
    assert at_the_end == [False]
    assert not runs()
