"""Where a command may go: decided on the folder that is really there, and held by a handle.

All links on the way are resolved first; the result is compared with the allow-list and then walked name by
name from ``/`` on, never through a link. Where that ends becomes the working folder, and rsync gets its
folder as ``./``. So whoever swaps a folder for a link after that moves nothing that rsync reads. Nor does
whoever swaps an allowed folder itself: of links on the way to one, only those that root made are followed.
"""

import errno
import os
import stat
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bck_apps.gate.home import reaches_home
from bck_apps.gate.refusal import GateRefusedError, escaped
from bckcore.domain.host_path import HostPath, covering, parsed_path
from bckcore.domain.host_platform import Platform
from bckcore.errors import PathRefusedError

# O_PATH (Linux) also opens what may be entered and not listed.
_FLAGS = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_NOT_THERE = frozenset({errno.ENOENT, errno.EACCES})
_MOST_LINKS = 40
"""As many as the kernel follows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A folder for an rsync that stands where :func:`enter` has gone."""

    rest: tuple[str, ...]
    """Below the working folder: what is missing, or may not be entered. rsync tells which of both."""

    @property
    def argument(self) -> str:
        """The folder as rsync gets it, never to be taken for an option."""
        path = "".join(f"{name}/" for name in self.rest)
        return path if path and not path.startswith("-") else f"./{path}"


def enter(
    text: str,
    roots: Sequence[HostPath],
    platform: Platform,
    *,
    whole_root: bool,
    kept_from: HostPath | None = None,
) -> Place:
    """Make the folder, or the deepest one above it that can be entered, the working folder.

    With ``whole_root`` the allowed folder itself must be there. Raises GateRefusedError unless the folder
    lies in one of ``roots`` by its name, and also where its links lead; and where it, or the working folder,
    reaches the home ``kept_from``.
    """
    asked = _parsed(text, platform)
    _require_covered(asked, roots)
    real = _real(asked)
    resolved = _require_inside(real, asked, roots)
    rest = _gone_into(real, asked)
    if whole_root and len(real.names) - len(rest) < len(resolved.names):
        raise GateRefusedError(f"{escaped(resolved.text)}, which this PC allows, cannot be entered")
    if kept_from is not None:
        _require_apart(real, rest, kept_from)
    return Place(rest=rest)


def paths_to_look_at(texts: Iterable[str], roots: Sequence[HostPath], platform: Platform) -> list[str]:
    """The paths, without those that seem to lie below another one of them that is a link.

    Of what a link hides nothing is told. The folders above a root may be looked at, too: a server whose
    own allow-list begins further up asks for them. Raises GateRefusedError for any other path.
    """
    asked = [_parsed(text, platform) for text in texts]
    links = [path for path in asked if _is_link(path)]
    shown = [path for path in asked if not any(link != path and path.is_within(link) for link in links)]
    for path in shown:
        if not path.names:
            raise GateRefusedError("/ cannot be looked at without what it holds")
        if any(root.is_within(path) for root in roots):
            continue
        _require_covered(path, roots)
        _require_inside(_real(HostPath(platform, path.names[:-1])), path, roots)
    return [path.text for path in shown]


def _parsed(text: str, platform: Platform) -> HostPath:
    try:
        return parsed_path(text, platform)
    except PathRefusedError as exc:
        raise GateRefusedError(f"{exc.what} {exc.advice}") from exc


def _require_covered(asked: HostPath, roots: Sequence[HostPath]) -> None:
    if not covering(asked, roots):
        raise GateRefusedError(f"{escaped(asked.text)} is outside the folders that this PC allows")


def _real(path: HostPath) -> HostPath:
    return parsed_path(os.path.realpath(path.text), path.platform)


def _require_inside(real: HostPath, asked: HostPath, roots: Sequence[HostPath]) -> HostPath:
    """The outermost root, where its own links lead, that ``real`` lies in."""
    found = covering(real, map(_led, roots))
    if not found:
        raise GateRefusedError(
            f"{escaped(asked.text)} leads by a link out of the folders that this PC allows"
        )
    return found[0]


def _led(root: HostPath) -> HostPath:
    """Where root's links lead on the way to an allowed folder; with the link of another account the folder
    is where its name says, and nothing real lies there: that account cannot say what this PC allows."""
    left, place, links = list(root.names), "/", 0
    while left:
        step = os.path.join(place, left.pop(0))
        try:
            found = os.lstat(step)
            led = os.readlink(step) if stat.S_ISLNK(found.st_mode) else None
        except OSError:
            led = None
        if led is None:
            place = os.path.normpath(step)
            continue
        links += 1
        if found.st_uid != 0 or links > _MOST_LINKS:
            return root
        place = "/" if led.startswith("/") else place
        left = [name for name in led.split("/") if name not in ("", ".")] + left
    return parsed_path(place, root.platform)


def _gone_into(real: HostPath, asked: HostPath) -> tuple[str, ...]:
    """Walk as deep as possible; what remains. Raises GateRefusedError where a link has come up meanwhile."""
    os.chdir("/")
    for depth, name in enumerate(real.names):
        try:
            fd = os.open(name, _FLAGS)
            try:
                os.fchdir(fd)
            finally:
                os.close(fd)
        except OSError as exc:
            if exc.errno in _NOT_THERE:
                return real.names[depth:]
            raise GateRefusedError(f"{escaped(asked.text)} is no folder: {exc.strerror}") from exc
    return ()


def _require_apart(real: HostPath, rest: tuple[str, ...], home: HostPath) -> None:
    if reaches_home(real, home):
        raise GateRefusedError(
            f"{escaped(real.text)} lies in {escaped(home.text)}, or holds it, which is "
            "the home of the account that the server logs in as: nothing is restored there"
        )
    # As far as the kernel holds rsync, it holds it there; a link that comes up meanwhile leads no further.
    entered = HostPath(real.platform, real.names[: len(real.names) - len(rest)])
    if reaches_home(entered, home):
        raise GateRefusedError(
            f"{escaped(real.text)} is not there, and {escaped(entered.text)} holds "
            "the home of the account that the server logs in as: make the folder first"
        )


def _is_link(path: HostPath) -> bool:
    try:
        return stat.S_ISLNK(os.lstat(path.text).st_mode)
    except OSError:
        return False
