"""What the process does for itself, whoever starts it: its memory holds secrets and goes nowhere.

Where systemd starts it, the unit asks for the same and for more: docs/reference/process-hardening.md.
"""

import os
import resource
from pathlib import Path

PRIVATE_UMASK = 0o077
_NO_CORE = 1
"""Too little for a core file, and the one limit at which Linux starts no program that collects them."""
_CORE_PATTERN = Path("/proc/sys/kernel/core_pattern")


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
    return leaves_no_core(*resource.getrlimit(resource.RLIMIT_CORE), _CORE_PATTERN.read_text("utf-8"))


def leaves_no_core(soft: int, hard: int, pattern: str) -> bool:
    """Whether these limits keep memory off the disk where cores go as ``kernel.core_pattern`` says.

    A pattern that begins with a bar names a program; it is started at every limit but 1, also at 0.
    """
    return {soft, hard} <= ({_NO_CORE} if pattern.startswith("|") else {0, _NO_CORE})


def keep_files_private() -> None:
    """What is made from here on without a mode of its own is for this account alone."""
    os.umask(PRIVATE_UMASK)


def take_open_files() -> None:
    """From here on this process, and what it starts, may open as many files as the system allows it at most.

    What a shell or systemd gives at first is kept small for programs that know no better.
    """
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
