"""Bodies about schedules, freshness and signs of life."""

from datetime import datetime
from typing import Annotated

from pydantic import Field

from bck_apps.api.schemas_base import Body, View
from bckcore.services.presence import LONGEST_MINUTES, USUAL_MINUTES

Hours = Annotated[str, Field(max_length=100, examples=["mon-fri 08:00-20:00"])]


class ScheduleBody(Body):
    """When backups are due: `every` or `cron`, one of the two."""

    every: str | None = Field(None, description="So long after the last start.", examples=["4h", "1d"])
    cron: str | None = Field(
        None,
        max_length=200,
        description="Five fields as in crontab, on the clock of the profile's time zone.",
        examples=["0 2 * * *"],
    )
    windows: list[Hours] = Field(default=[], max_length=50, description="May start then; none: always.")
    blackouts: list[Hours] = Field(default=[], max_length=50, description="Must not start then.")
    jitter: str = Field("0s", description="A host starts up to so much later.", examples=["30m"])
    only_on_mains: bool = Field(False, description="Not while the host says that it runs on its battery.")
    only_unmetered: bool = Field(False, description="Not while the host says that its network is metered.")
    only_idle: bool = Field(False, description="Not while the host says that somebody works at it.")


class ScheduleView(View):
    """A schedule as saved."""

    every: str | None
    cron: str | None
    windows: list[str]
    blackouts: list[str]
    jitter: str
    only_on_mains: bool
    only_unmetered: bool
    only_idle: bool


class PresenceBody(Body):
    """What a host says about itself; what is left out, or null, it does not know."""

    awake: bool = Field(True, description="False: it is about to sleep or to go.")
    on_mains: bool | None = Field(None, description="Whether it has mains power.")
    unmetered: bool | None = Field(None, description="Whether its network costs nothing by the byte.")
    idle: bool | None = Field(None, description="Whether nobody works at it.")
    minutes: int = Field(
        USUAL_MINUTES, ge=1, le=LONGEST_MINUTES, description="How long it counts, unless a newer one comes."
    )


class PresenceView(View):
    """A sign of life as kept."""

    host: str
    at: datetime
    expires: datetime
    since: datetime = Field(description="Since when signs have come without a gap.")
    awake: bool
    on_mains: bool | None
    unmetered: bool | None
    idle: bool | None


class StandingView(View):
    """What is due when and why, and how fresh the backups are."""

    profile: str
    host: str
    schedule: str | None = Field(description="The rule in a few words; null without one.")
    verdict: str = Field(
        description="`off`, `wait`, `blocked`, `offline`, `under-way`, `start` (at the next look)."
    )
    reason: str = Field(description="Why, in words.")
    due: datetime | None = Field(description="The due moment in question; past: due since then.")
    until: datetime | None = Field(description="When the verdict may change by itself; null: unknown.")
    health: str = Field(
        description="`ok`, `stale`, `never` (no good backup yet), `offline`, `alarm` (another host key, or "
        "what no honest PC does)."
    )
    fresh: bool | None = Field(
        description="Whether the objective is met; null without one, and while the profile is switched off."
    )
    fresh_within: str | None = Field(description="The objective.")
    fresh_until: datetime | None = Field(description="When it is missed unless a good backup comes.")
    good_at: datetime | None = Field(description="When the newest good backup ended.")
    last_try: datetime | None = Field(description="When the schedule last asked for a backup.")
    tries: int = Field(description="Tries for the present due moment.")
    offline_since: datetime | None = Field(description="Since when the host does not answer.")
    presence: PresenceView | None = Field(description="The newest sign of life that still counts.")
