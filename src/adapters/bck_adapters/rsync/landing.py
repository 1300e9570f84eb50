"""The folder that a push on this machine writes into, held open while rsync works in it.

Between a look at a path and a write to it, whoever may change a folder on the way could put a link there. So
the folder is opened name by name, what was opened is judged, and rsync is started standing in it.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from bck_adapters.rsync.argv import STANDING_SHELL
from bckcore.domain.paths import display
from bckcore.domain.push import PushOrder
from bckcore.errors import TransferFailedError

_FOLDER = os.O_PATH | os.O_DIRECTORY
_NEW_MODE = 0o700


@dataclass(frozen=True, slots=True, kw_only=True)
class Landing:
    """A target folder that is held."""

    handle: int
    path: bytes
    """What it really is."""
    made: bool
    """It was not there before."""

    @property
    def shell(self) -> str:
        """The value of ``--rsh`` that starts the receiving side in it."""
        return STANDING_SHELL.format(fd=self.handle)


@contextmanager
def landed(order: PushOrder) -> Iterator[Landing]:
    """The order's target, made where it is missing.

    Raises PathNotAllowedError for a link where none may be, and what ``order.about_to_write`` raises;
    TransferFailedError for a folder that cannot be opened or made: nothing is ever written by path alone.
    """
    handle, made = _opened(order)
    try:
        path = os.readlink(os.fsencode(f"/proc/self/fd/{handle}"))
        order.about_to_write(os.fsdecode(path))
        yield Landing(handle=handle, path=path, made=made)
    finally:
        os.close(handle)


def _opened(order: PushOrder) -> tuple[int, bool]:
    guarded = set(order.host.guarded_folders(order.target_path))
    handle, place, made = os.open("/", _FOLDER), "", False
    for name in order.target_path.strip("/").split("/"):
        place += f"/{name}"
        above = handle
        try:
            handle, made = _entered(above, name, os.O_NOFOLLOW if place in guarded else 0)
        except OSError as exc:
            if place in guarded:
                _refuse_link(order, place, name, above)
            raise _closed(order, place, exc) from exc
        finally:
            os.close(above)
    return handle, made


def _entered(above: int, name: str, follow: int) -> tuple[int, bool]:
    try:
        return os.open(name, _FOLDER | follow, dir_fd=above), False
    except FileNotFoundError:
        made = False
        with suppress(FileExistsError):  # another restore was faster; a link is not followed in any case
            os.mkdir(name, _NEW_MODE, dir_fd=above)
            made = True
        return os.open(name, _FOLDER | os.O_NOFOLLOW, dir_fd=above), made


def _closed(order: PushOrder, place: str, exc: OSError) -> TransferFailedError:
    return TransferFailedError(
        f"{place} on {order.host.id} cannot be opened or made: {exc.strerror}.",
        meaning="Nothing was written there.",
        advice="See what it says of that folder (a file in its place, no room, no right for the service's "
        "account), or choose another one.",
    )


def _refuse_link(order: PushOrder, place: str, name: str, above: int) -> None:
    """Raise PathNotAllowedError if a link stands there; nothing for a file."""
    try:
        target = os.readlink(os.fsencode(name), dir_fd=above)
    except OSError:
        return
    raise order.host.link_refused(order.target_path, place, display(target))
