"""The verb `export`: paths of a point as a tar or zip archive."""

import os
import secrets
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO

import typer

from bck_apps.cli.jobs import ProfileArgument
from bck_apps.cli.restore import IncludeDeleted, PathsArgument, PointOption, wanted_paths
from bck_apps.cli.screen import Json, fields, say, show
from bck_apps.cli.session import opened
from bck_apps.cli.status import PARTIAL
from bck_apps.cli.units import size_text
from bckcore.domain.ids import ProfileId
from bckcore.domain.paths import display
from bckcore.errors import BckError, ConflictError, InvalidInputError, RefusedError, StoreFullError
from bckcore.ports.archives import ArchiveFormat

if TYPE_CHECKING:
    from rich.console import RenderableType

    from bck_apps.cli.documents import Document

_ENDINGS = {
    ".tar": ArchiveFormat.TAR,
    ".tar.gz": ArchiveFormat.TAR_GZ,
    ".tgz": ArchiveFormat.TAR_GZ,
    ".zip": ArchiveFormat.ZIP,
}


def export(
    profile: ProfileArgument,
    point: PointOption,
    output: Annotated[
        str, typer.Option("--output", "-o", metavar="FILE|-", help="New file, or - for standard output.")
    ],
    form: Annotated[
        str,
        typer.Option("--format", metavar="tar|tar.gz|zip", help="Else the file's ending tells, else tar."),
    ] = "",
    include_deleted: IncludeDeleted = False,
    paths: PathsArgument = None,
    as_json: Json = False,
) -> None:
    """Write files as they were at a point into one archive; names in it begin with their source.

    Backups of the profile wait until it is written. A file gets its name only when it is whole.
    """
    chosen = _form(form, output)
    if as_json and output == "-":
        raise InvalidInputError("--json and an archive on standard output would mix.")
    with opened() as application, _goal(output, application.restores.require_apart) as file:
        written = 0
        with application.exports.exported(
            ProfileId(profile),
            point=point,
            paths=wanted_paths(paths),
            form=chosen,
            include_deleted=include_deleted,
        ) as exported:
            for piece in exported.pieces:
                _write(file, piece, output)
                written += len(piece)
        missing = [f"{name}/{display(path)}" for name, path in exported.missing]
        left_out = [display(path) for path in exported.left_out]
        altered = [{"path": display(path), "how": how} for path, how in exported.altered]
        damaged = [display(path) for path in exported.damaged]
    document: Document = {
        "file": None if output == "-" else os.path.abspath(output),  # noqa: PTH100  # as it was named
        "format": chosen.value,
        "point": exported.point.run_id,
        "bytes": written,
        "missing": missing,
        "left_out": left_out,
        "altered": altered,
        "damaged": damaged,
    }
    if output != "-":
        show(as_json, document, lambda: _view(document))
    _warn((*missing, *left_out), altered, damaged)
    if missing or left_out or altered or damaged:
        raise typer.Exit(PARTIAL)


def _warn(absent: Iterable[str], altered: Iterable[Mapping[str, str]], damaged: Iterable[str]) -> None:
    for path in absent:
        say(f"warning: not in the archive: {path}")
    for one in altered:
        say(f"warning: not quite as it was: {one['path']}: {one['how']}")
    for path in damaged:
        say(f"warning: in the archive, but damaged; its bytes are not those that were backed up: {path}")


def _form(form: str, output: str) -> ArchiveFormat:
    if not form:
        return next((one for end, one in _ENDINGS.items() if output.endswith(end)), ArchiveFormat.TAR)
    try:
        return ArchiveFormat(form)
    except ValueError:
        raise InvalidInputError(f"{form!r} is no format.", advice="Choose tar, tar.gz or zip.") from None


def _view(document: "Document") -> "RenderableType":
    size = document["bytes"]
    return fields(
        (
            ("file", document["file"]),
            ("format", document["format"]),
            ("point", document["point"]),
            ("size", size_text(size) if isinstance(size, int) else ""),
        )
    )


def _write(file: BinaryIO, piece: bytes, output: str) -> None:
    try:
        file.write(piece)
    except BrokenPipeError:
        raise
    except OSError as exc:
        raise StoreFullError(
            f"{output} cannot be written ({exc.strerror}).",
            meaning="The export stopped; no half archive is left under that name.",
            advice="Make room there, or write to another place.",
        ) from exc


@contextmanager
def _goal(output: str, require_apart: Callable[[Path], None]) -> Iterator[BinaryIO]:
    """The file to write to; it gets its name at the end, and only if that is free."""
    if output == "-":
        if sys.stdout.isatty():
            raise InvalidInputError("An archive on a terminal would be unreadable.", advice="Use -o FILE.")
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
