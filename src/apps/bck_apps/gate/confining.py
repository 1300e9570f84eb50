"""Have the kernel hold rsync in one folder (Linux 5.19 and newer: Landlock), whatever links it meets.

A receiving rsync follows links of the PC in some cases, and any rsync may be cheated by a folder that is
swapped for a link while it works. Under these rules that leads nowhere: what lies outside cannot be opened,
changed or made. Looking at a path's size and times is not restricted by Landlock.
"""

import ctypes
import os
import stat
import struct
import sys
from collections.abc import Iterator
from contextlib import contextmanager

_CREATE, _ADD_RULE, _RESTRICT = 444, 445, 446
_VERSION_FLAG, _PATH_BENEATH, _NO_NEW_PRIVS = 1, 1, 38
_LEAST = 2
"""Older ones let no file be moved from one folder to another."""
_EXECUTE, _WRITE, _READ, _LIST = 1, 2, 4, 8
_REFER, _TRUNCATE = 1 << 13, 1 << 14
_ALL = (1 << 13) - 1 | _REFER
_OF_FILES = _EXECUTE | _WRITE | _READ | _TRUNCATE
_CONNECT_AND_BIND = 3
_PROGRAMS = ("/usr", "/bin", "/lib", "/lib32", "/lib64", "/etc/ld.so.cache", "/etc/ld.so.preload")
_LOOKED_UP = ("/etc/localtime", "/etc/nsswitch.conf", "/etc/passwd", "/etc/group", "/dev/urandom")


def kernel_support() -> int:
    """The version of what the kernel offers; 0 where it is of no use here."""
    if not sys.platform.startswith("linux"):
        return 0
    version = int(_libc().syscall(_CREATE, None, ctypes.c_size_t(0), ctypes.c_uint32(_VERSION_FLAG)))
    return version if version >= _LEAST else 0


def confine(*, program: str, folder: str | None, writing: bool) -> bool:
    """From here on this process may read ``folder``, or with ``writing`` change it, and run ``program``.

    Without a folder it may read none. What is started inherits that, and can get no more rights by its
    file. False where the kernel does not offer it: then nothing is changed. Raises OSError.
    """
    version = kernel_support()
    if not version:
        return False
    handled = _ALL | (_TRUNCATE if version >= 3 else 0)
    with _ruleset(handled, version) as rules:
        for path in (*_PROGRAMS, *_LOOKED_UP, os.path.dirname(os.path.realpath(program))):
            _allow(rules, path, (_EXECUTE | _READ | _LIST) & handled, must_be=False)
        _allow(rules, "/dev/null", (_READ | _WRITE | _TRUNCATE) & handled, must_be=False)
        if folder is not None:
            _allow(rules, folder, handled & ~_EXECUTE if writing else _READ | _LIST, must_be=True)
        _called(_libc().prctl(_NO_NEW_PRIVS, 1, 0, 0, 0))
        _called(_libc().syscall(_RESTRICT, ctypes.c_int(rules), ctypes.c_uint32(0)))
    return True


@contextmanager
def _ruleset(handled: int, version: int) -> Iterator[int]:
    network = (_CONNECT_AND_BIND,) if version >= 4 else ()
    attributes = struct.pack(f"={1 + len(network)}Q", handled, *network)
    fd = _called(_libc().syscall(_CREATE, attributes, ctypes.c_size_t(len(attributes)), ctypes.c_uint32(0)))
    try:
        yield fd
    finally:
        os.close(fd)


def _allow(rules: int, path: str, access: int, *, must_be: bool) -> None:
    try:
        fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        if must_be:
            raise
        return
    try:
        if not stat.S_ISDIR(os.fstat(fd).st_mode):
            access &= _OF_FILES
        rule = struct.pack("=Qi", access, fd)
        numbers = (ctypes.c_int(rules), ctypes.c_int(_PATH_BENEATH))
        _called(_libc().syscall(_ADD_RULE, *numbers, rule, ctypes.c_uint32(0)))
    finally:
        os.close(fd)


def _called(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return int(result)


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)
