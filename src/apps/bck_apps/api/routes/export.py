"""Downloads: paths of a point as an archive, or one file."""

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Annotated, Any

from dependency_injector.wiring import inject
from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from bck_apps.api.deps import StillMay, lasting, requires
from bck_apps.api.downloads import HeldStream
from bck_apps.api.errors import responses
from bck_apps.api.providing import provided
from bck_apps.api.turns import DOWNLOADS, in_turn
from bck_apps.api.views import path_bytes_of
from bck_apps.wiring.container import Container
from bckcore.domain.access import Permission, Principal
from bckcore.domain.ids import ProfileId
from bckcore.errors import InvalidInputError, StorageError
from bckcore.ports.archives import ArchiveFormat
from bckcore.services.export import ExportService, OpenedFile

router = APIRouter(prefix="/profiles/{name}/points/{point}", tags=["export"])

LOCK_WAIT_SECONDS = 5.0
PIECE = 1 << 18
MEDIA_TYPES = {
    ArchiveFormat.TAR: "application/x-tar",
    ArchiveFormat.TAR_GZ: "application/gzip",
    ArchiveFormat.ZIP: "application/zip",
}
OCTETS = "application/octet-stream"


def _streamed(*types: str) -> dict[int | str, dict[str, Any]]:
    return {200: {"description": "The bytes.", "content": {one: {} for one in types}}}


Paths = Annotated[
    list[str], Query(max_length=1000, description="`SOURCE`, `SOURCE/path` or full paths; none: everything.")
]
PathBytes = Annotated[
    list[str], Query(max_length=1000, description="The same, percent-encoded, for names that are not UTF-8.")
]


@router.get(
    "/export",
    response_class=Response,
    responses={**responses(401, 403, 404, 422, 503), **_streamed(*MEDIA_TYPES.values())},
)
@inject
def export_point(  # noqa: PLR0917  # FastAPI hands them over by name
    request: Request,
    name: str,
    point: str,
    format: Annotated[ArchiveFormat, Query(description="tar, tar.gz or zip.")] = ArchiveFormat.TAR,  # noqa: A002  # its public name
    path: Paths = [],  # noqa: B006  # FastAPI copies it
    path_bytes: PathBytes = [],  # noqa: B006
    include_deleted: Annotated[bool, Query(description="Also what was deleted before the point.")] = False,
    _who: Principal = requires(Permission.RESTORE),
    still_may: StillMay = lasting(Permission.RESTORE),
    _turn: None = in_turn(DOWNLOADS),
    exports: ExportService = provided(Container.exports),
) -> Response:
    """A point, or some paths of it, as an archive, streamed. Backups of the profile wait meanwhile."""
    with ExitStack() as stack:
        exported = stack.enter_context(
            exports.exported(
                ProfileId(name),
                point=point,
                paths=path_bytes_of(path, path_bytes),
                form=format,
                include_deleted=include_deleted,
                wait_seconds=LOCK_WAIT_SECONDS,
            )
        )
        file = f"{name}-{exported.point.run_id}.{format.value}".encode()
        return HeldStream(
            exported.pieces,
            stack.pop_all(),
            still_may=still_may,
            name=file,
            media_type=MEDIA_TYPES[format],
            threads=request.app.state.streams,
        )


@router.get(
    "/file",
    response_class=Response,
    responses={**responses(401, 403, 404, 422, 503), **_streamed(OCTETS)},
)
@inject
def download_file(
    request: Request,
    name: str,
    point: str,
    path: Annotated[str, Query(description="`SOURCE/path` or the full path.")] = "",
    path_bytes: Annotated[str, Query(description="The same, percent-encoded.")] = "",
    _who: Principal = requires(Permission.RESTORE),
    still_may: StillMay = lasting(Permission.RESTORE),
    _turn: None = in_turn(DOWNLOADS),
    exports: ExportService = provided(Container.exports),
) -> Response:
    """One file as it was at a point."""
    wanted = path_bytes_of([path] if path else [], [path_bytes] if path_bytes else [])
    if len(wanted) != 1:
        raise InvalidInputError("One path is needed: `path` or `path_bytes`.")
    with ExitStack() as stack:
        opened = stack.enter_context(exports.opened(ProfileId(name), point=point, path=wanted[0]))
        return HeldStream(
            _pieces(opened),
            stack.pop_all(),
            still_may=still_may,
            name=opened.name,
            media_type=OCTETS,
            threads=request.app.state.streams,
            length=opened.entry.size,
        )


def _pieces(opened: OpenedFile) -> Iterator[bytes]:
    left = opened.entry.size
    while left:
        piece = opened.content.read(min(PIECE, left))
        if not piece:
            raise StorageError("A stored file became shorter while it was read.")
        left -= len(piece)
        yield piece
