"""Folders that restores may write into."""

import os
import stat
from collections.abc import Sequence
from pathlib import Path

from bck_adapters.storage_fs.errors import NO_ROOM, reason_of
from bckcore.errors import ConflictError, InvalidInputError, RefusedError, StoreFullError


class FsRestoreTargets:
    """RestoreTargets on this machine; never in or around the storage or the ``private`` folders."""

    def __init__(self, storage_root: Path, *, private: Sequence[Path] = ()) -> None:
        self._root = storage_root
        self._private = tuple(private)

    def claim(self, path: Path, *, filled: bool = False) -> Path:
        """Make or take a folder."""
        full = self.look(path, filled=filled)
        try:
            full.mkdir(mode=0o700, parents=True, exist_ok=True)
            full = full.resolve(strict=True)
        except OSError as exc:
            raise _refused(path, exc) from exc
        self._require_apart(full)
        return full

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
            with os.scandir(full) as found:
                held = next(found, None)
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
        if held is not None and not filled:
            raise ConflictError(
                f"The folder {path} is not empty.",
                meaning="Nobody said what is to become of files that are there already.",
                advice="Choose a new or empty folder, or say what to do: --overwrite, --keep-both or --skip; "
                "--resume goes on with a restore that was cut.",
            )
        return full

    def _require_apart(self, full: Path) -> None:
        root = self._root.resolve()
        if full.is_relative_to(root) or root.is_relative_to(full):
            raise RefusedError(
                f"{full} lies in the backup storage, or the backup storage lies in it.",
                meaning="Restored files there would mix with the backups.",
                advice="Choose a folder elsewhere.",
            )
        for folder in (place.resolve() for place in self._private):
            if full.is_relative_to(folder) or folder.is_relative_to(full):
                raise RefusedError(
                    f"{full} lies in the installation's own folder {folder}, or around it.",
                    meaning="Keys and the database are kept there.",
                    advice="Choose a folder elsewhere.",
                )


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
