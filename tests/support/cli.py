"""`bck` as people run it: a process with an installation of its own."""

from __future__ import annotations

import atexit
import contextlib
import functools
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from bck_adapters.clock import SystemClock
from tests.support.forked import ForkedProcess, forked_bck
from tests.support.postgresql import new_database, on_dbos, on_postgresql
from tests.support.sshd import LoopbackSshd

PASSWORD = "a long enough password"
PATIENCE = 60.0
COMMAND = (sys.executable, "-m", "bck_apps.cli")
Running = ForkedProcess | subprocess.Popen[bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """A `bck` that has ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one document on standard output."""
        return json.loads(self.out)


@dataclass(slots=True)
class Bck:
    """One installation below ``folder`` and the program that works on it."""

    folder: Path
    settings: dict[str, str] = field(default_factory=dict)
    """More environment, such as ``BCK_RUNNER__LEASE_SECONDS``."""
    cold: bool = False
    """Every command is a new interpreter that imports everything, as when a shell starts it; else a fork."""
    under: tuple[str, ...] = ()
    """What stands before the command where it is started as a service."""

    @property
    def home(self) -> Path:
        """BCK_HOME."""
        return self.folder / "home"

    @property
    def storage(self) -> Path:
        """Root of the backup storage."""
        return self.folder / "store"

    @property
    def environment(self) -> dict[str, str]:
        """What the program gets; nothing of the installation the developer may have."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("BCK_")}
        return {**kept, "BCK_HOME": str(self.home), "COLUMNS": "200", **self.settings}

    def run(self, *arguments: str | bytes, text: str = "") -> Done:
        """Run it to its end."""
        started = _by_the_shell if self.cold else forked_bck
        code, out, err = started(
            arguments, text=text, environment=self.environment, folder=self.folder, seconds=PATIENCE * 3
        )
        return Done(code=code, out=_decoded(out), err=_decoded(err))

    def ok(self, *arguments: str | bytes, text: str = "", code: int = 0) -> Any:
        """Run it with --json, insist on its exit status, give its document."""
        done = self.run(*arguments, "--json", text=text)
        assert done.code == code, f"{arguments}: {done}"
        return done.json

    def ailing(self) -> dict[str, str]:
        """What `bck doctor` finds wrong, but that the tests' own PostgreSQL writes without fsync."""
        items = self.run("doctor", "--json").json["items"]
        found = {one["name"]: str(one["detail"]) for one in items if not one["ok"]}
        if on_postgresql():
            assert "fsync" in found.pop("database")
        return found

    def start(self, *arguments: str, stdout: int | IO[bytes] = subprocess.DEVNULL) -> Running:
        """Start it in a session of its own, as a service manager would."""
        log = self.folder / "stderr.log"
        if not self.cold:
            return ForkedProcess(
                arguments, environment=self.environment, folder=self.folder, errors=log, stdout=stdout
            )
        with log.open("ab") as errors:
            return subprocess.Popen(
                [*self.under, *COMMAND, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=errors,
                env=self.environment,
                cwd=self.folder,
                start_new_session=True,
            )

    def init(self, *more: str) -> Any:
        """Make the installation, on PostgreSQL and DBOS where this whole run of tests is to be.

        One that asks for nothing of its own is a copy of one that was made so before.
        """
        nothing_there = not self.home.exists() and not self.storage.exists()
        if nothing_there and not (more or self.cold or on_postgresql()) and _after_init(self.settings):
            return _copied(self)
        where = ["--storage", str(self.storage), "--admin", "ann"]
        if on_postgresql() and "--database" not in more:
            where += ["--database", new_database()]
        made = self.ok("init", *where, "--password-stdin", *more, text=PASSWORD + "\n")
        if on_dbos():
            with (self.home / "settings.toml").open("a") as file:
                file.write('\n[queue]\nengine = "dbos"\n')
        return made

    def add_host(self, sshd: LoopbackSshd, *allow: Path, name: str = "pc1") -> Any:
        """Make the sshd known as a host."""
        key = self.folder / "login-key"
        if not key.exists():
            with open(os.open(key, os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
                file.write(sshd.login.private)
        roots = [word for path in allow for word in ("--allow", str(path))]
        where = ("--address", sshd.address, "--port", str(sshd.port), "--user", sshd.user)
        return self.ok("host", "add", name, *where, "--key", str(key), *roots, "--trust-on-first-use")

    @contextlib.contextmanager
    def serving(self, *more: str) -> Iterator[tuple[Running, dict[str, Any]]]:
        """`bck serve` on a free port, stopped at the end; with what it says when it listens."""
        process = self.start("serve", "--port", "0", "--json", *more, stdout=subprocess.PIPE)
        try:
            assert process.stdout is not None
            lines: list[bytes] = []
            while not lines or lines[-1] != b"}\n":
                lines.append(process.stdout.readline())
                assert lines[-1], (self.folder / "stderr.log").read_text()
            yield process, json.loads(b"".join(lines))
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
            process.wait(PATIENCE)
            if process.stdout is not None:
                process.stdout.close()


def _after_init(settings: Iterable[str]) -> bool:
    """True if these settings mean nothing to `bck init`."""
    return all(name.startswith(("BCK_RUNNER__", "BCK_CHECK__", "BCK_NOTIFY__")) for name in settings)


@functools.cache
def _model() -> tuple[Bck, Any]:
    """An installation as `bck init` makes it, with what it said; one for each process of tests."""
    place = tempfile.TemporaryDirectory(prefix="model")
    atexit.register(place.cleanup)
    made = Bck(Path(place.name))
    where = ("--storage", str(made.storage), "--admin", "ann")
    return made, made.ok("init", *where, "--password-stdin", text=PASSWORD + "\n")


def _copied(bck: Bck) -> Any:
    """The model, in the folder of ``bck``; nothing but its settings and its word names the place."""
    model, said = _model()
    shutil.copytree(model.home, bck.home)
    shutil.copytree(model.storage, bck.storage)
    settings = bck.home / "settings.toml"
    settings.write_text(settings.read_text().replace(str(model.folder), str(bck.folder)))
    return json.loads(json.dumps(said).replace(str(model.folder), str(bck.folder)))


def _by_the_shell(
    arguments: Sequence[str | bytes],
    *,
    text: str,
    environment: Mapping[str, str],
    folder: Path,
    seconds: float,
) -> tuple[int, bytes, bytes]:
    done = subprocess.run(
        [*COMMAND, *arguments],
        input=text.encode(),
        capture_output=True,
        env=dict(environment),
        cwd=folder,
        timeout=seconds,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def _decoded(output: bytes) -> str:
    return output.decode("utf-8", "surrogateescape")


def eventually(condition: Any, seconds: float = PATIENCE) -> bool:
    """Whether the condition holds before patience ends."""
    return SystemClock().wait(seconds, until=condition)


def processes_about(place: Path) -> list[str]:
    """Command lines of every process, but this one, that names the place."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            with contextlib.suppress(OSError):
                line = (entry / "cmdline").read_bytes()
                if os.fsencode(place) in line:
                    found.append(f"{entry.name}: {line!r}")
    return found
