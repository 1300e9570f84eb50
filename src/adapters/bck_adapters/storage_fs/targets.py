"""Folders that restores may write into."""

import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import Self

from bck_adapters.storage_fs.errors import NO_ROOM, reason_of
from bck_adapters.storage_fs.ground import FsOwnGround
from bck_adapters.storage_fs.handles import FOLDER, proc_path
from bckcore.errors import ConflictError, InvalidInputError, RefusedError, StoreFullError
from bckcore.ports.own_ground import OwnGround

_ABOVE = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW
"""Folders above may be closed for reading; going through them is enough."""


class FsClaimedTarget:
    """ClaimedTarget by a handle, which it owns."""

    def __init__(self, path: Path, handle: int) -> None:
        self.path = path
        self.handle = handle

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        os.close(self.handle)


class FsRestoreTargets:
    """RestoreTargets on this machine; never in or around the storage or what else is the installation's."""

    def __init__(self, storage_root: Path, *, ground: OwnGround | None = None) -> None:
        self._storage = FsOwnGround(private=(storage_root,))
        self._ground = ground

    def claim(self, path: Path, *, filled: bool = False) -> FsClaimedTarget:
        """Make or take a folder, and hold it."""
        full = self.look(path, filled=filled)
        try:
            handle = _opened(full)
        except OSError as exc:
            raise _refused(path, exc) from exc
        try:
            # What was opened counts, not what its path was: somebody may have moved it meanwhile.
            self._require_apart(Path(os.fsdecode(os.readlink(proc_path(handle)))))
            if not filled:
                _require_empty(path, handle)
        except OSError as exc:
            os.close(handle)
            raise _refused(path, exc) from exc
        except BaseException:
            os.close(handle)
            raise
        return FsClaimedTarget(full, handle)

    def look(self, path: Path, *, filled: bool = False) -> Path:
        """The same without making anything."""
        try:
            full = _full(path)
            status = os.lstat(full)
            self._require_apart(full)
            if stat.S_ISLNK(status.st_mode):
                raise RefusedError(
                    f"{path} is a link.",
                    meaning="A restore follows no link; who can change it could lead the files elsewhere.",
                    advice="Name the folder itself.",
                )
            if filled:
                os.scandir(full).close()  # for its errors
            else:
                _require_empty(path, full)
        except (ValueError, RuntimeError) as exc:  # a NUL in it, links in a circle
            raise InvalidInputError(f"{str(path)!r} cannot be a folder: {exc}.") from exc
        except FileNotFoundError:
            self._require_apart(full)
            return full
        except NotADirectoryError as exc:
            raise ConflictError(
                f"{path} is not a folder, or something above it is none.",
                advice="Choose a new folder to restore into.",
            ) from exc
        except OSError as exc:
            raise _refused(path, exc) from exc
        return full

    def require_apart(self, file: Path) -> None:
        """See the port."""
        try:
            self._require_apart(_full(file))
        except (ValueError, RuntimeError) as exc:  # a NUL in it, links in a circle
            raise InvalidInputError(f"{str(file)!r} cannot be a file: {exc}.") from exc
        except OSError as exc:
            raise _refused(file.parent, exc) from exc

    def _require_apart(self, full: Path) -> None:
        if self._storage.overlap(full) is not None:
            raise RefusedError(
                f"{full} lies in the backup storage, or the backup storage lies in it.",
                meaning="Restored files there would mix with the backups.",
                advice="Choose a folder elsewhere.",
            )
        if self._ground and (own := self._ground.overlap(full, writing=True)) is not None:
            raise RefusedError(
                f"{full} lies in {own}, which is the installation's own, or around it.",
                meaning="Keys, the database or the log are kept there.",
                advice="Choose a folder elsewhere.",
            )


def _require_empty(path: Path, folder: Path | int) -> None:
    with os.scandir(folder) as found:
        if next(found, None) is None:
            return
    raise ConflictError(
        f"The folder {path} is not empty.",
        meaning="Nobody said what is to become of files that are there already.",
        advice="Choose a new or empty folder, or say what to do: --overwrite, --keep-both or --skip; "
        "--resume goes on with a restore that was cut.",
    )


def _opened(full: Path) -> int:
    """A handle of the folder, made if need be. A link on its way came there after it was resolved."""
    place = os.open(full.anchor, _ABOVE)
    try:
        *above, last = [full.anchor, *full.parts[1:]]
        for name in above[1:]:
            below = _entered(name, place, 0o777)
            os.close(place)
            place = below
        below = _entered(last, place, 0o700)
        os.close(place)
        place = below
        return os.open(b".", FOLDER, dir_fd=place)
    finally:
        os.close(place)


def _entered(name: str, above: int, mode: int) -> int:
    with suppress(FileExistsError):
        try:
            return os.open(name, _ABOVE, dir_fd=above)
        except FileNotFoundError:
            os.mkdir(name, mode, dir_fd=above)
    return os.open(name, _ABOVE, dir_fd=above)


def _full(path: Path) -> Path:
    """The path with what lies above it resolved; a link at its end stays to be seen."""
    return path.resolve() if path.name in ("", "..") else path.parent.resolve() / path.name


def _refused(path: Path, exc: OSError) -> Exception:
    reason = reason_of(exc)
    if exc.errno in NO_ROOM:
        return StoreFullError(
            f"No room is left to make the folder {path} ({reason}).",
            advice="Free space there, or restore into a folder on another disk.",
        )
    return RefusedError(
        f"The folder {path} cannot be used ({reason}).",
        advice="Choose a folder that the user who runs this program may write.",
    )
