"""An SSH server that takes a password and starts the commands it is asked for.

A real sshd asks the system about passwords, which an ordinary user's sshd may not. So paramiko plays the
server's side of the protocol here; client, askpass and rsync are the real ones.
"""

from __future__ import annotations

import contextlib
import getpass
import io
import os
import socket
import subprocess
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from queue import Empty, Queue
from threading import Event, Thread
from typing import IO

import paramiko

from bckcore.domain.credential import PasswordCredential
from bckcore.domain.host import Host
from bckcore.domain.ids import HostId
from bckcore.domain.login import Login
from bckcore.domain.secret import Secret
from tests.support.sshd import KeyPair, new_key

_PATIENCE = 60


@dataclass
class PasswordServer:
    """Listens on a port of the loopback; each connection has a thread of its own."""

    password: str
    host_key: KeyPair = field(default_factory=new_key)
    interactive: bool = False
    """It asks by keyboard-interactive alone, as PAM often does."""
    silent: bool = False
    """It lets in, and as long as it is served it does not answer what it is asked to start."""
    asked: Event = field(default_factory=Event)
    """Set once it was asked to start something."""
    on_login: Callable[[], None] = lambda: None
    """Called while a client waits to be let in."""
    logins: list[bool] = field(default_factory=list)
    """For each password that was shown, whether it was right."""
    _listening: socket.socket = field(init=False)
    _threads: list[Thread] = field(default_factory=list, init=False)
    _stopped: Event = field(default_factory=Event, init=False)

    def __post_init__(self) -> None:
        self._listening = socket.create_server(("127.0.0.1", 0))

    @property
    def host(self) -> Host:
        """The Host this plays."""
        return Host(
            id=HostId("pc1"),
            address="127.0.0.1",
            port=self._listening.getsockname()[1],
            user=getpass.getuser(),
            login=Login.PASSWORD,
            host_keys=(self.host_key.public,),
            allowed_roots=("/",),
        )

    @property
    def credential(self) -> PasswordCredential:
        """What lets the server in."""
        return PasswordCredential(Secret(self.password))

    def serve(self) -> None:
        """Take connections until it is stopped."""
        while True:
            try:
                sock, _ = self._listening.accept()
            except OSError:
                return
            self._begin(self._serve_one, sock)

    def stop(self) -> None:
        """Take no more, and wait for all threads."""
        self._stopped.set()
        with contextlib.suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        for thread in self._threads:
            thread.join(_PATIENCE)

    def hold(self) -> None:
        """Until it is stopped."""
        self._stopped.wait(_PATIENCE)

    def checked(self, password: str) -> int:
        """paramiko's answer to a password."""
        self.on_login()
        right = password == self.password
        self.logins.append(right)
        return int(paramiko.AUTH_SUCCESSFUL if right else paramiko.AUTH_FAILED)

    def _begin(self, work: Callable[..., None], *args: object) -> None:
        thread = Thread(target=work, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _serve_one(self, sock: socket.socket) -> None:
        with sock, paramiko.Transport(sock) as transport:
            transport.set_log_channel("tests.password_server")
            transport.add_server_key(paramiko.Ed25519Key.from_private_key(io.StringIO(self.host_key.private)))
            with contextlib.suppress(paramiko.SSHException, EOFError, OSError):
                door = _Door(self)
                transport.start_server(server=door)
                while transport.is_active() and not self._stopped.is_set():
                    channel = transport.accept(0.1)
                    if channel is not None:
                        self._begin(_carry_out, channel, door.commands[channel.get_id()])


class _Door(paramiko.ServerInterface):  # type: ignore[misc]  # paramiko has no types
    def __init__(self, server: PasswordServer) -> None:
        self._server = server
        self.commands: dict[int, Queue[bytes]] = defaultdict(Queue)

    def get_allowed_auths(self, username: str) -> str:  # the argument is paramiko's
        return "keyboard-interactive" if self._server.interactive else "password"

    def check_auth_password(self, username: str, password: str) -> int:  # same
        return paramiko.AUTH_FAILED if self._server.interactive else self._server.checked(password)

    def check_auth_interactive(
        self,
        username: str,  # same
        submethods: str,  # same
    ) -> paramiko.InteractiveQuery | int:
        if not self._server.interactive:
            return paramiko.AUTH_FAILED
        return paramiko.InteractiveQuery("", "", ("Password: ", False))

    def check_auth_interactive_response(self, responses: list[str]) -> int:
        return self._server.checked(responses[0])

    def check_channel_request(self, kind: str, chanid: int) -> int:  # same
        fits = kind == "session"
        return int(paramiko.OPEN_SUCCEEDED if fits else paramiko.OPEN_FAILED_UNKNOWN_CHANNEL_TYPE)

    def check_channel_exec_request(self, channel: paramiko.Channel, command: bytes) -> bool:
        self._server.asked.set()
        if self._server.silent:
            self._server.hold()
        self.commands[channel.get_id()].put(command)
        return True


def _carry_out(channel: paramiko.Channel, commands: Queue[bytes]) -> None:
    """Run what is asked for, which comes a moment after the channel, with it as the three streams."""
    try:
        command = commands.get(timeout=_PATIENCE)
    except Empty:
        return
    program = subprocess.Popen(
        ["/bin/sh", "-c", command],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={"PATH": os.defpath, "HOME": "/nonexistent"},
        bufsize=0,
    )
    assert program.stdin is not None
    assert program.stdout is not None
    assert program.stderr is not None
    pumps = [
        Thread(target=_pump, args=(program.stdout, channel.sendall), daemon=True),
        Thread(target=_pump, args=(program.stderr, channel.sendall_stderr), daemon=True),
    ]
    feeding = Thread(target=_feed, args=(channel, program), daemon=True)
    for thread in (*pumps, feeding):
        thread.start()
    for thread in pumps:
        thread.join()
    code = program.wait()
    if code >= 0:  # of one that a signal ended ssh hears no status, and answers with 255 as always
        with contextlib.suppress(OSError, EOFError):
            channel.send_exit_status(code)
    channel.close()
    feeding.join()
    for stream in (program.stdin, program.stdout, program.stderr):
        stream.close()


def _pump(stream: IO[bytes], send: Callable[[bytes], object]) -> None:
    """Until one side is gone; a program that nobody hears any more is told so by its closed pipe."""
    with contextlib.closing(stream), contextlib.suppress(OSError, EOFError, ValueError):
        while chunk := stream.read(1 << 15):
            send(chunk)


def _feed(channel: paramiko.Channel, program: subprocess.Popen[bytes]) -> None:
    assert program.stdin is not None
    with contextlib.suppress(OSError, EOFError, ValueError):
        while chunk := channel.recv(1 << 15):
            program.stdin.write(chunk)
    with contextlib.suppress(OSError):
        program.stdin.close()


@contextlib.contextmanager
def password_server(
    password: str, *, interactive: bool = False, silent: bool = False
) -> Iterator[PasswordServer]:
    """One for the time of the context."""
    server = PasswordServer(password, interactive=interactive, silent=silent)
    thread = Thread(target=server.serve, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.stop()
        thread.join(_PATIENCE)
