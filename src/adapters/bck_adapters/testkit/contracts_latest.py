"""What databases promise to whoever looks at all profiles at once. Subclass and give the fixtures."""

# A suite asserts, as tests do.
# ruff: noqa: S101

from dataclasses import replace
from datetime import timedelta

import pytest

from bck_adapters.testkit.samples import (
    START,
    ended_run,
    sample_host,
    sample_job,
    sample_point,
    sample_profile,
    sample_run,
)
from bckcore.domain.ids import JobId, ProfileId
from bckcore.domain.job import JobKind, JobResult, JobStatus
from bckcore.domain.restore_point import Counted, RestorePoint
from bckcore.domain.run import Run, RunKind, RunOutcome
from bckcore.plugins.registry import Database
from bckcore.ports.job_queue import JobQueue

A, B, C = ProfileId("a"), ProfileId("b"), ProfileId("c")
GOOD = RunOutcome.SUCCEEDED
KEY = "host-key-changed"
LATE = START + timedelta(days=9)


def counted(seq: int, profile: ProfileId) -> RestorePoint:
    """A point that counts."""
    return replace(sample_point(seq, profile), counted=Counted.COUNTED)


def ended(
    seq: int, profile: ProfileId, outcome: RunOutcome, error: str = "", kind: RunKind = RunKind.BACKUP
) -> Run:
    """A run that is over."""
    return replace(ended_run(sample_run(seq, profile)), outcome=outcome, error_code=error, kind=kind)


class LatestContract:
    """Newest points and runs of every profile."""

    @pytest.fixture
    def database(self) -> Database:
        """A fresh, migrated database; its clock may be any."""
        raise NotImplementedError

    @pytest.fixture
    def filled(self, database: Database) -> Database:
        """Three profiles, of which c has nothing, and what a removed one has left."""
        with database.units() as uow:
            uow.hosts.add(sample_host())
            for name in (C, B, A):
                uow.profiles.add(sample_profile(name))
            for profile in (A, B, ProfileId("removed")):
                for seq in (10, 2, 9):
                    uow.points.add(counted(seq, profile))
                    uow.runs.add(ended(seq, profile, GOOD))
            uow.commit()
        return database

    def test_points_are_the_newest_of_each_profile(self, filled: Database) -> None:
        with filled.units() as uow:
            uow.points.add(sample_point(11, A))
            uow.points.forget(B, 10)
            assert uow.latest.points() == {A: sample_point(11, A), B: counted(9, B)}
            assert uow.latest.point_counts() == {A: 4, B: 2}

    def test_only_the_profiles_that_are_named_are_looked_at(self, filled: Database) -> None:
        with filled.units(read_only=True) as uow:
            for named, found in (([B, C], {B}), ([C], set()), ([], set()), ([ProfileId("removed")], set())):
                assert set(uow.latest.points(named)) == found
                assert set(uow.latest.good_backups(LATE, named)) == found
                assert set(uow.latest.point_counts(named)) == found
                assert set(uow.latest.backups([GOOD], profiles=named)) == found

    def test_backups_are_the_newest_that_ended_so_or_with_that_error(self, filled: Database) -> None:
        refused = ended(12, A, RunOutcome.FAILED, KEY)
        with filled.units() as uow:
            uow.runs.add(ended(11, A, RunOutcome.PARTIAL))
            uow.runs.add(refused)
            uow.runs.add(ended(13, A, RunOutcome.FAILED, "host-unreachable"))
            uow.runs.add(ended(14, A, RunOutcome.CANCELLED))
            uow.runs.add(ended(15, A, GOOD, kind=RunKind.UNDO))
            uow.runs.add(sample_run(16, A))
            assert uow.latest.backups([GOOD]) == {name: ended(10, name, GOOD) for name in (A, B)}
            both = uow.latest.backups([GOOD, RunOutcome.PARTIAL])
            assert both == {A: ended(11, A, RunOutcome.PARTIAL), B: ended(10, B, GOOD)}
            assert uow.latest.backups([GOOD], or_errors=[KEY]) == {A: refused, B: ended(10, B, GOOD)}
            assert uow.latest.backups([], or_errors=[KEY]) == {A: refused}
            off = ended(13, A, RunOutcome.FAILED, "host-unreachable")
            assert uow.latest.backups([], or_errors={KEY, "host-unreachable"}) == {A: off}
            assert uow.latest.backups([RunOutcome.SUSPECT]) == {}

    def test_backups_that_began_after_a_moment_are_passed_over(self, filled: Database) -> None:
        with filled.units(read_only=True) as uow:
            until = START + timedelta(minutes=9)
            assert uow.latest.backups([GOOD], until=until) == {n: ended(9, n, GOOD) for n in (A, B)}
            assert uow.latest.backups([GOOD], until=START) == {}

    def test_good_backups_read_the_pc_and_have_no_error(self, filled: Database) -> None:
        """A few unreadable files make none bad; an undo reads nothing; one from the future proves nothing."""
        partly = ended(11, A, RunOutcome.PARTIAL)
        with filled.units() as uow:
            uow.runs.add(partly)
            uow.runs.add(ended(12, A, RunOutcome.PARTIAL, "much-unread"))
            uow.runs.add(ended(13, A, RunOutcome.SUSPECT, "files-missing"))
            uow.runs.add(ended(14, A, RunOutcome.FAILED, "host-unreachable"))
            uow.runs.add(ended(15, A, GOOD, kind=RunKind.UNDO))
            uow.runs.add(ended(16, A, GOOD, kind=RunKind.ACCEPT))
            uow.runs.add(sample_run(17, A))
            assert uow.latest.good_backups(LATE) == {A: partly, B: ended(10, B, GOOD)}
            until = START + timedelta(minutes=9)
            assert uow.latest.good_backups(until) == {n: ended(9, n, GOOD) for n in (A, B)}


class NewestJobsContract:
    """The newest job of each profile."""

    @pytest.fixture
    def queue(self) -> JobQueue:
        """An empty queue."""
        raise NotImplementedError

    def test_the_newest_job_of_a_kind_that_ended_so_is_told_of_each_profile(self, queue: JobQueue) -> None:
        told = (
            ("1", A, JobKind.CHECK, JobStatus.SUCCEEDED),
            ("2", A, JobKind.CHECK, JobStatus.SUSPECT),
            ("3", A, JobKind.CHECK, JobStatus.FAILED),
            ("4", A, JobKind.BACKUP, JobStatus.SUCCEEDED),
            ("5", B, JobKind.CHECK, JobStatus.SUCCEEDED),
            ("6", C, JobKind.CHECK, JobStatus.SUCCEEDED),
        )
        for name, profile, kind, status in told:
            queue.enqueue(sample_job(name, kind, profile=profile))
            claim = queue.claim("test", lease_seconds=60, only=JobId(name))
            assert claim is not None
            queue.finish(claim, status, JobResult(data={"number": name}))
        queue.enqueue(sample_job("7", JobKind.CHECK, profile=B))
        found = queue.newest(JobKind.CHECK, [JobStatus.SUCCEEDED, JobStatus.SUSPECT], [A, B, ProfileId("d")])
        assert {name: job.id for name, job in found.items()} == {A: "2", B: "5"}
        assert found[A] == queue.get(JobId("2"))
        assert queue.newest(JobKind.CHECK, [JobStatus.SUCCEEDED], []) == {}
        assert queue.newest(JobKind.PRUNE, [JobStatus.SUCCEEDED], [A]) == {}
