"""The private folder of one ssh connection: configuration, what it shows, and pinned host keys.

It exists as long as the connection and no longer. Whatever stands in the user's or the system's own ssh
configuration has no influence.
"""

import contextlib
import os
import re
import secrets
import shlex
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from bck_adapters.rsync.argv import ALIAS, quoted_word
from bck_adapters.rsync.askpass import answering, asking_words, no_socket
from bck_adapters.rsync.exit import host_key_changed, host_key_unknown
from bckcore.domain.credential import Credential, KeyCredential, PasswordCredential
from bckcore.domain.host import Host
from bckcore.domain.transfer import TransferOptions
from bckcore.errors import AuthenticationError, TransferFailedError

_LONGEST_SOCKET = 107 - 17
"""ssh adds 17 characters while it makes the socket, and the system takes 107."""

_ADDRESS = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:%-]*|\[?[0-9A-Fa-f:]+(%[A-Za-z0-9]+)?\]?")
_USER = re.compile(r"[A-Za-z0-9._][A-Za-z0-9._@+-]*\$?")
_HOST_KEY = re.compile(r"(?P<type>[a-z0-9@.-]+) (?P<blob>[A-Za-z0-9+/]+={0,2})(?: [^\n\r]*)?\Z")


def config_text(host: Host, folder: Path, options: TransferOptions, credential: Credential) -> str:
    """The ssh configuration. Raises TransferFailedError for a value that could not be taken literally."""
    if not _ADDRESS.fullmatch(host.address) or not _USER.fullmatch(host.user):
        raise TransferFailedError(
            f"The address or user of {host.id} holds characters that ssh would not take literally.",
            advice="Use a plain host name or address, and a user name of letters, digits and . _ @ + -",
        )
    socket = _socket(folder)
    lines = [
        f"Host {ALIAS}",
        f"HostName {host.address.strip('[]').replace('%', '%%')}",
        f"Port {host.port}",
        f"User {host.user}",
        *_login_lines(folder, credential),
        f"UserKnownHostsFile {_quoted(folder / 'known_hosts')}",
        f"HostKeyAlias {ALIAS}",
        f"ConnectTimeout {options.connect_timeout}",
        # A PC that fell asleep is noticed before rsync's own timeout.
        f"ServerAliveInterval {max(1, min(15, options.idle_timeout // 3))}",
        "ServerAliveCountMax 3",
        f"ControlPath {_quoted(socket) if socket else 'none'}",
        # What counts once, or for minutes, opens the shared connection only, and nothing goes past that.
        f"ProxyCommand {'none' if socket is None or _counts_again(credential) else '/bin/false'}",
        *_FIXED,
    ]
    return "\n".join(lines) + "\n"


def _login_lines(folder: Path, credential: Credential) -> list[str]:
    if isinstance(credential, PasswordCredential):
        return [
            "BatchMode no",
            "PubkeyAuthentication no",
            "PreferredAuthentications password,keyboard-interactive",
            "NumberOfPasswordPrompts 1",
        ]
    certificate = [f"CertificateFile {_quoted(folder / 'certificate')}"] if credential.certificate else []
    return [
        f"IdentityFile {_quoted(folder / 'key')}",
        *certificate,
        "BatchMode yes",
        "PreferredAuthentications publickey",
    ]


def _counts_again(credential: Credential) -> bool:
    return isinstance(credential, KeyCredential) and not credential.certificate


_FIXED = (
    "IdentitiesOnly yes",
    "IdentityAgent none",
    "StrictHostKeyChecking yes",
    "GlobalKnownHostsFile none",
    "UpdateHostKeys no",
    "CheckHostIP no",
    "VerifyHostKeyDNS no",
    "ControlMaster no",
    "ForwardAgent no",
    "ForwardX11 no",
    "ClearAllForwardings yes",
    "PermitLocalCommand no",
    "RequestTTY no",
    "EscapeChar none",
    "TCPKeepAlive yes",
    # Errors only: login banners and greetings are not ours to interpret.
    "LogLevel ERROR",
)


def host_key_parts(host: Host) -> Sequence[tuple[str, str]]:
    """Type and base64 of each pinned key. Raises HostKeyUnknownError if none is, HostKeyChangedError
    if one is malformed: what cannot be compared must not be trusted."""
    if not host.host_keys:
        raise host_key_unknown(host.id, "")
    matches = [_HOST_KEY.match(key) for key in host.host_keys]
    if not all(matches):
        raise host_key_changed(host.id, " (A pinned key is malformed.)")
    return [(match["type"], match["blob"]) for match in matches if match]


@contextlib.contextmanager
def ssh_shell(
    host: Host, credential: Credential | None, options: TransferOptions, runtime_dir: Path
) -> Iterator[str]:
    """Yield the value of rsync's ``--rsh`` for ``host``; its private folder goes with the context."""
    if credential is None:
        raise AuthenticationError(
            f"No key is known for {host.id}.",
            meaning="The server cannot log in there.",
            advice="Give the host a private key.",
        )
    known = "".join(f"{ALIAS} {kind} {blob}\n" for kind, blob in host_key_parts(host))
    folder = _place_of(credential, runtime_dir)
    text = config_text(host, folder, options, credential)
    with contextlib.ExitStack() as stack:
        try:
            folder.mkdir(mode=0o700)
            stack.callback(shutil.rmtree, folder, ignore_errors=True)
            _write(folder / "config", text)
            _write(folder / "known_hosts", known)
            stack.enter_context(_showing(folder, credential))
        except OSError as exc:
            raise TransferFailedError(
                f"The private folder of the connection could not be made: {exc.strerror}.",
                advice=f"See that {runtime_dir} exists and belongs to the service's user.",
            ) from exc
        yield f"ssh -F {quoted_word(str(folder / 'config'))}"


def _place_of(credential: Credential, runtime_dir: Path) -> Path:
    """A name for the folder. A password needs sockets, whose names are short, and leaves nothing secret in
    it, so it may do with the folder for temporary files. Raises TransferFailedError."""
    name = f"ssh-{secrets.token_hex(4)}"
    if not isinstance(credential, PasswordCredential) or _socket(runtime_dir / name):
        return runtime_dir / name
    folder = Path(tempfile.gettempdir()) / name
    if _socket(folder) is None:
        raise no_socket(folder)
    return folder


def _showing(folder: Path, credential: Credential) -> contextlib.AbstractContextManager[None]:
    """While it lasts, ssh finds what it shows. A password is never written anywhere. Raises OSError."""
    if isinstance(credential, PasswordCredential):
        return answering(folder, credential.password)
    _write(folder / "key", credential.private.reveal().rstrip("\n") + "\n")
    if credential.certificate:
        _write(folder / "certificate", credential.certificate + "\n")
    return contextlib.nullcontext()


def holding_argv(shell: str) -> Sequence[bytes] | None:
    """The command that opens and holds one connection for a value of :func:`ssh_shell`, which goes through
    it from then on; it prints a line once it is there. None where no socket can be made.
    """
    config = Path(shlex.split(shell)[-1])
    if _socket(config.parent) is None:
        return None
    options = ["-N", "-oControlMaster=yes", "-oPermitLocalCommand=yes", "-oLocalCommand=echo"]
    words = (*asking_words(config.parent), "ssh", "-F", str(config), *options, "-oProxyCommand=none", ALIAS)
    return [os.fsencode(word) for word in words]


def _socket(folder: Path) -> Path | None:
    path = folder / "open"
    return path if len(os.fsencode(path)) <= _LONGEST_SOCKET else None


def _quoted(path: Path) -> str:
    text = str(path)
    if any(char in text for char in '"\\\n\r'):
        raise TransferFailedError(
            f"ssh cannot use the folder {text!r}.", advice="Choose a runtime folder without quotes."
        )
    return '"' + text.replace("%", "%%") + '"'


def _write(path: Path, text: str) -> None:
    """A new file that only this user can read."""
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(fd, "w", encoding="utf-8", newline="\n") as stream:
        stream.write(text)
