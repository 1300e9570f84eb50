"""What every UnitOfWork and its repositories promise. Subclass and give the fixture ``database``."""

# A suite asserts, as tests do.
# ruff: noqa: S101

from dataclasses import replace
from datetime import timedelta
from threading import Thread

import pytest

from bck_adapters.testkit.samples import (
    START,
    ended_run,
    sample_act,
    sample_hold,
    sample_host,
    sample_job,
    sample_point,
    sample_presence,
    sample_profile,
    sample_run,
    sample_state,
)
from bckcore.domain.access import Role, SecondFactor, User
from bckcore.domain.due import ScheduleState
from bckcore.domain.ids import HostId, ProfileId, RunId
from bckcore.domain.job import JobResult, JobStatus
from bckcore.domain.schedule import Schedule
from bckcore.errors import ConflictError, JobCancelledError, LeaseLostError, NotFoundError
from bckcore.plugins.registry import Database
from bckcore.ports.job_queue import Claim

DOCS = ProfileId("docs")


class _NeedsDatabase:
    @pytest.fixture
    def database(self) -> Database:
        """A fresh, migrated database; its clock may be any."""
        raise NotImplementedError


class UnitOfWorkContract(_NeedsDatabase):
    """Transactions."""

    def test_leaving_without_commit_rolls_back(self, database: Database) -> None:
        with database.units() as uow:
            uow.hosts.add(sample_host())
            uow.catalog.forget_profile(DOCS)
        with database.units(read_only=True) as uow:
            assert list(uow.hosts.list()) == []

    def test_an_exception_rolls_back_and_gets_out(self, database: Database) -> None:
        def fail_midway() -> None:
            with database.units() as uow:
                uow.hosts.add(sample_host())
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            fail_midway()
        with database.units(read_only=True) as uow:
            assert list(uow.hosts.list()) == []

    def test_a_commit_makes_everything_visible_at_once(self, database: Database) -> None:
        with database.units() as uow:
            uow.hosts.add(sample_host())
            uow.profiles.add(sample_profile())
            with database.units(read_only=True) as other:
                assert list(other.hosts.list()) == []
            uow.commit()
        with database.units(read_only=True) as uow:
            assert (len(uow.hosts.list()), len(uow.profiles.list())) == (1, 1)

    def test_a_unit_goes_on_after_its_commit(self, database: Database) -> None:
        with database.units() as uow:
            uow.hosts.add(sample_host("one"))
            uow.commit()
            uow.hosts.add(sample_host("two"))
        with database.units(read_only=True) as uow:
            assert [host.id for host in uow.hosts.list()] == ["one"]

    def test_a_read_only_unit_sees_one_frozen_state(self, database: Database) -> None:
        with database.units(read_only=True) as reader:
            with database.units() as uow:
                uow.hosts.add(sample_host())
                uow.commit()
            assert list(reader.hosts.list()) == []

    def test_a_read_only_unit_refuses_writes_and_commits(self, database: Database) -> None:
        with database.units(read_only=True) as uow:
            for step in (
                lambda: uow.hosts.add(sample_host()),
                lambda: uow.points.add(sample_point(1)),
                lambda: uow.runs.increment_removed(RunId("x")),
                lambda: uow.runs.increment_stands(RunId("x")),
                lambda: uow.holds.put(sample_hold(1)),
                lambda: uow.holds.remove(DOCS, 1),
                lambda: uow.catalog.apply(DOCS, 1, ()),
                lambda: uow.catalog.compact(DOCS, ()),
                uow.commit,
            ):
                with pytest.raises(ConflictError):
                    step()

    def test_writers_wait_for_one_another(self, database: Database) -> None:
        def add(name: str) -> None:
            with database.units() as uow:
                uow.hosts.add(sample_host(name))
                uow.commit()

        threads = [Thread(target=add, args=(f"pc{number}",)) for number in range(8)]
        with database.units() as uow:
            for thread in threads:
                thread.start()
            uow.hosts.add(sample_host("first"))
            uow.commit()
        for thread in threads:
            thread.join()
        with database.units(read_only=True) as uow:
            assert len(uow.hosts.list()) == 9

    def test_a_commit_with_a_held_claim_writes(self, database: Database) -> None:
        database.queue.enqueue(sample_job("j"))
        claim = database.queue.claim("r", lease_seconds=60)
        assert claim is not None
        with database.units() as uow:
            uow.hosts.add(sample_host())
            uow.commit(claim=claim)
        with database.units(read_only=True) as uow:
            assert len(uow.hosts.list()) == 1

    def test_a_commit_with_a_lost_claim_writes_nothing(self, database: Database) -> None:
        database.queue.enqueue(sample_job("j"))
        claim = database.queue.claim("r", lease_seconds=60)
        assert claim is not None
        database.queue.finish(claim, JobStatus.FAILED, JobResult())
        with database.units() as uow:
            uow.hosts.add(sample_host())
            with pytest.raises(LeaseLostError):
                uow.commit(claim=claim)
        with database.units(read_only=True) as uow:
            assert list(uow.hosts.list()) == []

    def test_a_lost_claim_cannot_be_held(self, database: Database) -> None:
        database.queue.enqueue(sample_job("j"))
        claim = database.queue.claim("r", lease_seconds=60)
        assert claim is not None
        database.queue.hand_back(claim)
        with database.units() as uow:
            uow.hosts.add(sample_host())
            with pytest.raises(LeaseLostError):
                uow.hold(claim)
        with database.units(read_only=True) as uow:
            assert list(uow.hosts.list()) == []

    def test_a_claim_on_a_job_that_is_to_stop_is_held_only_for_what_is_done_all_the_same(
        self, database: Database
    ) -> None:
        database.queue.enqueue(sample_job("j"))
        claim = database.queue.claim("r", lease_seconds=60)
        assert claim is not None
        with database.units() as uow:
            uow.hold(claim, wanted=True)
            uow.commit(claim=claim)
        database.queue.request_cancel(claim.job.id)
        with database.units() as uow:
            uow.hosts.add(sample_host("wanted"))
            with pytest.raises(JobCancelledError):
                uow.hold(claim, wanted=True)
        with database.units() as uow:
            uow.hosts.add(sample_host("all-the-same"))
            uow.hold(claim)
            uow.commit(claim=claim)
        with database.units(read_only=True) as uow:
            assert [host.id for host in uow.hosts.list()] == ["all-the-same"]
        database.queue.finish(claim, JobStatus.CANCELLED, JobResult())

    def test_nobody_takes_a_job_over_while_its_claim_is_held(self, database: Database) -> None:
        database.queue.enqueue(sample_job("j"))
        claim = database.queue.claim("r", lease_seconds=0)
        assert claim is not None
        taken: list[Claim | None] = []
        taker = Thread(target=lambda: taken.append(database.queue.claim("two", lease_seconds=60)))
        with database.units() as uow:
            uow.hold(claim)
            taker.start()
            taker.join(0.2)  # a taker that waits shows nothing to wait for
            assert [one for one in taken if one is not None] == []
            uow.hosts.add(sample_host())
            uow.commit(claim=claim)
        taker.join()
        with database.units(read_only=True) as uow:
            assert len(uow.hosts.list()) == 1

    def test_a_unit_that_held_a_claim_and_was_left_holds_nothing(self, database: Database) -> None:
        database.queue.enqueue(sample_job("j"))
        claim = database.queue.claim("r", lease_seconds=0)
        assert claim is not None
        with database.units() as uow:
            uow.hold(claim)
        assert database.queue.claim("two", lease_seconds=60) is not None


class RepositoriesContract(_NeedsDatabase):
    """Hosts, profiles, runs, points and users come back as they were saved."""

    def test_hosts_come_back_whole_and_by_name(self, database: Database) -> None:
        bare = replace(sample_host("a"), key=None, host_keys=(), allowed_roots=(), address="")
        with database.units() as uow:
            uow.hosts.add(sample_host("b"))
            uow.hosts.add(bare)
            assert list(uow.hosts.list()) == [bare, sample_host("b")]
            uow.hosts.update(replace(bare, port=23))
            assert uow.hosts.get(bare.id).port == 23
            uow.hosts.remove(bare.id)
            assert list(uow.hosts.list()) == [sample_host("b")]

    def test_a_taken_or_missing_host_is_told_apart(self, database: Database) -> None:
        with database.units() as uow:
            uow.hosts.add(sample_host())
            with pytest.raises(ConflictError):
                uow.hosts.add(sample_host())
            for step in (
                lambda: uow.hosts.get(HostId("none")),
                lambda: uow.hosts.update(sample_host("none")),
                lambda: uow.hosts.remove(HostId("none")),
            ):
                with pytest.raises(NotFoundError):
                    step()

    def test_a_host_stays_while_a_profile_uses_it(self, database: Database) -> None:
        with database.units() as uow:
            uow.hosts.add(sample_host())
            uow.profiles.add(sample_profile())
            with pytest.raises(ConflictError, match="The profile docs uses the host pc1"):
                uow.hosts.remove(HostId("pc1"))
            assert len(uow.hosts.list()) == 1

    def test_profiles_come_back_whole_and_by_name(self, database: Database) -> None:
        plain = replace(sample_profile("a"), excludes=(), schedule=None, enabled=True, created=None)
        with database.units() as uow:
            uow.hosts.add(sample_host())
            uow.profiles.add(sample_profile("b"))
            uow.profiles.add(plain)
            assert list(uow.profiles.list()) == [plain, sample_profile("b")]
            uow.profiles.update(replace(plain, excludes=("x",)))
            assert uow.profiles.get(plain.id).excludes == ("x",)
            with pytest.raises(ConflictError):
                uow.profiles.add(plain)

    def test_a_removed_profile_frees_host_and_name_and_leaves_its_history(self, database: Database) -> None:
        with database.units() as uow:
            uow.hosts.add(sample_host())
            uow.profiles.add(sample_profile())
            uow.runs.add(sample_run(1))
            uow.points.add(sample_point(1))
            uow.profiles.remove(DOCS)
            with pytest.raises(NotFoundError):
                uow.profiles.remove(DOCS)
            assert list(uow.profiles.list()) == []
            assert (len(uow.runs.list(DOCS)), len(uow.points.list(DOCS))) == (1, 1)
            uow.profiles.add(sample_profile())
            uow.profiles.remove(DOCS)
            uow.hosts.remove(HostId("pc1"))

    def test_a_profile_needs_its_host_and_its_name(self, database: Database) -> None:
        with database.units() as uow:
            with pytest.raises(NotFoundError):
                uow.profiles.add(sample_profile())
            uow.hosts.add(sample_host())
            for step in (
                lambda: uow.profiles.get(DOCS),
                lambda: uow.profiles.update(sample_profile()),
            ):
                with pytest.raises(NotFoundError):
                    step()

    def test_runs_come_back_whole_and_by_number(self, database: Database) -> None:
        runs = [sample_run(seq) for seq in (1, 2, 10)]
        with database.units() as uow:
            for run in reversed(runs):
                uow.runs.add(run)
            uow.runs.add(sample_run(3, profile="other"))
            assert list(uow.runs.list(DOCS)) == runs
            assert list(uow.runs.list(DOCS, after_seq=1, limit=1)) == [runs[1]]
            assert uow.runs.last(DOCS) == runs[2]
            assert uow.runs.last(ProfileId("none")) is None
            uow.runs.update(ended_run(runs[0]))
            assert uow.runs.get(runs[0].id) == ended_run(runs[0])

    def test_a_taken_or_missing_run_is_told_apart(self, database: Database) -> None:
        with database.units() as uow:
            uow.runs.add(sample_run(1))
            for taken in (
                sample_run(1),
                replace(sample_run(1), id=RunId("other")),
                replace(sample_run(1), seq=2),
            ):
                with pytest.raises(ConflictError):
                    uow.runs.add(taken)
            for step in (lambda: uow.runs.get(RunId("none")), lambda: uow.runs.update(sample_run(2))):
                with pytest.raises(NotFoundError):
                    step()

    def test_increments_stand_until_they_are_noted_as_removed(self, database: Database) -> None:
        runs = [sample_run(seq) for seq in (1, 2, 3)]
        with database.units() as uow:
            for run in runs:
                uow.runs.add(run)
            uow.runs.increment_removed(runs[1].id)
            uow.runs.increment_removed(runs[1].id)
            uow.runs.update(ended_run(runs[1]))
            assert list(uow.runs.increments(DOCS)) == [runs[0], runs[2]]
            assert list(uow.runs.increments(DOCS, after_seq=1)) == [runs[2]]
            uow.runs.increment_stands(runs[1].id)
            uow.runs.increment_stands(runs[1].id)
            assert list(uow.runs.increments(DOCS)) == [runs[0], ended_run(runs[1]), runs[2]]

    def test_points_come_back_whole_and_by_number(self, database: Database) -> None:
        with database.units() as uow:
            for seq in (10, 2, 1):
                uow.points.add(sample_point(seq))
            uow.points.add(sample_point(99, profile="other"))
            assert list(uow.points.list(DOCS)) == [sample_point(seq) for seq in (1, 2, 10)]
            assert uow.points.newest(DOCS) == sample_point(10)
            again = replace(sample_point(10), counts=sample_point(3).counts)
            uow.points.add(again)
            assert uow.points.newest(DOCS) == again
            uow.points.forget(DOCS, 10)
            uow.points.forget(DOCS, 10)
            assert uow.points.newest(DOCS) == sample_point(2)
            assert uow.points.newest(ProfileId("none")) is None

    def test_a_point_is_verified_later_and_never_earlier(self, database: Database) -> None:
        later = START + timedelta(days=1)
        with database.units() as uow:
            uow.points.add(sample_point(1))
            uow.points.verified(DOCS, 1, later)
            uow.points.verified(DOCS, 1, START)
            uow.points.verified(DOCS, 2, later)
            assert list(uow.points.list(DOCS)) == [replace(sample_point(1), verified_at=later)]

    def test_acts_come_back_whole_and_by_number(self, database: Database) -> None:
        with database.units() as uow:
            assert uow.acts.last(DOCS) == 0
            for number in (2, 1, 1):
                uow.acts.add(sample_act(number))
            assert list(uow.acts.list(DOCS)) == [sample_act(1), sample_act(2)]
            assert list(uow.acts.list(DOCS, after=1)) == [sample_act(2)]
            assert (uow.acts.last(DOCS), uow.acts.last(ProfileId("none"))) == (2, 0)
            with pytest.raises(ConflictError):
                uow.acts.add(replace(sample_act(2), reason="another"))

    def test_holds_come_back_whole_and_by_point(self, database: Database) -> None:
        lasting = replace(sample_hold(2), expires=None)
        with database.units() as uow:
            for hold in (sample_hold(10), sample_hold(2), sample_hold(1, profile="other")):
                uow.holds.put(hold)
            uow.holds.put(lasting)
            assert list(uow.holds.list(DOCS)) == [lasting, sample_hold(10)]
            uow.holds.remove(DOCS, 10)
            uow.holds.remove(DOCS, 10)
            assert list(uow.holds.list(DOCS)) == [lasting]
            assert list(uow.holds.list(ProfileId("none"))) == []

    def test_forgetting_a_profile_drops_all_that_storage_can_tell_and_nothing_else(
        self, database: Database
    ) -> None:
        with database.units() as uow:
            uow.hosts.add(sample_host())
            uow.profiles.add(sample_profile())
            for profile in ("docs", "other"):
                uow.runs.add(sample_run(1, profile))
                uow.runs.increment_removed(sample_run(1, profile).id)
                uow.points.add(sample_point(1, profile))
                uow.acts.add(sample_act(1, profile))
                uow.holds.put(sample_hold(1, profile))
            uow.catalog.forget_profile(DOCS)
            uow.runs.add(sample_run(1))
            uow.commit()
        with database.units(read_only=True) as uow:
            assert list(uow.runs.increments(DOCS)) == [sample_run(1)]
            assert (list(uow.points.list(DOCS)), list(uow.acts.list(DOCS)), list(uow.holds.list(DOCS))) == (
                [],
                [],
                [],
            )
            other = ProfileId("other")
            assert [
                list(uow.points.list(other)),
                list(uow.acts.list(other)),
                list(uow.holds.list(other)),
            ] == [
                [sample_point(1, "other")],
                [sample_act(1, "other")],
                [sample_hold(1, "other")],
            ]
            assert uow.profiles.get(DOCS) == sample_profile()

    def test_schedules_by_interval_come_back_whole(self, database: Database) -> None:
        by_interval = Schedule(every=timedelta(hours=6), blackouts=("sun",))
        plain = replace(sample_profile(), schedule=by_interval, bandwidth_plan=(), fresh_within=None)
        with database.units() as uow:
            uow.hosts.add(sample_host())
            uow.profiles.add(plain)
            assert uow.profiles.get(plain.id) == plain

    def test_what_a_schedule_remembers_comes_back_whole_and_is_replaced(self, database: Database) -> None:
        blank = ScheduleState(profile=ProfileId("blank"))
        with database.units() as uow:
            assert list(uow.schedule_states.list()) == []
            assert uow.schedule_states.get(blank.profile) == blank
            uow.schedule_states.put(sample_state())
            uow.schedule_states.put(blank)
            uow.commit()
        other = replace(sample_state(), job=None, tries=4, answered=None)
        with database.units() as uow:
            assert list(uow.schedule_states.list()) == [blank, sample_state()]
            uow.schedule_states.put(other)
            assert uow.schedule_states.get(DOCS) == other
        with database.units(read_only=True) as uow:
            assert uow.schedule_states.get(DOCS) == sample_state()
            with pytest.raises(ConflictError):
                uow.schedule_states.put(other)
            with pytest.raises(ConflictError):
                uow.schedule_states.remove(DOCS)

    def test_what_a_schedule_remembers_can_be_forgotten(self, database: Database) -> None:
        other = replace(sample_state(), profile=ProfileId("other"))
        with database.units() as uow:
            uow.schedule_states.put(sample_state())
            uow.schedule_states.put(other)
            for _ in range(2):
                uow.schedule_states.remove(DOCS)
            assert uow.schedule_states.get(DOCS) == ScheduleState(profile=DOCS)
            assert list(uow.schedule_states.list()) == [other]

    def test_signs_of_life_come_back_whole_and_are_replaced(self, database: Database) -> None:
        first = replace(sample_presence("a"), awake=True, on_mains=None, unmetered=None, idle=True)
        with database.units() as uow:
            assert uow.presences.get(HostId("pc1")) is None
            uow.presences.put(sample_presence())
            uow.presences.put(first)
            assert list(uow.presences.list()) == [first, sample_presence()]
            newer = replace(first, at=first.at + timedelta(minutes=3), idle=False)
            uow.presences.put(newer)
            assert uow.presences.get(HostId("a")) == newer
            assert len(uow.presences.list()) == 2
            uow.commit()
        with database.units(read_only=True) as uow:
            with pytest.raises(ConflictError):
                uow.presences.put(first)
            with pytest.raises(ConflictError):
                uow.presences.remove(first.host)

    def test_signs_of_life_can_be_forgotten(self, database: Database) -> None:
        with database.units() as uow:
            uow.presences.put(sample_presence("a"))
            uow.presences.put(sample_presence())
            for _ in range(2):
                uow.presences.remove(HostId("a"))
            assert list(uow.presences.list()) == [sample_presence()]

    def test_users_come_back_whole_and_by_name(self, database: Database) -> None:
        zoe = User(name="zoë", role=Role.VIEWER, password_hash="$x$", created=START)  # noqa: S106  # no password
        anna = replace(zoe, name="anna", role=Role.ADMIN)
        with database.units() as uow:
            for user in (zoe, anna):
                uow.users.add(user)
            assert list(uow.users.list()) == [anna, zoe]
            uow.users.update(replace(anna, role=Role.OPERATOR))
            assert uow.users.get("anna").role is Role.OPERATOR
            factor = SecondFactor(confirmed=True, last_step=2**33, recovery=("a", "b"))
            uow.users.update(replace(anna, second_factor=factor))
            assert uow.users.get("anna").second_factor == factor
            uow.users.update(anna)
            assert uow.users.get("anna") == anna
            uow.users.remove("anna")
            assert list(uow.users.list()) == [zoe]
            with pytest.raises(NotFoundError):
                uow.users.remove("anna")
            with pytest.raises(ConflictError):
                uow.users.add(zoe)
            for step in (lambda: uow.users.get("eve"), lambda: uow.users.update(replace(zoe, name="eve"))):
                with pytest.raises(NotFoundError):
                    step()
