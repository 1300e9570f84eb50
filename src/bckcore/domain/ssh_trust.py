"""What a PC's sshd must hold to let the server in, as lines of ``authorized_keys``. Pure."""

import base64
import binascii
import re
from collections.abc import Iterable, Sequence
from hashlib import sha256
from ipaddress import ip_address, ip_network

from bckcore.domain.ids import HostId
from bckcore.domain.private_key import PUBLIC_KEY
from bckcore.errors import InvalidInputError

LONGEST_GATE = 500
_UNPLAIN = re.compile(r"[^A-Za-z0-9._-]+")


def plain_server_name(name: str) -> str:
    """What a server calls itself, without what a comment in ``authorized_keys`` could not hold."""
    return _UNPLAIN.sub("-", name).strip("-._") or "server"


def comment_of(server: str, host: HostId, *, certified: bool) -> str:
    """What stands behind the keys of a server for a host; no other host or server has the same."""
    return f"{'bck-ca' if certified else 'bck'}@{server}:{host}"


def trust_lines(
    keys: Iterable[str],
    *,
    host: HostId,
    server: str,
    certified: bool,
    gate: str = "",
    addresses: Sequence[str] = (),
) -> tuple[str, ...]:
    """The lines that let a server in to a host: by these keys, or, ``certified``, by what they certify.

    ``server`` is a plain name. Raises InvalidInputError for what cannot stand in such a line.
    """
    comment = comment_of(server, host, certified=certified)
    if certified:
        return tuple(
            authority_line(key, host=host, comment=comment, gate=gate, addresses=addresses) for key in keys
        )
    return tuple(key_line(key, comment=comment, gate=gate, addresses=addresses) for key in keys)


def key_line(public: str, *, comment: str, gate: str = "", addresses: Sequence[str] = ()) -> str:
    """The line that lets one key in, and lets it do nothing but start commands.

    ``public`` is ``TYPE BASE64``; with ``gate`` that command is started whatever is asked for; with
    ``addresses`` the key counts from there only. Raises InvalidInputError for what cannot stand in such
    a line.
    """
    options = ["restrict", *_narrowing(gate, addresses)]
    return f"{','.join(options)} {checked_public_key(public)} {_checked_comment(comment)}"


def authority_line(
    authority: str, *, host: HostId, comment: str, gate: str = "", addresses: Sequence[str] = ()
) -> str:
    """The line that lets in whoever shows a certificate of ``authority`` for exactly this host.

    Where the certificate names a forced command too, both must be the same to a letter, or sshd refuses.
    Arguments and errors as of :func:`key_line`.
    """
    options = ["cert-authority", f'principals="{principal_of(host)}"', "restrict"]
    options += _narrowing(gate, addresses)
    return f"{','.join(options)} {checked_public_key(authority)} {_checked_comment(comment)}"


def principal_of(host: HostId) -> str:
    """The one name that certificates for this host carry, so that no other PC takes them."""
    return f"bck-{host}"


def public_key_parts(text: str) -> tuple[str, bytes]:
    """The type and the bytes of ``TYPE BASE64``; a comment behind is left out.

    Raises InvalidInputError for what is none, or says inside to be of another type.
    """
    match = PUBLIC_KEY.match(text)
    try:
        blob = base64.b64decode(match[2], validate=True) if match else b""
    except binascii.Error:
        blob = b""
    if match is None or "\n" in text.strip() or not _is_of_type(blob, match[1]):
        raise InvalidInputError(
            "That is no public key as OpenSSH writes it.",
            advice="It is one line, TYPE and BASE64, as in a file ending in .pub.",
        )
    return match[1], blob


def checked_public_key(text: str) -> str:
    """``TYPE BASE64`` without a comment. Raises InvalidInputError."""
    kind, blob = public_key_parts(text)
    return f"{kind} {base64.b64encode(blob).decode()}"


def fingerprint(public: str) -> str:
    """``SHA256:…`` of a public key, as ``ssh-keygen -l`` shows it. Raises InvalidInputError."""
    _, blob = public_key_parts(public)
    return f"SHA256:{base64.b64encode(sha256(blob).digest()).decode().rstrip('=')}"


def named_key(public: str) -> str:
    """The fingerprint, for people; what is no public key is quoted. Older versions pinned such too."""
    try:
        return fingerprint(public)
    except InvalidInputError:
        return f"{public[:60]!r}, which is no key"


def checked_gate(command: str) -> str:
    """The command of a gate, if it can stand between quotes; empty for none. Raises InvalidInputError."""
    plain = command.isascii() and command.isprintable() and command == command.strip()
    if not plain or len(command) > LONGEST_GATE or '"' in command or "\\" in command:
        raise InvalidInputError(
            "The command of the gate holds characters that authorized_keys would not take literally.",
            advice="Give its full path in plain letters, for example /opt/bck-gate/bin/bck-gate",
        )
    return command


def checked_addresses(addresses: Iterable[str]) -> tuple[str, ...]:
    """Addresses and networks (``192.0.2.0/24``) that the server may come from. Raises InvalidInputError."""
    return tuple(map(_checked_address, addresses))


def _checked_address(text: str) -> str:
    try:
        if "%" in text:  # ipaddress takes anything behind it
            raise ValueError(text)
        return str(ip_network(text)) if "/" in text else str(ip_address(text))
    except ValueError as exc:
        raise InvalidInputError(
            f"{text!r} is no address and no network.",
            advice="Write 192.0.2.7, 192.0.2.0/24 or 2001:db8::/32.",
        ) from exc


def _narrowing(gate: str, addresses: Sequence[str]) -> list[str]:
    command = [f'command="{gate}"'] if (gate := checked_gate(gate)) else []
    return command + ([f'from="{",".join(checked_addresses(addresses))}"'] if addresses else [])


def _checked_comment(comment: str) -> str:
    if not comment.isprintable():
        raise InvalidInputError("A comment in authorized_keys is one line.")
    return comment


def _is_of_type(blob: bytes, kind: str) -> bool:
    length = int.from_bytes(blob[:4], "big")
    return len(blob) > 4 + length and blob[4 : 4 + length] == kind.encode()
