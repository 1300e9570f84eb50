"""Small files of our own: written so that they are there whole or not at all."""

import os

_NEW = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
PRIVATE_FILE = 0o600


def open_new(folder: int, temporary: str) -> int:
    """Create or empty the temporary file, readable by its owner only, whatever the umask."""
    fd = os.open(temporary, _NEW, PRIVATE_FILE, dir_fd=folder)
    os.fchmod(fd, PRIVATE_FILE)
    return fd


def put_in_place(folder: int, temporary: str, name: str) -> None:
    """Give the written temporary file its name, durably. Its content must be synced already."""
    os.rename(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
    os.fsync(folder)


def write_new(folder: int, name: str, temporary: str, content: bytes) -> None:
    """Write ``name`` durably: temporary file, fsync, rename, fsync of the folder."""
    fd = open_new(folder, temporary)
    with os.fdopen(fd, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(fd)
    put_in_place(folder, temporary, name)


def read_whole(folder: int, name: str | bytes) -> bytes:
    """The content of a plain file; a link there is an error. Raises FileNotFoundError."""
    with os.fdopen(os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder), "rb") as file:
        return file.read()
