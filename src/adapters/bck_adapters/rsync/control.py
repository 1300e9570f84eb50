"""Questions to a host over fabric: is it there, is it the right one, does it let us in, has it rsync?

Only pinned keys are trusted: fabric's default of accepting any host key is replaced before anything is
sent, and neither the user's nor the system's ssh configuration, agent or keys are looked at.
"""

import io
import logging
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import fabric
import paramiko
from invoke.runners import Result

from bck_adapters.rsync.argv import MINIMUM_VERSION
from bck_adapters.rsync.conversation import Conversation, nobody_stops
from bck_adapters.rsync.exit import (
    gate_refused,
    host_key_changed,
    key_unreadable,
    login_refused,
    no_rsync,
    unreachable,
)
from bck_adapters.rsync.gate_answer import parsed_gate_answer
from bck_adapters.rsync.ssh_config import host_key_parts
from bck_adapters.rsync.version import is_patched, is_safe, parsed_version, too_old, unsafe
from bckcore.domain.credential import Credential, KeyCredential, PasswordCredential
from bckcore.domain.host import Host
from bckcore.domain.paths import display
from bckcore.domain.ssh_trust import fingerprint
from bckcore.domain.wording import printable
from bckcore.errors import TransientError

_TIMEOUT = 20
_SCANNED = (
    ("ssh-ed25519",),
    ("ecdsa-sha2-nistp256",),
    ("ecdsa-sha2-nistp384",),
    ("ecdsa-sha2-nistp521",),
    ("rsa-sha2-512", "rsa-sha2-256"),
)
_LOG = "bck_adapters.rsync.paramiko"
# paramiko reports every refused connection with a traceback; what matters is raised as our own error.
logging.getLogger(_LOG).addHandler(logging.NullHandler())
logging.getLogger(_LOG).propagate = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Examined:
    """What a host answered."""

    rsync_version: str
    """``unknown`` where a forced command lets nothing but transfers through."""
    gate: str
    """The version of ``bck-gate``, if that answers; else empty."""
    host_key: str
    latency_ms: int


def scan_host_keys(host: Host, stop: Callable[[], None] = nobody_stops) -> tuple[str, ...]:
    """The public keys the host shows now, best first. Raises HostUnreachableError, and what ``stop`` does."""
    found: list[str] = []
    with Conversation(host.id, stop=stop) as conversation:
        for key_types in _SCANNED:
            key = _shown_key(host, key_types, conversation)
            if key is not None:
                found.append(_as_pinned(key))
    return tuple(found)


def examine(host: Host, credential: Credential | None, stop: Callable[[], None] = nobody_stops) -> Examined:
    """Connect with pinned keys only, log in, and ask for rsync's version.

    Raises HostUnreachableError, AuthenticationError, PrivateKeyError, HostKeyChangedError,
    HostKeyUnknownError or RsyncMissingError, and what ``stop`` raises, which is asked often.
    """
    host_key_parts(host)
    entry = _shown_to(host, credential)
    with Conversation(host.id, stop=stop) as conversation:
        return _examined(host, entry, conversation)


def _examined(host: Host, entry: Mapping[str, object], conversation: Conversation) -> Examined:
    sock, latency_ms = _dialled(host, conversation)
    with sock, _connected(host, entry, sock) as (connection, shown):
        gate, version = _asked_gate(host, connection)
        return Examined(
            rsync_version=version if gate else _rsync_version(host, connection),
            gate=gate,
            host_key=_as_pinned(shown),
            latency_ms=latency_ms,
        )


@contextmanager
def _connected(
    host: Host, shown: Mapping[str, object], sock: socket.socket
) -> Iterator[tuple[fabric.Connection, paramiko.PKey]]:
    """Logged in, and the key that the host showed."""
    connection = fabric.Connection(
        host.address,
        user=host.user,
        port=host.port,
        # An explicit, empty configuration keeps fabric from reading any file.
        config=fabric.Config(ssh_config=paramiko.SSHConfig(), lazy=True),
        forward_agent=False,
        connect_timeout=_TIMEOUT,
        connect_kwargs={
            "sock": sock,
            **shown,
            "allow_agent": False,
            "look_for_keys": False,
            "banner_timeout": _TIMEOUT,
            "auth_timeout": _TIMEOUT,
        },
    )
    client = connection.client
    client.set_missing_host_key_policy(paramiko.RejectPolicy())
    client.set_log_channel(_LOG)
    _pin(client, host)
    try:
        yield connection, _open(connection, host)
    finally:
        connection.close()


def _open(connection: fabric.Connection, host: Host) -> paramiko.PKey:
    try:
        connection.open()
        return connection.transport.get_remote_server_key()
    except paramiko.BadHostKeyException as exc:
        changed = host_key_changed(host.id, "")
        changed.shown = (fingerprint(_as_pinned(exc.key)),)
        raise changed from exc
    except paramiko.AuthenticationException as exc:
        raise login_refused(host.id, f" ({_shown(exc)})") from exc
    except paramiko.SSHException as exc:
        if "not found in known_hosts" in str(exc):
            # Something is pinned, and the host shows a key of another type.
            raise host_key_changed(host.id, "") from exc
        raise unreachable(host.id, f" ({_shown(exc)})") from exc
    except Exception as exc:  # paramiko raises what its thread met in bytes from the host, whatever it was
        raise unreachable(host.id, f" ({_shown(exc)})") from exc


def _pin(client: paramiko.SSHClient, host: Host) -> None:
    name = host.address if host.port == 22 else f"[{host.address}]:{host.port}"
    for kind, blob in host_key_parts(host):
        entry = paramiko.hostkeys.HostKeyEntry.from_line(f"{name} {kind} {blob}")
        if entry is None or entry.key is None:
            raise host_key_changed(host.id, f" (A pinned key of type {kind} cannot be read.)")
        client.get_host_keys().add(name, kind, entry.key)


def _asked_gate(host: Host, connection: fabric.Connection) -> tuple[str, str]:
    """The version of the gate on the host and that of its rsync; empty where no gate answers."""
    done = _ran(host, connection, "bck-gate probe")
    if str(done.stderr).startswith("bck-gate: refused: "):
        raise gate_refused(host.id, f" ({display(str(done.stderr).strip().encode()[:300])})")
    answer = parsed_gate_answer(str(done.stdout))
    if answer is None:
        return "", ""
    version = tuple(int(part) for part in answer.rsync.split("."))
    if version < MINIMUM_VERSION:
        raise too_old(str(host.id), answer.rsync)
    if not is_safe(version) and not is_patched(answer.rsync_package):
        raise unsafe(str(host.id), answer.rsync)
    return answer.version, answer.rsync


def _rsync_version(host: Host, connection: fabric.Connection) -> str:
    done = _ran(host, connection, "rsync --version")
    version = parsed_version(str(done.stdout).encode())
    if version is None:
        if done.exited in (126, 127):
            raise no_rsync(host.id, f" ({_shown(str(done.stderr))})")
        return "unknown"
    text = ".".join(map(str, version))
    if version < MINIMUM_VERSION:
        raise too_old(str(host.id), text)
    if not is_safe(version) and not is_patched(_package_version(host, connection)):
        raise unsafe(str(host.id), text)
    return text


def _package_version(host: Host, connection: fabric.Connection) -> str:
    """What Debian's tools say of rsync there; empty where they say nothing. Who lies harms only itself."""
    try:
        return str(_ran(host, connection, "dpkg-query --show --showformat='${Version}' rsync").stdout)
    except TransientError:
        return ""


def _ran(host: Host, connection: fabric.Connection, command: str) -> Result:
    try:
        done: Result = connection.run(
            command,
            hide=True,
            warn=True,
            in_stream=False,
            pty=False,
            timeout=_TIMEOUT,
            encoding="utf-8",
        )
    except Exception as exc:  # see _open
        raise unreachable(host.id, " (The connection broke off.)") from exc
    return done


def _shown(said: object) -> str:
    """What the other side, or a library about it, said: for people, on one line."""
    return printable(" ".join(str(said).split()))[:200]


def _shown_to(host: Host, credential: Credential | None) -> Mapping[str, object]:
    """What paramiko is told to let us in."""
    if isinstance(credential, PasswordCredential):
        return {"password": credential.password.reveal()}
    if credential is None:
        raise login_refused(host.id, " (No key is known for it.)")
    key = _loaded_key(host, credential)
    if credential.certificate:
        key.load_certificate(credential.certificate)
    return {"pkey": key}


def _loaded_key(host: Host, credential: KeyCredential) -> paramiko.PKey:
    for kind in (paramiko.Ed25519Key, paramiko.ECDSAKey, paramiko.RSAKey):
        try:
            return kind.from_private_key(io.StringIO(credential.private.reveal()))
        except (paramiko.SSHException, ValueError, IndexError):
            continue
    raise key_unreadable(host.id, "")


def _dialled(host: Host, conversation: Conversation) -> tuple[socket.socket, int]:
    """A connection and how many milliseconds it took."""
    start = time.monotonic()
    try:
        sock = conversation.dialled(host.address.strip("[]"), host.port, _TIMEOUT)
    except (OSError, UnicodeError) as exc:
        raise unreachable(host.id, f" ({_shown(exc)})") from exc
    return sock, round((time.monotonic() - start) * 1000)


def _shown_key(host: Host, key_types: tuple[str, ...], conversation: Conversation) -> paramiko.PKey | None:
    """The host's key of one kind, or None if it has none of it."""
    sock, _ = _dialled(host, conversation)
    with sock:
        transport = paramiko.Transport(sock)
        transport.set_log_channel(_LOG)
        transport.banner_timeout = _TIMEOUT
        transport.get_security_options().key_types = key_types
        try:
            transport.start_client(timeout=_TIMEOUT)
            return transport.get_remote_server_key()
        except paramiko.IncompatiblePeer:
            return None
        except Exception as exc:  # see _open
            raise unreachable(host.id, f" ({_shown(exc)})") from exc
        finally:
            transport.close()


def _as_pinned(key: paramiko.PKey) -> str:
    return f"{key.get_name()} {key.get_base64()}"
