"""Landlock (Linux 5.19 and newer): what a program of ours may do with files, held by the kernel.

Standard library only: the gate on a PC uses it as well. Rules hold for the thread that takes them on, and for
all that it starts from then on; nobody gets rid of them.
"""

import ctypes
import os
import stat
import struct
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache

_CREATE, _ADD_RULE, _RESTRICT = 444, 445, 446
_VERSION_FLAG, _PATH_BENEATH, _NO_NEW_PRIVS = 1, 1, 38
_LEAST = 2
"""Older ones let no file be moved from one folder to another."""
EXECUTE, WRITE, READ, LIST = 1, 2, 4, 8
REMOVE_FILE = 1 << 5
"""To remove a file, to move it away, or to put another in its place."""
REFER, TRUNCATE = 1 << 13, 1 << 14
"""REFER: to move or link a file from one folder to another."""
ALL = (1 << 13) - 1 | REFER
"""Whatever is done with files, but for TRUNCATE, which version 3 brought."""
_OF_FILES = EXECUTE | WRITE | READ | TRUNCATE
_CONNECT_AND_BIND = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """What may be done with a path and all below it."""

    path: str
    rights: int
    must_be: bool = True
    """False passes over a path that is not there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """``handled`` is allowed nowhere but where it is granted; what is not handled is not restricted."""

    handled: int
    grants: Sequence[Grant]
    network: bool = True
    """False allows no TCP, where the kernel knows of that (version 4)."""


@cache
def kernel_support() -> int:
    """The version of what the kernel offers; 0 where it is of no use here. Asked once."""
    if not sys.platform.startswith("linux"):
        return 0
    version = int(_libc().syscall(_CREATE, None, ctypes.c_size_t(0), ctypes.c_uint32(_VERSION_FLAG)))
    return version if version >= _LEAST else 0


def take_on(rules: Rules) -> None:
    """From here on this thread, and what it starts, keeps to the rules. Raises OSError.

    It gets no more rights by a program's file (set-user-id, capabilities) either. Only where
    :func:`kernel_support` is not 0.
    """
    with _ruleset(rules) as fd:
        for grant in rules.grants:
            _allow(fd, grant, grant.rights & rules.handled)
        _called(_libc().prctl(_NO_NEW_PRIVS, 1, 0, 0, 0))
        _called(_libc().syscall(_RESTRICT, ctypes.c_int(fd), ctypes.c_uint32(0)))


@contextmanager
def _ruleset(rules: Rules) -> Iterator[int]:
    network = (_CONNECT_AND_BIND,) if not rules.network and kernel_support() >= 4 else ()
    attributes = struct.pack(f"={1 + len(network)}Q", rules.handled, *network)
    fd = _called(_libc().syscall(_CREATE, attributes, ctypes.c_size_t(len(attributes)), ctypes.c_uint32(0)))
    try:
        yield fd
    finally:
        os.close(fd)


def _allow(rules: int, grant: Grant, rights: int) -> None:
    try:
        fd = os.open(grant.path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        if grant.must_be:
            raise
        return
    try:
        if not stat.S_ISDIR(os.fstat(fd).st_mode):
            rights &= _OF_FILES
        rule = struct.pack("=Qi", rights, fd)
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
