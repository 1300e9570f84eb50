"""Files: folders at points, versions, search, differences, what is deleted."""

from typing import Annotated

from dependency_injector.wiring import inject
from fastapi import APIRouter, Depends, Query

from bck_apps.api.deps import requires
from bck_apps.api.errors import responses
from bck_apps.api.providing import provided
from bck_apps.api.schemas import Page
from bck_apps.api.schemas_browse import ComparisonView, DeletedView, FolderView, FoundView, VersionView
from bck_apps.api.turns import READS, in_turn
from bck_apps.api.views_browse import (
    asked_path,
    comparison_view,
    deleted_view,
    folder_view,
    found_view,
    version_view,
)
from bck_apps.wiring.container import Container
from bckcore.domain.access import Permission, Principal
from bckcore.domain.ids import ProfileId
from bckcore.domain.pattern import LONGEST, Pattern
from bckcore.errors import InvalidInputError
from bckcore.services.browse import MOST_ITEMS, BrowseService
from bckcore.services.compare import CompareService

router = APIRouter(prefix="/profiles/{name}", tags=["files"])

LONGEST_PATH = 16_384
PathText = Annotated[
    str, Query(max_length=LONGEST_PATH, description="`SOURCE`, `SOURCE/path` or the full path on the PC.")
]
PathBytes = Annotated[
    str, Query(max_length=LONGEST_PATH, description="The same, percent-encoded, for names that are no UTF-8.")
]
PointText = Annotated[str, Query(max_length=64, description="`latest`, a point's name or number, or a time.")]


def _asked(path: PathText = "", path_bytes: PathBytes = "") -> bytes:
    return asked_path(path, path_bytes)


Where = Annotated[bytes, Depends(_asked)]
Limit = Annotated[int, Query(ge=1, le=MOST_ITEMS, description="How many at most.")]
After = Annotated[str, Query(max_length=LONGEST_PATH, description="The `next` of the part before.")]


@router.get("/files", responses=responses(401, 403, 404, 422))
@inject
def list_files(
    name: str,
    where: Where,
    point: PointText = "latest",
    limit: Limit = 1000,
    after: After = "",
    _who: Principal = requires(Permission.READ),
    _turn: None = in_turn(READS),
    browse: BrowseService = provided(Container.browse),
) -> FolderView:
    """A folder as it was at a point, by name; without a path, the sources."""
    return folder_view(browse.list_folder(ProfileId(name), point=point, path=where, limit=limit, after=after))


@router.get("/versions", responses=responses(401, 403, 404, 422))
@inject
def list_versions(
    name: str,
    where: Where,
    limit: Limit = 1000,
    after: After = "",
    _who: Principal = requires(Permission.READ),
    _turn: None = in_turn(READS),
    browse: BrowseService = provided(Container.browse),
) -> Page[VersionView]:
    """Every version of one path that can still be brought back, oldest first."""
    if not where:
        raise InvalidInputError("A path is needed.")
    found = browse.versions(ProfileId(name), where, limit=limit, after=after)
    return Page(items=[version_view(one) for one in found.items], next=found.next)


@router.get("/search", responses=responses(401, 403, 404, 422))
@inject
def search(
    name: str,
    where: Where,
    pattern: Annotated[
        str, Query(max_length=LONGEST, description="Part of a name, or a pattern with `*`, `?`, `[…]`.")
    ] = "",
    pattern_bytes: Annotated[
        str, Query(max_length=LONGEST_PATH, description="The same, percent-encoded.")
    ] = "",
    case_sensitive: bool = False,
    limit: Limit = 100,
    after: After = "",
    _who: Principal = requires(Permission.READ),
    _turn: None = in_turn(READS),
    browse: BrowseService = provided(Container.browse),
) -> Page[FoundView]:
    """Paths by name, at whatever point they were there; only below `path` if it is given."""
    sought = Pattern(asked_path(pattern, pattern_bytes), ignore_case=not case_sensitive)
    found = browse.find(ProfileId(name), sought, below=where, limit=limit, after=after)
    return Page(items=[found_view(one) for one in found.items], next=found.next)


@router.get("/diff", responses=responses(401, 403, 404, 422))
@inject
def diff(
    name: str,
    where: Where,
    old: PointText = "",
    new: PointText = "latest",
    run: Annotated[str, Query(max_length=64, description="`latest`, a run's number or name.")] = "",
    limit: Limit = 1000,
    after: After = "",
    _who: Principal = requires(Permission.READ),
    _turn: None = in_turn(READS),
    compare: CompareService = provided(Container.compare),
) -> ComparisonView:
    """What changed from one point to another, or in one run. The first part has the counts of the whole."""
    if bool(old) == bool(run):
        raise InvalidInputError("Give either `old` or `run`.")
    profile, count = ProfileId(name), not after
    if run:
        return comparison_view(compare.run(profile, run, below=where, limit=limit, after=after, count=count))
    return comparison_view(
        compare.points(profile, old, new, below=where, limit=limit, after=after, count=count)
    )


@router.get("/deleted", responses=responses(401, 403, 404, 422))
@inject
def list_deleted(
    name: str,
    where: Where,
    since: Annotated[
        str, Query(max_length=64, description="Only what went at that time, or with that run, or later.")
    ] = "",
    limit: Limit = 1000,
    after: After = "",
    _who: Principal = requires(Permission.READ),
    _turn: None = in_turn(READS),
    compare: CompareService = provided(Container.compare),
) -> Page[DeletedView]:
    """What the PC has no more and the backup still has."""
    found = compare.deleted(ProfileId(name), below=where, since=since, limit=limit, after=after)
    return Page(items=[deleted_view(one) for one in found.items], next=found.next)
