"""Domain values for tests: plain ones with a few words, arbitrary ones by hypothesis."""

from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st

from bckcore.domain.file_version import EntryKind, FileEntry
from bckcore.domain.ids import HostId, JobId, ProfileId, RunId, SourceName, new_run_id
from bckcore.domain.manifest import Change, ChangeOp, ManifestInfo
from bckcore.domain.paths import ROOT, RelPath
from bckcore.domain.receipt import Receipt
from bckcore.domain.restore_point import Counted, RestorePoint
from bckcore.domain.run import ChangeCounts, Run, RunOutcome

NOW = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)


def run_id(seq: int) -> RunId:
    """The id of run ``seq``, which started ``seq`` hours into the test."""
    return new_run_id(NOW + timedelta(hours=seq), seq.to_bytes(4, "big"))


def point(
    seq: int, *, age: timedelta = timedelta(0), counted: Counted = Counted.COUNTED, now: datetime = NOW
) -> RestorePoint:
    """A restore point that was finished ``age`` ago."""
    return RestorePoint(
        profile=ProfileId("docs"),
        run_id=run_id(seq),
        seq=seq,
        outcome=RunOutcome.SUCCEEDED,
        counted=counted,
        started=now - age,
        finished=now - age,
        verified_at=now - age,
        counts=ChangeCounts(),
    )


def entry(path: bytes, kind: EntryKind = EntryKind.FILE, size: int = 1, mtime_ns: int = 7) -> FileEntry:
    """A file (or what is asked for) of mode 644 and owner 1000."""
    return FileEntry(RelPath(path), kind, 0o644, 1000, 1000, mtime_ns, size)


names = st.from_regex(r"[a-z0-9][a-z0-9._-]{0,63}", fullmatch=True)
file_names = st.binary(min_size=1, max_size=12).filter(
    lambda name: b"/" not in name and b"\0" not in name and name not in (b".", b"..")
)
rel_paths = st.one_of(
    st.just(ROOT), st.lists(file_names, min_size=1, max_size=4).map(lambda parts: RelPath(b"/".join(parts)))
)
entries = st.builds(
    FileEntry,
    path=rel_paths,
    kind=st.sampled_from(EntryKind),
    mode=st.integers(0, 0o7777),
    uid=st.integers(0, 2**32 - 1),
    gid=st.integers(0, 2**32 - 1),
    mtime_ns=st.integers(-(2**63), 2**63 - 1),
    size=st.integers(0, 2**63 - 1),
    target=st.binary(max_size=20),
    digest=st.sampled_from((b"", b"\x00" * 16, bytes(range(16)))),
)
changes = st.builds(Change, source=names.map(SourceName), op=st.sampled_from(ChangeOp), entry=entries)
times = st.datetimes(datetime(1971, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
counts = st.builds(ChangeCounts, **{name: st.integers(0, 2**60) for name in ChangeCounts.__slots__})
runs = st.builds(
    Run,
    id=st.builds(new_run_id, times, st.binary(min_size=4, max_size=4)),
    profile=names.map(ProfileId),
    host=names.map(HostId),
    job=st.text(max_size=20).map(JobId),
    seq=st.integers(1, 10**9),
    started=times,
    finished=times,
    outcome=st.sampled_from(RunOutcome),
    counts=counts,
    problem_count=st.integers(0, 10**9),
    error_code=st.text(max_size=20),
    error=st.text(max_size=40),
)
manifests = st.builds(
    ManifestInfo,
    seq=st.integers(1, 10**9),
    base=st.none() | st.integers(1, 10**9),
    sha256=st.just("ab" * 32),
    lines=st.integers(0, 10**9),
)


@st.composite
def receipts(draw: st.DrawFn) -> Receipt:
    """Any receipt that a run could leave."""
    from dataclasses import replace

    counted = draw(st.none() | st.sampled_from(Counted))
    return Receipt(
        run=replace(draw(runs), made_point=counted is not None),
        counted=counted,
        manifest=draw(st.none() | manifests),
        head=draw(st.none() | st.integers(1, 10**9)),
        depth=draw(st.integers(0, 40)),
        filters=tuple(draw(st.lists(st.text(max_size=10), max_size=3))),
        previous=draw(st.sampled_from(("", "cd" * 32))),
    )
