"""What a PC allows: a small file that only its administrator can write."""

import os
import stat
import sys
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bck_apps.gate.refusal import GateBrokenError, escaped
from bckcore.domain.host_path import HostPath, parsed_path
from bckcore.domain.host_platform import Platform
from bckcore.errors import PathRefusedError

DEFAULT = "/etc/bck-gate.toml"
SYSLOG = "syslog"
_LARGEST = 64 << 10
_KNOWN = frozenset({"read", "restore", "rsync", "log", "confine"})


@dataclass(frozen=True, slots=True, kw_only=True)
class GateConfig:
    """The content of the file."""

    read: tuple[HostPath, ...]
    """Folders whose files may be sent."""
    restore: tuple[HostPath, ...] = ()
    """Folders into which files may be written."""
    rsync: str = "/usr/bin/rsync"
    log: str = SYSLOG
    """``syslog``, or the full path of a file."""
    confine: bool = True
    """Have the kernel hold rsync in the folder, where it can."""


def this_platform() -> Platform:
    """What kind of file names this PC has."""
    return Platform.MACOS if sys.platform == "darwin" else Platform.POSIX


def loaded(path: str, platform: Platform) -> GateConfig:
    """The configuration in ``path``. Raises GateBrokenError for one that others could have written."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with os.fdopen(fd, "rb") as file:
            require_trusted(path, os.fstat(file.fileno()))
            raw = file.read(_LARGEST + 1)
    except OSError as exc:
        raise GateBrokenError(f"{path} cannot be read: {exc.strerror}") from exc
    return parsed_config(raw, path, platform)


def parsed_config(raw: bytes, path: str, platform: Platform) -> GateConfig:
    """The configuration that ``path`` holds. Raises GateBrokenError for anything else, whatever it is."""
    if len(raw) > _LARGEST:
        raise GateBrokenError(f"{path} is larger than {_LARGEST} bytes")
    try:
        values = tomllib.loads(raw.decode("utf-8"))
    except (ValueError, RecursionError) as exc:
        raise GateBrokenError(f"{path} is not written as TOML: {escaped(str(exc))}") from exc
    return _checked(values, platform)


def require_trusted(path: str, found: os.stat_result) -> None:
    """Raise GateBrokenError unless only root and this account can change the file and put another there."""
    if not stat.S_ISREG(found.st_mode):
        raise GateBrokenError(f"{path} is not a plain file")
    require_safe(path, found)
    # Where the name stands, and where links lead from there.
    for folder in {os.path.dirname(os.path.abspath(path)), os.path.dirname(os.path.realpath(path))}:
        while folder != os.path.dirname(folder):
            require_safe(folder, os.stat(folder))
            folder = os.path.dirname(folder)  # noqa: PLW2901  # up to the top
        require_safe(folder, os.stat(folder))


def require_trusted_program(path: str) -> bool:
    """Raise GateBrokenError for a program that others could have changed; False where there is none."""
    try:
        require_trusted(path, os.stat(path))
    except FileNotFoundError:
        return False
    except OSError as exc:
        raise GateBrokenError(f"{path} cannot be started: {exc.strerror}") from exc
    return True


def require_safe(path: str, found: os.stat_result) -> None:
    """Raise GateBrokenError if another account than root and this one owns it, or may write to it."""
    if found.st_uid not in (0, os.geteuid()):
        raise GateBrokenError(f"{path} belongs to another account than root or this one")
    # In a folder like /tmp others may write, and yet not replace what is not theirs.
    sticky = stat.S_ISDIR(found.st_mode) and found.st_mode & stat.S_ISVTX
    if found.st_mode & 0o022 and not sticky:
        raise GateBrokenError(f"{path} can be written by other accounts: chmod go-w {path}")


def _checked(values: Mapping[str, Any], platform: Platform) -> GateConfig:
    unknown = sorted(set(values) - _KNOWN)
    if unknown:
        raise GateBrokenError(f"the configuration has an entry that does not exist: {escaped(unknown[0])}")
    read, restore = (_folders(values, name, platform) for name in ("read", "restore"))
    if not read and not restore:
        raise GateBrokenError("the configuration allows no folder: read = ['/home/u']")
    rsync, log, confine = (
        values.get("rsync", "/usr/bin/rsync"),
        values.get("log", SYSLOG),
        values.get("confine", True),
    )
    if not isinstance(rsync, str) or not rsync.startswith("/"):
        raise GateBrokenError("rsync is the full path of the program: rsync = '/usr/bin/rsync'")
    if not isinstance(log, str) or (log != SYSLOG and not log.startswith("/")):
        raise GateBrokenError("log is 'syslog' or the full path of a file")
    if not isinstance(confine, bool):
        raise GateBrokenError("confine is true or false")
    return GateConfig(read=read, restore=restore, rsync=rsync, log=log, confine=confine)


def _folders(values: Mapping[str, Any], name: str, platform: Platform) -> tuple[HostPath, ...]:
    texts = values.get(name, [])
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise GateBrokenError(f"{name} is a list of folders: {name} = ['/home/u']")
    try:
        return tuple(parsed_path(text, platform) for text in texts)
    except PathRefusedError as exc:
        raise GateBrokenError(f"{name}: {exc.what} {exc.advice}") from exc
