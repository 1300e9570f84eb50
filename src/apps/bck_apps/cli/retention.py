"""Verbs about how long points are kept: prune, hold, release, holds."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from bck_apps.cli.documents import hold_document, plan_document
from bck_apps.cli.follow import end_with, see_through
from bck_apps.cli.jobs import ProfileArgument
from bck_apps.cli.screen import Json, fields, say, show, table, yes_no
from bck_apps.cli.session import opened, who
from bck_apps.cli.units import size_text, time_text
from bckcore.domain.duration import parsed_duration
from bckcore.domain.ids import ProfileId
from bckcore.domain.job import Job
from bckcore.domain.wording import counted
from bckcore.errors import InvalidInputError

if TYPE_CHECKING:
    from rich.console import RenderableType

    from bckcore.services.holds import HeldPoint
    from bckcore.services.prune import PruneReport

PointArgument = Annotated[
    str, typer.Argument(metavar="POINT", help="'latest', a point's name or number, or a time.")
]


def prune(
    profile: ProfileArgument,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would go, and why.")] = False,
    as_json: Json = False,
) -> None:
    """Forget the restore points that the profile's retention policy does not keep."""
    with opened() as application:
        if dry_run:
            plan = application.prunes.plan(ProfileId(profile))
            show(as_json, plan_document(plan), lambda: _plan_view(plan))
            return
        asked = application.jobs.start_prune(ProfileId(profile), requested_by=who())
        job = see_through(application, asked.job.id, as_json=as_json)
    end_with(job, as_json=as_json, human=_prune_view)


def _plan_view(plan: "PruneReport") -> "RenderableType":
    rows = (
        (
            decision.point.run_id,
            decision.point.seq,
            yes_no(decision.keep),
            "; ".join(decision.reasons),
        )
        for decision in plan.decisions
    )
    say("Nothing was changed: this only shows what would go.")
    say(f"{counted(len(plan.forgotten), 'point')} would go, {size_text(plan.bytes_freed)} come free.")
    return table(("POINT", "SEQ>", "KEEP", "WHY"), rows, empty="There is no restore point yet.")


def _prune_view(job: Job) -> "RenderableType":
    data = job.result.data
    freed = data.get("bytes_freed")
    return fields(
        (
            ("job", job.id),
            ("outcome", job.status.value),
            ("forgotten", data.get("forgotten")),
            ("increments merged", data.get("merged")),
            ("increments freed", data.get("freed")),
            ("came free", size_text(freed) if isinstance(freed, int) else ""),
        )
    )


def hold(
    profile: ProfileArgument,
    point: PointArgument,
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Why it must stay.")],
    until: Annotated[
        str, typer.Option(metavar="TIME", help="Hold until then (UTC unless it names a zone).")
    ] = "",
    for_: Annotated[str, typer.Option("--for", metavar="TIME", help="Hold for so long, as 90d.")] = "",
    as_json: Json = False,
) -> None:
    """Keep a restore point whatever the retention policy says, until a time or until it is released."""
    if until and for_:
        raise InvalidInputError("--until and --for say the same twice.", advice="Give one of them, or none.")
    with opened() as application:
        expires = _later(application.clock.now(), for_) if for_ else _time(until)
        held = application.holds.hold(ProfileId(profile), point, reason=reason, owner=who(), expires=expires)
    show(as_json, hold_document(held), lambda: _hold_view(held))


def _later(now: datetime, text: str) -> datetime:
    try:
        return now + parsed_duration(text)
    except OverflowError:
        raise InvalidInputError(
            f"{text} is longer than the calendar.", advice="Give no end to hold until it is released."
        ) from None


def _time(text: str) -> datetime | None:
    if not text:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise InvalidInputError(
            f"{text!r} is not a time.", advice="Write it like 2027-01-31 or 2027-01-31T18:00+01:00."
        ) from None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def release(
    profile: ProfileArgument,
    point: PointArgument,
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Why it may go; for the record.")] = "",
    as_json: Json = False,
) -> None:
    """End the hold on a restore point: the retention policy decides about it from now on."""
    with opened() as application:
        held = application.holds.release(ProfileId(profile), point, by=who(), reason=reason)
    show(as_json, hold_document(held), lambda: fields((("released", held.point.run_id),)))


def holds(profile: ProfileArgument, as_json: Json = False) -> None:
    """List the holds on a profile's restore points."""
    with opened() as application:
        found = application.holds.list(ProfileId(profile))
    show(as_json, {"items": [hold_document(held) for held in found]}, lambda: _holds_table(found))


def _hold_view(held: "HeldPoint") -> "RenderableType":
    return fields(
        (
            ("held", held.point.run_id),
            ("until", time_text(held.hold.expires) if held.hold.expires else "it is released"),
            ("reason", held.hold.reason),
            ("by", held.hold.owner),
        )
    )


def _holds_table(found: "Sequence[HeldPoint]") -> "RenderableType":
    rows = (
        (
            held.point.run_id,
            held.point.seq,
            yes_no(held.active),
            time_text(held.hold.expires) if held.hold.expires else "released",
            held.hold.owner,
            held.hold.reason,
        )
        for held in found
    )
    return table(("POINT", "SEQ>", "HOLDS", "UNTIL", "BY", "REASON"), rows, empty="No point is held.")
