"""The verbs `schedule`, `health` and `host presence`: what is due when and why, how fresh backups are."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from bck_apps.cli.schedule_documents import presence_document, standing_document
from bck_apps.cli.screen import Json, fields, show, table
from bck_apps.cli.session import opened
from bck_apps.cli.status import PARTIAL
from bck_apps.cli.units import time_text
from bckcore.domain.duration import duration_text
from bckcore.domain.ids import HostId, ProfileId
from bckcore.domain.presence import Presence
from bckcore.services.presence import USUAL_MINUTES, Sign
from bckcore.services.standing import Standing

if TYPE_CHECKING:
    from rich.console import RenderableType

SomeProfile = Annotated[str | None, typer.Argument(metavar="[PROFILE]", help="Only this profile.")]


def schedule(profile: SomeProfile = None, as_json: Json = False) -> None:
    """What is due when and why, for each profile."""
    found = _standings(profile)
    show(as_json, {"items": [standing_document(one) for one in found]}, lambda: _schedule_table(found))


def health(profile: SomeProfile = None, as_json: Json = False) -> None:
    """How fresh the backups of each profile are. Exit status 3 when one misses its objective, or alarms."""
    found = _standings(profile)
    show(as_json, {"items": [standing_document(one) for one in found]}, lambda: _health_table(found))
    if any(one.amiss for one in found):
        raise typer.Exit(PARTIAL)


def presence(
    host: Annotated[str, typer.Argument(metavar="HOST", help="Name of the host.")],
    awake: Annotated[bool, typer.Option("--awake/--asleep", help="It is there, or about to go.")] = True,
    on_mains: Annotated[bool | None, typer.Option("--on-mains/--on-battery", help="What it runs on.")] = None,
    unmetered: Annotated[
        bool | None, typer.Option("--unmetered/--metered", help="Whether its network costs by the byte.")
    ] = None,
    idle: Annotated[
        bool | None, typer.Option("--idle/--in-use", help="Whether somebody works at it.")
    ] = None,
    minutes: Annotated[int, typer.Option(min=1, max=120, help="How long it counts.")] = USUAL_MINUTES,
    as_json: Json = False,
) -> None:
    """Tell what a host says about itself, for some minutes; schedules go by it while it counts."""
    sign = Sign(awake=awake, on_mains=on_mains, unmetered=unmetered, idle=idle, minutes=minutes)
    with opened() as application:
        kept = application.presences.heard(HostId(host), sign)
    show(as_json, presence_document(kept), lambda: _presence_view(kept))


def _standings(profile: str | None) -> Sequence[Standing]:
    with opened() as application:
        if profile is None:
            return application.standings.all()
        return [application.standings.of(ProfileId(profile))]


def _schedule_table(found: Sequence[Standing]) -> "RenderableType":
    rows = (
        (
            one.profile.id,
            one.profile.schedule.text if one.profile.schedule else "-",
            one.decision.verdict.value,
            time_text(one.decision.due),
            time_text(one.decision.until),
            one.decision.reason,
        )
        for one in found
    )
    heads = ("PROFILE", "SCHEDULE", "STATE", "DUE", "NEXT LOOK", "WHY")
    return table(heads, rows, empty="There are no profiles.")


def _health_table(found: Sequence[Standing]) -> "RenderableType":
    rows = (
        (
            one.profile.id,
            one.health.state.value,
            time_text(one.health.good_at),
            duration_text(one.profile.fresh_within) if one.profile.fresh_within else "-",
            time_text(one.health.fresh_until),
            time_text(one.offline_since),
        )
        for one in found
    )
    heads = ("PROFILE", "HEALTH", "NEWEST GOOD", "FRESH WITHIN", "FRESH UNTIL", "OFFLINE SINCE")
    return table(heads, rows, empty="There are no profiles.")


def _presence_view(kept: Presence) -> "RenderableType":
    words = {None: "unknown", True: "yes", False: "no"}
    return fields(
        (
            ("host", kept.host),
            ("awake", words[kept.awake]),
            ("on mains", words[kept.on_mains]),
            ("unmetered", words[kept.unmetered]),
            ("idle", words[kept.idle]),
            ("counts until", time_text(kept.expires)),
        )
    )
