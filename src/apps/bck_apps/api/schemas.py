"""Request and response bodies. What goes in is checked here for form; the core checks the sense."""

from datetime import datetime
from typing import Annotated, Any, Generic, TypeVar

from pydantic import AwareDatetime, Field, SecretStr

from bck_apps.api.schemas_base import Body, HostPassword, View
from bckcore.domain.host import Platform
from bckcore.domain.login import LONGEST_PASSWORD, Login
from bckcore.domain.push import Conflict
from bckcore.domain.ssh_trust import LONGEST_GATE

Item = TypeVar("Item")
Line = Annotated[str, Field(max_length=16384)]
"""A path (percent-encoded it is three times as long), a pattern or a public key."""
Name = Annotated[str, Field(max_length=64)]
"""Of an account."""
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


# --- health ---------------------------------------------------------------------------------------


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
    login: Login | None = Field(
        None,
        description="`key`: `private_key`; `own-key`: made on the server; `certificate`: signed by the "
        "server for minutes; `password`. A private key or password that is given says it, too.",
    )
    private_key: SecretStr | None = Field(
        None, max_length=65536, description="Private key, OpenSSH text. Write-only: it is never given out."
    )
    password: SecretStr | None = Field(
        None,
        max_length=LONGEST_PASSWORD,
        description="Of the account, to be kept; without it each start brings one. Write-only.",
    )
    gate: str = Field(
        "", max_length=LONGEST_GATE, description="Command of the gate on the host, if it has one."
    )
    allow: list[Line] = Field(
        default=[], max_length=1000, description="Folders that may be backed up; nothing else is read."
    )
    host_keys: list[Line] = Field(
        default=[], max_length=100, description="Public keys of the host, each `type base64`."
    )
    owners: list[Name] = Field(
        default=[], max_length=100, description="Accounts with role `owner` that may reach it."
    )
    trust_on_first_use: bool = Field(False, description="Pin the keys that the host shows now.")
    take_over_history: bool = Field(
        False, description="Though backups or jobs of a removed host of that name are kept."
    )
    transport: str = Field("rsync-ssh", description="Registered name of the transport.")
    platform: Platform = Field(
        Platform.POSIX, description="`posix`, `windows`, `macos`: on the last two, rules fit either case."
    )
    quota_bytes: int | None = Field(None, ge=0, le=2**62, description="Most that may be stored; 0: no limit.")
    quota_inodes: int | None = Field(None, ge=0, le=2**62, description="Most files and folders; 0: no limit.")


class HostChangeBody(Body):
    """What is to be different at a host; what is left out, or null, stays."""

    name: str | None = Field(None, description="May be repeated here; it cannot be changed.")
    address: str | None = Field(None, max_length=255, description="Name or IP address.")
    port: int | None = Field(None, ge=1, le=65535, description="TCP port of the SSH server.")
    user: str | None = Field(None, max_length=64, description="Account on the host.")
    private_key: SecretStr | None = Field(
        None, max_length=65536, description="Another private key, OpenSSH text. Write-only."
    )
    login: Login | None = Field(
        None, description="Another way in; a private key or password that is given says it, too."
    )
    password: SecretStr | None = Field(
        None,
        max_length=LONGEST_PASSWORD,
        description="Another password to be kept; empty: none is kept. Write-only.",
    )
    gate: str | None = Field(
        None, max_length=LONGEST_GATE, description="Command of the gate on the host; empty: none."
    )
    allow: list[Line] | None = Field(None, max_length=1000, description="The whole new list of folders.")
    host_keys: list[Line] | None = Field(
        None, max_length=100, description="The whole new list of public keys, each `type base64`."
    )
    owners: list[Name] | None = Field(
        None, max_length=100, description="The whole new list of accounts that it belongs to."
    )
    trust_on_first_use: bool = Field(
        False, description="Pin the keys that the host shows now instead of those that are pinned."
    )
    transport: str | None = Field(None, description="Registered name of the transport.")
    platform: Platform | None = Field(None, description="`posix`, `windows` or `macos`.")
    quota_bytes: int | None = Field(None, ge=0, le=2**62, description="Most that may be stored; 0: no limit.")
    quota_inodes: int | None = Field(None, ge=0, le=2**62, description="Most files and folders; 0: no limit.")


class HostView(View):
    """A host as saved."""

    name: str
    address: str
    port: int
    user: str
    platform: str = Field(description="`posix`, `windows` or `macos`.")
    transport: str
    allow: list[str]
    owners: list[str] = Field(description="Accounts with role `owner` that may reach it.")
    host_keys: list[str] = Field(description="Pinned public keys.")
    login: str = Field(description="`key`, `own-key`, `certificate` or `password`.")
    has_private_key: bool
    has_password: bool = Field(description="Whether one is kept; where not, each start brings it.")
    gate: str = Field(description="Command of the gate on the host; empty where none is known.")
    quota_bytes: int | None
    quota_inodes: int | None
    awaits_enrolment: bool = Field(description="Its PC is not known yet: nothing connects to it.")
    enrolment_open_until: datetime | None = Field(description="A token counts until then; null: none does.")


class TrustView(View):
    """What a host must hold so that the server is let in. Nothing of it is secret."""

    name: str
    login: str = Field(description="`key`, `own-key`, `certificate` or `password`.")
    user: str = Field(description="Account on the host.")
    authorized_keys: list[str] = Field(description="Lines of that account's `authorized_keys`.")
    keys: list[str] = Field(description="The public keys in them, each `type base64`.")
    fingerprints: list[str] = Field(description="Of these keys, `SHA256:…`.")
    principal: str = Field(description="The name in certificates for this host; empty for other logins.")
    gate: str = Field(description="Command that the lines force; empty where no gate is known.")
    allow: list[str] = Field(description="Folders that the server may read.")


class UsageView(View):
    """What all that is stored of a host takes on the disk, and how much it may."""

    bytes: int
    inodes: int = Field(description="Files and folders.")
    quota_bytes: int | None
    quota_inodes: int | None


class ProbeHost(Body):
    """How to be let in for one look."""

    password: HostPassword = None


class ListedFolder(View):
    """One allowed folder of a probed host."""

    path: str
    listed: bool = Field(description="Whether the host let us list it.")


class HostFactsView(View):
    """What probing a host found."""

    rsync_version: str
    host_key: str = Field(description="As pinned; empty for transports without one.")
    latency_ms: int
    gate: str = Field("", description="Version of the gate that guards the host; empty if none answers.")
    sources: list[ListedFolder]


# --- profiles and points --------------------------------------------------------------------------


class PointView(View):
    """One state that can be restored."""

    point: str = Field(description="Its name: the id of the run that made it.")
    seq: int = Field(description="Number of that run in the profile.")
    outcome: str = Field(description="How the run ended.")
    counted: bool = Field(description="Whether it uses up a place in the retention policy.")
    weight: str = Field(description="Why: `counted`, `weak`, `extra` or `suspect`.")
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
    password: HostPassword = None


class StartPreview(Body):
    """Ask what a backup would do."""

    profile: str = Field(description="Name of the profile.")
    password: HostPassword = None


class RestoreBody(Body):
    """What to restore, and where to."""

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


class StartRestore(RestoreBody):
    """Ask for a restore."""

    password: HostPassword = None


class PreviewRestore(RestoreBody):
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
    status: str = Field(
        description="queued, running; final: succeeded, partial, suspect, failed, cancelled, offline, "
        "held-off."
    )
    requested_by: str
    created: datetime
    started: datetime | None
    finished: datetime | None
    cancel_requested: bool
    claims: int = Field(description="How often a runner took it.")
    deaths: int = Field(description="How often its runner died or fell silent over it; power cuts left out.")
    progress: ProgressView
    result: dict[str, Any] | None = Field(description="What a finished job has to say.")
    error: ErrorView | None = Field(
        description="Why a job failed, was cancelled or met nobody; null otherwise."
    )


class Started(View):
    """The answer to a request for work."""

    created: bool = Field(description="False when an earlier request or an unfinished job answers for it.")
    password_dropped: bool = Field(
        False, description="A password was sent and not kept: the job that answers has its own, or none."
    )
    job: JobView


class LogLineView(View):
    """One line of a job's log."""

    number: int = Field(description="Counts from 1 within the job.")
    at: datetime
    level: str
    text: str
