"""Verbs about restore points: points, restore, prune."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bck_apps.cli.documents import decision_document, point_document
from bck_apps.cli.follow import end_with, see_through
from bck_apps.cli.jobs import ProfileArgument
from bck_apps.cli.screen import Json, fields, say, show, table, yes_no
from bck_apps.cli.session import opened, who
from bck_apps.cli.units import size_text, time_text
from bckcore.domain.ids import ProfileId
from bckcore.domain.job import Job
from bckcore.domain.restore_point import RestorePoint
from bckcore.domain.retention import RetentionDecision

if TYPE_CHECKING:
    from rich.console import RenderableType


def points(profile: ProfileArgument, as_json: Json = False) -> None:
    """List a profile's restore points, oldest first. Also called: snapshots."""
    with opened() as application:
        found = application.restores.points(ProfileId(profile))
    show(as_json, {"items": [point_document(point) for point in found]}, lambda: _points_table(found))


def _points_table(found: Sequence[RestorePoint]) -> "RenderableType":
    rows = (
        (
            point.run_id,
            point.seq,
            point.outcome.value,
            "yes" if point.counted.value == "counted" else point.counted.value,
            time_text(point.finished),
            time_text(point.verified_at) if point.verified_at != point.finished else "",
            point.counts.files,
            size_text(point.counts.bytes),
            f"+{point.counts.added} ~{point.counts.changed} -{point.counts.gone}",
        )
        for point in found
    )
    heads = ("POINT", "SEQ>", "OUTCOME", "COUNTED", "FINISHED", "STILL SO AT", "FILES>", "SIZE>", "CHANGES")
    return table(heads, rows, empty="There is no restore point yet.")


def restore(
    profile: ProfileArgument,
    point: Annotated[
        str, typer.Option(metavar="POINT|latest|TIME", help="Which point; a time means the newest before it.")
    ],
    to: Annotated[str, typer.Option(metavar="DIR", help="Empty or new folder on this server.")],
    paths: Annotated[
        list[str] | None,
        typer.Argument(metavar="[PATH]...", help="SOURCE, SOURCE/path or the full path on the PC; else all."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Bring files back as they were at a point, into DIR/<source>/.

    While 'bck serve' runs, it does the work, with its own rights; otherwise it is done here.
    """
    from bckcore.services.restore_request import RestoreRequest

    # Arguments are bytes that Python made text of; fsencode gives exactly those bytes back.
    wanted = tuple(os.fsencode(path) for path in paths or ())
    request = RestoreRequest(point=point, folder=Path(os.path.abspath(to)), paths=wanted)  # noqa: PTH100
    with opened() as application:
        asked = application.jobs.start_restore(ProfileId(profile), request, requested_by=who())
        job = see_through(application, asked.job.id, as_json=as_json)
    end_with(job, as_json=as_json, human=_restore_view)


def _restore_view(job: Job) -> "RenderableType":
    data = job.result.data
    count = data.get("bytes")
    return fields(
        (
            ("job", job.id),
            ("outcome", job.status.value),
            ("point", data.get("point")),
            ("folder", data.get("folder")),
            ("files", data.get("files")),
            ("size", size_text(count) if isinstance(count, int) else ""),
            ("problems", data.get("problems") or ""),
        )
    )


def prune(
    profile: ProfileArgument,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would go, and why.")] = False,
    as_json: Json = False,
) -> None:
    """Forget the restore points that the profile's retention policy does not keep."""
    with opened() as application:
        if dry_run:
            decisions = application.prunes.plan(ProfileId(profile)).decisions
            document = {"items": [decision_document(decision) for decision in decisions], "dry_run": True}
            show(as_json, document, lambda: _decisions_table(decisions))
            return
        asked = application.jobs.start_prune(ProfileId(profile), requested_by=who())
        job = see_through(application, asked.job.id, as_json=as_json)
    end_with(job, as_json=as_json, human=_prune_view)


def _decisions_table(decisions: Sequence[RetentionDecision]) -> "RenderableType":
    rows = (
        (
            decision.point.run_id,
            decision.point.seq,
            yes_no(decision.keep),
            "; ".join(decision.reasons),
        )
        for decision in decisions
    )
    say("Nothing was changed: this only shows what would go.")
    return table(("POINT", "SEQ>", "KEEP", "WHY"), rows, empty="There is no restore point yet.")


def _prune_view(job: Job) -> "RenderableType":
    data = job.result.data
    return fields(
        (
            ("job", job.id),
            ("outcome", job.status.value),
            ("forgotten", data.get("forgotten")),
            ("increments merged", data.get("merged")),
            ("increments freed", data.get("freed")),
        )
    )
