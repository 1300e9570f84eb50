"""Verbs about change: diff, deleted."""

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from bck_apps.cli.browse import (
    After,
    Below,
    Limit,
    MaybePath,
    more,
    path_cell,
    point_cell,
    size_cell,
    time_cell,
)
from bck_apps.cli.browse_documents import comparison_document, deleted_document
from bck_apps.cli.documents import Document
from bck_apps.cli.jobs import ProfileArgument
from bck_apps.cli.screen import Json, say, show, table
from bck_apps.cli.session import opened
from bck_apps.cli.units import time_text
from bck_apps.cli.values import not_empty
from bckcore.domain.difference import SIGNS, Difference
from bckcore.domain.file_version import FileEntry
from bckcore.domain.ids import ProfileId
from bckcore.domain.paths import display
from bckcore.errors import InvalidInputError
from bckcore.services.browsed import Comparison, Deleted, full_path

if TYPE_CHECKING:
    from rich.console import RenderableType

_SIGNS = {kind.value: sign for kind, sign in SIGNS.items()}


def diff(
    profile: ProfileArgument,
    old: Annotated[str, typer.Argument(metavar="[OLD]", help="Point: name, number, time or 'latest'.")] = "",
    new: Annotated[str, typer.Argument(metavar="[NEW]", help="Point to compare it with.")] = "latest",
    run: Annotated[
        str, typer.Option(metavar="RUN|latest", help="What this run changed, instead of two points.")
    ] = "",
    below: Below = "",
    limit: Limit = 1000,
    after: After = "",
    as_json: Json = False,
) -> None:
    """What changed from one point to another, or in one run."""
    if bool(old) == bool(run):
        raise InvalidInputError(
            "Give either two points or --run.", advice="For example: bck diff PROFILE 3 latest"
        )
    where = os.fsencode(below)
    with opened() as application:
        compare, name = application.compare, ProfileId(profile)
        if run:
            found = compare.run(name, run, below=where, limit=limit, after=after)
        else:
            found = compare.points(name, old, new, below=where, limit=limit, after=after)
    show(as_json, comparison_document(found), lambda: _differences_table(found.page.items))
    if not as_json:
        _tell(found)


def _tell(found: Comparison) -> None:
    if found.run is not None:
        say(f"Run {found.run.seq} ({found.run.id}):")
    counts = {kind.value: count for kind, count in (found.counts or {}).items()}
    say(", ".join(f"{counts.get(name, 0)} {name}" for name in _SIGNS))
    more(found.page.next)


def _differences_table(found: Sequence[Difference]) -> "RenderableType":
    rows = (
        (
            _SIGNS[one.kind.value],
            one.kind.value,
            _sizes(one.old, one.new),
            display(full_path(one.source, one.path)),
        )
        for one in found
    )
    return table(("", "CHANGE", "SIZE>", "PATH"), rows, empty="Nothing differs.")


def _sizes(old: FileEntry | None, new: FileEntry | None) -> str:
    sizes = [size_cell(entry) for entry in (old, new) if entry is not None]
    return " → ".join(dict.fromkeys(size for size in sizes if size))


def deleted(
    profile: ProfileArgument,
    path: MaybePath = "",
    since: Annotated[
        str | None,
        typer.Option(
            metavar="TIME|RUN",
            help="Only what went at that time, or with that run, or later.",
            callback=not_empty,
        ),
    ] = None,
    limit: Limit = 1000,
    after: After = "",
    as_json: Json = False,
) -> None:
    """What the PC has no more and the backup still has."""
    with opened() as application:
        found = application.compare.deleted(
            ProfileId(profile), below=os.fsencode(path), since=since or "", limit=limit, after=after
        )
    document: Document = {"items": [deleted_document(one) for one in found.items], "next": found.next}
    show(as_json, document, lambda: _deleted_table(found.items))
    if not as_json:
        more(found.next)


def _why(one: Deleted) -> str:
    ended = "excluded" if one.excluded else "gone"
    return f"{ended}, left out now" if one.left_out_now and not one.excluded else ended


def _deleted_table(found: Sequence[Deleted]) -> "RenderableType":
    rows = (
        (
            time_text(one.run.finished),
            _why(one),
            point_cell(one.newest.last),
            size_cell(one.newest.version.entry),
            time_cell(one.newest.version.entry),
            path_cell(one.newest.version),
        )
        for one in found
    )
    heads = ("MISSED", "WHY", "POINT>", "SIZE>", "CHANGED", "PATH")
    return table(heads, rows, empty="Nothing is gone.")
