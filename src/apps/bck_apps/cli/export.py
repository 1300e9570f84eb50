"""The verb `export`: paths of a point as a tar or zip archive."""

import os
import sys
from typing import TYPE_CHECKING, Annotated, BinaryIO

import typer

from bck_apps.cli.given import require_path
from bck_apps.cli.jobs import ProfileArgument
from bck_apps.cli.new_file import new_file
from bck_apps.cli.restore import IncludeDeleted, PathsArgument, PointOption, wanted_paths
from bck_apps.cli.screen import Json, fields, say, show
from bck_apps.cli.session import opened
from bck_apps.cli.status import PARTIAL
from bck_apps.cli.units import size_text
from bckcore.domain.ids import ProfileId
from bckcore.domain.paths import display
from bckcore.errors import InvalidInputError, StoreFullError
from bckcore.ports.archives import ArchiveFormat

if TYPE_CHECKING:
    from rich.console import RenderableType

    from bck_apps.cli.documents import Document
    from bckcore.services.export import Exported

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
    chosen = _form(form, require_path(output, "--output"))
    if as_json and output == "-":
        raise InvalidInputError("--json and an archive on standard output would mix.")
    if output == "-" and sys.stdout.isatty():
        raise InvalidInputError("An archive on a terminal would be unreadable.", advice="Use -o FILE.")
    with opened() as application, new_file(output, application.restores.require_apart) as file:
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
    told = {
        "missing": [f"{name}/{display(path)}" for name, path in exported.missing],
        "left_out": [display(path) for path in exported.left_out],
        "altered": [{"path": display(path), "how": how} for path, how in exported.altered],
        "damaged": [display(path) for path in exported.damaged],
    }
    document: Document = {
        "file": None if output == "-" else os.path.abspath(output),  # noqa: PTH100  # as it was named
        "format": chosen.value,
        "point": exported.point.run_id,
        "bytes": written,
        **told,
    }
    if output != "-":
        show(as_json, document, lambda: _view(document))
    _warn(exported)
    if any(told.values()):
        raise typer.Exit(PARTIAL)


def _warn(exported: "Exported") -> None:
    absent = (f"{name}/{display(path)}" for name, path in exported.missing)
    for told in (*absent, *map(display, exported.left_out)):
        say(f"warning: not in the archive: {told}")
    for path, how in exported.altered:
        say(f"warning: not quite as it was: {display(path)}: {how}")
    for told in map(display, exported.damaged):
        say(f"warning: in the archive, but damaged; its bytes are not those that were backed up: {told}")


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
