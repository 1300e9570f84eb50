"""Files of a PC that let the server in: written whole or not at all, and never through a link.

This may be run by root on folders that another account owns, so each folder is opened by its name in the one
before, and whatever is a link is refused.
"""

import os
import pwd
import secrets
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from bck_apps.gate.enrolling.problem import EnrolError

_LARGEST = 1 << 20
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_MODE = 0o600


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a file is to stand."""

    anchor: str
    """A folder that is trusted as it is."""
    names: tuple[str, ...]
    """From there on: folders, and the file last. None of them may be a link."""
    owner: int
    """The account whose file it is."""
    make_folders: bool = False

    @property
    def path(self) -> str:
        """For people."""
        return os.path.join(self.anchor, *self.names)


def keys_of_account(account: str) -> Place:
    """``~account/.ssh/authorized_keys``. Raises EnrolError."""
    try:
        found = pwd.getpwnam(account)
    except KeyError:
        raise EnrolError(
            f"There is no account {account} on this PC.",
            meaning="The server would have nobody to log in as. The token still counts.",
            advice=f"Make it (useradd --create-home {account}), or name another: --user NAME",
        ) from None
    home = os.path.realpath(found.pw_dir)
    names = (".ssh", "authorized_keys")
    return Place(anchor=home, names=names, owner=found.pw_uid, make_folders=True)


def named_file(path: str) -> Place:
    """A file by its full path. Raises EnrolError."""
    names = tuple(path.split("/")[1:])
    if not path.startswith("/") or not all(name not in ("", ".", "..") for name in names):
        raise EnrolError(
            f"{path} is no full path of a file.",
            meaning="Nothing was changed. The token still counts.",
            advice="Begin it with / and leave out . and ..",
        )
    return Place(anchor="/", names=names, owner=os.geteuid())


def require_writable(place: Place) -> None:
    """Raise EnrolError if the file could not be written; makes its folders where that is wanted."""
    with _folder(place) as folder:
        _read(folder, place)
        if not os.access(".", os.W_OK, dir_fd=folder):
            raise _trouble(place, "its folder may not be written")


def rewritten(place: Place, change: Callable[[bytes], bytes]) -> None:
    """Give the file the content that ``change`` makes of the present one; its owner and mode stay.

    A new one is the account's, and for nobody else. Raises EnrolError.
    """
    with _folder(place) as folder:
        before, found = _read(folder, place)
        after = change(before)
        owner, group, mode = (
            (place.owner, -1, _MODE)
            if found is None
            else (found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode) & ~0o022)
        )
        _put(folder, place, after, owner=owner, group=group, mode=mode)


def written_new(place: Place, content: bytes, *, mode: int) -> bool:
    """Write the file if there is none; False if there is. Raises EnrolError."""
    with _folder(place) as folder:
        _, found = _read(folder, place)
        if found is None:
            _put(folder, place, content, owner=place.owner, group=-1, mode=mode)
        return found is None


@contextmanager
def _folder(place: Place) -> Iterator[int]:
    """The folder in which the file is to stand."""
    try:
        handle = os.open(place.anchor, _FOLDER)
    except OSError as exc:
        raise _trouble(place, exc.strerror) from exc
    try:
        for name in place.names[:-1]:
            below = _entered(handle, name, place)
            os.close(handle)
            handle = below
        yield handle
    finally:
        os.close(handle)


def _entered(handle: int, name: str, place: Place) -> int:
    try:
        return os.open(name, _FOLDER | os.O_NOFOLLOW, dir_fd=handle)
    except FileNotFoundError as exc:
        if not place.make_folders:
            raise _trouble(place, f"there is no folder {name}") from exc
    except OSError as exc:
        raise _trouble(place, f"{name} is a link, or no folder that may be entered") from exc
    try:
        os.mkdir(name, 0o700, dir_fd=handle)
        made = os.open(name, _FOLDER | os.O_NOFOLLOW, dir_fd=handle)
    except OSError as exc:
        raise _trouble(place, f"the folder {name} cannot be made: {exc.strerror}") from exc
    if os.geteuid() == 0:
        os.fchown(made, place.owner, -1)
    return made


def _read(folder: int, place: Place) -> tuple[bytes, os.stat_result | None]:
    """The content of the file, and what is known of it; None where there is none yet."""
    name, flags = place.names[-1], os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        handle = os.open(name, flags, dir_fd=folder)
    except FileNotFoundError:
        return b"", None
    except OSError as exc:
        raise _trouble(place, f"it is a link, or cannot be read ({exc.strerror})") from exc
    try:
        found = os.fstat(handle)
        if not stat.S_ISREG(found.st_mode) or found.st_nlink != 1:
            raise _trouble(place, "it is no plain file of one name")
        if found.st_uid not in (0, place.owner, os.geteuid()):
            raise _trouble(place, "it belongs to another account")
        if found.st_size > _LARGEST:
            raise _trouble(place, "it is too large")
        return os.read(handle, _LARGEST), found
    finally:
        os.close(handle)


def _put(folder: int, place: Place, content: bytes, *, owner: int, group: int, mode: int) -> None:
    name, fresh = place.names[-1], f".{place.names[-1]}.{secrets.token_hex(8)}"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        handle = os.open(fresh, flags, _MODE, dir_fd=folder)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                file.flush()
                if os.geteuid() == 0:
                    os.fchown(handle, owner, group)
                os.fchmod(handle, mode)
                os.fsync(handle)
            os.replace(fresh, name, src_dir_fd=folder, dst_dir_fd=folder)
        except BaseException:
            os.unlink(fresh, dir_fd=folder)
            raise
        os.fsync(folder)
    except OSError as exc:
        raise _trouble(place, exc.strerror) from exc


def without(content: bytes, dropped: Callable[[bytes], bool], lines: Sequence[str]) -> bytes:
    """The lines that are not to be dropped, as they were, and then the new ones."""
    kept = [line for line in content.splitlines(keepends=True) if not dropped(line)]
    if kept and not kept[-1].endswith((b"\n", b"\r")):
        kept.append(b"\n")
    return b"".join(kept) + "".join(f"{line}\n" for line in lines).encode()


def _trouble(place: Place, why: str | None) -> EnrolError:
    return EnrolError(
        f"{place.path} cannot be used: {why}.",
        meaning="That file was not changed.",
        advice="Run it as root, or as the account whose file it is; mend what stands in the way; or leave "
        "--write out and enter by hand what is printed.",
    )
