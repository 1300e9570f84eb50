"""What the process does for itself, whoever starts it: its memory holds secrets and goes nowhere.

Where systemd starts it, the unit asks for the same and for more: docs/reference/process-hardening.md.
"""

import ctypes
import os
import resource
import sys

_GET_DUMPABLE, _SET_DUMPABLE = 3, 4
PRIVATE_UMASK = 0o077


def shield() -> None:
    """From here on a crash writes none of this process's memory to the disk, nor does one of what it starts.

    On Linux no other process of the account can look into it either. Safe to repeat; cannot be taken back.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform.startswith("linux") and _prctl(_SET_DUMPABLE, 0) != 0:
        raise OSError("The kernel refuses to keep this process's memory private.")


def shielded() -> bool:
    """Whether that holds for this process."""
    none = resource.getrlimit(resource.RLIMIT_CORE) == (0, 0)
    return none and (not sys.platform.startswith("linux") or _prctl(_GET_DUMPABLE, 0) == 0)


def keep_files_private() -> None:
    """What is made from here on without a mode of its own is for this account alone."""
    os.umask(PRIVATE_UMASK)


def _prctl(option: int, argument: int) -> int:
    return int(ctypes.CDLL(None).prctl(option, ctypes.c_ulong(argument), 0, 0, 0))
