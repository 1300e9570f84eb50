"""A new file that a verb writes: whole under its name, or not there."""

import os
import secrets
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from bckcore.errors import BckError, ConflictError, RefusedError


@contextmanager
def new_file(output: str, require_apart: Callable[[Path], None]) -> Iterator[BinaryIO]:
    """A file to write to, readable by its owner; it gets its name at the end, and only if that is free.

    ``-`` is standard output. Raises ConflictError, RefusedError, and what ``require_apart`` raises.
    """
    if output == "-":
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    goal = Path(output)
    require_apart(goal)
    if os.path.lexists(goal):
        raise _taken(goal)
    part = goal.with_name(f".bck-export-{secrets.token_hex(8)}")
    try:
        with part.open("xb") as file:
            part.chmod(0o600)
            yield file
            file.flush()
            os.fsync(file.fileno())
        _put(part, goal)
    except OSError as exc:
        raise RefusedError(
            f"{goal} cannot be written ({exc.strerror}).", advice="Choose a place that you may write."
        ) from exc
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)


def _put(part: Path, goal: Path) -> None:
    try:
        goal.hardlink_to(part)
    except FileExistsError:
        raise _taken(goal) from None
    except OSError:  # a file system without hard links
        part.rename(goal)


def _taken(goal: Path) -> BckError:
    return ConflictError(f"{goal} is there already.", advice="Choose another name, or remove it first.")
