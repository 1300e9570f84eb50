"""Bodies of requests and answers about profiles."""

from datetime import datetime
from typing import Annotated, TypeVar

from pydantic import Field

from bck_apps.api.schemas_base import Body, View
from bck_apps.api.schemas_schedule import ScheduleBody, ScheduleView
from bckcore.domain.transfer import LONGEST_CONNECT, LONGEST_IDLE, LONGEST_TOTAL, MOST_ATTEMPTS

Item = TypeVar("Item")
Line = Annotated[str, Field(max_length=16384)]
"""A path (percent-encoded it is three times as long), a pattern or a public key."""
Places = Annotated[
    int | None,
    Field(
        ge=0,
        le=1_000_000,
        description="Of so many hours, days, weeks, months or years that have a counted point, the newest "
        "one stays; left out: as it is, 0 at first.",
    ),
]


class SourceBody(Body):
    """One folder to back up."""

    name: str | None = Field(None, description="Name in the storage; made from the path when missing.")
    path: str = Field(max_length=4096, description="Full path on the host.", examples=["/home/u/docs"])


class ProfileBody(Body):
    """A plan: what, from where, kept how long."""

    name: str = Field(description="1 to 64 of a-z 0-9 . _ - and first a letter or digit.", examples=["docs"])
    host: str = Field(description="Name of a host that exists.")
    sources: list[SourceBody] = Field(min_length=1, max_length=1000, description="Folders; none in another.")
    excludes: list[Line] = Field(default=[], max_length=10000, description="gitignore rules.")
    presets: list[Line] | None = Field(
        None, max_length=100, description="Lists of rules, as `caches@1` or `caches`; null: as they are."
    )
    bckignore: bool | None = Field(
        None, description="Heed files called `.bckignore` on the PC; null: as it is, at first false."
    )
    skip_caches: bool | None = Field(
        None, description="Leave out folders with a signed `CACHEDIR.TAG`; null: as it is, at first false."
    )
    max_size: int | None = Field(
        None, ge=0, description="Bytes; larger files are left out. 0: no limit; null: as it is."
    )
    keep_last: int = Field(20, ge=1, le=1_000_000, description="How many counted points stay at least.")
    keep_hourly: Places = None
    keep_daily: Places = None
    keep_weekly: Places = None
    keep_monthly: Places = None
    keep_yearly: Places = None
    keep_within: str = Field(
        "7d", description="Points younger than that stay as well.", examples=["7d", "1w"]
    )
    min_age: str | None = Field(
        None, description="Nothing younger ever goes; left out: as it is, `1d` at first.", examples=["1d"]
    )
    time_zone: str | None = Field(
        None,
        max_length=64,
        description="Whose hours, days and weeks count; left out: as it is, `UTC` at first.",
        examples=["Europe/Rome"],
    )
    compress: bool = Field(False, description="Compress on the way.")
    bandwidth_limit: int | None = Field(
        None, ge=1024, le=10**12, description="Bytes per second; null for no limit."
    )
    connect_timeout: int | None = Field(
        None, ge=1, le=LONGEST_CONNECT, description="Seconds until the host must answer; left out: as it is."
    )
    idle_timeout: int | None = Field(
        None, ge=1, le=LONGEST_IDLE, description="Seconds in which something must arrive; left out: as it is."
    )
    total_timeout: int | None = Field(
        None,
        ge=0,
        le=LONGEST_TOTAL,
        description="Seconds a run may take with all retries, 0 for no limit; left out: as it is.",
    )
    attempts: int | None = Field(
        None, ge=1, le=MOST_ATTEMPTS, description="Tries for each folder; left out: as it is."
    )
    schedule: ScheduleBody | None = Field(
        None, description="When backups are due; left out: as it is; null: when somebody asks."
    )
    bandwidth_plan: list[Line] | None = Field(
        None,
        max_length=50,
        description="How fast at which times, the first line that covers a time counts; left out: as it is; "
        "null: always as `bandwidth_limit`.",
        examples=[["mon-fri 08:00-18:00=2M"]],
    )
    fresh_within: str | None = Field(
        None,
        description="How old the newest good backup may become; left out: as it is; null: no objective.",
        examples=["3d"],
    )
    enabled: bool = Field(True, description="Whether backups may be started.")
    repoint: list[Line] = Field(
        default=[],
        max_length=1000,
        description="In a change: sources that keep their names though their folder was moved.",
    )


class SourceView(View):
    """One folder that is backed up."""

    name: str
    path: str


class ProfileView(View):
    """A plan as saved."""

    name: str
    host: str
    sources: list[SourceView]
    excludes: list[str]
    presets: list[str] = Field(description="Each with its version.")
    preset_rules: list[str] = Field(description="What the presets say, before `excludes`.")
    bckignore: bool
    skip_caches: bool
    max_size: int | None = Field(description="Bytes; null for no limit.")
    keep_last: int
    keep_hourly: int
    keep_daily: int
    keep_weekly: int
    keep_monthly: int
    keep_yearly: int
    keep_within: str
    min_age: str
    time_zone: str
    compress: bool
    bandwidth_limit: int | None
    connect_timeout: int
    idle_timeout: int
    total_timeout: int | None
    attempts: int
    schedule: ScheduleView | None
    bandwidth_plan: list[str]
    fresh_within: str | None
    enabled: bool
    created: datetime | None


class PresetView(View):
    """A named list of gitignore rules."""

    preset: str = Field(description="Name and version, as `caches@1`.")
    about: str
    rules: list[str]


class ProfileRemovedView(View):
    """What stays of a profile that was removed."""

    name: str
    host: str
    runs: int = Field(description="How many runs are known; the next one goes on counting.")
    points: int = Field(description="How many restore points stay.")
    kept: list[str] = Field(description="Where its files lie, below the root of the storage.")
    advice: str = Field(description="How it comes back.")
