"""Pure: full paths on Windows, as people and as Cygwin's rsync write them.

One folder has many names on Windows. Those that can be brought to one form are: drive letters in either
case, either separator, ``\\\\?\\C:\\…``, ``/cygdrive/c/…``. All others are refused, because a name that is
not understood cannot be compared with an allow-list.
"""

import re
from collections.abc import Sequence

from bckcore.domain.path_letters import control_in, imitation_in, unseen_in
from bckcore.domain.path_refusals import PathFault, path_refused

CYGDRIVE = "cygdrive"
_DRIVE = re.compile(r"([A-Za-z]):(.*)", re.DOTALL)
_DRIVE_LETTER = re.compile(r"[A-Za-z]")
_LONG = re.compile(r"[\\/]{2}\?\\")
_NAMESPACE = re.compile(r"[\\/]{2}[.?]|[\\/]\?\?[\\/]")
_UNC = re.compile(r"UNC[\\/]", re.IGNORECASE)
_SHARE = re.compile(r"[\\/]{2}[^\\/]")
_DEVICE = re.compile(
    r"(?:CON|PRN|AUX|NUL|CONIN\$|CONOUT\$|CLOCK\$|(?:COM|LPT)[0-9\u00b9\u00b2\u00b3])", re.IGNORECASE
)
_SHORT = re.compile(r"[^.]{1,6}~[0-9]{1,6}(?:\.[^.]{0,3})?")
_LONGEST_NAME, _LONGEST = 255, 32_767
_FORBIDDEN = frozenset('<>"|?*')


def windows_names(text: str) -> tuple[str, ...]:
    """The names from ``/`` down, as rsync on that PC takes them: ``("cygdrive", "c", "Users")``.

    A path from ``/`` on that is not below ``/cygdrive`` lies in the tree of rsync's own installation and
    is taken as it stands. Raises PathRefusedError for every text that is not understood, and nothing else.
    """
    if any("\ud800" <= char <= "\udfff" for char in text):
        raise path_refused(text, PathFault.NO_BYTES)
    if len(text) > _LONGEST:
        raise path_refused(text, PathFault.TOO_LONG)
    names = _names(text)
    for name in names:
        if fault := _fault_of(name):
            raise path_refused(text, fault)
    return names


def native_text(names: Sequence[str]) -> str:
    """The same path as people on Windows write it; from ``/`` on where it is on no drive."""
    if len(names) < 2 or names[0] != CYGDRIVE:
        return "/" + "/".join(names)
    return f"{names[1].upper()}:\\" + "\\".join(names[2:])


def _names(text: str) -> tuple[str, ...]:
    """The names, not looked at yet."""
    if long := _LONG.match(text):
        return _long_names(text, text[long.end() :])
    if _NAMESPACE.match(text):
        raise path_refused(text, PathFault.NAMESPACE)
    if text.startswith("/") and not text.startswith("/\\") and not _is_share(text):
        return _rsync_names(text)
    if _SHARE.match(text):
        raise path_refused(text, PathFault.NETWORK)
    return _drive_names(text, text, re.split(r"[\\/]+", text[2:].strip("\\/")))


def _is_share(text: str) -> bool:
    r"""``//server/share``. To Cygwin, too, two slashes at the beginning are a machine of the network."""
    return bool(_SHARE.match(text))


def _long_names(text: str, rest: str) -> tuple[str, ...]:
    r"""Behind ``\\?\`` nothing is tidied up: no slash separates, and ``.`` and ``..`` are names."""
    if _UNC.match(rest):
        raise path_refused(text, PathFault.NETWORK)
    if not _DRIVE.match(rest):
        raise path_refused(text, PathFault.NAMESPACE)
    if "/" in rest:
        raise path_refused(text, PathFault.FORBIDDEN)
    parts = rest[2:].strip("\\").split("\\")
    if "." in parts:
        raise path_refused(text, PathFault.TRAILING)
    return _drive_names(text, rest, parts)


def _drive_names(text: str, path: str, parts: Sequence[str]) -> tuple[str, ...]:
    drive = _DRIVE.match(path)
    if not drive:
        raise path_refused(text, PathFault.NO_DRIVE if path[:1] == "\\" else PathFault.NOT_FULL)
    if not drive[2].startswith(("\\", "/")):
        raise path_refused(text, PathFault.FROM_DRIVE)
    return (CYGDRIVE, drive[1].lower(), *_tidied(text, parts))


def _rsync_names(text: str) -> tuple[str, ...]:
    names = _tidied(text, text.split("/"))
    if names[:1] and names[0].lower() == CYGDRIVE:
        if len(names) > 1 and not _DRIVE_LETTER.fullmatch(names[1]):
            raise path_refused(text, PathFault.NO_DRIVE)
        return (CYGDRIVE, *(name.lower() for name in names[1:2]), *names[2:])
    return names


def _tidied(text: str, parts: Sequence[str]) -> tuple[str, ...]:
    if ".." in parts:
        raise path_refused(text, PathFault.GOES_UP)
    return tuple(part for part in parts if part not in ("", "."))


def _fault_of(name: str) -> PathFault | None:
    """What is wrong with one name; the first fault of several."""
    checks = (
        (PathFault.NUL, "\0" in name),
        (PathFault.CONTROL, bool(control_in(name))),
        (PathFault.STREAM, ":" in name),
        (PathFault.FORBIDDEN, "\\" in name or bool(_FORBIDDEN & set(name))),
        (PathFault.TRAILING, name.endswith((".", " "))),
        (PathFault.DEVICE, bool(_DEVICE.fullmatch(name.partition(".")[0].rstrip(" ")))),
        (PathFault.SHORT_NAME, len(name.partition(".")[0]) <= 8 and bool(_SHORT.fullmatch(name))),
        (PathFault.STAND_IN, any("\uf000" <= char <= "\uf0ff" for char in name)),
        (PathFault.IMITATION, bool(imitation_in(name))),
        (PathFault.UNSEEN, bool(unseen_in(name))),
        (PathFault.TOO_LONG, len(name.encode("utf-16-le")) > 2 * _LONGEST_NAME),
    )
    return next((fault for fault, found in checks if found), None)
