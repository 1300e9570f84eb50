"""A gate in front of a real sshd, or of nothing but an environment variable."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

LISTED = 'import pwd; pwd.getpwuid = lambda _: pwd.struct_passwd(("u", "x", 1, 1, "", "{home}", "/bin/sh"))'
LAUNCH = "from bck_apps.gate.main import main; main()"


@dataclass(slots=True, kw_only=True)
class GateRig:
    """A configuration of a gate, and a way to ask it for a command."""

    folder: Path
    """Private to it."""
    read: tuple[str, ...]
    restore: tuple[str, ...] = ()
    more: dict[str, str] = field(default_factory=dict)
    """Further entries, as TOML writes their values."""
    home: Path | None = None
    """What the system's list of accounts names as the home of this one; None: what it does."""

    @property
    def config(self) -> Path:
        """The configuration file."""
        return self.folder / "gate.toml"

    @property
    def log(self) -> Path:
        """Where it notes what it did."""
        return self.folder / "gate.log"

    @property
    def program(self) -> Path:
        """What sshd is to start instead of the command."""
        return self.folder / "gate"

    def write(self) -> None:
        """Make configuration and program."""
        self.folder.mkdir(parents=True, exist_ok=True)
        entries = {"read": json.dumps(self.read), "restore": json.dumps(self.restore)}
        entries |= {"log": json.dumps(str(self.log)), **self.more}
        self.config.write_text("".join(f"{name} = {value}\n" for name, value in entries.items()))
        self.config.chmod(0o600)
        launch = LAUNCH if self.home is None else f"{LISTED.format(home=self.home)}; {LAUNCH}"
        self.program.write_text(f"#!/bin/sh\nexec {sys.executable} -c '{launch}' --config {self.config}\n")
        self.program.chmod(0o700)

    def ask(self, command: str | bytes | None, **environment: str) -> subprocess.CompletedProcess[bytes]:
        """Have the gate carry out ``command``, with nothing on its input; None as in a login for a shell."""
        env: dict[bytes, bytes] = {os.fsencode(k): os.fsencode(v) for k, v in environment.items()}
        env[b"PATH"], env[b"SSH_CONNECTION"] = os.fsencode(os.defpath), b"192.0.2.7 1 192.0.2.8 22"
        env[b"LC_ALL"] = b"C.UTF-8"
        if command is not None:
            env[b"SSH_ORIGINAL_COMMAND"] = os.fsencode(command)
        return subprocess.run(
            [self.program], env=env, stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=False
        )

    def logged(self) -> list[str]:
        """Lines of the log, without the time and the number of the process."""
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        return [line.split("] ", 1)[1] for line in lines]
