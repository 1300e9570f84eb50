"""Small, valid domain values for contract tests, and a clock that they set."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import shake_256

from bckcore.domain.act import Act, ActKind
from bckcore.domain.due import ScheduleState
from bckcore.domain.file_version import EntryKind, FileEntry
from bckcore.domain.filters import FilterOptions
from bckcore.domain.hold import Hold
from bckcore.domain.holder import Holder
from bckcore.domain.host import Host
from bckcore.domain.ids import HostId, JobId, ProfileId, RunId, SecretRef, SourceName
from bckcore.domain.job import Job, JobKind
from bckcore.domain.login import Login
from bckcore.domain.paths import rel_path
from bckcore.domain.presence import Presence
from bckcore.domain.profile import Profile
from bckcore.domain.restore_point import Counted, RestorePoint
from bckcore.domain.retention import RetentionPolicy
from bckcore.domain.run import Attempt, ChangeCounts, Run, RunOutcome
from bckcore.domain.schedule import Schedule
from bckcore.domain.source import Source
from bckcore.domain.transfer import TransferOptions

START = datetime(2026, 1, 5, 12, 0, 0, 123456, tzinfo=UTC)


class StepClock:
    """A Clock that only moves by :meth:`advance`; waiting moves it too."""

    def __init__(self) -> None:
        self._passed = timedelta(0)

    def now(self) -> datetime:
        """Start time plus what has passed."""
        return START + self._passed

    def monotonic(self) -> float:
        """Seconds passed."""
        return self._passed.total_seconds()

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self._passed += timedelta(seconds=seconds)

    def wait(self, seconds: float, *, until: Callable[[], bool]) -> bool:
        """Let the time pass unless the condition holds."""
        if not until():
            self.advance(seconds)
        return until()


def sample_host(name: str = "pc1") -> Host:
    """A host with every field set to something of its own."""
    return Host(
        id=HostId(name),
        address="192.0.2.7",
        port=2222,
        user="saver",
        transport="rsync-ssh",
        login=Login.OWN_KEY,
        key=SecretRef(f"host/{name}/key"),
        gate="/opt/bck-gate/bin/bck-gate",
        host_keys=("ssh-ed25519 AAAA", "ecdsa-sha2-nistp256 BBBB"),
        allowed_roots=("/home/u", "/srv/ü"),
        owners=("anna", "zoe"),
        quota_bytes=2**41,
        quota_inodes=3_000_000_000,
    )


def sample_profile(name: str = "docs", host: str = "pc1") -> Profile:
    """A profile with every field set to something of its own."""
    return Profile(
        id=ProfileId(name),
        host=HostId(host),
        sources=(
            Source(name=SourceName("docs"), path="/home/u/docs"),
            Source(name=SourceName("pics"), path="/home/u/pics"),
        ),
        excludes=("*.tmp", "!keep.tmp", "/ü ü"),
        filters=FilterOptions(presets=("caches@1",), bckignore=True, skip_caches=True, max_size=4 << 30),
        retention=RetentionPolicy(
            keep_last=3,
            keep_hourly=4,
            keep_daily=5,
            keep_weekly=6,
            keep_monthly=7,
            keep_yearly=8,
            keep_within=timedelta(days=2, microseconds=1),
            min_age=timedelta(hours=9),
            time_zone="Europe/Rome",
        ),
        schedule=Schedule(
            cron="30 2 * * mon-fri",
            windows=("mon-fri 01:00-09:00", "sat"),
            blackouts=("22:00-02:00",),
            jitter=timedelta(minutes=20, microseconds=1),
            only_on_mains=True,
            only_unmetered=True,
            only_idle=True,
        ),
        bandwidth_plan=("mon-fri 08:00-18:00=2M", "22:00-06:00=0"),
        fresh_within=timedelta(days=3, microseconds=1),
        options=TransferOptions(compress=True, bandwidth_limit=10_000_000, total_timeout=7_200, attempts=5),
        enabled=False,
        created=START,
    )


def sample_state(profile: str = "docs") -> ScheduleState:
    """What a schedule remembers, with every field set to something of its own."""
    return ScheduleState(
        profile=ProfileId(profile),
        answered=START,
        due_since=START + timedelta(hours=1),
        tries=3,
        failures=2,
        job=JobId("job-7"),
        last_try=START + timedelta(hours=2),
        next_try=START + timedelta(hours=3),
        offline_since=START + timedelta(hours=4),
        note="pc1 does not answer – ü",
        stale_since=START + timedelta(hours=5),
    )


def sample_presence(host: str = "pc1") -> Presence:
    """A sign of life with every field set to something of its own."""
    return Presence(
        host=HostId(host),
        at=START,
        expires=START + timedelta(minutes=10),
        since=START - timedelta(minutes=7),
        awake=False,
        on_mains=True,
        unmetered=False,
        idle=None,
    )


def sample_run(seq: int, profile: str = "docs") -> Run:
    """A run that goes on."""
    return Run(
        id=RunId(f"20260105T120000Z-{seq:08x}" if profile == "docs" else f"{profile}-{seq}"),
        profile=ProfileId(profile),
        host=HostId("pc1"),
        job=JobId(f"job-{seq}"),
        seq=seq,
        started=START + timedelta(minutes=seq),
    )


def ended_run(run: Run) -> Run:
    """The same run, over, with every field set to something of its own."""
    attempt = Attempt(
        source=SourceName("docs"),
        number=1,
        started=START,
        finished=START + timedelta(seconds=3.5),
        error_code="transfer-interrupted",
        error="The connection broke.",
    )
    counts = ChangeCounts(files=7, bytes=2**40, added=1, changed=2, gone=3)
    over = run.ended(RunOutcome.PARTIAL, START + timedelta(hours=1))
    over = replace(over, counts=counts, made_point=True, problem_count=4, error_code="x", error="y")
    return over.with_attempt(attempt)


def sample_point(seq: int, profile: str = "docs") -> RestorePoint:
    """The point of :func:`sample_run`."""
    at = START + timedelta(minutes=seq)
    return RestorePoint(
        profile=ProfileId(profile),
        run_id=sample_run(seq, profile).id,
        seq=seq,
        outcome=RunOutcome.SUCCEEDED,
        counted=Counted.WEAK,
        started=at,
        finished=at + timedelta(seconds=1),
        verified_at=at + timedelta(seconds=1),
        counts=ChangeCounts(files=seq, bytes=2**41 + seq),
    )


def sample_act(number: int, profile: str = "docs") -> Act:
    """An act with every field set to something of its own."""
    return Act(
        profile=ProfileId(profile),
        host=HostId("pc1"),
        number=number,
        kind=ActKind.FORGET,
        at=START + timedelta(minutes=number),
        by="zoë",
        reason="not\nours",
        after_seq=number + 1,
        points=(1, number + 7),
        paths=((SourceName("docs"), rel_path(b"a \n\xff/b")),),
        expires=START + timedelta(days=number),
        previous=f"{number:064x}",
    )


def sample_hold(seq: int, profile: str = "docs") -> Hold:
    """A hold with every field set to something of its own."""
    return Hold(
        profile=ProfileId(profile),
        seq=seq,
        reason=f"why {seq} – ünsicher",
        owner="zoë",
        created=START + timedelta(minutes=seq),
        expires=START + timedelta(days=seq),
    )


def sample_job(
    name: str,
    kind: JobKind = JobKind.BACKUP,
    profile: str = "docs",
    host: str = "pc1",
    key: str = "",
    at: datetime = START,
    number: int = 3,
    by: str = "anna",
) -> Job:
    """A queued job; ``number`` is part of its payload."""
    return Job(
        id=JobId(name),
        kind=kind,
        profile=ProfileId(profile),
        host=HostId(host),
        requested_by=by,
        created=at,
        payload={"point": "latest", "paths": ["a", "ü"], "number": number, "nested": {"yes": True}},
        idempotency_key=key,
    )


def sample_holder(pid: int = 4711) -> Holder:
    """A process of another machine."""
    return Holder(machine="m", boot="b", space="pid:[1]", pid=pid, started=99, host_name="elsewhere")


def sample_entry(path: bytes, number: int = 0, kind: EntryKind = EntryKind.FILE) -> FileEntry:
    """An entry whose fields all depend on ``number``."""
    is_file = kind is EntryKind.FILE
    return FileEntry(
        path=rel_path(path),
        kind=kind,
        mode=0o4000 + number % 0o1000,
        uid=2**31 + number,
        gid=number,
        mtime_ns=1_700_000_000_123_456_789 + (-1) ** number * number * 10**18,
        size=2**40 + number if is_file else 0,
        target=b"\xff\0 target" if kind is EntryKind.LINK else b"",
        digest=bytes([number % 256]) * 16 if is_file and number % 2 else b"",
    )


def long_path(length: int, name: bytes = b"x") -> bytes:
    """A path of so many bytes that no compression shortens; two of them begin alike until the name."""
    folders = bytes(byte if byte not in b"\0/." else 255 for byte in shake_256(b"a path").digest(length))
    whole = b"/".join(folders[start : start + 199] for start in range(0, length, 199))
    return whole[: length - len(name) - 1].rstrip(b"/").ljust(length - len(name) - 1, b"_") + b"/" + name
