"""What this machine is called: names and addresses that clients may use for it."""

import ipaddress
import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from bck_adapters.pki.certificates import parsed_name
from bckcore.errors import InvalidInputError

LOOPBACK = ("localhost", "127.0.0.1", "::1")
# Documentation addresses: a UDP socket "connected" to them sends nothing, yet learns its own address.
_FAR_AWAY = ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1"))
_HOSTS = Path("/etc/hosts")
_FIB_TRIE = Path("/proc/net/fib_trie")
_IF_INET6 = Path("/proc/net/if_inet6")
_ANYWHERE = "00"
_PASSING = 0x01 | 0x20 | 0x40
"""Flags of an address that goes again (temporary, deprecated) or is not its own yet (tentative)."""


def own_names() -> tuple[str, ...]:
    """Loopback names, the host name with what /etc/hosts calls it, and the machine's addresses.

    Asks no name server. Left out are addresses of one link alone and those that change by themselves.
    """
    host = socket.gethostname()
    names = [*LOOPBACK, host, *_called(host), *_routed(), *_addresses_4(), *_addresses_6()]
    return tuple(dict.fromkeys(name for name in names if _is_name(name)))


def _called(host: str) -> Iterator[str]:
    """All names of the lines that name this host: ``192.0.2.7 backup.example.org backup``."""
    with suppress(OSError, UnicodeError):
        for line in _HOSTS.read_text("utf-8").splitlines():
            _, *names = line.partition("#")[0].split() or [""]
            if host in names:
                yield from names


def _routed() -> Iterator[str]:
    """The address of each default route."""
    for family, far in _FAR_AWAY:
        with suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((far, 9))
            yield str(probe.getsockname()[0])


def _addresses_4() -> Iterator[str]:
    """All that are the machine's own, as the kernel's routes have them, several of one interface too."""
    with suppress(OSError, ValueError):
        last = ""
        for line in map(str.strip, _FIB_TRIE.read_text("ascii").splitlines()):
            if line.startswith("|--"):
                last = line.removeprefix("|-- ")
            elif line == "/32 host LOCAL":
                address = ipaddress.IPv4Address(last)
                if not (address.is_loopback or address.is_link_local):
                    yield last


def _addresses_6() -> Iterator[str]:
    """Those that count beyond their link and stay."""
    with suppress(OSError, ValueError):
        for line in _IF_INET6.read_text("ascii").splitlines():
            address, _, _, scope, flags, *_ = line.split()
            if scope == _ANYWHERE and not int(flags, 16) & _PASSING:
                yield str(ipaddress.IPv6Address(int(address, 16)))


def _is_name(text: str) -> bool:
    try:
        parsed_name(text)
    except InvalidInputError:
        return False
    return True
