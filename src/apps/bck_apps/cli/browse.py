"""Verbs that look for files: ls, versions, find."""

import os
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from bck_apps.cli.browse_documents import (
    entry_document,
    found_document,
    kind_text,
    version_document,
)
from bck_apps.cli.documents import Document
from bck_apps.cli.jobs import ProfileArgument
from bck_apps.cli.screen import Json, say, show, table
from bck_apps.cli.session import opened
from bck_apps.cli.units import size_text, time_text
from bckcore.domain.file_version import EntryKind, FileEntry, FileVersion
from bckcore.domain.ids import ProfileId
from bckcore.domain.paths import display
from bckcore.domain.restore_point import RestorePoint
from bckcore.services.browsed import FolderPage, Found, KnownVersion, full_path

if TYPE_CHECKING:
    from rich.console import RenderableType

PathArgument = Annotated[
    str, typer.Argument(metavar="PATH", help="SOURCE, SOURCE/path or the full path on the PC.")
]
MaybePath = Annotated[
    str, typer.Argument(metavar="[PATH]", help="SOURCE, SOURCE/path or the full path on the PC; else all.")
]
Below = Annotated[str, typer.Option(metavar="PATH", help="Only at or below this path.")]
Limit = Annotated[int, typer.Option(metavar="N", help="How many at most, 1 to 10000.")]
After = Annotated[str, typer.Option(metavar="CURSOR", help="Go on where the list before ended ('next').")]


def ls(
    profile: ProfileArgument,
    path: MaybePath = "",
    point: Annotated[
        str,
        typer.Option(
            metavar="POINT|latest|TIME", help="Which point; of a time (a date: its end) the newest before."
        ),
    ] = "latest",
    limit: Limit = 1000,
    after: After = "",
    as_json: Json = False,
) -> None:
    """List a folder as it was at a point; without PATH, the sources."""
    with opened() as application:
        found = application.browse.list_folder(
            ProfileId(profile), point=point, path=os.fsencode(path), limit=limit, after=after
        )
    document: Document = {
        "point": found.point.run_id,
        "seq": found.point.seq,
        "items": [{**entry_document(one), "stale": found.is_stale(one)} for one in found.page.items],
        "unnamed_problems": found.unnamed,
        "next": found.page.next,
    }
    show(as_json, document, lambda: _folder_table(found))
    if not as_json:
        say(f"As at point {found.point.seq}, {time_text(found.point.finished)}.")
        _tell_stale(found)
        more(found.page.next)


def _tell_stale(found: FolderPage) -> None:
    look = f"bck run show {found.point.profile} {found.point.seq}"
    if found.stale:
        say(f"'stale': the run could not read it; this is how an earlier run saw it. Why: {look}")
    if found.unnamed:
        say(f"{found.unnamed} problems of the run are not known by path: more may be stale. See: {look}")


def versions(
    profile: ProfileArgument,
    path: PathArgument,
    limit: Limit = 1000,
    after: After = "",
    as_json: Json = False,
) -> None:
    """Every version of one path that can still be brought back, oldest first."""
    with opened() as application:
        found = application.browse.versions(ProfileId(profile), os.fsencode(path), limit=limit, after=after)
    document: Document = {"items": [version_document(one) for one in found.items], "next": found.next}
    show(as_json, document, lambda: _versions_table(found.items))
    if not as_json:
        more(found.next)


def find(
    profile: ProfileArgument,
    pattern: Annotated[
        str,
        typer.Argument(metavar="PATTERN", help="Part of a name, or a pattern: '*.pdf', 'docs/**/plan?.*'."),
    ],
    below: Below = "",
    case_sensitive: Annotated[
        bool, typer.Option("--case-sensitive", help="Tell capital letters from small ones.")
    ] = False,
    limit: Limit = 100,
    after: After = "",
    as_json: Json = False,
) -> None:
    """Find paths by name at whatever point they were there."""
    from bckcore.domain.pattern import Pattern

    sought = Pattern(os.fsencode(pattern), ignore_case=not case_sensitive)
    with opened() as application:
        found = application.browse.find(
            ProfileId(profile), sought, below=os.fsencode(below), limit=limit, after=after
        )
    document: Document = {"items": [found_document(one) for one in found.items], "next": found.next}
    show(as_json, document, lambda: _found_table(found.items))
    if not as_json:
        more(found.next)


def more(cursor: str | None) -> None:
    """Tell how to get the next part."""
    if cursor is not None:
        say(f"There is more: --after '{cursor}'")


def size_cell(entry: FileEntry) -> str:
    """The size of a file; nothing for what has none."""
    return size_text(entry.size) if entry.kind is EntryKind.FILE else ""


def time_cell(entry: FileEntry) -> str:
    """Local time of the last change, to the second."""
    try:
        return time_text(datetime.fromtimestamp(entry.mtime_ns // 1_000_000_000, UTC))
    except (OverflowError, ValueError, OSError):
        return f"{entry.mtime_ns // 1_000_000_000} s"


def point_cell(point: RestorePoint | None) -> str:
    """The number of a point; a dash for none."""
    return str(point.seq) if point else "-"


def path_cell(version: FileVersion) -> str:
    """``source/path``, escaped; a link with where it points."""
    shown = display(full_path(version.source, version.entry.path))
    target = version.entry.target
    return f"{shown} -> {display(target)}" if version.entry.kind is EntryKind.LINK else shown


def _folder_table(found: FolderPage) -> "RenderableType":
    rows = (
        (
            kind_text(one.entry),
            f"{one.entry.mode:04o}",
            size_cell(one.entry),
            time_cell(one.entry),
            "stale" if found.is_stale(one) else "",
            path_cell(one),
        )
        for one in found.page.items
    )
    heads = ("KIND", "MODE", "SIZE>", "CHANGED", "STATE", "PATH")
    return table(heads, rows, empty="The folder is empty.")


def _versions_table(found: Sequence[KnownVersion]) -> "RenderableType":
    rows = (
        (
            point_cell(one.first),
            point_cell(one.last),
            one.standing.value,
            kind_text(one.version.entry),
            size_cell(one.version.entry),
            time_cell(one.version.entry),
            one.version.entry.digest.hex(),
        )
        for one in found
    )
    heads = ("FROM POINT>", "TO POINT>", "STANDING", "KIND", "SIZE>", "CHANGED", "DIGEST")
    return table(heads, rows, empty="There is no further version.")


def _found_table(found: Sequence[Found]) -> "RenderableType":
    rows = (
        (
            one.newest.standing.value,
            kind_text(one.newest.version.entry),
            size_cell(one.newest.version.entry),
            time_cell(one.newest.version.entry),
            one.versions,
            point_cell(one.newest.last),
            path_cell(one.newest.version),
        )
        for one in found
    )
    heads = ("STANDING", "KIND", "SIZE>", "CHANGED", "VERSIONS>", "POINT>", "PATH")
    return table(heads, rows, empty="Nothing was found.")
