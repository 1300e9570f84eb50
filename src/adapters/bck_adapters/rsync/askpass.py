"""Tell ssh a password once, over a socket that nobody but that very ssh is answered on.

ssh starts a program of ours that reads the socket. The password stands in no argument, no environment and
no file; whoever asks must be a child of the ssh that this process started for this connection, for another
program of the same account could find the socket too.
"""

import contextlib
import os
import shlex
import shutil
import socket
import struct
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

from bckcore.domain.secret import Secret
from bckcore.errors import TransferFailedError

PROGRAM = "askpass"
"""In the folder of the connection: what ssh starts, or a link to it."""
_ASKED = "ask"
_READ = (
    "import socket,sys\n"
    "s=socket.socket(socket.AF_UNIX)\n"
    "try:\n"
    "    s.connect(sys.argv[1])\n"
    "    while b:=s.recv(4096): sys.stdout.buffer.write(b)\n"
    "except OSError: sys.exit(1)\n"
)


@contextlib.contextmanager
def answering(folder: Path, password: Secret[str]) -> Iterator[None]:
    """While the context lasts, the first ssh with ``folder``'s configuration that asks is told ``password``.

    After that nobody is told anything. Raises OSError, TransferFailedError.
    """
    place = folder / _ASKED
    with contextlib.ExitStack() as stack:
        listening = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
        listening.bind(str(place))
        os.chmod(place, 0o600)
        listening.listen(4)
        _place_program(folder, place, stack)
        thread = Thread(target=_answer_once, args=(listening, folder, password), daemon=True)
        thread.start()
        try:
            yield
        finally:
            with contextlib.suppress(OSError):  # it may be closed already
                listening.shutdown(socket.SHUT_RDWR)  # wakes the thread
            thread.join()


def no_socket(folder: Path) -> TransferFailedError:
    """The error that a password cannot be used, because its socket would have too long a name."""
    return TransferFailedError(
        f"A password cannot be given to ssh: no socket can be made in {folder}, its name is too long.",
        meaning="Nobody was asked, and nothing was read.",
        advice="Let TMPDIR name a folder with a short path, or let the server in by a certificate.",
    )


def asking_words(folder: Path) -> list[str]:
    """What stands before ``ssh`` on a command line so that it asks here; empty for other logins."""
    program = folder / PROGRAM
    if not os.path.lexists(program):
        return []
    return ["env", f"SSH_ASKPASS={program}", "SSH_ASKPASS_REQUIRE=force"]


def _place_program(folder: Path, place: Path, stack: contextlib.ExitStack) -> None:
    """The program holds no secret; but where it lies, programs must be allowed to start."""
    text = f"#!/bin/sh\nexec {shlex.quote(sys.executable)} -I -S -c {shlex.quote(_READ)} "
    text += f"{shlex.quote(str(place))}\n"
    target = folder
    if _forbids_programs(folder):
        target = Path(tempfile.mkdtemp(prefix="bck-ask-"))
        stack.callback(shutil.rmtree, target, ignore_errors=True)
        if _forbids_programs(target):
            raise TransferFailedError(
                f"A password cannot be given to ssh: neither {folder.parent} nor {target.parent} lets "
                "programs start.",
                meaning="Nobody was asked, and nothing was read.",
                advice="Let TMPDIR name a folder without the mount option noexec, or use a certificate.",
            )
    program = target / PROGRAM
    with open(os.open(program, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o700), "w") as file:
        file.write(text)
    if target != folder:
        (folder / PROGRAM).symlink_to(program)


def _forbids_programs(folder: Path) -> bool:
    return bool(os.statvfs(folder).f_flag & os.ST_NOEXEC)


def _answer_once(listening: socket.socket, folder: Path, password: Secret[str]) -> None:
    """Runs beside the connection until ssh has asked, or the context ends."""
    while True:
        try:
            asking, _ = listening.accept()
        except OSError:
            return
        with asking:
            if not _is_our_ssh(asking, folder):
                continue
            (folder / _ASKED).unlink(missing_ok=True)
            listening.close()
            with contextlib.suppress(OSError):  # it was stopped meanwhile
                asking.sendall(password.reveal().encode())
            return


def _is_our_ssh(asking: socket.socket, folder: Path) -> bool:
    """True for a child of an ssh that leads a session of its own, which this process began for ``folder``."""
    pid, uid, _ = struct.unpack("3i", asking.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    try:
        ssh = os.getsid(pid)
        words = Path(f"/proc/{ssh}/cmdline").read_bytes().split(b"\0")
        related = (_parent(pid), _parent(ssh)) == (ssh, os.getpid())
    except (OSError, ValueError, IndexError):
        return False
    return uid == os.geteuid() and related and os.fsencode(folder / "config") in words


def _parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()[1])
