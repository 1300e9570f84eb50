"""A real sshd on the loopback that plays the PC: own keys, own port, run by whoever runs the tests.

An ordinary user's sshd can log in that same user only; that is all a pull needs.
"""

from __future__ import annotations

import contextlib
import getpass
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bckcore.domain.credential import KeyCredential
from bckcore.domain.host import Host
from bckcore.domain.ids import HostId
from bckcore.domain.secret import Secret

_PATIENCE = 20
_QUICK = ("KexAlgorithms curve25519-sha256,ecdh-sha2-nistp256",)
"""The exchange that OpenSSH prefers keeps each side busy for a third of a second, which hundreds of
connections of a test run would mostly be waiting for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyPair:
    """A key as OpenSSH writes it."""

    private: str
    public: str
    """``type base64``, as hosts are pinned."""


def new_key(*, ecdsa: bool = False) -> KeyPair:
    """A fresh key pair, ed25519 unless asked otherwise."""
    key = generate_private_key(SECP256R1()) if ecdsa else Ed25519PrivateKey.generate()
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    return KeyPair(private=private.decode(), public=public.decode())


@dataclass(slots=True)
class LoopbackSshd:
    """An sshd that can be stopped, started again on the same port, and given other host keys."""

    folder: Path
    """Private to it: configuration, keys, log. Its path may be long, not strange."""
    options: tuple[str, ...] = ()
    """More lines of sshd_config, for example ``ForceCommand false``."""
    address: str = "127.0.0.1"
    more_addresses: tuple[str, ...] = ()
    """Further ones it listens on, at the same port: so many PCs played by one process."""
    user: str = field(default_factory=getpass.getuser)
    login: KeyPair = field(default_factory=new_key)
    """The key that may log in."""
    key_options: str = ""
    """What stands before that key in authorized_keys, for example ``restrict,command="…"``."""
    authorized: str | None = None
    """The whole authorized_keys, in the place of the line for that key."""
    host_keys: list[KeyPair] = field(default_factory=lambda: [new_key()])
    port: int = 0
    process: subprocess.Popen[bytes] | None = None
    as_installed: bool = False
    """It exchanges keys as OpenSSH does by itself, instead of the quick way."""

    def start(self) -> None:
        """Listen; returns once it accepts connections. The first start chooses the port."""
        self.folder.mkdir(parents=True, exist_ok=True)
        if os.geteuid() == 0:
            Path("/run/sshd").mkdir(exist_ok=True)  # sshd run by root insists on it
        for _ in range(1 if self.port else 5):
            port = self.port or free_port()
            self._write_files(port)
            process = self._spawn()
            if self._answers(process, port):
                self.process, self.port = process, port
                return
            process.kill()
            process.wait()
        raise RuntimeError(f"sshd did not start:\n{self.log()}")

    def stop(self) -> None:
        """Stop listening and drop every connection. Safe to repeat."""
        if self.process is None:
            return
        family = [self.process.pid, *descendants(self.process.pid)]
        for pid in family:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait()
        self.process = None

    def drop_connections(self) -> None:
        """Cut every connection as a pulled plug would, and go on listening."""
        assert self.process is not None
        for pid in descendants(self.process.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def log(self) -> str:
        """What sshd said so far."""
        path = self.folder / "sshd.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def host(self, *, name: str = "pc1", roots: tuple[str, ...] = ("/",)) -> Host:
        """The Host this sshd plays, its keys pinned."""
        return Host(
            id=HostId(name),
            address=self.address,
            port=self.port,
            user=self.user,
            host_keys=tuple(key.public for key in self.host_keys),
            allowed_roots=roots,
        )

    @property
    def key(self) -> Secret[str]:
        """The private key that may log in."""
        return Secret(self.login.private)

    @property
    def credential(self) -> KeyCredential:
        """The same, as a transport takes it."""
        return KeyCredential(self.key)

    def _write_files(self, port: int) -> None:
        names = []
        for number, key in enumerate(self.host_keys):
            path = self.folder / f"host_key_{number}"
            _write_private(path, key.private)
            names.append(f"HostKey {path}")
        own = f"{self.key_options} {self.login.public}".lstrip()
        authorized = own if self.authorized is None else self.authorized
        _write_private(self.folder / "authorized_keys", f"{authorized}\n")
        lines = [
            *(f"ListenAddress {address}:{port}" for address in (self.address, *self.more_addresses)),
            *names,
            f"AuthorizedKeysFile {self.folder / 'authorized_keys'}",
            "PasswordAuthentication no",
            "KbdInteractiveAuthentication no",
            "UsePAM no",
            "StrictModes no",
            "PermitRootLogin prohibit-password",
            "PidFile none",
            "LogLevel VERBOSE",
            *(() if self.as_installed else _QUICK),
            *self.options,
        ]
        _write_private(self.folder / "sshd_config", "\n".join(lines) + "\n")

    def _spawn(self) -> subprocess.Popen[bytes]:
        with (self.folder / "sshd.log").open("ab") as log:
            return subprocess.Popen(
                [sshd_program(), "-D", "-e", "-f", str(self.folder / "sshd_config")],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def _answers(self, process: subprocess.Popen[bytes], port: int) -> bool:
        until = time.monotonic() + _PATIENCE
        while time.monotonic() < until and process.poll() is None:
            try:
                with socket.create_connection((self.address, port), timeout=1) as sock:
                    return sock.recv(4) == b"SSH-"
            except OSError:
                time.sleep(0.02)  # nothing to wait on: another program is about to listen
        return False


@contextlib.contextmanager
def running_sshd(folder: Path, *options: str, as_installed: bool = False) -> Iterator[LoopbackSshd]:
    """An sshd for the time of the context."""
    sshd = LoopbackSshd(folder, options, as_installed=as_installed)
    sshd.start()
    try:
        yield sshd
    finally:
        sshd.stop()


def sshd_program() -> str:
    """Full path of sshd, which insists on being called by it; empty when there is none."""
    path = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/local/sbin", "/usr/sbin"])
    return shutil.which("sshd", path=path) or ""


def free_port(address: str = "127.0.0.1") -> int:
    """A port nobody listens on at the moment."""
    with socket.socket() as sock:
        sock.bind((address, 0))
        return int(sock.getsockname()[1])


def descendants(pid: int) -> list[int]:
    """All processes below ``pid``, children before grandchildren."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                stat = (entry / "stat").read_text(errors="replace")
                children.setdefault(int(stat.rpartition(")")[2].split()[1]), []).append(int(entry.name))
    found = list(children.get(pid, ()))
    for child in found:
        found += children.get(child, ())
    return found


def _write_private(path: Path, text: str) -> None:
    path.unlink(missing_ok=True)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as stream:
        stream.write(text)


if __name__ == "__main__":  # `python -m tests.support.sshd FOLDER`: for trying things out by hand
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # so that the context ends and takes sshd along
    with running_sshd(Path(sys.argv[1]), as_installed=True) as served:
        _write_private(Path(sys.argv[1]) / "login", served.login.private)
        print(f"port {served.port}, user {served.user}, key in {sys.argv[1]}/login", flush=True)
        signal.pause()
