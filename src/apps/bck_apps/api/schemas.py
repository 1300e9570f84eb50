"""Request and response bodies. What goes in is checked here for form; the core checks the sense."""

from datetime import datetime
from typing import Annotated, Any, Generic, TypeVar

from pydantic import AwareDatetime, Field, SecretStr

from bck_apps.api.schemas_base import Body, View
from bck_apps.api.schemas_schedule import ScheduleBody, ScheduleView
from bckcore.domain.host import Platform
from bckcore.domain.push import Conflict
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


class Page(View, Generic[Item]):
    """A list, or the first part of it."""

    items: list[Item]
    next: str | None = Field(None, description="Cursor of the next part; null when there is none.")


# --- signing in and health ------------------------------------------------------------------------


class Login(Body):
    """A name and its password."""

    name: str = Field(max_length=64, description="Account name.")
    password: SecretStr = Field(max_length=1024, description="Password; never stored or logged in the clear.")


class Token(View):
    """A fresh access token."""

    access_token: str = Field(description="Send it as `Authorization: Bearer …`.")
    token_type: str = Field("bearer", description="Always `bearer`.")
    expires_at: datetime
    name: str = Field(description="Who is signed in.")
    role: str = Field(description="`admin`, `operator` or `viewer`.")


class Health(View):
    """Whether the server works."""

    status: str = Field(description="`ok`")
    version: str = Field(description="Version of the program.")


class ReadyCheck(View):
    """One thing that must hold before work makes sense."""

    name: str
    ok: bool


class Readiness(View):
    """Whether jobs can be taken and carried out; details are for the administrator, in `bck doctor`."""

    ready: bool
    checks: list[ReadyCheck]


class DatabaseView(View):
    """Where hosts, jobs and points are kept, and what endangers them. No password is in it."""

    kind: str
    address: str
    version: str
    schema_step: str
    newest_step: str
    size_bytes: int
    warnings: list[str]


# --- hosts ----------------------------------------------------------------------------------------


class HostBody(Body):
    """A new host."""

    name: str = Field(description="1 to 64 of a-z 0-9 . _ - and first a letter or digit.", examples=["pc1"])
    address: str = Field("", max_length=255, description="Name or IP address; empty for transport `local`.")
    port: int = Field(22, ge=1, le=65535, description="TCP port of the SSH server.")
    user: str = Field("backupsvc", max_length=64, description="Account on the host that may read the files.")
    private_key: SecretStr | None = Field(
        None, max_length=65536, description="Private key, OpenSSH text. Write-only: it is never given out."
    )
    allow: list[Line] = Field(
        default=[], max_length=1000, description="Folders that may be backed up; nothing else is read."
    )
    host_keys: list[Line] = Field(
        default=[], max_length=100, description="Public keys of the host, each `type base64`."
    )
    trust_on_first_use: bool = Field(False, description="Pin the keys that the host shows now.")
    transport: str = Field("rsync-ssh", description="Registered name of the transport.")
    platform: Platform = Field(
        Platform.POSIX, description="`posix`, `windows`, `macos`: on the last two, rules fit either case."
    )


class HostChangeBody(Body):
    """What is to be different at a host; what is left out, or null, stays."""

    name: str | None = Field(None, description="May be repeated here; it cannot be changed.")
    address: str | None = Field(None, max_length=255, description="Name or IP address.")
    port: int | None = Field(None, ge=1, le=65535, description="TCP port of the SSH server.")
    user: str | None = Field(None, max_length=64, description="Account on the host.")
    private_key: SecretStr | None = Field(
        None, max_length=65536, description="Another private key, OpenSSH text. Write-only."
    )
    allow: list[Line] | None = Field(None, max_length=1000, description="The whole new list of folders.")
    host_keys: list[Line] | None = Field(
        None, max_length=100, description="The whole new list of public keys, each `type base64`."
    )
    trust_on_first_use: bool = Field(
        False, description="Pin the keys that the host shows now instead of those that are pinned."
    )
    transport: str | None = Field(None, description="Registered name of the transport.")
    platform: Platform | None = Field(None, description="`posix`, `windows` or `macos`.")


class HostView(View):
    """A host as saved."""

    name: str
    address: str
    port: int
    user: str
    platform: str = Field(description="`posix`, `windows` or `macos`.")
    transport: str
    allow: list[str]
    host_keys: list[str] = Field(description="Pinned public keys.")
    has_private_key: bool


class ListedFolder(View):
    """One allowed folder of a probed host."""

    path: str
    listed: bool = Field(description="Whether the host let us list it.")


class HostFactsView(View):
    """What probing a host found."""

    rsync_version: str
    host_key: str = Field(description="As pinned; empty for transports without one.")
    latency_ms: int
    sources: list[ListedFolder]


# --- profiles and points --------------------------------------------------------------------------


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


class PointView(View):
    """One state that can be restored."""

    point: str = Field(description="Its name: the id of the run that made it.")
    seq: int = Field(description="Number of that run in the profile.")
    outcome: str = Field(description="How the run ended.")
    counted: bool = Field(description="Whether it uses up a place in the retention policy.")
    weight: str = Field(description="Why: `counted`, `weak` or `suspect`.")
    started: datetime
    finished: datetime
    verified_at: datetime = Field(description="When a run last proved that the sources still look like this.")
    files: int
    bytes: int
    added: int
    changed: int
    gone: int


class HoldBody(Body):
    """A point that must stay."""

    point: str = Field(max_length=64, description="`latest`, a point's name or number, or a time.")
    reason: str = Field(max_length=1000, description="Why it must stay, one line.")
    expires: AwareDatetime | None = Field(None, description="Until when; null: until it is released.")


class HoldView(View):
    """A hold and the point it is on."""

    point: str
    seq: int
    reason: str
    owner: str = Field(description="Who asked for it.")
    created: datetime
    expires: datetime | None
    active: bool = Field(description="False once it has expired.")


class DecisionView(View):
    """What the retention policy says about one point now."""

    point: str
    seq: int
    keep: bool
    reasons: list[str]


class PrunePlanView(Page[DecisionView]):
    """What pruning would do now."""

    forgotten: int = Field(description="How many points would go.")
    bytes_freed: int = Field(description="What the files that would go take up on the disk.")


# --- jobs -----------------------------------------------------------------------------------------


class StartBackup(Body):
    """Ask for a backup."""

    profile: str = Field(description="Name of the profile.")
    accept_missing: bool = Field(
        False, description="Take files that are missing as deleted, however many; else the run is suspect."
    )


class StartPreview(Body):
    """Ask what a backup would do."""

    profile: str = Field(description="Name of the profile.")


class StartRestore(Body):
    """Ask for a restore."""

    profile: str = Field(description="Name of the profile.")
    point: str = Field("latest", max_length=64, description="`latest`, a point's name or number, or a time.")
    to: str | None = Field(
        None, max_length=4096, description="Full path of a folder on the server; it may be no link."
    )
    to_host: bool = Field(False, description="Back to the host instead.")
    host_dir: str | None = Field(
        None,
        max_length=4096,
        description="With `to_host`: full path of a folder there; null: in place.",
    )
    conflict: Conflict | None = Field(
        None,
        description="What becomes of what is in the way: `overwrite`, `keep-both`, `skip`; null: the folder "
        "must be empty (on the host: `keep-both`).",
    )
    include_deleted: bool = Field(
        False, description="Also what was deleted before the point, as it last was."
    )
    resume: bool = Field(False, description="Go on with a restore into the same folder that was cut.")
    verify: bool = Field(False, description="Compare large files with their digests, too.")
    dry_run: bool = Field(False, description="With `to_host`: write nothing, the result lists what would be.")
    paths: list[Line] = Field(
        default=[],
        max_length=10000,
        description="`SOURCE`, `SOURCE/path` or full paths; none means everything.",
    )
    path_bytes: list[Line] = Field(
        default=[], max_length=10000, description="The same, percent-encoded, for names that are not UTF-8."
    )


class PreviewRestore(StartRestore):
    """Ask what a restore into a folder on the server would do."""

    after: int = Field(0, ge=0, description="How many paths are known already: `next` of the part before.")
    limit: int = Field(1000, ge=1, le=10000, description="How many at most.")


class ForeseenView(View):
    """What a restore would do with one path."""

    outcome: str = Field(
        description="`created`, `replaced`, `kept-both`, `adjusted`, `skipped`, `same`, `failed`."
    )
    path: str = Field(description="Source and path, for display.")
    path_bytes: str = Field(description="The same, percent-encoded.")
    kind: str | None = Field(description="`file`, `folder`, `link` or another word; null: unknown.")
    size: int | None
    problem: str | None = Field(description="Why it would fail, or is left out.")


class RestorePreview(View):
    """What a restore would do, in parts."""

    items: list[ForeseenView]
    next: str | None = Field(description="The `after` of the following part; null in the last one.")
    counts: dict[str, int] | None = Field(description="Paths by outcome, of all parts; in the last one only.")


class ProgressView(View):
    """How far a job is; null means honestly unknown."""

    phase: str = Field(description="What goes on: connecting, listing, transferring, folding, finished …")
    source: str
    source_number: int = Field(
        description="Which of the run's sources that is, from 1; 0: means nothing here."
    )
    source_count: int
    files_seen: int = Field(description="Paths of the source looked at so far, folders too.")
    files_total: int | None = Field(description="Paths that the source holds.")
    files_done: int = Field(description="Files that were sent.")
    bytes_done: int
    bytes_per_second: int | None = Field(description="Mean of the last ten seconds.")
    percent: int | None = Field(description="Of all sources; never falls within a phase.")
    eta_seconds: int | None = Field(description="Time left, as the last run took; null when unknown.")
    estimated: bool = Field(description="Total, percent or time left rest on what the last run saw.")
    current_file: str = Field(description="For display, escaped.")


class ErrorView(View):
    """Why a job did not end well."""

    code: str = Field(description="Stable, machine-readable.")
    what: str = Field(description="What happened.")
    meaning: str = Field(description="What it means.")
    advice: str = Field(description="What to do.")


class JobView(View):
    """A job."""

    job_id: str
    kind: str = Field(description="`backup`, `restore` or `prune`.")
    profile: str
    host: str
    status: str = Field(description="queued, running; final: succeeded, partial, suspect, failed, cancelled.")
    requested_by: str
    created: datetime
    started: datetime | None
    finished: datetime | None
    cancel_requested: bool
    claims: int = Field(description="How often a runner took it; more than one: a runner died over it.")
    progress: ProgressView
    result: dict[str, Any] | None = Field(description="What a finished job has to say.")
    error: ErrorView | None = Field(description="Why a job failed or was cancelled; null otherwise.")


class Started(View):
    """The answer to a request for work."""

    created: bool = Field(description="False when an earlier request or an unfinished job answers for it.")
    job: JobView


class LogLineView(View):
    """One line of a job's log."""

    number: int = Field(description="Counts from 1 within the job.")
    at: datetime
    level: str
    text: str
