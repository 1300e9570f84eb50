"""HostPath: a full path on a host, compared name by name as the host's own file system would.

The parsers are total: any text gives a path or a :class:`PathRefusedError` that says why. The same code
decides on the server and in the gate on a PC.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from bckcore.domain.host_platform import Platform
from bckcore.domain.path_letters import control_in, folded, imitation_in, unseen_in
from bckcore.domain.path_refusals import PathFault, path_refused
from bckcore.domain.windows_path import native_text, windows_names
from bckcore.errors import PathRefusedError

_LIKE_WINDOWS = re.compile(r"[A-Za-z]:|\\")


@dataclass(frozen=True, slots=True)
class HostPath:
    """A full path in normal form."""

    platform: Platform
    names: tuple[str, ...]
    """From ``/`` down, as rsync on that host takes them; bytes that are no UTF-8 as surrogate escapes."""

    @property
    def text(self) -> str:
        """As rsync on the host takes it, and as it is stored: ``/home/u``, ``/cygdrive/c/Users``."""
        return "/" + "/".join(self.names)

    @property
    def native(self) -> str:
        """As people write it on that platform: ``C:\\Users``."""
        return native_text(self.names) if self.platform is Platform.WINDOWS else self.text

    @property
    def whole_disk(self) -> bool:
        """True for ``/``, for a whole drive, and for all of them."""
        drive = self.platform is Platform.WINDOWS and len(self.names) <= 2
        return not self.names or drive

    def is_within(self, folder: "HostPath") -> bool:
        """True if this is ``folder`` or lies below it; never by a part of a name."""
        return self._folded()[: len(folder.names)] == folder._folded()

    def _folded(self) -> tuple[str, ...]:
        return tuple(folded(name, self.platform) for name in self.names)


def parsed_path(text: str, platform: Platform) -> HostPath:
    """``text`` as a path on a host of that platform. Raises PathRefusedError, nothing else.

    On Linux and macOS each name that the file system can have is taken; on Windows only those that are
    understood, see :mod:`bckcore.domain.windows_path`.
    """
    names = windows_names(text) if platform is Platform.WINDOWS else _posix_names(text)
    return HostPath(platform, names)


def typed_path(text: str, platform: Platform | None = None) -> HostPath:
    """A path that a person gives, for a host of that platform or of one that is not known yet.

    Refused is also what people cannot read for what it is, though the host's file system might have it.
    Raises PathRefusedError, nothing else.
    """
    if platform is None:
        platform = Platform.WINDOWS if _LIKE_WINDOWS.match(text) else Platform.POSIX
    path = parsed_path(text, platform)
    for name in path.names:
        for fault, found in (
            (PathFault.CONTROL, control_in(name)),
            (PathFault.IMITATION, imitation_in(name)),
            (PathFault.UNSEEN, unseen_in(name)),
        ):
            if found:
                raise path_refused(text, fault)
    return path


def typed_paths(texts: Iterable[str], platform: Platform) -> tuple[str, ...]:
    """What a person gives as a list of paths, as it is stored: in normal form, once each.

    Raises PathRefusedError, nothing else.
    """
    return tuple(dict.fromkeys(typed_path(text, platform).text for text in texts))


def path_or_none(text: str, platform: Platform) -> HostPath | None:
    """``text`` as :func:`parsed_path` takes it; None for what is no path there."""
    try:
        return parsed_path(text, platform)
    except PathRefusedError:
        return None


def is_normal(text: str) -> bool:
    """True for a path from ``/`` on as it is stored: no empty name, no ``.``, no ``..``, no end in ``/``."""
    path = path_or_none(text, Platform.POSIX)
    return path is not None and path.text == text


def covering(path: HostPath, roots: Iterable[HostPath]) -> list[HostPath]:
    """Those of ``roots`` that ``path`` is or lies below, outermost first."""
    return sorted((root for root in roots if path.is_within(root)), key=lambda root: len(root.names))


def _posix_names(text: str) -> tuple[str, ...]:
    if not text.startswith("/"):
        raise path_refused(text, PathFault.NOT_FULL)
    if "\0" in text:
        raise path_refused(text, PathFault.NUL)
    if any("\ud800" <= char <= "\udfff" and not "\udc80" <= char <= "\udcff" for char in text):
        raise path_refused(text, PathFault.NO_BYTES)
    parts = text.split("/")
    if ".." in parts:
        raise path_refused(text, PathFault.GOES_UP)
    return tuple(part for part in parts if part not in ("", "."))
