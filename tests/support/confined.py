"""Run a command under what `bck_apps.wiring.hardening` asks of systemd, without systemd or being root.

    confined.py SPEC COMMAND...

In a user and mount namespace of its own every file system is read-only but for the folders that the list
names, homes are empty, and the command has no capability, cannot gain one, and makes no system call that the
filter of the list leaves out. An ordinary user cannot have all: devices and other processes stay in sight.
"""

from __future__ import annotations

import ctypes
import json
import os
import re
import resource
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from bck_apps.wiring.hardening import SERVICE

_NEW_USER = 0x10000000
_NAMESPACES = (0x00020000, 0x02000000, 0x04000000, 0x08000000, _NEW_USER, 0x20000000, 0x40000000)
_ALLOW, _EPERM, _EAFNOSUPPORT = 0x7FFF0000, 0x00050000 | 1, 0x00050000 | 97
_EQUAL, _GREATER, _MASKED = 4, 6, 7
_NO_NEW_PRIVS, _DROP_BOUNDING, _MDWE = 38, 24, 65
_FAMILIES = {"AF_UNIX": 1, "AF_INET": 2, "AF_INET6": 10}
_OTHER_KINDS = ("/proc", "/sys", "/dev")


def listed(name: str) -> list[str]:
    """The values of a directive of the list."""
    return [value for directive, value in SERVICE if directive == name]


def confining(*writable: Path) -> tuple[str, ...]:
    """What to put before a command; only these folders can be written to. The first holds temporary files."""
    spec = json.dumps({"writable": [str(path) for path in writable], "ids": [os.getuid(), os.getgid()]})
    enter = ("unshare", "--user", "--map-root-user", "--mount", "--propagation", "private")
    return (*enter, sys.executable, __file__, spec)


def main() -> None:
    """Confine this process and become the command."""
    spec, command = json.loads(sys.argv[1]), sys.argv[2:]
    filters = [list(_allowed_calls())]  # asked while programs can still be run as they like
    _file_systems([Path(one) for one in spec["writable"]])
    _ordinary_again(*spec["ids"])
    os.environ["TMPDIR"] = spec["writable"][0]
    os.umask(int(listed("UMask")[0], 8))
    resource.setrlimit(resource.RLIMIT_CORE, (int(listed("LimitCORE")[0]),) * 2)
    if listed("NoNewPrivileges") == ["yes"]:
        _called(_libc.prctl(_NO_NEW_PRIVS, 1, 0, 0, 0))
    if listed("MemoryDenyWriteExecute") == ["yes"] and _libc.prctl(_MDWE, 1, 0, 0, 0) != 0:
        print("confined: this kernel has no MDWE (Linux 6.3)", file=sys.stderr)
    _load_filters(filters[0])
    os.execvp(command[0], command)


# --- files ----------------------------------------------------------------------------------------


def _file_systems(writable: Sequence[Path]) -> None:
    """ProtectSystem=strict, ReadWritePaths, ProtectHome, ProtectKernelTunables."""
    for path in writable:
        _mount("--bind", str(path), str(path))
    if listed("ProtectHome") == ["yes"]:
        for home in ("/home", "/root"):
            _mount("-t", "tmpfs", "-o", "ro,mode=0000,size=4k", "tmpfs", home)
    _mount("--bind", "/proc/sys", "/proc/sys")
    kept = {str(path) for path in writable}
    for place, options in _mounts():
        if place not in kept and (place == "/proc/sys" or not place.startswith(_OTHER_KINDS)):
            flags = [one for one in options if one in ("nosuid", "nodev", "noexec", "noatime", "relatime")]
            _mount("-o", ",".join(["remount", "bind", "ro", *flags]), place)


def _mounts() -> list[tuple[str, list[str]]]:
    lines = [line.split() for line in Path("/proc/self/mounts").read_text().splitlines()]
    return [(line[1].replace("\\040", " "), line[3].split(",")) for line in lines]


def _mount(*arguments: str) -> None:
    subprocess.run(["mount", *arguments], check=True)


# --- rights ---------------------------------------------------------------------------------------

_libc = ctypes.CDLL(None, use_errno=True)


def _called(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno() or -result
        raise OSError(number, os.strerror(number))
    return result


def _ordinary_again(uid: int, gid: int) -> None:
    """User, Group, CapabilityBoundingSet: its own number again, and no capability, not even one to gain."""
    _called(_libc.unshare(_NEW_USER))
    Path("/proc/self/uid_map").write_text(f"{uid} 0 1\n")
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/gid_map").write_text(f"{gid} 0 1\n")
    assert listed("CapabilityBoundingSet") == [""]
    for capability in range(int(Path("/proc/sys/kernel/cap_last_cap").read_text()) + 1):
        _called(_libc.prctl(_DROP_BOUNDING, capability, 0, 0, 0))


# --- system calls ---------------------------------------------------------------------------------


def _allowed_calls() -> Iterator[str]:
    """The names that SystemCallFilter lets through, as this machine's systemd knows its groups."""
    wanted: set[str] = set()
    for value in listed("SystemCallFilter"):
        names = value.removeprefix("~").split()
        calls = set().union(*(_members(name) if name.startswith("@") else {name} for name in names))
        wanted = wanted - calls if value.startswith("~") else wanted | calls
    yield from sorted(wanted)


def _members(group: str) -> set[str]:
    text = subprocess.run(
        ["systemd-analyze", "--no-pager", "syscall-filter", group], check=True, capture_output=True, text=True
    ).stdout
    words = re.findall(r"^ +([@a-z0-9_-]+)$", text, flags=re.MULTILINE)
    plain = {word for word in words if not word.startswith("@")}
    return plain.union(*(_members(word) for word in words if word.startswith("@")))


Rule = tuple[int, str, tuple[tuple[int, int, int, int], ...]]
"""What becomes of a call, its name, and conditions on its arguments."""


class _Condition(ctypes.Structure):
    _fields_ = (("arg", ctypes.c_uint), ("op", ctypes.c_int), ("a", ctypes.c_uint64), ("b", ctypes.c_uint64))


def _load_filters(allowed: Sequence[str]) -> None:
    """SystemCallFilter; RestrictAddressFamilies; RestrictNamespaces."""
    by_name: list[Rule] = [(_ALLOW, name, ()) for name in allowed]
    families = [_FAMILIES[name] for name in listed("RestrictAddressFamilies")[0].split()]
    refused = [number for number in range(max(families)) if number not in families]
    sockets: list[Rule] = [(_EAFNOSUPPORT, "socket", ((0, _EQUAL, number, 0),)) for number in refused]
    sockets.append((_EAFNOSUPPORT, "socket", ((0, _GREATER, max(families), 0),)))
    spaces: list[Rule] = [(_EPERM, "clone", ((0, _MASKED, flag, flag),)) for flag in _NAMESPACES]
    spaces += [(_EPERM, "unshare", ()), (_EPERM, "setns", ())]
    _load(_ALLOW, [*sockets, *spaces])
    _load(_EPERM, by_name)


def _load(otherwise: int, rules: Sequence[Rule]) -> None:
    library = ctypes.CDLL("libseccomp.so.2")
    library.seccomp_init.restype = ctypes.c_void_p
    context = ctypes.c_void_p(library.seccomp_init(ctypes.c_uint32(otherwise)))
    for action, name, conditions in rules:
        number = library.seccomp_syscall_resolve_name(name.encode())
        if number >= 0:  # calls of other machines have none
            array = (_Condition * max(1, len(conditions)))(*(_Condition(*one) for one in conditions))
            _called(
                library.seccomp_rule_add_array(
                    context, ctypes.c_uint32(action), number, ctypes.c_uint(len(conditions)), array
                )
            )
    _called(library.seccomp_load(context))


if __name__ == "__main__":
    main()
