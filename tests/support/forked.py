"""Processes that begin where the imports are over: forks of one server per test process.

`bck` spends most of a short command on importing; a story of forty commands would be mostly that. The forks
run the same code in a process, an environment and a folder of their own.
"""

import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from multiprocessing.context import ForkServerContext
from multiprocessing.reduction import DupFd
from pathlib import Path
from typing import IO, Any

# Nothing here may start a thread: a fork copies only the thread that forks.
_PRELOADED = (
    "alembic.command",
    "alembic.runtime.migration",
    "bck_adapters.dbos.plugin",
    "bck_adapters.memory.plugin",
    "bck_adapters.rsync.plugin",
    "bck_adapters.sql.plugin",
    "bck_adapters.sql.migrations",
    "bck_adapters.storage_fs.plugin",
    "bck_adapters.vault_file.plugin",
    "bck_apps.api",
    "bck_apps.cli.main",
    "bck_apps.runner.main",
    "bck_apps.wiring",
    "tests.support.forked",
    "tests.support.frozen",
    "tests.support.killed",
    "uvicorn",
    "tests.support.warmed",
)


def fork_context() -> ForkServerContext:
    """Makes processes; all tests share its server, so all that any of them needs is loaded there."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(_PRELOADED))
    return context


def settled_in(environment: Mapping[str, str], folder: Path, *streams: Path) -> None:
    """In a fork: an environment, a folder, and files for the three standard streams, all of its own."""
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    for number, (path, mode) in enumerate(zip(streams, "raa", strict=True)):
        with path.open(mode) as stream:
            os.dup2(stream.fileno(), number)
    sys.stdin, sys.stdout, sys.stderr = (os.fdopen(n, mode) for n, mode in enumerate("rww"))
    sys.path[:0] = filter(None, environment.get("PYTHONPATH", "").split(os.pathsep))


def forked_bck(
    arguments: Sequence[str | bytes],
    *,
    text: str,
    environment: Mapping[str, str],
    folder: Path,
    seconds: float,
) -> tuple[int, bytes, bytes]:
    """`bck` with these arguments in a fork: its exit status, standard output and standard error."""
    words = [os.fsdecode(word) for word in arguments]
    with tempfile.TemporaryDirectory(prefix="f") as place:
        streams = [Path(place, name) for name in ("in", "out", "err")]
        streams[0].write_text(text, encoding="utf-8")
        process = fork_context().Process(target=_bck, args=(words, dict(environment), folder, streams))
        process.start()
        process.join(seconds)
        code = process.exitcode
        if code is None:
            process.kill()
            process.join()
        process.close()
        assert code is not None, f"bck {words} did not end: {streams[2].read_text(errors='replace')}"
        return code, streams[1].read_bytes(), streams[2].read_bytes()


class ForkedProcess:
    """A `bck` that goes on, in a fork with a session of its own; to be used as a ``subprocess.Popen``."""

    def __init__(
        self,
        arguments: Sequence[str],
        *,
        environment: Mapping[str, str],
        folder: Path,
        errors: Path,
        stdout: int | IO[bytes],
    ) -> None:
        """``stdout``: ``subprocess.PIPE``, ``subprocess.DEVNULL`` or a file; ``errors`` is added to."""
        self.stdout: IO[bytes] | None = None
        if stdout == subprocess.PIPE:
            reading, given = os.pipe()
            self.stdout = os.fdopen(reading, "rb")
        elif stdout == subprocess.DEVNULL:
            given = os.open(os.devnull, os.O_WRONLY)
        else:
            assert not isinstance(stdout, int)
            given = os.dup(stdout.fileno())
        started = _Started(list(arguments), dict(environment), folder, errors, given)
        self._process = fork_context().Process(target=started.run)
        self._process.start()
        os.close(given)
        assert self._process.pid is not None
        self.pid = self._process.pid

    @property
    def returncode(self) -> int | None:
        """As :meth:`poll` gives it."""
        return self._process.exitcode

    def poll(self) -> int | None:
        """The exit status, negative for a signal; None while it runs."""
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        """Await its end. Raises subprocess.TimeoutExpired."""
        self._process.join(timeout)
        code = self._process.exitcode
        if code is None:
            raise subprocess.TimeoutExpired(["bck"], timeout or 0.0)
        return code

    def send_signal(self, number: int) -> None:
        """Nothing where it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """SIGKILL."""
        self.send_signal(signal.SIGKILL)

    def terminate(self) -> None:
        """SIGTERM."""
        self.send_signal(signal.SIGTERM)


class _Started:
    """What such a fork is given; the descriptor is sent along."""

    def __init__(
        self, words: list[str], environment: dict[str, str], folder: Path, errors: Path, stdout: int
    ) -> None:
        self._words, self._environment, self._folder, self._errors = words, environment, folder, errors
        self._stdout = stdout

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_stdout": DupFd(self._stdout)}

    def run(self) -> None:
        os.setsid()
        given = self._stdout.detach()  # type: ignore[attr-defined]  # on this side a DupFd
        streams = [Path(os.devnull), Path(f"/proc/self/fd/{given}"), self._errors]
        _bck(self._words, self._environment, self._folder, streams)


def _bck(words: list[str], environment: dict[str, str], folder: Path, streams: list[Path]) -> None:
    from bck_apps.cli.main import main

    settled_in(environment, folder, *streams)
    sys.argv = ["bck", *words]
    main()
