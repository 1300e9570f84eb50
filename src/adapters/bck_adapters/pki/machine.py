"""What this machine is called: names and addresses that clients may use for it."""

import socket
from contextlib import suppress

from bck_adapters.pki.certificates import parsed_name
from bckcore.errors import InvalidInputError

LOOPBACK = ("localhost", "127.0.0.1", "::1")
# Documentation addresses: a UDP socket "connected" to them sends nothing, yet learns its own address.
_FAR_AWAY = ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1"))


def own_names() -> tuple[str, ...]:
    """Loopback names, the host name, and the address of each default route. Asks no name server."""
    names = [*LOOPBACK, socket.gethostname()]
    for family, far in _FAR_AWAY:
        with suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((far, 9))
            names.append(str(probe.getsockname()[0]))
    return tuple(dict.fromkeys(name for name in names if _is_name(name)))


def _is_name(text: str) -> bool:
    try:
        parsed_name(text)
    except InvalidInputError:
        return False
    return True
