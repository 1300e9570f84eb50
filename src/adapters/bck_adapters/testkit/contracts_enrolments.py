"""What a repository of enrolment tokens promises. Subclass and give ``database``."""

# A suite asserts, as tests do.
# ruff: noqa: S101

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest

from bck_adapters.testkit.samples import START, sample_host
from bckcore.domain.enrolment import EnrolmentToken
from bckcore.domain.ids import EnrolmentId, HostId
from bckcore.errors import ConflictError, NotFoundError
from bckcore.plugins.registry import Database

LATER = START + timedelta(minutes=5)
NONE = EnrolmentId("none")
_AT_ONCE = 8


def sample_enrolment(name: str = "e1", host: str = "pc1") -> EnrolmentToken:
    """A token with every field set to something of its own."""
    return EnrolmentToken(
        id=EnrolmentId(name),
        host=HostId(host),
        digest=f"{name:0>64}",
        created=START,
        created_by="anna ü",
        expires=START + timedelta(minutes=15),
        replace_host_key=True,
        used=START + timedelta(minutes=1),
        revoked=START + timedelta(minutes=2),
    )


def fresh_enrolment(name: str = "e1", host: str = "pc1") -> EnrolmentToken:
    """One that nobody used or revoked yet."""
    return replace(sample_enrolment(name, host), used=None, revoked=None)


class EnrolmentContract:
    """Enrolment tokens, and hosts that wait for theirs."""

    @pytest.fixture
    def database(self) -> Database:
        """A fresh, migrated database; its clock may be any."""
        raise NotImplementedError

    def test_tokens_come_back_whole_by_host_and_time(self, database: Database) -> None:
        whole, first = sample_enrolment(host="pc2"), fresh_enrolment("e2")
        second = replace(fresh_enrolment("e0"), created=LATER, replace_host_key=False)
        with database.units() as uow:
            for one in (whole, second, first):
                uow.enrolments.add(one)
            uow.commit()
        with database.units(read_only=True) as uow:
            assert list(uow.enrolments.list()) == [first, second, whole]
            assert uow.enrolments.find(whole.id) == whole
            assert uow.enrolments.find(NONE) is None

    def test_an_id_is_given_once(self, database: Database) -> None:
        with database.units() as uow:
            uow.enrolments.add(fresh_enrolment())
            with pytest.raises(ConflictError):
                uow.enrolments.add(fresh_enrolment())

    def test_a_token_is_used_once_and_revoked_by_its_id(self, database: Database) -> None:
        with database.units() as uow:
            uow.enrolments.add(fresh_enrolment())
            assert uow.enrolments.use(EnrolmentId("e1"), LATER)
            assert not uow.enrolments.use(EnrolmentId("e1"), START)
            assert not uow.enrolments.use(NONE, START)
            uow.enrolments.revoke(EnrolmentId("e1"), START)
            assert uow.enrolments.find(EnrolmentId("e1")) == replace(
                fresh_enrolment(), used=LATER, revoked=START
            )
            with pytest.raises(NotFoundError):
                uow.enrolments.revoke(NONE, START)

    def test_of_many_that_use_it_at_once_one_wins(self, database: Database) -> None:
        with database.units() as uow:
            uow.enrolments.add(fresh_enrolment())
            uow.commit()

        def used(_: int) -> bool:
            with database.units() as uow:
                won = uow.enrolments.use(EnrolmentId("e1"), LATER)
                uow.commit()
            return won

        with ThreadPoolExecutor(_AT_ONCE) as pool:
            assert sorted(pool.map(used, range(_AT_ONCE))) == [False] * (_AT_ONCE - 1) + [True]

    def test_what_expired_long_ago_is_forgotten(self, database: Database) -> None:
        old, young = fresh_enrolment("old"), replace(fresh_enrolment("young"), expires=START + timedelta(1))
        with database.units() as uow:
            uow.enrolments.add(old)
            uow.enrolments.add(young)
            uow.enrolments.purge(old.expires + timedelta(seconds=1))
            assert list(uow.enrolments.list()) == [young]

    def test_a_host_that_waits_for_its_pc_comes_back_waiting(self, database: Database) -> None:
        waiting = replace(sample_host(), awaits_enrolment=True, host_keys=(), address="")
        with database.units() as uow:
            uow.hosts.add(waiting)
            assert uow.hosts.get(waiting.id) == waiting
            uow.hosts.update(replace(waiting, awaits_enrolment=False))
            assert not uow.hosts.get(waiting.id).awaits_enrolment

    def test_a_read_only_unit_refuses_to_write(self, database: Database) -> None:
        with database.units(read_only=True) as uow:
            for step in (
                lambda: uow.enrolments.add(fresh_enrolment()),
                lambda: uow.enrolments.revoke(NONE, START),
                lambda: uow.enrolments.use(NONE, START),
                lambda: uow.enrolments.purge(START),
            ):
                with pytest.raises(ConflictError):
                    step()
