"""The verb `points`."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from bck_apps.cli.documents import point_document
from bck_apps.cli.jobs import ProfileArgument
from bck_apps.cli.screen import Json, show, table
from bck_apps.cli.session import opened
from bck_apps.cli.units import size_text, time_text
from bckcore.domain.ids import ProfileId
from bckcore.domain.restore_point import RestorePoint

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
