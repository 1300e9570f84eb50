"""Have the kernel hold rsync in one folder (Linux 5.19 and newer: Landlock), whatever links it meets.

A receiving rsync follows links of the PC in some cases, and any rsync may be cheated by a folder that is
swapped for a link while it works. Under these rules that leads nowhere: what lies outside cannot be opened,
changed or made. Looking at a path's size and times is not restricted by Landlock.
"""

import os

from bck_adapters.landlock import (
    ALL,
    EXECUTE,
    LIST,
    READ,
    TRUNCATE,
    WRITE,
    Grant,
    Rules,
    kernel_support,
    take_on,
)

_PROGRAMS = ("/usr", "/bin", "/lib", "/lib32", "/lib64", "/etc/ld.so.cache", "/etc/ld.so.preload")
_LOOKED_UP = ("/etc/localtime", "/etc/nsswitch.conf", "/etc/passwd", "/etc/group", "/dev/urandom")


def confine(*, program: str, folder: str | None, writing: bool) -> bool:
    """From here on this process may read ``folder``, or with ``writing`` change it, and run ``program``.

    Without a folder it may read none. What is started inherits that, and can get no more rights by its
    file. False where the kernel does not offer it: then nothing is changed. Raises OSError.
    """
    version = kernel_support()
    if not version:
        return False
    handled = ALL | (TRUNCATE if version >= 3 else 0)
    found = (*_PROGRAMS, *_LOOKED_UP, os.path.dirname(os.path.realpath(program)))
    grants = [Grant(path=path, rights=EXECUTE | READ | LIST, must_be=False) for path in found]
    grants.append(Grant(path="/dev/null", rights=READ | WRITE | TRUNCATE, must_be=False))
    if folder is not None:
        grants.append(Grant(path=folder, rights=handled & ~EXECUTE if writing else READ | LIST))
    take_on(Rules(handled=handled, grants=grants, network=False))
    return True
