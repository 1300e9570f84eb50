"""What lies in the root for the day this program is not there: README.txt and restore.sh."""

import os
from contextlib import suppress
from importlib.resources import files

from bck_adapters.storage_fs.files import read_whole, write_new
from bck_adapters.storage_fs.readme import TEXT
from bck_adapters.storage_fs.root import README, Root

RESTORE = "restore.sh"


def restore_script() -> bytes:
    """The script as it is written into every root."""
    return files(__package__).joinpath(RESTORE).read_bytes()


def write_guides(top: int) -> None:
    """Write both into the root, unless they stand there as they are now. Raises OSError."""
    for name, content in ((README, TEXT.encode()), (RESTORE, restore_script())):
        if not _stands(top, name, content):
            write_new(top, name, f".{name}.new", content)


def keep_guides_current(root: Root) -> None:
    """Replace what an older version of the program wrote. A disk that does not take it fails no run."""
    with suppress(OSError):
        top = root.open()
        try:
            write_guides(top)
        finally:
            os.close(top)


def _stands(top: int, name: str, content: bytes) -> bool:
    try:
        return read_whole(top, name) == content
    except FileNotFoundError:
        return False
