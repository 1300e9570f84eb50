"""What the process does for itself, whoever starts it: its memory holds secrets and goes nowhere.

Where systemd starts it, the unit asks for the same and for more: docs/reference/process-hardening.md.
"""

import os
import resource

PRIVATE_UMASK = 0o077
_NO_CORE = 1
"""Too little for a core file, and the one limit at which Linux starts no program that collects them."""


def shield() -> None:
    """From here on a crash writes none of this process's memory to the disk, nor does one of what it starts.

    Safe to repeat; cannot be taken back. Its memory stays open to its own account: who takes over a frozen
    process must see which files it has open.
    """
    _soft, hard = resource.getrlimit(resource.RLIMIT_CORE)
    limit = hard if hard == 0 else _NO_CORE
    resource.setrlimit(resource.RLIMIT_CORE, (limit, limit))


def shielded() -> bool:
    """Whether that holds for this process."""
    return set(resource.getrlimit(resource.RLIMIT_CORE)) <= {0, _NO_CORE}


def keep_files_private() -> None:
    """What is made from here on without a mode of its own is for this account alone."""
    os.umask(PRIVATE_UMASK)
